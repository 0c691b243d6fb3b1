/* Keepalive: RFC 9293, 3.8.4. Off unless SO_KEEPALIVE is set. It asks a silent peer whether it still knows the
 * connection; it does not end a CLOSE_WAIT whose peer is alive (C13). */
#include "tcp/conn.h"

static la_time idle(const struct tcp_conn *c) {
    return c->keepidle_s ? c->keepidle_s * LA_SECOND : c->tcp->params.keepidle;
}

static la_time between(const struct tcp_conn *c) {
    return c->keepintvl_s ? c->keepintvl_s * LA_SECOND : c->tcp->params.keepintvl;
}

static uint8_t count(const struct tcp_conn *c) { return c->keepcnt ? c->keepcnt : c->tcp->params.keepcnt; }

static la_time silence(const struct tcp_conn *c) { return (tcp_clock_ms(c->tcp) - c->heard_at) * LA_MS; }

/* Begins, begins anew after an option changed, or stops. */
void tcp_keepalive_start(struct tcp_conn *c) {
    bool may = la_state_timers((enum la_state)c->state) & 1u << LA_TIMER_KEEPALIVE;
    tcp_timer_stop(c, LA_TIMER_KEEPALIVE);
    if (!c->is.keepalive || !may) return;
    la_time quiet = silence(c), wait = idle(c);
    tcp_timer_set(c, LA_TIMER_KEEPALIVE, c->tcp->env->now + (wait > quiet ? wait - quiet : 0));
}

/* The peer has answered something. */
void tcp_keepalive_heard(struct tcp_conn *c) { c->probes = 0; }

/* While data is unacknowledged or waits, the timers of data decide. */
static bool busy(const struct tcp_conn *c) {
    return seq_lt(c->snd_una, c->snd_max) || seq_lt(c->snd_una, c->snd_end) ||
           c->timer_at[LA_TIMER_PERSIST] != LA_NEVER;
}

/* TCP_USER_TIMEOUT, where it is set, takes the place of the number of probes (RFC 5482, 4.2). */
static bool given_up(const struct tcp_conn *c, la_time quiet) {
    if (c->user_timeout_ms) return c->probes > 0 && quiet >= c->user_timeout_ms * LA_MS;
    return c->probes >= count(c);
}

enum tcp_verdict tcp_keepalive_fire(struct tcp_conn *c) {
    la_time quiet = silence(c), wait = idle(c);
    if (busy(c) || quiet < wait) {
        tcp_timer_set(c, LA_TIMER_KEEPALIVE, c->tcp->env->now + (busy(c) || quiet > wait ? wait : wait - quiet));
        return GO_ON;
    }
    if (given_up(c, quiet)) {
        tcp_reply_conn(c, TCP_RST | TCP_ACK);
        return tcp_timed_out(c, LA_TIMER_KEEPALIVE);
    }
    if (c->probes < UINT8_MAX) c->probes++;
    env_count(c->tcp->env, LA_C_KEEPALIVE_PROBES);
    tcp_mark(c, MARK_KEEPALIVE);
    tcp_timer_set(c, LA_TIMER_KEEPALIVE, c->tcp->env->now + between(c));
    return GO_ON;
}
