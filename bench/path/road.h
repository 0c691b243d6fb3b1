/* An emulated road of two lanes: a bottleneck with a bounded queue, a delay, and packets that get lost or late. Time is
 * an argument; what happens to a packet depends on the seed, the lane and the packet's number there, and on nothing
 * else. So every pairing of stacks meets the same decisions. */
#ifndef PATH_ROAD_H
#define PATH_ROAD_H

#include <lastack/types.h>

/* What a road is like, the same in both lanes. */
struct road_kind {
    uint64_t rate;        /* Bytes per second; 0: no limit. */
    uint64_t queue;       /* Bytes that may wait for the bottleneck; what does not fit is dropped. */
    la_time delay;        /* One way. */
    uint32_t loss_ppm;    /* Packets lost at random, in millionths. */
    bool bursts;          /* ROAD_BURST_LEAST to ROAD_BURST_MOST in a row, once in ROAD_BURST_EVERY packets. */
    uint32_t reorder_ppm; /* Packets that come late, by a sixteenth to a quarter of the round trip. */
    uint64_t seed;
};

enum { ROAD_BURST_EVERY = 1000, ROAD_BURST_LEAST = 8, ROAD_BURST_MOST = 24 };

/* The first packets of a lane pass: a lost SYN costs a second and says nothing about recovery. */
enum { ROAD_SPARED = 8 };

enum { ROAD_PACKET_MOST = 1500, ROAD_LANES = 2 };

/* Packets that wait in a lane at the same time: the most that a road holds in memory. */
enum { ROAD_WAITING_MOST = 65536 };

enum road_fate { ROAD_PASS, ROAD_LOSE, ROAD_LATE };

/* What happens to the packet of this number (from 0) in this lane. */
enum road_fate road_fate(const struct road_kind *kind, unsigned lane, uint64_t number);

struct road_packet {
    struct road_packet *before, *after;
    la_time due;
    size_t len;
    uint8_t bytes[ROAD_PACKET_MOST];
};

struct road_lane {
    struct road_packet *first, *last; /* By `due`; among equals the first that came. */
    uint64_t waiting;
    uint64_t number;  /* Packets that came. */
    la_time free_at;  /* When the bottleneck has sent all that waits for it. */
    uint64_t lost;    /* By chance … */
    uint64_t dropped; /* … and because the queue was full. */
    uint64_t late;
};

struct road {
    struct road_kind kind;
    struct road_lane lane[ROAD_LANES];
};

/* `road` is zero at the start. */
void road_open(struct road *road, const struct road_kind *kind);
void road_close(struct road *road);

/* A packet enters a lane: lost, dropped, or on its way. */
void road_put(struct road *road, unsigned lane, const void *bytes, size_t len, la_time now);

/* Takes the next packet that has arrived; NULL: none has. The caller gives it back with road_free. */
struct road_packet *road_take(struct road *road, unsigned lane, la_time now);
void road_free(struct road_packet *packet);

/* When the next packet of any lane arrives; LA_NEVER. */
la_time road_due(const struct road *road);

#endif
