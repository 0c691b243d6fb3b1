/* The timers of a connection object. Each has a deadline in timer_at; the one wheel node stands at the earliest or
 * before it. Setting a later deadline leaves the node where it is: it fires early, finds nothing due and moves on; so
 * the common case, an ACK that pushes the retransmission timer back, is one store.
 *
 * What fires when is in the state x timer table of state.c; a state change stops what its new state does not run. */
#include "tcp/conn.h"

void tcp_timer_set(struct tcp_conn *c, enum la_timer timer, la_time at) {
    c->timer_at[timer] = at;
    if (at < c->node.at) wheel_arm(c->tcp->wheel, &c->node, at);
}

void tcp_timer_stop(struct tcp_conn *c, enum la_timer timer) { c->timer_at[timer] = LA_NEVER; }

void tcp_timer_stop_all(struct tcp_conn *c) {
    for (unsigned t = 0; t < TCP_CONN_TIMERS; t++) c->timer_at[t] = LA_NEVER;
    wheel_disarm(c->tcp->wheel, &c->node);
}

/* RFC 5482. The time counts from when the peer last made progress, zero window or not. */
static la_time user_deadline(const struct tcp_conn *c) {
    uint32_t gone = tcp_clock_ms(c->tcp) - c->unacked_since;
    uint32_t left = gone < c->user_timeout_ms ? c->user_timeout_ms - gone : 0;
    return c->tcp->env->now + left * LA_MS;
}

void tcp_timer_user(struct tcp_conn *c) {
    if (c->user_timeout_ms && (la_state_timers((enum la_state)c->state) & 1u << LA_TIMER_USER))
        tcp_timer_set(c, LA_TIMER_USER, user_deadline(c));
}

/* BSD's bound on the whole handshake. */
static la_time keepinit(const struct tcp_conn *c) {
    return c->keepinit_s ? c->keepinit_s * LA_SECOND : c->tcp->params.keepinit;
}

/* A connection that opens is given up at the end of keepinit, should that come before the next retransmission. */
static la_time next_timeout(const struct tcp_conn *c) {
    la_time at = c->tcp->env->now + tcp_rto(c), limit = keepinit(c);
    if (!limit || (c->state != LA_SYN_SENT && c->state != LA_SYN_RCVD)) return at;
    la_time gone = (la_time)(tcp_clock_ms(c->tcp) - c->unacked_since) * LA_MS;
    la_time end = c->tcp->env->now + (gone < limit ? limit - gone : 0);
    return end < at ? end : at;
}

void tcp_timer_rexmit_as(struct tcp_conn *c, enum rexmit_kind kind, la_time at) {
    c->eng.rexmit = (uint8_t)kind;
    tcp_timer_set(c, LA_TIMER_RETRANSMIT, at);
}

la_time tcp_timer_rto_at(const struct tcp_conn *c) {
    const struct sent_queue *q = &c->eng.sent;
    return q->count ? sent_at(q, 0)->at + tcp_rto(c) : next_timeout(c);
}

void tcp_timer_rto(struct tcp_conn *c) {
    la_time at = tcp_timer_rto_at(c), now = c->tcp->env->now;
    tcp_timer_rexmit_as(c, REXMIT_RTO, at > now ? at : now + LA_US);
}

/* RFC 6298, 5.1 to 5.3: runs while something is unacknowledged, anew with every ACK that acknowledges something. */
void tcp_timer_rexmit(struct tcp_conn *c) {
    if (seq_geq(c->snd_una, c->snd_max)) {
        tcp_timer_stop(c, LA_TIMER_RETRANSMIT);
        if (seq_geq(c->snd_una, c->snd_end)) tcp_timer_stop(c, LA_TIMER_USER);
        return;
    }
    tcp_timer_user(c);
    bool running = c->timer_at[LA_TIMER_RETRANSMIT] != LA_NEVER;
    if (tcp_tlp_schedule(c, true)) return;
    if (running && c->eng.rexmit != REXMIT_RTO)
        tcp_timer_rto(c);
    else
        tcp_timer_rexmit_as(c, REXMIT_RTO, next_timeout(c));
}

void tcp_timer_sent(struct tcp_conn *c, bool first) {
    bool running = c->timer_at[LA_TIMER_RETRANSMIT] != LA_NEVER;
    tcp_timer_user(c);
    if (tcp_tlp_schedule(c, false)) return;
    if (first || !running || c->eng.rexmit == REXMIT_PROBE) tcp_timer_rto(c);
}

/* How many times something is sent again before the connection ends. */
uint8_t tcp_retries_max(const struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    if (c->state == LA_SYN_RCVD && c->is.fastopen_child) return params->synack_retries;
    if (c->state == LA_SYN_SENT || c->state == LA_SYN_RCVD)
        return c->syn_retries ? c->syn_retries : params->syn_retries;
    if (c->is.orphan) return params->orphan_retries ? params->orphan_retries : 8;
    return params->retries2;
}

enum tcp_verdict tcp_timed_out(struct tcp_conn *c, enum la_timer timer) {
    int error = c->soft_error ? c->soft_error : LA_ETIMEDOUT;
    tcp_end(c, error, LA_CAUSE_TIMER, (uint8_t)timer);
    return GONE;
}

bool tcp_orphan_overdue(const struct tcp_conn *c) {
    la_time first = (la_time)c->rto_us * LA_US, sum = 0;
    if (!c->is.orphan) return false;
    for (unsigned i = 0; i <= tcp_retries_max(c); i++) sum += tcp_rto_backed_off(c->tcp, first, i, c->srtt_us);
    return (tcp_clock_ms(c->tcp) - c->unacked_since) * LA_MS >= sum;
}

static bool handshake_over(const struct tcp_conn *c) {
    la_time limit = keepinit(c);
    return limit && (c->state == LA_SYN_SENT || c->state == LA_SYN_RCVD) &&
           (la_time)(tcp_clock_ms(c->tcp) - c->unacked_since) * LA_MS >= limit;
}

/* The retransmission timer fires for something else than the timeout. */
static void early(struct tcp_conn *c) {
    bool probe = c->eng.rexmit == REXMIT_PROBE;
    c->eng.rexmit = REXMIT_RTO;
    if (probe)
        tcp_tlp_timeout(c);
    else
        tcp_rack_timeout(c);
}

/* A window that has closed over what was in flight makes its repetitions probes: whoever answers them stays (RFC 9293,
 * 3.8.6.1). */
static bool given_up(struct tcp_conn *c) {
    uint8_t max = tcp_retries_max(c);
    if (tcp_orphan_overdue(c)) return true;
    bool closed = c->snd_wnd == 0 && tcp_synchronized(c) && !c->is.orphan;
    if (!closed || c->probes >= max) return c->backoff >= max;
    c->probes++;
    if (c->backoff >= max) c->backoff = (uint8_t)(max - 1);
    return false;
}

static enum tcp_verdict retransmit(struct tcp_conn *c) {
    if (seq_geq(c->snd_una, c->snd_max)) return GO_ON;
    if (c->eng.rexmit != REXMIT_RTO) return early(c), GO_ON;
    if (handshake_over(c)) return tcp_timed_out(c, LA_TIMER_RETRANSMIT);
    if (given_up(c)) return tcp_timed_out(c, LA_TIMER_RETRANSMIT);
    env_count(c->tcp->env, LA_C_RTOS);
    c->tally.timeouts++;
    if (c->backoff == c->tcp->params.retries1 && tcp_path_refresh(c)) tcp_send_mss_update(c); /* RFC 9293, 3.8.3 (a) */
    if (c->state == LA_SYN_SENT || c->state == LA_SYN_RCVD) {
        if (c->is.fastopen_child)
            c->is.synack_due = 1; /* What stands behind it stays where it is. */
        else
            c->snd_nxt = c->iss;
        c->opened_at = LA_NEVER;
        tcp_mark(c, MARK_SEND);
    } else {
        tcp_mtu_timeout(c);
        tcp_recover_timeout(c);
    }
    c->backoff++;
    tcp_timer_rexmit_as(c, REXMIT_RTO, next_timeout(c));
    return GO_ON;
}

static enum tcp_verdict user_timeout(struct tcp_conn *c) {
    if (seq_geq(c->snd_una, c->snd_max) && seq_geq(c->snd_una, c->snd_end)) return GO_ON;
    if (user_deadline(c) <= c->tcp->env->now) return tcp_timed_out(c, LA_TIMER_USER);
    tcp_timer_user(c);
    return GO_ON;
}

static enum tcp_verdict linger(struct tcp_conn *c) {
    tcp_linger_over(c);
    return GO_ON;
}

static enum tcp_verdict pace(struct tcp_conn *c) {
    tcp_mark(c, MARK_SEND);
    return GO_ON;
}

static enum tcp_verdict (*const handlers[TCP_CONN_TIMERS])(struct tcp_conn *) = {
    [LA_TIMER_RETRANSMIT] = retransmit,
    [LA_TIMER_PERSIST] = tcp_persist_fire,
    [LA_TIMER_KEEPALIVE] = tcp_keepalive_fire,
    [LA_TIMER_DELACK] = tcp_delack_fire,
    [LA_TIMER_USER] = user_timeout,
    [LA_TIMER_LINGER] = linger,
    [LA_TIMER_PACE] = pace,
};

static void rearm(struct tcp_conn *c) {
    la_time at = LA_NEVER;
    for (unsigned t = 0; t < TCP_CONN_TIMERS; t++)
        if (c->timer_at[t] < at) at = c->timer_at[t];
    if (at < LA_NEVER) wheel_arm(c->tcp->wheel, &c->node, at);
}

void tcp_timer_fire(struct tcp_conn *c) {
    for (unsigned t = 0; t < TCP_CONN_TIMERS; t++) {
        if (c->timer_at[t] > c->tcp->env->now) continue;
        c->timer_at[t] = LA_NEVER;
        if (handlers[t](c) == GONE) return;
    }
    rearm(c);
    if (c->tcp->env->check) tcp_check(c);
}
