/* tcp/output.c: the only sender: headers, options, turns, and segments that belong to no connection. */
#include "tcp_unit.h"

static void data_leaves_with_the_connections_numbers(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_seg s;
    struct la_addr src = la_addr4(10, 0, 0, 1), dst = la_addr4(10, 0, 0, 2);
    tu_give(c, 100);
    assert_true(tcp_output_pending(&u->tcp, 0) && tcp_output_pending(&u->tcp, -1));
    assert_true(tu_out(u, &s));
    assert_true(s.src_port == TU_PORT && s.dst_port == TU_PEER_PORT);
    assert_true(seq_eq(s.seq, TU_SND(1)) && seq_eq(s.ack, TU_RCV(1)));
    assert_int_equal(s.flags, TCP_ACK | TCP_PSH);
    assert_int_equal(s.wnd, 65535);
    assert_int_equal(s.data.len, 100);
    for (size_t i = 0; i < 100; i++) assert_int_equal(s.data.data[i], i);
    assert_true(tcp_csum_ok(u->bytes + 20, 120, &src, &dst));
    assert_false(tu_out(u, &s));
    assert_false(tcp_output_pending(&u->tcp, -1));
    assert_int_equal(c->marks, 0);
}

static void connections_take_turns(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c[3];
    struct tcp_seg s;
    for (uint16_t i = 0; i < 3; i++) {
        c[i] = tu_try(u, LA_ESTABLISHED, i);
        tu_give(c[i], 3000);
    }
    for (unsigned i = 0; i < 9; i++) {
        assert_true(tu_out(u, &s));
        assert_int_equal(s.dst_port, TU_PEER_PORT + i % 3);
    }
    assert_false(tu_out(u, &s));
}

static void a_syn_offers_all_and_an_answer_what_was_agreed(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
    struct tcp_seg s;
    tcp_mark(c, MARK_SEND);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.flags, TCP_SYN);
    assert_true(s.opt.has_mss && s.opt.has_wscale && s.opt.sack_ok && s.opt.has_ts);
    assert_true(s.opt.mss == 1460 && s.opt.wscale == 7 && s.opt.ts_ecr == 0);
    c->snd_nxt = c->iss; /* Once more. */
    c->user_mss = 1000;
    tcp_mark(c, MARK_SEND);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.opt.mss, 1000);
    c = tu_try(u, LA_SYN_RCVD, 1);
    c->is.sack_on = 1;
    c->snd_nxt = c->iss;
    tcp_mark(c, MARK_SEND);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.flags, TCP_SYN | TCP_ACK);
    assert_true(s.opt.has_mss && s.opt.sack_ok && !s.opt.has_wscale && !s.opt.has_ts);
}

/* RFC 2018, 3: four blocks, three beside a timestamp; RFC 7323, 3.2: TSval runs, TSecr is TS.Recent. */
static void an_ack_tells_blocks_and_times(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_seg s;
    c->is.sack_on = 1;
    for (uint32_t i = 1; i <= 5; i++) {
        struct tcp_in in = tu_in(c, TU_RCV(i * 1000), TCP_ACK, 100);
        tcp_recv_data(c, &in);
    }
    c->dupacks_owed = 1; /* As if each had had its own ACK. */
    assert_true(tu_out(u, &s));
    assert_int_equal(s.opt.nsack, 4);
    assert_true(seq_eq(s.opt.sack[0].from, TU_RCV(5000)) && seq_eq(s.opt.sack[0].to, TU_RCV(5100)));
    c->is.ts_on = 1;
    c->ts_recent = 77;
    tcp_mark(c, MARK_ACK);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.opt.nsack, 3);
    assert_int_equal(s.opt.ts_ecr, 77);
    assert_int_equal(s.opt.ts_val, tcp_clock_ms(&u->tcp) + c->ts_offset);
}

/* RFC 9293, 3.10.7.1. */
static void an_rst_takes_its_number_from_the_segment(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_key key = tu_key(1, 2);
    struct tcp_in in = tu_in_key(&key, seq_of(100), seq_of(900), TCP_ACK | TCP_FIN);
    struct tcp_seg s;
    tcp_reply_rst(&u->tcp, &in);
    assert_true(tu_out(u, &s));
    assert_true(s.flags == TCP_RST && s.seq.n == 900 && s.src_port == 1 && s.dst_port == 2);
    in = tu_in_key(&key, seq_of(100), seq_of(0), TCP_SYN | TCP_FIN);
    tcp_reply_rst(&u->tcp, &in);
    assert_true(tu_out(u, &s));
    assert_true(s.flags == (TCP_RST | TCP_ACK) && s.seq.n == 0 && s.ack.n == 102);
    assert_int_equal(u->env.counter[LA_C_TCP_OUT_RST], 2);
}

static void without_a_way_a_reply_is_a_named_drop(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_reply r = {.key = tu_key(1, 2), .flags = TCP_RST};
    r.key.peer = la_addr4(192, 0, 2, 1);
    tcp_reply_send(&u->tcp, &r);
    tu_dropped(u, LA_D_NO_ROUTE);
    assert_int_equal(tu_skip(u), 0);
}

static void a_smaller_path_is_found_before_the_next_segment(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_seg s;
    ip_pmtu_note(u->ip, &c->key.peer, 1000);
    tu_give(c, 3000);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.data.len, 960);
}

static bool scenario(struct oom *oom) {
    struct tcp_unit u;
    bool ok = tu_open(&u, oom);
    for (unsigned i = 0; ok && i < 3; i++) {
        struct tcp_reply r = {.key = tu_key(1, 2), .flags = TCP_RST};
        struct tcp_seg s;
        tcp_reply_send(&u.tcp, &r);
        ok = tu_out(&u, &s);
    }
    tu_close(&u);
    return ok;
}

static void refused_memory_loses_a_reply_only(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(data_leaves_with_the_connections_numbers),        TU_TEST(connections_take_turns),
        TU_TEST(a_syn_offers_all_and_an_answer_what_was_agreed),  TU_TEST(an_ack_tells_blocks_and_times),
        TU_TEST(an_rst_takes_its_number_from_the_segment),        TU_TEST(without_a_way_a_reply_is_a_named_drop),
        TU_TEST(a_smaller_path_is_found_before_the_next_segment), cmocka_unit_test(refused_memory_loses_a_reply_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
