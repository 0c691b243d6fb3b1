/* The state machine: the one table of legal moves, the state x timer table, and the one function that changes a state.
 *
 * What comes in: a connection, the state it shall have, and the cause. What goes out: the state, the timers it may run,
 * an entry in the connection's history and in the stack's trace, counts, and the event for the owner. doc/states.svg
 * and the tables in doc/states.md are made from `moves` below, and the tests of all moves read it.
 *
 * Records (listen.c, timewait.c) have no connection object; they report their moves through tcp_trace_move.
 *
 * RFC 9293, 3.3.2 and 3.10; RFC 1122, 4.2.2.13; RFC 6191. */
#include "tcp/conn.h"

#define T(timer) (1u << LA_TIMER_##timer)

/* Why a move is legal; NULL: it is not. */
static const char *const moves[LA_NSTATES][LA_NSTATES] = {
    [LA_CLOSED] =
        {
            [LA_LISTEN] = "passive open",
            [LA_SYN_SENT] = "active open: send SYN",
        },
    [LA_LISTEN] =
        {
            [LA_SYN_RCVD] = "SYN arrives: send SYN+ACK",
            [LA_CLOSED] = "close",
        },
    [LA_SYN_SENT] =
        {
            [LA_ESTABLISHED] = "SYN+ACK arrives: send ACK",
            [LA_SYN_RCVD] = "SYN arrives (simultaneous open): send SYN+ACK",
            [LA_CLOSED] = "close, RST or timeout",
        },
    [LA_SYN_RCVD] =
        {
            [LA_ESTABLISHED] = "ACK of SYN arrives",
            [LA_FIN_WAIT_1] = "close: send FIN",
            [LA_LISTEN] = "RST or timeout after a passive open",
            [LA_CLOSED] = "RST, abort or timeout",
        },
    [LA_ESTABLISHED] =
        {
            [LA_FIN_WAIT_1] = "close or shutdown: send FIN",
            [LA_CLOSE_WAIT] = "FIN arrives: send ACK",
            [LA_CLOSED] = "RST, abort or timeout",
        },
    [LA_FIN_WAIT_1] =
        {
            [LA_FIN_WAIT_2] = "ACK of FIN arrives",
            [LA_CLOSING] = "FIN arrives: send ACK",
            [LA_TIME_WAIT] = "FIN and ACK of FIN arrive: send ACK",
            [LA_CLOSED] = "RST, abort or timeout",
        },
    [LA_FIN_WAIT_2] =
        {
            [LA_TIME_WAIT] = "FIN arrives: send ACK",
            [LA_CLOSED] = "RST, abort, or timeout without owner",
        },
    [LA_CLOSE_WAIT] =
        {
            [LA_LAST_ACK] = "close or shutdown: send FIN",
            [LA_CLOSED] = "RST, abort or timeout",
        },
    [LA_CLOSING] =
        {
            [LA_TIME_WAIT] = "ACK of FIN arrives",
            [LA_CLOSED] = "RST, abort or timeout",
        },
    [LA_LAST_ACK] =
        {
            [LA_CLOSED] = "ACK of FIN arrives, RST or timeout",
        },
    [LA_TIME_WAIT] =
        {
            [LA_CLOSED] = "2 MSL have passed, or a newer SYN takes the tuple",
        },
};

static const unsigned state_timers[LA_NSTATES] = {
    [LA_SYN_SENT] = T(RETRANSMIT) | T(USER),
    [LA_SYN_RCVD] = T(RETRANSMIT) | T(USER),
    [LA_ESTABLISHED] = T(RETRANSMIT) | T(PERSIST) | T(PACE) | T(KEEPALIVE) | T(DELACK) | T(USER),
    [LA_FIN_WAIT_1] = T(RETRANSMIT) | T(PERSIST) | T(PACE) | T(KEEPALIVE) | T(DELACK) | T(USER) | T(LINGER),
    [LA_FIN_WAIT_2] = T(KEEPALIVE) | T(DELACK) | T(FIN_WAIT_2),
    [LA_CLOSE_WAIT] = T(RETRANSMIT) | T(PERSIST) | T(PACE) | T(KEEPALIVE) | T(DELACK) | T(USER),
    [LA_CLOSING] = T(RETRANSMIT) | T(PERSIST) | T(PACE) | T(USER) | T(LINGER),
    [LA_LAST_ACK] = T(RETRANSMIT) | T(PERSIST) | T(PACE) | T(USER) | T(LINGER),
    [LA_TIME_WAIT] = T(TIME_WAIT),
};

bool la_move_legal(enum la_state from, enum la_state to) { return la_move_why(from, to) != NULL; }

const char *la_move_why(enum la_state from, enum la_state to) {
    if ((unsigned)from >= LA_NSTATES || (unsigned)to >= LA_NSTATES) return NULL;
    return moves[from][to];
}

unsigned la_state_timers(enum la_state state) { return (unsigned)state < LA_NSTATES ? state_timers[state] : 0; }

static void history_add(struct tcp_conn *c, const struct la_move *m) {
    struct tcp_move *slot = &c->history[c->moves++ % LA_HISTORY];
    *slot = (struct tcp_move){{(uint32_t)(m->at >> 32), (uint32_t)m->at}, m->from, m->to, m->cause, m->what};
}

void tcp_trace_move(struct tcp *tcp, const struct tcp_key *key, la_sock sock, const struct la_move *move) {
    if (!tcp->env->trace) return;
    struct la_trace t = {.move = *move, .sock = sock};
    t.local = (struct la_endpoint){key->local, key->local_port, 0};
    t.peer = (struct la_endpoint){key->peer, key->peer_port, 0};
    env_trace(tcp->env, &t);
}

void tcp_state_inherit(struct tcp_conn *c, const struct la_move *move) {
    c->tcp->count[c->state]--;
    c->state = move->to;
    c->tcp->count[c->state]++;
    history_add(c, move);
}

static void stop_foreign_timers(struct tcp_conn *c) {
    for (unsigned t = 0; t < TCP_CONN_TIMERS; t++)
        if (!(state_timers[c->state] & 1u << t)) tcp_timer_stop(c, (enum la_timer)t);
}

/* What the owner learns from a move. End of file and data are announced where they are queued (recv.c). */
static void announce(struct tcp_conn *c, enum la_state from) {
    uint32_t bits = 0;
    if (c->state == LA_ESTABLISHED && !c->is.passive) bits = LA_EV_CONNECTED | LA_EV_WRITABLE;
    if (c->state == LA_CLOSED) bits = LA_EV_CLOSED;
    if (bits && c->is.owned && from != LA_LISTEN) event_post(c->tcp->events, &c->event, bits);
}

static void count_move(struct tcp_conn *c, enum la_state from, enum la_cause cause) {
    struct env *env = c->tcp->env;
    c->tcp->count[from]--;
    c->tcp->count[c->state]++;
    if (c->state == LA_SYN_SENT) env_count(env, LA_C_ACTIVE_OPENS);
    if (c->state == LA_ESTABLISHED) env_count(env, LA_C_ESTABLISHED);
    if (c->state != LA_CLOSED) return;
    if (from == LA_SYN_SENT || from == LA_SYN_RCVD) env_count(env, LA_C_CONNECT_FAILS);
    if (cause == LA_CAUSE_TIMER) env_count(env, LA_C_TIMEOUTS);
}

void tcp_set_state(struct tcp_conn *c, enum la_state state, enum la_cause cause, uint8_t what) {
    enum la_state from = (enum la_state)c->state;
    ASSERT(la_move_legal(from, state));
    struct la_move move = {c->tcp->env->now, (uint8_t)from, (uint8_t)state, (uint8_t)cause, what};
    c->state = (uint8_t)state;
    stop_foreign_timers(c);
    history_add(c, &move);
    tcp_trace_move(c->tcp, &c->key, c->is.owned ? c->event.sock : -1, &move);
    count_move(c, from, cause);
    announce(c, from);
    if (from == LA_SYN_RCVD && c->is.fastopen_child)
        tcp_fastopen_left(c, state == LA_CLOSED && cause == LA_CAUSE_SEGMENT);
}
