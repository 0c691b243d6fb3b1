/* The kernel target: its clock, and the four parts put together.
 *
 *     drill_kernel_net    packets, by a TUN device in a namespace that is made for this script
 *     drill_kernel_call   system calls, on a thread of their own
 *     drill_kernel_shell  commands
 *     drill_kernel_info   what the kernel says about the connection
 *
 * Time is CLOCK_MONOTONIC since the opening. Scripts count in milliseconds, the kernel in ticks of some: a script that
 * begins in the middle of a tick sees the same numbers every time, one that begins at its edge does not. So the clock
 * starts just behind a tick, and is brought there again after the commands that stand before a script's first event.
 * For the same end the thread has a priority above ordinary programs', its memory stays in place, and it does not
 * sleep through the last microseconds of a wait. */
#define _GNU_SOURCE
#include "drill_kernel.h"

#include "drill_kernel_call.h"
#include "drill_kernel_info.h"
#include "drill_kernel_net.h"
#include "drill_kernel_shell.h"

#include <errno.h>
#include <lastack/dev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

struct kernel_target {
    struct la_drill_target target; /* First: the two addresses are the same. */
    struct kernel_net net;
    struct kernel_caller *caller;
    struct kernel_priority before;
    la_time start;
    bool begun; /* The script's first event is over. */
};

static struct kernel_target *kernel_of(struct la_drill_target *target) { return (struct kernel_target *)target; }

/* --- Time --- */

static la_time coarse_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (la_time)time.tv_sec * LA_SECOND + (la_time)time.tv_nsec;
}

/* Returns a little behind the edge of a tick. The coarse clock moves with the ticks; the first edge that is seen may be
 * late, because the processor was idle. */
static void align(void) {
    enum { EDGES = 2 };
    la_time edge = la_host_now(), give_up = edge + 100 * LA_MS, coarse = coarse_now();
    for (int seen = 0; seen < EDGES && edge < give_up; edge = la_host_now()) {
        la_time next = coarse_now();
        seen += next != coarse;
        coarse = next;
    }
    while (la_host_now() < edge + 250 * LA_US) {
    }
}

static la_time host_time(const struct kernel_target *t, la_time at) {
    return at > LA_NEVER - t->start ? LA_NEVER : t->start + at;
}

static la_time kernel_now(struct la_drill_target *target) { return la_host_now() - kernel_of(target)->start; }

static void kernel_sleep(struct la_drill_target *target, la_time until) {
    struct kernel_target *t = kernel_of(target);
    la_time end = host_time(t, until), early = end - 50 * LA_US;
    t->begun = true;
    kernel_net_drain(&t->net);
    if (la_host_now() < early) {
        struct timespec wake = {(time_t)(early / LA_SECOND), (long)(early % LA_SECOND)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL) == EINTR) {
        }
    }
    kernel_net_drain(&t->net);
    while (la_host_now() < end) {
    }
}

/* --- Packets, calls, commands --- */

static int kernel_input(struct la_drill_target *target, const void *packet, size_t len, uint32_t gso) {
    struct kernel_target *t = kernel_of(target);
    t->begun = true;
    return kernel_net_input(&t->net, packet, len, gso);
}

static int64_t kernel_output(struct la_drill_target *target, void *packet, size_t size, la_time *at, la_time until) {
    struct kernel_target *t = kernel_of(target);
    la_time stamp = 0;
    int64_t n = kernel_net_output(&t->net, packet, size, &stamp, host_time(t, until));
    *at = stamp > t->start ? stamp - t->start : 0;
    return n;
}

static bool kernel_call(struct la_drill_target *target, struct la_sys_call *call) {
    struct kernel_target *t = kernel_of(target);
    t->begun = true;
    kernel_net_drain(&t->net);
    return kernel_caller_begin(t->caller, call);
}

static bool kernel_wait(struct la_drill_target *target, struct la_sys_call *call, la_time until) {
    struct kernel_target *t = kernel_of(target);
    (void)call; /* There is only one. */
    return kernel_caller_wait(t->caller, host_time(t, until));
}

static int kernel_command(struct la_drill_target *target, const char *command, char *output, size_t size) {
    struct kernel_target *t = kernel_of(target);
    int rc = kernel_shell(command, output, size);
    if (!t->begun) align();
    return rc;
}

static int state_between(struct la_drill_target *target, const struct la_endpoint *local,
                         const struct la_endpoint *remote) {
    (void)target;
    return kernel_state(local, remote);
}

static void explain(struct la_drill_target *target, const struct la_endpoint *local, const struct la_endpoint *remote,
                    char *text, size_t size) {
    (void)target;
    kernel_explain(local, remote, text, size);
}

/* --- Opening and closing --- */

static void kernel_abandon(struct la_drill_target *target, struct la_sys_call *call) {
    struct kernel_target *t = kernel_of(target);
    (void)call;
    kernel_caller_close(t->caller);
    t->caller = NULL;
}

static void kernel_close(struct la_drill_target *target) {
    struct kernel_target *t = kernel_of(target);
    kernel_caller_close(t->caller);
    kernel_net_close(&t->net);
    kernel_priority_restore(&t->before);
    munlockall();
    free(t);
}

int drill_kernel_open(const struct la_drill_options *options, struct la_drill_target **target, char *error,
                      size_t size) {
    struct kernel_target *t = calloc(1, sizeof *t);
    if (!t) {
        snprintf(error, size, "out of memory");
        return -ENOMEM;
    }
    t->target = (struct la_drill_target){
        .name = "kernel",
        .kernel = true,
        .patience = 60 * LA_SECOND,
        .now = kernel_now,
        .sleep = kernel_sleep,
        .input = kernel_input,
        .output = kernel_output,
        .call = kernel_call,
        .wait = kernel_wait,
        .abandon = kernel_abandon,
        .command = kernel_command,
        .state = state_between,
        .explain = explain,
        .close = kernel_close,
    };
    t->before.policy = -1; /* Nothing to restore yet. */
    if (!kernel_net_open(&t->net, options, error, size)) {
        kernel_close(&t->target);
        return -EPERM;
    }
    kernel_priority_raise(&t->before);
    prctl(PR_SET_TIMERSLACK, 1UL);
    (void)mlockall(MCL_CURRENT);
    align();
    t->start = la_host_now();
    t->caller = kernel_caller_open(t->start);
    if (!t->caller) {
        snprintf(error, size, "cannot start a thread: %s", strerror(errno));
        kernel_close(&t->target);
        return -EAGAIN;
    }
    *target = &t->target;
    return 0;
}
