/* The report for machines: JSON lines on standard output. One object for each run, then one for all.
 *
 *   {"script": "a/b.pkt", "on": "stack", "profile": "linux", "ip_version": "ipv4", "turn": 1, "verdict": "fail",
 *    "seconds": 0.31, "line": 12, "column": 1, "why": "…",
 *    "wire": [{"seconds", "line", "kind": "<|>|call|command|code", "ok", "expected", "actual",
 *              "state", "script_state"}]}
 *   {"summary": {"seconds": 1.5, "total": […], "directories": [{"directory", "on", "pass", "fail", "not_applicable",
 *    "broken", "malformed", "percent"}]}}
 *
 * What a run does not have is left out: `turn` without --repeat, `wire` without -v. But for the host's time in the
 * summary, the same verdicts give the same bytes. */
#define _GNU_SOURCE
#include "drill_report.h"

#include <jansson.h>
#include <lastack/dev.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdict_names[] = {[LA_DRILL_PASS] = "pass",
                                            [LA_DRILL_FAIL] = "fail",
                                            [LA_DRILL_NOT_APPLICABLE] = "not_applicable",
                                            [LA_DRILL_BROKEN] = "broken",
                                            [DRILL_MALFORMED] = "malformed"};

#define NVERDICTS (sizeof verdict_names / sizeof verdict_names[0])

static const char *const kind_names[] = {[RECORD_IN] = "<",
                                         [RECORD_OUT] = ">",
                                         [RECORD_CALL] = "call",
                                         [RECORD_COMMAND] = "command",
                                         [RECORD_CODE] = "code"};

/* Text of a script or path, whose bytes may be anything. */
static json_t *text_of(const char *text) {
    char *clean = look_clean(text);
    json_t *value = json_string(clean ? clean : "");
    free(clean);
    return value;
}

static void put(json_t *object, const char *name, json_t *value) { json_object_set_new(object, name, value); }

static void put_text(json_t *object, const char *name, const char *text) {
    if (text && *text) put(object, name, text_of(text));
}

static void put_state(json_t *object, const char *name, int state) {
    if (state >= 0 && state < LA_NSTATES) put(object, name, json_string(la_state_name((enum la_state)state)));
}

static double seconds(la_time time) { return (double)time / (double)LA_SECOND; }

static void print(struct report *report, json_t *object) {
    if (json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12))) report->failed = true;
    putchar('\n');
    json_decref(object);
}

static json_t *wire_of(const struct record *run) {
    json_t *wire = json_array();
    for (uint32_t i = 0; i < run->head.nlines; i++) {
        const struct record_line *line = &run->line[i];
        json_t *object = json_object();
        put(object, "seconds", json_real(line->at));
        if (line->line) put(object, "line", json_integer(line->line));
        put(object, "kind", json_string(kind_names[line->kind]));
        put(object, "ok", json_boolean(line->ok));
        put_text(object, "expected", record_at(run, line->expected));
        put_text(object, "actual", record_at(run, line->actual));
        put_state(object, "state", line->local_state);
        put_state(object, "script_state", line->remote_state);
        json_array_append_new(wire, object);
    }
    return wire;
}

static void json_one(struct report *report, const struct drill_case *what, const struct record *run, unsigned nruns) {
    for (unsigned i = 0; i < nruns; i++, run++) {
        json_t *object = json_object();
        put_text(object, "script", what->file->path);
        put_text(object, "on", run->head.on);
        put_text(object, "profile", run->head.profile);
        put_text(object, "ip_version", run->head.version);
        if (what->turn) put(object, "turn", json_integer(what->turn));
        put(object, "verdict", json_string(verdict_names[run->head.verdict]));
        put(object, "seconds", json_real(seconds(run->head.took)));
        if (run->head.line) put(object, "line", json_integer(run->head.line));
        if (run->head.column) put(object, "column", json_integer(run->head.column));
        put_text(object, "why", record_why(run));
        if (report->plan->verbose) put(object, "wire", wire_of(run));
        print(report, object);
    }
}

static json_t *tally_of(const struct tally *tally, const char *dir, size_t len) {
    char name[REPORT_NAME];
    json_t *object = json_object();
    snprintf(name, sizeof name, "%.*s", (int)len, dir);
    put_text(object, "directory", name);
    put(object, "on", json_string(tally->kernel ? "kernel" : "stack"));
    for (size_t i = 0; i < NVERDICTS; i++) put(object, verdict_names[i], json_integer((json_int_t)tally->count[i]));
    double percent = tally_percent(tally);
    if (percent >= 0) put(object, "percent", json_real(percent));
    return object;
}

static void json_end(struct report *report) {
    json_t *object = json_object(), *summary = json_object(), *total = json_array(), *directories = json_array();
    for (size_t i = 0; i < report->ntallies; i++) {
        const struct tally *tally = &report->tally[i];
        json_t *one = tally_of(tally, tally->dir_len ? tally->dir : ".", tally->dir_len ? tally->dir_len : 1);
        json_array_append_new(directories, one);
    }
    for (int kernel = 0; kernel < 2; kernel++)
        if (tally_cases(&report->total[kernel])) json_array_append_new(total, tally_of(&report->total[kernel], "", 0));
    put(summary, "seconds", json_real(seconds(la_host_now() - report->started)));
    put(summary, "total", total);
    put(summary, "directories", directories);
    put(object, "summary", summary);
    print(report, object);
}

const struct report_form report_json = {.one = json_one, .end = json_end};
