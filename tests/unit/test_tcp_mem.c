/* tcp/mem.c: the marks of the stack's buffers, and what a connection may still hold above them. */
#include "tcp_unit.h"

static void hold(struct tcp_unit *u, unsigned percent) {
    u->env.max = (size_t)64 << 20;
    u->tcp.slabs.out = (uint32_t)(u->env.max / 100 * percent / BUFFER_SLAB) + 1;
}

static void pressure_ends_below_the_low_mark_only(void **state) {
    struct tcp_unit *u = *state;
    static const struct {
        unsigned percent;
        enum tcp_mem level;
    } row[] = {{0, MEM_PLENTY},   {59, MEM_PLENTY},  {60, MEM_PRESSED}, {50, MEM_PRESSED}, {80, MEM_FULL},
               {74, MEM_PRESSED}, {46, MEM_PRESSED}, {44, MEM_PLENTY},  {59, MEM_PLENTY},  {76, MEM_FULL}};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        hold(u, row[i].percent);
        assert_int_equal(tcp_mem(&u->tcp), row[i].level);
    }
    assert_int_equal(u->env.counter[LA_C_MEMORY_PRESSURE], 2);
    u->tcp.slabs.out = 0;
}

static void a_pressed_connection_offers_four_segments(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->rcv_adv = c->rcv_nxt;
    hold(u, 61);
    assert_int_equal(tcp_recv_window(c), 4 * 1460);
    c->rcv_adv = seq_add(c->rcv_nxt, 50000);
    assert_int_equal(tcp_recv_window(c), 50000); /* What was promised is kept. */
    c->rcvbuf = 3000;
    assert_int_equal(tcp_mem_bound(c, c->rcvbuf), 3000);
    u->tcp.slabs.out = 0;
    assert_int_equal(tcp_mem_bound(c, 131072), 131072);
}

/* Above the last mark data in order is still taken, and data beyond a gap is not. */
static void a_full_stack_takes_what_is_in_order(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_in in = tu_in(c, TU_RCV(101), TCP_ACK, 100), first = tu_in(c, TU_RCV(1), TCP_ACK, 100);
    hold(u, 76);
    assert_int_equal(tcp_recv_data(c, &in), GO_ON);
    tu_dropped(u, LA_D_OOO_PRUNED);
    assert_int_equal(c->ooo.count, 0);
    assert_int_equal(tu_skip(u), 1); /* The duplicate ACK goes all the same. */
    assert_int_equal(tcp_recv_data(c, &first), GO_ON);
    assert_int_equal(tcp_unread(c), 100);
    u->tcp.slabs.out = c->rcv.held;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(pressure_ends_below_the_low_mark_only),
        TU_TEST(a_pressed_connection_offers_four_segments),
        TU_TEST(a_full_stack_takes_what_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
