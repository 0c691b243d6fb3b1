/* lastack's speed and size beside lwIP's, in one run.
 *
 *     bench [--json] [--quick] [--rounds N] [--cpu N] [--only WORD]
 *
 * Everything is in process and in virtual time: two stacks, a wire that gathers each packet into one linear buffer, no
 * system call while the clock runs. bench.h tells how the sides take turns. Exit status 1: a target was missed or a
 * byte was wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define KB 1024u
#define MB (1024u * 1024u)
#define MSS 1460u

#define BULK(name, window, lwip_window)                                                                                \
    {                                                                                                                  \
        "bulk", name, "Gb/s", {BENCH_BULK, window, 512 * MB}, {BENCH_BULK, lwip_window, 256 * MB}, true, false, {{0}}, \
            {0}, ""                                                                                                    \
    }
#define LINE(group, name, unit, subject, size, amount, lwip_amount, more, once)                                        \
    { group, name, unit, {subject, size, amount}, {subject, size, lwip_amount}, more, once, {{0}}, {0}, "" }

/* lwIP's lists are searched from end to end, so a million of anything is out of its reach. */
static struct bench_line lines[] = {
    BULK("bulk, window 64 KB", 64 * KB, 4 * MSS),
    BULK("bulk, window 256 KB", 256 * KB, 8 * MSS),
    BULK("bulk, window 1 MB", MB, 16 * MSS),
    BULK("bulk, window 4 MB", 4 * MB, 32 * MSS),
    BULK("bulk, window 16 MB", 16 * MB, 44 * MSS),
    LINE("bulk", "bulk in units, window 64 KB", "Gb/s", BENCH_UNITS, 64 * KB, 512 * MB, 0, true, false),
    LINE("bulk", "bulk in units, window 1 MB", "Gb/s", BENCH_UNITS, MB, 512 * MB, 0, true, false),
    LINE("bulk", "bulk in units, window 16 MB", "Gb/s", BENCH_UNITS, 16 * MB, 512 * MB, 0, true, false),
    LINE("churn0", "open, byte, close; no TIME_WAIT", "conn/s", BENCH_CHURN, 0, 5000, 1000, true, false),
    LINE("churn10k", "open, byte, close; 10,000 TIME_WAIT", "conn/s", BENCH_CHURN, 10000, 5000, 500, true, false),
    LINE("churn10k", "bytes per TIME_WAIT record, of 10,000", "bytes", BENCH_RECORD_BYTES, 10000, 1, 1, false, true),
    LINE("churn1M", "open, byte, close; 1,000,000 TIME_WAIT", "conn/s", BENCH_CHURN, 1000000, 5000, 0, true, false),
    LINE("churn1M", "bytes per TIME_WAIT record, of 1,000,000", "bytes", BENCH_RECORD_BYTES, 1000000, 1, 0, false,
         true),
    LINE("churn1M", "end of a TIME_WAIT record, of 1,000,000", "ns", BENCH_EXPIRY, 1000000, 1, 0, false, true),
    LINE("conns10", "ACK to one of 10 connections", "ns", BENCH_ACK, 10, 500000, 500000, false, false),
    LINE("conns10", "timers of 10 connections, for a second", "ns", BENCH_TIMERS, 10, 60, 60, false, false),
    LINE("conns10k", "ACK to one of 10,000 connections", "ns", BENCH_ACK, 10000, 500000, 5000, false, false),
    LINE("conns10k", "timers of 10,000 connections, for a second", "ns", BENCH_TIMERS, 10000, 60, 60, false, false),
    LINE("conns10k", "bytes per idle connection, of 10,000", "bytes", BENCH_IDLE_BYTES, 10000, 1, 1, false, true),
    LINE("conns1M", "ACK to one of 1,000,000 connections", "ns", BENCH_ACK, 1000000, 500000, 0, false, false),
    LINE("conns1M", "timers of 1,000,000 connections, for a second", "ns", BENCH_TIMERS, 1000000, 60, 0, false, false),
    LINE("conns1M", "bytes per idle connection, of 1,000,000", "bytes", BENCH_IDLE_BYTES, 1000000, 1, 0, false, true),
};
#define NLINES (sizeof(lines) / sizeof(lines[0]))

struct options {
    bool json, quick;
    unsigned rounds;
    int cpu;
    const char *only;
};

static int usage(void) {
    fprintf(stderr, "usage: bench [--json] [--quick] [--rounds N] [--cpu N] [--only WORD]\n");
    return 2;
}

static bool parse(int argc, char **argv, struct options *o) {
    *o = (struct options){.rounds = 5, .cpu = -1, .only = ""};
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--json") == 0)
            o->json = true;
        else if (strcmp(argv[i], "--quick") == 0)
            o->quick = true;
        else if (strcmp(argv[i], "--rounds") == 0 && more)
            o->rounds = (unsigned)atoi(argv[++i]);
        else if (strcmp(argv[i], "--cpu") == 0 && more)
            o->cpu = atoi(argv[++i]);
        else if (strcmp(argv[i], "--only") == 0 && more)
            o->only = argv[++i];
        else
            return false;
    }
    if (o->quick) o->rounds = 3;
    return o->rounds >= 1 && o->rounds <= BENCH_ROUNDS_MAX;
}

static void progress(const struct bench_line *line, const char *side, unsigned round, unsigned rounds) {
    static unsigned done;
    if (isatty(2))
        fprintf(stderr, "\r\033[K[%zu/%zu] round %u of %u: %s, %s", (size_t)(line - lines) + 1, NLINES, round + 1,
                rounds, line->name, side);
    else if (round == 0 && done++ % 2 == 0)
        fprintf(stderr, "[%zu/%zu] %s\n", (size_t)(line - lines) + 1, NLINES, line->name);
}

/* One number of one side. */
static void measure(struct bench_line *line, struct bench_side *side, unsigned which, unsigned round, unsigned rounds) {
    const struct bench_task *task = which ? &line->theirs : &line->ours;
    if (task->amount == 0 || line->why[0]) return;
    progress(line, side->peer->name, round, rounds);
    struct bench_result result;
    bench_side_ask(side, task, &result);
    if (result.ok)
        line->value[which][line->rounds[which]++] = result.value;
    else
        snprintf(line->why, sizeof(line->why), "%.20s: %.90s", side->peer->name, result.why);
}

/* All rounds of lines[from, to), which are one group. */
static bool run_group(size_t from, size_t to, unsigned rounds) {
    struct bench_side sides[2];
    if (!bench_side_start(&sides[0], &bench_lastack)) return false;
    if (!bench_side_start(&sides[1], &bench_lwip)) {
        bench_side_stop(&sides[0]);
        return false;
    }
    for (unsigned round = 0; round <= rounds; round++)
        for (size_t i = from; i < to; i++) {
            if (lines[i].once != (round == rounds)) continue;
            for (unsigned which = 0; which < 2; which++) measure(&lines[i], &sides[which], which, round, rounds);
        }
    bench_side_stop(&sides[0]), bench_side_stop(&sides[1]);
    return true;
}

/* Keeps the lines that are asked for; returns how many. */
static size_t choose(const struct options *o) {
    size_t n = 0;
    for (size_t i = 0; i < NLINES; i++) {
        if (!strstr(lines[i].name, o->only) && !strstr(lines[i].group, o->only)) continue;
        if (o->quick && lines[i].ours.size == 1000000) continue;
        if (o->quick) lines[i].ours.amount /= lines[i].ours.amount >= 1000 ? 8 : 1;
        if (o->quick) lines[i].theirs.amount /= lines[i].theirs.amount >= 1000 ? 8 : 1;
        if (n != i) lines[n] = lines[i];
        n++;
    }
    return n;
}

int main(int argc, char **argv) {
    struct options o;
    if (!parse(argc, argv, &o)) return usage();
    int cpu = bench_pin(o.cpu);
    size_t n = choose(&o);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && strcmp(lines[from].group, lines[to].group) == 0;) to++;
        if (!run_group(from, to, o.rounds)) {
            perror("bench");
            return 1;
        }
    }
    if (isatty(2)) fprintf(stderr, "\r\033[K");
    struct bench_report report = {lines, (unsigned)n, o.rounds, cpu, {bench_lastack.name, bench_lwip.name}};
    return (o.json ? bench_print_json(&report) : bench_print_table(&report)) ? 0 : 1;
}
