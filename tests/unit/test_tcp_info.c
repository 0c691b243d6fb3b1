/* tcp/info.c: what a snapshot says, and the walk over connections, embryos and records. */
#include "tcp_unit.h"

static void a_snapshot_has_the_connections_numbers(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct la_conn_info i;
    c->event.owner = 42;
    tu_give(c, 5000);
    struct tcp_seg s;
    assert_true(tu_out(u, &s)); /* 1460 of them. */
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 30), gap = tu_in(c, TU_RCV(101), TCP_ACK, 50);
    tcp_recv_data(c, &in);
    tcp_recv_data(c, &gap);
    tcp_rtt_sample(c, 400 * LA_MS);
    assert_int_equal(tcp_info(&u->tcp, c->event.sock, &i), 0);
    assert_true(i.sock == c->event.sock && i.owner == 42 && i.state == LA_ESTABLISHED && !i.compact);
    assert_true(i.local.port == TU_PORT && i.peer.port == TU_PEER_PORT && la_addr_equal(&i.peer.addr, &c->key.peer));
    assert_true(i.iss == 1000 && i.irs == 5000 && i.snd_una == 1001 && i.snd_nxt == 2461 && i.rcv_nxt == 5031);
    assert_true(i.recv_queue == 30 && i.out_of_order == 50 && i.send_queue == 5000 && i.unsent == 3540);
    assert_true(i.snd_wnd == 65535 && i.rcv_wnd == 65505 && i.mss == 1460 && i.cwnd == 14600);
    assert_true(i.srtt == 400 * LA_MS && i.rttvar == 200 * LA_MS && i.rto == 1200 * LA_MS);
    assert_true(i.bytes_in == 30 && i.bytes_out == 0 && i.segs_out == 1);
    assert_true(i.timer_at[LA_TIMER_RETRANSMIT] == u->env.now + LA_SECOND);
    assert_true(i.timer_at[LA_TIMER_TIME_WAIT] == LA_NEVER);
    assert_true(i.memory > 0 && i.since == u->env.now && i.nhistory == 1);
}

static void the_three_marks_of_each_fin(void **state) {
    struct tcp_unit *u = *state;
    static const struct {
        enum la_state state;
        bool write_shut, sent, acked, received;
    } row[] = {{LA_ESTABLISHED, 0, 0, 0, 0}, {LA_FIN_WAIT_1, 1, 1, 0, 0}, {LA_FIN_WAIT_2, 1, 1, 1, 0},
               {LA_CLOSE_WAIT, 0, 0, 0, 1},  {LA_CLOSING, 1, 1, 0, 1},    {LA_LAST_ACK, 1, 1, 0, 1}};
    for (uint16_t n = 0; n < COUNT_OF(row); n++) {
        struct tcp_conn *c = tu_try(u, row[n].state, n);
        struct la_conn_info i;
        tcp_info(&u->tcp, c->event.sock, &i);
        assert_int_equal(i.state, row[n].state);
        assert_int_equal(i.write_shut, row[n].write_shut);
        assert_int_equal(i.fin_sent, row[n].sent);
        assert_int_equal(i.fin_acked, row[n].acked);
        assert_int_equal(i.fin_received, row[n].received);
        assert_int_equal(i.send_queue, 0); /* A FIN is not a byte. */
        assert_int_equal(i.recv_queue, 0);
    }
}

static void a_listener_shows_its_queue_and_backlog(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 0), *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_key key = tu_key(TU_PORT, 9);
    struct tcp_in syn = tu_in_key(&key, TU_RCV(0), seq_of(0), TCP_SYN);
    const struct iss_floor none = {.set = false};
    struct la_conn_info i;
    tcp_info(&u->tcp, l->event.sock, &i);
    assert_true(i.state == LA_LISTEN && i.recv_queue == 0 && i.send_queue == 0 && i.refused == 0 && !i.queued);
    c->is.owned = 0;
    tcp_accept_put(l, c);
    tcp_listen_input(l, &syn, &none);
    tcp_info(&u->tcp, l->event.sock, &i);
    assert_true(i.recv_queue == 1 && i.refused == 1);
    for (uint64_t cursor = 0; tcp_info_next(&u->tcp, &cursor, &i);)
        assert_int_equal(i.queued, i.state == LA_ESTABLISHED);
    tcp_listen_close(l);
}

static void who_was_heard_when_and_how_often_asked(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct la_conn_info i;
    tcp_info(&u->tcp, c->event.sock, &i);
    assert_true(i.heard_at == 0 && i.probes == 0);
    la_time heard = u->env.now;
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 10);
    tcp_segment(c, &in);
    tu_pass(u, 3 * LA_SECOND);
    c->probes = 2;
    tcp_info(&u->tcp, c->event.sock, &i);
    assert_true(i.heard_at == heard && i.data_at == heard && i.probes == 2);
}

/* One of each kind, and an owner's rest of a connection that is a record by now: that is listed once. */
static void the_walk_meets_everything_once(void **state) {
    struct tcp_unit *u = *state;
    const struct iss_floor none = {.set = false};
    unsigned seen[LA_NSTATES] = {0}, n = 0;
    struct tcp_conn *l = tu_listener(u, 81, 5);
    struct tcp_key key = tu_key(81, 9);
    struct tcp_in syn = tu_in_key(&key, TU_RCV(0), seq_of(0), TCP_SYN);
    tcp_embryo_new(l, &syn, &none);
    tu_conn(u, LA_ESTABLISHED);
    tcp_timewait_enter(tu_try(u, LA_TIME_WAIT, 1));
    struct la_conn_info i;
    for (uint64_t cursor = 0; tcp_info_next(&u->tcp, &cursor, &i); n++) {
        seen[i.state]++;
        bool record = i.state == LA_SYN_RCVD || i.state == LA_TIME_WAIT;
        assert_int_equal(i.compact, record);
        assert_int_equal(i.sock == -1, record);
    }
    assert_int_equal(n, 4);
    assert_true(seen[LA_LISTEN] == 1 && seen[LA_SYN_RCVD] == 1 && seen[LA_ESTABLISHED] == 1 && seen[LA_TIME_WAIT] == 1);
    uint64_t end = UINT64_MAX;
    assert_false(tcp_info_next(&u->tcp, &end, &i));
    tcp_listen_close(l);
}

static void what_time_wait_left_to_an_owner_ends_with_the_record(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_TIME_WAIT);
    struct la_conn_info i;
    tcp_timewait_enter(c);
    assert_int_equal(tcp_info(&u->tcp, c->event.sock, &i), 0);
    assert_int_equal(i.state, LA_TIME_WAIT);
    tu_pass(u, 61 * LA_SECOND);
    assert_int_equal(tcp_info(&u->tcp, c->event.sock, &i), 0);
    assert_int_equal(i.state, LA_CLOSED);
    assert_int_equal(tcp_info(&u->tcp, c->event.sock + 1, &i), -LA_EBADF);
    assert_int_equal(tcp_info(&u->tcp, c->event.sock, NULL), -LA_EFAULT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(a_snapshot_has_the_connections_numbers), TU_TEST(the_three_marks_of_each_fin),
        TU_TEST(a_listener_shows_its_queue_and_backlog), TU_TEST(who_was_heard_when_and_how_often_asked),
        TU_TEST(the_walk_meets_everything_once),         TU_TEST(what_time_wait_left_to_an_owner_ends_with_the_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
