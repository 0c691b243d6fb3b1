/* Addresses as text.
 *
 * In: NUL-terminated text of RFC 4291, 2.2 (all three forms) or dotted IPv4; out: text of RFC 5952. Parsing is strict:
 * what inet_pton refuses is refused (leading zeros in IPv4, zones, prefixes, spaces), because an address that two
 * programs read differently is a hole. The parser looks at one byte beyond what it has understood and never past the
 * NUL; the formatter writes through a bounded cursor. ::ffff:a.b.c.d and a.b.c.d are the same address here, and the
 * shorter text is the one written. */
#include <lastack/types.h>

#include "base/bytes.h"
#include "base/mem.h"

#define GROUPS 8

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct la_addr la_addr4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    return (struct la_addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
}

bool la_addr_is4(const struct la_addr *addr) { return memcmp(addr->bytes, mapped, sizeof mapped) == 0; }

bool la_addr_equal(const struct la_addr *a, const struct la_addr *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* --- From text --- */

/* Four decimal numbers up to 255 that fill the rest of the text. */
static bool parse_dotted(const char *p, uint8_t out[4]) {
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0 && *p++ != '.') return false;
        unsigned value = 0, digits = 0;
        for (; *p >= '0' && *p <= '9'; p++, digits++) {
            if (digits > 0 && value == 0) return false;
            value = value * 10 + (unsigned)(*p - '0');
            if (value > 255) return false;
        }
        if (digits == 0) return false;
        out[i] = (uint8_t)value;
    }
    return *p == '\0';
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* One to four hexadecimal digits. Returns what follows them, or NULL. */
static const char *parse_group(const char *p, uint16_t *value) {
    unsigned v = 0, digits = 0;
    for (; hex_digit(*p) >= 0; p++, digits++) {
        if (digits == 4) return NULL;
        v = v << 4 | (unsigned)hex_digit(*p);
    }
    *value = (uint16_t)v;
    return digits > 0 ? p : NULL;
}

/* The groups of an IPv6 text, without those that "::" stands for. */
struct groups {
    uint8_t bytes[2 * GROUPS];
    unsigned count;
    int gap; /* Groups before "::", or -1. */
};

/* Takes the separator before the next group. Returns false when there is no such thing. */
static bool parse_separator(const char **text, struct groups *g) {
    const char *p = *text;
    if (p[0] == ':' && p[1] == ':') {
        if (g->gap >= 0) return false;
        g->gap = (int)g->count;
        p += 2;
    } else if (g->count > 0) {
        if (p[0] != ':' || p[1] == '\0') return false;
        p++;
    }
    *text = p;
    return true;
}

static bool parse_groups(const char *p, struct groups *g) {
    for (;;) {
        if (!parse_separator(&p, g)) return false;
        if (*p == '\0') return g->gap >= 0; /* Only "::" may end the text. */
        if (g->count == GROUPS) return false;
        uint16_t value;
        const char *next = parse_group(p, &value);
        if (!next) return false;
        if (*next == '.') {
            if (g->count > GROUPS - 2 || !parse_dotted(p, &g->bytes[2 * g->count])) return false;
            g->count += 2;
            return true;
        }
        put16(&g->bytes[2 * g->count++], value);
        if (*next == '\0') return true;
        p = next;
    }
}

static bool parse6(const char *text, struct la_addr *addr) {
    struct groups g = {.gap = -1};
    if (!parse_groups(text, &g)) return false;
    if (g.gap < 0) {
        if (g.count != GROUPS) return false;
        memcpy(addr->bytes, g.bytes, sizeof addr->bytes);
        return true;
    }
    /* "::" stands for one group of zeros at least. */
    if (g.count >= GROUPS) return false;
    size_t head = 2 * (size_t)g.gap, tail = 2 * g.count - head;
    *addr = (struct la_addr){{0}};
    memcpy(addr->bytes, g.bytes, head);
    memcpy(addr->bytes + sizeof addr->bytes - tail, g.bytes + head, tail);
    return true;
}

bool la_addr_parse(const char *text, struct la_addr *addr) {
    uint8_t b[4];
    if (parse_dotted(text, b)) {
        *addr = la_addr4(b[0], b[1], b[2], b[3]);
        return true;
    }
    return parse6(text, addr);
}

/* --- To text --- */

static void format_dotted(struct writer *w, const uint8_t *b) {
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0) write8(w, '.');
        if (b[i] >= 100) write8(w, (uint8_t)('0' + b[i] / 100));
        if (b[i] >= 10) write8(w, (uint8_t)('0' + b[i] / 10 % 10));
        write8(w, (uint8_t)('0' + b[i] % 10));
    }
}

/* Lower case, no leading zeros (RFC 5952, 4.1, 4.3). */
static void format_group(struct writer *w, uint16_t value) {
    static const char digits[] = "0123456789abcdef";
    for (unsigned shift = 16; shift > 0;) {
        shift -= 4;
        if (shift == 0 || value >> shift) write8(w, (uint8_t)digits[value >> shift & 15]);
    }
}

/* The run of zero groups that "::" stands for: the longest, of equals the first, two at least (RFC 5952, 4.2). */
static unsigned longest_zeros(const uint8_t *bytes, unsigned *length) {
    unsigned best = GROUPS, run = 0;
    *length = 1;
    for (unsigned i = 0; i < GROUPS; i++) {
        run = get16(bytes + (size_t)2 * i) == 0 ? run + 1 : 0;
        if (run > *length) {
            *length = run;
            best = i + 1 - run;
        }
    }
    return best;
}

static void format6(struct writer *w, const uint8_t *bytes) {
    unsigned length, zeros = longest_zeros(bytes, &length);
    for (unsigned i = 0; i < GROUPS; i++) {
        if (i == zeros) {
            write8(w, ':');
            i += length - 1;
            if (i == GROUPS - 1) write8(w, ':');
            continue;
        }
        if (i > 0) write8(w, ':');
        format_group(w, get16(bytes + (size_t)2 * i));
    }
}

size_t la_addr_format(const struct la_addr *addr, char *text, size_t size) {
    if (size == 0) return 0;
    struct writer w = writer_of(text, size);
    if (la_addr_is4(addr)) {
        format_dotted(&w, addr->bytes + sizeof mapped);
    } else {
        format6(&w, addr->bytes);
    }
    write8(&w, '\0');
    /* Half an address looks like another one: when it does not fit, nothing is written. */
    if (w.bad) {
        text[0] = '\0';
        return 0;
    }
    return writer_len(&w) - 1;
}
