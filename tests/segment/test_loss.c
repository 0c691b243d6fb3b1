/* Loss: the retransmission timer (RFC 6298, RFC 1122 R2), fast retransmit and NewReno (RFC 5681, RFC 6582), and
 * silence: keepalive (RFC 9293, 3.8.4) and user timeout (RFC 5482). */
#include "support/rig.h"

#define ACKS(n) rx(SEG(.seq = R(1), .ack = L(n), .flags = ACK))
#define SENDS(at, n) tx(SEG(.seq = L(at), .ack = R(1), .flags = ACK, .len = (n)))

static void a_lost_segment_is_repeated_with_doubled_pauses_up_to_the_longest(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(100), 100);
    SENDS(1, 100);
    uint64_t pause = wait_tx(2000);
    within(pause, 200, 240); /* tcp_rto_min, after a round trip of 10 ms. */
    SENDS(1, 100);
    for (unsigned i = 1; i < 15; i++) {
        uint64_t next = wait_tx(125000), want = 2 * pause < 120000 ? 2 * pause : 120000;
        SENDS(1, 100);
        within(next, want - 10, want + 10);
        pause = next;
    }
    state(LA_ESTABLISHED);
    advance(121000);
    tx_none();
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ETIMEDOUT);
    assert_int_equal(la_counter(rig.stack, LA_C_TIMEOUTS), 1);
}

static void retries2_bounds_the_repetitions(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_retries2", 3);
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(100), 100);
    SENDS(1, 100);
    advance(20000);
    assert_int_equal(tx_skip(), 3);
    state(LA_CLOSED);
    assert_int_equal(events() & (LA_EV_ERROR | LA_EV_CLOSED), LA_EV_ERROR | LA_EV_CLOSED);
    assert_int_equal(u_recv(10), -LA_ETIMEDOUT);
    assert_int_equal(u_recv(10), 0);
}

static void after_a_timeout_one_segment_goes_and_slow_start_follows(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(14600), 14600);
    assert_int_equal(tx_skip(), 10);
    wait_tx(1000);
    SENDS(1, 1460);
    tx_none();
    ACKS(1461);
    SENDS(1461, 1460);
    SENDS(2921, 1460);
    tx_none();
    ACKS(14601);
    tx_none();
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.send_queue, 0);
    assert_int_equal(info.timer_at[LA_TIMER_RETRANSMIT], LA_NEVER);
    assert_int_equal(info.ssthresh, 7 * 1460); /* CUBIC: 0.7 of the window (RFC 9438, 4.6). */
}

static void the_timer_restarts_when_new_data_is_acknowledged(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_IPPROTO_TCP, LA_TCP_NODELAY, 1);
    assert_int_equal(u_send(2920), 2920);
    assert_int_equal(tx_skip(), 2);
    advance(150);
    ACKS(1461);
    advance(150);
    tx_none();
    wait_tx(1000);
    SENDS(1461, 1460);
}

/* Karn's rule (RFC 6298, 3): an ACK of what was sent twice is no sample. */
static void a_repeated_segment_gives_no_round_trip_sample(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    struct la_conn_info before, after;
    assert_true(rig_info(&before));
    assert_int_equal(u_send(100), 100);
    SENDS(1, 100);
    wait_tx(1000);
    SENDS(1, 100);
    advance(1);
    ACKS(101);
    assert_true(rig_info(&after));
    assert_int_equal(after.srtt, before.srtt);
    assert_true(after.srtt > 0);
}

static void round_trips_set_the_timeout(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    struct la_conn_info info;
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(u_send(100), 100);
        SENDS(1 + i * 100, 100);
        advance(150);
        ACKS(101 + i * 100);
    }
    assert_true(rig_info(&info));
    within(info.srtt / LA_MS, 140, 151);
    within(info.rto / LA_MS, 200, 400);
    tx_none();
}

/* RFC 6298, 5.5 and 5.7 (Karn): the doubled timeout stays until a segment that was sent once has been measured.
 * Otherwise a path slower than the timeout would never be measured at all. */
static void a_doubled_timeout_stays_until_there_is_a_sample(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(100), 100);
    SENDS(1, 100);
    wait_tx(1000);
    SENDS(1, 100);
    wait_tx(1000);
    SENDS(1, 100);
    ACKS(101);
    assert_int_equal(u_send(100), 100);
    SENDS(101, 100);
    within(wait_tx(2000), 700, 900);
}

static void a_path_slower_than_the_first_timeout_is_measured(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    struct la_conn_info info;
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(u_send(100), 100);
        advance(500);
        tx_skip();
        ACKS(101 + i * 100);
    }
    assert_true(rig_info(&info));
    within(info.srtt / LA_MS, 300, 510);
    assert_true(info.rto > 500 * LA_MS);
}

static void three_duplicate_acks_repeat_the_segment_at_once(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(14600), 14600);
    assert_int_equal(tx_skip(), 10);
    ACKS(1);
    ACKS(1);
    tx_none();
    ACKS(1);
    SENDS(1, 1460);
    tx_none();
    assert_int_equal(la_counter(rig.stack, LA_C_FAST_RETRANSMITS), 1);
    for (unsigned i = 0; i < 6; i++) ACKS(1);
    tx_none();
    ACKS(14601);
    struct la_conn_info info;
    assert_true(rig_info(&info));
    within(info.cwnd, 2 * 1460, 7 * 1460); /* RFC 9438, 4.6. */
    tx_none();
}

/* RFC 6582, 3.2, step 3. */
static void a_partial_ack_repeats_the_next_hole_at_once(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(14600), 14600);
    assert_int_equal(tx_skip(), 10);
    for (unsigned i = 0; i < 3; i++) ACKS(1);
    SENDS(1, 1460);
    ACKS(2921);
    SENDS(2921, 1460);
    ACKS(5841);
    SENDS(5841, 1460);
    ACKS(14601);
    tx_none();
    assert_int_equal(la_counter(rig.stack, LA_C_FAST_RETRANSMITS), 1);
    assert_int_equal(la_counter(rig.stack, LA_C_RTOS), 0);
}

static void duplicate_acks_that_carry_data_or_a_window_do_not_count(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(14600), 14600);
    assert_int_equal(tx_skip(), 10);
    for (uint32_t i = 0; i < 5; i++) rx(SEG(.seq = R(1 + i), .ack = L(1), .flags = ACK, .len = 1));
    for (int i = 0; i < 5; i++) rx(SEG(.seq = R(6), .ack = L(1), .flags = ACK, .wnd = 60000 - i));
    struct la_segment s;
    while (tx_any(&s)) assert_int_equal(s.len, 0);
    assert_int_equal(la_counter(rig.stack, LA_C_FAST_RETRANSMITS), 0);
}

/* RFC 6298, 5.3 and RFC 9293: a FIN is part of the sequence. */
static void data_and_fin_are_repeated_together(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(100), 100);
    assert_int_equal(u_close(), 0);
    tx_skip();
    wait_tx(1000);
    struct la_segment s;
    assert_true(tx_any(&s));
    assert_int_equal(s.seq, L(1));
    assert_int_equal(s.len, 100);
    state(LA_FIN_WAIT_1);
    rx(SEG(.seq = R(1), .ack = L(101), .flags = ACK));
    if (!(s.flags & FIN)) wait_tx(2000);
    tx_skip();
    rx(SEG(.seq = R(1), .ack = L(102), .flags = ACK));
    state(LA_FIN_WAIT_2);
}

/* RFC 9293, 3.8.6.1: a peer that closes its window over what is in flight, and answers, keeps the connection; one that
 * does not answer loses it. */
static void a_window_closed_over_data_in_flight_ends_nothing_while_the_peer_answers(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(1000), 1000);
    SENDS(1, 1000);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = WND0));
    for (unsigned i = 0; i < 40; i++) {
        wait_tx(125000);
        SENDS(1, 1000);
        rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = WND0));
        state(LA_ESTABLISHED);
    }
    advance(40 * 120000ull);
    tx_skip();
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ETIMEDOUT);
}

/* --- Silence --- */

static void keep_alive(int idle, int interval, int count) {
    u_set(LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, idle);
    u_set(LA_IPPROTO_TCP, LA_TCP_KEEPINTVL, interval);
    u_set(LA_IPPROTO_TCP, LA_TCP_KEEPCNT, count);
    u_set(LA_SOL_SOCKET, LA_SO_KEEPALIVE, 1);
}

static void keepalive_probes_an_idle_connection_and_ends_a_dead_one(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    keep_alive(30, 2, 3);
    within(wait_tx(40000), 29900, 30100);
    tx(SEG(.seq = L(0), .ack = R(1), .flags = ACK));
    for (unsigned i = 0; i < 2; i++) {
        within(wait_tx(3000), 1990, 2010);
        tx(SEG(.seq = L(0), .ack = R(1), .flags = ACK));
    }
    advance(2100);
    struct la_segment s;
    if (tx_any(&s)) assert_int_equal(s.flags & RST, RST); /* Linux says goodbye. */
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ETIMEDOUT);
    assert_int_equal(la_counter(rig.stack, LA_C_KEEPALIVE_PROBES), 3);
}

static void an_answered_probe_starts_the_idle_time_again(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    keep_alive(30, 2, 2);
    for (unsigned i = 0; i < 10; i++) {
        within(wait_tx(40000), 29900, 30100);
        tx(SEG(.seq = L(0), .ack = R(1), .flags = ACK));
        ACKS(1);
    }
    state(LA_ESTABLISHED);
}

static void data_from_the_peer_postpones_the_probe(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    keep_alive(30, 2, 2);
    advance(20000);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10));
    advance(500);
    tx_skip();
    advance(29000);
    tx_none();
    advance(1000);
    tx(SEG(.seq = L(0), .ack = R(11), .flags = ACK));
}

static void a_probed_peer_that_has_forgotten_answers_rst(void **unused) {
    (void)unused;
    bring(LA_CLOSE_WAIT, PASSIVE);
    keep_alive(30, 2, 2);
    wait_tx(40000);
    tx(SEG(.seq = L(0), .ack = R(2), .flags = ACK));
    rx(SEG(.seq = R(2), .flags = RST));
    state(LA_CLOSED);
}

static void the_peers_probe_is_answered(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(0), .ack = L(1), .flags = ACK));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    advance(10000);
    rx(SEG(.seq = R(0), .ack = L(1), .flags = ACK, .len = 1));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
}

static void keepalive_is_off_until_asked_for(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    advance(24ull * 3600 * 1000);
    tx_none();
    state(LA_ESTABLISHED);
}

static void user_timeout_ends_what_is_not_acknowledged(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 5000);
    advance(60000);
    state(LA_ESTABLISHED); /* Nothing waits for an ACK. */
    assert_int_equal(u_send(10), 10);
    advance(4900);
    state(LA_ESTABLISHED);
    advance(8000);
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ETIMEDOUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_lost_segment_is_repeated_with_doubled_pauses_up_to_the_longest),
        RIG_TEST(retries2_bounds_the_repetitions),
        RIG_TEST(after_a_timeout_one_segment_goes_and_slow_start_follows),
        RIG_TEST(the_timer_restarts_when_new_data_is_acknowledged),
        RIG_TEST(a_repeated_segment_gives_no_round_trip_sample),
        RIG_TEST(round_trips_set_the_timeout),
        RIG_TEST(a_doubled_timeout_stays_until_there_is_a_sample),
        RIG_TEST(a_path_slower_than_the_first_timeout_is_measured),
        RIG_TEST(three_duplicate_acks_repeat_the_segment_at_once),
        RIG_TEST(a_partial_ack_repeats_the_next_hole_at_once),
        RIG_TEST(duplicate_acks_that_carry_data_or_a_window_do_not_count),
        RIG_TEST(data_and_fin_are_repeated_together),
        RIG_TEST(a_window_closed_over_data_in_flight_ends_nothing_while_the_peer_answers),
        RIG_TEST(keepalive_probes_an_idle_connection_and_ends_a_dead_one),
        RIG_TEST(an_answered_probe_starts_the_idle_time_again),
        RIG_TEST(data_from_the_peer_postpones_the_probe),
        RIG_TEST(a_probed_peer_that_has_forgotten_answers_rst),
        RIG_TEST(the_peers_probe_is_answered),
        RIG_TEST(keepalive_is_off_until_asked_for),
        RIG_TEST(user_timeout_ends_what_is_not_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
