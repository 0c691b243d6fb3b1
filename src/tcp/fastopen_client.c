/* Fast Open, the client's side: when a SYN waits for data, what it carries, and what its answer teaches. RFC
 * 7413, 4.1.3, 4.2.1.
 *
 * What comes in: a connection in SYN_SENT, data from its user, then the SYN+ACK. What goes out: the option and the data
 * of the SYN; the peer's cookie and MSS, remembered; data to send again. Owned here: what struct tcp_conn calls
 * fastopen and syn_….
 *
 * Failure is remembered by two rules, each with a time that may be 0 (not at all). fastopen_path_disable, FreeBSD's: a
 * request that brings no cookie, or data that is neither acknowledged nor answered by a cookie, closes the way at once.
 * fastopen_blackhole, after Linux's: data in SYNs that got no answer, twice in a row, while the plain SYN after it did;
 * the time doubles with each further loss. Without either, the next request takes the form of the experiment, once. */
#include "tcp/conn.h"

#define COOKIE_LIFE (24 * 3600 * LA_SECOND)
#define LOSSES_MEAN 2    /* So many losses in a row are no accident. */
#define DOUBLINGS_MAX 6u /* Of the time that a way is closed. */

/* What a SYN may have, as things stand. */
struct offer {
    const struct fastopen_peer *cookie; /* Of which to send the cookie; NULL: none. */
    bool option, exp, data;
};

static bool has_cookie(const struct tcp *tcp, const struct fastopen_peer *p) {
    return p && p->cookie_len && tcp->env->now - p->learnt < COOKIE_LIFE;
}

/* A SYN sent again has nothing: a middlebox may have dropped the first for what it had (RFC 7413, 4.1.3.1). */
static struct offer offer_of(const struct tcp_conn *c) {
    struct offer o = {NULL, false, false, false};
    const struct tcp *tcp = c->tcp;
    uint32_t bits = tcp->params.fastopen;
    if (!c->is.fastopen || c->backoff || c->is.noopt || !(bits & FASTOPEN_CLIENT)) return o;
    const struct fastopen_peer *p = tcp_fastopen_peer_find(tcp, &c->key);
    if (p && p->closed_until > tcp->env->now) return o;
    o.data = true;
    if (c->is.fastopen_no_cookie || bits & FASTOPEN_CLIENT_NO_COOKIE) return o;
    o.option = true;
    o.data = has_cookie(tcp, p);
    if (o.data) o.cookie = p;
    o.exp = o.data ? p->cookie_exp : p && p->asked == 1;
    return o;
}

/* Room for data beside the options, all 40 bytes of them: a middlebox may add some. */
static uint32_t syn_room(const struct tcp_conn *c) {
    if (!offer_of(c).data) return 0;
    const struct fastopen_peer *p = tcp_fastopen_peer_find(c->tcp, &c->key);
    uint16_t mss = tcp_path_mss(&c->key.peer, c->path.mtu, c->user_mss);
    if (p && p->mss && p->mss < mss) mss = p->mss;
    return mss > TCP_OPTIONS_MAX ? mss - TCP_OPTIONS_MAX : 0;
}

/* Bytes that wait for the SYN, or behind it. */
static uint32_t queued(const struct tcp_conn *c) { return seq_len(seq_add(c->iss, 1), c->snd_end); }

/* --- Before the SYN --- */

bool tcp_fastopen_defers(struct tcp_conn *c) {
    c->is.fastopen = c->is.fastopen_connect || c->is.fastopen_queue;
    c->is.deferred = c->is.fastopen_queue || offer_of(c).data;
    return c->is.deferred;
}

bool tcp_fastopen_takes(const struct tcp_conn *c) {
    if (c->state != LA_SYN_SENT || !c->is.fastopen) return false;
    return c->is.deferred || c->is.fastopen_queue || seq_eq(c->snd_max, c->iss);
}

void tcp_fastopen_go(struct tcp_conn *c) {
    if (c->is.deferred) c->unacked_since = tcp_clock_ms(c->tcp); /* The attempt begins. */
    c->is.deferred = 0;
    tcp_mark(c, MARK_SEND);
}

int64_t tcp_fastopen_send(struct tcp_conn *c, const void *data, size_t len) {
    bool first = c->is.deferred;
    uint32_t most = c->is.fastopen_queue ? tcp_sndbuf(c) : syn_room(c), used = queued(c);
    uint32_t room = used < most ? most - used : 0, n = len < room ? (uint32_t)len : room;
    if (n && !data) return -LA_EFAULT;
    seq low = seq_add(c->iss, 1), high = seq_add(c->snd_end, n);
    if (n && !buffer_write(&c->snd, &c->tcp->slabs, low, high, c->snd_end, data, n)) return -LA_ENOMEM;
    if (n < len) c->is.full_blocked = c->is.room_owed = 1;
    c->snd_end = high;
    tcp_fastopen_go(c);
    if (n) return n;
    return first ? -LA_EINPROGRESS : -LA_EAGAIN;
}

/* --- The SYN --- */

uint32_t tcp_fastopen_syn_len(struct tcp_conn *c) {
    if (!c->is.fastopen || c->backoff) return 0;
    struct offer o = offer_of(c);
    uint32_t room = syn_room(c), len = queued(c);
    if (len > room) len = room;
    c->is.syn_option = o.option;
    c->is.syn_exp = o.exp;
    c->syn_data = (uint16_t)len;
    return len;
}

void tcp_fastopen_option(const struct tcp_conn *c, struct tcp_options *o) {
    if (c->state != LA_SYN_SENT) {
        const struct tcp_conn *l = c->is.fastopen_renew ? tcp_conn_of(c->tcp, c->fastopen_listener) : NULL;
        if (l && l->listen) tcp_fastopen_give(l, &c->key, c->is.syn_exp, o);
        return;
    }
    struct offer offer = offer_of(c);
    o->has_fastopen = offer.option;
    o->fastopen_exp = offer.exp;
    if (!offer.cookie) return;
    o->fastopen_len = offer.cookie->cookie_len;
    memcpy(o->fastopen, offer.cookie->cookie, sizeof o->fastopen);
}

/* --- Its answer --- */

static bool has_answer(const struct tcp_conn *c, const struct tcp_options *o) {
    return c->is.syn_option && o->has_fastopen && o->fastopen_len;
}

static void remember_cookie(const struct tcp_conn *c, struct fastopen_peer *p, const struct tcp_options *o) {
    p->learnt = c->tcp->env->now;
    p->cookie_len = o->fastopen_len;
    p->cookie_exp = o->fastopen_exp;
    memcpy(p->cookie, o->fastopen, sizeof p->cookie);
    p->asked = 0;
    p->losses = 0;
}

/* The way is closed for a time that doubles with every loss after the first ones. */
static void remember_loss(const struct tcp_conn *c, struct fastopen_peer *p) {
    la_time now = c->tcp->env->now, base = c->tcp->params.fastopen_blackhole;
    if (p->losses < UINT8_MAX) p->losses++;
    if (p->losses < LOSSES_MEAN || !base) return;
    unsigned doublings = p->losses - LOSSES_MEAN;
    p->closed_until = now + (base << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX));
}

/* There is no cookie in the answer. */
static void remember_refusal(const struct tcp_conn *c, struct fastopen_peer *p) {
    bool in_vain = c->syn_data && !c->is.syn_data_taken;
    if (c->backoff && in_vain)
        remember_loss(c, p);
    else
        p->losses = 0;
    if (!c->is.syn_option || c->is.syn_data_taken) return;
    la_time disable = c->tcp->params.fastopen_path_disable;
    if (disable) p->closed_until = c->tcp->env->now + disable;
    uint8_t asked = c->is.syn_exp ? 2 : 1;
    if (!c->backoff && !c->syn_data && !p->cookie_len && asked > p->asked) p->asked = asked;
}

/* What the SYN+ACK acknowledges of the data needs no storage any more. */
static void let_go(struct tcp_conn *c, seq ack) {
    if (seq_leq(ack, c->snd_una)) return;
    uint32_t bytes = seq_len(c->snd_una, ack);
    buffer_release(&c->snd, &c->tcp->slabs, c->snd_una, ack, c->snd_end);
    c->snd_una = c->snd_wl2 = ack;
    c->snd_nxt = seq_max(c->snd_nxt, ack);
    c->snd_small = seq_max(c->snd_small, ack);
    c->bytes_out += bytes;
    tcp_room_event(c);
}

void tcp_fastopen_answered(struct tcp_conn *c, const struct tcp_seg *synack) {
    if (!c->is.fastopen) return;
    seq end = seq_add(c->iss, 1u + c->syn_data);
    c->is.syn_data_taken = c->syn_data && seq_geq(synack->ack, end);
    if (c->syn_data) env_count(c->tcp->env, c->is.syn_data_taken ? LA_C_FASTOPEN_ACTIVE : LA_C_FASTOPEN_ACTIVE_FAILS);
    let_go(c, synack->ack);
    struct fastopen_peer *p = tcp_fastopen_peer_get(c->tcp, &c->key);
    if (!p) return;
    p->mss = tcp_offered_mss(c->tcp, &c->key.peer, &synack->opt);
    if (has_answer(c, &synack->opt))
        remember_cookie(c, p, &synack->opt);
    else
        remember_refusal(c, p);
}

/* The rest is a segment that is known to be lost; without memory for its record it has never been sent. */
void tcp_fastopen_resend(struct tcp_conn *c) {
    struct sent_queue *q = &c->eng.sent;
    c->snd_nxt = c->snd_max; /* Also where the SYN went again, alone. */
    if (seq_eq(c->snd_una, c->snd_max)) return;
    if (!sent_room(q, c->tcp->env, 1)) {
        c->snd_nxt = c->snd_max = c->snd_una;
        return;
    }
    tcp_score_sent(c, c->snd_una, c->snd_nxt);
    tcp_score_lost(c, sent_last(q));
}

bool tcp_fastopen_ends(const struct tcp_conn *c, seq at) {
    return c->syn_data && seq_eq(at, seq_add(c->iss, 1u + c->syn_data));
}
