/* Whose calls ended connections with a reset, since the watch began: from events, held against the kernel's counters.
 */
#ifndef INSPECT_TRACK_RESETS_H
#define INSPECT_TRACK_RESETS_H

#include "linux_events.h"
#include "snap.h"

#define TRACK_RESETS 64 /* Programs that are remembered. */

struct track_reset {
    int32_t pid;
    uint32_t count;
    la_time last;            /* When its last one was. */
    struct la_endpoint peer; /* Of that one. */
};

struct track_resets {
    struct track_reset list[TRACK_RESETS]; /* The one whose last is longest ago makes room. */
    unsigned n;
    uint64_t total;    /* Of all in the list. */
    uint64_t began_at; /* What the counters of resets said at the first poll that knew them, plus 1; 0: none has. */
};

void track_resets_event(struct track_resets *resets, const struct event *event);
/* Gives the snapshot what is known (snap.resets). */
void track_resets_poll(struct track_resets *resets, struct snap *snap);

#endif
