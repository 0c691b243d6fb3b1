/* tcp/chrono.c: what a sender's time goes to. */
#include "tcp_unit.h"

static uint64_t ms(const struct tcp_conn *c, enum tcp_limit limit) { return tcp_chrono_spent(c, limit) / LA_MS; }

static void busy_runs_while_something_is_unacknowledged(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tcp_chrono(c);
    u->env.now += 10 * LA_MS;
    assert_int_equal(ms(c, LIMIT_BUSY), 0);
    tu_give(c, 100);
    tcp_chrono(c);
    u->env.now += 5 * LA_MS;
    assert_int_equal(ms(c, LIMIT_BUSY), 5); /* The running part counts. */
    c->snd_una = c->snd_nxt = c->snd_max = c->snd_end;
    tcp_chrono(c);
    u->env.now += 5 * LA_MS;
    assert_int_equal(ms(c, LIMIT_BUSY), 5);
}

static void the_peers_window_counts_where_the_congestion_window_is_open(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->snd_wnd = 0;
    tu_give(c, 100);
    tcp_chrono(c);
    u->env.now += 7 * LA_MS;
    assert_int_equal(ms(c, LIMIT_RWND), 7);
    c->snd_wnd = 65535;
    tcp_chrono(c);
    u->env.now += 2 * LA_MS;
    assert_int_equal(ms(c, LIMIT_RWND), 7);
    assert_int_equal(ms(c, LIMIT_BUSY), 2);
}

static void the_send_buffer_counts_when_all_is_sent_and_a_write_waits(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_flight(c, 1000);
    tcp_chrono(c);
    u->env.now += LA_MS;
    tcp_room_taken(c, false);
    u->env.now += 3 * LA_MS;
    assert_int_equal(ms(c, LIMIT_SNDBUF), 3);
    assert_int_equal(ms(c, LIMIT_BUSY), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(busy_runs_while_something_is_unacknowledged),
        TU_TEST(the_peers_window_counts_where_the_congestion_window_is_open),
        TU_TEST(the_send_buffer_counts_when_all_is_sent_and_a_write_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
