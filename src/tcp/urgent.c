/* Urgent data as RFC 6093 describes what systems do: the urgent pointer stands behind the last urgent byte, one byte is
 * urgent at a time, and reading stops before it (the mark). Out of band, the byte is read with LA_MSG_OOB and skipped
 * in the stream; with LA_SO_OOBINLINE it is a byte of the stream like any other.
 *
 * A later pointer takes the place of an earlier one, whose byte then is ordinary data. What is kept is one position and
 * one byte in each direction; both end when the stream has passed them. */
#include "tcp/conn.h"

static seq mark(const struct tcp_conn *c) { return seq_sub(c->rcv_up, 1); }

/* Whether the next byte to read is the urgent one, and it is there. */
static bool at_mark(const struct tcp_conn *c) {
    return c->is.urg_in != URGENT_NONE && seq_eq(c->rcv_read, mark(c)) && tcp_unread(c) > 0;
}

static void announce(struct tcp_conn *c) {
    if (c->is.owned) event_post(c->tcp->events, &c->event, LA_EV_URGENT);
}

/* RFC 9293, 3.10.7.4, sixth. What has been received already is not made urgent afterwards. */
void tcp_urgent_pointer(struct tcp_conn *c, const struct tcp_seg *s) {
    if (!(s->flags & TCP_URG) || !s->urg) return;
    seq up = seq_add(s->seq, s->urg);
    if (seq_leq(up, c->rcv_nxt) || (c->is.urg_in != URGENT_NONE && seq_leq(up, c->rcv_up))) return;
    if (at_mark(c) && !c->is.oobinline) tcp_recv_consume(c, 1); /* It was to be skipped. */
    c->rcv_up = up;
    c->is.urg_in = URGENT_COMING;
    announce(c);
}

/* The urgent byte can be taken as soon as it has come, in order or not. */
void tcp_urgent_data(struct tcp_conn *c, const struct tcp_seg *s) {
    if (c->is.urg_in != URGENT_COMING || !seq_within(mark(c), s->seq, (uint32_t)s->data.len)) return;
    c->urg_byte = s->data.data[seq_len(s->seq, mark(c))];
    c->is.urg_in = URGENT_THERE;
    announce(c);
}

void tcp_urgent_passed(struct tcp_conn *c) {
    if (c->is.urg_in != URGENT_NONE && seq_geq(c->rcv_read, c->rcv_up)) c->is.urg_in = URGENT_NONE;
}

struct tcp_reading tcp_urgent_reading(const struct tcp_conn *c) {
    struct tcp_reading r = {0, tcp_unread(c)};
    if (c->is.urg_in == URGENT_NONE || !seq_within(mark(c), c->rcv_read, r.len)) return r;
    if (!at_mark(c)) {
        r.len = seq_len(c->rcv_read, mark(c));
    } else if (!c->is.oobinline) {
        r.skip = 1;
        r.len--;
    }
    return r;
}

int64_t tcp_urgent_recv(struct tcp_conn *c, void *data, size_t len, int flags) {
    if (c->is.oobinline || c->is.urg_in == URGENT_NONE || c->is.urg_in == URGENT_TAKEN) return -LA_EINVAL;
    bool over = c->is.fin_received || c->is.read_shut || !tcp_synchronized(c);
    if (c->is.urg_in == URGENT_COMING) return over ? 0 : -LA_EAGAIN;
    if (!data && len) return -LA_EFAULT;
    if (!(flags & LA_MSG_PEEK)) c->is.urg_in = URGENT_TAKEN;
    if (!len) return 0;
    *(uint8_t *)data = c->urg_byte;
    return 1;
}

int tcp_atmark(const struct tcp *tcp, la_sock sock) {
    const struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    return c->is.urg_in != URGENT_NONE && seq_eq(c->rcv_read, mark(c));
}

/* The last byte given is urgent: segments say so until it is acknowledged, even into a closed window. */
void tcp_urgent_send(struct tcp_conn *c) {
    c->snd_up = c->snd_end;
    c->is.urg_out = 1;
}

/* A pointer that is too far away to be told says "beyond this segment". */
void tcp_urgent_put(struct tcp_conn *c, struct tcp_seg *s) {
    if (c->is.urg_out && seq_leq(c->snd_up, c->snd_una)) c->is.urg_out = 0;
    if (!c->is.urg_out || s->flags & (TCP_SYN | TCP_RST) || !seq_lt(s->seq, c->snd_up)) return;
    uint32_t ahead = seq_len(s->seq, c->snd_up);
    s->flags |= TCP_URG;
    s->urg = (uint16_t)(ahead < UINT16_MAX ? ahead : UINT16_MAX);
}
