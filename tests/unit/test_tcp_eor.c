/* tcp/eor.c: what is written behind LA_MSG_EOR begins a segment of its own, however often it is sent. */
#include "ip/ip_state.h"
#include "support/engine_unit.h"

static void give(struct tcp_unit *u, struct tcp_conn *c, uint32_t len, int flags) {
    static const uint8_t zeros[16000];
    assert_int_equal(tcp_send(&u->tcp, c->event.sock, zeros, len, flags), len);
}

/* The lengths of what leaves now; `p` behind one: with PSH. */
static void lengths(struct tcp_unit *u, const char *want) {
    struct tcp_seg s;
    char got[256] = "";
    while (tu_out(u, &s)) {
        size_t n = strlen(got);
        snprintf(got + n, sizeof got - n, "%s%zu%s", n ? " " : "", s.data.len, s.flags & TCP_PSH ? "p" : "");
    }
    assert_string_equal(got, want);
}

static struct tcp_conn *begin(struct tcp_unit *u) {
    u->tcp.params.psh_bursts = false;
    struct tcp_conn *c = en_conn(u, true, "reno", 40);
    c->is.nodelay = 0;
    return c;
}

/* Nagle holds back what may grow: not what ends a message, unless it is the last of all. */
static void messages_do_not_share_a_segment(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = begin(u);
    give(u, c, 1400, 0);
    for (int i = 0; i < 3; i++) give(u, c, 400, LA_MSG_EOR);
    give(u, c, 2300, 0);
    lengths(u, "1000 800p 400p 400p 1000 1000");
    assert_int_equal(c->eor.count, 3);
}

static void a_long_message_is_cut_as_ever(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = begin(u);
    give(u, c, 2500, LA_MSG_EOR);
    give(u, c, 2000, LA_MSG_EOR);
    give(u, c, 1000, 0);
    lengths(u, "1000 1000 500p 1000 1000p 1000p");
}

static void bytes_that_are_messages_are_one_interval(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = begin(u);
    for (int i = 0; i < 5; i++) give(u, c, 1, LA_MSG_EOR);
    give(u, c, 1, 0);
    assert_int_equal(c->eor.count, 1);
    c->is.nodelay = 1;
    lengths(u, "1p 1p 1p 1p 1p 1p");
}

static void repetitions_keep_their_cuts_and_ends_leave_with_their_acks(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = begin(u);
    give(u, c, 1000, LA_MSG_EOR);
    give(u, c, 300, LA_MSG_EOR);
    give(u, c, 300, LA_MSG_EOR);
    give(u, c, 3000, 0);
    lengths(u, "1000p 300p 300p 1000 1000 1000p");
    tu_pass(u, 2 * LA_SECOND);
    tu_skip(u);
    tcp_score_timeout(c, true);
    tcp_mark(c, MARK_SEND);
    c->eng.cc.cwnd = 40;
    lengths(u, "1000p 300p 300p 1000 1000 1000p");
    ACKS(1);
    assert_int_equal(c->eor.count, 2);
    ACKS(4);
    assert_int_equal(c->eor.count, 0);
    assert_null(c->eor.at);
}

/* Only what is taken whole is a message. */
static void a_message_that_does_not_fit_has_no_end_yet(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = begin(u);
    static const uint8_t zeros[3000];
    c->sndbuf = 2000;
    assert_int_equal(tcp_send(&u->tcp, c->event.sock, zeros, sizeof zeros, LA_MSG_EOR), 2000);
    assert_int_equal(c->eor.count, 0);
}

static void a_device_that_cuts_gets_units_that_end_with_their_message(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = begin(u);
    u->ip->ifaces[0]->config.gso_max = 60000;
    give(u, c, 2500, LA_MSG_EOR);
    give(u, c, 2000, LA_MSG_EOR);
    give(u, c, 3000, 0);
    lengths(u, "2500p 2000p 3000p");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(messages_do_not_share_a_segment),
        TU_TEST(a_long_message_is_cut_as_ever),
        TU_TEST(bytes_that_are_messages_are_one_interval),
        TU_TEST(repetitions_keep_their_cuts_and_ends_leave_with_their_acks),
        TU_TEST(a_message_that_does_not_fit_has_no_end_yet),
        TU_TEST(a_device_that_cuts_gets_units_that_end_with_their_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
