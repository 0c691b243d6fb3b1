/* Making and ending a la_sys: arguments, memory that is refused, what an end of process does. */
#include "sys_rig.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define FD(fd) ((uintptr_t)(fd))

static void arguments_are_checked(void **unused) {
    (void)unused;
    struct la_sys_config config = {.stack = sys_rig.end[A].stack, .alloc = oom_allocator(&sys_rig.oom)};
    struct la_sys *sys = NULL;
    assert_int_equal(la_sys_create(NULL, &sys), -EINVAL);
    assert_int_equal(la_sys_create(&config, NULL), -EINVAL);
    config.alloc.alloc = NULL;
    assert_int_equal(la_sys_create(&config, &sys), -EINVAL);
    la_sys_destroy(NULL, 0);
    for (unsigned nr = 0; nr < LA_SYS_COUNT; nr++) assert_non_null(la_sys_name((enum la_sys_nr)nr));
}

/* Every call with arguments of zero: an error or a result, nothing worse. */
static void zeros_are_harmless(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    int epoll = (int)DO(B, EPOLL_CREATE, 1), fds[] = {p.listener, p.b, epoll, 0};
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned nr = 0; nr < LA_SYS_COUNT; nr++) {
            struct la_sys_call c = {.nr = (enum la_sys_nr)nr, .arg = {FD(fds[i])}};
            if (nr != LA_SYS_CLOSE && nr != LA_SYS_ACCEPT && nr != LA_SYS_ACCEPT4 && nr < LA_SYS_POLL)
                if (!step(B, &c)) c.result = 0; /* A wait that nobody goes on with. */
        }
    }
}

/* A process that ends does not linger, and what it did not read makes an RST. */
static void the_end_closes_everything(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    int linger[2] = {1, 60};
    char byte;
    assert_int_equal(DO(B, SETSOCKOPT, FD(p.b), SOL_SOCKET, SO_LINGER, P(linger), sizeof linger), 0);
    la_sys_destroy(sys_rig.end[B].sys, sys_rig.now);
    sys_rig.end[B].sys = NULL;
    struct la_sys_config config = {.stack = sys_rig.end[B].stack, .alloc = oom_allocator(&sys_rig.oom)};
    assert_int_equal(la_sys_create(&config, &sys_rig.end[B].sys), 0);
    pass(5);
    assert_int_equal(DO(A, READ, FD(p.a), P(&byte), 1), 0);
    assert_int_equal(DO(B, SOCKET, AF_INET, SOCK_DGRAM, 0), 0); /* first_fd is 0 here. */
}

static int64_t done(struct la_sys *sys, struct la_sys_call call) {
    return la_sys_step(sys, &call, LA_SECOND) ? call.result : -EAGAIN;
}

static bool some_calls(struct la_sys *sys) {
    struct epoll_event event = {.events = EPOLLIN};
    for (int i = 0; i < 20; i++)
        if (done(sys, CALL(SOCKET, AF_INET, SOCK_STREAM, 0)) < 0) return false;
    if (done(sys, CALL(DUP, 3)) < 0 || done(sys, CALL(LISTEN, 4, 1)) < 0) return false;
    int64_t epoll = done(sys, CALL(EPOLL_CREATE, 1));
    if (epoll < 0 || done(sys, CALL(EPOLL_CTL, FD(epoll), EPOLL_CTL_ADD, 4, P(&event))) < 0) return false;
    return done(sys, CALL(SHUTDOWN, 4, SHUT_RD)) == 0; /* A new socket takes its place. */
}

static bool scenario(struct oom *oom) {
    struct la_config config = {.alloc = oom_allocator(oom)};
    struct la_stack *stack = NULL;
    struct la_sys *sys = NULL;
    bool complete = la_stack_create(&config, &stack) == 0;
    if (complete) {
        struct la_sys_config sys_config = {.stack = stack, .alloc = config.alloc, .first_fd = 3};
        complete = la_sys_create(&sys_config, &sys) == 0 && some_calls(sys);
    }
    la_sys_destroy(sys, LA_SECOND);
    la_stack_destroy(stack);
    return complete;
}

static void refused_memory_is_an_error(void **unused) {
    (void)unused;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SYS_TEST(arguments_are_checked),
        SYS_TEST(zeros_are_harmless),
        SYS_TEST(the_end_closes_everything),
        cmocka_unit_test(refused_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
