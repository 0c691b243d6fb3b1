/* Names and sentences of error numbers. */
#include <lastack/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

static void names_are_the_usual_ones(void **state) {
    (void)state;
    assert_string_equal(la_errno_name(LA_EAGAIN), "EAGAIN");
    assert_string_equal(la_errno_name(LA_EPROTONOSUPPORT), "EPROTONOSUPPORT");
    assert_string_equal(la_errno_name(LA_EINPROGRESS), "EINPROGRESS");
    assert_string_equal(la_errno_text(LA_ECONNRESET), "The peer sent RST.");
}

static void every_number_has_a_name_and_a_sentence(void **state) {
    (void)state;
    static const int all[] = {
        LA_ENOENT,          LA_EBADF,        LA_EAGAIN,       LA_ENOMEM,      LA_EACCES,        LA_EFAULT,
        LA_EEXIST,          LA_EINVAL,       LA_EPIPE,        LA_EPROTO,      LA_EMSGSIZE,      LA_ENOPROTOOPT,
        LA_EPROTONOSUPPORT, LA_EOPNOTSUPP,   LA_EAFNOSUPPORT, LA_EADDRINUSE,  LA_EADDRNOTAVAIL, LA_ENETUNREACH,
        LA_ECONNABORTED,    LA_ECONNRESET,   LA_ENOBUFS,      LA_EISCONN,     LA_ENOTCONN,      LA_ETIMEDOUT,
        LA_ECONNREFUSED,    LA_EHOSTUNREACH, LA_EALREADY,     LA_EINPROGRESS,
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const char *name = la_errno_name(all[i]), *text = la_errno_text(all[i]);
        assert_int_equal(name[0], 'E');
        assert_string_not_equal(name, "E?");
        assert_int_equal(text[strlen(text) - 1], '.');
    }
}

static void unknown_numbers(void **state) {
    (void)state;
    static const int unknown[] = {0, 1, -LA_EAGAIN, 3, 133, 100000, -1};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_string_equal(la_errno_name(unknown[i]), "E?");
        assert_string_equal(la_errno_text(unknown[i]), "E?");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_the_usual_ones),
        cmocka_unit_test(every_number_has_a_name_and_a_sentence),
        cmocka_unit_test(unknown_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
