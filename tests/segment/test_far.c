/* Marks in the sequence space that stay behind for more than 2^31 bytes. An interface with large packets makes that
 * many bytes affordable: 35 000 segments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/info.h>
#include <lastack/segment.h>
#include <lastack/socket.h>
#include <lastack/stack.h>

#define FULL 65495u

static struct la_stack *stack;
static la_time now;
static struct la_endpoint own, peer;
static uint32_t iss, irs = 1000;
static la_sock sock;

static void *take(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}
static void give(void *ctx, void *ptr, size_t size) {
    (void)ctx, (void)size;
    free(ptr);
}

static void arrive(uint32_t seq, uint32_t ack, uint16_t flags) {
    uint8_t packet[128];
    struct la_segment s = {.src = peer, .dst = own, .seq = seq, .ack = ack, .flags = flags, .wnd = 65535, .ttl = 64};
    s.wscale = -1;
    s.csum_ok = true;
    if (flags & LA_SYN) s.mss = FULL;
    size_t len = la_segment_build(&s, packet, sizeof packet);
    la_input(stack, 0, packet, len, now);
}

/* Takes all packets; how many had data, and where the last of them began. */
static unsigned sent(uint32_t *seq) {
    static uint8_t bytes[70000];
    struct la_packet packet;
    struct la_segment s;
    unsigned n = 0;
    while (la_output(stack, -1, &packet, now)) {
        size_t len = la_packet_copy(&packet, bytes, sizeof bytes);
        if (!la_segment_parse(LA_LINK_IP, bytes, len, &s)) continue;
        if (s.flags & LA_SYN) {
            iss = s.seq;
            own = s.src;
        }
        if (!s.len) continue;
        n++;
        *seq = s.seq;
    }
    return n;
}

static int setup(void **unused) {
    (void)unused;
    struct la_config config = {.alloc = {take, give, NULL}, .check = true, .seed = {7}};
    struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = 65535};
    uint32_t seq;
    now = 1000 * LA_SECOND;
    assert_int_equal(la_stack_create(&config, &stack), 0);
    assert_int_equal(la_iface_add(stack, &iface), 0);
    own = (struct la_endpoint){.addr = la_addr4(10, 0, 0, 2)};
    peer = (struct la_endpoint){.addr = la_addr4(10, 0, 0, 1), .port = 80};
    assert_int_equal(la_addr_add(stack, 0, &own.addr, 24), 0);
    sock = la_socket(stack, LA_AF_INET, LA_SOCK_STREAM);
    int big = 300000;
    la_setsockopt(stack, sock, LA_SOL_SOCKET, LA_SO_SNDBUF, &big, sizeof big, now);
    la_connect(stack, sock, &peer, now);
    sent(&seq);
    now += 10 * LA_MS;
    arrive(irs, iss + 1, LA_SYN | LA_ACK);
    sent(&seq);
    return 0;
}

static int teardown(void **unused) {
    (void)unused;
    la_stack_destroy(stack);
    return 0;
}

/* Sends and has acknowledged `n` full segments; returns where the stream stands. */
static uint32_t stream(uint32_t at, uint32_t n) {
    static uint8_t data[FULL];
    uint32_t seq;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(la_send(stack, sock, data, FULL, 0, now), FULL);
        assert_int_equal(sent(&seq), 1);
        at += FULL;
        now += LA_MS;
        arrive(irs + 1, at, LA_ACK);
        la_tick(stack, now);
        sent(&seq);
    }
    return at;
}

#define PIECE (FULL / 5)

/* Five segments; the first is lost, the others make three duplicate ACKs and one more. */
static void lose_one(uint32_t at) {
    static uint8_t data[PIECE];
    uint32_t seq = 0;
    int on = 1;
    la_setsockopt(stack, sock, LA_IPPROTO_TCP, LA_TCP_NODELAY, &on, sizeof on, now);
    for (int i = 0; i < 5; i++) assert_int_equal(la_send(stack, sock, data, PIECE, 0, now), PIECE), sent(&seq);
    for (int i = 0; i < 3; i++) arrive(irs + 1, at, LA_ACK);
    assert_int_equal(sent(&seq), 1); /* Fast retransmit. */
    assert_int_equal(seq, at);
    arrive(irs + 1, at + FULL, LA_ACK);
}

static void fast_retransmit_works_after_two_gigabytes(void **unused) {
    (void)unused;
    uint32_t at = stream(iss + 1, 5);
    lose_one(at);
    at = stream(at + FULL, 33500); /* 2.2 GB without a loss. */
    lose_one(at);
}

static void nagle_holds_nothing_after_two_gigabytes(void **unused) {
    (void)unused;
    uint32_t seq = 0, at = iss + 1;
    assert_int_equal(la_send(stack, sock, "0123456789", 10, 0, now), 10);
    assert_int_equal(sent(&seq), 1);
    arrive(irs + 1, at + 10, LA_ACK);
    at = stream(at + 10, 33500);
    assert_int_equal(la_send(stack, sock, "0123456789", 10, 0, now), 10);
    assert_int_equal(sent(&seq), 1); /* Nothing is in flight. */
    assert_int_equal(seq, at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fast_retransmit_works_after_two_gigabytes, setup, teardown),
        cmocka_unit_test_setup_teardown(nagle_holds_nothing_after_two_gigabytes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
