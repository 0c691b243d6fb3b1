/* The tables and groups of lastack ls, over snapshots made by hand. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/habit.h"
#include "tool/ls_cells.h"
#include "tool/ls_columns.h"
#include "tool/ls_group.h"
#include "tool/lsof_select.h"

static const struct look pipe_look = {.width = 160, .columns = 160};

/* --- What is printed is caught --- */

struct caught {
    FILE *file;
    int saved;
    char text[8192];
};

static void catch_begin(struct caught *caught) {
    caught->file = tmpfile();
    assert_non_null(caught->file);
    fflush(stdout);
    caught->saved = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(caught->file), STDOUT_FILENO) >= 0);
}

static const char *catch_end(struct caught *caught) {
    fflush(stdout);
    dup2(caught->saved, STDOUT_FILENO);
    close(caught->saved);
    rewind(caught->file);
    size_t len = fread(caught->text, 1, sizeof caught->text - 1, caught->file);
    caught->text[len] = '\0';
    fclose(caught->file);
    return caught->text;
}

/* --- Snapshots --- */

static struct snap_conn *add(struct snap *snap, enum la_state state, uint16_t local, uint16_t peer, la_time age) {
    struct snap_conn *conn = snap_add_conn(snap);
    assert_non_null(conn);
    conn->state = (uint8_t)state;
    conn->local = (struct la_endpoint){.addr = la_addr4(10, 0, 0, 1), .port = local};
    conn->peer = (struct la_endpoint){.addr = la_addr4(10, 0, 0, 2), .port = peer};
    conn->age = (struct snap_age){age, age};
    conn->recv_queue = conn->send_queue = 0;
    conn->inode = snap->nconns;
    conn->cookie = 0x100 + snap->nconns;
    return conn;
}

static void own(struct snap *snap, uint32_t conn, uint32_t proc, int fd) {
    struct snap_owner *owner = snap_add_owner(snap);
    assert_non_null(owner);
    *owner = (struct snap_owner){conn, proc, fd};
}

static uint32_t add_program(struct snap *snap, const char *program, int pid) {
    struct snap_proc *proc = snap_add_proc(snap);
    assert_non_null(proc);
    proc->program = snap_text(snap, program);
    proc->pid = pid;
    return snap->nprocs - 1;
}

/* nginx holds three, one with two of its processes; nobody holds the record. */
static struct snap *make(void) {
    struct snap *snap = snap_new();
    assert_non_null(snap);
    assert_non_null(snap_add_netns(snap));
    add(snap, LA_CLOSE_WAIT, 80, 5001, 5 * LA_SECOND)->recv_queue = 17;
    add(snap, LA_CLOSE_WAIT, 80, 5002, 300 * LA_SECOND)->age.most = 400 * LA_SECOND;
    add(snap, LA_ESTABLISHED, 80, 5003, 2 * LA_SECOND)->age.most = LA_NEVER;
    struct snap_conn *record = add(snap, LA_TIME_WAIT, 80, 5004, 20 * LA_SECOND);
    record->inode = 0;
    record->marks = SNAP_RECORD;
    record->timer = LA_TIMER_TIME_WAIT;
    record->timer_left = 40 * LA_SECOND;
    uint32_t nginx = add_program(snap, "nginx", 17), worker = add_program(snap, "nginx", 18);
    own(snap, 0, nginx, 5);
    own(snap, 1, nginx, 6);
    own(snap, 1, worker, 6);
    own(snap, 1, worker, 7);
    own(snap, 2, worker, 8);
    snap->owners_known = true;
    snap_finish(snap);
    return snap;
}

static struct ls_keys keys(const char *list) {
    struct ls_keys made;
    char why[200];
    assert_true(keys_read(list, NKEYS, &made, why, sizeof why));
    return made;
}

/* --- Tests --- */

static void listing(void **state) {
    (void)state;
    struct snap *snap = make();
    struct caught caught;
    struct ls_keys sort = keys("state,-age");
    struct ls_show show = {.headed = true, .owners = true};
    uint32_t conns[] = {0, 1, 2, 3};
    keys_sort(snap, &sort, conns, 4);
    catch_begin(&caught);
    assert_true(columns_print(snap, conns, 4, &pipe_look, &show));
    assert_string_equal(
        catch_end(&caught),
        "STATE                AGE  RECV-Q  SEND-Q  LOCAL        PEER           TIMER           OWNER\n"
        "ESTABLISHED     >= 2.0 s       0       0  10.0.0.1:80  10.0.0.2:5003  -               nginx 18/8\n"
        "CLOSE_WAIT   5 min-6 min       0       0  10.0.0.1:80  10.0.0.2:5002  -               nginx 17/6, nginx 18/6 "
        "+1 "
        "more\n"
        "CLOSE_WAIT         5.0 s      17       0  10.0.0.1:80  10.0.0.2:5001  -               nginx 17/5\n"
        "TIME_WAIT           20 s       0       0  10.0.0.1:80  10.0.0.2:5004  time-wait 40 s  kernel\n");
    snap_free(snap);
}

static void ages(void **state) {
    (void)state;
    char text[AGE_TEXT];
    static const struct {
        struct snap_age age;
        const char *ascii, *drawn;
    } all[] = {
        {{5 * LA_SECOND, 5 * LA_SECOND}, "5.0 s", "5.0 s"},
        {{300 * LA_SECOND, 300 * LA_SECOND}, "5 min", "5 min"},
        {{3 * LA_SECOND, 12 * LA_SECOND}, "3.0 s-12 s", "3.0 s–12 s"},
        {{300 * LA_SECOND, 310 * LA_SECOND}, "5 min", "5 min"},
        {{3 * LA_SECOND, LA_NEVER}, ">= 3.0 s", "≥ 3.0 s"},
        {{0, LA_NEVER}, "", ""},
        {{0, 250 * LA_MS}, "0 ms-250 ms", "0 ms–250 ms"},
        {{86400 * 3 * LA_SECOND, 86400 * 3 * LA_SECOND}, "3 d", "3 d"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        age_text(text, &all[i].age, false);
        assert_string_equal(text, all[i].ascii);
        age_text(text, &all[i].age, true);
        assert_string_equal(text, all[i].drawn);
    }
}

static void groups_count(void **state) {
    (void)state;
    struct snap *snap = make();
    struct caught caught;
    struct ls_groups groups;
    struct ls_keys by = keys("program,state"), sort = keys("-count");
    uint32_t conns[] = {0, 1, 2, 3};
    assert_true(groups_make(snap, &by, conns, 4, &groups));
    assert_int_equal(groups.n, 3);
    groups_sort(snap, &by, &sort, &groups);
    assert_int_equal(groups.list[0].count, 2);
    assert_true(groups.list[0].oldest.least == 300 * LA_SECOND && groups.list[0].oldest.most == 400 * LA_SECOND);
    catch_begin(&caught);
    assert_true(groups_print(snap, &by, &groups, &pipe_look, true, false));
    assert_string_equal(catch_end(&caught), "PROGRAM  STATE        COUNT       OLDEST\n"
                                            "nginx    CLOSE_WAIT       2  5 min-6 min  ########################\n"
                                            "-        TIME_WAIT        1         20 s  ############\n"
                                            "nginx    ESTABLISHED      1     >= 2.0 s  ############\n");
    groups_free(&groups);
    snap_free(snap);
}

static void grouping_is_not_quadratic(void **state) {
    (void)state;
    struct snap *snap = snap_new();
    const uint32_t n = 60000;
    uint32_t *conns = calloc(n, sizeof *conns);
    struct ls_groups groups;
    struct ls_keys by = keys("peer"), sort = keys("count,peer");
    assert_true(snap && conns);
    for (uint32_t i = 0; i < n; i++) {
        add(snap, LA_ESTABLISHED, 80, (uint16_t)(i % 30000 + 1), LA_SECOND);
        conns[i] = i;
    }
    snap_finish(snap);
    assert_true(groups_make(snap, &by, conns, n, &groups));
    assert_int_equal(groups.n, 30000);
    groups_sort(snap, &by, &sort, &groups);
    for (uint32_t i = 0; i < groups.n; i++) {
        assert_int_equal(groups.list[i].count, 2);
        assert_int_equal(snap->conns[groups.list[i].first].peer.port, i + 1);
    }
    groups_free(&groups);
    free(conns);
    snap_free(snap);
}

static void keys_are_read(void **state) {
    (void)state;
    struct ls_keys made;
    char why[400];
    assert_true(keys_read("-age,peer-addr", NKEYS, &made, why, sizeof why));
    assert_true(made.n == 2 && made.key[0] == KEY_AGE && made.down[0] && !made.down[1]);
    assert_false(keys_read("age", NGROUP_KEYS, &made, why, sizeof why));
    assert_non_null(strstr(why, "\"age\" is no key here"));
    assert_false(keys_read("", NKEYS, &made, why, sizeof why));
    assert_false(keys_read("state,", NKEYS, &made, why, sizeof why));
    assert_false(keys_read("state,state,state,state,state,state,state,state,state", NKEYS, &made, why, sizeof why));
}

/* One row of a wide address, a number and a word. */
static const char *print_narrow(struct caught *caught, int width, bool drawn, bool whole) {
    static const struct ls_table_column columns[] = {
        {.title = "WHERE", .importance = 3, .least = 9, .keeps_end = true},
        {.title = "N", .importance = 1, .gap = 2, .right = true},
        {.title = "WHO", .importance = 2, .least = 6, .gap = 2},
    };
    struct look look = {.terminal = true, .drawn = drawn, .width = width, .columns = width};
    struct ls_table_style style = {.headed = true, .whole = whole};
    struct ls_table table;
    ls_table_begin(&table, columns, 3);
    ls_table_cell(&table, "", "%s", "[2001:db8::1]:443");
    ls_table_cell(&table, "", "%d", 1234);
    ls_table_cell(&table, "", "%s", "a-long-");
    ls_table_more(&table, "%s", "program");
    catch_begin(caught);
    assert_true(ls_table_print(&table, &look, &style));
    ls_table_free(&table);
    return catch_end(caught);
}

static void tables_fit(void **state) {
    (void)state;
    struct caught caught;
    assert_string_equal(print_narrow(&caught, 80, false, false), "WHERE                 N  WHO\n"
                                                                 "[2001:db8::1]:443  1234  a-long-program\n");
    /* The least important that can be shortened is. */
    assert_string_equal(print_narrow(&caught, 35, false, false), "WHERE                 N  WHO\n"
                                                                 "[2001:db8::1]:443  1234  a-long-pr~\n");
    assert_string_equal(print_narrow(&caught, 25, true, false), "WHERE           N  WHO\n"
                                                                "…b8::1]:443  1234  a-lon…\n");
    /* Leaving one out may let others be wider. */
    assert_string_equal(print_narrow(&caught, 20, false, false), "WHERE         WHO\n"
                                                                 "~db8::1]:443  a-lon~\n");
    assert_string_equal(print_narrow(&caught, 20, false, true), "WHERE                 N  WHO\n"
                                                                "[2001:db8::1]:443  1234  a-long-program\n");
}

static void foreign_text_is_cleaned(void **state) {
    (void)state;
    static const struct ls_table_column column[] = {{.title = "WHO"}};
    struct look look = {.width = 80, .columns = 80};
    struct ls_table_style style = {.headed = false};
    struct ls_table table;
    struct caught caught;
    ls_table_begin(&table, column, 1);
    ls_table_cell(&table, "", "%s", "a\033[2J\nb\tc\x7f");
    ls_table_cell(&table, "", "%s", "na\303\257ve \377\300\200");
    catch_begin(&caught);
    assert_true(ls_table_print(&table, &look, &style));
    assert_string_equal(catch_end(&caught), "a?[2J?b?c?\nna\303\257ve ???\n");
    ls_table_free(&table);
}

static const char *owner_text(struct snap *snap, uint32_t conn, bool wide, struct caught *caught) {
    static const struct ls_table_column column[] = {{.title = "OWNER"}};
    struct ls_table_style style = {.whole = true};
    struct cells cells = {.snap = snap, .look = &pipe_look, .wide = wide};
    struct ls_table table;
    ls_table_begin(&table, column, 1);
    owner_cell(&cells, &table, &snap->conns[conn]);
    catch_begin(caught);
    assert_true(ls_table_print(&table, &pipe_look, &style));
    ls_table_free(&table);
    say_free(&cells.say);
    return catch_end(caught);
}

static void owners(void **state) {
    (void)state;
    struct snap *snap = make();
    struct caught caught;
    struct snap_hold *hold = snap_add_hold(snap);
    assert_non_null(hold);
    *hold = (struct snap_hold){.conn = 0, .proc = 1, .kind = SNAP_HOLD_MESSAGE, .fd = 9, .count = 1};
    add(snap, LA_ESTABLISHED, 80, 5005, 0)->marks = SNAP_QUEUED;
    add(snap, LA_ESTABLISHED, 80, 5006, 0);
    snap_finish(snap);
    assert_string_equal(owner_text(snap, 0, false, &caught), "nginx 17/5, in a message to nginx 18/9\n");
    assert_string_equal(owner_text(snap, 1, false, &caught), "nginx 17/6, nginx 18/6 +1 more\n");
    assert_string_equal(owner_text(snap, 1, true, &caught), "nginx 17/6, nginx 18/6, nginx 18/7\n");
    assert_string_equal(owner_text(snap, 3, false, &caught), "kernel\n");
    assert_string_equal(owner_text(snap, 4, false, &caught), "not accepted yet\n");
    assert_string_equal(owner_text(snap, 5, false, &caught), "not seen\n");
    snap_free(snap);
}

static bool lsof_finds(const char *inet, const char *states, const char *pids, bool all) {
    static struct lsof_select select;
    struct snap *snap = make();
    select = (struct lsof_select){.all = all};
    if (inet) assert_true(lsof_read_inet(&select, inet));
    if (states) assert_true(lsof_read_states(&select, states));
    if (pids) assert_true(lsof_read_pids(&select, pids));
    bool wanted = lsof_wants(&select, &snap->conns[0], &snap->procs[0]);
    snap_free(snap);
    return wanted;
}

static void lsof_selects(void **state) {
    (void)state;
    assert_true(lsof_finds("", NULL, NULL, false));
    assert_true(lsof_finds("4TCP@10.0.0.1:80", NULL, NULL, false));
    assert_true(lsof_finds("@10.0.0.2:5000-5010", NULL, NULL, false));
    assert_true(lsof_finds("tcp:22,5001", NULL, NULL, false));
    assert_false(lsof_finds("@10.0.0.1:5001", NULL, NULL, false)); /* Of different ends. */
    assert_false(lsof_finds("6", NULL, NULL, false));
    assert_false(lsof_finds("@[2001:db8::1]", NULL, NULL, false));
    assert_true(lsof_finds("TCP", "TCP:CLOSE_WAIT,LISTEN", NULL, false));
    assert_false(lsof_finds("TCP", "tcp:^close_wait", NULL, false));
    assert_true(lsof_finds(":1", NULL, "17", false)); /* Or … */
    assert_false(lsof_finds(":1", NULL, "17", true)); /* … and. */
    assert_true(lsof_finds(":80", NULL, "17,19", true));
    assert_false(lsof_finds(":80", NULL, "^17", false));
}

static void queues_as_the_kernel_counts(void **state) {
    (void)state;
    struct snap *snap = make();
    struct snap_conn *conn = &snap->conns[0];
    conn->eof = SNAP_EOF_UNREAD;
    assert_int_equal(habit_recv_queue(conn), 18);
    conn->eof = SNAP_EOF_READ;
    assert_int_equal(habit_recv_queue(conn), 17);
    conn->state = LA_LAST_ACK;
    assert_int_equal(habit_send_queue(conn), 1);
    conn->send_queue = UINT32_MAX;
    assert_int_equal(habit_send_queue(conn), 0);
    snap_free(snap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listing),
        cmocka_unit_test(ages),
        cmocka_unit_test(groups_count),
        cmocka_unit_test(grouping_is_not_quadratic),
        cmocka_unit_test(keys_are_read),
        cmocka_unit_test(tables_fit),
        cmocka_unit_test(foreign_text_is_cleaned),
        cmocka_unit_test(owners),
        cmocka_unit_test(lsof_selects),
        cmocka_unit_test(queues_as_the_kernel_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
