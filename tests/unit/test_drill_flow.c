/* What stands for what between script and wire. */
#include "drill_packets.h"

static void a_syn_carries_the_isn_and_later_numbers_count_from_it(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    flow.script_local_isn = 7;
    assert_int_equal(flow_remote_to_live(&flow, 5000, true), 5000);
    assert_int_equal(flow_remote_to_live(&flow, 1, false), 5001);
    assert_int_equal(flow_remote_to_script(&flow, 5001, false), 1);
    assert_int_equal(flow_local_to_live(&flow, 7, true), 0x10000000);
    assert_int_equal(flow_local_to_live(&flow, 1, false), 0x10000001);
    assert_int_equal(flow_local_to_script(&flow, 0x10000000, true), 7);
    assert_int_equal(flow_local_to_script(&flow, 0x10000001, false), 1);
}

static void numbers_wrap(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    flow.live_local_isn = 0xffffffff;
    assert_int_equal(flow_local_to_live(&flow, 2, false), 1);
    assert_int_equal(flow_local_to_script(&flow, 1, false), 2);
}

static void the_newest_timestamp_of_a_script_value_counts(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    uint32_t live = 0;
    assert_false(flow_ts_to_live(&flow, 100, false, &live));
    assert_false(flow_ts_to_live(&flow, 100, true, &live));
    flow_learn_ts(&flow, 100, 9000);
    flow_learn_ts(&flow, 110, 9010);
    flow_learn_ts(&flow, 100, 9020);
    flow_learn_ts(&flow, 100, 9030);
    assert_int_equal(flow.nts, 3);
    assert_true(flow_ts_to_live(&flow, 100, false, &live));
    assert_int_equal(live, 9030);
    assert_true(flow_ts_to_live(&flow, 110, false, &live));
    assert_int_equal(live, 9010);
    assert_false(flow_ts_to_live(&flow, 115, false, &live));
    assert_true(flow_ts_to_live(&flow, 115, true, &live));
    assert_int_equal(live, 9015);
    assert_int_equal(flow_ts_to_script(&flow, 9031), 131);
}

static void old_timestamps_are_forgotten(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    uint32_t live = 0;
    for (uint32_t i = 0; i <= DRILL_TS_MAPS; i++) flow_learn_ts(&flow, i, i + 1000);
    assert_false(flow_ts_to_live(&flow, 0, false, &live));
    assert_true(flow_ts_to_live(&flow, 1, false, &live));
    assert_int_equal(live, 1001);
    assert_int_equal(flow.first_live_ts, 1000);
}

static void any_segment_begins_a_listening_flow(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    struct drill_packet ack = a_segment(true, LA_ACK, 300, 0, 1);
    flow.state = DRILL_FLOW_LISTENING;
    flow_learn_received(&flow, &ack);
    assert_int_equal(flow.state, DRILL_FLOW_PASSIVE);
    assert_int_equal(flow.live_remote_isn, 300);
    flow.state = DRILL_FLOW_SYNACK_SENT;
    flow_learn_received(&flow, &ack);
    assert_int_equal(flow.state, DRILL_FLOW_SYNACK_ACKED);
}

static void a_syn_ack_tells_the_scripts_isn(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    struct drill_packet ack = a_segment(true, LA_ACK, 300, 0, 1);
    struct drill_packet syn_ack = a_segment(true, LA_SYN | LA_ACK, 900, 0, 1);
    flow.state = DRILL_FLOW_SYN_SENT;
    flow_learn_received(&flow, &ack);
    assert_int_equal(flow.live_remote_isn, 5000);
    flow_learn_received(&flow, &syn_ack);
    assert_int_equal(flow.state, DRILL_FLOW_SYN_ACKED);
    assert_int_equal(flow.live_remote_isn, 900);
}

static void a_connecting_flow_learns_its_port_from_the_syn(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    struct drill_packet expected = a_segment(false, LA_SYN, 0, 0, 0);
    struct drill_live live = {
        .proto = DRILL_TCP,
        .src = {.addr = flow.local.addr, .port = 41000},
        .dst = flow.remote,
        .flags = LA_SYN,
        .seq = 77,
    };
    flow.local.port = 0;
    flow.live_local_isn = 0;
    assert_false(packet_is_of(&live, &flow));
    flow.state = DRILL_FLOW_CONNECTING;
    assert_true(packet_is_of(&live, &flow));
    flow_learn_sent(&flow, &expected, &live);
    assert_int_equal(flow.state, DRILL_FLOW_SYN_SENT);
    assert_int_equal(flow.local.port, 41000);
    assert_int_equal(flow.live_local_isn, 77);
    live.flags = LA_ACK;
    assert_true(packet_is_of(&live, &flow));
    live.src.port = 41001;
    assert_false(packet_is_of(&live, &flow));
    live.src.port = 41000;
    live.dst.port++;
    assert_false(packet_is_of(&live, &flow));
}

static void a_passive_flow_learns_the_isn_from_the_syn_ack(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    struct drill_packet expected = a_segment(false, LA_SYN | LA_ACK, 0, 0, 1);
    struct drill_live live = {
        .proto = DRILL_TCP, .src = flow.local, .dst = flow.remote, .flags = LA_SYN | LA_ACK, .seq = 99};
    flow.state = DRILL_FLOW_PASSIVE;
    flow_learn_sent(&flow, &expected, &live);
    assert_int_equal(flow.state, DRILL_FLOW_SYNACK_SENT);
    assert_int_equal(flow.live_local_isn, 99);
}

static void a_datagram_tells_the_local_port(void **state) {
    (void)state;
    struct drill_flow flow = an_open_flow();
    struct drill_packet expected = a_packet(false, DRILL_UDP);
    struct drill_live live = {.proto = DRILL_UDP, .src = {.addr = flow.local.addr, .port = 5353}, .dst = flow.remote};
    flow.proto = DRILL_UDP;
    assert_false(packet_is_of(&live, &flow));
    flow.local.port = 0;
    assert_true(packet_is_of(&live, &flow));
    flow_learn_sent(&flow, &expected, &live);
    assert_int_equal(flow.local.port, 5353);
    live.ip6 = true;
    assert_false(packet_is_of(&live, &flow));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_carries_the_isn_and_later_numbers_count_from_it),
        cmocka_unit_test(numbers_wrap),
        cmocka_unit_test(the_newest_timestamp_of_a_script_value_counts),
        cmocka_unit_test(old_timestamps_are_forgotten),
        cmocka_unit_test(any_segment_begins_a_listening_flow),
        cmocka_unit_test(a_syn_ack_tells_the_scripts_isn),
        cmocka_unit_test(a_connecting_flow_learns_its_port_from_the_syn),
        cmocka_unit_test(a_passive_flow_learns_the_isn_from_the_syn_ack),
        cmocka_unit_test(a_datagram_tells_the_local_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
