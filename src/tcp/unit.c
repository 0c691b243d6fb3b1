/* Units: several segments as one packet, for a device that cuts them itself (la_iface_config.gso_max). Every segment of
 * a unit keeps its own record and counts alone; only the way from here to the device is one. */
#include "tcp/conn.h"

#define SEGMENTS_MAX 128u                          /* Bounds what one plan may do where the MSS is tiny. */
#define BYTES_MAX (UINT16_MAX - 20u - TCP_LEN_MAX) /* The length that an IPv4 header can tell. */

/* No more than half the congestion window, and what a millisecond of the pace carries. */
uint32_t tcp_unit_piece(const struct tcp_conn *c, uint32_t mss) {
    uint32_t cwnd = c->eng.cc.cwnd, in_flight = tcp_in_flight(c), half = cwnd / 2 ? cwnd / 2 : 1;
    uint64_t rate = c->eng.cc.pacing_rate, paced;
    if (half > cwnd - in_flight) half = cwnd - in_flight;
    if (c->max_pacing_rate && (!rate || rate > c->max_pacing_rate)) rate = c->max_pacing_rate;
    if (!rate) return half;
    paced = rate / 1024 / mss;
    if (paced < c->tcp->params.burst_least) paced = c->tcp->params.burst_least;
    return half < paced ? half : (uint32_t)paced;
}

/* Urgent data and the one mark that a reduction leaves (CWR) belong to single segments. */
uint32_t tcp_unit_max(const struct tcp_conn *c, uint32_t mss) {
    uint32_t most = ip_iface(c->tcp->ip, c->path.iface)->gso_max;
    if (most < 2 * mss || c->is.urg_out || c->is.ecn_reduced) return mss;
    uint32_t half = c->max_snd_wnd / 2, segments = tcp_unit_piece(c, mss); /* ACKs must come back before all is out. */
    if (segments > SEGMENTS_MAX) segments = SEGMENTS_MAX;
    if (most > BYTES_MAX) most = BYTES_MAX;
    if (most > half) most = half;
    if (segments > most / mss) segments = most / mss;
    return segments > 1 ? segments * mss : mss;
}

/* Whether a record may follow in a unit that ends where it begins. */
static bool follows(const struct tcp_conn *c, const struct sent *s) {
    return sent_waits(s) && seq_leq(s->to, seq_add(c->snd_una, c->snd_wnd)) && seq_leq(s->to, c->snd_end);
}

void tcp_unit_again(struct tcp_conn *c, struct tcp_plan *plan) {
    struct sent_queue *q = &c->eng.sent;
    uint32_t size = plan->len, mss = tcp_send_mss(c), most = tcp_unit_max(c, mss);
    if (!size || plan->flags & TCP_FIN || most == mss || most < 2 * size) return;
    uint32_t at = sent_index(q, plan->again), n = 1;
    for (; at + n < q->count && plan->len == n * size; n++) {
        const struct sent *s = sent_at(q, at + n);
        uint32_t len = seq_len(s->from, s->to);
        if (!follows(c, s) || len > size || plan->len + len > most) break;
        plan->len += len;
    }
    if (n > 1) plan->unit = size;
}
