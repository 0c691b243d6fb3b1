/* liblastack-packetdrill.so: a lastack stack behind packetdrill's --so_filename interface, so that the original tool
 * drives it. That is a check on `lastack drill`: both must come to the same verdict (make cross-drill).
 *
 * Comes in: the tool's socket calls, packets and clock. Goes out: what the stack answers. It owns one target
 * (la_drill_stack_open) for the tool's life. The tool makes blocking calls on a thread of their own, so a lock is held
 * around the target, and a blocked call sleeps until another call has moved time.
 *
 * Time is virtual. The tool spins on its clock for the last microseconds before an event, so each look at the clock
 * costs a microsecond. Descriptors begin at FIRST_FD: the tool asks libc's getsockopt about the connection for Python
 * blocks, and where this library is preloaded, such a question is answered here.
 *
 * --so_flags is a list of words: profile=freebsd, or an option of the language without its dashes
 * (ip_version=ipv6, local_ip=…, mtu=…). */
#define _GNU_SOURCE

#include <lastack/dev.h>
#include <lastack/drill.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "packetdrill.h"

#define FIRST_FD 1000
#define LOOK_NS 1000

/* How long nothing may come before the tool is told that nothing does: longer than any schedule of a script. */
#define SILENCE (600 * LA_SECOND)

struct plugin {
    struct la_drill_script *script; /* An empty one, for its options. */
    struct la_drill_target *target;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* Time or the stack has moved. */
};

static struct plugin plugin = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static la_time now(void) { return plugin.target->now(plugin.target); }

/* Makes a call, and sleeps while it blocks. The result as libc gives it. */
static long finish(struct la_sys_call *call) {
    pthread_mutex_lock(&plugin.lock);
    bool over = plugin.target->call(plugin.target, call);
    pthread_cond_broadcast(&plugin.moved);
    while (!over) {
        pthread_cond_wait(&plugin.moved, &plugin.lock);
        over = plugin.target->wait(plugin.target, call, now());
    }
    pthread_mutex_unlock(&plugin.lock);
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

static int on_netdev_send(void *u, const void *packet, size_t len) {
    (void)u;
    pthread_mutex_lock(&plugin.lock);
    int error = plugin.target->input(plugin.target, packet, len, 0);
    pthread_cond_broadcast(&plugin.moved);
    pthread_mutex_unlock(&plugin.lock);
    return error ? -1 : 0;
}

static int on_netdev_receive(void *u, void *packet, size_t *size, long long *time_us) {
    (void)u;
    pthread_mutex_lock(&plugin.lock);
    la_time at = now();
    int64_t len = plugin.target->output(plugin.target, packet, *size, &at, now() + SILENCE);
    pthread_cond_broadcast(&plugin.moved);
    pthread_mutex_unlock(&plugin.lock);
    *size = len > 0 ? (size_t)len : 0;
    *time_us = (long long)(at / 1000);
    return 0;
}

static void pass(la_time duration) {
    pthread_mutex_lock(&plugin.lock);
    plugin.target->sleep(plugin.target, now() + duration);
    pthread_cond_broadcast(&plugin.moved);
    pthread_mutex_unlock(&plugin.lock);
}

static int on_usleep(void *u, useconds_t us) {
    (void)u;
    pass((la_time)us * 1000);
    return 0;
}

static int on_gettimeofday(void *u, struct timeval *tv, struct timezone *tz) {
    (void)u;
    (void)tz;
    pass(LOOK_NS);
    la_time at = now();
    tv->tv_sec = (time_t)(at / LA_SECOND);
    tv->tv_usec = (suseconds_t)(at % LA_SECOND / 1000);
    return 0;
}

/* --- Beginning and end --- */

static void on_free(void *u) {
    (void)u;
    plugin.target->close(plugin.target);
    la_drill_free(plugin.script);
}

static void die(const char *what, const char *why) {
    fprintf(stderr, "liblastack-packetdrill: %s: %s\n", what, why);
    exit(2);
}

/* The words of --so_flags: the profile, and options of the language. */
static const char *read_flags(const char *flags, struct la_drill_options *options, char *profile, size_t size) {
    static char error[256];
    char word[256];
    int used = 0;
    for (const char *at = flags; at && sscanf(at, "%254s%n", word, &used) == 1; at += used) {
        if (!strncmp(word, "profile=", 8)) {
            snprintf(profile, size, "%.*s", (int)size - 1, word + 8);
            continue;
        }
        char option[260];
        snprintf(option, sizeof option, "--%s", word);
        if (!la_drill_option_parse(options, option, error, sizeof error)) return error;
    }
    return NULL;
}

__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags,
                                                                       struct packetdrill_interface *interface);

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface) {
    char profile[32] = "linux";
    struct la_drill_options options = {0};
    const char *wrong = read_flags(flags, &options, profile, sizeof profile);
    if (wrong) die("--so_flags", wrong);
    struct la_drill_error error;
    static const char nothing[] = "0 `true`\n";
    if (la_drill_parse(nothing, sizeof nothing - 1, &options, &plugin.script, &error)) die("options", error.text);
    struct la_drill_stack_config config = {
        .profile = profile,
        .options = la_drill_script_options(plugin.script),
        .alloc = la_host_allocator(),
        .first_fd = FIRST_FD,
    };
    int status = la_drill_stack_open(&config, &plugin.target);
    if (status) die("a stack cannot be made", la_errno_text(-status));
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
