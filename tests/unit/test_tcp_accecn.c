/* tcp/accecn.c: what is counted, told and believed in Accurate ECN (RFC 9768). The wire's view: tests/drill/rfc9768. */
#include "tcp_unit.h"

static struct tcp_conn *accurate(struct tcp_unit *u) {
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_true(tcp_accecn_begin(c, ECN_NOT_ECT));
    return c;
}

static void arrive(struct tcp_conn *c, uint8_t codepoint, uint32_t len, uint16_t segment_size) {
    struct ip_datagram datagram = {.tos = codepoint, .segment_size = segment_size};
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, len);
    in.datagram = &datagram;
    tcp_ecn_input(c, &in);
}

static void no_mark(struct tcp_conn *c) {
    c->marks = 0;
    if (list_linked(&c->out)) list_remove(&c->out);
}

static void packets_and_bytes_are_counted(void **state) {
    struct tcp_conn *c = accurate(*state);
    struct tcp_plan ack = {.seq = c->snd_max, .flags = TCP_ACK};
    assert_int_equal(tcp_ecn_flags(c, &ack), TCP_AE | TCP_ECE); /* 5 */
    arrive(c, ECN_ECT0, 100, 0);
    arrive(c, ECN_ECT1, 10, 0);
    arrive(c, ECN_CE, 1000, 0);
    arrive(c, ECN_CE, 0, 0);       /* Bare ACKs count as packets. */
    arrive(c, ECN_CE, 2500, 1000); /* Merged by the device: three. */
    arrive(c, ECN_NOT_ECT, 7, 0);
    assert_int_equal(c->accecn->received_ce, 5);
    assert_int_equal(c->accecn->received[ACCECN_E0B], 100);
    assert_int_equal(c->accecn->received[ACCECN_E1B], 10);
    assert_int_equal(c->accecn->received[ACCECN_CEB], 3500);
    assert_int_equal(tcp_ecn_flags(c, &ack), TCP_CWR); /* 5 + 5 modulo 8 */
    no_mark(c);
}

static void marks_that_begin_or_pile_up_are_acknowledged_at_once(void **state) {
    struct tcp_conn *c = accurate(*state);
    struct tcp_plan ack = {.seq = c->snd_max, .flags = TCP_ACK};
    arrive(c, ECN_ECT0, 10, 0);
    assert_false(c->marks & MARK_ACK);
    arrive(c, ECN_CE, 10, 0);
    assert_true(c->marks & MARK_ACK);
    no_mark(c);
    tcp_ecn_sent(c, &ack);
    arrive(c, ECN_CE, 10, 0);
    assert_false(c->marks & MARK_ACK);
    arrive(c, ECN_CE, 10, 0);
    assert_true(c->marks & MARK_ACK);
    no_mark(c);
    tcp_ecn_sent(c, &ack);
    for (unsigned i = 1; i <= 3; i++) { /* Without data, every third. */
        arrive(c, ECN_CE, 0, 0);
        assert_int_equal((c->marks & MARK_ACK) != 0, i == 3);
    }
    no_mark(c);
}

/* The option that an ACK would have. */
static struct tcp_options option(struct tcp_conn *c, uint32_t len, bool ts, unsigned blocks) {
    struct tcp_plan plan = {.seq = c->snd_max, .len = len, .flags = TCP_ACK};
    struct tcp_options o = {.has_ts = ts};
    tcp_accecn_option(c, &plan, blocks, &o);
    return o;
}

static void an_option_goes_when_there_is_news(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = accurate(u);
    u->tcp.params.ecn_option_beacon = 0;
    assert_false(option(c, 0, true, 0).has_accecn);
    arrive(c, ECN_ECT0, 100, 0);
    struct tcp_options o = option(c, 0, true, 0);
    assert_true(o.has_accecn && o.accecn1 && o.naccecn == 3);
    assert_true(o.accecn[0] == 1 && o.accecn[1] == 0 && o.accecn[2] == 101);
    assert_false(option(c, 0, true, 0).has_accecn);
    u->tcp.params.ecn_option = ECN_OPTION_NEVER;
    arrive(c, ECN_ECT0, 100, 0);
    assert_false(option(c, 0, true, 0).has_accecn);
    u->tcp.params.ecn_option = ECN_OPTION_MINIMUM;
    assert_true(option(c, 0, true, 0).has_accecn); /* The second time after the change of counter. */
    arrive(c, ECN_ECT0, 100, 0);
    assert_false(option(c, 0, true, 0).has_accecn);
    for (unsigned i = 0; i < 64; i++) arrive(c, ECN_ECT0, 65536, 0);
    assert_true(option(c, 0, true, 0).has_accecn);
    no_mark(c);
}

static void a_beacon_repeats_what_may_be_lost(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = accurate(u);
    c->srtt_us = 30000;
    arrive(c, ECN_ECT0, 100, 0);
    assert_true(option(c, 0, true, 0).has_accecn);
    u->env.now += 9 * LA_MS;
    assert_false(option(c, 0, true, 0).has_accecn);
    u->env.now += 1 * LA_MS;
    assert_true(option(c, 0, true, 0).has_accecn);
}

static void data_and_sack_come_first(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = accurate(u);
    u->tcp.params.accecn_full = false;
    arrive(c, ECN_ECT0, 100, 0);
    assert_false(option(c, 1448, true, 0).has_accecn);
    assert_int_equal(option(c, 1440, true, 0).naccecn, 1);
    arrive(c, ECN_CE, 100, 0);
    struct tcp_options o = option(c, 0, true, 3);
    assert_true(o.has_accecn && !o.accecn1 && o.naccecn == 2);
    arrive(c, ECN_ECT1, 100, 0);
    arrive(c, ECN_ECT0, 100, 0);
    assert_false(option(c, 0, true, 3).has_accecn); /* Three counters, and two blocks: too much. */
    assert_int_equal(option(c, 0, true, 0).naccecn, 3);
    no_mark(c);
}

/* An ACK of so many segments more; returns how many of them it says were marked. */
static uint32_t feedback(struct tcp_conn *c, unsigned ace, uint32_t segments, const struct tcp_options *o) {
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 0);
    struct tcp_acked a = {.prior_una = c->snd_una, .popped = segments, .advanced = segments > 0};
    in.seg.flags |= (uint16_t)((ace & 4 ? TCP_AE : 0) | (ace & 2 ? TCP_CWR : 0) | (ace & 1 ? TCP_ECE : 0));
    if (o) in.seg.opt = *o;
    in.seg.ack = seq_add(c->snd_una, segments * 1460);
    c->accecn->marked_rounds = UINT8_MAX; /* Not what is looked at here. */
    return tcp_accecn_feedback(c, &in, &a);
}

static void the_counter_goes_round(void **state) {
    struct tcp_conn *c = accurate(*state);
    assert_int_equal(feedback(c, 5, 2, NULL), 0);
    assert_int_equal(feedback(c, 7, 2, NULL), 2);
    assert_int_equal(feedback(c, 0, 1, NULL), 1);
    assert_int_equal(c->eng.delivered_ce, 3);
    assert_int_equal(feedback(c, 7, 0, NULL), 0); /* Acknowledges nothing: it may be old. */
    assert_int_equal(feedback(c, 0, 20, NULL), 16);
    assert_int_equal(feedback(c, 0, 5, NULL), 0);
    assert_int_equal(feedback(c, 0, 20, NULL), 0);
}

static void bytes_say_how_often_it_went_round(void **state) {
    struct tcp_conn *c = accurate(*state);
    struct tcp_options o = {.has_accecn = true, .accecn1 = true, .naccecn = 3, .accecn = {1, 0, 1 + 30 * 1460}};
    assert_int_equal(feedback(c, 5, 30, &o), 0);
    o.accecn[1] = 10 * 1460;
    assert_int_equal(feedback(c, 7, 20, &o), 10);
    o.accecn[1] += 2 * 1460;
    assert_int_equal(feedback(c, 1, 20, &o), 2);
    assert_int_equal(c->accecn->delivered[ACCECN_CEB], 12 * 1460);
    assert_int_equal(c->accecn->delivered[ACCECN_E0B], 30 * 1460);
    assert_int_equal(c->accecn->failed, 0);
    o.accecn[1] += 1460; /* Bytes that were marked in no packet. */
    assert_int_equal(feedback(c, 1, 2, &o), 0);
    assert_int_equal(c->accecn->failed, ACCECN_NO_ECT);
}

static void bytes_of_marks_told_before_are_explained(void **state) {
    struct tcp_conn *c = accurate(*state);
    struct tcp_options o = {.has_accecn = true, .accecn1 = true, .naccecn = 2, .accecn = {1, 1460}};
    assert_int_equal(feedback(c, 6, 2, NULL), 1);
    assert_int_equal(feedback(c, 6, 2, &o), 0);
    assert_int_equal(c->accecn->failed, 0);
}

static void what_is_zero_at_first_is_not_believed(void **state) {
    struct tcp_conn *c = accurate(*state);
    struct tcp_plan data = {.seq = c->snd_max, .len = 100, .flags = TCP_ACK};
    assert_int_equal(tcp_ecn_codepoint(c, &data), ECN_ECT0);
    assert_int_equal(feedback(c, 0, 2, NULL), 0);
    assert_int_equal(c->accecn->failed, ACCECN_NO_ECT | ACCECN_DEAF);
    assert_int_equal(feedback(c, 1, 2, NULL), 0);
    assert_int_equal(tcp_ecn_codepoint(c, &data), ECN_NOT_ECT);
}

static void a_path_that_marks_everything_says_nothing(void **state) {
    struct tcp_conn *c = accurate(*state);
    for (unsigned round = 1; round <= 4; round++) {
        struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 0);
        struct tcp_acked a = {.prior_una = c->snd_una, .popped = 8, .advanced = true};
        in.seg.ack = seq_add(c->snd_una, 8 * 1460);
        in.seg.flags |= TCP_AE | TCP_ECE; /* Eight more: 5 again. */
        c->accecn->marking = true;
        assert_int_equal(tcp_accecn_feedback(c, &in, &a), round < 4 ? 8 : 0);
    }
    assert_int_equal(c->accecn->failed, ACCECN_NO_ECT | ACCECN_DEAF);
}

static void options_that_get_lost_stop(void **state) {
    struct tcp_conn *c = accurate(*state);
    arrive(c, ECN_ECT0, 100, 0);
    assert_true(option(c, 0, true, 0).has_accecn);
    tcp_accecn_reappeared(c);
    assert_int_equal(c->accecn->failed, 0);
    tcp_accecn_reappeared(c);
    assert_int_equal(c->accecn->failed, ACCECN_NO_OPTIONS_OUT);
    arrive(c, ECN_ECT0, 100, 0);
    assert_false(option(c, 0, true, 0).has_accecn);
    c->tcp->params.ecn_option = ECN_OPTION_PERSIST;
    assert_true(option(c, 0, true, 0).has_accecn);
}

/* The other end takes a handshake that goes on without ECN for what it is (RFC 9768, table 4, note 1). */
static void without_memory_there_is_no_mode(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_plan ack = {.seq = c->snd_max, .flags = TCP_ACK};
    size_t max = u->env.max;
    u->env.max = u->env.used;
    assert_false(tcp_accecn_begin(c, ECN_ECT0));
    u->env.max = max;
    assert_int_equal(tcp_ecn_flags(c, &ack), 0);
    assert_int_equal(tcp_ecn_mode(c), ECN_MODE_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(packets_and_bytes_are_counted),
        TU_TEST(marks_that_begin_or_pile_up_are_acknowledged_at_once),
        TU_TEST(an_option_goes_when_there_is_news),
        TU_TEST(a_beacon_repeats_what_may_be_lost),
        TU_TEST(data_and_sack_come_first),
        TU_TEST(the_counter_goes_round),
        TU_TEST(bytes_say_how_often_it_went_round),
        TU_TEST(bytes_of_marks_told_before_are_explained),
        TU_TEST(what_is_zero_at_first_is_not_believed),
        TU_TEST(a_path_that_marks_everything_says_nothing),
        TU_TEST(options_that_get_lost_stop),
        TU_TEST(without_memory_there_is_no_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
