/* lossgrid: transfers over every road of the grid, in virtual time, compared with a table of pinned results.
 *
 *     lossgrid [OPTION…] [WORD…]      the cells in which every WORD is a column ("10MB", "burst1%", "300ms", "1Gb/s")
 *         --every N                   of those, every Nth
 *         --table FILE                compare with FILE: print what differs (without it, print the table)
 *         --pin                       write FILE anew; cells that were not run keep their lines
 *         --jobs N                    processes (default: one per processor)
 *         --congestion NAME           reno, cubic or bbr
 *         --set NAME=VALUE            a setting of both stacks
 *         --resolution 1ms            of the stacks' clock (ns, us, ms)
 *         --seed N                    another run of the same dice
 *         --pcap FILE                 all packets of the one cell that is chosen
 *
 * Workers take cells from one pipe and put results into another; both carry records that a pipe keeps whole. What is
 * printed and pinned is in the grid's order and made of integers, so it does not depend on who ran what.
 *
 * Exit status 0: all as pinned. 1: something differs, a transfer failed or a stall has no cause. 2: usage. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lossgrid.h"

enum {
    JOBS_MAX = 256,
};

_Static_assert(sizeof(struct grid_outcome) <= 512, "a pipe keeps a message whole (POSIX: PIPE_BUF is at least 512)");

/* --- Options --- */

static bool parse_resolution(const char *text, la_time *resolution) {
    char *unit;
    unsigned long n = strtoul(text, &unit, 10);
    la_time scale = strcmp(unit, "ms") == 0 ? LA_MS : strcmp(unit, "us") == 0 ? LA_US : strcmp(unit, "ns") == 0 ? 1 : 0;
    *resolution = n * scale;
    return *resolution > 0 && *resolution <= LA_SECOND;
}

static bool add_setting(struct grid_options *o, const char *name, int64_t value) {
    if (o->run.nsettings == GRID_SETTINGS) return false;
    o->settings[o->run.nsettings++] = (struct sim_haul_setting){name, value};
    return true;
}

static bool parse_setting(struct grid_options *o, char *text) {
    char *equals = strchr(text, '='), *end = NULL;
    if (!equals) return false;
    *equals = 0;
    long long value = strtoll(equals + 1, &end, 10);
    return end != equals + 1 && !*end && add_setting(o, text, value);
}

static bool parse_congestion(struct grid_options *o, const char *name) {
    static const char *const names[] = {"reno", "cubic", "bbr"};
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) return add_setting(o, "lastack.tcp_congestion_control", i);
    return false;
}

static bool parse_number(const char *text, unsigned low, unsigned high, unsigned *number) {
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    *number = (unsigned)n;
    return *text && !*end && n >= low && n <= high;
}

static bool parse_option(struct grid_options *o, const char *name, char *value) {
    if (strcmp(name, "--every") == 0) return parse_number(value, 1, GRID_CELLS, &o->every);
    if (strcmp(name, "--jobs") == 0) return parse_number(value, 1, JOBS_MAX, &o->jobs);
    if (strcmp(name, "--table") == 0) return (o->table = value) != NULL;
    if (strcmp(name, "--pcap") == 0) return (o->run.pcap = value) != NULL;
    if (strcmp(name, "--resolution") == 0) return parse_resolution(value, &o->run.resolution);
    if (strcmp(name, "--congestion") == 0) return parse_congestion(o, value);
    if (strcmp(name, "--set") == 0) return parse_setting(o, value);
    if (strcmp(name, "--seed") != 0) return false;
    o->run.seed = strtoull(value, NULL, 10);
    return true;
}

static bool parse(int argc, char **argv, struct grid_options *o) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    *o = (struct grid_options){.every = 1, .run = {.seed = 1}};
    o->jobs = cpus < 1 ? 1 : cpus > JOBS_MAX ? JOBS_MAX : (unsigned)cpus;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--pin") == 0)
            o->pin = true;
        else if (i + 1 == argc || !parse_option(o, argv[i], argv[i + 1]))
            return false;
        else
            i++;
    }
    o->words = argv + i;
    o->nwords = (unsigned)(argc - i);
    return !o->pin || o->table;
}

static int usage(void) {
    fprintf(stderr, "usage: lossgrid [--every N] [--table FILE [--pin]] [--jobs N] [--congestion reno|cubic|bbr]\n"
                    "                [--set NAME=VALUE] [--resolution 1ms] [--seed N] [--pcap FILE] [WORD...]\n"
                    "A WORD is a column of the cells to run: 10MB 300ms loss1%% burst10%% reorder2%% 64KiB 1Gb/s\n");
    return 2;
}

static void choose(struct grid *grid) {
    const struct grid_options *o = &grid->options;
    unsigned n = 0;
    for (unsigned i = 0; i < GRID_CELLS; i++) {
        struct grid_cell cell = grid_cell_at(i);
        bool all = true;
        for (unsigned w = 0; w < o->nwords; w++) all = all && grid_cell_is(&cell, o->words[w]);
        grid->chosen[i] = all && n++ % o->every == 0;
        grid->nchosen += grid->chosen[i];
    }
}

/* --- Running --- */

static void worker(const struct grid_run *run, int take, int give) {
    for (uint16_t i; read(take, &i, sizeof i) == sizeof i;) {
        struct grid_outcome outcome = {.cell = i, .run = true};
        struct grid_cell cell = grid_cell_at(i);
        grid_cell_run(&cell, run, &outcome.result);
        if (write(give, &outcome, sizeof outcome) != sizeof outcome) _exit(1);
    }
    _exit(0);
}

static void progress(unsigned done, unsigned of) {
    if (isatty(2))
        fprintf(stderr, "\r\033[K%u of %u cells%s", done, of, done == of ? "\n" : "");
    else if (done * 4 / of > (done - 1) * 4 / of)
        fprintf(stderr, "%u of %u cells\n", done, of);
}

/* Reads all results; false when a worker has died. */
static bool collect(struct grid *grid, int from) {
    struct grid_outcome outcome;
    unsigned done = 0;
    while (read(from, &outcome, sizeof outcome) == sizeof outcome && outcome.cell < GRID_CELLS) {
        grid->outcome[outcome.cell] = outcome;
        progress(++done, grid->nchosen);
    }
    return done == grid->nchosen;
}

static bool run_all(struct grid *grid) {
    int tasks[2], results[2];
    if (pipe(tasks) != 0 || pipe(results) != 0) return false;
    for (unsigned i = GRID_CELLS; i-- > 0;) { /* The long transfers come last in the table and first here. */
        uint16_t number = (uint16_t)i;
        if (grid->chosen[i] && write(tasks[1], &number, sizeof number) != sizeof number) return false;
    }
    close(tasks[1]);
    fflush(NULL);
    for (unsigned j = 0; j < grid->options.jobs; j++) {
        pid_t pid = fork();
        if (pid == 0) {
            close(results[0]);
            worker(&grid->options.run, tasks[0], results[1]);
        }
        if (pid < 0) return false;
    }
    close(tasks[0]);
    close(results[1]);
    bool complete = collect(grid, results[0]);
    close(results[0]);
    while (wait(NULL) > 0) continue;
    return complete;
}

static void tell_cost(const struct grid *grid, double seconds) {
    uint64_t packets = 0;
    for (unsigned i = 0; i < GRID_CELLS; i++) packets += grid->outcome[i].result.packets;
    fprintf(stderr, "%u cells, %" PRIu64 " packets, %.1f s with %u processes: %.2f million packets a second\n",
            grid->nchosen, packets, seconds, grid->options.jobs, (double)packets / seconds / 1e6);
}

/* --- The whole --- */

/* A cell without an outcome is one in which the stack has died; its worker said why, the others went on. */
static int tell_lost(const struct grid *grid) {
    for (unsigned i = 0; i < GRID_CELLS; i++) {
        struct grid_cell cell = grid_cell_at(i);
        char key[GRID_KEY];
        grid_cell_key(&cell, key);
        if (grid->chosen[i] && !grid->outcome[i].run) fprintf(stderr, "lossgrid: no result from %s\n", key);
    }
    return 1;
}

static double clock_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool pin(struct grid *grid) {
    for (unsigned i = 0; i < GRID_CELLS; i++)
        if (!grid->table.line[i][0]) memcpy(grid->table.line[i], grid->pinned.line[i], GRID_LINE);
    if (!grid_table_write(&grid->table, grid->options.table)) return false;
    printf("%s is written\n", grid->options.table);
    return true;
}

int main(int argc, char **argv) {
    struct grid *grid = calloc(1, sizeof *grid);
    if (!grid || !parse(argc, argv, &grid->options)) return usage();
    struct grid_options *o = &grid->options;
    o->run.settings = o->settings;
    choose(grid);
    if (grid->nchosen == 0 || (o->run.pcap && grid->nchosen != 1)) {
        fprintf(stderr, "lossgrid: %u cells are chosen%s\n", grid->nchosen,
                o->run.pcap ? ", and --pcap needs one" : "");
        return 2;
    }
    if (o->table && !grid_table_read(&grid->pinned, o->table)) return 2;
    double begin = clock_s();
    if (!run_all(grid)) return tell_lost(grid);
    tell_cost(grid, clock_s() - begin);
    unsigned wrong, differ = grid_report(grid, &wrong);
    if (o->pin && !pin(grid)) return 1;
    int status = wrong || (differ && !o->pin);
    free(grid);
    return status;
}
