/* RACK (RFC 8985, 6): a segment is lost when one that was sent sufficiently later has arrived. "Sufficiently" is the
 * reordering window: nothing while no reordering was ever seen and something is known to be missing, otherwise a
 * quarter of the least round trip, more after D-SACKs have called repetitions needless.
 *
 * Times are those of the caller's clock. Its resolution (tcp_clock_resolution) is added to the window: a clock of 15 ms
 * must not make everything look late that was sent in one tick. */
#include "tcp/conn.h"

#define PERSIST_RECOVERIES 16
#define TIMER_LEAST (2 * LA_MS)

static bool sent_before(const struct sent *s, const struct tcp_rack *r) {
    return s->at < r->at || (s->at == r->at && seq_lt(s->to, r->end));
}

/* An ACK that came sooner than any round trip answers the first transmission, not the repetition (RFC 8985, 6.2, step
 * 2). */
void tcp_rack_delivered(struct tcp_conn *c, const struct sent *s) {
    struct tcp_rack *r = &c->eng.rack;
    la_time us = (c->tcp->env->now - s->at) / LA_US;
    if (s->marks & SENT_EVER && c->eng.min_rtt.us != UINT32_MAX && us < tcp_min_rtt(c)) return;
    r->advanced = true;
    r->rtt_us = us > UINT32_MAX / 8 ? UINT32_MAX / 8 : (uint32_t)us;
    if (r->at > s->at || (r->at == s->at && seq_geq(r->end, s->to))) return;
    r->at = s->at;
    r->end = s->to;
}

/* RFC 8985, 6.2, step 4. */
static la_time reordering_window(const struct tcp_conn *c) {
    const struct tcp_engine *e = &c->eng;
    const struct tcp_rack *r = &e->rack;
    la_time resolution = c->tcp->params.clock_resolution;
    bool enough = e->sacked_out >= c->tcp->params.dupthresh && !(c->tcp->params.recovery & RACK_NO_DUPTHRESH);
    if (!r->reorder_seen && (e->phase >= CC_RECOVERY || enough)) return 0;
    uint64_t us = (uint64_t)tcp_min_rtt(c) / 4 * r->steps;
    if (us > c->srtt_us) us = c->srtt_us;
    return us * LA_US + resolution;
}

/* Once per round trip with a D-SACK, the window grows; after 16 recoveries without one, it begins anew. */
void tcp_rack_window(struct tcp_conn *c, const struct tcp_acked *a) {
    struct tcp_rack *r = &c->eng.rack;
    if (!a->delivered || c->tcp->params.recovery & RACK_STATIC) return;
    if ((int32_t)(a->newest.delivered - r->last_delivered) < 0) r->dsack_seen = false;
    if (r->dsack_seen) {
        if (r->steps < UINT8_MAX) r->steps++;
        r->dsack_seen = false;
        r->last_delivered = c->eng.delivered;
        r->persist = PERSIST_RECOVERIES;
    } else if (!r->persist) {
        r->steps = 1;
    }
}

static la_time limit(const struct tcp_conn *c, la_time window) { return c->eng.rack.rtt_us * LA_US + window; }

bool tcp_rack_overdue(const struct tcp_conn *c, const struct sent *s) {
    return c->tcp->env->now - s->at >= limit(c, 0);
}

/* Marks what is lost. Returns how long to wait for the rest; 0: nothing is in doubt. */
static la_time detect(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    la_time now = c->tcp->env->now, wait = 0, most = limit(c, reordering_window(c));
    struct sent *next;
    for (struct sent *s = sent_oldest(&e->sent); s; s = next) {
        next = sent_newer(&e->sent, s);
        if (!sent_before(s, &e->rack)) break;
        la_time age = now - s->at;
        if (age >= most)
            tcp_score_lost(c, s);
        else if (most - age > wait)
            wait = most - age;
    }
    return wait;
}

void tcp_rack_mark(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    if (!e->rack.advanced) return;
    e->rack.advanced = false;
    la_time wait = detect(c);
    if (wait) tcp_timer_rexmit_as(c, REXMIT_REORDER, c->tcp->env->now + wait + TIMER_LEAST);
}

void tcp_rack_timeout(struct tcp_conn *c) {
    uint32_t before = tcp_in_flight(c);
    detect(c);
    if (tcp_in_flight(c) != before) {
        if (c->eng.phase != CC_RECOVERY && !tcp_mtu_probe_lost(c)) {
            tcp_recover_enter(c, false);
            tcp_cwnd_reduce_first(c);
        }
        tcp_mark(c, MARK_SEND);
    }
    tcp_timer_rto(c);
}
