/* What snapshots and events tell over time: since when exactly, what was before, how fast it grows.
 *
 * Each poll gives a snapshot to track_poll, which writes what it knows back into it: ages become tighter (first seen in
 * this state; not yet in it at the poll before), histories appear, and a TIME_WAIT gets the process that owned it.
 * Events (linux_events.h) are given as they come. */
#ifndef INSPECT_TRACK_H
#define INSPECT_TRACK_H

#include "snap.h"

struct track;
struct event;

/* How many connections are remembered at most. NULL: no memory. */
struct track *track_new(uint32_t max_conns);
void track_free(struct track *track);

/* An event, in the order of time. */
void track_event(struct track *track, const struct event *event);
/* A snapshot of the same host or stack, taken later than the one before. */
void track_poll(struct track *track, struct snap *snap);

/* How many connections a program has in a state (with one peer address), and how that changes: connections per second
 * over the last minute of polls, by least squares. */
struct track_row {
    const char *program; /* "-": nobody's. */
    const char *peer;    /* Text of the address; "*": all of them. */
    uint8_t state;
    uint32_t count;
    double slope;   /* Per second; 0 before the third poll. */
    la_time oldest; /* At least. */
};
/* The rows of the last poll, the largest first; good until the next poll. */
const struct track_row *track_rows(const struct track *track, bool by_peer, uint32_t *n);

/* The stack (event.stack) of the call that opened this connection; 0: unknown. */
uint32_t track_stack(const struct track *track, uint64_t cookie);
/* The connection of an event's socket in the last poll: an index into its conns; SNAP_NONE: not known. */
uint32_t track_conn(const struct track *track, uint64_t sock);
/* A stack of a connection that has gone, for events_forget; 0: there is none. Each is given once. */
uint32_t track_gone(struct track *track);

#endif
