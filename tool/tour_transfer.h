/* Transfers: curl against a server on the stack, up and down, IPv4 and IPv6, without and with loss. */
#ifndef TOOL_TOUR_TRANSFER_H
#define TOOL_TOUR_TRANSFER_H

#include "tour_world.h"

struct transfer {
    const char *name;
    bool upload, ipv6;
    unsigned loss_percent;
};

/* Ends with an entry without name. */
extern const struct transfer transfers[];

/* "curl downloads 200 MB over IPv6, 2 % of the packets are lost in each direction" */
void transfer_title(const struct transfer *transfer, uint64_t bytes, char *title, size_t size);

/* Plays one transfer of so many bytes. False when it went otherwise. */
bool transfer_play(struct world *world, const struct transfer *transfer, uint64_t bytes);

#endif
