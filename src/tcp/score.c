/* The scoreboard: what happened to each segment in flight, and how many of each kind there are.
 *
 * Only this file changes marks and counts, so they always agree:
 *
 *     sacked_out = records with SACKED (without SACK: duplicate ACKs, recover.c's)
 *     lost_out   = records with LOST
 *     again_out  = records with AGAIN
 *     in flight  = all - sacked_out - lost_out + again_out     (RFC 6675's pipe, in segments)
 *
 * In the order of time stand the records whose fate RACK still has to decide: neither SACKED, nor LOST without a
 * repetition under way. */
#include "tcp/conn.h"

void tcp_score_sacked(struct tcp_conn *c, struct sent *s) {
    struct tcp_engine *e = &c->eng;
    if (s->marks & SENT_LOST) {
        if (s->marks & SENT_AGAIN) e->again_out--;
        s->marks &= (uint8_t) ~(SENT_LOST | SENT_AGAIN);
        e->lost_out--;
    }
    s->marks |= SENT_SACKED;
    e->sacked_out++;
    e->delivered++;
    e->fack = seq_max(e->fack, s->to);
    if (s->marks & SENT_LINKED) sent_unlink(&e->sent, s);
}

static void note_lost(struct tcp_conn *c, const struct sent *s) {
    struct tcp_engine *e = &c->eng;
    const struct cc_ops *ops = e->cc.ops;
    e->lost++;
    if (!e->cc_begun || !ops->lost) return;
    struct cc_now now = tcp_cc_now(c);
    ops->lost(&e->cc, &now, s->in_flight, s->lost, 1);
}

/* Everything that was sent of it is lost: the first transmission, and the repetition if there is one. */
void tcp_score_lost(struct tcp_conn *c, struct sent *s) {
    struct tcp_engine *e = &c->eng;
    if (s->marks & SENT_SACKED || sent_waits(s)) return;
    if (s->marks & SENT_AGAIN) e->again_out--;
    if (!(s->marks & SENT_LOST)) e->lost_out++;
    s->marks = (uint8_t)((s->marks | SENT_LOST) & ~SENT_AGAIN);
    e->lost_hint = seq_min(e->lost_hint, s->from);
    if (s->marks & SENT_LINKED) sent_unlink(&e->sent, s);
    note_lost(c, s);
}

static void sent_now(struct tcp_conn *c, struct sent *s) {
    s->at = c->tcp->env->now;
    tcp_rate_sent(c, s);
    s->in_flight = tcp_in_flight(c);
    s->lost = c->eng.lost;
    sent_link(&c->eng.sent, s);
    c->eng.sent_at = tcp_clock_ms(c->tcp);
}

void tcp_score_sent(struct tcp_conn *c, seq from, seq to) {
    struct tcp_engine *e = &c->eng;
    struct sent *s = sent_push(&e->sent);
    s->from = from;
    s->to = to;
    if (e->sent.count == 1) e->lost_hint = e->fack = from;
    sent_now(c, s);
}

void tcp_score_sent_again(struct tcp_conn *c, struct sent *s) {
    struct tcp_engine *e = &c->eng;
    if (!(s->marks & SENT_AGAIN)) e->again_out++;
    s->marks |= SENT_AGAIN | SENT_EVER;
    s->marks &= (uint8_t)~SENT_COUNTED;
    if (e->undo_again < 0) e->undo_again = 0;
    e->undo_again++;
    if (!e->again_stamped) {
        e->again_stamp = tcp_clock_ms(c->tcp) + c->ts_offset;
        e->again_stamped = true;
    }
    sent_now(c, s);
}

struct sent *tcp_score_next_lost(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    if (!e->lost_out) return NULL;
    for (uint32_t i = sent_find(&e->sent, e->lost_hint); i < e->sent.count; i++) {
        struct sent *s = sent_at(&e->sent, i);
        if (!sent_waits(s)) continue;
        e->lost_hint = s->from;
        return s;
    }
    e->lost_hint = c->snd_nxt;
    return NULL;
}

/* The record leaves: what it counted among, it no longer does. */
static void uncount(struct tcp_engine *e, const struct sent *s, bool sack_on) {
    if (s->marks & SENT_AGAIN) e->again_out--;
    if (s->marks & SENT_LOST) e->lost_out--;
    if (s->marks & SENT_SACKED)
        e->sacked_out--;
    else if (sack_on)
        e->delivered++;
}

static uint32_t since_us(const struct tcp_conn *c, la_time at) {
    la_time us = (c->tcp->env->now - at) / LA_US;
    return us > UINT32_MAX / 8 ? UINT32_MAX / 8 : us < 1 ? 1 : (uint32_t)us;
}

/* One segment is acknowledged: what it measures and proves. */
static void measure(struct tcp_conn *c, struct sent *s, struct tcp_acked *a, seq *late) {
    struct tcp_engine *e = &c->eng;
    if (!(s->marks & (SENT_EVER | SENT_SACKED))) {
        a->last_rtt_us = since_us(c, s->at);
        if (!a->rtt_us) a->rtt_us = a->last_rtt_us;
        *late = seq_min(*late, s->from);
        a->data_acked = true;
        if (seq_leq(s->to, e->high_seq)) a->orig_acked = true;
    }
    if (!(s->marks & SENT_SACKED)) tcp_rack_delivered(c, s);
    tcp_rate_delivered(c, s, a);
}

void tcp_score_acked(struct tcp_conn *c, struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    seq late = a->ack;
    bool again = false;
    while (e->sent.count) {
        struct sent *s = sent_at(&e->sent, 0);
        if (seq_gt(s->to, a->ack)) {
            if (seq_lt(s->from, a->ack)) s->from = a->ack; /* Part of a segment. */
            break;
        }
        measure(c, s, a, &late);
        again |= (s->marks & SENT_EVER) != 0;
        uncount(e, s, c->is.sack_on);
        sent_pop(&e->sent, c->tcp->env);
        a->popped++;
    }
    e->fack = seq_max(e->fack, a->ack);
    e->lost_hint = seq_max(e->lost_hint, a->ack);
    if (again) a->rtt_us = a->last_rtt_us = 0;          /* What waited for a repetition measures nothing. */
    if (again && !c->is.sack_on) a->orig_acked = false; /* It may have been the repetition. */
    if (c->is.sack_on && seq_lt(late, a->prior_fack)) tcp_reordering_seen(c, late, a->prior_fack);
}

void tcp_score_timeout(struct tcp_conn *c, bool reneged) {
    struct tcp_engine *e = &c->eng;
    if (reneged || !c->is.sack_on) e->sacked_out = 0;
    if (reneged) e->fack = c->snd_una;
    for (uint32_t i = 0; i < e->sent.count; i++) {
        struct sent *s = sent_at(&e->sent, i);
        if (reneged)
            s->marks &= (uint8_t)~SENT_SACKED;
        else if (i > 0 && c->is.sack_on && !tcp_rack_overdue(c, s))
            continue; /* Sent so recently that nothing can be known about it. */
        tcp_score_lost(c, s);
    }
    e->nseen = 0;
}

struct sent *tcp_score_cut(struct tcp_conn *c, uint32_t i, uint32_t len) {
    struct tcp_engine *e = &c->eng;
    struct sent *s = sent_at(&e->sent, i), *next = i + 1 < e->sent.count ? sent_at(&e->sent, i + 1) : NULL;
    seq from = s->from, at = seq_add(from, len);
    if (next && sent_waits(s) && sent_waits(next)) { /* Both go now: full segments, as when they were new. */
        next->marks |= s->marks & SENT_EVER;
        next->from = s->to = at;
        return s;
    }
    if (!sent_split(&e->sent, c->tcp->env, i, at)) return NULL;
    s = sent_at(&e->sent, sent_find(&e->sent, from));
    if (s->marks & SENT_LOST) e->lost_out++;
    if (s->marks & SENT_AGAIN) e->again_out++;
    if (s->marks & SENT_SACKED) e->sacked_out++;
    return s;
}

/* The first from `i` on that is not SACKed and was sent once, or again. */
static uint32_t next_of(const struct sent_queue *q, uint32_t i, bool again) {
    for (; i < q->count; i++) {
        uint8_t marks = sent_at(q, i)->marks;
        if (!(marks & SENT_SACKED) && !(marks & SENT_EVER) == !again) break;
    }
    return i;
}

/* What is open stands in the order of time again: first transmissions and repetitions, each in their order, merged. */
static void relink(struct sent_queue *q) {
    uint32_t i = next_of(q, 0, false), j = next_of(q, 0, true);
    while (i < q->count || j < q->count) {
        bool once = j >= q->count || (i < q->count && sent_at(q, i)->at <= sent_at(q, j)->at);
        sent_link(q, sent_at(q, once ? i : j));
        if (once)
            i = next_of(q, i + 1, false);
        else
            j = next_of(q, j + 1, true);
    }
}

void tcp_score_found(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    for (uint32_t i = 0; i < e->sent.count; i++) sent_at(&e->sent, i)->marks &= (uint8_t)~SENT_LOST;
    e->lost_out = 0;
    relink(&e->sent);
}

void tcp_score_clear(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    sent_free(&e->sent, c->tcp->env);
    e->sacked_out = e->lost_out = e->again_out = 0;
}

void tcp_score_check(const struct tcp_conn *c) {
    const struct tcp_engine *e = &c->eng;
    uint32_t sacked = 0, lost = 0, again = 0;
    seq at = c->state == LA_SYN_RCVD ? seq_add(c->iss, 1) : c->snd_una; /* A SYN+ACK has no record. */
    for (uint32_t i = 0; i < e->sent.count; i++) {
        const struct sent *s = sent_at(&e->sent, i);
        ASSERT(seq_eq(s->from, at) && seq_lt(s->from, s->to));
        ASSERT((s->marks & (SENT_SACKED | SENT_LOST)) != (SENT_SACKED | SENT_LOST));
        bool open = !(s->marks & SENT_SACKED) && !sent_waits(s);
        ASSERT(!open || s->marks & SENT_LINKED);
        sacked += (s->marks & SENT_SACKED) != 0;
        lost += (s->marks & SENT_LOST) != 0;
        again += (s->marks & SENT_AGAIN) != 0;
        at = s->to;
    }
    ASSERT(lost == e->lost_out && again == e->again_out);
    ASSERT(!c->is.sack_on || sacked == e->sacked_out);
    ASSERT(!e->sent.count || seq_eq(at, c->snd_nxt));
}
