/* tcp/ack.c: what an ACK moves: SND.UNA, the window (RFC 9293, 3.10.7.4, fifth), the measurement, our FIN. */
#include "tcp_unit.h"

static struct tcp_conn *sending(struct tcp_unit *u, uint32_t len) {
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_give(c, len);
    tu_skip(u);
    assert_true(seq_eq(c->snd_max, TU_SND(1 + len)));
    return c;
}

static enum tcp_verdict ack(struct tcp_conn *c, uint32_t to, uint32_t wnd) {
    struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
    in.seg.ack = TU_SND(to);
    in.wnd = wnd;
    return tcp_ack(c, &in);
}

static void what_is_acknowledged_gives_its_storage_back(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = sending(u, 5000);
    c->backoff = 2;
    c->soft_error = LA_EHOSTUNREACH;
    u->env.now += 100 * LA_MS;
    assert_int_equal(ack(c, 2921, 65535), GO_ON);
    assert_true(seq_eq(c->snd_una, TU_SND(2921)));
    assert_int_equal(c->bytes_out, 2920);
    assert_int_equal(c->backoff, 0);
    assert_int_equal(c->soft_error, 0);
    assert_int_equal(c->srtt_us, 100000);
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] == u->env.now + 300 * LA_MS);
    assert_true(buffer_memory(&c->snd) > 0);
    ack(c, 5001, 65535);
    assert_int_equal(buffer_memory(&c->snd), 0);
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] == LA_NEVER);
}

/* SND.WL1 and SND.WL2: an old segment must not bring back an old window; and only SND.UNA <= SEG.ACK counts at all. */
static void only_a_newer_segment_changes_the_window(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->snd_wl1 = TU_RCV(101);
    c->snd_wl2 = TU_SND(1);
    static const struct {
        uint32_t seq, ack;
        bool counts;
    } row[] = {{100, 1, 0}, {101, 0, 0}, {101, 1, 1}, {102, 0, 0}, {102, 1, 1}};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_in in = tu_in(c, TU_RCV(row[i].seq), TCP_ACK, 0);
        in.seg.ack = TU_SND(row[i].ack);
        in.wnd = (uint32_t)(100 + i);
        tcp_ack(c, &in);
        assert_int_equal(c->snd_wnd == 100 + i, row[i].counts);
    }
    assert_int_equal(c->max_snd_wnd, 65535);
}

static void a_window_that_opens_ends_the_persist_timer(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->snd_wnd = 0;
    c->snd_end = seq_add(c->snd_end, 100);
    tcp_persist_start(c);
    c->backoff = 4;
    ack(c, 1, 0);
    assert_true(c->timer_at[LA_TIMER_PERSIST] != LA_NEVER);
    ack(c, 1, 1000);
    assert_true(c->timer_at[LA_TIMER_PERSIST] == LA_NEVER);
    assert_int_equal(c->backoff, 0);
    assert_true(c->marks & MARK_SEND);
}

static uint64_t duplicates(const struct tcp_unit *u) { return u->env.counter[LA_C_DUP_ACKS_IN]; }

/* RFC 5681, 2: (a) data is outstanding, (b) no data, (c) no SYN or FIN, (d) the greatest ACK, (e) the same window. */
static void a_duplicate_is_one_in_all_five_ways(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = sending(u, 5000);
    ack(c, 1, 65535);
    assert_int_equal(duplicates(u), 1);
    ack(c, 1, 65534);
    assert_int_equal(duplicates(u), 1); /* e */
    struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 10);
    tcp_ack(c, &in);
    assert_int_equal(duplicates(u), 1); /* b */
    in = tu_in(c, c->rcv_nxt, TCP_ACK | TCP_FIN, 0);
    tcp_ack(c, &in);
    assert_int_equal(duplicates(u), 1); /* c */
    in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
    in.seg.opt.nsack = 1;
    in.wnd = 100;
    tcp_ack(c, &in);
    assert_int_equal(duplicates(u), 2); /* With SACK blocks, whatever the window. */
    ack(c, 5001, 65535);
    ack(c, 5001, 65535);
    assert_int_equal(duplicates(u), 2); /* a */
}

static void our_fin_acknowledged_leads_on(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSING);
    assert_int_equal(ack(c, 1, 65535), GO_ON); /* The data, not the FIN. */
    assert_int_equal(c->state, LA_CLOSING);
    assert_int_equal(ack(c, 2, 65535), STOP);
    assert_int_equal(c->state, LA_TIME_WAIT);
    c = tu_try(u, LA_LAST_ACK, 1);
    assert_int_equal(ack(c, 2, 65535), GONE);
    assert_int_equal(c->state, LA_CLOSED);
    assert_int_equal(c->error, 0);
    c = tu_try(u, LA_FIN_WAIT_1, 2);
    assert_int_equal(ack(c, 2, 65535), GO_ON);
    assert_int_equal(c->state, LA_FIN_WAIT_1); /* A FIN may follow in the same segment: input.c decides. */
    assert_true(tcp_fin_acked(c));
}

static void after_a_repetition_only_a_timestamp_measures(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = sending(u, 1000);
    sent_at(&c->eng.sent, 0)->marks |= SENT_EVER;
    c->backoff = 1;
    u->env.now += 500 * LA_MS;
    ack(c, 500, 65535);
    assert_int_equal(c->srtt_us, 0);
    assert_true(tcp_rto(c) == 2 * LA_SECOND); /* Karn: the backed-off timeout stays. */
    c->is.ts_on = 1;
    c->backoff = 1;
    struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
    in.seg.ack = TU_SND(1001);
    in.seg.opt.has_ts = true;
    in.seg.opt.ts_ecr = tcp_clock_ms(&u->tcp) + c->ts_offset - 80;
    tcp_ack(c, &in);
    assert_int_equal(c->srtt_us, 80000);
}

static void a_full_queue_wakes_its_owner_when_a_third_is_free(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->sndbuf = 9000;
    c->is.sndbuf_set = 1;
    tu_give(c, 9000);
    uint8_t byte = 0;
    assert_int_equal(tcp_send(&u->tcp, c->event.sock, &byte, 1, 0), -LA_EAGAIN);
    tu_skip(u);
    tu_event(u, c);
    ack(c, 2921, 65535);
    assert_int_equal(tu_event(u, c), 0);
    ack(c, 3001, 65535);
    assert_int_equal(tu_event(u, c), LA_EV_WRITABLE);
    ack(c, 4001, 65535);
    assert_int_equal(tu_event(u, c), 0); /* Nobody is waiting any more. */
}

static void the_syn_acknowledged_is_the_first_sample(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
    tcp_mark(c, MARK_SEND);
    assert_int_equal(tu_skip(u), 1);
    u->env.now += 30 * LA_MS;
    tcp_ack_syn(c, TU_SND(1));
    assert_int_equal(c->srtt_us, 30000);
    assert_true(seq_eq(c->snd_una, TU_SND(1)) && seq_eq(c->snd_nxt, TU_SND(1)));
    assert_true(c->timer_at[LA_TIMER_RETRANSMIT] == LA_NEVER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(what_is_acknowledged_gives_its_storage_back),
        TU_TEST(only_a_newer_segment_changes_the_window),
        TU_TEST(a_window_that_opens_ends_the_persist_timer),
        TU_TEST(a_duplicate_is_one_in_all_five_ways),
        TU_TEST(our_fin_acknowledged_leads_on),
        TU_TEST(after_a_repetition_only_a_timestamp_measures),
        TU_TEST(a_full_queue_wakes_its_owner_when_a_third_is_free),
        TU_TEST(the_syn_acknowledged_is_the_first_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
