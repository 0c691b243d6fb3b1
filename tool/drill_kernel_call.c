/* System calls on a thread of their own.
 *
 * In: one la_sys_call at a time, with its memory. Out: its result and the time it was over at. A call that is still
 * under way is *pending* once its thread sleeps in the kernel: /proc says so. Until then nobody knows, and begin looks
 * again. The thread works on a copy: whoever gave up a pending call need not be there any more when it ends.
 *
 * The phase goes IDLE -> POSTED (by the script's thread) -> RUNNING -> OVER (by the calling thread) -> IDLE (by the
 * script's thread). The thread writes OVER before it takes the lock, so "asleep while RUNNING" means asleep in the
 * call.
 *
 * Beside a pending call only those that look at a socket can be made; they are made on the script's thread.
 *
 * Owns the thread and every descriptor that the calls have made. Calls on other descriptors are answered EBADF: a
 * script has no business with the runner's own. Calls go to the kernel as they are, past the C library, which would
 * look into memory that a script may have meant to be bad. */
#define _GNU_SOURCE
#include "drill_kernel_call.h"

#include <errno.h>
#include <fcntl.h>
#include <lastack/dev.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum phase { IDLE, POSTED, RUNNING, OVER };

enum { FDS = 4096 }; /* Descriptors that a script may have at one time are below this number. */

struct kernel_caller {
    la_time start;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_int phase;  /* enum phase */
    atomic_int status; /* The thread's /proc/…/stat; -1: none. */
    bool ending;
    struct la_sys_call *call; /* The script's. NULL: none is under way. */
    struct la_sys_call copy;  /* The thread's. */
    struct sigaction before;  /* What the signal that wakes the thread did. */
    bool owned[FDS];
};

enum { WAKE = SIGUSR1 };

/* --- Priority --- */

void kernel_priority_raise(struct kernel_priority *before) {
    struct sched_param param = {0};
    *before = (struct kernel_priority){.policy = sched_getscheduler(0)};
    if (sched_getparam(0, &param) == 0) before->priority = param.sched_priority;
    /* With a single processor, a spinning thread of such priority would be alone on the machine. */
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) return;
    param.sched_priority = sched_get_priority_min(SCHED_RR);
    (void)sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param);
}

void kernel_priority_restore(const struct kernel_priority *before) {
    struct sched_param param = {.sched_priority = before->priority};
    if (before->policy >= 0) (void)sched_setscheduler(0, before->policy, &param);
}

/* --- One call --- */

static const long number[LA_SYS_COUNT] = {
    [LA_SYS_SOCKET] = SYS_socket,
    [LA_SYS_BIND] = SYS_bind,
    [LA_SYS_LISTEN] = SYS_listen,
    [LA_SYS_ACCEPT] = SYS_accept4,
    [LA_SYS_ACCEPT4] = SYS_accept4,
    [LA_SYS_CONNECT] = SYS_connect,
    [LA_SYS_READ] = SYS_read,
    [LA_SYS_READV] = SYS_readv,
    [LA_SYS_RECV] = SYS_recvfrom,
    [LA_SYS_RECVFROM] = SYS_recvfrom,
    [LA_SYS_RECVMSG] = SYS_recvmsg,
    [LA_SYS_WRITE] = SYS_write,
    [LA_SYS_WRITEV] = SYS_writev,
    [LA_SYS_SEND] = SYS_sendto,
    [LA_SYS_SENDTO] = SYS_sendto,
    [LA_SYS_SENDMSG] = SYS_sendmsg,
    [LA_SYS_SHUTDOWN] = SYS_shutdown,
    [LA_SYS_CLOSE] = SYS_close,
    [LA_SYS_GETSOCKOPT] = SYS_getsockopt,
    [LA_SYS_SETSOCKOPT] = SYS_setsockopt,
    [LA_SYS_GETSOCKNAME] = SYS_getsockname,
    [LA_SYS_GETPEERNAME] = SYS_getpeername,
    [LA_SYS_FCNTL] = SYS_fcntl,
    [LA_SYS_IOCTL] = SYS_ioctl,
    [LA_SYS_DUP] = SYS_dup,
    [LA_SYS_EPOLL_CREATE] = SYS_epoll_create1,
    [LA_SYS_EPOLL_CTL] = SYS_epoll_ctl,
    [LA_SYS_EPOLL_WAIT] = SYS_epoll_pwait,
};

static bool is_owned(const struct kernel_caller *caller, uintptr_t fd) { return fd < FDS && caller->owned[fd]; }

/* Whether every descriptor that the call names is the script's. */
static bool may_call(const struct kernel_caller *caller, const struct la_sys_call *call) {
    if (call->nr == LA_SYS_SOCKET || call->nr == LA_SYS_EPOLL_CREATE || call->nr == LA_SYS_POLL) return true;
    if (call->nr == LA_SYS_EPOLL_CTL && !is_owned(caller, call->arg[2])) return false;
    return is_owned(caller, call->arg[0]);
}

/* Notes which descriptors come and go. */
static void keep_fds(struct kernel_caller *caller, const struct la_sys_call *call, int64_t *result) {
    bool makes = call->nr == LA_SYS_SOCKET || call->nr == LA_SYS_ACCEPT || call->nr == LA_SYS_ACCEPT4 ||
                 call->nr == LA_SYS_DUP || call->nr == LA_SYS_EPOLL_CREATE ||
                 (call->nr == LA_SYS_FCNTL && (call->arg[1] == F_DUPFD || call->arg[1] == F_DUPFD_CLOEXEC));
    if (call->nr == LA_SYS_CLOSE) caller->owned[call->arg[0]] = false;
    if (!makes || *result < 0) return;
    if (*result < FDS) {
        caller->owned[*result] = true;
        return;
    }
    close((int)*result);
    *result = -EMFILE;
}

static int64_t perform(const struct la_sys_call *call) {
    long a[6];
    for (int i = 0; i < 6; i++) a[i] = (long)call->arg[i];
    switch (call->nr) {
    case LA_SYS_ACCEPT: a[3] = 0; break;
    case LA_SYS_RECV:
    case LA_SYS_SEND: a[4] = a[5] = 0; break;
    case LA_SYS_EPOLL_CREATE: a[0] = 0; break;
    case LA_SYS_EPOLL_WAIT: a[4] = a[5] = 0; break;
    default: break;
    }
    long result = call->nr == LA_SYS_POLL ? poll((struct pollfd *)call->arg[0], (nfds_t)a[1], (int)a[2])
                                          : syscall(number[call->nr], a[0], a[1], a[2], a[3], a[4], a[5]);
    return result < 0 ? -errno : result;
}

/* --- The thread --- */

static void settle(struct kernel_caller *caller) {
    char path[64];
    struct kernel_priority before;
    kernel_priority_raise(&before);
    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", (long)syscall(SYS_gettid));
    atomic_store(&caller->status, open(path, O_RDONLY | O_CLOEXEC));
    /* A write to a connection that is gone is an error number, not a signal. */
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
}

static void *serve(void *argument) {
    struct kernel_caller *caller = argument;
    settle(caller);
    pthread_mutex_lock(&caller->lock);
    for (;;) {
        while (!caller->ending && atomic_load(&caller->phase) != POSTED)
            pthread_cond_wait(&caller->changed, &caller->lock);
        if (caller->ending) break;
        struct la_sys_call *call = &caller->copy;
        pthread_mutex_unlock(&caller->lock);
        atomic_store(&caller->phase, RUNNING);
        int64_t result = may_call(caller, call) ? perform(call) : -EBADF;
        call->over_at = la_host_now() - caller->start;
        if (result != -EBADF) keep_fds(caller, call, &result);
        call->result = result;
        atomic_store(&caller->phase, OVER);
        pthread_mutex_lock(&caller->lock);
        pthread_cond_broadcast(&caller->changed);
    }
    pthread_mutex_unlock(&caller->lock);
    return NULL;
}

static void ignore(int signal) { (void)signal; }

/* Without SA_RESTART: the call that it interrupts ends. */
static void listen_for_wake(struct kernel_caller *caller) {
    struct sigaction action = {.sa_handler = ignore};
    sigemptyset(&action.sa_mask);
    sigaction(WAKE, &action, &caller->before);
}

struct kernel_caller *kernel_caller_open(la_time start) {
    struct kernel_caller *caller = calloc(1, sizeof *caller);
    if (!caller) return NULL;
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&caller->lock, NULL);
    pthread_cond_init(&caller->changed, &clock);
    pthread_condattr_destroy(&clock);
    caller->start = start;
    atomic_init(&caller->status, -1);
    atomic_init(&caller->phase, IDLE);
    listen_for_wake(caller);
    int error = pthread_create(&caller->thread, NULL, serve, caller);
    if (!error) return caller;
    sigaction(WAKE, &caller->before, NULL);
    free(caller);
    errno = error;
    return NULL;
}

/* --- The script's thread --- */

/* "PID (NAME) S …": the kernel has put the thread to sleep. */
static bool is_asleep(const struct kernel_caller *caller) {
    char line[128];
    int fd = atomic_load(&caller->status);
    ssize_t n = fd < 0 ? 0 : pread(fd, line, sizeof line - 1, 0);
    line[n > 0 ? n : 0] = '\0';
    const char *name_end = strrchr(line, ')');
    return name_end && strncmp(name_end, ") S", 3) == 0;
}

/* Takes the result over, if there is one. */
static bool take(struct kernel_caller *caller) {
    if (atomic_load(&caller->phase) != OVER) return false;
    caller->call->result = caller->copy.result;
    caller->call->over_at = caller->copy.over_at;
    caller->call->pending = false;
    caller->call = NULL;
    atomic_store(&caller->phase, IDLE);
    return true;
}

/* Never blocks: may be made beside a call that is pending. */
static void perform_here(struct kernel_caller *caller, struct la_sys_call *call) {
    bool at_once = call->nr == LA_SYS_GETSOCKOPT || call->nr == LA_SYS_GETSOCKNAME || call->nr == LA_SYS_GETPEERNAME;
    call->result = !at_once ? -EBUSY : may_call(caller, call) ? perform(call) : -EBADF;
    call->over_at = la_host_now() - caller->start;
}

bool kernel_caller_begin(struct kernel_caller *caller, struct la_sys_call *call) {
    if ((unsigned)call->nr >= LA_SYS_COUNT) {
        call->result = -ENOSYS;
        call->over_at = la_host_now() - caller->start;
        return true;
    }
    if (caller->call) {
        perform_here(caller, call);
        return true;
    }
    call->pending = true;
    pthread_mutex_lock(&caller->lock);
    caller->call = call;
    caller->copy = *call;
    atomic_store(&caller->phase, POSTED);
    pthread_cond_broadcast(&caller->changed);
    pthread_mutex_unlock(&caller->lock);
    while (!take(caller)) {
        if (atomic_load(&caller->phase) == RUNNING && is_asleep(caller)) return take(caller);
        sched_yield();
    }
    return true;
}

/* Whether the thread has come out of its call. */
static bool await(struct kernel_caller *caller, la_time until) {
    struct timespec deadline = {(time_t)(until / LA_SECOND), (long)(until % LA_SECOND)};
    int rc = 0;
    pthread_mutex_lock(&caller->lock);
    while (caller->call && atomic_load(&caller->phase) != OVER && rc != ETIMEDOUT)
        rc = until == LA_NEVER ? pthread_cond_wait(&caller->changed, &caller->lock)
                               : pthread_cond_timedwait(&caller->changed, &caller->lock, &deadline);
    pthread_mutex_unlock(&caller->lock);
    return !caller->call || atomic_load(&caller->phase) == OVER;
}

bool kernel_caller_wait(struct kernel_caller *caller, la_time until) {
    return await(caller, until) && (!caller->call || take(caller));
}

/* Connections end at once: nothing of them outlives the namespace. */
static void close_fds(struct kernel_caller *caller) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    for (int fd = 0; fd < FDS; fd++) {
        if (!caller->owned[fd]) continue;
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
}

void kernel_caller_close(struct kernel_caller *caller) {
    if (!caller) return;
    /* The signal may come just before the thread goes to sleep: it comes again. */
    while (!await(caller, la_host_now() + LA_MS)) pthread_kill(caller->thread, WAKE);
    pthread_mutex_lock(&caller->lock);
    caller->ending = true;
    pthread_cond_broadcast(&caller->changed);
    pthread_mutex_unlock(&caller->lock);
    pthread_join(caller->thread, NULL);
    sigaction(WAKE, &caller->before, NULL);
    close_fds(caller);
    int status = atomic_load(&caller->status);
    if (status >= 0) close(status);
    pthread_cond_destroy(&caller->changed);
    pthread_mutex_destroy(&caller->lock);
    free(caller);
}
