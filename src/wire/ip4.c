#include "wire/ip4.h"

#define ADDR4 12 /* Where the IPv4 address is in la_addr. */

enum { DONT_FRAGMENT = 0x4000, MORE_FRAGMENTS = 0x2000, OFFSET_MASK = 0x1fff };

static void fields_parse(const uint8_t *p, struct ip4_hdr *h) {
    uint16_t fragment = get16(p + 6);
    h->tos = p[1];
    h->id = get16(p + 4);
    h->dont_fragment = fragment & DONT_FRAGMENT;
    h->more_fragments = fragment & MORE_FRAGMENTS;
    h->frag_offset = (uint16_t)((fragment & OFFSET_MASK) * 8);
    h->ttl = p[8];
    h->proto = p[9];
    h->src = la_addr4(p[12], p[13], p[14], p[15]);
    h->dst = la_addr4(p[16], p[17], p[18], p[19]);
}

/* The checksum of a header without options: five words, as almost every packet has. */
static uint16_t plain_csum(const uint8_t *p) {
    uint64_t sum = (uint64_t)get32(p) + get32(p + 4) + get32(p + 8) + get32(p + 12) + get32(p + 16);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

enum ip4_result ip4_parse(const uint8_t *packet, size_t len, struct ip4_hdr *h) {
    if (len < IP4_LEN || packet[0] >> 4 != 4) return IP4_BAD;
    h->header_len = (uint16_t)((packet[0] & 15) * 4);
    h->total_len = get16(packet + 2);
    if (h->header_len < IP4_LEN || h->header_len > h->total_len || h->total_len > len) return IP4_BAD;
    fields_parse(packet, h);
    uint16_t sum = h->header_len == IP4_LEN ? plain_csum(packet) : csum_of(packet, h->header_len);
    return sum == 0 ? IP4_OK : IP4_BAD_CSUM;
}

void ip4_build(struct writer *w, const struct ip4_hdr *h) {
    uint8_t *p = write_room(w, IP4_LEN);
    if (!p) return;
    p[0] = 4 << 4 | IP4_LEN / 4;
    p[1] = h->tos;
    put16(p + 2, h->total_len);
    put16(p + 4, h->id);
    put16(p + 6, (uint16_t)((h->dont_fragment ? DONT_FRAGMENT : 0) | (h->more_fragments ? MORE_FRAGMENTS : 0) |
                            h->frag_offset / 8));
    p[8] = h->ttl;
    p[9] = h->proto;
    put16(p + 10, 0);
    memcpy(p + 12, h->src.bytes + ADDR4, 4);
    memcpy(p + 16, h->dst.bytes + ADDR4, 4);
    put16(p + 10, plain_csum(p));
}
