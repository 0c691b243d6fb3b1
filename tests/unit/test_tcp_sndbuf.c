/* tcp/sndbuf.c: how much a send may give, and when the owner is told of room. */
#include "tcp_unit.h"

/* MSS 1460, ten of them in the congestion window, 65535 bytes in the peer's. */
static struct tcp_conn *fixed(struct tcp_unit *u, uint32_t sndbuf) {
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->is.sndbuf_set = 1;
    c->sndbuf = sndbuf;
    return c;
}

static void the_buffer_bounds_what_is_unacknowledged(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = fixed(u, 9000);
    assert_int_equal(tcp_send_room(c), 9000);
    tu_flight(c, 4000);
    assert_int_equal(tcp_send_room(c), 5000);
    assert_true(tcp_writable(c));
    tu_flight(c, 2001); /* Two thirds are in use, and a byte. */
    assert_int_equal(tcp_send_room(c), 2999);
    assert_false(tcp_writable(c));
}

static void the_mark_bounds_what_cannot_go_at_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = fixed(u, 1 << 20);
    uint32_t mss = tcp_send_mss(c);
    c->notsent_lowat = 2 * mss;
    c->max_snd_wnd = 8 * mss; /* Chunks of 4 MSS. */
    uint32_t window = 10 * mss;
    c->snd_wnd = window;
    assert_int_equal(tcp_send_room(c), window + 4 * mss); /* The chunk that reaches the mark is filled. */
    tu_give(c, window + mss - 1);
    assert_true(tcp_writable(c)); /* Less than half the mark waits. */
    tu_give(c, 1);
    assert_false(tcp_writable(c));
    assert_int_equal(tcp_send_room(c), 3 * mss);
    tu_give(c, 3 * mss);
    assert_int_equal(tcp_send_room(c), 0);
    c->notsent_lowat = UINT32_MAX;
    assert_true(tcp_writable(c));
}

static void the_setting_holds_where_the_socket_says_nothing(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = fixed(u, 1 << 20);
    c->snd_wnd = 0;
    tu_give(c, 10000);
    assert_true(tcp_writable(c));
    u->tcp.params.notsent_lowat = 10000;
    assert_false(tcp_writable(c));
    c->notsent_lowat = 20001;
    assert_true(tcp_writable(c));
}

static void room_is_told_once_it_was_missed(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = fixed(u, 9000);
    tcp_room_event(c);
    assert_int_equal(tu_event(u, c), 0); /* Nobody missed it. */
    tu_flight(c, 9000);
    tcp_room_taken(c, true); /* The last byte of room is gone, though nobody was refused. */
    assert_true(c->is.room_owed && !c->is.full_blocked);
    tcp_room_event(c);
    assert_int_equal(tu_event(u, c), 0);
    c->snd_una = seq_add(c->snd_una, 3000);
    tcp_room_event(c);
    assert_int_equal(tu_event(u, c), LA_EV_WRITABLE);
    assert_false(c->is.room_owed);
    tcp_room_event(c);
    assert_int_equal(tu_event(u, c), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_buffer_bounds_what_is_unacknowledged),
        TU_TEST(the_mark_bounds_what_cannot_go_at_once),
        TU_TEST(the_setting_holds_where_the_socket_says_nothing),
        TU_TEST(room_is_told_once_it_was_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
