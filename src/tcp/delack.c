/* When an ACK may wait: RFC 1122, 4.2.3.2; RFC 5681, 4.2; RFC 9293, 3.8.6.3.
 *
 * At least every second segment is acknowledged at once; so is everything while the sender may be in slow start: at the
 * beginning, after a pause, after a loss. In a conversation, where an answer goes out soon after data came, ACKs wait
 * for the answer. How long they wait follows the pauses between segments, so that a segment every 60 ms does not cost
 * an ACK each, and is never longer than a round trip or delack_max. */
#include "tcp/conn.h"

static uint32_t least_ms(const struct tcp_conn *c) { return (uint32_t)(c->tcp->params.delack / LA_MS); }

static uint32_t most_ms(const struct tcp_conn *c) {
    uint32_t least = least_ms(c), most = (uint32_t)(c->tcp->params.delack_max / LA_MS), rtt = c->srtt_us / 1000;
    if (rtt < most) most = rtt;
    return most > least ? most : least;
}

static la_time wait(const struct tcp_conn *c) {
    uint32_t most = most_ms(c);
    if (most == least_ms(c) || !c->ato_ms) return c->tcp->params.delack;
    return (c->ato_ms < most ? c->ato_ms : most) * LA_MS;
}

static void set_ato(struct tcp_conn *c, uint32_t ms) {
    uint32_t most = most_ms(c);
    c->ato_ms = (uint16_t)(ms < most ? ms : most);
}

/* Data comes: `data_at` still says when the latest came before. */
void tcp_delack_arrival(struct tcp_conn *c) {
    uint32_t gap = tcp_clock_ms(c->tcp) - c->data_at, least = least_ms(c);
    if (c->ato_ms == least && gap <= least / 2) return; /* A stream. */
    if (!c->ato_ms || gap <= least / 2)
        set_ato(c, c->ato_ms ? (c->ato_ms + least) / 2 : least);
    else if (gap < c->ato_ms)
        set_ato(c, c->ato_ms / 2u + gap);
    else if (gap * LA_MS > tcp_rto(c))
        tcp_delack_quick(c, UINT8_MAX); /* After a pause the peer may have to start slowly again. */
}

void tcp_delack_quick(struct tcp_conn *c, uint8_t n) {
    uint8_t most = c->tcp->params.quickacks;
    if (n > most) n = most;
    if (c->quickacks < n) c->quickacks = n;
}

void tcp_delack_data(struct tcp_conn *c, uint32_t segments) {
    uint32_t before = c->unacked_segments, n = segments < UINT8_MAX - before ? before + segments : UINT8_MAX;
    c->unacked_segments = (uint8_t)n;
    if (c->quickacks && !c->is.pingpong) {
        if (c->quickacks < UINT8_MAX) c->quickacks--;
        tcp_mark(c, MARK_ACK);
    } else if (n >= c->tcp->params.delack_segments) {
        tcp_mark(c, MARK_ACK);
    } else {
        tcp_delack_later(c);
    }
}

void tcp_delack_later(struct tcp_conn *c) {
    if (c->timer_at[LA_TIMER_DELACK] == LA_NEVER) tcp_timer_set(c, LA_TIMER_DELACK, c->tcp->env->now + wait(c));
}

/* Nothing came for the ACK to go with: either the pauses are longer than thought, or the conversation is over. */
enum tcp_verdict tcp_delack_fire(struct tcp_conn *c) {
    env_count(c->tcp->env, LA_C_DELAYED_ACKS);
    set_ato(c, c->is.pingpong ? least_ms(c) : 2u * c->ato_ms);
    c->is.pingpong = 0;
    tcp_mark(c, MARK_ACK);
    return GO_ON;
}

/* Data goes out. Soon after data came it is an answer, and so is what goes with the ACK that ends the handshake
 * (`opening`): from here on, ACKs wait for the next one. */
void tcp_delack_answer(struct tcp_conn *c, bool opening) {
    const struct tcp_params *params = &c->tcp->params;
    uint32_t gone = tcp_clock_ms(c->tcp) - c->data_at;
    if (params->quickacks_end && (opening || gone * LA_MS < params->delack)) c->is.pingpong = 1;
}

/* An ACK has left, alone or with data. */
void tcp_delack_sent(struct tcp_conn *c) {
    c->unacked_segments = 0;
    c->last_ack_sent = c->rcv_nxt;
    tcp_timer_stop(c, LA_TIMER_DELACK);
}
