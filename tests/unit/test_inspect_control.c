/* inspect/control.c, linux_control.c, linux_control_ask.c: a stack asked through its control socket, by those who
 * behave and by those who do not. */
#define _GNU_SOURCE
#include "sys_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lastack/inspect.h>

#include "inspect/control.h"
#include "inspect/linux_control.h"

#define FD(fd) ((uintptr_t)(fd))

static char folder[] = "/tmp/lastack-control-XXXXXX", path[64];

static int make_folder(void **unused) {
    (void)unused;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/sock", folder);
    return 0;
}

static int remove_folder(void **unused) {
    (void)unused;
    unlink(path);
    return rmdir(folder);
}

static struct la_control *open_control(void) {
    struct la_control *control;
    assert_int_equal(la_control_open(path, &control), 0);
    assert_true(la_control_fd(control) >= 0);
    return control;
}

static void serve(struct la_control *control) { la_control_serve(control, sys_rig.end[A].stack, sys_rig.now); }

static int dial(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Reads what is there: true at end of file. */
static bool over(int fd, size_t *got) {
    char piece[4096];
    ssize_t n;
    while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
        if (got) *got += (size_t)n;
    return n == 0 || errno == ECONNRESET;
}

/* One request as bytes; the answer, which is good until the next one. */
static const char *asked(struct la_control *control, const char *request) {
    static char answer[8192];
    size_t len = 0;
    ssize_t n = 0;
    int fd = dial();
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    for (int turn = 0; turn < 10; turn++) {
        serve(control);
        while ((n = recv(fd, answer + len, sizeof answer - 1 - len, 0)) > 0) len += (size_t)n;
    }
    assert_true(n == 0 || errno == ECONNRESET);
    answer[len] = '\0';
    close(fd);
    return answer;
}

/* Does something in a child that may block, while this process serves. The child's exit status. */
static int beside(struct la_control *control, int (*child)(void)) {
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) _exit(child());
    while (waitpid(pid, &status, WNOHANG) == 0) {
        serve(control);
        usleep(1000);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct la_endpoint near, far;

static void connection(void) {
    struct sys_pair p = sys_pair_make();
    la_sock sock = la_sys_sock(sys_rig.end[A].sys, p.a);
    assert_int_equal(la_getsockname(sys_rig.end[A].stack, sock, &near), 0);
    assert_int_equal(la_getpeername(sys_rig.end[A].stack, sock, &far), 0);
}

static void requests_and_nonsense(void **unused) {
    (void)unused;
    struct la_control *control = open_control();
    char longest[700];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    connection();
    assert_non_null(strstr(asked(control, "snapshot\n"), "\"state\":\"ESTABLISHED\""));
    assert_non_null(strstr(asked(control, "snapshot\r\nrest"), "\"format\":\"lastack snapshot 1\""));
    assert_non_null(strstr(asked(control, "help\n"), "reset LOCAL PEER"));
    assert_non_null(strstr(asked(control, "fetch\n"), "error: no such request"));
    assert_non_null(strstr(asked(control, "\n"), "error: no such request"));
    assert_non_null(strstr(asked(control, longest), "error: the request is too long"));
    assert_non_null(strstr(asked(control, "reset\n"), "error: no such request"));
    assert_non_null(strstr(asked(control, "reset 10.0.0.1:80\n"), "error: reset takes two endpoints"));
    assert_non_null(strstr(asked(control, "reset 10.0.0.1:80 10.0.0.2:99999\n"), "error: reset takes two endpoints"));
    assert_non_null(strstr(asked(control, "reset 10.0.0.1:80 10.0.0.2:1 x\n"), "error: reset takes two endpoints"));
    assert_non_null(strstr(asked(control, "reset 10.0.0.1:80 10.0.0.2:1\n"), "error: there is no connection"));
    la_control_close(control);
    assert_int_equal(access(path, F_OK), -1);
}

static int child_snapshot(void) {
    char why[200] = "";
    struct snap *snap = snap_new();
    if (!control_snapshot(path, snap, why, sizeof why)) return fprintf(stderr, "%s\n", why), 1;
    bool good = snap->nconns >= 3000 && snap->wall && strstr(snap->source, path) &&
                !strcmp(snap->netns[0].name, path) && snap->procs[0].pid == getppid() &&
                snap_age_exact(&snap->conns[snap->nconns - 1].age);
    snap_free(snap);
    return good ? 0 : 2;
}

/* The connection, and not another one between the same two. */
static int child_reset(void) {
    char why[200];
    struct snap_conn conn = {.local = near, .peer = far, .cookie = 12345};
    struct snap *snap = snap_new();
    if (control_reset(path, &conn, why, sizeof why) || !strstr(why, "has ended")) return 1;
    if (!control_snapshot(path, snap, why, sizeof why)) return 2;
    for (uint32_t i = 0; i < snap->nconns; i++)
        if (snap->conns[i].local.port == near.port && snap->conns[i].peer.port == far.port) conn = snap->conns[i];
    snap_free(snap);
    if (!control_reset(path, &conn, why, sizeof why)) return fprintf(stderr, "%s\n", why), 3;
    return !control_reset(path, &conn, why, sizeof why) && strstr(why, "has ended") ? 0 : 4;
}

/* Enough for an answer that no socket buffer holds. */
static void many_sockets(void) {
    for (int i = 0; i < 3000; i++) assert_true(la_socket(sys_rig.end[A].stack, LA_AF_INET, LA_SOCK_STREAM) >= 0);
}

static void a_snapshot_and_a_reset_from_another_process(void **unused) {
    (void)unused;
    struct la_control *control = open_control();
    uint32_t count[LA_NSTATES];
    many_sockets();
    connection();
    assert_int_equal(beside(control, child_snapshot), 0);
    assert_int_equal(beside(control, child_reset), 0);
    la_conn_count(sys_rig.end[A].stack, count);
    assert_int_equal(count[LA_ESTABLISHED], 0);
    pass(5);
    la_conn_count(sys_rig.end[B].stack, count);
    assert_int_equal(count[LA_ESTABLISHED], 0); /* The RST has come. */
    la_control_close(control);
}

static void who_is_slow_is_dropped(void **unused) {
    (void)unused;
    struct la_control *control = open_control();
    size_t got = 0;
    many_sockets();
    int silent = dial(), deaf = dial();
    serve(control);
    assert_int_equal(send(deaf, "snapshot\n", 9, 0), 9);
    serve(control);
    sys_rig.now += 4 * LA_SECOND;
    serve(control);
    assert_false(over(silent, NULL));
    sys_rig.now += LA_SECOND;
    serve(control);
    assert_true(over(silent, NULL));
    assert_true(over(deaf, &got) && got > 0 && got < 300000);
    close(silent);
    close(deaf);
    la_control_close(control);
}

/* An answer takes time: many that ask hold the stack up for one at a time. */
static void one_answer_a_call(void **unused) {
    (void)unused;
    struct la_control *control = open_control();
    int fd[5], answered = 0;
    for (int i = 0; i < 5; i++) {
        fd[i] = dial();
        assert_int_equal(send(fd[i], "why\nhelp\n", 9, 0), 9);
    }
    for (int turn = 1; turn <= 5; turn++) {
        serve(control);
        answered = 0;
        for (int i = 0; i < 5; i++) answered += over(fd[i], NULL);
        assert_int_equal(answered, turn);
    }
    for (int i = 0; i < 5; i++) close(fd[i]);
    la_control_close(control);
}

/* Letter by letter is not patience for ever. */
static void a_request_must_come_soon(void **unused) {
    (void)unused;
    struct la_control *control = open_control();
    int fd = dial();
    serve(control);
    for (int i = 0; i < 5; i++) {
        assert_false(over(fd, NULL));
        assert_int_equal(send(fd, "s", 1, MSG_NOSIGNAL), 1);
        sys_rig.now += LA_SECOND;
        serve(control);
    }
    assert_true(over(fd, NULL));
    close(fd);
    la_control_close(control);
}

static void sixteen_at_a_time(void **unused) {
    (void)unused;
    struct la_control *control = open_control();
    int fd[17];
    for (int i = 0; i < 17; i++) {
        fd[i] = dial();
        serve(control);
    }
    assert_false(over(fd[15], NULL));
    assert_true(over(fd[16], NULL));
    close(fd[0]); /* Whose place is free again. */
    serve(control);
    assert_non_null(strstr(asked(control, "help\n"), "snapshot"));
    for (int i = 1; i < 17; i++) close(fd[i]);
    la_control_close(control);
}

static void a_file_is_replaced_only_when_it_is_left_over(void **unused) {
    (void)unused;
    struct la_control *control = open_control(), *other = NULL;
    struct stat stat;
    assert_int_equal(la_control_open(path, &other), -LA_EADDRINUSE);
    assert_null(other);
    assert_non_null(strstr(asked(control, "help\n"), "snapshot"));
    la_control_close(control);

    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd);
    mode_t mask = umask(0);
    control = open_control();
    umask(mask);
    assert_int_equal(lstat(path, &stat), 0);
    assert_int_equal(stat.st_mode & 07777, 0600);

    unlink(path); /* Another's file is not removed at the end. */
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    la_control_close(control);
    assert_int_equal(la_control_open(path, &control), -LA_EADDRINUSE);
    assert_int_equal(lstat(path, &stat), 0);
    assert_true(S_ISREG(stat.st_mode) && stat.st_size == 1);
    unlink(path);
}

static void paths_that_cannot_be(void **unused) {
    (void)unused;
    struct la_control *control;
    char too_long[200];
    memset(too_long, 'a', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(la_control_open(too_long, &control), -LA_EINVAL);
    assert_int_equal(la_control_open("", &control), -LA_EINVAL);
    assert_int_equal(la_control_open(NULL, &control), -LA_EINVAL);
    assert_int_equal(la_control_open("/nowhere/at/all", &control), -LA_ENOENT);
    la_control_close(NULL);

    char why[200];
    struct snap *snap = snap_new();
    assert_false(control_snapshot(path, snap, why, sizeof why));
    assert_non_null(strstr(why, "there is no such file"));
    assert_false(control_snapshot(too_long, snap, why, sizeof why));
    snap_free(snap);
}

static void endpoints_as_text(void **unused) {
    (void)unused;
    static const char *const good[] = {"10.0.0.1:80", "[::1]:0", "[fe80::1%3]:65535"},
                             *const bad[] = {"",     "10.0.0.1", "10.0.0.1:",      "10.0.0.1:65536",  "::1:80",
                                             "[::1", "[::1]80",  "[::1]:80x",      "[fe80::1%]:1",    "[]:1",
                                             ":80",  "a:80",     "[fe80::1%3]x:1", "10.0.0.1:123456", "10.0.0.1:-1"};
    struct la_endpoint endpoint;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct say out = {0};
        assert_true(control_endpoint(good[i], &endpoint));
        control_say_endpoint(&out, &endpoint);
        assert_string_equal(out.text, good[i]);
        say_free(&out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (control_endpoint(bad[i], &endpoint)) fail_msg("%s was taken", bad[i]);
}

static void in_the_program_itself(void **unused) {
    (void)unused;
    connection();
    char *json = la_inspect_json(sys_rig.end[A].stack, sys_rig.now);
    char *why = la_inspect_why(sys_rig.end[A].stack, sys_rig.now);
    assert_non_null(json);
    assert_string_equal(why, ""); /* Nothing is wrong. */
    assert_non_null(strstr(json, "\"state\":\"ESTABLISHED\""));
    free(json);
    free(why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SYS_TEST(requests_and_nonsense),
        SYS_TEST(a_snapshot_and_a_reset_from_another_process),
        SYS_TEST(who_is_slow_is_dropped),
        SYS_TEST(one_answer_a_call),
        SYS_TEST(a_request_must_come_soon),
        SYS_TEST(sixteen_at_a_time),
        SYS_TEST(a_file_is_replaced_only_when_it_is_left_over),
        SYS_TEST(paths_that_cannot_be),
        SYS_TEST(endpoints_as_text),
        SYS_TEST(in_the_program_itself),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
