#include "linux_inodes.h"

#include <stdlib.h>
#include <string.h>

bool inodes_add(struct inodes *inodes, uint64_t inode, uint32_t conn, uint32_t n) {
    uint32_t other = inodes_first(inodes, inode);
    if (inode == UINT64_MAX) return true; /* No key of a map, and no inode. */
    for (uint32_t i = other; i != MAP_NONE; i = inodes_next(inodes, i))
        if (i == conn) return true;
    if (other != MAP_NONE && !inodes->next) {
        inodes->next = malloc(n * sizeof *inodes->next);
        if (!inodes->next) return false;
        memset(inodes->next, 0xff, n * sizeof *inodes->next);
        inodes->n = n;
    }
    if (!map_put(&inodes->first, inode, conn)) return false;
    if (inodes->next && conn < inodes->n) inodes->next[conn] = other;
    return true;
}

uint32_t inodes_first(const struct inodes *inodes, uint64_t inode) {
    return inode == UINT64_MAX ? MAP_NONE : map_get(&inodes->first, inode);
}

uint32_t inodes_next(const struct inodes *inodes, uint32_t conn) {
    return inodes->next && conn < inodes->n ? inodes->next[conn] : MAP_NONE;
}

void inodes_free(struct inodes *inodes) {
    map_free(&inodes->first);
    free(inodes->next);
    *inodes = (struct inodes){0};
}
