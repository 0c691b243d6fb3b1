/* lastack's end: a stack in this process, with its packets on one half of a socket pair. */
#define _GNU_SOURCE
#include "end.h"

#include "tool/tour_pattern.h"

#include <lastack/dev.h>
#include <lastack/info.h>
#include <lastack/socket.h>
#include <lastack/stack.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WIRE_BUFFER = 8 << 20, SPANS = 16 };

struct own {
    const struct end_task *task;
    struct end_report *report;
    struct la_stack *stack;
    struct la_device *device;
    la_sock sock;    /* The sender's connection, or the listener. */
    uint64_t queued; /* Bytes given to the stack. */
    struct {
        la_sock sock;
        unsigned host;
    } conn[END_HOST_MOST];
    unsigned conns;
};

/* --- Parts --- */

static int wire_open(struct end_report *report, struct la_device **device) {
    int pair[2], size = WIRE_BUFFER, error;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return -1;
    for (int i = 0; i < 2; i++)
        if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
            setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    error = la_tun_adopt(NULL, pair[0], LA_LINK_IP, END_MTU, device);
    if (error == 0) return pair[1];
    end_fail(report, "lastack has no device", -error);
    return -1;
}

/* "NAME=VALUE" */
static bool apply(struct la_stack *stack, const char *setting) {
    char name[96];
    const char *equals = strchr(setting, '=');
    if (!equals || (size_t)(equals - setting) >= sizeof name) return false;
    memcpy(name, setting, (size_t)(equals - setting));
    name[equals - setting] = 0;
    return la_set(stack, name, strtoll(equals + 1, NULL, 0)) == 0;
}

static bool stack_open(const struct end_task *task, struct end_report *report, struct la_stack **stack) {
    struct la_config config = {.alloc = la_host_allocator()};
    struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = END_MTU};
    struct la_addr addr = end_addr(task->host);
    memcpy(config.seed, &task->seed, sizeof task->seed);
    config.seed[31] = (uint8_t)task->host;
    if (la_stack_create(&config, stack)) return end_fail(report, "lastack did not start", 0);
    if (la_iface_add(*stack, &iface) < 0 || la_addr_add(*stack, 0, &addr, 24) < 0)
        return end_fail(report, "lastack took no interface", 0);
    for (const char *const *setting = task->settings; setting && *setting; setting++)
        if (!apply(*stack, *setting)) return end_fail(report, "lastack refused a setting: --set NAME=VALUE", 0);
    return true;
}

/* --- Sending --- */

static bool send_begin(struct own *own, la_time now) {
    struct la_endpoint to = {end_addr(own->task->peer), END_PORT, 0};
    own->sock = la_socket(own->stack, LA_AF_INET, LA_SOCK_STREAM);
    int error = la_connect(own->stack, own->sock, &to, now);
    return error == -LA_EINPROGRESS || end_fail(own->report, "lastack cannot connect", -error);
}

/* Gives the stack what it takes. */
static bool send_turn(struct own *own, la_time now) {
    struct la_room room[SPANS];
    unsigned n;
    atomic_store(&own->report->resent, la_counter(own->stack, LA_C_RETRANSMITS));
    if (!(la_ready(own->stack, own->sock) & (LA_EV_WRITABLE | LA_EV_ERROR))) return true;
    while (own->queued < own->task->bytes) {
        uint64_t left = own->task->bytes - own->queued;
        int64_t got = la_reserve(own->stack, own->sock, left < SIZE_MAX ? (size_t)left : SIZE_MAX, room, SPANS, &n);
        if (got == -LA_EAGAIN) return true;
        if (got < 0) return end_fail(own->report, "lastack cannot send", (int)-got);
        for (unsigned i = 0; i < n; i++) {
            pattern_fill(own->queued, room[i].data, room[i].len);
            own->queued += room[i].len;
        }
        int error = la_commit(own->stack, own->sock, (size_t)got, now);
        if (error < 0) return end_fail(own->report, "lastack cannot commit", -error);
    }
    return true;
}

/* --- Receiving --- */

static bool receive_begin(struct own *own) {
    struct la_endpoint at = {end_addr(own->task->host), END_PORT, 0};
    own->sock = la_socket(own->stack, LA_AF_INET, LA_SOCK_STREAM);
    if (la_bind(own->stack, own->sock, &at) == 0 && la_listen(own->stack, own->sock, END_HOST_MOST) == 0) return true;
    return end_fail(own->report, "lastack cannot listen", 0);
}

static bool receive_conn(struct own *own, unsigned i, la_time now) {
    struct la_span span[SPANS];
    unsigned n;
    for (;;) {
        int64_t got = la_peek(own->stack, own->conn[i].sock, span, SPANS, &n);
        if (got == -LA_EAGAIN) return true;
        if (got < 0) return end_fail(own->report, "lastack cannot receive", (int)-got);
        if (got == 0) return end_fail(own->report, "the sender has closed before all had come", 0);
        for (unsigned k = 0; k < n; k++)
            if (!end_received(own->report, own->conn[i].host, span[k].data, span[k].len)) return false;
        la_consume(own->stack, own->conn[i].sock, (size_t)got, now);
    }
}

static bool receive_turn(struct own *own, la_time now) {
    struct la_endpoint peer;
    la_sock sock;
    while (own->conns < END_HOST_MOST && (sock = la_accept(own->stack, own->sock, &peer)) >= 0) {
        own->conn[own->conns].sock = sock;
        own->conn[own->conns++].host = peer.addr.bytes[15];
    }
    for (unsigned i = 0; i < own->conns; i++)
        if (!receive_conn(own, i, now)) return false;
    if (end_received_all(own->report) >= own->task->bytes && !atomic_load(&own->report->done_at))
        atomic_store(&own->report->done_at, now);
    return true;
}

/* --- The loop --- */

/* Serves the stack until the road stops this process. A receiver says when it has all; an end that fails says so. */
static void loop(struct own *own, int control) {
    bool told = false, well = true;
    for (la_time now = la_host_now();;) {
        struct la_event event;
        int moved = la_dev_pump(own->stack, 0, own->device, now);
        la_tick(own->stack, now);
        while (la_next_event(own->stack, &event)) continue; /* Each turn looks at all there is. */
        if (well) well = own->task->job == END_SEND ? send_turn(own, now) : receive_turn(own, now);
        if (!told && (!well || atomic_load(&own->report->done_at))) {
            end_done(control);
            told = true;
        }
        la_dev_wait(own->stack, own->device, moved, LA_NEVER, &now);
    }
}

void end_lastack(const struct end_task *task, struct end_report *report, int control) {
    struct own own = {.task = task, .report = report};
    int packets = wire_open(report, &own.device);
    if (packets < 0 || !stack_open(task, report, &own.stack)) return;
    if (task->job == END_RECEIVE && !receive_begin(&own)) return;
    if (!end_ready(control, packets)) return;
    close(packets);
    if (task->job == END_RELAY) {
        end_relay(task, report, own.stack, own.device);
        return;
    }
    if (task->job == END_SEND && (!end_await(control) || !send_begin(&own, la_host_now()))) return;
    loop(&own, control);
}
