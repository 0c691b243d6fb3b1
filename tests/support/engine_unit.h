/* A sender with a window of whole segments, for tests of the data engine: they speak of segments by number, 0 the first
 * one, and of what leaves as a line of such numbers:
 *
 *     en_send(u, c, 5);                 five segments leave
 *     SACKS(0, 1, 4);                   the ACK still says 0; 1, 2 and 3 have arrived
 *     en_expect(u, c, "0");             0 goes again, and nothing else
 *
 * The sequence numbers pass 2^32 within the first segments. One round trip of 100 ms is known. */
#ifndef SUPPORT_ENGINE_UNIT_H
#define SUPPORT_ENGINE_UNIT_H

#include <stdio.h>
#include <string.h>

#include "tcp_unit.h"

#define EN_MSS 1000u
#define EN_RTT (100 * LA_MS)

static inline struct tcp_conn *en_conn(struct tcp_unit *u, bool sack, const char *congestion, uint32_t cwnd) {
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    tu_move(c, seq_of(UINT32_MAX - 3500), TU_RCV(0));
    c->mss = c->peer_mss = EN_MSS;
    c->is.sack_on = sack;
    c->is.nodelay = c->is.sndbuf_set = 1;
    c->sndbuf = c->snd_wnd = c->max_snd_wnd = 1u << 20;
    tcp_cwnd_choose(c, (unsigned)cc_find(congestion));
    c->eng.cc.cwnd = cwnd;
    tcp_rtt_sample(c, EN_RTT);
    tcp_rtt_note_min(c, EN_RTT / LA_US);
    return c;
}

/* Where segment k begins. */
static inline seq en_seq(const struct tcp_conn *c, uint32_t k) { return seq_add(c->iss, 1 + k * EN_MSS); }

static inline struct sent *en_record(struct tcp_conn *c, uint32_t k) {
    return sent_at(&c->eng.sent, sent_find(&c->eng.sent, en_seq(c, k)));
}

/* What leaves now, by number; `n+` is new data, `n` a repetition, `a` a bare ACK. */
static inline void en_expect(struct tcp_unit *u, struct tcp_conn *c, const char *want) {
    struct tcp_seg s;
    char got[512] = "";
    for (seq nxt = c->snd_nxt; tu_out(u, &s); nxt = seq_max(nxt, c->snd_nxt)) {
        size_t n = strlen(got);
        const char *gap = n ? " " : "";
        uint32_t k = seq_len(seq_add(c->iss, 1), s.seq) / EN_MSS;
        if (!s.data.len && !(s.flags & TCP_FIN))
            snprintf(got + n, sizeof got - n, "%sa", gap);
        else
            snprintf(got + n, sizeof got - n, "%s%u%s", gap, k, seq_geq(s.seq, nxt) ? "+" : "");
    }
    assert_string_equal(got, want);
}

static inline void en_give(struct tcp_conn *c, uint32_t n) { tu_give(c, n * EN_MSS); }

/* The user gives `n` segments, which leave at once. */
static inline void en_send(struct tcp_unit *u, struct tcp_conn *c, uint32_t n) {
    en_give(c, n);
    assert_int_equal(tu_skip(u), n);
}

/* An ACK up to segment k; edges: pairs of segments, a block from one up to the other. */
static inline struct tcp_in en_in(const struct tcp_conn *c, uint32_t k, const uint32_t *edges, unsigned blocks) {
    struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
    in.seg.ack = en_seq(c, k);
    in.seg.opt.nsack = (uint8_t)blocks;
    for (unsigned i = 0; i < blocks; i++)
        in.seg.opt.sack[i] = (struct tcp_sack){en_seq(c, edges[2 * i]), en_seq(c, edges[2 * i + 1])};
    return in;
}

static inline void en_ack(struct tcp_conn *c, uint32_t k, const uint32_t *edges, unsigned blocks) {
    struct tcp_in in = en_in(c, k, edges, blocks);
    tcp_ack(c, &in);
    tcp_check(c);
}

/* The same with an echoed timestamp, so many ms ago. */
static inline void en_ack_ts(struct tcp_conn *c, uint32_t k, uint32_t ms_ago) {
    struct tcp_in in = en_in(c, k, NULL, 0);
    in.seg.opt.has_ts = true;
    in.seg.opt.ts_ecr = tcp_clock_ms(c->tcp) + c->ts_offset - ms_ago;
    tcp_ack(c, &in);
    tcp_check(c);
}

#define EN_EDGES(...) ((const uint32_t[]){__VA_ARGS__})
#define ACKS(k) en_ack(c, k, NULL, 0)
#define SACKS(k, ...) en_ack(c, k, EN_EDGES(__VA_ARGS__), (unsigned)(sizeof EN_EDGES(__VA_ARGS__) / 8))

#define PHASE(p) assert_int_equal(c->eng.phase, p)

#endif
