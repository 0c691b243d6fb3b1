/* Tail loss probe (RFC 8985, 7): when nothing has come back for two round trips, one segment is sent that makes the
 * peer say what it has, so that a lost tail is repaired by SACK and not by the timeout. */
#include "tcp/conn.h"

#define TIMER_LEAST (2 * LA_MS)
#define ACK_DELAY_MOST (200 * LA_MS) /* WCDelAckT: the longest delayed ACK. */

bool tcp_tlp_schedule(struct tcp_conn *c, bool anew) {
    const struct tcp_engine *e = &c->eng;
    const struct tcp_params *params = &c->tcp->params;
    bool allowed = params->tlp && c->is.sack_on && e->sent.count && tcp_synchronized(c) && !e->tlp_out &&
                   (e->phase == CC_OPEN || e->phase == CC_CWR) && !e->sacked_out && c->backoff == 0;
    if (!allowed) return false;
    la_time now = c->tcp->env->now, pto = LA_SECOND;
    if (c->srtt_us) {
        la_time least = TIMER_LEAST + params->clock_resolution;
        pto = 2 * c->srtt_us * LA_US + (e->sent.count == 1 ? ACK_DELAY_MOST : least);
    }
    la_time rto = anew ? now + tcp_rto(c) : tcp_timer_rto_at(c);
    la_time at = now + pto < rto || rto <= now ? now + pto : rto;
    tcp_timer_rexmit_as(c, REXMIT_PROBE, at);
    return true;
}

/* RFC 8985, 7.3. The probe goes whatever the congestion window says; the timeout stands behind it. */
void tcp_tlp_timeout(struct tcp_conn *c) {
    env_count(c->tcp->env, LA_C_TLP_PROBES);
    if (!c->eng.tlp_out) tcp_mark(c, MARK_TLP);
    tcp_timer_rexmit_as(c, REXMIT_RTO, c->tcp->env->now + tcp_rto(c));
}

/* RFC 8985, 7.4.2: did the probe repair a loss without anybody's noticing? Then the window pays for it. */
void tcp_tlp_ack(struct tcp_conn *c, const struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    if (!e->tlp_out || seq_lt(a->ack, e->tlp_end)) return;
    if (!e->tlp_again || a->dsack_tlp) {
        e->tlp_out = false; /* New data, or the original has arrived, too. */
    } else if (seq_gt(a->ack, e->tlp_end)) {
        env_count(c->tcp->env, LA_C_TLP_REPAIRS);
        tcp_cwnd_reduce_begin(c);
        tcp_recover_phase(c, CC_CWR);
        tcp_cwnd_reduce_end(c);
        tcp_recover_reopen(c);
    } else if (!a->advanced && a->plain && !a->sacked) {
        e->tlp_out = false; /* A duplicate ACK: both have arrived, and the peer has no D-SACK. */
    }
}
