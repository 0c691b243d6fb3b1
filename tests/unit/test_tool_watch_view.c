/* tool/watch_*.c without a terminal: lists keep their selection, pages break lines, slopes read well, connections are
 * filtered and sorted, owners are carried, a life is told. */
#define _GNU_SOURCE
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/watch_carry.h"
#include "tool/watch_frame.h"
#include "tool/watch_view.h"

/* --- Lists --- */

static uint64_t key_of(const void *items, uint32_t at) { return ((const uint64_t *)items)[at]; }

static void a_list_moves_within_its_items(void **state) {
    (void)state;
    struct list list = {.n = 100};
    list_fit(&list, 10);
    assert_true(list_press(&list, PRESS_UP));
    assert_int_equal(list.at, 0);
    list_press(&list, PRESS_PAGE_DOWN);
    assert_int_equal(list.at, 10);
    assert_int_equal(list.top, 1);
    list_press(&list, PRESS_END);
    assert_int_equal(list.at, 99);
    assert_int_equal(list.top, 90);
    list_press(&list, PRESS_DOWN);
    assert_int_equal(list.at, 99);
    list_press(&list, PRESS_HOME);
    assert_int_equal(list.top, 0);
    assert_false(list_press(&list, 'x'));
}

static void a_list_without_items_stays_put(void **state) {
    (void)state;
    struct list list = {0};
    list_fit(&list, 0);
    for (int press = PRESS_UP; press <= PRESS_END; press++) list_press(&list, press);
    list_keep(&list, 0, 7, key_of, NULL);
    assert_int_equal(list.at, 0);
    assert_int_equal(list.top, 0);
}

static void the_selection_follows_its_item_on_the_same_line(void **state) {
    (void)state;
    uint64_t items[40];
    struct list list = {.n = 40, .at = 12, .top = 10, .page = 5};
    for (uint64_t i = 0; i < 40; i++) items[i] = (i + 20) % 40 + 1000;
    list_keep(&list, 40, 1012, key_of, items);
    assert_int_equal(items[list.at], 1012);
    assert_int_equal(list.at - list.top, 2);
}

static void a_selected_item_that_goes_leaves_its_place(void **state) {
    (void)state;
    uint64_t items[] = {1, 2, 4, 5};
    struct list list = {.n = 5, .at = 2, .page = 3};
    list_keep(&list, 4, 3, key_of, items);
    assert_int_equal(list.at, 2);
    list_keep(&list, 1, 4, key_of, items);
    assert_int_equal(list.at, 0);
    assert_int_equal(list.top, 0);
}

/* --- Pages and slopes --- */

static void lines_break_between_words(void **state) {
    (void)state;
    size_t next;
    assert_int_equal(page_break("one two three", 9, &next), 7);
    assert_int_equal(next, 1);
    assert_int_equal(page_break("one two", 7, &next), 7);
    assert_int_equal(next, 0);
    assert_int_equal(page_break("one\ntwo", 7, &next), 3);
    assert_int_equal(next, 1);
    assert_int_equal(page_break("unbreakable", 4, &next), 4);
    assert_int_equal(next, 0);
    assert_int_equal(page_break("   unbreakable", 6, &next), 6);
    assert_int_equal(page_break("\n", 4, &next), 0);
    assert_int_equal(next, 1);
    /* Characters count, not bytes. */
    assert_int_equal(page_break("äöü äöü", 4, &next), 6);
}

static void slopes_are_per_minute(void **state) {
    (void)state;
    char text[SLOPE_TEXT];
    assert_string_equal(slope_text(text, 0), "0");
    assert_string_equal(slope_text(text, 0.0001), "0");
    assert_string_equal(slope_text(text, 0.0 / 60), "0");
    assert_string_equal(slope_text(text, 0.5 / 60), "+0.5");
    assert_string_equal(slope_text(text, -3.0 / 60), "-3.0");
    assert_string_equal(slope_text(text, 2), "+120");
    assert_string_equal(slope_text(text, 1e300), "+1000000000");
    assert_string_equal(slope_arrow(0, false), "=");
    assert_string_equal(slope_arrow(0.1, false), "+");
    assert_string_equal(slope_arrow(-1, false), "--");
    assert_string_equal(slope_arrow(1, true), "↑");
}

static void text_is_typed(void **state) {
    (void)state;
    struct prompt prompt = {0};
    bool done;
    const int keys[] = {'a', 0xe4, 0x20ac, 0x1f600, PRESS_BACKSPACE, ' ', 'b'};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) assert_true(prompt_press(&prompt, keys[i], &done));
    assert_string_equal(prompt.text, "aä€ b");
    prompt_press(&prompt, 23, &done);
    assert_string_equal(prompt.text, "aä€ ");
    prompt_press(&prompt, PRESS_ENTER, &done);
    assert_true(done);
    prompt_press(&prompt, 21, &done);
    assert_string_equal(prompt.text, "");
    for (int i = 0; i < 2 * FILTER_TEXT; i++) prompt_press(&prompt, 0x20ac, &done);
    assert_true(strlen(prompt.text) < FILTER_TEXT);
    prompt_press(&prompt, 21, &done);
    assert_false(prompt_press(&prompt, PRESS_BACKSPACE, &done));
    assert_false(prompt_press(&prompt, PRESS_ESCAPE, &done));
}

/* --- Connections --- */

static struct snap *snap_of(unsigned n) {
    struct snap *snap = snap_new();
    struct snap_netns *netns = snap ? snap_add_netns(snap) : NULL;
    assert_non_null(netns);
    for (unsigned i = 0; i < n; i++) {
        struct snap_conn *conn = snap_add_conn(snap);
        assert_non_null(conn);
        conn->cookie = 100 + i;
        conn->inode = 1000 + i;
        conn->netns = 0;
        conn->state = i % 2 ? LA_CLOSE_WAIT : LA_ESTABLISHED;
        conn->local = (struct la_endpoint){.addr = la_addr4(127, 0, 0, 1), .port = 80};
        conn->peer = (struct la_endpoint){.addr = la_addr4(10, 0, 0, (uint8_t)i), .port = (uint16_t)(2000 + i)};
        conn->age = (struct snap_age){.least = (n - i) * LA_SECOND, .most = (n - i) * LA_SECOND};
        conn->recv_queue = i % 3;
        conn->send_queue = i;
    }
    return snap;
}

static void give_owner(struct snap *snap, uint32_t conn, const char *program, int pid) {
    struct snap_proc *proc = snap_add_proc(snap);
    proc->pid = pid;
    proc->program = snap_text(snap, program);
    *snap_add_owner(snap) = (struct snap_owner){.conn = conn, .proc = snap->nprocs - 1, .fd = 5};
}

static uint64_t selected(const struct conns_view *view) { return view->snap->conns[view->index[view->list.at]].cookie; }

static void connections_are_sorted_and_keep_the_selection(void **state) {
    (void)state;
    struct watch_options options = {0};
    struct watch watch = {.options = &options, .snap = snap_of(10)};
    struct conns_view view = {.list.page = 5};
    snap_finish(watch.snap);
    conns_take(&view, &watch);
    assert_int_equal(view.list.n, 10);
    assert_int_equal(selected(&view), 100); /* The oldest. */
    conns_press(&view, &watch, PRESS_DOWN);
    assert_int_equal(selected(&view), 101);
    conns_press(&view, &watch, 'S');
    assert_int_equal(selected(&view), 101);
    assert_int_equal(view.list.at, 8);
    conns_press(&view, &watch, 's'); /* recv-q, the greatest first; then the cookie. */
    assert_int_equal(watch.snap->conns[view.index[0]].cookie, 108);
    assert_int_equal(selected(&view), 101);
    /* A later poll without the first connection. */
    struct snap *later = snap_of(10);
    later->conns[0].cookie = 999;
    snap_free(watch.snap);
    watch.snap = later;
    conns_take(&view, &watch);
    assert_int_equal(selected(&view), 101);
    conns_free(&view);
    snap_free(watch.snap);
}

static void connections_are_filtered(void **state) {
    (void)state;
    char why[200] = "";
    struct watch_options options = {0};
    struct watch watch = {.options = &options, .snap = snap_of(10)};
    struct conns_view view = {.list.page = 5};
    struct say words = {0};
    assert_true(conns_filter(&view, "state close-wait", why, sizeof why));
    conns_take(&view, &watch);
    assert_int_equal(view.list.n, 5);
    assert_false(conns_filter(&view, "dport = :99999", why, sizeof why));
    assert_non_null(strstr(why, "65535"));
    assert_string_equal(view.filter_text, "state close-wait");
    conns_words(&view, &words);
    assert_string_equal(words.text, "5 of 10 by age; filter: state close-wait");
    say_free(&words);
    assert_true(conns_filter(&view, "  ", why, sizeof why));
    conns_take(&view, &watch);
    assert_int_equal(view.list.n, 10);
    view.of_row = true;
    view.row = (struct row_name){.program = "-", .peer = "10.0.0.3", .state = LA_CLOSE_WAIT};
    conns_take(&view, &watch);
    assert_int_equal(view.list.n, 1);
    view.row.state = LA_LISTEN;
    conns_take(&view, &watch);
    assert_int_equal(view.list.n, 0);
    conns_free(&view);
    snap_free(watch.snap);
}

static void owners_are_carried(void **state) {
    (void)state;
    struct snap *before = snap_of(4), *after = snap_of(6);
    give_owner(before, 1, "alpha", 17);
    give_owner(before, 3, "beta", 18);
    give_owner(before, 3, "gamma", 19);
    before->owners_known = true;
    snap_finish(before);
    after->conns[1].cookie = 777; /* Another connection in the same place. */
    snap_finish(after);
    carry_owners(before, after);
    assert_true(after->owners_known);
    assert_int_equal(after->conns[1].nowners, 0);
    assert_int_equal(after->conns[3].nowners, 2);
    assert_int_equal(after->conns[5].nowners, 0);
    assert_int_equal(after->nprocs, 2);
    snap_free(before);
    const struct snap_owner *owner = &after->owners[after->conns[3].first_owner];
    assert_string_equal(after->procs[owner->proc].program, "beta");
    assert_int_equal(after->procs[owner->proc].nconns, 1);
    snap_free(after);
}

/* --- A life, and findings --- */

static void a_life_is_told(void **state) {
    (void)state;
    uint64_t cookies[] = {101};
    struct watch_options options = {0};
    struct watch watch = {.options = &options, .track = track_new(16), .snap = snap_of(2), .nfindings = 1};
    struct life_view view = {0};
    watch.findings[0] = (struct watch_finding){
        .title = "alpha leaks", .rule = "close-wait-unwatched", .is_there = true, .cookies = cookies, .ncookies = 1};
    give_owner(watch.snap, 1, "alpha", 17);
    *snap_add_move(watch.snap) = (struct snap_move){LA_SECOND, LA_ESTABLISHED, LA_CLOSE_WAIT, "FIN arrived"};
    watch.snap->conns[1].nmoves = 1;
    watch.snap->conns[1].first_move = 0;
    snap_finish(watch.snap);
    life_open(&view, &watch, 101);
    const char *parts[] = {
        "CLOSE_WAIT for 1.0 s",    "127.0.0.1:80", "alpha (pid 17): fd 5", "alpha leaks", "1.0 s ago: FIN",
        "1 byte not acknowledged", "none runs"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(view.page.text, parts[i])) fail_msg("no \"%s\" in:\n%s", parts[i], view.page.text);
    /* When it has gone, what was known stays. */
    watch.snap->conns[1].cookie = 5;
    life_take(&view, &watch);
    life_take(&view, &watch);
    assert_memory_equal(view.page.text, "Gone", 4);
    assert_null(strstr(view.page.text + 4, "Gone"));
    assert_non_null(strstr(view.page.text, "alpha leaks"));
    life_free(&view);
    track_free(watch.track);
    snap_free(watch.snap);
}

static void findings_are_ordered_by_harm_and_ended_ones_come_last(void **state) {
    (void)state;
    struct watch_options options = {0};
    struct watch watch = {.options = &options, .snap = snap_of(0), .nfindings = 4};
    struct findings_view view = {.list.page = 5};
    watch.snap->taken = 100 * LA_SECOND;
    watch.findings[0] = (struct watch_finding){.key = 1, .severity = SEVERITY_NOTE, .is_there = true};
    watch.findings[1] = (struct watch_finding){.key = 2, .severity = SEVERITY_HARM, .last = 90 * LA_SECOND};
    watch.findings[2] = (struct watch_finding){.key = 3, .severity = SEVERITY_HARM, .is_there = true};
    watch.findings[3] = (struct watch_finding){.key = 4, .severity = SEVERITY_HARM, .last = 10 * LA_SECOND};
    findings_take(&view, &watch);
    const uint64_t keys[] = {3, 1, 2, 4};
    for (unsigned i = 0; i < 4; i++) assert_int_equal(watch.findings[view.index[i]].key, keys[i]);
    assert_int_equal(findings_rows(&view), 4); /* The titles, and what ended lately. */
    findings_press(&view, PRESS_DOWN);
    assert_int_equal(findings_selected(&view)->key, 1);
    watch.findings[2].is_there = false;
    findings_take(&view, &watch);
    assert_int_equal(findings_selected(&view)->key, 1);
    snap_free(watch.snap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_moves_within_its_items),
        cmocka_unit_test(a_list_without_items_stays_put),
        cmocka_unit_test(the_selection_follows_its_item_on_the_same_line),
        cmocka_unit_test(a_selected_item_that_goes_leaves_its_place),
        cmocka_unit_test(lines_break_between_words),
        cmocka_unit_test(slopes_are_per_minute),
        cmocka_unit_test(text_is_typed),
        cmocka_unit_test(connections_are_sorted_and_keep_the_selection),
        cmocka_unit_test(connections_are_filtered),
        cmocka_unit_test(owners_are_carried),
        cmocka_unit_test(a_life_is_told),
        cmocka_unit_test(findings_are_ordered_by_harm_and_ended_ones_come_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
