/* The report: a table for people or JSON for machines, and one verdict for each target. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const struct bench_line *line, unsigned side) {
    double sorted[BENCH_ROUNDS_MAX];
    unsigned n = line->rounds[side];
    if (n == 0) return 0;
    memcpy(sorted, line->value[side], n * sizeof(sorted[0]));
    qsort(sorted, n, sizeof(sorted[0]), by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* The peer's number that ours stands against: its own, but its best in the group where the sizes are not the same. */
static double rival(const struct bench_report *report, const struct bench_line *line) {
    if (line->ours.subject != BENCH_BULK && line->ours.subject != BENCH_UNITS) return bench_median(line, 1);
    double best = 0;
    for (unsigned i = 0; i < report->nlines; i++) {
        const struct bench_line *other = &report->lines[i];
        double value = bench_median(other, 1);
        if (other->ours.subject == BENCH_BULK && value > best) best = value;
    }
    return best;
}

/* --- Targets --- */

struct verdict {
    char text[160];
    bool met;
};

#define VERDICTS_MAX 8

/* The least and the greatest median of a subject's lines on our side. */
static bool range(const struct bench_report *report, int subject, double *low, double *high) {
    *low = *high = 0;
    for (unsigned i = 0; i < report->nlines; i++) {
        double value = bench_median(&report->lines[i], 0);
        if (report->lines[i].ours.subject != subject || value == 0) continue;
        if (*low == 0 || value < *low) *low = value;
        if (value > *high) *high = value;
    }
    return *high > 0;
}

/* Our number at the greatest size: what one costs when there are many. */
static double at_scale(const struct bench_report *report, int subject) {
    uint64_t size = 0;
    double value = 0;
    for (unsigned i = 0; i < report->nlines; i++) {
        const struct bench_line *line = &report->lines[i];
        if (line->ours.subject != subject || line->ours.size < size || line->rounds[0] == 0) continue;
        size = line->ours.size;
        value = bench_median(line, 0);
    }
    return value;
}

static double bulk_rival(const struct bench_report *report) {
    for (unsigned i = 0; i < report->nlines; i++)
        if (report->lines[i].ours.subject == BENCH_BULK) return rival(report, &report->lines[i]);
    return 0;
}

/* What "flat" means: more connections cost cache misses, and nothing but cache misses. */
#define FLAT_BULK 2.0
#define FLAT_CHURN 2.0
#define FLAT_ACK 12.0
#define IDLE_BYTES 640.0
#define RECORD_BYTES 72.0

static unsigned judge(const struct bench_report *report, struct verdict *v) {
    double low, high, best;
    unsigned n = 0;
#define VERDICT(is_met, ...) (v[n].met = (is_met), snprintf(v[n].text, sizeof(v[n].text), __VA_ARGS__), n++)
    if (range(report, BENCH_BULK, &low, &high) && (best = bulk_rival(report)) > 0) {
        VERDICT(high >= best, "bulk: %.1f Gb/s is %.2f of %s's best (target: 1 at least)", high, high / best,
                report->names[1]);
        VERDICT(high / low <= FLAT_BULK, "bulk: the fastest window is %.2f times the slowest (target: %.0f at most)",
                high / low, FLAT_BULK);
    }
    if (range(report, BENCH_CHURN, &low, &high))
        VERDICT(high / low <= FLAT_CHURN, "churn: TIME_WAIT records slow it %.2f times (target: %.0f at most)",
                high / low, FLAT_CHURN);
    if (range(report, BENCH_ACK, &low, &high))
        VERDICT(high / low <= FLAT_ACK, "ACK: more connections make it %.1f times dearer (target: %.0f at most)",
                high / low, FLAT_ACK);
    if ((high = at_scale(report, BENCH_IDLE_BYTES)) > 0)
        VERDICT(high <= IDLE_BYTES, "memory: %.1f bytes per idle connection (target: %.0f at most)", high, IDLE_BYTES);
    if ((high = at_scale(report, BENCH_RECORD_BYTES)) > 0)
        VERDICT(high <= RECORD_BYTES, "memory: %.1f bytes per TIME_WAIT record (target: %.0f at most)", high,
                RECORD_BYTES);
#undef VERDICT
    return n;
}

/* --- Out --- */

static void number(char *text, size_t size, double value) {
    int decimals = value == 0 ? 0 : value < 10 ? 2 : value < 1000 ? 1 : 0;
    if (value == 0)
        snprintf(text, size, "-");
    else
        snprintf(text, size, "%.*f", decimals, value);
}

static bool all_well(const struct bench_report *report) {
    bool well = true;
    for (unsigned i = 0; i < report->nlines; i++) well = well && !report->lines[i].why[0];
    return well;
}

bool bench_print_table(const struct bench_report *report) {
    printf("%-44s %-8s %14s %14s %8s\n", "", "unit", report->names[0], report->names[1], "ratio");
    for (unsigned i = 0; i < report->nlines; i++) {
        const struct bench_line *line = &report->lines[i];
        char ours[32], theirs[32], ratio[32] = "-";
        double a = bench_median(line, 0), b = rival(report, line);
        number(ours, sizeof(ours), a), number(theirs, sizeof(theirs), bench_median(line, 1));
        if (a > 0 && b > 0) snprintf(ratio, sizeof(ratio), "%.3g", a / b);
        printf("%-44s %-8s %14s %14s %8s%s\n", line->name, line->unit, ours, theirs, ratio,
               line->more_is_better ? "" : " <");
        if (line->why[0]) printf("    FAILED: %s\n", line->why);
    }
    printf(
        "\nMedians of %u rounds, turn by turn on %s%d. ratio: %s / %s's; \"<\": less is better. In bulk the ratio is\n"
        "to %s's best: its windows end at 64 KB, and its column has 4, 8, 16, 32 and 44 segments. Units are packets of "
        "up\n"
        "to 44 segments without checksums, as for a device with TSO and LRO; %s knows no such device.\n\n",
        report->rounds, report->cpu < 0 ? "no fixed processor " : "processor ", report->cpu, report->names[0],
        report->names[1], report->names[1], report->names[1]);
    struct verdict v[VERDICTS_MAX];
    bool well = all_well(report);
    for (unsigned i = 0, n = judge(report, v); i < n; i++) {
        printf("%-6s %s\n", v[i].met ? "met" : "MISSED", v[i].text);
        well = well && v[i].met;
    }
    return well;
}

static void print_values(const char *key, const struct bench_line *line, unsigned side) {
    printf("\"%s\": {\"median\": %.6g, \"rounds\": [", key, bench_median(line, side));
    for (unsigned i = 0; i < line->rounds[side]; i++) printf("%s%.6g", i ? ", " : "", line->value[side][i]);
    printf("]}");
}

bool bench_print_json(const struct bench_report *report) {
    printf("{\"rounds\": %u, \"cpu\": %d, \"lines\": [", report->rounds, report->cpu);
    for (unsigned i = 0; i < report->nlines; i++) {
        const struct bench_line *line = &report->lines[i];
        double b = rival(report, line);
        printf("%s\n  {\"name\": \"%s\", \"unit\": \"%s\", \"better\": \"%s\", ", i ? "," : "", line->name, line->unit,
               line->more_is_better ? "more" : "less");
        print_values(report->names[0], line, 0);
        printf(", ");
        print_values(report->names[1], line, 1);
        printf(", \"ratio\": %.4g, \"failed\": \"%s\"}", b > 0 ? bench_median(line, 0) / b : 0, line->why);
    }
    struct verdict v[VERDICTS_MAX];
    bool well = all_well(report);
    printf("\n], \"verdicts\": [");
    for (unsigned i = 0, n = judge(report, v); i < n; i++) {
        printf("%s\n  {\"met\": %s, \"text\": \"%s\"}", i ? "," : "", v[i].met ? "true" : "false", v[i].text);
        well = well && v[i].met;
    }
    printf("\n]}\n");
    return well;
}
