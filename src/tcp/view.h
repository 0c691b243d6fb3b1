/* How much waits, and how much may go: what several files ask of the sender's side. */
#ifndef TCP_VIEW_H
#define TCP_VIEW_H

#include "tcp/conn.h"

/* Bytes that wait and were never sent. */
static inline uint32_t view_unsent(const struct tcp_conn *c) {
    return seq_lt(c->snd_max, c->snd_end) ? seq_len(c->snd_max, c->snd_end) : 0;
}

/* Bytes that the congestion window, and that the peer's window, let go beyond what is in flight. */
static inline uint32_t view_cwnd_room(const struct tcp_conn *c) {
    uint32_t cwnd = c->eng.cc.cwnd, in_flight = tcp_in_flight(c);
    uint64_t room = cwnd > in_flight ? (uint64_t)(cwnd - in_flight) * tcp_send_mss(c) : 0;
    return room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
}

static inline uint32_t view_wnd_room(const struct tcp_conn *c) {
    seq edge = seq_add(c->snd_una, c->snd_wnd);
    return seq_gt(edge, c->snd_nxt) ? seq_len(c->snd_nxt, edge) : 0;
}

#endif
