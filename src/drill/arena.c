#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 16384

struct drill_arena_block {
    struct drill_arena_block *next;
    size_t size, used;
    max_align_t memory[];
};

static struct drill_arena_block *block_new(struct drill_arena *arena, size_t size) {
    size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    if (room > SIZE_MAX - sizeof(struct drill_arena_block)) return NULL;
    struct drill_arena_block *block = calloc(1, sizeof *block + room);
    if (!block) return NULL;
    block->size = room;
    /* A block made for one large piece is full: the one that still has room stays in front. */
    if (size > BLOCK_SIZE && arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *drill_arena_new(struct drill_arena *arena, size_t size) {
    const size_t align = sizeof(max_align_t);
    if (size > SIZE_MAX - align) return NULL;
    size = (size + align - 1) / align * align;
    struct drill_arena_block *block = arena->blocks;
    if (!block || size > block->size - block->used) block = block_new(arena, size);
    if (!block) return NULL;
    void *piece = (char *)block->memory + block->used;
    block->used += size;
    return piece;
}

char *drill_arena_text(struct drill_arena *arena, const char *text, size_t len) {
    if (len == SIZE_MAX) return NULL;
    char *copy = drill_arena_new(arena, len + 1);
    if (copy && len > 0) memcpy(copy, text, len);
    return copy;
}

void drill_arena_free(struct drill_arena *arena) {
    for (struct drill_arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->blocks = NULL;
}
