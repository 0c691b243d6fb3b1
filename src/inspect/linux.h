/* The host's own TCP as a snapshot: sock_diag for connections, /proc for processes, settings and counters.
 *
 * Works for any user; what cannot be seen without privileges is named in snap->blinds and left unknown. A process,
 * socket or namespace that vanishes meanwhile is simply not there. */
#ifndef INSPECT_LINUX_H
#define INSPECT_LINUX_H

#include "snap.h"

enum linux_part {
    LINUX_MEASURED = 1, /* tcp_info and socket memory: queues in full, ages, windows. Without: state and tuple only. */
    LINUX_OWNERS = 2,   /* Every process and descriptor; units and containers. */
    LINUX_FACTS = 4,    /* Settings, counters, addresses, lines of sysctl.d. */
};

struct linux_want {
    unsigned parts;    /* enum linux_part bits. */
    uint32_t states;   /* 1 << enum la_state; 0: all. */
    bool all_netns;    /* Every network namespace that can be entered, not only the one of who looks. */
    const char *netns; /* Only this one: a name of /run/netns, or "pid:N". NULL: the own one. */
};

/* Fills a fresh snapshot and finishes it. 0, or -errno; `why` (of `size` bytes) then says what to do. */
int linux_snap(const struct linux_want *want, struct snap *snap, char *why, size_t size);

/* The parts of it, for those who put a snapshot together themselves. */
/* All connections of the network namespace that the calling thread is in, as snap->netns[netns]. 0 or -errno. */
int linux_diag(struct snap *snap, uint32_t netns, unsigned parts, uint32_t states);
/* Settings, counters and addresses of the namespace that the calling thread is in, into snap->netns[netns]. */
void linux_facts(struct snap *snap, uint32_t netns);
/* Lines of sysctl.conf and sysctl.d that name something of TCP's states, in the order in which they take effect. */
void linux_sysctl_files(struct snap *snap);
/* Owners of all connections with an inode, their processes, and descriptors counted. Adds blinds for what it could not
 * read. */
void linux_owners(struct snap *snap);

/* Looks closely at the owners of some connections: which epoll sets, calls and rings watch them, what every thread
 * does, who holds a connection that has an inode but no owner. Reads each large epoll set once. Finishes the snapshot.
 */
void linux_look_closely(struct snap *snap, const uint32_t *conns, uint32_t n);

/* Runs `work` in a thread that has entered the network namespace of this path ("/run/netns/x", "/proc/17/ns/net").
 * 0 or -errno (of entering). The calling thread stays where it is. */
int linux_in_netns(const char *path, void (*work)(void *arg), void *arg);

#endif
