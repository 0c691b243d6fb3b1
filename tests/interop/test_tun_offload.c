/* A TUN device with offload against the kernel, both ways: every byte is compared, and units have passed. */
#define _GNU_SOURCE
#include <lastack/dev.h>
#include <lastack/info.h>
#include <lastack/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES (64u << 20)
#define PORT 7000

struct rig {
    struct la_device *device;
    struct la_stack *stack;
    la_time now;
    bool v6;
    int kernel;       /* The kernel's socket. */
    la_sock sock;     /* Ours. */
    uint64_t in, out; /* Bytes that we have received and given. */
    uint64_t kernel_in, kernel_out;
    uint64_t units_in, packets_in;
};

/* The stream, the same in both directions: a prime number of bytes over and over, so that no piece that is out of its
 * place looks right. */
#define PERIOD 65521u
#define PIECE 65536u
static uint8_t stream[PERIOD + PIECE];

static void stream_make(void) {
    for (uint32_t i = 0; i < sizeof stream; i++) stream[i] = (uint8_t)(i % PERIOD * 2654435761u >> 24);
}

static void compare(const uint8_t *data, uint64_t at, size_t len) {
    if (memcmp(data, stream + at % PERIOD, len) != 0) fail_msg("wrong bytes behind %llu", (unsigned long long)at);
}

static struct la_addr addr_of(const struct rig *rig, uint8_t last) {
    struct la_addr addr = {{0xfd, 0x77, [15] = last}};
    return rig->v6 ? addr : la_addr4(10, 77, 0, last);
}

static socklen_t kernel_addr(const struct rig *rig, uint8_t last, struct sockaddr_storage *to) {
    struct la_addr addr = addr_of(rig, last);
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    memcpy(&in4.sin_addr, addr.bytes + 12, 4);
    memcpy(&in6.sin6_addr, addr.bytes, 16);
    memcpy(to, rig->v6 ? (void *)&in6 : (void *)&in4, rig->v6 ? sizeof in6 : sizeof in4);
    return rig->v6 ? sizeof in6 : sizeof in4;
}

static void rig_open(struct rig *rig, bool v6, bool offload) {
    struct la_tun_config config = {.name = "lagso%d", .mtu = 1500, .offload = offload};
    struct la_config stack = {.alloc = la_host_allocator(), .seed = {1}};
    *rig = (struct rig){.v6 = v6, .now = la_host_now()};
    struct la_addr host = addr_of(rig, 1), own = addr_of(rig, 2);
    assert_int_equal(la_tun_open(NULL, &config, &rig->device), 0);
    assert_int_equal(la_tun_up(rig->device, &host, v6 ? 64 : 24), 0);
    assert_int_equal(la_stack_create(&stack, &rig->stack), 0);
    struct la_iface_config iface = la_dev_iface(rig->device);
    assert_int_equal(la_iface_add(rig->stack, &iface), 0);
    assert_int_equal(la_addr_add(rig->stack, 0, &own, v6 ? 64 : 24), 0);
}

static void rig_close(struct rig *rig) {
    close(rig->kernel);
    la_stack_destroy(rig->stack);
    la_dev_close(rig->device);
}

/* The kernel connects to us. */
static void connect_them(struct rig *rig) {
    struct sockaddr_storage to;
    struct la_endpoint at = {.addr = addr_of(rig, 2), .port = PORT};
    la_sock listener = la_socket(rig->stack, rig->v6 ? LA_AF_INET6 : LA_AF_INET, LA_SOCK_STREAM);
    assert_int_equal(la_bind(rig->stack, listener, &at), 0);
    assert_int_equal(la_listen(rig->stack, listener, 1), 0);
    socklen_t len = kernel_addr(rig, 2, &to);
    rig->kernel = socket(rig->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(connect(rig->kernel, (struct sockaddr *)&to, len) < 0 && errno == EINPROGRESS);
    while ((rig->sock = la_accept(rig->stack, listener, NULL)) < 0) {
        int moved = la_dev_pump(rig->stack, 0, rig->device, rig->now);
        la_dev_wait(rig->stack, rig->device, moved, LA_SECOND, &rig->now);
        la_tick(rig->stack, rig->now);
    }
}

static void kernel_turn(struct rig *rig, uint64_t to_us, uint64_t to_kernel) {
    static uint8_t room[PIECE];
    for (ssize_t n; rig->kernel_in < to_kernel && (n = recv(rig->kernel, room, sizeof room, 0)) > 0;) {
        compare(room, rig->kernel_in, (size_t)n);
        rig->kernel_in += (uint64_t)n;
    }
    while (rig->kernel_out < to_us) {
        size_t want = to_us - rig->kernel_out < PIECE ? (size_t)(to_us - rig->kernel_out) : PIECE;
        ssize_t n = send(rig->kernel, stream + rig->kernel_out % PERIOD, want, MSG_NOSIGNAL);
        if (n <= 0) break;
        rig->kernel_out += (uint64_t)n;
    }
}

static void own_turn(struct rig *rig, uint64_t to_us, uint64_t to_kernel) {
    static uint8_t room[PIECE];
    for (int64_t n; rig->in < to_us && (n = la_recv(rig->stack, rig->sock, room, sizeof room, 0, rig->now)) > 0;) {
        compare(room, rig->in, (size_t)n);
        rig->in += (uint64_t)n;
    }
    while (rig->out < to_kernel) {
        size_t want = to_kernel - rig->out < PIECE ? (size_t)(to_kernel - rig->out) : PIECE;
        int64_t n = la_send(rig->stack, rig->sock, stream + rig->out % PERIOD, want, 0, rig->now);
        if (n <= 0) break;
        rig->out += (uint64_t)n;
    }
}

/* Moves so many bytes each way. Returns the nanoseconds that it took. */
static la_time move(struct rig *rig, uint64_t to_us, uint64_t to_kernel) {
    la_time begin = la_host_now();
    while (rig->in < to_us || rig->kernel_in < to_kernel) {
        struct la_event event;
        kernel_turn(rig, to_us, to_kernel);
        own_turn(rig, to_us, to_kernel);
        int moved = la_dev_pump(rig->stack, 0, rig->device, rig->now);
        assert_true(moved >= 0);
        while (la_next_event(rig->stack, &event)) continue;
        la_dev_wait(rig->stack, rig->device, moved, LA_MS, &rig->now);
        la_tick(rig->stack, rig->now);
        if (rig->now - begin > 60 * LA_SECOND) fail_msg("nothing moves");
    }
    return la_host_now() - begin;
}

static void transfer(bool v6, bool offload) {
    struct rig rig;
    rig_open(&rig, v6, offload);
    connect_them(&rig);
    uint64_t in = la_counter(rig.stack, LA_C_IN_PACKETS), out = la_counter(rig.stack, LA_C_OUT_PACKETS);
    la_time to_us = move(&rig, BYTES, 0);
    in = la_counter(rig.stack, LA_C_IN_PACKETS) - in;
    out = la_counter(rig.stack, LA_C_OUT_PACKETS);
    la_time to_kernel = move(&rig, BYTES, BYTES);
    out = la_counter(rig.stack, LA_C_OUT_PACKETS) - out;
    printf("offload %d: in %.2f Gb/s, %llu bytes a packet; out %.2f Gb/s, %llu bytes a packet\n", offload,
           (double)BYTES * 8 / (double)to_us, (unsigned long long)(BYTES / in), (double)BYTES * 8 / (double)to_kernel,
           (unsigned long long)(BYTES / out));
    assert_int_equal(la_dropped(rig.stack, LA_D_TCP_CSUM) + la_dropped(rig.stack, LA_D_IP_CSUM), 0);
    if (offload) assert_true(BYTES / in > 1500 && BYTES / out > 1500);
    rig_close(&rig);
}

static void units_pass_both_ways_over_ipv4(void **state) {
    (void)state;
    transfer(false, false);
    transfer(false, true);
}

static void units_pass_both_ways_over_ipv6(void **state) {
    (void)state;
    transfer(true, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_pass_both_ways_over_ipv4),
        cmocka_unit_test(units_pass_both_ways_over_ipv6),
    };
    if (unshare((geteuid() ? CLONE_NEWUSER : 0) | CLONE_NEWNET) != 0) {
        perror("test_tun_offload: a network namespace is needed");
        return 1;
    }
    stream_make();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
