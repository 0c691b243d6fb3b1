/* The run. In: packets from the ends' descriptors, and a byte or the end of file on their control sockets. Out: packets
 * to the ends, when the road says that they have arrived. The first end is behind the road: what it sends takes lane 1,
 * everything else lane 0. A packet goes to the end whose host number its destination has.
 *
 * The process sleeps until a packet comes or arrives; it measures how late it was, since a road that lags is a worse
 * road than the one asked for. */
#define _GNU_SOURCE
#include "run.h"

#include <lastack/dev.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { TURN = 64 };     /* Packets read from one end before the others have theirs. */
#define LAG (2 * LA_MS) /* A packet that is carried later than that has lagged. */

struct carrier {
    struct road road;
    struct end end[RUN_ENDS];
    unsigned ends;
    struct run_result *result;
};

static bool is_ip4(const uint8_t *packet, size_t len) { return len >= 20 && packet[0] >> 4 == 4; }

static struct end *end_of(struct carrier *c, const uint8_t *packet) {
    for (unsigned i = 0; i < c->ends; i++)
        if (c->end[i].task.host == packet[19]) return &c->end[i];
    return NULL;
}

static void deliver(struct carrier *c, la_time now) {
    for (unsigned lane = 0; lane < ROAD_LANES; lane++) {
        for (struct road_packet *packet; (packet = road_take(&c->road, lane, now)); road_free(packet)) {
            struct end *to = end_of(c, packet->bytes);
            if (now - packet->due > LAG) c->result->lagged++;
            if (!to || write(to->packets, packet->bytes, packet->len) >= 0) continue;
            if (errno == EAGAIN) c->result->lagged++; /* An end that takes nothing any more. */
        }
    }
}

static void collect(struct carrier *c, unsigned from) {
    uint8_t packet[ROAD_PACKET_MOST];
    for (int i = 0; i < TURN; i++) {
        ssize_t n = read(c->end[from].packets, packet, sizeof packet);
        if (n <= 0) return;
        if (!is_ip4(packet, (size_t)n)) continue;
        la_time now = la_host_now();
        road_put(&c->road, from == 0, packet, (size_t)n, now);
        deliver(c, now);
    }
}

/* One sleep and what it brought. False: an end has finished or is gone. */
static bool turn(struct carrier *c, la_time until) {
    struct pollfd on[2 * RUN_ENDS];
    la_time due = road_due(&c->road), now = la_host_now();
    if (due < until) until = due;
    la_time left = until > now ? until - now : 0;
    struct timespec span = {(time_t)(left / LA_SECOND), (long)(left % LA_SECOND)};
    for (unsigned i = 0; i < c->ends; i++) {
        on[i] = (struct pollfd){.fd = c->end[i].packets, .events = POLLIN};
        on[c->ends + i] = (struct pollfd){.fd = c->end[i].control, .events = POLLIN};
    }
    int n = ppoll(on, 2 * c->ends, &span, NULL);
    deliver(c, la_host_now());
    bool goes_on = true;
    for (unsigned i = 0; n > 0 && i < c->ends; i++) {
        if (on[i].revents & POLLIN) collect(c, i);
        if (on[c->ends + i].revents) goes_on = false;
    }
    return goes_on;
}

static void sum_up(struct carrier *c, la_time start, bool is_early) {
    struct run_result *result = c->result;
    struct end_report *receiver = c->end[0].report;
    la_time done = atomic_load(&receiver->done_at);
    result->has_all = done != 0;
    result->seconds = (double)((done ? done : la_host_now()) - start) / (double)LA_SECOND;
    for (unsigned i = 0; i <= END_HOST_MOST; i++) result->bytes[i] = atomic_load(&receiver->bytes[i]);
    result->resent = atomic_load(&c->end[1].report->resent);
    for (unsigned i = 0; i < c->ends && !result->why[0]; i++)
        snprintf(result->why, sizeof result->why, "%s", c->end[i].report->why);
    if (!result->has_all && is_early && !result->why[0]) snprintf(result->why, sizeof result->why, "an end has died");
    for (unsigned i = 0; i < ROAD_LANES; i++) {
        const struct road_lane *lane = &c->road.lane[i];
        result->packets += lane->number;
        result->lost += lane->lost;
        result->dropped += lane->dropped;
        result->late += lane->late;
    }
}

static void carry(struct carrier *c, la_time most) {
    la_time start = la_host_now(), until = start + most;
    if (until < start) until = LA_NEVER;
    for (unsigned i = 0; i < c->ends; i++)
        if (c->end[i].task.job == END_SEND) end_go(&c->end[i]);
    while (turn(c, until) && la_host_now() < until) continue;
    sum_up(c, start, c->end[0].task.job == END_RECEIVE && la_host_now() < until);
}

void run(const struct run_plan *plan, struct run_result *result) {
    struct carrier c = {.ends = 0, .result = result};
    memset(result, 0, sizeof *result);
    prctl(PR_SET_TIMERSLACK, 1L);
    road_open(&c.road, &plan->road);
    bool well = true;
    while (well && c.ends < plan->ends) {
        well = end_start(&c.end[c.ends], &plan->task[c.ends], result->why);
        c.ends++;
    }
    if (well) carry(&c, plan->most);
    for (unsigned i = 0; i < c.ends; i++) end_stop(&c.end[i]);
    road_close(&c.road);
}
