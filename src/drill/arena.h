/* Memory that is given back all at once. */
#ifndef DRILL_ARENA_H
#define DRILL_ARENA_H

#include <stddef.h>

struct drill_arena_block;

/* Zero is an empty arena. */
struct drill_arena {
    struct drill_arena_block *blocks;
};

/* Zeroed memory aligned for any type; NULL when there is none. */
void *drill_arena_new(struct drill_arena *arena, size_t size);
/* A copy of `len` bytes with a NUL behind it; NULL when there is no memory. */
char *drill_arena_text(struct drill_arena *arena, const char *text, size_t len);
void drill_arena_free(struct drill_arena *arena);

#endif
