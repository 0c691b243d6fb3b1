/* A snapshot and its findings as metrics for Prometheus: OpenMetrics 1.0, or the older text format 0.0.4. */
#ifndef INSPECT_METRICS_H
#define INSPECT_METRICS_H

#include "finding.h"

/* How many series there may be of a kind, whatever the host does; what is beyond is counted under "other". */
enum {
    METRICS_PROGRAMS = 200, /* Programs by the name, unit and container that they have. */
    METRICS_NETNS = 100,
    METRICS_ROUTES = 50,
    METRICS_LISTENERS = 200,
    METRICS_PROCESSES = 50, /* What is beyond is left out. */
};

/* What was told before of the listeners that there are, so that no counter goes back when one of several that are
 * counted together ends. At first all zero. */
struct metrics_past {
    unsigned n;
    struct {
        uint64_t key;   /* Of their labels. */
        uint64_t drops; /* Of those that there were. */
        uint64_t ended; /* Drops of those that have ended. */
    } listener[METRICS_LISTENERS];
};

struct metrics {
    const struct filter *filter; /* Only connections that it matches are counted; NULL: all. */
    bool openmetrics;            /* OpenMetrics 1.0; otherwise the text format. */
    la_time took;                /* To take the snapshot and to diagnose it. */
    const char *version;         /* Of this program. */
    struct metrics_past *past;   /* NULL: there was none. */
};

/* Connections marked SNAP_SELF are left out. False: memory was refused, and the text is not whole. */
bool metrics_say(struct snap *snap, const struct findings *findings, const struct metrics *how, struct say *out);

#endif
