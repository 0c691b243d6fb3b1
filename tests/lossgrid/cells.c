/* The cells of the grid and how one is run. A cell's seed follows from what it is and not from its place, so that new
 * cells leave the others as they are. */
#include <stdio.h>
#include <string.h>

#include <lastack/dev.h>

#include "lossgrid.h"
#include "sim/random.h"

static const uint32_t megabytes[] = {10, 100};
static const uint32_t rtts[] = {1, 20, 100, 300};
static const struct {
    uint32_t ppm, burst;
} losses[] = {{0, 1}, {1000, 1}, {10000, 1}, {30000, 1}, {100000, 1}, {1000, 4}, {10000, 4}, {30000, 4}, {100000, 4}};
static const uint32_t reorders[] = {0, 20000, 100000};
static const uint32_t buffers[] = {64, 1024, 16384};
static const uint32_t rates[] = {10, 1000};

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof(array)[0]))

static unsigned digit(unsigned *i, unsigned base) {
    unsigned d = *i % base;
    *i /= base;
    return d;
}

struct grid_cell grid_cell_at(unsigned i) {
    struct grid_cell cell;
    cell.rate_mbit = rates[digit(&i, COUNT(rates))];
    cell.buffer_kb = buffers[digit(&i, COUNT(buffers))];
    cell.reorder_ppm = reorders[digit(&i, COUNT(reorders))];
    unsigned loss = digit(&i, COUNT(losses));
    cell.loss_ppm = losses[loss].ppm;
    cell.burst = losses[loss].burst;
    cell.rtt_ms = rtts[digit(&i, COUNT(rtts))];
    cell.megabytes = megabytes[digit(&i, COUNT(megabytes))];
    return cell;
}

/* "0.1%", "10%". */
static void percent(char *text, size_t size, const char *word, uint32_t ppm) {
    if (ppm % 10000)
        snprintf(text, size, "%s%u.%u%%", word, (unsigned)(ppm / 10000), (unsigned)(ppm % 10000 / 1000));
    else
        snprintf(text, size, "%s%u%%", word, (unsigned)(ppm / 10000));
}

void grid_cell_key(const struct grid_cell *cell, char key[GRID_KEY]) {
    char size[16], rtt[16], loss[24], reorder[24], buffer[16], rate[16];
    snprintf(size, sizeof size, "%uMB", (unsigned)cell->megabytes);
    snprintf(rtt, sizeof rtt, "%ums", (unsigned)cell->rtt_ms);
    percent(loss, sizeof loss, cell->burst > 1 ? "burst" : "loss", cell->loss_ppm);
    percent(reorder, sizeof reorder, "reorder", cell->reorder_ppm);
    if (cell->buffer_kb < 1024)
        snprintf(buffer, sizeof buffer, "%uKiB", (unsigned)cell->buffer_kb);
    else
        snprintf(buffer, sizeof buffer, "%uMiB", (unsigned)(cell->buffer_kb / 1024));
    if (cell->rate_mbit < 1000)
        snprintf(rate, sizeof rate, "%uMb/s", (unsigned)cell->rate_mbit);
    else
        snprintf(rate, sizeof rate, "%uGb/s", (unsigned)(cell->rate_mbit / 1000));
    snprintf(key, GRID_KEY, "%-5s %-5s %-9s %-10s %-5s %-6s", size, rtt, loss, reorder, buffer, rate);
}

bool grid_cell_is(const struct grid_cell *cell, const char *word) {
    char key[GRID_KEY];
    grid_cell_key(cell, key);
    for (char *column = strtok(key, " "); column; column = strtok(NULL, " "))
        if (strcmp(column, word) == 0) return true;
    return false;
}

static uint64_t cell_seed(const struct grid_cell *cell, uint64_t seed) {
    const uint32_t part[] = {cell->megabytes,   cell->rtt_ms,    cell->loss_ppm, cell->burst,
                             cell->reorder_ppm, cell->buffer_kb, cell->rate_mbit};
    for (unsigned i = 0; i < COUNT(part); i++) {
        struct sim_random random = {seed ^ part[i]};
        seed = sim_next(&random);
    }
    return seed;
}

static void record(void *ctx, la_time at, unsigned from, const struct la_packet *packet) {
    la_pcap_write(ctx, from ? LA_DIR_IN : LA_DIR_OUT, packet, NULL, at);
}

void grid_cell_run(const struct grid_cell *cell, const struct grid_run *run, struct sim_haul_result *result) {
    la_time rtt = cell->rtt_ms * LA_MS, forget = rtt / 2 + 50 * LA_MS; /* Less than any timeout, more than any gap. */
    struct sim_haul_config config = {
        .there = {.rate = cell->rate_mbit * UINT64_C(1000000),
                  .queue = cell->buffer_kb * UINT64_C(1024),
                  .delay = rtt / 2,
                  .loss_ppm = cell->loss_ppm,
                  .burst = cell->burst,
                  .forget = forget,
                  .reorder_ppm = cell->reorder_ppm,
                  .reorder_most = rtt / 2},
        .back_delay = rtt - rtt / 2,
        .bytes = cell->megabytes * 1000000,
        .seed = cell_seed(cell, run->seed),
        .resolution = run->resolution,
        .settings = run->settings,
        .nsettings = run->nsettings,
    };
    struct la_pcap *pcap = NULL;
    if (run->pcap) {
        struct la_pcap_config file = {.path = run->pcap, .link = LA_LINK_IP};
        int error = la_pcap_create(NULL, &file, &pcap);
        if (error) fprintf(stderr, "lossgrid: %s: %s\n", run->pcap, la_errno_text(-error));
        if (!error) config.packet = record, config.ctx = pcap;
    }
    sim_haul(&config, result);
    if (pcap && la_pcap_end(pcap) != 0) fprintf(stderr, "lossgrid: %s is not complete\n", run->pcap);
}

uint64_t grid_goodput(const struct grid_cell *cell, const struct sim_haul_result *result) {
    return cell->megabytes * UINT64_C(1000000) * 8 * LA_SECOND / result->took;
}

uint32_t grid_share(const struct grid_cell *cell, const struct sim_haul_result *result) {
    uint64_t road = (uint64_t)cell->rate_mbit * (1000000 - cell->loss_ppm) * SIM_HAUL_PAYLOAD / SIM_HAUL_MTU;
    return (uint32_t)(1000000 * grid_goodput(cell, result) / road);
}
