/* The report: takes each case as it ends, in the order of the list, counts it for its directory and for the total, and
 * hands it to the forms. The text form is here; the others are in drill_report_json.c and drill_report_ci.c.
 *
 * Text is a line for each script, the explanation of a failure below it, a table of directories, and a total. A
 * malformed script is said to standard error in the form of a compiler's message. The progress line is on standard
 * error and only where that is a terminal; it is wiped before anything else is printed. */
#define _GNU_SOURCE
#include "drill_report.h"

#include "cmd.h"
#include "drill_view.h"

#include <lastack/dev.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INDENT 8

/* --- Counting --- */

size_t tally_cases(const struct tally *tally) {
    size_t cases = 0;
    for (int verdict = 0; verdict < DRILL_SKIPPED; verdict++) cases += tally->count[verdict];
    return cases;
}

double tally_percent(const struct tally *tally) {
    size_t applicable = tally_cases(tally) - tally->count[LA_DRILL_NOT_APPLICABLE];
    return applicable ? 100.0 * (double)tally->count[LA_DRILL_PASS] / (double)applicable : -1;
}

/* The tally of the case's directory. Cases come sorted by directory: it is mostly one of the last. */
static struct tally *tally_of(struct report *report, const struct script_file *file, bool kernel) {
    for (size_t i = report->ntallies; i--;) {
        struct tally *tally = &report->tally[i];
        if (tally->kernel == kernel && tally->dir_len == file->dir_len &&
            !memcmp(tally->dir, file->path, file->dir_len))
            return tally;
    }
    if (report->ntallies == report->room) {
        size_t room = report->room ? report->room * 2 : 16;
        struct tally *more = realloc(report->tally, room * sizeof *more);
        if (!more) return NULL;
        report->tally = more;
        report->room = room;
    }
    struct tally *tally = &report->tally[report->ntallies++];
    *tally = (struct tally){.dir = file->path, .dir_len = file->dir_len, .kernel = kernel};
    return tally;
}

static void count(struct report *report, const struct drill_case *what, const struct record *run) {
    bool kernel = !strcmp(run->head.on, "kernel");
    struct tally *tally = tally_of(report, what->file, kernel);
    unsigned verdict = (unsigned)run->head.verdict;
    if (!tally || verdict >= DRILL_NVERDICTS) {
        report->failed = true;
        return;
    }
    tally->count[verdict]++;
    report->total[kernel].count[verdict]++;
}

/* --- Names --- */

void report_name(const struct report *report, const struct drill_case *what, const struct record *run, char *name,
                 size_t size) {
    char version[32] = "", turn[16] = "";
    if (what->version >= 0 && *run->head.version) snprintf(version, sizeof version, " [%s]", run->head.version);
    if (what->turn) snprintf(turn, sizeof turn, " #%u", what->turn);
    snprintf(name, size, "%s%s%s%s%s", what->file->path, version, turn, report->plan->on == ON_BOTH ? " on " : "",
             report->plan->on == ON_BOTH ? run->head.on : "");
}

void report_malformed(const struct drill_case *what, const struct record *run, char *text, size_t size) {
    const char *path = strcmp(what->file->path, "-") ? what->file->path : "<stdin>";
    if (run->head.line)
        snprintf(text, size, "%s:%u:%u: %s", path, run->head.line, run->head.column, record_why(run));
    else
        snprintf(text, size, "%s: %s", path, record_why(run));
}

/* --- Text: one script --- */

static const char *verdict_colour(int verdict) {
    switch (verdict) {
    case LA_DRILL_PASS: return "32";
    case LA_DRILL_FAIL: return "1;31";
    case LA_DRILL_NOT_APPLICABLE: return "2";
    default: return "1;35";
    }
}

static void print_indented(const char *text, unsigned line) {
    for (; *text; line = 0) {
        size_t len = strcspn(text, "\n");
        if (len) {
            printf("%*s", INDENT, "");
            if (line) printf("line %u: ", line);
            printf("%.*s\n", (int)len, text);
        }
        text += len + (text[len] != 0);
    }
}

static void print_why(const struct report *report, const struct record *run) {
    const char *why = record_why(run);
    bool explains = run->head.verdict == LA_DRILL_FAIL || run->head.verdict == LA_DRILL_BROKEN;
    if (!explains || !*why) return;
    if (report->plan->on == ON_BOTH) printf("%*son the %s:\n", INDENT / 2, "", run->head.on);
    print_indented(why, run->head.line);
}

static void print_verdict(const struct report *report, const struct record *run) {
    if (report->plan->on == ON_BOTH) printf("%s ", run->head.on);
    look_paint(&report->look, verdict_colour(run->head.verdict), "%-6s", record_word(run->head.verdict));
    fputs("  ", stdout);
}

/* "path (0.310 s)", or why it does not apply. */
static void print_name(const struct drill_case *what, const struct report *report, const struct record *run,
                       unsigned nruns) {
    char name[REPORT_NAME];
    report_name(report, what, run, name, sizeof name);
    char *target = report->plan->on == ON_BOTH ? strstr(name, " on stack") : NULL;
    if (target) *target = 0;
    fputs(name, stdout);
    for (unsigned i = 0; i < nruns; i++) {
        const char *why = record_why(&run[i]);
        if (run[i].head.verdict == LA_DRILL_NOT_APPLICABLE) {
            printf("  (%.*s)", (int)strcspn(why, "\n"), why);
        } else if (run[i].head.took) {
            bool both = report->plan->on == ON_BOTH;
            printf("  (%s%s%.3f s)", both ? run[i].head.on : "", both ? " " : "",
                   (double)run[i].head.took / (double)LA_SECOND);
        }
    }
    putchar('\n');
}

static bool is_trouble(const struct record *run) {
    return run->head.verdict != LA_DRILL_PASS && run->head.verdict != LA_DRILL_NOT_APPLICABLE;
}

static void print_wire(const struct report *report, const struct record *run, unsigned nruns) {
    if (nruns == 2) {
        bool wanted = report->plan->verbose || report->ncases == 1 || !view_alike(&run[0], &run[1]);
        if (wanted && (run[0].head.nlines || run[1].head.nlines)) view_beside(&report->look, &run[0], &run[1]);
    } else if (report->plan->verbose && run->head.nlines) {
        view_ladder(&report->look, run);
    }
}

static void text_one(struct report *report, const struct drill_case *what, const struct record *run, unsigned nruns) {
    bool trouble = false;
    for (unsigned i = 0; i < nruns; i++) trouble |= is_trouble(&run[i]);
    if (run->head.verdict == DRILL_MALFORMED) {
        static char text[REPORT_NAME + 640];
        report_malformed(what, run, text, sizeof text);
        fflush(stdout);
        fprintf(stderr, "%s\n", text);
    }
    const struct drill_plan *plan = report->plan;
    if (plan->quiet || plan->summary || (plan->only_failed && !trouble)) return;
    for (unsigned i = 0; i < nruns; i++) print_verdict(report, &run[i]);
    print_name(what, report, run, nruns);
    print_wire(report, run, nruns);
    for (unsigned i = 0; i < nruns; i++) print_why(report, &run[i]);
}

/* --- Text: all in all --- */

static int dir_width(const struct report *report) {
    int width = 9;
    for (size_t i = 0; i < report->ntallies; i++)
        if ((int)report->tally[i].dir_len > width) width = (int)report->tally[i].dir_len;
    return width;
}

static void print_tally(const struct report *report, const struct tally *tally, int width) {
    double percent = tally_percent(tally);
    size_t broken = tally->count[LA_DRILL_BROKEN] + tally->count[DRILL_MALFORMED];
    printf("%-*.*s", width, tally->dir_len ? (int)tally->dir_len : 1, tally->dir_len ? tally->dir : ".");
    if (report->plan->on == ON_BOTH) printf("  %-6s", tally->kernel ? "kernel" : "stack");
    printf(" %6zu", tally->count[LA_DRILL_PASS]);
    look_paint(&report->look, tally->count[LA_DRILL_FAIL] ? "1;31" : "", " %6zu", tally->count[LA_DRILL_FAIL]);
    printf(" %6zu", tally->count[LA_DRILL_NOT_APPLICABLE]);
    look_paint(&report->look, broken ? "1;35" : "", " %6zu", broken);
    if (percent >= 0)
        printf("  %5.1f %%\n", percent);
    else
        puts("      -");
}

static void text_end(struct report *report) {
    const struct drill_plan *plan = report->plan;
    if (plan->quiet || (report->ncases < 2 && !plan->summary)) return;
    int width = dir_width(report);
    if (!plan->summary) putchar('\n');
    look_paint(&report->look, "2", "%-*s%s %6s %6s %6s %6s", width, "directory", plan->on == ON_BOTH ? "  target" : "",
               "pass", "FAIL", "n/a", "broken");
    putchar('\n');
    for (size_t i = 0; i < report->ntallies; i++) print_tally(report, &report->tally[i], width);
    for (int kernel = 0; kernel < 2; kernel++) {
        struct tally *total = &report->total[kernel];
        if (report->ntallies < 2 || !tally_cases(total)) continue;
        total->dir = "total";
        total->dir_len = strlen(total->dir);
        print_tally(report, total, width);
    }
    size_t cases = tally_cases(&report->total[0]) + tally_cases(&report->total[1]);
    size_t malformed = report->total[0].count[DRILL_MALFORMED] + report->total[1].count[DRILL_MALFORMED];
    printf("%zu %s in %.1f s", cases, cases == 1 ? "run" : "runs",
           (double)(la_host_now() - report->started) / (double)LA_SECOND);
    if (malformed) printf("; %zu of the broken are malformed", malformed);
    putchar('\n');
}

const struct report_form report_text = {.one = text_one, .end = text_end};

/* --- The report --- */

bool report_begin(struct report *report, const struct drill_plan *plan, size_t ncases, char *error, size_t size) {
    static const struct report_form *const forms[] = {
        [FORMAT_TEXT] = &report_text, [FORMAT_JSON] = &report_json, [FORMAT_TAP] = &report_tap};
    *report = (struct report){.plan = plan, .ncases = ncases, .started = la_host_now(), .look = look_of_output()};
    report->total[1].kernel = true;
    report->form[0] = forms[plan->format];
    if (plan->junit) {
        report->junit = fopen(plan->junit, "we");
        report->junit_cases = open_memstream(&report->junit_body, &report->junit_len);
        if (!report->junit || !report->junit_cases) {
            snprintf(error, size, "%s: %m", plan->junit);
            return false;
        }
        report->form[1] = &report_junit;
    }
    for (int i = 0; i < 2; i++)
        if (report->form[i] && report->form[i]->begin) report->form[i]->begin(report);
    return true;
}

static void wipe_progress(struct report *report) {
    if (report->progress) fputs("\r\033[K", stderr);
    report->progress = false;
}

static void say(struct report *report, const struct drill_case *what, const struct record *run, unsigned nruns) {
    if (run->head.verdict == DRILL_SKIPPED) return;
    wipe_progress(report);
    for (unsigned i = 0; i < nruns; i++) count(report, what, &run[i]);
    for (int i = 0; i < 2; i++)
        if (report->form[i] && report->form[i]->one) report->form[i]->one(report, what, run, nruns);
    fflush(stdout);
}

void report_case(struct report *report, const struct drill_case *what, const struct answer *answer) {
    struct record run[2] = {{.failed = false}};
    unsigned nruns = 0;
    for (size_t at = 0; nruns < 2 && at < answer->len; nruns++)
        if (!record_unpack(&run[nruns], answer, &at)) break;
    if (nruns)
        say(report, what, run, nruns);
    else
        report_lost(report, what, "not enough memory for what it said");
    for (unsigned i = 0; i < nruns; i++) record_free(&run[i]);
}

void report_lost(struct report *report, const struct drill_case *what, const char *why) {
    struct record run[2] = {{.failed = false}};
    unsigned nruns = 0;
    for (enum drill_on on = ON_STACK; on <= ON_KERNEL; on = (enum drill_on)(on << 1)) {
        if (!(report->plan->on & on)) continue;
        struct record *record = &run[nruns++];
        snprintf(record->head.on, sizeof record->head.on, "%s", on == ON_KERNEL ? "kernel" : "stack");
        record->head.verdict = LA_DRILL_BROKEN;
        record->head.why = record_text(record, why);
    }
    say(report, what, run, nruns);
    for (unsigned i = 0; i < nruns; i++) record_free(&run[i]);
}

void report_progress(struct report *report, size_t over, const char *latest) {
    if (!isatty(STDERR_FILENO) || report->plan->quiet || over == report->ncases) return;
    size_t failed = 0;
    for (int i = 0; i < 2; i++)
        for (int verdict = 0; verdict < DRILL_SKIPPED; verdict++)
            if (verdict != LA_DRILL_PASS && verdict != LA_DRILL_NOT_APPLICABLE)
                failed += report->total[i].count[verdict];
    fprintf(stderr, "\r\033[K%zu/%zu  %zu failed  %.40s", over, report->ncases, failed,
            strlen(latest) > 40 ? latest + strlen(latest) - 40 : latest);
    report->progress = true;
}

/* The gravest wins: malformed, failed, passed, nothing applicable. */
static int status_of(const struct report *report) {
    size_t sum[DRILL_NVERDICTS] = {0};
    for (int i = 0; i < 2; i++)
        for (int verdict = 0; verdict < DRILL_NVERDICTS; verdict++) sum[verdict] += report->total[i].count[verdict];
    if (sum[DRILL_MALFORMED]) return EXIT_UNABLE;
    if (sum[LA_DRILL_FAIL] || sum[LA_DRILL_BROKEN] || report->failed) return EXIT_OTHERWISE;
    return sum[LA_DRILL_PASS] ? EXIT_AS_SCRIPTED : EXIT_NOT_APPLICABLE;
}

int report_end(struct report *report) {
    wipe_progress(report);
    for (int i = 0; i < 2; i++)
        if (report->form[i] && report->form[i]->end) report->form[i]->end(report);
    if (report->junit_cases) fclose(report->junit_cases);
    free(report->junit_body);
    if (report->junit && (ferror(report->junit) | fclose(report->junit))) report->failed = true;
    if (report->failed) fprintf(stderr, "lastack drill: the report could not be written as a whole\n");
    free(report->tally);
    return status_of(report);
}
