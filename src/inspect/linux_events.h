/* What happens while one watches, exactly: every state change of TCP on the host, with its time; end of file as it is
 * read; where sockets are opened, with the program's stack. From the kernel's tracepoints through perf_event_open,
 * which needs neither a compiler nor BPF. Without the privilege (CAP_PERFMON) polling remains. */
#ifndef INSPECT_LINUX_EVENTS_H
#define INSPECT_LINUX_EVENTS_H

#include "snap.h"

enum event_kind {
    EVENT_MOVE, /* A state change. */
    EVENT_OPEN, /* A program called connect (`sock`; follows the move to SYN_SENT), or accept returned (`fd`, of a
                   socket of any kind; `sock` is 0). */
    EVENT_EOF,  /* A program read end of file. */
    EVENT_LOST, /* `count` events were lost: the ring was full. Told before the next event of the same processor. */
};

struct event {
    uint8_t kind;     /* enum event_kind */
    uint8_t from, to; /* EVENT_MOVE: enum la_state */
    uint8_t cpu_soft; /* EVENT_MOVE: not in a program's context for certain: pid is only who was interrupted. */
    int32_t pid, tid; /* Who did it (for EVENT_MOVE of the kernel's own accord: who was interrupted). */
    int32_t fd;       /* EVENT_OPEN by accept: the new descriptor; -1. */
    uint64_t sock;    /* The kernel's name for the socket: same number, same socket, as long as it lives. 0: unknown. */
    la_time at;       /* CLOCK_MONOTONIC */
    struct la_endpoint local, peer; /* EVENT_MOVE, EVENT_OPEN by connect; zero where the kernel no longer knows. */
    uint64_t inode;                 /* EVENT_OPEN by accept, with a stack: of what the descriptor is. */
    uint32_t stack;                 /* EVENT_OPEN: for events_site; 0: none was kept. */
    uint32_t count;                 /* EVENT_LOST */
};

struct events;

/* Begins. NULL: `why` says what is missing ("perf_event_open: run as root, or with CAP_PERFMON"). `stacks`: also report
 * EVENT_OPEN, and keep the stacks of those that open sockets, of as many as linux_stacks.h allows. */
struct events *events_open(bool stacks, char *why, size_t size);
void events_close(struct events *events);
/* A descriptor that is readable when there may be something: every 50 ms, and at once when a ring fills quickly. Then
 * events_next is to be called until it says that there is none. */
int events_fd(const struct events *events);
/* The next event; false: none at the moment. They are in the order of time: exactly for each socket, within
 * microseconds for all. */
bool events_next(struct events *events, struct event *event);
/* The frames behind a stack, innermost first, one per line: "main (server.c:42)"; "accept4 (libc.so.6)" for libc, and
 * where no line is known. Names are printable ASCII. It is unwound at this moment, by a child process that is waited
 * for, so the process should be alive; that takes tens of milliseconds the first time for each place, and at most 5 s.
 * NULL: it is no longer kept, or cannot be unwound. The caller frees. */
char *events_site(struct events *events, uint32_t stack);
/* Forgets a stack, when its socket has gone. */
void events_forget(struct events *events, uint32_t stack);

#endif
