/* A host: a stack, its listeners, and its place in the network.
 *
 * The exit node of one host's way hands packets straight to the other stacks' la_input: on an IP link to the host with
 * the destination's address, on Ethernet to the station with the destination's MAC or, for a group, to all. Each packet
 * lies in a block of its own that is freed right after: a stack that keeps a pointer into it is caught.
 *
 * A host has a clock of its own, which may be coarse: the stack is told the time rounded down to the clock's
 * resolution, and ticked when the clock has passed its deadline, so up to one step late. The world's time is exact. */
#include <string.h>

#include "world.h"

const struct sim_setting sim_settings[SIM_SETTINGS] = {
    {"net.ipv4.tcp_ecn", 0, 6, 1},
    {"net.ipv4.tcp_timestamps", 0, 2, 1},
    {"net.ipv4.tcp_sack", 0, 2, 1},
    {"net.ipv4.tcp_dsack", 0, 2, 1},
    {"net.ipv4.tcp_window_scaling", 0, 2, 1},
    {"net.ipv4.tcp_syncookies", 0, 2, 1},
    {"net.ipv4.tcp_tw_reuse", 0, 2, 1},
    {"net.ipv4.tcp_rfc1337", 0, 2, 1},
    {"net.ipv4.tcp_moderate_rcvbuf", 0, 2, 1},
    {"net.ipv4.tcp_ecn_fallback", 0, 2, 1},
    {"net.ipv4.tcp_ecn_option", 0, 4, 1},
    {"lastack.tcp_accecn_full", 0, 2, 1},
    {"net.ipv4.tcp_invalid_ratelimit", 0, 3, 500},
    {"net.inet.tcp.ecn.maxretries", 0, 3, 1},
    {"net.inet.tcp.rexmit_drop_options", 0, 2, 1},
    {"net.inet.tcp.rexmit_slop", 0, 3, 200},
    {"net.inet.tcp.keepinit", 0, 3, 75000},
    {"net.inet.tcp.drop_synfin", 0, 2, 1},
    {"lastack.tcp_ack_resends_fin", 0, 2, 1},
    {"lastack.tcp_fin_ack_delayed", 0, 2, 1},
    {"lastack.tcp_icmp_opening", 0, 3, 1},
    {"lastack.tcp_psh_bursts", 0, 2, 1},
    {"lastack.tcp_quickacks_end", 0, 2, 1},
    {"lastack.tcp_rst_error_by_state", 0, 2, 1},
    {"lastack.tcp_tw_syn", 0, 3, 1},
    {"lastack.tcp_window_rule", 0, 3, 1},
    {"lastack.tcp_congestion_control", 0, 3, 1},
    {"lastack.tcp_hystart", 0, 3, 1},
    {"lastack.tcp_tlp", 0, 2, 1},
    {"lastack.tcp_frto", 0, 2, 1},
    {"lastack.tcp_pacing", 0, 2, 1},
    {"lastack.tcp_rto_rule", 0, 2, 1},
    {"lastack.clock_resolution_us", 0, 3, 10000},
    {"net.ipv4.tcp_slow_start_after_idle", 0, 2, 1},
    {"net.ipv4.tcp_reordering", 1, 5, 2},
    {"net.inet.tcp.initcwnd_segments", 1, 4, 15},
    {"net.inet.tcp.delacktime", 0, 4, 60},
    {"lastack.tcp_delack_segments", 1, 4, 1},
    {"lastack.tcp_quickacks", 0, 3, 8},
};

enum {
    SPINS_MAX = 1000,   /* Ticks without time passing. */
    ROUNDS_MAX = 20000, /* Of work without time passing. */
    TRACE = 1024,
};

/* --- Watching --- */

/* Reads what the stack has noted since the last time: every move must be legal, and time must not run backwards. */
static void watch(struct sim_host *host) {
    struct sim_world *world = host->world;
    struct la_trace trace;
    while (la_trace_next(host->stack, host->trace_serial, &trace)) {
        char local[LA_ADDR_TEXT], peer[LA_ADDR_TEXT], cause[64];
        host->trace_serial = trace.serial;
        if (trace.at > world->now) sim_wrong(world, "h%u notes something in the future", host->index);
        if (!trace.is_drop && !la_move_legal(trace.move.from, trace.move.to))
            sim_wrong(world, "h%u moved from %s to %s", host->index, la_state_name(trace.move.from),
                      la_state_name(trace.move.to));
        if (!sim_heard(world)) continue;
        la_addr_format(&trace.local.addr, local, sizeof local);
        la_addr_format(&trace.peer.addr, peer, sizeof peer);
        if (trace.is_drop) {
            sim_say(world, "h%u drop       %s (%s:%u > %s:%u)", host->index, la_drop_name(trace.drop), peer,
                    trace.peer.port, local, trace.local.port);
            continue;
        }
        la_cause_text(&trace.move, cause, sizeof cause);
        sim_say(world, "h%u move       %s:%u %s:%u  %s -> %s: %s", host->index, local, trace.local.port, peer,
                trace.peer.port, la_state_name(trace.move.from), la_state_name(trace.move.to), cause);
    }
}

/* --- Making --- */

static bool stack_make(struct sim_host *host) {
    struct sim_world *world = host->world;
    struct la_config config = {.alloc = sim_allocator(&host->memory), .profile = host->profile, .check = true};
    struct la_iface_config iface = {
        .link = world->link, .mtu = world->mtu, .mac = {2, 0, 0, 0, 0, (uint8_t)host->index}, .gso_max = host->gso_max};
    for (unsigned i = 0; i < sizeof config.seed; i++) config.seed[i] = (uint8_t)sim_next(&world->random);
    config.trace_entries = TRACE;
    int rc = la_stack_create(&config, &host->stack);
    if (rc == 0) rc = host->iface = la_iface_add(host->stack, &iface);
    if (rc >= 0) rc = la_addr_add(host->stack, host->iface, &host->addr[0], 24);
    if (rc >= 0) rc = la_addr_add(host->stack, host->iface, &host->addr[1], 64);
    if (rc < 0 && !(rc == -LA_ENOMEM && host->memory.refused))
        sim_wrong(world, "h%u cannot be made: %s", host->index, la_errno_name(-rc));
    return rc >= 0;
}

bool sim_host_make(struct sim_host *host) {
    struct sim_world *world = host->world;
    if (!stack_make(host)) return false;
    for (unsigned i = 0; i < SIM_SETTINGS; i++) {
        if (host->setting[i] < 0) continue;
        const char *name = sim_settings[i].name;
        int rc = la_set(host->stack, name, host->setting[i]);
        if (rc < 0) sim_wrong(world, "%s=%d: %s", name, host->setting[i], la_errno_name(-rc));
        sim_say(world, "h%u set        %s = %d", host->index, name, host->setting[i]);
    }
    if (world->narrow) la_set(host->stack, "net.ipv4.tcp_mtu_probing", world->probing);
    if (host->clock_known) la_set(host->stack, "lastack.clock_resolution_us", (int64_t)(host->clock / LA_US));
    sim_say(world, "h%u is         %s, profile %s, mtu %u, clock of %llu ns (%s)", host->index,
            world->link == LA_LINK_IP ? "on an IP link" : "on Ethernet", host->profile, (unsigned)world->mtu,
            (unsigned long long)host->clock, host->clock_known ? "known" : "not known");
    if (host->liar) sim_hostile_say(host->liar);
    return true;
}

void sim_host_listen(struct sim_host *host) {
    for (unsigned i = 0; i < SIM_LISTENERS; i++) {
        struct la_endpoint local = {host->addr[i], SIM_PORT, 0};
        la_sock sock = la_socket(host->stack, i ? LA_AF_INET6 : LA_AF_INET, LA_SOCK_STREAM);
        int rc = sock < 0 ? (int)sock : la_bind(host->stack, sock, &local);
        if (rc == 0) rc = la_listen(host->stack, sock, host->backlog);
        if (rc < 0) {
            if (!host->memory.refused) sim_wrong(host->world, "h%u cannot listen: %s", host->index, la_errno_name(-rc));
            if (sock >= 0) la_close(host->stack, sock, sim_host_now(host));
            continue;
        }
        host->listener[i] = sock;
    }
}

void sim_host_unlisten(struct sim_host *host) {
    for (unsigned i = 0; i < SIM_LISTENERS; i++) {
        if (host->listener[i] < 0) continue;
        int rc = la_close(host->stack, host->listener[i], sim_host_now(host));
        sim_say(host->world, "h%u call       close(listener) = %d", host->index, rc);
        if (rc) sim_wrong(host->world, "h%u: closing a listener: %s", host->index, la_errno_name(-rc));
        host->listener[i] = -1;
    }
    host->listen_until = LA_NEVER;
}

void sim_host_free(struct sim_host *host) {
    struct sim_world *world = host->world;
    la_stack_destroy(host->stack);
    host->stack = NULL;
    if (host->memory.broken) sim_wrong(world, "h%u gave memory back with a wrong size", host->index);
    if (host->memory.blocks)
        sim_wrong(world, "h%u has kept %zu blocks of memory, %zu bytes", host->index, host->memory.blocks,
                  host->memory.used);
    if (host->up) {
        host->exit.next = NULL;
        sim_chain_free(host->up);
    }
}

/* --- Packets --- */

static void hand_in(struct sim_host *host, const struct sim_packet *packet) {
    sim_say_packet(host->world, host->index, "in", packet->data, packet->len);
    la_input(host->stack, host->iface, packet->data, packet->len, sim_host_now(host));
    watch(host);
}

/* Before a hostile host, its liar has heard it. */
static void arrive(struct sim_host *host, const struct sim_packet *packet) {
    if (!host->liar) {
        hand_in(host, packet);
        return;
    }
    struct sim_packet *left = sim_hostile_hear(host->liar, packet);
    if (!left) return;
    hand_in(host, left);
    sim_packet_free(left);
}

void sim_host_told(void *host, const uint8_t *data, size_t len) {
    struct la_packet pieces = {.len = len, .nspans = 1, .span = {{data, len}}};
    struct sim_packet *packet = sim_packet_new(((struct sim_host *)host)->index, &pieces);
    hand_in(host, packet);
    sim_packet_free(packet);
}

/* Whether a packet is for this host. */
static bool addressed(const struct sim_host *host, const struct sim_packet *packet) {
    const uint8_t *p = packet->data;
    if (host->world->link == LA_LINK_ETHERNET)
        return packet->len >= 14 && ((p[0] & 1) || memcmp(p, "\2\0\0\0\0", 5) != 0 || p[5] == host->index);
    if (packet->len >= 20 && p[0] >> 4 == 4) return memcmp(p + 16, host->addr[0].bytes + 12, 4) == 0;
    return packet->len < 40 || p[24] == 0xff || memcmp(p + 24, host->addr[1].bytes, 16) == 0;
}

void sim_exit_forward(struct sim_node *node, struct sim_packet *packet, la_time now) {
    struct sim_host *from = (struct sim_host *)((char *)node - offsetof(struct sim_host, exit));
    struct sim_world *world = from->world;
    (void)now;
    for (unsigned i = 0; i < world->nhosts; i++) {
        struct sim_host *host = &world->host[i];
        if (host != from && addressed(host, packet)) arrive(host, packet);
    }
    sim_packet_free(packet);
}

/* FNV-1a over what makes a run: two equal runs have equal digests. */
static void digest(struct sim_world *world, const struct sim_packet *packet) {
    uint64_t sum = world->result->digest ^ world->now ^ packet->from;
    for (size_t i = 0; i < packet->len; i++) sum = (sum ^ packet->data[i]) * 0x100000001b3;
    world->result->digest = sum;
}

/* One packet goes on its way. */
static void send_packet(struct sim_host *host, const struct la_packet *pieces) {
    struct sim_world *world = host->world;
    const struct sim_config *config = world->config;
    struct sim_packet *packet = sim_packet_new(host->index, pieces);
    world->result->packets++;
    digest(world, packet);
    sim_say_packet(world, host->index, "out", packet->data, packet->len);
    if (config->packet)
        config->packet(config->ctx, world->now, host->index, world->link == LA_LINK_ETHERNET, packet->data,
                       packet->len);
    sim_forward(host->up, packet, world->now);
}

/* Takes packets from the stack as fast as the device does, which cuts units. */
static bool send_out(struct sim_host *host) {
    struct sim_world *world = host->world;
    bool any = false;
    struct la_packet unit, pieces;
    while (host->device_free <= world->now && la_output(host->stack, host->iface, &unit, world->now)) {
        struct la_cut cut = {0};
        while (la_packet_cut(&unit, world->link, &cut, &pieces)) send_packet(host, &pieces);
        host->device_free = world->now + host->send_gap;
        any = true;
    }
    return any;
}

/* --- Events and programs --- */

static struct sim_end *end_of_sock(struct sim_host *host, la_sock sock) {
    struct sim_world *world = host->world;
    for (unsigned i = 0; i < world->nconns; i++)
        for (unsigned e = 0; e < 2; e++) {
            struct sim_end *end = &world->conn[i].end[e];
            if (end->host == host && end->sock == sock) return end;
        }
    return NULL;
}

/* The connection that an accepted socket belongs to: the one whose client chose this initial sequence number. */
static struct sim_end *server_end(struct sim_host *host, const struct la_conn_info *info) {
    struct sim_world *world = host->world;
    for (unsigned i = 0; i < world->nconns; i++) {
        struct sim_conn *conn = &world->conn[i];
        if (conn->kind == SIM_NORMAL && conn->end[1].host == host && conn->has_iss && conn->iss == info->irs)
            return &conn->end[1];
    }
    return NULL;
}

static void accept_all(struct sim_host *host, la_sock listener) {
    struct sim_world *world = host->world;
    struct la_endpoint peer;
    struct la_conn_info info;
    for (la_sock sock; (sock = la_accept(host->stack, listener, &peer)) != -LA_EAGAIN;) {
        if (sock < 0) {
            sim_wrong(world, "h%u accept: %s", host->index, la_errno_name((int)-sock));
            return;
        }
        if (la_conn_info(host->stack, sock, &info) < 0)
            sim_wrong(world, "h%u: no info of an accepted socket", host->index);
        struct sim_end *end = server_end(host, &info);
        if (!end || end->phase != SIM_WAITING) {
            sim_wrong(world, "h%u accepted a connection %s", host->index, end ? "twice" : "that nobody has opened");
            return;
        }
        sim_end_accepted(end, sock);
    }
}

static void event(struct sim_host *host, const struct la_event *event) {
    struct sim_world *world = host->world;
    for (unsigned i = 0; i < SIM_LISTENERS; i++) {
        if (host->listener[i] < 0 || event->sock != host->listener[i]) continue;
        if (event->events & LA_EV_ACCEPTED) accept_all(host, event->sock);
        return;
    }
    struct sim_end *end = end_of_sock(host, event->sock);
    if (!end) {
        sim_wrong(world, "h%u: an event %x for a handle that is gone", host->index, event->events);
        return;
    }
    if (event->owner != sim_end_tag(end))
        sim_wrong(world, "h%u: an event for owner %llu", host->index, (unsigned long long)event->owner);
    sim_end_event(end, event->events);
}

static bool events_all(struct sim_host *host) {
    struct la_event next;
    bool any = false;
    while (!host->world->failed && la_next_event(host->stack, &next)) {
        any = true;
        event(host, &next);
    }
    return any;
}

static bool programs_due(struct sim_host *host) {
    struct sim_world *world = host->world;
    bool any = false;
    if (host->listen_until <= world->now) sim_host_unlisten(host);
    for (unsigned i = 0; i < world->nconns; i++)
        for (unsigned e = 0; e < 2; e++) {
            struct sim_end *end = &world->conn[i].end[e];
            if (end->host != host || sim_end_next(end) > world->now) continue;
            any = true;
            sim_end_step(end);
        }
    return any;
}

static bool tick_due(struct sim_host *host) {
    struct sim_world *world = host->world;
    if (la_poll_at(host->stack) > sim_host_now(host)) {
        host->spins = 0;
        return false;
    }
    la_tick(host->stack, sim_host_now(host));
    if (++host->spins > SPINS_MAX) sim_wrong(world, "h%u wants to be ticked for ever at one moment", host->index);
    return true;
}

void sim_host_work(struct sim_host *host) {
    struct sim_world *world = host->world;
    for (unsigned rounds = 0; !world->failed; rounds++) {
        bool any = tick_due(host);
        any |= programs_due(host);
        any |= events_all(host);
        any |= send_out(host);
        watch(host);
        if (!any) return;
        if (rounds > ROUNDS_MAX) sim_wrong(world, "h%u does not come to rest at one moment", host->index);
    }
}

la_time sim_host_now(const struct sim_host *host) { return host->world->now / host->clock * host->clock; }

/* When the host's clock will say at least `at`. */
static la_time clock_reaches(const struct sim_host *host, la_time at) {
    la_time late = at % host->clock;
    return late == 0 || at == LA_NEVER ? at : at - late + host->clock;
}

la_time sim_host_next(const struct sim_host *host) {
    const struct sim_world *world = host->world;
    la_time next = clock_reaches(host, la_poll_at(host->stack));
    if (sim_chain_next(host->up) < next) next = sim_chain_next(host->up);
    if (host->listen_until < next) next = host->listen_until;
    if (la_output_pending(host->stack, host->iface) && host->device_free < next) next = host->device_free;
    for (unsigned i = 0; i < world->nconns; i++)
        for (unsigned e = 0; e < 2; e++) {
            const struct sim_end *end = &world->conn[i].end[e];
            if (end->host == host && sim_end_next(end) < next) next = sim_end_next(end);
        }
    return next;
}
