/* A ring that the kernel writes samples of tracepoints of one processor into (perf_event_open). */
#ifndef INSPECT_LINUX_PERF_H
#define INSPECT_LINUX_PERF_H

#include <lastack/types.h>

#define PERF_RING_TRACEPOINTS 4
/* No record is larger. */
#define PERF_SCRATCH 65536

/* A tracepoint, and which of its hits are wanted ("protocol == 6"; NULL: all). */
struct perf_want {
    uint32_t tracepoint;
    const char *filter;
};

/* What comes with each sample beside time and thread. */
struct perf_extra {
    uint64_t regs;  /* Mask of the user's registers; 0: none. */
    uint32_t stack; /* Bytes of the user's stack; 0: none. */
};

struct perf_ring {
    void *page; /* The control page, then the data. NULL: not open. */
    const uint8_t *data;
    size_t size;         /* Of the data: a power of two. */
    uint64_t tail, head; /* Read up to; written up to when last looked. */
    unsigned nfds;
    int fds[PERF_RING_TRACEPOINTS];
    struct perf_extra extra;
};

/* One record. What it points to is good until perf_ring_drop, or the next use of the scratch. */
struct perf_record {
    la_time at; /* CLOCK_MONOTONIC */
    int32_t pid, tid;
    uint64_t lost;      /* Not 0: no sample, but this many samples are missing here. */
    const uint8_t *raw; /* The tracepoint's own record. NULL: neither sample nor loss, to be dropped. */
    size_t raw_len;
    const uint64_t *regs; /* 64-bit registers, in the order of the mask's bits. NULL: none (a thread of the kernel). */
    unsigned nregs;
    const uint8_t *stack; /* From the stack pointer on. */
    size_t stack_len;
};

/* Opens a ring of at least a page for the samples of a processor. 0 or -errno (ENODEV: the processor is off). */
int perf_ring_open(struct perf_ring *ring, int cpu, const struct perf_want *wants, unsigned n,
                   const struct perf_extra *extra, size_t size);
void perf_ring_close(struct perf_ring *ring);
/* A descriptor for poll, readable once when a quarter of the ring has been filled: after that, read everything. For
 * each sample to wake somebody would make the sampled program several times slower. */
int perf_ring_fd(const struct perf_ring *ring);

/* Sees what was written until this moment. */
void perf_ring_look(struct perf_ring *ring);
/* The time of the oldest record seen; LA_NEVER: there is none. */
la_time perf_ring_time(const struct perf_ring *ring);
/* The oldest record; there must be one. `scratch` has PERF_SCRATCH bytes. */
void perf_ring_read(const struct perf_ring *ring, uint64_t *scratch, struct perf_record *record);
/* Gives its space back to the kernel. */
void perf_ring_drop(struct perf_ring *ring);

#endif
