/* What stands for what between script and wire, and when that becomes known.
 *
 * The script's side chooses its own ISN, so that a number of the script's SYN is the one on the wire; the TCP under
 * test chooses its ISN, known from its first SYN. All later numbers of either side count from the live ISN. */
#include "packet.h"

uint32_t flow_remote_to_live(const struct drill_flow *flow, uint32_t seq, bool syn) {
    return syn ? seq : seq + flow->live_remote_isn;
}

uint32_t flow_remote_to_script(const struct drill_flow *flow, uint32_t seq, bool syn) {
    return syn ? seq : seq - flow->live_remote_isn;
}

static uint32_t local_offset(const struct drill_flow *flow, bool syn) {
    return syn ? flow->live_local_isn - flow->script_local_isn : flow->live_local_isn;
}

uint32_t flow_local_to_live(const struct drill_flow *flow, uint32_t seq, bool syn) {
    return seq + local_offset(flow, syn);
}

uint32_t flow_local_to_script(const struct drill_flow *flow, uint32_t seq, bool syn) {
    return seq - local_offset(flow, syn);
}

/* --- Timestamps --- */

void flow_learn_ts(struct drill_flow *flow, uint32_t script, uint32_t live) {
    if (!flow->has_first_ts) {
        flow->has_first_ts = true;
        flow->first_script_ts = script;
        flow->first_live_ts = live;
    }
    /* A script that writes the same value again means the newest one: the ring need not grow for it. */
    struct drill_ts_map *last = &flow->ts[(flow->nts - 1) % DRILL_TS_MAPS];
    if (flow->nts == 0 || last->script != script) last = &flow->ts[flow->nts++ % DRILL_TS_MAPS];
    *last = (struct drill_ts_map){.script = script, .live = live};
}

bool flow_ts_to_live(const struct drill_flow *flow, uint32_t script, bool scaled, uint32_t *live) {
    unsigned kept = flow->nts < DRILL_TS_MAPS ? flow->nts : DRILL_TS_MAPS;
    for (unsigned i = 1; i <= kept; i++) {
        const struct drill_ts_map *map = &flow->ts[(flow->nts - i) % DRILL_TS_MAPS];
        if (map->script != script) continue;
        *live = map->live;
        return true;
    }
    *live = script - flow->first_script_ts + flow->first_live_ts;
    return scaled && flow->has_first_ts;
}

uint32_t flow_ts_to_script(const struct drill_flow *flow, uint32_t live) {
    return flow->has_first_ts ? flow->first_script_ts + (live - flow->first_live_ts) : live;
}

/* --- What packets tell --- */

static void learn_remote_isn(struct drill_flow *flow, const struct drill_packet *packet, enum drill_flow_state state) {
    flow->live_remote_isn = packet->seq;
    flow->state = state;
}

void flow_learn_received(struct drill_flow *flow, const struct drill_packet *packet) {
    if (packet->proto != DRILL_TCP) return;
    bool syn = packet->flags & LA_SYN, ack = packet->flags & LA_ACK;
    switch (flow->state) {
    case DRILL_FLOW_NONE: /* No socket at all: the packet is to meet a closed port. */
    case DRILL_FLOW_LISTENING: learn_remote_isn(flow, packet, DRILL_FLOW_PASSIVE); break;
    case DRILL_FLOW_SYNACK_SENT:
        if (ack) flow->state = DRILL_FLOW_SYNACK_ACKED;
        break;
    case DRILL_FLOW_SYN_SENT:
        if (syn && ack) learn_remote_isn(flow, packet, DRILL_FLOW_SYN_ACKED);
        break;
    default: break;
    }
}

static bool same_endpoint(const struct la_endpoint *a, const struct la_endpoint *b) {
    return a->port == b->port && la_addr_equal(&a->addr, &b->addr);
}

static bool opens(const struct drill_live *live, const struct drill_flow *flow) {
    if (live->proto == DRILL_TCP)
        return (live->flags & (LA_SYN | LA_ACK)) == LA_SYN &&
               (flow->state == DRILL_FLOW_CONNECTING || flow->state == DRILL_FLOW_SYN_SENT);
    return live->proto != DRILL_ICMP && flow->local.port == 0;
}

bool packet_is_of(const struct drill_live *live, const struct drill_flow *flow) {
    if (live->proto != flow->proto || live->ip6 != flow->ip6) return false;
    if (live->proto == DRILL_ICMP)
        return la_addr_equal(&live->src.addr, &flow->local.addr) && la_addr_equal(&live->dst.addr, &flow->remote.addr);
    if (!same_endpoint(&live->dst, &flow->remote)) return false;
    return same_endpoint(&live->src, &flow->local) || opens(live, flow);
}

void flow_learn_sent(struct drill_flow *flow, const struct drill_packet *packet, const struct drill_live *live) {
    bool first = !same_endpoint(&live->src, &flow->local);
    if (live->proto != DRILL_TCP) {
        if (first && opens(live, flow)) flow->local = live->src;
        return;
    }
    uint16_t expected = packet->proto == DRILL_TCP ? packet->flags & (LA_SYN | LA_ACK) : 0;
    if (flow->state == DRILL_FLOW_CONNECTING && expected == LA_SYN) {
        flow->state = DRILL_FLOW_SYN_SENT;
        flow->script_local_isn = packet->seq;
        first = true;
    }
    if (first && opens(live, flow)) {
        flow->local = live->src;
        flow->live_local_isn = live->seq;
    }
    if (flow->state == DRILL_FLOW_PASSIVE && expected == (LA_SYN | LA_ACK)) {
        flow->state = DRILL_FLOW_SYNACK_SENT;
        if (!packet->seq_any) flow->script_local_isn = packet->seq;
        flow->live_local_isn = live->seq;
    }
}
