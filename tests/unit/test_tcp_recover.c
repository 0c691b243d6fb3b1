/* tcp/recover.c: fast retransmit and NewReno (RFC 5681, 3.2; RFC 6582), limited transmit (RFC 3042), timeouts (RFC
 * 5681, 3.1). MSS 1460, ten segments in flight from TU_SND(1). */
#include "tcp_unit.h"

#define MSS 1460u

static struct tcp_conn *flying(struct tcp_unit *u) {
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_flight(c, 10 * MSS);
    return c;
}

/* What tcp_ack does around it. */
static void acked(struct tcp_conn *c, seq ack) {
    tcp_recover_ack(c, ack, seq_len(c->snd_una, ack));
    c->snd_una = ack;
}

static void two_duplicates_let_one_new_segment_go_each(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = flying(u);
    tcp_recover_dupack(c);
    assert_int_equal(c->limited, 1);
    tcp_recover_dupack(c);
    assert_int_equal(c->limited, 2);
    assert_int_equal(c->cwnd, 10 * MSS); /* RFC 3042: without changing cwnd. */
    assert_false(c->is.in_recovery);
    assert_int_equal(c->marks & MARK_REXMIT, 0);
}

static void the_third_duplicate_begins_recovery(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = flying(u);
    for (int i = 0; i < 3; i++) tcp_recover_dupack(c);
    assert_true(c->is.in_recovery);
    assert_int_equal(c->ssthresh, 5 * MSS);
    assert_int_equal(c->cwnd, 8 * MSS); /* ssthresh + 3 */
    assert_true(seq_eq(c->recover, c->snd_max));
    assert_int_equal(c->limited, 0);
    assert_true(c->marks & MARK_REXMIT);
    tcp_recover_dupack(c);
    assert_int_equal(c->cwnd, 9 * MSS);
    assert_int_equal(u->env.counter[LA_C_FAST_RETRANSMITS], 1);
}

static void a_partial_ack_deflates_and_sends_the_next_hole(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = flying(u);
    for (int i = 0; i < 3; i++) tcp_recover_dupack(c);
    c->marks = 0;
    acked(c, TU_SND(1 + 2 * MSS));
    assert_int_equal(c->cwnd, 7 * MSS); /* 8 - 2 acknowledged + 1 */
    assert_true(c->is.in_recovery);
    assert_true(c->marks & MARK_REXMIT);
    acked(c, TU_SND(1 + 2 * MSS + 100)); /* Less than a segment adds none back. */
    assert_int_equal(c->cwnd, 7 * MSS - 100);
}

static void a_full_ack_ends_recovery(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = flying(u);
    for (int i = 0; i < 3; i++) tcp_recover_dupack(c);
    tu_flight(c, 2 * MSS);
    acked(c, TU_SND(1 + 10 * MSS));
    assert_false(c->is.in_recovery);
    assert_int_equal(c->cwnd, 3 * MSS); /* min(ssthresh 5, max(flight 2, 1) + 1) */
    assert_int_equal(c->dupacks, 0);
}

static void the_end_of_recovery_never_exceeds_ssthresh(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = flying(u);
    for (int i = 0; i < 3; i++) tcp_recover_dupack(c);
    tu_flight(c, 20 * MSS);
    acked(c, TU_SND(1 + 10 * MSS));
    assert_int_equal(c->cwnd, 5 * MSS);
}

static void a_timeout_goes_back_to_one_segment(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = flying(u);
    c->limited = 2;
    c->is.rtt_timing = 1;
    seq end = c->snd_max;
    tcp_recover_timeout(c);
    assert_int_equal(c->cwnd, MSS);
    assert_int_equal(c->ssthresh, 5 * MSS);
    assert_true(seq_eq(c->snd_nxt, c->snd_una) && seq_eq(c->snd_max, end));
    assert_false(c->is.rtt_timing); /* Karn. */
    assert_int_equal(c->limited, 0);
    c->backoff = 1;
    c->snd_nxt = seq_add(c->snd_una, MSS);
    tcp_recover_timeout(c); /* RFC 5681, 3.1: the same loss halves once. */
    assert_int_equal(c->ssthresh, 5 * MSS);
}

static void duplicates_of_what_went_before_a_timeout_begin_nothing(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = flying(u);
    tcp_recover_timeout(c);
    acked(c, TU_SND(1 + 3 * MSS));
    for (int i = 0; i < 5; i++) tcp_recover_dupack(c);
    assert_false(c->is.in_recovery); /* RFC 6582, 3.2, step 2: not beyond recover. */
    tu_flight(c, 10 * MSS);
    acked(c, TU_SND(2 + 10 * MSS));
    for (int i = 0; i < 3; i++) tcp_recover_dupack(c);
    assert_true(c->is.in_recovery);
}

/* RFC 6582, 3.2: `recover` compares with what is in flight; left behind, it would seem to lie ahead. */
static void a_loss_two_gigabytes_after_another_is_repaired_as_fast(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = flying(u);
    for (int i = 0; i < 3; i++) tcp_recover_dupack(c);
    acked(c, c->recover);
    for (int i = 0; i < 5; i++) {
        tu_flight(c, 1u << 29);
        acked(c, c->snd_max);
    }
    tu_flight(c, 10 * MSS);
    for (int i = 0; i < 3; i++) tcp_recover_dupack(c);
    assert_true(c->is.in_recovery);
}

/* A peer may send duplicates for ever (RFC 5681, 3.2, warns of it); they must not make the window start from nothing.
 */
static void duplicates_without_end_do_not_wrap_the_window(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = flying(u);
    for (int i = 0; i < 3; i++) tcp_recover_dupack(c);
    c->cwnd = UINT32_MAX - MSS;
    for (int i = 0; i < 3; i++) tcp_recover_dupack(c);
    assert_true(c->cwnd > 10 * MSS);
}

static void a_smaller_path_sends_again_without_congestion(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = flying(u);
    c->path.mtu = 1000;
    tcp_recover_mtu(c);
    assert_int_equal(tcp_send_mss(c), 960);
    assert_true(seq_eq(c->snd_nxt, c->snd_una));
    assert_int_equal(c->cwnd, 10 * 960); /* As many segments as before. */
    assert_int_equal(c->ssthresh, UINT32_MAX);
    tcp_recover_mtu(c); /* The next report of the same window. */
    assert_int_equal(c->cwnd, 10 * 960);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(two_duplicates_let_one_new_segment_go_each),
        TU_TEST(the_third_duplicate_begins_recovery),
        TU_TEST(a_partial_ack_deflates_and_sends_the_next_hole),
        TU_TEST(a_full_ack_ends_recovery),
        TU_TEST(the_end_of_recovery_never_exceeds_ssthresh),
        TU_TEST(a_timeout_goes_back_to_one_segment),
        TU_TEST(duplicates_of_what_went_before_a_timeout_begin_nothing),
        TU_TEST(a_loss_two_gigabytes_after_another_is_repaired_as_fast),
        TU_TEST(duplicates_without_end_do_not_wrap_the_window),
        TU_TEST(a_smaller_path_sends_again_without_congestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
