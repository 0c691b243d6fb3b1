/* liblastack-packetdrill.so: a lastack stack behind packetdrill's --so_filename interface, so that the original tool
 * drives it. That is a check on `lastack drill`: both must come to the same verdict (make cross-drill).
 *
 * Comes in: the tool's socket calls, packets, clock and commands. Goes out: what the stack answers. It owns one target
 * (la_drill_stack_open) for the tool's life, with a lock around it.
 *
 * Time is virtual. The tool spins on its clock for the last microseconds before an event, so each look at the clock
 * costs a microsecond.
 *
 * The tool makes a call that its script says blocks on a second thread. There the call sleeps until the first thread
 * has moved time or the stack far enough. Then nothing moves until the second thread has looked at the clock, which
 * shows it when its call was over: to the tool that is the time at which the call returned. And the first thread does
 * not sleep on before the second one has dealt with the result and rests.
 *
 * The library is also preloaded (preload.c), because the tool takes some things from libc: descriptors begin at
 * FIRST_FD to tell its own from ours, and shell commands see the stack's settings and connections, not this machine's.
 */
#define _GNU_SOURCE

#include <lastack/dev.h>
#include <lastack/drill.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "packetdrill.h"
#include "plugin.h"
#include "tool/drill_host.h"

#define LOOK_NS 1000

/* How long a call on the first thread may block: the tool stands still meanwhile. */
#define PATIENCE (10 * LA_SECOND)
/* How long the tool waits for a call on the second thread before it goes on without it. */
#define IDLE_WAIT LA_SECOND

/* What the second thread is doing. */
enum phase {
    RESTING,   /* Nothing, or making a call that is not over at once. */
    BLOCKED,   /* Its call sleeps. */
    RETURNING, /* Its call is over, and it has not looked at the clock. */
    JUDGING,   /* It deals with the result. */
};

struct plugin {
    struct la_drill_script *script; /* An empty one, for its options. */
    struct la_drill_target *target;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* The phase has changed. */
    enum phase phase;
    struct la_sys_call *blocked; /* The second thread's call, while it is blocked or returning. */
    pthread_t first, second;
};

static struct plugin plugin = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static la_time now(void) { return plugin.target->now(plugin.target); }

/* --- The lock --- */

static bool on_second(void) { return plugin.phase != RESTING && pthread_equal(plugin.second, pthread_self()); }

static void set_phase(enum phase phase) {
    plugin.phase = phase;
    pthread_cond_broadcast(&plugin.moved);
}

static void enter(void) {
    pthread_mutex_lock(&plugin.lock);
    while (plugin.phase == RETURNING && !on_second()) pthread_cond_wait(&plugin.moved, &plugin.lock);
}

/* After anything that may have ended the blocked call. */
static void leave(void) {
    if (plugin.phase == BLOCKED && plugin.target->wait(plugin.target, plugin.blocked, now())) set_phase(RETURNING);
    pthread_mutex_unlock(&plugin.lock);
}

bool plugin_await(void) {
    enter();
    bool over = plugin.phase != BLOCKED || plugin.target->wait(plugin.target, plugin.blocked, now() + IDLE_WAIT);
    leave();
    return over;
}

void plugin_rest(void) {
    pthread_mutex_lock(&plugin.lock);
    if (on_second()) set_phase(RESTING);
    pthread_mutex_unlock(&plugin.lock);
}

/* A call that is not over at once. */
static void sleep_in(struct la_sys_call *call) {
    if (pthread_equal(plugin.first, pthread_self())) {
        if (!plugin.target->wait(plugin.target, call, now() + PATIENCE)) plugin_die("a call", "it blocks");
        return;
    }
    plugin.second = pthread_self();
    plugin.blocked = call;
    set_phase(BLOCKED);
    while (plugin.phase == BLOCKED) pthread_cond_wait(&plugin.moved, &plugin.lock);
}

/* Makes a call. The result as libc gives it. */
static long finish(struct la_sys_call *call) {
    enter();
    if (plugin.phase == BLOCKED && call->nr != LA_SYS_GETSOCKOPT) plugin_die("a call", "another one blocks");
    if (!plugin.target->call(plugin.target, call)) sleep_in(call);
    leave();
    if (call->result >= 0) return (long)call->result;
    errno = (int)-call->result;
    return -1;
}

#define CALL(nr_, ...) finish(&(struct la_sys_call){.nr = (nr_), .arg = {__VA_ARGS__}})
#define NUMBER(value) ((uintptr_t)(intptr_t)(value))
#define POINTER(value) ((uintptr_t)(const void *)(value))

/* --- Socket calls --- */

static int on_socket(void *u, int domain, int type, int protocol) {
    (void)u;
    return (int)CALL(LA_SYS_SOCKET, NUMBER(domain), NUMBER(type), NUMBER(protocol));
}

static int on_bind(void *u, int fd, const struct sockaddr *addr, socklen_t len) {
    (void)u;
    return (int)CALL(LA_SYS_BIND, NUMBER(fd), POINTER(addr), len);
}

static int on_listen(void *u, int fd, int backlog) {
    (void)u;
    return (int)CALL(LA_SYS_LISTEN, NUMBER(fd), NUMBER(backlog));
}

static int on_accept(void *u, int fd, struct sockaddr *addr, socklen_t *len) {
    (void)u;
    return (int)CALL(LA_SYS_ACCEPT, NUMBER(fd), POINTER(addr), POINTER(len));
}

static int on_connect(void *u, int fd, const struct sockaddr *addr, socklen_t len) {
    (void)u;
    return (int)CALL(LA_SYS_CONNECT, NUMBER(fd), POINTER(addr), len);
}

static ssize_t on_read(void *u, int fd, void *buf, size_t count) {
    (void)u;
    return CALL(LA_SYS_READ, NUMBER(fd), POINTER(buf), count);
}

static ssize_t on_readv(void *u, int fd, const struct iovec *iov, int count) {
    (void)u;
    return CALL(LA_SYS_READV, NUMBER(fd), POINTER(iov), NUMBER(count));
}

static ssize_t on_recv(void *u, int fd, void *buf, size_t len, int flags) {
    (void)u;
    return CALL(LA_SYS_RECV, NUMBER(fd), POINTER(buf), len, NUMBER(flags));
}

static ssize_t on_recvfrom(void *u, int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *size) {
    (void)u;
    return CALL(LA_SYS_RECVFROM, NUMBER(fd), POINTER(buf), len, NUMBER(flags), POINTER(addr), POINTER(size));
}

static ssize_t on_recvmsg(void *u, int fd, struct msghdr *msg, int flags) {
    (void)u;
    return CALL(LA_SYS_RECVMSG, NUMBER(fd), POINTER(msg), NUMBER(flags));
}

static ssize_t on_write(void *u, int fd, const void *buf, size_t count) {
    (void)u;
    return CALL(LA_SYS_WRITE, NUMBER(fd), POINTER(buf), count);
}

static ssize_t on_writev(void *u, int fd, const struct iovec *iov, int count) {
    (void)u;
    return CALL(LA_SYS_WRITEV, NUMBER(fd), POINTER(iov), NUMBER(count));
}

static ssize_t on_send(void *u, int fd, const void *buf, size_t len, int flags) {
    (void)u;
    return CALL(LA_SYS_SEND, NUMBER(fd), POINTER(buf), len, NUMBER(flags));
}

static ssize_t on_sendto(void *u, int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                         socklen_t size) {
    (void)u;
    return CALL(LA_SYS_SENDTO, NUMBER(fd), POINTER(buf), len, NUMBER(flags), POINTER(addr), size);
}

static ssize_t on_sendmsg(void *u, int fd, const struct msghdr *msg, int flags) {
    (void)u;
    return CALL(LA_SYS_SENDMSG, NUMBER(fd), POINTER(msg), NUMBER(flags));
}

static int on_fcntl(void *u, int fd, int command, ...) {
    (void)u;
    va_list args;
    va_start(args, command);
    long value = va_arg(args, long);
    va_end(args);
    return (int)CALL(LA_SYS_FCNTL, NUMBER(fd), NUMBER(command), NUMBER(value));
}

static int on_ioctl(void *u, int fd, unsigned long request, ...) {
    (void)u;
    va_list args;
    va_start(args, request);
    void *value = va_arg(args, void *);
    va_end(args);
    return (int)CALL(LA_SYS_IOCTL, NUMBER(fd), request, POINTER(value));
}

static int on_close(void *u, int fd) {
    (void)u;
    return (int)CALL(LA_SYS_CLOSE, NUMBER(fd));
}

static int on_shutdown(void *u, int fd, int how) {
    (void)u;
    return (int)CALL(LA_SYS_SHUTDOWN, NUMBER(fd), NUMBER(how));
}

static int on_getsockopt(void *u, int fd, int level, int name, void *value, socklen_t *len) {
    (void)u;
    return (int)CALL(LA_SYS_GETSOCKOPT, NUMBER(fd), NUMBER(level), NUMBER(name), POINTER(value), POINTER(len));
}

static int on_setsockopt(void *u, int fd, int level, int name, const void *value, socklen_t len) {
    (void)u;
    return (int)CALL(LA_SYS_SETSOCKOPT, NUMBER(fd), NUMBER(level), NUMBER(name), POINTER(value), len);
}

static int on_poll(void *u, struct pollfd *fds, nfds_t count, int timeout) {
    (void)u;
    return (int)CALL(LA_SYS_POLL, POINTER(fds), count, NUMBER(timeout));
}

static int on_epoll_create(void *u, int size) {
    (void)u;
    return (int)CALL(LA_SYS_EPOLL_CREATE, NUMBER(size));
}

static int on_epoll_ctl(void *u, int epfd, int op, int fd, struct epoll_event *event) {
    (void)u;
    return (int)CALL(LA_SYS_EPOLL_CTL, NUMBER(epfd), NUMBER(op), NUMBER(fd), POINTER(event));
}

static int on_epoll_wait(void *u, int epfd, struct epoll_event *events, int max, int timeout) {
    (void)u;
    return (int)CALL(LA_SYS_EPOLL_WAIT, NUMBER(epfd), POINTER(events), NUMBER(max), NUMBER(timeout));
}

static int on_pipe(void *u, int fds[2]) {
    (void)u;
    (void)fds;
    errno = EOPNOTSUPP;
    return -1;
}

static ssize_t on_splice(void *u, int in, loff_t *in_at, int out, loff_t *out_at, size_t len, unsigned flags) {
    (void)u, (void)in, (void)in_at, (void)out, (void)out_at, (void)len, (void)flags;
    errno = EOPNOTSUPP;
    return -1;
}

/* --- Packets and time --- */

/* To the tool the packet belongs to no connection: nplab's would have sent it to the bound socket. */
static bool has_no_addresses(const uint8_t *packet, size_t len) {
    bool ip6 = len > 0 && packet[0] >> 4 == 6;
    size_t at = ip6 ? 8 : 12, end = ip6 ? 40 : 20;
    while (at < end && at < len && !packet[at]) at++;
    return at == end;
}

static int on_netdev_send(void *u, const void *packet, size_t len) {
    (void)u;
    if (has_no_addresses(packet, len)) {
        fputs("the original has no connection that this packet could belong to\n", stderr);
        exit(EXIT_BEYOND);
    }
    enter();
    int error = plugin.target->input(plugin.target, packet, len, 0);
    leave();
    return error ? -1 : 0;
}

static int on_netdev_receive(void *u, void *packet, size_t *size, long long *time_us) {
    (void)u;
    enter();
    la_time at = now();
    int64_t len = plugin.target->output(plugin.target, packet, *size, &at, at + plugin.target->patience);
    leave();
    *size = len > 0 ? (size_t)len : 0; /* Nothing comes any more: the tool takes no bytes for a bad packet. */
    *time_us = (long long)(at / 1000);
    return 0;
}

static int on_usleep(void *u, useconds_t us) {
    (void)u;
    enter();
    while (plugin.phase >= RETURNING && !on_second()) pthread_cond_wait(&plugin.moved, &plugin.lock);
    plugin.target->sleep(plugin.target, now() + (la_time)us * 1000);
    leave();
    return 0;
}

static la_time look(void) {
    la_time at;
    enter();
    if (plugin.phase == RETURNING) {
        at = plugin.blocked->over_at;
        set_phase(JUDGING);
    } else {
        at = now() + LOOK_NS;
        plugin.target->sleep(plugin.target, at);
    }
    leave();
    return at;
}

static int on_gettimeofday(void *u, struct timeval *tv, struct timezone *tz) {
    (void)u;
    (void)tz;
    la_time at = look();
    tv->tv_sec = (time_t)(at / LA_SECOND);
    tv->tv_usec = (suseconds_t)(at % LA_SECOND / 1000);
    return 0;
}

/* --- Commands --- */

int plugin_command(const char *command) {
    const struct la_drill_host *host = drill_host();
    char output[4096] = "", none[16];
    enter();
    int status = host->shell(host->ctx, plugin.target, command, output, sizeof output);
    /* What the shell did to the stack becomes packets and events behind a command of the target's own. */
    plugin.target->command(plugin.target, "true", none, sizeof none);
    leave();
    if (status) fprintf(stderr, "%s\n", output);
    if (status == -LA_EOPNOTSUPP) exit(EXIT_NOT_APPLICABLE);
    return status < 0 ? 127 : status;
}

int plugin_close(int fd) { return on_close(NULL, fd); }

int plugin_getsockopt(int fd, int level, int name, void *value, socklen_t *len) {
    return on_getsockopt(NULL, fd, level, name, value, len);
}

/* --- Beginning and end --- */

static void on_free(void *u) {
    (void)u;
    plugin.target->close(plugin.target);
    la_drill_free(plugin.script);
}

__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags,
                                                                       struct packetdrill_interface *interface);

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface) {
    if (!preload_works())
        plugin_die("not preloaded", "commands would reach this machine; set LD_PRELOAD to this library");
    plugin.target = plugin_open(flags, &plugin.script);
    plugin.first = pthread_self();
    *interface = (struct packetdrill_interface){
        .free = on_free,
        .socket = on_socket,
        .bind = on_bind,
        .listen = on_listen,
        .accept = on_accept,
        .connect = on_connect,
        .read = on_read,
        .readv = on_readv,
        .recv = on_recv,
        .recvfrom = on_recvfrom,
        .recvmsg = on_recvmsg,
        .write = on_write,
        .writev = on_writev,
        .send = on_send,
        .sendto = on_sendto,
        .sendmsg = on_sendmsg,
        .fcntl = on_fcntl,
        .ioctl = on_ioctl,
        .close = on_close,
        .shutdown = on_shutdown,
        .getsockopt = on_getsockopt,
        .setsockopt = on_setsockopt,
        .poll = on_poll,
        .netdev_send = on_netdev_send,
        .netdev_receive = on_netdev_receive,
        .usleep = on_usleep,
        .gettimeofday = on_gettimeofday,
        .epoll_create = on_epoll_create,
        .epoll_ctl = on_epoll_ctl,
        .epoll_wait = on_epoll_wait,
        .pipe = on_pipe,
        .splice = on_splice,
    };
}
