#include "base/ranges.h"

#include "base/mem.h"

#define FIRST_CAP 8

/* The first interval that ends at or after x; or, with `beyond`, after x. */
static unsigned first_ending(const struct ranges *ranges, seq x, bool beyond) {
    unsigned low = 0, high = ranges->count;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        int32_t past = seq_diff(ranges->at[mid].to, x);
        if (beyond ? past > 0 : past >= 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low;
}

static enum ranges_result make_room(struct ranges *ranges, struct env *env) {
    if (ranges->count == RANGES_MAX) return RANGES_FULL;
    if (ranges->count < ranges->cap) return RANGES_OK;
    unsigned cap = ranges->cap ? 2u * ranges->cap : FIRST_CAP;
    struct range *at = env_alloc(env, cap * sizeof *at);
    if (!at) return RANGES_NOMEM;
    if (ranges->count) memcpy(at, ranges->at, ranges->count * sizeof *at);
    env_release(env, ranges->at, ranges->cap * sizeof *at);
    ranges->at = at;
    ranges->cap = (uint16_t)cap;
    return RANGES_OK;
}

/* Removes `n` intervals from the i-th on. */
static void cut(struct ranges *ranges, unsigned i, unsigned n) {
    memmove(ranges->at + i, ranges->at + i + n, (ranges->count - i - n) * sizeof *ranges->at);
    ranges->count = (uint16_t)(ranges->count - n);
}

enum ranges_result ranges_add(struct ranges *ranges, struct env *env, seq from, seq to) {
    ASSERT(seq_lt(from, to));
    /* [i, end) are those that it overlaps or touches. */
    unsigned i = first_ending(ranges, from, false), end = i;
    while (end < ranges->count && seq_leq(ranges->at[end].from, to)) end++;
    if (i == end) {
        enum ranges_result result = make_room(ranges, env);
        if (result != RANGES_OK) return result;
        memmove(ranges->at + i + 1, ranges->at + i, (ranges->count - i) * sizeof *ranges->at);
        ranges->count++;
        ranges->at[i] = (struct range){from, to, 0};
    } else {
        ranges->at[i].from = seq_min(ranges->at[i].from, from);
        ranges->at[i].to = seq_max(ranges->at[end - 1].to, to);
        cut(ranges, i + 1, end - i - 1);
    }
    /* Also when nothing was new: RFC 2018, 4, wants the block first that the latest segment lies in. */
    ranges->at[i].stamp = ++ranges->stamp;
    return RANGES_OK;
}

void ranges_trim(struct ranges *ranges, struct env *env, seq to) {
    if (ranges->count == 0) return;
    cut(ranges, 0, first_ending(ranges, to, true));
    if (ranges->count == 0) {
        ranges_free(ranges, env);
    } else {
        ranges->at[0].from = seq_max(ranges->at[0].from, to);
    }
}

const struct range *ranges_next(const struct ranges *ranges, seq x) {
    unsigned i = first_ending(ranges, x, true);
    return i < ranges->count ? &ranges->at[i] : NULL;
}

const struct range *ranges_find(const struct ranges *ranges, seq x) {
    const struct range *next = ranges_next(ranges, x);
    return next && seq_leq(next->from, x) ? next : NULL;
}

bool ranges_contain(const struct ranges *ranges, seq from, seq to) {
    if (seq_geq(from, to)) return true;
    const struct range *range = ranges_find(ranges, from);
    return range && seq_leq(to, range->to);
}

unsigned ranges_recent(const struct ranges *ranges, struct range *out, unsigned max) {
    unsigned n = 0;
    for (unsigned i = 0; i < ranges->count; i++) {
        struct range range = ranges->at[i];
        uint32_t age = ranges->stamp - range.stamp;
        unsigned place = n;
        while (place > 0 && ranges->stamp - out[place - 1].stamp > age) place--;
        if (place == max) continue;
        if (n < max) n++;
        memmove(out + place + 1, out + place, (n - 1 - place) * sizeof *out);
        out[place] = range;
    }
    return n;
}

uint32_t ranges_bytes(const struct ranges *ranges) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < ranges->count; i++) sum += seq_len(ranges->at[i].from, ranges->at[i].to);
    return sum;
}

void ranges_free(struct ranges *ranges, struct env *env) {
    env_release(env, ranges->at, ranges->cap * sizeof *ranges->at);
    ranges->at = NULL;
    ranges->count = ranges->cap = 0;
}

void ranges_cut(struct ranges *ranges, struct env *env, seq from) {
    while (ranges->count && seq_geq(ranges->at[ranges->count - 1].from, from)) ranges->count--;
    if (ranges->count && seq_gt(ranges->at[ranges->count - 1].to, from)) ranges->at[ranges->count - 1].to = from;
    if (!ranges->count) ranges_free(ranges, env);
}
