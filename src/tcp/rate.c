/* Delivery rate estimation (draft-ietf-ccwg-bbr, 4.1): every segment carries, from when it was sent, how much had been
 * delivered by then; its own delivery then says how much arrived in between. */
#include "tcp/conn.h"

void tcp_rate_sent(struct tcp_conn *c, struct sent *s) {
    struct tcp_engine *e = &c->eng;
    la_time now = c->tcp->env->now;
    bool alone = e->sent.count == 1 && !(s->marks & SENT_EVER);
    if (alone) e->first_at = e->delivered_at = now; /* A flight begins. */
    s->first_at = e->first_at;
    s->delivered_at = e->delivered_at;
    s->delivered = e->delivered;
    s->marks = (uint8_t)(e->limited_until ? s->marks | SENT_APP_LIMITED : s->marks & ~SENT_APP_LIMITED);
}

void tcp_rate_delivered(struct tcp_conn *c, struct sent *s, struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    if (s->marks & SENT_COUNTED) return;
    s->marks |= SENT_COUNTED;
    e->delivered_at = c->tcp->env->now;
    if (a->delivered && (s->at < a->newest.at || (s->at == a->newest.at && seq_leq(s->to, a->newest.end)))) return;
    a->delivered = true;
    a->newest = (struct tcp_newest){.at = s->at,
                                    .delivered_at = s->delivered_at,
                                    .send_time = s->at - s->first_at,
                                    .end = s->to,
                                    .delivered = s->delivered,
                                    .in_flight = s->in_flight,
                                    .lost = s->lost,
                                    .app_limited = s->marks & SENT_APP_LIMITED};
    e->first_at = s->at;
}

/* The sample of the newest segment: delivered segments over the time that sending or acknowledging them took, whichever
 * was longer. The latest one is kept for people. */
static void sample(struct tcp_conn *c, struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    const struct tcp_newest *newest = &a->newest;
    la_time ack_time = c->tcp->env->now - newest->delivered_at;
    la_time interval = (newest->send_time > ack_time ? newest->send_time : ack_time) / LA_US;
    a->rate.prior_delivered = newest->delivered;
    a->rate.tx_in_flight = newest->in_flight;
    a->rate.tx_lost = newest->lost;
    a->rate.app_limited = newest->app_limited;
    a->rate.rate_delivered = e->delivered - newest->delivered;
    /* Faster than the least round trip nothing can be known. */
    if (interval < tcp_min_rtt(c) || !interval) return;
    a->rate.rate_interval_us = interval > UINT32_MAX ? UINT32_MAX : (uint32_t)interval;
    if (!a->rate.app_limited || (uint64_t)a->rate.rate_delivered * e->rate_interval_us >=
                                    (uint64_t)e->rate_delivered * a->rate.rate_interval_us) {
        e->rate_delivered = a->rate.rate_delivered;
        e->rate_interval_us = a->rate.rate_interval_us;
        e->rate_app_limited = a->rate.app_limited;
    }
}

void tcp_rate_finish(struct tcp_conn *c, struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    if (e->limited_until && (int32_t)(e->delivered - e->limited_until) > 0) e->limited_until = 0;
    a->rate = (struct cc_ack){.acked = e->delivered - a->prior_delivered,
                              .lost = e->lost - a->prior_lost,
                              .prior_in_flight = a->prior_in_flight,
                              .ce = a->ce,
                              .ece = a->ece};
    if (a->delivered) sample(c, a);
}

/* Nothing waits to be sent, and the window has room: what is delivered from here on is the application's pace. */
void tcp_rate_limited(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    e->limited_until = e->delivered + tcp_in_flight(c);
    if (!e->limited_until) e->limited_until = 1;
}
