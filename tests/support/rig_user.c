/* The rig's user (verbs on the current conversation) and its way into every state by segments. */
#include "support/rig.h"

#include <string.h>

/* --- Verbs --- */

la_sock u_socket(void) {
    la_sock sock = la_socket(rig.stack, rig.t->v6 ? LA_AF_INET6 : LA_AF_INET, LA_SOCK_STREAM);
    assert_true(sock >= 0);
    return sock;
}

void u_listen(int backlog) {
    struct la_endpoint any = {.addr = la_addr4(0, 0, 0, 0), .port = 80};
    if (rig.t->v6) memset(&any.addr, 0, sizeof any.addr);
    rig.listener = u_socket();
    int one = 1;
    assert_int_equal(la_setsockopt(rig.stack, rig.listener, LA_SOL_SOCKET, LA_SO_REUSEADDR, &one, sizeof one, rig.now),
                     0);
    assert_int_equal(la_bind(rig.stack, rig.listener, &any), 0);
    assert_int_equal(la_listen(rig.stack, rig.listener, backlog), 0);
    rig.t->lport = 80;
}

void u_connect(void) {
    struct la_endpoint peer = rig_peer();
    if (rig.t->sock < 0) rig.t->sock = u_socket();
    assert_int_equal(la_connect(rig.stack, rig.t->sock, &peer, rig.now), -LA_EINPROGRESS);
}

void u_accept(void) {
    struct la_endpoint peer, want = rig_peer();
    rig.t->sock = la_accept(rig.stack, rig.listener, &peer);
    if (rig.t->sock < 0) fail_msg("accept: %s", la_errno_name((int)-rig.t->sock));
    assert_int_equal(peer.port, want.port);
    assert_true(la_addr_equal(&peer.addr, &want.addr));
}

int64_t u_send(size_t len) {
    static uint8_t data[1 << 20];
    assert_true(len <= sizeof data);
    for (size_t i = 0; i < len; i++) data[i] = rig_pattern(rig.t->sent + i);
    int64_t n = la_send(rig.stack, rig.t->sock, data, len, 0, rig.now);
    if (n > 0) rig.t->sent += (uint64_t)n;
    rig_pump();
    return n;
}

int64_t u_recv(size_t len) {
    static uint8_t data[1 << 20];
    assert_true(len <= sizeof data);
    int64_t n = la_recv(rig.stack, rig.t->sock, data, len, 0, rig.now);
    for (int64_t i = 0; i < n; i++)
        if (data[i] != rig_pattern(rig.t->read + (uint64_t)i)) fail_msg("a byte was read wrong");
    if (n > 0) rig.t->read += (uint64_t)n;
    rig_pump();
    return n;
}

static int pumped(int result) {
    rig_pump();
    return result;
}

int u_shutdown(int how) { return pumped(la_shutdown(rig.stack, rig.t->sock, how, rig.now)); }

int u_close(void) { return pumped(la_close(rig.stack, rig.t->sock, rig.now)); }

int u_abort(void) { return pumped(la_abort(rig.stack, rig.t->sock, rig.now)); }

void u_set(int level, int name, int value) {
    assert_int_equal(la_setsockopt(rig.stack, rig.t->sock, level, name, &value, sizeof value, rig.now), 0);
    rig_pump();
}

void u_linger(int seconds) {
    struct la_linger l = {.onoff = 1, .seconds = seconds};
    int r = la_setsockopt(rig.stack, rig.t->sock, LA_SOL_SOCKET, LA_SO_LINGER, &l, sizeof l, rig.now);
    assert_int_equal(r, 0);
}

int u_error(void) {
    int value = -1;
    size_t len = sizeof value;
    assert_int_equal(la_getsockopt(rig.stack, rig.t->sock, LA_SOL_SOCKET, LA_SO_ERROR, &value, &len), 0);
    return value;
}

void setting(const char *name, int64_t value) {
    int r = la_set(rig.stack, name, value);
    if (r != 0) fail_msg("la_set %s: %s", name, la_errno_name(-r));
}

/* --- Into every state --- */

static void open_active(enum la_state to) {
    u_connect();
    tx(SEG(.seq = L(0), .flags = SYN));
    if (to == LA_SYN_SENT) return;
    advance(10);
    if (to == LA_SYN_RCVD) {
        rx(SEG(.seq = R(0), .flags = SYN));
        tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
        return;
    }
    rx(SEG(.seq = R(0), .ack = L(1), .flags = SYN | ACK));
    tx(SEG(.seq = L(1), .ack = R(1), .flags = ACK));
}

static void open_passive(enum la_state to) {
    if (rig.listener < 0) u_listen(16);
    rig.t->lport = 80;
    rig.t->passive = true;
    if (to == LA_LISTEN) return;
    rx(SEG(.seq = R(0), .flags = SYN));
    tx(SEG(.seq = L(0), .ack = R(1), .flags = SYN | ACK));
    if (to == LA_SYN_RCVD) return;
    advance(10);
    rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK));
    u_accept();
}

static void send_fin(unsigned how) {
    if (how & ORPHAN) {
        assert_int_equal(u_close(), 0);
        rig.t->sock = -1;
    } else {
        assert_int_equal(u_shutdown(LA_SHUT_WR), 0);
    }
}

static void close_first(enum la_state to, unsigned how) {
    send_fin(how);
    tx(SEG(.seq = L(1), .ack = R(1), .flags = FIN | ACK));
    if (to == LA_FIN_WAIT_1) return;
    advance(10);
    if (to == LA_CLOSING) {
        rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK));
        struct la_segment s;
        assert_true(tx_any(&s)); /* An ACK; BSD puts its FIN on it again. */
        assert_int_equal(s.ack, R(2));
        return;
    }
    rx(SEG(.seq = R(1), .ack = L(2), .flags = ACK));
    if (to == LA_FIN_WAIT_2) return;
    rx(SEG(.seq = R(1), .ack = L(2), .flags = FIN | ACK));
    tx(SEG(.seq = L(2), .ack = R(2), .flags = ACK));
}

static void close_second(enum la_state to, unsigned how) {
    rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK));
    tx(SEG(.seq = L(1), .ack = R(2), .flags = ACK));
    if (to == LA_CLOSE_WAIT) return;
    send_fin(how);
    tx(SEG(.seq = L(1), .ack = R(2), .flags = FIN | ACK));
}

void bring(enum la_state to, unsigned how) {
    if (to == LA_CLOSED) return;
    if ((how & PASSIVE) || to == LA_LISTEN)
        open_passive(to);
    else
        open_active(to);
    switch (to) {
    case LA_FIN_WAIT_1:
    case LA_FIN_WAIT_2:
    case LA_CLOSING:
    case LA_TIME_WAIT: close_first(to, how); break;
    case LA_CLOSE_WAIT:
    case LA_LAST_ACK: close_second(to, how); break;
    default: break;
    }
    tx_none();
    if (to != LA_LISTEN) state(to);
    events();
}
