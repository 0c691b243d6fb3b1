/* What a sender's time goes to (TCP_INFO's busy_time, rwnd_limited, sndbuf_limited): a clock runs while something is
 * queued or unacknowledged, and it runs for what holds the data up. Who changes one of the reasons calls tcp_chrono. */
#include "tcp/view.h"

static enum tcp_limit reason(const struct tcp_conn *c) {
    if (!tcp_synchronized(c) || seq_geq(c->snd_una, c->snd_end)) return LIMIT_NONE;
    if (seq_lt(c->snd_nxt, c->snd_end)) {
        uint32_t next = seq_len(c->snd_nxt, c->snd_end), mss = tcp_send_mss(c);
        if (next > mss) next = mss;
        return view_cwnd_room(c) >= next && view_wnd_room(c) < next ? LIMIT_RWND : LIMIT_BUSY;
    }
    /* All is sent, both windows would take more, and a write finds no room for it. */
    return c->is.full_blocked && view_cwnd_room(c) >= tcp_send_mss(c) ? LIMIT_SNDBUF : LIMIT_BUSY;
}

void tcp_chrono(struct tcp_conn *c) {
    struct tcp_chrono *clock = &c->chrono;
    enum tcp_limit limit = reason(c);
    if (limit == clock->limit) return;
    la_time now = c->tcp->env->now;
    if (clock->limit != LIMIT_NONE) clock->spent[clock->limit - 1] += now - clock->since;
    clock->limit = (uint8_t)limit;
    clock->since = now;
}

la_time tcp_chrono_spent(const struct tcp_conn *c, enum tcp_limit limit) {
    const struct tcp_chrono *clock = &c->chrono;
    la_time spent = clock->spent[limit - 1];
    return clock->limit == limit ? spent + (c->tcp->env->now - clock->since) : spent;
}
