/* tcp/recv.c: data to its place, the window that is told (RFC 9293, 3.8.6.2.2; RFC 7323, 2), FIN in its turn. */
#include "tcp_unit.h"

static void put(struct tcp_conn *c, uint32_t at, uint32_t len, uint16_t flags) {
    struct tcp_in in = tu_in(c, TU_RCV(at), (uint16_t)(TCP_ACK | flags), len);
    assert_int_equal(tcp_recv_data(c, &in), GO_ON);
    assert_int_equal(tcp_recv_fin(c, &in), GO_ON);
}

static void the_shift_lets_the_largest_buffer_be_told(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    assert_int_equal(tcp_recv_wscale(c), 7); /* 6291456 >> 7 = 49152 */
    static const struct {
        uint32_t buffer;
        uint8_t shift;
    } row[] = {{65535, 0}, {65536, 1}, {131070, 1}, {131072, 2}, {1u << 29, 14}, {1u << 30, 14}};
    c->is.rcvbuf_set = 1;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        c->rcvbuf = row[i].buffer;
        assert_int_equal(tcp_recv_wscale(c), row[i].shift);
    }
    u->tcp.params.wscale_fixed = 6;
    assert_int_equal(tcp_recv_wscale(c), 6);
}

static void the_first_window_is_not_scaled(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(seq_len(c->rcv_nxt, c->rcv_adv), 65535);
    c->rcv_wscale = 7;
    assert_int_equal(tcp_recv_advertise(c), 131072 >> 7);
    assert_int_equal(seq_len(c->rcv_nxt, c->rcv_adv), 131072);
}

static void the_edge_moves_by_a_segment_at_least_and_never_back(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->rcvbuf = 10000;
    c->rcv_adv = seq_add(c->rcv_nxt, 9000);
    assert_int_equal(tcp_recv_window(c), 9000); /* 1000 more would be silly. */
    c->rcv_adv = seq_add(c->rcv_nxt, 8540);
    assert_int_equal(tcp_recv_window(c), 10000);
    c->rcvbuf = 4096; /* Made smaller: what was promised stays. */
    assert_int_equal(tcp_recv_advertise(c), 8540);
    c->rcvbuf = 2000; /* Half of a small buffer is a step as well. */
    c->rcv_adv = seq_add(c->rcv_nxt, 1000);
    assert_int_equal(tcp_recv_window(c), 2000);
    c->rcv_adv = seq_add(c->rcv_nxt, 1001);
    assert_int_equal(tcp_recv_window(c), 1001);
}

/* RFC 7323, 2.4: what scaling cuts off must not take the edge back. */
static void scaling_rounds_up_what_was_promised(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->rcv_wscale = 7;
    c->rcvbuf = 131072;
    assert_int_equal(tcp_recv_advertise(c), 1024);
    seq edge = c->rcv_adv;
    put(c, 1, 100, 0);
    assert_int_equal(tcp_recv_advertise(c), 1024); /* 130972 is 1023 and a piece. */
    assert_true(seq_geq(c->rcv_adv, edge));
    assert_in_range(seq_len(edge, c->rcv_adv), 0, 128);
}

static void all_of_it_works_where_numbers_wrap(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    uint8_t byte[300];
    tu_move(c, TU_SND(0), seq_of(0xffffff80)); /* rcv_nxt is 127 before the wrap. */
    struct tcp_in in = tu_in(c, seq_of(0x20), TCP_ACK, 100), first = tu_in(c, c->rcv_nxt, TCP_ACK, 0x9f);
    assert_int_equal(tcp_recv_data(c, &in), GO_ON);
    assert_int_equal(c->ooo.count, 1);
    assert_int_equal(tcp_recv_data(c, &first), GO_ON);
    assert_int_equal(c->rcv_nxt.n, 0x20 + 100);
    assert_int_equal(c->ooo.count, 0);
    assert_int_equal(tcp_unread(c), 0x9f + 100);
    assert_int_equal(tcp_recv(&u->tcp, c->event.sock, byte, sizeof byte, 0), 0x9f + 100);
}

static void segments_are_cut_to_what_is_new_and_fits(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->rcv_adv = seq_add(c->rcv_nxt, 100);
    put(c, 1, 60, 0);
    put(c, 31, 40, 0); /* Half of it is old. */
    assert_true(seq_eq(c->rcv_nxt, TU_RCV(71)));
    put(c, 71, 200, TCP_FIN); /* The FIN is cut with what does not fit. */
    assert_true(seq_eq(c->rcv_nxt, TU_RCV(101)));
    assert_false(c->is.fin_seen);
    assert_int_equal(c->state, LA_ESTABLISHED);
}

static void blocks_are_told_the_latest_first(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct range r[4];
    static const uint32_t at[] = {1001, 3001, 2001, 5001, 4001};
    for (size_t i = 0; i < COUNT_OF(at); i++) put(c, at[i], 100, 0);
    put(c, 3101, 50, 0); /* An old one grows. */
    assert_int_equal(ranges_recent(&c->ooo, r, 4), 4);
    assert_int_equal(r[0].from.n, TU_RCV(3001).n); /* RFC 2018, 4. */
    assert_int_equal(r[0].to.n, TU_RCV(3151).n);
    assert_int_equal(r[1].from.n, TU_RCV(4001).n);
    assert_int_equal(r[2].from.n, TU_RCV(5001).n);
    assert_int_equal(r[3].from.n, TU_RCV(2001).n);
    assert_true(c->marks & MARK_ACK); /* RFC 5681, 4.2. */
}

static void a_fin_waits_for_what_is_before_it(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    put(c, 101, 100, TCP_FIN);
    assert_true(c->is.fin_seen && !c->is.fin_received);
    assert_int_equal(c->state, LA_ESTABLISHED);
    struct tcp_in late = tu_in(c, TU_RCV(201), TCP_ACK, 10); /* Beyond the peer's own FIN. */
    assert_int_equal(tcp_recv_data(c, &late), STOP);
    tu_dropped(u, LA_D_DATA_AFTER_FIN);
    put(c, 1, 100, 0);
    assert_int_equal(c->state, LA_CLOSE_WAIT);
    assert_true(seq_eq(c->rcv_nxt, TU_RCV(202)));
    assert_int_equal(tcp_unread(c), 200);
    assert_true(tu_event(u, c) & LA_EV_EOF);
}

static void a_fin_leads_from_every_state_where_it_must(void **state) {
    struct tcp_unit *u = *state;
    static const uint8_t row[][2] = {
        {LA_ESTABLISHED, LA_CLOSE_WAIT}, {LA_FIN_WAIT_1, LA_CLOSING}, {LA_FIN_WAIT_2, LA_TIME_WAIT}};
    for (uint16_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_conn *c = tu_try(u, (enum la_state)row[i][0], i);
        put(c, 1, 0, TCP_FIN);
        assert_int_equal(c->state, row[i][1]);
        assert_int_equal(c->marks & MARK_ACK, MARK_ACK);
    }
    struct tcp_conn *c = tu_try(u, LA_FIN_WAIT_1, 9);
    c->snd_una = c->snd_max; /* ACK of our FIN in the same segment. */
    put(c, 1, 0, TCP_FIN);
    assert_int_equal(c->state, LA_TIME_WAIT);
}

static void reading_opens_the_window_when_it_is_worth_telling(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->rcvbuf = 8000;
    c->is.rcvbuf_set = 1;
    c->rcv_adv = seq_add(c->rcv_nxt, 8000);
    put(c, 1, 8000, 0);
    c->marks = 0;
    tcp_recv_consume(c, 1000);
    assert_int_equal(c->marks, 0); /* 1000 is less than a segment. */
    tcp_recv_consume(c, 500);
    assert_int_equal(c->marks, MARK_ACK);
    list_remove(&c->out);
    c->marks = 0;
}

static void what_an_owner_left_unread_is_answered_with_rst(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_FIN_WAIT_1);
    struct tcp_seg s;
    tcp_orphan(c);
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 10);
    assert_int_equal(tcp_recv_data(c, &in), GONE);
    tu_dropped(u, LA_D_DATA_AFTER_CLOSE);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.flags, TCP_RST);
    assert_int_equal(u->tcp.conns.live, 0);
}

static bool scenario(struct oom *oom) {
    struct tcp_unit u;
    bool ok = tu_open(&u, oom);
    struct tcp_conn *c = ok ? tu_try(&u, LA_ESTABLISHED, 0) : NULL;
    for (uint32_t i = 0; c && i < 4; i++) {
        struct tcp_in in = tu_in(c, TU_RCV(8001 - 2000 * i), TCP_ACK, 100);
        tcp_recv_data(c, &in);
        for (unsigned k = 0; k < c->ooo.count; k++) assert_true(seq_gt(c->ooo.at[k].from, c->rcv_nxt));
    }
    ok = c && ranges_bytes(&c->ooo) == 400;
    tu_close(&u);
    return ok;
}

static void refused_memory_is_as_if_the_segment_was_lost(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_shift_lets_the_largest_buffer_be_told),
        TU_TEST(the_first_window_is_not_scaled),
        TU_TEST(the_edge_moves_by_a_segment_at_least_and_never_back),
        TU_TEST(scaling_rounds_up_what_was_promised),
        TU_TEST(all_of_it_works_where_numbers_wrap),
        TU_TEST(segments_are_cut_to_what_is_new_and_fits),
        TU_TEST(blocks_are_told_the_latest_first),
        TU_TEST(a_fin_waits_for_what_is_before_it),
        TU_TEST(a_fin_leads_from_every_state_where_it_must),
        TU_TEST(reading_opens_the_window_when_it_is_worth_telling),
        TU_TEST(what_an_owner_left_unread_is_answered_with_rst),
        cmocka_unit_test(refused_memory_is_as_if_the_segment_was_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
