/* Neighbour solicitations and advertisements. */
#include "wire/nd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

static const struct la_addr src = {{0xfe, 0x80, [15] = 1}}, dst = {{0xfe, 0x80, [15] = 2}};
static const struct la_addr target = {{0x20, 0x01, 0x0d, 0xb8, [15] = 9}};
static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};

static bool same(const struct nd_msg *a, const struct nd_msg *b) {
    return a->advert == b->advert && a->router == b->router && a->solicited == b->solicited &&
           a->override_ == b->override_ && la_addr_equal(&a->target, &b->target) && a->has_mac == b->has_mac &&
           memcmp(a->mac, b->mac, 6) == 0;
}

static bool parse_body(uint8_t type, uint8_t code, uint32_t rest, const uint8_t *body, size_t len, struct nd_msg *m) {
    uint8_t *copy = exact(body, len);
    struct icmp6_msg icmp = {.type = type, .code = code, .rest = rest, .body = {copy, len}};
    bool ok = nd_parse(&icmp, m);
    free(copy);
    return ok;
}

static void all_flags_come_back(void **state) {
    (void)state;
    for (unsigned bits = 0; bits < 32; bits++) {
        struct nd_msg in = {.advert = bits & 1, .target = target, .has_mac = bits & 2}, out;
        if (in.has_mac) memcpy(in.mac, mac, sizeof mac);
        if (in.advert) {
            in.router = bits & 4;
            in.solicited = bits & 8;
            in.override_ = bits & 16;
        }
        uint8_t bytes[ICMP6_LEN + 24];
        struct writer w = writer_of(bytes, sizeof bytes);
        nd_build(&w, &src, &dst, &in);
        assert_false(w.bad);
        size_t len = writer_len(&w);
        assert_int_equal(len, in.has_mac ? 32 : 24);
        struct icmp6_msg icmp;
        assert_int_equal(icmp6_parse(bytes, len, &src, &dst, &icmp), ICMP_OK);
        assert_true(nd_parse(&icmp, &out));
        assert_true(same(&in, &out));
        struct writer small = writer_of(bytes, len - 1);
        nd_build(&small, &src, &dst, &in);
        assert_true(small.bad);
    }
}

static void the_wire_form(void **state) {
    (void)state;
    struct nd_msg m = {.advert = true, .solicited = true, .override_ = true, .target = target, .has_mac = true};
    memcpy(m.mac, mac, sizeof mac);
    uint8_t bytes[32];
    struct writer w = writer_of(bytes, sizeof bytes);
    nd_build(&w, &src, &dst, &m);
    static const uint8_t option[] = {2, 1, 2, 0, 0, 0, 0, 9};
    assert_int_equal(bytes[0], 136);
    assert_int_equal(get32(bytes + 4), 0x60000000);
    assert_memory_equal(bytes + 8, target.bytes, 16);
    assert_memory_equal(bytes + 24, option, 8);
}

static void truncated_at_every_length(void **state) {
    (void)state;
    uint8_t body[16 + 8 + 16] = {0};
    memcpy(body, target.bytes, 16);
    body[16] = 14; /* A nonce comes first, then the address. */
    body[17] = 1;
    body[24] = 1;
    body[25] = 2; /* Too long for an Ethernet address: skipped. */
    struct nd_msg m;
    for (size_t len = 0; len <= sizeof body; len++) {
        bool whole = len == 16 || len == 24 || len == 40;
        assert_int_equal(parse_body(ICMP6_NEIGHBOUR_SOLICIT, 0, 0, body, len, &m), whole);
        if (whole) assert_false(m.has_mac);
    }
}

static void what_is_malformed(void **state) {
    (void)state;
    uint8_t body[24] = {0};
    struct nd_msg m;
    memcpy(body, target.bytes, 16);
    body[16] = 1;
    assert_false(parse_body(ICMP6_NEIGHBOUR_SOLICIT, 0, 0, body, 24, &m)); /* Length 0 must not loop. */
    body[17] = 2;
    assert_false(parse_body(ICMP6_NEIGHBOUR_SOLICIT, 0, 0, body, 24, &m));
    body[17] = 1;
    assert_true(parse_body(ICMP6_NEIGHBOUR_SOLICIT, 0, 0, body, 24, &m));
    assert_true(m.has_mac);
    assert_false(parse_body(ICMP6_NEIGHBOUR_SOLICIT, 1, 0, body, 24, &m));
    assert_false(parse_body(ICMP6_ROUTER_ADVERT, 0, 0, body, 24, &m));
    assert_false(parse_body(ICMP6_ECHO, 0, 0, body, 24, &m));
    body[0] = 0xff;
    assert_false(parse_body(ICMP6_NEIGHBOUR_SOLICIT, 0, 0, body, 24, &m));
}

static void the_other_sides_option_is_not_ours(void **state) {
    (void)state;
    uint8_t body[24] = {0};
    struct nd_msg m;
    memcpy(body, target.bytes, 16);
    body[16] = 2;
    body[17] = 1;
    assert_true(parse_body(ICMP6_NEIGHBOUR_SOLICIT, 0, 0xffffffff, body, 24, &m));
    assert_false(m.has_mac || m.router || m.solicited || m.override_);
    assert_true(parse_body(ICMP6_NEIGHBOUR_ADVERT, 0, 0xffffffff, body, 24, &m));
    assert_true(m.has_mac && m.router && m.solicited && m.override_);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_flags_come_back),
        cmocka_unit_test(the_wire_form),
        cmocka_unit_test(truncated_at_every_length),
        cmocka_unit_test(what_is_malformed),
        cmocka_unit_test(the_other_sides_option_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
