/* The nodes of the network: chaos, pipe, jitter. See node.h.
 *
 * Packets come in by forward() of the first node of a chain and leave by forward() of the last. A node owns what it
 * keeps, in one queue sorted by the time at which it is due; of equal times, the first that came is the first that
 * leaves. Nodes draw from random numbers of their own, so that a change in one does not shuffle the others. */
#include "node.h"

#include <stdlib.h>
#include <string.h>

/* --- Packets --- */

static struct sim_packet *packet_alloc(size_t len) {
    struct sim_packet *packet = malloc(sizeof *packet + len);
    if (!packet) abort();
    packet->next = NULL;
    packet->due = 0;
    packet->len = len;
    return packet;
}

struct sim_packet *sim_packet_new(unsigned from, const struct la_packet *pieces) {
    struct sim_packet *packet = packet_alloc(pieces->len);
    size_t at = 0;
    packet->from = from;
    for (unsigned i = 0; i < pieces->nspans; i++) {
        size_t len = pieces->span[i].len;
        if (len > packet->len - at) abort(); /* The pieces are more than the packet: the stack is wrong. */
        if (len) memcpy(packet->data + at, pieces->span[i].data, len);
        at += len;
    }
    if (at != packet->len) abort();
    return packet;
}

struct sim_packet *sim_packet_copy(const struct sim_packet *packet) {
    struct sim_packet *copy = packet_alloc(packet->len);
    copy->from = packet->from;
    memcpy(copy->data, packet->data, packet->len);
    return copy;
}

void sim_packet_free(struct sim_packet *packet) { free(packet); }

/* --- Chains --- */

void sim_forward(struct sim_node *node, struct sim_packet *packet, la_time now) { node->forward(node, packet, now); }

la_time sim_chain_next(const struct sim_node *first) {
    la_time next = LA_NEVER;
    for (const struct sim_node *node = first; node; node = node->next) {
        la_time at = node->next_run_at ? node->next_run_at(node) : LA_NEVER;
        if (at < next) next = at;
    }
    return next;
}

void sim_chain_run(struct sim_node *first, la_time now) {
    for (struct sim_node *node = first; node; node = node->next)
        if (node->run) node->run(node, now);
}

void sim_chain_free(struct sim_node *first) {
    while (first) {
        struct sim_node *next = first->next;
        if (first->free) first->free(first);
        first = next;
    }
}

static void hear(const struct sim_ear *ear, const struct sim_packet *packet, const char *what, la_time now) {
    if (ear->heard) ear->heard(ear->ctx, packet, what, now);
}

/* --- A queue sorted by time --- */

struct queue {
    struct sim_packet *first, *last;
};

static void queue_add(struct queue *queue, struct sim_packet *packet) {
    struct sim_packet **at = &queue->first;
    if (queue->last && queue->last->due <= packet->due) at = &queue->last->next;
    while (*at && (*at)->due <= packet->due) at = &(*at)->next;
    packet->next = *at;
    *at = packet;
    if (!packet->next) queue->last = packet;
}

static struct sim_packet *queue_take(struct queue *queue, la_time now) {
    struct sim_packet *packet = queue->first;
    if (!packet || packet->due > now) return NULL;
    queue->first = packet->next;
    if (!queue->first) queue->last = NULL;
    packet->next = NULL;
    return packet;
}

static void queue_free(struct queue *queue) {
    for (struct sim_packet *packet; (packet = queue_take(queue, LA_NEVER));) sim_packet_free(packet);
}

static la_time queue_due(const struct queue *queue) { return queue->first ? queue->first->due : LA_NEVER; }

static void *node_new(size_t size) {
    struct sim_node *node = calloc(1, size);
    if (!node) abort();
    return node;
}

/* --- Chaos --- */

struct chaos {
    struct sim_node node; /* First: the two are the same address. */
    struct sim_chaos_config config;
    struct sim_random random;
    struct sim_ear ear;
};

/* The part of a packet of which each 16-bit word is in a checksum, and its length in whole words; 0: none is. The first
 * word of an IPv4 header is left alone, because it says how far its checksum reaches; so are the fields of an IPv6
 * header that no checksum covers, and ARP, which has none. */
static size_t covered(enum la_link link, const struct sim_packet *packet, size_t *from) {
    size_t ip = link == LA_LINK_ETHERNET ? 14 : 0;
    const uint8_t *p = packet->data;
    if (packet->len < ip + 28) return 0;
    if (ip && !(p[12] == 0x08 && p[13] == 0x00) && !(p[12] == 0x86 && p[13] == 0xdd)) return 0;
    if (p[ip] >> 4 == 4) {
        size_t len = (size_t)p[ip + 2] << 8 | p[ip + 3];
        *from = ip + 2;
        return (len - 2) / 2;
    }
    if (p[ip] >> 4 != 6 || packet->len < ip + 48 || (p[ip + 6] != 6 && p[ip + 6] != 58)) return 0;
    *from = ip + 8;
    return (((size_t)p[ip + 4] << 8 | p[ip + 5]) + 32) / 2;
}

/* Flips one to four bits of one word: a change that the sum cannot miss (it is no multiple of 65535). */
static bool corrupt(struct chaos *chaos, struct sim_packet *packet) {
    size_t from, words = covered(chaos->config.link, packet, &from);
    if (!words) return false;
    size_t at = from + 2 * (size_t)sim_below(&chaos->random, words);
    uint16_t mask = 0;
    for (uint64_t bits = sim_between(&chaos->random, 1, 4); bits; bits--)
        mask |= (uint16_t)(1u << sim_below(&chaos->random, 16));
    if (at + 1 >= packet->len) return false;
    packet->data[at] ^= (uint8_t)(mask >> 8);
    packet->data[at + 1] ^= (uint8_t)mask;
    return true;
}

enum { NOT_ECT = 0, ECT0 = 2, CE = 3 };

/* The codepoint of ECN, or -1: no IP. */
static int codepoint(const struct chaos *chaos, const struct sim_packet *packet) {
    const uint8_t *p = packet->data + (chaos->config.link == LA_LINK_ETHERNET ? 14 : 0);
    if (packet->data + packet->len < p + 20) return -1;
    if (p[0] >> 4 == 4) return p[1] & 3;
    return p[0] >> 4 == 6 ? p[1] >> 4 & 3 : -1;
}

/* Another one. In IPv4 the header's checksum follows (RFC 1624): the first word has changed by the difference. */
static void set_codepoint(const struct chaos *chaos, struct sim_packet *packet, int to) {
    uint8_t *p = packet->data + (chaos->config.link == LA_LINK_ETHERNET ? 14 : 0);
    int from = codepoint(chaos, packet);
    if (p[0] >> 4 == 6) {
        p[1] = (uint8_t)((p[1] & 0xcf) | to << 4);
        return;
    }
    p[1] = (uint8_t)((p[1] & 0xfc) | to);
    int sum = (p[10] << 8 | p[11]) - (to - from);
    if (sum < 0) sum += 0xffff;
    if (sum > 0xffff) sum -= 0xffff;
    p[10] = (uint8_t)(sum >> 8);
    p[11] = (uint8_t)sum;
}

/* What may be marked is, now and then; and what the line itself does to codepoints. */
static void mark(struct chaos *chaos, struct sim_packet *packet, bool healed) {
    const struct sim_chaos_config *config = &chaos->config;
    int at = codepoint(chaos, packet);
    if (at < 0) return;
    if (at == ECT0 && !healed && sim_ppm(&chaos->random, config->mark_ppm)) set_codepoint(chaos, packet, CE);
    if (config->ecn == SIM_ECN_BLEACHED && at != NOT_ECT) set_codepoint(chaos, packet, NOT_ECT);
    if (config->ecn == SIM_ECN_PAINTED && at == NOT_ECT) set_codepoint(chaos, packet, ECT0);
    if (config->ecn == SIM_ECN_ALL_MARKED) set_codepoint(chaos, packet, CE);
}

static void chaos_forward(struct sim_node *node, struct sim_packet *packet, la_time now) {
    struct chaos *chaos = (struct chaos *)node;
    const struct sim_chaos_config *config = &chaos->config;
    bool healed = now >= config->heal_at;
    bool outage = now >= config->outage_from && now < config->outage_to;
    if (!healed && (outage || sim_ppm(&chaos->random, config->loss_ppm))) {
        hear(&chaos->ear, packet, "lost", now);
        sim_packet_free(packet);
        return;
    }
    if (!healed && sim_ppm(&chaos->random, config->duplicate_ppm)) {
        hear(&chaos->ear, packet, "duplicated", now);
        sim_forward(node->next, sim_packet_copy(packet), now);
    }
    mark(chaos, packet, healed);
    if (!healed && sim_ppm(&chaos->random, config->corrupt_ppm)) {
        if (corrupt(chaos, packet)) hear(&chaos->ear, packet, "corrupted", now);
    }
    sim_forward(node->next, packet, now);
}

static void node_free(struct sim_node *node) { free(node); }

struct sim_node *sim_chaos_new(const struct sim_chaos_config *config, uint64_t seed, const struct sim_ear *ear) {
    struct chaos *chaos = node_new(sizeof *chaos);
    chaos->node.forward = chaos_forward;
    chaos->node.free = node_free;
    chaos->config = *config;
    chaos->random.state = seed;
    chaos->ear = *ear;
    return &chaos->node;
}

/* --- Pipe --- */

struct pipe {
    struct sim_node node; /* First: the two are the same address. */
    struct sim_pipe_config config;
    struct sim_ear ear;
    la_time free_at; /* When the last bit of what has been taken is on the line. */
    struct queue queue;
};

static la_time pipe_next(const struct sim_node *node) { return queue_due(&((const struct pipe *)node)->queue); }

static void pipe_run(struct sim_node *node, la_time now) {
    struct pipe *pipe = (struct pipe *)node;
    for (struct sim_packet *packet; (packet = queue_take(&pipe->queue, now));) sim_forward(node->next, packet, now);
}

static void pipe_forward(struct sim_node *node, struct sim_packet *packet, la_time now) {
    struct pipe *pipe = (struct pipe *)node;
    uint64_t rate = pipe->config.rate;
    la_time start = pipe->free_at > now ? pipe->free_at : now;
    if (rate && now < pipe->config.heal_at && (start - now) / 1000 * rate / 8000000 > pipe->config.queue) {
        hear(&pipe->ear, packet, "lost, queue full", now);
        sim_packet_free(packet);
        return;
    }
    pipe->free_at = start + (rate ? packet->len * 8 * LA_SECOND / rate : 0);
    packet->due = pipe->free_at + pipe->config.delay;
    queue_add(&pipe->queue, packet);
}

static void pipe_free(struct sim_node *node) {
    queue_free(&((struct pipe *)node)->queue);
    free(node);
}

struct sim_node *sim_pipe_new(const struct sim_pipe_config *config, const struct sim_ear *ear) {
    struct pipe *pipe = node_new(sizeof *pipe);
    pipe->node = (struct sim_node){NULL, pipe_forward, pipe_next, pipe_run, pipe_free};
    pipe->config = *config;
    pipe->ear = *ear;
    return &pipe->node;
}

/* --- Jitter --- */

struct jitter {
    struct sim_node node; /* First: the two are the same address. */
    struct sim_jitter_config config;
    struct sim_random random;
    struct sim_ear ear;
    struct queue queue;
};

static la_time jitter_next(const struct sim_node *node) { return queue_due(&((const struct jitter *)node)->queue); }

static void jitter_run(struct sim_node *node, la_time now) {
    struct jitter *jitter = (struct jitter *)node;
    for (struct sim_packet *packet; (packet = queue_take(&jitter->queue, now));) sim_forward(node->next, packet, now);
}

static void jitter_forward(struct sim_node *node, struct sim_packet *packet, la_time now) {
    struct jitter *jitter = (struct jitter *)node;
    if (now >= jitter->config.heal_at || !sim_ppm(&jitter->random, jitter->config.reorder_ppm)) {
        sim_forward(node->next, packet, now);
        return;
    }
    hear(&jitter->ear, packet, "held back", now);
    packet->due = now + 1 + sim_below(&jitter->random, jitter->config.most);
    queue_add(&jitter->queue, packet);
}

static void jitter_free(struct sim_node *node) {
    queue_free(&((struct jitter *)node)->queue);
    free(node);
}

struct sim_node *sim_jitter_new(const struct sim_jitter_config *config, uint64_t seed, const struct sim_ear *ear) {
    struct jitter *jitter = node_new(sizeof *jitter);
    jitter->node = (struct sim_node){NULL, jitter_forward, jitter_next, jitter_run, jitter_free};
    jitter->config = *config;
    jitter->random.state = seed;
    jitter->ear = *ear;
    return &jitter->node;
}
