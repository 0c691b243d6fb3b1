/* The calls that move bytes: read, readv, recv, recvfrom, recvmsg; write, writev, send, sendto, sendmsg.
 *
 * All of them become one struct transfer: pieces of memory, their sum, flags. What a blocking call has moved so far is
 * in call->done, so each step goes on behind it. An error that comes behind moved bytes stays pending for the next
 * call, as on Linux; so nothing here asks the stack for an error while it has bytes to report. */
#include "sys/open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define IOV_MOST 1024 /* UIO_MAXIOV. */
/* Linux's; not every libc has all of them. */
#define FLAG_ERRQUEUE 0x2000
#define FLAG_ZEROCOPY 0x4000000
#define FLAG_FASTOPEN 0x20000000
#define FLAG_CM_INQ 36 /* A control message's type: TCP_CM_INQ. */

struct transfer {
    struct sys_file *file;
    const struct iovec *iov;
    size_t count;
    size_t total;
    int flags;
    bool no_wait;
    struct iovec one;   /* What `iov` is where the call has a single buffer. */
    struct msghdr *msg; /* recvmsg and sendmsg. */
    const void *name;   /* sendto and sendmsg: the address. */
    int name_len;
};

const char *sys_transfer_refusal(const struct la_sys_call *call) {
    int flags = 0;
    switch (call->nr) {
    case LA_SYS_RECVMSG:
    case LA_SYS_SENDMSG: flags = sys_int(call, 2); break;
    case LA_SYS_RECV:
    case LA_SYS_RECVFROM:
    case LA_SYS_SEND:
    case LA_SYS_SENDTO: flags = sys_int(call, 3); break;
    default: return NULL;
    }
    bool sends = call->nr == LA_SYS_SEND || call->nr == LA_SYS_SENDTO || call->nr == LA_SYS_SENDMSG;
    if (!sends) return flags & FLAG_ERRQUEUE ? "MSG_ERRQUEUE: there is no queue of errors" : NULL;
    return flags & FLAG_ZEROCOPY ? "MSG_ZEROCOPY: there is no queue of completions" : NULL;
}

/* --- Arguments --- */

/* 0, -EFAULT, -EINVAL (a length that is negative as ssize_t), or `too_many`. */
static int import(struct transfer *t, const struct iovec *iov, size_t count, int too_many) {
    if (count > IOV_MOST) return too_many;
    if (count && !iov) return -EFAULT;
    for (size_t i = 0; i < count; i++) {
        if (iov[i].iov_len > SIZE_MAX / 2) return -EINVAL;
        size_t left = SYS_TRANSFER_MAX - t->total;
        t->total += iov[i].iov_len < left ? iov[i].iov_len : left;
    }
    t->iov = iov;
    t->count = count;
    return 0;
}

/* read and write refuse a length that is negative as ssize_t; the others cut it. */
static int import_one(struct transfer *t, struct la_sys_call *call) {
    t->one = (struct iovec){sys_pointer(call, 1), (size_t)call->arg[2]};
    bool plain = call->nr == LA_SYS_READ || call->nr == LA_SYS_WRITE;
    if (plain && t->one.iov_len > SIZE_MAX / 2) return -EFAULT;
    if (t->one.iov_len > SYS_TRANSFER_MAX) t->one.iov_len = SYS_TRANSFER_MAX;
    return import(t, &t->one, 1, -EINVAL);
}

static int import_message(struct transfer *t, struct la_sys_call *call) {
    struct msghdr *msg = sys_pointer(call, 1);
    if (!msg) return -EFAULT;
    if (msg->msg_name && (int)msg->msg_namelen < 0) return -EINVAL;
    t->msg = msg;
    t->flags = sys_int(call, 2);
    t->name = msg->msg_name;
    t->name_len = msg->msg_namelen > sizeof(struct sockaddr_storage) ? (int)sizeof(struct sockaddr_storage)
                                                                     : (int)msg->msg_namelen;
    return import(t, msg->msg_iov, (size_t)msg->msg_iovlen, -EMSGSIZE);
}

static int transfer_of(const struct la_sys *sys, struct la_sys_call *call, struct transfer *t) {
    memset(t, 0, sizeof *t);
    int error;
    bool plain =
        call->nr == LA_SYS_READ || call->nr == LA_SYS_WRITE || call->nr == LA_SYS_READV || call->nr == LA_SYS_WRITEV;
    error = sys_call_socket(sys, call, &t->file);
    if (error) return plain && error == -ENOTSOCK ? -EINVAL : error; /* An epoll's file has no read. */
    if (sys_transfer_refusal(call)) return -EOPNOTSUPP;
    switch (call->nr) {
    case LA_SYS_READV:
    case LA_SYS_WRITEV: error = import(t, sys_pointer(call, 1), (size_t)call->arg[2], -EINVAL); break;
    case LA_SYS_RECVMSG:
    case LA_SYS_SENDMSG: error = import_message(t, call); break;
    default: error = import_one(t, call); break;
    }
    if (!plain && !t->msg) t->flags = sys_int(call, 3);
    if (call->nr == LA_SYS_SENDTO) {
        t->name = sys_pointer(call, 4);
        t->name_len = sys_int(call, 5);
    }
    t->no_wait = t->file->flags & O_NONBLOCK || t->flags & MSG_DONTWAIT;
    return error;
}

/* --- Pieces --- */

/* The piece of memory at position `at` of the whole, as far as it is one and not more than `most`. */
static struct iovec piece_at(const struct transfer *t, size_t at, size_t most) {
    for (size_t i = 0; i < t->count; i++) {
        if (at >= t->iov[i].iov_len) {
            at -= t->iov[i].iov_len;
            continue;
        }
        size_t len = t->iov[i].iov_len - at;
        uint8_t *base = t->iov[i].iov_base;
        return (struct iovec){base ? base + at : NULL, len < most ? len : most};
    }
    return (struct iovec){NULL, 0};
}

/* Bytes to the pieces, from their beginning. Returns how many, or -EFAULT. */
static int64_t scatter(const struct transfer *t, const uint8_t *from, size_t len) {
    size_t done = 0;
    while (done < len) {
        struct iovec p = piece_at(t, done, len - done);
        if (!p.iov_base) return done ? (int64_t)done : -EFAULT;
        memcpy(p.iov_base, from + done, p.iov_len);
        done += p.iov_len;
    }
    return (int64_t)done;
}

static int gather(const struct transfer *t, uint8_t *to) {
    for (size_t done = 0; done < t->total;) {
        struct iovec p = piece_at(t, done, t->total - done);
        if (!p.iov_base) return -EFAULT;
        memcpy(to + done, p.iov_base, p.iov_len);
        done += p.iov_len;
    }
    return 0;
}

uint8_t *sys_datagram(struct la_sys *sys) {
    if (!sys->datagram) sys->datagram = sys_alloc(sys, SYS_DATAGRAM);
    return sys->datagram;
}

/* --- Receiving a stream --- */

/* `len` bytes that are there, into the pieces behind `done`. Returns how many went, or -EFAULT. */
static int64_t take(struct la_sys *sys, const struct transfer *t, size_t done, size_t len) {
    la_sock sock = t->file->socket.sock;
    if (t->flags & MSG_TRUNC) { /* A stream's: thrown away, not copied. */
        la_consume(sys->stack, sock, len, sys->now);
        return (int64_t)len;
    }
    size_t moved = 0;
    while (moved < len) {
        struct iovec p = piece_at(t, done + moved, len - moved);
        int64_t n = la_recv(sys->stack, sock, p.iov_base, p.iov_len, 0, sys->now);
        if (n <= 0) return moved ? (int64_t)moved : n;
        moved += (size_t)n;
        if ((size_t)n < p.iov_len) break; /* At the mark of urgent data. */
    }
    return (int64_t)moved;
}

/* The first `len` bytes stay there. Over several pieces they need a copy. */
static int64_t peek(struct la_sys *sys, const struct transfer *t, size_t len) {
    la_sock sock = t->file->socket.sock;
    if (t->flags & MSG_TRUNC) return (int64_t)len;
    struct iovec p = piece_at(t, 0, len);
    if (p.iov_len == len) return la_recv(sys->stack, sock, p.iov_base, len, LA_MSG_PEEK, sys->now);
    uint8_t *copy = sys_alloc(sys, len);
    if (!copy) return -ENOMEM;
    int64_t n = la_recv(sys->stack, sock, copy, len, LA_MSG_PEEK, sys->now);
    if (n > 0) n = scatter(t, copy, (size_t)n);
    sys_free(sys, copy, len);
    return n;
}

/* Whether nothing more will come. */
static bool ended(const struct la_sys *sys, const struct sys_socket *s) {
    int ready = la_ready(sys->stack, s->sock);
    return ready < 0 || s->error || ready & (LA_EV_ERROR | LA_EV_EOF | LA_EV_CLOSED);
}

/* What a receiving call says when there is nothing. */
static int64_t nothing(struct la_sys *sys, struct sys_socket *s) {
    uint8_t none;
    if (s->error) return -sys_error_take(sys, s);
    int64_t result = la_recv(sys->stack, s->sock, &none, 0, 0, sys->now);
    /* Linux remembers a shutdown that failed. */
    return result == -LA_ENOTCONN && s->shut & SYS_SHUT_RECV ? 0 : result;
}

/* Never waits, as on Linux: POLLPRI says when. */
static int64_t receive_urgent(struct la_sys *sys, const struct transfer *t) {
    struct iovec p = piece_at(t, 0, 1);
    int flags = LA_MSG_OOB | (t->flags & MSG_PEEK ? LA_MSG_PEEK : 0);
    return la_recv(sys->stack, t->file->socket.sock, p.iov_base, p.iov_len, flags, sys->now);
}

static int64_t receive_stream(struct la_sys *sys, struct la_sys_call *call, struct transfer *t) {
    struct sys_socket *s = &t->file->socket;
    if (t->flags & MSG_OOB) return receive_urgent(sys, t);
    struct la_conn_info info;
    la_time timeout = t->no_wait ? 0 : s->recv_timeout;
    bool peeks = t->flags & MSG_PEEK;
    size_t low = (size_t)s->low_water, target = t->flags & MSG_WAITALL || t->total < low ? t->total : low;
    sys_conn(sys, s, &info);
    size_t queued = info.state == LA_LISTEN ? 0 : info.recv_queue, done = peeks ? 0 : call->done;
    size_t len = t->total - done < queued ? t->total - done : queued;
    if (len) {
        int64_t n = peeks ? peek(sys, t, len) : take(sys, t, done, len);
        if (n < 0) return done ? (int64_t)done : n;
        done += (size_t)n;
        call->done = done;
        if ((size_t)n < len) return (int64_t)done; /* A piece without memory. */
    }
    if ((done && done >= target) || (!t->total && queued)) return (int64_t)done;
    if (done) return ended(sys, s) ? (int64_t)done : sys_wait(sys, call, t->file, timeout, (int64_t)done);
    int64_t result = nothing(sys, s);
    return result == -LA_EAGAIN ? sys_wait(sys, call, t->file, timeout, -EAGAIN) : result;
}

/* --- Receiving a datagram --- */

static int64_t receive_datagram(struct la_sys *sys, struct la_sys_call *call, struct transfer *t,
                                struct la_endpoint *from, bool *cut) {
    struct sys_socket *s = &t->file->socket;
    uint8_t *whole = sys_datagram(sys);
    if (!whole) return -ENOMEM;
    int flags = t->flags & MSG_PEEK ? LA_MSG_PEEK : 0;
    int64_t n = la_recvfrom(sys->stack, s->sock, whole, SYS_DATAGRAM, flags, from, sys->now);
    if (n == -LA_EAGAIN && s->shut & SYS_SHUT_RECV) return 0;
    if (n == -LA_EAGAIN) return sys_wait(sys, call, t->file, t->no_wait ? 0 : s->recv_timeout, -EAGAIN);
    if (n < 0) return n;
    *cut = (size_t)n > t->total;
    int64_t copied = scatter(t, whole, *cut ? t->total : (size_t)n);
    return copied < 0 || !(t->flags & MSG_TRUNC) ? copied : n;
}

/* TCP_CM_INQ: how much more there is to read. At the end of the stream it is 1, so that the reader asks again. */
static void tell_queue(struct la_sys *sys, const struct transfer *t) {
    const struct sys_socket *s = &t->file->socket;
    struct msghdr *msg = t->msg;
    struct la_conn_info info;
    sys_conn(sys, s, &info);
    int left = (int)info.recv_queue;
    if (!left && (info.fin_received || info.state == LA_CLOSED)) left = 1;
    if (!msg->msg_control || msg->msg_controllen < CMSG_LEN(sizeof left)) {
        msg->msg_flags |= MSG_CTRUNC;
        msg->msg_controllen = 0;
        return;
    }
    struct cmsghdr *header = CMSG_FIRSTHDR(msg);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof left), .cmsg_level = IPPROTO_TCP, .cmsg_type = FLAG_CM_INQ};
    memcpy(CMSG_DATA(header), &left, sizeof left);
    size_t space = CMSG_SPACE(sizeof left);
    if (msg->msg_controllen > space) msg->msg_controllen = space;
}

/* The address and flags that go with what was received. `from` NULL: a stream has none to tell. */
static int64_t tell(struct la_sys *sys, struct la_sys_call *call, const struct transfer *t,
                    const struct la_endpoint *from, bool cut) {
    const struct sys_socket *s = &t->file->socket;
    if (call->nr == LA_SYS_RECVFROM && sys_pointer(call, 4))
        return sys_addr_put(s, from, sys_pointer(call, 4), sys_pointer(call, 5));
    if (!t->msg) return 0;
    t->msg->msg_flags = cut ? MSG_TRUNC : 0;
    if (s->tell_queue)
        tell_queue(sys, t);
    else
        t->msg->msg_controllen = 0;
    return t->msg->msg_name ? sys_addr_put(s, from, t->msg->msg_name, &t->msg->msg_namelen) : 0;
}

int64_t sys_receive(struct la_sys *sys, struct la_sys_call *call) {
    struct transfer t;
    struct la_endpoint from = {.port = 0};
    bool cut = false;
    int error = transfer_of(sys, call, &t);
    if (error) return error;
    if (!t.total && (call->nr == LA_SYS_READ || call->nr == LA_SYS_READV)) return 0;
    bool stream = t.file->socket.type == LA_SOCK_STREAM;
    int64_t n = stream ? receive_stream(sys, call, &t) : receive_datagram(sys, call, &t, &from, &cut);
    if (n < 0) return n;
    int64_t told = tell(sys, call, &t, stream ? NULL : &from, cut);
    return told < 0 ? told : n;
}

/* --- Sending --- */

/* From `*done` on, as much as goes. 0 when all has gone, otherwise why not. */
static int64_t give(struct la_sys *sys, const struct transfer *t, size_t *done) {
    la_sock sock = t->file->socket.sock;
    do {
        struct iovec p = piece_at(t, *done, t->total - *done);
        size_t behind = *done + p.iov_len;
        /* Before a piece that cannot be read, what was good goes. */
        bool more = t->flags & MSG_MORE || (behind < t->total && piece_at(t, behind, 1).iov_base);
        int last = behind == t->total ? t->flags : 0;
        int flags = (more ? LA_MSG_MORE : last & MSG_OOB ? LA_MSG_OOB : 0) | (last & MSG_EOR ? LA_MSG_EOR : 0);
        int64_t n = la_send(sys->stack, sock, p.iov_base, p.iov_len, flags, sys->now);
        if (n < 0) return n;
        *done += (size_t)n;
        if ((size_t)n < p.iov_len) return -LA_EAGAIN;
    } while (*done < t->total);
    return 0;
}

static bool is_opening(const struct la_sys *sys, const struct sys_socket *s) {
    struct la_conn_info info;
    sys_conn(sys, s, &info);
    return info.state == LA_SYN_SENT || (info.state == LA_SYN_RCVD && !info.fastopen_child);
}

/* MSG_FASTOPEN: connects a fresh socket by data. 0: the call goes on as any other. */
static int64_t fastopen_begin(struct la_sys *sys, struct transfer *t) {
    struct sys_socket *s = &t->file->socket;
    struct la_conn_info info;
    int64_t bits = 0;
    const int on = 1;
    bool nobody = t->name && sys_addr_family(t->name, t->name_len) == AF_UNSPEC;
    la_get(sys->stack, "net.ipv4.tcp_fastopen", &bits);
    if (!(bits & 1) || nobody) return -EOPNOTSUPP;
    sys_conn(sys, s, &info);
    switch (s->phase) {
    case SYS_UNCONNECTED: break;
    case SYS_CONNECTING:
        if (info.state == LA_CLOSED) return sys_connect_failed(sys, t->file);
        if (is_opening(sys, s)) return info.deferred ? 0 : -EALREADY;
        s->phase = SYS_CONNECTED;
        return 0;
    case SYS_CONNECTED: return -EISCONN;
    default: return -EINVAL;
    }
    if (!t->name) return -EINVAL;
    if (info.state != LA_CLOSED) return -EISCONN;
    la_setsockopt(sys->stack, s->sock, LA_IPPROTO_TCP, LA_TCP_FASTOPEN_CONNECT, &on, sizeof on, sys->now);
    int error = sys_connect_to(sys, s, t->name, t->name_len);
    if (error) return error;
    sys_conn(sys, s, &info);
    return t->no_wait && !info.deferred ? -EINPROGRESS : 0; /* The SYN asks for a cookie and carries nothing. */
}

/* BSD's sendto() connects a fresh socket that has TCP_FASTOPEN, and its data waits for whatever carries it. */
static int64_t implied_connect(struct la_sys *sys, struct transfer *t) {
    struct sys_socket *s = &t->file->socket;
    int fast = 0;
    const int on = 1;
    size_t len = sizeof fast;
    struct la_conn_info info;
    sys_conn(sys, s, &info);
    if (!t->name || s->phase != SYS_UNCONNECTED || info.state != LA_CLOSED) return 0;
    la_getsockopt(sys->stack, s->sock, LA_IPPROTO_TCP, LA_TCP_FASTOPEN, &fast, &len);
    if (!fast) return 0;
    la_setsockopt(sys->stack, s->sock, LA_IPPROTO_TCP, LA_TCP_FASTOPEN_QUEUE, &on, sizeof on, sys->now);
    return sys_connect_to(sys, s, t->name, t->name_len);
}

/* A call whose data went with the SYN waits for the answer: what is said of it is true only then. 0: it is there. */
static int64_t fastopen_wait(struct la_sys *sys, struct la_sys_call *call, struct transfer *t) {
    struct sys_socket *s = &t->file->socket;
    struct la_conn_info info;
    if (is_opening(sys, s)) {
        la_time timeout = t->no_wait ? 0 : s->send_timeout;
        int64_t got = call->done ? (int64_t)call->done : -EINPROGRESS;
        s->syn_call = !t->no_wait;
        return sys_wait(sys, call, t->file, timeout, got);
    }
    s->syn_call = false;
    sys_conn(sys, s, &info);
    if (info.state == LA_CLOSED) return sys_connect_failed(sys, t->file);
    s->phase = SYS_CONNECTED;
    return 0;
}

static int64_t send_opening(struct la_sys *sys, struct la_sys_call *call, struct transfer *t) {
    struct sys_socket *s = &t->file->socket;
    struct la_conn_info info;
    int64_t why = 0;
    if (call->pending) return s->syn_call ? fastopen_wait(sys, call, t) : 0;
    if (t->flags & FLAG_FASTOPEN) why = fastopen_begin(sys, t);
    if (sys->bsd) return why ? why : implied_connect(sys, t);
    if (why) return why;
    sys_conn(sys, s, &info);
    if (!info.deferred) return 0;
    why = give(sys, t, &call->done);
    if (why && why != -LA_EAGAIN && why != -LA_EINPROGRESS) return why;
    return fastopen_wait(sys, call, t);
}

static int64_t send_stream(struct la_sys *sys, struct la_sys_call *call, struct transfer *t) {
    struct sys_socket *s = &t->file->socket;
    int64_t opening = send_opening(sys, call, t);
    if (opening) return opening;
    size_t done = call->done;
    if (done && done == t->total) return (int64_t)done;
    int ready = la_ready(sys->stack, s->sock);
    if (done && (s->error || ready < 0 || ready & (LA_EV_ERROR | LA_EV_CLOSED))) return (int64_t)done;
    if (s->error) return -sys_error_take(sys, s);
    int64_t why = give(sys, t, &done);
    call->done = done;
    if (!why) return (int64_t)done;
    if (why != -LA_EAGAIN) return done ? (int64_t)done : why;
    la_time timeout = t->no_wait ? 0 : s->send_timeout;
    return sys_wait(sys, call, t->file, timeout, done ? (int64_t)done : -EAGAIN);
}

static int64_t send_datagram(struct la_sys *sys, struct transfer *t) {
    struct sys_socket *s = &t->file->socket;
    struct la_endpoint to;
    if (t->total >= SYS_DATAGRAM) return -EMSGSIZE;
    if (s->shut & SYS_SHUT_SEND) return -EPIPE;
    int error = t->name ? sys_addr_get(s, t->name, t->name_len, &to) : 0;
    if (error) return error;
    uint8_t *whole = sys_datagram(sys);
    if (!whole) return -ENOMEM;
    error = gather(t, whole);
    return error ? error : la_sendto(sys->stack, s->sock, whole, t->total, t->name ? &to : NULL, sys->now);
}

int64_t sys_transmit(struct la_sys *sys, struct la_sys_call *call) {
    struct transfer t;
    int error = transfer_of(sys, call, &t);
    if (error) return error;
    if (!t.total && call->nr == LA_SYS_WRITEV) return 0;
    if (t.name && (t.name_len < 0 || (size_t)t.name_len > sizeof(struct sockaddr_storage))) return -EINVAL;
    return t.file->socket.type == LA_SOCK_STREAM ? send_stream(sys, call, &t) : send_datagram(sys, &t);
}
