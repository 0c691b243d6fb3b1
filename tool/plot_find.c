#include "plot_find.h"

#include "capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS_MAX 1000000

/* Which end of the flow sent it, or -1. */
static int end_of(const struct plot_flow *flow, const struct la_segment *wire) {
    for (int i = 0; i < 2; i++)
        if (plot_same_end(&flow->end[i], &wire->src) && plot_same_end(&flow->end[1 - i], &wire->dst)) return i;
    return -1;
}

static uint32_t hash_end(const struct la_endpoint *end) {
    uint32_t hash = 2166136261u ^ end->port;
    for (size_t i = 0; i < sizeof end->addr.bytes; i++) hash = (hash ^ end->addr.bytes[i]) * 16777619u;
    return hash ^ hash >> 15;
}

/* The slot of the flow between these ends, or the empty one where it would be. Both directions come to the same. */
static uint32_t *slot_of(struct plot_flows *flows, const struct la_endpoint *a, const struct la_endpoint *b) {
    struct la_segment wire = {.src = *a, .dst = *b};
    for (size_t i = hash_end(a) + hash_end(b);; i++) {
        uint32_t *slot = &flows->slot[i & (flows->slots - 1)];
        if (!*slot || end_of(&flows->flow[*slot - 1], &wire) >= 0) return slot;
    }
}

/* Room for one more flow, with at most half of the slots in use. False: refused. */
static bool make_room(struct plot_flows *flows) {
    if (flows->n < flows->room) return true;
    size_t room = flows->room ? flows->room * 2 : 64;
    if (room > FLOWS_MAX) return false;
    struct plot_flow *flow = realloc(flows->flow, room * sizeof *flow);
    if (!flow) return false;
    flows->flow = flow;
    uint32_t *slot = calloc(room * 2, sizeof *slot);
    if (!slot) return false;
    free(flows->slot);
    flows->slot = slot;
    flows->slots = room * 2;
    flows->room = room;
    for (size_t i = 0; i < flows->n; i++) *slot_of(flows, &flow[i].end[0], &flow[i].end[1]) = (uint32_t)i + 1;
    return true;
}

/* The flow of a segment; NULL: memory was refused. */
static struct plot_flow *flow_of(struct plot_flows *flows, const struct la_segment *wire, la_time at) {
    bool opens = (wire->flags & (LA_SYN | LA_ACK)) == LA_SYN;
    if (!make_room(flows)) return NULL;
    uint32_t *slot = slot_of(flows, &wire->src, &wire->dst);
    struct plot_flow *flow = *slot ? &flows->flow[*slot - 1] : NULL;
    bool reopened = flow && opens && flow->syn && flow->syn_seq != wire->seq;
    if (!flow || reopened) {
        flow = &flows->flow[flows->n++];
        *flow = (struct plot_flow){.end = {wire->src, wire->dst}, .first = at};
        *slot = (uint32_t)flows->n;
    }
    if (opens) {
        flow->syn = true;
        flow->syn_seq = wire->seq;
    }
    return flow;
}

static bool take(struct plot_flows *flows, const struct capture_packet *packet, size_t wanted, struct plot *plot) {
    struct la_segment wire;
    if (!la_segment_parse(LA_LINK_IP, packet->ip.data, packet->ip.len, &wire)) return true;
    struct plot_flow *flow = flow_of(flows, &wire, packet->at);
    if (!flow) return false;
    flow->segments++;
    flow->last = packet->at;
    flow->bytes[end_of(flow, &wire) == 1] += wire.len;
    if (plot && flow == &flows->flow[wanted]) plot_add(plot, packet->at, &wire, PLOT_ARRIVES);
    return true;
}

bool plot_flows_read(const char *path, struct plot_flows *flows, size_t wanted, struct plot *plot, char *why,
                     size_t size) {
    struct capture_packet packet;
    *why = 0;
    struct capture *capture = capture_open(path, why, size);
    if (!capture) return false;
    int rc;
    bool taken = true;
    while (taken && (rc = capture_next(capture, &packet, why, size)) > 0) taken = take(flows, &packet, wanted, plot);
    capture_close(capture);
    if (!taken) snprintf(why, size, "it has more connections than there is memory for");
    return taken;
}

size_t plot_flows_largest(const struct plot_flows *flows) {
    size_t best = flows->n;
    uint64_t most = 0;
    for (size_t i = 0; i < flows->n; i++) {
        uint64_t bytes = flows->flow[i].bytes[0] + flows->flow[i].bytes[1];
        if (bytes <= most) continue;
        most = bytes;
        best = i;
    }
    return best;
}

void plot_flows_free(struct plot_flows *flows) {
    free(flows->flow);
    free(flows->slot);
    *flows = (struct plot_flows){0};
}
