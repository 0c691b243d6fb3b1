/* Whose segment is it? Connection, embryonic connection, TIME_WAIT record, listener, nobody: in this order, each one
 * lookup in a hash table. And what happens to a segment that is nobody's (RFC 9293, 3.10.7.1). */
#include "tcp/conn.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"

bool tcp_key_equal(const struct tcp_key *a, const struct tcp_key *b) {
    return a->local_port == b->local_port && a->peer_port == b->peer_port &&
           memcmp(a->peer.bytes, b->peer.bytes, 16) == 0 && memcmp(a->local.bytes, b->local.bytes, 16) == 0;
}

struct tcp_conn *tcp_lookup(const struct tcp *tcp, const struct tcp_key *key) {
    uint32_t i = table_chain(&tcp->tuples, tcp_key_hash(tcp, key));
    for (; i != POOL_NONE; i = table_chain_next(&tcp->tuples, i)) {
        struct tcp_conn *c = tcp_conn_at(tcp, i);
        if (tcp_key_equal(&c->key, key)) return c;
    }
    return NULL;
}

/* How well a listener fits: its own address beats a wildcard, IPv4's wildcard beats IPv6's; 0: not at all. */
static int fit(const struct tcp_conn *c, const struct tcp_key *key, uint16_t iface) {
    if (c->state != LA_LISTEN) return 0;
    if (c->zone && c->zone != iface + 1 && ip_is_link_local(&key->local)) return 0;
    if (la_addr_equal(&c->key.local, &key->local)) return 3;
    if (!ip_is_any(&c->key.local)) return 0;
    bool four = la_addr_is4(&key->local), any4 = la_addr_is4(&c->key.local);
    if (four == any4) return 2;
    return four && !c->is.v6only ? 1 : 0;
}

struct tcp_conn *tcp_find_listener(const struct tcp *tcp, const struct tcp_key *key, uint16_t iface) {
    struct tcp_conn *best = NULL;
    int best_fit = 0;
    for (struct tcp_conn *c = tcp_port_chain(tcp, key->local_port); c; c = tcp_port_chain_next(c)) {
        int f = fit(c, key, iface);
        if (f > best_fit) {
            best = c;
            best_fit = f;
        }
    }
    return best;
}

/* The socket that is bound to where a segment has come, and does not listen; NULL when there is none. */
static const struct tcp_conn *bound_socket(const struct tcp *tcp, const struct tcp_key *key) {
    for (struct tcp_conn *c = tcp_port_chain(tcp, key->local_port); c; c = tcp_port_chain_next(c))
        if (c->state == LA_CLOSED && (ip_is_any(&c->key.local) || la_addr_equal(&c->key.local, &key->local))) return c;
    return NULL;
}

/* RFC 9293, 3.10.7.1: CLOSED. An RST is dropped, anything else is answered with RST, which looks as a bound socket's
 * segments do. */
static void closed(struct tcp *tcp, const struct tcp_in *in) {
    if (in->seg.flags & TCP_RST) {
        env_drop(tcp->env, LA_D_TCP_NO_CONN_RST);
        return;
    }
    env_drop(tcp->env, LA_D_TCP_NO_CONN);
    const struct tcp_conn *c = bound_socket(tcp, &in->key);
    tcp_reply_rst_as(tcp, in, c ? c->ttl : 0, c ? c->tos : 0);
}

static void no_connection(struct tcp *tcp, struct tcp_in *in) {
    struct iss_floor floor = {.set = false};
    if (tcp_embryo_input(tcp, in)) return;
    if (tcp_timewait_input(tcp, in, &floor) == TW_DONE) return;
    struct tcp_conn *listener = tcp_find_listener(tcp, &in->key, in->datagram->iface);
    if (listener)
        tcp_listen_input(listener, in, &floor);
    else
        closed(tcp, in);
}

static bool parse(struct tcp *tcp, struct tcp_in *in) {
    const struct ip_datagram *d = in->datagram;
    if (d->multicast) return env_drop(tcp->env, LA_D_TCP_MULTICAST), false;
    if (!tcp_parse(d->data.data, d->data.len, &in->seg)) return env_drop(tcp->env, LA_D_TCP_BAD), false;
    if (!d->csum_done && !tcp_csum_ok(d->data.data, d->data.len, &d->src, &d->dst))
        return env_drop(tcp->env, LA_D_TCP_CSUM), false;
    in->what = (uint8_t)(in->seg.flags & 0xff);
    in->key = (struct tcp_key){d->dst, d->src, in->seg.dst_port, in->seg.src_port};
    return true;
}

void tcp_input(struct tcp *tcp, const struct ip_datagram *datagram) {
    struct tcp_in in;
    in.datagram = datagram;
    env_count(tcp->env, LA_C_TCP_IN);
    if (!parse(tcp, &in)) return;
    struct tcp_conn *c = tcp->latest;
    if (!c || !tcp_key_equal(&c->key, &in.key)) c = tcp_lookup(tcp, &in.key);
    if (!c) {
        no_connection(tcp, &in);
        return;
    }
    tcp->latest = c;
    tcp_segment(c, &in);
}

/* The window in which a quoted sequence number must lie, so that an ICMP error is about something in flight (RFC 5927,
 * 4). */
static bool in_flight(const struct tcp_conn *c, const struct ip_error *e) {
    seq quoted = seq_of(get32(e->quoted.data + 4));
    return seq_leq(c->snd_una, quoted) && seq_lt(quoted, c->snd_max);
}

/* FreeBSD's choice and its errno, in the numbers of the quoted packet's family; 0: it does not end the opening. */
static int bsd_opening_error(const struct ip_error *e) {
    bool v4 = la_addr_is4(&e->src);
    bool in_transit = e->icmp_code == 0; /* Rather than in reassembly. */
    if (e->icmp_type == (v4 ? ICMP4_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED)) return in_transit ? LA_EHOSTUNREACH : 0;
    if (e->icmp_type != (v4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE)) return 0;
    if (!v4) return e->icmp_code == ICMP6_PROHIBITED || e->icmp_code == ICMP6_PORT ? LA_ECONNREFUSED : 0;
    switch (e->icmp_code) {
    case ICMP4_PROTOCOL:
    case ICMP4_PORT:
    case ICMP4_NET_PROHIBITED:
    case ICMP4_HOST_PROHIBITED:
    case ICMP4_ADMIN_PROHIBITED: return LA_ECONNREFUSED;
    default: return 0;
    }
}

/* The errno with which an ICMP error ends a connection that is opening; 0: it does not. */
static int opening_error(const struct tcp_params *params, const struct ip_error *e) {
    if (!params->icmp_may_rst) return 0;
    switch (params->icmp_opening) {
    case ICMP_OPENING_BSD: return bsd_opening_error(e);
    case ICMP_OPENING_HARD: return e->hard ? e->error : 0;
    default: return e->error;
    }
}

static void connection_error(struct tcp_conn *c, const struct ip_error *e) {
    if (!in_flight(c, e)) {
        tcp_drop(c, LA_D_ICMP_STRAY);
        return;
    }
    if (e->mtu) {
        if (!tcp_mtu_believes(c, e)) {
            tcp_drop(c, LA_D_ICMP_STRAY);
            return;
        }
        ip_pmtu_note(c->tcp->ip, &c->key.peer, e->mtu);
        if (tcp_path_refresh(c)) tcp_recover_mtu(c);
        return;
    }
    bool opening = c->state == LA_SYN_SENT || c->state == LA_SYN_RCVD;
    int fatal = opening ? opening_error(&c->tcp->params, e) : 0;
    if (fatal)
        tcp_end(c, fatal, LA_CAUSE_ICMP, (uint8_t)fatal);
    else
        c->soft_error = (uint8_t)e->error; /* RFC 5461: reported if the connection times out. */
}

void tcp_error(struct tcp *tcp, const struct ip_error *e) {
    if (e->quoted.len < 8) {
        env_drop(tcp->env, LA_D_ICMP_BAD);
        return;
    }
    struct tcp_key key = {e->src, e->dst, get16(e->quoted.data), get16(e->quoted.data + 2)};
    struct tcp_conn *c = tcp_lookup(tcp, &key);
    if (c)
        connection_error(c, e);
    else if (!tcp_embryo_error(tcp, &key, e))
        env_drop(tcp->env, LA_D_ICMP_STRAY);
}
