/* tcp/sack.c: blocks onto records (RFC 2018, 6675), D-SACK (RFC 2883), reordering; and peers that lie. */
#include "support/engine_unit.h"

static void a_block_takes_the_segments_that_it_covers_whole(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 8);
    struct tcp_in in = en_in(c, 0, EN_EDGES(1, 4), 1);
    in.seg.opt.sack[0].from = seq_add(in.seg.opt.sack[0].from, 1);
    in.seg.opt.sack[0].to = seq_sub(in.seg.opt.sack[0].to, 1);
    tcp_ack(c, &in); /* One byte short on both sides: 2 alone. */
    assert_int_equal(c->eng.sacked_out, 1);
    assert_true(en_record(c, 2)->marks & SENT_SACKED);
    SACKS(0, 1, 4); /* The block grows to both sides. */
    assert_int_equal(c->eng.sacked_out, 3);
    SACKS(0, 5, 6, 1, 4);
    assert_int_equal(c->eng.sacked_out, 4);
    assert_true(seq_eq(c->eng.fack, en_seq(c, 6)));
    SACKS(4, 5, 6);
    assert_int_equal(c->eng.sacked_out, 1);
}

static void nonsense_is_no_block(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 8);
    SACKS(0, 3, 3); /* Empty. */
    SACKS(0, 4, 2); /* Turned round. */
    SACKS(0, 6, 9); /* Beyond what was sent. */
    SACKS(0, 0, 3); /* From where the ACK stands: it would have acknowledged that. */
    SACKS(0, 2000000, 3000000);
    assert_int_equal(c->eng.sacked_out, 0);
    PHASE(CC_OPEN);
    SACKS(3, 1, 2); /* Below the ACK, without a repetition: a lie. */
    assert_int_equal(c->eng.sacked_out, 0);
    assert_false(c->eng.rack.dsack_seen);
}

/* A segment that two blocks cover one half each is whole when they have become one. */
static void a_segment_cut_by_the_end_of_the_last_block_is_looked_at_again(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 8);
    struct tcp_in in = en_in(c, 0, EN_EDGES(2, 4), 1);
    in.seg.opt.sack[0].to = seq_add(en_seq(c, 3), 500);
    tcp_ack(c, &in);
    assert_int_equal(c->eng.sacked_out, 1);
    SACKS(0, 2, 4);
    assert_int_equal(c->eng.sacked_out, 2);
}

/* What the ACK before said is not looked at again; what an ACK of 2^32 bytes ago said is. */
static void blocks_seen_a_turn_of_the_sequence_space_ago_hide_nothing(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 6);
    SACKS(0, 1, 4);
    ACKS(6);
    assert_int_equal(c->eng.sacked_out, 0);
    c->eng.nseen = 1;
    c->eng.seen[0] = (struct tcp_sack){en_seq(c, 6), en_seq(c, 12)};
    en_send(u, c, 6);
    SACKS(6, 7, 9);
    assert_int_equal(c->eng.sacked_out, 2);
}

/* RFC 2883, 4: the first block below the ACK, or within the second. */
static void a_dsack_says_that_a_repetition_was_needless(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 6);
    SACKS(0, 1, 4);
    en_expect(u, c, "0");
    PHASE(CC_RECOVERY);
    u->env.now += EN_RTT;
    ACKS(6); /* The original … */
    assert_in_range(c->eng.cc.cwnd, 3, 5);
    SACKS(6, 0, 1); /* … and the repetition. */
    assert_int_equal(c->eng.dsacks, 1);
    assert_int_equal(c->eng.undo_again, 0);
    PHASE(CC_OPEN);
    assert_int_equal(c->eng.cc.cwnd, 20);

    en_send(u, c, 6);
    SACKS(6, 7, 10);
    en_expect(u, c, "6");
    uint32_t before = c->eng.dsacks;
    SACKS(6, 8, 9, 7,
          10); /* Within the second block; no second repetition has been: reported, but a lie or the net's. */
    assert_int_equal(c->eng.dsacks, before + 1);
    assert_int_equal(c->eng.sacked_out, 3);
}

static void more_dsacks_than_repetitions_prove_nothing(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 6);
    ACKS(3);
    for (int i = 0; i < 10; i++) SACKS(3, 1, 2);
    assert_false(c->eng.rack.dsack_seen);
    assert_int_equal(c->eng.undo_again, 0);
    PHASE(CC_OPEN);
}

/* RFC 8985, 6.2, step 3: something below the highest SACK arrives that was sent once. */
static void what_comes_late_is_reordering_and_sets_its_degree(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 12);
    assert_int_equal(c->eng.reordering, 3);
    SACKS(0, 2, 3);
    SACKS(0, 1, 3); /* 1 after 2: a distance of two segments, less than the threshold. */
    assert_true(c->eng.rack.reorder_seen);
    assert_int_equal(c->eng.reorderings, 1);
    assert_int_equal(c->eng.reordering, 3);
    SACKS(0, 11, 12, 1, 3);
    SACKS(0, 4, 5, 11, 12, 1, 3);
    assert_int_equal(c->eng.reordering, 8);
    ACKS(1); /* 0 was late, too: by ACK. */
    assert_int_equal(c->eng.reordering, 12);
}

static void more_than_the_setting_is_not_believed(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    u->tcp.params.reordering_max = 5;
    en_send(u, c, 12);
    tcp_reordering_seen(c, en_seq(c, 0), en_seq(c, 9));
    assert_int_equal(c->eng.reordering, 5);
}

static void a_repetition_that_arrives_is_no_reordering(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "reno", 20);
    en_send(u, c, 6);
    SACKS(0, 2, 6);
    en_expect(u, c, "0 1");
    u->env.now += EN_RTT;
    SACKS(0, 1, 6);
    ACKS(6);
    assert_false(c->eng.rack.reorder_seen);
    assert_int_equal(c->eng.reorderings, 0);
}

/* Any blocks at all, valid or not: the counts agree after each, and in the end all is acknowledged. */
static void hostile_blocks_never_break_the_counts(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = en_conn(u, true, "cubic", 30);
    struct random r = {7};
    for (unsigned round = 0; round < 4000; round++) {
        if (round % 5 == 0 && tcp_send_room(c) >= 4 * EN_MSS) en_give(c, 1 + random_below(&r, 3));
        tu_skip(u);
        struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
        uint32_t out = seq_len(c->snd_una, c->snd_nxt);
        in.seg.opt.nsack = (uint8_t)random_below(&r, 5);
        for (unsigned i = 0; i < in.seg.opt.nsack; i++) {
            seq from = seq_add(seq_sub(c->snd_una, 3000), random_below(&r, out + 6000));
            uint32_t len = random_below(&r, 3) ? random_below(&r, 5000) : random_below(&r, 3);
            in.seg.opt.sack[i] =
                (struct tcp_sack){from, random_below(&r, 20) ? seq_add(from, len) : seq_sub(from, len)};
        }
        if (random_below(&r, 10) == 0) in.seg.ack = seq_add(c->snd_una, random_below(&r, out + 1));
        if (random_below(&r, 20) == 0) in.wnd = random_below(&r, 1u << 20);
        if (tcp_ack(c, &in) == GONE) break;
        tcp_check(c);
        tu_pass(u, random_below(&r, 40) * LA_MS);
        if (c->state != LA_ESTABLISHED) break;
        tcp_check(c);
        assert_true(c->eng.lost_out >= c->eng.again_out || c->eng.again_out <= c->eng.sent.count);
    }
    for (unsigned i = 0; i < 1000 && seq_lt(c->snd_una, c->snd_end); i++) {
        tu_skip(u);
        struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
        in.seg.ack = c->snd_nxt;
        in.wnd = 1u << 20;
        tcp_ack(c, &in);
    }
    assert_true(seq_eq(c->snd_una, c->snd_end));
    assert_int_equal(c->eng.sent.count, 0);
    assert_int_equal(tcp_in_flight(c), 0);
    assert_null(c->eng.sent.at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(a_block_takes_the_segments_that_it_covers_whole),
        TU_TEST(nonsense_is_no_block),
        TU_TEST(a_segment_cut_by_the_end_of_the_last_block_is_looked_at_again),
        TU_TEST(blocks_seen_a_turn_of_the_sequence_space_ago_hide_nothing),
        TU_TEST(a_dsack_says_that_a_repetition_was_needless),
        TU_TEST(more_dsacks_than_repetitions_prove_nothing),
        TU_TEST(what_comes_late_is_reordering_and_sets_its_degree),
        TU_TEST(more_than_the_setting_is_not_believed),
        TU_TEST(a_repetition_that_arrives_is_no_reordering),
        TU_TEST(hostile_blocks_never_break_the_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
