/* An ideal path for tests of congestion control: flows with endless data, one bottleneck with one queue, ACKs that are
 * never lost, losses that the next ACK reveals. Virtual time; no packets. */
#ifndef SUPPORT_CC_PATH_H
#define SUPPORT_CC_PATH_H

#include "unit.h"

#include "tcp/cc.h"

#define CC_PATH_FLOWS 2u
#define CC_PATH_RING 65536u

struct cc_path_segment {
    la_time sent_at, ack_at; /* ack_at: LA_NEVER when lost. */
    la_time first_at, delivered_at;
    uint32_t delivered, in_flight, lost;
    bool marked, app_limited;
};

struct cc_path_flow {
    struct cc cc;
    struct cc_now now;
    _Alignas(16) unsigned char state[512];
    struct cc_path_segment *ring;
    uint32_t head, tail; /* Segments [head, tail) are in flight or lost. */
    uint32_t recovery_end;
    la_time first_at, delivered_at, pace_at;
    la_time starts_at;
    uint64_t app_rate; /* bytes/s that the application has to send; 0: endless. */
    uint32_t limited_until;
    uint32_t phases_seen; /* Bits: enum cc_phase. */
};

struct cc_path {
    uint64_t rate;  /* bytes/s */
    la_time rtt;    /* Without the queue. */
    uint32_t limit; /* Of the queue, segments. */
    uint32_t mark;  /* Longer queues mark; 0: never. */
    uint32_t loss_ppm;
    la_time at, busy_until;
    uint32_t queue_max; /* Longest since it was last set to 0, segments. */
    struct random random;
    unsigned count;
    struct cc_path_flow flow[CC_PATH_FLOWS];
    void (*look)(struct cc_path *path, struct cc_path_flow *flow, void *arg); /* After every ACK; may be NULL. */
    void *arg;
};

/* `rate` in bytes/s; the queue holds `bdps_percent` of what the path holds. */
void cc_path_begin(struct cc_path *path, const struct cc_ops *ops, unsigned flows, uint64_t rate, uint32_t rtt_us,
                   uint32_t bdps_percent);
void cc_path_run(struct cc_path *path, la_time until);
void cc_path_end(struct cc_path *path);
/* Segments that the path holds without a queue. */
uint32_t cc_path_bdp(const struct cc_path *path);

#endif
