#include "wire/arp.h"

#include "wire/eth.h"

#define HARDWARE_ETHERNET 1
#define ADDR4 12 /* Where the IPv4 address is in la_addr. */

static struct la_addr addr4_at(const uint8_t *p) { return la_addr4(p[0], p[1], p[2], p[3]); }

bool arp_parse(struct reader *r, struct arp_msg *m) {
    const uint8_t *p = read_bytes(r, ARP_LEN);
    if (!p) return false;
    if (get16(p) != HARDWARE_ETHERNET || get16(p + 2) != ETH_IP4 || p[4] != 6 || p[5] != 4) return false;
    m->op = get16(p + 6);
    if (m->op != ARP_REQUEST && m->op != ARP_REPLY) return false;
    memcpy(m->sender_mac, p + 8, 6);
    m->sender = addr4_at(p + 14);
    memcpy(m->target_mac, p + 18, 6);
    m->target = addr4_at(p + 24);
    return true;
}

void arp_build(struct writer *w, const struct arp_msg *m) {
    uint8_t *p = write_room(w, ARP_LEN);
    if (!p) return;
    put16(p, HARDWARE_ETHERNET);
    put16(p + 2, ETH_IP4);
    p[4] = 6;
    p[5] = 4;
    put16(p + 6, m->op);
    memcpy(p + 8, m->sender_mac, 6);
    memcpy(p + 14, m->sender.bytes + ADDR4, 4);
    memcpy(p + 18, m->target_mac, 6);
    memcpy(p + 24, m->target.bytes + ADDR4, 4);
}
