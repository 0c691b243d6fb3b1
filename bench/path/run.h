/* One run: a road, its ends, and packets carried in real time. */
#ifndef PATH_RUN_H
#define PATH_RUN_H

#include "end.h"
#include "road.h"

enum { RUN_ENDS = END_HOST_MOST };

struct run_plan {
    struct road_kind road;
    struct end_task task[RUN_ENDS]; /* The first is behind the road, the others before it. */
    unsigned ends;
    la_time most; /* The run ends when a receiver has all, and after this time. */
};

struct run_result {
    uint64_t bytes[END_HOST_MOST + 1]; /* That came and were right, by sender. */
    double seconds;                    /* From the word to connect until the last byte was read. */
    bool has_all;
    uint64_t packets, lost, dropped, late; /* Of both lanes. */
    uint64_t lagged;                       /* Packets that this process carried too late: the machine is too busy. */
    uint64_t resent;                       /* By the first sender. */
    char why[END_WHY];                     /* Empty: nothing failed. */
};

void run(const struct run_plan *plan, struct run_result *result);

#endif
