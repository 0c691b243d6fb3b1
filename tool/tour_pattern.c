/* The pattern is SplitMix64 by position: any place can be made without those before it. The checksum multiplies and
 * rotates word by word, in the manner of FNV-1a: cheap enough not to be what a transfer measures. */
#include "tour_pattern.h"

#include <string.h>

static uint64_t word_at(uint64_t index) {
    uint64_t z = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void pattern_fill(uint64_t offset, uint8_t *to, size_t len) {
    while (len) {
        uint64_t word = word_at(offset / 8);
        size_t skip = (size_t)(offset % 8), n = len < 8 - skip ? len : 8 - skip;
        memcpy(to, (const uint8_t *)&word + skip, n);
        to += n;
        len -= n;
        offset += n;
    }
}

static void mix(struct sum *sum, uint64_t word) {
    uint64_t h = sum->hash ^ word;
    sum->hash = (h << 29 | h >> 35) * UINT64_C(0x100000001b3) + 1;
}

void sum_add(struct sum *sum, const void *data, size_t len) {
    const uint8_t *from = data;
    for (; len && sum->bytes % 8; len--) {
        memcpy((uint8_t *)&sum->word + sum->bytes % 8, from++, 1);
        if (++sum->bytes % 8 == 0) mix(sum, sum->word);
    }
    for (; len >= 8; len -= 8, from += 8, sum->bytes += 8) {
        uint64_t word;
        memcpy(&word, from, 8);
        mix(sum, word);
    }
    if (!len) return;
    sum->word = 0;
    memcpy(&sum->word, from, len);
    sum->bytes += len;
}

uint64_t sum_value(const struct sum *sum) {
    struct sum end = *sum;
    if (end.bytes % 8) mix(&end, end.word);
    mix(&end, end.bytes);
    return end.hash;
}
