/* /proc as directories of numbers and small texts. Everything in it may vanish at any moment, and all of it is foreign.
 */
#ifndef INSPECT_LINUX_PROCFS_H
#define INSPECT_LINUX_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "snap.h"

/* Opens /proc itself. A descriptor or -errno. */
int procfs_open(void);

/* A directory that is read through; only names that are numbers count. */
struct procfs_dir {
    int fd;         /* For names relative to it. */
    size_t at, end; /* What is left of the block. */
    _Alignas(8) char block[32768];
};
/* 0 or -errno. Opened or not, `dir->fd` is then what procfs_close_dir expects. */
int procfs_open_dir(struct procfs_dir *dir, int at, const char *path);
/* The next number; -1: no more. */
int32_t procfs_next(struct procfs_dir *dir);
void procfs_close_dir(struct procfs_dir *dir);

/* The beginning of a file as NUL-terminated text (bytes of zero are left as they are). Its length or -errno. */
ssize_t procfs_read(int at, const char *path, char *text, size_t size);

/* A file that is read line by line; of a line that is longer than fits, the beginning. */
struct procfs_lines {
    int fd;
    int error; /* Reading ended with this errno; 0: it did not fail. */
    size_t at, end;
    char block[65536];
};
int procfs_open_lines(struct procfs_lines *lines, int at, const char *path);
/* The next line without its newline, good until the next call; NULL: no more. */
char *procfs_line(struct procfs_lines *lines);
void procfs_close_lines(struct procfs_lines *lines);

/* What a descriptor's link says. */
enum procfs_link { PROCFS_GONE, PROCFS_DENIED, PROCFS_OTHER, PROCFS_SOCKET, PROCFS_EPOLL, PROCFS_URING };
/* Reads descriptor `fd` of an "fd" directory; `inode` is set for sockets. */
enum procfs_link procfs_link(const struct procfs_dir *dir, int32_t fd, uint64_t *inode);
/* The same for a text, which need not end in NUL. */
enum procfs_link procfs_link_text(const char *text, size_t len, uint64_t *inode);

/* /proc/PID/stat. */
struct procfs_stat {
    char program[64];
    char state;
    int32_t parent;
    bool kernel; /* A thread of the kernel itself. */
    uint64_t started;
};
/* False: it is no such text; the state is then '?', the rest zero. */
bool procfs_parse_stat(const char *text, struct procfs_stat *stat);

/* /proc/PID/status: the effective user (UINT32_MAX: not told) and what SIGPIPE does (enum snap_sigpipe). */
uint32_t procfs_status_uid(const char *text);
enum snap_sigpipe procfs_status_sigpipe(const char *text);
/* /proc/PID/limits: how many descriptors it may have; UINT32_MAX: not told, or unlimited. */
uint32_t procfs_limit_fds(const char *text);

/* Whether a process that may not be read is a program that runs, and so may hold something: the kernel's own threads
 * and zombies do not. `program` is set to its name then. */
bool procfs_may_hold(int procfs, int32_t pid, char program[64]);

/* Adds a process to the snapshot with all that is known of it, but for its number of descriptors. Its index; SNAP_NONE:
 * no memory. */
uint32_t procfs_add_proc(struct snap *snap, int procfs, int32_t pid);

#endif
