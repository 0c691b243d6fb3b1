/* The network namespaces of the host. */
#ifndef INSPECT_LINUX_NETNS_H
#define INSPECT_LINUX_NETNS_H

#include "snap.h"

struct netns_found {
    const char *name; /* Of /run/netns, or "pid 17's". A text of the snapshot. */
    uint64_t inode;
    int fd; /* Keeps it, whatever becomes of those in it. -1: it could not be opened. */
};

struct netns_list {
    struct netns_found *list;
    uint32_t n, room;
    uint32_t unseen; /* Processes whose namespace is not told. */
    bool failed;     /* Memory was refused. */
};

/* All that have a name or a process in them, but for the one of the calling thread. */
void linux_netns_find(struct snap *snap, struct netns_list *list);
void linux_netns_free(struct netns_list *list);

/* The one of the calling thread; 0: unknown. */
uint64_t linux_netns_own(void);
/* As linux_in_netns. */
int linux_in_netns_fd(int fd, void (*work)(void *arg), void *arg);

#endif
