/* tcp/demux.c: which connection or listener a segment belongs to, and what is nobody's (RFC 9293, 3.10.7.1). */
#include "tcp_unit.h"

static struct la_addr addr(const char *text) {
    struct la_addr a;
    assert_true(la_addr_parse(text, &a));
    return a;
}

static void connections_are_found_by_all_four_parts(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c[50];
    for (uint16_t i = 0; i < 50; i++) c[i] = tu_try(u, LA_ESTABLISHED, i);
    for (uint16_t i = 0; i < 50; i++) {
        struct tcp_key key = tu_key(TU_PORT, (uint16_t)(TU_PEER_PORT + i));
        assert_ptr_equal(tcp_lookup(&u->tcp, &key), c[i]);
        key.peer = addr("10.0.0.3");
        assert_null(tcp_lookup(&u->tcp, &key));
    }
    struct tcp_key key = tu_key(TU_PORT, TU_PEER_PORT + 50);
    assert_null(tcp_lookup(&u->tcp, &key));
    key = tu_key(TU_PORT + 1, TU_PEER_PORT);
    assert_null(tcp_lookup(&u->tcp, &key));
}

static void the_listener_that_fits_best_gets_it(void **state) {
    struct tcp_unit *u = *state;
    static const char *const local[] = {"::", "0.0.0.0", "10.0.0.1"};
    struct tcp_key key = tu_key(80, 4000), other = key, six = key;
    struct tcp_conn *l[3];
    other.local = addr("10.0.0.9");
    six.local = addr("fd00::1");
    for (int i = 0; i < 3; i++) { /* Reuse lets all three bind; they listen one by one. */
        l[i] = tu_conn(u, LA_CLOSED);
        l[i]->is.reuseaddr = 1;
        struct la_endpoint at = {.addr = addr(local[i]), .port = 80};
        assert_int_equal(tcp_port_bind(l[i], &at), 0);
    }
    assert_null(tcp_find_listener(&u->tcp, &key, 0)); /* Bound is not listening. */
    l[0]->state = LA_LISTEN;
    assert_ptr_equal(tcp_find_listener(&u->tcp, &key, 0), l[0]);
    assert_ptr_equal(tcp_find_listener(&u->tcp, &six, 0), l[0]);
    l[0]->is.v6only = 1;
    assert_null(tcp_find_listener(&u->tcp, &key, 0));
    l[0]->is.v6only = 0;
    l[1]->state = LA_LISTEN;
    assert_ptr_equal(tcp_find_listener(&u->tcp, &key, 0), l[1]);
    assert_ptr_equal(tcp_find_listener(&u->tcp, &six, 0), l[0]);
    l[2]->state = LA_LISTEN;
    assert_ptr_equal(tcp_find_listener(&u->tcp, &key, 0), l[2]);
    assert_ptr_equal(tcp_find_listener(&u->tcp, &other, 0), l[1]);
    key.local_port = 81;
    assert_null(tcp_find_listener(&u->tcp, &key, 0));
    for (int i = 0; i < 3; i++) l[i]->state = LA_CLOSED;
}

/* A header of 20 bytes for TU_PORT, as tcp_input gets it. */
static void deliver(struct tcp_unit *u, uint16_t flags, uint16_t sport, bool multicast, size_t len) {
    uint8_t bytes[20] = {0};
    put16(bytes, sport);
    put16(bytes + 2, TU_PORT);
    put32(bytes + 4, 7);
    put32(bytes + 8, 99);
    put16(bytes + 12, (uint16_t)(0x5000 | flags));
    struct tcp_key key = tu_key(TU_PORT, sport);
    struct ip_datagram d = {.src = key.peer, .dst = key.local, .proto = PROTO_TCP, .csum_done = true};
    d.multicast = multicast;
    d.data = d.packet = (struct la_span){bytes, len};
    tcp_input(&u->tcp, &d);
}

static void what_is_nobodys_is_answered_with_rst_but_never_an_rst(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_seg s;
    deliver(u, TCP_RST, 5, false, 20);
    tu_dropped(u, LA_D_TCP_NO_CONN_RST);
    assert_false(tu_out(u, &s));
    deliver(u, TCP_ACK, 5, false, 20);
    tu_dropped(u, LA_D_TCP_NO_CONN);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.flags, TCP_RST);
    assert_int_equal(s.seq.n, 99); /* <SEQ=SEG.ACK><CTL=RST> */
    deliver(u, TCP_SYN, 5, false, 20);
    tu_dropped(u, LA_D_TCP_NO_CONN);
    assert_true(tu_out(u, &s));
    assert_int_equal(s.flags, TCP_RST | TCP_ACK);
    assert_int_equal(s.seq.n, 0);
    assert_int_equal(s.ack.n, 8); /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
}

static void what_cannot_be_a_segment_is_dropped_by_name(void **state) {
    struct tcp_unit *u = *state;
    deliver(u, TCP_ACK, 5, true, 20);
    tu_dropped(u, LA_D_TCP_MULTICAST);
    deliver(u, TCP_ACK, 5, false, 19);
    tu_dropped(u, LA_D_TCP_BAD);
    assert_int_equal(tu_skip(u), 0);
}

static struct ip_error error_about(uint32_t number, int error, const uint8_t **bytes) {
    static uint8_t quoted[8];
    struct tcp_key key = tu_key(TU_PORT, TU_PEER_PORT);
    put16(quoted, key.local_port);
    put16(quoted + 2, key.peer_port);
    put32(quoted + 4, number);
    *bytes = quoted;
    return (struct ip_error){
        .src = key.local, .dst = key.peer, .proto = PROTO_TCP, .error = error, .quoted = {quoted, 8}};
}

/* RFC 5927, 4: an error counts only when it quotes what is in flight; RFC 5461: then it ends only what is opening. */
static void an_icmp_error_counts_when_it_quotes_what_is_in_flight(void **state) {
    struct tcp_unit *u = *state;
    const uint8_t *bytes;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_flight(c, 100);
    struct ip_error e = error_about(1000, LA_EHOSTUNREACH, &bytes);
    tcp_error(&u->tcp, &e); /* One before SND.UNA. */
    tu_dropped(u, LA_D_ICMP_STRAY);
    e = error_about(1101, LA_EHOSTUNREACH, &bytes);
    tcp_error(&u->tcp, &e); /* SND.NXT. */
    tu_dropped(u, LA_D_ICMP_STRAY);
    assert_int_equal(c->soft_error, 0);
    e = error_about(1001, LA_ECONNREFUSED, &bytes);
    e.hard = true;
    tcp_error(&u->tcp, &e);
    assert_int_equal(c->soft_error, LA_ECONNREFUSED);
    assert_int_equal(c->state, LA_ESTABLISHED);
    e.quoted.len = 7;
    tcp_error(&u->tcp, &e);
    tu_dropped(u, LA_D_ICMP_BAD);
}

static void a_hard_error_ends_an_attempt(void **state) {
    struct tcp_unit *u = *state;
    const uint8_t *bytes;
    struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
    c->snd_nxt = c->snd_max = c->snd_end;
    tcp_timer_rexmit(c);
    u->tcp.params.icmp_opening = ICMP_OPENING_HARD;
    struct ip_error e = error_about(1000, LA_ECONNREFUSED, &bytes);
    tcp_error(&u->tcp, &e);
    assert_int_equal(c->state, LA_SYN_SENT);
    e.hard = true;
    tcp_error(&u->tcp, &e);
    assert_int_equal(c->state, LA_CLOSED);
    assert_int_equal(c->error, LA_ECONNREFUSED);
}

/* What each system takes for the end of an attempt: an ICMP type and code, and the errno of each rule. */
static void systems_differ_in_what_ends_an_attempt(void **state) {
    static const struct {
        uint8_t type, code;
        int means, any, bsd;
    } rows[] = {
        {3, 0, LA_ENETUNREACH, LA_ENETUNREACH, 0},
        {3, 1, LA_EHOSTUNREACH, LA_EHOSTUNREACH, 0},
        {3, 2, LA_ENOPROTOOPT, LA_ENOPROTOOPT, LA_ECONNREFUSED},
        {3, 3, LA_ECONNREFUSED, LA_ECONNREFUSED, LA_ECONNREFUSED},
        {3, 13, LA_EHOSTUNREACH, LA_EHOSTUNREACH, LA_ECONNREFUSED},
        {11, 0, LA_EHOSTUNREACH, LA_EHOSTUNREACH, LA_EHOSTUNREACH},
        {11, 1, LA_EHOSTUNREACH, LA_EHOSTUNREACH, 0},
        {12, 0, LA_EPROTO, LA_EPROTO, 0},
    };
    struct tcp_unit *u = *state;
    for (unsigned i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        const uint8_t *bytes;
        bool bsd = i % 2;
        struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
        c->snd_nxt = c->snd_max = c->snd_end;
        u->tcp.params.icmp_opening = bsd ? ICMP_OPENING_BSD : ICMP_OPENING_ANY;
        struct ip_error e = error_about(1000, rows[i / 2].means, &bytes);
        e.icmp_type = rows[i / 2].type;
        e.icmp_code = rows[i / 2].code;
        int expected = bsd ? rows[i / 2].bsd : rows[i / 2].any;
        tcp_error(&u->tcp, &e);
        assert_int_equal(c->state, expected ? LA_CLOSED : LA_SYN_SENT);
        assert_int_equal(c->error, expected);
        if (c->state != LA_CLOSED) tcp_end(c, 0, LA_CAUSE_NONE, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(connections_are_found_by_all_four_parts),
        TU_TEST(the_listener_that_fits_best_gets_it),
        TU_TEST(what_is_nobodys_is_answered_with_rst_but_never_an_rst),
        TU_TEST(what_cannot_be_a_segment_is_dropped_by_name),
        TU_TEST(an_icmp_error_counts_when_it_quotes_what_is_in_flight),
        TU_TEST(a_hard_error_ends_an_attempt),
        TU_TEST(systems_differ_in_what_ends_an_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
