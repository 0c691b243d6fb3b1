/* LA_MSG_EOR: where a message ends. What is written later begins a segment of its own, now and in every repetition,
 * because segments are sent again as they were cut.
 *
 * The last byte of every message stands in a set of intervals, until the peer has acknowledged it. So many messages of
 * one byte are one interval; where the set is full or there is no memory, an end is forgotten and two messages may
 * share a segment. */
#include "tcp/conn.h"

void tcp_eor_mark(struct tcp_conn *c) { ranges_add(&c->eor, c->tcp->env, seq_sub(c->snd_end, 1), c->snd_end); }

uint32_t tcp_eor_cut(const struct tcp_conn *c, seq at, uint32_t len) {
    const struct range *r = ranges_next(&c->eor, at);
    if (!r) return len;
    seq last = seq_max(r->from, at);
    return seq_lt(last, seq_add(at, len)) ? seq_len(at, last) + 1 : len;
}

bool tcp_eor_ends(const struct tcp_conn *c, seq end) { return c->eor.count && ranges_find(&c->eor, seq_sub(end, 1)); }

void tcp_eor_acked(struct tcp_conn *c) { ranges_trim(&c->eor, c->tcp->env, c->snd_una); }
