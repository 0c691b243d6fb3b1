/* The liar between a host and the network.
 *
 * In: every packet that its host sends (hostile_forward, the first node of the host's way), and every packet that comes
 * for it (sim_hostile_hear). Out: the same, changed; segments invented besides; nothing at all. It keeps one record per
 * connection, of both ends' real numbers, because a good lie is close to the truth.
 *
 * The stack behind it is an honest one, so that the liar need not be a TCP itself: it can start any lie at any moment,
 * stop it, and the connection goes on. What a lie may break is known:
 *
 *   - Handshakes are only rewritten in what an odd peer may say (MSS, window scale), the same in every copy. Lies begin
 *     when the honest end is established, and end when the network heals.
 *   - Most lies cost time only: afterwards a strict connection must still finish (judge.c).
 *   - Acknowledging data that never arrived breaks a stream for good: the connection is marked `poisoned` and need not
 *     finish. It must not hang the stack, and what is read must still be right.
 *   - Other bytes for the same sequence numbers: an honest end may read either, as long as it has not acknowledged the
 *     first ones. It is marked `tainted`. Bytes sent again, differently, after their acknowledgment must never be read:
 *     those are made in a way that no reader allows (sim_fake).
 *
 * Segments that carry what this file does not know (options beyond la_segment's) lose it when they are rewritten. */
#include "hostile.h"

#include <stdlib.h>
#include <string.h>

static bool same_end(const struct la_endpoint *a, const struct la_endpoint *b) {
    return a->port == b->port && memcmp(&a->addr, &b->addr, sizeof a->addr) == 0;
}

static struct hostile_flow *flow_of(struct sim_hostile *hostile, const struct la_endpoint *us,
                                    const struct la_endpoint *them) {
    for (unsigned i = 0; i < HOSTILE_FLOWS; i++) {
        struct hostile_flow *flow = &hostile->flow[i];
        if (same_end(&flow->us, us) && same_end(&flow->them, them)) return flow;
    }
    struct hostile_flow *flow = &hostile->flow[hostile->next++ % HOSTILE_FLOWS];
    memset(flow, 0, sizeof *flow);
    flow->us = *us;
    flow->them = *them;
    return flow;
}

/* The connection whose client chose this initial sequence number. */
static struct sim_conn *conn_of(struct sim_world *world, uint32_t iss) {
    for (unsigned i = 0; i < world->nconns; i++)
        if (world->conn[i].has_iss && world->conn[i].iss == iss) return &world->conn[i];
    return NULL;
}

/* A new incarnation: what was known of the old one does not count. The clock of timestamps goes on. */
static void begin(struct hostile_flow *flow) {
    struct la_endpoint us = flow->us, them = flow->them;
    uint32_t ahead = flow->ts_ahead;
    memset(flow, 0, sizeof *flow);
    flow->us = us;
    flow->them = them;
    flow->ts_ahead = ahead;
}

static uint32_t end_of(const struct la_segment *s) {
    return s->seq + (uint32_t)s->len + ((s->flags & LA_SYN) != 0) + ((s->flags & LA_FIN) != 0);
}

static void learn_our_syn(struct hostile_deed *deed) {
    struct hostile_flow *flow = deed->flow;
    const struct la_segment *s = &deed->s;
    if (flow->our_syn && flow->our_iss == s->seq) return;
    if (!(s->flags & LA_ACK) || flow->our_syn) begin(flow);
    flow->our_syn = true;
    flow->our_iss = s->seq;
    flow->sent = s->seq + 1;
    flow->our_sack = s->sack_ok;
    flow->our_ts = s->has_ts;
    flow->our_shift = flow->told_shift = s->wscale;
    if (s->flags & LA_ACK) flow->acked = s->ack;
    hostile_choose(deed);
    struct sim_conn *conn = conn_of(deed->hostile->host->world, s->flags & LA_ACK ? s->ack - 1 : s->seq);
    if (conn) flow->conn = conn;
}

static void learn_their_syn(struct sim_hostile *hostile, struct hostile_flow *flow, const struct la_segment *s) {
    if (flow->their_syn && flow->their_iss == s->seq) return;
    if (flow->their_syn) begin(flow);
    flow->their_syn = true;
    flow->their_iss = s->seq;
    flow->seen = s->seq + 1;
    flow->their_sack = s->sack_ok;
    flow->their_ts = s->has_ts;
    flow->their_shift = s->wscale;
    if (s->flags & LA_ACK) flow->heard = s->ack;
    struct sim_conn *conn = conn_of(hostile->host->world, s->flags & LA_ACK ? s->ack - 1 : s->seq);
    if (conn) flow->conn = conn;
}

/* Both ends' numbers are known. */
static bool complete(const struct hostile_flow *flow) { return flow->our_syn && flow->their_syn && flow->conn; }

static void learn_ours(struct hostile_flow *flow, const struct la_segment *s) {
    if (s->flags & LA_RST) return;
    if (hostile_after(end_of(s), flow->sent)) flow->sent = end_of(s);
    if (s->flags & LA_ACK && (!flow->armed || hostile_after(s->ack, flow->acked))) flow->acked = s->ack;
}

static void learn_theirs(struct hostile_flow *flow, const struct la_segment *s) {
    if (s->flags & LA_RST || !(s->flags & LA_ACK)) return;
    if (!flow->armed) flow->heard = s->ack;
    flow->armed = true;
    if (hostile_after(end_of(s), flow->seen)) flow->seen = end_of(s);
    if (hostile_after(s->ack, flow->heard)) flow->heard = s->ack;
}

/* --- Packets --- */

/* A packet with this segment, and the link header of another. */
static struct sim_packet *write_packet(const struct sim_packet *like, enum la_link link, const struct la_segment *s) {
    uint8_t bytes[HOSTILE_PACKET];
    size_t header = link == LA_LINK_ETHERNET ? 14 : 0;
    memcpy(bytes, like->data, header);
    size_t len = la_segment_build(s, bytes + header, sizeof bytes - header);
    if (len == 0) return NULL;
    struct la_packet packet = {.len = header + len, .nspans = 1, .span = {{bytes, header + len}}};
    return sim_packet_new(like->from, &packet);
}

/* What stays different for a connection's whole life. */
static void disguise(const struct hostile_flow *flow, struct la_segment *s) {
    if (s->has_ts) s->ts_val += flow->ts_ahead;
    if (s->flags & LA_SYN && s->mss && flow->told_mss) s->mss = flow->told_mss;
    if (s->flags & LA_SYN && s->wscale >= 0) s->wscale = flow->told_shift;
    if (s->flags & LA_SYN || !flow->our_syn || flow->our_shift < 0 || flow->their_shift < 0) return;
    if (flow->told_shift == flow->our_shift) return;
    /* Rounded up: a window that is open must not look closed for ever. */
    uint64_t window = (uint64_t)s->wnd << (flow->our_shift < 14 ? flow->our_shift : 14);
    int shift = flow->told_shift < 14 ? flow->told_shift : 14;
    uint64_t told = (window + ((uint64_t)1 << shift) - 1) >> shift;
    s->wnd = (uint16_t)(told < UINT16_MAX ? told : UINT16_MAX);
}

static bool disguised(const struct hostile_flow *flow) {
    return flow->ts_ahead || flow->told_mss || flow->told_shift != flow->our_shift;
}

static void put_on_wire(struct hostile_deed *deed, const struct la_segment *segment, const char *what) {
    struct sim_world *world = deed->hostile->host->world;
    struct la_segment s = *segment;
    disguise(deed->flow, &s);
    struct sim_packet *packet = write_packet(deed->packet, world->link, &s);
    if (!packet) return;
    sim_say_packet(world, deed->hostile->host->index, what, packet->data, packet->len);
    if (world->config->packet)
        world->config->packet(world->config->ctx, deed->now, deed->hostile->host->index,
                              world->link == LA_LINK_ETHERNET, packet->data, packet->len);
    sim_forward(deed->hostile->node.next, packet, deed->now);
}

void hostile_invent(struct hostile_deed *deed, const struct la_segment *s) {
    if (deed->flow->extra >= HOSTILE_EXTRA) return;
    deed->flow->extra++;
    deed->hostile->host->world->result->invented++;
    put_on_wire(deed, s, "invents");
}

static bool lying(const struct sim_hostile *hostile, const struct hostile_flow *flow, la_time now) {
    return flow->armed && complete(flow) && now < hostile->host->world->heal_at;
}

static void hostile_forward(struct sim_node *node, struct sim_packet *packet, la_time now) {
    struct sim_hostile *hostile = (struct sim_hostile *)node;
    struct hostile_deed deed = {.hostile = hostile, .packet = packet, .now = now};
    if (!la_segment_parse(hostile->host->world->link, packet->data, packet->len, &deed.s)) {
        sim_forward(node->next, packet, now);
        return;
    }
    struct la_segment *s = &deed.s;
    struct hostile_flow *flow = deed.flow = flow_of(hostile, &s->src, &s->dst);
    if (s->flags & LA_SYN) {
        learn_our_syn(&deed);
    } else if (flow->our_syn) {
        deed.acked_before = flow->acked;
        learn_ours(flow, s);
        if (lying(hostile, flow, now) && !(s->flags & LA_RST)) hostile_play(&deed);
    }
    if (!deed.changed && !disguised(flow)) {
        sim_forward(node->next, packet, now);
        return;
    }
    put_on_wire(&deed, s, "says");
    sim_packet_free(packet);
}

struct sim_packet *sim_hostile_hear(struct sim_hostile *hostile, const struct sim_packet *packet) {
    struct sim_world *world = hostile->host->world;
    struct la_segment s;
    /* What is corrupt teaches nothing; the host drops it. */
    if (!la_segment_parse(world->link, packet->data, packet->len, &s) || !s.csum_ok) return sim_packet_copy(packet);
    struct hostile_flow *flow = flow_of(hostile, &s.dst, &s.src);
    if (s.flags & LA_SYN)
        learn_their_syn(hostile, flow, &s);
    else if (flow->our_syn && flow->their_syn)
        learn_theirs(flow, &s);
    if (lying(hostile, flow, world->now) && hostile_swallows(hostile, flow, &s)) {
        sim_say_packet(world, hostile->host->index, "swallows", packet->data, packet->len);
        return NULL;
    }
    if (!flow->ts_ahead || !s.has_ts || !(s.flags & LA_ACK)) return sim_packet_copy(packet);
    s.ts_ecr -= flow->ts_ahead;
    struct sim_packet *changed = write_packet(packet, world->link, &s);
    return changed ? changed : sim_packet_copy(packet);
}

static void hostile_free(struct sim_node *node) { free(node); }

struct sim_hostile *sim_hostile_new(struct sim_host *host, uint64_t seed) {
    struct sim_hostile *hostile = calloc(1, sizeof *hostile);
    if (!hostile) abort();
    static const uint32_t often[] = {20000, 100000, 500000, 1000000};
    hostile->node.forward = hostile_forward;
    hostile->node.free = hostile_free;
    hostile->host = host;
    hostile->random.state = seed;
    hostile->ppm = often[sim_below(&hostile->random, sizeof often / sizeof *often)];
    hostile->tricks = hostile_some_tricks(&hostile->random);
    return hostile;
}

struct sim_node *sim_hostile_node(struct sim_hostile *hostile) {
    return &hostile->node;
}

void sim_hostile_say(const struct sim_hostile *hostile) {
    char text[600];
    if (!sim_heard(hostile->host->world)) return;
    hostile_describe(hostile->tricks, text, sizeof text);
    sim_say(hostile->host->world, "h%u lies       %u ppm: %s", hostile->host->index, (unsigned)hostile->ppm, text);
}
