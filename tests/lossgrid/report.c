/* What a run tells: lines that are not as pinned, what is wrong in sentences, means and the worst cells. Everything but
 * the lines themselves is for reading only.
 *
 * Comes in: the outcomes, in the grid's order whoever made them, and the pinned table. Goes out: text on stdout, the
 * new table, and two numbers, of cells that differ and of cells that are wrong. Owns nothing. Means are made of
 * integers: the text is the same on every machine, too. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lossgrid.h"

enum {
    DIFFERENCES_SHOWN = 40,
    WORST_SHOWN = 5,
};

/* The new lines into the table; prints what differs from what was pinned, or all. Returns how many differ. */
static unsigned compare(struct grid *grid) {
    unsigned differ = 0;
    const char *path = grid->options.table;
    if (!path) grid_print_columns();
    for (unsigned i = 0; i < GRID_CELLS; i++) {
        if (!grid->outcome[i].run) continue;
        struct grid_cell cell = grid_cell_at(i);
        char *line = grid->table.line[i];
        const char *old = grid->pinned.line[i];
        grid_line(&cell, &grid->outcome[i].result, line);
        if (!path) puts(line);
        if (!path || strcmp(line, old) == 0 || ++differ > DIFFERENCES_SHOWN) continue;
        if (*old) printf("- %s\n", old);
        printf("+ %s\n", line);
    }
    if (differ > DIFFERENCES_SHOWN) printf("… and %u cells more\n", differ - DIFFERENCES_SHOWN);
    return differ;
}

/* Failures and stalls without cause, in sentences. Returns how many. */
static unsigned tell_wrong(const struct grid *grid) {
    unsigned wrong = 0;
    for (unsigned i = 0; i < GRID_CELLS; i++) {
        const struct sim_haul_result *r = &grid->outcome[i].result;
        if (!grid->outcome[i].run || (r->ok && !r->unexplained.lasted)) continue;
        struct grid_cell cell = grid_cell_at(i);
        char key[GRID_KEY];
        grid_cell_key(&cell, key);
        if (++wrong > DIFFERENCES_SHOWN) continue;
        if (!r->ok)
            printf("FAILED  %s: %s\n", key, r->why);
        else
            printf("STALLED %s: for %" PRIu64 " ms from %" PRIu64 " ms on, %u.%u times the timeout of %" PRIu64
                   " ms, though the segment was dropped only %u times\n",
                   key, r->unexplained.lasted / LA_MS, r->unexplained.began / LA_MS, r->unexplained.rto_tenths / 10,
                   r->unexplained.rto_tenths % 10, r->unexplained.rto / LA_MS, r->unexplained.drops);
    }
    if (wrong > DIFFERENCES_SHOWN) printf("… and %u cells more\n", wrong - DIFFERENCES_SHOWN);
    return wrong;
}

/* The logarithm to base 2 of a value of at least 1, in 65536ths: by squaring, as no library of mathematics need be
 * there. */
static uint32_t log2_of(uint64_t value) {
    uint32_t whole = 0;
    while (value >> whole > 1) whole++;
    uint64_t mantissa = whole < 31 ? value << (31 - whole) : value >> (whole - 31);
    uint32_t result = whole;
    for (unsigned bit = 0; bit < 16; bit++) {
        mantissa = mantissa * mantissa >> 31;
        result = result << 1 | (mantissa >> 32 ? 1 : 0);
        if (mantissa >> 32) mantissa >>= 1;
    }
    return result;
}

/* A geometric mean. */
struct mean {
    uint64_t sum; /* Of logarithms. */
    uint32_t count;
};

static void mean_add(struct mean *mean, uint64_t value) {
    mean->sum += log2_of(value ? value : 1);
    mean->count++;
}

/* The greatest value whose logarithm is not above the mean; 0 without values. */
static uint64_t mean_of(const struct mean *mean) {
    if (!mean->count) return 0;
    uint64_t low = 1, high = UINT64_C(1) << 40;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if ((uint64_t)log2_of(middle) * mean->count <= mean->sum)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Cells with one kind of loss, by their bottleneck. */
struct loss_row {
    uint32_t ppm, burst;
    struct mean slow, fast;
};

static void tell_share(const struct mean *mean) {
    unsigned ppm = (unsigned)mean_of(mean);
    if (mean->count)
        printf("  %3u.%02u%%", ppm / 10000, ppm % 10000 / 100);
    else
        printf("        -");
}

static void tell_means(const struct grid *grid) {
    struct loss_row row[16] = {{0, 0, {0, 0}, {0, 0}}};
    unsigned rows = 0;
    for (unsigned i = 0; i < GRID_CELLS; i++) {
        if (!grid->outcome[i].run || !grid->outcome[i].result.ok) continue;
        struct grid_cell cell = grid_cell_at(i);
        unsigned r = 0;
        while (r < rows && (row[r].ppm != cell.loss_ppm || row[r].burst != cell.burst)) r++;
        if (r == sizeof row / sizeof row[0]) continue;
        if (r == rows) row[rows++] = (struct loss_row){cell.loss_ppm, cell.burst, {0, 0}, {0, 0}};
        mean_add(cell.rate_mbit < 1000 ? &row[r].slow : &row[r].fast, grid_share(&cell, &grid->outcome[i].result));
    }
    printf("share of the road, geometric mean   10Mb/s     1Gb/s\n");
    for (unsigned r = 0; r < rows; r++) {
        printf("  %-6s %3u.%u%%                    ", row[r].burst > 1 ? "burst" : "random",
               (unsigned)(row[r].ppm / 10000), (unsigned)(row[r].ppm % 10000 / 1000));
        tell_share(&row[r].slow);
        tell_share(&row[r].fast);
        printf("\n");
    }
}

static unsigned rank_share(const struct grid_cell *cell, const struct sim_haul_result *result) {
    return UINT32_MAX - grid_share(cell, result);
}

static unsigned rank_stall(const struct grid_cell *cell, const struct sim_haul_result *result) {
    (void)cell;
    return result->stall.rto_tenths;
}

static void tell_worst(const struct grid *grid, const char *title,
                       unsigned (*rank)(const struct grid_cell *, const struct sim_haul_result *)) {
    bool told[GRID_CELLS] = {false};
    if (grid->nchosen <= 2 * WORST_SHOWN) return;
    printf("%s\n", title);
    for (unsigned n = 0; n < WORST_SHOWN; n++) {
        unsigned worst = GRID_CELLS, most = 0;
        for (unsigned i = 0; i < GRID_CELLS; i++) {
            struct grid_cell cell = grid_cell_at(i);
            if (!grid->outcome[i].run || !grid->outcome[i].result.ok || told[i]) continue;
            unsigned value = rank(&cell, &grid->outcome[i].result);
            if (worst < GRID_CELLS && value <= most) continue;
            worst = i;
            most = value;
        }
        if (worst == GRID_CELLS) return;
        told[worst] = true;
        printf("  %s\n", grid->table.line[worst]);
    }
}

/* How the times compare with the pinned ones. */
static void tell_difference(const struct grid *grid, unsigned differ) {
    struct mean pinned = {0, 0}, found = {0, 0};
    if (!grid->options.table) return;
    for (unsigned i = 0; i < GRID_CELLS; i++) {
        uint64_t was = grid_line_ms(grid->pinned.line[i]), is = grid_line_ms(grid->table.line[i]);
        if (!was || !is) continue;
        mean_add(&pinned, was);
        mean_add(&found, is);
    }
    printf("%u of %u cells differ from %s", differ, grid->nchosen, grid->options.table);
    if (differ && found.count) {
        unsigned tenths = (unsigned)(1000 * mean_of(&found) / mean_of(&pinned));
        printf("; transfers take %u.%u %% of the pinned time (geometric mean)", tenths / 10, tenths % 10);
    }
    printf("\n");
}

unsigned grid_report(struct grid *grid, unsigned *wrong) {
    unsigned differ = compare(grid);
    *wrong = tell_wrong(grid);
    tell_means(grid);
    tell_worst(grid, "the smallest shares", rank_share);
    tell_worst(grid, "the longest stalls", rank_stall);
    tell_difference(grid, differ);
    return differ;
}
