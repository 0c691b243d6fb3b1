/* The rig (see rig.h for its use).
 *
 * Comes in: segments as literals, the user's verbs, time. Goes out: every packet that the stack gives is taken at once,
 * parsed, checked (addresses, checksum, payload against the pattern) and queued in order; tx() compares the head of
 * that queue. Owned: the stack, the queue, the clock. A packet belongs to the conversation with its peer port, which is
 * how the stack's initial sequence numbers are learned. rx() takes what is pending before and after it injects, so that
 * the order of the queue is the order on the wire. */
#include "support/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig rig;

struct sent {
    uint8_t bytes[2048];
    size_t len;
    bool is_tcp;
    struct la_segment seg; /* seg.data points into bytes. */
};

static struct {
    struct sent at[RIG_QUEUE];
    unsigned first, count;
} queue;

/* --- Memory, addresses, patterns --- */

static void *rig_alloc(void *ctx, size_t size) {
    (void)ctx;
    rig.allocated += size;
    return malloc(size);
}

static void rig_free(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    assert_true(rig.allocated >= size);
    rig.allocated -= size;
    free(ptr);
}

static struct la_addr address(bool v6, bool local) {
    struct la_addr a = la_addr4(10, 0, 0, local ? 2 : 1);
    if (v6) assert_true(la_addr_parse(local ? "fd00::2" : "fd00::1", &a));
    return a;
}

struct la_endpoint rig_local(void) {
    return (struct la_endpoint){.addr = address(rig.t->v6, true), .port = rig.t->lport};
}

struct la_endpoint rig_peer(void) {
    return (struct la_endpoint){.addr = address(rig.t->v6, false), .port = rig.t->rport};
}

/* --- Fixture --- */

static void start(const char *profile) {
    static const struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = 1500};
    struct la_config config = {.alloc = {rig_alloc, rig_free, NULL}, .profile = profile, .trace_entries = 256};
    config.check = true;
    for (unsigned i = 0; i < sizeof config.seed; i++) config.seed[i] = (uint8_t)(i * 11 + 3);
    memset(&rig, 0, sizeof rig);
    queue.first = queue.count = 0;
    rig.now = 1000 * LA_SECOND;
    rig.listener = -1;
    assert_int_equal(la_stack_create(&config, &rig.stack), 0);
    la_tick(rig.stack, rig.now);
    assert_int_equal(la_iface_add(rig.stack, &iface), 0);
    struct la_addr four = address(false, true), six = address(true, true);
    assert_int_equal(la_addr_add(rig.stack, 0, &four, 24), 0);
    assert_int_equal(la_addr_add(rig.stack, 0, &six, 64), 0);
    talk(0);
    tx_skip();
}

int rig_setup(void **unused) {
    (void)unused;
    start(NULL);
    return 0;
}

/* Everything that the stack took it gives back, in whatever state the test left it. */
int rig_teardown(void **unused) {
    (void)unused;
    la_stack_destroy(rig.stack);
    rig.stack = NULL;
    return rig.allocated == 0 ? 0 : -1;
}

void rig_restart(const char *profile) {
    assert_int_equal(rig_teardown(NULL), 0);
    start(profile);
}

void talk(unsigned n) {
    assert_true(n < RIG_TALKS);
    rig.t = &rig.talks[n];
    if (rig.t->used) return;
    *rig.t = (struct talk){.used = true, .rport = (uint16_t)(4000 + n), .sock = -1, .mss = 1460, .wscale = -1};
    rig.t->irs = 0xfffff000u + n * 0x10000u; /* Streams cross the wrap of sequence numbers. */
    rig.t->ts_val = 1000;
}

void talk_again(uint32_t irs) {
    rig.t->irs = irs;
    rig.t->iss_known = false;
    rig.t->sent = rig.t->read = 0;
    rig.t->events = 0;
    rig.t->edge = 0;
}

/* --- What leaves the stack --- */

static struct talk *talk_of(const struct la_segment *s) {
    for (unsigned i = 0; i < RIG_TALKS; i++)
        if (rig.talks[i].used && rig.talks[i].rport == s->dst.port) return &rig.talks[i];
    return NULL;
}

static void check_payload(const struct talk *t, const struct la_segment *s) {
    for (size_t i = 0; i < s->len; i++) {
        uint64_t k = (uint32_t)(s->seq - t->iss - 1) + i;
        if (k < t->sent && s->data[i] != rig_pattern(k)) fail_msg("byte %llu was sent wrong", (unsigned long long)k);
    }
}

/* Notes what the segment tells about the stack's side. */
static void learn(struct talk *t, const struct la_segment *s) {
    if (s->flags & RST) return;
    if ((s->flags & SYN) && !t->iss_known) {
        t->iss = s->seq;
        t->iss_known = true;
        if (t->lport == 0) t->lport = s->src.port;
        t->scale = s->wscale > 0 && t->wscale >= 0 ? (uint8_t)s->wscale : 0;
    }
    if (s->has_ts) t->ts_seen = s->ts_val;
    t->wnd = s->wnd;
    uint32_t edge = s->ack + ((uint32_t)s->wnd << ((s->flags & SYN) ? 0 : t->scale));
    if ((s->flags & ACK) && (t->edge == 0 || (int32_t)(edge - t->edge) > 0)) t->edge = edge;
    check_payload(t, s);
}

static void take(const struct la_packet *packet) {
    assert_true(queue.count < RIG_QUEUE);
    struct sent *s = &queue.at[(queue.first + queue.count++) % RIG_QUEUE];
    s->len = la_packet_copy(packet, s->bytes, sizeof s->bytes);
    assert_int_equal(s->len, packet->len);
    assert_true(packet->len <= 1500);
    s->is_tcp = la_segment_parse(LA_LINK_IP, s->bytes, s->len, &s->seg);
    if (!s->is_tcp) return;
    assert_true(s->seg.csum_ok);
    struct talk *t = talk_of(&s->seg);
    if (t) learn(t, &s->seg);
}

void rig_pump(void) {
    struct la_packet packet;
    unsigned n = 0;
    while (la_output(rig.stack, -1, &packet, rig.now)) {
        take(&packet);
        if (++n > RIG_QUEUE) fail_msg("la_output never ends");
    }
}

uint32_t rig_r(uint32_t n) { return rig.t->irs + n; }

uint32_t rig_l(uint32_t n) {
    if (!rig.t->iss_known) rig_pump();
    return rig.t->iss + n;
}

/* --- Text --- */

static void print_segment(const char *what, const struct la_segment *s) {
    char text[512];
    struct la_segment copy = *s;
    copy.seq -= rig.t->iss;
    if (copy.flags & ACK) copy.ack -= rig.t->irs;
    for (unsigned i = 0; i < copy.nsack; i++) {
        copy.sack[i].from -= rig.t->irs;
        copy.sack[i].to -= rig.t->irs;
    }
    la_segment_text(&copy, text, sizeof text);
    print_error("  %s %s\n", what, text);
}

const char *rig_drops_text(void) {
    static char text[512];
    size_t at = 0;
    text[0] = 0;
    for (int d = 0; d < LA_NDROPS; d++) {
        uint64_t n = la_dropped(rig.stack, (enum la_drop)d) - rig.dropped[d];
        if (n == 0 || at + 64 > sizeof text) continue;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s x%llu", at ? ", " : "", la_drop_name((enum la_drop)d),
                               (unsigned long long)n);
    }
    return at ? text : "none";
}

void rig_explain(void) {
    struct la_conn_info info;
    print_error("  drops since the last rx: %s\n", rig_drops_text());
    if (!rig_info(&info)) {
        print_error("  no such connection; state by the rig: %s\n", la_state_name(rig_state()));
        return;
    }
    print_error("  %s%s, una %u nxt %u wnd %u, rcv_nxt %u wnd %u, queues %u/%u, ooo %u, rto %llu ms, cwnd %u\n",
                la_state_name(info.state), info.compact ? " (record)" : "", info.snd_una - rig.t->iss,
                info.snd_nxt - rig.t->iss, info.snd_wnd, info.rcv_nxt - rig.t->irs, info.rcv_wnd, info.recv_queue,
                info.send_queue, info.out_of_order, (unsigned long long)(info.rto / LA_MS), info.cwnd);
    for (int i = 0; i < LA_NTIMERS; i++)
        if (info.timer_at[i] != LA_NEVER)
            print_error("  timer %s in %lld ms\n", la_timer_name((enum la_timer)i),
                        ((long long)info.timer_at[i] - (long long)rig.now) / (long long)LA_MS);
    for (unsigned i = 0; i < info.nhistory; i++) {
        char why[128];
        la_cause_text(&info.history[i], why, sizeof why);
        print_error("  %8llu ms: %s -> %s by %s\n", (unsigned long long)(info.history[i].at / LA_MS),
                    la_state_name((enum la_state)info.history[i].from),
                    la_state_name((enum la_state)info.history[i].to), why);
    }
}

static void failed(const char *file, int line) {
    rig_explain();
    fail_msg("see above, %s:%d", file, line);
}

/* --- The wire --- */

static void note_drops(void) {
    for (int d = 0; d < LA_NDROPS; d++) rig.dropped[d] = la_dropped(rig.stack, (enum la_drop)d);
}

void rx_raw(const void *packet, size_t len) {
    rig_pump();
    note_drops();
    la_input(rig.stack, 0, packet, len, rig.now);
    rig_pump();
}

static void rx_options(const struct seg *s, struct la_segment *out) {
    const struct talk *t = rig.t;
    bool syn = (s->flags & SYN) != 0;
    out->wscale = -1;
    if (syn) {
        out->mss = s->mss ? s->mss : t->mss;
        out->sack_ok = s->sack_ok || t->sack;
        if (t->wscale >= 0) out->wscale = (int8_t)t->wscale;
        if (s->wscale) out->wscale = (int8_t)(s->wscale - 1);
    }
    out->has_ts = s->ts || (t->ts && !s->no_ts && !(s->flags & RST));
    out->ts_val = s->ts ? s->ts_val : t->ts_val;
    out->ts_ecr = s->ts ? s->ts_ecr : ((s->flags & ACK) ? t->ts_seen : 0);
    out->nsack = s->nsack;
    memcpy(out->sack, s->sack, sizeof out->sack);
}

void rig_rx(const struct seg *s) {
    static uint8_t data[65536], packet[65536 + 128];
    struct la_segment out = {.src = rig_peer(), .dst = rig_local(), .seq = s->seq, .flags = s->flags, .ttl = 64};
    out.ack = s->ack;
    out.wnd = s->wnd == 0 ? 65535 : s->wnd == WND0 ? 0 : (uint16_t)s->wnd;
    out.csum_ok = true;
    rx_options(s, &out);
    uint32_t first = s->seq - rig.t->irs - (s->flags & SYN ? 0 : 1);
    for (uint32_t i = 0; i < s->len; i++) data[i] = rig_pattern((uint64_t)first + i);
    out.data = data;
    out.len = s->len;
    size_t len = la_segment_build(&out, packet, sizeof packet);
    assert_true(len > 0);
    rx_raw(packet, len);
}

/* What differs, or NULL. */
static const char *difference(const struct seg *want, const struct la_segment *got) {
    uint16_t ignore = (want->flags & PSH) ? 0 : PSH;
    if ((got->flags & ~ignore) != (want->flags & ~ignore)) return "flags";
    if (got->seq != want->seq) return "sequence number";
    if ((got->flags & ACK) && got->ack != want->ack) return "acknowledgment number";
    if (got->len != want->len) return "length";
    if (want->wnd != 0 && got->wnd != (want->wnd == WND0 ? 0 : want->wnd)) return "window";
    if (want->mss != 0 && got->mss != want->mss) return "MSS option";
    if (want->wscale != 0 && got->wscale != want->wscale - 1) return "window scale option";
    if (want->sack_ok && !got->sack_ok) return "SACK-permitted option";
    if (want->ts && (!got->has_ts || got->ts_ecr != want->ts_ecr)) return "timestamp option";
    if (want->no_ts && got->has_ts) return "timestamp option (none was expected)";
    if (want->no_sack && got->nsack) return "SACK blocks (none were expected)";
    if (want->nsack && got->nsack != want->nsack) return "number of SACK blocks";
    if (want->nsack && memcmp(got->sack, want->sack, want->nsack * sizeof want->sack[0]) != 0) return "SACK blocks";
    return NULL;
}

static struct sent *head(void) {
    rig_pump();
    if (queue.count == 0) return NULL;
    struct sent *s = &queue.at[queue.first];
    queue.first = (queue.first + 1) % RIG_QUEUE;
    queue.count--;
    return s;
}

static void print_expected(const struct seg *s) {
    struct la_endpoint local = rig_local(), peer = rig_peer();
    struct la_segment want = {.src = local, .dst = peer, .seq = s->seq, .ack = s->ack, .flags = s->flags};
    want.wnd = s->wnd == WND0 ? 0 : (uint16_t)s->wnd;
    want.mss = s->mss;
    want.wscale = (int8_t)(s->wscale - 1);
    want.len = s->len;
    want.nsack = s->nsack;
    memcpy(want.sack, s->sack, sizeof want.sack);
    print_segment("expected:", &want);
}

void rig_tx(const struct seg *want, const char *file, int line) {
    const struct sent *got = head();
    const char *differs = got == NULL ? "it: nothing was sent" : !got->is_tcp ? "protocol" : NULL;
    if (differs == NULL) {
        struct la_endpoint local = rig_local(), peer = rig_peer();
        bool same = la_addr_equal(&got->seg.src.addr, &local.addr) && la_addr_equal(&got->seg.dst.addr, &peer.addr) &&
                    got->seg.src.port == local.port && got->seg.dst.port == peer.port;
        differs = same ? difference(want, &got->seg) : "addresses or ports";
    }
    if (differs == NULL) return;
    print_error("tx at %s:%d differs in %s\n", file, line, differs);
    print_expected(want);
    if (got && got->is_tcp) print_segment("sent:    ", &got->seg);
    failed(file, line);
}

void rig_tx_none(const char *file, int line) {
    const struct sent *got = head();
    if (got == NULL) return;
    print_error("tx_none at %s:%d, but something was sent\n", file, line);
    if (got->is_tcp) print_segment("sent:    ", &got->seg);
    failed(file, line);
}

bool tx_any(struct la_segment *s) {
    const struct sent *got = head();
    if (got == NULL) return false;
    if (!got->is_tcp)
        memset(s, 0, sizeof *s);
    else
        *s = got->seg;
    return true;
}

unsigned tx_skip(void) {
    unsigned n = 0;
    while (head()) n++;
    return n;
}

static uint16_t icmp_sum(const uint8_t *bytes, size_t len, uint32_t sum) {
    for (size_t i = 0; i < len; i++) sum += (i & 1) ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put16(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void icmp_ip4(uint8_t *packet, size_t len) {
    static const uint8_t head4[20] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
    memcpy(packet, head4, sizeof head4);
    put16(packet + 2, (uint32_t)len);
    put16(packet + 10, icmp_sum(packet, 20, 0));
    put16(packet + 22, icmp_sum(packet + 20, len - 20, 0));
}

static void icmp_ip6(uint8_t *packet, size_t len) {
    struct la_addr src = address(true, false), dst = address(true, true);
    packet[0] = 0x60;
    put16(packet + 4, (uint32_t)(len - 40));
    packet[6] = 58;
    packet[7] = 64;
    memcpy(packet + 8, src.bytes, 16);
    memcpy(packet + 24, dst.bytes, 16);
    uint32_t pseudo = 0;
    for (unsigned i = 8; i < 40; i += 2) pseudo += (uint32_t)packet[i] << 8 | packet[i + 1];
    put16(packet + 42, icmp_sum(packet + 40, len - 40, pseudo + 58 + (uint32_t)(len - 40)));
}

void rx_icmp(uint8_t type, uint8_t code, uint16_t mtu, uint32_t quoted_seq) {
    uint8_t packet[256] = {0}, quoted[128];
    struct la_segment seg = {.src = rig_local(), .dst = rig_peer(), .seq = quoted_seq, .ack = R(1), .flags = ACK};
    seg.wscale = -1;
    seg.ttl = 60;
    seg.csum_ok = true;
    size_t qlen = la_segment_build(&seg, quoted, sizeof quoted);
    size_t ip = rig.t->v6 ? 40 : 20, keep = rig.t->v6 ? qlen : 28;
    packet[ip] = type;
    packet[ip + 1] = code;
    put16(packet + ip + 6, mtu);
    memcpy(packet + ip + 8, quoted, keep);
    if (rig.t->v6)
        icmp_ip6(packet, ip + 8 + keep);
    else
        icmp_ip4(packet, ip + 8 + keep);
    rx_raw(packet, ip + 8 + keep);
}

/* --- Time --- */

/* One step towards `until`; false when it is reached. */
static bool step(la_time until) {
    la_time next = la_poll_at(rig.stack);
    bool last = next > until;
    rig.now = last ? until : next > rig.now ? next : rig.now;
    la_tick(rig.stack, rig.now);
    rig_pump();
    return !last;
}

void advance(uint64_t ms) {
    la_time until = rig.now + ms * LA_MS, before = 0;
    unsigned still = 0;
    rig_pump();
    while (step(until)) {
        still = rig.now == before ? still + 1 : 0;
        before = rig.now;
        if (still > 1000) fail_msg("la_poll_at does not move");
    }
}

uint64_t rig_wait_tx(uint64_t max, const char *file, int line) {
    la_time begun = rig.now, until = rig.now + max * LA_MS;
    rig_pump();
    while (queue.count == 0 && step(until)) {
    }
    if (queue.count == 0) {
        print_error("wait_tx at %s:%d: nothing was sent within %llu ms\n", file, line, (unsigned long long)max);
        failed(file, line);
    }
    return (rig.now - begun) / LA_MS;
}

/* --- What became of it --- */

bool rig_info(struct la_conn_info *info) {
    struct la_endpoint local = rig_local(), peer = rig_peer();
    uint64_t cursor = 0;
    bool found = false;
    struct la_conn_info i;
    while (la_conn_next(rig.stack, &cursor, &i)) {
        if (i.peer.port != peer.port || !la_addr_equal(&i.peer.addr, &peer.addr)) continue;
        if (local.port && (i.local.port != local.port || !la_addr_equal(&i.local.addr, &local.addr))) continue;
        if (found && i.state == LA_CLOSED) continue;
        *info = i;
        found = true;
    }
    return found;
}

enum la_state rig_state(void) {
    struct la_conn_info info;
    return rig_info(&info) ? info.state : LA_CLOSED;
}

void rig_check_state(enum la_state want, const char *file, int line) {
    enum la_state is = rig_state();
    if (is == want) return;
    print_error("state at %s:%d is %s, expected %s\n", file, line, la_state_name(is), la_state_name(want));
    failed(file, line);
}

void rig_check_drop(enum la_drop want, const char *file, int line) {
    uint64_t all = 0, wanted = 0;
    for (int d = 0; d < LA_NDROPS; d++) {
        uint64_t n = la_dropped(rig.stack, (enum la_drop)d) - rig.dropped[d];
        all += n;
        if (d == (int)want) wanted = n;
    }
    if (want == LA_D_NONE ? all == 0 : wanted == 1) return;
    print_error("drop at %s:%d: expected %s\n", file, line, la_drop_name(want));
    failed(file, line);
}

uint32_t events(void) {
    struct la_event event;
    while (la_next_event(rig.stack, &event))
        for (unsigned i = 0; i < RIG_TALKS; i++)
            if (rig.talks[i].used && rig.talks[i].sock == event.sock) rig.talks[i].events |= event.events;
    uint32_t got = rig.t->events;
    rig.t->events = 0;
    return got;
}
