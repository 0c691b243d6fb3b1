/* tcp/rack.c: RFC 8985, 6: lost is what was sent sufficiently before something that has arrived. */
#include "support/engine_unit.h"

/* Segments leave 1 ms apart. */
static void send_apart(struct tcp_unit *u, struct tcp_conn *c, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        en_send(u, c, 1);
        u->env.now += LA_MS;
    }
}

static la_time timer(const struct tcp_conn *c) { return c->timer_at[LA_TIMER_RETRANSMIT]; }

/* 6.2, step 4: three SACKed, and no reordering ever seen: no window. */
static void with_three_sacked_everything_sent_before_is_lost_at_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    send_apart(u, c, 10);
    u->env.now += EN_RTT;
    SACKS(0, 4, 6);
    PHASE(CC_DISORDER);
    assert_int_equal(c->eng.lost_out, 0);
    SACKS(0, 4, 7);
    PHASE(CC_RECOVERY);
    assert_int_equal(c->eng.lost_out, 4);
    for (uint32_t i = 0; i < 10; i++) assert_int_equal((en_record(c, i)->marks & SENT_LOST) != 0, i < 4);
}

/* Linux's tcp_recovery, 4. */
static void or_that_many_do_not_close_the_window(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    u->tcp.params.recovery = RACK_ON | RACK_NO_DUPTHRESH;
    send_apart(u, c, 10);
    u->env.now += EN_RTT;
    SACKS(0, 4, 10);
    PHASE(CC_DISORDER);
    assert_int_equal(c->eng.rexmit, REXMIT_REORDER);
    tu_pass(u, EN_RTT);
    PHASE(CC_RECOVERY);
}

/* … 2. */
static void or_duplicates_do_not_widen_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    struct tcp_acked a = {.delivered = true};
    c->eng.rack.dsack_seen = true;
    u->tcp.params.recovery = RACK_ON | RACK_STATIC;
    tcp_rack_window(c, &a);
    assert_int_equal(c->eng.rack.steps, 1);
    u->tcp.params.recovery = RACK_ON;
    tcp_rack_window(c, &a);
    assert_int_equal(c->eng.rack.steps, 2);
}

static void below_three_the_reordering_timer_decides(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    send_apart(u, c, 4);
    u->env.now += EN_RTT - 4 * LA_MS;
    SACKS(0, 1, 2); /* One SACKed: 0 may be late by a quarter of a round trip. */
    PHASE(CC_DISORDER);
    assert_int_equal(c->eng.rexmit, REXMIT_REORDER);
    la_time window = c->eng.min_rtt.us / 4 * LA_US;
    assert_in_range(timer(c) - u->env.now, window - 2 * LA_MS, window + 4 * LA_MS);
    tu_pass(u, window - 3 * LA_MS);
    PHASE(CC_DISORDER);
    tu_pass(u, 7 * LA_MS);
    PHASE(CC_RECOVERY);
    en_expect(u, c, "0"); /* Without any ACK. */
    assert_int_equal(c->eng.rexmit, REXMIT_RTO);
    assert_true(timer(c) != LA_NEVER);
}

static void what_comes_within_the_window_is_not_sent_again(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    send_apart(u, c, 4);
    u->env.now += EN_RTT - 4 * LA_MS;
    SACKS(0, 1, 2);
    u->env.now += 5 * LA_MS;
    ACKS(2);
    PHASE(CC_OPEN);
    assert_true(c->eng.rack.reorder_seen);
    tu_pass(u, 30 * LA_MS);
    en_expect(u, c, "");
    /* From here on three SACKed are no proof. */
    u->env.now += 60 * LA_MS;
    ACKS(4);
    send_apart(u, c, 6);
    u->env.now += EN_RTT - 6 * LA_MS;
    SACKS(4, 5, 8);
    assert_int_equal(c->eng.lost_out, 0);
    assert_int_equal(c->eng.rexmit, REXMIT_REORDER);
}

/* 6.2, step 2: sent at the same time, the one that ends later was sent later. */
static void ties_go_by_sequence_number(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 8);
    u->env.now += EN_RTT;
    SACKS(0, 2, 5);
    for (uint32_t i = 0; i < 8; i++) assert_int_equal((en_record(c, i)->marks & SENT_LOST) != 0, i < 2);
}

/* 6.2: with the order of time, a repetition that is lost itself is found like anything else. */
static void a_lost_repetition_is_found_by_what_was_sent_after_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    send_apart(u, c, 10);
    u->env.now += EN_RTT - 10 * LA_MS;
    SACKS(0, 1, 6);
    u->env.now += LA_MS;
    en_give(c, 10);
    SACKS(0, 1, 8);
    u->env.now += LA_MS;
    SACKS(0, 1, 10);
    struct tcp_seg s;
    assert_true(tu_out(u, &s));
    assert_true(seq_eq(s.seq, en_seq(c, 0)));
    u->env.now += LA_MS;
    uint32_t high = 10;
    for (; tu_out(u, &s); high++) assert_true(seq_eq(s.seq, en_seq(c, high)));
    assert_true(high > 10);
    assert_int_equal(c->eng.again_out, 1);
    u->env.now += EN_RTT;
    SACKS(0, 1, high); /* What went after it has arrived. */
    u->env.now += EN_RTT / 4 + 10 * LA_MS;
    tu_pass(u, LA_MS);
    assert_int_equal(c->retransmits, 1);
    en_give(c, 1);
    assert_true(tu_out(u, &s));
    assert_true(seq_eq(s.seq, en_seq(c, 0)));
    assert_int_equal(c->retransmits, 2);
}

/* 6.2, step 4: every round trip with a D-SACK widens the window by a quarter of the least round trip. */
static void dsacks_widen_the_window_for_sixteen_recoveries(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    struct tcp_acked a = {.delivered = true};
    c->eng.rack.dsack_seen = true;
    c->eng.delivered = 100;
    a.newest.delivered = 50;
    tcp_rack_window(c, &a);
    assert_int_equal(c->eng.rack.steps, 2);
    assert_int_equal(c->eng.rack.persist, 16);
    c->eng.rack.dsack_seen = true;
    tcp_rack_window(c, &a); /* Of the same round trip. */
    assert_int_equal(c->eng.rack.steps, 2);
    c->eng.rack.dsack_seen = true;
    a.newest.delivered = 100;
    tcp_rack_window(c, &a);
    assert_int_equal(c->eng.rack.steps, 3);
    c->eng.rack.persist = 0;
    tcp_rack_window(c, &a);
    assert_int_equal(c->eng.rack.steps, 1);
    c->eng.rack.steps = UINT8_MAX;
    c->eng.rack.dsack_seen = true;
    a.newest.delivered = 200;
    c->eng.delivered = 300;
    tcp_rack_window(c, &a);
    assert_int_equal(c->eng.rack.steps, UINT8_MAX);
}

/* An ACK sooner than any round trip is the first transmission's: it must not push the latest delivery forward. */
static void an_ack_too_soon_for_a_repetition_says_nothing_about_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    send_apart(u, c, 4);
    u->env.now += EN_RTT;
    tcp_score_lost(c, en_record(c, 0));
    tcp_score_sent_again(c, en_record(c, 0));
    la_time before = c->eng.rack.at;
    u->env.now += 20 * LA_MS;
    tcp_rack_delivered(c, en_record(c, 0));
    assert_true(c->eng.rack.at == before);
    u->env.now += EN_RTT;
    tcp_rack_delivered(c, en_record(c, 0));
    assert_true(c->eng.rack.at == en_record(c, 0)->at);
    assert_int_equal(c->eng.rack.rtt_us, 120000);
}

/* A clock that ticks every 15 ms puts what was sent within a tick at one time. */
static void a_coarse_clock_widens_the_window(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    u->tcp.params.clock_resolution = 15 * LA_MS;
    en_send(u, c, 1);
    u->env.now += 15 * LA_MS;
    en_send(u, c, 3);
    u->env.now += EN_RTT;
    SACKS(0, 1, 2);
    assert_int_equal(c->eng.lost_out, 0);
    la_time fine = EN_RTT / 4 + 2 * LA_MS - 15 * LA_MS; /* 0 is 15 ms older. */
    assert_in_range(timer(c) - u->env.now, fine + 15 * LA_MS - LA_MS, fine + 15 * LA_MS + LA_MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(with_three_sacked_everything_sent_before_is_lost_at_once),
        TU_TEST(or_that_many_do_not_close_the_window),
        TU_TEST(or_duplicates_do_not_widen_it),
        TU_TEST(below_three_the_reordering_timer_decides),
        TU_TEST(what_comes_within_the_window_is_not_sent_again),
        TU_TEST(ties_go_by_sequence_number),
        TU_TEST(a_lost_repetition_is_found_by_what_was_sent_after_it),
        TU_TEST(dsacks_widen_the_window_for_sixteen_recoveries),
        TU_TEST(an_ack_too_soon_for_a_repetition_says_nothing_about_it),
        TU_TEST(a_coarse_clock_widens_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
