/* Epoll sets and io_urings of one process: what they watch and hold.
 *
 * In: a process whose descriptors were listed. Out: a watch for every item of a set that is a wanted connection, a hold
 * for every wanted connection that a ring has registered, and watches for connections of a process one of whose rings
 * has requests pending (the kernel does not tell on which descriptors).
 *
 * Items are matched by inode, as their number may have been closed since. Sets have no inode of their own, so a set
 * within a set is matched by number, where the item's inode at least says that it is such a file. Reading a set holds
 * its lock in the kernel, about 0.5 us per item: each is read once. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "linux_exam.h"
#include "linux_fdinfo.h"

static void watch_item(struct exam_proc *proc, const struct exam_set *set, const struct fdinfo_item *item,
                       uint32_t conn) {
    struct snap_watch *watch = snap_add_watch(proc->exam->snap);
    if (!watch) return;
    *watch = (struct snap_watch){.conn = conn,
                                 .proc = proc->proc,
                                 .kind = SNAP_WATCH_EPOLL,
                                 .flags = fdinfo_epoll_flags(item->events),
                                 .fd = item->fd,
                                 .set = set->fd,
                                 .events = item->events};
}

static void add_edge(struct exam_proc *proc, uint32_t outer, uint32_t inner) {
    if (!exam_room(proc->exam, (void **)&proc->edges, &proc->list_edges, sizeof *proc->edges)) return;
    proc->edges[proc->list_edges.n++] = (struct exam_edge){outer, inner};
}

static void read_item(struct exam_proc *proc, uint32_t index, const struct fdinfo_item *item, uint64_t own_inode) {
    const struct exam *exam = proc->exam;
    uint32_t conn = exam_conn(exam, item->inode);
    if (conn != SNAP_NONE && (!exam->device || exam->device == item->device)) {
        watch_item(proc, &proc->sets[index], item, conn);
        return;
    }
    uint32_t inner = map_get(&proc->set_of_fd, (uint64_t)item->fd);
    bool is_set = inner != MAP_NONE && !proc->sets[inner].ring && (!own_inode || own_inode == item->inode);
    if (is_set && item->events & EPOLLIN) add_edge(proc, index, inner);
}

static void read_set(struct exam_proc *proc, uint32_t index) {
    struct procfs_lines *lines = &proc->exam->lines;
    struct fdinfo_item item;
    uint64_t own_inode = 0;
    char path[80];
    snprintf(path, sizeof path, "%s/fdinfo/%" PRId32, proc->base, proc->sets[index].fd);
    int error = procfs_open_lines(lines, proc->exam->procfs, path);
    for (const char *line; (line = procfs_line(lines));) {
        if (fdinfo_epoll_item(line, &item))
            read_item(proc, index, &item, own_inode);
        else
            fdinfo_inode(line, &own_inode);
    }
    if (exam_is_denial(error) || exam_is_denial(lines->error)) proc->result = EXAM_DENIED;
    procfs_close_lines(lines);
}

/* A ring that is being submitted to does not tell its files: ask again. */
#define RING_TRIES 3

bool exam_ring(struct exam *exam, const char *path, struct fdinfo_uring *uring,
               void (*found)(void *arg, uint64_t inode), void *arg) {
    struct procfs_lines *lines = &exam->lines;
    *uring = (struct fdinfo_uring){0};
    for (unsigned i = 0; i < RING_TRIES && !uring->complete; i++) {
        uint64_t inode;
        *uring = (struct fdinfo_uring){0};
        if (procfs_open_lines(lines, exam->procfs, path)) return false;
        for (const char *line; (line = procfs_line(lines));)
            if (fdinfo_uring_line(uring, line, &inode)) found(arg, inode);
        procfs_close_lines(lines);
    }
    return uring->complete;
}

/* A ring's wanted connections become holds. */
struct holder {
    struct exam_proc *proc;
    int32_t ring;
};

static void hold_registered(void *arg, uint64_t inode) {
    const struct holder *holder = arg;
    uint32_t conn = exam_conn(holder->proc->exam, inode);
    struct snap_hold *hold = conn == SNAP_NONE ? NULL : snap_add_hold(holder->proc->exam->snap);
    if (!hold) return;
    *hold = (struct snap_hold){
        .conn = conn, .proc = holder->proc->proc, .kind = SNAP_HOLD_URING, .fd = holder->ring, .count = 1};
}

static void watch_ring(struct exam_proc *proc, int32_t ring, uint8_t flags, uint32_t conn) {
    struct snap_watch *watch = snap_add_watch(proc->exam->snap);
    if (!watch) return;
    *watch = (struct snap_watch){
        .conn = conn, .proc = proc->proc, .kind = SNAP_WATCH_URING, .flags = flags, .fd = -1, .set = ring};
}

static void read_ring(struct exam_proc *proc, int32_t ring) {
    struct snap *snap = proc->exam->snap;
    struct holder holder = {proc, ring};
    struct fdinfo_uring uring;
    uint32_t first_hold = snap->nholds;
    char path[80];
    snprintf(path, sizeof path, "%s/fdinfo/%" PRId32, proc->base, ring);
    exam_ring(proc->exam, path, &uring, hold_registered, &holder);
    if (!uring.pending) return;
    for (size_t i = 0; i < proc->list_fds.n; i++)
        if (!i || proc->fds[i].conn != proc->fds[i - 1].conn) watch_ring(proc, ring, uring.flags, proc->fds[i].conn);
    for (uint32_t i = first_hold; i < snap->nholds; i++) {
        uint32_t conn = snap->holds[i].conn;
        if (!snap_holds(snap, &snap->conns[conn], proc->proc)) watch_ring(proc, ring, uring.flags, conn);
    }
}

void exam_sets(struct exam_proc *proc) {
    for (size_t i = 0; i < proc->list_sets.n; i++) {
        if (proc->sets[i].ring)
            read_ring(proc, proc->sets[i].fd);
        else
            read_set(proc, (uint32_t)i);
    }
}

/* How deep the kernel lets sets be nested. */
#define NESTED 5

void exam_wake(struct exam_proc *proc) {
    struct snap *snap = proc->exam->snap;
    for (unsigned depth = 0; depth < NESTED; depth++) {
        for (size_t i = 0; i < proc->list_edges.n; i++) {
            const struct exam_set *outer = &proc->sets[proc->edges[i].outer];
            struct exam_set *inner = &proc->sets[proc->edges[i].inner];
            if (!outer->tid || inner->tid) continue;
            inner->tid = outer->tid;
            inner->call = outer->call;
        }
    }
    for (uint32_t i = proc->first_watch; i < snap->nwatches; i++) {
        struct snap_watch *watch = &snap->watches[i];
        if (watch->set < 0 || watch->flags & SNAP_WATCH_DISARMED) continue;
        uint32_t at = map_get(&proc->set_of_fd, (uint64_t)watch->set);
        const struct exam_set *set = at == MAP_NONE ? NULL : &proc->sets[at];
        if (!set || !set->tid) continue;
        watch->flags |= SNAP_WATCH_WAITED;
        watch->tid = set->tid;
        watch->call = set->call;
    }
}
