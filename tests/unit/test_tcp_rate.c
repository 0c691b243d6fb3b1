/* tcp/rate.c: delivery rate samples (draft-ietf-ccwg-bbr, 4.1) and who is to blame for a low one. */
#include "support/engine_unit.h"

/* Ten segments a round trip: ten per 100 ms. */
static void a_full_window_per_round_trip_is_the_rate(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_give(c, 100);
    for (uint32_t at = 0; at < 40; at += 10) {
        c->eng.cc.cwnd = 10;
        tu_skip(u);
        u->env.now += EN_RTT;
        ACKS(at + 10);
    }
    assert_int_equal(c->eng.rate_delivered, 10);
    assert_int_equal(c->eng.rate_interval_us, 100000);
    assert_false(c->eng.rate_app_limited);
}

/* The longer of the two intervals counts: ACKs that come in a bunch do not make the path faster. */
static void compressed_acks_do_not_raise_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_give(c, 100);
    c->eng.cc.cwnd = 1;
    for (uint32_t i = 0; i < 10; i++) {
        c->eng.cc.cwnd = i + 1;
        tcp_mark(c, MARK_SEND);
        assert_int_equal(tu_skip(u), 1);
        u->env.now += 20 * LA_MS;
    }
    ACKS(1);
    for (uint32_t k = 2; k <= 10; k++) ACKS(k);
    /* Nine delivered since the second was sent, in the 180 ms that sending them took. */
    uint64_t per_second = (uint64_t)c->eng.rate_delivered * 1000000 / c->eng.rate_interval_us;
    assert_in_range(per_second, 10, 60);
}

static void a_sample_shorter_than_the_path_is_none(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 4);
    u->env.now += 10 * LA_MS; /* Less than the least round trip: of another path, or a lie. */
    ACKS(4);
    tcp_check(c);
    assert_true(c->eng.rate_interval_us == 0 || c->eng.rate_interval_us >= 10000);
}

/* What an application that sends little gets delivered is a lower bound, and never replaces a higher rate. */
static void a_slow_application_does_not_lower_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_give(c, 20);
    tu_skip(u);
    u->env.now += EN_RTT;
    ACKS(10);
    tu_skip(u);
    u->env.now += EN_RTT;
    ACKS(20);
    uint32_t delivered = c->eng.rate_delivered, interval = c->eng.rate_interval_us;
    assert_true(delivered >= 10);
    for (uint32_t at = 20; at < 30; at++) {
        en_send(u, c, 1);
        assert_true(c->eng.limited_until != 0);
        u->env.now += EN_RTT;
        ACKS(at + 1);
    }
    assert_int_equal(c->eng.rate_delivered, delivered);
    assert_int_equal(c->eng.rate_interval_us, interval);
    en_give(c, 60); /* The application is back: once its mark has passed, samples count again. */
    for (uint32_t at = 30; at < 60; at += 10) {
        c->eng.cc.cwnd = 10;
        tu_skip(u);
        u->env.now += 2 * EN_RTT;
        ACKS(at + 10);
    }
    assert_false(c->eng.rate_app_limited);
    assert_true(c->eng.rate_interval_us > interval);
}

/* Every delivery counts once, by SACK or by ACK, and a repetition is another transmission. */
static void each_delivery_counts_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    uint32_t before = c->eng.delivered;
    en_send(u, c, 6);
    u->env.now += EN_RTT;
    SACKS(0, 1, 4);
    assert_int_equal(c->eng.delivered, before + 3);
    SACKS(0, 1, 4);
    assert_int_equal(c->eng.delivered, before + 3);
    tu_skip(u);
    u->env.now += EN_RTT;
    ACKS(6);
    assert_int_equal(c->eng.delivered, before + 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(a_full_window_per_round_trip_is_the_rate),
        TU_TEST(compressed_acks_do_not_raise_it),
        TU_TEST(a_sample_shorter_than_the_path_is_none),
        TU_TEST(a_slow_application_does_not_lower_it),
        TU_TEST(each_delivery_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
