/* tcp/input.c: the order of the steps, SYN_SENT's own (RFC 9293, 3.10.7.3), and what a segment as a whole brings about.
 */
#include "tcp_unit.h"

static struct tcp_conn *calling(struct tcp_unit *u) {
    struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
    tcp_mark(c, MARK_SEND);
    assert_int_equal(tu_skip(u), 1);
    return c;
}

static void arrive(struct tcp_conn *c, uint32_t at, uint32_t ack, uint16_t flags, uint32_t len) {
    struct tcp_in in = tu_in(c, TU_RCV(at), flags, len);
    in.seg.ack = TU_SND(ack);
    in.seg.wnd = UINT16_MAX;
    tcp_segment(c, &in);
}

static void syn_sent_looks_at_ack_then_rst_then_syn(void **state) {
    struct tcp_unit *u = *state;
    static const struct {
        uint32_t ack;
        uint16_t flags;
        enum la_drop drop;
        bool rst;
    } row[] = {{0, TCP_SYN | TCP_ACK, LA_D_SYN_SENT_ACK, true},  {2, TCP_ACK, LA_D_SYN_SENT_ACK, true},
               {2, TCP_RST | TCP_ACK, LA_D_SYN_SENT_RST, false}, {0, TCP_RST, LA_D_SYN_SENT_RST, false},
               {1, TCP_ACK, LA_D_SYN_SENT_NO_SYN, false},        {0, TCP_FIN, LA_D_SYN_SENT_NO_SYN, false}};
    struct tcp_conn *c = calling(u);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_seg s;
        arrive(c, 0, row[i].ack, row[i].flags, 0);
        tu_dropped(u, row[i].drop);
        bool out = tu_out(u, &s);
        assert_int_equal(out, row[i].rst);
        if (out) assert_true(s.flags == TCP_RST && seq_eq(s.seq, TU_SND(row[i].ack)));
        assert_int_equal(c->state, LA_SYN_SENT);
    }
    arrive(c, 0, 1, TCP_RST | TCP_ACK, 0);
    assert_int_equal(c->state, LA_CLOSED);
    assert_int_equal(c->error, LA_ECONNREFUSED);
}

static void a_syn_with_the_ack_of_ours_establishes_and_may_carry_more(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calling(u);
    u->tcp.params.drop_synfin = true;
    arrive(c, 0, 0, TCP_SYN | TCP_FIN, 10);
    tu_dropped(u, LA_D_SYN_FIN);
    assert_int_equal(c->state, LA_SYN_SENT);
    arrive(c, 0, 1, TCP_SYN | TCP_ACK | TCP_FIN, 10);
    assert_int_equal(c->state, LA_CLOSE_WAIT);
    assert_int_equal(tcp_unread(c), 10);
    assert_true(seq_eq(c->rcv_nxt, TU_RCV(12)));
    uint32_t events = tu_event(u, c);
    assert_true(events & LA_EV_CONNECTED && events & LA_EV_EOF);
    struct tcp_seg s;
    assert_true(tu_out(u, &s));
    assert_true(s.flags == TCP_ACK && seq_eq(s.ack, TU_RCV(12)));
}

static void two_syns_that_cross_open_both(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = calling(u);
    struct tcp_seg s;
    arrive(c, 0, 0, TCP_SYN, 0);
    assert_int_equal(c->state, LA_SYN_RCVD);
    assert_true(tu_out(u, &s));
    assert_true(s.flags == (TCP_SYN | TCP_ACK) && seq_eq(s.seq, TU_SND(0)) && seq_eq(s.ack, TU_RCV(1)));
    arrive(c, 0, 1, TCP_SYN | TCP_ACK, 0); /* The peer's SYN once more, with the ACK that counts. */
    assert_int_equal(c->state, LA_ESTABLISHED);
}

static void an_earlier_step_hides_what_a_later_one_would_do(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    u->tcp.params.challenge_spacing = 0;
    arrive(c, 70000, 1, TCP_RST | TCP_SYN | TCP_ACK, 0); /* Beyond the window before RST before SYN … */
    tu_dropped(u, LA_D_RST_BEYOND);
    arrive(c, 2, 1, TCP_RST | TCP_SYN | TCP_ACK, 0);
    tu_dropped(u, LA_D_RST_CHALLENGE);
    arrive(c, 2, 1, TCP_SYN, 0); /* … before the missing ACK. */
    tu_dropped(u, LA_D_SYN_CHALLENGE);
    arrive(c, 1, 1, TCP_FIN, 10); /* Without ACK neither text nor FIN. */
    tu_dropped(u, LA_D_ACK_MISSING);
    assert_int_equal(tcp_unread(c), 0);
    assert_int_equal(c->state, LA_ESTABLISHED);
}

/* C04: FIN and ACK of FIN in one segment lead straight to TIME_WAIT; the ACK alone to FIN_WAIT_2. */
static void fin_wait_1_waits_for_the_whole_segment(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *a = tu_conn(u, LA_FIN_WAIT_1), *b = tu_try(u, LA_FIN_WAIT_1, 1);
    arrive(a, 1, 2, TCP_ACK, 0);
    assert_int_equal(a->state, LA_FIN_WAIT_2);
    uint32_t moves = b->moves;
    arrive(b, 1, 2, TCP_FIN | TCP_ACK, 0);
    assert_int_equal(b->state, LA_TIME_WAIT);
    assert_int_equal(b->moves, moves + 1);
    assert_true(b->is.detached);
    assert_int_equal(u->tcp.records.live, 1);
}

static void an_orphan_in_fin_wait_2_becomes_a_record(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_FIN_WAIT_1);
    tcp_orphan(c);
    arrive(c, 1, 2, TCP_ACK, 0);
    assert_int_equal(u->tcp.conns.live, 0);
    assert_int_equal(u->tcp.count[LA_FIN_WAIT_2], 1);
}

static void the_window_is_scaled_except_in_a_syn(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->snd_wscale = 3;
    u->env.now += 5 * LA_MS;
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 0);
    in.seg.wnd = 1000;
    tcp_segment(c, &in);
    assert_int_equal(c->snd_wnd, 8000);
    assert_int_equal(c->heard_at, tcp_clock_ms(&u->tcp));
    assert_int_equal(c->segs_in, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(syn_sent_looks_at_ack_then_rst_then_syn),
        TU_TEST(a_syn_with_the_ack_of_ours_establishes_and_may_carry_more),
        TU_TEST(two_syns_that_cross_open_both),
        TU_TEST(an_earlier_step_hides_what_a_later_one_would_do),
        TU_TEST(fin_wait_1_waits_for_the_whole_segment),
        TU_TEST(an_orphan_in_fin_wait_2_becomes_a_record),
        TU_TEST(the_window_is_scaled_except_in_a_syn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
