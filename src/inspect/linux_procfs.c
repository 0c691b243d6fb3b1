/* /proc as directories of numbers and small texts.
 *
 * In: a descriptor of /proc, so that no path is walked from the root for each of a hundred thousand look-ups. Out:
 * numbers, lines, and what a process says about itself. The parsers take text and touch nothing else; they accept any
 * bytes. Directories are read with getdents64 into one block that the caller owns, because opendir allocates.
 *
 * Names of programs are chosen by those who are looked at: whatever goes into the snapshot went through say_clean_line.
 */
#define _GNU_SOURCE
#include "linux_procfs.h"
#include "say.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux_unit.h"

int procfs_open(void) {
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* --- Directories --- */

/* struct linux_dirent64, as getdents64(2) describes it. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[];
};

int procfs_open_dir(struct procfs_dir *dir, int at, const char *path) {
    dir->at = dir->end = 0;
    dir->fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir->fd < 0 ? -errno : 0;
}

/* A name that is a number; -1: it is something else. */
static int32_t number_of(const char *name) {
    int64_t number = 0;
    if (!*name) return -1;
    for (; *name; name++) {
        if (*name < '0' || *name > '9') return -1;
        number = number * 10 + (*name - '0');
        if (number > INT32_MAX) return -1;
    }
    return (int32_t)number;
}

int32_t procfs_next(struct procfs_dir *dir) {
    for (;;) {
        if (dir->at >= dir->end) {
            long n = dir->fd < 0 ? 0 : syscall(SYS_getdents64, dir->fd, dir->block, sizeof dir->block);
            if (n <= 0) return -1;
            dir->at = 0;
            dir->end = (size_t)n;
        }
        const struct entry *entry = (const struct entry *)(const void *)(dir->block + dir->at);
        dir->at += entry->size;
        int32_t number = number_of(entry->name);
        if (number >= 0) return number;
    }
}

void procfs_close_dir(struct procfs_dir *dir) {
    if (dir->fd >= 0) close(dir->fd);
    dir->fd = -1;
}

/* --- Texts --- */

ssize_t procfs_read(int at, const char *path, char *text, size_t size) {
    text[0] = '\0';
    int fd = openat(at, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    size_t len = 0;
    ssize_t n = 1;
    while (len + 1 < size && (n = read(fd, text + len, size - 1 - len)) > 0) len += (size_t)n;
    int error = errno;
    close(fd);
    text[len] = '\0';
    return n < 0 && !len ? -error : (ssize_t)len;
}

int procfs_open_lines(struct procfs_lines *lines, int at, const char *path) {
    lines->at = lines->end = 0;
    lines->error = 0;
    lines->fd = openat(at, path, O_RDONLY | O_CLOEXEC);
    return lines->fd < 0 ? -errno : 0;
}

/* Moves what is left to the front and reads more behind it. False: there is no more. */
static bool refill(struct procfs_lines *lines) {
    memmove(lines->block, lines->block + lines->at, lines->end - lines->at);
    lines->end -= lines->at;
    lines->at = 0;
    ssize_t n = read(lines->fd, lines->block + lines->end, sizeof lines->block - 1 - lines->end);
    if (n < 0) lines->error = errno;
    if (n <= 0) return false;
    lines->end += (size_t)n;
    return true;
}

char *procfs_line(struct procfs_lines *lines) {
    if (lines->fd < 0) return NULL;
    for (;;) {
        char *start = lines->block + lines->at;
        char *newline = memchr(start, '\n', lines->end - lines->at);
        bool full = lines->end - lines->at == sizeof lines->block - 1;
        if (!newline && !full && refill(lines)) continue;
        if (!newline && lines->at == lines->end) return NULL;
        start = lines->block + lines->at;
        char *end = newline ? newline : lines->block + lines->end;
        *end = '\0';
        lines->at = (size_t)(end - lines->block) + (newline ? 1 : 0);
        return start;
    }
}

void procfs_close_lines(struct procfs_lines *lines) {
    if (lines->fd >= 0) close(lines->fd);
    lines->fd = -1;
}

/* --- Links of descriptors --- */

static bool begins(const char *text, size_t len, const char *with) {
    size_t n = strlen(with);
    return len >= n && !memcmp(text, with, n);
}

static bool equals(const char *text, size_t len, const char *with) {
    return len == strlen(with) && begins(text, len, with);
}

enum procfs_link procfs_link_text(const char *text, size_t len, uint64_t *inode) {
    if (equals(text, len, "anon_inode:[eventpoll]")) return PROCFS_EPOLL;
    if (equals(text, len, "anon_inode:[io_uring]")) return PROCFS_URING;
    if (!begins(text, len, "socket:[")) return PROCFS_OTHER;
    uint64_t number = 0;
    size_t at = sizeof "socket:[" - 1;
    for (; at < len && text[at] >= '0' && text[at] <= '9'; at++) number = number * 10 + (uint64_t)(text[at] - '0');
    if (at + 1 != len || text[at] != ']') return PROCFS_OTHER;
    *inode = number;
    return PROCFS_SOCKET;
}

enum procfs_link procfs_link(const struct procfs_dir *dir, int32_t fd, uint64_t *inode) {
    char name[16], text[64];
    snprintf(name, sizeof name, "%" PRId32, fd);
    ssize_t len = readlinkat(dir->fd, name, text, sizeof text);
    if (len < 0) return errno == EACCES || errno == EPERM ? PROCFS_DENIED : PROCFS_GONE;
    return procfs_link_text(text, (size_t)len, inode);
}

/* --- What a process says about itself --- */

/* The flag of /proc/PID/stat's ninth field that marks threads of the kernel. */
#define KERNEL_THREAD 0x00200000u

bool procfs_parse_stat(const char *text, struct procfs_stat *stat) {
    memset(stat, 0, sizeof *stat);
    stat->state = '?';
    /* The name may contain anything, ')' too: it ends at the last one. */
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close || close < open || close[1] != ' ' || !isalpha((unsigned char)close[2])) return false;
    size_t len = (size_t)(close - open) - 1;
    if (len >= sizeof stat->program) len = sizeof stat->program - 1;
    memcpy(stat->program, open + 1, len);
    stat->state = close[2];
    char *at = (char *)(uintptr_t)(close + 3);
    for (unsigned field = 4; field <= 22; field++) {
        char *end;
        uint64_t value = strtoull(at, &end, 10);
        if (end == at) return field > 9;
        at = end;
        if (field == 4) stat->parent = (int32_t)(value & INT32_MAX);
        if (field == 9) stat->kernel = value & KERNEL_THREAD;
        if (field == 22) stat->started = value;
    }
    return true;
}

/* The value of a line "Name: value"; NULL: there is none. */
static const char *line_value(const char *text, const char *name) {
    size_t len = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len)) continue;
        line += len;
        return line + strspn(line, " \t");
    }
    return NULL;
}

uint32_t procfs_status_uid(const char *text) {
    /* Real, effective, saved, file system. */
    const char *value = line_value(text, "Uid:");
    char *end;
    if (!value) return UINT32_MAX;
    strtoul(value, &end, 10);
    const char *second = end;
    unsigned long uid = strtoul(second, &end, 10);
    return end == second || uid > UINT32_MAX ? UINT32_MAX : (uint32_t)uid;
}

/* Whether a line with a mask of signals has SIGPIPE; -1: there is no such line. */
static int has_sigpipe(const char *text, const char *name) {
    const char *value = line_value(text, name);
    char *end;
    if (!value) return -1;
    uint64_t mask = strtoull(value, &end, 16);
    if (end == value) return -1;
    return mask >> (SIGPIPE - 1) & 1;
}

enum snap_sigpipe procfs_status_sigpipe(const char *text) {
    int ignored = has_sigpipe(text, "SigIgn:"), caught = has_sigpipe(text, "SigCgt:");
    if (ignored < 0 || caught < 0) return SNAP_SIGPIPE_UNKNOWN;
    return ignored ? SNAP_SIGPIPE_IGNORED : caught ? SNAP_SIGPIPE_CAUGHT : SNAP_SIGPIPE_KILLS;
}

uint32_t procfs_limit_fds(const char *text) {
    const char *value = line_value(text, "Max open files");
    char *end;
    if (!value) return UINT32_MAX;
    uint64_t limit = strtoull(value, &end, 10);
    return end == value || limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit;
}

bool procfs_may_hold(int procfs, int32_t pid, char program[64]) {
    char path[40], text[1024];
    struct procfs_stat stat;
    strcpy(program, "?");
    snprintf(path, sizeof path, "%" PRId32 "/stat", pid);
    ssize_t len = procfs_read(procfs, path, text, sizeof text);
    if (len == -ENOENT || len == -ESRCH) return false;
    if (!procfs_parse_stat(text, &stat)) return true;
    say_clean_line(stat.program);
    memcpy(program, stat.program, sizeof stat.program);
    return !stat.kernel && stat.state != 'Z' && stat.state != 'X';
}

/* The arguments, joined by spaces. NULL: there are none, or they are not told. */
static const char *read_command(struct snap *snap, int procfs, int32_t pid, char *text, size_t size) {
    char path[40];
    snprintf(path, sizeof path, "%" PRId32 "/cmdline", pid);
    ssize_t len = procfs_read(procfs, path, text, size);
    while (len > 0 && !text[len - 1]) len--;
    if (len <= 0) return NULL;
    for (ssize_t i = 0; i < len; i++)
        if (!text[i]) text[i] = ' ';
    say_clean_line(text);
    return snap_text(snap, text);
}

static void read_unit(struct snap *snap, uint32_t index, int procfs, int32_t pid, char *text, size_t size) {
    char path[40], unit[UNIT_TEXT], container[UNIT_TEXT];
    snprintf(path, sizeof path, "%" PRId32 "/cgroup", pid);
    if (procfs_read(procfs, path, text, size) <= 0) return;
    unit_of_cgroup(text, unit, container);
    say_clean_line(unit);
    say_clean_line(container);
    snap->procs[index].unit = unit[0] ? snap_text(snap, unit) : NULL;
    snap->procs[index].container = container[0] ? snap_text(snap, container) : NULL;
}

uint32_t procfs_add_proc(struct snap *snap, int procfs, int32_t pid) {
    char path[40], text[8192];
    struct procfs_stat stat;
    uint32_t index = snap->nprocs;
    if (!snap_add_proc(snap)) return SNAP_NONE;
    struct snap_proc *proc = &snap->procs[index];
    proc->pid = pid;

    snprintf(path, sizeof path, "%" PRId32 "/stat", pid);
    procfs_read(procfs, path, text, sizeof text);
    if (procfs_parse_stat(text, &stat)) {
        proc->parent = stat.parent;
        proc->started = stat.started;
    }
    proc->state = stat.state;
    say_clean_line(stat.program);
    proc->program = stat.program[0] ? snap_text(snap, stat.program) : "?";

    snprintf(path, sizeof path, "%" PRId32 "/status", pid);
    procfs_read(procfs, path, text, sizeof text);
    proc->uid = procfs_status_uid(text);
    proc->sigpipe = (uint8_t)procfs_status_sigpipe(text);
    snprintf(path, sizeof path, "%" PRId32 "/limits", pid);
    procfs_read(procfs, path, text, sizeof text);
    proc->fd_limit = procfs_limit_fds(text);
    proc->command = read_command(snap, procfs, pid, text, sizeof text);
    read_unit(snap, index, procfs, pid, text, sizeof text);
    return index;
}
