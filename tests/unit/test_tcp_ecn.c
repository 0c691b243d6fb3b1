/* tcp/ecn.c: who agrees to ECN, what is marked, and what a mark does (RFC 3168, 6.1). */
#include "tcp_unit.h"

#define ECE_CWR (TCP_ECE | TCP_CWR)

static struct tcp_conn *agreed(struct tcp_unit *u) {
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->is.ecn_on = 1;
    return c;
}

static void a_syn_asks_only_by_setting_and_only_so_often(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
    struct tcp_plan syn = {.seq = c->iss, .flags = TCP_SYN};
    u->tcp.params.ecn = ECN_ACCEPT;
    assert_int_equal(tcp_ecn_flags(c, &syn), 0);
    assert_false(c->is.ecn_asked);
    u->tcp.params.ecn = ECN_REQUEST;
    u->tcp.params.ecn_syn_retries = 1;
    assert_int_equal(tcp_ecn_flags(c, &syn), ECE_CWR);
    assert_true(c->is.ecn_asked);
    c->backoff = 1;
    assert_int_equal(tcp_ecn_flags(c, &syn), ECE_CWR);
    c->backoff = 2;
    assert_int_equal(tcp_ecn_flags(c, &syn), 0);
}

/* A SYN or SYN+ACK has come. */
static void agree(struct tcp_conn *c, uint16_t flags) {
    struct ip_datagram datagram = {.tos = 0};
    struct tcp_in in = tu_in(c, TU_RCV(0), flags, 0);
    in.datagram = &datagram;
    tcp_ecn_agree(c, &in);
}

static void a_synack_agrees_with_ece_alone(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
    agree(c, TCP_SYN | TCP_ACK | TCP_ECE);
    assert_false(c->is.ecn_on); /* Nobody asked. */
    c->is.ecn_asked = 1;
    agree(c, TCP_SYN | TCP_ACK | ECE_CWR);
    assert_false(c->is.ecn_on); /* A host that reflects what it does not know. */
    agree(c, TCP_SYN | TCP_ACK | TCP_ECE);
    assert_true(c->is.ecn_on);
}

static void crossing_syns_agree_when_the_peer_asks(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_SYN_SENT);
    u->tcp.params.ecn = ECN_OFF;
    agree(c, TCP_SYN | ECE_CWR);
    assert_false(c->is.ecn_on);
    u->tcp.params.ecn = ECN_ACCEPT;
    agree(c, TCP_SYN);
    assert_false(c->is.ecn_on);
    agree(c, TCP_SYN | ECE_CWR);
    assert_true(c->is.ecn_on);
}

static void new_data_alone_is_ect(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = agreed(u);
    struct tcp_plan data = {.seq = c->snd_max, .len = 100, .flags = TCP_ACK};
    struct tcp_plan ack = {.seq = c->snd_max, .flags = TCP_ACK};
    assert_int_equal(tcp_ecn_codepoint(c, &data), 2);
    assert_int_equal(tcp_ecn_codepoint(c, &ack), 0);
    data.silent = true;
    assert_int_equal(tcp_ecn_codepoint(c, &data), 0);
    data.silent = false;
    data.seq = seq_sub(c->snd_max, 1);
    assert_int_equal(tcp_ecn_codepoint(c, &data), 0);
    data.seq = c->snd_max;
    c->is.ecn_on = 0;
    assert_int_equal(tcp_ecn_codepoint(c, &data), 0);
}

static void a_mark_is_echoed_until_cwr(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = agreed(u);
    struct tcp_plan ack = {.seq = c->snd_max, .flags = TCP_ACK};
    struct ip_datagram marked = {.tos = 3};
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 10);
    in.datagram = &marked;
    tcp_ecn_input(c, &in);
    assert_true(c->marks & MARK_ACK);
    assert_int_equal(tcp_ecn_flags(c, &ack), TCP_ECE);
    marked.tos = 2;
    tcp_ecn_input(c, &in);
    assert_int_equal(tcp_ecn_flags(c, &ack), TCP_ECE);
    in.seg.flags |= TCP_CWR;
    tcp_ecn_input(c, &in);
    assert_int_equal(tcp_ecn_flags(c, &ack), 0);
    list_remove(&c->out);
}

/* What input.c does with it. */
static void arrive(struct tcp_conn *c, struct tcp_in *in) {
    tcp_ecn_input(c, in);
    tcp_ack(c, in);
}

/* The window falls to ssthresh by proportional rate reduction, while what is in flight is acknowledged. */
static void an_echo_reduces_once_for_a_window(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = agreed(u);
    struct ip_datagram plain = {.tos = 0};
    c->snd_end = seq_add(c->snd_end, 20 * 1460);
    tu_flight(c, 20 * 1460);
    c->eng.cc.ops = &cc_reno;
    c->eng.cc.cwnd = 20;
    for (unsigned i = 1; i <= 20; i++) {
        struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK | TCP_ECE, 0);
        in.datagram = &plain;
        in.seg.ack = TU_SND(1 + i * 1460);
        arrive(c, &in);
        assert_int_equal(c->eng.phase, CC_CWR);
        assert_int_equal(c->eng.cc.ssthresh, 9); /* Half of what is still in flight (RFC 5681, equation 4). */
    }
    assert_true(c->eng.cc.cwnd <= 9);
    struct tcp_plan data = {.seq = c->snd_max, .len = 100, .flags = TCP_ACK};
    assert_int_equal(tcp_ecn_flags(c, &data), TCP_CWR);
    tcp_ecn_sent(c, &data);
    assert_int_equal(tcp_ecn_flags(c, &data), 0);
    assert_int_equal(u->env.counter[LA_C_ECN_REDUCTIONS], 1);
}

static void without_agreement_marks_mean_nothing(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct ip_datagram marked = {.tos = 3};
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK | TCP_ECE, 10);
    in.datagram = &marked;
    uint32_t before = c->eng.cc.cwnd;
    arrive(c, &in);
    assert_int_equal(c->eng.cc.cwnd, before);
    assert_false(c->is.ecn_echo);
}

/* RFC 3168, 6.1.2: CWR tells of a reduction whatever its reason. */
static void losses_are_told_by_cwr_too(void **state) {
    struct tcp_unit *u = *state;
    for (uint16_t timeout = 0; timeout < 2; timeout++) {
        struct tcp_conn *c = tu_try(u, LA_ESTABLISHED, timeout);
        c->is.ecn_on = 1;
        tu_flight(c, 20 * 1460);
        if (timeout) tcp_recover_timeout(c);
        for (int i = 0; i < 3 && !timeout; i++) {
            struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 0);
            tcp_ack(c, &in);
        }
        struct tcp_plan data = {.seq = c->snd_max, .len = 100, .flags = TCP_ACK};
        assert_int_equal(tcp_ecn_flags(c, &data), TCP_CWR);
        assert_true(seq_eq(c->ecn_recover, c->snd_max));
        list_remove(&c->out);
    }
}

/* More than 2^31 bytes without a mark: the next one still counts. */
static void the_last_reduction_is_never_ahead(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = agreed(u);
    struct ip_datagram plain = {.tos = 0};
    for (int i = 0; i < 3; i++) {
        tu_move(c, seq_add(c->iss, 1u << 30), c->irs);
        struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 0);
        in.datagram = &plain;
        tcp_ecn_input(c, &in);
    }
    tu_flight(c, 20 * 1460);
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK | TCP_ECE, 0);
    in.datagram = &plain;
    in.seg.ack = seq_add(c->snd_una, 1460);
    arrive(c, &in);
    assert_int_equal(u->env.counter[LA_C_ECN_REDUCTIONS], 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(a_syn_asks_only_by_setting_and_only_so_often),
        TU_TEST(a_synack_agrees_with_ece_alone),
        TU_TEST(crossing_syns_agree_when_the_peer_asks),
        TU_TEST(new_data_alone_is_ect),
        TU_TEST(a_mark_is_echoed_until_cwr),
        TU_TEST(an_echo_reduces_once_for_a_window),
        TU_TEST(without_agreement_marks_mean_nothing),
        TU_TEST(losses_are_told_by_cwr_too),
        TU_TEST(the_last_reduction_is_never_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
