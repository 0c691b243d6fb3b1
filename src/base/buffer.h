/* Stream storage addressed by sequence number: the bytes of [any window] lie in slabs that are taken when something is
 * written and given back when everything in them was released. An empty buffer holds no memory.
 *
 * The owner knows which bytes are there (send: una..end; receive: unread .. next plus the interval set). It must keep
 * all positions that hold data within `window` of each other. Slab i of the ring holds the positions p with
 * (p / BUFFER_SLAB) % ring == i. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <lastack/types.h>

#include "base/env.h"
#include "base/seq.h"

#define BUFFER_SHIFT 12
#define BUFFER_SLAB (1u << BUFFER_SHIFT)

#define BUFFER_RING_MIN 16 /* Entries of the smallest ring. */

/* Where all buffers of a stack get their slabs and smallest rings: free lists over the allocator, last in first out, so
 * that a busy stack allocates nothing. Each list keeps at most `keep`. */
struct slabs {
    struct env *env;
    void *free, *free_rings; /* Linked through their first bytes. */
    uint32_t nfree, nfree_rings, keep;
    uint32_t out; /* Slabs held by buffers. */
};

void slabs_init(struct slabs *slabs, struct env *env, uint32_t keep);
/* Gives the free lists back. Buffers must have been cleared before. */
void slabs_free(struct slabs *slabs);

struct buffer {
    uint8_t **ring;     /* ring_size entries, or NULL. */
    uint32_t ring_size; /* A power of two, or 0. */
    uint32_t held;      /* Slabs held. */
};

/* Copies `len` bytes to the positions from `at`. [low, high) are the positions in use, this write included (high - low
 * at most 2^30); it may have to grow the ring. All or nothing: false when memory is refused. */
bool buffer_write(struct buffer *buffer, struct slabs *slabs, seq low, seq high, seq at, const void *data, size_t len);
/* Makes room for the positions [at, at + len) and gives the pieces, at most `max`. The sum is less than len when there
 * are not enough pieces or memory is refused; 0 is possible. Slabs in use already are not changed, so a second call for
 * the same positions gives the same room as long as nothing released it between. */
size_t buffer_reserve(struct buffer *buffer, struct slabs *slabs, seq low, seq high, seq at, size_t len,
                      struct la_room *room, unsigned max, unsigned *count);
/* Whether there is room for [at, at + len) already, low being the lowest position in use (at - low + len at most 2^30).
 */
bool buffer_covers(const struct buffer *buffer, seq low, seq at, size_t len);
/* Copies out. The bytes must have been written. */
void buffer_read(const struct buffer *buffer, seq at, void *to, size_t len);
/* The pieces of [at, at + len), at most `max`; returns the bytes they cover. */
size_t buffer_peek(const struct buffer *buffer, seq at, size_t len, struct la_span *span, unsigned max,
                   unsigned *count);
/* The positions [from, to) are no longer in use, and [to, high) still are (to == high: nothing is). Slabs that hold no
 * position in use go back; when nothing is in use the ring goes too. */
void buffer_release(struct buffer *buffer, struct slabs *slabs, seq from, seq to, seq high);
/* Of the positions in use, [low, to) still are, and those from `to` on no longer: their slabs go back. */
void buffer_keep(struct buffer *buffer, struct slabs *slabs, seq low, seq to);
/* Everything goes back. What is zeroed is an empty buffer. */
void buffer_clear(struct buffer *buffer, struct slabs *slabs);
/* Bytes of memory held. */
size_t buffer_memory(const struct buffer *buffer);

#endif
