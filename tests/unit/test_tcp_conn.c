/* tcp/conn.c: a connection's birth, its marks, its ends, and what is left after each. */
#include "tcp_unit.h"

static void a_new_connection_is_nobodys_and_holds_nothing(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tcp_conn_new(&u->tcp), *d = tcp_conn_new(&u->tcp);
    assert_true(!c->is.owned && c->state == LA_CLOSED && c->error == 0);
    assert_true(c->event.sock > 0 && c->event.sock != d->event.sock);
    assert_true(c->rcvbuf == 131072 && c->sndbuf == 16384 && c->rto_us == 1000000);
    assert_int_equal(u->tcp.count[LA_CLOSED], 2);
    assert_ptr_equal(tcp_conn_at(&u->tcp, tcp_conn_index(c)), c);
    assert_true(sizeof *c <= 1152);
    tcp_conn_free(c);
    tcp_conn_free(d);
    assert_int_equal(u->tcp.count[LA_CLOSED], 0);
}

static void a_mark_queues_a_connection_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *a = tu_conn(u, LA_ESTABLISHED), *b = tu_try(u, LA_ESTABLISHED, 1);
    tcp_mark(a, MARK_ACK);
    tcp_mark(b, MARK_ACK);
    tcp_mark(a, MARK_SEND);
    assert_int_equal(a->marks, MARK_ACK | MARK_SEND);
    assert_ptr_equal(list_first(&u->tcp.out[0]), &a->out);
    assert_ptr_equal(a->out.next, &b->out);
    assert_ptr_equal(b->out.next, &u->tcp.out[0]);
}

/* One that is owned stays for its owner with the error; another is freed. */
static void the_end_depends_on_who_holds_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 10);
    tcp_recv_data(c, &in);
    tu_give(c, 5000);
    tcp_end(c, LA_ECONNRESET, LA_CAUSE_SEGMENT, TCP_RST);
    assert_int_equal(c->error, LA_ECONNRESET);
    assert_int_equal(tu_event(u, c), LA_EV_READABLE | LA_EV_WRITABLE | LA_EV_EOF | LA_EV_ERROR | LA_EV_CLOSED);
    assert_int_equal(buffer_memory(&c->snd), 0); /* Unsent data goes, received data stays. */
    assert_int_equal(tcp_unread(c), 10);
    assert_true(!c->is.hashed && !c->is.bound && wheel_next(&u->wheel) == LA_NEVER);
    assert_false(tcp_output_pending(&u->tcp, -1));
    tcp_orphan(c);
    assert_int_equal(u->tcp.conns.live, 0);
    c = tu_conn(u, LA_FIN_WAIT_1);
    tcp_orphan(c);
    assert_int_equal(u->tcp.orphans, 1);
    tcp_end(c, 0, LA_CAUSE_TIMER, LA_TIMER_RETRANSMIT);
    assert_true(u->tcp.orphans == 0 && u->tcp.conns.live == 0);
}

static void an_orphan_keeps_what_it_sends_and_forgets_what_came(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 10), gap = tu_in(c, TU_RCV(100), TCP_ACK, 10);
    tcp_recv_data(c, &in);
    tcp_recv_data(c, &gap);
    tu_give(c, 100);
    tcp_orphan(c);
    assert_int_equal(tcp_unread(c), 0);
    assert_int_equal(buffer_memory(&c->rcv), 0);
    assert_int_equal(c->ooo.count, 0);
    assert_true(buffer_memory(&c->snd) > 0);
}

static void the_questions_about_a_connection(void **state) {
    struct tcp_unit *u = *state;
    for (uint16_t s = LA_SYN_SENT; s <= LA_TIME_WAIT; s++) {
        struct tcp_conn *c = tu_try(u, (enum la_state)s, s);
        bool acked = s == LA_FIN_WAIT_2 || s == LA_TIME_WAIT;
        assert_int_equal(tcp_synchronized(c), s >= LA_ESTABLISHED && s <= LA_LAST_ACK);
        assert_int_equal(tcp_may_send(c), s == LA_ESTABLISHED || s == LA_CLOSE_WAIT);
        assert_int_equal(tcp_fin_acked(c), acked);
        assert_int_equal(tcp_unread(c), 0);
        if (s != LA_TIME_WAIT) tcp_check(c);
    }
}

static void a_way_is_found_again_or_not(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    ip_pmtu_note(u->ip, &c->key.peer, 1200);
    assert_int_equal(c->path.mtu, 1500);
    assert_true(tcp_path_refresh(c));
    assert_int_equal(c->path.mtu, 1200);
    struct la_addr peer = c->key.peer;
    c->key.peer = la_addr4(192, 0, 2, 1);
    assert_false(tcp_path_refresh(c));
    assert_int_equal(c->path.mtu, 1200);
    c->key.peer = peer;
}

static bool scenario(struct oom *oom) {
    struct tcp_unit u;
    bool ok = tu_open(&u, oom);
    for (uint16_t i = 0; ok && i < 200; i++) ok = tu_try(&u, LA_ESTABLISHED, i) != NULL;
    tu_close(&u);
    return ok;
}

static void refused_memory_makes_no_connection(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(a_new_connection_is_nobodys_and_holds_nothing),
        TU_TEST(a_mark_queues_a_connection_once),
        TU_TEST(the_end_depends_on_who_holds_it),
        TU_TEST(an_orphan_keeps_what_it_sends_and_forgets_what_came),
        TU_TEST(the_questions_about_a_connection),
        TU_TEST(a_way_is_found_again_or_not),
        cmocka_unit_test(refused_memory_makes_no_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
