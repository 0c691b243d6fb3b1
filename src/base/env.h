/* What every part of a stack shares: memory within a budget, randomness, the time of the current call, counters and the
 * trace. The root object owns one; parts hold a pointer to it. */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <lastack/info.h>
#include <lastack/types.h>

#include "base/siphash.h"

struct env {
    struct la_allocator alloc;
    size_t used, max;       /* Bytes. used <= max. */
    struct siphash_key key; /* For everything that must not be predictable. */
    uint64_t random_at;     /* Position in the random stream. */
    la_time now;            /* Of the current call. Never goes back. */
    bool check;
    uint64_t counter[LA_NCOUNTERS];
    uint64_t dropped[LA_NDROPS];
    struct la_trace *trace; /* A ring of trace_size entries, or NULL. */
    uint32_t trace_size;
    uint64_t trace_serial; /* Of the latest entry. */
};

/* Returns 0 or -LA_ENOMEM (the trace ring). */
int env_init(struct env *env, const struct la_allocator *alloc, const uint8_t seed[32], size_t max,
             uint32_t trace_entries);
void env_free(struct env *env);

/* Memory, zeroed or not, or NULL when the allocator or the budget refuses. */
void *env_alloc(struct env *env, size_t size);
void *env_zalloc(struct env *env, size_t size);
/* `size` must be what was asked for. NULL is allowed. */
void env_release(struct env *env, void *ptr, size_t size);

/* The next value of the random stream: SipHash of a counter. */
uint64_t env_random(struct env *env);

static inline void env_count(struct env *env, enum la_counter c) { env->counter[c]++; }
static inline void env_count_many(struct env *env, enum la_counter c, uint32_t n) { env->counter[c] += n; }
static inline void env_drop(struct env *env, enum la_drop d) { env->dropped[d]++; }

/* Adds an entry to the trace, when one is kept. The caller fills all but serial and at. */
void env_trace(struct env *env, const struct la_trace *entry);

#endif
