/* The network: nodes, each of which takes packets and passes them on, at once or later, to the next. A node may keep
 * packets; it says when it wants to run. */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include <lastack/stack.h>
#include <lastack/types.h>

#include "random.h"

struct sim_packet {
    struct sim_packet *next;
    la_time due;   /* For the node that keeps it. */
    unsigned from; /* The host that sent it. */
    size_t len;
    uint8_t data[];
};

struct sim_packet *sim_packet_new(unsigned from, const struct la_packet *packet);
struct sim_packet *sim_packet_copy(const struct sim_packet *packet);
void sim_packet_free(struct sim_packet *packet);

struct sim_node {
    struct sim_node *next;
    /* Takes a packet over. */
    void (*forward)(struct sim_node *node, struct sim_packet *packet, la_time now);
    la_time (*next_run_at)(const struct sim_node *node); /* NULL: it keeps nothing. */
    void (*run)(struct sim_node *node, la_time now);
    void (*free)(struct sim_node *node);
};

void sim_forward(struct sim_node *node, struct sim_packet *packet, la_time now);
/* Of a whole chain. */
la_time sim_chain_next(const struct sim_node *first);
void sim_chain_run(struct sim_node *first, la_time now);
void sim_chain_free(struct sim_node *first);

/* What the nodes tell: "lost", "corrupted", … */
struct sim_ear {
    void (*heard)(void *ctx, const struct sim_packet *packet, const char *what, la_time now);
    void *ctx;
};

/* What a line does to the codepoints of ECN, for ever. */
enum sim_ecn { SIM_ECN_KEPT, SIM_ECN_BLEACHED, SIM_ECN_PAINTED, SIM_ECN_ALL_MARKED };

/* Loses, duplicates, corrupts, and marks what may be marked as having met congestion (RFC 3168), each packet for
 * itself, until it heals; loses everything during the outage. */
struct sim_chaos_config {
    enum la_link link;
    uint32_t loss_ppm, duplicate_ppm, corrupt_ppm, mark_ppm;
    uint8_t ecn; /* enum sim_ecn */
    la_time outage_from, outage_to;
    la_time heal_at;
};
struct sim_node *sim_chaos_new(const struct sim_chaos_config *config, uint64_t seed, const struct sim_ear *ear);

/* A line: so many bits per second, a queue before it, and the way's length. Keeps the order. */
struct sim_pipe_config {
    uint64_t rate; /* 0: without bound. */
    size_t queue;  /* Bytes that may wait; more are lost. */
    la_time delay;
    la_time heal_at; /* Nothing is lost from then on. */
};
struct sim_node *sim_pipe_new(const struct sim_pipe_config *config, const struct sim_ear *ear);

/* Holds some packets back for a random time: others overtake them. */
struct sim_jitter_config {
    uint32_t reorder_ppm;
    la_time most;
    la_time heal_at;
};
struct sim_node *sim_jitter_new(const struct sim_jitter_config *config, uint64_t seed, const struct sim_ear *ear);

/* Takes no packet longer than the MTU of the stage, from its time on; the last one stays. IPv6 packets of 1280 bytes
 * always pass. */
#define SIM_NARROW_STAGES 4
struct sim_narrow_config {
    enum la_link link;
    struct sim_narrow_stage {
        la_time from;
        uint32_t mtu;
    } stage[SIM_NARROW_STAGES]; /* In the order of time; the first one counts from the beginning. */
    /* Gets an ICMP error about each packet that is too long, for the host that sent it; NULL: a black hole. */
    void (*report)(void *ctx, const uint8_t *data, size_t len);
    void *ctx;
};
struct sim_node *sim_narrow_new(const struct sim_narrow_config *config, const struct sim_ear *ear);

#endif
