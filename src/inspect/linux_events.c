/* Theory of operation.
 *
 * In come samples of four tracepoints, through two rings for each processor. The small ring has 100 bytes for each
 * sock:inet_sock_set_state (every move of TCP), sock:sock_recv_length (end of file is read), and, when stacks are
 * wanted, syscalls:sys_exit_accept and accept4: these are all kept, as far as the ring goes. The other ring has the
 * moves to SYN_SENT and the exits of accept once more, with registers and 8 KiB of stack each. Out go events in the
 * order of time.
 *
 * Order. A ring is in order by itself. Of all small rings the oldest record goes first, up to the horizon: the moment
 * before the rings were last looked at. What happens to one socket happens under its lock, and its record is written
 * before the lock is given back: so what was written before the horizon, and what came after it, cannot be exchanged.
 * Nothing is copied into memory of its own: the rings themselves are the bounded window.
 *
 * Stacks. Each sample with a stack has a small sister: same processor, thread and socket (or descriptor), a moment
 * apart. When the small one is read, the stack is looked for. A ring of stacks that is full makes the kernel drop
 * further ones without copying; it is read only at the rate at which stacks may be kept. So a flood of connections
 * costs stacks, not events.
 *
 * Whose doing. The pid of a sample is whoever ran on the processor. It says who did it unless a segment or a timer did:
 * the kernel tells that it was serving an interrupt (common_flags), and some moves can only come from a segment, also
 * where a program's own thread processed it (a backlog, a polling thread of the kernel): see by_segment.
 *
 * Not seen: TIME_WAIT (a move to CLOSED when the record takes over), SYN queue entries (the first move of a passive
 * connection is LISTEN to SYN_RCVD when the handshake is complete), accepts through io_uring, end of file through
 * splice, processors that were switched on later. Some kernels (seen: Linux 6.18) also keep back, and do not count,
 * what segments and timers do on top of certain threads, one processor's idle one among them: a poll then contradicts.
 */
#define _GNU_SOURCE
#include "linux_events.h"
#include "linux_diag.h"

#include <lastack/dev.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "linux_perf.h"
#include "linux_stacks.h"
#include "linux_tracepoint.h"
#include "linux_unwind.h"

#define CPUS_MAX 4096
/* Bytes of all small rings together, and of all rings of stacks; and what one of them has at least and at most. */
#define SMALL_TOTAL (32u << 20)
#define SMALL_LEAST (256u << 10)
#define SMALL_MOST (4u << 20)
#define STACKS_TOTAL (16u << 20)
#define STACKS_LEAST (128u << 10)
#define STACKS_MOST (1u << 20)
/* How often the rings are looked at when they fill slowly: a ring wakes nobody before it is a quarter full. */
#define GLANCE (50 * 1000000)
/* Two samples of one hit are not further apart. */
#define SISTERS (200 * LA_US)

/* Of Linux's include/linux/trace_events.h: what common_flags says. */
enum { FLAG_HARDIRQ = 0x08, FLAG_SOFTIRQ = 0x10, FLAG_NMI = 0x40 };

enum move_field {
    MOVE_TYPE,
    MOVE_FLAGS,
    MOVE_SOCK,
    MOVE_OLD,
    MOVE_NEW,
    MOVE_SPORT,
    MOVE_DPORT,
    MOVE_FAMILY,
    MOVE_SADDR,
    MOVE_DADDR,
    MOVE_SADDR6,
    MOVE_DADDR6,
    NMOVE,
};
static const char *const move_names[NMOVE] = {"common_type", "common_flags", "skaddr",   "oldstate",
                                              "newstate",    "sport",        "dport",    "family",
                                              "saddr",       "daddr",        "saddr_v6", "daddr_v6"};
enum eof_field { EOF_SOCK, EOF_FLAGS, NEOF };
static const char *const eof_names[NEOF] = {"sk", "flags"};
static const char *const exit_names[] = {"ret"};
static const char *const exit_paths[2] = {"syscalls/sys_exit_accept", "syscalls/sys_exit_accept4"};

/* The numbers of the tracepoints, 0 where the kernel has it not, and where their fields are. */
struct layout {
    uint32_t move_id, eof_id, exit_id[2];
    struct tracepoint_field move[NMOVE], eof[NEOF], exit;
};

struct events {
    struct layout layout;
    struct perf_ring *small, *deep; /* One for each processor; deep: with stacks, NULL when none are wanted. */
    la_time *front;                 /* The time of each small ring's oldest record. */
    unsigned ncpus;
    bool opens; /* Who opens sockets is wanted. */
    la_time horizon;
    struct event second; /* The other event of a record that made two; kind EVENT_MOVE: none. */
    struct stacks *stacks;
    int epoll, timer;
    uint64_t scratch[PERF_SCRATCH / sizeof(uint64_t)];
};

/* --- Beginning --- */

static int read_layout(struct layout *layout, bool stacks) {
    int root = tracepoint_root();
    if (root < 0) return root;
    int error = tracepoint_load(root, "sock/inet_sock_set_state", move_names, NMOVE, layout->move, &layout->move_id);
    /* The others are welcome, and missing in older kernels: Linux has sock_recv_length since 6.3. */
    if (tracepoint_load(root, "sock/sock_recv_length", eof_names, NEOF, layout->eof, &layout->eof_id) != 0)
        layout->eof_id = 0;
    for (unsigned i = 0; stacks && i < 2; i++)
        if (tracepoint_load(root, exit_paths[i], exit_names, 1, &layout->exit, &layout->exit_id[i]) != 0)
            layout->exit_id[i] = 0;
    close(root);
    return error;
}

static size_t share(unsigned ncpus, size_t total, size_t least, size_t most) {
    size_t size = most;
    while (size > least && size * ncpus > total) size /= 2;
    return size;
}

static int open_cpu(struct events *events, int cpu, unsigned possible) {
    const struct layout *layout = &events->layout;
    struct perf_want small[4], deep[3];
    unsigned nsmall = 0, ndeep = 0;
    small[nsmall++] = (struct perf_want){layout->move_id, "protocol == 6"};
    if (layout->eof_id) small[nsmall++] = (struct perf_want){layout->eof_id, "ret == 0 && protocol == 6"};
    deep[ndeep++] = (struct perf_want){layout->move_id, "protocol == 6 && newstate == 2"};
    for (unsigned i = 0; i < 2; i++)
        if (layout->exit_id[i]) deep[ndeep++] = small[nsmall++] = (struct perf_want){layout->exit_id[i], "ret >= 0"};
    const struct perf_extra plain = {0}, stack = {unwind_mask(), STACKS_BYTES};
    int error = perf_ring_open(&events->small[events->ncpus], cpu, small, nsmall, &plain,
                               share(possible, SMALL_TOTAL, SMALL_LEAST, SMALL_MOST));
    if (error) return error;
    if (events->deep) {
        /* Opened after the small ones: then the kernel writes the stack first, and it is there when its sister is read.
         */
        error = perf_ring_open(&events->deep[events->ncpus], cpu, deep, ndeep, &stack,
                               share(possible, STACKS_TOTAL, STACKS_LEAST, STACKS_MOST));
        if (error) perf_ring_close(&events->small[events->ncpus]);
    }
    if (!error) events->front[events->ncpus++] = LA_NEVER;
    return error;
}

static int open_cpus(struct events *events, bool stacks) {
    long possible = sysconf(_SC_NPROCESSORS_CONF);
    unsigned n = possible < 1 ? 1 : possible > CPUS_MAX ? CPUS_MAX : (unsigned)possible;
    events->small = calloc(n, sizeof *events->small);
    events->front = calloc(n, sizeof *events->front);
    if (stacks && unwind_mask()) {
        events->deep = calloc(n, sizeof *events->deep);
        events->stacks = stacks_new();
        if (!events->deep || !events->stacks) return -ENOMEM;
    }
    if (!events->small || !events->front) return -ENOMEM;
    /* Numbers may have gaps: all are tried until as many were found. */
    int error = -ENODEV;
    for (int cpu = 0; cpu < CPUS_MAX && events->ncpus < n; cpu++) {
        int result = open_cpu(events, cpu, n);
        if (result == -ENODEV && (unsigned)cpu < 2 * n) continue;
        if (result == -ENODEV || (result == -EINVAL && events->ncpus)) break; /* Beyond the last one. */
        if (result) return result;
        error = 0;
    }
    return error;
}

static int watch_rings(struct events *events) {
    events->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (events->epoll < 0) return -errno;
    struct epoll_event interest = {.events = EPOLLIN};
    struct itimerspec glance = {.it_interval.tv_nsec = GLANCE, .it_value.tv_nsec = GLANCE};
    events->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (events->timer < 0 || timerfd_settime(events->timer, 0, &glance, NULL) < 0 ||
        epoll_ctl(events->epoll, EPOLL_CTL_ADD, events->timer, &interest) < 0)
        return -errno;
    for (unsigned i = 0; i < events->ncpus; i++) {
        if (epoll_ctl(events->epoll, EPOLL_CTL_ADD, perf_ring_fd(&events->small[i]), &interest) < 0) return -errno;
    }
    return 0;
}

/* Seven descriptors for each processor can be more than a shell's usual 1,024. */
static void allow_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void explain(int error, const char *what, const char *need, char *why, size_t size) {
    if (error == -EACCES || error == -EPERM)
        snprintf(why, size, "%s: %s", what, need);
    else if (error == -EMFILE)
        snprintf(why, size, "%s: too many descriptors; allow more with ulimit -n", what);
    else
        snprintf(why, size, "%s: %s", what, strerror(-error));
}

struct events *events_open(bool stacks, char *why, size_t size) {
    struct events *events = calloc(1, sizeof *events);
    if (!events) {
        explain(-ENOMEM, "perf_event_open", "", why, size);
        return NULL;
    }
    events->epoll = events->timer = -1;
    events->opens = stacks;
    int error = read_layout(&events->layout, stacks);
    if (error == -ENOENT) {
        snprintf(why, size, "this kernel has no tracepoint sock:inet_sock_set_state: Linux 4.16 or later is needed");
    } else if (error) {
        explain(error, "tracefs", "run as root", why, size);
    } else {
        if (sysconf(_SC_NPROCESSORS_CONF) > 64) allow_descriptors();
        error = open_cpus(events, stacks);
        if (!error) error = watch_rings(events);
        if (error) explain(error, "perf_event_open", "run as root, or with CAP_PERFMON", why, size);
    }
    if (!error) return events;
    events_close(events);
    return NULL;
}

void events_close(struct events *events) {
    if (!events) return;
    for (unsigned i = 0; i < events->ncpus; i++) {
        perf_ring_close(&events->small[i]);
        if (events->deep) perf_ring_close(&events->deep[i]);
    }
    if (events->epoll >= 0) close(events->epoll);
    if (events->timer >= 0) close(events->timer);
    stacks_free(events->stacks);
    free(events->small);
    free(events->deep);
    free(events->front);
    free(events);
}

int events_fd(const struct events *events) { return events->epoll; }

/* --- What a record means --- */

/* What the kernel does not name any more is closed. */
static uint8_t state_of(int64_t number) {
    enum la_state state = linux_diag_state(number);
    return state == LA_NSTATES ? LA_CLOSED : (uint8_t)state;
}

/* Moves that only an arriving segment can cause. Moves to CLOSED are not among them: a program, a timer, and the
 * administrator can abort from every state. */
static bool by_segment(uint8_t from, uint8_t to) {
    switch (from) {
    case LA_LISTEN: return to == LA_SYN_RCVD;
    case LA_SYN_SENT: return to == LA_SYN_RCVD || to == LA_ESTABLISHED;
    case LA_SYN_RCVD: return to == LA_ESTABLISHED || to == LA_CLOSE_WAIT;
    case LA_ESTABLISHED: return to == LA_CLOSE_WAIT;
    case LA_FIN_WAIT_1: return to == LA_FIN_WAIT_2 || to == LA_CLOSING || to == LA_TIME_WAIT;
    case LA_FIN_WAIT_2:
    case LA_CLOSING: return to == LA_TIME_WAIT;
    default: return false;
    }
}

static int64_t number(const struct tracepoint_field *field, const struct perf_record *record) {
    return tracepoint_number(field, record->raw, record->raw_len);
}

static struct la_addr address(const struct tracepoint_field *field, const struct perf_record *record) {
    struct la_addr addr = {{0}};
    if (field->offset > record->raw_len || field->size > record->raw_len - field->offset) return addr;
    if (field->size == 4) addr.bytes[10] = addr.bytes[11] = 0xff;
    if (field->size == 4 || field->size == 16)
        memcpy(addr.bytes + sizeof addr.bytes - field->size, record->raw + field->offset, field->size);
    return addr;
}

static void read_move(const struct layout *layout, const struct perf_record *record, struct event *event) {
    const struct tracepoint_field *move = layout->move;
    bool six = number(&move[MOVE_FAMILY], record) == AF_INET6;
    int64_t flags = number(&move[MOVE_FLAGS], record);
    event->kind = EVENT_MOVE;
    event->from = state_of(number(&move[MOVE_OLD], record));
    event->to = state_of(number(&move[MOVE_NEW], record));
    event->cpu_soft = (flags & (FLAG_HARDIRQ | FLAG_SOFTIRQ | FLAG_NMI)) != 0 || by_segment(event->from, event->to);
    event->sock = (uint64_t)number(&move[MOVE_SOCK], record);
    event->local.addr = address(&move[six ? MOVE_SADDR6 : MOVE_SADDR], record);
    event->peer.addr = address(&move[six ? MOVE_DADDR6 : MOVE_DADDR], record);
    event->local.port = (uint16_t)number(&move[MOVE_SPORT], record);
    event->peer.port = (uint16_t)number(&move[MOVE_DPORT], record);
}

/* The number of the tracepoint whose record it is. */
static uint32_t id_of(const struct layout *layout, const struct perf_record *record) {
    return (uint32_t)number(&layout->move[MOVE_TYPE], record);
}

static bool is_exit(const struct layout *layout, uint32_t id) {
    return id && (id == layout->exit_id[0] || id == layout->exit_id[1]);
}

/* Whether a record with a stack is of the same hit as this event. */
static bool same_hit(const struct events *events, const struct event *open, const struct perf_record *deep) {
    const struct layout *layout = &events->layout;
    if (!deep->raw || deep->tid != open->tid || deep->at + SISTERS < open->at) return false;
    uint32_t id = id_of(layout, deep);
    if (open->fd >= 0) return is_exit(layout, id) && number(&layout->exit, deep) == open->fd;
    return id == layout->move_id && (uint64_t)number(&layout->move[MOVE_SOCK], deep) == open->sock;
}

/* The stack of an event that was just read from this processor's small ring. Whatever is before it belongs to events
 * that have been read, or that were lost. */
static uint32_t find_stack(struct events *events, unsigned cpu, const struct event *open) {
    if (!events->deep || !stacks_ready(events->stacks, open->at)) return 0;
    struct perf_ring *ring = &events->deep[cpu];
    perf_ring_look(ring);
    for (;;) {
        la_time at = perf_ring_time(ring);
        if (at == LA_NEVER || at > open->at + SISTERS) return 0;
        struct perf_record deep;
        perf_ring_read(ring, events->scratch, &deep);
        bool same = same_hit(events, open, &deep);
        if (!same && at > open->at) return 0;
        uint32_t stack = same ? stacks_keep(events->stacks, &deep) : 0;
        perf_ring_drop(ring);
        if (same) return stack;
    }
}

/* False: it is nothing that anybody wants to know. */
static bool read_record(struct events *events, const struct perf_record *record, struct event *event) {
    const struct layout *layout = &events->layout;
    *event = (struct event){.pid = record->pid, .tid = record->tid, .fd = -1, .at = record->at};
    if (record->lost) {
        event->kind = EVENT_LOST;
        event->count = record->lost < UINT32_MAX ? (uint32_t)record->lost : UINT32_MAX;
        return true;
    }
    if (!record->raw) return false;
    uint32_t id = id_of(layout, record);
    if (id == layout->move_id) {
        read_move(layout, record, event);
        return event->from != event->to; /* close() tells of a state again in which FIN has been sent. */
    } else if (id == layout->eof_id) {
        /* A look at what is there reads nothing; the queue of errors has no end of file. */
        if (number(&layout->eof[EOF_FLAGS], record) & (MSG_PEEK | MSG_ERRQUEUE)) return false;
        event->kind = EVENT_EOF;
        event->sock = (uint64_t)number(&layout->eof[EOF_SOCK], record);
    } else if (is_exit(layout, id)) {
        event->kind = EVENT_OPEN;
        event->fd = (int32_t)number(&layout->exit, record);
    } else {
        return false;
    }
    return true;
}

/* --- In order --- */

static void look_at_rings(struct events *events) {
    uint64_t ticks;
    (void)!read(events->timer, &ticks, sizeof ticks); /* Not readable any more. */
    events->horizon = la_host_now();
    for (unsigned i = 0; i < events->ncpus; i++) {
        perf_ring_look(&events->small[i]);
        events->front[i] = perf_ring_time(&events->small[i]);
    }
}

static unsigned oldest_ring(const struct events *events) {
    unsigned oldest = 0;
    for (unsigned i = 1; i < events->ncpus; i++)
        if (events->front[i] < events->front[oldest]) oldest = i;
    return oldest;
}

/* The processor with the oldest record; false: there is none at the moment. */
static bool find_oldest(struct events *events, unsigned *cpu) {
    *cpu = oldest_ring(events);
    if (events->front[*cpu] <= events->horizon) return true;
    look_at_rings(events);
    *cpu = oldest_ring(events);
    return events->front[*cpu] <= events->horizon;
}

/* The inode that a descriptor of a process has; 0: none, or no socket's. */
static uint64_t inode_of(int32_t pid, int32_t fd) {
    char path[64], text[64];
    uint64_t inode;
    snprintf(path, sizeof path, "/proc/%" PRId32 "/fd/%" PRId32, pid, fd);
    ssize_t len = readlink(path, text, sizeof text - 1);
    if (len <= 0) return 0;
    text[len] = '\0';
    return sscanf(text, "socket:[%" SCNu64 "]", &inode) == 1 ? inode : 0;
}

/* The descriptor may soon be another's, in another process as well: its socket is asked for at once. A stack of what
 * has been closed since is not kept. */
static void name_accepted(struct events *events, unsigned cpu, struct event *event) {
    event->stack = find_stack(events, cpu, event);
    if (event->stack) event->inode = inode_of(event->pid, event->fd);
    if (event->inode) return;
    events_forget(events, event->stack);
    event->stack = 0;
}

bool events_next(struct events *events, struct event *event) {
    if (events->second.kind != EVENT_MOVE) {
        *event = events->second;
        events->second.kind = EVENT_MOVE;
        return true;
    }
    for (unsigned cpu; find_oldest(events, &cpu);) {
        struct perf_ring *ring = &events->small[cpu];
        struct perf_record record;
        perf_ring_read(ring, events->scratch, &record);
        bool wanted = read_record(events, &record, event);
        perf_ring_drop(ring);
        events->front[cpu] = perf_ring_time(ring);
        if (!wanted) continue;
        if (event->kind == EVENT_OPEN) name_accepted(events, cpu, event);
        if (event->kind == EVENT_MOVE && event->to == LA_SYN_SENT && events->opens) {
            events->second = *event;
            events->second.kind = EVENT_OPEN;
            events->second.stack = find_stack(events, cpu, &events->second);
        }
        return true;
    }
    return false;
}

char *events_site(struct events *events, uint32_t stack) {
    return events->stacks ? stacks_text(events->stacks, stack) : NULL;
}

void events_forget(struct events *events, uint32_t stack) {
    if (events->stacks) stacks_forget(events->stacks, stack);
}
