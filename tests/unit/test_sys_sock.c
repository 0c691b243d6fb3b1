/* Sockets: connect in all its phases, accept, shutdown, names, addresses of both families. */
#include "sys_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define FD(fd) ((uintptr_t)(fd))

static struct sockaddr_storage peer;

static uintptr_t to(const char *text, uint16_t port) { return (uintptr_t)address(text, port, &peer); }

static int client(int flags) { return (int)DO(A, SOCKET, AF_INET, SOCK_STREAM | (uintptr_t)flags, 0); }

static int server(uint16_t port) {
    int fd = (int)DO(B, SOCKET, AF_INET, SOCK_STREAM, 0);
    uintptr_t len = to("10.0.0.2", port);
    assert_int_equal(DO(B, BIND, FD(fd), P(&peer), len), 0);
    assert_int_equal(DO(B, LISTEN, FD(fd), 4), 0);
    return fd;
}

static void a_blocking_connect_and_accept(void **unused) {
    (void)unused;
    int fd = client(0), listener = server(80);
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    struct la_sys_call accept = CALL(ACCEPT, FD(listener), P(&from), P(&from_len));
    assert_false(step(B, &accept));
    uintptr_t len = to("10.0.0.2", 80);
    struct la_sys_call connect = CALL(CONNECT, FD(fd), P(&peer), len);
    assert_false(step(A, &connect));
    assert_true(finish(A, &connect, 20));
    assert_int_equal(connect.result, 0);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), len), -EISCONN);
    assert_true(finish(B, &accept, 20));
    assert_int_equal(accept.result, 4);
    assert_int_equal(from_len, sizeof from);
    assert_int_equal(from.sin_addr.s_addr, htonl(0x0a000001));
}

static void a_connect_that_does_not_block(void **unused) {
    (void)unused;
    int fd = client(SOCK_NONBLOCK);
    server(80);
    uintptr_t len = to("10.0.0.2", 80);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), len), -EINPROGRESS);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), len), -EALREADY);
    pass(5);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), len), 0);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), len), -EISCONN);
}

static void a_refused_socket_connects_again(void **unused) {
    (void)unused;
    int fd = client(0);
    uintptr_t len = to("10.0.0.2", 80);
    struct sockaddr_storage own;
    assert_int_equal(setsockint(A, fd, IPPROTO_TCP, 1, 1), 0);
    assert_int_equal(DO(A, BIND, FD(fd), P(&own), FD(address("10.0.0.1", 5000, &own))), 0);
    struct la_sys_call connect = CALL(CONNECT, FD(fd), P(&peer), len);
    assert_false(step(A, &connect));
    assert_true(finish(A, &connect, 20));
    assert_int_equal(connect.result, -ECONNREFUSED);
    server(80);
    to("10.0.0.2", 80);
    connect = CALL(CONNECT, FD(fd), P(&peer), len);
    assert_false(step(A, &connect));
    assert_true(finish(A, &connect, 20));
    assert_int_equal(connect.result, 0);
    assert_int_equal(getsockint(A, fd, IPPROTO_TCP, 1), 1);
    struct sockaddr_in name;
    socklen_t name_len = sizeof name;
    assert_int_equal(DO(A, GETSOCKNAME, FD(fd), P(&name), P(&name_len)), 0);
    assert_int_equal(ntohs(name.sin_port), 5000);
}

static void a_failure_told_by_so_error_leaves_connaborted(void **unused) {
    (void)unused;
    int fd = client(SOCK_NONBLOCK);
    uintptr_t len = to("10.0.0.2", 80);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), len), -EINPROGRESS);
    pass(5);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), len), -ECONNABORTED);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), len), -EINPROGRESS);
}

static void so_sndtimeo_ends_a_connect(void **unused) {
    (void)unused;
    int fd = client(0);
    long timeout[2] = {0, 250000};
    uintptr_t len = to("10.0.0.2", 80);
    sys_rig.cut = true;
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), SOL_SOCKET, SO_SNDTIMEO, P(timeout), sizeof timeout), 0);
    struct la_sys_call c = CALL(CONNECT, FD(fd), P(&peer), len);
    la_time begun = sys_rig.now;
    assert_false(step(A, &c));
    assert_int_equal(la_sys_poll_at(sys_rig.end[A].sys, &c), begun + 250 * LA_MS);
    assert_true(finish(A, &c, 400));
    assert_int_equal(c.result, -EINPROGRESS);
    assert_int_equal(c.over_at, begun + 250 * LA_MS);
}

static void disconnecting_makes_a_socket_new(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    char byte;
    assert_int_equal(DO(A, CONNECT, FD(p.a), P(&none), sizeof none), 0);
    pass(5);
    assert_int_equal(DO(B, RECV, FD(p.b), P(&byte), 1, 0), -ECONNRESET);
    assert_int_equal(getsockint(A, p.a, SOL_SOCKET, SO_ERROR), ECONNRESET);
    uintptr_t len = to("10.0.0.2", 80);
    assert_int_equal(DO(A, CONNECT, FD(p.a), P(&peer), len), -EINPROGRESS);
    pass(5);
    assert_int_equal(DO(A, CONNECT, FD(p.a), P(&peer), len), 0);
}

static void bad_addresses(void **unused) {
    (void)unused;
    int fd = client(0), six = (int)DO(A, SOCKET, AF_INET6, SOCK_STREAM, 0);
    uintptr_t len = to("10.0.0.2", 80);
    assert_int_equal(DO(A, CONNECT, FD(fd), 0, len), -EFAULT);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), 1), -EINVAL);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), 8), -EINVAL);
    assert_int_equal(DO(A, BIND, FD(fd), P(&peer), FD(-1)), -EINVAL);
    assert_int_equal(DO(A, BIND, FD(fd), P(&peer), 1000), -EINVAL);
    assert_int_equal(DO(A, BIND, FD(fd), P(&peer), len), -EADDRNOTAVAIL);
    len = to("fd00::2", 80);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&peer), len), -EAFNOSUPPORT);
    peer.ss_family = AF_INET;
    assert_int_equal(DO(A, CONNECT, FD(six), P(&peer), len), -EAFNOSUPPORT);
    struct sockaddr_in any = {.sin_family = AF_UNSPEC, .sin_port = htons(7)};
    assert_int_equal(DO(A, BIND, FD(fd), P(&any), sizeof any), 0);
    any.sin_addr.s_addr = 1;
    assert_int_equal(DO(A, BIND, FD(fd), P(&any), sizeof any), -EAFNOSUPPORT);
}

static void both_families_reach_one_listener(void **unused) {
    (void)unused;
    int listener = (int)DO(B, SOCKET, AF_INET6, SOCK_STREAM, 0), six = (int)DO(A, SOCKET, AF_INET6, SOCK_STREAM, 0);
    int four = client(SOCK_NONBLOCK), mapped = (int)DO(A, SOCKET, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    uintptr_t len = to("::", 80);
    struct sockaddr_in6 name;
    socklen_t name_len = sizeof name;
    assert_int_equal(DO(B, BIND, FD(listener), P(&peer), len), 0);
    assert_int_equal(DO(B, LISTEN, FD(listener), 4), 0);
    assert_int_equal(DO(A, FCNTL, FD(six), F_SETFL, O_NONBLOCK), 0);
    len = to("fd00::2", 80);
    assert_int_equal(DO(A, CONNECT, FD(six), P(&peer), len), -EINPROGRESS);
    pass(5);
    assert_true(DO(B, ACCEPT, FD(listener), P(&name), P(&name_len)) > 0);
    assert_int_equal(name.sin6_addr.s6_addr[0], 0xfd);
    len = to("10.0.0.2", 80);
    assert_int_equal(DO(A, CONNECT, FD(four), P(&peer), len), -EINPROGRESS);
    len = to("::ffff:10.0.0.2", 80);
    assert_int_equal(DO(A, CONNECT, FD(mapped), P(&peer), len), -EINPROGRESS);
    pass(5);
    for (int i = 0; i < 2; i++) {
        name_len = sizeof name;
        assert_true(DO(B, ACCEPT4, FD(listener), P(&name), P(&name_len), SOCK_NONBLOCK) > 0);
        assert_int_equal(name.sin6_addr.s6_addr[11], 0xff);
        assert_int_equal(name.sin6_addr.s6_addr[15], 1);
    }
    assert_int_equal(DO(B, FCNTL, 5, F_GETFL), O_RDWR | O_NONBLOCK);
}

static void accept_in_bad_cases(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    long timeout[2] = {0, 100000};
    socklen_t bad = (socklen_t)-1;
    assert_int_equal(DO(B, ACCEPT, FD(p.b), 0, 0), -EINVAL);
    assert_int_equal(DO(B, ACCEPT4, FD(p.listener), 0, 0, 0x10), -EINVAL);
    assert_int_equal(DO(B, SETSOCKOPT, FD(p.listener), SOL_SOCKET, SO_RCVTIMEO, P(timeout), sizeof timeout), 0);
    struct la_sys_call c = CALL(ACCEPT, FD(p.listener));
    assert_false(step(B, &c));
    assert_true(finish(B, &c, 200));
    assert_int_equal(c.result, -EAGAIN);
    int fd = client(SOCK_NONBLOCK);
    uintptr_t len = to("10.0.0.2", 80);
    DO(A, CONNECT, FD(fd), P(&peer), len);
    pass(5);
    assert_int_equal(DO(B, ACCEPT, FD(p.listener), P(&peer), P(&bad)), -EINVAL);
    assert_int_equal(DO(B, SOCKET, AF_INET, SOCK_STREAM, 0), p.b + 1);
}

static void shutdown_in_every_phase(void **unused) {
    (void)unused;
    int fd = client(SOCK_NONBLOCK);
    char byte;
    assert_int_equal(DO(A, SHUTDOWN, FD(fd), 3), -EINVAL);
    assert_int_equal(DO(A, SHUTDOWN, FD(fd), SHUT_RDWR), -ENOTCONN);
    assert_int_equal(DO(A, RECV, FD(fd), P(&byte), 1, 0), 0); /* Linux remembers it. */
    struct sys_pair p = sys_pair_make();
    assert_int_equal(DO(B, SHUTDOWN, FD(p.listener), SHUT_WR), 0);
    struct la_sys_call c = CALL(ACCEPT, FD(p.listener));
    assert_false(step(B, &c));
    assert_int_equal(DO(B, SHUTDOWN, FD(p.listener), SHUT_RD), 0);
    assert_true(step(B, &c));
    assert_int_equal(c.result, -EINVAL);
    assert_int_equal(DO(B, LISTEN, FD(p.listener), 1), 0); /* It is still bound. */
    assert_int_equal(DO(A, SHUTDOWN, FD(p.a), SHUT_WR), 0);
    pass(5);
    assert_int_equal(DO(B, RECV, FD(p.b), P(&byte), 1, 0), 0);
    assert_int_equal(DO(A, SEND, FD(p.a), P("x"), 1, 0), -EPIPE);
    assert_int_equal(DO(B, SHUTDOWN, FD(p.b), SHUT_WR), 0);
    pass(5);
    assert_int_equal(DO(A, SHUTDOWN, FD(p.a), SHUT_WR), -ENOTCONN); /* TIME_WAIT is closed for its owner. */
    socklen_t len = sizeof peer;
    assert_int_equal(DO(A, GETPEERNAME, FD(p.a), P(&peer), P(&len)), -ENOTCONN);
    sys_rig.cut = true;
    int half = client(SOCK_NONBLOCK);
    uintptr_t size = to("10.0.0.2", 81);
    assert_int_equal(DO(A, CONNECT, FD(half), P(&peer), size), -EINPROGRESS);
    assert_int_equal(DO(A, SHUTDOWN, FD(half), SHUT_WR), 0);
    assert_int_equal(getsockint(A, half, SOL_SOCKET, SO_ERROR), ECONNRESET);
    assert_int_equal(DO(A, CONNECT, FD(half), P(&peer), size), -EINPROGRESS);
}

static void a_short_name_is_cut(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    uint8_t name[16];
    socklen_t len = 4;
    memset(name, 0xee, sizeof name);
    assert_int_equal(DO(A, GETPEERNAME, FD(p.a), P(name), P(&len)), 0);
    assert_int_equal(len, 16);
    assert_int_equal(name[3], 80);
    assert_int_equal(name[4], 0xee);
    assert_int_equal(DO(A, GETPEERNAME, FD(p.a), P(name), 0), -EFAULT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SYS_TEST(a_blocking_connect_and_accept),
        SYS_TEST(a_connect_that_does_not_block),
        SYS_TEST(a_refused_socket_connects_again),
        SYS_TEST(a_failure_told_by_so_error_leaves_connaborted),
        SYS_TEST(so_sndtimeo_ends_a_connect),
        SYS_TEST(disconnecting_makes_a_socket_new),
        SYS_TEST(bad_addresses),
        SYS_TEST(both_families_reach_one_listener),
        SYS_TEST(accept_in_bad_cases),
        SYS_TEST(shutdown_in_every_phase),
        SYS_TEST(a_short_name_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
