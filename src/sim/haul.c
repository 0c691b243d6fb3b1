/* One transfer over a road. See haul.h.
 *
 * Two stacks, a road each way and two programs share one virtual clock, which jumps to whatever comes next: a packet
 * arrives or a timer is due. After each such event the end concerned does all it can: events, its program's calls,
 * packets out. With a clock of coarse resolution packets still arrive when they do, but the stack is told the latest
 * multiple, and its timers wait for the next one.
 *
 * The stream is a pattern whose period is a prime, so that no block of it looks like its neighbours; both programs use
 * one copy of it. No checksum is computed: the comparison of every byte takes its place.
 *
 * A stall is the time from one step of RCV.NXT to the next, measured in the retransmission timeout that the sender had
 * when it began. The ledger tells how often the byte that was waited for was dropped: a stall without such a cause
 * is the sender's fault.
 *
 * What ends a haul: the last byte, an error of either end, a month of virtual time, too many packets, nothing more that
 * could happen, or a clock that does not move. */
#include "haul.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lastack/info.h>
#include <lastack/socket.h>

#include "ledger.h"
#include "random.h"

enum {
    PORT = 5001,
    PERIOD = 65521, /* The greatest prime of 16 bits. */
    CHUNK = 65536,  /* Bytes given in one call. */
    SPANS = 16,
    HEADERS = 120,        /* IPv4 and TCP at their longest. */
    PACKETS_FOR_ONE = 50, /* Both ways, for each that a clean road needs. */
    SPINS_MAX = 100000,   /* Events at one moment. */
};

#define START LA_SECOND
#define MONTH (30 * 86400 * LA_SECOND)
#define BUFFER_MAX (INT64_C(128) << 20) /* Windows are bounded by the road and not by the settings. */

struct haul {
    const struct sim_haul_config *config;
    struct sim_haul_result *result;
    la_time now;
    la_time resolution;
    struct la_stack *sender, *receiver;
    la_sock out, listener, in; /* `in` is -1 before it is accepted. */
    struct sim_road *there, *back;
    struct sim_ledger ledger;
    uint8_t *pattern; /* PERIOD + CHUNK bytes. */
    uint32_t written, read;
    bool connected, writable, failed;
    uint32_t iss;
    la_time moved_at, rto; /* RCV.NXT's last step, and the timeout in force since. */
    bool rto_stale;        /* The sender has not heard of that step yet. */
    unsigned spins;
};

static void fail(struct haul *h, const char *format, ...) {
    va_list arguments;
    if (h->failed) return;
    h->failed = true;
    va_start(arguments, format);
    vsnprintf(h->result->why, sizeof h->result->why, format, arguments);
    va_end(arguments);
}

/* --- The stacks' clock --- */

static la_time stack_time(const struct haul *h) { return h->now / h->resolution * h->resolution; }

static la_time timer_due(const struct haul *h, const struct la_stack *stack) {
    la_time at = la_poll_at(stack);
    if (at > LA_NEVER - h->resolution) return LA_NEVER;
    return (at + h->resolution - 1) / h->resolution * h->resolution;
}

/* --- Stalls --- */

uint32_t sim_stall_tenths_allowed(unsigned drops) {
    uint32_t rtos = (1u << (drops < 20 ? drops : 20)) + 1;
    return 10 * (rtos > SIM_STALL_RTOS ? rtos : SIM_STALL_RTOS);
}

static void keep_longer(struct sim_stall *kept, const struct sim_stall *stall) {
    if (stall->rto_tenths > kept->rto_tenths) *kept = *stall;
}

static void stall_ended(struct haul *h, uint32_t waited_for) {
    struct sim_haul_result *result = h->result;
    struct sim_stall stall = {.began = h->moved_at - START, .lasted = h->now - h->moved_at, .rto = h->rto};
    stall.rto_tenths = (uint32_t)(10 * stall.lasted / stall.rto);
    if (stall.rto_tenths <= result->stall.rto_tenths && stall.rto_tenths <= 10 * SIM_STALL_RTOS) return;
    stall.drops = sim_ledger_drops_of(&h->ledger, waited_for);
    keep_longer(&result->stall, &stall);
    if (stall.rto_tenths > sim_stall_tenths_allowed(stall.drops)) keep_longer(&result->unexplained, &stall);
}

/* The timeout in force is the one that the sender's timer runs with once it has heard of the receiver's last step. */
static void look_at_timeout(struct haul *h) {
    struct la_conn_info info;
    if (!h->rto_stale) return;
    if (la_conn_info(h->sender, h->out, &info) != 0) return fail(h, "the sender's connection is gone");
    if (info.snd_una - h->iss - 1 < h->read || info.backoff) return;
    h->rto_stale = false;
    if (info.rto) h->rto = info.rto;
}

/* --- The sender --- */

/* The stretch of the stream that a packet of the sender carries; its headers are IPv4 without options, and TCP. */
static struct sim_stretch carried(struct haul *h, const uint8_t *head, size_t len) {
    struct sim_stretch none = {0, 0};
    if (len < 40 || head[0] != 0x45 || head[9] != 6) {
        fail(h, "the sender sent what is not TCP over IPv4");
        return none;
    }
    uint32_t seq = (uint32_t)head[24] << 24 | (uint32_t)head[25] << 16 | (uint32_t)head[26] << 8 | head[27];
    uint32_t data = (uint32_t)len - 20 - (head[32] >> 4) * 4u;
    if (head[33] & 2) h->iss = seq;
    return data ? (struct sim_stretch){seq - h->iss - 1, seq - h->iss - 1 + data} : none;
}

static void enter_in_ledger(struct haul *h, const struct la_packet *packet, bool dropped) {
    uint8_t head[HEADERS];
    la_packet_copy(packet, head, sizeof head);
    struct sim_stretch stretch = carried(h, head, packet->len);
    if (stretch.to) sim_ledger_note(&h->ledger, stretch.from, stretch.to, dropped);
}

static void see(struct haul *h, unsigned from, const struct la_packet *packet) {
    uint64_t enough = 1000 + PACKETS_FOR_ONE * (uint64_t)(h->config->bytes / SIM_HAUL_PAYLOAD);
    if (++h->result->packets > enough)
        fail(h, "after %u bytes, many times more packets than it takes", (unsigned)h->read);
    if (h->config->packet) h->config->packet(h->config->ctx, h->now, from, packet);
}

static void sender_sends(struct haul *h) {
    struct la_packet packet;
    while (!h->failed && la_output(h->sender, -1, &packet, stack_time(h))) {
        see(h, 0, &packet);
        enum sim_fate fate = sim_road_send(h->there, &packet, h->now);
        enter_in_ledger(h, &packet, fate != SIM_CARRIED);
        if (fate == SIM_LOST) h->result->lost++;
        if (fate == SIM_FULL) h->result->full++;
    }
}

static void sender_writes(struct haul *h) {
    while (h->writable && h->written < h->config->bytes) {
        uint32_t left = h->config->bytes - h->written, len = left < CHUNK ? left : CHUNK;
        int64_t n = la_send(h->sender, h->out, h->pattern + h->written % PERIOD, len, 0, stack_time(h));
        if (n < len) h->writable = false;
        if (n > 0) h->written += (uint32_t)n;
        if (n < 0 && n != -LA_EAGAIN) return fail(h, "send: %s", la_errno_text((int)-n));
    }
}

static void sender_works(struct haul *h) {
    struct la_event event;
    while (la_next_event(h->sender, &event)) {
        if (event.events & LA_EV_ERROR) return fail(h, "the sender's connection has failed");
        if (event.events & LA_EV_CONNECTED && !h->connected) {
            h->connected = h->rto_stale = true;
            h->moved_at = h->now;
        }
        if (event.events & (LA_EV_CONNECTED | LA_EV_WRITABLE)) h->writable = true;
    }
    if (h->connected) {
        look_at_timeout(h);
        sender_writes(h);
    }
    sender_sends(h);
}

/* --- The receiver --- */

static bool right(const struct haul *h, uint32_t at, const uint8_t *data, size_t len) {
    for (size_t done = 0; done < len;) {
        size_t step = len - done < CHUNK ? len - done : CHUNK;
        if (memcmp(data + done, h->pattern + (at + done) % PERIOD, step) != 0) return false;
        done += step;
    }
    return true;
}

static void receiver_reads(struct haul *h) {
    uint32_t before = h->read;
    for (;;) {
        struct la_span span[SPANS];
        unsigned count;
        int64_t n = la_peek(h->receiver, h->in, span, SPANS, &count);
        if (n == -LA_EAGAIN) break;
        if (n <= 0) return fail(h, "receive: %s", n ? la_errno_text((int)-n) : "end of file before the end");
        for (unsigned i = 0; i < count; i++) {
            if (!right(h, h->read, span[i].data, span[i].len))
                return fail(h, "wrong bytes after %u", (unsigned)h->read);
            h->read += (uint32_t)span[i].len;
        }
        la_consume(h->receiver, h->in, (size_t)n, stack_time(h));
    }
    if (h->read == before) return;
    stall_ended(h, before);
    h->moved_at = h->now;
    h->rto_stale = true;
}

static void receiver_works(struct haul *h) {
    struct la_event event;
    struct la_packet packet;
    while (la_next_event(h->receiver, &event)) {
        if (event.events & LA_EV_ERROR) return fail(h, "the receiver's connection has failed");
        if (event.events & LA_EV_ACCEPTED) h->in = la_accept(h->receiver, h->listener, NULL);
    }
    if (h->in >= 0) receiver_reads(h);
    while (!h->failed && la_output(h->receiver, -1, &packet, stack_time(h))) {
        see(h, 1, &packet);
        sim_road_send(h->back, &packet, h->now);
    }
}

static uint64_t refusals(const struct haul *h) {
    return la_dropped(h->receiver, LA_D_PAWS) + la_dropped(h->receiver, LA_D_OOO_FULL);
}

/* A receiver may drop what it misses, too: a segment that was overtaken by older data sent again has a timestamp that
 * looks old (RFC 7323, 5.3), and gaps are kept in bounded memory. That is one more way to lose a segment. */
static void receiver_takes(struct haul *h, const uint8_t *packet, size_t len) {
    uint64_t before = refusals(h);
    la_input(h->receiver, 0, packet, len, stack_time(h));
    if (refusals(h) == before) return;
    struct sim_stretch stretch = carried(h, packet, len);
    if (stretch.to <= h->read) return;
    h->result->refused++;
    sim_ledger_dropped(&h->ledger, stretch.from, stretch.to);
}

/* --- The clock --- */

static la_time earlier(la_time a, la_time b) { return a < b ? a : b; }

static void step(struct haul *h) {
    la_time sender_due = timer_due(h, h->sender), receiver_due = timer_due(h, h->receiver);
    la_time next = earlier(earlier(sender_due, receiver_due), earlier(sim_road_due(h->there), sim_road_due(h->back)));
    const uint8_t *packet;
    size_t len;
    if (next == LA_NEVER) return fail(h, "after %u bytes nothing moves and no timer runs", (unsigned)h->read);
    if (next > START + MONTH) return fail(h, "not done after a month");
    h->spins = next > h->now ? 0 : h->spins + 1;
    if (h->spins > SPINS_MAX) return fail(h, "a timer is always due");
    if (next > h->now) h->now = next;
    if (sender_due <= h->now) {
        la_tick(h->sender, stack_time(h));
        sender_works(h);
    }
    if (receiver_due <= h->now) {
        la_tick(h->receiver, stack_time(h));
        receiver_works(h);
    }
    while ((packet = sim_road_take(h->there, h->now, &len))) {
        receiver_takes(h, packet, len);
        receiver_works(h);
    }
    while ((packet = sim_road_take(h->back, h->now, &len))) {
        la_input(h->sender, 0, packet, len, stack_time(h));
        sender_works(h);
    }
}

/* --- Making and ending it --- */

static void *take(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}

static void give(void *ctx, void *ptr, size_t size) {
    (void)ctx, (void)size;
    free(ptr);
}

static bool set_all(struct haul *h, struct la_stack *stack) {
    static const struct sim_haul_setting own[] = {
        {"net.ipv4.tcp_rmem_max", BUFFER_MAX},
        {"net.ipv4.tcp_wmem_max", BUFFER_MAX},
    };
    unsigned nown = sizeof own / sizeof own[0];
    for (unsigned i = 0; i < nown + h->config->nsettings; i++) {
        const struct sim_haul_setting *s = i < nown ? &own[i] : &h->config->settings[i - nown];
        if (la_set(stack, s->name, s->value) == 0) continue;
        fail(h, "%s cannot be %lld", s->name, (long long)s->value);
        return false;
    }
    return true;
}

static struct la_stack *stack_new(struct haul *h, uint8_t last) {
    struct la_config config = {.alloc = {take, give, NULL}, .memory_max = SIZE_MAX / 2};
    struct la_iface_config iface = {
        .link = LA_LINK_IP, .mtu = SIM_HAUL_MTU, .rx_csum_done = true, .tx_csum_by_dev = true};
    struct sim_random random = {h->config->seed + last};
    struct la_addr addr = la_addr4(10, 0, 0, last);
    struct la_stack *stack = NULL;
    for (size_t i = 0; i < sizeof config.seed; i++) config.seed[i] = (uint8_t)sim_next(&random);
    if (la_stack_create(&config, &stack) != 0) abort();
    if (la_iface_add(stack, &iface) != 0 || la_addr_add(stack, 0, &addr, 24) != 0) abort();
    set_all(h, stack);
    return stack;
}

static void open_connection(struct haul *h) {
    struct la_endpoint at = {.addr = la_addr4(10, 0, 0, 2), .port = PORT};
    h->listener = la_socket(h->receiver, LA_AF_INET, LA_SOCK_STREAM);
    h->out = la_socket(h->sender, LA_AF_INET, LA_SOCK_STREAM);
    h->in = -1;
    if (la_bind(h->receiver, h->listener, &at) != 0 || la_listen(h->receiver, h->listener, 1) != 0 ||
        la_connect(h->sender, h->out, &at, stack_time(h)) != -LA_EINPROGRESS)
        fail(h, "no connection could be begun");
}

static void build_roads(struct haul *h, struct sim_random *random) {
    struct sim_road_config there = h->config->there, back = {.delay = h->config->back_delay};
    there.packet_max = back.packet_max = SIM_HAUL_MTU;
    there.seed = sim_next(random);
    h->there = sim_road_new(&there);
    h->back = sim_road_new(&back);
}

static void haul_begin(struct haul *h) {
    struct sim_random random = {h->config->seed};
    h->now = h->moved_at = START;
    h->rto = LA_SECOND; /* RFC 6298, 2.1: before the first measurement. */
    h->resolution = h->config->resolution ? h->config->resolution : 1;
    h->pattern = malloc(PERIOD + CHUNK);
    if (!h->pattern) abort();
    for (size_t i = 0; i < PERIOD; i++) h->pattern[i] = (uint8_t)sim_next(&random);
    for (size_t i = 0; i < CHUNK; i++) h->pattern[PERIOD + i] = h->pattern[i % PERIOD];
    build_roads(h, &random);
    h->sender = stack_new(h, 1);
    h->receiver = stack_new(h, 2);
    if (!h->failed) open_connection(h);
    if (!h->failed) sender_works(h);
}

static void haul_end(struct haul *h) {
    struct sim_haul_result *result = h->result;
    result->ok = !h->failed;
    result->took = h->now - START;
    result->sent = h->ledger.sent;
    result->again = h->ledger.again;
    result->spurious = h->ledger.spurious;
    result->timeouts = la_counter(h->sender, LA_C_RTOS);
    la_stack_destroy(h->sender);
    la_stack_destroy(h->receiver);
    sim_road_free(h->there);
    sim_road_free(h->back);
    sim_ledger_free(&h->ledger);
    free(h->pattern);
}

void sim_haul(const struct sim_haul_config *config, struct sim_haul_result *result) {
    struct haul h = {.config = config, .result = result};
    memset(result, 0, sizeof *result);
    haul_begin(&h);
    while (!h.failed && h.read < config->bytes) step(&h);
    haul_end(&h);
}
