/* tcp/timewait.c: records by expiry and by tuple. A slot is 2^26 ns wide and there are 1024: one lap is 68.7 s. */
#include "tcp_unit.h"

#include "tcp/record.h"

#define SLOT ((la_time)1 << 26)

static const struct iss_floor none = {.set = false};

/* A connection that has just come to TIME_WAIT, nobody's any more: a record is left. */
static void enter(struct tcp_unit *u, enum la_state s, uint16_t n) {
    struct tcp_conn *c = tu_try(u, s, n);
    assert_non_null(c);
    tcp_orphan(c);
    if (s == LA_FIN_WAIT_2) tcp_timewait_enter(c);
}

/* tcp_orphan frees what is in TIME_WAIT, as a record has been made before: so first the record. */
static void wait_n(struct tcp_unit *u, uint16_t n) {
    struct tcp_conn *c = tu_try(u, LA_TIME_WAIT, n);
    assert_non_null(c);
    tcp_timewait_enter(c);
    tcp_orphan(c);
}

static bool has(struct tcp_unit *u, uint16_t n) {
    struct tcp_key key = tu_key(TU_PORT, (uint16_t)(TU_PEER_PORT + n));
    return tcp_timewait_has(&u->tcp, &key);
}

static struct tcp_in arriving(uint16_t n, uint32_t at, uint16_t flags) {
    struct tcp_key key = tu_key(TU_PORT, (uint16_t)(TU_PEER_PORT + n));
    return tu_in_key(&key, TU_RCV(at), TU_SND(2), flags);
}

static void a_record_lives_60_seconds_and_at_most_a_slot_more(void **state) {
    struct tcp_unit *u = *state;
    for (uint16_t n = 0; n < 200; n++) {
        wait_n(u, n);
        la_time left = (60 * LA_SECOND) - 1;
        tu_pass(u, left);
        assert_true(has(u, n));
        tu_pass(u, SLOT + 1);
        assert_false(has(u, n));
        u->env.now += 777777 * n; /* Begins anywhere in a slot. */
    }
    assert_int_equal(u->tcp.count[LA_TIME_WAIT], 0);
    assert_int_equal(u->tcp.records.live, 0);
    assert_true(wheel_next(&u->wheel) == LA_NEVER);
}

static void longer_than_a_lap_it_goes_around(void **state) {
    struct tcp_unit *u = *state;
    u->tcp.params.msl = 600 * LA_SECOND; /* 1200 s: 17 laps and a half. */
    wait_n(u, 0);
    u->tcp.params.msl = 10 * LA_SECOND;
    wait_n(u, 1);
    tu_pass(u, 20 * LA_SECOND + SLOT);
    assert_true(has(u, 0) && !has(u, 1));
    tu_pass(u, 1180 * LA_SECOND - SLOT - 1);
    assert_true(has(u, 0));
    tu_pass(u, SLOT + 1);
    assert_false(has(u, 0));
}

static void a_jump_of_the_clock_ends_all_at_once(void **state) {
    struct tcp_unit *u = *state;
    u->tcp.params.msl = 100 * LA_SECOND;
    for (uint16_t n = 0; n < 300; n++) {
        wait_n(u, n);
        tu_pass(u, 300 * LA_MS);
    }
    assert_int_equal(u->tcp.count[LA_TIME_WAIT], 300);
    u->env.now += 1000 * 86400 * LA_SECOND;
    for (struct wheel_node *node; (node = wheel_expire(&u->wheel, u->env.now));) tcp_timer(&u->tcp, node);
    assert_int_equal(u->tcp.records.live, 0);
    wait_n(u, 0); /* And it goes on from there. */
    tu_pass(u, 200 * LA_SECOND + SLOT);
    assert_false(has(u, 0));
}

static void a_repeated_fin_begins_the_time_anew(void **state) {
    struct tcp_unit *u = *state;
    struct iss_floor floor = none;
    struct tcp_seg s;
    wait_n(u, 0);
    tu_pass(u, 40 * LA_SECOND);
    struct tcp_in fin = arriving(0, 1, TCP_FIN | TCP_ACK); /* Its FIN is TU_RCV(1). */
    assert_int_equal(tcp_timewait_input(&u->tcp, &fin, &floor), TW_DONE);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.flags, TCP_ACK);
    assert_int_equal(s.seq.n, TU_SND(2).n);
    assert_int_equal(s.ack.n, TU_RCV(2).n);
    tu_pass(u, 60 * LA_SECOND - 1);
    assert_true(has(u, 0));
    tu_pass(u, SLOT + 1);
    assert_false(has(u, 0));
    assert_int_equal(u->env.counter[LA_C_TIME_WAIT_REACKED], 1);
}

static void past_the_bound_the_one_that_ends_next_gives_way(void **state) {
    struct tcp_unit *u = *state;
    u->tcp.params.tw_max = 3;
    for (uint16_t n = 0; n < 5; n++) {
        wait_n(u, n);
        tu_pass(u, LA_SECOND);
    }
    assert_true(!has(u, 0) && !has(u, 1) && has(u, 2) && has(u, 3) && has(u, 4));
    assert_int_equal(u->tcp.count[LA_TIME_WAIT], 3);
    assert_int_equal(u->env.dropped[LA_D_TW_FULL], 2);
}

static void a_bound_of_none_keeps_none(void **state) {
    struct tcp_unit *u = *state;
    u->tcp.params.tw_max = 0;
    wait_n(u, 0);
    assert_false(has(u, 0));
    assert_int_equal(u->tcp.count[LA_TIME_WAIT], 0);
}

/* RFC 1122, 4.2.2.13: a SYN beyond RCV.NXT is a new connection's, and its ISN leaves the old one's space. */
static void a_newer_syn_takes_the_tuple_where_somebody_listens(void **state) {
    struct tcp_unit *u = *state;
    struct iss_floor floor = none;
    wait_n(u, 0);
    struct tcp_in syn = arriving(0, 3, TCP_SYN);
    assert_int_equal(tcp_timewait_input(&u->tcp, &syn, &floor), TW_DONE);
    assert_true(has(u, 0));
    struct tcp_conn *l = tu_listener(u, TU_PORT, 5);
    syn = arriving(0, 2, TCP_SYN); /* Equal to RCV.NXT is not beyond. */
    assert_int_equal(tcp_timewait_input(&u->tcp, &syn, &floor), TW_DONE);
    syn = arriving(0, 3, TCP_SYN);
    assert_int_equal(tcp_timewait_input(&u->tcp, &syn, &floor), TW_NEW_SYN);
    assert_true(floor.set && seq_eq(floor.at, TU_SND(2 + 65536)));
    assert_false(has(u, 0));
    assert_int_equal(u->tcp.count[LA_TIME_WAIT], 0);
    tcp_listen_close(l);
}

static void an_rst_at_exactly_rcv_nxt_ends_it_unless_rfc1337(void **state) {
    struct tcp_unit *u = *state;
    struct iss_floor floor = none;
    wait_n(u, 0);
    struct tcp_in off = arriving(0, 3, TCP_RST), hit = arriving(0, 2, TCP_RST);
    tcp_timewait_input(&u->tcp, &off, &floor);
    assert_true(has(u, 0));
    u->tcp.params.rfc1337 = true;
    tcp_timewait_input(&u->tcp, &hit, &floor);
    assert_true(has(u, 0));
    u->tcp.params.rfc1337 = false;
    tcp_timewait_input(&u->tcp, &hit, &floor);
    assert_false(has(u, 0));
    assert_int_equal(tu_skip(u), 0);
}

static void an_orphan_in_fin_wait_2_becomes_time_wait_with_its_fin(void **state) {
    struct tcp_unit *u = *state;
    struct iss_floor floor = none;
    enter(u, LA_FIN_WAIT_2, 0);
    assert_int_equal(u->tcp.count[LA_FIN_WAIT_2], 1);
    assert_int_equal(u->tcp.conns.live, 0);
    tu_pass(u, 59 * LA_SECOND);
    struct tcp_in fin = arriving(0, 1, TCP_FIN | TCP_ACK);
    assert_int_equal(tcp_timewait_input(&u->tcp, &fin, &floor), TW_DONE);
    assert_int_equal(u->tcp.count[LA_FIN_WAIT_2], 0);
    assert_int_equal(u->tcp.count[LA_TIME_WAIT], 1);
    tu_pass(u, 59 * LA_SECOND);
    assert_true(has(u, 0));
    tu_pass(u, 2 * LA_SECOND);
    assert_false(has(u, 0));
}

static void without_a_fin_fin_wait_2_ends_by_its_own_time(void **state) {
    struct tcp_unit *u = *state;
    u->tcp.params.fin_timeout = 5 * LA_SECOND;
    enter(u, LA_FIN_WAIT_2, 0);
    tu_pass(u, 5 * LA_SECOND - 1);
    assert_true(has(u, 0));
    tu_pass(u, SLOT + 1);
    assert_false(has(u, 0));
    assert_int_equal(u->env.counter[LA_C_FIN_WAIT_2_TIMEOUTS], 1);
}

/* C31: connect() may take over a tuple after a second, with timestamps and only where the setting says so. */
static void connect_may_take_a_tuple_after_a_second(void **state) {
    struct tcp_unit *u = *state;
    struct iss_floor floor = none;
    struct tcp_key key = tu_key(TU_PORT, TU_PEER_PORT);
    struct tcp_conn *c = tu_conn(u, LA_TIME_WAIT);
    c->is.ts_on = 1;
    tcp_timewait_enter(c);
    tcp_orphan(c);
    tu_pass(u, 2 * LA_SECOND);
    assert_false(tcp_timewait_reuse(&u->tcp, &key, &floor));
    u->tcp.params.tw_reuse = true;
    u->env.now -= LA_SECOND + SLOT;
    assert_false(tcp_timewait_reuse(&u->tcp, &key, &floor));
    u->env.now += LA_SECOND + SLOT;
    assert_true(tcp_timewait_reuse(&u->tcp, &key, &floor));
    assert_true(floor.set && seq_eq(floor.at, TU_SND(2 + 65536)));
    assert_false(has(u, 0));
}

static bool scenario(struct oom *oom) {
    struct tcp_unit u;
    bool ok = tu_open(&u, oom);
    for (uint16_t n = 0; ok && n < 20; n++) {
        struct tcp_conn *c = tu_try(&u, LA_TIME_WAIT, n);
        ok = c != NULL;
        if (!ok) break;
        tcp_timewait_enter(c);
        bool kept = has(&u, n);
        assert_int_equal(c->state, kept ? LA_TIME_WAIT : LA_CLOSED);
        tcp_orphan(c);
        ok = kept;
    }
    tu_close(&u);
    return ok;
}

static void refused_memory_cuts_time_wait_short(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

static void a_record_is_small_and_leaves_nothing(void **state) {
    struct tcp_unit *u = *state;
    assert_true(sizeof(struct tw_record) <= 72);
    for (uint16_t n = 0; n < 5000; n++) wait_n(u, n);
    assert_int_equal(u->tcp.conns.live, 0);
    tu_pass(u, 61 * LA_SECOND);
    assert_int_equal(u->tcp.records.live, 0);
    assert_null(u->tcp.ports[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(a_record_lives_60_seconds_and_at_most_a_slot_more),
        TU_TEST(longer_than_a_lap_it_goes_around),
        TU_TEST(a_jump_of_the_clock_ends_all_at_once),
        TU_TEST(a_repeated_fin_begins_the_time_anew),
        TU_TEST(past_the_bound_the_one_that_ends_next_gives_way),
        TU_TEST(a_bound_of_none_keeps_none),
        TU_TEST(a_newer_syn_takes_the_tuple_where_somebody_listens),
        TU_TEST(an_rst_at_exactly_rcv_nxt_ends_it_unless_rfc1337),
        TU_TEST(an_orphan_in_fin_wait_2_becomes_time_wait_with_its_fin),
        TU_TEST(without_a_fin_fin_wait_2_ends_by_its_own_time),
        TU_TEST(connect_may_take_a_tuple_after_a_second),
        TU_TEST(a_record_is_small_and_leaves_nothing),
        cmocka_unit_test(refused_memory_cuts_time_wait_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
