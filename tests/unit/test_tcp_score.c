/* tcp/score.c: which marks a segment has, and that the counts agree with them. */
#include "support/engine_unit.h"

static void counts(const struct tcp_conn *c, uint32_t sacked, uint32_t lost, uint32_t again, uint32_t in_flight) {
    tcp_score_check(c);
    assert_int_equal(c->eng.sacked_out, sacked);
    assert_int_equal(c->eng.lost_out, lost);
    assert_int_equal(c->eng.again_out, again);
    assert_int_equal(tcp_in_flight(c), in_flight);
}

static void each_mark_moves_its_count_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 5);
    counts(c, 0, 0, 0, 5);
    tcp_score_sacked(c, en_record(c, 2));
    counts(c, 1, 0, 0, 4);
    tcp_score_lost(c, en_record(c, 2)); /* What the peer has is not lost. */
    counts(c, 1, 0, 0, 4);
    tcp_score_lost(c, en_record(c, 0));
    tcp_score_lost(c, en_record(c, 0));
    counts(c, 1, 1, 0, 3);
    assert_int_equal(c->eng.lost, 1);
    tcp_score_sent_again(c, en_record(c, 0));
    counts(c, 1, 1, 1, 4);
    tcp_score_lost(c, en_record(c, 0)); /* The repetition, too. */
    counts(c, 1, 1, 0, 3);
    assert_int_equal(c->eng.lost, 2);
    tcp_score_sent_again(c, en_record(c, 0));
    tcp_score_sacked(c, en_record(c, 0));
    counts(c, 2, 0, 0, 3);
    assert_int_equal(c->eng.delivered, 2);
}

static void what_is_lost_is_found_in_order_and_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 6);
    assert_null(tcp_score_next_lost(c));
    tcp_score_lost(c, en_record(c, 4));
    tcp_score_lost(c, en_record(c, 1));
    assert_ptr_equal(tcp_score_next_lost(c), en_record(c, 1));
    tcp_score_sent_again(c, en_record(c, 1));
    assert_ptr_equal(tcp_score_next_lost(c), en_record(c, 4));
    tcp_score_sent_again(c, en_record(c, 4));
    assert_null(tcp_score_next_lost(c));
    tcp_score_lost(c, en_record(c, 0)); /* Before the place where the search has ended. */
    assert_ptr_equal(tcp_score_next_lost(c), en_record(c, 0));
}

static struct tcp_acked acked(struct tcp_conn *c, seq to) {
    struct tcp_acked a = {.ack = to, .prior_una = c->snd_una, .prior_fack = c->snd_una};
    tcp_score_acked(c, &a);
    return a;
}

static void an_ack_within_a_segment_leaves_the_rest(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 3);
    struct tcp_acked a = acked(c, seq_add(en_seq(c, 1), 300));
    assert_int_equal(a.popped, 1);
    assert_int_equal(c->eng.sent.count, 2);
    assert_true(seq_eq(sent_at(&c->eng.sent, 0)->from, seq_add(en_seq(c, 1), 300)));
    assert_true(seq_eq(sent_at(&c->eng.sent, 0)->to, en_seq(c, 2)));
}

/* Karn, and what waited behind the hole: its time is the loss's, not the path's. */
static void an_ack_over_a_repetition_measures_nothing(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 3);
    u->env.now += 60 * LA_MS;
    struct tcp_acked a = acked(c, en_seq(c, 1));
    assert_int_equal(a.rtt_us, 60000);
    assert_true(a.data_acked);
    tcp_score_sent_again(c, en_record(c, 1));
    u->env.now += 60 * LA_MS;
    a = acked(c, en_seq(c, 3));
    assert_int_equal(a.popped, 2);
    assert_int_equal(a.rtt_us, 0);
    assert_int_equal(a.last_rtt_us, 0);
}

static void a_timeout_spares_what_was_sent_just_before(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    c->eng.rack.rtt_us = 100000;
    en_send(u, c, 3);
    u->env.now += 150 * LA_MS;
    en_send(u, c, 2);
    u->env.now += 60 * LA_MS;
    tcp_score_sacked(c, en_record(c, 1));
    tcp_score_timeout(c, false);
    counts(c, 1, 2, 0, 2);
    assert_false(en_record(c, 3)->marks & SENT_LOST);
    tcp_score_timeout(c, true); /* Reneged: nothing counts. */
    counts(c, 0, 5, 0, 0);
}

static void without_sack_a_timeout_spares_nothing(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, false, "reno", 10);
    en_send(u, c, 4);
    c->eng.sacked_out = 2;
    tcp_score_timeout(c, false);
    counts(c, 0, 4, 0, 0);
}

/* After an undo everything open stands in the order in which it was sent, repetitions among the rest. */
static void what_was_found_again_stands_in_the_order_of_time(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 4);
    tcp_score_sacked(c, en_record(c, 3));
    for (uint32_t i = 0; i < 3; i++) tcp_score_lost(c, en_record(c, i));
    for (uint32_t i = 0; i < 2; i++) {
        u->env.now += LA_MS;
        tcp_score_sent_again(c, en_record(c, i));
        u->env.now += LA_MS;
        tu_flight(c, EN_MSS); /* 4 after 0, 5 after 1. */
    }
    tcp_score_found(c);
    counts(c, 1, 0, 2, 7);
    static const uint32_t order[] = {2, 0, 4, 1, 5};
    unsigned n = 0;
    for (const struct sent *s = sent_oldest(&c->eng.sent); s; s = sent_newer(&c->eng.sent, s))
        assert_ptr_equal(s, en_record(c, order[n++]));
    assert_int_equal(n, COUNT_OF(order));
}

static void both_pieces_of_a_segment_count(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 2);
    tcp_score_lost(c, en_record(c, 0));
    tcp_score_sent_again(c, en_record(c, 0));
    const struct sent *cut = tcp_score_cut(c, 0, 400); /* Before it the record was elsewhere. */
    assert_ptr_equal(cut, en_record(c, 0));
    counts(c, 0, 2, 2, 3);
}

static void what_goes_again_beside_a_lost_one_gives_it_its_rest(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 10);
    en_send(u, c, 3);
    for (uint32_t i = 0; i < 2; i++) tcp_score_lost(c, en_record(c, i));
    seq to = en_record(c, 1)->to;
    assert_ptr_equal(tcp_score_cut(c, 0, 400), en_record(c, 0));
    assert_int_equal(c->eng.sent.count, 3); /* No record more. */
    assert_true(seq_eq(en_record(c, 1)->from, en_record(c, 0)->to) && seq_eq(en_record(c, 1)->to, to));
    tcp_score_check(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(each_mark_moves_its_count_once),
        TU_TEST(what_is_lost_is_found_in_order_and_once),
        TU_TEST(an_ack_within_a_segment_leaves_the_rest),
        TU_TEST(an_ack_over_a_repetition_measures_nothing),
        TU_TEST(a_timeout_spares_what_was_sent_just_before),
        TU_TEST(without_sack_a_timeout_spares_nothing),
        TU_TEST(what_was_found_again_stands_in_the_order_of_time),
        TU_TEST(both_pieces_of_a_segment_count),
        TU_TEST(what_goes_again_beside_a_lost_one_gives_it_its_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
