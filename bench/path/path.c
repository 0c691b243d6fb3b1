/* The kernel and lastack on the same road.
 *
 *     bench-path [--quick] [--json] [--rounds N] [--seed N] [--only TEXT] [--fairness SECONDS] [--set NAME=VALUE]…
 *     bench-path --relay SOCKET COMMAND [ARGUMENT…]
 *
 * The first form measures: the grid, two flows that share a bottleneck, and the emulator alone. The second puts COMMAND
 * into a namespace behind a bad road (10.77.0.2), and lets whoever connects to the UNIX socket SOCKET speak to its port
 * 80 through lastack. Exit status 1: a target was missed or a byte was wrong. */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTINGS_MOST = 32, AGAIN_ROUNDS = 3, AGAIN_MOST = 12 };
#define AGAIN_BELOW 0.85

struct options {
    bool is_quick, is_json;
    unsigned rounds;
    uint64_t seed;
    const char *only, *relay;
    long fairness; /* Seconds; -1: by the other options. */
    const char *setting[SETTINGS_MOST + 1];
    unsigned settings;
    char **command;
};

static int usage(void) {
    fprintf(stderr, "usage: bench-path [--quick] [--json] [--rounds N] [--seed N] [--only TEXT] [--fairness SECONDS]\n"
                    "                  [--set NAME=VALUE]...\n"
                    "       bench-path --relay SOCKET COMMAND [ARGUMENT...]\n");
    return 2;
}

/* An option with a value. False: there is none of that name. */
static bool parse_value(struct options *o, const char *name, char *value) {
    if (strcmp(name, "--rounds") == 0)
        o->rounds = (unsigned)atoi(value);
    else if (strcmp(name, "--seed") == 0)
        o->seed = strtoull(value, NULL, 0);
    else if (strcmp(name, "--only") == 0)
        o->only = value;
    else if (strcmp(name, "--fairness") == 0)
        o->fairness = atol(value);
    else if (strcmp(name, "--relay") == 0)
        o->relay = value;
    else if (strcmp(name, "--set") == 0 && o->settings < SETTINGS_MOST)
        o->setting[o->settings++] = value;
    else
        return false;
    return true;
}

static bool parse(int argc, char **argv, struct options *o) {
    *o = (struct options){.rounds = 2, .seed = 1, .only = "", .fairness = -1};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            o->is_quick = true;
        else if (strcmp(argv[i], "--json") == 0)
            o->is_json = true;
        else if (i + 1 >= argc || !parse_value(o, argv[i], argv[i + 1]))
            return false;
        else
            i++;
    }
    o->command = argv + i;
    if (o->fairness < 0) o->fairness = o->only[0] ? 0 : o->is_quick ? 15 : 60;
    return (i < argc) == (o->relay != NULL) && o->rounds >= 1 && o->rounds + AGAIN_ROUNDS <= GRID_ROUNDS;
}

static int relay(const struct options *o) {
    struct run_plan plan = {
        .road = {.rate = 2500000, .queue = 65536, .delay = 5 * LA_MS, .loss_ppm = 10000, .reorder_ppm = 20000},
        .ends = 2,
        .most = LA_NEVER};
    plan.road.seed = o->seed;
    plan.task[0] = (struct end_task){.tcp = END_KERNEL, .job = END_COMMAND, .host = 2, .command = o->command};
    plan.task[1] = (struct end_task){.tcp = END_LASTACK,
                                     .job = END_RELAY,
                                     .host = 1,
                                     .peer = 2,
                                     .seed = o->seed,
                                     .path = o->relay,
                                     .settings = o->setting};
    struct run_result result;
    run(&plan, &result);
    if (result.why[0]) fprintf(stderr, "bench-path: %s\n", result.why);
    fprintf(stderr, "bench-path: %llu packets, %llu lost, %llu late, %llu retransmitted\n",
            (unsigned long long)result.packets, (unsigned long long)result.lost, (unsigned long long)result.late,
            (unsigned long long)result.resent);
    return result.why[0] != 0;
}

static int measure(const struct options *o) {
    struct grid grid = {.seed = o->seed, .settings = o->setting};
    struct report report = {.grid = &grid};
    if (!grid_make(&grid, o->is_quick, o->only)) {
        perror("bench-path");
        return 1;
    }
    if (!grid.cells) {
        fprintf(stderr, "bench-path: no cell's name contains \"%s\"; without --only all names are printed\n", o->only);
        return 2;
    }
    bool well = grid_play(&grid, o->rounds, 0);
    /* One unlucky seed is no verdict: what looks bad is measured again, with more. Many bad cells are no bad luck. */
    if (well && !o->is_quick && grid_below(&grid, AGAIN_BELOW) <= AGAIN_MOST)
        well = grid_play(&grid, AGAIN_ROUNDS, AGAIN_BELOW);
    if (o->fairness) fairness_play(&grid, (la_time)o->fairness * LA_SECOND, &report.fairness);
    if (!o->only[0]) bare_road_play(&report.bare);
    well = report_print(&report, o->is_json) && well;
    grid_free(&grid);
    return well ? 0 : 1;
}

int main(int argc, char **argv) {
    struct options o;
    if (!parse(argc, argv, &o)) return usage();
    return o.relay ? relay(&o) : measure(&o);
}
