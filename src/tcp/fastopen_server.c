/* Fast Open, the server's side: what a SYN to a listener means, the children that it makes, and their number. RFC 7413,
 * 4.1.2, 4.2.2, 5.1. */
#include "tcp/conn.h"

#define RESET_COUNTS (60 * LA_SECOND)

static const struct fastopen_keys *keys_of(const struct tcp_conn *listener) {
    const struct fastopen_own *own = listener->fastopen_own;
    return own && own->keys.count ? &own->keys : &listener->tcp->fastopen.keys;
}

/* Children in SYN_RCVD at most. */
static uint32_t queue_max(const struct tcp_conn *listener) {
    if (listener->fastopen_own && listener->fastopen_own->max) return listener->fastopen_own->max;
    return listener->tcp->params.fastopen & FASTOPEN_ALL_LISTENERS ? listener->listen->backlog : 0;
}

/* Children that were reset in this span of time and in the one before. */
static uint32_t *resets_now(struct tcp_listener *l, la_time now) {
    uint64_t span = now / RESET_COUNTS;
    if (span != l->fastopen_span) {
        l->fastopen_resets[1] = span == l->fastopen_span + 1 ? l->fastopen_resets[0] : 0;
        l->fastopen_resets[0] = 0;
        l->fastopen_span = span;
    }
    return l->fastopen_resets;
}

static bool is_full(const struct tcp_conn *listener) {
    struct tcp_listener *l = listener->listen;
    const uint32_t *resets = resets_now(l, listener->tcp->env->now);
    return l->fastopen_pending + resets[0] + resets[1] >= queue_max(listener);
}

enum fastopen_answer tcp_fastopen_judge(struct tcp_conn *listener, const struct tcp_in *in) {
    struct env *env = listener->tcp->env;
    const struct tcp_options *o = &in->seg.opt;
    uint32_t bits = listener->tcp->params.fastopen;
    bool data = in->seg.data.len > 0, free = bits & FASTOPEN_SERVER_NO_COOKIE || listener->is.fastopen_no_cookie;
    if (!(bits & FASTOPEN_SERVER) || listener->is.noopt || queue_max(listener) == 0) return FASTOPEN_IGNORED;
    if (!o->has_fastopen && !(data && free)) return FASTOPEN_IGNORED;
    if (is_full(listener)) {
        env_count(env, LA_C_FASTOPEN_OVERFLOWS);
        return FASTOPEN_IGNORED;
    }
    if (data && free) return FASTOPEN_CHILD;
    if (!o->fastopen_len) {
        env_count(env, LA_C_FASTOPEN_REQUESTS);
        return FASTOPEN_COOKIE;
    }
    if (tcp_fastopen_cookie_check(keys_of(listener), &in->key, o->fastopen, o->fastopen_len) >= 0)
        return FASTOPEN_CHILD;
    env_count(env, LA_C_FASTOPEN_PASSIVE_FAILS);
    return FASTOPEN_COOKIE;
}

void tcp_fastopen_give(const struct tcp_conn *listener, const struct tcp_key *tuple, bool exp, struct tcp_options *o) {
    o->has_fastopen = true;
    o->fastopen_exp = exp;
    o->fastopen_len = FASTOPEN_COOKIE_LEN;
    tcp_fastopen_cookie(&keys_of(listener)->key[0], tuple, o->fastopen);
}

/* The SYN's data is the user's, and acknowledged by the SYN+ACK, which is yet to go. */
static void take_data(struct tcp_conn *c, const struct tcp_seg *syn) {
    tcp_recv_early(c, syn);
    tcp_recv_opened(c);
    tcp_timer_stop(c, LA_TIMER_DELACK);
    c->is.syn_data_taken = seq_gt(c->rcv_nxt, seq_add(c->irs, 1));
    if (c->is.syn_data_taken) c->data_at = tcp_clock_ms(c->tcp);
}

void tcp_fastopen_born(struct tcp_conn *listener, struct tcp_conn *c, const struct tcp_in *in) {
    const struct tcp_options *o = &in->seg.opt;
    c->is.fastopen_child = 1;
    c->snd_nxt = c->snd_max = c->snd_small = c->iss; /* The SYN+ACK is its own first segment. */
    c->fastopen_listener = listener->event.sock;
    listener->listen->fastopen_pending++;
    if (o->has_fastopen && o->fastopen_len) { /* A cookie of the key before is replaced. */
        c->is.syn_exp = o->fastopen_exp;
        c->is.fastopen_renew = tcp_fastopen_cookie_check(keys_of(listener), &c->key, o->fastopen, o->fastopen_len) == 1;
    }
    tcp_open_done(c);
    take_data(c, &in->seg);
    env_count(c->tcp->env, LA_C_FASTOPEN_PASSIVE);
    tcp_mark(c, MARK_SEND);
}

void tcp_fastopen_left(struct tcp_conn *c, bool reset) {
    uint32_t index;
    struct tcp_conn *listener = pool_find(&c->tcp->conns, c->fastopen_listener, &index);
    if (!listener || !listener->listen) return;
    listener->listen->fastopen_pending--;
    if (reset) resets_now(listener->listen, c->tcp->env->now)[0]++;
}

bool tcp_fastopen_syn_again(struct tcp_conn *c, const struct tcp_seg *s) {
    bool again = c->state == LA_SYN_RCVD && c->is.fastopen_child && (s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
                 seq_eq(s->seq, c->irs);
    if (!again) return false;
    c->is.synack_due = 1;
    tcp_mark(c, MARK_SEND);
    return true;
}
