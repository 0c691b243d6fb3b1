/* base/seq.h: RFC 9293, 3.4, arithmetic modulo 2^32. */
#include "support/unit.h"

#include "base/seq.h"

static void order_holds_across_the_wrap(void **state) {
    (void)state;
    static const uint32_t start[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, UINT32_MAX};
    static const uint32_t ahead[] = {1, 2, 16, 1u << 16, 0x7ffffffe, 0x7fffffff};
    for (unsigned i = 0; i < COUNT_OF(start); i++) {
        for (unsigned k = 0; k < COUNT_OF(ahead); k++) {
            seq a = seq_of(start[i]), b = seq_add(a, ahead[k]);
            assert_true(seq_lt(a, b) && seq_leq(a, b) && seq_gt(b, a) && seq_geq(b, a));
            assert_false(seq_lt(b, a) || seq_leq(b, a) || seq_gt(a, b) || seq_geq(a, b) || seq_eq(a, b));
            assert_true(seq_diff(b, a) == (int32_t)ahead[k]);
            assert_true(seq_diff(a, b) == -(int32_t)ahead[k]);
            assert_true(seq_len(a, b) == ahead[k]);
            assert_true(seq_eq(seq_sub(b, ahead[k]), a));
            assert_true(seq_eq(seq_max(a, b), b) && seq_eq(seq_max(b, a), b));
            assert_true(seq_eq(seq_min(a, b), a) && seq_eq(seq_min(b, a), a));
        }
    }
}

static void equals_are_neither_before_nor_after(void **state) {
    (void)state;
    seq a = seq_of(UINT32_MAX);
    assert_true(seq_eq(a, a) && seq_leq(a, a) && seq_geq(a, a));
    assert_false(seq_lt(a, a) || seq_gt(a, a));
}

static void a_window_is_half_open(void **state) {
    (void)state;
    seq from = seq_of(UINT32_MAX - 1);
    assert_false(seq_within(seq_sub(from, 1), from, 4));
    for (uint32_t i = 0; i < 4; i++) assert_true(seq_within(seq_add(from, i), from, 4));
    assert_false(seq_within(seq_add(from, 4), from, 4));
    assert_false(seq_within(from, from, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_holds_across_the_wrap),
        cmocka_unit_test(equals_are_neither_before_nor_after),
        cmocka_unit_test(a_window_is_half_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
