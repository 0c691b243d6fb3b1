/* Two of our stacks, a wire between them, and the time. */
#ifndef WORLD_H
#define WORLD_H

#include <lastack/info.h>
#include <lastack/socket.h>
#include <lastack/stack.h>

/* Memory as the stack asks for it. */
struct heap {
    size_t used;
};

#define WORLD_MTU 1500
#define WORLD_UNIT 65536 /* The largest packet with units. */

struct world {
    struct la_stack *client, *server;
    struct heap client_heap, server_heap;
    struct la_endpoint client_at, server_at;
    la_time now;
    uint8_t frame[WORLD_UNIT]; /* The latest packet to the server, gathered. */
    size_t frame_len;
    uint64_t packets; /* To the server. */
};

/* Makes both stacks, with the Linux profile and limits that stand in nobody's way. */
bool world_open(struct world *w);
/* The same, with interfaces that take units of so many bytes and verify checksums. */
bool world_open_units(struct world *w, uint32_t gso_max);
void world_close(struct world *w);
/* Sets on both stacks. False when either refuses. */
bool world_set(struct world *w, const char *name, int64_t value);
/* A listener of the server's; negative on failure. */
la_sock world_listen(struct world *w, uint16_t port);
/* Moves packets until both sides are quiet, and takes all events. */
void world_settle(struct world *w);
/* Lets time pass, in steps as the stacks ask for, and settles. */
void world_pass(struct world *w, la_time duration);

/* The two ends of a connection. */
struct call {
    la_sock client, server;
};

/* Opens through `listener` on `port`. */
bool world_dial(struct world *w, la_sock listener, uint16_t port, struct call *call);
/* One byte there and one back. */
bool world_exchange(struct world *w, const struct call *call);
/* Both ends close, the client first: it keeps the TIME_WAIT record. */
bool world_hang_up(struct world *w, const struct call *call);

struct bench_task;
struct bench_result;
void run_bulk(const struct bench_task *task, struct bench_result *result);
void run_churn(const struct bench_task *task, struct bench_result *result);
void run_record_bytes(const struct bench_task *task, struct bench_result *result);
void run_expiry(const struct bench_task *task, struct bench_result *result);
void run_ack(const struct bench_task *task, struct bench_result *result);
void run_timers(const struct bench_task *task, struct bench_result *result);
void run_idle_bytes(const struct bench_task *task, struct bench_result *result);

#endif
