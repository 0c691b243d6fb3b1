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
    tcp_delack_data(c, 1460);
    assert_int_equal(c->marks, 0);
    assert_true(c->timer_at[LA_TIMER_DELACK] == u->env.now + 40 * LA_MS);
    u->env.now += 10 * LA_MS;
    tcp_delack_data(c, 1460);
    assert_int_equal(c->marks, MARK_ACK);
    assert_true(c->timer_at[LA_TIMER_DELACK] == u->env.now + 30 * LA_MS); /* Not pushed back. */
}

static void a_coalesced_segment_counts_as_two(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calm(u);
    tcp_delack_data(c, 2 * 1460);
    assert_int_equal(c->marks, MARK_ACK);
}

static void an_ack_that_left_starts_it_all_anew(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calm(u);
    tcp_delack_data(c, 100);
    c->rcv_nxt = seq_add(c->rcv_nxt, 100);
    tcp_delack_sent(c);
    assert_int_equal(c->unacked_segments, 0);
    assert_true(seq_eq(c->last_ack_sent, c->rcv_nxt));
    assert_true(c->timer_at[LA_TIMER_DELACK] == LA_NEVER);
    tcp_delack_data(c, 100);
    assert_int_equal(c->marks, 0);
}

static void a_young_connection_acknowledges_at_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    for (unsigned i = 0; i < 16; i++) {
        c->marks = 0;
        tcp_delack_data(c, 10);
        tcp_delack_sent(c);
        assert_int_equal(c->marks, MARK_ACK);
    }
    c->marks = 0;
    tcp_delack_data(c, 10);
    assert_int_equal(c->marks, 0);
    list_remove(&c->out);
}

static void one_segment_may_be_the_bound(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calm(u);
    u->tcp.params.delack_segments = 1;
    tcp_delack_data(c, 10);
    assert_int_equal(c->marks, MARK_ACK);
    assert_true(c->timer_at[LA_TIMER_DELACK] == LA_NEVER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_first_segment_waits_and_the_second_does_not),
        TU_TEST(a_coalesced_segment_counts_as_two),
        TU_TEST(an_ack_that_left_starts_it_all_anew),
        TU_TEST(a_young_connection_acknowledges_at_once),
        TU_TEST(one_segment_may_be_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
