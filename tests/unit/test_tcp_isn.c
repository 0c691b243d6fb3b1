/* tcp/isn.c: RFC 6528 and RFC 7323, 5.4: numbers that follow a clock for one tuple and say nothing about another. */
#include "tcp_unit.h"

static const struct iss_floor none = {.set = false};

static void the_isn_of_a_tuple_follows_a_clock_of_four_microseconds(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_key key = tu_key(80, 4000);
    seq first = tcp_isn(&u->tcp, &key, &none);
    u->env.now += 3999;
    assert_true(seq_eq(tcp_isn(&u->tcp, &key, &none), first));
    u->env.now += 1;
    assert_true(seq_eq(tcp_isn(&u->tcp, &key, &none), seq_add(first, 1)));
    u->env.now += LA_SECOND;
    assert_true(seq_eq(tcp_isn(&u->tcp, &key, &none), seq_add(first, 250001)));
    u->env.now += ((la_time)1 << 32) * 4 * LA_US; /* 4.77 hours: once around. */
    assert_true(seq_eq(tcp_isn(&u->tcp, &key, &none), seq_add(first, 250001)));
}

static void other_tuples_and_other_secrets_have_other_isns(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_key key[] = {tu_key(80, 4000), tu_key(80, 4001), tu_key(81, 4000), tu_key(4000, 80), tu_key(80, 4000)};
    key[4].peer = la_addr4(10, 0, 0, 3);
    for (size_t i = 0; i < COUNT_OF(key); i++)
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(tcp_isn(&u->tcp, &key[i], &none).n, tcp_isn(&u->tcp, &key[k], &none).n);
    seq mine = tcp_isn(&u->tcp, &key[0], &none);
    u->env.key.k0 ^= 1;
    assert_int_not_equal(tcp_isn(&u->tcp, &key[0], &none).n, mine.n);
}

static void a_floor_is_passed_and_otherwise_does_not_matter(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_key key = tu_key(80, 4000);
    seq isn = tcp_isn(&u->tcp, &key, &none);
    struct iss_floor above = {true, seq_add(isn, 1000)}, below = {true, seq_sub(isn, 1000)}, at = {true, isn};
    assert_true(seq_eq(tcp_isn(&u->tcp, &key, &above), seq_add(isn, 1001)));
    assert_true(seq_eq(tcp_isn(&u->tcp, &key, &below), isn));
    assert_true(seq_eq(tcp_isn(&u->tcp, &key, &at), seq_add(isn, 1)));
}

/* One leaked value must not give away another: each purpose has its own hash. */
static void every_purpose_has_its_own_number(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_key key = tu_key(80, 4000);
    u->env.now = 0; /* The ISN's clock stands at 0. */
    uint32_t isn = tcp_isn(&u->tcp, &key, &none).n, ts = tcp_ts_offset(&u->tcp, &key);
    uint32_t table = (uint32_t)tcp_key_hash(&u->tcp, &key), port = (uint32_t)tcp_port_hash(&u->tcp, &key);
    assert_true(isn != ts && isn != table && isn != port && ts != table && ts != port && table != port);
    u->env.now += LA_SECOND;
    assert_int_equal(tcp_ts_offset(&u->tcp, &key), ts);
}

static void the_port_offset_is_the_destinations(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_key a = tu_key(0, 4000), b = tu_key(1234, 4000), c = tu_key(0, 4001);
    assert_true(tcp_port_hash(&u->tcp, &a) == tcp_port_hash(&u->tcp, &b));
    assert_true(tcp_port_hash(&u->tcp, &a) != tcp_port_hash(&u->tcp, &c));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_isn_of_a_tuple_follows_a_clock_of_four_microseconds),
        TU_TEST(other_tuples_and_other_secrets_have_other_isns),
        TU_TEST(a_floor_is_passed_and_otherwise_does_not_matter),
        TU_TEST(every_purpose_has_its_own_number),
        TU_TEST(the_port_offset_is_the_destinations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
