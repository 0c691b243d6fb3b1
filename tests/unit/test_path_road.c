/* The emulated road of make bench-path: what it decides, and when packets arrive. */
#include "bench/path/road.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 200000 };

static struct road road;

static unsigned arrive(unsigned lane, la_time now) {
    unsigned n = 0;
    for (struct road_packet *packet; (packet = road_take(&road, lane, now)); n++) road_free(packet);
    return n;
}

static unsigned count(const struct road_kind *kind, unsigned lane, enum road_fate fate) {
    unsigned n = 0;
    for (uint64_t i = 0; i < MANY; i++) n += road_fate(kind, lane, i) == fate;
    return n;
}

static void the_same_seed_decides_the_same(void **unused) {
    (void)unused;
    struct road_kind a = {.loss_ppm = 100000, .reorder_ppm = 100000, .bursts = true, .seed = 7}, b = a, c = a;
    c.seed = 8;
    unsigned others = 0, other_lane = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        assert_int_equal(road_fate(&a, 0, i), road_fate(&b, 0, i));
        others += road_fate(&a, 0, i) != road_fate(&c, 0, i);
        other_lane += road_fate(&a, 0, i) != road_fate(&a, 1, i);
    }
    assert_in_range(others, MANY / 5, MANY / 2);
    assert_in_range(other_lane, MANY / 5, MANY / 2);
}

static void losses_and_late_packets_are_as_many_as_asked_for(void **unused) {
    (void)unused;
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct road_kind kind = {.loss_ppm = 10000, .reorder_ppm = 20000, .seed = seed};
        assert_in_range(count(&kind, 0, ROAD_LOSE), MANY / 100 * 9 / 10, MANY / 100 * 11 / 10);
        assert_in_range(count(&kind, 1, ROAD_LATE), MANY / 50 * 9 / 10, MANY / 50 * 11 / 10);
    }
    struct road_kind clean = {.seed = 3};
    assert_int_equal(count(&clean, 0, ROAD_PASS), MANY);
}

static void bursts_have_their_length_and_their_distance(void **unused) {
    (void)unused;
    struct road_kind kind = {.bursts = true, .seed = 1};
    unsigned bursts = 0, length = 0;
    for (uint64_t i = ROAD_BURST_EVERY; i < MANY; i++) {
        if (road_fate(&kind, 0, i) == ROAD_LOSE) {
            length++;
        } else if (length) {
            assert_in_range(length, ROAD_BURST_LEAST, ROAD_BURST_MOST);
            length = 0, bursts++;
        }
    }
    assert_int_equal(bursts, MANY / ROAD_BURST_EVERY - 1);
}

static void the_handshake_is_spared(void **unused) {
    (void)unused;
    struct road_kind kind = {.loss_ppm = 1000000, .seed = 1};
    for (uint64_t i = 0; i < ROAD_SPARED; i++) assert_int_equal(road_fate(&kind, 0, i), ROAD_PASS);
    assert_int_equal(road_fate(&kind, 0, ROAD_SPARED), ROAD_LOSE);
}

static void the_bottleneck_spaces_packets_and_the_delay_follows(void **unused) {
    (void)unused;
    struct road_kind kind = {.rate = 1000000, .queue = 10000, .delay = 5 * LA_MS};
    uint8_t packet[1000] = {1};
    road_open(&road, &kind);
    for (int i = 0; i < 3; i++) road_put(&road, 0, packet, sizeof packet, LA_SECOND);
    assert_int_equal(road_due(&road), LA_SECOND + 6 * LA_MS);
    assert_int_equal(arrive(0, LA_SECOND + 6 * LA_MS - 1), 0);
    assert_int_equal(arrive(0, LA_SECOND + 6 * LA_MS), 1);
    assert_int_equal(arrive(0, LA_SECOND + 8 * LA_MS), 2);
    assert_int_equal(road_due(&road), LA_NEVER);
    road_close(&road);
}

static void what_does_not_fit_into_the_queue_is_dropped(void **unused) {
    (void)unused;
    struct road_kind kind = {.rate = 1000000, .queue = 10000, .delay = LA_MS};
    uint8_t packet[1000] = {1};
    road_open(&road, &kind);
    for (int i = 0; i < 15; i++) road_put(&road, 0, packet, sizeof packet, 0);
    assert_int_equal(road.lane[0].dropped, 5);
    road_put(&road, 0, packet, sizeof packet, LA_MS); /* One has left. */
    assert_int_equal(road.lane[0].dropped, 5);
    assert_int_equal(road.lane[1].number, 0);
    assert_int_equal(arrive(0, LA_SECOND), 11);
    road_close(&road);
}

static void late_packets_are_overtaken_and_nothing_else_is(void **unused) {
    (void)unused;
    struct road_kind kind = {.delay = 10 * LA_MS, .reorder_ppm = 20000, .seed = 5};
    enum { N = 5000 };
    road_open(&road, &kind);
    for (uint32_t i = 0; i < N; i++) road_put(&road, 1, &i, sizeof i, i * (LA_MS / 10));
    int64_t newest = -1;
    unsigned overtaken = 0;
    la_time due = 0;
    for (struct road_packet *packet; (packet = road_take(&road, 1, LA_NEVER)); road_free(packet)) {
        uint32_t number;
        memcpy(&number, packet->bytes, sizeof number);
        assert_true(packet->due >= due);
        due = packet->due;
        bool is_late = road_fate(&kind, 1, number) == ROAD_LATE;
        la_time took = due - number * (LA_MS / 10);
        assert_in_range(took, kind.delay + (is_late ? kind.delay / 8 : 0), kind.delay + (is_late ? kind.delay / 2 : 0));
        if ((int64_t)number < newest) {
            assert_true(is_late);
            overtaken++;
        } else {
            newest = number;
        }
    }
    assert_int_equal(overtaken, road.lane[1].late);
    assert_in_range(overtaken, N / 100, N / 25);
    road_close(&road);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_decides_the_same),
        cmocka_unit_test(losses_and_late_packets_are_as_many_as_asked_for),
        cmocka_unit_test(bursts_have_their_length_and_their_distance),
        cmocka_unit_test(the_handshake_is_spared),
        cmocka_unit_test(the_bottleneck_spaces_packets_and_the_delay_follows),
        cmocka_unit_test(what_does_not_fit_into_the_queue_is_dropped),
        cmocka_unit_test(late_packets_are_overtaken_and_nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
