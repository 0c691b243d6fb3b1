/* Our side of the benchmarks: the world, and who measures what. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"

static void *heap_alloc(void *ctx, size_t size) {
    struct heap *heap = ctx;
    void *ptr = malloc(size);
    if (ptr) heap->used += size;
    return ptr;
}

static void heap_free(void *ctx, void *ptr, size_t size) {
    struct heap *heap = ctx;
    if (ptr) heap->used -= size;
    free(ptr);
}

static struct la_stack *stack_new(struct heap *heap, uint8_t last, uint32_t gso_max) {
    struct la_config config = {.alloc = {heap_alloc, heap_free, heap}, .memory_max = SIZE_MAX / 2};
    memset(config.seed, last, sizeof(config.seed));
    struct la_stack *stack;
    if (la_stack_create(&config, &stack) != 0) return NULL;
    struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = WORLD_MTU, .gso_max = gso_max};
    iface.tx_csum_by_dev = iface.rx_csum_done = gso_max > 0;
    struct la_addr addr = la_addr4(10, 0, 0, last);
    int number = la_iface_add(stack, &iface);
    if (number < 0 || la_addr_add(stack, number, &addr, 24) != 0) {
        la_stack_destroy(stack);
        return NULL;
    }
    return stack;
}

bool world_set(struct world *w, const char *name, int64_t value) {
    return la_set(w->client, name, value) == 0 && la_set(w->server, name, value) == 0;
}

static bool set_limits(struct world *w) {
    return world_set(w, "tcp_max_tw_buckets", 1 << 24) && world_set(w, "tcp_max_orphans", 1 << 24) &&
           world_set(w, "somaxconn", 1024) && world_set(w, "ip_local_port_range_low", 1024) &&
           world_set(w, "ip_local_port_range_high", 65535);
}

bool world_open(struct world *w) { return world_open_units(w, 0); }

bool world_open_units(struct world *w, uint32_t gso_max) {
    memset(w, 0, sizeof(*w));
    w->client_at = (struct la_endpoint){.addr = la_addr4(10, 0, 0, 1)};
    w->server_at = (struct la_endpoint){.addr = la_addr4(10, 0, 0, 2)};
    w->client = stack_new(&w->client_heap, 1, gso_max);
    w->server = stack_new(&w->server_heap, 2, gso_max);
    w->now = LA_SECOND;
    if (w->client && w->server && set_limits(w)) return true;
    world_close(w);
    return false;
}

void world_close(struct world *w) {
    la_stack_destroy(w->client), la_stack_destroy(w->server);
    w->client = w->server = NULL;
}

la_sock world_listen(struct world *w, uint16_t port) {
    la_sock listener = la_socket(w->server, LA_AF_INET, LA_SOCK_STREAM);
    struct la_endpoint at = w->server_at;
    at.port = port;
    int error = la_bind(w->server, listener, &at);
    if (error == 0) error = la_listen(w->server, listener, 1000);
    return error ? error : listener;
}

static unsigned to_server(struct world *w) {
    struct la_packet packet;
    unsigned n = 0;
    for (; la_output(w->client, -1, &packet, w->now); n++) {
        w->frame_len = la_packet_copy(&packet, w->frame, sizeof(w->frame));
        la_input(w->server, 0, w->frame, w->frame_len, w->now);
    }
    w->packets += n;
    return n;
}

static unsigned to_client(struct world *w) {
    struct la_packet packet;
    uint8_t frame[WORLD_MTU];
    unsigned n = 0;
    for (; la_output(w->server, -1, &packet, w->now); n++) {
        size_t len = la_packet_copy(&packet, frame, sizeof(frame));
        if (w->client) la_input(w->client, 0, frame, len, w->now);
    }
    return n;
}

void world_settle(struct world *w) {
    struct la_event event;
    while ((w->client ? to_server(w) : 0) + to_client(w)) continue;
    while (w->client && la_next_event(w->client, &event)) continue;
    while (la_next_event(w->server, &event)) continue;
}

void world_pass(struct world *w, la_time duration) {
    for (la_time end = w->now + duration; w->now < end; world_settle(w)) {
        la_time a = w->client ? la_poll_at(w->client) : LA_NEVER, b = la_poll_at(w->server);
        la_time next = a < b ? a : b;
        w->now = next <= w->now ? w->now + LA_US : next < end ? next : end;
        if (w->client) la_tick(w->client, w->now);
        la_tick(w->server, w->now);
    }
}

bool world_dial(struct world *w, la_sock listener, uint16_t port, struct call *call) {
    struct la_endpoint to = w->server_at;
    to.port = port;
    w->now += LA_US;
    call->client = la_socket(w->client, LA_AF_INET, LA_SOCK_STREAM);
    if (la_connect(w->client, call->client, &to, w->now) != -LA_EINPROGRESS) return false;
    world_settle(w);
    call->server = la_accept(w->server, listener, NULL);
    return call->server >= 0;
}

bool world_exchange(struct world *w, const struct call *call) {
    char byte = '?';
    if (la_send(w->client, call->client, &byte, 1, 0, w->now) != 1) return false;
    world_settle(w);
    if (la_recv(w->server, call->server, &byte, 1, 0, w->now) != 1 || byte != '?') return false;
    byte = '!';
    if (la_send(w->server, call->server, &byte, 1, 0, w->now) != 1) return false;
    world_settle(w);
    return la_recv(w->client, call->client, &byte, 1, 0, w->now) == 1 && byte == '!';
}

bool world_hang_up(struct world *w, const struct call *call) {
    char byte;
    if (la_close(w->client, call->client, w->now) != 0) return false;
    world_settle(w);
    if (la_recv(w->server, call->server, &byte, 1, 0, w->now) != 0) return false;
    if (la_close(w->server, call->server, w->now) != 0) return false;
    world_settle(w);
    return true;
}

static void run(const struct bench_task *task, struct bench_result *result) {
    switch ((enum bench_subject)task->subject) {
    case BENCH_BULK:
    case BENCH_UNITS: run_bulk(task, result); break;
    case BENCH_CHURN: run_churn(task, result); break;
    case BENCH_ACK: run_ack(task, result); break;
    case BENCH_TIMERS: run_timers(task, result); break;
    case BENCH_IDLE_BYTES: run_idle_bytes(task, result); break;
    case BENCH_RECORD_BYTES: run_record_bytes(task, result); break;
    case BENCH_EXPIRY: run_expiry(task, result); break;
    case BENCH_END: break;
    }
}

const struct bench_peer bench_lastack = {"lastack", run};
