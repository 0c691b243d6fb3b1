/* Descriptors: the lowest free number, what dup shares, close that lingers. */
#include "sys_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#define SOCKET_A() ((int)DO(A, SOCKET, AF_INET, SOCK_STREAM, 0))
#define FD(fd) ((uintptr_t)(fd))

static void the_lowest_free_number_is_given(void **unused) {
    (void)unused;
    assert_int_equal(SOCKET_A(), 3);
    assert_int_equal(SOCKET_A(), 4);
    assert_int_equal(SOCKET_A(), 5);
    assert_int_equal(DO(A, CLOSE, 4), 0);
    assert_int_equal(DO(A, CLOSE, 4), -EBADF);
    assert_int_equal(DO(A, DUP, 5), 4);
    assert_int_equal(DO(A, FCNTL, 5, F_DUPFD, 10), 10);
    assert_int_equal(SOCKET_A(), 6);
    for (int fd = 7; fd < 10; fd++) assert_int_equal(SOCKET_A(), fd);
    for (int fd = 11; fd < 100; fd++) assert_int_equal(SOCKET_A(), fd);
}

static void what_dup_makes_shares_the_open_file(void **unused) {
    (void)unused;
    int fd = SOCKET_A(), other = (int)DO(A, DUP, FD(fd));
    assert_int_equal(DO(A, FCNTL, FD(fd), F_GETFL), O_RDWR);
    assert_int_equal(DO(A, FCNTL, FD(fd), F_SETFL, O_RDWR | O_NONBLOCK), 0);
    assert_int_equal(DO(A, FCNTL, FD(other), F_GETFL), O_RDWR | O_NONBLOCK);
    assert_int_equal(DO(A, FCNTL, FD(fd), F_SETFD, FD_CLOEXEC), 0);
    assert_int_equal(DO(A, FCNTL, FD(fd), F_GETFD), FD_CLOEXEC);
    assert_int_equal(DO(A, FCNTL, FD(other), F_GETFD), 0);
    assert_int_equal(la_sys_sock(sys_rig.end[A].sys, fd), la_sys_sock(sys_rig.end[A].sys, other));
    assert_int_equal(DO(A, CLOSE, FD(fd)), 0);
    assert_true(la_sys_sock(sys_rig.end[A].sys, other) >= 0);
    assert_int_equal(la_sys_sock(sys_rig.end[A].sys, fd), -LA_EBADF);
}

static void only_the_last_close_sends_fin(void **unused) {
    (void)unused;
    char byte;
    struct sys_pair p = sys_pair_make();
    int other = (int)DO(A, DUP, FD(p.a));
    assert_int_equal(DO(A, CLOSE, FD(p.a)), 0);
    pass(5);
    assert_int_equal(DO(B, RECV, FD(p.b), P(&byte), 1, MSG_DONTWAIT), -EAGAIN);
    assert_int_equal(DO(A, CLOSE, FD(other)), 0);
    pass(5);
    assert_int_equal(DO(B, RECV, FD(p.b), P(&byte), 1, MSG_DONTWAIT), 0);
}

static void unknown_descriptors_and_kinds(void **unused) {
    (void)unused;
    char byte;
    int epoll = (int)DO(A, EPOLL_CREATE, 1);
    assert_int_equal(DO(A, READ, 77, P(&byte), 1), -EBADF);
    assert_int_equal(DO(A, READ, FD(-1), P(&byte), 1), -EBADF);
    assert_int_equal(DO(A, LISTEN, FD(epoll), 1), -ENOTSOCK);
    assert_int_equal(DO(A, RECV, FD(epoll), P(&byte), 1, 0), -ENOTSOCK);
    assert_int_equal(DO(A, READ, FD(epoll), P(&byte), 1), -EINVAL);
    assert_int_equal(DO(A, SOCKET, 99, SOCK_STREAM, 0), -EAFNOSUPPORT);
    assert_int_equal(DO(A, SOCKET, AF_INET, SOCK_SEQPACKET, 0), -ESOCKTNOSUPPORT);
    assert_int_equal(DO(A, SOCKET, AF_INET, SOCK_STREAM, 17), -EPROTONOSUPPORT);
    assert_int_equal(DO(A, SOCKET, AF_INET, SOCK_STREAM, 1000), -EINVAL);
    assert_int_equal(DO(A, SOCKET, AF_INET, 12, 0), -EINVAL);
    struct la_sys_call none = {.nr = LA_SYS_COUNT};
    assert_true(step(A, &none));
    assert_int_equal(none.result, -ENOSYS);
    assert_string_equal(la_sys_name(LA_SYS_ACCEPT4), "accept4");
    assert_null(la_sys_name(LA_SYS_COUNT));
}

static void a_lingering_close_waits_for_the_ack(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    int linger[2] = {1, 2};
    assert_int_equal(DO(A, SETSOCKOPT, FD(p.a), SOL_SOCKET, SO_LINGER, P(linger), sizeof linger), 0);
    assert_int_equal(DO(A, SEND, FD(p.a), P("hello"), 5, 0), 5);
    struct la_sys_call c = CALL(CLOSE, FD(p.a));
    assert_false(step(A, &c));
    assert_int_equal(la_sys_sock(sys_rig.end[A].sys, p.a), -LA_EBADF);
    assert_int_equal(SOCKET_A(), p.a); /* The descriptor is free meanwhile. */
    assert_true(finish(A, &c, 300));
    assert_int_equal(c.result, 0);
}

static void a_lingering_close_ends_with_its_time(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    int linger[2] = {1, 2};
    assert_int_equal(DO(A, SETSOCKOPT, FD(p.a), SOL_SOCKET, SO_LINGER, P(linger), sizeof linger), 0);
    sys_rig.cut = true;
    struct la_sys_call c = CALL(CLOSE, FD(p.a));
    la_time begun = sys_rig.now;
    assert_false(step(A, &c));
    assert_true(finish(A, &c, 3000));
    assert_int_equal(c.result, 0);
    assert_in_range((c.over_at - begun) / LA_MS, 1990, 2010);
}

static void a_waiting_call_keeps_its_file(void **unused) {
    (void)unused;
    char byte;
    struct sys_pair p = sys_pair_make();
    struct la_sys_call c = CALL(READ, FD(p.b), P(&byte), 1);
    assert_false(step(B, &c));
    assert_int_equal(DO(B, CLOSE, FD(p.b)), 0);
    assert_int_equal(DO(B, SOCKET, AF_INET, SOCK_STREAM, 0), p.b);
    assert_int_equal(DO(A, SEND, FD(p.a), P("x"), 1, 0), 1);
    assert_true(finish(B, &c, 20));
    assert_int_equal(c.result, 1);
    assert_int_equal(byte, 'x');
    pass(5); /* The call's was the last reference. */
    assert_int_equal(DO(A, RECV, FD(p.a), P(&byte), 1, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SYS_TEST(the_lowest_free_number_is_given),     SYS_TEST(what_dup_makes_shares_the_open_file),
        SYS_TEST(only_the_last_close_sends_fin),       SYS_TEST(unknown_descriptors_and_kinds),
        SYS_TEST(a_lingering_close_waits_for_the_ack), SYS_TEST(a_lingering_close_ends_with_its_time),
        SYS_TEST(a_waiting_call_keeps_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
