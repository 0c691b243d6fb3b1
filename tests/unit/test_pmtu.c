/* The path MTU cache. */
#include "ip_rig.h"

static void begin(struct ip_rig *rig) {
    rig_begin(rig);
    rig_iface(rig, LA_LINK_IP, 1500);
}

static void note(struct ip_rig *rig, const char *dst, uint16_t mtu) {
    struct la_addr addr = addr_of(dst);
    ip_pmtu_note(rig->ip, &addr, mtu);
}

static void a_noted_mtu_counts_for_its_destination(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    struct ip_path before = rig_path(&rig, "10.0.0.2");
    note(&rig, "10.0.0.2", 1400);
    assert_false(ip_path_valid(rig.ip, &before));
    assert_int_equal(rig_path(&rig, "10.0.0.2").mtu, 1400);
    assert_int_equal(rig_path(&rig, "10.0.0.3").mtu, 1500);
    note(&rig, "fd00::2", 1300);
    assert_int_equal(rig_path(&rig, "fd00::2").mtu, 1300);
    rig_end(&rig);
}

static void it_never_grows_and_has_a_floor(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    struct ip_path before = rig_path(&rig, "10.0.0.2");
    note(&rig, "10.0.0.2", 1500);
    note(&rig, "10.0.0.2", 9000);
    assert_true(ip_path_valid(rig.ip, &before));
    note(&rig, "10.0.0.2", 1000);
    before = rig_path(&rig, "10.0.0.2");
    note(&rig, "10.0.0.2", 1200);
    assert_true(ip_path_valid(rig.ip, &before));
    assert_int_equal(before.mtu, 1000);
    note(&rig, "10.0.0.2", 68);
    assert_int_equal(rig_path(&rig, "10.0.0.2").mtu, 552);
    note(&rig, "fd00::2", 68);
    assert_int_equal(rig_path(&rig, "fd00::2").mtu, 1280);
    rig_end(&rig);
}

static void after_ten_minutes_it_is_forgotten(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    note(&rig, "10.0.0.2", 1400);
    rig_pass(&rig, 300 * LA_SECOND);
    note(&rig, "10.0.0.2", 1300);
    rig_pass(&rig, 599 * LA_SECOND);
    struct ip_path path = rig_path(&rig, "10.0.0.2");
    assert_int_equal(path.mtu, 1300);
    rig_pass(&rig, LA_SECOND);
    assert_false(ip_path_valid(rig.ip, &path));
    assert_int_equal(rig_path(&rig, "10.0.0.2").mtu, 1500);
    assert_int_equal(wheel_next(&rig.wheel), LA_NEVER);
    rig_end(&rig);
}

static void the_oldest_gives_way(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    struct la_addr prefix = addr_of("11.0.0.0");
    assert_int_equal(ip_route_add(rig.ip, &prefix, 8, NULL, 0, 0), 0);
    for (unsigned i = 0; i < 1500; i++) {
        struct la_addr addr = la_addr4(11, 0, (uint8_t)(i >> 8), (uint8_t)i);
        ip_pmtu_note(rig.ip, &addr, 1400);
    }
    assert_int_equal(rig.ip->pmtu_table.count, 1024);
    assert_int_equal(rig_path(&rig, "11.0.0.0").mtu, 1500);
    assert_int_equal(rig_path(&rig, "11.0.5.219").mtu, 1400);
    rig_end(&rig);
}

static bool scenario(struct oom *oom) {
    struct ip_bare bare;
    bool ok = ip_bare_begin(&bare, oom);
    for (uint8_t i = 0; ok && i < 100; i++) {
        struct la_addr addr = la_addr4(11, 0, 0, i);
        ip_pmtu_note(bare.ip, &addr, 1400);
        ok = pmtu_find(bare.ip, &addr) == 1400;
        assert_true(ok || bare.env.dropped[LA_D_NO_MEMORY] > 0);
    }
    ip_bare_end(&bare);
    return ok;
}

static void refused_memory_is_survived(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_noted_mtu_counts_for_its_destination),
        cmocka_unit_test(it_never_grows_and_has_a_floor),
        cmocka_unit_test(after_ten_minutes_it_is_forgotten),
        cmocka_unit_test(the_oldest_gives_way),
        cmocka_unit_test(refused_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
