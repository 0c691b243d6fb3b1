/* dev/host.c: what a process gives a stack: memory, a clock, a secret. */
#include <lastack/dev.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void memory_is_aligned_and_comes_back(void **state) {
    (void)state;
    struct la_allocator alloc = la_host_allocator();
    void *memory = alloc.alloc(alloc.ctx, 100);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
    memset(memory, 1, 100);
    alloc.free(alloc.ctx, memory, 100);
}

static void the_clock_goes_on_and_has_a_date(void **state) {
    (void)state;
    la_time a = la_host_now(), b = la_host_now();
    assert_true(a > 0 && b >= a);
    assert_true(la_host_epoch() + b > (la_time)1600000000 * LA_SECOND); /* Later than 2020. */
}

static void two_seeds_differ(void **state) {
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    assert_int_equal(la_host_seed(a), 0);
    assert_int_equal(la_host_seed(b), 0);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_comes_back),
        cmocka_unit_test(the_clock_goes_on_and_has_a_date),
        cmocka_unit_test(two_seeds_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
