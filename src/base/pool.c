/* Theory of operation.
 *
 * A slab is one allocation: a bit per object (set: live), with `handles` a serial per object, then the objects. An
 * index is the slab's number in the directory and the place in the slab; so the directory may be copied when it grows,
 * objects never move. Slabs with a free object form a ring, an empty one at its end, so that objects gather in few
 * slabs and the others drain. At most one empty slab is kept; others leave a hole in the directory, which the next new
 * slab fills. Holes at the directory's end are cut off.
 *
 * Every operation is O(1), but for the directory's copying, which is amortized (16 bytes per slab). Refused memory
 * means that pool_get fails; pool_put needs none. */
#include "base/pool.h"

#include "base/mem.h"

#define SLAB_BYTES 24576u /* What the objects of a slab take at most, if MIN_SHIFT allows. */
#define MIN_SHIFT 2
#define MAX_SHIFT 9
#define WORDS ((1u << MAX_SHIFT) / 64)
#define FIRST_CAP 4u
#define MAX_SERIAL ((uint32_t)INT32_MAX)

struct pool_slab {
    uint32_t live;
    uint64_t used[WORDS];
};

void pool_init(struct pool *pool, struct env *env, size_t size, bool handles) {
    ASSERT(size > 0 && size <= 1u << 24);
    memset(pool, 0, sizeof *pool);
    pool->env = env;
    pool->size = ((uint32_t)size + 3) & ~3u;
    pool->slab_shift = MAX_SHIFT;
    while (pool->slab_shift > MIN_SHIFT && pool->size << pool->slab_shift > SLAB_BYTES) pool->slab_shift--;
    pool->handles = handles;
    uint32_t head = (uint32_t)sizeof(struct pool_slab) + (handles ? 4u << pool->slab_shift : 0);
    pool->first = (head + 15) & ~15u;
    pool->partial = pool->hole = POOL_NONE;
}

static size_t slab_bytes(const struct pool *pool) { return pool->first + ((size_t)pool->size << pool->slab_shift); }
static uint32_t place_of(const struct pool *pool, uint32_t index) { return index & ((1u << pool->slab_shift) - 1); }
static uint32_t *serials(struct pool_slab *slab) { return (uint32_t *)(void *)(slab + 1); }

static void *object_at(const struct pool *pool, struct pool_slab *slab, uint32_t place) {
    return (uint8_t *)slab + pool->first + (size_t)place * pool->size;
}

static bool is_used(const struct pool_slab *slab, uint32_t place) { return slab->used[place / 64] >> place % 64 & 1; }

/* The slab of a live object, or NULL. */
static struct pool_slab *slab_of(const struct pool *pool, uint32_t index) {
    uint32_t i = index >> pool->slab_shift;
    struct pool_slab *slab = i < pool->nslabs ? pool->slabs[i].slab : NULL;
    return slab && is_used(slab, place_of(pool, index)) ? slab : NULL;
}

/* Puts entry `i` at the end of the ring that begins at *head. */
static void ring_append(struct pool_entry *slabs, uint32_t *head, uint32_t i) {
    if (*head == POOL_NONE) {
        *head = slabs[i].next = slabs[i].prev = i;
        return;
    }
    uint32_t first = *head, last = slabs[first].prev;
    slabs[i].next = first;
    slabs[i].prev = last;
    slabs[last].next = slabs[first].prev = i;
}

static void ring_prepend(struct pool_entry *slabs, uint32_t *head, uint32_t i) {
    ring_append(slabs, head, i);
    *head = i;
}

static void ring_remove(struct pool_entry *slabs, uint32_t *head, uint32_t i) {
    uint32_t next = slabs[i].next, prev = slabs[i].prev;
    if (next == i) {
        *head = POOL_NONE;
        return;
    }
    slabs[prev].next = next;
    slabs[next].prev = prev;
    if (*head == i) *head = next;
}

static bool directory_resize(struct pool *pool, uint32_t cap) {
    struct pool_entry *slabs = env_alloc(pool->env, cap * sizeof *slabs);
    if (!slabs) return false;
    if (pool->nslabs) memcpy(slabs, pool->slabs, pool->nslabs * sizeof *slabs);
    env_release(pool->env, pool->slabs, pool->slabs_cap * sizeof *slabs);
    pool->slabs = slabs;
    pool->slabs_cap = cap;
    return true;
}

/* Room for one slab more in the directory. */
static bool directory_room(struct pool *pool) {
    if (pool->hole != POOL_NONE || pool->nslabs < pool->slabs_cap) return true;
    if (pool->nslabs >= 1u << (31 - pool->slab_shift)) return false; /* Index bit 31 stays free. */
    return directory_resize(pool, pool->slabs_cap ? 2 * pool->slabs_cap : FIRST_CAP);
}

static bool slab_add(struct pool *pool) {
    if (!directory_room(pool)) return false;
    struct pool_slab *slab = env_alloc(pool->env, slab_bytes(pool));
    if (!slab) return false;
    memset(slab, 0, pool->first);
    uint32_t i = pool->hole;
    if (i == POOL_NONE) {
        i = pool->nslabs++;
    } else {
        ring_remove(pool->slabs, &pool->hole, i);
    }
    pool->slabs[i].slab = slab;
    ring_prepend(pool->slabs, &pool->partial, i);
    pool->empty++;
    return true;
}

/* Gives back a slab that is in no ring. */
static void slab_drop(struct pool *pool, uint32_t i) {
    env_release(pool->env, pool->slabs[i].slab, slab_bytes(pool));
    pool->slabs[i].slab = NULL;
    ring_prepend(pool->slabs, &pool->hole, i);
    while (pool->nslabs && !pool->slabs[pool->nslabs - 1].slab) {
        ring_remove(pool->slabs, &pool->hole, --pool->nslabs);
    }
    uint32_t cap = pool->slabs_cap;
    while (cap > FIRST_CAP && pool->nslabs <= cap / 4) cap /= 2;
    /* When memory for the smaller directory is refused, the larger one stays. */
    if (cap < pool->slabs_cap) (void)directory_resize(pool, cap);
}

void pool_free(struct pool *pool) {
    for (uint32_t i = 0; i < pool->nslabs; i++) env_release(pool->env, pool->slabs[i].slab, slab_bytes(pool));
    env_release(pool->env, pool->slabs, pool->slabs_cap * sizeof *pool->slabs);
    pool->slabs = NULL;
    pool->nslabs = pool->slabs_cap = pool->live = pool->empty = 0;
    pool->partial = pool->hole = POOL_NONE;
}

/* The lowest free place. There is one. */
static uint32_t free_place(const struct pool_slab *slab) {
    uint32_t w = 0;
    while (slab->used[w] == UINT64_MAX) w++;
    return w * 64 + (uint32_t)__builtin_ctzll(~slab->used[w]);
}

void *pool_get(struct pool *pool, uint32_t *index) {
    if (pool->partial == POOL_NONE && !slab_add(pool)) return NULL;
    uint32_t i = pool->partial;
    struct pool_slab *slab = pool->slabs[i].slab;
    uint32_t place = free_place(slab);
    if (slab->live++ == 0) pool->empty--;
    if (slab->live == 1u << pool->slab_shift) ring_remove(pool->slabs, &pool->partial, i);
    slab->used[place / 64] |= UINT64_C(1) << place % 64;
    pool->live++;
    if (pool->handles) {
        pool->serial = pool->serial == MAX_SERIAL ? 1 : pool->serial + 1;
        serials(slab)[place] = pool->serial;
    }
    *index = i << pool->slab_shift | place;
    return memset(object_at(pool, slab, place), 0, pool->size);
}

void pool_put(struct pool *pool, uint32_t index) {
    uint32_t i = index >> pool->slab_shift, place = place_of(pool, index);
    struct pool_slab *slab = slab_of(pool, index);
    ASSERT(slab);
    slab->used[place / 64] &= ~(UINT64_C(1) << place % 64);
    pool->live--;
    if (slab->live-- == 1u << pool->slab_shift) ring_prepend(pool->slabs, &pool->partial, i);
    if (slab->live > 0) return;
    ring_remove(pool->slabs, &pool->partial, i);
    if (pool->empty > 0) {
        slab_drop(pool, i);
        return;
    }
    ring_append(pool->slabs, &pool->partial, i);
    pool->empty++;
}

void *pool_at(const struct pool *pool, uint32_t index) {
    /* Looking at the slab's bits costs a cache miss among a million objects; the mistake is searched for in tests. */
    ASSERT(!pool->env->check || slab_of(pool, index));
    ASSERT(index >> pool->slab_shift < pool->nslabs);
    struct pool_slab *slab = pool->slabs[index >> pool->slab_shift].slab;
    ASSERT(slab);
    return object_at(pool, slab, place_of(pool, index));
}

int64_t pool_handle(const struct pool *pool, uint32_t index) {
    struct pool_slab *slab = slab_of(pool, index);
    ASSERT(slab && pool->handles);
    return (int64_t)((uint64_t)serials(slab)[place_of(pool, index)] << 32 | index);
}

void *pool_find(const struct pool *pool, int64_t handle, uint32_t *index) {
    uint32_t i = (uint32_t)((uint64_t)handle & UINT32_MAX);
    struct pool_slab *slab = handle > 0 && pool->handles ? slab_of(pool, i) : NULL;
    if (!slab || serials(slab)[place_of(pool, i)] != (uint32_t)((uint64_t)handle >> 32)) return NULL;
    if (index) *index = i;
    return object_at(pool, slab, place_of(pool, i));
}

uint32_t pool_next(const struct pool *pool, uint32_t from) {
    uint32_t words = ((1u << pool->slab_shift) + 63) / 64, place = place_of(pool, from);
    for (uint32_t i = from >> pool->slab_shift; i < pool->nslabs; i++, place = 0) {
        const struct pool_slab *slab = pool->slabs[i].slab;
        if (!slab || slab->live == 0) continue;
        uint64_t mask = UINT64_MAX << place % 64;
        for (uint32_t w = place / 64; w < words; w++, mask = UINT64_MAX) {
            uint64_t found = slab->used[w] & mask;
            if (found) return i << pool->slab_shift | (w * 64 + (uint32_t)__builtin_ctzll(found));
        }
    }
    return POOL_NONE;
}
