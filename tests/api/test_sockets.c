/* The verbs and options that segments alone do not reach: ports, options read back, what a program sees around a
 * connection's beginning and end. */
#include "support/rig.h"

#include <string.h>

static int get(la_sock s, int level, int name) {
    int value = -1;
    size_t len = sizeof value;
    assert_int_equal(la_getsockopt(rig.stack, s, level, name, &value, &len), 0);
    return value;
}

static void bind_to_port_zero_chooses_one(void **unused) {
    (void)unused;
    struct la_endpoint any = {.addr = la_addr4(0, 0, 0, 0)}, got;
    uint16_t seen[20];
    for (unsigned i = 0; i < COUNT(seen); i++) {
        la_sock s = u_socket();
        assert_int_equal(la_bind(rig.stack, s, &any), 0);
        assert_int_equal(la_getsockname(rig.stack, s, &got), 0);
        within(got.port, 32768, 60999);
        seen[i] = got.port;
        for (unsigned j = 0; j < i; j++) assert_true(seen[j] != seen[i]);
    }
}

static void listen_without_bind_gets_a_port(void **unused) {
    (void)unused;
    la_sock s = u_socket();
    struct la_endpoint got;
    assert_int_equal(la_listen(rig.stack, s, 1), 0);
    assert_int_equal(la_getsockname(rig.stack, s, &got), 0);
    within(got.port, 32768, 60999);
}

static void connects_end_when_no_port_is_left(void **unused) {
    (void)unused;
    setting("net.ipv4.ip_local_port_range_low", 40000);
    setting("net.ipv4.ip_local_port_range_high", 40003);
    struct la_endpoint peer = rig_peer();
    la_sock s[4];
    for (unsigned i = 0; i < 4; i++) {
        s[i] = u_socket();
        assert_int_equal(la_connect(rig.stack, s[i], &peer, rig.now), -LA_EINPROGRESS);
    }
    la_sock more = u_socket();
    assert_int_equal(la_connect(rig.stack, more, &peer, rig.now), -LA_EADDRNOTAVAIL);
    peer.port++; /* Another tuple: the ports may be used once more. */
    assert_int_equal(la_connect(rig.stack, more, &peer, rig.now), -LA_EINPROGRESS);
    peer.port--;
    assert_int_equal(la_close(rig.stack, s[2], rig.now), 0);
    la_sock again = u_socket();
    assert_int_equal(la_connect(rig.stack, again, &peer, rig.now), -LA_EINPROGRESS);
}

static void options_tell_what_the_socket_is(void **unused) {
    (void)unused;
    u_listen(1);
    assert_int_equal(get(rig.listener, LA_SOL_SOCKET, LA_SO_TYPE), LA_SOCK_STREAM);
    assert_int_equal(get(rig.listener, LA_SOL_SOCKET, LA_SO_ACCEPTCONN), 1);
    talk(1);
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(get(rig.t->sock, LA_SOL_SOCKET, LA_SO_ACCEPTCONN), 0);
    assert_int_equal(get(rig.t->sock, LA_IPPROTO_TCP, LA_TCP_MAXSEG), 1460);
    assert_true(get(rig.t->sock, LA_SOL_SOCKET, LA_SO_SNDBUF) >= 4096);
    u_linger(9);
    struct la_linger l = {0, 0};
    size_t len = sizeof l;
    assert_int_equal(la_getsockopt(rig.stack, rig.t->sock, LA_SOL_SOCKET, LA_SO_LINGER, &l, &len), 0);
    assert_int_equal(len, sizeof l);
    assert_true(l.onoff);
    assert_int_equal(l.seconds, 9);
}

static void a_short_buffer_gets_a_short_answer(void **unused) {
    (void)unused;
    la_sock s = u_socket();
    unsigned char value[8];
    memset(value, 0xee, sizeof value);
    size_t len = 2;
    int r = la_getsockopt(rig.stack, s, LA_SOL_SOCKET, LA_SO_TYPE, value, &len);
    assert_true(r == 0 || r == -LA_EINVAL);
    assert_true(len <= 4);
    for (size_t i = 2; i < sizeof value; i++) assert_int_equal(value[i], 0xee);
}

static void maxseg_bounds_both_directions(void **unused) {
    (void)unused;
    rig.t->sock = u_socket();
    u_set(LA_IPPROTO_TCP, LA_TCP_MAXSEG, 500);
    assert_int_equal(get(rig.t->sock, LA_IPPROTO_TCP, LA_TCP_MAXSEG), 500);
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN, .mss = 500));
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    assert_int_equal(u_send(1200), 1200);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 500));
}

static void tos_and_ttl_are_on_every_packet(void **unused) {
    (void)unused;
    rig.t->sock = u_socket();
    u_set(LA_IPPROTO_IP, LA_IP_TOS, 0x20);
    u_set(LA_IPPROTO_IP, LA_IP_TTL, 7);
    assert_int_equal(get(rig.t->sock, LA_IPPROTO_IP, LA_IP_TOS), 0x20);
    u_connect();
    struct la_segment s;
    L(0);
    assert_true(tx_any(&s));
    assert_int_equal(s.tos, 0x20);
    assert_int_equal(s.ttl, 7);
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    assert_true(tx_any(&s));
    assert_int_equal(s.tos, 0x20);
    assert_int_equal(s.ttl, 7);
}

static void a_v6only_listener_does_not_hear_ipv4(void **unused) {
    (void)unused;
    struct la_endpoint any = {.port = 80};
    la_sock s = la_socket(rig.stack, LA_AF_INET6, LA_SOCK_STREAM);
    int one = 1;
    assert_int_equal(la_setsockopt(rig.stack, s, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, &one, sizeof one, rig.now), 0);
    assert_int_equal(la_bind(rig.stack, s, &any), 0);
    assert_int_equal(la_listen(rig.stack, s, 1), 0);
    rig.t->lport = 80;
    rig.t->iss_known = true;
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = 0, .ack = R(1), .flags = RST | ACK));
    talk(1);
    rig.t->v6 = true;
    rig.t->lport = 80;
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
}

static void a_failed_connect_tells_its_error_once(void **unused) {
    (void)unused;
    bring(LA_SYN_SENT, ACTIVE);
    struct la_endpoint peer = rig_peer();
    rx(SEG(.seq = 0, .ack = L(1), .flags = RST | ACK));
    assert_int_equal(la_connect(rig.stack, rig.t->sock, &peer, rig.now), -LA_ECONNREFUSED);
    assert_int_equal(u_error(), 0);
    assert_true(la_connect(rig.stack, rig.t->sock, &peer, rig.now) < 0);
    assert_int_equal(u_close(), 0);
}

static void owner_tags_come_back_with_events(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(la_owner_set(rig.stack, rig.t->sock, 0xfeedbeef12345678u), 0);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 5));
    struct la_event event;
    assert_true(la_next_event(rig.stack, &event));
    assert_int_equal(event.sock, rig.t->sock);
    assert_true(event.owner == 0xfeedbeef12345678u);
    assert_false(la_next_event(rig.stack, &event));
}

static void output_pending_says_whether_to_ask(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    struct la_packet packet;
    assert_false(la_output_pending(rig.stack, -1));
    assert_false(la_output_pending(rig.stack, 0));
    assert_int_equal(la_send(rig.stack, rig.t->sock, "abc", 3, 0, rig.now), 3);
    assert_true(la_output_pending(rig.stack, -1));
    assert_true(la_output_pending(rig.stack, 0));
    assert_true(la_output(rig.stack, 0, &packet, rig.now));
    assert_int_equal(packet.iface, 0);
    assert_false(la_output(rig.stack, 0, &packet, rig.now));
    assert_false(la_output_pending(rig.stack, -1));
}

/* A device that does not take packets loses nothing: what was not taken is not in flight. */
static void a_full_device_is_not_a_loss(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    char data[1000];
    for (unsigned i = 0; i < sizeof data; i++) data[i] = (char)rig_pattern(i);
    assert_int_equal(la_send(rig.stack, rig.t->sock, data, sizeof data, 0, rig.now), sizeof data);
    rig.now += 30 * LA_SECOND; /* The device stands still all this time. */
    la_tick(rig.stack, rig.now);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 1000));
    tx_none();
    assert_int_equal(la_counter(rig.stack, LA_C_RETRANSMITS), 0);
    assert_int_equal(la_counter(rig.stack, LA_C_RTOS), 0);
}

static void aborting_a_listener_ends_it(void **unused) {
    (void)unused;
    u_listen(1);
    assert_int_equal(la_abort(rig.stack, rig.listener, rig.now), 0);
    rig.t->iss_known = true;
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = 0, .ack = R(1), .flags = RST | ACK));
}

static void the_same_calls_give_the_same_bytes(void **unused) {
    (void)unused;
    uint32_t iss[2];
    uint16_t port[2];
    for (unsigned i = 0; i < 2; i++) {
        rig_restart("linux");
        bring(LA_ESTABLISHED, ACTIVE);
        iss[i] = L(0);
        port[i] = rig.t->lport;
    }
    assert_int_equal(iss[0], iss[1]);
    assert_int_equal(port[0], port[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(bind_to_port_zero_chooses_one),         RIG_TEST(listen_without_bind_gets_a_port),
        RIG_TEST(connects_end_when_no_port_is_left),     RIG_TEST(options_tell_what_the_socket_is),
        RIG_TEST(a_short_buffer_gets_a_short_answer),    RIG_TEST(maxseg_bounds_both_directions),
        RIG_TEST(tos_and_ttl_are_on_every_packet),       RIG_TEST(a_v6only_listener_does_not_hear_ipv4),
        RIG_TEST(a_failed_connect_tells_its_error_once), RIG_TEST(owner_tags_come_back_with_events),
        RIG_TEST(output_pending_says_whether_to_ask),    RIG_TEST(a_full_device_is_not_a_loss),
        RIG_TEST(aborting_a_listener_ends_it),           RIG_TEST(the_same_calls_give_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
