/* A segment arrives for a connection: RFC 9293, 3.10.7.3 (SYN_SENT) and 3.10.7.4 (all other states), in the RFC's
 * order.
 *
 * Each step is a function of its own file and says whether the next one still has something to do. Steps change the
 * connection's variables and set marks; none of them sends. The exceptions are segments of connections that are about
 * to go (an RST, the last ACK): those are sent at once, because nobody is left to send them. */
#include "tcp/conn.h"

/* A SYN+ACK that echoes a time at which no SYN was sent answers an earlier connection's (RFC 7323, 3.2). */
static bool echoes_other(const struct tcp_conn *c, const struct tcp_options *o) {
    if (!o->has_ts || !o->ts_ecr || !c->tcp->params.timestamps || c->is.noopt) return false;
    uint32_t ms = o->ts_ecr - c->ts_offset, now = tcp_clock_ms(c->tcp);
    return now - ms > now - c->unacked_since;
}

/* 3.10.7.3, first and second: is there an ACK, and does it acknowledge our SYN? Then RST. */
static enum tcp_verdict syn_sent_ack_rst(struct tcp_conn *c, struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    bool ack = s->flags & TCP_ACK;
    if (ack && (seq_leq(s->ack, c->iss) || seq_gt(s->ack, c->snd_max))) {
        bool rst = s->flags & TCP_RST;
        tcp_drop(c, rst ? LA_D_SYN_SENT_RST : LA_D_SYN_SENT_ACK);
        if (!rst) tcp_reply_rst(c->tcp, in);
        return STOP;
    }
    if (ack && !(s->flags & TCP_RST) && echoes_other(c, &s->opt)) {
        tcp_drop(c, LA_D_SYN_SENT_ECHO);
        tcp_reply_rst(c->tcp, in);
        return STOP;
    }
    if (s->flags & TCP_RST) {
        if (!ack) return tcp_drop(c, LA_D_SYN_SENT_RST), STOP;
        env_count(c->tcp->env, LA_C_RESETS_IN);
        tcp_end(c, LA_ECONNREFUSED, LA_CAUSE_SEGMENT, in->what);
        return GONE;
    }
    if (!(s->flags & TCP_SYN)) return tcp_drop(c, LA_D_SYN_SENT_NO_SYN), STOP;
    if (s->flags & TCP_FIN && !ack && c->tcp->params.drop_synfin) return tcp_drop(c, LA_D_SYN_FIN), STOP;
    return GO_ON;
}

/* 3.10.7.3, fourth: the SYN. With our SYN acknowledged the connection is established, otherwise both opened at once. */
static enum tcp_verdict syn_sent(struct tcp_conn *c, struct tcp_in *in) {
    enum tcp_verdict v = syn_sent_ack_rst(c, in);
    if (v != GO_ON) return v;
    struct tcp_seg *s = &in->seg;
    tcp_open_agree(c, s);
    tcp_ecn_agree(c, in);
    c->snd_wl1 = s->seq;
    c->snd_wl2 = s->ack;
    if (!(s->flags & TCP_ACK)) {
        tcp_set_state(c, LA_SYN_RCVD, LA_CAUSE_SEGMENT, in->what);
        c->snd_nxt = c->snd_una; /* SYN goes again, this time with an ACK. */
        c->backoff = 0;
        tcp_recv_early(c, s);
        tcp_mark(c, MARK_SEND);
        return STOP;
    }
    tcp_ack_syn(c, seq_add(c->iss, 1));
    tcp_set_state(c, LA_ESTABLISHED, LA_CAUSE_SEGMENT, in->what);
    tcp_fastopen_answered(c, s);
    tcp_open_done(c);
    tcp_accecn_opened(c, in);
    tcp_fastopen_resend(c);
    tcp_mark(c, MARK_ACK | MARK_SEND);
    s->seq = seq_add(s->seq, 1); /* Behind the SYN. */
    s->flags &= (uint16_t)~TCP_SYN;
    v = tcp_recv_data(c, in);
    return v == GO_ON ? tcp_recv_fin(c, in) : v;
}

/* In SYN_RCVD after a simultaneous open, the peer's SYN+ACK repeats the SYN that we have; its ACK is what counts. */
static void strip_known_syn(struct tcp_conn *c, struct tcp_seg *s) {
    if (c->state != LA_SYN_RCVD || !(s->flags & TCP_SYN) || !(s->flags & TCP_ACK) || !seq_eq(s->seq, c->irs)) return;
    s->flags &= (uint16_t)~TCP_SYN;
    s->seq = seq_add(s->seq, 1);
}

/* 3.10.7.4: the steps for all states in which the peer's sequence numbers are known. */
static enum tcp_verdict synchronized(struct tcp_conn *c, struct tcp_in *in) {
    tcp_accecn_again(c, in);
    if (tcp_fastopen_syn_again(c, &in->seg)) return STOP;
    strip_known_syn(c, &in->seg);
    enum tcp_verdict v = tcp_validate_sequence(c, in); /* First: is it in the window; PAWS. */
    if (v == GO_ON) v = tcp_validate_rst(c, in);       /* Second: RST (RFC 5961, 3). Third, security, is obsolete. */
    if (v == GO_ON) v = tcp_validate_syn(c, in);       /* Fourth: SYN (RFC 5961, 4). */
    if (v == GO_ON) v = tcp_validate_ack(c, in);       /* Fifth: ACK (RFC 5961, 5); SYN_RCVD becomes ESTABLISHED. */
    if (v == GO_ON) tcp_ecn_input(c, in);     /* What the network and the peer say about it (RFC 3168, 9768). */
    if (v == GO_ON) v = tcp_ack(c, in);       /* Fifth: what it acknowledges, and the window. */
    if (v == GO_ON) v = tcp_recv_data(c, in); /* Sixth, URG, is data (RFC 6093). Seventh: text. */
    if (v == GO_ON) v = tcp_recv_fin(c, in);  /* Eighth: FIN. */
    return v;
}

/* What the segment as a whole has brought about: our FIN acknowledged without the peer's FIN, or a state whose memory
 * is a record and not a connection. */
static void settle(struct tcp_conn *c, const struct tcp_in *in) {
    if (c->state == LA_FIN_WAIT_1 && tcp_fin_acked(c)) tcp_set_state(c, LA_FIN_WAIT_2, LA_CAUSE_SEGMENT, in->what);
    if (c->state == LA_TIME_WAIT || (c->state == LA_FIN_WAIT_2 && c->is.orphan)) {
        tcp_timewait_enter(c);
        return;
    }
    if (c->tcp->env->check) tcp_check(c);
}

void tcp_segment(struct tcp_conn *c, struct tcp_in *in) {
    bool opening = c->state == LA_SYN_SENT;
    in->wnd = (uint32_t)in->seg.wnd << (in->seg.flags & TCP_SYN ? 0 : c->snd_wscale);
    c->segs_in++;
    c->heard_at = tcp_clock_ms(c->tcp);
    tcp_tally_received(c, &in->seg);
    seq una = c->snd_una;
    enum tcp_verdict v = opening ? syn_sent(c, in) : synchronized(c, in);
    if (v == GONE) return;
    if (!seq_eq(c->snd_una, una)) c->is.more_waits = 0; /* As on Linux: MSG_MORE gathers for a round trip at most. */
    tcp_chrono(c);
    settle(c, in);
}
