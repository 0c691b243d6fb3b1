/* What an ACK acknowledges: SND.UNA moves, storage is given back, round trips are measured, recovery and congestion
 * control are told (the order is in engine.h), timers follow, and the peer's window is taken over. RFC 9293, 3.10.7.4,
 * fifth. */
#include "base/mem.h"
#include "tcp/conn.h"

#define UNDO_REACH (1u << 30)

/* The round trip that the ACK measures: of the first segment that it acknowledges and that was sent once; of one that
 * is SACKed; or, when all was sent again, by the echoed timestamp (RFC 6298, 3; RFC 7323, 4.2). */
static bool measure(struct tcp_conn *c, const struct tcp_in *in, const struct tcp_acked *a) {
    const struct tcp_options *o = &in->seg.opt;
    uint32_t rtt = a->rtt_us ? a->rtt_us : a->sack_rtt_us;
    uint32_t shortest = a->last_rtt_us ? a->last_rtt_us : a->last_sack_rtt_us;
    if (shortest) tcp_rtt_note_min(c, shortest);
    if (!rtt && a->advanced && c->is.ts_on && o->has_ts && o->ts_ecr) {
        uint32_t ms = tcp_clock_ms(c->tcp) + c->ts_offset - o->ts_ecr;
        if (ms < 60u * 60 * 1000) rtt = ms ? ms * 1000 : 1000;
    }
    if (!rtt) return false;
    tcp_rtt_sample(c, rtt * LA_US);
    return true;
}

void tcp_ack_syn(struct tcp_conn *c, seq ack) {
    if (c->opened_at != LA_NEVER) {
        la_time rtt = c->tcp->env->now - c->opened_at;
        tcp_rtt_sample(c, rtt);
        tcp_rtt_note_min(c, rtt / LA_US < UINT32_MAX / 8 ? (uint32_t)(rtt / LA_US) : UINT32_MAX / 8);
    }
    c->snd_una = ack;
    c->snd_nxt = seq_max(c->snd_nxt, ack);
    c->snd_wl2 = ack;
    c->eng.delivered++;
    c->unacked_since = tcp_clock_ms(c->tcp);
    tcp_timer_stop(c, LA_TIMER_RETRANSMIT);
    tcp_timer_stop(c, LA_TIMER_USER);
}

/* RFC 9293, 3.10.7.4: SND.WL1 and SND.WL2 keep an old segment from bringing back an old window. Whether the window is
 * another one. */
static bool window_update(struct tcp_conn *c, const struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    if (seq_lt(s->ack, c->snd_una)) return false; /* Its right edge is not counted from here. */
    bool newer = seq_lt(c->snd_wl1, s->seq) || (seq_eq(c->snd_wl1, s->seq) && seq_leq(c->snd_wl2, s->ack));
    if (!newer) return false;
    bool grew = in->wnd > c->snd_wnd, other = in->wnd != c->snd_wnd;
    c->snd_wnd = in->wnd;
    c->snd_wl1 = s->seq;
    c->snd_wl2 = s->ack;
    if (in->wnd > c->max_snd_wnd) c->max_snd_wnd = in->wnd;
    /* An orphan's probes go on until data does: a window that opens and closes again is no progress. */
    if (grew && c->timer_at[LA_TIMER_PERSIST] != LA_NEVER && !c->is.orphan) {
        tcp_timer_stop(c, LA_TIMER_PERSIST);
        c->backoff = 0;
    }
    if (grew || seq_lt(c->snd_nxt, c->snd_end)) tcp_mark(c, MARK_SEND);
    return other;
}

/* RFC 5681, 2: an ACK that says nothing but "something else has arrived". The answer to a window probe says something
 * else. */
static bool is_duplicate(const struct tcp_conn *c, const struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    return seq_eq(s->ack, c->snd_una) && seq_lt(c->snd_una, c->snd_max) && s->data.len == 0 && !(s->flags & TCP_FIN) &&
           (in->wnd == c->snd_wnd || s->opt.nsack > 0) && c->timer_at[LA_TIMER_PERSIST] == LA_NEVER;
}

/* SND.UNA moves to `ack`; the FIN, when it is among what is acknowledged, holds no storage. */
static void advance(struct tcp_conn *c, seq ack) {
    bool fin = seq_gt(ack, c->snd_end);
    seq data_to = fin ? c->snd_end : ack;
    uint32_t bytes = seq_len(c->snd_una, data_to);
    buffer_release(&c->snd, &c->tcp->slabs, c->snd_una, data_to, c->snd_end);
    c->snd_una = ack;
    tcp_eor_acked(c);
    c->snd_nxt = seq_max(c->snd_nxt, ack);
    c->snd_small = seq_max(c->snd_small, seq_min(ack, c->snd_end)); /* Never 2^31 behind. */
    c->bytes_out += bytes;
    c->soft_error = 0;
    c->unacked_since = tcp_clock_ms(c->tcp);
}

/* Our FIN is acknowledged. FIN_WAIT_1 waits for the end of the segment, because a FIN in it leads straight to TIME_WAIT
 * (C04); see settle() in input.c. */
static enum tcp_verdict our_fin_acked(struct tcp_conn *c, const struct tcp_in *in) {
    if (c->is.lingering) tcp_linger_over(c);
    if (c->state == LA_CLOSING) {
        tcp_set_state(c, LA_TIME_WAIT, LA_CAUSE_SEGMENT, in->what);
        return STOP;
    }
    if (c->state == LA_LAST_ACK) {
        tcp_end(c, 0, LA_CAUSE_SEGMENT, in->what);
        return GONE;
    }
    return GO_ON;
}

/* Numbers of sequence that follow SND.UNA, so that after 2^31 bytes they do not seem to lie ahead. */
static void follow(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    seq floor = seq_sub(c->snd_una, 1);
    if (e->phase == CC_OPEN || e->phase == CC_DISORDER) e->high_seq = seq_max(e->high_seq, floor);
    e->fack = seq_max(e->fack, c->snd_una);
    e->lost_hint = seq_max(e->lost_hint, c->snd_una);
    /* A D-SACK tells of nothing that lies further back. */
    uint32_t reach = c->max_snd_wnd < UNDO_REACH / 2 ? 2 * c->max_snd_wnd : UNDO_REACH;
    if (e->phase <= CC_DISORDER && seq_lt(e->undo_marker, seq_sub(c->snd_una, reach))) e->undo_armed = false;
    if (!e->undo_armed) e->undo_marker = c->snd_una;
    if (!e->tlp_out) e->tlp_end = c->snd_una;
    if (seq_lt(e->rack.end, floor)) e->rack.end = floor;
}

static void begin(const struct tcp_conn *c, const struct tcp_in *in, struct tcp_acked *a) {
    const struct tcp_engine *e = &c->eng;
    memset(a, 0, offsetof(struct tcp_acked, newest));
    a->ack = in->seg.ack;
    a->prior_una = c->snd_una;
    a->prior_fack = e->sacked_out ? e->fack : c->snd_una;
    a->prior_in_flight = tcp_in_flight(c);
    a->prior_delivered = e->delivered;
    a->prior_lost = e->lost;
    a->plain = !in->seg.data.len && !(in->seg.flags & TCP_FIN);
    a->advanced = seq_gt(in->seg.ack, c->snd_una);
    a->duplicate = is_duplicate(c, in);
}

/* The retransmission timer begins anew when SND.UNA moves, and when what was sent after the first segment is SACKed:
 * that one is about to be repaired, not to time out. */
static void timers(struct tcp_conn *c, const struct tcp_acked *a) {
    const struct tcp_engine *e = &c->eng;
    bool later_sacked =
        a->sack_rtt_us && e->sent.count && a->sack_rtt_us * LA_US > c->tcp->env->now - sent_at(&e->sent, 0)->at;
    if (a->advanced || later_sacked) tcp_timer_rexmit(c);
}

uint32_t tcp_acked_segments(const struct tcp_conn *c, const struct tcp_acked *a) {
    return c->is.sack_on ? c->eng.delivered - a->prior_delivered : a->popped;
}

/* The engine's part, once the records know what the ACK says. */
static void engine(struct tcp_conn *c, const struct tcp_in *in, struct tcp_acked *a) {
    bool measured = measure(c, in, a);
    a->ece = tcp_ecn_echoed(c, in, a);
    if (a->advanced && !measured) tcp_rtt_keep_backoff(c);
    if (a->advanced) c->backoff = 0;
    tcp_rack_window(c, a);
    timers(c, a);
    tcp_tlp_ack(c, a);
    tcp_recover_ack(c, a);
    follow(c);
    tcp_rate_finish(c, a);
    if (a->rate.acked || a->rate.lost || a->ece) tcp_cwnd_ack(c, a);
    c->eng.new_only = a->new_only;
    if (c->eng.lost_out || seq_lt(c->snd_nxt, c->snd_end)) tcp_mark(c, MARK_SEND);
}

/* The data of somebody to whom nothing is on its way: its ACK tells of a window at most. */
static bool tells_nothing(const struct tcp_conn *c, const struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    bool quiet = seq_eq(c->snd_una, c->snd_max) && c->eng.phase == CC_OPEN && !c->eng.new_only && !c->accecn;
    return quiet && seq_eq(s->ack, c->snd_una) && s->data.len && !s->opt.nsack && !(s->flags & TCP_ECE);
}

enum tcp_verdict tcp_ack(struct tcp_conn *c, struct tcp_in *in) {
    struct tcp_acked a;
    seq ack = in->seg.ack;
    tcp_keepalive_heard(c);
    if (tells_nothing(c, in)) {
        window_update(c, in);
        if (seq_lt(c->snd_nxt, c->snd_end)) tcp_mark(c, MARK_SEND);
        return GO_ON;
    }
    begin(c, in, &a);
    if (a.duplicate) env_count(c->tcp->env, LA_C_DUP_ACKS_IN);
    tcp_undo_note(c, in);
    if (!a.advanced && window_update(c, in)) a.plain = false;
    tcp_sack_input(c, in, &a);
    if (a.dsack) a.duplicate = false;
    if (a.advanced) {
        tcp_score_acked(c, &a);
        advance(c, ack);
        tcp_mtu_acked(c);
        if (window_update(c, in)) a.plain = false;
    }
    engine(c, in, &a);
    if (a.advanced || a.sacked || a.duplicate) tcp_room_event(c);
    if (!a.advanced) return GO_ON;
    if (seq_lt(c->snd_nxt, c->snd_end) || (c->is.fin_queued && seq_leq(c->snd_nxt, c->snd_end))) tcp_mark(c, MARK_SEND);
    return tcp_fin_acked(c) ? our_fin_acked(c, in) : GO_ON;
}
