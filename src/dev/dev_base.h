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

/* Bytes in one piece as a packet. */
static inline struct la_packet dev_packet(const uint8_t *data, size_t len) {
    struct la_packet packet;
    packet.iface = 0;
    packet.len = len;
    packet.nspans = 1;
    packet.span[0].data = data;
    packet.span[0].len = len;
    return packet;
}

/* A packet's pieces copied to `to`, which has room for them. */
static inline void dev_gather(const struct la_packet *packet, uint8_t *to) {
    for (unsigned i = 0; i < packet->nspans; i++) {
        if (packet->span[i].len) memcpy(to, packet->span[i].data, packet->span[i].len);
        to += packet->span[i].len;
    }
}

#endif
