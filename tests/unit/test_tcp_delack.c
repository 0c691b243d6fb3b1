/* tcp/delack.c: an ACK for every second segment, never later than `delack` (RFC 5681, 4.2; RFC 9293, 3.8.6.3). */
#include "tcp_unit.h"

static struct tcp_conn *calm(struct tcp_unit *u) {
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->quickacks = 0;
    return c;
}

static void the_first_segment_waits_and_the_second_does_not(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calm(u);
    tcp_delack_data(c, 1);
    assert_int_equal(c->marks, 0);
    assert_true(c->timer_at[LA_TIMER_DELACK] == u->env.now + 40 * LA_MS);
    u->env.now += 10 * LA_MS;
    tcp_delack_data(c, 1);
    assert_int_equal(c->marks, MARK_ACK);
    assert_true(c->timer_at[LA_TIMER_DELACK] == u->env.now + 30 * LA_MS); /* Not pushed back. */
}

static void a_coalesced_segment_counts_as_two(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calm(u);
    tcp_delack_data(c, 2);
    assert_int_equal(c->marks, MARK_ACK);
}

static void an_ack_that_left_starts_it_all_anew(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calm(u);
    tcp_delack_data(c, 1);
    c->rcv_nxt = seq_add(c->rcv_nxt, 100);
    tcp_delack_sent(c);
    assert_int_equal(c->unacked_segments, 0);
    assert_true(seq_eq(c->last_ack_sent, c->rcv_nxt));
    assert_true(c->timer_at[LA_TIMER_DELACK] == LA_NEVER);
    tcp_delack_data(c, 1);
    assert_int_equal(c->marks, 0);
}

static void a_young_connection_acknowledges_at_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    for (unsigned i = 0; i < 16; i++) {
        c->marks = 0;
        tcp_delack_data(c, 1);
        tcp_delack_sent(c);
        assert_int_equal(c->marks, MARK_ACK);
    }
    c->marks = 0;
    tcp_delack_data(c, 1);
    assert_int_equal(c->marks, 0);
    list_remove(&c->out);
}

static void one_segment_may_be_the_bound(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calm(u);
    u->tcp.params.delack_segments = 1;
    tcp_delack_data(c, 1);
    assert_int_equal(c->marks, MARK_ACK);
    assert_true(c->timer_at[LA_TIMER_DELACK] == LA_NEVER);
}

/* A segment with data, `gap` ms behind the latest one; whether its ACK goes at once. */
static bool arrives(struct tcp_unit *u, struct tcp_conn *c, la_time gap) {
    tu_pass(u, gap * LA_MS);
    tcp_delack_arrival(c);
    c->data_at = tcp_clock_ms(&u->tcp);
    c->marks = 0;
    tcp_delack_data(c, 1);
    bool now = c->marks & MARK_ACK;
    tcp_delack_sent(c);
    return now;
}

static void a_pause_is_a_new_beginning(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calm(u);
    c->srtt_us = 100000;
    c->rto_us = 300000;
    arrives(u, c, 0);
    c->quickacks = 0;
    assert_false(arrives(u, c, 250));
    assert_true(arrives(u, c, 400));
    assert_int_equal(c->quickacks, 15);
    u->tcp.params.quickacks = 0; /* A profile without quick ACKs has none here either. */
    c->quickacks = 0;
    assert_false(arrives(u, c, 400));
}

static void an_answer_makes_it_a_conversation(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    arrives(u, c, 0);
    tu_pass(u, 50 * LA_MS);
    tcp_delack_answer(c, false); /* Too late to be one. */
    assert_true(arrives(u, c, 10));
    tcp_delack_answer(c, false);
    assert_false(arrives(u, c, 10));
    assert_false(arrives(u, c, 5000)); /* Nor does a pause change that … */
    tcp_delack_fire(c);                /* … but an ACK that had nothing to go with does. */
    assert_true(arrives(u, c, 10));
}

static void the_delay_follows_the_pauses(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calm(u);
    c->srtt_us = 120000;
    c->rto_us = 400000;
    u->tcp.params.quickacks = 0;
    arrives(u, c, 0);
    for (unsigned i = 0; i < 20; i++) arrives(u, c, 35);
    tcp_delack_data(c, 1);
    assert_in_range((c->timer_at[LA_TIMER_DELACK] - u->env.now) / LA_MS, 60, 75); /* Twice 35. */
    for (unsigned i = 0; i < 9; i++) tcp_delack_fire(c);
    tcp_delack_sent(c);
    tcp_delack_data(c, 1);
    assert_true(c->timer_at[LA_TIMER_DELACK] == u->env.now + 120 * LA_MS); /* Not longer than a round trip. */
    tcp_delack_sent(c);
    for (unsigned i = 0; i < 9; i++) arrives(u, c, 1);
    tcp_delack_data(c, 1);
    assert_in_range((c->timer_at[LA_TIMER_DELACK] - u->env.now) / LA_MS, 40, 41);
    tcp_delack_sent(c);
    u->tcp.params.delack_max = 0;
    c->ato_ms = 100;
    tcp_delack_data(c, 1);
    assert_true(c->timer_at[LA_TIMER_DELACK] == u->env.now + 40 * LA_MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_first_segment_waits_and_the_second_does_not),
        TU_TEST(a_coalesced_segment_counts_as_two),
        TU_TEST(an_ack_that_left_starts_it_all_anew),
        TU_TEST(a_young_connection_acknowledges_at_once),
        TU_TEST(one_segment_may_be_the_bound),
        TU_TEST(a_pause_is_a_new_beginning),
        TU_TEST(an_answer_makes_it_a_conversation),
        TU_TEST(the_delay_follows_the_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
