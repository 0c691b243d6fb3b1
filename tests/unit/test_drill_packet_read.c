/* Packets of the TCP under test, taken apart. */
#include "drill_packets.h"

static uint8_t bytes[100];

static bool reads(size_t len, struct drill_live *live) { return packet_read(bytes, len, 5, live); }

static bool reads_segment(struct drill_live *live) { return reads(sizeof sent_segment, live); }

static void begin(void) { memcpy(bytes, sent_segment, sizeof sent_segment); }

static void every_field_of_a_segment(void **state) {
    (void)state;
    struct drill_live live;
    begin();
    assert_true(reads_segment(&live));
    assert_int_equal(live.at, 5);
    assert_int_equal(live.proto, DRILL_TCP);
    assert_false(live.ip6);
    assert_int_equal(live.ttl, 64);
    assert_int_equal(live.src.port, 8080);
    assert_int_equal(live.dst.port, 50000);
    assert_true(live.ip_csum_ok && live.csum_ok);
    assert_int_equal(live.ip_len, 54);
    assert_int_equal(live.flags, LA_PSH | LA_ACK);
    assert_int_equal(live.reserved, 0);
    assert_int_equal(live.seq, 0x10000001);
    assert_int_equal(live.ack, 5001);
    assert_int_equal(live.window, 65535);
    assert_int_equal(live.urgent, 0);
    assert_int_equal(live.options_len, 12);
    assert_memory_equal(live.options, sent_segment + 40, 12);
    assert_int_equal(live.len, 2);
    assert_ptr_equal(live.data, bytes + 52);
}

static void bytes_behind_the_packet_do_not_count(void **state) {
    (void)state;
    struct drill_live live;
    begin();
    assert_true(reads(sizeof bytes, &live));
    assert_int_equal(live.len, 2);
}

static void wrong_checksums_are_seen(void **state) {
    (void)state;
    struct drill_live live;
    begin();
    bytes[8] = 63;
    assert_true(reads_segment(&live));
    assert_false(live.ip_csum_ok);
    assert_true(live.csum_ok);
    begin();
    bytes[53] = 1;
    assert_true(reads_segment(&live));
    assert_true(live.ip_csum_ok);
    assert_false(live.csum_ok);
}

static void reserved_bits_and_ae(void **state) {
    (void)state;
    struct drill_live live;
    begin();
    bytes[32] = 0x8b;
    assert_true(reads_segment(&live));
    assert_int_equal(live.reserved, 5);
    assert_int_equal(live.flags, LA_PSH | LA_ACK | LA_AE);
}

/* Every length that leads out of what is around it. */
static void lengths_must_fit(void **state) {
    (void)state;
    static const struct {
        unsigned at;
        uint8_t value;
    } wrong[] = {
        {0, 0x44},  /* IP header under 20. */
        {0, 0x4f},  /* IP header over the packet. */
        {0, 0x55},  /* Version 5. */
        {3, 0x10},  /* Total length under the header. */
        {3, 0x37},  /* Total length over the bytes. */
        {3, 0x20},  /* No room for the TCP header. */
        {6, 0x20},  /* More fragments. */
        {7, 1},     /* A later fragment. */
        {9, 99},    /* An unknown protocol. */
        {32, 0x40}, /* TCP header under 20. */
        {32, 0xf0}, /* TCP header over the segment. */
    };
    struct drill_live live;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin();
        bytes[wrong[i].at] = wrong[i].value;
        assert_false(reads_segment(&live));
    }
    begin();
    for (size_t len = 0; len < sizeof sent_segment; len++) assert_false(reads(len, &live));
}

static void a_udp_datagram(void **state) {
    (void)state;
    static const uint8_t literal[] = {
        0x45, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00, 0x00, 0xff, 0x11, 0x39, 0x23, 0xc0, 0x00, 0x02, 0x01,
        0xc0, 0xa8, 0x00, 0x01, 0xc3, 0x50, 0x1f, 0x90, 0x00, 0x0b, 0x9a, 0x4c, 0x00, 0x00, 0x00,
    };
    struct drill_live live;
    memcpy(bytes, literal, sizeof literal);
    assert_true(reads(sizeof literal, &live));
    assert_int_equal(live.proto, DRILL_UDP);
    assert_int_equal(live.len, 3);
    assert_true(live.csum_ok);
    bytes[26] = bytes[27] = 0; /* None. */
    assert_true(reads(sizeof literal, &live));
    assert_true(live.csum_ok);
    bytes[25] = 12;
    assert_false(reads(sizeof literal, &live));
    bytes[25] = 7;
    assert_false(reads(sizeof literal, &live));
}

static void ipv6_and_udplite(void **state) {
    (void)state;
    static const uint8_t literal[] = {
        0x6b, 0x81, 0x23, 0x45, 0x00, 0x0c, 0x88, 0xff, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x3d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x01, 0xc3, 0x50, 0x1f, 0x90, 0x00, 0x08, 0xf1, 0x88, 0x00, 0x00, 0x00, 0x00,
    };
    struct drill_live live;
    memcpy(bytes, literal, sizeof literal);
    assert_true(reads(sizeof literal, &live));
    assert_true(live.ip6);
    assert_int_equal(live.proto, DRILL_UDPLITE);
    assert_int_equal(live.tos, 0xb8);
    assert_int_equal(live.flowlabel, 0x12345);
    assert_int_equal(live.coverage, 8);
    assert_true(live.csum_ok);
    bytes[50] = 1; /* Not covered. */
    assert_true(reads(sizeof literal, &live));
    assert_true(live.csum_ok);
    bytes[45] = 7; /* Less than the header. */
    assert_true(reads(sizeof literal, &live));
    assert_false(live.csum_ok);
    assert_false(reads(sizeof literal - 1, &live));
    bytes[6] = 1; /* ICMPv4 has no place in IPv6. */
    assert_false(reads(sizeof literal, &live));
}

static void options_become_the_scripts(void **state) {
    (void)state;
    static const uint8_t options[] = {2, 4, 5,   180, 3,    3,    7, 4,   2, 5, 10, 0, 0,   19, 137, 0, 0, 19, 138, 34,
                                      3, 9, 254, 5,   0xf9, 0x89, 7, 174, 5, 0, 0,  1, 253, 2,  2,   3, 1, 0,  0,   0};
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet;
    struct drill_live live;
    begin();
    assert_true(reads_segment(&live));
    live.options = options;
    live.options_len = sizeof options;
    char at[300];
    struct drill_text text = drill_text_in(at, sizeof at);
    assert_true(packet_to_script(&flow, &live, &packet));
    packet_write(&packet, &text);
    assert_string_equal(at, "P. 1:3(2) ack 1 win 65535 <mss 1460,wscale 7,sackOK,sack 1:2,FO 09,FOEXP 07,ECN e1b 1,"
                            "gen-253,gen-2 01,eol,eol,eol>");
}

static void options_that_lead_nowhere(void **state) {
    (void)state;
    static const uint8_t wrong[][4] = {{1, 1, 8, 10}, {1, 2, 0, 1}, {1, 2, 1, 1}, {1, 1, 1, 8}};
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet;
    struct drill_live live;
    begin();
    assert_true(reads_segment(&live));
    live.options_len = 4;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        live.options = wrong[i];
        assert_false(packet_to_script(&flow, &live, &packet));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_a_segment),  cmocka_unit_test(bytes_behind_the_packet_do_not_count),
        cmocka_unit_test(wrong_checksums_are_seen),  cmocka_unit_test(reserved_bits_and_ae),
        cmocka_unit_test(lengths_must_fit),          cmocka_unit_test(a_udp_datagram),
        cmocka_unit_test(ipv6_and_udplite),          cmocka_unit_test(options_become_the_scripts),
        cmocka_unit_test(options_that_lead_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
