/* What all sides share: clock, numbers, processes, and the stream that is checked. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

void bench_fail(struct bench_result *result, const char *why) {
    result->ok = false;
    snprintf(result->why, sizeof(result->why), "%s", why);
}

uint64_t bench_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* SplitMix64. */
uint64_t bench_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* --- Processes --- */

static bool read_all(int fd, void *data, size_t len) {
    uint8_t *at = data;
    while (len) {
        ssize_t n = read(fd, at, len);
        if (n <= 0) return false;
        at += n, len -= (size_t)n;
    }
    return true;
}

static void serve(const struct bench_peer *peer, int from, int to) {
    struct bench_task task;
    while (read_all(from, &task, sizeof(task)) && task.subject != BENCH_END) {
        struct bench_result result = {.ok = true};
        peer->run(&task, &result);
        if (write(to, &result, sizeof(result)) != (ssize_t)sizeof(result)) return;
    }
}

bool bench_side_start(struct bench_side *side, const struct bench_peer *peer) {
    int to[2], from[2];
    if (pipe(to) < 0 || pipe(from) < 0) return false;
    fflush(NULL);
    int pid = fork();
    if (pid < 0) return false;
    if (pid == 0) {
        close(to[1]), close(from[0]);
        serve(peer, to[0], from[1]);
        _exit(0);
    }
    close(to[0]), close(from[1]);
    *side = (struct bench_side){peer, pid, to[1], from[0]};
    return true;
}

void bench_side_ask(struct bench_side *side, const struct bench_task *task, struct bench_result *result) {
    memset(result, 0, sizeof(*result));
    if (write(side->to, task, sizeof(*task)) != (ssize_t)sizeof(*task) ||
        !read_all(side->from, result, sizeof(*result)))
        bench_fail(result, "the process that measures has ended");
}

void bench_side_stop(struct bench_side *side) {
    /* Its end of the pipe is no sign: the other side's process has a copy. */
    struct bench_task end = {.subject = BENCH_END};
    if (write(side->to, &end, sizeof(end)) != (ssize_t)sizeof(end)) kill(side->pid, SIGTERM);
    close(side->to), close(side->from);
    waitpid(side->pid, NULL, 0);
}

int bench_pin(int cpu) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) < 0) return -1;
    for (int i = CPU_SETSIZE - 1; cpu < 0 && i >= 0; i--)
        if (CPU_ISSET((size_t)i, &set)) cpu = i;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) < 0 ? -1 : cpu;
}

/* --- The stream --- */

#define PERIOD 1000003u
#define SAMPLES 64

static uint8_t pattern[PERIOD + BENCH_CHUNK];

const uint8_t *bench_source(uint64_t at) {
    if (!pattern[0]) {
        uint64_t state = 1;
        for (size_t i = 0; i < PERIOD; i++) pattern[i] = (uint8_t)bench_random(&state);
        pattern[0] = 1;
        memcpy(pattern + PERIOD, pattern, BENCH_CHUNK);
    }
    return pattern + at % PERIOD;
}

static uint64_t sum_of(const uint8_t *data, size_t len) {
    uint64_t sum = 0, word;
    size_t i = 0;
    for (; i + sizeof(word) <= len; i += sizeof(word)) {
        memcpy(&word, data + i, sizeof(word));
        sum += word;
    }
    for (; i < len; i++) sum += data[i];
    return sum;
}

void bench_stream_start(struct bench_stream *stream, uint64_t at) {
    if (!stream->block) stream->block = malloc(BENCH_CHUNK);
    if (!stream->block) abort();
    *stream = (struct bench_stream){.block = stream->block, .at = at, .expected = at, .random = at + 1};
    bench_source(0);
}

uint8_t *bench_stream_room(const struct bench_stream *stream, size_t *room) {
    *room = BENCH_CHUNK - stream->filled;
    return stream->block + stream->filled;
}

static void check_block(struct bench_stream *stream) {
    const uint8_t *right = bench_source(stream->at);
    stream->sum += sum_of(stream->block, stream->filled);
    for (unsigned i = 0; stream->filled >= 8 && i < SAMPLES; i++) {
        size_t at = (size_t)(bench_random(&stream->random) % (stream->filled - 7));
        if (memcmp(stream->block + at, right + at, 8) != 0) stream->wrong = true;
    }
    stream->at += stream->filled;
    stream->filled = 0;
}

void bench_stream_filled(struct bench_stream *stream, size_t len) {
    stream->filled += len;
    if (stream->filled == BENCH_CHUNK) check_block(stream);
}

bool bench_stream_right(struct bench_stream *stream) {
    check_block(stream);
    uint64_t sum = 0;
    while (stream->expected < stream->at) {
        size_t len =
            stream->at - stream->expected < BENCH_CHUNK ? (size_t)(stream->at - stream->expected) : BENCH_CHUNK;
        sum += sum_of(bench_source(stream->expected), len);
        stream->expected += len;
    }
    return !stream->wrong && sum == stream->sum;
}
