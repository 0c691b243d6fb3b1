/* Theory of operation.
 *
 * With N buckets and T the largest power of two not above N, a hash belongs to bucket `hash mod 2T`, or, where that one
 * does not exist yet, `hash mod T`. So bucket N, when it is added, takes over a part of bucket N - T and of no other;
 * and when the last bucket goes, its whole chain joins that of its parent. One insertion adds at most one bucket, one
 * removal takes at most two away (which needs no hash), so that the work of a call is that of a chain or two, whose
 * expected length is about 1.
 *
 * Invariants: every chain holds exactly the objects whose hash belongs to its bucket; count / 2 <= N or N is the
 * minimum; N <= 2 * count likewise; N <= count unless objects have been removed. Buckets lie in segments, which come
 * and go with them; only the directory of segments is ever copied (one pointer per 512 buckets). Refused memory means
 * that a bucket is not added: chains are longer until a later insertion makes up for it. */
#include "base/table.h"

#include "base/mem.h"

#define SEGMENT (1u << TABLE_SEGMENT_SHIFT)
#define FIRST_CAP 4u
#define MAX_BUCKETS (1u << 31)

void table_init(struct table *table, struct env *env, const struct pool *pool, uint32_t link,
                uint64_t (*hash)(const void *ctx, const void *object), const void *ctx) {
    ASSERT(link % 4 == 0 && link + 4 <= pool->size);
    memset(table, 0, sizeof *table);
    table->env = env;
    table->pool = pool;
    table->link = link;
    table->hash = hash;
    table->ctx = ctx;
}

void table_free(struct table *table) {
    for (uint32_t i = 0; i < table->nsegments; i++) {
        env_release(table->env, table->segments[i], SEGMENT * sizeof(uint32_t));
    }
    env_release(table->env, table->segments, table->segments_cap * sizeof *table->segments);
    table->segments = NULL;
    table->nsegments = table->segments_cap = table->buckets = table->count = 0;
}

/* The largest power of two not above n; n > 0. */
static uint32_t top_of(uint32_t n) { return 1u << (31 - __builtin_clz(n)); }

static uint32_t bucket_of(const struct table *table, uint64_t hash) {
    uint32_t top = top_of(table->buckets);
    uint32_t b = (uint32_t)hash & (2 * top - 1);
    return b < table->buckets ? b : b - top;
}

static uint32_t *head_at(const struct table *table, uint32_t bucket) {
    return &table->segments[bucket >> TABLE_SEGMENT_SHIFT][bucket & (SEGMENT - 1)];
}

static uint32_t *link_at(const struct table *table, uint32_t index) {
    return (uint32_t *)(void *)((uint8_t *)pool_at(table->pool, index) + table->link);
}

static bool directory_resize(struct table *table, uint32_t cap) {
    uint32_t **segments = env_alloc(table->env, cap * sizeof *segments);
    if (!segments) return false;
    if (table->nsegments) memcpy(segments, table->segments, table->nsegments * sizeof *segments);
    env_release(table->env, table->segments, table->segments_cap * sizeof *segments);
    table->segments = segments;
    table->segments_cap = cap;
    return true;
}

/* A new segment, all of its chains empty. */
static bool segment_add(struct table *table) {
    if (table->nsegments == table->segments_cap) {
        if (!directory_resize(table, table->segments_cap ? 2 * table->segments_cap : FIRST_CAP)) return false;
    }
    uint32_t *segment = env_alloc(table->env, SEGMENT * sizeof *segment);
    if (!segment) return false;
    memset(segment, 0xff, SEGMENT * sizeof *segment); /* POOL_NONE */
    table->segments[table->nsegments++] = segment;
    return true;
}

static void segment_drop(struct table *table) {
    env_release(table->env, table->segments[--table->nsegments], SEGMENT * sizeof(uint32_t));
    if (table->segments_cap > FIRST_CAP && table->nsegments <= table->segments_cap / 4) {
        (void)directory_resize(table, table->segments_cap / 2);
    }
}

/* Adds a bucket and gives it its part of its parent's chain. Both keep their order. */
static void split(struct table *table) {
    uint32_t last = table->buckets, top = top_of(last);
    if (last >= MAX_BUCKETS || (last % SEGMENT == 0 && !segment_add(table))) return;
    table->buckets++;
    uint32_t *stay = head_at(table, last - top), *go = head_at(table, last);
    for (uint32_t index = *stay; index != POOL_NONE;) {
        uint32_t *link = link_at(table, index);
        uint32_t next = *link;
        uint32_t **end = table->hash(table->ctx, pool_at(table->pool, index)) & top ? &go : &stay;
        **end = index;
        *end = link;
        index = next;
    }
    *stay = *go = POOL_NONE;
}

/* Takes the last bucket away; its chain goes before its parent's. */
static void merge(struct table *table) {
    uint32_t last = table->buckets - 1;
    uint32_t *from = head_at(table, last), *to = head_at(table, last - top_of(last));
    uint32_t *end = from;
    while (*end != POOL_NONE) end = link_at(table, *end);
    *end = *to;
    *to = *from;
    *from = POOL_NONE;
    table->buckets = last;
    if (last % SEGMENT == 0) segment_drop(table);
}

bool table_insert(struct table *table, uint64_t hash, uint32_t index) {
    if (table->buckets == 0) {
        if (!segment_add(table)) return false;
        table->buckets = SEGMENT;
    }
    uint32_t *head = head_at(table, bucket_of(table, hash));
    *link_at(table, index) = *head;
    *head = index;
    if (++table->count > table->buckets) split(table);
    return true;
}

void table_remove(struct table *table, uint64_t hash, uint32_t index) {
    ASSERT(table->count > 0);
    uint32_t *at = head_at(table, bucket_of(table, hash));
    while (*at != index) {
        ASSERT(*at != POOL_NONE);
        at = link_at(table, *at);
    }
    *at = *link_at(table, index);
    table->count--;
    /* Two, so that the buckets are gone when the objects are. */
    for (int i = 0; i < 2 && table->buckets > SEGMENT && table->count < table->buckets / 2; i++) merge(table);
}

uint32_t table_chain(const struct table *table, uint64_t hash) {
    return table->buckets ? *head_at(table, bucket_of(table, hash)) : POOL_NONE;
}

uint32_t table_chain_next(const struct table *table, uint32_t index) { return *link_at(table, index); }
