/* tcp/unit.c and what send.c makes of it: how many segments go as one, and that each keeps its record. MSS 1460. */
#include "tcp_unit.h"

#include "ip/ip_state.h"

#define MSS 1460u

static struct tcp_conn *sender(struct tcp_unit *u, uint32_t gso_max, uint32_t cwnd) {
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    u->ip->ifaces[0]->config.gso_max = gso_max;
    c->eng.cc.cwnd = cwnd;
    c->max_snd_wnd = 1 << 20;
    return c;
}

static struct la_packet out(struct tcp_unit *u) {
    struct la_packet packet;
    assert_true(tcp_output(&u->tcp, -1, &packet));
    return packet;
}

static void a_unit_is_what_window_device_and_queue_allow(void **state) {
    static const struct {
        uint32_t gso_max, cwnd, wnd, give, len, segments;
    } row[] = {
        {0, 100, 65535, 20 * MSS, MSS, 1},                /* The device cuts nothing … */
        {2 * MSS - 1, 100, 65535, 20 * MSS, MSS, 1},      /* … or less than two. */
        {10000, 100, 65535, 20 * MSS, 6 * MSS, 6},        /* Whole segments. */
        {65000, 11, 65535, 20 * MSS, 5 * MSS, 5},         /* Half the congestion window. */
        {65000, 100, 4 * MSS + 5, 20 * MSS, 4 * MSS, 4},  /* The peer's. */
        {65000, 100, 65535, 3 * MSS + 7, 3 * MSS + 7, 4}, /* What is left goes with it. */
        {65000, 100, 65535, MSS + 1, MSS + 1, 2},
        {65000, 100, 65535, 700, 700, 1},
        {UINT32_MAX, 100, 1 << 20, 100 * MSS, 44 * MSS, 44}, /* 64 KB are what IP can tell. */
    };
    struct tcp_unit *u = *state;
    for (unsigned i = 0; i < COUNT_OF(row); i++) {
        struct tcp_plan plan;
        struct tcp_conn *c = tu_try(u, LA_ESTABLISHED, (uint16_t)i);
        u->ip->ifaces[0]->config.gso_max = row[i].gso_max;
        c->eng.cc.cwnd = row[i].cwnd;
        c->snd_wnd = row[i].wnd;
        c->max_snd_wnd = 1 << 20;
        c->sndbuf = 1 << 20;
        tu_give(c, row[i].give);
        assert_true(tcp_send_plan(c, &plan));
        if (plan.len != row[i].len || tcp_plan_segments(&plan) != row[i].segments)
            fail_msg("row %u: %u bytes, %u segments", i, plan.len, tcp_plan_segments(&plan));
    }
}

static void every_segment_has_its_record(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = sender(u, 65000, 100);
    uint64_t before = u->env.counter[LA_C_TCP_OUT];
    tu_give(c, 3 * MSS + 7);
    tcp_mark(c, MARK_SEND);
    struct la_packet packet = out(u);
    assert_int_equal(packet.segment, MSS);
    assert_true(packet.csum_partial);
    assert_int_equal(packet.len, 40 + 3 * MSS + 7);
    assert_int_equal(packet.span[0].data[33], TCP_ACK | TCP_PSH);
    assert_int_equal(c->eng.sent.count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const struct sent *s = sent_at(&c->eng.sent, i);
        assert_int_equal(seq_len(s->from, s->to), i < 3 ? MSS : 7);
        assert_true(s->marks & SENT_LINKED);
    }
    assert_int_equal(c->segs_out, 4);
    assert_int_equal(u->env.counter[LA_C_TCP_OUT] - before, 4);
    assert_true(seq_eq(c->snd_small, c->snd_nxt));
    tcp_check(c);
}

static void nagle_keeps_the_small_end_back(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = sender(u, 65000, 100);
    tu_give(c, 100);
    tcp_mark(c, MARK_SEND);
    out(u);
    tu_give(c, 3 * MSS + 7);
    tcp_mark(c, MARK_SEND);
    assert_int_equal(out(u).len, 40 + 3 * MSS);
    assert_false(tcp_output(&u->tcp, -1, &(struct la_packet){0}));
}

static void a_run_of_lost_segments_goes_again_as_one(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = sender(u, 65000, 100);
    c->is.sack_on = 1;
    tu_give(c, 9 * MSS + 7);
    tcp_mark(c, MARK_SEND);
    out(u);
    struct sent_queue *q = &c->eng.sent;
    for (uint32_t i = 0; i < q->count; i++)
        if (i != 4) tcp_score_lost(c, sent_at(q, i));
    tcp_score_sacked(c, sent_at(q, 4));
    c->eng.cc.cwnd = 8;
    tcp_mark(c, MARK_SEND);
    struct la_packet packet = out(u);
    assert_int_equal(packet.len, 40 + 4 * MSS); /* Up to what has arrived. */
    assert_int_equal(packet.segment, MSS);
    packet = out(u);
    assert_int_equal(packet.len, 40 + 4 * MSS); /* Up to the congestion window. */
    assert_int_equal(c->eng.again_out, 8);
    assert_int_equal(c->retransmits, 8);
    c->eng.cc.cwnd = 9;
    tcp_mark(c, MARK_SEND);
    packet = out(u);
    assert_int_equal(packet.len, 40 + 7);
    assert_int_equal(packet.segment, 0);
    assert_int_equal(packet.span[0].data[33], TCP_ACK | TCP_PSH);
    tcp_check(c);
}

static void a_fin_goes_with_the_last_segment(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = sender(u, 65000, 100);
    tu_give(c, 2 * MSS);
    c->is.fin_queued = 1;
    tcp_set_state(c, LA_FIN_WAIT_1, LA_CAUSE_CALL, LA_CALL_SHUTDOWN);
    tcp_mark(c, MARK_SEND);
    assert_int_equal(out(u).span[0].data[33], TCP_ACK | TCP_PSH | TCP_FIN);
    const struct sent *last = sent_last(&c->eng.sent);
    assert_int_equal(c->eng.sent.count, 2);
    assert_int_equal(seq_len(last->from, last->to), MSS + 1);
    tcp_check(c);
}

/* A millisecond's worth, but two segments; and one for one while a mark for the peer is due. */
static void pacing_the_window_urgent_data_and_cwr_bound_a_unit(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = sender(u, 65000, 100);
    assert_int_equal(tcp_unit_max(c, MSS), 44 * MSS);
    c->max_pacing_rate = 10000 * 1024;
    assert_int_equal(tcp_unit_max(c, MSS), 6 * MSS);
    c->max_pacing_rate = 1000;
    assert_int_equal(tcp_unit_max(c, MSS), 2 * MSS);
    c->max_pacing_rate = 0;
    c->max_snd_wnd = 9 * MSS; /* Half of the largest window. */
    assert_int_equal(tcp_unit_max(c, MSS), 4 * MSS);
    c->max_snd_wnd = 1 << 20;
    c->is.urg_out = 1;
    assert_int_equal(tcp_unit_max(c, MSS), MSS);
    c->is.urg_out = 0;
    c->is.ecn_reduced = 1;
    assert_int_equal(tcp_unit_max(c, MSS), MSS);
}

static void without_memory_for_records_one_goes(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = sender(u, 65000, 100);
    struct tcp_plan plan;
    tu_give(c, 20 * MSS);
    assert_true(sent_room(&c->eng.sent, &u->env, 1));
    size_t max = u->env.max;
    u->env.max = u->env.used;
    assert_true(tcp_send_plan(c, &plan));
    assert_int_equal(plan.len, MSS);
    assert_int_equal(plan.unit, 0);
    u->env.max = max;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(a_unit_is_what_window_device_and_queue_allow),
        TU_TEST(every_segment_has_its_record),
        TU_TEST(nagle_keeps_the_small_end_back),
        TU_TEST(a_run_of_lost_segments_goes_again_as_one),
        TU_TEST(a_fin_goes_with_the_last_segment),
        TU_TEST(pacing_the_window_urgent_data_and_cwr_bound_a_unit),
        TU_TEST(without_memory_for_records_one_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
