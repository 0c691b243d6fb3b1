/* What snapshots and events tell over time. Snapshots and events are made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "inspect/linux_events.h"
#include "inspect/track.h"

#define SOCK 0xffff888000001000

static struct track *track;
static struct snap *snap;

static int setup(void **state) {
    (void)state;
    track = track_new(1000);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    snap_free(snap);
    snap = NULL;
    track_free(track);
    return 0;
}

static struct la_endpoint here(unsigned port) {
    return (struct la_endpoint){.addr = la_addr4(10, 0, 0, 1), .port = (uint16_t)port};
}

static struct la_endpoint there(unsigned port) {
    return (struct la_endpoint){.addr = la_addr4(10, 0, 0, 2), .port = (uint16_t)port};
}

/* A snapshot at that second, with one process, nginx (pid 17). */
static void snapshot(unsigned second) {
    snap_free(snap);
    snap = snap_new();
    snap->taken = second * LA_SECOND;
    snap_add_netns(snap);
    struct snap_proc *proc = snap_add_proc(snap);
    proc->pid = 17;
    proc->program = "nginx";
}

static struct snap_conn *conn(uint64_t cookie, enum la_state state) {
    struct snap_conn *added = snap_add_conn(snap);
    added->cookie = cookie;
    added->state = (uint8_t)state;
    added->local = here(80);
    added->peer = there(1000 + (unsigned)cookie);
    return added;
}

static void owned(int fd) {
    *snap_add_owner(snap) = (struct snap_owner){.conn = snap->nconns - 1, .proc = 0, .fd = fd};
}

static void poll_it(void) {
    snap_finish(snap);
    track_poll(track, snap);
}

static void move_of(uint64_t sock, la_time at, enum la_state from, enum la_state to, unsigned peer) {
    struct event event = {.kind = EVENT_MOVE,
                          .from = (uint8_t)from,
                          .to = (uint8_t)to,
                          .sock = sock,
                          .at = at,
                          .local = here(80),
                          .peer = there(peer)};
    track_event(track, &event);
}

static void move(la_time at, enum la_state from, enum la_state to, unsigned peer) { move_of(SOCK, at, from, to, peer); }

static void assert_age(const struct snap_age *age, la_time least, la_time most) {
    assert_int_equal(age->least, least);
    assert_int_equal(age->most, most);
}

static void polls_tighten_an_age(void **unused) {
    (void)unused;
    snapshot(10);
    conn(1, LA_ESTABLISHED);
    poll_it();
    assert_age(&snap->conns[0].age, 0, LA_NEVER);
    snapshot(11);
    conn(1, LA_CLOSE_WAIT);
    poll_it();
    assert_age(&snap->conns[0].age, 0, LA_SECOND); /* Between the two polls. */
    snapshot(20);
    conn(1, LA_CLOSE_WAIT)->age = (struct snap_age){0, 100 * LA_SECOND};
    poll_it();
    assert_age(&snap->conns[0].age, 9 * LA_SECOND, 10 * LA_SECOND);
}

static void a_snapshot_may_know_better(void **unused) {
    (void)unused;
    snapshot(10);
    conn(1, LA_ESTABLISHED);
    poll_it();
    snapshot(12);
    conn(1, LA_CLOSE_WAIT)->age = (struct snap_age){LA_SECOND, LA_SECOND};
    poll_it();
    assert_age(&snap->conns[0].age, LA_SECOND, LA_SECOND);
}

static void an_event_is_exact(void **unused) {
    (void)unused;
    move(5 * LA_SECOND, LA_SYN_RCVD, LA_ESTABLISHED, 1001);
    move(7 * LA_SECOND + 5, LA_ESTABLISHED, LA_CLOSE_WAIT, 1001);
    snapshot(10);
    conn(1, LA_CLOSE_WAIT)->age = (struct snap_age){LA_SECOND, 5 * LA_SECOND};
    poll_it();
    const struct snap_conn *seen = &snap->conns[0];
    assert_age(&seen->age, 3 * LA_SECOND - 5, 3 * LA_SECOND - 5);
    assert_int_equal(seen->nmoves, 2);
    assert_int_equal(snap->moves[seen->first_move + 1].to, LA_CLOSE_WAIT);
    assert_int_equal(snap->moves[seen->first_move + 1].ago, 3 * LA_SECOND - 5);
}

static void a_port_that_is_told_late(void **unused) {
    (void)unused;
    struct event event = {.kind = EVENT_MOVE,
                          .from = LA_CLOSED,
                          .to = LA_SYN_SENT,
                          .sock = SOCK,
                          .at = LA_SECOND,
                          .local = here(0),
                          .peer = there(1001)};
    track_event(track, &event);
    move(2 * LA_SECOND, LA_SYN_SENT, LA_ESTABLISHED, 1001);
    snapshot(3);
    conn(1, LA_ESTABLISHED);
    poll_it();
    assert_int_equal(snap->conns[0].nmoves, 2);
    assert_age(&snap->conns[0].age, LA_SECOND, LA_SECOND);
}

static void time_wait_keeps_its_owner_and_its_time(void **unused) {
    (void)unused;
    snapshot(1);
    conn(1, LA_ESTABLISHED);
    owned(5);
    poll_it();
    move(2 * LA_SECOND, LA_ESTABLISHED, LA_FIN_WAIT_1, 1001);
    move(2 * LA_SECOND, LA_FIN_WAIT_1, LA_FIN_WAIT_2, 1001);
    move(3 * LA_SECOND, LA_FIN_WAIT_2, LA_CLOSED, 1001);
    snapshot(4);
    conn(1, LA_TIME_WAIT);
    poll_it();
    const struct snap_conn *seen = &snap->conns[0];
    assert_age(&seen->age, LA_SECOND, LA_SECOND);
    assert_int_equal(snap->moves[seen->first_move + seen->nmoves - 1].to, LA_TIME_WAIT);
    assert_string_equal(snap->procs[seen->former].program, "nginx");
}

static void an_orphan_is_not_closed(void **unused) {
    (void)unused;
    move(2 * LA_SECOND, LA_FIN_WAIT_1, LA_FIN_WAIT_2, 1001);
    move(2 * LA_SECOND, LA_FIN_WAIT_2, LA_CLOSED, 1001);
    snapshot(4);
    conn(1, LA_FIN_WAIT_2)->marks = SNAP_RECORD;
    poll_it();
    assert_int_equal(snap->conns[0].nmoves, 1);
    assert_age(&snap->conns[0].age, 2 * LA_SECOND, 2 * LA_SECOND);
}

static void end_of_file_that_was_read(void **unused) {
    (void)unused;
    struct event event = {.kind = EVENT_EOF, .sock = SOCK, .at = 2 * LA_SECOND};
    move(LA_SECOND, LA_ESTABLISHED, LA_CLOSE_WAIT, 1001);
    track_event(track, &event);
    snapshot(3);
    conn(1, LA_CLOSE_WAIT)->eof = SNAP_EOF_AMBIGUOUS;
    poll_it();
    assert_int_equal(snap->conns[0].eof, SNAP_EOF_READ);
}

static void end_of_file_is_read_after_it_came(void **unused) {
    (void)unused;
    struct event event = {.kind = EVENT_EOF, .sock = SOCK, .at = 2 * LA_SECOND};
    move(LA_SECOND, LA_SYN_RCVD, LA_ESTABLISHED, 1001);
    track_event(track, &event); /* No byte was asked for. */
    move(3 * LA_SECOND, LA_ESTABLISHED, LA_CLOSE_WAIT, 1001);
    snapshot(4);
    conn(1, LA_CLOSE_WAIT)->eof = SNAP_EOF_AMBIGUOUS;
    poll_it();
    assert_int_equal(snap->conns[0].eof, SNAP_EOF_AMBIGUOUS);
}

/* Events have no namespace: another one's connection with the same tuple moves. */
static void a_tuple_of_another_namespace(void **unused) {
    (void)unused;
    snapshot(1);
    conn(1, LA_ESTABLISHED);
    poll_it();
    move_of(SOCK + 1, 2 * LA_SECOND, LA_ESTABLISHED, LA_CLOSE_WAIT, 1001);
    snapshot(3);
    conn(1, LA_ESTABLISHED);
    poll_it();
    assert_int_equal(snap->conns[0].nmoves, 0);
    assert_age(&snap->conns[0].age, 2 * LA_SECOND, LA_NEVER);
    move(3 * LA_SECOND + 7, LA_ESTABLISHED, LA_CLOSE_WAIT, 1001);
    snapshot(4);
    conn(1, LA_CLOSE_WAIT);
    poll_it();
    assert_int_equal(snap->conns[0].nmoves, 1);
    assert_age(&snap->conns[0].age, LA_SECOND - 7, LA_SECOND - 7);
}

static void a_tuple_that_exists_twice(void **unused) {
    (void)unused;
    snapshot(1);
    conn(1, LA_ESTABLISHED);
    conn(2, LA_ESTABLISHED)->peer = there(1001);
    poll_it();
    move(LA_SECOND + 7, LA_ESTABLISHED, LA_CLOSE_WAIT, 1001);
    move_of(SOCK + 1, LA_SECOND + 9, LA_ESTABLISHED, LA_CLOSE_WAIT, 1001);
    snapshot(2);
    conn(1, LA_CLOSE_WAIT);
    conn(2, LA_CLOSE_WAIT)->peer = there(1001);
    poll_it();
    assert_age(&snap->conns[0].age, 0, LA_SECOND); /* Whose is whose cannot be known. */
    assert_age(&snap->conns[1].age, 0, LA_SECOND);
}

static void a_tuple_that_is_used_again(void **unused) {
    (void)unused;
    move(LA_SECOND, LA_SYN_RCVD, LA_ESTABLISHED, 1001);
    snapshot(2);
    conn(1, LA_ESTABLISHED);
    poll_it();
    move(3 * LA_SECOND, LA_ESTABLISHED, LA_CLOSED, 1001);
    move(4 * LA_SECOND, LA_SYN_RCVD, LA_ESTABLISHED, 1001); /* With the same number, too. */
    snapshot(5);
    conn(2, LA_ESTABLISHED)->peer = there(1001);
    poll_it();
    assert_int_equal(snap->conns[0].nmoves, 1);
    assert_age(&snap->conns[0].age, LA_SECOND, LA_SECOND);
}

static void a_socket_that_connects_again(void **unused) {
    (void)unused;
    snapshot(1);
    conn(1, LA_SYN_SENT);
    poll_it();
    snapshot(5);
    conn(1, LA_SYN_SENT)->local = here(81);
    poll_it();
    assert_int_equal(snap->conns[0].nmoves, 0);
    assert_age(&snap->conns[0].age, 0, LA_NEVER);
}

static void a_snapshot_older_than_the_events(void **unused) {
    (void)unused;
    move(LA_SECOND, LA_SYN_RCVD, LA_ESTABLISHED, 1001);
    move(3 * LA_SECOND + 5, LA_ESTABLISHED, LA_CLOSE_WAIT, 1001);
    snapshot(3);
    conn(1, LA_ESTABLISHED);
    poll_it();
    assert_int_equal(snap->conns[0].nmoves, 1);
    assert_age(&snap->conns[0].age, 2 * LA_SECOND, 2 * LA_SECOND);
    snapshot(4);
    conn(1, LA_CLOSE_WAIT);
    poll_it();
    assert_int_equal(snap->conns[0].nmoves, 2);
    assert_age(&snap->conns[0].age, LA_SECOND - 5, LA_SECOND - 5);
}

static void an_orphan_that_was_there_before(void **unused) {
    (void)unused;
    snapshot(1);
    conn(1, LA_FIN_WAIT_2)->age = (struct snap_age){LA_SECOND / 2, LA_SECOND / 2};
    poll_it();
    move(2 * LA_SECOND, LA_FIN_WAIT_2, LA_CLOSED, 1001);
    snapshot(3);
    conn(1, LA_FIN_WAIT_2)->marks = SNAP_RECORD;
    poll_it();
    assert_int_equal(snap->conns[0].nmoves, 0);
    assert_age(&snap->conns[0].age, 5 * LA_SECOND / 2, 5 * LA_SECOND / 2);
}

/* No event tells when the record of an orphan goes to TIME_WAIT, but its timer does. */
static void an_orphan_that_gets_its_fin(void **unused) {
    (void)unused;
    move(2 * LA_SECOND, LA_FIN_WAIT_1, LA_FIN_WAIT_2, 1001);
    move(2 * LA_SECOND, LA_FIN_WAIT_2, LA_CLOSED, 1001);
    snapshot(9);
    conn(1, LA_TIME_WAIT)->age = (struct snap_age){LA_SECOND, LA_SECOND};
    poll_it();
    const struct snap_conn *seen = &snap->conns[0];
    assert_age(&seen->age, LA_SECOND, LA_SECOND);
    assert_int_equal(seen->nmoves, 2);
    assert_int_equal(snap->moves[seen->first_move + 1].from, LA_FIN_WAIT_2);
    assert_int_equal(snap->moves[seen->first_move + 1].ago, LA_SECOND);
}

/* The kernel's time follows from a setting, of which a socket can have its own. */
static void a_bound_that_contradicts_what_was_seen(void **unused) {
    (void)unused;
    snapshot(100);
    conn(1, LA_ESTABLISHED);
    poll_it();
    snapshot(101);
    conn(1, LA_FIN_WAIT_2)->age = (struct snap_age){50 * LA_SECOND, 50 * LA_SECOND};
    poll_it();
    assert_age(&snap->conns[0].age, 0, LA_SECOND);
}

static void accepted(uint64_t inode, uint32_t stack, la_time at) {
    struct event event = {.kind = EVENT_OPEN, .inode = inode, .stack = stack, .at = at};
    track_event(track, &event);
}

static void an_accept_is_joined_by_its_inode(void **unused) {
    (void)unused;
    accepted(4711, 77, LA_SECOND);
    snapshot(2);
    conn(1, LA_ESTABLISHED)->inode = 4711;
    poll_it();
    assert_int_equal(track_stack(track, 1), 77);
    snapshot(3);
    poll_it();
    assert_int_equal(track_gone(track), 77);
    assert_int_equal(track_gone(track), 0);
}

static void an_accept_of_something_else_is_forgotten(void **unused) {
    (void)unused;
    accepted(4711, 77, LA_SECOND);
    accepted(4712, 78, 11 * LA_SECOND); /* After the snapshot. */
    snapshot(10);
    poll_it();
    assert_int_equal(track_gone(track), 77);
    assert_int_equal(track_gone(track), 0);
    snapshot(12);
    conn(1, LA_ESTABLISHED)->inode = 4712;
    poll_it();
    assert_int_equal(track_stack(track, 1), 78);
}

/* The descriptor was another's when it was looked at. */
static void what_was_accepted_before_is_not_again(void **unused) {
    (void)unused;
    move(LA_SECOND, LA_CLOSED, LA_SYN_SENT, 1002);
    snapshot(2);
    conn(1, LA_ESTABLISHED)->inode = 4711;
    poll_it();
    move_of(SOCK, 2 * LA_SECOND, LA_SYN_SENT, LA_ESTABLISHED, 1002);
    accepted(4711, 77, 3 * LA_SECOND);
    accepted(4712, 78, 3 * LA_SECOND);
    snapshot(4);
    conn(1, LA_ESTABLISHED)->inode = 4711;
    conn(2, LA_ESTABLISHED)->inode = 4712;
    poll_it();
    assert_int_equal(track_stack(track, 1), 0);
    assert_int_equal(track_stack(track, 2), 0);
}

static void many_accepts_between_polls(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < 5000; i++) accepted(1 + i, 1 + i, LA_SECOND);
    snapshot(2);
    conn(1, LA_ESTABLISHED)->inode = 5000;
    poll_it();
    assert_int_equal(track_stack(track, 1), 5000);
    unsigned gone = 0;
    while (track_gone(track)) gone++;
    assert_int_equal(gone, 4999);
}

static void a_socket_leads_to_its_row(void **unused) {
    (void)unused;
    move(LA_SECOND, LA_SYN_RCVD, LA_ESTABLISHED, 1002);
    assert_int_equal(track_conn(track, SOCK), SNAP_NONE);
    snapshot(2);
    conn(1, LA_ESTABLISHED);
    conn(2, LA_ESTABLISHED);
    poll_it();
    assert_int_equal(track_conn(track, SOCK), 1);
    assert_int_equal(track_conn(track, SOCK + 1), SNAP_NONE);
}

static void rows_count_and_slope(void **unused) {
    (void)unused;
    uint32_t n;
    for (unsigned second = 1; second <= 10; second++) {
        snapshot(second);
        for (unsigned i = 0; i < 2 * second; i++) {
            conn(i + 1, LA_CLOSE_WAIT);
            owned((int)i);
        }
        conn(1000, LA_TIME_WAIT);
        poll_it();
    }
    const struct track_row *rows = track_rows(track, false, &n);
    assert_int_equal(n, 2);
    assert_string_equal(rows[0].program, "nginx");
    assert_string_equal(rows[0].peer, "*");
    assert_int_equal(rows[0].count, 20);
    assert_true(rows[0].slope > 1.99 && rows[0].slope < 2.01);
    assert_string_equal(rows[1].program, "-");
    assert_true(rows[1].slope > -0.01 && rows[1].slope < 0.01);
    rows = track_rows(track, true, &n);
    assert_int_equal(n, 2);
    assert_string_equal(rows[0].peer, "10.0.0.2");
}

static void rare_polls_have_a_slope(void **unused) {
    (void)unused;
    uint32_t n;
    for (unsigned i = 1; i <= 3; i++) {
        snapshot(100 * i);
        for (unsigned j = 0; j < 10 * i; j++) conn(j + 1, LA_CLOSE_WAIT);
        poll_it();
    }
    const struct track_row *rows = track_rows(track, false, &n);
    assert_int_equal(n, 1);
    assert_true(rows[0].slope > 0.099 && rows[0].slope < 0.101);
}

/* A call of that process that ends a connection without a FIN. */
static void reset_by(int pid, unsigned peer) {
    struct event event = {.kind = EVENT_MOVE,
                          .from = LA_ESTABLISHED,
                          .to = LA_CLOSED,
                          .pid = pid,
                          .sock = SOCK + peer,
                          .at = 2 * LA_SECOND,
                          .local = here(80),
                          .peer = there(peer)};
    track_event(track, &event);
}

static void counters(uint64_t unread) {
    snap->netns[0].facts = true;
    snap->netns[0].counter[SNAP_C_ABORT_ON_CLOSE] = unread;
    snap->netns[0].counter[SNAP_C_ABORT_ON_DATA] = 5;
}

static void whose_calls_reset_connections(void **unused) {
    (void)unused;
    snapshot(1);
    counters(100);
    poll_it();
    assert_int_equal(snap->nresets, 0);
    for (unsigned i = 0; i < 3; i++) reset_by(17, 2000 + i);
    reset_by(18, 3000);
    snapshot(5);
    counters(104);
    poll_it();
    assert_int_equal(snap->nresets, 2);
    assert_int_equal(snap->resets[0].proc, 0);
    assert_int_equal(snap->resets[0].count, 3);
    assert_int_equal(snap->resets[0].last, 3 * LA_SECOND);
    assert_int_equal(snap->resets[0].peer.port, 2002);
    assert_int_equal(snap->procs[snap->resets[1].proc].pid, 18);
}

static void resets_that_the_counters_do_not_know_are_not_told(void **unused) {
    (void)unused;
    snapshot(1);
    counters(100);
    poll_it();
    reset_by(17, 2000);
    reset_by(17, 2001);
    snapshot(5);
    counters(101);
    poll_it();
    assert_int_equal(snap->nresets, 0);
}

static void there_is_a_bound(void **unused) {
    (void)unused;
    track_free(track);
    track = track_new(3);
    for (unsigned second = 1; second < 4; second++) {
        snapshot(second);
        for (unsigned i = 0; i < 10; i++) conn(i + 1, LA_ESTABLISHED);
        poll_it();
    }
    assert_int_equal(snap->nconns, 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(polls_tighten_an_age),
        TEST(a_snapshot_may_know_better),
        TEST(an_event_is_exact),
        TEST(a_port_that_is_told_late),
        TEST(time_wait_keeps_its_owner_and_its_time),
        TEST(an_orphan_is_not_closed),
        TEST(end_of_file_that_was_read),
        TEST(end_of_file_is_read_after_it_came),
        TEST(a_tuple_of_another_namespace),
        TEST(a_tuple_that_exists_twice),
        TEST(a_tuple_that_is_used_again),
        TEST(a_socket_that_connects_again),
        TEST(a_snapshot_older_than_the_events),
        TEST(an_orphan_that_was_there_before),
        TEST(an_orphan_that_gets_its_fin),
        TEST(a_bound_that_contradicts_what_was_seen),
        TEST(an_accept_is_joined_by_its_inode),
        TEST(an_accept_of_something_else_is_forgotten),
        TEST(what_was_accepted_before_is_not_again),
        TEST(many_accepts_between_polls),
        TEST(a_socket_leads_to_its_row),
        TEST(rows_count_and_slope),
        TEST(rare_polls_have_a_slope),
        TEST(whose_calls_reset_connections),
        TEST(resets_that_the_counters_do_not_know_are_not_told),
        TEST(there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
