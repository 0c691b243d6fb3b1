/* The network namespaces of the host. */
#ifndef INSPECT_LINUX_NETNS_H
#define INSPECT_LINUX_NETNS_H

#include "snap.h"

struct netns_found {
    const char *name; /* Of /run/netns, or "pid 17's". A text of the snapshot. */
    uint64_t inode;
    int fd; /* Good during the call. -errno: it could not be opened. */
};

/* Gives all that have a name or a process in them to `found`, but for the one of the calling thread, one by one: a host
 * may have more than there are descriptors. How many processes there are whose namespace is not told. */
uint32_t linux_netns_each(struct snap *snap, void (*found)(void *arg, const struct netns_found *netns), void *arg);

/* The one of the calling thread; 0: unknown. */
uint64_t linux_netns_own(void);
/* As linux_in_netns. */
int linux_in_netns_fd(int fd, void (*work)(void *arg), void *arg);

#endif
