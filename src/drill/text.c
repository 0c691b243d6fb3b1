#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct drill_text drill_text_in(char *at, size_t size) {
    at[0] = '\0';
    return (struct drill_text){at, size, 0, false};
}

void drill_text_add(struct drill_text *text, const char *format, ...) {
    size_t room = text->size - text->len;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text->at + text->len, room, format, args);
    va_end(args);
    if (len < 0) return;
    text->cut = text->cut || (size_t)len >= room;
    text->len += (size_t)len < room ? (size_t)len : room - 1;
}

void drill_text_bytes(struct drill_text *text, const char *bytes, size_t len) {
    size_t room = text->size - text->len - 1;
    text->cut = text->cut || len > room;
    size_t n = len < room ? len : room;
    if (n > 0) memcpy(text->at + text->len, bytes, n);
    text->len += n;
    text->at[text->len] = '\0';
}
