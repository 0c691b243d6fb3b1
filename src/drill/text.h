/* Text that grows at its end in memory of fixed size, and is cut where that is full. */
#ifndef DRILL_TEXT_H
#define DRILL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct drill_text {
    char *at;
    size_t size, len; /* `len` without the NUL that always stands there. */
    bool cut;
};

/* Begins with nothing. `size` is 1 at least. */
struct drill_text drill_text_in(char *at, size_t size);
#if defined __GNUC__
__attribute__((format(printf, 2, 3)))
#endif
void drill_text_add(struct drill_text *text, const char *format, ...);
void drill_text_bytes(struct drill_text *text, const char *bytes, size_t len);

#endif
