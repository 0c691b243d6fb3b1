/* Data and FIN from the peer: trimmed to the window, put in their place by sequence number, given to the owner in
 * order; and the window that is advertised for them. RFC 9293, 3.10.7.4 seventh and eighth, 3.8.6.2.2; RFC
 * 1122, 4.2.3.3.
 *
 * Invariants: rcv_read <= rcv_nxt <= rcv_adv. Storage holds [rcv_read, rcv_nxt) without gaps and the intervals of `ooo`
 * beyond. The right edge rcv_adv never moves left. */
#include "tcp/conn.h"

void tcp_recv_init(struct tcp_conn *c, seq irs) {
    c->irs = irs;
    c->rcv_nxt = c->rcv_read = c->rcv_adv = seq_add(irs, 1);
    c->last_ack_sent = c->rcv_nxt;
    c->rcv_adv = seq_add(c->rcv_nxt, tcp_recv_window(c));
    if (seq_len(c->rcv_nxt, c->rcv_adv) > UINT16_MAX) c->rcv_adv = seq_add(c->rcv_nxt, UINT16_MAX);
}

/* The shift that lets the largest buffer be advertised in 16 bits (RFC 7323, 2.3). */
uint8_t tcp_recv_wscale(const struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    if (params->wscale_fixed != 255) return params->wscale_fixed;
    uint32_t most = c->is.rcvbuf_set ? c->rcvbuf : params->rcvbuf_max;
    uint8_t shift = 0;
    while (shift < 14 && most >> shift > UINT16_MAX) shift++;
    return shift;
}

/* Room for bytes beyond rcv_nxt, as far as it can be told in the window field. */
static uint32_t room(const struct tcp_conn *c) {
    uint32_t used = tcp_unread(c), most = (uint32_t)UINT16_MAX << c->rcv_wscale;
    uint32_t unit = 1u << c->rcv_wscale, size = c->rcvbuf > unit ? c->rcvbuf : unit; /* Less could not be told. */
    uint32_t free = used >= size ? 0 : size - used;
    return free < most ? free : most;
}

/* Silly window avoidance: how far the edge must move to be worth telling. */
static uint32_t worthwhile(const struct tcp_conn *c) {
    uint32_t mss = c->peer_mss ? c->mss : 0;
    return c->rcvbuf / 2 < mss ? c->rcvbuf / 2 : mss;
}

/* The window to advertise: by WINDOW_STEPS the edge moves only by a worthwhile step; it never moves back. */
uint32_t tcp_recv_window(const struct tcp_conn *c) {
    uint32_t now = seq_diff(c->rcv_adv, c->rcv_nxt) > 0 ? seq_len(c->rcv_nxt, c->rcv_adv) : 0;
    uint32_t could = room(c);
    if (could <= now) return now;
    if (c->tcp->params.window_rule != WINDOW_STEPS) return could < c->rcvbuf / 4 && could < c->mss ? now : could;
    return could - now >= worthwhile(c) ? could : now;
}

/* The window field. The edge must not move left by what scaling cuts off (RFC 7323, 2.4), so what is left of the old
 * promise is rounded up; but tiny segments must not push the edge on for ever, so by one unit beyond the buffer at
 * most. */
uint16_t tcp_recv_advertise(struct tcp_conn *c) {
    uint32_t unit = 1u << c->rcv_wscale, mask = ~(unit - 1);
    uint32_t now = seq_gt(c->rcv_adv, c->rcv_nxt) ? seq_len(c->rcv_nxt, c->rcv_adv) : 0;
    bool all = c->tcp->params.window_rule == WINDOW_ALL; /* A unit that is not quite free is told, too. */
    uint32_t could = tcp_recv_window(c), window = could & mask, keep = ((all ? could : now) + unit - 1) & mask;
    if (keep > window && tcp_unread(c) + keep <= c->rcvbuf + unit) window = keep;
    if (window >> c->rcv_wscale > UINT16_MAX) window = (uint32_t)UINT16_MAX << c->rcv_wscale;
    c->rcv_adv = seq_max(c->rcv_adv, seq_add(c->rcv_nxt, window));
    return (uint16_t)(window >> c->rcv_wscale);
}

static void readable(struct tcp_conn *c, uint32_t bits) {
    if (c->is.owned) event_post(c->tcp->events, &c->event, bits);
}

seq tcp_recv_edge(const struct tcp_conn *c) {
    if (c->tcp->params.window_rule == WINDOW_STEPS) return c->rcv_adv;
    uint32_t used = tcp_unread(c);
    return seq_max(c->rcv_adv, seq_add(c->rcv_nxt, used < c->rcvbuf ? c->rcvbuf - used : 0));
}

void tcp_recv_duplicate(struct tcp_conn *c, seq from, seq to) {
    if (!c->is.sack_on || !c->tcp->params.dsack || c->is.dsack || !seq_lt(from, to)) return;
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

static bool store(struct tcp_conn *c, seq at, const struct la_span *data) {
    seq to = seq_add(at, (uint32_t)data->len);
    seq low = seq_min(c->rcv_read, c->rcv_nxt);
    if (buffer_write(&c->rcv, &c->tcp->slabs, low, storage_end(c, to), at, data->data, data->len)) return true;
    tcp_drop(c, LA_D_NO_MEMORY);
    return false;
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
    else
        readable(c, LA_EV_READABLE);
}

/* Data at rcv_nxt: it joins what is there, and so does what lay behind the gap that it fills. */
static void in_order(struct tcp_conn *c, const struct tcp_seg *s) {
    uint32_t len = (uint32_t)s->data.len;
    seq to = seq_add(s->seq, len);
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
    if (gaps)
        tcp_mark(c, MARK_ACK); /* RFC 5681, 4.2: at once when a gap is filled. */
    else
        tcp_delack_data(c, len);
}

static void out_of_order(struct tcp_conn *c, const struct tcp_seg *s) {
    seq to = seq_add(s->seq, (uint32_t)s->data.len);
    note_overlap(c, s->seq, to);
    if (c->dupacks_owed < UINT8_MAX) c->dupacks_owed++; /* RFC 5681, 4.2: a duplicate ACK for each, at once. */
    tcp_mark(c, MARK_ACK);
    if (!store(c, s->seq, &s->data)) return;
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

enum tcp_verdict tcp_recv_data(struct tcp_conn *c, struct tcp_in *in) {
    struct tcp_seg *s = &in->seg;
    if (c->is.fin_received) {
        if (s->data.len) tcp_drop(c, LA_D_DATA_AFTER_FIN);
        return STOP;
    }
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
    c->data_at = tcp_clock_ms(c->tcp);
    if (seq_eq(s->seq, c->rcv_nxt)) {
        if (!store(c, s->seq, &s->data)) return STOP;
        note_fin(c, s);
        in_order(c, s);
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
    uint32_t len = seq_len(c->rcv_nxt, to);
    ranges_trim(&c->ooo, c->tcp->env, to);
    deliver(c, to);
    tcp_delack_data(c, len);
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

/* Dynamic right-sizing: what the user read within one round trip is what the window must hold twice. */
static void autotune(struct tcp_conn *c, uint32_t len) {
    const struct tcp_params *params = &c->tcp->params;
    if (!params->rcvbuf_autotune || c->is.rcvbuf_set || c->rcvbuf >= params->rcvbuf_max) return;
    uint32_t now = tcp_clock_ms(c->tcp);
    c->rcv_seen += len;
    if (now - c->rcv_measure <= c->srtt_us / 1000) return;
    uint64_t want = 2ull * c->rcv_seen;
    if (want > c->rcvbuf) c->rcvbuf = want < params->rcvbuf_max ? (uint32_t)want : params->rcvbuf_max;
    c->rcv_seen = 0;
    c->rcv_measure = now;
}

/* The user has taken `len` bytes. An ACK goes out when that opens the window by a worthwhile step. */
void tcp_recv_consume(struct tcp_conn *c, uint32_t len) {
    seq from = c->rcv_read;
    c->rcv_read = seq_add(c->rcv_read, len);
    seq end = c->is.fin_received ? seq_sub(c->rcv_nxt, 1) : c->rcv_nxt;
    /* Behind a FIN nothing is; before it, there may be more beyond a gap. */
    seq high = c->is.fin_received ? end : storage_end(c, end);
    buffer_release(&c->rcv, &c->tcp->slabs, from, c->rcv_read, high);
    autotune(c, len);
    if (!tcp_synchronized(c) || c->is.fin_received) return;
    uint32_t before = seq_len(c->rcv_nxt, c->rcv_adv), after = tcp_recv_window(c);
    if (after == before || after - before < worthwhile(c)) return;
    if (after - before >= c->rcvbuf / 4 || before <= c->rcvbuf / 8) tcp_mark(c, MARK_ACK);
}

/* SHUT_RD by BSD's rule: what is there goes, what comes will go too. */
void tcp_recv_discard(struct tcp_conn *c) {
    uint32_t n = tcp_unread(c);
    if (!n) return;
    tcp_drop(c, LA_D_DATA_DISCARDED);
    tcp_recv_consume(c, n);
}
