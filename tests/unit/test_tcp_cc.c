/* tcp/cc.c: windows of NewReno (RFC 5681, 3.1; RFC 3465 with L = 2; RFC 6928), by hand. MSS 1460. */
#include "tcp_unit.h"

#define MSS 1460u

static void it_begins_with_ten_segments(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(c->cwnd, 10 * MSS);
    assert_int_equal(c->ssthresh, UINT32_MAX);
    c->is.ts_on = 1; /* A full segment is 12 bytes smaller. */
    tcp_cc_init(c);
    assert_int_equal(c->cwnd, 10 * 1448);
}

static void slow_start_grows_by_what_is_acknowledged(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_flight(c, 10 * MSS);
    tcp_cc_acked(c, MSS);
    assert_int_equal(c->cwnd, 11 * MSS);
    tcp_cc_acked(c, 100);
    assert_int_equal(c->cwnd, 11 * MSS + 100);
    tcp_cc_acked(c, 5 * MSS); /* RFC 3465: by two segments at most. */
    assert_int_equal(c->cwnd, 13 * MSS + 100);
}

static void congestion_avoidance_grows_by_one_segment_a_window(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->ssthresh = c->cwnd = 4 * MSS;
    tu_flight(c, 4 * MSS);
    for (unsigned i = 0; i < 3; i++) tcp_cc_acked(c, MSS);
    assert_int_equal(c->cwnd, 4 * MSS);
    tcp_cc_acked(c, MSS);
    assert_int_equal(c->cwnd, 5 * MSS);
    tcp_cc_acked(c, 5 * MSS + 7); /* What is more than a window counts for the next one. */
    assert_int_equal(c->cwnd, 6 * MSS);
    assert_int_equal(c->cc_acked, 7);
}

static void a_window_that_is_not_used_does_not_grow(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_flight(c, 3 * MSS); /* Less than half of ten, one more segment included. */
    tcp_cc_acked(c, 3 * MSS);
    assert_int_equal(c->cwnd, 10 * MSS);
    tu_flight(c, MSS);
    tcp_cc_acked(c, MSS);
    assert_int_equal(c->cwnd, 11 * MSS);
}

static void a_loss_halves_the_flight_but_leaves_two_segments(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_flight(c, 10 * MSS);
    assert_int_equal(tcp_cc_ssthresh(c), 5 * MSS); /* Of the flight, not of the window. */
    c->cwnd = 100 * MSS;
    assert_int_equal(tcp_cc_ssthresh(c), 5 * MSS);
    c->snd_una = seq_sub(c->snd_nxt, 3 * MSS);
    assert_int_equal(tcp_cc_ssthresh(c), 2 * MSS);
}

static void the_window_stays_within_what_tcp_can_express(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_flight(c, 1u << 30);
    c->cwnd = (1u << 30) - 1;
    tcp_cc_acked(c, 2 * MSS);
    tcp_cc_acked(c, 2 * MSS);
    assert_in_range(c->cwnd, 1u << 30, (1u << 30) + 2 * MSS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(it_begins_with_ten_segments),
        TU_TEST(slow_start_grows_by_what_is_acknowledged),
        TU_TEST(congestion_avoidance_grows_by_one_segment_a_window),
        TU_TEST(a_window_that_is_not_used_does_not_grow),
        TU_TEST(a_loss_halves_the_flight_but_leaves_two_segments),
        TU_TEST(the_window_stays_within_what_tcp_can_express),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
