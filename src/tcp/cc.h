/* Congestion control behind one table: what an algorithm is, what it is told, and what it decides.
 *
 * The engine (recover.c, ack.c, send.c) decides when something is lost and when the window may grow; an algorithm says
 * how far. It sees no connection: a struct cc with its own numbers, and a struct cc_now with what the connection knows
 * at this moment. So each one is tested alone. Windows count segments of the current MSS, as Linux counts them; the
 * pacing rate counts bytes.
 *
 * RFC 5681, 6582 (reno); RFC 9438, 9406 (cubic); draft-ietf-ccwg-bbr (bbr). */
#ifndef TCP_CC_H
#define TCP_CC_H

#include <lastack/types.h>

#include "base/env.h"
#include "base/seq.h"

#define CC_INFINITE 0x7fffffffu /* An ssthresh that was never set. */
#define CC_CWND_MAX (1u << 24)  /* Segments. */

/* Where recovery stands: Linux's TCP_CA_* numbers. */
enum cc_phase {
    CC_OPEN,     /* Nothing is missing. */
    CC_DISORDER, /* Something may be missing, or come later. */
    CC_CWR,      /* The window shrinks because the network said so (ECN, a repaired tail). */
    CC_RECOVERY, /* Something is lost and sent again. */
    CC_LOSS,     /* The timeout has fired. */
};

/* When slow start ends before anything is lost (cc_hystart.h). */
enum cc_hystart {
    CC_HYSTART_PLUS,    /* HyStart++, RFC 9406. */
    CC_HYSTART_CLASSIC, /* Trains of ACKs and round trips that lengthen: what Linux does. */
    CC_HYSTART_OFF,
    CC_HYSTART_TRAIN, /* The classic rules, one alone. */
    CC_HYSTART_DELAY,
};

/* What a connection knows while it asks. */
struct cc_now {
    la_time at;
    uint32_t mss;          /* bytes */
    uint32_t srtt_us;      /* 0: no sample yet */
    uint32_t min_rtt_us;   /* Of the last minutes; UINT32_MAX: no sample yet */
    uint32_t in_flight;    /* Segments in the network, as far as is known. */
    uint32_t delivered;    /* Segments acknowledged or SACKed, ever. */
    uint32_t lost;         /* Segments marked lost, ever. */
    uint32_t delivered_ce; /* Of those delivered, segments that were marked (CE), as far as the peer tells. */
    seq snd_una, snd_nxt;
    uint8_t phase;         /* enum cc_phase */
    uint8_t hystart;       /* enum cc_hystart */
    bool no_sack;          /* Of the losses of a round trip only the first is seen. */
    uint32_t initial_cwnd; /* segments */
    uint64_t random;       /* For algorithms that probe at random times: new with every call of control(). */
};

/* What one ACK has brought, for control() and measure(). The rate fields are those of delivery rate estimation
 * (draft-ietf-ccwg-bbr, 4.1): of the segment, among the newly delivered, that was sent last. */
struct cc_ack {
    uint32_t acked;            /* Segments newly acknowledged or SACKed. */
    uint32_t lost;             /* Segments newly marked lost. */
    uint32_t rtt_us;           /* 0: this ACK measures none. */
    uint32_t prior_in_flight;  /* Before this ACK. */
    uint32_t rate_delivered;   /* Segments delivered over … */
    uint32_t rate_interval_us; /* … this time. 0: no sample. */
    uint32_t prior_delivered;  /* cc_now.delivered when that segment was sent. */
    uint32_t tx_in_flight;     /* In flight right after it was sent. */
    uint32_t tx_lost;          /* cc_now.lost when it was sent. */
    bool app_limited;          /* The sender had nothing more to send then: the rate is a lower bound. */
    bool ece;                  /* The ACK echoes congestion, for the first time in a round trip. */
    uint32_t ce;               /* Segments newly known to have been marked; only Accurate ECN (RFC 9768) tells. */
};

struct cc_ops;

/* Embedded in a connection. The engine reads cwnd, ssthresh and pacing_rate; algorithms write them. */
struct cc {
    const struct cc_ops *ops;
    uint32_t cwnd, ssthresh; /* segments */
    uint32_t count;          /* Segments acknowledged towards the next increase. */
    uint32_t prior_cwnd;     /* Before the latest reduction, for undo(): the engine notes it. */
    uint64_t pacing_rate;    /* bytes/s; 0: not paced by the algorithm. */
    void *state;             /* ops->state_size bytes, zeroed; the engine owns them. */
};

struct cc_ops {
    const char *name;
    size_t state_size;
    bool paces; /* Sets pacing_rate itself; otherwise the engine paces by cwnd / srtt where pacing is on. */
    /* The first data is about to go, or the algorithm has been chosen anew: cwnd and ssthresh are set. */
    void (*init)(struct cc *cc, const struct cc_now *now);
    /* A congestion event begins: where the window continues. Does not write cwnd. */
    uint32_t (*ssthresh)(struct cc *cc, const struct cc_now *now);
    /* The window was in use and `acked` segments are acknowledged: cwnd may grow. */
    void (*grow)(struct cc *cc, const struct cc_now *now, uint32_t acked);
    /* The reduction was a mistake: cwnd as it would be (never below what it is). Does not write cwnd; takes back what
     * ssthresh() and phase() changed in the algorithm's own numbers. */
    uint32_t (*undo)(struct cc *cc, const struct cc_now *now);
    /* The rest may be NULL. */
    /* Every ACK of new data, before grow(); now->min_rtt_us knows of this ACK. */
    void (*measure)(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack);
    void (*phase)(struct cc *cc, const struct cc_now *now, enum cc_phase to); /* Before the phase changes. */
    void (*restart)(struct cc *cc, const struct cc_now *now, la_time idle);   /* Data goes after a pause. */
    /* Takes the place of grow() and of PRR: after every ACK, in every phase but CC_LOSS's first step. */
    void (*control)(struct cc *cc, const struct cc_now *now, const struct cc_ack *ack);
    /* One segment is marked lost that was sent with tx_in_flight in flight, tx_lost lost by then. */
    void (*lost)(struct cc *cc, const struct cc_now *now, uint32_t tx_in_flight, uint32_t tx_lost, uint32_t segments);
};

/* The table: by number (NULL: none), number by name (-1: none). 0 is reno, 1 cubic, 2 bbr. */
#define CC_COUNT 3u
const struct cc_ops *cc_at(unsigned index);
int cc_find(const char *name);

extern const struct cc_ops cc_reno, cc_cubic, cc_bbr;

/* The algorithm `ops` begins at the cwnd and ssthresh that are set. `state` is ops->state_size zeroed bytes; where
 * there was no memory for them (NULL) reno begins instead. */
void cc_begin(struct cc *cc, const struct cc_ops *ops, void *state, const struct cc_now *now);

/* Slow start by `acked` segments up to ssthresh; returns what is left of them for congestion avoidance. */
uint32_t cc_slow_start(struct cc *cc, uint32_t acked);
/* One segment more for every `window` acknowledged. What was acknowledged under a larger window adds one at most. */
void cc_avoid(struct cc *cc, uint32_t window, uint32_t acked);
/* cwnd before the latest reduction, or as it is if that is more. */
uint32_t cc_undo(struct cc *cc, const struct cc_now *now);

#endif
