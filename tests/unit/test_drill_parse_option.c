/* drill/parse_option.c: TCP options of both grammars. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "drill/ast.h"

static struct la_drill_script *script;

static const struct drill_packet *parse(const char *options) {
    char text[300];
    struct la_drill_error error;
    int len = snprintf(text, sizeof text, "--define=COOKIE=0123456789abcdef\n0 > S 0:0(0) %s", options);
    la_drill_free(script);
    la_drill_parse(text, (size_t)len, NULL, &script, &error);
    assert_string_equal(error.text, "");
    return script->events->packet;
}

static void refuse(const char *options, const char *expected) {
    char text[300];
    struct la_drill_script *none;
    struct la_drill_error error;
    int len = snprintf(text, sizeof text, "0 > S 0:0(0) %s", options);
    assert_int_equal(la_drill_parse(text, (size_t)len, NULL, &none, &error), -LA_EINVAL);
    assert_string_equal(error.text, expected);
}

static void check_bytes(const struct drill_tcp_option *option, enum drill_option_kind kind, uint32_t value,
                        const char *bytes, unsigned len) {
    assert_int_equal(option->kind, kind);
    assert_int_equal(option->value, value);
    assert_int_equal(option->nbytes, len);
    assert_memory_equal(option->bytes, bytes, len);
}

static void options_of_a_syn(void **state) {
    (void)state;
    const struct drill_packet *packet = parse("<mss 1460,sackOK,TS val 100 ecr 7,nop,wscale 8,eol,eol,eol,eol>");
    assert_int_equal(packet->noptions, 9);
    assert_int_equal(packet->option[0].value, 1460);
    assert_int_equal(packet->option[1].kind, DRILL_OPT_SACKOK);
    assert_int_equal(packet->option[2].value, 100);
    assert_int_equal(packet->option[2].ecr, 7);
    assert_int_equal(packet->option[4].kind, DRILL_OPT_WSCALE);
    assert_int_equal(packet->option[8].kind, DRILL_OPT_EOL);
    packet = parse("");
    packet = parse("<...>");
    assert_true(packet->options_any);
}

static void sack_blocks(void **state) {
    (void)state;
    const struct drill_packet *packet = parse("<nop,nop,sack 1:1001 2001:4294967295 0:1>");
    assert_int_equal(packet->option[2].nblocks, 3);
    assert_int_equal(packet->option[2].block[1].from, 2001);
    assert_int_equal(packet->option[2].block[1].to, UINT32_MAX);
}

static void timestamps_with_wildcards(void **state) {
    (void)state;
    const struct drill_packet *packet = parse("<nop,nop,TS val ... ecr 5!>");
    assert_true(packet->option[2].value_any && packet->option[2].ecr_absolute && !packet->option[2].ecr_any);
    packet = parse("<nop,nop,TS val 1 ecr ...>");
    assert_true(packet->option[2].ecr_any && !packet->option[2].value_any);
}

static void cookies(void **state) {
    (void)state;
    check_bytes(&parse("<FO,nop,nop>")->option[0], DRILL_OPT_FO, 0, "", 0);
    check_bytes(&parse("<FO 0123456789,nop>")->option[0], DRILL_OPT_FO, 0, "\x01\x23\x45\x67\x89", 5);
    check_bytes(&parse("<FO COOKIE,nop,nop>")->option[0], DRILL_OPT_FO, 0, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
    check_bytes(&parse("<FOEXP 12ab,nop,nop>")->option[0], DRILL_OPT_FOEXP, 0, "\x12\xab", 2);
    check_bytes(&parse("<exp-FO>")->option[0], DRILL_OPT_FOEXP, 0, "", 0);
    check_bytes(&parse("<md5 valid,nop,nop>")->option[0], DRILL_OPT_MD5, 0, "", 0);
    check_bytes(&parse("<md5 00112233445566778899aabbccddeeff,nop,nop>")->option[0], DRILL_OPT_MD5, 0,
                "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
}

static void accurate_ecn(void **state) {
    (void)state;
    check_bytes(&parse("<ECN e0b 1,nop,nop,nop>")->option[0], DRILL_OPT_ECN, 172, "\0\0\1", 3);
    check_bytes(&parse("<ECN e1b 1 ceb 2 e0b 70000,nop>")->option[0], DRILL_OPT_ECN, 174, "\0\0\1\0\0\2\1\x11\x70", 9);
    check_bytes(&parse("<AccECN0,nop,nop>")->option[0], DRILL_OPT_ECN, 172, "", 0);
    check_bytes(&parse("<AccECN1 ee1b 1 eceb 2>")->option[0], DRILL_OPT_ECN, 174, "\0\0\1\0\0\2", 6);
    check_bytes(&parse("<exp-AccECN0 ee0b 1,nop>")->option[0], DRILL_OPT_GENERIC, 254, "\xac\xc0\0\0\1", 5);
}

static void any_option(void **state) {
    (void)state;
    check_bytes(&parse("<gen-77 0a0b>")->option[0], DRILL_OPT_GENERIC, 77, "\x0a\x0b", 2);
    check_bytes(&parse("<gen-30,nop,nop>")->option[0], DRILL_OPT_GENERIC, 30, "", 0);
    check_bytes(&parse("<exp-1a2b 0c0d,nop,nop>")->option[0], DRILL_OPT_GENERIC, 254, "\x1a\x2b\x0c\x0d", 4);
    check_bytes(&parse("<exp-tarr 3,nop,nop,nop>")->option[0], DRILL_OPT_GENERIC, 254, "\x00\xac\x06", 3);
    check_bytes(&parse("<exp-tarr>")->option[0], DRILL_OPT_GENERIC, 254, "\x00\xac", 2);
}

static void raw_bytes_become_options_where_they_are_some(void **state) {
    (void)state;
    const struct drill_packet *packet = parse("<020405b401010402>");
    assert_int_equal(packet->noptions, 4);
    assert_int_equal(packet->option[0].value, 1460);
    assert_null(script->not_applicable);
    parse("<02ff05b4>");
    assert_string_equal(script->not_applicable, "TCP options that are malformed");
}

static void errors(void **state) {
    (void)state;
    refuse("<>", "expected a TCP option, found \">\"");
    refuse("<mss>", "expected an MSS, found \">\"");
    refuse("<mss 65536>", "an MSS is out of range: 65536 is not from 0 to 65535");
    refuse("<mss 1 nop>", "expected '>' or ',' behind a TCP option, found \"nop\"");
    refuse("<nop>", "TCP options of 1 bytes do not fill 32-bit words: pad them with nop or eol");
    refuse("<sack 1:2 3:4 5:6 7:8 9:10>", "more than 4 SACK blocks");
    refuse("<sack 1>", "expected ':' behind the left edge of a SACK block, found \">\"");
    refuse("<FO 123>", "an odd number of hex digits");
    refuse("<FO 12xy>", "expected hex digits, found \"12xy\"");
    refuse("<md5 0011223344556677889900112233445566>", "more than 16 bytes in a TCP option");
    refuse("<TS 1>", "expected val behind TS, found \"1\"");
    refuse("<ECN ceb 1>", "expected e0b or e1b behind ECN, found \"ceb\"");
    refuse("<gen-256>", "expected a TCP option, found \"gen\"");
    refuse("<wscale 256>", "a window scale is out of range: 256 is not from 0 to 255");
}

static int forget(void **state) {
    (void)state;
    la_drill_free(script);
    script = NULL;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(options_of_a_syn, forget),
        cmocka_unit_test_teardown(sack_blocks, forget),
        cmocka_unit_test_teardown(timestamps_with_wildcards, forget),
        cmocka_unit_test_teardown(cookies, forget),
        cmocka_unit_test_teardown(accurate_ecn, forget),
        cmocka_unit_test_teardown(any_option, forget),
        cmocka_unit_test_teardown(raw_bytes_become_options_where_they_are_some, forget),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
