/* Bytes in and out: blocking and partial progress, flags, pieces, bad arguments, datagrams. */
#include "sys_rig.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define FD(fd) ((uintptr_t)(fd))

static void send_text(unsigned end, int fd, const char *text) {
    size_t len = strlen(text);
    assert_int_equal(DO(end, SEND, FD(fd), P(text), len, 0), len);
    pass(5);
}

static void a_read_waits_for_data(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    char text[16];
    struct la_sys_call c = CALL(READ, FD(p.b), P(text), sizeof text);
    assert_false(step(B, &c));
    assert_int_equal(la_sys_poll_at(sys_rig.end[B].sys, &c), LA_NEVER);
    send_text(A, p.a, "hello");
    assert_true(step(B, &c));
    assert_int_equal(c.result, 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(DO(B, READ, FD(p.b), P(text), 0), 0);
    assert_int_equal(DO(B, RECV, FD(p.b), P(text), 1, MSG_DONTWAIT), -EAGAIN);
    assert_int_equal(DO(A, READ, FD(p.a), P(text), 1), -EAGAIN);
}

static void peek_trunc_and_waitall(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    char text[16] = "";
    struct iovec two[2] = {{text, 2}, {text + 8, 8}};
    struct msghdr msg = {.msg_iov = two, .msg_iovlen = 2, .msg_controllen = 3, .msg_flags = -1};
    send_text(A, p.a, "abcdef");
    assert_int_equal(DO(B, RECV, FD(p.b), P(text), 4, MSG_PEEK), 4);
    assert_memory_equal(text, "abcd", 4);
    assert_int_equal(DO(B, RECVMSG, FD(p.b), P(&msg), MSG_PEEK), 6);
    assert_memory_equal(text + 8, "cdef", 4);
    assert_int_equal(msg.msg_flags, 0);
    assert_int_equal(msg.msg_controllen, 0);
    assert_int_equal(DO(B, RECV, FD(p.b), 0, 2, MSG_TRUNC), 2);
    struct la_sys_call c = CALL(RECV, FD(p.b), P(text), 8, MSG_WAITALL);
    assert_false(step(B, &c));
    assert_int_equal(c.done, 4);
    send_text(A, p.a, "ghijkl");
    assert_true(step(B, &c));
    assert_int_equal(c.result, 8);
    assert_memory_equal(text, "cdefghij", 8);
    assert_int_equal(DO(B, RECV, FD(p.b), P(text), 8, MSG_WAITALL | MSG_DONTWAIT), 2);
    c = CALL(RECV, FD(p.b), P(text), 8, MSG_WAITALL);
    assert_false(step(B, &c));
    send_text(A, p.a, "x");
    assert_int_equal(DO(A, CLOSE, FD(p.a)), 0);
    assert_true(finish(B, &c, 10));
    assert_int_equal(c.result, 1);
    assert_int_equal(DO(B, RECV, FD(p.b), P(text), 8, 0), 0);
}

static void a_peek_that_waits_for_all(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    char text[16];
    send_text(A, p.a, "abc");
    struct la_sys_call c = CALL(RECV, FD(p.b), P(text), 5, MSG_WAITALL | MSG_PEEK);
    assert_false(step(B, &c));
    send_text(A, p.a, "de");
    assert_true(step(B, &c));
    assert_int_equal(c.result, 5);
    assert_int_equal(DO(B, RECV, FD(p.b), P(text), 16, 0), 5);
}

static void so_rcvtimeo_gives_what_is_there(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    long timeout[2] = {0, 30000};
    char text[16];
    assert_int_equal(DO(B, SETSOCKOPT, FD(p.b), SOL_SOCKET, SO_RCVTIMEO, P(timeout), sizeof timeout), 0);
    struct la_sys_call c = CALL(RECV, FD(p.b), P(text), 8, 0);
    la_time begun = sys_rig.now;
    assert_false(step(B, &c));
    assert_true(finish(B, &c, 100));
    assert_int_equal(c.result, -EAGAIN);
    assert_int_equal(c.over_at, begun + 30 * LA_MS);
    c = CALL(RECV, FD(p.b), P(text), 8, MSG_WAITALL);
    assert_false(step(B, &c));
    send_text(A, p.a, "abc");
    assert_true(finish(B, &c, 100));
    assert_int_equal(c.result, 3);
}

static void a_large_write_goes_on_as_room_comes(void **unused) {
    (void)unused;
    static uint8_t out[3000000], in[65536];
    struct sys_pair p = sys_pair_make();
    assert_int_equal(setsockint(B, p.b, SOL_SOCKET, SO_SNDBUF, 20000), 0);
    for (size_t i = 0; i < sizeof out; i++) out[i] = (uint8_t)(i * 7 + i / 255);
    struct la_sys_call c = CALL(WRITE, FD(p.b), P(out), sizeof out);
    size_t got = 0;
    bool over = step(B, &c);
    assert_false(over);
    assert_true(c.done > 0);
    assert_int_equal(DO(B, SEND, FD(p.b), P(out), 1, MSG_DONTWAIT), -EAGAIN);
    while (got < sizeof out) {
        pass(1);
        if (!over) over = step(B, &c);
        int64_t n = DO(A, RECV, FD(p.a), P(in), sizeof in, MSG_DONTWAIT);
        if (n == -EAGAIN) continue;
        assert_true(n > 0);
        assert_memory_equal(in, out + got, (size_t)n);
        got += (size_t)n;
    }
    assert_true(over);
    assert_int_equal(c.result, sizeof out);
}

static void a_reset_ends_a_blocked_write(void **unused) {
    (void)unused;
    static uint8_t out[8000000];
    struct sys_pair p = sys_pair_make();
    struct la_sys_call c = CALL(WRITE, FD(p.b), P(out), sizeof out);
    assert_false(step(B, &c));
    pass(10);
    assert_false(step(B, &c));
    assert_int_equal(DO(A, CLOSE, FD(p.a)), 0); /* Unread data: RST. */
    assert_true(finish(B, &c, 10));
    assert_true(c.result > 0);
    assert_true(DO(B, WRITE, FD(p.b), P(out), 1) < 0);
    assert_int_equal(DO(B, WRITE, FD(p.b), P(out), 1), -EPIPE);
}

static void bad_memory_and_counts(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    char text[8];
    struct iovec iov[2] = {{text, 4}, {NULL, 4}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    assert_int_equal(DO(A, SEND, FD(p.a), 0, 4, 0), -EFAULT);
    assert_int_equal(DO(A, SENDMSG, FD(p.a), 0, 0), -EFAULT);
    assert_int_equal(DO(A, WRITEV, FD(p.a), 0, 1), -EFAULT);
    assert_int_equal(DO(A, WRITEV, FD(p.a), P(iov), 1025), -EINVAL);
    assert_int_equal(DO(A, WRITEV, FD(p.a), P(iov), 0), 0);
    assert_int_equal(DO(A, SENDMSG, FD(p.a), P(&msg), 0), 4); /* What was good went. */
    msg.msg_iovlen = 1025;
    assert_int_equal(DO(A, SENDMSG, FD(p.a), P(&msg), 0), -EMSGSIZE);
    iov[1].iov_len = SIZE_MAX;
    assert_int_equal(DO(A, WRITEV, FD(p.a), P(iov), 2), -EINVAL);
    pass(5);
    assert_int_equal(DO(B, READ, FD(p.b), 0, 4), -EFAULT);
    iov[1] = (struct iovec){NULL, 0};
    assert_int_equal(DO(B, READV, FD(p.b), P(iov), 2), 4);
    struct iovec gaps[4] = {{NULL, 0}, {text, 3}, {NULL, 0}, {text, 2}};
    assert_int_equal(DO(A, WRITEV, FD(p.a), P(gaps), 4), 5);
}

static void flags_without_a_mechanism(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    char byte = 0;
    struct la_sys_call zero = CALL(SEND, FD(p.a), P(&byte), 1, 0x4000000);
    assert_true(step(A, &zero));
    assert_int_equal(zero.result, -EOPNOTSUPP);
    assert_non_null(strstr(la_sys_refusal(&zero), "MSG_ZEROCOPY"));
    assert_int_equal(DO(A, RECV, FD(p.a), P(&byte), 1, 0x2000), -EOPNOTSUPP);
    struct la_sys_call plain = CALL(SEND, FD(p.a), P(&byte), 1, MSG_NOSIGNAL);
    assert_null(la_sys_refusal(&plain));
    assert_true(step(A, &plain));
    assert_int_equal(plain.result, 1);
}

static void urgent_data_is_out_of_band(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    char text[8] = "";
    int mark = -1;
    struct pollfd entry = {.fd = p.b, .events = POLLIN | POLLPRI};
    assert_int_equal(DO(B, RECV, FD(p.b), P(text), 1, MSG_OOB), -EINVAL);
    assert_int_equal(DO(A, SEND, FD(p.a), P("abc"), 3, MSG_OOB), 3);
    assert_int_equal(DO(A, SEND, FD(p.a), P("de"), 2, 0), 2);
    pass(50);
    assert_int_equal(DO(B, POLL, P(&entry), 1, 0), 1);
    assert_int_equal(entry.revents, POLLIN | POLLPRI);
    assert_int_equal(DO(B, READ, FD(p.b), P(text), sizeof text), 2);
    assert_int_equal(DO(B, IOCTL, FD(p.b), SIOCATMARK, P(&mark)), 0);
    assert_int_equal(mark, 1);
    assert_int_equal(DO(B, RECV, FD(p.b), P(text), 4, MSG_OOB), 1);
    assert_int_equal(text[0], 'c');
    assert_int_equal(DO(B, READ, FD(p.b), P(text), sizeof text), 2);
    assert_memory_equal(text, "de", 2);
    assert_int_equal(DO(B, IOCTL, FD(p.b), SIOCATMARK, P(&mark)), 0);
    assert_int_equal(mark, 0);
}

static void sockets_that_are_not_connected(void **unused) {
    (void)unused;
    int fd = (int)DO(A, SOCKET, AF_INET, SOCK_STREAM, 0);
    char byte = 0;
    assert_int_equal(DO(A, SEND, FD(fd), P(&byte), 1, 0), -EPIPE);
    assert_int_equal(DO(A, RECV, FD(fd), P(&byte), 1, 0), -ENOTCONN);
    assert_int_equal(DO(A, LISTEN, FD(fd), 1), 0);
    assert_int_equal(DO(A, RECV, FD(fd), P(&byte), 1, 0), -ENOTCONN);
    assert_int_equal(DO(A, SEND, FD(fd), P(&byte), 1, 0), -EPIPE);
    sys_rig.cut = true;
    struct sockaddr_storage to;
    uintptr_t len = (uintptr_t)address("10.0.0.2", 80, &to);
    fd = (int)DO(A, SOCKET, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&to), len), -EINPROGRESS);
    assert_int_equal(DO(A, SEND, FD(fd), P(&byte), 1, 0), -EAGAIN);
    assert_int_equal(DO(A, RECV, FD(fd), P(&byte), 1, 0), -EAGAIN);
}

static void a_stream_tells_no_address(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    char text[4];
    send_text(A, p.a, "abc");
    assert_int_equal(DO(B, RECVFROM, FD(p.b), P(text), 4, 0, P(&from), P(&len)), 3);
    assert_int_equal(len, 0);
}

static void datagrams(void **unused) {
    (void)unused;
    int a = (int)DO(A, SOCKET, AF_INET, SOCK_DGRAM, 0), b = (int)DO(B, SOCKET, AF_INET, SOCK_DGRAM, 17);
    struct sockaddr_storage to;
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    char text[8];
    uintptr_t len = (uintptr_t)address("10.0.0.2", 53, &to);
    assert_int_equal(DO(B, BIND, FD(b), P(&to), len), 0);
    assert_int_equal(DO(B, LISTEN, FD(b), 1), -EOPNOTSUPP);
    struct la_sys_call c = CALL(RECVFROM, FD(b), P(text), sizeof text, 0, P(&from), P(&from_len));
    assert_false(step(B, &c));
    struct iovec out[2] = {{"ab", 2}, {"cdef", 4}}, in = {text, 3};
    struct msghdr msg = {.msg_name = &to, .msg_namelen = (socklen_t)len, .msg_iov = out, .msg_iovlen = 2};
    assert_int_equal(DO(A, SENDMSG, FD(a), P(&msg), 0), 6);
    assert_true(finish(B, &c, 10));
    assert_int_equal(c.result, 6);
    assert_memory_equal(text, "abcdef", 6);
    assert_int_equal(from.sin_addr.s_addr, htonl(0x0a000001));
    assert_int_equal(DO(A, CONNECT, FD(a), P(&to), len), 0);
    assert_int_equal(DO(A, SEND, FD(a), P("12345"), 5, 0), 5);
    pass(5);
    msg = (struct msghdr){.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &in, .msg_iovlen = 1};
    assert_int_equal(DO(B, RECVMSG, FD(b), P(&msg), MSG_TRUNC), 5);
    assert_int_equal(msg.msg_flags, MSG_TRUNC);
    assert_int_equal(msg.msg_namelen, sizeof from);
    static char large[70000];
    assert_int_equal(DO(A, SEND, FD(a), P(large), sizeof large, 0), -EMSGSIZE);
    assert_int_equal(DO(A, SHUTDOWN, FD(a), SHUT_RDWR), 0);
    assert_int_equal(DO(A, SEND, FD(a), P(large), 1, 0), -EPIPE);
    assert_int_equal(DO(A, RECV, FD(a), P(large), 1, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SYS_TEST(a_read_waits_for_data),
        SYS_TEST(peek_trunc_and_waitall),
        SYS_TEST(a_peek_that_waits_for_all),
        SYS_TEST(so_rcvtimeo_gives_what_is_there),
        SYS_TEST(a_large_write_goes_on_as_room_comes),
        SYS_TEST(a_reset_ends_a_blocked_write),
        SYS_TEST(bad_memory_and_counts),
        SYS_TEST(flags_without_a_mechanism),
        SYS_TEST(urgent_data_is_out_of_band),
        SYS_TEST(sockets_that_are_not_connected),
        SYS_TEST(a_stream_tells_no_address),
        SYS_TEST(datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
