/* Workers: processes forked from this one, each at the end of a socket pair.
 *
 * The parent writes a task's number; the worker plays the task and writes the length of its answer and the answer; then
 * it gets the next number. The end of the pair tells a worker to leave. A worker owns nothing but its end and what it
 * has inherited, so its death costs one task: the parent reads end of file, asks how it died, says that the task is
 * lost, and forks another.
 *
 * A signal that asks to stop is let in only while the parent waits. It then tells the busy workers to leave, and
 * reports what there is. A worker that is told to leave ends what it has started.
 *
 * Answers are kept until those before them are delivered. Invariants: a worker has one task at most; tasks are given
 * out in order; `delivered` <= `given` <= ntasks. */
#define _GNU_SOURCE
#include "drill_jobs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX ((uint64_t)256 << 20)
#define NO_TASK SIZE_MAX

struct worker {
    pid_t pid; /* 0: none. */
    int fd;
    size_t task; /* NO_TASK: idle. */
    uint64_t deadline_ms;
    struct answer incoming; /* The length in front. */
};

/* What became of a task that is over. */
struct outcome {
    bool over;
    struct answer answer;
    char why[96]; /* Not empty: lost. */
};

struct run {
    const struct jobs *jobs;
    struct worker *worker;
    struct pollfd *waiting;
    struct outcome *outcome;
    size_t given, over, delivered;
    char *error;
    size_t error_size;
    bool failed;
    sigset_t signals; /* Those that were blocked before. */
};

/* --- Answers --- */

void answer_add(struct answer *answer, const void *bytes, size_t len) {
    if (answer->failed || !len) return;
    if (len > answer->room - answer->len) {
        size_t room = answer->room ? answer->room : 4096;
        while (room - answer->len < len) room *= 2;
        uint8_t *more = realloc(answer->bytes, room);
        if (!more) {
            answer->failed = true;
            return;
        }
        answer->bytes = more;
        answer->room = room;
    }
    memcpy(answer->bytes + answer->len, bytes, len);
    answer->len += len;
}

void answer_free(struct answer *answer) {
    free(answer->bytes);
    *answer = (struct answer){0};
}

/* --- Stopping --- */

static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
#define NSTOPS (sizeof stops / sizeof stops[0])

static volatile sig_atomic_t stopped;  /* By this signal; 0: not. */
static const struct jobs *worker_jobs; /* Of this process, if it is a worker. */

static void stop(int number) { stopped = number; }

static void leave(int number) {
    (void)number;
    if (worker_jobs->leave) worker_jobs->leave();
    _exit(EXIT_FAILURE);
}

int jobs_stopped(void) { return stopped; }

/* What is ignored stays so (nohup). */
static void handle(void (*handler)(int)) {
    for (size_t i = 0; i < NSTOPS; i++) {
        struct sigaction before, action = {.sa_handler = handler};
        if (!sigaction(stops[i], NULL, &before) && before.sa_handler != SIG_IGN) sigaction(stops[i], &action, NULL);
    }
}

static void hold_signals(sigset_t *before) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < NSTOPS; i++) sigaddset(&set, stops[i]);
    sigprocmask(SIG_BLOCK, &set, before);
}

/* --- The worker's side --- */

static bool read_whole(int fd, void *bytes, size_t len) {
    for (uint8_t *at = bytes; len;) {
        ssize_t got = read(fd, at, len);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

static bool write_whole(int fd, const void *bytes, size_t len) {
    for (const uint8_t *at = bytes; len;) {
        ssize_t put = send(fd, at, len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        at += put;
        len -= (size_t)put;
    }
    return true;
}

static void work(const struct jobs *jobs, int fd, const sigset_t *signals) {
    uint64_t task;
    bool ok = true;
    setpgid(0, 0); /* The terminal's signals are the parent's. */
    worker_jobs = jobs;
    handle(leave);
    sigprocmask(SIG_SETMASK, signals, NULL);
    while (ok && read_whole(fd, &task, sizeof task)) {
        struct answer answer = {0};
        jobs->play(jobs->ctx, (size_t)task, &answer);
        uint64_t len = answer.len;
        ok = !answer.failed && write_whole(fd, &len, sizeof len) && write_whole(fd, answer.bytes, answer.len);
        answer_free(&answer);
    }
}

/* --- The parent's side --- */

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool fail(struct run *run, const char *what) {
    if (!run->failed && stopped)
        snprintf(run->error, run->error_size, "stopped by SIG%s; %zu of %zu scripts ran", sigabbrev_np(stopped),
                 run->delivered, run->jobs->ntasks);
    else if (!run->failed)
        snprintf(run->error, run->error_size, "%s: %s", what, strerror(errno));
    run->failed = true;
    return false;
}

/* How a process ended, in words; false: well. */
static bool death(int status, char *text, size_t size) {
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        snprintf(text, size, "the process that ran it was killed by SIG%s", name ? name : "?");
    } else {
        snprintf(text, size, "the process that ran it ended with status %d", WEXITSTATUS(status));
    }
    return status != 0;
}

static int bury(struct worker *worker) {
    int status = 0;
    close(worker->fd);
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) continue;
    worker->pid = 0;
    answer_free(&worker->incoming);
    return status;
}

static bool start(struct run *run, struct worker *worker) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) return fail(run, "socketpair");
    fflush(NULL); /* Or the worker would write what is buffered once more. */
    pid_t pid = fork();
    if (pid < 0) {
        close(pair[0]);
        close(pair[1]);
        return fail(run, "fork");
    }
    if (!pid) {
        /* The others' ends must not stay open here, or they would not see the parent's end. */
        for (unsigned i = 0; i < run->jobs->workers; i++)
            if (run->worker[i].pid) close(run->worker[i].fd);
        close(pair[0]);
        work(run->jobs, pair[1], &run->signals);
        exit(EXIT_SUCCESS);
    }
    close(pair[1]);
    *worker = (struct worker){.pid = pid, .fd = pair[0], .task = NO_TASK};
    return true;
}

static void deliver(struct run *run) {
    for (; run->delivered < run->given && run->outcome[run->delivered].over; run->delivered++) {
        struct outcome *outcome = &run->outcome[run->delivered];
        if (*outcome->why)
            run->jobs->lost(run->jobs->ctx, run->delivered, outcome->why);
        else
            run->jobs->done(run->jobs->ctx, run->delivered, &outcome->answer);
        answer_free(&outcome->answer);
    }
}

/* A worker's task is over: `why` is NULL when it has answered. */
static void finish(struct run *run, struct worker *worker, const char *why) {
    struct outcome *outcome = &run->outcome[worker->task];
    size_t task = worker->task;
    outcome->over = true;
    if (why) snprintf(outcome->why, sizeof outcome->why, "%s", why);
    worker->task = NO_TASK;
    run->over++;
    deliver(run);
    if (run->jobs->progress) run->jobs->progress(run->jobs->ctx, run->over, task);
}

/* Gives an idle worker something to do, and makes the worker first where there is none. */
static bool employ(struct run *run, struct worker *worker) {
    if (run->given == run->jobs->ntasks) return true;
    if (!worker->pid && !start(run, worker)) return false;
    uint64_t task = run->given;
    worker->task = run->given++;
    worker->deadline_ms = run->jobs->timeout_s ? now_ms() + (uint64_t)run->jobs->timeout_s * 1000 : UINT64_MAX;
    /* If it has died meanwhile, reading from it will tell. */
    write_whole(worker->fd, &task, sizeof task);
    return true;
}

/* The answer is whole: it moves to its task. */
static void take(struct run *run, struct worker *worker) {
    struct answer *incoming = &worker->incoming, *kept = &run->outcome[worker->task].answer;
    *kept = *incoming;
    kept->len -= sizeof(uint64_t);
    memmove(kept->bytes, kept->bytes + sizeof(uint64_t), kept->len);
    *incoming = (struct answer){0};
    finish(run, worker, NULL);
    if (run->jobs->fresh) bury(worker);
}

static void lose(struct run *run, struct worker *worker) {
    char why[96];
    size_t task = worker->task;
    int status = bury(worker);
    worker->task = task;
    if (!death(status, why, sizeof why)) snprintf(why, sizeof why, "the process that ran it left early");
    finish(run, worker, why);
}

static bool hear(struct run *run, struct worker *worker) {
    uint8_t bytes[65536];
    ssize_t got = recv(worker->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (got <= 0) {
        lose(run, worker);
        return employ(run, worker);
    }
    struct answer *incoming = &worker->incoming;
    answer_add(incoming, bytes, (size_t)got);
    uint64_t len = 0;
    if (incoming->len >= sizeof len) memcpy(&len, incoming->bytes, sizeof len);
    if (incoming->failed || len > ANSWER_MAX) {
        errno = ENOMEM;
        return fail(run, "an answer");
    }
    if (incoming->len < sizeof len || incoming->len - sizeof len < len) return true;
    take(run, worker);
    return employ(run, worker);
}

/* Takes the task from a worker that does not come to an end. */
static bool expire(struct run *run, struct worker *worker) {
    char why[96];
    size_t task = worker->task;
    kill(worker->pid, SIGTERM);
    bury(worker);
    worker->task = task;
    snprintf(why, sizeof why, "it did not end within %u s (--timeout)", run->jobs->timeout_s);
    finish(run, worker, why);
    return employ(run, worker);
}

/* Waits until a worker has something to say, or the first deadline. */
static bool wait_for_news(struct run *run) {
    uint64_t until = UINT64_MAX, now = now_ms();
    for (unsigned i = 0; i < run->jobs->workers; i++) {
        struct worker *worker = &run->worker[i];
        bool busy = worker->pid && worker->task != NO_TASK;
        run->waiting[i] = (struct pollfd){.fd = busy ? worker->fd : -1, .events = POLLIN};
        if (busy && worker->deadline_ms < until) until = worker->deadline_ms;
    }
    uint64_t left = until == UINT64_MAX || until > now + 60000 ? 60000 : until > now ? until - now : 0;
    struct timespec timeout = {(time_t)(left / 1000), (long)(left % 1000) * 1000000};
    int ready = ppoll(run->waiting, run->jobs->workers, &timeout, &run->signals);
    if (ready < 0 && errno != EINTR) return fail(run, "poll");
    if (stopped) return fail(run, "stopped");
    if (ready < 0) return true;
    now = now_ms();
    for (unsigned i = 0; i < run->jobs->workers; i++) {
        struct worker *worker = &run->worker[i];
        if (run->waiting[i].fd < 0) continue;
        if (run->waiting[i].revents && !hear(run, worker)) return false;
        if (!run->waiting[i].revents && now >= worker->deadline_ms && !expire(run, worker)) return false;
    }
    return true;
}

/* Sends everybody home. Those that still have a task (after an error) are not waited for. */
static void dismiss(struct run *run) {
    for (unsigned i = 0; i < run->jobs->workers; i++) {
        struct worker *worker = &run->worker[i];
        char why[96];
        if (!worker->pid) continue;
        if (worker->task != NO_TASK) kill(worker->pid, SIGTERM);
        bool idle = worker->task == NO_TASK;
        if (death(bury(worker), why, sizeof why) && idle && !run->failed) {
            snprintf(run->error, run->error_size, "all scripts ran, but %s", why);
            run->failed = true;
        }
    }
}

bool jobs_run(const struct jobs *jobs, char *error, size_t size) {
    struct run run = {.jobs = jobs, .error = error, .error_size = size};
    run.worker = calloc(jobs->workers, sizeof *run.worker);
    run.waiting = calloc(jobs->workers, sizeof *run.waiting);
    run.outcome = calloc(jobs->ntasks + 1, sizeof *run.outcome);
    bool ok = run.worker && run.waiting && run.outcome;
    if (!ok) fail(&run, "calloc");
    hold_signals(&run.signals);
    handle(stop);
    for (unsigned i = 0; ok && i < jobs->workers; i++) ok = employ(&run, &run.worker[i]);
    while (ok && run.over < jobs->ntasks) ok = wait_for_news(&run);
    if (run.worker) dismiss(&run);
    if (!stopped) handle(SIG_DFL); /* Who is impatient asks twice. */
    sigprocmask(SIG_SETMASK, &run.signals, NULL);
    for (size_t i = 0; run.outcome && i < jobs->ntasks; i++) answer_free(&run.outcome[i].answer);
    free(run.worker);
    free(run.waiting);
    free(run.outcome);
    return !run.failed;
}
