/* Loss recovery: its variables, embedded in every connection, and what its files say to each other.
 *
 * The way of one ACK (ack.c calls these in this order):
 *
 *     sack.c     SACK blocks and D-SACK onto the records; reordering noticed
 *     score.c    records acknowledged cumulatively leave; round trips measured
 *     rack.c     the latest delivery known; the reordering window; what is therefore lost
 *     recover.c  Open, Disorder, CWR, Recovery, Loss: which follows; F-RTO; reneging
 *     undo.c     a reduction that was a mistake is taken back
 *     rate.c     how fast the network delivers
 *     cwnd.c     the congestion window: PRR, or the algorithm's growth; pacing
 *
 * Nothing here sends: what is lost is marked on its record, and send.c sends it when the window lets it. */
#ifndef TCP_ENGINE_H
#define TCP_ENGINE_H

#include "tcp/cc.h"
#include "tcp/sent.h"
#include "wire/tcp.h"

struct tcp_conn;
struct tcp_in;
struct tcp_plan;

/* What the retransmission timer will do. They exclude each other (RFC 8985, 7.2). */
enum rexmit_kind {
    REXMIT_RTO,     /* RFC 6298. */
    REXMIT_PROBE,   /* Tail loss probe (RFC 8985, 7). */
    REXMIT_REORDER, /* What may only be late counts as lost (RFC 8985, 6.3). */
};

/* RFC 8985, 6.1. */
struct tcp_rack {
    la_time at; /* When the latest-sent segment, of those delivered, was sent … */
    seq end;    /* … where it ends … */
    uint32_t rtt_us;
    uint32_t last_delivered; /* Rounds, for the reordering window. */
    uint8_t steps;           /* The reordering window is so many quarters of the least round trip … */
    uint8_t persist;         /* … for so many recoveries more. */
    bool advanced, reorder_seen, dsack_seen;
};

/* The least round trip of the last minutes: the best of this period and of the one before. */
struct tcp_min_rtt {
    uint32_t us, previous_us; /* UINT32_MAX: none */
    uint32_t since;           /* tcp_clock_ms */
};

struct tcp_engine {
    struct sent_queue sent;
    /* Segments, of those in `sent`. Without SACK, sacked_out counts duplicate ACKs. */
    uint32_t sacked_out, lost_out, again_out;
    uint32_t delivered, lost; /* Ever. */
    uint32_t dsacks, reorderings, delivered_ce;
    seq fack;                           /* Behind the highest segment SACKed. */
    seq lost_hint;                      /* Nothing before it is lost and unsent. */
    struct tcp_sack seen[TCP_SACK_MAX]; /* The blocks of the latest ACK: what they cover is done with. */
    uint8_t nseen;
    uint8_t phase;  /* enum cc_phase */
    uint8_t rexmit; /* enum rexmit_kind */
    bool frto, tlp_again;
    bool ts_early;       /* This ACK's timestamp answers something sent before the first repetition. */
    bool cwnd_limited;   /* The congestion window holds something back … */
    bool held_back;      /* … in this burst. */
    bool cc_begun;       /* The algorithm has its state. */
    uint16_t reordering; /* Segments. */
    seq high_seq;        /* RecoveryPoint (RFC 6675). */
    seq tlp_end;         /* Behind what the probe sent; valid while tlp_out. */
    bool tlp_out;
    struct tcp_rack rack;
    /* Undo (RFC 4015, RFC 3708). */
    bool undo_armed;
    bool new_only;        /* F-RTO: new data goes before anything again (RFC 5682, 2, step 2b). */
    seq undo_marker;      /* SND.UNA when the reduction began. */
    int32_t undo_again;   /* Repetitions that no D-SACK has called needless; -1: unknown. */
    uint32_t again_stamp; /* Timestamp value of the first repetition; valid while again_stamped. */
    bool again_stamped;
    uint32_t prior_ssthresh; /* 0: nothing to go back to. */
    /* PRR (RFC 9937). */
    uint32_t prr_delivered, prr_out, prr_cwnd;
    /* Whether the window was in use (RFC 7661). */
    uint32_t max_out, used_out;
    seq usage_seq;
    uint32_t used_at, sent_at; /* tcp_clock_ms */
    /* Delivery rate. */
    la_time delivered_at, first_at;
    uint32_t limited_until; /* In `delivered`: until then the rate is the application's; 0: it is not. */
    uint32_t rate_delivered, rate_interval_us; /* The latest sample, for people. */
    bool rate_app_limited;
    struct tcp_min_rtt min_rtt;
    la_time pace_at;         /* No piece before, but one that is … */
    uint32_t pace_credit_us; /* … as late as this lets the next one leave as much earlier … */
    uint32_t pace_left;      /* … after so many bytes more. */
    struct cc cc;
};

/* The segment, of those newly delivered, that was sent last: how things were then (rate.c). */
struct tcp_newest {
    la_time at, delivered_at, send_time;
    seq end;
    uint32_t delivered, in_flight, lost; /* segments */
    bool app_limited;
};

/* What one ACK has said so far. */
struct tcp_acked {
    seq ack, prior_una, prior_fack;
    uint32_t prior_in_flight, prior_delivered, prior_lost;
    uint32_t popped; /* Segments acknowledged cumulatively. */
    bool advanced;   /* SND.UNA moved. */
    bool data_acked; /* … over something never sent twice. */
    bool sacked;     /* Something is newly SACKed. */
    bool orig_acked; /* Something never sent twice, sent before recovery began, is delivered (RFC 5682). */
    bool dsack, dsack_tlp;
    bool again_lost; /* A repetition is lost. */
    bool duplicate;  /* RFC 5681, 2. */
    bool plain;      /* Neither data nor a new window: nothing but an ACK. */
    bool ece;
    bool new_only; /* F-RTO: new data is sent before anything again (RFC 5682, 2, step 2b). */
    /* Round trips, microseconds; 0: none. */
    uint32_t rtt_us;      /* Of the first segment acknowledged. */
    uint32_t last_rtt_us; /* Of the last. */
    uint32_t sack_rtt_us, last_sack_rtt_us;
    uint32_t ce;    /* Segments that the network marked, as the peer counts. */
    bool delivered; /* Something is newly delivered: `newest` says what. */
    /* Everything up to here is cleared for each ACK. */
    struct tcp_newest newest;
    struct cc_ack rate; /* From tcp_rate_finish on. */
};

/* ack.c: segments newly acknowledged or SACKed, when the records know what the ACK says. */
uint32_t tcp_acked_segments(const struct tcp_conn *c, const struct tcp_acked *a);

/* score.c */
void tcp_score_sacked(struct tcp_conn *c, struct sent *s);
void tcp_score_lost(struct tcp_conn *c, struct sent *s);
/* A new segment, [from, to), of at most one MSS, is on its way. */
void tcp_score_sent(struct tcp_conn *c, seq from, seq to);
void tcp_score_sent_again(struct tcp_conn *c, struct sent *s);
/* The first lost segment that is not on its way again, or NULL. */
struct sent *tcp_score_next_lost(struct tcp_conn *c);
/* Everything before `ack` leaves. */
void tcp_score_acked(struct tcp_conn *c, struct tcp_acked *a);
/* A timeout: all that was in flight, or with `reneged` all that is not acknowledged, is lost. */
void tcp_score_timeout(struct tcp_conn *c, bool reneged);
/* Record i is longer than `len`: it keeps so much, and the rest goes to the next one, or to one of its own. NULL: no
 * memory. */
struct sent *tcp_score_cut(struct tcp_conn *c, uint32_t i, uint32_t len);
/* Nothing was lost after all. */
void tcp_score_found(struct tcp_conn *c);
void tcp_score_clear(struct tcp_conn *c);
void tcp_score_check(const struct tcp_conn *c);

/* sack.c */
void tcp_sack_input(struct tcp_conn *c, const struct tcp_in *in, struct tcp_acked *a);
/* A segment that ends at or before `fack` and begins at `low` was late, not lost. */
void tcp_reordering_seen(struct tcp_conn *c, seq low, seq fack);

/* rack.c */
void tcp_rack_delivered(struct tcp_conn *c, const struct sent *s);
void tcp_rack_window(struct tcp_conn *c, const struct tcp_acked *a);
/* Marks what is lost; arms the reordering timer for what may only be late. */
void tcp_rack_mark(struct tcp_conn *c);
void tcp_rack_timeout(struct tcp_conn *c);
/* Whether a segment has been out for longer than any other's round trip. */
bool tcp_rack_overdue(const struct tcp_conn *c, const struct sent *s);

/* tlp.c */
/* Arms the probe where it is due before the timeout. `anew`: the timeout begins anew. False: none is allowed. */
bool tcp_tlp_schedule(struct tcp_conn *c, bool anew);
void tcp_tlp_timeout(struct tcp_conn *c);
void tcp_tlp_ack(struct tcp_conn *c, const struct tcp_acked *a);

/* recover.c */
void tcp_recover_ack(struct tcp_conn *c, struct tcp_acked *a);
void tcp_recover_enter(struct tcp_conn *c, bool ece);
void tcp_recover_reopen(struct tcp_conn *c);
void tcp_recover_timeout(struct tcp_conn *c);
/* Something is to go again, but no congestion lost it (a smaller MTU). */
void tcp_recover_mtu(struct tcp_conn *c);
void tcp_recover_resend_longer(struct tcp_conn *c, uint32_t mss);
/* The network says that it is congested: one reduction, nothing is lost (RFC 3168). */
void tcp_recover_cwr(struct tcp_conn *c);
void tcp_recover_phase(struct tcp_conn *c, enum cc_phase to);
void tcp_recover_init(struct tcp_conn *c, seq iss);

/* undo.c */
void tcp_undo_arm(struct tcp_conn *c);
bool tcp_undo_recovery(struct tcp_conn *c);
bool tcp_undo_partial(struct tcp_conn *c, const struct tcp_acked *a);
bool tcp_undo_dsack(struct tcp_conn *c);
/* `proved`: by F-RTO. */
bool tcp_undo_loss(struct tcp_conn *c, bool proved);
void tcp_undo_note(struct tcp_conn *c, const struct tcp_in *in);

/* rate.c */
void tcp_rate_sent(struct tcp_conn *c, struct sent *s);
void tcp_rate_delivered(struct tcp_conn *c, struct sent *s, struct tcp_acked *a);
void tcp_rate_finish(struct tcp_conn *c, struct tcp_acked *a);
void tcp_rate_limited(struct tcp_conn *c);

/* unit.c */
/* How many segments Linux gives its device in one piece. */
uint32_t tcp_unit_piece(const struct tcp_conn *c, uint32_t mss);
/* Payload bytes at most that may go in one unit; `mss` where the device cuts nothing. */
uint32_t tcp_unit_max(const struct tcp_conn *c, uint32_t mss);
/* The planned repetition takes those with it that follow it and are lost, too. */
void tcp_unit_again(struct tcp_conn *c, struct tcp_plan *plan);

/* cwnd.c */
void tcp_cwnd_init(struct tcp_conn *c);
/* Before the first data after everything was acknowledged. */
void tcp_cwnd_restart(struct tcp_conn *c);
/* A burst is over: was the window used? */
void tcp_cwnd_validate(struct tcp_conn *c);
void tcp_cwnd_reduce_begin(struct tcp_conn *c);
void tcp_cwnd_reduce_first(struct tcp_conn *c);
void tcp_cwnd_reduce_end(struct tcp_conn *c);
void tcp_cwnd_ack(struct tcp_conn *c, struct tcp_acked *a);
uint32_t tcp_cwnd_ssthresh(struct tcp_conn *c);
/* ssthresh as far as it says something about the path. */
uint32_t tcp_cwnd_ssthresh_current(const struct tcp_conn *c);
struct cc_now tcp_cc_now(const struct tcp_conn *c);
/* Another algorithm takes over at the windows that are set. */
void tcp_cwnd_choose(struct tcp_conn *c, unsigned algorithm);
void tcp_cwnd_free(struct tcp_conn *c);
/* Whether pacing holds the next segment back, until eng.pace_at. */
bool tcp_pace_holds(const struct tcp_conn *c);
void tcp_pace_sent(struct tcp_conn *c, uint32_t bytes);

#endif
