/* TCP_INFO: Linux's offsets, numbers and units. */
#define _GNU_SOURCE /* Names of newer options and structures. */
#include <lastack/tcp_info.h>

#include "sys_rig.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static struct la_tcp_info info_of(unsigned end, int fd) {
    struct la_tcp_info info;
    socklen_t len = sizeof info;
    assert_int_equal(DO(end, GETSOCKOPT, (uintptr_t)fd, IPPROTO_TCP, TCP_INFO, P(&info), P(&len)), 0);
    assert_int_equal(len, sizeof info);
    return info;
}

/* The part that libc knows lies where libc has it. */
static void the_layout_is_linux(void **unused) {
    (void)unused;
    assert_int_equal(sizeof(struct la_tcp_info), 280);
    assert_int_equal(offsetof(struct la_tcp_info, tcpi_rto), offsetof(struct tcp_info, tcpi_rto));
    assert_int_equal(offsetof(struct la_tcp_info, tcpi_rtt), offsetof(struct tcp_info, tcpi_rtt));
    assert_int_equal(offsetof(struct la_tcp_info, tcpi_total_retrans), offsetof(struct tcp_info, tcpi_total_retrans));
    assert_int_equal(offsetof(struct la_tcp_info, tcpi_bytes_acked), 120);
    assert_int_equal(offsetof(struct la_tcp_info, tcpi_busy_time), 168);
    assert_int_equal(offsetof(struct la_tcp_info, tcpi_snd_wnd), 228);
    assert_int_equal(offsetof(struct la_tcp_info, tcpi_total_rto), 240);
}

static void states_and_amounts(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    struct la_tcp_info info = info_of(B, p.listener);
    assert_int_equal(info.tcpi_state, LA_TCPI_LISTEN);
    assert_int_equal(info.tcpi_sacked, 8);
    int fd = (int)DO(A, SOCKET, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(info_of(A, fd).tcpi_state, LA_TCPI_CLOSE);
    char data[4000] = "";
    assert_int_equal(DO(A, SEND, (uintptr_t)p.a, P(data), sizeof data, 0), 4000);
    info = info_of(A, p.a);
    assert_int_equal(info.tcpi_state, LA_TCPI_ESTABLISHED);
    assert_int_equal(info.tcpi_notsent_bytes, 4000);
    assert_int_equal(info.tcpi_unacked, 0);
    assert_int_equal(info.tcpi_snd_cwnd, 10);
    assert_int_equal(info.tcpi_snd_ssthresh, 0x7fffffff);
    assert_in_range(info.tcpi_rto, 200000, 1000000);
    pass(100);
    info = info_of(A, p.a);
    assert_int_equal(info.tcpi_unacked, 0);
    assert_in_range(info.tcpi_bytes_acked, 4000, 4001);
    assert_int_equal(info_of(B, p.b).tcpi_bytes_received, 4000);
    sys_rig.cut = true;
    assert_int_equal(DO(A, SEND, (uintptr_t)p.a, P(data), sizeof data, 0), 4000);
    pass(1);
    assert_int_equal(info_of(A, p.a).tcpi_unacked, 3);
    pass(1000);
    info = info_of(A, p.a);
    assert_true(info.tcpi_retransmits >= 1 && info.tcpi_backoff >= 1 && info.tcpi_total_retrans >= 1);
    assert_int_equal(info.tcpi_ca_state, LA_TCPI_CA_LOSS);
}

static void time_wait_is_closed_for_its_owner(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    assert_int_equal(DO(A, SHUTDOWN, (uintptr_t)p.a, SHUT_WR), 0);
    pass(60);
    assert_int_equal(info_of(A, p.a).tcpi_state, LA_TCPI_FIN_WAIT2);
    assert_int_equal(info_of(B, p.b).tcpi_state, LA_TCPI_CLOSE_WAIT);
    assert_int_equal(DO(B, SHUTDOWN, (uintptr_t)p.b, SHUT_WR), 0);
    pass(5);
    assert_int_equal(info_of(A, p.a).tcpi_state, LA_TCPI_CLOSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SYS_TEST(the_layout_is_linux),
        SYS_TEST(states_and_amounts),
        SYS_TEST(time_wait_is_closed_for_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
