/* packet.c: a unit cut into packets. Each must be what a segment built by itself is. */
#include <lastack/segment.h>
#include <lastack/stack.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define DATA 5000u
#define SIZE 1448u

static uint8_t data[DATA];

static struct la_segment segment_of(bool v6) {
    struct la_segment s = {.seq = 0xfffffff0, .ack = 7, .wnd = 100, .ttl = 64, .wscale = -1, .csum_ok = true};
    s.src.addr = s.dst.addr = la_addr4(10, 0, 0, 1);
    s.dst.addr.bytes[15] = 2;
    if (v6) memset(s.src.addr.bytes, 0xfd, 12), memset(s.dst.addr.bytes, 0xfd, 12);
    s.src.port = 80;
    s.dst.port = 4000;
    s.has_ts = true;
    s.ts_val = 77;
    s.flags = LA_ACK | LA_PSH | LA_FIN | LA_CWR;
    return s;
}

/* The headers of `s`, behind an Ethernet header or not, and its payload in pieces of 999 bytes. */
static struct la_packet unit_of(const struct la_segment *s, enum la_link link, uint8_t *room) {
    uint8_t flat[DATA + 200];
    size_t link_len = link == LA_LINK_ETHERNET ? 14 : 0, len = la_segment_build(s, flat, sizeof flat);
    size_t head = len - s->len;
    memset(room, 0xee, link_len);
    if (link_len) memcpy(room + 12, la_addr_is4(&s->src.addr) ? "\x08\x00" : "\x86\xdd", 2);
    memcpy(room + link_len, flat, head);
    struct la_packet unit = {.iface = 3, .len = link_len + len, .nspans = 1, .csum_partial = true};
    unit.span[0] = (struct la_span){room, link_len + head};
    for (size_t at = 0; at < s->len; at += 999) {
        size_t n = s->len - at < 999 ? s->len - at : 999;
        unit.span[unit.nspans++] = (struct la_span){s->data + at, n};
    }
    return unit;
}

static void cut_and_compare(enum la_link link, bool v6) {
    uint8_t head[200], flat[2000], expected[2000];
    struct la_segment s = segment_of(v6);
    s.data = data;
    s.len = DATA;
    struct la_packet unit = unit_of(&s, link, head), piece;
    unit.segment = SIZE;
    struct la_cut cut = {0};
    for (size_t at = 0; at < DATA; at += SIZE) {
        struct la_segment part = s;
        part.seq = s.seq + (uint32_t)at;
        part.data = data + at;
        part.len = DATA - at < SIZE ? DATA - at : SIZE;
        if (at) part.flags &= (uint16_t)~LA_CWR;
        if (at + part.len < DATA) part.flags &= (uint16_t) ~(LA_PSH | LA_FIN);
        size_t want = la_segment_build(&part, expected, sizeof expected), before = link == LA_LINK_ETHERNET ? 14 : 0;
        assert_true(la_packet_cut(&unit, link, &cut, &piece));
        assert_int_equal(piece.len, before + want);
        assert_int_equal(piece.iface, 3);
        assert_false(piece.segment || piece.csum_partial);
        assert_int_equal(la_packet_copy(&piece, flat, sizeof flat), piece.len);
        assert_memory_equal(flat, head, before);
        assert_memory_equal(flat + before, expected, want);
    }
    assert_false(la_packet_cut(&unit, link, &cut, &piece));
}

static void a_unit_becomes_the_segments_that_it_stands_for(void **state) {
    (void)state;
    for (unsigned i = 0; i < DATA; i++) data[i] = (uint8_t)(i * 7);
    cut_and_compare(LA_LINK_IP, false);
    cut_and_compare(LA_LINK_IP, true);
    cut_and_compare(LA_LINK_ETHERNET, false);
    cut_and_compare(LA_LINK_ETHERNET, true);
}

/* RFC 6864, 4.1: only where it may be cut again must the identification differ. */
static void identifications_count_without_df(void **state) {
    (void)state;
    uint8_t head[200];
    struct la_segment s = segment_of(false);
    s.data = data;
    s.len = 3000;
    struct la_packet unit = unit_of(&s, LA_LINK_IP, head), piece;
    unit.segment = 1000;
    head[6] = 0;
    head[4] = 0xff, head[5] = 0xff;
    struct la_cut cut = {0};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(la_packet_cut(&unit, LA_LINK_IP, &cut, &piece));
        assert_int_equal(piece.span[0].data[4] << 8 | piece.span[0].data[5], (0xffff + i) & 0xffff);
    }
    assert_false(la_packet_cut(&unit, LA_LINK_IP, &cut, &piece));
}

static void a_packet_alone_has_its_checksum_finished(void **state) {
    (void)state;
    uint8_t head[200], flat[300];
    struct la_segment s = segment_of(false), out;
    s.data = data;
    s.len = 100;
    s.csum_ok = false;
    struct la_packet packet = unit_of(&s, LA_LINK_IP, head), piece;
    struct la_cut cut = {0};
    assert_true(la_packet_cut(&packet, LA_LINK_IP, &cut, &piece));
    size_t len = la_packet_copy(&piece, flat, sizeof flat);
    assert_true(la_segment_parse(LA_LINK_IP, flat, len, &out) && out.csum_ok && out.len == 100);
    assert_int_equal(out.flags, s.flags);
    assert_false(la_packet_cut(&packet, LA_LINK_IP, &cut, &piece));
}

static void what_is_complete_comes_out_as_it_is(void **state) {
    (void)state;
    static const uint8_t odd[] = {0x45, 1, 2};
    struct la_packet packet = {.len = sizeof odd, .nspans = 1, .span = {{odd, sizeof odd}}}, piece;
    for (int partial = 0; partial < 2; partial++) { /* What is neither TCP nor UDP has nothing to finish. */
        struct la_cut cut = {0};
        packet.csum_partial = partial;
        assert_true(la_packet_cut(&packet, LA_LINK_IP, &cut, &piece));
        assert_ptr_equal(piece.span[0].data, odd);
        assert_int_equal(piece.len, sizeof odd);
        assert_false(la_packet_cut(&packet, LA_LINK_IP, &cut, &piece));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_becomes_the_segments_that_it_stands_for),
        cmocka_unit_test(identifications_count_without_df),
        cmocka_unit_test(a_packet_alone_has_its_checksum_finished),
        cmocka_unit_test(what_is_complete_comes_out_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
