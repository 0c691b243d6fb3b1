#include "map.h"

#include <stdlib.h>
#include <string.h>

#define FREE UINT64_MAX
#define FIRST_SIZE 64

uint64_t map_mix(uint64_t a, uint64_t b) {
    uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) ^ (b + UINT64_C(0x7f4a7c159e3779b9));
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ (x >> 29)) * UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    return x == FREE ? 0 : x;
}

uint64_t map_mix_text(uint64_t key, const char *text) {
    for (; *text; text++) key = map_mix(key, (unsigned char)*text);
    return key;
}

/* Where a key is, or the free place where it belongs. The table is never full. The middle bits of the product depend on
 * all lower ones of the key, so that numbers that count up, as inodes do, spread. */
static size_t find(const struct map *map, uint64_t key) {
    size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (map->size - 1);
    while (map->keys[at] != FREE && map->keys[at] != key) at = (at + 1) & (map->size - 1);
    return at;
}

static bool grow_to(struct map *map, size_t size) {
    struct map larger = {.size = size};
    larger.keys = malloc(larger.size * sizeof *larger.keys);
    larger.values = malloc(larger.size * sizeof *larger.values);
    if (!larger.keys || !larger.values) {
        map_free(&larger);
        return false;
    }
    memset(larger.keys, 0xff, larger.size * sizeof *larger.keys);
    for (size_t i = 0; i < map->size; i++) {
        if (map->keys[i] == FREE) continue;
        size_t at = find(&larger, map->keys[i]);
        larger.keys[at] = map->keys[i];
        larger.values[at] = map->values[i];
    }
    larger.used = map->used;
    map_free(map);
    *map = larger;
    return true;
}

bool map_reserve(struct map *map, size_t n) {
    size_t size = map->size ? map->size : FIRST_SIZE;
    while (n * 4 > size * 3) size *= 2;
    return size == map->size || grow_to(map, size);
}

bool map_put(struct map *map, uint64_t key, uint32_t value) {
    if (map->used * 4 >= map->size * 3 && !map_reserve(map, map->used + 1)) return false;
    size_t at = find(map, key);
    map->used += map->keys[at] == FREE;
    map->keys[at] = key;
    map->values[at] = value;
    return true;
}

uint32_t map_get(const struct map *map, uint64_t key) {
    if (!map->size) return MAP_NONE;
    size_t at = find(map, key);
    return map->keys[at] == key ? map->values[at] : MAP_NONE;
}

void map_clear(struct map *map) {
    if (map->size) memset(map->keys, 0xff, map->size * sizeof *map->keys);
    map->used = 0;
}

void map_free(struct map *map) {
    free(map->keys);
    free(map->values);
    *map = (struct map){0};
}
