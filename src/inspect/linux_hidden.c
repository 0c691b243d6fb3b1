/* Who holds the connections that have an inode and no owner.
 *
 * In: the wanted connections, some without an owner. Each process is read through once more, for four places:
 *     a descriptor that was opened after the first scan had passed      -> an owner
 *     the table of a thread that does not share its process's           -> an owner
 *     the files that an io_uring has registered                         -> the process is to be examined
 *     a message (SCM_RIGHTS) that an AF_UNIX socket has not received    -> a hold
 * The kernel tells how many descriptors are in messages, and not which. When one socket only has some, enough of them,
 * and every process could be read, then what nobody else holds is there; otherwise the hold is of no connection in
 * particular. (A message to an AF_UNIX connection that nobody has accepted is not seen at all.) */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "linux_exam.h"
#include "linux_fdinfo.h"

#define MAX_ASKED 65536 /* AF_UNIX sockets whose fdinfo is read. */

/* An AF_UNIX socket that has descriptors to be received. */
struct courier {
    uint32_t proc;
    int32_t fd;
    uint64_t inode;
    uint32_t count;
};

struct hunt {
    struct exam *exam;
    struct inodes tcp; /* All connections of the snapshot. */
    struct map by_pid; /* -> process */
    struct map found;  /* Connections that turned out to have a holder. */
    struct courier *couriers;
    struct exam_list list_couriers;
    unsigned asked;
    bool blind;  /* Something could not be read. */
    int32_t pid; /* The process at hand. */
};

static bool is_lost(const struct hunt *hunt, uint32_t conn) {
    return conn != SNAP_NONE && !hunt->exam->snap->conns[conn].nowners;
}

static void add_owner(struct hunt *hunt, uint32_t conn, int32_t fd) {
    struct exam *exam = hunt->exam;
    uint32_t proc = exam_add_proc(exam, &hunt->by_pid, hunt->pid);
    struct snap_owner *owner = proc == SNAP_NONE ? NULL : snap_add_owner(exam->snap);
    if (!owner) return;
    *owner = (struct snap_owner){.conn = conn, .proc = proc, .fd = fd};
    if (!map_put(&hunt->found, conn, 0)) exam->snap->failed = true;
}

static void add_owners(struct hunt *hunt, uint32_t conn, int32_t fd) {
    for (; conn != SNAP_NONE; conn = inodes_next(&hunt->tcp, conn)) add_owner(hunt, conn, fd);
}

/* Whether a socket may be of AF_UNIX: asking it for its protocol costs half as much as reading its fdinfo, and other
 * network namespaces may have many that are not. */
static bool may_be_unix(const char *base, int32_t fd) {
    char path[80], protocol[32] = "";
    snprintf(path, sizeof path, "/proc/%s/fd/%" PRId32, base, fd);
    ssize_t len = getxattr(path, "system.sockprotoname", protocol, sizeof protocol - 1);
    return len < 0 || !strncmp(protocol, "UNIX", 4);
}

static void ask_socket(struct hunt *hunt, const char *base, int32_t fd, uint64_t inode) {
    char path[80], text[1024];
    if (!may_be_unix(base, fd)) return;
    if (++hunt->asked > MAX_ASKED) {
        hunt->blind = true;
        return;
    }
    snprintf(path, sizeof path, "%s/fdinfo/%" PRId32, base, fd);
    ssize_t len = procfs_read(hunt->exam->procfs, path, text, sizeof text);
    uint32_t count = len > 0 ? fdinfo_in_flight(text) : 0;
    if (!count) return;
    uint32_t proc = exam_add_proc(hunt->exam, &hunt->by_pid, hunt->pid);
    if (proc == SNAP_NONE) return;
    if (!exam_room(hunt->exam, (void **)&hunt->couriers, &hunt->list_couriers, sizeof *hunt->couriers)) return;
    hunt->couriers[hunt->list_couriers.n++] = (struct courier){proc, fd, inode, count};
}

static void registered(void *arg, uint64_t inode) {
    struct hunt *hunt = arg;
    uint32_t conn = inodes_first(&hunt->tcp, inode);
    if (!is_lost(hunt, conn)) return;
    if (exam_add_proc(hunt->exam, &hunt->by_pid, hunt->pid) == SNAP_NONE) return;
    for (; conn != SNAP_NONE; conn = inodes_next(&hunt->tcp, conn))
        if (!map_put(&hunt->found, conn, 0)) hunt->exam->snap->failed = true;
}

static void ask_ring(struct hunt *hunt, const char *base, int32_t fd) {
    struct fdinfo_uring uring;
    char path[80];
    snprintf(path, sizeof path, "%s/fdinfo/%" PRId32, base, fd);
    if (!exam_ring(hunt->exam, path, &uring, registered, hunt)) hunt->blind = true;
}

static void hunt_table(struct hunt *hunt, const char *base) {
    struct procfs_dir *dir = &hunt->exam->dir;
    char path[64];
    snprintf(path, sizeof path, "%s/fd", base);
    int error = procfs_open_dir(dir, hunt->exam->procfs, path);
    hunt->blind |= exam_is_denial(error);
    for (int32_t fd; (fd = procfs_next(dir)) >= 0;) {
        uint64_t inode = 0;
        enum procfs_link link = procfs_link(dir, fd, &inode);
        uint32_t conn = link == PROCFS_SOCKET ? inodes_first(&hunt->tcp, inode) : SNAP_NONE;
        if (is_lost(hunt, conn))
            add_owners(hunt, conn, fd);
        else if (link == PROCFS_SOCKET && conn == SNAP_NONE)
            ask_socket(hunt, base, fd, inode);
        else if (link == PROCFS_URING)
            ask_ring(hunt, base, fd);
        else
            hunt->blind |= link == PROCFS_DENIED;
    }
    procfs_close_dir(dir);
}

/* A process, and those of its threads that have a table of their own. */
static void hunt_process(struct hunt *hunt, int32_t pid) {
    char base[48];
    struct procfs_dir *tasks = &hunt->exam->tasks;
    hunt->pid = pid;
    snprintf(base, sizeof base, "%" PRId32, pid);
    hunt_table(hunt, base);
    snprintf(base, sizeof base, "%" PRId32 "/task", pid);
    if (procfs_open_dir(tasks, hunt->exam->procfs, base)) return;
    for (int32_t tid; (tid = procfs_next(tasks)) >= 0;) {
        if (tid == pid || syscall(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0) <= 0) continue;
        snprintf(base, sizeof base, "%" PRId32 "/task/%" PRId32, pid, tid);
        hunt_table(hunt, base);
    }
    procfs_close_dir(tasks);
}

/* --- Messages --- */

static void add_hold(struct hunt *hunt, const struct courier *courier, uint32_t conn, uint32_t count) {
    struct snap_hold *hold = snap_add_hold(hunt->exam->snap);
    if (!hold) return;
    *hold = (struct snap_hold){
        .conn = conn, .proc = courier->proc, .kind = SNAP_HOLD_MESSAGE, .fd = courier->fd, .count = count};
}

/* Whether all couriers are one and the same socket, which several processes may have. */
static bool one_courier(const struct hunt *hunt) {
    for (size_t i = 1; i < hunt->list_couriers.n; i++)
        if (hunt->couriers[i].inode != hunt->couriers[0].inode) return false;
    return hunt->list_couriers.n > 0;
}

static bool still_lost(const struct hunt *hunt, uint32_t conn) {
    return hunt->exam->snap->conns[conn].inode && is_lost(hunt, conn) && map_get(&hunt->found, conn) == MAP_NONE;
}

static void add_holds(struct hunt *hunt) {
    const struct snap *snap = hunt->exam->snap;
    uint32_t lost = 0;
    for (uint32_t i = 0; i < snap->nconns; i++) lost += still_lost(hunt, i);
    if (!lost) return;
    bool certain = !hunt->blind && one_courier(hunt) && hunt->couriers[0].count >= lost;
    for (size_t k = 0; k < hunt->list_couriers.n; k++) {
        const struct courier *courier = &hunt->couriers[k];
        if (!certain) add_hold(hunt, courier, SNAP_NONE, courier->count);
        for (uint32_t i = 0; certain && i < snap->nconns; i++)
            if (still_lost(hunt, i)) add_hold(hunt, courier, i, 1);
    }
}

/* --- All of it --- */

static bool prepare(struct hunt *hunt) {
    const struct snap *snap = hunt->exam->snap;
    for (uint32_t i = 0; i < snap->nconns; i++)
        if (snap->conns[i].inode && !inodes_add(&hunt->tcp, snap->conns[i].inode, i, snap->nconns)) return false;
    for (uint32_t i = 0; i < snap->nprocs; i++)
        if (!map_put(&hunt->by_pid, (uint64_t)snap->procs[i].pid, i)) return false;
    return true;
}

void exam_hidden(struct exam *exam) {
    struct hunt hunt = {.exam = exam};
    struct procfs_dir *pids = malloc(sizeof *pids);
    if (!pids || !prepare(&hunt)) {
        exam->snap->failed = true;
    } else if (!procfs_open_dir(pids, exam->procfs, ".")) {
        for (int32_t pid; (pid = procfs_next(pids)) >= 0;) hunt_process(&hunt, pid);
        procfs_close_dir(pids);
        add_holds(&hunt);
    }
    free(pids);
    free(hunt.couriers);
    inodes_free(&hunt.tcp);
    map_free(&hunt.by_pid);
    map_free(&hunt.found);
}
