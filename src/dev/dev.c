/* What all devices share: calling through the interface, and the pump between a stack and a device. */
#include "dev/dev_base.h"

#include <lastack/dev.h>

enum {
    TURN = 16,   /* Packets in one direction before the other has its turn: ACKs leave while data arrives. */
    ROUNDS = 16, /* Turns in one call of la_dev_pump: the program gets to its own work again. */
};

int la_dev_send(struct la_device *device, const struct la_packet *packet, la_time now) {
    return device->send(device, packet, now);
}

int la_dev_recv(struct la_device *device, struct la_span *packet, la_time now) {
    return device->recv(device, packet, now);
}

int la_dev_fd(const struct la_device *device) { return device->fd ? device->fd(device) : -1; }

la_time la_dev_poll_at(const struct la_device *device) { return device->poll_at ? device->poll_at(device) : LA_NEVER; }

struct la_iface_config la_dev_iface(const struct la_device *device) {
    return (struct la_iface_config){
        .link = device->link, .mtu = device->mtu, .tx_csum_by_dev = device->tx_csum_by_dev, .gso_max = device->gso_max};
}

size_t la_link_header(enum la_link link) { return link == LA_LINK_ETHERNET ? 14 : 0; }

void la_dev_close(struct la_device *device) {
    if (!device) return;
    if (device->held) {
        struct la_allocator alloc = dev_alloc(&device->alloc);
        alloc.free(alloc.ctx, device->held, device->held_size);
        device->held = NULL;
        device->held_len = 0;
    }
    if (device->close) device->close(device);
}

/* Room for a packet that is pushed back exists before a packet is taken from the stack: there is no moment at which
 * one could get lost for lack of memory. */
static bool held_fits(struct la_device *device, size_t size) {
    if (device->held_size >= size) return true;
    struct la_allocator alloc = dev_alloc(&device->alloc);
    uint8_t *held = alloc.alloc(alloc.ctx, size);
    if (!held) return false;
    if (device->held) alloc.free(alloc.ctx, device->held, device->held_size);
    device->held = held;
    device->held_size = size;
    return true;
}

static bool held_ready(struct la_device *device) {
    size_t largest = device->gso_max ? DEV_UNIT_MAX : device->mtu;
    return held_fits(device, largest + la_link_header(device->link) + 4); /* 4: a VLAN tag. */
}

/* A unit on an interface whose device takes none may be larger than what was made ready. */
static void hold(struct la_device *device, const struct la_packet *packet) {
    if (!held_fits(device, packet->len)) {
        device->lost++;
        return;
    }
    dev_gather(packet, device->held);
    device->held_len = packet->len;
    device->held_segment = packet->segment;
    device->held_partial = packet->csum_partial;
}

/* One packet to the device. False: the device is full and has not taken it. */
static bool send_one(struct la_device *device, const struct la_packet *packet, la_time now, int *error) {
    int rc = device->send(device, packet, now);
    if (rc == -LA_EAGAIN) return false;
    if (rc < 0) {
        device->lost++;
        *error = rc;
    }
    return true;
}

static bool takes(const struct la_device *device, const struct la_packet *packet) {
    return (!packet->segment || device->gso_max) && (!packet->csum_partial || device->tx_csum_by_dev);
}

/* Sends a packet, or what device->cut says is left of it. False when the device is full. */
static bool send_rest(struct la_device *device, const struct la_packet *packet, la_time now, int *error) {
    struct la_packet piece;
    if (takes(device, packet)) return send_one(device, packet, now, error);
    for (;;) {
        size_t taken = device->cut.taken;
        unsigned given = device->cut.given;
        if (!la_packet_cut(packet, device->link, &device->cut, &piece)) return true;
        if (send_one(device, &piece, now, error)) continue;
        device->cut.taken = taken;
        device->cut.given = given;
        return false;
    }
}

/* Sends one packet or holds it back. False when the device is full. */
static bool send_or_hold(struct la_device *device, const struct la_packet *packet, la_time now, int *error) {
    device->cut.taken = device->cut.given = 0;
    if (send_rest(device, packet, now, error)) return true;
    hold(device, packet);
    return device->held_len == 0;
}

/* The packet held back goes first. False when it still does not fit. */
static bool send_held(struct la_device *device, la_time now, int *error) {
    if (!device->held_len) return true;
    struct la_packet packet = dev_packet(device->held, device->held_len);
    packet.segment = device->held_segment;
    packet.csum_partial = device->held_partial;
    if (!send_rest(device, &packet, now, error)) return false;
    device->held_len = 0;
    return true;
}

/* One turn of sending. Returns whether the turn ended before the packets did. */
static bool pump_out(struct la_stack *stack, int iface, struct la_device *device, la_time now, int *error) {
    if (!send_held(device, now, error)) return false;
    for (int i = 0; i < TURN; i++) {
        struct la_packet packet;
        if (!la_output(stack, iface, &packet, now)) return false;
        if (!send_or_hold(device, &packet, now, error)) return false;
    }
    return true;
}

/* One turn of receiving. Returns whether the turn ended before the packets did. */
static bool pump_in(struct la_stack *stack, int iface, struct la_device *device, la_time now, int *error) {
    for (int i = 0; i < TURN; i++) {
        struct la_span packet;
        int rc = device->recv(device, &packet, now);
        if (rc < 0) {
            if (rc != -LA_EAGAIN) *error = rc;
            return false;
        }
        la_input_gro(stack, iface, packet.data, packet.len, device->segment, device->csum_done, now);
    }
    return true;
}

int la_dev_pump(struct la_stack *stack, int iface, struct la_device *device, la_time now) {
    if (!held_ready(device)) return -LA_ENOMEM;
    int error = 0;
    bool more = true;
    for (int round = 0; more && round < ROUNDS; round++) {
        more = pump_in(stack, iface, device, now, &error);
        more |= pump_out(stack, iface, device, now, &error);
    }
    if (error) return error;
    return (more ? LA_PUMP_AGAIN : 0) | (device->held_len || device->full ? LA_PUMP_FULL : 0);
}
