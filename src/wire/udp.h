/* UDP (RFC 768). */
#ifndef WIRE_UDP_H
#define WIRE_UDP_H

#include "wire/wire.h"

#define UDP_LEN 8

struct udp_hdr {
    uint16_t src_port, dst_port;
    uint16_t len;  /* Header and payload. */
    uint16_t csum; /* As on the wire; 0: none (IPv4 only). */
};

/* `len` is the IP payload's; false when the header or its length does not fit in it. */
bool udp_parse(const uint8_t *data, size_t len, struct udp_hdr *h);
void udp_build(struct writer *w, const struct udp_hdr *h);

#endif
