/* What a cure is good for, and what is foretold of it. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "inspect/cure.h"

static struct snap *snap;
static struct snap_conn *conn;

static void held_by(int32_t pid, int32_t fd, uint8_t sigpipe) {
    struct snap_proc *proc = snap_add_proc(snap);
    assert_non_null(proc);
    proc->pid = pid;
    proc->program = "server";
    proc->sigpipe = sigpipe;
    struct snap_owner *owner = snap_add_owner(snap);
    assert_non_null(owner);
    *owner = (struct snap_owner){0, snap->nprocs - 1, fd};
    snap_finish(snap);
}

/* A CLOSE_WAIT that process 17 holds as descriptor 5. */
static int begin(void **state) {
    (void)state;
    snap = snap_new();
    assert_non_null(snap);
    snap->owners_known = true;
    assert_non_null(snap_add_netns(snap));
    conn = snap_add_conn(snap);
    assert_non_null(conn);
    conn->cookie = 0x1d7b0;
    conn->inode = 4711;
    conn->netns = 0;
    conn->state = LA_CLOSE_WAIT;
    conn->eof = SNAP_EOF_AMBIGUOUS;
    conn->local = (struct la_endpoint){la_addr4(10, 0, 0, 1), 80, 0};
    conn->peer = (struct la_endpoint){la_addr4(10, 0, 0, 2), 4711, 0};
    held_by(17, 5, SNAP_SIGPIPE_IGNORED);
    return 0;
}

static int end(void **state) {
    (void)state;
    snap_free(snap);
    return 0;
}

static void watched(uint8_t kind, uint8_t flags) {
    struct snap_watch *watch = snap_add_watch(snap);
    assert_non_null(watch);
    watch->conn = watch->proc = 0;
    watch->kind = kind;
    watch->flags = flags;
    snap_finish(snap);
}

/* Which cures there is no objection to, a letter each. */
static const char *possible(void) {
    static char letters[NCURES + 1];
    for (unsigned cure = 0; cure < NCURES; cure++)
        letters[cure] = cure_objection((enum cure)cure, snap, conn) ? '-' : cure_name((enum cure)cure)[0];
    letters[NCURES] = '\0';
    return letters;
}

static void assert_foretold(enum cure cure, const char *words, bool there) {
    struct say out = {0};
    cure_foretell(cure, snap, conn, &out);
    char *text = say_take(&out);
    assert_non_null(text);
    assert_int_equal(text[strlen(text) - 1], '\n');
    if ((strstr(text, words) != NULL) != there) fail_msg("%s \"%s\" in: %s", there ? "no" : "a", words, text);
    free(text);
}

static void they_have_names(void **state) {
    (void)state;
    assert_string_equal(cure_name(CURE_NUDGE), "nudge");
    assert_string_equal(cure_name(CURE_RESET), "reset");
    assert_string_equal(cure_name(NCURES), "?");
}

static void each_state_has_its_cures(void **state) {
    static const char *const cures[LA_NSTATES] = {
        [LA_CLOSED] = "----",      [LA_LISTEN] = "---r",     [LA_SYN_SENT] = "--cr",   [LA_SYN_RCVD] = "--cr",
        [LA_ESTABLISHED] = "-kcr", [LA_FIN_WAIT_1] = "--cr", [LA_FIN_WAIT_2] = "-k-r", [LA_CLOSE_WAIT] = "nkcr",
        [LA_CLOSING] = "n-cr",     [LA_LAST_ACK] = "n-cr",   [LA_TIME_WAIT] = "---r",
    };
    (void)state;
    for (uint8_t s = 0; s < LA_NSTATES; s++) {
        conn->state = s;
        assert_string_equal(possible(), cures[s]);
    }
}

static void what_no_descriptor_holds_can_only_be_reset(void **state) {
    static const uint8_t marks[] = {SNAP_EMBRYO, SNAP_RECORD, SNAP_QUEUED};
    (void)state;
    for (size_t i = 0; i < sizeof marks; i++) {
        conn->marks = marks[i];
        assert_string_equal(possible(), "---r");
    }
    conn->marks = 0;
    conn->inode = 0;
    assert_string_equal(possible(), "---r");
    conn->inode = 4711;
    snap->netns[0].stack = true;
    assert_string_equal(possible(), "---r");
    snap->netns[0].stack = false;
    conn->nowners = 0;
    assert_string_equal(possible(), "---r");
    assert_non_null(strstr(cure_objection(CURE_CLOSE, snap, conn), "root"));
    struct snap_hold *hold = snap_add_hold(snap);
    assert_non_null(hold);
    hold->conn = hold->proc = 0;
    hold->kind = SNAP_HOLD_MESSAGE;
    conn->nholds = 1;
    assert_non_null(strstr(cure_objection(CURE_CLOSE, snap, conn), "message"));
    snap->holds[0].kind = SNAP_HOLD_URING;
    assert_non_null(strstr(cure_objection(CURE_CLOSE, snap, conn), "io_uring"));
}

/* Linux drops a record without a word; a stack of ours says RST to whoever may hold the other end. */
static void whether_the_peer_is_told_of_a_reset(void **state) {
    (void)state;
    conn->state = LA_FIN_WAIT_2;
    assert_foretold(CURE_RESET, "The peer gets an RST: it reads", true);
    conn->marks = SNAP_RECORD;
    assert_foretold(CURE_RESET, "The peer is told nothing", true);
    conn->state = LA_LAST_ACK;
    conn->marks = 0;
    assert_foretold(CURE_RESET, "The peer is told nothing", true);
    snap->netns[0].stack = true;
    assert_foretold(CURE_RESET, "The peer gets an RST", true);
    conn->state = LA_FIN_WAIT_2;
    conn->marks = SNAP_RECORD;
    assert_foretold(CURE_RESET, "The peer gets an RST", true);
    conn->state = LA_LISTEN;
    assert_string_equal(possible(), "----");
}

static void what_cannot_be_told_from_another_is_not_reset(void **state) {
    (void)state;
    conn->cookie = 0;
    assert_string_equal(possible(), "nkc-");
    conn->marks = SNAP_SELF;
    assert_string_equal(possible(), "----");
}

static void unacknowledged_bytes_ask_the_peer_already(void **state) {
    (void)state;
    conn->send_queue = 1;
    assert_string_equal(possible(), "n-cr");
}

static void the_mildest_is_the_one_that_can_help(void **state) {
    (void)state;
    assert_int_equal(cure_lowest(snap, conn), CURE_NUDGE);
    conn->looked_closely = true;
    assert_int_equal(cure_lowest(snap, conn), CURE_KEEPALIVE);
    conn->pair = 0;
    assert_int_equal(cure_lowest(snap, conn), CURE_CLOSE);
    conn->state = LA_FIN_WAIT_2;
    assert_int_equal(cure_lowest(snap, conn), CURE_RESET);
    conn->state = LA_TIME_WAIT;
    assert_int_equal(cure_lowest(snap, conn), NCURES);
    conn->state = LA_LISTEN;
    assert_int_equal(cure_lowest(snap, conn), CURE_RESET);
}

static void only_an_edge_can_be_lost(void **state) {
    static const struct {
        uint8_t kind, flags;
        enum cure lowest;
    } rows[] = {
        {SNAP_WATCH_CALL, SNAP_WATCH_READ, CURE_KEEPALIVE},
        {SNAP_WATCH_EPOLL, SNAP_WATCH_READ, CURE_KEEPALIVE},
        {SNAP_WATCH_EPOLL, SNAP_WATCH_WRITE | SNAP_WATCH_EDGE, CURE_KEEPALIVE},
        {SNAP_WATCH_EPOLL, SNAP_WATCH_READ | SNAP_WATCH_EDGE | SNAP_WATCH_DISARMED, CURE_KEEPALIVE},
        {SNAP_WATCH_EPOLL, SNAP_WATCH_READ | SNAP_WATCH_EDGE, CURE_NUDGE},
    };
    (void)state;
    conn->looked_closely = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        watched(rows[i].kind, rows[i].flags);
        assert_int_equal(cure_lowest(snap, conn), rows[i].lowest);
        assert_foretold(CURE_NUDGE, "little hope", rows[i].lowest != CURE_NUDGE);
    }
    conn->eof = SNAP_EOF_READ;
    assert_int_equal(cure_lowest(snap, conn), CURE_KEEPALIVE);
}

static void every_state_has_something_foretold(void **state) {
    (void)state;
    for (uint8_t s = LA_LISTEN; s < LA_NSTATES; s++)
        for (unsigned cure = 0; cure < NCURES; cure++) {
            conn->state = s;
            assert_foretold((enum cure)cure, "peer", s != LA_LISTEN || cure != CURE_RESET);
        }
}

static void sigpipe_is_foretold(void **state) {
    (void)state;
    assert_foretold(CURE_CLOSE, "SIGPIPE", false);
    held_by(16, 9, SNAP_SIGPIPE_KILLS);
    assert_foretold(CURE_CLOSE, "SIGPIPE would kill server (pid 16) at its first send()", true);
    assert_foretold(CURE_RESET, "SIGPIPE would kill server (pid 16) at its second send()", true);
    assert_foretold(CURE_KEEPALIVE, "at its first send()", true);
    assert_foretold(CURE_CLOSE, "server (pid 17) at", false);
    assert_foretold(CURE_NUDGE, "SIGPIPE", false);
    snap->procs[1].sigpipe = SNAP_SIGPIPE_UNKNOWN;
    assert_foretold(CURE_CLOSE, "Whether SIGPIPE would kill 1 of", true);
    snap->netns[0].stack = true;
    assert_foretold(CURE_RESET, "SIGPIPE", false);
    assert_foretold(CURE_RESET, "descriptor number", false);
}

static void all_who_share_it_are_named(void **state) {
    (void)state;
    assert_foretold(CURE_CLOSE, "hold this one socket", false);
    assert_foretold(CURE_CLOSE, "The descriptor number stays taken", true);
    struct snap_owner *again = snap_add_owner(snap);
    assert_non_null(again);
    *again = (struct snap_owner){0, 0, 6};
    held_by(18, 5, SNAP_SIGPIPE_KILLS);
    assert_foretold(CURE_CLOSE, "2 processes hold this one socket", true);
    assert_foretold(CURE_CLOSE, "server (pid 17) descriptors 5, 6; server (pid 18) descriptor 5.", true);
    assert_foretold(CURE_CLOSE, "The descriptor numbers stay taken", true);
    for (int pid = 19; pid < 29; pid++) held_by(pid, 5, SNAP_SIGPIPE_KILLS);
    assert_foretold(CURE_CLOSE, "server (pid 22) descriptor 5; 6 more processes.", true);
    assert_foretold(CURE_CLOSE, "SIGPIPE would kill 5 more", true);
}

static void the_error_depends_on_who_has_closed(void **state) {
    (void)state;
    assert_foretold(CURE_RESET, "then 0; its send() returns ECONNABORTED once", true);
    conn->state = LA_ESTABLISHED;
    assert_foretold(CURE_RESET, "its next call returns ECONNABORTED", true);
    assert_foretold(CURE_RESET, "ECONNRESET", true);
    assert_foretold(CURE_CLOSE, "FIN_WAIT_2", true);
    conn->state = LA_LAST_ACK;
    assert_foretold(CURE_CLOSE, "user timeout", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_have_names, begin, end),
        cmocka_unit_test_setup_teardown(each_state_has_its_cures, begin, end),
        cmocka_unit_test_setup_teardown(what_no_descriptor_holds_can_only_be_reset, begin, end),
        cmocka_unit_test_setup_teardown(whether_the_peer_is_told_of_a_reset, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_told_from_another_is_not_reset, begin, end),
        cmocka_unit_test_setup_teardown(unacknowledged_bytes_ask_the_peer_already, begin, end),
        cmocka_unit_test_setup_teardown(the_mildest_is_the_one_that_can_help, begin, end),
        cmocka_unit_test_setup_teardown(only_an_edge_can_be_lost, begin, end),
        cmocka_unit_test_setup_teardown(every_state_has_something_foretold, begin, end),
        cmocka_unit_test_setup_teardown(sigpipe_is_foretold, begin, end),
        cmocka_unit_test_setup_teardown(all_who_share_it_are_named, begin, end),
        cmocka_unit_test_setup_teardown(the_error_depends_on_who_has_closed, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
