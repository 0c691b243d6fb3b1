/* inspect/linux_fdinfo.c and linux_call.c: what the kernel tells about sets, rings, messages and calls. */
#define _GNU_SOURCE
#include "support/unit.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "inspect/linux_call.h"
#include "inspect/linux_fdinfo.h"
#include "inspect/snap.h"

static void an_item_of_a_set(void **state) {
    (void)state;
    struct fdinfo_item item;
    assert_true(
        fdinfo_epoll_item("tfd:       17 events:     2019 data:                4  pos:0 ino:27e99f sdev:9", &item));
    assert_int_equal(item.fd, 17);
    assert_int_equal(item.events, 0x2019);
    assert_int_equal(item.inode, 0x27e99f);
    assert_int_equal(item.device, 9);
    assert_true(
        fdinfo_epoll_item("tfd:        4 events: 80000019 data: ffffffffffffffff  pos:-1 ino:40e sdev:10", &item));
    assert_int_equal(item.events, 0x80000019);
}

static void hostile_items_are_refused(void **state) {
    (void)state;
    struct fdinfo_item item;
    static const char *const lines[] = {"",
                                        "tfd:",
                                        "tfd: 4",
                                        "pos:\t0",
                                        "tfd: x events: 1 ino:1 sdev:1",
                                        "tfd: 4 events: zz ino:1 sdev:1",
                                        "tfd: 4 events: 1 ino: sdev:1",
                                        "tfd: 4 events: 1 ino:1",
                                        "tfd: 99999999999 events: 1 ino:1 sdev:1",
                                        "tfd: 4 events: 1ffffffff ino:1 sdev:1",
                                        "tfd: 4 events: 1 ino:ffffffffffffffff sdev:1",
                                        " tfd: 4 events: 1 ino:1 sdev:1",
                                        "tfd: -4 events: 1 ino:1 sdev:1"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) assert_false(fdinfo_epoll_item(lines[i], &item));
}

static void masks_become_flags(void **state) {
    (void)state;
    const uint32_t always = EPOLLERR | EPOLLHUP, edge = (uint32_t)EPOLLET;
    assert_int_equal(fdinfo_epoll_flags(always), 0);
    assert_int_equal(fdinfo_epoll_flags(EPOLLIN | EPOLLRDHUP | always), SNAP_WATCH_READ);
    assert_int_equal(fdinfo_epoll_flags(EPOLLRDHUP | always), SNAP_WATCH_READ);
    assert_int_equal(fdinfo_epoll_flags(EPOLLOUT | always), SNAP_WATCH_WRITE);
    assert_int_equal(fdinfo_epoll_flags(EPOLLPRI | always), 0);
    assert_int_equal(fdinfo_epoll_flags(EPOLLIN | edge | always), SNAP_WATCH_READ | SNAP_WATCH_EDGE);
    assert_int_equal(fdinfo_epoll_flags(EPOLLIN | EPOLLONESHOT | always), SNAP_WATCH_READ | SNAP_WATCH_ONESHOT);
    assert_int_equal(fdinfo_epoll_flags(EPOLLONESHOT), SNAP_WATCH_DISARMED);
    assert_int_equal(fdinfo_epoll_flags(EPOLLONESHOT | edge), SNAP_WATCH_EDGE | SNAP_WATCH_DISARMED);
}

static const char ring_text[] = "pos:\t0\nino:\t2615710\nSqMask:\t0x7\nSQEs:\t0\nCQEs:\t0\nUserFiles:\t2\n"
                                "    0: socket:[2615711]\n    1: /tmp/file\nUserBufs:\t0\nPollList:\n"
                                "  op=6, task_works=0\n  op=26, task_works=0\nCqOverflowList:\n";

static void a_ring_line_by_line(void **state) {
    (void)state;
    struct fdinfo_uring uring = {0};
    uint64_t inode = 0;
    unsigned found = 0;
    char text[sizeof ring_text];
    memcpy(text, ring_text, sizeof text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        found += fdinfo_uring_line(&uring, line, &inode);
    assert_int_equal(found, 1);
    assert_int_equal(inode, 2615711);
    assert_true(uring.complete && uring.pending);
    assert_int_equal(uring.flags, SNAP_WATCH_READ | SNAP_WATCH_WRITE);
}

static void hostile_rings(void **state) {
    (void)state;
    static const char *const lines[] = {"",
                                        " ",
                                        "0",
                                        "0:",
                                        "0: ",
                                        "0: socket:[",
                                        "x: socket:[1]",
                                        "  op=",
                                        "  op=x",
                                        "socket:[1]",
                                        "99999999999999999999999"};
    struct fdinfo_uring uring = {0};
    uint64_t inode;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) assert_false(fdinfo_uring_line(&uring, lines[i], &inode));
    assert_false(uring.pending || uring.complete);
}

static void descriptors_in_messages(void **state) {
    (void)state;
    assert_int_equal(fdinfo_in_flight("pos:\t0\nino:\t2615712\nscm_fds: 3\n"), 3);
    assert_int_equal(fdinfo_in_flight("pos:\t0\nscm_fds: 0\n"), 0);
    assert_int_equal(fdinfo_in_flight("pos:\t0\n"), 0);
    assert_int_equal(fdinfo_in_flight("scm_fds: x"), 0);
    assert_int_equal(fdinfo_in_flight("scm_fds: 99999999999999"), UINT32_MAX);
}

static void a_call_and_its_arguments(void **state) {
    (void)state;
    struct call_now now;
    assert_true(call_parse("45 0x5 0x7ffd0 0x1000 0x0 0x0 0x0 0x7ffc0 0x7f0123\n", &now));
    assert_true(now.in_call);
    assert_int_equal(now.number, 45);
    assert_int_equal(now.argument[0], 5);
    assert_int_equal(now.argument[1], 0x7ffd0);
    assert_true(call_parse("running\n", &now) && !now.in_call);
    assert_true(call_parse("-1 0x7ffc0 0x7f0123\n", &now) && !now.in_call);
    assert_true(call_parse("426 0x5 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n", &now) && !now.in_call);
}

static void hostile_calls_are_refused(void **state) {
    (void)state;
    struct call_now now;
    static const char *const texts[] = {
        "", "\n", "x", "45", "45 0x5", "45 0x5 0x6 0x7 0x8 0x9 0xa 0xb", "45 z z z z z z z z", "-1", "-1 0x1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_false(call_parse(texts[i], &now));
        assert_false(now.in_call);
    }
}

static void calls_have_names(void **state) {
    (void)state;
    assert_string_equal(call_by_number(SYS_read)->name, "read");
    assert_int_equal(call_by_number(SYS_read)->kind, CALL_READS);
    assert_int_equal(call_by_number(SYS_writev)->kind, CALL_WRITES);
    assert_int_equal(call_by_number(SYS_epoll_pwait)->kind, CALL_EPOLL_WAIT);
    assert_string_equal(call_by_number(SYS_futex)->name, "futex");
    assert_string_equal(call_by_socket_number(10)->name, "recvfrom");
    assert_int_equal(call_by_socket_number(9)->kind, CALL_WRITES);
    assert_null(call_by_socket_number(0));
    assert_null(call_by_socket_number(UINT64_MAX));
    assert_null(call_by_number(-1));
    assert_null(call_by_number(1000000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_of_a_set),
        cmocka_unit_test(hostile_items_are_refused),
        cmocka_unit_test(masks_become_flags),
        cmocka_unit_test(a_ring_line_by_line),
        cmocka_unit_test(hostile_rings),
        cmocka_unit_test(descriptors_in_messages),
        cmocka_unit_test(a_call_and_its_arguments),
        cmocka_unit_test(hostile_calls_are_refused),
        cmocka_unit_test(calls_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
