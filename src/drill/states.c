#include "states.h"

#include <lastack/info.h>

static int after_sent(int state, const struct drill_flow *flow, uint16_t flags) {
    bool in_line = flow->last_in_end == flow->in_next;
    if (flags & LA_RST) return in_line ? LA_CLOSED : state;
    if (flags & LA_SYN) {
        bool ack = flags & LA_ACK;
        if (!ack && (state == LA_CLOSED || state == LA_LISTEN)) return LA_SYN_SENT;
        if (ack && (state == LA_CLOSED || state == LA_LISTEN || state == LA_SYN_SENT)) return LA_SYN_RCVD;
        return state;
    }
    if (!(flags & LA_FIN) || !in_line) return state;
    if (state == LA_CLOSE_WAIT) return LA_LAST_ACK;
    return state == LA_SYN_RCVD || state == LA_ESTABLISHED ? LA_FIN_WAIT_1 : state;
}

static int after_syn(int state, bool acks_syn, bool ack) {
    if (state == LA_CLOSED) return ack ? state : LA_LISTEN;
    if (state == LA_SYN_SENT && !ack) return LA_SYN_RCVD;
    return (state == LA_SYN_SENT || state == LA_SYN_RCVD) && acks_syn ? LA_ESTABLISHED : state;
}

static int after_ack(int state, bool acks_syn, bool acks_all) {
    if (state == LA_SYN_RCVD && acks_syn) return LA_ESTABLISHED;
    if (state == LA_FIN_WAIT_1 && acks_all) return LA_FIN_WAIT_2;
    if (state == LA_CLOSING && acks_all) return LA_TIME_WAIT;
    return state == LA_LAST_ACK && acks_all ? LA_CLOSED : state;
}

static int after_fin(int state) {
    switch (state) {
    case LA_SYN_RCVD:
    case LA_ESTABLISHED: return LA_CLOSE_WAIT;
    case LA_FIN_WAIT_1: return LA_CLOSING;
    case LA_FIN_WAIT_2: return LA_TIME_WAIT;
    default: return state;
    }
}

static int after_received(int state, const struct drill_flow *flow, uint16_t flags, uint32_t ack) {
    bool has_ack = flow->injected && (flags & LA_ACK);
    bool acks_syn = has_ack && (int32_t)(ack - flow->live_remote_isn) > 0;
    bool acks_all = has_ack && ack == flow->in_next;
    if (flags & LA_RST) return state == LA_LISTEN || (state == LA_SYN_SENT && !acks_syn) ? state : LA_CLOSED;
    if (flags & LA_SYN) return after_syn(state, acks_syn, flags & LA_ACK);
    state = after_ack(state, acks_syn, acks_all);
    return flags & LA_FIN ? after_fin(state) : state;
}

int peer_state_after(int state, const struct drill_flow *flow, bool inbound, uint16_t flags, uint32_t ack) {
    if (state < 0) state = LA_CLOSED;
    return inbound ? after_sent(state, flow, flags) : after_received(state, flow, flags, ack);
}
