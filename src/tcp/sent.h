/* What is in flight: one record for every segment that was sent and is not yet acknowledged, in the order of the
 * sequence space, and beside that in the order of the latest transmission (RFC 8985, 5.3).
 *
 * A double-ended queue: segments enter at its end, acknowledged ones leave at its front, and a position is found by
 * bisection. Records say what happened to a segment; how many of each kind there are counts score.c. */
#ifndef TCP_SENT_H
#define TCP_SENT_H

#include <lastack/types.h>

#include "base/env.h"
#include "base/seq.h"

enum sent_marks {
    SENT_SACKED = 1,       /* The peer has it (RFC 2018). */
    SENT_LOST = 2,         /* It has left the network unseen. */
    SENT_AGAIN = 4,        /* Sent again, and that repetition is in flight. */
    SENT_EVER = 8,         /* Sent again at some time: an ACK of it is ambiguous (Karn). */
    SENT_LINKED = 16,      /* In the order of time. */
    SENT_APP_LIMITED = 32, /* Nothing waited behind it when it was sent. */
    SENT_COUNTED = 64,     /* Its delivery has been counted in the rate. */
};

#define SENT_NONE UINT32_MAX

struct sent {
    seq from, to;          /* SYN and FIN count one. */
    uint32_t older, newer; /* Places of its neighbours in time. */
    la_time at;            /* Of the latest transmission. */
    /* Of the connection, when it was sent (delivery rate estimation). */
    la_time delivered_at, first_at;
    uint32_t delivered, in_flight, lost; /* segments */
    uint8_t marks;                       /* enum sent_marks */
};

struct sent_queue {
    struct sent *at;
    uint32_t cap; /* A power of two, or 0. */
    uint32_t first, count;
    uint32_t oldest, newest; /* Places, in the order of time. */
    uint32_t usual;          /* Room to begin with: half of what the latest use needed; 0: there was none. */
};

void sent_init(struct sent_queue *q);
void sent_free(struct sent_queue *q, struct env *env);
/* The i-th from the front. */
static inline struct sent *sent_at(const struct sent_queue *q, uint32_t i) {
    return &q->at[(q->first + i) & (q->cap - 1)];
}
/* The other way round: which one from the front it is. */
static inline uint32_t sent_index(const struct sent_queue *q, const struct sent *s) {
    return ((uint32_t)(s - q->at) - q->first) & (q->cap - 1);
}
/* Lost, and not on its way again. */
static inline bool sent_waits(const struct sent *s) { return (s->marks & (SENT_LOST | SENT_AGAIN)) == SENT_LOST; }
static inline struct sent *sent_last(const struct sent_queue *q) { return q->count ? sent_at(q, q->count - 1) : NULL; }
/* Room for `n` more. False: no memory; nothing has changed. */
bool sent_room(struct sent_queue *q, struct env *env, uint32_t n);
/* A zeroed record at the end; sent_room has made room. */
struct sent *sent_push(struct sent_queue *q);
/* The front leaves; with the last one the memory goes, too. */
void sent_pop(struct sent_queue *q, struct env *env);
/* How many lie wholly before x: the position of the first with to > x. */
uint32_t sent_find(const struct sent_queue *q, seq x);
/* Record i ends at `at`, and a copy of it follows with the rest. False: no memory. */
bool sent_split(struct sent_queue *q, struct env *env, uint32_t i, seq at);
/* The newest in time. */
void sent_link(struct sent_queue *q, struct sent *s);
void sent_unlink(struct sent_queue *q, struct sent *s);
static inline struct sent *sent_oldest(const struct sent_queue *q) {
    return q->oldest == SENT_NONE ? NULL : &q->at[q->oldest];
}
static inline struct sent *sent_newer(const struct sent_queue *q, const struct sent *s) {
    return s->newer == SENT_NONE ? NULL : &q->at[s->newer];
}

#endif
