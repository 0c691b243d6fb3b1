/* Which socket a datagram is for, and which local ports there are to have.
 *
 * A bound socket is in two tables. `demux` is keyed by what makes it a receiver: local address and port, and the peer's
 * when connected; so a datagram is looked up at most four times: as of a connected socket, to a bound address, to the
 * family's wildcard, and, over IPv4, to the IPv6 wildcard of a socket that takes both families. `ports` is keyed by the
 * local port alone: bind() looks there for conflicts, and datagrams to groups for their receivers, who may be many.
 *
 * Zones tell link-local addresses apart: a datagram's local zone is its interface plus 1, and a socket with a zone of
 * its own takes no other's. 0 (as in what ICMP quotes) fits all.
 *
 * Ports are chosen as RFC 6056, 3.3.3: a keyed hash of address and peer, plus a counter. */
#include "udp/udp_sock.h"

/* --- Tables --- */

struct demux_key {
    uint8_t local[16], peer[16];
    uint16_t local_port, peer_port;
};

static uint64_t key_hash(const struct udp *udp, const struct la_endpoint *local, const struct la_endpoint *peer) {
    struct demux_key key = {.local_port = local->port};
    memcpy(key.local, local->addr.bytes, sizeof key.local);
    if (peer) {
        memcpy(key.peer, peer->addr.bytes, sizeof key.peer);
        key.peer_port = peer->port;
    }
    return siphash(&udp->env->key, &key, sizeof key);
}

static uint64_t demux_hash(const void *ctx, const void *object) {
    const struct udp_sock *s = object;
    return key_hash(ctx, &s->local, s->connected ? &s->peer : NULL);
}

static uint64_t port_hash(const struct udp *udp, uint16_t port) { return siphash(&udp->env->key, &port, sizeof port); }

static uint64_t ports_hash(const void *ctx, const void *object) {
    return port_hash(ctx, ((const struct udp_sock *)object)->local.port);
}

void udp_demux_init(struct udp *udp) {
    table_init(&udp->demux, udp->env, &udp->socks, offsetof(struct udp_sock, demux_chain), demux_hash, udp);
    table_init(&udp->ports, udp->env, &udp->socks, offsetof(struct udp_sock, port_chain), ports_hash, udp);
}

static struct udp_sock *sock_at(const struct udp *udp, uint32_t index) { return pool_at(&udp->socks, index); }

/* --- Datagrams in --- */

static bool zone_ok(const struct la_endpoint *own, const struct la_endpoint *arrived) {
    return own->zone == 0 || arrived->zone == 0 || own->zone == arrived->zone;
}

static bool is_peer(const struct udp_sock *s, const struct la_endpoint *peer) {
    return s->peer.port == peer->port && la_addr_equal(&s->peer.addr, &peer->addr) && zone_ok(&s->peer, peer);
}

/* The socket of exactly this local address; of this peer, or unconnected where `peer` is NULL. */
static struct udp_sock *find(const struct udp *udp, const struct la_endpoint *local, const struct la_endpoint *peer,
                             bool both_families) {
    for (uint32_t i = table_chain(&udp->demux, key_hash(udp, local, peer)); i != POOL_NONE;
         i = table_chain_next(&udp->demux, i)) {
        struct udp_sock *s = sock_at(udp, i);
        if (s->local.port != local->port || !la_addr_equal(&s->local.addr, &local->addr)) continue;
        if (!zone_ok(&s->local, local) || (both_families && s->v6only)) continue;
        if (peer ? s->connected && is_peer(s, peer) : !s->connected) return s;
    }
    return NULL;
}

struct udp_sock *udp_lookup(const struct udp *udp, const struct la_endpoint *local, const struct la_endpoint *peer) {
    if (!udp->demux.count) return NULL;
    bool is4 = la_addr_is4(&local->addr);
    struct la_endpoint any = {.port = local->port, .zone = local->zone};
    if (is4) any.addr = la_addr4(0, 0, 0, 0);
    struct udp_sock *s = find(udp, local, peer, false);
    if (!s) s = find(udp, local, NULL, false);
    if (!s) s = find(udp, &any, NULL, false);
    if (s || !is4) return s;
    any.addr = (struct la_addr){{0}};
    return find(udp, &any, NULL, true);
}

/* Whether wildcard `a` stands for `b` too. */
static bool covers(const struct la_addr *a, bool a_v6only, const struct la_addr *b) {
    if (!ip_is_any(a)) return la_addr_equal(a, b);
    return la_addr_is4(a) == la_addr_is4(b) || (!la_addr_is4(a) && !a_v6only);
}

struct udp_sock *udp_group_next(const struct udp *udp, const struct udp_sock *last, const struct la_endpoint *local,
                                const struct la_endpoint *peer) {
    if (!udp->ports.count) return NULL;
    uint32_t i =
        last ? table_chain_next(&udp->ports, last->index) : table_chain(&udp->ports, port_hash(udp, local->port));
    for (; i != POOL_NONE; i = table_chain_next(&udp->ports, i)) {
        struct udp_sock *s = sock_at(udp, i);
        if (s->local.port != local->port || !covers(&s->local.addr, s->v6only, &local->addr)) continue;
        if (zone_ok(&s->local, local) && (!s->connected || is_peer(s, peer))) return s;
    }
    return NULL;
}

/* --- Ports --- */

/* `strict`: sharing by SO_REUSEADDR does not count. */
static bool is_taken(const struct udp *udp, const struct udp_sock *s, const struct la_endpoint *local, bool strict) {
    if (!udp->ports.count) return false;
    for (uint32_t i = table_chain(&udp->ports, port_hash(udp, local->port)); i != POOL_NONE;
         i = table_chain_next(&udp->ports, i)) {
        const struct udp_sock *other = sock_at(udp, i);
        if (other == s || other->local.port != local->port) continue;
        if (!strict && other->reuse && s->reuse) continue;
        if (other->local.zone && local->zone && other->local.zone != local->zone) continue;
        if (covers(&other->local.addr, other->v6only, &local->addr) ||
            covers(&local->addr, s->v6only, &other->local.addr))
            return true;
    }
    return false;
}

static bool port_choose(struct udp *udp, const struct udp_sock *s, struct la_endpoint *local) {
    uint32_t first = udp->settings.port_first, last = udp->settings.port_last;
    if (first == 0 || last < first) return false;
    uint32_t count = last - first + 1;
    struct la_endpoint unported = {.addr = local->addr};
    uint64_t start = key_hash(udp, &unported, s->connected ? &s->peer : NULL);
    for (uint32_t i = 0; i < count; i++) {
        local->port = (uint16_t)(first + (start + udp->port_steps++) % count);
        if (!is_taken(udp, s, local, true)) return true;
    }
    local->port = 0;
    return false;
}

/* Enters the tables under s->local. */
static int enter(struct udp *udp, struct udp_sock *s) {
    if (!table_insert(&udp->ports, ports_hash(udp, s), s->index)) return -LA_ENOMEM;
    if (!table_insert(&udp->demux, demux_hash(udp, s), s->index)) {
        table_remove(&udp->ports, ports_hash(udp, s), s->index);
        return -LA_ENOMEM;
    }
    s->bound = true;
    return 0;
}

void udp_unbind(struct udp *udp, struct udp_sock *s) {
    if (!s->bound) return;
    table_remove(&udp->ports, ports_hash(udp, s), s->index);
    table_remove(&udp->demux, demux_hash(udp, s), s->index);
    s->bound = false;
}

int udp_autobind(struct udp *udp, struct udp_sock *s) {
    if (!port_choose(udp, s, &s->local)) return -LA_EADDRNOTAVAIL;
    int error = enter(udp, s);
    if (error) s->local.port = 0;
    return error;
}

/* --- The verbs --- */

/* The socket's family allows the address. */
static bool bindable(const struct udp_sock *s, const struct la_addr *addr) {
    bool is4 = la_addr_is4(addr);
    return s->family == LA_AF_INET ? is4 : !is4 || !s->v6only;
}

int udp_bind(struct udp *udp, la_sock sock, const struct la_endpoint *local) {
    struct udp_sock *s = udp_sock_of(udp, sock);
    if (!s) return -LA_EBADF;
    if (!local) return -LA_EFAULT;
    if (s->bound || !bindable(s, &local->addr)) return -LA_EINVAL;
    bool any = ip_is_any(&local->addr);
    if (!any && !ip_is_local(udp->ip, &local->addr)) return -LA_EADDRNOTAVAIL;
    struct la_endpoint own = *local;
    if (own.port == 0) {
        if (!port_choose(udp, s, &own)) return -LA_EADDRINUSE;
    } else if (is_taken(udp, s, &own, false)) {
        return -LA_EADDRINUSE;
    }
    struct la_endpoint before = s->local;
    s->local = own;
    int error = enter(udp, s);
    if (error) {
        s->local = before;
        return error;
    }
    s->addr_bound = !any;
    return 0;
}

int udp_peer_check(const struct udp_sock *s, const struct la_endpoint *peer) {
    if (peer->port == 0) return -LA_EINVAL;
    bool is4 = la_addr_is4(&peer->addr);
    if (s->family == LA_AF_INET) return is4 ? 0 : -LA_EAFNOSUPPORT;
    return is4 && s->v6only ? -LA_ENETUNREACH : 0;
}

int udp_connect(struct udp *udp, la_sock sock, const struct la_endpoint *peer) {
    struct udp_sock *s = udp_sock_of(udp, sock);
    if (!s) return -LA_EBADF;
    if (!peer) return -LA_EFAULT;
    struct ip_path path;
    int error = udp_peer_check(s, peer);
    if (!error) error = ip_path_find(udp->ip, &peer->addr, s->addr_bound ? &s->local.addr : NULL, peer->zone, &path);
    if (!error && path.broadcast && !s->broadcast) error = -LA_EACCES;
    if (error) return error;
    struct udp_sock before = *s;
    if (s->bound) table_remove(&udp->demux, demux_hash(udp, s), s->index);
    s->local.addr = path.src;
    s->peer = *peer;
    s->path = path;
    s->connected = true;
    if (s->bound) {
        /* Only a table's very first insertion can fail. */
        bool entered = table_insert(&udp->demux, demux_hash(udp, s), s->index);
        ASSERT(entered);
        return 0;
    }
    error = udp_autobind(udp, s);
    if (error) {
        s->local = before.local;
        s->peer = before.peer;
        s->path = before.path;
        s->connected = before.connected;
    }
    return error;
}
