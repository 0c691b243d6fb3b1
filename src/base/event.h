/* Events on their way to la_next_event: one node per socket, edges merged, first in first out, nothing allocated. */
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

#include <lastack/stack.h>

#include "base/list.h"

struct event_node {
    struct list link; /* Zeroed before its first use. */
    la_sock sock;
    uint64_t owner;
    uint32_t bits; /* enum la_event_bits */
};

static inline void event_post(struct list *events, struct event_node *node, uint32_t bits) {
    node->bits |= bits;
    if (!list_linked(&node->link)) list_append(events, &node->link);
}
static inline void event_cancel(struct event_node *node) {
    if (list_linked(&node->link)) list_remove(&node->link);
    node->bits = 0;
}

#endif
