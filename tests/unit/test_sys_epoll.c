/* epoll: level, edge, one shot, errors of epoll_ctl, sets in sets. */
#include "sys_rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define FD(fd) ((uintptr_t)(fd))

static int64_t control(unsigned end, int epoll, int op, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    return DO(end, EPOLL_CTL, FD(epoll), FD(op), FD(fd), P(&event));
}

/* What one epoll_wait without time gives: its only event, or 0. */
static uint32_t seen(unsigned end, int epoll) {
    struct epoll_event event[2];
    int64_t n = DO(end, EPOLL_WAIT, FD(epoll), P(event), 2, 0);
    assert_in_range(n, 0, 1);
    return n ? event[0].events : 0;
}

static int watch(unsigned end, int fd, uint32_t events) {
    int epoll = (int)DO(end, EPOLL_CREATE, 1);
    assert_int_equal(control(end, epoll, EPOLL_CTL_ADD, fd, events), 0);
    return epoll;
}

static void a_send(int fd, const char *text) {
    assert_int_equal(DO(A, SEND, FD(fd), P(text), strlen(text), 0), strlen(text));
    pass(60);
}

static void levels_stay(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    char byte;
    int e = watch(B, p.b, EPOLLIN);
    assert_int_equal(seen(B, e), 0);
    a_send(p.a, "ab");
    assert_int_equal(seen(B, e), EPOLLIN);
    assert_int_equal(DO(B, READ, FD(p.b), P(&byte), 1), 1);
    assert_int_equal(seen(B, e), EPOLLIN);
    assert_int_equal(DO(B, READ, FD(p.b), P(&byte), 1), 1);
    assert_int_equal(seen(B, e), 0);
}

static void edges_come_once_for_each_arrival(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    int e = watch(B, p.b, EPOLLIN | EPOLLET);
    assert_int_equal(seen(B, e), 0);
    a_send(p.a, "a");
    assert_int_equal(seen(B, e), EPOLLIN);
    assert_int_equal(seen(B, e), 0);
    a_send(p.a, "b");
    assert_int_equal(seen(B, e), EPOLLIN);
    assert_int_equal(seen(B, e), 0);
    assert_int_equal(DO(A, CLOSE, FD(p.a)), 0);
    pass(5);
    assert_int_equal(seen(B, e), EPOLLIN);
    assert_int_equal(seen(B, e), 0);
    assert_int_equal(control(B, e, EPOLL_CTL_MOD, p.b, EPOLLIN | EPOLLRDHUP | EPOLLET), 0);
    assert_int_equal(seen(B, e), EPOLLIN | EPOLLRDHUP);
}

static void room_is_an_edge(void **unused) {
    (void)unused;
    static char out[1000000], in[1000000];
    struct sys_pair p = sys_pair_make();
    int e = watch(B, p.b, EPOLLOUT | EPOLLIN | EPOLLET);
    assert_int_equal(setsockint(B, p.b, SOL_SOCKET, SO_SNDBUF, 30000), 0);
    assert_int_equal(seen(B, e), EPOLLOUT);
    assert_int_equal(seen(B, e), 0);
    int64_t n = DO(B, SEND, FD(p.b), P(out), sizeof out, MSG_DONTWAIT);
    assert_in_range(n, 1, sizeof out - 1);
    assert_int_equal(seen(B, e), 0);
    pass(20);
    assert_true(DO(A, RECV, FD(p.a), P(in), sizeof in, MSG_DONTWAIT) > 0);
    assert_int_equal(seen(B, e), EPOLLOUT);
    assert_int_equal(seen(B, e), 0);
}

static void one_shot_is_silent_until_modified(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    int e = watch(B, p.b, EPOLLIN | EPOLLONESHOT);
    a_send(p.a, "a");
    assert_int_equal(seen(B, e), EPOLLIN);
    a_send(p.a, "b");
    assert_int_equal(seen(B, e), 0);
    assert_int_equal(control(B, e, EPOLL_CTL_MOD, p.b, EPOLLIN | EPOLLONESHOT), 0);
    assert_int_equal(seen(B, e), EPOLLIN);
}

static void a_wait_that_blocks(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    struct epoll_event event;
    int e = watch(B, p.b, EPOLLIN);
    struct la_sys_call c = CALL(EPOLL_WAIT, FD(e), P(&event), 1, 40);
    la_time begun = sys_rig.now;
    assert_false(step(B, &c));
    assert_true(finish(B, &c, 100));
    assert_int_equal(c.result, 0);
    assert_int_equal(c.over_at, begun + 40 * LA_MS);
    c = CALL(EPOLL_WAIT, FD(e), P(&event), 1, FD(-1));
    assert_false(step(B, &c));
    a_send(p.a, "x");
    assert_true(step(B, &c));
    assert_int_equal(c.result, 1);
    assert_int_equal(event.data.fd, p.b);
}

static void control_errors(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    struct epoll_event event;
    int e = (int)DO(B, EPOLL_CREATE, 1), other = (int)DO(B, DUP, FD(p.b));
    assert_int_equal(control(B, e, EPOLL_CTL_MOD, p.b, EPOLLIN), -ENOENT);
    assert_int_equal(control(B, e, EPOLL_CTL_DEL, p.b, 0), -ENOENT);
    assert_int_equal(control(B, e, EPOLL_CTL_ADD, p.b, EPOLLIN), 0);
    assert_int_equal(control(B, e, EPOLL_CTL_ADD, p.b, EPOLLIN), -EEXIST);
    assert_int_equal(control(B, e, EPOLL_CTL_ADD, other, EPOLLIN), 0); /* The same file by another name. */
    assert_int_equal(control(B, e, EPOLL_CTL_ADD, 99, EPOLLIN), -EBADF);
    assert_int_equal(control(B, e, EPOLL_CTL_ADD, e, EPOLLIN), -EINVAL);
    assert_int_equal(control(B, p.b, EPOLL_CTL_ADD, p.listener, EPOLLIN), -EINVAL);
    assert_int_equal(control(B, e, 9, p.b, EPOLLIN), -EINVAL);
    assert_int_equal(DO(B, EPOLL_CTL, FD(e), EPOLL_CTL_ADD, FD(p.b), 0), -EFAULT);
    assert_int_equal(DO(B, EPOLL_CTL, FD(e), EPOLL_CTL_DEL, FD(p.b), 0), 0);
    assert_int_equal(control(B, e, EPOLL_CTL_ADD, p.b, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET), 0);
    assert_int_equal(control(B, e, EPOLL_CTL_MOD, p.b, EPOLLIN), -EINVAL);
    assert_int_equal(control(B, e, EPOLL_CTL_MOD, other, EPOLLIN | EPOLLEXCLUSIVE), -EINVAL);
    assert_int_equal(DO(B, EPOLL_WAIT, FD(e), P(&event), 0, 0), -EINVAL);
    assert_int_equal(DO(B, EPOLL_WAIT, FD(p.b), P(&event), 1, 0), -EINVAL);
    a_send(p.a, "x");
    assert_int_equal(DO(B, EPOLL_WAIT, FD(e), 0, 1, 0), -EFAULT);
    assert_int_equal(DO(B, CLOSE, FD(p.b)), 0);
    assert_int_equal(DO(B, CLOSE, FD(other)), 0);
    assert_int_equal(seen(B, e), 0);
}

static void sets_in_sets(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    int inner = watch(B, p.b, EPOLLIN), outer = watch(B, inner, EPOLLIN | EPOLLET);
    assert_int_equal(control(B, inner, EPOLL_CTL_ADD, outer, EPOLLIN), -ELOOP);
    assert_int_equal(seen(B, outer), 0);
    a_send(p.a, "x");
    assert_int_equal(seen(B, outer), EPOLLIN);
    assert_int_equal(seen(B, outer), 0);
    assert_int_equal(seen(B, inner), EPOLLIN);
    int top = outer;
    for (int i = 0; i < 3; i++) top = watch(B, top, EPOLLIN);
    int more = (int)DO(B, EPOLL_CREATE, 1);
    assert_int_equal(control(B, more, EPOLL_CTL_ADD, top, EPOLLIN), -ELOOP);
}

static void a_small_buffer_takes_turns(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    int e = watch(B, p.b, EPOLLOUT), other = (int)DO(B, DUP, FD(p.b));
    struct epoll_event event;
    assert_int_equal(control(B, e, EPOLL_CTL_ADD, other, EPOLLOUT), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(DO(B, EPOLL_WAIT, FD(e), P(&event), 1, 0), 1);
        assert_int_equal(event.data.fd, i % 2 ? other : p.b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SYS_TEST(levels_stay),        SYS_TEST(edges_come_once_for_each_arrival),
        SYS_TEST(room_is_an_edge),    SYS_TEST(one_shot_is_silent_until_modified),
        SYS_TEST(a_wait_that_blocks), SYS_TEST(control_errors),
        SYS_TEST(sets_in_sets),       SYS_TEST(a_small_buffer_takes_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
