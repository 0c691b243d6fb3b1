/* base/table.c against an array of what is in it, through growth and shrinking. */
#include "support/unit.h"

#include "base/table.h"

#define OBJECTS 12000

struct object {
    uint32_t key, link;
};

struct fixture {
    struct env env;
    struct pool pool;
    struct table table;
    unsigned hashed; /* Calls of the hash function by the table. */
    unsigned mask;   /* Fewer hashes than keys make chains. */
};

static struct fixture f;
static uint32_t in[OBJECTS];
static unsigned n;

static uint64_t hash_of(uint32_t key) {
    struct random r = {key & f.mask};
    return random_next(&r);
}

static uint64_t hash(const void *ctx, const void *object) {
    ((struct fixture *)(uintptr_t)ctx)->hashed++;
    return hash_of(((const struct object *)object)->key);
}

static void begin(struct oom *oom, unsigned mask) {
    memset(&f, 0, sizeof f);
    unit_env(&f.env, oom);
    f.mask = mask;
    pool_init(&f.pool, &f.env, sizeof(struct object), false);
    table_init(&f.table, &f.env, &f.pool, offsetof(struct object, link), hash, &f);
    n = 0;
}

static void end(struct oom *oom) {
    table_free(&f.table);
    pool_free(&f.pool);
    assert_int_equal(oom->blocks, 0);
}

static uint32_t find(uint32_t key) {
    uint32_t i = table_chain(&f.table, hash_of(key));
    while (i != POOL_NONE && ((struct object *)pool_at(&f.pool, i))->key != key) i = table_chain_next(&f.table, i);
    return i;
}

static bool insert(uint32_t key) {
    uint32_t index;
    struct object *object = pool_get(&f.pool, &index);
    if (!object) return false;
    object->key = key;
    if (!table_insert(&f.table, hash_of(key), index)) {
        pool_put(&f.pool, index);
        return false;
    }
    in[n++] = index;
    return true;
}

static void remove_at(unsigned i) {
    uint32_t index = in[i], key = ((struct object *)pool_at(&f.pool, index))->key;
    table_remove(&f.table, hash_of(key), index);
    pool_put(&f.pool, index);
    in[i] = in[--n];
    assert_int_equal(find(key), POOL_NONE);
}

static void check_all(void) {
    assert_int_equal(f.table.count, n);
    for (unsigned i = 0; i < n; i++) assert_int_equal(find(((struct object *)pool_at(&f.pool, in[i]))->key), in[i]);
}

static void everything_is_found_through_growth_and_shrinking(void **state) {
    (void)state;
    struct random r = {4};
    struct oom oom;
    oom_init(&oom);
    begin(&oom, UINT32_MAX);
    assert_int_equal(find(1), POOL_NONE);
    assert_int_equal(oom.asked, 0);
    uint32_t key = 0;
    for (unsigned cycle = 0; cycle < 2; cycle++) {
        while (n < OBJECTS) {
            if (n > 0 && random_below(&r, 8) == 0) remove_at(random_below(&r, n));
            assert_true(insert(++key));
            if (n % 2500 == 0) check_all();
        }
        assert_in_range(f.table.buckets, OBJECTS * 9 / 10, OBJECTS);
        while (n > 0) {
            if (n < OBJECTS && random_below(&r, 8) == 0) assert_true(insert(++key));
            remove_at(random_below(&r, n));
            if (n % 2500 == 0) check_all();
        }
        assert_int_equal(f.table.buckets, 1u << TABLE_SEGMENT_SHIFT);
        assert_int_equal(f.table.nsegments, 1);
    }
    end(&oom);
}

static void no_call_rehashes_more_than_a_chain(void **state) {
    (void)state;
    struct random r = {5};
    struct oom oom;
    oom_init(&oom);
    begin(&oom, UINT32_MAX);
    while (n < OBJECTS) {
        uint32_t before = f.table.buckets;
        f.hashed = 0;
        assert_true(insert(n));
        assert_true(f.table.buckets <= before + 1 || before == 0);
        assert_in_range(f.hashed, 0, 12);
    }
    f.hashed = 0;
    while (n > 0) remove_at(random_below(&r, n));
    assert_int_equal(f.hashed, 0);
    end(&oom);
}

static void equal_hashes_share_a_chain(void **state) {
    (void)state;
    struct random r = {6};
    struct oom oom;
    oom_init(&oom);
    begin(&oom, 15);
    for (uint32_t key = 0; key < 1500; key++) assert_true(insert(key));
    check_all();
    while (n > 0) remove_at(random_below(&r, n));
    end(&oom);
}

static bool fill_and_drain(struct oom *oom) {
    struct random r = {7};
    unsigned failed = 0;
    begin(oom, UINT32_MAX);
    for (uint32_t key = 0; key < 4000; key++) failed += !insert(key);
    check_all();
    while (n > 0) {
        remove_at(random_below(&r, n));
        if (n % 1000 == 0) check_all();
    }
    table_free(&f.table);
    pool_free(&f.pool);
    return failed == 0;
}

static void refused_memory_makes_chains_longer_and_nothing_else(void **state) {
    (void)state;
    assert_true(oom_run(fill_and_drain));
}

static void a_table_catches_up_when_there_is_memory_again(void **state) {
    (void)state;
    struct oom oom;
    oom_init(&oom);
    begin(&oom, UINT32_MAX);
    for (uint32_t key = 0; key < 600; key++) assert_true(insert(key));
    size_t used = f.env.used;
    uint32_t index[3000];
    for (unsigned i = 0; i < COUNT_OF(index); i++) assert_non_null(pool_get(&f.pool, &index[i]));
    f.env.max = f.env.used;
    for (unsigned i = 0; i < COUNT_OF(index); i++) pool_put(&f.pool, index[i]);
    /* Now the pool has nothing spare, and the budget less than a segment. */
    f.env.max = f.env.used;
    while (insert(n)) {
    }
    check_all();
    f.env.max = used + (1 << 20);
    while (n < 5000) assert_true(insert(n));
    check_all();
    assert_true(f.table.buckets > 4000);
    end(&oom);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_found_through_growth_and_shrinking),
        cmocka_unit_test(no_call_rehashes_more_than_a_chain),
        cmocka_unit_test(equal_hashes_share_a_chain),
        cmocka_unit_test(refused_memory_makes_chains_longer_and_nothing_else),
        cmocka_unit_test(a_table_catches_up_when_there_is_memory_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
