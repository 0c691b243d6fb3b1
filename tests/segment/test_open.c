/* Opening: RFC 9293, 3.5 and 3.10.7.3; simultaneous open; SYNs that nobody answers. */
#include "support/rig.h"

static void connect_sends_syn_and_completes_with_the_third_segment(void **unused) {
    (void)unused;
    u_connect();
    state(LA_SYN_SENT);
    tx(SEG(.seq = L(0), .flags = SYN, .mss = 1460));
    tx_none();
    assert_int_equal(events(), 0);
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    state(LA_ESTABLISHED);
    assert_int_equal(events() & (LA_EV_CONNECTED | LA_EV_WRITABLE), LA_EV_CONNECTED | LA_EV_WRITABLE);
}

static void connect_again_reports_progress_then_success_once(void **unused) {
    (void)unused;
    u_connect();
    struct la_endpoint peer = rig_peer();
    tx(SEG(.seq = L(0), .flags = SYN));
    assert_int_equal(la_connect(rig.stack, rig.t->sock, &peer, rig.now), -LA_EALREADY);
    tx_none();
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    assert_int_equal(la_connect(rig.stack, rig.t->sock, &peer, rig.now), 0);
    assert_int_equal(la_connect(rig.stack, rig.t->sock, &peer, rig.now), -LA_EISCONN);
}

static void listener_answers_syn_and_accepts_after_the_third_segment(void **unused) {
    (void)unused;
    u_listen(5);
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK, .mss = 1460));
    state(LA_SYN_RCVD);
    assert_int_equal(la_accept(rig.stack, rig.listener, NULL), -LA_EAGAIN);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    tx_none();
    state(LA_ESTABLISHED);
    assert_int_equal(la_ready(rig.stack, rig.listener) & LA_EV_ACCEPTED, LA_EV_ACCEPTED);
    u_accept();
    assert_int_equal(la_ready(rig.stack, rig.listener) & LA_EV_ACCEPTED, 0);
    assert_int_equal(la_counter(rig.stack, LA_C_ACCEPTED), 1);
}

static void data_on_the_third_segment_is_kept(void **unused) {
    (void)unused;
    u_listen(5);
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 100));
    u_accept();
    assert_int_equal(u_recv(200), 100);
}

static void data_replaces_a_lost_third_segment(void **unused) {
    (void)unused;
    bring(LA_SYN_RCVD, PASSIVE);
    advance(50);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK | PSH, .len = 10));
    state(LA_ESTABLISHED);
    u_accept();
    assert_int_equal(u_recv(200), 10);
}

static void fin_on_the_third_segment_leads_to_close_wait(void **unused) {
    (void)unused;
    bring(LA_SYN_RCVD, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK, .len = 10));
    tx(SEG(.seq = L(1), .ack = R(12), .flags = ACK));
    state(LA_CLOSE_WAIT);
    u_accept();
    assert_int_equal(u_recv(200), 10);
    assert_int_equal(u_recv(200), 0);
}

static void simultaneous_open_passes_syn_rcvd(void **unused) {
    (void)unused;
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    state(LA_SYN_RCVD);
    assert_int_equal(events() & LA_EV_CONNECTED, 0);
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    state(LA_ESTABLISHED);
    assert_int_equal(events() & LA_EV_CONNECTED, LA_EV_CONNECTED);
    tx_skip(); /* An ACK may answer it. */
    assert_int_equal(u_send(10), 10);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 10));
}

static void simultaneous_open_also_completes_with_a_bare_ack(void **unused) {
    (void)unused;
    bring(LA_SYN_RCVD, ACTIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    tx_none();
    state(LA_ESTABLISHED);
    assert_int_equal(events() & LA_EV_CONNECTED, LA_EV_CONNECTED);
}

static void simultaneous_open_repeats_its_syn_ack(void **unused) {
    (void)unused;
    bring(LA_SYN_RCVD, ACTIVE);
    within(wait_tx(1500), 900, 1100);
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    state(LA_SYN_RCVD);
}

static void rst_refuses_a_connect(void **unused) {
    (void)unused;
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    rx(SEG(.seq = 0, .ack = L(1), .flags = RST | ACK));
    tx_none();
    state(LA_CLOSED);
    assert_int_equal(events() & LA_EV_ERROR, LA_EV_ERROR);
    assert_int_equal(u_error(), LA_ECONNREFUSED);
    assert_int_equal(u_error(), 0);
    assert_int_equal(u_send(1), -LA_EPIPE);
}

static void syn_is_repeated_with_doubled_pauses_until_retries_are_used_up(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_syn_retries", 3);
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    for (uint64_t pause = 1000; pause <= 4000; pause *= 2) {
        within(wait_tx(10000), pause, pause + 10);
        tx(SEG(.seq = L(0), .flags = SYN));
        state(LA_SYN_SENT);
    }
    advance(7900);
    state(LA_SYN_SENT);
    advance(200);
    tx_none();
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ETIMEDOUT);
}

static void tcp_syncnt_bounds_the_syns_of_one_socket(void **unused) {
    (void)unused;
    rig.t->sock = u_socket();
    u_set(LA_IPPROTO_TCP, LA_TCP_SYNCNT, 1);
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    advance(1010);
    tx(SEG(.seq = L(0), .flags = SYN));
    advance(2010);
    tx_none();
    state(LA_CLOSED);
}

static void syn_ack_is_repeated_until_its_retries_are_used_up(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_synack_retries", 2);
    bring(LA_SYN_RCVD, PASSIVE);
    within(wait_tx(5000), 1000, 1010);
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    within(wait_tx(5000), 2000, 2010);
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    advance(4100);
    tx_none();
    state(LA_CLOSED);
    assert_int_equal(la_dropped(rig.stack, LA_D_SYN_TIMEOUT), 1);
}

static void close_in_syn_sent_is_silent(void **unused) {
    (void)unused;
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    assert_int_equal(u_close(), 0);
    tx_none();
    state(LA_CLOSED);
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    tx(SEG(.seq = L(1), .flags = RST));
}

static void data_sent_before_the_handshake_ends_is_refused_or_waits(void **unused) {
    (void)unused;
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    int64_t n = u_send(10);
    assert_true(n == -LA_EAGAIN || n == 10);
    tx_none();
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    struct la_segment s;
    assert_true(tx_any(&s));
    assert_int_equal(s.ack, R(1));
}

static void a_wrong_ack_in_syn_rcvd_is_reset_and_the_handshake_goes_on(void **unused) {
    (void)unused;
    bring(LA_SYN_RCVD, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(77), .flags = ACK));
    tx(SEG(.seq = L(77), .flags = RST));
    state(LA_SYN_RCVD);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    state(LA_ESTABLISHED);
}

static void a_retransmitted_syn_gets_the_same_syn_ack(void **unused) {
    (void)unused;
    bring(LA_SYN_RCVD, PASSIVE);
    advance(300);
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    u_accept();
}

static void a_repeated_syn_ack_gets_the_third_segment_again(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, ACTIVE);
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    state(LA_ESTABLISHED);
}

static void a_segment_for_nobody_is_reset_but_never_a_reset(void **unused) {
    (void)unused;
    rig.t->lport = 81;
    rig.t->iss_known = true;
    rx(SEG(.seq = R(5), .ack = L(7), .flags = ACK, .len = 3));
    tx(SEG(.seq = L(7), .flags = RST));
    drop(LA_D_TCP_NO_CONN);
    rx(SEG(.seq = R(5), .flags = SYN));
    tx(SEG(.seq = 0, .ack = R(6), .flags = RST | ACK));
    rx(SEG(.seq = R(5), .flags = RST));
    tx_none();
    drop(LA_D_TCP_NO_CONN_RST);
}

static void syn_with_fin_to_a_listener_is_dropped(void **unused) {
    (void)unused;
    u_listen(1);
    rx(SEG(.seq = R(0), .flags = SYN | FIN));
    tx_none();
    drop(LA_D_SYN_FIN);
}

static void a_connection_over_ipv6_opens_both_ways(void **unused) {
    (void)unused;
    rig.t->v6 = true;
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN, .mss = 1440));
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK, .mss = 1440));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    state(LA_ESTABLISHED);
    talk(1);
    rig.t->v6 = true;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(100), 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 100));
}

static void a_dual_listener_takes_ipv4_too(void **unused) {
    (void)unused;
    rig.t->v6 = true;
    u_listen(5);
    talk(1);
    rig.t->lport = 80;
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    u_accept();
}

/* BSD's keepinit bounds the handshake, whatever the retransmissions would allow. */
static void keepinit_bounds_the_handshake(void **unused) {
    (void)unused;
    static const struct {
        const char *profile;
        int64_t setting;
        int option;
        uint64_t end; /* s; 0: later than that. */
    } row[] = {{"freebsd", -1, 0, 75}, {"freebsd", -1, 10, 10}, {"linux", 20000, 0, 20},
               {"linux", -1, 5, 5},    {"linux", -1, 0, 0},     {"rfc", -1, 0, 0}};
    for (unsigned i = 0; i < COUNT(row); i++) {
        rig_restart(row[i].profile);
        if (row[i].setting >= 0) setting("net.inet.tcp.keepinit", row[i].setting);
        rig.t->sock = u_socket();
        if (row[i].option) u_set(LA_IPPROTO_TCP, LA_TCP_KEEPINIT, row[i].option);
        u_connect();
        uint64_t end = row[i].end ? row[i].end * 1000 : 76000;
        advance(end - 1);
        state(LA_SYN_SENT);
        advance(2);
        state(row[i].end ? LA_CLOSED : LA_SYN_SENT);
        if (row[i].end) assert_int_equal(u_error(), LA_ETIMEDOUT);
        tx_skip();
    }
}

static void the_fourth_syn_may_have_no_option_but_mss(void **unused) {
    (void)unused;
    struct la_segment s;
    setting("net.inet.tcp.rexmit_drop_options", 1);
    u_connect();
    for (unsigned i = 0; i < 5; i++) {
        if (i) wait_tx(20000);
        assert_true(tx_any(&s));
        assert_int_equal(s.mss, 1460);
        assert_true(s.has_ts == (i < 3) && s.sack_ok == (i < 3) && (s.wscale >= 0) == (i < 3));
    }
}

static void data_in_a_syn_that_crosses_waits_for_the_handshake(void **unused) {
    (void)unused;
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    rx(SEG(.seq = R(0), .flags = SYN, .len = 100));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    assert_int_equal(u_recv(200), -LA_EAGAIN);
    rx(SEG(.seq = R(101), .ack = L(1), .flags = ACK));
    state(LA_ESTABLISHED);
    tx(SEG(.seq = L(1), .ack = R(101), .flags = ACK));
    assert_int_equal(u_recv(200), 100);
}

static void syn_with_fin_answers_no_connect(void **unused) {
    (void)unused;
    for (int dropped = 0; dropped < 2; dropped++) {
        rig_restart("rfc");
        setting("net.inet.tcp.drop_synfin", dropped);
        u_connect();
        tx(SEG(.seq = L(0), .flags = SYN));
        rx(SEG(.seq = R(0), .flags = SYN | FIN));
        drop(dropped ? LA_D_SYN_FIN : LA_D_NONE);
        state(dropped ? LA_SYN_SENT : LA_SYN_RCVD);
        if (dropped) { /* Whoever acknowledges our SYN may end at once: its data came with the SYN+ACK. */
            rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | FIN | ACK));
            state(LA_CLOSE_WAIT);
        }
        tx_skip();
    }
}

/* A socket that is bound and does not listen: its RST looks as its segments would. */
static void the_rst_of_a_bound_socket_has_its_ttl_and_tos(void **unused) {
    (void)unused;
    struct la_segment s;
    struct la_endpoint any = {.addr = la_addr4(0, 0, 0, 0), .port = 80};
    rig.t->sock = u_socket();
    assert_int_equal(la_bind(rig.stack, rig.t->sock, &any), 0);
    u_set(LA_IPPROTO_IP, LA_IP_TTL, 7);
    u_set(LA_IPPROTO_IP, LA_IP_TOS, 0x20);
    for (int bound = 1; bound >= 0; bound--) {
        rig.t->lport = bound ? 80 : 81;
        rx(SEG(.seq = R(0), .flags = SYN));
        assert_true(tx_any(&s));
        assert_int_equal(s.flags, RST | ACK);
        assert_int_equal(s.ttl, bound ? 7 : 64);
        assert_int_equal(s.tos, bound ? 0x20 : 0);
    }
}

/* RFC 3168, 6.1.1 and 6.1.1.1: every profile agrees to ECN and asks for it only when told to, FreeBSD twice. */
static void ecn_is_agreed_to_and_asked_for_when_told(void **unused) {
    (void)unused;
    static const char *const profiles[] = {"linux", "freebsd", "rfc"};
    const uint16_t ask = LA_ECE | LA_CWR;
    for (unsigned i = 0; i < COUNT(profiles); i++) {
        rig_restart(profiles[i]);
        u_listen(1);
        rx(SEG(.seq = R(0), .flags = SYN | ask));
        tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK | LA_ECE));
        rig_restart(profiles[i]);
        setting("net.ipv4.tcp_ecn", 0);
        u_listen(1);
        rx(SEG(.seq = R(0), .flags = SYN | ask));
        tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
        rig_restart(profiles[i]);
        u_connect();
        tx(SEG(.seq = L(0), .flags = SYN));
        rig_restart(profiles[i]);
        setting("net.ipv4.tcp_ecn", 1);
        u_connect();
        for (unsigned n = 0; n < 3; n++) {
            if (n) wait_tx(10000);
            tx(SEG(.seq = L(0), .flags = n == 0 || (i == 1 && n == 1) ? SYN | ask : SYN));
        }
    }
}

static void icmp_ends_an_opening_by_each_systems_rule(void **unused) {
    (void)unused;
    static const struct {
        const char *profile;
        uint8_t code; /* Of "unreachable". */
        int error;    /* 0: it goes on. */
    } row[] = {{"linux", 1, LA_EHOSTUNREACH},   {"linux", 3, LA_ECONNREFUSED},    {"freebsd", 1, 0},
               {"freebsd", 3, LA_ECONNREFUSED}, {"freebsd", 13, LA_ECONNREFUSED}, {"rfc", 1, 0},
               {"rfc", 3, LA_ECONNREFUSED}};
    for (unsigned i = 0; i < COUNT(row); i++) {
        rig_restart(row[i].profile);
        u_connect();
        tx(SEG(.seq = L(0), .flags = SYN));
        rx_icmp(3, row[i].code, 0, L(0));
        state(row[i].error ? LA_CLOSED : LA_SYN_SENT);
        assert_int_equal(u_error(), row[i].error);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(connect_sends_syn_and_completes_with_the_third_segment),
        RIG_TEST(connect_again_reports_progress_then_success_once),
        RIG_TEST(listener_answers_syn_and_accepts_after_the_third_segment),
        RIG_TEST(data_on_the_third_segment_is_kept),
        RIG_TEST(data_replaces_a_lost_third_segment),
        RIG_TEST(fin_on_the_third_segment_leads_to_close_wait),
        RIG_TEST(simultaneous_open_passes_syn_rcvd),
        RIG_TEST(simultaneous_open_also_completes_with_a_bare_ack),
        RIG_TEST(simultaneous_open_repeats_its_syn_ack),
        RIG_TEST(rst_refuses_a_connect),
        RIG_TEST(syn_is_repeated_with_doubled_pauses_until_retries_are_used_up),
        RIG_TEST(tcp_syncnt_bounds_the_syns_of_one_socket),
        RIG_TEST(syn_ack_is_repeated_until_its_retries_are_used_up),
        RIG_TEST(close_in_syn_sent_is_silent),
        RIG_TEST(data_sent_before_the_handshake_ends_is_refused_or_waits),
        RIG_TEST(a_wrong_ack_in_syn_rcvd_is_reset_and_the_handshake_goes_on),
        RIG_TEST(a_retransmitted_syn_gets_the_same_syn_ack),
        RIG_TEST(a_repeated_syn_ack_gets_the_third_segment_again),
        RIG_TEST(a_segment_for_nobody_is_reset_but_never_a_reset),
        RIG_TEST(syn_with_fin_to_a_listener_is_dropped),
        RIG_TEST(a_connection_over_ipv6_opens_both_ways),
        RIG_TEST(a_dual_listener_takes_ipv4_too),
        RIG_TEST(keepinit_bounds_the_handshake),
        RIG_TEST(the_fourth_syn_may_have_no_option_but_mss),
        RIG_TEST(data_in_a_syn_that_crosses_waits_for_the_handshake),
        RIG_TEST(syn_with_fin_answers_no_connect),
        RIG_TEST(the_rst_of_a_bound_socket_has_its_ttl_and_tos),
        RIG_TEST(ecn_is_agreed_to_and_asked_for_when_told),
        RIG_TEST(icmp_ends_an_opening_by_each_systems_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
