#include "base/env.h"

#include "base/bytes.h"

/* Both halves of the seed decide the key. */
static struct siphash_key key_of(const uint8_t seed[32]) {
    struct siphash_key first = {
        (uint64_t)get32(seed) << 32 | get32(seed + 4),
        (uint64_t)get32(seed + 8) << 32 | get32(seed + 12),
    };
    uint8_t block[17];
    memcpy(block, seed + 16, 16);
    struct siphash_key key;
    block[16] = 0;
    key.k0 = siphash(&first, block, sizeof block);
    block[16] = 1;
    key.k1 = siphash(&first, block, sizeof block);
    return key;
}

int env_init(struct env *env, const struct la_allocator *alloc, const uint8_t seed[32], size_t max,
             uint32_t trace_entries) {
    memset(env, 0, sizeof *env);
    env->alloc = *alloc;
    env->max = max;
    env->key = key_of(seed);
    if (trace_entries == 0) return 0;
    if ((uint64_t)trace_entries * sizeof(struct la_trace) > max) return -LA_ENOMEM;
    env->trace = env_zalloc(env, trace_entries * sizeof(struct la_trace));
    if (!env->trace) return -LA_ENOMEM;
    env->trace_size = trace_entries;
    return 0;
}

void env_free(struct env *env) {
    env_release(env, env->trace, env->trace_size * sizeof(struct la_trace));
    env->trace = NULL;
    env->trace_size = 0;
}

void *env_alloc(struct env *env, size_t size) {
    ASSERT(size > 0 && env->used <= env->max);
    if (size > env->max - env->used) return NULL;
    void *ptr = env->alloc.alloc(env->alloc.ctx, size);
    if (ptr) env->used += size;
    return ptr;
}

void *env_zalloc(struct env *env, size_t size) {
    void *ptr = env_alloc(env, size);
    if (ptr) memset(ptr, 0, size);
    return ptr;
}

void env_release(struct env *env, void *ptr, size_t size) {
    if (!ptr) return;
    ASSERT(env->used >= size);
    env->used -= size;
    env->alloc.free(env->alloc.ctx, ptr, size);
}

uint64_t env_random(struct env *env) {
    /* The prefix keeps this stream apart from everything else that is hashed under the key. */
    uint8_t block[] = {'r', 'a', 'n', 'd', 'o', 'm', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    uint64_t at = env->random_at++;
    put32(block + 8, (uint32_t)(at >> 32));
    put32(block + 12, (uint32_t)at);
    return siphash(&env->key, block, sizeof block);
}

void env_trace(struct env *env, const struct la_trace *entry) {
    if (env->trace_size == 0) return;
    struct la_trace *to = &env->trace[env->trace_serial % env->trace_size];
    *to = *entry;
    to->serial = ++env->trace_serial;
    to->at = env->now;
}
