/* The part of cmocka that the tests use, in one header: for machines that Debian has no cmocka for (32-bit and
 * big-endian builds). Test cases run in order; a failed assertion ends its case; the summary reads like cmocka's.
 Its one variable is in cmocka.c. */
#ifndef CROSS_CMOCKA_H
#define CROSS_CMOCKA_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    CMUnitTestFunction test_func;
    CMFixtureFunction setup_func;
    CMFixtureFunction teardown_func;
    void *initial_state;
};

#define cmocka_unit_test(f)                                                                                            \
    { #f, f, NULL, NULL, NULL }
#define cmocka_unit_test_setup(f, setup)                                                                               \
    { #f, f, setup, NULL, NULL }
#define cmocka_unit_test_teardown(f, teardown)                                                                         \
    { #f, f, NULL, teardown, NULL }
#define cmocka_unit_test_setup_teardown(f, setup, teardown)                                                            \
    { #f, f, setup, teardown, NULL }
#define cmocka_unit_test_prestate(f, state)                                                                            \
    { #f, f, NULL, NULL, state }
#define cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, state)                                            \
    { #f, f, setup, teardown, state }

/* How the case that runs now ends early: 1 failed, 2 skipped. */
extern jmp_buf cross_end;

#define cross_fail(...)                                                                                                \
    do {                                                                                                               \
        printf("%s:%d: error: ", __FILE__, __LINE__);                                                                  \
        printf(__VA_ARGS__);                                                                                           \
        printf("\n");                                                                                                  \
        longjmp(cross_end, 1);                                                                                         \
    } while (0)

static inline void cross_is(bool ok, const char *text, const char *file, int line) {
    if (ok) return;
    printf("%s:%d: error: %s\n", file, line, text);
    longjmp(cross_end, 1);
}

/* `a` is compared with [low, high], all as cmocka does it: in the widest unsigned type, keeping signs. */
static inline void cross_range(bool in, uintmax_t a, uintmax_t low, uintmax_t high, const char *text, const char *file,
                               int line) {
    if ((a >= low && a <= high) == in) return;
    printf("%s:%d: error: %s: %#" PRIxMAX ", %#" PRIxMAX, file, line, text, a, low);
    if (low != high) printf(" to %#" PRIxMAX, high);
    printf("\n");
    longjmp(cross_end, 1);
}

static inline void cross_equal(bool equal, uintmax_t a, uintmax_t b, const char *text, const char *file, int line) {
    cross_range(equal, a, b, b, text, file, line);
}

static inline void cross_memory(const void *a, const void *b, size_t n, bool equal, const char *file, int line) {
    const uint8_t *x = (const uint8_t *)a, *y = (const uint8_t *)b;
    size_t at = 0;
    while (at < n && x[at] == y[at]) at++;
    if ((at == n) == equal) return;
    if (equal)
        printf("%s:%d: error: bytes differ at %zu: 0x%02x, 0x%02x\n", file, line, at, x[at], y[at]);
    else
        printf("%s:%d: error: the %zu bytes are the same\n", file, line, n);
    longjmp(cross_end, 1);
}

#define CROSS_PLACE(x) ((uintmax_t)(uintptr_t)(x))

#define assert_true(x) cross_is((x) != 0, #x " is false", __FILE__, __LINE__)
#define assert_false(x) cross_is(!(x), #x " is true", __FILE__, __LINE__)
#define assert_non_null(x) cross_is((x) != NULL, #x " is NULL", __FILE__, __LINE__)
#define assert_null(x) cross_is((x) == NULL, #x " is not NULL", __FILE__, __LINE__)
#define assert_return_code(x, error) cross_is((x) >= 0, #x " is negative", __FILE__, __LINE__)
#define assert_int_equal(a, b) cross_equal(true, (uintmax_t)(a), (uintmax_t)(b), #a " != " #b, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) cross_equal(false, (uintmax_t)(a), (uintmax_t)(b), #a " == " #b, __FILE__, __LINE__)
#define assert_in_range(x, low, high)                                                                                  \
    cross_range(true, (uintmax_t)(x), (uintmax_t)(low), (uintmax_t)(high), #x " is out of range", __FILE__, __LINE__)
#define assert_not_in_range(x, low, high)                                                                              \
    cross_range(false, (uintmax_t)(x), (uintmax_t)(low), (uintmax_t)(high), #x " is in the range", __FILE__, __LINE__)
#define assert_ptr_equal(a, b) cross_equal(true, CROSS_PLACE(a), CROSS_PLACE(b), #a " != " #b, __FILE__, __LINE__)
#define assert_ptr_not_equal(a, b) cross_equal(false, CROSS_PLACE(a), CROSS_PLACE(b), #a " == " #b, __FILE__, __LINE__)
#define assert_string_equal(a, b) cross_is(strcmp(a, b) == 0, #a " is not the text " #b, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) cross_is(strcmp(a, b) != 0, #a " is the text " #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, n) cross_memory(a, b, n, true, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, n) cross_memory(a, b, n, false, __FILE__, __LINE__)
#define fail() cross_fail("failed")
#define fail_msg(...) cross_fail(__VA_ARGS__)
#define skip() longjmp(cross_end, 2)
#define print_message(...) printf(__VA_ARGS__)
#define print_error(...) printf(__VA_ARGS__)

/* Runs one case: 0 passed, 1 failed, 2 skipped. */
static inline int cross_run(const struct CMUnitTest *test, void *group_state) {
    void *state = test->initial_state ? test->initial_state : group_state;
    volatile int ended = 0;
    printf("[ RUN      ] %s\n", test->name);
    fflush(stdout);
    if (test->setup_func && test->setup_func(&state)) return 1;
    int how = setjmp(cross_end);
    if (how == 0)
        test->test_func(&state);
    else
        ended = how;
    if (test->teardown_func && test->teardown_func(&state)) return 1;
    printf("%s %s\n", ended == 0 ? "[       OK ]" : ended == 1 ? "[  FAILED  ]" : "[  SKIPPED ]", test->name);
    return ended;
}

static inline int cross_run_group(const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
                                  CMFixtureFunction teardown) {
    unsigned ended[3] = {0, 0, 0};
    void *state = NULL;
    printf("[==========] Running %zu test(s).\n", count);
    if (setup && setup(&state)) return (int)count;
    for (size_t i = 0; i < count; i++) ended[cross_run(&tests[i], state)]++;
    if (teardown) teardown(&state);
    printf("[==========] %zu test(s) run.\n[  PASSED  ] %u test(s).\n", count, ended[0]);
    if (ended[2]) printf("[  SKIPPED ] %u test(s), listed above.\n", ended[2]);
    if (ended[1]) printf("[  FAILED  ] %u test(s), listed above.\n", ended[1]);
    return (int)ended[1];
}

#define cmocka_run_group_tests(tests, setup, teardown)                                                                 \
    cross_run_group(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) cmocka_run_group_tests(tests, setup, teardown)

#endif
