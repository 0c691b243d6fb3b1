/* inspect/linux_owners.c: who holds a connection, with real processes. */
#define _GNU_SOURCE
#include "support/unit.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "inspect/linux_need.h"
#include "support/staged.h"

static const struct snap_proc *proc_of(const struct snap *snap, pid_t pid) {
    for (uint32_t i = 0; i < snap->nprocs; i++)
        if (snap->procs[i].pid == pid) return &snap->procs[i];
    return NULL;
}

static void two_descriptors(void) {
    prctl(PR_SET_NAME, "two\x1b[1m");
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){333, 333});
    signal(SIGPIPE, SIG_IGN);
    int fd = staged_close_wait();
    staged_tell(&(struct staged){.inode = staged_inode(fd), .fd = fd, .set = dup(fd)});
    staged_sleep();
}

static void every_descriptor_is_listed(void **state) {
    (void)state;
    struct stage stage = staged(two_descriptors);
    struct snap *snap = staged_snap(&stage);
    const struct snap_conn *conn = &snap->conns[0];
    assert_int_equal(conn->nowners, 2);
    const struct snap_owner *owners = &snap->owners[conn->first_owner];
    assert_int_equal(owners[0].fd + owners[1].fd, stage.told.fd + stage.told.set);
    assert_int_equal(snap->nprocs, 1);
    const struct snap_proc *proc = &snap->procs[0];
    assert_int_equal(proc->pid, stage.pid);
    assert_int_equal(proc->parent, getpid());
    assert_int_equal(proc->uid, geteuid());
    assert_string_equal(proc->program, "two?[1m");
    assert_non_null(proc->command);
    assert_non_null(strstr(proc->command, "owners"));
    assert_int_equal(proc->fd_limit, 333);
    assert_true(proc->nfds >= 3 && proc->nfds < 333);
    assert_int_equal(proc->sigpipe, SNAP_SIGPIPE_IGNORED);
    assert_true(proc->started > 0);
    assert_true(proc->state == 'S' || proc->state == 'R');
    assert_int_equal(proc->nconns, 1);
    snap_free(snap);
    staged_end(&stage);
}

static void forked(void) {
    int fd = staged_close_wait();
    pid_t child = fork();
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_DFL);
        staged_tell(&(struct staged){.inode = staged_inode(fd), .fd = fd, .set = getpid()});
    }
    staged_sleep();
}

static void a_forked_child_holds_it_too(void **state) {
    (void)state;
    struct stage stage = staged(forked);
    struct snap *snap = staged_snap(&stage);
    assert_int_equal(snap->conns[0].nowners, 2);
    assert_int_equal(snap_nprocs(snap, &snap->conns[0]), 2);
    assert_non_null(proc_of(snap, stage.pid));
    assert_non_null(proc_of(snap, stage.told.set));
    assert_int_equal(proc_of(snap, stage.told.set)->parent, stage.pid);
    /* An emulator catches what the program itself does not. */
    assert_int_not_equal(proc_of(snap, stage.told.set)->sigpipe, SNAP_SIGPIPE_IGNORED);
    snap_free(snap);
    staged_end(&stage);
}

static void *sleep_on(void *arg) {
    const struct staged *told = arg;
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    staged_tell(told);
    staged_sleep();
    return NULL;
}

static void first_thread_gone(void) {
    static struct staged told;
    pthread_t thread;
    told.fd = staged_close_wait();
    told.inode = staged_inode(told.fd);
    if (pthread_create(&thread, NULL, sleep_on, &told)) _exit(1);
    pthread_exit(NULL);
}

static void a_process_outlives_its_first_thread(void **state) {
    (void)state;
    struct stage stage = staged(first_thread_gone);
    struct snap *snap = staged_snap(&stage);
    assert_int_equal(snap->conns[0].nowners, 1);
    assert_int_equal(snap->owners[0].fd, stage.told.fd);
    assert_int_equal(snap->procs[0].pid, stage.pid);
    snap_free(snap);
    staged_end(&stage);
}

static void nobody_holds_what_is_not_there(void **state) {
    (void)state;
    struct snap *snap = snap_new();
    snap_add_conn(snap)->inode = 0;
    snap_add_conn(snap)->inode = UINT32_MAX - 1;
    linux_owners(snap);
    snap_finish(snap);
    assert_int_equal(snap->nowners, 0);
    assert_int_equal(snap->nprocs, 0);
    assert_true(snap->owners_known);
    snap_free(snap);
}

/* As the flows of a Multipath TCP connection do. */
static void connections_may_share_a_descriptor(void **state) {
    (void)state;
    struct stage stage = staged(two_descriptors);
    struct snap *snap = snap_new();
    for (unsigned i = 0; i < 3; i++) {
        struct snap_conn *conn = snap_add_conn(snap);
        conn->inode = stage.told.inode;
        conn->state = LA_CLOSE_WAIT;
    }
    linux_owners(snap);
    snap_finish(snap);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(snap->conns[i].nowners, 2);
    assert_int_equal(snap->nprocs, 1);
    const uint32_t twice[] = {0, 1, 2, 1, 0};
    linux_look_closely(snap, twice, 5);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(snap->conns[i].nowners, 2);
        assert_int_equal(snap->conns[i].looked_closely, snap->conns[0].looked_closely);
    }
    snap_free(snap);
    staged_end(&stage);
}

/* Nobody is told to get what he has. */
static void what_is_needed_is_what_lacks(void **state) {
    (void)state;
    const uint64_t all = UINT64_MAX, none = 0, but_ptrace = ~(UINT64_C(1) << CAP_SYS_PTRACE);
    assert_null(linux_need_of(LINUX_NEED_EXAMINE, 0, all, false));
    assert_null(linux_need_of(LINUX_NEED_ENTER, 0, all, false));
    assert_null(linux_need_of(LINUX_NEED_EXAMINE, 1000, all, false));
    assert_non_null(strstr(linux_need_of(LINUX_NEED_EXAMINE, 1000, none, false), "run as root"));
    assert_non_null(strstr(linux_need_of(LINUX_NEED_ENTER, 1000, none, false), "CAP_SYS_ADMIN"));
    assert_null(strstr(linux_need_of(LINUX_NEED_EXAMINE, 0, but_ptrace, false), "run as root"));
    assert_non_null(strstr(linux_need_of(LINUX_NEED_EXAMINE, 0, but_ptrace, false), "CAP_SYS_PTRACE"));
    assert_non_null(strstr(linux_need_of(LINUX_NEED_EXAMINE, 0, all, true), "user namespace"));
}

/* As another user: processes of root cannot be read, and that is said; the kernel's own threads do not count. */
static void unprivileged(void) {
    struct staged told = {.inode = 1};
    if (setgid(65534) || setuid(65534)) told.refused = true;
    struct snap *snap = snap_new();
    if (!snap) _exit(1);
    snap_add_conn(snap)->inode = 1;
    linux_owners(snap);
    for (uint32_t i = 0; i < snap->nblinds; i++) {
        bool said = strstr(snap->blinds[i].what, "may not be read") && snap->blinds[i].need &&
                    strstr(snap->blinds[i].need, "CAP_SYS_PTRACE");
        bool hidden = strstr(snap->blinds[i].what, "hidepid");
        told.set |= said || hidden;
    }
    staged_tell(&told);
    staged_sleep();
}

static void what_may_not_be_read_is_said(void **state) {
    (void)state;
    if (geteuid()) skip();
    struct stage stage = staged(unprivileged);
    if (!stage.told.refused) assert_true(stage.told.set);
    staged_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_descriptor_is_listed),          cmocka_unit_test(a_forked_child_holds_it_too),
        cmocka_unit_test(a_process_outlives_its_first_thread), cmocka_unit_test(nobody_holds_what_is_not_there),
        cmocka_unit_test(what_may_not_be_read_is_said),        cmocka_unit_test(connections_may_share_a_descriptor),
        cmocka_unit_test(what_is_needed_is_what_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
