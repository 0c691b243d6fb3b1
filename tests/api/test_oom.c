/* Memory that is refused, at every single place where it is asked for.
 *
 * A scenario is a whole life of two connections between two stacks: listen, connect, data both ways with a loss (so
 * that storage out of order is used), half-close, close, TIME_WAIT, the end. One of the stacks has an allocator that
 * refuses the nth request, for every n, alone or with all that follow. What must hold: no crash, no broken invariant
 * (config.check), every byte given back. And when a single request is refused, the life must nevertheless be completed:
 * a verb that failed may be called again, a segment that found no memory is sent again by the peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lastack/info.h>
#include <lastack/segment.h>
#include <lastack/socket.h>
#include <lastack/stack.h>

#include <string.h>

#include "support/oom.h"

#define BYTES 30000u
#define CONNECTIONS 2u

enum { CLIENT, SERVER };

struct world {
    struct la_stack *stack[2];
    la_time now;
    bool v6, ethernet;
    unsigned sent; /* Packets from one to the other: every 7th is lost. */
    la_sock listener;
    la_sock client[CONNECTIONS], server[CONNECTIONS];
    uint32_t out[2][CONNECTIONS], in[2][CONNECTIONS];
    bool eof[2][CONNECTIONS], done[2][CONNECTIONS];
    bool failed; /* A verb said something for ever. */
};

static struct la_endpoint endpoint(const struct world *w, int side, uint16_t port) {
    struct la_endpoint e = {.addr = la_addr4(10, 0, 0, side == CLIENT ? 1 : 2), .port = port};
    if (w->v6) la_addr_parse(side == CLIENT ? "fd00::1" : "fd00::2", &e.addr);
    return e;
}

/* Creating, and giving interfaces and addresses, may fail; it is tried twice because only one request is refused. */
static bool make(struct world *w, int side, struct la_allocator alloc) {
    struct la_config config = {.alloc = alloc, .trace_entries = 8, .check = true};
    struct la_iface_config iface = {.link = w->ethernet ? LA_LINK_ETHERNET : LA_LINK_IP, .mtu = 1500};
    memcpy(iface.mac, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)side}, 6);
    memset(config.seed, side + 1, sizeof config.seed);
    if (la_stack_create(&config, &w->stack[side]) != 0 && la_stack_create(&config, &w->stack[side]) != 0) {
        w->stack[side] = NULL;
        return false;
    }
    struct la_endpoint self = endpoint(w, side, 0);
    unsigned prefix = w->v6 ? 64 : 24;
    int i = la_iface_add(w->stack[side], &iface);
    if (i < 0) i = la_iface_add(w->stack[side], &iface);
    if (i < 0) return false;
    int r = la_addr_add(w->stack[side], i, &self.addr, prefix);
    if (r == -LA_ENOMEM) r = la_addr_add(w->stack[side], i, &self.addr, prefix);
    return r == 0 || r == -LA_EEXIST;
}

static bool carry(struct world *w, int from) {
    static uint8_t bytes[2048];
    struct la_packet packet;
    if (!la_output(w->stack[from], -1, &packet, w->now)) return false;
    size_t len = la_packet_copy(&packet, bytes, sizeof bytes);
    if (++w->sent % 7 == 0) return true;
    la_input(w->stack[!from], 0, bytes, len, w->now);
    return true;
}

static uint8_t pattern(uint32_t i) { return (uint8_t)(i * 7 + i / 256); }

static void send_some(struct world *w, int side, unsigned c, la_sock s) {
    uint8_t data[3000];
    uint32_t n = BYTES - w->out[side][c];
    if (n > sizeof data) n = sizeof data;
    for (uint32_t i = 0; i < n; i++) data[i] = pattern(w->out[side][c] + i);
    int64_t r = n ? la_send(w->stack[side], s, data, n, 0, w->now) : 0;
    if (r > 0) w->out[side][c] += (uint32_t)r;
    if (w->out[side][c] < BYTES || w->done[side][c]) return;
    if (la_shutdown(w->stack[side], s, LA_SHUT_WR, w->now) == 0) w->done[side][c] = true;
}

static void recv_some(struct world *w, int side, unsigned c, la_sock s) {
    uint8_t data[5000];
    int64_t r = la_recv(w->stack[side], s, data, sizeof data, 0, w->now);
    for (int64_t i = 0; i < r; i++)
        if (data[i] != pattern(w->in[side][c] + (uint32_t)i)) fail_msg("a byte arrived wrong");
    if (r > 0) w->in[side][c] += (uint32_t)r;
    if (r == 0) w->eof[side][c] = true;
    if (r < 0 && r != -LA_EAGAIN && r != -LA_ENOMEM && r != -LA_ENOTCONN) w->failed = true;
}

static void use(struct world *w, int side, unsigned c, la_sock *s) {
    if (*s < 0) return;
    send_some(w, side, c, *s);
    recv_some(w, side, c, *s);
    if (!w->eof[side][c] || !w->done[side][c]) return;
    la_close(w->stack[side], *s, w->now);
    *s = -2;
}

static void open_client(struct world *w, unsigned c) {
    struct la_stack *k = w->stack[CLIENT];
    struct la_endpoint peer = endpoint(w, SERVER, 80);
    if (w->client[c] >= 0 || w->client[c] == -2) return;
    la_sock s = la_socket(k, w->v6 ? LA_AF_INET6 : LA_AF_INET, LA_SOCK_STREAM);
    if (s < 0) return;
    if (la_connect(k, s, &peer, w->now) == -LA_EINPROGRESS)
        w->client[c] = s;
    else
        la_close(k, s, w->now);
}

static void open_server(struct world *w) {
    struct la_stack *k = w->stack[SERVER];
    struct la_endpoint self = endpoint(w, SERVER, 80);
    if (w->listener < 0) {
        la_sock s = la_socket(k, w->v6 ? LA_AF_INET6 : LA_AF_INET, LA_SOCK_STREAM);
        if (s < 0) return;
        if (la_bind(k, s, &self) == 0 && la_listen(k, s, 8) == 0)
            w->listener = s;
        else
            la_close(k, s, w->now);
        return;
    }
    for (unsigned c = 0; c < CONNECTIONS; c++)
        if (w->server[c] == -1) {
            la_sock s = la_accept(k, w->listener, NULL);
            if (s >= 0) w->server[c] = s;
        }
}

static void let_time_pass(struct world *w) {
    w->now += 5 * LA_MS;
    for (int side = 0; side < 2; side++) {
        struct la_event event;
        la_tick(w->stack[side], w->now);
        while (la_next_event(w->stack[side], &event)) {
        }
    }
    for (unsigned n = 0; n < 1000 && (int)carry(w, CLIENT) + (int)carry(w, SERVER) > 0; n++) {
    }
}

static bool complete(const struct world *w) {
    for (unsigned c = 0; c < CONNECTIONS; c++)
        for (int side = 0; side < 2; side++)
            if (w->in[side][c] != BYTES || !w->eof[side][c]) return false;
    return true;
}

/* Returns whether everything arrived. */
static bool live(struct world *w) {
    for (unsigned turn = 0; turn < 6000 && !complete(w) && !w->failed; turn++) {
        open_server(w);
        for (unsigned c = 0; c < CONNECTIONS && w->listener >= 0; c++) {
            open_client(w, c);
            use(w, CLIENT, c, &w->client[c]);
            use(w, SERVER, c, &w->server[c]);
        }
        let_time_pass(w);
    }
    return complete(w);
}

static bool scenario_with(struct oom *oom, int side, bool v6, bool ethernet) {
    struct oom plain;
    oom_init(&plain);
    struct world w = {.now = LA_SECOND, .v6 = v6, .ethernet = ethernet, .listener = -1};
    for (unsigned c = 0; c < CONNECTIONS; c++) w.client[c] = w.server[c] = -1;
    bool done = make(&w, side, oom_allocator(oom)) && make(&w, !side, oom_allocator(&plain));
    if (done) done = live(&w);
    for (unsigned i = 0; done && i < 200; i++) { /* Until TIME_WAIT is over. */
        w.now += LA_SECOND;
        let_time_pass(&w);
    }
    la_stack_destroy(w.stack[CLIENT]);
    la_stack_destroy(w.stack[SERVER]);
    assert_int_equal(plain.blocks, 0);
    return done;
}

static bool client_ipv4(struct oom *oom) { return scenario_with(oom, CLIENT, false, false); }
static bool server_ipv4(struct oom *oom) { return scenario_with(oom, SERVER, false, false); }
static bool client_ipv6_ethernet(struct oom *oom) { return scenario_with(oom, CLIENT, true, true); }
static bool server_ipv4_ethernet(struct oom *oom) { return scenario_with(oom, SERVER, false, true); }

static void a_client_survives_every_refusal(void **unused) {
    (void)unused;
    assert_true(oom_run(client_ipv4));
}

static void a_server_survives_every_refusal(void **unused) {
    (void)unused;
    assert_true(oom_run(server_ipv4));
}

static void a_client_on_ethernet_over_ipv6_survives_every_refusal(void **unused) {
    (void)unused;
    assert_true(oom_run(client_ipv6_ethernet));
}

static void a_server_on_ethernet_survives_every_refusal(void **unused) {
    (void)unused;
    assert_true(oom_run(server_ipv4_ethernet));
}

/* One refusal is a delay, not an end. */
static void one_refusal_is_overcome(oom_scenario *scenario) {
    for (size_t n = 1;; n++) {
        struct oom oom;
        oom_init(&oom);
        oom.fail_at = n;
        bool done = scenario(&oom);
        if (!done) fail_msg("refusing request %zu alone stopped the connections", n);
        if (oom.refused == 0) return;
    }
}

static void a_single_refusal_never_stops_a_client(void **unused) {
    (void)unused;
    one_refusal_is_overcome(client_ipv4);
}

static void a_single_refusal_never_stops_a_server(void **unused) {
    (void)unused;
    one_refusal_is_overcome(server_ipv4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_survives_every_refusal),
        cmocka_unit_test(a_server_survives_every_refusal),
        cmocka_unit_test(a_client_on_ethernet_over_ipv6_survives_every_refusal),
        cmocka_unit_test(a_server_on_ethernet_survives_every_refusal),
        cmocka_unit_test(a_single_refusal_never_stops_a_client),
        cmocka_unit_test(a_single_refusal_never_stops_a_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
