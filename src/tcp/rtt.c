/* Round trip and retransmission timeout: RFC 6298. Microseconds inside, nanoseconds outside. */
#include "tcp/conn.h"

static void compute(struct tcp_conn *c) {
    const struct tcp_params *params = &c->tcp->params;
    uint64_t rto = (uint64_t)c->srtt_us + (4ull * c->rttvar_us > 1000 ? 4ull * c->rttvar_us : 1000);
    uint64_t min = params->rto_min / LA_US, max = params->rto_max / LA_US;
    c->rto_us = (uint32_t)(rto < min ? min : rto > max ? max : rto);
}

void tcp_rtt_init(struct tcp_conn *c) {
    c->srtt_us = c->rttvar_us = 0;
    c->rto_us = (uint32_t)(c->tcp->params.rto_initial / LA_US);
}

void tcp_rtt_sample(struct tcp_conn *c, la_time rtt) {
    uint64_t us = rtt / LA_US;
    uint32_t r = us > UINT32_MAX / 8 ? UINT32_MAX / 8 : us < 1 ? 1 : (uint32_t)us;
    if (!c->srtt_us) {
        c->srtt_us = r;
        c->rttvar_us = r / 2;
    } else {
        uint32_t d = c->srtt_us > r ? c->srtt_us - r : r - c->srtt_us;
        c->rttvar_us = (uint32_t)((3ull * c->rttvar_us + d) / 4);
        c->srtt_us = (uint32_t)((7ull * c->srtt_us + r) / 8);
        if (!c->srtt_us) c->srtt_us = 1;
    }
    compute(c);
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

la_time tcp_rto(const struct tcp_conn *c) {
    return tcp_rto_backed_off(c->tcp, (la_time)c->rto_us * LA_US, c->backoff, c->srtt_us);
}
