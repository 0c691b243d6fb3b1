/* TCP_INFO: a connection in Linux's structure, and the counts that nothing else needs. */
#include "tcp/view.h"

void tcp_tally_sent(struct tcp_conn *c, const struct tcp_plan *plan) {
    struct tcp_tally *t = &c->tally;
    if (!plan->len) return;
    t->data_segs_out += tcp_plan_segments(plan);
    t->bytes_sent += plan->len;
    t->data_sent_at = tcp_clock_ms(c->tcp);
    if (seq_lt(plan->seq, c->snd_max)) t->bytes_again += plan->len;
}

void tcp_tally_received(struct tcp_conn *c, const struct tcp_seg *s) {
    if (s->data.len) c->tally.data_segs_in++;
    if (s->flags & TCP_ACK) c->tally.ack_at = tcp_clock_ms(c->tcp);
}

/* Ages count from here until something happens. */
void tcp_tally_opened(struct tcp_conn *c) {
    c->tally.opened_at = c->tally.data_sent_at = c->tally.ack_at = tcp_clock_ms(c->tcp);
}

static uint8_t state_number(enum la_state state) {
    static const uint8_t number[LA_NSTATES] = {
        [LA_CLOSED] = LA_TCPI_CLOSE,
        [LA_LISTEN] = LA_TCPI_LISTEN,
        [LA_SYN_SENT] = LA_TCPI_SYN_SENT,
        [LA_SYN_RCVD] = LA_TCPI_SYN_RECV,
        [LA_ESTABLISHED] = LA_TCPI_ESTABLISHED,
        [LA_FIN_WAIT_1] = LA_TCPI_FIN_WAIT1,
        [LA_FIN_WAIT_2] = LA_TCPI_FIN_WAIT2,
        [LA_CLOSE_WAIT] = LA_TCPI_CLOSE_WAIT,
        [LA_CLOSING] = LA_TCPI_CLOSING,
        [LA_LAST_ACK] = LA_TCPI_LAST_ACK,
        [LA_TIME_WAIT] = LA_TCPI_CLOSE, /* What its owner sees of it. */
    };
    return number[state];
}

static void fill_timers(const struct tcp_conn *c, struct la_tcp_info *i) {
    bool timed = c->timer_at[LA_TIMER_RETRANSMIT] != LA_NEVER;
    i->tcpi_rto = (uint32_t)(tcp_rto(c) / LA_US);
    i->tcpi_ato = (uint32_t)(c->tcp->params.delack / LA_US);
    i->tcpi_backoff = c->backoff;
    if (timed) i->tcpi_retransmits = c->backoff;
    i->tcpi_probes = c->timer_at[LA_TIMER_PERSIST] != LA_NEVER ? c->backoff : c->probes;
    i->tcpi_rtt = c->srtt_us;
    i->tcpi_rttvar = c->rttvar_us;
}

static void fill_recovery(const struct tcp_conn *c, struct la_tcp_info *i) {
    const struct tcp_engine *e = &c->eng;
    i->tcpi_ca_state = e->phase; /* The same numbers. */
    i->tcpi_unacked = e->sent.count;
    i->tcpi_sacked = e->sacked_out;
    i->tcpi_lost = e->lost_out;
    i->tcpi_retrans = e->again_out;
    i->tcpi_reordering = e->reordering;
    i->tcpi_reord_seen = e->reorderings;
    i->tcpi_dsack_dups = e->dsacks;
    i->tcpi_min_rtt = tcp_min_rtt(c);
    i->tcpi_total_rto = (uint16_t)(c->tally.timeouts < UINT16_MAX ? c->tally.timeouts : UINT16_MAX);
}

static void fill_rates(const struct tcp_conn *c, struct la_tcp_info *i) {
    const struct tcp_engine *e = &c->eng;
    i->tcpi_snd_cwnd = e->cc.cwnd;
    i->tcpi_snd_ssthresh = e->cc.ssthresh;
    i->tcpi_pacing_rate = e->cc.pacing_rate ? e->cc.pacing_rate : UINT64_MAX;
    i->tcpi_max_pacing_rate = c->max_pacing_rate ? c->max_pacing_rate : UINT64_MAX;
    i->tcpi_delivered = e->delivered;
    i->tcpi_delivered_ce = e->delivered_ce;
    i->tcpi_delivery_rate_app_limited = e->rate_app_limited;
    if (e->rate_interval_us)
        i->tcpi_delivery_rate = (uint64_t)e->rate_delivered * tcp_send_mss(c) * 1000000 / e->rate_interval_us;
}

static void fill_sending(const struct tcp_conn *c, struct la_tcp_info *i) {
    la_time rwnd = tcp_chrono_spent(c, LIMIT_RWND), sndbuf = tcp_chrono_spent(c, LIMIT_SNDBUF);
    i->tcpi_snd_mss = tcp_send_mss(c);
    i->tcpi_total_retrans = c->retransmits;
    i->tcpi_bytes_acked = c->bytes_out;
    i->tcpi_bytes_sent = c->tally.bytes_sent;
    i->tcpi_bytes_retrans = c->tally.bytes_again;
    i->tcpi_segs_out = c->segs_out;
    i->tcpi_data_segs_out = c->tally.data_segs_out;
    i->tcpi_notsent_bytes = view_unsent(c);
    i->tcpi_snd_wnd = c->snd_wnd;
    i->tcpi_rwnd_limited = rwnd / LA_US;
    i->tcpi_sndbuf_limited = sndbuf / LA_US;
    i->tcpi_busy_time = (tcp_chrono_spent(c, LIMIT_BUSY) + rwnd + sndbuf) / LA_US;
}

static void fill_receiving(const struct tcp_conn *c, struct la_tcp_info *i) {
    const struct tcp_tally *t = &c->tally;
    bool data = c->bytes_in || c->ooo.count;
    uint32_t now = tcp_clock_ms(c->tcp);
    i->tcpi_bytes_received = c->bytes_in;
    i->tcpi_segs_in = c->segs_in;
    i->tcpi_data_segs_in = t->data_segs_in;
    i->tcpi_rcv_ooopack = t->out_of_order;
    i->tcpi_rcv_wnd = seq_gt(c->rcv_adv, c->rcv_nxt) ? seq_len(c->rcv_nxt, c->rcv_adv) : 0;
    i->tcpi_rcv_ssthresh = c->rcvbuf;
    i->tcpi_rcv_rtt = c->tune.rtt_us;
    i->tcpi_rcv_space = c->tune.read_most;
    i->tcpi_last_data_sent = now - t->data_sent_at;
    i->tcpi_last_data_recv = now - (data ? c->data_at : t->opened_at);
    i->tcpi_last_ack_recv = now - t->ack_at;
}

static void fill_options(const struct tcp_conn *c, struct la_tcp_info *i) {
    if (c->is.ts_on) i->tcpi_options |= LA_TCPI_OPT_TIMESTAMPS;
    if (c->is.sack_on) i->tcpi_options |= LA_TCPI_OPT_SACK;
    if (c->is.wscale_on) i->tcpi_options |= LA_TCPI_OPT_WSCALE;
    if (c->is.ecn_on || c->accecn) i->tcpi_options |= LA_TCPI_OPT_ECN;
    if (c->is.syn_data_taken) i->tcpi_options |= LA_TCPI_OPT_SYN_DATA;
    if (c->is.fastopen_child) i->tcpi_options |= LA_TCPI_OPT_TFO_CHILD;
    i->tcpi_snd_wscale = c->snd_wscale & 15u;
    i->tcpi_rcv_wscale = c->rcv_wscale & 15u;
    i->tcpi_pmtu = c->path.mtu;
    struct ip_path path = tcp_full_path(c);
    if (c->path.mtu) i->tcpi_advmss = tcp_own_mss(c->tcp, &path, c->user_mss);
}

static void fill_ecn(const struct tcp_conn *c, struct la_tcp_info *i) {
    const struct tcp_accecn *x = c->accecn;
    i->tcpi_ecn_mode = (unsigned)tcp_ecn_mode(c) & 3u;
    if (!x) return;
    i->tcpi_received_ce = x->received_ce;
    i->tcpi_delivered_e1_bytes = x->delivered[ACCECN_E1B];
    i->tcpi_delivered_e0_bytes = x->delivered[ACCECN_E0B];
    i->tcpi_delivered_ce_bytes = x->delivered[ACCECN_CEB];
    i->tcpi_received_e1_bytes = x->received[ACCECN_E1B];
    i->tcpi_received_e0_bytes = x->received[ACCECN_E0B];
    i->tcpi_received_ce_bytes = x->received[ACCECN_CEB];
    i->tcpi_accecn_opt_seen = x->seen & 3u;
    i->tcpi_accecn_fail_mode = x->failed & 15u;
}

void tcp_info_fill(const struct tcp_conn *c, struct la_tcp_info *i) {
    memset(i, 0, sizeof *i);
    i->tcpi_state = state_number(c->is.detached ? LA_CLOSED : (enum la_state)c->state);
    if (c->listen) {
        i->tcpi_unacked = c->listen->queued;
        i->tcpi_sacked = c->listen->backlog;
        return;
    }
    fill_timers(c, i);
    fill_recovery(c, i);
    fill_rates(c, i);
    fill_sending(c, i);
    fill_receiving(c, i);
    fill_options(c, i);
    fill_ecn(c, i);
}
