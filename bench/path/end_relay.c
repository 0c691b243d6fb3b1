/* The relay: whoever connects to the UNIX socket speaks, through lastack, to a server behind the road. One connection
 * is carried at a time, and the next waits in the socket's backlog. Bytes pass through one bounded buffer per
 * direction; an end of file passes on when the buffer before it is empty. */
#define _GNU_SOURCE
#include "end.h"

#include <lastack/dev.h>
#include <lastack/socket.h>
#include <lastack/stack.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct way {
    uint8_t bytes[65536];
    size_t from, to; /* What is filled. */
    bool eof;        /* Nothing more comes in … */
    bool over;       /* … and that has been passed on. */
};

struct relay {
    const struct end_task *task;
    struct la_stack *stack;
    struct la_device *device;
    int listener, fd; /* fd -1: nobody is connected. */
    la_sock sock;
    struct way up, down; /* To the server; from it. */
};

static bool is_empty(const struct way *way) { return way->from == way->to; }

static int listen_unix(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) return -1;
    memcpy(at.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 8) < 0) return -1;
    return fd;
}

static void relay_accept(struct relay *relay, la_time now) {
    struct la_endpoint to = {end_addr(relay->task->peer), END_PORT, 0};
    relay->fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (relay->fd < 0) return;
    memset(&relay->up, 0, sizeof relay->up);
    memset(&relay->down, 0, sizeof relay->down);
    relay->sock = la_socket(relay->stack, LA_AF_INET, LA_SOCK_STREAM);
    la_connect(relay->stack, relay->sock, &to, now);
}

static void relay_close(struct relay *relay, la_time now) {
    la_close(relay->stack, relay->sock, now);
    close(relay->fd);
    relay->fd = -1;
}

/* The four moves. Each returns bytes, 0 at end of file, -LA_EAGAIN or another error. */

static int64_t from_user(struct relay *relay, la_time now) {
    (void)now;
    ssize_t n = read(relay->fd, relay->up.bytes, sizeof relay->up.bytes);
    return n < 0 ? -errno : n;
}

static int64_t to_user(struct relay *relay, la_time now) {
    (void)now;
    struct way *way = &relay->down;
    ssize_t n = way->eof && is_empty(way) ? shutdown(relay->fd, SHUT_WR)
                                          : write(relay->fd, way->bytes + way->from, way->to - way->from);
    return n < 0 ? -errno : n;
}

static int64_t from_server(struct relay *relay, la_time now) {
    int64_t n = la_recv(relay->stack, relay->sock, relay->down.bytes, sizeof relay->down.bytes, 0, now);
    return n == -LA_ENOTCONN ? -LA_EAGAIN : n;
}

static int64_t to_server(struct relay *relay, la_time now) {
    struct way *way = &relay->up;
    if (la_ready(relay->stack, relay->sock) == 0) return -LA_EAGAIN;
    if (way->eof && is_empty(way)) return la_shutdown(relay->stack, relay->sock, LA_SHUT_WR, now);
    return la_send(relay->stack, relay->sock, way->bytes + way->from, way->to - way->from, 0, now);
}

typedef int64_t move(struct relay *relay, la_time now);

/* Moves until neither side of the way can. False: the connection is broken. */
static bool way_turn(struct relay *relay, struct way *way, move *in, move *out, la_time now) {
    for (;;) {
        if (is_empty(way) && !way->eof) {
            int64_t n = in(relay, now);
            if (n < 0) return n == -LA_EAGAIN;
            way->from = 0, way->to = (size_t)n, way->eof = n == 0;
        }
        if (way->over) return true;
        int64_t n = out(relay, now);
        if (n < 0) return n == -LA_EAGAIN;
        way->over = way->eof && is_empty(way);
        way->from += (size_t)n;
    }
}

static void turn(struct relay *relay, la_time now) {
    if (relay->fd < 0) relay_accept(relay, now);
    if (relay->fd < 0) return;
    bool well = way_turn(relay, &relay->up, from_user, to_server, now) &&
                way_turn(relay, &relay->down, from_server, to_user, now);
    if (!well || (relay->up.over && relay->down.over)) relay_close(relay, now);
}

static void wait_for_more(const struct relay *relay, int moved) {
    bool is_full = moved > 0 && (moved & LA_PUMP_FULL);
    la_time now = la_host_now(), at = la_poll_at(relay->stack), left = at > now ? at - now : 0;
    if ((moved > 0 && (moved & LA_PUMP_AGAIN)) || (!is_full && la_output_pending(relay->stack, -1))) left = 0;
    struct timespec span = {(time_t)(left / LA_SECOND), (long)(left % LA_SECOND)};
    struct pollfd on[] = {{.fd = la_dev_fd(relay->device), .events = POLLIN},
                          {.fd = relay->listener, .events = POLLIN}};
    if (is_full) on[0].events |= POLLOUT;
    if (relay->fd >= 0) {
        bool wants_in = is_empty(&relay->up) && !relay->up.eof, wants_out = !is_empty(&relay->down);
        on[1].fd = relay->fd;
        on[1].events = (short)((wants_in ? POLLIN : 0) | (wants_out ? POLLOUT : 0));
        if (!on[1].events) on[1].fd = -1;
    }
    ppoll(on, 2, at == LA_NEVER && left ? NULL : &span, NULL);
}

void end_relay(const struct end_task *task, struct end_report *report, struct la_stack *stack,
               struct la_device *device) {
    static struct relay relay;
    relay = (struct relay){.task = task, .stack = stack, .device = device, .fd = -1};
    relay.listener = listen_unix(task->path);
    if (relay.listener < 0) {
        end_fail(report, "cannot listen on the UNIX socket", errno);
        return;
    }
    for (;;) {
        la_time now = la_host_now();
        struct la_event event;
        int moved = la_dev_pump(stack, 0, device, now);
        la_tick(stack, now);
        while (la_next_event(stack, &event)) continue;
        turn(&relay, now);
        wait_for_more(&relay, moved);
    }
}
