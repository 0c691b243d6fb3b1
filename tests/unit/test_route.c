/* Routes, paths, source addresses. */
#include "ip_rig.h"

static int route(struct ip_rig *rig, const char *prefix, unsigned len, const char *gateway, int iface, uint32_t mtu) {
    struct la_addr to = addr_of(prefix), by = addr_of(gateway ? gateway : "::");
    return ip_route_add(rig->ip, &to, len, gateway ? &by : NULL, iface, mtu);
}

static int find(struct ip_rig *rig, const char *dst, const char *src, uint16_t zone, struct ip_path *path) {
    struct la_addr to = addr_of(dst), from = addr_of(src ? src : "::");
    return ip_path_find(rig->ip, &to, src ? &from : NULL, zone, path);
}

static void expect_addr(const struct la_addr *addr, const char *text) {
    struct la_addr wanted = addr_of(text);
    assert_true(la_addr_equal(addr, &wanted));
}

/* Interface 0: 10.0.0.1/24, fd00::1/64; interface 1: 10.1.0.1/24, fd01::1/64 and link-local ones (Ethernet). */
static void begin(struct ip_rig *rig) {
    rig_begin(rig);
    rig_iface(rig, LA_LINK_ETHERNET, 1500);
    struct la_iface_config config = {.link = LA_LINK_ETHERNET, .mtu = 9000, .mac = {2, 0, 0, 0, 0, 9}};
    struct la_addr a4 = addr_of("10.1.0.1"), a6 = addr_of("fd01::1");
    assert_int_equal(ip_iface_add(rig->ip, &config), 1);
    assert_int_equal(ip_addr_add(rig->ip, 1, &a4, 24), 0);
    assert_int_equal(ip_addr_add(rig->ip, 1, &a6, 64), 0);
}

static void the_longest_prefix_wins(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_path path;
    begin(&rig);
    assert_int_equal(find(&rig, "8.8.8.8", NULL, 0, &path), -LA_ENETUNREACH);
    assert_int_equal(route(&rig, "0.0.0.0", 0, "10.0.0.254", 0, 0), 0);
    assert_int_equal(route(&rig, "8.8.0.0", 16, "10.1.0.254", 1, 1400), 0);
    assert_int_equal(find(&rig, "8.8.8.8", NULL, 0, &path), 0);
    assert_int_equal(path.iface, 1);
    assert_int_equal(path.mtu, 1400);
    assert_false(path.local_link);
    expect_addr(&path.next_hop, "10.1.0.254");
    expect_addr(&path.src, "10.1.0.1");
    assert_int_equal(find(&rig, "8.9.8.8", NULL, 0, &path), 0);
    expect_addr(&path.next_hop, "10.0.0.254");
    assert_int_equal(path.mtu, 1500);
    assert_int_equal(find(&rig, "10.1.0.7", NULL, 0, &path), 0);
    assert_true(path.local_link);
    expect_addr(&path.next_hop, "10.1.0.7");
    assert_int_equal(ip_path_room(&path), 8980);
    rig_end(&rig);
}

static int set(struct ip_rig *rig, const char *prefix, unsigned len, int iface, unsigned metric, uint32_t value) {
    struct la_addr to = addr_of(prefix);
    return ip_route_set(rig->ip, &to, len, iface, metric, value);
}

static void a_route_has_values_of_its_own(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_path path;
    begin(&rig);
    struct la_addr far = addr_of("8.8.8.8");
    assert_int_equal(set(&rig, "8.8.0.0", 16, -1, LA_ROUTE_ADVMSS, 600), -LA_ENOENT);
    assert_int_equal(route(&rig, "8.8.0.0", 16, NULL, 0, 0), 0);
    assert_int_equal(set(&rig, "8.8.0.0", 16, 1, LA_ROUTE_ADVMSS, 600), -LA_ENOENT);
    assert_int_equal(set(&rig, "8.8.1.2", 16, 0, LA_ROUTE_ADVMSS, 600), 0);
    assert_int_equal(set(&rig, "8.8.0.0", 16, -1, LA_ROUTE_INITCWND, 3), 0);
    assert_int_equal(set(&rig, "8.8.0.0", 16, -1, LA_ROUTE_INITRWND, 4), 0);
    assert_int_equal(set(&rig, "8.8.0.0", 16, -1, LA_ROUTE_INITRWND, 65536), -LA_EINVAL);
    assert_int_equal(set(&rig, "8.8.0.0", 16, -1, 77, 1), -LA_EINVAL);
    assert_int_equal(set(&rig, "8.8.0.0", 16, -1, LA_ROUTE_MTU, 67), -LA_EINVAL);
    assert_int_equal(set(&rig, "8.8.0.0", 16, -1, LA_ROUTE_MTU, 1400), 0);
    assert_int_equal(find(&rig, "8.8.8.8", NULL, 0, &path), 0);
    assert_int_equal(path.metrics.advmss, 600);
    assert_int_equal(path.metrics.initcwnd, 3);
    assert_int_equal(path.metrics.initrwnd, 4);
    assert_int_equal(path.mtu, 1400);
    ip_pmtu_note(rig.ip, &far, 1000);
    assert_int_equal(find(&rig, "8.8.8.8", NULL, 0, &path), 0);
    assert_int_equal(path.mtu, 1000);
    assert_int_equal(set(&rig, "8.8.0.0", 16, -1, LA_ROUTE_MTU_LOCK, 1300), 0); /* Whatever ICMP said. */
    assert_false(ip_path_valid(rig.ip, &path));
    assert_int_equal(find(&rig, "8.8.8.8", NULL, 0, &path), 0);
    assert_int_equal(path.mtu, 1300);
    assert_true(path.metrics.mtu_locked);
    assert_int_equal(set(&rig, "8.8.0.0", 16, -1, LA_ROUTE_MTU, 0), 0);
    assert_int_equal(find(&rig, "8.8.9.9", NULL, 0, &path), 0);
    assert_int_equal(path.mtu, 1500);
    assert_false(path.metrics.mtu_locked);
    rig_end(&rig);
}

static void among_equals_the_first_added_wins(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_path path;
    begin(&rig);
    assert_int_equal(route(&rig, "0.0.0.0", 0, "10.1.0.254", 1, 0), 0);
    assert_int_equal(route(&rig, "0.0.0.0", 0, "10.0.0.254", 0, 0), 0);
    assert_int_equal(find(&rig, "8.8.8.8", NULL, 0, &path), 0);
    assert_int_equal(path.iface, 1);
    rig_end(&rig);
}

static void families_do_not_mix(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_path path;
    begin(&rig);
    assert_int_equal(route(&rig, "::", 0, "fd00::fe", 0, 0), 0);
    assert_int_equal(find(&rig, "8.8.8.8", NULL, 0, &path), -LA_ENETUNREACH);
    assert_int_equal(find(&rig, "2001:db8::1", NULL, 0, &path), 0);
    expect_addr(&path.next_hop, "fd00::fe");
    assert_int_equal(route(&rig, "::", 0, "10.0.0.254", 0, 0), -LA_EINVAL);
    assert_int_equal(find(&rig, "2001:db8::1", "10.0.0.1", 0, &path), -LA_EADDRNOTAVAIL);
    rig_end(&rig);
}

static void routes_are_checked(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    assert_int_equal(route(&rig, "10.2.0.0", 16, NULL, 2, 0), -LA_ENOENT);
    assert_int_equal(route(&rig, "10.2.0.0", 33, NULL, 0, 0), -LA_EINVAL);
    assert_int_equal(route(&rig, "10.2.0.0", 16, NULL, 0, 67), -LA_EINVAL);
    assert_int_equal(route(&rig, "fd02::", 16, NULL, 0, 1279), -LA_EINVAL);
    assert_int_equal(route(&rig, "10.2.0.0", 16, "10.0.0.1", 0, 0), -LA_EINVAL);
    assert_int_equal(route(&rig, "10.2.0.0", 16, "224.0.0.1", 0, 0), -LA_EINVAL);
    assert_int_equal(route(&rig, "10.2.0.0", 16, "10.0.0.2", 0, 0), 0);
    assert_int_equal(route(&rig, "10.2.0.9", 16, "10.0.0.2", 0, 0), -LA_EEXIST);
    assert_int_equal(route(&rig, "10.2.0.0", 16, "10.0.0.3", 0, 0), 0);
    assert_int_equal(route(&rig, "10.0.0.0", 24, NULL, 0, 0), -LA_EEXIST);
    rig_end(&rig);
}

static void a_source_is_chosen_by_interface_scope_and_prefix(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_path path;
    begin(&rig);
    struct la_addr second = addr_of("10.0.0.129"), third = addr_of("fd00:0:0:1::1");
    assert_int_equal(ip_addr_add(rig.ip, 0, &second, 24), 0);
    assert_int_equal(ip_addr_add(rig.ip, 0, &third, 64), 0);
    find(&rig, "10.0.0.130", NULL, 0, &path);
    expect_addr(&path.src, "10.0.0.129");
    find(&rig, "10.0.0.2", NULL, 0, &path);
    expect_addr(&path.src, "10.0.0.1");
    find(&rig, "fd00:0:0:1::7", NULL, 0, &path);
    expect_addr(&path.src, "fd00:0:0:1::1");
    find(&rig, "fd00::7", NULL, 0, &path);
    expect_addr(&path.src, "fd00::1");
    assert_int_equal(find(&rig, "fe80::7", NULL, 1, &path), 0);
    expect_addr(&path.src, "fe80::ff:fe00:1");
    assert_int_equal(path.iface, 0);
    assert_int_equal(find(&rig, "fe80::7", NULL, 2, &path), 0);
    expect_addr(&path.src, "fe80::ff:fe00:9");
    assert_int_equal(path.iface, 1);
    /* A link-local source says which interface. */
    assert_int_equal(find(&rig, "fe80::7", "fe80::ff:fe00:9", 0, &path), 0);
    assert_int_equal(path.iface, 1);
    /* A given source is taken, on whatever interface it is. */
    assert_int_equal(find(&rig, "10.0.0.2", "10.1.0.1", 0, &path), 0);
    expect_addr(&path.src, "10.1.0.1");
    assert_int_equal(find(&rig, "10.0.0.2", "10.0.0.3", 0, &path), -LA_EADDRNOTAVAIL);
    assert_int_equal(find(&rig, "10.0.0.2", "0.0.0.0", 0, &path), 0);
    expect_addr(&path.src, "10.0.0.1");
    rig_end(&rig);
}

static void nothing_leads_to_ourselves(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_path path;
    begin(&rig);
    assert_int_equal(find(&rig, "10.0.0.1", NULL, 0, &path), -LA_EADDRNOTAVAIL);
    assert_int_equal(find(&rig, "fd01::1", NULL, 0, &path), -LA_EADDRNOTAVAIL);
    assert_int_equal(find(&rig, "0.0.0.0", NULL, 0, &path), -LA_EADDRNOTAVAIL);
    assert_int_equal(find(&rig, "::", NULL, 0, &path), -LA_EADDRNOTAVAIL);
    rig_end(&rig);
}

static void groups_and_broadcasts_stay_on_the_link(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_path path;
    begin(&rig);
    assert_int_equal(find(&rig, "10.0.0.255", NULL, 0, &path), 0);
    assert_true(path.broadcast && path.local_link);
    assert_int_equal(find(&rig, "255.255.255.255", NULL, 0, &path), 0);
    assert_true(path.broadcast && path.iface == 0);
    assert_int_equal(find(&rig, "255.255.255.255", NULL, 2, &path), 0);
    assert_true(path.broadcast && path.iface == 1);
    expect_addr(&path.src, "10.1.0.1");
    assert_int_equal(find(&rig, "224.0.0.251", NULL, 0, &path), 0);
    assert_false(path.broadcast);
    assert_int_equal(find(&rig, "ff02::2", NULL, 2, &path), 0);
    assert_int_equal(path.iface, 1);
    expect_addr(&path.src, "fe80::ff:fe00:9");
    assert_int_equal(find(&rig, "ff02::2", NULL, 9, &path), -LA_ENETUNREACH);
    /* Through a default route, a group is still on the link itself. */
    assert_int_equal(route(&rig, "0.0.0.0", 0, "10.1.0.254", 1, 0), 0);
    assert_int_equal(find(&rig, "224.0.0.251", NULL, 0, &path), 0);
    expect_addr(&path.next_hop, "224.0.0.251");
    rig_end(&rig);
}

static void a_path_is_valid_until_routing_changes(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_path path, none = {0};
    begin(&rig);
    assert_false(ip_path_valid(rig.ip, &none));
    find(&rig, "10.0.0.2", NULL, 0, &path);
    assert_true(ip_path_valid(rig.ip, &path));
    assert_int_equal(route(&rig, "10.2.0.0", 16, NULL, 0, 0), 0);
    assert_false(ip_path_valid(rig.ip, &path));
    find(&rig, "10.0.0.2", NULL, 0, &path);
    struct la_addr more = addr_of("10.3.0.1");
    assert_int_equal(ip_addr_add(rig.ip, 0, &more, 24), 0);
    assert_false(ip_path_valid(rig.ip, &path));
    rig_end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_has_values_of_its_own),
        cmocka_unit_test(the_longest_prefix_wins),
        cmocka_unit_test(among_equals_the_first_added_wins),
        cmocka_unit_test(families_do_not_mix),
        cmocka_unit_test(routes_are_checked),
        cmocka_unit_test(a_source_is_chosen_by_interface_scope_and_prefix),
        cmocka_unit_test(nothing_leads_to_ourselves),
        cmocka_unit_test(groups_and_broadcasts_stay_on_the_link),
        cmocka_unit_test(a_path_is_valid_until_routing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
