/* Packets in script notation. */
#include "drill_packets.h"

static char at[300];

static const char *written(const struct drill_packet *packet) {
    struct drill_text text = drill_text_in(at, sizeof at);
    packet_write(packet, &text);
    return at;
}

static void segments(void **state) {
    (void)state;
    struct drill_packet packet = a_segment(false, LA_SYN | LA_ACK, 0, 0, 1);
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_MSS, .value = 1460});
    add_nop(&packet);
    add_ts(&packet, 1, 2);
    assert_string_equal(written(&packet), "S. 0:0(0) ack 1 win 257 <mss 1460,nop,TS val 1 ecr 2>");
    packet.option[2].value_any = packet.option[2].ecr_absolute = true;
    packet.has_window = false;
    packet.seq_any = true;
    packet.len = 7;
    assert_string_equal(written(&packet), "S. ...(7) ack 1 <mss 1460,nop,TS val ... ecr 2!>");
    packet = a_segment(false, 0, 1, 1000, 0);
    packet.seq_absolute = true;
    packet.urgent = 5;
    packet.options_any = true;
    assert_string_equal(written(&packet), "- 1:1001(1000)! win 257 urg 5 <...>");
    packet = a_segment(true, 0x1ff, 4294967295, 2, 9);
    assert_string_equal(written(&packet), "SFRPUEWA. 4294967295:1(2) ack 9 win 257");
}

static void ip_fields(void **state) {
    (void)state;
    struct drill_packet packet = a_segment(true, LA_ACK, 1, 0, 1);
    packet.ip = (struct drill_ip_info){.tos_check = DRILL_TOS_ECN, .tos = 2, .ttl = 5, .flowlabel = 0x12};
    assert_string_equal(written(&packet), "[ect0] (ttl 5) (flowlabel 0x12) . 1:1(0) ack 1 win 257");
    packet.ip = (struct drill_ip_info){.tos_check = DRILL_TOS_ALL, .tos = 0x10, .ttl = -1, .flowlabel = -1};
    packet.src_port = 7;
    packet.dst_port = 9;
    assert_string_equal(written(&packet), "(tos 0x10) 7 > 9 . 1:1(0) ack 1 win 257");
}

static void other_protocols(void **state) {
    (void)state;
    struct drill_packet packet = a_packet(true, DRILL_UDP);
    packet.len = 100;
    assert_string_equal(written(&packet), "udp (100)");
    packet.proto = DRILL_UDPLITE;
    packet.checksum_coverage = 8;
    assert_string_equal(written(&packet), "udplite (100, 8)");
    packet.proto = DRILL_ICMP;
    packet.icmp = (struct drill_icmp){
        .type = 3, .code = 4, .has_mtu = true, .mtu = 1400, .echo = DRILL_ECHO_TCP, .echo_seq = 1, .echo_len = 1000};
    assert_string_equal(written(&packet), "icmp unreachable frag_needed mtu 1400 [1:1001(1000)]");
    packet.icmp = (struct drill_icmp){.ip6 = true, .type = 99, .code = 1, .echo = DRILL_ECHO_UDP, .echo_len = 4};
    assert_string_equal(written(&packet), "icmp type_99 code_1 [udp (4)]");
}

static void a_live_segment_in_the_scripts_numbers(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    struct drill_live live;
    struct drill_text text = drill_text_in(at, sizeof at);
    assert_true(packet_read(sent_segment, sizeof sent_segment, 0, &live));
    flow_learn_ts(&flow, 100, 690);
    live.tos = 3;
    packet_write_live(&flow, &live, &text);
    assert_string_equal(at, "[ce] P. 1:3(2) ack 1 win 65535 <nop,nop,TS val 110 ecr 200>");
}

static void an_injected_segment_reads_as_it_was_written(void **state) {
    (void)state;
    struct la_drill_options options = {.tolerance_us = 4000};
    struct drill_flow flow = an_open_flow();
    struct drill_packet packet = a_segment(true, LA_FIN | LA_ACK, 1, 3, 1);
    struct drill_live live;
    uint8_t bytes[100];
    struct drill_text text = drill_text_in(at, sizeof at);
    add_nop(&packet);
    add_nop(&packet);
    add_option(&packet, (struct drill_tcp_option){.kind = DRILL_OPT_SACK, .nblocks = 1, .block = {{4, 5}}});
    size_t len = packet_build(&flow, &options, &packet, bytes, sizeof bytes, &text);
    assert_true(packet_read(bytes, len, 0, &live));
    packet_write_live(&flow, &live, &text);
    assert_string_equal(at, "F. 1:4(3) ack 1 win 257 <nop,nop,sack 4:5>");
    live.options_len = 4;
    text = drill_text_in(at, sizeof at);
    packet_write_live(&flow, &live, &text);
    assert_string_equal(at, "F. 1:4(3) ack 1 win 257 <nop,nop> <options that do not parse>");
}

static void text_that_does_not_fit_is_cut(void **state) {
    (void)state;
    struct drill_packet packet = a_segment(true, LA_ACK, 1, 0, 1);
    char small[8];
    struct drill_text text = drill_text_in(small, sizeof small);
    packet_write(&packet, &text);
    assert_string_equal(small, ". 1:1(0");
    assert_true(text.cut);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments),
        cmocka_unit_test(ip_fields),
        cmocka_unit_test(other_protocols),
        cmocka_unit_test(a_live_segment_in_the_scripts_numbers),
        cmocka_unit_test(an_injected_segment_reads_as_it_was_written),
        cmocka_unit_test(text_that_does_not_fit_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
