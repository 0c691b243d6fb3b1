/* tcp/state.c: the legal moves of RFC 9293, 3.3.2, written down once more and compared pair by pair; what one move
 * does. */
#include "tcp_unit.h"

#define S(state) LA_##state

static const struct {
    uint8_t from, to;
} legal[] = {
    {S(CLOSED), S(LISTEN)},          {S(CLOSED), S(SYN_SENT)},      {S(LISTEN), S(SYN_RCVD)},
    {S(LISTEN), S(CLOSED)},          {S(SYN_SENT), S(ESTABLISHED)}, {S(SYN_SENT), S(SYN_RCVD)},
    {S(SYN_SENT), S(CLOSED)},        {S(SYN_RCVD), S(ESTABLISHED)}, {S(SYN_RCVD), S(FIN_WAIT_1)},
    {S(SYN_RCVD), S(LISTEN)},        {S(SYN_RCVD), S(CLOSED)},      {S(ESTABLISHED), S(FIN_WAIT_1)},
    {S(ESTABLISHED), S(CLOSE_WAIT)}, {S(ESTABLISHED), S(CLOSED)},   {S(FIN_WAIT_1), S(FIN_WAIT_2)},
    {S(FIN_WAIT_1), S(CLOSING)},     {S(FIN_WAIT_1), S(TIME_WAIT)}, {S(FIN_WAIT_1), S(CLOSED)},
    {S(FIN_WAIT_2), S(TIME_WAIT)},   {S(FIN_WAIT_2), S(CLOSED)},    {S(CLOSE_WAIT), S(LAST_ACK)},
    {S(CLOSE_WAIT), S(CLOSED)},      {S(CLOSING), S(TIME_WAIT)},    {S(CLOSING), S(CLOSED)},
    {S(LAST_ACK), S(CLOSED)},        {S(TIME_WAIT), S(CLOSED)},
};

static bool listed(unsigned from, unsigned to) {
    for (unsigned i = 0; i < COUNT_OF(legal); i++)
        if (legal[i].from == from && legal[i].to == to) return true;
    return false;
}

static void the_moves_are_those_of_the_rfc_and_no_others(void **state) {
    (void)state;
    for (unsigned from = 0; from < LA_NSTATES; from++) {
        for (unsigned to = 0; to < LA_NSTATES; to++) {
            if (la_move_legal((enum la_state)from, (enum la_state)to) != listed(from, to))
                fail_msg("%s to %s", la_state_name((enum la_state)from), la_state_name((enum la_state)to));
            assert_int_equal(la_move_why((enum la_state)from, (enum la_state)to) != NULL, listed(from, to));
        }
    }
    assert_false(la_move_legal(LA_NSTATES, LA_CLOSED));
    assert_false(la_move_legal(LA_CLOSED, LA_NSTATES));
    assert_int_equal(la_state_timers(LA_NSTATES), 0);
}

/* What must be acknowledged is repeated; what has nothing to send does not run a retransmission timer. */
static void every_state_runs_the_timers_of_what_it_waits_for(void **state) {
    (void)state;
    for (unsigned s = 0; s < LA_NSTATES; s++) {
        unsigned timers = la_state_timers((enum la_state)s);
        bool sends = s != LA_CLOSED && s != LA_LISTEN && s != LA_FIN_WAIT_2 && s != LA_TIME_WAIT;
        bool hears = s == LA_ESTABLISHED || s == LA_FIN_WAIT_1 || s == LA_FIN_WAIT_2 || s == LA_CLOSE_WAIT;
        bool data = sends && s != LA_SYN_SENT && s != LA_SYN_RCVD;
        assert_int_equal(timers >> LA_TIMER_RETRANSMIT & 1, sends);
        assert_int_equal(timers >> LA_TIMER_USER & 1, sends);
        assert_int_equal(timers >> LA_TIMER_PERSIST & 1, data);
        assert_int_equal(timers >> LA_TIMER_KEEPALIVE & 1, hears);
        assert_int_equal(timers >> LA_TIMER_FIN_WAIT_2 & 1, s == LA_FIN_WAIT_2);
        assert_int_equal(timers >> LA_TIMER_TIME_WAIT & 1, s == LA_TIME_WAIT);
    }
}

static void a_move_is_counted_remembered_and_stops_foreign_timers(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_FIN_WAIT_1);
    c->is.keepalive = 1;
    tcp_keepalive_start(c);
    tcp_timer_set(c, LA_TIMER_LINGER, u->env.now + LA_SECOND);
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] != LA_NEVER);
    u->env.now += LA_MS;
    c->snd_una = c->snd_max;
    tcp_set_state(c, LA_FIN_WAIT_2, LA_CAUSE_SEGMENT, TCP_ACK);
    assert_int_equal(u->tcp.count[LA_FIN_WAIT_1], 0);
    assert_int_equal(u->tcp.count[LA_FIN_WAIT_2], 1);
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] == LA_NEVER);
    assert_true(c->timer_at[LA_TIMER_LINGER] == LA_NEVER);
    assert_true(c->timer_at[LA_TIMER_KEEPALIVE] != LA_NEVER);
    const struct tcp_move *m = &c->history[(c->moves - 1) % LA_HISTORY];
    assert_true(((la_time)m->at[0] << 32 | m->at[1]) == u->env.now);
    assert_int_equal(m->from, LA_FIN_WAIT_1);
    assert_int_equal(m->to, LA_FIN_WAIT_2);
    assert_int_equal(m->cause, LA_CAUSE_SEGMENT);
    assert_int_equal(m->what, TCP_ACK);
    assert_int_equal(tu_event(u, c), 0);
}

static void an_owner_hears_of_the_beginning_and_the_end(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
    c->snd_una = c->snd_nxt = c->snd_max = c->snd_end;
    tcp_set_state(c, LA_ESTABLISHED, LA_CAUSE_SEGMENT, TCP_SYN | TCP_ACK);
    assert_int_equal(tu_event(u, c), LA_EV_CONNECTED | LA_EV_WRITABLE);
    assert_int_equal(u->env.counter[LA_C_ESTABLISHED], 1);
    tcp_end(c, LA_ETIMEDOUT, LA_CAUSE_TIMER, LA_TIMER_RETRANSMIT);
    assert_true(tu_event(u, c) & LA_EV_CLOSED);
    assert_int_equal(u->env.counter[LA_C_TIMEOUTS], 1);
    assert_int_equal(u->env.counter[LA_C_CONNECT_FAILS], 0);
    assert_int_equal(c->error, LA_ETIMEDOUT);
}

static void the_history_is_a_ring_of_the_latest(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    for (unsigned i = 0; i < LA_HISTORY + 2; i++) {
        struct la_move m = {(la_time)i << 33, LA_LISTEN, LA_CLOSED, LA_CAUSE_CALL, (uint8_t)i};
        tcp_state_inherit(c, &m);
    }
    struct la_conn_info info;
    assert_int_equal(tcp_info(&u->tcp, c->event.sock, &info), 0);
    assert_int_equal(info.moves, LA_HISTORY + 2);
    assert_int_equal(info.nhistory, LA_HISTORY);
    for (unsigned i = 0; i < LA_HISTORY; i++) {
        assert_int_equal(info.history[i].what, i + 2);
        assert_true(info.history[i].at == (la_time)(i + 2) << 33);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_moves_are_those_of_the_rfc_and_no_others),
        cmocka_unit_test(every_state_runs_the_timers_of_what_it_waits_for),
        TU_TEST(a_move_is_counted_remembered_and_stops_foreign_timers),
        TU_TEST(an_owner_hears_of_the_beginning_and_the_end),
        TU_TEST(the_history_is_a_ring_of_the_latest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
