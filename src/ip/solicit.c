/* Asking for MACs and answering for ours: ARP (RFC 826, RFC 5227) for IPv4, neighbour discovery (RFC 4861) for IPv6.
 *
 * What a message tells goes to the neighbour cache (neigh.c), which alone knows states. Who may tell what:
 * - a question for us makes an entry for the asker, when the asker is on the link;
 * - an answer changes an entry that there is, and never makes one (nor does a gratuitous announcement);
 * - nobody can claim one of our own addresses. */
#include "ip/ip_state.h"

#define ND_HOP_LIMIT 255 /* RFC 4861, 7.1: proves that no router has forwarded it. */

static bool mac_is_unicast(const uint8_t mac[6]) {
    static const uint8_t zero[6];
    return !(mac[0] & 1) && memcmp(mac, zero, 6) != 0;
}

static const uint8_t *own_mac(const struct ip *ip, unsigned iface) { return ip->ifaces[iface]->config.mac; }

/* An address of `iface` to ask from, in addr's family, with the longest prefix in common; NULL: none. */
static const struct la_addr *asker_address(const struct ip *ip, unsigned iface, const struct la_addr *addr) {
    const struct ip_local *best = NULL;
    for (uint32_t i = 0; i < ip->nlocals; i++) {
        const struct ip_local *local = &ip->locals[i];
        if (local->iface != iface || addr_is4(&local->addr) != addr_is4(addr)) continue;
        if (!best || addr_common(&local->addr, addr) > addr_common(&best->addr, addr)) best = local;
    }
    return best ? &best->addr : NULL;
}

/* --- ARP --- */

static void arp_send(struct ip *ip, unsigned iface, const struct arp_msg *m, const uint8_t mac_dst[6]) {
    struct ip_queued *packet = queue_packet(ip, iface, ARP_LEN);
    if (!packet) return;
    struct writer w = writer_of(packet->data + packet->ip_at, ARP_LEN);
    arp_build(&w, m);
    queue_eth(ip, iface, mac_dst, ETH_ARP, packet->data);
    queue_append(ip, packet, NULL);
}

static void arp_request(struct ip *ip, unsigned iface, const struct la_addr *addr, const uint8_t *mac) {
    static const uint8_t everyone[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const struct la_addr *sender = asker_address(ip, iface, addr);
    struct arp_msg m = {.op = ARP_REQUEST, .sender = sender ? *sender : la_addr4(0, 0, 0, 0), .target = *addr};
    memcpy(m.sender_mac, own_mac(ip, iface), 6);
    arp_send(ip, iface, &m, mac ? mac : everyone);
}

static void arp_reply(struct ip *ip, unsigned iface, const struct arp_msg *request) {
    struct arp_msg m = {.op = ARP_REPLY, .sender = request->target, .target = request->sender};
    memcpy(m.sender_mac, own_mac(ip, iface), 6);
    memcpy(m.target_mac, request->sender_mac, 6);
    arp_send(ip, iface, &m, request->sender_mac);
}

void arp_input(struct ip *ip, unsigned iface, struct reader *r, const uint8_t mac_dst[6]) {
    struct arp_msg m;
    if (!arp_parse(r, &m) || !mac_is_unicast(m.sender_mac) || ip_is_multicast(&m.sender) ||
        ip_is_local(ip, &m.sender)) {
        env_drop(ip->env, LA_D_ARP_BAD);
        return;
    }
    bool for_us = ip_is_local(ip, &m.target);
    if (!ip_is_any(&m.sender)) {
        struct neigh *n = neigh_find(ip, iface, &m.sender);
        bool solicited = m.op == ARP_REPLY && for_us && !(mac_dst[0] & 1);
        if (n) {
            neigh_answer(ip, n, m.sender_mac, solicited, true);
        } else if (for_us && m.op == ARP_REQUEST && route_on_link(ip, iface, &m.sender)) {
            neigh_learn(ip, iface, &m.sender, m.sender_mac);
        }
    }
    if (for_us && m.op == ARP_REQUEST) arp_reply(ip, iface, &m);
}

/* --- Neighbour discovery --- */

static void nd_send(struct ip *ip, unsigned iface, const struct la_addr *src, const struct la_addr *dst,
                    struct nd_msg *m) {
    uint8_t message[64];
    m->has_mac = true;
    memcpy(m->mac, own_mac(ip, iface), 6);
    struct writer w = writer_of(message, sizeof message);
    nd_build(&w, src, dst, m);
    struct ip_path path = route_direct(ip, iface, src, dst);
    struct ip_packet p;
    ip_packet_init(&p);
    ip_packet_add(&p, (struct la_span){message, writer_len(&w)});
    ip_send(ip, &path, &(struct ip_meta){.proto = PROTO_ICMP6, .ttl = ND_HOP_LIMIT}, &p);
}

static void nd_solicit(struct ip *ip, unsigned iface, const struct la_addr *addr, bool unicast) {
    const struct la_addr *src = asker_address(ip, iface, addr);
    if (!src) return;
    struct la_addr group = addr_solicited_node(addr);
    struct nd_msg m = {.target = *addr};
    nd_send(ip, iface, src, unicast ? addr : &group, &m);
}

/* RFC 4861, 7.2.4. A question from :: (somebody makes sure that he is alone) is answered to all nodes. */
static void nd_advertise(struct ip *ip, unsigned iface, const struct la_addr *target, const struct la_addr *asker) {
    static const struct la_addr all_nodes = {{0xff, 0x02, [15] = 1}};
    bool known = !ip_is_any(asker);
    struct nd_msg m = {.advert = true, .solicited = known, .override_ = true, .target = *target};
    nd_send(ip, iface, target, known ? asker : &all_nodes, &m);
}

/* RFC 4861, 7.1.1 and 7.2.3. */
static bool solicitation_input(struct ip *ip, const struct ip_rx *rx, const struct nd_msg *m) {
    const struct ip_datagram *d = rx->d;
    bool unspecified = ip_is_any(&d->src);
    struct la_addr group = addr_solicited_node(&m->target);
    if (unspecified && (m->has_mac || !addr_equal(&d->dst, &group))) return false;
    if (!iface_local(ip, d->iface, &m->target)) return true;
    if (m->has_mac && mac_is_unicast(m->mac) && route_on_link(ip, d->iface, &d->src))
        neigh_learn(ip, d->iface, &d->src, m->mac);
    nd_advertise(ip, d->iface, &m->target, &d->src);
    return true;
}

/* RFC 4861, 7.1.2 and 7.2.5. */
static bool advertisement_input(struct ip *ip, const struct ip_rx *rx, const struct nd_msg *m) {
    const struct ip_datagram *d = rx->d;
    if (d->multicast && m->solicited) return false;
    if (m->has_mac && !mac_is_unicast(m->mac)) return false;
    if (iface_local(ip, d->iface, &m->target)) return true;
    struct neigh *n = neigh_find(ip, d->iface, &m->target);
    if (n) neigh_answer(ip, n, m->has_mac ? m->mac : NULL, m->solicited, m->override_);
    return true;
}

void nd_input(struct ip *ip, const struct ip_rx *rx, const struct icmp6_msg *icmp) {
    if (ip->ifaces[rx->d->iface]->config.link != LA_LINK_ETHERNET) {
        env_drop(ip->env, LA_D_ICMP_TYPE);
        return;
    }
    struct nd_msg m;
    /* Fragments could hide from those who watch the link (RFC 6980). */
    bool ok = rx->d->ttl == ND_HOP_LIMIT && !rx->reassembled && nd_parse(icmp, &m);
    if (ok) ok = m.advert ? advertisement_input(ip, rx, &m) : solicitation_input(ip, rx, &m);
    if (!ok) env_drop(ip->env, LA_D_ND_BAD);
}

void solicit_send(struct ip *ip, unsigned iface, const struct la_addr *addr, const uint8_t *mac) {
    if (addr_is4(addr)) {
        arp_request(ip, iface, addr, mac);
    } else {
        nd_solicit(ip, iface, addr, mac != NULL);
    }
}
