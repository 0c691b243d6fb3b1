/* UDP's sockets: datagrams in, datagrams out, errors.
 *
 * In: datagrams and ICMP errors from the IP layer, calls from the root. Out: datagrams through ip_send, port
 * unreachable where nobody listens, events. It owns the sockets and what waits in their queues, bounded per socket in
 * bytes.
 *
 * Errors are as on Linux: only a connected socket hears of ICMP errors, and only of hard ones; the next send or receive
 * returns it, once. */
#include "udp/udp_sock.h"

#define PAYLOAD4_MAX (65535 - 20 - UDP_LEN)
#define PAYLOAD6_MAX (65535 - UDP_LEN)

int udp_create(struct env *env, struct ip *ip, struct list *events, struct udp **out) {
    struct udp *udp = env_zalloc(env, sizeof *udp);
    if (!udp) return -LA_ENOMEM;
    udp->env = env;
    udp->ip = ip;
    udp->events = events;
    /* Linux's. */
    udp->settings =
        (struct udp_settings){.port_first = 32768, .port_last = 60999, .rcvbuf = 212992, .rcvbuf_max = 212992};
    pool_init(&udp->socks, env, sizeof(struct udp_sock), true);
    udp_demux_init(udp);
    *out = udp;
    return 0;
}

struct udp_settings *udp_settings(struct udp *udp) {
    return &udp->settings;
}

/* --- The receive queue --- */

static size_t datagram_size(size_t len) { return sizeof(struct udp_datagram) + len; }

static void datagram_free(struct udp *udp, struct udp_sock *s, struct udp_datagram *d) {
    size_t size = datagram_size(d->len);
    list_remove(&d->link);
    s->queued -= (uint32_t)size;
    env_release(udp->env, d, size);
}

static void queue_clear(struct udp *udp, struct udp_sock *s) {
    for (struct list *at; (at = list_first(&s->queue));)
        datagram_free(udp, s, CONTAINER(at, struct udp_datagram, link));
}

static void deliver(struct udp *udp, struct udp_sock *s, const struct la_endpoint *from, struct la_span data) {
    size_t size = datagram_size(data.len);
    if (s->queued + size > s->rcvbuf) {
        env_drop(udp->env, LA_D_UDP_FULL);
        return;
    }
    struct udp_datagram *d = env_alloc(udp->env, size);
    if (!d) {
        env_drop(udp->env, LA_D_NO_MEMORY);
        return;
    }
    d->from = *from;
    d->len = (uint32_t)data.len;
    if (data.len) memcpy(d->data, data.data, data.len);
    list_append(&s->queue, &d->link);
    s->queued += (uint32_t)size;
    event_post(udp->events, &s->event, LA_EV_READABLE);
}

/* --- Packets and errors in --- */

/* RFC 768; over IPv6 a checksum must be there (RFC 8200, 8.1). */
static bool csum_ok(const struct ip_datagram *d, const struct udp_hdr *h) {
    if (h->csum == 0) return la_addr_is4(&d->dst);
    if (d->csum_done) return true;
    struct csum c = {0, 0};
    wire_pseudo(&c, &d->src, &d->dst, PROTO_UDP, h->len);
    csum_add(&c, d->data.data, h->len);
    return csum_finish(&c) == 0;
}

/* A zone is told where an address needs one. */
static uint16_t zone_of(const struct la_addr *addr, uint16_t iface) {
    return ip_is_link_local(addr) ? (uint16_t)(iface + 1) : 0;
}

void udp_input(struct udp *udp, struct ip *ip, const struct ip_datagram *d) {
    struct udp_hdr h;
    bool parsed = udp_parse(d->data.data, d->data.len, &h);
    if (!parsed || !csum_ok(d, &h)) {
        env_drop(udp->env, parsed ? LA_D_UDP_CSUM : LA_D_UDP_BAD);
        return;
    }
    struct la_endpoint local = {d->dst, h.dst_port, (uint16_t)(d->iface + 1)};
    struct la_endpoint from = {d->src, h.src_port, zone_of(&d->src, d->iface)};
    struct la_span data = {d->data.data + UDP_LEN, (size_t)h.len - UDP_LEN};
    struct udp_sock *s = d->multicast ? udp_group_next(udp, NULL, &local, &from) : udp_lookup(udp, &local, &from);
    if (!s) {
        env_drop(udp->env, LA_D_UDP_NO_PORT);
        ip_port_unreachable(ip, d);
        return;
    }
    env_count(udp->env, LA_C_UDP_IN);
    deliver(udp, s, &from, data);
    while (d->multicast && (s = udp_group_next(udp, s, &local, &from))) deliver(udp, s, &from, data);
}

void udp_error(struct udp *udp, const struct ip_error *e) {
    if (e->quoted.len < UDP_LEN) {
        env_drop(udp->env, LA_D_ICMP_BAD);
        return;
    }
    struct la_endpoint local = {.addr = e->src, .port = get16(e->quoted.data)};
    struct la_endpoint peer = {.addr = e->dst, .port = get16(e->quoted.data + 2)};
    struct udp_sock *s = udp_lookup(udp, &local, &peer);
    /* Our IPv4 datagrams may be fragmented, so that no router reports them as too big. */
    if (!s || (e->mtu && la_addr_is4(&e->dst))) {
        env_drop(udp->env, LA_D_ICMP_STRAY);
    } else if (e->mtu) {
        ip_pmtu_note(udp->ip, &e->dst, e->mtu);
    } else if (s->connected && e->hard) {
        s->error = e->error;
        event_post(udp->events, &s->event, LA_EV_ERROR);
    }
}

/* --- The verbs --- */

la_sock udp_socket(struct udp *udp, int family) {
    if (family != LA_AF_INET && family != LA_AF_INET6) return -LA_EAFNOSUPPORT;
    uint32_t index;
    struct udp_sock *s = pool_get(&udp->socks, &index);
    if (!s) return -LA_ENOMEM;
    list_init(&s->queue);
    s->index = index;
    s->family = (uint8_t)family;
    s->rcvbuf = udp->settings.rcvbuf;
    if (family == LA_AF_INET) s->local.addr = s->peer.addr = la_addr4(0, 0, 0, 0);
    s->event.sock = pool_handle(&udp->socks, index);
    return s->event.sock;
}

static void sock_free(struct udp *udp, struct udp_sock *s) {
    queue_clear(udp, s);
    udp_unbind(udp, s);
    event_cancel(&s->event);
    pool_put(&udp->socks, s->index);
}

int udp_close(struct udp *udp, la_sock sock) {
    struct udp_sock *s = udp_sock_of(udp, sock);
    if (!s) return -LA_EBADF;
    sock_free(udp, s);
    return 0;
}

void udp_destroy(struct udp *udp) {
    if (!udp) return;
    for (uint32_t i = 0; (i = pool_next(&udp->socks, i)) != POOL_NONE; i++) sock_free(udp, pool_at(&udp->socks, i));
    table_free(&udp->demux);
    table_free(&udp->ports);
    pool_free(&udp->socks);
    env_release(udp->env, udp, sizeof *udp);
}

int udp_owner_set(struct udp *udp, la_sock sock, uint64_t owner) {
    struct udp_sock *s = udp_sock_of(udp, sock);
    if (!s) return -LA_EBADF;
    s->event.owner = owner;
    return 0;
}

/* Fills the checksum in, or what a device needs to do it: it cannot for a datagram that leaves in fragments. */
static void csum_fill(const struct udp *udp, const struct ip_path *path, const struct ip_packet *p, uint8_t *header) {
    uint32_t len = UDP_LEN + p->data_len;
    struct csum c = {0, 0};
    wire_pseudo(&c, &path->src, &path->dst, PROTO_UDP, len);
    if (ip_iface(udp->ip, path->iface)->tx_csum_by_dev && len <= ip_path_room(path)) {
        put16(header + 6, csum_fold(&c));
        return;
    }
    csum_add(&c, header, UDP_LEN);
    for (unsigned i = 0; i < p->nspans; i++) csum_add(&c, p->span[i].data, p->span[i].len);
    uint16_t sum = csum_finish(&c);
    put16(header + 6, sum ? sum : 0xffff); /* RFC 768: 0 means none. */
}

static int send_on(struct udp *udp, const struct udp_sock *s, const struct ip_path *path, uint16_t port,
                   struct la_span data) {
    bool is4 = la_addr_is4(&path->dst);
    uint8_t ttl = is4 ? s->ttl : s->hops;
    if (data.len > (is4 ? PAYLOAD4_MAX : PAYLOAD6_MAX)) return -LA_EMSGSIZE;
    if (path->broadcast && !s->broadcast) return -LA_EACCES;
    /* A group's datagrams stay on the link unless told otherwise (RFC 1112, 6.1). */
    if (!ttl) ttl = ip_is_multicast(&path->dst) ? 1 : ip_settings(udp->ip)->ttl;
    struct ip_packet p;
    ip_packet_init(&p);
    ip_packet_add(&p, data);
    uint8_t *header = ip_packet_prepend(&p, UDP_LEN);
    struct udp_hdr h = {.src_port = s->local.port, .dst_port = port, .len = (uint16_t)(UDP_LEN + data.len)};
    struct writer w = writer_of(header, UDP_LEN);
    udp_build(&w, &h);
    csum_fill(udp, path, &p, header);
    struct ip_meta meta = {.proto = PROTO_UDP, .ttl = ttl, .tos = is4 ? s->tos : s->tclass, .may_fragment = true};
    return ip_send(udp->ip, path, &meta, &p);
}

/* The way to `to`, or to the peer where it is NULL. */
static int path_for(struct udp *udp, struct udp_sock *s, const struct la_endpoint *to, struct ip_path *path) {
    const struct la_addr *src = s->addr_bound || s->connected ? &s->local.addr : NULL;
    if (to) {
        int error = udp_peer_check(s, to);
        return error ? error : ip_path_find(udp->ip, &to->addr, src, to->zone, path);
    }
    if (!s->connected) return -LA_ENOTCONN;
    if (!ip_path_valid(udp->ip, &s->path)) {
        int error = ip_path_find(udp->ip, &s->peer.addr, src, s->peer.zone, &s->path);
        if (error) return error;
    }
    *path = s->path;
    return 0;
}

int64_t udp_sendto(struct udp *udp, la_sock sock, const void *data, size_t len, const struct la_endpoint *to) {
    struct udp_sock *s = udp_sock_of(udp, sock);
    struct ip_path path;
    if (!s) return -LA_EBADF;
    if (!data && len) return -LA_EFAULT;
    if (s->error) return -udp_error_take(s);
    int error = path_for(udp, s, to, &path);
    if (!error && !s->bound) error = udp_autobind(udp, s);
    if (!error) error = send_on(udp, s, &path, to ? to->port : s->peer.port, (struct la_span){data, len});
    if (error) return error;
    env_count(udp->env, LA_C_UDP_OUT);
    return (int64_t)len;
}

int64_t udp_recvfrom(struct udp *udp, la_sock sock, void *data, size_t len, int flags, struct la_endpoint *from) {
    struct udp_sock *s = udp_sock_of(udp, sock);
    if (!s) return -LA_EBADF;
    if (!data && len) return -LA_EFAULT;
    if (s->error) return -udp_error_take(s);
    struct list *first = list_first(&s->queue);
    if (!first) return -LA_EAGAIN;
    struct udp_datagram *d = CONTAINER(first, struct udp_datagram, link);
    size_t n = size_min(len, d->len);
    if (n) memcpy(data, d->data, n);
    if (from) *from = d->from;
    if (!(flags & LA_MSG_PEEK)) datagram_free(udp, s, d);
    return (int64_t)n;
}

int udp_ready(const struct udp *udp, la_sock sock) {
    const struct udp_sock *s = udp_sock_of(udp, sock);
    if (!s) return -LA_EBADF;
    return LA_EV_WRITABLE | (list_empty(&s->queue) ? 0 : LA_EV_READABLE) | (s->error ? LA_EV_ERROR : 0);
}

int udp_getsockname(const struct udp *udp, la_sock sock, struct la_endpoint *local) {
    const struct udp_sock *s = udp_sock_of(udp, sock);
    if (!s) return -LA_EBADF;
    if (!local) return -LA_EFAULT;
    *local = s->local;
    return 0;
}

int udp_getpeername(const struct udp *udp, la_sock sock, struct la_endpoint *peer) {
    const struct udp_sock *s = udp_sock_of(udp, sock);
    if (!s) return -LA_EBADF;
    if (!peer) return -LA_EFAULT;
    if (!s->connected) return -LA_ENOTCONN;
    *peer = s->peer;
    return 0;
}
