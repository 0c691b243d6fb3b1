/* tcp/mtu_probe.c: the search for a larger MTU (RFC 4821), black holes, which ICMP is believed (RFC 5927, 7), and DF.
 * The path's MTU is 1500 and the peer's MSS 1460, so MTUs are 40 more than payloads. */
#include "tcp_unit.h"

#include "ip/ip.h"

#define BASE 1024u

/* A connection whose search has begun at BASE, in a window of 20 segments, with `left` bytes to send. */
static struct tcp_conn *searching(struct tcp_unit *u, uint32_t left) {
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    u->tcp.params.mtu_probing = MTU_PROBING_ALWAYS;
    assert_int_equal(c->path.mtu, 1500);
    c->peer_mss = 1460;
    tcp_mtu_open(c);
    tcp_send_mss_update(c);
    assert_int_equal(tcp_send_mss(c), BASE);
    c->eng.cc.cwnd = 20;
    c->max_snd_wnd = c->snd_wnd;
    c->is.sack_on = 1;
    tu_give(c, left);
    return c;
}

static uint32_t next_len(struct tcp_conn *c) {
    struct tcp_plan plan;
    tcp_mark(c, MARK_SEND);
    if (!tcp_send_plan(c, &plan)) return 0;
    tcp_send_sent(c, &plan);
    return plan.len;
}

static void ack(struct tcp_conn *c, seq to) {
    struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
    in.seg.ack = to;
    in.wnd = c->snd_wnd;
    assert_int_equal(tcp_ack(c, &in), GO_ON);
}

static void a_probe_goes_half_way_and_its_ack_makes_the_mss(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = searching(u, 6000);
    assert_int_equal(next_len(c), (1500 + BASE + 40) / 2 - 40);
    assert_int_equal(c->mtu.probe, 1282);
    assert_int_equal(next_len(c), BASE); /* One at a time. */
    uint32_t cwnd = c->eng.cc.cwnd;
    ack(c, c->mtu.probe_end);
    assert_int_equal(tcp_send_mss(c), 1242);
    assert_int_equal(c->mtu.probe, 0);
    assert_true(c->eng.cc.cwnd < cwnd); /* Fewer segments, as many bytes. */
    assert_int_equal(u->env.counter[LA_C_MTU_PROBES_ANSWERED], 1);
}

static void a_probe_waits_for_calm_data_and_room(void **state) {
    struct tcp_unit *u = *state;
    uint32_t len;
    struct tcp_conn *c = searching(u, 1242 + 4 * BASE - 1);
    assert_int_equal(tcp_mtu_probe_due(c, &len), MTU_NO_PROBE); /* Too little would follow. */
    tu_give(c, 1);
    assert_int_equal(tcp_mtu_probe_due(c, &len), MTU_PROBE);
    c->eng.cc.cwnd = 10;
    assert_int_equal(tcp_mtu_probe_due(c, &len), MTU_NO_PROBE);
    c->eng.cc.cwnd = 20;
    c->eng.phase = CC_DISORDER;
    assert_int_equal(tcp_mtu_probe_due(c, &len), MTU_NO_PROBE);
    c->eng.phase = CC_OPEN;
    c->snd_wnd = 3000;
    assert_int_equal(tcp_mtu_probe_due(c, &len), MTU_NO_PROBE);
    c->snd_wnd = 65535;
    u->tcp.params.mtu_probing = MTU_PROBING_OFF;
    assert_int_equal(tcp_mtu_probe_due(c, &len), MTU_NO_PROBE);
}

static void a_probe_that_is_lost_alone_reduces_nothing(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = searching(u, 8000);
    for (unsigned i = 0; i < 5; i++) next_len(c);
    tcp_score_lost(c, sent_at(&c->eng.sent, 0));
    assert_true(tcp_mtu_probe_lost(c));
    assert_int_equal(c->mtu.failed, 1282);
    assert_int_equal(c->eng.cc.cwnd, 20);
    assert_int_equal(u->env.counter[LA_C_MTU_PROBES_LOST], 1);
    assert_int_equal(next_len(c), BASE); /* Again, in pieces. */
    assert_int_equal(next_len(c), 1242 - BASE);
    tcp_score_check(c);
}

static void a_probe_lost_with_others_is_congestion(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = searching(u, 8000);
    for (unsigned i = 0; i < 5; i++) next_len(c);
    for (uint32_t i = 0; i < 2; i++) tcp_score_lost(c, sent_at(&c->eng.sent, i));
    assert_false(tcp_mtu_probe_lost(c));
    assert_int_equal(c->mtu.failed, 0);
    next_len(c); /* Something goes again: the probe proves nothing any more. */
    assert_int_equal(c->mtu.probe, 0);
}

static void the_search_ends_and_begins_anew(void **state) {
    struct tcp_unit *u = *state;
    uint32_t len;
    struct tcp_conn *c = searching(u, 8000);
    c->mtu.failed = (uint16_t)(BASE + 40 + 8);
    assert_int_equal(tcp_mtu_probe_due(c, &len), MTU_NO_PROBE);
    u->env.now += 599 * LA_SECOND;
    assert_int_equal(tcp_mtu_probe_due(c, &len), MTU_NO_PROBE);
    u->env.now += LA_SECOND;
    assert_int_equal(tcp_mtu_probe_due(c, &len), MTU_PROBE);
    assert_int_equal(c->mtu.failed, 0);
}

static void a_black_hole_makes_segments_smaller_step_by_step(void **state) {
    static const uint32_t steps[] = {1024, 512, 256, 128, 64, 48, 48};
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    u->tcp.params.mtu_probing = MTU_PROBING_BLACK_HOLE;
    c->peer_mss = 1460;
    tu_give(c, 1460);
    assert_int_equal(next_len(c), 1460);
    c->backoff = 2;
    tcp_mtu_timeout(c);
    assert_int_equal(c->mss, 1460);
    c->backoff = 3;
    for (unsigned i = 0; i < COUNT_OF(steps); i++) {
        tcp_mtu_timeout(c);
        assert_int_equal(c->mss, steps[i]);
    }
    assert_int_equal(c->mtu.held, 48 + 40);
}

static struct ip_error too_big(const struct tcp_conn *c, seq quoted, uint16_t mtu, uint8_t bytes[8]) {
    put16(bytes, c->key.local_port);
    put16(bytes + 2, c->key.peer_port);
    put32(bytes + 4, quoted.n);
    return (struct ip_error){.src = c->key.local, .dst = c->key.peer, .mtu = mtu, .quoted = {bytes, 8}};
}

static void icmp_is_believed_about_what_was_longer_and_in_flight(void **state) {
    struct tcp_unit *u = *state;
    uint8_t bytes[8];
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->peer_mss = 1460;
    tu_give(c, 1460 + 500);
    assert_int_equal(next_len(c), 1460);
    c->is.nodelay = 1;
    assert_int_equal(next_len(c), 500);
    struct ip_error e = too_big(c, TU_SND(1461), 1000, bytes); /* That one had 540 bytes. */
    tcp_error(&u->tcp, &e);
    tu_dropped(u, LA_D_ICMP_STRAY);
    e = too_big(c, TU_SND(5000), 1000, bytes);
    tcp_error(&u->tcp, &e);
    tu_dropped(u, LA_D_ICMP_STRAY);
    assert_int_equal(c->mss, 1460);
    c->mtu.discover = LA_PMTUDISC_PROBE;
    e = too_big(c, TU_SND(1), 1000, bytes);
    tcp_error(&u->tcp, &e);
    tu_dropped(u, LA_D_ICMP_STRAY);
    c->mtu.discover = LA_PMTUDISC_DO;
    tcp_error(&u->tcp, &e);
    tu_dropped(u, LA_D_NONE);
    assert_int_equal(c->mss, 960);
    assert_int_equal(next_len(c), 960); /* At once, whatever the timers say. */
}

static void df_is_as_the_socket_and_the_route_say(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(c->mtu.discover, LA_PMTUDISC_WANT);
    assert_false(tcp_mtu_may_fragment(c, false));
    c->path.metrics.mtu_locked = true;
    assert_true(tcp_mtu_may_fragment(c, false));
    assert_false(tcp_mtu_may_fragment(c, true));
    c->mtu.discover = LA_PMTUDISC_DO;
    assert_false(tcp_mtu_may_fragment(c, false));
    c->mtu.discover = LA_PMTUDISC_DONT;
    assert_true(tcp_mtu_may_fragment(c, false));
}

static void the_mtu_can_be_asked_for_where_there_is_a_path(void **state) {
    struct tcp_unit *u = *state;
    int value = 0;
    size_t len = sizeof value;
    struct tcp_conn *open = tu_conn(u, LA_ESTABLISHED), *closed = tu_try(u, LA_CLOSED, 1);
    assert_int_equal(tcp_getsockopt(&u->tcp, open->event.sock, LA_IPPROTO_IP, LA_IP_MTU, &value, &len), 0);
    assert_int_equal(value, 1500);
    closed->path.mtu = 0;
    assert_int_equal(tcp_getsockopt(&u->tcp, closed->event.sock, LA_IPPROTO_IP, LA_IP_MTU, &value, &len), -LA_ENOTCONN);
    value = LA_PMTUDISC_DO;
    assert_int_equal(
        tcp_setsockopt(&u->tcp, closed->event.sock, LA_IPPROTO_IP, LA_IP_MTU_DISCOVER, &value, sizeof value), 0);
    assert_int_equal(closed->mtu.discover, LA_PMTUDISC_DO);
    value = 4;
    assert_int_equal(
        tcp_setsockopt(&u->tcp, closed->event.sock, LA_IPPROTO_IP, LA_IP_MTU_DISCOVER, &value, sizeof value),
        -LA_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(a_probe_goes_half_way_and_its_ack_makes_the_mss),
        TU_TEST(a_probe_waits_for_calm_data_and_room),
        TU_TEST(a_probe_that_is_lost_alone_reduces_nothing),
        TU_TEST(a_probe_lost_with_others_is_congestion),
        TU_TEST(the_search_ends_and_begins_anew),
        TU_TEST(a_black_hole_makes_segments_smaller_step_by_step),
        TU_TEST(icmp_is_believed_about_what_was_longer_and_in_flight),
        TU_TEST(df_is_as_the_socket_and_the_route_say),
        TU_TEST(the_mtu_can_be_asked_for_where_there_is_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
