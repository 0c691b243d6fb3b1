/* A packet of the script: one to inject, or one that is expected.
 *
 * Which connection a packet belongs to follows packetdrill: there is one flow under test. An inbound TCP packet begins
 * a new flow while the socket listens, or when no socket has an address pair yet; the SYN of a connect and the first
 * datagram of a socket tell the flow's local port. Packets of other flows are passed over. */
#include <string.h>

#include "run.h"
#include "states.h"

/* A message's two halves, cut where they are too long. */
#define LINE 1024

static struct la_endpoint local_endpoint(const struct drill_run *run) {
    return (struct la_endpoint){.addr = run->options->local, .port = run->options->bind_port};
}

/* The script's side opens a flow of its own with this packet. */
static void begin_passive(struct drill_run *run, const struct drill_packet *packet) {
    struct drill_flow *flow = &run->flow;
    bool ip6 = flow->ip6;
    memset(flow, 0, sizeof *flow);
    flow->ip6 = ip6;
    flow->state = DRILL_FLOW_PASSIVE;
    flow->proto = packet->proto;
    flow->local = local_endpoint(run);
    flow->remote = (struct la_endpoint){.addr = run->options->remote, .port = run->next_port++};
    flow->live_remote_isn = packet->seq;
    run->flow_fd = -1;
    run->peer_state = LA_CLOSED;
}

/* Makes the flow fit the packet. False: no connection is there that it could belong to. */
static bool find_flow(struct drill_run *run, const struct drill_packet *packet) {
    struct drill_flow *flow = &run->flow;
    bool opens = packet->inbound && packet->proto != DRILL_ICMP &&
                 (flow->state == DRILL_FLOW_NONE || flow->state == DRILL_FLOW_LISTENING);
    if (opens) begin_passive(run, packet);
    if (flow->state == DRILL_FLOW_CONNECTING && !packet->inbound && packet->proto == DRILL_TCP &&
        (packet->flags & (LA_SYN | LA_ACK)) == LA_SYN) {
        flow->state = DRILL_FLOW_SYN_SENT;
        flow->script_local_isn = packet->seq;
    }
    if (flow->state == DRILL_FLOW_NONE || flow->state == DRILL_FLOW_LISTENING) {
        drill_text_add(&run->why, "no connection is under test that this packet could belong to\n");
        return run_fail(run, LA_DRILL_BROKEN);
    }
    return true;
}

static void write_expected(const struct drill_packet *packet, char *at, size_t size) {
    struct drill_text text = drill_text_in(at, size);
    packet_write(packet, &text);
}

/* --- Inbound --- */

static bool run_inbound(struct drill_run *run, const struct drill_packet *packet) {
    struct drill_flow *flow = &run->flow;
    size_t len = packet_build(flow, run->options, packet, run->packet, sizeof run->packet, &run->why);
    if (!len) return run_fail(run, LA_DRILL_BROKEN);
    uint32_t gso = packet->proto == DRILL_TCP && packet->len > run->options->mss ? run->options->mss : 0;
    int error = run->target->input(run->target, run->packet, len, gso);
    if (error) {
        drill_text_add(&run->why, "the packet could not be given to the %s: %s\n", run->target->name,
                       la_errno_name(-error));
        return run_fail(run, LA_DRILL_BROKEN);
    }
    if (packet->proto == DRILL_TCP) run->peer_state = peer_state_after(run->peer_state, flow, true, packet->flags, 0);
    char expected[LINE];
    write_expected(packet, expected, sizeof expected);
    run_say(run, "<", expected, NULL, true);
    return run_blocking_over(run);
}

/* --- Outbound --- */

/* How long to wait for a packet: as packetdrill, two seconds longer than it may take. */
static la_time deadline(const struct drill_run *run) {
    la_time now = run->target->now(run->target);
    if (run->event->time_kind == DRILL_ANY_TIME) return now + run->target->patience;
    la_time due = run_target_time(run, run->at_end_us);
    return (due > now ? due : now) + 2 * LA_SECOND;
}

/* The flow's next packet, in run->packet. False: none comes. */
static bool next_sent(struct drill_run *run, struct drill_live *live, const char *what) {
    la_time until = deadline(run);
    for (;;) {
        la_time at = 0;
        int64_t len = run->target->output(run->target, run->packet, sizeof run->packet, &at, until);
        if (len < 0) {
            drill_text_add(&run->why, "reading what the %s sends: %s\n", run->target->name, la_errno_name((int)-len));
            return run_fail(run, LA_DRILL_BROKEN);
        }
        if (len == 0) break;
        if (packet_read(run->packet, (size_t)len, at, live) && packet_is_of(live, &run->flow)) return true;
    }
    if (!run_reached(run, until)) return false;
    char expected[LINE];
    write_expected(run->event->packet, expected, sizeof expected);
    drill_text_add(&run->why, "no packet was sent until %.6f%s\nexpected: > %s\n", (double)run_now_us(run) / 1e6, what,
                   expected);
    return run_fail(run, LA_DRILL_FAIL);
}

static void report_mismatch(struct drill_run *run, const struct drill_live *live, const char *reason) {
    char expected[LINE], actual[LINE];
    write_expected(run->event->packet, expected, sizeof expected);
    struct drill_text text = drill_text_in(actual, sizeof actual);
    packet_write_live(&run->flow, live, &text);
    drill_text_add(&run->why, "%s\nexpected: %.6f > %s\nactual:   %.6f > %s\n", reason, (double)run->at_us / 1e6,
                   expected, (double)live->at / 1e9 - (double)run->start_us / 1e6, actual);
    run_say(run, ">", expected, actual, false);
}

/* Adds `next` to `first`, whose data lies at the end of run->merged. */
static void merge(struct drill_run *run, struct drill_live *first, const struct drill_live *next) {
    size_t head = (size_t)(first->data - run->merged);
    memcpy(run->merged + head + first->len, next->data, next->len);
    packet_merge(first, next);
}

/* Consecutive segments count as the one large segment that the script may expect (GSO). `live` holds the first. */
static bool gather(struct drill_run *run, struct drill_live *live, struct drill_text *reason) {
    uint32_t expected = run->event->packet->len;
    if (live->len >= expected || run->options->strict_segments) return true;
    /* The first one's bytes move to where there is room behind them. */
    size_t len = live->ip_len;
    memcpy(run->merged, run->packet, len);
    if (!packet_read(run->merged, len, live->at, live)) return true;
    struct drill_live previous = *live;
    while (live->len < expected) {
        struct drill_live next;
        if (!next_sent(run, &next, ", where the rest of this data was expected")) return false;
        if (!packet_may_merge(live, &previous, &next, live->len, expected, reason)) {
            report_mismatch(run, &next, reason->at);
            return run_fail(run, LA_DRILL_FAIL);
        }
        if ((size_t)live->ip_len + next.len > sizeof run->merged) break;
        live->at = next.at;
        merge(run, live, &next);
        previous = next;
    }
    return true;
}

static bool check_sent(struct drill_run *run, struct drill_live *live, struct drill_text *reason) {
    const struct drill_packet *packet = run->event->packet;
    if (!packet_match(&run->flow, run->options, packet, live, run->at_us, reason)) return false;
    if (run->event->time_kind == DRILL_ANY_TIME) return true;
    int64_t at = (int64_t)(live->at / 1000) - run->start_us;
    size_t before = run->why.len;
    if (run_check_time(run, at, run->at_us, run->at_end_us, run->last_us, "an outbound packet")) return true;
    drill_text_add(reason, "%.*s", (int)(run->why.len - before), run->why.at + before);
    run->why.len = before;
    run->why.at[before] = 0;
    return false;
}

static bool run_outbound(struct drill_run *run, const struct drill_packet *packet) {
    struct drill_live live;
    char reason_at[LINE];
    struct drill_text reason = drill_text_in(reason_at, sizeof reason_at);
    if (!next_sent(run, &live, "")) return false;
    flow_learn_sent(&run->flow, packet, &live);
    if (!gather(run, &live, &reason)) return false;
    uint16_t flags = live.flags;
    bool ok = check_sent(run, &live, &reason);
    if (live.proto == DRILL_TCP)
        run->peer_state = peer_state_after(run->peer_state, &run->flow, false, flags, live.ack);
    if (ok) {
        char expected[LINE], actual[LINE];
        write_expected(packet, expected, sizeof expected);
        struct drill_text text = drill_text_in(actual, sizeof actual);
        packet_write_live(&run->flow, &live, &text);
        run_say(run, ">", expected, actual, true);
        return run_blocking_over(run);
    }
    report_mismatch(run, &live, reason_at);
    if (run->options->non_fatal_packet) return true;
    return run_fail(run, LA_DRILL_FAIL);
}

bool run_packet(struct drill_run *run) {
    const struct drill_packet *packet = run->event->packet;
    if (packet->layer || packet->udp_encaps) {
        drill_text_add(&run->why, "no target has %s\n", packet->layer ? packet->layer : "TCP in UDP");
        return run_fail(run, LA_DRILL_NOT_APPLICABLE);
    }
    if (!packet->inbound) return find_flow(run, packet) && run_outbound(run, packet);
    return run_wait(run) && find_flow(run, packet) && run_inbound(run, packet);
}
