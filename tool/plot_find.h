/* The TCP connections in a capture file. */
#ifndef TOOL_PLOT_FIND_H
#define TOOL_PLOT_FIND_H

#include "plot.h"

struct plot_flow {
    struct la_endpoint end[2]; /* [0] sent the first segment. */
    la_time first, last;
    uint64_t segments, bytes[2]; /* Payload sent by each end, what was sent twice included. */
    bool syn;
    uint32_t syn_seq; /* Another one begins another connection between the same ends. */
};

struct plot_flows {
    struct plot_flow *flow; /* In the order of their first segments. */
    size_t n, room;
    uint32_t *slot; /* A hash table: number of a flow plus 1. */
    size_t slots;
};

/* Reads a capture: all its connections, and into `plot` (may be NULL) the segments of number `wanted`, counted from 0.
 * False with a sentence in `why` when it cannot be read; a capture that breaks off gives what is there, and the
 * sentence. */
bool plot_flows_read(const char *path, struct plot_flows *flows, size_t wanted, struct plot *plot, char *why,
                     size_t size);
/* The connection that carried the most data; flows->n when there is none with data. */
size_t plot_flows_largest(const struct plot_flows *flows);
void plot_flows_free(struct plot_flows *flows);

#endif
