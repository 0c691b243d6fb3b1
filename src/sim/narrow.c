/* A place on the road that large packets do not pass, and that becomes narrower or wider with time: it reports them by
 * ICMP, as a router does, or swallows them without a word, a black hole. It does not heal: the ends have to cope. */
#include <stdlib.h>
#include <string.h>

#include "node.h"

enum { ETHERNET = 14, IP4 = 20, IP6 = 40, ICMP = 8, QUOTED = 64, IP6_LEAST = 1280, ICMP6 = 58 };

struct narrow {
    struct sim_node node;
    struct sim_narrow_config config;
    struct sim_ear ear;
};

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t add(const uint8_t *data, size_t len, uint32_t sum) {
    for (size_t i = 0; i < len; i += 2) sum += (uint32_t)data[i] << 8 | (i + 1 < len ? data[i + 1] : 0);
    return sum;
}

static uint32_t finish(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static uint32_t mtu_at(const struct sim_narrow_config *config, la_time now) {
    uint32_t mtu = config->stage[0].mtu;
    for (unsigned i = 1; i < SIM_NARROW_STAGES; i++)
        if (now >= config->stage[i].from) mtu = config->stage[i].mtu;
    return mtu;
}

/* "Fragmentation needed" about the IPv4 packet `of`; its length. */
static size_t write4(uint8_t *to, const uint8_t *of, size_t len, uint32_t mtu) {
    size_t quoted = len < QUOTED ? len : QUOTED, total = IP4 + ICMP + quoted;
    memset(to, 0, IP4 + ICMP);
    to[0] = 0x45;
    put16(to + 2, (uint32_t)total);
    to[8] = 64;
    to[9] = 1;
    memcpy(to + 12, of + 16, 4); /* It speaks with the voice of the packet's destination. */
    memcpy(to + 16, of + 12, 4);
    put16(to + 10, finish(add(to, IP4, 0)));
    to[IP4] = 3;
    to[IP4 + 1] = 4;
    put16(to + IP4 + 6, mtu);
    memcpy(to + IP4 + ICMP, of, quoted);
    put16(to + IP4 + 2, finish(add(to + IP4, ICMP + quoted, 0)));
    return total;
}

/* "Packet too big" about the IPv6 packet `of`. */
static size_t write6(uint8_t *to, const uint8_t *of, size_t len, uint32_t mtu) {
    size_t quoted = len < QUOTED ? len : QUOTED, total = IP6 + ICMP + quoted;
    memset(to, 0, IP6 + ICMP);
    to[0] = 0x60;
    put16(to + 4, (uint32_t)(ICMP + quoted));
    to[6] = ICMP6;
    to[7] = 64;
    memcpy(to + 8, of + 24, 16);
    memcpy(to + 24, of + 8, 16);
    to[IP6] = 2;
    put16(to + IP6 + 6, mtu);
    memcpy(to + IP6 + ICMP, of, quoted);
    uint32_t pseudo = add(to + 8, 32, (uint32_t)(ICMP + quoted) + ICMP6);
    put16(to + IP6 + 2, finish(add(to + IP6, ICMP + quoted, pseudo)));
    return total;
}

/* A report to where the packet came from. */
static void report(const struct narrow *narrow, const struct sim_packet *packet, size_t link, uint32_t mtu) {
    uint8_t bytes[ETHERNET + IP6 + ICMP + QUOTED];
    const uint8_t *ip = packet->data + link;
    size_t len = packet->len - link;
    if (link) { /* Back to the station that sent it. */
        memcpy(bytes, packet->data + 6, 6);
        memcpy(bytes + 6, packet->data, 6);
        memcpy(bytes + 12, packet->data + 12, 2);
    }
    len = ip[0] >> 4 == 4 ? write4(bytes + link, ip, len, mtu) : write6(bytes + link, ip, len, mtu);
    narrow->config.report(narrow->config.ctx, bytes, link + len);
}

static void forward(struct sim_node *node, struct sim_packet *packet, la_time now) {
    struct narrow *narrow = (struct narrow *)node;
    size_t link = narrow->config.link == LA_LINK_ETHERNET ? ETHERNET : 0;
    uint32_t mtu = mtu_at(&narrow->config, now);
    bool v6 = packet->len > link && packet->data[link] >> 4 == 6;
    if (v6 && mtu < IP6_LEAST) mtu = IP6_LEAST;
    if (packet->len <= link + mtu) {
        sim_forward(node->next, packet, now);
        return;
    }
    narrow->ear.heard(narrow->ear.ctx, packet, "lost: too long", now);
    if (narrow->config.report) report(narrow, packet, link, mtu);
    sim_packet_free(packet);
}

static void narrow_free(struct sim_node *node) { free(node); }

struct sim_node *sim_narrow_new(const struct sim_narrow_config *config, const struct sim_ear *ear) {
    struct narrow *narrow = calloc(1, sizeof *narrow);
    if (!narrow) abort();
    narrow->node = (struct sim_node){.forward = forward, .free = narrow_free};
    narrow->config = *config;
    narrow->ear = *ear;
    return &narrow->node;
}
