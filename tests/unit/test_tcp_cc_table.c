/* tcp/cc_table.c: algorithms by number and name. */
#include "cc_rig.h"

static void numbers_and_names_agree(void **state) {
    (void)state;
    for (unsigned i = 0; i < CC_COUNT; i++) assert_int_equal(cc_find(cc_at(i)->name), i);
    assert_ptr_equal(cc_at(0), &cc_reno);
    assert_null(cc_at(CC_COUNT));
    assert_int_equal(cc_find("cubic"), 1);
    assert_int_equal(cc_find("cubi"), -1);
    assert_int_equal(cc_find("cubic2"), -1);
    assert_int_equal(cc_find(""), -1);
}

static void without_memory_reno_begins(void **state) {
    (void)state;
    struct cc_rig rig;
    for (unsigned i = 0; i < CC_COUNT; i++) {
        cc_rig_begin(&rig, cc_at(i));
        assert_ptr_equal(rig.cc.ops, cc_at(i));
        assert_ptr_equal(rig.cc.state, cc_at(i)->state_size > 0 ? (void *)rig.state : NULL);
        cc_begin(&rig.cc, cc_at(i), NULL, &rig.now);
        assert_ptr_equal(rig.cc.ops, cc_at(i)->state_size > 0 ? &cc_reno : cc_at(i));
        assert_null(rig.cc.state);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_names_agree),
        cmocka_unit_test(without_memory_reno_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
