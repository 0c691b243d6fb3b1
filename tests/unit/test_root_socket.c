/* src/socket.c: every verb finds the transport of its handle; what only streams can do is refused to datagrams. */
#include "support/unit.h"

#include "root.h"

static struct oom oom;

static int make(void **state) {
    static const struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = 1500};
    oom_init(&oom);
    struct la_config config = {.alloc = oom_allocator(&oom), .seed = {1}, .check = true};
    struct la_addr addr = la_addr4(10, 0, 0, 1);
    struct la_stack *stack;
    if (la_stack_create(&config, &stack) || la_iface_add(stack, &iface) || la_addr_add(stack, 0, &addr, 24)) return -1;
    *state = stack;
    return 0;
}

static int end(void **state) {
    la_stack_destroy(*state);
    return oom.blocks ? -1 : 0;
}

static void handles_of_the_two_kinds_never_meet(void **state) {
    struct la_stack *k = *state;
    for (int i = 0; i < 10; i++) {
        la_sock s = la_socket(k, LA_AF_INET, LA_SOCK_STREAM), d = la_socket(k, LA_AF_INET6, LA_SOCK_DGRAM);
        assert_true(s > 0 && d > 0);
        assert_false(root_is_datagram(s));
        assert_true(root_is_datagram(d));
        assert_true(s != d && la_ready(k, s) >= 0 && la_ready(k, d) >= 0);
    }
    assert_int_equal(la_socket(k, LA_AF_INET, 77), -LA_EPROTONOSUPPORT);
    assert_int_equal(la_socket(k, 77, LA_SOCK_STREAM), -LA_EAFNOSUPPORT);
    assert_int_equal(la_socket(k, 77, LA_SOCK_DGRAM), -LA_EAFNOSUPPORT);
    assert_false(root_is_datagram(-LA_EBADF)); /* An error taken for a handle is a stale one. */
}

static void check_stream_verbs(struct la_stack *k, la_sock s, int want) {
    struct la_span span[2];
    struct la_room room[2];
    struct la_conn_info info;
    unsigned n;
    assert_int_equal(la_listen(k, s, 1), want);
    assert_int_equal(la_accept(k, s, NULL), want);
    assert_int_equal(la_peek(k, s, span, 2, &n), want);
    assert_int_equal(la_consume(k, s, 1, 0), want);
    assert_int_equal(la_reserve(k, s, 1, room, 2, &n), want);
    assert_int_equal(la_commit(k, s, 1, 0), want);
    assert_int_equal(la_shutdown(k, s, LA_SHUT_WR, 0), want);
    assert_int_equal(la_conn_info(k, s, &info), want);
}

static void datagrams_do_not_do_what_streams_do(void **state) {
    struct la_stack *k = *state;
    la_sock d = la_socket(k, LA_AF_INET, LA_SOCK_DGRAM);
    check_stream_verbs(k, d, -LA_EOPNOTSUPP);
    assert_int_equal(la_close(k, d, 0), 0);
    check_stream_verbs(k, d, -LA_EBADF);
    check_stream_verbs(k, 12345, -LA_EBADF);
    check_stream_verbs(k, -1, -LA_EBADF);
}

static void a_stale_handle_is_an_error_everywhere(void **state) {
    struct la_stack *k = *state;
    la_sock s[] = {la_socket(k, LA_AF_INET, LA_SOCK_STREAM), la_socket(k, LA_AF_INET, LA_SOCK_DGRAM), -1, 0, INT64_MAX};
    struct la_endpoint e = {.addr = la_addr4(10, 0, 0, 2), .port = 9};
    uint8_t byte = 0;
    int value = 1;
    size_t len = sizeof value;
    assert_int_equal(la_abort(k, s[0], 0), 0);
    assert_int_equal(la_abort(k, s[1], 0), 0);
    for (size_t i = 0; i < COUNT_OF(s); i++) {
        assert_int_equal(la_owner_set(k, s[i], 1), -LA_EBADF);
        assert_int_equal(la_bind(k, s[i], &e), -LA_EBADF);
        assert_int_equal(la_connect(k, s[i], &e, 0), -LA_EBADF);
        assert_int_equal(la_send(k, s[i], &byte, 1, 0, 0), -LA_EBADF);
        assert_int_equal(la_sendto(k, s[i], &byte, 1, &e, 0), -LA_EBADF);
        assert_int_equal(la_recv(k, s[i], &byte, 1, 0, 0), -LA_EBADF);
        assert_int_equal(la_recvfrom(k, s[i], &byte, 1, 0, &e, 0), -LA_EBADF);
        assert_int_equal(la_getsockname(k, s[i], &e), -LA_EBADF);
        assert_int_equal(la_getpeername(k, s[i], &e), -LA_EBADF);
        assert_int_equal(la_setsockopt(k, s[i], LA_SOL_SOCKET, LA_SO_REUSEADDR, &value, len, 0), -LA_EBADF);
        assert_int_equal(la_getsockopt(k, s[i], LA_SOL_SOCKET, LA_SO_REUSEADDR, &value, &len), -LA_EBADF);
        assert_int_equal(la_ready(k, s[i]), -LA_EBADF);
        assert_int_equal(la_close(k, s[i], 0), -LA_EBADF);
        assert_int_equal(la_abort(k, s[i], 0), -LA_EBADF);
    }
}

static void events_carry_the_handle_and_the_owner(void **state) {
    struct la_stack *k = *state;
    la_sock s = la_socket(k, LA_AF_INET, LA_SOCK_STREAM);
    struct la_endpoint e = {.addr = la_addr4(10, 0, 0, 2), .port = 9};
    struct la_event event;
    assert_int_equal(la_owner_set(k, s, 4711), 0);
    assert_int_equal(la_connect(k, s, &e, 0), -LA_EINPROGRESS);
    assert_false(la_next_event(k, &event));
    assert_int_equal(la_shutdown(k, s, LA_SHUT_RDWR, 0), 0); /* The attempt is given up. */
    assert_true(la_next_event(k, &event));
    assert_true(event.sock == s && event.owner == 4711 && event.events & LA_EV_CLOSED);
    assert_false(la_next_event(k, &event));
}

#define SOCKET_TEST(f) cmocka_unit_test_setup_teardown(f, make, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SOCKET_TEST(handles_of_the_two_kinds_never_meet),
        SOCKET_TEST(datagrams_do_not_do_what_streams_do),
        SOCKET_TEST(a_stale_handle_is_an_error_everywhere),
        SOCKET_TEST(events_carry_the_handle_and_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
