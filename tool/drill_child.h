/* A child process of a script: its output is caught, its time is bounded, its requests are served meanwhile. */
#ifndef TOOL_DRILL_CHILD_H
#define TOOL_DRILL_CHILD_H

#include <stddef.h>

struct child_job {
    char *const *argv;                        /* argv[0] is looked up in PATH. */
    int input;                                /* Its standard input; -1: nothing. */
    int listener;                             /* A listening socket; -1: none. */
    void (*prepare)(void *ctx);               /* In the child, before exec. May be NULL. */
    void (*serve)(void *ctx, int connection); /* Here, for each connection. It does not close it. */
    void *ctx;
    char *output; /* Both outputs, cut to `size`. */
    size_t size;
};

/* Runs it in a process group of its own, all of which is ended with it. Returns its exit status (128 and more: a
 * signal), or a negative errno; -ETIMEDOUT when it took more than ten seconds of real time. */
int child_run(const struct child_job *job);

/* Ends what child_run has running, with its group. For a signal's handler. */
void child_end(void);

#endif
