/* The road. The bottleneck needs no queue of its own: a packet's departure is known when it comes, and what waits is
 * what the bottleneck has left to send. Packets on their way lie in one list per lane, by arrival. */
#include "road.h"

#include <stdlib.h>
#include <string.h>

enum chance { CHANCE_LOSS, CHANCE_BURST_PLACE, CHANCE_BURST_LENGTH, CHANCE_REORDER, CHANCE_LATENESS };

/* SplitMix64 of everything that decides. */
static uint64_t draw(const struct road_kind *kind, unsigned lane, enum chance chance, uint64_t number) {
    uint64_t z = kind->seed * UINT64_C(0xd1342543de82ef95) + ((uint64_t)chance * ROAD_LANES + lane + 1) * 0x10001u;
    for (int round = 0; round < 2; round++) {
        z += (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
    }
    return z;
}

static bool in_burst(const struct road_kind *kind, unsigned lane, uint64_t number) {
    uint64_t block = number / ROAD_BURST_EVERY, at = number % ROAD_BURST_EVERY;
    uint64_t len =
        ROAD_BURST_LEAST + draw(kind, lane, CHANCE_BURST_LENGTH, block) % (ROAD_BURST_MOST - ROAD_BURST_LEAST + 1);
    uint64_t begin = draw(kind, lane, CHANCE_BURST_PLACE, block) % (ROAD_BURST_EVERY - ROAD_BURST_MOST);
    return at >= begin && at < begin + len;
}

enum road_fate road_fate(const struct road_kind *kind, unsigned lane, uint64_t number) {
    if (number < ROAD_SPARED) return ROAD_PASS;
    if (kind->bursts && in_burst(kind, lane, number)) return ROAD_LOSE;
    if (draw(kind, lane, CHANCE_LOSS, number) % 1000000 < kind->loss_ppm) return ROAD_LOSE;
    return draw(kind, lane, CHANCE_REORDER, number) % 1000000 < kind->reorder_ppm ? ROAD_LATE : ROAD_PASS;
}

/* A sixteenth to a quarter of the round trip, which is twice the delay. */
static la_time lateness(const struct road_kind *kind, unsigned lane, uint64_t number) {
    la_time least = kind->delay / 8, most = kind->delay / 2;
    return least + draw(kind, lane, CHANCE_LATENESS, number) % (most - least + 1);
}

void road_open(struct road *road, const struct road_kind *kind) {
    memset(road, 0, sizeof *road);
    road->kind = *kind;
}

void road_close(struct road *road) {
    for (unsigned i = 0; i < ROAD_LANES; i++)
        for (struct road_packet *packet; (packet = road_take(road, i, LA_NEVER));) road_free(packet);
}

/* When the last byte of the packet has left the bottleneck; LA_NEVER: its queue is full. */
static la_time depart(const struct road_kind *kind, struct road_lane *lane, size_t len, la_time now) {
    if (!kind->rate) return now;
    la_time start = lane->free_at > now ? lane->free_at : now;
    uint64_t queued = (start - now) * kind->rate / LA_SECOND;
    if (queued + len > kind->queue) return LA_NEVER;
    return lane->free_at = start + len * LA_SECOND / kind->rate;
}

/* The place is near the end: only late packets are behind it. */
static void insert(struct road_lane *lane, struct road_packet *packet) {
    struct road_packet *before = lane->last;
    while (before && before->due > packet->due) before = before->before;
    packet->before = before;
    packet->after = before ? before->after : lane->first;
    *(before ? &before->after : &lane->first) = packet;
    *(packet->after ? &packet->after->before : &lane->last) = packet;
    lane->waiting++;
}

void road_put(struct road *road, unsigned lane, const void *bytes, size_t len, la_time now) {
    const struct road_kind *kind = &road->kind;
    struct road_lane *l = &road->lane[lane];
    uint64_t number = l->number++;
    enum road_fate fate = road_fate(kind, lane, number);
    if (fate == ROAD_LOSE) {
        l->lost++;
        return;
    }
    la_time due = depart(kind, l, len, now);
    struct road_packet *packet = NULL;
    if (due != LA_NEVER && len <= ROAD_PACKET_MOST && l->waiting < ROAD_WAITING_MOST) packet = malloc(sizeof *packet);
    if (!packet) {
        l->dropped++;
        return;
    }
    packet->due = due + kind->delay;
    if (fate == ROAD_LATE) packet->due += lateness(kind, lane, number), l->late++;
    packet->len = len;
    memcpy(packet->bytes, bytes, len);
    insert(l, packet);
}

struct road_packet *road_take(struct road *road, unsigned lane, la_time now) {
    struct road_lane *l = &road->lane[lane];
    struct road_packet *packet = l->first;
    if (!packet || packet->due > now) return NULL;
    l->first = packet->after;
    *(l->first ? &l->first->before : &l->last) = NULL;
    l->waiting--;
    return packet;
}

void road_free(struct road_packet *packet) { free(packet); }

la_time road_due(const struct road *road) {
    la_time due = LA_NEVER;
    for (unsigned i = 0; i < ROAD_LANES; i++)
        if (road->lane[i].first && road->lane[i].first->due < due) due = road->lane[i].first->due;
    return due;
}
