/* What the threads of one process do, and which of its connections they wait for.
 *
 * In: a process whose descriptors and sets are known. Out: a row per thread, a watch per thread and connection where it
 * is in a call on it, in poll() or in select(); and sets remember that somebody sleeps on them. Arrays are read from
 * the process's memory, which it may change at the same moment: what is there is taken as numbers only, and bounded.
 *
 * A directory of threads has their ids, which are not process ids. A stopped thread is in its call, but nothing would
 * wake it: its watches lack SNAP_WATCH_WAITED. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "linux_call.h"
#include "linux_exam.h"
#include "linux_fdinfo.h"
#include "say.h"

#define MAX_THREADS 4096
#define MAX_SELECT (1 << 20)

/* One thread as it was found. */
struct sleeper {
    struct exam_proc *proc;
    int32_t tid;
    char state;
    struct call_now now;
    enum call_kind kind;
    const char *name; /* Of the call; NULL: in none. */
    const char *where;
    bool wakes; /* What it waits for would wake it. */
};

static void watch(const struct sleeper *sleeper, enum snap_watch_kind kind, unsigned flags, int32_t fd,
                  uint32_t events) {
    uint32_t conn = fd < 0 ? MAP_NONE : map_get(&sleeper->proc->conn_of_fd, (uint64_t)fd);
    struct snap_watch *watch = conn == MAP_NONE ? NULL : snap_add_watch(sleeper->proc->exam->snap);
    if (!watch) return;
    if (sleeper->wakes) flags |= SNAP_WATCH_WAITED;
    *watch = (struct snap_watch){.conn = conn,
                                 .proc = sleeper->proc->proc,
                                 .kind = (uint8_t)kind,
                                 .flags = (uint8_t)flags,
                                 .fd = fd,
                                 .set = -1,
                                 .tid = sleeper->tid,
                                 .events = events,
                                 .call = sleeper->name};
}

/* The thread would wake when something happens in this set or ring. */
static void wait_on_set(const struct sleeper *sleeper, int32_t fd) {
    uint32_t at = fd < 0 ? MAP_NONE : map_get(&sleeper->proc->set_of_fd, (uint64_t)fd);
    struct exam_set *set = at == MAP_NONE ? NULL : &sleeper->proc->sets[at];
    if (!set || set->tid || !sleeper->wakes) return;
    set->tid = sleeper->tid;
    set->call = sleeper->name;
}

/* --- Arrays in the process's memory --- */

static bool copy_memory(const struct sleeper *sleeper, void *to, uint64_t from, size_t size) {
    struct iovec local = {to, size}, remote = {(void *)(uintptr_t)from, size};
    ssize_t n = process_vm_readv(sleeper->tid, &local, 1, &remote, 1, 0);
    if (n < 0 && (exam_is_denial(errno) || errno == ENOSYS)) sleeper->proc->result = EXAM_DENIED;
    return n >= 0 && (size_t)n == size;
}

static void read_poll(const struct sleeper *sleeper, uint64_t from, uint64_t n) {
    struct pollfd block[256];
    struct exam_proc *proc = sleeper->proc;
    if (n > proc->poll_left) {
        proc->result = EXAM_CUT;
        n = proc->poll_left;
    }
    proc->poll_left -= n;
    while (n) {
        size_t take = n < 256 ? (size_t)n : 256;
        if (!copy_memory(sleeper, block, from, take * sizeof *block)) return;
        for (size_t i = 0; i < take; i++) {
            uint32_t events = (uint16_t)block[i].events;
            watch(sleeper, SNAP_WATCH_POLL, fdinfo_poll_flags(events), block[i].fd, events);
            if (events & POLLIN) wait_on_set(sleeper, block[i].fd);
        }
        from += take * sizeof *block;
        n -= take;
    }
}

#define WORD_BITS (sizeof(unsigned long) * CHAR_BIT)

static bool in_set(const unsigned long *set, int32_t fd, int32_t nfds) {
    return fd < nfds && set[(size_t)fd / WORD_BITS] >> ((size_t)fd % WORD_BITS) & 1;
}

static void match_select(const struct sleeper *sleeper, const unsigned long *reads, const unsigned long *writes,
                         int32_t nfds) {
    const struct exam_proc *proc = sleeper->proc;
    for (size_t i = 0; i < proc->list_fds.n; i++) {
        int32_t fd = proc->fds[i].fd;
        unsigned flags = in_set(reads, fd, nfds) ? SNAP_WATCH_READ : 0;
        if (in_set(writes, fd, nfds)) flags |= SNAP_WATCH_WRITE;
        if (flags) watch(sleeper, SNAP_WATCH_SELECT, flags, fd, 0);
    }
    for (size_t i = 0; i < proc->list_sets.n; i++)
        if (in_set(reads, proc->sets[i].fd, nfds)) wait_on_set(sleeper, proc->sets[i].fd);
}

static void read_select(const struct sleeper *sleeper) {
    const uint64_t *argument = sleeper->now.argument;
    int32_t nfds = (int32_t)(uint32_t)argument[0];
    if (nfds <= 0) return;
    /* The kernel takes no more than there can be descriptors. */
    if (nfds > MAX_SELECT) nfds = MAX_SELECT;
    size_t words = ((size_t)nfds + WORD_BITS - 1) / WORD_BITS;
    unsigned long *sets = calloc(words * 2, sizeof *sets);
    if (!sets) {
        sleeper->proc->exam->snap->failed = true;
        return;
    }
    bool fine = !argument[1] || copy_memory(sleeper, sets, argument[1], words * sizeof *sets);
    fine = fine && (!argument[2] || copy_memory(sleeper, sets + words, argument[2], words * sizeof *sets));
    if (fine) match_select(sleeper, sets, sets + words, nfds);
    free(sets);
}

/* --- One thread --- */

static int32_t argument_fd(const struct sleeper *sleeper, size_t i) {
    return (int32_t)(uint32_t)sleeper->now.argument[i];
}

static void read_waits(const struct sleeper *sleeper) {
    const enum snap_watch_kind on = SNAP_WATCH_CALL;
    int32_t first = argument_fd(sleeper, 0);
    switch (sleeper->kind) {
    case CALL_READS: watch(sleeper, on, SNAP_WATCH_READ, first, 0); break;
    case CALL_WRITES: watch(sleeper, on, SNAP_WATCH_WRITE, first, 0); break;
    case CALL_SENDFILE:
        watch(sleeper, on, SNAP_WATCH_WRITE, first, 0);
        watch(sleeper, on, SNAP_WATCH_READ, argument_fd(sleeper, 1), 0);
        break;
    case CALL_SPLICE:
    case CALL_TEE:
        watch(sleeper, on, SNAP_WATCH_READ, first, 0);
        watch(sleeper, on, SNAP_WATCH_WRITE, argument_fd(sleeper, sleeper->kind == CALL_TEE ? 1 : 2), 0);
        break;
    case CALL_POLL: read_poll(sleeper, sleeper->now.argument[0], (uint32_t)sleeper->now.argument[1]); break;
    case CALL_SELECT: read_select(sleeper); break;
    case CALL_EPOLL_WAIT:
    case CALL_URING: wait_on_set(sleeper, first); break;
    default: break;
    }
}

/* What socketcall() does, and with which descriptor. */
static void see_socket_call(struct sleeper *sleeper) {
    uint64_t *argument = sleeper->now.argument;
    const struct call *call = call_by_socket_number(argument[0]);
    unsigned long fd;
    sleeper->kind = CALL_OTHER;
    if (!call || !copy_memory(sleeper, &fd, argument[1], sizeof fd)) return;
    argument[0] = fd;
    sleeper->kind = call->kind;
    sleeper->name = call->name;
}

/* After a stop, only the kernel's function tells which call it was that goes on. */
static void see_restarted(struct sleeper *sleeper) {
    const char *where = sleeper->where ? sleeper->where : "";
    if (strstr(where, "poll")) {
        sleeper->kind = CALL_POLL;
        sleeper->name = "poll";
    } else if (strstr(where, "nanosleep")) {
        sleeper->name = "nanosleep";
    } else if (strstr(where, "futex")) {
        sleeper->name = "futex";
    }
}

/* The kernel function that a thread sleeps in. Many sleep in the same one: the text of the thread before is taken
 * again. */
static const char *read_where(struct exam_proc *proc, const char *path) {
    struct snap *snap = proc->exam->snap;
    char text[64];
    if (procfs_read(proc->exam->procfs, path, text, sizeof text) <= 0 || !strcmp(text, "0")) return NULL;
    say_clean_line(text);
    const char *before = snap->nthreads ? snap->threads[snap->nthreads - 1].where : NULL;
    return before && !strcmp(before, text) ? before : snap_text(snap, text);
}

/* False: it has vanished. */
static bool read_thread(struct exam_proc *proc, int32_t tid, struct sleeper *sleeper) {
    char path[80], text[1024];
    struct procfs_stat stat;
    int procfs = proc->exam->procfs;
    *sleeper = (struct sleeper){.proc = proc, .tid = tid};
    snprintf(path, sizeof path, "%" PRId32 "/task/%" PRId32 "/syscall", proc->pid, tid);
    ssize_t len = procfs_read(procfs, path, text, sizeof text);
    if (len < 0 && exam_is_denial((int)-len)) proc->result = EXAM_DENIED;
    bool told = len > 0 && call_parse(text, &sleeper->now);

    snprintf(path, sizeof path, "%" PRId32 "/task/%" PRId32 "/stat", proc->pid, tid);
    if (procfs_read(procfs, path, text, sizeof text) <= 0 || !procfs_parse_stat(text, &stat)) return false;
    sleeper->state = stat.state;
    sleeper->wakes = !strchr("TtZXx", stat.state);

    snprintf(path, sizeof path, "%" PRId32 "/task/%" PRId32 "/wchan", proc->pid, tid);
    sleeper->where = read_where(proc, path);
    if (!told || !sleeper->now.in_call || proc->result == EXAM_FOREIGN) return true;
    const struct call *call = call_by_number(sleeper->now.number);
    sleeper->kind = call ? call->kind : CALL_OTHER;
    sleeper->name = call ? call->name : snap_format(proc->exam->snap, "call %ld", sleeper->now.number);
    if (sleeper->kind == CALL_RESTARTED) see_restarted(sleeper);
    if (sleeper->kind == CALL_SOCKET) see_socket_call(sleeper);
    return true;
}

static bool first_is_fd(enum call_kind kind) {
    return kind != CALL_OTHER && kind != CALL_POLL && kind != CALL_SELECT && kind != CALL_RESTARTED;
}

static void add_thread(const struct sleeper *sleeper) {
    struct snap_thread *thread = snap_add_thread(sleeper->proc->exam->snap);
    if (!thread) return;
    *thread = (struct snap_thread){.proc = sleeper->proc->proc,
                                   .tid = sleeper->tid,
                                   .state = sleeper->state,
                                   .call = sleeper->name,
                                   .fd = first_is_fd(sleeper->kind) ? argument_fd(sleeper, 0) : -1,
                                   .where = sleeper->where};
}

void exam_threads(struct exam_proc *proc) {
    struct exam *exam = proc->exam;
    uint32_t first = exam->snap->nthreads;
    struct sleeper sleeper;
    char path[48];
    snprintf(path, sizeof path, "%" PRId32 "/task", proc->pid);
    int error = procfs_open_dir(&exam->tasks, exam->procfs, path);
    if (exam_is_denial(error)) proc->result = EXAM_DENIED;
    for (int32_t tid; (tid = procfs_next(&exam->tasks)) >= 0;) {
        if (exam->snap->nthreads - first >= MAX_THREADS) {
            proc->result = EXAM_CUT;
            break;
        }
        if (!read_thread(proc, tid, &sleeper)) continue;
        add_thread(&sleeper);
        read_waits(&sleeper);
    }
    procfs_close_dir(&exam->tasks);
    exam->snap->procs[proc->proc].first_thread = first;
    exam->snap->procs[proc->proc].nthreads = exam->snap->nthreads - first;
}
