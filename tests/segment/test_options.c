/* Options: MSS (RFC 9293, 3.7.1), window scaling and timestamps with PAWS (RFC 7323), SACK blocks (RFC 2018). */
#include "support/rig.h"

static void a_syn_offers_everything_and_a_syn_ack_only_what_was_offered(void **unused) {
    (void)unused;
    u_connect();
    struct la_segment s;
    L(0);
    assert_true(tx_any(&s));
    assert_int_equal(s.mss, 1460);
    assert_true(s.sack_ok && s.has_ts);
    assert_int_equal(s.wscale, 7); /* 6 MB in 16 bits. */
    assert_int_equal(s.ts_ecr, 0);
    talk(1);
    u_listen(1);
    rx(SEG(.seq = R(0), .flags = SYN));
    assert_true(tx_any(&s));
    assert_false(s.sack_ok || s.has_ts);
    assert_int_equal(s.wscale, -1);
    talk(2);
    rig.t->lport = 80;
    rig.t->ts = rig.t->sack = true;
    rig.t->wscale = 3;
    rx(SEG(.seq = R(0), .flags = SYN));
    assert_true(tx_any(&s));
    assert_true(s.sack_ok && s.has_ts);
    assert_int_equal(s.ts_ecr, rig.t->ts_val);
    assert_int_equal(s.wscale, 7);
}

static void each_option_can_be_switched_off(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_window_scaling", 0);
    setting("net.ipv4.tcp_timestamps", 0);
    setting("net.ipv4.tcp_sack", 0);
    u_connect();
    struct la_segment s;
    L(0);
    assert_true(tx_any(&s));
    assert_false(s.sack_ok || s.has_ts);
    assert_int_equal(s.wscale, -1);
    assert_int_equal(s.mss, 1460);
}

static void the_peers_mss_bounds_segments(void **unused) {
    (void)unused;
    rig.t->mss = 700;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(1500), 1500);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 700));
    tx(SEG(.seq = L(701), .ack = R(1), .flags = ACK, .len = 700));
}

static void no_mss_option_means_536(void **unused) {
    (void)unused;
    rig.t->mss = 0;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(1200), 1200);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 536));
}

static void no_mss_option_over_ipv6_means_1220(void **unused) {
    (void)unused;
    rig.t->v6 = true;
    rig.t->mss = 0;
    bring(LA_ESTABLISHED, ACTIVE);
    assert_int_equal(u_send(2000), 2000);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 1220));
}

static void an_absurd_mss_is_raised(void **unused) {
    (void)unused;
    rig.t->mss = 1;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(480), 480);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 48));
}

static void a_larger_mss_than_the_link_is_cut(void **unused) {
    (void)unused;
    rig.t->mss = 9000;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(2000), 2000);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 1460));
}

static void timestamps_take_their_room_from_the_segment(void **unused) {
    (void)unused;
    rig.t->ts = true;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(2000), 2000);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 1448, .ts = true, .ts_ecr = rig.t->ts_val));
}

/* --- Window scaling --- */

static void the_peers_window_is_scaled_except_in_its_syn(void **unused) {
    (void)unused;
    rig.t->wscale = 2;
    u_listen(1);
    rx(SEG(.seq = R(0), .flags = SYN, .wnd = 100));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    struct la_conn_info info;
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = 500));
    u_accept();
    assert_true(rig_info(&info));
    assert_int_equal(info.snd_wnd, 2000);
}

static void the_window_in_our_syn_ack_is_never_scaled(void **unused) {
    (void)unused;
    rig.t->wscale = 2;
    u_listen(1);
    struct la_segment s;
    rx(SEG(.seq = R(0), .flags = SYN));
    L(0);
    assert_true(tx_any(&s));
    assert_true(s.wnd >= 32768);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 1));
    u_accept();
    wait_tx(500);
    assert_true(tx_any(&s));
    assert_true((uint32_t)s.wnd << 7 >= 60000);
    assert_true(s.wnd < 2000);
}

static void a_shift_above_14_counts_as_14(void **unused) {
    (void)unused;
    rig.t->wscale = 20;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = 3));
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.snd_wnd, 3u << 14);
}

static void without_the_peers_offer_nothing_is_scaled(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, ACTIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = 500));
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.snd_wnd, 500);
    assert_true(rig.t->wnd > 30000);
}

/* --- Timestamps --- */

static void the_echo_is_of_the_segment_that_advanced_the_window(void **unused) {
    (void)unused;
    rig.t->ts = true;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 100, .ts = true, .ts_val = 2000, .ts_ecr = rig.t->ts_seen));
    wait_tx(500);
    tx(SEG(.seq = L(1), .ack = R(101), .flags = ACK, .ts = true, .ts_ecr = 2000));
    /* Beyond a gap: the earlier value goes on being echoed (RFC 7323, 4.3). */
    rx(SEG(.seq = R(201), .ack = L(1), .flags = ACK, .len = 100, .ts = true, .ts_val = 2100, .ts_ecr = rig.t->ts_seen));
    tx(SEG(.seq = L(1), .ack = R(101), .flags = ACK, .ts = true, .ts_ecr = 2000));
    rx(SEG(.seq = R(101), .ack = L(1), .flags = ACK, .len = 100, .ts = true, .ts_val = 2200, .ts_ecr = rig.t->ts_seen));
    tx(SEG(.seq = L(1), .ack = R(301), .flags = ACK, .ts = true, .ts_ecr = 2200));
}

static void paws_drops_an_old_duplicate_and_answers_it(void **unused) {
    (void)unused;
    rig.t->ts = true;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10, .ts = true, .ts_val = rig.t->ts_val - 1));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    drop(LA_D_PAWS);
    assert_int_equal(u_recv(10), -LA_EAGAIN);
}

static void paws_knows_that_the_clock_wraps(void **unused) {
    (void)unused;
    rig.t->ts = true;
    rig.t->ts_val = 0xffffff00u;
    bring(LA_ESTABLISHED, PASSIVE);
    rig.t->ts_val = 5;
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10));
    drop(LA_D_NONE);
    assert_int_equal(u_recv(10), 10);
}

/* RFC 7323, 5.5. */
static void paws_forgets_after_24_days(void **unused) {
    (void)unused;
    rig.t->ts = true;
    bring(LA_ESTABLISHED, PASSIVE);
    advance(25ull * 24 * 3600 * 1000);
    rig.t->ts_val -= 1000;
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10));
    assert_int_equal(u_recv(10), 10);
}

static void an_rst_is_exempt_from_paws(void **unused) {
    (void)unused;
    rig.t->ts = true;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .flags = RST, .ts = true, .ts_val = 1));
    state(LA_CLOSED);
}

/* RFC 7323, 3.2: it SHOULD be dropped silently once agreed on. Linux takes it. */
static void a_segment_without_the_timestamp_agreed_on_is_dropped(void **unused) {
    (void)unused;
    static const char *const profiles[] = {"linux", "freebsd", "rfc"};
    for (unsigned i = 0; i < COUNT(profiles); i++) {
        rig_restart(profiles[i]);
        rig.t->ts = true;
        bring(LA_ESTABLISHED, PASSIVE);
        rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10, .no_ts = true));
        drop(i == 0 ? LA_D_NONE : LA_D_NO_TIMESTAMP);
        if (i) tx_none();
        assert_int_equal(u_recv(10), i == 0 ? 10 : -LA_EAGAIN);
    }
}

/* --- SACK --- */

#define OOO(at, n) rx(SEG(.seq = R(at), .ack = L(1), .flags = ACK, .len = (n)))

static void sack_blocks_name_the_latest_first(void **unused) {
    (void)unused;
    rig.t->sack = true;
    bring(LA_ESTABLISHED, PASSIVE);
    OOO(101, 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .nsack = 1, .sack = {{R(101), R(201)}}));
    OOO(301, 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .nsack = 2, .sack = {{R(301), R(401)}, {R(101), R(201)}}));
    OOO(501, 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .nsack = 3,
           .sack = {{R(501), R(601)}, {R(301), R(401)}, {R(101), R(201)}}));
    OOO(201, 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .nsack = 2, .sack = {{R(101), R(401)}, {R(501), R(601)}}));
    OOO(1, 100);
    tx(SEG(.seq = L(1), .ack = R(401), .flags = ACK, .nsack = 1, .sack = {{R(501), R(601)}}));
    OOO(401, 100);
    tx(SEG(.seq = L(1), .ack = R(601), .flags = ACK, .no_sack = true));
    assert_int_equal(u_recv(1000), 600);
}

static void with_timestamps_three_blocks_fit(void **unused) {
    (void)unused;
    rig.t->sack = rig.t->ts = true;
    bring(LA_ESTABLISHED, PASSIVE);
    struct la_segment s = {0};
    for (uint32_t i = 0; i < 5; i++) {
        OOO(101 + i * 200, 100);
        assert_true(tx_any(&s));
    }
    assert_int_equal(s.nsack, 3);
    assert_int_equal(s.sack[0].from, R(901));
}

static void without_the_agreement_no_block_is_sent(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    OOO(101, 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .no_sack = true));
}

static void overlapping_pieces_become_one_block_and_one_copy(void **unused) {
    (void)unused;
    rig.t->sack = true;
    bring(LA_ESTABLISHED, PASSIVE);
    OOO(101, 100);
    OOO(151, 100);
    OOO(51, 300);
    tx_skip();
    OOO(51, 10);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .nsack = 2, .sack = {{R(51), R(61)}, {R(51), R(351)}}));
    OOO(1, 60);
    tx(SEG(.seq = L(1), .ack = R(351), .flags = ACK, .nsack = 1, .sack = {{R(51), R(61)}}));
    assert_int_equal(u_recv(1000), 350);
}

static void duplicates_are_reported_once(void **unused) {
    (void)unused;
    rig.t->sack = true;
    bring(LA_ESTABLISHED, PASSIVE);
    OOO(1, 100);
    tx_skip();
    OOO(1, 100); /* All of it old. */
    tx(SEG(.seq = L(1), .ack = R(101), .flags = ACK, .nsack = 1, .sack = {{R(1), R(101)}}));
    drop(LA_D_SEQ_OLD);
    OOO(51, 100); /* Half of it. */
    tx(SEG(.seq = L(1), .ack = R(151), .flags = ACK, .nsack = 1, .sack = {{R(51), R(101)}}));
    rx(SEG(.seq = R(151), .ack = L(1), .flags = ACK, .len = 10));
    tx(SEG(.seq = L(1), .ack = R(161), .flags = ACK, .no_sack = true));
}

static void duplicates_are_not_reported_when_it_is_off_or_not_agreed(void **unused) {
    (void)unused;
    for (int agreed = 0; agreed < 2; agreed++) {
        rig_restart("linux");
        if (agreed) setting("net.ipv4.tcp_dsack", 0);
        rig.t->sack = agreed;
        bring(LA_ESTABLISHED, PASSIVE);
        OOO(1, 100);
        tx_skip();
        OOO(1, 100);
        tx(SEG(.seq = L(1), .ack = R(101), .flags = ACK, .no_sack = true));
    }
}

static void no_option_is_offered_or_taken_with_noopt(void **unused) {
    (void)unused;
    struct la_segment s;
    rig.t->sack = rig.t->ts = true;
    rig.t->wscale = 7;
    rig.t->sock = u_socket();
    u_set(LA_IPPROTO_TCP, LA_TCP_NOOPT, 1);
    u_connect();
    assert_true(tx_any(&s));
    assert_true(s.flags == SYN && s.mss == 0 && s.wscale == -1 && !s.sack_ok && !s.has_ts);
    rig.t->iss = s.seq;
    rig.t->iss_known = true;
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK, .mss = 1460, .wscale = WS(7), .sack_ok = true));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .no_ts = true));
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_true(!info.timestamps && !info.sack && !info.wscale);
    assert_int_equal(info.mss, 1460); /* How much the peer takes is no matter of agreement. */
}

/* RFC 6691, 2; RFC 1191, 3.1: a narrow path beyond the interface is no reason for a smaller offer. Linux makes one. */
static void the_mss_offered_is_the_interfaces_or_the_paths(void **unused) {
    (void)unused;
    static const char *const profiles[] = {"linux", "freebsd", "rfc"};
    for (unsigned i = 0; i < COUNT(profiles); i++) {
        rig_restart(profiles[i]);
        setting("net.ipv4.tcp_timestamps", 0);
        struct la_endpoint peer = rig_peer();
        assert_int_equal(la_route_add(rig.stack, &peer.addr, 32, NULL, 0, 1000), 0);
        u_connect();
        tx(SEG(.seq = L(0), .flags = SYN, .mss = i == 0 ? 960 : 1460));
        rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK, .mss = 1460));
        tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
        assert_int_equal(u_send(2000), 2000);
        tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 960));
    }
}

static void a_listener_with_noopt_answers_without_options(void **unused) {
    (void)unused;
    struct la_segment s;
    rig.t->sack = rig.t->ts = true;
    rig.t->wscale = 7;
    u_listen(1);
    rig.t->sock = rig.listener;
    u_set(LA_IPPROTO_TCP, LA_TCP_NOOPT, 1);
    rx(SEG(.seq = R(0), .flags = SYN));
    assert_true(tx_any(&s));
    assert_int_equal(s.flags, SYN | ACK);
    assert_true(s.mss == 0 && s.wscale == -1 && !s.sack_ok && !s.has_ts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_syn_offers_everything_and_a_syn_ack_only_what_was_offered),
        RIG_TEST(each_option_can_be_switched_off),
        RIG_TEST(the_peers_mss_bounds_segments),
        RIG_TEST(no_mss_option_means_536),
        RIG_TEST(no_mss_option_over_ipv6_means_1220),
        RIG_TEST(an_absurd_mss_is_raised),
        RIG_TEST(a_larger_mss_than_the_link_is_cut),
        RIG_TEST(timestamps_take_their_room_from_the_segment),
        RIG_TEST(the_peers_window_is_scaled_except_in_its_syn),
        RIG_TEST(the_window_in_our_syn_ack_is_never_scaled),
        RIG_TEST(a_shift_above_14_counts_as_14),
        RIG_TEST(without_the_peers_offer_nothing_is_scaled),
        RIG_TEST(the_echo_is_of_the_segment_that_advanced_the_window),
        RIG_TEST(paws_drops_an_old_duplicate_and_answers_it),
        RIG_TEST(paws_knows_that_the_clock_wraps),
        RIG_TEST(paws_forgets_after_24_days),
        RIG_TEST(an_rst_is_exempt_from_paws),
        RIG_TEST(a_segment_without_the_timestamp_agreed_on_is_dropped),
        RIG_TEST(sack_blocks_name_the_latest_first),
        RIG_TEST(with_timestamps_three_blocks_fit),
        RIG_TEST(without_the_agreement_no_block_is_sent),
        RIG_TEST(overlapping_pieces_become_one_block_and_one_copy),
        RIG_TEST(duplicates_are_reported_once),
        RIG_TEST(duplicates_are_not_reported_when_it_is_off_or_not_agreed),
        RIG_TEST(no_option_is_offered_or_taken_with_noopt),
        RIG_TEST(the_mss_offered_is_the_interfaces_or_the_paths),
        RIG_TEST(a_listener_with_noopt_answers_without_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
