/* tcp/rtt.c: RFC 6298 by hand. alpha 1/8, beta 1/4, G 1 ms. */
#include "tcp_unit.h"

static void the_first_sample_gives_r_and_half_of_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_true(tcp_rto(c) == LA_SECOND); /* 2.1 */
    tcp_rtt_sample(c, 400 * LA_MS);
    assert_int_equal(c->srtt_us, 400000);
    assert_int_equal(c->rttvar_us, 200000);
    assert_true(tcp_rto(c) == 1200 * LA_MS); /* 400 + 4 * 200 */
}

static void later_samples_are_weighed(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tcp_rtt_sample(c, 400 * LA_MS);
    tcp_rtt_sample(c, 240 * LA_MS);
    assert_int_equal(c->rttvar_us, 190000); /* 3/4 * 200 + 1/4 * |400 - 240|, before SRTT moves */
    assert_int_equal(c->srtt_us, 380000);   /* 7/8 * 400 + 1/8 * 240 */
    assert_true(tcp_rto(c) == 1140 * LA_MS);
    tcp_rtt_sample(c, 780 * LA_MS);
    assert_int_equal(c->rttvar_us, 242500); /* 142.5 + 100 */
    assert_int_equal(c->srtt_us, 430000);   /* 332.5 + 97.5 */
    assert_true(tcp_rto(c) == 1400 * LA_MS);
}

static void the_timeout_has_a_floor_and_a_ceiling(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tcp_rtt_sample(c, 0);
    assert_int_equal(c->srtt_us, 1); /* 0 would mean "no sample". */
    assert_true(tcp_rto(c) == 200 * LA_MS);
    for (int i = 0; i < 60; i++) tcp_rtt_sample(c, 1);
    assert_int_equal(c->srtt_us, 1);
    tcp_rtt_sample(c, 3600 * LA_SECOND);
    assert_true(tcp_rto(c) == 120 * LA_SECOND);
    tcp_rtt_sample(c, LA_NEVER - 1);
    assert_true(tcp_rto(c) == 120 * LA_SECOND);
    u->tcp.params.rto_min = LA_SECOND; /* RFC 6298, 2.4. */
    tcp_rtt_init(c);
    tcp_rtt_sample(c, 10 * LA_MS);
    assert_true(tcp_rto(c) == LA_SECOND);
}

static void a_steady_path_keeps_the_granularity(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    for (int i = 0; i < 100; i++) tcp_rtt_sample(c, 500 * LA_MS);
    assert_int_equal(c->srtt_us, 500000);
    assert_int_equal(c->rttvar_us, 0);
    assert_true(tcp_rto(c) == 501 * LA_MS); /* max(G, 4 * RTTVAR) */
}

static void every_timeout_doubles_it_up_to_the_bound(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    static const unsigned seconds[] = {1, 2, 4, 8, 16, 32, 64, 120, 120};
    for (uint8_t i = 0; i < COUNT_OF(seconds); i++) {
        c->backoff = i;
        assert_true(tcp_rto(c) == seconds[i] * LA_SECOND);
    }
    c->backoff = UINT8_MAX;
    assert_true(tcp_rto(c) == 120 * LA_SECOND);
}

/* Karn's second rule: the doubled timeout stays until something is measured (RFC 6298, 5.7 in the words of 3). */
static void the_backoff_stays_until_a_sample(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tcp_rtt_sample(c, 400 * LA_MS);
    c->backoff = 3;
    tcp_rtt_keep_backoff(c);
    assert_int_equal(c->backoff, 0);
    assert_true(tcp_rto(c) == 9600 * LA_MS);
    tcp_rtt_sample(c, 400 * LA_MS);
    assert_true(tcp_rto(c) == 1000 * LA_MS); /* 400 + 4 * 150 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_first_sample_gives_r_and_half_of_it),  TU_TEST(later_samples_are_weighed),
        TU_TEST(the_timeout_has_a_floor_and_a_ceiling),    TU_TEST(a_steady_path_keeps_the_granularity),
        TU_TEST(every_timeout_doubles_it_up_to_the_bound), TU_TEST(the_backoff_stays_until_a_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
