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
/* The folded sum, not complemented, in host order. */
uint16_t csum_fold(const struct csum *c);
/* The value for a header's checksum field, in host order: the complement of the sum. Over a packet whose field is
 * filled in, the result is 0 when all is well. */
uint16_t csum_finish(const struct csum *c);
/* One piece. */
uint16_t csum_of(const void *data, size_t len);

#endif
