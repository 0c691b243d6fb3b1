/* tcp/fastopen*.c: cookies against known values, what is remembered of peers, the bound on children in SYN_RCVD,
 * options. What goes over the wire when: tests/drill/rfc7413. */
#include "tcp_unit.h"

static const struct iss_floor none = {.set = false};
static const uint8_t payload[10] = "0123456789";

/* A key as net.ipv4.tcp_fastopen_key writes it: groups of eight digits are numbers, lowest byte first. */
static struct fastopen_keys key_of(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    const uint32_t group[4] = {a, b, c, d};
    uint8_t bytes[FASTOPEN_KEY_LEN];
    struct fastopen_keys keys;
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(group[i / 4] >> (8 * (i % 4)));
    assert_int_equal(tcp_fastopen_keys_read(&keys, bytes, sizeof bytes), 0);
    return keys;
}

static void cookies_are_linux_s(void **state) {
    (void)state;
    static const struct {
        uint8_t server[4], client[4], cookie[FASTOPEN_COOKIE_LEN];
        uint32_t key[4];
    } known[] = {
        {{192, 168, 0, 1},
         {192, 0, 2, 1},
         {0x30, 0x21, 0xb9, 0xd8, 0x89, 0x01, 0x7e, 0xeb},
         {0xa1a1a1a1, 0xb2b2b2b2, 0xc3c3c3c3, 0xd4d4d4d4}},
        {{192, 168, 0, 2},
         {10, 248, 0, 2},
         {0x00, 0xab, 0xaa, 0xab, 0xe8, 0xe9, 0x54, 0xc2},
         {0xa0bf63f7, 0xed803d81, 0xcd641d30, 0xcebc4a90}},
        {{192, 168, 0, 3},
         {10, 248, 0, 3},
         {0x76, 0xd2, 0xc1, 0xc5, 0x30, 0xf5, 0x1f, 0x79},
         {0xa0bf63f7, 0xed803d81, 0xcd641d30, 0xcebc4a90}},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        const uint8_t *s = known[i].server, *c = known[i].client;
        const uint32_t *k = known[i].key;
        struct fastopen_keys keys = key_of(k[0], k[1], k[2], k[3]);
        struct tcp_key tuple = {.local = la_addr4(s[0], s[1], s[2], s[3]), .peer = la_addr4(c[0], c[1], c[2], c[3])};
        uint8_t cookie[FASTOPEN_COOKIE_LEN];
        tcp_fastopen_cookie(&keys.key[0], &tuple, cookie);
        assert_memory_equal(cookie, known[i].cookie, sizeof cookie);
    }
}

static void the_key_before_is_accepted_and_no_other(void **state) {
    (void)state;
    uint8_t bytes[2 * FASTOPEN_KEY_LEN], cookie[FASTOPEN_COOKIE_LEN];
    struct fastopen_keys keys, other = key_of(9, 9, 9, 9);
    struct tcp_key tuple = tu_key(TU_PORT, TU_PEER_PORT);
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)i;
    assert_int_equal(tcp_fastopen_keys_read(&keys, bytes, 15), -LA_EINVAL);
    assert_int_equal(tcp_fastopen_keys_read(&keys, bytes, 0), -LA_EINVAL);
    assert_int_equal(tcp_fastopen_keys_read(&keys, bytes, sizeof bytes), 0);
    for (int i = 0; i < 2; i++) {
        tcp_fastopen_cookie(&keys.key[i], &tuple, cookie);
        assert_int_equal(tcp_fastopen_cookie_check(&keys, &tuple, cookie, sizeof cookie), i);
        assert_int_equal(tcp_fastopen_cookie_check(&keys, &tuple, cookie, sizeof cookie - 2), -1);
        cookie[7] ^= 1;
        assert_int_equal(tcp_fastopen_cookie_check(&keys, &tuple, cookie, sizeof cookie), -1);
    }
    tcp_fastopen_cookie(&other.key[0], &tuple, cookie);
    assert_int_equal(tcp_fastopen_cookie_check(&keys, &tuple, cookie, sizeof cookie), -1);
}

static struct tcp_key server(uint8_t n) {
    struct tcp_key key = tu_key(TU_PORT, TU_PEER_PORT);
    key.peer = la_addr4(10, 0, 0, n);
    return key;
}

static void the_server_not_asked_for_longest_is_forgotten(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_key k1 = server(1), k2 = server(2), k3 = server(3);
    u->tcp.params.fastopen_cookies = 2;
    struct fastopen_peer *first = tcp_fastopen_peer_get(&u->tcp, &k1);
    assert_non_null(tcp_fastopen_peer_get(&u->tcp, &k2));
    assert_ptr_equal(tcp_fastopen_peer_get(&u->tcp, &k1), first);
    assert_non_null(tcp_fastopen_peer_get(&u->tcp, &k3));
    assert_int_equal(u->tcp.fastopen.peers.live, 2);
    assert_null(tcp_fastopen_peer_find(&u->tcp, &k2));
    assert_ptr_equal(tcp_fastopen_peer_find(&u->tcp, &k1), first);
    u->tcp.params.fastopen = 0; /* Who turns it off forgets. */
    tcp_fastopen_settings(&u->tcp);
    assert_int_equal(u->tcp.fastopen.peers.live, 0);
    u->tcp.params.fastopen_cookies = 0;
    assert_null(tcp_fastopen_peer_get(&u->tcp, &k1));
}

/* A SYN with ten bytes and the right cookie, from client n. */
static void fast_syn(struct tcp_conn *l, uint16_t n) {
    struct tcp_key key = tu_key(TU_PORT, (uint16_t)(TU_PEER_PORT + n));
    struct tcp_in in = tu_in_key(&key, TU_RCV(0), seq_of(0), TCP_SYN);
    in.seg.data = (struct la_span){payload, sizeof payload};
    tcp_fastopen_give(l, &key, false, &in.seg.opt);
    tcp_embryo_new(l, &in, &none);
}

static struct tcp_conn *fast_listener(struct tcp_unit *u, int queue) {
    struct tcp_conn *l = tu_listener(u, TU_PORT, 100);
    u->tcp.params.fastopen = FASTOPEN_SERVER;
    assert_int_equal(tcp_fastopen_setsockopt(l, LA_TCP_FASTOPEN, &queue, sizeof queue), 0);
    return l;
}

static void a_child_has_its_data_and_its_syn_ack_says_so(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = fast_listener(u, 2);
    struct tcp_seg s;
    uint8_t got[sizeof payload];
    fast_syn(l, 0);
    struct tcp_conn *c = tcp_accept_take(l);
    assert_true(c->state == LA_SYN_RCVD && c->is.syn_data_taken);
    c->is.owned = 1;
    assert_int_equal(tcp_recv(&u->tcp, c->event.sock, got, sizeof got, 0), sizeof got);
    assert_memory_equal(got, payload, sizeof got);
    assert_true(tu_out(u, &s));
    assert_true(s.flags == (TCP_SYN | TCP_ACK) && seq_eq(s.ack, TU_RCV(11)) && !s.opt.has_fastopen);
    assert_int_equal(tu_skip(u), 0);
    for (unsigned i = 0; i < u->tcp.params.synack_retries; i++) { /* Nobody answers: it ends. */
        tu_pass(u, u->tcp.params.rto_max);
        tu_skip(u);
    }
    tu_pass(u, u->tcp.params.rto_max);
    assert_int_equal(c->state, LA_CLOSED);
    assert_int_equal(c->error, LA_ETIMEDOUT);
    assert_int_equal(l->listen->fastopen_pending, 0);
    assert_int_equal(tcp_close(&u->tcp, c->event.sock), 0);
    tcp_listen_close(l);
}

static void a_full_queue_and_a_wrong_cookie_make_embryos(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = fast_listener(u, 2);
    for (uint16_t n = 0; n < 5; n++) fast_syn(l, n);
    assert_int_equal(l->listen->fastopen_pending, 2);
    assert_int_equal(l->listen->nembryos, 3);
    assert_int_equal(u->env.counter[LA_C_FASTOPEN_OVERFLOWS], 3);
    tcp_listen_close(l);
    l = fast_listener(u, 2);
    struct fastopen_keys before = u->tcp.fastopen.keys;
    struct tcp_key key = tu_key(TU_PORT, TU_PEER_PORT);
    struct tcp_in in = tu_in_key(&key, TU_RCV(0), seq_of(0), TCP_SYN);
    struct tcp_seg s;
    tcp_fastopen_give(l, &key, true, &in.seg.opt);
    u->tcp.fastopen.keys = key_of(1, 2, 3, 4);
    tu_skip(u);
    tcp_embryo_new(l, &in, &none);
    assert_int_equal(l->listen->nembryos, 1);
    assert_int_equal(u->env.counter[LA_C_FASTOPEN_PASSIVE_FAILS], 1);
    assert_true(tu_out(u, &s)); /* It brings the right one, in the form that was used. */
    assert_true(s.opt.has_fastopen && s.opt.fastopen_exp && s.opt.fastopen_len == FASTOPEN_COOKIE_LEN);
    assert_int_equal(tcp_fastopen_cookie_check(&u->tcp.fastopen.keys, &key, s.opt.fastopen, s.opt.fastopen_len), 0);
    assert_int_equal(tcp_fastopen_cookie_check(&before, &key, s.opt.fastopen, s.opt.fastopen_len), -1);
    tcp_listen_close(l);
}

static void a_child_that_was_reset_counts_for_a_while(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *l = fast_listener(u, 1);
    fast_syn(l, 0);
    struct tcp_conn *c = tcp_accept_take(l);
    struct tcp_in rst = tu_in(c, TU_RCV(11), TCP_RST, 0);
    tu_skip(u);
    tcp_segment(c, &rst);
    assert_int_equal(l->listen->fastopen_pending, 0);
    fast_syn(l, 1);
    assert_int_equal(l->listen->nembryos, 1);
    u->env.now += 120 * LA_SECOND;
    fast_syn(l, 2);
    assert_int_equal(l->listen->nembryos, 1);
    assert_int_equal(l->listen->fastopen_pending, 1);
    tcp_listen_close(l);
}

static void options_have_their_states_and_bounds(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSED), *e = tu_conn(u, LA_ESTABLISHED);
    uint8_t key[2 * FASTOPEN_KEY_LEN] = {7, 6, 5}, back[2 * FASTOPEN_KEY_LEN + 1];
    size_t len = sizeof back;
    int on = 1, two = 2, minus = -1, many = 1 << 30, got;
    static const int names[] = {LA_TCP_FASTOPEN, LA_TCP_FASTOPEN_CONNECT, LA_TCP_FASTOPEN_QUEUE,
                                LA_TCP_FASTOPEN_NO_COOKIE};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(tcp_fastopen_setsockopt(c, names[i], &on, 1), -LA_EINVAL);
        assert_int_equal(tcp_fastopen_setsockopt(c, names[i], &minus, sizeof on), -LA_EINVAL);
        assert_int_equal(tcp_fastopen_setsockopt(e, names[i], &on, sizeof on), -LA_EINVAL);
        assert_int_equal(tcp_fastopen_setsockopt(c, names[i], &on, sizeof on), 0);
        size_t n = sizeof got;
        assert_int_equal(tcp_fastopen_getsockopt(c, names[i], &got, &n), 0);
        assert_int_equal(got, 1);
    }
    assert_int_equal(tcp_fastopen_setsockopt(c, LA_TCP_FASTOPEN_CONNECT, &two, sizeof two), -LA_EINVAL);
    assert_int_equal(tcp_fastopen_setsockopt(c, LA_TCP_FASTOPEN, &many, sizeof many), 0);
    assert_int_equal(c->fastopen_own->max, u->tcp.params.somaxconn);
    u->tcp.params.fastopen = 0;
    assert_int_equal(tcp_fastopen_setsockopt(c, LA_TCP_FASTOPEN_CONNECT, &on, sizeof on), -LA_EOPNOTSUPP);
    assert_int_equal(tcp_fastopen_setsockopt(c, LA_TCP_FASTOPEN_KEY, key, 20), -LA_EINVAL);
    assert_int_equal(tcp_fastopen_setsockopt(c, LA_TCP_FASTOPEN_KEY, key, sizeof key), 0);
    assert_int_equal(tcp_fastopen_getsockopt(c, LA_TCP_FASTOPEN_KEY, back, &len), 0);
    assert_int_equal(len, sizeof key);
    assert_memory_equal(back, key, sizeof key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_are_linux_s),
        cmocka_unit_test(the_key_before_is_accepted_and_no_other),
        TU_TEST(the_server_not_asked_for_longest_is_forgotten),
        TU_TEST(a_child_has_its_data_and_its_syn_ack_says_so),
        TU_TEST(a_full_queue_and_a_wrong_cookie_make_embryos),
        TU_TEST(a_child_that_was_reset_counts_for_a_while),
        TU_TEST(options_have_their_states_and_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
