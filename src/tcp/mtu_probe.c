/* Packetization layer path MTU discovery (RFC 4821), as Linux does it, and black holes.
 *
 * In: what send.c has to send, what ack.c and recover.c have learnt, the timeout. Out: how large segments may be
 * (tcp_mtu), and now and then a probe: one segment larger than the MSS, made of new data, which goes only while nothing
 * is wrong and enough follows it to tell its loss from others.
 *
 * The search goes on while `held` is set: always, or since a black hole was suspected, by tcp_mtu_probing. Then the MSS
 * grows only by an acknowledged probe, whatever routes say. The next probe lies half way between `low`, which gets
 * through, and what the peer takes or `failed`, which did not; no probe is larger than the path's MTU. It ends when
 * less than tcp_probe_threshold is left, and begins anew after tcp_probe_interval (the raise timer; it needs none on
 * the wheel, because only a sender looks).
 *
 * A lost probe is no sign of congestion if nothing else is lost: its bytes go again in segments of one MSS. If anything
 * goes again for another reason, the probe has proved nothing.
 *
 * A black hole is a path that swallows large packets and says nothing (RFC 2923, 2.1): from the timeout on that makes
 * the path doubtful (tcp_retries1), the MSS falls to tcp_base_mss and then by half, each timeout and so far at least
 * that the segment is cut, down to tcp_mtu_probe_floor. */
#include "tcp/conn.h"

#define CWND_LEAST 11 /* A loss of the probe alone is repaired without a timeout only in a window like this. */
#define TS_BYTES 12
#define SMALL 512u          /* Segments that every path takes, or it is dead. */
#define IP6_MTU_LEAST 1280u /* RFC 8200, 5. */

/* Headers of a full segment. */
static uint32_t headers(const struct tcp_conn *c) { return (la_addr_is4(&c->key.peer) ? 20u : 40u) + TCP_LEN; }
static uint32_t overhead(const struct tcp_conn *c) { return headers(c) + (c->is.ts_on ? TS_BYTES : 0); }

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t most(uint32_t a, uint32_t b) { return a > b ? a : b; }

uint16_t tcp_mtu(const struct tcp_conn *c) {
    const struct tcp_mtu *m = &c->mtu;
    return m->held && m->held < c->path.mtu ? m->held : c->path.mtu;
}

/* The MTU of the segments that are sent; the peer's MSS may make them smaller than the path would take. */
static uint32_t in_use(const struct tcp_conn *c) { return c->mss + headers(c); }

/* A larger one can come only from here on. */
static void hold(struct tcp_conn *c, uint32_t mtu) {
    c->mtu.held = (uint16_t)mtu;
    c->mtu.probe = 0;
    tcp_send_mss_update(c);
}

/* A passive end begins with what the path is said to take, as Linux does; an active one with what surely gets
 * through. */
void tcp_mtu_open(struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    struct tcp_mtu *m = &c->mtu;
    uint32_t base = least(params->base_mss + overhead(c), c->path.mtu);
    m->at = tcp_clock_ms(c->tcp);
    if (params->mtu_probing != MTU_PROBING_ALWAYS) return;
    m->low = (uint16_t)base;
    m->held = c->is.passive ? c->path.mtu : m->low;
}

/* --- Probes --- */

/* The largest packet that the peer takes and no probe has ruled out. */
static uint32_t search_high(const struct tcp_conn *c) {
    uint32_t mss = c->user_mss && c->user_mss < c->peer_mss ? c->user_mss : c->peer_mss, high = mss + headers(c);
    return c->mtu.failed ? least(high, c->mtu.failed - 1u) : high;
}

/* The size of the next probe; 0: the search is over. */
static uint32_t next_size(const struct tcp_conn *c) {
    const struct tcp_mtu *m = &c->mtu;
    uint32_t low = m->low, high = search_high(c), used = in_use(c), size = least((low + high) / 2, c->path.mtu);
    if (size <= used && used < high) size = least((used + high) / 2, c->path.mtu);
    if (size <= used || high < used + c->tcp->params.mtu_probe_threshold) return 0;
    return size;
}

/* After a while, what did not get through may do so. */
static void search_anew(struct tcp_conn *c) {
    struct tcp_mtu *m = &c->mtu;
    la_time gone = (tcp_clock_ms(c->tcp) - m->at) * LA_MS;
    if (gone < c->tcp->params.mtu_probe_interval) return;
    m->at = tcp_clock_ms(c->tcp);
    m->failed = 0;
    m->low = (uint16_t)in_use(c);
}

enum mtu_verdict tcp_mtu_probe_due(struct tcp_conn *c, uint32_t *len) {
    const struct tcp_engine *e = &c->eng;
    const struct tcp_mtu *m = &c->mtu;
    if (!m->held || m->probe) return MTU_NO_PROBE;
    bool calm = e->phase == CC_OPEN && e->cc.cwnd >= CWND_LEAST && tcp_synchronized(c);
    if (!calm || c->tcp->params.mtu_probing == MTU_PROBING_OFF) return MTU_NO_PROBE;
    search_anew(c);
    uint32_t mtu = next_size(c), in_flight = tcp_in_flight(c);
    if (!mtu) return MTU_NO_PROBE;
    /* So much must follow that the loss of the probe is noticed, and repaired, without a timeout. */
    uint32_t need = mtu - overhead(c) + (e->reordering + 1u) * tcp_send_mss(c);
    if (seq_len(c->snd_nxt, c->snd_end) < need || c->snd_wnd < need) return MTU_NO_PROBE;
    if (seq_gt(seq_add(c->snd_nxt, need), seq_add(c->snd_una, c->snd_wnd))) return MTU_WAIT;
    if (in_flight + 2 > e->cc.cwnd) return in_flight ? MTU_WAIT : MTU_NO_PROBE;
    *len = mtu - overhead(c);
    return MTU_PROBE;
}

void tcp_mtu_probe_sent(struct tcp_conn *c, uint32_t len, seq end) {
    c->mtu.probe = (uint16_t)(len + overhead(c));
    c->mtu.probe_end = end;
    env_count(c->tcp->env, LA_C_MTU_PROBES);
}

/* The congestion window keeps its bytes. */
static void rescale(struct tcp_conn *c, uint32_t before, uint32_t after) {
    struct cc *cc = &c->eng.cc;
    uint64_t cwnd = (uint64_t)cc->cwnd * before / after;
    if (cc->ops->control) return;
    cc->cwnd = cwnd ? (uint32_t)cwnd : 1;
    cc->count = 0;
}

void tcp_mtu_acked(struct tcp_conn *c) {
    struct tcp_mtu *m = &c->mtu;
    if (!m->probe || seq_lt(c->snd_una, m->probe_end)) return;
    uint32_t before = in_use(c), mtu = m->probe;
    env_count(c->tcp->env, LA_C_MTU_PROBES_ANSWERED);
    m->low = m->probe;
    hold(c, mtu);
    rescale(c, before, in_use(c));
}

bool tcp_mtu_probe_lost(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    struct tcp_mtu *m = &c->mtu;
    if (!m->probe || e->phase >= CC_CWR || e->lost_out != 1) return false;
    uint32_t i = sent_find(&e->sent, seq_sub(m->probe_end, 1));
    if (i == e->sent.count || !(sent_at(&e->sent, i)->marks & SENT_LOST)) return false;
    env_count(c->tcp->env, LA_C_MTU_PROBES_LOST);
    m->failed = m->probe;
    m->probe = 0;
    tcp_recover_resend_longer(c, tcp_send_mss(c));
    return true;
}

void tcp_mtu_probe_void(struct tcp_conn *c) { c->mtu.probe = 0; }

/* --- What makes it smaller --- */

/* The payload of a segment after one more timeout of one of `len` bytes: that one is cut. An IPv6 path carries
 * 1280 bytes, or it is none. */
static uint32_t smaller_mss(const struct tcp_conn *c, uint32_t len) {
    const struct tcp_params *params = &c->tcp->params;
    uint32_t now = tcp_send_mss(c), floor = most(params->mtu_probe_floor, params->mss_min);
    uint32_t mss = !c->mtu.held && params->base_mss < now ? params->base_mss : least(params->base_mss, now / 2);
    if (!la_addr_is4(&c->key.peer)) floor = most(floor, IP6_MTU_LEAST - overhead(c));
    while (mss >= len && mss > floor) mss /= 2;
    return most(mss, floor);
}

/* Where even small segments get lost, the path is dead, and that says nothing about its MTU. */
void tcp_mtu_timeout(struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    const struct sent_queue *q = &c->eng.sent;
    struct tcp_mtu *m = &c->mtu;
    if (params->mtu_probing == MTU_PROBING_OFF || c->backoff < params->retries1 || !q->count) return;
    uint32_t len = seq_len(sent_at(q, 0)->from, sent_at(q, 0)->to), mss = smaller_mss(c, len);
    bool small = len <= SMALL && len < tcp_send_mss(c);
    if (small || len <= mss || !tcp_synchronized(c)) return;
    env_count(c->tcp->env, LA_C_MTU_BLACK_HOLES);
    m->at = tcp_clock_ms(c->tcp);
    m->low = (uint16_t)(mss + overhead(c));
    hold(c, m->low);
}

bool tcp_mtu_path_changed(struct tcp_conn *c) {
    struct tcp_mtu *m = &c->mtu;
    if (m->held > c->path.mtu) m->held = c->path.mtu;
    if (m->low > c->path.mtu) m->low = c->path.mtu;
    if (m->probe <= c->path.mtu) return false;
    m->probe = 0;
    return true;
}

/* --- Messages of routers, and the DF bit --- */

bool tcp_mtu_believes(const struct tcp_conn *c, const struct ip_error *e) {
    const struct sent_queue *q = &c->eng.sent;
    bool wants = c->mtu.discover == LA_PMTUDISC_WANT || c->mtu.discover == LA_PMTUDISC_DO;
    if (!wants || c->path.metrics.mtu_locked) return false;
    if (!tcp_synchronized(c)) return true;
    uint32_t i = sent_find(q, seq_of(get32(e->quoted.data + 4)));
    if (i == q->count) return false;
    const struct sent *s = sent_at(q, i);
    return seq_len(s->from, s->to) + overhead(c) > e->mtu;
}

bool tcp_mtu_may_fragment(const struct tcp_conn *c, bool probe) {
    if (probe) return false; /* It would prove nothing. */
    if (c->mtu.discover == LA_PMTUDISC_DONT) return true;
    return c->mtu.discover == LA_PMTUDISC_WANT && c->path.metrics.mtu_locked;
}
