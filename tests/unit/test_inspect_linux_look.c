/* inspect/linux_look.c and its parts: who watches a connection in CLOSE_WAIT, with real processes that do it wrong.
 *
 * Each test has a scene, which a child plays, and then says what was seen of it. */
#define _GNU_SOURCE
#include "support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "support/staged.h"

/* The only watch of the connection; fails when there are more, or none. */
static const struct snap_watch *only_watch(const struct snap *snap) {
    assert_true(snap->conns[0].looked_closely);
    assert_int_equal(snap->conns[0].nwatches, 1);
    const struct snap_watch *watch = &snap->watches[snap->conns[0].first_watch];
    assert_int_equal(watch->conn, 0);
    return watch;
}

/* Ends a test: some tests look several times. */
static void done(struct stage *stage, struct snap *snap) {
    snap_free(snap);
    staged_end(stage);
}

static int registered(int set, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void wait_in(int set) {
    struct epoll_event event;
    for (;;) epoll_wait(set, &event, 1, -1);
}

static void tell(int fd, int set, int outer) {
    staged_tell(&(struct staged){.inode = staged_inode(fd), .fd = fd, .set = set, .outer = outer});
}

/* --- Nobody --- */

static void nobody_scene(void) {
    int fd = staged_close_wait(), other[2];
    if (pipe(other)) _exit(1);
    tell(fd, -1, -1);
    struct pollfd poll_other = {.fd = other[0], .events = POLLIN};
    poll(&poll_other, 1, -1);
}

static void nobody_watches(void **state) {
    (void)state;
    struct stage stage = staged(nobody_scene);
    struct snap *snap = staged_look_until(&stage, "poll");
    assert_true(snap->conns[0].looked_closely);
    assert_int_equal(snap->conns[0].nwatches, 0);
    assert_int_equal(snap->procs[0].nthreads, 1);
    const struct snap_thread *thread = &snap->threads[snap->procs[0].first_thread];
    assert_int_equal(thread->tid, stage.pid);
    assert_int_equal(thread->state, 'S');
    assert_int_equal(thread->fd, -1);
    done(&stage, snap);
}

/* --- Epoll --- */

static void busy_scene(void) {
    int fd = staged_close_wait(), set = epoll_create1(0);
    registered(set, fd, EPOLLIN | EPOLLRDHUP);
    tell(fd, set, -1);
    staged_sleep();
}

static void watched_while_the_loop_sleeps_elsewhere(void **state) {
    (void)state;
    struct stage stage = staged(busy_scene);
    struct snap *snap = staged_look_until(&stage, "clock_nanosleep");
    const struct snap_watch *watch = only_watch(snap);
    assert_int_equal(watch->kind, SNAP_WATCH_EPOLL);
    assert_int_equal(watch->flags, SNAP_WATCH_READ);
    assert_int_equal(watch->fd, stage.told.fd);
    assert_int_equal(watch->set, stage.told.set);
    assert_int_equal(watch->tid, 0);
    assert_int_equal(watch->events, EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP);
    done(&stage, snap);
}

static void edge_scene(void) {
    int fd = staged_close_wait(), set = epoll_create1(0);
    registered(set, fd, EPOLLIN | (uint32_t)EPOLLET);
    tell(fd, set, -1);
    wait_in(set);
}

static void edge_triggered_and_waiting(void **state) {
    (void)state;
    struct stage stage = staged(edge_scene);
    struct snap *snap = staged_look_until(&stage, "epoll_wait");
    const struct snap_watch *watch = only_watch(snap);
    assert_int_equal(watch->flags, SNAP_WATCH_READ | SNAP_WATCH_EDGE | SNAP_WATCH_WAITED);
    assert_int_equal(watch->tid, stage.pid);
    assert_string_equal(watch->call, "epoll_wait");
    assert_int_equal(snap->threads[snap->procs[0].first_thread].fd, stage.told.set);
    done(&stage, snap);
}

static void blind_masks_scene(void) {
    int fd = staged_close_wait(), set = epoll_create1(0), none = epoll_create1(0), peer,
        other = staged_connection(&peer);
    registered(set, fd, EPOLLOUT | (uint32_t)EPOLLET);
    registered(set, other, EPOLLIN);
    registered(none, fd, 0);
    tell(fd, set, none);
    wait_in(set);
}

static void masks_that_do_not_see_end_of_file(void **state) {
    (void)state;
    struct stage stage = staged(blind_masks_scene);
    struct snap *snap = staged_look_until(&stage, "epoll_wait");
    assert_int_equal(snap->conns[0].nwatches, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct snap_watch *watch = &snap->watches[snap->conns[0].first_watch + i];
        bool out = watch->set == stage.told.set;
        assert_int_equal(watch->flags, out ? SNAP_WATCH_WRITE | SNAP_WATCH_EDGE | SNAP_WATCH_WAITED : 0);
    }
    done(&stage, snap);
}

static void oneshot_scene(void) {
    int fd = staged_close_wait(), set = epoll_create1(0);
    struct epoll_event event;
    registered(set, fd, EPOLLIN | EPOLLONESHOT);
    epoll_wait(set, &event, 1, -1);
    tell(fd, set, -1);
    wait_in(set);
}

static void one_shot_that_has_fired(void **state) {
    (void)state;
    struct stage stage = staged(oneshot_scene);
    struct snap *snap = staged_look_until(&stage, "epoll_wait");
    assert_int_equal(only_watch(snap)->flags, SNAP_WATCH_DISARMED);
    done(&stage, snap);
}

static void duplicate_scene(void) {
    int fd = staged_close_wait(), set = epoll_create1(0);
    registered(set, fd, EPOLLIN | (uint32_t)EPOLLET);
    int copy = dup(fd);
    close(fd);
    staged_tell(&(struct staged){.inode = staged_inode(copy), .fd = fd, .set = set});
    wait_in(set);
}

static void registered_under_a_number_that_is_closed(void **state) {
    (void)state;
    struct stage stage = staged(duplicate_scene);
    struct snap *snap = staged_look_until(&stage, "epoll_wait");
    const struct snap_watch *watch = only_watch(snap);
    assert_int_equal(watch->fd, stage.told.fd);
    assert_true(snap->owners[0].fd != stage.told.fd);
    assert_int_equal(watch->flags, SNAP_WATCH_READ | SNAP_WATCH_EDGE | SNAP_WATCH_WAITED);
    done(&stage, snap);
}

static void nested_scene(void) {
    int fd = staged_close_wait(), inner = epoll_create1(0), middle = epoll_create1(0), outer = epoll_create1(0);
    registered(inner, fd, EPOLLIN | (uint32_t)EPOLLET);
    registered(middle, inner, EPOLLIN | (uint32_t)EPOLLET);
    registered(outer, middle, EPOLLIN | (uint32_t)EPOLLET);
    tell(fd, inner, outer);
    wait_in(outer);
}

static void a_set_within_a_set(void **state) {
    (void)state;
    struct stage stage = staged(nested_scene);
    struct snap *snap = staged_look_until(&stage, "epoll_wait");
    const struct snap_watch *watch = only_watch(snap);
    assert_int_equal(watch->set, stage.told.set);
    assert_true(watch->flags & SNAP_WATCH_WAITED);
    assert_int_equal(snap->threads[snap->procs[0].first_thread].fd, stage.told.outer);
    done(&stage, snap);
}

static void *wait_in_thread(void *arg) {
    wait_in(*(int *)arg);
    return NULL;
}

static void thread_scene(void) {
    pthread_t thread;
    int fd = staged_close_wait(), set = epoll_create1(0);
    registered(set, fd, EPOLLIN | (uint32_t)EPOLLET);
    if (pthread_create(&thread, NULL, wait_in_thread, &set)) _exit(1);
    tell(fd, set, -1);
    staged_sleep();
}

static void another_thread_waits(void **state) {
    (void)state;
    struct stage stage = staged(thread_scene);
    struct snap *snap = staged_look_until(&stage, "epoll_wait");
    const struct snap_watch *watch = only_watch(snap);
    assert_true(watch->flags & SNAP_WATCH_WAITED);
    assert_true(watch->tid > 0 && watch->tid != stage.pid);
    assert_int_equal(snap->procs[0].nthreads, 2);
    done(&stage, snap);
}

/* --- Calls --- */

static void poll_scene(void) {
    static struct pollfd fds[700];
    int peer, fd = staged_connection(&peer), set = epoll_create1(0);
    for (size_t i = 0; i < 700; i++) fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    fds[650] = (struct pollfd){.fd = fd, .events = POLLIN | POLLPRI};
    fds[651] = (struct pollfd){.fd = set, .events = POLLIN};
    registered(set, fd, EPOLLRDHUP);
    tell(fd, set, -1);
    poll(fds, 700, -1);
}

static void in_poll_with_it(void **state) {
    (void)state;
    struct stage stage = staged(poll_scene);
    struct snap *snap = staged_look_until(&stage, "poll");
    assert_int_equal(snap->conns[0].nwatches, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct snap_watch *watch = &snap->watches[snap->conns[0].first_watch + i];
        assert_int_equal(watch->flags, SNAP_WATCH_READ | SNAP_WATCH_WAITED);
        assert_int_equal(watch->tid, stage.pid);
        assert_string_equal(watch->call, "poll");
        if (watch->kind == SNAP_WATCH_POLL) assert_int_equal(watch->events, POLLIN | POLLPRI);
    }
    done(&stage, snap);
}

static void urgent_scene(void) {
    int fd = staged_close_wait();
    struct pollfd urgent = {.fd = fd, .events = POLLPRI};
    tell(fd, -1, -1);
    poll(&urgent, 1, -1);
}

static void in_poll_but_not_for_reading(void **state) {
    (void)state;
    struct stage stage = staged(urgent_scene);
    struct snap *snap = staged_look_until(&stage, "poll");
    const struct snap_watch *watch = only_watch(snap);
    assert_int_equal(watch->kind, SNAP_WATCH_POLL);
    assert_int_equal(watch->flags, SNAP_WATCH_WAITED);
    done(&stage, snap);
}

static void select_scene(void) {
    int peer, fd = fcntl(staged_connection(&peer), F_DUPFD, 100);
    char block[65536] = {0};
    fd_set reads, writes;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (send(fd, block, sizeof block, 0) > 0) continue;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_SET(fd, &writes);
    tell(fd, -1, -1);
    select(fd + 1, &reads, &writes, NULL, NULL);
}

static void in_select_with_it(void **state) {
    (void)state;
    struct stage stage = staged(select_scene);
    struct snap *snap = staged_look(&stage);
    /* libc has select() as pselect6 on some architectures. */
    for (unsigned i = 0; i < 100 && !snap->conns[0].nwatches; i++) {
        snap_free(snap);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        snap = staged_look(&stage);
    }
    const struct snap_watch *watch = only_watch(snap);
    assert_int_equal(watch->kind, SNAP_WATCH_SELECT);
    assert_int_equal(watch->flags, SNAP_WATCH_WRITE | SNAP_WATCH_WAITED);
    assert_int_equal(watch->fd, stage.told.fd);
    assert_non_null(strstr(watch->call, "select"));
    done(&stage, snap);
}

static void reading_scene(void) {
    char byte;
    int peer, fd = staged_connection(&peer);
    tell(fd, -1, -1);
    while (recv(fd, &byte, 1, 0) > 0) continue;
}

static void blocked_reading(void **state) {
    (void)state;
    struct stage stage = staged(reading_scene);
    struct snap *snap = staged_look_until(&stage, "recvfrom");
    const struct snap_watch *watch = only_watch(snap);
    assert_int_equal(watch->kind, SNAP_WATCH_CALL);
    assert_int_equal(watch->flags, SNAP_WATCH_READ | SNAP_WATCH_WAITED);
    assert_int_equal(watch->fd, stage.told.fd);
    assert_int_equal(snap->threads[snap->procs[0].first_thread].fd, stage.told.fd);
    done(&stage, snap);
}

static void writing_scene(void) {
    static char block[65536];
    int peer, fd = staged_connection(&peer);
    tell(fd, -1, -1);
    while (send(fd, block, sizeof block, 0) > 0) continue;
}

static void blocked_writing(void **state) {
    (void)state;
    struct stage stage = staged(writing_scene);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    struct snap *snap = staged_look_until(&stage, "sendto");
    const struct snap_watch *watch = only_watch(snap);
    assert_int_equal(watch->kind, SNAP_WATCH_CALL);
    assert_int_equal(watch->flags, SNAP_WATCH_WRITE | SNAP_WATCH_WAITED);
    done(&stage, snap);
}

static void a_stopped_process_is_not_woken(void **state) {
    (void)state;
    struct stage stage = staged(edge_scene);
    int status;
    snap_free(staged_look_until(&stage, "epoll_wait"));
    kill(stage.pid, SIGSTOP);
    assert_int_equal(waitpid(stage.pid, &status, WUNTRACED), stage.pid);
    assert_true(WIFSTOPPED(status));
    struct snap *snap = staged_look(&stage);
    assert_int_equal(only_watch(snap)->flags, SNAP_WATCH_READ | SNAP_WATCH_EDGE);
    assert_int_equal(snap->procs[0].state, 'T');
    assert_int_equal(snap->threads[snap->procs[0].first_thread].state, 'T');
    done(&stage, snap);
}

static void poll_goes_on_after_a_stop(void **state) {
    (void)state;
    struct stage stage = staged(urgent_scene);
    int status;
    snap_free(staged_look_until(&stage, "poll"));
    kill(stage.pid, SIGSTOP);
    assert_int_equal(waitpid(stage.pid, &status, WUNTRACED), stage.pid);
    kill(stage.pid, SIGCONT);
    struct snap *snap = staged_look_until(&stage, "poll");
    assert_int_equal(only_watch(snap)->kind, SNAP_WATCH_POLL);
    done(&stage, snap);
}

/* --- Sharing and hiding --- */

static void forked_scene(void) {
    int fd = staged_close_wait(), set = epoll_create1(0);
    registered(set, fd, EPOLLIN | (uint32_t)EPOLLET);
    if (!fork()) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        tell(fd, set, getpid());
        wait_in(set);
    }
    staged_sleep();
}

static void a_child_that_shares_the_set(void **state) {
    (void)state;
    struct stage stage = staged(forked_scene);
    bool waited = false;
    for (unsigned i = 0; i < 100 && !waited; i++) {
        struct snap *snap = staged_look(&stage);
        assert_true(snap->conns[0].looked_closely);
        assert_int_equal(snap->conns[0].nwatches, 2);
        for (uint32_t k = 0; k < 2; k++) {
            const struct snap_watch *watch = &snap->watches[snap->conns[0].first_watch + k];
            bool child = snap->procs[watch->proc].pid == stage.told.outer;
            if (!child) assert_false(watch->flags & SNAP_WATCH_WAITED);
            waited |= child && watch->flags & SNAP_WATCH_WAITED;
        }
        snap_free(snap);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    assert_true(waited);
    staged_end(&stage);
}

static void message_scene(void) {
    int fd = staged_close_wait(), pair[2];
    uint64_t inode = staged_inode(fd);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) _exit(1);
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
    struct msghdr message = {
        .msg_iov = &(struct iovec){"x", 1}, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    bool refused = sendmsg(pair[0], &message, 0) != 1;
    close(fd);
    staged_tell(&(struct staged){.inode = inode, .fd = -1, .set = pair[1], .refused = refused});
    staged_sleep();
}

/* Others on this host may have messages under way as well: then which connection it is remains open. */
static void in_a_message_that_nobody_received(void **state) {
    (void)state;
    struct stage stage = staged(message_scene);
    assert_false(stage.told.refused);
    struct snap *snap = staged_look(&stage);
    bool found = false;
    assert_int_equal(snap->conns[0].nowners, 0);
    for (uint32_t i = 0; i < snap->nholds; i++) {
        const struct snap_hold *hold = &snap->holds[i];
        if (snap->procs[hold->proc].pid != stage.pid) continue;
        found = true;
        assert_int_equal(hold->kind, SNAP_HOLD_MESSAGE);
        assert_int_equal(hold->fd, stage.told.set);
        assert_int_equal(hold->count, 1);
        assert_true(hold->conn == SNAP_NONE || hold->conn == 0);
        if (!hold->conn) assert_true(snap->conns[0].looked_closely);
    }
    assert_true(found);
    done(&stage, snap);
}

static void *unshared(void *arg) {
    (void)arg;
    if (unshare(CLONE_FILES)) _exit(1);
    int fd = staged_close_wait();
    tell(fd, -1, -1);
    staged_sleep();
    return NULL;
}

static void unshared_scene(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, unshared, NULL)) _exit(1);
    staged_sleep();
}

static void in_the_table_of_one_thread_only(void **state) {
    (void)state;
    if (syscall(SYS_kcmp, getpid(), getpid(), 2, 0, 0) < 0) skip();
    struct stage stage = staged(unshared_scene);
    struct snap *snap = staged_look(&stage);
    assert_int_equal(snap->conns[0].nowners, 1);
    assert_int_equal(snap->owners[0].fd, stage.told.fd);
    assert_int_equal(snap->procs[snap->owners[0].proc].pid, stage.pid);
    done(&stage, snap);
}

/* --- io_uring, without a library --- */

static void *ring_memory(int ring, size_t size, off_t what) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, what);
    if (memory == MAP_FAILED) _exit(1);
    return memory;
}

/* Submits one request. */
static void submit(int ring, const struct io_uring_params *params, const struct io_uring_sqe *request) {
    size_t entries = params->sq_entries;
    char *queue = ring_memory(ring, params->sq_off.array + entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
    struct io_uring_sqe *requests = ring_memory(ring, entries * sizeof *requests, (off_t)IORING_OFF_SQES);
    uint32_t *tail = (uint32_t *)(void *)(queue + params->sq_off.tail);
    uint32_t *array = (uint32_t *)(void *)(queue + params->sq_off.array);
    requests[0] = *request;
    array[0] = 0;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0) != 1) _exit(1);
}

static void ring_scene(void) {
    struct io_uring_params params = {0};
    int peer, fd = staged_connection(&peer);
    int ring = (int)syscall(SYS_io_uring_setup, 4, &params);
    struct staged told = {.inode = staged_inode(fd), .fd = -1, .set = ring, .refused = ring < 0};
    if (ring >= 0) {
        if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1)) _exit(1);
        submit(ring, &params,
               &(struct io_uring_sqe){
                   .opcode = IORING_OP_POLL_ADD, .flags = IOSQE_FIXED_FILE, .fd = 0, .poll32_events = POLLIN});
        close(fd);
    }
    staged_tell(&told);
    staged_sleep();
}

static void registered_with_a_ring_and_closed(void **state) {
    (void)state;
    struct stage stage = staged(ring_scene);
    if (stage.told.refused) {
        staged_end(&stage);
        skip();
    }
    struct snap *snap = staged_look(&stage);
    const struct snap_conn *conn = &snap->conns[0];
    assert_int_equal(conn->nowners, 0);
    assert_int_equal(conn->nholds, 1);
    const struct snap_hold *hold = &snap->holds[conn->first_hold];
    assert_int_equal(hold->kind, SNAP_HOLD_URING);
    assert_int_equal(hold->fd, stage.told.set);
    assert_int_equal(snap->procs[hold->proc].pid, stage.pid);
    const struct snap_watch *watch = only_watch(snap);
    assert_int_equal(watch->kind, SNAP_WATCH_URING);
    assert_int_equal(watch->flags, SNAP_WATCH_READ);
    done(&stage, snap);
}

/* --- What is not there --- */

static void a_process_that_vanished(void **state) {
    (void)state;
    struct stage stage = staged(busy_scene);
    struct snap *snap = staged_snap(&stage);
    staged_end(&stage);
    linux_look_closely(snap, (const uint32_t[]){0, 7, SNAP_NONE}, 3);
    assert_false(snap->conns[0].looked_closely);
    assert_int_equal(snap->conns[0].nwatches, 0);
    snap_free(snap);
}

/* As another user: its descriptors are known from before, but nothing may be examined. */
static void unprivileged_look(void **state) {
    (void)state;
    if (geteuid()) skip();
    struct stage stage = staged(busy_scene);
    struct snap *snap = staged_snap(&stage);
    pid_t child = fork();
    if (!child) {
        if (setgid(65534) || setuid(65534)) _exit(0);
        linux_look_closely(snap, (const uint32_t[]){0}, 1);
        bool said = false;
        for (uint32_t i = 0; i < snap->nblinds; i++)
            said |= !strcmp(snap->blinds[i].what, "what the threads of 1 process wait for");
        _exit(said && !snap->conns[0].looked_closely ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    done(&stage, snap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_watches),
        cmocka_unit_test(watched_while_the_loop_sleeps_elsewhere),
        cmocka_unit_test(edge_triggered_and_waiting),
        cmocka_unit_test(masks_that_do_not_see_end_of_file),
        cmocka_unit_test(one_shot_that_has_fired),
        cmocka_unit_test(registered_under_a_number_that_is_closed),
        cmocka_unit_test(a_set_within_a_set),
        cmocka_unit_test(another_thread_waits),
        cmocka_unit_test(in_poll_with_it),
        cmocka_unit_test(in_poll_but_not_for_reading),
        cmocka_unit_test(in_select_with_it),
        cmocka_unit_test(blocked_reading),
        cmocka_unit_test(blocked_writing),
        cmocka_unit_test(a_stopped_process_is_not_woken),
        cmocka_unit_test(poll_goes_on_after_a_stop),
        cmocka_unit_test(a_child_that_shares_the_set),
        cmocka_unit_test(in_a_message_that_nobody_received),
        cmocka_unit_test(in_the_table_of_one_thread_only),
        cmocka_unit_test(registered_with_a_ring_and_closed),
        cmocka_unit_test(a_process_that_vanished),
        cmocka_unit_test(unprivileged_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
