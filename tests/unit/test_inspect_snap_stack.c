/* inspect/snap_stack.c: what a stack knows about its connections is in the snapshot, exactly. */
#include "sys_rig.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "inspect/snap_stack.h"

#define FD(fd) ((uintptr_t)(fd))

static const struct stack_names names = {4711, "server"};

static struct snap *look(unsigned end) {
    struct snap *snap = snap_new();
    assert_non_null(snap);
    stack_snap(sys_rig.end[end].stack, sys_rig.now, &names, snap);
    assert_false(snap->failed);
    return snap;
}

/* The only one in a state. */
static const struct snap_conn *in_state(const struct snap *snap, enum la_state state) {
    const struct snap_conn *found = NULL;
    for (uint32_t i = 0; i < snap->nconns; i++) {
        if (snap->conns[i].state != state) continue;
        assert_null(found);
        found = &snap->conns[i];
    }
    assert_non_null(found);
    return found;
}

static void exactly(const struct snap_age *age, uint64_t ms) {
    assert_true(snap_age_exact(age));
    assert_int_equal(age->least / LA_MS, ms);
}

static void moved(const struct snap *snap, const struct snap_conn *conn, unsigned i, enum la_state to,
                  const char *cause) {
    assert_true(i < conn->nmoves);
    const struct snap_move *move = &snap->moves[conn->first_move + i];
    assert_int_equal(move->to, to);
    assert_string_equal(move->cause, cause);
}

static void close_wait_with_end_of_file_unread_and_read(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    char data[16];
    assert_int_equal(DO(A, WRITE, FD(p.a), P("hello"), 5), 5);
    assert_int_equal(DO(A, CLOSE, FD(p.a)), 0);
    pass(300);
    struct snap *snap = look(B);
    const struct snap_conn *conn = in_state(snap, LA_CLOSE_WAIT);
    assert_int_equal(conn->eof, SNAP_EOF_UNREAD);
    assert_int_equal(conn->recv_queue, 5);
    assert_int_equal(conn->timer, LA_NTIMERS);
    assert_true(conn->timer_left == LA_NEVER && conn->marks == SNAP_MEASURED && conn->cookie != 0);
    exactly(&conn->age, 300);
    exactly(&(struct snap_age){conn->data_received, conn->data_received}, 300);
    moved(snap, conn, 0, LA_SYN_RCVD, "SYN arrived");
    moved(snap, conn, 1, LA_ESTABLISHED, "ACK arrived");
    moved(snap, conn, 2, LA_CLOSE_WAIT, "FIN+PSH+ACK arrived");
    snap_free(snap);

    assert_int_equal(DO(B, READ, FD(p.b), P(data), sizeof data), 5);
    snap = look(B);
    assert_int_equal(in_state(snap, LA_CLOSE_WAIT)->eof, SNAP_EOF_UNREAD); /* Where Linux cannot know. */
    snap_free(snap);

    assert_int_equal(DO(B, READ, FD(p.b), P(data), sizeof data), 0);
    pass(700);
    snap = look(B);
    conn = in_state(snap, LA_CLOSE_WAIT);
    assert_int_equal(conn->eof, SNAP_EOF_READ);
    exactly(&conn->age, 1000);
    snap_free(snap);
}

static void fin_wait_2_half_closed_and_orphaned(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    assert_int_equal(DO(A, SHUTDOWN, FD(p.a), SHUT_WR), 0);
    pass(200);
    struct snap *snap = look(A);
    const struct snap_conn *conn = in_state(snap, LA_FIN_WAIT_2);
    assert_true(conn->nowners == 1 && conn->shut == SNAP_SHUT_WRITE && conn->marks == SNAP_MEASURED);
    assert_int_equal(conn->timer, LA_NTIMERS);
    moved(snap, conn, 2, LA_FIN_WAIT_1, "shutdown()");
    moved(snap, conn, 3, LA_FIN_WAIT_2, "ACK arrived");
    snap_free(snap);

    assert_int_equal(DO(A, CLOSE, FD(p.a)), 0);
    pass(10000);
    snap = look(A);
    conn = in_state(snap, LA_FIN_WAIT_2);
    assert_true(conn->nowners == 0 && conn->marks == SNAP_RECORD && conn->timer == LA_TIMER_FIN_WAIT_2);
    assert_true(conn->timer_left > 49 * LA_SECOND && conn->timer_left < 51 * LA_SECOND);
    assert_true(snap->netns[0].counter[SNAP_C_SOCKSTAT_ORPHANS] == 0);
    snap_free(snap);
}

static void time_wait_is_a_record_and_last_ack_an_orphan(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    DO(A, CLOSE, FD(p.a));
    pass(10);
    sys_rig.cut = true; /* The second FIN never arrives at first. */
    DO(B, CLOSE, FD(p.b));
    pass(10);
    struct snap *snap = look(B);
    const struct snap_conn *conn = in_state(snap, LA_LAST_ACK);
    assert_true(conn->nowners == 0 && conn->timer == LA_TIMER_RETRANSMIT);
    assert_true(snap->netns[0].counter[SNAP_C_SOCKSTAT_ORPHANS] == 1);
    snap_free(snap);

    sys_rig.cut = false;
    pass(1000);
    snap = look(A);
    conn = in_state(snap, LA_TIME_WAIT);
    assert_true(conn->marks == SNAP_RECORD && conn->timer == LA_TIMER_TIME_WAIT && conn->eof == SNAP_EOF_AMBIGUOUS);
    assert_true(conn->timer_left + conn->age.least == 60 * LA_SECOND);
    assert_int_equal(conn->peer.port, 80);
    moved(snap, conn, 0, LA_TIME_WAIT, "FIN+ACK arrived");
    assert_true(snap->netns[0].counter[SNAP_C_SOCKSTAT_TW] == 1 && snap->netns[0].counter[SNAP_C_TW] == 1);
    snap_free(snap);
}

static int connecting(void) {
    struct sockaddr_storage to;
    socklen_t len = (socklen_t)address("10.0.0.2", 80, &to);
    int fd = (int)DO(A, SOCKET, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(DO(A, CONNECT, FD(fd), P(&to), len), -LA_EINPROGRESS);
    return fd;
}

/* A backlog of 0 holds one; the next waits in the SYN queue or is not answered. */
static void a_listener_with_its_two_queues(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    assert_int_equal(DO(B, LISTEN, FD(p.listener), 0), 0);
    connecting();
    connecting();
    pass(5);
    connecting();
    pass(50);
    struct snap *snap = look(B);
    const struct snap_conn *listener = in_state(snap, LA_LISTEN), *queued = NULL;
    assert_true(listener->recv_queue == 1 && listener->send_queue == 0 && listener->embryos == 1);
    assert_true(listener->drops > 0 && listener->drops < UINT32_MAX && listener->nowners == 1);
    assert_true(listener->age.least == 0 && listener->age.most == LA_NEVER); /* listen() came before any time. */
    assert_int_equal(listener->drops, snap->netns[0].counter[SNAP_C_LISTEN_OVERFLOWS]);
    for (uint32_t i = 0; i < snap->nconns; i++)
        if (snap->conns[i].marks & SNAP_QUEUED) queued = &snap->conns[i];
    assert_non_null(queued);
    assert_true(queued->state == LA_ESTABLISHED && queued->nowners == 0 && queued->marks & SNAP_MEASURED);
    exactly(&queued->age, 54);
    const struct snap_conn *embryo = in_state(snap, LA_SYN_RCVD);
    assert_true(embryo->marks == SNAP_EMBRYO && embryo->timer == LA_TIMER_RETRANSMIT);
    exactly(&embryo->age, 55);
    moved(snap, embryo, 0, LA_SYN_RCVD, "SYN arrived");
    snap_free(snap);
}

static void who_owns_it(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    la_sock sock = la_sys_sock(sys_rig.end[B].sys, p.b);
    struct snap *snap = look(B);
    const struct snap_conn *conn = in_state(snap, LA_ESTABLISHED);
    assert_int_equal(snap->nprocs, 1);
    assert_true(snap->procs[0].pid == 4711 && snap->procs[0].nconns == 2 && snap->owners_known);
    assert_string_equal(snap->procs[0].program, "server");
    assert_int_equal(conn->nowners, 1);
    assert_int_equal(snap->owners[conn->first_owner].fd, sock & INT32_MAX);
    assert_true(conn->cookie == (uint64_t)sock);
    snap_free(snap);

    snap = snap_new();
    stack_snap(sys_rig.end[B].stack, sys_rig.now, NULL, snap);
    assert_true(snap->procs[0].pid == 0 && snap->procs[0].program[0] != '\0');
    snap_free(snap);
}

static void settings_under_the_hosts_names(void **unused) {
    (void)unused;
    struct la_stack *stack = sys_rig.end[A].stack;
    assert_int_equal(la_set(stack, "net.ipv4.tcp_fin_timeout", 17), 0);
    assert_int_equal(la_set(stack, "net.ipv4.ip_local_port_range_low", 2000), 0);
    struct snap *snap = look(A);
    const struct snap_netns *netns = &snap->netns[0];
    assert_true(snap->nnetns == 1 && netns->stack && netns->facts && !netns->name);
    assert_true(netns->setting[SNAP_S_FIN_TIMEOUT] == 17 && netns->setting[SNAP_S_PORT_LOW] == 2000);
    assert_true(netns->setting[SNAP_S_PORT_HIGH] == 60999 && netns->setting[SNAP_S_KEEPALIVE_TIME] == 7200);
    assert_true(netns->setting[SNAP_S_TW_RECYCLE] == -1 && netns->setting[SNAP_S_MEM_MAX] == -1);
    assert_true(netns->counter[SNAP_C_ACTIVE_OPENS] == 0 && netns->counter[SNAP_C_PRUNE_CALLED] == UINT64_MAX);
    snap_free(snap);
}

static void keepalive_shows_its_timer_and_probes(void **unused) {
    (void)unused;
    struct sys_pair p = sys_pair_make();
    setsockint(A, p.a, SOL_SOCKET, SO_KEEPALIVE, 1);
    setsockint(A, p.a, IPPROTO_TCP, TCP_KEEPIDLE, 2);
    setsockint(A, p.a, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    sys_rig.cut = true;
    pass(8000);
    struct snap *snap = look(A);
    const struct snap_conn *conn = in_state(snap, LA_ESTABLISHED);
    assert_int_equal(conn->timer, LA_TIMER_KEEPALIVE);
    assert_int_equal(conn->tries, 2);
    assert_true(conn->ack_received > 7900 * LA_MS && conn->data_received == LA_NEVER);
    snap_free(snap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SYS_TEST(close_wait_with_end_of_file_unread_and_read),
        SYS_TEST(fin_wait_2_half_closed_and_orphaned),
        SYS_TEST(time_wait_is_a_record_and_last_ack_an_orphan),
        SYS_TEST(a_listener_with_its_two_queues),
        SYS_TEST(who_owns_it),
        SYS_TEST(settings_under_the_hosts_names),
        SYS_TEST(keepalive_shows_its_timer_and_probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
