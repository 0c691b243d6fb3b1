#include "base/csum.h"

#include "base/bytes.h"
#include "base/mem.h"

/* A ones' complement sum does not depend on the byte order that its words are read in, but for a final swap (RFC 1071,
 * 2 (B)). So words are read as the machine has them, 64 bytes a round, and only the folded sum is brought into network
 * order.
 *
 * Of the 64-bit words x the loop adds up x itself, which overflows, and x >> 32, which does not for less than 32 GiB.
 * The low halves then are what remains: low = total - (high << 32) modulo 2^64. This is one operation less than adding
 * the halves apart. The vector type is what makes this fast at any level of optimisation; where the machine has no
 * vectors, the compiler uses plain words. */
typedef uint64_t lanes __attribute__((vector_size(16)));

#define BLOCK 64

/* One chain of additions. */
struct sums {
    lanes total, high;
};

static inline void sums_add(struct sums *s, const uint8_t *p) {
    lanes x;
    memcpy(&x, p, sizeof x);
    s->total += x;
    s->high += x >> 32;
}

/* The sum of `blocks` blocks as 32-bit words of the machine's order. Two chains of additions go side by side. */
static uint64_t sum_blocks(const uint8_t *p, size_t blocks) {
    struct sums a = {{0}, {0}}, b = {{0}, {0}};
    for (; blocks > 0; blocks--, p += BLOCK) {
        sums_add(&a, p);
        sums_add(&b, p + 16);
        sums_add(&a, p + 32);
        sums_add(&b, p + 48);
    }
    lanes total = a.total + b.total, high = a.high + b.high;
    uint64_t h = high[0] + high[1];
    return csum_halves(total[0] + total[1] - (h << 32)) + csum_halves(h);
}

/* The same for what is less than a block; an odd byte at the end counts as if a zero followed. */
static uint64_t sum_rest(const uint8_t *p, size_t len) {
    uint64_t sum = 0;
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t x;
        memcpy(&x, p, sizeof x);
        sum += csum_halves(x);
    }
    if (len & 4) {
        uint32_t x;
        memcpy(&x, p, sizeof x);
        sum += x;
        p += 4;
    }
    uint16_t x = 0;
    if (len & 2) {
        memcpy(&x, p, sizeof x);
        sum += x;
        p += 2;
    }
    if (len & 1) {
        x = 0;
        memcpy(&x, p, 1);
        sum += x;
    }
    return sum;
}

static uint16_t swap(uint16_t x) { return (uint16_t)(x << 8 | x >> 8); }

/* The value of two bytes in network order that lie in memory as x does. */
static uint16_t from_network(uint16_t x) {
    uint8_t bytes[2];
    memcpy(bytes, &x, sizeof x);
    return get16(bytes);
}

void csum_add(struct csum *c, const void *data, size_t len) {
    const uint8_t *p = data;
    uint64_t sum = 0;
    if (len >= BLOCK) {
        size_t blocks = len / BLOCK;
        sum = sum_blocks(p, blocks);
        p += blocks * BLOCK;
    }
    sum += sum_rest(p, len % BLOCK);
    uint16_t piece = from_network(csum_fold_sum(sum));
    /* After an odd number of bytes, every byte of this piece stands in the other half of its word. */
    c->sum += c->odd ? swap(piece) : piece;
    c->odd ^= len & 1;
}

uint16_t csum_of(const void *data, size_t len) {
    struct csum c = {0, 0};
    csum_add(&c, data, len);
    return csum_finish(&c);
}
