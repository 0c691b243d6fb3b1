/* ip/ip.c: the layer's birth and end, arrays that grow, and its deadlines behind one node of the stack's wheel. */
#include "support/ip_rig.h"

static void it_begins_with_linux_values_and_ends_with_what_it_holds(void **state) {
    (void)state;
    struct ip_rig rig;
    rig_begin(&rig);
    const struct ip_settings *s = ip_settings(rig.ip);
    assert_true(s->ttl == 64 && s->pmtu_min == 552 && s->reass_timeout == 30 * LA_SECOND);
    assert_true(wheel_next(&rig.wheel) == LA_NEVER);
    rig_iface(&rig, LA_LINK_IP, 1500);
    rig_send(&rig, "10.0.0.2", 100, false); /* Still in the queue at the end: rig_end proves the rest. */
    assert_true(ip_queue_pending(rig.ip, 0));
    rig_end(&rig);
    ip_destroy(NULL);
}

static void a_generation_is_never_zero(void **state) {
    (void)state;
    struct ip_rig rig;
    rig_begin(&rig);
    rig.ip->generation = UINT32_MAX;
    ip_changed(rig.ip);
    assert_int_equal(rig.ip->generation, 1);
    rig_end(&rig);
}

static void arrays_grow_and_keep_what_they_hold(void **state) {
    (void)state;
    struct ip_rig rig;
    void *array = NULL;
    uint32_t cap = 0;
    rig_begin(&rig);
    for (uint32_t n = 0; n < 100; n++) {
        assert_true(ip_grow(rig.ip, &array, n, &cap, 1, sizeof n));
        ((uint32_t *)array)[n] = n;
    }
    for (uint32_t n = 0; n < 100; n++) assert_int_equal(((uint32_t *)array)[n], n);
    assert_int_equal(cap, 128);
    rig.env.max = rig.env.used; /* Refused: as it was. */
    assert_false(ip_grow(rig.ip, &array, 100, &cap, 29, sizeof cap));
    assert_true(cap == 128 && ((uint32_t *)array)[99] == 99);
    env_release(&rig.env, array, cap * sizeof cap);
    rig_end(&rig);
}

/* Nobody's deadline here is a real one: they are stopped before they fire. */
static void one_node_stands_for_all_deadlines(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_deadline a, b;
    struct wheel_node other = {.kind = 7};
    rig_begin(&rig);
    la_time now = rig.env.now;
    ip_deadline_init(&a, IP_DEADLINE_NEIGH);
    ip_deadline_init(&b, IP_DEADLINE_REASS);
    ip_deadline_arm(rig.ip, &a, now + 2 * LA_SECOND);
    ip_deadline_arm(rig.ip, &b, now + LA_SECOND);
    assert_true(wheel_next(&rig.wheel) == now + LA_SECOND);
    ip_deadline_stop(rig.ip, &b); /* The node stays, comes for nothing, and moves on. */
    rig_pass(&rig, LA_SECOND);
    assert_true(wheel_next(&rig.wheel) == now + 2 * LA_SECOND);
    ip_deadline_stop(rig.ip, &a);
    rig_pass(&rig, LA_SECOND);
    assert_true(wheel_next(&rig.wheel) == LA_NEVER);
    assert_false(ip_timer(rig.ip, &other));
    rig_end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_with_linux_values_and_ends_with_what_it_holds),
        cmocka_unit_test(a_generation_is_never_zero),
        cmocka_unit_test(arrays_grow_and_keep_what_they_hold),
        cmocka_unit_test(one_node_stands_for_all_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
