/* The table of pinned results: one line for each cell, in the grid's order. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lossgrid.h"

static const char header[] =
    "# The loss grid: what one transfer costs on each road, in virtual time. `make lossgrid` compares it with the "
    "stack as\n"
    "# it is, `make lossgrid ARGS=--pin` writes it anew; the numbers are the same on every machine.\n"
    "#\n"
    "#   size      bytes, in millions            rtt        without queueing\n"
    "#   loss      loss: each packet for itself; burst: as often, but 4 in a row on average; data only, not ACKs\n"
    "#   reorder   share of packets that are held back by up to half a round trip\n"
    "#   buffer    drop-tail queue before the bottleneck\n"
    "#   rate      of the bottleneck\n"
    "#   seconds   from connect() to the last byte read\n"
    "#   Mb/s      goodput                       share      of the bottleneck's rate without headers and losses\n"
    "#   again     segments sent again           spurious   those of them of which nothing was missing\n"
    "#   lost      packets lost by the link      full       packets that found the queue full\n"
    "#   refused   segments that the receiver dropped although they were missing: their timestamps are older than "
    "those of\n"
    "#             data sent again (PAWS), or there were too many gaps\n"
    "#   timeouts  retransmission timeouts\n"
    "#   stall     the longest time without progress of RCV.NXT, in retransmission timeouts (RTO)\n"
    "#   cause     of a stall over 3 RTO: how often the segment that was waited for was dropped. \"none\" is a "
    "failure:\n"
    "#             fewer drops than a timeout that doubles explains.\n"
    "#\n";
static const char columns[] = "# size rtt   loss      reorder    buffer rate    seconds      Mb/s   share  again "
                              "spurious   lost   full refused timeouts"
                              " stall cause\n";

void grid_print_columns(void) { fputs(columns, stdout); }

static void cause(const struct sim_haul_result *result, char *text, size_t size) {
    if (result->unexplained.lasted)
        snprintf(text, size, "none");
    else if (result->stall.rto_tenths > 10 * SIM_STALL_RTOS)
        snprintf(text, size, "dropped %u times", result->stall.drops);
    else
        snprintf(text, size, "-");
}

void grid_line(const struct grid_cell *cell, const struct sim_haul_result *result, char line[GRID_LINE]) {
    char key[GRID_KEY], why[40];
    grid_cell_key(cell, key);
    if (!result->ok) {
        snprintf(line, GRID_LINE, "%s FAILED: %.100s", key, result->why);
        return;
    }
    const struct sim_stall *stall = result->unexplained.lasted ? &result->unexplained : &result->stall;
    uint64_t ms = result->took / LA_MS, kbit = grid_goodput(cell, result) / 1000;
    uint32_t share = grid_share(cell, result);
    cause(result, why, sizeof why);
    snprintf(line, GRID_LINE,
             "%s %7" PRIu64 ".%03u %5" PRIu64 ".%03u %3u.%02u%% %6" PRIu64 " %8" PRIu64 " %6" PRIu64 " %6" PRIu64
             " %7" PRIu64 " %8" PRIu64 " %3u.%u %s",
             key, ms / 1000, (unsigned)(ms % 1000), kbit / 1000, (unsigned)(kbit % 1000), (unsigned)(share / 10000),
             (unsigned)(share % 10000 / 100), result->again, result->spurious, result->lost, result->full,
             result->refused, result->timeouts, (unsigned)(stall->rto_tenths / 10), (unsigned)(stall->rto_tenths % 10),
             why);
}

uint64_t grid_line_ms(const char *line) {
    struct grid_cell any = grid_cell_at(0);
    char key[GRID_KEY];
    uint64_t seconds;
    unsigned ms;
    grid_cell_key(&any, key);
    if (strlen(line) < strlen(key)) return 0;
    return sscanf(line + strlen(key), "%" SCNu64 ".%3u", &seconds, &ms) == 2 ? 1000 * seconds + ms : 0;
}

static char *line_of(struct grid_table *table, const char *line) {
    for (unsigned i = 0; i < GRID_CELLS; i++) {
        struct grid_cell cell = grid_cell_at(i);
        char key[GRID_KEY];
        grid_cell_key(&cell, key);
        if (strncmp(line, key, strlen(key)) == 0) return table->line[i];
    }
    return NULL;
}

bool grid_table_read(struct grid_table *table, const char *path) {
    char line[GRID_LINE + 2];
    memset(table, 0, sizeof *table);
    FILE *file = fopen(path, "r");
    if (!file && errno == ENOENT) return true;
    if (!file) {
        fprintf(stderr, "lossgrid: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool ok = true;
    while (ok && fgets(line, sizeof line, file)) {
        size_t len = strcspn(line, "\n");
        if (line[0] == '#') continue;
        char *to = line[len] && len < GRID_LINE ? line_of(table, line) : NULL;
        line[len] = 0;
        ok = to != NULL;
        if (ok)
            memcpy(to, line, len + 1);
        else
            fprintf(stderr, "lossgrid: %s: no cell of the grid: %s\n", path, line);
    }
    fclose(file);
    return ok;
}

bool grid_table_write(const struct grid_table *table, const char *path) {
    FILE *file = fopen(path, "w");
    bool ok = file != NULL;
    if (ok) {
        fprintf(file, "%s%s", header, columns);
        for (unsigned i = 0; i < GRID_CELLS; i++)
            if (table->line[i][0]) fprintf(file, "%s\n", table->line[i]);
        ok = !ferror(file);
        ok = fclose(file) == 0 && ok;
    }
    if (!ok) fprintf(stderr, "lossgrid: %s: %s\n", path, strerror(errno));
    return ok;
}
