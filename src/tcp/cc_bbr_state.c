/* BBR's state machine (draft-ietf-ccwg-bbr-06, 5.3): Startup finds the path's rate, Drain empties the queue that this
 * made, ProbeBW goes round in DOWN, CRUISE, REFILL and UP, and every five seconds without a shorter round trip ProbeRTT
 * halves what is in flight to see the path without its queue.
 *
 * What comes in: the model as of this ACK, losses, and marks. What goes out: the state, whose gains cc_bbr.c applies,
 * and inflight_longterm, the volume above which the path loses more than 2 %. Every state ends by itself while ACKs
 * come: Startup by a plateau or losses, Drain after 3 rounds, DOWN, CRUISE and REFILL by time, UP by a plateau or
 * losses, ProbeRTT 200 ms and a round after the volume is low.
 *
 * An echoed congestion mark (RFC 3168) counts as a loss rate that is too high: the draft leaves ECN open. */
#include "base/num.h"
#include "tcp/cc_bbr.h"

#define LOSS_THRESH_PERCENT 2u
#define STARTUP_FULL_LOSS_COUNT 6u
#define DRAIN_ROUNDS 3u
#define RENO_ROUNDS 63u
#define PROBE_RTT_DURATION (200 * LA_MS)

bool bbr_too_many_lost(const struct cc_now *now, uint32_t tx_in_flight, uint32_t tx_lost) {
    uint32_t lost = now->lost - tx_lost;
    if (lost == 0) return false;
    return now->no_sack || (uint64_t)lost * 100 > (uint64_t)tx_in_flight * LOSS_THRESH_PERCENT;
}

/* --- Moves --- */

void bbr_enter_startup(struct bbr *s) { s->state = BBR_STARTUP; }

static void pick_probe_wait(struct bbr *s) {
    s->rounds_since_probe_up = s->random & 1;
    s->bw_probe_wait = 2 * LA_SECOND + (s->random >> 1) % LA_SECOND;
}

static void start_down(struct bbr *s, const struct cc_now *now) {
    bbr_reset_congestion_signals(s);
    s->probe_up_acked_per_inc = BBR_INFINITE;
    pick_probe_wait(s);
    s->cycle_at = now->at;
    s->ack_phase = BBR_ACKS_STOPPING;
    bbr_start_round(s, now);
    s->state = BBR_DOWN;
}

void bbr_start_refill(struct bbr *s, const struct cc_now *now) {
    bbr_reset_shortterm(s);
    s->bw_probe_up_rounds = 0;
    s->bw_probe_up_acked = 0;
    s->prev_probe_precautionary = false;
    s->ack_phase = BBR_ACKS_REFILLING;
    bbr_start_round(s, now);
    s->state = BBR_REFILL;
}

/* The long-term bound grows by 1, 2, 4 … segments a round. */
static void raise_slope(struct cc *cc) {
    struct bbr *s = bbr_of(cc);
    s->probe_up_acked_per_inc = u32_max(cc->cwnd >> s->bw_probe_up_rounds, 1);
    if (s->bw_probe_up_rounds < 30) s->bw_probe_up_rounds++;
}

static void start_up(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    s->ack_phase = BBR_ACKS_STARTING;
    bbr_start_round(s, now);
    bbr_reset_full_bw(s, s->delivery_rate);
    s->state = BBR_UP;
    raise_slope(cc);
}

/* --- Startup and Drain --- */

static void startup_lost_too_much(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    s->undo_state = BBR_STARTUP;
    s->full_bw_reached = true;
    s->bounds.inflight_longterm = u32_max(bbr_bdp(s, now, s->bw, BBR_UNIT), s->inflight_latest);
}

/* 5.3.1.3: at the end of a round in recovery. */
static void check_startup_loss(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    struct bbr *s = bbr_of(cc);
    if (ack->lost > 0 && s->loss_events < UINT8_MAX) s->loss_events++;
    bool enough = s->loss_events >= STARTUP_FULL_LOSS_COUNT || (now->no_sack && s->loss_events > 0);
    bool losses = s->loss_round_start && now->phase == CC_RECOVERY && enough &&
                  bbr_too_many_lost(now, ack->tx_in_flight, ack->tx_lost);
    if (!s->full_bw_reached && (losses || ack->ece)) startup_lost_too_much(cc, now);
    if (s->loss_round_start) s->loss_events = 0;
}

static void check_startup_and_drain(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    struct bbr *s = bbr_of(cc);
    check_startup_loss(cc, now, ack);
    if (s->state == BBR_STARTUP && s->full_bw_reached) {
        s->state = BBR_DRAIN;
        s->drain_start_round = s->round_count;
    }
    if (s->state == BBR_DRAIN && (now->in_flight <= bbr_inflight(cc, now, s->bw, BBR_UNIT) ||
                                  s->round_count - s->drain_start_round > DRAIN_ROUNDS))
        start_down(s, now);
}

/* --- ProbeBW --- */

uint32_t bbr_inflight_with_headroom(const struct bbr *s) {
    uint32_t most = s->bounds.inflight_longterm;
    if (most == BBR_INFINITE) return BBR_INFINITE;
    uint32_t headroom = u32_max(1, (uint32_t)((uint64_t)most * 15 / 100));
    return most > headroom + BBR_MIN_PIPE ? most - headroom : BBR_MIN_PIPE;
}

/* 5.3.3.8: by the clock, or after as many rounds as Reno would take to grow by what is in flight. */
static bool time_to_probe(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    uint32_t rounds = u32_min(bbr_target_inflight(cc, now), RENO_ROUNDS);
    if (now->at <= s->cycle_at + s->bw_probe_wait && s->rounds_since_probe_up < rounds) return false;
    bbr_start_refill(s, now);
    return true;
}

static bool time_to_cruise(struct cc *cc, const struct cc_now *now) {
    const struct bbr *s = bbr_of(cc);
    return now->in_flight <= bbr_inflight_with_headroom(s) &&
           now->in_flight <= bbr_inflight(cc, now, bbr_max_bw(s), BBR_UNIT);
}

static bool time_to_go_down(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    if (s->prev_probe_too_high && now->in_flight >= s->bounds.inflight_longterm) {
        s->prev_probe_precautionary = true;
        return true;
    }
    if (s->cwnd_limited && cc->cwnd >= s->bounds.inflight_longterm) {
        bbr_reset_full_bw(s, s->delivery_rate); /* It is the bound that limits the rate. */
        return false;
    }
    return s->full_bw_now;
}

static void probe_upward(struct cc *cc, const struct cc_ack *ack) {
    struct bbr *s = bbr_of(cc);
    uint32_t *most = &s->bounds.inflight_longterm;
    if (!s->cwnd_limited || cc->cwnd < *most) return;
    s->bw_probe_up_acked = u32_of((uint64_t)s->bw_probe_up_acked + ack->acked);
    *most = u32_min(u32_of((uint64_t)*most + s->bw_probe_up_acked / s->probe_up_acked_per_inc), CC_CWND_MAX);
    s->bw_probe_up_acked %= s->probe_up_acked_per_inc;
    if (s->round_start) raise_slope(cc);
}

/* 5.3.3.9. True: the state has changed. */
static bool adapt_longterm(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    struct bbr *s = bbr_of(cc);
    if (s->ack_phase == BBR_ACKS_STARTING && s->round_start) s->ack_phase = BBR_ACKS_FEEDBACK;
    if (s->ack_phase == BBR_ACKS_STOPPING && s->round_start) {
        s->is_bw_probe_sample = false;
        s->ack_phase = BBR_ACKS_INIT;
        if (bbr_probes_bw_cycle(s) && !s->app_limited) bbr_advance_max_bw_filter(s);
        if (bbr_probes_bw_cycle(s) && s->prev_probe_precautionary && !s->prev_probe_too_high) {
            bbr_start_refill(s, now);
            return true;
        }
    }
    if (!s->sample || bbr_too_many_lost(now, ack->tx_in_flight, ack->tx_lost)) return false;
    if (s->bounds.inflight_longterm == BBR_INFINITE) return false;
    s->bounds.inflight_longterm = u32_max(s->bounds.inflight_longterm, ack->tx_in_flight);
    if (s->state == BBR_UP) probe_upward(cc, ack);
    return false;
}

static void update_cycle(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    struct bbr *s = bbr_of(cc);
    if (!s->full_bw_reached || adapt_longterm(cc, now, ack)) return;
    switch (s->state) {
    case BBR_DOWN:
        if (!time_to_probe(cc, now) && time_to_cruise(cc, now)) s->state = BBR_CRUISE;
        break;
    case BBR_CRUISE: time_to_probe(cc, now); break;
    case BBR_REFILL:
        if (!s->round_start) break;
        s->is_bw_probe_sample = true;
        start_up(cc, now);
        break;
    case BBR_UP:
        if (!time_to_go_down(cc, now)) break;
        s->prev_probe_too_high = false;
        start_down(s, now);
        break;
    default: break;
    }
}

void bbr_inflight_too_high(struct cc *cc, const struct cc_now *now, uint32_t inflight_at_loss) {
    struct bbr *s = bbr_of(cc);
    uint32_t least = (uint32_t)((uint64_t)bbr_target_inflight(cc, now) * 7 / 10);
    s->prev_probe_too_high = true;
    s->is_bw_probe_sample = false;
    if (!s->app_limited) s->bounds.inflight_longterm = u32_max(inflight_at_loss, least);
    if (s->state != BBR_UP) return;
    s->undo_state = BBR_UP;
    start_down(s, now);
}

/* Once in a round. */
static void check_marks(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    struct bbr *s = bbr_of(cc);
    if (!ack->ece || s->loss_in_round) return;
    bbr_note_loss(cc, now);
    if (s->is_bw_probe_sample) bbr_inflight_too_high(cc, now, ack->tx_in_flight);
}

void bbr_state_ack(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    bbr_model_full_bw(bbr_of(cc));
    check_marks(cc, now, ack);
    check_startup_and_drain(cc, now, ack);
    update_cycle(cc, now, ack);
}

/* --- ProbeRTT (5.3.4) --- */

static void exit_probe_rtt(struct bbr *s, const struct cc_now *now) {
    bbr_reset_shortterm(s);
    if (!s->full_bw_reached) {
        bbr_enter_startup(s);
        return;
    }
    start_down(s, now);
    s->state = BBR_CRUISE; /* Less is in flight than the path holds. */
}

void bbr_check_probe_rtt_done(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    if (s->probe_rtt_done_at == 0 || now->at <= s->probe_rtt_done_at) return;
    s->probe_rtt_min_at = now->at;
    bbr_restore_cwnd(cc);
    exit_probe_rtt(s, now);
}

static void probe_rtt(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    /* Low rates are of this state's making: no sample of what is sent in it says what the path can do. */
    s->limited_until = now->delivered + now->in_flight;
    if (s->probe_rtt_done_at == 0) {
        if (now->in_flight > bbr_probe_rtt_cwnd(cc, now)) return;
        s->probe_rtt_done_at = now->at + PROBE_RTT_DURATION;
        s->probe_rtt_round_done = false;
        bbr_start_round(s, now);
        return;
    }
    if (s->round_start) s->probe_rtt_round_done = true;
    if (s->probe_rtt_round_done) bbr_check_probe_rtt_done(cc, now);
}

void bbr_check_probe_rtt(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    if (s->state != BBR_PROBE_RTT && s->probe_rtt_expired && !s->idle_restart) {
        bbr_save_cwnd(cc, now);
        s->state = BBR_PROBE_RTT;
        s->probe_rtt_done_at = 0;
        s->ack_phase = BBR_ACKS_STOPPING;
        bbr_start_round(s, now);
    }
    if (s->state == BBR_PROBE_RTT) probe_rtt(cc, now);
    if (s->sample) s->idle_restart = false;
}
