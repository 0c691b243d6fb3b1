/* IPv6 headers and the walk along extension headers. */
#include "wire/ip6.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

/* A packet that grows header by header. */
struct chain {
    uint8_t bytes[4096];
    size_t len;
    size_t named_at; /* Where the next header's number goes. */
};

static struct chain chain_begin(void) {
    struct chain c = {.len = IP6_LEN, .named_at = 6};
    c.bytes[0] = 0x60;
    c.bytes[7] = 64;
    return c;
}

static void chain_add(struct chain *c, uint8_t proto, const void *header, size_t len) {
    c->bytes[c->named_at] = proto;
    c->named_at = c->len;
    if (len) memcpy(c->bytes + c->len, header, len);
    c->len += len;
    put16(c->bytes + 4, (uint16_t)(c->len - IP6_LEN));
}

static enum ip6_result walk_len(const struct chain *c, size_t len, struct ip6_chain *out) {
    struct ip6_hdr h;
    uint8_t *copy = exact(c->bytes, len);
    enum ip6_result result = ip6_parse(copy, len, &h);
    if (result == IP6_OK) result = ip6_walk(copy, len, &h, out);
    free(copy);
    return result;
}

static enum ip6_result walk(const struct chain *c, struct ip6_chain *out) { return walk_len(c, c->len, out); }

static const uint8_t empty[8] = {0, 0, 1, 4, 0, 0, 0, 0}; /* PadN of 6. */
static const uint8_t payload[20] = {1, 2, 3};

static void every_field_comes_back(void **state) {
    (void)state;
    struct ip6_hdr in = {.tos = 0xa5, .flow_label = 0xfedcb, .hop_limit = 3, .next_header = 17, .payload_len = 2}, out;
    for (unsigned i = 0; i < 16; i++) {
        in.src.bytes[i] = (uint8_t)(i + 1);
        in.dst.bytes[i] = (uint8_t)(0xf0 + i);
    }
    uint8_t bytes[IP6_LEN + 2] = {0};
    struct writer w = writer_of(bytes, sizeof bytes);
    ip6_build(&w, &in);
    assert_int_equal(writer_len(&w), IP6_LEN);
    assert_int_equal(bytes[0], 0x6a);
    assert_int_equal(bytes[1], 0x5f);
    assert_int_equal(ip6_parse(bytes, sizeof bytes, &out), IP6_OK);
    assert_true(la_addr_equal(&in.src, &out.src) && la_addr_equal(&in.dst, &out.dst));
    assert_int_equal(out.tos, in.tos);
    assert_int_equal(out.flow_label, in.flow_label);
    assert_int_equal(out.hop_limit, in.hop_limit);
    assert_int_equal(out.next_header, in.next_header);
    assert_int_equal(out.payload_len, in.payload_len);
    assert_int_equal(ip6_parse(bytes, sizeof bytes - 1, &out), IP6_BAD);
    bytes[0] = 0x4a;
    assert_int_equal(ip6_parse(bytes, sizeof bytes, &out), IP6_BAD);
}

static void no_room_to_build(void **state) {
    (void)state;
    uint8_t before[IP6_LEN];
    memset(before, 0xcc, sizeof before);
    for (size_t len = 0; len < IP6_LEN; len++) {
        uint8_t *out = exact(before, len);
        struct writer w = writer_of(out, len);
        ip6_build(&w, &(struct ip6_hdr){.hop_limit = 64});
        assert_true(w.bad);
        assert_memory_equal(out, before, len);
        free(out);
    }
}

static void no_extension_headers(void **state) {
    (void)state;
    static const uint8_t ends[] = {PROTO_TCP, PROTO_UDP, PROTO_ICMP6, PROTO_NONE};
    for (size_t i = 0; i < sizeof ends; i++) {
        struct chain c = chain_begin();
        struct ip6_chain out;
        chain_add(&c, ends[i], payload, sizeof payload);
        assert_int_equal(walk(&c, &out), IP6_OK);
        assert_int_equal(out.proto, ends[i]);
        assert_int_equal(out.offset, IP6_LEN);
        assert_false(out.fragment);
    }
}

static void all_kinds_in_a_row(void **state) {
    (void)state;
    struct chain c = chain_begin();
    struct ip6_chain out;
    uint8_t long_one[24] = {0, 2, 1, 20};
    chain_add(&c, PROTO_HOPOPTS, empty, sizeof empty);
    chain_add(&c, PROTO_DSTOPTS, long_one, sizeof long_one);
    chain_add(&c, PROTO_ROUTING, empty, 3); /* Type 1 … */
    memset(c.bytes + c.len, 0, 5);          /* … no segments left. */
    c.len += 5;
    chain_add(&c, PROTO_DSTOPTS, empty, sizeof empty);
    chain_add(&c, PROTO_TCP, payload, sizeof payload);
    assert_int_equal(walk(&c, &out), IP6_OK);
    assert_int_equal(out.proto, PROTO_TCP);
    assert_int_equal(out.offset, IP6_LEN + 8 + 24 + 8 + 8);
    for (size_t len = 0; len < c.len; len++) assert_int_equal(walk_len(&c, len, &out), IP6_BAD);
}

static void payload_lengths_that_cut_a_header(void **state) {
    (void)state;
    for (size_t cut = 1; cut < 32; cut++) {
        struct chain c = chain_begin();
        struct ip6_chain out;
        uint8_t header[32] = {PROTO_TCP, 3, 1, 28};
        chain_add(&c, PROTO_DSTOPTS, header, sizeof header);
        put16(c.bytes + 4, (uint16_t)(sizeof header - cut));
        assert_int_equal(walk(&c, &out), IP6_BAD);
    }
}

static void a_fragment_header_ends_the_walk(void **state) {
    (void)state;
    struct chain c = chain_begin();
    struct ip6_chain out;
    static const uint8_t fragment[] = {PROTO_UDP, 0, 0x05, 0xa9, 0xde, 0xad, 0xbe, 0xef};
    chain_add(&c, PROTO_HOPOPTS, empty, sizeof empty);
    chain_add(&c, PROTO_FRAGMENT, fragment, sizeof fragment);
    assert_int_equal(walk(&c, &out), IP6_OK);
    assert_true(out.fragment);
    assert_int_equal(out.proto, PROTO_FRAGMENT);
    assert_int_equal(out.offset, IP6_LEN + 16);
    assert_int_equal(out.frag.next_header, PROTO_UDP);
    assert_int_equal(out.frag.offset, 0x5a8);
    assert_true(out.frag.more);
    assert_int_equal(out.frag.id, 0xdeadbeef);
    for (unsigned cut = 1; cut < 8; cut++) {
        put16(c.bytes + 4, (uint16_t)(16 - cut));
        assert_int_equal(walk(&c, &out), IP6_BAD);
    }
}

static void at_most_eight_headers(void **state) {
    (void)state;
    for (unsigned n = 0; n < 12; n++) {
        struct chain c = chain_begin();
        struct ip6_chain out;
        for (unsigned i = 0; i < n; i++) chain_add(&c, PROTO_DSTOPTS, empty, sizeof empty);
        chain_add(&c, PROTO_UDP, payload, sizeof payload);
        assert_int_equal(walk(&c, &out), n <= 8 ? IP6_OK : IP6_BAD);
    }
}

static void unknown_headers_are_named(void **state) {
    (void)state;
    struct chain c = chain_begin();
    struct ip6_chain out;
    chain_add(&c, 50, payload, sizeof payload);
    assert_int_equal(walk(&c, &out), IP6_UNKNOWN_HEADER);
    assert_int_equal(out.bad_offset, 6);
    c = chain_begin();
    chain_add(&c, PROTO_HOPOPTS, empty, sizeof empty);
    chain_add(&c, PROTO_DSTOPTS, empty, sizeof empty);
    chain_add(&c, PROTO_HOPOPTS, empty, sizeof empty);
    chain_add(&c, PROTO_UDP, payload, sizeof payload);
    assert_int_equal(walk(&c, &out), IP6_UNKNOWN_HEADER);
    assert_int_equal(out.bad_offset, IP6_LEN + 8);
}

static void routing_with_segments_left(void **state) {
    (void)state;
    static const uint8_t routing[8] = {0, 0, 4, 1};
    struct chain c = chain_begin();
    struct ip6_chain out;
    chain_add(&c, PROTO_DSTOPTS, empty, sizeof empty);
    chain_add(&c, PROTO_ROUTING, routing, sizeof routing);
    chain_add(&c, PROTO_UDP, payload, sizeof payload);
    assert_int_equal(walk(&c, &out), IP6_BAD_FIELD);
    assert_int_equal(out.bad_offset, IP6_LEN + 8 + 2);
}

static void options_say_what_to_do_with_them(void **state) {
    (void)state;
    static const struct {
        uint8_t type;
        enum ip6_result want;
    } kinds[] = {
        {5, IP6_OK}, {0x3e, IP6_OK}, {0x7e, IP6_BAD}, {0xbe, IP6_UNKNOWN_OPTION}, {0xc2, IP6_UNKNOWN_OPTION},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint8_t header[8] = {0, 0, 0, kinds[i].type, 2, 0, 0, 0}; /* Pad1, the option, Pad1. */
        struct chain c = chain_begin();
        struct ip6_chain out;
        chain_add(&c, PROTO_HOPOPTS, header, sizeof header);
        chain_add(&c, PROTO_TCP, payload, sizeof payload);
        assert_int_equal(walk(&c, &out), kinds[i].want);
        if (kinds[i].want == IP6_UNKNOWN_OPTION) assert_int_equal(out.bad_offset, IP6_LEN + 3);
    }
}

static void options_beyond_their_header(void **state) {
    (void)state;
    static const uint8_t bad[][8] = {
        {0, 0, 1, 5, 0, 0, 0, 0},
        {0, 0, 1, 255, 0, 0, 0, 0},
        {0, 0, 0, 0, 0, 0, 0, 1},
        {0, 0, 0, 0, 0, 0, 5, 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct chain c = chain_begin();
        struct ip6_chain out;
        chain_add(&c, PROTO_DSTOPTS, bad[i], 8);
        chain_add(&c, PROTO_TCP, payload, sizeof payload);
        assert_int_equal(walk(&c, &out), IP6_BAD);
    }
}

static void a_walk_from_elsewhere(void **state) {
    (void)state;
    /* As after reassembly: the first header's number comes from the fragment header. */
    struct chain c = chain_begin();
    struct ip6_chain out;
    chain_add(&c, PROTO_FRAGMENT, payload, sizeof payload);
    struct ip6_hdr h = {.next_header = PROTO_UDP, .payload_len = sizeof payload};
    assert_int_equal(ip6_walk(c.bytes, c.len, &h, &out), IP6_OK);
    assert_int_equal(out.proto, PROTO_UDP);
    h.payload_len++;
    assert_int_equal(ip6_walk(c.bytes, c.len, &h, &out), IP6_BAD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(no_room_to_build),
        cmocka_unit_test(no_extension_headers),
        cmocka_unit_test(all_kinds_in_a_row),
        cmocka_unit_test(payload_lengths_that_cut_a_header),
        cmocka_unit_test(a_fragment_header_ends_the_walk),
        cmocka_unit_test(at_most_eight_headers),
        cmocka_unit_test(unknown_headers_are_named),
        cmocka_unit_test(routing_with_segments_left),
        cmocka_unit_test(options_say_what_to_do_with_them),
        cmocka_unit_test(options_beyond_their_header),
        cmocka_unit_test(a_walk_from_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
