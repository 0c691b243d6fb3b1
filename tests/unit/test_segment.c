/* Packets seen from outside: parse, build, text. */
#include <lastack/segment.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

static struct la_endpoint endpoint4(uint8_t last, uint16_t port) {
    return (struct la_endpoint){.addr = la_addr4(10, 0, 0, last), .port = port};
}

static struct la_endpoint endpoint6(uint8_t last, uint16_t port) {
    return (struct la_endpoint){.addr = {{0x20, 0x01, 0x0d, 0xb8, [15] = last}}, .port = port};
}

/* A segment with everything in it. */
static struct la_segment full(bool six) {
    return (struct la_segment){
        .src = six ? endpoint6(1, 80) : endpoint4(1, 80),
        .dst = six ? endpoint6(2, 4242) : endpoint4(2, 4242),
        .seq = 0xfffffff0,
        .ack = 77,
        .flags = LA_SYN | LA_ACK | LA_AE,
        .wnd = 65535,
        .urg = 3,
        .tos = 0xb9,
        .ttl = 61,
        .csum_ok = true,
        .mss = 1460,
        .wscale = 0,
        .sack_ok = true,
        .has_ts = true,
        .ts_val = 1,
        .ts_ecr = 2,
        .data = (const uint8_t *)"hello",
        .len = 5,
    };
}

static bool same(const struct la_segment *a, const struct la_segment *b) {
    if (!la_addr_equal(&a->src.addr, &b->src.addr) || !la_addr_equal(&a->dst.addr, &b->dst.addr)) return false;
    if (a->src.port != b->src.port || a->dst.port != b->dst.port) return false;
    if (a->seq != b->seq || a->ack != b->ack || a->flags != b->flags || a->wnd != b->wnd || a->urg != b->urg)
        return false;
    if (a->tos != b->tos || a->ttl != b->ttl || a->csum_ok != b->csum_ok) return false;
    if (a->mss != b->mss || a->wscale != b->wscale || a->sack_ok != b->sack_ok || a->has_ts != b->has_ts) return false;
    if (a->ts_val != b->ts_val || a->ts_ecr != b->ts_ecr || a->nsack != b->nsack || a->len != b->len) return false;
    for (unsigned i = 0; i < a->nsack; i++) {
        if (a->sack[i].from != b->sack[i].from || a->sack[i].to != b->sack[i].to) return false;
    }
    return a->len == 0 || memcmp(a->data, b->data, a->len) == 0;
}

static bool parses(const uint8_t *packet, size_t len) {
    struct la_segment s;
    uint8_t *copy = exact(packet, len);
    bool ok = la_segment_parse(LA_LINK_IP, copy, len, &s);
    free(copy);
    return ok;
}

static void everything_comes_back(void **state) {
    (void)state;
    for (int six = 0; six < 2; six++) {
        struct la_segment in = full(six), out;
        uint8_t packet[200];
        size_t len = la_segment_build(&in, packet, sizeof packet);
        assert_int_equal(len, (six ? 40 : 20) + 20 + 20 + 5);
        assert_true(la_segment_parse(LA_LINK_IP, packet, len, &out));
        assert_true(same(&in, &out));
        assert_ptr_equal(out.data, packet + len - 5);
        /* Behind an Ethernet header too, and with padding after it. */
        uint8_t frame[260] = {[12] = six ? 0x86 : 0x08, [13] = six ? 0xdd : 0x00};
        memcpy(frame + 14, packet, len);
        assert_true(la_segment_parse(LA_LINK_ETHERNET, frame, 14 + len + 9, &out));
        assert_true(same(&in, &out));
        assert_false(la_segment_parse(LA_LINK_IP, frame, 14 + len, &out));
        frame[13] ^= 6;
        assert_false(la_segment_parse(LA_LINK_ETHERNET, frame, 14 + len, &out));
    }
}

static void a_segment_with_nothing(void **state) {
    (void)state;
    struct la_segment in = {.src = endpoint4(1, 1),
                            .dst = endpoint4(2, 2),
                            .flags = LA_RST,
                            .wscale = -1,
                            .csum_ok = true},
                      out;
    uint8_t packet[40];
    assert_int_equal(la_segment_build(&in, packet, sizeof packet), 40);
    assert_true(la_segment_parse(LA_LINK_IP, packet, 40, &out));
    assert_true(same(&in, &out));
    assert_int_equal(out.wscale, -1);
}

static void sack_blocks(void **state) {
    (void)state;
    struct la_segment in = full(false), out;
    in.mss = 0;
    in.sack_ok = false;
    in.wscale = -1;
    in.nsack = 3;
    for (unsigned i = 0; i < 3; i++) in.sack[i] = (struct la_sack_block){10 * i, 10 * i + 5};
    uint8_t packet[200];
    size_t len = la_segment_build(&in, packet, sizeof packet);
    assert_int_equal(len, 20 + 60 + 5);
    assert_true(la_segment_parse(LA_LINK_IP, packet, len, &out));
    assert_true(same(&in, &out));
    in.nsack = 1000;
    assert_int_equal(la_segment_build(&in, packet, sizeof packet), len);
}

static void a_window_scale_beyond_the_type(void **state) {
    (void)state;
    struct la_segment in = {.src = endpoint4(1, 1), .dst = endpoint4(2, 2), .wscale = 14, .csum_ok = true}, out;
    uint8_t packet[44];
    assert_int_equal(la_segment_build(&in, packet, sizeof packet), 44);
    packet[43] = 255;
    assert_true(la_segment_parse(LA_LINK_IP, packet, 44, &out));
    assert_int_equal(out.wscale, 127);
    assert_false(out.csum_ok);
}

static void wrong_checksums_on_demand(void **state) {
    (void)state;
    uint8_t packet[200];
    struct la_segment out;
    for (int six = 0; six < 2; six++) {
        struct la_segment in = full(six);
        /* Over all values of the right checksum, 0 and 0xffff among them. */
        for (uint32_t seq = 0; seq < 70000; seq++) {
            in.seq = seq;
            in.csum_ok = seq & 1;
            size_t len = la_segment_build(&in, packet, sizeof packet);
            assert_true(la_segment_parse(LA_LINK_IP, packet, len, &out));
            assert_int_equal(out.csum_ok, in.csum_ok);
        }
    }
}

static void a_wrong_ip_checksum_is_told(void **state) {
    (void)state;
    struct la_segment in = full(false), out;
    uint8_t packet[200];
    size_t len = la_segment_build(&in, packet, sizeof packet);
    packet[8]--;
    assert_true(la_segment_parse(LA_LINK_IP, packet, len, &out));
    assert_false(out.csum_ok);
    assert_int_equal(out.ttl, 60);
}

static void truncated_at_every_length(void **state) {
    (void)state;
    for (int six = 0; six < 2; six++) {
        struct la_segment in = full(six), out;
        uint8_t packet[200], frame[214] = {[12] = six ? 0x86 : 0x08, [13] = six ? 0xdd : 0x00};
        size_t len = la_segment_build(&in, packet, sizeof packet);
        memcpy(frame + 14, packet, len);
        for (size_t cut = 0; cut < len; cut++) assert_false(parses(packet, cut));
        for (size_t cut = 0; cut < 14 + len; cut++) {
            uint8_t *copy = exact(frame, cut);
            assert_false(la_segment_parse(LA_LINK_ETHERNET, copy, cut, &out));
            free(copy);
        }
        for (size_t size = 0; size < len; size++) {
            uint8_t *to = malloc(size ? size : 1);
            assert_int_equal(la_segment_build(&in, to, size), 0);
            free(to);
        }
        assert_true(parses(packet, len));
    }
}

static void what_is_no_segment(void **state) {
    (void)state;
    struct la_segment in = full(false), out;
    uint8_t packet[200], changed[200];
    size_t len = la_segment_build(&in, packet, sizeof packet);
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 0x55}, {0, 0x44}, {6, 0x20}, {7, 0x01}, {9, 17}, {32, 0x40}, {41, 1}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        memcpy(changed, packet, len);
        changed[changes[i].at] = changes[i].value;
        assert_false(la_segment_parse(LA_LINK_IP, changed, len, &out));
    }
    in = full(true);
    len = la_segment_build(&in, packet, sizeof packet);
    static const uint8_t others[] = {17, 44, 58, 59, 0, 50};
    for (size_t i = 0; i < sizeof others; i++) {
        packet[6] = others[i];
        assert_false(la_segment_parse(LA_LINK_IP, packet, len, &out));
    }
}

static void mapped_addresses_in_ipv6_are_refused(void **state) {
    (void)state;
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    for (size_t at = 8; at <= 24; at += 16) {
        struct la_segment in = full(true), out;
        uint8_t packet[200];
        size_t len = la_segment_build(&in, packet, sizeof packet);
        memcpy(packet + at, mapped, sizeof mapped);
        assert_false(la_segment_parse(LA_LINK_IP, packet, len, &out));
    }
}

static void behind_extension_headers(void **state) {
    (void)state;
    struct la_segment in = full(true), out;
    uint8_t packet[200], longer[208];
    size_t len = la_segment_build(&in, packet, sizeof packet);
    static const uint8_t header[8] = {6, 0, 1, 4, 0, 0, 0, 0};
    memcpy(longer, packet, 40);
    memcpy(longer + 40, header, 8);
    memcpy(longer + 48, packet + 40, len - 40);
    longer[6] = 60;
    longer[5] = (uint8_t)(longer[5] + 8);
    assert_true(la_segment_parse(LA_LINK_IP, longer, len + 8, &out));
    assert_true(same(&in, &out));
}

static void what_cannot_be_built(void **state) {
    (void)state;
    static uint8_t packet[70000];
    struct la_segment in = full(false);
    in.dst = endpoint6(2, 4242);
    assert_int_equal(la_segment_build(&in, packet, sizeof packet), 0);
    for (int six = 0; six < 2; six++) {
        size_t head = six ? 80 : 60, max = six ? 65535 + 40 : 65535;
        in = full(six);
        in.data = NULL;
        in.len = max - head;
        memset(packet, 0xcc, sizeof packet);
        struct la_segment out;
        assert_int_equal(la_segment_build(&in, packet, sizeof packet), max);
        assert_true(la_segment_parse(LA_LINK_IP, packet, max, &out));
        assert_true(out.csum_ok);
        assert_int_equal(out.len, in.len);
        for (size_t i = 0; i < out.len; i++) assert_int_equal(out.data[i], 0);
        in.len++;
        assert_int_equal(la_segment_build(&in, packet, sizeof packet), 0);
        in.len = SIZE_MAX;
        assert_int_equal(la_segment_build(&in, packet, sizeof packet), 0);
        in.len = SIZE_MAX - head;
        assert_int_equal(la_segment_build(&in, packet, sizeof packet), 0);
    }
}

static void texts(void **state) {
    (void)state;
    char text[300];
    struct la_segment s = full(false);
    s.flags = LA_SYN | LA_ACK;
    s.len = 0;
    s.seq = 1;
    s.wscale = 7;
    static const char syn_ack[] = "10.0.0.1:80 > 10.0.0.2:4242 [S.] seq 1 ack 77 win 65535 len 0 "
                                  "<mss 1460,sackOK,TS val 1 ecr 2,wscale 7>";
    assert_int_equal(la_segment_text(&s, text, sizeof text), strlen(syn_ack));
    assert_string_equal(text, syn_ack);
    s = full(true);
    s.flags = LA_FIN | LA_PSH | LA_URG;
    s.mss = 0;
    s.wscale = -1;
    s.sack_ok = s.has_ts = false;
    la_segment_text(&s, text, sizeof text);
    assert_string_equal(text, "[2001:db8::1]:80 > [2001:db8::2]:4242 [FPU] seq 4294967280 win 65535 urg 3 len 5");
    s.flags = 0;
    s.nsack = 2;
    s.sack[0] = (struct la_sack_block){5, 10};
    s.sack[1] = (struct la_sack_block){20, 4294967295u};
    la_segment_text(&s, text, sizeof text);
    assert_string_equal(text, "[2001:db8::1]:80 > [2001:db8::2]:4242 [none] seq 4294967280 win 65535 len 5 "
                              "<sack 5:10 20:4294967295>");
}

static void texts_are_cut_to_size(void **state) {
    (void)state;
    char whole[300];
    struct la_segment s = full(true);
    size_t len = la_segment_text(&s, whole, sizeof whole);
    assert_int_equal(la_segment_text(&s, NULL, 0), 0);
    for (size_t size = 1; size <= len + 1; size++) {
        char *text = malloc(size);
        assert_int_equal(la_segment_text(&s, text, size), size - 1);
        assert_memory_equal(text, whole, size - 1);
        assert_int_equal(text[size - 1], 0);
        free(text);
    }
}

static void flags(void **state) {
    (void)state;
    char text[64];
    static const struct {
        uint16_t flags;
        const char *text;
    } cases[] = {
        {0, "-"},
        {LA_ACK, "ACK"},
        {LA_SYN | LA_ACK, "SYN+ACK"},
        {LA_FIN | LA_PSH | LA_ACK, "FIN+PSH+ACK"},
        {0x1ff, "FIN+SYN+RST+PSH+ACK+URG+ECE+CWR+AE"},
        {0xfe00, "-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(la_flags_text(cases[i].flags, text, sizeof text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
    assert_int_equal(la_flags_text(LA_SYN | LA_ACK, text, 6), 5);
    assert_string_equal(text, "SYN+A");
    assert_int_equal(la_flags_text(LA_SYN, NULL, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(a_segment_with_nothing),
        cmocka_unit_test(sack_blocks),
        cmocka_unit_test(a_window_scale_beyond_the_type),
        cmocka_unit_test(wrong_checksums_on_demand),
        cmocka_unit_test(a_wrong_ip_checksum_is_told),
        cmocka_unit_test(truncated_at_every_length),
        cmocka_unit_test(what_is_no_segment),
        cmocka_unit_test(mapped_addresses_in_ipv6_are_refused),
        cmocka_unit_test(behind_extension_headers),
        cmocka_unit_test(what_cannot_be_built),
        cmocka_unit_test(texts),
        cmocka_unit_test(texts_are_cut_to_size),
        cmocka_unit_test(flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
