/* The data path under an awkward peer, an awkward device and an awkward network. */
#include "support/rig.h"

#include <string.h>

#define ACKS(n) rx(SEG(.seq = R(1), .ack = L(n), .flags = ACK))
#define SENDS(at, n) tx(SEG(.seq = L(at), .ack = R(1), .flags = ACK, .len = (n)))

/* RFC 1191, 6.5; RFC 5927, 7.2: every packet of a window that was too big is reported. They are sent again once. */
static void a_window_of_too_big_reports_sends_it_again_once(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_SNDBUF, 100000);
    assert_int_equal(u_send(14600), 14600);
    assert_int_equal(tx_skip(), 10);
    unsigned again = 0;
    for (uint32_t i = 0; i < 10; i++) {
        rx_icmp(3, 4, 1400, L(1 + i * 1460));
        again += tx_skip();
    }
    assert_in_range(again, 1, 11);
}

/* RFC 5681, 3.1: with a SYN lost, the initial window MUST be one segment; RFC 6298, 5.7: and the timeout 3 s. */
static void after_a_lost_syn_one_segment_goes(void **unused) {
    (void)unused;
    u_socket();
    u_connect();
    tx_skip();
    wait_tx(3000);
    tx_skip();
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    tx_skip();
    state(LA_ESTABLISHED);
    u_set(LA_SOL_SOCKET, LA_SO_SNDBUF, 100000);
    assert_int_equal(u_send(50000), 50000);
    unsigned n = tx_skip();
    uint64_t rto = wait_tx(10000);
    assert_int_equal(n, 1);
    assert_in_range(rto, 2900, 3100);
}

/* RFC 5681, 3.2, 2: what limited transmit has added does not count. */
static void limited_transmit_does_not_raise_ssthresh(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_SNDBUF, 100000);
    assert_int_equal(u_send(50000), 50000);
    assert_int_equal(tx_skip(), 10);
    for (int i = 0; i < 3; i++) ACKS(1);
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_true(info.ssthresh <= 7 * 1460); /* RFC 9438, 4.6. */
}

/* RFC 2018, 4: SACK in all ACKs that do not acknowledge the highest, data or not. RFC 5681, 4.2: a duplicate ACK at
 * once: one with data is none. */
static void a_gap_is_told_while_data_flows_the_other_way(void **unused) {
    (void)unused;
    rig.t->sack = true;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_SNDBUF, 200000);
    u_set(LA_IPPROTO_TCP, LA_TCP_NODELAY, 1);
    assert_int_equal(u_send(150000), 150000);
    tx_skip();
    unsigned sacks = 0;
    for (uint32_t i = 0; i < 5; i++) {
        /* The peer's data, its first segment lost, acknowledges ours as it comes. */
        rx(SEG(.seq = R(1001 + i * 1000), .ack = L(1461 + i * 1460), .flags = ACK, .len = 1000));
        struct la_segment s;
        while (tx_any(&s)) sacks += s.nsack > 0;
    }
    assert_true(sacks >= 5);
}

/* A connection that has read all and got a FIN holds no storage. */
static void nothing_is_held_in_close_wait(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    struct la_conn_info info;
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK | FIN, .len = 100));
    tx_skip();
    assert_int_equal(u_recv(1000), 100);
    assert_true(rig_info(&info));
    talk(1);
    bring(LA_CLOSE_WAIT, PASSIVE);
    struct la_conn_info bare;
    assert_true(rig_info(&bare));
    assert_int_equal(info.memory, bare.memory);
}

/* An orphan whose peer plays with the window ends (RFC 6429; tcp_orphan_retries). */
static void an_orphan_does_not_wait_for_a_window_that_flickers(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = WND0));
    assert_int_equal(u_send(5000), 5000);
    tx_skip();
    assert_int_equal(u_close(), 0);
    uint64_t minutes = 0;
    for (; minutes < 24 * 60 && rig_state() != LA_CLOSED; minutes++) {
        rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = 1));
        rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = WND0));
        for (int i = 0; i < 60 && rig_state() != LA_CLOSED; i++) {
            advance(1000);
            if (tx_skip()) rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = WND0));
        }
    }
    assert_true(minutes < 60);
}

/* A receive buffer below one unit of the window scale must not close the window for ever. */
static void a_small_buffer_under_a_large_scale_opens_again(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_rmem_max", 1 << 30);
    rig.t->wscale = 0;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_RCVBUF, 8192);
    /* The promise of before is used up. */
    uint32_t at = 1;
    for (unsigned i = 0; i < 200 && (int32_t)(rig.t->edge - R(at)) > 0; i++) {
        uint32_t n = rig.t->edge - R(at);
        if (n > 1460) n = 1460;
        rx(SEG(.seq = R(at), .ack = L(1), .flags = ACK, .len = n));
        at += n;
        advance(100);
        tx_skip();
    }
    while (u_recv(60000) > 0) tx_skip();
    advance(1000);
    tx_skip();
    print_message("scale %u, %u bytes in; all is read, window left %d\n", rig.t->scale, at - 1,
                  (int32_t)(rig.t->edge - R(at)));
    /* The peer probes. */
    rx(SEG(.seq = R(at), .ack = L(1), .flags = ACK, .len = 1));
    tx_skip();
    assert_true((int32_t)(rig.t->edge - R(at)) > 0);
}

/* RFC 5681, 3.2: inflation is bounded by what is outstanding (Savage's DupACK spoofing). */
static void forged_duplicates_do_not_open_the_window_without_bound(void **unused) {
    (void)unused;
    rig.t->wscale = 8;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_SNDBUF, 4000000);
    assert_int_equal(u_send(1000000), 1000000);
    assert_int_equal(u_send(1000000), 1000000);
    tx_skip();
    unsigned after = 0;
    for (int i = 0; i < 500; i++) {
        ACKS(1);
        after += tx_skip();
    }
    assert_true(after <= 40);
}

/* RFC 5681, 4.1. */
static void an_idle_connection_does_not_burst(void **unused) {
    (void)unused;
    rig.t->wscale = 8;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_SNDBUF, 4000000);
    assert_int_equal(u_send(1000000), 1000000);
    uint32_t acked = 1;
    while (acked < 1000001) {
        tx_skip();
        acked += 14600;
        if (acked > 1000001) acked = 1000001;
        struct la_conn_info info;
        assert_true(rig_info(&info));
        if (rig.t->iss + acked - info.snd_nxt < 0x7fffffff) acked = info.snd_nxt - rig.t->iss;
        advance(5);
        ACKS(acked);
    }
    tx_skip();
    advance(60000);
    assert_int_equal(u_send(1000000), 1000000);
    unsigned n = tx_skip();
    assert_true(n <= 10);
}

/* RFC 1122, 4.2.2.12: an RST may carry data; a closed window is no reason to ignore it. */
static void an_rst_with_data_counts_at_a_closed_window(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_RCVBUF, 4096);
    uint32_t at = 1;
    while ((int32_t)(rig.t->edge - R(at)) > 0) {
        uint32_t n = rig.t->edge - R(at);
        if (n > 1460) n = 1460;
        rx(SEG(.seq = R(at), .ack = L(1), .flags = ACK, .len = n));
        at += n;
        advance(100);
        tx_skip();
    }
    rx(SEG(.seq = R(at), .ack = L(1), .flags = RST | ACK, .len = 10));
    state(LA_CLOSED);
}

/* RFC 9293, 3.10.7.4: the window comes from segments with SND.UNA =< SEG.ACK only. */
static void an_old_ack_does_not_set_the_window(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_SNDBUF, 100000);
    assert_int_equal(u_send(14600), 14600);
    tx_skip();
    rx(SEG(.seq = R(1), .ack = L(14601), .flags = ACK, .wnd = 1460));
    /* Reordered, or forged: new data with an old ACK and the window of then. */
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10, .wnd = 65535));
    rx(SEG(.seq = R(11), .ack = L(1), .flags = ACK, .len = 10, .wnd = 65535));
    tx_skip();
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.snd_wnd, 1460);
}

/* Two interfaces; a better route appears while data waits: the first segment on it is not lost. */
static void a_new_route_loses_no_segment(void **unused) {
    (void)unused;
    static const struct la_iface_config second = {.link = LA_LINK_IP, .mtu = 1500};
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(la_iface_add(rig.stack, &second), 1);
    struct la_addr own = la_addr4(10, 9, 0, 2), peer = rig_peer().addr;
    assert_int_equal(la_addr_add(rig.stack, 1, &own, 24), 0);
    assert_int_equal(la_route_add(rig.stack, &peer, 32, NULL, 1, 0), 0);
    assert_int_equal(u_send(100), 100);
    SENDS(1, 100);
}

/* RFC 5681, 4.2: a duplicate ACK for every segment beyond a gap, also when the device gives a batch of them before it
 * asks for output (la_dev_pump: 16). A sender that counts duplicates would otherwise wait for its timer. */
static void a_batch_beyond_a_gap_gives_three_duplicates(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    static uint8_t data[1000], packet[2048];
    for (uint32_t i = 0; i < 8; i++) {
        struct la_segment s = {.src = rig_peer(), .dst = rig_local(), .ack = L(1), .flags = ACK, .wnd = 65535};
        s.ttl = 64;
        s.wscale = -1;
        s.csum_ok = true;
        s.seq = R(1001 + i * 1000);
        s.data = data;
        s.len = sizeof data;
        la_input(rig.stack, 0, packet, la_segment_build(&s, packet, sizeof packet), rig.now);
    }
    unsigned n = tx_skip();
    assert_true(n >= 3);
}

/* RFC 9293, 3.8.3 (a) asks for the route again; what goes through it must fit. */
static void the_route_found_after_three_timeouts_has_its_own_mtu(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(1460), 1460);
    SENDS(1, 1460);
    for (int i = 0; i < 3; i++) {
        wait_tx(10000);
        SENDS(1, 1460);
    }
    struct la_addr peer = rig_peer().addr;
    assert_int_equal(la_route_add(rig.stack, &peer, 32, NULL, 0, 1000), 0);
    wait_tx(60000);
    SENDS(1, 960);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_window_of_too_big_reports_sends_it_again_once),
        RIG_TEST(after_a_lost_syn_one_segment_goes),
        RIG_TEST(limited_transmit_does_not_raise_ssthresh),
        RIG_TEST(a_gap_is_told_while_data_flows_the_other_way),
        RIG_TEST(nothing_is_held_in_close_wait),
        RIG_TEST(an_orphan_does_not_wait_for_a_window_that_flickers),
        RIG_TEST(a_small_buffer_under_a_large_scale_opens_again),
        RIG_TEST(forged_duplicates_do_not_open_the_window_without_bound),
        RIG_TEST(an_idle_connection_does_not_burst),
        RIG_TEST(an_rst_with_data_counts_at_a_closed_window),
        RIG_TEST(an_old_ack_does_not_set_the_window),
        RIG_TEST(a_new_route_loses_no_segment),
        RIG_TEST(the_route_found_after_three_timeouts_has_its_own_mtu),
        RIG_TEST(a_batch_beyond_a_gap_gives_three_duplicates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
