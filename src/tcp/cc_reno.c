/* NewReno's windows (RFC 5681, 3.1), and the steps that other algorithms share with it. Appropriate byte counting (RFC
 * 3465) without its bound on slow start: receivers that coalesce segments acknowledge many at once. */
#include "tcp/cc.h"

#include "base/num.h"

uint32_t cc_slow_start(struct cc *cc, uint32_t acked) {
    uint32_t end = cc->ssthresh < CC_CWND_MAX ? cc->ssthresh : CC_CWND_MAX;
    uint32_t room = cc->cwnd < end ? end - cc->cwnd : 0, step = acked < room ? acked : room;
    cc->cwnd += step;
    return acked - step;
}

void cc_avoid(struct cc *cc, uint32_t window, uint32_t acked) {
    uint32_t steps = 0;
    if (cc->count >= window) {
        cc->count = 0;
        steps = 1;
    }
    cc->count += acked;
    if (cc->count >= window) {
        steps += cc->count / window;
        cc->count %= window;
    }
    cc->cwnd = cc->cwnd < CC_CWND_MAX - steps ? cc->cwnd + steps : CC_CWND_MAX;
}

uint32_t cc_undo(struct cc *cc, const struct cc_now *now) {
    (void)now;
    return cc->cwnd > cc->prior_cwnd ? cc->cwnd : cc->prior_cwnd;
}

static void init(struct cc *cc, const struct cc_now *now) { (void)cc, (void)now; }

/* RFC 5681, equation 4. What limited transmit sent beyond cwnd does not count (3.2). */
static uint32_t ssthresh(struct cc *cc, const struct cc_now *now) {
    uint32_t flight = seq_len(now->snd_una, now->snd_nxt), segments = flight / now->mss + (flight % now->mss != 0);
    uint32_t half = (segments < cc->cwnd ? segments : cc->cwnd) / 2;
    return half > 2 ? half : 2;
}

static void grow(struct cc *cc, const struct cc_now *now, uint32_t acked) {
    (void)now;
    uint32_t left = cc_slow_start(cc, acked);
    if (left > 0) cc_avoid(cc, cc->cwnd, left);
}

const struct cc_ops cc_reno = {.name = "reno", .init = init, .ssthresh = ssthresh, .grow = grow, .undo = cc_undo};
