/* tcp/recover.c: Open, Disorder, CWR, Recovery, Loss; NewReno without SACK (RFC 6582), F-RTO (RFC 5682), reneging (RFC
 * 2018, 8), the timeout, a smaller MTU. */
#include "support/engine_unit.h"

static la_time timer(const struct tcp_conn *c) { return c->timer_at[LA_TIMER_RETRANSMIT]; }

/* RFC 3042: the first two duplicates let a new segment go each, the third begins recovery. */
static void limited_transmit_then_recovery(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 10);
    en_give(c, 5);
    u->env.now += EN_RTT;
    SACKS(0, 1, 2);
    PHASE(CC_DISORDER);
    en_expect(u, c, "10+");
    SACKS(0, 1, 3);
    en_expect(u, c, "11+");
    SACKS(0, 1, 4);
    PHASE(CC_RECOVERY);
    en_expect(u, c, "0");
    assert_int_equal(c->eng.cc.ssthresh, 5);
    assert_true(seq_eq(c->eng.high_seq, en_seq(c, 12)));
}

/* RFC 6675, 5: every hole once, in order, and it ends with what was sent before it began. */
static void every_hole_is_filled_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 20);
    u->env.now += EN_RTT;
    SACKS(0, 5, 7, 3, 4, 1, 2);
    SACKS(0, 8, 20, 5, 7, 3, 4, 1, 2);
    PHASE(CC_RECOVERY);
    en_expect(u, c, "0 2 4 7");
    u->env.now += EN_RTT;
    ACKS(2);
    en_expect(u, c, "");
    ACKS(7);
    PHASE(CC_RECOVERY);
    ACKS(20);
    PHASE(CC_OPEN);
    assert_int_equal(c->eng.cc.cwnd, c->eng.cc.ssthresh);
    assert_int_equal(c->retransmits, 4);
    assert_int_equal(u->env.counter[LA_C_FAST_RETRANSMITS], 1);
}

static void a_loss_during_recovery_belongs_to_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 10);
    u->env.now += EN_RTT;
    SACKS(0, 1, 4);
    en_expect(u, c, "0");
    SACKS(0, 5, 8, 1, 4);
    assert_int_equal(c->eng.lost_out, 2);
    u->env.now += EN_RTT;
    ACKS(4);
    en_expect(u, c, "4 8 9"); /* The repetition has arrived, and nothing of the last two, sent long before it. */
    u->env.now += EN_RTT;
    ACKS(10);
    assert_int_equal(c->eng.cc.ssthresh, 5); /* One reduction. */
    PHASE(CC_OPEN);
}

/* --- Without SACK --- */

static void newreno_begins_with_the_third_duplicate(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, false, "reno", 10);
    en_send(u, c, 10);
    en_give(c, 10);
    u->env.now += EN_RTT;
    ACKS(0);
    PHASE(CC_DISORDER);
    en_expect(u, c, "10+");
    ACKS(0);
    en_expect(u, c, "11+");
    ACKS(0);
    PHASE(CC_RECOVERY);
    en_expect(u, c, "0");
    assert_int_equal(c->eng.cc.ssthresh, 5);
}

/* RFC 6582, 3.2, step 3: a partial ACK repeats the next hole and takes no timeout; the full one ends it. */
static void partial_acks_repeat_hole_after_hole(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, false, "reno", 10);
    en_send(u, c, 10);
    u->env.now += EN_RTT;
    for (int i = 0; i < 3; i++) ACKS(0);
    en_expect(u, c, "0");
    for (unsigned hole = 3; hole <= 9; hole += 3) {
        u->env.now += EN_RTT;
        ACKS(hole);
        PHASE(CC_RECOVERY);
        char want[8];
        snprintf(want, sizeof want, "%u", hole);
        en_expect(u, c, want);
    }
    u->env.now += EN_RTT;
    ACKS(10);
    /* RFC 6582, 4.1: until something beyond is acknowledged, duplicates of before begin nothing. */
    PHASE(CC_RECOVERY);
    for (int i = 0; i < 5; i++) ACKS(10);
    en_send(u, c, 1);
    ACKS(11);
    PHASE(CC_OPEN);
    assert_int_equal(c->retransmits, 4);
    assert_int_equal(u->env.counter[LA_C_RTOS], 0);
    assert_int_equal(c->eng.cc.ssthresh, 5);
}

/* Savage: who invents duplicates gets no more than what was in flight can have caused. */
static void invented_duplicates_let_no_more_out_than_was_in_flight(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, false, "reno", 10);
    en_send(u, c, 10);
    en_give(c, 500);
    unsigned out = 0;
    for (int i = 0; i < 400; i++) {
        ACKS(0);
        out += tu_skip(u);
    }
    assert_in_range(out, 1, 12);
}

static void more_duplicates_than_segments_mean_reordering(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, false, "reno", 10);
    en_send(u, c, 2);
    for (int i = 0; i < 3; i++) ACKS(0);
    PHASE(CC_DISORDER);
    assert_int_equal(c->eng.sacked_out, 1);
    assert_true(c->eng.reorderings > 0);
}

/* --- The timeout --- */

static void a_timeout_begins_slow_start_with_one_segment(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, false, "reno", 10);
    u->tcp.params.frto = false;
    en_send(u, c, 10);
    tu_pass(u, 310 * LA_MS);
    PHASE(CC_LOSS);
    en_expect(u, c, "0");
    assert_int_equal(c->eng.cc.ssthresh, 5);
    assert_int_equal(c->eng.cc.cwnd, 1);
    ACKS(1);
    en_expect(u, c, "1 2");
    ACKS(3);
    en_expect(u, c, "3 4 5 6");
    assert_int_equal(c->eng.cc.ssthresh, 5);
}

static void only_the_first_timeout_of_an_episode_reduces(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 20);
    for (int i = 0; i < 4; i++) {
        tu_pass(u, timer(c) - u->env.now);
        tu_skip(u);
    }
    assert_in_range(c->backoff, 2, 4);
    assert_int_equal(c->eng.cc.ssthresh, 10);
    assert_int_equal(c->eng.cc.cwnd, 1);
    assert_int_equal(tcp_in_flight(c), 1);
}

/* After a timeout something is SACKed again: what is not, and lies before it, was lost once more (RACK). */
static void a_repetition_lost_after_a_timeout_goes_again_without_another(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    u->tcp.params.frto = u->tcp.params.tlp = false;
    en_send(u, c, 6);
    tu_pass(u, timer(c) - u->env.now);
    en_expect(u, c, "0");
    u->env.now += EN_RTT;
    ACKS(1);
    en_expect(u, c, "1 2");
    u->env.now += EN_RTT;
    SACKS(1, 2, 3);
    tu_pass(u, 60 * LA_MS);
    en_expect(u, c, "1");
    assert_int_equal(u->env.counter[LA_C_RTOS], 1);
}

/* --- F-RTO (RFC 5682, 2.1) --- */

/* Six segments, the timeout, the first again; four more wait. */
static struct tcp_conn *timed_out(struct tcp_unit *u, bool sack) {
    struct tcp_conn *c = en_conn(u, sack, "reno", 6);
    u->tcp.params.tlp = false;
    en_send(u, c, 6);
    tu_pass(u, timer(c) - u->env.now);
    en_expect(u, c, "0");
    en_give(c, 4);
    PHASE(CC_LOSS);
    assert_true(c->eng.frto);
    return c;
}

/* 2b, then 3b: new data, then an ACK of what was never sent again: nothing was lost. */
static void frto_finds_a_spurious_timeout(void **state) {
    struct tcp_unit *u = *state;
    for (int sack = 0; sack < 2; sack++) {
        struct tcp_conn *c = timed_out(u, sack);
        ACKS(1);
        en_expect(u, c, "6+ 7+");
        PHASE(CC_LOSS);
        ACKS(2);
        PHASE(CC_OPEN);
        assert_int_equal(c->eng.lost_out, 0);
        assert_in_range(c->eng.cc.cwnd, 6, 8);
        assert_int_equal(c->retransmits, 1);
        assert_int_equal(u->env.counter[LA_C_SPURIOUS_RTOS], (unsigned)sack + 1);
        tcp_end(c, 0, LA_CAUSE_CALL, 0);
        tcp_orphan(c);
    }
}

/* 3a: a duplicate instead: the loss was real, and all of it goes again. */
static void frto_gives_up_at_a_duplicate(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = timed_out(u, false);
    ACKS(1);
    en_expect(u, c, "6+ 7+");
    ACKS(1);
    assert_false(c->eng.frto);
    struct tcp_seg s;
    assert_true(tu_out(u, &s));
    assert_true(seq_eq(s.seq, en_seq(c, 1)));
    PHASE(CC_LOSS);
    assert_int_equal(u->env.counter[LA_C_SPURIOUS_RTOS], 0);
}

/* 2a: already the first ACK repeats. */
static void frto_with_sack_sees_a_sack_of_new_data_as_loss(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = timed_out(u, true);
    ACKS(1);
    en_expect(u, c, "6+ 7+");
    SACKS(1, 6, 7);
    assert_false(c->eng.frto);
    struct tcp_seg s;
    assert_true(tu_out(u, &s));
    assert_true(seq_eq(s.seq, en_seq(c, 1)));
}

/* 2b without new data: conventional recovery. */
static void frto_without_new_data_repeats_what_is_lost(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, false, "reno", 6);
    en_send(u, c, 6);
    tu_pass(u, timer(c) - u->env.now);
    en_expect(u, c, "0");
    ACKS(1);
    assert_false(c->eng.frto);
    en_expect(u, c, "1 2");
}

static void frto_stands_back_where_the_window_is_closed(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = timed_out(u, false);
    c->snd_wnd = 5 * EN_MSS; /* 1 to 6: no room for new data. */
    ACKS(1);
    en_expect(u, c, "1 2");
    assert_false(c->eng.frto);
}

/* Nobody answers the new data: the next timeout repeats the first segment, not more new data. */
static void another_timeout_ends_the_waiting_for_frto(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = timed_out(u, false);
    ACKS(1);
    en_expect(u, c, "6+ 7+");
    tu_pass(u, timer(c) - u->env.now);
    en_expect(u, c, "1");
}

/* --- The peer takes SACKed data back (RFC 2018, 8) --- */

static void acks_do_not_put_the_timeout_off_after_reneging(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 6);
    u->env.now += EN_RTT;
    SACKS(0, 1, 3);
    ACKS(1); /* 1 is SACKed, but not acknowledged. */
    la_time at = timer(c);
    assert_in_range(at - u->env.now, 10 * LA_MS, 60 * LA_MS);
    for (int i = 0; i < 5; i++) {
        u->env.now += LA_MS;
        ACKS(1);
        assert_true(timer(c) == at);
    }
    tu_pass(u, at - u->env.now);
    PHASE(CC_LOSS);
    assert_int_equal(c->eng.sacked_out, 0);
    assert_int_equal(c->eng.lost_out, 5);
    en_expect(u, c, "1");
}

/* --- A smaller MTU --- */

static void a_smaller_mtu_resends_without_a_reduction(void **state) {
    struct tcp_unit *u = *state;
    for (int sack = 0; sack < 2; sack++) {
        struct tcp_conn *c = en_conn(u, sack, "reno", 10);
        en_send(u, c, 4);
        c->eng.frto = true; /* Of a timeout long ago. */
        c->mss = c->peer_mss = 500;
        tcp_recover_resend_longer(c, 500);
        PHASE(CC_LOSS);
        assert_int_equal(c->eng.lost_out, 4);
        assert_false(c->eng.frto);
        assert_int_equal(c->eng.cc.cwnd, 10);
        assert_int_equal(tu_skip(u), 8);
        tcp_check(c);
        assert_int_equal(c->eng.again_out, 8);
        u->env.now += EN_RTT;
        ACKS(4);
        assert_int_equal(c->eng.sent.count, 0);
        assert_true(c->eng.cc.cwnd >= 10);
        tcp_end(c, 0, LA_CAUSE_CALL, 0);
        tcp_orphan(c);
    }
}

static void a_smaller_mtu_in_the_middle_of_recovery(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 8);
    u->env.now += EN_RTT;
    SACKS(0, 1, 4);
    en_expect(u, c, "0");
    c->mss = c->peer_mss = 300;
    tcp_recover_resend_longer(c, 300);
    tcp_check(c);
    for (int i = 0; i < 40 && seq_lt(c->snd_una, c->snd_end); i++) {
        tu_skip(u);
        tcp_check(c);
        u->env.now += 10 * LA_MS;
        struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
        in.seg.ack = seq_min(c->snd_nxt, seq_add(c->snd_una, 450));
        tcp_ack(c, &in);
        tcp_check(c);
    }
    assert_true(seq_eq(c->snd_una, c->snd_end));
    assert_int_equal(u->env.counter[LA_C_RTOS], 0);
}

/* No memory for the second record: what could not be cut stays lost, and the timeout tries again. */
static void a_segment_that_cannot_be_cut_waits_for_the_timeout(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 1);
    c->mss = c->peer_mss = 500;
    u->own->fail_at = u->own->asked + 1;
    u->own->fail_on = true;
    tcp_recover_resend_longer(c, 500);
    assert_int_equal(tu_skip(u), 0);
    tcp_check(c);
    assert_true(timer(c) != LA_NEVER);
    u->own->fail_on = false;
    u->own->fail_at = 0;
    tu_pass(u, LA_SECOND);
    assert_true(tu_skip(u) > 0);
    ACKS(1);
}

/* No memory for any record: data goes as the persist timer's probes, which need none, until there is some. */
static void without_memory_for_records_data_still_goes(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_give(c, 3);
    u->own->fail_at = u->own->asked + 1;
    u->own->fail_on = true;
    en_expect(u, c, "");
    assert_true(c->timer_at[LA_TIMER_PERSIST] != LA_NEVER);
    tu_pass(u, 2 * LA_SECOND);
    en_expect(u, c, "0+");
    ACKS(1);
    u->own->fail_on = false;
    u->own->fail_at = 0;
    tcp_mark(c, MARK_SEND);
    en_expect(u, c, "1+ 2+");
    ACKS(3);
    assert_int_equal(c->eng.sent.count, 0);
}

/* --- Whatever comes --- */

/* 2.2 GB without a loss, in large segments; where the stream stands then. */
static uint32_t far(struct tcp_unit *u, struct tcp_conn *c, uint32_t k) {
    c->mss = c->peer_mss = 60000;
    for (int i = 0; i < 2300; i++) {
        tu_flight(c, 16 * 60000);
        u->env.now += LA_MS;
        k += 960;
        ACKS(k);
    }
    c->mss = c->peer_mss = EN_MSS;
    return k;
}

/* Six segments, the first lost: it goes again at once, and the reduction is taken back by D-SACK where there is one. */
static void lose_one(struct tcp_unit *u, struct tcp_conn *c, uint32_t k) {
    struct tcp_seg s;
    c->eng.cc.cwnd = 20;
    en_send(u, c, 6);
    u->env.now += EN_RTT;
    if (c->is.sack_on) SACKS(k, k + 1, k + 5);
    for (int i = 0; i < 4 && !c->is.sack_on; i++) ACKS(k);
    PHASE(CC_RECOVERY);
    assert_true(tu_out(u, &s));
    assert_true(seq_eq(s.seq, en_seq(c, k)));
    tu_skip(u);
    u->env.now += EN_RTT;
    ACKS(k + 6);
    uint64_t undos = u->env.counter[LA_C_UNDOS];
    if (c->is.sack_on) SACKS(k + 6, k, k + 1);
    assert_int_equal(u->env.counter[LA_C_UNDOS], undos + c->is.sack_on);
    tu_skip(u);
    en_send(u, c, 1);
    u->env.now += EN_RTT;
    ACKS(k + 7);
    PHASE(CC_OPEN);
}

/* After 2^31 bytes a mark left behind seems to lie ahead; after 2^32 to be of today. */
static void a_loss_is_repaired_after_two_four_and_six_gigabytes(void **state) {
    struct tcp_unit *u = *state;
    for (uint16_t sack = 0; sack < 2; sack++) {
        struct tcp_conn *c = en_conn(u, sack, "reno", 20);
        u->tcp.params.idle_restart = false;
        uint32_t k = 0;
        for (int i = 0; i < 4; i++) {
            lose_one(u, c, k);
            k = far(u, c, k + 7);
        }
        assert_int_equal(u->env.counter[LA_C_RTOS], 0);
        tcp_end(c, 0, LA_CAUSE_CALL, 0);
        tcp_orphan(c);
    }
}

/* Random ACKs, duplicates, timeouts, windows, without SACK: the counts agree, and in the end all is acknowledged. */
static void random_acks_without_sack_never_break_the_counts(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, false, "cubic", 10);
    struct random r = {11};
    for (unsigned round = 0; round < 5000; round++) {
        if (round % 3 == 0 && tcp_send_room(c) >= 4 * EN_MSS) tu_give(c, 1 + random_below(&r, 3000));
        tu_skip(u);
        tcp_check(c);
        struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
        uint32_t out = seq_len(c->snd_una, c->snd_nxt);
        if (random_below(&r, 6) == 0) in.seg.ack = seq_add(c->snd_una, random_below(&r, out + 1));
        if (random_below(&r, 30) == 0) in.wnd = random_below(&r, 1u << 18);
        if (random_below(&r, 100) == 0) c->mss = c->peer_mss = (uint16_t)(200 + random_below(&r, 800));
        if (random_below(&r, 150) == 0) tcp_recover_resend_longer(c, tcp_send_mss(c));
        if (tcp_ack(c, &in) == GONE) break;
        tcp_check(c);
        tu_pass(u, random_below(&r, 30) * LA_MS);
        if (c->state != LA_ESTABLISHED) break;
    }
    assert_int_equal(c->state, LA_ESTABLISHED);
    for (unsigned i = 0; i < 3000 && seq_lt(c->snd_una, c->snd_end); i++) {
        tu_skip(u);
        struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
        in.seg.ack = c->snd_nxt;
        in.wnd = 1u << 20;
        tcp_ack(c, &in);
    }
    assert_true(seq_eq(c->snd_una, c->snd_end));
    assert_int_equal(tcp_in_flight(c), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(limited_transmit_then_recovery),
        TU_TEST(every_hole_is_filled_once),
        TU_TEST(a_loss_during_recovery_belongs_to_it),
        TU_TEST(newreno_begins_with_the_third_duplicate),
        TU_TEST(partial_acks_repeat_hole_after_hole),
        TU_TEST(invented_duplicates_let_no_more_out_than_was_in_flight),
        TU_TEST(more_duplicates_than_segments_mean_reordering),
        TU_TEST(a_timeout_begins_slow_start_with_one_segment),
        TU_TEST(only_the_first_timeout_of_an_episode_reduces),
        TU_TEST(a_repetition_lost_after_a_timeout_goes_again_without_another),
        TU_TEST(frto_finds_a_spurious_timeout),
        TU_TEST(frto_gives_up_at_a_duplicate),
        TU_TEST(frto_with_sack_sees_a_sack_of_new_data_as_loss),
        TU_TEST(frto_without_new_data_repeats_what_is_lost),
        TU_TEST(frto_stands_back_where_the_window_is_closed),
        TU_TEST(another_timeout_ends_the_waiting_for_frto),
        TU_TEST(acks_do_not_put_the_timeout_off_after_reneging),
        TU_TEST(a_smaller_mtu_resends_without_a_reduction),
        TU_TEST(a_smaller_mtu_in_the_middle_of_recovery),
        TU_TEST(a_segment_that_cannot_be_cut_waits_for_the_timeout),
        TU_TEST(without_memory_for_records_data_still_goes),
        TU_TEST(a_loss_is_repaired_after_two_four_and_six_gigabytes),
        TU_TEST(random_acks_without_sack_never_break_the_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
