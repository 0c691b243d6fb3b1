#include "base/siphash.h"

/* Words are read byte by byte in little-endian order, as the definition wants on every machine; compilers make a single
 * load of it where they can. */
static uint64_t get64_little(const uint8_t *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
           (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static uint64_t rotate(uint64_t x, unsigned bits) { return x << bits | x >> (64 - bits); }

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline void rounds(struct state *s, unsigned count) {
    for (; count > 0; count--) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 = rotate(s->v2, 32);
    }
}

static inline void compress(struct state *s, uint64_t word) {
    s->v3 ^= word;
    rounds(s, 2);
    s->v0 ^= word;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len) {
    struct state s = {
        key->k0 ^ 0x736f6d6570736575u,
        key->k1 ^ 0x646f72616e646f6du,
        key->k0 ^ 0x6c7967656e657261u,
        key->k1 ^ 0x7465646279746573u,
    };
    const uint8_t *p = data;
    for (size_t left = len; left >= 8; left -= 8, p += 8) compress(&s, get64_little(p));
    /* The last word: what remains, and the length's low byte on top. */
    uint64_t last = (uint64_t)(len & 0xff) << 56;
    for (unsigned i = 0; i < (len & 7); i++) last |= (uint64_t)p[i] << (8 * i);
    compress(&s, last);
    s.v2 ^= 0xff;
    rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
