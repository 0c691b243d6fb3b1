/* Is the segment what it claims to be? RFC 9293, 3.10.7.4, first to fifth, with RFC 5961 (blind attacks) and RFC 7323,
 * 5 (PAWS). A segment that fails is a named drop; where the RFC wants an answer, an ACK is marked. */
#include "tcp/conn.h"

/* How long a timestamp may be compared with (RFC 7323, 5.5): 24 days. */
#define TS_RECENT_MAX_MS (24u * 24 * 3600 * 1000)

/* Challenge ACKs are limited per connection and second, so that nobody can learn from a shared limit (RFC 5961, 7; the
 * shared one was CVE-2016-5696). */
static bool may_challenge(struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    uint32_t limit = params->challenge_per_second, now = tcp_clock_ms(c->tcp);
    bool soon = c->challenge_count && (la_time)(now - c->challenged_at) * LA_MS < params->challenge_spacing;
    if (!soon && now / 1000 != c->challenged_at / 1000) c->challenge_count = 0;
    if (soon || (limit && c->challenge_count >= limit)) return tcp_drop(c, LA_D_CHALLENGE_RATE), false;
    if (c->challenge_count < UINT8_MAX) c->challenge_count++;
    c->challenged_at = now;
    return true;
}

static void challenge(struct tcp_conn *c, enum la_drop why) {
    tcp_drop(c, why);
    if (!may_challenge(c)) return;
    env_count(c->tcp->env, LA_C_CHALLENGE_ACKS);
    tcp_mark(c, MARK_ACK | MARK_CHALLENGE);
}

/* The ACK that answers an unacceptable segment. One without any sequence length is answered within the challenge limit
 * only: two ends that disagree would otherwise answer each other for ever. Where ACKs repeat the FIN, they have a
 * length, and beyond the limit a FIN is answered without ours. */
static void answer_unacceptable(struct tcp_conn *c, const struct tcp_seg *s) {
    bool fins = c->tcp->params.ack_resends_fin && c->is.fin_queued && s->flags & TCP_FIN;
    bool limited = fins || tcp_seg_len(s) == 0;
    if (!limited || may_challenge(c))
        tcp_mark(c, MARK_ACK);
    else if (fins)
        tcp_mark(c, MARK_ACK | MARK_CHALLENGE);
}

static bool paws_old(const struct tcp_conn *c, const struct tcp_seg *s) {
    if ((int32_t)(s->opt.ts_val - c->ts_recent) >= 0) return false;
    return tcp_clock_ms(c->tcp) - c->ts_recent_at < TS_RECENT_MAX_MS;
}

/* RFC 7323, 5.3 (R1): true when the segment goes no further. RSTs are exempt. */
static bool fails_paws(struct tcp_conn *c, const struct tcp_seg *s) {
    if (!c->is.ts_on || (s->flags & TCP_RST)) return false;
    if (!s->opt.has_ts && c->tcp->params.missing_ts_taken) return false;
    if (!s->opt.has_ts) return tcp_drop(c, LA_D_NO_TIMESTAMP), true;
    if (!paws_old(c, s)) return false;
    tcp_drop(c, LA_D_PAWS);
    answer_unacceptable(c, s);
    return true;
}

/* RFC 9293, 3.10.7.4: the four cases of table 6. */
static bool in_window(const struct tcp_conn *c, const struct tcp_seg *s) {
    uint32_t len = s->flags & TCP_RST ? 0 : tcp_seg_len(s); /* RFC 1122, 4.2.2.12: an RST's text is not data. */
    uint32_t wnd = seq_len(c->rcv_nxt, tcp_recv_edge(c));
    if (len == 0) return wnd == 0 ? seq_eq(s->seq, c->rcv_nxt) : seq_within(s->seq, c->rcv_nxt, wnd);
    if (wnd == 0) return false;
    return seq_within(s->seq, c->rcv_nxt, wnd) || seq_within(seq_add(s->seq, len - 1), c->rcv_nxt, wnd) ||
           (seq_lt(s->seq, c->rcv_nxt) && seq_gt(seq_add(s->seq, len), c->rcv_nxt));
}

static void out_of_window(struct tcp_conn *c, const struct tcp_seg *s) {
    bool old = seq_lt(s->seq, c->rcv_nxt);
    if (s->flags & TCP_RST) {
        tcp_drop(c, LA_D_RST_BEYOND);
        return;
    }
    tcp_drop(c, old ? LA_D_SEQ_OLD : LA_D_SEQ_BEYOND);
    if (old) tcp_recv_duplicate(c, s->seq, seq_min(seq_add(s->seq, (uint32_t)s->data.len), c->rcv_nxt));
    if (s->flags & TCP_SYN && c->state != LA_SYN_RCVD) {
        if (may_challenge(c)) tcp_mark(c, MARK_ACK | MARK_CHALLENGE);
        return;
    }
    answer_unacceptable(c, s);
}

/* An unacceptable segment whose ACK and window count all the same:
 *
 * - Our window is closed: RFC 9293, 3.10.7.4, "special allowance should be made to accept valid ACKs".
 * - Our window probe is unanswered and the segment begins one byte early: the peer probes us too, and the byte of its
 *   probe has arrived without its knowing. Neither would ever hear the other (draft-gont-tcpm-tcp-seq-validation).
 * - It is the peer's FIN once more, with news. Where ACKs repeat the FIN (ack_resends_fin), the news comes no other
 * way: two ends in CLOSING would answer each other's FIN for ever. */
static bool ack_counts(const struct tcp_conn *c, const struct tcp_seg *s) {
    if (!(s->flags & TCP_ACK) || s->flags & (TCP_SYN | TCP_RST)) return false;
    if (seq_eq(c->rcv_nxt, c->rcv_adv) && seq_eq(s->seq, c->rcv_nxt)) return true;
    if (s->flags & TCP_FIN && c->is.fin_received && seq_gt(s->ack, c->snd_una) &&
        seq_eq(seq_add(s->seq, tcp_seg_len(s)), c->rcv_nxt))
        return true;
    bool probing = c->timer_at[LA_TIMER_PERSIST] != LA_NEVER && seq_lt(c->snd_una, c->snd_max);
    return probing && s->data.len <= 1 && seq_eq(s->seq, seq_sub(c->rcv_nxt, 1));
}

enum tcp_verdict tcp_validate_sequence(struct tcp_conn *c, struct tcp_in *in) {
    struct tcp_seg *s = &in->seg;
    if (fails_paws(c, s)) return STOP;
    if (!in_window(c, s)) {
        bool counts = ack_counts(c, s);
        out_of_window(c, s);
        if (!counts) return STOP;
        s->data.len = 0;
        s->flags &= (uint16_t)~TCP_FIN;
    }
    return GO_ON;
}

/* RFC 7323, 4.3 (2). Only a segment whose ACK is acceptable, too, may teach a timestamp: a blind one could otherwise
 * make all later ones look old. */
static void note_timestamp(struct tcp_conn *c, const struct tcp_seg *s) {
    if (!c->is.ts_on || !s->opt.has_ts || seq_gt(s->seq, c->last_ack_sent)) return;
    if ((int32_t)(s->opt.ts_val - c->ts_recent) < 0) return;
    c->ts_recent = s->opt.ts_val;
    c->ts_recent_at = tcp_clock_ms(c->tcp);
}

/* What the owner is told after an RST: that it was reset, or Linux's errors. */
static int reset_error(const struct tcp_conn *c) {
    if (c->is.fastopen_child && c->state == LA_SYN_RCVD) return LA_ECONNRESET;
    if (c->state != LA_SYN_RCVD && !c->tcp->params.rst_error_by_state) return LA_ECONNRESET;
    switch (c->state) {
    case LA_SYN_RCVD: return LA_ECONNREFUSED;
    case LA_CLOSE_WAIT: return LA_EPIPE;
    case LA_CLOSING:
    case LA_LAST_ACK: return 0;
    default: return LA_ECONNRESET;
    }
}

static enum tcp_verdict reset(struct tcp_conn *c, const struct tcp_in *in) {
    env_count(c->tcp->env, LA_C_RESETS_IN);
    tcp_end(c, reset_error(c), LA_CAUSE_SEGMENT, in->what);
    return GONE;
}

/* RFC 5961, 3.2: an RST counts at exactly RCV.NXT; elsewhere in the window it is challenged. RFC 793: anywhere in the
 * window. */
enum tcp_verdict tcp_validate_rst(struct tcp_conn *c, struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    if (!(s->flags & TCP_RST)) return GO_ON;
    if (!c->tcp->params.rst_strict || seq_eq(s->seq, c->rcv_nxt)) return reset(c, in);
    challenge(c, LA_D_RST_CHALLENGE);
    return STOP;
}

/* RFC 5961, 4.2: a SYN is challenged wherever it lies; a peer that has restarted answers the challenge with an RST. */
enum tcp_verdict tcp_validate_syn(struct tcp_conn *c, struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    if (!(s->flags & TCP_SYN)) return GO_ON;
    if (c->tcp->params.syn_strict || c->state == LA_SYN_RCVD) {
        challenge(c, LA_D_SYN_CHALLENGE);
        return STOP;
    }
    tcp_reply_conn(c, TCP_RST | TCP_ACK);
    return reset(c, in);
}

static enum tcp_verdict syn_rcvd_ack(struct tcp_conn *c, struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    if (seq_leq(s->ack, c->snd_una) || seq_gt(s->ack, c->snd_max)) {
        tcp_drop(c, LA_D_ACK_FUTURE);
        tcp_reply_rst(c->tcp, in);
        return STOP;
    }
    note_timestamp(c, s);
    tcp_ack_syn(c, seq_add(c->iss, 1)); /* Data, if any was acknowledged with it, is for tcp_ack. */
    c->snd_wnd = in->wnd;
    c->snd_wl1 = s->seq;
    c->snd_wl2 = s->ack;
    tcp_set_state(c, LA_ESTABLISHED, LA_CAUSE_SEGMENT, in->what);
    tcp_open_done(c);
    tcp_timer_rexmit(c);
    tcp_recv_opened(c);
    if (c->is.fin_queued) tcp_set_state(c, LA_FIN_WAIT_1, LA_CAUSE_CALL, LA_CALL_SHUTDOWN);
    tcp_mark(c, MARK_SEND);
    return GO_ON;
}

/* RFC 9293, 3.10.7.4, fifth, with RFC 5961, 5.2: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT. */
enum tcp_verdict tcp_validate_ack(struct tcp_conn *c, struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    if (!(s->flags & TCP_ACK)) return tcp_drop(c, LA_D_ACK_MISSING), STOP;
    if (c->state == LA_SYN_RCVD) return syn_rcvd_ack(c, in);
    if (seq_gt(s->ack, c->snd_max)) {
        challenge(c, LA_D_ACK_FUTURE);
        return STOP;
    }
    if (seq_lt(s->ack, seq_sub(c->snd_una, c->max_snd_wnd))) {
        challenge(c, LA_D_ACK_OLD);
        return STOP;
    }
    note_timestamp(c, s);
    return GO_ON;
}
