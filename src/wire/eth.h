/* Ethernet II. */
#ifndef WIRE_ETH_H
#define WIRE_ETH_H

#include "wire/wire.h"

#define ETH_LEN 14
enum eth_type { ETH_IP4 = 0x0800, ETH_ARP = 0x0806, ETH_IP6 = 0x86dd };

struct eth_hdr {
    uint8_t dst[6], src[6];
    uint16_t type;
};

/* Reads the header; false when there are not ETH_LEN bytes. */
bool eth_parse(struct reader *r, struct eth_hdr *h);
void eth_build(struct writer *w, const struct eth_hdr *h);

#endif
