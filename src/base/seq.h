/* Sequence numbers: 32 bits that wrap (RFC 9293, 3.4). A type of their own, so that `<` on them does not compile. */
#ifndef BASE_SEQ_H
#define BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t n;
} seq;

static inline seq seq_of(uint32_t n) { return (seq){n}; }
static inline seq seq_add(seq a, uint32_t n) { return (seq){a.n + n}; }
static inline seq seq_sub(seq a, uint32_t n) { return (seq){a.n - n}; }
/* How far a is beyond b; negative when before. */
static inline int32_t seq_diff(seq a, seq b) { return (int32_t)(a.n - b.n); }
/* The same where a is known not to be before b. */
static inline uint32_t seq_len(seq from, seq to) { return to.n - from.n; }
static inline bool seq_eq(seq a, seq b) { return a.n == b.n; }
static inline bool seq_lt(seq a, seq b) { return seq_diff(a, b) < 0; }
static inline bool seq_leq(seq a, seq b) { return seq_diff(a, b) <= 0; }
static inline bool seq_gt(seq a, seq b) { return seq_diff(a, b) > 0; }
static inline bool seq_geq(seq a, seq b) { return seq_diff(a, b) >= 0; }
static inline seq seq_max(seq a, seq b) { return seq_lt(a, b) ? b : a; }
static inline seq seq_min(seq a, seq b) { return seq_lt(a, b) ? a : b; }
/* from <= a < from + len. */
static inline bool seq_within(seq a, seq from, uint32_t len) { return a.n - from.n < len; }

#endif
