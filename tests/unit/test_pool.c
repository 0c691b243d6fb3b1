/* base/pool.c against an array of what is live. */
#include "support/unit.h"

#include "base/pool.h"

#define OBJECTS 3000

struct entry {
    uint32_t index;
    uint64_t value;
    int64_t handle;
};

struct object {
    uint64_t value, rest[8];
};

static struct entry live[OBJECTS];
static unsigned nlive;

static void check_walk(const struct pool *pool) {
    unsigned seen = 0;
    uint32_t before = 0;
    for (uint32_t i = pool_next(pool, 0); i != POOL_NONE; i = pool_next(pool, i + 1)) {
        assert_true(seen == 0 || i > before);
        assert_int_not_equal(((struct object *)pool_at(pool, i))->value, 0);
        before = i;
        seen++;
    }
    assert_int_equal(seen, nlive);
    assert_int_equal(pool->live, nlive);
}

static void add(struct pool *pool, uint64_t value) {
    struct entry *e = &live[nlive];
    struct object *object = pool_get(pool, &e->index);
    assert_non_null(object);
    assert_int_equal((uintptr_t)object % 8, 0);
    assert_int_equal(object->value, 0);
    for (unsigned i = 0; i < 8; i++) assert_int_equal(object->rest[i], 0);
    memset(object, 0xff, sizeof *object);
    object->value = e->value = value;
    e->handle = pool_handle(pool, e->index);
    assert_true(e->handle > 0);
    assert_int_equal((uint64_t)e->handle & 0x80000000u, 0);
    nlive++;
}

static void take(struct pool *pool, unsigned i) {
    struct entry e = live[i];
    uint32_t index = POOL_NONE;
    assert_int_equal(((struct object *)pool_at(pool, e.index))->value, e.value);
    assert_ptr_equal(pool_find(pool, e.handle, &index), pool_at(pool, e.index));
    assert_int_equal(index, e.index);
    pool_put(pool, e.index);
    assert_null(pool_find(pool, e.handle, NULL));
    live[i] = live[--nlive];
}

static void objects_come_and_go(void **state) {
    (void)state;
    struct random r = {3};
    struct oom oom;
    oom_init(&oom);
    struct env env;
    unit_env(&env, &oom);
    struct pool pool;
    pool_init(&pool, &env, sizeof(struct object), true);
    assert_int_equal(oom.asked, 0);
    nlive = 0;
    for (unsigned step = 0; step < 60000; step++) {
        bool growing = step / 6000 % 2 == 0;
        bool want = random_below(&r, 10) < (growing ? 7u : 3u);
        if (want && nlive < OBJECTS) add(&pool, random_next(&r) | 1);
        if (!want && nlive > 0) take(&pool, random_below(&r, nlive));
        if (step % 1000 == 0) check_walk(&pool);
    }
    while (nlive > 0) take(&pool, random_below(&r, nlive));
    check_walk(&pool);
    assert_int_equal(pool.empty, 1);
    assert_int_equal(oom.blocks, 2); /* One slab and the directory. */
    pool_free(&pool);
    assert_int_equal(oom.blocks, 0);
    add(&pool, 7); /* It can be used again. */
    pool_free(&pool);
    assert_int_equal(oom.blocks, 0);
    assert_int_equal(env.used, 0);
}

static void empty_slabs_are_given_back_from_the_middle_too(void **state) {
    (void)state;
    struct oom oom;
    oom_init(&oom);
    struct env env;
    unit_env(&env, &oom);
    struct pool pool;
    pool_init(&pool, &env, 600, false);
    uint32_t per = 1u << pool.slab_shift, index;
    assert_in_range(per, 32, 64);
    for (uint32_t i = 0; i < 10 * per; i++) assert_non_null(pool_get(&pool, &index));
    for (uint32_t i = 3 * per; i < 7 * per; i++) pool_put(&pool, i);
    assert_int_equal(oom.blocks, 1 + 10 - 3);
    assert_int_equal(pool_next(&pool, 3 * per), 7 * per);
    for (uint32_t i = 0; i < 4 * per; i++) {
        assert_non_null(pool_get(&pool, &index));
        assert_in_range(index, 3 * per, 7 * per - 1);
    }
    assert_non_null(pool_get(&pool, &index));
    assert_int_equal(index, 10 * per);
    pool_free(&pool);
    assert_int_equal(oom.blocks, 0);
}

static void slabs_suit_the_size_of_objects(void **state) {
    (void)state;
    struct oom oom;
    oom_init(&oom);
    struct env env;
    unit_env(&env, &oom);
    static const struct {
        size_t size;
        uint32_t low, high;
    } cases[] = {{1, 512, 512}, {4, 512, 512}, {68, 256, 512}, {600, 32, 64}, {5000, 4, 4}, {100000, 4, 4}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pool pool;
        uint32_t index;
        pool_init(&pool, &env, cases[i].size, true);
        assert_in_range(1u << pool.slab_shift, cases[i].low, cases[i].high);
        for (uint32_t k = 0; k < 2u << pool.slab_shift; k++) {
            uint8_t *object = pool_get(&pool, &index);
            assert_non_null(object);
            memset(object, 0xee, cases[i].size);
            assert_int_equal(index, k);
        }
        assert_int_equal(pool_next(&pool, index), index);
        assert_int_equal(pool_next(&pool, index + 1), POOL_NONE);
        assert_int_equal(pool_next(&pool, POOL_NONE), POOL_NONE);
        pool_free(&pool);
    }
    assert_int_equal(oom.blocks, 0);
}

static void a_stale_or_invented_handle_finds_nothing(void **state) {
    (void)state;
    struct oom oom;
    oom_init(&oom);
    struct env env;
    unit_env(&env, &oom);
    struct pool pool;
    pool_init(&pool, &env, 8, true);
    assert_null(pool_find(&pool, 1, NULL));
    uint32_t index, again;
    assert_non_null(pool_get(&pool, &index));
    int64_t old = pool_handle(&pool, index);
    pool_put(&pool, index);
    assert_non_null(pool_get(&pool, &again));
    assert_int_equal(again, index);
    assert_null(pool_find(&pool, old, NULL));
    static const int64_t invented[] = {
        0, -1, -9, INT64_MAX, INT64_MIN, UINT32_MAX, INT64_C(1) << 32, INT64_C(2) << 32 | 1};
    for (size_t i = 0; i < COUNT_OF(invented); i++) assert_null(pool_find(&pool, invented[i], NULL));
    assert_null(pool_find(&pool, pool_handle(&pool, again) | 0x80000000, NULL));
    /* Serials wrap past 0. */
    pool.serial = INT32_MAX;
    assert_non_null(pool_get(&pool, &index));
    assert_int_equal(pool_handle(&pool, index) >> 32, 1);
    pool_free(&pool);
}

static bool fill_and_drain(struct oom *oom) {
    struct env env;
    unit_env(&env, oom);
    struct pool pool;
    pool_init(&pool, &env, 2000, true);
    uint32_t index, got = 0;
    for (unsigned i = 0; i < 150; i++) {
        uint32_t before = pool.live;
        if (pool_get(&pool, &index)) {
            got++;
        } else {
            assert_int_equal(pool.live, before);
        }
    }
    assert_int_equal(pool.live, got);
    for (uint32_t i = pool_next(&pool, 0); i != POOL_NONE; i = pool_next(&pool, i + 1)) {
        if (i % 16 != 0) pool_put(&pool, i);
    }
    for (uint32_t i = pool_next(&pool, 0); i != POOL_NONE; i = pool_next(&pool, i + 1)) pool_put(&pool, i);
    assert_int_equal(pool.live, 0);
    pool_free(&pool);
    return got == 150;
}

static void refused_memory_refuses_an_object_and_nothing_else(void **state) {
    (void)state;
    assert_true(oom_run(fill_and_drain));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_come_and_go),
        cmocka_unit_test(empty_slabs_are_given_back_from_the_middle_too),
        cmocka_unit_test(slabs_suit_the_size_of_objects),
        cmocka_unit_test(a_stale_or_invented_handle_finds_nothing),
        cmocka_unit_test(refused_memory_refuses_an_object_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
