/* tcp/stream.c: bytes from and to the user, with and without a copy; what is said when none can move. */
#include "tcp_unit.h"

#include <string.h>

static void bytes_go_in_up_to_the_bound(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    la_sock s = c->event.sock;
    static uint8_t data[20000];
    c->sndbuf = 10000;
    c->is.sndbuf_set = 1;
    assert_int_equal(tcp_send(&u->tcp, s, data, 0, 0), 0);
    assert_int_equal(tcp_send(&u->tcp, s, data, 4000, 0), 4000);
    assert_int_equal(tcp_send(&u->tcp, s, data, sizeof data, 0), 6000);
    assert_true(c->is.full_blocked);
    assert_int_equal(tcp_send(&u->tcp, s, data, 1, 0), -LA_EAGAIN);
    assert_true(seq_eq(c->snd_end, TU_SND(10001)));
    assert_int_equal(tcp_ready(&u->tcp, s) & LA_EV_WRITABLE, 0);
    assert_int_equal(tcp_send(&u->tcp, s, NULL, 1, 0), -LA_EFAULT);
    assert_int_equal(tcp_send(&u->tcp, 77, data, 1, 0), -LA_EBADF);
}

static void what_send_says_in_every_state(void **state) {
    struct tcp_unit *u = *state;
    static const struct {
        enum la_state state;
        int64_t send, recv;
    } row[] = {
        {LA_CLOSED, -LA_EPIPE, -LA_ENOTCONN},
        {LA_SYN_SENT, -LA_EAGAIN, -LA_EAGAIN},
        {LA_SYN_RCVD, -LA_EAGAIN, -LA_EAGAIN},
        {LA_ESTABLISHED, 1, -LA_EAGAIN},
        {LA_FIN_WAIT_1, -LA_EPIPE, -LA_EAGAIN},
        {LA_FIN_WAIT_2, -LA_EPIPE, -LA_EAGAIN},
        {LA_CLOSE_WAIT, 1, 0},
        {LA_CLOSING, -LA_EPIPE, 0},
        {LA_LAST_ACK, -LA_EPIPE, 0},
    };
    for (uint16_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_conn *c = tu_try(u, row[i].state, i);
        uint8_t byte = 7;
        assert_int_equal(tcp_send(&u->tcp, c->event.sock, &byte, 1, 0), row[i].send);
        assert_int_equal(tcp_recv(&u->tcp, c->event.sock, &byte, 1, 0), row[i].recv);
        assert_int_equal(c->is.eof_read, row[i].recv == 0);
    }
}

static void data_comes_first_then_the_error_once_then_the_end(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    la_sock s = c->event.sock;
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 10);
    uint8_t data[20];
    tcp_recv_data(c, &in);
    tcp_end(c, LA_ECONNRESET, LA_CAUSE_SEGMENT, TCP_RST);
    assert_int_equal(tcp_recv(&u->tcp, s, data, 4, LA_MSG_PEEK), 4);
    assert_int_equal(tcp_recv(&u->tcp, s, data, 4, 0), 4);
    assert_int_equal(tcp_recv(&u->tcp, s, data, sizeof data, 0), 6);
    assert_int_equal(tcp_recv(&u->tcp, s, data, 1, 0), -LA_ECONNRESET);
    assert_int_equal(tcp_recv(&u->tcp, s, data, 1, 0), 0);
    assert_int_equal(tcp_send(&u->tcp, s, data, 1, 0), -LA_EPIPE);
}

static void reserved_room_is_committed_as_far_as_it_was_filled(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    la_sock s = c->event.sock;
    struct la_room room[4];
    struct tcp_seg seg;
    unsigned n;
    assert_int_equal(tcp_commit(&u->tcp, s, 1), -LA_EINVAL); /* Nothing was reserved. */
    assert_int_equal(tcp_reserve(&u->tcp, s, 5000, room, 4, &n), 5000);
    size_t left = 5000;
    for (unsigned i = 0; i < n; left -= room[i++].len) memset(room[i].data, 'x', room[i].len);
    assert_int_equal(left, 0);
    assert_int_equal(tcp_commit(&u->tcp, s, 1 << 20), -LA_EINVAL);
    assert_int_equal(tcp_commit(&u->tcp, s, 100), 0);
    assert_true(tu_out(u, &seg));
    assert_int_equal(seg.data.len, 100);
    assert_int_equal(seg.data.data[99], 'x');
    assert_int_equal(tcp_reserve(&u->tcp, s, 1, NULL, 4, &n), -LA_EFAULT);
}

static void peeked_bytes_stay_until_they_are_consumed(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    la_sock s = c->event.sock;
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 6000);
    struct la_span span[4];
    unsigned n;
    assert_int_equal(tcp_peek(&u->tcp, s, span, 4, &n), -LA_EAGAIN);
    tcp_recv_data(c, &in);
    for (int again = 0; again < 2; again++) assert_int_equal(tcp_peek(&u->tcp, s, span, 4, &n), 6000);
    assert_int_equal(tcp_consume(&u->tcp, s, 6001), -LA_EINVAL);
    assert_int_equal(tcp_consume(&u->tcp, s, 5999), 0);
    assert_int_equal(tcp_peek(&u->tcp, s, span, 4, &n), 1);
    assert_int_equal(tcp_consume(&u->tcp, s, 1), 0);
    assert_int_equal(buffer_memory(&c->rcv), 0); /* Idle is small. */
}

static void ready_is_the_level_of_the_events(void **state) {
    struct tcp_unit *u = *state;
    enum { R = LA_EV_READABLE, W = LA_EV_WRITABLE, E = LA_EV_EOF, X = LA_EV_CONNECTED, C = LA_EV_CLOSED };
    static const struct {
        enum la_state state;
        int bits;
    } row[] = {{LA_CLOSED, 0},
               {LA_SYN_SENT, 0},
               {LA_ESTABLISHED, W | X},
               {LA_FIN_WAIT_1, W | X},
               {LA_FIN_WAIT_2, W | X},
               {LA_CLOSE_WAIT, R | W | E | X},
               {LA_CLOSING, R | W | E | X},
               {LA_LAST_ACK, R | W | E | X},
               {LA_TIME_WAIT, R | W | E | C}};
    for (uint16_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_conn *c = tu_try(u, row[i].state, i);
        assert_int_equal(tcp_ready(&u->tcp, c->event.sock), row[i].bits);
    }
    assert_int_equal(tcp_ready(&u->tcp, 77), -LA_EBADF);
}

static bool scenario(struct oom *oom) {
    struct tcp_unit u;
    static uint8_t data[9000];
    bool ok = tu_open(&u, oom);
    struct tcp_conn *c = ok ? tu_try(&u, LA_ESTABLISHED, 0) : NULL;
    for (unsigned i = 0; c && i < 3 && ok; i++) {
        int64_t n = tcp_send(&u.tcp, c->event.sock, data, sizeof data, 0);
        if (n < 0) assert_int_equal(n, -LA_ENOMEM);
        ok = n == (int64_t)sizeof data;
        assert_true(seq_eq(c->snd_end, TU_SND(1 + (i + ok) * (uint32_t)sizeof data)));
    }
    tu_close(&u);
    return ok && c;
}

static void refused_memory_takes_no_byte(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(bytes_go_in_up_to_the_bound),
        TU_TEST(what_send_says_in_every_state),
        TU_TEST(data_comes_first_then_the_error_once_then_the_end),
        TU_TEST(reserved_room_is_committed_as_far_as_it_was_filled),
        TU_TEST(peeked_bytes_stay_until_they_are_consumed),
        TU_TEST(ready_is_the_level_of_the_events),
        cmocka_unit_test(refused_memory_takes_no_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
