/* Neighbour solicitations and advertisements (RFC 4861, 4.3, 4.4): the body of an icmp6_msg. */
#ifndef WIRE_ND_H
#define WIRE_ND_H

#include "wire/icmp6.h"

struct nd_msg {
    bool advert;                       /* Otherwise a solicitation. */
    bool router, solicited, override_; /* Advertisements only. */
    struct la_addr target;
    bool has_mac; /* Source (solicitation) or target (advertisement) link-layer address option. */
    uint8_t mac[6];
};

/* False when malformed (RFC 4861, 7.1). The hop limit is the caller's to check. */
bool nd_parse(const struct icmp6_msg *icmp, struct nd_msg *m);
/* The whole ICMPv6 message, checksum filled in. */
void nd_build(struct writer *w, const struct la_addr *src, const struct la_addr *dst, const struct nd_msg *m);

#endif
