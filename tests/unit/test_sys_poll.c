/* poll: the level of every state, as Linux's tcp_poll tells it. */
#include "sys/open_file.h"

#include "sys_rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#define FD(fd) ((uintptr_t)(fd))
#define ALL (SYS_POLL_READ | SYS_POLL_WRITE | SYS_POLLRDHUP)

static unsigned mask(unsigned end, int fd) {
    struct pollfd entry = {.fd = fd, .events = ALL};
    int64_t n = DO(end, POLL, P(&entry), 1, 0);
    assert_int_equal(n, entry.revents ? 1 : 0);
    return (unsigned)entry.revents;
}

static void states(void **unused) {
    (void)unused;
    int fd = (int)DO(A, SOCKET, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(mask(A, fd), SYS_POLL_WRITE | SYS_POLLHUP);
    struct sys_pair p = sys_pair_make();
    assert_int_equal(mask(B, p.listener), 0);
    assert_int_equal(mask(A, p.a), SYS_POLL_WRITE);
    struct sockaddr_storage to;
    uintptr_t len = (uintptr_t)address("10.0.0.2", 80, &to);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&to), len), -EINPROGRESS);
    assert_int_equal(mask(A, fd), 0);
    pass(5);
    assert_int_equal(mask(A, fd), SYS_POLL_WRITE);
    assert_int_equal(mask(B, p.listener), SYS_POLL_READ);
    assert_int_equal(DO(A, SEND, FD(p.a), P("x"), 1, 0), 1);
    assert_int_equal(DO(A, SHUTDOWN, FD(p.a), SHUT_WR), 0);
    assert_int_equal(mask(A, p.a), SYS_POLL_WRITE);
    pass(5);
    assert_int_equal(mask(B, p.b), ALL);
    assert_int_equal(DO(B, SHUTDOWN, FD(p.b), SHUT_WR), 0);
    assert_int_equal(mask(B, p.b), ALL | SYS_POLLHUP);
    pass(5);
    assert_int_equal(mask(A, p.a), ALL | SYS_POLLHUP);
}

static void a_refused_connect(void **unused) {
    (void)unused;
    struct sockaddr_storage to;
    uintptr_t len = (uintptr_t)address("10.0.0.2", 80, &to);
    int fd = (int)DO(A, SOCKET, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&to), len), -EINPROGRESS);
    struct pollfd entry = {.fd = fd, .events = POLLOUT};
    struct la_sys_call c = CALL(POLL, P(&entry), 1, FD(-1));
    assert_false(step(A, &c));
    assert_true(finish(A, &c, 10));
    assert_int_equal(c.result, 1);
    assert_int_equal(entry.revents, POLLOUT | POLLERR | POLLHUP);
    assert_int_equal(mask(A, fd), ALL | SYS_POLLERR | SYS_POLLHUP);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    assert_int_equal(mask(A, fd), ALL | SYS_POLLHUP);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&to), len), -ECONNABORTED);
    assert_int_equal(mask(A, fd), SYS_POLL_WRITE | SYS_POLLHUP); /* As new. */
}

static void entries_and_time(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    struct pollfd entries[3] = {{.fd = -1, .events = POLLIN, .revents = 1}, {.fd = p.a, .events = POLLIN}, {.fd = 99}};
    assert_int_equal(DO(A, POLL, P(entries), 3, 0), 1);
    assert_int_equal(entries[0].revents, 0);
    assert_int_equal(entries[2].revents, POLLNVAL);
    assert_int_equal(DO(A, POLL, 0, 1, 0), -EFAULT);
    assert_int_equal(DO(A, POLL, P(entries), FD(-1), 0), -EINVAL);
    struct la_sys_call c = CALL(POLL, P(entries), 2, 50);
    la_time begun = sys_rig.now;
    assert_false(step(A, &c));
    assert_true(finish(A, &c, 100));
    assert_int_equal(c.result, 0);
    assert_int_equal(c.over_at, begun + 50 * LA_MS);
    c = CALL(POLL, P(entries), 2, 50);
    assert_false(step(A, &c));
    assert_int_equal(DO(B, SEND, FD(p.b), P("x"), 1, 0), 1);
    assert_true(finish(A, &c, 10));
    assert_int_equal(entries[1].revents, POLLIN);
}

static void low_water_counts(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    assert_int_equal(setsockint(A, p.a, SOL_SOCKET, SO_RCVLOWAT, 2), 0);
    assert_int_equal(DO(B, SEND, FD(p.b), P("x"), 1, 0), 1);
    pass(5);
    assert_int_equal(mask(A, p.a), SYS_POLL_WRITE);
    assert_int_equal(DO(B, SEND, FD(p.b), P("y"), 1, 0), 1);
    pass(60);
    assert_int_equal(mask(A, p.a), SYS_POLL_WRITE | SYS_POLL_READ);
}

static void datagram_sockets(void **unused) {
    (void)unused;
    int fd = (int)DO(A, SOCKET, AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_storage to;
    uintptr_t len = (uintptr_t)address("10.0.0.2", 9, &to);
    assert_int_equal(mask(A, fd), SYS_POLL_WRITE);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&to), len), 0);
    assert_int_equal(DO(A, SEND, FD(fd), P("x"), 1, 0), 1);
    pass(5); /* Nobody there: port unreachable. */
    assert_int_equal(mask(A, fd), SYS_POLL_WRITE | SYS_POLLERR);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    assert_int_equal(mask(A, fd), SYS_POLL_WRITE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SYS_TEST(states),           SYS_TEST(a_refused_connect), SYS_TEST(entries_and_time),
        SYS_TEST(low_water_counts), SYS_TEST(datagram_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
