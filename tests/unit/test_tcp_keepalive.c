/* tcp/keepalive.c: when a silent peer is asked, how often, and what ends the asking (RFC 9293, 3.8.4). */
#include "tcp_unit.h"

static struct tcp_conn *kept(struct tcp_unit *u, enum la_state s) {
    struct tcp_conn *c = tu_conn(u, s);
    c->is.keepalive = 1;
    c->keepidle_s = 10;
    c->keepintvl_s = 3;
    c->keepcnt = 2;
    c->heard_at = tcp_clock_ms(&u->tcp);
    tcp_keepalive_start(c);
    return c;
}

static la_time *at(struct tcp_conn *c) { return &c->timer_at[LA_TIMER_KEEPALIVE]; }

static void it_is_off_unless_asked_for(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_true(*at(c) == LA_NEVER);
    c->is.keepalive = 1;
    c->heard_at = tcp_clock_ms(&u->tcp);
    tcp_keepalive_start(c);
    assert_true(*at(c) == u->env.now + 7200 * LA_SECOND); /* RFC 9293: two hours at least. */
    c->is.keepalive = 0;
    tcp_keepalive_start(c);
    assert_true(*at(c) == LA_NEVER);
}

static void the_silence_so_far_counts(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = kept(u, LA_ESTABLISHED);
    u->env.now += 4 * LA_SECOND;
    tcp_keepalive_start(c);
    assert_true(*at(c) == u->env.now + 6 * LA_SECOND);
    u->env.now += 60 * LA_SECOND;
    tcp_keepalive_start(c);
    assert_true(*at(c) == u->env.now);
}

static void two_probes_then_the_end(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = kept(u, LA_ESTABLISHED);
    struct tcp_seg s;
    tu_pass(u, 10 * LA_SECOND);
    assert_int_equal(c->probes, 1);
    assert_true(tu_out(u, &s)); /* RFC 9293, 3.8.4: SEG.SEQ = SND.NXT - 1, no data. */
    assert_int_equal(s.seq.n, TU_SND(0).n);
    assert_int_equal(s.flags, TCP_ACK);
    tu_pass(u, 3 * LA_SECOND);
    assert_int_equal(c->probes, 2);
    assert_int_equal(tu_skip(u), 1);
    tu_pass(u, 3 * LA_SECOND);
    assert_int_equal(c->state, LA_CLOSED);
    assert_int_equal(c->error, LA_ETIMEDOUT);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.flags, TCP_RST | TCP_ACK);
    assert_int_equal(u->env.counter[LA_C_KEEPALIVE_PROBES], 2);
}

static void an_answer_begins_the_idle_time_anew(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = kept(u, LA_CLOSE_WAIT); /* C13: a living peer keeps CLOSE_WAIT. */
    for (unsigned i = 0; i < 20; i++) {
        tu_pass(u, 10 * LA_SECOND);
        assert_int_equal(c->probes, 1);
        c->heard_at = tcp_clock_ms(&u->tcp);
        tcp_keepalive_heard(c);
        tu_pass(u, 3 * LA_SECOND); /* The next probe would be due; instead the rest of the idle time is waited for. */
        assert_int_equal(c->probes, 0);
        assert_true(*at(c) == u->env.now + 7 * LA_SECOND);
        tu_skip(u);
        c->heard_at = tcp_clock_ms(&u->tcp);
        tcp_keepalive_start(c);
    }
    assert_int_equal(c->state, LA_CLOSE_WAIT);
}

static void while_data_waits_its_timers_decide(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = kept(u, LA_ESTABLISHED);
    c->snd_end = seq_add(c->snd_end, 10);
    u->env.now += 10 * LA_SECOND;
    assert_int_equal(tcp_keepalive_fire(c), GO_ON);
    assert_int_equal(c->probes, 0);
    assert_int_equal(c->marks, 0);
    assert_true(*at(c) == u->env.now + 10 * LA_SECOND);
}

static void states_that_run_no_keepalive_start_none(void **state) {
    struct tcp_unit *u = *state;
    assert_true(*at(kept(u, LA_LAST_ACK)) == LA_NEVER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(it_is_off_unless_asked_for),
        TU_TEST(the_silence_so_far_counts),
        TU_TEST(two_probes_then_the_end),
        TU_TEST(an_answer_begins_the_idle_time_anew),
        TU_TEST(while_data_waits_its_timers_decide),
        TU_TEST(states_that_run_no_keepalive_start_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
