/* The grid's cells, and the runs in their order: cell by cell, round by round, the pairings side by side. Each run is a
 * process, which makes those of its ends; results come back in shared memory. As many run at once as their expected
 * rates allow, so that the machine is never what limits them. All pairings of a round have the same seed. */
#define _GNU_SOURCE
#include "grid.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SENDER = 1, RECEIVER = 2, SEGMENT = 1448, BYTES_LEAST = 200000 };
#define MBIT UINT64_C(125000)
#define AT_ONCE (160 * MBIT) /* The sum of what runs at once may expect. */

const char *const pairing_name[PAIRINGS] = {"kernel>kernel", "kernel>lastack", "lastack>kernel", "lastack>lastack"};

/* --- Cells --- */

static const struct {
    la_time rtt;
    uint64_t rate;
    la_time aim; /* How long a transfer should take. */
} roads[] = {
    {1 * LA_MS, 100 * MBIT, 1 * LA_SECOND},
    {20 * LA_MS, 40 * MBIT, 2 * LA_SECOND},
    {100 * LA_MS, 40 * MBIT, 2 * LA_SECOND},
    {300 * LA_MS, 10 * MBIT, 3 * LA_SECOND},
};

static const struct {
    const char *name;
    uint32_t ppm;
    bool bursts;
    uint64_t window; /* Segments that congestion control keeps under way at such loss, roughly; 0: no limit. */
    uint64_t most;   /* What it reaches on the shortest road, where timeouts are the limit. */
} losses[] = {
    {"no loss", 0, false, 0, UINT64_MAX},      {"loss 0.1 %", 1000, false, 60, UINT64_MAX},
    {"loss 1 %", 10000, false, 16, 40 * MBIT}, {"loss 3 %", 30000, false, 9, 16 * MBIT},
    {"bursts", 0, true, 60, 20 * MBIT},
};

enum { ROADS = sizeof roads / sizeof *roads, LOSSES = sizeof losses / sizeof *losses };

/* The quick grid: every value of every dimension, and the hard ones together. */
static const struct {
    uint8_t road, loss, reorders, is_small;
} quick[] = {
    {0, 0, 0, 1}, {0, 2, 0, 0}, {0, 4, 1, 0}, {1, 0, 0, 0}, {1, 2, 1, 1}, {1, 4, 0, 1},
    {2, 0, 0, 1}, {2, 0, 1, 0}, {2, 1, 0, 0}, {2, 3, 0, 0}, {3, 0, 0, 0}, {3, 2, 1, 0},
};

static void cell_make(struct cell *cell, unsigned road, unsigned loss, bool reorders, bool is_small) {
    uint64_t rate = roads[road].rate, bdp = rate * roads[road].rtt / LA_SECOND;
    uint64_t few = bdp / 4 > 65536 ? bdp / 4 : 65536, many = bdp + 65536 > 2 * few ? bdp + 65536 : 2 * few;
    uint64_t window = losses[loss].window * SEGMENT * LA_SECOND / roads[road].rtt;
    memset(cell, 0, sizeof *cell);
    cell->road = (struct road_kind){.rate = rate,
                                    .queue = is_small ? few : many,
                                    .delay = roads[road].rtt / 2,
                                    .loss_ppm = losses[loss].ppm,
                                    .bursts = losses[loss].bursts,
                                    .reorder_ppm = reorders ? 20000 : 0};
    cell->expected = window && window < rate ? window : rate;
    if (losses[loss].most < cell->expected) cell->expected = losses[loss].most;
    cell->most = 4 * roads[road].aim + 2 * LA_SECOND;
    cell->bytes = cell->expected * roads[road].aim / LA_SECOND;
    if (cell->bytes < BYTES_LEAST) cell->bytes = BYTES_LEAST;
    snprintf(cell->name, sizeof cell->name, "%u ms, %u Mb/s, %s%s, queue %u KB", (unsigned)(roads[road].rtt / LA_MS),
             (unsigned)(rate / MBIT), losses[loss].name, reorders ? ", reordering" : "",
             (unsigned)(cell->road.queue / 1000));
}

static void *shared_new(size_t size) {
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? NULL : shared;
}

static void cell_add(struct grid *grid, const char *only, unsigned road, unsigned loss, bool reorders, bool is_small) {
    struct cell *cell = &grid->cell[grid->cells];
    cell_make(cell, road, loss, reorders, is_small);
    if (strstr(cell->name, only)) grid->cells++;
}

bool grid_make(struct grid *grid, bool is_quick, const char *only) {
    grid->cells = 0;
    grid->cell = shared_new(GRID_CELLS * sizeof *grid->cell);
    if (!grid->cell) return false;
    if (is_quick) {
        for (size_t i = 0; i < sizeof quick / sizeof *quick; i++)
            cell_add(grid, only, quick[i].road, quick[i].loss, quick[i].reorders, quick[i].is_small);
        return true;
    }
    for (unsigned road = 0; road < ROADS; road++)
        for (unsigned loss = 0; loss < LOSSES; loss++)
            for (unsigned i = 0; i < 4; i++) cell_add(grid, only, road, loss, i & 2, i & 1);
    return true;
}

void grid_free(struct grid *grid) {
    if (grid->cell) munmap(grid->cell, GRID_CELLS * sizeof *grid->cell);
    grid->cell = NULL;
}

/* --- Results --- */

double cell_goodput(const struct cell *cell, enum pairing pairing) {
    double bytes = 0, seconds = 0;
    for (unsigned i = 0; i < cell->rounds; i++) {
        const struct run_result *result = &cell->result[pairing][i];
        if (result->why[0]) return 0;
        bytes += (double)result->bytes[SENDER];
        seconds += result->seconds;
    }
    return seconds > 0 ? bytes / seconds : 0;
}

double cell_ratio(const struct cell *cell, enum pairing pairing) {
    double kernel = cell_goodput(cell, KERNEL_KERNEL);
    return kernel > 0 ? cell_goodput(cell, pairing) / kernel : 0;
}

/* --- Runs --- */

static struct run_plan transfer_plan(const struct grid *grid, const struct cell *cell, enum pairing pairing,
                                     unsigned round) {
    bool lastack_sends = pairing == LASTACK_KERNEL || pairing == LASTACK_LASTACK;
    bool lastack_receives = pairing == KERNEL_LASTACK || pairing == LASTACK_LASTACK;
    uint64_t seed = grid->seed + round;
    struct run_plan plan = {.road = cell->road, .ends = 2, .most = cell->most};
    plan.road.seed = seed;
    plan.task[0] = (struct end_task){.tcp = lastack_receives ? END_LASTACK : END_KERNEL,
                                     .job = END_RECEIVE,
                                     .host = RECEIVER,
                                     .bytes = cell->bytes,
                                     .seed = seed,
                                     .settings = grid->settings};
    plan.task[1] = plan.task[0];
    plan.task[1].tcp = lastack_sends ? END_LASTACK : END_KERNEL;
    plan.task[1].job = END_SEND;
    plan.task[1].host = SENDER;
    plan.task[1].peer = RECEIVER;
    return plan;
}

/* What runs. */
struct under_way {
    pid_t pid; /* 0: a free place. */
    uint64_t expected;
};

struct scheduler {
    struct under_way place[GRID_AT_ONCE];
    unsigned running;
    uint64_t expected;
};

static void await_one(struct scheduler *s) {
    pid_t pid = waitpid(-1, NULL, 0);
    for (unsigned i = 0; i < GRID_AT_ONCE; i++) {
        if (s->place[i].pid != pid) continue;
        s->expected -= s->place[i].expected;
        s->running--;
        s->place[i].pid = 0;
    }
}

static bool start(struct scheduler *s, const struct run_plan *plan, uint64_t expected, struct run_result *result) {
    while (s->running == GRID_AT_ONCE || (s->running && s->expected + expected > AT_ONCE)) await_one(s);
    unsigned i = 0;
    while (s->place[i].pid) i++;
    snprintf(result->why, sizeof result->why, "the run has died");
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) return false;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* Road and ends alike go before what else runs here; where this is refused, the road lags more often. */
        (void)setpriority(PRIO_PROCESS, 0, -19);
        run(plan, result);
        _exit(0);
    }
    s->place[i] = (struct under_way){pid, expected};
    s->running++;
    s->expected += expected;
    return true;
}

static void progress(const struct grid *grid, unsigned i, unsigned round) {
    if (isatty(2)) fprintf(stderr, "\r\033[K[%u/%u] %s, round %u", i + 1, grid->cells, grid->cell[i].name, round + 1);
}

static bool is_wanted(const struct cell *cell, double below) {
    if (cell->rounds == 0) return true;
    for (unsigned p = KERNEL_KERNEL + 1; p < PAIRINGS; p++)
        if (cell_ratio(cell, p) < below) return true;
    return false;
}

unsigned grid_below(const struct grid *grid, double below) {
    unsigned n = 0;
    for (unsigned i = 0; i < grid->cells; i++) n += is_wanted(&grid->cell[i], below);
    return n;
}

static bool cell_play(struct grid *grid, struct scheduler *s, unsigned i, unsigned rounds) {
    struct cell *cell = &grid->cell[i];
    for (unsigned round = cell->rounds; round < rounds; round++) {
        progress(grid, i, round);
        for (unsigned p = 0; p < PAIRINGS; p++) {
            struct run_plan plan = transfer_plan(grid, cell, p, round);
            if (!start(s, &plan, cell->expected, &cell->result[p][round])) return false;
        }
    }
    return true;
}

bool grid_play(struct grid *grid, unsigned rounds, double below) {
    struct scheduler s = {.running = 0};
    unsigned target[GRID_CELLS];
    bool well = true;
    for (unsigned i = 0; i < grid->cells; i++) {
        struct cell *cell = &grid->cell[i];
        target[i] = is_wanted(cell, below) ? cell->rounds + rounds : cell->rounds;
        if (target[i] > GRID_ROUNDS) target[i] = GRID_ROUNDS;
        well = well && cell_play(grid, &s, i, target[i]);
    }
    while (s.running) await_one(&s);
    for (unsigned i = 0; i < grid->cells; i++) grid->cell[i].rounds = target[i];
    if (isatty(2)) fprintf(stderr, "\r\033[K");
    return well;
}

/* --- Beside the grid --- */

static void play_alone(const struct run_plan *plan, struct run_result *result) {
    struct run_result *shared = shared_new(sizeof *shared);
    struct scheduler s = {.running = 0};
    memset(result, 0, sizeof *result);
    if (!shared || !start(&s, plan, 0, shared)) {
        snprintf(result->why, sizeof result->why, "cannot start a process");
        return;
    }
    await_one(&s);
    *result = *shared;
    munmap(shared, sizeof *shared);
}

const struct road_kind *fairness_road(void) {
    static const struct road_kind road = {.rate = 20 * MBIT, .queue = 100000, .delay = 20 * LA_MS};
    return &road;
}

void fairness_play(const struct grid *grid, la_time duration, struct run_result *result) {
    struct cell cell = {.road = *fairness_road(), .bytes = UINT64_MAX, .most = duration};
    struct run_plan plan = transfer_plan(grid, &cell, KERNEL_KERNEL, 0);
    plan.ends = 3;
    plan.task[2] = plan.task[1];
    plan.task[2].tcp = END_LASTACK;
    plan.task[2].host = FAIR_LASTACK;
    play_alone(&plan, result);
}

void bare_road_play(struct run_result *result) {
    const struct grid none = {.seed = 1};
    struct cell cell = {.bytes = 200 * 1000 * 1000, .most = 10 * LA_SECOND};
    struct run_plan plan = transfer_plan(&none, &cell, KERNEL_KERNEL, 0);
    play_alone(&plan, result);
}
