/* Accurate ECN (RFC 9768): how many packets, and of which codepoint how many bytes, each end says that it received.
 *
 * In: the codepoint and the payload of every acceptable segment (tcp_accecn_input); the flags AE, CWR and ECE of every
 * ACK, which are one field of three bits, ACE, and the option (tcp_accecn_feedback). Out: the same two on every segment
 * that we send (tcp_accecn_flags, tcp_accecn_option), and ACKs at once where marks begin or pile up.
 *
 * ACE counts marked packets modulo 8. An ACK that covers more than seven segments may hide that it went round; then the
 * bytes of the option decide, and without it the worst that is likely (3.2.2.5.2). In the handshake the same three bits
 * tell the codepoint of the SYN and of the SYN+ACK, which proves whether the path leaves them alone.
 *
 * Invariants: once in the mode a connection stays in it and goes on telling what it receives. What is found broken ends
 * only its own part, for good: sending ECN-capable packets, believing the peer, sending options (struct tcp_accecn,
 * `failed`). A mark leads to one reduction in a round trip, as in RFC 3168: ecn.c and recover.c see to it. */
#include "tcp/conn.h"

/* On the wire (3.2.1). */
#define ACE_BEGIN 5u
#define ACE_MASK 7u
#define BYTES_MASK 0xffffffu

#define OPTION_BYTES(n) (2u + 3u * (n))
#define UNTOLD_MAX (1u << 22) /* 3.2.3.3: an option at least for so many bytes. */
#define REAPPEARED_MAX 2
#define MARKED_ROUNDS_MAX 4

static const uint32_t begin_at[ACCECN_COUNTERS] = {[ACCECN_E1B] = 1, [ACCECN_E0B] = 1, [ACCECN_CEB] = 0};

/* Table 5: what stands in the option, in this order. */
static const uint8_t order[2][TCP_ACCECN_MAX] = {{ACCECN_E0B, ACCECN_CEB, ACCECN_E1B},
                                                 {ACCECN_E1B, ACCECN_CEB, ACCECN_E0B}};

bool tcp_accecn_begin(struct tcp_conn *c, uint8_t codepoint) {
    if (!c->accecn) c->accecn = env_zalloc(c->tcp->env, sizeof *c->accecn);
    if (!c->accecn) return false;
    c->accecn->syn = codepoint;
    return true;
}

void tcp_accecn_free(struct tcp_conn *c) {
    if (c->accecn) env_release(c->tcp->env, c->accecn, sizeof *c->accecn);
    c->accecn = NULL;
}

static void fail(struct tcp_conn *c, unsigned what) { c->accecn->failed |= (uint8_t)what; }

/* --- The ACE field --- */

static uint16_t flags_of(unsigned ace) {
    return (uint16_t)((ace & 4 ? TCP_AE : 0) | (ace & 2 ? TCP_CWR : 0) | (ace & 1 ? TCP_ECE : 0));
}

static unsigned ace_of(uint16_t flags) {
    return (flags & TCP_AE ? 4u : 0) | (flags & TCP_CWR ? 2u : 0) | (flags & TCP_ECE ? 1u : 0);
}

uint16_t tcp_accecn_handshake(uint8_t codepoint) {
    static const uint8_t ace[] = {[ECN_NOT_ECT] = 2, [ECN_ECT1] = 3, [ECN_ECT0] = 4, [ECN_CE] = 6};
    return flags_of(ace[codepoint & ECN_BITS]);
}

static bool has_blocks(const struct tcp_conn *c) { return c->is.sack_on && (c->ooo.count || c->is.dsack); }

static bool is_bare(const struct tcp_plan *plan) { return !plan->len && !(plan->flags & TCP_FIN); }

bool tcp_accecn_answers(const struct tcp_conn *c) { return c->accecn && c->accecn->answer_due && !has_blocks(c); }

/* A SYN+ACK that is lost twice goes without (3.2.3.2.2); the mode stays, but the peer may not be in it (3.1.5). */
static uint16_t synack_flags(struct tcp_conn *c) {
    if (c->backoff) fail(c, ACCECN_NO_OPTIONS_OUT);
    if (c->backoff < 2 || !c->tcp->params.ecn_fallback) return tcp_accecn_handshake(c->accecn->syn);
    fail(c, ACCECN_NO_ECT);
    return 0;
}

uint16_t tcp_accecn_flags(struct tcp_conn *c, const struct tcp_plan *plan) {
    struct tcp_accecn *x = c->accecn;
    if (plan->flags & TCP_SYN) return synack_flags(c);
    if (!tcp_accecn_answers(c) || !is_bare(plan)) return flags_of((ACE_BEGIN + x->received_ce) & ACE_MASK);
    x->answer_due = false;
    return tcp_accecn_handshake(x->syn);
}

/* --- The option, out --- */

/* How many fields it takes, beginning with `first`, so that all of `mask` are in it. */
static unsigned fields_for(unsigned first, unsigned mask) {
    unsigned n = TCP_ACCECN_MAX;
    while (n && !(mask & 1u << order[first][n - 1])) n--;
    return n;
}

static void fill(const struct tcp_accecn *x, unsigned first, unsigned n, struct tcp_options *o) {
    o->has_accecn = true;
    o->accecn1 = first == 1;
    o->naccecn = (uint8_t)n;
    for (unsigned i = 0; i < n; i++) {
        unsigned k = order[first][i];
        o->accecn[i] = (begin_at[k] + (x ? x->received[k] : 0)) & BYTES_MASK;
    }
}

void tcp_accecn_first_option(struct tcp_options *o) { fill(NULL, 1, TCP_ACCECN_MAX, o); }

/* Within `room` bytes, NOPs included. */
static bool fits(const struct tcp_accecn *x, unsigned first, unsigned mask, size_t room, struct tcp_options *o) {
    unsigned n = fields_for(first, mask);
    if ((OPTION_BYTES(n) + 3) / 4 * 4 > room) return false;
    fill(x, first, n, o);
    return true;
}

static bool shortest(const struct tcp_accecn *x, unsigned mask, size_t room, struct tcp_options *o) {
    return fits(x, fields_for(1, mask) < fields_for(0, mask), mask, room, o);
}

/* Nothing has changed, but what was told may be lost. */
static bool beacon(const struct tcp_conn *c) {
    const struct tcp_accecn *x = c->accecn;
    uint32_t now = (uint32_t)(c->tcp->env->now / LA_US), times = c->tcp->params.ecn_option_beacon;
    return x->ever && times && c->srtt_us && now - x->told_at >= c->srtt_us / times;
}

static bool is_due(const struct tcp_conn *c, const struct tcp_plan *plan) {
    const struct tcp_accecn *x = c->accecn;
    uint8_t rule = c->tcp->params.ecn_option;
    if (rule == ECN_OPTION_NEVER || (x->failed & ACCECN_NO_OPTIONS_OUT && rule != ECN_OPTION_PERSIST)) return false;
    if (plan->flags & TCP_SYN) return !c->backoff;
    if (x->first_ack_due || (x->first_data_due && plan->len)) return true;
    if (rule >= ECN_OPTION_WHENEVER) return x->changed || (is_bare(plan) && beacon(c));
    return x->changed & 1u << ACCECN_CEB || (x->changed && x->repeat) || x->untold >= UNTOLD_MAX;
}

/* Space is for SACK's first two blocks first (3.2.3.3), and on a segment with data for the data. */
static size_t room_for(const struct tcp_conn *c, const struct tcp_plan *plan, unsigned blocks,
                       const struct tcp_options *o) {
    size_t used = tcp_options_len(o, &c->tcp->params.layout);
    if (blocks) used += 4 + 8 * (blocks < 2 ? blocks : 2u);
    size_t most = TCP_OPTIONS_MAX;
    if (plan->len && c->mss < plan->len + most) most = c->mss > plan->len ? c->mss - plan->len : 0;
    return most > used ? most - used : 0;
}

void tcp_accecn_option(struct tcp_conn *c, const struct tcp_plan *plan, unsigned blocks, struct tcp_options *o) {
    struct tcp_accecn *x = c->accecn;
    if (!x || !(plan->flags & TCP_ACK)) return;
    x->told_option = false;
    if (!is_due(c, plan)) return;
    const unsigned all = (1u << ACCECN_COUNTERS) - 1;
    bool first = plan->flags & TCP_SYN || x->first_ack_due || x->first_data_due;
    size_t room = room_for(c, plan, blocks, o);
    bool done = c->tcp->params.accecn_full || first ? fits(x, 1, all, room, o) : false;
    done = done || shortest(x, x->ever, room, o) || shortest(x, x->changed, room, o);
    if (!done) return;
    x->told_option = true;
    x->first_ack_due = false;
    if (plan->len && x->first_data_due) {
        x->first_data_due = false;
        x->tested = true;
        x->tested_at = plan->seq;
    }
    x->changed = 0;
    x->untold = 0;
    if (x->repeat) x->repeat--;
    x->told_at = (uint32_t)(c->tcp->env->now / LA_US);
}

void tcp_accecn_sent(struct tcp_conn *c, const struct tcp_plan *plan) {
    struct tcp_accecn *x = c->accecn;
    if (plan->flags & TCP_ACK) x->told_ce = x->received_ce;
    if (plan->again && x->tested && seq_eq(plan->seq, x->tested_at)) { /* 3.2.3.2.2 */
        x->tested = false;
        fail(c, ACCECN_NO_OPTIONS_OUT);
    }
}

void tcp_accecn_reappeared(struct tcp_conn *c) {
    struct tcp_accecn *x = c->accecn;
    if (!x || !x->told_option) return;
    if (++x->reappeared >= REAPPEARED_MAX) fail(c, ACCECN_NO_OPTIONS_OUT);
}

/* --- What comes --- */

/* What a device merged counts as what it was made from. */
static uint32_t packets_of(const struct tcp_in *in) {
    uint32_t len = (uint32_t)in->seg.data.len, size = in->datagram->segment_size;
    return size && len > size ? (len + size - 1) / size : 1;
}

static void count_bytes(struct tcp_accecn *x, unsigned codepoint, uint32_t len) {
    if (codepoint == ECN_NOT_ECT) return;
    unsigned k = codepoint - 1;
    x->received[k] += len;
    x->changed |= (uint8_t)(1u << k);
    x->ever |= (uint8_t)(1u << k);
    x->untold += len;
    if (x->latest != codepoint) x->repeat = 2; /* 3.2.3.3: the change, and once more. */
    x->latest = (uint8_t)codepoint;
}

/* 3.2.2.5.1. Bare ACKs may be marked, too; their ACKs are rare enough that two ends do not go on answering them. */
static void ack_marks(struct tcp_conn *c, bool ce, bool data) {
    const struct tcp_accecn *x = c->accecn;
    if (!ce) return;
    uint32_t most = data || c->unacked_segments ? 2 : 3;
    if ((data && !x->latest_ce) || x->received_ce - x->told_ce >= most) tcp_mark(c, MARK_ACK);
}

void tcp_accecn_input(struct tcp_conn *c, const struct tcp_in *in) {
    struct tcp_accecn *x = c->accecn;
    unsigned codepoint = in->datagram->tos & ECN_BITS;
    bool ce = codepoint == ECN_CE;
    uint32_t len = (uint32_t)in->seg.data.len;
    if (ce) x->received_ce += packets_of(in);
    if (len) count_bytes(x, codepoint, len);
    if (len && seq_geq(in->seg.seq, c->rcv_nxt)) x->reappeared = 0;
    ack_marks(c, ce, len > 0);
    x->latest_ce = ce;
}

/* --- What the peer says --- */

/* 3.2.3.2.4: both begin at 1, so zero was written by somebody else. */
static bool is_zeroed(const struct tcp_options *o) {
    for (unsigned i = 0; i < o->naccecn; i++)
        if (order[o->accecn1][i] != ACCECN_CEB && o->accecn[i] == 0) return true;
    return false;
}

static void see_option(struct tcp_conn *c, const struct tcp_options *o, bool first) {
    struct tcp_accecn *x = c->accecn;
    if (first && (!o->has_accecn || is_zeroed(o))) fail(c, ACCECN_NO_OPTIONS_IN);
    if (!o->has_accecn) return;
    if (first && is_zeroed(o)) x->mangled_options = true;
    if (x->mangled_options) return;
    x->failed &= (uint8_t)~ACCECN_NO_OPTIONS_IN; /* 3.2.3.2.3 */
    uint8_t seen = o->naccecn ? ACCECN_SEEN_COUNTERS : ACCECN_SEEN_EMPTY;
    if (seen > x->seen) x->seen = seen;
}

/* Takes the counters over; returns by how much CEB grew. */
static uint32_t take_counters(struct tcp_accecn *x, const struct tcp_options *o) {
    uint32_t marked = 0;
    for (unsigned i = 0; i < o->naccecn; i++) {
        unsigned k = order[o->accecn1][i];
        uint32_t more = (o->accecn[i] - begin_at[k] - x->delivered[k]) & BYTES_MASK;
        x->delivered[k] += more;
        if (k == ACCECN_CEB) marked = more;
    }
    return marked;
}

/* 3.2.2.3: what we sent without ECT has become something else. */
static void test_path(struct tcp_conn *c, unsigned ace) {
    if (ace == 3 || ace == 4 || ace == 6) fail(c, ACCECN_NO_ECT);
}

/* A handshake packet was marked: the first window is half as large. */
static void handshake_marked(struct tcp_conn *c) {
    if (c->eng.cc.cwnd > 1) c->eng.cc.cwnd /= 2;
}

void tcp_accecn_opened(struct tcp_conn *c, const struct tcp_in *in) {
    struct tcp_accecn *x = c->accecn;
    if (!x) return;
    unsigned ace = ace_of(in->seg.flags);
    test_path(c, ace);
    if (ace == 6) handshake_marked(c);
    see_option(c, &in->seg.opt, true);
    if (!x->mangled_options) take_counters(x, &in->seg.opt);
    if (x->syn == ECN_CE) x->received_ce = 1; /* 3.2.2.2 */
    x->answer_due = x->first_ack_due = x->first_data_due = true;
    x->stamp = in->seg.opt.ts_val;
    x->at = in->seg.seq;
}

void tcp_accecn_again(struct tcp_conn *c, const struct tcp_in *in) {
    struct tcp_accecn *x = c->accecn;
    const struct tcp_seg *s = &in->seg;
    if (!x || !(s->flags & TCP_SYN) || !seq_eq(s->seq, c->irs)) return;
    x->syn = in->datagram->tos & ECN_BITS;
    bool plain = !(s->flags & ECN_FLAGS);
    if (c->state == LA_SYN_RCVD && plain && !(s->flags & TCP_ACK)) fail(c, ACCECN_NO_ECT); /* 3.1.5 */
    if (c->state == LA_SYN_RCVD || !(s->flags & TCP_ACK) || plain) return;
    if (x->syn == ECN_CE && !x->received_ce) x->received_ce = 1;
    x->answer_due = true;
}

/* Table 4: the ACK of our SYN+ACK. */
static void handshake_over(struct tcp_conn *c, unsigned ace) {
    if (ace == 0) fail(c, ACCECN_NO_ECT | ACCECN_DEAF);
    test_path(c, ace);
    if (ace != 6) return;
    c->eng.delivered_ce++;
    handshake_marked(c);
}

/* Whether a later ACK has already told more. One that acknowledges nothing new may be old, unless it can prove that it
 * is not. */
static bool is_superseded(const struct tcp_conn *c, const struct tcp_in *in, const struct tcp_acked *a,
                          uint32_t newly) {
    const struct tcp_accecn *x = c->accecn;
    const struct tcp_seg *s = &in->seg;
    if (seq_lt(s->ack, a->prior_una)) return true;
    if (a->advanced || newly) return false;
    if (c->is.ts_on && s->opt.has_ts) return (int32_t)(s->opt.ts_val - x->stamp) <= 0;
    return seq_leq(s->seq, x->at);
}

/* How many of `newly` segments were marked, when ACE has moved by `least` modulo 8. `told`: by the option, so many
 * bytes. Marks come in a row: none behind an ACK that told of some may be eight, behind one that told of none it is not
 * likely, because their beginning is told at once. */
static uint32_t safest(const struct tcp_conn *c, uint32_t least, uint32_t newly, bool told, uint32_t bytes) {
    if (newly <= ACE_MASK) return least;
    uint32_t n = least;
    if (!told) return least || c->accecn->marking ? newly - ((newly - least) & ACE_MASK) : 0;
    while (n + ACE_MASK + 1 <= newly && (uint64_t)n * c->mss < bytes) n += ACE_MASK + 1;
    return n;
}

/* 3.2.2.3: a path that marks everything says nothing. */
static void test_marking(struct tcp_conn *c, const struct tcp_in *in, uint32_t marked, uint32_t newly) {
    struct tcp_accecn *x = c->accecn;
    if (x->marked_rounds >= MARKED_ROUNDS_MAX || !newly) return;
    if (marked < newly)
        x->marked_rounds = MARKED_ROUNDS_MAX; /* It does not. */
    else if (seq_gt(in->seg.ack, c->ecn_recover) && ++x->marked_rounds == MARKED_ROUNDS_MAX)
        fail(c, ACCECN_NO_ECT | ACCECN_DEAF);
}

/* 3.2.3.2.5: bytes that were marked in no packet. */
static void test_consistency(struct tcp_conn *c, uint32_t bytes, uint32_t marked) {
    struct tcp_accecn *x = c->accecn;
    if (bytes && !marked && !x->unexplained) fail(c, ACCECN_NO_ECT);
    x->unexplained = 0;
}

uint32_t tcp_accecn_feedback(struct tcp_conn *c, const struct tcp_in *in, const struct tcp_acked *a) {
    struct tcp_accecn *x = c->accecn;
    const struct tcp_options *o = &in->seg.opt;
    unsigned ace = ace_of(in->seg.flags);
    uint32_t newly = tcp_acked_segments(c, a);
    if (in->what & TCP_SYN) return 0; /* 3.2.2: it is no counter there. */
    bool first = x->awaiting, bare = !in->seg.data.len && !(in->seg.flags & TCP_FIN) && !o->nsack;
    x->awaiting = false;
    if (first || o->has_accecn) see_option(c, o, first);
    if (first && bare) {
        handshake_over(c, ace);
        return 0;
    }
    if (is_superseded(c, in, a, newly)) return 0;
    if (!x->heard && ace == 0) fail(c, ACCECN_NO_ECT | ACCECN_DEAF); /* 3.2.2.4 */
    x->heard = true;
    x->stamp = o->ts_val;
    x->at = in->seg.seq;
    bool told = o->naccecn > 1 && !x->mangled_options; /* CEB is among them. */
    uint32_t bytes = x->mangled_options ? 0 : take_counters(x, o);
    uint32_t least = (ace - ACE_BEGIN - c->eng.delivered_ce) & ACE_MASK;
    uint32_t marked = safest(c, least, newly, told, bytes);
    if (told) test_consistency(c, bytes, marked);
    c->eng.delivered_ce += marked;
    if (!told) x->unexplained += marked;
    x->marking = marked > 0;
    test_marking(c, in, marked, newly);
    return x->failed & ACCECN_DEAF ? 0 : marked;
}
