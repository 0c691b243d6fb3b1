/* Connections that come and go, and the TIME_WAIT records that they leave at the client. */
#include <string.h>

#include "bench.h"
#include "world.h"

#define PORT 6000
#define PORTS 64 /* Listeners: a million records need more tuples than one has. */

static struct world w;
static la_sock listeners[PORTS];
static unsigned turn;

static bool start(void) {
    if (w.client) return true;
    if (!world_open(&w)) return false;
    for (unsigned i = 0; i < PORTS; i++)
        if ((listeners[i] = world_listen(&w, (uint16_t)(PORT + i))) < 0) return false;
    return true;
}

static bool churn(uint64_t n) {
    for (; n; n--, turn = (turn + 1) % PORTS) {
        struct call call;
        if (!world_dial(&w, listeners[turn], (uint16_t)(PORT + turn), &call) || !world_exchange(&w, &call) ||
            !world_hang_up(&w, &call))
            return false;
    }
    return true;
}

static uint32_t records(void) {
    uint32_t count[LA_NSTATES];
    la_conn_count(w.client, count);
    return count[LA_TIME_WAIT];
}

/* About `level` records: what earlier rounds have added is only cleared away where it matters. */
static bool records_at(uint64_t level) {
    if (!start()) return false;
    if (records() > level + level / 4) world_pass(&w, 61 * LA_SECOND);
    return records() >= level || churn(level - records());
}

void run_churn(const struct bench_task *task, struct bench_result *result) {
    if (!records_at(task->size)) return bench_fail(result, "a connection failed");
    uint32_t before = records();
    uint64_t begin = bench_clock();
    if (!churn(task->amount)) return bench_fail(result, "a connection failed");
    result->value = (double)task->amount * 1e9 / (double)(bench_clock() - begin);
    if (records() != before + task->amount) bench_fail(result, "TIME_WAIT records are missing");
}

/* Against a client that has had connections and has none: what is kept for the next one is not the records'. */
void run_record_bytes(const struct bench_task *task, struct bench_result *result) {
    if (!start()) return bench_fail(result, "no listener");
    world_pass(&w, 61 * LA_SECOND);
    if (records() != 0 || !churn(1)) return bench_fail(result, "a connection failed");
    world_pass(&w, 61 * LA_SECOND);
    size_t before = w.client_heap.used;
    if (!churn(task->size)) return bench_fail(result, "a connection failed");
    result->value = (double)(w.client_heap.used - before) / (double)records();
}

void run_expiry(const struct bench_task *task, struct bench_result *result) {
    if (!records_at(task->size)) return bench_fail(result, "a connection failed");
    uint32_t n = records();
    w.now += 61 * LA_SECOND;
    uint64_t begin = bench_clock();
    la_tick(w.client, w.now);
    result->value = (double)(bench_clock() - begin) / n;
    world_settle(&w);
    if (records() != 0) bench_fail(result, "records have outlived their time");
}
