/* Smaller, larger, and a product divided, in types that say their size. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdint.h>

static inline uint32_t u32_min(uint32_t a, uint32_t b) { return a < b ? a : b; }
static inline uint32_t u32_max(uint32_t a, uint32_t b) { return a < b ? b : a; }
static inline uint64_t u64_min(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t u64_max(uint64_t a, uint64_t b) { return a < b ? b : a; }

/* a * b, or UINT64_MAX when that is more. */
static inline uint64_t u64_mul(uint64_t a, uint64_t b) { return b == 0 || a <= UINT64_MAX / b ? a * b : UINT64_MAX; }

/* The same for what must fit into 32 bits. */
static inline uint32_t u32_of(uint64_t a) { return a < UINT32_MAX ? (uint32_t)a : UINT32_MAX; }

#endif
