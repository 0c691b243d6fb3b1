/* The Internet checksum: RFC 1071's example, every small length at every alignment, pieces of every size, big buffers.
 */
#include "base/csum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

/* The definition, word by word. */
static uint16_t plain(const uint8_t *p, size_t len) {
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++) sum += (uint64_t)p[i] << (i % 2 ? 0 : 8);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint16_t sum_of(const uint8_t *p, size_t len) {
    struct csum c = {0, 0};
    csum_add(&c, p, len);
    return csum_fold(&c);
}

static void fill(uint8_t *p, size_t len, uint32_t seed) {
    for (size_t i = 0; i < len; i++) p[i] = (uint8_t)(stream_next(&seed) >> 11);
}

static void example_of_rfc_1071(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    assert_int_equal(sum_of(bytes, 8), 0xddf2);
    assert_int_equal(csum_of(bytes, 8), 0x220d);
}

static void nothing_sums_to_nothing(void **state) {
    (void)state;
    struct csum c = {0, 0};
    csum_add(&c, NULL, 0);
    assert_int_equal(csum_fold(&c), 0);
    assert_int_equal(csum_finish(&c), 0xffff);
}

static void every_length_and_alignment(void **state) {
    (void)state;
    uint8_t bytes[300];
    fill(bytes, sizeof bytes, 1);
    for (size_t from = 0; from < 9; from++) {
        for (size_t len = 0; len <= sizeof bytes - from; len++) {
            uint8_t *copy = exact(bytes + from, len);
            assert_int_equal(sum_of(copy, len), plain(bytes + from, len));
            assert_int_equal(sum_of(bytes + from, len), plain(bytes + from, len));
            free(copy);
        }
    }
}

static void ones_and_zeros(void **state) {
    (void)state;
    static uint8_t bytes[70000];
    assert_int_equal(sum_of(bytes, sizeof bytes), 0);
    memset(bytes, 0xff, sizeof bytes);
    for (size_t len = 69900; len <= sizeof bytes; len++) assert_int_equal(sum_of(bytes, len), plain(bytes, len));
}

static void large_buffers(void **state) {
    (void)state;
    static uint8_t bytes[1 << 18];
    fill(bytes, sizeof bytes, 7);
    for (size_t len = 1; len <= sizeof bytes; len = len * 3 / 2 + 1)
        assert_int_equal(sum_of(bytes, len), plain(bytes, len));
    assert_int_equal(sum_of(bytes, sizeof bytes), plain(bytes, sizeof bytes));
}

static void two_pieces_cut_anywhere(void **state) {
    (void)state;
    uint8_t bytes[200];
    fill(bytes, sizeof bytes, 3);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        for (size_t cut = 0; cut <= len; cut++) {
            struct csum c = {0, 0};
            csum_add(&c, bytes, cut);
            csum_add(&c, bytes + cut, len - cut);
            assert_int_equal(csum_fold(&c), plain(bytes, len));
            assert_int_equal(c.odd, len % 2);
        }
    }
}

static void many_pieces(void **state) {
    (void)state;
    static uint8_t bytes[20000];
    uint32_t seed = 99;
    fill(bytes, sizeof bytes, 5);
    for (int round = 0; round < 50; round++) {
        struct csum c = {0, 0};
        for (size_t at = 0; at < sizeof bytes;) {
            size_t n = stream_next(&seed) % 400;
            if (n > sizeof bytes - at) n = sizeof bytes - at;
            csum_add(&c, bytes + at, n);
            at += n;
        }
        assert_int_equal(csum_fold(&c), plain(bytes, sizeof bytes));
    }
}

static void words_in_host_order(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x12, 0x34, 0xab, 0xcd, 0xff, 0xfe};
    struct csum c = {0, 0};
    csum_add16(&c, 0x1234);
    csum_add(&c, bytes + 2, 2);
    csum_add16(&c, 0xfffe);
    assert_int_equal(csum_fold(&c), plain(bytes, sizeof bytes));
}

static void a_filled_in_field_makes_it_zero(void **state) {
    (void)state;
    uint8_t bytes[64];
    for (uint32_t seed = 1; seed < 200; seed++) {
        fill(bytes, sizeof bytes, seed);
        bytes[10] = bytes[11] = 0;
        uint16_t value = csum_of(bytes, sizeof bytes);
        bytes[10] = (uint8_t)(value >> 8);
        bytes[11] = (uint8_t)value;
        assert_int_equal(csum_of(bytes, sizeof bytes), 0);
        bytes[seed % 64] ^= 0x10;
        assert_int_not_equal(csum_of(bytes, sizeof bytes), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_rfc_1071),
        cmocka_unit_test(nothing_sums_to_nothing),
        cmocka_unit_test(every_length_and_alignment),
        cmocka_unit_test(ones_and_zeros),
        cmocka_unit_test(large_buffers),
        cmocka_unit_test(two_pieces_cut_anywhere),
        cmocka_unit_test(many_pieces),
        cmocka_unit_test(words_in_host_order),
        cmocka_unit_test(a_filled_in_field_makes_it_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
