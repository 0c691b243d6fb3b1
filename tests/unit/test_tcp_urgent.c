/* tcp/urgent.c: the urgent byte of RFC 6093 in both directions, with Linux's reading rules. */
#include "tcp_unit.h"

#include <string.h>

/* Bytes "abcdefghij…" at position `at` of the stream, with an urgent pointer unless it is 0. */
static void put(struct tcp_conn *c, uint32_t at, uint32_t len, uint16_t urg) {
    static const uint8_t letters[] = "abcdefghijklmnopqrstuvwxyz";
    struct tcp_in in = tu_in(c, TU_RCV(at), (uint16_t)(TCP_ACK | (urg ? TCP_URG : 0)), len);
    in.seg.data.data = letters + at - 1;
    in.seg.urg = urg;
    assert_int_equal(tcp_recv_data(c, &in), GO_ON);
}

static void reads(struct tcp_conn *c, const char *want) {
    char got[32] = "";
    int64_t n = tcp_recv(c->tcp, c->event.sock, got, sizeof got - 1, 0);
    assert_int_equal(n, *want ? (int64_t)strlen(want) : -LA_EAGAIN);
    assert_string_equal(got, want);
}

static int64_t oob(struct tcp_conn *c, char *byte, int flags) {
    return tcp_recv(c->tcp, c->event.sock, byte, 1, LA_MSG_OOB | flags);
}

static void the_byte_before_the_pointer_is_out_of_band(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    char byte = 0;
    assert_int_equal(oob(c, &byte, 0), -LA_EINVAL);
    put(c, 1, 6, 4); /* abc, d is urgent, ef */
    assert_true(tu_event(u, c) & LA_EV_URGENT);
    assert_true(tcp_ready(&u->tcp, c->event.sock) & LA_EV_URGENT);
    assert_int_equal(tcp_atmark(&u->tcp, c->event.sock), 0);
    assert_int_equal(oob(c, &byte, LA_MSG_PEEK), 1);
    assert_int_equal(oob(c, &byte, 0), 1);
    assert_int_equal(byte, 'd');
    assert_int_equal(oob(c, &byte, 0), -LA_EINVAL);
    assert_false(tcp_ready(&u->tcp, c->event.sock) & LA_EV_URGENT);
    reads(c, "abc");
    assert_int_equal(tcp_atmark(&u->tcp, c->event.sock), 1);
    reads(c, "ef");
    assert_int_equal(tcp_atmark(&u->tcp, c->event.sock), 0);
    assert_int_equal(c->is.urg_in, URGENT_NONE);
}

static void in_line_the_byte_is_read_behind_the_mark(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    char byte = 0;
    c->is.oobinline = 1;
    put(c, 1, 6, 4);
    assert_int_equal(oob(c, &byte, 0), -LA_EINVAL);
    reads(c, "abc");
    assert_int_equal(tcp_atmark(&u->tcp, c->event.sock), 1);
    reads(c, "def");
}

static void a_byte_that_is_alone_is_no_data(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    put(c, 1, 1, 1);
    assert_int_equal(tcp_ready(&u->tcp, c->event.sock) & (LA_EV_READABLE | LA_EV_URGENT), LA_EV_URGENT);
    assert_int_equal(tcp_atmark(&u->tcp, c->event.sock), 1);
    reads(c, "");
    assert_int_equal(tcp_unread(c), 0); /* Passed over. */
    put(c, 2, 2, 0);
    reads(c, "bc");
}

static void the_pointer_may_come_before_the_byte(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    char byte = 0;
    put(c, 1, 2, 4);
    assert_true(tu_event(u, c) & LA_EV_URGENT);
    assert_int_equal(oob(c, &byte, 0), -LA_EAGAIN);
    reads(c, "ab");
    assert_int_equal(tcp_atmark(&u->tcp, c->event.sock), 0); /* One more byte to come. */
    put(c, 4, 2, 0);                                         /* Out of order is soon enough. */
    assert_int_equal(oob(c, &byte, 0), 1);
    assert_int_equal(byte, 'd');
    put(c, 3, 1, 0);
    reads(c, "c");
    reads(c, "e");
}

static void a_later_pointer_takes_over(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    char byte = 0;
    put(c, 1, 4, 2); /* b */
    put(c, 5, 4, 2); /* f: b is ordinary. */
    put(c, 1, 4, 2); /* An old one changes nothing, */
    put(c, 9, 1, 0);
    struct tcp_in stale = tu_in(c, TU_RCV(7), TCP_ACK | TCP_URG, 0);
    stale.seg.urg = 2; /* nor does one to what was received as ordinary. */
    tcp_recv_data(c, &stale);
    reads(c, "abcde");
    assert_int_equal(oob(c, &byte, 0), 1);
    assert_int_equal(byte, 'f');
    put(c, 10, 3, 2); /* At the mark: f is passed over, k is next. */
    reads(c, "ghij");
    reads(c, "l");
}

static void peek_and_consume_know_the_mark(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct la_span span[2];
    unsigned count = 0;
    put(c, 1, 4, 1);
    assert_int_equal(tcp_peek(&u->tcp, c->event.sock, span, 2, &count), 3);
    assert_int_equal(span[0].data[0], 'b');
    assert_int_equal(tcp_consume(&u->tcp, c->event.sock, 4), -LA_EINVAL);
    assert_int_equal(tcp_consume(&u->tcp, c->event.sock, 1), 0);
    reads(c, "cd");
}

static void the_end_ends_the_waiting(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    char byte = 0;
    put(c, 1, 1, 1);
    struct tcp_in fin = tu_in(c, TU_RCV(2), TCP_ACK | TCP_FIN, 0);
    tcp_recv_data(c, &fin);
    tcp_recv_fin(c, &fin);
    assert_int_equal(tcp_recv(&u->tcp, c->event.sock, &byte, 1, 0), 0);
    c = tu_try(u, LA_CLOSE_WAIT, 1);
    c->rcv_up = seq_add(c->rcv_nxt, 5);
    c->is.urg_in = URGENT_COMING;
    assert_int_equal(oob(c, &byte, 0), 0);
}

static void what_goes_out_urgent_says_so(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_seg s;
    static uint8_t data[5000];
    assert_int_equal(tcp_send(&u->tcp, c->event.sock, data, 10, 0), 10);
    assert_true(tu_out(u, &s) && !(s.flags & TCP_URG) && !s.urg);
    /* Nagle does not hold it back. */
    assert_int_equal(tcp_send(&u->tcp, c->event.sock, data, 3, LA_MSG_OOB), 3);
    assert_true(tu_out(u, &s) && s.flags & TCP_URG);
    assert_int_equal(s.urg, 3);
    assert_int_equal(s.data.len, 3);
    tcp_mark(c, MARK_ACK);
    assert_true(tu_out(u, &s) && !(s.flags & TCP_URG)); /* Behind it there is nothing urgent. */
    struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
    in.seg.ack = c->snd_max;
    tcp_segment(c, &in);
    assert_int_equal(tcp_send(&u->tcp, c->event.sock, data, 2000, LA_MSG_OOB), 2000);
    assert_true(tu_out(u, &s) && s.urg == 2000 && s.data.len == 1460);
    assert_true(tu_out(u, &s) && s.urg == 540 && s.data.len == 540);
    in.seg.ack = c->snd_max;
    tcp_segment(c, &in);
    assert_int_equal(tcp_send(&u->tcp, c->event.sock, data, 10, 0), 10);
    assert_true(tu_out(u, &s) && !(s.flags & TCP_URG));
    assert_false(c->is.urg_out);
}

static void a_pointer_that_is_far_away_is_cut(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_seg s = {.seq = c->snd_una, .flags = TCP_ACK};
    tu_flight(c, 70000);
    tcp_urgent_send(c);
    tcp_urgent_put(c, &s);
    assert_true(s.flags & TCP_URG);
    assert_int_equal(s.urg, 65535);
    s = (struct tcp_seg){.seq = seq_add(c->snd_una, 60000), .flags = TCP_ACK};
    tcp_urgent_put(c, &s);
    assert_int_equal(s.urg, 10000);
    s = (struct tcp_seg){.seq = c->snd_una, .flags = TCP_RST};
    tcp_urgent_put(c, &s);
    assert_int_equal(s.flags, TCP_RST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_byte_before_the_pointer_is_out_of_band),
        TU_TEST(in_line_the_byte_is_read_behind_the_mark),
        TU_TEST(a_byte_that_is_alone_is_no_data),
        TU_TEST(the_pointer_may_come_before_the_byte),
        TU_TEST(a_later_pointer_takes_over),
        TU_TEST(peek_and_consume_know_the_mark),
        TU_TEST(the_end_ends_the_waiting),
        TU_TEST(what_goes_out_urgent_says_so),
        TU_TEST(a_pointer_that_is_far_away_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
