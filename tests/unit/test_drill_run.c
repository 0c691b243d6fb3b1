/* drill/run*.c: the runner's rules of time, flow, merging and calls, against a target that plays a part by heart. */
#include "support/unit.h"

#include <lastack/drill.h>
#include <lastack/info.h>
#include <lastack/segment.h>
#include <lastack/stack.h>
#include <stdio.h>
#include <string.h>

#define REMOTE_PORT 32768 /* The first that the runner gives its side. */
#define LOCAL_ISN 5000

/* --- A target whose clock, packets and results are fixed in advance --- */

struct answer {
    la_time takes; /* 0: the call is over at once; LA_NEVER: never. */
    int64_t result;
};

struct sent {
    la_time at;
    size_t len;
    uint8_t bytes[2048];
};

struct fake {
    struct la_drill_target target; /* First. */
    la_time now, stops_at;         /* `stops_at` > 0: its clock goes no further. */
    struct sent sent[8];
    unsigned nsent, taken;
    struct answer answer[8];
    unsigned nanswers, ncalls;
    enum la_sys_nr called[8];
    struct la_sys_call *pending;
    unsigned abandoned;
    la_time input_at[8];
    uint16_t input_flags[8];
    uint32_t input_gso;
    unsigned ninput;
    int input_error, output_error;
    int status; /* Of commands, and … */
    const char *fails, *says;
    char commands[256]; /* … the ones that ran, with a bar behind each. */
    const char *lacks;
    int state;
};

static struct fake fake;

static la_time fake_now(struct la_drill_target *target) {
    (void)target;
    return fake.now;
}

static void fake_sleep(struct la_drill_target *target, la_time until) {
    (void)target;
    if (fake.stops_at && until > fake.stops_at) until = fake.stops_at;
    if (until > fake.now) fake.now = until;
}

static int fake_input(struct la_drill_target *target, const void *packet, size_t len, uint32_t gso) {
    (void)target;
    struct la_segment segment = {0};
    assert_true(la_segment_parse(LA_LINK_IP, packet, len, &segment) || segment.flags == 0);
    assert_true(fake.ninput < 8);
    fake.input_at[fake.ninput] = fake.now;
    fake.input_flags[fake.ninput++] = segment.flags;
    fake.input_gso = gso;
    return fake.input_error;
}

static int64_t fake_output(struct la_drill_target *target, void *packet, size_t size, la_time *at, la_time until) {
    if (fake.output_error) return fake.output_error;
    if (fake.taken == fake.nsent || fake.sent[fake.taken].at > until) {
        fake_sleep(target, until);
        return 0;
    }
    const struct sent *sent = &fake.sent[fake.taken++];
    fake_sleep(target, sent->at);
    assert_true(sent->len <= size);
    memcpy(packet, sent->bytes, sent->len);
    *at = sent->at;
    return (int64_t)sent->len;
}

static bool end_call(struct la_sys_call *call, la_time at) {
    call->over_at = at;
    fake.pending = NULL;
    return true;
}

static bool fake_call(struct la_drill_target *target, struct la_sys_call *call) {
    (void)target;
    assert_true(fake.ncalls < 8 && !fake.pending);
    const struct answer *answer = &fake.answer[fake.ncalls];
    fake.called[fake.ncalls++] = call->nr;
    call->result = answer->result;
    call->over_at = answer->takes == LA_NEVER ? LA_NEVER : fake.now + answer->takes;
    fake.pending = call;
    return answer->takes == 0 && end_call(call, fake.now);
}

static bool fake_wait(struct la_drill_target *target, struct la_sys_call *call, la_time until) {
    assert_ptr_equal(call, fake.pending);
    fake_sleep(target, call->over_at < until ? call->over_at : until);
    return call->over_at <= until && end_call(call, call->over_at);
}

static void fake_abandon(struct la_drill_target *target, struct la_sys_call *call) {
    (void)target;
    assert_ptr_equal(call, fake.pending);
    fake.pending = NULL;
    fake.abandoned++;
}

static int fake_command(struct la_drill_target *target, const char *command, char *output, size_t size) {
    (void)target;
    size_t len = strlen(fake.commands);
    snprintf(fake.commands + len, sizeof fake.commands - len, "%s|", command);
    if (!fake.fails || strcmp(command, fake.fails) != 0) return 0;
    if (fake.says) snprintf(output, size, "%s", fake.says);
    return fake.status;
}

static const char *fake_refusal(struct la_drill_target *target, const struct la_sys_call *call) {
    (void)target;
    (void)call;
    return fake.lacks;
}

static int fake_state(struct la_drill_target *target, const struct la_endpoint *local,
                      const struct la_endpoint *remote) {
    (void)target;
    assert_int_equal(local->port, 8080);
    assert_int_equal(remote->port, REMOTE_PORT);
    return fake.state;
}

static int setup(void **state) {
    (void)state;
    memset(&fake, 0, sizeof fake);
    fake.target = (struct la_drill_target){
        .name = "fake",
        .patience = 3600 * LA_SECOND,
        .now = fake_now,
        .sleep = fake_sleep,
        .input = fake_input,
        .output = fake_output,
        .call = fake_call,
        .wait = fake_wait,
        .abandon = fake_abandon,
        .command = fake_command,
        .refusal = fake_refusal,
        .state = fake_state,
    };
    fake.now = 7 * LA_SECOND; /* The script's zero. */
    fake.state = -LA_ENOENT;
    return 0;
}

/* A segment that the fake sends so many milliseconds after the script's start. */
static void sends_from(unsigned ms, uint16_t port, uint16_t flags, uint32_t seq, uint32_t ack, size_t len) {
    struct la_segment segment = {.src = {la_addr4(192, 168, 0, 1), port, 0},
                                 .dst = {la_addr4(192, 0, 2, 1), REMOTE_PORT, 0},
                                 .seq = LOCAL_ISN + seq,
                                 .ack = ack,
                                 .flags = flags,
                                 .wnd = 1000,
                                 .ttl = 64,
                                 .csum_ok = true,
                                 .wscale = -1,
                                 .len = len};
    assert_true(fake.nsent < 8);
    struct sent *sent = &fake.sent[fake.nsent++];
    sent->at = (7000 + ms) * LA_MS;
    sent->len = la_segment_build(&segment, sent->bytes, sizeof sent->bytes);
    assert_true(sent->len > 0);
}

static void sends(unsigned ms, uint16_t flags, uint32_t seq, uint32_t ack, size_t len) {
    sends_from(ms, 8080, flags, seq, ack, len);
}

static void answers(la_time takes, int64_t result) {
    assert_true(fake.nanswers < 8);
    fake.answer[fake.nanswers++] = (struct answer){takes, result};
}

/* --- Runs --- */

static char lines[2048]; /* What the listener heard: kind, line, state columns. */

static void hear(void *ctx, const struct la_drill_line *line) {
    (void)ctx;
    size_t len = strlen(lines);
    snprintf(lines + len, sizeof lines - len, "%s%u@%.3f%s %d %d|", line->kind, line->line, line->at,
             line->ok ? "" : "!", line->local_state, line->remote_state);
}

static struct la_drill_result result;

static enum la_drill_verdict run_with(const char *text, const struct la_drill_host *host) {
    struct la_drill_script *script;
    struct la_drill_error error;
    if (la_drill_parse(text, strlen(text), NULL, &script, &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.text);
    struct la_drill_run run = {.script = script, .name = "test", .target = &fake.target, .host = host, .line = hear};
    lines[0] = '\0';
    la_drill_run(&run, &result);
    la_drill_free(script);
    assert_null(fake.pending);
    return result.verdict;
}

static void first_line_is(const char *expected) {
    size_t len = strcspn(result.text, "\n");
    if (strlen(expected) != len || memcmp(result.text, expected, len) != 0) fail_msg("\"%s\"", result.text);
}

static void ends_with(const char *text, const struct la_drill_host *host, enum la_drill_verdict verdict, unsigned line,
                      const char *first) {
    if (run_with(text, host) != verdict) fail_msg("verdict %d: %s", result.verdict, result.text);
    first_line_is(first);
    assert_int_equal(result.line, line);
}

static void ends(const char *text, enum la_drill_verdict verdict, unsigned line, const char *first) {
    ends_with(text, NULL, verdict, line, first);
}

static void passes(const char *text) { ends(text, LA_DRILL_PASS, 0, ""); }

/* The packets that begin a flow: no socket is there, and the fake answers a SYN. */
#define SYN "0 < S 0:0(0) win 1000\n"
#define OPEN SYN "+0 > S. 0:0(0) ack 1\n"

static void opens(void) { sends(0, LA_SYN | LA_ACK, 0, 1, 0); }

/* --- Time --- */

static void a_packet_is_on_time_within_the_tolerance(void **state) {
    (void)state;
    opens();
    sends(104, LA_ACK, 1, 1, 0);
    passes("--tolerance_usecs=4000\n--tolerance_percent=0\n" OPEN "+.1 > . 1:1(0) ack 1");
    assert_int_equal(result.took, 7104 * LA_MS);
    setup(NULL);
    opens();
    sends(105, LA_ACK, 1, 1, 0);
    ends("--tolerance_usecs=4000\n--tolerance_percent=0\n" OPEN "+.1 > . 1:1(0) ack 1", LA_DRILL_FAIL, 5,
         "timing: expected an outbound packet at 0.100000 but it happened at 0.105000, 0.005000 s too late (tolerance "
         "0.004000 s)");
    setup(NULL);
    opens();
    sends(95, LA_ACK, 1, 1, 0);
    ends("--tolerance_usecs=4000\n--tolerance_percent=0\n" OPEN "+.1 > . 1:1(0) ack 1", LA_DRILL_FAIL, 5,
         "timing: expected an outbound packet at 0.100000 but it happened at 0.095000, 0.005000 s too early "
         "(tolerance 0.004000 s)");
}

static void the_tolerance_grows_with_the_gap_before(void **state) {
    (void)state;
    opens();
    sends(1125, LA_ACK, 1, 1, 0);
    passes(OPEN "+1 > . 1:1(0) ack 1");
    setup(NULL);
    opens();
    sends(1126, LA_ACK, 1, 1, 0);
    ends(OPEN "+1 > . 1:1(0) ack 1", LA_DRILL_FAIL, 3,
         "timing: expected an outbound packet at 1.000000 but it happened at 1.126000, 0.126000 s too late (tolerance "
         "0.125000 s)");
}

static void relative_times_count_from_when_the_previous_event_ended(void **state) {
    (void)state;
    opens();
    sends(103, LA_ACK, 1, 1, 0); /* Late by 3 ms: what follows is due 3 ms later, too. */
    passes(OPEN "+.1 > . 1:1(0) ack 1\n"
                "+.1 < . 1:1(0) ack 1 win 1000\n"
                "+.1 < . 1:1(0) ack 1 win 1000\n"
                "0.35 < . 1:1(0) ack 1 win 1000");
    assert_int_equal(fake.ninput, 4);
    assert_int_equal(fake.input_at[1], 7203 * LA_MS);
    assert_int_equal(fake.input_at[2], 7303 * LA_MS);
    assert_int_equal(fake.input_at[3], 7350 * LA_MS);
}

static int fake_input_takes_3_ms(struct la_drill_target *target, const void *packet, size_t len, uint32_t gso) {
    int error = fake_input(target, packet, len, gso);
    fake.now += 3 * LA_MS;
    return error;
}

static void inbound_packets_in_a_row_do_not_drift(void **state) {
    (void)state;
    opens();
    fake.target.input = fake_input_takes_3_ms;
    answers(0, 0);
    passes(OPEN "+.1 < . 1:1(0) ack 1 win 1000\n"
                "+.1 < . 1:1(0) ack 1 win 1000\n"
                "+.1 close(3) = 0");
    assert_int_equal(fake.input_at[2] - fake.input_at[1], 100 * LA_MS);
    assert_int_equal(result.took - fake.input_at[2], 103 * LA_MS);
}

static void absolute_times_must_not_go_backwards(void **state) {
    (void)state;
    ends(SYN "0.2 < . 1:1(0) ack 1 win 1000\n0.1 < . 1:1(0) ack 1 win 1000", LA_DRILL_BROKEN, 3,
         "time goes backwards in the script: from 0.200000 to 0.100000");
    setup(NULL);
    ends("0.1 close(3) = 0", LA_DRILL_BROKEN, 1, "the first event is not at time 0");
    setup(NULL);
    /* Behind a relative time it is the event that is late. */
    passes(SYN "+.2 < . 1:1(0) ack 1 win 1000\n0.198 < . 1:1(0) ack 1 win 1000");
    setup(NULL);
    ends(SYN "+.2 < . 1:1(0) ack 1 win 1000\n0.1 < . 1:1(0) ack 1 win 1000", LA_DRILL_FAIL, 3,
         "timing: expected an inbound packet at 0.100000 but it happened at 0.200000, 0.100000 s too late (tolerance "
         "0.004000 s)");
}

static void ranges_and_stars(void **state) {
    (void)state;
    opens();
    sends(150, LA_ACK, 1, 1, 0);
    sends(250, LA_ACK, 1, 1, 0);
    sends(2000000, LA_ACK, 1, 1, 0);
    passes("--tolerance_percent=0\n" OPEN "+.1~+.2 > . 1:1(0) ack 1\n0.2~0.246 > . 1:1(0) ack 1\n* > . 1:1(0) ack 1");
    setup(NULL);
    opens();
    sends(205, LA_ACK, 1, 1, 0);
    ends("--tolerance_percent=0\n" OPEN "+.1~+.2 > . 1:1(0) ack 1", LA_DRILL_FAIL, 4,
         "timing: expected an outbound packet at 0.100000 to 0.200000 but it happened at 0.205000, 0.005000 s too late "
         "(tolerance 0.004000 s)");
    setup(NULL);
    opens();
    sends(3600001, LA_ACK, 1, 1, 0); /* The fake's patience is an hour. */
    ends(OPEN "* > . 1:1(0) ack 1", LA_DRILL_FAIL, 3, "no packet was sent until 3600.000000");
}

static void a_packet_that_never_comes_is_waited_for_two_seconds(void **state) {
    (void)state;
    opens();
    ends(OPEN "+.5 > . 1:1(0) ack 1", LA_DRILL_FAIL, 3, "no packet was sent until 2.500000");
    assert_int_equal(result.took, 9500 * LA_MS);
}

static void a_clock_that_stops_breaks_the_run(void **state) {
    (void)state;
    const char *sentence = "the fake gives up at 3.000000: more happens there until 5.000000 than a script may ask for";
    fake.stops_at = 10 * LA_SECOND;
    ends(SYN "+5 close(3) = 0", LA_DRILL_BROKEN, 2, sentence);
    assert_int_equal(fake.ncalls, 0);
    setup(NULL);
    fake.stops_at = 10 * LA_SECOND;
    ends(SYN "+3 > S. 0:0(0) ack 1", LA_DRILL_BROKEN, 2, sentence);
    setup(NULL);
    fake.stops_at = 10 * LA_SECOND;
    answers(LA_NEVER, 0);
    ends("0...4 close(3) = 0", LA_DRILL_BROKEN, 1, sentence);
    assert_int_equal(fake.abandoned, 1);
}

/* --- Flow --- */

static void packets_of_other_connections_are_passed_over(void **state) {
    (void)state;
    opens();
    sends_from(50, 8081, LA_RST, 9, 9, 0);
    sends(100, LA_ACK, 1, 1, 0);
    passes(OPEN "+.1 > . 1:1(0) ack 1");
}

static void a_packet_to_a_listener_begins_a_flow(void **state) {
    (void)state;
    answers(0, 3);
    answers(0, 0);
    answers(0, 0);
    opens();
    fake.state = LA_SYN_RCVD;
    passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
           "+0 < S 0:0(0) win 1000\n+0 > S. 0:0(0) ack 1\n+0 < . 1:1(0) ack 1 win 1000");
    assert_string_equal(lines, "call1@0.000 -1 -1|call2@0.000 -1 -1|call3@0.000 -1 -1|<4@0.000 3 2|>5@0.000 3 4|"
                               "<6@0.000 3 4|");
}

static void a_packet_with_no_flow_is_the_scripts_mistake(void **state) {
    (void)state;
    ends("0 > . 1:1(0) ack 1", LA_DRILL_BROKEN, 1, "no connection is under test that this packet could belong to");
    setup(NULL);
    ends("0 < icmp unreachable host_unreachable [1:11(10)]", LA_DRILL_BROKEN, 1,
         "no connection is under test that this packet could belong to");
}

/* What goes to port 8080 of the script's side from a port the runner cannot know. */
static void sends_out(unsigned ms, uint16_t port, uint16_t flags, uint32_t seq, uint32_t ack) {
    struct la_segment segment = {.src = {la_addr4(192, 168, 0, 1), port, 0},
                                 .dst = {la_addr4(192, 0, 2, 1), 8080, 0},
                                 .seq = LOCAL_ISN + seq,
                                 .ack = ack,
                                 .flags = flags,
                                 .ttl = 64,
                                 .csum_ok = true,
                                 .wscale = -1};
    struct sent *sent = &fake.sent[fake.nsent++];
    sent->at = (7000 + ms) * LA_MS;
    sent->len = la_segment_build(&segment, sent->bytes, sizeof sent->bytes);
}

static int any_state(struct la_drill_target *target, const struct la_endpoint *local,
                     const struct la_endpoint *remote) {
    (void)target;
    (void)local;
    (void)remote;
    return LA_SYN_SENT;
}

#define CONNECT "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 connect(3, ..., ...) = -1 EINPROGRESS\n"

static void a_connect_is_known_by_its_syn(void **state) {
    (void)state;
    answers(0, 3);
    answers(0, -LA_EINPROGRESS);
    sends_out(0, 41000, LA_SYN, 0, 0);
    sends_out(0, 41000, LA_ACK, 1, 1);
    fake.target.state = any_state;
    passes(CONNECT "+0 > S 0:0(0)\n+0 < S. 0:0(0) ack 1 win 1000\n+0 > . 1:1(0) ack 1");
    assert_int_equal(fake.input_flags[0], LA_SYN | LA_ACK);
}

static void a_disconnected_socket_may_connect_again(void **state) {
    (void)state;
    answers(0, 3);
    answers(0, -LA_EINPROGRESS);
    answers(0, 0);
    answers(0, -LA_EINPROGRESS);
    sends_out(0, 41000, LA_SYN, 0, 0);
    sends_out(100, 41001, LA_SYN, 777, 0);
    fake.target.state = any_state;
    passes(CONNECT "+0 > S 0:0(0)\n+0 connect(3, AF_UNSPEC, ...) = 0\n"
                   "+.1 connect(3, ..., ...) = -1 EINPROGRESS\n+0 > S 0:0(0)");
}

static void a_failing_injection_breaks_the_run(void **state) {
    (void)state;
    fake.input_error = -LA_ENOMEM;
    ends(SYN, LA_DRILL_BROKEN, 1, "the packet could not be given to the fake: ENOMEM");
    setup(NULL);
    fake.output_error = -LA_EMSGSIZE;
    ends(OPEN, LA_DRILL_BROKEN, 2, "reading what the fake sends: EMSGSIZE");
}

static void large_inbound_packets_are_coalesced_ones(void **state) {
    (void)state;
    opens();
    passes("--mss=1000\n" OPEN "+0 < . 1:1001(1000) ack 1 win 1000");
    assert_int_equal(fake.input_gso, 0);
    setup(NULL);
    opens();
    passes("--mss=1000\n" OPEN "+0 < . 1:2002(2001) ack 1 win 1000");
    assert_int_equal(fake.input_gso, 1000);
}

/* --- Merging --- */

static void consecutive_segments_make_the_large_one_expected(void **state) {
    (void)state;
    opens();
    sends(100, LA_ACK, 1, 1, 1000);
    sends(100, LA_ACK, 1001, 1, 1000);
    sends(102, LA_ACK | LA_PSH, 2001, 1, 500);
    passes(OPEN "+.1 > P. 1:2501(2500) ack 1");
}

static void what_does_not_continue_is_not_merged(void **state) {
    (void)state;
    opens();
    sends(100, LA_ACK, 1, 1, 1000);
    sends(100, LA_ACK, 1002, 1, 1000);
    ends(OPEN "+.1 > P. 1:2001(2000) ack 1", LA_DRILL_FAIL, 3,
         "the next segment does not continue the one before: seq on the wire: expected 6001, sent 6002");
    setup(NULL);
    opens();
    sends(100, LA_ACK, 1, 1, 1000);
    sends(100, LA_ACK, 1001, 1, 900);
    sends(100, LA_ACK, 1901, 1, 600);
    ends(OPEN "+.1 > P. 1:2501(2500) ack 1", LA_DRILL_FAIL, 3,
         "the next segment does not continue the one before: payload of a piece: expected 1000, sent 900");
    setup(NULL);
    opens();
    sends(100, LA_ACK, 1, 1, 1000);
    ends(OPEN "+.1 > P. 1:2001(2000) ack 1", LA_DRILL_FAIL, 3,
         "no packet was sent until 2.100000, where the rest of this data was expected");
    setup(NULL);
    opens();
    sends(100, LA_ACK, 1, 1, 1000);
    sends(100, LA_ACK, 1001, 1, 1000);
    ends(OPEN "+.1 > P. 1:1501(1500) ack 1", LA_DRILL_FAIL, 3, "PSH: expected set, sent clear (flags P. and .)");
    setup(NULL);
    opens();
    sends(100, LA_ACK, 1, 1, 1000);
    sends(100, LA_ACK, 1001, 1, 1000);
    ends("--strict_segments\n" OPEN "+.1 > . 1:2001(2000) ack 1", LA_DRILL_FAIL, 4,
         "payload bytes: expected 2000, sent 1000");
}

/* --- Calls --- */

static void a_blocking_call_ends_when_the_script_says(void **state) {
    (void)state;
    answers(200 * LA_MS, 0);
    answers(0, 0);
    passes("0...0.2 shutdown(3, SHUT_RD) = 0\n+.3 close(3) = 0");
    setup(NULL);
    answers(100 * LA_MS, 0);
    ends("0...0.2 shutdown(3, SHUT_RD) = 0\n+.3 close(3) = 0", LA_DRILL_FAIL, 1,
         "timing: expected a system call to return at 0.200000 but it happened at 0.100000, 0.100000 s too early "
         "(tolerance 0.025000 s)");
    setup(NULL);
    answers(300 * LA_MS, 0);
    ends("0...0.2 shutdown(3, SHUT_RD) = 0", LA_DRILL_FAIL, 1,
         "timing: expected a system call to return at 0.200000 but it happened at 0.300000, 0.100000 s too late "
         "(tolerance 0.025000 s)");
    setup(NULL);
    answers(LA_NEVER, 0);
    ends("0...0.2 shutdown(3, SHUT_RD) = 0\n+.1 `true`", LA_DRILL_FAIL, 1,
         "the call has not returned: expected at 0.200000, and it is 1.200000");
    assert_int_equal(fake.abandoned, 1);
}

static void packets_go_on_beside_a_blocking_call(void **state) {
    (void)state;
    opens();
    answers(100 * LA_MS, 0);
    passes(OPEN "+0...0.1 shutdown(3, SHUT_RD) = 0\n"
                "+.05 < . 1:1(0) ack 1 win 1000\n"
                "+.1 < . 1:1(0) ack 1 win 1000");
    assert_string_equal(lines, "<1@0.000 -1 2|>2@0.000 -1 4|<4@0.050 -1 4|call3@0.150 -1 4|<5@0.150 -1 4|");
}

static void a_second_call_waits_for_the_first(void **state) {
    (void)state;
    answers(200 * LA_MS, 0);
    answers(0, 0);
    ends("0...0.2 shutdown(3, SHUT_RD) = 0\n+.1 close(3) = 0", LA_DRILL_FAIL, 2,
         "timing: expected a system call to begin at 0.100000 but it happened at 0.200000, 0.100000 s too late "
         "(tolerance 0.012500 s)");
    assert_int_equal(fake.ncalls, 1);
}

static void a_call_that_blocks_against_the_script(void **state) {
    (void)state;
    answers(LA_NEVER, 0);
    ends("0 shutdown(3, SHUT_RD) = 0", LA_DRILL_FAIL, 1, "the call blocks: it has not returned for 10 s");
    assert_int_equal(fake.abandoned, 1);
    setup(NULL);
    answers(2 * LA_SECOND, 0); /* As with the original, what follows is due that much later. */
    answers(0, 0);
    passes("0 shutdown(3, SHUT_RD) = 0\n+.1 close(3) = 0");
    assert_int_equal(result.took, 9100 * LA_MS);
}

static void a_wrong_result_is_shown_beside_the_expected_one(void **state) {
    (void)state;
    answers(0, -LA_ENOTCONN);
    ends("0 shutdown(3, SHUT_RD) = 0", LA_DRILL_FAIL, 1, "1:26: expected result 0, actual -1 with ENOTCONN (107)");
    assert_non_null(strstr(result.text, "expected: shutdown(3, SHUT_RD) = 0\n"));
    assert_non_null(strstr(result.text, "actual:   shutdown(3, SHUT_RD) = -1 ENOTCONN"));
    assert_string_equal(lines, "call1@0.000! -1 -1|");
}

static void non_fatal_mistakes_let_the_script_go_on(void **state) {
    (void)state;
    answers(0, -LA_ENOTCONN);
    answers(0, 0);
    assert_int_equal(run_with("--non_fatal=syscall\n0 shutdown(3, SHUT_RD) = 0\n+0 close(3) = 0", NULL), LA_DRILL_PASS);
    assert_string_equal(lines, "call2@0.000! -1 -1|call3@0.000 -1 -1|");
    setup(NULL);
    opens();
    sends(0, LA_ACK, 1, 1, 0);
    assert_int_equal(run_with("--non_fatal=packet\n" OPEN "+0 > F. 1:1(0) ack 1", NULL), LA_DRILL_PASS);
    setup(NULL);
    opens();
    assert_int_equal(run_with("--non_fatal=packet\n" OPEN "+0 > F. 1:1(0) ack 1", NULL), LA_DRILL_FAIL);
}

/* --- What the target does not have --- */

static void what_the_target_lacks_is_not_applicable(void **state) {
    (void)state;
    ends("0 recv(3, ..., 100, MSG_ERRQUEUE) = 1", LA_DRILL_NOT_APPLICABLE, 1,
         "the fake does not have a socket's error queue (MSG_ERRQUEUE)");
    assert_int_equal(fake.ncalls, 0);
    setup(NULL);
    answers(0, -LA_EOPNOTSUPP);
    fake.lacks = "such a thing";
    ends("0 shutdown(3, SHUT_RD) = 0", LA_DRILL_NOT_APPLICABLE, 1, "the fake refuses shutdown: such a thing");
    setup(NULL);
    answers(0, -LA_EOPNOTSUPP); /* Without a refusal, the error is the call's own. */
    passes("0 shutdown(3, SHUT_RD) = -1 EOPNOTSUPP");
    setup(NULL);
    fake.fails = "setkey";
    fake.says = "TCP-MD5";
    fake.status = -LA_EOPNOTSUPP;
    ends("0 `setkey`", LA_DRILL_NOT_APPLICABLE, 1, "TCP-MD5");
}

/* --- Commands and code --- */

static void commands_prepare_and_clean_up(void **state) {
    (void)state;
    passes("`first`\n0 `second`\n+1 `third`\n`last`");
    assert_string_equal(fake.commands, "first|second|third|last|");
    setup(NULL);
    fake.fails = "second";
    fake.status = 3;
    fake.says = "a reason";
    ends("`first`\n0 `second`\n+1 `third`\n`last`", LA_DRILL_FAIL, 2, "the command `second` ended with exit status 3");
    assert_string_equal(fake.commands, "first|second|last|");
    assert_non_null(strstr(result.text, "a reason"));
    setup(NULL);
    fake.fails = "first";
    fake.status = -LA_ENOENT;
    fake.says = "none";
    ends("`first`\n0 `second`\n`last`", LA_DRILL_BROKEN, 0, "the command `first` could not be run: none");
    assert_string_equal(fake.commands, "first|last|");
    setup(NULL);
    fake.fails = "last";
    fake.status = 1;
    ends("0 `second`\n`last`", LA_DRILL_FAIL, 0, "the cleanup command failed (1): ");
}

static int python(void *ctx, const char *program, char *output, size_t size) {
    assert_non_null(strstr(program, "tcpi_state"));
    snprintf(output, size, "AssertionError");
    return *(int *)ctx;
}

#define CODE "0 %{ assert tcpi_state == 1 }%"

static void code_runs_at_the_end(void **state) {
    (void)state;
    int status = 0;
    struct la_drill_host host = {.ctx = &status, .python = python};
    ends_with(CODE, &host, LA_DRILL_PASS, 0, "");
    status = 1;
    setup(NULL);
    ends_with(CODE, &host, LA_DRILL_FAIL, 0, "a Python assertion failed: AssertionError");
    status = -LA_ENOENT;
    setup(NULL);
    ends_with(CODE, &host, LA_DRILL_BROKEN, 0, "python3 could not be run: AssertionError");
    setup(NULL);
    ends(CODE, LA_DRILL_NOT_APPLICABLE, 0, "the script has Python code, and there is nobody to run it");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_packet_is_on_time_within_the_tolerance, setup),
        cmocka_unit_test_setup(the_tolerance_grows_with_the_gap_before, setup),
        cmocka_unit_test_setup(relative_times_count_from_when_the_previous_event_ended, setup),
        cmocka_unit_test_setup(inbound_packets_in_a_row_do_not_drift, setup),
        cmocka_unit_test_setup(absolute_times_must_not_go_backwards, setup),
        cmocka_unit_test_setup(ranges_and_stars, setup),
        cmocka_unit_test_setup(a_packet_that_never_comes_is_waited_for_two_seconds, setup),
        cmocka_unit_test_setup(a_clock_that_stops_breaks_the_run, setup),
        cmocka_unit_test_setup(packets_of_other_connections_are_passed_over, setup),
        cmocka_unit_test_setup(a_packet_to_a_listener_begins_a_flow, setup),
        cmocka_unit_test_setup(a_packet_with_no_flow_is_the_scripts_mistake, setup),
        cmocka_unit_test_setup(a_connect_is_known_by_its_syn, setup),
        cmocka_unit_test_setup(a_disconnected_socket_may_connect_again, setup),
        cmocka_unit_test_setup(a_failing_injection_breaks_the_run, setup),
        cmocka_unit_test_setup(large_inbound_packets_are_coalesced_ones, setup),
        cmocka_unit_test_setup(consecutive_segments_make_the_large_one_expected, setup),
        cmocka_unit_test_setup(what_does_not_continue_is_not_merged, setup),
        cmocka_unit_test_setup(a_blocking_call_ends_when_the_script_says, setup),
        cmocka_unit_test_setup(packets_go_on_beside_a_blocking_call, setup),
        cmocka_unit_test_setup(a_second_call_waits_for_the_first, setup),
        cmocka_unit_test_setup(a_call_that_blocks_against_the_script, setup),
        cmocka_unit_test_setup(a_wrong_result_is_shown_beside_the_expected_one, setup),
        cmocka_unit_test_setup(non_fatal_mistakes_let_the_script_go_on, setup),
        cmocka_unit_test_setup(what_the_target_lacks_is_not_applicable, setup),
        cmocka_unit_test_setup(commands_prepare_and_clean_up, setup),
        cmocka_unit_test_setup(code_runs_at_the_end, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
