/* Linux's socket calls over a stack: descriptors, blocking, flags, errno values, and the structures of Linux's own
 * headers, where socket.h has handles and never blocks.
 *
 * A call is a number and six arguments, as on the system call boundary: integers, and pointers to structures as
 * <sys/socket.h>, <poll.h>, <sys/epoll.h> … lay them out on this machine. A call that cannot finish yet stays pending,
 * and the caller lets time pass and packets come until la_sys_step says that it is over:
 *
 *     struct la_sys_call call = {.nr = LA_SYS_ACCEPT, .arg = {3, 0, 0}};
 *     while (!la_sys_step(sys, &call, now)) ... la_input, la_tick, time ...
 *     call.result                                  the value, or a negative errno
 *
 * One la_sys is what one process sees. It takes the stack's events (la_next_event), so nobody else may. It makes no
 * system call, does not block and has no thread. */
#ifndef LASTACK_SYS_H
#define LASTACK_SYS_H

#include <lastack/socket.h>
#include <lastack/types.h>

struct la_stack;
struct la_sys;

enum la_sys_nr {
    LA_SYS_SOCKET,       /* domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol */
    LA_SYS_BIND,         /* fd, const struct sockaddr *, socklen_t */
    LA_SYS_LISTEN,       /* fd, backlog */
    LA_SYS_ACCEPT,       /* fd, struct sockaddr * or NULL, socklen_t * */
    LA_SYS_ACCEPT4,      /* the same, flags */
    LA_SYS_CONNECT,      /* fd, const struct sockaddr *, socklen_t */
    LA_SYS_READ,         /* fd, void *, size_t */
    LA_SYS_READV,        /* fd, const struct iovec *, count */
    LA_SYS_RECV,         /* fd, void *, size_t, flags */
    LA_SYS_RECVFROM,     /* fd, void *, size_t, flags, struct sockaddr *, socklen_t * */
    LA_SYS_RECVMSG,      /* fd, struct msghdr *, flags */
    LA_SYS_WRITE,        /* fd, const void *, size_t */
    LA_SYS_WRITEV,       /* fd, const struct iovec *, count */
    LA_SYS_SEND,         /* fd, const void *, size_t, flags */
    LA_SYS_SENDTO,       /* fd, const void *, size_t, flags, const struct sockaddr *, socklen_t */
    LA_SYS_SENDMSG,      /* fd, const struct msghdr *, flags */
    LA_SYS_SHUTDOWN,     /* fd, how */
    LA_SYS_CLOSE,        /* fd */
    LA_SYS_GETSOCKOPT,   /* fd, level, name, void *, socklen_t * */
    LA_SYS_SETSOCKOPT,   /* fd, level, name, const void *, socklen_t */
    LA_SYS_GETSOCKNAME,  /* fd, struct sockaddr *, socklen_t * */
    LA_SYS_GETPEERNAME,  /* fd, struct sockaddr *, socklen_t * */
    LA_SYS_FCNTL,        /* fd, F_GETFL | F_SETFL | F_GETFD | F_SETFD | F_DUPFD, value */
    LA_SYS_IOCTL,        /* fd, FIONREAD (SIOCINQ) | SIOCOUTQ | SIOCOUTQNSD | FIONBIO, int * */
    LA_SYS_DUP,          /* fd */
    LA_SYS_POLL,         /* struct pollfd *, count, timeout in ms */
    LA_SYS_EPOLL_CREATE, /* flags or size: ignored */
    LA_SYS_EPOLL_CTL,    /* epfd, op, fd, struct epoll_event * */
    LA_SYS_EPOLL_WAIT,   /* epfd, struct epoll_event *, max, timeout in ms */
    LA_SYS_COUNT,
};

/* "accept", …; NULL past the end. */
const char *la_sys_name(enum la_sys_nr nr);

struct la_sys_call {
    enum la_sys_nr nr;
    uintptr_t arg[6]; /* Integers (sign-extended) and pointers to the caller's memory, valid until the call is over. */
    int64_t result;   /* When over: what the call returns, or a negative errno. */
    la_time over_at;  /* When over: the time at which it became so. */
    /* la_sys_step's own. Zero at the start. */
    bool pending;
    size_t done;   /* Bytes that a blocking transfer has moved so far. */
    la_time until; /* The call's own deadline (poll's timeout, SO_RCVTIMEO …); LA_NEVER: none. */
    uint64_t file; /* The open file that it waits on, even if its descriptor is closed or given out again. */
};

struct la_sys_config {
    struct la_stack *stack;    /* Not owned. */
    struct la_allocator alloc; /* Required. */
    unsigned first_fd;         /* The lowest descriptor given out: 3 as in a fresh process. */
    bool bsd;                  /* Where BSD's rules for calls differ (connect's and TCP_FASTOPEN's), those. */
};

int la_sys_create(const struct la_sys_config *config, struct la_sys **sys);
/* Closes every descriptor as a process's end would (FIN, or RST where data was unread) and frees everything. */
void la_sys_destroy(struct la_sys *sys, la_time now);

/* Begins a call, or goes on with a pending one. True when it is over. Unknown descriptors give -EBADF, descriptors of
 * the wrong kind -ENOTSOCK, NULL where memory is needed -EFAULT, a call that lastack has no mechanism for
 * (MSG_ZEROCOPY, MSG_ERRQUEUE …) -EOPNOTSUPP. */
bool la_sys_step(struct la_sys *sys, struct la_sys_call *call, la_time now);

/* For a call that got -EOPNOTSUPP: the mechanism that it needs and lastack does not have ("SO_ZEROCOPY: …"). NULL:
 * there is none, the error is Linux's own. */
const char *la_sys_refusal(const struct la_sys_call *call);

/* When a pending call must be stepped at the latest although nothing happened; LA_NEVER. */
la_time la_sys_poll_at(const struct la_sys *sys, const struct la_sys_call *call);

/* Takes what the stack has to tell. Call after every la_input and la_tick (la_sys_step calls it, too): edge-triggered
 * epoll needs to see each edge. */
void la_sys_events(struct la_sys *sys, la_time now);

/* The stack's handle behind a descriptor; -LA_EBADF when there is none (closed, an epoll). */
la_sock la_sys_sock(const struct la_sys *sys, int fd);

#endif
