/* drill/text.c: what does not fit is cut, and the NUL is always there. */
#include "support/unit.h"

#include <string.h>

#include "drill/text.h"

static void text_grows(void **state) {
    (void)state;
    char at[32];
    struct drill_text text = drill_text_in(at, sizeof at);
    assert_string_equal(at, "");
    drill_text_add(&text, "%d-%s", 12, "ab");
    drill_text_bytes(&text, "xyz", 2);
    drill_text_bytes(&text, NULL, 0);
    assert_string_equal(at, "12-abxy");
    assert_int_equal(text.len, 7);
    assert_false(text.cut);
}

static void text_is_cut_at_its_end(void **state) {
    (void)state;
    char at[6];
    struct drill_text text = drill_text_in(at, sizeof at);
    drill_text_bytes(&text, "abc", 3);
    drill_text_add(&text, "%s", "def");
    assert_string_equal(at, "abcde");
    assert_true(text.cut);
    drill_text_add(&text, "more");
    drill_text_bytes(&text, "more", 4);
    assert_string_equal(at, "abcde");
    assert_int_equal(text.len, 5);
}

static void a_text_of_one_byte_holds_the_nul(void **state) {
    (void)state;
    char at[1];
    struct drill_text text = drill_text_in(at, sizeof at);
    drill_text_add(&text, "x");
    drill_text_bytes(&text, "x", 1);
    assert_string_equal(at, "");
    assert_true(text.cut);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(text_is_cut_at_its_end),
        cmocka_unit_test(a_text_of_one_byte_holds_the_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
