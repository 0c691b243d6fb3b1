/* Streams of segments into one connection.
 *
 * Comes in: bytes. The first chooses the opening (profile, family, side, options); the rest are operations: segments
 * whose numbers are relative to the connection's current ones, calls of its user, ICMP errors, steps of time, and bytes
 * as a packet. The stack checks every invariant of the connection after each (config.check). Afterwards the user
 * closes, the peer is silent, and within days nothing may be left (no state waits for ever) and all memory comes
 * back. */
#include <lastack/info.h>
#include <lastack/segment.h>
#include <lastack/socket.h>
#include <lastack/stack.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *data;
    size_t len;
};

struct world {
    struct la_stack *stack;
    la_time now;
    bool v6;
    struct la_endpoint local, peer;
    la_sock listener, sock;
    struct la_conn_info conn; /* Latest known. */
    size_t allocated;
    uint32_t ts;
};

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) __builtin_trap();                                                                            \
    } while (0)

static void *take(void *ctx, size_t size) {
    ((struct world *)ctx)->allocated += size;
    return malloc(size);
}

static void give(void *ctx, void *ptr, size_t size) {
    ((struct world *)ctx)->allocated -= size;
    free(ptr);
}

static unsigned byte(struct input *in) {
    if (in->len == 0) return 0;
    in->len--;
    return *in->data++;
}

static unsigned word(struct input *in) {
    unsigned high = byte(in);
    return high << 8 | byte(in);
}

/* --- The wire --- */

/* The segments that leave teach nothing here; they only have to be well formed. */
static void pump(struct world *w) {
    static uint8_t bytes[65536];
    struct la_packet packet;
    struct la_segment seg;
    unsigned n = 0;
    while (la_output(w->stack, -1, &packet, w->now)) {
        size_t len = la_packet_copy(&packet, bytes, sizeof bytes);
        REQUIRE(len == packet.len && len <= 1500);
        if (la_segment_parse(LA_LINK_IP, bytes, len, &seg)) {
            REQUIRE(seg.csum_ok);
            if (w->local.port == 0) w->local.port = seg.src.port;
        }
        REQUIRE(++n < 10000);
    }
}

static void look(struct world *w) {
    uint64_t cursor = 0;
    struct la_conn_info info;
    while (la_conn_next(w->stack, &cursor, &info))
        if (info.peer.port == w->peer.port) w->conn = info;
}

static void feed(struct world *w, const struct la_segment *s) {
    static uint8_t bytes[66000];
    size_t len = la_segment_build(s, bytes, sizeof bytes);
    if (len > 0) la_input(w->stack, 0, bytes, len, w->now);
    pump(w);
}

static uint32_t near_number(struct input *in, uint32_t base, uint32_t span) {
    unsigned kind = byte(in);
    switch (kind & 7) {
    case 0:
    case 1:
    case 2: return base;
    case 3: return base + (kind >> 3);
    case 4: return base - (kind >> 3);
    case 5: return base + span - (kind >> 3);
    case 6: return base - 32768u + word(in);
    default: return base + (word(in) << 16 | word(in));
    }
}

static void options(struct world *w, struct input *in, struct la_segment *s) {
    unsigned kind = byte(in);
    s->wscale = -1;
    if (kind & 1) {
        s->has_ts = true;
        w->ts += kind & 2 ? 1 : 0;
        s->ts_val = kind & 4 ? near_number(in, w->ts, 100) : w->ts;
        s->ts_ecr = kind & 8 ? word(in) : (uint32_t)(w->now / LA_MS);
    }
    if (kind & 16) {
        s->nsack = 1 + (kind >> 6);
        for (unsigned i = 0; i < s->nsack && i < 4; i++) {
            s->sack[i].from = near_number(in, w->conn.snd_una, 3000);
            s->sack[i].to = s->sack[i].from + word(in);
        }
        if (s->nsack > 3) s->nsack = 3;
    }
    if (!(s->flags & LA_SYN) || !(kind & 32)) return;
    s->mss = (uint16_t)word(in);
    s->sack_ok = kind & 64;
    s->wscale = (int8_t)(byte(in) % 17) - 1;
}

static void segment(struct world *w, struct input *in, unsigned op) {
    static const uint16_t common[] = {LA_ACK,          LA_ACK | LA_PSH, LA_FIN | LA_ACK, LA_SYN,
                                      LA_SYN | LA_ACK, LA_RST,          LA_RST | LA_ACK, 0};
    look(w);
    struct la_segment s = {.src = w->peer, .dst = w->local, .ttl = 64, .csum_ok = true};
    s.flags = common[op & 7];
    if (s.flags == 0) s.flags = (uint16_t)(word(in) & 0x1ff);
    s.seq = near_number(in, w->conn.rcv_nxt, w->conn.rcv_wnd);
    s.ack = near_number(in, op & 8 ? w->conn.snd_nxt : w->conn.snd_una, w->conn.snd_nxt - w->conn.snd_una);
    s.wnd = op & 16 ? (uint16_t)word(in) : 65535;
    if (op & 32) s.len = word(in) % 2000;
    if (op & 64)
        options(w, in, &s);
    else
        s.wscale = -1;
    s.urg = (s.flags & LA_URG) ? (uint16_t)byte(in) : 0;
    feed(w, &s);
}

/* A packet of nothing but the input's bytes behind a plausible first byte. */
static void garbage(struct world *w, struct input *in) {
    uint8_t bytes[128];
    size_t len = byte(in) % sizeof bytes;
    for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)byte(in);
    if (len) bytes[0] = w->v6 ? 0x60 : 0x45;
    la_input(w->stack, 0, bytes, len, w->now);
    pump(w);
}

/* --- Time and the user --- */

static void step(struct world *w, la_time until) {
    unsigned n = 0;
    pump(w);
    while (la_poll_at(w->stack) <= until) {
        la_time at = la_poll_at(w->stack);
        if (at > w->now) w->now = at;
        la_tick(w->stack, w->now);
        pump(w);
        REQUIRE(++n < 2000000);
    }
    w->now = until;
    la_tick(w->stack, w->now);
    pump(w);
}

static void take_events(struct world *w) {
    struct la_event event;
    for (unsigned n = 0; la_next_event(w->stack, &event); n++) REQUIRE(n < 10000);
}

static void set_option(struct world *w, struct input *in) {
    static const struct {
        int level, name;
    } all[] = {
        {LA_IPPROTO_TCP, LA_TCP_NODELAY},   {LA_IPPROTO_TCP, LA_TCP_CORK},         {LA_IPPROTO_TCP, LA_TCP_KEEPIDLE},
        {LA_IPPROTO_TCP, LA_TCP_KEEPINTVL}, {LA_IPPROTO_TCP, LA_TCP_KEEPCNT},      {LA_IPPROTO_TCP, LA_TCP_LINGER2},
        {LA_IPPROTO_TCP, LA_TCP_QUICKACK},  {LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT}, {LA_SOL_SOCKET, LA_SO_KEEPALIVE},
        {LA_SOL_SOCKET, LA_SO_RCVBUF},      {LA_SOL_SOCKET, LA_SO_SNDBUF},         {LA_IPPROTO_TCP, LA_TCP_MAXSEG}};
    unsigned i = byte(in) % (sizeof all / sizeof all[0]);
    int value = (int16_t)word(in);
    la_setsockopt(w->stack, w->sock, all[i].level, all[i].name, &value, sizeof value, w->now);
    struct la_linger linger = {value & 1, value >> 12};
    if (value & 2) la_setsockopt(w->stack, w->sock, LA_SOL_SOCKET, LA_SO_LINGER, &linger, sizeof linger, w->now);
}

static void copyless(struct world *w, struct input *in) {
    struct la_span span[4];
    struct la_room room[4];
    unsigned count = 0;
    int64_t n = la_peek(w->stack, w->sock, span, 4, &count);
    if (n > 0) la_consume(w->stack, w->sock, (size_t)n - word(in) % (size_t)n, w->now);
    n = la_reserve(w->stack, w->sock, word(in), room, 4, &count);
    if (n <= 0) return;
    for (unsigned i = 0; i < count; i++) memset(room[i].data, 1, room[i].len);
    la_commit(w->stack, w->sock, (size_t)n, w->now);
}

static void user(struct world *w, struct input *in, unsigned op) {
    static uint8_t data[65536];
    switch (op & 7) {
    case 0: la_send(w->stack, w->sock, data, word(in), 0, w->now); break;
    case 1: la_recv(w->stack, w->sock, data, word(in), op & 8 ? LA_MSG_PEEK : 0, w->now); break;
    case 2: la_shutdown(w->stack, w->sock, (int)(byte(in) % 3), w->now); break;
    case 3: set_option(w, in); break;
    case 4:
        if (w->sock < 0 && w->listener >= 0) w->sock = la_accept(w->stack, w->listener, NULL);
        break;
    case 5: copyless(w, in); break;
    case 6: take_events(w); break;
    default:
        if (op & 8)
            la_abort(w->stack, w->sock, w->now);
        else
            la_close(w->stack, w->sock, w->now);
        if (w->listener >= 0) w->sock = -1;
        break;
    }
    pump(w);
}

static void operate(struct world *w, struct input *in) {
    unsigned op = byte(in);
    if (op & 0x80)
        segment(w, in, op);
    else if (op < 0x40)
        user(w, in, op);
    else if (op < 0x50)
        step(w, w->now + (op & 15) * 10 * LA_MS);
    else if (op < 0x60)
        step(w, w->now + (1ull << (op & 15)) * LA_MS);
    else if (op < 0x70)
        garbage(w, in);
    else
        segment(w, in, 0x80 | byte(in));
}

/* --- A run --- */

static void address(struct world *w, struct la_addr *addr, bool local) {
    *addr = la_addr4(10, 0, 0, local ? 2 : 1);
    if (w->v6) la_addr_parse(local ? "fd00::2" : "fd00::1", addr);
}

static void begin(struct world *w, unsigned how) {
    static const char *const profiles[] = {"linux", "freebsd", "rfc", "linux"};
    static const struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = 1500};
    struct la_config config = {.alloc = {take, give, w}, .profile = profiles[how & 3], .check = true};
    config.trace_entries = 16;
    w->now = LA_SECOND;
    w->v6 = how & 4;
    w->listener = w->sock = -1;
    address(w, &w->local.addr, true);
    address(w, &w->peer.addr, false);
    w->peer.port = 4000;
    REQUIRE(la_stack_create(&config, &w->stack) == 0);
    REQUIRE(la_iface_add(w->stack, &iface) == 0);
    REQUIRE(la_addr_add(w->stack, 0, &w->local.addr, 24) == 0);
    la_sock sock = la_socket(w->stack, w->v6 ? LA_AF_INET6 : LA_AF_INET, LA_SOCK_STREAM);
    if (how & 8) {
        w->local.port = 80;
        REQUIRE(la_bind(w->stack, sock, &w->local) == 0);
        REQUIRE(la_listen(w->stack, sock, 4) == 0);
        w->listener = sock;
    } else {
        REQUIRE(la_connect(w->stack, sock, &w->peer, w->now) == -LA_EINPROGRESS);
        w->sock = sock;
    }
    pump(w);
}

/* The three segments of an opening, so that most inputs begin inside a connection. */
static void shake_hands(struct world *w, unsigned how) {
    struct la_segment s = {.src = w->peer, .dst = w->local, .ttl = 64, .csum_ok = true, .wnd = 65535, .mss = 1460};
    s.wscale = how & 32 ? 3 : -1;
    s.sack_ok = how & 64;
    s.has_ts = how & 128;
    s.ts_val = w->ts = 1000;
    s.seq = 0xfffffff0u;
    look(w);
    s.flags = LA_SYN;
    if (w->listener < 0) {
        s.flags |= LA_ACK;
        s.ack = w->conn.snd_nxt;
        s.ts_ecr = (uint32_t)(w->now / LA_MS);
    }
    feed(w, &s);
    if (w->listener < 0) return;
    look(w);
    struct la_segment ack = {.src = w->peer, .dst = w->local, .ttl = 64, .csum_ok = true, .wnd = 65535, .wscale = -1};
    ack.flags = LA_ACK;
    ack.seq = s.seq + 1;
    ack.ack = w->conn.snd_nxt;
    ack.has_ts = s.has_ts;
    ack.ts_val = w->ts;
    feed(w, &ack);
    w->sock = la_accept(w->stack, w->listener, NULL);
}

static void finish(struct world *w) {
    uint32_t count[LA_NSTATES];
    la_close(w->stack, w->sock, w->now);
    la_close(w->stack, w->listener, w->now);
    for (int i = 0; i < 2; i++) { /* A lingering close ends when its event is taken. */
        step(w, w->now + 2 * 24 * 3600 * LA_SECOND);
        take_events(w);
    }
    step(w, w->now + 24 * 3600 * LA_SECOND);
    la_conn_count(w->stack, count);
    for (int s = 0; s < LA_NSTATES; s++) REQUIRE(count[s] == 0);
    la_stack_destroy(w->stack);
    REQUIRE(w->allocated == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    struct world w;
    memset(&w, 0, sizeof w);
    unsigned how = byte(&in);
    begin(&w, how);
    if (how & 16) shake_hands(&w, how);
    while (in.len > 0) operate(&w, &in);
    finish(&w);
    return 0;
}
