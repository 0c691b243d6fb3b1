/* sim/haul.c: a transfer arrives, is the same every time, and what went wrong has a number. */
#include "support/unit.h"

#include <string.h>

#include "sim/haul.h"

static struct sim_haul_config small(void) {
    return (struct sim_haul_config){.there = {.rate = 10000000, .queue = 65536, .delay = 10 * LA_MS},
                                    .back_delay = 10 * LA_MS,
                                    .bytes = 1000000,
                                    .seed = 3};
}

static void a_clean_road_costs_the_bottleneck_s_time(void **unused) {
    (void)unused;
    struct sim_haul_config config = small();
    struct sim_haul_result result;
    config.there.queue = 16 << 20;
    sim_haul(&config, &result);
    assert_string_equal(result.why, "");
    assert_true(result.ok);
    assert_in_range(result.took, 830 * LA_MS, 1000 * LA_MS);
    assert_int_equal(result.again, 0);
    assert_int_equal(result.timeouts, 0);
    assert_in_range(result.sent, 1000000 / SIM_HAUL_PAYLOAD, 1000000 / SIM_HAUL_PAYLOAD + 50);
    assert_true(result.stall.rto_tenths < 10);
}

static void equal_hauls_are_equal(void **unused) {
    (void)unused;
    struct sim_haul_config config = small();
    struct sim_haul_result one, other;
    config.there.loss_ppm = 50000;
    config.there.reorder_ppm = 50000;
    config.there.reorder_most = 10 * LA_MS;
    sim_haul(&config, &one);
    sim_haul(&config, &other);
    assert_true(one.ok && other.ok);
    assert_true(one.lost > 0 && one.again >= one.lost);
    assert_int_equal(one.took, other.took);
    assert_int_equal(one.packets, other.packets);
    assert_int_equal(one.spurious, other.spurious);
    config.seed++;
    sim_haul(&config, &other);
    assert_true(other.ok);
    assert_true(one.packets != other.packets || one.took != other.took);
}

/* The stacks see no time between the ticks; the road does. */
static void a_coarse_clock_carries_the_same_bytes(void **unused) {
    (void)unused;
    struct sim_haul_config config = small();
    struct sim_haul_result result;
    config.there.loss_ppm = 10000;
    config.resolution = 15 * LA_MS;
    sim_haul(&config, &result);
    assert_string_equal(result.why, "");
    assert_true(result.ok);
}

static void a_setting_that_is_not_one_is_told(void **unused) {
    (void)unused;
    static const struct sim_haul_setting wrong = {"no_such_setting", 1};
    struct sim_haul_config config = small();
    struct sim_haul_result result;
    config.settings = &wrong;
    config.nsettings = 1;
    sim_haul(&config, &result);
    assert_false(result.ok);
    assert_string_equal(result.why, "no_such_setting cannot be 1");
}

/* 100 % cannot be asked for; so little comes through that the connection ends. */
static void a_dead_road_ends_the_haul(void **unused) {
    (void)unused;
    struct sim_haul_config config = small();
    struct sim_haul_result result;
    config.there.loss_ppm = 999999;
    sim_haul(&config, &result);
    assert_false(result.ok);
    assert_string_equal(result.why, "the sender's connection has failed");
}

static void drops_explain_stalls(void **unused) {
    (void)unused;
    assert_int_equal(sim_stall_tenths_allowed(0), 30);
    assert_int_equal(sim_stall_tenths_allowed(1), 30);
    assert_int_equal(sim_stall_tenths_allowed(2), 50);
    assert_int_equal(sim_stall_tenths_allowed(4), 170);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_road_costs_the_bottleneck_s_time),
        cmocka_unit_test(equal_hauls_are_equal),
        cmocka_unit_test(a_coarse_clock_carries_the_same_bytes),
        cmocka_unit_test(a_setting_that_is_not_one_is_told),
        cmocka_unit_test(a_dead_road_ends_the_haul),
        cmocka_unit_test(drops_explain_stalls),
    };
    return cmocka_run_group_tests_name("sim_haul", tests, NULL, NULL);
}
