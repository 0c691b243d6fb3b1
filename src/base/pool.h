/* Objects of one size, named by a 32-bit index that stays valid while the object lives, and optionally by a handle that
 * is never given out twice.
 *
 * Slabs are taken on demand and given back when empty (one empty slab is kept). Growing copies no object. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

#define POOL_NONE UINT32_MAX

struct pool_slab;

/* Entries form two rings: of slabs with a free object, and of holes. */
struct pool_entry {
    struct pool_slab *slab; /* NULL: a hole. */
    uint32_t next, prev;    /* Neighbours in the ring, when in one. */
};

struct pool {
    struct env *env;
    uint32_t size;       /* Of an object, a multiple of 4. */
    uint32_t slab_shift; /* log2 of the objects in a slab. */
    bool handles;
    uint32_t serial; /* Of the latest handle. */
    uint32_t live;   /* Objects in use. */
    uint32_t first;  /* Offset of a slab's first object. */
    struct pool_entry *slabs;
    uint32_t nslabs, slabs_cap; /* Entries in use, holes included; entries allocated. */
    uint32_t partial;           /* First slab with a free object, or POOL_NONE; empty ones come last. */
    uint32_t hole;              /* First entry of slabs without slab, or POOL_NONE. */
    uint32_t empty;             /* Slabs without any object in use: 0 or 1. */
};

/* `size` bytes per object (at most 16 MiB); with `handles`, 4 bytes more each. Allocates nothing. */
void pool_init(struct pool *pool, struct env *env, size_t size, bool handles);
/* Gives all slabs back, live objects or not. */
void pool_free(struct pool *pool);
/* A zeroed object, its index in *index; NULL when memory is refused. */
void *pool_get(struct pool *pool, uint32_t *index);
void pool_put(struct pool *pool, uint32_t index);
/* The live object with that index. It is the caller's mistake if there is none. */
void *pool_at(const struct pool *pool, uint32_t index);
/* Handles: positive, serial << 32 | index; index bit 31 is always 0. A stale or invented one gives NULL. Serials are 31
 * bits, counted by the whole pool, never 0: a handle comes again after 2^31 objects at the earliest. */
int64_t pool_handle(const struct pool *pool, uint32_t index);
void *pool_find(const struct pool *pool, int64_t handle, uint32_t *index);
/* The first live index at or after `from`, or POOL_NONE: for walks. */
uint32_t pool_next(const struct pool *pool, uint32_t from);

#endif
