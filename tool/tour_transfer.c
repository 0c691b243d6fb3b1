/* Transfers: the loop of a program that embeds the stack, with curl as the peer.
 *
 * What comes in: packets of the TUN device through the fault rules, in batches (la_dev_pump), events for the server,
 * and the ends of the children's pipes. What goes out: the verdict. Both ends sum the bytes that they made or got; the
 * sums must be equal. The loop sleeps only when neither the device, nor the stack, nor a pipe has anything; a transfer
 * that stands still for STALL is a failure. */
#define _GNU_SOURCE
#include "tour_transfer.h"

#include "tour_child.h"
#include "tour_http.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT 80
#define STALL (20 * LA_SECOND)
#define PROGRESS_EVERY (20 * LA_MS)

const struct transfer transfers[] = {
    {"download-ipv4", false, false, 0},
    {"upload-ipv4", true, false, 0},
    {"download-ipv6", false, true, 0},
    {"upload-ipv6", true, true, 0},
    {"download-ipv4-loss", false, false, 2},
    {"upload-ipv4-loss", true, false, 2},
    {"download-ipv6-loss", false, true, 2},
    {"upload-ipv6-loss", true, true, 2},
    {.name = NULL},
};

void transfer_title(const struct transfer *transfer, uint64_t bytes, char *title, size_t size) {
    char loss[64] = "nothing is lost";
    if (transfer->loss_percent)
        snprintf(loss, sizeof loss, "%u %% of the packets are lost in each direction", transfer->loss_percent);
    snprintf(title, size, "curl %s %" PRIu64 " MB over %s, %s", transfer->upload ? "uploads" : "downloads",
             bytes / 1000000, transfer->ipv6 ? "IPv6" : "IPv4", loss);
}

/* One transfer under way. */
struct run {
    struct world *world;
    const struct transfer_text *text;
    struct http http;
    struct children children;
    la_time start, last_moved, last_shown;
    uint64_t moved;
    bool stalled;
};

/* Puts the fault rules around the device: once, they stay empty between the transfers that lose nothing. */
static bool set_loss(struct world *world, unsigned percent) {
    if (!world->lossy) {
        if (la_fault_around(NULL, world->wire, 1, &world->wire) < 0) return false;
        world->lossy = true;
    }
    la_fault_clear(world->wire);
    struct la_fault_rule rule = {.action = LA_FAULT_DROP, .any_packet = true, .ppm = percent * 10000};
    return !percent || la_fault_add(world->wire, &rule) >= 0;
}

static uint64_t lost(const struct world *world) {
    const struct la_fault_rule *rule = la_fault_rule(world->wire, 0);
    return rule ? rule->done : 0;
}

/* --- The loop --- */

static void show(struct run *run, la_time now) {
    if (now - run->last_shown < PROGRESS_EVERY) return;
    run->last_shown = now;
    run->world->view->progress(run->world->view->ctx, run->text, run->http.moved, now - run->start);
}

static void sleep_until_something(struct run *run, bool is_full, la_time now) {
    struct world *world = run->world;
    la_time at = la_poll_at(world->stack), device_at = la_dev_poll_at(world->wire);
    if (device_at < at) at = device_at;
    if (at > now + PROGRESS_EVERY) at = now + PROGRESS_EVERY;
    struct pollfd on[1 + NINLETS] = {
        {.fd = la_dev_fd(world->wire), .events = (short)(is_full ? POLLIN | POLLOUT : POLLIN)}};
    for (int i = 0; i < NINLETS; i++) on[1 + i] = (struct pollfd){.fd = run->children.in[i].fd, .events = POLLIN};
    la_time wait = at > now ? at - now : 0;
    struct timespec timeout = {(time_t)(wait / LA_SECOND), (long)(wait % LA_SECOND)};
    (void)ppoll(on, 1 + NINLETS, &timeout, NULL);
}

/* One turn: packets, time, events. Returns whether there is more to do at once. */
static bool turn(struct run *run, la_time now, bool *is_full) {
    struct world *world = run->world;
    struct la_event event;
    bool busy = false;
    int moved = la_dev_pump(world->stack, world->iface, world->wire, now);
    *is_full = moved > 0 && moved & LA_PUMP_FULL;
    if (la_poll_at(world->stack) <= now) la_tick(world->stack, now);
    while (la_next_event(world->stack, &event)) {
        http_event(&run->http, &event, now);
        busy = true;
    }
    return busy || (moved > 0 && moved & LA_PUMP_AGAIN) || (!*is_full && la_output_pending(world->stack, world->iface));
}

static void loop(struct run *run) {
    bool is_full = false;
    for (;;) {
        la_time now = la_host_now();
        bool busy = turn(run, now, &is_full);
        if (run->http.moved != run->moved) {
            run->moved = run->http.moved;
            run->last_moved = now;
        }
        show(run, now);
        if (now - run->last_moved > STALL) {
            run->stalled = true;
            return;
        }
        if (busy) continue;
        if (!children_read(&run->children)) return;
        sleep_until_something(run, is_full, now);
    }
}

/* --- The verdict --- */

struct count_and_sum {
    uint64_t bytes, sum;
};

static bool read_report(const struct inlet *inlet, struct count_and_sum *to) {
    return sscanf(inlet->text, "%" SCNu64 " %" SCNx64, &to->bytes, &to->sum) == 2;
}

static void judge(struct run *run, const struct transfer *transfer, bool succeeded, struct transfer_result *result,
                  struct verdict *verdict) {
    struct count_and_sum helper = {0}, server = {run->http.sum.bytes, sum_value(&run->http.sum)};
    const struct children *children = &run->children;
    bool reported = read_report(&children->in[FROM_HELPER], &helper);
    if (transfer->upload) reported &= read_report(&children->in[FROM_CURL], &server);
    result->sum_sent = transfer->upload ? helper.sum : server.sum;
    result->sum_received = transfer->upload ? server.sum : helper.sum;
    verdict->passed = !run->stalled && succeeded && reported && helper.bytes == run->text->bytes &&
                      server.bytes == run->text->bytes && helper.sum == server.sum;
    snprintf(verdict->why, sizeof verdict->why,
             "%s%scurl's end has %" PRIu64 " bytes, lastack's %" PRIu64 ", of %" PRIu64 "; the checksums are %s",
             run->stalled ? "stood still; " : "", children->in[CURL_ERRORS].text, helper.bytes, server.bytes,
             run->text->bytes, helper.sum == server.sum ? "equal" : "different");
}

static bool start(struct run *run, const struct transfer *transfer, struct verdict *verdict) {
    struct world *world = run->world;
    char host[LA_ADDR_TEXT], url[160];
    struct la_addr addr = world_addr(STACK, transfer->ipv6);
    la_addr_format(&addr, host, sizeof host);
    int rc = set_loss(world, transfer->loss_percent) ? world_stack(world) : -LA_ENOMEM;
    if (rc == 0) rc = http_open(&run->http, world->stack, PORT, la_host_now());
    if (rc < 0) {
        snprintf(verdict->why, sizeof verdict->why, "no server on the stack: %s", la_errno_name(-rc));
        return false;
    }
    const char *open = transfer->ipv6 ? "[" : "", *close = transfer->ipv6 ? "]" : "";
    if (transfer->upload) {
        snprintf(url, sizeof url, "http://%s%s%s/sink", open, host, close);
    } else {
        snprintf(url, sizeof url, "http://%s%s%s/bytes/%" PRIu64, open, host, close, run->text->bytes);
    }
    if (children_start(&run->children, url, transfer->upload, run->text->bytes)) return true;
    snprintf(verdict->why, sizeof verdict->why, "cannot start curl: %s", strerror(errno));
    return false;
}

bool transfer_play(struct world *world, const struct transfer *transfer, uint64_t bytes) {
    char title[128];
    transfer_title(transfer, bytes, title, sizeof title);
    struct transfer_text text = {.name = transfer->name, .title = title, .bytes = bytes};
    struct transfer_result result = {0};
    struct verdict verdict = {0};
    struct run run = {.world = world, .text = &text};
    const struct view *view = world->view;
    view->transfer(view->ctx, &text);
    run.start = run.last_moved = la_host_now();
    if (start(&run, transfer, &verdict)) {
        loop(&run);
        result.seconds = (double)(la_host_now() - run.start) / (double)LA_SECOND;
        bool succeeded = children_end(&run.children, run.stalled);
        judge(&run, transfer, succeeded, &result, &verdict);
        result.lost = lost(world);
        result.timeouts = la_counter(world->stack, LA_C_RTOS);
        result.resent = la_counter(world->stack, LA_C_RETRANSMITS);
        if (!run.stalled) view->progress(view->ctx, &text, run.http.moved, la_host_now() - run.start);
    }
    world_drain(world);
    view->transferred(view->ctx, &text, &result, &verdict);
    return verdict.passed;
}
