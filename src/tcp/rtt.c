/* Round trip and retransmission timeout: RFC 6298. Microseconds inside, nanoseconds outside. */
#include "tcp/conn.h"

#define MIN_RTT_PERIOD_MS (150u * 1000) /* The least round trip is that of 150 to 300 s. */

/* RFC 6298, 2: the variance counts for no less than the clock can tell. Linux: for no less than rto_min, so that the
 * timeout is always so much longer than a round trip. */
static void compute(struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    uint64_t min = params->rto_min / LA_US, max = params->rto_max / LA_US;
    uint64_t least = params->rto_rule == RTO_LINUX ? min : params->clock_resolution / LA_US;
    uint64_t var = 4ull * c->rttvar_us;
    if (least < 1000) least = 1000;
    uint64_t rto = c->srtt_us + (var > least ? var : least);
    c->rto_us = (uint32_t)(rto < min ? min : rto > max ? max : rto);
}

void tcp_rtt_init(struct tcp_conn *c) {
    c->srtt_us = c->rttvar_us = 0;
    c->rto_us = (uint32_t)(c->tcp->params.rto_initial / LA_US);
    c->eng.min_rtt = (struct tcp_min_rtt){UINT32_MAX, UINT32_MAX, 0};
}

static uint32_t distance(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }

static void rfc_variance(struct tcp_conn *c, uint32_t d) { c->rttvar_us = (uint32_t)((3ull * c->rttvar_us + d) / 4); }

/* Linux: a round trip that has become shorter counts less, and the variance falls once per round trip only, to the
 * largest one seen in it. */
static void linux_variance(struct tcp_conn *c, uint32_t r, uint32_t d) {
    uint32_t least = (uint32_t)(c->tcp->params.rto_min / LA_US / 4);
    bool shorter = r < c->srtt_us && d > c->mdev_us;
    c->mdev_us = shorter ? c->mdev_us + (d - c->mdev_us) / 32 : (uint32_t)((3ull * c->mdev_us + d) / 4);
    if (c->mdev_us > c->mdev_max_us) {
        c->mdev_max_us = c->mdev_us;
        if (c->mdev_max_us > c->rttvar_us) c->rttvar_us = c->mdev_max_us;
    }
    if (seq_leq(c->snd_una, c->rtt_seq)) return;
    if (c->mdev_max_us < c->rttvar_us) c->rttvar_us -= (c->rttvar_us - c->mdev_max_us) / 4;
    c->rtt_seq = c->snd_nxt;
    c->mdev_max_us = least;
}

static void first_sample(struct tcp_conn *c, uint32_t r) {
    uint32_t least = (uint32_t)(c->tcp->params.rto_min / LA_US / 4);
    c->srtt_us = r;
    c->mdev_us = r / 2;
    c->rttvar_us = c->mdev_us;
    if (c->tcp->params.rto_rule == RTO_LINUX && c->rttvar_us < least) c->rttvar_us = least;
    c->mdev_max_us = c->rttvar_us;
    c->rtt_seq = c->snd_nxt;
}

void tcp_rtt_sample(struct tcp_conn *c, la_time rtt) {
    uint64_t us = rtt / LA_US;
    uint32_t r = us > UINT32_MAX / 8 ? UINT32_MAX / 8 : us < 1 ? 1 : (uint32_t)us;
    if (!c->srtt_us) {
        first_sample(c, r);
    } else {
        uint32_t d = distance(c->srtt_us, r);
        if (c->tcp->params.rto_rule == RTO_LINUX)
            linux_variance(c, r, d);
        else
            rfc_variance(c, d);
        c->srtt_us = (uint32_t)((7ull * c->srtt_us + r) / 8);
        if (!c->srtt_us) c->srtt_us = 1;
    }
    compute(c);
}

void tcp_rtt_note_min(struct tcp_conn *c, uint32_t us) {
    struct tcp_min_rtt *m = &c->eng.min_rtt;
    uint32_t now = tcp_clock_ms(c->tcp);
    if (now - m->since >= MIN_RTT_PERIOD_MS) {
        m->previous_us = now - m->since < 2 * MIN_RTT_PERIOD_MS ? m->us : UINT32_MAX;
        m->us = UINT32_MAX;
        m->since = now;
    }
    if (us < m->us) m->us = us;
}

static la_time doubled(la_time rto, unsigned times, la_time max) {
    for (unsigned i = 0; i < times && rto < max; i++) rto *= 2;
    return rto < max ? rto : max;
}

/* Karn: an ACK of something sent twice measures nothing, so the backed-off timeout stays until something does. */
void tcp_rtt_keep_backoff(struct tcp_conn *c) {
    c->rto_us = (uint32_t)(doubled((la_time)c->rto_us * LA_US, c->backoff, c->tcp->params.rto_max) / LA_US);
    c->backoff = 0;
}

la_time tcp_rto_backed_off(const struct tcp *tcp, la_time rto, unsigned backoff, bool measured) {
    la_time max = tcp->params.rto_max;
    rto = doubled(rto, backoff, max);
    if (backoff || measured) rto += tcp->params.rto_slop;
    return rto < max ? rto : max;
}
