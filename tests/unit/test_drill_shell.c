/* drill/shell*.c: which commands the small shell runs itself, with which status and output, and which it leaves. */
#include "support/drill_rig.h"

#include <stdio.h>

#include "drill/shell.h"
#include "drill/shell_grep.h"
#include "drill/shell_parse.h"

struct helper {
    const char *path, *text;
};

static const char *read_helper(void *ctx, const char *path) {
    for (const struct helper *h = ctx; h->path; h++)
        if (!strcmp(h->path, path)) return h->text;
    return NULL;
}

static int run(struct drill_rig *rig, const struct la_drill_host *host, const char *command) {
    return shell_run(rig->target, command, host, rig->output, sizeof rig->output);
}

static int64_t get(const struct drill_rig *rig, const char *name) {
    int64_t value;
    assert_int_equal(la_get(drill_rig_stack(rig), name, &value), 0);
    return value;
}

static void statuses_and_outputs_are_those_of_sh(void **state) {
    (void)state;
    static const struct {
        const char *command;
        int status;
        const char *output;
    } row[] = {
        {"", 0, ""},
        {"  # nothing", 0, ""},
        {"true", 0, ""},
        {"false", 1, ""},
        {"false; true", 0, ""},
        {"true\nfalse\n", 1, ""},
        {"false && echo a || echo b", 0, "b\n"},
        {"true && echo a || echo b", 0, "a\n"},
        {"true || false && false", 1, ""},
        {"false || false || echo 'c  d'", 0, "c  d\n"},
        {"echo a\\ b \"c'd\" 'e\"f'", 0, "a b c'd e\"f\n"},
        {"echo -n a b", 0, "a b"},
        {"echo a#b # c", 0, "a#b\n"},
        {"echo \\\n a", 0, "a\n"},
        {"echo $((15*1024*1024)) \"x $((2 * (3 + 4)))\"", 0, "15728640 x 14\n"},
        {"echo a > /dev/null", 0, ""},
        {"echo a >/dev/null 2>&1; echo b", 0, "b\n"},
        {"echo a 1>&2", 0, "a\n"},
        {"false | true", 0, ""},
        {"true | false", 1, ""},
        {"echo abc | grep b", 0, "abc\n"},
        {"echo abc | grep -c b | grep 1", 0, "1\n"},
        {"echo abc | grep -c x | grep 0", 0, "0\n"},
        {"echo abc | grep x", 1, ""},
        {"echo abc | grep -v x", 0, "abc\n"},
        {"echo abc | grep -qi B", 0, ""},
        {"echo abc | cat | wc -l", 0, "1\n"},
        {"sysctl -w net.ipv4.tcp_sack=0", 0, "net.ipv4.tcp_sack = 0\n"},
        {"sysctl -q no.such.name=1 2>/dev/null", 1, ""},
        {"/sbin/sysctl -n net.ipv4.tcp_sack", 0, "0\n"},
        {"cat /proc/sys/net/ipv4/tcp_sack", 0, "0\n"},
        {"echo 1 > /proc/sys/net/ipv4/tcp_sack; cat /proc/sys/net/ipv4/tcp_sack", 0, "1\n"},
        {"echo 3 > /sys/module/tcp_cubic/parameters/hystart_detect", 0, ""},
        {"grep -c . /proc/net/tcp /proc/net/tcp6", 0, "/proc/net/tcp:1\n/proc/net/tcp6:1\n"},
        {"grep ' 0A ' /proc/net/tcp | grep ':1F90'", 1, ""},
    };
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        int status = run(&rig, NULL, row[i].command);
        if (status != row[i].status || strcmp(rig.output, row[i].output) != 0)
            fail_msg("%s: status %d, output \"%s\"", row[i].command, status, rig.output);
    }
    drill_rig_close(&rig);
}

/* Nothing of them is run: the value stays. */
static void what_it_does_not_know_is_left_to_a_real_shell(void **state) {
    (void)state;
    static const char *const rest[] = {
        "ls",
        "echo $HOME",
        "echo `date`",
        "echo *",
        "echo a &",
        "(echo a)",
        "echo a > file",
        "A=1 echo a",
        "! true",
        "if true; then true; fi",
        "echo 'a",
        "echo \"a",
        "cat file",
        "cat < file",
        "cat",
        "echo a |",
        "true &&",
        "echo a ;; true",
        "echo -e a",
        "echo 'a\\n'",
        "echo ~",
        "grep a",
        "echo a | grep -o a",
        "echo a | grep 'a\\|b'",
        "echo a | grep -E '(a|b)'",
        "./helper.sh",
        "echo $PPID",
        "echo $((1/0))",
        "echo $((x))",
        "echo $((9223372036854775807+1))",
        "echo {a,b}",
        "wc -l",
        "echo 1 > /proc/sys/net/ipv4/no_such",
        "sysctl -w net.ipv4.tcp_sack=0 ; dd if=/dev/zero",
        "[ a = a ]",
    };
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    for (size_t i = 0; i < COUNT_OF(rest); i++) {
        char command[200];
        snprintf(command, sizeof command, "sysctl -w net.ipv4.tcp_sack=0; %s", rest[i]);
        if (run(&rig, NULL, command) != SHELL_CANNOT) fail_msg("%s: \"%s\"", rest[i], rig.output);
    }
    assert_int_equal(get(&rig, "net.ipv4.tcp_sack"), 1);
    drill_rig_close(&rig);
}

static void helper_scripts_are_read_and_run(void **state) {
    (void)state;
    static const struct helper helpers[] = {
        {"../common/defaults.sh",
         "#!/bin/bash\n# Values.\n\nip tcp_metrics flush all > /dev/null 2>&1\n"
         "sysctl -q net.ipv4.tcp_rmem=\"4096 540000 $((15*1024*1024))\"\n"
         "sysctl -q net.ipv4.tcp_fack=1 net.ipv4.tcp_sack=0\ntc qdisc add dev tun0 root pfifo\n"},
        {"./outer", "../common/defaults.sh"},
        {"./loop", "./loop"},
        {"./fan", "./few; ./few; ./few; ./few; ./few; ./few; ./few; ./few"},
        {"./few", "./one; ./one; ./one; ./one; ./one; ./one; ./one; ./one"},
        {"./one", "true"},
        {"./python", "#!/usr/bin/env python3\n"},
        {"./fails", "echo no\nfalse"},
        {"./parent", "echo $PPID"},
        {"/tmp/restore_77.sh", "#!/bin/sh\necho \"1\" > /proc/sys/net/ipv4/tcp_sack\n"},
        {NULL, NULL},
    };
    struct la_drill_host host = {.ctx = (void *)(uintptr_t)helpers, .read_file = read_helper, .pid = 77};
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    assert_int_equal(run(&rig, &host, "./outer"), 0);
    assert_int_equal(get(&rig, "net.ipv4.tcp_rmem_max"), 15 * 1024 * 1024);
    assert_int_equal(get(&rig, "net.ipv4.tcp_sack"), 0);
    assert_int_equal(run(&rig, &host, "../common/defaults.sh"), 2); /* Its last line: there is a discipline now. */
    assert_int_equal(run(&rig, &host, "/tmp/restore_${PPID}.sh"), 0);
    assert_int_equal(get(&rig, "net.ipv4.tcp_sack"), 1);
    assert_int_equal(run(&rig, &host, "./fails || echo yes"), 0);
    assert_string_equal(rig.output, "no\nyes\n");
    assert_int_equal(run(&rig, &host, "./loop"), SHELL_CANNOT);
    assert_int_equal(run(&rig, &host, "./few"), 0);
    assert_int_equal(run(&rig, &host, "./fan"), SHELL_CANNOT); /* 73 in all. */
    assert_int_equal(run(&rig, &host, "./python"), SHELL_CANNOT);
    assert_int_equal(run(&rig, &host, "./parent"), SHELL_CANNOT);
    drill_rig_close(&rig);
}

static void what_the_stack_lacks_ends_the_command(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "freebsd");
    assert_int_equal(run(&rig, NULL, "echo 'add …' | setkey -c; true"), -LA_EOPNOTSUPP);
    assert_non_null(strstr(rig.output, "TCP-MD5"));
    assert_int_equal(run(&rig, NULL, "sysctl -w net.inet.tcp.udp_tunneling_port=9811 2>/dev/null || true"),
                     -LA_EOPNOTSUPP);
    assert_non_null(strstr(rig.output, "TCP over UDP"));
    drill_rig_close(&rig);
}

static void patterns_match_as_in_grep(void **state) {
    (void)state;
    static const struct {
        const char *option, *pattern, *line;
        int selected; /* -1: left to the real one. */
    } row[] = {
        {"-q", "", "abc", 1},           {"-q", "^a", "abc", 1},    {"-q", "^b", "abc", 0},
        {"-q", "c$", "abc", 1},         {"-q", "b$", "abc", 0},    {"-q", "^$", "abc", 0},
        {"-q", "a.c", "abc", 1},        {"-q", "ab*c", "ac", 1},   {"-q", "ab*c", "abbbc", 1},
        {"-q", "a.*d", "abc", 0},       {"-q", "[a-c]x", "cx", 1}, {"-q", "[^a-c]x", "cx", 0},
        {"-q", "a\\.b", "axb", 0},      {"-q", "a\\.b", "a.b", 1}, {"-q", "a+b", "a+b", 1},
        {"-E", "^a+b", "aab", 1},       {"-E", "ax?b", "ab", 1},   {"-E", "a|b", "a", -1},
        {"-q", "[[:alpha:]]", "a", -1}, {"-F", "a.c", "abc", 0},   {"-F", "^a", "^a", 1},
        {"-i", "ABC", "xabcx", 1},      {"-o", "a", "a", -1},      {"-q", "[]a]", "]", 1},
        {"-q", "[a", "a", -1},          {"-q", "*a", "*a", -1},    {"-q", "a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaa", 0},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const char *argv[] = {"grep", row[i].option, row[i].pattern, NULL};
        char out[64];
        struct drill_text text = drill_text_in(out, sizeof out);
        struct grep grep;
        int selected = grep_read(&grep, 3, argv) ? (int)grep_text(&grep, row[i].line, NULL, &text) : -1;
        if (selected != row[i].selected) fail_msg("%s %s: %d", row[i].option, row[i].pattern, selected);
    }
}

static void arithmetic_is_exact_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } row[] = {
        {"1+2*3", true, 7}, {"(1+2)*3", true, 9}, {"-4", true, -4},    {"7/2", true, 3}, {"7 % 4", true, 3},
        {"0x10", true, 16}, {"1 2", false, 0},    {"", false, 0},      {"1+", false, 0}, {"(1", false, 0},
        {"1/0", false, 0},  {"a", false, 0},      {"10-3-2", true, 5}, {"08", false, 0}, {"- -1", true, 1},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        int64_t value = 0;
        bool ok = shell_arithmetic(row[i].text, strlen(row[i].text), &value);
        if (ok != row[i].ok || (ok && value != row[i].value)) fail_msg("%s", row[i].text);
    }
    char deep[200];
    int64_t value;
    memset(deep, '(', sizeof deep);
    assert_false(shell_arithmetic(deep, sizeof deep, &value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_and_outputs_are_those_of_sh),
        cmocka_unit_test(what_it_does_not_know_is_left_to_a_real_shell),
        cmocka_unit_test(helper_scripts_are_read_and_run),
        cmocka_unit_test(what_the_stack_lacks_ends_the_command),
        cmocka_unit_test(patterns_match_as_in_grep),
        cmocka_unit_test(arithmetic_is_exact_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
