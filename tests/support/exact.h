/* Copies of exactly the bytes wanted, so that a sanitizer sees every read beyond them, and a stream of numbers for
 * tests that want many different inputs but always the same ones. */
#ifndef SUPPORT_EXACT_H
#define SUPPORT_EXACT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The caller frees it. Of 0 bytes it still is a pointer, to nothing. */
static inline uint8_t *exact(const void *data, size_t len) {
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy) abort();
    if (len == 0) return copy;
    memcpy(copy, data, len);
    return copy;
}

/* xorshift; begin with anything but 0. */
static inline uint32_t stream_next(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#endif
