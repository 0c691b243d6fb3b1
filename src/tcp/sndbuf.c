/* How much the user may give, and when it is told that it may give more.
 *
 * Two bounds hold. SO_SNDBUF, or what it grows to by itself, bounds everything unacknowledged. TCP_NOTSENT_LOWAT bounds
 * what waits unsent, so that a program can still change its mind about it; what both windows let go at once counts as
 * sent. The second bound is looked at between chunks, as on Linux: what is begun is filled, so that a small mark does
 * not make small segments.
 *
 * A socket is writable when a third of the first bound is free and less than half of the second is in use: worth waking
 * somebody. Once it was not, LA_EV_WRITABLE is owed (`room_owed`); the ACK that makes it so again posts it. */
#include "tcp/view.h"

#define CHUNK_MAX 65535u

/* The bound on the send queue: as set, or grown to what two windows need. What the peer has SACKed is held until the
 * hole before it is repaired, yet it takes part in no window: it must not keep new data back. Half as much again,
 * because the owner is woken only when a third is free. */
uint32_t tcp_sndbuf(const struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    if (c->is.sndbuf_set || c->sndbuf >= params->sndbuf_max || tcp_mem(c->tcp) != MEM_PLENTY) return c->sndbuf;
    uint64_t want = (2ull * c->eng.cc.cwnd + c->eng.sacked_out) * 3 / 2 * tcp_send_mss(c);
    if (want > params->sndbuf_max) want = params->sndbuf_max;
    return want > c->sndbuf ? (uint32_t)want : c->sndbuf;
}

static uint32_t lowat(const struct tcp_conn *c) {
    return c->notsent_lowat ? c->notsent_lowat : c->tcp->params.notsent_lowat;
}

/* What both windows let go now. */
static uint32_t open_window(const struct tcp_conn *c) {
    uint32_t cwnd = view_cwnd_room(c), wnd = view_wnd_room(c);
    return cwnd < wnd ? cwnd : wnd;
}

/* What has to wait. */
static uint32_t held_up(const struct tcp_conn *c) {
    uint32_t unsent = view_unsent(c), window = open_window(c);
    return unsent > window ? unsent - window : 0;
}

/* Full segments, no more than the peer's window takes twice. */
static uint32_t chunk(const struct tcp_conn *c) {
    uint32_t size = c->max_snd_wnd / 2 < CHUNK_MAX ? c->max_snd_wnd / 2 : CHUNK_MAX, mss = tcp_send_mss(c);
    return size > mss ? size - size % mss : mss;
}

static uint64_t round_up(uint64_t n, uint32_t unit) { return (n + unit - 1) / unit * unit; }

/* Bytes until what waits unsent, counted in chunks, has reached the mark. */
static uint64_t lowat_room(const struct tcp_conn *c) {
    if (lowat(c) == UINT32_MAX) return UINT64_MAX;
    uint32_t held = held_up(c), unit = chunk(c);
    uint64_t most = round_up(held > lowat(c) ? held : lowat(c), unit);
    return most + open_window(c) - view_unsent(c);
}

uint32_t tcp_send_room(const struct tcp_conn *c) {
    uint32_t used = seq_len(c->snd_una, c->snd_end), bound = tcp_sndbuf(c);
    uint32_t room = used < bound ? bound - used : 0;
    uint64_t by_mark = lowat_room(c);
    return by_mark < room ? (uint32_t)by_mark : room;
}

bool tcp_writable(const struct tcp_conn *c) {
    uint32_t used = seq_len(c->snd_una, c->snd_end), bound = tcp_sndbuf(c);
    return used < bound && bound - used >= used / 2 && 2ull * held_up(c) < lowat(c);
}

void tcp_room_taken(struct tcp_conn *c, bool enough) {
    if (!enough) c->is.full_blocked = 1;
    if (!enough || !tcp_writable(c)) c->is.room_owed = 1;
    tcp_chrono(c);
}

void tcp_room_event(struct tcp_conn *c) {
    if (!c->is.room_owed || !c->is.owned || !tcp_writable(c)) return;
    c->is.room_owed = c->is.full_blocked = 0;
    event_post(c->tcp->events, &c->event, LA_EV_WRITABLE);
}
