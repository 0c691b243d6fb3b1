/* Questions to the kernel that are answered by a list (dumps), over netlink. */
#ifndef INSPECT_LINUX_NETLINK_H
#define INSPECT_LINUX_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

struct linux_netlink {
    struct mnl_socket *socket;
    char *room;   /* For answers. */
    uint32_t seq; /* Of the latest question. */
};

/* Of the network namespace that the calling thread is in. `bus`: NETLINK_SOCK_DIAG, NETLINK_ROUTE. 0 or -errno. */
int linux_netlink_open(struct linux_netlink *netlink, int bus);
void linux_netlink_close(struct linux_netlink *netlink);

/* Asks and gives every item of the answer to `hear`, until that returns false (then -ENOMEM). 0 or -errno. `changed` is
 * set when the kernel says that the list changed while it was read; it is left alone otherwise. */
int linux_netlink_dump(struct linux_netlink *netlink, uint16_t type, const void *question, size_t size,
                       bool (*hear)(void *ctx, const struct nlmsghdr *item), void *ctx, bool *changed);

#endif
