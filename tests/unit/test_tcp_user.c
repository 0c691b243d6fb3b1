/* tcp/user.c: the verbs that open and close, and their errors in every state (RFC 9293, 3.10.1 to 3.10.6). */
#include "tcp_unit.h"

static struct la_endpoint at(const char *addr, uint16_t port) {
    struct la_endpoint e = {.port = port};
    assert_true(la_addr_parse(addr, &e.addr));
    return e;
}

static void addresses_are_checked_by_bind_and_connect(void **state) {
    struct tcp_unit *u = *state;
    static const struct {
        int family;
        const char *addr;
        int bind, connect;
    } row[] = {
        {LA_AF_INET, "10.0.0.1", 0, -LA_EINPROGRESS},
        {LA_AF_INET, "fd00::1", -LA_EAFNOSUPPORT, -LA_EAFNOSUPPORT},
        {LA_AF_INET, "10.0.0.77", -LA_EADDRNOTAVAIL, -LA_EINPROGRESS},
        {LA_AF_INET, "224.0.0.1", -LA_EADDRNOTAVAIL, -LA_ENETUNREACH},
        {LA_AF_INET, "192.0.2.1", -LA_EADDRNOTAVAIL, -LA_ENETUNREACH},
        {LA_AF_INET6, "fd00::2", -LA_EADDRNOTAVAIL, -LA_EINPROGRESS},
        {LA_AF_INET6, "10.0.0.1", 0, 1},
        {LA_AF_INET6, "10.0.0.2", 1, -LA_EINPROGRESS},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        la_sock a = tcp_socket(&u->tcp, row[i].family), b = tcp_socket(&u->tcp, row[i].family);
        struct la_endpoint local = at(row[i].addr, 80), peer = at(row[i].addr, 80);
        if (row[i].bind <= 0) assert_int_equal(tcp_bind(&u->tcp, a, &local), row[i].bind);
        if (peer.addr.bytes[15] == 1 && row[i].connect == -LA_EINPROGRESS) peer.addr.bytes[15] = 2;
        if (row[i].connect <= 0) assert_int_equal(tcp_connect(&u->tcp, b, &peer), row[i].connect);
        assert_int_equal(tcp_close(&u->tcp, a), 0);
        assert_int_equal(tcp_close(&u->tcp, b), 0);
    }
    assert_int_equal(tcp_socket(&u->tcp, 77), -LA_EAFNOSUPPORT);
    la_sock s = tcp_socket(&u->tcp, LA_AF_INET);
    struct la_endpoint none = at("10.0.0.2", 0);
    assert_int_equal(tcp_connect(&u->tcp, s, &none), -LA_ECONNREFUSED);
    assert_int_equal(tcp_connect(&u->tcp, s, NULL), -LA_EFAULT);
    assert_int_equal(tcp_bind(&u->tcp, s, NULL), -LA_EFAULT);
}

static void connect_tells_its_story_once(void **state) {
    struct tcp_unit *u = *state;
    la_sock s = tcp_socket(&u->tcp, LA_AF_INET);
    struct la_endpoint peer = at("10.0.0.2", 80);
    assert_int_equal(tcp_connect(&u->tcp, s, &peer), -LA_EINPROGRESS);
    assert_int_equal(tcp_connect(&u->tcp, s, &peer), -LA_EALREADY);
    struct tcp_conn *c = tcp_conn_of(&u->tcp, s);
    assert_int_equal(c->state, LA_SYN_SENT);
    assert_int_equal(tcp_getname(&u->tcp, s, NULL, &peer), -LA_ENOTCONN);
    tcp_end(c, LA_ETIMEDOUT, LA_CAUSE_TIMER, LA_TIMER_RETRANSMIT);
    assert_int_equal(tcp_connect(&u->tcp, s, &peer), -LA_ETIMEDOUT);
    assert_int_equal(tcp_connect(&u->tcp, s, &peer), -LA_ECONNABORTED);
    struct tcp_conn *e = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(tcp_connect(&u->tcp, e->event.sock, &peer), 0);
    assert_int_equal(tcp_connect(&u->tcp, e->event.sock, &peer), -LA_EISCONN);
}

static void close_leads_where_the_rfc_says(void **state) {
    struct tcp_unit *u = *state;
    static const uint8_t row[][2] = {{LA_ESTABLISHED, LA_FIN_WAIT_1}, {LA_CLOSE_WAIT, LA_LAST_ACK},
                                     {LA_FIN_WAIT_1, LA_FIN_WAIT_1},  {LA_FIN_WAIT_2, LA_FIN_WAIT_2},
                                     {LA_CLOSING, LA_CLOSING},        {LA_LAST_ACK, LA_LAST_ACK},
                                     {LA_SYN_SENT, LA_CLOSED},        {LA_SYN_RCVD, LA_SYN_RCVD}};
    for (uint16_t i = 0; i < COUNT_OF(row); i++) {
        uint32_t before[LA_NSTATES];
        struct tcp_conn *c = tu_try(u, (enum la_state)row[i][0], i);
        memcpy(before, u->tcp.count, sizeof before);
        la_sock s = c->event.sock;
        assert_int_equal(tcp_close(&u->tcp, s), 0);
        assert_int_equal(tcp_close(&u->tcp, s), -LA_EBADF);
        before[row[i][0]]--;
        if (row[i][1] != LA_CLOSED) before[row[i][1]]++;
        assert_memory_equal(before, u->tcp.count, sizeof before);
    }
    assert_int_equal(u->tcp.orphans, 6); /* FIN_WAIT_2 is a record, SYN_SENT is gone. */
}

static void unread_data_or_linger_zero_resets(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_seg s;
    for (uint16_t i = 0; i < 2; i++) {
        struct tcp_conn *c = tu_try(u, LA_ESTABLISHED, i);
        struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 1);
        if (i)
            c->is.linger_on = 1;
        else
            tcp_recv_data(c, &in);
        assert_int_equal(tcp_close(&u->tcp, c->event.sock), 0);
        assert_true(tu_out(u, &s));
        assert_int_equal(s.flags, TCP_RST | TCP_ACK);
        assert_true(seq_eq(s.seq, TU_SND(1)));
        assert_int_equal(u->tcp.conns.live, 0);
    }
}

static void a_lingering_close_ends_with_its_event(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    la_sock s = c->event.sock;
    c->is.linger_on = 1;
    c->linger_s = 5;
    tu_give(c, 10);
    assert_int_equal(tcp_close(&u->tcp, s), -LA_EINPROGRESS);
    assert_int_equal(tcp_send(&u->tcp, s, "x", 1, 0), -LA_EBADF); /* Nobody's any more. */
    tu_skip(u);
    tu_pass(u, 5 * LA_SECOND);
    assert_int_equal(tu_event(u, c), LA_EV_CLOSED);
    tcp_event_taken(&u->tcp, s, LA_EV_CLOSED);
    assert_int_equal(u->tcp.orphans, 1);
    assert_int_equal(c->state, LA_FIN_WAIT_1);
}

static void shutdown_closes_one_direction(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    la_sock s = c->event.sock;
    assert_int_equal(tcp_shutdown(&u->tcp, s, 3), -LA_EINVAL);
    assert_int_equal(tcp_shutdown(&u->tcp, s, LA_SHUT_RD), 0);
    assert_true(c->is.read_shut && c->state == LA_ESTABLISHED);
    assert_int_equal(tcp_shutdown(&u->tcp, s, LA_SHUT_WR), 0);
    assert_int_equal(c->state, LA_FIN_WAIT_1);
    assert_int_equal(tcp_shutdown(&u->tcp, s, LA_SHUT_WR), 0); /* Again is no mistake. */
    c = tu_conn(u, LA_CLOSED);
    assert_int_equal(tcp_shutdown(&u->tcp, c->event.sock, LA_SHUT_WR), -LA_ENOTCONN);
}

static void too_many_orphans_are_reset(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_seg s;
    u->tcp.params.orphans_max = 0;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(tcp_close(&u->tcp, c->event.sock), 0);
    tu_dropped(u, LA_D_ORPHAN_LIMIT);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.flags, TCP_RST | TCP_ACK);
    assert_int_equal(u->tcp.conns.live, 0);
}

static void abort_resets_and_linger2_below_zero_too(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_seg s;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(tcp_abort(&u->tcp, c->event.sock), 0);
    c = tu_try(u, LA_FIN_WAIT_2, 1);
    c->linger2_s = -1;
    assert_int_equal(tcp_close(&u->tcp, c->event.sock), 0);
    for (int i = 0; i < 2; i++) {
        assert_true(tu_out(u, &s));
        assert_int_equal(s.flags, TCP_RST | TCP_ACK);
    }
    assert_int_equal(u->tcp.conns.live, 0);
    assert_int_equal(u->tcp.records.live, 0);
}

static void accept_takes_from_a_listener_only(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5), *c = tu_conn(u, LA_ESTABLISHED);
    struct la_endpoint peer;
    assert_int_equal(tcp_accept(&u->tcp, c->event.sock, NULL), -LA_EINVAL);
    assert_int_equal(tcp_accept(&u->tcp, l->event.sock, NULL), -LA_EAGAIN);
    c->is.owned = 0;
    tcp_accept_put(l, c);
    assert_int_equal(tcp_accept(&u->tcp, l->event.sock, &peer), c->event.sock);
    assert_int_equal(peer.port, TU_PEER_PORT);
    assert_true(tu_event(u, c) & LA_EV_WRITABLE); /* What it missed while nobody owned it. */
    assert_int_equal(tcp_bind(&u->tcp, l->event.sock, &peer), -LA_EINVAL);
    assert_int_equal(tcp_listen(&u->tcp, c->event.sock, 1), -LA_EINVAL);
    assert_int_equal(tcp_close(&u->tcp, l->event.sock), 0);
}

static bool scenario(struct oom *oom) {
    struct tcp_unit u;
    bool ok = tu_open(&u, oom);
    for (unsigned i = 0; ok && i < 3; i++) {
        la_sock s = tcp_socket(&u.tcp, LA_AF_INET), l = tcp_socket(&u.tcp, LA_AF_INET);
        struct la_endpoint peer = {.addr = la_addr4(10, 0, 0, 2), .port = 80};
        ok = s > 0 && l > 0 && tcp_connect(&u.tcp, s, &peer) == -LA_EINPROGRESS && tcp_listen(&u.tcp, l, 1) == 0;
        if (s > 0) assert_int_equal(tcp_close(&u.tcp, s), 0);
        if (l > 0) assert_int_equal(tcp_close(&u.tcp, l), 0);
        if (u.tcp.env) assert_int_equal(u.tcp.conns.live, 0);
    }
    tu_close(&u);
    return ok;
}

static void refused_memory_leaves_sockets_as_they_were(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

static struct la_endpoint end_of(const struct la_addr *addr, uint16_t port) {
    return (struct la_endpoint){.addr = *addr, .port = port};
}

static int abort_tuple(struct tcp_unit *u, uint16_t peer_port) {
    struct tcp_key key = tu_key(TU_PORT, peer_port);
    struct la_endpoint local = end_of(&key.local, key.local_port), peer = end_of(&key.peer, key.peer_port);
    return tcp_abort_tuple(&u->tcp, &local, &peer);
}

static void the_administrator_ends_a_connection_by_its_tuple(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_seg s;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(abort_tuple(u, TU_PEER_PORT + 1), -LA_ENOENT);
    assert_int_equal(abort_tuple(u, TU_PEER_PORT), 0);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.flags, TCP_RST | TCP_ACK);
    assert_int_equal(c->state, LA_CLOSED);
    assert_int_equal(c->error, LA_ECONNABORTED);
    assert_int_equal(abort_tuple(u, TU_PEER_PORT), -LA_ENOENT);
    struct tcp_conn *f = tu_try(u, LA_FIN_WAIT_2, 1);
    assert_int_equal(tcp_close(&u->tcp, f->event.sock), 0); /* It goes on as a record. */
    assert_int_equal(u->tcp.count[LA_FIN_WAIT_2], 1);
    assert_int_equal(abort_tuple(u, TU_PEER_PORT + 1), 0);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.flags, TCP_RST | TCP_ACK);
    assert_int_equal(u->tcp.count[LA_FIN_WAIT_2], 0);
}

static void the_administrator_ends_time_wait_without_a_word(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_FIN_WAIT_2);
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_FIN | TCP_ACK, 0);
    tcp_segment(c, &in);
    tu_skip(u);
    assert_int_equal(u->tcp.count[LA_TIME_WAIT], 1);
    assert_int_equal(abort_tuple(u, TU_PEER_PORT), 0);
    assert_int_equal(u->tcp.count[LA_TIME_WAIT], 0);
    assert_int_equal(tu_skip(u), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(addresses_are_checked_by_bind_and_connect),
        TU_TEST(connect_tells_its_story_once),
        TU_TEST(close_leads_where_the_rfc_says),
        TU_TEST(unread_data_or_linger_zero_resets),
        TU_TEST(a_lingering_close_ends_with_its_event),
        TU_TEST(shutdown_closes_one_direction),
        TU_TEST(too_many_orphans_are_reset),
        TU_TEST(abort_resets_and_linger2_below_zero_too),
        TU_TEST(accept_takes_from_a_listener_only),
        cmocka_unit_test(refused_memory_leaves_sockets_as_they_were),
        TU_TEST(the_administrator_ends_a_connection_by_its_tuple),
        TU_TEST(the_administrator_ends_time_wait_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
