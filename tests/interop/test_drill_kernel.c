/* `lastack drill --on kernel`: scripts against the host's own TCP. The command makes its namespaces itself. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The build machine may be busy: it is not the timing that is under test. */
#define HEAD "--tolerance_usecs=500000\n"

static char folder[] = "/tmp/lastack-drill-XXXXXX";

/* Runs the command on the scripts and returns its exit status, with all it said. */
static int drill(const char *arguments, const char *const *scripts, unsigned n, char *said, size_t size) {
    char command[2048], path[64];
    const char *lastack = getenv("LASTACK");
    int len = snprintf(command, sizeof command, "%s drill %s", lastack ? lastack : "lastack", arguments);
    for (unsigned i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%u.pkt", folder, i);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(scripts[i], file) >= 0);
        assert_int_equal(fclose(file), 0);
        len += snprintf(command + len, sizeof command - (size_t)len, " %s", path);
    }
    snprintf(command + len, sizeof command - (size_t)len, " 2>&1 </dev/null");
    FILE *from = popen(command, "r");
    assert_non_null(from);
    size_t got = fread(said, 1, size - 1, from);
    said[got] = '\0';
    int status = pclose(from);
    for (unsigned i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%u.pkt", folder, i);
        unlink(path);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(int status, const char *script, const char *words) {
    char said[16384];
    int got = drill("--on kernel", &script, 1, said, sizeof said);
    if (got != status || !strstr(said, words)) print_error("%s\n%s\n", script, said);
    assert_int_equal(got, status);
    assert_non_null(strstr(said, words));
}

/* --- Scripts --- */

/* A blocking accept, a write that leaves in one large packet, data in, and an orderly end. */
#define SERVER                                                                                                         \
    HEAD "`echo 0 > /proc/sys/net/ipv4/tcp_timestamps`\n"                                                              \
         "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"                                                               \
         "+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0\n"                                                    \
         "+0 bind(3, ..., ...) = 0\n"                                                                                  \
         "+0 listen(3, 1) = 0\n"                                                                                       \
         "+0...0.2 accept(3, ..., ...) = 4\n"                                                                          \
         "+.1 < S 0:0(0) win 32792 <mss 1000,nop,wscale 7>\n"                                                          \
         "+0 > S. 0:0(0) ack 1 <...>\n"                                                                                \
         "+.1 < . 1:1(0) ack 1 win 257\n"                                                                              \
         "+0 write(4, ..., 3000) = 3000\n"                                                                             \
         "+0 > P. 1:3001(3000) ack 1\n"                                                                                \
         "+.1 < P. 1:11(10) ack 3001 win 257\n"                                                                        \
         "+0 > . 3001:3001(0) ack 11\n"                                                                                \
         "+0 read(4, ..., 100) = 10\n"                                                                                 \
         "+0 close(4) = 0\n"                                                                                           \
         "+0 > F. 3001:3001(0) ack 11\n"                                                                               \
         "+.1 < F. 11:11(0) ack 3002 win 257\n"                                                                        \
         "+0 > . 3002:3002(0) ack 12\n"

static const char client6[] = "--ip_version=ipv6\n" HEAD "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                              "+0...0.1 connect(3, ..., ...) = -1 ECONNREFUSED (Connection refused)\n"
                              "+0 > S 0:0(0) <...>\n"
                              "+.1 < R. 0:0(0) ack 1 win 0\n";

static void a_server_answers_its_script(void **state) {
    (void)state;
    expect(0, SERVER, "");
}

static void a_client_is_refused_over_ipv6(void **state) {
    (void)state;
    expect(0, client6, "");
}

static void what_the_kernel_does_otherwise_is_a_failure(void **state) {
    (void)state;
    expect(1, SERVER "+.1 < . 12:12(0) ack 3001 win 257\n+0 > R 3002:3002(0)\n", "expected");
}

/* The thread is got out of the call, and the command ends. */
static void a_call_that_never_returns_is_a_failure(void **state) {
    (void)state;
    expect(1,
           HEAD "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                "+0 bind(3, ..., ...) = 0\n"
                "+0 listen(3, 1) = 0\n"
                "+0...0.1 accept(3, ..., ...) = 4\n",
           "has not returned");
}

static void a_failing_command_is_told(void **state) {
    (void)state;
    expect(1, HEAD "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 `echo so it is; exit 3`\n", "so it is");
}

/* One after the other in one worker: the first one's port, settings and connections are gone. */
static void each_script_has_a_namespace_of_its_own(void **state) {
    (void)state;
    static const char *const scripts[] = {SERVER, client6, SERVER};
    char said[16384];
    int status = drill("--on kernel -j 1", scripts, 3, said, sizeof said);
    if (status) print_error("%s\n", said);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_answers_its_script),
        cmocka_unit_test(a_client_is_refused_over_ipv6),
        cmocka_unit_test(what_the_kernel_does_otherwise_is_a_failure),
        cmocka_unit_test(a_call_that_never_returns_is_a_failure),
        cmocka_unit_test(a_failing_command_is_told),
        cmocka_unit_test(each_script_has_a_namespace_of_its_own),
    };
    if (!mkdtemp(folder)) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
