/* Explicit congestion notification (RFC 3168): the handshake's agreement, the echo of what the network marked, and one
 * reduction of the congestion window for each window of data that was marked. Where the two ends agree on Accurate ECN
 * (RFC 9768), the handshake is here too, and the rest in accecn.c.
 *
 * New data leaves with ECT(0); retransmissions, SYNs, probes and bare ACKs do not (6.1.4 to 6.1.6). The receiver
 * repeats ECE in every ACK from a CE mark on until the sender's CWR, which tells of every reduction, whatever its
 * reason. */
#include "tcp/conn.h"

static bool asks_classic(uint16_t flags) { return (flags & ECN_FLAGS) == (TCP_ECE | TCP_CWR); }

/* RFC 9768, 3.1.3: what no standard knows yet asks for Accurate ECN. Who does not know that either takes AE for
 * nothing. */
enum ecn_mode tcp_ecn_answer(const struct tcp_params *params, uint16_t flags) {
    bool classic = (flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR);
    if (params->ecn == ECN_OFF || !(flags & ECN_FLAGS)) return ECN_MODE_NONE;
    if (params->ecn < ECN_ACCURATE) return classic ? ECN_MODE_CLASSIC : ECN_MODE_NONE;
    return asks_classic(flags) ? ECN_MODE_CLASSIC : ECN_MODE_ACCURATE;
}

/* RFC 9768, table 2: what a SYN+ACK means to who asked for Accurate ECN. */
static enum ecn_mode answered_accurate(uint16_t flags) {
    switch (flags & ECN_FLAGS) {
    case 0:
    case ECN_FLAGS: return ECN_MODE_NONE; /* All three: a host that reflects what it does not know. */
    case TCP_ECE: return ECN_MODE_CLASSIC;
    default: return ECN_MODE_ACCURATE;
    }
}

/* With an ACK, ECE alone agrees to RFC 3168; without, both have to have asked. */
static enum ecn_mode agreed(const struct tcp_conn *c, uint16_t flags) {
    if (!(flags & TCP_ACK)) return tcp_ecn_answer(&c->tcp->params, flags);
    if (!c->is.ecn_asked) return ECN_MODE_NONE;
    if (c->is.ecn_accurate) return answered_accurate(flags);
    return (flags & (TCP_ECE | TCP_CWR)) == TCP_ECE ? ECN_MODE_CLASSIC : ECN_MODE_NONE;
}

/* The peer's SYN or SYN+ACK has come while our SYN is out. */
void tcp_ecn_agree(struct tcp_conn *c, const struct tcp_in *in) {
    enum ecn_mode mode = agreed(c, in->seg.flags);
    c->is.ecn_on = mode == ECN_MODE_CLASSIC;
    if (mode == ECN_MODE_ACCURATE) tcp_accecn_begin(c, in->datagram->tos & ECN_BITS);
}

enum ecn_mode tcp_ecn_mode(const struct tcp_conn *c) {
    if (c->accecn) return ECN_MODE_ACCURATE;
    if (c->is.ecn_on) return ECN_MODE_CLASSIC;
    return c->state == LA_SYN_SENT && c->is.ecn_asked ? ECN_MODE_PENDING : ECN_MODE_NONE;
}

/* Only one kind is asked for in a connection (RFC 9768, 3.1.5), and Accurate ECN twice at least (3.1.4.1). */
static uint16_t asking_flags(struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    bool accurate = params->ecn == ECN_ACCURATE;
    uint8_t retries = accurate && !params->ecn_syn_retries ? 1 : params->ecn_syn_retries;
    bool asks = accurate || params->ecn == ECN_REQUEST || params->ecn == ECN_ACCURATE_CLASSIC;
    if (!asks || (params->ecn_fallback && c->backoff > retries)) return 0;
    c->is.ecn_asked = 1;
    c->is.ecn_accurate = accurate;
    return accurate ? ECN_FLAGS : TCP_ECE | TCP_CWR;
}

static uint16_t syn_flags(struct tcp_conn *c, const struct tcp_plan *plan) {
    if (!(plan->flags & TCP_ACK)) return asking_flags(c);
    if (c->accecn) return tcp_accecn_flags(c, plan);
    return c->is.ecn_on ? TCP_ECE : 0;
}

static bool is_new_data(const struct tcp_conn *c, const struct tcp_plan *plan) {
    return plan->len && !plan->silent && seq_geq(plan->seq, c->snd_max);
}

uint16_t tcp_ecn_flags(struct tcp_conn *c, const struct tcp_plan *plan) {
    if (plan->flags & TCP_SYN) return syn_flags(c, plan);
    if (c->accecn) return tcp_accecn_flags(c, plan);
    if (!c->is.ecn_on) return 0;
    uint16_t flags = c->is.ecn_echo && plan->flags & TCP_ACK ? TCP_ECE : 0;
    if (c->is.ecn_reduced && is_new_data(c, plan)) flags |= TCP_CWR;
    return flags;
}

uint8_t tcp_ecn_codepoint(const struct tcp_conn *c, const struct tcp_plan *plan) {
    bool capable = c->accecn ? !(c->accecn->failed & ACCECN_NO_ECT) : c->is.ecn_on;
    return capable && is_new_data(c, plan) && !(plan->flags & TCP_SYN) ? ECN_ECT0 : ECN_NOT_ECT;
}

void tcp_ecn_sent(struct tcp_conn *c, const struct tcp_plan *plan) {
    if (is_new_data(c, plan)) c->is.ecn_reduced = 0;
    if (c->accecn) tcp_accecn_sent(c, plan);
}

void tcp_ecn_reduced(struct tcp_conn *c) {
    c->ecn_recover = c->snd_max;
    c->is.ecn_reduced = c->is.ecn_on;
}

static void classic_input(struct tcp_conn *c, const struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    if (s->flags & TCP_CWR) c->is.ecn_echo = 0;
    if ((in->datagram->tos & ECN_BITS) != ECN_CE || !s->data.len) return;
    if (!c->is.ecn_echo) tcp_mark(c, MARK_ACK);
    tcp_delack_quick(c, 2);
    c->is.ecn_echo = 1;
}

void tcp_ecn_input(struct tcp_conn *c, const struct tcp_in *in) {
    if (c->accecn)
        tcp_accecn_input(c, in);
    else if (c->is.ecn_on)
        classic_input(c, in);
    c->ecn_recover = seq_max(c->ecn_recover, seq_sub(c->snd_una, 1)); /* Never 2^31 behind. */
}

bool tcp_ecn_echoed(struct tcp_conn *c, const struct tcp_in *in, struct tcp_acked *a) {
    if (c->accecn)
        a->ce = tcp_accecn_feedback(c, in, a);
    else if (c->is.ecn_on && in->seg.flags & TCP_ECE && !(in->what & TCP_SYN))
        c->eng.delivered_ce += tcp_acked_segments(c, a);
    else
        return false;
    bool echoed = c->accecn ? a->ce > 0 : true;
    return echoed && seq_gt(in->seg.ack, c->ecn_recover);
}
