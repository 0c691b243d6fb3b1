/* Addresses from and to text. */
#include <lastack/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

struct pair {
    const char *in, *out;
};

static void both_ways(const struct pair *pairs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct la_addr addr, again;
        char text[LA_ADDR_TEXT];
        uint8_t *in = exact(pairs[i].in, strlen(pairs[i].in) + 1);
        assert_true(la_addr_parse((char *)in, &addr));
        free(in);
        assert_int_equal(la_addr_format(&addr, text, sizeof text), strlen(pairs[i].out));
        assert_string_equal(text, pairs[i].out);
        assert_true(la_addr_parse(text, &again));
        assert_true(la_addr_equal(&addr, &again));
    }
}

static void dotted_ipv4(void **state) {
    (void)state;
    static const struct pair pairs[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"10.0.0.1", "10.0.0.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"192.168.100.9", "192.168.100.9"},
        {"1.20.109.200", "1.20.109.200"},
    };
    both_ways(pairs, sizeof pairs / sizeof pairs[0]);
    struct la_addr parsed, made = la_addr4(192, 0, 2, 33);
    assert_true(la_addr_parse("192.0.2.33", &parsed));
    assert_true(la_addr_equal(&parsed, &made));
    assert_true(la_addr_is4(&made));
}

static void ipv6_as_rfc_5952_wants_it(void **state) {
    (void)state;
    static const struct pair pairs[] = {
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
        {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"fe80::a0b:c0d", "fe80::a0b:c0d"},
        {"FFFF:ffff:FFFF:ffff:FFFF:ffff:FFFF:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"::ffff:0:1.2.3.4", "::ffff:0:102:304"},
        {"::1.2.3.4", "::102:304"},
    };
    both_ways(pairs, sizeof pairs / sizeof pairs[0]);
}

static void mapped_addresses_are_ipv4(void **state) {
    (void)state;
    static const struct pair pairs[] = {
        {"::ffff:10.1.2.3", "10.1.2.3"},
        {"::FFFF:0a01:0203", "10.1.2.3"},
        {"0:0:0:0:0:ffff:10.1.2.3", "10.1.2.3"},
    };
    both_ways(pairs, sizeof pairs / sizeof pairs[0]);
    struct la_addr any6 = {{0}}, any4 = la_addr4(0, 0, 0, 0);
    assert_false(la_addr_is4(&any6));
    assert_true(la_addr_is4(&any4));
    assert_false(la_addr_equal(&any6, &any4));
}

static void what_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        ":",
        ":::",
        "::1::",
        "1",
        "1.2",
        "1.2.3",
        "1.2.3.",
        "1.2.3.4.",
        "1.2.3.4.5",
        ".1.2.3.4",
        "1..2.3",
        "256.1.1.1",
        "1.1.1.999",
        "1.2.3.4 ",
        " 1.2.3.4",
        "01.2.3.4",
        "1.2.3.00",
        "1.2.3.-4",
        "1.2.3.a",
        "0x1.2.3.4",
        "4294967297.0.0.1",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:",
        ":1:2:3:4:5:6:7",
        "1::2::3",
        "::1:2:3:4:5:6:7:8",
        "1:2:3:4::5:6:7:8",
        "12345::",
        "::g",
        "::1%eth0",
        "::1/128",
        "[::1]",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1.2.3",
        "::1.2.3.4:5",
        "::01.2.3.4",
        "1.2.3.4::",
        "::256.1.1.1",
        "1:::2",
        "::1:",
        "localhost",
        "::ffff:1.2.3.4.",
        "1:",
        "::1:2:3:4:5:6:7:1.2.3.4",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct la_addr addr;
        uint8_t *in = exact(bad[i], strlen(bad[i]) + 1);
        if (la_addr_parse((char *)in, &addr)) fail_msg("\"%s\" was taken for an address", bad[i]);
        free(in);
    }
}

static void any_text_ends(void **state) {
    (void)state;
    static const char alphabet[] = "0123456789abcdefF:::::....gG% ";
    uint32_t seed = 17;
    for (int round = 0; round < 200000; round++) {
        char text[50];
        size_t len = stream_next(&seed) % sizeof text;
        for (size_t i = 0; i < len; i++) text[i] = alphabet[stream_next(&seed) % (sizeof alphabet - 1)];
        text[len ? len - 1 : 0] = '\0';
        struct la_addr addr, again;
        char out[LA_ADDR_TEXT];
        if (!la_addr_parse(text, &addr)) continue;
        assert_true(la_addr_format(&addr, out, sizeof out) > 0);
        assert_true(la_addr_parse(out, &again));
        assert_true(la_addr_equal(&addr, &again));
    }
}

static void text_that_does_not_fit_is_not_written(void **state) {
    (void)state;
    static const char *const texts[] = {"255.255.255.255", "1:2:3:4:5:6:7:8", "::", "fe80::1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct la_addr addr;
        assert_true(la_addr_parse(texts[i], &addr));
        size_t need = strlen(texts[i]) + 1;
        assert_int_equal(la_addr_format(&addr, NULL, 0), 0);
        for (size_t size = 1; size < need; size++) {
            char *out = malloc(size);
            assert_int_equal(la_addr_format(&addr, out, size), 0);
            assert_string_equal(out, "");
            free(out);
        }
        char *out = malloc(need);
        assert_int_equal(la_addr_format(&addr, out, need), need - 1);
        assert_string_equal(out, texts[i]);
        free(out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dotted_ipv4),
        cmocka_unit_test(ipv6_as_rfc_5952_wants_it),
        cmocka_unit_test(mapped_addresses_are_ipv4),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(any_text_ends),
        cmocka_unit_test(text_that_does_not_fit_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
