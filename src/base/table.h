/* A hash table of pooled objects: linear hashing, so that it grows and shrinks by one bucket at a time and no call ever
 * rehashes more than one. Chains are 32-bit pool indexes in the objects; a bucket costs 4 bytes.
 *
 * The table stores no keys. The owner computes hashes (keyed: see siphash.h) and compares. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"

#define TABLE_SEGMENT_SHIFT 9 /* Buckets per segment, log2. */

struct table {
    struct env *env;
    const struct pool *pool;
    uint32_t link; /* Offset of the uint32_t chain link in an object. */
    /* The hash that `object` was inserted under; `ctx` is for it. */
    uint64_t (*hash)(const void *ctx, const void *object);
    const void *ctx;
    uint32_t **segments;
    uint32_t nsegments, segments_cap;
    uint32_t buckets; /* In use, at least one segment's; 0 before the first insertion. */
    uint32_t count;
};

void table_init(struct table *table, struct env *env, const struct pool *pool, uint32_t link,
                uint64_t (*hash)(const void *ctx, const void *object), const void *ctx);
void table_free(struct table *table);
/* False when memory for the very first buckets is refused. Later, a refusal only makes chains longer. */
bool table_insert(struct table *table, uint64_t hash, uint32_t index);
/* The object must be in the table. */
void table_remove(struct table *table, uint64_t hash, uint32_t index);
/* The chain for a hash: the first index, then by table_chain_next, until POOL_NONE. */
uint32_t table_chain(const struct table *table, uint64_t hash);
uint32_t table_chain_next(const struct table *table, uint32_t index);

#endif
