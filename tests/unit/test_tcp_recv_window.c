/* tcp/recv_window.c: the window that is told (RFC 9293, 3.8.6.2.2; RFC 7323, 2), and the buffer behind it. */
#include "tcp_unit.h"

static void put(struct tcp_conn *c, uint32_t at, uint32_t len) {
    struct tcp_in in = tu_in(c, TU_RCV(at), TCP_ACK, len);
    assert_int_equal(tcp_recv_data(c, &in), GO_ON);
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
    put(c, 1, 100);
    assert_int_equal(tcp_recv_advertise(c), 1024); /* 130972 is 1023 and a piece. */
    assert_true(seq_geq(c->rcv_adv, edge));
    assert_in_range(seq_len(edge, c->rcv_adv), 0, 128);
}

static void reading_opens_the_window_when_it_is_worth_telling(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->rcvbuf = 8000;
    c->is.rcvbuf_set = 1;
    c->rcv_adv = seq_add(c->rcv_nxt, 8000);
    put(c, 1, 8000);
    c->marks = 0;
    tcp_recv_consume(c, 1000);
    assert_int_equal(c->marks, 0); /* 1000 is less than a segment. */
    tcp_recv_consume(c, 500);
    assert_int_equal(c->marks, MARK_ACK);
    list_remove(&c->out);
    c->marks = 0;
}

/* --- The buffer's growth --- */

struct path {
    struct tcp_unit *u;
    struct tcp_conn *c;
    uint32_t at;  /* Sent so far. */
    bool limited; /* A window once held the sender up. */
};

static struct path path_of(struct tcp_unit *u, uint32_t max) {
    u->tcp.params.rcvbuf_max = max;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->rcv_wscale = 14;
    c->srtt_us = 300000;
    return (struct path){u, c, 1, false};
}

/* One round trip: `flight` bytes come evenly, are read at once, and each ACK tells the window for what goes next: the
 * double by the end of the round trip, if there is room. */
static void round_trip(struct path *p, uint32_t flight, uint32_t ecr) {
    static uint8_t sink[65536];
    struct tcp_conn *c = p->c;
    uint32_t done = 0, n = flight < 50 * 1460 ? 1460 : flight / 50;
    while (done < flight) {
        uint32_t room = seq_len(c->rcv_nxt, c->rcv_adv), len = n < flight - done ? n : flight - done;
        if (len > 60000) len = 60000;
        if (2 * done > room + flight - done) p->limited = true; /* Acknowledged: `done`; so in flight, the double. */
        if (len > room) return;
        struct tcp_in in = tu_in(c, TU_RCV(p->at), TCP_ACK, len);
        in.seg.opt.has_ts = c->is.ts_on;
        in.seg.opt.ts_ecr = ecr;
        tcp_recv_data(c, &in);
        assert_int_equal(tcp_recv(&p->u->tcp, c->event.sock, sink, sizeof sink, 0), len);
        tcp_recv_advertise(c);
        p->at += len;
        done += len;
        p->u->env.now += 300 * LA_MS / (flight / len + 1);
    }
}

/* 300 ms and 1 Gb/s: 37.5 MB in flight, and slow start gets there without waiting for the window. */
static void the_buffer_keeps_ahead_of_slow_start(void **state) {
    struct path p = path_of(*state, 96u << 20);
    p.c->is.ts_on = 1;
    for (uint32_t flight = 14600; flight < 38u << 20; flight *= 2) {
        uint32_t stamp = tcp_clock_ms(&p.u->tcp) + p.c->ts_offset;
        p.u->env.now += 300 * LA_MS;
        p.u->env.now -= 290 * LA_MS; /* The next flight follows while the last one's ACKs are under way. */
        round_trip(&p, flight, stamp - 290);
    }
    assert_false(p.limited);
    assert_in_range(p.c->rcvbuf, 2 * (30u << 20), 96u << 20);
    assert_in_range(p.c->tune.rtt_us, 250000, 350000);
    assert_true(seq_leq(p.c->rcv_read, p.c->rcv_nxt));
}

static void the_buffer_keeps_its_bounds(void **state) {
    struct path p = path_of(*state, 1u << 20);
    p.c->is.ts_on = 1;
    for (uint32_t flight = 14600; flight < 4u << 20; flight *= 2) round_trip(&p, flight, 7);
    assert_int_equal(p.c->rcvbuf, 1u << 20);
    for (unsigned i = 0; i < 5; i++) {
        p.u->env.now += 300 * LA_MS;
        round_trip(&p, 100, 7);
    }
    assert_int_equal(p.c->rcvbuf, 1u << 20); /* It does not shrink. */
}

static void a_buffer_that_was_set_or_is_not_read_stays(void **state) {
    struct path p = path_of(*state, 8u << 20);
    p.c->is.rcvbuf_set = 1;
    for (uint32_t flight = 14600; flight < 1u << 20; flight *= 2) round_trip(&p, flight, 7);
    assert_int_equal(p.c->rcvbuf, 131072);
    p.c->is.rcvbuf_set = 0;
    p.u->tcp.params.rcvbuf_autotune = false;
    round_trip(&p, 100000, 7);
    assert_int_equal(p.c->rcvbuf, 131072);
}

static void no_buffer_grows_under_pressure(void **state) {
    struct path p = path_of(*state, 8u << 20);
    p.u->env.max = (size_t)64 << 20;
    p.u->tcp.slabs.out += (uint32_t)(p.u->env.max / BUFFER_SLAB);
    for (uint32_t flight = 14600; flight < 200000; flight *= 2) round_trip(&p, flight, 7);
    assert_int_equal(p.c->rcvbuf, 131072);
    p.u->tcp.slabs.out -= (uint32_t)(p.u->env.max / BUFFER_SLAB);
}

/* Without timestamps a round trip is the time from offering an edge to reaching it. */
static void an_edge_reached_measures_a_round_trip(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->rcv_adv = seq_add(c->rcv_nxt, 3000);
    put(c, 1, 1000);
    assert_int_equal(c->tune.rtt_us, 0);
    u->env.now += 80 * LA_MS;
    put(c, 1001, 1000);
    assert_int_equal(c->tune.rtt_us, 0);
    put(c, 2001, 1000);
    assert_int_equal(c->tune.rtt_us, 80000);
}

static void an_echo_measures_a_round_trip_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    uint32_t now = tcp_clock_ms(&u->tcp) + c->ts_offset;
    c->is.ts_on = 1;
    struct tcp_seg s = {.opt = {.has_ts = true, .ts_ecr = now - 50}, .data = {NULL, 100}};
    tcp_recv_measure(c, &s);
    assert_int_equal(c->tune.rtt_us, 0); /* Too small to say anything. */
    s.data.len = 1448;
    tcp_recv_measure(c, &s);
    assert_int_equal(c->tune.rtt_us, 50000);
    u->env.now += 40 * LA_MS;
    tcp_recv_measure(c, &s);
    assert_int_equal(c->tune.rtt_us, 50000); /* The same echo again. */
    s.opt.ts_ecr = now - 50 + 80;
    tcp_recv_measure(c, &s);
    assert_int_equal(c->tune.rtt_us, 10000); /* Shorter: at once. */
    u->env.now += 100 * LA_MS;
    s.opt.ts_ecr = now - 50 + 140;
    tcp_recv_measure(c, &s);
    assert_int_equal(c->tune.rtt_us, 10000 + 40000 / 8);
    u->env.now += 1000 * LA_SECOND;
    s.opt.ts_ecr++;
    tcp_recv_measure(c, &s);
    assert_int_equal(c->tune.rtt_us, 15000); /* A program that slept is no path. */
}

/* Two ends whose windows are closed: every probe is answered once, and no answer by another. */
static void closed_windows_do_not_answer_each_other(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_seg s;
    c->rcvbuf = 4096;
    c->is.rcvbuf_set = 1;
    c->rcv_adv = seq_add(c->rcv_nxt, 4096);
    put(c, 1, 4096);
    tu_give(c, 100);
    c->snd_wnd = 0;
    while (tu_out(u, &s)) assert_int_equal(s.wnd, 0);
    for (unsigned i = 0; i < 10; i++) { /* The peer's answer: no data, no window. */
        struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
        in.seg.wnd = 0;
        tcp_segment(c, &in);
        assert_int_equal(tu_skip(u), 0);
    }
    struct tcp_in probe = tu_in(c, c->rcv_nxt, TCP_ACK, 1);
    probe.seg.wnd = 0;
    tcp_segment(c, &probe);
    assert_true(tu_out(u, &s));
    assert_true(s.wnd == 0 && s.data.len == 0 && seq_eq(s.ack, TU_RCV(4097)));
    assert_int_equal(tu_skip(u), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_shift_lets_the_largest_buffer_be_told),
        TU_TEST(the_first_window_is_not_scaled),
        TU_TEST(the_edge_moves_by_a_segment_at_least_and_never_back),
        TU_TEST(scaling_rounds_up_what_was_promised),
        TU_TEST(reading_opens_the_window_when_it_is_worth_telling),
        TU_TEST(the_buffer_keeps_ahead_of_slow_start),
        TU_TEST(the_buffer_keeps_its_bounds),
        TU_TEST(a_buffer_that_was_set_or_is_not_read_stays),
        TU_TEST(no_buffer_grows_under_pressure),
        TU_TEST(an_edge_reached_measures_a_round_trip),
        TU_TEST(an_echo_measures_a_round_trip_once),
        TU_TEST(closed_windows_do_not_answer_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
