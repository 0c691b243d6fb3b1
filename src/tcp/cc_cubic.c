/* CUBIC (RFC 9438): the window follows a cubic curve of the time since the latest congestion event, flat around the
 * window at which that event came (W_max) and steep far from it; where Reno would be faster, it grows as Reno would.
 *
 * What comes in: struct cc_now and the segments that each ACK acknowledges while the window is in use. What goes out:
 * cwnd, and ssthresh where HyStart ends slow start. What it owns: struct cubic, behind cc->state.
 *
 * An epoch begins with the first growth in congestion avoidance after ssthresh(), a timeout or the start. In it
 *
 *     W_cubic(t) = C (t - K)^3 + origin,   K = cbrt((W_max - cwnd_epoch) / C),   C = 0.4, origin = W_max;
 *     K = 0 and origin = cwnd_epoch where cwnd_epoch is W_max or more, or W_max is not known.
 *
 * Fixed point: time in 1/1024 s, C as 410/1024, beta as 717/1024; a factor of 1/1024 cubed leaves the product with 40
 * bits behind the point. The exponent's base is clamped so that 410 * t^3 fits 64 bits, which is more than CC_CWND_MAX.
 *
 * Where Linux does more than the RFC says, or other: the curve looks one minimum (not smoothed) round trip ahead, so a
 * queue of its own making does not speed it up; while cwnd stays, it is looked up once in a round trip or 1/32 s; while
 * W_max is not known, the window grows by one in twenty at least. */
#include "base/mem.h"
#include "base/num.h"
#include "tcp/cc_hystart.h"

#define BETA 717u /* Of 1024: 0.7. */
#define C 410u    /* Of 1024: 0.4. */
#define POINT 40u /* Bits behind the point in C * t^3. */
#define OFFSET_MAX 350000u
#define ELAPSED_MAX_US (1000ull * 1000 * 1000)
#define LOOK_EVERY (LA_SECOND / 32)
#define PROBE_PER 20u

struct curve {
    la_time epoch;       /* When it began. */
    bool running;        /* It has begun. */
    uint32_t w_max;      /* segments; 0: not known. */
    uint32_t origin, k;  /* segments; 1/1024 s */
    uint32_t w_est;      /* What Reno's window would be (RFC 9438, 4.3) … */
    uint32_t est_count;  /* … and the segments acknowledged towards its next increase. */
    uint32_t cwnd_prior; /* cwnd at the latest ssthresh(). */
};

struct cubic {
    struct curve curve;
    struct curve saved;   /* As it was before ssthresh(), for undo(). */
    uint32_t per;         /* Segments to be acknowledged for one more in cwnd … */
    uint32_t looked_cwnd; /* … as found for this cwnd … */
    la_time looked_at;    /* … at this time. */
    la_time grown_at;     /* The latest grow(). */
    struct hystart hystart;
};

/* The largest number whose cube is not more than x. One bit of the result at a time. */
static uint32_t cube_root(uint64_t x) {
    uint64_t y = 0;
    for (int shift = 63; shift >= 0; shift -= 3) {
        y *= 2;
        uint64_t step = 3 * y * (y + 1) + 1;
        if (x >> shift >= step) {
            x -= step << shift;
            y++;
        }
    }
    return (uint32_t)y;
}

/* 1/1024 s */
static uint32_t units(uint64_t us) { return (uint32_t)(u64_min(us, ELAPSED_MAX_US) * 1024 / 1000000); }

static void begin_epoch(struct curve *curve, const struct cc_now *now, uint32_t cwnd) {
    curve->running = true;
    curve->epoch = now->at;
    curve->w_est = cwnd;
    curve->est_count = 0;
    if (curve->w_max > cwnd) {
        curve->k = cube_root((curve->w_max - cwnd) * ((1ull << POINT) / C));
        curve->origin = curve->w_max;
    } else {
        curve->k = 0;
        curve->origin = cwnd;
    }
}

/* W_cubic one round trip from now. */
static uint32_t target(const struct curve *curve, const struct cc_now *now) {
    uint32_t rtt_us = now->min_rtt_us != UINT32_MAX ? now->min_rtt_us : now->srtt_us;
    uint32_t t = units((now->at - curve->epoch) / LA_US + rtt_us);
    uint64_t offset = u32_min(t < curve->k ? curve->k - t : t - curve->k, OFFSET_MAX);
    uint32_t distance = (uint32_t)((C * offset * offset * offset) >> POINT);
    if (t < curve->k) return curve->origin > distance ? curve->origin - distance : 0;
    return u32_min(curve->origin + distance, CC_CWND_MAX);
}

/* RFC 9438, 4.3: alpha segments for each window acknowledged; alpha = 3 (1 - beta) / (1 + beta) = 9/17 until the window
 * of before is reached again, then 1. */
static void follow_reno(struct curve *curve, uint32_t cwnd) {
    uint32_t window = curve->w_est < curve->cwnd_prior ? (uint32_t)((uint64_t)cwnd * 17 / 9) : cwnd;
    curve->w_est = u32_min(curve->w_est + curve->est_count / window, CC_CWND_MAX);
    curve->est_count %= window;
}

/* Segments to be acknowledged for each segment that the window grows by: 2 at least (RFC 9438, 4.4: target is 1.5 cwnd
 * at most). */
static void look_up(struct cubic *s, const struct cc_now *now, uint32_t cwnd) {
    struct curve *curve = &s->curve;
    uint32_t goal = target(curve, now), per = goal > cwnd ? cwnd / (goal - cwnd) : 100 * cwnd;
    if (curve->w_max == 0) per = u32_min(per, PROBE_PER);
    follow_reno(curve, cwnd);
    if (curve->w_est > cwnd) per = u32_min(per, cwnd / (curve->w_est - cwnd));
    s->per = u32_max(per, 2);
    s->looked_cwnd = cwnd;
    s->looked_at = now->at;
}

/* Time in which the window was not in use is no time on the curve (RFC 9438, 5.8): more than a round trip between two
 * calls of grow() is such time. */
static void leave_out_pause(struct cubic *s, const struct cc_now *now) {
    la_time pause = now->at - s->grown_at, usual = now->srtt_us * LA_US + LOOK_EVERY;
    if (pause > usual) s->curve.epoch += pause - usual;
}

static la_time look_every(const struct cc_now *now) { return u64_min(LOOK_EVERY, now->srtt_us * LA_US); }

static void avoid(struct cc *cc, struct cubic *s, const struct cc_now *now, uint32_t acked) {
    if (s->curve.running) {
        leave_out_pause(s, now);
    } else {
        begin_epoch(&s->curve, now, cc->cwnd);
        s->looked_cwnd = 0;
    }
    s->grown_at = now->at;
    s->curve.est_count = u32_of((uint64_t)s->curve.est_count + acked);
    if (s->looked_cwnd != cc->cwnd || now->at - s->looked_at > look_every(now)) look_up(s, now, cc->cwnd);
    cc_avoid(cc, s->per, acked);
}

static void init(struct cc *cc, const struct cc_now *now) {
    struct cubic *s = cc->state;
    *s = (struct cubic){0};
    hystart_begin(&s->hystart, now);
}

static void measure(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    struct cubic *s = cc->state;
    if (cc->cwnd < cc->ssthresh) hystart_measure(&s->hystart, cc, now, ack->rtt_us);
}

static void grow(struct cc *cc, const struct cc_now *now, uint32_t acked) {
    struct cubic *s = cc->state;
    if (cc->cwnd < cc->ssthresh) acked = cc_slow_start(cc, hystart_growth(&s->hystart, cc, acked));
    if (acked > 0 && cc->cwnd >= cc->ssthresh) avoid(cc, s, now, acked);
}

/* RFC 9438, 4.6 and 4.7: a flow that did not come back to its W_max leaves room to those that are new. */
static uint32_t ssthresh(struct cc *cc, const struct cc_now *now) {
    (void)now;
    struct cubic *s = cc->state;
    uint32_t cwnd = cc->cwnd;
    s->saved = s->curve;
    s->curve.running = false;
    s->curve.cwnd_prior = cwnd;
    s->curve.w_max = cwnd < s->curve.w_max ? (uint32_t)((uint64_t)cwnd * (1024 + BETA) / 2048) : cwnd;
    return u32_max((uint32_t)((uint64_t)cwnd * BETA / 1024), 2);
}

/* RFC 9438, 4.9.2: as if the event had not been. */
static uint32_t undo(struct cc *cc, const struct cc_now *now) {
    struct cubic *s = cc->state;
    s->curve = s->saved;
    s->looked_cwnd = 0;
    return cc_undo(cc, now);
}

/* RFC 9438, 4.8: after a timeout K is 0, and W_max the window with which congestion avoidance begins. */
static void phase(struct cc *cc, const struct cc_now *now, enum cc_phase to) {
    struct cubic *s = cc->state;
    if (to != CC_LOSS) return;
    s->curve.running = false;
    s->curve.w_max = 0;
    hystart_begin(&s->hystart, now);
}

const struct cc_ops cc_cubic = {
    .name = "cubic",
    .state_size = sizeof(struct cubic),
    .init = init,
    .ssthresh = ssthresh,
    .grow = grow,
    .undo = undo,
    .measure = measure,
    .phase = phase,
};
