/* The state of the script's side, from its packets. */
#include <lastack/info.h>

#include "drill/states.h"
#include "drill_packets.h"

static const struct la_drill_options options = {.tolerance_us = 4000};
static struct drill_flow flow;
static int peer;

static int begin(void **state) {
    (void)state;
    flow = an_open_flow();
    flow.state = DRILL_FLOW_LISTENING;
    peer = -1;
    return 0;
}

static int sends(uint16_t flags, uint32_t seq, uint32_t len, uint32_t ack) {
    struct drill_packet packet = a_segment(true, flags, seq, len, ack);
    uint8_t bytes[100];
    char at[100];
    struct drill_text error = drill_text_in(at, sizeof at);
    assert_int_not_equal(packet_build(&flow, &options, &packet, bytes, sizeof bytes, &error), 0);
    return peer = peer_state_after(peer, &flow, true, flags, 0);
}

static int gets(uint16_t flags, uint32_t ack) {
    uint32_t live = flow.live_remote_isn + ack;
    return peer = peer_state_after(peer, &flow, false, flags, flags & LA_ACK ? live : 0);
}

static int begin_established(void **state) {
    begin(state);
    assert_int_equal(sends(LA_SYN, 5000, 0, 0), LA_SYN_SENT);
    assert_int_equal(gets(LA_SYN | LA_ACK, 1), LA_ESTABLISHED);
    assert_int_equal(sends(LA_ACK, 1, 0, 1), LA_ESTABLISHED);
    return 0;
}

static void it_closes_first(void **state) {
    (void)state;
    assert_int_equal(sends(LA_ACK, 1, 10, 1), LA_ESTABLISHED);
    assert_int_equal(sends(LA_FIN | LA_ACK, 11, 0, 1), LA_FIN_WAIT_1);
    assert_int_equal(gets(LA_ACK, 11), LA_FIN_WAIT_1);
    assert_int_equal(gets(LA_ACK, 12), LA_FIN_WAIT_2);
    assert_int_equal(gets(LA_FIN | LA_ACK, 12), LA_TIME_WAIT);
    assert_int_equal(sends(LA_ACK, 12, 0, 2), LA_TIME_WAIT);
}

static void it_closes_second(void **state) {
    (void)state;
    assert_int_equal(gets(LA_FIN | LA_ACK, 1), LA_CLOSE_WAIT);
    assert_int_equal(sends(LA_ACK, 1, 0, 2), LA_CLOSE_WAIT);
    assert_int_equal(sends(LA_FIN | LA_ACK, 1, 0, 2), LA_LAST_ACK);
    assert_int_equal(gets(LA_ACK, 2), LA_CLOSED);
}

static void both_close(void **state) {
    (void)state;
    assert_int_equal(sends(LA_FIN | LA_ACK, 1, 0, 1), LA_FIN_WAIT_1);
    assert_int_equal(gets(LA_FIN | LA_ACK, 1), LA_CLOSING);
    assert_int_equal(gets(LA_FIN | LA_ACK, 2), LA_TIME_WAIT);
}

static void a_fin_that_acknowledges_its_fin(void **state) {
    (void)state;
    sends(LA_FIN | LA_ACK, 1, 0, 1);
    assert_int_equal(gets(LA_FIN | LA_ACK, 2), LA_TIME_WAIT);
}

static void it_is_connected_to(void **state) {
    (void)state;
    flow.state = DRILL_FLOW_SYN_SENT;
    assert_int_equal(gets(LA_SYN, 0), LA_LISTEN);
    assert_int_equal(sends(LA_SYN | LA_ACK, 0, 0, 1), LA_SYN_RCVD);
    assert_int_equal(gets(LA_ACK, 1), LA_ESTABLISHED);
}

static void both_open(void **state) {
    (void)state;
    assert_int_equal(sends(LA_SYN, 5000, 0, 0), LA_SYN_SENT);
    assert_int_equal(gets(LA_SYN, 0), LA_SYN_RCVD);
    assert_int_equal(gets(LA_SYN | LA_ACK, 1), LA_ESTABLISHED);
}

static void resets(void **state) {
    assert_int_equal(sends(LA_RST, 1, 0, 0), LA_CLOSED);
    begin_established(state);
    assert_int_equal(gets(LA_RST, 0), LA_CLOSED);
    begin(state);
    sends(LA_SYN, 5000, 0, 0);
    assert_int_equal(gets(LA_RST, 0), LA_SYN_SENT);
    assert_int_equal(gets(LA_RST | LA_ACK, 1), LA_CLOSED);
}

static void probes_change_nothing(void **state) {
    (void)state;
    assert_int_equal(sends(LA_RST, 100, 0, 0), LA_ESTABLISHED);
    assert_int_equal(sends(LA_SYN, 1, 0, 0), LA_ESTABLISHED);
    assert_int_equal(sends(LA_FIN | LA_ACK, 100, 0, 1), LA_ESTABLISHED);
    assert_int_equal(sends(LA_FIN | LA_ACK, 1, 0, 1), LA_FIN_WAIT_1);
    assert_int_equal(sends(LA_FIN | LA_ACK, 1, 0, 1), LA_FIN_WAIT_1);
}

static void segments_to_a_closed_port(void **state) {
    (void)state;
    assert_int_equal(sends(LA_ACK, 7, 0, 1), LA_CLOSED);
    assert_int_equal(gets(LA_RST, 0), LA_CLOSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_closes_first, begin_established),
        cmocka_unit_test_setup(it_closes_second, begin_established),
        cmocka_unit_test_setup(both_close, begin_established),
        cmocka_unit_test_setup(a_fin_that_acknowledges_its_fin, begin_established),
        cmocka_unit_test_setup(it_is_connected_to, begin),
        cmocka_unit_test_setup(both_open, begin),
        cmocka_unit_test_setup(resets, begin_established),
        cmocka_unit_test_setup(probes_change_nothing, begin_established),
        cmocka_unit_test_setup(segments_to_a_closed_port, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
