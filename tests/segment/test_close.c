/* Closing: RFC 9293, 3.6 and 3.10.4; RFC 1122, 4.2.2.13; RFC 2525, 2.17; SO_LINGER in its three forms. */
#include "support/rig.h"

static void four_segments_close_from_this_side(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, ACTIVE);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = FIN | ACK));
    state(LA_FIN_WAIT_1);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = ACK));
    state(LA_FIN_WAIT_2);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    state(LA_TIME_WAIT);
}

static void four_segments_close_from_the_peer(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK));
    tx(SEG(.seq = L(1), .ack = R(2), .flags = ACK));
    state(LA_CLOSE_WAIT);
    assert_int_equal(events() & (LA_EV_READABLE | LA_EV_EOF), LA_EV_READABLE | LA_EV_EOF);
    assert_int_equal(u_recv(10), 0);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(2), .flags = FIN | ACK));
    state(LA_LAST_ACK);
    rx(SEG(.seq = R(2), .ack = L(2), .flags = ACK));
    tx_none();
    state(LA_CLOSED);
}

static void three_segments_close_when_ack_and_fin_travel_together(void **unused) {
    (void)unused;
    bring(LA_FIN_WAIT_1, ACTIVE);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    state(LA_TIME_WAIT);
    struct la_trace move = {0}, t;
    while (la_trace_next(rig.stack, move.serial, &t)) move = t;
    assert_false(move.is_drop);
    assert_int_equal(move.move.from, LA_FIN_WAIT_1);
    assert_int_equal(move.move.to, LA_TIME_WAIT);
    assert_int_equal(move.move.cause, LA_CAUSE_SEGMENT);
}

static void both_sides_closing_at_once_pass_closing(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, ACTIVE);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = FIN | ACK));
    rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    state(LA_CLOSING);
    rx(SEG(.seq = R(2), .ack = L(2), .flags = ACK));
    tx_none();
    state(LA_TIME_WAIT);
}

static void a_lost_fin_is_repeated_in_every_closing_state(void **unused) {
    (void)unused;
    static const enum la_state states[] = {LA_FIN_WAIT_1, LA_CLOSING, LA_LAST_ACK};
    for (unsigned i = 0; i < COUNT(states); i++) {
        rig_restart("linux");
        bring(states[i], PASSIVE | ORPHAN);
        uint32_t ack = states[i] == LA_FIN_WAIT_1 ? R(1) : R(2);
        uint64_t first = wait_tx(3000);
        tx(SEG(.seq = L(1), .ack = ack, .flags = FIN | ACK));
        uint64_t second = wait_tx(6000);
        tx(SEG(.seq = L(1), .ack = ack, .flags = FIN | ACK));
        within(second, 2 * first - 20, 2 * first + 20);
        state(states[i]);
    }
}

static void data_before_close_is_sent_and_fin_rides_on_the_last_segment(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_IPPROTO_TCP, LA_TCP_CORK, 1);
    assert_int_equal(u_send(3000), 3000);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 1460));
    tx(SEG(.seq = L(1461), .ack = R(1), .flags = ACK, .len = 1460));
    tx(SEG(.seq = L(2921), .ack = R(1), .flags = FIN | ACK, .len = 80));
    state(LA_FIN_WAIT_1);
    rx(SEG(.seq = R(1), .ack = L(3001), .flags = ACK));
    state(LA_FIN_WAIT_1);
    rx(SEG(.seq = R(1), .ack = L(3002), .flags = ACK));
    state(LA_FIN_WAIT_2);
}

static void data_that_waits_for_the_window_goes_out_after_close(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = 1460));
    assert_int_equal(u_send(2000), 2000);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 1460));
    tx_none();
    rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK));
    tx(SEG(.seq = L(1461), .ack = R(1), .flags = FIN | ACK, .len = 540));
}

static void close_with_unread_data_sends_rst(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK | PSH, .len = 10));
    tx_skip();
    assert_int_equal(u_recv(4), 4);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(11), .flags = RST | ACK));
    state(LA_CLOSED);
}

static void close_in_close_wait_with_unread_data_sends_rst(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK | PSH, .len = 10));
    tx(SEG(.seq = L(1), .ack = R(12), .flags = ACK));
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(12), .flags = RST | ACK));
    state(LA_CLOSED);
}

static void close_with_everything_read_and_fin_unread_is_not_a_reset(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK | PSH, .len = 10));
    tx_skip();
    assert_int_equal(u_recv(10), 10);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(12), .flags = FIN | ACK));
    state(LA_LAST_ACK);
}

static void linger_zero_sends_rst_and_forgets_what_is_unsent(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = 1460));
    assert_int_equal(u_send(5000), 5000);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 1460));
    u_linger(0);
    assert_int_equal(u_close(), 0);
    struct la_segment s;
    assert_true(tx_any(&s));
    assert_int_equal(s.flags & RST, RST);
    assert_int_equal(s.seq, L(1461));
    tx_none();
    state(LA_CLOSED);
    assert_int_equal(la_send(rig.stack, rig.t->sock, "x", 1, 0, rig.now), -LA_EBADF);
}

static void linger_keeps_the_handle_until_all_is_acknowledged(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(100), 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 100));
    u_linger(5);
    assert_int_equal(u_close(), -LA_EINPROGRESS);
    tx(SEG(.seq = L(101), .ack = R(1), .flags = FIN | ACK));
    advance(50);
    assert_int_equal(events() & LA_EV_CLOSED, 0);
    rx(SEG(.seq = R(1), .ack = L(102), .flags = ACK));
    assert_int_equal(events() & LA_EV_CLOSED, LA_EV_CLOSED);
    assert_int_equal(la_ready(rig.stack, rig.t->sock), -LA_EBADF);
    state(LA_FIN_WAIT_2);
}

static void linger_ends_after_its_seconds_without_an_answer(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(100), 100);
    u_linger(2);
    assert_int_equal(u_close(), -LA_EINPROGRESS);
    advance(1900);
    assert_int_equal(events() & LA_EV_CLOSED, 0);
    advance(200);
    assert_int_equal(events() & LA_EV_CLOSED, LA_EV_CLOSED);
    assert_int_equal(la_ready(rig.stack, rig.t->sock), -LA_EBADF);
    state(LA_FIN_WAIT_1); /* The stack goes on alone (Linux). */
}

static void linger_with_nothing_in_flight_still_waits_for_the_fin(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_linger(5);
    int r = u_close();
    assert_true(r == 0 || r == -LA_EINPROGRESS);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = FIN | ACK));
    rx(SEG(.seq = R(1), .ack = L(2), .flags = ACK));
    state(LA_FIN_WAIT_2);
}

static void abort_sends_rst_and_the_handle_is_stale(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_abort(), 0);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = RST | ACK));
    state(LA_CLOSED);
    assert_int_equal(u_close(), -LA_EBADF);
}

static void a_reset_by_the_peer_is_reported_once(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = RST | ACK));
    tx_none();
    state(LA_CLOSED);
    assert_int_equal(events() & (LA_EV_ERROR | LA_EV_CLOSED), LA_EV_ERROR | LA_EV_CLOSED);
    assert_int_equal(u_recv(1), -LA_ECONNRESET);
    assert_int_equal(u_recv(1), 0);
    assert_int_equal(u_send(1), -LA_EPIPE);
    assert_int_equal(u_close(), 0);
    assert_int_equal(la_counter(rig.stack, LA_C_RESETS_IN), 1);
}

static void a_reset_in_close_wait_is_epipe(void **unused) {
    (void)unused;
    bring(LA_CLOSE_WAIT, PASSIVE);
    rx(SEG(.seq = R(2), .flags = RST));
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_EPIPE);
}

static void data_for_an_owner_that_is_gone_is_answered_with_rst(void **unused) {
    (void)unused;
    static const enum la_state states[] = {LA_FIN_WAIT_1, LA_FIN_WAIT_2};
    for (unsigned i = 0; i < COUNT(states); i++) {
        rig_restart("linux");
        bring(states[i], PASSIVE | ORPHAN);
        rx(SEG(.seq = R(1), .ack = L(2), .flags = ACK | PSH, .len = 5));
        struct la_segment s;
        assert_true(tx_any(&s));
        assert_int_equal(s.flags & ~(unsigned)ACK, RST);
        assert_int_equal(s.seq, L(2));
        drop(LA_D_DATA_AFTER_CLOSE);
        state(LA_CLOSED);
    }
}

static void closing_a_listener_resets_what_waits_to_be_accepted(void **unused) {
    (void)unused;
    u_listen(5);
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    state(LA_ESTABLISHED);
    assert_int_equal(la_close(rig.stack, rig.listener, rig.now), 0);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = RST | ACK));
    state(LA_CLOSED);
}

static void closing_a_listener_forgets_handshakes_silently(void **unused) {
    (void)unused;
    bring(LA_SYN_RCVD, PASSIVE);
    assert_int_equal(la_close(rig.stack, rig.listener, rig.now), 0);
    state(LA_CLOSED);
    tx_skip();
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    tx(SEG(.seq = L(1), .flags = RST));
}

static void orphans_give_up_after_orphan_retries(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_orphan_retries", 2);
    bring(LA_LAST_ACK, PASSIVE | ORPHAN);
    advance(20000);
    assert_int_equal(tx_skip(), 2);
    state(LA_CLOSED);
}

static void a_connection_over_ipv6_closes_through_time_wait(void **unused) {
    (void)unused;
    rig.t->v6 = true;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    advance(30000);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    advance(59900);
    state(LA_TIME_WAIT);
    advance(200);
    state(LA_CLOSED);
}

/* lastack.tcp_ack_resends_fin: BSD's ACKs carry the FIN until it is acknowledged, Linux's do not. */
static void an_ack_of_bsd_is_the_fin_again(void **unused) {
    (void)unused;
    static const char *const profiles[] = {"linux", "freebsd", "rfc"};
    for (unsigned i = 0; i < COUNT(profiles); i++) {
        bool bsd = i == 1;
        rig_restart(profiles[i]);
        bring(LA_FIN_WAIT_1, ACTIVE);
        rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK));
        tx(SEG(.seq = bsd ? L(1) : L(2), .ack = R(2), .flags = bsd ? FIN | ACK : ACK));
        state(LA_CLOSING);
        rx(SEG(.seq = R(1000), .ack = L(1), .flags = RST)); /* A challenge is an ACK and nothing else. */
        tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    }
}

/* Two such ends in CLOSING: each FIN that comes again is old, and the ACK in it is all that ends the exchange. */
static void two_ends_that_repeat_their_fins_do_not_do_so_for_ever(void **unused) {
    (void)unused;
    rig_restart("freebsd");
    bring(LA_CLOSING, ACTIVE);
    tx_skip();
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    tx_none();
    state(LA_TIME_WAIT);
}

/* Nor where neither takes the other's FIN: beyond the challenge limit, five in a second, the answer has no length. */
static void fins_that_are_not_taken_are_not_answered_by_fins_for_ever(void **unused) {
    (void)unused;
    rig_restart("freebsd");
    bring(LA_CLOSING, ACTIVE);
    tx_skip();
    for (unsigned i = 0; i < 20; i++) {
        bool again = i < 5;
        rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK));
        tx(SEG(.seq = again ? L(1) : L(2), .ack = R(2), .flags = again ? FIN | ACK : ACK));
    }
}

static void the_error_after_a_reset_is_by_state_or_not(void **unused) {
    (void)unused;
    static const char *const profiles[] = {"linux", "freebsd", "rfc"};
    static const struct {
        enum la_state state;
        int by_state;
    } row[] = {{LA_ESTABLISHED, LA_ECONNRESET}, {LA_CLOSE_WAIT, LA_EPIPE}, {LA_CLOSING, 0}, {LA_LAST_ACK, 0}};
    for (unsigned i = 0; i < COUNT(profiles) * COUNT(row); i++) {
        rig_restart(profiles[i / COUNT(row)]);
        bring(row[i % COUNT(row)].state, ACTIVE);
        bool fin = row[i % COUNT(row)].state != LA_ESTABLISHED;
        rx(SEG(.seq = R(fin ? 2 : 1), .flags = RST));
        state(LA_CLOSED);
        assert_int_equal(u_error(), i < COUNT(row) ? row[i % COUNT(row)].by_state : LA_ECONNRESET);
    }
}

/* lastack.tcp_fin_ack_delayed: after data, and with nothing else to answer. */
static void the_ack_of_a_fin_after_data_may_wait(void **unused) {
    (void)unused;
    static const struct {
        const char *profile;
        uint32_t len;
        bool waits;
    } row[] = {{"linux", 10, true}, {"linux", 0, false}, {"freebsd", 10, false}, {"rfc", 10, false}};
    for (unsigned i = 0; i < COUNT(row); i++) {
        rig_restart(row[i].profile);
        setting("lastack.tcp_quickacks", 0);
        bring(LA_ESTABLISHED, PASSIVE);
        if (row[i].len) {
            rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = row[i].len));
            wait_tx(250);
            tx(SEG(.seq = L(1), .ack = R(1 + row[i].len), .flags = ACK));
        }
        rx(SEG(.seq = R(1 + row[i].len), .ack = L(1), .flags = FIN | ACK));
        state(LA_CLOSE_WAIT);
        if (row[i].waits) {
            tx_none();
            within(wait_tx(100), 30, 50);
        }
        tx(SEG(.seq = L(1), .ack = R(2 + row[i].len), .flags = ACK));
    }
}

static void the_administrator_aborts_whoever_owns_it(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    struct la_endpoint local = rig_local(), peer = rig_peer();
    assert_int_equal(la_conn_abort(rig.stack, &local, &peer, rig.now), 0);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = RST | ACK));
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ECONNABORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(four_segments_close_from_this_side),
        RIG_TEST(four_segments_close_from_the_peer),
        RIG_TEST(three_segments_close_when_ack_and_fin_travel_together),
        RIG_TEST(both_sides_closing_at_once_pass_closing),
        RIG_TEST(a_lost_fin_is_repeated_in_every_closing_state),
        RIG_TEST(data_before_close_is_sent_and_fin_rides_on_the_last_segment),
        RIG_TEST(data_that_waits_for_the_window_goes_out_after_close),
        RIG_TEST(close_with_unread_data_sends_rst),
        RIG_TEST(close_in_close_wait_with_unread_data_sends_rst),
        RIG_TEST(close_with_everything_read_and_fin_unread_is_not_a_reset),
        RIG_TEST(linger_zero_sends_rst_and_forgets_what_is_unsent),
        RIG_TEST(linger_keeps_the_handle_until_all_is_acknowledged),
        RIG_TEST(linger_ends_after_its_seconds_without_an_answer),
        RIG_TEST(linger_with_nothing_in_flight_still_waits_for_the_fin),
        RIG_TEST(abort_sends_rst_and_the_handle_is_stale),
        RIG_TEST(a_reset_by_the_peer_is_reported_once),
        RIG_TEST(a_reset_in_close_wait_is_epipe),
        RIG_TEST(data_for_an_owner_that_is_gone_is_answered_with_rst),
        RIG_TEST(closing_a_listener_resets_what_waits_to_be_accepted),
        RIG_TEST(closing_a_listener_forgets_handshakes_silently),
        RIG_TEST(orphans_give_up_after_orphan_retries),
        RIG_TEST(a_connection_over_ipv6_closes_through_time_wait),
        RIG_TEST(an_ack_of_bsd_is_the_fin_again),
        RIG_TEST(two_ends_that_repeat_their_fins_do_not_do_so_for_ever),
        RIG_TEST(fins_that_are_not_taken_are_not_answered_by_fins_for_ever),
        RIG_TEST(the_error_after_a_reset_is_by_state_or_not),
        RIG_TEST(the_ack_of_a_fin_after_data_may_wait),
        RIG_TEST(the_administrator_aborts_whoever_owns_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
