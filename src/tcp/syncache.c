/* The SYN cache: embryonic connections between SYN and third segment, as records of their own, so that a flood of SYNs
 * costs little. A listener has at most syn_cache_max of them; past that, SYN cookies answer, or without them the oldest
 * gives way.
 *
 * What comes in: a SYN at a listener; then any segment of its tuple. What goes out: SYN+ACK, repeated by a timer, and a
 * connection in the accept queue. RFC 9293, 3.10.7.4 as far as it is about SYN_RCVD after a passive open; RFC
 * 4987, 3.5. */
#include "tcp/conn.h"

static struct embryo *at(const struct tcp *tcp, uint32_t index) {
    return (struct embryo *)pool_at(&tcp->embryos, index);
}

static uint64_t embryo_hash(const void *ctx, const void *object) {
    const struct embryo *e = (const struct embryo *)object;
    return tcp_key_hash((const struct tcp *)ctx, &e->key);
}

void tcp_syncache_init(struct tcp *tcp) {
    pool_init(&tcp->embryos, tcp->env, sizeof(struct embryo), false);
    table_init(&tcp->embryo_tuples, tcp->env, &tcp->embryos, offsetof(struct embryo, chain), embryo_hash, tcp);
}

void tcp_syncache_free(struct tcp *tcp) {
    for (uint32_t i = 0; (i = pool_next(&tcp->embryos, i)) != POOL_NONE; i++)
        wheel_disarm(tcp->wheel, &at(tcp, i)->node);
    table_free(&tcp->embryo_tuples);
    pool_free(&tcp->embryos);
}

static void trace(struct tcp *tcp, const struct embryo *e, bool born, enum la_cause cause, uint8_t what) {
    struct la_move m = {tcp->env->now, LA_LISTEN, LA_SYN_RCVD, (uint8_t)cause, what};
    if (!born) {
        m.from = LA_SYN_RCVD;
        m.to = LA_LISTEN;
    }
    tcp_trace_move(tcp, &e->key, -1, &m);
}

static void remove_embryo(struct tcp *tcp, struct embryo *e) {
    tcp_conn_at(tcp, e->listener)->listen->nembryos--;
    list_remove(&e->link);
    wheel_disarm(tcp->wheel, &e->node);
    table_remove(&tcp->embryo_tuples, tcp_key_hash(tcp, &e->key), e->index);
    tcp->count[LA_SYN_RCVD]--;
    pool_put(&tcp->embryos, e->index);
}

static void fail(struct tcp *tcp, struct embryo *e, enum la_drop drop, enum la_cause cause, uint8_t what) {
    env_drop(tcp->env, drop);
    env_count(tcp->env, LA_C_CONNECT_FAILS);
    trace(tcp, e, false, cause, what);
    remove_embryo(tcp, e);
}

void tcp_embryo_drop_all(struct tcp *tcp, struct tcp_listener *l) {
    struct list *node;
    while ((node = list_first(&l->embryos)) != NULL) {
        struct embryo *e = CONTAINER(node, struct embryo, link);
        trace(tcp, e, false, LA_CAUSE_CALL, LA_CALL_CLOSE);
        remove_embryo(tcp, e);
    }
}

static void stamp(const struct tcp *tcp, const struct embryo *e, struct tcp_options *o) {
    o->has_ts = e->ts_on;
    o->ts_val = tcp_clock_ms(tcp) + tcp_ts_offset(tcp, &e->key);
    o->ts_ecr = e->ts_recent;
}

/* One that was lost twice goes without Accurate ECN (RFC 9768, 3.2.3.2.2). */
static bool falls_back(const struct tcp *tcp, const struct embryo *e) {
    return e->retries >= 2 && tcp->params.ecn_fallback;
}

/* RFC 3168, 6.1.1; RFC 9768, 3.1.1. */
static uint16_t ecn_flags(const struct tcp *tcp, const struct embryo *e) {
    if (e->ecn == ECN_MODE_CLASSIC) return TCP_ECE;
    return e->ecn == ECN_MODE_ACCURATE && !falls_back(tcp, e) ? tcp_accecn_handshake(e->ecn_syn) : 0;
}

/* Whether our options of Accurate ECN may be in the way. */
static bool lost_option(const struct embryo *e) { return e->retries || e->ecn_again; }

static void send_synack(struct tcp *tcp, const struct embryo *e) {
    struct tcp_reply r = {.key = e->key, .seq = e->iss, .ack = seq_add(e->irs, 1), .flags = TCP_SYN | TCP_ACK};
    r.flags |= ecn_flags(tcp, e);
    r.wnd = e->wnd;
    r.zone = e->zone;
    r.tos = e->tos;
    r.ttl = e->ttl;
    r.opt.has_mss = e->mss != 0;
    r.opt.mss = e->mss;
    r.opt.has_wscale = e->wscale_on;
    r.opt.wscale = e->rcv_wscale;
    r.opt.sack_ok = e->sack_on;
    stamp(tcp, e, &r.opt);
    bool option = tcp->params.ecn_option != ECN_OPTION_NEVER && !lost_option(e);
    if (e->ecn == ECN_MODE_ACCURATE && option) tcp_accecn_first_option(&r.opt);
    if (e->cookie_asked) tcp_fastopen_give(tcp_conn_at(tcp, e->listener), &e->key, e->cookie_exp, &r.opt);
    tcp_reply_send(tcp, &r);
}

/* A segment without data that stands behind our SYN. */
static void bare(struct tcp *tcp, const struct embryo *e, uint16_t flags) {
    struct tcp_reply r = {.key = e->key, .seq = seq_add(e->iss, 1), .ack = seq_add(e->irs, 1), .flags = flags};
    r.wnd = (uint16_t)(e->wnd >> e->rcv_wscale);
    r.zone = e->zone;
    r.tos = e->tos;
    r.ttl = e->ttl;
    stamp(tcp, e, &r.opt);
    tcp_reply_send(tcp, &r);
}

/* An ACK that says where the embryonic connection stands. */
static void plain_ack(struct tcp *tcp, const struct embryo *e) {
    bare(tcp, e, TCP_ACK | (e->ecn == ECN_MODE_ACCURATE ? TCP_AE | TCP_ECE : 0)); /* ACE begins at 5. */
}

/* What both sides can do, and what we offer. False: there is no way to the peer. */
static bool negotiate(struct tcp_conn *listener, const struct tcp_in *in, struct embryo *e) {
    const struct tcp_params *params = &listener->tcp->params;
    const struct tcp_options *o = &in->seg.opt;
    struct ip_path path;
    e->key = in->key;
    e->listener = tcp_conn_index(listener);
    e->zone = tcp_zone_of(in);
    if (ip_path_find(listener->tcp->ip, &e->key.peer, &e->key.local, e->zone, &path) < 0) return false;
    e->irs = in->seg.seq;
    e->peer_wnd = in->seg.wnd;
    e->at = listener->tcp->env->now;
    e->ts_recent = o->ts_val;
    e->peer_mss = tcp_offered_mss(listener->tcp, &e->key.peer, o);
    e->mss = tcp_own_mss(listener->tcp, &path, listener->user_mss);
    e->wnd = tcp_syn_window(listener->rcvbuf, tcp_syn_window_limit(listener->tcp, &path, listener->user_mss));
    bool options = !listener->is.noopt;
    if (!options) e->mss = 0;
    e->wscale_on = options && params->window_scaling && o->has_wscale;
    e->ts_on = options && params->timestamps && o->has_ts;
    e->sack_on = options && params->sack && o->sack_ok;
    e->ecn = (uint8_t)tcp_ecn_answer(params, in->seg.flags);
    e->ecn_syn = in->datagram->tos & ECN_BITS;
    e->snd_wscale = e->wscale_on ? (o->wscale > 14 ? 14 : o->wscale) : 0;
    e->rcv_wscale = e->wscale_on ? tcp_recv_wscale(listener) : 0;
    e->tos = listener->tos;
    e->ttl = listener->ttl;
    return true;
}

/* Nothing is kept: the ISN says it all. Only the MSS fits into it. */
static void answer_with_cookie(struct tcp_conn *listener, struct embryo *e) {
    e->iss = tcp_cookie_make(listener->tcp, &e->key, e->irs, e->peer_mss);
    e->wscale_on = e->ts_on = e->sack_on = false;
    e->ecn = ECN_MODE_NONE;
    listener->listen->cookies = true;
    listener->listen->cookie_at = listener->tcp->env->now;
    env_count(listener->tcp->env, LA_C_SYN_COOKIES);
    send_synack(listener->tcp, e);
}

static void make_room(struct tcp *tcp, struct tcp_listener *l) {
    struct list *oldest = list_first(&l->embryos);
    if (l->nembryos < tcp->params.syn_cache_max || !oldest) return;
    struct embryo *e = CONTAINER(oldest, struct embryo, link);
    fail(tcp, e, LA_D_SYN_CACHE_FULL, LA_CAUSE_STACK, LA_D_SYN_CACHE_FULL);
}

static void keep(struct tcp_conn *listener, const struct embryo *like, const struct iss_floor *floor) {
    struct tcp *tcp = listener->tcp;
    uint32_t index;
    make_room(tcp, listener->listen);
    struct embryo *e = pool_get(&tcp->embryos, &index);
    if (!e) {
        env_drop(tcp->env, LA_D_NO_MEMORY);
        return;
    }
    *e = *like;
    e->index = index;
    e->iss = tcp_isn(tcp, &e->key, floor);
    if (!table_insert(&tcp->embryo_tuples, tcp_key_hash(tcp, &e->key), index)) {
        pool_put(&tcp->embryos, index);
        env_drop(tcp->env, LA_D_NO_MEMORY);
        return;
    }
    e->node.kind = WHEEL_EMBRYO;
    e->node.at = LA_NEVER;
    list_append(&listener->listen->embryos, &e->link);
    listener->listen->nembryos++;
    tcp->count[LA_SYN_RCVD]++;
    env_count(tcp->env, LA_C_PASSIVE_OPENS);
    trace(tcp, e, true, LA_CAUSE_SEGMENT, TCP_SYN);
    wheel_arm(tcp->wheel, &e->node, tcp->env->now + tcp->params.rto_initial);
    send_synack(tcp, e);
}

/* What an accepted connection has from its listener. */
static void inherit(struct tcp_conn *c, const struct tcp_conn *l) {
    c->event.owner = l->event.owner;
    c->rcvbuf = l->rcvbuf;
    c->sndbuf = l->sndbuf;
    c->is.rcvbuf_set = l->is.rcvbuf_set;
    c->is.sndbuf_set = l->is.sndbuf_set;
    c->is.nodelay = l->is.nodelay;
    c->is.noopt = l->is.noopt;
    c->is.keepalive = l->is.keepalive;
    c->is.reuseaddr = l->is.reuseaddr;
    c->is.linger_on = l->is.linger_on;
    c->linger_s = l->linger_s;
    c->linger2_s = l->linger2_s;
    c->keepidle_s = l->keepidle_s;
    c->keepintvl_s = l->keepintvl_s;
    c->keepcnt = l->keepcnt;
    c->user_timeout_ms = l->user_timeout_ms;
    c->user_mss = l->user_mss;
    c->eng.cc.ops = l->eng.cc.ops;
    c->notsent_lowat = l->notsent_lowat;
    c->window_clamp = l->window_clamp;
    c->rcvlowat = l->rcvlowat;
    c->max_pacing_rate = l->max_pacing_rate;
    c->ttl = l->ttl;
    c->tos = l->tos;
    c->mtu.discover = l->mtu.discover;
}

/* A server is not sure that the client is in the mode, too (RFC 9768, 3.1.5). */
static void adopt_ecn(struct tcp_conn *c, const struct embryo *e) {
    c->is.ecn_on = e->ecn == ECN_MODE_CLASSIC;
    if (e->ecn != ECN_MODE_ACCURATE || !tcp_accecn_begin(c, e->ecn_syn)) return;
    c->accecn->awaiting = true;
    if (e->ecn_plain || falls_back(c->tcp, e)) c->accecn->failed |= ACCECN_NO_ECT;
    if (lost_option(e)) c->accecn->failed |= ACCECN_NO_OPTIONS_OUT;
}

/* The record's facts become the connection's, as if its SYN and SYN+ACK had been seen by this object. */
static void adopt(struct tcp_conn *c, const struct embryo *e) {
    struct tcp_seg syn = {.seq = e->irs, .wnd = e->peer_wnd};
    syn.opt.has_mss = true;
    syn.opt.mss = e->peer_mss;
    syn.opt.has_wscale = e->wscale_on;
    syn.opt.wscale = e->snd_wscale;
    syn.opt.has_ts = e->ts_on;
    syn.opt.ts_val = e->ts_recent;
    syn.opt.sack_ok = e->sack_on;
    tcp_open_send(c, e->iss);
    c->rcv_wscale = e->rcv_wscale;
    tcp_open_agree(c, &syn);
    adopt_ecn(c, e);
    c->rcv_adv = seq_add(c->rcv_nxt, e->wnd);
    c->snd_nxt = c->snd_max = seq_add(e->iss, 1);
    c->retransmits = c->backoff = e->retries;
    if (e->retries == 0) c->opened_at = e->at; /* The handshake is a round trip, unless SYN+ACK was repeated. */
}

/* The connection object, in SYN_RCVD and in the accept queue; NULL when memory is refused. */
static struct tcp_conn *make_conn(struct tcp_conn *listener, const struct embryo *e) {
    struct tcp *tcp = listener->tcp;
    struct tcp_conn *c = tcp_conn_new(tcp);
    if (!c) {
        env_drop(tcp->env, LA_D_NO_MEMORY);
        return NULL;
    }
    c->key = e->key;
    c->zone = e->zone;
    c->is.passive = 1;
    inherit(c, listener);
    if (!tcp_path_refresh(c) || !tcp_hash(c)) {
        env_drop(tcp->env, LA_D_NO_MEMORY);
        tcp_conn_free(c);
        return NULL;
    }
    tcp_port_join(c);
    adopt(c, e);
    struct la_move born = {e->at, LA_LISTEN, LA_SYN_RCVD, LA_CAUSE_SEGMENT, TCP_SYN};
    tcp_state_inherit(c, &born);
    tcp_accept_put(listener, c);
    return c;
}

/* Fast Open: the connection begins with the SYN. False: there is no memory for it. */
static bool fast_open(struct tcp_conn *listener, struct embryo *e, const struct tcp_in *in,
                      const struct iss_floor *floor) {
    struct tcp *tcp = listener->tcp;
    e->iss = tcp_isn(tcp, &e->key, floor);
    struct tcp_conn *c = make_conn(listener, e);
    if (!c) return false;
    env_count(tcp->env, LA_C_PASSIVE_OPENS);
    trace(tcp, e, true, LA_CAUSE_SEGMENT, TCP_SYN);
    tcp_fastopen_born(listener, c, in);
    event_post(tcp->events, &listener->event, LA_EV_ACCEPTED | LA_EV_READABLE);
    return true;
}

void tcp_embryo_new(struct tcp_conn *listener, struct tcp_in *in, const struct iss_floor *floor) {
    struct tcp *tcp = listener->tcp;
    struct embryo e = {.iss = {0}};
    if (!negotiate(listener, in, &e)) {
        env_drop(tcp->env, LA_D_NO_ROUTE);
        return;
    }
    enum fastopen_answer fast = tcp_fastopen_judge(listener, in);
    if (fast == FASTOPEN_CHILD && fast_open(listener, &e, in, floor)) return;
    e.cookie_asked = fast != FASTOPEN_IGNORED;
    e.cookie_exp = in->seg.opt.fastopen_exp;
    bool full = listener->listen->nembryos >= tcp->params.syn_cache_max;
    bool cookie = tcp->params.syncookies >= 2 || (tcp->params.syncookies == 1 && full);
    if (cookie && !floor->set) /* One cannot lie beyond an old connection's numbers (RFC 1122, 4.2.2.13). */
        answer_with_cookie(listener, &e);
    else
        keep(listener, &e, floor);
}

/* The timer: SYN+ACK again, at doubled intervals, until enough is enough. */
void tcp_embryo_fire(struct tcp *tcp, struct wheel_node *node) {
    struct embryo *e = CONTAINER(node, struct embryo, node);
    uint8_t defer = tcp_conn_at(tcp, e->listener)->defer_retries;
    bool waits = e->acked && e->retries < defer;
    if (e->retries >= tcp->params.synack_retries && !waits) {
        fail(tcp, e, LA_D_SYN_TIMEOUT, LA_CAUSE_TIMER, LA_TIMER_RETRANSMIT);
        return;
    }
    e->retries++;
    wheel_arm(tcp->wheel, node, tcp->env->now + tcp_rto_backed_off(tcp, tcp->params.rto_initial, e->retries, false));
    if (e->acked && e->retries < defer) return;
    env_count(tcp->env, LA_C_RETRANSMITS);
    send_synack(tcp, e);
}

static struct embryo *find(const struct tcp *tcp, const struct tcp_key *key) {
    if (tcp->embryos.live == 0) return NULL;
    uint32_t i = table_chain(&tcp->embryo_tuples, tcp_key_hash(tcp, key));
    while (i != POOL_NONE && !tcp_key_equal(&at(tcp, i)->key, key)) i = table_chain_next(&tcp->embryo_tuples, i);
    return i == POOL_NONE ? NULL : at(tcp, i);
}

bool tcp_embryo_abort(struct tcp *tcp, const struct tcp_key *key) {
    struct embryo *e = find(tcp, key);
    if (!e) return false;
    bare(tcp, e, TCP_RST | TCP_ACK);
    env_count(tcp->env, LA_C_CONNECT_FAILS);
    trace(tcp, e, false, LA_CAUSE_CALL, LA_CALL_ABORT);
    remove_embryo(tcp, e);
    return true;
}

/* The peer has not seen our SYN+ACK. It must not ask for both kinds of ECN (RFC 9768, 3.1.5). */
static void syn_again(struct tcp *tcp, struct embryo *e, const struct tcp_in *in) {
    enum ecn_mode mode = tcp_ecn_answer(&tcp->params, in->seg.flags);
    if (e->ecn != ECN_MODE_NONE && mode != ECN_MODE_NONE && mode != e->ecn) {
        bare(tcp, e, TCP_RST | TCP_ACK);
        fail(tcp, e, LA_D_SYN_ECN, LA_CAUSE_SEGMENT, in->what);
        return;
    }
    if (mode == ECN_MODE_NONE) e->ecn_plain = true;
    e->ecn_syn = in->datagram->tos & ECN_BITS;
    e->ecn_again = true;
    send_synack(tcp, e);
}

/* RST, SYN, and what lies outside the window. True: the segment is dealt with. */
static bool not_an_ack(struct tcp *tcp, struct embryo *e, const struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    seq rcv_nxt = seq_add(e->irs, 1);
    bool in_window = seq_within(s->seq, rcv_nxt, e->wnd ? e->wnd : 1);
    if (s->flags & TCP_RST) {
        bool counts = tcp->params.rst_strict ? seq_eq(s->seq, rcv_nxt) : in_window;
        if (counts) {
            fail(tcp, e, LA_D_SYN_RST, LA_CAUSE_SEGMENT, in->what);
        } else {
            env_drop(tcp->env, in_window ? LA_D_RST_CHALLENGE : LA_D_RST_BEYOND);
            if (in_window) plain_ack(tcp, e);
        }
        return true;
    }
    if ((s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && seq_eq(s->seq, e->irs)) {
        syn_again(tcp, e, in);
        return true;
    }
    if (s->flags & TCP_SYN || !in_window) {
        env_drop(tcp->env, s->flags & TCP_SYN        ? LA_D_SYN_CHALLENGE
                           : seq_lt(s->seq, rcv_nxt) ? LA_D_SEQ_OLD
                                                     : LA_D_SEQ_BEYOND);
        plain_ack(tcp, e);
        return true;
    }
    if (e->ts_on && s->opt.has_ts && (int32_t)(s->opt.ts_val - e->ts_recent) < 0) {
        env_drop(tcp->env, LA_D_PAWS);
        plain_ack(tcp, e);
        return true;
    }
    return false;
}

/* TCP_DEFER_ACCEPT: nobody is told of a connection before it has brought data. The peer believes it to be established;
 * when the time is over, the SYN+ACK goes again, and the ACK of that one completes it. */
static bool deferred(const struct tcp_conn *listener, const struct embryo *e, const struct tcp_seg *s) {
    return e->retries < listener->defer_retries && s->data.len == 0 && !(s->flags & TCP_FIN);
}

bool tcp_embryo_input(struct tcp *tcp, struct tcp_in *in) {
    struct embryo *e = find(tcp, &in->key);
    const struct tcp_seg *s = &in->seg;
    if (!e) return false;
    if (not_an_ack(tcp, e, in)) return true;
    struct tcp_conn *listener = tcp_conn_at(tcp, e->listener);
    if (!(s->flags & TCP_ACK)) {
        env_drop(tcp->env, LA_D_ACK_MISSING);
    } else if (e->ts_on && !s->opt.has_ts && !tcp->params.missing_ts_taken) {
        env_drop(tcp->env, LA_D_NO_TIMESTAMP); /* RFC 7323, 3.2. */
    } else if (!seq_eq(s->ack, seq_add(e->iss, 1))) {
        env_drop(tcp->env, LA_D_ACK_FUTURE);
        tcp_reply_rst(tcp, in);
    } else if (deferred(listener, e, s)) {
        e->acked = true;
        env_drop(tcp->env, LA_D_DEFERRED);
    } else if (tcp_accept_full(listener)) {
        tcp_accept_refuse(listener);
        if (!tcp->params.abort_on_overflow) return true;
        tcp_reply_rst(tcp, in);
        fail(tcp, e, LA_D_ACCEPT_FULL, LA_CAUSE_STACK, LA_D_ACCEPT_FULL);
    } else {
        tcp_embryo_complete(listener, e, in);
    }
    return true;
}

void tcp_embryo_complete(struct tcp_conn *listener, const struct embryo *e, struct tcp_in *in) {
    struct tcp *tcp = listener->tcp;
    struct tcp_conn *c = make_conn(listener, e);
    if (!c) return;
    if (tcp->embryos.live && list_linked(&e->link)) remove_embryo(tcp, at(tcp, e->index));
    tcp_segment(c, in);
    event_post(tcp->events, &listener->event, LA_EV_ACCEPTED | LA_EV_READABLE);
}

bool tcp_embryo_error(struct tcp *tcp, const struct tcp_key *key, const struct ip_error *e) {
    struct embryo *m = find(tcp, key);
    if (!m || !seq_eq(seq_of(get32(e->quoted.data + 4)), m->iss)) return false;
    if (e->mtu) ip_pmtu_note(tcp->ip, &key->peer, e->mtu);
    return true; /* RFC 5461: errors do not end it; its timer does. */
}

void tcp_embryo_fill(const struct tcp *tcp, const struct embryo *e, struct la_conn_info *info) {
    (void)tcp;
    info->state = LA_SYN_RCVD;
    info->since = e->at;
    info->compact = true;
    info->timer_at[LA_TIMER_RETRANSMIT] = e->node.at;
    info->local = (struct la_endpoint){e->key.local, e->key.local_port, 0};
    info->peer = (struct la_endpoint){e->key.peer, e->key.peer_port, 0};
    info->iss = info->snd_una = e->iss.n;
    info->snd_nxt = e->iss.n + 1;
    info->irs = e->irs.n;
    info->rcv_nxt = e->irs.n + 1;
    info->rcv_wnd = e->wnd;
    info->backoff = e->retries;
    info->retransmits = e->retries;
    info->nhistory = 1;
    info->moves = 1;
    info->history[0] = (struct la_move){e->at, LA_LISTEN, LA_SYN_RCVD, LA_CAUSE_SEGMENT, TCP_SYN};
}
