/* Ethernet headers. */
#include "wire/eth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

static const uint8_t frame[] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60};

static void a_header(void **state) {
    (void)state;
    struct eth_hdr h;
    struct reader r = reader_of(frame, sizeof frame);
    assert_true(eth_parse(&r, &h));
    assert_int_equal(h.type, ETH_IP6);
    assert_memory_equal(h.dst, frame, 6);
    assert_memory_equal(h.src, frame + 6, 6);
    assert_int_equal(reader_left(&r), 1);
    uint8_t out[ETH_LEN];
    struct writer w = writer_of(out, sizeof out);
    eth_build(&w, &h);
    assert_false(w.bad);
    assert_int_equal(writer_len(&w), ETH_LEN);
    assert_memory_equal(out, frame, ETH_LEN);
}

static void truncated_at_every_length(void **state) {
    (void)state;
    for (size_t len = 0; len < ETH_LEN; len++) {
        uint8_t *copy = exact(frame, len), *out = exact(frame, len);
        struct eth_hdr h = {.type = 1};
        struct reader r = reader_of(copy, len);
        assert_false(eth_parse(&r, &h));
        struct writer w = writer_of(out, len);
        eth_build(&w, &h);
        assert_true(w.bad);
        assert_memory_equal(out, frame, len);
        free(copy);
        free(out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header),
        cmocka_unit_test(truncated_at_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
