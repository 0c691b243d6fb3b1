/* Connections by the inode of their descriptor. The flows of a Multipath TCP connection share one. */
#ifndef INSPECT_LINUX_INODES_H
#define INSPECT_LINUX_INODES_H

#include "map.h"

/* Zeroed to begin with. */
struct inodes {
    struct map first; /* Inode -> connection */
    uint32_t *next;   /* Of each connection, the next one with the same inode; NULL: none shares one. */
    uint32_t n;       /* Connections that there can be, once `next` is there. */
};

/* Adds one of a snapshot's `n` connections. False: memory was refused. */
bool inodes_add(struct inodes *inodes, uint64_t inode, uint32_t conn, uint32_t n);
/* The latest one with this inode; MAP_NONE. */
uint32_t inodes_first(const struct inodes *inodes, uint64_t inode);
/* The one behind it; MAP_NONE. */
uint32_t inodes_next(const struct inodes *inodes, uint32_t conn);
void inodes_free(struct inodes *inodes);

#endif
