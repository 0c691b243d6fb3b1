#include "wire/wire.h"

void wire_pseudo(struct csum *c, const struct la_addr *src, const struct la_addr *dst, uint8_t proto, uint32_t len) {
    /* The first 12 bytes of an IPv4 address are not on the wire. */
    size_t skip = la_addr_is4(dst) ? 12 : 0;
    for (size_t i = skip; i < sizeof src->bytes; i += 2) {
        csum_add16(c, get16(src->bytes + i));
        csum_add16(c, get16(dst->bytes + i));
    }
    csum_add16(c, proto);
    csum_add16(c, (uint16_t)(len >> 16));
    csum_add16(c, (uint16_t)len);
}
