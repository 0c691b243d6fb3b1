/* Theory of operation.
 *
 * The sequence space is cut into slabs of 4 KiB, numbered by the upper 20 bits of a position. The ring has a power of
 * two entries, at most 2^19; slab number i belongs into entry i mod ring size. As that divides 2^20, numbers go on
 * through the wrap of the sequence space without a seam. The slabs of all positions in use are consecutive, and the
 * ring has at least as many entries, so no two meet in one entry.
 *
 * Slabs are taken by buffer_write and buffer_reserve and given back by buffer_release. A ring that is too small is
 * replaced by a larger one and the pointers move; bytes never do. This needs the number of each held slab, which
 * follows from the lowest position in use: every held slab lies within one ring length from there. (Slabs that were
 * reserved and never written may lie beyond the highest one; they stay until their positions are released or nothing is
 * in use.)
 *
 * Refused memory: nothing has changed, except that the ring may have grown. */
#include "base/buffer.h"

#include "base/mem.h"

#define NUMBERS_SHIFT (32 - BUFFER_SHIFT) /* Slab numbers have so many bits. */
#define MAX_WINDOW (1u << 30)

/* What the first bytes of a free slab or ring are. */
struct free_link {
    struct free_link *next;
};

static bool pop(void **list, uint32_t *n, void **ptr) {
    struct free_link *link = *list;
    if (!link) return false;
    *list = link->next;
    (*n)--;
    *ptr = link;
    return true;
}

static void push(void **list, uint32_t *n, void *ptr) {
    struct free_link *link = ptr;
    link->next = *list;
    *list = link;
    (*n)++;
}

/* The compiler knows that a piece ends with its slab, and for a length that it knows to be bounded it writes a loop of
 * its own, which is slower than the library's. So it must not know. */
static void copy(void *restrict to, const void *restrict from, size_t len) {
    __asm__("" : "+r"(len));
    memcpy(to, from, len);
}

static size_t ring_bytes(uint32_t ring_size) { return ring_size * sizeof(uint8_t *); }

void slabs_init(struct slabs *slabs, struct env *env, uint32_t keep) {
    memset(slabs, 0, sizeof *slabs);
    slabs->env = env;
    slabs->keep = keep;
}

void slabs_free(struct slabs *slabs) {
    void *ptr;
    while (pop(&slabs->free, &slabs->nfree, &ptr)) env_release(slabs->env, ptr, BUFFER_SLAB);
    while (pop(&slabs->free_rings, &slabs->nfree_rings, &ptr)) {
        env_release(slabs->env, ptr, ring_bytes(BUFFER_RING_MIN));
    }
}

static uint8_t *slab_take(struct slabs *slabs) {
    void *ptr;
    if (!pop(&slabs->free, &slabs->nfree, &ptr)) ptr = env_alloc(slabs->env, BUFFER_SLAB);
    if (ptr) slabs->out++;
    return ptr;
}

static void slab_give(struct slabs *slabs, uint8_t *slab) {
    slabs->out--;
    if (slabs->nfree < slabs->keep) {
        push(&slabs->free, &slabs->nfree, slab);
    } else {
        env_release(slabs->env, slab, BUFFER_SLAB);
    }
}

/* A zeroed ring, or NULL. */
static uint8_t **ring_take(struct slabs *slabs, uint32_t size) {
    void *ptr;
    if (size > BUFFER_RING_MIN || !pop(&slabs->free_rings, &slabs->nfree_rings, &ptr)) {
        ptr = env_alloc(slabs->env, ring_bytes(size));
    }
    return ptr ? memset(ptr, 0, ring_bytes(size)) : NULL;
}

static void ring_give(struct slabs *slabs, uint8_t **ring, uint32_t size) {
    if (size == BUFFER_RING_MIN && slabs->nfree_rings < slabs->keep) {
        push(&slabs->free_rings, &slabs->nfree_rings, ring);
    } else {
        env_release(slabs->env, ring, ring_bytes(size));
    }
}

static uint32_t number_of(seq position) { return position.n >> BUFFER_SHIFT; }

/* How many slabs the positions [from, to) touch. */
static uint32_t slabs_between(seq from, seq to) {
    uint32_t len = seq_len(from, to);
    return len == 0 ? 0 : ((from.n & (BUFFER_SLAB - 1)) + len - 1) / BUFFER_SLAB + 1;
}

static uint8_t **entry(const struct buffer *buffer, uint32_t number) {
    return &buffer->ring[number & (buffer->ring_size - 1)];
}

/* The bytes from a position to the end of its slab, at most `len`. */
static struct la_room piece(const struct buffer *buffer, seq at, size_t len) {
    uint32_t offset = at.n & (BUFFER_SLAB - 1);
    return (struct la_room){*entry(buffer, number_of(at)) + offset, size_min(len, BUFFER_SLAB - offset)};
}

/* Makes the ring large enough for [low, high). */
static bool ring_fit(struct buffer *buffer, struct slabs *slabs, seq low, seq high) {
    uint32_t needed = slabs_between(low, high);
    if (needed <= buffer->ring_size) return true;
    ASSERT(seq_len(low, high) <= MAX_WINDOW);
    uint32_t size = buffer->ring_size ? buffer->ring_size : BUFFER_RING_MIN;
    while (size < needed) size *= 2;
    uint8_t **ring = ring_take(slabs, size);
    if (!ring) return false;
    for (uint32_t i = 0; i < buffer->ring_size; i++) {
        uint32_t number = number_of(low) + i;
        ring[number & (size - 1)] = *entry(buffer, number);
    }
    if (buffer->ring) ring_give(slabs, buffer->ring, buffer->ring_size);
    buffer->ring = ring;
    buffer->ring_size = size;
    return true;
}

/* The empty buffer holds no ring. */
static void ring_drop_unused(struct buffer *buffer, struct slabs *slabs) {
    if (buffer->held > 0 || !buffer->ring) return;
    ring_give(slabs, buffer->ring, buffer->ring_size);
    buffer->ring = NULL;
    buffer->ring_size = 0;
}

/* Sees to it that `n` entries from slab `number` on have their slabs; all or none of those that are missing. */
static bool fill(struct buffer *buffer, struct slabs *slabs, uint32_t number, uint32_t n) {
    uint32_t missing = 0, got = 0;
    for (uint32_t i = 0; i < n; i++) missing += *entry(buffer, number + i) == NULL;
    if (missing == 0) return true;
    void *chain = NULL, *slab;
    while (got < missing && (slab = slab_take(slabs)) != NULL) push(&chain, &got, slab);
    if (got < missing) {
        while (pop(&chain, &got, &slab)) slab_give(slabs, slab);
        return false;
    }
    buffer->held += missing;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t **at = entry(buffer, number + i);
        if (!*at && pop(&chain, &got, &slab)) *at = slab;
    }
    return true;
}

bool buffer_write(struct buffer *buffer, struct slabs *slabs, seq low, seq high, seq at, const void *data, size_t len) {
    if (len == 0) return true;
    ASSERT(seq_len(low, at) <= seq_len(low, high) && len <= seq_len(at, high));
    if (!ring_fit(buffer, slabs, low, high)) return false;
    if (!fill(buffer, slabs, number_of(at), slabs_between(at, seq_add(at, (uint32_t)len)))) {
        ring_drop_unused(buffer, slabs);
        return false;
    }
    const uint8_t *from = data;
    while (len > 0) {
        struct la_room to = piece(buffer, at, len);
        copy(to.data, from, to.len);
        from += to.len;
        at = seq_add(at, (uint32_t)to.len);
        len -= to.len;
    }
    return true;
}

size_t buffer_reserve(struct buffer *buffer, struct slabs *slabs, seq low, seq high, seq at, size_t len,
                      struct la_room *room, unsigned max, unsigned *count) {
    *count = 0;
    if (len == 0 || max == 0) return 0;
    ASSERT(seq_len(low, at) <= seq_len(low, high) && len <= seq_len(at, high));
    if (!ring_fit(buffer, slabs, low, high)) return 0;
    size_t sum = 0;
    while (sum < len && *count < max && fill(buffer, slabs, number_of(at), 1)) {
        struct la_room part = piece(buffer, at, len - sum);
        room[(*count)++] = part;
        sum += part.len;
        at = seq_add(at, (uint32_t)part.len);
    }
    ring_drop_unused(buffer, slabs);
    return sum;
}

bool buffer_covers(const struct buffer *buffer, seq low, seq at, size_t len) {
    seq end = seq_add(at, (uint32_t)len);
    if (len == 0) return true;
    /* Beyond the ring's length from `low`, an entry would be another position's. */
    if (len > MAX_WINDOW || slabs_between(low, end) > buffer->ring_size) return false;
    uint32_t n = slabs_between(at, end), i = 0;
    while (i < n && *entry(buffer, number_of(at) + i)) i++;
    return i == n;
}

void buffer_read(const struct buffer *buffer, seq at, void *to, size_t len) {
    uint8_t *out = to;
    while (len > 0) {
        struct la_room from = piece(buffer, at, len);
        copy(out, from.data, from.len);
        out += from.len;
        at = seq_add(at, (uint32_t)from.len);
        len -= from.len;
    }
}

size_t buffer_peek(const struct buffer *buffer, seq at, size_t len, struct la_span *span, unsigned max,
                   unsigned *count) {
    size_t sum = 0;
    *count = 0;
    while (sum < len && *count < max) {
        struct la_room part = piece(buffer, at, len - sum);
        span[(*count)++] = (struct la_span){part.data, part.len};
        sum += part.len;
        at = seq_add(at, (uint32_t)part.len);
    }
    return sum;
}

/* Empties `n` entries from slab `number` on. */
static void give_back(struct buffer *buffer, struct slabs *slabs, uint32_t number, uint32_t n) {
    for (uint32_t i = 0; i < n && buffer->held > 0; i++) {
        uint8_t **at = entry(buffer, number + i);
        if (!*at) continue;
        slab_give(slabs, *at);
        *at = NULL;
        buffer->held--;
    }
}

void buffer_release(struct buffer *buffer, struct slabs *slabs, seq from, seq to, seq high) {
    /* The slab of `to` is still in use, those before it are not. When nothing is, what was only reserved goes too. */
    uint32_t n = (number_of(to) - number_of(from)) & ((1u << NUMBERS_SHIFT) - 1);
    if (seq_eq(to, high) || n > buffer->ring_size) n = buffer->ring_size;
    give_back(buffer, slabs, number_of(from), n);
    ring_drop_unused(buffer, slabs);
}

void buffer_keep(struct buffer *buffer, struct slabs *slabs, seq low, seq to) {
    uint32_t kept = slabs_between(low, to);
    if (kept < buffer->ring_size) give_back(buffer, slabs, number_of(low) + kept, buffer->ring_size - kept);
    ring_drop_unused(buffer, slabs);
}

void buffer_clear(struct buffer *buffer, struct slabs *slabs) {
    give_back(buffer, slabs, 0, buffer->ring_size);
    ring_drop_unused(buffer, slabs);
}

size_t buffer_memory(const struct buffer *buffer) {
    return (size_t)buffer->held * BUFFER_SLAB + ring_bytes(buffer->ring_size);
}
