/* A reduction that was a mistake is taken back: every repetition was needless by D-SACK (RFC 3708), or the ACK answers
 * something sent before the first repetition by its timestamp (Eifel, RFC 3522 and 4015), or F-RTO has proved it (RFC
 * 5682). */
#include "tcp/conn.h"

/* A reduction begins: what to go back to. */
void tcp_undo_arm(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    e->undo_armed = true;
    e->undo_marker = c->snd_una;
    e->undo_again = e->again_out ? (int32_t)e->again_out : -1;
}

void tcp_undo_note(struct tcp_conn *c, const struct tcp_in *in) {
    const struct tcp_options *o = &in->seg.opt;
    c->eng.ts_early =
        c->is.ts_on && o->has_ts && o->ts_ecr && c->eng.again_stamped && (int32_t)(o->ts_ecr - c->eng.again_stamp) < 0;
}

/* The ACK answers a first transmission: by its timestamp, or because nothing was sent again. Without SACK the stamp is
 * gone while recovery waits for something beyond its end to be acknowledged. */
static bool delayed(const struct tcp_conn *c) {
    const struct tcp_engine *e = &c->eng;
    return e->again_stamped ? e->ts_early : c->is.sack_on || seq_lt(c->snd_una, e->high_seq);
}

static bool may_undo(const struct tcp_conn *c) { return c->eng.undo_armed && (c->eng.undo_again == 0 || delayed(c)); }

static void undo(struct tcp_conn *c, bool unmark) {
    struct tcp_engine *e = &c->eng;
    if (unmark) tcp_score_found(c);
    if (e->prior_ssthresh) {
        struct cc_now now = tcp_cc_now(c);
        e->cc.cwnd = e->cc.ops->undo(&e->cc, &now);
        if (e->prior_ssthresh > e->cc.ssthresh) e->cc.ssthresh = e->prior_ssthresh;
        c->is.ecn_reduced = 0;
    }
    e->undo_armed = false;
    e->rack.advanced = true; /* What remains is looked at again. */
    env_count(c->tcp->env, LA_C_UNDOS);
}

bool tcp_undo_recovery(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    if (may_undo(c)) undo(c, false);
    /* Without SACK, duplicates of before must not begin another recovery (RFC 6582, 4.1). */
    if (!c->is.sack_on && seq_eq(c->snd_una, e->high_seq)) {
        if (!e->again_out) e->again_stamped = false;
        return true;
    }
    tcp_recover_phase(c, CC_OPEN);
    return false;
}

bool tcp_undo_dsack(struct tcp_conn *c) {
    struct tcp_engine *e = &c->eng;
    if (!e->undo_armed || e->undo_again != 0) return false;
    if (e->rack.persist < 16) e->rack.persist = 16;
    undo(c, false);
    return true;
}

/* The first ACK within recovery that moves SND.UNA. */
bool tcp_undo_partial(struct tcp_conn *c, const struct tcp_acked *a) {
    struct tcp_engine *e = &c->eng;
    if (!e->undo_armed || !delayed(c)) return false;
    /* Without SACK, what overtook it are the duplicates. */
    tcp_reordering_seen(c, a->prior_una, c->is.sack_on ? e->fack : seq_add(a->ack, e->sacked_out * tcp_send_mss(c)));
    /* Repetitions are still out: their ACKs will tell more. */
    if (e->again_out) return true;
    e->again_stamped = false;
    undo(c, true);
    tcp_recover_reopen(c);
    return false;
}

bool tcp_undo_loss(struct tcp_conn *c, bool proved) {
    struct tcp_engine *e = &c->eng;
    if (!proved && !may_undo(c)) return false;
    undo(c, true);
    if (proved) env_count(c->tcp->env, LA_C_SPURIOUS_RTOS);
    c->backoff = 0;
    e->frto = false;
    if (proved || c->is.sack_on) tcp_recover_phase(c, CC_OPEN);
    return true;
}
