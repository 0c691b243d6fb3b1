#include "say_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* As say() does, without the cost of a format: a document of many connections has millions of pieces. */
static void put(struct say *out, const char *text, size_t len) {
    if (out->room - out->len > len) {
        memcpy(out->text + out->len, text, len);
        out->len += len;
        out->text[out->len] = '\0';
    } else {
        say(out, "%.*s", (int)len, text);
    }
}

static void put_char(struct say *out, char c) { put(out, &c, 1); }

static void put_number(struct say *out, uint64_t n) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    put(out, digits + at, sizeof digits - at);
}

/* What comes before a value: a comma unless it is the first of its object or array, then its name. */
static void begin(struct say *out, const char *name) {
    char last = out->len ? out->text[out->len - 1] : '{';
    if (last != '{' && last != '[') put_char(out, ',');
    if (!name) return;
    put_char(out, '"');
    put(out, name, strlen(name));
    put(out, "\":", 2);
}

void say_json_open(struct say *out, const char *name, char bracket) {
    begin(out, name);
    put_char(out, bracket);
}

void say_json_open_line(struct say *out, char bracket) {
    begin(out, NULL);
    put_char(out, '\n');
    put_char(out, bracket);
}

void say_json_close(struct say *out, char bracket) { put_char(out, bracket); }

/* The length of the UTF-8 sequence that `s` begins with (RFC 3629); 0: it is none. */
static size_t sequence(const unsigned char *s) {
    static const struct {
        unsigned char first, last, low, high; /* Bounds of the first byte and of the second. */
        size_t len;
    } rows[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
                {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    if (s[0] < 0x80) return 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (s[0] < rows[i].first || s[0] > rows[i].last) continue;
        size_t n = s[1] >= rows[i].low && s[1] <= rows[i].high ? 2 : 0;
        while (n && n < rows[i].len) n = s[n] >= 0x80 && s[n] <= 0xbf ? n + 1 : 0;
        return n;
    }
    return 0;
}

static bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void say_json_text(struct say *out, const char *name, const char *text) {
    const unsigned char *s = (const unsigned char *)text;
    begin(out, name);
    if (!s) {
        put(out, "null", 4);
        return;
    }
    put_char(out, '"');
    while (*s) {
        size_t plain = 0, len;
        while (is_plain(s[plain])) plain++;
        put(out, (const char *)s, plain);
        s += plain;
        if (!*s) break;
        len = sequence(s);
        if (len > 1) {
            put(out, (const char *)s, len);
        } else if (*s == '"' || *s == '\\') {
            say(out, "\\%c", *s);
        } else {
            say(out, "\\u%04x", len ? *s : 0xfffdu);
        }
        s += len ? len : 1;
    }
    put_char(out, '"');
}

void say_json_raw(struct say *out, const char *name, const char *format, ...) {
    char text[80];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    begin(out, name);
    say(out, "%s", text);
}

void say_json_count(struct say *out, const char *name, uint64_t n) {
    begin(out, name);
    put_number(out, n);
}

void say_json_bool(struct say *out, const char *name, bool value) { say_json_raw(out, name, value ? "true" : "false"); }

void say_json_seconds(struct say *out, const char *name, la_time time) {
    char digits[] = ".000000000";
    size_t len = sizeof digits - 1;
    begin(out, name);
    if (time == LA_NEVER) {
        put(out, "null", 4);
        return;
    }
    put_number(out, time / LA_SECOND);
    for (la_time rest = time % LA_SECOND, i = 9; i; i--, rest /= 10) digits[i] = (char)('0' + rest % 10);
    while (digits[len - 1] == '0') len--;
    if (len > 1) put(out, digits, len);
}

void say_json_endpoint(struct say *out, const char *name, const struct la_endpoint *endpoint) {
    char addr[LA_ADDR_TEXT];
    la_addr_format(&endpoint->addr, addr, sizeof addr);
    say_json_open(out, name, '{');
    say_json_text(out, "address", addr);
    say_json_count(out, "port", endpoint->port);
    if (endpoint->zone) say_json_count(out, "zone", endpoint->zone);
    say_json_close(out, '}');
}

void say_json_age(struct say *out, const char *name, const struct snap_age *age) {
    say_json_open(out, name, '{');
    say_json_seconds(out, "least", age->least);
    say_json_seconds(out, "most", age->most);
    say_json_close(out, '}');
}

void say_json_place(struct say *out, const char *name, const struct la_endpoint *endpoint) {
    struct say text = {0};
    say_endpoint(&text, endpoint);
    out->failed |= text.failed;
    say_json_text(out, name, text.text);
    say_free(&text);
}
