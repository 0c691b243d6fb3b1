#include "ls_columns.h"

#include "ls_cells.h"

#include <inttypes.h>

typedef void cell_writer(struct cells *cells, struct ls_table *table, const struct snap_conn *conn);

static void empty(struct ls_table *table) { ls_table_cell(table, "", "%s", ""); }

static void state_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    cell_of_key(cells, table, KEY_STATE, conn);
}

static void age_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    char text[AGE_TEXT];
    age_text(text, &conn->age, cells->look->drawn);
    ls_table_cell(table, "", "%s", text);
}

static void queue(struct ls_table *table, uint32_t bytes) {
    if (bytes == UINT32_MAX)
        ls_table_cell(table, "", "?");
    else
        ls_table_cell(table, bytes ? "1" : "", "%u", bytes);
}

static void recv_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    (void)cells;
    queue(table, conn->recv_queue);
}

static void send_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    (void)cells;
    queue(table, conn->send_queue);
}

static void local_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    endpoint_cell(cells, table, &conn->local);
}

static void peer_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    if (conn->state == LA_LISTEN || conn->state == LA_CLOSED)
        empty(table);
    else
        endpoint_cell(cells, table, &conn->peer);
}

static void netns_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    cell_of_key(cells, table, KEY_NETNS, conn);
}

/* --- The detail of --wide --- */

static void cookie_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    (void)cells;
    ls_table_cell(table, "", "%" PRIx64, conn->cookie);
}

static void inode_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    (void)cells;
    if (conn->inode)
        ls_table_cell(table, "", "%" PRIu64, conn->inode);
    else
        empty(table);
}

static void rtt_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    (void)cells;
    if (conn->rtt)
        ls_table_cell(table, "", "%" PRIu64 ".%03" PRIu64 " ms", conn->rtt / LA_MS, conn->rtt % LA_MS / LA_US);
    else
        empty(table);
}

static void number(struct ls_table *table, const struct snap_conn *conn, uint64_t value) {
    if (conn->marks & SNAP_MEASURED)
        ls_table_cell(table, "", "%" PRIu64, value);
    else
        empty(table);
}

static void cwnd_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    (void)cells;
    number(table, conn, conn->cwnd);
}

static void in_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    (void)cells;
    number(table, conn, conn->bytes_in);
}

static void out_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    (void)cells;
    number(table, conn, conn->bytes_out);
}

static void resent_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    (void)cells;
    number(table, conn, conn->retransmits);
}

static const struct snap_proc *front(const struct cells *cells, const struct snap_conn *conn) {
    uint32_t proc = snap_first_proc(cells->snap, conn);
    return proc < cells->snap->nprocs ? &cells->snap->procs[proc] : NULL;
}

static void text(struct ls_table *table, const char *string) { ls_table_cell(table, "", "%s", string ? string : ""); }

static void unit_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    const struct snap_proc *proc = front(cells, conn);
    text(table, proc ? proc->unit : NULL);
}

static void container_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    const struct snap_proc *proc = front(cells, conn);
    text(table, proc ? proc->container : NULL);
}

static void command_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    const struct snap_proc *proc = front(cells, conn);
    text(table, proc ? proc->command : NULL);
}

/* --- Columns --- */

enum when { ALWAYS, OWNERS, NETNS, WIDE, WIDE_OWNERS };

static const struct {
    struct ls_table_column column; /* title, importance, least, gap, right, keeps_end */
    enum when when;
    cell_writer *write;
} all[] = {
    {{"STATE", 100, 0, 0, false, false}, ALWAYS, state_cell},
    {{"AGE", 80, 0, 2, true, false}, ALWAYS, age_cell},
    {{"RECV-Q", 50, 0, 2, true, false}, ALWAYS, recv_cell},
    {{"SEND-Q", 40, 0, 2, true, false}, ALWAYS, send_cell},
    {{"LOCAL", 85, 15, 2, false, true}, ALWAYS, local_cell},
    {{"PEER", 90, 15, 2, false, true}, ALWAYS, peer_cell},
    {{"TIMER", 30, 0, 2, false, false}, ALWAYS, timer_cell},
    {{"NETNS", 65, 8, 2, false, false}, NETNS, netns_cell},
    {{"OWNER", 70, 14, 2, false, false}, OWNERS, owner_cell},
    {{"COOKIE", 20, 0, 2, true, false}, WIDE, cookie_cell},
    {{"INODE", 19, 0, 2, true, false}, WIDE, inode_cell},
    {{"RTT", 18, 0, 2, true, false}, WIDE, rtt_cell},
    {{"CWND", 17, 0, 2, true, false}, WIDE, cwnd_cell},
    {{"BYTES-IN", 16, 0, 2, true, false}, WIDE, in_cell},
    {{"BYTES-OUT", 15, 0, 2, true, false}, WIDE, out_cell},
    {{"RETRANSMITS", 14, 0, 2, true, false}, WIDE, resent_cell},
    {{"UNIT", 13, 0, 2, false, false}, WIDE_OWNERS, unit_cell},
    {{"CONTAINER", 12, 0, 2, false, false}, WIDE_OWNERS, container_cell},
    {{"COMMAND", 11, 0, 2, false, false}, WIDE_OWNERS, command_cell},
};

#define NALL (sizeof all / sizeof all[0])
_Static_assert(NALL <= LS_TABLE_COLUMNS, "a table has room for all columns");

static bool is_wanted(enum when when, const struct ls_show *show) {
    switch (when) {
    case OWNERS: return show->owners;
    case NETNS: return show->netns || show->wide;
    case WIDE: return show->wide;
    case WIDE_OWNERS: return show->wide && show->owners;
    default: return true;
    }
}

bool columns_print(const struct snap *snap, const uint32_t *conns, uint32_t n, const struct look *look,
                   const struct ls_show *show) {
    struct ls_table_column columns[NALL];
    cell_writer *write[NALL];
    unsigned ncolumns = 0;
    for (size_t i = 0; i < NALL; i++) {
        if (!is_wanted(all[i].when, show)) continue;
        columns[ncolumns] = all[i].column;
        write[ncolumns++] = all[i].write;
    }
    struct ls_table_style style = {
        .headed = show->headed, .whole = show->wide || !look->terminal, .dashed = !look->terminal};
    struct cells cells = {.snap = snap, .look = look, .wide = show->wide};
    struct ls_table table;
    ls_table_begin(&table, columns, ncolumns);
    for (uint32_t i = 0; i < n; i++)
        for (unsigned c = 0; c < ncolumns; c++) write[c](&cells, &table, &snap->conns[conns[i]]);
    bool printed = ls_table_print(&table, look, &style);
    ls_table_free(&table);
    say_free(&cells.say);
    return printed;
}
