/* What an ACK acknowledges: SND.UNA moves, storage is given back, the round trip is measured, recovery and congestion
 * control are told, timers follow, and the peer's window is taken over. RFC 9293, 3.10.7.4, fifth. */
#include "tcp/conn.h"

/* A sample from the segment being timed, or from the echoed timestamp when that segment was sent again (RFC 6298, 3;
 * RFC 7323, 4.2). */
static bool measure(struct tcp_conn *c, const struct tcp_in *in, seq ack) {
    la_time now = c->tcp->env->now;
    const struct tcp_options *o = &in->seg.opt;
    if (c->is.rtt_timing && seq_geq(ack, c->rtt_seq)) {
        tcp_rtt_sample(c, now - c->rtt_at);
        c->is.rtt_timing = 0;
        return true;
    }
    if (c->backoff && c->is.ts_on && o->has_ts && o->ts_ecr) {
        uint32_t ms = tcp_clock_ms(c->tcp) + c->ts_offset - o->ts_ecr;
        if (ms < 60u * 60 * 1000) {
            tcp_rtt_sample(c, (la_time)ms * LA_MS);
            return true;
        }
    }
    return false;
}

void tcp_ack_syn(struct tcp_conn *c, seq ack) {
    if (c->is.rtt_timing) tcp_rtt_sample(c, c->tcp->env->now - c->rtt_at);
    c->is.rtt_timing = 0;
    c->snd_una = ack;
    c->snd_nxt = seq_max(c->snd_nxt, ack);
    c->snd_wl2 = ack;
    c->unacked_since = tcp_clock_ms(c->tcp);
    tcp_timer_stop(c, LA_TIMER_RETRANSMIT);
    tcp_timer_stop(c, LA_TIMER_USER);
}

/* RFC 9293, 3.10.7.4: SND.WL1 and SND.WL2 keep an old segment from bringing back an old window. */
static void window_update(struct tcp_conn *c, const struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    if (seq_lt(s->ack, c->snd_una)) return; /* Its right edge is not counted from here. */
    bool newer = seq_lt(c->snd_wl1, s->seq) || (seq_eq(c->snd_wl1, s->seq) && seq_leq(c->snd_wl2, s->ack));
    if (!newer) return;
    bool grew = in->wnd > c->snd_wnd;
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
}

/* RFC 5681, 2: an ACK that says nothing but "something else has arrived". With SACK blocks it says so whatever its
 * window; the answer to a window probe says something else. */
static bool is_duplicate(const struct tcp_conn *c, const struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    return seq_eq(s->ack, c->snd_una) && seq_lt(c->snd_una, c->snd_max) && s->data.len == 0 && !(s->flags & TCP_FIN) &&
           (in->wnd == c->snd_wnd || s->opt.nsack > 0) && c->timer_at[LA_TIMER_PERSIST] == LA_NEVER;
}

void tcp_room_event(struct tcp_conn *c) {
    if (!c->is.full_blocked || !c->is.owned) return;
    uint32_t used = seq_len(c->snd_una, c->snd_end);
    if (used > tcp_sndbuf(c) / 3 * 2) return; /* Worth waking somebody: a third is free. */
    c->is.full_blocked = 0;
    event_post(c->tcp->events, &c->event, LA_EV_WRITABLE);
}

/* SND.UNA moves to `ack`; the FIN, when it is among what is acknowledged, holds no storage. */
static void advance(struct tcp_conn *c, seq ack) {
    bool fin = seq_gt(ack, c->snd_end);
    seq data_to = fin ? c->snd_end : ack;
    uint32_t bytes = seq_len(c->snd_una, data_to);
    buffer_release(&c->snd, &c->tcp->slabs, c->snd_una, data_to, c->snd_end);
    c->snd_una = ack;
    c->snd_nxt = seq_max(c->snd_nxt, ack);
    c->snd_small = seq_max(c->snd_small, seq_min(ack, c->snd_end)); /* Never 2^31 behind. */
    c->bytes_out += bytes;
    c->backoff = 0;
    c->soft_error = 0;
    c->unacked_since = tcp_clock_ms(c->tcp);
    tcp_timer_rexmit(c);
    tcp_room_event(c);
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

enum tcp_verdict tcp_ack(struct tcp_conn *c, struct tcp_in *in) {
    seq ack = in->seg.ack;
    tcp_keepalive_heard(c);
    if (seq_leq(ack, c->snd_una)) {
        bool duplicate = is_duplicate(c, in);
        window_update(c, in);
        if (duplicate) {
            env_count(c->tcp->env, LA_C_DUP_ACKS_IN);
            tcp_recover_dupack(c);
        }
        return GO_ON;
    }
    if (!measure(c, in, ack)) tcp_rtt_keep_backoff(c);
    tcp_recover_ack(c, ack, seq_len(c->snd_una, ack));
    advance(c, ack);
    window_update(c, in);
    if (seq_lt(c->snd_nxt, c->snd_end) || (c->is.fin_queued && seq_leq(c->snd_nxt, c->snd_end))) tcp_mark(c, MARK_SEND);
    return tcp_fin_acked(c) ? our_fin_acked(c, in) : GO_ON;
}
