/* Who holds each connection: every descriptor of every process, by the inode of its socket.
 *
 * In: a snapshot whose connections have inodes. Out: its owners, the processes that own something (only those), and a
 * blind for the processes that could not be read. A process costs one directory, a descriptor one readlinkat and one
 * look-up in a hash; nothing is allocated per descriptor but the owner that it turns out to be.
 *
 * Threads share their process's table of descriptors, as a rule. When the first thread has ended, its table is empty,
 * and the others' is read instead. Threads that unshared theirs are looked for only where a connection has no owner at
 * all (linux_hidden.c). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux.h"
#include "linux_inodes.h"
#include "linux_need.h"
#include "linux_procfs.h"

struct scan {
    struct snap *snap;
    int procfs;
    struct inodes by_inode;
    uint32_t proc;   /* The process at hand; SNAP_NONE: it holds nothing so far. */
    unsigned denied; /* Processes that may not be read. */
    char one[160];   /* What to say if it is only one. */
    struct procfs_dir pids, tasks, fds;
};

static bool index_inodes(struct scan *scan) {
    if (!map_reserve(&scan->by_inode.first, scan->snap->nconns)) return false;
    for (uint32_t i = 0; i < scan->snap->nconns; i++) {
        uint64_t inode = scan->snap->conns[i].inode;
        if (inode && !inodes_add(&scan->by_inode, inode, i, scan->snap->nconns)) return false;
    }
    return true;
}

static void add_owner(struct scan *scan, int32_t pid, uint32_t conn, int32_t fd) {
    if (scan->proc == SNAP_NONE) scan->proc = procfs_add_proc(scan->snap, scan->procfs, pid);
    struct snap_owner *owner = scan->proc == SNAP_NONE ? NULL : snap_add_owner(scan->snap);
    if (!owner) return;
    *owner = (struct snap_owner){.conn = conn, .proc = scan->proc, .fd = fd};
}

/* All descriptors in one table. How many; -EACCES: they may not be read; another negative number: it has vanished. */
static int64_t scan_table(struct scan *scan, int32_t pid, const char *path) {
    int64_t count = 0;
    int error = procfs_open_dir(&scan->fds, scan->procfs, path);
    if (error) return error == -EPERM ? -EACCES : error;
    for (int32_t fd; (fd = procfs_next(&scan->fds)) >= 0;) {
        uint64_t inode = 0;
        enum procfs_link link = procfs_link(&scan->fds, fd, &inode);
        if (link == PROCFS_DENIED) {
            count = -EACCES;
            break;
        }
        if (link == PROCFS_GONE) continue;
        count++;
        uint32_t conn = link == PROCFS_SOCKET ? inodes_first(&scan->by_inode, inode) : MAP_NONE;
        for (; conn != MAP_NONE; conn = inodes_next(&scan->by_inode, conn)) add_owner(scan, pid, conn, fd);
    }
    procfs_close_dir(&scan->fds);
    return count;
}

/* Where the first thread has no descriptors, it may have ended before the others. */
static int64_t scan_threads(struct scan *scan, int32_t pid) {
    char path[64];
    int64_t count = 0;
    snprintf(path, sizeof path, "%" PRId32 "/task", pid);
    if (procfs_open_dir(&scan->tasks, scan->procfs, path)) return 0;
    for (int32_t tid; count <= 0 && (tid = procfs_next(&scan->tasks)) >= 0;) {
        if (tid == pid) continue;
        snprintf(path, sizeof path, "%" PRId32 "/task/%" PRId32 "/fd", pid, tid);
        count = scan_table(scan, pid, path);
    }
    procfs_close_dir(&scan->tasks);
    return count;
}

/* The first one is named, should it be the only one. */
static void tell_denied(struct scan *scan, int32_t pid, const char *program) {
    if (!scan->denied++)
        snprintf(scan->one, sizeof scan->one, "the descriptors of %s (pid %" PRId32 "), which may not be read", program,
                 pid);
}

static void scan_process(struct scan *scan, int32_t pid) {
    char path[40], program[64];
    scan->proc = SNAP_NONE;
    snprintf(path, sizeof path, "%" PRId32 "/fd", pid);
    int64_t count = scan_table(scan, pid, path);
    if (!count) count = scan_threads(scan, pid);
    if (count == -EACCES && procfs_may_hold(scan->procfs, pid, program)) tell_denied(scan, pid, program);
    if (scan->proc != SNAP_NONE && count >= 0)
        scan->snap->procs[scan->proc].nfds = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static void add_blind(struct snap *snap, const char *what, const char *need) {
    struct snap_blind *blind = snap_add_blind(snap);
    if (blind) *blind = (struct snap_blind){.what = what, .need = need};
}

/* The first pid namespace has this inode by the kernel's own definition (PROC_PID_INIT_INO). */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCu

static void say_blinds(struct scan *scan) {
    struct snap *snap = scan->snap;
    struct stat stat;
    const char *need = linux_need(LINUX_NEED_EXAMINE);
    if (scan->denied == 1) add_blind(snap, snap_text(snap, scan->one), need);
    if (scan->denied > 1)
        add_blind(snap, snap_format(snap, "the descriptors of %u processes, which may not be read", scan->denied),
                  need);
    if (fstatat(scan->procfs, "1", &stat, 0) != 0 && errno == ENOENT)
        add_blind(snap, "processes of other users, which /proc hides (hidepid)", need);
    if (!fstatat(scan->procfs, "self/ns/pid", &stat, 0) && stat.st_ino != FIRST_PID_NAMESPACE)
        add_blind(snap, "processes outside of this container", "run it on the host itself, in its pid namespace");
}

void linux_owners(struct snap *snap) {
    struct scan *scan = malloc(sizeof *scan);
    if (!scan) {
        snap->failed = true;
        return;
    }
    scan->snap = snap;
    scan->by_inode = (struct inodes){0};
    scan->denied = 0;
    scan->procfs = procfs_open();
    if (scan->procfs < 0 || procfs_open_dir(&scan->pids, scan->procfs, ".")) {
        add_blind(snap, "all processes: /proc cannot be read", "mount proc on /proc");
    } else {
        if (!index_inodes(scan)) snap->failed = true;
        for (int32_t pid; (pid = procfs_next(&scan->pids)) >= 0;) scan_process(scan, pid);
        procfs_close_dir(&scan->pids);
        say_blinds(scan);
        snap->owners_known = true;
    }
    if (scan->procfs >= 0) close(scan->procfs);
    inodes_free(&scan->by_inode);
    free(scan);
}
