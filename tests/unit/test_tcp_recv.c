/* tcp/recv.c: data to its place, what is told about what came out of order, FIN in its turn. */
#include "tcp_unit.h"

static void put(struct tcp_conn *c, uint32_t at, uint32_t len, uint16_t flags) {
    struct tcp_in in = tu_in(c, TU_RCV(at), (uint16_t)(TCP_ACK | flags), len);
    assert_int_equal(tcp_recv_data(c, &in), GO_ON);
    assert_int_equal(tcp_recv_fin(c, &in), GO_ON);
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

/* Of ACKs that leave together each tells other blocks, the last one the latest. */
static void acks_of_one_burst_share_the_blocks(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_seg s;
    c->is.sack_on = 1;
    for (uint32_t i = 0; i < 10; i++) put(c, 1001 + 200 * i, 100, 0);
    unsigned n = 0, seen = 0;
    for (; tu_out(u, &s); n++) {
        assert_int_equal(s.opt.nsack, 4);
        for (unsigned k = 0; k < s.opt.nsack; k++) seen |= 1u << (s.opt.sack[k].from.n - TU_RCV(1001).n) / 200;
        if (n == 3) assert_int_equal(s.opt.sack[0].from.n, TU_RCV(1001 + 200 * 9).n);
    }
    assert_int_equal(n, 4); /* Ten segments, but four ACKs are enough to tell everything. */
    assert_int_equal(seen, 0x3ff);
}

static void without_sack_each_segment_out_of_order_has_its_ack(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    for (uint32_t i = 0; i < 10; i++) put(c, 1001 + 200 * i, 100, 0);
    assert_int_equal(tu_skip(u), 10);
}

/* A loss: the sender starts slowly, so its segments are acknowledged at once. */
static void duplicate_data_brings_quick_acks(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->quickacks = 0;
    put(c, 1, 100, 0);
    assert_int_equal(tu_skip(u), 0);
    put(c, 1, 100, 0);
    assert_int_equal(tu_skip(u), 1);
    put(c, 101, 100, 0);
    assert_int_equal(tu_skip(u), 1);
}

/* What a device merged is acknowledged as what it was made from. */
static void merged_segments_count_as_what_they_were(void **state) {
    struct tcp_unit *u = *state;
    static const struct {
        uint32_t len;
        uint16_t size;
        unsigned acks;
    } row[] = {{1000, 0, 0}, {1000, 1000, 0}, {1000, 500, 1}, {1461, 0, 1}, {65000, 1400, 1}, {65000, 0, 1}};
    for (uint16_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_conn *c = tu_try(u, LA_ESTABLISHED, i);
        struct ip_datagram datagram = {.proto = PROTO_TCP, .segment_size = row[i].size};
        struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, row[i].len);
        c->quickacks = 0;
        in.datagram = &datagram;
        assert_int_equal(tcp_recv_data(c, &in), GO_ON);
        assert_int_equal(tu_skip(u), row[i].acks);
        assert_int_equal(tcp_unread(c), row[i].len);
    }
}

/* In memory's need the peer has to send again what lay beyond a gap; what is in order is kept. */
static void data_in_order_drives_out_what_is_beyond_a_gap(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    uint8_t byte[100];
    put(c, 1, 100, 0);
    for (uint32_t i = 1; i < 8; i++) put(c, 1 + 8192 * i, 100, 0);
    uint32_t before = c->rcv.held;
    size_t max = u->env.max;
    u->env.max = u->env.used;
    slabs_free(&u->tcp.slabs);
    u->env.max = u->env.used;
    put(c, 101, 8000, 0);
    u->env.max = max;
    tu_dropped(u, LA_D_OOO_PRUNED);
    assert_int_equal(before, 8);
    assert_true(c->rcv.held < 4); /* 8100 bytes from the middle of a slab. */
    assert_int_equal(c->ooo.count, 0);
    assert_int_equal(tcp_unread(c), 8100);
    assert_int_equal(tcp_recv(&u->tcp, c->event.sock, byte, sizeof byte, 0), 100);
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
        TU_TEST(all_of_it_works_where_numbers_wrap),
        TU_TEST(segments_are_cut_to_what_is_new_and_fits),
        TU_TEST(blocks_are_told_the_latest_first),
        TU_TEST(a_fin_waits_for_what_is_before_it),
        TU_TEST(a_fin_leads_from_every_state_where_it_must),
        TU_TEST(what_an_owner_left_unread_is_answered_with_rst),
        TU_TEST(acks_of_one_burst_share_the_blocks),
        TU_TEST(without_sack_each_segment_out_of_order_has_its_ack),
        TU_TEST(duplicate_data_brings_quick_acks),
        TU_TEST(merged_segments_count_as_what_they_were),
        TU_TEST(data_in_order_drives_out_what_is_beyond_a_gap),
        cmocka_unit_test(refused_memory_is_as_if_the_segment_was_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
