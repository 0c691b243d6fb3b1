/* The judge: which errors a program may get, who may wait when nothing moves any more, and what must be left at the end
 * (nothing).
 *
 * A connection is *strict* when neither program, nor the network's losses together with an option such as keepalive,
 * nor failing memory gives a reason for anything but an orderly end: then both streams must arrive whole, with end of
 * file and without error. One excuse remains: while a path loses many packets, a handshake may run out of attempts.
 *
 * A hostile host excuses nothing, because its lies end: a strict connection finishes. Only where data was acknowledged
 * that never came (`poisoned`) may it fail, or go on for ever: then the programs give up after an hour.
 *
 * In other connections errors may come, data may be missing at the end; what was read must still have been right, and
 * an end of file must still be true: those are checked where programs read. */
#include <string.h>

#include "world.h"

enum {
    MEMORY_HOST = 64 * 1024, /* Tables that come with the first connection. */
    MEMORY_CONN = 48 * 1024, /* What is there for each. */
    SEGMENT_MIN = 30,        /* Bytes: the smallest MSS that a stack takes, less its options. */
    RETRANSMITS_FREE = 50,   /* SYNs, small recoveries. */
    PACKETS_FREE = 500,      /* Handshakes, ARP and ND, ends. */
};

static bool gone(const struct sim_end *end) {
    return end->phase == SIM_DONE || (end->phase == SIM_WAITING && end->conn->kind == SIM_NORMAL);
}

static bool harmful(const struct sim_world *world) { return world->loss_ppm || world->outage || world->hostile; }

/* So many losses that a handshake or its last segment may fail for good. */
static bool handshake_may_fail(const struct sim_world *world) { return world->loss_ppm >= 30000 || world->outage; }

/* All that this end wanted from the connection has happened: what comes later does not matter. */
static bool satisfied(const struct sim_end *end) {
    return end->sent == end->plan.total && end->eof && end->received == end->peer->plan.total;
}

/* An error of a connection that should not get any. */
static bool excused(const struct sim_end *end, int error) {
    const struct sim_world *world = end->host->world;
    if (satisfied(end) || end->conn->poisoned) return true;
    if (!handshake_may_fail(world)) return false;
    bool opening = !end->established && (error == LA_ETIMEDOUT || error == LA_EHOSTUNREACH);
    bool refused = end->established && end->peer->phase == SIM_WAITING && error != LA_EHOSTUNREACH;
    return opening || refused;
}

static bool refusal_possible(const struct sim_end *end) {
    const struct sim_conn *conn = end->conn;
    const struct sim_host *server = conn->end[1].host;
    if (end->established) return false;
    return conn->kind != SIM_NORMAL || server->memory.refused || server->listener[conn->ipv6] < 0;
}

bool sim_error_possible(const struct sim_end *end, int error) {
    const struct sim_world *world = end->host->world;
    bool memory = end->host->memory.refused > 0, peer_memory = end->peer->host->memory.refused > 0;
    struct sim_conn *conn = end->conn;
    if (conn->strict && !excused(end, error)) return false;
    if (conn->strict && !satisfied(end)) conn->strict = false;
    switch (error) {
    case LA_ECONNREFUSED: return refusal_possible(end);
    case LA_ETIMEDOUT: return harmful(world) || end->plan.user_timeout_ms || gone(end->peer) || memory || peer_memory;
    case LA_ECONNRESET:
    case LA_EPIPE: return gone(end->peer) || harmful(world) || memory || peer_memory || conn->kind == SIM_SIMULTANEOUS;
    case LA_EHOSTUNREACH: return world->link == LA_LINK_ETHERNET && (harmful(world) || memory || peer_memory);
    case LA_ENOMEM:
    case LA_ENOBUFS: return memory;
    default: return false;
    }
}

/* --- Standing still --- */

bool sim_judge_quiet(const struct sim_world *world) {
    for (unsigned i = 0; i < world->nhosts; i++) {
        struct la_conn_info info;
        for (uint64_t cursor = 0; la_conn_next(world->host[i].stack, &cursor, &info);)
            for (unsigned t = 0; t < LA_NTIMERS; t++)
                if (info.timer_at[t] != LA_NEVER) return false;
    }
    return true;
}

static size_t describe_info(char *text, size_t size, const struct la_conn_info *info) {
    int n = snprintf(text, size, "%s, %u to read, %u unacknowledged (%u unsent), window %u, receive window %u",
                     la_state_name(info->state), (unsigned)info->recv_queue, (unsigned)info->send_queue,
                     (unsigned)info->unsent, (unsigned)info->snd_wnd, (unsigned)info->rcv_wnd);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static void describe(const struct sim_end *end, char text[320]) {
    static const char *const phase[] = {"not begun", "opening", "open", "lingering", "done"};
    struct la_conn_info info;
    int n =
        snprintf(text, 320, "%s; wrote %llu of %llu, read %llu of %llu%s", phase[end->phase],
                 (unsigned long long)end->sent, (unsigned long long)end->plan.total, (unsigned long long)end->received,
                 (unsigned long long)end->peer->plan.total, end->eof ? " and end of file" : "");
    size_t at = n < 0 ? 0 : (size_t)n;
    if (end->error && at < 200) at += (size_t)snprintf(text + at, 320 - at, ", %s", la_errno_name(end->error));
    if (end->sock < 0 || at > 200 || la_conn_info(end->host->stack, end->sock, &info) < 0) return;
    at += (size_t)snprintf(text + at, 320 - at, "; ");
    describe_info(text + at, 320 - at, &info);
}

static void wrong_conn(const struct sim_conn *conn, const char *what) {
    char client[320], server[320];
    describe(&conn->end[0], client);
    describe(&conn->end[1], server);
    sim_wrong(conn->end[0].host->world, "c%u %s. client h%u: %s. server h%u: %s", conn->id, what,
              conn->end[0].host->index, client, conn->end[1].host->index, server);
}

static bool waits(const struct sim_end *end) {
    return end->phase == SIM_OPENING || end->phase == SIM_OPEN || end->phase == SIM_LINGERING;
}

/* One end waits although nothing moves: right only if its peer is gone and a segment that told so was lost. */
static bool release(struct sim_end *end) {
    const struct sim_world *world = end->host->world;
    struct sim_conn *conn = end->conn;
    bool lost_handshake = end->peer->phase == SIM_WAITING && handshake_may_fail(world);
    if (!waits(end) || world->failed) return false;
    if (!conn->poisoned && ((conn->strict && !lost_handshake) || !gone(end->peer))) {
        wrong_conn(conn, "stands still");
        return false;
    }
    conn->strict = false;
    sim_say(end->host->world, "c%u is given up", conn->id);
    sim_end_give_up(end);
    return true;
}

bool sim_judge_still(struct sim_world *world) {
    bool any = false;
    for (unsigned i = 0; i < world->nconns; i++)
        for (unsigned e = 0; e < 2; e++) any |= release(&world->conn[i].end[e]);
    return any;
}

void sim_judge_hopeless(struct sim_world *world) {
    for (unsigned i = 0; i < world->nconns; i++)
        for (unsigned e = 0; e < 2; e++) {
            struct sim_end *end = &world->conn[i].end[e];
            if (world->conn[i].poisoned && (end->phase == SIM_OPEN || end->phase == SIM_OPENING)) sim_end_give_up(end);
        }
}

/* --- The end --- */

bool sim_all_done(const struct sim_world *world) {
    for (unsigned i = 0; i < world->nconns; i++)
        for (unsigned e = 0; e < 2; e++) {
            const struct sim_end *end = &world->conn[i].end[e];
            if (waits(end) || sim_end_next(end) != LA_NEVER) return false;
        }
    return true;
}

static bool reads_all(const struct sim_end *end) {
    return end->plan.style != SIM_FORGET && end->plan.style != SIM_LINGER;
}

static void judge_conn(struct sim_world *world, const struct sim_conn *conn) {
    bool whole = true;
    for (unsigned e = 0; e < 2; e++) {
        const struct sim_end *end = &conn->end[e];
        if (end->phase == SIM_OPEN || end->phase == SIM_OPENING) wrong_conn(conn, "has not come to an end in time");
        whole &= end->sent == end->plan.total;
        if (reads_all(end))
            whole &= end->received == end->peer->plan.total && (end->eof || end->plan.style == SIM_SLOTH);
    }
    if (whole) world->result->completed++;
    bool lost_handshake = conn->end[1].phase == SIM_WAITING && handshake_may_fail(world);
    if (conn->strict && !conn->poisoned && !lost_handshake && !whole) wrong_conn(conn, "is not complete");
}

static void judge_host(struct sim_world *world, struct sim_host *host) {
    struct la_conn_info info;
    uint32_t count[LA_NSTATES];
    uint64_t cursor = 0;
    char text[200];
    if (la_conn_next(host->stack, &cursor, &info)) {
        describe_info(text, sizeof text, &info);
        sim_wrong(world, "h%u still has a connection %u > %u: %s", host->index, info.local.port, info.peer.port, text);
    }
    la_conn_count(host->stack, count);
    for (unsigned s = 0; s < LA_NSTATES; s++)
        if (s != LA_CLOSED && count[s])
            sim_wrong(world, "h%u counts %u in %s", host->index, (unsigned)count[s], la_state_name((enum la_state)s));
}

/* --- Bounds: what an enemy can make a stack do --- */

/* Every byte is held by its writer and by its reader at most, and with it what says where it is; the rest is the
 * stack's own tables, which grow with its connections. */
static void judge_memory(struct sim_world *world, const struct sim_host *host) {
    size_t most = host->memory_begun + MEMORY_HOST;
    for (unsigned i = 0; i < world->nconns; i++) {
        const struct sim_end *end = world->conn[i].end;
        bool there = end[0].host == host || end[1].host == host;
        if (there) most += MEMORY_CONN + 2 * (size_t)(end[0].plan.total + end[1].plan.total);
    }
    if (host->memory.peak > most)
        sim_wrong(world, "h%u has used %zu bytes of memory, more than %zu", host->index, host->memory.peak, most);
}

/* Of all hosts together: two that answer each other for ever would be no storm to either. What is sent needs a reason:
 * a stream's bytes, a timer, something that nobody has sent. */
static void judge_traffic(struct sim_world *world) {
    uint64_t reasons = world->result->invented + world->result->duplicated;
    for (unsigned i = 0; i < world->nconns; i++)
        reasons += (world->conn[i].end[0].sent + world->conn[i].end[1].sent) / SEGMENT_MIN;
    for (unsigned i = 0; i < world->nhosts; i++) {
        const struct la_stack *stack = world->host[i].stack;
        static const enum la_counter timer[] = {LA_C_RTOS, LA_C_ZERO_WINDOW_PROBES, LA_C_KEEPALIVE_PROBES};
        uint64_t fired = 0;
        for (unsigned t = 0; t < sizeof timer / sizeof *timer; t++) fired += la_counter(stack, timer[t]);
        uint64_t again = la_counter(stack, LA_C_RETRANSMITS), heard = la_counter(stack, LA_C_TCP_IN);
        uint64_t each = world->narrow ? 12 : 3; /* What was too long for the path goes again in many pieces. */
        if (again > RETRANSMITS_FREE + each * (heard + fired))
            sim_wrong(world, "h%u has sent %llu segments again, after %llu that it heard and %llu timers", i,
                      (unsigned long long)again, (unsigned long long)heard, (unsigned long long)fired);
        reasons += fired;
    }
    if (world->result->packets > PACKETS_FREE + 4 * reasons)
        sim_wrong(world, "%llu packets for %llu reasons", (unsigned long long)world->result->packets,
                  (unsigned long long)reasons);
}

void sim_judge_end(struct sim_world *world) {
    for (unsigned i = 0; i < world->nhosts; i++) judge_memory(world, &world->host[i]);
    judge_traffic(world);
    for (unsigned i = 0; i < world->nconns; i++) judge_conn(world, &world->conn[i]);
    for (unsigned i = 0; i < world->nhosts; i++) judge_host(world, &world->host[i]);
}
