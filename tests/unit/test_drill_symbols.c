/* drill/symbols.c: names of constants, Linux's numbers. */
#include "support/unit.h"

#include <string.h>

#include "drill/symbols.h"
#include "drill/value.h"

static int64_t value_of(const char *name) {
    int64_t value = -12345;
    if (!symbol_value(name, &value)) fail_msg("%s is unknown", name);
    return value;
}

static void names_have_linux_numbers(void **state) {
    (void)state;
    assert_int_equal(value_of("SOL_SOCKET"), 1);
    assert_int_equal(value_of("SOL_TCP"), 6);
    assert_int_equal(value_of("SOCK_STREAM"), 1);
    assert_int_equal(value_of("O_NONBLOCK"), 0x800);
    assert_int_equal(value_of("TCP_INFINITE_SSTHRESH"), 0x7fffffff);
    assert_int_equal(value_of("SIOCINQ"), 0x541b);
    assert_int_equal(value_of("EPOLLET"), 0x80000000);
    assert_int_equal(value_of("IPTOS_DSCP_CS7"), 0xe0);
    assert_int_equal(value_of("SO_EE_ORIGIN_ZEROCOPY"), 5);
    assert_int_equal(value_of("TCP_CM_INQ"), 36);
    assert_int_equal(value_of("UDPLITE_SEND_CSCOV"), 10);
    assert_int_equal(value_of("NULL"), 0);
}

static void no_other_word_is_a_name(void **state) {
    (void)state;
    int64_t value;
    assert_false(symbol_value("", &value));
    assert_false(symbol_value("SOL_", &value));
    assert_false(symbol_value("SOL_SOCKETS", &value));
    assert_false(symbol_value("zzz", &value));
}

static void every_name_is_found_by_the_search(void **state) {
    (void)state;
#define SYMBOL(name, number) assert_int_equal(value_of(#name), number);
#include "drill/symbols.def"
#undef SYMBOL
}

static void those_that_a_stack_has_are_socket_h_s(void **state) {
    (void)state;
    assert_int_equal(value_of("TCP_NOOPT"), LA_TCP_NOOPT);
    assert_int_equal(value_of("TCP_KEEPINIT"), LA_TCP_KEEPINIT);
    assert_string_equal(symbol_private_name(LA_TCP_NOOPT), "TCP_NOOPT");
    assert_string_equal(symbol_private_name(LA_TCP_KEEPINIT), "TCP_KEEPINIT");
    assert_null(symbol_private_name(6));
}

static void errors_have_their_usual_names(void **state) {
    (void)state;
    assert_string_equal(symbol_errno(11), "EAGAIN");
    assert_string_equal(symbol_errno(95), "EOPNOTSUPP");
    assert_string_equal(symbol_errno(35), "EDEADLK");
    assert_string_equal(symbol_errno(104), "ECONNRESET");
    assert_string_equal(symbol_errno(115), "EINPROGRESS");
    assert_null(symbol_errno(0));
    assert_null(symbol_errno(4095));
    assert_int_equal(value_of("EWOULDBLOCK"), value_of("EAGAIN"));
    assert_int_equal(value_of("ENOTSUP"), value_of("EOPNOTSUPP"));
}

static void flags_are_written_as_names(void **state) {
    (void)state;
    char bytes[64];
    struct drill_text text = drill_text_in(bytes, sizeof bytes);
    symbol_flags("POLL", 0x1d, &text);
    assert_string_equal(bytes, "POLLERR|POLLHUP|POLLIN|POLLOUT");
    text = drill_text_in(bytes, sizeof bytes);
    symbol_flags("POLL", 0, &text);
    assert_string_equal(bytes, "0");
    text = drill_text_in(bytes, sizeof bytes);
    symbol_flags("EPOLL", 0x04000001, &text);
    assert_string_equal(bytes, "EPOLLIN|0x4000000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_linux_numbers),          cmocka_unit_test(no_other_word_is_a_name),
        cmocka_unit_test(every_name_is_found_by_the_search), cmocka_unit_test(those_that_a_stack_has_are_socket_h_s),
        cmocka_unit_test(errors_have_their_usual_names),     cmocka_unit_test(flags_are_written_as_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
