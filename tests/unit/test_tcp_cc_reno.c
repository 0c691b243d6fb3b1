/* tcp/cc_reno.c: the windows of RFC 5681, by hand. */
#include "cc_rig.h"

static void slow_start_grows_by_what_is_acknowledged_and_no_further_than_ssthresh(void **state) {
    (void)state;
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_reno);
    cc_rig_ack(&rig, 1, 1000);
    assert_int_equal(rig.cc.cwnd, 11);
    cc_rig_ack(&rig, 10, 1000);
    assert_int_equal(rig.cc.cwnd, 21);
    rig.cc.ssthresh = 24;
    cc_rig_ack(&rig, 2, 1000);
    assert_int_equal(rig.cc.cwnd, 23);
    cc_rig_ack(&rig, 25, 1000); /* One to ssthresh, a whole window in congestion avoidance. */
    assert_int_equal(rig.cc.cwnd, 25);
}

static void congestion_avoidance_grows_by_one_segment_a_window(void **state) {
    (void)state;
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_reno);
    rig.cc.cwnd = rig.cc.ssthresh = 4;
    for (unsigned i = 0; i < 3; i++) cc_rig_ack(&rig, 1, 1000);
    assert_int_equal(rig.cc.cwnd, 4);
    cc_rig_ack(&rig, 1, 1000);
    assert_int_equal(rig.cc.cwnd, 5);
    cc_rig_ack(&rig, 7, 1000);
    assert_int_equal(rig.cc.cwnd, 6);
    assert_int_equal(rig.cc.count, 2); /* What is more than a window counts for the next one. */
}

static void what_counted_for_a_larger_window_adds_one_at_most(void **state) {
    (void)state;
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_reno);
    rig.cc.cwnd = rig.cc.ssthresh = 100;
    cc_rig_ack(&rig, 99, 1000);
    rig.cc.cwnd = rig.cc.ssthresh = 5;
    cc_rig_ack(&rig, 1, 1000);
    assert_int_equal(rig.cc.cwnd, 6);
    assert_int_equal(rig.cc.count, 1);
}

static void a_loss_halves_the_flight_but_leaves_two_segments(void **state) {
    (void)state;
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_reno);
    rig.cc.cwnd = 100;
    rig.now.snd_nxt = seq_add(rig.now.snd_una, 9001);
    assert_int_equal(cc_reno.ssthresh(&rig.cc, &rig.now), 5); /* Of the flight, not of the window. */
    rig.cc.cwnd = 8;
    assert_int_equal(cc_reno.ssthresh(&rig.cc, &rig.now), 4); /* Limited transmit does not count. */
    rig.now.snd_nxt = seq_add(rig.now.snd_una, 1);
    assert_int_equal(cc_reno.ssthresh(&rig.cc, &rig.now), 2);
}

static void undo_gives_the_window_back_and_never_takes(void **state) {
    (void)state;
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_reno);
    cc_rig_fill(&rig);
    cc_rig_loss(&rig);
    assert_int_equal(rig.cc.cwnd, 5);
    assert_int_equal(cc_reno.undo(&rig.cc, &rig.now), 10);
    rig.cc.cwnd = 12;
    assert_int_equal(cc_reno.undo(&rig.cc, &rig.now), 12);
}

static void the_window_has_an_end(void **state) {
    (void)state;
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_reno);
    rig.cc.cwnd = CC_CWND_MAX - 1;
    cc_rig_ack(&rig, UINT32_MAX / 2, 1000);
    assert_int_equal(rig.cc.cwnd, CC_CWND_MAX);
    rig.cc.ssthresh = 2;
    cc_rig_ack(&rig, UINT32_MAX / 2, 1000);
    assert_int_equal(rig.cc.cwnd, CC_CWND_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_start_grows_by_what_is_acknowledged_and_no_further_than_ssthresh),
        cmocka_unit_test(congestion_avoidance_grows_by_one_segment_a_window),
        cmocka_unit_test(what_counted_for_a_larger_window_adds_one_at_most),
        cmocka_unit_test(a_loss_halves_the_flight_but_leaves_two_segments),
        cmocka_unit_test(undo_gives_the_window_back_and_never_takes),
        cmocka_unit_test(the_window_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
