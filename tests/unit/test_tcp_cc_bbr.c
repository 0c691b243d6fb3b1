/* tcp/cc_bbr*.c on an ideal path: the states follow each other, the model finds rate and round trip, the queue stays
 * short, losses and marks are answered, flows share. */
#include "cc_path.h"
#include "cc_rig.h"

#include "tcp/cc_bbr.h"

#define MSS 1500u
#define MBIT 125000ull /* bytes/s */

/* What was seen at the ACKs of the first flow. */
struct seen {
    uint32_t states; /* Bits: enum bbr_state. */
    uint8_t order[12];
    unsigned moves;
    uint32_t least_in_flight;
};

static void look(struct cc_path *path, struct cc_path_flow *flow, void *arg) {
    struct seen *seen = arg;
    if (flow != &path->flow[0]) return;
    uint8_t now = bbr_of(&flow->cc)->state;
    if (flow->now.in_flight < seen->least_in_flight) seen->least_in_flight = flow->now.in_flight;
    seen->states |= 1u << now;
    if (seen->moves > 0 && seen->order[seen->moves - 1] == now) return;
    if (seen->moves < COUNT_OF(seen->order)) seen->order[seen->moves++] = now;
}

static struct seen *watch(struct cc_path *path, struct seen *seen) {
    *seen = (struct seen){.least_in_flight = UINT32_MAX};
    path->look = look;
    path->arg = seen;
    return seen;
}

static uint64_t bytes_per_second(uint64_t bw) { return (bw * MSS >> 16) * 1000000 >> 16; }

static uint64_t goodput(struct cc_path *path, unsigned flow, unsigned seconds) {
    uint32_t before = path->flow[flow].now.delivered;
    cc_path_run(path, path->at + seconds * LA_SECOND);
    return (uint64_t)(path->flow[flow].now.delivered - before) * MSS / seconds;
}

static const struct {
    uint64_t rate;
    uint32_t rtt_us;
} roads[] = {
    {10 * MBIT, 40000}, {100 * MBIT, 100000}, {1000 * MBIT, 2000}, {1 * MBIT, 300000}, {200 * MBIT, 20000},
};

static void it_finds_the_rate_and_the_round_trip(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(roads); i++) {
        struct cc_path path;
        cc_path_begin(&path, &cc_bbr, 1, roads[i].rate, roads[i].rtt_us, 400);
        cc_path_run(&path, path.at + 3 * LA_SECOND + 30 * path.rtt);
        const struct bbr *s = bbr_of(&path.flow[0].cc);
        assert_true(s->full_bw_reached);
        assert_in_range(bytes_per_second(bbr_max_bw(s)), roads[i].rate * 9 / 10, roads[i].rate * 11 / 10);
        assert_in_range(s->min_rtt_us, roads[i].rtt_us, roads[i].rtt_us * 11 / 10 + 15000);
        assert_true(goodput(&path, 0, 8) > roads[i].rate * 92 / 100);
        assert_int_equal(path.flow[0].now.lost, 0);
        cc_path_end(&path);
    }
}

static void the_states_follow_each_other(void **state) {
    (void)state;
    struct cc_path path;
    struct seen seen;
    cc_path_begin(&path, &cc_bbr, 1, 10 * MBIT, 40000, 400);
    watch(&path, &seen);
    cc_path_run(&path, path.at + 5 * LA_SECOND);
    /* After Drain so little is in flight that DOWN ends with the ACK that begins it. */
    static const uint8_t order[] = {BBR_STARTUP, BBR_DRAIN, BBR_CRUISE, BBR_REFILL, BBR_UP, BBR_DOWN, BBR_CRUISE};
    assert_true(seen.moves >= COUNT_OF(order));
    assert_memory_equal(seen.order, order, sizeof order);
    cc_path_end(&path);
}

static void the_queue_stays_below_two_bdp_and_drains(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(roads); i++) {
        struct cc_path path;
        cc_path_begin(&path, &cc_bbr, 1, roads[i].rate, roads[i].rtt_us, 1000);
        uint32_t bdp = cc_path_bdp(&path), quanta = 3 * (64 * 1024 / MSS) + 4;
        cc_path_run(&path, path.at + 3 * LA_SECOND + 30 * path.rtt);
        assert_true(path.queue_max < 2 * bdp + quanta);
        path.queue_max = 0;
        cc_path_run(&path, path.at + 8 * LA_SECOND);
        assert_true(path.queue_max < bdp + quanta);
        cc_path_end(&path);
    }
}

static void every_five_seconds_it_looks_for_the_round_trip(void **state) {
    (void)state;
    struct cc_path path;
    struct seen seen;
    cc_path_begin(&path, &cc_bbr, 1, 100 * MBIT, 40000, 400);
    cc_path_run(&path, path.at + 4 * LA_SECOND);
    watch(&path, &seen);
    cc_path_run(&path, path.at + 3 * LA_SECOND);
    assert_true(seen.states & 1u << BBR_PROBE_RTT);
    assert_in_range(seen.least_in_flight, 1, cc_path_bdp(&path) * 6 / 10);
    /* The path grows longer: after two probes it is known. */
    path.rtt = 80 * LA_MS;
    cc_path_run(&path, path.at + 18 * LA_SECOND);
    assert_in_range(bbr_of(&path.flow[0].cc)->min_rtt_us, 80000, 84000);
    cc_path_end(&path);
}

static void it_follows_a_path_that_becomes_faster_or_slower(void **state) {
    (void)state;
    struct cc_path path;
    cc_path_begin(&path, &cc_bbr, 1, 20 * MBIT, 40000, 400);
    cc_path_run(&path, path.at + 5 * LA_SECOND);
    path.rate = 80 * MBIT;
    cc_path_run(&path, path.at + 15 * LA_SECOND);
    assert_true(goodput(&path, 0, 5) > 80 * MBIT * 9 / 10);
    path.rate = 20 * MBIT;
    cc_path_run(&path, path.at + 15 * LA_SECOND);
    assert_in_range(bytes_per_second(bbr_max_bw(bbr_of(&path.flow[0].cc))), 20 * MBIT * 9 / 10, 20 * MBIT * 11 / 10);
    cc_path_end(&path);
}

static void one_percent_of_loss_costs_little(void **state) {
    (void)state;
    struct cc_path path;
    cc_path_begin(&path, &cc_bbr, 1, 50 * MBIT, 50000, 200);
    path.loss_ppm = 10000;
    cc_path_run(&path, path.at + 3 * LA_SECOND);
    assert_true(goodput(&path, 0, 20) > 50 * MBIT * 80 / 100);
    cc_path_end(&path);
}

static void more_than_two_percent_bound_the_volume(void **state) {
    (void)state;
    struct cc_path path;
    cc_path_begin(&path, &cc_bbr, 1, 50 * MBIT, 50000, 200);
    cc_path_run(&path, path.at + 3 * LA_SECOND);
    assert_int_equal(bbr_of(&path.flow[0].cc)->bounds.inflight_longterm, BBR_INFINITE);
    uint64_t before = goodput(&path, 0, 2);
    path.loss_ppm = 80000;
    cc_path_run(&path, path.at + 10 * LA_SECOND);
    assert_true(bbr_of(&path.flow[0].cc)->bounds.inflight_longterm < 2 * cc_path_bdp(&path));
    assert_true(goodput(&path, 0, 10) < before * 80 / 100);
    cc_path_end(&path);
}

static void a_shallow_queue_loses_little_and_the_rate_stays(void **state) {
    (void)state;
    struct cc_path path;
    cc_path_begin(&path, &cc_bbr, 1, 100 * MBIT, 40000, 10);
    cc_path_run(&path, path.at + 3 * LA_SECOND);
    uint32_t lost = path.flow[0].now.lost, delivered = path.flow[0].now.delivered;
    assert_true(goodput(&path, 0, 20) > 100 * MBIT * 75 / 100);
    lost = path.flow[0].now.lost - lost;
    delivered = path.flow[0].now.delivered - delivered;
    assert_true((uint64_t)lost * 100 < (uint64_t)delivered * 2);
    cc_path_end(&path);
}

static void marks_are_answered_as_losses_are(void **state) {
    (void)state;
    struct cc_path path;
    cc_path_begin(&path, &cc_bbr, 1, 50 * MBIT, 40000, 400);
    path.mark = cc_path_bdp(&path) / 4;
    cc_path_run(&path, path.at + 3 * LA_SECOND);
    const struct bbr *s = bbr_of(&path.flow[0].cc);
    assert_true(s->full_bw_reached);
    assert_true(s->bounds.inflight_longterm != BBR_INFINITE);
    path.queue_max = 0;
    assert_true(goodput(&path, 0, 20) > 50 * MBIT * 75 / 100);
    assert_true(path.queue_max < cc_path_bdp(&path) * 6 / 10);
    cc_path_end(&path);
}

static void two_flows_share(void **state) {
    (void)state;
    for (unsigned deep = 0; deep < 2; deep++) {
        struct cc_path path;
        cc_path_begin(&path, &cc_bbr, 2, 50 * MBIT, 40000, deep ? 400 : 100);
        path.flow[1].starts_at += 3 * LA_SECOND + 7 * LA_MS;
        cc_path_run(&path, path.at + 60 * LA_SECOND);
        uint32_t before[2] = {path.flow[0].now.delivered, path.flow[1].now.delivered};
        cc_path_run(&path, path.at + 60 * LA_SECOND);
        uint32_t a = path.flow[0].now.delivered - before[0], b = path.flow[1].now.delivered - before[1];
        assert_in_range(a, b * 3 / 5, b * 5 / 3);
        assert_true((uint64_t)(a + b) * MSS / 60 > 50 * MBIT * 90 / 100);
        cc_path_end(&path);
    }
}

static void a_slow_application_does_not_lower_the_estimate(void **state) {
    (void)state;
    struct cc_path path;
    cc_path_begin(&path, &cc_bbr, 1, 50 * MBIT, 40000, 400);
    cc_path_run(&path, path.at + 4 * LA_SECOND);
    path.flow[0].app_rate = 2 * MBIT;
    cc_path_run(&path, path.at + 20 * LA_SECOND);
    assert_true(bytes_per_second(bbr_max_bw(bbr_of(&path.flow[0].cc))) > 50 * MBIT * 9 / 10);
    path.flow[0].app_rate = 0;
    assert_true(goodput(&path, 0, 2) > 50 * MBIT * 85 / 100);
    cc_path_end(&path);
}

static void an_undone_loss_takes_startup_back(void **state) {
    (void)state;
    struct cc_path path;
    cc_path_begin(&path, &cc_bbr, 1, 100 * MBIT, 100000, 400);
    struct cc_path_flow *f = &path.flow[0];
    cc_path_run(&path, path.at + 350 * LA_MS);
    struct bbr *s = bbr_of(&f->cc);
    assert_int_equal(s->state, BBR_STARTUP);
    uint32_t before = f->cc.cwnd;
    struct cc_ack marked = {.acked = 1, .ece = true, .prior_in_flight = f->now.in_flight};
    f->cc.ops->control(&f->cc, &f->now, &marked);
    assert_true(s->state == BBR_DRAIN || s->state == BBR_DOWN);
    assert_true(s->bounds.inflight_longterm != BBR_INFINITE);
    assert_true(cc_bbr.undo(&f->cc, &f->now) >= before);
    assert_int_equal(s->state, BBR_STARTUP);
    assert_int_equal(s->bounds.inflight_longterm, BBR_INFINITE);
    assert_false(s->full_bw_reached);
    cc_path_end(&path);
}

static void recovery_gives_the_window_back(void **state) {
    (void)state;
    struct cc_rig rig;
    cc_rig_begin(&rig, &cc_bbr);
    rig.cc.cwnd = 50;
    assert_int_equal(cc_bbr.ssthresh(&rig.cc, &rig.now), CC_INFINITE);
    cc_bbr.phase(&rig.cc, &rig.now, CC_LOSS);
    rig.now.phase = CC_LOSS;
    rig.cc.cwnd = 1;
    struct cc_ack ack = {.acked = 1};
    cc_bbr.control(&rig.cc, &rig.now, &ack);
    assert_true(rig.cc.cwnd < 50);
    cc_bbr.phase(&rig.cc, &rig.now, CC_OPEN);
    assert_int_equal(rig.cc.cwnd, 50);
}

/* Whatever a connection may tell it, nothing overflows: a sanitizer watches. */
static void no_value_is_too_large(void **state) {
    (void)state;
    static const uint32_t mss[] = {1, 1460, 65535}, us[] = {1, 1000, 120000000, UINT32_MAX};
    static const uint32_t counts[] = {0, 1, 100, CC_CWND_MAX, UINT32_MAX};
    struct random random = {7};
    for (unsigned i = 0; i < 60; i++) {
        struct cc_rig rig;
        cc_rig_begin(&rig, &cc_bbr);
        rig.now.mss = mss[i % 3];
        rig.now.delivered = (uint32_t)random_next(&random);
        rig.now.no_sack = i % 7 == 0;
        for (unsigned j = 0; j < 2000; j++) {
            uint32_t step = us[random_below(&random, 3)];
            rig.now.at += step * LA_US;
            rig.now.srtt_us = us[random_below(&random, 3)];
            rig.now.in_flight = counts[random_below(&random, 4)];
            rig.now.random = random_next(&random);
            struct cc_ack ack = {.acked = counts[random_below(&random, 3)],
                                 .lost = counts[random_below(&random, 2)],
                                 .rtt_us = us[random_below(&random, 4)],
                                 .rate_delivered = counts[random_below(&random, 5)],
                                 .rate_interval_us = random_below(&random, 5) == 0 ? 0 : us[random_below(&random, 4)],
                                 .tx_in_flight = counts[random_below(&random, 5)],
                                 .prior_in_flight = counts[random_below(&random, 4)],
                                 .app_limited = random_below(&random, 5) == 0,
                                 .ece = random_below(&random, 50) == 0};
            rig.now.delivered += ack.acked;
            rig.now.lost += ack.lost;
            ack.prior_delivered = rig.now.delivered - ack.acked - random_below(&random, 1000);
            ack.tx_lost = rig.now.lost - random_below(&random, 10);
            if (ack.lost > 0) cc_bbr.lost(&rig.cc, &rig.now, ack.tx_in_flight, ack.tx_lost, 1);
            cc_bbr.control(&rig.cc, &rig.now, &ack);
            assert_in_range(rig.cc.cwnd, BBR_MIN_PIPE, CC_CWND_MAX);
            assert_true(rig.cc.pacing_rate > 0);
            if (random_below(&random, 100) == 0) cc_bbr.restart(&rig.cc, &rig.now, LA_SECOND);
            if (random_below(&random, 100) == 0) rig.cc.cwnd = cc_bbr.undo(&rig.cc, &rig.now);
        }
    }
}

/* 400 Gb/s over 100 ms is paced as such, and so is one segment in two minutes. */
static void rates_of_all_sizes_are_exact(void **state) {
    (void)state;
    static const struct {
        uint32_t mss, segments, interval_us;
        uint64_t rate;
    } cases[] = {
        {1500, 3333333, 100000, 49500000000},
        {65535, 76295, 100000, 49500000000},
        {1000, 1, 1000000, 990},
        {1460, 10, 120000000, 120},
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct cc_rig rig;
        cc_rig_begin(&rig, &cc_bbr);
        struct bbr *s = bbr_of(&rig.cc);
        rig.now.mss = cases[i].mss;
        s->full_bw_reached = true;
        s->state = BBR_CRUISE;
        rig.now.delivered = cases[i].segments;
        struct cc_ack ack = {.acked = 1, .rate_delivered = cases[i].segments, .rate_interval_us = cases[i].interval_us};
        ack.rtt_us = cases[i].interval_us;
        cc_bbr.control(&rig.cc, &rig.now, &ack);
        assert_in_range(rig.cc.pacing_rate, cases[i].rate * 999 / 1000, cases[i].rate * 1001 / 1000);
        assert_int_equal(bbr_bdp(s, &rig.now, s->bw, BBR_UNIT), cases[i].segments);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_the_rate_and_the_round_trip),
        cmocka_unit_test(the_states_follow_each_other),
        cmocka_unit_test(the_queue_stays_below_two_bdp_and_drains),
        cmocka_unit_test(every_five_seconds_it_looks_for_the_round_trip),
        cmocka_unit_test(it_follows_a_path_that_becomes_faster_or_slower),
        cmocka_unit_test(one_percent_of_loss_costs_little),
        cmocka_unit_test(more_than_two_percent_bound_the_volume),
        cmocka_unit_test(a_shallow_queue_loses_little_and_the_rate_stays),
        cmocka_unit_test(marks_are_answered_as_losses_are),
        cmocka_unit_test(two_flows_share),
        cmocka_unit_test(a_slow_application_does_not_lower_the_estimate),
        cmocka_unit_test(an_undone_loss_takes_startup_back),
        cmocka_unit_test(recovery_gives_the_window_back),
        cmocka_unit_test(no_value_is_too_large),
        cmocka_unit_test(rates_of_all_sizes_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
