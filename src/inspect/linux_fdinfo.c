/* What /proc/PID/fdinfo says about epoll sets, io_urings and AF_UNIX sockets. */
#include "linux_fdinfo.h"

#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "linux_procfs.h"

/* The number behind a label ("ino:"), at or after `at`. */
static bool labelled(const char *at, const char *label, int base, uint64_t *number) {
    char *end;
    at = strstr(at, label);
    if (!at) return false;
    at += strlen(label);
    *number = strtoull(at, &end, base);
    return end != at;
}

bool fdinfo_epoll_item(const char *line, struct fdinfo_item *item) {
    uint64_t fd, events;
    if (strncmp(line, "tfd:", 4) != 0) return false;
    if (!labelled(line, "tfd:", 10, &fd) || fd > INT32_MAX) return false;
    if (!labelled(line, " events:", 16, &events) || events > UINT32_MAX) return false;
    if (!labelled(line, " ino:", 16, &item->inode) || item->inode == UINT64_MAX) return false;
    if (!labelled(line, " sdev:", 16, &item->device)) return false;
    item->fd = (int32_t)fd;
    item->events = (uint32_t)events;
    return true;
}

bool fdinfo_inode(const char *line, uint64_t *inode) {
    return !strncmp(line, "ino:", 4) && labelled(line, "ino:", 10, inode);
}

uint8_t fdinfo_poll_flags(uint32_t events) {
    unsigned flags = 0;
    if (events & (EPOLLIN | EPOLLRDNORM | EPOLLRDHUP)) flags |= SNAP_WATCH_READ;
    if (events & (EPOLLOUT | EPOLLWRNORM)) flags |= SNAP_WATCH_WRITE;
    return (uint8_t)flags;
}

/* How an item is watched, in contrast to what for. When a one-shot item has fired, only these bits remain. */
#define HOW ((uint32_t)EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)

uint8_t fdinfo_epoll_flags(uint32_t events) {
    unsigned flags = fdinfo_poll_flags(events);
    if (events & EPOLLET) flags |= SNAP_WATCH_EDGE;
    if (events & EPOLLONESHOT) flags |= events & ~HOW ? SNAP_WATCH_ONESHOT : SNAP_WATCH_DISARMED;
    return (uint8_t)flags;
}

static uint8_t request_flags(uint64_t request) {
    switch (request) {
    case IORING_OP_READV:
    case IORING_OP_READ_FIXED:
    case IORING_OP_READ:
    case IORING_OP_RECVMSG:
    case IORING_OP_RECV:
    case IORING_OP_ACCEPT:
    case IORING_OP_POLL_ADD: return SNAP_WATCH_READ;
    case IORING_OP_WRITEV:
    case IORING_OP_WRITE_FIXED:
    case IORING_OP_WRITE:
    case IORING_OP_SENDMSG:
    case IORING_OP_SEND:
    case IORING_OP_CONNECT: return SNAP_WATCH_WRITE;
    default: return 0;
    }
}

bool fdinfo_uring_line(struct fdinfo_uring *uring, const char *line, uint64_t *inode) {
    char *end;
    uint64_t request;
    if (!strncmp(line, "UserFiles:", 10)) uring->complete = true;
    if (!strncmp(line, "  op=", 5) && labelled(line, "op=", 10, &request)) {
        uring->pending = true;
        uring->flags |= request_flags(request);
        return false;
    }
    /* "    0: socket:[4711]" */
    if (*line != ' ' && (*line < '0' || *line > '9')) return false;
    strtoul(line, &end, 10);
    if (end == line || end[0] != ':' || end[1] != ' ') return false;
    return procfs_link_text(end + 2, strlen(end + 2), inode) == PROCFS_SOCKET;
}

uint32_t fdinfo_in_flight(const char *text) {
    uint64_t count;
    if (!labelled(text, "scm_fds:", 10, &count)) return 0;
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}
