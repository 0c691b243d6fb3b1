/* tcp/cc_cubic.c against the formulas of RFC 9438, computed here in floating point, and against windows known from
 * Linux. */
#include "cc_rig.h"

#include <math.h>

/* In congestion avoidance after one loss at `cwnd`. */
static void begin(struct cc_rig *rig, uint32_t cwnd) {
    cc_rig_begin(rig, &cc_cubic);
    rig->cc.cwnd = cwnd;
    cc_rig_loss(rig);
}

static double seconds(const struct cc_rig *rig, la_time since) { return (double)(rig->now.at - since) / 1e9; }

static double w_cubic(double w_max, double cwnd_epoch, double t) {
    double k = w_max > cwnd_epoch ? cbrt((w_max - cwnd_epoch) / 0.4) : 0;
    return 0.4 * pow(t - k, 3) + (w_max > cwnd_epoch ? w_max : cwnd_epoch);
}

static void near(double is, double should, double part) {
    if (fabs(is - should) > part * should + 1.5) fail_msg("is %.1f, should be %.1f", is, should);
}

static void a_loss_leaves_seven_tenths_and_two_at_least(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, 10);
    assert_int_equal(rig.cc.ssthresh, 7);
    begin(&rig, 1000);
    assert_int_equal(rig.cc.ssthresh, 700);
    begin(&rig, 2);
    assert_int_equal(rig.cc.ssthresh, 2);
}

static void the_window_follows_the_curve(void **state) {
    (void)state;
    static const uint32_t windows[] = {200, 1000, 20000};
    for (unsigned i = 0; i < COUNT_OF(windows); i++) {
        struct cc_rig rig;
        begin(&rig, windows[i]);
        la_time epoch = rig.now.at;
        uint32_t cwnd = rig.cc.cwnd, rtt_us = 100000;
        double k = cbrt((windows[i] - cwnd) / 0.4);
        while (seconds(&rig, epoch) < 2 * k) {
            cc_rig_round(&rig, rtt_us, 1 + cwnd / 100);
            /* The window arrives where the curve stood a round trip ahead, one round trip later. */
            near(rig.cc.cwnd, w_cubic(windows[i], cwnd, seconds(&rig, epoch)), 0.03);
        }
    }
}

static void on_short_paths_it_grows_as_reno_would(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, 20);
    uint32_t rtt_us = 2000;
    double w_est = rig.cc.cwnd;
    for (unsigned i = 0; i < 150; i++) {
        cc_rig_round(&rig, rtt_us, 1);
        w_est += w_est < 20 ? 9.0 / 17 : 1; /* RFC 9438, 4.3. */
        if (i % 20 == 19) near(rig.cc.cwnd, w_est, 0.1);
    }
    assert_true(w_cubic(20, 14, 0.3) < 20); /* The curve alone would still be below. */
}

static void a_window_that_did_not_come_back_leaves_room(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, 1000);
    rig.cc.cwnd = 800;
    cc_rig_loss(&rig);
    assert_int_equal(rig.cc.cwnd, 560);
    la_time epoch = rig.now.at;
    double w_max = 800 * (1 + 0.7) / 2, k = cbrt((w_max - 560) / 0.4);
    while (seconds(&rig, epoch) < k) cc_rig_round(&rig, 100000, 8);
    near(rig.cc.cwnd, w_max, 0.02);
    while (seconds(&rig, epoch) < 1.5 * k) cc_rig_round(&rig, 100000, 8);
    near(rig.cc.cwnd, w_cubic(w_max, 560, seconds(&rig, epoch)), 0.03);
}

static void after_a_timeout_the_curve_begins_where_slow_start_ends(void **state) {
    (void)state;
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_cubic);
    rig.cc.cwnd = 1000;
    cc_rig_timeout(&rig);
    assert_int_equal(rig.cc.ssthresh, 700);
    while (rig.cc.cwnd < 700) cc_rig_round(&rig, 100000, 1);
    la_time epoch = rig.now.at;
    uint32_t cwnd = rig.cc.cwnd;
    while (seconds(&rig, epoch) < 1) cc_rig_round(&rig, 100000, 10);
    near(rig.cc.cwnd, cwnd * pow(1.05, 10), 0.02); /* W_max is not known: one in twenty. */
    rig.now.at += 20 * LA_SECOND;
    while (seconds(&rig, epoch) < 40) cc_rig_round(&rig, 100000, 10);
    assert_true(rig.cc.cwnd > w_cubic(0, cwnd, 15)); /* K is 0: steep at once. */
}

static void a_pause_is_no_time_on_the_curve(void **state) {
    (void)state;
    struct cc_rig rig, other;
    begin(&rig, 1000);
    for (unsigned i = 0; i < 50; i++) cc_rig_round(&rig, 100000, 10);
    other = rig;
    other.cc.state = other.state;
    rig.now.at += 600 * LA_SECOND;
    for (unsigned i = 0; i < 50; i++) {
        cc_rig_round(&rig, 100000, 10);
        cc_rig_round(&other, 100000, 10);
    }
    near(rig.cc.cwnd, other.cc.cwnd, 0.01);
}

static void undo_restores_window_and_curve(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, 1000);
    la_time epoch = rig.now.at;
    for (unsigned i = 0; i < 40; i++) cc_rig_round(&rig, 100000, 10);
    uint32_t before = rig.cc.cwnd;
    cc_rig_timeout(&rig);
    rig.cc.cwnd = cc_cubic.undo(&rig.cc, &rig.now);
    rig.cc.ssthresh = 700;
    assert_int_equal(rig.cc.cwnd, before);
    for (unsigned i = 0; i < 80; i++) cc_rig_round(&rig, 100000, 10);
    near(rig.cc.cwnd, w_cubic(1000, 700, seconds(&rig, epoch)), 0.03);
}

/* A timeout at ten segments, slow start to seven, then one ACK a segment with pauses of 98 ms between flights: the
 * sixteenth ACK adds the eighth segment, as Linux has it. */
static void after_a_timeout_at_ten_segments_it_grows_as_linux_does(void **state) {
    (void)state;
    static const uint32_t gap_ms[] = {0, 98, 2, 2, 2, 2, 2, 2, 98, 2, 2, 2, 2, 2, 2, 98};
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_cubic);
    rig.now.min_rtt_us = rig.now.srtt_us = 100000;
    cc_rig_timeout(&rig);
    cc_rig_ack(&rig, 1, 0);
    assert_int_equal(rig.cc.cwnd, 2);
    cc_rig_ack(&rig, 5, 100000);
    assert_int_equal(rig.cc.cwnd, 7);
    for (unsigned i = 0; i < COUNT_OF(gap_ms); i++) {
        assert_int_equal(rig.cc.cwnd, 7);
        cc_rig_wait(&rig, gap_ms[i] * 1000);
        cc_rig_ack(&rig, 1, 100000);
    }
    assert_int_equal(rig.cc.cwnd, 8);
}

/* Whatever a connection may tell it, nothing overflows: a sanitizer watches. */
static void no_value_is_too_large(void **state) {
    (void)state;
    static const uint32_t mss[] = {1, 536, 65535}, rtt_us[] = {1, 1000, 120000000}, cwnd[] = {1, 100, CC_CWND_MAX};
    for (unsigned i = 0; i < 3 * 3 * 3 * 3; i++) {
        struct cc_rig rig;
        cc_rig_begin(&rig, &cc_cubic);
        rig.now.mss = mss[i % 3];
        rig.now.hystart = (uint8_t)(i / 27);
        rig.cc.cwnd = cwnd[i / 9 % 3];
        for (unsigned j = 0; j < 400; j++) {
            uint32_t acks = j % 7 == 0 ? rig.cc.cwnd : 1;
            cc_rig_wait(&rig, j % 11 == 0 ? UINT32_MAX : rtt_us[i / 3 % 3]);
            cc_rig_fill(&rig);
            cc_rig_ack(&rig, acks, j % 5 == 0 ? 0 : rtt_us[i / 3 % 3]);
            if (j % 50 == 40) cc_rig_loss(&rig);
            if (j % 90 == 80) cc_rig_timeout(&rig);
            if (j % 130 == 99) rig.cc.cwnd = cc_cubic.undo(&rig.cc, &rig.now);
            assert_in_range(rig.cc.cwnd, 1, CC_CWND_MAX);
            assert_in_range(rig.cc.ssthresh, 2, CC_INFINITE);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loss_leaves_seven_tenths_and_two_at_least),
        cmocka_unit_test(the_window_follows_the_curve),
        cmocka_unit_test(on_short_paths_it_grows_as_reno_would),
        cmocka_unit_test(a_window_that_did_not_come_back_leaves_room),
        cmocka_unit_test(after_a_timeout_the_curve_begins_where_slow_start_ends),
        cmocka_unit_test(a_pause_is_no_time_on_the_curve),
        cmocka_unit_test(undo_restores_window_and_curve),
        cmocka_unit_test(after_a_timeout_at_ten_segments_it_grows_as_linux_does),
        cmocka_unit_test(no_value_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
