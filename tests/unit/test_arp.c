/* ARP messages. */
#include "wire/arp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

static const uint8_t request[ARP_LEN] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 1,
                                         10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};

static bool parses(const uint8_t *data, size_t len, struct arp_msg *m) {
    uint8_t *copy = exact(data, len);
    struct reader r = reader_of(copy, len);
    bool ok = arp_parse(&r, m);
    free(copy);
    return ok;
}

static void a_request_both_ways(void **state) {
    (void)state;
    struct arp_msg m;
    assert_true(parses(request, sizeof request, &m));
    struct la_addr sender = la_addr4(10, 0, 0, 1), target = la_addr4(10, 0, 0, 2);
    assert_int_equal(m.op, ARP_REQUEST);
    assert_true(la_addr_equal(&m.sender, &sender));
    assert_true(la_addr_equal(&m.target, &target));
    assert_memory_equal(m.sender_mac, request + 8, 6);
    assert_memory_equal(m.target_mac, request + 18, 6);
    uint8_t out[ARP_LEN];
    struct writer w = writer_of(out, sizeof out);
    arp_build(&w, &m);
    assert_false(w.bad);
    assert_memory_equal(out, request, sizeof out);
}

static void padding_behind_it_is_left_alone(void **state) {
    (void)state;
    uint8_t padded[46] = {0};
    memcpy(padded, request, sizeof request);
    struct arp_msg m;
    struct reader r = reader_of(padded, sizeof padded);
    assert_true(arp_parse(&r, &m));
    assert_int_equal(reader_left(&r), 18);
}

static void truncated_at_every_length(void **state) {
    (void)state;
    for (size_t len = 0; len < ARP_LEN; len++) {
        struct arp_msg m = {.op = ARP_REPLY};
        assert_false(parses(request, len, &m));
        uint8_t *out = exact(request, len);
        struct writer w = writer_of(out, len);
        arp_build(&w, &m);
        assert_true(w.bad);
        assert_memory_equal(out, request, len);
        free(out);
    }
}

static void other_hardware_protocols_and_operations(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{1, 6}, {0, 1}, {2, 0x86}, {3, 6}, {4, 8}, {4, 0}, {5, 16}, {5, 0}, {7, 0}, {7, 3}, {6, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t bad[ARP_LEN];
        struct arp_msg m;
        memcpy(bad, request, sizeof bad);
        bad[wrong[i].at] = wrong[i].value;
        assert_false(parses(bad, sizeof bad, &m));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_both_ways),
        cmocka_unit_test(padding_behind_it_is_left_alone),
        cmocka_unit_test(truncated_at_every_length),
        cmocka_unit_test(other_hardware_protocols_and_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
