/* tcp/open.c: the first values of both sequence spaces, and what two SYNs agree on (RFC 9293, 3.4, 3.7.1; RFC 7323). */
#include "tcp_unit.h"

static struct tcp_conn *opening(struct tcp_unit *u) {
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    assert_true(tcp_path_refresh(c));
    tcp_open_send(c, seq_of(UINT32_MAX));
    return c;
}

static struct tcp_seg full_syn(void) {
    struct tcp_seg syn = {.seq = TU_RCV(0), .wnd = 1000, .flags = TCP_SYN};
    syn.opt = (struct tcp_options){.has_mss = true, .mss = 1400, .has_wscale = true, .wscale = 9, .has_ts = true};
    syn.opt.ts_val = 4711;
    syn.opt.sack_ok = true;
    return syn;
}

static void the_syn_takes_one_number(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = opening(u);
    assert_int_equal(c->snd_una.n, UINT32_MAX);
    assert_int_equal(c->snd_end.n, 0);
    assert_true(seq_eq(c->snd_nxt, c->iss) && seq_eq(c->snd_max, c->iss) && seq_eq(c->eng.high_seq, c->iss));
    assert_int_equal(c->rcv_wscale, 7);
    assert_int_equal(c->ts_offset, tcp_ts_offset(&u->tcp, &c->key));
}

static void an_option_holds_when_both_offer_it(void **state) {
    struct tcp_unit *u = *state;
    for (unsigned i = 0; i < 64; i++) {
        struct tcp_conn *c = opening(u);
        struct tcp_seg syn = full_syn();
        u->tcp.params.window_scaling = i & 1;
        u->tcp.params.timestamps = i & 2;
        u->tcp.params.sack = i & 4;
        syn.opt.has_wscale = i & 8;
        syn.opt.has_ts = i & 16;
        syn.opt.sack_ok = i & 32;
        tcp_open_agree(c, &syn);
        assert_int_equal(c->is.wscale_on, (i & 9) == 9);
        assert_int_equal(c->is.ts_on, (i & 18) == 18);
        assert_int_equal(c->is.sack_on, (i & 36) == 36);
        assert_int_equal(c->snd_wscale, (i & 9) == 9 ? 9 : 0);
        assert_int_equal(c->rcv_wscale, (i & 9) == 9 ? 7 : 0);
        assert_int_equal(c->ts_recent, (i & 18) == 18 ? 4711 : 0);
        tcp_conn_free(c);
    }
}

static void the_window_in_a_syn_is_never_scaled(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = opening(u);
    struct tcp_seg syn = full_syn();
    syn.opt.wscale = 200; /* RFC 7323, 2.3: 14 at most. */
    tcp_open_agree(c, &syn);
    assert_int_equal(c->snd_wscale, 14);
    assert_int_equal(c->snd_wnd, 1000);
    assert_int_equal(c->max_snd_wnd, 1000);
    assert_true(seq_eq(c->rcv_nxt, TU_RCV(1)) && seq_eq(c->irs, TU_RCV(0)));
}

static void the_peers_mss_has_a_default_and_a_floor(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = opening(u);
    struct tcp_seg syn = full_syn();
    tcp_open_agree(c, &syn);
    assert_int_equal(c->mss, 1400);
    syn.opt.has_mss = false;
    tcp_open_agree(c, &syn);
    assert_int_equal(c->mss, 536); /* RFC 9293, 3.7.1. */
    syn.opt.has_mss = true;
    syn.opt.mss = 0;
    tcp_open_agree(c, &syn);
    assert_int_equal(c->mss, 48);
    assert_true(la_addr_parse("fd00::2", &c->key.peer));
    syn.opt.has_mss = false;
    tcp_open_agree(c, &syn);
    assert_int_equal(c->mss, 1220);
}

static void some_round_their_buffer_to_the_mss(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = opening(u);
    struct tcp_seg syn = full_syn();
    u->tcp.params.rcvbuf_mss_rounded = true;
    c->rcvbuf = 65536;
    tcp_open_agree(c, &syn);
    assert_int_equal(c->rcvbuf, 47 * 1400);
}

static void an_established_connection_begins_fresh(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = opening(u);
    struct tcp_seg syn = full_syn();
    tcp_open_agree(c, &syn);
    tcp_open_done(c);
    assert_int_equal(c->quickacks, 16);
    assert_int_equal(c->eng.cc.cwnd, 10);
    c->backoff = 3;
    tcp_open_done(c);
    assert_int_equal(c->backoff, 0);
    assert_int_equal(c->eng.cc.cwnd, 1); /* RFC 5681, 3.1: one segment after a SYN that was lost. */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_syn_takes_one_number),
        TU_TEST(an_option_holds_when_both_offer_it),
        TU_TEST(the_window_in_a_syn_is_never_scaled),
        TU_TEST(the_peers_mss_has_a_default_and_a_floor),
        TU_TEST(some_round_their_buffer_to_the_mss),
        TU_TEST(an_established_connection_begins_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
