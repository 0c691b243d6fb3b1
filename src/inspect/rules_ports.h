/* Which ports are taken, by (source, destination, destination port): for the rules about ports and for the metrics. */
#ifndef INSPECT_RULES_PORTS_H
#define INSPECT_RULES_PORTS_H

#include "rules.h"

/* Connections from one address to one address and port. */
struct route {
    uint32_t first;         /* One of them. */
    uint32_t live;          /* Not in TIME_WAIT. */
    uint32_t waiting;       /* In TIME_WAIT. */
    uint32_t reusable;      /* Of those, ports that connect() may take all the same. */
    uint32_t begun, ending; /* Of those, in it since RATE_OVER at most, and for RATE_OVER at most. */
    la_time lasts;          /* How long TIME_WAIT lasts. */
    uint32_t holder, votes; /* The process that most of the live ones belong to: the majority's vote. */
    uint32_t holders_conn;  /* One of its connections. */
    bool selected;          /* The filter wants one of them. */
    uint32_t finding;       /* For the rules; SNAP_NONE: it has none. */
};

struct routes {
    struct map map;
    struct route *list;
    uint32_t n, room;
    uint32_t low, high; /* The ports there are. */
    bool failed;        /* Memory was refused: there are more. */
};

/* Counts the connections of a namespace; of `ask` it reads snap, filter and chains. False: the range of ports is not
 * known, and there is nothing to free. */
bool rules_ports_count(const struct ask *ask, struct routes *routes, uint32_t netns);
void rules_ports_free(struct routes *routes);

/* How many ports there are for a route, and how many of them connect() cannot take. */
uint32_t rules_ports_size(const struct routes *routes);
uint32_t rules_ports_taken(const struct route *route);

#endif
