/* base/names.c: everything has a name of its own and a sentence. */
#include "support/unit.h"

#include <string.h>

#include <lastack/info.h>

static void check_word(const char *name) {
    assert_non_null(name);
    assert_in_range(strlen(name), 3, 24);
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(name));
}

static void check_sentence(const char *help) {
    assert_non_null(help);
    assert_in_range(strlen(help), 8, 120);
    assert_int_equal(help[strlen(help) - 1], '.');
}

static void every_drop_has_a_name_of_its_own_and_a_sentence(void **state) {
    (void)state;
    for (unsigned i = 0; i < LA_NDROPS; i++) {
        check_word(la_drop_name((enum la_drop)i));
        check_sentence(la_drop_help((enum la_drop)i));
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(la_drop_name((enum la_drop)i), la_drop_name((enum la_drop)k));
        }
    }
    assert_string_equal(la_drop_name(LA_D_PAWS), "paws");
    assert_string_equal(la_drop_name(LA_NDROPS), "?");
    assert_string_equal(la_drop_help(LA_NDROPS), "?");
    assert_true(LA_NDROPS <= 256); /* la_trace.drop is a byte. */
}

static void every_counter_has_a_name_of_its_own_and_a_sentence(void **state) {
    (void)state;
    for (unsigned i = 0; i < LA_NCOUNTERS; i++) {
        check_word(la_counter_name((enum la_counter)i));
        check_sentence(la_counter_help((enum la_counter)i));
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(la_counter_name((enum la_counter)i), la_counter_name((enum la_counter)k));
        }
    }
    assert_string_equal(la_counter_name(LA_C_RTOS), "rtos");
    assert_string_equal(la_counter_name(LA_NCOUNTERS), "?");
    assert_string_equal(la_counter_help(LA_NCOUNTERS), "?");
}

static void states_have_the_names_of_the_rfc(void **state) {
    (void)state;
    static const char *const names[] = {"CLOSED",     "LISTEN",     "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
                                        "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",  "LAST_ACK", "TIME_WAIT",   "?"};
    assert_int_equal(COUNT_OF(names), LA_NSTATES + 1);
    for (unsigned i = 0; i <= LA_NSTATES; i++) assert_string_equal(la_state_name((enum la_state)i), names[i]);
}

static void every_timer_has_a_name(void **state) {
    (void)state;
    for (unsigned i = 0; i < LA_NTIMERS; i++) check_word(la_timer_name((enum la_timer)i));
    assert_string_equal(la_timer_name(LA_TIMER_RETRANSMIT), "retransmit");
    assert_string_equal(la_timer_name(LA_NTIMERS), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_drop_has_a_name_of_its_own_and_a_sentence),
        cmocka_unit_test(every_counter_has_a_name_of_its_own_and_a_sentence),
        cmocka_unit_test(states_have_the_names_of_the_rfc),
        cmocka_unit_test(every_timer_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
