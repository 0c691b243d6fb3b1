/* Descriptors and open files, and the calls that are about nothing else: close, dup, fcntl.
 *
 * Two tables: `fds` by descriptor, `files` by slot. A file is named by an id (a serial number over its slot) that is
 * never used again; the stack's events and waiting calls carry it. A file lives as long as a descriptor or a waiting
 * call refers to it, and a socket that lingers until the stack says that it is over. */
#include "sys/open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#ifndef F_DUPFD_CLOEXEC
#define F_DUPFD_CLOEXEC 1030
#endif

#define FD_MAX 1048576u /* Linux's fs.nr_open. */

/* A table of at least one entry more, zeroed beyond the old ones. */
static void *grow(struct la_sys *sys, void *old, size_t *count, size_t size) {
    size_t more = *count ? *count * 2 : 16;
    void *table = sys_alloc(sys, more * size);
    if (!table) return NULL;
    if (old) memcpy(table, old, *count * size);
    sys_free(sys, old, *count * size);
    *count = more;
    return table;
}

/* --- Open files --- */

static uint32_t free_slot(struct la_sys *sys) {
    for (size_t i = 0; i < sys->nfiles; i++)
        if (!sys->files[i]) return (uint32_t)i;
    size_t first = sys->nfiles;
    void *table = grow(sys, sys->files, &sys->nfiles, sizeof(struct sys_file *));
    if (!table) return UINT32_MAX;
    sys->files = table;
    return (uint32_t)first;
}

struct sys_file *sys_file_new(struct la_sys *sys, enum sys_kind kind) {
    uint32_t slot = free_slot(sys);
    struct sys_file *file = slot == UINT32_MAX ? NULL : sys_alloc(sys, sizeof *file);
    if (!file) return NULL;
    file->slot = slot;
    file->id = (uint64_t)++sys->serial << 32 | slot;
    file->kind = kind;
    sys_list_init(&file->watchers);
    sys_list_init(&file->epoll.watches);
    sys_list_init(&file->epoll.ready);
    file->socket.sock = -1;
    file->socket.recv_timeout = file->socket.send_timeout = LA_NEVER;
    file->socket.low_water = 1;
    sys->files[slot] = file;
    return file;
}

struct sys_file *sys_file_by_id(const struct la_sys *sys, uint64_t id) {
    uint32_t slot = (uint32_t)id;
    struct sys_file *file = slot < sys->nfiles ? sys->files[slot] : NULL;
    return file && file->id == id ? file : NULL;
}

void sys_file_free(struct la_sys *sys, struct sys_file *file) {
    sys_epoll_forget(sys, file);
    sys->files[file->slot] = NULL;
    sys_free(sys, file, sizeof *file);
}

/* True when the stack has to wait for the peer first. */
static bool close_socket(struct la_sys *sys, struct sys_socket *s) {
    if (s->sock < 0 || s->closing) return s->closing;
    s->closing = la_close(sys->stack, s->sock, sys->now) == -LA_EINPROGRESS;
    if (!s->closing) s->sock = -1;
    return s->closing;
}

void sys_file_release(struct la_sys *sys, struct sys_file *file) {
    if (--file->refs) return;
    sys_epoll_forget(sys, file);
    if (file->kind == SYS_SOCKET && close_socket(sys, &file->socket)) return;
    sys_file_free(sys, file);
}

void sys_socket_closed(struct la_sys *sys, struct sys_file *file) {
    file->socket.closing = false;
    file->socket.sock = -1;
    if (!file->refs) sys_file_free(sys, file);
}

/* --- Descriptors --- */

struct sys_file *sys_fd_file(const struct la_sys *sys, int fd) {
    return fd >= 0 && (size_t)fd < sys->nfds ? sys->fds[fd].file : NULL;
}

int sys_fd_lowest(struct la_sys *sys, unsigned least) {
    size_t fd = least > sys->first_fd ? least : sys->first_fd;
    while (fd < sys->nfds && sys->fds[fd].file) fd++;
    if (fd >= FD_MAX) return -EMFILE;
    while (fd >= sys->nfds) {
        struct sys_fd *table = grow(sys, sys->fds, &sys->nfds, sizeof *table);
        if (!table) return -ENOMEM;
        sys->fds = table;
    }
    return (int)fd;
}

int sys_fd_install(struct la_sys *sys, int fd, struct sys_file *file, bool cloexec) {
    sys->fds[fd] = (struct sys_fd){file, cloexec};
    file->refs++;
    return fd;
}

/* --- The calls --- */

int64_t sys_close(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file = sys_call_file(sys, call);
    if (call->pending) return file && file->socket.closing ? SYS_PENDING : 0;
    if (!file) return -EBADF;
    sys->fds[sys_int(call, 0)].file = NULL;
    if (file->refs == 1 && file->kind == SYS_SOCKET) {
        sys_epoll_forget(sys, file);
        if (close_socket(sys, &file->socket)) {
            call->file = file->id; /* The descriptor's reference is the call's now. */
            return SYS_PENDING;
        }
    }
    sys_file_release(sys, file);
    return 0;
}

static int64_t dup_from(struct la_sys *sys, struct sys_file *file, unsigned least, bool cloexec) {
    int fd = sys_fd_lowest(sys, least);
    return fd < 0 ? fd : sys_fd_install(sys, fd, file, cloexec);
}

int64_t sys_dup(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file = sys_call_file(sys, call);
    return file ? dup_from(sys, file, 0, false) : -EBADF;
}

int64_t sys_fcntl(struct la_sys *sys, struct la_sys_call *call) {
    const int changeable = O_APPEND | O_NONBLOCK;
    struct sys_file *file = sys_call_file(sys, call);
    int value = sys_int(call, 2);
    if (!file) return -EBADF;
    struct sys_fd *fd = &sys->fds[sys_int(call, 0)];
    switch (sys_int(call, 1)) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if (value < 0 || (unsigned)value >= FD_MAX) return -EINVAL;
        return dup_from(sys, file, (unsigned)value, sys_int(call, 1) != F_DUPFD);
    case F_GETFD: return fd->cloexec ? FD_CLOEXEC : 0;
    case F_SETFD: fd->cloexec = value & FD_CLOEXEC; return 0;
    case F_GETFL: return O_RDWR | file->flags;
    case F_SETFL: file->flags = (file->flags & ~changeable) | (value & changeable); return 0;
    default: return -EINVAL;
    }
}
