/* Cures on the host's own TCP. Each checks the cookie before it acts and looks afterwards what came of it. */
#ifndef INSPECT_LINUX_CURE_H
#define INSPECT_LINUX_CURE_H

#include "cure.h"

struct cure_options {
    la_time user_timeout;                           /* For CURE_CLOSE (10 s); 0: leave it. */
    la_time wait;                                   /* How long to watch for the effect (2 s). */
    unsigned keep_idle, keep_interval, keep_probes; /* Seconds, seconds, number, for CURE_KEEPALIVE (1, 1, 3). */
};

enum cure_result {
    CURED,          /* The effect is there: the connection is gone or in TIME_WAIT, the program has closed it. */
    CURE_STARTED,   /* Done; the effect takes longer than `wait`, or depends on the peer or the program. */
    CURE_NO_EFFECT, /* Done, and nothing changed. */
    CURE_REFUSED,   /* Not done; `said` tells why and what to do. */
};
const char *cure_result_name(enum cure_result result); /* "cured", "started", "no effect", "refused" */

/* One connection to cure, and what came of it. */
struct cured {
    uint32_t conn; /* Index into the snapshot; the caller's. */
    enum cure_result result;
    struct say said; /* What happened, a line each. The caller frees it. */
};

/* Acts on each, then watches all of them together until everything is decided or options->wait is over. */
void linux_cure(enum cure cure, const struct snap *snap, struct cured *list, size_t n,
                const struct cure_options *options);

#endif
