/* What all wire modules share. A parser takes bytes and fills a struct; a builder takes a struct and writes bytes
 * through a bounded cursor. Both are pure: no state, no allocation, no time. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <lastack/types.h>

#include "base/bytes.h"
#include "base/csum.h"

enum ip_proto {
    PROTO_HOPOPTS = 0,
    PROTO_ICMP4 = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_ICMP6 = 58,
    PROTO_NONE = 59,
    PROTO_DSTOPTS = 60,
};

/* Sum of the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1). Both addresses are of one family. */
void wire_pseudo(struct csum *c, const struct la_addr *src, const struct la_addr *dst, uint8_t proto, uint32_t len);

#endif
