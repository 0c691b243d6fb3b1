/* What the files of sys/ share: open files, descriptors, and how a call waits. */
#ifndef SYS_OPEN_FILE_H
#define SYS_OPEN_FILE_H

#include <lastack/info.h>
#include <lastack/socket.h>
#include <lastack/stack.h>
#include <lastack/sys.h>

/* A handler's answer when the call goes on later; no call returns it. */
#define SYS_PENDING INT64_MIN

/* The most that one read or write moves (Linux's MAX_RW_COUNT). */
#define SYS_TRANSFER_MAX ((size_t)0x7ffff000)

/* A doubly linked ring; an element that is in none points to itself. */
struct sys_list {
    struct sys_list *prev, *next;
};

static inline void sys_list_init(struct sys_list *node) { node->prev = node->next = node; }
static inline bool sys_list_empty(const struct sys_list *node) { return node->next == node; }
static inline void sys_list_remove(struct sys_list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    sys_list_init(node);
}
static inline void sys_list_append(struct sys_list *head, struct sys_list *node) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}
#define SYS_CONTAINER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* What connect() makes of a stream socket (Linux's enum socket_state). */
enum sys_phase {
    SYS_UNCONNECTED,
    SYS_CONNECTING,    /* connect() has begun and nobody has been told the end. */
    SYS_CONNECTED,     /* Also accepted ones. */
    SYS_DISCONNECTING, /* Of no more use. */
};

enum { SYS_SHUT_RECV = 1, SYS_SHUT_SEND = 2 };

/* An option as it was set: for getsockopt where the stack does not know it, and for a socket's next life. */
struct sys_kept {
    int level, name;
    uint8_t len;
    uint8_t value[16];
};
#define SYS_KEPT 48

struct sys_socket {
    la_sock sock; /* -1: gone. */
    int family, type;
    enum sys_phase phase;
    unsigned shut; /* What shutdown() closed although it failed (Linux does so), or on a datagram socket. */
    int error;     /* Pending, positive: of a connection whose la_sock is gone. */
    bool closing;  /* Lingers: LA_EV_CLOSED ends it. */
    bool bound;    /* By the user, to `local`. */
    struct la_endpoint local;
    la_time recv_timeout, send_timeout; /* LA_NEVER: none. */
    int low_water;                      /* SO_RCVLOWAT. */
    bool tell_queue;                    /* TCP_INQ: recvmsg says how much is left. */
    bool wants_room;                    /* An epoll found it not writable. */
    bool syn_call;                      /* Data of a call went with the SYN: it waits for the answer. */
    unsigned nkept;
    struct sys_kept kept[SYS_KEPT];
};

struct sys_epoll {
    struct sys_list watches; /* All, by sys_watch.in_epoll. */
    struct sys_list ready;   /* Those to look at, oldest first, by sys_watch.in_ready. */
};

enum sys_kind { SYS_SOCKET, SYS_EPOLL };

/* An open file: what descriptors made by dup() share. */
struct sys_file {
    uint64_t id;   /* Names it for ever; the owner tag of its socket. */
    uint32_t slot; /* In la_sys.files. */
    uint32_t refs; /* Descriptors, and calls that wait on it. */
    enum sys_kind kind;
    int flags;                /* O_NONBLOCK … */
    struct sys_list watchers; /* sys_watch.in_file of every epoll that watches it. */
    struct sys_socket socket;
    struct sys_epoll epoll;
};

struct sys_fd {
    struct sys_file *file; /* NULL: free. */
    bool cloexec;
};

struct la_sys {
    struct la_stack *stack;
    struct la_allocator alloc;
    unsigned first_fd;
    bool bsd;
    la_time now;
    struct sys_fd *fds;
    size_t nfds; /* Allocated. */
    struct sys_file **files;
    size_t nfiles; /* Allocated. */
    uint32_t serial;
    uint8_t *datagram; /* SYS_DATAGRAM bytes, or NULL while no datagram was moved. */
    bool wants_room;   /* Some socket's is set. */
};

/* --- Memory --- */

/* `size` zeroed bytes, or NULL. */
void *sys_alloc(struct la_sys *sys, size_t size);
void sys_free(struct la_sys *sys, void *memory, size_t size);

/* --- fd.c --- */

/* A new open file without descriptors, or NULL. */
struct sys_file *sys_file_new(struct la_sys *sys, enum sys_kind kind);
void sys_file_free(struct la_sys *sys, struct sys_file *file);
struct sys_file *sys_file_by_id(const struct la_sys *sys, uint64_t id);
/* One reference less; the last closes it. */
void sys_file_release(struct la_sys *sys, struct sys_file *file);
struct sys_file *sys_fd_file(const struct la_sys *sys, int fd);
/* The lowest free descriptor from `least` on, with room made for it; -EMFILE, -ENOMEM. */
int sys_fd_lowest(struct la_sys *sys, unsigned least);
/* Makes `fd`, from sys_fd_lowest, refer to the file. Returns it. */
int sys_fd_install(struct la_sys *sys, int fd, struct sys_file *file, bool cloexec);
/* A lingering close is over: the file goes, unless a call waits for it. */
void sys_socket_closed(struct la_sys *sys, struct sys_file *file);

/* --- How a handler gets at its call --- */

static inline int sys_int(const struct la_sys_call *call, unsigned i) { return (int)call->arg[i]; }
static inline void *sys_pointer(const struct la_sys_call *call, unsigned i) { return (void *)call->arg[i]; }

/* The open file of the call's first argument, the same one for as long as the call is pending. NULL: -EBADF. */
struct sys_file *sys_call_file(const struct la_sys *sys, const struct la_sys_call *call);
/* The same for what must be a socket: 0, -EBADF or -ENOTSOCK. */
int sys_call_socket(const struct la_sys *sys, const struct la_sys_call *call, struct sys_file **file);
/* The call cannot go on. SYS_PENDING, or `otherwise` when it does not wait (`timeout` 0) or has waited long enough. A
 * call that begins to wait holds `file` (may be NULL). */
int64_t sys_wait(struct la_sys *sys, struct la_sys_call *call, struct sys_file *file, la_time timeout,
                 int64_t otherwise);

/* --- sock.c --- */

/* The connection behind a stream socket. A socket in TIME_WAIT is CLOSED for its owner, as on Linux. */
void sys_conn(const struct la_sys *sys, const struct sys_socket *s, struct la_conn_info *info);
/* The pending error, which is no more: positive, or 0. */
int sys_error_take(struct la_sys *sys, struct sys_socket *s);
/* Begins to connect a fresh stream socket. 0, or an error. */
int sys_connect_to(struct la_sys *sys, struct sys_socket *s, const void *name, int len);
/* The attempt has come to nothing: its error, and a socket that may try again. */
int64_t sys_connect_failed(struct la_sys *sys, struct sys_file *file);

/* --- addr.c --- */

#define SYS_SIN6_LEAST 24 /* sockaddr_in6 of RFC 2133, without the scope. */

/* Reads the address of a bind, connect or sendto for this socket. 0, -EINVAL, -EFAULT, -EAFNOSUPPORT. */
int sys_addr_get(const struct sys_socket *s, const void *from, int len, struct la_endpoint *endpoint);
/* Its family, before anything else is looked at. Negative: -EINVAL, -EFAULT. */
int sys_addr_family(const void *from, int len);
/* Writes what fits in *len bytes, and the whole length to *len. 0, -EINVAL, -EFAULT. */
int sys_addr_put(const struct sys_socket *s, const struct la_endpoint *endpoint, void *to, void *len);

/* --- option.c --- */

/* Sets on a fresh la_sock what was set on its predecessor. */
void sys_option_replay(struct la_sys *sys, struct sys_socket *s);
/* -EOPNOTSUPP, with the reason, for a name of Linux's that is refused; otherwise 0 and NULL. */
int sys_option_refusal(int level, int name, const char **why);

/* --- poll.c --- */

/* Linux's POLL…, which are its EPOLL… too; libc names some only on request. */
enum {
    SYS_POLLIN = 0x1,
    SYS_POLLPRI = 0x2,
    SYS_POLLOUT = 0x4,
    SYS_POLLERR = 0x8,
    SYS_POLLHUP = 0x10,
    SYS_POLLNVAL = 0x20,
    SYS_POLLRDNORM = 0x40,
    SYS_POLLWRNORM = 0x100,
    SYS_POLLWRBAND = 0x200,
    SYS_POLLRDHUP = 0x2000,
    SYS_POLL_READ = SYS_POLLIN | SYS_POLLRDNORM,
    SYS_POLL_WRITE = SYS_POLLOUT | SYS_POLLWRNORM,
};

/* Which are on. */
unsigned sys_file_mask(struct la_sys *sys, struct sys_file *file);

/* --- epoll.c --- */

/* Something happened to a file: SYS_POLLIN | … as far as it is known, 0 for anything. */
void sys_epoll_wake(struct sys_file *file, unsigned mask);
/* The file is closed: nobody watches it any more, and it watches nothing. */
void sys_epoll_forget(struct la_sys *sys, struct sys_file *file);
/* Whether an epoll has something to report. */
bool sys_epoll_any(struct la_sys *sys, struct sys_file *file);

/* --- The calls --- */

int64_t sys_socket(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_bind(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_listen(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_accept(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_connect(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_shutdown(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_getsockname(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_getpeername(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_receive(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_transmit(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_close(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_dup(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_fcntl(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_ioctl(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_getsockopt(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_setsockopt(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_poll(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_epoll_create(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_epoll_ctl(struct la_sys *sys, struct la_sys_call *call);
int64_t sys_epoll_wait(struct la_sys *sys, struct la_sys_call *call);

/* transfer.c: the largest datagram, and a byte to notice what is longer. */
#define SYS_DATAGRAM ((size_t)65536)
/* A buffer of SYS_DATAGRAM bytes, or NULL. */
uint8_t *sys_datagram(struct la_sys *sys);
/* Why flags of a receiving or sending call have no mechanism here, or NULL. */
const char *sys_transfer_refusal(const struct la_sys_call *call);

#endif
