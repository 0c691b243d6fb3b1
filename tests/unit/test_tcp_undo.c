/* tcp/undo.c: a reduction that was a mistake is taken back: Eifel (RFC 3522, 4015), D-SACK (RFC 3708). */
#include "support/engine_unit.h"

static struct tcp_conn *stamped(struct tcp_unit *u, bool sack, uint32_t cwnd) {
    struct tcp_conn *c = en_conn(u, sack, "reno", cwnd);
    c->is.ts_on = 1;
    c->mss = c->peer_mss = EN_MSS + 12;
    return c;
}

/* The ACK echoes a time before the first repetition: the original has arrived. */
static void an_early_echo_takes_fast_recovery_back(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = stamped(u, true, 10);
    en_send(u, c, 10);
    u->env.now += EN_RTT;
    SACKS(0, 1, 4);
    PHASE(CC_RECOVERY);
    en_expect(u, c, "0");
    u->env.now += 5 * LA_MS;
    en_ack_ts(c, 10, 105);
    PHASE(CC_OPEN);
    assert_in_range(c->eng.cc.cwnd, 10, 20);
    assert_true(c->eng.cc.ssthresh >= 10);
    assert_int_equal(u->env.counter[LA_C_UNDOS], 1);
}

static void a_late_echo_does_not(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = stamped(u, true, 10);
    en_send(u, c, 10);
    u->env.now += EN_RTT;
    SACKS(0, 1, 4);
    en_expect(u, c, "0");
    u->env.now += EN_RTT;
    en_ack_ts(c, 10, 100); /* The very millisecond of the repetition. */
    PHASE(CC_OPEN);
    assert_in_range(c->eng.cc.cwnd, 5, 8);
    assert_int_equal(u->env.counter[LA_C_UNDOS], 0);
}

/* Of an episode, not of one that is over: a stamp of then would make every echo look late. */
static void the_stamp_is_this_episodes(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = stamped(u, true, 10);
    en_send(u, c, 10);
    u->env.now += EN_RTT;
    SACKS(0, 1, 4);
    en_expect(u, c, "0");
    u->env.now += EN_RTT;
    en_ack_ts(c, 10, 100);
    u->tcp.params.tlp = false;
    en_send(u, c, 3);
    u->env.now += EN_RTT;
    en_ack_ts(c, 13, 100);
    en_send(u, c, 3);
    tu_pass(u, c->timer_at[LA_TIMER_RETRANSMIT] - u->env.now);
    PHASE(CC_LOSS);
    en_expect(u, c, "13");
    u->env.now += 2 * LA_MS;
    uint64_t before = u->env.counter[LA_C_UNDOS];
    en_ack_ts(c, 14, 200); /* Before the timeout. */
    assert_int_equal(u->env.counter[LA_C_UNDOS], before + 1);
    PHASE(CC_OPEN);
}

static void an_early_echo_takes_a_timeout_back(void **state) {
    struct tcp_unit *u = *state;
    for (int sack = 0; sack < 2; sack++) {
        struct tcp_conn *c = stamped(u, sack, 10);
        u->tcp.params.tlp = u->tcp.params.frto = false;
        en_send(u, c, 8);
        tu_pass(u, c->timer_at[LA_TIMER_RETRANSMIT] - u->env.now);
        en_expect(u, c, "0");
        assert_int_equal(c->eng.cc.cwnd, 1);
        u->env.now += 10 * LA_MS;
        en_ack_ts(c, 1, 300);
        assert_int_equal(c->eng.lost_out, 0);
        assert_in_range(c->eng.cc.cwnd, 10, 12);
        assert_int_equal(c->backoff, 0);
        en_expect(u, c, ""); /* Nothing of it goes again. */
        en_ack_ts(c, 8, 300);
        PHASE(sack ? CC_OPEN : CC_LOSS); /* Without SACK until something beyond is acknowledged. */
        en_send(u, c, 1);
        en_ack_ts(c, 9, 0);
        PHASE(CC_OPEN);
        tcp_end(c, 0, LA_CAUSE_CALL, 0);
        tcp_orphan(c);
    }
}

/* RFC 3708: when every repetition of the episode was needless, so was the reduction. */
static void only_dsacks_for_all_repetitions_take_it_back(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 20);
    u->env.now += EN_RTT;
    SACKS(0, 2, 6);
    en_expect(u, c, "0 1");
    assert_int_equal(c->eng.undo_again, 2);
    u->env.now += 10 * LA_MS;
    ACKS(20);
    uint32_t reduced = c->eng.cc.cwnd;
    assert_true(reduced < 20);
    SACKS(20, 0, 1);
    assert_int_equal(c->eng.undo_again, 1);
    assert_in_range(c->eng.cc.cwnd, reduced, reduced + 1);
    SACKS(20, 1, 2);
    assert_true(c->eng.cc.cwnd >= 20);
    assert_false(c->eng.undo_armed);
    assert_int_equal(u->env.counter[LA_C_UNDOS], 1);
}

/* A D-SACK of another age is no proof. */
static void an_old_reduction_is_not_taken_back_gigabytes_later(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    c->snd_wnd = c->max_snd_wnd = 20 * EN_MSS;
    en_send(u, c, 6);
    u->env.now += EN_RTT;
    SACKS(0, 1, 4);
    en_expect(u, c, "0");
    u->env.now += EN_RTT;
    ACKS(6);
    assert_true(c->eng.undo_armed);
    for (uint32_t at = 6; at < 60; at += 2) {
        en_send(u, c, 2);
        u->env.now += EN_RTT;
        ACKS(at + 2);
    }
    assert_false(c->eng.undo_armed);
    uint32_t cwnd = c->eng.cc.cwnd;
    SACKS(60, 58, 59);
    assert_in_range(c->eng.cc.cwnd, cwnd, cwnd + 1);
    assert_int_equal(u->env.counter[LA_C_UNDOS], 0);
}

/* A reduction for congestion that the network reported is never a mistake. */
static void an_echoed_mark_is_not_taken_back(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = stamped(u, true, 10);
    c->is.ecn_on = 1;
    c->ecn_recover = c->iss;
    en_send(u, c, 10);
    u->env.now += EN_RTT;
    struct tcp_in in = en_in(c, 0, EN_EDGES(1, 4), 1);
    in.seg.flags |= TCP_ECE;
    tcp_ack(c, &in);
    PHASE(CC_RECOVERY);
    en_expect(u, c, "0");
    u->env.now += 5 * LA_MS;
    en_ack_ts(c, 10, 105);
    assert_true(c->eng.cc.cwnd < 10);
    assert_true(c->eng.cc.ssthresh < 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(an_early_echo_takes_fast_recovery_back),
        TU_TEST(a_late_echo_does_not),
        TU_TEST(the_stamp_is_this_episodes),
        TU_TEST(an_early_echo_takes_a_timeout_back),
        TU_TEST(only_dsacks_for_all_repetitions_take_it_back),
        TU_TEST(an_old_reduction_is_not_taken_back_gigabytes_later),
        TU_TEST(an_echoed_mark_is_not_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
