/* A hash table from numbers to indexes. It grows as it fills; keys are any but UINT64_MAX. */
#ifndef INSPECT_MAP_H
#define INSPECT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAP_NONE UINT32_MAX

struct map {
    uint64_t *keys;
    uint32_t *values;
    size_t used, size; /* size: a power of two, or 0. */
};

/* Sets the value of a key. False: memory was refused, nothing changed. */
bool map_put(struct map *map, uint64_t key, uint32_t value);
/* MAP_NONE: the key is not there. */
uint32_t map_get(const struct map *map, uint64_t key);
/* Makes room for so many keys at once. False: memory was refused, nothing changed. */
bool map_reserve(struct map *map, size_t n);
void map_clear(struct map *map); /* Empties it and keeps its room. */
void map_free(struct map *map);  /* Empties it, too. */

/* A good 64-bit mix of two numbers, for keys that are made of several. */
uint64_t map_mix(uint64_t a, uint64_t b);
/* The same of a number and a text. */
uint64_t map_mix_text(uint64_t key, const char *text);

#endif
