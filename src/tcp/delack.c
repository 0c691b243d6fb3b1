/* When an ACK may wait: RFC 1122, 4.2.3.2; RFC 5681, 4.2; RFC 9293, 3.8.6.3. At least every second segment, at most
 * `delack` late, and at once while the connection is young, so that the peer's slow start is not held up. */
#include "tcp/conn.h"

void tcp_delack_data(struct tcp_conn *c, uint32_t len) {
    const struct tcp_params *params = &c->tcp->params;
    uint32_t full = c->mss ? len / c->mss : 0; /* A coalesced segment counts as what it was made from. */
    if (c->unacked_segments < UINT8_MAX - 1) c->unacked_segments = (uint8_t)(c->unacked_segments + (full > 1 ? 2 : 1));
    if (c->quickacks) {
        c->quickacks--;
        tcp_mark(c, MARK_ACK);
    } else if (c->unacked_segments >= params->delack_segments) {
        tcp_mark(c, MARK_ACK);
    } else {
        tcp_delack_later(c);
    }
}

void tcp_delack_later(struct tcp_conn *c) {
    if (c->timer_at[LA_TIMER_DELACK] == LA_NEVER)
        tcp_timer_set(c, LA_TIMER_DELACK, c->tcp->env->now + c->tcp->params.delack);
}

/* An ACK has left, alone or with data. */
void tcp_delack_sent(struct tcp_conn *c) {
    c->unacked_segments = 0;
    c->last_ack_sent = c->rcv_nxt;
    tcp_timer_stop(c, LA_TIMER_DELACK);
}
