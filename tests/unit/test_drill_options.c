/* drill/options.c: values, defaults, and who wins. */
#include "support/unit.h"

#include <string.h>

#include "drill/options.h"

static void accept(struct la_drill_options *options, const char *text) {
    char error[160] = "";
    bool ok = la_drill_option_parse(options, text, error, sizeof error);
    assert_string_equal(error, "");
    assert_true(ok);
}

static void refuse(const char *text, const char *expected) {
    struct la_drill_options options = {0};
    char error[160] = "";
    assert_false(la_drill_option_parse(&options, text, error, sizeof error));
    assert_string_equal(error, expected);
    assert_int_equal(options.set, 0);
}

static void check_addr(const struct la_addr *addr, const char *expected) {
    char text[LA_ADDR_TEXT];
    la_addr_format(addr, text, sizeof text);
    assert_string_equal(text, expected);
}

static void values_are_read(void **state) {
    (void)state;
    struct la_drill_options o = {0};
    accept(&o, "--ip_version=ipv4-mapped-ipv6");
    assert_int_equal(o.ip_version, LA_DRILL_IPV4_MAPPED_IPV6);
    accept(&o, "--ip_version=ipv6");
    accept(&o, "--tolerance_usecs=75000");
    accept(&o, "--tolerance_percent=.5");
    accept(&o, "--mtu=1280");
    accept(&o, "--mss=1000");
    accept(&o, "--tcp_ts_tick_usecs=1000");
    accept(&o, "--tcp_ts_ecr_scaled");
    accept(&o, "--strict_segments");
    accept(&o, "--non_fatal=packet, syscall");
    accept(&o, "--local_ip=fd::1");
    accept(&o, "--remote_ip=2001:db8::1/32");
    accept(&o, "--netmask_ip=255.255.255.0");
    accept(&o, "--bind_port=80");
    accept(&o, "--udp_encapsulation=tcp");
    assert_int_equal(o.ip_version, LA_DRILL_IPV6);
    assert_int_equal(o.tolerance_us, 75000);
    assert_true(o.tolerance_percent > 0.49 && o.tolerance_percent < 0.51);
    assert_int_equal(o.mtu, 1280);
    assert_int_equal(o.mss, 1000);
    assert_int_equal(o.tcp_ts_tick_us, 1000);
    assert_true(o.tcp_ts_ecr_scaled && o.strict_segments && o.non_fatal_packet && o.non_fatal_syscall && o.udp_encaps);
    check_addr(&o.local, "fd::1");
    check_addr(&o.remote, "2001:db8::1");
    assert_int_equal(o.prefix_len, 24);
    assert_int_equal(o.bind_port, 80);
}

static void names_without_meaning_are_accepted(void **state) {
    (void)state;
    static const char *const names[] = {"-v",
                                        "--verbose",
                                        "--debug",
                                        "--wire_server_dev=eth0",
                                        "--dry_run",
                                        "--code_command=\"python3\"",
                                        "--tcp_md5_secret=x",
                                        "--no_cleanup"};
    struct la_drill_options o = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) accept(&o, names[i]);
    assert_int_equal(o.set, 0);
}

static void what_is_wrong_is_said(void **state) {
    (void)state;
    refuse("--nothing=1", "unknown option --nothing");
    refuse("mtu=1", "an option begins with --, not \"mtu=1\"");
    refuse("--mtu", "--mtu wants a value");
    refuse("--strict_segments=1", "--strict_segments has no value");
    refuse("--mtu=12", "--mtu wants bytes from 68 to 65535, not \"12\"");
    refuse("--mtu=99999999999999999999999", "--mtu wants bytes from 68 to 65535, not \"99999999999999999999999\"");
    refuse("--tolerance_usecs=-1", "--tolerance_usecs wants microseconds, at least 1, not \"-1\"");
    refuse("--tolerance_percent=100.1", "--tolerance_percent wants a number from 0 to 100, not \"100.1\"");
    refuse("--ip_version=5", "--ip_version wants ipv4, ipv6 or ipv4-mapped-ipv6, not \"5\"");
    refuse("--local_ip=1.2.3", "--local_ip wants an IP address, not \"1.2.3\"");
    refuse("--netmask_ip=255.0.255.0", "--netmask_ip wants an IPv4 netmask, not \"255.0.255.0\"");
    refuse("--non_fatal=all", "--non_fatal wants packet, syscall or both with a comma, not \"all\"");
    refuse("-D1=2", "--define wants NAME=value of less than 48 and 208 characters, 32 at most, not \"1=2\"");
}

static void defines_are_kept_as_written(void **state) {
    (void)state;
    struct la_drill_options o = {0};
    accept(&o, "-DA=1");
    accept(&o, "-D B=\"x y\"");
    accept(&o, "--define=C=`ls`");
    accept(&o, "-DD");
    accept(&o, "-DA=2=3");
    assert_int_equal(o.ndefines, 4);
    assert_string_equal(o.define[0].value, "2=3");
    assert_string_equal(o.define[1].name, "B");
    assert_string_equal(o.define[1].value, "\"x y\"");
    assert_string_equal(o.define[2].value, "`ls`");
    assert_string_equal(o.define[3].value, "");
}

static void there_is_room_for_so_many_defines(void **state) {
    (void)state;
    struct la_drill_options o = {0};
    char text[8] = "-DA0=1", error[160];
    for (unsigned i = 0; i < LA_DRILL_DEFINES; i++) {
        text[2] = (char)('A' + i / 10);
        text[3] = (char)('0' + i % 10);
        accept(&o, text);
    }
    assert_false(la_drill_option_parse(&o, "-DX=1", error, sizeof error));
    accept(&o, "-DA0=2");
}

static void defaults_follow_the_ip_version(void **state) {
    (void)state;
    char error[120];
    struct la_drill_options o = {0};
    assert_true(drill_options_complete(&o, error, sizeof error));
    assert_int_equal(o.tolerance_us, 4000);
    assert_true(o.tolerance_percent == 12.5);
    assert_int_equal(o.mtu, 1500);
    assert_int_equal(o.bind_port, 8080);
    assert_int_equal(o.connect_port, 8080);
    assert_int_equal(o.prefix_len, 16);
    check_addr(&o.local, "192.168.0.1");
    check_addr(&o.remote, "192.0.2.1");
    struct la_drill_options o6 = {0};
    accept(&o6, "--ip_version=ipv6");
    assert_true(drill_options_complete(&o6, error, sizeof error));
    assert_int_equal(o6.prefix_len, 48);
    check_addr(&o6.local, "fd3d:fa7b:d17d::1");
    check_addr(&o6.remote, "2001:db8::1");
}

static void an_address_must_fit_the_ip_version(void **state) {
    (void)state;
    char error[120];
    struct la_drill_options o = {0};
    accept(&o, "--remote_ip=fd::1");
    assert_false(drill_options_complete(&o, error, sizeof error));
    assert_string_equal(error, "--remote_ip is not an IPv4 address");
}

static void what_is_merged_over_wins(void **state) {
    (void)state;
    struct la_drill_options script = {0}, above = {0};
    accept(&script, "--mtu=9000");
    accept(&script, "--bind_port=1");
    accept(&script, "-DA=script");
    accept(&above, "--mtu=1280");
    accept(&above, "-DA=above");
    accept(&above, "-DB=above");
    assert_true(drill_options_merge(&script, &above));
    assert_int_equal(script.mtu, 1280);
    assert_int_equal(script.bind_port, 1);
    assert_int_equal(script.ndefines, 2);
    assert_string_equal(script.define[0].value, "above");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(names_without_meaning_are_accepted),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(defines_are_kept_as_written),
        cmocka_unit_test(there_is_room_for_so_many_defines),
        cmocka_unit_test(defaults_follow_the_ip_version),
        cmocka_unit_test(an_address_must_fit_the_ip_version),
        cmocka_unit_test(what_is_merged_over_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
