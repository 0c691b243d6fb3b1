/* The connections, filtered and sorted.
 *
 * Comes in: the last poll's snapshot. It keeps indexes into it, in order: they are made anew when a poll, the filter or
 * the order changes, and only while this view is shown. Texts are made for the rows on the screen alone. The selected
 * connection is known by its cookie, so that it stays selected wherever the order takes it. */
#define _GNU_SOURCE
#include "watch_view.h"

#include "ls_cells.h"
#include "ls_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ls_table_column columns[] = {
    {"STATE", 95, 0, 0, false, false},  {"AGE", 80, 0, 2, true, false},    {"RECV-Q", 72, 0, 2, true, false},
    {"SEND-Q", 70, 0, 2, true, false},  {"LOCAL", 60, 8, 2, false, true},  {"PEER", 85, 9, 2, false, true},
    {"OWNERS", 75, 8, 2, false, false}, {"TIMER", 40, 0, 2, false, false},
};

#define NCOLUMNS (sizeof columns / sizeof columns[0])

static const struct {
    enum ls_key key;
    bool down; /* The greatest first, unless reversed. */
    const char *name;
} sorts[NSORTS] = {
    [SORT_AGE] = {KEY_AGE, true, "age"},
    [SORT_RECV_Q] = {KEY_RECV_Q, true, "recv-q"},
    [SORT_SEND_Q] = {KEY_SEND_Q, true, "send-q"},
    [SORT_STATE] = {KEY_STATE, false, "state"},
    [SORT_PROGRAM] = {KEY_PROGRAM, false, "program"},
    [SORT_PEER] = {KEY_PEER, false, "peer"},
};

/* --- Which, and in what order --- */

static uint64_t cookie_of(const void *items, uint32_t at) {
    const struct conns_view *view = items;
    return view->snap->conns[view->index[at]].cookie;
}

static bool reserve(struct conns_view *view, uint32_t n) {
    if (n <= view->room) return true;
    uint32_t *larger = realloc(view->index, n * sizeof *larger);
    if (!larger) return false;
    view->index = larger;
    view->room = n;
    return true;
}

static bool is_shown(const struct conns_view *view, const struct filter *filter, const struct snap_conn *conn) {
    if (view->of_row && !row_has(&view->row, view->snap, conn)) return false;
    return filter_matches(filter, view->snap, conn) && filter_matches(view->filter, view->snap, conn);
}

void conns_take(struct conns_view *view, const struct watch *watch) {
    const struct snap *snap = watch->snap;
    bool down = sorts[view->sort].down != view->reversed;
    /* By the cookie last: what is equal does not change places between polls. */
    struct ls_keys keys = {.n = 2, .key = {sorts[view->sort].key, KEY_COOKIE}, .down = {down, down}};
    uint32_t n = 0;
    view->snap = snap;
    for (uint32_t i = 0; snap && reserve(view, snap->nconns) && i < snap->nconns; i++)
        if (is_shown(view, watch->options->source.filter, &snap->conns[i])) view->index[n++] = i;
    if (n) keys_sort(snap, &keys, view->index, n);
    list_keep(&view->list, n, view->cookie, cookie_of, view);
    if (n) view->cookie = cookie_of(view, view->list.at);
}

bool conns_filter(struct conns_view *view, const char *text, char *why, size_t size) {
    char words[FILTER_TEXT];
    snprintf(words, sizeof words, "%s", text);
    struct filter *filter = NULL;
    if (words[strspn(words, " ")]) {
        filter = filter_parse_users(source_user, 1, (char *[]){words}, why, size);
        if (!filter) return false;
    }
    filter_free(view->filter);
    view->filter = filter;
    snprintf(view->filter_text, sizeof view->filter_text, "%s", filter ? text : "");
    return true;
}

bool conns_press(struct conns_view *view, const struct watch *watch, int press) {
    if (press == 's' || press == 'S') {
        if (press == 's') view->sort = (view->sort + 1) % NSORTS;
        view->reversed = press == 'S' && !view->reversed;
        conns_take(view, watch);
        return true;
    }
    bool moved = list_press(&view->list, press);
    if (moved && view->list.n) view->cookie = cookie_of(view, view->list.at);
    return moved;
}

void conns_words(const struct conns_view *view, struct say *say_to) {
    say(say_to, "%u of %u by %s%s", view->list.n, view->snap ? view->snap->nconns : 0, sorts[view->sort].name,
        view->reversed ? " reversed" : "");
    if (view->of_row) {
        say(say_to, "; only %s of %s", la_state_name((enum la_state)view->row.state), view->row.program);
        if (strcmp(view->row.peer, "*") != 0) say(say_to, " with %s", view->row.peer);
    }
    if (view->filter) say(say_to, "; filter: %s", view->filter_text);
}

void conns_free(struct conns_view *view) {
    free(view->index);
    filter_free(view->filter);
    *view = (struct conns_view){0};
}

/* --- Drawing --- */

static void add_queue(struct ls_table *table, uint32_t bytes) {
    if (bytes == UINT32_MAX)
        ls_table_cell(table, "", "?");
    else
        ls_table_cell(table, bytes ? "1" : "", "%u", bytes);
}

static void add_conn(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    char age[AGE_TEXT];
    age_text(age, &conn->age, cells->look->drawn);
    cell_of_key(cells, table, KEY_STATE, conn);
    ls_table_cell(table, "", "%s", age);
    add_queue(table, conn->recv_queue);
    add_queue(table, conn->send_queue);
    endpoint_cell(cells, table, &conn->local);
    endpoint_cell(cells, table, &conn->peer);
    owner_cell(cells, table, conn);
    if (!conn->nowners && conn->former < cells->snap->nprocs) {
        const struct snap_proc *former = &cells->snap->procs[conn->former];
        ls_table_more(table, " (was %s %d)", former->program, (int)former->pid);
    }
    timer_cell(cells, table, conn);
}

void conns_draw(struct conns_view *view, const struct paint *paint, int y, int rows) {
    struct look look = {.drawn = paint->drawn};
    struct cells cells = {.snap = view->snap, .look = &look};
    struct ls_table table;
    ls_table_begin(&table, columns, NCOLUMNS);
    list_fit(&view->list, rows - 1);
    uint32_t shown = view->list.n - view->list.top;
    if (shown > view->list.page) shown = view->list.page;
    for (uint32_t i = 0; i < shown; i++) add_conn(&cells, &table, &view->snap->conns[view->index[view->list.top + i]]);
    ls_table_fit(&table, paint->cols, &(struct ls_table_style){.headed = true, .padded = true});
    if (shown)
        paint_table(paint, &table, y, (int)(view->list.at - view->list.top));
    else
        paint_text(paint, y, 0, paint->cols, "", 0, "No connections match.");
    ls_table_free(&table);
    say_free(&cells.say);
}
