/* tcp/rtt.c: RFC 6298 by hand (alpha 1/8, beta 1/4, G 1 ms), what Linux makes of it, and the least round trip. */
#include "tcp_unit.h"

static struct tcp_conn *by_rfc(struct tcp_unit *u) {
    u->tcp.params.rto_rule = RTO_RFC;
    return tu_conn(u, LA_ESTABLISHED);
}

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
    struct tcp_conn *c = by_rfc(u);
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
    struct tcp_conn *c = by_rfc(u);
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
    struct tcp_conn *c = by_rfc(u);
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
    struct tcp_conn *c = by_rfc(u);
    tcp_rtt_sample(c, 400 * LA_MS);
    c->backoff = 3;
    tcp_rtt_keep_backoff(c);
    assert_int_equal(c->backoff, 0);
    assert_true(tcp_rto(c) == 9600 * LA_MS);
    tcp_rtt_sample(c, 400 * LA_MS);
    assert_true(tcp_rto(c) == 1000 * LA_MS); /* 400 + 4 * 150 */
}

/* Linux: the timeout is a round trip and rto_min at least, however steady the path. */
static void linux_keeps_rto_min_above_the_round_trip(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    for (int i = 0; i < 100; i++) {
        tcp_rtt_sample(c, 500 * LA_MS);
        c->snd_una = c->snd_nxt = seq_add(c->snd_nxt, 1000); /* A round trip each. */
    }
    assert_int_equal(c->srtt_us, 500000);
    assert_in_range(tcp_rto(c), 700 * LA_MS, 701 * LA_MS);
}

/* Linux: the variance grows at once and falls once per round trip, to the largest one seen in it. */
static void linux_variance_falls_once_per_round_trip(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tcp_rtt_sample(c, 400 * LA_MS);
    assert_int_equal(c->rttvar_us, 200000);
    c->snd_nxt = seq_add(c->snd_nxt, 1000);
    for (int i = 0; i < 10; i++) tcp_rtt_sample(c, 400 * LA_MS); /* Within one round trip: it stays. */
    assert_int_equal(c->rttvar_us, 200000);
    c->snd_una = c->snd_nxt;
    tcp_rtt_sample(c, 400 * LA_MS);
    uint32_t first = c->rttvar_us;
    assert_true(first <= 200000);
    c->snd_una = c->snd_nxt = seq_add(c->snd_nxt, 1000);
    tcp_rtt_sample(c, 400 * LA_MS);
    assert_true(c->rttvar_us < first && c->rttvar_us >= first * 3 / 4);
    tcp_rtt_sample(c, 4000 * LA_MS);
    assert_true(c->rttvar_us > 800000); /* Upwards at once. */
}

/* A round trip that shrinks suddenly must not look like trouble: the difference counts an eighth of what it would. */
static void linux_shorter_round_trips_hardly_widen_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED), *rfc = tu_try(u, LA_ESTABLISHED, 1);
    for (int i = 0; i < 20; i++) tcp_rtt_sample(c, 1000 * LA_MS), tcp_rtt_sample(rfc, 1000 * LA_MS);
    uint32_t before = c->mdev_us;
    tcp_rtt_sample(c, 200 * LA_MS);
    assert_int_equal(c->mdev_us, before + (800000 - before) / 32);
    u->tcp.params.rto_rule = RTO_RFC;
    before = rfc->rttvar_us;
    tcp_rtt_sample(rfc, 200 * LA_MS);
    assert_int_equal(rfc->rttvar_us, (uint32_t)((3ull * before + 800000) / 4));
}

static void the_least_round_trip_is_of_the_last_minutes(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(tcp_min_rtt(c), 0);
    tcp_rtt_note_min(c, 30000);
    tcp_rtt_note_min(c, 50000);
    assert_int_equal(tcp_min_rtt(c), 30000);
    u->env.now += 200 * LA_SECOND; /* The next period: the one before still counts. */
    tcp_rtt_note_min(c, 50000);
    assert_int_equal(tcp_min_rtt(c), 30000);
    u->env.now += 200 * LA_SECOND;
    tcp_rtt_note_min(c, 60000);
    assert_int_equal(tcp_min_rtt(c), 50000);
    u->env.now += 1000 * LA_SECOND; /* A long silence: nothing of before counts. */
    tcp_rtt_note_min(c, 90000);
    assert_int_equal(tcp_min_rtt(c), 90000);
    tcp_rtt_note_min(c, 0);
    assert_int_equal(tcp_min_rtt(c), 1); /* 0 would mean "none". */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_first_sample_gives_r_and_half_of_it),   TU_TEST(later_samples_are_weighed),
        TU_TEST(the_timeout_has_a_floor_and_a_ceiling),     TU_TEST(a_steady_path_keeps_the_granularity),
        TU_TEST(every_timeout_doubles_it_up_to_the_bound),  TU_TEST(the_backoff_stays_until_a_sample),
        TU_TEST(linux_keeps_rto_min_above_the_round_trip),  TU_TEST(linux_variance_falls_once_per_round_trip),
        TU_TEST(linux_shorter_round_trips_hardly_widen_it), TU_TEST(the_least_round_trip_is_of_the_last_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
