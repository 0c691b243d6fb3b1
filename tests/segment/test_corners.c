/* Segments that no other file has: what contradicts something said before, what arrives for records, what is told about
 * it all afterwards (history, trace), and many connections at the same time. */
#include "support/rig.h"

#include <stdio.h>
#include <string.h>

static void data_beyond_a_known_fin_is_not_taken(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(101), .ack = L(1), .flags = FIN | ACK, .len = 100));
    tx_skip();
    rx(SEG(.seq = R(301), .ack = L(1), .flags = ACK, .len = 10));
    drop(LA_D_DATA_AFTER_FIN);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 100));
    state(LA_CLOSE_WAIT);
    assert_int_equal(u_recv(1000), 200);
    assert_int_equal(u_recv(1000), 0);
}

/* The contradiction the other way round: what lies beyond the FIN was there first, and is forgotten. */
static void a_fin_before_data_that_was_kept_ends_the_stream(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(2), .ack = L(1), .flags = ACK, .len = 10));
    rx(SEG(.seq = R(500), .ack = L(1), .flags = ACK, .len = 10));
    tx_skip();
    rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK));
    tx(SEG(.seq = L(1), .ack = R(2), .flags = ACK, .no_sack = true));
    state(LA_CLOSE_WAIT);
    assert_int_equal(u_recv(1000), 0);
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.out_of_order, 0);
    assert_int_equal(u_close(), 0);
    tx(SEG(.seq = L(1), .ack = R(2), .flags = FIN | ACK));
}

static void a_repeated_fin_in_close_wait_is_acknowledged(void **unused) {
    (void)unused;
    bring(LA_CLOSE_WAIT, PASSIVE);
    for (unsigned i = 0; i < 5; i++) {
        rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK));
        tx(SEG(.seq = L(1), .ack = R(2), .flags = ACK));
        drop(LA_D_SEQ_OLD);
    }
    state(LA_CLOSE_WAIT);
}

static void a_wrong_ack_after_a_simultaneous_open_is_reset(void **unused) {
    (void)unused;
    bring(LA_SYN_RCVD, ACTIVE);
    rx(SEG(.seq = R(1), .ack = L(7), .flags = ACK));
    tx(SEG(.seq = L(7), .flags = RST));
    state(LA_SYN_RCVD);
}

static void a_reset_after_a_simultaneous_open_is_a_refusal(void **unused) {
    (void)unused;
    bring(LA_SYN_RCVD, ACTIVE);
    rx(SEG(.seq = R(1), .flags = RST));
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ECONNREFUSED);
}

static void close_after_a_simultaneous_open_sends_fin(void **unused) {
    (void)unused;
    bring(LA_SYN_RCVD, ACTIVE);
    assert_int_equal(u_close(), 0);
    tx_skip();
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    struct la_segment s;
    if (tx_any(&s)) assert_int_equal(s.flags & FIN, FIN);
    state(LA_FIN_WAIT_1);
}

static void a_syn_in_the_window_ends_a_connection_by_rfc_793(void **unused) {
    (void)unused;
    setting("lastack.tcp_syn_strict", 0);
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(100), .ack = L(1), .flags = SYN | ACK));
    struct la_segment s;
    assert_true(tx_any(&s));
    assert_int_equal(s.flags & RST, RST);
    state(LA_CLOSED);
    assert_int_equal(u_error(), LA_ECONNRESET);
}

static void old_timestamps_meet_a_handshake_and_time_wait(void **unused) {
    (void)unused;
    rig.t->ts = true;
    bring(LA_SYN_RCVD, PASSIVE);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .ts = true, .ts_val = rig.t->ts_val - 1));
    drop(LA_D_PAWS);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    state(LA_SYN_RCVD);
    talk(1);
    rig.t->ts = true;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK, .ts = true, .ts_val = rig.t->ts_val - 1));
    drop(LA_D_TW_PAWS);
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    state(LA_TIME_WAIT);
}

static void a_segment_without_ack_goes_nowhere(void **unused) {
    (void)unused;
    static const enum la_state states[] = {LA_SYN_RCVD, LA_ESTABLISHED, LA_TIME_WAIT};
    for (unsigned i = 0; i < COUNT(states); i++) {
        talk(i);
        bring(states[i], PASSIVE | ORPHAN);
        struct la_conn_info info;
        assert_true(rig_info(&info));
        rx(SEG(.seq = info.rcv_nxt, .flags = PSH, .len = 5));
        drop(LA_D_ACK_MISSING);
        tx_none();
        state(states[i]);
    }
}

static void icmp_about_nothing_or_about_a_handshake_changes_nothing(void **unused) {
    (void)unused;
    rig.t->lport = 99;
    rx_icmp(3, 3, 0, 1);
    drop(LA_D_ICMP_STRAY);
    talk(1);
    bring(LA_SYN_RCVD, PASSIVE);
    rx_icmp(3, 3, 0, L(0));
    drop(LA_D_NONE);
    rx_icmp(3, 3, 0, L(5));
    drop(LA_D_ICMP_STRAY);
    state(LA_SYN_RCVD);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    u_accept();
}

static void too_many_orphans_are_reset(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_max_orphans", 1);
    bring(LA_FIN_WAIT_1, PASSIVE | ORPHAN);
    talk(1);
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_close(), 0);
    struct la_segment s;
    assert_true(tx_any(&s));
    assert_int_equal(s.flags & RST, RST);
    assert_int_equal(la_dropped(rig.stack, LA_D_ORPHAN_LIMIT), 1);
    state(LA_CLOSED);
    talk(0);
    state(LA_FIN_WAIT_1);
}

static void an_orphan_limit_of_zero_resets_every_close(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_max_orphans", 0);
    bring(LA_CLOSE_WAIT, PASSIVE);
    assert_int_equal(u_close(), 0);
    assert_int_equal(tx_skip(), 1);
    state(LA_CLOSED);
}

static void shutdown_in_syn_sent_gives_the_attempt_up(void **unused) {
    (void)unused;
    bring(LA_SYN_SENT, ACTIVE);
    assert_int_equal(u_shutdown(LA_SHUT_RDWR), 0);
    state(LA_CLOSED);
    advance(10000);
    tx_none();
}

static void closing_fin_wait_2_with_negative_linger2_ends_it(void **unused) {
    (void)unused;
    bring(LA_FIN_WAIT_2, PASSIVE);
    u_set(LA_IPPROTO_TCP, LA_TCP_LINGER2, -1);
    assert_int_equal(u_close(), 0);
    tx_skip();
    state(LA_CLOSED);
}

static void a_cookie_finds_the_accept_queue_full(void **unused) {
    (void)unused;
    setting("net.ipv4.tcp_syncookies", 2);
    u_listen(0);
    for (unsigned i = 0; i < 2; i++) {
        talk(i);
        rig.t->lport = 80;
        rx(SEG(.seq = R(0), .flags = SYN));
        tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    }
    talk(0);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    talk(1);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    drop(LA_D_ACCEPT_FULL);
    tx_none();
    talk(0);
    u_accept();
    talk(1);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 5));
    u_accept();
    assert_int_equal(u_recv(10), 5);
}

/* --- What is told afterwards --- */

static void cause(const struct la_conn_info *info, unsigned i, enum la_state to, const char *text) {
    char is[128];
    la_cause_text(&info->history[i], is, sizeof is);
    assert_int_equal(info->history[i].to, to);
    assert_string_equal(is, text);
}

static void history_tells_every_move_and_its_cause(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, ACTIVE);
    advance(1000);
    assert_int_equal(u_shutdown(LA_SHUT_WR), 0);
    rx(SEG(.seq = R(1), .ack = L(2), .flags = ACK));
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.nhistory, 4);
    assert_int_equal(info.moves, 4);
    cause(&info, 0, LA_SYN_SENT, "connect()");
    cause(&info, 1, LA_ESTABLISHED, "SYN+ACK arrived");
    cause(&info, 2, LA_FIN_WAIT_1, "shutdown()");
    cause(&info, 3, LA_FIN_WAIT_2, "ACK arrived");
    assert_int_equal(info.history[2].at - info.history[1].at, LA_SECOND);
    assert_int_equal(info.since, info.history[3].at);
    for (unsigned i = 1; i < info.nhistory; i++) assert_int_equal(info.history[i].from, info.history[i - 1].to);
}

/* The trace holds the moves of all connections, records included, each of them legal, and no serial is missing. */
static void the_trace_holds_whole_lives(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    advance(61000);
    talk(1);
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    advance(200000);
    tx_skip();
    struct la_trace t = {0};
    uint64_t serial = 0;
    enum la_state at[2] = {LA_CLOSED, LA_CLOSED};
    unsigned ends = 0;
    while (la_trace_next(rig.stack, serial, &t)) {
        assert_int_equal(t.serial, serial + 1);
        serial = t.serial;
        if (t.is_drop || t.peer.port < 4000) continue;
        assert_true(la_move_legal((enum la_state)t.move.from, (enum la_state)t.move.to));
        unsigned i = t.peer.port - 4000;
        assert_true(at[i] == t.move.from || t.move.from == LA_LISTEN);
        at[i] = (enum la_state)t.move.to;
        if (t.move.to == LA_CLOSED) ends += t.move.cause == LA_CAUSE_TIMER;
    }
    assert_int_equal(ends, 2);
    assert_int_equal(at[0], LA_CLOSED);
    assert_int_equal(at[1], LA_CLOSED);
}

static void snapshots_name_the_timers_that_run(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    u_set(LA_SOL_SOCKET, LA_SO_KEEPALIVE, 1);
    u_set(LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 90000);
    assert_int_equal(u_send(10), 10);
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.timer_at[LA_TIMER_KEEPALIVE] != LA_NEVER, true);
    within(info.timer_at[LA_TIMER_RETRANSMIT] - rig.now, 190 * LA_MS, 250 * LA_MS);
    within(info.timer_at[LA_TIMER_USER] - rig.now, 89 * LA_SECOND, 91 * LA_SECOND);
    assert_int_equal(info.timer_at[LA_TIMER_TIME_WAIT], LA_NEVER);
    assert_int_equal(info.send_queue, 10);
    assert_int_equal(info.segs_out, 1);
    assert_true(la_poll_at(rig.stack) <= info.timer_at[LA_TIMER_RETRANSMIT]);
}

/* Tables grow in steps while connections come and go; none is lost, and each is found once in a walk. */
static void thousands_of_connections_live_side_by_side(void **unused) {
    (void)unused;
    enum { N = 3000 };
    static struct talk all[N];
    u_listen(N);
    for (unsigned i = 0; i < N; i++) {
        *rig.t = (struct talk){.used = true, .lport = 80, .rport = (uint16_t)(4000 + i), .sock = -1, .wscale = -1};
        rig.t->irs = i * 77777;
        rx(SEG(.seq = R(0), .flags = SYN));
        tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
        all[i] = *rig.t;
    }
    for (unsigned i = 0; i < N; i++) {
        *rig.t = all[i];
        rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
        u_accept();
        all[i] = *rig.t;
    }
    for (unsigned i = 0; i < N; i += 2) {
        *rig.t = all[i];
        assert_int_equal(u_close(), 0);
        tx(SEG(.seq = L(1), .ack = R(1), .flags = FIN | ACK));
        rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
        tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
    }
    uint32_t count[LA_NSTATES], seen[LA_NSTATES] = {0};
    struct la_conn_info info;
    for (uint64_t cursor = 0; la_conn_next(rig.stack, &cursor, &info);) seen[info.state]++;
    la_conn_count(rig.stack, count);
    for (int s = 0; s < LA_NSTATES; s++) assert_int_equal(seen[s], count[s]);
    assert_int_equal(count[LA_TIME_WAIT], N / 2);
    assert_int_equal(count[LA_ESTABLISHED], N / 2);
    advance(61000);
    la_conn_count(rig.stack, count);
    assert_int_equal(count[LA_TIME_WAIT], 0);
    for (unsigned i = 1; i < N; i += 2) {
        *rig.t = all[i];
        state(LA_ESTABLISHED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(data_beyond_a_known_fin_is_not_taken),
        RIG_TEST(a_fin_before_data_that_was_kept_ends_the_stream),
        RIG_TEST(a_repeated_fin_in_close_wait_is_acknowledged),
        RIG_TEST(a_wrong_ack_after_a_simultaneous_open_is_reset),
        RIG_TEST(a_reset_after_a_simultaneous_open_is_a_refusal),
        RIG_TEST(close_after_a_simultaneous_open_sends_fin),
        RIG_TEST(a_syn_in_the_window_ends_a_connection_by_rfc_793),
        RIG_TEST(old_timestamps_meet_a_handshake_and_time_wait),
        RIG_TEST(a_segment_without_ack_goes_nowhere),
        RIG_TEST(icmp_about_nothing_or_about_a_handshake_changes_nothing),
        RIG_TEST(too_many_orphans_are_reset),
        RIG_TEST(an_orphan_limit_of_zero_resets_every_close),
        RIG_TEST(shutdown_in_syn_sent_gives_the_attempt_up),
        RIG_TEST(closing_fin_wait_2_with_negative_linger2_ends_it),
        RIG_TEST(a_cookie_finds_the_accept_queue_full),
        RIG_TEST(history_tells_every_move_and_its_cause),
        RIG_TEST(the_trace_holds_whole_lives),
        RIG_TEST(snapshots_name_the_timers_that_run),
        RIG_TEST(thousands_of_connections_live_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
