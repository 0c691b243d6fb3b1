/* tcp/send.c: the decision what may go now: Nagle (RFC 9293, 3.7.4), cork, silly windows (3.8.6.2.1), FIN, probes. MSS
 * 1460, peer's window 65535 unless a row says otherwise. */
#include "tcp_unit.h"

#define MSS 1460u

/* A connection with `sent` bytes in flight, the last segment of them small or not, and `left` more that wait. */
struct row {
    uint32_t sent, left, wnd, len; /* len: what the plan must be, 0: none. */
    bool small, nodelay, cork, fin;
    uint16_t flags;
};

static void check(struct tcp_unit *u, const struct row *r, unsigned i) {
    struct tcp_plan plan;
    struct tcp_conn *c = tu_try(u, LA_ESTABLISHED, (uint16_t)i);
    c->eng.cc.cwnd = 100;
    c->snd_wnd = r->wnd;
    c->max_snd_wnd = 65535;
    tu_flight(c, r->sent);
    if (r->small) c->snd_small = c->snd_max;
    tcp_timer_rexmit(c);
    c->snd_end = seq_add(c->snd_end, r->left);
    c->is.nodelay = r->nodelay;
    c->is.cork = r->cork;
    if (r->fin) {
        c->is.fin_queued = 1;
        tcp_set_state(c, LA_FIN_WAIT_1, LA_CAUSE_CALL, LA_CALL_SHUTDOWN);
    }
    tcp_mark(c, MARK_SEND);
    bool any = tcp_send_plan(c, &plan);
    if (any != (r->flags != 0)) fail_msg("row %u: %s", i, any ? "sends" : "does not send");
    if (!any) return;
    if (plan.len != r->len || plan.flags != r->flags) fail_msg("row %u: %u bytes, flags %u", i, plan.len, plan.flags);
    assert_true(seq_eq(plan.seq, c->snd_nxt));
    assert_false(plan.silent);
}

static void what_goes_now_follows_the_table(void **state) {
    struct tcp_unit *u = *state;
    enum { A = TCP_ACK, P = TCP_ACK | TCP_PSH, F = TCP_ACK | TCP_FIN, PF = TCP_ACK | TCP_PSH | TCP_FIN };
    static const struct row rows[] = {
        {.sent = 0, .left = 0, .wnd = 65535, .flags = 0},
        {.sent = 0, .left = 5000, .wnd = 65535, .len = MSS, .flags = A}, /* A full segment always. */
        {.sent = 0, .left = MSS, .wnd = 65535, .len = MSS, .flags = P},
        {.sent = 0, .left = 100, .wnd = 65535, .len = 100, .flags = P},   /* Small, nothing in flight. */
        {.sent = MSS, .left = 100, .wnd = 65535, .len = 100, .flags = P}, /* Minshall: only full ones in flight. */
        {.sent = 50, .left = 100, .small = 1, .wnd = 65535, .flags = 0},  /* A small one in flight: Nagle waits. */
        {.sent = 50, .left = 100, .small = 1, .nodelay = 1, .wnd = 65535, .len = 100, .flags = P},
        {.sent = 50, .left = MSS, .small = 1, .wnd = 65535, .len = MSS, .flags = P},
        {.sent = 0, .left = 100, .cork = 1, .wnd = 65535, .flags = 0}, /* Cork: full segments only … */
        {.sent = 0, .left = 5000, .cork = 1, .wnd = 65535, .len = MSS, .flags = A},
        {.sent = 0, .left = 100, .cork = 1, .nodelay = 1, .wnd = 65535, .flags = 0},
        {.sent = 0, .left = 100, .cork = 1, .fin = 1, .wnd = 65535, .len = 100, .flags = PF}, /* … until the end. */
        {.sent = 50, .left = 100, .small = 1, .fin = 1, .wnd = 65535, .len = 100, .flags = PF},
        {.sent = 0, .left = 0, .fin = 1, .wnd = 65535, .len = 0, .flags = F},
        {.sent = 100, .left = 0, .small = 1, .fin = 1, .wnd = 65535, .len = 0, .flags = F},
        {.sent = 0, .left = 5000, .wnd = 1000, .flags = 0}, /* Silly window: less than a segment or half the most. */
        {.sent = 0, .left = 5000, .wnd = 1460, .len = MSS, .flags = A},
        {.sent = 1000, .left = 5000, .wnd = 2000, .flags = 0}, /* 1000 usable. */
        {.sent = 0, .left = 800, .wnd = 1000, .len = 800, .flags = P},
        {.sent = 0, .left = 800, .wnd = 0, .flags = 0},
        {.sent = 0, .left = 0, .fin = 1, .wnd = 0, .flags = 0},            /* A FIN needs room, too … */
        {.sent = 10, .left = 0, .fin = 1, .wnd = 0, .len = 0, .flags = F}, /* … but not behind data in flight. */
        {.sent = 3000, .left = 5000, .wnd = 2000, .flags = 0},             /* The window has shrunk. */
    };
    for (unsigned i = 0; i < COUNT_OF(rows); i++) check(u, &rows[i], i);
}

static void half_of_the_largest_window_is_enough(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_plan plan;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->max_snd_wnd = 1000;
    c->snd_wnd = 499;
    c->snd_end = seq_add(c->snd_end, 5000);
    tcp_mark(c, MARK_SEND);
    assert_false(tcp_send_plan(c, &plan));
    c->snd_wnd = 500;
    assert_true(tcp_send_plan(c, &plan));
    assert_int_equal(plan.len, 500);
}

static void the_congestion_window_bounds_what_is_in_the_network(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_plan plan;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->eng.cc.cwnd = 4;
    tu_flight(c, 4 * MSS);
    tcp_timer_rexmit(c);
    c->snd_end = seq_add(c->snd_end, 5000);
    tcp_mark(c, MARK_SEND);
    assert_false(tcp_send_plan(c, &plan));
    c->is.sack_on = 1;
    tcp_score_sacked(c, sent_at(&c->eng.sent, 2)); /* One has left it: limited transmit (RFC 3042). */
    assert_true(tcp_send_plan(c, &plan));
    assert_int_equal(plan.len, MSS);
}

/* RFC 9293, 3.8.6.1: when nothing is in flight and nothing may go, the persist timer must run. */
static void what_may_not_go_starts_the_persist_timer(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_plan plan;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->snd_wnd = 0;
    c->snd_end = seq_add(c->snd_end, 5000);
    tcp_mark(c, MARK_SEND);
    assert_false(tcp_send_plan(c, &plan));
    assert_true(c->timer_at[LA_TIMER_PERSIST] != LA_NEVER);
    tcp_mark(c, MARK_PROBE);
    assert_true(tcp_send_plan(c, &plan));
    assert_true(plan.silent && plan.len == 1 && seq_eq(plan.seq, c->snd_una));
    tcp_send_sent(c, &plan);
    assert_true(seq_eq(c->snd_nxt, c->snd_una));             /* The probe does not count as sent … */
    assert_true(seq_eq(c->snd_max, seq_add(c->snd_una, 1))); /* … but may be acknowledged. */
    assert_true(c->timer_at[LA_TIMER_PERSIST] != LA_NEVER);
    c->snd_wnd = 700; /* Merely small: what fits goes as data (RFC 1122, 4.2.3.4). */
    tcp_mark(c, MARK_PROBE);
    assert_true(tcp_send_plan(c, &plan));
    assert_true(!plan.silent && plan.len == 700);
}

static void what_is_lost_goes_again_as_it_was_sent_and_before_anything_new(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_plan plan;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->is.nodelay = 1;
    tu_flight(c, MSS + 100);
    tcp_timer_rexmit(c);
    c->snd_end = seq_add(c->snd_end, 500);
    for (uint32_t i = 0; i < 2; i++) tcp_score_lost(c, sent_at(&c->eng.sent, i));
    tcp_mark(c, MARK_SEND);
    assert_true(tcp_send_plan(c, &plan));
    assert_true(plan.again && seq_eq(plan.seq, c->snd_una) && plan.len == MSS);
    tcp_send_sent(c, &plan);
    assert_int_equal(c->retransmits, 1);
    assert_true(tcp_send_plan(c, &plan));
    assert_int_equal(plan.len, 100); /* New data does not join it. */
    tcp_send_sent(c, &plan);
    assert_true(tcp_send_plan(c, &plan));
    assert_true(!plan.again && plan.len == 500);
}

static void a_segment_too_long_for_the_path_goes_again_in_pieces(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_plan plan;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_flight(c, MSS);
    tcp_timer_rexmit(c);
    tcp_score_lost(c, sent_at(&c->eng.sent, 0));
    c->mss = 500;
    tcp_mark(c, MARK_SEND);
    for (uint32_t at = 0; at < MSS; at += 500) {
        assert_true(tcp_send_plan(c, &plan));
        assert_true(seq_eq(plan.seq, seq_add(c->snd_una, at)) && plan.len == (MSS - at < 500 ? MSS - at : 500));
        tcp_send_sent(c, &plan);
        tcp_score_check(c);
    }
    assert_int_equal(c->eng.sent.count, 3);
    assert_int_equal(c->eng.lost_out, 3);
    assert_int_equal(c->eng.again_out, 3);
}

static void what_is_sent_moves_the_variables_and_leaves_a_record(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_plan plan;
    c->is.nodelay = 1;
    c->snd_end = TU_SND(101);
    tcp_mark(c, MARK_SEND);
    assert_true(tcp_send_plan(c, &plan));
    tcp_send_sent(c, &plan);
    assert_true(seq_eq(c->snd_nxt, TU_SND(101)) && seq_eq(c->snd_max, TU_SND(101)) &&
                seq_eq(c->snd_small, TU_SND(101)));
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] == u->env.now + LA_SECOND);
    assert_int_equal(c->eng.sent.count, 1);
    assert_true(sent_at(&c->eng.sent, 0)->at == u->env.now);
    assert_true(seq_eq(sent_at(&c->eng.sent, 0)->to, TU_SND(101)));
}

static void a_bare_ack_stands_at_the_highest_number_sent(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_plan plan;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_flight(c, 500);
    c->snd_max = seq_add(c->snd_max, 1); /* A window probe. */
    c->snd_end = c->snd_max;
    tcp_timer_rexmit(c);
    tcp_mark(c, MARK_ACK);
    assert_true(tcp_send_plan(c, &plan));
    assert_true(seq_eq(plan.seq, c->snd_max) && plan.len == 0 && plan.flags == TCP_ACK);
}

static void the_mss_is_the_least_of_path_peer_and_user(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    static const struct {
        uint16_t mtu, peer, user, mss;
    } row[] = {{1500, 1460, 0, 1460},  {1500, 8960, 0, 1460},  {9000, 1460, 0, 1460}, {1500, 536, 0, 536},
               {1500, 1460, 500, 500}, {1500, 500, 1000, 500}, {68, 1460, 0, 28},     {40, 1460, 0, 1}};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        c->path.mtu = row[i].mtu;
        c->peer_mss = row[i].peer;
        c->user_mss = row[i].user;
        tcp_send_mss_update(c);
        assert_int_equal(c->mss, row[i].mss);
    }
    assert_int_equal(tcp_send_mss(c), 1);
    c->mss = 1460;
    c->is.ts_on = 1;
    assert_int_equal(tcp_send_mss(c), 1448);
}

static void the_send_queue_grows_to_two_windows_unless_it_was_set(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(tcp_sndbuf(c), 43800); /* 2 * 10 * 1460, and half as much again */
    c->eng.sacked_out = 12;
    assert_int_equal(tcp_sndbuf(c), 70080); /* What is SACKed waits beside them. */
    c->eng.sacked_out = 0;
    c->eng.cc.cwnd = 0;
    assert_int_equal(tcp_sndbuf(c), 16384);
    c->eng.cc.cwnd = CC_CWND_MAX;
    assert_int_equal(tcp_sndbuf(c), 4194304);
    c->is.sndbuf_set = 1;
    assert_int_equal(tcp_sndbuf(c), 16384);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(what_goes_now_follows_the_table),
        TU_TEST(half_of_the_largest_window_is_enough),
        TU_TEST(the_congestion_window_bounds_what_is_in_the_network),
        TU_TEST(what_may_not_go_starts_the_persist_timer),
        TU_TEST(what_is_lost_goes_again_as_it_was_sent_and_before_anything_new),
        TU_TEST(a_segment_too_long_for_the_path_goes_again_in_pieces),
        TU_TEST(what_is_sent_moves_the_variables_and_leaves_a_record),
        TU_TEST(a_bare_ack_stands_at_the_highest_number_sent),
        TU_TEST(the_mss_is_the_least_of_path_peer_and_user),
        TU_TEST(the_send_queue_grows_to_two_windows_unless_it_was_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
