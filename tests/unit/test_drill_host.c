/* tool/drill_host.c and what it uses: real shells and Python for scripts. The commands' links lead to this very
 * program. */
#define _GNU_SOURCE
#include "support/drill_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/drill_host.h"

static int run(struct drill_rig *rig, const char *command) {
    const struct la_drill_host *host = drill_host();
    return host->shell(host->ctx, rig->target, command, rig->output, sizeof rig->output);
}

static void gives(struct drill_rig *rig, const char *command, int status, const char *output) {
    int got = run(rig, command);
    if (got != status || (output && strcmp(rig->output, output) != 0))
        fail_msg("%s: %d, \"%s\"", command, got, rig->output);
}

static int64_t get(const struct drill_rig *rig, const char *name) {
    int64_t value;
    assert_int_equal(la_get(drill_rig_stack(rig), name, &value), 0);
    return value;
}

static void a_real_shell_reaches_the_stack(void **state) {
    (void)state;
    struct drill_rig rig;
    char text[64];
    drill_rig_open(&rig, "linux");
    gives(&rig, "for i in 1 0; do sysctl -w net.ipv4.tcp_sack=$i; done", 0,
          "net.ipv4.tcp_sack = 1\nnet.ipv4.tcp_sack = 0\n");
    assert_int_equal(get(&rig, "net.ipv4.tcp_sack"), 0);
    gives(&rig, "sysctl -n net.ipv4.tcp_sack | sed s/0/none/", 0, "none\n");
    gives(&rig, "exit 3", 3, "");
    gives(&rig, "kill -9 $$", 128 + 9, "");
    gives(&rig, "sysctl -q net.ipv4.tcp_nobody=1", 1, NULL);
    gives(&rig, "no-such-command-at-all", 127, NULL);
    gives(&rig, "cat", 0, ""); /* Standard input is empty. */
    snprintf(text, sizeof text, "%d %d\n", getpid(), getpid());
    gives(&rig, "echo $PPID $PACKETDRILL_PID", 0, text);
    gives(&rig, "sockstat -s | wc -l", 0, "1\n");
    drill_rig_close(&rig);
}

static void what_the_stack_lacks_is_told(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    gives(&rig, "echo add | setkey -c; true", -LA_EOPNOTSUPP, NULL);
    assert_non_null(strstr(rig.output, "TCP-MD5"));
    gives(&rig, "echo back", 0, "back\n");
    drill_rig_close(&rig);
}

/* Where the machine has no mount namespaces for us, the commands are refused, and the machine's own /proc is safe. */
static void proc_shows_the_stack(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    int status = run(&rig, "[ -d /proc/.real ] && echo yes");
    if (status == -LA_EOPNOTSUPP) {
        assert_non_null(strstr(rig.output, "namespace"));
    } else {
        assert_string_equal(rig.output, "yes\n");
        gives(&rig, "cat /proc/sys/net/ipv4/tcp_rmem", 0, "4096\t131072\t6291456\n");
        gives(&rig, "for i in 0; do echo $i > /proc/sys/net/ipv4/tcp_sack; done; sysctl -n net.ipv4.tcp_sack", 0,
              "0\n");
        gives(&rig, "sysctl -q net.ipv4.tcp_sack=1; cat /proc/sys/net/ipv4/tcp_sack", 0, "1\n");
        gives(&rig, "echo 0 > /proc/sys/net/ipv4/tcp_sack", 0, "");
        assert_int_equal(get(&rig, "net.ipv4.tcp_sack"), 0);
        gives(&rig, "echo 7 > /proc/sys/net/ipv4/tcp_sack", 1, NULL);
        gives(&rig, "grep -c sl /proc/net/tcp; sh -c 'grep -c sl /proc/net/tcp6'", 0, "1\n1\n");
        assert_true(run(&rig, "cat /proc/sys/kernel/pid_max > /tmp/../proc/sys/kernel/pid_max") > 0);
        gives(&rig, "cat /proc/self/comm", 0, "cat\n");
    }
    drill_rig_close(&rig);
}

static void python_runs_with_its_output_caught(void **state) {
    (void)state;
    const struct la_drill_host *host = drill_host();
    char output[256];
    assert_int_equal(host->python(host->ctx, "print(6 * 7)", output, sizeof output), 0);
    assert_string_equal(output, "42\n");
    assert_int_equal(host->python(host->ctx, "assert 1 == 2, 'not alike'", output, sizeof output), 1);
    assert_non_null(strstr(output, "not alike"));
    assert_int_equal(host->python(host->ctx, "print('x' * 1000)", output, sizeof output), 0);
    assert_int_equal(strlen(output), sizeof output - 1);
}

static void only_files_that_may_run_are_read(void **state) {
    (void)state;
    const struct la_drill_host *host = drill_host();
    char path[] = "/tmp/lastack-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "true\n", 5) == 5);
    assert_null(host->read_file(host->ctx, path));
    assert_int_equal(fchmod(fd, 0700), 0);
    assert_string_equal(host->read_file(host->ctx, path), "true\n");
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    assert_null(host->read_file(host->ctx, path));
    close(fd);
    unlink(path);
    assert_null(host->read_file(host->ctx, path));
    assert_null(host->read_file(host->ctx, "/"));
}

int main(int argc, char **argv) {
    cmd_shim(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_shell_reaches_the_stack),
        cmocka_unit_test(what_the_stack_lacks_is_told),
        cmocka_unit_test(proc_shows_the_stack),
        cmocka_unit_test(python_runs_with_its_output_caught),
        cmocka_unit_test(only_files_that_may_run_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
