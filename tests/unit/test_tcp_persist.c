/* tcp/persist.c: window probes at growing intervals, for as long as the peer answers (RFC 9293, 3.8.6.1; RFC 6429). */
#include "tcp_unit.h"

static struct tcp_conn *blocked(struct tcp_unit *u) {
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tcp_rtt_sample(c, 100 * LA_MS); /* RTO 300 ms */
    c->snd_wnd = 0;
    c->snd_end = seq_add(c->snd_end, 1000);
    return c;
}

static void probes_go_out_at_doubled_intervals(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = blocked(u);
    la_time at = u->env.now, gap = 300 * LA_MS;
    tcp_persist_start(c);
    for (unsigned i = 0; i < 12; i++) {
        at += gap;
        assert_true(c->timer_at[LA_TIMER_PERSIST] == at);
        tu_pass(u, gap);
        assert_true(c->marks & MARK_PROBE);
        c->probes = 0; /* The peer answers. */
        gap = gap * 2 < 120 * LA_SECOND ? gap * 2 : 120 * LA_SECOND;
    }
    assert_int_equal(u->env.counter[LA_C_ZERO_WINDOW_PROBES], 12);
    assert_true(gap == 120 * LA_SECOND);
}

static void it_takes_over_from_the_retransmission_timer_and_starts_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = blocked(u);
    c->backoff = 5;
    tcp_timer_set(c, LA_TIMER_RETRANSMIT, u->env.now + LA_SECOND);
    tcp_persist_start(c);
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] == LA_NEVER);
    assert_int_equal(c->backoff, 0);
    la_time at = c->timer_at[LA_TIMER_PERSIST];
    u->env.now += LA_MS;
    tcp_persist_start(c);
    assert_true(c->timer_at[LA_TIMER_PERSIST] == at);
}

static void the_first_probe_waits_a_fifth_of_a_second_at_least(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = blocked(u);
    c->rto_us = 1000;
    tcp_persist_start(c);
    assert_true(c->timer_at[LA_TIMER_PERSIST] == u->env.now + 200 * LA_MS);
}

static void what_is_held_back_in_an_open_window_is_no_probe(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tcp_rtt_sample(c, 100 * LA_MS);
    tu_give(c, 100);
    c->is.cork = c->is.more = c->is.more_waits = 1;
    tcp_persist_start(c);
    assert_true(c->timer_at[LA_TIMER_PERSIST] == u->env.now + 200 * LA_MS); /* Not the RTO of 300 ms. */
    tu_pass(u, 200 * LA_MS);
    assert_true(c->marks & MARK_PROBE);
    assert_int_equal(c->probes, 0);
    assert_int_equal(u->env.counter[LA_C_ZERO_WINDOW_PROBES], 0);
    assert_false(c->is.more_waits);
    assert_int_equal(tu_skip(u), 1);
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] != LA_NEVER);
}

static void unanswered_probes_end_the_connection(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = blocked(u);
    u->tcp.params.retries2 = 3;
    tcp_persist_start(c);
    tu_pass(u, (300 + 600 + 1200) * LA_MS);
    assert_int_equal(c->probes, 3);
    assert_int_equal(c->state, LA_ESTABLISHED);
    tu_pass(u, 2400 * LA_MS);
    assert_int_equal(c->state, LA_CLOSED);
    assert_int_equal(c->error, LA_ETIMEDOUT);
}

/* RFC 6429, 3: answered probes keep a connection; but nobody waits for an orphan's. */
static void an_orphan_ends_even_when_its_probes_are_answered(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = blocked(u);
    u->tcp.params.orphan_retries = 3;
    c->is.fin_queued = 1;
    tcp_set_state(c, LA_FIN_WAIT_1, LA_CAUSE_CALL, LA_CALL_CLOSE);
    tcp_orphan(c);
    tcp_persist_start(c);
    for (unsigned i = 0; i < 3; i++) {
        tu_pass(u, (la_time)(300 << i) * LA_MS);
        c->probes = 0;
    }
    assert_int_equal(u->tcp.orphans, 1);
    tu_pass(u, 2400 * LA_MS);
    assert_int_equal(u->tcp.orphans, 0);
    assert_int_equal(u->tcp.conns.live, 0);
}

static void with_nothing_left_to_say_it_is_silent(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(tcp_persist_fire(c), GO_ON);
    assert_int_equal(c->marks, 0);
    assert_true(c->timer_at[LA_TIMER_PERSIST] == LA_NEVER);
    c->is.fin_queued = 1; /* A FIN alone is something. */
    assert_int_equal(tcp_persist_fire(c), GO_ON);
    assert_true(c->marks & MARK_PROBE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(probes_go_out_at_doubled_intervals),
        TU_TEST(it_takes_over_from_the_retransmission_timer_and_starts_once),
        TU_TEST(the_first_probe_waits_a_fifth_of_a_second_at_least),
        TU_TEST(what_is_held_back_in_an_open_window_is_no_probe),
        TU_TEST(unanswered_probes_end_the_connection),
        TU_TEST(an_orphan_ends_even_when_its_probes_are_answered),
        TU_TEST(with_nothing_left_to_say_it_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
