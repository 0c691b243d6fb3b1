/* System calls on a thread of their own, so that one that blocks does not hold up the script. */
#ifndef TOOL_DRILL_KERNEL_CALL_H
#define TOOL_DRILL_KERNEL_CALL_H

#include <lastack/sys.h>

struct kernel_caller;

/* The thread lives in the namespace of the thread that makes it. Times count from `start` of la_host_now(). NULL with
 * errno. */
struct kernel_caller *kernel_caller_open(la_time start);

/* As la_drill_target.call and .wait; `until` is of la_host_now(). */
bool kernel_caller_begin(struct kernel_caller *caller, struct la_sys_call *call);
bool kernel_caller_wait(struct kernel_caller *caller, la_time until);

/* Gets the thread out of a call that still blocks, and closes the script's descriptors. NULL is allowed. */
void kernel_caller_close(struct kernel_caller *caller);

/* A priority above ordinary programs' for the calling thread, as far as the kernel allows; what it starts has it not.
 * `before` is for kernel_priority_restore. */
struct kernel_priority {
    int policy, priority;
};
void kernel_priority_raise(struct kernel_priority *before);
void kernel_priority_restore(const struct kernel_priority *before);

#endif
