/* The congestion window: what the algorithm (cc.h) decides, under the rules that hold for all of them. Proportional
 * rate reduction while a loss is repaired (RFC 9937), validation of a window that was not used (RFC 7661), the restart
 * after a pause (RFC 5681, 4.1), and pacing.
 *
 * Windows count segments. An algorithm with control() decides alone. */
#include "base/num.h"
#include "tcp/conn.h"

static uint32_t initial_window(const struct tcp_conn *c) {
    return c->path.metrics.initcwnd ? c->path.metrics.initcwnd : c->tcp->params.initial_window;
}

struct cc_now tcp_cc_now(const struct tcp_conn *c) {
    const struct tcp_engine *e = &c->eng;
    return (struct cc_now){
        .at = c->tcp->env->now,
        .mss = tcp_send_mss(c),
        .srtt_us = c->srtt_us,
        .min_rtt_us = e->min_rtt.us == UINT32_MAX ? UINT32_MAX : tcp_min_rtt(c),
        .in_flight = tcp_in_flight(c),
        .delivered = e->delivered,
        .lost = e->lost,
        .delivered_ce = e->delivered_ce,
        .snd_una = c->snd_una,
        .snd_nxt = c->snd_nxt,
        .phase = e->phase,
        .hystart = c->tcp->params.hystart,
        .no_sack = !c->is.sack_on,
        .initial_cwnd = initial_window(c),
    };
}

/* --- Which algorithm --- */

static void let_go(struct tcp_conn *c) {
    struct cc *cc = &c->eng.cc;
    if (cc->state) env_release(c->tcp->env, cc->state, cc->ops->state_size);
    cc->state = NULL;
}

void tcp_cwnd_free(struct tcp_conn *c) { let_go(c); }

static void begin(struct tcp_conn *c) {
    struct cc *cc = &c->eng.cc;
    struct cc_now now = tcp_cc_now(c);
    void *state = cc->ops->state_size ? env_zalloc(c->tcp->env, cc->ops->state_size) : NULL;
    cc_begin(cc, cc->ops, state, &now);
    c->eng.cc_begun = true;
}

void tcp_cwnd_choose(struct tcp_conn *c, unsigned algorithm) {
    struct cc *cc = &c->eng.cc;
    const struct cc_ops *ops = cc_at(algorithm);
    if (ops == cc->ops) return;
    let_go(c);
    cc->ops = ops;
    if (c->eng.cc_begun) begin(c);
}

static void pace(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    struct cc *cc = &e->cc;
    if (cc->ops->paces || !c->srtt_us) return;
    uint32_t window = cc->cwnd > e->sent.count ? cc->cwnd : e->sent.count;
    uint64_t rate = (uint64_t)window * tcp_send_mss(c) * 1000000 / c->srtt_us;
    bool begins = cc->cwnd < cc->ssthresh / 2;
    cc->pacing_rate = u64_mul(rate, begins ? c->tcp->params.pacing_ss_ratio : c->tcp->params.pacing_ca_ratio) / 100;
}

void tcp_cwnd_init(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    e->cc.cwnd = initial_window(c);
    if (e->cc.ssthresh == 0) e->cc.ssthresh = CC_INFINITE;
    e->used_at = e->sent_at = tcp_clock_ms(c->tcp);
    e->usage_seq = c->snd_una;
    pace(c);
}

/* --- Reductions --- */

uint32_t tcp_cwnd_ssthresh_current(const struct tcp_conn *c) {
    const struct tcp_engine *e = &c->eng;
    uint32_t most = e->cc.cwnd / 2 + e->cc.cwnd / 4;
    if (e->phase == CC_CWR || e->phase == CC_RECOVERY) return e->cc.ssthresh;
    return e->cc.ssthresh > most ? e->cc.ssthresh : most;
}

uint32_t tcp_cwnd_ssthresh(struct tcp_conn *c) {
    struct cc_now now = tcp_cc_now(c);
    if (!c->eng.cc_begun) begin(c);
    c->eng.cc.prior_cwnd = c->eng.cc.cwnd;
    return c->eng.cc.ops->ssthresh(&c->eng.cc, &now);
}

void tcp_cwnd_reduce_begin(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    e->high_seq = c->snd_nxt;
    e->tlp_out = false;
    e->cc.count = 0;
    e->prr_delivered = e->prr_out = 0;
    e->prr_cwnd = e->cc.cwnd;
    e->cc.ssthresh = tcp_cwnd_ssthresh(c);
    tcp_ecn_reduced(c);
}

void tcp_cwnd_reduce_end(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    if (e->cc.ops->control) return;
    if (e->cc.ssthresh < CC_INFINITE && (e->phase == CC_CWR || e->undo_armed)) e->cc.cwnd = e->cc.ssthresh;
}

/* RFC 9937: for every segment delivered, ssthresh / cwnd of one is sent while the pipe is too full; below ssthresh as
 * many as were delivered, and one more while SND.UNA moves and nothing else gets lost. `at_once`: one in any case. */
static void reduce(struct tcp_conn *c, uint32_t delivered, bool advances, bool at_once) {
    struct tcp_engine *e = &c->eng;
    uint32_t in_flight = tcp_in_flight(c), ssthresh = e->cc.ssthresh;
    int64_t send;
    if (!delivered || !e->prr_cwnd) return;
    e->prr_delivered += delivered;
    if (in_flight > ssthresh) {
        uint64_t share = ((uint64_t)ssthresh * e->prr_delivered + e->prr_cwnd - 1) / e->prr_cwnd;
        send = (int64_t)share - e->prr_out;
    } else {
        int64_t most = (int64_t)ssthresh - in_flight;
        send = (int64_t)e->prr_delivered - e->prr_out;
        if (send < delivered) send = delivered;
        if (advances) send++;
        if (send > most) send = most;
    }
    int64_t least = at_once || !e->prr_out ? 1 : 0; /* The first repetition goes at once. */
    if (send < least) send = least;
    e->cc.cwnd = in_flight + (uint32_t)send;
}

/* Recovery begins without an ACK. */
void tcp_cwnd_reduce_first(struct tcp_conn *c) {
    if (!c->eng.cc.ops->control) reduce(c, 1, false, false);
}

/* --- Growth --- */

/* Linux: in disorder the window grows only by what moves SND.UNA, unless reordering is the rule here. */
static bool may_grow(const struct tcp_conn *c, const struct tcp_acked *a) {
    bool reorders = c->eng.reordering > c->tcp->params.dupthresh;
    return reorders ? a->advanced || a->sacked : a->popped > 0;
}

/* The window holds data back, or, in slow start, more than half of it was used. */
static bool cwnd_used(const struct tcp_conn *c) {
    const struct tcp_engine *e = &c->eng;
    if (e->cwnd_limited) return true;
    return e->cc.cwnd < e->cc.ssthresh && e->cc.cwnd < 2 * e->max_out;
}

/* What never fills its window, a conversation of small messages, costs no algorithm's state. */
void tcp_cwnd_ack(struct tcp_conn *c, struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    struct cc *cc = &e->cc;
    if (!e->cc_begun && (cc->ops->control || cwnd_used(c))) begin(c);
    struct cc_now now = tcp_cc_now(c);
    a->rate.rtt_us = a->last_rtt_us ? a->last_rtt_us : a->last_sack_rtt_us;
    if (e->cc_begun && cc->ops->measure && (a->popped || a->sacked)) cc->ops->measure(cc, &now, &a->rate);
    if (cc->ops->control) {
        now.random = env_random(c->tcp->env);
        cc->ops->control(cc, &now, &a->rate);
    } else if (e->phase == CC_CWR || e->phase == CC_RECOVERY) {
        bool next_hole = !c->is.sack_on && a->advanced && a->rate.lost; /* RFC 6582, 3.2, step 3: it goes at once. */
        reduce(c, a->rate.acked, a->advanced && !a->rate.lost, next_hole);
    } else if (may_grow(c, a) && cwnd_used(c) && a->rate.acked) {
        cc->ops->grow(cc, &now, a->rate.acked);
    }
    if (cc->cwnd > CC_CWND_MAX) cc->cwnd = CC_CWND_MAX;
    if (!cc->cwnd) cc->cwnd = 1;
    pace(c);
}

/* --- A window that is not used --- */

/* RFC 7661, 4.4 in short: a window of which the application used less than half for a whole timeout shrinks towards
 * what it used. */
static void application_limited(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    uint32_t init = initial_window(c), used = e->used_out > init ? e->used_out : init;
    if (e->phase == CC_OPEN && used < e->cc.cwnd) {
        e->cc.ssthresh = tcp_cwnd_ssthresh_current(c);
        e->cc.cwnd = (e->cc.cwnd + used) / 2;
    }
    e->used_out = 0;
    e->used_at = tcp_clock_ms(c->tcp);
}

void tcp_cwnd_validate(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    uint32_t out = e->sent.count, now = tcp_clock_ms(c->tcp);
    bool limited = e->held_back || tcp_in_flight(c) >= e->cc.cwnd;
    e->held_back = false;
    e->pace_left = 0; /* The next piece is one of its own. */
    if (seq_geq(c->snd_una, e->usage_seq) || limited || (!e->cwnd_limited && out > e->max_out)) {
        e->cwnd_limited = limited;
        e->max_out = out;
        e->usage_seq = c->snd_nxt;
    }
    if (cwnd_used(c)) {
        e->used_out = 0;
        e->used_at = now;
        return;
    }
    if (out > e->used_out) e->used_out = out;
    bool long_so = (la_time)(now - e->used_at) * LA_MS >= tcp_rto(c);
    if (c->tcp->params.idle_restart && long_so && !e->cc.ops->control) application_limited(c);
}

/* RFC 5681, 4.1, as RFC 2861 has it: the window halves for every timeout of silence, down to the initial one. */
void tcp_cwnd_restart(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    la_time idle = (la_time)(tcp_clock_ms(c->tcp) - e->sent_at) * LA_MS, rto = tcp_rto(c);
    uint32_t least = initial_window(c);
    if (e->sent.count) return;
    struct cc_now now = tcp_cc_now(c);
    if (e->cc_begun && e->cc.ops->restart) e->cc.ops->restart(&e->cc, &now, idle);
    if (!c->tcp->params.idle_restart || idle <= rto || e->cc.ops->control) return;
    e->cc.ssthresh = tcp_cwnd_ssthresh_current(c);
    if (least > e->cc.cwnd) least = e->cc.cwnd;
    for (idle -= rto; idle > 0 && e->cc.cwnd > least; idle = idle > rto ? idle - rto : 0) e->cc.cwnd /= 2;
    if (e->cc.cwnd < least) e->cc.cwnd = least;
    e->used_at = tcp_clock_ms(c->tcp);
    e->used_out = 0;
}

/* --- Pacing --- */

static uint64_t pacing_rate(const struct tcp_conn *c) {
    const struct cc *cc = &c->eng.cc;
    uint64_t rate = (cc->ops && cc->ops->paces) || c->tcp->params.pacing ? cc->pacing_rate : 0;
    if (c->max_pacing_rate && (!rate || rate > c->max_pacing_rate)) rate = c->max_pacing_rate;
    return rate;
}

#define PACE_PIECE LA_MS /* What leaves together lasts so long, or as long as the clock needs for a step. */

bool tcp_pace_holds(const struct tcp_conn *c) {
    const struct tcp_engine *e = &c->eng;
    /* A child of Fast Open in SYN_RCVD has no timer for it, and one window at most to send. */
    return !e->pace_left && e->pace_at > c->tcp->env->now && pacing_rate(c) && tcp_synchronized(c);
}

static uint32_t piece_bytes(const struct tcp_conn *c, uint64_t rate) {
    const struct tcp_params *params = &c->tcp->params;
    uint64_t least = (uint64_t)params->burst_least * tcp_send_mss(c);
    la_time lasts = params->clock_resolution > PACE_PIECE ? params->clock_resolution : PACE_PIECE;
    return u32_of(u64_max(least, u64_mul(rate, lasts / LA_US) / 1000000));
}

/* A piece leaves when it is due, and the next one is due when the pace has carried it. A piece that left late, because
 * a window held it back or nobody called in time, brings the next one forward by half of what it lasts at most. What a
 * connection begins with leaves at once, unless its user has said how fast is too fast. */
void tcp_pace_sent(struct tcp_conn *c, uint32_t bytes) {
    struct tcp_engine *e = &c->eng;
    uint64_t rate = pacing_rate(c);
    la_time now = c->tcp->env->now;
    if (!rate) return;
    if (!e->pace_left) {
        e->pace_credit_us = now > e->pace_at ? u32_of((now - e->pace_at) / LA_US) : 0;
        e->pace_left = piece_bytes(c, rate);
    }
    if (e->pace_at < now) e->pace_at = now;
    e->pace_left -= u32_min(bytes, e->pace_left);
    uint64_t at_once = (uint64_t)c->tcp->params.initial_window * tcp_send_mss(c);
    if (!c->max_pacing_rate && c->tally.bytes_sent <= at_once) return;
    la_time lasts = (la_time)bytes * LA_SECOND / rate;
    uint32_t earlier_us = u32_of(u64_min(lasts / LA_US / 2, e->pace_credit_us));
    e->pace_credit_us -= earlier_us;
    e->pace_at += lasts - earlier_us * LA_US;
}
