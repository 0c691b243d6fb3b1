/* Half-closed connections: data goes on in the other direction for as long as both want; SHUT_RD by profile; FIN_WAIT_2
 * with and without an owner. RFC 9293, 3.6; RFC 1122, 4.2.2.13. */
#include "support/rig.h"

static void data_arrives_after_our_fin(void **unused) {
    (void)unused;
    bring(LA_FIN_WAIT_2, ACTIVE);
    for (uint32_t i = 0; i < 20; i++) {
        rx(SEG(.seq = R(1 + i * 1000), .ack = L(2), .flags = ACK | PSH, .len = 1000));
        assert_int_equal(u_recv(2000), 1000);
        advance(100);
        tx_skip();
    }
    state(LA_FIN_WAIT_2);
    rx(SEG(.seq = R(20001), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .ack = R(20002), .flags = ACK));
    state(LA_TIME_WAIT);
    assert_int_equal(u_recv(1), 0);
}

static void data_arrives_before_our_fin_is_acknowledged(void **unused) {
    (void)unused;
    bring(LA_FIN_WAIT_1, ACTIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK | PSH, .len = 500));
    assert_int_equal(u_recv(1000), 500);
    state(LA_FIN_WAIT_1);
}

static void data_leaves_after_the_peers_fin(void **unused) {
    (void)unused;
    bring(LA_CLOSE_WAIT, PASSIVE);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(u_send(1000), 1000);
        tx(SEG(.seq = L(1 + i * 1000), .ack = R(2), .flags = ACK, .len = 1000));
        advance(10);
        rx(SEG(.seq = R(2), .ack = L(1001 + i * 1000), .flags = ACK));
    }
    tx_none();
    state(LA_CLOSE_WAIT);
    assert_int_equal(u_shutdown(LA_SHUT_WR), 0);
    tx(SEG(.seq = L(20001), .ack = R(2), .flags = FIN | ACK));
    state(LA_LAST_ACK);
}

static void sending_after_shutdown_is_epipe(void **unused) {
    (void)unused;
    bring(LA_FIN_WAIT_2, PASSIVE);
    assert_int_equal(u_send(1), -LA_EPIPE);
    assert_int_equal(u_shutdown(LA_SHUT_WR), 0); /* Twice does no harm. */
    tx_none();
}

static void shutdown_of_both_directions_sends_fin_and_reads_eof(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_shutdown(LA_SHUT_RDWR), 0);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = FIN | ACK));
    state(LA_FIN_WAIT_1);
    assert_int_equal(u_recv(1), 0);
}

static void shut_rd_sends_nothing_and_reads_eof(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_shutdown(LA_SHUT_RD), 0);
    tx_none();
    state(LA_ESTABLISHED);
    assert_int_equal(u_recv(1), 0);
    assert_int_equal(u_send(10), 10);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 10));
}

static void shut_rd_on_linux_goes_on_accepting_data(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_shutdown(LA_SHUT_RD), 0);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK | PSH, .len = 100));
    wait_tx(500);
    tx(SEG(.seq = L(1), .ack = R(101), .flags = ACK));
    assert_int_equal(u_recv(200), 100);
    assert_int_equal(u_recv(200), 0);
}

static void shut_rd_on_bsd_acknowledges_and_discards_data(void **unused) {
    (void)unused;
    rig_restart("freebsd");
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK | PSH, .len = 50));
    assert_int_equal(u_shutdown(LA_SHUT_RD), 0);
    assert_int_equal(u_recv(200), 0); /* What was there is gone too. */
    advance(500);
    tx_skip();
    rx(SEG(.seq = R(51), .ack = L(1), .flags = ACK | PSH, .len = 100));
    drop(LA_D_DATA_DISCARDED);
    wait_tx(500);
    tx(SEG(.seq = L(1), .ack = R(151), .flags = ACK));
    assert_int_equal(u_recv(200), 0);
    state(LA_ESTABLISHED);
    assert_int_equal(u_close(), 0); /* Nothing is unread: no RST. */
    tx(SEG(.seq = L(1), .ack = R(151), .flags = FIN | ACK));
}

static void a_discarding_reader_never_closes_the_window(void **unused) {
    (void)unused;
    rig_restart("freebsd");
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_shutdown(LA_SHUT_RD), 0);
    for (uint32_t i = 0; i < 200; i++) {
        rx(SEG(.seq = R(1 + i * 1460), .ack = L(1), .flags = ACK, .len = 1460));
        assert_true(rig.t->wnd > 10000);
    }
    advance(500);
    assert_int_equal(rig.t->edge - rig.t->wnd, R(1 + 200 * 1460));
}

static void fin_wait_2_with_an_owner_stays_for_ever(void **unused) {
    (void)unused;
    bring(LA_FIN_WAIT_2, ACTIVE);
    advance(24ull * 3600 * 1000);
    state(LA_FIN_WAIT_2);
    tx_none();
    rx(SEG(.seq = R(1), .ack = L(2), .flags = ACK | PSH, .len = 10));
    assert_int_equal(u_recv(20), 10);
}

static void fin_wait_2_without_owner_ends_after_fin_timeout(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_fin_timeout", 20);
    bring(LA_FIN_WAIT_2, PASSIVE | ORPHAN);
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_true(info.compact);
    assert_true(info.timer_at[LA_TIMER_FIN_WAIT_2] != LA_NEVER);
    advance(19900);
    state(LA_FIN_WAIT_2);
    advance(200);
    state(LA_CLOSED);
    tx_none();
    assert_int_equal(la_counter(rig.stack, LA_C_FIN_WAIT_2_TIMEOUTS), 1);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .flags = RST));
}

static void an_owner_that_closes_in_fin_wait_2_starts_the_timer(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_fin_timeout", 10);
    bring(LA_FIN_WAIT_2, PASSIVE);
    advance(100000);
    state(LA_FIN_WAIT_2);
    assert_int_equal(u_close(), 0);
    tx_none();
    advance(9900);
    state(LA_FIN_WAIT_2);
    advance(200);
    state(LA_CLOSED);
}

static void linger2_bounds_fin_wait_2_of_one_socket(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_IPPROTO_TCP, LA_TCP_LINGER2, 3);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = FIN | ACK));
    rx(SEG(.seq = R(1), .ack = L(2), .flags = ACK));
    state(LA_FIN_WAIT_2);
    advance(2900);
    state(LA_FIN_WAIT_2);
    advance(200);
    state(LA_CLOSED);
}

static void negative_linger2_skips_fin_wait_2(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_IPPROTO_TCP, LA_TCP_LINGER2, -1);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = FIN | ACK));
    rx(SEG(.seq = R(1), .ack = L(2), .flags = ACK));
    state(LA_CLOSED);
    tx_skip(); /* Linux sends an RST here. */
}

static void an_orphaned_fin_wait_2_still_takes_the_peers_fin(void **unused) {
    (void)unused;
    bring(LA_FIN_WAIT_2, ACTIVE | ORPHAN);
    advance(30000);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    state(LA_TIME_WAIT);
}

static void close_wait_stays_until_the_program_closes(void **unused) {
    (void)unused;
    bring(LA_CLOSE_WAIT, PASSIVE);
    advance(24ull * 3600 * 1000);
    state(LA_CLOSE_WAIT);
    tx_none();
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_true(info.fin_received);
    assert_false(info.eof_read);
    assert_int_equal(u_recv(1), 0);
    assert_true(rig_info(&info));
    assert_true(info.eof_read);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(2), .flags = FIN | ACK));
}

static void fin_beyond_a_gap_waits_for_the_data_before_it(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(101), .ack = L(1), .flags = FIN | ACK, .len = 100));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    state(LA_ESTABLISHED);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 100));
    tx(SEG(.seq = L(1), .ack = R(202), .flags = ACK));
    state(LA_CLOSE_WAIT);
    assert_int_equal(u_recv(500), 200);
    assert_int_equal(u_recv(500), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(data_arrives_after_our_fin),
        RIG_TEST(data_arrives_before_our_fin_is_acknowledged),
        RIG_TEST(data_leaves_after_the_peers_fin),
        RIG_TEST(sending_after_shutdown_is_epipe),
        RIG_TEST(shutdown_of_both_directions_sends_fin_and_reads_eof),
        RIG_TEST(shut_rd_sends_nothing_and_reads_eof),
        RIG_TEST(shut_rd_on_linux_goes_on_accepting_data),
        RIG_TEST(shut_rd_on_bsd_acknowledges_and_discards_data),
        RIG_TEST(a_discarding_reader_never_closes_the_window),
        RIG_TEST(fin_wait_2_with_an_owner_stays_for_ever),
        RIG_TEST(fin_wait_2_without_owner_ends_after_fin_timeout),
        RIG_TEST(an_owner_that_closes_in_fin_wait_2_starts_the_timer),
        RIG_TEST(linger2_bounds_fin_wait_2_of_one_socket),
        RIG_TEST(negative_linger2_skips_fin_wait_2),
        RIG_TEST(an_orphaned_fin_wait_2_still_takes_the_peers_fin),
        RIG_TEST(close_wait_stays_until_the_program_closes),
        RIG_TEST(fin_beyond_a_gap_waits_for_the_data_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
