/* The answering side of a control socket: a socket file, a listener, at most 16 askers, and one epoll descriptor that
 * covers them all.
 *
 * An asker connects, writes one line, reads the answer until end of file. Its connection goes through two phases: its
 * request is collected (512 bytes and 5 s at most), then its answer is sent as fast as it reads. Whoever reads nothing
 * for 5 s is dropped; a timer in the epoll set sees to it that la_control_serve is called for that, too. What waits to
 * be read is bounded over all askers together: past it, the answer is an error.
 *
 * To make an answer takes time that grows with the number of connections. A call makes one at most, so that many askers
 * hold the stack up no longer than one; the epoll descriptor stays readable for the others.
 *
 * The file: its mode is set on the socket before bind, so that it never exists with another one. A name that is taken
 * is taken over only if it is a socket to which nobody listens; a lock on its folder keeps two programs that begin at
 * the same time from taking each other's. */
#define _GNU_SOURCE
#include <lastack/inspect.h>

#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 16
#define REQUEST_MAX 512
#define PATIENCE (5 * LA_SECOND)
#define WAITING_MAX ((size_t)256 << 20) /* Bytes of answers not read yet. */

enum { IS_LISTENER = CLIENTS, IS_TIMER };

struct client {
    int fd;        /* -1: the place is free. */
    la_time moved; /* When it came, then when it last read. */
    size_t got;    /* Bytes of the request. */
    char request[REQUEST_MAX];
    char *answer; /* NULL: the request is not complete. */
    size_t len, sent;
};

struct la_control {
    int epoll, listener, timer;
    struct sockaddr_un address;
    dev_t device; /* Of the file that was made … */
    ino_t inode;  /* … so that no other is removed. */
    char program[64];
    struct stack_names names;
    struct client client[CLIENTS];
};

/* --- The file --- */

/* Locks the folder of a path, as far as that can be done within a second. The descriptor to close, or -1. */
static int lock_folder(const char *path) {
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    char folder[sizeof((struct sockaddr_un *)0)->sun_path];
    const char *slash = strrchr(path, '/');
    size_t len = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    memcpy(folder, slash ? path : ".", slash ? len : 1);
    folder[slash ? len : 1] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < 100 && flock(fd, LOCK_EX | LOCK_NB); i++) nanosleep(&pause, NULL);
    return fd;
}

/* Whether it is a socket file that nobody listens to any more. */
static bool is_left_over(const struct sockaddr_un *address) {
    struct stat stat;
    if (lstat(address->sun_path, &stat) || !S_ISSOCK(stat.st_mode)) return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) && errno == ECONNREFUSED;
    if (fd >= 0) close(fd);
    return refused;
}

static int bind_file(struct la_control *control) {
    const struct sockaddr *address = (const struct sockaddr *)&control->address;
    const char *path = control->address.sun_path;
    struct stat stat;
    if (fchmod(control->listener, S_IRUSR | S_IWUSR)) return -errno;
    int error = bind(control->listener, address, sizeof control->address) ? errno : 0;
    if (error == EADDRINUSE && is_left_over(&control->address) && !unlink(path))
        error = bind(control->listener, address, sizeof control->address) ? errno : 0;
    if (error) return -error;
    if (lstat(path, &stat)) return -errno;
    control->device = stat.st_dev;
    control->inode = stat.st_ino;
    return listen(control->listener, CLIENTS) ? -errno : 0;
}

static int make_file(struct la_control *control) {
    int lock = lock_folder(control->address.sun_path);
    int error = bind_file(control);
    if (lock >= 0) close(lock);
    return error;
}

static void remove_file(const struct la_control *control) {
    struct stat stat;
    const char *path = control->address.sun_path;
    bool ours =
        control->inode && !lstat(path, &stat) && stat.st_dev == control->device && stat.st_ino == control->inode;
    if (ours) unlink(path);
}

/* --- Beginning and end --- */

static int watch(const struct la_control *control, int fd, uint32_t events, uint32_t which, int how) {
    struct epoll_event event = {.events = events, .data.u32 = which};
    return epoll_ctl(control->epoll, how, fd, &event) ? -errno : 0;
}

/* The own name, as ps shows it. */
static void name_program(struct la_control *control) {
    int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, control->program, sizeof control->program - 1) : 0;
    if (fd >= 0) close(fd);
    for (char *s = control->program; len > 0 && *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f) *s = s[1] ? '?' : '\0';
    control->names = (struct stack_names){getpid(), control->program[0] ? control->program : "?"};
}

static int begin(struct la_control *control) {
    control->epoll = epoll_create1(EPOLL_CLOEXEC);
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    control->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (control->epoll < 0 || control->listener < 0 || control->timer < 0) return -errno;
    int error = make_file(control);
    if (!error) error = watch(control, control->listener, EPOLLIN, IS_LISTENER, EPOLL_CTL_ADD);
    return error ? error : watch(control, control->timer, EPOLLIN, IS_TIMER, EPOLL_CTL_ADD);
}

int la_control_open(const char *path, struct la_control **result) {
    size_t len = path ? strlen(path) : 0;
    struct la_control *control = len && len < sizeof control->address.sun_path ? calloc(1, sizeof *control) : NULL;
    *result = NULL;
    if (!len || len >= sizeof control->address.sun_path) return -LA_EINVAL;
    if (!control) return -LA_ENOMEM;
    control->address.sun_family = AF_UNIX;
    memcpy(control->address.sun_path, path, len);
    for (unsigned i = 0; i < CLIENTS; i++) control->client[i].fd = -1;
    name_program(control);
    int error = begin(control);
    if (error)
        la_control_close(control);
    else
        *result = control;
    return error;
}

int la_control_fd(const struct la_control *control) { return control->epoll; }

static void drop(struct client *client) {
    if (client->fd >= 0) close(client->fd); /* Which takes it out of the epoll set. */
    free(client->answer);
    *client = (struct client){.fd = -1};
}

void la_control_close(struct la_control *control) {
    if (!control) return;
    for (unsigned i = 0; i < CLIENTS; i++) drop(&control->client[i]);
    remove_file(control);
    if (control->listener >= 0) close(control->listener);
    if (control->timer >= 0) close(control->timer);
    if (control->epoll >= 0) close(control->epoll);
    free(control);
}

/* --- Serving --- */

static size_t waiting(const struct la_control *control) {
    size_t sum = 0;
    for (unsigned i = 0; i < CLIENTS; i++) sum += control->client[i].len - control->client[i].sent;
    return sum;
}

static void answer(struct la_control *control, struct client *client, struct la_stack *stack, la_time now) {
    struct say out = {0};
    if (waiting(control) >= WAITING_MAX)
        say(&out, "error: too many answers have not been read yet; ask again later\n");
    else if (client->got == REQUEST_MAX)
        say(&out, "error: the request is too long\n");
    else if (!control_answer(stack, now, &control->names, client->request, &out)) {
        say_free(&out);
        say(&out, "error: not enough memory\n");
    }
    client->len = out.len;
    client->answer = say_take(&out);
    if (!client->answer) drop(client);
}

static void send_answer(struct client *client, la_time now) {
    while (client->sent < client->len) {
        ssize_t n = send(client->fd, client->answer + client->sent, client->len - client->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) break;
        client->sent += (size_t)n;
        client->moved = now;
    }
    drop(client);
}

/* Collects the request: whether it is complete, by its line end, the asker's end of file or its bound. */
static bool collect(struct client *client) {
    char *room = client->request + client->got;
    ssize_t n = recv(client->fd, room, REQUEST_MAX - client->got, 0);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) drop(client);
        return false;
    }
    char *end = memchr(room, '\n', (size_t)n);
    client->got += (size_t)n;
    if (!n && !client->got) drop(client);
    if (client->fd < 0 || (n && !end && client->got < REQUEST_MAX)) return false;
    if (end) client->got = (size_t)(end - client->request);
    if (client->got && client->request[client->got - 1] == '\r') client->got--;
    if (client->got < REQUEST_MAX) client->request[client->got] = '\0';
    return true;
}

/* Whether it made an answer; it may, if `may_answer`. */
static bool serve_client(struct la_control *control, uint32_t i, struct la_stack *stack, la_time now, bool may_answer) {
    struct client *client = &control->client[i];
    bool answers = client->fd >= 0 && !client->answer;
    if (client->fd < 0 || (answers && (!may_answer || !collect(client)))) return false;
    if (answers) {
        answer(control, client, stack, now);
        client->moved = now;
        if (client->fd >= 0 && watch(control, client->fd, EPOLLOUT, i, EPOLL_CTL_MOD)) drop(client);
    }
    if (client->fd >= 0) send_answer(client, now);
    return answers;
}

static void drop_slow(struct la_control *control, la_time now) {
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *client = &control->client[i];
        if (client->fd >= 0 && now > client->moved && now - client->moved >= PATIENCE) drop(client);
    }
}

/* The timer runs while there is somebody to lose patience with. */
static void set_timer(const struct la_control *control) {
    bool any = false;
    for (unsigned i = 0; i < CLIENTS; i++) any = any || control->client[i].fd >= 0;
    struct itimerspec spec = {.it_value.tv_sec = any ? (time_t)(PATIENCE / LA_SECOND) : 0};
    timerfd_settime(control->timer, 0, &spec, NULL);
}

/* Beyond the last place, an asker is turned away at once. */
static void take_clients(struct la_control *control, la_time now) {
    int fd;
    for (unsigned turn = 0; turn < CLIENTS; turn++) {
        uint32_t i = 0;
        if ((fd = accept4(control->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) return;
        while (i < CLIENTS && control->client[i].fd >= 0) i++;
        if (i == CLIENTS || watch(control, fd, EPOLLIN, i, EPOLL_CTL_ADD))
            close(fd);
        else
            control->client[i] = (struct client){.fd = fd, .moved = now};
    }
}

static bool somebody_came(const struct epoll_event *events, int n) {
    bool came = false;
    for (int i = 0; i < n; i++) came |= events[i].data.u32 == IS_LISTENER;
    return came;
}

void la_control_serve(struct la_control *control, struct la_stack *stack, la_time now) {
    struct epoll_event events[CLIENTS + 2];
    bool answered = false;
    drop_slow(control, now);
    int n = epoll_wait(control->epoll, events, CLIENTS + 2, 0);
    if (somebody_came(events, n)) {
        take_clients(control, now);
        n = epoll_wait(control->epoll, events, CLIENTS + 2, 0);
    }
    for (int i = 0; i < n; i++) {
        uint32_t which = events[i].data.u32;
        uint64_t expired;
        if (which < CLIENTS) answered |= serve_client(control, which, stack, now, !answered);
        if (which == IS_TIMER && read(control->timer, &expired, sizeof expired) < 0) continue;
    }
    if (n > 0) set_timer(control);
}
