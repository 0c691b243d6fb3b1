/* tcp/listen.c: the backlog, the order of the accept queue, what a segment means to a listener (RFC 9293, 3.10.7.2). */
#include "tcp_unit.h"

static const struct iss_floor none = {.set = false};

static struct tcp_conn *completed(struct tcp_unit *u, struct tcp_conn *l, uint16_t n) {
    struct tcp_conn *c = tu_try(u, LA_ESTABLISHED, n);
    assert_non_null(c);
    c->is.owned = 0;
    tcp_accept_put(l, c);
    return c;
}

static void the_first_to_come_is_the_first_to_be_taken(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5), *c[6];
    assert_null(tcp_accept_take(l));
    for (uint16_t i = 0; i < 3; i++) c[i] = completed(u, l, i);
    assert_ptr_equal(tcp_accept_take(l), c[0]);
    for (uint16_t i = 3; i < 6; i++) c[i] = completed(u, l, i);
    for (uint16_t i = 1; i < 6; i++) assert_ptr_equal(tcp_accept_take(l), c[i]);
    assert_null(tcp_accept_take(l));
    assert_int_equal(l->listen->queued, 0);
    for (uint16_t i = 0; i < 6; i++) {
        assert_false(c[i]->is.queued);
        tcp_conn_free(c[i]);
    }
    tcp_listen_close(l);
}

/* As on Linux: n + 1. */
static void a_backlog_of_n_lets_n_and_one_wait(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 2);
    for (uint16_t i = 0; i < 3; i++) {
        assert_false(tcp_accept_full(l));
        completed(u, l, i);
    }
    assert_true(tcp_accept_full(l));
    assert_int_equal(tcp_listen_open(l, 3), 0); /* listen() again changes the backlog alone. */
    assert_false(tcp_accept_full(l));
    tcp_listen_open(l, -1);
    assert_int_equal(l->listen->backlog, 4096);
    tcp_listen_open(l, INT32_MAX);
    assert_int_equal(l->listen->backlog, 4096);
    tcp_listen_close(l);
}

static void closing_resets_who_waits(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    struct tcp_seg s;
    completed(u, l, 0);
    completed(u, l, 1);
    tcp_listen_close(l);
    for (uint16_t i = 0; i < 2; i++) {
        assert_true(tu_out(u, &s));
        assert_true(s.flags == (TCP_RST | TCP_ACK) && s.dst_port == TU_PEER_PORT + i);
    }
    assert_int_equal(l->state, LA_CLOSED);
    assert_null(l->listen);
    assert_int_equal(u->tcp.conns.live, 1);
}

static void what_arrives_follows_the_order_rst_ack_syn(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    struct tcp_key key = tu_key(TU_PORT, TU_PEER_PORT);
    static const struct {
        uint16_t flags, answer;
        enum la_drop drop;
    } row[] = {
        {TCP_RST | TCP_SYN | TCP_ACK, 0, LA_D_LISTEN_RST},
        {TCP_SYN | TCP_ACK, TCP_RST, LA_D_LISTEN_ACK},
        {TCP_ACK, TCP_RST, LA_D_LISTEN_ACK},
        {TCP_FIN, 0, LA_D_LISTEN_NO_SYN},
        {TCP_SYN | TCP_FIN, 0, LA_D_SYN_FIN},
        {TCP_SYN, TCP_SYN | TCP_ACK, LA_D_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_in in = tu_in_key(&key, TU_RCV(0), seq_of(99), row[i].flags);
        struct tcp_seg s;
        tcp_listen_input(l, &in, &none);
        tu_dropped(u, row[i].drop);
        bool out = tu_out(u, &s);
        assert_int_equal(out ? s.flags : 0, row[i].answer);
    }
    u->tcp.params.listen_synack_rst = false;
    struct tcp_in in = tu_in_key(&key, TU_RCV(0), seq_of(99), TCP_SYN | TCP_ACK);
    tcp_listen_input(l, &in, &none);
    assert_int_equal(tu_skip(u), 0);
    tcp_listen_close(l);
}

static void a_full_queue_drops_syns(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 0);
    struct tcp_key key = tu_key(TU_PORT, TU_PEER_PORT + 9);
    struct tcp_in in = tu_in_key(&key, TU_RCV(0), seq_of(0), TCP_SYN);
    completed(u, l, 0);
    tcp_listen_input(l, &in, &none);
    tu_dropped(u, LA_D_ACCEPT_FULL);
    assert_int_equal(tu_skip(u), 0);
    tcp_listen_close(l);
}

static void the_answer_to_a_cookie_connects_for_two_minutes(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    struct tcp_key key = tu_key(TU_PORT, TU_PEER_PORT);
    struct tcp_in in = tu_in_key(&key, TU_RCV(0), seq_of(0), TCP_SYN);
    struct tcp_seg s;
    u->tcp.params.syncookies = 2;
    in.seg.opt.has_mss = true;
    in.seg.opt.mss = 1300;
    tcp_listen_input(l, &in, &none);
    assert_int_equal(u->tcp.embryos.live, 0);
    assert_true(tu_out(u, &s));
    struct tcp_in ack = tu_in_key(&key, TU_RCV(1), seq_add(s.seq, 1), TCP_ACK), bad = ack;
    bad.seg.ack = seq_add(s.seq, 2);
    tcp_listen_input(l, &bad, &none);
    tu_dropped(u, LA_D_COOKIE_BAD);
    tcp_listen_input(l, &ack, &none);
    assert_int_equal(l->listen->queued, 1);
    struct tcp_conn *c = tcp_accept_take(l);
    assert_int_equal(c->state, LA_ESTABLISHED);
    assert_int_equal(c->mss, 1300);
    tcp_end(c, 0, LA_CAUSE_CALL, LA_CALL_ABORT);
    u->env.now += 128 * LA_SECOND; /* None has been sent for so long: an ACK is a mistake again. */
    tcp_listen_input(l, &ack, &none);
    tu_dropped(u, LA_D_LISTEN_ACK);
    tcp_listen_close(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_first_to_come_is_the_first_to_be_taken),
        TU_TEST(a_backlog_of_n_lets_n_and_one_wait),
        TU_TEST(closing_resets_who_waits),
        TU_TEST(what_arrives_follows_the_order_rst_ack_syn),
        TU_TEST(a_full_queue_drops_syns),
        TU_TEST(the_answer_to_a_cookie_connects_for_two_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
