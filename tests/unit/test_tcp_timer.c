/* tcp/timer.c: one node for all timers of a connection, re-armed lazily; what the retransmission and user timers do. */
#include "tcp_unit.h"

static void an_earlier_deadline_moves_the_node_and_a_later_one_does_not(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    la_time now = u->env.now;
    tcp_timer_set(c, LA_TIMER_KEEPALIVE, now + 10 * LA_SECOND);
    assert_true(c->node.at == now + 10 * LA_SECOND);
    tcp_timer_set(c, LA_TIMER_DELACK, now + LA_SECOND);
    assert_true(c->node.at == now + LA_SECOND);
    tcp_timer_set(c, LA_TIMER_DELACK, now + 5 * LA_SECOND); /* Pushed back: one store. */
    assert_true(c->node.at == now + LA_SECOND);
    tu_pass(u, LA_SECOND); /* Fires early, finds nothing due, moves on. */
    assert_int_equal(c->marks, 0);
    assert_true(c->node.at == now + 5 * LA_SECOND);
    tu_pass(u, 4 * LA_SECOND);
    assert_int_equal(c->marks, MARK_ACK);
    assert_int_equal(u->env.counter[LA_C_DELAYED_ACKS], 1);
    assert_true(c->node.at == now + 10 * LA_SECOND);
}

static void a_stopped_timer_leaves_no_trace(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tcp_timer_set(c, LA_TIMER_DELACK, u->env.now + LA_SECOND);
    tcp_timer_stop(c, LA_TIMER_DELACK);
    tu_pass(u, 2 * LA_SECOND);
    assert_int_equal(c->marks, 0);
    assert_true(c->node.at == LA_NEVER && wheel_next(&u->wheel) == LA_NEVER);
    tcp_timer_set(c, LA_TIMER_DELACK, u->env.now + LA_SECOND);
    tcp_timer_stop_all(c);
    assert_true(wheel_next(&u->wheel) == LA_NEVER);
}

static void the_retransmission_timer_runs_while_something_is_unacknowledged(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tcp_timer_rexmit(c);
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] == LA_NEVER);
    tu_flight(c, 100);
    tcp_timer_rexmit(c);
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] == u->env.now + LA_SECOND);
    c->snd_una = c->snd_max;
    tcp_timer_rexmit(c);
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] == LA_NEVER);
}

/* 1 s, doubled up to 120 s; the fifteenth is the last repetition, and the end comes one interval later. */
static void data_is_repeated_fifteen_times(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    la_time begin = u->env.now, gap = LA_SECOND, sum = 0;
    tu_flight(c, 100);
    tcp_timer_rexmit(c);
    for (unsigned i = 1; i <= 15; i++) {
        sum += gap;
        assert_true(c->timer_at[LA_TIMER_RETRANSMIT] == begin + sum);
        tu_pass(u, gap);
        assert_int_equal(c->backoff, i);
        gap = gap * 2 < 120 * LA_SECOND ? gap * 2 : 120 * LA_SECOND;
    }
    assert_int_equal(u->env.counter[LA_C_RTOS], 15);
    assert_int_equal(c->state, LA_ESTABLISHED);
    tu_pass(u, gap);
    assert_int_equal(c->state, LA_CLOSED);
    assert_int_equal(c->error, LA_ETIMEDOUT);
}

static void every_kind_of_connection_has_its_number_of_attempts(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
    assert_int_equal(tcp_retries_max(c), 6);
    c->syn_retries = 2;
    assert_int_equal(tcp_retries_max(c), 2);
    c = tu_try(u, LA_FIN_WAIT_1, 1);
    assert_int_equal(tcp_retries_max(c), 15);
    c->is.orphan = 1;
    u->tcp.orphans = 1;
    assert_int_equal(tcp_retries_max(c), 8);
    u->tcp.params.orphan_retries = 3;
    assert_int_equal(tcp_retries_max(c), 3);
}

static void a_syn_is_sent_again_from_its_beginning(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
    tu_flight(c, 1);
    tcp_timer_rexmit(c);
    tu_pass(u, LA_SECOND);
    assert_true(seq_eq(c->snd_nxt, c->iss));
    assert_true(c->marks & MARK_SEND);
    assert_int_equal(c->eng.cc.cwnd, 0); /* No congestion control before there is a connection. */
}

static void what_icmp_said_last_is_the_error_of_a_timeout(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->soft_error = LA_EHOSTUNREACH;
    assert_int_equal(tcp_timed_out(c, LA_TIMER_RETRANSMIT), GONE);
    assert_int_equal(c->error, LA_EHOSTUNREACH);
}

/* RFC 5482: from the last progress of the peer on, not from the last repetition. */
static void the_user_timeout_counts_from_the_last_progress(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->user_timeout_ms = 5000;
    tu_flight(c, 100);
    c->unacked_since = tcp_clock_ms(&u->tcp);
    tcp_timer_rexmit(c);
    assert_true(c->timer_at[LA_TIMER_USER] == u->env.now + 5 * LA_SECOND);
    tu_pass(u, 4 * LA_SECOND);
    c->unacked_since = tcp_clock_ms(&u->tcp); /* An ACK came. */
    tu_pass(u, 4999 * LA_MS);
    assert_int_equal(c->state, LA_ESTABLISHED);
    tu_pass(u, LA_MS);
    assert_int_equal(c->state, LA_CLOSED);
    assert_int_equal(c->error, LA_ETIMEDOUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(an_earlier_deadline_moves_the_node_and_a_later_one_does_not),
        TU_TEST(a_stopped_timer_leaves_no_trace),
        TU_TEST(the_retransmission_timer_runs_while_something_is_unacknowledged),
        TU_TEST(data_is_repeated_fifteen_times),
        TU_TEST(every_kind_of_connection_has_its_number_of_attempts),
        TU_TEST(a_syn_is_sent_again_from_its_beginning),
        TU_TEST(what_icmp_said_last_is_the_error_of_a_timeout),
        TU_TEST(the_user_timeout_counts_from_the_last_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
