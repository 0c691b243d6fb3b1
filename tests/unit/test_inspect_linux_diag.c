/* inspect/linux_diag*.c: rows of the kernel's list as literal messages, and real sockets on loopback in every state
 * that can be staged there. As root, or where user namespaces are allowed, in a network namespace of its own. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "inspect/linux.h"
#include "inspect/linux_diag.h"

#define MS LA_MS

/* --- Literal messages --- */

struct message {
    _Alignas(struct nlmsghdr) uint8_t bytes[1024];
};

static struct nlmsghdr *header(struct message *message) { return (void *)message->bytes; }

static void begin(struct message *message, struct inet_diag_msg row) {
    memset(message, 0, sizeof *message);
    if (!row.idiag_family) row.idiag_family = AF_INET;
    memcpy(message->bytes + NLMSG_HDRLEN, &row, sizeof row);
    header(message)->nlmsg_len = NLMSG_LENGTH(sizeof row);
    header(message)->nlmsg_type = SOCK_DIAG_BY_FAMILY;
}

/* A whole socket: with its shutdown bits, and tcp_info where given. */
static void whole(struct message *message, struct inet_diag_msg row, uint8_t shutdown, const struct tcp_info *info) {
    begin(message, row);
    if (info) mnl_attr_put(header(message), INET_DIAG_INFO, sizeof *info, info);
    mnl_attr_put(header(message), INET_DIAG_SHUTDOWN, 1, &shutdown);
}

static struct snap_conn read_as(struct message *message, la_time fin_timeout) {
    struct snap *snap = snap_new();
    struct diag_host host = {0, fin_timeout};
    assert_true(linux_diag_read(snap, header(message), &host));
    assert_int_equal(snap->nconns, 1);
    struct snap_conn conn = snap->conns[0];
    snap_free(snap);
    return conn;
}

static struct snap_conn read_one(struct message *message) { return read_as(message, 60 * LA_SECOND); }

#define assert_age(conn, from, to)                                                                                     \
    do {                                                                                                               \
        assert_int_equal((conn).age.least, from);                                                                      \
        assert_int_equal((conn).age.most, to);                                                                         \
    } while (0)

static void a_row_is_taken_apart(void **state) {
    (void)state;
    struct inet_diag_msg row = {.idiag_state = 1,
                                .idiag_inode = 4711,
                                .idiag_uid = 1000,
                                .idiag_rqueue = 5,
                                .idiag_wqueue = 7,
                                .idiag_timer = 1,
                                .idiag_retrans = 2,
                                .idiag_expires = 150};
    row.id.idiag_sport = htons(443);
    row.id.idiag_dport = htons(51234);
    row.id.idiag_src[0] = htonl(0x0a000001);
    row.id.idiag_dst[0] = htonl(0x0a000002);
    row.id.idiag_cookie[0] = 0x1d7b0;
    row.id.idiag_cookie[1] = 3;
    struct tcp_info info = {.tcpi_rtt = 300,
                            .tcpi_rto = 204000,
                            .tcpi_snd_cwnd = 10,
                            .tcpi_snd_mss = 1000,
                            .tcpi_bytes_received = 50,
                            .tcpi_bytes_sent = 29,
                            .tcpi_bytes_retrans = 2,
                            .tcpi_notsent_bytes = 3,
                            .tcpi_last_data_sent = 10,
                            .tcpi_last_data_recv = 20,
                            .tcpi_last_ack_recv = 30,
                            .tcpi_snd_wnd = 8192,
                            .tcpi_total_retrans = 4,
                            .tcpi_lost = 1,
                            .tcpi_rwnd_limited = 9};
    struct message message;
    whole(&message, row, 0, &info);
    uint64_t cgroup = 77;
    mnl_attr_put(header(&message), INET_DIAG_CGROUP_ID, sizeof cgroup, &cgroup);
    struct snap_conn conn = read_one(&message);
    struct la_addr local = la_addr4(10, 0, 0, 1), peer = la_addr4(10, 0, 0, 2);
    assert_true(la_addr_equal(&conn.local.addr, &local) && conn.local.port == 443);
    assert_true(la_addr_equal(&conn.peer.addr, &peer) && conn.peer.port == 51234);
    assert_int_equal(conn.cookie, 0x30001d7b0);
    assert_int_equal(conn.inode, 4711);
    assert_int_equal(conn.uid, 1000);
    assert_int_equal(conn.state, LA_ESTABLISHED);
    assert_int_equal(conn.marks, SNAP_MEASURED);
    assert_int_equal(conn.timer, LA_TIMER_RETRANSMIT);
    assert_int_equal(conn.timer_left, 150 * MS);
    assert_int_equal(conn.tries, 2);
    assert_int_equal(conn.recv_queue, 5);
    assert_int_equal(conn.send_queue, 7);
    assert_int_equal(conn.unsent, 3);
    assert_int_equal(conn.bytes_in, 50);
    assert_int_equal(conn.bytes_out, 23); /* 27 once, 4 of which fly. */
    assert_int_equal(conn.rtt, 300 * LA_US);
    assert_int_equal(conn.cwnd, 10000);
    assert_int_equal(conn.peer_window, 8192);
    assert_int_equal(conn.data_received, 20 * MS);
    assert_int_equal(conn.cgroup, 77);
    assert_int_equal(conn.eof, SNAP_EOF_NONE);
    assert_age(conn, 30 * MS, LA_NEVER);
}

static void requests_records_and_queued_connections_are_told_apart(void **state) {
    (void)state;
    struct message message;
    begin(&message,
          (struct inet_diag_msg){.idiag_state = 3, .idiag_timer = 1, .idiag_retrans = 1, .idiag_expires = 1500});
    struct snap_conn conn = read_one(&message);
    assert_int_equal(conn.state, LA_SYN_RCVD);
    assert_int_equal(conn.marks, SNAP_EMBRYO);
    assert_int_equal(conn.uid, UINT32_MAX);
    assert_int_equal(conn.tries, 1);
    assert_age(conn, 1500 * MS, LA_NEVER); /* 1 s, and 0.5 s of 2 s. */

    begin(&message, (struct inet_diag_msg){.idiag_state = 6, .idiag_timer = 3, .idiag_expires = 45000});
    conn = read_one(&message);
    assert_int_equal(conn.state, LA_TIME_WAIT);
    assert_int_equal(conn.marks, SNAP_RECORD);
    assert_int_equal(conn.timer, LA_TIMER_TIME_WAIT);
    assert_int_equal(conn.shut, SNAP_SHUT_READ | SNAP_SHUT_WRITE);
    assert_age(conn, 15 * LA_SECOND, 15 * LA_SECOND);

    whole(&message, (struct inet_diag_msg){.idiag_state = 1}, 0, NULL);
    assert_int_equal(read_one(&message).marks, SNAP_QUEUED);
    whole(&message, (struct inet_diag_msg){.idiag_state = 8, .idiag_rqueue = 1}, 1, NULL);
    conn = read_one(&message);
    assert_int_equal(conn.marks, SNAP_QUEUED);
    assert_int_equal(conn.eof, SNAP_EOF_UNREAD);
    whole(&message, (struct inet_diag_msg){.idiag_state = 9, .idiag_rqueue = 1}, 3, NULL);
    conn = read_one(&message);
    assert_int_equal(conn.marks, 0); /* An orphan: there is nobody to read it. */
    assert_int_equal(conn.eof, SNAP_EOF_AMBIGUOUS);
}

static void the_three_kinds_of_fin_wait_2(void **state) {
    (void)state;
    struct message message;
    struct tcp_info info = {.tcpi_last_ack_recv = 500, .tcpi_last_data_sent = 3000, .tcpi_bytes_sent = 1};
    whole(&message, (struct inet_diag_msg){.idiag_state = 5, .idiag_inode = 9}, 2, &info);
    struct snap_conn conn = read_one(&message);
    assert_int_equal(conn.timer, LA_NTIMERS);
    assert_int_equal(conn.timer_left, LA_NEVER);
    assert_int_equal(conn.marks, SNAP_MEASURED);
    assert_int_equal(conn.shut, SNAP_SHUT_WRITE);
    assert_age(conn, 500 * MS, 3000 * MS);

    struct inet_diag_msg record = {.idiag_state = 5, .idiag_timer = 3, .idiag_expires = 20000};
    begin(&message, record);
    conn = read_one(&message);
    assert_int_equal(conn.marks, SNAP_RECORD);
    assert_int_equal(conn.timer, LA_TIMER_FIN_WAIT_2);
    assert_age(conn, 40 * LA_SECOND, 40 * LA_SECOND);
    conn = read_as(&message, 15 * LA_SECOND); /* More is left than there was: TCP_LINGER2. */
    assert_age(conn, 0, LA_NEVER);
    conn = read_as(&message, 90 * LA_SECOND); /* 30 s as a socket, 10 s of 30 as a record. */
    assert_age(conn, 40 * LA_SECOND, 40 * LA_SECOND);

    whole(&message, (struct inet_diag_msg){.idiag_state = 5, .idiag_timer = 2, .idiag_expires = 10000}, 3, &info);
    conn = read_as(&message, 90 * LA_SECOND);
    assert_int_equal(conn.timer, LA_TIMER_FIN_WAIT_2);
    assert_int_equal(conn.marks, SNAP_MEASURED);
    assert_age(conn, 20 * LA_SECOND, 20 * LA_SECOND);
}

static void end_of_file_by_the_queue(void **state) {
    (void)state;
    struct message message;
    struct tcp_info info = {.tcpi_last_ack_recv = 1000, .tcpi_last_data_recv = 3000, .tcpi_bytes_received = 11};
    whole(&message, (struct inet_diag_msg){.idiag_state = 8, .idiag_inode = 9, .idiag_rqueue = 11}, 1, &info);
    struct snap_conn conn = read_one(&message);
    assert_int_equal(conn.eof, SNAP_EOF_UNREAD);
    assert_int_equal(conn.recv_queue, 10);
    assert_int_equal(conn.bytes_in, 10);
    assert_age(conn, 1000 * MS, 3000 * MS);

    whole(&message, (struct inet_diag_msg){.idiag_state = 8, .idiag_inode = 9}, 1, &info);
    assert_int_equal(read_one(&message).eof, SNAP_EOF_AMBIGUOUS);

    /* Clocks that tick may put the two the wrong way round. */
    info.tcpi_last_ack_recv = 3008;
    whole(&message, (struct inet_diag_msg){.idiag_state = 8, .idiag_inode = 9}, 1, &info);
    conn = read_one(&message);
    assert_age(conn, 3000 * MS, 3000 * MS);
}

static void unanswered_segments_tell_their_age(void **state) {
    (void)state;
    struct message message;
    /* Four timeouts of 1 s without doubling, then 2 s of which 1.5 s are left; what tcp_info counts from boot is not
     * taken. */
    struct tcp_info info = {.tcpi_retransmits = 5,
                            .tcpi_backoff = 1,
                            .tcpi_rto = 2000000,
                            .tcpi_last_data_sent = 911664,
                            .tcpi_last_data_recv = 911664,
                            .tcpi_last_ack_recv = 911664,
                            .tcpi_unacked = 1};
    struct inet_diag_msg row = {.idiag_state = 2,
                                .idiag_inode = 9,
                                .idiag_timer = 1,
                                .idiag_retrans = 5,
                                .idiag_wqueue = 1,
                                .idiag_expires = 1500};
    whole(&message, row, 0, &info);
    struct snap_conn conn = read_one(&message);
    assert_int_equal(conn.send_queue, 0); /* A SYN is no data. */
    assert_int_equal(conn.data_received, LA_NEVER);
    assert_int_equal(conn.ack_received, LA_NEVER);
    assert_age(conn, 5500 * MS, 6125 * MS);

    /* A FIN alone, sent again three times: 0.2 + 0.4 + 0.8 s, and 1 s of 1.6 s. */
    info =
        (struct tcp_info){.tcpi_retransmits = 3, .tcpi_backoff = 3, .tcpi_rto = 1600000, .tcpi_last_data_recv = 9000};
    row.idiag_state = 9;
    row.idiag_expires = 600;
    whole(&message, row, 3, &info);
    conn = read_one(&message);
    assert_age(conn, 2400 * MS, 9000 * MS);

    row.idiag_wqueue = 100; /* With data before it nothing is known. */
    whole(&message, row, 3, &info);
    conn = read_one(&message);
    assert_age(conn, 0, 9000 * MS);
}

static void probes_of_windows_and_of_losses(void **state) {
    (void)state;
    struct message message;
    struct tcp_info info = {.tcpi_unacked = 0};
    struct inet_diag_msg row = {.idiag_state = 1, .idiag_inode = 9, .idiag_timer = 4, .idiag_expires = 1};
    whole(&message, row, 0, &info);
    assert_int_equal(read_one(&message).timer, LA_TIMER_PERSIST);
    info.tcpi_unacked = 1;
    whole(&message, row, 0, &info);
    assert_int_equal(read_one(&message).timer, LA_TIMER_RETRANSMIT);
    row.idiag_timer = 2;
    row.idiag_expires = UINT32_MAX - 3; /* Overdue. */
    whole(&message, row, 0, &info);
    assert_int_equal(read_one(&message).timer, LA_TIMER_KEEPALIVE);
    assert_int_equal(read_one(&message).timer_left, 0);
}

static void a_short_or_foreign_message_adds_nothing(void **state) {
    (void)state;
    struct snap *snap = snap_new();
    struct diag_host host = {0, LA_NEVER};
    struct message message;
    begin(&message, (struct inet_diag_msg){.idiag_state = 1});
    header(&message)->nlmsg_len -= 4;
    assert_true(linux_diag_read(snap, header(&message), &host));
    begin(&message, (struct inet_diag_msg){.idiag_state = 99});
    assert_true(linux_diag_read(snap, header(&message), &host));
    begin(&message, (struct inet_diag_msg){.idiag_state = 1, .idiag_family = AF_UNIX});
    assert_true(linux_diag_read(snap, header(&message), &host));
    assert_int_equal(snap->nconns, 0);

    /* An attribute that claims more than there is, and tcp_info of a kernel that knew less. */
    uint32_t words[8] = {0};
    begin(&message, (struct inet_diag_msg){.idiag_state = 1});
    mnl_attr_put(header(&message), INET_DIAG_INFO, sizeof words, words);
    mnl_attr_put(header(&message), INET_DIAG_SHUTDOWN, 0, words);
    struct nlattr liar = {200, INET_DIAG_SKMEMINFO};
    memcpy(message.bytes + header(&message)->nlmsg_len, &liar, sizeof liar);
    header(&message)->nlmsg_len += (uint32_t)sizeof liar;
    assert_true(linux_diag_read(snap, header(&message), &host));
    assert_int_equal(snap->nconns, 1);
    assert_int_equal(snap->conns[0].peer_window, UINT32_MAX);
    snap_free(snap);
}

/* --- Real sockets --- */

struct stage {
    int listener, client, server;
    uint16_t port, client_port;
};

static void pause_for(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time)) continue;
}

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

static uint16_t port_of(int fd) {
    struct sockaddr_in6 name; /* The port is at the same place in both. */
    socklen_t len = sizeof name;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    return ntohs(name.sin6_port);
}

static int listen_at(int backlog, uint16_t *port) {
    struct sockaddr_in name = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, backlog), 0);
    *port = port_of(fd);
    return fd;
}

/* Connects without waiting. */
static int dial(uint16_t port) {
    struct sockaddr_in name = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    (void)connect(fd, (struct sockaddr *)&name, sizeof name);
    return fd;
}

static struct stage set_up(void) {
    struct stage stage;
    stage.listener = listen_at(8, &stage.port);
    stage.client = dial(stage.port);
    stage.client_port = port_of(stage.client);
    stage.server = accept4(stage.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(stage.server >= 0);
    return stage;
}

/* A server socket resets, so that nothing stays behind. */
static void tear_down(const struct stage *stage) {
    struct linger now = {1, 0};
    if (stage->server >= 0) {
        setsockopt(stage->server, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(stage->server);
    }
    if (stage->client >= 0) close(stage->client);
    close(stage->listener);
}

static struct snap *look_at(unsigned parts, uint32_t states) {
    struct snap *snap = snap_new();
    assert_non_null(snap);
    assert_non_null(snap_add_netns(snap));
    assert_int_equal(linux_diag(snap, 0, parts, states), 0);
    return snap;
}

static const struct snap_conn *seek(const struct snap *snap, uint16_t local, uint16_t peer) {
    for (uint32_t i = 0; i < snap->nconns; i++)
        if (snap->conns[i].local.port == local && snap->conns[i].peer.port == peer) return &snap->conns[i];
    return NULL;
}

/* The row of a connection at this moment. */
static struct snap_conn now_at(uint16_t local, uint16_t peer) {
    struct snap *snap = look_at(LINUX_MEASURED, 0);
    const struct snap_conn *found = seek(snap, local, peer);
    assert_non_null(found);
    struct snap_conn conn = *found;
    snap_free(snap);
    return conn;
}

static uint64_t cookie_of(int fd) {
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
    return cookie;
}

static la_time clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (la_time)now.tv_sec * LA_SECOND + (la_time)now.tv_nsec;
}

/* What began at `began`, then waited for at least `ms`, has this age, give or take the kernel's ticks. */
static void check_age(const struct snap_age *age, la_time began, la_time ms) {
    la_time ticks = 20 * MS;
    assert_true(age->least <= clock_now() - began + ticks);
    assert_true(age->most >= ms * MS - ticks);
}

/* The same, and known to a quarter of a second. */
static void check_exact(const struct snap_age *age, la_time began, la_time ms) {
    check_age(age, began, ms);
    assert_true(age->most - age->least <= 250 * MS);
}

static void an_established_connection(void **state) {
    (void)state;
    la_time began = clock_now();
    struct stage stage = set_up();
    pause_for(100);
    struct snap_conn conn = now_at(stage.client_port, stage.port);
    assert_int_equal(conn.state, LA_ESTABLISHED);
    assert_int_equal(conn.cookie, cookie_of(stage.client));
    assert_true(conn.inode);
    assert_int_equal(conn.uid, geteuid());
    assert_true(conn.age.least == conn.age.most); /* No data yet: exact. */
    check_age(&conn.age, began, 100);
    assert_int_equal(conn.data_sent, LA_NEVER);
    assert_int_equal(conn.bytes_out, 0);

    assert_int_equal(send(stage.client, "hello", 5, 0), 5);
    assert_int_equal(send(stage.server, "you", 3, 0), 3);
    pause_for(60);
    conn = now_at(stage.client_port, stage.port);
    assert_int_equal(conn.bytes_out, 5);
    assert_int_equal(conn.bytes_in, 3);
    assert_int_equal(conn.recv_queue, 3);
    assert_int_equal(conn.age.most, LA_NEVER);
    check_age(&conn.age, began, 160);
    assert_true(conn.age.least >= 40 * MS);
    tear_down(&stage);
}

static void close_wait_with_end_of_file_unread_and_read(void **state) {
    (void)state;
    char room[16];
    struct stage stage = set_up();
    assert_int_equal(send(stage.client, "0123456789", 10, 0), 10);
    pause_for(100);
    la_time began = clock_now();
    shutdown(stage.client, SHUT_WR);
    pause_for(150);
    struct snap_conn conn = now_at(stage.port, stage.client_port);
    assert_int_equal(conn.state, LA_CLOSE_WAIT);
    assert_int_equal(conn.eof, SNAP_EOF_UNREAD);
    assert_int_equal(conn.recv_queue, 10);
    assert_int_equal(conn.bytes_in, 10);
    assert_int_equal(conn.shut, SNAP_SHUT_READ);
    check_age(&conn.age, began, 150);
    assert_true(conn.age.least >= 130 * MS && conn.age.most >= 230 * MS && conn.age.most != LA_NEVER);

    /* The half-closed end, that its program holds: it never ends by itself. */
    conn = now_at(stage.client_port, stage.port);
    assert_int_equal(conn.state, LA_FIN_WAIT_2);
    assert_int_equal(conn.timer, LA_NTIMERS);
    assert_int_equal(conn.shut, SNAP_SHUT_WRITE);
    assert_true(conn.inode);
    check_age(&conn.age, began, 150);
    assert_true(conn.age.least >= 80 * MS); /* The answer to a FIN may take 40 ms. */

    assert_int_equal(recv(stage.server, room, sizeof room, 0), 10);
    assert_int_equal(recv(stage.server, room, sizeof room, 0), 0);
    conn = now_at(stage.port, stage.client_port);
    assert_int_equal(conn.eof, SNAP_EOF_AMBIGUOUS);
    assert_int_equal(conn.recv_queue, 0);

    /* Its row without tcp_info still tells what is unread, and nothing of ages. */
    struct snap *snap = look_at(0, 1U << LA_CLOSE_WAIT);
    const struct snap_conn *bare = seek(snap, stage.port, stage.client_port);
    assert_non_null(bare);
    assert_int_equal(bare->marks, 0);
    assert_int_equal(bare->age.most, LA_NEVER);
    for (uint32_t i = 0; i < snap->nconns; i++) assert_int_equal(snap->conns[i].state, LA_CLOSE_WAIT);
    snap_free(snap);
    tear_down(&stage);
}

static void an_orphan_in_fin_wait_2_and_time_wait(void **state) {
    (void)state;
    struct stage stage = set_up();
    uint64_t cookie = cookie_of(stage.client);
    la_time began = clock_now();
    close(stage.client);
    stage.client = -1;
    pause_for(150);
    struct snap_conn conn = now_at(stage.client_port, stage.port);
    assert_int_equal(conn.state, LA_FIN_WAIT_2);
    assert_int_equal(conn.inode, 0);
    assert_int_equal(conn.timer, LA_TIMER_FIN_WAIT_2);
    assert_int_equal(conn.cookie, cookie);
    check_exact(&conn.age, began, 150);

    struct snap_conn other = now_at(stage.port, stage.client_port);
    assert_int_equal(other.state, LA_CLOSE_WAIT);
    began = clock_now();
    close(stage.server);
    stage.server = -1;
    pause_for(150);
    conn = now_at(stage.client_port, stage.port);
    assert_int_equal(conn.state, LA_TIME_WAIT);
    assert_int_equal(conn.marks, SNAP_RECORD);
    assert_int_equal(conn.cookie, cookie);
    check_exact(&conn.age, began, 150);
    tear_down(&stage);
}

static void listeners_their_queues_and_who_waits_in_them(void **state) {
    (void)state;
    uint16_t port;
    la_time began = clock_now(), last = began;
    int listener = listen_at(1, &port), clients[4];
    for (int i = 0; i < 4; i++) {
        last = clock_now();
        clients[i] = dial(port);
        pause_for(10);
    }
    pause_for(1300);
    struct snap *snap = look_at(LINUX_MEASURED, 0);
    const struct snap_conn *conn = seek(snap, port, 0);
    assert_non_null(conn);
    assert_int_equal(conn->state, LA_LISTEN);
    assert_int_equal(conn->recv_queue, 2); /* Linux accepts one more than was asked for. */
    assert_int_equal(conn->send_queue, 1);
    assert_in_range(conn->drops, 1, 100);
    assert_true(conn->inode);

    conn = seek(snap, port, port_of(clients[0]));
    assert_non_null(conn);
    assert_int_equal(conn->state, LA_ESTABLISHED);
    assert_true(conn->marks & SNAP_QUEUED);
    assert_int_equal(conn->inode, 0);
    assert_int_equal(conn->uid, UINT32_MAX);
    check_exact(&conn->age, began, 1300);

    conn = seek(snap, port_of(clients[3]), port);
    assert_non_null(conn);
    assert_int_equal(conn->state, LA_SYN_SENT);
    assert_int_equal(conn->timer, LA_TIMER_RETRANSMIT);
    assert_true(conn->tries >= 1);
    assert_int_equal(conn->data_sent, LA_NEVER);
    check_exact(&conn->age, last, 1300);
    snap_free(snap);

    snap = look_at(0, 1U << LA_LISTEN);
    for (uint32_t i = 0; i < snap->nconns; i++) assert_int_equal(snap->conns[i].state, LA_LISTEN);
    assert_non_null(seek(snap, port, 0));
    snap_free(snap);
    for (int i = 0; i < 4; i++) close(clients[i]);
    close(listener);
}

/* With TCP_DEFER_ACCEPT a connection stays a request until data come. */
static void a_request_in_the_syn_queue(void **state) {
    (void)state;
    uint16_t port;
    int listener = listen_at(8, &port), wait = 30;
    assert_int_equal(setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &wait, sizeof wait), 0);
    la_time began = clock_now();
    int client = dial(port);
    pause_for(100);
    struct snap *snap = look_at(LINUX_MEASURED, 1U << LA_SYN_RCVD | 1U << LA_LISTEN);
    const struct snap_conn *conn = seek(snap, port, port_of(client));
    assert_non_null(conn);
    assert_int_equal(conn->state, LA_SYN_RCVD);
    assert_int_equal(conn->marks, SNAP_EMBRYO);
    assert_int_equal(conn->timer, LA_TIMER_RETRANSMIT);
    check_age(&conn->age, began, 100);
    snap_finish(snap);
    assert_int_equal(seek(snap, port, 0)->embryos, 1);
    snap_free(snap);
    close(client);
    close(listener);
}

static void connections_over_ipv4_of_an_ipv6_socket(void **state) {
    (void)state;
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), no = 0;
    if (listener < 0) skip();
    setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 8)) {
        close(listener);
        skip();
    }
    uint16_t port = port_of(listener);
    int client = dial(port), server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(server >= 0);
    struct snap *snap = look_at(LINUX_MEASURED, 0);
    const struct snap_conn *near = seek(snap, port, port_of(client)), *far = seek(snap, port_of(client), port);
    assert_true(near && far);
    assert_true(la_addr_is4(&near->local.addr) && la_addr_is4(&near->peer.addr));
    snap_finish(snap);
    assert_int_equal(near->pair, far - snap->conns);
    uint32_t rows = 0;
    for (uint32_t i = 0; i < snap->nconns; i++) rows += snap->conns[i].cookie == near->cookie;
    assert_int_equal(rows, 1);
    snap_free(snap);
    close(client);
    close(server);
    close(listener);
}

static void a_zero_window_and_keepalive(void **state) {
    (void)state;
    static char data[65536];
    struct stage stage = set_up();
    int yes = 1, idle = 100;
    setsockopt(stage.server, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(stage.server, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    while (send(stage.client, data, sizeof data, MSG_NOSIGNAL) > 0) continue;
    pause_for(100);
    while (send(stage.client, data, sizeof data, MSG_NOSIGNAL) > 0) continue;
    pause_for(300);
    struct snap_conn conn = now_at(stage.client_port, stage.port);
    assert_int_equal(conn.timer, LA_TIMER_PERSIST);
    assert_true(conn.send_queue && conn.unsent && conn.send_queue >= conn.unsent);
    assert_true(conn.window_limited > 0);
    conn = now_at(stage.port, stage.client_port);
    assert_int_equal(conn.timer, LA_TIMER_KEEPALIVE);
    assert_in_range(conn.timer_left / LA_SECOND, 90, 101);
    assert_true(conn.recv_queue > 0);
    tear_down(&stage);
}

static void sockets_that_are_only_bound_are_for_who_asks(void **state) {
    (void)state;
    struct sockaddr_in name = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    struct snap *snap = look_at(0, 0);
    assert_null(seek(snap, port_of(fd), 0));
    snap_free(snap);
    snap = look_at(0, 1U << LA_CLOSED);
    for (uint32_t i = 0; i < snap->nconns; i++) assert_int_equal(snap->conns[i].state, LA_CLOSED);
    snap_free(snap);
    /* All but listeners, as listings ask. */
    snap = look_at(0, ~(1U << LA_LISTEN));
    assert_null(seek(snap, port_of(fd), 0));
    snap_free(snap);
    close(fd);
}

/* Both ends open at once: the time of the latest data received then counts from when the host was started. */
static void a_socket_connected_to_itself_has_its_own_age(void **state) {
    (void)state;
    struct sockaddr_in name = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    name = loopback(port_of(fd));
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    pause_for(100);
    struct snap_conn conn = now_at(port_of(fd), port_of(fd));
    assert_int_equal(conn.state, LA_ESTABLISHED);
    assert_true(conn.age.least < 10 * LA_SECOND && conn.age.most < 10 * LA_SECOND);
    close(fd);
}

/* --- */

static void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = write(fd, text, strlen(text));
    (void)n;
    close(fd);
}

/* Other traffic does not disturb in a namespace of one's own. Without one the tests find their rows by their ports. */
static void enter_own_netns(void) {
    char map[64];
    unsigned uid = geteuid();
    if (unshare(CLONE_NEWNET)) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET)) return;
        snprintf(map, sizeof map, "%u %u 1", uid, uid);
        write_file("/proc/self/uid_map", map);
    }
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    if (ioctl(fd, SIOCSIFFLAGS, &lo)) fprintf(stderr, "lo stays down\n");
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_taken_apart),
        cmocka_unit_test(requests_records_and_queued_connections_are_told_apart),
        cmocka_unit_test(the_three_kinds_of_fin_wait_2),
        cmocka_unit_test(end_of_file_by_the_queue),
        cmocka_unit_test(unanswered_segments_tell_their_age),
        cmocka_unit_test(probes_of_windows_and_of_losses),
        cmocka_unit_test(a_short_or_foreign_message_adds_nothing),
        cmocka_unit_test(an_established_connection),
        cmocka_unit_test(close_wait_with_end_of_file_unread_and_read),
        cmocka_unit_test(an_orphan_in_fin_wait_2_and_time_wait),
        cmocka_unit_test(listeners_their_queues_and_who_waits_in_them),
        cmocka_unit_test(a_request_in_the_syn_queue),
        cmocka_unit_test(connections_over_ipv4_of_an_ipv6_socket),
        cmocka_unit_test(a_zero_window_and_keepalive),
        cmocka_unit_test(sockets_that_are_only_bound_are_for_who_asks),
        cmocka_unit_test(a_socket_connected_to_itself_has_its_own_age),
    };
    enter_own_netns();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
