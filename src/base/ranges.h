/* A set of disjoint, non-adjacent intervals of sequence numbers, ordered, all within 2^31 of each other.
 *
 * Each remembers when something was last added to it, old or new, so that SACK blocks can be told in the order of
 * RFC 2018, section 4. Nothing is allocated while the set is empty; the number of intervals is bounded. */
#ifndef BASE_RANGES_H
#define BASE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/seq.h"

struct range {
    seq from, to;   /* from <= x < to */
    uint32_t stamp; /* Larger (modulo 2^32): added to later. */
};

struct ranges {
    struct range *at; /* Ascending. */
    uint16_t count, cap;
    uint32_t stamp; /* The latest one. */
};

#define RANGES_MAX 4096 /* Every other segment of 12 MB lost: 48 KB. */

enum ranges_result { RANGES_OK, RANGES_FULL, RANGES_NOMEM };

/* Adds [from, to), from < to. On FULL (it would be one interval more than RANGES_MAX) and NOMEM the set is as before.
 */
enum ranges_result ranges_add(struct ranges *ranges, struct env *env, seq from, seq to);
/* Takes away everything before `to`. */
void ranges_trim(struct ranges *ranges, struct env *env, seq to);
/* Takes away everything from `from` on. */
void ranges_cut(struct ranges *ranges, struct env *env, seq from);
/* Whether every byte of [from, to) is in the set. */
bool ranges_contain(const struct ranges *ranges, seq from, seq to);
/* The interval that contains x, or NULL. */
const struct range *ranges_find(const struct ranges *ranges, seq x);
/* The first interval that ends behind x, or NULL. */
const struct range *ranges_next(const struct ranges *ranges, seq x);
/* Up to `max` intervals, the most recently added to first. Returns how many. */
unsigned ranges_recent(const struct ranges *ranges, struct range *out, unsigned max);
/* The sum of all lengths. */
uint32_t ranges_bytes(const struct ranges *ranges);
void ranges_free(struct ranges *ranges, struct env *env);

#endif
