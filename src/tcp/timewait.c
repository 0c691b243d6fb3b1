/* TIME_WAIT, and FIN_WAIT_2 whose owner is gone: records of 64 bytes instead of connections.
 *
 * What comes in: connections that reach these states (tcp_timewait_enter), segments for their tuples, time. What goes
 * out: the ACK again (C07), silence, or the tuple for a newer SYN (C35) or for connect() (C31).
 *
 * Records hang in a hash table by tuple and in one of TW_SLOTS lists by expiry; a slot is 2^26 ns (67 ms) wide and its
 * records end when it is over, so up to 67 ms late and never early. Both are O(1) at any number of records. One wheel
 * node stands at the end of the first slot in use. Their number is bounded (tw_max); the one that ends next gives way.
 *
 * RFC 9293, 3.10.7.4 (TIME-WAIT); RFC 1122, 4.2.2.13; RFC 6191; RFC 1337. */
#include "tcp/record.h"

#define SLOT_SHIFT 26

static struct tw_record *at(const struct tcp *tcp, uint32_t index) {
    return (struct tw_record *)pool_at(&tcp->records, index);
}

static uint64_t record_hash(const void *ctx, const void *object) {
    const struct tw_record *r = (const struct tw_record *)object;
    return tcp_key_hash((const struct tcp *)ctx, &r->key);
}

void tcp_timewait_init(struct tcp *tcp) {
    pool_init(&tcp->records, tcp->env, sizeof(struct tw_record), false);
    table_init(&tcp->record_tuples, tcp->env, &tcp->records, offsetof(struct tw_record, chain), record_hash, tcp);
    tcp->tw_node.kind = WHEEL_TIMEWAIT;
    tcp->tw_node.at = LA_NEVER;
}

void tcp_timewait_free(struct tcp *tcp) {
    table_free(&tcp->record_tuples);
    pool_free(&tcp->records);
    env_release(tcp->env, tcp->tw_slot, TW_SLOTS * sizeof(uint32_t));
}

/* --- The lists by expiry --- */

/* The first slot in use at or after the tick; only valid when there is a record. */
static uint64_t first_tick(const struct tcp *tcp) {
    for (uint64_t i = 0; i < TW_SLOTS; i++) {
        uint32_t slot = (uint32_t)(tcp->tw_tick + i) % TW_SLOTS;
        uint64_t word = tcp->tw_used[slot / 64] >> (slot % 64);
        if (word) return tcp->tw_tick + i + (uint64_t)__builtin_ctzll(word);
        i += 63 - slot % 64;
    }
    return tcp->tw_tick;
}

static void arm(struct tcp *tcp) {
    la_time next = tcp->records.live ? (la_time)(first_tick(tcp) + 1) << SLOT_SHIFT : LA_NEVER;
    if (next != tcp->tw_node.at) wheel_arm(tcp->wheel, &tcp->tw_node, next);
}

static void link_slot(struct tcp *tcp, struct tw_record *r, uint32_t index) {
    uint32_t slot = r->deadline % TW_SLOTS;
    r->next = tcp->tw_slot[slot];
    tcp->tw_slot[slot] = index;
    tcp->tw_used[slot / 64] |= 1ull << slot % 64;
}

/* Takes the whole list of a slot. */
static uint32_t take_slot(struct tcp *tcp, uint32_t slot) {
    uint32_t first = tcp->tw_slot[slot];
    tcp->tw_slot[slot] = POOL_NONE;
    tcp->tw_used[slot / 64] &= ~(1ull << slot % 64);
    return first;
}

/* When the record ends: a tick is 32 bits in it, so it is counted from the present. */
static la_time deadline(const struct tcp *tcp, const struct tw_record *r) {
    int32_t ahead = (int32_t)(r->deadline - (uint32_t)tcp->tw_tick);
    return (la_time)((int64_t)tcp->tw_tick + ahead + 1) << SLOT_SHIFT;
}

static la_time duration(const struct tcp *tcp, const struct tw_record *r) {
    if (!r->fin_wait_2) return 2 * tcp->params.msl;
    return r->linger2_s ? r->linger2_s * LA_SECOND : tcp->params.fin_timeout;
}

static void set_deadline(struct tcp *tcp, struct tw_record *r) {
    r->deadline = (uint32_t)((tcp->env->now + duration(tcp, r) - 1) >> SLOT_SHIFT);
}

static bool make_slots(struct tcp *tcp) {
    if (tcp->tw_slot) return true;
    tcp->tw_slot = env_alloc(tcp->env, TW_SLOTS * sizeof(uint32_t));
    if (!tcp->tw_slot) return false;
    for (unsigned i = 0; i < TW_SLOTS; i++) tcp->tw_slot[i] = POOL_NONE;
    return true;
}

/* --- Records come and go --- */

static void move(struct tcp *tcp, const struct tw_record *r, enum la_state to, enum la_cause cause, uint8_t what) {
    enum la_state from = r->fin_wait_2 ? LA_FIN_WAIT_2 : LA_TIME_WAIT;
    struct la_move m = {tcp->env->now, (uint8_t)from, (uint8_t)to, (uint8_t)cause, what};
    ASSERT(la_move_legal(from, to));
    tcp->count[from]--;
    if (to != LA_CLOSED) tcp->count[to]++;
    tcp_trace_move(tcp, &r->key, -1, &m);
}

/* The record is no more for anybody but its slot, which frees it in time. */
static void end(struct tcp *tcp, uint32_t index, enum la_cause cause, uint8_t what) {
    struct tw_record *r = at(tcp, index);
    move(tcp, r, LA_CLOSED, cause, what);
    table_remove(&tcp->record_tuples, tcp_key_hash(tcp, &r->key), index);
    tcp_port_count(tcp, r->key.local_port, false, -1);
    r->over = 1;
}

/* The bound is on records that are not over; those that are, which only their slots know, count for memory alone. */
static bool too_many(const struct tcp *tcp) {
    uint64_t max = tcp->params.tw_max;
    return tcp->records.live > 0 && (tcp->record_tuples.count >= max || tcp->records.live >= 2 * max);
}

/* The first slot in use loses a record. */
static void evict(struct tcp *tcp) {
    uint32_t slot = (uint32_t)first_tick(tcp) % TW_SLOTS, index = tcp->tw_slot[slot];
    struct tw_record *r = at(tcp, index);
    tcp->tw_slot[slot] = r->next;
    if (r->next == POOL_NONE) take_slot(tcp, slot);
    if (!r->over) {
        env_drop(tcp->env, LA_D_TW_FULL);
        end(tcp, index, LA_CAUSE_STACK, LA_D_TW_FULL);
    }
    pool_put(&tcp->records, index);
}

/* The record's time begins again. A slot's list cannot lose a record in its middle, so one that shall end earlier than
 * before goes on as a copy in an earlier slot; if memory for that is refused, it ends late. */
static void restart(struct tcp *tcp, uint32_t index) {
    struct tw_record *r = at(tcp, index), *copy;
    uint32_t before = r->deadline, fresh;
    set_deadline(tcp, r);
    if ((int32_t)(r->deadline - before) >= 0 || (copy = pool_get(&tcp->records, &fresh)) == NULL) return;
    uint64_t hash = tcp_key_hash(tcp, &r->key);
    *copy = *r;
    table_remove(&tcp->record_tuples, hash, index);
    table_insert(&tcp->record_tuples, hash, fresh); /* Needs no memory: the table is in use. */
    r->over = 1;
    link_slot(tcp, copy, fresh);
    arm(tcp);
}

static void fill(struct tcp_conn *c, struct tw_record *r) {
    if (c->tcp->params.window_rule != WINDOW_STEPS) tcp_recv_advertise(c);
    r->key = c->key;
    r->snd_nxt = c->snd_max;
    r->rcv_nxt = c->rcv_nxt;
    r->ts_recent = c->ts_recent;
    if (seq_gt(c->rcv_adv, c->rcv_nxt)) r->wnd = (uint16_t)(seq_len(c->rcv_nxt, c->rcv_adv) >> c->rcv_wscale);
    r->rcv_wscale = c->rcv_wscale & 15u;
    r->ts_on = c->is.ts_on;
    r->fin_wait_2 = c->state == LA_FIN_WAIT_2;
    int32_t linger2 = c->linger2_s;
    if (!r->fin_wait_2)
        r->from = c->history[(c->moves - 1) % LA_HISTORY].from;
    else
        r->linger2_s = (uint8_t)(linger2 > 255 ? 255 : linger2);
}

static bool make(struct tcp_conn *c) {
    struct tcp *tcp = c->tcp;
    uint32_t index;
    if (tcp->params.tw_max == 0 || !make_slots(tcp)) return false;
    while (too_many(tcp)) evict(tcp);
    struct tw_record *r = pool_get(&tcp->records, &index);
    if (!r) return false;
    fill(c, r);
    if (!table_insert(&tcp->record_tuples, tcp_key_hash(tcp, &r->key), index)) {
        pool_put(&tcp->records, index);
        return false;
    }
    if (tcp->records.live == 1) tcp->tw_tick = tcp->env->now >> SLOT_SHIFT;
    set_deadline(tcp, r);
    link_slot(tcp, r, index);
    tcp_port_count(tcp, r->key.local_port, false, 1);
    tcp->count[c->state]++;
    if (!r->fin_wait_2) env_count(tcp->env, LA_C_TIME_WAIT_MADE);
    arm(tcp);
    return true;
}

/* The object has done its part; its owner may still read what has arrived. */
static void leave_object(struct tcp_conn *c) {
    struct tcp *tcp = c->tcp;
    if (!c->is.owned && !c->is.queued) {
        tcp_conn_free(c);
        return;
    }
    tcp_unhash(c);
    tcp_timer_stop_all(c);
    tcp_port_leave(c);
    if (list_linked(&c->out)) list_remove(&c->out);
    c->marks = 0;
    buffer_clear(&c->snd, &tcp->slabs);
    ranges_free(&c->ooo, tcp->env);
    ranges_free(&c->eor, tcp->env);
    tcp->count[c->state]--; /* The record counts. A detached object counts as CLOSED from here on. */
    tcp->count[LA_CLOSED]++;
    c->is.detached = 1;
    if (c->is.owned) event_post(tcp->events, &c->event, LA_EV_READABLE | LA_EV_WRITABLE | LA_EV_EOF);
}

void tcp_timewait_enter(struct tcp_conn *c) {
    if (c->state == LA_FIN_WAIT_2 && c->linger2_s < 0) { /* TCP_LINGER2: no FIN_WAIT_2 without owner. */
        tcp_reply_conn(c, TCP_RST | TCP_ACK);
        tcp_end(c, 0, LA_CAUSE_CALL, LA_CALL_CLOSE);
        return;
    }
    if (c->marks & MARK_ACK) tcp_reply_conn(c, TCP_ACK);
    if (c->state == LA_TIME_WAIT && c->tcp->params.msl == 0) { /* A setting that asks for trouble: C07, C08. */
        tcp_set_state(c, LA_CLOSED, LA_CAUSE_TIMER, LA_TIMER_TIME_WAIT);
        tcp_end(c, 0, LA_CAUSE_TIMER, LA_TIMER_TIME_WAIT);
        return;
    }
    if (make(c)) {
        leave_object(c);
        return;
    }
    tcp_drop(c, LA_D_TW_FULL);
    tcp_set_state(c, LA_CLOSED, LA_CAUSE_STACK, LA_D_TW_FULL);
    tcp_end(c, 0, LA_CAUSE_STACK, LA_D_TW_FULL);
}

/* A slot is over: its records end, but for those whose time has been set anew or is a round away. */
static void empty_slot(struct tcp *tcp, uint64_t tick) {
    uint32_t i = take_slot(tcp, (uint32_t)tick % TW_SLOTS), next;
    for (; i != POOL_NONE; i = next) {
        struct tw_record *r = at(tcp, i);
        next = r->next;
        if (!r->over && (int32_t)(r->deadline - (uint32_t)tick) > 0) {
            link_slot(tcp, r, i);
            continue;
        }
        if (!r->over) {
            if (r->fin_wait_2) env_count(tcp->env, LA_C_FIN_WAIT_2_TIMEOUTS);
            end(tcp, i, LA_CAUSE_TIMER, r->fin_wait_2 ? LA_TIMER_FIN_WAIT_2 : LA_TIMER_TIME_WAIT);
        }
        pool_put(&tcp->records, i);
    }
}

void tcp_timewait_fire(struct tcp *tcp) {
    uint64_t due = tcp->env->now >> SLOT_SHIFT; /* Slots before this one are over. */
    while (tcp->records.live > 0) {
        uint64_t tick = first_tick(tcp);
        if (tick >= due) break;
        tcp->tw_tick = tick + 1;
        empty_slot(tcp, tick);
    }
    arm(tcp);
}

/* --- Segments --- */

static uint32_t find(const struct tcp *tcp, const struct tcp_key *key) {
    if (tcp->records.live == 0) return POOL_NONE;
    uint32_t i = table_chain(&tcp->record_tuples, tcp_key_hash(tcp, key));
    while (i != POOL_NONE && !tcp_key_equal(&at(tcp, i)->key, key)) i = table_chain_next(&tcp->record_tuples, i);
    return i;
}

bool tcp_timewait_has(const struct tcp *tcp, const struct tcp_key *key) { return find(tcp, key) != POOL_NONE; }

static void answer(struct tcp *tcp, const struct tw_record *r, uint16_t flags) {
    struct tcp_reply reply = {.key = r->key, .seq = r->snd_nxt, .ack = r->rcv_nxt, .flags = flags};
    if (!(flags & TCP_RST)) reply.wnd = r->wnd;
    if (r->ts_on) {
        reply.opt.has_ts = true;
        reply.opt.ts_val = tcp_clock_ms(tcp) + tcp_ts_offset(tcp, &r->key);
        reply.opt.ts_ecr = r->ts_recent;
    }
    tcp_reply_send(tcp, &reply);
}

bool tcp_timewait_abort(struct tcp *tcp, const struct tcp_key *key) {
    uint32_t index = find(tcp, key);
    if (index == POOL_NONE) return false;
    const struct tw_record *r = at(tcp, index);
    if (r->fin_wait_2) answer(tcp, r, TCP_RST | TCP_ACK);
    end(tcp, index, LA_CAUSE_CALL, LA_CALL_ABORT);
    return true;
}

/* What occupies no sequence space is answered within the challenge limit only, as in validate.c: two ends that disagree
 * would answer each other for ever. A record has no room for a count, so tuples share some by a keyed hash. */
static void answer_bare(struct tcp *tcp, const struct tw_record *r, const struct tcp_seg *s) {
    uint32_t second = (uint32_t)(tcp->env->now / LA_SECOND), limit = tcp->params.challenge_per_second;
    uint8_t *count = &tcp->tw_answers[tcp_key_hash(tcp, &r->key) >> 32 & (TW_ANSWERS - 1)];
    if (second != tcp->tw_answers_second) memset(tcp->tw_answers, 0, sizeof tcp->tw_answers);
    tcp->tw_answers_second = second;
    if (tcp_seg_len(s) == 0 && limit && *count >= limit) {
        env_drop(tcp->env, LA_D_CHALLENGE_RATE);
        return;
    }
    if (*count < UINT8_MAX) ++*count;
    answer(tcp, r, TCP_ACK);
}

/* RFC 1122, 4.2.2.13 and RFC 6191, 2: does the SYN belong to a newer connection? */
static bool newer_syn(const struct tw_record *r, const struct tcp_seg *s) {
    if (r->ts_on && s->opt.has_ts) {
        int32_t newer = (int32_t)(s->opt.ts_val - r->ts_recent);
        if (newer) return newer > 0;
    }
    return seq_gt(s->seq, r->rcv_nxt);
}

static bool old_timestamp(const struct tw_record *r, const struct tcp_seg *s) {
    return r->ts_on && s->opt.has_ts && (int32_t)(s->opt.ts_val - r->ts_recent) < 0;
}

/* A SYN by the rules of synchronized states: RFC 5961 challenges it, RFC 793 resets where it is in the window. */
static enum tw_answer syn_as_synchronized(struct tcp *tcp, uint32_t index, const struct tcp_in *in) {
    const struct tw_record *r = at(tcp, index);
    uint32_t wnd = (uint32_t)r->wnd << r->rcv_wscale;
    env_drop(tcp->env, LA_D_TW_OLD);
    if (tcp->params.syn_strict || !seq_within(in->seg.seq, r->rcv_nxt, wnd ? wnd : 1)) {
        answer_bare(tcp, r, &in->seg);
        return TW_DONE;
    }
    answer(tcp, r, TCP_RST | TCP_ACK);
    end(tcp, index, LA_CAUSE_SEGMENT, in->what);
    return TW_DONE;
}

static enum tw_answer syn(struct tcp *tcp, uint32_t index, struct tcp_in *in, struct iss_floor *floor) {
    struct tw_record *r = at(tcp, index);
    if (tcp->params.tw_syn == TW_SYN_SYNCHRONIZED) return syn_as_synchronized(tcp, index, in);
    bool only_syn = (in->seg.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    struct tcp_conn *listener = tcp_find_listener(tcp, &in->key, in->datagram->iface);
    bool wanted = only_syn && !r->fin_wait_2 && listener;
    if (wanted && tcp_accept_full(listener)) { /* As without a record: the peer will ask again. */
        tcp_accept_refuse(listener);
        return TW_DONE;
    }
    if (wanted && newer_syn(r, &in->seg)) {
        *floor = (struct iss_floor){true, seq_add(r->snd_nxt, 65536)};
        env_count(tcp->env, LA_C_TIME_WAIT_REUSED);
        end(tcp, index, LA_CAUSE_SEGMENT, in->what);
        return TW_NEW_SYN;
    }
    env_drop(tcp->env, old_timestamp(r, &in->seg) ? LA_D_TW_PAWS : LA_D_TW_OLD);
    if (!wanted || tcp->params.tw_syn == TW_SYN_ACK) answer(tcp, r, TCP_ACK);
    return TW_DONE;
}

/* RFC 1337 says that RSTs must not end TIME_WAIT; without it they do, at exactly RCV.NXT (RFC 5961). */
static void rst(struct tcp *tcp, uint32_t index, const struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    const struct tw_record *r = at(tcp, index);
    uint32_t wnd = (uint32_t)r->wnd << r->rcv_wscale;
    bool counts = tcp->params.rst_strict ? seq_eq(s->seq, r->rcv_nxt) : seq_within(s->seq, r->rcv_nxt, wnd ? wnd : 1);
    if (!counts || (tcp->params.rfc1337 && !r->fin_wait_2)) {
        env_drop(tcp->env, LA_D_TW_RST);
        return;
    }
    end(tcp, index, LA_CAUSE_SEGMENT, in->what);
}

static bool in_window(const struct tw_record *r, const struct tcp_seg *s) {
    uint32_t len = tcp_seg_len(s), wnd = (uint32_t)r->wnd << r->rcv_wscale;
    if (!wnd) return len == 0 && seq_eq(s->seq, r->rcv_nxt);
    return seq_within(s->seq, r->rcv_nxt, wnd) || (len && seq_within(seq_add(s->seq, len - 1), r->rcv_nxt, wnd));
}

/* FIN_WAIT_2 without owner: data is answered with RST, the FIN leads to TIME_WAIT, which is the same record. */
static void fin_wait_2(struct tcp *tcp, uint32_t index, const struct tcp_in *in) {
    struct tw_record *r = at(tcp, index);
    const struct tcp_seg *s = &in->seg;
    if (!in_window(r, s)) {
        env_drop(tcp->env, LA_D_TW_OLD);
        answer_bare(tcp, r, s);
        return;
    }
    if (s->data.len) {
        env_drop(tcp->env, LA_D_DATA_AFTER_CLOSE);
        tcp_reply_rst(tcp, in);
        end(tcp, index, LA_CAUSE_STACK, LA_D_DATA_AFTER_CLOSE);
        return;
    }
    if (!(s->flags & TCP_FIN)) return;
    if (!seq_eq(s->seq, r->rcv_nxt)) { /* Data before it is missing; it will be sent again, and end this. */
        answer(tcp, r, TCP_ACK);
        return;
    }
    r->rcv_nxt = seq_add(r->rcv_nxt, 1);
    answer(tcp, r, TCP_ACK);
    move(tcp, r, LA_TIME_WAIT, LA_CAUSE_SEGMENT, in->what);
    r->fin_wait_2 = 0;
    r->from = LA_FIN_WAIT_2;
    env_count(tcp->env, LA_C_TIME_WAIT_MADE);
    if (tcp->params.msl == 0)
        end(tcp, index, LA_CAUSE_TIMER, LA_TIMER_TIME_WAIT);
    else
        restart(tcp, index);
}

/* RFC 9293, 3.10.7.4, in its order. What is not acceptable is answered with an ACK; of what is, only the FIN again
 * means something. */
static void segment(struct tcp *tcp, uint32_t index, const struct tcp_in *in) {
    const struct tcp_seg *s = &in->seg;
    struct tw_record *r = at(tcp, index);
    if (old_timestamp(r, s)) {
        env_drop(tcp->env, LA_D_TW_PAWS);
        answer_bare(tcp, r, s);
        return;
    }
    if (!(s->flags & TCP_ACK)) {
        env_drop(tcp->env, LA_D_ACK_MISSING);
        return;
    }
    if (r->ts_on && s->opt.has_ts && seq_leq(s->seq, r->rcv_nxt)) r->ts_recent = s->opt.ts_val;
    if (r->fin_wait_2) {
        fin_wait_2(tcp, index, in);
        return;
    }
    if (tcp_seg_len(s) == 0 && seq_eq(s->seq, r->rcv_nxt)) return; /* The ACK of a simultaneous close. */
    if (s->flags & TCP_FIN && seq_eq(seq_add(s->seq, tcp_seg_len(s)), r->rcv_nxt)) {
        env_count(tcp->env, LA_C_TIME_WAIT_REACKED);
        restart(tcp, index); /* 2 MSL begin again. */
    } else {
        env_drop(tcp->env, LA_D_TW_OLD);
    }
    answer_bare(tcp, r, s);
}

enum tw_answer tcp_timewait_input(struct tcp *tcp, struct tcp_in *in, struct iss_floor *floor) {
    uint32_t index = find(tcp, &in->key);
    const struct tcp_seg *s = &in->seg;
    if (index == POOL_NONE) return TW_NOT_FOUND;
    if (s->flags & TCP_RST) {
        rst(tcp, index, in);
        return TW_DONE;
    }
    if (s->flags & TCP_SYN) return syn(tcp, index, in, floor);
    segment(tcp, index, in);
    return TW_DONE;
}

/* C31: with timestamps, one second after the connection's end, a new SYN's timestamp protects against the old one's
 * segments (RFC 6191). */
bool tcp_timewait_reuse(struct tcp *tcp, const struct tcp_key *key, struct iss_floor *floor) {
    uint32_t index = find(tcp, key);
    if (index == POOL_NONE) return true;
    const struct tw_record *r = at(tcp, index);
    if (r->fin_wait_2 || !tcp->params.tw_reuse || !r->ts_on || !tcp->params.timestamps) return false;
    if (deadline(tcp, r) + LA_SECOND > tcp->env->now + duration(tcp, r)) return false;
    *floor = (struct iss_floor){true, seq_add(r->snd_nxt, 65536)};
    env_count(tcp->env, LA_C_TIME_WAIT_REUSED);
    end(tcp, index, LA_CAUSE_CALL, LA_CALL_CONNECT);
    return true;
}

void tcp_record_fill(const struct tcp *tcp, const struct tw_record *r, struct la_conn_info *info) {
    enum la_timer timer = r->fin_wait_2 ? LA_TIMER_FIN_WAIT_2 : LA_TIMER_TIME_WAIT;
    la_time until = deadline(tcp, r), lasts = duration(tcp, r);
    info->state = r->fin_wait_2 ? LA_FIN_WAIT_2 : LA_TIME_WAIT;
    uint8_t from = r->fin_wait_2 ? LA_FIN_WAIT_1 : r->from;
    info->since = until > lasts ? until - lasts : 0;
    if (info->since > tcp->env->now) info->since = tcp->env->now;
    info->moves = info->nhistory = 1; /* The record remembers its last move. */
    uint8_t flags = from == LA_CLOSING || r->fin_wait_2 ? TCP_ACK : TCP_FIN | TCP_ACK;
    info->history[0] = (struct la_move){info->since, from, (uint8_t)info->state, LA_CAUSE_SEGMENT, flags};
    info->compact = true;
    info->fin_sent = info->fin_acked = true;
    info->fin_received = !r->fin_wait_2;
    info->timer_at[timer] = until;
    info->local = (struct la_endpoint){r->key.local, r->key.local_port, 0};
    info->peer = (struct la_endpoint){r->key.peer, r->key.peer_port, 0};
    info->snd_una = info->snd_nxt = r->snd_nxt.n;
    info->rcv_nxt = r->rcv_nxt.n;
    info->rcv_wnd = (uint32_t)r->wnd << r->rcv_wscale;
}
