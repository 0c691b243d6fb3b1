/* Receiving: delayed ACKs (RFC 1122, 4.2.3.2; RFC 5681, 4.2), data out of order, the window and its silly-window
 * avoidance (RFC 9293, 3.8.6.2.2). */
#include "support/rig.h"

#define DATA(at, n) rx(SEG(.seq = R(at), .ack = L(1), .flags = ACK, .len = (n)))

static void open_without_quickacks(void) {
    setting("lastack.tcp_quickacks", 0);
    bring(LA_ESTABLISHED, PASSIVE);
}

static void one_segment_is_acknowledged_after_the_delay(void **unused) {
    (void)unused;
    open_without_quickacks();
    DATA(1, 1460);
    tx_none();
    within(wait_tx(500), 39, 45);
    tx(SEG(.seq = L(1), .ack = R(1461), .flags = ACK));
    tx_none();
    assert_int_equal(la_counter(rig.stack, LA_C_DELAYED_ACKS), 1);
}

static void every_second_segment_is_acknowledged_at_once(void **unused) {
    (void)unused;
    open_without_quickacks();
    for (uint32_t i = 0; i < 10; i++) {
        DATA(1 + i * 1460, 1460);
        if (i % 2 == 0)
            tx_none();
        else
            tx(SEG(.seq = L(1), .ack = R(1 + (i + 1) * 1460), .flags = ACK));
    }
}

static void a_young_connection_acknowledges_at_once(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    for (uint32_t i = 0; i < 16; i++) {
        DATA(1 + i * 100, 100);
        tx(SEG(.seq = L(1), .ack = R(101 + i * 100), .flags = ACK));
    }
    DATA(1601, 100);
    tx_none();
}

static void an_answer_carries_the_ack(void **unused) {
    (void)unused;
    open_without_quickacks();
    DATA(1, 100);
    assert_int_equal(u_recv(100), 100);
    assert_int_equal(u_send(10), 10);
    tx(SEG(.seq = L(1), .ack = R(101), .flags = ACK, .len = 10));
    rx(SEG(.seq = R(101), .ack = L(11), .flags = ACK));
    advance(500);
    tx_none();
}

static void quickack_can_be_asked_for(void **unused) {
    (void)unused;
    open_without_quickacks();
    u_set(LA_IPPROTO_TCP, LA_TCP_QUICKACK, 1);
    DATA(1, 100);
    tx(SEG(.seq = L(1), .ack = R(101), .flags = ACK));
}

static void data_beyond_a_gap_is_kept_and_answered_at_once(void **unused) {
    (void)unused;
    open_without_quickacks();
    DATA(101, 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    assert_int_equal(u_recv(10), -LA_EAGAIN);
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.out_of_order, 100);
    assert_int_equal(la_counter(rig.stack, LA_C_OUT_OF_ORDER), 1);
    DATA(1, 100);
    tx(SEG(.seq = L(1), .ack = R(201), .flags = ACK));
    assert_int_equal(u_recv(1000), 200);
}

static void overlapping_retransmissions_deliver_every_byte_once(void **unused) {
    (void)unused;
    open_without_quickacks();
    DATA(1, 100);
    DATA(51, 100);
    DATA(1, 300);
    DATA(250, 100);
    DATA(100, 10);
    advance(100);
    assert_int_equal(u_recv(1000), 349);
}

static void a_segment_across_the_right_edge_is_cut(void **unused) {
    (void)unused;
    open_without_quickacks();
    uint32_t edge = rig.t->edge;
    rx(SEG(.seq = edge - 10, .ack = L(1), .flags = ACK, .len = 1000));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.out_of_order, 10);
}

static void an_old_segment_with_a_new_end_is_taken(void **unused) {
    (void)unused;
    open_without_quickacks();
    DATA(1, 100);
    DATA(51, 60);
    advance(100);
    assert_int_equal(u_recv(1000), 110);
}

/* --- The window --- */

static uint32_t fill_window(void) {
    uint32_t at = 1;
    for (unsigned i = 0; i < 400 && rig.t->edge - R(at) >= 1; i++) {
        uint32_t room = rig.t->edge - R(at), n = room < 1460 ? room : 1460;
        DATA(at, n);
        at += n;
        advance(50);
        tx_skip();
    }
    return at;
}

static void a_reader_that_does_not_read_closes_the_window(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    uint32_t at = fill_window();
    assert_int_equal(rig.t->edge, R(at));
    assert_int_equal(rig.t->wnd, 0);
    within(at, 60000, 400000);
    /* A probe of one byte is answered with the closed window. */
    DATA(at, 1);
    tx(SEG(.seq = L(1), .ack = R(at), .flags = ACK, .wnd = WND0));
    state(LA_ESTABLISHED);
    int64_t n = 0, total = 0;
    while ((n = u_recv(1 << 20)) > 0) total += n;
    assert_int_equal(total, at - 1);
}

static void the_right_edge_never_moves_left(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    uint32_t at = 1, edge = rig.t->edge;
    for (unsigned i = 0; i < 30; i++) {
        DATA(at, 777);
        at += 777;
        advance(50);
        struct la_segment s;
        while (tx_any(&s)) {
            assert_true((int32_t)(s.ack + s.wnd - edge) >= 0);
            edge = s.ack + s.wnd;
        }
    }
}

/* RFC 7323, 2.4: rounding to the scale may seem to take a little back, and what was once in the window is honoured. */
static void a_scaled_window_honours_what_it_once_offered(void **unused) {
    (void)unused;
    rig.t->wscale = 2;
    bring(LA_ESTABLISHED, PASSIVE);
    uint32_t at = 1, edge = R(1);
    for (unsigned i = 0; i < 60; i++) {
        DATA(at, 777);
        at += 777;
        advance(50);
        struct la_segment s;
        while (tx_any(&s)) {
            uint32_t now = s.ack + ((uint32_t)s.wnd << rig.t->scale);
            assert_true((int32_t)(now - edge) > -(1 << rig.t->scale));
            if ((int32_t)(now - edge) > 0) edge = now;
        }
    }
    rx(SEG(.seq = edge - 1, .ack = L(1), .flags = ACK, .len = 1));
    drop(LA_D_NONE);
    rx(SEG(.seq = edge, .ack = L(1), .flags = ACK, .len = 1));
    drop(LA_D_SEQ_BEYOND);
}

/* A program that reads as fast as data comes sends no ACK of its own: the window is as open as it can be. */
static void reading_from_an_open_window_sends_nothing(void **unused) {
    (void)unused;
    open_without_quickacks();
    for (uint32_t i = 0; i < 4; i++) {
        DATA(1 + i * 100, 100);
        assert_int_equal(u_recv(100), 100);
        if (i % 2 == 0)
            tx_none();
        else
            tx(SEG(.seq = L(1), .ack = R(101 + i * 100), .flags = ACK));
    }
}

static void a_closed_window_opens_by_a_worthwhile_step_only(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    uint32_t at = fill_window();
    assert_int_equal(u_recv(100), 100);
    tx_none();
    advance(300);
    tx_none();
    DATA(at, 1); /* Nor does a probe's answer give crumbs away. */
    tx(SEG(.seq = L(1), .ack = R(at), .flags = ACK, .wnd = WND0));
    for (unsigned i = 0; i < 200 && rig.t->wnd == 0; i++) {
        u_recv(100);
        tx_skip();
    }
    assert_true(rig.t->wnd >= 1460);
}

static void reading_opens_the_window_with_an_update(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    uint32_t at = fill_window();
    assert_true(u_recv(60000) > 0);
    struct la_segment s;
    assert_true(tx_any(&s));
    assert_int_equal(s.ack, R(at));
    assert_true(s.wnd > 30000);
}

static void ack_and_rst_are_taken_while_the_window_is_closed(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    uint32_t at = fill_window();
    assert_int_equal(u_send(100), 100);
    tx_skip();
    rx(SEG(.seq = R(at), .ack = L(101), .flags = ACK));
    struct la_conn_info info;
    assert_true(rig_info(&info));
    assert_int_equal(info.send_queue, 0);
    /* RFC 9293, 3.10.7.4: RST and valid ACKs count even then. */
    rx(SEG(.seq = R(at), .ack = L(101), .flags = RST | ACK));
    state(LA_CLOSED);
}

static void a_small_receive_buffer_is_a_small_window(void **unused) {
    (void)unused;
    rig.t->sock = u_socket();
    int size = 8192, back = 0;
    size_t len = sizeof back;
    u_set(LA_SOL_SOCKET, LA_SO_RCVBUF, size);
    assert_int_equal(la_getsockopt(rig.stack, rig.t->sock, LA_SOL_SOCKET, LA_SO_RCVBUF, &back, &len), 0);
    assert_int_equal(back, 2 * size); /* Linux gives back the double. */
    u_connect();
    L(0);
    tx_skip();
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    tx_skip();
    within(rig.t->edge - R(1), 4096, 16384);
}

static void peek_leaves_data_and_consume_takes_it(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    DATA(1, 1000);
    struct la_span span[4];
    unsigned count = 0;
    assert_int_equal(la_peek(rig.stack, rig.t->sock, span, 4, &count), 1000);
    assert_true(count >= 1);
    assert_int_equal(la_consume(rig.stack, rig.t->sock, 400, rig.now), 0);
    assert_int_equal(la_consume(rig.stack, rig.t->sock, 601, rig.now), -LA_EINVAL);
    rig.t->read = 400;
    char byte[10];
    assert_int_equal(la_recv(rig.stack, rig.t->sock, byte, 10, LA_MSG_PEEK, rig.now), 10);
    assert_int_equal(u_recv(1000), 600);
}

static void events_are_edges_and_ready_is_the_level(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    DATA(1, 100);
    assert_int_equal(events() & LA_EV_READABLE, LA_EV_READABLE);
    assert_int_equal(events(), 0);
    assert_int_equal(la_ready(rig.stack, rig.t->sock) & LA_EV_READABLE, LA_EV_READABLE);
    assert_int_equal(u_recv(100), 100);
    assert_int_equal(la_ready(rig.stack, rig.t->sock) & LA_EV_READABLE, 0);
    DATA(101, 100);
    assert_int_equal(events() & LA_EV_READABLE, LA_EV_READABLE);
}

static void a_bsd_receiver_acknowledges_every_second_segment(void **unused) {
    (void)unused;
    rig_restart("freebsd");
    bring(LA_ESTABLISHED, PASSIVE);
    DATA(1, 1460);
    DATA(1461, 1460);
    tx(SEG(.seq = L(1), .ack = R(2921), .flags = ACK));
    assert_int_equal(u_recv(10000), 2920);
}

/* lastack.tcp_window_rule: BSD takes what fits, told or not. */
static void what_fits_is_taken_by_bsd_and_what_was_told_by_others(void **unused) {
    (void)unused;
    static const char *const profiles[] = {"linux", "freebsd", "rfc"};
    for (unsigned i = 0; i < COUNT(profiles); i++) {
        rig_restart(profiles[i]);
        setting("net.ipv4.tcp_moderate_rcvbuf", 0);
        setting("net.inet.tcp.recvspace", 100000); /* Without a scale, 65535 of it can be told. */
        bring(LA_ESTABLISHED, PASSIVE);
        assert_int_equal(rig.t->edge, R(65536));
        rx(SEG(.seq = R(65536), .ack = L(1), .flags = ACK, .len = 10));
        drop(i == 1 ? LA_D_NONE : LA_D_SEQ_BEYOND);
        tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
        rx(SEG(.seq = R(200000), .ack = L(1), .flags = ACK, .len = 10));
        drop(LA_D_SEQ_BEYOND);
    }
}

static void scaled(int64_t rule, int wscale) {
    rig_restart("freebsd");
    setting("lastack.tcp_window_rule", rule);
    setting("lastack.tcp_wscale", wscale);
    setting("net.ipv4.tcp_moderate_rcvbuf", 0);
    setting("lastack.tcp_rcvbuf_mss_rounded", 0);
    setting("net.inet.tcp.recvspace", 60000);
    rig.t->wscale = 0;
    bring(LA_ESTABLISHED, PASSIVE);
    tx_skip();
}

/* A unit that is not quite free is told (1) or not (2). */
static void what_scaling_cuts_off_is_rounded_up_or_down(void **unused) {
    (void)unused;
    for (int64_t rule = 1; rule <= 2; rule++) {
        scaled(rule, 10);
        for (uint32_t n = 0; n < 4; n++) {
            if (n == 2) {
                assert_int_equal(u_recv(4000), 2000);
                tx_skip();
            }
            rx(SEG(.seq = R(1 + 1000 * n), .ack = L(1), .flags = ACK, .len = 1000));
        }
        tx(SEG(.seq = L(1), .ack = R(4001), .flags = ACK, .wnd = rule == 1 ? 57 : 56)); /* 58000 / 1024 = 56.6 */
    }
}

/* Every ACK that rounds up moves the edge: not beyond the buffer by more than the rounding. */
static void tiny_segments_do_not_push_the_edge_for_ever(void **unused) {
    (void)unused;
    for (int64_t rule = 0; rule <= 2; rule++) {
        scaled(rule, 10);
        for (uint32_t n = 0; n < 8000; n++) {
            rx(SEG(.seq = R(1 + n), .ack = L(1), .flags = ACK, .len = 1));
            tx_skip();
        }
        assert_true((int32_t)(rig.t->edge - R(1 + 60000 + 1024)) <= 0);
    }
}

/* Silly windows are avoided by every rule (RFC 9293, 3.8.6.2.2). */
static void reading_crumbs_opens_no_crumbs_of_window(void **unused) {
    (void)unused;
    static const char *const profiles[] = {"linux", "freebsd", "rfc"};
    for (unsigned i = 0; i < COUNT(profiles); i++) {
        rig_restart(profiles[i]);
        setting("net.ipv4.tcp_moderate_rcvbuf", 0);
        setting("net.inet.tcp.recvspace", 536 * 20);
        bring(LA_ESTABLISHED, PASSIVE);
        for (uint32_t n = 0; n < 20; n++) rx(SEG(.seq = R(1 + 536 * n), .ack = L(1), .flags = ACK, .len = 536));
        advance(300);
        tx_skip();
        unsigned updates = 0;
        for (uint32_t n = 0; n < 536 * 4; n += 8) {
            assert_int_equal(u_recv(8), 8);
            updates += tx_skip();
        }
        assert_in_range(updates, 1, 4);
    }
}

/* lastack.tcp_quickacks_end: an answer soon after a question makes it a conversation. */
static void a_conversation_ends_quick_acks(void **unused) {
    (void)unused;
    for (int ends = 0; ends < 2; ends++) {
        rig_restart("linux");
        setting("lastack.tcp_quickacks_end", ends);
        bring(LA_ESTABLISHED, PASSIVE);
        rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10));
        tx(SEG(.seq = L(1), .ack = R(11), .flags = ACK));
        assert_int_equal(u_send(10), 10);
        tx(SEG(.seq = L(1), .ack = R(11), .flags = ACK, .len = 10));
        rx(SEG(.seq = R(11), .ack = L(11), .flags = ACK, .len = 10));
        if (ends) {
            tx_none();
            wait_tx(100);
        }
        tx(SEG(.seq = L(11), .ack = R(21), .flags = ACK));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(one_segment_is_acknowledged_after_the_delay),
        RIG_TEST(every_second_segment_is_acknowledged_at_once),
        RIG_TEST(a_young_connection_acknowledges_at_once),
        RIG_TEST(an_answer_carries_the_ack),
        RIG_TEST(quickack_can_be_asked_for),
        RIG_TEST(data_beyond_a_gap_is_kept_and_answered_at_once),
        RIG_TEST(overlapping_retransmissions_deliver_every_byte_once),
        RIG_TEST(a_segment_across_the_right_edge_is_cut),
        RIG_TEST(an_old_segment_with_a_new_end_is_taken),
        RIG_TEST(a_reader_that_does_not_read_closes_the_window),
        RIG_TEST(the_right_edge_never_moves_left),
        RIG_TEST(a_scaled_window_honours_what_it_once_offered),
        RIG_TEST(reading_from_an_open_window_sends_nothing),
        RIG_TEST(a_closed_window_opens_by_a_worthwhile_step_only),
        RIG_TEST(reading_opens_the_window_with_an_update),
        RIG_TEST(ack_and_rst_are_taken_while_the_window_is_closed),
        RIG_TEST(a_small_receive_buffer_is_a_small_window),
        RIG_TEST(peek_leaves_data_and_consume_takes_it),
        RIG_TEST(events_are_edges_and_ready_is_the_level),
        RIG_TEST(a_bsd_receiver_acknowledges_every_second_segment),
        RIG_TEST(what_fits_is_taken_by_bsd_and_what_was_told_by_others),
        RIG_TEST(what_scaling_cuts_off_is_rounded_up_or_down),
        RIG_TEST(tiny_segments_do_not_push_the_edge_for_ever),
        RIG_TEST(reading_crumbs_opens_no_crumbs_of_window),
        RIG_TEST(a_conversation_ends_quick_acks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
