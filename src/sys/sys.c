/* The calls by number: begins them, goes on with those that wait, and takes the stack's events meanwhile.
 *
 * In: calls and time; the stack's events. Out: results, through the call; edges, to epoll.c. A handler runs from its
 * beginning every time its call is stepped and says SYS_PENDING when it cannot go on; what it must remember is in the
 * call (bytes done, deadline, the open file it waits on), so a pending call is nothing but its struct.
 *
 * Linux's headers say what the arguments are; the numbers of errors are Linux's too. */
#include "sys/open_file.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

struct call_row {
    const char *name;
    int64_t (*handler)(struct la_sys *sys, struct la_sys_call *call);
};

static const struct call_row calls[LA_SYS_COUNT] = {
    [LA_SYS_SOCKET] = {"socket", sys_socket},
    [LA_SYS_BIND] = {"bind", sys_bind},
    [LA_SYS_LISTEN] = {"listen", sys_listen},
    [LA_SYS_ACCEPT] = {"accept", sys_accept},
    [LA_SYS_ACCEPT4] = {"accept4", sys_accept},
    [LA_SYS_CONNECT] = {"connect", sys_connect},
    [LA_SYS_READ] = {"read", sys_receive},
    [LA_SYS_READV] = {"readv", sys_receive},
    [LA_SYS_RECV] = {"recv", sys_receive},
    [LA_SYS_RECVFROM] = {"recvfrom", sys_receive},
    [LA_SYS_RECVMSG] = {"recvmsg", sys_receive},
    [LA_SYS_WRITE] = {"write", sys_transmit},
    [LA_SYS_WRITEV] = {"writev", sys_transmit},
    [LA_SYS_SEND] = {"send", sys_transmit},
    [LA_SYS_SENDTO] = {"sendto", sys_transmit},
    [LA_SYS_SENDMSG] = {"sendmsg", sys_transmit},
    [LA_SYS_SHUTDOWN] = {"shutdown", sys_shutdown},
    [LA_SYS_CLOSE] = {"close", sys_close},
    [LA_SYS_GETSOCKOPT] = {"getsockopt", sys_getsockopt},
    [LA_SYS_SETSOCKOPT] = {"setsockopt", sys_setsockopt},
    [LA_SYS_GETSOCKNAME] = {"getsockname", sys_getsockname},
    [LA_SYS_GETPEERNAME] = {"getpeername", sys_getpeername},
    [LA_SYS_FCNTL] = {"fcntl", sys_fcntl},
    [LA_SYS_IOCTL] = {"ioctl", sys_ioctl},
    [LA_SYS_DUP] = {"dup", sys_dup},
    [LA_SYS_POLL] = {"poll", sys_poll},
    [LA_SYS_EPOLL_CREATE] = {"epoll_create", sys_epoll_create},
    [LA_SYS_EPOLL_CTL] = {"epoll_ctl", sys_epoll_ctl},
    [LA_SYS_EPOLL_WAIT] = {"epoll_wait", sys_epoll_wait},
};

const char *la_sys_name(enum la_sys_nr nr) { return (unsigned)nr < LA_SYS_COUNT ? calls[nr].name : NULL; }

const char *la_sys_refusal(const struct la_sys_call *call) {
    const char *why = NULL;
    if (!call) return NULL;
    if (call->nr == LA_SYS_SETSOCKOPT || call->nr == LA_SYS_GETSOCKOPT)
        sys_option_refusal(sys_int(call, 1), sys_int(call, 2), &why);
    else
        why = sys_transfer_refusal(call);
    return why;
}

/* --- Memory --- */

void *sys_alloc(struct la_sys *sys, size_t size) {
    void *memory = sys->alloc.alloc(sys->alloc.ctx, size);
    if (memory) memset(memory, 0, size);
    return memory;
}

void sys_free(struct la_sys *sys, void *memory, size_t size) {
    if (memory) sys->alloc.free(sys->alloc.ctx, memory, size);
}

/* --- Making and ending --- */

int la_sys_create(const struct la_sys_config *config, struct la_sys **out) {
    if (!config || !out || !config->stack || !config->alloc.alloc || !config->alloc.free) return -EINVAL;
    struct la_sys *sys = config->alloc.alloc(config->alloc.ctx, sizeof *sys);
    if (!sys) return -ENOMEM;
    memset(sys, 0, sizeof *sys);
    sys->stack = config->stack;
    sys->alloc = config->alloc;
    sys->first_fd = config->first_fd;
    sys->bsd = config->bsd;
    *out = sys;
    return 0;
}

/* A process that ends waits for nobody: SO_LINGER {1,n} counts as off. */
static void end_socket(struct la_sys *sys, struct sys_socket *s) {
    struct la_linger linger = {0, 0};
    size_t len = sizeof linger;
    if (s->sock < 0 || s->closing) return;
    if (!la_getsockopt(sys->stack, s->sock, LA_SOL_SOCKET, LA_SO_LINGER, &linger, &len) && linger.onoff &&
        linger.seconds) {
        linger.onoff = 0;
        la_setsockopt(sys->stack, s->sock, LA_SOL_SOCKET, LA_SO_LINGER, &linger, sizeof linger, sys->now);
    }
    la_close(sys->stack, s->sock, sys->now);
}

void la_sys_destroy(struct la_sys *sys, la_time now) {
    if (!sys) return;
    if (now > sys->now) sys->now = now;
    for (size_t i = 0; i < sys->nfiles; i++) {
        struct sys_file *file = sys->files[i];
        if (!file) continue;
        if (file->kind == SYS_SOCKET) end_socket(sys, &file->socket);
        sys_file_free(sys, file);
    }
    struct la_allocator alloc = sys->alloc;
    sys_free(sys, sys->files, sys->nfiles * sizeof(struct sys_file *));
    sys_free(sys, sys->fds, sys->nfds * sizeof *sys->fds);
    sys_free(sys, sys->datagram, SYS_DATAGRAM);
    alloc.free(alloc.ctx, sys, sizeof *sys);
}

/* --- Events --- */

/* Which of SYS_POLLIN … an event may have set; 0: any. */
static unsigned mask_of(uint32_t events) {
    unsigned mask = 0;
    if (events & (LA_EV_EOF | LA_EV_ERROR | LA_EV_CONNECTED | LA_EV_CLOSED)) return 0;
    if (events & (LA_EV_READABLE | LA_EV_ACCEPTED)) mask |= SYS_POLL_READ;
    if (events & LA_EV_WRITABLE) mask |= SYS_POLL_WRITE | SYS_POLLWRBAND;
    if (events & LA_EV_URGENT) mask |= SYS_POLLPRI;
    return mask;
}

/* Sockets that an epoll found without room: the stack tells only those whose send failed. */
static void look_for_room(struct la_sys *sys) {
    if (!sys->wants_room) return;
    sys->wants_room = false;
    for (size_t i = 0; i < sys->nfiles; i++) {
        struct sys_file *file = sys->files[i];
        if (!file || file->kind != SYS_SOCKET || !file->socket.wants_room) continue;
        int ready = la_ready(sys->stack, file->socket.sock);
        if (ready < 0 || ready & LA_EV_WRITABLE) {
            file->socket.wants_room = false;
            sys_epoll_wake(file, SYS_POLL_WRITE);
        } else {
            sys->wants_room = true;
        }
    }
}

void la_sys_events(struct la_sys *sys, la_time now) {
    struct la_event event;
    if (now > sys->now) sys->now = now;
    while (la_next_event(sys->stack, &event)) {
        struct sys_file *file = sys_file_by_id(sys, event.owner);
        if (!file || file->kind != SYS_SOCKET || file->socket.sock != event.sock) continue;
        if (file->socket.closing) {
            if (event.events & LA_EV_CLOSED) sys_socket_closed(sys, file);
            continue;
        }
        if (event.events & LA_EV_WRITABLE) file->socket.wants_room = false;
        sys_epoll_wake(file, mask_of(event.events));
    }
    look_for_room(sys);
}

/* --- Calls --- */

int64_t sys_wait(struct la_sys *sys, struct la_sys_call *call, struct sys_file *file, la_time timeout,
                 int64_t otherwise) {
    if (call->pending) {
        if (sys->now < call->until) return SYS_PENDING;
        call->over_at = call->until;
        return otherwise;
    }
    if (!timeout) return otherwise;
    call->until = timeout >= LA_NEVER - sys->now ? LA_NEVER : sys->now + timeout;
    if (file) {
        file->refs++;
        call->file = file->id;
    }
    return SYS_PENDING;
}

struct sys_file *sys_call_file(const struct la_sys *sys, const struct la_sys_call *call) {
    return call->file ? sys_file_by_id(sys, call->file) : sys_fd_file(sys, sys_int(call, 0));
}

int sys_call_socket(const struct la_sys *sys, const struct la_sys_call *call, struct sys_file **file) {
    *file = sys_call_file(sys, call);
    if (!*file) return -EBADF;
    return (*file)->kind == SYS_SOCKET ? 0 : -ENOTSOCK;
}

bool la_sys_step(struct la_sys *sys, struct la_sys_call *call, la_time now) {
    la_sys_events(sys, now);
    if (!call->pending) {
        call->done = 0;
        call->until = LA_NEVER;
        call->file = 0;
    }
    call->over_at = sys->now;
    int64_t result = (unsigned)call->nr < LA_SYS_COUNT ? calls[call->nr].handler(sys, call) : -ENOSYS;
    call->pending = result == SYS_PENDING;
    if (call->pending) return false;
    struct sys_file *held = call->file ? sys_file_by_id(sys, call->file) : NULL;
    call->file = 0;
    if (held) sys_file_release(sys, held);
    call->result = result;
    return true;
}

la_time la_sys_poll_at(const struct la_sys *sys, const struct la_sys_call *call) {
    (void)sys;
    return call->pending ? call->until : LA_NEVER;
}

la_sock la_sys_sock(const struct la_sys *sys, int fd) {
    const struct sys_file *file = sys_fd_file(sys, fd);
    return file && file->kind == SYS_SOCKET && file->socket.sock >= 0 ? file->socket.sock : -LA_EBADF;
}
