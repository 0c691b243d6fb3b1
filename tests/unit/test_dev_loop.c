/* The wire inside the process, and the pump on it: order, bounds, push-back without loss, ends that close. */
#include <lastack/dev.h>
#include <lastack/info.h>
#include <lastack/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"

static int send_text(struct la_device *device, const char *text) {
    size_t half = strlen(text) / 2;
    struct la_packet packet = {.len = strlen(text), .nspans = 2};
    packet.span[0] = (struct la_span){(const uint8_t *)text, half};
    packet.span[1] = (struct la_span){(const uint8_t *)text + half, packet.len - half};
    return la_dev_send(device, &packet, 0);
}

static void expect_text(struct la_device *device, const char *text) {
    struct la_span packet;
    assert_int_equal(la_dev_recv(device, &packet, 0), 0);
    assert_int_equal(packet.len, strlen(text));
    assert_memory_equal(packet.data, text, packet.len);
}

static void expect_nothing(struct la_device *device, int error) {
    struct la_span packet;
    assert_int_equal(la_dev_recv(device, &packet, 0), error);
}

static void packets_arrive_in_order_at_the_other_end(void **state) {
    (void)state;
    struct la_device *end[2];
    assert_int_equal(la_loop_open(NULL, LA_LINK_IP, 100, 4, end), 0);
    assert_int_equal(la_dev_fd(end[0]), -1);
    assert_true(la_dev_poll_at(end[0]) == LA_NEVER);
    assert_int_equal(send_text(end[0], "first"), 0);
    assert_int_equal(send_text(end[0], "second"), 0);
    assert_int_equal(send_text(end[1], "back"), 0);
    expect_text(end[1], "first");
    expect_text(end[0], "back");
    expect_text(end[1], "second");
    expect_nothing(end[0], -LA_EAGAIN);
    expect_nothing(end[1], -LA_EAGAIN);
    la_dev_close(end[0]);
    la_dev_close(end[1]);
}

static void an_offloading_wire_passes_units_as_they_are(void **state) {
    (void)state;
    static const uint8_t bytes[9000] = {1, 2, 3};
    struct la_device *end[2];
    struct la_span got;
    struct la_packet unit = {.len = sizeof bytes, .nspans = 1, .segment = 1000, .csum_partial = true};
    unit.span[0] = (struct la_span){bytes, sizeof bytes};
    assert_int_equal(la_loop_open_offload(NULL, LA_LINK_IP, 1500, 4, end), 0);
    struct la_iface_config iface = la_dev_iface(end[0]);
    assert_true(iface.gso_max > 60000 && iface.tx_csum_by_dev && iface.mtu == 1500);
    assert_int_equal(la_dev_send(end[0], &unit, 0), 0);
    assert_int_equal(send_text(end[0], "plain"), 0);
    assert_int_equal(la_dev_recv(end[1], &got, 0), 0);
    assert_int_equal(got.len, sizeof bytes);
    assert_int_equal(end[1]->segment, 1000);
    assert_true(end[1]->csum_done);
    expect_text(end[1], "plain");
    assert_false(end[1]->segment || end[1]->csum_done);
    la_dev_close(end[0]);
    la_dev_close(end[1]);
}

static void a_full_wire_pushes_back_and_takes_nothing(void **state) {
    (void)state;
    struct la_device *end[2];
    assert_int_equal(la_loop_open(NULL, LA_LINK_IP, 100, 2, end), 0);
    for (int round = 0; round < 7; round++) {
        assert_int_equal(send_text(end[0], "one"), 0);
        assert_int_equal(send_text(end[0], "two"), 0);
        assert_false(end[0]->full);
        assert_int_equal(send_text(end[0], "three"), -LA_EAGAIN);
        assert_true(end[0]->full);

        struct la_span lent;
        assert_int_equal(la_dev_recv(end[1], &lent, 0), 0);
        assert_false(end[0]->full);
        assert_int_equal(send_text(end[0], "four"), 0);
        assert_memory_equal(lent.data, "one", 3); /* The packet lent out is not written over. */
        expect_text(end[1], "two");
        expect_text(end[1], "four");
        expect_nothing(end[1], -LA_EAGAIN);
    }
    la_dev_close(end[1]);
    la_dev_close(end[0]);
}

static void a_packet_larger_than_the_mtu_is_refused(void **state) {
    (void)state;
    struct la_device *end[2];
    char text[200];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    assert_int_equal(la_loop_open(NULL, LA_LINK_ETHERNET, 100, 2, end), 0);
    assert_int_equal(send_text(end[0], text), -LA_EMSGSIZE);
    text[114] = 0;
    assert_int_equal(send_text(end[0], text), 0);
    la_dev_close(end[1]);
    la_dev_close(end[0]);
    assert_int_equal(la_loop_open(NULL, LA_LINK_IP, 0, 2, end), -LA_EINVAL);
    assert_int_equal(la_loop_open(NULL, LA_LINK_IP, 100, 0, end), -LA_EINVAL);
}

static void a_closed_end_is_told_to_the_other_after_the_last_packet(void **state) {
    (void)state;
    struct la_device *end[2];
    assert_int_equal(la_loop_open(NULL, LA_LINK_IP, 100, 2, end), 0);
    assert_int_equal(send_text(end[0], "last words"), 0);
    la_dev_close(end[0]);
    expect_text(end[1], "last words");
    expect_nothing(end[1], -LA_EPIPE);
    assert_int_equal(send_text(end[1], "hello?"), -LA_EPIPE);
    la_dev_close(end[1]);
    la_dev_close(NULL);
}

static bool open_and_close(struct oom *oom) {
    struct la_allocator alloc = oom_allocator(oom);
    struct la_device *end[2];
    int rc = la_loop_open(&alloc, LA_LINK_IP, 100, 2, end);
    if (rc) {
        assert_int_equal(rc, -LA_ENOMEM);
        return false;
    }
    la_dev_close(end[0]);
    la_dev_close(end[1]);
    return true;
}

static void no_failed_allocation_leaks(void **state) {
    (void)state;
    assert_true(oom_run(open_and_close));
}

/* --- The pump --- */

struct host {
    struct la_stack *stack;
    struct la_device *device;
    la_sock sock;
};

static void host_make(struct host *host, struct la_device *device, uint8_t number, uint32_t gso_max) {
    struct la_config config = {.alloc = la_host_allocator(), .seed = {number}, .check = true};
    struct la_iface_config iface = la_dev_iface(device);
    iface.gso_max = gso_max;
    struct la_addr addr = la_addr4(10, 0, 0, number);
    host->device = device;
    host->sock = -1;
    assert_int_equal(la_stack_create(&config, &host->stack), 0);
    assert_int_equal(la_iface_add(host->stack, &iface), 0);
    assert_int_equal(la_addr_add(host->stack, 0, &addr, 24), 0);
}

static void host_end(struct host *host) {
    la_stack_destroy(host->stack);
    la_dev_close(host->device);
}

static int host_pump(struct host *host, la_time now) {
    int moved = la_dev_pump(host->stack, 0, host->device, now);
    assert_true(moved >= 0);
    la_tick(host->stack, now);
    return moved;
}

enum { TRANSFER = 300000 };

static uint8_t byte_at(size_t i) { return (uint8_t)(i * 7 + i / 251); }

/* Sends as much as goes. */
static void write_some(struct host *host, size_t *sent, la_time now) {
    uint8_t chunk[5000];
    while (*sent < TRANSFER) {
        size_t len = sizeof chunk < TRANSFER - *sent ? sizeof chunk : TRANSFER - *sent;
        for (size_t i = 0; i < len; i++) chunk[i] = byte_at(*sent + i);
        int64_t rc = la_send(host->stack, host->sock, chunk, len, 0, now);
        if (rc == -LA_EAGAIN || rc == -LA_ENOTCONN || rc == -LA_EALREADY) return;
        assert_true(rc > 0);
        *sent += (size_t)rc;
    }
}

static void read_some(struct host *host, size_t *received, la_time now) {
    uint8_t chunk[5000];
    for (;;) {
        int64_t rc = la_recv(host->stack, host->sock, chunk, sizeof chunk, 0, now);
        if (rc == -LA_EAGAIN) return;
        assert_true(rc > 0);
        for (int64_t i = 0; i < rc; i++) assert_int_equal(chunk[i], byte_at(*received + (size_t)i));
        *received += (size_t)rc;
    }
}

/* Over the wire `end`; the client's stack makes units of so many bytes. */
static void transfer(struct la_device *end[2], uint32_t gso_max) {
    struct host client, server;
    struct la_endpoint to = {la_addr4(10, 0, 0, 2), 80, 0};
    size_t sent = 0, received = 0;
    la_time now = LA_SECOND;
    bool was_full = false;

    host_make(&client, end[0], 1, gso_max);
    host_make(&server, end[1], 2, 0);
    la_sock listener = la_socket(server.stack, LA_AF_INET, LA_SOCK_STREAM);
    assert_int_equal(la_bind(server.stack, listener, &to), 0);
    assert_int_equal(la_listen(server.stack, listener, 1), 0);
    client.sock = la_socket(client.stack, LA_AF_INET, LA_SOCK_STREAM);
    assert_int_equal(la_connect(client.stack, client.sock, &to, now), -LA_EINPROGRESS);

    for (int turn = 0; turn < 100000 && received < TRANSFER; turn++) {
        now += 10 * LA_US;
        was_full |= (host_pump(&client, now) & LA_PUMP_FULL) != 0;
        host_pump(&server, now);
        write_some(&client, &sent, now);
        if (server.sock < 0) server.sock = la_accept(server.stack, listener, NULL);
        if (server.sock >= 0) read_some(&server, &received, now);
    }
    struct la_conn_info info;
    assert_int_equal(la_conn_info(client.stack, client.sock, &info), 0);
    assert_int_equal(received, TRANSFER);
    assert_int_equal(info.retransmits, 0);
    assert_true(was_full);
    assert_int_equal(la_dropped(server.stack, LA_D_TCP_CSUM), 0);
    uint64_t most = gso_max ? TRANSFER / 3000 : TRANSFER / 1400;
    assert_true(la_counter(client.stack, LA_C_OUT_PACKETS) < most + 50);
    assert_true(client.device->lost == 0 && server.device->lost == 0);
    host_end(&client);
    host_end(&server);
}

static void a_transfer_over_a_wire_of_one_packet_loses_nothing(void **state) {
    (void)state;
    struct la_device *end[2];
    assert_int_equal(la_loop_open(NULL, LA_LINK_IP, 1500, 1, end), 0);
    transfer(end, 0);
}

static void units_are_cut_for_a_device_that_takes_none(void **state) {
    (void)state;
    struct la_device *end[2];
    assert_int_equal(la_loop_open(NULL, LA_LINK_IP, 1500, 1, end), 0);
    transfer(end, 20000);
}

static void units_cross_a_wire_that_takes_them(void **state) {
    (void)state;
    struct la_device *end[2];
    assert_int_equal(la_loop_open_offload(NULL, LA_LINK_IP, 1500, 1, end), 0);
    transfer(end, la_dev_iface(end[0]).gso_max);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_arrive_in_order_at_the_other_end),
        cmocka_unit_test(an_offloading_wire_passes_units_as_they_are),
        cmocka_unit_test(a_full_wire_pushes_back_and_takes_nothing),
        cmocka_unit_test(a_packet_larger_than_the_mtu_is_refused),
        cmocka_unit_test(a_closed_end_is_told_to_the_other_after_the_last_packet),
        cmocka_unit_test(no_failed_allocation_leaks),
        cmocka_unit_test(a_transfer_over_a_wire_of_one_packet_loses_nothing),
        cmocka_unit_test(units_are_cut_for_a_device_that_takes_none),
        cmocka_unit_test(units_cross_a_wire_that_takes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
