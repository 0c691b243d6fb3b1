/* The user's verbs that move bytes: RFC 9293, 3.10.2 (SEND), 3.10.3 (RECEIVE), with and without a copy.
 *
 * Data that has arrived is given even when an error is pending; then the error, once; then end of file. */
#include "tcp/conn.h"

static int take_error(struct tcp_conn *c) {
    int error = c->error;
    c->error = 0;
    return error;
}

static bool opening(const struct tcp_conn *c) { return c->state == LA_SYN_SENT || c->state == LA_SYN_RCVD; }

/* Why nothing can be sent, or 0. */
static int64_t send_blocked(struct tcp_conn *c) {
    if (c->error) return -take_error(c);
    if (tcp_may_send(c)) return 0;
    if (opening(c)) return c->is.fin_queued ? -LA_EPIPE : -LA_EAGAIN;
    return -LA_EPIPE;
}

static void sent_by_user(struct tcp_conn *c, uint32_t len) {
    if (seq_eq(c->snd_una, c->snd_end)) {
        tcp_cwnd_restart(c);
        c->unacked_since = tcp_clock_ms(c->tcp);
    }
    c->snd_end = seq_add(c->snd_end, len);
    tcp_mark(c, MARK_SEND);
}

int64_t tcp_send(struct tcp *tcp, la_sock sock, const void *data, size_t len, int flags) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (tcp_fastopen_takes(c)) return tcp_fastopen_send(c, data, len);
    int64_t blocked = send_blocked(c);
    if (blocked) return blocked;
    if (!data && len) return -LA_EFAULT;
    if (!len) return 0;
    uint32_t room = tcp_send_room(c), n = len < room ? (uint32_t)len : room;
    if (!n) return tcp_room_taken(c, false), -LA_EAGAIN;
    seq high = seq_add(c->snd_end, n);
    if (!buffer_write(&c->snd, &tcp->slabs, c->snd_una, high, c->snd_end, data, n)) return -LA_ENOMEM;
    c->is.more = n == len && flags & LA_MSG_MORE; /* What did not fit is no reason to hold the rest back. */
    c->is.more_waits = c->is.more;
    sent_by_user(c, n);
    tcp_room_taken(c, n == len);
    if (n == len && flags & LA_MSG_OOB) tcp_urgent_send(c);
    if (n == len && flags & LA_MSG_EOR) tcp_eor_mark(c);
    return n;
}

int64_t tcp_reserve(struct tcp *tcp, la_sock sock, size_t len, struct la_room *room, unsigned max, unsigned *count) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (!room || !count) return -LA_EFAULT;
    *count = 0;
    if (c->is.deferred) tcp_fastopen_go(c); /* What is filled in later cannot go with the SYN. */
    int64_t blocked = send_blocked(c);
    if (blocked) return blocked;
    uint32_t free = tcp_send_room(c), n = len < free ? (uint32_t)len : free;
    if (!n && len) return tcp_room_taken(c, false), -LA_EAGAIN;
    if (!n) return 0;
    seq high = seq_add(c->snd_end, n);
    size_t got = buffer_reserve(&c->snd, &tcp->slabs, c->snd_una, high, c->snd_end, n, room, max, count);
    return got ? (int64_t)got : -LA_ENOMEM;
}

/* Only what tcp_reserve made room for may be committed: storage that is there, within the bound. */
int tcp_commit(struct tcp *tcp, la_sock sock, size_t len) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (!tcp_may_send(c)) return -LA_EPIPE;
    if (len > tcp_send_room(c) || !buffer_covers(&c->snd, c->snd_una, c->snd_end, len)) return -LA_EINVAL;
    if (!len) return 0;
    c->is.more = c->is.more_waits = 0;
    sent_by_user(c, (uint32_t)len);
    tcp_room_taken(c, true);
    return 0;
}

/* What recv says when no data is there. */
static int64_t recv_nothing(struct tcp_conn *c) {
    if (c->error) return -take_error(c);
    if (c->is.fin_received || c->is.read_shut) {
        c->is.eof_read = 1;
        return 0;
    }
    if (tcp_synchronized(c) || opening(c)) return -LA_EAGAIN;
    return c->moves == 0 || c->state == LA_LISTEN ? -LA_ENOTCONN : 0;
}

int64_t tcp_recv(struct tcp *tcp, la_sock sock, void *data, size_t len, int flags) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (flags & LA_MSG_OOB) return tcp_urgent_recv(c, data, len, flags);
    struct tcp_reading r = tcp_urgent_reading(c);
    uint32_t n = len < r.len ? (uint32_t)len : r.len;
    bool take = !(flags & LA_MSG_PEEK);
    if (!r.len) {
        if (r.skip && take && len) tcp_recv_consume(c, r.skip);
        return recv_nothing(c);
    }
    if (!data && len) return -LA_EFAULT;
    buffer_read(&c->rcv, seq_add(c->rcv_read, r.skip), data, n);
    if (take && n) tcp_recv_consume(c, r.skip + n);
    return n;
}

int64_t tcp_peek(struct tcp *tcp, la_sock sock, struct la_span *span, unsigned max, unsigned *count) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (!span || !count) return -LA_EFAULT;
    *count = 0;
    struct tcp_reading r = tcp_urgent_reading(c);
    if (!r.len) return recv_nothing(c);
    return (int64_t)buffer_peek(&c->rcv, seq_add(c->rcv_read, r.skip), r.len, span, max, count);
}

int tcp_consume(struct tcp *tcp, la_sock sock, size_t len) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    struct tcp_reading r = tcp_urgent_reading(c);
    if (len > r.len) return -LA_EINVAL;
    if (len) tcp_recv_consume(c, r.skip + (uint32_t)len);
    return 0;
}

int tcp_ready(const struct tcp *tcp, la_sock sock) {
    const struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (c->state == LA_LISTEN) return c->listen->queued ? LA_EV_ACCEPTED | LA_EV_READABLE : 0;
    bool over = (c->state == LA_CLOSED && c->moves) || c->state == LA_TIME_WAIT;
    unsigned bits = 0;
    if (tcp_recv_enough(c)) bits |= LA_EV_READABLE;
    if (c->is.urg_in == URGENT_THERE) bits |= LA_EV_URGENT;
    if (c->is.fin_received || c->is.read_shut || over) bits |= LA_EV_EOF | LA_EV_READABLE;
    if (c->error) bits |= LA_EV_ERROR | LA_EV_READABLE | LA_EV_WRITABLE;
    if (tcp_may_send(c) && tcp_writable(c)) bits |= LA_EV_WRITABLE;
    if (c->is.deferred) bits |= LA_EV_WRITABLE;
    if (c->is.fin_queued || over) bits |= LA_EV_WRITABLE; /* A write would fail at once. */
    if (tcp_synchronized(c) && !c->is.passive) bits |= LA_EV_CONNECTED;
    if (over) bits |= LA_EV_CLOSED;
    return (int)bits;
}
