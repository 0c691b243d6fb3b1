/* TIME_WAIT: it repeats the last ACK, starts 2 MSL again, gives its tuple to a newer SYN and not to an older one, and
 * withstands RSTs when told to. RFC 9293, 3.10.7.4; RFC 1122, 4.2.2.13; RFC 6191; RFC 1337. */
#include "support/rig.h"

#define TWO_MSL 60000 /* Of the linux profile, ms. */

static void lasts_twice_the_msl(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_true(info.compact);
    within(info.timer_at[LA_TIMER_TIME_WAIT] - rig.now, (TWO_MSL - 10) * LA_MS, (TWO_MSL + 100) * LA_MS);
    advance(TWO_MSL - 100);
    state(LA_TIME_WAIT);
    advance(200);
    state(LA_CLOSED);
    tx_none();
}

static void lasts_240_s_by_the_book(void **unused) {
    (void)unused;
    rig_restart("rfc");
    bring(LA_TIME_WAIT, ACTIVE | ORPHAN);
    advance(239900);
    state(LA_TIME_WAIT);
    advance(300);
    state(LA_CLOSED);
}

static void msl_is_a_setting_and_fin_timeout_is_not_it(void **unused) {
    (void)unused;
    setting("net.inet.tcp.msl", 5000);
    setting("net.ipv4.tcp_fin_timeout", 1);
    bring(LA_TIME_WAIT, ACTIVE | ORPHAN);
    advance(9900);
    state(LA_TIME_WAIT);
    advance(300);
    state(LA_CLOSED);
}

static void a_repeated_fin_is_acknowledged_and_starts_2_msl_again(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    advance(TWO_MSL - 1000);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    tx_none();
    assert_int_equal(la_counter(rig.stack, LA_C_TIME_WAIT_REACKED), 1);
    advance(TWO_MSL - 100);
    state(LA_TIME_WAIT);
    advance(200);
    state(LA_CLOSED);
}

static void an_owner_sees_eof_and_may_close_later(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE);
    assert_int_equal(u_recv(1), 0);
    assert_int_equal(u_send(1), -LA_EPIPE);
    advance(TWO_MSL + 200);
    state(LA_CLOSED);
    assert_int_equal(u_recv(1), 0);
    assert_int_equal(u_close(), 0);
    tx_none();
}

static void data_that_was_not_read_survives_into_time_wait(void **unused) {
    (void)unused;
    bring(LA_FIN_WAIT_2, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK, .len = 100));
    tx(SEG(.seq = L(2), .ack = R(102), .flags = ACK));
    state(LA_TIME_WAIT);
    assert_int_equal(u_recv(200), 100);
    assert_int_equal(u_recv(200), 0);
    assert_int_equal(u_close(), 0);
    tx_none();
    state(LA_TIME_WAIT);
}

static void a_syn_with_a_higher_number_takes_the_tuple(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    uint32_t last = L(2);
    talk_again(R(1000));
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    assert_true((int32_t)(L(0) - last) > 0); /* The new sequence space lies beyond the old one. */
    state(LA_SYN_RCVD);
    assert_int_equal(la_counter(rig.stack, LA_C_TIME_WAIT_REUSED), 1);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    u_accept();
    state(LA_ESTABLISHED);
}

static void a_syn_with_a_lower_number_is_answered_with_the_old_ack(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    rx(SEG(.seq = R(0) - 1000, .flags = SYN));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    drop(LA_D_TW_OLD);
    state(LA_TIME_WAIT);
}

static void a_syn_with_a_lower_number_may_be_dropped(void **unused) {
    (void)unused;
    setting("lastack.tcp_tw_syn", 1);
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    rx(SEG(.seq = R(0) - 1000, .flags = SYN));
    tx_none();
    drop(LA_D_TW_OLD);
    state(LA_TIME_WAIT);
}

/* RFC 6191: with timestamps on both sides the timestamp decides. */
static void a_syn_with_a_newer_timestamp_takes_the_tuple_whatever_its_number(void **unused) {
    (void)unused;
    rig.t->ts = true;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    rig.t->ts_val += 500;
    talk_again(R(0) - 100000);
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK, .ts = true, .ts_ecr = rig.t->ts_val));
    state(LA_SYN_RCVD);
}

static void a_syn_with_an_older_timestamp_does_not(void **unused) {
    (void)unused;
    rig.t->ts = true;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    rx(SEG(.seq = R(5000), .flags = SYN, .ts = true, .ts_val = rig.t->ts_val - 100));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    drop(LA_D_TW_PAWS);
    state(LA_TIME_WAIT);
}

static void without_a_listener_no_syn_takes_the_tuple(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, ACTIVE | ORPHAN);
    rx(SEG(.seq = R(5000), .flags = SYN));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    state(LA_TIME_WAIT);
}

static void an_rst_ends_it_unless_rfc_1337_is_on(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    rx(SEG(.seq = R(2), .flags = RST));
    tx_none();
    state(LA_CLOSED);
}

static void an_rst_does_not_end_it_when_rfc_1337_is_on(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_rfc1337", 1);
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    rx(SEG(.seq = R(2), .flags = RST));
    tx_none();
    drop(LA_D_TW_RST);
    state(LA_TIME_WAIT);
}

/* The hazard of RFC 1337: the answer to an old SYN provokes an RST. */
static void the_ack_of_an_old_syn_provokes_an_rst_that_ends_it(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    rx(SEG(.seq = R(0) - 1000, .flags = SYN));
    struct la_segment s;
    assert_true(tx_any(&s));
    rx(SEG(.seq = s.ack, .flags = RST));
    state(LA_CLOSED);
}

static void connect_refuses_a_tuple_in_time_wait(void **unused) {
    (void)unused;
    rig.t->ts = true;
    rig.t->sock = u_socket();
    u_set(LA_SOL_SOCKET, LA_SO_REUSEADDR, 1);
    bring(LA_TIME_WAIT, ACTIVE | ORPHAN);
    struct la_endpoint local = rig_local(), peer = rig_peer();
    advance(2000);
    la_sock sock = u_socket();
    int one = 1;
    la_setsockopt(rig.stack, sock, LA_SOL_SOCKET, LA_SO_REUSEADDR, &one, sizeof one, rig.now);
    assert_int_equal(la_bind(rig.stack, sock, &local), 0);
    assert_int_equal(la_connect(rig.stack, sock, &peer, rig.now), -LA_EADDRNOTAVAIL);
    tx_none();
}

static void connect_may_reuse_it_with_tw_reuse_after_a_second(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_tw_reuse", 1);
    rig.t->ts = true;
    rig.t->sock = u_socket();
    u_set(LA_SOL_SOCKET, LA_SO_REUSEADDR, 1);
    bring(LA_TIME_WAIT, ACTIVE | ORPHAN);
    struct la_endpoint local = rig_local(), peer = rig_peer();
    uint32_t last = L(2);
    rig.t->sock = u_socket();
    int one = 1;
    la_setsockopt(rig.stack, rig.t->sock, LA_SOL_SOCKET, LA_SO_REUSEADDR, &one, sizeof one, rig.now);
    assert_int_equal(la_bind(rig.stack, rig.t->sock, &local), 0);
    advance(500);
    assert_int_equal(la_connect(rig.stack, rig.t->sock, &peer, rig.now), -LA_EADDRNOTAVAIL);
    advance(1000);
    talk_again(R(100000));
    assert_int_equal(la_connect(rig.stack, rig.t->sock, &peer, rig.now), -LA_EINPROGRESS);
    tx(SEG(.seq = L(0), .flags = SYN));
    assert_true((int32_t)(L(0) - last) > 0);
    state(LA_SYN_SENT);
}

static void connect_never_reuses_it_without_timestamps(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_tw_reuse", 1);
    rig.t->sock = u_socket();
    u_set(LA_SOL_SOCKET, LA_SO_REUSEADDR, 1);
    bring(LA_TIME_WAIT, ACTIVE | ORPHAN);
    struct la_endpoint local = rig_local(), peer = rig_peer();
    la_sock sock = u_socket();
    int one = 1;
    la_setsockopt(rig.stack, sock, LA_SOL_SOCKET, LA_SO_REUSEADDR, &one, sizeof one, rig.now);
    assert_int_equal(la_bind(rig.stack, sock, &local), 0);
    advance(5000);
    assert_int_equal(la_connect(rig.stack, sock, &peer, rig.now), -LA_EADDRNOTAVAIL);
}

static void a_listener_binds_beside_it_with_reuseaddr(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    assert_int_equal(la_close(rig.stack, rig.listener, rig.now), 0);
    struct la_endpoint any = {.addr = la_addr4(0, 0, 0, 0), .port = 80};
    la_sock plain = u_socket(), reuse = u_socket();
    assert_int_equal(la_bind(rig.stack, plain, &any), -LA_EADDRINUSE);
    int one = 1;
    assert_int_equal(la_setsockopt(rig.stack, reuse, LA_SOL_SOCKET, LA_SO_REUSEADDR, &one, sizeof one, rig.now), 0);
    assert_int_equal(la_bind(rig.stack, reuse, &any), 0);
    assert_int_equal(la_listen(rig.stack, reuse, 5), 0);
}

static void the_oldest_record_gives_way_when_their_number_is_bounded(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_max_tw_buckets", 3);
    for (unsigned i = 0; i < 5; i++) {
        talk(i);
        bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
        advance(100);
    }
    uint32_t count[LA_NSTATES];
    la_conn_count(rig.stack, count);
    assert_int_equal(count[LA_TIME_WAIT], 3);
    assert_int_equal(la_dropped(rig.stack, LA_D_TW_FULL), 2);
    talk(0);
    state(LA_CLOSED);
    talk(4);
    state(LA_TIME_WAIT);
}

static void zero_msl_means_no_time_wait_and_a_repeated_fin_gets_rst(void **unused) {
    (void)unused;
    setting("net.inet.tcp.msl", 0);
    bring(LA_FIN_WAIT_2, PASSIVE | ORPHAN);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    advance(100);
    state(LA_CLOSED);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .flags = RST)); /* What TIME_WAIT is there to prevent. */
}

static void many_records_end_in_time_and_cost_no_packet(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < RIG_TALKS; i++) {
        talk(i);
        bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    }
    advance(TWO_MSL + 1000);
    uint32_t count[LA_NSTATES];
    la_conn_count(rig.stack, count);
    assert_int_equal(count[LA_TIME_WAIT], 0);
    tx_none();
}

static void by_bsds_rule_no_syn_takes_the_tuple(void **unused) {
    (void)unused;
    for (int strict = 1; strict >= 0; strict--) {
        rig_restart("freebsd");
        setting("lastack.tcp_syn_strict", strict);
        bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
        rx(SEG(.seq = R(0) - 1000, .flags = SYN));
        tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
        drop(LA_D_TW_OLD);
        rx(SEG(.seq = R(2), .flags = SYN));
        drop(LA_D_TW_OLD);
        if (strict)
            tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
        else
            tx(SEG(.seq = L(2), .ack = R(2), .flags = RST | ACK, .wnd = WND0));
        state(strict ? LA_TIME_WAIT : LA_CLOSED);
    }
}

static void the_administrator_ends_it_silently(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    struct la_endpoint local = rig_local(), peer = rig_peer();
    assert_int_equal(la_conn_abort(rig.stack, &local, &peer, rig.now), 0);
    tx_none();
    state(LA_CLOSED);
    assert_int_equal(la_conn_abort(rig.stack, &local, &peer, rig.now), -LA_ENOENT);
    assert_int_equal(la_conn_abort(rig.stack, NULL, &peer, rig.now), -LA_EFAULT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(lasts_twice_the_msl),
        RIG_TEST(lasts_240_s_by_the_book),
        RIG_TEST(msl_is_a_setting_and_fin_timeout_is_not_it),
        RIG_TEST(a_repeated_fin_is_acknowledged_and_starts_2_msl_again),
        RIG_TEST(an_owner_sees_eof_and_may_close_later),
        RIG_TEST(data_that_was_not_read_survives_into_time_wait),
        RIG_TEST(a_syn_with_a_higher_number_takes_the_tuple),
        RIG_TEST(a_syn_with_a_lower_number_is_answered_with_the_old_ack),
        RIG_TEST(a_syn_with_a_lower_number_may_be_dropped),
        RIG_TEST(a_syn_with_a_newer_timestamp_takes_the_tuple_whatever_its_number),
        RIG_TEST(a_syn_with_an_older_timestamp_does_not),
        RIG_TEST(without_a_listener_no_syn_takes_the_tuple),
        RIG_TEST(an_rst_ends_it_unless_rfc_1337_is_on),
        RIG_TEST(an_rst_does_not_end_it_when_rfc_1337_is_on),
        RIG_TEST(the_ack_of_an_old_syn_provokes_an_rst_that_ends_it),
        RIG_TEST(connect_refuses_a_tuple_in_time_wait),
        RIG_TEST(connect_may_reuse_it_with_tw_reuse_after_a_second),
        RIG_TEST(connect_never_reuses_it_without_timestamps),
        RIG_TEST(a_listener_binds_beside_it_with_reuseaddr),
        RIG_TEST(the_oldest_record_gives_way_when_their_number_is_bounded),
        RIG_TEST(zero_msl_means_no_time_wait_and_a_repeated_fin_gets_rst),
        RIG_TEST(many_records_end_in_time_and_cost_no_packet),
        RIG_TEST(by_bsds_rule_no_syn_takes_the_tuple),
        RIG_TEST(the_administrator_ends_it_silently),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
