/* BBR's model of the path (draft-ietf-ccwg-bbr-06, 5.5): how fast it delivers, how long it is, and how much may be on
 * it.
 *
 * What comes in: the rate sample of each ACK. What goes out: max_bw, bw, min_rtt, extra_acked, and the short-term
 * bounds, which follow the delivery of the latest round while packets are lost outside of a probe. It owns those fields
 * of struct bbr, and the rounds.
 *
 * Rates: samples are at most CC_CWND_MAX segments in one us, which is 2^56; products saturate. Counts of segments wrap
 * and are compared by their difference. */
#include "base/num.h"
#include "tcp/cc_bbr.h"

#define BETA(x) ((x)*7 / 10)
#define MIN_RTT_FILTER_LEN (10 * LA_SECOND)
#define PROBE_RTT_INTERVAL (5 * LA_SECOND)
#define EXTRA_ACKED_ROUNDS 5u /* Of each of two slots: 10 together, the draft's ExtraAckedFilterLen. */

/* a is b or later, as counts of delivered segments. */
static bool reached(uint32_t a, uint32_t b) { return (int32_t)(a - b) >= 0; }

void bbr_start_round(struct bbr *s, const struct cc_now *now) { s->next_round_delivered = now->delivered; }

uint64_t bbr_max_bw(const struct bbr *s) { return u64_max(s->max_bw_filter[0], s->max_bw_filter[1]); }

/* A cycle without a sample forgets nothing. */
void bbr_advance_max_bw_filter(struct bbr *s) {
    if (s->max_bw_filter[1] == 0) return;
    s->max_bw_filter[0] = s->max_bw_filter[1];
    s->max_bw_filter[1] = 0;
}

void bbr_reset_full_bw(struct bbr *s, uint64_t full_bw) {
    s->full_bw = full_bw;
    s->full_bw_count = 0;
    s->full_bw_now = false;
}

void bbr_reset_congestion_signals(struct bbr *s) {
    s->loss_in_round = false;
    s->bw_latest = 0;
    s->inflight_latest = 0;
}

void bbr_reset_shortterm(struct bbr *s) {
    s->bounds.bw_shortterm = BBR_NO_RATE;
    s->bounds.inflight_shortterm = BBR_INFINITE;
}

uint32_t bbr_extra_acked(const struct bbr *s) { return u32_max(s->extra_acked_filter[0], s->extra_acked_filter[1]); }

uint32_t bbr_bdp(const struct bbr *s, const struct cc_now *now, uint64_t bw, uint32_t gain) {
    if (s->min_rtt_us == UINT32_MAX) return now->initial_cwnd;
    uint64_t bdp = u64_mul(bw, s->min_rtt_us) >> (BBR_POINT - 8);
    return (uint32_t)u64_min((bdp * gain + 0xffff) >> 16, CC_CWND_MAX);
}

uint32_t bbr_target_inflight(const struct cc *cc, const struct cc_now *now) {
    const struct bbr *s = bbr_of(cc);
    return u32_min(bbr_bdp(s, now, s->bw, BBR_UNIT), cc->cwnd);
}

void bbr_model_init(struct bbr *s, const struct cc_now *now) {
    uint32_t srtt_us = now->srtt_us != 0 ? now->srtt_us : UINT32_MAX;
    s->min_rtt_us = s->probe_rtt_min_us = now->min_rtt_us != UINT32_MAX ? now->min_rtt_us : srtt_us;
    s->min_rtt_at = s->probe_rtt_min_at = s->extra_acked_at = now->at;
    s->bounds.inflight_longterm = BBR_INFINITE;
    s->limited_until = s->next_round_delivered = s->loss_round_delivered = now->delivered;
    bbr_reset_shortterm(s);
}

/* --- One ACK --- */

/* 5.5.1. An ACK that delivers nothing ends nothing. */
static void take_sample(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    struct bbr *s = bbr_of(cc);
    s->random = now->random;
    s->sample = ack->acked > 0 && ack->rate_delivered > 0;
    s->delivery_rate = 0;
    if (s->sample && ack->rate_interval_us > 0)
        s->delivery_rate = ((uint64_t)u32_min(ack->rate_delivered, CC_CWND_MAX) << BBR_POINT) / ack->rate_interval_us;
    bool limited = !reached(ack->prior_delivered, s->limited_until);
    if (s->sample && !limited) s->limited_until = ack->prior_delivered; /* It follows, so that counts may wrap. */
    s->app_limited = ack->app_limited || limited;
    /* Half a dozen segments may wait to be sent together. */
    s->cwnd_limited = (uint64_t)ack->prior_in_flight + 6 >= cc->cwnd;
    s->round_start = s->sample && reached(ack->prior_delivered, s->next_round_delivered);
    if (!s->round_start) return;
    bbr_start_round(s, now);
    s->round_count++;
    s->rounds_since_probe_up++;
}

/* 5.5.10.3: what the path has delivered in the latest round. */
static void update_latest(struct bbr *s, const struct cc_now *now, const struct cc_ack *ack) {
    s->loss_round_start = false;
    if (!s->sample) return;
    s->bw_latest = u64_max(s->bw_latest, s->delivery_rate);
    s->inflight_latest = u32_max(s->inflight_latest, ack->rate_delivered);
    if (!reached(ack->prior_delivered, s->loss_round_delivered)) return;
    s->loss_round_delivered = now->delivered;
    s->loss_round_start = true;
}

/* 5.5.5: a sample that the application limited counts only if it is larger all the same. */
static void update_max_bw(struct bbr *s) {
    if (s->delivery_rate == 0 || (s->app_limited && s->delivery_rate < bbr_max_bw(s))) return;
    s->max_bw_filter[1] = u64_max(s->max_bw_filter[1], s->delivery_rate);
}

/* Once in a round with losses, while not probing: slower, toward what was delivered. */
static void adapt_lower_bounds(struct cc *cc) {
    struct bbr *s = bbr_of(cc);
    struct bbr_bounds *b = &s->bounds;
    if (!s->loss_in_round || s->state == BBR_STARTUP || s->state == BBR_REFILL || s->state == BBR_UP) return;
    if (b->bw_shortterm == BBR_NO_RATE) b->bw_shortterm = bbr_max_bw(s);
    if (b->inflight_shortterm == BBR_INFINITE) b->inflight_shortterm = cc->cwnd;
    b->bw_shortterm = u64_max(s->bw_latest, BETA(b->bw_shortterm));
    b->inflight_shortterm = u32_max(s->inflight_latest, (uint32_t)BETA((uint64_t)b->inflight_shortterm));
}

/* 5.5.9: what arrives beyond what bw would have brought came late, in one piece. The maximum of 10 rounds, in Startup
 * of one, in two slots. */
static void update_extra_acked(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    struct bbr *s = bbr_of(cc);
    uint64_t interval_us = (now->at - s->extra_acked_at) / LA_US, expected = u64_mul(s->bw, interval_us) >> BBR_POINT;
    if (s->extra_acked_delivered <= expected) {
        s->extra_acked_delivered = 0;
        s->extra_acked_at = now->at;
        expected = 0;
    }
    s->extra_acked_delivered = u32_min(u32_of((uint64_t)s->extra_acked_delivered + ack->acked), BBR_INFINITE / 2);
    uint32_t extra = u32_min((uint32_t)(s->extra_acked_delivered - expected), cc->cwnd);
    if (s->round_start && s->round_count - s->extra_acked_round >= (s->full_bw_reached ? EXTRA_ACKED_ROUNDS : 1)) {
        s->extra_acked_round = s->round_count;
        s->extra_acked_filter[0] = s->full_bw_reached ? s->extra_acked_filter[1] : 0;
        s->extra_acked_filter[1] = 0;
    }
    s->extra_acked_filter[1] = u32_max(s->extra_acked_filter[1], extra);
}

void bbr_model_ack(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack) {
    struct bbr *s = bbr_of(cc);
    take_sample(cc, now, ack);
    update_latest(s, now, ack);
    update_max_bw(s);
    if (s->loss_round_start) {
        adapt_lower_bounds(cc);
        s->loss_in_round = false;
    }
    update_extra_acked(cc, now, ack);
}

/* 5.3.1.2: three rounds in which the rate did not grow by a quarter. */
void bbr_model_full_bw(struct bbr *s) {
    if (s->full_bw_now || !s->round_start || s->app_limited || s->delivery_rate == 0) return;
    if (s->delivery_rate >= s->full_bw + s->full_bw / 4) {
        bbr_reset_full_bw(s, s->delivery_rate);
        return;
    }
    if (++s->full_bw_count < 3) return;
    s->full_bw_now = s->full_bw_reached = true;
}

/* 5.3.4.3: two minima, one for the model and one that says when to look again. */
void bbr_model_min_rtt(struct bbr *s, const struct cc_now *now, uint32_t rtt_us) {
    s->probe_rtt_expired = now->at > s->probe_rtt_min_at + PROBE_RTT_INTERVAL;
    if (rtt_us > 0 && (rtt_us < s->probe_rtt_min_us || s->probe_rtt_expired)) {
        s->probe_rtt_min_us = rtt_us;
        s->probe_rtt_min_at = now->at;
    }
    if (s->probe_rtt_min_us < s->min_rtt_us || now->at > s->min_rtt_at + MIN_RTT_FILTER_LEN) {
        s->min_rtt_us = s->probe_rtt_min_us;
        s->min_rtt_at = s->probe_rtt_min_at;
    }
}

void bbr_model_advance(struct bbr *s, const struct cc_ack *ack) {
    if (s->loss_round_start) {
        s->bw_latest = s->delivery_rate;
        s->inflight_latest = ack->rate_delivered;
    }
    s->bw = u64_min(bbr_max_bw(s), s->bounds.bw_shortterm);
}

void bbr_note_loss(struct cc *cc, const struct cc_now *now) {
    struct bbr *s = bbr_of(cc);
    if (!s->loss_in_round) {
        s->loss_round_delivered = now->delivered;
        bbr_save_cwnd(cc, now);
        s->undo_state = BBR_NO_STATE;
        s->undo = s->bounds;
    }
    s->loss_in_round = true;
}
