/* epoll: sets of watched files, level and edge.
 *
 * A watch joins its set's ready list when its file is added or changed while ready, and at every wake of the file that
 * concerns it. epoll_wait goes through the list and asks each file for its level: one that has nothing leaves, one that
 * is reported leaves, too (edge, one shot) or goes to the end (level). So an edge-triggered watch is reported once for
 * any number of wakes, and only while there is something.
 *
 * A watch belongs to two rings, its set's and its file's, and goes when either does. Sets may watch sets, as deep as on
 * Linux; a ring of sets cannot arise. */
#include "sys/open_file.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>

#define NESTS_MOST 4 /* Linux's EP_MAX_NESTS. */

/* Linux's numbers; not every libc names all of them. */
#define WATCH_EXCLUSIVE (1u << 28)
#define WATCH_WAKEUP (1u << 29)
#define WATCH_ONESHOT (1u << 30)
#define WATCH_EDGE (1u << 31)
#define WATCH_PRIVATE (WATCH_EXCLUSIVE | WATCH_WAKEUP | WATCH_ONESHOT | WATCH_EDGE)
#define WATCH_EXCLUSIVE_OK                                                                                             \
    (SYS_POLLIN | SYS_POLLOUT | SYS_POLLERR | SYS_POLLHUP | WATCH_WAKEUP | WATCH_EDGE | WATCH_EXCLUSIVE)

struct sys_watch {
    struct sys_file *epoll, *file;
    int fd; /* Under which it was added: with the file, its name. */
    uint32_t events;
    epoll_data_t data;
    struct sys_list in_epoll, in_file, in_ready;
};

/* --- Watches --- */

static struct sys_watch *find(struct sys_file *epoll, const struct sys_file *file, int fd) {
    struct sys_list *head = &epoll->epoll.watches;
    for (struct sys_list *at = head->next; at != head; at = at->next) {
        struct sys_watch *w = SYS_CONTAINER(at, struct sys_watch, in_epoll);
        if (w->file == file && w->fd == fd) return w;
    }
    return NULL;
}

static void drop_watch(struct la_sys *sys, struct sys_watch *w) {
    sys_list_remove(&w->in_epoll);
    sys_list_remove(&w->in_file);
    sys_list_remove(&w->in_ready);
    sys_free(sys, w, sizeof *w);
}

static void make_ready(struct sys_watch *w) {
    if (!sys_list_empty(&w->in_ready)) return;
    sys_list_append(&w->epoll->epoll.ready, &w->in_ready);
    sys_epoll_wake(w->epoll, SYS_POLL_READ);
}

void sys_epoll_wake(struct sys_file *file, unsigned mask) {
    for (struct sys_list *at = file->watchers.next; at != &file->watchers; at = at->next) {
        struct sys_watch *w = SYS_CONTAINER(at, struct sys_watch, in_file);
        uint32_t wanted = w->events & ~WATCH_PRIVATE;
        if (mask ? wanted & mask : wanted) make_ready(w);
    }
}

void sys_epoll_forget(struct la_sys *sys, struct sys_file *file) {
    while (!sys_list_empty(&file->watchers))
        drop_watch(sys, SYS_CONTAINER(file->watchers.next, struct sys_watch, in_file));
    while (!sys_list_empty(&file->epoll.watches))
        drop_watch(sys, SYS_CONTAINER(file->epoll.watches.next, struct sys_watch, in_epoll));
}

/* What a watch would report now. A socket without room is looked at again later. */
static uint32_t level(struct la_sys *sys, const struct sys_watch *w) {
    unsigned mask = sys_file_mask(sys, w->file);
    bool room = mask & SYS_POLLOUT || w->file->kind != SYS_SOCKET;
    if (!room && w->events & SYS_POLL_WRITE) sys->wants_room = w->file->socket.wants_room = true;
    return mask & w->events & ~WATCH_PRIVATE;
}

bool sys_epoll_any(struct la_sys *sys, struct sys_file *file) {
    struct sys_list *head = &file->epoll.ready;
    for (struct sys_list *at = head->next; at != head; at = at->next)
        if (level(sys, SYS_CONTAINER(at, struct sys_watch, in_ready))) return true;
    return false;
}

/* --- epoll_create, epoll_ctl --- */

int64_t sys_epoll_create(struct la_sys *sys, struct la_sys_call *call) {
    int fd = sys_fd_lowest(sys, 0);
    (void)call;
    if (fd < 0) return fd;
    struct sys_file *file = sys_file_new(sys, SYS_EPOLL);
    return file ? sys_fd_install(sys, fd, file, false) : -ENOMEM;
}

/* How many sets lie under a file, itself included; more than NESTS_MOST where `top` is among them. */
static unsigned depth_under(struct sys_file *file, const struct sys_file *top, unsigned limit) {
    unsigned deepest = 0;
    if (file->kind != SYS_EPOLL) return 0;
    if (file == top || !limit) return NESTS_MOST + 1;
    struct sys_list *head = &file->epoll.watches;
    for (struct sys_list *at = head->next; at != head; at = at->next) {
        unsigned depth = depth_under(SYS_CONTAINER(at, struct sys_watch, in_epoll)->file, top, limit - 1);
        if (depth > deepest) deepest = depth;
    }
    return deepest + 1;
}

/* How many sets watch a file, one above the other. */
static unsigned depth_over(const struct sys_file *file) {
    unsigned deepest = 0;
    for (struct sys_list *at = file->watchers.next; at != &file->watchers; at = at->next) {
        unsigned depth = depth_over(SYS_CONTAINER(at, struct sys_watch, in_file)->epoll) + 1;
        if (depth > deepest) deepest = depth;
    }
    return deepest;
}

static void set_events(struct la_sys *sys, struct sys_watch *w, const struct epoll_event *event) {
    w->events = event->events | SYS_POLLERR | SYS_POLLHUP;
    w->data = event->data;
    if (level(sys, w)) make_ready(w);
}

static int64_t add(struct la_sys *sys, struct sys_file *epoll, struct sys_file *file, int fd,
                   const struct epoll_event *event) {
    if (find(epoll, file, fd)) return -EEXIST;
    if (file->kind == SYS_EPOLL && depth_under(file, epoll, NESTS_MOST) + depth_over(epoll) > NESTS_MOST) return -ELOOP;
    struct sys_watch *w = sys_alloc(sys, sizeof *w);
    if (!w) return -ENOMEM;
    w->epoll = epoll;
    w->file = file;
    w->fd = fd;
    sys_list_init(&w->in_ready);
    sys_list_append(&epoll->epoll.watches, &w->in_epoll);
    sys_list_append(&file->watchers, &w->in_file);
    set_events(sys, w, event);
    return 0;
}

static int64_t modify(struct la_sys *sys, struct sys_watch *w, const struct epoll_event *event) {
    if (!w) return -ENOENT;
    if (w->events & WATCH_EXCLUSIVE) return -EINVAL;
    set_events(sys, w, event);
    return 0;
}

static bool exclusive_allowed(int op, const struct sys_file *file, uint32_t events) {
    if (!(events & WATCH_EXCLUSIVE) || op == EPOLL_CTL_DEL) return true;
    return op == EPOLL_CTL_ADD && file->kind != SYS_EPOLL && !(events & ~WATCH_EXCLUSIVE_OK);
}

int64_t sys_epoll_ctl(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *epoll = sys_fd_file(sys, sys_int(call, 0)), *file = sys_fd_file(sys, sys_int(call, 2));
    int op = sys_int(call, 1), fd = sys_int(call, 2);
    struct epoll_event event = {.events = 0};
    if (op != EPOLL_CTL_DEL) {
        if (!sys_pointer(call, 3)) return -EFAULT;
        memcpy(&event, sys_pointer(call, 3), sizeof event);
    }
    if (!epoll || !file) return -EBADF;
    if (epoll == file || epoll->kind != SYS_EPOLL || !exclusive_allowed(op, file, event.events)) return -EINVAL;
    struct sys_watch *w = find(epoll, file, fd);
    switch (op) {
    case EPOLL_CTL_ADD: return add(sys, epoll, file, fd, &event);
    case EPOLL_CTL_MOD: return modify(sys, w, &event);
    case EPOLL_CTL_DEL:
        if (!w) return -ENOENT;
        drop_watch(sys, w);
        return 0;
    default: return -EINVAL;
    }
}

/* --- epoll_wait --- */

/* Takes watches from the front of the list into `to`. Returns how many, or -EFAULT. */
static int64_t collect(struct la_sys *sys, struct sys_file *epoll, uint8_t *to, int most) {
    struct sys_list again, *ready = &epoll->epoll.ready;
    int64_t count = 0;
    sys_list_init(&again);
    while (count < most && !sys_list_empty(ready)) {
        struct sys_watch *w = SYS_CONTAINER(ready->next, struct sys_watch, in_ready);
        struct epoll_event event = {.events = level(sys, w), .data = w->data};
        if (event.events && !to) return count ? count : -EFAULT;
        sys_list_remove(&w->in_ready);
        if (!event.events) continue;
        memcpy(to + (size_t)count * sizeof event, &event, sizeof event);
        count++;
        if (w->events & WATCH_ONESHOT)
            w->events &= WATCH_PRIVATE;
        else if (!(w->events & WATCH_EDGE))
            sys_list_append(&again, &w->in_ready);
    }
    while (!sys_list_empty(&again)) {
        struct sys_list *node = again.next;
        sys_list_remove(node);
        sys_list_append(ready, node);
    }
    return count;
}

int64_t sys_epoll_wait(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *epoll = sys_call_file(sys, call);
    int most = sys_int(call, 2), timeout = sys_int(call, 3);
    if (most <= 0 || (size_t)most > INT_MAX / sizeof(struct epoll_event)) return -EINVAL;
    if (!epoll) return -EBADF;
    if (epoll->kind != SYS_EPOLL) return -EINVAL;
    int64_t count = collect(sys, epoll, sys_pointer(call, 1), most);
    if (count) return count;
    return sys_wait(sys, call, epoll, timeout < 0 ? LA_NEVER : (la_time)timeout * LA_MS, 0);
}
