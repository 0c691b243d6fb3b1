/* lastack ss: the options and the layout of ss(8), byte for byte where a script could care.
 *
 * Its table has no gap between an address and its port, and all that comes behind them is one column whose texts begin
 * with a space. As ss does, it shows neither listeners nor TIME_WAIT nor SYN_RCVD unless asked for. Ports are never
 * turned into names. */
#include "cmd.h"
#include "habit.h"
#include "inspect/filter.h"
#include "ls_table.h"
#include "ss_options.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

static void usage(FILE *to) {
    fputs("usage: lastack ss [-tanploeiHOs46] [-N NETNS] [FILTER]\n"
          "\n"
          "Lists TCP connections in the layout of ss(8), with its options and a filter in its language. Addresses and\n"
          "ports are numbers. -e and -i show what is known here of what ss shows, -m is taken and does nothing. -K is\n"
          "lastack fix --reset, -E is lastack watch.\n"
          "\n",
          to);
    source_help(to, true);
    fputs("\nExit status: 0, or 2: wrong usage, or it cannot be seen here.\n", to);
}

enum { OPT_HELP = SS_OPTION_END };

static bool read_options(int argc, char **argv, struct source *source, struct ss_options *options) {
    static const struct option known[] = {
        SOURCE_OPTIONS, SS_OPTIONS, {"help", no_argument, NULL, OPT_HELP}, {NULL, 0, NULL, 0}};
    *source = (struct source){.verb = "ss"};
    *options = (struct ss_options){.verb = "ss"};
    int c;
    while ((c = getopt_long(argc, argv, SS_SHORT "hV", known, NULL)) >= 0) {
        if (source_option(source, c, optarg)) continue;
        if (c == 'h' || c == OPT_HELP || c == 'V') {
            if (c == 'V')
                puts("lastack " LASTACK_VERSION);
            else
                usage(stdout);
            exit(EXIT_AS_SCRIPTED);
        }
        enum ss_taken taken = ss_option(options, source, c, optarg);
        if (taken == SS_UNKNOWN) fputs("lastack ss --help says what there is\n", stderr);
        if (taken != SS_TAKEN) return false;
    }
    options->all |= options->summary;
    return ss_settle(options) && ss_filter(source, options, true, argc - optind, argv + optind);
}

/* --- Addresses --- */

/* Whose interface matters is told at the local address alone. */
static void address_cells(struct ls_table *table, const struct snap_conn *conn, const struct la_endpoint *end) {
    char addr[LA_ADDR_TEXT], name[IF_NAMESIZE] = "";
    bool zoned = end == &conn->local && end->zone;
    bool six = habit_is6(conn), any = snap_is_any(&end->addr);
    habit_addr(addr, &end->addr);
    if (zoned && !if_indextoname((unsigned)end->zone - 1, name)) snprintf(name, sizeof name, "%u", end->zone - 1u);
    if (six && any && !(conn->marks & SNAP_V6ONLY))
        ls_table_cell(table, "", "*");
    else if (six)
        ls_table_cell(table, "", la_addr_is4(&end->addr) ? "[::ffff:%s]" : "[%s]", any ? "::" : addr);
    else
        ls_table_cell(table, "", "%s", any ? "0.0.0.0" : addr);
    ls_table_more(table, "%s%s:", *name ? "%" : "", name);
    if (end->port)
        ls_table_cell(table, "", "%u", end->port);
    else
        ls_table_cell(table, "", "*");
}

/* --- What stands behind them --- */

/* A program may call itself `x",pid=1,fd=3)`: no quote leaves the quotes. */
static void add_quoted(struct ls_table *table, const char *text) {
    for (size_t plain = strcspn(text, "\""); plain || *text; plain = strcspn(text, "\"")) {
        ls_table_more(table, "%.*s%s", (int)plain, text, text[plain] ? "?" : "");
        text += plain + (text[plain] != '\0');
    }
}

static void add_users(struct ls_table *table, const struct snap *snap, const struct snap_conn *conn) {
    if (!conn->nowners) return;
    ls_table_more(table, " users:(");
    for (uint32_t i = conn->nowners; i-- > 0;) { /* ss has the last one first. */
        const struct snap_owner *owner = &snap->owners[conn->first_owner + i];
        const struct snap_proc *proc = &snap->procs[owner->proc];
        ls_table_more(table, "(\"");
        add_quoted(table, proc->program);
        ls_table_more(table, "\",pid=%d,fd=%d)%s", (int)proc->pid, (int)owner->fd, i ? "," : "");
    }
    ls_table_more(table, ")");
}

/* "119min", "1min59sec", "1.200ms", "59sec", "200ms": as precise as matters. */
static void add_time(struct ls_table *table, la_time time) {
    uint64_t ms = time == LA_NEVER ? 0 : time / LA_MS, minutes = ms / 60000, seconds = ms / 1000 % 60;
    ms = minutes || seconds > 9 ? 0 : ms % 1000;
    if (minutes > 9) seconds = 0;
    if (minutes) ls_table_more(table, "%" PRIu64 "min", minutes);
    if (seconds) ls_table_more(table, "%" PRIu64 "%s", seconds, ms ? "." : "sec");
    if (ms) ls_table_more(table, "%03" PRIu64 "ms", ms);
}

static void add_timer(struct ls_table *table, const struct snap_conn *conn) {
    static const char *const names[] = {"off", "on", "keepalive", "timewait", "persist"};
    unsigned timer = habit_timer(conn);
    if (!timer) return;
    ls_table_more(table, " timer:(%s,", names[timer]);
    add_time(table, conn->timer_left);
    ls_table_more(table, ",%u)", conn->tries);
}

static void add_extended(struct ls_table *table, const struct snap_conn *conn) {
    if (conn->uid && conn->uid != UINT32_MAX) ls_table_more(table, " uid:%u", conn->uid);
    ls_table_more(table, " ino:%" PRIu64 " sk:%" PRIx64, conn->inode, conn->cookie);
    if (conn->state == LA_LISTEN && habit_is6(conn)) ls_table_more(table, " v6only:%d", !!(conn->marks & SNAP_V6ONLY));
    if (conn->marks & (SNAP_RECORD | SNAP_EMBRYO)) return; /* They have no shutdown to tell of. */
    ls_table_more(table, " %c-%c", conn->shut & SNAP_SHUT_READ ? '-' : '<', conn->shut & SNAP_SHUT_WRITE ? '-' : '>');
}

static void add_ms(struct ls_table *table, const char *name, la_time ago) {
    if (ago != LA_NEVER) ls_table_more(table, " %s:%" PRIu64, name, ago / LA_MS);
}

static void add_number(struct ls_table *table, const char *name, uint64_t value) {
    if (value) ls_table_more(table, " %s:%" PRIu64, name, value);
}

/* Of what ss -i shows, what a snapshot has. */
static void add_info(struct ls_table *table, const struct snap_conn *conn) {
    if (!(conn->marks & SNAP_MEASURED)) return;
    add_number(table, "rto", conn->rto / LA_MS);
    if (conn->rtt) ls_table_more(table, " rtt:%" PRIu64 ".%03" PRIu64, conn->rtt / LA_MS, conn->rtt % LA_MS / LA_US);
    add_number(table, "mss", conn->mss);
    if (conn->mss) add_number(table, "cwnd", conn->cwnd / conn->mss);
    add_number(table, "bytes_sent", conn->bytes_out);
    add_number(table, "bytes_received", conn->bytes_in);
    add_ms(table, "lastsnd", conn->data_sent);
    add_ms(table, "lastrcv", conn->data_received);
    add_ms(table, "lastack", conn->ack_received);
    if (conn->retransmits) ls_table_more(table, " retrans:0/%u", conn->retransmits);
    add_number(table, "lost", conn->lost);
    add_number(table, "notsent", conn->unsent);
    if (conn->peer_window != UINT32_MAX) ls_table_more(table, " snd_wnd:%u", conn->peer_window);
}

/* --- Output --- */

/* Which columns there are: one that can say only one thing is left out. */
struct layout {
    const struct ss_options *options;
    bool kinds, states;
};

static void row(struct ls_table *table, const struct layout *layout, const struct snap *snap,
                const struct snap_conn *conn) {
    const struct ss_options *options = layout->options;
    if (layout->kinds) ls_table_cell(table, "", "tcp");
    if (layout->states) ls_table_cell(table, "", "%s", filter_ss_name((enum la_state)conn->state));
    ls_table_cell(table, "", "%u", habit_recv_queue(conn));
    ls_table_cell(table, "", "%u", conn->state == LA_LISTEN ? conn->send_queue : habit_send_queue(conn));
    address_cells(table, conn, &conn->local);
    address_cells(table, conn, &conn->peer);
    ls_table_cell(table, "", "%s", "");
    if (options->owners) add_users(table, snap, conn);
    if (options->timer || options->extended) add_timer(table, conn);
    if (options->extended) add_extended(table, conn);
    if (options->info) add_info(table, conn);
}

static bool list(const struct layout *layout, const struct snap *snap, const uint32_t *conns, uint32_t n) {
    static const struct ls_table_column known[] = {
        {.title = "Netid", .gap = 1},
        {.title = "State", .gap = 1},
        {.title = "Recv-Q", .gap = 1},
        {.title = "Send-Q", .gap = 1},
        {.title = "Local Address:", .gap = 1, .right = true},
        {.title = "Port"},
        {.title = "Peer Address:", .gap = 1, .right = true},
        {.title = "Port"},
        {.title = "Process"},
    };
    enum { NKNOWN = sizeof known / sizeof known[0] };
    struct ls_table_style style = {.headed = !layout->options->no_header, .whole = true, .padded = true};
    struct look look = {.colours = false};
    struct ls_table table;
    struct ls_table_column columns[NKNOWN];
    unsigned ncolumns = 0;
    if (layout->kinds) columns[ncolumns++] = known[0];
    if (layout->states) columns[ncolumns++] = known[1];
    for (size_t i = 2; i < NKNOWN; i++) columns[ncolumns++] = known[i];
    ls_table_begin(&table, columns, ncolumns);
    for (uint32_t i = 0; i < n; i++) row(&table, layout, snap, &snap->conns[conns[i]]);
    bool printed = ls_table_print(&table, &look, &style);
    ls_table_free(&table);
    return printed;
}

static void summarize(const struct snap *snap) {
    unsigned established = 0, orphaned = 0, records = 0, sockets[2] = {0};
    for (uint32_t i = 0; i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        bool record = (conn->marks & SNAP_RECORD) != 0, embryo = (conn->marks & SNAP_EMBRYO) != 0;
        established += conn->state == LA_ESTABLISHED || conn->state == LA_CLOSE_WAIT;
        records += record;
        if (record || embryo) continue;
        sockets[habit_is6(conn)]++;
        orphaned += !conn->inode && !(conn->marks & SNAP_QUEUED);
    }
    unsigned all = sockets[0] + sockets[1];
    printf("Total: %u\nTCP:   %u (estab %u, closed %u, orphaned %u, timewait %u)\n\n", all, all + records, established,
           records, orphaned, records);
    printf("Transport Total     IP        IPv6\nTCP\t  %-9u %-9u %-9u\n\n", all, sockets[0], sockets[1]);
}

int cmd_ss(int argc, char **argv) {
    struct source source;
    struct ss_options options;
    int status = EXIT_UNABLE;
    struct snap *snap = NULL;
    if (read_options(argc, argv, &source, &options)) {
        unsigned parts = filter_parts(source.filter) | LINUX_MEASURED;
        if (options.owners) parts |= LINUX_OWNERS;
        snap = source_snap(&source, parts, &status);
    }
    if (snap && options.summary) {
        summarize(snap);
        status = EXIT_AS_SCRIPTED;
    } else if (snap) {
        uint32_t n, *conns = ss_select(snap, &source, &options, &n);
        uint32_t states = filter_states(source.filter);
        bool implied = options.listening && !options.named; /* -l has a column for it all the same. */
        struct layout layout = {&options, .kinds = !options.tcp, .states = implied || (states & (states - 1)) != 0};
        status = conns && list(&layout, snap, conns, n) && !snap->failed ? EXIT_AS_SCRIPTED : EXIT_UNABLE;
        if (status) fputs("lastack ss: not enough memory: connections are missing\n", stderr);
        free(conns);
    }
    snap_free(snap);
    source_free(&source);
    return status;
}
