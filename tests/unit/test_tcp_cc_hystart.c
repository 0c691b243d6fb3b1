/* tcp/cc_hystart.c, through cubic's slow start: rounds by hand (RFC 9406, 4.2 and 4.3). */
#include "cc_rig.h"

/* Slow start doubles; at 8 samples a round, each stands for an eighth of the window. */
static void eight_acks(struct cc_rig *rig, uint32_t rtt_us) { cc_rig_round(rig, rtt_us, (rig->cc.cwnd + 7) / 8); }

static void begin(struct cc_rig *rig, uint8_t rule) {
    cc_rig_begin(rig, &cc_cubic);
    rig->now.hystart = rule;
    rig->cc.cwnd = 16;
}

static void while_the_round_trip_stays_the_window_doubles(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, CC_HYSTART_PLUS);
    for (unsigned i = 0; i < 8; i++) eight_acks(&rig, 50000);
    assert_int_equal(rig.cc.cwnd, 16 << 8);
    assert_int_equal(rig.cc.ssthresh, CC_INFINITE);
}

static void a_longer_round_trip_quarters_growth_and_five_rounds_of_it_end_slow_start(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, CC_HYSTART_PLUS);
    eight_acks(&rig, 50000);
    eight_acks(&rig, 50000);
    assert_int_equal(rig.cc.cwnd, 64);
    /* An eighth of 50 ms is the threshold; the eighth sample of the round finds it reached. */
    eight_acks(&rig, 56250);
    assert_int_equal(rig.cc.cwnd, 64 + 56 + 2);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t before = rig.cc.cwnd;
        eight_acks(&rig, 56250);
        assert_in_range(rig.cc.cwnd, before + before / 4 - 1, before + before / 4 + 1);
        assert_int_equal(rig.cc.ssthresh, CC_INFINITE);
    }
    uint32_t end = rig.cc.cwnd;
    eight_acks(&rig, 56250);
    assert_in_range(rig.cc.ssthresh, end, end + end / 32 + 1);
}

static void a_round_trip_just_short_of_the_threshold_ends_nothing(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, CC_HYSTART_PLUS);
    eight_acks(&rig, 50000);
    for (unsigned i = 0; i < 3; i++) eight_acks(&rig, 50000 + 6249);
    assert_int_equal(rig.cc.cwnd, 16 << 4);
}

static void the_threshold_lies_between_4_and_16_ms(void **state) {
    (void)state;
    static const struct {
        uint32_t before, after, cwnd;
    } cases[] = {
        {1000, 4999, 64},
        {1000, 5000, 32 + 28 + 1},
        {300000, 315999, 64},
        {300000, 316000, 32 + 28 + 1},
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct cc_rig rig;
        begin(&rig, CC_HYSTART_PLUS);
        eight_acks(&rig, cases[i].before);
        eight_acks(&rig, cases[i].after);
        assert_int_equal(rig.cc.cwnd, cases[i].cwnd);
    }
}

static void when_the_delay_goes_slow_start_resumes(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, CC_HYSTART_PLUS);
    eight_acks(&rig, 50000);
    eight_acks(&rig, 80000);
    assert_int_equal(rig.cc.cwnd, 61);
    eight_acks(&rig, 79999); /* Below the baseline at its eighth sample. */
    uint32_t before = rig.cc.cwnd;
    assert_in_range(before, 61 + 61 / 4, 61 + 61 / 4 + 7);
    eight_acks(&rig, 79999);
    assert_int_equal(rig.cc.cwnd, 2 * before);
    assert_int_equal(rig.cc.ssthresh, CC_INFINITE);
}

static void fewer_than_eight_samples_prove_nothing(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, CC_HYSTART_PLUS);
    for (uint32_t i = 0; i < 5; i++) cc_rig_round(&rig, 50000 * (i + 1), (rig.cc.cwnd + 6) / 7);
    assert_int_equal(rig.cc.cwnd, 16 << 5);
}

static void only_the_first_slow_start_is_watched(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, CC_HYSTART_PLUS);
    eight_acks(&rig, 50000);
    rig.cc.ssthresh = 10000;
    for (uint32_t i = 0; i < 4; i++) eight_acks(&rig, 90000 * (i + 1));
    assert_int_equal(rig.cc.cwnd, 32 << 4);
}

static void off_means_off(void **state) {
    (void)state;
    struct cc_rig rig;
    begin(&rig, CC_HYSTART_OFF);
    for (uint32_t i = 0; i < 6; i++) eight_acks(&rig, 50000 * (i + 1));
    assert_int_equal(rig.cc.cwnd, 16 << 6);
}

/* Round trips of 200 ms, then of 240: the ninth sample of a round ends slow start where it stands. */
static void the_classic_rule_ends_slow_start_at_the_ninth_long_sample(void **state) {
    (void)state;
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_cubic);
    rig.now.hystart = CC_HYSTART_CLASSIC;
    cc_rig_fill(&rig);
    cc_rig_wait(&rig, 200000);
    cc_rig_ack(&rig, 10, 200000);
    assert_int_equal(rig.cc.cwnd, 20);
    cc_rig_fill(&rig);
    cc_rig_wait(&rig, 240000);
    for (uint32_t i = 0; i < 10; i++) {
        cc_rig_ack(&rig, 2, 240000 + 1000 * i);
        cc_rig_wait(&rig, 1000);
        assert_int_equal(rig.cc.cwnd, i < 8 ? 22 + 2 * i : 36);
        assert_int_equal(rig.cc.ssthresh, i < 8 ? CC_INFINITE : 36);
    }
}

static void the_classic_rule_ends_slow_start_after_half_a_round_trip_of_close_acks(void **state) {
    (void)state;
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_cubic);
    rig.now.hystart = CC_HYSTART_CLASSIC;
    rig.cc.cwnd = 100;
    cc_rig_fill(&rig);
    cc_rig_wait(&rig, 20000);
    for (uint32_t i = 0; i < 6; i++) {
        cc_rig_ack(&rig, 1, 20000);
        cc_rig_wait(&rig, 2000);
    }
    assert_int_equal(rig.cc.ssthresh, CC_INFINITE); /* 10 ms, and 0.5 ms for a burst are no more. */
    cc_rig_ack(&rig, 1, 20000);
    assert_int_equal(rig.cc.ssthresh, 106);
    rig.cc.ssthresh = CC_INFINITE;
    cc_rig_wait(&rig, 2001); /* The train has ended. */
    cc_rig_ack(&rig, 1, 20000);
    assert_int_equal(rig.cc.ssthresh, CC_INFINITE);
}

/* The same samples under either rule alone. */
static void one_of_the_classic_rules_alone(void **state) {
    (void)state;
    static const struct {
        uint8_t rule;
        bool by_delay, by_train;
    } rows[] = {{CC_HYSTART_TRAIN, false, true}, {CC_HYSTART_DELAY, true, false}};
    for (unsigned i = 0; i < 2; i++) {
        struct cc_rig rig;
        cc_rig_begin(&rig, &cc_cubic);
        rig.now.hystart = rows[i].rule;
        rig.cc.cwnd = 100;
        cc_rig_fill(&rig);
        cc_rig_wait(&rig, 20000);
        for (uint32_t k = 0; k < 8; k++, cc_rig_wait(&rig, 2000)) cc_rig_ack(&rig, 1, 20000);
        assert_int_equal(rig.cc.ssthresh < CC_INFINITE, rows[i].by_train);
        rig.cc.ssthresh = CC_INFINITE;
        cc_rig_wait(&rig, 30000);
        cc_rig_ack(&rig, 92, 20000);
        cc_rig_fill(&rig);
        for (uint32_t k = 0; k < 10; k++, cc_rig_wait(&rig, 3000)) cc_rig_ack(&rig, 1, 50000);
        assert_int_equal(rig.cc.ssthresh < CC_INFINITE, rows[i].by_delay);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_the_round_trip_stays_the_window_doubles),
        cmocka_unit_test(a_longer_round_trip_quarters_growth_and_five_rounds_of_it_end_slow_start),
        cmocka_unit_test(a_round_trip_just_short_of_the_threshold_ends_nothing),
        cmocka_unit_test(the_threshold_lies_between_4_and_16_ms),
        cmocka_unit_test(when_the_delay_goes_slow_start_resumes),
        cmocka_unit_test(fewer_than_eight_samples_prove_nothing),
        cmocka_unit_test(only_the_first_slow_start_is_watched),
        cmocka_unit_test(off_means_off),
        cmocka_unit_test(the_classic_rule_ends_slow_start_at_the_ninth_long_sample),
        cmocka_unit_test(the_classic_rule_ends_slow_start_after_half_a_round_trip_of_close_acks),
        cmocka_unit_test(one_of_the_classic_rules_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
