/* BBR version 3 (draft-ietf-ccwg-bbr-06): the pace and the window that follow from its model of the path, and what the
 * engine calls.
 *
 * What comes in: every ACK with its rate sample, every segment that is marked lost, the phases of recovery. What goes
 * out: pacing_rate and cwnd. The window is a bound of twice what the path holds; the pace is what fits the path. Losses
 * by themselves cut neither: they change the model's bounds (cc_bbr_model.c, cc_bbr_state.c). */
#include "tcp/cc_bbr.h"
#include "base/num.h"

#define PACING_MARGIN_PERCENT 1u
#define QUANTUM_MAX 65536u /* bytes */

/* 5.6.1, in 1/256: 2.77, 0.5, 0.9, 1, 1, 1.25, 1; 2, 2.25 in UP, 0.5 in ProbeRTT. */
static const struct {
    uint16_t pacing, cwnd;
} gains[BBR_NO_STATE] = {
    [BBR_STARTUP] = {709, 512}, [BBR_DRAIN] = {128, 512}, [BBR_DOWN] = {230, 512},      [BBR_CRUISE] = {256, 512},
    [BBR_REFILL] = {256, 512},  [BBR_UP] = {320, 576},    [BBR_PROBE_RTT] = {256, 128},
};

/* --- cwnd saved and restored (5.6.4.4) --- */

void bbr_save_cwnd(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    bool plain = now->phase < CC_RECOVERY && s->state != BBR_PROBE_RTT;
    s->prior_cwnd = plain ? cc->cwnd : u32_max(s->prior_cwnd, cc->cwnd);
}

void bbr_restore_cwnd(struct cc *cc) { cc->cwnd = u32_max(cc->cwnd, bbr_of(cc)->prior_cwnd); }

/* --- Pace (5.6.2) --- */

/* bytes/s */
static uint64_t rate_of(uint64_t bw, uint32_t mss, uint32_t gain) {
    uint64_t bytes_per_us = u64_mul(bw, mss), whole = bytes_per_us >> BBR_POINT, part = bytes_per_us & UINT32_MAX;
    uint64_t rate = whole * 1000000 + (part * 1000000 >> BBR_POINT);
    return u64_mul(rate, (100 - PACING_MARGIN_PERCENT) * gain) / (100 * BBR_UNIT);
}

static void set_pacing_rate(struct cc *cc, const struct cc_now *now, uint32_t gain) {
    const struct bbr *s = bbr_of(cc);
    uint64_t rate = rate_of(s->bw, now->mss, gain);
    if (s->bw == 0 || !(s->full_bw_reached || rate > cc->pacing_rate)) return;
    cc->pacing_rate = u64_max(rate, 1);
}

/* Before a round trip is known, one of a millisecond is assumed, and only so long. */
static void init_pacing_rate(struct cc *cc, const struct cc_now *now) {
    bbr_of(cc)->rtt_seen = now->srtt_us != 0;
    uint32_t rtt_us = now->srtt_us != 0 ? now->srtt_us : 1000;
    uint64_t bw = ((uint64_t)now->initial_cwnd << BBR_POINT) / rtt_us;
    cc->pacing_rate = u64_max(rate_of(bw, now->mss, gains[BBR_STARTUP].pacing), 1);
}

/* --- Window (5.6.4) --- */

/* What is sent in one piece: a millisecond's worth, two segments at least. */
static uint32_t send_quantum(const struct cc *cc, const struct cc_now *now) {
    return u32_max((uint32_t)u64_min(cc->pacing_rate / 1000, QUANTUM_MAX) / now->mss, 2);
}

static uint32_t with_quantum(const struct cc *cc, const struct cc_now *now, uint32_t segments) {
    uint32_t least = u32_max(3 * send_quantum(cc, now), BBR_MIN_PIPE);
    return u32_max(segments, least) + (bbr_of(cc)->state == BBR_UP ? 2 : 0);
}

uint32_t bbr_inflight(const struct cc *cc, const struct cc_now *now, uint64_t bw, uint32_t gain) {
    return with_quantum(cc, now, bbr_bdp(bbr_of(cc), now, bw, gain));
}

uint32_t bbr_probe_rtt_cwnd(const struct cc *cc, const struct cc_now *now) {
    const struct bbr *s = bbr_of(cc);
    return u32_max(bbr_bdp(s, now, s->bw, gains[BBR_PROBE_RTT].cwnd), BBR_MIN_PIPE);
}

/* 5.6.4.7 */
static uint32_t model_cap(const struct bbr *s) {
    uint32_t cap = BBR_INFINITE;
    if (s->state == BBR_PROBE_RTT || s->state == BBR_CRUISE)
        cap = bbr_inflight_with_headroom(s);
    else if (bbr_probes_bw_cycle(s))
        cap = s->bounds.inflight_longterm;
    return u32_max(u32_min(cap, s->bounds.inflight_shortterm), BBR_MIN_PIPE);
}

static void set_cwnd(struct cc *cc, const struct cc_now *now, uint32_t acked) {
    const struct bbr *s = bbr_of(cc);
    uint32_t most = bbr_bdp(s, now, s->bw, gains[s->state].cwnd) + bbr_extra_acked(s);
    most = with_quantum(cc, now, most);
    uint32_t grown = u32_of((uint64_t)cc->cwnd + acked), cwnd = cc->cwnd;
    if (s->full_bw_reached)
        cwnd = u32_min(grown, most);
    else if (cwnd < most || now->delivered < now->initial_cwnd)
        cwnd = grown;
    cwnd = u32_max(cwnd, BBR_MIN_PIPE);
    if (s->state == BBR_PROBE_RTT) cwnd = u32_min(cwnd, bbr_probe_rtt_cwnd(cc, now));
    cc->cwnd = u32_min(u32_min(cwnd, model_cap(s)), CC_CWND_MAX);
}

/* --- What the engine calls --- */

static void init(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    *s = (struct bbr){.undo_state = BBR_NO_STATE, .probe_up_acked_per_inc = BBR_INFINITE, .random = now->random};
    bbr_model_init(s, now);
    init_pacing_rate(cc, now);
    bbr_enter_startup(s);
}

/* 5.2.3 */
static void control(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    struct bbr *s = bbr_of(cc);
    if (!s->rtt_seen && now->srtt_us != 0) init_pacing_rate(cc, now);
    bbr_model_ack(cc, now, ack);
    bbr_state_ack(cc, now, ack);
    bbr_model_min_rtt(s, now, ack->rtt_us);
    bbr_check_probe_rtt(cc, now);
    bbr_model_advance(s, ack);
    set_pacing_rate(cc, now, gains[s->state].pacing);
    set_cwnd(cc, now, ack->acked);
}

/* 5.5.10.2: where, within these segments, did the losses of a probe become too many? */
static void lost(struct cc *cc, const struct cc_now *now, uint32_t tx_in_flight, uint32_t tx_lost, uint32_t segments) {
    struct bbr *s = bbr_of(cc);
    bbr_note_loss(cc, now);
    if (!s->is_bw_probe_sample || !bbr_too_many_lost(now, tx_in_flight, tx_lost)) return;
    uint32_t all = now->lost - tx_lost, lost_prev = all > segments ? all - segments : 0;
    uint32_t inflight_prev = tx_in_flight > segments ? tx_in_flight - segments : 0;
    uint64_t allowed = 2 * (uint64_t)inflight_prev, had = 100 * (uint64_t)lost_prev;
    uint32_t prefix = allowed > had ? (uint32_t)((allowed - had) / 98) : 0;
    bbr_inflight_too_high(cc, now, inflight_prev + prefix);
}

/* Only notes the window: losses are the model's matter. */
static uint32_t ssthresh(struct cc *cc, const struct cc_now *now) {
    bbr_save_cwnd(cc, now);
    return cc->ssthresh;
}

/* When recovery ends, cwnd is as it was; the next ACK bounds it by the model. */
static void phase(struct cc *cc, const struct cc_now *now, enum cc_phase to) {
    if (now->phase >= CC_RECOVERY && to < CC_RECOVERY) bbr_restore_cwnd(cc);
}

/* 5.5.11 */
static uint32_t undo(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    struct bbr_bounds *b = &s->bounds;
    uint8_t back = s->undo_state;
    s->undo_state = BBR_NO_STATE;
    s->loss_in_round = false;
    bbr_reset_full_bw(s, 0);
    b->bw_shortterm = u64_max(b->bw_shortterm, s->undo.bw_shortterm);
    b->inflight_shortterm = u32_max(b->inflight_shortterm, s->undo.inflight_shortterm);
    b->inflight_longterm = u32_max(b->inflight_longterm, s->undo.inflight_longterm);
    if (back == BBR_STARTUP) s->full_bw_reached = false;
    if (s->state != BBR_PROBE_RTT && s->state != back) {
        if (back == BBR_STARTUP) bbr_enter_startup(s);
        if (back == BBR_UP) bbr_start_refill(s, now);
    }
    return u32_max(cc->cwnd, s->prior_cwnd);
}

/* 5.4.1: a flow that has been silent goes on at the path's rate. */
static void restart(struct cc *cc, const struct cc_now *now, la_time idle) {
    struct bbr *s = bbr_of(cc);
    (void)idle;
    s->idle_restart = true;
    s->extra_acked_at = now->at;
    if (bbr_probes_bw_cycle(s)) set_pacing_rate(cc, now, BBR_UNIT);
    if (s->state == BBR_PROBE_RTT) bbr_check_probe_rtt_done(cc, now);
}

/* control() decides alone. */
static void grow(struct cc *cc, const struct cc_now *now, uint32_t acked) { (void)cc, (void)now, (void)acked; }

const struct cc_ops cc_bbr = {
    .name = "bbr",
    .state_size = sizeof(struct bbr),
    .paces = true,
    .init = init,
    .ssthresh = ssthresh,
    .grow = grow,
    .undo = undo,
    .phase = phase,
    .restart = restart,
    .control = control,
    .lost = lost,
};
