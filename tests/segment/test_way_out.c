/* The proof that nothing waits for ever: every state but LISTEN, ESTABLISHED, CLOSE_WAIT and a half-closed FIN_WAIT_2
 * (with an owner) ends without any help from the peer.
 *
 * Each case brings a connection into its state by segments and then only lets time pass. The peer never says another
 * word. The connection, or its record, must be gone within a bound that is computed here from the settings alone, by
 * the rules: a sum of doubled timeouts for what is repeated (RFC 6298, RFC 1122 R2), 2 MSL for TIME_WAIT,
 * tcp_fin_timeout for FIN_WAIT_2 without owner. The bounds are also checked from below: ending early would be wrong
 * too.
 *
 * The same is then proved of the table: each of these states has a timer that ends it in la_state_timers, and that
 * timer was armed. */
#include "support/rig.h"

static int64_t get(const char *name) {
    int64_t value = -1;
    assert_int_equal(la_get(rig.stack, name, &value), 0);
    return value;
}

/* The time from the first transmission to the end, when `retries` repetitions follow it with doubled pauses. */
static uint64_t doubled(uint64_t first_ms, uint64_t retries, bool measured) {
    uint64_t max = (uint64_t)get("net.ipv4.tcp_rto_max_ms"), sum = 0, slop = (uint64_t)get("net.inet.tcp.rexmit_slop");
    for (uint64_t pause = first_ms, i = 0; i <= retries; i++, pause *= 2) {
        uint64_t whole = pause + (i || measured ? slop : 0);
        sum += whole < max ? whole : max;
    }
    return sum;
}

static uint64_t handshake(uint64_t retransmissions) {
    uint64_t keepinit = (uint64_t)get("net.inet.tcp.keepinit");
    return keepinit && keepinit < retransmissions ? keepinit : retransmissions;
}

/* The timeout of a connection whose round trip was measured as 10 ms. */
static uint64_t rto(void) {
    uint64_t min = ((uint64_t)get("net.ipv4.tcp_rto_min_us") + 999) / 1000;
    return min > 30 ? min : 30;
}

static uint64_t orphan_retries(void) {
    uint64_t n = (uint64_t)get("net.ipv4.tcp_orphan_retries");
    return n ? n : 8;
}

enum limit { BY_SYN, BY_SYNACK, BY_RETRIES2, BY_ORPHAN, BY_FIN_TIMEOUT, BY_2MSL };

static uint64_t bound(enum limit limit) {
    uint64_t initial = (uint64_t)get("net.inet.tcp.rexmit_initial");
    switch (limit) {
    case BY_SYN: return handshake(doubled(initial, (uint64_t)get("net.ipv4.tcp_syn_retries"), false));
    case BY_SYNACK: return doubled(initial, (uint64_t)get("net.ipv4.tcp_synack_retries"), false);
    case BY_RETRIES2: return doubled(rto(), (uint64_t)get("net.ipv4.tcp_retries2"), true);
    case BY_ORPHAN: return doubled(rto(), orphan_retries(), true);
    case BY_FIN_TIMEOUT: return 1000 * (uint64_t)get("net.ipv4.tcp_fin_timeout");
    case BY_2MSL: return 2 * (uint64_t)get("net.inet.tcp.msl");
    }
    return 0;
}

struct way {
    enum la_state state;
    unsigned how;
    enum limit limit;
    enum la_timer timer;
};

static const struct way ways[] = {
    {LA_SYN_SENT, ACTIVE, BY_SYN, LA_TIMER_RETRANSMIT},
    {LA_SYN_RCVD, PASSIVE, BY_SYNACK, LA_TIMER_RETRANSMIT},
    {LA_SYN_RCVD, ACTIVE, BY_SYN, LA_TIMER_RETRANSMIT},
    {LA_FIN_WAIT_1, ACTIVE, BY_RETRIES2, LA_TIMER_RETRANSMIT},
    {LA_FIN_WAIT_1, PASSIVE | ORPHAN, BY_ORPHAN, LA_TIMER_RETRANSMIT},
    {LA_FIN_WAIT_2, PASSIVE | ORPHAN, BY_FIN_TIMEOUT, LA_TIMER_FIN_WAIT_2},
    {LA_FIN_WAIT_2, ACTIVE | ORPHAN, BY_FIN_TIMEOUT, LA_TIMER_FIN_WAIT_2},
    {LA_CLOSING, ACTIVE, BY_RETRIES2, LA_TIMER_RETRANSMIT},
    {LA_CLOSING, PASSIVE | ORPHAN, BY_ORPHAN, LA_TIMER_RETRANSMIT},
    {LA_LAST_ACK, PASSIVE, BY_RETRIES2, LA_TIMER_RETRANSMIT},
    {LA_LAST_ACK, PASSIVE | ORPHAN, BY_ORPHAN, LA_TIMER_RETRANSMIT},
    {LA_TIME_WAIT, ACTIVE, BY_2MSL, LA_TIMER_TIME_WAIT},
    {LA_TIME_WAIT, PASSIVE | ORPHAN, BY_2MSL, LA_TIMER_TIME_WAIT},
};

/* Lets time pass until the connection is gone; how long it took. */
static uint64_t wait_end(uint64_t most_ms) {
    la_time begun = rig.now;
    while (rig_state() != LA_CLOSED && rig.now - begun <= most_ms * LA_MS) {
        advance(50);
        tx_skip();
    }
    return (rig.now - begun) / LA_MS;
}

static bool ends(const char *profile, const struct way *w) {
    rig_restart(profile);
    /* Smaller counts keep the run short and change nothing in the rule. */
    setting("net.ipv4.tcp_retries2", 6);
    setting("net.ipv4.tcp_orphan_retries", 4);
    setting("net.ipv4.tcp_syn_retries", 3);
    bring(w->state, w->how);
    struct la_conn_info info;
    assert_true(rig_info(&info));
    bool armed = info.timer_at[w->timer] != LA_NEVER && (la_state_timers(w->state) & 1u << w->timer);
    uint64_t want = bound(w->limit), took = wait_end(want + want / 10 + 2000);
    bool gone = rig_state() == LA_CLOSED;
    /* The last round trip may have been shorter or longer than the rig's 10 ms; a tenth covers both. */
    if (armed && gone && took + 200 >= want - want / 10 && took <= want + want / 10 + 1000) return true;
    print_error("%s: %s%s%s: timer %s, %s after %llu ms, expected %llu ms\n", profile, la_state_name(w->state),
                w->how & PASSIVE ? " passive" : " active", w->how & ORPHAN ? " orphan" : "",
                armed ? "armed" : "NOT ARMED", gone ? "gone" : "still there", (unsigned long long)took,
                (unsigned long long)want);
    return false;
}

static void prove(const char *profile) {
    unsigned failures = 0;
    for (unsigned i = 0; i < COUNT(ways); i++) failures += !ends(profile, &ways[i]);
    assert_int_equal(failures, 0);
}

static void every_other_state_ends_alone_linux(void **unused) {
    (void)unused;
    prove("linux");
}

static void every_other_state_ends_alone_freebsd(void **unused) {
    (void)unused;
    prove("freebsd");
}

static void every_other_state_ends_alone_rfc(void **unused) {
    (void)unused;
    prove("rfc");
}

/* The table agrees with the cases above: no state that may not wait for ever is without a timer, and none is missing
 * from the proof. */
static void each_of_them_has_a_timer_and_a_case(void **unused) {
    (void)unused;
    const unsigned may_stay = 1u << LA_CLOSED | 1u << LA_LISTEN | 1u << LA_ESTABLISHED | 1u << LA_CLOSE_WAIT;
    unsigned proved = 0;
    for (unsigned i = 0; i < COUNT(ways); i++) proved |= 1u << ways[i].state;
    for (int s = 0; s < LA_NSTATES; s++) {
        if (may_stay & 1u << s) continue;
        const unsigned ending = 1u << LA_TIMER_RETRANSMIT | 1u << LA_TIMER_FIN_WAIT_2 | 1u << LA_TIMER_TIME_WAIT;
        assert_true(la_state_timers((enum la_state)s) & ending);
        assert_true(proved & 1u << s);
        assert_true(la_move_legal((enum la_state)s, LA_CLOSED));
    }
    assert_int_equal(la_state_timers(LA_CLOSED), 0);
    assert_int_equal(la_state_timers(LA_LISTEN), 0);
}

/* From every state a way leads back to CLOSED along legal moves, and every state can be reached. */
static void the_diagram_has_no_dead_end(void **unused) {
    (void)unused;
    for (int s = 0; s < LA_NSTATES; s++) {
        unsigned out = 0, in = 0;
        for (int t = 0; t < LA_NSTATES; t++) {
            bool legal = la_move_legal((enum la_state)s, (enum la_state)t);
            assert_int_equal(legal, la_move_why((enum la_state)s, (enum la_state)t) != NULL);
            out += legal;
            in += la_move_legal((enum la_state)t, (enum la_state)s);
        }
        assert_true(in > 0 && out > 0);
        assert_false(la_move_legal((enum la_state)s, (enum la_state)s));
    }
}

/* What stays, stays silent: the exceptions cost no packet and no timer. */
static void the_exceptions_stay(void **unused) {
    (void)unused;
    static const struct {
        enum la_state state;
        unsigned how;
    } stay[] = {{LA_ESTABLISHED, PASSIVE}, {LA_ESTABLISHED, ACTIVE}, {LA_CLOSE_WAIT, PASSIVE}, {LA_FIN_WAIT_2, ACTIVE}};
    for (unsigned i = 0; i < COUNT(stay); i++) {
        rig_restart("linux");
        bring(stay[i].state, stay[i].how);
        advance(100ull * 3600 * 1000);
        tx_none();
        state(stay[i].state);
        assert_int_equal(la_poll_at(rig.stack), LA_NEVER);
    }
}

/* Data in flight or waiting for a window does not keep an orphan alive either. */
static void an_orphan_with_data_ends_too(void **unused) {
    (void)unused;
    static const uint16_t windows[] = {65535, 100, 0};
    for (unsigned i = 0; i < COUNT(windows); i++) {
        rig_restart("linux");
        setting("net.ipv4.tcp_orphan_retries", 4);
        bring(LA_ESTABLISHED, PASSIVE);
        rx(SEG(.seq = R(1), .ack = L(1), .flags = ACK, .wnd = windows[i] ? windows[i] : WND0));
        assert_int_equal(u_send(10000), 10000);
        tx_skip();
        assert_int_equal(u_close(), 0);
        tx_skip();
        assert_true(wait_end(3600 * 1000) < 3600 * 1000);
        state(LA_CLOSED);
    }
}

/* When everything is over nothing remains: no timer, no record, and no memory beyond an empty stack's. */
static void nothing_remains(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < COUNT(ways); i++) {
        talk(i);
        bring(ways[i].state, ways[i].how);
    }
    for (unsigned i = 0; i < COUNT(ways); i++) {
        talk(i);
        if (rig.t->sock >= 0) u_close();
    }
    la_close(rig.stack, rig.listener, rig.now);
    advance(2ull * 3600 * 1000);
    tx_skip();
    uint32_t count[LA_NSTATES];
    la_conn_count(rig.stack, count);
    for (int s = 0; s < LA_NSTATES; s++) assert_int_equal(count[s], 0);
    uint64_t cursor = 0;
    struct la_conn_info info;
    assert_false(la_conn_next(rig.stack, &cursor, &info));
    assert_int_equal(la_poll_at(rig.stack), LA_NEVER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(every_other_state_ends_alone_linux), RIG_TEST(every_other_state_ends_alone_freebsd),
        RIG_TEST(every_other_state_ends_alone_rfc),   RIG_TEST(each_of_them_has_a_timer_and_a_case),
        RIG_TEST(the_diagram_has_no_dead_end),        RIG_TEST(the_exceptions_stay),
        RIG_TEST(an_orphan_with_data_ends_too),       RIG_TEST(nothing_remains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
