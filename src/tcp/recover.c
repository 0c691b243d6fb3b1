/* Finding and repairing losses: fast retransmit and NewReno's fast recovery (RFC 5681, 3.2; RFC 6582), limited transmit
 * (RFC 3042), and what a timeout does (RFC 5681, 3.1; RFC 6298, 5). Congestion windows come from cc.c. */
#include "tcp/conn.h"

static void enter(struct tcp_conn *c) {
    uint32_t mss = tcp_send_mss(c);
    c->ssthresh = tcp_cc_ssthresh(c);
    c->cwnd = c->ssthresh + 3 * mss;
    c->recover = c->snd_max;
    c->is.in_recovery = 1;
    c->limited = 0;
    tcp_ecn_reduced(c);
    env_count(c->tcp->env, LA_C_FAST_RETRANSMITS);
    tcp_mark(c, MARK_REXMIT | MARK_SEND);
}

/* RFC 6582, 3.2: only what goes beyond the last recovery begins a new one. */
static bool may_enter(const struct tcp_conn *c) {
    return !c->is.in_recovery && (seq_gt(c->snd_una, c->recover) || seq_eq(c->recover, c->iss));
}

void tcp_recover_dupack(struct tcp_conn *c) {
    if (c->is.in_recovery) {
        /* A segment has left the network; but no more can have left than were in it (RFC 5681, 3.2). */
        uint32_t mss = tcp_send_mss(c), most = c->ssthresh + seq_len(c->snd_una, c->recover) + 3 * mss;
        if (c->cwnd < most) c->cwnd += mss;
        tcp_mark(c, MARK_SEND);
        return;
    }
    if (c->dupacks < UINT8_MAX) c->dupacks++;
    if (c->dupacks >= c->tcp->params.dupthresh && may_enter(c)) {
        enter(c);
    } else if (c->dupacks < c->tcp->params.dupthresh) {
        c->limited = c->dupacks < 2 ? c->dupacks : 2;
        tcp_mark(c, MARK_SEND);
    }
}

/* RFC 6582, 3.2, step 3: an ACK within the recovery is partial: the next hole is sent and the window deflated. */
static void partial(struct tcp_conn *c, uint32_t acked) {
    uint32_t mss = tcp_send_mss(c);
    c->cwnd = c->cwnd > acked ? c->cwnd - acked : mss;
    if (acked >= mss) c->cwnd += mss;
    if (c->cwnd < mss) c->cwnd = mss;
    tcp_mark(c, MARK_REXMIT | MARK_SEND);
}

static void leave(struct tcp_conn *c, seq ack) {
    uint32_t mss = tcp_send_mss(c), flight = seq_len(ack, c->snd_max);
    uint32_t cwnd = (flight > mss ? flight : mss) + mss;
    c->cwnd = cwnd < c->ssthresh ? cwnd : c->ssthresh;
    c->is.in_recovery = 0;
}

void tcp_recover_ack(struct tcp_conn *c, seq ack, uint32_t acked) {
    c->dupacks = 0;
    c->limited = 0;
    if (!c->is.in_recovery) {
        /* It follows, so that after 2^31 bytes it does not seem to lie ahead. may_enter asks for snd_una beyond it. */
        if (seq_gt(ack, c->recover)) c->recover = seq_sub(ack, 1);
        tcp_cc_acked(c, acked);
        return;
    }
    if (seq_geq(ack, c->recover))
        leave(c, ack);
    else
        partial(c, acked);
}

/* Everything unacknowledged counts as lost; it goes again from the beginning as the window opens. What the receiver has
 * kept is skipped when it acknowledges it. */
void tcp_recover_timeout(struct tcp_conn *c) {
    uint32_t mss = tcp_send_mss(c);
    if (c->backoff == 0) c->ssthresh = tcp_cc_ssthresh(c);
    c->cwnd = mss;
    c->cc_acked = 0;
    c->dupacks = 0;
    c->limited = 0;
    c->is.in_recovery = 0;
    c->recover = c->snd_max;
    c->snd_nxt = c->snd_una;
    c->is.rtt_timing = 0;
    tcp_ecn_reduced(c);
    tcp_mark(c, MARK_SEND);
}

void tcp_recover_mtu(struct tcp_conn *c) {
    uint16_t before = c->mss;
    tcp_send_mss_update(c);
    if (c->mss >= before) return; /* The other reports of the same window: it is on its way again already. */
    if (c->cwnd / before) c->cwnd = c->cwnd / before * c->mss; /* As many packets as before, not as many bytes. */
    if (!tcp_synchronized(c) || seq_geq(c->snd_una, c->snd_max)) return;
    c->snd_nxt = c->snd_una;
    c->is.rtt_timing = 0;
    tcp_mark(c, MARK_SEND);
}
