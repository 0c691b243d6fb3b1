/* The world of a scene.
 *
 * What comes in: packets of the kernel (from the TUN device) and of the stack (la_output), one at a time, and the calls
 * that scripts make. What goes out: the same packets to the other side, unless a fault rule drops them or the script
 * withholds them; a step for the view after each; and the life, which is compared with the script.
 *
 * Writing a packet to the TUN device runs the kernel's TCP to the end before the call returns, and an exact inet_diag
 * query is a hash lookup, so asking after each packet and each call sees every state the kernel's connection enters.
 * lastack's moves come from its trace. Both are compared by the scene's tuple; other packets (an old scene's orphan
 * that retransmits, router solicitations) are delivered and not shown.
 *
 * Invariants: a packet is in one place: withheld, delivered or lost. Nothing waits by time alone: world_sleep ends with
 * a packet, with the stack's deadline, with the kernel's own timer as inet_diag tells it, or with the script's bound.
 */
#define _GNU_SOURCE
#include "tour_world.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERFACE "lastack0"

struct la_addr world_addr(enum side side, bool ipv6) {
    struct la_addr addr;
    la_addr_parse(ipv6 ? (side == KERNEL ? "fd77::1" : "fd77::2") : (side == KERNEL ? "10.77.0.1" : "10.77.0.2"),
                  &addr);
    return addr;
}

/* --- What the two ends became --- */

static void path_add(struct life *life, enum side side, enum la_state state) {
    if (life->npath[side] < PATH_MAX_STATES) life->path[side][life->npath[side]++] = state;
}

static void moved(struct world *world, struct step *step, enum side side, enum la_state state) {
    world->state[side] = step->end[side].state = state;
    step->end[side].moved = true;
    path_add(&world->life, side, state);
}

/* Why the kernel's state changed in this step. */
static void kernel_cause(const struct world *world, enum la_state was, struct step *step) {
    char *cause = step->end[KERNEL].cause;
    size_t size = sizeof step->end[KERNEL].cause;
    if (step->kind == STEP_SEGMENT && step->from == STACK) {
        size_t n = la_flags_text(step->segment.flags, cause, size);
        snprintf(cause + n, size - n, " arrived");
    } else if (step->kind == STEP_ALONE) {
        const char *timer = was == LA_FIN_WAIT_2  ? "fin-wait-2 timer"
                            : was == LA_TIME_WAIT ? "time-wait timer"
                                                  : "timer";
        snprintf(cause, size, "%s", world->outside ? world->outside : timer);
    }
}

static void observe_kernel(struct world *world, struct step *step) {
    struct diag_row row;
    if (!diag_query(world->diag, &world->end[KERNEL], &world->end[STACK], &row)) return;
    if (row.state == LA_LISTEN && world->kernel_lived) row = (struct diag_row){.state = LA_CLOSED};
    if (row.state != LA_LISTEN && row.found) world->kernel_lived = true;
    world->row = row;
    world->kernel_at = row.timer_runs ? world->now + (row.timer_ms + 2) * LA_MS : LA_NEVER;
    enum la_state was = world->state[KERNEL];
    if (row.state == was) return;
    moved(world, step, KERNEL, row.state);
    kernel_cause(world, was, step);
}

static bool same(const struct la_endpoint *a, const struct la_endpoint *b) {
    return a->port == b->port && la_addr_equal(&a->addr, &b->addr);
}

/* The scene's connection, or the listener that it comes from. */
static bool is_ours(const struct world *world, const struct la_trace *trace) {
    if (trace->is_drop || trace->local.port != world->end[STACK].port) return false;
    if (trace->peer.port == 0) return trace->move.to == LA_LISTEN;
    return same(&trace->peer, &world->end[KERNEL]);
}

static void tell(struct world *world, struct step *step) {
    step->at = world->now - world->start;
    world->steps++;
    world->view->step(world->view->ctx, step);
}

/* The stack's moves since the last look. The last of them stays in `step`; earlier ones become steps of their own. */
static void observe_stack(struct world *world, struct step *step) {
    struct la_trace trace;
    while (la_trace_next(world->stack, world->serial, &trace)) {
        world->serial = trace.serial;
        if (!is_ours(world, &trace)) continue;
        if (step->end[STACK].moved) {
            tell(world, step);
            step->kind = STEP_ALONE;
            step->end[KERNEL].moved = false;
            step->end[KERNEL].cause[0] = 0;
        }
        moved(world, step, STACK, (enum la_state)trace.move.to);
        la_cause_text(&trace.move, step->end[STACK].cause, sizeof step->end[STACK].cause);
    }
}

static struct step new_step(const struct world *world, enum step_kind kind, enum side from) {
    struct step step = {.kind = kind, .from = from};
    for (int side = 0; side < NSIDES; side++) step.end[side].state = world->state[side];
    return step;
}

/* Looks at both ends after something that the tour did. */
static void observe(struct world *world, struct step *step) {
    observe_kernel(world, step);
    observe_stack(world, step);
    tell(world, step);
}

/* Looks whether anything has changed although the tour did nothing. */
static bool observe_alone(struct world *world) {
    struct step step = new_step(world, STEP_ALONE, KERNEL);
    observe_kernel(world, &step);
    observe_stack(world, &step);
    if (step.end[KERNEL].moved || step.end[STACK].moved) tell(world, &step);
    return step.end[KERNEL].moved || step.end[STACK].moved;
}

void world_call(struct world *world, enum side side, const char *call) {
    world->now = la_host_now();
    struct step step = new_step(world, STEP_CALL, side);
    snprintf(step.end[side].cause, sizeof step.end[side].cause, "%s", call);
    observe(world, &step);
}

/* --- Packets --- */

static int slot_send(struct la_device *device, const struct la_packet *packet, la_time now) {
    (void)packet, (void)now;
    ((struct slot *)device)->passed = true;
    return 0;
}

static int slot_recv(struct la_device *device, struct la_span *packet, la_time now) {
    (void)now;
    struct slot *slot = (struct slot *)device;
    if (!slot->waiting.data) return -LA_EAGAIN;
    *packet = slot->waiting;
    slot->waiting = (struct la_span){0};
    return 0;
}

static struct la_packet as_packet(const uint8_t *bytes, size_t len) {
    return (struct la_packet){.len = len, .nspans = 1, .span = {{bytes, len}}};
}

/* Whether the fault rules let this packet pass. */
static bool passes(struct world *world, enum side from, const uint8_t *bytes, size_t len) {
    world->slot.passed = false;
    if (from == STACK) {
        struct la_packet packet = as_packet(bytes, len);
        la_dev_send(world->rules, &packet, world->now);
        return world->slot.passed;
    }
    struct la_span packet;
    world->slot.waiting = (struct la_span){bytes, len};
    bool passed = la_dev_recv(world->rules, &packet, world->now) == 0;
    world->slot.waiting = (struct la_span){0};
    return passed;
}

static void deliver(struct world *world, enum side from, const uint8_t *bytes, size_t len) {
    if (from == KERNEL) {
        la_input(world->stack, world->iface, bytes, len, world->now);
        return;
    }
    struct la_packet packet = as_packet(bytes, len);
    la_dev_send(world->wire, &packet, world->now);
}

/* Whether the segment belongs to the scene; then it becomes relative to the ISNs, and its payload is forgotten. */
static bool look(struct world *world, enum side from, const uint8_t *bytes, size_t len, struct la_segment *segment) {
    if (!la_segment_parse(LA_LINK_IP, bytes, len, segment)) return false;
    enum side to = from == KERNEL ? STACK : KERNEL;
    if (!same(&segment->src, &world->end[from]) || !same(&segment->dst, &world->end[to])) return false;
    if (segment->flags & LA_SYN) {
        world->iss[from] = segment->seq;
        world->iss_known[from] = true;
    }
    if (world->iss_known[from]) segment->seq -= world->iss[from];
    if (segment->flags & LA_ACK && world->iss_known[to]) segment->ack -= world->iss[to];
    segment->data = NULL;
    return true;
}

/* Adds ">FIN+ACK" to the record of the wire. */
static void wire_add(struct life *life, enum side from, const struct la_segment *segment, bool lost) {
    char flags[40];
    la_flags_text(segment->flags & (uint16_t)~LA_PSH, flags, sizeof flags);
    size_t n = strlen(life->wire);
    snprintf(life->wire + n, sizeof life->wire - n, "%s%c%s%s%s", n ? " " : "", from == KERNEL ? '>' : '<', flags,
             segment->len ? "+data" : "", lost ? "!" : "");
}

static bool keep(struct world *world, enum side from, const uint8_t *bytes, size_t len) {
    if (world->nheld == HELD_MAX || len > sizeof world->held[0].packet) return false;
    struct held *held = &world->held[world->nheld++];
    held->from = from;
    held->len = len;
    memcpy(held->packet, bytes, len);
    return true;
}

/* One packet has come to the device: its fate, and what it does. */
static void arrive(struct world *world, enum side from, const uint8_t *bytes, size_t len, bool released) {
    struct step step = new_step(world, STEP_SEGMENT, from);
    if (!look(world, from, bytes, len, &step.segment)) {
        deliver(world, from, bytes, len);
        return;
    }
    if (!released && world->hold[from] && keep(world, from, bytes, len)) {
        step.fate = FATE_HELD;
    } else if (!released && !passes(world, from, bytes, len)) {
        step.fate = FATE_LOST;
        wire_add(&world->life, from, &step.segment, true);
    } else {
        step.fate = released ? FATE_RELEASED : FATE_DELIVERED;
        wire_add(&world->life, from, &step.segment, false);
        deliver(world, from, bytes, len);
    }
    observe(world, &step);
}

bool world_release(struct world *world, enum side from) {
    for (unsigned i = 0; i < world->nheld; i++) {
        if (world->held[i].from != from) continue;
        struct held held = world->held[i];
        memmove(&world->held[i], &world->held[i + 1], (--world->nheld - i) * sizeof held);
        world->now = la_host_now();
        arrive(world, from, held.packet, held.len, true);
        return true;
    }
    return false;
}

static bool step_stack(struct world *world) {
    struct la_packet packet;
    uint8_t bytes[TOUR_MTU];
    if (world->mute || !la_output(world->stack, world->iface, &packet, world->now)) return false;
    size_t len = la_packet_copy(&packet, bytes, sizeof bytes);
    arrive(world, STACK, bytes, len, false);
    return true;
}

static bool step_kernel(struct world *world) {
    struct la_span packet;
    uint8_t bytes[TOUR_MTU];
    if (la_dev_recv(world->wire, &packet, world->now) < 0) return false;
    size_t len = packet.len < sizeof bytes ? packet.len : sizeof bytes;
    memcpy(bytes, packet.data, len);
    arrive(world, KERNEL, bytes, len, false);
    return true;
}

bool world_step(struct world *world) {
    struct la_event event;
    world->now = la_host_now();
    if (observe_alone(world)) return true;
    while (la_next_event(world->stack, &event))
        if (event.sock == world->watched) world->events |= event.events;
    if (step_stack(world) || step_kernel(world)) return true;
    if (la_poll_at(world->stack) > world->now) return false;
    la_tick(world->stack, world->now);
    observe_alone(world);
    return !world->mute;
}

void world_sleep(struct world *world, int fd, la_time until) {
    la_time at = la_poll_at(world->stack);
    if (world->mute && at <= world->now) at = LA_NEVER;
    if (world->kernel_at < at) at = world->kernel_at;
    if (until < at) at = until;
    struct pollfd on[2] = {{.fd = la_dev_fd(world->wire), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    la_time now = la_host_now();
    la_time wait = at > now ? at - now : 0;
    struct timespec timeout = {(time_t)(wait / LA_SECOND), (long)(wait % LA_SECOND)};
    (void)ppoll(on, 2, at == LA_NEVER ? NULL : &timeout, NULL);
    world->now = la_host_now();
}

bool world_rule(struct world *world, const char *text) {
    struct la_fault_rule rule;
    char error[120];
    return la_fault_parse(text, &rule, error, sizeof error) && la_fault_add(world->rules, &rule) >= 0;
}

/* --- Beginning and end --- */

int world_stack(struct world *world) {
    struct la_config config = {.alloc = la_host_allocator(), .trace_entries = 4096, .memory_max = 64u << 20};
    int rc = la_host_seed(config.seed);
    if (rc == 0) rc = la_stack_create(&config, &world->stack);
    if (rc < 0) return rc;
    struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = TOUR_MTU};
    world->iface = rc = la_iface_add(world->stack, &iface);
    struct la_addr addr4 = world_addr(STACK, false), addr6 = world_addr(STACK, true);
    if (rc >= 0) rc = la_addr_add(world->stack, world->iface, &addr4, 24);
    if (rc >= 0) rc = la_addr_add(world->stack, world->iface, &addr6, 64);
    return rc < 0 ? rc : 0;
}

void world_life(struct world *world, bool ipv6, uint16_t kernel_port, uint16_t stack_port) {
    world->end[KERNEL] = (struct la_endpoint){world_addr(KERNEL, ipv6), kernel_port, 0};
    world->end[STACK] = (struct la_endpoint){world_addr(STACK, ipv6), stack_port, 0};
    for (int side = 0; side < NSIDES; side++) {
        world->state[side] = LA_CLOSED;
        world->iss_known[side] = world->hold[side] = false;
    }
    world->row = (struct diag_row){0};
    world->kernel_lived = world->mute = false;
    world->kernel_at = LA_NEVER;
    world->outside = NULL;
    world->serial = 0;
    world->watched = -1;
    world->events = 0;
    world->nheld = world->steps = 0;
    memset(&world->life, 0, sizeof world->life);
    la_fault_clear(world->rules);
    world->start = world->now = la_host_now();
}

void world_drain(struct world *world) {
    struct la_span packet;
    la_stack_destroy(world->stack);
    world->stack = NULL;
    while (la_dev_recv(world->wire, &packet, la_host_now()) == 0) {
    }
}

static bool open_device(struct world *world, const char *pcap, struct trouble *trouble) {
    struct la_tun_config config = {.name = INTERFACE, .mtu = TOUR_MTU};
    int rc = la_tun_open(NULL, &config, &world->wire);
    if (rc < 0) {
        snprintf(trouble->text, sizeof trouble->text,
                 "cannot open /dev/net/tun: %s.\n"
                 "Load the module (modprobe tun); in a container: --device /dev/net/tun; not root: make it accessible\n"
                 "(chmod 666 /dev/net/tun) or run the tour as root.",
                 strerror(-rc));
        return false;
    }
    if (!pcap) return true;
    struct la_pcap_config record = {
        .path = pcap, .interface = INTERFACE, .link = LA_LINK_IP, .epoch = la_host_epoch(), .flush = false};
    struct la_pcap *file;
    rc = la_pcap_create(NULL, &record, &file);
    if (rc == 0) rc = la_pcap_around(NULL, world->wire, file, &world->wire);
    if (rc < 0) snprintf(trouble->text, sizeof trouble->text, "cannot record to %s: %s.", pcap, strerror(-rc));
    return rc == 0;
}

/* Settings of the namespace. Those that an older kernel lacks are not needed for the scenes to come out right. */
static void set_kernel(void) {
    netns_sysctl("ipv6/conf/" INTERFACE "/accept_ra", "0");
    netns_sysctl("ipv6/conf/" INTERFACE "/addr_gen_mode", "1");
    netns_sysctl("ipv6/conf/" INTERFACE "/router_solicitations", "0");
    netns_sysctl("ipv6/conf/all/disable_ipv6", "0");
    netns_sysctl("ipv6/conf/" INTERFACE "/disable_ipv6", "0");
    netns_sysctl("ipv4/tcp_fin_timeout", "1");
    netns_sysctl("ipv4/tcp_no_metrics_save", "1");
}

bool world_open(struct world *world, const struct view *view, const char *pcap, struct trouble *trouble) {
    memset(world, 0, sizeof *world);
    world->view = view;
    if (!open_device(world, pcap, trouble)) return false;
    set_kernel();
    struct la_addr addr4 = world_addr(KERNEL, false), addr6 = world_addr(KERNEL, true);
    if (!netns_addr(INTERFACE, &addr4, 24, trouble) || !netns_addr(INTERFACE, &addr6, 64, trouble) ||
        !netns_up(INTERFACE, 4000, trouble))
        return false;
    world->slot.device = (struct la_device){.link = LA_LINK_IP, .mtu = TOUR_MTU, .send = slot_send, .recv = slot_recv};
    if (la_fault_around(NULL, &world->slot.device, 1, &world->rules) < 0) return false;
    world->diag = diag_open(trouble);
    return world->diag != NULL;
}

void world_close(struct world *world) {
    la_stack_destroy(world->stack);
    diag_close(world->diag);
    la_dev_close(world->rules);
    la_dev_close(world->wire);
}
