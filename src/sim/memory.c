/* The stacks' memory: counted, so that a leak is seen; filled with garbage, so that nothing relies on zeros; refused
 * for a range of requests, so that every allocation fails once. */
#include <stdlib.h>
#include <string.h>

#include "world.h"

static void *take(void *ctx, size_t size) {
    struct sim_memory *memory = ctx;
    memory->requests++;
    if (memory->requests >= memory->fail_from && memory->requests <= memory->fail_to) {
        memory->refused++;
        return NULL;
    }
    size_t *block = malloc(size + 16);
    if (!block) abort();
    *block = size;
    memory->used += size;
    if (memory->used > memory->peak) memory->peak = memory->used;
    memory->blocks++;
    return memset((uint8_t *)block + 16, 0xa5, size);
}

static void give(void *ctx, void *ptr, size_t size) {
    struct sim_memory *memory = ctx;
    void *block = (uint8_t *)ptr - 16;
    size_t was;
    memcpy(&was, block, sizeof was);
    if (was != size) memory->broken = true;
    memory->used -= was;
    memory->blocks--;
    free(block);
}

struct la_allocator sim_allocator(struct sim_memory *memory) {
    return (struct la_allocator){take, give, memory};
}
