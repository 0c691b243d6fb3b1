/* The only functions of a C library that the core uses, and assertions. Declared here, so that a freestanding compiler
 * without any header of a library builds the core. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* For our own mistakes only, never for input. Stops the program where the mistake is. */
#define ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The object of `type` whose `member` is at `ptr`. */
#define CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline size_t size_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t size_max(size_t a, size_t b) { return a < b ? b : a; }

#endif
