/* What may go now: SYN, data, FIN, a repetition, a probe, or a bare ACK. The decision only; output.c builds and sends.
 *
 * RFC 9293, 3.7.4 (Nagle, as Minshall has it: only one small segment unacknowledged), 3.8.6.2.1 (silly window, sender's
 * side), 3.8.6.1 (zero window). When data waits, nothing is in flight and nothing may go, the persist timer runs; so no
 * state of this file waits for the peer alone. */
#include "tcp/conn.h"

void tcp_send_mss_update(struct tcp_conn *c) {
    uint16_t mss = tcp_path_mss(&c->key.peer, tcp_mtu(c), c->user_mss);
    c->mss = c->peer_mss && c->peer_mss < mss ? c->peer_mss : mss;
}

static uint16_t data_flags(const struct tcp_conn *c, seq at, uint32_t len) {
    seq end = seq_add(at, len);
    uint16_t flags = TCP_ACK;
    if (len && seq_eq(end, c->snd_end) && !c->is.more) flags |= TCP_PSH;
    if (len && (tcp_fastopen_ends(c, end) || tcp_eor_ends(c, end))) flags |= TCP_PSH;
    if (c->is.fin_queued && seq_eq(end, c->snd_end)) flags |= TCP_FIN;
    return flags;
}

static bool plan_is(struct tcp_plan *plan, seq at, uint32_t len, uint16_t flags, bool silent) {
    *plan = (struct tcp_plan){.seq = at, .len = len, .flags = flags, .silent = silent};
    return true;
}

/* A segment in flight, once more. Beyond the window only the first may go: it asks about the window, too. */
static bool plan_again(struct tcp_conn *c, struct tcp_plan *plan, struct sent *s) {
    struct sent_queue *q = &c->eng.sent;
    uint32_t mss = tcp_send_mss(c), i = sent_index(q, s);
    bool first = i == 0, fin = seq_gt(s->to, c->snd_end);
    uint32_t len = seq_len(s->from, s->to) - (fin ? 1 : 0);
    if (!first && seq_gt(s->to, seq_add(c->snd_una, c->snd_wnd))) return false;
    if (len > mss) {
        s = tcp_score_cut(c, i, mss);
        if (!s) return false;
        len = mss;
        fin = false;
    }
    uint16_t flags = data_flags(c, s->from, len) & (uint16_t)~TCP_FIN;
    *plan = (struct tcp_plan){.seq = s->from, .len = len, .again = s};
    plan->flags = (uint16_t)(fin ? flags | TCP_FIN : flags);
    return true;
}

/* The next lost segment, as far as the congestion window lets it. */
static bool plan_lost(struct tcp_conn *c, struct tcp_plan *plan) {
    struct sent *s = tcp_score_next_lost(c);
    if (!s) return false;
    if (tcp_in_flight(c) >= c->eng.cc.cwnd) {
        c->eng.held_back = true;
        return false;
    }
    if (!plan_again(c, plan, s)) return false;
    tcp_unit_again(c, plan);
    if (plan->unit) plan->flags = data_flags(c, plan->seq, plan->len) & (uint16_t)~TCP_FIN;
    return true;
}

/* RFC 9293, 3.8.6.1: one byte of new data into a window that is closed; when only the FIN is left, the FIN is the
 * probe. Into a window that is merely small goes what fits, as data like any other (RFC 1122, 4.2.3.4, override
 * timeout). */
static bool plan_probe(struct tcp_conn *c, struct tcp_plan *plan) {
    if (seq_gt(c->snd_una, c->snd_end)) return false;
    uint32_t len = tcp_eor_cut(c, c->snd_una, seq_len(c->snd_una, c->snd_end)), mss = tcp_send_mss(c);
    if (len > (c->snd_wnd ? c->snd_wnd : 1)) len = c->snd_wnd ? c->snd_wnd : 1;
    if (len > mss) len = mss;
    if (!len && !c->is.fin_queued) return false;
    bool silent = c->snd_wnd == 0 || c->eng.sent.count || !sent_room(&c->eng.sent, c->tcp->env, 1);
    return plan_is(plan, c->snd_una, len, data_flags(c, c->snd_una, len), silent);
}

/* How many bytes both windows let go beyond snd_nxt. */
static uint32_t usable(struct tcp_conn *c, uint32_t mss) {
    seq edge = seq_add(c->snd_una, c->snd_wnd + (c->state == LA_SYN_RCVD)); /* A SYN is beside the window. */
    uint32_t wnd = seq_gt(edge, c->snd_nxt) ? seq_len(c->snd_nxt, edge) : 0, in_flight = tcp_in_flight(c);
    if (in_flight >= c->eng.cc.cwnd) {
        if (wnd) c->eng.held_back = true;
        return 0;
    }
    uint64_t cwnd = (uint64_t)(c->eng.cc.cwnd - in_flight) * mss;
    return wnd < cwnd ? wnd : (uint32_t)cwnd;
}

bool tcp_send_has_new(const struct tcp_conn *c) {
    bool waits = seq_lt(c->snd_nxt, c->snd_end) || (c->is.fin_queued && seq_eq(c->snd_nxt, c->snd_end));
    return waits && seq_lt(c->snd_nxt, seq_add(c->snd_una, c->snd_wnd));
}

/* Records cost more than tiny segments carry: a sender of such waits for ACKs. */
static bool too_many_small(const struct tcp_conn *c) { return c->eng.sent.count >= 64 + tcp_sndbuf(c) / 256; }

/* Whether a segment of `len` bytes, of `left` that wait and `whole` that may share one, is worth sending. What ends a
 * message, with more behind it, will not grow. */
static bool worth_sending(const struct tcp_conn *c, uint32_t len, uint32_t whole, uint32_t left, uint32_t mss) {
    if (len == 0) return false;
    if (len == mss || seq_lt(c->snd_nxt, c->snd_max)) return true;
    if (too_many_small(c)) return false;
    if (len == whole && whole < left) return true;
    if (len == left && (c->is.fin_queued || c->is.urg_out)) return true;
    if (c->is.cork || c->is.more_waits) return false;
    if (len == left) return c->is.nodelay || seq_leq(c->snd_small, c->snd_una);
    return len >= c->max_snd_wnd / 2;
}

/* Whether nothing can follow `len` bytes now, of `left` that wait and `may` that both windows allow; or nothing should,
 * because half the largest window that the peer ever had is full. */
static bool ends_burst(const struct tcp_conn *c, uint32_t len, uint32_t left, uint32_t may, uint32_t mss) {
    uint32_t next = left - len < mss ? left - len : mss;
    if (next > may - len) next = may - len;
    if (c->burst + len >= c->piece * mss || c->burst + len + next > c->max_snd_wnd / 2) return true;
    bool tail = next == left - len && (c->is.nodelay || seq_leq(c->snd_small, c->snd_una)); /* Goes with it. */
    return next == 0 || (next < mss && !tail);
}

/* PSH stands at the end of a piece of two segments or more. A unit is one. */
static void note_burst(struct tcp_conn *c, uint32_t len, uint32_t left, uint32_t may, uint16_t *flags) {
    uint32_t mss = tcp_send_mss(c);
    if (!c->tcp->params.psh_bursts) return;
    if (!c->burst) c->piece = tcp_unit_piece(c, mss);
    bool ends = len != mss || *flags & TCP_PSH || c->piece < 2 || (c->burst && ends_burst(c, len, left, may, mss));
    if (ends && (c->burst || len > mss)) *flags |= TCP_PSH;
    c->burst = ends ? 0 : c->burst + len;
}

/* A full segment may go: as many of `whole` as the device cuts, and behind the last of all what is left. */
static uint32_t widen(struct tcp_conn *c, uint32_t whole, uint32_t left, uint32_t may, uint32_t mss) {
    uint32_t most = tcp_unit_max(c, mss);
    if (may > whole) may = whole;
    if (may > most) may = most;
    if (may <= mss) return mss;
    uint32_t tail = may % mss;
    if (tail && !(may == whole && worth_sending(c, tail, tail, left - whole + tail, mss))) may -= tail;
    return may > mss && sent_room(&c->eng.sent, c->tcp->env, (may + mss - 1) / mss) ? may : mss;
}

/* A probe for a larger MTU, where one is due (RFC 4821). True: it is planned, or awaited. */
static bool plan_mtu_probe(struct tcp_conn *c, struct tcp_plan *plan, bool *go) {
    uint32_t len = 0;
    enum mtu_verdict verdict = tcp_mtu_probe_due(c, &len);
    if (verdict == MTU_NO_PROBE || !sent_room(&c->eng.sent, c->tcp->env, 1)) return false;
    *go = verdict == MTU_PROBE;
    if (*go)
        *plan = (struct tcp_plan){.seq = c->snd_nxt, .len = len, .flags = TCP_ACK, .mtu_probe = true};
    else
        c->eng.held_back = true;
    return true;
}

static bool plan_data(struct tcp_conn *c, struct tcp_plan *plan) {
    bool probe;
    if (seq_gt(c->snd_nxt, c->snd_end)) return false;
    if (plan_mtu_probe(c, plan, &probe)) return probe;
    uint32_t left = seq_len(c->snd_nxt, c->snd_end), mss = tcp_send_mss(c), may = left ? usable(c, mss) : 0;
    uint32_t whole = tcp_eor_cut(c, c->snd_nxt, left), len = whole < mss ? whole : mss;
    if (len > may) len = may;
    bool fin_alone = left == 0 && c->is.fin_queued && (c->snd_wnd > 0 || seq_lt(c->snd_una, c->snd_nxt));
    bool go = (fin_alone || worth_sending(c, len, whole, left, mss)) && sent_room(&c->eng.sent, c->tcp->env, 1);
    if (go) {
        if (len == mss) len = widen(c, whole, left, may, mss);
        uint16_t flags = data_flags(c, c->snd_nxt, len);
        note_burst(c, len, left, may, &flags);
        plan_is(plan, c->snd_nxt, len, flags, false);
        plan->unit = len > mss ? mss : 0;
        return true;
    }
    c->burst = 0;
    if (!left && !c->eng.held_back && c->eng.delivered) tcp_rate_limited(c);
    bool waits = left > 0 || c->is.fin_queued;
    if (waits && seq_eq(c->snd_una, c->snd_nxt)) tcp_persist_start(c);
    return false;
}

/* RFC 8985, 7.3: one segment of new data, or else the last one again. */
static bool plan_tlp(struct tcp_conn *c, struct tcp_plan *plan) {
    struct sent *last = sent_last(&c->eng.sent);
    if (!last || c->eng.tlp_out) return false;
    uint32_t left = seq_gt(c->snd_nxt, c->snd_end) ? 0 : seq_len(c->snd_nxt, c->snd_end), mss = tcp_send_mss(c);
    uint32_t whole = tcp_eor_cut(c, c->snd_nxt, left), len = whole < mss ? whole : mss;
    bool fits = len && seq_leq(seq_add(c->snd_nxt, len), seq_add(c->snd_una, c->snd_wnd));
    if (fits && sent_room(&c->eng.sent, c->tcp->env, 1)) {
        plan_is(plan, c->snd_nxt, len, data_flags(c, c->snd_nxt, len), false);
    } else if (!plan_again(c, plan, last)) {
        return false;
    }
    plan->tlp = true;
    return true;
}

/* What was lost, then what is new; while F-RTO waits for its answer, only what is new. */
static bool plan_stream(struct tcp_conn *c, struct tcp_plan *plan) {
    struct tcp_engine *e = &c->eng;
    bool something = e->lost_out || tcp_send_has_new(c);
    if (something && tcp_pace_holds(c)) {
        tcp_timer_set(c, LA_TIMER_PACE, e->pace_at);
        return false;
    }
    if (e->new_only) {
        if (plan_data(c, plan)) return true;
        if (seq_gt(c->snd_nxt, e->high_seq)) return false;
        e->new_only = e->frto = false;
    }
    return plan_lost(c, plan) || plan_data(c, plan);
}

/* Data behind a child's SYN+ACK is not repeated with it: the ACK will say what is missing. */
static bool plan_opening(struct tcp_conn *c, struct tcp_plan *plan) {
    bool syn_due = (seq_eq(c->snd_nxt, c->iss) && !c->is.deferred) || c->is.synack_due;
    uint16_t ack = c->state == LA_SYN_RCVD ? TCP_ACK : 0;
    c->is.synack_due = 0;
    if (syn_due) return plan_is(plan, c->iss, ack ? 0 : tcp_fastopen_syn_len(c), TCP_SYN | ack, false);
    if (c->is.fastopen_child && c->marks & MARK_SEND && plan_stream(c, plan)) return true;
    if (c->marks & MARK_ACK && ack) return plan_is(plan, c->snd_nxt, 0, TCP_ACK, false);
    return false;
}

/* The sequence number of a segment that occupies none: behind all that was sent. A byte beyond a closed window, which
 * the peer need not have taken, is no place for it. */
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
    c->marks &= (uint8_t) ~(MARK_TLP | MARK_PROBE | MARK_KEEPALIVE | MARK_CHALLENGE);
    if (marks & MARK_TLP && plan_tlp(c, plan)) return true;
    if (marks & MARK_PROBE && plan_probe(c, plan)) return true;
    /* A duplicate ACK says nothing else, and only a bare one has room for SACK (RFC 5681, 2; RFC 2018, 4). */
    if (marks & MARK_ACK && (c->dupacks_owed || tcp_accecn_answers(c)))
        return plan_is(plan, tcp_send_bare_seq(c), 0, TCP_ACK, false);
    if (marks & MARK_SEND && plan_stream(c, plan)) return true;
    if (marks & MARK_KEEPALIVE) return plan_is(plan, seq_sub(c->snd_una, 1), 0, TCP_ACK, true);
    if (marks & MARK_ACK && fin_goes_again(c, marks))
        return plan_is(plan, seq_sub(c->snd_max, 1), 0, TCP_FIN | TCP_ACK, true);
    if (marks & MARK_ACK) return plan_is(plan, tcp_send_bare_seq(c), 0, TCP_ACK, false);
    return false;
}

static void note_again(struct tcp_conn *c) {
    c->retransmits++;
    env_count(c->tcp->env, LA_C_RETRANSMITS);
}

static void syn_sent(struct tcp_conn *c, const struct tcp_plan *plan, seq end) {
    if (seq_lt(plan->seq, c->snd_max))
        note_again(c);
    else
        c->opened_at = c->tcp->env->now;
    c->snd_nxt = seq_max(c->snd_nxt, end);
    c->snd_max = seq_max(c->snd_max, end);
    if (c->timer_at[LA_TIMER_RETRANSMIT] == LA_NEVER) tcp_timer_rexmit(c);
}

static void count_prr(struct tcp_conn *c, uint32_t segments) {
    if (c->eng.phase == CC_CWR || c->eng.phase == CC_RECOVERY) c->eng.prr_out += segments;
}

/* The timeout counts from the latest transmission of the first segment. */
static void sent_again(struct tcp_conn *c, const struct tcp_plan *plan) {
    struct sent_queue *q = &c->eng.sent;
    uint32_t first_at = sent_index(q, plan->again), n = tcp_plan_segments(plan);
    for (uint32_t i = 0; i < n; i++) {
        note_again(c);
        tcp_score_sent_again(c, sent_at(q, first_at + i));
    }
    tcp_mtu_probe_void(c);
    tcp_pace_sent(c, plan->len);
    count_prr(c, n);
    bool first = seq_eq(plan->seq, c->snd_una);
    if (first && !plan->tlp && c->eng.rexmit != REXMIT_REORDER) tcp_timer_rto(c);
}

static void sent_new(struct tcp_conn *c, const struct tcp_plan *plan, seq end) {
    bool first = c->eng.sent.count == 0;
    uint32_t n = tcp_plan_segments(plan);
    seq at = plan->seq;
    for (uint32_t i = 1; i < n; i++, at = seq_add(at, plan->unit)) tcp_score_sent(c, at, seq_add(at, plan->unit));
    tcp_score_sent(c, at, end);
    if (plan->mtu_probe) tcp_mtu_probe_sent(c, plan->len, end);
    c->snd_nxt = end;
    c->snd_max = seq_max(c->snd_max, end);
    tcp_pace_sent(c, plan->len);
    count_prr(c, n);
    if (!plan->tlp) tcp_timer_sent(c, first);
}

static void tlp_sent(struct tcp_conn *c, const struct tcp_plan *plan) {
    c->eng.tlp_out = true;
    c->eng.tlp_again = plan->again != NULL;
    c->eng.tlp_end = c->snd_nxt;
    tcp_timer_rexmit_as(c, REXMIT_RTO, c->tcp->env->now + tcp_rto(c)); /* RFC 8985, 7.3: a whole one. */
}

/* Data goes: the probes' pauses are not its timeout. */
static void stop_probing(struct tcp_conn *c) {
    if (c->timer_at[LA_TIMER_PERSIST] != LA_NEVER) c->backoff = 0;
    tcp_timer_stop(c, LA_TIMER_PERSIST);
    if (c->timer_at[LA_TIMER_RETRANSMIT] == LA_NEVER) tcp_timer_rto(c);
}

/* The planned segment is on its way: sequence variables and timers follow. */
void tcp_send_sent(struct tcp_conn *c, const struct tcp_plan *plan) {
    bool syn = plan->flags & TCP_SYN, fin = plan->flags & TCP_FIN;
    uint32_t space = plan->len + (syn ? 1 : 0) + (fin ? 1 : 0);
    seq end = seq_add(plan->seq, space);
    bool at_once = c->marks & MARK_ACK && c->bytes_in == 0 && !syn && !plan->again;
    c->segs_out += tcp_plan_segments(plan);
    if (plan->flags & TCP_ACK) {
        if (c->dupacks_owed && !space) c->dupacks_owed--;
        if (!c->dupacks_owed) c->marks &= (uint8_t)~MARK_ACK;
        tcp_delack_sent(c);
    }
    if (!space) return;
    if (plan->len && !plan->silent) tcp_delack_answer(c, at_once);
    if (plan->silent) {
        c->snd_max = seq_max(c->snd_max, end);
    } else if (syn) {
        syn_sent(c, plan, end);
    } else {
        if (plan->again)
            sent_again(c, plan);
        else
            sent_new(c, plan, end);
        if (plan->tlp) tlp_sent(c, plan);
        stop_probing(c);
    }
    uint32_t mss = tcp_send_mss(c);
    bool small = plan->len != mss && plan->len % mss && !plan->mtu_probe;
    if (small && !syn && !plan->again) c->snd_small = seq_max(c->snd_small, end); /* Once; a SYN has less room. */
}
