/* tcp/tcp.c: TCP as a whole: its birth and end with everything in it, and whose timer has expired. */
#include "tcp_unit.h"

static void it_begins_without_anything(void **state) {
    struct tcp_unit *u = *state;
    for (unsigned s = 0; s < LA_NSTATES; s++) assert_int_equal(u->tcp.count[s], 0);
    assert_true(u->tcp.conns.live == 0 && u->tcp.embryos.live == 0 && u->tcp.records.live == 0);
    assert_true(wheel_next(&u->wheel) == LA_NEVER);
    assert_false(tcp_output_pending(&u->tcp, -1));
    assert_int_equal(tcp_iface_added(&u->tcp, TCP_IFACES_MAX - 1), 0);
    assert_int_equal(tcp_iface_added(&u->tcp, TCP_IFACES_MAX), -LA_ENOMEM);
}

/* Something of every kind. */
static void fill(struct tcp_unit *u) {
    const struct iss_floor none = {.set = false};
    struct tcp_conn *l = tu_listener(u, 81, 5), *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_key key = tu_key(81, 9);
    struct tcp_in syn = tu_in_key(&key, TU_RCV(0), seq_of(0), TCP_SYN);
    struct tcp_in data = tu_in(c, TU_RCV(1), TCP_ACK, 5000), gap = tu_in(c, TU_RCV(9000), TCP_ACK, 5000);
    tcp_embryo_new(l, &syn, &none);
    tcp_recv_data(c, &data);
    tcp_recv_data(c, &gap);
    tu_give(c, 10000);
    tcp_timewait_enter(tu_try(u, LA_TIME_WAIT, 1));
    tu_skip(u);
}

static void it_ends_with_everything_in_it(void **state) {
    struct tcp_unit *u = *state;
    fill(u); /* tu_end proves that all memory comes back … */
    assert_int_equal(u->tcp.count[LA_ESTABLISHED], 1);
}

static void it_leaves_the_wheel_to_others(void **state) {
    struct tcp_unit *u = *state;
    struct wheel_node other = {.kind = 99};
    wheel_arm(&u->wheel, &other, u->env.now + LA_SECOND);
    fill(u);
    struct ip *ip = u->ip;
    tcp_free(&u->tcp);
    assert_true(wheel_next(&u->wheel) == u->env.now + LA_SECOND);
    assert_ptr_equal(wheel_expire(&u->wheel, LA_NEVER - 1), &other); /* … and nothing else is left. */
    assert_null(wheel_expire(&u->wheel, LA_NEVER - 1));
    memset(&u->tcp, 0, sizeof u->tcp);
    tcp_init(&u->tcp, &u->env, &u->wheel, ip, &u->events);
}

static void an_expired_node_goes_to_its_kind(void **state) {
    struct tcp_unit *u = *state;
    fill(u);
    uint64_t before = u->env.counter[LA_C_RETRANSMITS];
    tu_pass(u, LA_SECOND); /* The embryo's and the connection's. */
    assert_int_equal(u->env.counter[LA_C_RETRANSMITS], before + 1);
    assert_int_equal(u->env.counter[LA_C_RTOS], 1);
    tu_pass(u, 60 * LA_SECOND);
    assert_int_equal(u->tcp.records.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(it_begins_without_anything),
        TU_TEST(it_ends_with_everything_in_it),
        TU_TEST(it_leaves_the_wheel_to_others),
        TU_TEST(an_expired_node_goes_to_its_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
