/* What every segment asks of its connection, and some several times: inline, so that asking costs no call. */
#ifndef TCP_ASKED_H
#define TCP_ASKED_H

#include "tcp/conn.h"

#define TCP_TS_BYTES 12u

/* The states in which both sequence spaces are known. */
static inline bool tcp_synchronized(const struct tcp_conn *c) {
    return c->state >= LA_ESTABLISHED && c->state < LA_TIME_WAIT;
}

/* Payload of a full segment with the options that every segment carries. */
static inline uint32_t tcp_send_mss(const struct tcp_conn *c) {
    uint32_t options = c->is.ts_on ? TCP_TS_BYTES : 0;
    return c->mss > options ? c->mss - options : 1;
}

/* Segments in the network, as far as is known (score.c). */
static inline uint32_t tcp_in_flight(const struct tcp_conn *c) {
    const struct tcp_engine *e = &c->eng;
    uint32_t gone = e->sacked_out + e->lost_out, all = e->sent.count + e->again_out;
    return all > gone ? all - gone : 0;
}

/* The least round trip of the last minutes, 1 at least; 0: no sample yet. */
static inline uint32_t tcp_min_rtt(const struct tcp_conn *c) {
    const struct tcp_min_rtt *m = &c->eng.min_rtt;
    uint32_t us = m->us < m->previous_us ? m->us : m->previous_us;
    return us == UINT32_MAX ? 0 : us ? us : 1;
}

/* The current timeout, backoff included. */
static inline la_time tcp_rto(const struct tcp_conn *c) {
    return tcp_rto_backed_off(c->tcp, (la_time)c->rto_us * LA_US, c->backoff, c->srtt_us);
}

#endif
