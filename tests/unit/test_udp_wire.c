/* UDP headers. */
#include "wire/udp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

static const uint8_t datagram[] = {0x12, 0x34, 0x00, 0x35, 0x00, 0x0a, 0xbe, 0xef, 'h', 'i'};

static bool parse(const uint8_t *data, size_t len, struct udp_hdr *h) {
    uint8_t *copy = exact(data, len);
    bool ok = udp_parse(copy, len, h);
    free(copy);
    return ok;
}

static void both_ways(void **state) {
    (void)state;
    struct udp_hdr h;
    assert_true(parse(datagram, sizeof datagram, &h));
    assert_int_equal(h.src_port, 0x1234);
    assert_int_equal(h.dst_port, 53);
    assert_int_equal(h.len, 10);
    assert_int_equal(h.csum, 0xbeef);
    uint8_t out[UDP_LEN];
    struct writer w = writer_of(out, sizeof out);
    udp_build(&w, &h);
    assert_false(w.bad);
    assert_memory_equal(out, datagram, UDP_LEN);
}

static void truncated_at_every_length(void **state) {
    (void)state;
    struct udp_hdr h;
    for (size_t len = 0; len < sizeof datagram; len++) assert_false(parse(datagram, len, &h));
    for (size_t len = 0; len < UDP_LEN; len++) {
        uint8_t *out = exact(datagram, len);
        struct writer w = writer_of(out, len);
        udp_build(&w, &h);
        assert_true(w.bad);
        assert_memory_equal(out, datagram, len);
        free(out);
    }
}

static void every_length_field(void **state) {
    (void)state;
    uint8_t bytes[20] = {0};
    struct udp_hdr h;
    for (unsigned len = 0; len < 65536; len++) {
        put16(bytes + 4, (uint16_t)len);
        assert_int_equal(udp_parse(bytes, sizeof bytes, &h), len >= UDP_LEN && len <= sizeof bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(truncated_at_every_length),
        cmocka_unit_test(every_length_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
