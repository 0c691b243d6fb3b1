#define _GNU_SOURCE
#include "linux_cure_fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS_MAX 1024 /* Of one process that are asked. */

/* pidfd_open's flag for a thread (Linux 6.9). */
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static bool has_cookie(int fd, uint64_t cookie) {
    uint64_t found = 0;
    socklen_t len = sizeof found;
    return !getsockopt(fd, SOL_SOCKET, SO_COOKIE, &found, &len) && len == sizeof found && found == cookie;
}

/* --- Which thread has it --- */

static bool shows(int32_t pid, int32_t tid, int32_t fd, uint64_t inode) {
    char path[80], target[64], wanted[64];
    snprintf(path, sizeof path, "/proc/%" PRId32 "/task/%" PRId32 "/fd/%" PRId32, pid, tid, fd);
    snprintf(wanted, sizeof wanted, "socket:[%" PRIu64 "]", inode);
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len < 0) return false;
    target[len] = '\0';
    return !strcmp(target, wanted);
}

/* The first thread may have ended before the others, and any may have a table of descriptors of its own. 0: none has
 * it. */
static int32_t thread_with(int32_t pid, int32_t fd, uint64_t inode) {
    char path[40];
    int32_t found = 0;
    if (!inode) return 0;
    if (shows(pid, pid, fd, inode)) return pid;
    snprintf(path, sizeof path, "/proc/%" PRId32 "/task", pid);
    DIR *dir = opendir(path);
    for (unsigned i = 0; dir && !found && i < THREADS_MAX; i++) {
        const struct dirent *entry = readdir(dir);
        if (!entry) break;
        long tid = strtol(entry->d_name, NULL, 10);
        if (tid > 0 && tid <= INT32_MAX && shows(pid, (int32_t)tid, fd, inode)) found = (int32_t)tid;
    }
    if (dir) closedir(dir);
    return found;
}

bool cure_is_held(const struct snap *snap, const struct snap_conn *conn) {
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[conn->first_owner + i];
        if (owner->proc < snap->nprocs && thread_with(snap->procs[owner->proc].pid, owner->fd, conn->inode))
            return true;
    }
    return false;
}

/* --- A duplicate --- */

/* The descriptor, or -errno. */
static int copy_from(int32_t tid, unsigned flags, int32_t fd) {
    int process = (int)syscall(SYS_pidfd_open, tid, flags);
    if (process < 0) return -errno;
    int copy = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    int error = errno;
    close(process);
    return copy < 0 ? -error : copy;
}

static int copy_with_cookie(int32_t tid, unsigned flags, int32_t fd, uint64_t cookie) {
    int copy = copy_from(tid, flags, fd);
    if (copy < 0 || has_cookie(copy, cookie)) return copy;
    close(copy);
    return -EBADF;
}

static int copy_of(const struct snap_owner *owner, int32_t pid, const struct snap_conn *conn) {
    int copy = copy_with_cookie(pid, 0, owner->fd, conn->cookie);
    int32_t tid = copy == -EBADF || copy == -ESRCH ? thread_with(pid, owner->fd, conn->inode) : 0;
    return tid ? copy_with_cookie(tid, PIDFD_THREAD, owner->fd, conn->cookie) : copy;
}

int cure_duplicate(const struct snap *snap, const struct snap_conn *conn, struct cure_refusal *refusal) {
    *refusal = (struct cure_refusal){0};
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[conn->first_owner + i];
        if (owner->proc >= snap->nprocs) continue;
        const struct snap_proc *proc = &snap->procs[owner->proc];
        int copy = copy_of(owner, proc->pid, conn);
        if (copy >= 0) return copy;
        if (copy == -EPERM || copy == -EACCES)
            refusal->denied = proc;
        else if (copy != -ESRCH && copy != -EBADF)
            refusal->error = -copy;
    }
    return -1;
}

/* --- Why there is none --- */

int cure_ptrace_scope(void) {
    int scope = 0;
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    if (file && fscanf(file, "%d", &scope) != 1) scope = 0;
    if (file) fclose(file);
    return scope;
}

static void say_denied(const struct snap_proc *proc, int scope, bool is_root, struct say *said) {
    say(said, "The kernel does not let this user duplicate a descriptor of ");
    say_proc(said, proc);
    if (scope >= 3)
        say(said, ": Yama (kernel.yama.ptrace_scope = %d) forbids it to everybody until the host restarts.\n", scope);
    else if (is_root)
        say(said, ": it takes CAP_SYS_PTRACE, which root may lack in a container, and no seccomp filter that forbids "
                  "pidfd_getfd. Run this on the host itself.\n");
    else if (scope > 0)
        say(said, ": under Yama (kernel.yama.ptrace_scope = %d) it takes CAP_SYS_PTRACE. Run this as root.\n", scope);
    else
        say(said,
            ": it takes the same user and a process that may be traced (dumpable), or CAP_SYS_PTRACE. Run this as "
            "that user or as root.\n");
    say(said, "--reset needs no right over the process, only CAP_NET_ADMIN in its network namespace.\n");
}

void cure_say_refusal(const struct cure_refusal *refusal, int scope, bool is_root, struct say *said) {
    if (refusal->denied)
        say_denied(refusal->denied, scope, is_root, said);
    else if (refusal->error == ENOSYS)
        say(said, "This kernel cannot duplicate descriptors of other processes (Linux 5.6 can): use --reset.\n");
    else if (refusal->error)
        say(said, "Its descriptor could not be duplicated: %s.\n", strerror(refusal->error));
    else
        say(said, "No process has this socket under the number seen before: it was closed, passed on or replaced "
                  "meanwhile. Nothing was touched.\n");
}
