/* Many connections that have done something and now do nothing: what one costs in memory, in timers, and when a segment
 * comes for it. They are looked at from the server's end; once they stand, the clients' stack is gone. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "world.h"

#define PORT 7000
#define PER_PORT 20000
#define ACK_BYTES 60
#define BATCH 1024

struct ack {
    uint8_t len, data[ACK_BYTES];
};

static struct world w;
static struct ack *acks; /* Of each connection, the latest ACK of its peer. */
static uint64_t nacks;
static double idle_bytes;

static bool open_one(la_sock listener, uint16_t port) {
    struct call call;
    int on = 1;
    if (!world_dial(&w, listener, port, &call) || !world_exchange(&w, &call)) return false;
    if (w.frame_len > ACK_BYTES) return false;
    acks[nacks].len = (uint8_t)w.frame_len;
    memcpy(acks[nacks].data, w.frame, w.frame_len);
    return la_setsockopt(w.server, call.server, LA_SOL_SOCKET, LA_SO_KEEPALIVE, &on, sizeof(on), w.now) == 0;
}

static bool many(uint64_t n) {
    if (nacks == n) return true;
    if (!world_open(&w) || !(acks = calloc(n, sizeof(*acks)))) return false;
    la_sock listener = -1;
    uint16_t port = PORT;
    size_t before = w.server_heap.used;
    for (; nacks < n; nacks++) {
        if (nacks % PER_PORT == 0 && (listener = world_listen(&w, ++port)) < 0) return false;
        if (!open_one(listener, port)) return false;
    }
    idle_bytes = (double)(w.server_heap.used - before) / (double)n;
    la_stack_destroy(w.client);
    w.client = NULL;
    return true;
}

void run_ack(const struct bench_task *task, struct bench_result *result) {
    static struct ack batch[BATCH];
    uint64_t spent = 0, random = 7, done = 0;
    if (!many(task->size)) return bench_fail(result, "a connection failed");
    for (; done < task->amount; done += BATCH) {
        for (unsigned i = 0; i < BATCH; i++) batch[i] = acks[bench_random(&random) % nacks];
        uint64_t begin = bench_clock();
        for (unsigned i = 0; i < BATCH; i++) la_input(w.server, 0, batch[i].data, batch[i].len, w.now);
        spent += bench_clock() - begin;
        if (la_output_pending(w.server, -1)) return bench_fail(result, "an ACK was answered");
    }
    result->value = (double)spent / (double)done;
    uint32_t count[LA_NSTATES];
    la_conn_count(w.server, count);
    if (count[LA_ESTABLISHED] != nacks) bench_fail(result, "connections are lost");
}

void run_timers(const struct bench_task *task, struct bench_result *result) {
    if (!many(task->size)) return bench_fail(result, "a connection failed");
    uint64_t begin = bench_clock();
    for (uint64_t tick = 0; tick < task->amount * 4; tick++) {
        w.now += 250 * LA_MS;
        la_tick(w.server, w.now);
    }
    result->value = (double)(bench_clock() - begin) / (double)task->amount;
    if (la_output_pending(w.server, -1)) bench_fail(result, "something was sent");
}

void run_idle_bytes(const struct bench_task *task, struct bench_result *result) {
    if (!many(task->size)) return bench_fail(result, "a connection failed");
    result->value = idle_bytes;
}
