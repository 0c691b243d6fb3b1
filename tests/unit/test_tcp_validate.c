/* tcp/validate.c: RFC 9293, 3.10.7.4, first to fifth; RFC 5961; PAWS (RFC 7323, 5). rcv_nxt is TU_RCV(1). */
#include "tcp_unit.h"

static enum tcp_verdict sequence(struct tcp_conn *c, uint32_t at, uint16_t flags, uint32_t len) {
    struct tcp_in in = tu_in(c, TU_RCV(at), (uint16_t)(TCP_ACK | flags), len);
    return tcp_validate_sequence(c, &in);
}

/* Table 6: the four cases of segment length and window. */
static void the_four_cases_of_acceptability(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    static const struct {
        uint32_t wnd, at, len;
        bool ok;
    } row[] = {
        {0, 1, 0, 1},     {0, 2, 0, 0},     {0, 0, 0, 0},     {0, 2, 1, 0},     {100, 1, 0, 1},
        {100, 100, 0, 1}, {100, 101, 0, 0}, {100, 0, 0, 0},   {100, 100, 1, 1}, {100, 101, 1, 0},
        {100, 0, 1, 0},   {100, 0, 2, 1},   {100, 1, 500, 1}, {100, 0, 500, 1}, {100, 100, 500, 1},
    };
    u->tcp.params.challenge_per_second = 0;
    u->tcp.params.challenge_spacing = 0;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        c->rcv_adv = seq_add(c->rcv_nxt, row[i].wnd);
        c->marks = 0;
        enum tcp_verdict v = sequence(c, row[i].at, 0, row[i].len);
        if ((v == GO_ON) != row[i].ok) fail_msg("row %u", (unsigned)i);
        assert_int_equal(c->marks & MARK_ACK, row[i].ok ? 0 : MARK_ACK);
    }
}

/* "Special allowance should be made to accept valid ACKs" into a closed window. */
static void a_closed_window_takes_the_ack_and_not_the_data(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->rcv_adv = c->rcv_nxt;
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK | TCP_FIN, 10);
    assert_int_equal(tcp_validate_sequence(c, &in), GO_ON);
    assert_int_equal(in.seg.data.len, 0);
    assert_int_equal(in.seg.flags, TCP_ACK);
}

static void an_rst_counts_at_exactly_rcv_nxt(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_in beyond = tu_in(c, seq_add(c->rcv_adv, 1), TCP_RST, 0), inside = tu_in(c, TU_RCV(2), TCP_RST, 0);
    struct tcp_in hit = tu_in(c, TU_RCV(1), TCP_RST, 0);
    assert_int_equal(tcp_validate_sequence(c, &beyond), STOP);
    tu_dropped(u, LA_D_RST_BEYOND);
    assert_int_equal(c->marks, 0); /* No answer to an RST that misses. */
    assert_int_equal(tcp_validate_rst(c, &inside), STOP);
    tu_dropped(u, LA_D_RST_CHALLENGE);
    assert_int_equal(c->marks, MARK_ACK | MARK_CHALLENGE);
    assert_int_equal(tcp_validate_rst(c, &hit), GONE);
    assert_int_equal(c->error, LA_ECONNRESET);
    assert_int_equal(c->state, LA_CLOSED);
}

static void the_error_of_a_reset_depends_on_the_state(void **state) {
    struct tcp_unit *u = *state;
    static const struct {
        enum la_state state;
        int error;
    } row[] = {{LA_ESTABLISHED, LA_ECONNRESET},
               {LA_FIN_WAIT_1, LA_ECONNRESET},
               {LA_FIN_WAIT_2, LA_ECONNRESET},
               {LA_CLOSE_WAIT, LA_EPIPE},
               {LA_CLOSING, 0},
               {LA_LAST_ACK, 0},
               {LA_SYN_RCVD, LA_ECONNREFUSED}};
    for (uint16_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_conn *c = tu_try(u, row[i].state, i);
        struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_RST, 0);
        assert_int_equal(tcp_validate_rst(c, &in), GONE);
        assert_int_equal(c->error, row[i].error);
    }
}

static void a_syn_is_challenged_wherever_it_lies(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_SYN, 0);
    assert_int_equal(tcp_validate_syn(c, &in), STOP);
    tu_dropped(u, LA_D_SYN_CHALLENGE);
    assert_int_equal(c->state, LA_ESTABLISHED);
    u->tcp.params.syn_strict = false; /* RFC 793: it resets. */
    assert_int_equal(tcp_validate_syn(c, &in), GONE);
    assert_int_equal(c->state, LA_CLOSED);
    assert_int_equal(tu_skip(u), 1);
}

/* RFC 5961, 5.2: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT. */
static void an_ack_must_be_of_this_age(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    u->tcp.params.challenge_spacing = 0;
    c->max_snd_wnd = 500;
    tu_flight(c, 100);
    static const struct {
        uint32_t ack;
        enum tcp_verdict verdict;
        enum la_drop drop;
    } row[] = {{1 + 100, GO_ON, LA_D_NONE},
               {1 + 101, STOP, LA_D_ACK_FUTURE},
               {1u - 500, GO_ON, LA_D_NONE},
               {0u - 500, STOP, LA_D_ACK_OLD}};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_ACK, 0);
        in.seg.ack = TU_SND(row[i].ack);
        assert_int_equal(tcp_validate_ack(c, &in), row[i].verdict);
        tu_dropped(u, row[i].drop);
    }
    struct tcp_in none = tu_in(c, c->rcv_nxt, 0, 0);
    assert_int_equal(tcp_validate_ack(c, &none), STOP);
    tu_dropped(u, LA_D_ACK_MISSING);
    tcp_timer_rexmit(c);
}

static void challenges_are_two_a_second_for_each_connection(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *a = tu_conn(u, LA_ESTABLISHED), *b = tu_try(u, LA_ESTABLISHED, 1);
    struct tcp_in ia = tu_in(a, TU_RCV(2), TCP_RST, 0), ib = tu_in(b, TU_RCV(2), TCP_RST, 0);
    u->tcp.params.challenge_spacing = 0;
    for (int i = 0; i < 5; i++) tcp_validate_rst(a, &ia);
    assert_int_equal(u->env.counter[LA_C_CHALLENGE_ACKS], 2);
    assert_int_equal(u->env.dropped[LA_D_CHALLENGE_RATE], 3);
    tcp_validate_rst(b, &ib);
    assert_int_equal(u->env.counter[LA_C_CHALLENGE_ACKS], 3);
    u->env.now += LA_SECOND;
    tcp_validate_rst(a, &ia);
    assert_int_equal(u->env.counter[LA_C_CHALLENGE_ACKS], 4);
}

/* tcp_invalid_ratelimit: so much time between any two, from the first second of a stack's life on. */
static void challenges_keep_their_distance(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    struct tcp_in in = tu_in(c, TU_RCV(2), TCP_RST, 0);
    static const la_time at[] = {0, 499, 500, 999, 1000, 1499, 1500};
    u->tcp.params.challenge_spacing = 500 * LA_MS;
    u->tcp.params.challenge_per_second = 0;
    for (unsigned i = 0; i < COUNT_OF(at); i++) {
        u->env.now = at[i] * LA_MS;
        tcp_validate_rst(c, &in);
        assert_int_equal(u->env.counter[LA_C_CHALLENGE_ACKS], i / 2 + 1);
    }
}

/* The peer's FIN once more is old, but where its ACK is news it counts. */
static void a_repeated_fin_may_bring_news(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_CLOSING);
    struct tcp_in in = tu_in(c, seq_sub(c->rcv_nxt, 1), TCP_FIN | TCP_ACK, 0);
    assert_int_equal(tcp_validate_sequence(c, &in), STOP);
    tu_dropped(u, LA_D_SEQ_OLD);
    in.seg.ack = c->snd_max;
    assert_int_equal(tcp_validate_sequence(c, &in), GO_ON);
    tu_dropped(u, LA_D_SEQ_OLD);
    assert_int_equal(in.seg.flags, TCP_ACK);
    assert_int_equal(c->marks, MARK_ACK);
}

static void the_error_of_a_reset_may_be_the_same_in_every_state(void **state) {
    struct tcp_unit *u = *state;
    static const enum la_state states[] = {LA_ESTABLISHED, LA_FIN_WAIT_1, LA_FIN_WAIT_2,
                                           LA_CLOSE_WAIT,  LA_CLOSING,    LA_LAST_ACK};
    u->tcp.params.rst_error_by_state = false;
    for (uint16_t i = 0; i < COUNT_OF(states); i++) {
        struct tcp_conn *c = tu_try(u, states[i], i);
        struct tcp_in in = tu_in(c, c->rcv_nxt, TCP_RST, 0);
        assert_int_equal(tcp_validate_rst(c, &in), GONE);
        assert_int_equal(c->error, LA_ECONNRESET);
    }
}

static void old_timestamps_are_refused_for_24_days(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->is.ts_on = 1;
    c->ts_recent = 5;
    c->ts_recent_at = tcp_clock_ms(&u->tcp);
    struct tcp_in in = tu_in(c, TU_RCV(1), TCP_ACK, 10);
    u->tcp.params.missing_ts_taken = true;
    assert_int_equal(tcp_validate_sequence(c, &in), GO_ON);
    u->tcp.params.missing_ts_taken = false;
    assert_int_equal(tcp_validate_sequence(c, &in), STOP); /* Agreed on, so it must be there. */
    tu_dropped(u, LA_D_NO_TIMESTAMP);
    in.seg.opt.has_ts = true;
    in.seg.opt.ts_val = 0xfffffff0; /* Before 5, around the wrap. */
    assert_int_equal(tcp_validate_sequence(c, &in), STOP);
    tu_dropped(u, LA_D_PAWS);
    assert_int_equal(c->marks, MARK_ACK);
    u->env.now += (la_time)24 * 24 * 3600 * LA_SECOND;
    assert_int_equal(tcp_validate_sequence(c, &in), GO_ON);
}

/* RFC 7323, 4.3: TS.Recent follows segments that begin at or before Last.ACK.sent. */
static void the_timestamp_to_echo_is_the_one_of_the_edge(void **state) {
    struct tcp_unit *u = *state;
    struct tcp_conn *c = tu_conn(u, LA_ESTABLISHED);
    c->is.ts_on = 1;
    c->ts_recent = 100;
    struct tcp_in edge = tu_in(c, TU_RCV(1), TCP_ACK, 10), later = tu_in(c, TU_RCV(2), TCP_ACK, 10);
    later.seg.opt = edge.seg.opt = (struct tcp_options){.has_ts = true, .ts_val = 200};
    assert_int_equal(tcp_validate_ack(c, &later), GO_ON);
    assert_int_equal(c->ts_recent, 100);
    edge.seg.ack = TU_SND(2);
    assert_int_equal(tcp_validate_ack(c, &edge), STOP); /* An ACK of the future teaches nothing. */
    assert_int_equal(c->ts_recent, 100);
    edge.seg.ack = TU_SND(1);
    assert_int_equal(tcp_validate_ack(c, &edge), GO_ON);
    assert_int_equal(c->ts_recent, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TU_TEST(the_four_cases_of_acceptability),
        TU_TEST(a_closed_window_takes_the_ack_and_not_the_data),
        TU_TEST(an_rst_counts_at_exactly_rcv_nxt),
        TU_TEST(the_error_of_a_reset_depends_on_the_state),
        TU_TEST(a_syn_is_challenged_wherever_it_lies),
        TU_TEST(an_ack_must_be_of_this_age),
        TU_TEST(challenges_are_two_a_second_for_each_connection),
        TU_TEST(challenges_keep_their_distance),
        TU_TEST(a_repeated_fin_may_bring_news),
        TU_TEST(the_error_of_a_reset_may_be_the_same_in_every_state),
        TU_TEST(old_timestamps_are_refused_for_24_days),
        TU_TEST(the_timestamp_to_echo_is_the_one_of_the_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
