/* The receive window: how much is offered, when an ACK tells it, and how large the buffer behind it grows. RFC 9293,
 * 3.8.6.2.2 (silly windows); RFC 7323, 2; dynamic right-sizing.
 *
 * The buffer grows with what the program reads. Within one round trip it reads what one window brought, so the window
 * must be twice that for the sender to fill the path while the answer is under way; and a sender in slow start doubles
 * meanwhile, so what the reading has grown by counts once more. The round trip is the receiver's own measure, because
 * who only receives has no other: the age of the timestamp that data echoes or, without timestamps, the time from
 * offering an edge to reaching it.
 *
 * Invariants: the right edge rcv_adv never moves left. The buffer never shrinks by itself, never exceeds rcvbuf_max,
 * and does not grow while the stack is short of memory, or once SO_RCVBUF has been set. */
#include "tcp/conn.h"

#define CLOCK_MAX_MS (60u * 1000) /* A round trip that is longer was none. */

static uint32_t clock_us(const struct tcp_conn *c) { return (uint32_t)(c->tcp->env->now / LA_US); }

void tcp_recv_init(struct tcp_conn *c, seq irs) {
    c->irs = irs;
    c->rcv_nxt = c->rcv_read = c->last_ack_sent = seq_add(irs, 1);
    struct ip_path path = tcp_full_path(c);
    uint32_t limit = tcp_syn_window_limit(c->tcp, &path, c->user_mss);
    c->rcv_adv = seq_add(c->rcv_nxt, tcp_syn_window(c->rcvbuf, limit)); /* As our SYN has told, or is about to. */
    c->tune = (struct tcp_tune){.read_from = c->rcv_read, .read_at = clock_us(c)};
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

/* --- What is offered --- */

/* Room for bytes beyond rcv_nxt, as far as memory allows it and the window field can tell it. */
static uint32_t room(const struct tcp_conn *c) {
    uint32_t used = tcp_unread(c), most = (uint32_t)UINT16_MAX << c->rcv_wscale;
    uint32_t unit = 1u << c->rcv_wscale, size = tcp_mem_bound(c, c->rcvbuf);
    if (size < unit) size = unit; /* Less could not be told. */
    uint32_t free = used >= size ? 0 : size - used;
    if (c->window_clamp && free > c->window_clamp) free = c->window_clamp;
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

seq tcp_recv_edge(const struct tcp_conn *c) {
    if (c->tcp->params.window_rule == WINDOW_STEPS) return c->rcv_adv;
    uint32_t used = tcp_unread(c);
    return seq_max(c->rcv_adv, seq_add(c->rcv_nxt, used < c->rcvbuf ? c->rcvbuf - used : 0));
}

/* --- What is measured --- */

/* A shorter round trip is believed at once, a longer one by an eighth: data that had to wait for its program echoes an
 * old timestamp. */
static void sample(struct tcp_conn *c, uint32_t us) {
    uint32_t old = c->tune.rtt_us;
    c->tune.rtt_us = !old || us < old ? us : old + (us - old) / 8;
}

/* One sample for each timestamp that is echoed, from segments that are worth one. */
static void sample_echo(struct tcp_conn *c, const struct tcp_seg *s) {
    uint32_t ms = tcp_clock_ms(c->tcp) + c->ts_offset - s->opt.ts_ecr;
    if (!s->opt.ts_ecr || s->opt.ts_ecr == c->tune.echoed || s->data.len < c->mss / 2u) return;
    c->tune.echoed = s->opt.ts_ecr;
    if (ms < CLOCK_MAX_MS) sample(c, ms ? ms * 1000 : 1000);
}

static void sample_edge(struct tcp_conn *c, seq to) {
    uint32_t now = clock_us(c);
    if (c->tune.edge_set && seq_lt(to, c->tune.edge)) return;
    if (c->tune.edge_set && now - c->tune.edge_at < CLOCK_MAX_MS * 1000)
        sample(c, now - c->tune.edge_at ? now - c->tune.edge_at : 1);
    c->tune.edge = seq_max(c->rcv_adv, to);
    c->tune.edge_at = now;
    c->tune.edge_set = true;
}

void tcp_recv_measure(struct tcp_conn *c, const struct tcp_seg *s) {
    if (c->is.ts_on && s->opt.has_ts)
        sample_echo(c, s);
    else
        sample_edge(c, seq_add(s->seq, (uint32_t)s->data.len));
}

/* --- What is read --- */

/* `read` bytes within a round trip are more than ever before. */
static void grow(struct tcp_conn *c, uint32_t read) {
    const struct tcp_params *params = &c->tcp->params;
    uint32_t more = read - c->tune.read_most;
    if (more > read / 2) more = read / 2;
    uint64_t want = 2ull * read + 8ull * more;
    c->tune.read_most = read;
    if (want > params->rcvbuf_max) want = params->rcvbuf_max;
    if (want > c->rcvbuf && tcp_mem(c->tcp) == MEM_PLENTY) c->rcvbuf = (uint32_t)want;
}

static void autotune(struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    if (!params->rcvbuf_autotune || c->is.rcvbuf_set || c->rcvbuf >= params->rcvbuf_max) return;
    uint32_t now = clock_us(c), rtt = c->tune.rtt_us ? c->tune.rtt_us : c->srtt_us;
    if (now - c->tune.read_at < rtt) return;
    uint32_t read = seq_len(c->tune.read_from, c->rcv_read);
    if (read > c->tune.read_most) grow(c, read);
    c->tune.read_from = c->rcv_read;
    c->tune.read_at = now;
}

/* The user has taken `len` bytes. An ACK goes out when that opens the window by a worthwhile step. */
void tcp_recv_consume(struct tcp_conn *c, uint32_t len) {
    seq from = c->rcv_read;
    c->rcv_read = seq_add(c->rcv_read, len);
    seq end = c->is.fin_received ? seq_sub(c->rcv_nxt, 1) : c->rcv_nxt;
    /* Behind a FIN nothing is; before it, there may be more beyond a gap. */
    seq high = c->is.fin_received || !c->ooo.count ? end : seq_max(end, c->ooo.at[c->ooo.count - 1].to);
    buffer_release(&c->rcv, &c->tcp->slabs, from, c->rcv_read, high);
    tcp_urgent_passed(c);
    autotune(c);
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
