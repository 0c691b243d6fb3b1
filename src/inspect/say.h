/* Text that grows. Memory that is refused leaves `failed` set and what there was before. */
#ifndef INSPECT_SAY_H
#define INSPECT_SAY_H

#include <stdbool.h>
#include <stddef.h>

#include "snap.h"

struct say {
    char *text; /* NUL-terminated once something was said; NULL before. */
    size_t len, room;
    bool failed;
};

void say(struct say *say, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text, which the caller frees; "" (allocated) where nothing was said. NULL: memory was refused. */
char *say_take(struct say *say);
void say_free(struct say *say);

/* How people write it: "12 ms", "3.4 s", "5 min 10 s", "2 h 3 min", "4 d 1 h". */
void say_time(struct say *say, la_time time);
/* The same, in words that say how sure it is: "5 min 10 s", "at least 3 s", "3 s to 12 s". */
void say_age(struct say *say, const struct snap_age *age);
/* "10.0.0.1:443", "[2001:db8::1]:443", "*:80". */
void say_endpoint(struct say *say, const struct la_endpoint *endpoint);
/* "nginx (pid 17)". */
void say_proc(struct say *say, const struct snap_proc *proc);
/* "1 connection", "12 connections": `word` is the singular of a regular noun. */
void say_count(struct say *say, uint64_t n, const char *word);
/* "17 bytes", "64 KB", "1.5 MB" */
void say_bytes(struct say *say, uint64_t bytes);

/* Replaces what is no valid UTF-8, and control characters but tab and newline, by '?', in place. */
void say_clean(char *text);
/* Those two as well: names and commands are one line. */
void say_clean_line(char *text);

#endif
