#define _GNU_SOURCE
#include "watch_view.h"

#include "inspect/report.h"

#include "ls_cells.h"

#include <stdio.h>
#include <stdlib.h>

#define NEW_FOR (15 * LA_SECOND)   /* How long one is marked as new. */
#define ENDED_FOR (60 * LA_SECOND) /* How long one that ended is still shown below other things. */

static const struct ls_table_column columns[] = {
    {"", 90, 0, 0, false, false},       {"SEVERITY", 85, 0, 1, false, false}, {"FOR", 60, 0, 2, true, false},
    {"SOCKETS", 50, 0, 2, true, false}, {"FINDING", 95, 12, 2, false, false},
};

#define NCOLUMNS (sizeof columns / sizeof columns[0])

/* --- Which, and in what order --- */

static uint64_t key_of(const void *items, uint32_t at) {
    const struct findings_view *view = items;
    return view->watch->findings[view->index[at]].key;
}

static bool comes_before(const struct watch_finding *a, const struct watch_finding *b) {
    if (a->is_there != b->is_there) return a->is_there;
    if (!a->is_there) return a->last > b->last;
    if (a->severity != b->severity) return a->severity > b->severity;
    return a->first > b->first;
}

/* By insertion: there are few, and nearly in order. */
static void sort(struct findings_view *view, unsigned n) {
    const struct watch_finding *list = view->watch->findings;
    for (unsigned i = 0; i < n; i++) {
        unsigned at = i;
        for (; at > 0 && comes_before(&list[i], &list[view->index[at - 1]]); at--)
            view->index[at] = view->index[at - 1];
        view->index[at] = (uint16_t)i;
    }
}

void findings_take(struct findings_view *view, const struct watch *watch) {
    view->watch = watch;
    if (!view->began && watch->snap) view->began = watch->snap->taken;
    sort(view, watch->nfindings);
    list_keep(&view->list, watch->nfindings, view->key, key_of, view);
    if (view->list.n) view->key = key_of(view, view->list.at);
}

bool findings_press(struct findings_view *view, int press) {
    bool moved = list_press(&view->list, press);
    if (moved && view->list.n) view->key = key_of(view, view->list.at);
    return moved;
}

const struct watch_finding *findings_selected(const struct findings_view *view) {
    return view->list.n ? &view->watch->findings[view->index[view->list.at]] : NULL;
}

/* --- Drawing --- */

static la_time now_of(const struct findings_view *view) { return view->watch->snap ? view->watch->snap->taken : 0; }

static void add_finding(const struct findings_view *view, struct ls_table *table, const struct watch_finding *finding) {
    char lasts[AGE_TEXT], count[16] = "";
    bool there = finding->is_there;
    bool is_new = there && finding->first > view->began && now_of(view) - finding->first < NEW_FOR;
    time_text(lasts, (there ? now_of(view) : finding->last) - finding->first);
    if (finding->count) snprintf(count, sizeof count, "%u", finding->count);
    ls_table_cell(table, is_new ? "1" : "2", is_new ? "new" : there ? "" : "ended");
    ls_table_cell(table, there ? severity_colour(finding->severity) : "2", "%s", severity_name(finding->severity));
    ls_table_cell(table, there ? "" : "2", "%s", lasts);
    ls_table_cell(table, there ? "" : "2", "%s", count);
    ls_table_cell(table, there ? is_new ? "1" : "" : "2", "%s", finding->title ? finding->title : finding->rule);
}

static void draw(const struct findings_view *view, const struct paint *paint, int y, uint32_t first, uint32_t n,
                 int selected) {
    struct ls_table table;
    ls_table_begin(&table, columns, NCOLUMNS);
    for (uint32_t i = 0; i < n; i++) add_finding(view, &table, &view->watch->findings[view->index[first + i]]);
    ls_table_fit(&table, paint->cols, &(struct ls_table_style){.headed = true, .padded = true});
    paint_table(paint, &table, y, selected);
    ls_table_free(&table);
}

void findings_draw(struct findings_view *view, const struct paint *paint, int y, int rows) {
    list_fit(&view->list, rows - 1);
    uint32_t shown = view->list.n - view->list.top;
    if (shown > view->list.page) shown = view->list.page;
    if (shown)
        draw(view, paint, y, view->list.top, shown, (int)(view->list.at - view->list.top));
    else
        paint_text(paint, y, 0, paint->cols, "", 0, "Nothing is wrong.");
}

static uint32_t recent(const struct findings_view *view) {
    uint32_t n = 0;
    for (; n < view->list.n; n++) {
        const struct watch_finding *finding = &view->watch->findings[view->index[n]];
        if (!finding->is_there && now_of(view) - finding->last > ENDED_FOR) break;
    }
    return n;
}

int findings_rows(const struct findings_view *view) { return view->list.n ? 1 + (int)recent(view) : 1; }

void findings_draw_below(const struct findings_view *view, const struct paint *paint, int y, int rows) {
    uint32_t n = recent(view);
    if (rows <= 1 || !n) {
        if (rows > 0) paint_text(paint, y, 0, paint->cols, "2", 0, "Nothing is wrong.");
        return;
    }
    draw(view, paint, y, 0, n < (uint32_t)rows - 1 ? n : (uint32_t)rows - 1, -1);
}
