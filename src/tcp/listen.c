/* Listeners: what a segment means to one (RFC 9293, 3.10.7.2), and the accept queue.
 *
 * A backlog of n means what it means on Linux: n + 1 completed connections wait in the accept queue. When it is full,
 * SYNs are dropped and third segments are not taken; the embryonic connection stays and repeats its SYN+ACK until there
 * is room or it times out (or, with tcp_abort_on_overflow, the peer is told by RST). */
#include "tcp/conn.h"

int tcp_listen_open(struct tcp_conn *c, int backlog) {
    struct tcp *tcp = c->tcp;
    uint32_t most = tcp->params.somaxconn;
    uint32_t n = backlog < 0 || (uint32_t)backlog > most ? most : (uint32_t)backlog;
    if (c->listen) {
        c->listen->backlog = n;
        return 0;
    }
    int error = tcp_port_listen_check(c);
    if (error) return error;
    c->listen = env_zalloc(tcp->env, sizeof *c->listen);
    if (!c->listen) return -LA_ENOMEM;
    c->listen->backlog = n;
    c->listen->first = c->listen->last = POOL_NONE;
    list_init(&c->listen->embryos);
    tcp_set_state(c, LA_LISTEN, LA_CAUSE_CALL, LA_CALL_LISTEN);
    return 0;
}

bool tcp_accept_full(const struct tcp_conn *listener) { return listener->listen->queued > listener->listen->backlog; }

void tcp_accept_refuse(struct tcp_conn *listener) {
    listener->listen->refused++;
    env_drop(listener->tcp->env, LA_D_ACCEPT_FULL);
}

void tcp_accept_put(struct tcp_conn *listener, struct tcp_conn *c) {
    struct tcp_listener *l = listener->listen;
    c->is.queued = 1;
    c->listener = tcp_conn_index(listener);
    c->bind_next = POOL_NONE;
    c->bind_prev = l->last;
    if (l->last != POOL_NONE)
        tcp_conn_at(c->tcp, l->last)->bind_next = tcp_conn_index(c);
    else
        l->first = tcp_conn_index(c);
    l->last = tcp_conn_index(c);
    l->queued++;
}

struct tcp_conn *tcp_accept_take(struct tcp_conn *listener) {
    struct tcp_listener *l = listener->listen;
    if (l->first == POOL_NONE) return NULL;
    struct tcp_conn *c = tcp_conn_at(listener->tcp, l->first);
    l->first = c->bind_next;
    if (l->first != POOL_NONE)
        tcp_conn_at(listener->tcp, l->first)->bind_prev = POOL_NONE;
    else
        l->last = POOL_NONE;
    c->bind_next = c->bind_prev = c->listener = POOL_NONE;
    c->is.queued = 0;
    l->queued--;
    return c;
}

/* Connections that nobody will accept are reset; embryonic ones are forgotten. */
void tcp_listen_close(struct tcp_conn *c) {
    struct tcp_conn *q;
    while ((q = tcp_accept_take(c)) != NULL) {
        if (q->state != LA_CLOSED) tcp_reply_conn(q, TCP_RST | TCP_ACK);
        tcp_end(q, 0, LA_CAUSE_CALL, LA_CALL_CLOSE);
    }
    tcp_embryo_drop_all(c->tcp, c->listen);
    env_release(c->tcp->env, c->listen, sizeof *c->listen);
    c->listen = NULL;
    tcp_set_state(c, LA_CLOSED, LA_CAUSE_CALL, LA_CALL_CLOSE);
}

/* An ACK to a listener is the answer to a SYN cookie, or a mistake. */
static void ack_arrives(struct tcp_conn *listener, struct tcp_in *in) {
    struct tcp *tcp = listener->tcp;
    const struct tcp_seg *s = &in->seg;
    struct tcp_listener *l = listener->listen;
    struct embryo e = {.key = in->key, .at = tcp->env->now, .irs = seq_sub(s->seq, 1), .iss = seq_sub(s->ack, 1)};
    bool expected = l->cookies && tcp->env->now - l->cookie_at < 128 * LA_SECOND && !(s->flags & TCP_SYN);
    if (expected && tcp_cookie_check(tcp, &e.key, e.irs, e.iss, &e.peer_mss)) {
        if (tcp_accept_full(listener)) {
            tcp_accept_refuse(listener);
            return;
        }
        e.zone = tcp_zone_of(in);
        e.peer_wnd = s->wnd;
        e.wnd = tcp_syn_window(listener->rcvbuf, 0);
        tcp_embryo_complete(listener, &e, in);
        return;
    }
    env_drop(tcp->env, expected ? LA_D_COOKIE_BAD : LA_D_LISTEN_ACK);
    bool synack = s->flags & TCP_SYN;
    if (!synack || tcp->params.listen_synack_rst) tcp_reply_rst(tcp, in);
}

void tcp_listen_input(struct tcp_conn *listener, struct tcp_in *in, const struct iss_floor *floor) {
    struct env *env = listener->tcp->env;
    uint16_t flags = in->seg.flags;
    if (flags & TCP_RST) {
        env_drop(env, LA_D_LISTEN_RST);
    } else if (flags & TCP_ACK) {
        ack_arrives(listener, in);
    } else if (!(flags & TCP_SYN)) {
        env_drop(env, LA_D_LISTEN_NO_SYN);
    } else if ((flags & TCP_FIN) && listener->tcp->params.drop_synfin) {
        env_drop(env, LA_D_SYN_FIN);
    } else if (tcp_accept_full(listener)) {
        tcp_accept_refuse(listener);
    } else {
        tcp_embryo_new(listener, in, floor);
    }
}
