/* One connection at full speed: a user's buffer -> la_send -> a packet gathered into one linear frame -> la_input ->
 * la_recv into a user's buffer that is checked. Checksums on, an ACK for every second segment.
 *
 * The whole window is in flight: ACKs leave the receiver when it makes them, and wait on the wire until the sender may
 * send no more. The receiver's program reads after every few segments, as one does that runs when it can.
 *
 * With units, what is one packet here stands for up to 44 segments, and nobody sums: the part of the work that a device
 * with TSO and LRO takes over. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "world.h"

#define PORT 5001
#define ACK_BYTES 80 /* An ACK with options. */
#define BATCH 32     /* Segments between the receiving program's turns. */

struct transfer {
    struct world w;
    bool units;
    struct call call;
    uint64_t window, sent, received;
    struct bench_stream stream;
    uint64_t segments, acks;
    struct {
        size_t len;
        uint8_t data[ACK_BYTES];
    } * held; /* ACKs on the wire. */
    size_t nheld, held_max;
    bool broken;
};

/* What the receiver wants to send now goes on the wire. */
static void hold_acks(struct transfer *t) {
    struct la_packet packet;
    while (la_output(t->w.server, -1, &packet, t->w.now)) {
        if (t->nheld == t->held_max || packet.len > ACK_BYTES) {
            t->broken = true;
            continue;
        }
        t->held[t->nheld].len = la_packet_copy(&packet, t->held[t->nheld].data, ACK_BYTES);
        t->nheld++;
    }
}

static void deliver_acks(struct transfer *t) {
    for (size_t i = 0; i < t->nheld; i++) la_input(t->w.client, 0, t->held[i].data, t->held[i].len, t->w.now);
    t->acks += t->nheld;
    t->nheld = 0;
}

/* The sending program's turn: one buffer full, or what there is room for. */
static bool program_sends(struct transfer *t, uint64_t until) {
    if (t->sent == until) return false;
    size_t len = until - t->sent < BENCH_CHUNK ? (size_t)(until - t->sent) : BENCH_CHUNK;
    int64_t n = la_send(t->w.client, t->call.client, bench_source(t->sent), len, 0, t->w.now);
    if (n <= 0) return false;
    t->sent += (uint64_t)n;
    return true;
}

static void program_receives(struct transfer *t) {
    for (;;) {
        size_t room;
        uint8_t *to = bench_stream_room(&t->stream, &room);
        int64_t n = la_recv(t->w.server, t->call.server, to, room, 0, t->w.now);
        if (n <= 0) break;
        bench_stream_filled(&t->stream, (size_t)n);
        t->received += (uint64_t)n;
    }
    hold_acks(t);
}

/* What may leave now. Returns how many segments. */
static unsigned send_some(struct transfer *t) {
    struct la_packet packet;
    unsigned n = 0;
    while (la_output(t->w.client, -1, &packet, t->w.now)) {
        size_t len = la_packet_copy(&packet, t->w.frame, sizeof(t->w.frame));
        la_input_gro(t->w.server, 0, t->w.frame, len, packet.segment, packet.csum_partial, t->w.now);
        hold_acks(t);
        if (++n % BATCH == 0) program_receives(t);
    }
    program_receives(t);
    t->segments += n;
    return n;
}

static void drain_events(struct transfer *t) {
    struct la_event event;
    while (la_next_event(t->w.client, &event)) continue;
    while (la_next_event(t->w.server, &event)) continue;
}

static void tick(struct transfer *t, bool idle) {
    la_time a = la_poll_at(t->w.client), b = la_poll_at(t->w.server);
    la_time next = a < b ? a : b;
    t->w.now += 100 * LA_US;
    if (idle && next != LA_NEVER && next > t->w.now) t->w.now = next;
    if (a <= t->w.now) la_tick(t->w.client, t->w.now);
    if (b <= t->w.now) la_tick(t->w.server, t->w.now);
}

/* Moves the stream up to position `until`. */
static bool move(struct transfer *t, uint64_t until) {
    for (unsigned idle = 0; t->received < until && idle < 1000 && !t->broken;) {
        unsigned moved = 0;
        do moved += send_some(t);
        while (program_sends(t, until));
        moved += send_some(t) + (unsigned)t->nheld;
        deliver_acks(t);
        drain_events(t);
        idle = moved ? 0 : idle + 1;
        tick(t, !moved);
    }
    return t->received == until && !t->broken;
}

static bool transfer_open(struct transfer *t, uint64_t window, bool units) {
    memset(t, 0, sizeof(*t));
    if (!world_open_units(&t->w, units ? 65000 : 0)) return false;
    t->window = window;
    t->units = units;
    t->held_max = (size_t)(window / 1000 + 64);
    t->held = malloc(t->held_max * sizeof(t->held[0]));
    /* lwIP offers no timestamps; with them the MSS would be 1448. */
    bool set =
        t->held && world_set(&t->w, "tcp_timestamps", 0) && world_set(&t->w, "tcp_moderate_rcvbuf", 0) &&
        world_set(&t->w, "tcp_rmem_max", (int64_t)window) && world_set(&t->w, "tcp_rmem_default", (int64_t)window) &&
        world_set(&t->w, "tcp_wmem_max", (int64_t)window) && world_set(&t->w, "tcp_wmem_default", (int64_t)window);
    la_sock listener = set ? world_listen(&t->w, PORT) : -1;
    return listener >= 0 && world_dial(&t->w, listener, PORT, &t->call);
}

/* One for each window, kept from round to round: slow start is over after the first. */
#define TRANSFERS_MAX 8 /* Lines of bench.c at most. */

void run_bulk(const struct bench_task *task, struct bench_result *result) {
    static struct transfer transfers[TRANSFERS_MAX];
    struct transfer *t = transfers;
    bool units = task->subject == BENCH_UNITS;
    while (t->window && (t->window != task->size || t->units != units) && t < transfers + TRANSFERS_MAX - 1) t++;
    bool there = t->window == task->size && t->units == units;
    if (!there && !transfer_open(t, task->size, units)) return bench_fail(result, "no connection");
    bench_stream_start(&t->stream, t->sent);
    if (!move(t, t->sent + 8 * task->size)) return bench_fail(result, "the warm-up stalled");
    t->segments = t->acks = 0;
    uint64_t begin = bench_clock();
    if (!move(t, t->sent + task->amount)) return bench_fail(result, "the transfer stalled");
    result->value = (double)task->amount * 8 / (double)(bench_clock() - begin);
    if (!bench_stream_right(&t->stream)) return bench_fail(result, "bytes are wrong");
    if (!units && t->acks * 2 + 1 < t->segments) bench_fail(result, "fewer ACKs than one for two segments");
}
