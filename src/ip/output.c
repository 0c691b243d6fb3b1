/* Packets on their way out.
 *
 * In: a transport's header and payload pieces in a struct ip_packet, with the path they take. Out: packets that may
 * leave, either at once and without a copy (ip_output: TCP's way, taken when the device asks), or by copy in the queue
 * of their interface (ip_send: what belongs to no connection), which ip_queue_next empties.
 *
 * ip_output with an MTU that suffices and, on Ethernet, a neighbour whose MAC is known writes two headers and nothing
 * else: no look-up but the neighbour's hint, no allocation. What cannot leave at once is copied and waits with its
 * neighbour (neigh.c).
 *
 * Identification: packets that may not be fragmented carry 0 (RFC 6864, 4.1); others a random one, as do fragments (RFC
 * 7739). The flow label is 0 (RFC 6437, 3 allows it).
 *
 * A unit of several TCP segments fits if each of them does, and goes like a packet.
 *
 * Bounds: queue_max packets in all queues. A datagram in fragments goes whole or not at all. */
#include "ip/ip_state.h"

/* --- struct ip_packet --- */

void ip_packet_init(struct ip_packet *p) {
    p->head_at = IP_HEAD_ROOM;
    p->nspans = 0;
    p->data_len = 0;
    p->segment = 0;
}

uint8_t *ip_packet_prepend(struct ip_packet *p, size_t n) {
    ASSERT(n <= p->head_at);
    p->head_at = (uint16_t)(p->head_at - n);
    return p->head + p->head_at;
}

void ip_packet_add(struct ip_packet *p, struct la_span span) {
    if (span.len == 0) return;
    ASSERT(p->nspans < COUNT_OF(p->span));
    p->span[p->nspans++] = span;
    p->data_len += (uint32_t)span.len;
}

static size_t head_len(const struct ip_packet *p) { return (size_t)IP_HEAD_ROOM - p->head_at; }
static size_t payload_len(const struct ip_packet *p) { return head_len(p) + p->data_len; }

/* Copies `len` bytes of headers and payload from `from` on. */
static void packet_copy(const struct ip_packet *p, size_t from, uint8_t *to, size_t len) {
    struct la_span piece = {p->head + p->head_at, head_len(p)};
    for (unsigned next = 0;; next++) {
        size_t skip = size_min(from, piece.len);
        size_t n = size_min(piece.len - skip, len);
        memcpy(to, piece.data + skip, n);
        from -= skip;
        to += n;
        len -= n;
        if (len == 0) return;
        ASSERT(next < p->nspans);
        piece = p->span[next];
    }
}

/* --- Headers --- */

static size_t header_len(const struct ip_path *path) { return addr_is4(&path->dst) ? IP4_LEN : IP6_LEN; }

/* 0 stands for the setting. */
static uint8_t hops(const struct ip *ip, const struct ip_meta *meta) {
    return meta->ttl ? meta->ttl : ip->settings.ttl;
}

static void header_write(struct ip *ip, const struct ip_path *path, const struct ip_meta *meta, size_t payload,
                         uint8_t *at) {
    if (addr_is4(&path->dst)) {
        struct writer w = writer_of(at, IP4_LEN);
        ip4_build(&w, &(struct ip4_hdr){.src = path->src,
                                        .dst = path->dst,
                                        .tos = meta->tos,
                                        .ttl = hops(ip, meta),
                                        .proto = meta->proto,
                                        .id = meta->may_fragment ? (uint16_t)env_random(ip->env) : 0,
                                        .dont_fragment = !meta->may_fragment,
                                        .total_len = (uint16_t)(IP4_LEN + payload)});
    } else {
        struct writer w = writer_of(at, IP6_LEN);
        ip6_build(&w, &(struct ip6_hdr){.src = path->src,
                                        .dst = path->dst,
                                        .tos = meta->tos,
                                        .hop_limit = hops(ip, meta),
                                        .next_header = meta->proto,
                                        .payload_len = (uint16_t)payload});
    }
}

void queue_eth(const struct ip *ip, unsigned iface, const uint8_t mac[6], uint16_t type, uint8_t *at) {
    struct eth_hdr h = {.type = type};
    memcpy(h.dst, mac, sizeof h.dst);
    memcpy(h.src, ip->ifaces[iface]->config.mac, sizeof h.src);
    struct writer w = writer_of(at, ETH_LEN);
    eth_build(&w, &h);
}

static bool is_ethernet(const struct ip *ip, unsigned iface) {
    return ip->ifaces[iface]->config.link == LA_LINK_ETHERNET;
}

/* --- The queue --- */

struct ip_queued *queue_packet(struct ip *ip, unsigned iface, size_t len) {
    size_t link = is_ethernet(ip, iface) ? ETH_LEN : 0;
    struct ip_queued *packet = env_alloc(ip->env, sizeof *packet + link + len);
    if (!packet) {
        env_drop(ip->env, LA_D_NO_MEMORY);
        return NULL;
    }
    packet->link = (struct list){NULL, NULL};
    packet->len = (uint32_t)(link + len);
    packet->ip_at = (uint16_t)link;
    packet->iface = (uint16_t)iface;
    packet->segment = 0;
    packet->csum_partial = false;
    return packet;
}

void queue_packet_free(struct ip *ip, struct ip_queued *packet) {
    env_release(ip->env, packet, sizeof *packet + packet->len);
}

void queue_append(struct ip *ip, struct ip_queued *packet, const uint8_t *mac) {
    if (ip->queued >= ip->settings.queue_max) {
        env_drop(ip->env, LA_D_OUT_FULL);
        queue_packet_free(ip, packet);
        return;
    }
    if (mac) {
        bool is4 = packet->data[packet->ip_at] >> 4 == 4;
        queue_eth(ip, packet->iface, mac, is4 ? ETH_IP4 : ETH_IP6, packet->data);
    }
    list_append(&ip->ifaces[packet->iface]->queue, &packet->link);
    ip->queued++;
}

void queue_release(struct ip *ip) {
    if (ip->given) queue_packet_free(ip, ip->given);
    ip->given = NULL;
}

bool ip_queue_pending(const struct ip *ip, int iface) {
    if (iface < 0) return ip->queued > 0;
    return (uint32_t)iface < ip->nifaces && !list_empty(&ip->ifaces[iface]->queue);
}

/* The interface to serve: the one asked for, or all in turn. */
static struct ip_iface *queue_choose(struct ip *ip, int iface) {
    if (!ip_queue_pending(ip, iface)) return NULL;
    if (iface >= 0) return ip->ifaces[iface];
    do {
        ip->queue_turn = (ip->queue_turn + 1) % ip->nifaces;
    } while (list_empty(&ip->ifaces[ip->queue_turn]->queue));
    return ip->ifaces[ip->queue_turn];
}

bool ip_queue_next(struct ip *ip, int iface, struct la_packet *out) {
    queue_release(ip);
    struct ip_iface *from = queue_choose(ip, iface);
    if (!from) return false;
    struct list *first = list_first(&from->queue);
    list_remove(first);
    ip->queued--;
    ip->given = CONTAINER(first, struct ip_queued, link);
    out->iface = ip->given->iface;
    out->len = ip->given->len;
    out->segment = ip->given->segment;
    out->csum_partial = ip->given->csum_partial;
    out->nspans = 1;
    out->span[0] = (struct la_span){ip->given->data, ip->given->len};
    return true;
}

/* An IP packet that is finished: to the queue, or to its neighbour's waiting room. */
static void dispatch(struct ip *ip, const struct ip_path *path, struct ip_queued *packet) {
    uint8_t mac[6];
    if (!is_ethernet(ip, path->iface)) {
        queue_append(ip, packet, NULL);
    } else if (neigh_mac(ip, path, mac)) {
        queue_append(ip, packet, mac);
    } else {
        neigh_wait(ip, path, packet);
    }
}

/* --- Fragments (RFC 791, 2.3; RFC 8200, 4.5) --- */

static struct ip_queued *fragment_make(struct ip *ip, const struct ip_path *path, const struct ip_meta *meta,
                                       uint32_t id, size_t offset, size_t len, bool more) {
    bool is4 = addr_is4(&path->dst);
    size_t header = is4 ? IP4_LEN : IP6_LEN + IP6_FRAG_LEN;
    struct ip_queued *packet = queue_packet(ip, path->iface, header + len);
    if (!packet) return NULL;
    struct writer w = writer_of(packet->data + packet->ip_at, header);
    if (is4) {
        ip4_build(&w, &(struct ip4_hdr){.src = path->src,
                                        .dst = path->dst,
                                        .tos = meta->tos,
                                        .ttl = hops(ip, meta),
                                        .proto = meta->proto,
                                        .id = (uint16_t)id,
                                        .more_fragments = more,
                                        .frag_offset = (uint16_t)offset,
                                        .total_len = (uint16_t)(header + len)});
        return packet;
    }
    ip6_build(&w, &(struct ip6_hdr){.src = path->src,
                                    .dst = path->dst,
                                    .tos = meta->tos,
                                    .hop_limit = hops(ip, meta),
                                    .next_header = PROTO_FRAGMENT,
                                    .payload_len = (uint16_t)(IP6_FRAG_LEN + len)});
    write8(&w, meta->proto);
    write8(&w, 0);
    write16(&w, (uint16_t)(offset | (more ? 1 : 0)));
    write32(&w, id);
    return packet;
}

static int drop(struct ip *ip, enum la_drop why, int error) {
    env_drop(ip->env, why);
    return -error;
}

static int send_fragments(struct ip *ip, const struct ip_path *path, const struct ip_meta *meta,
                          const struct ip_packet *p) {
    size_t header = addr_is4(&path->dst) ? IP4_LEN : IP6_LEN + IP6_FRAG_LEN;
    size_t total = payload_len(p), piece = (path->mtu - header) & ~(size_t)7;
    /* Lengths of a datagram are 16 bits, IPv4's with its header. */
    if (total > UINT16_MAX - (addr_is4(&path->dst) ? IP4_LEN : 0)) return drop(ip, LA_D_TOO_BIG, LA_EMSGSIZE);
    if (ip->queued + (total + piece - 1) / piece > ip->settings.queue_max) return drop(ip, LA_D_OUT_FULL, LA_ENOBUFS);
    uint32_t id = (uint32_t)env_random(ip->env);
    for (size_t at = 0; at < total; at += piece) {
        size_t len = size_min(piece, total - at);
        struct ip_queued *packet = fragment_make(ip, path, meta, id, at, len, at + len < total);
        if (!packet) return -LA_ENOMEM;
        packet_copy(p, at, packet->data + packet->len - len, len);
        dispatch(ip, path, packet);
    }
    return 0;
}

/* --- Sending --- */

/* A packet that is larger than its path. */
static int send_too_big(struct ip *ip, const struct ip_path *path, const struct ip_meta *meta,
                        const struct ip_packet *p) {
    if (!meta->may_fragment) return drop(ip, LA_D_TOO_BIG, LA_EMSGSIZE);
    return send_fragments(ip, path, meta, p);
}

static bool fits(const struct ip_path *path, const struct ip_packet *p) {
    size_t payload = p->segment ? size_min(p->segment, p->data_len) : p->data_len;
    return header_len(path) + head_len(p) + payload <= path->mtu;
}

/* Whether the device finishes the checksum. */
static bool csum_partial(const struct ip *ip, const struct ip_path *path, const struct ip_meta *meta,
                         const struct ip_packet *p) {
    bool has = meta->proto == PROTO_TCP || meta->proto == PROTO_UDP;
    return p->segment || (has && ip->ifaces[path->iface]->config.tx_csum_by_dev);
}

int ip_send(struct ip *ip, const struct ip_path *path, const struct ip_meta *meta, struct ip_packet *p) {
    queue_release(ip);
    if (!fits(path, p)) return send_too_big(ip, path, meta, p);
    /* Said here, because the queue cannot answer. */
    if (ip->queued >= ip->settings.queue_max) return drop(ip, LA_D_OUT_FULL, LA_ENOBUFS);
    size_t header = header_len(path), payload = payload_len(p);
    struct ip_queued *packet = queue_packet(ip, path->iface, header + payload);
    if (!packet) return -LA_ENOMEM;
    uint8_t *at = packet->data + packet->ip_at;
    packet->csum_partial = csum_partial(ip, path, meta, p);
    header_write(ip, path, meta, payload, at);
    packet_copy(p, 0, at + header, payload);
    dispatch(ip, path, packet);
    return 0;
}

/* Keeps a copy of a packet, IP header included, until its neighbour is known. */
static void wait_by_copy(struct ip *ip, const struct ip_path *path, const struct ip_packet *p, bool partial) {
    struct ip_queued *packet = queue_packet(ip, path->iface, payload_len(p));
    if (!packet) return;
    packet->segment = p->segment;
    packet->csum_partial = partial;
    packet_copy(p, 0, packet->data + packet->ip_at, payload_len(p));
    neigh_wait(ip, path, packet);
}

bool ip_output(struct ip *ip, const struct ip_path *path, const struct ip_meta *meta, struct ip_packet *p,
               struct la_packet *out) {
    if (!fits(path, p)) {
        send_too_big(ip, path, meta, p);
        return false;
    }
    size_t payload = payload_len(p);
    out->segment = p->segment;
    out->csum_partial = csum_partial(ip, path, meta, p);
    header_write(ip, path, meta, payload, ip_packet_prepend(p, header_len(path)));
    if (is_ethernet(ip, path->iface)) {
        uint8_t mac[6];
        if (!neigh_mac(ip, path, mac)) {
            wait_by_copy(ip, path, p, out->csum_partial);
            return false;
        }
        queue_eth(ip, path->iface, mac, addr_is4(&path->dst) ? ETH_IP4 : ETH_IP6, ip_packet_prepend(p, ETH_LEN));
    }
    out->iface = path->iface;
    out->len = payload_len(p);
    out->nspans = 1u + p->nspans;
    out->span[0] = (struct la_span){p->head + p->head_at, head_len(p)};
    for (unsigned i = 0; i < p->nspans; i++) out->span[i + 1] = p->span[i];
    return true;
}
