#include "metrics_table.h"

#include <stdlib.h>
#include <string.h>

/* --- Names --- */

struct entry {
    struct name name;
    uint32_t from; /* Which of the given. */
};

static int compare_text(const char *a, const char *b) {
    if (!a || !b) return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int compare_names(const struct name *a, const struct name *b) {
    for (unsigned i = 0; i < NAME_PARTS; i++) {
        int order = compare_text(a->part[i], b->part[i]);
        if (order) return order;
    }
    return 0;
}

static int by_name(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    int order = compare_names(&x->name, &y->name);
    return order ? order : (x->from > y->from) - (x->from < y->from);
}

static int by_weight(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->name.weight != y->name.weight) return x->name.weight > y->name.weight ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

static uint64_t weigh(uint64_t a, uint64_t b) { return a < NAMES_FIRM - b ? a + b : NAMES_FIRM; }

/* Makes the list of different names from the sorted entries; returns how many there are. */
static uint32_t put_together(struct names *names, const struct entry *entries, uint32_t n) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct name *name = &entries[i].name;
        bool again = i && !compare_names(name, &entries[i - 1].name);
        if (!again) names->list[count++] = *name;
        if (again) names->list[count - 1].weight = weigh(names->list[count - 1].weight, name->weight);
        names->of[entries[i].from] = count - 1;
    }
    return count;
}

/* Gives the lighter ones to "other". */
static void keep_heaviest(struct names *names, struct entry *entries, uint32_t *kept, uint32_t count, uint32_t n,
                          uint32_t most) {
    for (uint32_t i = 0; i < count; i++) entries[i] = (struct entry){names->list[i], i};
    qsort(entries, count, sizeof *entries, by_weight);
    for (uint32_t i = 0; i < count; i++) kept[entries[i].from] = i < most ? entries[i].from : names->other;
    for (uint32_t i = 0; i < n; i++) names->of[i] = kept[names->of[i]];
}

bool names_make(struct names *names, const struct name *given, uint32_t n, uint32_t most) {
    uint32_t all = n + 1;
    struct entry *entries = malloc(all * sizeof *entries);
    uint32_t *kept = malloc(all * sizeof *kept);
    names->list = malloc(all * sizeof *names->list);
    names->of = malloc(all * sizeof *names->of);
    bool ok = entries && kept && names->list && names->of;
    if (ok) {
        for (uint32_t i = 0; i < n; i++) entries[i] = (struct entry){given[i], i};
        entries[n] = (struct entry){{.part = {"other"}, .weight = NAMES_FIRM}, n};
        qsort(entries, all, sizeof *entries, by_name);
        uint32_t count = put_together(names, entries, all);
        names->other = names->of[n];
        if (count > most) keep_heaviest(names, entries, kept, count, all, most);
    }
    free(entries);
    free(kept);
    return ok;
}

void names_free(struct names *names) {
    free(names->list);
    free(names->of);
    *names = (struct names){0};
}

/* --- Rows --- */

struct row *rows_at(struct rows *rows, uint64_t key, const struct row *fresh) {
    key -= key == UINT64_MAX; /* No key of a map. */
    uint32_t at = map_get(&rows->map, key);
    if (at != MAP_NONE) return &rows->list[at];
    if (rows->n == rows->room) {
        uint32_t room = rows->room ? rows->room * 2 : 64;
        struct row *larger = realloc(rows->list, room * sizeof *larger);
        if (!larger) goto failed;
        rows->list = larger;
        rows->room = room;
    }
    if (!map_put(&rows->map, key, rows->n)) goto failed;
    rows->list[rows->n] = *fresh;
    rows->list[rows->n].came = rows->n;
    return &rows->list[rows->n++];
failed:
    rows->failed = true;
    return NULL;
}

static int by_order(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->order != y->order) return x->order > y->order ? 1 : -1;
    return (x->came > y->came) - (x->came < y->came);
}

void rows_sort(struct rows *rows) {
    map_free(&rows->map);
    if (rows->n) qsort(rows->list, rows->n, sizeof *rows->list, by_order);
}

void rows_free(struct rows *rows) {
    map_free(&rows->map);
    free(rows->list);
    *rows = (struct rows){0};
}

uint64_t row_sum(uint64_t a, uint64_t b) {
    if (a == ROW_NONE || b == ROW_NONE) return a == ROW_NONE ? b : a;
    return a < ROW_NONE - b ? a + b : ROW_NONE - 1;
}
