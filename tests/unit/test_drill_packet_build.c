/* Inbound packets of a script, byte by byte. */
#include "drill_packets.h"

static const struct la_drill_options plain = {.tolerance_us = 4000};

static uint8_t bytes[DRILL_PACKET_MAX];
static char error_text[200];

static size_t build(struct drill_flow *flow, const struct drill_packet *packet) {
    struct drill_text error = drill_text_in(error_text, sizeof error_text);
    return packet_build(flow, &plain, packet, bytes, sizeof bytes, &error);
}

#define assert_builds(flow, packet, literal)                                                                           \
    do {                                                                                                               \
        assert_int_equal(build(flow, packet), sizeof(literal));                                                        \
        assert_memory_equal(bytes, literal, sizeof(literal));                                                          \
    } while (0)

#define assert_refused(flow, packet, why)                                                                              \
    do {                                                                                                               \
        assert_int_equal(build(flow, packet), 0);                                                                      \
        assert_string_equal(error_text, why);                                                                          \
    } while (0)

static void a_syn_with_options(void **state) {
    (void)state;
    static const uint8_t literal[] = {
        0x45, 0x02, 0x00, 0x3c, 0x00, 0x00, 0x00, 0x00, 0xff, 0x06, 0x39, 0x0f, 0xc0, 0x00, 0x02,
        0x01, 0xc0, 0xa8, 0x00, 0x01, 0xc3, 0x50, 0x1f, 0x90, 0x00, 0x00, 0x13, 0x88, 0x00, 0x00,
        0x00, 0x00, 0xa0, 0x02, 0x80, 0x18, 0x4e, 0x0c, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04,
        0x02, 0x08, 0x0a, 0x00, 0x00, 0x00, 0xc8, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07,
    };
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_segment(true, LA_SYN, 5000, 0, 0);
    flow.state = DRILL_FLOW_LISTENING;
    flow.live_remote_isn = 0;
    packet.window = 32792;
    packet.ip.tos_check = DRILL_TOS_ECN;
    packet.ip.tos = 2;
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_MSS, .value = 1460});
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_SACKOK});
    add_ts(&packet, 200, 0);
    add_nop(&packet);
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_WSCALE, .value = 7});
    assert_builds(&flow, &packet, literal);
    assert_int_equal(flow.state, DRILL_FLOW_PASSIVE);
    assert_int_equal(flow.live_remote_isn, 5000);
    assert_int_equal(flow.last_in_end, 5001);
}

static void data_over_ipv6_with_everything(void **state) {
    (void)state;
    static const uint8_t literal[] = {
        0x6b, 0x81, 0x23, 0x45, 0x00, 0x17, 0x06, 0x05, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x3d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xc3, 0x50, 0x1f, 0x90, 0x00, 0x00, 0x13, 0x89,
        0x10, 0x00, 0x00, 0x01, 0x51, 0x38, 0x01, 0x01, 0x7c, 0x42, 0x00, 0x02, 0x00, 0x00, 0x00,
    };
    struct drill_flow flow = an_open_flow6();
    struct drill_packet packet = a_segment(true, LA_AE | LA_PSH | LA_ACK | LA_URG, 1, 3, 1);
    packet.ip = (struct drill_ip_info){.tos_check = DRILL_TOS_ALL, .tos = 0xb8, .ttl = 5, .flowlabel = 0x12345};
    packet.urgent = 2;
    assert_builds(&flow, &packet, literal);
    assert_int_equal(flow.last_in_end, 5004);
}

static void a_datagram(void **state) {
    (void)state;
    static const uint8_t literal[] = {
        0x45, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00, 0x00, 0xff, 0x11, 0x39, 0x23, 0xc0, 0x00, 0x02, 0x01,
        0xc0, 0xa8, 0x00, 0x01, 0xc3, 0x50, 0x1f, 0x90, 0x00, 0x0b, 0x9a, 0x4c, 0x00, 0x00, 0x00,
    };
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_packet(true, DRILL_UDP);
    flow.proto = DRILL_UDP;
    packet.len = 3;
    assert_builds(&flow, &packet, literal);
}

static void a_udplite_datagram_covered_in_part(void **state) {
    (void)state;
    static const uint8_t literal[] = {
        0x60, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x88, 0xff, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x3d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x01, 0xc3, 0x50, 0x1f, 0x90, 0x00, 0x08, 0xf1, 0x88, 0x00, 0x00, 0x00, 0x00,
    };
    struct drill_flow flow = an_open_flow6();
    struct drill_packet packet = a_packet(true, DRILL_UDPLITE);
    packet.len = 4;
    packet.checksum_coverage = 8;
    assert_builds(&flow, &packet, literal);
}

static void frag_needed_quotes_the_live_segment(void **state) {
    (void)state;
    static const uint8_t literal[] = {
        0x45, 0x00, 0x00, 0x38, 0x00, 0x00, 0x00, 0x00, 0xff, 0x01, 0x39, 0x1a, 0xc0, 0x00,
        0x02, 0x01, 0xc0, 0xa8, 0x00, 0x01, 0x03, 0x04, 0x04, 0xa2, 0x00, 0x00, 0x05, 0x78,
        0x45, 0x00, 0x04, 0x10, 0x00, 0x00, 0x00, 0x00, 0xff, 0x06, 0x35, 0x3d, 0xc0, 0xa8,
        0x00, 0x01, 0xc0, 0x00, 0x02, 0x01, 0x1f, 0x90, 0xc3, 0x50, 0x10, 0x00, 0x00, 0x01,
    };
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_packet(true, DRILL_ICMP);
    packet.icmp = (struct drill_icmp){
        .type = 3, .code = 4, .has_mtu = true, .mtu = 1400, .echo = DRILL_ECHO_TCP, .echo_seq = 1, .echo_len = 1000};
    assert_builds(&flow, &packet, literal);
}

static void packet_too_big_quotes_the_live_datagram(void **state) {
    (void)state;
    static const uint8_t literal[] = {
        0x60, 0x00, 0x00, 0x00, 0x00, 0x38, 0x3a, 0xff, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x3d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x4c, 0xe1, 0x00, 0x00, 0x05, 0x00,
        0x60, 0x00, 0x00, 0x00, 0x00, 0x6c, 0x11, 0xff, 0xfd, 0x3d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x1f, 0x90, 0xc3, 0x50, 0x00, 0x6c, 0x00, 0x00,
    };
    struct drill_flow flow = an_open_flow6();
    struct drill_packet packet = a_packet(true, DRILL_ICMP);
    packet.icmp = (struct drill_icmp){.type = 2, .has_mtu = true, .mtu = 1280, .echo = DRILL_ECHO_UDP, .echo_len = 100};
    assert_builds(&flow, &packet, literal);
}

static void an_echo_request_is_padded_with_zeros(void **state) {
    (void)state;
    static const uint8_t literal[] = {0x08, 0x00, 0xf7, 0xf6, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00};
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_packet(true, DRILL_ICMP);
    packet.icmp = (struct drill_icmp){.type = 8, .has_id = true, .id = 9, .echo = DRILL_ECHO_RAW, .echo_len = 10};
    assert_int_equal(build(&flow, &packet), 30);
    assert_memory_equal(bytes + 20, literal, sizeof literal);
    packet.icmp.echo_len = 7;
    assert_refused(&flow, &packet, "an ICMP message has 8 bytes at least");
}

static void options_come_exactly_as_written(void **state) {
    (void)state;
    static const uint8_t literal[] = {
        19,  18, 1,    2,    3,    4,    5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, /* md5 */
        34,  4,  9,    8,                                                           /* FO */
        254, 6,  0xf9, 0x89, 0xaa, 0xbb,                                            /* FOEXP */
        172, 5,  0,    0,    7,                                                     /* ECN */
        253, 3,  1,                                                                 /* gen-253 */
        1,   1,  0,    0,
    };
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_segment(true, LA_ACK, 1, 0, 1);
    struct drill_tcp_option md5 = {.kind = DRILL_OPT_MD5, .nbytes = 16};
    for (uint8_t i = 0; i < 16; i++) md5.bytes[i] = (uint8_t)(i + 1);
    add_option(&packet, md5);
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_FO, .nbytes = 2, .bytes = {9, 8}});
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_FOEXP, .nbytes = 2, .bytes = {0xaa, 0xbb}});
    add_option(&packet,
               (struct drill_tcp_option){.kind = DRILL_OPT_ECN, .value = 172, .nbytes = 3, .bytes = {0, 0, 7}});
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_GENERIC, .value = 253, .nbytes = 1, .bytes = {1}});
    add_nop(&packet);
    add_nop(&packet);
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_EOL});
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_EOL});
    assert_int_equal(build(&flow, &packet), 80);
    assert_int_equal(bytes[32] >> 4, 15);
    assert_memory_equal(bytes + 40, literal, sizeof literal);
}

static void sack_blocks_and_echoed_timestamps_are_mapped(void **state) {
    (void)state;
    static const uint8_t literal[] = {5, 10, 0x10, 0, 0, 2, 0x10, 0, 0, 3, 8, 10, 0, 0, 0, 9, 0, 0, 0x23, 0x28};
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_segment(true, LA_ACK, 1, 0, 1);
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_SACK, .nblocks = 1, .block = {{2, 3}}});
    add_ts(&packet, 9, 100);
    assert_refused(&flow, &packet, "TS ecr 100 stands for nothing: no packet sent before had this TS val");
    flow_learn_ts(&flow, 100, 9000);
    assert_int_equal(build(&flow, &packet), 60);
    assert_memory_equal(bytes + 40, literal, sizeof literal);
    packet.option[1].ecr = 101;
    assert_int_equal(build(&flow, &packet), 0);
    packet.option[1].ecr_absolute = true;
    assert_int_equal(build(&flow, &packet), 60);
    assert_int_equal(bytes[59], 101);
}

static void scaled_echoes_are_interpolated(void **state) {
    (void)state;
    struct la_drill_options scaled = {.tcp_ts_ecr_scaled = true};
    struct drill_text error = drill_text_in(error_text, sizeof error_text);
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_segment(true, LA_ACK, 1, 0, 1);
    add_nop(&packet);
    add_nop(&packet);
    add_ts(&packet, 9, 103);
    flow_learn_ts(&flow, 100, 0);
    assert_int_equal(packet_build(&flow, &scaled, &packet, bytes, sizeof bytes, &error), 52);
    assert_int_equal(bytes[51], 3);
}

static void absolute_numbers_are_not_mapped(void **state) {
    (void)state;
    static const uint8_t literal[] = {0, 0, 0, 44, 0, 0, 0, 55};
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_segment(true, LA_ACK, 44, 0, 55);
    packet.seq_absolute = packet.ack_absolute = true;
    packet.src_port = 7;
    assert_int_equal(build(&flow, &packet), 40);
    assert_memory_equal(bytes + 24, literal, sizeof literal);
    assert_int_equal(bytes[21], 7);
}

static void checksums_cover_the_last_byte(void **state) {
    (void)state;
    static const enum drill_proto protos[] = {DRILL_TCP, DRILL_UDP, DRILL_UDPLITE, DRILL_ICMP};
    for (size_t i = 0; i < sizeof protos / sizeof protos[0]; i++) {
        struct drill_flow flow = an_open_flow6();
        struct drill_packet packet = a_packet(true, protos[i]);
        struct drill_live live;
        packet.has_window = true;
        size_t len = build(&flow, &packet);
        assert_true(packet_read(bytes, len, 0, &live));
        assert_true(live.csum_ok && live.ip_csum_ok);
        bytes[len - 1] ^= 1;
        assert_true(packet_read(bytes, len, 0, &live));
        assert_false(live.csum_ok);
    }
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_segment(true, LA_ACK, 1, 0, 1);
    add_nop(&packet);
    assert_refused(&flow, &packet, "TCP options of 1 bytes do not fill 32-bit words: pad them with nop or eol");
    for (unsigned i = 0; i < 3; i++) add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_FO, .nbytes = 13});
    assert_refused(&flow, &packet, "TCP options of 46 bytes are too long: a header has room for 40");
    packet.noptions = 0;
    packet.options_any = true;
    assert_refused(&flow, &packet, "the options of an inbound packet must be written out");
    packet.options_any = false;
    packet.has_window = false;
    assert_refused(&flow, &packet, "an inbound TCP packet needs a window: win N");
    packet.has_window = true;
    packet.len = 65496;
    assert_refused(&flow, &packet, "a packet of 65536 bytes is too large");
    packet.len = UINT32_MAX;
    assert_int_equal(build(&flow, &packet), 0);
    packet.len = 0;
    packet.layer = "gre";
    assert_refused(&flow, &packet, "packets in gre cannot be made");
    packet.layer = NULL;
    packet.udp_encaps = true;
    assert_refused(&flow, &packet, "TCP in UDP cannot be made");
}

static void the_largest_packet_fits(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_segment(true, LA_ACK, 1, 65495, 1);
    struct drill_live live;
    assert_int_equal(build(&flow, &packet), 65535);
    assert_true(packet_read(bytes, 65535, 0, &live));
    assert_true(live.csum_ok);
    assert_int_equal(live.len, 65495);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_with_options),
        cmocka_unit_test(data_over_ipv6_with_everything),
        cmocka_unit_test(a_datagram),
        cmocka_unit_test(a_udplite_datagram_covered_in_part),
        cmocka_unit_test(frag_needed_quotes_the_live_segment),
        cmocka_unit_test(packet_too_big_quotes_the_live_datagram),
        cmocka_unit_test(an_echo_request_is_padded_with_zeros),
        cmocka_unit_test(options_come_exactly_as_written),
        cmocka_unit_test(sack_blocks_and_echoed_timestamps_are_mapped),
        cmocka_unit_test(scaled_echoes_are_interpolated),
        cmocka_unit_test(absolute_numbers_are_not_mapped),
        cmocka_unit_test(checksums_cover_the_last_byte),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(the_largest_packet_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
