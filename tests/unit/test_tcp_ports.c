/* tcp/ports.c: who may have which port (C18), and which port a connection gets (RFC 6056). */
#include "tcp_unit.h"

static struct tcp_conn *sock(struct tcp_unit *u, bool v6, bool reuse) {
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    c->is.v6 = v6;
    c->is.reuseaddr = reuse;
    return c;
}

static int bind_to(struct tcp_conn *c, const char *addr, uint16_t port) {
    struct la_endpoint local = {.port = port};
    assert_true(la_addr_parse(addr, &local.addr));
    return tcp_port_bind(c, &local);
}

static void two_sockets_share_a_port_when_no_segment_fits_both(void **state) {
    struct tcp_unit *u = *state;
    static const struct {
        const char *a, *b;
        bool only_a, only_b, conflict;
    } row[] = {
        {"10.0.0.1", "10.0.0.1", 0, 0, 1}, {"10.0.0.1", "10.0.0.2", 0, 0, 0}, {"0.0.0.0", "10.0.0.1", 0, 0, 1},
        {"10.0.0.1", "0.0.0.0", 0, 0, 1},  {"0.0.0.0", "0.0.0.0", 0, 0, 1},   {"::", "0.0.0.0", 0, 0, 1},
        {"::", "0.0.0.0", 1, 0, 0},        {"0.0.0.0", "::", 0, 0, 1},        {"0.0.0.0", "::", 0, 1, 0},
        {"::", "10.0.0.1", 0, 0, 1},       {"::", "10.0.0.1", 1, 0, 0},       {"fd00::1", "::", 0, 1, 1},
        {"fd00::1", "10.0.0.1", 0, 0, 0},  {"fd00::1", "fd00::2", 0, 0, 0},   {"0.0.0.0", "fd00::1", 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_conn *a = sock(u, false, false), *b = sock(u, false, false);
        a->is.v6only = row[i].only_a;
        b->is.v6only = row[i].only_b;
        assert_int_equal(bind_to(a, row[i].a, 80), 0);
        assert_int_equal(bind_to(b, row[i].b, 80), row[i].conflict ? -LA_EADDRINUSE : 0);
        tcp_conn_free(a);
        tcp_conn_free(b);
    }
    assert_null(u->tcp.ports[0]);
}

static void reuseaddr_shares_when_both_have_it_and_nobody_listens(void **state) {
    struct tcp_unit *u = *state;
    for (unsigned i = 0; i < 4; i++) {
        struct tcp_conn *a = sock(u, false, i & 1), *b = sock(u, false, i & 2);
        assert_int_equal(bind_to(a, "10.0.0.1", 80), 0);
        assert_int_equal(bind_to(b, "10.0.0.1", 80), i == 3 ? 0 : -LA_EADDRINUSE);
        if (i == 3) {
            assert_int_equal(tcp_listen_open(a, 1), 0);
            struct tcp_conn *late = sock(u, false, true);
            assert_int_equal(bind_to(late, "10.0.0.1", 80), -LA_EADDRINUSE);
            assert_int_equal(tcp_port_listen_check(b), -LA_EADDRINUSE);
            tcp_conn_free(late);
            tcp_listen_close(a);
        }
        tcp_conn_free(a);
        tcp_conn_free(b);
    }
}

/* A live connection of the port asks for SO_REUSEADDR on both sides; a TIME_WAIT record on the new one's alone. */
static void connections_and_records_hold_their_port(void **state) {
    struct tcp_unit *u = *state;
    for (int strict = 0; strict < 2; strict++) {
        struct tcp_conn *holder = sock(u, false, false), *plain = sock(u, false, false), *reuse = sock(u, false, true);
        assert_int_equal(bind_to(holder, "10.0.0.2", 80), 0); /* Its page is there. */
        tcp_port_count(&u->tcp, 80, strict, 1);
        assert_int_equal(bind_to(plain, "10.0.0.1", 80), -LA_EADDRINUSE);
        assert_int_equal(bind_to(reuse, "10.0.0.1", 80), strict ? -LA_EADDRINUSE : 0);
        tcp_conn_free(holder);
        tcp_conn_free(plain);
        tcp_conn_free(reuse);
        tcp_port_count(&u->tcp, 80, strict, -1);
        assert_null(u->tcp.ports[0]);
    }
}

static void bind_to_port_zero_finds_free_ports_until_there_is_none(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c[11];
    uint32_t seen = 0;
    u->tcp.params.port_first = 40000;
    u->tcp.params.port_last = 40009;
    for (unsigned i = 0; i < 11; i++) {
        c[i] = sock(u, false, false);
        assert_int_equal(bind_to(c[i], "10.0.0.1", 0), i < 10 ? 0 : -LA_EADDRINUSE);
        if (i < 10) seen |= 1u << (c[i]->key.local_port - 40000);
    }
    assert_int_equal(seen, 0x3ff);
    for (unsigned i = 0; i < 11; i++) tcp_conn_free(c[i]);
}

static struct tcp_conn *opened(struct tcp_unit *u, uint16_t peer_port, int want) {
    struct iss_floor floor;
    struct tcp_conn *c = sock(u, false, false);
    c->key = tu_key(0, peer_port);
    assert_int_equal(tcp_port_connect(c, &floor), want);
    if (want == 0) assert_true(tcp_hash(c));
    return c;
}

/* RFC 6056, 3.3.4: for one destination ports come one after the other; the beginning is the destination's secret. */
static void ports_for_a_destination_go_up_from_a_place_of_its_own(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *a = opened(u, 1000, 0), *b = opened(u, 1000, 0), *other = opened(u, 1001, 0);
    uint16_t first = u->tcp.params.port_first, last = u->tcp.params.port_last, at = a->key.local_port;
    assert_in_range(at, first, last);
    assert_int_equal(b->key.local_port, at == last ? first : at + 1);
    assert_true(other->key.local_port < at || other->key.local_port > at + 2);
    tcp_conn_free(a);
    tcp_conn_free(b);
    tcp_conn_free(other);
}

static void one_port_serves_many_destinations_but_not_what_an_owner_bound(void **state) {
    struct tcp_unit *u = *state;
    u->tcp.params.port_first = u->tcp.params.port_last = 40000;
    struct tcp_conn *a = opened(u, 1000, 0), *b = opened(u, 1001, 0), *again = opened(u, 1000, -LA_EADDRNOTAVAIL);
    tcp_conn_free(a);
    tcp_conn_free(b);
    struct tcp_conn *bound = sock(u, false, false);
    assert_int_equal(bind_to(bound, "10.0.0.1", 40000), 0);
    struct tcp_conn *c = opened(u, 1002, -LA_EADDRNOTAVAIL);
    tcp_conn_free(bound);
    tcp_conn_free(c);
    tcp_conn_free(again);
}

static void every_free_port_is_found_wherever_the_search_begins(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c[10];
    struct tcp_key key = tu_key(0, 1000);
    uint64_t hash = tcp_port_hash(&u->tcp, &key);
    u->tcp.params.port_first = 40000;
    u->tcp.params.port_last = 40009;
    for (unsigned i = 0; i < 10; i++) {
        u->tcp.port_step[hash >> 32 & (TCP_PORT_STEPS - 1)] = 0u - (uint32_t)hash - 5; /* Near the end of 32 bits. */
        c[i] = opened(u, 1000, 0);
    }
    for (unsigned i = 0; i < 10; i++) tcp_conn_free(c[i]);
}

static bool scenario(struct oom *oom) {
    struct tcp_unit u;
    bool ok = tu_open(&u, oom);
    for (uint16_t i = 0; ok && i < 3; i++) {
        struct tcp_conn *c = tcp_conn_new(&u.tcp);
        struct la_endpoint local = {.addr = la_addr4(10, 0, 0, 1), .port = (uint16_t)(1000 * (i + 1))};
        int error = c ? tcp_port_bind(c, &local) : -LA_ENOMEM;
        if (error) assert_int_equal(error, -LA_ENOMEM);
        ok = !error;
    }
    tu_close(&u);
    return ok;
}

static void refused_memory_binds_nothing(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(two_sockets_share_a_port_when_no_segment_fits_both),
        TU_TEST(reuseaddr_shares_when_both_have_it_and_nobody_listens),
        TU_TEST(connections_and_records_hold_their_port),
        TU_TEST(bind_to_port_zero_finds_free_ports_until_there_is_none),
        TU_TEST(ports_for_a_destination_go_up_from_a_place_of_its_own),
        TU_TEST(one_port_serves_many_destinations_but_not_what_an_owner_bound),
        TU_TEST(every_free_port_is_found_wherever_the_search_begins),
        cmocka_unit_test(refused_memory_binds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
