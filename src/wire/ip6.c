#include "wire/ip6.h"

#define HEADERS_MAX 8
#define NEXT_HEADER_AT 6 /* In the fixed header. */

enum ip6_result ip6_parse(const uint8_t *packet, size_t len, struct ip6_hdr *h) {
    if (len < IP6_LEN || packet[0] >> 4 != 6) return IP6_BAD;
    uint32_t first = get32(packet);
    h->tos = (uint8_t)(first >> 20);
    h->flow_label = first & 0xfffff;
    h->payload_len = get16(packet + 4);
    h->next_header = packet[NEXT_HEADER_AT];
    h->hop_limit = packet[7];
    memcpy(h->src.bytes, packet + 8, sizeof h->src.bytes);
    memcpy(h->dst.bytes, packet + 24, sizeof h->dst.bytes);
    return h->payload_len <= len - IP6_LEN ? IP6_OK : IP6_BAD;
}

/* Where the walk is: `at` is the offset of the header that the byte at `named_at` names. */
struct walk {
    const uint8_t *packet;
    size_t at, end, named_at;
    struct ip6_chain *chain;
};

static enum ip6_result stop(struct walk *k, enum ip6_result why, size_t offset) {
    k->chain->bad_offset = (uint16_t)offset;
    return why;
}

/* The options of a hop-by-hop or destination options header, from its third byte to `end`. Those that nobody here knows
 * say themselves what to do (RFC 8200, 4.2). */
static enum ip6_result walk_options(struct walk *k, size_t end) {
    for (size_t at = k->at + 2; at < end;) {
        uint8_t type = k->packet[at];
        if (type == 0) { /* Pad1 */
            at++;
            continue;
        }
        if (end - at < 2 || end - at - 2 < k->packet[at + 1]) return IP6_BAD;
        switch (type >> 6) {
        case 0: break;
        case 1: return IP6_BAD;
        default: return stop(k, IP6_UNKNOWN_OPTION, at);
        }
        at += 2 + (size_t)k->packet[at + 1];
    }
    return IP6_OK;
}

/* Hop-by-hop options, routing, destination options: all begin with the next header and their length. */
static enum ip6_result walk_header(struct walk *k, uint8_t proto) {
    if (k->end - k->at < 8) return IP6_BAD;
    const uint8_t *p = k->packet + k->at;
    size_t len = 8 + 8 * (size_t)p[1];
    if (len > k->end - k->at) return IP6_BAD;
    if (proto == PROTO_ROUTING) {
        /* With segments left we would have to forward; no routing type is known here (RFC 8200, 4.4). */
        if (p[3] > 0) return stop(k, IP6_BAD_FIELD, k->at + 2);
    } else {
        enum ip6_result result = walk_options(k, k->at + len);
        if (result != IP6_OK) return result;
    }
    k->named_at = k->at;
    k->at += len;
    return IP6_OK;
}

static enum ip6_result walk_fragment(struct walk *k) {
    if (k->end - k->at < IP6_FRAG_LEN) return IP6_BAD;
    const uint8_t *p = k->packet + k->at;
    uint16_t offset = get16(p + 2);
    k->chain->fragment = true;
    k->chain->frag = (struct ip6_frag){
        .next_header = p[0],
        .offset = (uint16_t)(offset & ~7u),
        .more = offset & 1,
        .id = get32(p + 4),
    };
    k->chain->proto = PROTO_FRAGMENT;
    k->chain->offset = (uint16_t)(k->at + IP6_FRAG_LEN);
    return IP6_OK;
}

enum ip6_result ip6_walk(const uint8_t *packet, size_t len, const struct ip6_hdr *h, struct ip6_chain *chain) {
    *chain = (struct ip6_chain){0};
    struct walk k = {packet, IP6_LEN, IP6_LEN + (size_t)h->payload_len, NEXT_HEADER_AT, chain};
    if (k.end > len) return IP6_BAD;
    uint8_t proto = h->next_header;
    for (unsigned headers = 0; headers <= HEADERS_MAX; headers++) {
        bool first = k.at == IP6_LEN;
        if (proto == PROTO_FRAGMENT) return walk_fragment(&k);
        if (proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_ICMP6 || proto == PROTO_NONE) {
            chain->proto = proto;
            chain->offset = (uint16_t)k.at;
            return IP6_OK;
        }
        /* Hop-by-hop options only come first (RFC 8200, 4.1). */
        bool known = (proto == PROTO_HOPOPTS && first) || proto == PROTO_ROUTING || proto == PROTO_DSTOPTS;
        if (!known) return stop(&k, IP6_UNKNOWN_HEADER, k.named_at);
        enum ip6_result result = walk_header(&k, proto);
        if (result != IP6_OK) return result;
        proto = packet[k.named_at];
    }
    return IP6_BAD;
}

void ip6_build(struct writer *w, const struct ip6_hdr *h) {
    uint8_t *p = write_room(w, IP6_LEN);
    if (!p) return;
    put32(p, 6u << 28 | (uint32_t)h->tos << 20 | (h->flow_label & 0xfffff));
    put16(p + 4, h->payload_len);
    p[NEXT_HEADER_AT] = h->next_header;
    p[7] = h->hop_limit;
    memcpy(p + 8, h->src.bytes, sizeof h->src.bytes);
    memcpy(p + 24, h->dst.bytes, sizeof h->dst.bytes);
}
