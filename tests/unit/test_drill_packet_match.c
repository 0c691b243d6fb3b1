/* What was sent against what a script expects: alike, or the field that differs. */
#include "drill_packets.h"

static struct la_drill_options options;
static struct drill_flow flow;
static struct drill_packet expected;
static struct drill_live live;
static uint8_t bytes[sizeof sent_segment];
static char why_text[300];

/* Everything matches. */
static int begin(void **state) {
    (void)state;
    options = (struct la_drill_options){.tolerance_us = 4000, .tolerance_percent = 12.5};
    flow = an_open_flow();
    memcpy(bytes, sent_segment, sizeof bytes);
    assert_true(packet_read(bytes, sizeof bytes, 0, &live));
    expected = a_segment(false, LA_PSH | LA_ACK, 1, 2, 1);
    expected.window = 65535;
    add_nop(&expected);
    add_nop(&expected);
    add_ts(&expected, 100, 200);
    return 0;
}

static bool matches_at(int64_t elapsed_us) {
    struct drill_text why = drill_text_in(why_text, sizeof why_text);
    return packet_match(&flow, &options, &expected, &live, elapsed_us, &why);
}

static bool matches(void) { return matches_at(0); }

#define assert_differs(why)                                                                                            \
    do {                                                                                                               \
        assert_false(matches());                                                                                       \
        assert_string_equal(why_text, why);                                                                            \
        begin(state);                                                                                                  \
    } while (0)

static void alike(void **state) {
    (void)state;
    uint32_t live_ts = 0;
    assert_true(matches());
    assert_string_equal(why_text, "");
    assert_true(flow_ts_to_live(&flow, 100, false, &live_ts));
    assert_int_equal(live_ts, 700);
}

static void checksums(void **state) {
    live.ip_csum_ok = false;
    assert_differs("the IP header checksum is wrong");
    live.csum_ok = false;
    assert_differs("the TCP checksum is wrong");
}

static void the_ip_header(void **state) {
    live.ip6 = true;
    assert_differs("IP version: expected 4, sent 6");
    expected.proto = DRILL_UDP;
    assert_differs("protocol: expected UDP, sent TCP");
    expected.ip.ttl = 63;
    assert_differs("TTL: expected 63, sent 64");
    expected.ip.tos_check = DRILL_TOS_ALL;
    expected.ip.tos = 0x10;
    assert_differs("TOS: expected 0x10, sent 0x0");
    expected.ip.tos_check = DRILL_TOS_ECN;
    expected.ip.tos = 2;
    assert_differs("ECN: expected ect0, sent noecn");
    expected.ip.tos_check = DRILL_TOS_ECT01;
    live.tos = 3;
    assert_differs("ECN: expected ect0 or ect1, sent ce");
    live.ip_len++;
    assert_differs("bytes of the IP packet: expected 54, sent 55");
}

static void tos_and_ttl_only_as_given(void **state) {
    (void)state;
    live.tos = 0xff;
    live.ttl = 1;
    assert_true(matches());
    expected.ip.tos_check = DRILL_TOS_ECN;
    expected.ip.tos = 3;
    assert_true(matches());
    live.tos = 1;
    expected.ip.tos_check = DRILL_TOS_ECT01;
    assert_true(matches());
}

static void a_flow_label_stands_for_one_on_the_wire(void **state) {
    (void)state;
    flow = an_open_flow6();
    flow.local.port = flow.remote.port = 1;
    live.ip6 = true;
    live.ip_len += 20;
    expected.ip.flowlabel = 7;
    assert_false(matches());
    assert_string_equal(why_text, "flow label: expected one, sent none");
    live.flowlabel = 0x99;
    assert_true(matches());
    live.flowlabel = 0x98;
    assert_false(matches());
    assert_string_equal(why_text, "flow label on the wire: expected 0x99, sent 0x98");
    live.flowlabel = 0x99;
    expected.ip.flowlabel = 8;
    assert_false(matches());
    assert_string_equal(why_text, "flow label: expected a new one, sent 0x99 again");
    live.flowlabel = 0x98;
    assert_true(matches());
}

static void every_flag(void **state) {
    static const struct {
        uint16_t flag;
        const char *why;
    } flags[] = {
        {LA_FIN, "FIN: expected set, sent clear (flags FP. and P.)"},
        {LA_SYN, "SYN: expected set, sent clear (flags SP. and P.)"},
        {LA_RST, "RST: expected set, sent clear (flags RP. and P.)"},
        {LA_PSH, "PSH: expected clear, sent set (flags . and P.)"},
        {LA_ACK, "ACK: expected clear, sent set (flags P and P.)"},
        {LA_URG, "URG: expected set, sent clear (flags PU. and P.)"},
        {LA_ECE, "ECE: expected set, sent clear (flags PE. and P.)"},
        {LA_CWR, "CWR: expected set, sent clear (flags PW. and P.)"},
        {LA_AE, "AE: expected set, sent clear (flags PA. and P.)"},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        expected.flags ^= flags[i].flag;
        assert_differs(flags[i].why);
    }
}

static void the_tcp_header(void **state) {
    live.reserved = 4;
    assert_differs("reserved bits: expected 0x0, sent 0x4");
    expected.seq = 2;
    assert_differs("seq: expected 2, sent 1");
    expected.len = 3;
    assert_differs("payload bytes: expected 3, sent 2");
    expected.ack = 2;
    assert_differs("ack: expected 2, sent 1");
    expected.has_ack = false;
    assert_differs("ack: expected 0, sent 1");
    expected.window = 1;
    assert_differs("win: expected 1, sent 65535");
    expected.urgent = 1;
    assert_differs("urg: expected 1, sent 0");
    live.urgent = 9;
    assert_differs("urg: expected 0, sent 9");
    expected.src_port = 53;
    assert_differs("source port: expected 53, sent 8080");
    expected.dst_port = 53;
    assert_differs("destination port: expected 53, sent 50000");
}

static void an_ack_number_without_ack_is_compared_as_it_is(void **state) {
    expected.flags = live.flags = LA_RST;
    expected.has_ack = false;
    live.ack = 5;
    assert_differs("ack: expected 0, sent 5");
}

static void the_payload_is_zeros(void **state) {
    bytes[53] = 0x61;
    assert_differs("payload: expected zeros, sent 0x61 as byte 1");
}

static void each_option(void **state) {
    expected.option[2].ecr = 201;
    assert_differs("TCP option 3: expected TS val 100 ecr 201, sent TS val 100 ecr 200");
    expected.noptions = 2;
    assert_differs("TCP options: expected <nop,nop>, sent <nop,nop,TS val 700 ecr 200>");
    expected.noptions = 0;
    assert_differs("TCP options: expected none, sent <nop,nop,TS val 700 ecr 200>");
    expected.option[1].kind = DRILL_OPT_EOL;
    assert_differs("TCP options: expected <nop,eol,TS val 100 ecr 200>, sent <nop,nop,TS val 100 ecr 200>");
    live.options_len = 0;
    live.ip_len -= 12;
    assert_differs("TCP options: expected <nop,nop,TS val 100 ecr 200>, sent none");
    bytes[40] = 2;
    assert_differs("the TCP options do not parse");
}

/* Puts options of the same length in the place of those that were sent, and expects `option` in theirs. */
static void replace(const char *sent, struct drill_tcp_option option) {
    memcpy(bytes + 40, sent, 12);
    expected.noptions = 0;
    add_option(&expected, option);
}

static void values_of_options(void **state) {
    replace("\002\004\005\264\001\001\001\001\001\001\001\001",
            (struct drill_tcp_option){.kind = DRILL_OPT_MSS, .value = 1461});
    for (int i = 0; i < 8; i++) add_nop(&expected);
    assert_differs("TCP option 1: expected mss 1461, sent mss 1460");
    replace("\042\012abcdefgh\001\001", (struct drill_tcp_option){.kind = DRILL_OPT_FO, .nbytes = 7});
    add_nop(&expected);
    add_nop(&expected);
    assert_differs("TCP option 1: expected FO 00000000000000, sent FO 6162636465666768");
    replace("\005\012\000\000\023\212\000\000\023\213\001\001",
            (struct drill_tcp_option){.kind = DRILL_OPT_SACK, .nblocks = 1, .block = {{2, 4}}});
    add_nop(&expected);
    add_nop(&expected);
    assert_differs("TCP option 1: expected sack 2:4, sent sack 2:3");
    replace("\005\012\000\000\023\212\000\000\023\213\001\001",
            (struct drill_tcp_option){.kind = DRILL_OPT_SACK, .nblocks = 1, .block = {{2, 3}}});
    add_nop(&expected);
    add_nop(&expected);
    assert_true(matches());
}

static void what_a_script_may_leave_open(void **state) {
    (void)state;
    expected.has_window = false;
    expected.options_any = true;
    expected.noptions = 0;
    expected.seq_any = true;
    expected.seq = 99;
    expected.ack_any = true;
    expected.ack = 99;
    assert_true(matches());
    expected.seq_any = expected.ack_any = false;
    expected.seq_absolute = expected.ack_absolute = true;
    expected.seq = 0x10000001;
    expected.ack = 5001;
    assert_true(matches());
    expected.seq++;
    assert_false(matches());
    assert_string_equal(why_text, "seq: expected 268435458, sent 268435457");
}

static void ts_val_counts_only_with_a_tick(void **state) {
    (void)state;
    flow_learn_ts(&flow, 50, 600);
    assert_true(matches());
    options.tcp_ts_tick_us = 1000;
    assert_false(matches());
    assert_string_equal(why_text, "TCP option 3: expected TS val 100 ecr 200, sent TS val 150 ecr 200");
    assert_false(matches_at(399999));
    assert_true(matches_at(400000));
    expected.option[2].value = 154;
    assert_true(matches());
    expected.option[2].value = 155;
    assert_false(matches());
    expected.option[2].value_any = true;
    assert_true(matches());
    expected.option[2].ecr = 1;
    expected.option[2].ecr_any = true;
    assert_true(matches());
}

static void a_syn_shows_its_isn(void **state) {
    (void)state;
    expected.flags = live.flags = LA_SYN | LA_ACK;
    live.seq = 0x10000000;
    live.ack = 5001;
    expected.seq = 0;
    expected.ack = 5001;
    assert_true(matches());
}

static void datagrams(void **state) {
    expected.proto = live.proto = DRILL_UDP;
    live.ip_len = 30;
    assert_true(matches());
    expected.len = 1;
    live.ip_len = 30;
    live.proto = DRILL_UDP;
    assert_false(matches());
    assert_string_equal(why_text, "payload bytes: expected 1, sent 2");
    begin(state);
    expected.proto = live.proto = DRILL_UDPLITE;
    expected.checksum_coverage = 8;
    assert_differs("checksum coverage: expected 8, sent 0");
}

static void icmp(void **state) {
    expected.proto = live.proto = DRILL_ICMP;
    expected.icmp.type = live.icmp_type = 3;
    expected.icmp.code = 4;
    assert_false(matches());
    assert_string_equal(why_text, "ICMP code: expected 4, sent 0");
    live.icmp_code = 4;
    expected.icmp.has_mtu = true;
    expected.icmp.mtu = 1400;
    assert_false(matches());
    assert_string_equal(why_text, "MTU: expected 1400, sent 0");
    live.icmp_mtu = 1400;
    assert_true(matches());
    expected.icmp.type = 11;
    assert_differs("ICMP type: expected 11, sent 3");
}

/* --- Merging --- */

static struct drill_live next;

static bool merges(uint32_t so_far, uint32_t wanted) {
    struct drill_text why = drill_text_in(why_text, sizeof why_text);
    return packet_may_merge(&live, &live, &next, so_far, wanted, &why);
}

static int begin_merge(void **state) {
    begin(state);
    next = live;
    next.seq += 2;
    return 0;
}

#define assert_apart(reason)                                                                                           \
    do {                                                                                                               \
        assert_false(merges(2, 4));                                                                                    \
        assert_string_equal(why_text, reason);                                                                         \
        begin_merge(state);                                                                                            \
    } while (0)

static void pieces_that_continue_each_other_merge(void **state) {
    (void)state;
    assert_true(merges(2, 4));
    assert_string_equal(why_text, "");
    live.flags = LA_ACK | LA_CWR;
    next.flags = LA_ACK | LA_PSH | LA_FIN;
    next.len = 1;
    assert_true(merges(2, 3));
    packet_merge(&live, &next);
    assert_int_equal(live.seq, 0x10000001);
    assert_int_equal(live.flags, LA_ACK | LA_PSH | LA_FIN | LA_CWR);
    assert_int_equal(live.len, 3);
    assert_int_equal(live.ip_len, 55);
    assert_ptr_equal(live.data, bytes + 52);
}

static void others_do_not(void **state) {
#define APART "the next segment does not continue the one before: "
    next.src.port++;
    assert_apart("the next segment is of another connection");
    next.seq++;
    assert_apart(APART "seq on the wire: expected 268435459, sent 268435460");
    next.ack++;
    assert_apart(APART "ack on the wire: expected 5001, sent 5002");
    next.window--;
    assert_apart(APART "window: expected 65535, sent 65534");
    next.urgent++;
    assert_apart(APART "urgent pointer: expected 0, sent 1");
    next.options_len = 0;
    assert_apart(APART "bytes of TCP options: expected 12, sent 0");
    next.flags |= LA_ECE;
    assert_apart(APART "ECE: expected clear, sent set (flags P. and PE.)");
    next.reserved = 1;
    assert_apart(APART "reserved bits: expected 0, sent 1");
    next.ttl = 1;
    assert_apart(APART "TTL: expected 64, sent 1");
    next.len = 1;
    assert_apart(APART "payload of a piece: expected 2, sent 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(alike, begin),
        cmocka_unit_test_setup(checksums, begin),
        cmocka_unit_test_setup(the_ip_header, begin),
        cmocka_unit_test_setup(tos_and_ttl_only_as_given, begin),
        cmocka_unit_test_setup(a_flow_label_stands_for_one_on_the_wire, begin),
        cmocka_unit_test_setup(every_flag, begin),
        cmocka_unit_test_setup(the_tcp_header, begin),
        cmocka_unit_test_setup(an_ack_number_without_ack_is_compared_as_it_is, begin),
        cmocka_unit_test_setup(the_payload_is_zeros, begin),
        cmocka_unit_test_setup(each_option, begin),
        cmocka_unit_test_setup(values_of_options, begin),
        cmocka_unit_test_setup(what_a_script_may_leave_open, begin),
        cmocka_unit_test_setup(ts_val_counts_only_with_a_tick, begin),
        cmocka_unit_test_setup(a_syn_shows_its_isn, begin),
        cmocka_unit_test_setup(datagrams, begin),
        cmocka_unit_test_setup(icmp, begin),
        cmocka_unit_test_setup(pieces_that_continue_each_other_merge, begin_merge),
        cmocka_unit_test_setup(others_do_not, begin_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
