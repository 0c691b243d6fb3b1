/* One look closely: what its parts (linux_look.c, linux_epoll.c, linux_threads.c, linux_hidden.c) share. */
#ifndef INSPECT_LINUX_EXAM_H
#define INSPECT_LINUX_EXAM_H

#include "linux_inodes.h"
#include "linux_procfs.h"
#include "map.h"

/* How the examination of a process went. */
enum exam_result {
    EXAM_WANTED,  /* It is still to come. */
    EXAM_DONE,    /* Whoever watches there was seen. */
    EXAM_GONE,    /* It vanished. */
    EXAM_DENIED,  /* Its descriptors or threads may not be read. */
    EXAM_FOREIGN, /* A program of another architecture: its calls cannot be told. */
    EXAM_CUT,     /* It has more threads, or longer poll arrays, than are looked at. */
    EXAM_NRESULTS,
};

struct exam {
    struct snap *snap;
    int procfs;
    uint64_t device;      /* Of the file system of sockets, as fdinfo writes it; 0: unknown. */
    struct inodes wanted; /* Connections to be looked at. */
    struct map procs;     /* Index of a process -> enum exam_result. */
    unsigned count[EXAM_NRESULTS];
    struct procfs_dir dir, tasks;
    struct procfs_lines lines;
};

/* A descriptor of the process that is a wanted connection. */
struct exam_fd {
    int32_t fd;
    uint32_t conn;
};

/* An epoll set or an io_uring of the process. */
struct exam_set {
    int32_t fd;
    bool ring;
    int32_t tid;      /* A thread that sleeps in a call on it; 0: none does. */
    const char *call; /* That call. */
};

/* An epoll set that is itself watched, by an outer one. Indexes into sets. */
struct exam_edge {
    uint32_t outer, inner;
};

struct exam_list {
    size_t n, room;
};

struct exam_proc {
    struct exam *exam;
    uint32_t proc;
    int32_t pid;
    char base[48]; /* "17"; "17/task/19" where the first thread has ended. */
    struct exam_fd *fds;
    struct exam_set *sets;
    struct exam_edge *edges;
    struct exam_list list_fds, list_sets, list_edges;
    struct map conn_of_fd, set_of_fd;
    uint32_t first_watch; /* Its watches are the snapshot's from here on. */
    uint64_t poll_left;   /* How many more entries of poll arrays are read. */
    enum exam_result result;
};

/* Room for one more element in a list of elements of `size`. False: no memory, and the snapshot knows. */
bool exam_room(struct exam *exam, void **elements, struct exam_list *list, size_t size);

/* The wanted connection with this inode; SNAP_NONE. Of several, what is found about it is the others', too. */
uint32_t exam_conn(const struct exam *exam, uint64_t inode);

/* Whether an error means that one may not look. */
bool exam_is_denial(int error);

/* The process with this pid is to be examined, too. Its index; SNAP_NONE: no memory. */
uint32_t exam_add_proc(struct exam *exam, struct map *by_pid, int32_t pid);

/* linux_epoll.c: reads the sets and rings; and, when it is known where threads sleep, tells their watches. */
void exam_sets(struct exam_proc *proc);
void exam_wake(struct exam_proc *proc);
/* Reads one ring: `found` is called for each socket that is registered. */
struct fdinfo_uring;
bool exam_ring(struct exam *exam, const char *path, struct fdinfo_uring *uring,
               void (*found)(void *arg, uint64_t inode), void *arg);

/* linux_threads.c: what every thread does. */
void exam_threads(struct exam_proc *proc);

/* linux_hidden.c: who holds the connections without an owner. Adds owners, holds and processes to be examined. */
void exam_hidden(struct exam *exam);

#endif
