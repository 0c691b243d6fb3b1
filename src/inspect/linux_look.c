/* Looks closely at some connections: who watches them, who holds them unseen, and what their owners' threads do.
 *
 * In: a finished snapshot and the connections of interest. Out: watches, holds, threads, missing owners; looked_closely
 * for the connections all of whose holders could be examined, so that "no watch" means that nobody watches; blinds for
 * the others. The snapshot is finished again.
 *
 * Each process is examined once for all of its wanted connections:
 *     its descriptors -> its epoll sets and rings (linux_epoll.c) -> its threads (linux_threads.c) -> who is woken
 * Connections without an owner are looked for in all processes first (linux_hidden.c), which may add owners and
 * processes. Nothing of this is one moment: whoever moves meanwhile is seen before or after. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "linux.h"
#include "linux_exam.h"
#include "linux_need.h"

#define MAX_POLL (1 << 20) /* Entries of poll arrays per process. */

bool exam_room(struct exam *exam, void **elements, struct exam_list *list, size_t size) {
    if (list->n < list->room) return true;
    size_t room = list->room ? list->room * 2 : 16;
    void *more = realloc(*elements, room * size);
    if (!more) {
        exam->snap->failed = true;
        return false;
    }
    *elements = more;
    list->room = room;
    return true;
}

uint32_t exam_conn(const struct exam *exam, uint64_t inode) {
    return inode ? inodes_first(&exam->wanted, inode) : SNAP_NONE;
}

bool exam_is_denial(int error) {
    error = error < 0 ? -error : error;
    return error == EACCES || error == EPERM;
}

uint32_t exam_add_proc(struct exam *exam, struct map *by_pid, int32_t pid) {
    uint32_t proc = map_get(by_pid, (uint64_t)pid);
    if (proc == MAP_NONE) {
        proc = procfs_add_proc(exam->snap, exam->procfs, pid);
        if (proc == SNAP_NONE || !map_put(by_pid, (uint64_t)pid, proc)) return SNAP_NONE;
    }
    return map_put(&exam->procs, proc, EXAM_WANTED) ? proc : SNAP_NONE;
}

/* --- One process --- */

static void add_fd(struct exam_proc *proc, int32_t fd, uint32_t conn) {
    if (!exam_room(proc->exam, (void **)&proc->fds, &proc->list_fds, sizeof *proc->fds)) return;
    if (!map_put(&proc->conn_of_fd, (uint64_t)fd, conn)) return;
    proc->fds[proc->list_fds.n++] = (struct exam_fd){fd, conn};
}

static void add_set(struct exam_proc *proc, int32_t fd, bool ring) {
    if (!exam_room(proc->exam, (void **)&proc->sets, &proc->list_sets, sizeof *proc->sets)) return;
    if (!map_put(&proc->set_of_fd, (uint64_t)fd, (uint32_t)proc->list_sets.n)) return;
    proc->sets[proc->list_sets.n++] = (struct exam_set){.fd = fd, .ring = ring};
}

/* Lists the table of descriptors at proc->base. How many there are. */
static size_t list_fds(struct exam_proc *proc) {
    struct exam *exam = proc->exam;
    size_t count = 0;
    char path[64];
    snprintf(path, sizeof path, "%s/fd", proc->base);
    int error = procfs_open_dir(&exam->dir, exam->procfs, path);
    if (exam_is_denial(error)) proc->result = EXAM_DENIED;
    for (int32_t fd; (fd = procfs_next(&exam->dir)) >= 0; count++) {
        uint64_t inode = 0;
        enum procfs_link link = procfs_link(&exam->dir, fd, &inode);
        uint32_t conn = link == PROCFS_SOCKET ? exam_conn(exam, inode) : SNAP_NONE;
        if (conn != SNAP_NONE) add_fd(proc, fd, conn);
        if (link == PROCFS_EPOLL || link == PROCFS_URING) add_set(proc, fd, link == PROCFS_URING);
        if (link == PROCFS_DENIED) proc->result = EXAM_DENIED;
    }
    procfs_close_dir(&exam->dir);
    return count;
}

/* A first thread that has ended has no descriptors: the others' are the process's. */
static void list_process(struct exam_proc *proc) {
    struct exam *exam = proc->exam;
    char path[48];
    snprintf(proc->base, sizeof proc->base, "%" PRId32, proc->pid);
    if (list_fds(proc) || proc->result == EXAM_DENIED) return;
    snprintf(path, sizeof path, "%" PRId32 "/task", proc->pid);
    if (procfs_open_dir(&exam->tasks, exam->procfs, path)) {
        proc->result = EXAM_GONE;
        return;
    }
    for (int32_t tid; (tid = procfs_next(&exam->tasks)) >= 0;) {
        if (tid == proc->pid) continue;
        snprintf(proc->base, sizeof proc->base, "%" PRId32 "/task/%" PRId32, proc->pid, tid);
        if (list_fds(proc)) break;
    }
    procfs_close_dir(&exam->tasks);
}

/* Where an ELF file says for which machine it is: class and byte order, and the machine itself. */
static bool same_machine(const char *one, const char *other) {
    return !memcmp(one, other, 6) && !memcmp(one + 18, other + 18, 2);
}

/* A program of another architecture has other numbers for its calls. */
static bool is_foreign(const struct exam_proc *proc) {
    char path[64], own[24], its[24];
    snprintf(path, sizeof path, "%s/exe", proc->base);
    if (procfs_read(proc->exam->procfs, path, its, sizeof its) < 20) return false;
    /* By this name an emulator tells of the program that it runs, not of itself. */
    if (procfs_read(AT_FDCWD, "/proc/self/exe", own, sizeof own) < 20) return false;
    return !same_machine(own, its);
}

/* Who watches or holds one flow of a Multipath TCP connection watches or holds all. */
static void share(struct exam *exam, uint32_t first_watch, uint32_t first_hold) {
    struct snap *snap = exam->snap;
    if (!exam->wanted.next) return;
    for (uint32_t i = first_watch, n = snap->nwatches; i < n; i++)
        for (uint32_t conn = snap->watches[i].conn; (conn = inodes_next(&exam->wanted, conn)) != SNAP_NONE;) {
            struct snap_watch *watch = snap_add_watch(snap);
            if (!watch) return;
            *watch = snap->watches[i];
            watch->conn = conn;
        }
    for (uint32_t i = first_hold, n = snap->nholds; i < n; i++)
        for (uint32_t conn = snap->holds[i].conn; (conn = inodes_next(&exam->wanted, conn)) != SNAP_NONE;) {
            struct snap_hold *hold = snap_add_hold(snap);
            if (!hold) return;
            *hold = snap->holds[i];
            hold->conn = conn;
        }
}

static void examine(struct exam *exam, uint32_t index) {
    uint32_t first_hold = exam->snap->nholds;
    struct exam_proc proc = {.exam = exam,
                             .proc = index,
                             .pid = exam->snap->procs[index].pid,
                             .first_watch = exam->snap->nwatches,
                             .poll_left = MAX_POLL,
                             .result = EXAM_DONE};
    list_process(&proc);
    if (proc.result == EXAM_DONE && is_foreign(&proc)) proc.result = EXAM_FOREIGN;
    if (proc.result != EXAM_GONE) {
        exam_sets(&proc);
        exam_threads(&proc);
        exam_wake(&proc);
        share(exam, proc.first_watch, first_hold);
    }
    if (!map_put(&exam->procs, index, (uint32_t)proc.result)) exam->snap->failed = true;
    exam->count[proc.result]++;
    map_free(&proc.conn_of_fd);
    map_free(&proc.set_of_fd);
    free(proc.fds);
    free(proc.sets);
    free(proc.edges);
}

/* --- All of them --- */

/* Sets what is wanted. True: some connection has no owner. */
static bool want(struct exam *exam, const uint32_t *conns, uint32_t n) {
    bool hidden = false;
    for (uint32_t i = 0; i < n; i++) {
        if (conns[i] >= exam->snap->nconns) continue;
        const struct snap_conn *conn = &exam->snap->conns[conns[i]];
        if (!conn->inode || conn->looked_closely) continue;
        if (!inodes_add(&exam->wanted, conn->inode, conns[i], exam->snap->nconns)) exam->snap->failed = true;
        hidden |= !conn->nowners;
    }
    return hidden;
}

static bool is_wanted(const struct exam *exam, uint32_t conn) {
    uint32_t other = exam_conn(exam, exam->snap->conns[conn].inode);
    while (other != SNAP_NONE && other != conn) other = inodes_next(&exam->wanted, other);
    return other == conn;
}

static void want_owners(struct exam *exam, const uint32_t *conns, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (conns[i] >= exam->snap->nconns) continue;
        const struct snap_conn *conn = &exam->snap->conns[conns[i]];
        if (!is_wanted(exam, conns[i])) continue;
        for (uint32_t k = 0; k < conn->nowners; k++)
            if (!map_put(&exam->procs, exam->snap->owners[conn->first_owner + k].proc, EXAM_WANTED))
                exam->snap->failed = true;
    }
}

/* Whether all who hold a connection were examined. Those that have gone hold nothing any more. */
static bool seen(const struct exam *exam, const struct snap_conn *conn) {
    const struct snap *snap = exam->snap;
    unsigned done = 0;
    for (uint32_t i = 0; i < conn->nowners; i++) {
        uint32_t result = map_get(&exam->procs, snap->owners[conn->first_owner + i].proc);
        if (result != EXAM_DONE && result != EXAM_GONE) return false;
        done += result == EXAM_DONE;
    }
    for (uint32_t i = 0; i < conn->nholds; i++) {
        const struct snap_hold *hold = &snap->holds[conn->first_hold + i];
        bool ring = hold->kind == SNAP_HOLD_URING;
        if (ring && map_get(&exam->procs, hold->proc) != EXAM_DONE) return false;
        done++;
    }
    return done > 0;
}

static void mark_seen(struct exam *exam, const uint32_t *conns, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (conns[i] >= exam->snap->nconns) continue;
        struct snap_conn *conn = &exam->snap->conns[conns[i]];
        if (is_wanted(exam, conns[i])) conn->looked_closely = seen(exam, conn);
    }
}

static void say_blinds(struct exam *exam) {
    static const struct {
        const char *before, *one, *several, *need;
    } texts[EXAM_NRESULTS] = {
        [EXAM_DENIED] = {"what the threads of", "process wait for", "processes wait for", NULL},
        [EXAM_FOREIGN] = {"what the threads of", "program of another architecture wait for",
                          "programs of another architecture wait for",
                          "use a lastack that is built for that architecture"},
        [EXAM_CUT] = {"some threads of", "process, which has too many", "processes, which have too many", NULL},
    };
    for (size_t i = 0; i < EXAM_NRESULTS; i++) {
        unsigned n = exam->count[i];
        if (!texts[i].before || !n) continue;
        const char *after = n == 1 ? texts[i].one : texts[i].several;
        const char *what = snap_format(exam->snap, "%s %u %s", texts[i].before, n, after);
        struct snap_blind *blind = snap_add_blind(exam->snap);
        const char *need = i == EXAM_DENIED ? linux_need(LINUX_NEED_EXAMINE) : texts[i].need;
        if (blind) *blind = (struct snap_blind){.what = what, .need = need};
    }
}

/* The device of sockets as the kernel writes it in fdinfo: 12 bits above 20. */
static uint64_t socket_device(void) {
    struct stat stat;
    uint64_t device = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    if (!fstat(fd, &stat)) device = (uint64_t)major(stat.st_dev) << 20 | minor(stat.st_dev);
    close(fd);
    return device;
}

static void look(struct exam *exam, const uint32_t *conns, uint32_t n) {
    if (want(exam, conns, n)) {
        exam_hidden(exam);
        snap_finish(exam->snap);
    }
    want_owners(exam, conns, n);
    for (uint32_t i = 0; i < exam->snap->nprocs; i++)
        if (map_get(&exam->procs, i) == EXAM_WANTED) examine(exam, i);
    snap_finish(exam->snap);
    mark_seen(exam, conns, n);
    say_blinds(exam);
}

void linux_look_closely(struct snap *snap, const uint32_t *conns, uint32_t n) {
    struct exam *exam = calloc(1, sizeof *exam);
    if (!exam) {
        snap->failed = true;
        return;
    }
    exam->snap = snap;
    exam->device = socket_device();
    exam->procfs = procfs_open();
    exam->dir.fd = exam->tasks.fd = exam->lines.fd = -1;
    if (exam->procfs >= 0) {
        look(exam, conns, n);
        close(exam->procfs);
    }
    inodes_free(&exam->wanted);
    map_free(&exam->procs);
    free(exam);
}
