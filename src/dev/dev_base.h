/* Small things that the devices share. */
#ifndef LASTACK_DEV_BASE_H
#define LASTACK_DEV_BASE_H

#include <lastack/dev.h>

#include <string.h>

/* The allocator given, or the host's where none is. */
static inline struct la_allocator dev_alloc(const struct la_allocator *alloc) {
    return alloc && alloc->alloc ? *alloc : la_host_allocator();
}

/* Zeroed memory, or NULL. */
static inline void *dev_new(const struct la_allocator *alloc, size_t size) {
    void *memory = alloc->alloc(alloc->ctx, size);
    if (memory) memset(memory, 0, size);
    return memory;
}

static inline void dev_free(const struct la_allocator *alloc, void *memory, size_t size) {
    if (memory) alloc->free(alloc->ctx, memory, size);
}

#define DEV_UNIT_MAX 65535u               /* What a unit's IP header can tell. */
#define DEV_GSO_MAX (DEV_UNIT_MAX - 120u) /* Payload of a unit: room is left for the longest IP and TCP headers. */

/* Bytes in one piece as a packet. */
static inline struct la_packet dev_packet(const uint8_t *data, size_t len) {
    struct la_packet packet;
    packet.iface = 0;
    packet.segment = 0;
    packet.csum_partial = false;
    packet.len = len;
    packet.nspans = 1;
    packet.span[0].data = data;
    packet.span[0].len = len;
    return packet;
}

/* What a device's recv has given, as a packet: la_packet_cut makes of it what the wire would have carried. */
static inline struct la_packet dev_arrived(const struct la_device *device, const struct la_span *span) {
    struct la_packet packet = dev_packet(span->data, span->len);
    packet.segment = device->segment;
    packet.csum_partial = device->csum_done;
    return packet;
}

/* Whether it is more, or less, than one complete packet. */
static inline bool dev_is_raw(const struct la_packet *packet) { return packet->segment || packet->csum_partial; }

/* A packet's pieces copied to `to`, which has room for them. */
static inline void dev_gather(const struct la_packet *packet, uint8_t *to) {
    for (unsigned i = 0; i < packet->nspans; i++) {
        if (packet->span[i].len) memcpy(to, packet->span[i].data, packet->span[i].len);
        to += packet->span[i].len;
    }
}

#endif
