/* A program that does everything wrong: stale handles, verbs in the wrong state, NULL, absurd sizes, bad options,
 * garbage as packets, time that goes backwards. Nothing of it may harm the stack, and the error is the one Linux gives.
 */
#include "support/rig.h"

#include <stdlib.h>
#include <string.h>

/* --- Handles --- */

static void use_bad_handle(la_sock s) {
    struct la_endpoint e = rig_peer();
    struct la_conn_info info;
    struct la_span span;
    struct la_room room;
    unsigned count;
    char byte = 0;
    int value = 0;
    size_t len = sizeof value;
    struct la_stack *k = rig.stack;
    assert_int_equal(la_owner_set(k, s, 1), -LA_EBADF);
    assert_int_equal(la_bind(k, s, &e), -LA_EBADF);
    assert_int_equal(la_listen(k, s, 1), -LA_EBADF);
    assert_int_equal(la_accept(k, s, NULL), -LA_EBADF);
    assert_int_equal(la_connect(k, s, &e, rig.now), -LA_EBADF);
    assert_int_equal(la_send(k, s, &byte, 1, 0, rig.now), -LA_EBADF);
    assert_int_equal(la_recv(k, s, &byte, 1, 0, rig.now), -LA_EBADF);
    assert_int_equal(la_sendto(k, s, &byte, 1, &e, rig.now), -LA_EBADF);
    assert_int_equal(la_recvfrom(k, s, &byte, 1, 0, &e, rig.now), -LA_EBADF);
    assert_int_equal(la_peek(k, s, &span, 1, &count), -LA_EBADF);
    assert_int_equal(la_consume(k, s, 0, rig.now), -LA_EBADF);
    assert_int_equal(la_reserve(k, s, 1, &room, 1, &count), -LA_EBADF);
    assert_int_equal(la_commit(k, s, 0, rig.now), -LA_EBADF);
    assert_int_equal(la_shutdown(k, s, LA_SHUT_WR, rig.now), -LA_EBADF);
    assert_int_equal(la_close(k, s, rig.now), -LA_EBADF);
    assert_int_equal(la_abort(k, s, rig.now), -LA_EBADF);
    assert_int_equal(la_ready(k, s), -LA_EBADF);
    assert_int_equal(la_getsockname(k, s, &e), -LA_EBADF);
    assert_int_equal(la_getpeername(k, s, &e), -LA_EBADF);
    assert_int_equal(la_setsockopt(k, s, LA_SOL_SOCKET, LA_SO_KEEPALIVE, &value, sizeof value, rig.now), -LA_EBADF);
    assert_int_equal(la_getsockopt(k, s, LA_SOL_SOCKET, LA_SO_TYPE, &value, &len), -LA_EBADF);
    assert_int_equal(la_conn_info(k, s, &info), -LA_EBADF);
}

static void every_verb_refuses_a_handle_that_was_never_given_out(void **unused) {
    (void)unused;
    static const la_sock bad[] = {-1, -LA_EBADF, 12345, INT64_MAX, INT64_MIN, 1ll << 32, 1ll << 40, 0x7fffffff};
    for (unsigned i = 0; i < COUNT(bad); i++) use_bad_handle(bad[i]);
    tx_none();
}

static void every_verb_refuses_a_closed_handle(void **unused) {
    (void)unused;
    la_sock fresh = u_socket();
    assert_int_equal(la_close(rig.stack, fresh, rig.now), 0);
    use_bad_handle(fresh);
    bring(LA_ESTABLISHED, PASSIVE);
    la_sock connected = rig.t->sock;
    assert_int_equal(u_close(), 0);
    use_bad_handle(connected);
    assert_int_equal(la_close(rig.stack, rig.listener, rig.now), 0);
    use_bad_handle(rig.listener);
}

static void a_new_socket_never_gets_an_old_handle(void **unused) {
    (void)unused;
    la_sock old[50];
    for (unsigned i = 0; i < COUNT(old); i++) {
        old[i] = u_socket();
        for (unsigned j = 0; j < i; j++) assert_true(old[j] != old[i]);
        assert_int_equal(la_close(rig.stack, old[i], rig.now), 0);
    }
    la_sock alive = u_socket();
    for (unsigned i = 0; i < COUNT(old); i++) assert_int_equal(la_ready(rig.stack, old[i]), -LA_EBADF);
    assert_true(la_ready(rig.stack, alive) >= 0);
}

/* --- States --- */

static int64_t send1(la_sock s) { return la_send(rig.stack, s, "x", 1, 0, rig.now); }

static int64_t recv1(la_sock s) {
    char byte;
    return la_recv(rig.stack, s, &byte, 1, 0, rig.now);
}

static void a_fresh_socket_can_only_be_opened(void **unused) {
    (void)unused;
    la_sock s = u_socket();
    struct la_endpoint e;
    struct la_span span;
    struct la_room room;
    unsigned count;
    assert_int_equal(la_accept(rig.stack, s, NULL), -LA_EINVAL);
    assert_int_equal(send1(s), -LA_EPIPE);
    assert_int_equal(recv1(s), -LA_ENOTCONN);
    assert_int_equal(la_peek(rig.stack, s, &span, 1, &count), -LA_ENOTCONN);
    assert_int_equal(la_reserve(rig.stack, s, 1, &room, 1, &count), -LA_EPIPE);
    assert_int_equal(la_shutdown(rig.stack, s, LA_SHUT_WR, rig.now), -LA_ENOTCONN);
    assert_int_equal(la_getpeername(rig.stack, s, &e), -LA_ENOTCONN);
    assert_int_equal(la_getsockname(rig.stack, s, &e), 0);
    assert_int_equal(e.port, 0);
    assert_int_equal(la_abort(rig.stack, s, rig.now), 0);
    tx_none();
}

static void a_listener_neither_sends_nor_connects(void **unused) {
    (void)unused;
    u_listen(3);
    la_sock s = rig.listener;
    struct la_endpoint e = rig_peer();
    assert_int_equal(send1(s), -LA_EPIPE);
    assert_int_equal(recv1(s), -LA_ENOTCONN);
    assert_int_equal(la_connect(rig.stack, s, &e, rig.now), -LA_EISCONN);
    assert_int_equal(la_bind(rig.stack, s, &e), -LA_EINVAL);
    assert_int_equal(la_getpeername(rig.stack, s, &e), -LA_ENOTCONN);
    assert_int_equal(la_listen(rig.stack, s, 9), 0); /* Changes the backlog. */
    struct la_conn_info info;
    assert_int_equal(la_conn_info(rig.stack, s, &info), 0);
    assert_int_equal(info.send_queue, 9);
}

static void a_connecting_socket_waits(void **unused) {
    (void)unused;
    bring(LA_SYN_SENT, ACTIVE);
    struct la_endpoint e = rig_peer();
    assert_int_equal(recv1(rig.t->sock), -LA_EAGAIN);
    assert_int_equal(send1(rig.t->sock), -LA_EAGAIN);
    assert_int_equal(la_connect(rig.stack, rig.t->sock, &e, rig.now), -LA_EALREADY);
    assert_int_equal(la_listen(rig.stack, rig.t->sock, 1), -LA_EINVAL);
    assert_int_equal(la_accept(rig.stack, rig.t->sock, NULL), -LA_EINVAL);
    assert_int_equal(la_getpeername(rig.stack, rig.t->sock, &e), -LA_ENOTCONN);
}

static void a_connected_socket_is_opened_once(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    struct la_endpoint e = rig_peer();
    assert_int_equal(la_connect(rig.stack, rig.t->sock, &e, rig.now), -LA_EISCONN);
    assert_int_equal(la_listen(rig.stack, rig.t->sock, 1), -LA_EINVAL);
    assert_int_equal(la_accept(rig.stack, rig.t->sock, NULL), -LA_EINVAL);
    assert_int_equal(la_bind(rig.stack, rig.t->sock, &e), -LA_EINVAL);
    assert_int_equal(la_shutdown(rig.stack, rig.t->sock, 3, rig.now), -LA_EINVAL);
    assert_int_equal(la_shutdown(rig.stack, rig.t->sock, -1, rig.now), -LA_EINVAL);
    assert_int_equal(la_getpeername(rig.stack, rig.t->sock, &e), 0);
    assert_int_equal(e.port, 4000);
    tx_none();
    state(LA_ESTABLISHED);
}

static void a_reset_socket_reports_and_can_be_closed(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    rx(SEG(.seq = R(1), .flags = RST));
    assert_int_equal(send1(rig.t->sock), -LA_ECONNRESET); /* The pending error, once. */
    assert_int_equal(send1(rig.t->sock), -LA_EPIPE);
    assert_int_equal(recv1(rig.t->sock), 0);
    assert_int_equal(u_shutdown(LA_SHUT_RDWR), -LA_ENOTCONN);
    assert_int_equal(u_close(), 0);
}

static void wrong_kinds_of_socket_are_refused(void **unused) {
    (void)unused;
    struct la_endpoint any = {.addr = la_addr4(0, 0, 0, 0)};
    assert_int_equal(la_socket(rig.stack, 77, LA_SOCK_STREAM), -LA_EAFNOSUPPORT);
    int r = (int)la_socket(rig.stack, LA_AF_INET, 77);
    assert_true(r == -LA_EPROTONOSUPPORT || r == -LA_EINVAL);
    la_sock udp = la_socket(rig.stack, LA_AF_INET, LA_SOCK_DGRAM);
    assert_true(udp >= 0);
    assert_int_equal(la_listen(rig.stack, udp, 1), -LA_EOPNOTSUPP);
    assert_int_equal(la_accept(rig.stack, udp, NULL), -LA_EOPNOTSUPP);
    struct la_conn_info info;
    assert_int_equal(la_conn_info(rig.stack, udp, &info), -LA_EOPNOTSUPP);
    assert_int_equal(la_bind(rig.stack, udp, &any), 0);
    assert_int_equal(la_close(rig.stack, udp, rig.now), 0);
    assert_int_equal(la_close(rig.stack, udp, rig.now), -LA_EBADF);
}

static void addresses_that_are_not_ours_or_taken_are_refused(void **unused) {
    (void)unused;
    u_listen(1);
    struct la_endpoint foreign = rig_peer(), ours = rig_local(), six = {.port = 99};
    assert_true(la_addr_parse("fd00::2", &six.addr));
    la_sock s = u_socket();
    assert_int_equal(la_bind(rig.stack, s, &foreign), -LA_EADDRNOTAVAIL);
    assert_int_equal(la_bind(rig.stack, s, &ours), -LA_EADDRINUSE);
    assert_true(la_bind(rig.stack, s, &six) < 0);
    assert_true(la_connect(rig.stack, s, &six, rig.now) < 0);
    ours.port = 1234;
    assert_int_equal(la_bind(rig.stack, s, &ours), 0);
    assert_int_equal(la_bind(rig.stack, s, &ours), -LA_EINVAL);
    struct la_endpoint nowhere = {.addr = la_addr4(192, 0, 2, 1), .port = 80};
    assert_int_equal(la_connect(rig.stack, s, &nowhere, rig.now), -LA_ENETUNREACH);
    struct la_endpoint group = {.addr = la_addr4(224, 0, 0, 1), .port = 80};
    assert_true(la_connect(rig.stack, s, &group, rig.now) < 0);
    tx_none();
}

/* --- NULL and sizes --- */

static void null_where_memory_is_needed_is_efault(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    struct la_stack *k = rig.stack;
    la_sock s = rig.t->sock, fresh = u_socket();
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10));
    assert_int_equal(la_send(k, s, NULL, 1, 0, rig.now), -LA_EFAULT);
    assert_int_equal(la_recv(k, s, NULL, 1, 0, rig.now), -LA_EFAULT);
    assert_int_equal(la_send(k, s, NULL, 0, 0, rig.now), 0);
    assert_int_equal(la_recv(k, s, NULL, 0, 0, rig.now), 0);
    assert_int_equal(la_bind(k, fresh, NULL), -LA_EFAULT);
    assert_int_equal(la_connect(k, fresh, NULL, rig.now), -LA_EFAULT);
    assert_int_equal(la_getsockname(k, s, NULL), -LA_EFAULT);
    assert_int_equal(la_getpeername(k, s, NULL), -LA_EFAULT);
    assert_int_equal(la_setsockopt(k, s, LA_SOL_SOCKET, LA_SO_KEEPALIVE, NULL, 4, rig.now), -LA_EFAULT);
    assert_int_equal(la_getsockopt(k, s, LA_SOL_SOCKET, LA_SO_TYPE, NULL, NULL), -LA_EFAULT);
    assert_true(la_set(k, NULL, 1) < 0);
    assert_true(la_profile(k, "plan9") == -LA_EINVAL);
    la_stack_destroy(NULL);
    struct la_config empty = {0};
    struct la_stack *none;
    assert_int_equal(la_stack_create(&empty, &none), -LA_EINVAL);
    assert_int_equal(u_recv(100), 10);
}

static void absurd_sizes_take_no_more_than_there_is(void **unused) {
    (void)unused;
    static uint8_t data[1 << 20];
    bring(LA_ESTABLISHED, PASSIVE);
    la_sock s = rig.t->sock;
    u_set(LA_SOL_SOCKET, LA_SO_SNDBUF, 8192);
    int64_t n = la_send(rig.stack, s, data, SIZE_MAX / 2, 0, rig.now);
    within(n, 1, sizeof data);
    tx_skip();
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 100));
    assert_int_equal(la_consume(rig.stack, s, SIZE_MAX, rig.now), -LA_EINVAL);
    assert_int_equal(la_consume(rig.stack, s, 101, rig.now), -LA_EINVAL);
    assert_int_equal(la_recv(rig.stack, s, data, SIZE_MAX, 0, rig.now), 100);
    struct la_room room[4];
    unsigned count;
    assert_true(la_reserve(rig.stack, s, SIZE_MAX, room, 4, &count) < 1 << 24);
    assert_int_equal(la_commit(rig.stack, s, SIZE_MAX, rig.now), -LA_EINVAL);
    state(LA_ESTABLISHED);
}

/* --- Options and settings --- */

static int set(la_sock s, int level, int name, int value, size_t len) {
    char bytes[16] = {0};
    memcpy(bytes, &value, sizeof value);
    return la_setsockopt(rig.stack, s, level, name, bytes, len, rig.now);
}

static void options_check_length_and_value(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    la_sock s = rig.t->sock;
    static const int tcp[] = {LA_TCP_NODELAY, LA_TCP_MAXSEG, LA_TCP_CORK,    LA_TCP_KEEPIDLE, LA_TCP_KEEPINTVL,
                              LA_TCP_KEEPCNT, LA_TCP_SYNCNT, LA_TCP_LINGER2, LA_TCP_QUICKACK, LA_TCP_USER_TIMEOUT};
    static const int so[] = {LA_SO_REUSEADDR, LA_SO_SNDBUF, LA_SO_RCVBUF, LA_SO_KEEPALIVE, LA_SO_LINGER};
    for (size_t len = 0; len < 4; len++) {
        for (unsigned i = 0; i < COUNT(tcp); i++) assert_int_equal(set(s, LA_IPPROTO_TCP, tcp[i], 1, len), -LA_EINVAL);
        for (unsigned i = 0; i < COUNT(so); i++) assert_int_equal(set(s, LA_SOL_SOCKET, so[i], 1, len), -LA_EINVAL);
    }
    assert_int_equal(set(s, LA_SOL_SOCKET, LA_SO_LINGER, 1, 4), -LA_EINVAL);
    assert_int_equal(set(s, LA_IPPROTO_TCP, 9999, 1, 4), -LA_ENOPROTOOPT);
    assert_int_equal(set(s, 9999, 1, 1, 4), -LA_ENOPROTOOPT);
    assert_int_equal(set(s, LA_SOL_SOCKET, LA_SO_TYPE, 1, 4), -LA_ENOPROTOOPT);
    assert_int_equal(set(s, LA_SOL_SOCKET, LA_SO_ERROR, 1, 4), -LA_ENOPROTOOPT);
    static const struct {
        int name, value;
    } bad[] = {{LA_TCP_KEEPIDLE, 0}, {LA_TCP_KEEPIDLE, 32768}, {LA_TCP_KEEPINTVL, 0},    {LA_TCP_KEEPINTVL, -1},
               {LA_TCP_KEEPCNT, 0},  {LA_TCP_KEEPCNT, 128},    {LA_TCP_SYNCNT, 0},       {LA_TCP_SYNCNT, 128},
               {LA_TCP_MAXSEG, 1},   {LA_TCP_MAXSEG, 70000},   {LA_TCP_USER_TIMEOUT, -1}};
    for (unsigned i = 0; i < COUNT(bad); i++)
        assert_int_equal(set(s, LA_IPPROTO_TCP, bad[i].name, bad[i].value, 4), -LA_EINVAL);
    assert_int_equal(set(s, LA_IPPROTO_IP, LA_IP_TTL, 0, 4), -LA_EINVAL);
    assert_int_equal(set(s, LA_IPPROTO_IP, LA_IP_TTL, 256, 4), -LA_EINVAL);
}

static void options_read_back_what_was_set(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    static const struct {
        int level, name, value;
    } good[] = {{LA_IPPROTO_TCP, LA_TCP_NODELAY, 1},   {LA_IPPROTO_TCP, LA_TCP_CORK, 1},
                {LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, 17}, {LA_IPPROTO_TCP, LA_TCP_KEEPINTVL, 3},
                {LA_IPPROTO_TCP, LA_TCP_KEEPCNT, 4},   {LA_IPPROTO_TCP, LA_TCP_SYNCNT, 5},
                {LA_IPPROTO_TCP, LA_TCP_LINGER2, 6},   {LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 7777},
                {LA_SOL_SOCKET, LA_SO_KEEPALIVE, 1},   {LA_SOL_SOCKET, LA_SO_REUSEADDR, 1},
                {LA_IPPROTO_IP, LA_IP_TTL, 9}};
    for (unsigned i = 0; i < COUNT(good); i++) {
        int got = -1;
        size_t len = sizeof got;
        u_set(good[i].level, good[i].name, good[i].value);
        assert_int_equal(la_getsockopt(rig.stack, rig.t->sock, good[i].level, good[i].name, &got, &len), 0);
        assert_int_equal(got, good[i].value);
        assert_int_equal(len, sizeof got);
    }
}

static void unknown_settings_and_bad_values_are_refused(void **unused) {
    (void)unused;
    int64_t value;
    assert_int_equal(la_set(rig.stack, "net.ipv4.tcp_nonsense", 1), -LA_ENOENT);
    assert_int_equal(la_get(rig.stack, "", &value), -LA_ENOENT);
    assert_int_equal(la_set(rig.stack, "net.ipv4.tcp_fin_timeout", -1), -LA_EINVAL);
    assert_int_equal(la_set(rig.stack, "net.ipv4.tcp_keepalive_probes", INT64_MAX), -LA_EINVAL);
    assert_int_equal(la_set(rig.stack, "net.ipv4.tcp_tw_recycle", 1), -LA_EOPNOTSUPP);
    assert_non_null(la_setting_refusal("net.ipv4.tcp_tw_recycle"));
    assert_null(la_setting_refusal("net.ipv4.tcp_fin_timeout"));
}

/* With any setting at either of its bounds a connection still opens and closes, or fails in order. */
static void every_setting_may_be_at_its_bounds(void **unused) {
    (void)unused;
    struct la_setting setting_row;
    int64_t value;
    for (unsigned i = 0; la_setting_at(rig.stack, i, &setting_row, &value); i++)
        for (int high = 0; high < 2; high++) {
            rig_restart("linux");
            assert_true(la_setting_at(rig.stack, i, &setting_row, &value));
            setting(setting_row.name, high ? setting_row.max : setting_row.min);
            u_listen(1);
            rx(SEG(.seq = R(0), .flags = SYN));
            L(0);
            tx_skip();
            rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10));
            rig.t->sock = la_accept(rig.stack, rig.listener, NULL);
            if (rig.t->sock >= 0) u_send(3000);
            advance(5000);
            rx(SEG(.seq = R(11), .ack = L(1), .flags = FIN | ACK));
            if (rig.t->sock >= 0) u_close();
            advance(1000);
            tx_skip();
        }
}

/* --- Memory, garbage, time --- */

static void *take(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}

static void give(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    (void)size;
    free(ptr);
}

static void sockets_end_at_the_budget_and_begin_again(void **unused) {
    (void)unused;
    static la_sock socks[20000];
    struct la_config config = {.alloc = {take, give, NULL}, .memory_max = 1 << 20, .check = true};
    struct la_stack *small;
    assert_int_equal(la_stack_create(&config, &small), 0);
    assert_int_equal(la_memory_max(small), 1 << 20);
    unsigned n = 0;
    while (n < COUNT(socks) && (socks[n] = la_socket(small, LA_AF_INET, LA_SOCK_STREAM)) >= 0) n++;
    within(n, 500, COUNT(socks) - 1);
    assert_int_equal(socks[n], -LA_ENOMEM);
    assert_true(la_memory_used(small) <= la_memory_max(small));
    assert_int_equal(la_close(small, socks[0], 0), 0);
    assert_true(la_socket(small, LA_AF_INET, LA_SOCK_STREAM) >= 0);
    for (unsigned i = 1; i < n; i++) assert_int_equal(la_close(small, socks[i], 0), 0);
    la_stack_destroy(small);
}

static uint32_t noise(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void garbage_is_dropped_with_a_name(void **unused) {
    (void)unused;
    uint8_t bytes[256];
    uint32_t seed = 1;
    bring(LA_ESTABLISHED, PASSIVE);
    la_input(rig.stack, 0, NULL, 0, rig.now);
    la_input(rig.stack, 99, bytes, 0, rig.now);
    la_input(rig.stack, -1, bytes, 40, rig.now);
    uint64_t before = 0, after = 0;
    for (int d = 0; d < LA_NDROPS; d++) before += la_dropped(rig.stack, (enum la_drop)d);
    for (unsigned i = 0; i < 20000; i++) {
        size_t len = noise(&seed) % sizeof bytes;
        for (size_t k = 0; k < len; k++) bytes[k] = (uint8_t)noise(&seed);
        if (len && i % 3) bytes[0] = i % 2 ? 0x45 : 0x60;
        rx_raw(bytes, len);
    }
    for (int d = 0; d < LA_NDROPS; d++) after += la_dropped(rig.stack, (enum la_drop)d);
    assert_true(after - before > 19000);
    tx_skip();
    state(LA_ESTABLISHED);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .len = 10));
    assert_int_equal(u_recv(10), 10);
}

static void a_segment_with_one_wrong_bit_is_never_taken(void **unused) {
    (void)unused;
    bring(LA_ESTABLISHED, PASSIVE);
    uint8_t packet[100];
    struct la_segment s = {.src = rig_peer(), .dst = rig_local(), .seq = R(1), .ack = L(1), .flags = ACK, .len = 8};
    s.wscale = -1;
    s.ttl = 64;
    s.csum_ok = true;
    size_t len = la_segment_build(&s, packet, sizeof packet);
    for (size_t bit = 0; bit < len * 8; bit++) {
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        rx_raw(packet, len);
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        tx_skip();
    }
    char byte[8];
    assert_int_equal(la_recv(rig.stack, rig.t->sock, byte, sizeof byte, 0, rig.now), -LA_EAGAIN);
    state(LA_ESTABLISHED);
}

/* An earlier time counts as the latest one seen. */
static void time_that_goes_back_stands_still(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    la_time real = rig.now;
    la_tick(rig.stack, 0);
    la_tick(rig.stack, real - 500 * LA_SECOND);
    state(LA_TIME_WAIT);
    talk(1);
    rig.now = real - 900 * LA_SECOND;
    bring(LA_ESTABLISHED, PASSIVE);
    assert_int_equal(u_send(100), 100);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK, .len = 100));
    assert_true(la_poll_at(rig.stack) >= real);
    rig.now = real;
    within(wait_tx(1100), 1, 1000);
    talk(0);
    advance(61000);
    state(LA_CLOSED);
}

static void time_may_leap_to_its_end(void **unused) {
    (void)unused;
    bring(LA_TIME_WAIT, PASSIVE | ORPHAN);
    talk(1);
    bring(LA_ESTABLISHED, PASSIVE);
    u_send(100);
    la_tick(rig.stack, UINT64_MAX - 1);
    rig.now = UINT64_MAX - 1;
    tx_skip();
    la_tick(rig.stack, UINT64_MAX - 1);
    talk(0);
    state(LA_CLOSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(every_verb_refuses_a_handle_that_was_never_given_out),
        RIG_TEST(every_verb_refuses_a_closed_handle),
        RIG_TEST(a_new_socket_never_gets_an_old_handle),
        RIG_TEST(a_fresh_socket_can_only_be_opened),
        RIG_TEST(a_listener_neither_sends_nor_connects),
        RIG_TEST(a_connecting_socket_waits),
        RIG_TEST(a_connected_socket_is_opened_once),
        RIG_TEST(a_reset_socket_reports_and_can_be_closed),
        RIG_TEST(wrong_kinds_of_socket_are_refused),
        RIG_TEST(addresses_that_are_not_ours_or_taken_are_refused),
        RIG_TEST(null_where_memory_is_needed_is_efault),
        RIG_TEST(absurd_sizes_take_no_more_than_there_is),
        RIG_TEST(options_check_length_and_value),
        RIG_TEST(options_read_back_what_was_set),
        RIG_TEST(unknown_settings_and_bad_values_are_refused),
        RIG_TEST(every_setting_may_be_at_its_bounds),
        RIG_TEST(sockets_end_at_the_budget_and_begin_again),
        RIG_TEST(garbage_is_dropped_with_a_name),
        RIG_TEST(a_segment_with_one_wrong_bit_is_never_taken),
        RIG_TEST(time_that_goes_back_stands_still),
        RIG_TEST(time_may_leap_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
