/* One direction of a road. See road.h.
 *
 * The queue holds no packets: what waits is the time until the bottleneck is free, and that is also when a new packet
 * leaves it. So each packet's arrival is known at once, and one heap, ordered by arrival, holds all that are on their
 * way. Packets mostly come in that order, which costs a heap nothing to put in.
 *
 * Losses and delays draw from two streams of random numbers: adding reordering does not shuffle the losses. */
#include "road.h"

#include <stdlib.h>

#include "random.h"

#define MILLION 1000000u
#define BIT_NS (8 * LA_SECOND) /* Nanoseconds that a byte takes at one bit per second. */

struct slot {
    struct slot *next; /* Of the free ones. */
    size_t len;
    uint8_t data[];
};

struct passage {
    la_time due;
    uint64_t serial;
    struct slot *slot;
};

struct sim_road {
    struct sim_road_config config;
    struct sim_random losses, delays;
    uint32_t enter_ppm, leave_ppm; /* From one packet to the next: a burst begins, ends. */
    bool in_burst;
    la_time crossed_at; /* The latest packet went over the link. */
    la_time busy_until; /* The bottleneck. */
    uint64_t serial;
    struct passage *heap;
    size_t count, capacity;
    struct slot *unused;
};

struct sim_road *sim_road_new(const struct sim_road_config *config) {
    struct sim_road *road = calloc(1, sizeof *road);
    if (!road || config->loss_ppm >= MILLION) abort();
    uint32_t burst = config->burst ? config->burst : 1;
    struct sim_random seeds = {config->seed};
    road->config = *config;
    road->losses.state = sim_next(&seeds);
    road->delays.state = sim_next(&seeds);
    road->leave_ppm = MILLION / burst;
    road->enter_ppm =
        (uint32_t)((uint64_t)config->loss_ppm * MILLION / ((uint64_t)burst * (MILLION - config->loss_ppm)));
    return road;
}

void sim_road_free(struct sim_road *road) {
    if (!road) return;
    for (size_t i = 0; i < road->count; i++) free(road->heap[i].slot);
    for (struct slot *slot = road->unused; slot; slot = road->unused) {
        road->unused = slot->next;
        free(slot);
    }
    free(road->heap);
    free(road);
}

/* --- The heap: the earliest arrival on top --- */

static bool before(const struct passage *a, const struct passage *b) {
    return a->due < b->due || (a->due == b->due && a->serial < b->serial);
}

static void heap_push(struct sim_road *road, struct passage passage) {
    if (road->count == road->capacity) {
        road->capacity = road->capacity ? 2 * road->capacity : 64;
        road->heap = realloc(road->heap, road->capacity * sizeof *road->heap);
        if (!road->heap) abort();
    }
    struct passage *heap = road->heap;
    size_t at = road->count++;
    for (; at > 0 && before(&passage, &heap[(at - 1) / 2]); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = passage;
}

static void heap_pop(struct sim_road *road) {
    struct passage *heap = road->heap, last = heap[--road->count];
    size_t at = 0;
    for (size_t child = 1; child < road->count; child = 2 * at + 1) {
        if (child + 1 < road->count && before(&heap[child + 1], &heap[child])) child++;
        if (!before(&heap[child], &last)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
}

/* --- A packet's fate --- */

static uint64_t waiting(const struct sim_road *road, la_time now) {
    if (road->busy_until <= now) return 0;
    return ((road->busy_until - now) * road->config.rate + BIT_NS - 1) / BIT_NS;
}

/* Gilbert's model: a chain of two states, in one of which every packet is lost. It steps with each packet, so a burst
 * would wait for a sender that pauses; after a pause, the state is therefore drawn anew. With bursts of one, the
 * packets are independent. */
static bool loses(struct sim_road *road) {
    const struct sim_road_config *config = &road->config;
    if (!config->loss_ppm) return false;
    if (config->burst <= 1) return sim_ppm(&road->losses, config->loss_ppm);
    if (config->forget && road->busy_until - road->crossed_at >= config->forget)
        road->in_burst = sim_ppm(&road->losses, config->loss_ppm);
    else if (sim_ppm(&road->losses, road->in_burst ? road->leave_ppm : road->enter_ppm))
        road->in_burst = !road->in_burst;
    road->crossed_at = road->busy_until;
    return road->in_burst;
}

static la_time held_back(struct sim_road *road) {
    const struct sim_road_config *config = &road->config;
    if (!config->reorder_most || !sim_ppm(&road->delays, config->reorder_ppm)) return 0;
    return sim_between(&road->delays, 1, config->reorder_most);
}

static struct slot *slot_take(struct sim_road *road) {
    struct slot *slot = road->unused;
    if (slot)
        road->unused = slot->next;
    else
        slot = malloc(sizeof *slot + road->config.packet_max);
    if (!slot) abort();
    return slot;
}

enum sim_fate sim_road_send(struct sim_road *road, const struct la_packet *packet, la_time now) {
    const struct sim_road_config *config = &road->config;
    if (packet->len > config->packet_max) abort();
    if (config->rate) {
        if (waiting(road, now) + packet->len > config->queue) return SIM_FULL;
        if (road->busy_until < now) road->busy_until = now;
        road->busy_until += packet->len * BIT_NS / config->rate;
    } else {
        road->busy_until = now;
    }
    if (loses(road)) return SIM_LOST;
    struct slot *slot = slot_take(road);
    slot->len = la_packet_copy(packet, slot->data, config->packet_max);
    la_time due = road->busy_until + config->delay + held_back(road);
    heap_push(road, (struct passage){due, road->serial++, slot});
    return SIM_CARRIED;
}

la_time sim_road_due(const struct sim_road *road) { return road->count ? road->heap[0].due : LA_NEVER; }

const uint8_t *sim_road_take(struct sim_road *road, la_time now, size_t *len) {
    if (sim_road_due(road) > now || !road->count) return NULL;
    struct slot *slot = road->heap[0].slot;
    heap_pop(road);
    slot->next = road->unused;
    road->unused = slot;
    *len = slot->len;
    return slot->data;
}
