/* Explicit congestion notification (RFC 3168): the handshake's agreement, the echo of what the network marked, and one
 * reduction of the congestion window for each window of data that was marked.
 *
 * New data leaves with ECT(0); retransmissions, SYNs, probes and bare ACKs do not (6.1.4 to 6.1.6). The receiver
 * repeats ECE in every ACK from a CE mark on until the sender's CWR, which tells of every reduction, whatever its
 * reason. */
#include "tcp/conn.h"

enum { ECT0 = 2, CE = 3 };

bool tcp_ecn_asks(uint16_t flags) { return (flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR); }

/* The peer's SYN has come while ours is out. With an ACK, ECE alone agrees; without, both have to have asked. */
void tcp_ecn_agree(struct tcp_conn *c, uint16_t flags) {
    const struct tcp_params *params = &c->tcp->params;
    if (flags & TCP_ACK)
        c->is.ecn_on = c->is.ecn_asked && (flags & (TCP_ECE | TCP_CWR)) == TCP_ECE;
    else
        c->is.ecn_on = params->ecn != ECN_OFF && tcp_ecn_asks(flags);
}

static uint16_t syn_flags(struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    if (c->state == LA_SYN_RCVD) return c->is.ecn_on ? TCP_ECE : 0;
    bool ask = params->ecn == ECN_REQUEST && c->backoff <= params->ecn_syn_retries;
    if (ask) c->is.ecn_asked = 1;
    return ask ? TCP_ECE | TCP_CWR : 0;
}

static bool is_new_data(const struct tcp_conn *c, const struct tcp_plan *plan) {
    return plan->len && !plan->silent && seq_geq(plan->seq, c->snd_max);
}

uint16_t tcp_ecn_flags(struct tcp_conn *c, const struct tcp_plan *plan) {
    if (plan->flags & TCP_SYN) return syn_flags(c);
    if (!c->is.ecn_on) return 0;
    uint16_t flags = c->is.ecn_echo && plan->flags & TCP_ACK ? TCP_ECE : 0;
    if (c->is.ecn_reduced && is_new_data(c, plan)) flags |= TCP_CWR;
    return flags;
}

uint8_t tcp_ecn_codepoint(const struct tcp_conn *c, const struct tcp_plan *plan) {
    return c->is.ecn_on && is_new_data(c, plan) ? ECT0 : 0;
}

void tcp_ecn_sent(struct tcp_conn *c, const struct tcp_plan *plan) {
    if (is_new_data(c, plan)) c->is.ecn_reduced = 0;
}

void tcp_ecn_reduced(struct tcp_conn *c) {
    c->ecn_recover = c->snd_max;
    c->is.ecn_reduced = c->is.ecn_on;
}

void tcp_ecn_input(struct tcp_conn *c, const struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    if (!c->is.ecn_on) return;
    if (s->flags & TCP_CWR) c->is.ecn_echo = 0;
    if ((in->datagram->tos & CE) == CE && s->data.len) {
        if (!c->is.ecn_echo) tcp_mark(c, MARK_ACK);
        tcp_delack_quick(c, 2);
        c->is.ecn_echo = 1;
    }
    c->ecn_recover = seq_max(c->ecn_recover, seq_sub(c->snd_una, 1)); /* Never 2^31 behind. */
}

bool tcp_ecn_echoed(const struct tcp_conn *c, const struct tcp_in *in) {
    return c->is.ecn_on && in->seg.flags & TCP_ECE && seq_gt(in->seg.ack, c->ecn_recover);
}
