#include "plot_road.h"

#include <lastack/segment.h>
#include <stdlib.h>

struct road {
    struct sim_node node; /* First: the two are the same address. */
    const struct road_fault *faults;
    struct sim_ear ear;
    bool begun;
    uint32_t first_byte; /* The sequence number behind the SYN's. */
    uint32_t mss;        /* The length of the first segment with data. */
    la_time frozen_until;
    struct sim_packet *waiting; /* By time; of equal times, the first that came is first. */
    struct aside {
        struct sim_packet *packet; /* NULL: none. */
        unsigned left;             /* So many more overtake it. */
    } aside[ROAD_FAULTS];          /* The packet that each fault holds. */
    uint8_t times[ROAD_SEGMENTS];
};

static void tell(const struct road *road, const struct sim_packet *packet, const char *what, la_time now) {
    if (road->ear.heard) road->ear.heard(road->ear.ctx, packet, what, now);
}

static void wait(struct road *road, struct sim_packet *packet, la_time now, la_time due) {
    struct sim_packet **at = &road->waiting;
    tell(road, packet, "delayed", now);
    packet->due = due;
    while (*at && (*at)->due <= due) at = &(*at)->next;
    packet->next = *at;
    *at = packet;
}

/* Which segment of the stream it carries, from 1; 0: none. */
static unsigned which(struct road *road, const struct sim_packet *packet) {
    struct la_segment wire;
    if (!la_segment_parse(LA_LINK_IP, packet->data, packet->len, &wire)) return 0;
    if (wire.flags & LA_SYN) {
        road->begun = true;
        road->first_byte = wire.seq + 1;
    }
    if (!road->begun || !wire.len) return 0;
    if (!road->mss) road->mss = (uint32_t)wire.len;
    uint32_t index = (wire.seq - road->first_byte) / road->mss;
    return index < ROAD_SEGMENTS ? index + 1 : 0;
}

static const struct road_fault *fault_of(struct road *road, unsigned segment) {
    if (!segment) return NULL;
    unsigned nth = ++road->times[segment - 1];
    for (const struct road_fault *fault = road->faults; fault < road->faults + ROAD_FAULTS; fault++)
        if (segment >= fault->first && segment <= fault->last && nth == fault->nth) return fault;
    return NULL;
}

/* A packet has passed: those aside are overtaken by one more. */
static void overtaken(struct road *road, la_time now) {
    for (struct aside *aside = road->aside; aside < road->aside + ROAD_FAULTS; aside++) {
        struct sim_packet *packet = aside->packet;
        if (!packet || --aside->left) continue;
        aside->packet = NULL;
        sim_forward(road->node.next, packet, now);
    }
}

static void road_forward(struct sim_node *node, struct sim_packet *packet, la_time now) {
    struct road *road = (struct road *)node;
    const struct road_fault *fault = fault_of(road, which(road, packet));
    if (fault && fault->kind == ROAD_FREEZE && now >= road->frozen_until) road->frozen_until = now + fault->by;
    if (fault && fault->kind == ROAD_LOSE) {
        tell(road, packet, "lost", now);
        sim_packet_free(packet);
    } else if (fault && fault->kind == ROAD_OVERTAKE && !road->aside[fault - road->faults].packet) {
        tell(road, packet, "delayed", now);
        packet->due = now + ROAD_PATIENCE;
        road->aside[fault - road->faults] = (struct aside){packet, fault->count};
    } else if (now < road->frozen_until) {
        wait(road, packet, now, road->frozen_until);
    } else {
        sim_forward(node->next, packet, now);
        overtaken(road, now);
    }
}

static la_time road_next_run_at(const struct sim_node *node) {
    const struct road *road = (const struct road *)node;
    la_time next = road->waiting ? road->waiting->due : LA_NEVER;
    for (const struct aside *aside = road->aside; aside < road->aside + ROAD_FAULTS; aside++)
        if (aside->packet && aside->packet->due < next) next = aside->packet->due;
    return next;
}

static void road_run(struct sim_node *node, la_time now) {
    struct road *road = (struct road *)node;
    while (road->waiting && road->waiting->due <= now) {
        struct sim_packet *packet = road->waiting;
        road->waiting = packet->next;
        packet->next = NULL;
        sim_forward(node->next, packet, now);
    }
    for (struct aside *aside = road->aside; aside < road->aside + ROAD_FAULTS; aside++) {
        struct sim_packet *packet = aside->packet;
        if (!packet || packet->due > now) continue;
        aside->packet = NULL;
        sim_forward(node->next, packet, now);
    }
}

static void road_free(struct sim_node *node) {
    struct road *road = (struct road *)node;
    while (road->waiting) {
        struct sim_packet *packet = road->waiting;
        road->waiting = packet->next;
        sim_packet_free(packet);
    }
    for (unsigned i = 0; i < ROAD_FAULTS; i++) sim_packet_free(road->aside[i].packet);
    free(road);
}

struct sim_node *plot_road_new(const struct road_fault *faults, const struct sim_ear *ear) {
    struct road *road = calloc(1, sizeof *road);
    if (!road) abort();
    road->node =
        (struct sim_node){.forward = road_forward, .next_run_at = road_next_run_at, .run = road_run, .free = road_free};
    road->faults = faults;
    road->ear = *ear;
    return &road->node;
}
