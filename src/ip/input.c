/* Packets on their way in: from the link's frame to a transport's datagram.
 *
 * In: what the device gave. Out: a datagram for TCP or UDP, or an ICMP error for them, as the result (no callback);
 * everything else ends here: ARP, neighbour discovery, echo and fragments are handed to their files, the rest is a
 * named drop. Nothing is kept of the packet, but what reassembly and the neighbour cache copy.
 *
 * In this order: link (is the frame for us?), header (RFC 1122, 3.2.1; RFC 8200, 3), destination (is it an address of
 * ours? this stack does not forward), source (can it be one?), fragments, extension headers, protocol. An ICMP error
 * answers what a well-meaning sender should know. */
#include "ip/ip_state.h"

static enum ip_result drop(struct ip *ip, enum la_drop why) {
    env_drop(ip->env, why);
    return IP_NOTHING;
}

/* Whether source and destination let the packet in; also tells whether it is for us alone. */
static bool addresses_ok(struct ip *ip, struct ip_rx *rx) {
    struct ip_datagram *d = rx->d;
    if (!iface_accepts(ip, d->iface, &d->dst, &d->multicast)) {
        env_drop(ip->env, LA_D_IP_NOT_OURS);
        return false;
    }
    /* A unicast packet in a broadcast frame is treated as what the frame was (RFC 1122, 3.3.6). */
    if (rx->link_multicast) d->multicast = true;
    /* IPv6's unspecified address may ask for a neighbour (RFC 4861, 4.3); ip6_input sees to it. */
    bool ok = ip_is_any(&d->src) ? !addr_is4(&d->src) : iface_source_ok(ip, d->iface, &d->src);
    if (!ok) env_drop(ip->env, LA_D_IP_SOURCE);
    return ok;
}

static enum ip_result to_transport(const struct ip *ip, const struct ip_rx *rx) {
    /* No device can verify what came in pieces. */
    rx->d->csum_done = ip->ifaces[rx->d->iface]->config.rx_csum_done && !rx->reassembled;
    return IP_DATAGRAM;
}

/* --- IPv4 --- */

static struct reass_fragment fragment4(const struct ip_rx *rx, const struct ip4_hdr *h, const uint8_t *packet) {
    struct reass_fragment f = {
        .src = h->src,
        .dst = h->dst,
        .id = h->id,
        .offset = h->frag_offset,
        .more = h->more_fragments,
        .proto = h->proto,
        .ttl = h->ttl,
        .tos = h->tos,
        .iface = rx->d->iface,
        .multicast = rx->d->multicast,
        .data = {packet + h->header_len, (size_t)h->total_len - h->header_len},
        .packet = {packet, h->total_len},
    };
    return f;
}

static enum ip_result ip4_deliver(struct ip *ip, const struct ip_rx *rx, struct ip_arrival *arrival) {
    switch (rx->d->proto) {
    case PROTO_TCP:
    case PROTO_UDP: return to_transport(ip, rx);
    case PROTO_ICMP4: return icmp4_input(ip, rx, &arrival->error);
    default:
        icmp_error_send(ip, rx->d->iface, rx->d->packet, rx->d->multicast, ICMP4_UNREACHABLE, ICMP4_PROTOCOL, 0);
        return drop(ip, LA_D_IP_PROTO);
    }
}

static enum ip_result ip4_input(struct ip *ip, struct ip_rx *rx, const uint8_t *packet, size_t len,
                                struct ip_arrival *arrival) {
    struct ip4_hdr h;
    enum ip4_result parsed = ip4_parse(packet, len, &h);
    if (parsed != IP4_OK) return drop(ip, parsed == IP4_BAD_CSUM ? LA_D_IP_CSUM : LA_D_IP_BAD);
    struct ip_datagram *d = rx->d;
    d->src = h.src;
    d->dst = h.dst;
    if (!addresses_ok(ip, rx)) return IP_NOTHING;
    if (h.more_fragments || h.frag_offset) {
        struct reass_fragment f = fragment4(rx, &h, packet);
        struct la_span whole;
        if (!reass_add(ip, &f, &whole)) return IP_NOTHING;
        rx->reassembled = true;
        packet = whole.data;
        ip4_parse(packet, whole.len, &h);
    }
    d->proto = h.proto;
    d->ttl = h.ttl;
    d->tos = h.tos;
    d->packet = (struct la_span){packet, h.total_len};
    d->data = (struct la_span){packet + h.header_len, (size_t)h.total_len - h.header_len};
    return ip4_deliver(ip, rx, arrival);
}

/* --- IPv6 --- */

/* Extension headers that cannot be passed; those that the sender should know of are answered (RFC 8200, 4.2). */
static enum ip_result chain_refused(struct ip *ip, const struct ip_rx *rx, enum ip6_result why,
                                    const struct ip6_chain *chain) {
    bool multicast = rx->d->multicast;
    uint8_t code = 0;
    switch (why) {
    case IP6_BAD_FIELD: break;
    case IP6_UNKNOWN_HEADER: code = 1; break;
    case IP6_UNKNOWN_OPTION:
        code = 2;
        /* The option's highest bits are 10: answer even what came to a group. */
        if (rx->d->packet.data[chain->bad_offset] >> 6 == 2) multicast = false;
        break;
    default: return drop(ip, LA_D_IP_EXT);
    }
    icmp_error_send(ip, rx->d->iface, rx->d->packet, multicast, ICMP6_PARAMETER, code, chain->bad_offset);
    return drop(ip, why == IP6_UNKNOWN_HEADER ? LA_D_IP_PROTO : LA_D_IP_EXT);
}

static bool fragment6(struct ip *ip, const struct ip_rx *rx, const struct ip6_chain *chain, struct la_span *whole) {
    const struct la_span *packet = &rx->d->packet;
    struct reass_fragment f = {
        .src = rx->d->src,
        .dst = rx->d->dst,
        .id = chain->frag.id,
        .offset = chain->frag.offset,
        .more = chain->frag.more,
        .proto = chain->frag.next_header,
        .ttl = rx->d->ttl,
        .tos = rx->d->tos,
        .iface = rx->d->iface,
        .multicast = rx->d->multicast,
        .data = {packet->data + chain->offset, packet->len - chain->offset},
        .packet = *packet,
    };
    return reass_add(ip, &f, whole);
}

static enum ip_result ip6_deliver(struct ip *ip, struct ip_rx *rx, struct ip_arrival *arrival) {
    struct ip_datagram *d = rx->d;
    bool solicit = d->proto == PROTO_ICMP6 && d->data.len && d->data.data[0] == ICMP6_NEIGHBOUR_SOLICIT;
    if (ip_is_any(&d->src) && !solicit) return drop(ip, LA_D_IP_SOURCE);
    switch (d->proto) {
    case PROTO_TCP:
    case PROTO_UDP: return to_transport(ip, rx);
    case PROTO_ICMP6: return icmp6_input(ip, rx, &arrival->error);
    default: return drop(ip, LA_D_IP_PROTO); /* PROTO_NONE */
    }
}

/* From the fixed header on; once more for what reassembly gives. */
static enum ip_result ip6_payload(struct ip *ip, struct ip_rx *rx, const struct ip6_hdr *h, const uint8_t *packet,
                                  struct ip_arrival *arrival) {
    struct ip_datagram *d = rx->d;
    d->ttl = h->hop_limit;
    d->tos = h->tos;
    d->packet = (struct la_span){packet, IP6_LEN + (size_t)h->payload_len};
    struct ip6_chain chain;
    enum ip6_result walked = ip6_walk(packet, d->packet.len, h, &chain);
    if (walked != IP6_OK) return chain_refused(ip, rx, walked, &chain);
    if (chain.fragment) {
        struct la_span whole;
        struct ip6_hdr again;
        if (rx->reassembled) return drop(ip, LA_D_REASS_BAD);
        if (!fragment6(ip, rx, &chain, &whole)) return IP_NOTHING;
        rx->reassembled = true;
        ip6_parse(whole.data, whole.len, &again);
        return ip6_payload(ip, rx, &again, whole.data, arrival);
    }
    d->proto = chain.proto;
    d->data = (struct la_span){packet + chain.offset, d->packet.len - chain.offset};
    return ip6_deliver(ip, rx, arrival);
}

static enum ip_result ip6_input(struct ip *ip, struct ip_rx *rx, const uint8_t *packet, size_t len,
                                struct ip_arrival *arrival) {
    struct ip6_hdr h;
    if (ip6_parse(packet, len, &h) != IP6_OK) return drop(ip, LA_D_IP_BAD);
    /* IPv4-mapped addresses are ours to stand for IPv4; on the wire they would pass for it (RFC 4942, 2.2). */
    if (addr_is4(&h.src)) return drop(ip, LA_D_IP_SOURCE);
    if (addr_is4(&h.dst)) return drop(ip, LA_D_IP_NOT_OURS);
    rx->d->src = h.src;
    rx->d->dst = h.dst;
    if (!addresses_ok(ip, rx)) return IP_NOTHING;
    return ip6_payload(ip, rx, &h, packet, arrival);
}

/* --- Link --- */

static enum ip_result eth_input(struct ip *ip, struct ip_rx *rx, const uint8_t *frame, size_t len,
                                struct ip_arrival *arrival) {
    struct reader r = reader_of(frame, len);
    struct eth_hdr h;
    if (!eth_parse(&r, &h)) return drop(ip, LA_D_ETH_SHORT);
    rx->link_multicast = h.dst[0] & 1;
    if (!rx->link_multicast && memcmp(h.dst, ip->ifaces[rx->d->iface]->config.mac, sizeof h.dst) != 0)
        return drop(ip, LA_D_ETH_NOT_OURS);
    switch (h.type) {
    case ETH_IP4: return ip4_input(ip, rx, r.at, reader_left(&r), arrival);
    case ETH_IP6: return ip6_input(ip, rx, r.at, reader_left(&r), arrival);
    case ETH_ARP: arp_input(ip, rx->d->iface, &r, h.dst); return IP_NOTHING;
    default: return drop(ip, LA_D_ETH_TYPE);
    }
}

enum ip_result ip_input(struct ip *ip, int iface, const uint8_t *packet, size_t len, struct ip_arrival *arrival) {
    if (iface < 0 || (uint32_t)iface >= ip->nifaces) return IP_NOTHING;
    queue_release(ip);
    reass_release(ip);
    struct ip_rx rx = {.d = &arrival->datagram};
    rx.d->iface = (uint16_t)iface;
    if (ip->ifaces[iface]->config.link == LA_LINK_ETHERNET) return eth_input(ip, &rx, packet, len, arrival);
    if (len == 0) return drop(ip, LA_D_IP_BAD);
    switch (packet[0] >> 4) {
    case 4: return ip4_input(ip, &rx, packet, len, arrival);
    case 6: return ip6_input(ip, &rx, packet, len, arrival);
    default: return drop(ip, LA_D_IP_BAD);
    }
}
