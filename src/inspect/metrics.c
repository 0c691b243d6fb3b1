/* Metrics: a snapshot counted, and written in the words of Prometheus.
 *
 * In: a snapshot, what the rules found in it, and which connections count. Out: text. First everything is counted into
 * rows, a table of rows for each set of labels; then each family of metrics writes one value of every row of its table:
 * OpenMetrics wants all samples of a family in one place.
 *
 * A series costs the one who stores it, so their number is bounded whatever a host does: programs, namespaces, routes
 * and listeners beyond a bound are counted together under "other". No two samples have the same labels: label values
 * are put together first (metrics_table.h), and rows are found by what is written of them. */
#include "metrics.h"

#include "filter.h"
#include "metrics_table.h"
#include "rules_host.h"
#include "rules_ports.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum table { CONNECTIONS, FINDINGS, ROUTES, LISTENERS, PROCESSES, SELF, NTABLES };

struct count {
    struct snap *snap;
    const struct metrics *how;
    struct names programs; /* Of processes; then of connections that nobody holds, and that somebody unseen holds. */
    struct names netns;
    uint32_t *holder; /* For each connection: index of what was given to `programs`; SNAP_NONE: it does not count. */
    uint32_t *held;   /* For each process: how many descriptors of connections that count. */
    struct rows rows[NTABLES];
    bool failed;
};

/* --- Ages --- */

/* A connection is counted under the longest time that it has certainly been in its state. */
static const struct {
    la_time from;
    const char *name;
} ages[] = {
    {0, "0s"},
    {LA_SECOND, "1s"},
    {10 * LA_SECOND, "10s"},
    {60 * LA_SECOND, "1m"},
    {600 * LA_SECOND, "10m"},
    {3600 * LA_SECOND, "1h"},
    {86400 * LA_SECOND, "1d"},
};

static unsigned age_index(la_time least) {
    unsigned at = sizeof ages / sizeof ages[0] - 1;
    while (at && least < ages[at].from) at--;
    return at;
}

/* --- Who holds what --- */

static uint32_t nobody(const struct snap *snap) { return snap->nprocs; }
static uint32_t somebody(const struct snap *snap) { return snap->nprocs + 1; }

/* Whose a connection is, as an index of what is given to `programs`. */
static uint32_t find_holder(const struct snap *snap, const struct snap_conn *conn) {
    uint32_t proc = snap_first_proc(snap, conn);
    if (proc == SNAP_NONE && conn->nholds) proc = snap->holds[conn->first_hold].proc;
    if (proc == SNAP_NONE && conn->former != SNAP_NONE) proc = conn->former;
    if (proc < snap->nprocs) return proc;
    return conn->inode ? somebody(snap) : nobody(snap);
}

static void find_holders(struct count *count, struct name *given) {
    const struct snap *snap = count->snap;
    for (uint32_t i = 0; i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        bool counts = !(conn->marks & SNAP_SELF) && filter_matches(count->how->filter, snap, conn);
        count->holder[i] = counts ? find_holder(snap, conn) : SNAP_NONE;
        if (!counts) continue;
        if (given[count->holder[i]].weight != NAMES_FIRM) given[count->holder[i]].weight++;
        for (uint32_t o = 0; o < conn->nowners; o++) {
            uint32_t proc = snap->owners[conn->first_owner + o].proc;
            if (proc < snap->nprocs) count->held[proc]++;
        }
    }
}

static bool name_programs(struct count *count) {
    const struct snap *snap = count->snap;
    uint32_t n = snap->nprocs + 2;
    struct name *given = calloc(n, sizeof *given);
    count->holder = malloc((snap->nconns ? snap->nconns : 1) * sizeof *count->holder);
    count->held = calloc(n, sizeof *count->held);
    bool ok = given && count->holder && count->held;
    if (ok) {
        for (uint32_t i = 0; i < snap->nprocs; i++) {
            const struct snap_proc *proc = &snap->procs[i];
            given[i] = (struct name){.part = {proc->program, proc->unit, proc->container}};
        }
        given[nobody(snap)] = (struct name){{"-"}, NAMES_FIRM};
        given[somebody(snap)] = (struct name){{"?"}, NAMES_FIRM};
        find_holders(count, given);
        ok = names_make(&count->programs, given, n, METRICS_PROGRAMS);
    }
    free(given);
    return ok;
}

static bool name_netns(struct count *count) {
    const struct snap *snap = count->snap;
    struct name *given = calloc(snap->nnetns + 1, sizeof *given);
    bool ok = given != NULL;
    for (uint32_t i = 0; ok && i < snap->nnetns; i++)
        given[i] = (struct name){{snap->netns[i].name}, snap->netns[i].name ? 0 : NAMES_FIRM};
    for (uint32_t i = 0; ok && i < snap->nconns; i++) {
        uint32_t netns = snap->conns[i].netns;
        if (netns < snap->nnetns && given[netns].weight != NAMES_FIRM) given[netns].weight++;
    }
    ok = ok && names_make(&count->netns, given, snap->nnetns, METRICS_NETNS);
    free(given);
    return ok;
}

static uint32_t netns_of(const struct count *count, uint32_t netns) {
    return netns < count->snap->nnetns ? count->netns.of[netns] : count->netns.other;
}

/* --- Counting --- */

static void count_conns(struct count *count) {
    const struct snap *snap = count->snap;
    for (uint32_t i = 0; i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        if (count->holder[i] == SNAP_NONE || conn->state == LA_LISTEN || conn->state >= LA_NSTATES) continue;
        uint32_t name = count->programs.of[count->holder[i]], netns = netns_of(count, conn->netns);
        uint64_t key = (((uint64_t)netns << 32 | name) << 4 | conn->state) << 4 | age_index(conn->age.least);
        struct row fresh = {.netns = netns, .name = name, .conn = conn, .order = key};
        struct row *row = rows_at(&count->rows[CONNECTIONS], key, &fresh);
        if (row) row->value[0]++;
    }
}

/* They keep the order of findings: by harm. */
static void count_findings(struct count *count, const struct findings *findings) {
    for (unsigned i = 0; i < findings->n; i++) {
        const struct finding *finding = &findings->list[i];
        bool blames = finding->proc < count->snap->nprocs;
        uint32_t name = blames ? count->programs.of[finding->proc] : SNAP_NONE;
        uint32_t netns = netns_of(count, finding->netns);
        uint64_t what = map_mix((uintptr_t)finding->rule, finding->severity);
        struct row fresh = {.netns = netns, .name = name, .finding = finding, .value = {0, 0, ROW_NONE, ROW_NONE}};
        struct row *row = rows_at(&count->rows[FINDINGS], map_mix(what, (uint64_t)netns << 32 | name), &fresh);
        if (!row) return;
        row->value[0]++;
        row->value[1] += finding->nconns;
        if (finding->forecast < row->value[2]) row->value[2] = finding->forecast;
        if (finding->nconns && (row->value[3] == ROW_NONE || finding->age.least > row->value[3]))
            row->value[3] = finding->age.least;
    }
}

static uint64_t addr_pair_key(const struct snap_conn *conn) {
    return map_mix(snap_addr_key(&conn->local.addr), snap_endpoint_key(&conn->peer));
}

static void add_values(struct row *row, const struct row *more) {
    for (unsigned i = 0; i < ROW_VALUES; i++) row->value[i] = row_sum(row->value[i], more->value[i]);
}

/* Adds to the row of all that are not told apart in a namespace. `no_sum` is the value that has no sum, or none. */
static void add_other(struct rows *rows, const struct row *more, unsigned no_sum) {
    struct row fresh = {.netns = more->netns,
                        .name = SNAP_NONE,
                        .order = UINT64_MAX,
                        .value = {ROW_NONE, ROW_NONE, ROW_NONE, ROW_NONE}};
    struct row *row = rows_at(rows, more->netns, &fresh);
    if (!row) return;
    add_values(row, more);
    if (no_sum < ROW_VALUES) row->value[no_sum] = ROW_NONE;
}

/* The `most` first rows stay; the others are added up. */
static void fold(struct rows *rows, uint32_t most, unsigned no_sum) {
    struct rows folded = {.failed = rows->failed};
    rows_sort(rows);
    for (uint32_t i = 0; i < rows->n; i++) {
        bool stays = rows->list[i].conn && i < most;
        if (stays) rows_at(&folded, map_mix(i, SNAP_NONE), &rows->list[i]);
        if (!stays) add_other(&folded, &rows->list[i], no_sum);
    }
    rows_free(rows);
    *rows = folded;
    rows_sort(rows);
}

static void add_routes(struct count *count, const struct routes *routes, uint32_t netns) {
    struct rows *rows = &count->rows[ROUTES];
    uint32_t size = rules_ports_size(routes);
    for (uint32_t i = 0; i < routes->n; i++) {
        const struct route *route = &routes->list[i];
        uint32_t taken = rules_ports_taken(route);
        if (!route->selected) continue;
        struct row fresh = {.netns = netns_of(count, netns),
                            .name = SNAP_NONE,
                            .conn = &count->snap->conns[route->first],
                            .order = UINT32_MAX - taken,
                            .value = {taken, route->waiting, size, ROW_NONE}};
        bool apart = (uint64_t)taken * 100 > size && fresh.netns != count->netns.other;
        if (!apart) {
            add_other(rows, &fresh, 2);
        } else {
            rows_at(rows, map_mix(addr_pair_key(fresh.conn), fresh.netns), &fresh);
        }
    }
}

static void count_routes(struct count *count) {
    struct findings none = {0};
    struct ask ask = {.snap = count->snap, .filter = count->how->filter, .findings = &none};
    struct routes routes;
    count->failed |= !ask_chains(&ask);
    for (uint32_t netns = 0; !count->failed && netns < count->snap->nnetns; netns++) {
        if (!rules_ports_count(&ask, &routes, netns)) continue;
        add_routes(count, &routes, netns);
        count->failed |= routes.failed;
        rules_ports_free(&routes);
    }
    fold(&count->rows[ROUTES], METRICS_ROUTES, 2);
    free(ask.netns_first);
    free(ask.netns_next);
}

/* Any IPv4 and any IPv6 address are written alike. */
static struct la_endpoint written(const struct la_endpoint *local) {
    struct la_addr any4 = la_addr4(0, 0, 0, 0);
    struct la_endpoint as = *local;
    if (la_addr_equal(&as.addr, &any4)) as.addr = (struct la_addr){{0}};
    return as;
}

#define DROPS 3 /* Among the values of a listener. */

/* A label, with an end, so that no two pairs of labels run into each other. */
static uint64_t label_key(uint64_t key, const char *text) { return map_mix(map_mix_text(key, text ? text : ""), 0); }

/* What a listener's labels are written from, which is the same in every look. */
static uint64_t labels_key(const struct count *count, const struct row *row) {
    struct la_endpoint local = written(&row->conn->local);
    const struct name *program = &count->programs.list[row->name];
    uint64_t key = label_key(snap_endpoint_key(&local), count->netns.list[row->netns].part[0]);
    for (unsigned i = 0; i < NAME_PARTS; i++) key = label_key(key, program->part[i]);
    return key;
}

/* Adds what those had dropped that were counted here before and have ended. */
static void add_ended(struct count *count) {
    const struct rows *rows = &count->rows[LISTENERS];
    const struct metrics_past before = *count->how->past;
    struct metrics_past *past = count->how->past;
    past->n = 0;
    for (uint32_t i = 0; i < rows->n; i++) {
        uint64_t *drops = &rows->list[i].value[DROPS], key, ended = 0;
        if (!rows->list[i].conn || *drops == ROW_NONE || past->n == METRICS_LISTENERS) continue;
        key = labels_key(count, &rows->list[i]);
        for (unsigned k = 0; k < before.n; k++) {
            if (before.listener[k].key != key) continue;
            uint64_t had = before.listener[k].drops;
            ended = before.listener[k].ended + (had > *drops ? had - *drops : 0);
        }
        past->listener[past->n].key = key;
        past->listener[past->n].drops = *drops;
        past->listener[past->n++].ended = ended;
        *drops += ended;
    }
}

/* Listeners of one program at one address are one: of what comes there each takes its share. */
static void count_listeners(struct count *count) {
    const struct snap *snap = count->snap;
    for (uint32_t i = 0; i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        if (count->holder[i] == SNAP_NONE || conn->state != LA_LISTEN) continue;
        uint32_t name = count->programs.of[count->holder[i]], netns = netns_of(count, conn->netns);
        struct la_endpoint local = written(&conn->local);
        uint64_t key = map_mix(snap_endpoint_key(&local), (uint64_t)netns << 32 | name);
        uint64_t drops = conn->drops == UINT32_MAX ? ROW_NONE : conn->drops;
        struct row more = {.value = {conn->recv_queue, conn->send_queue, conn->embryos, drops}};
        struct row fresh = {.netns = netns, .name = name, .conn = conn, .value = {0, 0, 0, ROW_NONE}};
        struct row *row = rows_at(&count->rows[LISTENERS], key, &fresh);
        if (!row) return;
        add_values(row, &more);
        row->order = UINT64_MAX - 1 - row_sum(row_sum(row->value[0], row->value[2]), row->value[3]);
    }
    /* Which listeners are counted together changes from look to look: a counter of those would mean nothing. */
    fold(&count->rows[LISTENERS], METRICS_LISTENERS, DROPS);
    if (count->how->past) add_ended(count);
}

/* The fullest first: in a thousandth of the limit. */
static void count_processes(struct count *count) {
    const struct snap *snap = count->snap;
    struct rows *rows = &count->rows[PROCESSES];
    for (uint32_t i = 0; i < snap->nprocs; i++) {
        const struct snap_proc *proc = &snap->procs[i];
        if (!count->held[i] || proc->nfds == UINT32_MAX || proc->pid <= 0) continue;
        bool limited = proc->fd_limit != UINT32_MAX;
        uint64_t full = (uint64_t)proc->nfds * 1000 / (limited && proc->fd_limit ? proc->fd_limit : UINT32_MAX);
        struct row fresh = {.netns = SNAP_NONE,
                            .name = SNAP_NONE,
                            .proc = proc,
                            .order = (UINT64_MAX - full) - 1,
                            .value = {proc->nfds, limited ? proc->fd_limit : ROW_NONE}};
        rows_at(rows, (uint64_t)proc->pid, &fresh);
    }
    rows_sort(rows);
    if (rows->n > METRICS_PROCESSES) rows->n = METRICS_PROCESSES;
}

static void count_self(struct count *count, const struct findings *findings) {
    uint64_t unseen = (uint64_t)count->snap->nblinds + count->snap->failed + findings->failed;
    struct row row = {.netns = SNAP_NONE, .name = SNAP_NONE, .value = {unseen, count->how->took, 1}};
    rows_at(&count->rows[SELF], 0, &row);
}

static bool count_all(struct count *count, const struct findings *findings) {
    if (!name_programs(count) || !name_netns(count)) return false;
    count_conns(count);
    rows_sort(&count->rows[CONNECTIONS]);
    count_findings(count, findings);
    count_routes(count);
    count_listeners(count);
    count_processes(count);
    count_self(count, findings);
    for (unsigned i = 0; i < NTABLES; i++) count->failed |= count->rows[i].failed;
    return !count->failed;
}

/* --- Writing --- */

struct writer {
    const struct count *count;
    struct say *out;
    bool labelled; /* The sample has a label already. */
};

static void write_label(struct writer *w, const char *name, const char *value) {
    if (!value || !*value) return; /* An empty label is none. */
    say(w->out, "%s%s=\"", w->labelled ? "," : "{", name);
    w->labelled = true;
    while (*value) {
        int plain = (int)strcspn(value, "\\\"\n");
        say(w->out, "%.*s", plain, value);
        value += plain;
        if (*value) say(w->out, "\\%c", *value == '\n' ? 'n' : *value);
        value += *value != '\0';
    }
    say(w->out, "\"");
}

static void write_number(struct writer *w, const char *name, uint64_t number) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    write_label(w, name, text);
}

static void write_program(struct writer *w, const struct name *name) {
    write_label(w, "program", name->part[0]);
    write_label(w, "unit", name->part[1]);
    write_label(w, "container", name->part[2]);
}

static void write_common(struct writer *w, const struct row *row) {
    if (row->name != SNAP_NONE) write_program(w, &w->count->programs.list[row->name]);
    if (row->netns != SNAP_NONE) write_label(w, "netns", w->count->netns.list[row->netns].part[0]);
}

static void label_conn(struct writer *w, const struct row *row) {
    write_label(w, "state", la_state_name((enum la_state)row->conn->state));
    write_label(w, "age", ages[age_index(row->conn->age.least)].name);
    write_common(w, row);
}

static void label_finding(struct writer *w, const struct row *row) {
    write_label(w, "rule", row->finding->rule->id);
    write_label(w, "severity", severity_name(row->finding->severity));
    write_common(w, row);
}

static void label_route(struct writer *w, const struct row *row) {
    char source[LA_ADDR_TEXT], destination[LA_ADDR_TEXT] = "other";
    if (row->conn) {
        la_addr_format(&row->conn->local.addr, source, sizeof source);
        la_addr_format(&row->conn->peer.addr, destination, sizeof destination);
        write_label(w, "source", source);
    }
    write_label(w, "destination", destination);
    if (row->conn) write_number(w, "port", row->conn->peer.port);
    write_common(w, row);
}

static void label_listener(struct writer *w, const struct row *row) {
    struct say local = {0};
    struct la_endpoint as = row->conn ? written(&row->conn->local) : (struct la_endpoint){0};
    if (row->conn) say_endpoint(&local, &as);
    write_label(w, "local", row->conn ? local.text : "other");
    w->out->failed |= local.failed;
    say_free(&local);
    write_common(w, row);
}

static void label_process(struct writer *w, const struct row *row) {
    const struct snap_proc *proc = row->proc;
    write_program(w, &(struct name){.part = {proc->program, proc->unit, proc->container}});
    write_number(w, "pid", (uint64_t)proc->pid);
}

static void label_version(struct writer *w, const struct row *row) {
    (void)row;
    write_label(w, "version", w->count->how->version);
}

enum kind { GAUGE, SECONDS, COUNTER };

/* One value of each row of a table. */
static const struct family {
    const char *name;                                       /* A counter's samples end in "_total" besides. */
    const char *help;                                       /* Without quotes and backslashes. */
    void (*label)(struct writer *w, const struct row *row); /* NULL: no labels. */
    enum table table;
    enum kind kind;
    unsigned value;
} families[] = {
    {"lastack_connections",
     "TCP connections by state, program and age: how long at least they have been in that state.", label_conn,
     CONNECTIONS, GAUGE, 0},
    {"lastack_findings", "What is wrong, by rule: lastack why says it in sentences.", label_finding, FINDINGS, GAUGE,
     0},
    {"lastack_finding_connections", "Connections that findings are about.", label_finding, FINDINGS, GAUGE, 1},
    {"lastack_finding_forecast_seconds", "When a limit is reached if it goes on as it does.", label_finding, FINDINGS,
     SECONDS, 2},
    {"lastack_finding_age_seconds", "How long at least the oldest connection of a finding has been in its state.",
     label_finding, FINDINGS, SECONDS, 3},
    {"lastack_ports_used",
     "Local ports that connect() cannot take, by source, destination and destination port, where they are more than "
     "one "
     "in a hundred; the other destinations are one, called other.",
     label_route, ROUTES, GAUGE, 0},
    {"lastack_ports_time_wait", "Local ports in TIME_WAIT.", label_route, ROUTES, GAUGE, 1},
    {"lastack_ports_limit", "Local ports that there are for one destination (ip_local_port_range).", label_route,
     ROUTES, GAUGE, 2},
    {"lastack_listener_accept_queue", "Connections that wait for accept().", label_listener, LISTENERS, GAUGE, 0},
    {"lastack_listener_backlog", "How many may wait for accept().", label_listener, LISTENERS, GAUGE, 1},
    {"lastack_listener_embryos", "Connections in the SYN queue.", label_listener, LISTENERS, GAUGE, 2},
    {"lastack_listener_drops", "Connections that listeners refused since they listen.", label_listener, LISTENERS,
     COUNTER, DROPS},
    {"lastack_process_fds", "Open descriptors of processes that hold connections, the fullest ones.", label_process,
     PROCESSES, GAUGE, 0},
    {"lastack_process_fd_limit", "How many descriptors a process may have open.", label_process, PROCESSES, GAUGE, 1},
    {"lastack_unseen", "Kinds of things that could not be seen: lastack why names them, and what would help.", NULL,
     SELF, GAUGE, 0},
    {"lastack_scrape_duration_seconds", "How long it took to look at everything.", NULL, SELF, SECONDS, 1},
    {"lastack_build_info", "The version of lastack.", label_version, SELF, GAUGE, 2},
};

/* OpenMetrics names a counter's family without "_total", the text format with it. */
static void write_head(struct writer *w, const struct family *family) {
    bool openmetrics = w->count->how->openmetrics;
    const char *suffix = family->kind == COUNTER && !openmetrics ? "_total" : "";
    say(w->out, "# HELP %s%s %s\n", family->name, suffix, family->help);
    say(w->out, "# TYPE %s%s %s\n", family->name, suffix, family->kind == COUNTER ? "counter" : "gauge");
    if (openmetrics && family->kind == SECONDS) say(w->out, "# UNIT %s seconds\n", family->name);
}

static void write_value(struct writer *w, enum kind kind, uint64_t value) {
    if (kind == SECONDS) {
        say(w->out, " %" PRIu64 ".%06" PRIu64 "\n", value / LA_SECOND, value % LA_SECOND / 1000);
    } else {
        say(w->out, " %" PRIu64 "\n", value);
    }
}

static void write_family(struct writer *w, const struct family *family) {
    const struct rows *rows = &w->count->rows[family->table];
    write_head(w, family);
    for (uint32_t i = 0; i < rows->n; i++) {
        uint64_t value = rows->list[i].value[family->value];
        if (value == ROW_NONE) continue;
        say(w->out, "%s%s", family->name, family->kind == COUNTER ? "_total" : "");
        w->labelled = false;
        if (family->label) family->label(w, &rows->list[i]);
        if (w->labelled) say(w->out, "}");
        write_value(w, family->kind, value);
    }
}

bool metrics_say(struct snap *snap, const struct findings *findings, const struct metrics *how, struct say *out) {
    struct count count = {.snap = snap, .how = how};
    struct writer writer = {.count = &count, .out = out};
    bool counted = count_all(&count, findings);
    for (size_t i = 0; counted && i < sizeof families / sizeof families[0]; i++) write_family(&writer, &families[i]);
    if (counted && how->openmetrics) say(out, "# EOF\n");
    for (unsigned i = 0; i < NTABLES; i++) rows_free(&count.rows[i]);
    names_free(&count.programs);
    names_free(&count.netns);
    free(count.holder);
    free(count.held);
    return counted && !out->failed;
}
