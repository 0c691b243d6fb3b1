#define _GNU_SOURCE
#include "drill_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 10000

struct child {
    const struct child_job *job;
    pid_t pid;
    int handle; /* Readable when it has ended. */
    int pipe;   /* Its output. -1: at its end. */
    size_t len;
};

static volatile sig_atomic_t group; /* Of the child that runs; 0: none. */

void child_end(void) {
    if (group) kill(-group, SIGKILL);
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In the child. Does not return. */
static void become(const struct child_job *job, int output, const sigset_t *signals) {
    int input = job->input >= 0 ? job->input : open("/dev/null", O_RDONLY | O_CLOEXEC);
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, signals, NULL);
    if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0) _exit(126);
    signal(SIGPIPE, SIG_DFL);
    if (job->prepare) job->prepare(job->ctx);
    execvp(job->argv[0], job->argv);
    _exit(127);
}

static int start(struct child *child) {
    sigset_t all, before;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before); /* Or child_end could miss it. */
    child->pid = fork();
    if (child->pid == 0) become(child->job, ends[1], &before);
    int error = child->pid < 0 ? -errno : 0;
    if (!error) setpgid(child->pid, child->pid); /* Whichever of the two comes first. */
    group = error ? 0 : child->pid;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    child->pipe = ends[0];
    if (error) {
        close(ends[0]);
        return error;
    }
    fcntl(child->pipe, F_SETFL, O_NONBLOCK);
    child->handle = (int)syscall(SYS_pidfd_open, child->pid, 0);
    return 0;
}

/* What is there. What does not fit is read and forgotten, or the child would wait. */
static void take_output(struct child *child) {
    char rest[4096];
    while (child->pipe >= 0) {
        size_t room = child->job->size - 1 - child->len;
        ssize_t n = read(child->pipe, room ? child->job->output + child->len : rest, room ? room : sizeof rest);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return;
        if (n == 0) {
            close(child->pipe);
            child->pipe = -1;
        } else if (room) {
            child->len += (size_t)n;
        }
    }
}

static void serve(const struct child *child) {
    int connection = accept4(child->job->listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return;
    child->job->serve(child->job->ctx, connection);
    close(connection);
}

/* Until it has ended. False: its time is over. */
static bool attend(struct child *child, int *status) {
    int64_t deadline = now_ms() + LIMIT_MS;
    for (;;) {
        int64_t left = deadline - now_ms();
        struct pollfd fd[] = {{child->handle, POLLIN, 0}, {child->pipe, POLLIN, 0}, {child->job->listener, POLLIN, 0}};
        if (left <= 0) return false;
        if (child->handle < 0 && left > 5) left = 5; /* An old kernel: ask again and again. */
        if (poll(fd, 3, (int)left) < 0 && errno != EINTR) return false;
        take_output(child);
        if (child->job->listener >= 0 && fd[2].revents) serve(child);
        if ((fd[0].revents || child->handle < 0) && waitpid(child->pid, status, WNOHANG) == child->pid) return true;
    }
}

int child_run(const struct child_job *job) {
    struct child child = {.job = job, .handle = -1, .pipe = -1};
    int status = 0, error = start(&child);
    if (error) return error;
    bool ended = attend(&child, &status);
    kill(-child.pid, SIGKILL); /* What it left in the background, too. */
    group = 0;
    if (!ended)
        while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) continue;
    take_output(&child);
    job->output[child.len] = '\0';
    if (child.pipe >= 0) close(child.pipe);
    if (child.handle >= 0) close(child.handle);
    if (!ended) return -ETIMEDOUT;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
