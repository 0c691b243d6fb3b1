#include "linux_netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel fills 32 KB at a time at most. */
#define ROOM 65536

int linux_netlink_open(struct linux_netlink *netlink, int bus) {
    *netlink = (struct linux_netlink){.room = malloc(ROOM)};
    if (!netlink->room) return -ENOMEM;
    netlink->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
    if (netlink->socket && mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) == 0) return 0;
    int error = errno;
    linux_netlink_close(netlink);
    return -error;
}

void linux_netlink_close(struct linux_netlink *netlink) {
    if (netlink->socket) (void)mnl_socket_close(netlink->socket);
    free(netlink->room);
    *netlink = (struct linux_netlink){0};
}

static int ask(struct linux_netlink *netlink, uint16_t type, const void *question, size_t size) {
    struct nlmsghdr *request = mnl_nlmsg_put_header(netlink->room);
    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = ++netlink->seq;
    memcpy(mnl_nlmsg_put_extra_header(request, size), question, size);
    return mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0 ? -errno : 0;
}

/* What an end of the list says: 0 or -errno. An error carries its number first, and so does a plain end. */
static int end_of(const struct nlmsghdr *message) {
    int error = 0;
    if (mnl_nlmsg_get_payload_len(message) < sizeof error) return 0;
    memcpy(&error, mnl_nlmsg_get_payload(message), sizeof error);
    return error < 0 ? error : 0;
}

int linux_netlink_dump(struct linux_netlink *netlink, uint16_t type, const void *question, size_t size,
                       bool (*hear)(void *ctx, const struct nlmsghdr *item), void *ctx, bool *changed) {
    int error = ask(netlink, type, question, size);
    while (!error) {
        ssize_t n = mnl_socket_recvfrom(netlink->socket, netlink->room, ROOM);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? -errno : -EIO;
        int left = (int)n;
        for (const struct nlmsghdr *item = (void *)netlink->room; mnl_nlmsg_ok(item, left);
             item = mnl_nlmsg_next(item, &left)) {
            if (item->nlmsg_seq != netlink->seq) continue;
            if (item->nlmsg_flags & NLM_F_DUMP_INTR) *changed = true;
            if (item->nlmsg_type == NLMSG_DONE || item->nlmsg_type == NLMSG_ERROR) return end_of(item);
            if (item->nlmsg_type >= NLMSG_MIN_TYPE && !hear(ctx, item)) return -ENOMEM;
        }
    }
    return error;
}
