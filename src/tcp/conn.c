/* The connection object: its making and its end, its marks, its way to the peer, and the check of all its invariants.
 *
 * Ownership: tcp_conn_new gives an object that nobody owns; user.c and tcp_accept make it owned by a handle. An object
 * is freed when it is CLOSED (or a record has taken over) and neither a handle nor an accept queue holds it. tcp_end is
 * the one way to CLOSED. */
#include "tcp/conn.h"

struct tcp_conn *tcp_conn_new(struct tcp *tcp) {
    uint32_t index;
    struct tcp_conn *c = pool_get(&tcp->conns, &index);
    if (!c) return NULL;
    c->tcp = tcp;
    c->event.sock = pool_handle(&tcp->conns, index);
    c->state = LA_CLOSED;
    tcp->count[LA_CLOSED]++;
    c->node.kind = WHEEL_CONN;
    c->node.at = LA_NEVER;
    for (unsigned t = 0; t < TCP_CONN_TIMERS; t++) c->timer_at[t] = LA_NEVER;
    c->bind_next = c->bind_prev = c->listener = POOL_NONE;
    c->rcvbuf = tcp->params.rcvbuf;
    c->sndbuf = tcp->params.sndbuf;
    c->linger2_s = 0;
    c->opened_at = LA_NEVER;
    c->mtu.discover = tcp->params.no_pmtu_disc ? LA_PMTUDISC_DONT : LA_PMTUDISC_WANT;
    sent_init(&c->eng.sent);
    c->eng.cc.ops = cc_at(tcp->params.congestion);
    c->rcvlowat = 1;
    tcp_rtt_init(c);
    return c;
}

void tcp_conn_free(struct tcp_conn *c) {
    struct tcp *tcp = c->tcp;
    ASSERT(!c->is.queued && !c->listen);
    if (c->is.orphan) tcp->orphans--;
    tcp_timer_stop_all(c);
    tcp_unhash(c);
    tcp_port_leave(c);
    if (list_linked(&c->out)) list_remove(&c->out);
    event_cancel(&c->event);
    buffer_clear(&c->snd, &tcp->slabs);
    buffer_clear(&c->rcv, &tcp->slabs);
    ranges_free(&c->ooo, tcp->env);
    ranges_free(&c->eor, tcp->env);
    tcp_score_clear(c);
    tcp_cwnd_free(c);
    tcp_fastopen_options_free(c);
    tcp_accecn_free(c);
    tcp->count[c->is.detached ? LA_CLOSED : c->state]--;
    pool_put(&tcp->conns, tcp_conn_index(c));
}

/* Asks for output. The connection waits in its interface's list until la_output comes to it. */
void tcp_mark(struct tcp_conn *c, unsigned marks) {
    c->marks |= (uint8_t)marks;
    if (!list_linked(&c->out)) list_append(&c->tcp->out[c->path.iface], &c->out);
}

bool tcp_hash(struct tcp_conn *c) {
    uint64_t hash = tcp_key_hash(c->tcp, &c->key);
    if (!table_insert(&c->tcp->tuples, hash, tcp_conn_index(c))) return false;
    c->is.hashed = 1;
    return true;
}

void tcp_unhash(struct tcp_conn *c) {
    if (!c->is.hashed) return;
    if (c->tcp->latest == c) c->tcp->latest = NULL;
    table_remove(&c->tcp->tuples, tcp_key_hash(c->tcp, &c->key), tcp_conn_index(c));
    c->is.hashed = 0;
}

bool tcp_may_send(const struct tcp_conn *c) {
    bool child = c->state == LA_SYN_RCVD && c->is.fastopen_child; /* RFC 7413, 4.2.2. */
    return (c->state == LA_ESTABLISHED || c->state == LA_CLOSE_WAIT || child) && !c->is.fin_queued;
}

bool tcp_fin_acked(const struct tcp_conn *c) { return c->is.fin_queued && seq_gt(c->snd_una, c->snd_end); }

uint32_t tcp_unread(const struct tcp_conn *c) {
    uint32_t n = seq_len(c->rcv_read, c->rcv_nxt);
    return c->is.fin_received && n > 0 ? n - 1 : n;
}

void tcp_drop(struct tcp_conn *c, enum la_drop drop) {
    struct env *env = c->tcp->env;
    env_drop(env, drop);
    if (!env->trace) return;
    struct la_trace t = {.is_drop = true, .drop = (uint8_t)drop, .sock = c->is.owned ? c->event.sock : -1};
    t.local = (struct la_endpoint){c->key.local, c->key.local_port, 0};
    t.peer = (struct la_endpoint){c->key.peer, c->key.peer_port, 0};
    env_trace(env, &t);
}

/* Finds the way to the peer again when routes or the path MTU have changed. False: there is none now. */
bool tcp_path_refresh(struct tcp_conn *c) {
    struct tcp *tcp = c->tcp;
    struct ip_path path;
    if (ip_path_find(tcp->ip, &c->key.peer, &c->key.local, c->zone, &path) < 0) return false;
    bool moved = path.iface != c->path.iface && list_linked(&c->out);
    c->path = (struct tcp_path){path.next_hop, path.generation, path.iface, path.mtu, path.metrics};
    if (moved) {
        list_remove(&c->out);
        list_append(&tcp->out[c->path.iface], &c->out);
    }
    return true;
}

/* What is unsent goes away with the connection; what was received stays for its owner to read. */
static void let_go(struct tcp_conn *c) {
    buffer_clear(&c->snd, &c->tcp->slabs);
    ranges_free(&c->ooo, c->tcp->env);
    ranges_free(&c->eor, c->tcp->env);
    if (list_linked(&c->out)) list_remove(&c->out);
    c->marks = 0;
    tcp_score_clear(c);
    tcp_cwnd_free(c);
    c->snd_una = c->snd_nxt = c->snd_max = c->snd_end;
    tcp_chrono(c);
    tcp_timer_stop_all(c);
    tcp_unhash(c);
}

void tcp_linger_over(struct tcp_conn *c) {
    c->is.lingering = 0;
    c->is.released = 1;
    tcp_timer_stop(c, LA_TIMER_LINGER);
    event_post(c->tcp->events, &c->event, LA_EV_CLOSED);
}

void tcp_end(struct tcp_conn *c, int error, enum la_cause cause, uint8_t what) {
    ASSERT(c->state != LA_LISTEN);
    let_go(c);
    if (c->state != LA_CLOSED && c->state != LA_TIME_WAIT) tcp_set_state(c, LA_CLOSED, cause, what);
    if (!c->is.owned && !c->is.queued) {
        tcp_conn_free(c);
        return;
    }
    tcp_port_leave(c);
    c->error = error;
    if (!c->is.owned) return;
    if (c->is.lingering) {
        tcp_linger_over(c);
        return;
    }
    if (c->is.released) return;
    event_post(c->tcp->events, &c->event, LA_EV_READABLE | LA_EV_WRITABLE | LA_EV_EOF | (error ? LA_EV_ERROR : 0u));
}

void tcp_orphan(struct tcp_conn *c) {
    c->is.owned = c->is.released = 0;
    event_cancel(&c->event);
    if (c->state == LA_CLOSED || c->state == LA_TIME_WAIT) {
        tcp_conn_free(c);
        return;
    }
    c->is.orphan = 1;
    c->tcp->orphans++;
    buffer_clear(&c->rcv, &c->tcp->slabs);
    ranges_free(&c->ooo, c->tcp->env);
    ranges_free(&c->eor, c->tcp->env);
    c->rcv_read = c->rcv_nxt;
}

void tcp_check(const struct tcp_conn *c) {
    ASSERT(c->state < LA_NSTATES);
    ASSERT(seq_leq(c->snd_una, c->snd_nxt) && seq_leq(c->snd_nxt, c->snd_max));
    ASSERT(seq_leq(c->snd_max, seq_add(c->snd_end, c->is.fin_queued ? 1 : 0)));
    ASSERT(seq_leq(c->rcv_read, c->rcv_nxt));
    ASSERT(!tcp_synchronized(c) || seq_leq(c->rcv_nxt, c->rcv_adv));
    ASSERT(c->is.hashed || !tcp_synchronized(c));
    for (unsigned t = 0; t < TCP_CONN_TIMERS; t++)
        ASSERT(c->timer_at[t] == LA_NEVER || (la_state_timers((enum la_state)c->state) & 1u << t));
    /* Data that came with a SYN stands at rcv_nxt until the connection is established. */
    seq gap = c->state == LA_SYN_RCVD ? seq_sub(c->rcv_nxt, 1) : c->rcv_nxt;
    for (unsigned i = 0; i < c->ooo.count; i++) ASSERT(seq_lt(gap, c->ooo.at[i].from));
    ASSERT(!c->marks || list_linked(&c->out));
    bool unacked = seq_lt(c->snd_una, c->snd_max);
    ASSERT(!unacked || !tcp_synchronized(c) || c->timer_at[LA_TIMER_RETRANSMIT] != LA_NEVER ||
           c->timer_at[LA_TIMER_PERSIST] != LA_NEVER || c->marks);
    ASSERT(!tcp_synchronized(c) || c->eng.cc.cwnd >= 1);
    if (tcp_synchronized(c)) tcp_score_check(c);
}
