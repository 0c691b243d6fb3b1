/* The report. A cell's numbers are sums over its rounds; ratios are to kernel>kernel in the same cell and the same run.
 * Targets are held against what is printed, which has two decimals. */
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MBIT 125000.0
#define CELL_LEAST 0.8
#define MEAN_LEAST 1.0
#define SHARE_LEAST 40.0
#define BARE_LEAST (400 * MBIT) /* Twice and more of all that runs at once. */
#define LAG_MOST 0.02           /* Of the packets: more, and the machine was too busy for this cell. */

enum { VERDICTS = 6 };

struct verdict {
    bool met;
    char text[240];
};

static double printed(double value) { return floor(value * 100 + 0.5) / 100; }

/* The geometric mean of the ratios of the pairings from ... to; 0 where one is 0. */
static double mean(const struct grid *grid, unsigned from, unsigned to) {
    double sum = 0;
    unsigned n = 0;
    for (unsigned i = 0; i < grid->cells; i++)
        for (unsigned p = from; p <= to; p++, n++) sum += log(cell_ratio(&grid->cell[i], p));
    return n ? exp(sum / n) : 0;
}

static const struct cell *worst(const struct grid *grid, enum pairing *pairing) {
    const struct cell *found = NULL;
    for (unsigned i = 0; i < grid->cells; i++)
        for (unsigned p = KERNEL_KERNEL + 1; p < PAIRINGS; p++)
            if (!found || cell_ratio(&grid->cell[i], p) < cell_ratio(found, *pairing))
                found = &grid->cell[i], *pairing = p;
    return found;
}

static double lagged(const struct cell *cell) {
    double late = 0, all = 0;
    for (unsigned p = 0; p < PAIRINGS; p++)
        for (unsigned i = 0; i < cell->rounds; i++) {
            late += (double)cell->result[p][i].lagged;
            all += (double)cell->result[p][i].packets;
        }
    return all > 0 ? late / all : 0;
}

static const char *failure(const struct cell *cell) {
    for (unsigned p = 0; p < PAIRINGS; p++)
        for (unsigned i = 0; i < cell->rounds; i++)
            if (cell->result[p][i].why[0]) return cell->result[p][i].why;
    return NULL;
}

static double share(const struct run_result *fairness) {
    double kernel = (double)fairness->bytes[FAIR_KERNEL], lastack = (double)fairness->bytes[FAIR_LASTACK];
    return kernel + lastack > 0 ? 100 * lastack / (kernel + lastack) : 0;
}

/* --- Verdicts --- */

static unsigned judge_grid(const struct grid *grid, struct verdict *v) {
    enum pairing pairing = KERNEL_KERNEL;
    const struct cell *cell = worst(grid, &pairing);
    double all = mean(grid, KERNEL_KERNEL + 1, PAIRINGS - 1), least = cell_ratio(cell, pairing);
    unsigned failed = 0;
    for (unsigned i = 0; i < grid->cells; i++) failed += failure(&grid->cell[i]) != NULL;
    v[0].met = printed(all) >= MEAN_LEAST;
    snprintf(v[0].text, sizeof v[0].text, "geometric mean: %.2f of kernel>kernel (target: %.1f at least)", all,
             MEAN_LEAST);
    v[1].met = printed(least) >= CELL_LEAST;
    snprintf(v[1].text, sizeof v[1].text, "worst cell: %.2f, %s, %s (target: %.1f at least)", least,
             pairing_name[pairing], cell->name, CELL_LEAST);
    v[2].met = failed == 0;
    snprintf(v[2].text, sizeof v[2].text, "bytes: %u of %u cells had a run that failed (target: 0)", failed,
             grid->cells);
    return 3;
}

static unsigned judge(const struct report *report, struct verdict *v) {
    unsigned n = report->grid->cells ? judge_grid(report->grid, v) : 0;
    if (report->fairness.seconds > 0 || report->fairness.why[0]) {
        double part = share(&report->fairness);
        v[n].met = !report->fairness.why[0] && part >= SHARE_LEAST && part <= 100 - SHARE_LEAST;
        snprintf(v[n].text, sizeof v[n].text,
                 "fairness: lastack %.0f : %.0f kernel on one bottleneck, %.0f s (target: 40:60 to 60:40)%s%s", part,
                 100 - part, report->fairness.seconds, report->fairness.why[0] ? ": " : "", report->fairness.why);
        n++;
    }
    if (report->bare.seconds > 0 || report->bare.why[0]) {
        double rate = report->bare.seconds > 0 ? (double)report->bare.bytes[1] / report->bare.seconds : 0;
        v[n].met = !report->bare.why[0] && rate >= BARE_LEAST;
        snprintf(v[n].text, sizeof v[n].text,
                 "emulator: %.0f Mb/s where the road has no limits (target: %.0f at least)%s%s", rate / MBIT,
                 BARE_LEAST / MBIT, report->bare.why[0] ? ": " : "", report->bare.why);
        n++;
    }
    return n;
}

/* --- Out --- */

static void print_cell(const struct cell *cell) {
    printf("%-54s %8.2f", cell->name, cell_goodput(cell, KERNEL_KERNEL) / MBIT);
    for (unsigned p = KERNEL_KERNEL + 1; p < PAIRINGS; p++)
        printf("  %8.2f %5.2f", cell_goodput(cell, p) / MBIT, cell_ratio(cell, p));
    printf("%s\n", lagged(cell) > LAG_MOST ? "  ~" : "");
    if (failure(cell)) printf("    FAILED: %s\n", failure(cell));
}

static void print_table(const struct report *report) {
    const struct grid *grid = report->grid;
    bool lags = false;
    printf("%-54s %8s  %14s  %14s  %14s\n", "goodput in Mb/s, ratio to kernel>kernel", "k>k", pairing_name[1],
           pairing_name[2], pairing_name[3]);
    for (unsigned i = 0; i < grid->cells; i++) {
        print_cell(&grid->cell[i]);
        lags = lags || lagged(&grid->cell[i]) > LAG_MOST;
    }
    if (grid->cells) {
        printf("%-54s %8s", "geometric mean", "");
        for (unsigned p = KERNEL_KERNEL + 1; p < PAIRINGS; p++) printf("  %8s %5.2f", "", mean(grid, p, p));
        printf("\n");
    }
    if (lags)
        printf("\n~ The machine was too busy to carry packets in time: repeat this cell when nothing else runs.\n");
    printf("\n");
}

/* A string of JSON's. */
static void print_text(const char *text) {
    putchar('"');
    for (; *text; text++) putchar(*text == '"' || *text == '\\' || (unsigned char)*text < ' ' ? ' ' : *text);
    putchar('"');
}

static void print_runs(const struct cell *cell, enum pairing pairing) {
    printf("\"%s\": {\"goodput\": %.6g, \"ratio\": %.4g, \"runs\": [", pairing_name[pairing],
           cell_goodput(cell, pairing), cell_ratio(cell, pairing));
    for (unsigned i = 0; i < cell->rounds; i++) {
        const struct run_result *r = &cell->result[pairing][i];
        printf("%s{\"bytes\": %llu, \"seconds\": %.4f, \"has_all\": %s, \"resent\": %llu, \"lost\": %llu, "
               "\"dropped\": %llu, \"late\": %llu, \"lagged\": %llu, \"failed\": ",
               i ? ", " : "", (unsigned long long)r->bytes[1], r->seconds, r->has_all ? "true" : "false",
               (unsigned long long)r->resent, (unsigned long long)r->lost, (unsigned long long)r->dropped,
               (unsigned long long)r->late, (unsigned long long)r->lagged);
        print_text(r->why);
        printf("}");
    }
    printf("]}");
}

static void print_json(const struct report *report) {
    const struct grid *grid = report->grid;
    printf("{\"seed\": %llu, \"unit\": \"bytes per second\", \"cells\": [", (unsigned long long)grid->seed);
    for (unsigned i = 0; i < grid->cells; i++) {
        const struct cell *cell = &grid->cell[i];
        printf("%s\n  {\"name\": \"%s\", \"rtt_ms\": %llu, \"rate\": %llu, \"queue\": %llu, \"loss_ppm\": %u, "
               "\"bursts\": %s, \"reorder_ppm\": %u, \"bytes\": %llu, \"lagged\": %.4f",
               i ? "," : "", cell->name, (unsigned long long)(2 * cell->road.delay / LA_MS),
               (unsigned long long)cell->road.rate, (unsigned long long)cell->road.queue, cell->road.loss_ppm,
               cell->road.bursts ? "true" : "false", cell->road.reorder_ppm, (unsigned long long)cell->bytes,
               lagged(cell));
        for (unsigned p = 0; p < PAIRINGS; p++) {
            printf(",\n   ");
            print_runs(cell, p);
        }
        printf("}");
    }
    printf("\n]");
}

bool report_print(const struct report *report, bool is_json) {
    struct verdict v[VERDICTS];
    unsigned n = judge(report, v);
    bool well = true;
    (is_json ? print_json : print_table)(report);
    if (is_json) printf(", \"verdicts\": [");
    for (unsigned i = 0; i < n; i++) {
        if (is_json) {
            printf("%s\n  {\"met\": %s, \"text\": ", i ? "," : "", v[i].met ? "true" : "false");
            print_text(v[i].text);
            printf("}");
        } else {
            printf("%-6s %s\n", v[i].met ? "met" : "MISSED", v[i].text);
        }
        well = well && v[i].met;
    }
    if (is_json) printf("\n]}\n");
    return well;
}
