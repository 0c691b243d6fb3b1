#include "tcp_unit.h"

#include <stdlib.h>
#include <string.h>

#include "settings.h"

bool tu_open(struct tcp_unit *u, struct oom *oom) {
    static const uint8_t seed[32] = {1, 2, 3};
    static const struct la_iface_config config = {.link = LA_LINK_IP, .mtu = 1500};
    struct la_allocator alloc = oom_allocator(oom);
    struct la_addr a4 = la_addr4(10, 0, 0, 1), a6 = {{0xfd, [15] = 1}};
    memset(u, 0, sizeof *u);
    assert_int_equal(env_init(&u->env, &alloc, seed, SIZE_MAX, 0), 0);
    u->env.check = true;
    u->env.now = 1000 * LA_SECOND;
    wheel_init(&u->wheel, u->env.now);
    list_init(&u->events);
    if (ip_create(&u->env, &u->wheel, &u->ip)) return false;
    tcp_init(&u->tcp, &u->env, &u->wheel, u->ip, &u->events);
    struct settings settings = {&u->tcp.params, ip_settings(u->ip), NULL}; /* No names. */
    assert_int_equal(settings_profile(&settings, "linux"), 0);
    return ip_iface_add(u->ip, &config) == 0 && ip_addr_add(u->ip, 0, &a4, 24) == 0 &&
           ip_addr_add(u->ip, 0, &a6, 64) == 0;
}

void tu_close(struct tcp_unit *u) {
    if (u->tcp.env) tcp_free(&u->tcp);
    ip_destroy(u->ip);
    assert_int_equal(u->env.used, 0);
    env_free(&u->env);
}

void tu_begin(struct tcp_unit *u) {
    struct oom *own = calloc(1, sizeof *own);
    if (!own) abort();
    oom_init(own);
    assert_true(tu_open(u, own));
    u->own = own;
}

void tu_end(struct tcp_unit *u) {
    tu_close(u);
    assert_int_equal(u->own->blocks, 0);
    free(u->own);
}

int tu_setup(void **state) {
    struct tcp_unit *u = malloc(sizeof *u);
    if (!u) return -1;
    tu_begin(u);
    *state = u;
    return 0;
}

int tu_teardown(void **state) {
    struct tcp_unit *u = *state;
    tu_end(u);
    free(u);
    return 0;
}

/* --- Connections --- */

struct tcp_key tu_key(uint16_t local_port, uint16_t peer_port) {
    return (struct tcp_key){la_addr4(10, 0, 0, 1), la_addr4(10, 0, 0, 2), local_port, peer_port};
}

/* What the peer's SYN said: IRS 5000, a window of 65535, an MSS and nothing else. */
static void agree(struct tcp_conn *c) {
    struct tcp_seg syn = {.seq = TU_RCV(0), .wnd = UINT16_MAX, .flags = TCP_SYN};
    syn.opt.has_mss = true;
    syn.opt.mss = 1460;
    tcp_open_agree(c, &syn);
    c->snd_una = c->snd_nxt = c->snd_max = c->snd_end;
    c->snd_wl1 = syn.seq;
    c->snd_wl2 = c->snd_una;
}

static void our_fin(struct tcp_conn *c, bool acked) {
    c->is.fin_queued = 1;
    c->snd_nxt = c->snd_max = seq_add(c->snd_end, 1);
    if (acked) c->snd_una = c->snd_max;
}

static void their_fin(struct tcp_conn *c) {
    c->is.fin_seen = c->is.fin_received = 1;
    c->fin_seq = c->rcv_nxt;
    c->rcv_nxt = c->rcv_read = seq_add(c->rcv_nxt, 1);
}

static void bring(struct tcp_conn *c, enum la_state state) {
    bool closing = state == LA_CLOSING || state == LA_LAST_ACK;
    tcp_open_send(c, TU_SND(0));
    if (state == LA_SYN_SENT) return;
    agree(c);
    if (state == LA_SYN_RCVD) {
        c->snd_una = c->iss;
        return;
    }
    if (state == LA_CLOSE_WAIT || closing || state == LA_TIME_WAIT) their_fin(c);
    if (state == LA_FIN_WAIT_1 || closing) our_fin(c, false);
    if (state == LA_FIN_WAIT_2 || state == LA_TIME_WAIT) our_fin(c, true);
}

/* A connection joins the port of its listener; here there may be none, so the first one binds it. */
static bool join(struct tcp_conn *c) {
    struct la_endpoint local = {.addr = c->key.local, .port = TU_PORT};
    if (!c->tcp->ports[TU_PORT >> 8]) return tcp_port_bind(c, &local) == 0;
    tcp_port_join(c);
    return true;
}

struct tcp_conn *tu_try(struct tcp_unit *u, enum la_state state, uint16_t n) {
    struct la_move move = {u->env.now, LA_CLOSED, (uint8_t)state, LA_CAUSE_NONE, 0};
    struct tcp_conn *c = tcp_conn_new(&u->tcp);
    if (!c) return NULL;
    c->is.owned = 1;
    c->key = tu_key(TU_PORT, (uint16_t)(TU_PEER_PORT + n));
    if (state == LA_CLOSED || state == LA_LISTEN) return c;
    if (!join(c) || !tcp_path_refresh(c) || !tcp_hash(c)) {
        tcp_conn_free(c);
        return NULL;
    }
    bring(c, state);
    tcp_state_inherit(c, &move);
    if (state >= LA_ESTABLISHED) tcp_open_done(c);
    tcp_timer_rexmit(c);
    return c;
}

struct tcp_conn *tu_conn(struct tcp_unit *u, enum la_state state) {
    struct tcp_conn *c = tu_try(u, state, 0);
    assert_non_null(c);
    return c;
}

void tu_move(struct tcp_conn *c, seq iss, seq irs) {
    uint32_t out = iss.n - c->iss.n, in = irs.n - c->irs.n;
    seq *sent[] = {&c->iss, &c->snd_una, &c->snd_nxt, &c->snd_max, &c->snd_end, &c->snd_small, &c->snd_wl2};
    seq *got[] = {&c->irs, &c->rcv_nxt, &c->rcv_read, &c->rcv_adv, &c->snd_wl1, &c->last_ack_sent};
    for (size_t i = 0; i < COUNT_OF(sent); i++) *sent[i] = seq_add(*sent[i], out);
    for (size_t i = 0; i < COUNT_OF(got); i++) *got[i] = seq_add(*got[i], in);
    tcp_recover_init(c, c->iss);
}

struct tcp_conn *tu_listener(struct tcp_unit *u, uint16_t port, int backlog) {
    struct tcp_conn *c = tcp_conn_new(&u->tcp);
    struct la_endpoint local = {.addr = la_addr4(10, 0, 0, 1), .port = port};
    assert_non_null(c);
    c->is.owned = 1;
    c->is.reuseaddr = 1; /* Records of the port do not matter. */
    assert_int_equal(tcp_port_bind(c, &local), 0);
    assert_int_equal(tcp_listen_open(c, backlog), 0);
    return c;
}

void tu_give(struct tcp_conn *c, uint32_t len) {
    uint8_t *data = malloc(len + 1);
    if (!data) abort();
    for (uint32_t i = 0; i < len; i++) data[i] = (uint8_t)(i % 251);
    assert_int_equal(tcp_send(c->tcp, c->event.sock, data, len, 0), len);
    free(data);
}

void tu_flight(struct tcp_conn *c, uint32_t len) {
    uint32_t mss = tcp_send_mss(c);
    for (seq end = seq_add(c->snd_nxt, len); seq_lt(c->snd_nxt, end);) {
        uint32_t left = seq_len(c->snd_nxt, end), n = left < mss ? left : mss;
        assert_true(sent_room(&c->eng.sent, c->tcp->env, 1));
        tcp_score_sent(c, c->snd_nxt, seq_add(c->snd_nxt, n));
        c->snd_nxt = seq_add(c->snd_nxt, n);
    }
    c->snd_end = seq_max(c->snd_end, c->snd_nxt);
    c->snd_max = seq_max(c->snd_max, c->snd_nxt);
}

/* --- Segments --- */

struct tcp_in tu_in(const struct tcp_conn *c, seq at, uint16_t flags, uint32_t len) {
    static const struct ip_datagram datagram = {.proto = PROTO_TCP};
    static const uint8_t data[65536];
    struct tcp_in in = {.datagram = &datagram, .key = c->key, .wnd = c->snd_wnd, .what = (uint8_t)flags};
    assert_true(len <= sizeof data);
    in.seg.src_port = c->key.peer_port;
    in.seg.dst_port = c->key.local_port;
    in.seg.seq = at;
    in.seg.ack = flags & TCP_ACK ? c->snd_una : seq_of(0);
    in.seg.flags = flags;
    in.seg.wnd = (uint16_t)(c->snd_wnd >> c->snd_wscale);
    in.seg.data = (struct la_span){data, len};
    return in;
}

struct tcp_in tu_in_key(const struct tcp_key *key, seq at, seq ack, uint16_t flags) {
    static const struct ip_datagram datagram = {.proto = PROTO_TCP};
    struct tcp_in in = {.datagram = &datagram, .key = *key, .wnd = UINT16_MAX, .what = (uint8_t)flags};
    in.seg.src_port = key->peer_port;
    in.seg.dst_port = key->local_port;
    in.seg.seq = at;
    in.seg.ack = ack;
    in.seg.flags = flags;
    in.seg.wnd = UINT16_MAX;
    return in;
}

void tu_pass(struct tcp_unit *u, la_time ns) {
    la_time until = u->env.now + ns;
    for (la_time next; (next = wheel_next(&u->wheel)) <= until;) {
        if (next > u->env.now) u->env.now = next;
        for (struct wheel_node *node; (node = wheel_expire(&u->wheel, u->env.now));)
            if (!ip_timer(u->ip, node)) tcp_timer(&u->tcp, node);
    }
    u->env.now = until;
}

bool tu_out(struct tcp_unit *u, struct tcp_seg *s) {
    struct la_packet packet;
    if (!ip_queue_next(u->ip, -1, &packet) && !tcp_output(&u->tcp, -1, &packet)) return false;
    assert_true(packet.len <= sizeof u->bytes);
    for (size_t i = 0, at = 0; i < packet.nspans; at += packet.span[i++].len)
        memcpy(u->bytes + at, packet.span[i].data, packet.span[i].len);
    size_t head = u->bytes[0] >> 4 == 4 ? 20 : 40;
    assert_true(tcp_parse(u->bytes + head, packet.len - head, s));
    return true;
}

unsigned tu_skip(struct tcp_unit *u) {
    struct tcp_seg s;
    unsigned n = 0;
    while (tu_out(u, &s)) n++;
    return n;
}

uint32_t tu_event(struct tcp_unit *u, const struct tcp_conn *c) {
    for (struct list *at = u->events.next; at != &u->events; at = at->next) {
        struct event_node *e = CONTAINER(at, struct event_node, link);
        if (e->sock != c->event.sock) continue;
        uint32_t bits = e->bits;
        event_cancel(e);
        return bits;
    }
    return 0;
}

void tu_dropped(struct tcp_unit *u, enum la_drop drop) {
    for (unsigned i = 0; i < LA_NDROPS; i++) {
        uint64_t want = i == (unsigned)drop && drop != LA_D_NONE ? 1 : 0;
        if (u->env.dropped[i] != want)
            fail_msg("%s: %u times, not %u", la_drop_name((enum la_drop)i), (unsigned)u->env.dropped[i],
                     (unsigned)want);
    }
    memset(u->env.dropped, 0, sizeof u->env.dropped);
}
