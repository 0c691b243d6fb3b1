/* Work spread over processes: tasks with numbers, played by workers, answered as bytes, delivered in the order of their
 * numbers whoever was faster. Knows nothing about what the work is. */
#ifndef TOOL_DRILL_JOBS_H
#define TOOL_DRILL_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. Zero is empty; `failed` stays true once there was no memory. */
struct answer {
    uint8_t *bytes;
    size_t len, room;
    bool failed;
};

void answer_add(struct answer *answer, const void *bytes, size_t len);
void answer_free(struct answer *answer);

struct jobs {
    size_t ntasks;
    unsigned workers;   /* 1 at least. */
    bool fresh;         /* A new process for each task. */
    unsigned timeout_s; /* A task that takes longer is lost; 0: no limit. */
    void *ctx;
    /* In a worker: does the task, appends what there is to say. */
    void (*play)(void *ctx, size_t task, struct answer *answer);
    /* In a worker that has to end at once, from a signal's handler. May be NULL. */
    void (*leave)(void);
    /* In this process, in the order of the tasks: the answer, or what became of the worker ("killed by SIGSEGV"). */
    void (*done)(void *ctx, size_t task, const struct answer *answer);
    void (*lost)(void *ctx, size_t task, const char *why);
    /* In this process, after each answer: how many tasks are over. May be NULL. */
    void (*progress)(void *ctx, size_t over, size_t latest);
};

/* Does all tasks. False with a sentence in `error` when processes cannot be made, when one that had no task left ended
 * otherwise than well, or when a signal asks to stop. */
bool jobs_run(const struct jobs *jobs, char *error, size_t size);

/* The signal that stopped it; 0: none. */
int jobs_stopped(void);

#endif
