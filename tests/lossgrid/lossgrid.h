/* The loss grid: what its cells are, how one is run, and the table that pins them all. */
#ifndef LOSSGRID_H
#define LOSSGRID_H

#include "sim/haul.h"

enum {
    GRID_CELLS = 2 * 4 * 9 * 3 * 3 * 2,
    GRID_KEY = 128,  /* Bytes of a cell's name, with the NUL. */
    GRID_LINE = 320, /* Of a line of the table. */
    GRID_SETTINGS = 16,
};

/* One transfer over one road. */
struct grid_cell {
    uint32_t megabytes; /* Millions of bytes. */
    uint32_t rtt_ms;
    uint32_t loss_ppm;
    uint32_t burst;       /* Packets; 1: random loss. */
    uint32_t reorder_ppm; /* Held back by up to half a round trip. */
    uint32_t buffer_kb;   /* KiB before the bottleneck. */
    uint32_t rate_mbit;
};

/* What holds for all cells of a run. */
struct grid_run {
    la_time resolution;
    uint64_t seed;
    const struct sim_haul_setting *settings;
    unsigned nsettings;
    const char *pcap; /* Record to this file; NULL: nothing. */
};

/* --- cells.c --- */

/* 0 … GRID_CELLS - 1, in the order of the table. */
struct grid_cell grid_cell_at(unsigned i);
/* The columns that name a cell, as wide in every line. */
void grid_cell_key(const struct grid_cell *cell, char key[GRID_KEY]);
/* Whether one column is this word. */
bool grid_cell_is(const struct grid_cell *cell, const char *word);
void grid_cell_run(const struct grid_cell *cell, const struct grid_run *run, struct sim_haul_result *result);
/* Payload bits per second, and the millionths that they are of what the road could carry: the bottleneck's rate
 * without headers and losses. */
uint64_t grid_goodput(const struct grid_cell *cell, const struct sim_haul_result *result);
uint32_t grid_share(const struct grid_cell *cell, const struct sim_haul_result *result);

/* --- table.c --- */

struct grid_table {
    char line[GRID_CELLS][GRID_LINE]; /* Empty: not there. */
};

/* A cell's line, without newline. */
void grid_line(const struct grid_cell *cell, const struct sim_haul_result *result, char line[GRID_LINE]);
/* What stands above the lines, to stdout. */
void grid_print_columns(void);
/* A file that is not there is an empty table. False, with a sentence on stderr, when it is no table. */
bool grid_table_read(struct grid_table *table, const char *path);
bool grid_table_write(const struct grid_table *table, const char *path);
/* The time in milliseconds that a line tells; 0: it tells none. */
uint64_t grid_line_ms(const char *line);

/* --- report.c --- */

struct grid_options {
    struct grid_run run;
    struct sim_haul_setting settings[GRID_SETTINGS];
    unsigned every, jobs;
    const char *table;
    bool pin;
    char **words;
    unsigned nwords;
};

/* What came of a cell; also a worker's message. */
struct grid_outcome {
    uint32_t cell;
    bool run;
    struct sim_haul_result result;
};

struct grid {
    struct grid_options options;
    struct grid_table pinned, table;
    struct grid_outcome outcome[GRID_CELLS];
    bool chosen[GRID_CELLS];
    unsigned nchosen;
};

/* Fills grid->table, and prints. Returns how many cells differ from what is pinned; `wrong`: how many failed, or
 * stalled without cause. */
unsigned grid_report(struct grid *grid, unsigned *wrong);

#endif
