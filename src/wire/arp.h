/* ARP for IPv4 over Ethernet (RFC 826). */
#ifndef WIRE_ARP_H
#define WIRE_ARP_H

#include "wire/wire.h"

#define ARP_LEN 28
enum arp_op { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp_msg {
    uint16_t op;
    uint8_t sender_mac[6], target_mac[6];
    struct la_addr sender, target;
};

/* False for anything but a well-formed request or reply for IPv4 over Ethernet. */
bool arp_parse(struct reader *r, struct arp_msg *m);
void arp_build(struct writer *w, const struct arp_msg *m);

#endif
