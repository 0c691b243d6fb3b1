/* A hierarchical timing wheel with exact deadlines.
 *
 * Nodes live in their owners. Arming, disarming and firing cost O(1) amortized at any number of nodes and any distance
 * of deadlines; nothing is allocated. The finest slot is one nanosecond wide, so nothing fires early and nothing later
 * than the first wheel_expire() at or after its deadline. Nodes fire in the order of their deadlines, ties in the order
 * of arming. */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <lastack/types.h>

#include "base/list.h"

#define WHEEL_BITS 6
#define WHEEL_SLOTS (1u << WHEEL_BITS)
#define WHEEL_LEVELS 11 /* 6 * 11 bits: all of la_time. */

struct wheel_node {
    struct list link; /* link.next == NULL: not armed. Must be zeroed before its first use. */
    la_time at;       /* LA_NEVER when not armed (0 before the first time). */
    uint32_t kind;    /* The owner's: tells whose node expired. The wheel does not look at it. */
};

/* Must not move in memory. */
struct wheel {
    la_time now;                 /* Everything at or before it has been given out, unless armed for a past time. */
    uint32_t levels;             /* Bit l: used[l] is not 0. */
    uint64_t used[WHEEL_LEVELS]; /* Bit s: slot s of the level holds nodes. */
    struct list slot[WHEEL_LEVELS * WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, la_time now);
/* Arms, or re-arms, for `at`. A time that has passed fires at the next wheel_expire. LA_NEVER disarms. */
void wheel_arm(struct wheel *wheel, struct wheel_node *node, la_time at);
void wheel_disarm(struct wheel *wheel, struct wheel_node *node);
/* Takes one node that is due at `now` off the wheel, or NULL. Call until NULL; the owner may arm any node between. */
struct wheel_node *wheel_expire(struct wheel *wheel, la_time now);
/* The time of the next wheel_expire that is needed: exact while few nodes share the earliest slot, otherwise a lower
 * bound that is never in the past of the wheel; LA_NEVER when empty. */
la_time wheel_next(const struct wheel *wheel);

#endif
