/* Sending: Nagle and its exceptions (RFC 9293, 3.7.4), silly-window avoidance (3.8.6.2.1), the zero-window probe
 * (3.8.6.1), user timeout (RFC 5482), the send buffer. */
#include "support/rig.h"

#include <string.h>

#define ACKS(n) rx(SEG(.seq = R(1), .ack = L(n), .flags = ACK))
#define SENDS(at, n) tx(SEG(.seq = L(at), .ack = R(1), .flags = ACK, .len = (n)))

static void nagle_holds_a_small_segment_while_data_is_in_flight(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(10), 10);
    SENDS(1, 10);
    assert_int_equal(u_send(10), 10);
    assert_int_equal(u_send(20), 20);
    tx_none();
    ACKS(11);
    SENDS(11, 30);
}

static void nagle_never_holds_a_full_segment(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(10), 10);
    SENDS(1, 10);
    assert_int_equal(u_send(1500), 1500);
    SENDS(11, 1460);
    tx_none();
    ACKS(1471);
    SENDS(1471, 40);
}

static void nodelay_sends_at_once(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_IPPROTO_TCP, LA_TCP_NODELAY, 1);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(u_send(10), 10);
        SENDS(1 + i * 10, 10);
    }
}

static void setting_nodelay_releases_what_nagle_held(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(10), 10);
    assert_int_equal(u_send(10), 10);
    SENDS(1, 10);
    u_set(LA_IPPROTO_TCP, LA_TCP_NODELAY, 1);
    SENDS(11, 10);
}

static void cork_holds_until_it_is_pulled(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_IPPROTO_TCP, LA_TCP_CORK, 1);
    assert_int_equal(u_send(10), 10);
    assert_int_equal(u_send(20), 20);
    tx_none();
    u_set(LA_IPPROTO_TCP, LA_TCP_CORK, 0);
    SENDS(1, 30);
}

static void a_fin_is_not_held_by_nagle(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(10), 10);
    assert_int_equal(u_send(10), 10);
    assert_int_equal(u_shutdown(LA_SHUT_WR), 0);
    SENDS(1, 10);
    tx(SEG(.seq = L(11), .ack = R(1), .flags = FIN | ACK, .len = 10));
}

static void the_last_segment_of_a_write_is_pushed(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_IPPROTO_TCP, LA_TCP_NODELAY, 1);
    assert_int_equal(u_send(2000), 2000);
    SENDS(1, 1460);
    tx(SEG(.seq = L(1461), .ack = R(1), .flags = PSH | ACK, .len = 540));
}

static void a_crumb_of_window_is_not_filled(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = 1460));
    assert_int_equal(u_send(4000), 4000);
    SENDS(1, 1460);
    rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK, .wnd = 50));
    tx_none();
    rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK, .wnd = 3000));
    SENDS(1461, 1460);
}

static void the_initial_window_is_ten_segments(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_SNDBUF, 100000);
    assert_int_equal(u_send(50000), 50000);
    for (uint32_t i = 0; i < 10; i++) SENDS(1 + i * 1460, 1460);
    tx_none();
    ACKS(2921); /* Slow start: two more for the two acknowledged, and two in their place. */
    assert_int_equal(tx_skip(), 4);
}

/* --- The closed window --- */

static void close_the_window(void) {
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_IPPROTO_TCP, LA_TCP_NODELAY, 1);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = 1460));
    assert_int_equal(u_send(5460), 5460);
    SENDS(1, 1460);
    rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK, .wnd = WND0));
    tx_none();
}

/* A probe lies at SND.UNA - 1 without data (Linux) or at SND.NXT with one byte (RFC 9293); both are answered. */
static void expect_probe(void) {
    struct la_segment s;
    assert_true(tx_any(&s));
    assert_int_equal(s.ack, R(1));
    assert_true((s.seq == L(1461) && s.len == 1) || (s.seq == L(1460) && s.len <= 1));
}

static void a_closed_window_is_probed_with_doubled_pauses(void **unused) {
    (void)unused;
    close_the_window();
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_true(info.timer_at[LA_TIMER_PERSIST] != LA_NEVER);
    uint64_t before = wait_tx(3000);
    expect_probe();
    for (unsigned i = 0; i < 5; i++) {
        rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK, .wnd = WND0));
        tx_none();
        uint64_t pause = wait_tx(60000);
        expect_probe();
        within(pause, 2 * before - 20, 2 * before + 20);
        before = pause;
    }
    assert_int_equal(la_counter(rig.stack, LA_C_ZERO_WINDOW_PROBES), 6);
    state(LA_ESTABLISHED);
}

static void an_opened_window_lets_data_go_at_once(void **unused) {
    (void)unused;
    close_the_window();
    wait_tx(3000);
    expect_probe();
    rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK, .wnd = WND0));
    rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK));
    SENDS(1461, 1460);
    SENDS(2921, 1460);
    SENDS(4381, 1080);
    advance(50);
    ACKS(5461);
    advance(10000);
    tx_none();
}

/* RFC 1122, 4.2.2.17: a peer that answers may keep its window closed for as long as it likes. */
static void a_window_may_stay_closed_for_ever_while_probes_are_answered(void **unused) {
    (void)unused;
    close_the_window();
    for (unsigned i = 0; i < 40; i++) {
        wait_tx(200000);
        expect_probe();
        rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK, .wnd = WND0));
    }
    state(LA_ESTABLISHED);
}

static void unanswered_probes_end_the_connection(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_retries2", 4);
    close_the_window();
    advance(600000);
    within(tx_skip(), 3, 6);
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ETIMEDOUT);
}

static void a_user_timeout_ends_even_an_answered_closed_window(void **unused) {
    (void)unused;
    close_the_window();
    u_set(LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 20000);
    for (unsigned i = 0; i < 20 && rig_state() == LA_ESTABLISHED; i++) {
        advance(1000);
        if (tx_skip()) rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK, .wnd = WND0));
    }
    advance(30000);
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ETIMEDOUT);
}

static void an_orphan_with_a_closed_window_ends(void **unused) {
    (void)unused;
    close_the_window();
    assert_int_equal(u_close(), 0);
    state(LA_FIN_WAIT_1);
    for (unsigned i = 0; i < 40 && rig_state() != LA_CLOSED; i++) advance(30000);
    state(LA_CLOSED);
}

static void a_lost_window_update_is_recovered_by_the_probe(void **unused) {
    (void)unused;
    close_the_window();
    wait_tx(3000);
    expect_probe();
    rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK, .wnd = 5000));
    struct la_segment s;
    assert_true(tx_any(&s));
    assert_int_equal(s.seq, L(1461));
    assert_int_equal(s.len, 1460);
}

/* RFC 9293, 3.8.6.2.1: the override timeout, 0.1 to 1 s. */
static void a_window_smaller_than_a_segment_is_used_after_a_while(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = 1000));
    assert_int_equal(u_send(5000), 5000);
    tx_none();
    within(wait_tx(2000), 100, 1000);
    SENDS(1, 1000);
    rx(SEG(.seq = R(1), .ack = L(1001), .flags = ACK));
    SENDS(1001, 1460);
}

static void a_window_half_as_large_as_ever_is_used_at_once(void **unused) {
    (void)unused;
    u_listen(1);
    rx(SEG(.seq = R(0), .flags = SYN, .wnd = 1000));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = 1000));
    u_accept();
    assert_int_equal(u_send(5000), 5000);
    SENDS(1, 1000);
}

static void an_old_segment_does_not_bring_back_an_old_window(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10, .wnd = 5000));
    rx(SEG(.seq = R(11), .ack = L(1), .flags = ACK, .len = 10, .wnd = 9000));
    rx(SEG(.seq = R(10), .ack = L(1), .flags = ACK, .len = 10, .wnd = 1000));
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.snd_wnd, 9000);
}

/* --- The buffer --- */

static void a_full_buffer_is_eagain_and_room_is_an_event(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_SNDBUF, 4096);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = WND0));
    int64_t taken = 0, n;
    while ((n = u_send(1000)) > 0) taken += n;
    assert_int_equal(n, -LA_EAGAIN);
    within(taken, 4096, 8192);
    assert_int_equal(la_ready(rig.stack, rig.t->sock) & LA_EV_WRITABLE, 0);
    events();
    ACKS(1);
    tx_skip();
    ACKS(1 + (uint32_t)taken);
    assert_int_equal(events() & LA_EV_WRITABLE, LA_EV_WRITABLE);
    assert_true(la_ready(rig.stack, rig.t->sock) & LA_EV_WRITABLE);
}

static void reserve_and_commit_send_without_a_copy(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    struct la_room room[8];
    unsigned count = 0;
    int64_t n = la_reserve(rig.stack, rig.t->sock, 1000, room, 8, &count);
    assert_int_equal(n, 1000);
    for (unsigned i = 0; i < count; i++) memset(room[i].data, 'a', room[i].len);
    tx_none();
    assert_int_equal(la_commit(rig.stack, rig.t->sock, 600, rig.now), 0);
    struct la_segment s;
    assert_true(tx_any(&s));
    assert_int_equal(s.len, 600);
    assert_int_equal(s.data[0], 'a');
    assert_int_equal(s.data[599], 'a');
    assert_true(la_commit(rig.stack, rig.t->sock, 1 << 30, rig.now) < 0);
}

static void send_with(size_t len, int flags) {
    uint8_t data[4096];
    for (size_t k = 0; k < len; k++) data[k] = rig_pattern(rig.t->sent + k);
    assert_int_equal(la_send(rig.stack, rig.t->sock, data, len, flags, rig.now), len);
    rig.t->sent += len;
    rig_pump();
}

static void more_holds_what_does_not_fill_a_segment(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    send_with(10, LA_MSG_MORE);
    tx_none();
    send_with(1500, LA_MSG_MORE);
    SENDS(1, 1460);
    tx_none();
    ACKS(1461); /* For a round trip at most, as on Linux. */
    SENDS(1461, 50);
    ACKS(1511);
    send_with(10, LA_MSG_MORE);
    tx_none();
    send_with(10, 0);
    tx(SEG(.seq = L(1511), .ack = R(1), .flags = ACK | PSH, .len = 20));
    ACKS(1531);
    send_with(10, LA_MSG_MORE);
    tx_none();
    assert_int_equal(u_shutdown(LA_SHUT_WR), 0);
    tx(SEG(.seq = L(1531), .ack = R(1), .flags = FIN | ACK, .len = 10));
}

static void a_commit_says_that_there_is_no_more(void **unused) {
    (void)unused;
    struct la_room room[2];
    unsigned n;
    bring(LA_ESTABLISHED, PASSIVE);
    send_with(10, LA_MSG_MORE);
    tx_none();
    assert_int_equal(la_reserve(rig.stack, rig.t->sock, 5, room, 2, &n), 5);
    for (size_t k = 0; k < 5; k++) ((uint8_t *)room[0].data)[k] = rig_pattern(rig.t->sent + k);
    assert_int_equal(la_commit(rig.stack, rig.t->sock, 5, rig.now), 0);
    rig.t->sent += 5;
    rig_pump();
    SENDS(1, 15);
}

/* lastack.tcp_psh_bursts: Linux marks the end of each piece that it gives to its device, for the receiver's GRO: half
 * the congestion window, or (net.ipv4.tcp_min_tso_segs) what a millisecond of the pace carries. */
static void linux_pushes_the_end_of_a_burst(void **unused) {
    (void)unused;
    static const char *const profiles[] = {"linux", "freebsd", "rfc"};
    struct la_segment s;
    for (unsigned i = 0; i < COUNT(profiles); i++) {
        rig_restart(profiles[i]);
        rig.t->mss = 1000;
        setting("net.inet.tcp.initcwnd_segments", 9);
        setting("net.ipv4.tcp_min_tso_segs", 4);
        bring(LA_ESTABLISHED, PASSIVE);
        assert_int_equal(u_send(10000), 10000);
        for (unsigned n = 0; n < 9; n++) {
            assert_true(tx_any(&s));
            assert_int_equal(s.len, 1000);
            assert_int_equal(s.flags & PSH, i == 0 && (n == 3 || n == 7) ? PSH : 0);
        }
        tx_none();
    }
}

/* net.inet.tcp.rexmit_slop: on every timeout of a connection that has measured its path. */
static void slop_is_added_to_timeouts(void **unused) {
    (void)unused;
    uint64_t pause[2][2];
    for (int slop = 0; slop < 2; slop++) {
        rig_restart("linux");
        setting("net.inet.tcp.rexmit_slop", slop ? 150 : 0);
        bring(LA_ESTABLISHED, PASSIVE);
        assert_int_equal(u_send(10), 10);
        SENDS(1, 10);
        for (int i = 0; i < 2; i++) {
            pause[slop][i] = wait_tx(5000);
            SENDS(1, 10);
        }
    }
    for (int i = 0; i < 2; i++) assert_int_equal(pause[1][i], pause[0][i] + 150);
    rig_restart("linux");
    setting("net.inet.tcp.rexmit_slop", 150);
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    assert_int_equal(wait_tx(5000), 1000); /* Nothing is measured yet. */
    tx(SEG(.seq = L(0), .flags = SYN));
    assert_int_equal(wait_tx(5000), 2150);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(nagle_holds_a_small_segment_while_data_is_in_flight),
        RIG_TEST(nagle_never_holds_a_full_segment),
        RIG_TEST(nodelay_sends_at_once),
        RIG_TEST(setting_nodelay_releases_what_nagle_held),
        RIG_TEST(cork_holds_until_it_is_pulled),
        RIG_TEST(a_fin_is_not_held_by_nagle),
        RIG_TEST(the_last_segment_of_a_write_is_pushed),
        RIG_TEST(a_crumb_of_window_is_not_filled),
        RIG_TEST(the_initial_window_is_ten_segments),
        RIG_TEST(a_closed_window_is_probed_with_doubled_pauses),
        RIG_TEST(an_opened_window_lets_data_go_at_once),
        RIG_TEST(a_window_may_stay_closed_for_ever_while_probes_are_answered),
        RIG_TEST(unanswered_probes_end_the_connection),
        RIG_TEST(a_user_timeout_ends_even_an_answered_closed_window),
        RIG_TEST(an_orphan_with_a_closed_window_ends),
        RIG_TEST(a_lost_window_update_is_recovered_by_the_probe),
        RIG_TEST(a_window_smaller_than_a_segment_is_used_after_a_while),
        RIG_TEST(a_window_half_as_large_as_ever_is_used_at_once),
        RIG_TEST(an_old_segment_does_not_bring_back_an_old_window),
        RIG_TEST(a_full_buffer_is_eagain_and_room_is_an_event),
        RIG_TEST(reserve_and_commit_send_without_a_copy),
        RIG_TEST(more_holds_what_does_not_fill_a_segment),
        RIG_TEST(a_commit_says_that_there_is_no_more),
        RIG_TEST(linux_pushes_the_end_of_a_burst),
        RIG_TEST(slop_is_added_to_timeouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
