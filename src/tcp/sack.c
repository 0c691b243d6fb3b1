/* SACK from the peer: blocks onto the scoreboard (RFC 2018, RFC 6675), D-SACK (RFC 2883), and what both tell about
 * reordering.
 *
 * What comes in is hostile: blocks beyond what was sent, turned around, or cut into single bytes. A block counts for
 * the segments that it covers whole; a part of a segment says nothing. So the peer cannot make the scoreboard grow, and
 * a block that repeats what the ACK before it said costs nothing (`seen`). */
#include "tcp/conn.h"

void tcp_reordering_seen(struct tcp_conn *c, seq low, seq fack) {
    struct tcp_engine *e = &c->eng;
    uint32_t mss = tcp_send_mss(c), most = c->tcp->params.reordering_max;
    if (!seq_lt(low, fack)) return;
    uint32_t degree = (seq_len(low, fack) + mss - 1) / mss;
    if (degree > most) degree = most;
    if (degree > e->reordering) e->reordering = (uint16_t)degree;
    e->rack.reorder_seen = true;
    if (e->reorderings < UINT32_MAX) e->reorderings++;
}

/* One segment is SACKed for the first time. */
static void take(struct tcp_conn *c, struct sent *s, struct tcp_acked *a, seq *late) {
    struct tcp_engine *e = &c->eng;
    if (!(s->marks & SENT_EVER)) {
        if (seq_lt(s->from, a->prior_fack)) *late = seq_min(*late, s->from);
        if (seq_leq(s->to, e->high_seq)) a->orig_acked = true;
        la_time us = (c->tcp->env->now - s->at) / LA_US;
        uint32_t rtt = us < 1 ? 1 : us > UINT32_MAX / 8 ? UINT32_MAX / 8 : (uint32_t)us;
        if (!a->sack_rtt_us) a->sack_rtt_us = rtt;
        a->last_sack_rtt_us = rtt;
    }
    a->sacked = true;
    tcp_rack_delivered(c, s);
    tcp_rate_delivered(c, s, a);
    tcp_score_sacked(c, s);
}

static void walk(struct tcp_conn *c, seq from, seq to, struct tcp_acked *a, seq *late) {
    struct tcp_engine *e = &c->eng;
    for (uint32_t i = sent_find(&e->sent, from); i < e->sent.count; i++) {
        struct sent *s = sent_at(&e->sent, i);
        if (seq_gt(s->to, to)) return;
        if (seq_lt(s->from, from) || s->marks & SENT_SACKED) continue;
        take(c, s, a, late);
    }
}

/* [from, to), but not again what the ACK before has said. Segments that stick out of what was said are looked at. */
static void block(struct tcp_conn *c, seq from, seq to, struct tcp_acked *a, seq *late) {
    struct tcp_engine *e = &c->eng;
    for (unsigned i = 0; i < e->nseen; i++) {
        struct tcp_sack *k = &e->seen[i];
        if (seq_gt(k->from, from) || seq_lt(k->to, from)) continue;
        if (seq_geq(k->to, to)) return;
        /* The segment that its end cut in two is whole only now. */
        uint32_t first = sent_find(&e->sent, seq_sub(k->to, 1));
        if (first < e->sent.count) from = seq_max(from, sent_at(&e->sent, first)->from);
        break;
    }
    walk(c, from, to, a, late);
}

/* RFC 2883, 4: the first block lies below the ACK, or within the second one. */
static bool is_dsack(const struct tcp_sack *k, unsigned n, seq ack) {
    if (seq_lt(k[0].from, ack)) return true;
    return n > 1 && seq_geq(k[0].from, k[1].from) && seq_leq(k[0].to, k[1].to);
}

static bool dsack_valid(const struct tcp_conn *c, const struct tcp_sack *k) {
    return seq_lt(k->from, k->to) && seq_leq(k->to, c->snd_nxt) && seq_len(k->from, k->to) <= c->max_snd_wnd &&
           seq_geq(k->from, seq_sub(c->snd_una, c->max_snd_wnd));
}

/* The peer has something twice. More duplicates than repetitions are the network's, or a lie. */
static void note_dsack(struct tcp_conn *c, const struct tcp_sack *k, struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    uint32_t mss = tcp_send_mss(c), times = (seq_len(k->from, k->to) + mss - 1) / mss;
    if (!dsack_valid(c, k)) return;
    e->dsacks += times;
    if (e->dsacks > c->retransmits) return;
    if (e->tlp_out && seq_eq(k->to, e->tlp_end)) {
        a->dsack_tlp = true;
    } else {
        a->dsack = true;
        e->rack.dsack_seen = true;
    }
    bool of_undo = e->undo_armed && e->undo_again > 0 && seq_leq(k->to, a->prior_una) && seq_gt(k->to, e->undo_marker);
    if (of_undo) e->undo_again = (uint32_t)e->undo_again > times ? e->undo_again - (int32_t)times : 0;
}

/* A block that begins where the ACK stands would contradict it. */
static bool block_valid(const struct tcp_conn *c, const struct tcp_sack *k, seq ack) {
    return seq_lt(k->from, k->to) && seq_leq(k->to, c->snd_nxt) && seq_gt(k->from, ack);
}

void tcp_sack_input(struct tcp_conn *c, const struct tcp_in *in, struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    const struct tcp_options *o = &in->seg.opt;
    seq late = c->snd_nxt;
    struct tcp_sack kept[TCP_SACK_MAX];
    uint8_t nkept = 0;
    unsigned first = 0;
    if (!c->is.sack_on || !o->nsack) return;
    if (!e->sacked_out) e->nseen = 0; /* Of long ago: the sequence space may have turned round. */
    if (is_dsack(o->sack, o->nsack, a->ack)) {
        note_dsack(c, &o->sack[0], a);
        first = 1;
    }
    for (unsigned i = first; i < o->nsack; i++) {
        const struct tcp_sack *k = &o->sack[i];
        if (!e->sent.count || !block_valid(c, k, seq_max(a->ack, c->snd_una))) continue;
        block(c, k->from, k->to, a, &late);
        kept[nkept++] = *k;
    }
    memcpy(e->seen, kept, nkept * sizeof kept[0]);
    e->nseen = nkept;
    if (a->sacked && seq_lt(late, a->prior_fack) && e->phase != CC_LOSS) tcp_reordering_seen(c, late, a->prior_fack);
}
