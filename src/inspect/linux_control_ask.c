#define _GNU_SOURCE
#include "linux_control.h"

#include <lastack/dev.h>

#include "control.h"
#include "snap_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 5
#define LONGEST_S 60
#define ANSWER_MAX ((size_t)1 << 30)

static bool unable(char *why, size_t size, const char *path, const char *problem) {
    snprintf(why, size, "%s: %s", path, problem);
    return false;
}

/* A sentence for an error of connecting or talking. */
static const char *problem(int error) {
    switch (error) {
    case ENOENT: return "there is no such file; give the control socket's path of a running program";
    case ECONNREFUSED: return "no running program serves this control socket";
    case EACCES:
    case EPERM: return "only the user that runs the program, or root, may use its control socket";
    case EAGAIN: return "the program has not answered for 5 s";
    case ETIMEDOUT: return "the program's answer has not ended after a minute";
    case EPIPE:
    case ECONNRESET: return "the program closed the connection; too many ask it at the same time, or it ended";
    case ENOMEM: return "not enough memory";
    default: return strerror(error);
    }
}

static int connect_to(const char *path, int *fd) {
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    *fd = -1;
    if (len >= sizeof address.sun_path) return ENAMETOOLONG;
    memcpy(address.sun_path, path, len);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) ||
        setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience))
        return errno;
    return connect(*fd, (const struct sockaddr *)&address, sizeof address) ? errno : 0;
}

/* Sends a line and takes all that comes. 0 or an errno. */
static int talk(int fd, const char *line, size_t len, struct say *answer) {
    char piece[65536];
    la_time end = la_host_now() + LONGEST_S * LA_SECOND;
    ssize_t n = send(fd, line, len, MSG_NOSIGNAL);
    if (n != (ssize_t)len) return n < 0 ? errno : EPIPE;
    while ((n = recv(fd, piece, sizeof piece, 0)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        say(answer, "%.*s", (int)n, piece);
        if (answer->failed || answer->len > ANSWER_MAX) return ENOMEM;
        if (la_host_now() > end) return ETIMEDOUT;
    }
    return answer->len ? 0 : EPIPE;
}

/* What a program of another user might say must not reach the terminal as it is. */
static void clean(char *text) {
    for (unsigned char *s = (unsigned char *)text; *s; s++)
        if (*s < ' ' || *s >= 0x7f) *s = s[1] ? '?' : '\0';
}

/* The answer to a request, which the caller frees even on failure. */
static bool ask(const char *path, const struct say *request, struct say *answer, char *why, size_t size) {
    static const char error_words[] = "error: ";
    int fd = -1, error = request->failed ? ENOMEM : connect_to(path, &fd);
    if (!error) error = talk(fd, request->text, request->len, answer);
    if (fd >= 0) close(fd);
    if (error) return unable(why, size, path, problem(error));
    if (strncmp(answer->text, error_words, sizeof error_words - 1)) return true;
    clean(answer->text);
    return unable(why, size, path, answer->text + sizeof error_words - 1);
}

static void name_source(const char *path, struct snap *snap) {
    struct timespec date;
    if (!clock_gettime(CLOCK_REALTIME, &date)) snap->wall = (uint64_t)date.tv_sec * LA_SECOND + (uint64_t)date.tv_nsec;
    snap->source = snap_format(snap, "lastack stack at %s", path);
    for (uint32_t i = 0; i < snap->nnetns; i++) snap->netns[i].name = snap_text(snap, path);
}

bool control_snapshot(const char *path, struct snap *snap, char *why, size_t size) {
    struct say request = {0}, answer = {0};
    char wrong[200];
    say(&request, "snapshot\n");
    bool done = ask(path, &request, &answer, why, size);
    if (done && !snap_json_read(answer.text, answer.len, snap, wrong, sizeof wrong)) {
        snprintf(why, size, "%s: the answer is no snapshot (%s)", path, wrong);
        done = false;
    }
    if (done) name_source(path, snap);
    say_free(&request);
    say_free(&answer);
    return done;
}

bool control_reset(const char *path, const struct snap_conn *conn, char *why, size_t size) {
    struct say request = {0}, answer = {0};
    say(&request, "reset ");
    control_say_endpoint(&request, &conn->local);
    say(&request, " ");
    control_say_endpoint(&request, &conn->peer);
    say(&request, " %" PRIx64 "\n", conn->cookie);
    bool done = ask(path, &request, &answer, why, size);
    if (done && strcmp(answer.text, "ok\n")) done = unable(why, size, path, "the answer cannot be understood");
    say_free(&request);
    say_free(&answer);
    return done;
}
