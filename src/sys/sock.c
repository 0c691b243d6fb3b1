/* The calls that make, name, open and shut sockets: socket, bind, listen, accept, connect, shutdown, getsockname,
 * getpeername.
 *
 * A stack's socket lives once; Linux's may fail to connect, be disconnected or stop listening, and begin again. So the
 * open file keeps what its user has set (options, the bound address) and takes a fresh la_sock when Linux would reuse
 * the old one (renew). `phase` is what Linux calls the socket's state, beside TCP's own. */
#include "sys/open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define TYPE_LAST 10      /* Linux's SOCK_PACKET. */
#define PROTOCOL_LAST 262 /* Linux's IPPROTO_MPTCP. */

void sys_conn(const struct la_sys *sys, const struct sys_socket *s, struct la_conn_info *info) {
    if (la_conn_info(sys->stack, s->sock, info)) {
        memset(info, 0, sizeof *info);
        info->state = LA_CLOSED;
    }
    if (info->state == LA_TIME_WAIT) info->state = LA_CLOSED;
}

static enum la_state state_of(const struct la_sys *sys, const struct sys_socket *s) {
    struct la_conn_info info;
    sys_conn(sys, s, &info);
    return info.state;
}

int sys_error_take(struct la_sys *sys, struct sys_socket *s) {
    int error = s->error;
    size_t len = sizeof error;
    s->error = 0;
    if (!error && la_getsockopt(sys->stack, s->sock, LA_SOL_SOCKET, LA_SO_ERROR, &error, &len)) return 0;
    return error;
}

/* --- Making --- */

static int type_check(int domain, int type, int protocol) {
    if (domain != AF_INET && domain != AF_INET6) return -EAFNOSUPPORT;
    if (type > TYPE_LAST || protocol < 0 || protocol > PROTOCOL_LAST) return -EINVAL;
    if (type != SOCK_STREAM && type != SOCK_DGRAM) return -ESOCKTNOSUPPORT;
    int own = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    return protocol == 0 || protocol == own ? 0 : -EPROTONOSUPPORT;
}

int64_t sys_socket(struct la_sys *sys, struct la_sys_call *call) {
    int domain = sys_int(call, 0), flags = sys_int(call, 1) & ~0xf, type = sys_int(call, 1) & 0xf;
    if (flags & ~TYPE_FLAGS) return -EINVAL;
    int error = type_check(domain, type, sys_int(call, 2));
    if (error) return error;
    int fd = sys_fd_lowest(sys, 0);
    if (fd < 0) return fd;
    struct sys_file *file = sys_file_new(sys, SYS_SOCKET);
    if (!file) return -ENOMEM;
    la_sock sock = la_socket(sys->stack, domain, type);
    if (sock < 0) {
        sys_file_free(sys, file);
        return sock;
    }
    file->socket.sock = sock;
    file->socket.family = domain;
    file->socket.type = type;
    file->flags = flags & SOCK_NONBLOCK ? O_NONBLOCK : 0;
    la_owner_set(sys->stack, sock, file->id);
    return sys_fd_install(sys, fd, file, flags & SOCK_CLOEXEC);
}

/* A fresh la_sock in place of one whose life is over: same options, same bound address. */
static int renew(struct la_sys *sys, struct sys_file *file) {
    struct sys_socket *s = &file->socket;
    la_sock fresh = la_socket(sys->stack, s->family, s->type);
    if (fresh < 0) {
        s->phase = SYS_DISCONNECTING;
        return (int)fresh;
    }
    la_abort(sys->stack, s->sock, sys->now);
    s->sock = fresh;
    s->phase = SYS_UNCONNECTED;
    s->shut = 0;
    s->wants_room = s->syn_call = false;
    la_owner_set(sys->stack, fresh, file->id);
    sys_option_replay(sys, s);
    if (s->bound && la_bind(sys->stack, fresh, &s->local)) s->bound = false;
    sys_epoll_wake(file, 0);
    return 0;
}

/* --- Names --- */

/* Linux takes AF_UNSPEC for AF_INET when it asks for the wildcard, and no AF_INET for an AF_INET6 socket. */
static int bind_address(const struct sys_socket *s, const void *from, int len, struct la_endpoint *local) {
    struct sockaddr_in in;
    int family = sys_addr_family(from, len);
    if (family == AF_INET && s->family == AF_INET6) return len < SYS_SIN6_LEAST ? -EINVAL : -EAFNOSUPPORT;
    if (family != AF_UNSPEC || s->family != AF_INET || (size_t)len < sizeof in)
        return sys_addr_get(s, from, len, local);
    memcpy(&in, from, sizeof in);
    if (in.sin_addr.s_addr != INADDR_ANY) return -EAFNOSUPPORT;
    *local = (struct la_endpoint){.addr = la_addr4(0, 0, 0, 0), .port = ntohs(in.sin_port)};
    return 0;
}

int64_t sys_bind(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file;
    struct la_endpoint local;
    int error = sys_call_socket(sys, call, &file);
    if (error) return error;
    struct sys_socket *s = &file->socket;
    error = bind_address(s, sys_pointer(call, 1), sys_int(call, 2), &local);
    if (error) return error;
    error = la_bind(sys->stack, s->sock, &local);
    if (error) return error;
    s->bound = la_getsockname(sys->stack, s->sock, &s->local) == 0;
    return 0;
}

int64_t sys_listen(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file;
    int error = sys_call_socket(sys, call, &file);
    if (error) return error;
    if (file->socket.type != LA_SOCK_STREAM) return -EOPNOTSUPP;
    if (file->socket.phase != SYS_UNCONNECTED) return -EINVAL;
    return la_listen(sys->stack, file->socket.sock, sys_int(call, 1));
}

int64_t sys_getsockname(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file;
    struct la_endpoint local;
    int error = sys_call_socket(sys, call, &file);
    if (!error) error = la_getsockname(sys->stack, file->socket.sock, &local);
    return error ? error : sys_addr_put(&file->socket, &local, sys_pointer(call, 1), sys_pointer(call, 2));
}

int64_t sys_getpeername(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file;
    struct la_endpoint peer;
    int error = sys_call_socket(sys, call, &file);
    if (error) return error;
    const struct sys_socket *s = &file->socket;
    if (s->type == LA_SOCK_STREAM && state_of(sys, s) == LA_CLOSED) return -ENOTCONN;
    error = la_getpeername(sys->stack, s->sock, &peer);
    return error ? error : sys_addr_put(s, &peer, sys_pointer(call, 1), sys_pointer(call, 2));
}

/* --- Accept --- */

/* What a connection takes over from its listener. BSD's accept() adds O_NONBLOCK. */
static void inherit(const struct la_sys *sys, const struct sys_file *listener, struct sys_file *file) {
    struct sys_socket *s = &file->socket;
    s->family = listener->socket.family;
    s->type = listener->socket.type;
    s->phase = SYS_CONNECTED;
    s->recv_timeout = listener->socket.recv_timeout;
    s->send_timeout = listener->socket.send_timeout;
    s->low_water = listener->socket.low_water;
    s->tell_queue = listener->socket.tell_queue;
    s->nkept = listener->socket.nkept;
    memcpy(s->kept, listener->socket.kept, sizeof s->kept);
    if (sys->bsd) file->flags = listener->flags & O_NONBLOCK;
}

/* The next connection in `file`. Gives it up where its address cannot be told, as Linux does. */
static int64_t accept_into(struct la_sys *sys, struct la_sys_call *call, struct sys_file *listener,
                           struct sys_file *file) {
    struct la_endpoint peer;
    la_sock sock = la_accept(sys->stack, listener->socket.sock, &peer);
    if (sock < 0) return sock;
    file->socket.sock = sock;
    inherit(sys, listener, file);
    la_owner_set(sys->stack, sock, file->id);
    if (!sys_pointer(call, 1)) return 0;
    int error = sys_addr_put(&file->socket, &peer, sys_pointer(call, 1), sys_pointer(call, 2));
    if (error) la_close(sys->stack, sock, sys->now);
    return error;
}

int64_t sys_accept(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *listener;
    int flags = call->nr == LA_SYS_ACCEPT4 ? sys_int(call, 3) : 0;
    if (!sys_call_file(sys, call)) return -EBADF;
    if (flags & ~TYPE_FLAGS) return -EINVAL;
    int error = sys_call_socket(sys, call, &listener);
    if (error) return error;
    if (listener->socket.type != LA_SOCK_STREAM) return -EOPNOTSUPP;
    int fd = sys_fd_lowest(sys, 0);
    if (fd < 0) return fd;
    struct sys_file *file = sys_file_new(sys, SYS_SOCKET);
    if (!file) return -ENOMEM;
    int64_t got = accept_into(sys, call, listener, file);
    if (!got) {
        if (flags & SOCK_NONBLOCK) file->flags |= O_NONBLOCK;
        if (call->nr == LA_SYS_ACCEPT4 && !(flags & SOCK_NONBLOCK)) file->flags = 0;
        return sys_fd_install(sys, fd, file, flags & SOCK_CLOEXEC);
    }
    sys_file_free(sys, file);
    if (got != -LA_EAGAIN) return got;
    la_time timeout = listener->flags & O_NONBLOCK ? 0 : listener->socket.recv_timeout;
    return sys_wait(sys, call, listener, timeout, -EAGAIN);
}

/* --- Connect --- */

/* connect() with AF_UNSPEC: the connection is cut, the socket is as new. */
static int64_t disconnect(struct la_sys *sys, struct sys_file *file) {
    struct sys_socket *s = &file->socket;
    struct la_conn_info info;
    sys_conn(sys, s, &info);
    bool cut = s->type == LA_SOCK_STREAM && info.state != LA_CLOSED && info.state != LA_LISTEN;
    int error = renew(sys, file);
    if (!error && cut) s->error = ECONNRESET;
    return error;
}

static int64_t connect_datagram(struct la_sys *sys, struct la_sys_call *call, struct sys_file *file) {
    struct la_endpoint peer;
    int error = sys_addr_get(&file->socket, sys_pointer(call, 1), sys_int(call, 2), &peer);
    return error ? error : la_connect(sys->stack, file->socket.sock, &peer, sys->now);
}

int sys_connect_to(struct la_sys *sys, struct sys_socket *s, const void *name, int len) {
    struct la_endpoint peer;
    int error = sys_addr_get(s, name, len, &peer);
    if (error) return error;
    error = la_connect(sys->stack, s->sock, &peer, sys->now);
    if (error && error != -LA_EINPROGRESS) return error;
    s->phase = SYS_CONNECTING;
    s->error = 0;
    return 0;
}

/* 0: the handshake is under way, or was before (then call->done is 1). */
static int64_t connect_begin(struct la_sys *sys, struct la_sys_call *call, struct sys_file *file) {
    struct sys_socket *s = &file->socket;
    if (s->phase == SYS_CONNECTED) return -EISCONN;
    if (s->phase == SYS_DISCONNECTING) return -EINVAL;
    if (s->phase == SYS_CONNECTING) {
        call->done = 1;
        return 0;
    }
    if (state_of(sys, s) != LA_CLOSED) return sys->bsd ? -EOPNOTSUPP : -EISCONN;
    return sys_connect_to(sys, s, sys_pointer(call, 1), sys_int(call, 2));
}

int64_t sys_connect_failed(struct la_sys *sys, struct sys_file *file) {
    int error = sys_error_take(sys, &file->socket);
    renew(sys, file);
    return error ? -error : -ECONNABORTED;
}

static int64_t connect_stream(struct la_sys *sys, struct la_sys_call *call, struct sys_file *file) {
    struct sys_socket *s = &file->socket;
    int64_t error = call->pending ? 0 : connect_begin(sys, call, file);
    if (error) return error;
    struct la_conn_info info;
    sys_conn(sys, s, &info);
    enum la_state state = info.state;
    if (info.deferred) return call->done ? -EISCONN : 0; /* TCP_FASTOPEN_CONNECT: the SYN goes with the first data. */
    if (state == LA_SYN_SENT || state == LA_SYN_RCVD) {
        la_time timeout = file->flags & O_NONBLOCK ? 0 : s->send_timeout;
        return sys_wait(sys, call, file, timeout, call->done ? -EALREADY : -EINPROGRESS);
    }
    if (state == LA_CLOSED) return sys_connect_failed(sys, file);
    bool told = sys->bsd && call->done && !call->pending; /* BSD tells success once, by the event. */
    s->phase = SYS_CONNECTED;
    return told ? -EISCONN : 0;
}

int64_t sys_connect(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file;
    int error = sys_call_socket(sys, call, &file);
    if (error) return error;
    int family = sys_addr_family(sys_pointer(call, 1), sys_int(call, 2));
    if (family < 0) return family;
    if (family == AF_UNSPEC && !call->pending) return disconnect(sys, file);
    if (file->socket.type == LA_SOCK_DGRAM) return connect_datagram(sys, call, file);
    return connect_stream(sys, call, file);
}

/* --- Shutdown --- */

static int64_t shutdown_datagram(struct la_sys *sys, struct sys_socket *s) {
    struct la_endpoint peer;
    return la_getpeername(sys->stack, s->sock, &peer);
}

static int64_t shutdown_stream(struct la_sys *sys, struct sys_file *file, int how) {
    struct sys_socket *s = &file->socket;
    enum la_state state = state_of(sys, s);
    bool opening = state == LA_SYN_SENT || state == LA_SYN_RCVD;
    if (s->phase == SYS_CONNECTING) s->phase = opening || state == LA_CLOSED ? SYS_DISCONNECTING : SYS_CONNECTED;
    if (state == LA_CLOSED) return -ENOTCONN;
    if (state == LA_SYN_SENT) return disconnect(sys, file);
    if (state != LA_LISTEN) return la_shutdown(sys->stack, s->sock, how, sys->now);
    return how == SHUT_WR ? 0 : renew(sys, file);
}

int64_t sys_shutdown(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file;
    int error = sys_call_socket(sys, call, &file), how = sys_int(call, 1);
    if (error) return error;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return -EINVAL;
    struct sys_socket *s = &file->socket;
    enum la_state state = state_of(sys, s);
    if (s->type == LA_SOCK_DGRAM || state == LA_CLOSED) s->shut |= (unsigned)how + 1;
    int64_t result = s->type == LA_SOCK_DGRAM ? shutdown_datagram(sys, s) : shutdown_stream(sys, file, how);
    sys_epoll_wake(file, 0);
    return result;
}
