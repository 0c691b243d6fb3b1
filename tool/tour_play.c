/* The verbs of the scripts, for the stack and for the kernel, and the waits between them.
 *
 * What comes in: a scene that a script plays. What goes out: calls on both TCPs, each told to the world so that the
 * moves it made are seen; the first thing that went wrong, in `why`. Kernel sockets are non-blocking and belong to this
 * process, which is the loop, too; the one program that must be a process of its own (it forgets to close) is forked.
 */
#define _GNU_SOURCE
#include "tour_scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOUND (10 * LA_SECOND)

static void tell(struct scene *scene, enum side side, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void tell(struct scene *scene, enum side side, const char *format, ...) {
    char text[48];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    world_call(scene->world, side, text);
}

/* --- Waits --- */

typedef bool condition(struct scene *scene, long value);

/* Lets both TCPs go on, one packet at a time, until the condition holds. */
static bool wait_until(struct scene *scene, condition *holds, long value, const char *what) {
    if (scene->failed) return false;
    struct world *world = scene->world;
    la_time until = la_host_now() + BOUND;
    while (!holds(scene, value)) {
        if (world_step(world)) continue;
        if (holds(scene, value)) break;
        if (world->now >= until) {
            scene_fail(scene, "waited %u s until %s; kernel is %s, lastack %s", (unsigned)(BOUND / LA_SECOND), what,
                       la_state_name(world->state[KERNEL]), la_state_name(world->state[STACK]));
            return false;
        }
        world_sleep(world, scene->words, until);
    }
    return true;
}

static bool kernel_is(struct scene *scene, long state) { return scene->world->state[KERNEL] == (enum la_state)state; }
static bool stack_is(struct scene *scene, long state) { return scene->world->state[STACK] == (enum la_state)state; }

void wait_kernel(struct scene *scene, enum la_state state) {
    char what[64];
    snprintf(what, sizeof what, "the kernel's end is %s", la_state_name(state));
    wait_until(scene, kernel_is, state, what);
}

void wait_stack(struct scene *scene, enum la_state state) {
    char what[64];
    snprintf(what, sizeof what, "lastack's end is %s", la_state_name(state));
    wait_until(scene, stack_is, state, what);
}

static unsigned times_on_wire(const char *wire, const char *segment) {
    unsigned times = 0;
    for (const char *at = wire; *at;) {
        size_t len = strcspn(at, " ");
        times += len == strlen(segment) && !strncmp(at, segment, len);
        at += len + (at[len] != 0);
    }
    return times;
}

struct on_wire {
    const char *segment;
    unsigned times;
};

static bool was_on_wire(struct scene *scene, long value) {
    const struct on_wire *wanted = (const struct on_wire *)(intptr_t)value;
    return times_on_wire(scene->world->life.wire, wanted->segment) >= wanted->times;
}

void wait_wire(struct scene *scene, const char *segment, unsigned times) {
    char what[80];
    struct on_wire wanted = {segment, times};
    snprintf(what, sizeof what, "%s has been on the wire %u times", segment, times);
    wait_until(scene, was_on_wire, (long)(intptr_t)&wanted, what);
}

static bool are_held(struct scene *scene, long count) { return scene->world->nheld >= (unsigned)count; }

void wait_held(struct scene *scene, unsigned count) {
    wait_until(scene, are_held, (long)count, "the device withholds that many segments");
}

void wait_quiet(struct scene *scene) {
    while (!scene->failed && world_step(scene->world)) {
    }
}

void expect(struct scene *scene, bool fact, const char *what) {
    if (!scene->failed && !fact) scene_fail(scene, "expected: %s", what);
}

/* --- The device --- */

void hold(struct scene *scene, enum side from) { scene->world->hold[from] = true; }

void mute(struct scene *scene, bool on) { scene->world->mute = on; }

static bool is_held_from(struct scene *scene, long side) {
    for (unsigned i = 0; i < scene->world->nheld; i++)
        if (scene->world->held[i].from == (enum side)side) return true;
    return false;
}

void release(struct scene *scene, enum side from) {
    if (!wait_until(scene, is_held_from, from, "the device withholds a segment")) return;
    world_release(scene->world, from);
}

void release_all(struct scene *scene) {
    if (scene->failed) return;
    scene->world->hold[KERNEL] = scene->world->hold[STACK] = false;
    while (scene->world->nheld) world_release(scene->world, scene->world->held[0].from);
}

void lose(struct scene *scene, const char *rule) {
    if (!scene->failed && !world_rule(scene->world, rule)) scene_fail(scene, "the fault rule \"%s\" is wrong", rule);
}

void lose_no_more(struct scene *scene) { la_fault_clear(scene->world->rules); }

/* --- Settings --- */

void stack_set(struct scene *scene, const char *name, int64_t value) {
    if (scene->failed) return;
    int rc = la_set(scene->world->stack, name, value);
    if (rc < 0) scene_fail(scene, "lastack refuses %s = %lld: %s", name, (long long)value, la_errno_name(-rc));
}

static void stack_option(struct scene *scene, int level, int name, int value) {
    int rc = la_setsockopt(scene->world->stack, scene->stack, level, name, &value, sizeof value, la_host_now());
    if (rc < 0) scene_fail(scene, "lastack refuses option %d of level %d: %s", name, level, la_errno_name(-rc));
}

void stack_keepalive(struct scene *scene, int idle, int interval, int count) {
    if (scene->failed) return;
    stack_option(scene, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, idle);
    stack_option(scene, LA_IPPROTO_TCP, LA_TCP_KEEPINTVL, interval);
    stack_option(scene, LA_IPPROTO_TCP, LA_TCP_KEEPCNT, count);
    stack_option(scene, LA_SOL_SOCKET, LA_SO_KEEPALIVE, 1);
    tell(scene, STACK, "SO_KEEPALIVE %d s, %d s, %d", idle, interval, count);
}

static void kernel_option(struct scene *scene, int level, int name, int value) {
    if (setsockopt(scene->kernel, level, name, &value, sizeof value) < 0)
        scene_fail(scene, "the kernel refuses option %d of level %d: %s", name, level, strerror(errno));
}

void kernel_keepalive(struct scene *scene, int idle, int interval, int count) {
    if (scene->failed) return;
    kernel_option(scene, IPPROTO_TCP, TCP_KEEPIDLE, idle);
    kernel_option(scene, IPPROTO_TCP, TCP_KEEPINTVL, interval);
    kernel_option(scene, IPPROTO_TCP, TCP_KEEPCNT, count);
    kernel_option(scene, SOL_SOCKET, SO_KEEPALIVE, 1);
    tell(scene, KERNEL, "SO_KEEPALIVE %d s,%d s", idle, interval);
}

void kernel_fin_wait_2(struct scene *scene, int seconds) {
    if (!scene->failed) kernel_option(scene, IPPROTO_TCP, TCP_LINGER2, seconds);
}

/* --- Opening: the stack --- */

static la_sock stack_socket(struct scene *scene) {
    struct la_stack *stack = scene->world->stack;
    bool is4 = la_addr_is4(&scene->world->end[STACK].addr);
    la_sock sock = la_socket(stack, is4 ? LA_AF_INET : LA_AF_INET6, LA_SOCK_STREAM);
    int one = 1;
    int64_t rc = sock;
    if (rc >= 0) rc = la_setsockopt(stack, sock, LA_SOL_SOCKET, LA_SO_REUSEADDR, &one, sizeof one, la_host_now());
    if (rc >= 0) rc = la_bind(stack, sock, &scene->world->end[STACK]);
    if (rc < 0) scene_fail(scene, "lastack gives no socket: %s", la_errno_name((int)-rc));
    return sock;
}

void stack_listen(struct scene *scene) {
    if (scene->failed) return;
    scene->stack_listener = stack_socket(scene);
    if (scene->failed) return;
    int rc = la_listen(scene->world->stack, scene->stack_listener, 4);
    if (rc < 0) scene_fail(scene, "lastack's listen: %s", la_errno_name(-rc));
    tell(scene, STACK, "listen()");
}

void stack_accept(struct scene *scene) {
    if (scene->failed) return;
    scene->stack = la_accept(scene->world->stack, scene->stack_listener, NULL);
    if (scene->stack < 0) scene_fail(scene, "lastack's accept: %s", la_errno_name((int)-scene->stack));
    tell(scene, STACK, "accept()");
}

void stack_connect(struct scene *scene) {
    if (scene->failed) return;
    scene->stack = stack_socket(scene);
    if (scene->failed) return;
    int rc = la_connect(scene->world->stack, scene->stack, &scene->world->end[KERNEL], la_host_now());
    if (rc < 0 && rc != -LA_EINPROGRESS) scene_fail(scene, "lastack's connect: %s", la_errno_name(-rc));
    tell(scene, STACK, "connect()");
}

void open_by_stack(struct scene *scene) {
    kernel_listen(scene);
    stack_connect(scene);
    wait_stack(scene, LA_ESTABLISHED);
    wait_kernel(scene, LA_ESTABLISHED);
    kernel_accept(scene);
}

/* --- Opening: the kernel --- */

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static union address address_of(const struct la_endpoint *end) {
    union address address = {.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(end->port)}};
    memcpy(&address.in6.sin6_addr, end->addr.bytes, 16);
    if (!la_addr_is4(&end->addr)) return address;
    address.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(end->port)};
    memcpy(&address.in.sin_addr, end->addr.bytes + 12, 4);
    return address;
}

static socklen_t address_len(const union address *address) {
    return address->any.sa_family == AF_INET ? sizeof address->in : sizeof address->in6;
}

static int bound_socket(const struct world *world, int flags) {
    int one = 1;
    union address here = address_of(&world->end[KERNEL]);
    int fd = socket(here.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0) return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 && bind(fd, &here.any, address_len(&here)) == 0)
        return fd;
    close(fd);
    return -1;
}

void kernel_listen(struct scene *scene) {
    if (scene->failed) return;
    scene->kernel_listener = bound_socket(scene->world, SOCK_NONBLOCK);
    if (scene->kernel_listener < 0 || listen(scene->kernel_listener, 4) < 0)
        scene_fail(scene, "the kernel's listen: %s", strerror(errno));
    tell(scene, KERNEL, "listen()");
}

void kernel_accept(struct scene *scene) {
    if (scene->failed) return;
    scene->kernel = accept4(scene->kernel_listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (scene->kernel < 0) scene_fail(scene, "the kernel's accept: %s", strerror(errno));
    tell(scene, KERNEL, "accept()");
}

void kernel_connect(struct scene *scene) {
    if (scene->failed) return;
    union address there = address_of(&scene->world->end[STACK]);
    scene->kernel = bound_socket(scene->world, SOCK_NONBLOCK);
    if (scene->kernel < 0 || (connect(scene->kernel, &there.any, address_len(&there)) < 0 && errno != EINPROGRESS))
        scene_fail(scene, "the kernel's connect: %s", strerror(errno));
    tell(scene, KERNEL, "connect()");
}

void open_by_kernel(struct scene *scene) {
    stack_listen(scene);
    kernel_connect(scene);
    wait_kernel(scene, LA_ESTABLISHED);
    wait_stack(scene, LA_ESTABLISHED);
    stack_accept(scene);
}

/* --- A program that does not close --- */

/* The program: connects, reads to end of file, and forgets the descriptor. It ends when it is killed. */
static void be_the_program(const struct world *world, int words) {
    char data[512];
    union address there = address_of(&world->end[STACK]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = bound_socket(world, 0);
    if (fd < 0 || connect(fd, &there.any, address_len(&there)) < 0) _exit(1);
    if (write(words, "c", 1) < 0) _exit(1);
    while (read(fd, data, sizeof data) > 0) {
    }
    if (write(words, "e", 1) < 0) _exit(1);
    for (;;) pause();
}

void program_open(struct scene *scene) {
    int ends[2];
    if (scene->failed) return;
    stack_listen(scene);
    if (pipe2(ends, O_CLOEXEC) < 0 || (scene->program = fork()) < 0) {
        scene->program = 0;
        scene_fail(scene, "cannot start a program: %s", strerror(errno));
        return;
    }
    if (scene->program == 0) be_the_program(scene->world, ends[1]);
    close(ends[1]);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    scene->words = ends[0];
    scene->world->outside = "connect(), a program";
    program_says(scene, 'c');
    scene->world->outside = NULL;
    wait_stack(scene, LA_ESTABLISHED);
    stack_accept(scene);
}

/* Reads what it has said; 0: it has ended. */
static bool has_said(struct scene *scene, long letter) {
    ssize_t n = read(scene->words, &scene->said, 1);
    if (n == 0) scene->said = 0;
    return n == 0 || (n == 1 && scene->said == (char)letter);
}

void program_says(struct scene *scene, char letter) {
    wait_until(scene, has_said, letter,
               letter == 'c' ? "the program is connected" : "the program has read end of file");
    if (!scene->failed && scene->said != letter) scene_fail(scene, "the program has ended by itself");
    if (!scene->failed && letter == 'e') tell(scene, KERNEL, "read() = 0");
}

void program_end(struct scene *scene) {
    if (!scene->program) return;
    kill(scene->program, SIGKILL);
    waitpid(scene->program, NULL, 0);
    scene->program = 0;
}

void program_kill(struct scene *scene) {
    if (scene->failed) return;
    scene->world->outside = "program killed";
    program_end(scene);
    close(scene->words);
    scene->words = -1;
}

/* --- Data and ends --- */

void kernel_send(struct scene *scene, size_t len) {
    static const char zeros[65536];
    if (scene->failed) return;
    ssize_t n = send(scene->kernel, zeros, len, MSG_NOSIGNAL);
    if (n != (ssize_t)len) scene_fail(scene, "the kernel's send(%zu) gave %zd: %s", len, n, strerror(errno));
    tell(scene, KERNEL, "send(%zu)", len);
}

void stack_send(struct scene *scene, size_t len) {
    static const char zeros[65536];
    if (scene->failed) return;
    int64_t n = la_send(scene->world->stack, scene->stack, zeros, len, 0, la_host_now());
    if (n != (int64_t)len) scene_fail(scene, "lastack's send(%zu) gave %lld", len, (long long)n);
    tell(scene, STACK, "send(%zu)", len);
}

void kernel_shutdown(struct scene *scene) {
    if (scene->failed) return;
    if (shutdown(scene->kernel, SHUT_WR) < 0) scene_fail(scene, "the kernel's shutdown: %s", strerror(errno));
    tell(scene, KERNEL, "shutdown(WR)");
}

void stack_shutdown(struct scene *scene) {
    if (scene->failed) return;
    int rc = la_shutdown(scene->world->stack, scene->stack, LA_SHUT_WR, la_host_now());
    if (rc < 0) scene_fail(scene, "lastack's shutdown: %s", la_errno_name(-rc));
    tell(scene, STACK, "shutdown(WR)");
}

static void kernel_ends(struct scene *scene, const char *call) {
    if (scene->failed) return;
    close(scene->kernel);
    scene->kernel = -1;
    tell(scene, KERNEL, "%s", call);
}

void kernel_close(struct scene *scene) { kernel_ends(scene, "close()"); }

void kernel_reset(struct scene *scene) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (scene->failed) return;
    setsockopt(scene->kernel, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    kernel_ends(scene, "close(), linger 0");
}

static void stack_ends(struct scene *scene, const char *call) {
    if (scene->failed) return;
    int rc = la_close(scene->world->stack, scene->stack, la_host_now());
    if (rc < 0) scene_fail(scene, "lastack's close: %s", la_errno_name(-rc));
    scene->stack = -1;
    tell(scene, STACK, "%s", call);
}

void stack_close(struct scene *scene) { stack_ends(scene, "close()"); }

static void stack_linger_set(struct scene *scene, int seconds) {
    struct la_linger linger = {.onoff = 1, .seconds = seconds};
    int rc = la_setsockopt(scene->world->stack, scene->stack, LA_SOL_SOCKET, LA_SO_LINGER, &linger, sizeof linger,
                           la_host_now());
    if (rc < 0) scene_fail(scene, "lastack refuses SO_LINGER: %s", la_errno_name(-rc));
}

void stack_reset(struct scene *scene) {
    if (scene->failed) return;
    stack_linger_set(scene, 0);
    stack_ends(scene, "close(), linger 0");
}

void stack_linger(struct scene *scene, int seconds) {
    if (scene->failed) return;
    stack_linger_set(scene, seconds);
    scene->world->watched = scene->stack;
    scene->world->events = 0;
    int rc = la_close(scene->world->stack, scene->stack, la_host_now());
    if (rc != -LA_EINPROGRESS)
        scene_fail(scene, "lastack's lingering close gave %s", rc < 0 ? la_errno_name(-rc) : "0 at once");
    scene->stack = -1;
    tell(scene, STACK, "close(), linger %d s", seconds);
}

static bool is_lingered(struct scene *scene, long value) {
    (void)value;
    return scene->world->events & LA_EV_CLOSED;
}

void stack_lingered(struct scene *scene) {
    if (!wait_until(scene, is_lingered, 0, "lastack's lingering close has ended")) return;
    scene->world->watched = -1;
    tell(scene, STACK, "close() has ended");
}

/* "recv() = 1000", "recv() = 0, end of file", "recv(): ECONNRESET" */
static void tell_recv(struct scene *scene, enum side side, long got, long want) {
    if (got < 0) {
        tell(scene, side, "recv(): %s", la_errno_name((int)-got));
    } else {
        tell(scene, side, "recv() = %ld", got);
    }
    if (got != want)
        scene_fail(scene, "%s recv gave %ld (%s), expected %ld (%s)", side == KERNEL ? "the kernel's" : "lastack's",
                   got, got < 0 ? la_errno_name((int)-got) : "bytes", want,
                   want < 0 ? la_errno_name((int)-want) : "bytes");
}

static bool kernel_has(struct scene *scene, long want) {
    int unread = 0;
    if (want > 0) return ioctl(scene->kernel, FIONREAD, &unread) == 0 && unread >= want;
    char data;
    return recv(scene->kernel, &data, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void kernel_recv(struct scene *scene, long want) {
    char data[65536];
    if (want >= 0 && !wait_until(scene, kernel_has, want, "the kernel's program can read")) return;
    if (scene->failed) return;
    ssize_t n = recv(scene->kernel, data, sizeof data, MSG_DONTWAIT);
    tell_recv(scene, KERNEL, n < 0 ? -errno : n, want);
}

static bool stack_has(struct scene *scene, long want) {
    struct la_conn_info info;
    if (la_conn_info(scene->world->stack, scene->stack, &info) < 0) return false;
    return want > 0 ? info.recv_queue >= (unsigned long)want : info.fin_received && !info.recv_queue;
}

void stack_recv(struct scene *scene, long want) {
    char data[65536];
    if (want >= 0 && !wait_until(scene, stack_has, want, "lastack's program can read")) return;
    if (scene->failed) return;
    int64_t n = la_recv(scene->world->stack, scene->stack, data, sizeof data, 0, la_host_now());
    tell_recv(scene, STACK, (long)n, want);
}
