/* base/env.c: the budget, randomness, the trace. */
#include "support/unit.h"

static void memory_stays_within_the_budget(void **state) {
    (void)state;
    static const uint8_t seed[32];
    struct oom oom;
    oom_init(&oom);
    struct la_allocator alloc = oom_allocator(&oom);
    struct env env;
    assert_int_equal(env_init(&env, &alloc, seed, 1000, 0), 0);
    void *a = env_alloc(&env, 600);
    assert_non_null(a);
    assert_null(env_alloc(&env, 401));
    assert_null(env_alloc(&env, SIZE_MAX));
    assert_int_equal(oom.asked, 1);
    void *b = env_zalloc(&env, 400);
    assert_non_null(b);
    for (size_t i = 0; i < 400; i++) assert_int_equal(((uint8_t *)b)[i], 0);
    assert_int_equal(env.used, 1000);
    assert_null(env_alloc(&env, 1));
    env_release(&env, a, 600);
    env_release(&env, NULL, 77);
    assert_int_equal(env.used, 400);
    oom.fail_at = oom.asked + 1;
    assert_null(env_zalloc(&env, 8));
    assert_int_equal(env.used, 400);
    env_release(&env, b, 400);
    env_free(&env);
    assert_int_equal(oom.blocks, 0);
}

static void the_random_stream_depends_on_every_byte_of_the_seed_alone(void **state) {
    (void)state;
    struct oom oom;
    oom_init(&oom);
    struct la_allocator alloc = oom_allocator(&oom);
    uint64_t seen[34];
    for (unsigned i = 0; i < 34; i++) {
        uint8_t seed[32] = {0};
        if (i < 32) seed[i] = 1;
        struct env env, same;
        assert_int_equal(env_init(&env, &alloc, seed, 0, 0), 0);
        assert_int_equal(env_init(&same, &alloc, seed, 0, 0), 0);
        seen[i] = env_random(&env);
        assert_int_equal(seen[i], env_random(&same));
        if (i == 33) seen[i] = env_random(&env);
        for (unsigned j = 0; j < i; j++) assert_int_not_equal(seen[i], seen[j]);
    }
}

static void the_random_stream_is_balanced(void **state) {
    (void)state;
    struct oom oom;
    oom_init(&oom);
    struct env env;
    unit_env(&env, &oom);
    int ones[64] = {0};
    for (int i = 0; i < 4096; i++) {
        uint64_t r = env_random(&env);
        for (int b = 0; b < 64; b++) ones[b] += (int)(r >> b & 1);
    }
    for (int b = 0; b < 64; b++) assert_in_range(ones[b], 2048 - 320, 2048 + 320); /* Ten sigma. */
    env_free(&env);
}

static void the_trace_keeps_the_latest_entries(void **state) {
    (void)state;
    static const uint8_t seed[32];
    struct oom oom;
    oom_init(&oom);
    struct la_allocator alloc = oom_allocator(&oom);
    struct env env;
    assert_int_equal(env_init(&env, &alloc, seed, 1 << 20, 3), 0);
    for (unsigned i = 1; i <= 7; i++) {
        struct la_trace entry = {.serial = 99, .at = 99, .is_drop = true, .drop = (uint8_t)i};
        env.now = 100 * i;
        env_trace(&env, &entry);
        assert_int_equal(env.trace_serial, i);
    }
    for (unsigned serial = 5; serial <= 7; serial++) {
        const struct la_trace *entry = &env.trace[(serial - 1) % 3];
        assert_int_equal(entry->serial, serial);
        assert_int_equal(entry->at, 100 * serial);
        assert_int_equal(entry->drop, serial);
    }
    env_free(&env);
    assert_int_equal(oom.blocks, 0);
}

static void no_trace_and_a_refused_trace_are_harmless(void **state) {
    (void)state;
    static const uint8_t seed[32];
    struct oom oom;
    oom_init(&oom);
    struct la_allocator alloc = oom_allocator(&oom);
    struct env env;
    struct la_trace entry = {.drop = 1};
    assert_int_equal(env_init(&env, &alloc, seed, 1 << 20, 0), 0);
    env_trace(&env, &entry);
    env_free(&env);
    assert_int_equal(env_init(&env, &alloc, seed, 100, 1000), -LA_ENOMEM);
    oom.fail_at = oom.asked + 1;
    assert_int_equal(env_init(&env, &alloc, seed, 1 << 20, 10), -LA_ENOMEM);
    env_trace(&env, &entry);
    env_free(&env);
    assert_int_equal(oom.blocks, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_stays_within_the_budget),
        cmocka_unit_test(the_random_stream_depends_on_every_byte_of_the_seed_alone),
        cmocka_unit_test(the_random_stream_is_balanced),
        cmocka_unit_test(the_trace_keeps_the_latest_entries),
        cmocka_unit_test(no_trace_and_a_refused_trace_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
