/* IPv4 headers. */
#include "wire/ip4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

/* RFC 1071 at work: a header with a right checksum. */
static const uint8_t packet[] = {0x45, 0x00, 0x00, 0x17, 0x12, 0x34, 0x40, 0x00, 0x40, 0x06, 0x14, 0xab,
                                 0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x02, 'a',  'b',  'c'};

static enum ip4_result parse(const uint8_t *data, size_t len, struct ip4_hdr *h) {
    uint8_t *copy = exact(data, len);
    enum ip4_result result = ip4_parse(copy, len, h);
    free(copy);
    return result;
}

static void checksum_fix(uint8_t *p, size_t header_len) {
    p[10] = p[11] = 0;
    put16(p + 10, csum_of(p, header_len));
}

static void a_header(void **state) {
    (void)state;
    struct ip4_hdr h;
    struct la_addr src = la_addr4(10, 0, 0, 1), dst = la_addr4(10, 0, 0, 2);
    assert_int_equal(parse(packet, sizeof packet, &h), IP4_OK);
    assert_true(la_addr_equal(&h.src, &src));
    assert_true(la_addr_equal(&h.dst, &dst));
    assert_int_equal(h.header_len, 20);
    assert_int_equal(h.total_len, 23);
    assert_int_equal(h.id, 0x1234);
    assert_int_equal(h.ttl, 64);
    assert_int_equal(h.proto, PROTO_TCP);
    assert_true(h.dont_fragment);
    assert_false(h.more_fragments);
    assert_int_equal(h.frag_offset, 0);
}

static void every_field_comes_back(void **state) {
    (void)state;
    uint32_t seed = 5;
    for (int round = 0; round < 2000; round++) {
        uint32_t a = stream_next(&seed), b = stream_next(&seed), c = stream_next(&seed);
        struct ip4_hdr in = {
            .src = la_addr4((uint8_t)a, (uint8_t)(a >> 8), 1, 2),
            .dst = la_addr4(3, 4, (uint8_t)(a >> 16), (uint8_t)(a >> 24)),
            .tos = (uint8_t)b,
            .ttl = (uint8_t)(b >> 8),
            .proto = (uint8_t)(b >> 16),
            .id = (uint16_t)c,
            .dont_fragment = c >> 31,
            .more_fragments = c >> 30 & 1,
            .frag_offset = (uint16_t)((c >> 16 & 0x1fff) * 8),
            .header_len = IP4_LEN,
            .total_len = IP4_LEN,
        };
        uint8_t bytes[IP4_LEN];
        struct ip4_hdr out;
        struct writer w = writer_of(bytes, sizeof bytes);
        ip4_build(&w, &in);
        assert_false(w.bad);
        assert_int_equal(parse(bytes, sizeof bytes, &out), IP4_OK);
        assert_true(la_addr_equal(&in.src, &out.src) && la_addr_equal(&in.dst, &out.dst));
        assert_true(in.tos == out.tos && in.ttl == out.ttl && in.proto == out.proto && in.id == out.id);
        assert_true(in.dont_fragment == out.dont_fragment && in.more_fragments == out.more_fragments);
        assert_true(in.frag_offset == out.frag_offset && in.total_len == out.total_len);
    }
}

static void truncated_at_every_length(void **state) {
    (void)state;
    struct ip4_hdr h;
    for (size_t len = 0; len < sizeof packet; len++) assert_int_equal(parse(packet, len, &h), IP4_BAD);
    for (size_t len = 0; len < IP4_LEN; len++) {
        uint8_t *out = exact(packet, len);
        struct writer w = writer_of(out, len);
        ip4_build(&w, &h);
        assert_true(w.bad);
        assert_memory_equal(out, packet, len);
        free(out);
    }
}

static void every_wrong_bit_is_seen(void **state) {
    (void)state;
    for (unsigned bit = 0; bit < 8 * IP4_LEN; bit++) {
        uint8_t bad[sizeof packet];
        struct ip4_hdr h;
        memcpy(bad, packet, sizeof bad);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(parse(bad, sizeof bad, &h), IP4_OK);
    }
}

static void a_wrong_checksum_leaves_the_fields(void **state) {
    (void)state;
    uint8_t bad[sizeof packet];
    struct ip4_hdr h;
    memcpy(bad, packet, sizeof bad);
    bad[8] = 63;
    assert_int_equal(parse(bad, sizeof bad, &h), IP4_BAD_CSUM);
    assert_int_equal(h.ttl, 63);
    assert_int_equal(h.total_len, 23);
}

static void lengths_that_cannot_be(void **state) {
    (void)state;
    uint8_t bad[64] = {0};
    struct ip4_hdr h;
    memcpy(bad, packet, sizeof packet);
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        bad[0] = (uint8_t)(0x40 | ihl);
        bad[3] = 40;
        checksum_fix(bad, ihl * 4);
        /* Options may fill the packet, but not more than it. */
        enum ip4_result want = ihl >= 5 && ihl * 4 <= 40 ? IP4_OK : IP4_BAD;
        assert_int_equal(parse(bad, sizeof bad, &h), want);
        if (want == IP4_OK) assert_int_equal(h.header_len, ihl * 4);
    }
    bad[0] = 0x45;
    for (unsigned total = 0; total < 256; total++) {
        bad[3] = (uint8_t)total;
        checksum_fix(bad, 20);
        assert_int_equal(parse(bad, sizeof bad, &h), total >= 20 && total <= sizeof bad ? IP4_OK : IP4_BAD);
    }
    for (unsigned version = 0; version < 16; version++) {
        bad[0] = (uint8_t)(version << 4 | 5);
        bad[3] = 20;
        checksum_fix(bad, 20);
        assert_int_equal(parse(bad, sizeof bad, &h), version == 4 ? IP4_OK : IP4_BAD);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header),
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(truncated_at_every_length),
        cmocka_unit_test(every_wrong_bit_is_seen),
        cmocka_unit_test(a_wrong_checksum_leaves_the_fields),
        cmocka_unit_test(lengths_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
