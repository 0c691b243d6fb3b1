/* One flow for tests of congestion control algorithms: what the engine would tell them, kept by hand. */
#ifndef SUPPORT_CC_RIG_H
#define SUPPORT_CC_RIG_H

#include "unit.h"

#include "tcp/cc.h"

#define CC_RIG_STATE 512

struct cc_rig {
    struct cc cc;
    struct cc_now now;
    _Alignas(16) unsigned char state[CC_RIG_STATE];
};

static inline void cc_rig_begin(struct cc_rig *rig, const struct cc_ops *ops) {
    memset(rig, 0, sizeof *rig);
    assert_true(ops->state_size <= CC_RIG_STATE);
    rig->now = (struct cc_now){.at = 5 * LA_SECOND,
                               .mss = 1000,
                               .min_rtt_us = UINT32_MAX,
                               .snd_una = seq_of(0xffffff00),
                               .snd_nxt = seq_of(0xffffff00),
                               .initial_cwnd = 10};
    rig->cc.cwnd = 10;
    rig->cc.ssthresh = CC_INFINITE;
    cc_begin(&rig->cc, ops, rig->state, &rig->now);
}

static inline void cc_rig_wait(struct cc_rig *rig, uint32_t us) { rig->now.at += us * LA_US; }

/* The window is full. */
static inline void cc_rig_fill(struct cc_rig *rig) {
    rig->now.snd_nxt = seq_add(rig->now.snd_una, rig->cc.cwnd * rig->now.mss);
    rig->now.in_flight = rig->cc.cwnd;
}

/* An ACK of `acked` segments of a window in use, which measures rtt_us (0: nothing). */
static inline void cc_rig_ack(struct cc_rig *rig, uint32_t acked, uint32_t rtt_us) {
    struct cc_now *now = &rig->now;
    struct cc_ack ack = {.acked = acked, .rtt_us = rtt_us, .prior_in_flight = now->in_flight};
    if (rtt_us != 0) {
        now->min_rtt_us = rtt_us < now->min_rtt_us ? rtt_us : now->min_rtt_us;
        now->srtt_us = now->srtt_us == 0 ? rtt_us : (uint32_t)((7ull * now->srtt_us + rtt_us) / 8);
    }
    now->snd_una = seq_add(now->snd_una, acked * now->mss);
    now->in_flight -= acked < now->in_flight ? acked : now->in_flight;
    now->delivered += acked;
    if (rig->cc.ops->measure) rig->cc.ops->measure(&rig->cc, now, &ack);
    rig->cc.ops->grow(&rig->cc, now, acked);
}

/* One round: the window goes at once; its ACKs, `each` segments each, come evenly over the round trip. */
static inline void cc_rig_round(struct cc_rig *rig, uint32_t rtt_us, uint32_t each) {
    cc_rig_fill(rig);
    uint32_t acks = (rig->cc.cwnd + each - 1) / each, left = rig->cc.cwnd;
    la_time begin = rig->now.at;
    for (uint32_t i = 1; i <= acks; i++) {
        rig->now.at = begin + (la_time)rtt_us * LA_US * i / acks;
        cc_rig_ack(rig, each < left ? each : left, rtt_us);
        left -= each < left ? each : left;
    }
}

/* A loss is found and repaired. */
static inline void cc_rig_loss(struct cc_rig *rig) {
    rig->cc.prior_cwnd = rig->cc.cwnd;
    rig->cc.ssthresh = rig->cc.ops->ssthresh(&rig->cc, &rig->now);
    if (rig->cc.ops->phase) rig->cc.ops->phase(&rig->cc, &rig->now, CC_RECOVERY);
    rig->cc.cwnd = rig->cc.ssthresh;
    if (rig->cc.ops->phase) rig->cc.ops->phase(&rig->cc, &rig->now, CC_OPEN);
}

/* The timeout fires. */
static inline void cc_rig_timeout(struct cc_rig *rig) {
    rig->cc.prior_cwnd = rig->cc.cwnd;
    rig->cc.ssthresh = rig->cc.ops->ssthresh(&rig->cc, &rig->now);
    if (rig->cc.ops->phase) rig->cc.ops->phase(&rig->cc, &rig->now, CC_LOSS);
    rig->cc.cwnd = 1;
}

#endif
