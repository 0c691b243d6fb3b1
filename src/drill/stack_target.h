/* A lastack stack as what a script runs against: virtual time, packets in memory, socket calls through la_sys. */
#ifndef DRILL_STACK_TARGET_H
#define DRILL_STACK_TARGET_H

#include <lastack/drill.h>
#include <lastack/stack.h>
#include <lastack/sys.h>

struct drill_sysctls; /* What shim_sysctl.c keeps: names that are known and that no setting stands for. */

/* Bounds of one target's life, hundreds of times what scripts need: deadlines served, and bytes of packets that wait
 * to be asked for. */
#define DRILL_DEADLINES 100000
#define DRILL_KEPT_MAX ((size_t)64 << 20)

/* A packet that the stack has sent and the script has not asked for yet. */
struct drill_sent {
    struct drill_sent *next;
    la_time at; /* Target time. */
    size_t len;
    uint8_t bytes[];
};

struct drill_stack_target {
    struct la_drill_target target; /* First: the two addresses are the same. */
    struct la_allocator alloc;
    struct la_drill_options options;
    const struct la_drill_host *host; /* May be NULL. */
    struct la_stack *stack;
    struct la_sys *sys;
    int iface;
    la_time now; /* The stack's clock: `epoch` more than the target's. */
    la_time epoch;
    struct la_sys_call *pending; /* The call that is under way, or NULL. */
    struct drill_sent *first, **last;
    bool output_blocked; /* `tc … pfifo limit 0`: the device takes nothing. */
    bool out_of_memory;  /* A sent packet could not be kept. */
    size_t kept;         /* Bytes of the packets not asked for yet. */
    unsigned deadlines;  /* How many deadlines of the stack have been served. */
    struct drill_sysctls *sysctls;
};

static inline struct drill_stack_target *drill_stack_of(struct la_drill_target *target) {
    return (struct drill_stack_target *)target;
}

/* Takes what the stack sends at this time. */
void drill_stack_drain(struct drill_stack_target *t);

#endif
