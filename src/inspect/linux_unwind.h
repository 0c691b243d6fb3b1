/* From a thread's registers and the top of its stack to the functions that it is in, with file and line. */
#ifndef INSPECT_LINUX_UNWIND_H
#define INSPECT_LINUX_UNWIND_H

#include <lastack/types.h>

#define UNWIND_REGS 33
#define UNWIND_FRAMES 64

/* The registers that are needed, as a mask for perf_event_open; 0: this machine's are not known here. */
uint64_t unwind_mask(void);

/* What a thread looked like. */
struct unwind_shot {
    int32_t pid, tid;
    uint64_t started;           /* The process's start time, from unwind_started: no other process has this pid. */
    uint64_t regs[UNWIND_REGS]; /* In the order of the mask's bits. */
    const uint8_t *stack;       /* From the stack pointer on. */
    size_t stack_len;
};

/* When a process was started, in clock ticks since boot; 0: it is gone. */
uint64_t unwind_started(int32_t pid);

/* A number that two shots share when the same functions called each other: of all that looks like a return address. 0:
 * the process is gone, or may not be looked at. */
uint64_t unwind_key(const struct unwind_shot *shot);

/* The frames, innermost first, one per line: "handle (server.c:42)"; "accept4 (libc.so.6)" where no line is known, and
 * always for libc. NULL: the process is gone, or nothing was found. The caller frees.
 *
 * Programs and their debugging information are foreign: they are read in a process of its own, with a time limit. */
char *unwind_text(const struct unwind_shot *shot);

#endif
