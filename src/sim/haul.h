/* A haul: one transfer between two stacks over a road, in virtual time, and what it cost. The sender's program writes
 * as fast as it can, the receiver's reads at once and compares every byte with what belongs there. */
#ifndef SIM_HAUL_H
#define SIM_HAUL_H

#include <lastack/types.h>

#include "road.h"

enum {
    SIM_HAUL_MTU = 1500,
    SIM_HAUL_PAYLOAD = 1448, /* Of a full packet, with timestamps. */
    SIM_STALL_RTOS = 3,      /* A longer stall has a cause. */
};

struct sim_haul_setting {
    const char *name;
    int64_t value;
};

struct sim_haul_config {
    struct sim_road_config there; /* The way of the data; its seed and packet_max are filled in. */
    la_time back_delay;           /* The way of the ACKs: only long. */
    uint32_t bytes;
    uint64_t seed;
    la_time resolution; /* Of the stacks' clock: they get the time rounded down, and their timers late. 0: exact. */
    const struct sim_haul_setting *settings; /* For both stacks. */
    unsigned nsettings;
    /* Sees every packet that a stack sends, before the road has touched it; NULL: nobody. `from` is 0 (sender) or 1. */
    void (*packet)(void *ctx, la_time at, unsigned from, const struct la_packet *packet);
    void *ctx;
};

/* A time in which the receiver's RCV.NXT stood still although data waited. */
struct sim_stall {
    la_time began, lasted;
    la_time rto;         /* The timeout with which the sender's timer ran when it began to wait. */
    uint32_t rto_tenths; /* How long, in tenths of that. */
    unsigned drops;      /* How often the byte that was waited for was dropped, by the road or the receiver. */
};

struct sim_haul_result {
    bool ok;
    char why[160];                  /* When not. */
    la_time took;                   /* From connect() to the last byte read. */
    uint64_t packets;               /* Both ways. */
    uint64_t sent, again, spurious; /* Segments with data: all, sent again, sent again in vain. */
    uint64_t lost, full;            /* Packets that the link, the queue dropped. */
    uint64_t refused;               /* Segments that the receiver dropped although they were missing. */
    uint64_t timeouts;
    struct sim_stall stall;       /* The longest, in timeouts. */
    struct sim_stall unexplained; /* The longest one of more than SIM_STALL_RTOS that the drops do not explain. */
};

/* Runs one transfer from beginning to end. A stall without explanation does not make it fail. */
void sim_haul(const struct sim_haul_config *config, struct sim_haul_result *result);

/* How many tenths of the timeout a stall may last when the byte was dropped so often. The timeout doubles each time, so
 * n drops take 2^n - 1 of them; and two round trips go by, none longer than a timeout: the way there and back, and the
 * one in which duplicate ACKs tell of the first drop. */
uint32_t sim_stall_tenths_allowed(unsigned drops);

#endif
