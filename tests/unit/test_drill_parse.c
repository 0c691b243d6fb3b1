/* drill/parse.c: scripts, options, times, events, and how errors read. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "drill/ast.h"

static struct la_drill_script *parse_with(const char *text, const struct la_drill_options *options) {
    struct la_drill_script *script = NULL;
    struct la_drill_error error;
    int result = la_drill_parse(text, strlen(text), options, &script, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(result, 0);
    return script;
}

static struct la_drill_script *parse(const char *text) { return parse_with(text, NULL); }

static void refuse(const char *text, unsigned line, unsigned column, const char *expected) {
    struct la_drill_script *script;
    struct la_drill_error error;
    assert_int_equal(la_drill_parse(text, strlen(text), NULL, &script, &error), -LA_EINVAL);
    assert_null(script);
    assert_string_equal(error.text, expected);
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
}

static void a_script_is_options_events_and_outer_commands(void **state) {
    (void)state;
    struct la_drill_script *script = parse("// A script.\n"
                                           "--mtu=1280 --define=N=7\n"
                                           "`init\n now`\n"
                                           "0 socket(..., SOCK_STREAM, 0) = 3\n"
                                           "+0 `inner`\n"
                                           "+0 < S 0:0(0) win 1\n"
                                           "+1 %{ a\n b }%\n"
                                           "`cleanup`\n");
    assert_int_equal(la_drill_script_options(script)->mtu, 1280);
    assert_string_equal(script->init_command, "init\n now");
    assert_string_equal(script->cleanup_command, "cleanup");
    assert_int_equal(script->nevents, 4);
    const struct drill_event *event = script->events;
    assert_int_equal(event->kind, DRILL_EVENT_CALL);
    assert_int_equal(event->line, 5);
    assert_int_equal(event->column, 1);
    event = event->next;
    assert_int_equal(event->kind, DRILL_EVENT_COMMAND);
    assert_string_equal(event->text, "inner");
    event = event->next;
    assert_int_equal(event->kind, DRILL_EVENT_PACKET);
    event = event->next;
    assert_int_equal(event->kind, DRILL_EVENT_CODE);
    assert_string_equal(event->text, "a\n b");
    assert_null(event->next);
    la_drill_free(script);
}

static void check_time(const char *text, enum drill_time_kind kind, int64_t at_us, int64_t at_end_us) {
    struct la_drill_script *script = parse(text);
    assert_int_equal(script->events->time_kind, kind);
    assert_int_equal(script->events->at_us, at_us);
    assert_int_equal(script->events->at_end_us, at_end_us);
    la_drill_free(script);
}

static void times(void **state) {
    (void)state;
    check_time("0.25 > R 1:1(0)", DRILL_ABSOLUTE, 250000, 0);
    check_time("+3 > R 1:1(0)", DRILL_RELATIVE, 3000000, 0);
    check_time("+.0000014 > R 1:1(0)", DRILL_RELATIVE, 1, 0);
    check_time("+.0000015 > R 1:1(0)", DRILL_RELATIVE, 2, 0);
    check_time("+0.9999999 > R 1:1(0)", DRILL_RELATIVE, 1000000, 0);
    check_time("* > R 1:1(0)", DRILL_ANY_TIME, 0, 0);
    check_time("1~2.5 > R 1:1(0)", DRILL_ABSOLUTE_RANGE, 1000000, 2500000);
    check_time("+.1~+.2 > R 1:1(0)", DRILL_RELATIVE_RANGE, 100000, 200000);
}

static void a_blocking_call_has_two_times(void **state) {
    (void)state;
    struct la_drill_script *script = parse("0.1...0.35 accept(3, ..., ...) = 4");
    assert_true(script->events->call->blocking);
    assert_int_equal(script->events->at_us, 100000);
    assert_int_equal(script->events->call->end_us, 350000);
    la_drill_free(script);
}

static void times_that_cannot_be(void **state) {
    (void)state;
    refuse("-1 > R 1:1(0)", 1, 1, "a negative time");
    refuse("+-.5 > R 1:1(0)", 1, 2, "a negative time");
    refuse("+99999999999999999999 > R 1:1(0)", 1, 2, "a time of more than 100000000 seconds");
    refuse("2~1 > R 1:1(0)", 1, 1, "a time range that ends before it begins");
    refuse("+1~2 > R 1:1(0)", 1, 4, "expected '+' before the end of a relative time range, found \"2\"");
    refuse("\n * close(3) = 0", 2, 2, "time '*' is for outbound packets only");
    refuse("0~1 < R 1:1(0) win 1", 1, 1, "a time range is for outbound packets only");
    refuse("+ `x`", 1, 3, "expected a time in seconds, found `x`");
    char *many = calloc(11, 40);
    assert_non_null(many);
    for (int i = 0; i < 11; i++) strcat(many, "+99999999 `x`\n");
    refuse(many, 11, 2, "times of more than 30 years together");
    free(many);
}

static void the_command_line_wins_over_the_script(void **state) {
    (void)state;
    struct la_drill_options above = {0};
    char error[160];
    assert_true(la_drill_option_parse(&above, "--ip_version=ipv6", error, sizeof error));
    assert_true(la_drill_option_parse(&above, "-DLEN=2", error, sizeof error));
    struct la_drill_script *script = parse_with("--ip_version=ipv4\n--define=LEN=1\n--mtu=1400\n"
                                                "0 read(3, ..., LEN) = 0\n"
                                                "+0 < icmp packet_too_big mtu 1300\n",
                                                &above);
    assert_int_equal(script->options.ip_version, LA_DRILL_IPV6);
    assert_int_equal(script->options.mtu, 1400);
    assert_int_equal(script->events->call->arg[2]->integer, 2);
    assert_int_equal(script->events->next->packet->icmp.type, 2);
    la_drill_free(script);
}

static void standard_is_defined_and_systems_are_not(void **state) {
    (void)state;
    struct la_drill_script *script = parse("#ifdef STANDARD\n+0 `a`\n#endif\n#ifdef FreeBSD\n+0 `b`\n#endif\n");
    assert_int_equal(script->nevents, 1);
    assert_string_equal(script->events->text, "a");
    la_drill_free(script);
}

static void directives_see_the_defines_of_both(void **state) {
    (void)state;
    struct la_drill_options above = {0};
    char error[160];
    assert_true(la_drill_option_parse(&above, "-DMINE", error, sizeof error));
    struct la_drill_script *script = parse_with("#ifdef MINE\n--mtu=100\n#endif\n--define=HIS=1\n"
                                                "#ifdef HIS\n0 `a`\n#endif\n",
                                                &above);
    assert_int_equal(script->options.mtu, 100);
    assert_int_equal(script->nevents, 1);
    la_drill_free(script);
}

static void errors_say_what_stands_where(void **state) {
    (void)state;
    refuse("", 1, 1, "expected an event, which begins with a time, found the end of the script");
    refuse("--mtu=1500\n", 2, 1, "expected an event, which begins with a time, found the end of the script");
    refuse("0 `a`\nx", 2, 1, "expected the next event, which begins with a time, found \"x\"");
    refuse("0 `a`\n`b`\n0 `c`", 3, 1, "expected the end of the script behind the last command, found \"0\"");
    refuse("0 \x01", 1, 3,
           "expected '<' or '>' and a packet, a call, a `command` or %{ code }% behind the time, found \"\\x01\"");
    refuse("0 `a", 1, 3,
           "expected '<' or '>' and a packet, a call, a `command` or %{ code }% behind the time, found a `command` "
           "without end");
    refuse("--mtu=1", 1, 1, "--mtu wants bytes from 68 to 65535, not \"1\"");
    refuse("\n --nothing\n", 2, 2, "unknown option --nothing");
    refuse("--local_ip=fd::1\n0 `a`", 0, 0, "--local_ip is not an IPv4 address");
    refuse("0 `a`\n#ifdef FreeBSD\n+0 `b`", 2, 1,
           "expected the next event, which begins with a time, found #ifdef without #endif");
}

static void no_error_struct_is_needed(void **state) {
    (void)state;
    struct la_drill_script *script;
    assert_int_equal(la_drill_parse("x", 1, NULL, &script, NULL), -LA_EINVAL);
    la_drill_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_is_options_events_and_outer_commands),
        cmocka_unit_test(times),
        cmocka_unit_test(a_blocking_call_has_two_times),
        cmocka_unit_test(times_that_cannot_be),
        cmocka_unit_test(the_command_line_wins_over_the_script),
        cmocka_unit_test(standard_is_defined_and_systems_are_not),
        cmocka_unit_test(directives_see_the_defines_of_both),
        cmocka_unit_test(errors_say_what_stands_where),
        cmocka_unit_test(no_error_struct_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
