/* The benchmarks: what is measured, by whom, and how it is told.
 *
 * A *line* is one number of one stack beside the same number of another. Each side runs in a process of its own, on the
 * same processor, and they take turns (A B A B …), so that both meet the same weather. A *group* is the lines that
 * share what they prepare (a million connections, say); its two processes live as long as it does. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_subject {
    BENCH_END,        /* Nothing: the process ends. */
    BENCH_BULK,       /* One connection, `size` bytes of window: Gb/s of payload. */
    BENCH_UNITS,      /* The same in units of several segments, without checksums: as for a device with TSO and LRO. */
    BENCH_CHURN,      /* Open, a byte each way, close, with `size` TIME_WAIT records there: connections/s. */
    BENCH_ACK,        /* A pure ACK to a random one of `size` connections: ns. */
    BENCH_TIMERS,     /* A virtual second of `size` idle connections with keepalive, ticks of 250 ms: ns. */
    BENCH_IDLE_BYTES, /* Memory of one of `size` idle connections. */
    BENCH_RECORD_BYTES, /* Memory of one of `size` TIME_WAIT records. */
    BENCH_EXPIRY,       /* The end of one of `size` TIME_WAIT records that end together: ns. */
};

struct bench_task {
    int subject; /* enum bench_subject */
    uint64_t size;
    uint64_t amount; /* Bytes, connections, segments or virtual seconds to measure with. */
};

struct bench_result {
    bool ok;
    double value;
    char why[120]; /* When not ok. */
};

/* One side. `run` keeps what it has prepared from call to call. */
struct bench_peer {
    const char *name;
    void (*run)(const struct bench_task *task, struct bench_result *result);
};

extern const struct bench_peer bench_lastack, bench_lwip;

/* What a peer calls when it cannot go on: says so and returns. */
void bench_fail(struct bench_result *result, const char *why);

/* Processor time of this process in ns: what others do on the machine is not counted. Asking costs a system call. */
uint64_t bench_clock(void);
/* A fast, seeded stream of numbers, the same for every side. */
uint64_t bench_random(uint64_t *state);

/* --- Processes --- */

struct bench_side {
    const struct bench_peer *peer;
    int pid, to, from;
};

/* Starts a process that runs tasks for `peer`. False when the system refuses. */
bool bench_side_start(struct bench_side *side, const struct bench_peer *peer);
void bench_side_ask(struct bench_side *side, const struct bench_task *task, struct bench_result *result);
void bench_side_stop(struct bench_side *side);
/* Binds this process, and those it starts, to one processor; returns its number, -1 when that is not allowed. */
int bench_pin(int cpu);

/* --- Bytes that are checked ---
 *
 * The stream is a pattern that repeats at no power of two. The receiver collects blocks in its own buffer; of each
 * block all bytes go into a sum, and some words at random are compared with what belongs there. */

#define BENCH_CHUNK 65536

struct bench_stream {
    uint8_t *block;
    size_t filled;
    uint64_t at, sum, expected, random;
    bool wrong;
};

/* The user's buffer with the bytes from position `at`; `BENCH_CHUNK` of them can be read. */
const uint8_t *bench_source(uint64_t at);
/* Begins at a position. */
void bench_stream_start(struct bench_stream *stream, uint64_t at);
/* Where to put what comes next, and how much. */
uint8_t *bench_stream_room(const struct bench_stream *stream, size_t *room);
void bench_stream_filled(struct bench_stream *stream, size_t len);
/* Whether all bytes up to now were right; takes the sum, too (not to be timed). */
bool bench_stream_right(struct bench_stream *stream);

/* --- Lines and the report --- */

#define BENCH_ROUNDS_MAX 31

struct bench_line {
    const char *group, *name, *unit;
    struct bench_task ours, theirs; /* theirs.amount == 0: the peer cannot do it. */
    bool more_is_better;
    bool once; /* A number that does not vary, or costs too much to repeat. */
    double value[2][BENCH_ROUNDS_MAX];
    unsigned rounds[2];
    char why[120]; /* What went wrong. */
};

struct bench_report {
    struct bench_line *lines;
    unsigned nlines, rounds;
    int cpu;
    const char *names[2];
};

/* The middle of a line's values for a side, 0 when there are none. */
double bench_median(const struct bench_line *line, unsigned side);
/* Both return whether every target is met and every byte was right. */
bool bench_print_table(const struct bench_report *report);
bool bench_print_json(const struct bench_report *report);

#endif
