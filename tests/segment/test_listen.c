/* Listening: what a backlog means, the SYN cache, SYN cookies, the accept queue when it is full. */
#include "support/rig.h"

static void syn(unsigned n) {
    talk(n);
    rig.t->lport = 80;
    rx(SEG(.seq = R(0), .flags = SYN));
}

static void third(unsigned n) {
    talk(n);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
}

static void shake(unsigned n) {
    syn(n);
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    third(n);
}

static struct la_conn_info listener_info(void) {
    struct la_conn_info info;
    assert_int_equal(la_conn_info(rig.stack, rig.listener, &info), 0);
    return info;
}

static void connections_are_accepted_in_the_order_of_their_completion(void **unused) {
    (void)unused;
    u_listen(5);
    for (unsigned i = 0; i < 3; i++) {
        syn(i);
        tx_skip();
    }
    third(2);
    third(0);
    third(1);
    static const unsigned order[] = {2, 0, 1};
    for (unsigned i = 0; i < 3; i++) {
        talk(order[i]);
        u_accept();
    }
    assert_int_equal(la_accept(rig.stack, rig.listener, NULL), -LA_EAGAIN);
}

static void the_listener_shows_its_queue_and_its_backlog(void **unused) {
    (void)unused;
    u_listen(7);
    shake(0);
    shake(1);
    struct la_conn_info info = listener_info();
    assert_int_equal(info.state, LA_LISTEN);
    assert_int_equal(info.recv_queue, 2);
    assert_int_equal(info.send_queue, 7);
}

/* Linux: backlog + 1 completed connections; the next handshake's third segment is not taken, the SYN+ACK is repeated,
 * and the connection completes when there is room. */
static void a_full_accept_queue_keeps_the_handshake_waiting(void **unused) {
    (void)unused;
    u_listen(1);
    for (unsigned i = 0; i < 3; i++) {
        syn(i);
        tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    }
    third(0);
    third(1);
    third(2);
    drop(LA_D_ACCEPT_FULL);
    state(LA_SYN_RCVD);
    tx_none();
    assert_int_equal(listener_info().recv_queue, 2);
    wait_tx(3000);
    talk(2);
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    talk(0);
    u_accept();
    third(2);
    state(LA_ESTABLISHED);
    talk(1);
    u_accept();
    talk(2);
    u_accept();
}

static void a_full_accept_queue_takes_no_new_syn(void **unused) {
    (void)unused;
    u_listen(0);
    shake(0);
    syn(1);
    tx_none();
    drop(LA_D_ACCEPT_FULL);
    state(LA_CLOSED);
    talk(0);
    u_accept();
    shake(1);
    u_accept();
}

static void abort_on_overflow_resets_instead(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_abort_on_overflow", 1);
    u_listen(0);
    syn(0);
    syn(1);
    tx_skip();
    third(0);
    third(1);
    struct la_segment s;
    assert_true(tx_any(&s));
    assert_int_equal(s.flags & RST, RST);
    state(LA_CLOSED);
}

static void somaxconn_bounds_the_backlog(void **unused) {
    (void)unused;
    setting("net.core.somaxconn", 3);
    u_listen(1000);
    assert_int_equal(listener_info().send_queue, 3);
}

static void the_oldest_handshake_gives_way_without_cookies(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_syncookies", 0);
    setting("net.ipv4.tcp_max_syn_backlog", 4);
    u_listen(100);
    for (unsigned i = 0; i < 6; i++) {
        syn(i);
        tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
        advance(1);
    }
    assert_int_equal(la_dropped(rig.stack, LA_D_SYN_CACHE_FULL), 2);
    third(5);
    state(LA_ESTABLISHED);
    third(0);
    tx(SEG(.seq = L(1), .flags = RST));
}

/* C30. Nothing is kept of a SYN that is answered by a cookie; the third segment alone makes the connection. */
static void a_syn_cookie_makes_a_connection_of_the_third_segment(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_syncookies", 2);
    u_listen(5);
    syn(0);
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    state(LA_CLOSED);
    advance(3000);
    tx_none();
    third(0);
    u_accept();
    state(LA_ESTABLISHED);
    assert_int_equal(u_send(100), 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 100));
}

static void a_forged_or_stale_cookie_is_reset(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_syncookies", 2);
    u_listen(5);
    syn(0);
    tx_skip();
    rx(SEG(.seq = R(1), .ack = L(1) + 1, .flags = ACK));
    tx(SEG(.seq = L(2), .flags = RST));
    drop(LA_D_COOKIE_BAD);
    rx(SEG(.seq = R(2), .ack = L(1), .flags = ACK)); /* Of another initial sequence number. */
    tx(SEG(.seq = L(1), .flags = RST));
    drop(LA_D_COOKIE_BAD);
    advance(300000);
    third(0);
    tx(SEG(.seq = L(1), .flags = RST));
    assert_int_equal(la_accept(rig.stack, rig.listener, NULL), -LA_EAGAIN);
}

static void a_flood_of_syns_keeps_nobody_out(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_max_syn_backlog", 4);
    u_listen(50);
    for (unsigned i = 1; i < RIG_TALKS; i++) syn(i);
    tx_skip();
    uint32_t count[LA_NSTATES];
    la_conn_count(rig.stack, count);
    assert_int_equal(count[LA_SYN_RCVD], 4);
    syn(0);
    assert_int_equal(tx_skip(), 1);
    third(0);
    u_accept();
    third(1); /* And those who came before the cookies complete as well. */
    u_accept();
}

static void many_handshakes_use_little_memory_and_all_end(void **unused) {
    (void)unused;
    u_listen(100);
    tx_skip();
    size_t before = la_memory_used(rig.stack);
    for (unsigned i = 0; i < RIG_TALKS; i++) syn(i);
    tx_skip();
    assert_true((la_memory_used(rig.stack) - before) / RIG_TALKS < 1024);
    advance(200000);
    tx_skip();
    uint32_t count[LA_NSTATES];
    la_conn_count(rig.stack, count);
    assert_int_equal(count[LA_SYN_RCVD], 0);
    assert_int_equal(la_dropped(rig.stack, LA_D_SYN_TIMEOUT), RIG_TALKS);
}

/* What fails the connection's own checks does not complete a handshake either (RFC 7323, 3.2). */
static void a_third_segment_without_the_timestamp_agreed_on_is_not_taken(void **unused) {
    (void)unused;
    setting("net.inet.tcp.tolerate_missing_ts", 0);
    u_listen(5);
    rig.t->ts = true;
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .no_ts = true));
    drop(LA_D_NO_TIMESTAMP);
    state(LA_SYN_RCVD);
    assert_int_equal(la_accept(rig.stack, rig.listener, NULL), -LA_EAGAIN);
    wait_tx(1100);
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    third(0);
    u_accept();
    state(LA_ESTABLISHED);
}

static void an_rst_ends_a_handshake_and_the_listener_stays(void **unused) {
    (void)unused;
    u_listen(1);
    syn(0);
    tx_skip();
    rx(SEG(.seq = R(1), .flags = RST));
    drop(LA_D_SYN_RST);
    state(LA_CLOSED);
    assert_int_equal(listener_info().state, LA_LISTEN);
    talk_again(R(1000));
    shake(0);
    u_accept();
}

static void a_connection_reset_in_the_queue_is_still_accepted_with_its_error(void **unused) {
    (void)unused;
    u_listen(5);
    shake(0);
    rx(SEG(.seq = R(1), .flags = RST));
    la_sock sock = la_accept(rig.stack, rig.listener, NULL);
    if (sock < 0) {
        assert_int_equal(sock, -LA_EAGAIN); /* POSIX allows that it is gone. */
        return;
    }
    char byte;
    assert_int_equal(la_recv(rig.stack, sock, &byte, 1, 0, rig.now), -LA_ECONNRESET);
}

static void a_connection_closed_by_the_peer_in_the_queue_is_accepted_in_close_wait(void **unused) {
    (void)unused;
    u_listen(5);
    shake(0);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK, .len = 5));
    tx(SEG(.seq = L(1), .ack = R(7), .flags = ACK));
    state(LA_CLOSE_WAIT);
    u_accept();
    assert_int_equal(u_recv(10), 5);
    assert_int_equal(u_recv(10), 0);
}

static void data_flows_before_accept(void **unused) {
    (void)unused;
    u_listen(5);
    shake(0);
    for (uint32_t i = 0; i < 10; i++) rx(SEG(.seq = R(1 + i * 100), .ack = L(1), .flags = ACK, .len = 100));
    u_accept();
    assert_true(la_ready(rig.stack, rig.t->sock) & LA_EV_READABLE);
    assert_int_equal(u_recv(5000), 1000);
}

static void accepted_sockets_inherit_options_and_owner(void **unused) {
    (void)unused;
    u_listen(5);
    int idle = 77, got = 0;
    size_t len = sizeof got;
    assert_int_equal(la_owner_set(rig.stack, rig.listener, 4711), 0);
    assert_int_equal(
        la_setsockopt(rig.stack, rig.listener, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, &idle, sizeof idle, rig.now), 0);
    shake(0);
    u_accept();
    assert_int_equal(la_getsockopt(rig.stack, rig.t->sock, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, &got, &len), 0);
    assert_int_equal(got, 77);
    struct la_conn_info info;
    assert_int_equal(la_conn_info(rig.stack, rig.t->sock, &info), 0);
    assert_int_equal(info.owner, 4711);
}

static void the_specific_listener_comes_before_the_wildcard(void **unused) {
    (void)unused;
    int one = 1;
    u_listen(5);
    la_sock wildcard = rig.listener;
    rig.t->lport = 80;
    struct la_endpoint local = rig_local();
    la_sock specific = u_socket();
    /* Linux refuses the pair unless both reuse; here only what is permitted is looked at. */
    la_setsockopt(rig.stack, specific, LA_SOL_SOCKET, LA_SO_REUSEADDR, &one, sizeof one, rig.now);
    if (la_bind(rig.stack, specific, &local) != 0) return;
    if (la_listen(rig.stack, specific, 5) != 0) return;
    shake(0);
    assert_int_equal(la_accept(rig.stack, wildcard, NULL), -LA_EAGAIN);
    rig.listener = specific;
    u_accept();
}

static void the_same_four_tuple_opens_once_only(void **unused) {
    (void)unused;
    u_listen(5);
    shake(0);
    u_accept();
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    assert_int_equal(la_accept(rig.stack, rig.listener, NULL), -LA_EAGAIN);
}

static void listeners_over_ipv6_work_the_same(void **unused) {
    (void)unused;
    rig.t->v6 = true;
    u_listen(1);
    shake(0);
    u_accept();
    talk(1);
    rig.t->v6 = true;
    shake(1);
    u_accept();
    state(LA_ESTABLISHED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(connections_are_accepted_in_the_order_of_their_completion),
        RIG_TEST(the_listener_shows_its_queue_and_its_backlog),
        RIG_TEST(a_full_accept_queue_keeps_the_handshake_waiting),
        RIG_TEST(a_full_accept_queue_takes_no_new_syn),
        RIG_TEST(abort_on_overflow_resets_instead),
        RIG_TEST(somaxconn_bounds_the_backlog),
        RIG_TEST(the_oldest_handshake_gives_way_without_cookies),
        RIG_TEST(a_syn_cookie_makes_a_connection_of_the_third_segment),
        RIG_TEST(a_forged_or_stale_cookie_is_reset),
        RIG_TEST(a_flood_of_syns_keeps_nobody_out),
        RIG_TEST(many_handshakes_use_little_memory_and_all_end),
        RIG_TEST(a_third_segment_without_the_timestamp_agreed_on_is_not_taken),
        RIG_TEST(an_rst_ends_a_handshake_and_the_listener_stays),
        RIG_TEST(a_connection_reset_in_the_queue_is_still_accepted_with_its_error),
        RIG_TEST(a_connection_closed_by_the_peer_in_the_queue_is_accepted_in_close_wait),
        RIG_TEST(data_flows_before_accept),
        RIG_TEST(accepted_sockets_inherit_options_and_owner),
        RIG_TEST(the_specific_listener_comes_before_the_wildcard),
        RIG_TEST(the_same_four_tuple_opens_once_only),
        RIG_TEST(listeners_over_ipv6_work_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
