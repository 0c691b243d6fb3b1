/* The bytes that the transfers carry, and their checksum. */
#ifndef TOOL_TOUR_PATTERN_H
#define TOOL_TOUR_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* Writes the pattern's bytes offset … offset + len - 1. It never repeats, so a byte out of place is seen. */
void pattern_fill(uint64_t offset, uint8_t *to, size_t len);

/* A 64-bit checksum over 8-byte words, in any pieces. Begins as zeros. */
struct sum {
    uint64_t hash, bytes, word;
};

void sum_add(struct sum *sum, const void *data, size_t len);
uint64_t sum_value(const struct sum *sum);

#endif
