/* Cures on a connection of this very process over loopback: nothing is done to another socket than the one that was
 * looked at. The rungs themselves are checked on other processes by scripts/check-fix.py. */
#define _GNU_SOURCE
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inspect/linux_cure.h"
#include "inspect/linux_cure_fd.h"

static const struct cure_options options = {
    .user_timeout = LA_SECOND, .wait = 200 * LA_MS, .keep_idle = 1, .keep_interval = 1, .keep_probes = 1};
static struct snap *snap;
static struct snap_conn *conn;
static int ours = -1, peers = -1;

static struct la_endpoint endpoint(uint16_t port) { return (struct la_endpoint){la_addr4(127, 0, 0, 1), port, 0}; }

static void connect_them(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    peers = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(peers, (struct sockaddr *)&at, sizeof at), 0);
    len = sizeof from;
    ours = accept(listener, (struct sockaddr *)&from, &len);
    assert_true(ours >= 0);
    close(listener);
    conn->local = endpoint(ntohs(at.sin_port));
    conn->peer = endpoint(ntohs(from.sin_port));
}

static int begin(void **state) {
    (void)state;
    socklen_t len = sizeof conn->cookie;
    snap = snap_new();
    assert_non_null(snap);
    assert_non_null(snap_add_netns(snap));
    conn = snap_add_conn(snap);
    assert_non_null(conn);
    connect_them();
    assert_int_equal(getsockopt(ours, SOL_SOCKET, SO_COOKIE, &conn->cookie, &len), 0);
    conn->state = LA_ESTABLISHED;
    conn->netns = 0;
    conn->inode = 1;
    snap->owners_known = true;
    struct snap_proc *proc = snap_add_proc(snap);
    struct snap_owner *owner = snap_add_owner(snap);
    assert_true(proc && owner);
    proc->pid = getpid();
    *owner = (struct snap_owner){0, 0, ours};
    snap_finish(snap);
    return 0;
}

static int end(void **state) {
    (void)state;
    close(ours);
    close(peers);
    snap_free(snap);
    return 0;
}

static void cure(enum cure with, enum cure_result result, const char *words) {
    struct cured cured = {.conn = 0};
    linux_cure(with, snap, &cured, 1, &options);
    assert_non_null(cured.said.text);
    if (cured.result != result || !strstr(cured.said.text, words))
        fail_msg("%s: %s", cure_result_name(cured.result), cured.said.text);
    say_free(&cured.said);
}

static void they_still_talk(void) {
    char byte = 0;
    assert_int_equal(send(ours, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(peers, &byte, 1, 0), 1);
    assert_int_equal(send(peers, "y", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(ours, &byte, 1, 0), 1);
    assert_int_equal(byte, 'y');
}

static void another_cookie_is_another_socket(void **state) {
    (void)state;
    conn->cookie ^= 1;
    cure(CURE_KEEPALIVE, CURE_REFUSED, "Nothing was touched");
    cure(CURE_CLOSE, CURE_REFUSED, "Nothing was touched");
    cure(CURE_RESET, CURE_REFUSED, "Nothing was touched");
    they_still_talk();
}

static void the_number_may_be_another_socket_by_then(void **state) {
    (void)state;
    snap->owners[0].fd = peers;
    cure(CURE_CLOSE, CURE_REFUSED, "passed on or replaced");
    snap->owners[0].fd = STDIN_FILENO;
    cure(CURE_CLOSE, CURE_REFUSED, "passed on or replaced");
    snap->owners[0].fd = 1 << 20;
    cure(CURE_CLOSE, CURE_REFUSED, "passed on or replaced");
    they_still_talk();
}

static void says(const struct cure_refusal *refusal, int scope, bool is_root, const char *words, const char *never) {
    struct say said = {0};
    cure_say_refusal(refusal, scope, is_root, &said);
    assert_non_null(said.text);
    if (!strstr(said.text, words) || (never && strstr(said.text, never))) fail_msg("%s", said.text);
    say_free(&said);
}

/* Yama's modes cannot be had everywhere. */
static void a_refusal_says_what_it_takes(void **state) {
    (void)state;
    const struct cure_refusal denied = {&snap->procs[0], 0}, old = {NULL, ENOSYS}, full = {NULL, EMFILE}, gone = {0};
    says(&denied, 0, false, "the same user", "Yama");
    says(&denied, 1, false, "ptrace_scope = 1) it takes CAP_SYS_PTRACE. Run this as root", "the same user");
    says(&denied, 2, false, "ptrace_scope = 2) it takes CAP_SYS_PTRACE. Run this as root", "the same user");
    says(&denied, 3, false, "forbids it to everybody", "Run this as root");
    says(&denied, 3, true, "forbids it to everybody", "on the host itself");
    says(&denied, 0, true, "root may lack", "Run this as root");
    says(&denied, 1, true, "root may lack", "Run this as root");
    says(&denied, 3, true, "--reset needs no right over the process", NULL);
    says(&old, 0, false, "Linux 5.6", "Run this as root");
    says(&full, 0, false, "could not be duplicated: ", NULL);
    says(&gone, 0, false, "Nothing was touched", "could not");
}

static void objections_hold(void **state) {
    (void)state;
    cure(CURE_NUDGE, CURE_REFUSED, "never sent");
    they_still_talk();
}

static void a_namespace_that_is_gone(void **state) {
    (void)state;
    snap->netns[0].name = "no such namespace";
    cure(CURE_CLOSE, CURE_REFUSED, "namespace");
    snap->netns[0].name = "../x";
    cure(CURE_CLOSE, CURE_REFUSED, "namespace");
    they_still_talk();
}

static void it_is_closed(void **state) {
    char byte;
    (void)state;
    cure(CURE_CLOSE, CURE_STARTED, "FIN_WAIT_2");
    assert_int_equal(recv(peers, &byte, 1, 0), 0);
    assert_int_equal(send(ours, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
}

static void it_is_closed_by_both(void **state) {
    (void)state;
    assert_int_equal(shutdown(peers, SHUT_WR), 0);
    conn->state = LA_CLOSE_WAIT;
    cure(CURE_CLOSE, CURED, "CLOSE_WAIT ended");
    cure(CURE_CLOSE, CURE_REFUSED, "It is gone");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(another_cookie_is_another_socket, begin, end),
        cmocka_unit_test_setup_teardown(the_number_may_be_another_socket_by_then, begin, end),
        cmocka_unit_test_setup_teardown(a_refusal_says_what_it_takes, begin, end),
        cmocka_unit_test_setup_teardown(objections_hold, begin, end),
        cmocka_unit_test_setup_teardown(a_namespace_that_is_gone, begin, end),
        cmocka_unit_test_setup_teardown(it_is_closed, begin, end),
        cmocka_unit_test_setup_teardown(it_is_closed_by_both, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
