/* What an active and a passive open share: the first values of both sequence spaces, and the options on which the two
 * ends agree (RFC 9293, 3.4, 3.7.1; RFC 7323, 1.3, 2.2, 3.2; RFC 2018, 2). */
#include "tcp/conn.h"

void tcp_open_send(struct tcp_conn *c, seq iss) {
    c->iss = iss;
    c->snd_una = c->snd_nxt = c->snd_max = iss;
    c->snd_end = c->snd_small = seq_add(iss, 1);
    c->ecn_recover = iss;
    tcp_recover_init(c, iss);
    c->snd_wl2 = iss;
    c->ts_offset = tcp_ts_offset(c->tcp, &c->key);
    c->rcv_wscale = tcp_recv_wscale(c);
    c->unacked_since = tcp_clock_ms(c->tcp);
    c->data_at = c->unacked_since - UINT32_MAX / 2; /* None yet. */
}

#define RTO_AFTER_LOST_SYN_US 3000000

uint16_t tcp_path_mss(const struct la_addr *peer, uint16_t mtu, uint16_t user_mss) {
    uint32_t headers = (la_addr_is4(peer) ? 20u : 40u) + TCP_LEN;
    uint16_t mss = mtu > headers ? (uint16_t)(mtu - headers) : 1;
    return user_mss && user_mss < mss ? user_mss : mss;
}

uint16_t tcp_own_mss(const struct tcp *tcp, const struct ip_path *path, uint16_t user_mss) {
    uint16_t advmss = path->metrics.advmss;
    if (advmss) return user_mss && user_mss < advmss ? user_mss : advmss;
    uint32_t mtu = tcp->params.mss_of_path ? path->mtu : ip_iface(tcp->ip, path->iface)->mtu;
    return tcp_path_mss(&path->dst, (uint16_t)mtu, user_mss);
}

uint16_t tcp_offered_mss(const struct tcp *tcp, const struct la_addr *peer, const struct tcp_options *o) {
    if (o->has_mss) return o->mss;
    return la_addr_is4(peer) ? tcp->params.mss_default_v4 : tcp->params.mss_default_v6;
}

uint16_t tcp_syn_window(uint32_t rcvbuf, uint32_t limit) {
    uint32_t window = limit && limit < rcvbuf ? limit : rcvbuf;
    return window > UINT16_MAX ? UINT16_MAX : (uint16_t)window;
}

uint32_t tcp_syn_window_limit(const struct tcp *tcp, const struct ip_path *path, uint16_t user_mss) {
    uint32_t segments = path->metrics.initrwnd;
    return segments ? segments * tcp_own_mss(tcp, path, user_mss) : 0;
}

/* An option holds when both sides offered it. */
void tcp_open_agree(struct tcp_conn *c, const struct tcp_seg *syn) {
    const struct tcp_params *params = &c->tcp->params;
    const struct tcp_options *o = &syn->opt;
    bool options = !c->is.noopt;
    c->is.wscale_on = options && params->window_scaling && o->has_wscale;
    c->is.ts_on = options && params->timestamps && o->has_ts;
    c->is.sack_on = options && params->sack && o->sack_ok;
    c->snd_wscale = c->is.wscale_on ? (o->wscale > 14 ? 14 : o->wscale) : 0;
    if (!c->is.wscale_on) c->rcv_wscale = 0;
    uint16_t mss = tcp_offered_mss(c->tcp, &c->key.peer, o);
    c->peer_mss = mss < params->mss_min ? params->mss_min : mss;
    tcp_mtu_open(c);
    tcp_send_mss_update(c);
    if (params->rcvbuf_mss_rounded) c->rcvbuf = (c->rcvbuf + c->mss - 1) / c->mss * c->mss;
    if (c->is.ts_on) {
        c->ts_recent = o->ts_val;
        c->ts_recent_at = tcp_clock_ms(c->tcp);
    }
    tcp_recv_init(c, syn->seq);
    c->snd_wnd = c->max_snd_wnd = syn->wnd; /* Never scaled in a SYN. */
}

void tcp_open_done(struct tcp_conn *c) {
    bool sends = c->is.fastopen_child && c->state != LA_SYN_RCVD; /* It began with the SYN. */
    if (!sends) c->quickacks = c->tcp->params.quickacks;
    if (!sends) tcp_cwnd_init(c);
    if (c->backoff) { /* The SYN or SYN+ACK was lost: RFC 5681, 3.1; RFC 6298, 5.7. */
        c->eng.cc.cwnd = 1;
        if (!c->srtt_us && c->rto_us < RTO_AFTER_LOST_SYN_US) c->rto_us = RTO_AFTER_LOST_SYN_US;
    }
    c->backoff = 0;
    tcp_tally_opened(c);
    tcp_keepalive_start(c);
}
