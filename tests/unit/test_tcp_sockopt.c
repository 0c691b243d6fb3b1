/* tcp/sockopt.c: every option's bounds, default and effect. */
#include "tcp_unit.h"

static int set(struct tcp_conn *c, int level, int name, int value) {
    return tcp_setsockopt(c->tcp, c->event.sock, level, name, &value, sizeof value);
}

static int get(struct tcp_conn *c, int level, int name) {
    int value = -12345;
    size_t len = sizeof value;
    assert_int_equal(tcp_getsockopt(c->tcp, c->event.sock, level, name, &value, &len), 0);
    assert_int_equal(len, sizeof value);
    return value;
}

static void every_option_has_its_default_and_its_bounds(void **state) {
    struct tcp_unit *u = *state;
    static const struct {
        int level, name, first, min, max; /* What is set at either bound is read again. */
    } row[] = {
        {LA_IPPROTO_TCP, LA_TCP_MAXSEG, 536, 88, 32767},
        {LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, 7200, 1, 32767},
        {LA_IPPROTO_TCP, LA_TCP_KEEPINTVL, 75, 1, 32767},
        {LA_IPPROTO_TCP, LA_TCP_KEEPCNT, 9, 1, 127},
        {LA_IPPROTO_TCP, LA_TCP_SYNCNT, 6, 1, 127},
        {LA_IPPROTO_TCP, LA_TCP_KEEPINIT, 0, 1, 32767},
        {LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 0, 0, INT32_MAX},
        {LA_IPPROTO_IP, LA_IP_TTL, 64, 1, 255},
        {LA_IPPROTO_IPV6, LA_IPV6_UNICAST_HOPS, 64, 1, 255},
        {LA_IPPROTO_IP, LA_IP_TOS, 0, 0, 252},
        {LA_IPPROTO_IPV6, LA_IPV6_TCLASS, 0, 0, 252},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_conn *c = tu_conn(u, LA_CLOSED);
        assert_int_equal(get(c, row[i].level, row[i].name), row[i].first);
        assert_int_equal(set(c, row[i].level, row[i].name, row[i].min), 0);
        assert_int_equal(get(c, row[i].level, row[i].name), row[i].min);
        assert_int_equal(set(c, row[i].level, row[i].name, row[i].max), 0);
        assert_int_equal(get(c, row[i].level, row[i].name), row[i].max);
        if (row[i].max < 252) assert_int_equal(set(c, row[i].level, row[i].name, row[i].max + 1), -LA_EINVAL);
        if (row[i].min > 0 && row[i].level == LA_IPPROTO_TCP)
            assert_int_equal(set(c, row[i].level, row[i].name, row[i].min - 1), -LA_EINVAL);
        assert_int_equal(set(c, row[i].level, row[i].name, -2), -LA_EINVAL);
        assert_int_equal(set(c, row[i].level, row[i].name, 256 * 256), row[i].max < INT32_MAX ? -LA_EINVAL : 0);
        tcp_conn_free(c);
    }
}

static void flags_are_any_number_but_zero(void **state) {
    struct tcp_unit *u = *state;
    static const int flags[][2] = {{LA_SOL_SOCKET, LA_SO_REUSEADDR}, {LA_SOL_SOCKET, LA_SO_KEEPALIVE},
                                   {LA_IPPROTO_TCP, LA_TCP_NODELAY}, {LA_IPPROTO_TCP, LA_TCP_CORK},
                                   {LA_SOL_SOCKET, LA_SO_OOBINLINE}, {LA_IPPROTO_IPV6, LA_IPV6_V6ONLY},
                                   {LA_IPPROTO_TCP, LA_TCP_NOOPT}};
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        assert_int_equal(get(c, flags[i][0], flags[i][1]), 0);
        assert_int_equal(set(c, flags[i][0], flags[i][1], -7), 0);
        assert_int_equal(get(c, flags[i][0], flags[i][1]), 1);
        assert_int_equal(set(c, flags[i][0], flags[i][1], 0), 0);
        assert_int_equal(get(c, flags[i][0], flags[i][1]), 0);
    }
}

static void buffers_are_clamped_and_told_doubled(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    assert_int_equal(set(c, LA_SOL_SOCKET, LA_SO_SNDBUF, 10000), 0);
    assert_int_equal(c->sndbuf, 10000);
    assert_int_equal(get(c, LA_SOL_SOCKET, LA_SO_SNDBUF), 20000);
    u->tcp.params.sockbuf_doubled = false;
    assert_int_equal(get(c, LA_SOL_SOCKET, LA_SO_SNDBUF), 10000);
    set(c, LA_SOL_SOCKET, LA_SO_RCVBUF, 0);
    assert_int_equal(c->rcvbuf, 4096);
    set(c, LA_SOL_SOCKET, LA_SO_RCVBUF, INT32_MAX);
    assert_int_equal(c->rcvbuf, 6291456);
    assert_int_equal(set(c, LA_SOL_SOCKET, LA_SO_RCVBUF, -1), -LA_EINVAL);
}

static void linger_is_a_structure(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    la_sock s = c->event.sock;
    struct la_linger l = {1, 100000};
    size_t len = sizeof l;
    assert_int_equal(tcp_setsockopt(&u->tcp, s, LA_SOL_SOCKET, LA_SO_LINGER, &l, sizeof l), 0);
    assert_int_equal(tcp_getsockopt(&u->tcp, s, LA_SOL_SOCKET, LA_SO_LINGER, &l, &len), 0);
    assert_true(l.onoff == 1 && l.seconds == 65535);
    l.seconds = -1;
    assert_int_equal(tcp_setsockopt(&u->tcp, s, LA_SOL_SOCKET, LA_SO_LINGER, &l, sizeof l), -LA_EINVAL);
    assert_int_equal(tcp_setsockopt(&u->tcp, s, LA_SOL_SOCKET, LA_SO_LINGER, &l, sizeof l - 1), -LA_EINVAL);
}

static void linger2_is_bounded_and_may_be_none(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    static const int row[][2] = {{0, 60}, {5, 5}, {120, 120}, {121, 120}, {-1, -1}, {-50, -1}};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        assert_int_equal(set(c, LA_IPPROTO_TCP, LA_TCP_LINGER2, row[i][0]), 0);
        assert_int_equal(get(c, LA_IPPROTO_TCP, LA_TCP_LINGER2), row[i][1]);
    }
}

static void what_is_to_be_read_only_and_what_is_unknown(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    int one = 1;
    size_t len = 2;
    c->error = LA_ECONNRESET;
    assert_int_equal(get(c, LA_SOL_SOCKET, LA_SO_ERROR), LA_ECONNRESET);
    assert_int_equal(get(c, LA_SOL_SOCKET, LA_SO_ERROR), 0); /* Once. */
    assert_int_equal(get(c, LA_SOL_SOCKET, LA_SO_TYPE), LA_SOCK_STREAM);
    assert_int_equal(get(c, LA_SOL_SOCKET, LA_SO_ACCEPTCONN), 0);
    assert_int_equal(set(c, LA_SOL_SOCKET, LA_SO_ERROR, 1), -LA_ENOPROTOOPT);
    assert_int_equal(set(c, LA_IPPROTO_TCP, 9999, 1), -LA_ENOPROTOOPT);
    assert_int_equal(set(c, 9999, LA_TCP_NODELAY, 1), -LA_ENOPROTOOPT);
    assert_int_equal(set(c, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, 1), -LA_EINVAL); /* Bound. */
    assert_int_equal(tcp_setsockopt(&u->tcp, c->event.sock, LA_IPPROTO_TCP, LA_TCP_NODELAY, &one, 3), -LA_EINVAL);
    assert_int_equal(tcp_setsockopt(&u->tcp, c->event.sock, LA_IPPROTO_TCP, LA_TCP_NODELAY, NULL, 4), -LA_EFAULT);
    assert_int_equal(tcp_setsockopt(&u->tcp, 77, LA_IPPROTO_TCP, LA_TCP_NODELAY, &one, 4), -LA_EBADF);
    assert_int_equal(tcp_getsockopt(&u->tcp, c->event.sock, LA_SOL_SOCKET, LA_SO_TYPE, &one, &len), 0);
    assert_int_equal(len, 2); /* Cut, as on Linux. */
    assert_int_equal(get(c, LA_IPPROTO_TCP, LA_TCP_MAXSEG), 1460);
}

static void some_options_act_at_once(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    set(c, LA_IPPROTO_TCP, LA_TCP_CORK, 1);
    tu_give(c, 100);
    assert_int_equal(tu_skip(u), 0);
    set(c, LA_IPPROTO_TCP, LA_TCP_CORK, 0);
    assert_int_equal(tu_skip(u), 1);
    c->quickacks = 0;
    tcp_delack_data(c, 1);
    set(c, LA_IPPROTO_TCP, LA_TCP_QUICKACK, 1);
    assert_int_equal(tu_skip(u), 1);
    assert_int_equal(get(c, LA_IPPROTO_TCP, LA_TCP_QUICKACK), 1);
    set(c, LA_IPPROTO_TCP, LA_TCP_QUICKACK, 0);
    assert_int_equal(get(c, LA_IPPROTO_TCP, LA_TCP_QUICKACK), 0);
    tcp_delack_data(c, 1);
    assert_int_equal(tu_skip(u), 0);
    set(c, LA_IPPROTO_TCP, LA_TCP_QUICKACK, 2); /* Even: what is owed goes, and that is all. */
    assert_int_equal(tu_skip(u), 1);
    assert_int_equal(get(c, LA_IPPROTO_TCP, LA_TCP_QUICKACK), 0);
    set(c, LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 5000);
    assert_true(c->timer_at[LA_TIMER_USER] != LA_NEVER);
    set(c, LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 0);
    assert_true(c->timer_at[LA_TIMER_USER] == LA_NEVER);
    c->heard_at = tcp_clock_ms(&u->tcp);
    set(c, LA_SOL_SOCKET, LA_SO_KEEPALIVE, 1);
    set(c, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, 30);
    assert_true(c->timer_at[LA_TIMER_KEEPALIVE] == u->env.now + 30 * LA_SECOND);
    set(c, LA_IPPROTO_IP, LA_IP_TOS, 0xff);
    assert_int_equal(c->tos, 0xfc); /* ECN is the stack's. */
}

static void amounts_of_32_bits(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    assert_int_equal(get(c, LA_IPPROTO_TCP, LA_TCP_NOTSENT_LOWAT), 0);
    assert_int_equal(set(c, LA_IPPROTO_TCP, LA_TCP_NOTSENT_LOWAT, -1), 0);
    assert_int_equal(get(c, LA_IPPROTO_TCP, LA_TCP_NOTSENT_LOWAT), -1);
    assert_true(c->notsent_lowat == UINT32_MAX);
    assert_int_equal(get(c, LA_SOL_SOCKET, LA_SO_RCVLOWAT), 1);
    set(c, LA_SOL_SOCKET, LA_SO_RCVLOWAT, 0);
    assert_int_equal(get(c, LA_SOL_SOCKET, LA_SO_RCVLOWAT), 1);
    set(c, LA_SOL_SOCKET, LA_SO_RCVLOWAT, -1);
    assert_int_equal(get(c, LA_SOL_SOCKET, LA_SO_RCVLOWAT), 6291456 / 2);
    assert_int_equal(c->rcvbuf, 6291456); /* The window must be able to reach it. */
    assert_int_equal(get(c, LA_SOL_SOCKET, LA_SO_SNDLOWAT), 1);
    assert_int_equal(set(c, LA_SOL_SOCKET, LA_SO_SNDLOWAT, 1), -LA_ENOPROTOOPT);
    assert_int_equal(get(c, LA_IPPROTO_TCP, LA_TCP_WINDOW_CLAMP), c->rcvbuf);
    assert_int_equal(set(c, LA_IPPROTO_TCP, LA_TCP_WINDOW_CLAMP, 0), -LA_EINVAL); /* Only before the handshake. */
    set(c, LA_IPPROTO_TCP, LA_TCP_WINDOW_CLAMP, 1);
    assert_int_equal(get(c, LA_IPPROTO_TCP, LA_TCP_WINDOW_CLAMP), 1152);
}

static void defer_accept_counts_in_timeouts(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    static const int row[][2] = {{0, 0}, {1, 1}, {2, 3}, {3, 3}, {4, 7}, {-5, 0}};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        assert_int_equal(set(c, LA_IPPROTO_TCP, LA_TCP_DEFER_ACCEPT, row[i][0]), 0);
        assert_int_equal(get(c, LA_IPPROTO_TCP, LA_TCP_DEFER_ACCEPT), row[i][1]);
    }
    set(c, LA_IPPROTO_TCP, LA_TCP_DEFER_ACCEPT, INT32_MAX);
    assert_true(get(c, LA_IPPROTO_TCP, LA_TCP_DEFER_ACCEPT) > 0 && c->defer_retries <= 30);
}

static void the_pacing_rate_has_two_widths(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    la_sock s = c->event.sock;
    uint64_t wide = 0;
    uint32_t narrow = 0;
    size_t len = sizeof wide;
    assert_int_equal(tcp_getsockopt(&u->tcp, s, LA_SOL_SOCKET, LA_SO_MAX_PACING_RATE, &wide, &len), 0);
    assert_true(wide == UINT64_MAX && len == sizeof wide);
    wide = UINT64_C(5) << 32;
    assert_int_equal(tcp_setsockopt(&u->tcp, s, LA_SOL_SOCKET, LA_SO_MAX_PACING_RATE, &wide, sizeof wide), 0);
    assert_true(c->max_pacing_rate == wide);
    len = sizeof narrow;
    assert_int_equal(tcp_getsockopt(&u->tcp, s, LA_SOL_SOCKET, LA_SO_MAX_PACING_RATE, &narrow, &len), 0);
    assert_true(narrow == UINT32_MAX && len == sizeof narrow);
    narrow = 1000000;
    assert_int_equal(tcp_setsockopt(&u->tcp, s, LA_SOL_SOCKET, LA_SO_MAX_PACING_RATE, &narrow, sizeof narrow), 0);
    assert_true(c->max_pacing_rate == 1000000);
    assert_int_equal(tcp_setsockopt(&u->tcp, s, LA_SOL_SOCKET, LA_SO_MAX_PACING_RATE, &narrow, 3), -LA_EINVAL);
}

static void congestion_control_is_a_name(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSED);
    la_sock s = c->event.sock;
    char name[16] = "x";
    size_t len = sizeof name;
    assert_int_equal(tcp_setsockopt(&u->tcp, s, LA_IPPROTO_TCP, LA_TCP_CONGESTION, "reno", 4), 0);
    assert_int_equal(tcp_getsockopt(&u->tcp, s, LA_IPPROTO_TCP, LA_TCP_CONGESTION, name, &len), 0);
    assert_string_equal(name, "reno");
    assert_int_equal(len, 16);
    assert_int_equal(tcp_setsockopt(&u->tcp, s, LA_IPPROTO_TCP, LA_TCP_CONGESTION, "ren", 3), -LA_ENOENT);
    assert_int_equal(tcp_setsockopt(&u->tcp, s, LA_IPPROTO_TCP, LA_TCP_CONGESTION, "", 0), -LA_EINVAL);
}

static void info_is_cut_to_the_buffer(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct la_tcp_info info;
    size_t len = 1000;
    assert_int_equal(tcp_getsockopt(&u->tcp, c->event.sock, LA_IPPROTO_TCP, LA_TCP_INFO, &info, &len), 0);
    assert_int_equal(len, sizeof info);
    assert_int_equal(info.tcpi_state, LA_TCPI_ESTABLISHED);
    uint8_t beginning[2] = {0, 99};
    len = 1;
    assert_int_equal(tcp_getsockopt(&u->tcp, c->event.sock, LA_IPPROTO_TCP, LA_TCP_INFO, beginning, &len), 0);
    assert_true(len == 1 && beginning[0] == LA_TCPI_ESTABLISHED && beginning[1] == 99);
    assert_int_equal(set(c, LA_IPPROTO_TCP, LA_TCP_INFO, 1), -LA_ENOPROTOOPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(every_option_has_its_default_and_its_bounds),
        TU_TEST(flags_are_any_number_but_zero),
        TU_TEST(buffers_are_clamped_and_told_doubled),
        TU_TEST(linger_is_a_structure),
        TU_TEST(linger2_is_bounded_and_may_be_none),
        TU_TEST(what_is_to_be_read_only_and_what_is_unknown),
        TU_TEST(some_options_act_at_once),
        TU_TEST(amounts_of_32_bits),
        TU_TEST(defer_accept_counts_in_timeouts),
        TU_TEST(the_pacing_rate_has_two_widths),
        TU_TEST(congestion_control_is_a_name),
        TU_TEST(info_is_cut_to_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
