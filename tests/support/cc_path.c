#include "cc_path.h"

#include <stdlib.h>

#define MSS 1500u

static la_time transmission(const struct cc_path *path) { return MSS * LA_SECOND / path->rate; }

uint32_t cc_path_bdp(const struct cc_path *path) {
    return (uint32_t)(path->rate * (path->rtt / LA_US) / 1000000 / MSS);
}

void cc_path_begin(struct cc_path *path, const struct cc_ops *ops, unsigned flows, uint64_t rate, uint32_t rtt_us,
                   uint32_t bdps_percent) {
    memset(path, 0, sizeof *path);
    path->rate = rate;
    path->rtt = rtt_us * LA_US;
    path->limit = (uint32_t)((uint64_t)cc_path_bdp(path) * bdps_percent / 100);
    path->at = LA_SECOND;
    path->count = flows;
    for (unsigned i = 0; i < flows; i++) {
        struct cc_path_flow *f = &path->flow[i];
        f->now = (struct cc_now){.at = path->at, .mss = MSS, .min_rtt_us = UINT32_MAX, .initial_cwnd = 10};
        f->cc.cwnd = 10;
        f->cc.ssthresh = CC_INFINITE;
        f->ring = calloc(CC_PATH_RING, sizeof *f->ring);
        f->starts_at = path->at;
        cc_begin(&f->cc, ops, f->state, &f->now);
    }
}

void cc_path_end(struct cc_path *path) {
    for (unsigned i = 0; i < path->count; i++) free(path->flow[i].ring);
}

static struct cc_path_segment *segment(struct cc_path_flow *f, uint32_t i) { return &f->ring[i % CC_PATH_RING]; }

/* Through the queue, or not. */
static void transmit(struct cc_path *path, struct cc_path_segment *s) {
    la_time wait = path->busy_until > path->at ? path->busy_until - path->at : 0;
    uint32_t queue = (uint32_t)(wait / transmission(path));
    bool lost = queue >= path->limit || random_below(&path->random, 1000000) < path->loss_ppm;
    s->ack_at = LA_NEVER;
    if (lost) return;
    if (queue > path->queue_max) path->queue_max = queue;
    s->marked = path->mark != 0 && queue > path->mark;
    path->busy_until = path->at + wait + transmission(path);
    s->ack_at = path->busy_until + path->rtt;
}

static void send_one(struct cc_path *path, struct cc_path_flow *f) {
    if (f->now.in_flight == 0) {
        f->first_at = f->delivered_at = path->at;
        if (f->tail > 0 && f->cc.ops->restart) f->cc.ops->restart(&f->cc, &f->now, 0);
    }
    assert_true(f->tail - f->head < CC_PATH_RING);
    struct cc_path_segment *s = segment(f, f->tail++);
    f->now.in_flight++;
    f->now.snd_nxt = seq_of(f->tail * MSS);
    *s = (struct cc_path_segment){.sent_at = path->at,
                                  .first_at = f->first_at,
                                  .delivered_at = f->delivered_at,
                                  .delivered = f->now.delivered,
                                  .in_flight = f->now.in_flight,
                                  .lost = f->now.lost,
                                  .app_limited = f->limited_until != 0};
    transmit(path, s);
    if (f->pace_at < path->at) f->pace_at = path->at;
    uint64_t rate = f->cc.pacing_rate;
    if (f->app_rate != 0 && (rate == 0 || f->app_rate < rate)) {
        rate = f->app_rate;
        f->limited_until = f->now.delivered + f->now.in_flight;
    }
    if (rate != 0) f->pace_at += MSS * LA_SECOND / rate;
}

static void to_phase(struct cc_path_flow *f, enum cc_phase to) {
    if (f->now.phase == to) return;
    if (f->cc.ops->phase) f->cc.ops->phase(&f->cc, &f->now, to);
    f->now.phase = (uint8_t)to;
    f->phases_seen |= 1u << to;
}

static void reduce(struct cc_path_flow *f, enum cc_phase to) {
    if (f->now.phase >= CC_CWR) return;
    f->cc.prior_cwnd = f->cc.cwnd;
    f->cc.ssthresh = f->cc.ops->ssthresh(&f->cc, &f->now);
    to_phase(f, to);
    if (!f->cc.ops->control) f->cc.cwnd = f->cc.ssthresh;
    f->recovery_end = f->tail;
}

static void lose(struct cc_path_flow *f, const struct cc_path_segment *s, struct cc_ack *ack) {
    f->now.lost++;
    f->now.in_flight--;
    ack->lost++;
    if (f->cc.ops->lost) f->cc.ops->lost(&f->cc, &f->now, s->in_flight, s->lost, 1);
}

/* Delivery rate estimation, as a connection does it. */
static void deliver(struct cc_path *path, struct cc_path_flow *f, const struct cc_path_segment *s, struct cc_ack *ack) {
    f->now.delivered++;
    f->now.in_flight--;
    f->delivered_at = path->at;
    f->first_at = s->sent_at;
    la_time sending = s->sent_at - s->first_at, acking = path->at - s->delivered_at;
    if (f->limited_until != 0 && f->now.delivered > f->limited_until) f->limited_until = 0;
    ack->acked = 1;
    ack->rtt_us = (uint32_t)((path->at - s->sent_at) / LA_US);
    ack->rate_delivered = f->now.delivered - s->delivered;
    ack->rate_interval_us = (uint32_t)((sending > acking ? sending : acking) / LA_US);
    ack->prior_delivered = s->delivered;
    ack->tx_in_flight = s->in_flight;
    ack->tx_lost = s->lost;
    ack->app_limited = s->app_limited;
    ack->ece = s->marked;
}

static void take_ack(struct cc_path *path, struct cc_path_flow *f) {
    struct cc_ack ack = {.prior_in_flight = f->now.in_flight};
    for (; segment(f, f->head)->ack_at == LA_NEVER; f->head++) lose(f, segment(f, f->head), &ack);
    struct cc_path_segment s = *segment(f, f->head++);
    deliver(path, f, &s, &ack);
    struct cc_now *now = &f->now;
    now->snd_una = seq_of(f->head * MSS);
    now->min_rtt_us = ack.rtt_us < now->min_rtt_us ? ack.rtt_us : now->min_rtt_us;
    now->srtt_us = now->srtt_us == 0 ? ack.rtt_us : (7 * now->srtt_us + ack.rtt_us) / 8;
    now->random = random_next(&path->random);
    if (now->phase >= CC_CWR && f->head > f->recovery_end) to_phase(f, CC_OPEN);
    if (ack.lost > 0) reduce(f, CC_RECOVERY);
    if (ack.ece) reduce(f, CC_CWR);
    if (f->cc.ops->measure) f->cc.ops->measure(&f->cc, now, &ack);
    if (f->cc.ops->control)
        f->cc.ops->control(&f->cc, now, &ack);
    else if (now->phase < CC_CWR && ack.prior_in_flight + 1 >= f->cc.cwnd)
        f->cc.ops->grow(&f->cc, now, ack.acked);
    if (path->look) path->look(path, f, path->arg);
}

static la_time next_ack(struct cc_path_flow *f) {
    uint32_t i = f->head;
    while (i < f->tail && segment(f, i)->ack_at == LA_NEVER) i++;
    return i < f->tail ? segment(f, i)->ack_at : LA_NEVER;
}

static la_time next_send(const struct cc_path *path, const struct cc_path_flow *f) {
    if (f->now.in_flight >= f->cc.cwnd) return LA_NEVER;
    la_time at = f->pace_at > f->starts_at ? f->pace_at : f->starts_at;
    return at > path->at ? at : path->at;
}

/* Nothing comes any more: what a timeout does. */
static void time_out(struct cc_path *path, struct cc_path_flow *f) {
    struct cc_ack ack = {0};
    path->at += LA_SECOND;
    f->now.at = path->at;
    reduce(f, CC_LOSS);
    to_phase(f, CC_LOSS);
    for (; f->head < f->tail; f->head++) lose(f, segment(f, f->head), &ack);
    f->cc.cwnd = 1;
    f->recovery_end = f->tail;
}

static la_time flow_next(const struct cc_path *path, struct cc_path_flow *f) {
    la_time ack = next_ack(f), send = next_send(path, f);
    return ack < send ? ack : send;
}

static void step(struct cc_path *path, struct cc_path_flow *f) {
    la_time ack = next_ack(f), send = next_send(path, f);
    f->now.at = path->at;
    if (ack <= send)
        take_ack(path, f);
    else
        send_one(path, f);
}

void cc_path_run(struct cc_path *path, la_time until) {
    while (path->at < until) {
        struct cc_path_flow *first = &path->flow[0];
        for (unsigned i = 1; i < path->count; i++)
            if (flow_next(path, &path->flow[i]) < flow_next(path, first)) first = &path->flow[i];
        la_time at = flow_next(path, first);
        if (at == LA_NEVER) {
            time_out(path, first);
            continue;
        }
        path->at = at > path->at ? at : path->at;
        step(path, first);
    }
}
