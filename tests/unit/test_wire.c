/* The pseudo-header's sum. */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

static void ipv4(void **state) {
    (void)state;
    /* RFC 9293, 3.1: addresses, zero, protocol, length. */
    static const uint8_t pseudo[] = {10, 0, 0, 1, 192, 168, 255, 254, 0, 6, 0x12, 0x34};
    struct la_addr src = la_addr4(10, 0, 0, 1), dst = la_addr4(192, 168, 255, 254);
    struct csum a = {0, 0}, b = {0, 0};
    wire_pseudo(&a, &src, &dst, PROTO_TCP, 0x1234);
    csum_add(&b, pseudo, sizeof pseudo);
    assert_int_equal(csum_fold(&a), csum_fold(&b));
}

static void ipv6(void **state) {
    (void)state;
    /* RFC 8200, 8.1: addresses, 32 bits of length, zero, next header. */
    uint8_t pseudo[40] = {0};
    struct la_addr src, dst;
    for (unsigned i = 0; i < 16; i++) {
        pseudo[i] = src.bytes[i] = (uint8_t)(0x20 + 7 * i);
        pseudo[16 + i] = dst.bytes[i] = (uint8_t)(0xfe - 11 * i);
    }
    put32(pseudo + 32, 0x12345678);
    pseudo[39] = PROTO_UDP;
    struct csum a = {0, 0}, b = {0, 0};
    wire_pseudo(&a, &src, &dst, PROTO_UDP, 0x12345678);
    csum_add(&b, pseudo, sizeof pseudo);
    assert_int_equal(csum_fold(&a), csum_fold(&b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4),
        cmocka_unit_test(ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
