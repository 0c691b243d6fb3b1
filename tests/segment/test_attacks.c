/* What somebody who cannot see the connection may try: RFC 5961 (blind RST, SYN, ACK), RFC 5927 (forged ICMP), RFC 6528
 * (guessing sequence numbers). */
#include "support/rig.h"

#include <string.h>

static void an_rst_inside_the_window_is_challenged(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(2), .flags = RST));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    drop(LA_D_RST_CHALLENGE);
    state(LA_ESTABLISHED);
    /* The real peer answers the challenge with an exact RST. */
    rx(SEG(.seq = R(1), .flags = RST));
    state(LA_CLOSED);
}

static void an_rst_outside_the_window_is_ignored(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(0), .flags = RST));
    tx_none();
    drop(LA_D_RST_BEYOND);
    rx(SEG(.seq = rig.t->edge, .flags = RST));
    tx_none();
    drop(LA_D_RST_BEYOND);
    state(LA_ESTABLISHED);
}

static void a_syn_inside_the_window_is_challenged(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1000), .flags = SYN));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    drop(LA_D_SYN_CHALLENGE);
    state(LA_ESTABLISHED);
    assert_int_equal(la_counter(rig.stack, LA_C_CHALLENGE_ACKS), 1);
}

static void challenge_acks_are_limited_per_second_and_connection(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_challenge_ack_limit", 3);
    setting("net.ipv4.tcp_invalid_ratelimit", 0);
    talk(1);
    bring(LA_ESTABLISHED, PASSIVE);
    talk(0);
    bring(LA_ESTABLISHED, PASSIVE);
    for (uint32_t i = 0; i < 10; i++) rx(SEG(.seq = R(1000 + i), .flags = SYN));
    assert_int_equal(tx_skip(), 3);
    assert_int_equal(la_dropped(rig.stack, LA_D_CHALLENGE_RATE), 7);
    /* Another connection has a limit of its own (RFC 5961, 7; the shared one leaked). */
    talk(1);
    rx(SEG(.seq = R(1000), .flags = SYN));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    talk(0);
    advance(1100);
    rx(SEG(.seq = R(1000), .flags = SYN));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
}

static void no_limit_when_it_is_zero(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_challenge_ack_limit", 0);
    setting("net.ipv4.tcp_invalid_ratelimit", 0);
    bring(LA_ESTABLISHED, PASSIVE);
    for (uint32_t i = 0; i < 300; i++) rx(SEG(.seq = R(1000 + i), .flags = SYN));
    assert_int_equal(tx_skip(), 300);
}

static void rfc_793_rules_are_a_setting(void **unused) {
    (void)unused;
    setting("lastack.tcp_rst_strict", 0);
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1000), .flags = RST));
    tx_none();
    state(LA_CLOSED);
}

static void data_with_an_ack_of_the_future_is_not_taken(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = ACK, .len = 10));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    drop(LA_D_ACK_FUTURE);
    assert_int_equal(u_recv(10), -LA_EAGAIN);
}

/* RFC 5961, 5.2: SND.UNA - MAX.SND.WND <= SEG.ACK. */
static void data_with_an_ack_far_in_the_past_is_not_taken(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1) - 65536, .flags = ACK, .len = 10));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    drop(LA_D_ACK_OLD);
    assert_int_equal(u_recv(10), -LA_EAGAIN);
    rx(SEG(.seq = R(1), .ack = L(1) - 65535, .flags = ACK, .len = 10));
    assert_int_equal(u_recv(10), 10);
}

static void a_bad_checksum_is_a_named_drop(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    uint8_t packet[100];
    struct la_segment s = {.src = rig_peer(), .dst = rig_local(), .seq = R(1), .ack = L(1), .flags = RST | ACK};
    s.wscale = -1;
    s.ttl = 64;
    size_t len = la_segment_build(&s, packet, sizeof packet);
    rx_raw(packet, len);
    drop(LA_D_TCP_CSUM);
    state(LA_ESTABLISHED);
}

/* --- ICMP --- */

enum { UNREACH = 3, NET = 0, HOST = 1, PORT = 3, FRAG_NEEDED = 4 };

static void a_port_unreachable_ends_a_connect(void **unused) {
    (void)unused;
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    rx_icmp(UNREACH, PORT, 0, L(0));
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ECONNREFUSED);
}

static void a_host_unreachable_is_soft_and_told_only_at_the_end(void **unused) {
    (void)unused;
    setting("lastack.tcp_icmp_opening", 2);
    setting("net.ipv4.tcp_syn_retries", 2);
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    rx_icmp(UNREACH, HOST, 0, L(0));
    state(LA_SYN_SENT);
    assert_int_equal(events() & LA_EV_ERROR, 0);
    advance(8000);
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_EHOSTUNREACH);
}

static void an_icmp_error_with_a_sequence_not_in_flight_is_ignored(void **unused) {
    (void)unused;
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    rx_icmp(UNREACH, PORT, 0, L(1));
    drop(LA_D_ICMP_STRAY);
    rx_icmp(UNREACH, PORT, 0, L(0) - 1);
    drop(LA_D_ICMP_STRAY);
    state(LA_SYN_SENT);
}

/* RFC 1122, 4.2.3.9 would abort; RFC 5927, 4 says not to in synchronized states. */
static void a_hard_icmp_error_never_ends_an_established_connection(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(100), 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 100));
    rx_icmp(UNREACH, PORT, 0, L(1));
    state(LA_ESTABLISHED);
    rx(SEG(.seq = R(1), .ack = L(101), .flags = ACK));
    assert_int_equal(u_send(100), 100);
}

static void fragmentation_needed_makes_segments_smaller(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(1460), 1460);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 1460));
    rx_icmp(UNREACH, FRAG_NEEDED, 1000, L(1));
    /* It is sent again in pieces that fit: at once, or by the timer. */
    struct la_segment s;
    wait_tx(1000);
    assert_true(tx_any(&s));
    assert_int_equal(s.seq, L(1));
    assert_int_equal(s.len, 960);
    tx_skip();
    rx(SEG(.seq = R(1), .ack = L(1461), .flags = ACK));
    assert_int_equal(u_send(1460), 1460);
    tx(SEG(.seq = L(1461), .ack = R(1), .flags = ACK, .len = 960));
}

static void fragmentation_needed_for_nothing_in_flight_is_ignored(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx_icmp(UNREACH, FRAG_NEEDED, 600, L(5000));
    drop(LA_D_ICMP_STRAY);
    assert_int_equal(u_send(1460), 1460);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 1460));
}

static void icmpv6_errors_mean_the_same(void **unused) {
    (void)unused;
    rig.t->v6 = true;
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    rx_icmp(1, 4, 0, L(0)); /* Destination unreachable, port. */
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ECONNREFUSED);
}

/* --- Initial sequence numbers --- */

static uint32_t isn_now(unsigned n) {
    talk(n);
    rig.t->iss_known = false;
    rig.t->lport = 0;
    rig.t->sock = u_socket();
    struct la_endpoint local = rig_local();
    local.port = 5000;
    int one = 1;
    la_setsockopt(rig.stack, rig.t->sock, LA_SOL_SOCKET, LA_SO_REUSEADDR, &one, sizeof one, rig.now);
    assert_int_equal(la_bind(rig.stack, rig.t->sock, &local), 0);
    u_connect();
    uint32_t isn = L(0);
    tx_skip();
    assert_int_equal(u_close(), 0);
    return isn;
}

/* RFC 6528: a clock of 4 us (or coarser) plus a secret of the tuple. */
static void initial_sequence_numbers_grow_for_one_tuple(void **unused) {
    (void)unused;
    uint32_t before = isn_now(0);
    for (unsigned i = 0; i < 20; i++) {
        advance(1000);
        uint32_t isn = isn_now(0);
        within(isn - before, 1, 1u << 26);
        before = isn;
    }
}

static void initial_sequence_numbers_of_tuples_are_unrelated(void **unused) {
    (void)unused;
    uint32_t distance[8], near = 0;
    for (unsigned i = 0; i < COUNT(distance); i++) {
        uint32_t a = isn_now(2 * i), b = isn_now(2 * i + 1);
        distance[i] = b - a;
        if (distance[i] < 1u << 20 || distance[i] > 0u - (1u << 20)) near++;
    }
    assert_true(near <= 1);
    for (unsigned i = 1; i < COUNT(distance); i++) assert_true(distance[i] != distance[0]);
}

static void ports_differ_from_connect_to_connect(void **unused) {
    (void)unused;
    uint16_t port[8];
    unsigned next = 0;
    for (unsigned i = 0; i < COUNT(port); i++) {
        talk(i);
        u_connect();
        L(0);
        tx_skip();
        port[i] = rig.t->lport;
        within(port[i], 32768, 60999);
        if (i && port[i] == port[i - 1] + 1) next++;
    }
    assert_true(next < COUNT(port) - 1);
}

static void challenges_keep_a_distance_and_bsd_has_none(void **unused) {
    (void)unused;
    static const struct {
        const char *profile;
        unsigned answers; /* To ten SYNs within 900 ms. */
    } row[] = {{"linux", 2}, {"freebsd", 5}, {"rfc", 2}};
    for (unsigned i = 0; i < COUNT(row); i++) {
        rig_restart(row[i].profile);
        bring(LA_ESTABLISHED, PASSIVE);
        advance(1000 - rig.now / LA_MS % 1000); /* To the beginning of a second. */
        tx_skip();
        unsigned answers = 0;
        for (uint32_t n = 0; n < 10; n++, advance(90)) {
            rx(SEG(.seq = R(1000 + n), .flags = SYN));
            answers += tx_skip();
        }
        assert_int_equal(answers, row[i].answers);
    }
}

static void a_blind_segment_teaches_no_timestamp(void **unused) {
    (void)unused;
    rig.t->ts = true;
    bring(LA_ESTABLISHED, PASSIVE);
    uint32_t before = rig.t->ts_val;
    rx(SEG(.seq = R(1), .ack = L(5000), .flags = ACK, .ts = true, .ts_val = before + 100000));
    drop(LA_D_ACK_FUTURE);
    tx_skip();
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10, .ts = true, .ts_val = before + 1));
    drop(LA_D_NONE);
    tx(SEG(.seq = L(1), .ack = R(11), .flags = ACK, .ts = true, .ts_ecr = before + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(an_rst_inside_the_window_is_challenged),
        RIG_TEST(an_rst_outside_the_window_is_ignored),
        RIG_TEST(a_syn_inside_the_window_is_challenged),
        RIG_TEST(challenge_acks_are_limited_per_second_and_connection),
        RIG_TEST(no_limit_when_it_is_zero),
        RIG_TEST(rfc_793_rules_are_a_setting),
        RIG_TEST(data_with_an_ack_of_the_future_is_not_taken),
        RIG_TEST(data_with_an_ack_far_in_the_past_is_not_taken),
        RIG_TEST(a_bad_checksum_is_a_named_drop),
        RIG_TEST(a_port_unreachable_ends_a_connect),
        RIG_TEST(a_host_unreachable_is_soft_and_told_only_at_the_end),
        RIG_TEST(an_icmp_error_with_a_sequence_not_in_flight_is_ignored),
        RIG_TEST(a_hard_icmp_error_never_ends_an_established_connection),
        RIG_TEST(fragmentation_needed_makes_segments_smaller),
        RIG_TEST(fragmentation_needed_for_nothing_in_flight_is_ignored),
        RIG_TEST(icmpv6_errors_mean_the_same),
        RIG_TEST(initial_sequence_numbers_grow_for_one_tuple),
        RIG_TEST(initial_sequence_numbers_of_tuples_are_unrelated),
        RIG_TEST(ports_differ_from_connect_to_connect),
        RIG_TEST(challenges_keep_a_distance_and_bsd_has_none),
        RIG_TEST(a_blind_segment_teaches_no_timestamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
