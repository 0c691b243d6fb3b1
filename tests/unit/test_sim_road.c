/* sim/road.c: what the bottleneck, the queue, the link and the way do to packets; and that it is the same every time.
 */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "sim/road.h"

enum { FULL = 1500, MANY = 200000 };

static uint8_t bytes[FULL];

static enum sim_fate send_marked(struct sim_road *road, size_t len, uint32_t mark, la_time now) {
    memcpy(bytes, &mark, sizeof mark);
    struct la_packet packet = {.len = len, .nspans = 2, .span = {{bytes, 2}, {bytes + 2, len - 2}}};
    return sim_road_send(road, &packet, now);
}

static uint32_t take_marked(struct sim_road *road, la_time now) {
    size_t len;
    uint32_t mark;
    const uint8_t *data = sim_road_take(road, now, &len);
    assert_non_null(data);
    memcpy(&mark, data, sizeof mark);
    return mark;
}

static struct sim_road_config plain(void) {
    return (struct sim_road_config){.rate = 10000000, .queue = 64 * 1024, .delay = 10 * LA_MS, .packet_max = FULL};
}

static void a_packet_takes_its_time_at_the_bottleneck_and_the_delay(void **unused) {
    (void)unused;
    struct sim_road_config config = plain();
    struct sim_road *road = sim_road_new(&config);
    size_t len;
    assert_int_equal(sim_road_due(road), LA_NEVER);
    assert_null(sim_road_take(road, LA_NEVER, &len));
    assert_int_equal(send_marked(road, FULL, 1, LA_SECOND), SIM_CARRIED);
    assert_int_equal(send_marked(road, 100, 2, LA_SECOND), SIM_CARRIED);
    assert_int_equal(sim_road_due(road), LA_SECOND + 1200 * LA_US + 10 * LA_MS);
    assert_null(sim_road_take(road, sim_road_due(road) - 1, &len));
    assert_int_equal(take_marked(road, sim_road_due(road)), 1);
    assert_int_equal(sim_road_due(road), LA_SECOND + 1280 * LA_US + 10 * LA_MS);
    assert_non_null(sim_road_take(road, sim_road_due(road), &len));
    assert_int_equal(len, 100);
    sim_road_free(road);
}

static void the_queue_drops_what_does_not_fit(void **unused) {
    (void)unused;
    struct sim_road_config config = plain();
    config.queue = 3 * FULL;
    struct sim_road *road = sim_road_new(&config);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(send_marked(road, FULL, i, 0), SIM_CARRIED);
    assert_int_equal(send_marked(road, 40, 3, 0), SIM_FULL);
    /* A byte leaves in 800 ns. */
    assert_int_equal(send_marked(road, 40, 3, 39 * 800), SIM_FULL);
    assert_int_equal(send_marked(road, 40, 3, 40 * 800), SIM_CARRIED);
    for (uint32_t i = 0; i < 4; i++) assert_int_equal(take_marked(road, LA_NEVER - 1), i);
    sim_road_free(road);
}

static void without_a_rate_nothing_waits(void **unused) {
    (void)unused;
    struct sim_road_config config = {.delay = 5, .packet_max = FULL};
    struct sim_road *road = sim_road_new(&config);
    for (uint32_t i = 0; i < 1000; i++) assert_int_equal(send_marked(road, FULL, i, 7), SIM_CARRIED);
    for (uint32_t i = 0; i < 1000; i++) assert_int_equal(take_marked(road, 12), i);
    sim_road_free(road);
}

/* Packets one after the other; counts losses and, of them, those right after another. */
static void lose(const struct sim_road_config *config, la_time gap, unsigned *lost, unsigned *in_a_row) {
    struct sim_road *road = sim_road_new(config);
    bool before = false;
    size_t len;
    *lost = *in_a_row = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        bool now = send_marked(road, FULL, i, i * gap) == SIM_LOST;
        *lost += now;
        *in_a_row += now && before;
        before = now;
        while (sim_road_take(road, LA_NEVER - 1, &len)) continue;
    }
    sim_road_free(road);
}

static void losses_are_as_frequent_as_asked_for_alone_or_in_bursts(void **unused) {
    (void)unused;
    unsigned lost, in_a_row;
    struct sim_road_config config = plain();
    config.loss_ppm = 30000;
    lose(&config, 2 * LA_MS, &lost, &in_a_row);
    assert_in_range(lost, MANY * 28 / 1000, MANY * 32 / 1000);
    assert_in_range(in_a_row, lost * 1 / 100, lost * 5 / 100);
    config.burst = 4; /* Three of four losses follow another. */
    lose(&config, 2 * LA_MS, &lost, &in_a_row);
    assert_in_range(lost, MANY * 26 / 1000, MANY * 34 / 1000);
    assert_in_range(in_a_row, lost * 70 / 100, lost * 80 / 100);
}

static void a_burst_does_not_wait_for_a_sender_that_pauses(void **unused) {
    (void)unused;
    unsigned lost, in_a_row;
    struct sim_road_config config = plain();
    config.loss_ppm = 100000;
    config.burst = 4;
    config.forget = 100 * LA_MS;
    lose(&config, 100 * LA_MS, &lost, &in_a_row);
    assert_in_range(lost, MANY * 9 / 100, MANY * 11 / 100);
    assert_in_range(in_a_row, lost * 8 / 100, lost * 12 / 100);
}

static void reordering_holds_a_share_back_and_no_longer_than_asked_for(void **unused) {
    (void)unused;
    struct sim_road_config config = {
        .delay = 10 * LA_MS, .reorder_ppm = 100000, .reorder_most = 5 * LA_MS, .packet_max = FULL};
    struct sim_road *road = sim_road_new(&config);
    unsigned late = 0;
    la_time before = 0;
    for (uint32_t i = 0; i < 10000; i++) send_marked(road, FULL, i, i * LA_MS);
    for (uint32_t n = 0; n < 10000; n++) {
        la_time due = sim_road_due(road);
        uint32_t i = take_marked(road, due);
        assert_true(due >= before);
        assert_in_range(due - i * LA_MS, 10 * LA_MS, 15 * LA_MS);
        late += due > i * LA_MS + 10 * LA_MS;
        before = due;
    }
    assert_in_range(late, 900, 1100);
    sim_road_free(road);
}

static void reordering_does_not_shuffle_the_losses(void **unused) {
    (void)unused;
    struct sim_road_config config = plain();
    config.loss_ppm = 50000;
    config.seed = 7;
    struct sim_road *one = sim_road_new(&config);
    config.reorder_ppm = 100000;
    config.reorder_most = LA_MS;
    struct sim_road *other = sim_road_new(&config);
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(send_marked(one, FULL, i, i * 2 * LA_MS), send_marked(other, FULL, i, i * 2 * LA_MS));
    sim_road_free(one);
    sim_road_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_takes_its_time_at_the_bottleneck_and_the_delay),
        cmocka_unit_test(the_queue_drops_what_does_not_fit),
        cmocka_unit_test(without_a_rate_nothing_waits),
        cmocka_unit_test(losses_are_as_frequent_as_asked_for_alone_or_in_bursts),
        cmocka_unit_test(a_burst_does_not_wait_for_a_sender_that_pauses),
        cmocka_unit_test(reordering_holds_a_share_back_and_no_longer_than_asked_for),
        cmocka_unit_test(reordering_does_not_shuffle_the_losses),
    };
    return cmocka_run_group_tests_name("sim_road", tests, NULL, NULL);
}
