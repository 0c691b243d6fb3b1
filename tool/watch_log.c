/* watch as a plain log: what changed, a line each, for pipes, files and terminals that are none.
 *
 * In: the engine of watch_run.h, which is polled until the time is over, a signal comes or nobody reads. Out: the
 * source of what follows; counts by state when they change; findings as they come (in full, with where their
 * connections were opened) and as they end; with --moves every change of state. As text, or with --json an object a
 * line. */
#define _GNU_SOURCE
#include "watch_run.h"

#include <lastack/dev.h>

#include "cmd.h"
#include "look.h"

#include "inspect/report.h"
#include "inspect/say_json.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SITES 3       /* Opening sites shown with a finding, … */
#define SITES_TRIED 8 /* … of as many connections: each may take a moment to find out. */

static volatile sig_atomic_t over;

static void stop(int signal) {
    (void)signal;
    over = 1;
}

struct log {
    struct watch *watch;
    struct look look;
    uint64_t offset; /* From the monotonic clock to nanoseconds since 1970. */
    uint32_t counts[LA_NSTATES];
};

static void stamp(const struct log *log, la_time at) {
    uint64_t wall = at + log->offset;
    time_t seconds = (time_t)(wall / LA_SECOND);
    struct tm tm;
    char text[16];
    localtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%H:%M:%S", &tm);
    printf("%s.%03u ", text, (unsigned)(wall % LA_SECOND / LA_MS));
}

/* A line of JSON begins with what happened and when; end_line prints it. */
static void begin_line(const struct log *log, struct say *line, const char *event, la_time at) {
    say_json_open(line, NULL, '{');
    say_json_text(line, "event", event);
    if (at != LA_NEVER) say_json_seconds(line, "at", at + log->offset);
}

static void end_line(struct say *line) {
    say_json_close(line, '}');
    if (!line->failed) puts(line->text);
    say_free(line);
}

/* The filter may ask for what only a snapshot has: the last one, if it had this connection. */
static bool wanted(const struct log *log, const struct event *event) {
    const struct watch *watch = log->watch;
    struct snap nothing = {0};
    const struct snap *snap = watch->snap ? watch->snap : &nothing;
    uint32_t index = track_conn(watch->track, event->sock);
    struct snap_conn conn = {.uid = UINT32_MAX, .netns = SNAP_NONE};
    if (index < snap->nconns) conn = snap->conns[index];
    conn.local = event->local;
    conn.peer = event->peer;
    conn.state = event->to;
    conn.age = (struct snap_age){0, 0};
    return filter_matches(watch->options->source.filter, snap, &conn);
}

/* The kernel does not tell when it keeps TIME_WAIT, or an orphan's FIN_WAIT_2, without a socket. */
static bool becomes_record(const struct event *event) {
    return event->to == LA_CLOSED && (event->from == LA_FIN_WAIT_2 || event->from == LA_CLOSING);
}

static void on_move(void *arg, const struct event *event) {
    struct log *log = arg;
    struct say local = {0}, peer = {0};
    if (!log->watch->options->moves || !wanted(log, event)) return;
    if (!log->watch->options->json) {
        say_endpoint(&local, &event->local);
        say_endpoint(&peer, &event->peer);
    }
    if (log->watch->options->json) {
        struct say line = {0};
        begin_line(log, &line, "move", event->at);
        say_json_text(&line, "from", la_state_name((enum la_state)event->from));
        say_json_text(&line, "to", la_state_name((enum la_state)event->to));
        say_json_place(&line, "local", &event->local);
        say_json_place(&line, "peer", &event->peer);
        end_line(&line);
    } else {
        stamp(log, event->at);
        printf("%s -> ", la_state_name(event->from));
        look_paint(&log->look, look_state(event->to), "%s",
                   becomes_record(event) ? "(record)" : la_state_name(event->to));
        printf("  %s  %s", local.text ? local.text : "", peer.text ? peer.text : "");
        printf(event->cpu_soft ? "\n" : "  by pid %d\n", (int)event->pid);
    }
    say_free(&local);
    say_free(&peer);
}

static void print_site(const struct snap_conn *conn, char *site) {
    struct say peer = {0};
    say_endpoint(&peer, &conn->peer);
    printf("  opened   - the connection with %s, at:\n", peer.text ? peer.text : "?");
    for (char *line; (line = strsep(&site, "\n")) != NULL;)
        if (*line) printf("               %s\n", line);
    say_free(&peer);
}

/* Where the oldest connections of a new finding were opened, each place once. */
static void print_sites(struct log *log, const struct watch_finding *finding) {
    const struct snap *snap = log->watch->snap;
    char *sites[SITES_TRIED];
    unsigned nsites = 0, tried = 0, shown = 0;
    if (strncmp(finding->rule, "close-wait", 10) != 0) return;
    for (uint32_t i = 0; i < finding->ncookies && tried < SITES_TRIED && shown < SITES; i++) {
        if (!track_stack(log->watch->track, finding->cookies[i])) continue;
        uint32_t conn = snap_by_cookie(snap, finding->cookies[i]);
        char *site = conn == SNAP_NONE ? NULL : watch_site(log->watch, &snap->conns[conn]);
        bool again = false;
        for (unsigned j = 0; site && j < nsites; j++) again |= !strcmp(sites[j], site);
        tried++;
        if (!site) continue;
        sites[nsites++] = site;
        if (again) continue;
        char *lines = strdup(site);
        if (lines) print_site(&snap->conns[conn], lines);
        free(lines);
        shown++;
    }
    while (nsites) free(sites[--nsites]);
}

static void print_finding(struct log *log, struct watch_finding *finding) {
    bool gone = !finding->is_there;
    if (gone ? finding->told_gone || !finding->told : finding->told) return;
    *(gone ? &finding->told_gone : &finding->told) = true;
    if (log->watch->options->json) {
        struct say line = {0};
        begin_line(log, &line, gone ? "ended" : "finding", log->watch->snap->taken);
        say_json_text(&line, "id", finding->rule);
        say_json_text(&line, "severity", severity_name(finding->severity));
        say_json_text(&line, "title", finding->title);
        say_json_count(&line, "count", finding->count);
        end_line(&line);
        return;
    }
    stamp(log, log->watch->snap->taken);
    look_paint(&log->look, gone ? "2" : severity_colour(finding->severity), "%s",
               gone ? "over" : severity_name(finding->severity));
    printf(" %s\n", finding->title ? finding->title : finding->rule);
    if (gone || finding->severity == SEVERITY_NOTE) return;
    if (finding->whole && finding->body <= strlen(finding->whole)) fputs(finding->whole + finding->body, stdout);
    print_sites(log, finding);
}

static void count(struct log *log, uint32_t *counts) {
    const struct snap *snap = log->watch->snap;
    memset(counts, 0, LA_NSTATES * sizeof *counts);
    for (uint32_t i = 0; i < snap->nconns; i++)
        if (filter_matches(log->watch->options->source.filter, snap, &snap->conns[i])) counts[snap->conns[i].state]++;
}

static void print_counts_json(const struct log *log, const uint32_t *counts) {
    struct say line = {0};
    begin_line(log, &line, "counts", log->watch->snap->taken);
    say_json_open(&line, "states", '{');
    for (int state = 0; state < LA_NSTATES; state++)
        say_json_count(&line, la_state_name((enum la_state)state), counts[state]);
    say_json_close(&line, '}');
    end_line(&line);
}

static void print_counts_text(const struct log *log, const uint32_t *counts) {
    stamp(log, log->watch->snap->taken);
    for (int state = 0; state < LA_NSTATES; state++) {
        int change = (int)counts[state] - (int)log->counts[state];
        if (!counts[state] && !change) continue;
        look_paint(&log->look, look_state(state), "%s", la_state_name((enum la_state)state));
        printf(" %" PRIu32, counts[state]);
        if (log->watch->polls > 1 && change) printf(" (%+d)", change);
        fputs("  ", stdout);
    }
    putchar('\n');
}

static void print_counts(struct log *log) {
    uint32_t counts[LA_NSTATES];
    count(log, counts);
    if (log->watch->polls > 1 && !memcmp(counts, log->counts, sizeof counts)) return;
    if (log->watch->options->json) {
        print_counts_json(log, counts);
    } else {
        print_counts_text(log, counts);
    }
    memcpy(log->counts, counts, sizeof counts);
}

static void print_head(const struct log *log) {
    char text[400];
    watch_source(log->watch, text, sizeof text);
    if (log->watch->options->json) {
        struct say line = {0};
        begin_line(log, &line, "source", LA_NEVER);
        say_json_text(&line, "source", text);
        end_line(&line);
    } else {
        printf("# %s\n", text);
        if (log->watch->options->moves && log->watch->events)
            printf("# (record): a socket gave way to a record, which stays in FIN_WAIT_2 or TIME_WAIT for a while\n");
    }
}

static void print_lost(struct log *log, uint64_t *told) {
    if (log->watch->lost == *told) return;
    if (log->watch->options->json) {
        struct say line = {0};
        begin_line(log, &line, "lost", LA_NEVER);
        say_json_count(&line, "count", log->watch->lost - *told);
        end_line(&line);
    } else {
        printf("# %" PRIu64 " events came faster than they could be kept: ages of those connections are bounds\n",
               log->watch->lost - *told);
    }
    *told = log->watch->lost;
}

static void print_poll(struct log *log, uint64_t *lost) {
    log->offset = log->watch->snap->wall - log->watch->snap->taken;
    print_counts(log);
    for (unsigned i = 0; i < log->watch->nfindings; i++) print_finding(log, &log->watch->findings[i]);
    print_lost(log, lost);
    fflush(stdout);
}

/* Signals end it, while it sleeps: none comes between the question and the sleep. */
static void take_signals(sigset_t *before) {
    struct sigaction action = {.sa_handler = stop};
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, before);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

int watch_log(struct watch *watch) {
    struct log log = {.watch = watch, .look = look_of_output(), .offset = la_host_epoch()};
    uint64_t lost = 0;
    la_time length = watch->options->length;
    la_time end = length < LA_NEVER - watch->next ? watch->next + length : LA_NEVER;
    int status = EXIT_AS_SCRIPTED;
    sigset_t before;
    take_signals(&before);
    watch->signals = &before;
    watch->output = STDOUT_FILENO;
    watch->on_move = on_move;
    watch->frugal = true;
    watch->arg = &log;
    if (watch->options->moves) setvbuf(stdout, NULL, _IOLBF, 0);
    print_head(&log);
    fflush(stdout);
    while (!over && !ferror(stdout) && !watch->output_gone) {
        if (!watch_wait(watch, -1)) continue;
        bool last = watch->next >= end;
        if (!watch_poll(watch, &status)) break;
        print_poll(&log, &lost);
        if (last) break;
        if (watch->next > end) watch->next = end;
    }
    watch->signals = NULL;
    watch->output = -1;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}
