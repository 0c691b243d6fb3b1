/* Children that stage a situation with a real TCP connection, and snapshots that show it without asking the kernel for
 * its connections: a child tells the inode. */
#ifndef SUPPORT_STAGED_H
#define SUPPORT_STAGED_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inspect/linux.h"
#include "inspect/snap.h"

/* What a child tells about its situation. */
struct staged {
    uint64_t inode; /* Of the connection. */
    int fd;         /* Its descriptor; -1: it has none any more. */
    int set;        /* The epoll set or ring, where there is one. */
    int outer;      /* Another one around it. */
    bool refused;   /* The situation cannot be staged here. */
};

struct stage {
    pid_t pid;
    struct staged told;
};

/* --- In the child --- */

static int staged_report = -1;

static inline void staged_tell(const struct staged *told) {
    if (write(staged_report, told, sizeof *told) != (ssize_t)sizeof *told) _exit(1);
}

static inline uint64_t staged_inode(int fd) {
    struct stat stat;
    return fstat(fd, &stat) ? 0 : (uint64_t)stat.st_ino;
}

/* A connection over loopback; its other end is *peer. */
static inline int staged_connection(int *peer) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    *peer = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 1)) _exit(1);
    if (getsockname(listener, (struct sockaddr *)&addr, &len)) _exit(1);
    if (connect(*peer, (struct sockaddr *)&addr, len)) _exit(1);
    int fd = accept(listener, NULL, NULL);
    close(listener);
    if (fd < 0) _exit(1);
    return fd;
}

/* One whose peer has closed: CLOSE_WAIT. */
static inline int staged_close_wait(void) {
    int peer, fd = staged_connection(&peer);
    close(peer);
    return fd;
}

/* Sleeps for good in something that is no call on a connection. */
static inline void staged_sleep(void) {
    for (;;) nanosleep(&(struct timespec){.tv_sec = 1000}, NULL);
}

/* --- In the test --- */

static inline struct stage staged(void (*scene)(void)) {
    struct stage stage = {0};
    int report[2];
    pid_t parent = getpid();
    assert_int_equal(pipe(report), 0);
    stage.pid = fork();
    assert_true(stage.pid >= 0);
    if (!stage.pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);
        close(report[0]);
        staged_report = report[1];
        scene();
        _exit(0);
    }
    close(report[1]);
    assert_int_equal(read(report[0], &stage.told, sizeof stage.told), sizeof stage.told);
    close(report[0]);
    return stage;
}

static inline void staged_end(struct stage *stage) {
    kill(stage->pid, SIGKILL);
    waitpid(stage->pid, NULL, 0);
}

/* A snapshot of the child's connection, its owners known. */
static inline struct snap *staged_snap(const struct stage *stage) {
    struct snap *snap = snap_new();
    assert_non_null(snap);
    struct snap_conn *conn = snap_add_conn(snap);
    assert_non_null(conn);
    conn->inode = stage->told.inode;
    conn->state = LA_CLOSE_WAIT;
    linux_owners(snap);
    snap_finish(snap);
    assert_true(snap->owners_known);
    assert_false(snap->failed);
    return snap;
}

/* Looked at closely. Under an emulator the children are programs of another architecture: the test is skipped. */
static inline struct snap *staged_look(struct stage *stage) {
    struct snap *snap = staged_snap(stage);
    linux_look_closely(snap, (const uint32_t[]){0}, 1);
    assert_false(snap->failed);
    for (uint32_t i = 0; i < snap->nblinds; i++) {
        if (!strstr(snap->blinds[i].what, "another architecture")) continue;
        snap_free(snap);
        staged_end(stage);
        skip();
    }
    return snap;
}

/* Looks until a thread of the child is in this call. */
static inline struct snap *staged_look_until(struct stage *stage, const char *call) {
    for (unsigned i = 0; i < 200; i++) {
        struct snap *snap = staged_look(stage);
        for (uint32_t k = 0; k < snap->nthreads; k++) {
            const struct snap_thread *thread = &snap->threads[k];
            bool own = snap->procs[thread->proc].pid == stage->pid;
            if (own && thread->call && !strcmp(thread->call, call)) return snap;
        }
        snap_free(snap);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    fail_msg("no thread was seen in %s", call);
    return NULL;
}

#endif
