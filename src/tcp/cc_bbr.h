/* BBR (draft-ietf-ccwg-bbr-06), shared by its three files: the model of the path (cc_bbr_model.c), the state machine
 * that probes it (cc_bbr_state.c), and what follows for window and pace (cc_bbr.c). Names are the draft's; those of its
 * BBR. variables are the struct's fields.
 *
 * Units: volumes in segments, times in ns or where named so in us, rates in segments per us with BW_POINT bits behind
 * the point, gains in 1/256. UINT32_MAX and UINT64_MAX stand for infinity. */
#ifndef TCP_CC_BBR_H
#define TCP_CC_BBR_H

#include "tcp/cc.h"

#define BBR_POINT 32u   /* Bits behind the point of a rate. */
#define BBR_UNIT 256u   /* A gain of one. */
#define BBR_MIN_PIPE 4u /* MinPipeCwnd */
#define BBR_INFINITE UINT32_MAX
#define BBR_NO_RATE UINT64_MAX

enum bbr_state {
    BBR_STARTUP, /* Twice as fast each round, until the rate delivered grows no more. */
    BBR_DRAIN,   /* The queue of that drains. */
    BBR_DOWN,    /* ProbeBW: slower than the path, so that others find room; */
    BBR_CRUISE,  /* as fast as the path; */
    BBR_REFILL,  /* the same for a round, without regard to short-term bounds; */
    BBR_UP,      /* faster, to see whether there is more. */
    BBR_PROBE_RTT,
    BBR_NO_STATE,
};

/* What the samples mean that come with ACKs. */
enum bbr_acks {
    BBR_ACKS_INIT,
    BBR_ACKS_REFILLING,
    BBR_ACKS_STARTING, /* Of what was sent before UP … */
    BBR_ACKS_FEEDBACK, /* … in UP … */
    BBR_ACKS_STOPPING, /* … and still in UP, while the flow slows down. */
};

struct bbr_bounds {
    uint64_t bw_shortterm;
    uint32_t inflight_shortterm, inflight_longterm;
};

struct bbr {
    /* What this ACK says; `sample` is false where it says nothing of the rate. */
    uint64_t delivery_rate; /* 0: none. */
    bool sample, app_limited, cwnd_limited, round_start, loss_round_start;
    uint64_t random;

    /* Rounds: a packet is sent, and its ACK ends the round. Counts of cc_now.delivered. */
    uint32_t next_round_delivered, loss_round_delivered, limited_until;
    uint32_t round_count, rounds_since_probe_up, drain_start_round;

    /* Rate. */
    uint64_t max_bw_filter[2]; /* Of the ProbeBW cycle before, and of this one. */
    uint64_t bw;               /* The larger, but no more than bw_shortterm. */
    uint64_t bw_latest, full_bw;
    uint8_t full_bw_count;
    bool full_bw_now, full_bw_reached;

    /* Volume. */
    struct bbr_bounds bounds;
    uint32_t inflight_latest;
    uint32_t extra_acked_filter[2], extra_acked_delivered, extra_acked_round;
    la_time extra_acked_at; /* The interval's start. */
    uint32_t probe_up_acked_per_inc, bw_probe_up_acked;
    uint8_t bw_probe_up_rounds;

    /* Round trip. */
    uint32_t min_rtt_us, probe_rtt_min_us;
    la_time min_rtt_at, probe_rtt_min_at, probe_rtt_done_at; /* probe_rtt_done_at: 0 until the volume is low. */
    bool rtt_seen, probe_rtt_expired, probe_rtt_round_done;

    /* State machine. */
    uint8_t state, ack_phase; /* enum bbr_state, enum bbr_acks */
    la_time cycle_at, bw_probe_wait;
    bool is_bw_probe_sample, prev_probe_too_high, prev_probe_precautionary, idle_restart;

    /* Losses, and what to go back to when there were none. */
    bool loss_in_round;
    uint8_t loss_events; /* ACKs of this round that told of losses; stops at 255. */
    uint8_t undo_state;  /* BBR_NO_STATE: none to go back to. */
    struct bbr_bounds undo;
    uint32_t prior_cwnd;
};

static inline struct bbr *bbr_of(const struct cc *cc) { return cc->state; }
static inline bool bbr_probes_bw_cycle(const struct bbr *s) { return s->state >= BBR_DOWN && s->state <= BBR_UP; }

/* --- cc_bbr_model.c --- */

void bbr_model_init(struct bbr *s, const struct cc_now *now);
/* Near the start of an ACK: the sample, rounds, rate, bounds after losses, aggregation. */
void bbr_model_ack(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack);
/* Whether the rate still grows; on the ACK that starts a round. */
void bbr_model_full_bw(struct bbr *s);
void bbr_model_min_rtt(struct bbr *s, const struct cc_now *now, uint32_t rtt_us);
/* Near its end: the latest signals move on, and bw is bounded. */
void bbr_model_advance(struct bbr *s, const struct cc_ack *ack);
/* Something was lost or marked: the first such event of a round opens a round of losses. */
void bbr_note_loss(struct cc *cc, const struct cc_now *now);

uint64_t bbr_max_bw(const struct bbr *s);
void bbr_advance_max_bw_filter(struct bbr *s);
void bbr_start_round(struct bbr *s, const struct cc_now *now);
void bbr_reset_full_bw(struct bbr *s, uint64_t full_bw);
void bbr_reset_congestion_signals(struct bbr *s);
void bbr_reset_shortterm(struct bbr *s);
uint32_t bbr_extra_acked(const struct bbr *s);
/* `gain` times what `bw` fills the path with, in segments. */
uint32_t bbr_bdp(const struct bbr *s, const struct cc_now *now, uint64_t bw, uint32_t gain);
/* The estimated BDP, unless congestion cut cwnd. */
uint32_t bbr_target_inflight(const struct cc *cc, const struct cc_now *now);

/* --- cc_bbr_state.c --- */

void bbr_enter_startup(struct bbr *s);
/* On every ACK: moves between states, and fits the long-term bound on the volume. */
void bbr_state_ack(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack);
void bbr_check_probe_rtt(struct cc *cc, const struct cc_now *now);
/* ProbeRTT ends if it has lasted. */
void bbr_check_probe_rtt_done(struct cc *cc, const struct cc_now *now);
/* The volume in flight was more than the path takes; it was inflight_at_loss then. */
void bbr_inflight_too_high(struct cc *cc, const struct cc_now *now, uint32_t inflight_at_loss);
/* More than 2 % of what was in flight is lost. */
bool bbr_too_many_lost(const struct cc_now *now, uint32_t tx_in_flight, uint32_t tx_lost);
void bbr_start_refill(struct bbr *s, const struct cc_now *now);
/* The part of inflight_longterm that leaves room for others. */
uint32_t bbr_inflight_with_headroom(const struct bbr *s);

/* --- cc_bbr.c --- */

/* What cwnd was before recovery or ProbeRTT modulated it. */
void bbr_save_cwnd(struct cc *cc, const struct cc_now *now);
void bbr_restore_cwnd(struct cc *cc);
/* Segments that fill the path at `bw`, and what offloading needs at least. */
uint32_t bbr_inflight(const struct cc *cc, const struct cc_now *now, uint64_t bw, uint32_t gain);
uint32_t bbr_probe_rtt_cwnd(const struct cc *cc, const struct cc_now *now);

#endif
