/* A hostile peer: a well-behaved stack behind a liar. Everything that the host sends and hears passes the liar, who
 * rewrites it, invents more, and keeps things from the host, until it turns honest (hostile.c). What it does is a set
 * of tricks (tricks.c). */
#ifndef SIM_HOSTILE_H
#define SIM_HOSTILE_H

#include <lastack/segment.h>

#include "world.h"

enum {
    HOSTILE_FLOWS = 2 * SIM_CONNS,
    HOSTILE_LIES = 3,      /* Ranges that are SACKed and not there, at one time. */
    HOSTILE_EXTRA = 3000,  /* Segments invented for one connection at most: it is a liar, not a flood. */
    HOSTILE_PACKET = 9200, /* The largest MTU, and a link header. */
};

/* What the liar knows of one connection. "We" are its host, "they" the honest peer. */
struct hostile_flow {
    struct la_endpoint us, them;
    struct sim_conn *conn; /* NULL: nobody's; nothing is done to it. */
    bool our_syn, their_syn;
    bool armed; /* They have sent something beyond the handshake: from now on only they can be hurt. */
    uint32_t our_iss, their_iss;
    bool our_sack, their_sack, our_ts, their_ts;
    int8_t our_shift, their_shift; /* As really offered; -1: not at all. */
    int8_t told_shift;             /* What they were told of ours … */
    uint16_t told_mss;             /* … and of our MSS; 0: the truth. */
    uint32_t acked;                /* What we have really acknowledged. */
    uint32_t sent;                 /* Behind the last byte that we really sent. */
    uint32_t seen;                 /* Behind the last byte that they have sent. */
    uint32_t heard;                /* What they have acknowledged: these bytes are theirs for good. */
    struct la_sack_block lie[HOSTILE_LIES];
    unsigned nlies;
    la_time lie_until;    /* Then what was SACKed is forgotten. */
    la_time closed_until; /* The window is said to be closed. */
    uint32_t ts_ahead;    /* Added to our timestamps, also after the end of lies: clocks do not go back. */
    unsigned extra;       /* Segments invented. */
    uint32_t last_seq;    /* The latest of our data segments … */
    size_t last_len;
    uint8_t last[HOSTILE_PACKET];
};

struct sim_hostile {
    struct sim_node node; /* First on the host's way into the network. */
    struct sim_host *host;
    struct sim_random random;
    uint32_t tricks; /* Bits of the table. */
    uint32_t ppm;    /* How often each is played. */
    unsigned next;   /* The flow that makes room when all are in use. */
    struct hostile_flow flow[HOSTILE_FLOWS];
};

/* One segment of ours on its way out. A trick changes `s` and sends more before it. */
struct hostile_deed {
    struct sim_hostile *hostile;
    struct hostile_flow *flow;
    struct la_segment s;
    const struct sim_packet *packet; /* The original, for its link header. */
    la_time now;
    uint32_t acked_before; /* What we had acknowledged before it. */
    bool changed;
};

static inline bool hostile_after(uint32_t a, uint32_t b) { return (int32_t)(a - b) > 0; }

/* Sends an invented segment, unless there have been enough. */
void hostile_invent(struct hostile_deed *deed, const struct la_segment *s);

/* tricks.c: one or more tricks for a host. */
uint32_t hostile_some_tricks(struct sim_random *random);
/* Our first SYN goes out: what is said in its place, in every copy of it. */
void hostile_choose(struct hostile_deed *deed);
/* Plays the host's tricks on a segment beyond the handshake. */
void hostile_play(struct hostile_deed *deed);
/* Whether a segment of theirs is kept from the host, which will SACK it. */
bool hostile_swallows(struct sim_hostile *hostile, struct hostile_flow *flow, const struct la_segment *s);
/* Names of the tricks in a set, for the log. */
void hostile_describe(uint32_t tricks, char *text, size_t size);

#endif
