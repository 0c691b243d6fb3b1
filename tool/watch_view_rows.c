#define _GNU_SOURCE
#include "watch_view.h"

#include "ls_cells.h"

#include "inspect/map.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STEEP 10 /* Connections per minute. */

static const struct ls_table_column columns[] = {
    {"COUNT", 90, 0, 0, true, false},  {"PER MIN", 80, 0, 2, true, false}, {"", 75, 0, 1, false, false},
    {"OLDEST", 60, 0, 2, true, false}, {"STATE", 95, 0, 2, false, false},  {"PROGRAM", 92, 6, 2, false, false},
    {"PEER", 50, 8, 2, false, false},
};

#define NCOLUMNS (sizeof columns / sizeof columns[0])

/* --- Slopes --- */

const char *slope_text(char text[SLOPE_TEXT], double per_second) {
    double per_minute = per_second * 60;
    if (!(fabs(per_minute) >= 0.05))
        snprintf(text, SLOPE_TEXT, "0");
    else if (fabs(per_minute) < 9.95)
        snprintf(text, SLOPE_TEXT, "%+.1f", per_minute);
    else
        snprintf(text, SLOPE_TEXT, "%+.0f", fmax(fmin(per_minute, 1e9), -1e9));
    return text;
}

const char *slope_arrow(double per_second, bool drawn) {
    static const char *const arrows[2][5] = {{"--", "-", "=", "+", "++"}, {"↓", "↘", "→", "↗", "↑"}};
    double per_minute = per_second * 60;
    int steps = !(fabs(per_minute) >= 0.05) ? 0 : fabs(per_minute) < STEEP ? 1 : 2;
    return arrows[drawn][2 + (per_minute < 0 ? -steps : steps)];
}

/* --- Rows --- */

static uint64_t key_of(const void *items, uint32_t at) {
    const struct track_row *row = (const struct track_row *)items + at;
    return map_mix_text(map_mix_text(row->state, row->program), row->peer);
}

void rows_take(struct rows_view *view, const struct watch *watch) {
    uint32_t n;
    view->rows = track_rows(watch->track, view->by_peer, &n);
    list_keep(&view->list, n, view->key, key_of, view->rows);
    if (n) view->key = key_of(view->rows, view->list.at);
}

bool rows_press(struct rows_view *view, const struct watch *watch, int press) {
    if (press == 'p') {
        view->by_peer = !view->by_peer;
        rows_take(view, watch);
        return true;
    }
    bool moved = list_press(&view->list, press);
    if (moved && view->list.n) view->key = key_of(view->rows, view->list.at);
    return moved;
}

bool rows_selected(const struct rows_view *view, struct row_name *name) {
    if (!view->list.n) return false;
    const struct track_row *row = &view->rows[view->list.at];
    *name = (struct row_name){.state = row->state};
    snprintf(name->program, sizeof name->program, "%s", row->program);
    snprintf(name->peer, sizeof name->peer, "%s", row->peer);
    return true;
}

bool row_has(const struct row_name *name, const struct snap *snap, const struct snap_conn *conn) {
    char peer[LA_ADDR_TEXT];
    if (conn->state != name->state) return false;
    uint32_t proc = snap_first_proc(snap, conn);
    if (proc == SNAP_NONE) proc = conn->former;
    const char *program = proc < snap->nprocs ? snap->procs[proc].program : "-";
    /* The track keeps the beginning of long names. */
    if (strncmp(program, name->program, sizeof name->program - 1) != 0) return false;
    if (!strcmp(name->peer, "*")) return true;
    la_addr_format(&conn->peer.addr, peer, sizeof peer);
    return !strcmp(peer, name->peer);
}

static void add_row(struct ls_table *table, const struct track_row *row, bool by_peer, bool drawn) {
    char slope[SLOPE_TEXT], oldest[AGE_TEXT] = "";
    const char *change = row->slope * 60 >= 0.05 ? "1;33" : "";
    if (row->count) time_text(oldest, row->oldest);
    ls_table_cell(table, "1", "%u", row->count);
    ls_table_cell(table, change, "%s", slope_text(slope, row->slope));
    ls_table_cell(table, change, "%s", slope_arrow(row->slope, drawn));
    ls_table_cell(table, "", "%s", oldest);
    ls_table_cell(table, look_state(row->state), "%s", la_state_name((enum la_state)row->state));
    ls_table_cell(table, "", "%s", row->program);
    if (by_peer) ls_table_cell(table, "", "%s", row->peer);
}

void rows_draw(struct rows_view *view, const struct paint *paint, int y, int rows) {
    struct ls_table table;
    ls_table_begin(&table, columns, NCOLUMNS - !view->by_peer);
    list_fit(&view->list, rows - 1);
    uint32_t shown = view->list.n - view->list.top;
    if (shown > view->list.page) shown = view->list.page;
    for (uint32_t i = 0; i < shown; i++) add_row(&table, &view->rows[view->list.top + i], view->by_peer, paint->drawn);
    ls_table_fit(&table, paint->cols, &(struct ls_table_style){.headed = true, .padded = true});
    if (shown)
        paint_table(paint, &table, y, (int)(view->list.at - view->list.top));
    else
        paint_text(paint, y, 0, paint->cols, "", 0, "No connections.");
    ls_table_free(&table);
}
