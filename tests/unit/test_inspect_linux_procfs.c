/* inspect/linux_procfs.c: the texts of /proc, as the kernel writes them and as nobody should. */
#define _GNU_SOURCE
#include "support/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inspect/linux_procfs.h"
#include "inspect/say.h"

static void links_name_sockets_sets_and_rings(void **state) {
    (void)state;
    uint64_t inode = 0;
    const char *socket = "socket:[4711]";
    assert_int_equal(procfs_link_text(socket, strlen(socket), &inode), PROCFS_SOCKET);
    assert_int_equal(inode, 4711);
    assert_int_equal(procfs_link_text("anon_inode:[eventpoll]", 22, &inode), PROCFS_EPOLL);
    assert_int_equal(procfs_link_text("anon_inode:[io_uring]", 21, &inode), PROCFS_URING);
    static const char *const others[] = {"",           "socket:[",         "socket:[]x",
                                         "socket:[12", "socket:[12]3",     "socket:[-1]",
                                         "pipe:[12]",  "/tmp/socket:[12]", "anon_inode:[eventpoll"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(procfs_link_text(others[i], strlen(others[i]), &inode), PROCFS_OTHER);
}

static void stat_is_read(void **state) {
    (void)state;
    struct procfs_stat stat;
    assert_true(
        procfs_parse_stat("17 (web server) S 1 17 17 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 98765 1 1\n", &stat));
    assert_string_equal(stat.program, "web server");
    assert_int_equal(stat.state, 'S');
    assert_int_equal(stat.parent, 1);
    assert_int_equal(stat.started, 98765);
    assert_false(stat.kernel);
    assert_true(procfs_parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 6 0 0", &stat));
    assert_true(stat.kernel);
    assert_true(procfs_parse_stat("9 (a) R (b) T 8 9 9 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 6 0 0", &stat));
    assert_string_equal(stat.program, "a) R (b");
    assert_int_equal(stat.state, 'T');
}

static void hostile_stat_is_refused(void **state) {
    (void)state;
    struct procfs_stat stat;
    static const char *const texts[] = {"",        "17",       "17 (", "17 )(",    "17 (x)",
                                        "17 (x) ", "17 (x) 5", ")(",   "17 (x) S", "17 (x) S a b"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_false(procfs_parse_stat(texts[i], &stat));
        assert_int_equal(stat.started, 0);
    }
}

static void status_tells_user_and_sigpipe(void **state) {
    (void)state;
    const char *head = "Name:\tx\nUid:\t1000\t33\t33\t33\n";
    char text[256];
    assert_int_equal(procfs_status_uid(head), 33);
    assert_int_equal(procfs_status_uid("Uid:\t1000\n"), UINT32_MAX);
    assert_int_equal(procfs_status_uid(""), UINT32_MAX);
    snprintf(text, sizeof text, "%sSigIgn:\t0000000000001000\nSigCgt:\t0000000000000000\n", head);
    assert_int_equal(procfs_status_sigpipe(text), SNAP_SIGPIPE_IGNORED);
    snprintf(text, sizeof text, "%sSigIgn:\t0000000000000000\nSigCgt:\t0000000180001000\n", head);
    assert_int_equal(procfs_status_sigpipe(text), SNAP_SIGPIPE_CAUGHT);
    snprintf(text, sizeof text, "%sSigIgn:\t0000000000000800\nSigCgt:\t0000000000002000\n", head);
    assert_int_equal(procfs_status_sigpipe(text), SNAP_SIGPIPE_KILLS);
    assert_int_equal(procfs_status_sigpipe("SigIgn:\t\n"), SNAP_SIGPIPE_UNKNOWN);
    assert_int_equal(procfs_status_sigpipe(head), SNAP_SIGPIPE_UNKNOWN);
}

static void limits_tell_descriptors(void **state) {
    (void)state;
    assert_int_equal(procfs_limit_fds("Limit  Soft\nMax open files            1024                 4096       files\n"),
                     1024);
    assert_int_equal(procfs_limit_fds("Max open files            unlimited            unlimited    files\n"),
                     UINT32_MAX);
    assert_int_equal(procfs_limit_fds("Max open files"), UINT32_MAX);
    assert_int_equal(procfs_limit_fds(""), UINT32_MAX);
}

static void check_clean(const char *text, const char *expected) {
    char copy[64];
    snprintf(copy, sizeof copy, "%s", text);
    say_clean_line(copy);
    assert_string_equal(copy, expected);
}

static void foreign_text_is_cleaned(void **state) {
    (void)state;
    check_clean("nginx: worker", "nginx: worker");
    check_clean("\x1b[31mred\x1b[0m\n", "?[31mred?[0m?");
    check_clean("caf\xc3\xa9", "caf\xc3\xa9");
    check_clean("caf\xc3", "caf?");
    check_clean("\xe2\x82", "??");
    check_clean("\xff\xfe", "??");
    check_clean("\xc2\x9b"
                "31m",
                "??31m");
    check_clean("\xed\xa0\x80", "???");
    check_clean("\xc0\xaf", "??");
    check_clean("", "");
}

/* A file in memory, and a path by which it can be opened. */
static int open_text(const char *text, size_t len, char path[64]) {
    int fd = memfd_create("text", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void lines_cross_blocks(void **state) {
    (void)state;
    static struct procfs_lines lines;
    static char text[300000];
    char path[64];
    size_t len = 0, n = 0;
    while (len < sizeof text - 32) len += (size_t)snprintf(text + len, 32, "line %zu of many\n", n++);
    int fd = open_text(text, len, path);
    assert_int_equal(procfs_open_lines(&lines, AT_FDCWD, path), 0);
    for (size_t i = 0; i < n; i++) {
        char expected[40];
        snprintf(expected, sizeof expected, "line %zu of many", i);
        const char *line = procfs_line(&lines);
        assert_non_null(line);
        assert_string_equal(line, expected);
    }
    assert_null(procfs_line(&lines));
    assert_int_equal(lines.error, 0);
    procfs_close_lines(&lines);
    close(fd);
}

static void a_line_without_end_is_cut(void **state) {
    (void)state;
    static struct procfs_lines lines;
    static char text[200000];
    char path[64];
    size_t total = 0;
    memset(text, 'x', sizeof text);
    int fd = open_text(text, sizeof text, path);
    assert_int_equal(procfs_open_lines(&lines, AT_FDCWD, path), 0);
    for (const char *line; (line = procfs_line(&lines));) total += strlen(line);
    assert_int_equal(total, sizeof text);
    procfs_close_lines(&lines);
    close(fd);
}

static void numbers_of_a_directory(void **state) {
    (void)state;
    static struct procfs_dir dir;
    bool own = false;
    assert_int_equal(procfs_open_dir(&dir, AT_FDCWD, "/proc"), 0);
    for (int32_t pid; (pid = procfs_next(&dir)) >= 0;) own |= pid == getpid();
    assert_true(own);
    procfs_close_dir(&dir);
    assert_true(procfs_open_dir(&dir, AT_FDCWD, "/proc/none") < 0);
    assert_int_equal(procfs_next(&dir), -1);
    procfs_close_dir(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_name_sockets_sets_and_rings),
        cmocka_unit_test(stat_is_read),
        cmocka_unit_test(hostile_stat_is_refused),
        cmocka_unit_test(status_tells_user_and_sigpipe),
        cmocka_unit_test(limits_tell_descriptors),
        cmocka_unit_test(foreign_text_is_cleaned),
        cmocka_unit_test(lines_cross_blocks),
        cmocka_unit_test(a_line_without_end_is_cut),
        cmocka_unit_test(numbers_of_a_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
