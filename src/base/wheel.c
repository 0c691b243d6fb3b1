/* Theory of operation.
 *
 * Level l has 64 slots, each 64^l ns wide. A node lies on the level of the highest base-64 digit in which its deadline
 * differs from the wheel's `now`, in the slot of that digit. From this follows
 *   - on one level, earlier slots hold earlier deadlines, and every deadline on a level is before all those on higher
 *     levels: the earliest slot is found with two bit scans, however many are empty;
 *   - moving `now` up to any time before the earliest slot's beginning leaves every node where it belongs;
 *   - moving it to the beginning of the earliest slot concerns that slot alone: its nodes *spill* to lower levels.
 * A node spills at most once per level, and a slot on level 0 holds one deadline only. Lists are first in first out and
 * spilling keeps their order, so ties fire in the order of arming.
 *
 * A node armed for the past lies in the slot of `now`; its `at` stays what was asked for. */
#include "base/wheel.h"

#include "base/mem.h"

/* How many nodes of a slot wheel_next looks at before it is content with the slot's beginning. */
#define LOOK 8

void wheel_init(struct wheel *wheel, la_time now) {
    memset(wheel, 0, sizeof *wheel);
    wheel->now = now;
    for (size_t i = 0; i < COUNT_OF(wheel->slot); i++) list_init(&wheel->slot[i]);
}

static void place(struct wheel *wheel, struct wheel_node *node) {
    la_time at = node->at < wheel->now ? wheel->now : node->at;
    uint64_t differ = at ^ wheel->now;
    unsigned level = differ ? (63u - (unsigned)__builtin_clzll(differ)) / WHEEL_BITS : 0;
    unsigned s = (unsigned)(at >> (level * WHEEL_BITS)) % WHEEL_SLOTS;
    list_append(&wheel->slot[level * WHEEL_SLOTS + s], &node->link);
    wheel->used[level] |= UINT64_C(1) << s;
    wheel->levels |= 1u << level;
}

static void clear_used(struct wheel *wheel, unsigned index) {
    unsigned level = index / WHEEL_SLOTS;
    wheel->used[level] &= ~(UINT64_C(1) << index % WHEEL_SLOTS);
    if (wheel->used[level] == 0) wheel->levels &= ~(1u << level);
}

static void take(struct wheel *wheel, struct wheel_node *node) {
    /* The last node of a slot has the slot's head on both sides. */
    if (node->link.next == node->link.prev) clear_used(wheel, (unsigned)(node->link.next - wheel->slot));
    list_remove(&node->link);
}

void wheel_arm(struct wheel *wheel, struct wheel_node *node, la_time at) {
    if (list_linked(&node->link)) take(wheel, node);
    node->at = at;
    if (at != LA_NEVER) place(wheel, node);
}

void wheel_disarm(struct wheel *wheel, struct wheel_node *node) { wheel_arm(wheel, node, LA_NEVER); }

/* The earliest slot of a wheel that is not empty, and the first time it stands for. */
static unsigned earliest(const struct wheel *wheel, la_time *start) {
    unsigned level = (unsigned)__builtin_ctz(wheel->levels);
    unsigned s = (unsigned)__builtin_ctzll(wheel->used[level]);
    unsigned shift = level * WHEEL_BITS;
    la_time above = shift + WHEEL_BITS < 64 ? wheel->now >> (shift + WHEEL_BITS) << (shift + WHEEL_BITS) : 0;
    *start = above | (la_time)s << shift;
    return level * WHEEL_SLOTS + s;
}

/* Moves `now` to the beginning of the earliest slot and its nodes to where they belong then. */
static void spill(struct wheel *wheel, unsigned index, la_time start) {
    struct list *head = &wheel->slot[index], *link = head->next;
    clear_used(wheel, index);
    list_init(head);
    wheel->now = start;
    while (link != head) {
        struct list *next = link->next;
        place(wheel, CONTAINER(link, struct wheel_node, link));
        link = next;
    }
}

struct wheel_node *wheel_expire(struct wheel *wheel, la_time now) {
    if (now < wheel->now) now = wheel->now;
    while (wheel->levels) {
        la_time start;
        unsigned index = earliest(wheel, &start);
        if (start > now) break;
        struct list *head = &wheel->slot[index];
        struct wheel_node *node = CONTAINER(head->next, struct wheel_node, link);
        bool alone = head->next == head->prev;
        /* A single node of a coarse slot need not spill to be known as the earliest. */
        if (index < WHEEL_SLOTS || (alone && node->at <= now)) {
            take(wheel, node);
            node->at = LA_NEVER;
            return node;
        }
        /* Not due yet, it goes straight to its place as seen from the present. */
        spill(wheel, index, alone ? now : start);
    }
    wheel->now = now;
    return NULL;
}

la_time wheel_next(const struct wheel *wheel) {
    if (!wheel->levels) return LA_NEVER;
    la_time start, first = LA_NEVER;
    unsigned index = earliest(wheel, &start);
    if (index < WHEEL_SLOTS) return start;
    const struct list *head = &wheel->slot[index], *link = head->next;
    for (unsigned i = 0; i < LOOK && link != head; i++, link = link->next) {
        la_time at = ((const struct wheel_node *)(const void *)link)->at;
        if (at < first) first = at;
    }
    return link == head ? first : start;
}
