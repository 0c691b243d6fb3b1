/* What may go now: SYN, data, FIN, a repetition, a probe, or a bare ACK. The decision only; output.c builds and sends.
 *
 * RFC 9293, 3.7.4 (Nagle, as Minshall has it: only one small segment unacknowledged), 3.8.6.2.1 (silly window, sender's
 * side), 3.8.6.1 (zero window). When data waits, nothing is in flight and nothing may go, the persist timer runs; so no
 * state of this file waits for the peer alone. */
#include "tcp/conn.h"

#define TS_OPTION_BYTES 12

void tcp_send_mss_update(struct tcp_conn *c) {
    uint16_t mss = tcp_path_mss(&c->key.peer, c->path.mtu, c->user_mss);
    c->mss = c->peer_mss && c->peer_mss < mss ? c->peer_mss : mss;
}

uint32_t tcp_send_mss(const struct tcp_conn *c) {
    uint32_t options = c->is.ts_on ? TS_OPTION_BYTES : 0;
    return c->mss > options ? c->mss - options : 1;
}

/* The bound on the send queue: as set, or grown to what two windows need. */
uint32_t tcp_sndbuf(const struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    if (c->is.sndbuf_set || c->sndbuf >= params->sndbuf_max) return c->sndbuf;
    uint64_t want = 2ull * c->cwnd;
    if (want > params->sndbuf_max) want = params->sndbuf_max;
    return want > c->sndbuf ? (uint32_t)want : c->sndbuf;
}

static uint16_t data_flags(const struct tcp_conn *c, seq at, uint32_t len) {
    seq end = seq_add(at, len);
    uint16_t flags = TCP_ACK;
    if (len && seq_eq(end, c->snd_end) && !c->is.more) flags |= TCP_PSH;
    if (c->is.fin_queued && seq_eq(end, c->snd_end)) flags |= TCP_FIN;
    return flags;
}

static bool plan_is(struct tcp_plan *plan, seq at, uint32_t len, uint16_t flags, bool silent) {
    *plan = (struct tcp_plan){.seq = at, .len = len, .flags = flags, .silent = silent};
    return true;
}

static bool plan_opening(struct tcp_conn *c, struct tcp_plan *plan) {
    bool syn_due = seq_eq(c->snd_nxt, c->iss);
    uint16_t ack = c->state == LA_SYN_RCVD ? TCP_ACK : 0;
    if (syn_due) return plan_is(plan, c->iss, 0, TCP_SYN | ack, false);
    if (c->marks & MARK_ACK && ack) return plan_is(plan, c->snd_nxt, 0, TCP_ACK, false);
    return false;
}

/* The first segment that the peer lacks. */
static bool plan_again(struct tcp_conn *c, struct tcp_plan *plan) {
    if (!seq_lt(c->snd_una, c->snd_max) || seq_gt(c->snd_una, c->snd_end)) return false;
    uint32_t sent = seq_len(c->snd_una, seq_min(c->snd_max, c->snd_end)), mss = tcp_send_mss(c);
    uint32_t len = sent < mss ? sent : mss;
    uint16_t flags = data_flags(c, c->snd_una, len);
    if (!len && !(flags & TCP_FIN)) return false;
    return plan_is(plan, c->snd_una, len, flags, false);
}

/* RFC 9293, 3.8.6.1: one byte of new data into a window that is closed; when only the FIN is left, the FIN is the
 * probe. Into a window that is merely small goes what fits, as data like any other (RFC 1122, 4.2.3.4, override
 * timeout). */
static bool plan_probe(struct tcp_conn *c, struct tcp_plan *plan) {
    if (seq_gt(c->snd_una, c->snd_end)) return false;
    uint32_t len = seq_len(c->snd_una, c->snd_end), mss = tcp_send_mss(c);
    if (len > (c->snd_wnd ? c->snd_wnd : 1)) len = c->snd_wnd ? c->snd_wnd : 1;
    if (len > mss) len = mss;
    if (!len && !c->is.fin_queued) return false;
    return plan_is(plan, c->snd_una, len, data_flags(c, c->snd_una, len), c->snd_wnd == 0);
}

/* How many bytes both windows let go beyond snd_nxt. */
static uint32_t usable(const struct tcp_conn *c) {
    uint32_t cwnd = c->cwnd + (uint32_t)c->limited * tcp_send_mss(c);
    uint32_t wnd = c->snd_wnd < cwnd ? c->snd_wnd : cwnd;
    uint32_t flight = seq_len(c->snd_una, c->snd_nxt);
    return wnd > flight ? wnd - flight : 0;
}

/* Whether a segment of `len` bytes, of `left` that wait, is worth sending. */
static bool worth_sending(const struct tcp_conn *c, uint32_t len, uint32_t left, uint32_t mss) {
    if (len == 0) return false;
    if (len == mss || seq_lt(c->snd_nxt, c->snd_max)) return true;
    if (len == left && c->is.fin_queued) return true;
    if (c->is.cork || c->is.more) return false;
    if (len == left) return c->is.nodelay || seq_leq(c->snd_small, c->snd_una);
    return len >= c->max_snd_wnd / 2;
}

/* Whether nothing can follow `len` bytes now, of `left` that wait and `may` that both windows allow. */
static bool ends_burst(const struct tcp_conn *c, uint32_t len, uint32_t left, uint32_t may, uint32_t mss) {
    uint32_t next = left - len < mss ? left - len : mss;
    if (next > may - len) next = may - len;
    return next == 0 || (next < mss && !(next == left - len && c->is.nodelay));
}

static bool plan_data(struct tcp_conn *c, struct tcp_plan *plan) {
    if (seq_gt(c->snd_nxt, c->snd_end)) return false;
    uint32_t left = seq_len(c->snd_nxt, c->snd_end), mss = tcp_send_mss(c), may = usable(c);
    uint32_t len = left < mss ? left : mss;
    if (len > may) len = may;
    bool fin_alone = left == 0 && c->is.fin_queued && (c->snd_wnd > 0 || seq_lt(c->snd_una, c->snd_nxt));
    if (fin_alone || worth_sending(c, len, left, mss)) {
        uint16_t flags = data_flags(c, c->snd_nxt, len);
        if (c->is.burst && c->tcp->params.psh_bursts && ends_burst(c, len, left, may, mss)) flags |= TCP_PSH;
        c->is.burst = len == mss;
        return plan_is(plan, c->snd_nxt, len, flags, false);
    }
    c->is.burst = 0;
    bool waits = left > 0 || c->is.fin_queued;
    if (waits && seq_eq(c->snd_una, c->snd_nxt)) tcp_persist_start(c);
    return false;
}

/* The sequence number of a segment that occupies none. After a timeout snd_nxt is behind, and what carries it could be
 * too old for the peer to look at its ACK; two ends that both went back would never hear each other again. A byte
 * beyond a closed window is no place for it either. */
seq tcp_send_bare_seq(const struct tcp_conn *c) {
    return c->timer_at[LA_TIMER_PERSIST] != LA_NEVER ? c->snd_nxt : c->snd_max;
}

/* BSD: an ACK of a connection that has sent its FIN and got no answer to it is the FIN again. */
static bool fin_goes_again(const struct tcp_conn *c, unsigned marks) {
    return c->tcp->params.ack_resends_fin && !(marks & MARK_CHALLENGE) && c->is.fin_queued &&
           seq_gt(c->snd_max, c->snd_end) && seq_leq(c->snd_una, c->snd_end) && seq_eq(c->snd_nxt, c->snd_max);
}

bool tcp_send_plan(struct tcp_conn *c, struct tcp_plan *plan) {
    if (c->state == LA_SYN_SENT || c->state == LA_SYN_RCVD) return plan_opening(c, plan);
    if (!tcp_synchronized(c)) return false;
    unsigned marks = c->marks;
    c->marks &= (uint8_t) ~(MARK_REXMIT | MARK_PROBE | MARK_KEEPALIVE | MARK_CHALLENGE);
    if (marks & MARK_REXMIT && plan_again(c, plan)) return true;
    if (marks & MARK_PROBE && plan_probe(c, plan)) return true;
    /* A duplicate ACK says nothing else, and only a bare one has room for SACK (RFC 5681, 2; RFC 2018, 4). */
    if (marks & MARK_ACK && c->dupacks_owed) return plan_is(plan, tcp_send_bare_seq(c), 0, TCP_ACK, false);
    if (marks & (MARK_SEND | MARK_REXMIT) && plan_data(c, plan)) return true;
    if (marks & MARK_KEEPALIVE) return plan_is(plan, seq_sub(c->snd_una, 1), 0, TCP_ACK, true);
    if (marks & MARK_ACK && fin_goes_again(c, marks))
        return plan_is(plan, seq_sub(c->snd_max, 1), 0, TCP_FIN | TCP_ACK, true);
    if (marks & MARK_ACK) return plan_is(plan, tcp_send_bare_seq(c), 0, TCP_ACK, false);
    return false;
}

static void start_timing(struct tcp_conn *c, seq end) {
    if (c->is.rtt_timing) return;
    c->is.rtt_timing = 1;
    c->rtt_seq = end;
    c->rtt_at = c->tcp->env->now;
}

/* Data that goes out soon after data came is an answer: from here on, ACKs wait for the next one. */
static void note_answer(struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    if (!params->quickacks_end || (la_time)(tcp_clock_ms(c->tcp) - c->data_at) * LA_MS >= params->delack) return;
    c->quickacks = 0;
}

/* The planned segment is on its way: sequence variables and timers follow. */
void tcp_send_sent(struct tcp_conn *c, const struct tcp_plan *plan) {
    bool syn = plan->flags & TCP_SYN, fin = plan->flags & TCP_FIN;
    uint32_t space = plan->len + (syn ? 1 : 0) + (fin ? 1 : 0);
    seq end = seq_add(plan->seq, space);
    c->segs_out++;
    if (plan->flags & TCP_ACK) {
        if (c->dupacks_owed && !space) c->dupacks_owed--;
        if (!c->dupacks_owed) c->marks &= (uint8_t)~MARK_ACK;
        tcp_delack_sent(c);
    }
    if (!space) return;
    if (plan->len && !plan->silent) note_answer(c);
    if (seq_lt(plan->seq, c->snd_max)) {
        if (!plan->silent) {
            c->retransmits++;
            env_count(c->tcp->env, LA_C_RETRANSMITS);
        }
        if (seq_gt(c->rtt_seq, plan->seq)) c->is.rtt_timing = 0; /* Karn: RFC 6298, 3. */
    } else if (!plan->silent) {
        start_timing(c, end);
    }
    if (!plan->silent) c->snd_nxt = seq_max(c->snd_nxt, end);
    c->snd_max = seq_max(c->snd_max, end);
    if (plan->len && plan->len < tcp_send_mss(c)) c->snd_small = end;
    if (plan->silent) return;
    if (c->timer_at[LA_TIMER_PERSIST] != LA_NEVER)
        c->backoff = 0; /* Data goes: the probes' pauses are not its timeout. */
    tcp_timer_stop(c, LA_TIMER_PERSIST);
    if (c->timer_at[LA_TIMER_RETRANSMIT] == LA_NEVER) tcp_timer_rexmit(c);
}
