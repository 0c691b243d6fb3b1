/* Numbers in network order, the Internet checksum (RFC 1071) and the protocol numbers that go with them. */
#ifndef DRILL_OCTETS_H
#define DRILL_OCTETS_H

#include <lastack/types.h>

enum {
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ICMP6 = 58,
    PROTO_UDPLITE = 136,
};

static inline uint16_t octets_get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static inline uint32_t octets_get32(const uint8_t *at) {
    return (uint32_t)octets_get16(at) << 16 | octets_get16(at + 2);
}

static inline void octets_put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void octets_put32(uint8_t *at, uint32_t value) {
    octets_put16(at, value >> 16);
    octets_put16(at + 2, value);
}

/* Adds `len` bytes, at most one packet's, to a running sum. An odd last byte counts as if a zero followed. */
uint32_t octets_sum(const uint8_t *at, size_t len, uint32_t sum);
/* The sum of a pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1). */
uint32_t octets_sum_pseudo(bool ip6, const struct la_addr *src, const struct la_addr *dst, uint8_t protocol,
                           uint32_t len);
/* The checksum for a sum; over data that contains its right checksum: 0. */
uint16_t octets_checksum(uint32_t sum);

#endif
