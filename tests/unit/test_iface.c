/* Interfaces, addresses, and whose packet it is. */
#include "ip_rig.h"

static void interfaces_are_numbered_and_checked(void **state) {
    (void)state;
    struct ip_rig rig;
    rig_begin(&rig);
    struct la_iface_config good = {.link = LA_LINK_IP, .mtu = 1500}, bad = good;
    assert_int_equal(ip_iface_add(rig.ip, &good), 0);
    assert_int_equal(ip_iface_add(rig.ip, &good), 1);
    assert_int_equal(ip_iface_count(rig.ip), 2);
    bad.mtu = 67;
    assert_int_equal(ip_iface_add(rig.ip, &bad), -LA_EINVAL);
    bad.mtu = 65536;
    assert_int_equal(ip_iface_add(rig.ip, &bad), -LA_EINVAL);
    bad = (struct la_iface_config){.link = (enum la_link)7, .mtu = 1500};
    assert_int_equal(ip_iface_add(rig.ip, &bad), -LA_EINVAL);
    bad = (struct la_iface_config){.link = LA_LINK_ETHERNET, .mtu = 1500, .mac = {1}};
    assert_int_equal(ip_iface_add(rig.ip, &bad), -LA_EINVAL);
    assert_null(ip_iface(rig.ip, 2));
    for (int i = 2; i < IP_IFACES_MAX; i++) assert_int_equal(ip_iface_add(rig.ip, &good), i);
    assert_int_equal(ip_iface_add(rig.ip, &good), -LA_ENOMEM);
    rig_end(&rig);
}

static int add(struct ip_rig *rig, int iface, const char *text, unsigned prefix_len) {
    struct la_addr addr = addr_of(text);
    return ip_addr_add(rig->ip, iface, &addr, prefix_len);
}

static void addresses_are_checked(void **state) {
    (void)state;
    struct ip_rig rig;
    rig_begin(&rig);
    rig_iface(&rig, LA_LINK_IP, 1500);
    assert_int_equal(add(&rig, 1, "10.1.0.1", 24), -LA_ENOENT);
    assert_int_equal(add(&rig, -1, "10.1.0.1", 24), -LA_ENOENT);
    assert_int_equal(add(&rig, 0, "10.0.0.1", 8), -LA_EEXIST);
    assert_int_equal(add(&rig, 0, "fd00::1", 64), -LA_EEXIST);
    assert_int_equal(add(&rig, 0, "10.1.0.1", 33), -LA_EINVAL);
    assert_int_equal(add(&rig, 0, "fd01::1", 129), -LA_EINVAL);
    assert_int_equal(add(&rig, 0, "0.0.0.0", 0), -LA_EINVAL);
    assert_int_equal(add(&rig, 0, "::", 0), -LA_EINVAL);
    assert_int_equal(add(&rig, 0, "224.0.0.1", 4), -LA_EINVAL);
    assert_int_equal(add(&rig, 0, "255.255.255.255", 32), -LA_EINVAL);
    assert_int_equal(add(&rig, 0, "ff02::1", 64), -LA_EINVAL);
    struct la_iface_config narrow = {.link = LA_LINK_IP, .mtu = 576};
    assert_int_equal(ip_iface_add(rig.ip, &narrow), 1);
    assert_int_equal(add(&rig, 1, "fd01::1", 64), -LA_EINVAL);
    assert_int_equal(add(&rig, 1, "10.1.0.1", 24), 0);
    rig_end(&rig);
}

static void many_addresses_are_all_found(void **state) {
    (void)state;
    struct ip_rig rig;
    rig_begin(&rig);
    rig_iface(&rig, LA_LINK_IP, 1500);
    for (uint8_t i = 0; i < 100; i++) {
        struct la_addr addr = la_addr4(10, 9, (uint8_t)(i * 37), 1);
        assert_int_equal(ip_addr_add(rig.ip, 0, &addr, 24), 0);
    }
    for (unsigned i = 0; i < 256; i++) {
        struct la_addr addr = la_addr4(10, 9, (uint8_t)i, 1);
        bool there = false;
        for (unsigned k = 0; k < 100; k++) there |= (uint8_t)(k * 37) == i;
        assert_int_equal(ip_is_local(rig.ip, &addr), there);
    }
    rig_end(&rig);
}

static void ethernet_with_ipv6_has_a_link_local_address(void **state) {
    (void)state;
    struct ip_rig rig;
    rig_begin(&rig);
    rig_iface(&rig, LA_LINK_ETHERNET, 1500);
    struct la_addr own = addr_of("fe80::ff:fe00:1");
    assert_true(ip_is_local(rig.ip, &own));
    assert_non_null(iface_local(rig.ip, 0, &own));
    /* The same one may be on another interface, and belongs to each by itself. */
    struct la_iface_config config = {.link = LA_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};
    assert_int_equal(ip_iface_add(rig.ip, &config), 1);
    assert_null(iface_local(rig.ip, 1, &own));
    assert_int_equal(add(&rig, 1, "fd01::1", 64), 0);
    assert_int_equal(iface_local(rig.ip, 1, &own)->iface, 1);
    assert_int_equal(iface_local(rig.ip, 0, &own)->iface, 0);
    assert_int_equal(add(&rig, 1, "fe80::ff:fe00:1", 64), -LA_EEXIST);
    rig_end(&rig);
}

static void destinations_are_accepted_or_not(void **state) {
    (void)state;
    static const struct {
        const char *dst;
        bool ours, multicast;
    } cases[] = {
        {"10.0.0.1", true, false},        {"10.0.0.2", false, true},       {"10.0.0.255", true, true},
        {"255.255.255.255", true, true},  {"10.0.1.255", false, true},     {"224.0.0.1", true, true},
        {"224.0.0.251", false, true},     {"127.0.0.1", false, true},      {"fd00::1", true, false},
        {"fd00::2", false, true},         {"ff02::1", true, true},         {"ff01::1", true, true},
        {"ff02::1:ff00:1", true, true},   {"ff02::1:ff00:2", false, true}, {"::1", false, true},
        {"fe80::ff:fe00:1", true, false}, {"0.0.0.0", false, true},
    };
    struct ip_rig rig;
    rig_begin(&rig);
    rig_iface(&rig, LA_LINK_ETHERNET, 1500);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct la_addr dst = addr_of(cases[i].dst);
        bool multicast;
        assert_int_equal(iface_accepts(rig.ip, 0, &dst, &multicast), cases[i].ours);
        if (cases[i].ours) assert_int_equal(multicast, cases[i].multicast);
    }
    rig_end(&rig);
}

static void sources_are_possible_or_not(void **state) {
    (void)state;
    static const struct {
        const char *src;
        bool ok;
    } cases[] = {
        {"10.0.0.2", true}, {"10.0.0.1", false},  {"10.0.0.255", false}, {"255.255.255.255", false},
        {"0.0.0.0", false}, {"127.0.0.1", false}, {"224.0.0.1", false},  {"8.8.8.8", true},
        {"fd00::2", true},  {"fd00::1", false},   {"::", false},         {"::1", false},
        {"ff02::1", false}, {"fe80::2", true},
    };
    struct ip_rig rig;
    rig_begin(&rig);
    rig_iface(&rig, LA_LINK_ETHERNET, 1500);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct la_addr src = addr_of(cases[i].src);
        assert_int_equal(iface_source_ok(rig.ip, 0, &src), cases[i].ok);
    }
    rig_end(&rig);
}

static void a_prefix_of_31_bits_has_no_broadcast_address(void **state) {
    (void)state;
    struct ip_rig rig;
    rig_begin(&rig);
    struct la_iface_config config = {.link = LA_LINK_IP, .mtu = 1500};
    assert_int_equal(ip_iface_add(rig.ip, &config), 0);
    assert_int_equal(add(&rig, 0, "10.0.0.2", 31), 0);
    struct la_addr other = addr_of("10.0.0.3");
    assert_false(iface_is_broadcast(rig.ip, 0, &other));
    assert_true(iface_source_ok(rig.ip, 0, &other));
    rig_end(&rig);
}

static void common_prefixes_are_counted_in_bits(void **state) {
    (void)state;
    struct la_addr a = addr_of("10.0.0.1"), b = addr_of("10.0.0.2"), c = addr_of("138.0.0.1");
    assert_int_equal(addr_common(&a, &a), 128);
    assert_int_equal(addr_common(&a, &b), 96 + 30);
    assert_int_equal(addr_common(&a, &c), 96);
}

static bool scenario(struct oom *oom) {
    struct ip_bare bare;
    bool ok = ip_bare_begin(&bare, oom);
    struct la_iface_config config = {.link = LA_LINK_ETHERNET, .mtu = 1500, .mac = {2}};
    ok = ok && ip_iface_add(bare.ip, &config) == 0;
    for (uint8_t i = 1; ok && i < 10; i++) {
        struct la_addr a4 = la_addr4(10, i, 0, 1), a6 = {{0xfd, i, [15] = 1}};
        int error = ip_addr_add(bare.ip, 0, &a4, 24);
        if (!error) error = ip_addr_add(bare.ip, 0, &a6, 64);
        ok = !error;
        if (error) assert_int_equal(error, -LA_ENOMEM);
    }
    ip_bare_end(&bare);
    return ok;
}

static void refused_memory_changes_nothing(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interfaces_are_numbered_and_checked),
        cmocka_unit_test(addresses_are_checked),
        cmocka_unit_test(many_addresses_are_all_found),
        cmocka_unit_test(ethernet_with_ipv6_has_a_link_local_address),
        cmocka_unit_test(destinations_are_accepted_or_not),
        cmocka_unit_test(sources_are_possible_or_not),
        cmocka_unit_test(a_prefix_of_31_bits_has_no_broadcast_address),
        cmocka_unit_test(common_prefixes_are_counted_in_bits),
        cmocka_unit_test(refused_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
