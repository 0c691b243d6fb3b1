/* tcp/syncache.c: embryonic connections: bounds, repetitions, the third segment. The peer's ISN is TU_RCV(0). */
#include "tcp_unit.h"

static const struct iss_floor none = {.set = false};

static void syn(struct tcp_conn *l, uint16_t n) {
    struct tcp_key key = tu_key(TU_PORT, (uint16_t)(TU_PEER_PORT + n));
    struct tcp_in in = tu_in_key(&key, TU_RCV(0), seq_of(0), TCP_SYN);
    in.seg.opt.has_mss = true;
    in.seg.opt.mss = 1400;
    tcp_embryo_new(l, &in, &none);
}

static bool segment(struct tcp_unit *u, uint16_t n, uint32_t at, seq ack, uint16_t flags) {
    struct tcp_key key = tu_key(TU_PORT, (uint16_t)(TU_PEER_PORT + n));
    struct tcp_in in = tu_in_key(&key, TU_RCV(at), ack, flags);
    return tcp_embryo_input(&u->tcp, &in);
}

static void a_syn_is_answered_and_the_third_segment_connects(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    struct tcp_seg s;
    syn(l, 0);
    assert_int_equal(u->tcp.count[LA_SYN_RCVD], 1);
    assert_true(tu_out(u, &s));
    assert_true(s.flags == (TCP_SYN | TCP_ACK) && seq_eq(s.ack, TU_RCV(1)) && s.opt.mss == 1460);
    assert_true(!s.opt.has_wscale && !s.opt.has_ts && !s.opt.sack_ok); /* Not offered, not answered. */
    u->env.now += 20 * LA_MS;
    assert_true(segment(u, 0, 1, seq_add(s.seq, 1), TCP_ACK));
    assert_int_equal(l->listen->nembryos, 0);
    assert_int_equal(u->tcp.embryos.live, 0);
    assert_int_equal(u->tcp.count[LA_SYN_RCVD], 0);
    struct tcp_conn *c = tcp_accept_take(l);
    assert_int_equal(c->state, LA_ESTABLISHED);
    assert_int_equal(c->mss, 1400);
    assert_int_equal(c->srtt_us, 20000);
    assert_true(seq_eq(c->iss, s.seq));
    tcp_end(c, 0, LA_CAUSE_CALL, LA_CALL_ABORT);
    tcp_listen_close(l);
}

/* 1, 2, 4, … s apart, five times by default. */
static void syn_ack_is_repeated_at_doubled_intervals_and_given_up(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    syn(l, 0);
    assert_int_equal(tu_skip(u), 1);
    for (unsigned i = 0; i < 5; i++) {
        tu_pass(u, (LA_SECOND << i) - 1);
        assert_int_equal(tu_skip(u), 0);
        tu_pass(u, 1);
        assert_int_equal(tu_skip(u), 1);
    }
    tu_pass(u, 32 * LA_SECOND);
    assert_int_equal(u->tcp.embryos.live, 0);
    assert_int_equal(u->env.counter[LA_C_CONNECT_FAILS], 1);
    tu_dropped(u, LA_D_SYN_TIMEOUT);
    assert_true(wheel_next(&u->wheel) == LA_NEVER);
    tcp_listen_close(l);
}

/* tcp_synack_retries may be set to 127: the interval must stay at its bound. */
static void many_repetitions_keep_the_longest_interval(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    u->tcp.params.synack_retries = 127;
    syn(l, 0);
    tu_skip(u);
    tu_pass(u, 127 * LA_SECOND); /* 1 + 2 + … + 64 */
    tu_skip(u);
    for (unsigned i = 7; i < 127; i++) {
        tu_pass(u, 120 * LA_SECOND - 1);
        assert_int_equal(tu_skip(u), 0);
        tu_pass(u, 1);
        assert_int_equal(tu_skip(u), 1);
    }
    tcp_listen_close(l);
}

static void a_full_cache_answers_with_cookies_or_loses_its_oldest(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    u->tcp.params.syn_cache_max = 3;
    for (uint16_t n = 0; n < 4; n++) syn(l, n);
    assert_int_equal(u->tcp.embryos.live, 3);
    assert_int_equal(u->env.counter[LA_C_SYN_COOKIES], 1);
    assert_true(l->listen->cookies);
    assert_int_equal(tu_skip(u), 4);
    u->tcp.params.syncookies = 0;
    syn(l, 4);
    assert_int_equal(u->tcp.embryos.live, 3);
    tu_dropped(u, LA_D_SYN_CACHE_FULL);
    assert_false(segment(u, 0, 1, seq_of(0), TCP_RST)); /* The oldest is gone. */
    assert_true(segment(u, 1, 1, seq_of(0), TCP_RST));
    u->tcp.params.syncookies = 2;
    syn(l, 5);
    assert_int_equal(u->tcp.embryos.live, 2);
    tcp_listen_close(l);
}

static void what_is_not_its_third_segment_is_told_apart(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    struct tcp_seg s;
    syn(l, 0);
    tu_out(u, &s);
    seq iss = s.seq, good = seq_add(iss, 1);
    static const struct {
        uint32_t at;
        uint16_t flags, answer;
        bool good;
        enum la_drop drop;
    } row[] = {
        {0, TCP_SYN, TCP_SYN | TCP_ACK, 0, LA_D_NONE},
        {5, TCP_SYN, TCP_ACK, 0, LA_D_SYN_CHALLENGE},
        {0, TCP_ACK, TCP_ACK, 1, LA_D_SEQ_OLD},
        {70000, TCP_ACK, TCP_ACK, 1, LA_D_SEQ_BEYOND},
        {1, 0, 0, 0, LA_D_ACK_MISSING},
        {1, TCP_ACK, TCP_RST, 0, LA_D_ACK_FUTURE},
        {2, TCP_RST, TCP_ACK, 0, LA_D_RST_CHALLENGE},
        {70000, TCP_RST, 0, 0, LA_D_RST_BEYOND},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        assert_true(segment(u, 0, row[i].at, row[i].good ? good : iss, row[i].flags));
        tu_dropped(u, row[i].drop);
        bool out = tu_out(u, &s);
        assert_int_equal(out ? s.flags : 0, row[i].answer);
    }
    assert_true(segment(u, 0, 1, iss, TCP_RST));
    tu_dropped(u, LA_D_SYN_RST);
    assert_int_equal(u->tcp.embryos.live, 0);
    tcp_listen_close(l);
}

static void a_full_accept_queue_leaves_it_waiting(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 0);
    struct tcp_seg a, b;
    syn(l, 0);
    tu_out(u, &a);
    syn(l, 1);
    tu_out(u, &b);
    segment(u, 0, 1, seq_add(a.seq, 1), TCP_ACK);
    assert_true(segment(u, 1, 1, seq_add(b.seq, 1), TCP_ACK));
    tu_dropped(u, LA_D_ACCEPT_FULL);
    assert_int_equal(u->tcp.embryos.live, 1);
    u->tcp.params.abort_on_overflow = true;
    assert_true(segment(u, 1, 1, seq_add(b.seq, 1), TCP_ACK));
    assert_int_equal(u->tcp.embryos.live, 0);
    tu_skip(u);
    tcp_listen_close(l);
}

static void an_icmp_error_does_not_end_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    struct tcp_key key = tu_key(TU_PORT, TU_PEER_PORT);
    uint8_t quoted[8] = {0};
    struct tcp_seg s;
    syn(l, 0);
    tu_out(u, &s);
    put32(quoted + 4, s.seq.n);
    struct ip_error e = {.error = LA_ECONNREFUSED, .hard = true, .quoted = {quoted, 8}};
    assert_true(tcp_embryo_error(&u->tcp, &key, &e)); /* RFC 5461. */
    assert_int_equal(u->tcp.embryos.live, 1);
    put32(quoted + 4, s.seq.n + 1);
    assert_false(tcp_embryo_error(&u->tcp, &key, &e));
    tcp_listen_close(l);
}

static void an_administrator_ends_it_with_an_rst(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    struct tcp_key key = tu_key(TU_PORT, TU_PEER_PORT);
    struct tcp_seg s;
    assert_false(tcp_embryo_abort(&u->tcp, &key));
    syn(l, 0);
    tu_out(u, &s);
    seq iss = s.seq;
    assert_true(tcp_embryo_abort(&u->tcp, &key));
    assert_true(tu_out(u, &s));
    assert_true(s.flags == (TCP_RST | TCP_ACK) && seq_eq(s.seq, seq_add(iss, 1)) && seq_eq(s.ack, TU_RCV(1)));
    assert_int_equal(u->tcp.count[LA_SYN_RCVD], 0);
    assert_int_equal(l->listen->nembryos, 0);
    tcp_listen_close(l);
}

static bool scenario(struct oom *oom) {
    struct tcp_unit u;
    bool ok = tu_open(&u, oom);
    struct tcp_conn *l = ok ? tcp_conn_new(&u.tcp) : NULL;
    struct la_endpoint local = {.addr = la_addr4(10, 0, 0, 1), .port = TU_PORT};
    ok = l && tcp_port_bind(l, &local) == 0 && tcp_listen_open(l, 5) == 0;
    for (uint16_t n = 0; ok && n < 3; n++) {
        struct tcp_seg s;
        syn(l, n);
        ok = tu_out(&u, &s) && segment(&u, n, 1, seq_add(s.seq, 1), TCP_ACK);
    }
    ok = ok && l->listen->queued == 3;
    if (l && l->listen) tcp_listen_close(l);
    tu_close(&u);
    return ok;
}

static void refused_memory_refuses_connections_only(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(a_syn_is_answered_and_the_third_segment_connects),
        TU_TEST(syn_ack_is_repeated_at_doubled_intervals_and_given_up),
        TU_TEST(a_full_cache_answers_with_cookies_or_loses_its_oldest),
        TU_TEST(what_is_not_its_third_segment_is_told_apart),
        TU_TEST(a_full_accept_queue_leaves_it_waiting),
        TU_TEST(an_icmp_error_does_not_end_it),
        TU_TEST(an_administrator_ends_it_with_an_rst),
        cmocka_unit_test(refused_memory_refuses_connections_only),
        TU_TEST(many_repetitions_keep_the_longest_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
