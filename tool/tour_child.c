/* curl and its helper. Their pipes:
 *
 *   download:  stack => curl -body-> helper -"BYTES CHECKSUM"-> tour
 *   upload:    stack <= curl <-body- helper -"BYTES CHECKSUM"-> tour;  curl -the server's answer-> tour
 *
 * curl's messages come by a pipe of their own. A pipe ends when its writer has ended, and that is how the tour's loop
 * learns of it: no signals, no polling for processes. */
#define _GNU_SOURCE
#include "tour_child.h"

#include "tour_pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK (256u << 10)

struct ends {
    int read, write;
};

static bool make_pipe(struct ends *ends) {
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) < 0) return false;
    *ends = (struct ends){fd[0], fd[1]};
    return true;
}

static void close_ends(struct ends *ends) {
    if (ends->read >= 0) close(ends->read);
    if (ends->write >= 0) close(ends->write);
}

/* --- The helper --- */

static void report(int to, const struct sum *sum) {
    char text[64];
    int len = snprintf(text, sizeof text, "%" PRIu64 " %016" PRIx64 "\n", sum->bytes, sum_value(sum));
    if (write(to, text, (size_t)len) != len) _exit(1);
    _exit(0);
}

static void check_body(int from, int to) {
    static uint8_t block[BLOCK];
    struct sum sum = {0};
    ssize_t n;
    while ((n = read(from, block, sizeof block)) > 0) sum_add(&sum, block, (size_t)n);
    report(to, &sum);
}

static void make_body(uint64_t bytes, int body, int to) {
    static uint8_t block[BLOCK];
    struct sum sum = {0};
    while (sum.bytes < bytes) {
        size_t len = bytes - sum.bytes < BLOCK ? (size_t)(bytes - sum.bytes) : BLOCK;
        pattern_fill(sum.bytes, block, len);
        sum_add(&sum, block, len);
        for (size_t done = 0; done < len;) {
            ssize_t n = write(body, block + done, len - done);
            if (n < 0) _exit(1);
            done += (size_t)n;
        }
    }
    close(body);
    report(to, &sum);
}

/* --- curl --- */

static void be_curl(const char *url, bool upload) {
    static char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", NULL};
    char *target = strdup(url);
    char *down[] = {"curl", "-q", "-sS", "-g", "--noproxy", "*", "--fail", target, NULL};
    char *up[] = {"curl", "-q", "-sS", "-g", "--noproxy", "*", "--fail", "-T", "-", target, NULL};
    execvpe("curl", upload ? up : down, environment);
    fprintf(stderr, "cannot run curl: %s (apt-get install curl)\n", strerror(errno));
    _exit(127);
}

/* Descriptors go to where curl expects them; the copies are not closed by exec. */
static bool place(int in, int out, int errors) {
    return (in < 0 || dup2(in, STDIN_FILENO) >= 0) && dup2(out, STDOUT_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0;
}

struct pipes {
    struct ends body, helper, answer, errors;
};

static pid_t start_curl(const struct pipes *pipes, const char *url, bool upload) {
    pid_t pid = fork();
    if (pid) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    if (!place(upload ? pipes->body.read : -1, upload ? pipes->answer.write : pipes->body.write, pipes->errors.write))
        _exit(126);
    be_curl(url, upload);
    _exit(126);
}

static pid_t start_helper(const struct pipes *pipes, bool upload, uint64_t bytes) {
    pid_t pid = fork();
    if (pid) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int to = pipes->helper.write, body = upload ? pipes->body.write : pipes->body.read;
    close(upload ? pipes->body.read : pipes->body.write);
    close(pipes->answer.write);
    close(pipes->errors.write);
    if (upload) make_body(bytes, body, to);
    check_body(body, to);
    _exit(0);
}

static struct inlet inlet_of(struct ends *ends) {
    close(ends->write);
    (void)fcntl(ends->read, F_SETFL, O_NONBLOCK);
    return (struct inlet){.fd = ends->read};
}

bool children_start(struct children *children, const char *url, bool upload, uint64_t bytes) {
    struct pipes pipes = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    *children = (struct children){.in = {{.fd = -1}, {.fd = -1}, {.fd = -1}}};
    if (!make_pipe(&pipes.body) || !make_pipe(&pipes.helper) || !make_pipe(&pipes.answer) ||
        !make_pipe(&pipes.errors)) {
        close_ends(&pipes.body), close_ends(&pipes.helper), close_ends(&pipes.answer);
        return false;
    }
    (void)fcntl(pipes.body.write, F_SETPIPE_SZ, 1 << 20); /* Only a wish. */
    children->helper = start_helper(&pipes, upload, bytes);
    children->curl = start_curl(&pipes, url, upload);
    close_ends(&pipes.body);
    children->in[FROM_HELPER] = inlet_of(&pipes.helper);
    children->in[FROM_CURL] = inlet_of(&pipes.answer);
    children->in[CURL_ERRORS] = inlet_of(&pipes.errors);
    if (children->helper > 0 && children->curl > 0) return true;
    children_end(children, true);
    return false;
}

/* --- Reading, ending --- */

static void inlet_read(struct inlet *inlet) {
    char room[256];
    while (inlet->fd >= 0) {
        ssize_t n = read(inlet->fd, room, sizeof room);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) {
            close(inlet->fd);
            inlet->fd = -1;
            return;
        }
        unsigned space = (unsigned)sizeof inlet->text - 1 - inlet->len, take = n < (ssize_t)space ? (unsigned)n : space;
        memcpy(inlet->text + inlet->len, room, take);
        inlet->len += take;
    }
}

bool children_read(struct children *children) {
    bool open = false;
    for (int i = 0; i < NINLETS; i++) {
        inlet_read(&children->in[i]);
        open |= children->in[i].fd >= 0;
    }
    return open;
}

static bool end_one(pid_t pid, bool now) {
    int status = 1;
    if (pid <= 0) return false;
    if (now) kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool children_end(struct children *children, bool now) {
    bool curl = end_one(children->curl, now), helper = end_one(children->helper, now);
    for (int i = 0; i < NINLETS; i++)
        if (children->in[i].fd >= 0) close(children->in[i].fd);
    return curl && helper;
}
