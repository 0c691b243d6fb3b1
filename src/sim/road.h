/* One direction of a road in virtual time: a bottleneck with a drop-tail queue, behind it a link that loses packets
 * (each for itself, or in bursts), a delay, and packets that others overtake. A packet's fate is known when it sets
 * out, and the sender is told: that is how a measurement knows what was truly lost.
 *
 * Chains of nodes (node.h) are for scenarios with everything in them; a road is one structure made to carry millions of
 * packets a second. */
#ifndef SIM_ROAD_H
#define SIM_ROAD_H

#include <lastack/stack.h>
#include <lastack/types.h>

struct sim_road_config {
    uint64_t rate;        /* Bits per second; 0: without bound, and nothing waits. */
    uint64_t queue;       /* Bytes that may wait for the bottleneck, with those that are passing it. */
    la_time delay;        /* From the bottleneck to the end. */
    uint32_t loss_ppm;    /* Share of packets that the link loses, below a million. */
    uint32_t burst;       /* Mean length of a burst of losses, in packets (Gilbert); 0 or 1: each for itself. */
    la_time forget;       /* After a pause of this length the link knows nothing of a burst; 0: it always does. */
    uint32_t reorder_ppm; /* Share of packets that are held back … */
    la_time reorder_most; /* … by 1 ns to this. */
    size_t packet_max;    /* Bytes of the longest packet. */
    uint64_t seed;
};

enum sim_fate {
    SIM_CARRIED,
    SIM_LOST, /* By the link. */
    SIM_FULL, /* By the queue: there was no room. */
};

struct sim_road *sim_road_new(const struct sim_road_config *config);
void sim_road_free(struct sim_road *road);

/* A packet sets out. Its bytes are copied. */
enum sim_fate sim_road_send(struct sim_road *road, const struct la_packet *packet, la_time now);
/* When the next packet arrives; LA_NEVER: none is on its way. */
la_time sim_road_due(const struct sim_road *road);
/* The next packet that has arrived by `now`; NULL: none. Its bytes stay valid until the next sim_road_send. Of packets
 * that arrive together, the one that set out first comes first. */
const uint8_t *sim_road_take(struct sim_road *road, la_time now, size_t *len);

#endif
