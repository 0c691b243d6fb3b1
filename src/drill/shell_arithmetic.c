/* $((…)): + - * / %, signs, parentheses and C's numbers, in 64 bits. What overflows is refused. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shell_parse.h"

#define MAX_DEPTH 32
#define MAX_LENGTH 256

struct reader {
    const char *at; /* NUL-terminated. */
    unsigned depth;
    bool wrong;
};

static int64_t sum(struct reader *r);

static char peek(struct reader *r) {
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n') r->at++;
    return *r->at;
}

static int64_t number(struct reader *r) {
    char *end;
    errno = 0;
    long long value = strtoll(r->at, &end, 0);
    if (errno || end == r->at || isalnum((unsigned char)*end)) r->wrong = true;
    r->at = end;
    return value;
}

static int64_t atom(struct reader *r) {
    int64_t value = 0;
    char c = peek(r);
    if (++r->depth > MAX_DEPTH || r->wrong) {
        r->wrong = true;
    } else if (c == '(') {
        r->at++;
        value = sum(r);
        if (peek(r) != ')')
            r->wrong = true;
        else
            r->at++;
    } else if (c == '-' || c == '+') {
        r->at++;
        value = atom(r);
        if (c == '-') r->wrong |= __builtin_sub_overflow((int64_t)0, value, &value);
    } else if (isdigit((unsigned char)c)) {
        value = number(r);
    } else {
        r->wrong = true;
    }
    r->depth--;
    return value;
}

static int64_t product(struct reader *r) {
    int64_t value = atom(r);
    for (char c = peek(r); !r->wrong && (c == '*' || c == '/' || c == '%'); c = peek(r)) {
        r->at++;
        int64_t other = atom(r);
        if (r->wrong) break;
        if (c == '*')
            r->wrong = __builtin_mul_overflow(value, other, &value);
        else if (other == 0 || other == -1) /* -1 may overflow; nobody writes it. */
            r->wrong = true;
        else
            value = c == '/' ? value / other : value % other;
    }
    return value;
}

static int64_t sum(struct reader *r) {
    int64_t value = product(r);
    for (char c = peek(r); !r->wrong && (c == '+' || c == '-'); c = peek(r)) {
        r->at++;
        int64_t other = product(r);
        if (c == '+')
            r->wrong |= __builtin_add_overflow(value, other, &value);
        else
            r->wrong |= __builtin_sub_overflow(value, other, &value);
    }
    return value;
}

bool shell_arithmetic(const char *text, size_t len, int64_t *value) {
    char copy[MAX_LENGTH];
    if (len >= sizeof copy) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    struct reader r = {copy, 0, false};
    *value = sum(&r);
    return !r.wrong && peek(&r) == '\0';
}
