/* The report for continuous integration: TAP version 13 on standard output, JUnit's XML in a file.
 *
 * JUnit wants the counts in front of the cases: the cases are kept in memory until the end. */
#define _GNU_SOURCE
#include "drill_report.h"

#include <inttypes.h>
#include <lastack/dev.h>
#include <stdlib.h>
#include <string.h>

/* --- TAP --- */

static void tap_begin(struct report *report) {
    (void)report;
    puts("TAP version 13");
}

/* A description ends at a '#' and a newline. */
static void tap_text(const char *text) {
    for (; *text && *text != '\n'; text++) {
        if (*text == '#' || *text == '\\') putchar('\\');
        putchar(*text);
    }
}

static void tap_why(const char *text) {
    puts("  ---\n  message: |");
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (len) printf("    %.*s\n", (int)len, text);
        text += len + (text[len] != 0);
    }
    puts("  ...");
}

/* What to say about a run that did not pass, as malloc'd valid UTF-8. */
static char *why_of(const struct drill_case *what, const struct record *run) {
    static char text[REPORT_NAME + 8192];
    if (run->head.verdict == DRILL_MALFORMED)
        report_malformed(what, run, text, sizeof text);
    else if (run->head.line)
        snprintf(text, sizeof text, "line %u: %s", run->head.line, record_why(run));
    else
        snprintf(text, sizeof text, "%s", record_why(run));
    return look_clean(text);
}

static void tap_one(struct report *report, const struct drill_case *what, const struct record *run, unsigned nruns) {
    for (unsigned i = 0; i < nruns; i++, run++) {
        char name[REPORT_NAME];
        bool skipped = run->head.verdict == LA_DRILL_NOT_APPLICABLE, passed = run->head.verdict == LA_DRILL_PASS;
        char *why = why_of(what, run);
        report_name(report, what, run, name, sizeof name);
        printf("%sok %zu - ", passed || skipped ? "" : "not ", ++report->number);
        tap_text(name);
        if (skipped) {
            fputs(" # SKIP ", stdout);
            tap_text(why ? why : "");
        }
        putchar('\n');
        if (!passed && !skipped) tap_why(why ? why : "");
        free(why);
    }
}

static void tap_end(struct report *report) { printf("1..%zu\n", report->number); }

const struct report_form report_tap = {.begin = tap_begin, .one = tap_one, .end = tap_end};

/* --- JUnit --- */

static void xml_text(FILE *to, const char *text) {
    char *clean = look_clean(text);
    for (const char *at = clean ? clean : ""; *at; at++) {
        switch (*at) {
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        case '&': fputs("&amp;", to); break;
        case '"': fputs("&quot;", to); break;
        case '\n': fputs("&#10;", to); break;
        default: putc(*at, to);
        }
    }
    free(clean);
}

static void xml_trouble(FILE *to, const char *element, const char *why) {
    char first[256];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(why, "\n"), why);
    fprintf(to, ">\n      <%s message=\"", element);
    xml_text(to, first);
    fputs("\">", to);
    xml_text(to, why);
    fprintf(to, "</%s>\n    </testcase>\n", element);
}

static void junit_one(struct report *report, const struct drill_case *what, const struct record *run, unsigned nruns) {
    FILE *to = report->junit_cases;
    for (unsigned i = 0; i < nruns; i++, run++) {
        char name[REPORT_NAME], dir[REPORT_NAME];
        size_t dir_len = what->file->dir_len;
        report_name(report, what, run, name, sizeof name);
        snprintf(dir, sizeof dir, "%.*s", dir_len ? (int)dir_len : 1, dir_len ? what->file->path : ".");
        fputs("    <testcase classname=\"", to);
        xml_text(to, dir);
        fputs("\" name=\"", to);
        xml_text(to, name);
        fprintf(to, "\" time=\"%.6f\"", (double)run->head.spent / (double)LA_SECOND);
        char *why = why_of(what, run);
        switch (run->head.verdict) {
        case LA_DRILL_PASS: fputs("/>\n", to); break;
        case LA_DRILL_FAIL: xml_trouble(to, "failure", why ? why : ""); break;
        case LA_DRILL_NOT_APPLICABLE: xml_trouble(to, "skipped", why ? why : ""); break;
        default: xml_trouble(to, "error", why ? why : "");
        }
        free(why);
    }
}

static size_t sum(const struct report *report, int verdict) {
    return report->total[0].count[verdict] + report->total[1].count[verdict];
}

static void junit_end(struct report *report) {
    size_t tests = tally_cases(&report->total[0]) + tally_cases(&report->total[1]);
    double seconds = (double)(la_host_now() - report->started) / (double)LA_SECOND;
    char counts[160];
    snprintf(counts, sizeof counts, "tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"%.3f\"", tests,
             sum(report, LA_DRILL_FAIL), sum(report, LA_DRILL_BROKEN) + sum(report, DRILL_MALFORMED), seconds);
    if (fflush(report->junit_cases)) report->failed = true;
    fprintf(report->junit,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites %s>\n  <testsuite name=\"lastack drill\" %s "
            "skipped=\"%zu\">\n",
            counts, counts, sum(report, LA_DRILL_NOT_APPLICABLE));
    fwrite(report->junit_body, 1, report->junit_len, report->junit);
    fputs("  </testsuite>\n</testsuites>\n", report->junit);
}

const struct report_form report_junit = {.one = junit_one, .end = junit_end};
