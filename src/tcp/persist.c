/* The persist timer: data waits, nothing is in flight, and the peer's window lets nothing go. A probe asks again, at
 * growing intervals, for as long as the peer answers (RFC 9293, 3.8.6.1; RFC 6429). Unanswered probes end the
 * connection like unanswered data; an orphan does not get to wait for ever. */
#include "tcp/conn.h"

#define PERSIST_MIN (200 * LA_MS) /* RFC 1122, 4.2.3.4: a small window is overridden after 0.1 to 1 s. */

/* The window is open: it is too small for a segment worth sending, or TCP_CORK or MSG_MORE holds one back. */
static bool held_back(const struct tcp_conn *c) { return c->snd_wnd > 0; }

static la_time interval(const struct tcp_conn *c) {
    la_time rto = tcp_rto(c);
    if (held_back(c) && !c->backoff) return PERSIST_MIN;
    return rto > PERSIST_MIN ? rto : PERSIST_MIN;
}

void tcp_persist_start(struct tcp_conn *c) {
    if (c->timer_at[LA_TIMER_PERSIST] != LA_NEVER) return;
    tcp_timer_stop(c, LA_TIMER_RETRANSMIT);
    c->backoff = 0;
    tcp_timer_set(c, LA_TIMER_PERSIST, c->tcp->env->now + interval(c));
    tcp_timer_user(c);
}

enum tcp_verdict tcp_persist_fire(struct tcp_conn *c) {
    bool waits = seq_lt(c->snd_una, c->snd_end) || (c->is.fin_queued && !tcp_fin_acked(c));
    if (!waits) return GO_ON;
    uint8_t max = tcp_retries_max(c);
    if (c->probes >= max || (c->is.orphan && c->backoff >= max) || tcp_orphan_overdue(c))
        return tcp_timed_out(c, LA_TIMER_PERSIST);
    if (held_back(c)) {
        c->is.more = c->is.more_waits = 0; /* Nothing more has come. */
    } else {
        c->probes++;
        env_count(c->tcp->env, LA_C_ZERO_WINDOW_PROBES);
    }
    if (c->backoff < UINT8_MAX) c->backoff++;
    tcp_mark(c, MARK_PROBE);
    tcp_timer_set(c, LA_TIMER_PERSIST, c->tcp->env->now + interval(c));
    return GO_ON;
}
