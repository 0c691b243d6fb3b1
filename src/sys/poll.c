/* poll(), and which of its bits are on: levels, as Linux's tcp_poll and datagram_poll tell them. */
#include "sys/open_file.h"

#include <errno.h>
#include <poll.h>

#define POLL_MOST 1048576u

/* What is closed for reading and writing: by either side, or because the connection is over. */
static unsigned shut_of(const struct sys_socket *s, const struct la_conn_info *info) {
    unsigned shut = s->shut;
    if (info->state == LA_CLOSED && s->phase != SYS_UNCONNECTED) return SYS_SHUT_RECV | SYS_SHUT_SEND;
    if (info->read_shut || info->fin_received) shut |= SYS_SHUT_RECV;
    if (info->write_shut) shut |= SYS_SHUT_SEND;
    return shut;
}

static unsigned data_mask(const struct sys_socket *s, const struct la_conn_info *info, int ready, unsigned shut) {
    unsigned mask = 0;
    if (info->recv_queue && info->recv_queue >= (uint32_t)s->low_water) mask |= SYS_POLL_READ;
    if (ready & LA_EV_URGENT) mask |= SYS_POLLPRI;
    if (shut & SYS_SHUT_SEND || ready & LA_EV_WRITABLE || info->state == LA_CLOSED) mask |= SYS_POLL_WRITE;
    return mask;
}

static unsigned stream_mask(const struct la_sys *sys, const struct sys_socket *s) {
    struct la_conn_info info;
    int ready = la_ready(sys->stack, s->sock);
    unsigned mask = 0;
    if (ready < 0) return SYS_POLLHUP | SYS_POLLERR | SYS_POLL_READ | SYS_POLL_WRITE;
    sys_conn(sys, s, &info);
    if (info.state == LA_LISTEN) return ready & LA_EV_ACCEPTED ? SYS_POLL_READ : 0;
    unsigned shut = shut_of(s, &info);
    if (shut == (SYS_SHUT_RECV | SYS_SHUT_SEND) || info.state == LA_CLOSED) mask |= SYS_POLLHUP;
    if (shut & SYS_SHUT_RECV) mask |= SYS_POLL_READ | SYS_POLLRDHUP;
    if (info.deferred) mask |= SYS_POLL_WRITE;
    if (info.state != LA_SYN_SENT && (info.state != LA_SYN_RCVD || info.fastopen_child))
        mask |= data_mask(s, &info, ready, shut);
    if (ready & LA_EV_ERROR || s->error) mask |= SYS_POLLERR;
    return mask;
}

static unsigned datagram_mask(const struct la_sys *sys, const struct sys_socket *s) {
    int ready = la_ready(sys->stack, s->sock);
    unsigned mask = SYS_POLL_WRITE | SYS_POLLWRBAND;
    if (ready < 0) return SYS_POLLHUP | SYS_POLLERR;
    if (ready & LA_EV_READABLE) mask |= SYS_POLL_READ;
    if (ready & LA_EV_ERROR) mask |= SYS_POLLERR;
    if (s->shut & SYS_SHUT_RECV) mask |= SYS_POLL_READ | SYS_POLLRDHUP;
    if (s->shut == (SYS_SHUT_RECV | SYS_SHUT_SEND)) mask |= SYS_POLLHUP;
    return mask;
}

unsigned sys_file_mask(struct la_sys *sys, struct sys_file *file) {
    if (file->kind == SYS_EPOLL) return sys_epoll_any(sys, file) ? SYS_POLL_READ : 0;
    return file->socket.type == LA_SOCK_STREAM ? stream_mask(sys, &file->socket) : datagram_mask(sys, &file->socket);
}

static unsigned entry_mask(struct la_sys *sys, const struct pollfd *entry) {
    if (entry->fd < 0) return 0;
    struct sys_file *file = sys_fd_file(sys, entry->fd);
    if (!file) return SYS_POLLNVAL;
    return sys_file_mask(sys, file) & ((unsigned short)entry->events | SYS_POLLERR | SYS_POLLHUP);
}

int64_t sys_poll(struct la_sys *sys, struct la_sys_call *call) {
    struct pollfd *entries = sys_pointer(call, 0);
    size_t count = (size_t)call->arg[1];
    int timeout = sys_int(call, 2);
    int64_t found = 0;
    if (count > POLL_MOST) return -EINVAL;
    if (count && !entries) return -EFAULT;
    for (size_t i = 0; i < count; i++) {
        entries[i].revents = (short)entry_mask(sys, &entries[i]);
        if (entries[i].revents) found++;
    }
    if (found) return found;
    return sys_wait(sys, call, NULL, timeout < 0 ? LA_NEVER : (la_time)timeout * LA_MS, 0);
}
