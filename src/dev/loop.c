/* A wire inside the process: two devices that are each other's peer. Each end owns the queue of packets on their way to
 * it, a ring of equal slots, allocated once. The end that is closed last frees the wire. */
#include "dev/dev_base.h"

#include <lastack/dev.h>

struct wire;
struct label;

struct end {
    struct la_device device; /* First: the two are the same address. */
    struct wire *wire;
    struct end *peer;
    bool open;
    unsigned first, len; /* Packets waiting for this end. */
    struct label *label; /* Of each slot's packet. */
    uint8_t *slot;
};

struct label {
    uint32_t len;
    uint16_t segment;
    bool csum_partial;
};

struct wire {
    struct la_allocator alloc;
    unsigned depth; /* Slots per end: one more than may wait, for the packet that is lent out. */
    size_t slot_size;
    struct end end[2];
};

static struct end *end_of(struct la_device *device) { return (struct end *)device; }

static int loop_send(struct la_device *device, const struct la_packet *packet, la_time now) {
    (void)now;
    struct end *to = end_of(device)->peer;
    const struct wire *wire = to->wire;
    if (!to->open) return -LA_EPIPE;
    if (packet->len > wire->slot_size) return -LA_EMSGSIZE;
    device->full = to->len == wire->depth - 1;
    if (device->full) return -LA_EAGAIN;

    unsigned i = (to->first + to->len) % wire->depth;
    dev_gather(packet, to->slot + i * wire->slot_size);
    to->label[i] = (struct label){(uint32_t)packet->len, packet->segment, packet->csum_partial};
    to->len++;
    return 0;
}

static int loop_recv(struct la_device *device, struct la_span *packet, la_time now) {
    (void)now;
    struct end *end = end_of(device);
    const struct wire *wire = end->wire;
    if (!end->len) return end->peer->open ? -LA_EAGAIN : -LA_EPIPE;
    const struct label *label = &end->label[end->first];
    *packet = (struct la_span){end->slot + end->first * wire->slot_size, label->len};
    device->segment = label->segment;
    device->csum_done = label->csum_partial;
    end->first = (end->first + 1) % wire->depth;
    end->len--;
    end->peer->device.full = false;
    return 0;
}

static void wire_free(struct wire *wire) {
    struct la_allocator alloc = wire->alloc;
    for (int i = 0; i < 2; i++) {
        dev_free(&alloc, wire->end[i].slot, wire->depth * wire->slot_size);
        dev_free(&alloc, wire->end[i].label, wire->depth * sizeof(struct label));
    }
    dev_free(&alloc, wire, sizeof *wire);
}

static void loop_close(struct la_device *device) {
    struct end *end = end_of(device);
    end->open = false;
    if (!end->peer->open) wire_free(end->wire);
}

static int open_wire(const struct la_allocator *given, enum la_link link, uint32_t mtu, unsigned depth, bool offload,
                     struct la_device *ends[2]) {
    struct la_allocator alloc = dev_alloc(given);
    if (!mtu || mtu > 65535 || !depth || depth > 65535) return -LA_EINVAL;
    struct wire *wire = dev_new(&alloc, sizeof *wire);
    if (!wire) return -LA_ENOMEM;
    wire->alloc = alloc;
    wire->depth = depth + 1;
    size_t largest = offload ? DEV_UNIT_MAX : mtu;
    wire->slot_size = (largest + la_link_header(link) + 4 + 7) & ~(size_t)7; /* 4: a VLAN tag. */
    for (int i = 0; i < 2; i++) {
        struct end *end = &wire->end[i];
        end->device = (struct la_device){
            .link = link, .mtu = mtu, .send = loop_send, .recv = loop_recv, .close = loop_close, .alloc = alloc};
        end->device.gso_max = offload ? DEV_GSO_MAX : 0;
        end->device.tx_csum_by_dev = offload;
        end->wire = wire;
        end->peer = &wire->end[1 - i];
        end->open = true;
        end->label = dev_new(&alloc, wire->depth * sizeof *end->label);
        end->slot = dev_new(&alloc, wire->depth * wire->slot_size);
    }
    if (!wire->end[0].label || !wire->end[0].slot || !wire->end[1].label || !wire->end[1].slot) {
        wire_free(wire);
        return -LA_ENOMEM;
    }
    for (int i = 0; i < 2; i++) ends[i] = &wire->end[i].device;
    return 0;
}

int la_loop_open(const struct la_allocator *alloc, enum la_link link, uint32_t mtu, unsigned depth,
                 struct la_device *ends[2]) {
    return open_wire(alloc, link, mtu, depth, false, ends);
}

int la_loop_open_offload(const struct la_allocator *alloc, enum la_link link, uint32_t mtu, unsigned depth,
                         struct la_device *ends[2]) {
    return open_wire(alloc, link, mtu, depth, true, ends);
}
