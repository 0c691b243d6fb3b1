/* HyStart++ (RFC 9406) and the classic HyStart. */
#include "tcp/cc_hystart.h"

#include "base/num.h"

/* RFC 9406, 4.3. */
#define MIN_RTT_THRESH_US 4000u
#define MAX_RTT_THRESH_US 16000u
#define MIN_RTT_DIVISOR 8u
#define N_RTT_SAMPLE 8u
#define CSS_GROWTH_DIVISOR 4u
#define CSS_ROUNDS 5u

/* The classic rule looks from this window on; below it a queue is no matter. */
#define CLASSIC_LOW_WINDOW 16u
/* ACKs that arrive so closely are one train. */
#define CLASSIC_TRAIN_GAP (2 * LA_MS)
/* What a sender may have cut into segments at once, four times over, takes this long at most. */
#define CLASSIC_BURST_BYTES (4 * 65536ull)
#define CLASSIC_BURST_US 1000u

static void begin_round(struct hystart *h, const struct cc_now *now) {
    h->round_end = now->snd_nxt;
    h->last_min_us = h->round_min_us;
    h->round_min_us = UINT32_MAX;
    h->samples = 0;
    h->round_at = h->train_at = now->at;
}

void hystart_begin(struct hystart *h, const struct cc_now *now) {
    *h = (struct hystart){.round_min_us = UINT32_MAX};
    begin_round(h, now);
    h->round_end = now->snd_una; /* The next ACK begins the first full round. */
}

/* RttThresh, and the same bounds of the classic rule. */
static uint32_t threshold(uint32_t rtt_us) {
    return u32_max(MIN_RTT_THRESH_US, u32_min(rtt_us / MIN_RTT_DIVISOR, MAX_RTT_THRESH_US));
}

static uint32_t plus(uint32_t rtt_us, uint32_t more_us) { return u32_of((uint64_t)rtt_us + more_us); }

/* RFC 9406, 4.2: from slow start to CSS, and back when the delay was gone again. */
static void plus_look(struct hystart *h) {
    if (h->samples < N_RTT_SAMPLE) return;
    if (h->css) {
        if (h->round_min_us < h->baseline_us) h->css = false;
    } else if (h->last_min_us != UINT32_MAX && h->round_min_us >= plus(h->last_min_us, threshold(h->last_min_us))) {
        h->css = true;
        h->css_rounds = 0;
        h->baseline_us = h->round_min_us;
    }
}

static void plus_measure(struct hystart *h, struct cc *cc, const struct cc_now *now, uint32_t rtt_us) {
    if (seq_gt(now->snd_una, h->round_end)) {
        begin_round(h, now);
        /* The round in which CSS began counts as one. */
        if (h->css && ++h->css_rounds >= CSS_ROUNDS) cc->ssthresh = cc->cwnd;
    }
    if (rtt_us == 0) return;
    h->round_min_us = u32_min(h->round_min_us, rtt_us);
    if (h->samples < N_RTT_SAMPLE) h->samples++;
    plus_look(h);
}

/* A train of ACKs that lasts half a round trip: as much as the path holds is under way. */
static bool classic_train(struct hystart *h, const struct cc *cc, const struct cc_now *now) {
    if (now->at - h->train_at > CLASSIC_TRAIN_GAP) return false;
    h->train_at = now->at;
    uint64_t window = 2 * (uint64_t)cc->cwnd * now->mss;
    uint32_t burst_us = u32_min(CLASSIC_BURST_US, u32_of(CLASSIC_BURST_BYTES * now->srtt_us / window));
    return now->at - h->round_at > ((uint64_t)now->min_rtt_us + burst_us) / 2 * LA_US;
}

static void classic_measure(struct hystart *h, struct cc *cc, const struct cc_now *now, uint32_t rtt_us) {
    if (cc->cwnd < CLASSIC_LOW_WINDOW || rtt_us == 0) return;
    if (seq_gt(now->snd_una, h->round_end)) begin_round(h, now);
    h->round_min_us = u32_min(h->round_min_us, rtt_us);
    bool delayed = false;
    if (h->samples < N_RTT_SAMPLE)
        h->samples++;
    else
        delayed = h->round_min_us > plus(now->min_rtt_us, threshold(now->min_rtt_us));
    bool train = classic_train(h, cc, now) && now->hystart != CC_HYSTART_DELAY;
    if (train || (delayed && now->hystart != CC_HYSTART_TRAIN)) cc->ssthresh = cc->cwnd;
}

void hystart_measure(struct hystart *h, struct cc *cc, const struct cc_now *now, uint32_t rtt_us) {
    switch (now->hystart) {
    case CC_HYSTART_PLUS:
        /* Only the first slow start does not know where to end (RFC 9406, 4.3). */
        if (cc->ssthresh == CC_INFINITE) plus_measure(h, cc, now, rtt_us);
        break;
    case CC_HYSTART_CLASSIC:
    case CC_HYSTART_TRAIN:
    case CC_HYSTART_DELAY: classic_measure(h, cc, now, rtt_us); break;
    default: break;
    }
}

uint32_t hystart_growth(struct hystart *h, struct cc *cc, uint32_t acked) {
    if (!h->css || cc->ssthresh != CC_INFINITE) return acked;
    cc->count += acked;
    uint32_t growth = cc->count / CSS_GROWTH_DIVISOR;
    cc->count %= CSS_GROWTH_DIVISOR;
    return growth;
}
