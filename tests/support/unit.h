/* What most unit tests of the base begin with. */
#ifndef SUPPORT_UNIT_H
#define SUPPORT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/mem.h"
#include "oom.h"
#include "random.h"

/* A small environment over an oom allocator, with a budget that does not matter and without a trace. */
static inline void unit_env(struct env *env, struct oom *oom) {
    static const uint8_t seed[32] = {1, 2, 3};
    struct la_allocator alloc = oom_allocator(oom);
    assert_int_equal(env_init(env, &alloc, seed, SIZE_MAX, 0), 0);
    env->check = true;
}

#endif
