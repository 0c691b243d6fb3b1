#include "say.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256

static bool reserve(struct say *say, size_t more) {
    size_t room = say->room ? say->room : FIRST_ROOM;
    if (more >= SIZE_MAX / 2 - say->len) return false;
    while (room <= say->len + more) room *= 2;
    if (room == say->room) return true;
    char *text = realloc(say->text, room);
    if (!text) return false;
    say->text = text;
    say->room = room;
    return true;
}

void say(struct say *say, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = say->room - say->len;
    int len = vsnprintf(room ? say->text + say->len : NULL, room, format, args);
    if (len < 0 || ((size_t)len >= room && !reserve(say, (size_t)len))) {
        say->failed = true;
        if (room) say->text[say->len] = '\0';
    } else {
        if ((size_t)len >= room) vsnprintf(say->text + say->len, (size_t)len + 1, format, again);
        say->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

char *say_take(struct say *say) {
    char *text = say->text ? say->text : calloc(1, 1);
    if (say->failed) {
        free(text);
        text = NULL;
    }
    *say = (struct say){0};
    return text;
}

void say_free(struct say *say) {
    free(say->text);
    *say = (struct say){0};
}

/* Two units at most: what is left of the smaller one is of no interest. */
static void say_units(struct say *out, uint64_t n, uint64_t per, const char *large, const char *small) {
    say(out, "%" PRIu64 " %s", n / per, large);
    if (n % per) say(out, " %" PRIu64 " %s", n % per, small);
}

void say_time(struct say *out, la_time time) {
    uint64_t seconds = time / LA_SECOND;
    if (time == LA_NEVER) {
        say(out, "never");
    } else if (time < LA_SECOND) {
        say(out, "%" PRIu64 " ms", time / LA_MS);
    } else if (seconds < 10) {
        say(out, "%" PRIu64 ".%" PRIu64 " s", seconds, time % LA_SECOND / (100 * LA_MS));
    } else if (seconds < 120) {
        say(out, "%" PRIu64 " s", seconds);
    } else if (seconds < 3600) {
        say_units(out, seconds, 60, "min", "s");
    } else if (seconds < 86400) {
        say_units(out, seconds / 60, 60, "h", "min");
    } else {
        say_units(out, seconds / 3600, 24, "d", "h");
    }
}

bool snap_age_exact(const struct snap_age *age) { return age->most != LA_NEVER && age->most - age->least < LA_MS; }

void say_age(struct say *out, const struct snap_age *age) {
    struct say least = {0}, most = {0};
    say_time(&least, age->least);
    say_time(&most, age->most);
    bool same = least.text && most.text && !strcmp(least.text, most.text);
    if (age->most == LA_NEVER && !age->least) {
        say(out, "unknown");
    } else if (age->most == LA_NEVER) {
        say(out, "at least %s", least.text ? least.text : "?");
    } else if (same || snap_age_exact(age)) {
        say(out, "%s", least.text ? least.text : "?");
    } else {
        say(out, "%s to %s", least.text ? least.text : "?", most.text ? most.text : "?");
    }
    say_free(&least);
    say_free(&most);
}

void say_endpoint(struct say *out, const struct la_endpoint *endpoint) {
    char addr[LA_ADDR_TEXT] = "*";
    if (!snap_is_any(&endpoint->addr)) la_addr_format(&endpoint->addr, addr, sizeof addr);
    say(out, strchr(addr, ':') ? "[%s]:" : "%s:", addr);
    if (endpoint->port) {
        say(out, "%u", endpoint->port);
    } else {
        say(out, "*");
    }
}

void say_proc(struct say *out, const struct snap_proc *proc) {
    if (proc->pid > 0) {
        say(out, "%s (pid %d)", proc->program, (int)proc->pid);
    } else {
        say(out, "%s", proc->program);
    }
}

void say_count(struct say *out, uint64_t n, const char *word) {
    say(out, "%" PRIu64 " %s%s", n, word, n == 1 ? "" : "s");
}

void say_bytes(struct say *out, uint64_t bytes) {
    if (bytes < 10000) {
        say_count(out, bytes, "byte");
    } else if (bytes < 1000000) {
        say(out, "%" PRIu64 " kB", bytes / 1000);
    } else if (bytes < UINT64_C(1000000000)) {
        say(out, "%" PRIu64 ".%" PRIu64 " MB", bytes / 1000000, bytes % 1000000 / 100000);
    } else {
        say(out, "%" PRIu64 ".%" PRIu64 " GB", bytes / UINT64_C(1000000000), bytes % UINT64_C(1000000000) / 100000000);
    }
}

/* The bytes of the UTF-8 character that begins here; 0: none does (RFC 3629, 4). */
static size_t utf8_length(const unsigned char *at) {
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool beyond = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    /* U+FFFE and U+FFFF are no characters of XML. */
    bool none = at[0] == 0xef && at[1] == 0xbf && at[2] > 0xbd;
    return overlong || beyond || none ? 0 : len;
}

void say_clean(char *text) {
    for (unsigned char *at = (unsigned char *)text; *at;) {
        size_t len = utf8_length(at);
        bool high = *at == 0xc2 && at[1] < 0xa0; /* C1: some terminals obey them. */
        bool control = high || *at == 0x7f || (*at < 0x20 && *at != '\n' && *at != '\t');
        if (!len || control) *at = '?';
        at += len && !control ? len : 1;
    }
}

void say_clean_line(char *text) {
    say_clean(text);
    for (char *at = text; *at; at++)
        if (*at == '\n' || *at == '\t') *at = '?';
}
