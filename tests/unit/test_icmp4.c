/* ICMP for IPv4. */
#include "wire/icmp4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

/* An echo request whose checksum was worked out by hand: 0x0800 + 0x1234 + 0x0001 + "ab" + "c\0" = 0xde97. */
static const uint8_t echo[] = {8, 0, 0x21, 0x68, 0x12, 0x34, 0, 1, 'a', 'b', 'c'};

static enum icmp_result parse(const uint8_t *data, size_t len, struct icmp4_msg *m) {
    uint8_t *copy = exact(data, len);
    enum icmp_result result = icmp4_parse(copy, len, m);
    free(copy);
    return result;
}

static void an_echo_both_ways(void **state) {
    (void)state;
    struct icmp4_msg m;
    assert_int_equal(icmp4_parse(echo, sizeof echo, &m), ICMP_OK);
    assert_int_equal(m.type, ICMP4_ECHO);
    assert_int_equal(m.code, 0);
    assert_int_equal(m.rest, 0x12340001);
    assert_ptr_equal(m.body.data, echo + ICMP4_LEN);
    assert_int_equal(m.body.len, 3);
    uint8_t out[sizeof echo];
    struct writer w = writer_of(out, sizeof out);
    icmp4_build(&w, &m);
    assert_false(w.bad);
    assert_memory_equal(out, echo, sizeof echo);
}

static void no_body(void **state) {
    (void)state;
    struct icmp4_msg in = {.type = ICMP4_UNREACHABLE, .code = ICMP4_FRAG_NEEDED, .rest = 1400}, out;
    uint8_t bytes[ICMP4_LEN];
    struct writer w = writer_of(bytes, sizeof bytes);
    icmp4_build(&w, &in);
    assert_int_equal(parse(bytes, sizeof bytes, &out), ICMP_OK);
    assert_int_equal(out.type, in.type);
    assert_int_equal(out.code, in.code);
    assert_int_equal(out.rest, 1400);
    assert_int_equal(out.body.len, 0);
}

static void truncated_at_every_length(void **state) {
    (void)state;
    struct icmp4_msg m;
    for (size_t len = 0; len < sizeof echo; len++) {
        assert_int_equal(parse(echo, len, &m), len < ICMP4_LEN ? ICMP_BAD : ICMP_BAD_CSUM);
        assert_int_equal(icmp4_parse(echo, sizeof echo, &m), ICMP_OK);
        uint8_t *out = exact(echo, len);
        struct writer w = writer_of(out, len);
        icmp4_build(&w, &m);
        assert_true(w.bad);
        assert_memory_equal(out, echo, len);
        free(out);
    }
}

static void every_wrong_bit_is_seen(void **state) {
    (void)state;
    for (unsigned bit = 0; bit < 8 * sizeof echo; bit++) {
        uint8_t bad[sizeof echo];
        struct icmp4_msg m;
        memcpy(bad, echo, sizeof bad);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(parse(bad, sizeof bad, &m), ICMP_BAD_CSUM);
        assert_int_equal(m.type, bad[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_echo_both_ways),
        cmocka_unit_test(no_body),
        cmocka_unit_test(truncated_at_every_length),
        cmocka_unit_test(every_wrong_bit_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
