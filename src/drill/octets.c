#include "octets.h"

static uint32_t fold(uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

uint32_t octets_sum(const uint8_t *at, size_t len, uint32_t sum) {
    sum = fold(sum);
    for (; len > 1; at += 2, len -= 2) sum += octets_get16(at);
    if (len) sum += (uint32_t)at[0] << 8;
    return fold(sum);
}

uint32_t octets_sum_pseudo(bool ip6, const struct la_addr *src, const struct la_addr *dst, uint8_t protocol,
                           uint32_t len) {
    size_t skip = ip6 ? 0 : 12;
    uint32_t sum = protocol + (len >> 16) + (len & 0xffff);
    sum = octets_sum(src->bytes + skip, 16 - skip, sum);
    return octets_sum(dst->bytes + skip, 16 - skip, sum);
}

uint16_t octets_checksum(uint32_t sum) { return (uint16_t)~fold(sum); }
