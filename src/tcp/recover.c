/* Loss recovery's states (RFC 5681, 6582, 6675, 8985), named as Linux names them:
 *
 *     Open      nothing is missing
 *     Disorder  something is SACKed, or ACKs repeat: lost or late is not known yet; new data goes out for what has
 *               left the network (limited transmit, RFC 3042)
 *     CWR       the window shrinks for congestion that the network reported; nothing is sent again
 *     Recovery  something is lost and sent again; ends when everything sent before it began is acknowledged
 *     Loss      the timeout has fired; everything old counts as lost; F-RTO (RFC 5682) finds out whether that was so
 *
 * What is lost is decided by rack.c, without SACK by duplicate ACKs (newreno_mark). The window follows in cwnd.c.
 * Invariant: in Recovery and Loss, high_seq is what SND.NXT was when it began. */
#include "tcp/conn.h"

void tcp_recover_init(struct tcp_conn *c, seq iss) {
    struct tcp_engine *e = &c->eng;
    e->high_seq = e->undo_marker = e->fack = e->lost_hint = e->usage_seq = e->rack.end = iss;
    e->reordering = c->tcp->params.dupthresh;
    e->rack.steps = 1;
}

void tcp_recover_phase(struct tcp_conn *c, enum cc_phase to) {
    struct tcp_engine *e = &c->eng;
    if (e->cc_begun && e->cc.ops->phase) {
        struct cc_now now = tcp_cc_now(c);
        e->cc.ops->phase(&e->cc, &now, to);
    }
    e->phase = (uint8_t)to;
}

/* Open, unless something is missing or on its way again. */
void tcp_recover_reopen(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    enum cc_phase to = e->sacked_out || e->lost_out || e->again_out ? CC_DISORDER : CC_OPEN;
    if (e->phase == to) return;
    tcp_recover_phase(c, to);
    e->high_seq = c->snd_nxt;
}

void tcp_recover_cwr(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    e->prior_ssthresh = 0;
    if (e->phase >= CC_CWR) return;
    e->undo_armed = false;
    env_count(c->tcp->env, LA_C_ECN_REDUCTIONS);
    tcp_cwnd_reduce_begin(c);
    tcp_recover_phase(c, CC_CWR);
}

/* With nothing repeated in flight, an episode's first repetition is one of its own (Eifel, RFC 3522, 3.2). */
static void forget_stamp(struct tcp_engine *e) {
    if (e->phase < CC_RECOVERY && !e->again_out) e->again_stamped = false;
}

void tcp_recover_enter(struct tcp_conn *c, bool ece) {
    struct tcp_engine *e = &c->eng;
    forget_stamp(e);
    env_count(c->tcp->env, LA_C_FAST_RETRANSMITS);
    e->prior_ssthresh = 0;
    tcp_undo_arm(c);
    if (e->phase != CC_CWR && e->phase != CC_RECOVERY) {
        if (!ece) e->prior_ssthresh = tcp_cwnd_ssthresh_current(c);
        tcp_cwnd_reduce_begin(c);
    }
    tcp_recover_phase(c, CC_RECOVERY);
    e->high_seq = c->snd_nxt;
}

/* --- Without SACK (RFC 6582): a duplicate ACK stands for a segment that has arrived --- */

/* More duplicates than segments can have arrived: the network reorders. */
static void newreno_limit(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    uint32_t holes = e->lost_out > 1 ? e->lost_out : 1;
    if (holes > e->sent.count) holes = e->sent.count;
    if (e->sacked_out + holes <= e->sent.count) return;
    e->sacked_out = e->sent.count - holes;
    uint32_t most = c->tcp->params.reordering_max, degree = e->sent.count < most ? e->sent.count : most;
    if (degree > e->reordering) e->reordering = (uint16_t)degree;
    e->reorderings++;
}

/* What is sent in recovery follows the repetition: as long as ACKs repeat, none of it is behind them. So a peer that
 * invents duplicates gets no more out than was in flight. */
static void newreno_duplicate(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    uint32_t before = e->sacked_out;
    if (e->phase == CC_RECOVERY && before + e->lost_out >= sent_find(&e->sent, e->high_seq)) return;
    e->sacked_out++;
    newreno_limit(c);
    if (e->sacked_out > before) e->delivered += e->sacked_out - before;
}

/* The ACK moved over `popped` segments: one hole, and what had arrived behind it. */
static void newreno_acked(struct tcp_conn *c, uint32_t popped) {
    struct tcp_engine *e = &c->eng;
    if (popped) {
        e->delivered += popped > e->sacked_out ? popped - e->sacked_out : 1;
        e->sacked_out = popped - 1 >= e->sacked_out ? 0 : e->sacked_out - (popped - 1);
    }
    newreno_limit(c);
}

static void newreno_mark(struct tcp_conn *c, bool advanced) {
    struct tcp_engine *e = &c->eng;
    bool first = e->phase < CC_RECOVERY && e->sacked_out >= e->reordering;
    if (!e->sent.count || !(first || (e->phase == CC_RECOVERY && advanced))) return;
    struct sent *head = sent_at(&e->sent, 0);
    if (!(head->marks & SENT_LOST)) tcp_score_lost(c, head);
    newreno_limit(c);
}

static void mark_lost(struct tcp_conn *c, struct tcp_acked *a) {
    uint32_t before = c->eng.again_out;
    if (c->is.sack_on)
        tcp_rack_mark(c);
    else
        newreno_mark(c, a->advanced);
    if (c->eng.again_out < before) a->again_lost = true;
}

/* --- One ACK --- */

/* The peer has SACKed the segment that its ACK says is missing: it has thrown it away (RFC 2018, 8). Some ACKs later it
 * may have thought better of it; otherwise the timeout takes nothing of its SACKs for granted. */
static bool reneging(struct tcp_conn *c, bool advanced) {
    const struct tcp_engine *e = &c->eng;
    if (!e->sent.count || !(sent_at(&e->sent, 0)->marks & SENT_SACKED)) return false;
    la_time wait = c->srtt_us / 2 * LA_US;
    if (advanced) tcp_timer_rexmit_as(c, REXMIT_RTO, c->tcp->env->now + (wait > 10 * LA_MS ? wait : 10 * LA_MS));
    return true;
}

/* SND.UNA has reached the end of what was sent before. */
static bool completed(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    if (e->phase == CC_CWR) {
        if (seq_eq(c->snd_una, e->high_seq)) return false; /* It ends with what was sent after it. */
        tcp_cwnd_reduce_end(c);
        tcp_recover_phase(c, CC_OPEN);
    } else if (e->phase == CC_RECOVERY) {
        if (!c->is.sack_on) e->sacked_out = 0;
        if (tcp_undo_recovery(c)) return true;
        if (e->rack.persist) e->rack.persist--;
        tcp_cwnd_reduce_end(c);
    }
    return false;
}

/* RFC 5682, 2: after a timeout, the first ACK that moves lets new data go; if that is answered by something that was
 * never sent again, nothing was lost. True: nothing more is to be done with this ACK. */
static bool frto(struct tcp_conn *c, struct tcp_acked *a, bool recovered) {
    struct tcp_engine *e = &c->eng;
    if (a->orig_acked && tcp_undo_loss(c, true)) return true;
    if (seq_gt(c->snd_nxt, e->high_seq)) {
        if (a->sacked || a->duplicate) e->frto = false; /* The loss was real. */
    } else if (a->advanced && !recovered) {
        e->high_seq = c->snd_nxt;
        if (tcp_send_has_new(c)) {
            a->new_only = true;
            return true;
        }
        e->frto = false;
    }
    return false;
}

static void in_loss(struct tcp_conn *c, struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    bool recovered = seq_geq(c->snd_una, e->high_seq);
    if (a->advanced && tcp_undo_loss(c, false)) return;
    if (e->frto && frto(c, a, recovered)) return;
    if (recovered) {
        tcp_undo_recovery(c);
        return;
    }
    if (c->is.sack_on) return;
    if (seq_gt(c->snd_nxt, e->high_seq) && a->duplicate)
        newreno_duplicate(c);
    else if (a->advanced)
        e->sacked_out = 0;
}

/* In CWR the window goes on shrinking; in Open and Disorder it is seen which of the two it is. */
static void try_open(struct tcp_conn *c, const struct tcp_acked *a) {
    if (!c->eng.again_out && c->eng.phase < CC_CWR) c->eng.again_stamped = false;
    if (a->ece) tcp_recover_cwr(c);
    if (c->eng.phase != CC_CWR) tcp_recover_reopen(c);
}

/* Open, Disorder and CWR, and what comes out of Loss: does recovery begin? */
static void perhaps_enter(struct tcp_conn *c, struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    if (!c->is.sack_on) {
        if (a->advanced) e->sacked_out = 0;
        if (a->duplicate) newreno_duplicate(c);
    }
    if (e->phase <= CC_DISORDER) tcp_undo_dsack(c);
    mark_lost(c, a);
    if (!e->lost_out) {
        try_open(c, a);
        return;
    }
    if (!a->ece && tcp_mtu_probe_lost(c)) return;
    tcp_recover_enter(c, a->ece);
}

static void in_recovery(struct tcp_conn *c, struct tcp_acked *a) {
    if (!a->advanced) {
        if (!c->is.sack_on && a->duplicate) newreno_duplicate(c);
    } else if (tcp_undo_partial(c, a)) {
        return;
    }
    if (tcp_undo_dsack(c)) {
        tcp_recover_reopen(c);
        if (c->eng.phase <= CC_DISORDER) perhaps_enter(c, a);
        return;
    }
    mark_lost(c, a);
    if (c->eng.phase == CC_RECOVERY) return;
    if (c->eng.lost_out)
        tcp_recover_enter(c, a->ece);
    else
        try_open(c, a);
}

void tcp_recover_ack(struct tcp_conn *c, struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    if (!c->is.sack_on && a->popped) newreno_acked(c, a->popped);
    bool news = a->sacked || a->dsack || a->ece || (a->plain && !a->popped);
    if (!news && e->phase == CC_OPEN) return;
    if (a->ece) e->prior_ssthresh = 0;
    if (c->is.sack_on && reneging(c, a->advanced)) return;
    if (e->phase == CC_OPEN) {
        e->again_stamped = false;
    } else if (seq_geq(c->snd_una, e->high_seq) && completed(c)) {
        return;
    }
    if (e->phase == CC_RECOVERY) {
        in_recovery(c, a);
    } else if (e->phase == CC_LOSS) {
        in_loss(c, a);
        if (e->phase != CC_LOSS) {
            perhaps_enter(c, a);
            return;
        }
        mark_lost(c, a);
        if (a->again_lost) tcp_recover_enter(c, a->ece);
    } else {
        perhaps_enter(c, a);
    }
}

/* --- The timeout --- */

void tcp_recover_timeout(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    bool reneged = c->is.sack_on && e->sent.count && sent_at(&e->sent, 0)->marks & SENT_SACKED;
    bool anew = e->phase < CC_RECOVERY;
    bool first = e->phase <= CC_DISORDER || seq_leq(e->high_seq, c->snd_una) || (e->phase == CC_LOSS && !c->backoff);
    uint32_t sacked = e->sacked_out;
    forget_stamp(e);
    tcp_score_timeout(c, reneged);
    if (first) {
        e->prior_ssthresh = tcp_cwnd_ssthresh_current(c);
        e->cc.ssthresh = tcp_cwnd_ssthresh(c);
        tcp_undo_arm(c);
    }
    e->cc.cwnd = tcp_in_flight(c) + 1;
    e->cc.count = 0;
    /* It took a timeout although enough had been SACKed: less reordering than was believed. */
    if (e->phase <= CC_DISORDER && sacked >= c->tcp->params.dupthresh && e->reordering > c->tcp->params.dupthresh)
        e->reordering = c->tcp->params.dupthresh;
    tcp_recover_phase(c, CC_LOSS);
    e->high_seq = c->snd_nxt;
    e->tlp_out = e->new_only = false;
    e->frto = c->tcp->params.frto && (anew || c->backoff);
    tcp_ecn_reduced(c);
    tcp_mark(c, MARK_SEND);
}

/* --- Another MTU --- */

/* What was too long for the path did not get through; that is not congestion (RFC 1191, 6.4). */
void tcp_recover_resend_longer(struct tcp_conn *c, uint32_t mss) {
    struct tcp_engine *e = &c->eng;
    uint32_t before = e->lost_out;
    for (uint32_t i = 0; i < e->sent.count; i++) {
        struct sent *s = sent_at(&e->sent, i);
        if (seq_len(s->from, s->to) > mss) tcp_score_lost(c, s);
    }
    if (!c->is.sack_on) newreno_limit(c);
    if (e->lost_out == before) return;
    if (e->phase != CC_LOSS) {
        e->high_seq = c->snd_nxt;
        e->cc.ssthresh = tcp_cwnd_ssthresh_current(c);
        e->prior_ssthresh = 0;
        e->undo_armed = e->frto = e->new_only = false;
        tcp_recover_phase(c, CC_LOSS);
    }
    tcp_mark(c, MARK_SEND);
}

void tcp_recover_mtu(struct tcp_conn *c) {
    uint16_t before = c->mss;
    bool probe = tcp_mtu_path_changed(c);
    tcp_send_mss_update(c);
    if ((c->mss >= before && !probe) || !tcp_synchronized(c)) return;
    tcp_recover_resend_longer(c, tcp_send_mss(c));
}
