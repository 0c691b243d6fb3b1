/* The user's verbs that open and close: RFC 9293, 3.10.1 to 3.10.6, with the BSD names and Linux's errors. They change
 * variables and states and set marks; the path of output is the same as for a segment. Reading and writing: stream.c.
 * Options: sockopt.c. */
#include "tcp/conn.h"

struct tcp_conn *tcp_conn_of(const struct tcp *tcp, la_sock sock) {
    uint32_t index;
    struct tcp_conn *c = pool_find(&tcp->conns, sock, &index);
    return c && c->is.owned && !c->is.released && !c->is.lingering ? c : NULL;
}

la_sock tcp_socket(struct tcp *tcp, int family) {
    if (family != LA_AF_INET && family != LA_AF_INET6) return -LA_EAFNOSUPPORT;
    struct tcp_conn *c = tcp_conn_new(tcp);
    if (!c) return -LA_ENOMEM;
    c->is.owned = 1;
    c->is.v6 = family == LA_AF_INET6;
    if (!c->is.v6) c->key.local = c->key.peer = la_addr4(0, 0, 0, 0);
    return c->event.sock;
}

int tcp_owner_set(struct tcp *tcp, la_sock sock, uint64_t owner) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    c->event.owner = owner;
    return 0;
}

/* An IPv4 socket takes IPv4 addresses; an IPv6 one takes both unless v6only. */
static bool family_fits(const struct tcp_conn *c, const struct la_addr *addr) {
    bool four = la_addr_is4(addr);
    return c->is.v6 ? !four || !c->is.v6only : four;
}

int tcp_bind(struct tcp *tcp, la_sock sock, const struct la_endpoint *local) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (!local) return -LA_EFAULT;
    if (c->state != LA_CLOSED || c->is.bound || c->moves) return -LA_EINVAL;
    if (!family_fits(c, &local->addr)) return c->is.v6 ? -LA_EINVAL : -LA_EAFNOSUPPORT;
    if (!ip_is_any(&local->addr) && !ip_is_local_in(tcp->ip, local->zone, &local->addr)) return -LA_EADDRNOTAVAIL;
    c->zone = local->zone;
    return tcp_port_bind(c, local);
}

int tcp_listen(struct tcp *tcp, la_sock sock, int backlog) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (c->state != LA_LISTEN && (c->state != LA_CLOSED || c->moves)) return -LA_EINVAL;
    if (!c->is.bound) {
        struct la_endpoint any = {.addr = c->key.local};
        int error = tcp_port_bind(c, &any);
        if (error) return error;
    }
    return tcp_listen_open(c, backlog);
}

/* What an accepted socket would have been told, had it had an owner. */
static void announce_level(struct tcp_conn *c) {
    int level = tcp_ready(c->tcp, c->event.sock);
    if (level > 0) event_post(c->tcp->events, &c->event, (uint32_t)level);
}

la_sock tcp_accept(struct tcp *tcp, la_sock sock, struct la_endpoint *peer) {
    struct tcp_conn *listener = tcp_conn_of(tcp, sock);
    if (!listener) return -LA_EBADF;
    if (listener->state != LA_LISTEN) return -LA_EINVAL;
    struct tcp_conn *c = tcp_accept_take(listener);
    if (!c) return -LA_EAGAIN;
    c->is.owned = 1;
    if (peer) *peer = (struct la_endpoint){c->key.peer, c->key.peer_port, c->zone};
    env_count(tcp->env, LA_C_ACCEPTED);
    announce_level(c);
    return c->event.sock;
}

/* connect() once more, on a socket that has been through it. */
static int connect_again(struct tcp_conn *c) {
    if (c->is.deferred) return -LA_EISCONN;
    if (c->state == LA_SYN_SENT || c->state == LA_SYN_RCVD) return -LA_EALREADY;
    if (c->error) {
        int error = c->error;
        c->error = 0;
        return -error;
    }
    if (c->state == LA_CLOSED || c->state == LA_LISTEN) return c->state == LA_LISTEN ? -LA_EISCONN : -LA_ECONNABORTED;
    if (c->is.connect_done || c->is.passive) return -LA_EISCONN;
    c->is.connect_done = 1;
    return 0;
}

static int choose_tuple(struct tcp_conn *c, const struct la_endpoint *peer) {
    struct ip_path path;
    struct iss_floor floor = {.set = false};
    struct la_addr bound = c->key.local;
    uint16_t zone = peer->zone ? peer->zone : c->zone;
    int error = ip_path_find(c->tcp->ip, &peer->addr, ip_is_any(&bound) ? NULL : &bound, zone, &path);
    if (error) return error;
    if (path.broadcast) return -LA_ENETUNREACH; /* RFC 1122, 4.2.3.10. */
    c->zone = zone;
    c->key.local = path.src;
    c->key.peer = peer->addr;
    c->key.peer_port = peer->port;
    error = tcp_port_connect(c, &floor);
    if (!error && (!tcp_path_refresh(c) || !tcp_hash(c))) error = -LA_ENOMEM;
    if (error) {
        if (!c->is.bind_called) tcp_port_leave(c);
        c->key.local = bound;
        c->key.peer_port = 0;
        return error;
    }
    tcp_open_send(c, tcp_isn(c->tcp, &c->key, &floor));
    return 0;
}

int tcp_connect(struct tcp *tcp, la_sock sock, const struct la_endpoint *peer) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (!peer) return -LA_EFAULT;
    if (c->state != LA_CLOSED || c->moves) return connect_again(c);
    if (!family_fits(c, &peer->addr)) return c->is.v6 ? -LA_ENETUNREACH : -LA_EAFNOSUPPORT;
    if (c->zone && peer->zone && c->zone != peer->zone) return -LA_EINVAL;
    if (ip_is_any(&peer->addr) || ip_is_multicast(&peer->addr)) return -LA_ENETUNREACH;
    if (!peer->port) return -LA_ECONNREFUSED;
    int error = choose_tuple(c, peer);
    if (error) return error;
    tcp_set_state(c, LA_SYN_SENT, LA_CAUSE_CALL, LA_CALL_CONNECT);
    if (tcp_fastopen_defers(c)) return 0;
    tcp_mark(c, MARK_SEND);
    return -LA_EINPROGRESS;
}

/* FIN goes behind the data: RFC 9293, 3.10.4. */
static void send_fin(struct tcp_conn *c, enum la_call call) {
    if (c->is.fin_queued) return;
    c->is.fin_queued = 1;
    if (seq_eq(c->snd_una, c->snd_end)) c->unacked_since = tcp_clock_ms(c->tcp);
    if (c->state == LA_ESTABLISHED)
        tcp_set_state(c, LA_FIN_WAIT_1, LA_CAUSE_CALL, (uint8_t)call);
    else if (c->state == LA_CLOSE_WAIT)
        tcp_set_state(c, LA_LAST_ACK, LA_CAUSE_CALL, (uint8_t)call);
    tcp_mark(c, MARK_SEND);
}

int tcp_shutdown(struct tcp *tcp, la_sock sock, int how) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (how != LA_SHUT_RD && how != LA_SHUT_WR && how != LA_SHUT_RDWR) return -LA_EINVAL;
    bool read = how != LA_SHUT_WR, write = how != LA_SHUT_RD;
    if (c->state == LA_LISTEN && read) { /* Linux: it listens no more, and who waits in accept() is woken. */
        tcp_listen_close(c);
        event_post(tcp->events, &c->event, LA_EV_READABLE | LA_EV_EOF | LA_EV_CLOSED);
        return 0;
    }
    if (c->state == LA_CLOSED || c->state == LA_TIME_WAIT || c->state == LA_LISTEN) return -LA_ENOTCONN;
    if (c->state == LA_SYN_SENT) { /* Linux: gives the attempt up. */
        tcp_end(c, LA_ECONNRESET, LA_CAUSE_CALL, LA_CALL_SHUTDOWN);
        return 0;
    }
    if (read && !c->is.read_shut) {
        c->is.read_shut = 1;
        if (tcp->params.shut_rd == SHUT_RD_DISCARD) tcp_recv_discard(c);
        event_post(tcp->events, &c->event, LA_EV_READABLE | LA_EV_EOF);
    }
    if (write) send_fin(c, LA_CALL_SHUTDOWN);
    return 0;
}

/* RST to the peer and the end, whatever was unsent or unread. */
static void reset(struct tcp_conn *c, enum la_call call) {
    if (tcp_synchronized(c) || c->state == LA_SYN_RCVD) tcp_reply_conn(c, TCP_RST | TCP_ACK);
    c->error = 0;
    tcp_end(c, 0, LA_CAUSE_CALL, (uint8_t)call);
}

/* The handle goes. What the connection still has to do, it does alone; FIN_WAIT_2 does it as a record. */
static void detach(struct tcp_conn *c) {
    struct tcp *tcp = c->tcp;
    bool live = c->state != LA_CLOSED && c->state != LA_TIME_WAIT;
    if (live && tcp->orphans >= tcp->params.orphans_max) {
        tcp_drop(c, LA_D_ORPHAN_LIMIT);
        tcp_reply_conn(c, TCP_RST | TCP_ACK);
        tcp_end(c, 0, LA_CAUSE_STACK, LA_D_ORPHAN_LIMIT);
    }
    bool fin_wait_2 = c->state == LA_FIN_WAIT_2;
    tcp_orphan(c);
    if (fin_wait_2) tcp_timewait_enter(c);
}

/* SO_LINGER {1,n}: the handle stays until all is acknowledged or the time is over (C21). */
static bool must_linger(const struct tcp_conn *c) {
    return c->is.linger_on && c->linger_s > 0 && tcp_synchronized(c) && !tcp_fin_acked(c);
}

int tcp_close(struct tcp *tcp, la_sock sock) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (c->state == LA_LISTEN) {
        tcp_listen_close(c);
    } else if (c->state == LA_SYN_SENT) {
        tcp_end(c, 0, LA_CAUSE_CALL, LA_CALL_CLOSE);
    } else if ((c->is.linger_on && c->linger_s == 0) || tcp_unread(c) > 0) {
        /* C20; and RFC 2525, 2.17: who has not read everything did not get everything. */
        if (c->state != LA_CLOSED && c->state != LA_TIME_WAIT) reset(c, LA_CALL_CLOSE);
    } else if (c->state != LA_CLOSED && c->state != LA_TIME_WAIT) {
        send_fin(c, LA_CALL_CLOSE);
        if (must_linger(c)) {
            c->is.lingering = 1;
            event_cancel(&c->event);
            tcp_timer_set(c, LA_TIMER_LINGER, tcp->env->now + c->linger_s * LA_SECOND);
            return -LA_EINPROGRESS;
        }
    }
    detach(c);
    return 0;
}

/* A lingering close can be cut short, too. */
int tcp_abort(struct tcp *tcp, la_sock sock) {
    uint32_t index;
    struct tcp_conn *c = pool_find(&tcp->conns, sock, &index);
    if (!c || !c->is.owned || c->is.released) return -LA_EBADF;
    c->is.lingering = 0;
    if (c->state == LA_LISTEN)
        tcp_listen_close(c);
    else if (c->state != LA_CLOSED && c->state != LA_TIME_WAIT)
        reset(c, LA_CALL_ABORT);
    detach(c);
    return 0;
}

int tcp_abort_tuple(struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *peer) {
    const struct tcp_key key = {local->addr, peer->addr, local->port, peer->port};
    struct tcp_conn *c = tcp_lookup(tcp, &key);
    if (!c) return tcp_embryo_abort(tcp, &key) || tcp_timewait_abort(tcp, &key) ? 0 : -LA_ENOENT;
    if (tcp_synchronized(c) || c->state == LA_SYN_RCVD) tcp_reply_conn(c, TCP_RST | TCP_ACK);
    tcp_end(c, LA_ECONNABORTED, LA_CAUSE_CALL, LA_CALL_ABORT);
    return 0;
}

/* The event that ends a lingering close has been taken. */
void tcp_event_taken(struct tcp *tcp, la_sock sock, uint32_t events) {
    uint32_t index;
    if (!(events & LA_EV_CLOSED)) return;
    struct tcp_conn *c = pool_find(&tcp->conns, sock, &index);
    if (c && c->is.released) detach(c);
}

int tcp_getname(const struct tcp *tcp, la_sock sock, struct la_endpoint *local, struct la_endpoint *peer) {
    const struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    bool connected = tcp_synchronized(c) || c->state == LA_SYN_RCVD || c->state == LA_TIME_WAIT;
    if (peer && !connected) return -LA_ENOTCONN;
    if (local) *local = (struct la_endpoint){c->key.local, c->key.local_port, c->zone};
    if (peer) *peer = (struct la_endpoint){c->key.peer, c->key.peer_port, c->zone};
    return 0;
}
