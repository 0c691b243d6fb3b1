/* tcp/tlp.c: tail loss probes, RFC 8985, 7. */
#include "support/engine_unit.h"

static la_time timer(const struct tcp_conn *c) { return c->timer_at[LA_TIMER_RETRANSMIT]; }

static void the_probe_is_due_after_two_round_trips(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 1);
    assert_int_equal(c->eng.rexmit, REXMIT_PROBE);
    /* One alone: its ACK may be delayed. But never later than the timeout. */
    la_time rto = tcp_rto(c);
    assert_true(timer(c) - u->env.now == (400 * LA_MS < rto ? 400 * LA_MS : rto));
    en_send(u, c, 1);
    assert_in_range(timer(c) - u->env.now, 200 * LA_MS, 204 * LA_MS);
}

static void without_a_round_trip_it_is_due_after_a_second_or_with_the_timeout(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    c->srtt_us = 0;
    c->rto_us = 3000000;
    en_send(u, c, 2);
    assert_true(timer(c) - u->env.now == LA_SECOND);
}

/* 7.2: SACK, nothing SACKed, no recovery, no timeout, no probe out. */
static void it_is_allowed_only_where_nothing_is_wrong(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    assert_false(tcp_tlp_schedule(c, true)); /* Nothing in flight. */
    en_send(u, c, 4);
    assert_true(tcp_tlp_schedule(c, true));
    for (unsigned p = CC_OPEN; p <= CC_LOSS; p++) {
        c->eng.phase = (uint8_t)p;
        assert_int_equal(tcp_tlp_schedule(c, true), p == CC_OPEN || p == CC_CWR);
    }
    c->eng.phase = CC_OPEN;
    c->is.sack_on = 0;
    assert_false(tcp_tlp_schedule(c, true));
    c->is.sack_on = 1;
    c->backoff = 1;
    assert_false(tcp_tlp_schedule(c, true));
    c->backoff = 0;
    c->eng.tlp_out = true;
    assert_false(tcp_tlp_schedule(c, true));
    c->eng.tlp_out = false;
    u->tcp.params.tlp = false;
    assert_false(tcp_tlp_schedule(c, true));
    u->tcp.params.tlp = true;
    c->eng.phase = CC_CWR;
    tcp_score_sacked(c, en_record(c, 2));
    assert_false(tcp_tlp_schedule(c, true));
    c->eng.phase = CC_OPEN;
}

/* 7.3: new data if there is any, whatever the congestion window says; otherwise the last segment again. */
static void the_probe_is_new_data_or_the_last_segment(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 4);
    en_give(c, 6);
    en_expect(u, c, "0+ 1+ 2+ 3+");
    tu_pass(u, 250 * LA_MS);
    en_expect(u, c, "4+");
    assert_true(c->eng.tlp_out && !c->eng.tlp_again);
    assert_int_equal(c->eng.rexmit, REXMIT_RTO);
    assert_true(timer(c) > u->env.now);
    u->env.now += 10 * LA_MS;
    ACKS(5); /* New data acknowledged: no more to say. */
    assert_false(c->eng.tlp_out);
    en_expect(u, c, "5+");
    tu_pass(u, 600 * LA_MS);
    en_expect(u, c, "5");
    assert_true(c->eng.tlp_out && c->eng.tlp_again);
    assert_int_equal(u->env.counter[LA_C_TLP_PROBES], 2);
}

static void the_peers_window_holds_for_probes(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 4);
    c->snd_wnd = 4 * EN_MSS;
    en_give(c, 6);
    en_expect(u, c, "0+ 1+ 2+ 3+");
    tu_pass(u, 250 * LA_MS);
    en_expect(u, c, "3");
}

/* Four segments, the last sent again as a probe. */
static struct tcp_conn *probed(struct tcp_unit *u) {
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 4);
    tu_pass(u, 250 * LA_MS);
    en_expect(u, c, "3");
    u->env.now += EN_RTT;
    return c;
}

/* 7.4.2: an ACK beyond the probe, and no D-SACK: the probe has repaired a loss; the window pays. */
static void a_repair_that_nobody_noticed_shrinks_the_window(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = probed(u);
    ACKS(4);
    assert_true(c->eng.tlp_out); /* Not known yet: the answer to the other one may follow. */
    en_send(u, c, 1);
    u->env.now += EN_RTT;
    ACKS(5);
    assert_false(c->eng.tlp_out);
    assert_int_equal(u->env.counter[LA_C_TLP_REPAIRS], 1);
    assert_int_equal(c->eng.cc.ssthresh, 2); /* Of so small a flight no less (RFC 5681, equation 4). */
    assert_int_equal(c->eng.cc.cwnd, 2);
    PHASE(CC_OPEN);
}

static void a_dsack_says_that_both_have_arrived(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = probed(u);
    SACKS(4, 3, 4);
    assert_false(c->eng.tlp_out);
    assert_false(c->eng.rack.dsack_seen); /* The probe's repetition says nothing about reordering. */
    assert_int_equal(u->env.counter[LA_C_TLP_REPAIRS], 0);
    assert_true(c->eng.cc.cwnd >= 10);
}

static void a_duplicate_ack_says_so_too_where_there_is_no_dsack(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = probed(u);
    ACKS(4);
    assert_true(c->eng.tlp_out);
    ACKS(4);
    assert_false(c->eng.tlp_out);
    assert_int_equal(u->env.counter[LA_C_TLP_REPAIRS], 0);
}

/* What the probe is for: it makes the peer say that the rest of the tail is missing. */
static void a_probe_turns_a_lost_tail_into_fast_recovery(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 6);
    u->env.now += EN_RTT;
    ACKS(3);
    tu_pass(u, 250 * LA_MS);
    en_expect(u, c, "5");
    u->env.now += EN_RTT;
    SACKS(3, 5, 6);
    PHASE(CC_RECOVERY);
    en_expect(u, c, "3");
    u->env.now += EN_RTT;
    ACKS(4);
    en_expect(u, c, "4");
    u->env.now += EN_RTT;
    ACKS(6);
    assert_int_equal(u->env.counter[LA_C_RTOS], 0);
    en_send(u, c, 1);
    u->env.now += EN_RTT;
    ACKS(7);
    PHASE(CC_OPEN);
}

static void behind_the_probe_stands_the_timeout(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = probed(u);
    tu_pass(u, 2 * LA_SECOND);
    assert_true(u->env.counter[LA_C_RTOS] >= 1);
    assert_int_equal(u->env.counter[LA_C_TLP_PROBES], 1);
    en_expect(u, c, "0");
    ACKS(4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_probe_is_due_after_two_round_trips),
        TU_TEST(without_a_round_trip_it_is_due_after_a_second_or_with_the_timeout),
        TU_TEST(it_is_allowed_only_where_nothing_is_wrong),
        TU_TEST(the_probe_is_new_data_or_the_last_segment),
        TU_TEST(the_peers_window_holds_for_probes),
        TU_TEST(a_repair_that_nobody_noticed_shrinks_the_window),
        TU_TEST(a_dsack_says_that_both_have_arrived),
        TU_TEST(a_duplicate_ack_says_so_too_where_there_is_no_dsack),
        TU_TEST(a_probe_turns_a_lost_tail_into_fast_recovery),
        TU_TEST(behind_the_probe_stands_the_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
