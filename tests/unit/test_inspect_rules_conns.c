/* The rules about connections: which one takes a connection of which look, and whom it names. */
#include "inspect_host.h"

#include "inspect/report.h"
#include "inspect/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

/* An accepted connection in CLOSE_WAIT that nginx holds as fd 9, looked at closely, end of file unread. */
static struct snap_conn *closed_by_peer(void) {
    listen_on_80(0, 128);
    struct snap_conn *conn = add(LA_CLOSE_WAIT, host(1), 80, host(2), 50000);
    own(9);
    conn->eof = SNAP_EOF_UNREAD;
    conn->looked_closely = true;
    conn->marks = SNAP_MEASURED;
    return conn;
}

static void watched(unsigned kind, unsigned flags) {
    *snap_add_watch(snap) = (struct snap_watch){.conn = 1,
                                                .proc = 0,
                                                .kind = (uint8_t)kind,
                                                .flags = (uint8_t)flags,
                                                .fd = 9,
                                                .set = 4,
                                                .tid = 18,
                                                .call = "epoll_wait"};
}

static const struct finding *expect(const char *id, const char *words) {
    const struct finding *finding = find_with(id, NULL);
    if (!finding)
        for (unsigned i = 0; i < findings.n; i++) print_error("found: %s\n", findings.list[i].rule->id);
    assert_non_null(finding);
    if (words) says(finding, words);
    return finding;
}

static void expect_cause(const char *id, const char *words) {
    const struct finding *finding = expect(id, words);
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    assert_int_equal(finding->proc, 0);
    assert_int_equal(finding->fd, 9);
    assert_int_equal(finding->nconns, 1);
    assert_int_equal(findings.n, 1);
}

/* --- CLOSE_WAIT --- */

static void nobody_watches(void **unused) {
    (void)unused;
    closed_by_peer();
    expect_cause("close-wait-unwatched", "nobody watches it");
}

static void a_young_one_is_no_finding(void **unused) {
    (void)unused;
    closed_by_peer()->age = (struct snap_age){LA_SECOND, LA_SECOND};
    find_with(NULL, NULL);
    assert_int_equal(findings.n, 0);
}

static void keepalive_hides_since_when(void **unused) {
    (void)unused;
    struct snap_conn *conn = closed_by_peer();
    conn->age = (struct snap_age){0, LA_NEVER};
    conn->timer = LA_TIMER_KEEPALIVE;
    conn->timer_left = LA_SECOND;
    expect_cause("close-wait-unwatched", "Keepalive is on and does not help");
    snap->conns[1].timer_left = 290 * LA_SECOND; /* No probe can have hidden it. */
    find_with(NULL, NULL);
    assert_int_equal(findings.n, 0);
}

static void what_may_be_young_is_no_finding(void **unused) {
    (void)unused;
    closed_by_peer()->age = (struct snap_age){0, 60 * LA_SECOND};
    find_with(NULL, NULL);
    assert_int_equal(findings.n, 0);
}

static void a_request_may_be_at_work(void **unused) {
    (void)unused;
    struct snap_conn *conn = closed_by_peer();
    conn->bytes_in = 100;
    conn->age = (struct snap_age){8 * LA_SECOND, 9 * LA_SECOND};
    assert_int_equal(expect("close-wait-unwatched", "still at work on the request")->severity, SEVERITY_NOTE);
    snap->conns[1].recv_queue = 10; /* Nobody has taken it up. */
    assert_int_equal(expect("close-wait-unwatched", "has forgotten it")->severity, SEVERITY_WARNING);
    snap->conns[1].recv_queue = 0;
    snap->conns[1].age.least = 30 * LA_SECOND;
    assert_int_equal(expect("close-wait-unwatched", "has forgotten it")->severity, SEVERITY_WARNING);
}

static void an_edge_is_lost(void **unused) {
    (void)unused;
    closed_by_peer();
    watched(SNAP_WATCH_EPOLL, SNAP_WATCH_READ | SNAP_WATCH_EDGE | SNAP_WATCH_WAITED);
    expect_cause("close-wait-edge-lost", "--nudge");
}

static void a_loop_is_busy_elsewhere(void **unused) {
    (void)unused;
    closed_by_peer();
    watched(SNAP_WATCH_EPOLL, SNAP_WATCH_READ);
    *snap_add_thread(snap) = (struct snap_thread){
        .proc = 0, .tid = 17, .state = 'S', .call = "clock_nanosleep", .fd = -1, .where = "hrtimer_nanosleep"};
    snap->procs[0].nthreads = 1;
    expect_cause("close-wait-busy", "clock_nanosleep()");
}

static void a_loop_is_told_and_does_not_act(void **unused) {
    (void)unused;
    closed_by_peer();
    watched(SNAP_WATCH_EPOLL, SNAP_WATCH_READ | SNAP_WATCH_WAITED);
    expect_cause("close-wait-ignored", "again and again");
}

static void one_shot_is_not_armed(void **unused) {
    (void)unused;
    closed_by_peer();
    watched(SNAP_WATCH_EPOLL, SNAP_WATCH_DISARMED | SNAP_WATCH_WAITED);
    expect_cause("close-wait-disarmed", "EPOLLONESHOT");
}

static void only_room_to_write_is_watched(void **unused) {
    (void)unused;
    closed_by_peer();
    watched(SNAP_WATCH_EPOLL, SNAP_WATCH_WRITE | SNAP_WATCH_WAITED);
    expect_cause("close-wait-no-read-interest", "EPOLLRDHUP");
}

static void a_writer_is_blocked(void **unused) {
    (void)unused;
    closed_by_peer()->send_queue = 100000;
    watched(SNAP_WATCH_CALL, SNAP_WATCH_WRITE | SNAP_WATCH_WAITED);
    expect_cause("close-wait-blocked-writing", "100 kB wait for the peer");
}

static void a_ring_may_watch(void **unused) {
    (void)unused;
    closed_by_peer();
    watched(SNAP_WATCH_URING, 0);
    expect_cause("close-wait-ambiguous", "io_uring");
}

static void a_stopped_process_comes_first(void **unused) {
    (void)unused;
    closed_by_peer();
    snap->procs[0].state = 'T';
    watched(SNAP_WATCH_EPOLL, SNAP_WATCH_READ | SNAP_WATCH_EDGE | SNAP_WATCH_WAITED);
    expect_cause("close-wait-stopped", "kill -CONT 17");
}

static void end_of_file_was_read(void **unused) {
    (void)unused;
    closed_by_peer()->eof = SNAP_EOF_READ;
    expect_cause("close-wait-read-not-closed", "recv() gave 0");
}

static void what_was_not_looked_at_is_not_guessed(void **unused) {
    (void)unused;
    closed_by_peer()->looked_closely = false;
    expect_cause("close-wait-unseen", "could not be seen");
}

static void an_answer_under_way_is_only_a_note(void **unused) {
    (void)unused;
    struct snap_conn *conn = closed_by_peer();
    conn->eof = SNAP_EOF_AMBIGUOUS;
    conn->data_sent = 3 * LA_SECOND;
    assert_int_equal(expect("close-wait-answering", "half-close")->severity, SEVERITY_NOTE);
}

static void a_child_holds_it_too(void **unused) {
    (void)unused;
    closed_by_peer();
    struct snap_proc *child = snap_add_proc(snap);
    child->pid = 18;
    child->parent = 17;
    child->program = "nginx";
    *snap_add_owner(snap) = (struct snap_owner){.conn = 1, .proc = 1, .fd = 9};
    expect_cause("close-wait-held-by-child", "nginx (pid 18) holds it as fd 9; its parent is pid 17");
}

static void a_message_holds_it(void **unused) {
    (void)unused;
    listen_on_80(0, 128);
    struct snap_conn *conn = add(LA_CLOSE_WAIT, host(1), 80, host(2), 50000);
    conn->inode = 4711;
    conn->eof = SNAP_EOF_UNREAD;
    *snap_add_hold(snap) =
        (struct snap_hold){.conn = SNAP_NONE, .proc = 0, .kind = SNAP_HOLD_MESSAGE, .fd = 7, .count = 1};
    const struct finding *finding = expect("close-wait-in-flight", "SCM_RIGHTS");
    assert_int_equal(finding->proc, 0);
    assert_int_equal(finding->fd, 7);
}

static void a_ring_holds_it(void **unused) {
    (void)unused;
    listen_on_80(0, 128);
    struct snap_conn *conn = add(LA_CLOSE_WAIT, host(1), 80, host(2), 50000);
    conn->inode = 4711;
    *snap_add_hold(snap) = (struct snap_hold){.conn = 1, .proc = 0, .kind = SNAP_HOLD_URING, .fd = 5, .count = 1};
    assert_int_equal(expect("close-wait-uring", "IORING_UNREGISTER_FILES")->fd, 5);
}

static void nobody_accepted_it(void **unused) {
    (void)unused;
    listen_on_80(1, 128);
    add_queued(1, LA_CLOSE_WAIT, 30 * LA_SECOND);
    const struct finding *finding = expect("close-wait-not-accepted", "before nginx (pid 17) accepted it");
    assert_int_equal(finding->fd, 6);
}

/* Connections that this side opened to 10.0.0.9:443 and the peer closed, the oldest and the youngest that long ago. */
static void opened_and_closed(unsigned n, la_time oldest, la_time newest) {
    for (unsigned i = 0; i < n; i++) {
        la_time age = oldest - (oldest - newest) / (n - 1) * i;
        struct snap_conn *conn = add(LA_CLOSE_WAIT, host(1), 40000 + i, host(9), 443);
        own(20 + (int)i);
        conn->eof = SNAP_EOF_UNREAD;
        conn->looked_closely = true;
        conn->age = (struct snap_age){age, age};
    }
}

static void a_pool_keeps_dead_ones(void **unused) {
    (void)unused;
    opened_and_closed(8, 301 * LA_SECOND, 300 * LA_SECOND);
    assert_int_equal(expect("close-wait-pool", "a pool keeps connections")->nconns, 8);
    assert_int_equal(findings.n, 1);
    says(&findings.list[0], "lastack fix --close sk:1 sk:2 sk:3 sk:4 sk:5 sk:6 sk:7 sk:8");
}

static void a_client_reconnects_and_forgets(void **unused) {
    (void)unused;
    opened_and_closed(100, 103 * LA_SECOND, 4 * LA_SECOND);
    const struct finding *finding = expect("close-wait-reconnect", "one more for every reconnection");
    assert_int_equal(finding->nconns, 100);
    says(finding, "lastack fix --close state close-wait pid = 17 dst 10.0.0.9:443");
    assert_int_equal(finding->forecast / LA_SECOND, 924); /* 1024 - 100 descriptors, one a second. */
    assert_int_equal(finding->severity, SEVERITY_HARM);
}

static void a_filter_leaves_others_out(void **unused) {
    (void)unused;
    char why[128];
    char *words[] = {"sport", "=", ":81"};
    closed_by_peer();
    struct filter *filter = filter_parse(3, words, why, sizeof why);
    find_with(NULL, filter);
    assert_int_equal(findings.n, 0);
    filter_free(filter);
}

/* --- Closing --- */

static void orphans_end_by_themselves(void **unused) {
    (void)unused;
    struct snap_conn *conn = add(LA_FIN_WAIT_2, host(1), 40000, host(9), 443);
    conn->timer = LA_TIMER_FIN_WAIT_2;
    conn->timer_left = 30 * LA_SECOND;
    assert_int_equal(expect("fin-wait-2-orphan", "in 30 s at the latest")->severity, SEVERITY_NOTE);
}

static void a_half_closed_one_never_ends(void **unused) {
    (void)unused;
    add(LA_FIN_WAIT_2, host(1), 40000, host(9), 443);
    own(9);
    assert_int_equal(expect("fin-wait-2-half-closed", "nothing ends FIN_WAIT_2")->severity, SEVERITY_WARNING);
    snap->conns[0].data_sent = 5 * LA_SECOND;
    assert_int_equal(expect("fin-wait-2-half-closed", "may wait for the answer")->severity, SEVERITY_NOTE);
}

static void commands_are_for_the_namespace(void **unused) {
    (void)unused;
    closed_by_peer();
    snap->netns[0].name = "blue";
    expect("close-wait-unwatched", "lastack fix --netns blue --close sk:2");
    snap->netns[0].name = "pid 99's";
    expect("close-wait-unwatched", "lastack fix --netns pid:99 --close sk:2");
    snap->netns[0].name = "it's; reboot";
    expect("close-wait-unwatched", "lastack fix --netns 'it'\\''s; reboot' --close sk:2");
}

static void the_end_in_close_wait_is_at_fault(void **unused) {
    (void)unused;
    add(LA_LISTEN, host(1), 443, la_addr4(0, 0, 0, 0), 0);
    add(LA_FIN_WAIT_2, host(1), 40000, host(1), 443);
    own(9);
    struct snap_conn *conn = add(LA_CLOSE_WAIT, host(1), 443, host(1), 40000);
    conn->looked_closely = true;
    conn->inode = 1;
    struct snap_proc *proc = snap_add_proc(snap);
    proc->pid = 99;
    proc->program = "backend";
    *snap_add_owner(snap) = (struct snap_owner){.conn = 2, .proc = 1, .fd = 3};
    assert_int_equal(expect("fin-wait-2-half-closed", "backend (pid 99) has not closed")->severity, SEVERITY_NOTE);
    assert_int_equal(expect("close-wait-unwatched", NULL)->proc, 1);
}

static void a_last_ack_without_an_answer(void **unused) {
    (void)unused;
    struct snap_conn *conn = add(LA_LAST_ACK, host(1), 40000, host(9), 443);
    conn->timer = LA_TIMER_RETRANSMIT;
    conn->tries = 4;
    expect("last-ack-unanswered", "4 attempts without an answer");
}

static void a_fin_behind_a_shut_window(void **unused) {
    (void)unused;
    struct snap_conn *conn = add(LA_FIN_WAIT_1, host(1), 40000, host(9), 443);
    conn->timer = LA_TIMER_PERSIST;
    conn->tries = 3;
    conn->peer_window = 0;
    conn->send_queue = 64000;
    expect("closing-blocked", "window is zero");
}

/* --- Flow --- */

static struct snap_conn *established(void) {
    struct snap_conn *conn = add(LA_ESTABLISHED, host(1), 40000, host(9), 443);
    own(9);
    conn->marks = SNAP_MEASURED;
    conn->data_sent = conn->data_received = conn->ack_received = 60 * LA_SECOND;
    return conn;
}

static void a_healthy_one_is_no_finding(void **unused) {
    (void)unused;
    established();
    find_with(NULL, NULL);
    assert_int_equal(findings.n, 0);
}

static void data_are_sent_again_and_again(void **unused) {
    (void)unused;
    struct snap_conn *conn = established();
    conn->timer = LA_TIMER_RETRANSMIT;
    conn->tries = 5;
    conn->send_queue = 1000;
    expect("retransmitting", "5 timeouts");
    snap->conns[0].rto = 800 * LA_MS; /* After timeouts of 200 and 400 ms. */
    snap->conns[0].timer_left = 600 * LA_MS;
    snap->conns[0].tries = 2;
    find_with(NULL, NULL);
    assert_int_equal(findings.n, 0);
}

static void a_listener_without_room_lets_clients_retransmit(void **unused) {
    (void)unused;
    struct snap_conn *conn = established();
    conn->peer.addr = la_addr4(127, 0, 0, 1);
    conn->timer = LA_TIMER_RETRANSMIT;
    conn->tries = 5;
    conn->send_queue = 1000;
    assert_int_equal(expect("retransmitting", "no room for the connection")->severity, SEVERITY_NOTE);
}

static void a_window_stays_shut(void **unused) {
    (void)unused;
    struct snap_conn *conn = established();
    conn->timer = LA_TIMER_PERSIST;
    conn->tries = 5;
    conn->peer_window = 0;
    conn->send_queue = 1000;
    assert_int_equal(expect("zero-window-peer", "the peer does not read")->severity, SEVERITY_WARNING);
    snap->conns[0].data_sent = 10 * LA_SECOND;
    assert_int_equal(expect("zero-window-peer", "does not read fast enough")->severity, SEVERITY_NOTE);
}

static void data_are_left_unread(void **unused) {
    (void)unused;
    established()->recv_queue = 5000;
    assert_int_equal(expect("not-reading", "5000 bytes unread")->severity, SEVERITY_NOTE);
}

static void the_other_end_on_this_host_is_gone(void **unused) {
    (void)unused;
    struct snap_conn *conn = established();
    conn->peer.addr = la_addr4(127, 0, 0, 1);
    assert_int_equal(expect("half-open", "does not exist")->severity, SEVERITY_WARNING);
    snap->netns[0].setting[SNAP_S_CONNTRACKED] = 4;
    assert_int_equal(expect("half-open", "translates addresses")->severity, SEVERITY_NOTE);
    add(LA_LISTEN, la_addr4(127, 0, 0, 1), 8443, la_addr4(0, 0, 0, 0), 0);
    add(LA_ESTABLISHED, la_addr4(127, 0, 0, 1), 8443, host(1), 40000); /* Where a rule has led it. */
    find_with(NULL, NULL);
    assert_int_equal(findings.n, 0);
}

static void silence_without_keepalive_is_a_note(void **unused) {
    (void)unused;
    struct snap_conn *conn = established();
    conn->data_sent = conn->data_received = conn->ack_received = 8000 * LA_SECOND;
    assert_int_equal(expect("silent-no-keepalive", "2 h 13 min")->severity, SEVERITY_NOTE);
    snap->conns[0].timer = LA_TIMER_KEEPALIVE;
    find_with(NULL, NULL);
    assert_int_equal(findings.n, 0);
}

static void a_syn_is_not_answered(void **unused) {
    (void)unused;
    struct snap_conn *conn = add(LA_SYN_SENT, host(1), 40000, host(9), 443);
    own(9);
    conn->tries = 2;
    expect("syn-sent-unanswered", "10.0.0.9:443 does not answer");
}

/* --- Keys, order, memory --- */

static void a_finding_keeps_its_key(void **unused) {
    (void)unused;
    closed_by_peer();
    uint64_t key = expect("close-wait-unwatched", NULL)->key;
    struct snap_conn *conn = add(LA_CLOSE_WAIT, host(1), 80, host(2), 50001);
    own(10);
    conn->looked_closely = true;
    assert_int_equal(expect("close-wait-unwatched", NULL)->nconns, 2);
    assert_true(find_with("close-wait-unwatched", NULL)->key == key);
    snap->procs[0].pid = 18;
    assert_true(find_with("close-wait-unwatched", NULL)->key != key);
}

static void findings_as_text(void **unused) {
    (void)unused;
    struct say said = {0};
    closed_by_peer();
    expect("close-wait-unwatched", NULL);
    findings_say(&findings, snap, &said);
    assert_memory_equal(said.text, "WARNING  nginx (pid 17) holds 1 connection on port 80 in CLOSE_WAIT", 66);
    assert_non_null(strstr(said.text, "2 sockets of an unknown source: 0 harm, 1 warning, 0 notes.\n"));
    for (char *line = strtok(said.text, "\n"); line; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) <= 100);
        assert_true(line[strlen(line) - 1] != ' ');
    }
    say_free(&said);
}

static void workers_of_one_program_are_said_once(void **unused) {
    (void)unused;
    struct say said = {0};
    closed_by_peer();
    for (unsigned i = 1; i < 8; i++) {
        struct snap_conn *conn = add(LA_CLOSE_WAIT, host(1), 80, host(2), 50000 + i);
        conn->inode = 2000 + i;
        conn->looked_closely = true;
        struct snap_proc *proc = snap_add_proc(snap);
        proc->pid = 17 + (int)i;
        proc->program = "nginx";
        *snap_add_owner(snap) = (struct snap_owner){.conn = i + 1, .proc = i, .fd = 9};
    }
    expect("close-wait-unwatched", NULL);
    assert_int_equal(findings.n, 8);
    findings_say(&findings, snap, &said);
    assert_non_null(strstr(said.text, "  also     - nginx (pid 18) holds 1 connection on port 80"));
    assert_non_null(strstr(said.text, "- 3 more of its processes, 3 connections (--brief lists them).\n"));
    assert_non_null(strstr(said.text, "0 harm, 8 warnings"));
    assert_null(strstr(strstr(said.text, "rule     ") + 1, "rule     "));
    say_free(&said);
}

static void findings_as_json(void **unused) {
    (void)unused;
    struct say said = {0};
    closed_by_peer();
    expect("close-wait-unwatched", NULL);
    assert_true(findings_json(&findings, snap, &said));
    assert_non_null(strstr(said.text, "\"lastack findings 1\""));
    assert_non_null(strstr(said.text, "\"id\":\"close-wait-unwatched\""));
    assert_non_null(strstr(said.text, "\"fd\":9"));
    say_free(&said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(nobody_watches),
        TEST(a_young_one_is_no_finding),
        TEST(keepalive_hides_since_when),
        TEST(what_may_be_young_is_no_finding),
        TEST(a_request_may_be_at_work),
        TEST(an_edge_is_lost),
        TEST(a_loop_is_busy_elsewhere),
        TEST(a_loop_is_told_and_does_not_act),
        TEST(one_shot_is_not_armed),
        TEST(only_room_to_write_is_watched),
        TEST(a_writer_is_blocked),
        TEST(a_ring_may_watch),
        TEST(a_stopped_process_comes_first),
        TEST(end_of_file_was_read),
        TEST(what_was_not_looked_at_is_not_guessed),
        TEST(an_answer_under_way_is_only_a_note),
        TEST(a_child_holds_it_too),
        TEST(a_message_holds_it),
        TEST(a_ring_holds_it),
        TEST(nobody_accepted_it),
        TEST(a_pool_keeps_dead_ones),
        TEST(a_client_reconnects_and_forgets),
        TEST(a_filter_leaves_others_out),
        TEST(orphans_end_by_themselves),
        TEST(a_half_closed_one_never_ends),
        TEST(commands_are_for_the_namespace),
        TEST(the_end_in_close_wait_is_at_fault),
        TEST(a_last_ack_without_an_answer),
        TEST(a_fin_behind_a_shut_window),
        TEST(a_healthy_one_is_no_finding),
        TEST(data_are_sent_again_and_again),
        TEST(a_listener_without_room_lets_clients_retransmit),
        TEST(a_window_stays_shut),
        TEST(data_are_left_unread),
        TEST(the_other_end_on_this_host_is_gone),
        TEST(silence_without_keepalive_is_a_note),
        TEST(a_syn_is_not_answered),
        TEST(a_finding_keeps_its_key),
        TEST(findings_as_text),
        TEST(workers_of_one_program_are_said_once),
        TEST(findings_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
