#define _GNU_SOURCE
/* What a process of the host supplies to a stack: memory, time, a secret seed, and sleep. */
#include <lastack/dev.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static void *host_alloc(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}

static void host_free(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    (void)size;
    free(ptr);
}

struct la_allocator la_host_allocator(void) {
    return (struct la_allocator){host_alloc, host_free, NULL};
}

static la_time clock_read(clockid_t clock) {
    struct timespec t = {0, 0};
    clock_gettime(clock, &t);
    return (la_time)t.tv_sec * LA_SECOND + (la_time)t.tv_nsec;
}

la_time la_host_now(void) { return clock_read(CLOCK_MONOTONIC); }

la_time la_host_epoch(void) { return clock_read(CLOCK_REALTIME) - clock_read(CLOCK_MONOTONIC); }

int la_host_seed(uint8_t seed[32]) {
    size_t have = 0;
    while (have < 32) {
        ssize_t got = getrandom(seed + have, 32 - have, 0);
        if (got > 0)
            have += (size_t)got;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static la_time earliest(la_time a, la_time b) { return a < b ? a : b; }

void la_dev_wait(struct la_stack *stack, struct la_device *device, int moved, la_time timeout, la_time *now) {
    la_time here = la_host_now();
    la_time until = timeout < LA_NEVER - here ? here + timeout : LA_NEVER;
    until = earliest(until, earliest(la_poll_at(stack), la_dev_poll_at(device)));

    bool full = moved > 0 && (moved & LA_PUMP_FULL), again = moved > 0 && (moved & LA_PUMP_AGAIN);
    if (again || (!full && la_output_pending(stack, -1))) until = here; /* What the program has just done goes first. */
    la_time left = until > here ? until - here : 0;
    struct timespec span = {(time_t)(left / LA_SECOND), (long)(left % LA_SECOND)};
    struct pollfd wait = {la_dev_fd(device), POLLIN, 0};
    if (full) wait.events |= POLLOUT;
    ppoll(&wait, wait.fd >= 0, until == LA_NEVER ? NULL : &span,
          NULL); /* EINTR ends the sleep: the loop looks again. */
    *now = la_host_now();
}
