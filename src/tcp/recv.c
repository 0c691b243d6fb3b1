/* Data and FIN from the peer: trimmed to the window, put in their place by sequence number, given to the owner in
 * order. RFC 9293, 3.10.7.4 seventh and eighth; RFC 2018; RFC 2883. The window itself: recv_window.c.
 *
 * When memory is short, what lies beyond a gap goes first: the peer still has it, though it was told otherwise (RFC
 * 2018, 8).
 *
 * Invariants: rcv_read <= rcv_nxt <= rcv_adv. Storage holds [rcv_read, rcv_nxt) without gaps and the intervals of `ooo`
 * beyond. */
#include "tcp/conn.h"

#define DUPACKS_WITH_SACK 4u /* Of one burst. */

static void readable(struct tcp_conn *c, uint32_t bits) {
    if (c->is.owned) event_post(c->tcp->events, &c->event, bits);
}

void tcp_recv_duplicate(struct tcp_conn *c, seq from, seq to) {
    if (!seq_lt(from, to)) return;
    tcp_accecn_reappeared(c);
    c->is.pingpong = 0; /* The peer lost something, or thinks so: it starts slowly, and ACKs must not wait. */
    tcp_delack_quick(c, UINT8_MAX);
    if (!c->is.sack_on || !c->tcp->params.dsack || c->is.dsack) return;
    c->dsack_from = from;
    c->dsack_to = to;
    c->is.dsack = 1;
}

/* Cuts what lies left of rcv_nxt and right of the window. A FIN beyond the window is cut with it. */
static void trim(struct tcp_conn *c, struct tcp_seg *s) {
    if (seq_lt(s->seq, c->rcv_nxt)) {
        uint32_t old = seq_len(s->seq, c->rcv_nxt);
        if (old > s->data.len) old = (uint32_t)s->data.len;
        tcp_recv_duplicate(c, s->seq, seq_add(s->seq, old));
        if (old) tcp_mark(c, MARK_ACK); /* RFC 2883, 4: at once. */
        s->data.data += old;
        s->data.len -= old;
        s->seq = seq_add(s->seq, old);
    }
    seq edge = tcp_recv_edge(c);
    uint32_t fits = seq_lt(s->seq, edge) ? seq_len(s->seq, edge) : 0;
    if (s->data.len <= fits) return;
    s->data.len = fits;
    s->flags &= (uint16_t)~TCP_FIN;
}

/* The positions in use after a write up to `to`. */
static seq storage_end(const struct tcp_conn *c, seq to) {
    seq end = seq_max(c->rcv_nxt, to);
    return c->ooo.count ? seq_max(end, c->ooo.at[c->ooo.count - 1].to) : end;
}

static bool write_at(struct tcp_conn *c, seq at, const struct la_span *data) {
    seq to = seq_add(at, (uint32_t)data->len);
    seq low = seq_min(c->rcv_read, c->rcv_nxt);
    return buffer_write(&c->rcv, &c->tcp->slabs, low, storage_end(c, to), at, data->data, data->len);
}

/* Everything beyond the gap goes. */
static void prune(struct tcp_conn *c) {
    if (!c->ooo.count) return;
    tcp_drop(c, LA_D_OOO_PRUNED);
    ranges_free(&c->ooo, c->tcp->env);
    buffer_keep(&c->rcv, &c->tcp->slabs, c->rcv_read, c->rcv_nxt);
}

static bool store(struct tcp_conn *c, seq at, const struct la_span *data) {
    if (write_at(c, at, data)) return true;
    tcp_drop(c, LA_D_NO_MEMORY);
    return false;
}

static bool store_beyond_gap(struct tcp_conn *c, const struct tcp_seg *s) {
    if (tcp_mem(c->tcp) != MEM_FULL) return store(c, s->seq, &s->data);
    tcp_drop(c, LA_D_OOO_PRUNED);
    return false;
}

/* Data in order is worth more than data beyond a gap. */
static bool store_in_order(struct tcp_conn *c, const struct tcp_seg *s) {
    if (write_at(c, s->seq, &s->data)) return true;
    prune(c);
    return store(c, s->seq, &s->data);
}

/* The first part of [from, to) that is there already. */
static void note_overlap(struct tcp_conn *c, seq from, seq to) {
    for (unsigned i = 0; i < c->ooo.count; i++) {
        seq low = seq_max(from, c->ooo.at[i].from), high = seq_min(to, c->ooo.at[i].to);
        if (seq_lt(low, high)) {
            tcp_recv_duplicate(c, low, high);
            return;
        }
    }
}

/* What lies up to `to` is there without a gap: it is the user's. */
static void deliver(struct tcp_conn *c, seq to) {
    c->bytes_in += seq_len(c->rcv_nxt, to);
    c->rcv_nxt = to;
    c->rcv_adv = seq_max(c->rcv_adv, to); /* By WINDOW_ALL it may have been more than was promised. */
    if (c->is.read_shut && c->tcp->params.shut_rd == SHUT_RD_DISCARD)
        tcp_recv_discard(c);
    else if (tcp_recv_enough(c))
        readable(c, LA_EV_READABLE);
}

bool tcp_recv_enough(const struct tcp_conn *c) {
    if (!tcp_urgent_reading(c).len) return false;
    return tcp_unread(c) >= c->rcvlowat || c->is.fin_received || c->is.urg_in;
}

/* Data at rcv_nxt: it joins what is there, and so does what lay behind the gap that it fills. */
static void in_order(struct tcp_conn *c, const struct tcp_seg *s, uint32_t segments) {
    seq to = seq_add(s->seq, (uint32_t)s->data.len);
    bool gaps = c->ooo.count > 0;
    if (gaps) {
        note_overlap(c, s->seq, to);
        const struct range *next = ranges_find(&c->ooo, to);
        if (!next && seq_eq(c->ooo.at[0].from, to)) next = &c->ooo.at[0];
        if (next) to = next->to;
        ranges_trim(&c->ooo, c->tcp->env, to);
    }
    c->dupacks_owed = 0; /* They would not be duplicates any more. */
    deliver(c, to);
    if (gaps) {
        tcp_mark(c, MARK_ACK); /* RFC 5681, 4.2: at once when a gap is filled. */
        c->is.pingpong = 0;
    } else {
        tcp_delack_data(c, segments);
    }
}

/* RFC 5681, 4.2: a duplicate ACK for each, at once. Those that leave together tell the same story, so where blocks tell
 * it a few are enough. */
static void owe_dupack(struct tcp_conn *c) {
    uint8_t most = c->is.sack_on ? DUPACKS_WITH_SACK : UINT8_MAX;
    if (c->dupacks_owed < most) c->dupacks_owed++;
}

/* RFC 2018, 4: the blocks that grew last come first. Of ACKs that leave together, the last one tells those; the others
 * go back in time, so that between them they tell as much as if each had left by itself. */
unsigned tcp_recv_blocks(const struct tcp_conn *c, struct range *out, unsigned max) {
    struct range recent[DUPACKS_WITH_SACK * TCP_SACK_MAX];
    unsigned back = c->dupacks_owed > 1 ? (c->dupacks_owed - 1u) * max : 0;
    if (back + max > COUNT_OF(recent)) back = COUNT_OF(recent) - max;
    unsigned n = ranges_recent(&c->ooo, recent, back + max);
    while (back && back + max > n) back--;
    if (n > back + max) n = back + max;
    for (unsigned i = back; i < n; i++) out[i - back] = recent[i];
    return n - back;
}

static void out_of_order(struct tcp_conn *c, const struct tcp_seg *s) {
    seq to = seq_add(s->seq, (uint32_t)s->data.len);
    note_overlap(c, s->seq, to);
    owe_dupack(c);
    c->tally.out_of_order++;
    tcp_mark(c, MARK_ACK);
    if (!store_beyond_gap(c, s)) return;
    if (ranges_add(&c->ooo, c->tcp->env, s->seq, to) == RANGES_OK)
        env_count(c->tcp->env, LA_C_OUT_OF_ORDER);
    else
        tcp_drop(c, LA_D_OOO_FULL);
}

/* Data for an owner that is gone: RFC 2525, 2.17; RFC 9293, 3.6.1. */
static enum tcp_verdict nobody_reads(struct tcp_conn *c, const struct tcp_in *in) {
    tcp_drop(c, LA_D_DATA_AFTER_CLOSE);
    tcp_reply_rst(c->tcp, in);
    tcp_end(c, 0, LA_CAUSE_STACK, LA_D_DATA_AFTER_CLOSE);
    return GONE;
}

/* The FIN as far as it is in the window: where it stands in the sequence. */
static void note_fin(struct tcp_conn *c, const struct tcp_seg *s) {
    if (!(s->flags & TCP_FIN) || c->is.fin_received) return;
    c->is.fin_seen = 1;
    c->fin_seq = seq_add(s->seq, (uint32_t)s->data.len);
    if (seq_gt(c->fin_seq, c->rcv_nxt)) tcp_mark(c, MARK_ACK);
    ranges_cut(&c->ooo, c->tcp->env, c->fin_seq); /* What a peer sent beyond its own FIN does not count. */
}

/* What a device, or a link without MTU, merged into one counts as what it was made from. */
static uint32_t segments_of(const struct tcp_conn *c, const struct tcp_in *in) {
    uint32_t len = (uint32_t)in->seg.data.len, size = in->datagram->segment_size;
    if (!size && len <= c->mss) return 1;
    if (!size) size = tcp_path_mss(&c->key.peer, c->path.mtu, 0);
    return len > size ? (len + size - 1) / size : 1;
}

enum tcp_verdict tcp_recv_data(struct tcp_conn *c, struct tcp_in *in) {
    struct tcp_seg *s = &in->seg;
    if (c->is.fin_received) {
        if (s->data.len) tcp_drop(c, LA_D_DATA_AFTER_FIN);
        return STOP;
    }
    tcp_urgent_pointer(c, s);
    uint32_t segments = segments_of(c, in);
    trim(c, s);
    if (c->is.fin_seen && s->data.len && seq_gt(seq_add(s->seq, (uint32_t)s->data.len), c->fin_seq)) {
        tcp_drop(c, LA_D_DATA_AFTER_FIN);
        return STOP;
    }
    bool closed = c->is.orphan || c->is.lingering || c->is.released;
    if (s->data.len && closed) return nobody_reads(c, in);
    if (!s->data.len) {
        note_fin(c, s);
        return GO_ON;
    }
    tcp_urgent_data(c, s);
    tcp_delack_arrival(c);
    c->data_at = tcp_clock_ms(c->tcp);
    if (seq_eq(s->seq, c->rcv_nxt)) {
        if (!store_in_order(c, s)) return STOP;
        note_fin(c, s);
        tcp_recv_measure(c, s);
        in_order(c, s, segments);
    } else {
        note_fin(c, s);
        out_of_order(c, s);
    }
    return GO_ON;
}

void tcp_recv_early(struct tcp_conn *c, const struct tcp_seg *syn) {
    struct tcp_seg s = *syn;
    if (!s.data.len) return;
    s.seq = seq_add(s.seq, 1);
    s.flags = 0;
    trim(c, &s);
    if (s.data.len && store(c, s.seq, &s.data))
        ranges_add(&c->ooo, c->tcp->env, s.seq, seq_add(s.seq, (uint32_t)s.data.len));
}

void tcp_recv_opened(struct tcp_conn *c) {
    if (!c->ooo.count || !seq_eq(c->ooo.at[0].from, c->rcv_nxt)) return;
    seq to = c->ooo.at[0].to;
    ranges_trim(&c->ooo, c->tcp->env, to);
    deliver(c, to);
    tcp_delack_data(c, 1);
}

/* RFC 9293, 3.10.7.4, eighth: the FIN's turn has come when everything before it is there. */
enum tcp_verdict tcp_recv_fin(struct tcp_conn *c, struct tcp_in *in) {
    if (!c->is.fin_seen || c->is.fin_received || !seq_eq(c->rcv_nxt, c->fin_seq)) return GO_ON;
    uint8_t what = in->what;
    c->is.fin_received = 1;
    c->rcv_nxt = seq_add(c->rcv_nxt, 1);
    c->rcv_adv = seq_max(c->rcv_adv, c->rcv_nxt); /* A FIN may stand right behind a full window. */
    bool after_data = c->bytes_in > 0 && !(c->is.fastopen_child && c->segs_in == 1);
    bool may_wait = c->tcp->params.fin_ack_delayed && c->state == LA_ESTABLISHED && after_data;
    if (may_wait && !(c->marks & MARK_ACK))
        tcp_delack_later(c);
    else
        tcp_mark(c, MARK_ACK);
    readable(c, LA_EV_READABLE | LA_EV_EOF);
    if (c->state == LA_ESTABLISHED)
        tcp_set_state(c, LA_CLOSE_WAIT, LA_CAUSE_SEGMENT, what);
    else if (c->state == LA_FIN_WAIT_1 && !tcp_fin_acked(c))
        tcp_set_state(c, LA_CLOSING, LA_CAUSE_SEGMENT, what);
    else
        tcp_set_state(c, LA_TIME_WAIT, LA_CAUSE_SEGMENT, what);
    return GO_ON;
}
