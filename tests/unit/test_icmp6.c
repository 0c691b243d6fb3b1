/* ICMPv6: the checksum covers the pseudo-header. */
#include "wire/icmp6.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

static const struct la_addr src = {{0xfe, 0x80, [15] = 1}}, dst = {{0xfe, 0x80, [15] = 2}};

static enum icmp_result parse(const uint8_t *data, size_t len, const struct la_addr *from, struct icmp6_msg *m) {
    uint8_t *copy = exact(data, len);
    enum icmp_result result = icmp6_parse(copy, len, from, &dst, m);
    free(copy);
    return result;
}

static size_t make(uint8_t *to, size_t size, size_t body) {
    static const uint8_t text[] = "body of a message";
    struct icmp6_msg m = {.type = ICMP6_TOO_BIG, .code = 7, .rest = 1280, .body = {text, body}};
    struct writer w = writer_of(to, size);
    icmp6_build(&w, &src, &dst, &m);
    return w.bad ? 0 : writer_len(&w);
}

static void known_checksum(void **state) {
    (void)state;
    /* By hand: 2 * fe80 + 1 + 2 + length 8 + protocol 3a + 8000 + 1234 + 1, folded, complemented. */
    struct icmp6_msg m = {.type = ICMP6_ECHO, .rest = 0x12340001};
    uint8_t bytes[ICMP6_LEN];
    struct writer w = writer_of(bytes, sizeof bytes);
    icmp6_build(&w, &src, &dst, &m);
    uint32_t sum = 2 * 0xfe80 + 1 + 2 + 8 + 0x3a + 0x8000 + 0x1234 + 1;
    sum = (sum & 0xffff) + (sum >> 16);
    assert_int_equal(get16(bytes + 2), (uint16_t)~sum);
}

static void every_field_comes_back(void **state) {
    (void)state;
    for (size_t body = 0; body < 17; body++) {
        uint8_t bytes[ICMP6_LEN + 17];
        struct icmp6_msg m;
        size_t len = make(bytes, sizeof bytes, body);
        assert_int_equal(len, ICMP6_LEN + body);
        assert_int_equal(icmp6_parse(bytes, len, &src, &dst, &m), ICMP_OK);
        assert_int_equal(m.type, ICMP6_TOO_BIG);
        assert_int_equal(m.code, 7);
        assert_int_equal(m.rest, 1280);
        assert_ptr_equal(m.body.data, bytes + ICMP6_LEN);
        assert_int_equal(m.body.len, body);
    }
}

static void truncated_at_every_length(void **state) {
    (void)state;
    uint8_t bytes[ICMP6_LEN + 11];
    struct icmp6_msg m;
    assert_int_equal(make(bytes, sizeof bytes, 11), sizeof bytes);
    for (size_t len = 0; len < sizeof bytes; len++) {
        assert_int_equal(parse(bytes, len, &src, &m), len < ICMP6_LEN ? ICMP_BAD : ICMP_BAD_CSUM);
        uint8_t *out = exact(bytes, len);
        assert_int_equal(make(out, len, 11), 0);
        assert_memory_equal(out, bytes, len);
        free(out);
    }
}

static void every_wrong_bit_is_seen(void **state) {
    (void)state;
    uint8_t bytes[ICMP6_LEN + 11];
    struct icmp6_msg m;
    assert_int_equal(make(bytes, sizeof bytes, 11), sizeof bytes);
    for (unsigned bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(parse(bytes, sizeof bytes, &src, &m), ICMP_BAD_CSUM);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 128; bit++) {
        struct la_addr other = src;
        other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(parse(bytes, sizeof bytes, &other, &m), ICMP_BAD_CSUM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_checksum),
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(truncated_at_every_length),
        cmocka_unit_test(every_wrong_bit_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
