/* tcp/cwnd.c: PRR (RFC 9937), a window that is not used (RFC 7661), idle restart (RFC 5681, 4.1), pacing. */
#include "support/engine_unit.h"

/* RFC 9937: from 20 to 10 over the recovery: about every second delivery lets one segment out, and at the end the
 * window is ssthresh. */
static void prr_lets_one_out_for_every_second_delivery(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 20);
    en_give(c, 40);
    u->env.now += EN_RTT;
    unsigned out = 0;
    for (uint32_t k = 2; k <= 20; k++) {
        SACKS(0, 1, k);
        out += tu_skip(u);
        if (k >= 4) assert_true(tcp_in_flight(c) >= 10);
    }
    PHASE(CC_RECOVERY);
    assert_int_equal(c->eng.cc.ssthresh, 10);
    assert_int_equal(c->eng.prr_delivered, 17); /* From the third SACK on. */
    assert_in_range(c->eng.prr_out, 8, 9);
    assert_int_equal(out, c->eng.prr_out + 2); /* Two of limited transmit. */
    assert_in_range(tcp_in_flight(c), 10, 12);
    u->env.now += EN_RTT;
    uint32_t end = seq_len(en_seq(c, 0), c->eng.high_seq) / EN_MSS;
    ACKS(end);
    assert_in_range(c->eng.cc.cwnd, 10, 12);
}

/* The pipe ran below ssthresh: as many go as were delivered, and one more while SND.UNA moves and nothing gets lost. */
static void prr_catches_up_below_ssthresh(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 20);
    en_give(c, 40);
    u->env.now += EN_RTT;
    SACKS(0, 16, 20); /* 16 lost at once. */
    PHASE(CC_RECOVERY);
    assert_int_equal(c->eng.lost_out, 16);
    en_expect(u, c, "0 1 2 3"); /* Four delivered, four out: conservation. */
    u->env.now += EN_RTT;
    ACKS(1);
    en_expect(u, c, "4 5"); /* One delivered, two out: slow start. */
    ACKS(2);
    en_expect(u, c, "6 7");
    assert_true(tcp_in_flight(c) <= 10);
}

static void prr_sends_one_at_least_when_recovery_begins(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 30);
    en_send(u, c, 30);
    u->env.now += EN_RTT;
    SACKS(0, 1, 2);
    SACKS(0, 1, 3);
    SACKS(0, 1, 4);
    PHASE(CC_RECOVERY);
    assert_int_equal(c->eng.cc.cwnd, tcp_in_flight(c) + 1);
    en_expect(u, c, "0");
}

/* CWR: the same, but nothing is sent again; it ends with what was sent after it began. */
static void an_echoed_mark_reduces_once_per_window(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    c->is.ecn_on = 1;
    c->ecn_recover = c->iss;
    en_send(u, c, 10);
    en_give(c, 40);
    u->env.now += EN_RTT;
    for (uint32_t k = 1; k <= 10; k++) {
        struct tcp_in in = en_in(c, k, NULL, 0);
        in.seg.flags |= TCP_ECE;
        tcp_ack(c, &in);
        tcp_check(c);
        PHASE(CC_CWR);
        tu_skip(u);
    }
    assert_int_equal(u->env.counter[LA_C_ECN_REDUCTIONS], 1);
    assert_int_equal(c->eng.cc.ssthresh, 4); /* Of nine in flight. */
    assert_int_equal(tcp_in_flight(c), 4);
    u->env.now += EN_RTT;
    ACKS(11);
    PHASE(CC_OPEN);
    assert_in_range(c->eng.cc.cwnd, 4, 5);
    assert_int_equal(c->retransmits, 0);
}

/* --- A window that is not used --- */

static void a_window_of_which_less_than_half_is_used_does_not_grow(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 40);
    c->eng.cc.ssthresh = 40;
    for (uint32_t at = 0; at < 50; at += 5) {
        en_send(u, c, 5);
        u->env.now += 10 * LA_MS;
        ACKS(at + 5);
    }
    assert_true(c->eng.cc.cwnd <= 40);
}

/* RFC 7661, 4.4 in short: after a timeout of it, halfway towards what was used; ssthresh remembers. */
static void and_shrinks_towards_what_is_used(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 100);
    c->eng.cc.ssthresh = 100;
    for (uint32_t at = 0; at < 400; at += 5) {
        en_send(u, c, 5);
        u->env.now += EN_RTT;
        ACKS(at + 5);
    }
    assert_in_range(c->eng.cc.cwnd, 10, 15); /* Never below the initial window. */
    assert_true(c->eng.cc.ssthresh >= 75);
}

static void after_a_pause_the_window_halves_for_every_timeout(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 64);
    en_send(u, c, 10);
    u->env.now += EN_RTT;
    ACKS(10);
    c->eng.cc.cwnd = 64;
    la_time rto = tcp_rto(c);
    u->env.now += rto / 2;
    en_give(c, 1);
    assert_int_equal(c->eng.cc.cwnd, 64); /* Not yet. */
    tu_skip(u);
    u->env.now += EN_RTT;
    ACKS(11);
    c->eng.cc.cwnd = 64;
    rto = tcp_rto(c);
    u->env.now += 2 * rto + rto / 2 - EN_RTT;
    en_give(c, 1);
    assert_int_equal(c->eng.cc.cwnd, 16);
    assert_true(c->eng.cc.ssthresh >= 48);
    tu_skip(u);
    u->env.now += EN_RTT;
    ACKS(12);
    u->env.now += 3600 * LA_SECOND;
    en_give(c, 1);
    assert_int_equal(c->eng.cc.cwnd, 10); /* The initial window. */
    u->tcp.params.idle_restart = false;
    tu_skip(u);
    ACKS(13);
    c->eng.cc.cwnd = 64;
    u->env.now += 3600 * LA_SECOND;
    en_give(c, 1);
    assert_int_equal(c->eng.cc.cwnd, 64);
}

/* --- Algorithms and pacing --- */

static void another_algorithm_goes_on_at_the_windows_that_are_set(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "cubic", 33);
    en_send(u, c, 10);
    u->env.now += EN_RTT;
    ACKS(5);
    uint32_t cwnd = c->eng.cc.cwnd;
    for (unsigned i = 0; i < CC_COUNT; i++) {
        tcp_cwnd_choose(c, i);
        assert_ptr_equal(c->eng.cc.ops, cc_at(i));
        assert_int_equal(c->eng.cc.cwnd, cwnd);
    }
    ACKS(10);
    assert_true(c->eng.cc.cwnd >= 1);
}

static void a_paced_burst_spreads_over_time(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 100);
    c->max_pacing_rate = 100000; /* A segment takes 10 ms. */
    en_give(c, 20);
    unsigned first = tu_skip(u);
    assert_in_range(first, 1, 2);
    assert_true(c->timer_at[LA_TIMER_PACE] != LA_NEVER);
    for (int i = 0; i < 5; i++) {
        tu_pass(u, 10 * LA_MS);
        assert_in_range(tu_skip(u), 0, 2);
    }
    tu_pass(u, 200 * LA_MS);
    ACKS(seq_len(en_seq(c, 0), c->snd_nxt) / EN_MSS);
}

static void the_ratios_make_the_pace(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    u->tcp.params.pacing_ss_ratio = 300;
    u->tcp.params.pacing_ca_ratio = 50;
    en_send(u, c, 20);
    u->env.now += EN_RTT;
    ACKS(1);
    uint64_t window = (uint64_t)c->eng.cc.cwnd * EN_MSS * 1000000 / c->srtt_us;
    assert_true(c->eng.cc.pacing_rate == window * 3);
    c->eng.cc.ssthresh = c->eng.cc.cwnd;
    ACKS(2);
    assert_in_range(c->eng.cc.pacing_rate, window / 2, window / 2 + 1000);
}

/* 20 segments a round trip of 100 ms, twice as fast in slow start: pieces of two segments, 5 ms each. */
static void pieces_leave_when_they_are_due(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    u->tcp.params.pacing = true;
    c->eng.cc.pacing_rate = 400 * EN_MSS;
    en_give(c, 19);
    assert_int_equal(tu_skip(u), 12); /* The initial window, and the piece behind it. */
    for (int i = 0; i < 3; i++) {
        tu_pass(u, 4900 * LA_US);
        assert_int_equal(tu_skip(u), 0);
        tu_pass(u, 100 * LA_US);
        assert_int_equal(tu_skip(u), 2);
    }
    /* 20 ms late: the next one leaves after half of its time. */
    u->env.now += 20 * LA_MS;
    en_give(c, 1);
    assert_int_equal(tu_skip(u), 2);
    assert_true(c->eng.pace_at == u->env.now + 2500 * LA_US);
}

static void a_coarse_clock_makes_long_pieces(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 60);
    u->tcp.params.pacing = true;
    u->tcp.params.clock_resolution = 15 * LA_MS;
    c->eng.cc.pacing_rate = 400 * EN_MSS;
    en_give(c, 40);
    assert_int_equal(tu_skip(u), 12);
    tu_pass(u, 15 * LA_MS);
    assert_int_equal(tu_skip(u), 6);
}

/* In SYN_RCVD there is no timer for it. */
static void a_fast_open_child_is_not_paced(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_SYN_RCVD);
    c->max_pacing_rate = 1000;
    c->eng.pace_at = u->env.now + LA_SECOND;
    assert_false(tcp_pace_holds(c));
    c = tu_try(u, LA_ESTABLISHED, 1);
    c->max_pacing_rate = 1000;
    c->eng.pace_at = u->env.now + LA_SECOND;
    assert_true(tcp_pace_holds(c));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(prr_lets_one_out_for_every_second_delivery),
        TU_TEST(prr_catches_up_below_ssthresh),
        TU_TEST(prr_sends_one_at_least_when_recovery_begins),
        TU_TEST(an_echoed_mark_reduces_once_per_window),
        TU_TEST(a_window_of_which_less_than_half_is_used_does_not_grow),
        TU_TEST(and_shrinks_towards_what_is_used),
        TU_TEST(after_a_pause_the_window_halves_for_every_timeout),
        TU_TEST(another_algorithm_goes_on_at_the_windows_that_are_set),
        TU_TEST(a_paced_burst_spreads_over_time),
        TU_TEST(the_ratios_make_the_pace),
        TU_TEST(pieces_leave_when_they_are_due),
        TU_TEST(a_coarse_clock_makes_long_pieces),
        TU_TEST(a_fast_open_child_is_not_paced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
