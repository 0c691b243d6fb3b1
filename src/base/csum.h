/* The Internet checksum (RFC 1071): a ones' complement sum of 16-bit words. */
#ifndef BASE_CSUM_H
#define BASE_CSUM_H

#include <stddef.h>
#include <stdint.h>

/* A running sum over bytes that come in pieces of any length and alignment. Begin with {0, 0}. */
struct csum {
    uint64_t sum;
    unsigned odd; /* 1 after an odd number of bytes. */
};

void csum_add(struct csum *c, const void *data, size_t len);
/* A 16-bit value in host order, at an even place. */
static inline void csum_add16(struct csum *c, uint16_t value) { c->sum += value; }
/* The two halves added: one step towards 16 bits. */
static inline uint64_t csum_halves(uint64_t x) { return (x & UINT32_MAX) + (x >> 32); }
static inline uint16_t csum_fold_sum(uint64_t sum) {
    sum = csum_halves(csum_halves(sum));
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}
/* The folded sum, not complemented, in host order. */
static inline uint16_t csum_fold(const struct csum *c) { return csum_fold_sum(c->sum); }
/* The value for a header's checksum field, in host order: the complement of the sum. Over a packet whose field is
 * filled in, the result is 0 when all is well. */
static inline uint16_t csum_finish(const struct csum *c) { return (uint16_t)~csum_fold(c); }
/* One piece. */
uint16_t csum_of(const void *data, size_t len);

#endif
