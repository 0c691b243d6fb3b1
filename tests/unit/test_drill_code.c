/* drill/code.c: code blocks and samples to one Python program. What Python makes of it is asked of python3 itself. */
#define _GNU_SOURCE
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/code.h"

static const char *program_of(struct drill_code *code) {
    const char *program = code_program(code);
    assert_non_null(program);
    return program;
}

static void put32(uint8_t *bytes, size_t offset, uint32_t value) { memcpy(bytes + offset, &value, sizeof value); }

static void nothing_gives_no_program(void **state) {
    (void)state;
    struct drill_code *code = code_new();
    assert_null(code_program(code));
    assert_false(code_add_more(code, "", 1, "", 1));
    code_free(code);
    code_free(NULL);
}

static void fields_get_their_values(void **state) {
    (void)state;
    uint8_t info[280] = {1, 3};
    info[5] = 0x27;
    put32(info, 80, 10);
    put32(info, 16, 1460);
    struct drill_code *code = code_new();
    assert_true(code_add(code, "assert True", 7, info, sizeof info));
    const char *program = program_of(code);
    assert_non_null(strstr(program, "    tcpi_state=1,\n"));
    assert_non_null(strstr(program, "    tcpi_ca_state=3,\n"));
    assert_non_null(strstr(program, "    tcpi_options=39,\n"));
    assert_non_null(strstr(program, "    tcpi_snd_cwnd=10,\n"));
    assert_non_null(strstr(program, "    tcpi_snd_mss=1460,\n"));
    assert_non_null(strstr(program, "    tcpi_received_ce_bytes=0,\n"));
    assert_non_null(strstr(program, "run(7, b'assert True')"));
    code_free(code);
}

static void a_shorter_struct_gives_fewer_names(void **state) {
    (void)state;
    uint8_t info[100] = {0};
    struct drill_code *code = code_new();
    assert_true(code_add(code, "pass", 1, info, sizeof info));
    assert_non_null(strstr(program_of(code), "tcpi_rcv_space="));
    assert_null(strstr(program_of(code), "tcpi_total_retrans="));
    code_free(code);
    code = code_new();
    assert_true(code_add(code, "pass", 1, NULL, 0));
    assert_null(strstr(program_of(code), "tcpi_state="));
    code_free(code);
}

static void other_samples_have_names_too(void **state) {
    (void)state;
    uint32_t bbr[5] = {7, 1, 2, 3, 4}, memory[9] = {11, 22, 33};
    struct drill_code *code = code_new();
    assert_true(code_add(code, "pass", 1, NULL, 0));
    assert_true(code_add_more(code, bbr, sizeof bbr, memory, sizeof memory));
    const char *program = program_of(code);
    assert_non_null(strstr(program, "bbr_bw=4294967303,"));
    assert_non_null(strstr(program, "bbr_cwnd_gain=4,"));
    assert_non_null(strstr(program, "dctcp_alpha=1,"));
    assert_non_null(strstr(program, "SK_MEMINFO_RCVBUF=22,"));
    code_free(code);
}

static void text_cannot_leave_its_literal(void **state) {
    (void)state;
    struct drill_code *code = code_new();
    assert_true(code_add(code, "x = 'a\\b'\n\xc3\xa4", 1, NULL, 0));
    assert_non_null(strstr(program_of(code), "run(1, b'x = \\x27a\\x5cb\\x27\\x0a\\xc3\\xa4')"));
    code_free(code);
}

/* Runs the program under python3; returns the exit status, with what it printed. */
static int python(struct drill_code *code, char *output, size_t size) {
    char path[] = "/tmp/test_drill_code_XXXXXX", command[128];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    fputs(program_of(code), file);
    fclose(file);
    snprintf(command, sizeof command, "python3 %s 2>&1", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t len = fread(output, 1, size - 1, pipe);
    output[len] = '\0';
    int status = pclose(pipe);
    remove(path);
    return status;
}

static bool have_python(void) { return system("python3 -c '' >/dev/null 2>&1") == 0; }

static void blocks_run_in_order_with_what_was_sampled(void **state) {
    (void)state;
    if (!have_python()) skip();
    struct {
        unsigned sent : 4, received : 4;
    } scales = {8, 7};
    uint8_t info[280] = {1};
    char output[512];
    struct drill_code *code = code_new();
    memcpy(&info[6], &scales, 1);
    put32(info, 80, 10);
    assert_true(code_add(code, "TCP_INFINITE_SSTHRESH = 0x7fffffff", 3, NULL, 0));
    assert_true(code_add(code,
                         "\n    assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd\n    assert tcpi_state == TCP_ESTABLISHED\n",
                         4, info, sizeof info));
    put32(info, 80, 11);
    assert_true(code_add(code, "assert tcpi_snd_cwnd == 11\nassert TCP_INFINITE_SSTHRESH == 2147483647\n", 9, info,
                         sizeof info));
    assert_true(code_add(code, "assert (tcpi_snd_wscale, tcpi_rcv_wscale) == (8, 7)", 12, info, sizeof info));
    assert_int_equal(python(code, output, sizeof output), 0);
    assert_string_equal(output, "");
    code_free(code);
}

static void expect_failure(const char *text, unsigned line, const void *info, size_t len, const char *said) {
    char output[512];
    struct drill_code *code = code_new();
    assert_true(code_add(code, text, line, info, len));
    assert_int_not_equal(python(code, output, sizeof output), 0);
    assert_string_equal(output, said);
    code_free(code);
}

static void failures_name_the_scripts_line(void **state) {
    (void)state;
    if (!have_python()) skip();
    uint8_t info[280] = {0};
    put32(info, 80, 9);
    expect_failure("assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd", 25, info, sizeof info,
                   "line 25: assertion failed: 9\n    assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd\n");
    expect_failure("\nassert True\nassert False\n", 25, info, sizeof info,
                   "line 27: assertion failed\n    assert False\n");
    expect_failure("assert tcpi_state == 1", 5, NULL, 0,
                   "line 5: NameError: name 'tcpi_state' is not defined\n    assert tcpi_state == 1\n");
    expect_failure("def f():\n  assert 0, 'deep'\nf()", 8, NULL, 0,
                   "line 9: assertion failed: deep\n    assert 0, 'deep'\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_gives_no_program),
        cmocka_unit_test(fields_get_their_values),
        cmocka_unit_test(a_shorter_struct_gives_fewer_names),
        cmocka_unit_test(other_samples_have_names_too),
        cmocka_unit_test(text_cannot_leave_its_literal),
        cmocka_unit_test(blocks_run_in_order_with_what_was_sampled),
        cmocka_unit_test(failures_name_the_scripts_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
