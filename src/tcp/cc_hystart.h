/* HyStart: slow start ends when the round trip lengthens, before the queue that lengthens it overflows. An algorithm
 * that uses it (cubic) embeds the struct and tells it of every ACK while cwnd is below ssthresh. */
#ifndef TCP_CC_HYSTART_H
#define TCP_CC_HYSTART_H

#include "tcp/cc.h"

struct hystart {
    seq round_end;              /* The round ends with the first ACK beyond this. */
    uint32_t round_min_us;      /* Smallest round trip of this round and … UINT32_MAX: none. */
    uint32_t last_min_us;       /* … of the round before. */
    uint32_t baseline_us;       /* The round trip at which Conservative Slow Start (CSS) began. */
    uint8_t samples;            /* Of this round; no more than are needed. */
    uint8_t css_rounds;         /* Rounds of CSS that have ended. */
    bool css;                   /* Slow start grows at a quarter of its speed, to see whether the delay stays. */
    la_time round_at, train_at; /* Classic: when the round began, and the latest ACK of its train. */
};

/* The first data goes, or slow start begins anew after a timeout. */
void hystart_begin(struct hystart *h, const struct cc_now *now);
/* An ACK in slow start; rtt_us is 0 where it measures none. Sets ssthresh to cwnd when slow start ends. */
void hystart_measure(struct hystart *h, struct cc *cc, const struct cc_now *now, uint32_t rtt_us);
/* How many of `acked` segments slow start may grow by. */
uint32_t hystart_growth(struct hystart *h, struct cc *cc, uint32_t acked);

#endif
