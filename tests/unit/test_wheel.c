/* base/wheel.c against a plain array of deadlines. */
#include "support/unit.h"

#include "base/wheel.h"

#define NODES 300

struct item {
    struct wheel_node node;
    la_time at;  /* LA_NEVER: not armed. */
    la_time due; /* The same, or when it was armed if that was later. */
    uint64_t order;
};

struct model {
    struct wheel wheel;
    struct item item[NODES];
    uint64_t order;
    la_time now; /* As the wheel sees it. */
};

static struct model m;

static void begin(la_time now) {
    memset(&m, 0, sizeof m);
    wheel_init(&m.wheel, now);
    m.now = now;
    for (unsigned i = 0; i < NODES; i++) m.item[i].at = LA_NEVER;
}

static void arm(unsigned i, la_time at) {
    struct item *item = &m.item[i];
    wheel_arm(&m.wheel, &item->node, at);
    item->at = at;
    item->due = at < m.wheel.now ? m.wheel.now : at;
    item->order = ++m.order;
    assert_int_equal(list_linked(&item->node.link), at != LA_NEVER);
    assert_true(item->node.at == at);
}

/* Who must fire next: the earliest, then the one that was armed first. */
static struct item *earliest(void) {
    struct item *best = NULL;
    for (unsigned i = 0; i < NODES; i++) {
        struct item *item = &m.item[i];
        if (item->at == LA_NEVER) continue;
        if (!best || item->due < best->due || (item->due == best->due && item->order < best->order)) best = item;
    }
    return best;
}

/* The used bits say exactly which slots hold nodes. */
static void check_bits(void) {
    for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
        for (unsigned s = 0; s < WHEEL_SLOTS; s++) {
            assert_int_equal(m.wheel.used[l] >> s & 1, !list_empty(&m.wheel.slot[l * WHEEL_SLOTS + s]));
        }
        assert_int_equal(m.wheel.levels >> l & 1, m.wheel.used[l] != 0);
    }
}

static void check_next(void) {
    struct item *first = earliest();
    la_time next = wheel_next(&m.wheel);
    if (!first) {
        assert_true(next == LA_NEVER);
        return;
    }
    assert_true(next <= first->due);
    assert_true(next >= m.wheel.now);
}

static void fire_one(struct wheel_node *node) {
    struct item *first = earliest();
    assert_non_null(first);
    assert_ptr_equal(node, &first->node);
    assert_false(list_linked(&node->link));
    assert_true(node->at == LA_NEVER);
    first->at = LA_NEVER;
}

static void expire(la_time now) {
    struct wheel_node *node;
    if (now > m.now) m.now = now;
    while ((node = wheel_expire(&m.wheel, now)) != NULL) {
        assert_true(earliest()->at <= m.now);
        fire_one(node);
    }
    struct item *first = earliest();
    if (first) assert_true(first->at > m.now);
    assert_true(m.wheel.now == m.now);
}

static la_time distance(struct random *r) { return random_next(r) >> (1 + random_below(r, 63)); }

static void nodes_fire_in_order_of_deadline_and_arming(void **state) {
    (void)state;
    struct random r = {1};
    for (unsigned round = 0; round < 40; round++) {
        begin(distance(&r) / 2);
        for (unsigned step = 0; step < 400; step++) {
            unsigned i = random_below(&r, NODES);
            switch (random_below(&r, 8)) {
            case 0: expire(m.now + distance(&r) % ((UINT64_MAX - m.now) / 16 + 1)); break;
            case 1: expire(m.now + random_below(&r, 200)); break;
            case 2: arm(i, LA_NEVER); break;
            case 3: arm(i, m.now + random_below(&r, 50)); break;
            case 4: arm(i, m.now - random_below(&r, 50) % (m.now + 1)); break;
            case 5: expire(wheel_next(&m.wheel) == LA_NEVER ? m.now : wheel_next(&m.wheel)); break;
            default: arm(i, m.now + distance(&r) % (UINT64_MAX - m.now)); break;
            }
            check_next();
            if (step % 64 == 0) check_bits();
        }
        expire(LA_NEVER - 1);
        assert_null(earliest());
        assert_true(wheel_next(&m.wheel) == LA_NEVER);
        check_bits();
    }
}

static void following_wheel_next_alone_fires_each_node_exactly_at_its_deadline(void **state) {
    (void)state;
    struct random r = {2};
    begin(5 * LA_SECOND);
    for (unsigned i = 0; i < NODES; i++) arm(i, m.now + 1 + random_below(&r, 1u << 31));
    unsigned wakes = 0;
    for (struct item *first; (first = earliest()) != NULL; wakes++) {
        la_time next = wheel_next(&m.wheel), due = first->at;
        assert_true(next > m.now || wakes == 0);
        expire(next);
        if (next < due) assert_true(first->at == due);
    }
    assert_true(wakes < 2 * NODES);
}

static void a_lone_timer_needs_one_wake(void **state) {
    (void)state;
    begin(123456789);
    arm(0, m.now + 200 * LA_MS + 17);
    assert_true(wheel_next(&m.wheel) == m.now + 200 * LA_MS + 17);
    assert_null(wheel_expire(&m.wheel, 123456789 + 200 * LA_MS + 16));
    assert_true(wheel_next(&m.wheel) == 123456789 + 200 * LA_MS + 17);
    assert_ptr_equal(wheel_expire(&m.wheel, 123456789 + 200 * LA_MS + 17), &m.item[0].node);
}

static void rearming_moves_a_node(void **state) {
    (void)state;
    begin(0);
    arm(0, 1000);
    arm(0, 5000);
    expire(4999);
    assert_true(m.item[0].at == 5000);
    arm(0, 6000);
    arm(1, 6000);
    arm(0, 6000); /* Behind node 1 now. */
    assert_ptr_equal(wheel_expire(&m.wheel, 6000), &m.item[1].node);
    assert_ptr_equal(wheel_expire(&m.wheel, 6000), &m.item[0].node);
    assert_null(wheel_expire(&m.wheel, 6000));
}

static void disarming_what_is_not_armed_does_nothing(void **state) {
    (void)state;
    begin(0);
    wheel_disarm(&m.wheel, &m.item[0].node);
    wheel_disarm(&m.wheel, &m.item[0].node);
    assert_true(m.item[0].node.at == LA_NEVER);
    check_bits();
}

static void the_past_fires_at_the_next_expire(void **state) {
    (void)state;
    begin(LA_SECOND);
    arm(0, 5);
    assert_true(wheel_next(&m.wheel) == LA_SECOND);
    /* A clock that goes back counts as one that stands. */
    assert_ptr_equal(wheel_expire(&m.wheel, 3), &m.item[0].node);
    assert_true(m.wheel.now == LA_SECOND);
}

static void a_node_armed_while_others_fire_takes_its_turn(void **state) {
    (void)state;
    begin(0);
    arm(0, 100);
    arm(1, 300);
    assert_ptr_equal(wheel_expire(&m.wheel, 1000), &m.item[0].node);
    arm(2, 200);
    assert_ptr_equal(wheel_expire(&m.wheel, 1000), &m.item[2].node);
    assert_ptr_equal(wheel_expire(&m.wheel, 1000), &m.item[1].node);
    assert_null(wheel_expire(&m.wheel, 1000));
}

static void the_ends_of_time_work(void **state) {
    (void)state;
    begin(0);
    arm(0, 0);
    arm(1, LA_NEVER - 1);
    arm(2, UINT64_C(1) << 63);
    assert_ptr_equal(wheel_expire(&m.wheel, 0), &m.item[0].node);
    assert_null(wheel_expire(&m.wheel, 0));
    assert_ptr_equal(wheel_expire(&m.wheel, LA_NEVER - 1), &m.item[2].node);
    assert_ptr_equal(wheel_expire(&m.wheel, LA_NEVER - 1), &m.item[1].node);
    assert_null(wheel_expire(&m.wheel, LA_NEVER - 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_fire_in_order_of_deadline_and_arming),
        cmocka_unit_test(following_wheel_next_alone_fires_each_node_exactly_at_its_deadline),
        cmocka_unit_test(a_lone_timer_needs_one_wake),
        cmocka_unit_test(rearming_moves_a_node),
        cmocka_unit_test(disarming_what_is_not_armed_does_nothing),
        cmocka_unit_test(the_past_fires_at_the_next_expire),
        cmocka_unit_test(a_node_armed_while_others_fire_takes_its_turn),
        cmocka_unit_test(the_ends_of_time_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
