/* Connections as data (info.h): objects, embryonic connections and records through one walk. */
#include "tcp/conn.h"
#include "tcp/record.h"

static void clear(struct la_conn_info *info) {
    memset(info, 0, sizeof *info);
    info->sock = -1;
    for (unsigned t = 0; t < LA_NTIMERS; t++) info->timer_at[t] = LA_NEVER;
}

static void fill_history(const struct tcp_conn *c, struct la_conn_info *info) {
    info->moves = c->moves;
    info->nhistory = c->moves < LA_HISTORY ? c->moves : LA_HISTORY;
    for (unsigned i = 0; i < info->nhistory; i++) {
        const struct tcp_move *m = &c->history[(c->moves - info->nhistory + i) % LA_HISTORY];
        la_time when = (la_time)m->at[0] << 32 | m->at[1];
        info->history[i] = (struct la_move){when, m->from, m->to, m->cause, m->what};
    }
    if (info->nhistory) info->since = info->history[info->nhistory - 1].at;
}

/* The time of a mark of tcp_clock_ms. */
static la_time time_of(const struct tcp_conn *c, uint32_t mark) {
    return c->tcp->env->now - (tcp_clock_ms(c->tcp) - mark) * LA_MS;
}

static void fill_sequence(const struct tcp_conn *c, struct la_conn_info *info) {
    info->snd_una = c->snd_una.n;
    info->snd_nxt = c->snd_nxt.n;
    info->snd_wnd = c->snd_wnd;
    info->rcv_nxt = c->rcv_nxt.n;
    info->rcv_wnd = seq_diff(c->rcv_adv, c->rcv_nxt) > 0 ? seq_len(c->rcv_nxt, c->rcv_adv) : 0;
    info->iss = c->iss.n;
    info->irs = c->irs.n;
    info->cwnd = c->eng.cc.cwnd * tcp_send_mss(c);
    uint64_t ssthresh = (uint64_t)c->eng.cc.ssthresh * tcp_send_mss(c);
    info->ssthresh = c->eng.cc.ssthresh >= CC_INFINITE || ssthresh > UINT32_MAX ? UINT32_MAX : (uint32_t)ssthresh;
    info->mss = c->mss;
    info->timestamps = c->is.ts_on;
    info->sack = c->is.sack_on;
    info->wscale = c->is.wscale_on;
    info->ecn = c->is.ecn_on || c->accecn;
    info->accecn = c->accecn != NULL;
    info->delivered_ce = c->eng.delivered_ce;
    if (c->accecn) info->received_ce = c->accecn->received_ce;
    info->deferred = c->is.deferred;
    info->syn_data = c->is.syn_data_taken;
    info->fastopen_child = c->is.fastopen_child;
    info->snd_wscale = c->snd_wscale;
    info->rcv_wscale = c->rcv_wscale;
    info->path_mtu = c->path.mtu;
    if (c->bytes_in || c->ooo.count) info->data_at = time_of(c, c->data_at);
    if (c->segs_in) info->heard_at = time_of(c, c->heard_at);
    struct ip_path path = tcp_full_path(c);
    if (c->path.mtu) info->own_mss = tcp_own_mss(c->tcp, &path, c->user_mss);
    info->rcv_rtt = c->tune.rtt_us * LA_US;
    info->srtt = c->srtt_us * LA_US;
    info->rttvar = c->rttvar_us * LA_US;
    info->rto = tcp_rto(c);
    info->backoff = c->backoff;
    info->probes = c->probes;
}

static void fill_queues(const struct tcp_conn *c, struct la_conn_info *info) {
    if (c->listen) {
        info->recv_queue = c->listen->queued;
        info->send_queue = c->listen->backlog;
        info->refused = c->listen->refused;
        return;
    }
    bool unacked = seq_lt(c->snd_una, c->snd_end);
    info->recv_queue = tcp_urgent_reading(c).len;
    info->rcvbuf = c->rcvbuf;
    info->send_queue = unacked ? seq_len(c->snd_una, c->snd_end) : 0;
    info->unsent = seq_lt(c->snd_max, c->snd_end) ? seq_len(c->snd_max, c->snd_end) : 0;
    info->out_of_order = ranges_bytes(&c->ooo);
}

static void fill_conn(const struct tcp_conn *c, struct la_conn_info *info) {
    clear(info);
    info->id = (uint64_t)c->event.sock;
    if (c->is.owned) info->sock = c->event.sock;
    info->owner = c->event.owner;
    info->local = (struct la_endpoint){c->key.local, c->key.local_port, c->zone};
    info->peer = (struct la_endpoint){c->key.peer, c->key.peer_port, c->zone};
    info->state = (enum la_state)c->state;
    info->queued = c->is.queued;
    info->read_shut = c->is.read_shut;
    info->write_shut = c->is.fin_queued;
    info->fin_received = c->is.fin_received;
    info->fin_sent = c->is.fin_queued && seq_gt(c->snd_max, c->snd_end);
    info->fin_acked = tcp_fin_acked(c);
    info->eof_read = c->is.eof_read;
    for (unsigned t = 0; t < TCP_CONN_TIMERS; t++) info->timer_at[t] = c->timer_at[t];
    fill_history(c, info);
    fill_sequence(c, info);
    fill_queues(c, info);
    info->retransmits = c->retransmits;
    info->bytes_in = c->bytes_in;
    info->bytes_out = c->bytes_out;
    info->segs_in = c->segs_in;
    info->segs_out = c->segs_out;
    info->memory = (uint32_t)(buffer_memory(&c->snd) + buffer_memory(&c->rcv));
}

int tcp_info(const struct tcp *tcp, la_sock sock, struct la_conn_info *info) {
    uint32_t index;
    const struct tcp_conn *c = pool_find(&tcp->conns, sock, &index);
    if (!c || !c->is.owned) return -LA_EBADF;
    if (!info) return -LA_EFAULT;
    fill_conn(c, info);
    if (c->is.detached && !tcp_timewait_has(tcp, &c->key)) info->state = LA_CLOSED;
    return 0;
}

/* The cursor: which of the three pools in the upper half, the next index in the lower. */
enum { WALK_CONNS, WALK_EMBRYOS, WALK_RECORDS, WALK_END };

static uint64_t place(unsigned pool, uint32_t index) { return pool * ((uint64_t)UINT32_MAX + 1) + index; }

static bool fill_from(const struct tcp *tcp, unsigned pool, uint32_t index, struct la_conn_info *info) {
    if (pool == WALK_CONNS) {
        const struct tcp_conn *c = tcp_conn_at(tcp, index);
        if (c->is.detached) return false; /* Its record is listed. */
        fill_conn(c, info);
        return true;
    }
    clear(info);
    if (pool == WALK_EMBRYOS) {
        tcp_embryo_fill(tcp, (const struct embryo *)pool_at(&tcp->embryos, index), info);
        return true;
    }
    const struct tw_record *r = (const struct tw_record *)pool_at(&tcp->records, index);
    if (r->over) return false;
    tcp_record_fill(tcp, r, info);
    return true;
}

bool tcp_info_next(const struct tcp *tcp, uint64_t *cursor, struct la_conn_info *info) {
    const struct pool *pools[] = {&tcp->conns, &tcp->embryos, &tcp->records};
    unsigned pool = (unsigned)(*cursor >> 32);
    uint32_t from = (uint32_t)*cursor;
    while (pool < WALK_END) {
        uint32_t index = pool_next(pools[pool], from);
        if (index == POOL_NONE) {
            pool++;
            from = 0;
            continue;
        }
        from = index + 1;
        *cursor = place(pool, from);
        if (fill_from(tcp, pool, index, info)) return true;
    }
    *cursor = place(WALK_END, 0);
    return false;
}
