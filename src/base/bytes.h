/* Reading and writing network-order bytes through a cursor that cannot leave its bounds.
 *
 * A reader that runs past its end gives zeros and remembers it in `bad`; so a parser reads a whole header and asks
 * once. A writer that runs past its end writes nothing and remembers it likewise. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

static inline uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }
static inline void put16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put32(uint8_t *p, uint32_t v) {
    put16(p, (uint16_t)(v >> 16));
    put16(p + 2, (uint16_t)v);
}

struct reader {
    const uint8_t *at, *end;
    bool bad;
};

static inline struct reader reader_of(const void *data, size_t len) {
    return (struct reader){(const uint8_t *)data, (const uint8_t *)data + len, false};
}
static inline size_t reader_left(const struct reader *r) { return (size_t)(r->end - r->at); }
/* The next `n` bytes, or NULL (and bad). */
static inline const uint8_t *read_bytes(struct reader *r, size_t n) {
    if (reader_left(r) < n) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->at;
    r->at += n;
    return p;
}
static inline uint8_t read8(struct reader *r) {
    const uint8_t *p = read_bytes(r, 1);
    return p ? p[0] : 0;
}
static inline uint16_t read16(struct reader *r) {
    const uint8_t *p = read_bytes(r, 2);
    return p ? get16(p) : 0;
}
static inline uint32_t read32(struct reader *r) {
    const uint8_t *p = read_bytes(r, 4);
    return p ? get32(p) : 0;
}

struct writer {
    uint8_t *begin, *at, *end;
    bool bad;
};

static inline struct writer writer_of(void *data, size_t size) {
    return (struct writer){(uint8_t *)data, (uint8_t *)data, (uint8_t *)data + size, false};
}
static inline size_t writer_len(const struct writer *w) { return (size_t)(w->at - w->begin); }
/* Room for `n` bytes, or NULL (and bad). */
static inline uint8_t *write_room(struct writer *w, size_t n) {
    if ((size_t)(w->end - w->at) < n) {
        w->bad = true;
        return NULL;
    }
    uint8_t *p = w->at;
    w->at += n;
    return p;
}
static inline void write8(struct writer *w, uint8_t v) {
    uint8_t *p = write_room(w, 1);
    if (p) p[0] = v;
}
static inline void write16(struct writer *w, uint16_t v) {
    uint8_t *p = write_room(w, 2);
    if (p) put16(p, v);
}
static inline void write32(struct writer *w, uint32_t v) {
    uint8_t *p = write_room(w, 4);
    if (p) put32(p, v);
}
static inline void write_bytes(struct writer *w, const void *data, size_t n) {
    uint8_t *p = write_room(w, n);
    if (p && n) memcpy(p, data, n);
}

#endif
