/* Options: lengths, own ones, kept ones, refused ones; ioctl's queues. */
#define _GNU_SOURCE /* Names of newer options and structures. */
#include "sys_rig.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define FD(fd) ((uintptr_t)(fd))

static int tcp(void) { return (int)DO(A, SOCKET, AF_INET, SOCK_STREAM, 0); }

static void what_a_socket_is(void **unused) {
    (void)unused;
    int fd = tcp(), udp = (int)DO(A, SOCKET, AF_INET6, SOCK_DGRAM, 0);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
    assert_int_equal(getsockint(A, udp, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    assert_int_equal(getsockint(A, udp, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
    assert_int_equal(getsockint(A, udp, SOL_SOCKET, SO_DOMAIN), AF_INET6);
    assert_int_equal(getsockint(A, udp, SOL_SOCKET, SO_ACCEPTCONN), 0);
    assert_int_equal(getsockint(A, udp, IPPROTO_TCP, TCP_NODELAY), -ENOPROTOOPT);
    assert_int_equal(DO(A, LISTEN, FD(fd), 1), 0);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
}

static void lengths_and_memory(void **unused) {
    (void)unused;
    int fd = tcp(), one = 1;
    uint8_t value[8] = {0xee, 0xee, 0xee, 0xee};
    socklen_t len = 2;
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), SOL_SOCKET, SO_REUSEADDR, P(&one), 2), -EINVAL);
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), SOL_SOCKET, SO_REUSEADDR, P(&one), FD(-1)), -EINVAL);
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), SOL_SOCKET, SO_REUSEADDR, 0, 4), -EFAULT);
    assert_int_equal(DO(A, GETSOCKOPT, FD(fd), SOL_SOCKET, SO_TYPE, P(value), P(&len)), 0);
    assert_int_equal(len, 2);
    assert_int_equal(value[2], 0xee);
    assert_int_equal(DO(A, GETSOCKOPT, FD(fd), SOL_SOCKET, SO_TYPE, P(value), 0), -EFAULT);
    len = 4;
    assert_int_equal(DO(A, GETSOCKOPT, FD(fd), SOL_SOCKET, SO_TYPE, 0, P(&len)), -EFAULT);
    len = (socklen_t)-4;
    assert_int_equal(DO(A, GETSOCKOPT, FD(fd), SOL_SOCKET, SO_TYPE, P(value), P(&len)), -EINVAL);
    uint8_t tos = 0x10;
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), IPPROTO_IP, IP_TOS, P(&tos), 1), 0);
    len = 1;
    assert_int_equal(DO(A, GETSOCKOPT, FD(fd), IPPROTO_IP, IP_TOS, P(value), P(&len)), 0);
    assert_int_equal(value[0], 0x10);
    assert_int_equal(len, 1);
    assert_int_equal(getsockint(A, fd, IPPROTO_IPV6, 26), -EOPNOTSUPP); /* An AF_INET socket. */
    assert_int_equal(setsockint(A, fd, IPPROTO_IPV6, 26, 1), -ENOPROTOOPT);
    assert_int_equal(getsockint(A, fd, 12345, 1), -EOPNOTSUPP);
    assert_int_equal(setsockint(A, fd, SOL_SOCKET, SO_ERROR, 1), -ENOPROTOOPT);
}

static void timeouts_come_back(void **unused) {
    (void)unused;
    int fd = tcp();
    long tv[2] = {1, 500000};
    int64_t wide[2] = {2, 250000};
    socklen_t len = sizeof tv;
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), SOL_SOCKET, SO_RCVTIMEO, P(tv), sizeof tv), 0);
    tv[0] = tv[1] = 9;
    assert_int_equal(DO(A, GETSOCKOPT, FD(fd), SOL_SOCKET, SO_RCVTIMEO, P(tv), P(&len)), 0);
    assert_int_equal(tv[0], 1);
    assert_int_equal(tv[1], 500000);
    assert_int_equal(DO(A, GETSOCKOPT, FD(fd), SOL_SOCKET, SO_SNDTIMEO, P(tv), P(&len)), 0);
    assert_int_equal(tv[0] + tv[1], 0);
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), SOL_SOCKET, SO_SNDTIMEO_NEW, P(wide), sizeof wide), 0);
    wide[0] = wide[1] = 9;
    len = sizeof wide;
    assert_int_equal(DO(A, GETSOCKOPT, FD(fd), SOL_SOCKET, SO_SNDTIMEO_NEW, P(wide), P(&len)), 0);
    assert_true(len == sizeof wide && wide[0] == 2 && wide[1] == 250000);
    tv[1] = 1000000;
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), SOL_SOCKET, SO_RCVTIMEO, P(tv), sizeof tv), -EDOM);
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), SOL_SOCKET, SO_RCVTIMEO, P(tv), sizeof tv - 1), -EINVAL);
    tv[0] = LONG_MAX;
    tv[1] = 0;
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), SOL_SOCKET, SO_RCVTIMEO, P(tv), sizeof tv), 0);
}

static void kept_and_refused(void **unused) {
    (void)unused;
    int fd = tcp(), one = 1;
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_MARK), 0);
    assert_int_equal(setsockint(A, fd, SOL_SOCKET, SO_MARK, 7), 0);
    assert_int_equal(getsockint(A, fd, SOL_SOCKET, SO_MARK), 7);
    assert_int_equal(setsockint(A, fd, SOL_SOCKET, SO_PRIORITY, 3), 0);
    struct la_sys_call c = CALL(SETSOCKOPT, FD(fd), SOL_SOCKET, 60, P(&one), sizeof one);
    assert_true(step(A, &c));
    assert_int_equal(c.result, -EOPNOTSUPP);
    assert_non_null(strstr(la_sys_refusal(&c), "SO_ZEROCOPY"));
    assert_int_equal(setsockint(A, fd, IPPROTO_TCP, TCP_REPAIR, 1), -EOPNOTSUPP);
    assert_int_equal(setsockint(A, fd, IPPROTO_TCP, 999, 1), -ENOPROTOOPT);
    c = CALL(SETSOCKOPT, FD(fd), IPPROTO_TCP, 999, P(&one), sizeof one);
    assert_null(la_sys_refusal(&c));
    char name[16];
    socklen_t len = sizeof name;
    assert_int_equal(DO(A, GETSOCKOPT, FD(fd), IPPROTO_TCP, TCP_CONGESTION, P(name), P(&len)), 0);
    assert_string_equal(name, "cubic");
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), IPPROTO_TCP, TCP_CONGESTION, P("reno"), 4), 0);
    assert_int_equal(DO(A, SETSOCKOPT, FD(fd), IPPROTO_TCP, TCP_CONGESTION, P("vegas"), 5), -ENOENT);
}

static void every_integer_option_survives_a_new_life(void **unused) {
    (void)unused;
    int fd = tcp();
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    for (int name = 1; name < 128; name++) {
        setsockint(A, fd, SOL_SOCKET, name, 2000);
        setsockint(A, fd, IPPROTO_TCP, name, 100);
        setsockint(A, fd, IPPROTO_IP, name, 100);
        setsockint(A, fd, IPPROTO_IPV6, name, 100);
    }
    assert_int_equal(setsockint(A, fd, IPPROTO_TCP, TCP_MAXSEG, 777), 0);
    assert_int_equal(setsockint(A, fd, IPPROTO_IP, IP_TTL, 33), 0);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&none), sizeof none), 0);
    assert_int_equal(getsockint(A, fd, IPPROTO_TCP, TCP_MAXSEG), 777);
    assert_int_equal(getsockint(A, fd, IPPROTO_IP, IP_TTL), 33);
}

static void accepted_sockets_inherit(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    assert_int_equal(setsockint(B, p.listener, SOL_SOCKET, SO_RCVLOWAT, 5), 0);
    struct sockaddr_storage to;
    uintptr_t len = (uintptr_t)address("10.0.0.2", 80, &to);
    int fd = (int)DO(A, SOCKET, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    DO(A, CONNECT, FD(fd), P(&to), len);
    pass(5);
    int child = (int)DO(B, ACCEPT, FD(p.listener), 0, 0);
    char text[8];
    assert_int_equal(getsockint(B, child, SOL_SOCKET, SO_RCVLOWAT), 5);
    struct la_sys_call c = CALL(RECV, FD(child), P(text), 8, 0);
    assert_int_equal(DO(A, SEND, FD(fd), P("abcd"), 4, 0), 4);
    pass(5);
    assert_false(step(B, &c));
    assert_int_equal(DO(A, SEND, FD(fd), P("e"), 1, 0), 1);
    assert_true(finish(B, &c, 100));
    assert_int_equal(c.result, 5);
}

static int queue(unsigned end, int fd, unsigned long request) {
    int value = -1;
    int64_t error = DO(end, IOCTL, FD(fd), request, P(&value));
    return error < 0 ? (int)error : value;
}

static void queues(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    int on = 1;
    assert_int_equal(queue(B, p.listener, FIONREAD), -EINVAL);
    assert_int_equal(DO(A, SEND, FD(p.a), P("hello"), 5, 0), 5);
    assert_int_equal(queue(A, p.a, SIOCOUTQ), 5);
    assert_int_equal(queue(A, p.a, SIOCOUTQNSD), 5);
    assert_int_equal(DO(A, SHUTDOWN, FD(p.a), SHUT_WR), 0);
    assert_int_equal(queue(A, p.a, SIOCOUTQ), 6);
    pass(60);
    assert_int_equal(queue(A, p.a, SIOCOUTQ), 0);
    assert_int_equal(queue(A, p.a, SIOCOUTQNSD), 0);
    assert_int_equal(queue(B, p.b, SIOCINQ), 5);
    assert_int_equal(DO(B, IOCTL, FD(p.b), FIONREAD, 0), -EFAULT);
    assert_int_equal(queue(B, p.b, 0x1234), -ENOTTY);
    assert_int_equal(DO(B, IOCTL, FD(p.listener), FIONBIO, P(&on)), 0);
    assert_int_equal(DO(B, ACCEPT, FD(p.listener), 0, 0), -EAGAIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SYS_TEST(what_a_socket_is),
        SYS_TEST(lengths_and_memory),
        SYS_TEST(timeouts_come_back),
        SYS_TEST(kept_and_refused),
        SYS_TEST(every_integer_option_survives_a_new_life),
        SYS_TEST(accepted_sockets_inherit),
        SYS_TEST(queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
