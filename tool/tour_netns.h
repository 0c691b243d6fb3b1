/* A network namespace of the command's own: nothing of the host's network is touched or seen. */
#ifndef TOOL_TOUR_NETNS_H
#define TOOL_TOUR_NETNS_H

#include <lastack/types.h>

/* What went wrong and what to do about it, in sentences. */
struct trouble {
    char text[512];
};

/* Moves this process into a new network namespace (inside a new user namespace when it is not root) and sets lo up. */
bool netns_enter(struct trouble *trouble);

/* Gives the interface an address, without duplicate address detection. */
bool netns_addr(const char *interface, const struct la_addr *addr, unsigned prefix_len, struct trouble *trouble);

/* A route to the prefix through the interface, by way of `gateway`. */
bool netns_route(const char *interface, const struct la_addr *prefix, unsigned prefix_len,
                 const struct la_addr *gateway, struct trouble *trouble);

/* Sets the interface up, with a queue towards us of `queue` packets. */
bool netns_up(const char *interface, uint32_t queue, struct trouble *trouble);

/* Writes /proc/sys/net/NAME. False when the kernel does not know it or refuses. */
bool netns_sysctl(const char *name, const char *value);

#endif
