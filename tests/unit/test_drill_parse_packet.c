/* drill/parse_packet.c: packets of every kind. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include <lastack/segment.h>

#include "drill/ast.h"

static struct la_drill_script *script;

static const struct drill_packet *parse_under(const char *options, const char *packet) {
    char text[400];
    struct la_drill_error error;
    int len = snprintf(text, sizeof text, "%s\n0 %s\n+0 `next`", options, packet);
    la_drill_free(script);
    la_drill_parse(text, (size_t)len, NULL, &script, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(script->nevents, 2);
    return script->events->packet;
}

static const struct drill_packet *parse(const char *packet) { return parse_under("", packet); }

static void refuse(const char *packet, unsigned column, const char *expected) {
    char text[400];
    struct la_drill_script *none;
    struct la_drill_error error;
    int len = snprintf(text, sizeof text, "0 %s", packet);
    assert_int_equal(la_drill_parse(text, (size_t)len, NULL, &none, &error), -LA_EINVAL);
    assert_string_equal(error.text, expected);
    assert_int_equal(error.column, column);
}

static void a_segment_with_everything(void **state) {
    (void)state;
    const struct drill_packet *packet = parse("< 1234 > 80 P. 1:1001(1000) ack 7 win 257 urg 3 <nop,nop,nop,nop>");
    assert_true(packet->inbound && packet->proto == DRILL_TCP);
    assert_int_equal(packet->src_port, 1234);
    assert_int_equal(packet->dst_port, 80);
    assert_int_equal(packet->flags, LA_PSH | LA_ACK);
    assert_int_equal(packet->seq, 1);
    assert_int_equal(packet->seq_end, 1001);
    assert_int_equal(packet->len, 1000);
    assert_true(packet->has_ack && packet->has_window);
    assert_int_equal(packet->ack, 7);
    assert_int_equal(packet->window, 257);
    assert_int_equal(packet->urgent, 3);
    assert_int_equal(packet->noptions, 4);
}

static void a_segment_with_little(void **state) {
    (void)state;
    const struct drill_packet *packet = parse("> . 1:1(0)");
    assert_false(packet->inbound || packet->has_ack || packet->has_window);
    assert_int_equal(packet->src_port, -1);
    assert_int_equal(packet->ip.ttl, -1);
    assert_int_equal(packet->ip.flowlabel, -1);
    assert_int_equal(packet->ip.tos_check, DRILL_TOS_NONE);
    assert_null(packet->layer);
}

static void sequence_numbers_of_three_kinds(void **state) {
    (void)state;
    assert_true(parse("> R 5:5(0)!")->seq_absolute);
    const struct drill_packet *packet = parse("> S. ...(10) ack 5!");
    assert_true(packet->seq_any && packet->ack_absolute);
    assert_int_equal(packet->len, 10);
    assert_true(parse("> . 1:1(0) ack ...")->ack_any);
    packet = parse("> . 4294967295:1(2)");
    assert_int_equal(packet->seq_end, 1);
}

static void check_flags(const char *text, unsigned flags, bool ace) {
    char packet[60];
    snprintf(packet, sizeof packet, "> %s 1:1(0)", text);
    const struct drill_packet *parsed = parse(packet);
    assert_int_equal(parsed->flags, flags);
    assert_int_equal(parsed->ace, ace);
}

static void flags(void **state) {
    (void)state;
    check_flags("-", 0, false);
    check_flags(".", LA_ACK, false);
    check_flags("FSRP.", LA_FIN | LA_SYN | LA_RST | LA_PSH | LA_ACK, false);
    check_flags("SEWA", LA_SYN | LA_ECE | LA_CWR | LA_AE, false);
    check_flags("S.E", LA_SYN | LA_ACK | LA_ECE, false);
    check_flags("PU.", LA_PSH | LA_URG | LA_ACK, false);
    check_flags(".5", LA_ACK | LA_AE | LA_ECE, true);
    check_flags("P.2", LA_PSH | LA_ACK | LA_CWR, true);
    check_flags("S7.", LA_SYN | LA_ACK | LA_AE | LA_CWR | LA_ECE, true);
    check_flags(".0", LA_ACK, true);
}

static void what_is_said_of_ip(void **state) {
    (void)state;
    const struct drill_packet *packet = parse("> [ect0] . 1:1(0)");
    assert_int_equal(packet->ip.tos_check, DRILL_TOS_ECN);
    assert_int_equal(packet->ip.tos, 2);
    assert_int_equal(parse("> [ect01] . 1:1(0)")->ip.tos_check, DRILL_TOS_ECT01);
    packet = parse("> (tos 0x12, ttl 64) . 1:1(0)");
    assert_int_equal(packet->ip.tos_check, DRILL_TOS_ALL);
    assert_int_equal(packet->ip.tos, 0x12);
    assert_int_equal(packet->ip.ttl, 64);
    packet = parse_under("--ip_version=ipv6", "< (flowlabel 0xabcde,class 0xff,hlim 0) . 1:1(0) win 1");
    assert_int_equal(packet->ip.flowlabel, 0xabcde);
    assert_int_equal(packet->ip.tos, 0xff);
    assert_int_equal(packet->ip.ttl, 0);
    packet = parse("> (dscp af41, ecn ce) . 1:1(0)");
    assert_int_equal(packet->ip.tos_check, DRILL_TOS_ALL);
    assert_int_equal(packet->ip.tos, 34 << 2 | 3);
    assert_int_equal(parse("< (dscp voice-admit) . 1:1(0) win 1")->ip.tos, 44 << 2);
    assert_int_equal(parse("< (dscp 0x3f, noecn) . 1:1(0) win 1")->ip.tos, 63 << 2);
}

static void udp_and_udplite(void **state) {
    (void)state;
    const struct drill_packet *packet = parse("< udp 1 > 2 (1000)");
    assert_int_equal(packet->proto, DRILL_UDP);
    assert_int_equal(packet->len, 1000);
    assert_int_equal(packet->dst_port, 2);
    assert_int_equal(parse("> udp (0)")->src_port, -1);
    packet = parse("> udplite(1000, 8)");
    assert_int_equal(packet->proto, DRILL_UDPLITE);
    assert_int_equal(packet->checksum_coverage, 8);
}

static void icmp_before_and_behind_its_echo(void **state) {
    (void)state;
    const struct drill_packet *packet = parse("< icmp unreachable frag_needed mtu 1200 [1:1001(1000)]");
    assert_int_equal(packet->proto, DRILL_ICMP);
    assert_int_equal(packet->icmp.type, 3);
    assert_int_equal(packet->icmp.code, 4);
    assert_int_equal(packet->icmp.mtu, 1200);
    assert_int_equal(packet->icmp.echo, DRILL_ECHO_TCP);
    assert_int_equal(packet->icmp.echo_seq, 1);
    assert_int_equal(packet->icmp.echo_len, 1000);
    packet = parse("< [7:8(1)] icmp time_exceeded");
    assert_int_equal(packet->icmp.echo_seq, 7);
    assert_int_equal(packet->icmp.type, 11);
    packet = parse("< [ce] icmp echo_request id 7 [raw(20)]");
    assert_int_equal(packet->icmp.id, 7);
    assert_int_equal(packet->icmp.echo, DRILL_ECHO_RAW);
    assert_int_equal(packet->ip.tos, 3);
    packet = parse("< icmp unreachable [udplite(1000, 8)]");
    assert_int_equal(packet->icmp.echo, DRILL_ECHO_UDPLITE);
    packet = parse("< icmp unreachable [0:0(0)/udp(9 > 1)]");
    assert_true(packet->udp_encaps);
    assert_int_equal(packet->udp_src_port, 9);
    assert_int_equal(parse("< icmp source_quench")->icmp.echo, DRILL_ECHO_TCP);
    assert_int_equal(parse("< icmp echo_request id 7")->icmp.echo, DRILL_ECHO_NONE);
    packet = parse_under("--ip_version=ipv6", "< icmp unreachable port_unreachable [udp(8)]");
    assert_int_equal(packet->icmp.type, 1);
    assert_int_equal(packet->icmp.code, 4);
    assert_int_equal(packet->icmp.echo_len, 8);
}

static void layers_are_named(void **state) {
    (void)state;
    assert_string_equal(parse("> gre : . 1:1(0)")->layer, "gre");
    assert_string_equal(parse("> mpls (label 0, tc 0, [S], ttl 3): . 1:1(0)")->layer, "mpls");
    assert_string_equal(parse("> ipv4 1.2.3.4 > 5.6.7.8: . 1:1(0)")->layer, "ipip");
    assert_string_equal(parse("> ipv6 (hlim 3) fd::1 > fd::2 : . 1:1(0)")->layer, "ipip");
    const struct drill_packet *packet = parse("> [noecn] encap psp spi 0x1 1 > 2 . 1:1(0)");
    assert_string_equal(packet->layer, "psp");
    assert_int_equal(packet->dst_port, 2);
    packet = parse("> . 1:1(0) ack 1 win 0/udp(9899 > 1)");
    assert_true(packet->udp_encaps);
    assert_int_equal(packet->udp_dst_port, 1);
}

static void what_nothing_runs_is_read_over(void **state) {
    (void)state;
    parse("> sctp(1234)/udp(1 > 2): INIT[flgs=0, params=[ECN_CAPABLE[]]]; CHUNK[type=0x2]");
    assert_string_equal(script->not_applicable, "SCTP");
    parse("> R. 1:9(8) ack 1 [code 1, pen 2]");
    assert_string_equal(script->not_applicable, "the diagnostic payload of an RST");
    parse("> (dscp cs1) . 1:1(0)");
    assert_string_equal(script->not_applicable, "the check of a DSCP without the ECN bits");
}

static void errors(void **state) {
    (void)state;
    refuse("> . 1 ack 1", 9, "expected ':' after a sequence number, found \"ack\"");
    refuse("> . 1:3(1)", 7, "sequence numbers 1 and 3 do not lie 1 bytes apart");
    refuse("> . 4294967296:0(0)", 7, "a sequence number is out of range: 4294967296 is not from 0 to 4294967295");
    refuse("> . -1:0(1)", 7, "a sequence number is out of range: -1 is not from 0 to 4294967295");
    refuse("< . 1:1(0) ack 1", 19, "expected win: an inbound packet needs a window, found the end of the script");
    refuse("> Q 1:1(0)", 5,
           "expected TCP flags (of .FSRPEWAU, an ACE number, or -), udp, udplite, icmp or sctp, found \"Q\"");
    refuse("> E5 1:1(0)", 5,
           "expected TCP flags (of .FSRPEWAU, an ACE number, or -), udp, udplite, icmp or sctp, found \"E5\"");
    refuse("< . 1:1(0) win 1 <...>", 21, "<...> is for outbound packets only");
    refuse("< [ect01] . 1:1(0) win 1", 5, "ect01 is for outbound packets only");
    refuse("> (tos 0x1, ce) . 1:1(0)", 15, "the TOS or traffic class was said already");
    refuse("> (tos 256) . 1:1(0)", 10, "a TOS or traffic class is out of range: 256 is not from 0 to 255");
    refuse("> (what) . 1:1(0)", 6,
           "expected tos, class, dscp, noecn, ect0, ect1, ect01, ce, ttl, hlim or flowlabel, found \"what\"");
    refuse("< icmp packet_too_big", 10, "expected an ICMPv4 type, found \"packet_too_big\"");
    refuse("< icmp unreachable what", 22, "expected a code of this ICMP type, found \"what\"");
    refuse("< icmp source_quench mtu 3", 24, "only frag_needed has an MTU");
    refuse("< [1:1(0)] . 1:1(0) win 1", 14, "expected icmp behind an echoed packet, found \".\"");
    refuse("< udp 1 (3)", 9, "expected '(' and the length of the payload, found \"1\"");
}

static int forget(void **state) {
    (void)state;
    la_drill_free(script);
    script = NULL;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_segment_with_everything, forget),
        cmocka_unit_test_teardown(a_segment_with_little, forget),
        cmocka_unit_test_teardown(sequence_numbers_of_three_kinds, forget),
        cmocka_unit_test_teardown(flags, forget),
        cmocka_unit_test_teardown(what_is_said_of_ip, forget),
        cmocka_unit_test_teardown(udp_and_udplite, forget),
        cmocka_unit_test_teardown(icmp_before_and_behind_its_echo, forget),
        cmocka_unit_test_teardown(layers_are_named, forget),
        cmocka_unit_test_teardown(what_nothing_runs_is_read_over, forget),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
