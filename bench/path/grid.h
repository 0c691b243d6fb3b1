/* The grid: which roads, how much is carried, and who meets whom. */
#ifndef PATH_GRID_H
#define PATH_GRID_H

#include "run.h"

enum { GRID_CELLS = 96, GRID_ROUNDS = 8, GRID_AT_ONCE = 8 };

/* Who sends to whom. */
enum pairing { KERNEL_KERNEL, KERNEL_LASTACK, LASTACK_KERNEL, LASTACK_LASTACK, PAIRINGS };
extern const char *const pairing_name[PAIRINGS];

struct cell {
    struct road_kind road;
    char name[96];
    uint64_t bytes;    /* One transfer … */
    la_time most;      /* … which ends after this time, whatever has come. */
    uint64_t expected; /* Bytes per second that a transfer may reach: how many run at once. */
    unsigned rounds;   /* Done so far. */
    struct run_result result[PAIRINGS][GRID_ROUNDS];
};

struct grid {
    struct cell *cell;
    unsigned cells;
    uint64_t seed;
    const char *const *settings;
};

/* All cells whose name contains `only`; a dozen that stand for them when `is_quick`. False: no memory. */
bool grid_make(struct grid *grid, bool is_quick, const char *only);
void grid_free(struct grid *grid);

/* How many cells have a pairing below that share of the kernel's goodput. */
unsigned grid_below(const struct grid *grid, double below);

/* Plays `rounds` more of every cell, or of those of them that are below `below` after the first. */
bool grid_play(struct grid *grid, unsigned rounds, double below);

/* Bytes per second, over all rounds; and as a share of the kernel's among themselves (0: nothing to compare). */
double cell_goodput(const struct cell *cell, enum pairing pairing);
double cell_ratio(const struct cell *cell, enum pairing pairing);

/* Two senders, the kernel and lastack, to one kernel, for `duration`. */
void fairness_play(const struct grid *grid, la_time duration, struct run_result *result);
enum { FAIR_KERNEL = 1, FAIR_LASTACK = 3 }; /* Their hosts: where their bytes are in the result. */
const struct road_kind *fairness_road(void);

/* What the emulator carries where the road has no limits: bytes per second between two kernels. */
void bare_road_play(struct run_result *result);

#endif
