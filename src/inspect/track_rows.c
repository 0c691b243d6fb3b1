/* Counts over time.
 *
 * There are two tables of series: one by program and state, one by program, state and peer address. A series holds the
 * counts of the last polls, and lives as long as one of them is not zero. Each poll counts the snapshot's connections
 * into their series and makes the rows that people see. A table holds a bounded number of series: what does not fit is
 * counted in no row. */
#define _POSIX_C_SOURCE 200809L
#include "track_rows.h"

#include "map.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>

#define POLLS 64 /* A minute at one a second. */
#define WINDOW (60 * LA_SECOND)
#define SERIES_MAX 4096
#define PROGRAM 32

struct series {
    char program[PROGRAM], peer[LA_ADDR_TEXT];
    uint64_t key;
    uint8_t state;
    la_time oldest;
    uint32_t count[POLLS]; /* By number of the poll. */
};

struct table {
    struct series *series;
    uint32_t n, room;
    struct map map;
    struct track_row *rows;
    uint32_t nrows;
};

struct track_rows {
    struct table tables[2]; /* All peers; each peer. */
    la_time times[POLLS];
    uint32_t polls;
};

struct track_rows *track_rows_new(void) {
    return calloc(1, sizeof(struct track_rows));
}

void track_rows_free(struct track_rows *rows) {
    if (!rows) return;
    for (int i = 0; i < 2; i++) {
        free(rows->tables[i].series);
        free(rows->tables[i].rows);
        map_free(&rows->tables[i].map);
    }
    free(rows);
}

static const char *program_of(const struct snap *snap, const struct snap_conn *conn) {
    uint32_t proc = snap_first_proc(snap, conn);
    if (proc == SNAP_NONE) proc = conn->former;
    return proc == SNAP_NONE ? "-" : snap->procs[proc].program;
}

static struct series *find_series(struct table *table, const char *program, const struct snap_conn *conn,
                                  bool by_peer) {
    uint64_t key = map_mix(map_mix_text(0, program), conn->state);
    if (by_peer) key = map_mix(key, snap_addr_key(&conn->peer.addr));
    uint32_t at = map_get(&table->map, key);
    if (at != MAP_NONE) return &table->series[at];
    if (table->n == table->room) {
        uint32_t room = table->room ? table->room * 2 : 32;
        struct series *larger = room <= SERIES_MAX ? realloc(table->series, room * sizeof *larger) : NULL;
        if (!larger) return NULL;
        table->series = larger;
        table->room = room;
    }
    if (!map_put(&table->map, key, table->n)) return NULL;
    struct series *series = &table->series[table->n++];
    *series = (struct series){.key = key, .state = conn->state, .peer = "*"};
    size_t len = strnlen(program, PROGRAM - 1);
    memcpy(series->program, program, len);
    if (by_peer) la_addr_format(&conn->peer.addr, series->peer, sizeof series->peer);
    return series;
}

static void count(struct table *table, const struct snap *snap, uint32_t slot, bool by_peer) {
    for (uint32_t i = 0; i < table->n; i++) {
        table->series[i].count[slot] = 0;
        table->series[i].oldest = 0;
    }
    for (uint32_t i = 0; i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        if (conn->state == LA_LISTEN) continue;
        struct series *series = find_series(table, program_of(snap, conn), conn, by_peer);
        if (!series) continue;
        series->count[slot]++;
        if (conn->age.least > series->oldest) series->oldest = conn->age.least;
    }
}

/* Least squares over the polls of the last minute; time in seconds before the last poll. */
static double slope(const struct track_rows *rows, const struct series *series) {
    uint32_t polls = rows->polls < POLLS ? rows->polls : POLLS;
    la_time last = rows->times[(rows->polls - 1) % POLLS];
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (uint32_t i = 0; i < polls; i++) {
        uint32_t slot = (rows->polls - 1 - i) % POLLS;
        if (n >= 3 && last - rows->times[slot] > WINDOW) break; /* Three polls at least, however rare they are. */
        double at = -(double)(last - rows->times[slot]) / (double)LA_SECOND, value = series->count[slot];
        n++;
        x += at;
        y += value;
        xx += at * at;
        xy += at * value;
    }
    double spread = n * xx - x * x;
    return n < 3 || spread <= 0 ? 0 : (n * xy - x * y) / spread;
}

static bool is_empty(const struct series *series) {
    for (unsigned i = 0; i < POLLS; i++)
        if (series->count[i]) return false;
    return true;
}

static void bury(struct table *table) {
    uint32_t kept = 0;
    map_free(&table->map);
    for (uint32_t i = 0; i < table->n; i++) {
        if (is_empty(&table->series[i])) continue;
        if (kept != i) table->series[kept] = table->series[i];
        if (map_put(&table->map, table->series[kept].key, kept)) kept++;
    }
    table->n = kept;
}

static int larger_first(const void *a, const void *b) {
    const struct track_row *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    int order = strcmp(x->program, y->program);
    if (!order) order = strcmp(x->peer, y->peer);
    return order ? order : (int)x->state - (int)y->state;
}

static void make_rows(const struct track_rows *rows, struct table *table, uint32_t slot) {
    free(table->rows);
    table->nrows = 0;
    table->rows = malloc((table->n ? table->n : 1) * sizeof *table->rows);
    for (uint32_t i = 0; table->rows && i < table->n; i++) {
        const struct series *series = &table->series[i];
        double per_second = slope(rows, series);
        if (!series->count[slot] && per_second < 1e-9 && per_second > -1e-9) continue;
        table->rows[table->nrows++] = (struct track_row){series->program,     series->peer, series->state,
                                                         series->count[slot], per_second,   series->oldest};
    }
    if (table->nrows) qsort(table->rows, table->nrows, sizeof *table->rows, larger_first);
}

void track_rows_poll(struct track_rows *rows, const struct snap *snap) {
    uint32_t slot = rows->polls % POLLS;
    rows->times[slot] = snap->taken;
    rows->polls++;
    for (int i = 0; i < 2; i++) {
        bury(&rows->tables[i]);
        count(&rows->tables[i], snap, slot, i == 1);
        make_rows(rows, &rows->tables[i], slot);
    }
}

const struct track_row *track_rows_list(const struct track_rows *rows, bool by_peer, uint32_t *n) {
    *n = rows->tables[by_peer].nrows;
    return rows->tables[by_peer].rows;
}
