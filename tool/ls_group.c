#define _GNU_SOURCE
#include "ls_group.h"

#include "inspect/map.h"
#include "ls_cells.h"
#include "ls_table.h"

#include <stdlib.h>

#define BAR 24

void groups_free(struct ls_groups *groups) {
    free(groups->list);
    *groups = (struct ls_groups){0};
}

static bool add_group(struct ls_groups *groups, uint32_t conn, uint32_t next) {
    if (groups->n == groups->room) {
        uint32_t room = groups->room ? 2 * groups->room : 64;
        struct ls_group *list = realloc(groups->list, room * sizeof *list);
        if (!list) return false;
        groups->list = list;
        groups->room = room;
    }
    groups->list[groups->n++] = (struct ls_group){.first = conn, .next = next};
    return true;
}

/* The group of a connection, made if there is none. SNAP_NONE: memory was refused. */
static uint32_t group_of(const struct snap *snap, const struct ls_keys *by, struct map *map, struct ls_groups *groups,
                         uint32_t conn) {
    uint64_t hash = keys_hash(snap, by, &snap->conns[conn]);
    uint32_t head = map_get(map, hash), at = head;
    while (at != MAP_NONE && keys_compare(snap, by, &snap->conns[groups->list[at].first], &snap->conns[conn]))
        at = groups->list[at].next;
    if (at != MAP_NONE) return at;
    if (!add_group(groups, conn, head)) return SNAP_NONE;
    return map_put(map, hash, groups->n - 1) ? groups->n - 1 : SNAP_NONE;
}

bool groups_make(const struct snap *snap, const struct ls_keys *by, const uint32_t *conns, uint32_t n,
                 struct ls_groups *groups) {
    struct map map = {0};
    bool made = true;
    *groups = (struct ls_groups){0};
    for (uint32_t i = 0; i < n && made; i++) {
        const struct snap_age *age = &snap->conns[conns[i]].age;
        uint32_t at = group_of(snap, by, &map, groups, conns[i]);
        made = at != SNAP_NONE;
        if (!made) break;
        struct ls_group *group = &groups->list[at];
        group->count++;
        if (age->least > group->oldest.least) group->oldest.least = age->least;
        if (age->most > group->oldest.most) group->oldest.most = age->most;
    }
    map_free(&map);
    return made;
}

/* --- Order --- */

struct order {
    const struct snap *snap;
    const struct ls_keys *by, *sort;
};

static int by_key(const struct order *order, enum ls_key key, const struct ls_group *a, const struct ls_group *b) {
    if (key == KEY_COUNT) return (a->count > b->count) - (a->count < b->count);
    if (key == KEY_AGE) return (a->oldest.least > b->oldest.least) - (a->oldest.least < b->oldest.least);
    return key_compare(order->snap, key, &order->snap->conns[a->first], &order->snap->conns[b->first]);
}

static int compare_groups(const void *x, const void *y, void *arg) {
    const struct order *order = arg;
    const struct ls_group *a = x, *b = y;
    for (unsigned i = 0; i < order->sort->n; i++) {
        int result = by_key(order, order->sort->key[i], a, b);
        if (result) return order->sort->down[i] ? -result : result;
    }
    return keys_compare(order->snap, order->by, &order->snap->conns[a->first], &order->snap->conns[b->first]);
}

void groups_sort(const struct snap *snap, const struct ls_keys *by, const struct ls_keys *sort,
                 struct ls_groups *groups) {
    struct order order = {snap, by, sort};
    if (groups->n) qsort_r(groups->list, groups->n, sizeof *groups->list, compare_groups, &order);
}

/* --- Table --- */

static unsigned make_columns(const struct ls_keys *by, struct ls_table_column *columns) {
    unsigned n = 0;
    for (; n < by->n; n++)
        columns[n] = (struct ls_table_column){.title = key_title(by->key[n]), .importance = 90, .least = 12, .gap = 2};
    for (unsigned i = 0; i < n; i++) columns[i].importance = (unsigned char)(90 - i);
    columns[n++] = (struct ls_table_column){.title = "COUNT", .importance = 100, .gap = 2, .right = true};
    columns[n++] = (struct ls_table_column){.title = "OLDEST", .importance = 50, .gap = 2, .right = true};
    columns[n++] = (struct ls_table_column){.title = "", .importance = 10, .gap = 2};
    return n;
}

static void bar_cell(struct ls_table *table, uint32_t count, uint32_t most, bool drawn) {
    unsigned length = (unsigned)((uint64_t)count * BAR / most);
    ls_table_cell(table, "36", "%s", "");
    for (unsigned i = 0; i < (length ? length : 1); i++) ls_table_more(table, "%s", drawn ? "█" : "#");
}

bool groups_print(const struct snap *snap, const struct ls_keys *by, const struct ls_groups *groups,
                  const struct look *look, bool headed, bool whole) {
    struct ls_table_column columns[KEYS_MAX + 3];
    struct ls_table_style style = {.headed = headed, .whole = whole || !look->terminal, .dashed = !look->terminal};
    struct ls_table table;
    struct cells cells = {.snap = snap, .look = look};
    uint32_t most = 1;
    for (uint32_t i = 0; i < groups->n; i++)
        if (groups->list[i].count > most) most = groups->list[i].count;
    ls_table_begin(&table, columns, make_columns(by, columns));
    for (uint32_t i = 0; i < groups->n; i++) {
        const struct ls_group *group = &groups->list[i];
        char age[AGE_TEXT];
        for (unsigned k = 0; k < by->n; k++) cell_of_key(&cells, &table, by->key[k], &snap->conns[group->first]);
        ls_table_cell(&table, "", "%u", group->count);
        age_text(age, &group->oldest, look->drawn);
        ls_table_cell(&table, "", "%s", age);
        bar_cell(&table, group->count, most, look->drawn);
    }
    bool printed = ls_table_print(&table, look, &style);
    ls_table_free(&table);
    say_free(&cells.say);
    return printed;
}
