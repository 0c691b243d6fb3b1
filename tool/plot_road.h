/* A road with scripted faults: a node of the simulator's network that knows which data a packet carries. */
#ifndef TOOL_PLOT_ROAD_H
#define TOOL_PLOT_ROAD_H

#include "sim/node.h"

enum road_fault_kind {
    ROAD_LOSE,
    ROAD_OVERTAKE, /* `count` later packets overtake this one; it waits ROAD_PATIENCE at most. */
    ROAD_FREEZE,   /* Nothing passes for `by`: this packet and those behind it wait in line. */
};

/* What happens to segments first to last, counted from 1, at their nth time on the road: the script goes by the data,
 * not by the packet, so that it means the same whatever the sender does in between. */
struct road_fault {
    enum road_fault_kind kind;
    unsigned first, last; /* 0: no fault. */
    unsigned nth;
    la_time by;
    unsigned count;
};

#define ROAD_FAULTS 4
#define ROAD_PATIENCE (100 * LA_MS)
#define ROAD_SEGMENTS 512 /* Those beyond meet no faults. */

/* The node. `faults` has ROAD_FAULTS elements and outlives it; `ear` hears "lost" and "delayed". */
struct sim_node *plot_road_new(const struct road_fault *faults, const struct sim_ear *ear);

#endif
