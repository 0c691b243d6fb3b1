/* drill/icmp_names.c: names and numbers of both IP versions. */
#include "support/unit.h"

#include <string.h>

#include "drill/icmp_names.h"

static void check_type(bool ip6, const char *name, int expected) {
    uint8_t type = 0;
    assert_int_equal(icmp_type_of(ip6, name, strlen(name), &type) ? type : -1, expected);
}

static void check_code(bool ip6, uint8_t type, const char *name, int expected) {
    uint8_t code = 0;
    assert_int_equal(icmp_code_of(ip6, type, name, strlen(name), &code) ? code : -1, expected);
}

static void a_name_means_what_its_ip_version_says(void **state) {
    (void)state;
    check_type(false, "unreachable", 3);
    check_type(true, "unreachable", 1);
    check_type(true, "packet_too_big", 2);
    check_type(false, "packet_too_big", -1);
    check_type(true, "source_quench", -1);
    check_type(false, "unreach", -1);
    check_code(false, 3, "port_unreachable", 3);
    check_code(true, 1, "port_unreachable", 4);
    check_code(true, 1, "net_unreachable", 0);
    check_code(false, 11, "port_unreachable", -1);
    check_code(false, 11, "frag_reass_exceeded", 1);
}

static void any_number_can_be_said(void **state) {
    (void)state;
    check_type(false, "type_0", 0);
    check_type(true, "type_255", 255);
    check_type(true, "type_256", -1);
    check_type(true, "type_", -1);
    check_type(true, "type_1x", -1);
    check_type(true, "type_0001", -1);
    check_code(false, 3, "code_255", 255);
    check_code(false, 77, "code_7", 7);
}

static void every_name_that_is_written_reads_as_its_number(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2 * 256 * 256; i++) {
        bool ip6 = i >> 16;
        uint8_t type = (uint8_t)(i >> 8), code = (uint8_t)i;
        const char *name = icmp_type_name(ip6, type);
        if (name && code == 0) check_type(ip6, name, type);
        name = icmp_code_name(ip6, type, code);
        if (name) check_code(ip6, type, name, code);
    }
    assert_string_equal(icmp_code_name(true, 1, 0), "no_route");
    assert_null(icmp_type_name(false, 200));
    assert_null(icmp_code_name(false, 3, 200));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_means_what_its_ip_version_says),
        cmocka_unit_test(any_number_can_be_said),
        cmocka_unit_test(every_name_that_is_written_reads_as_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
