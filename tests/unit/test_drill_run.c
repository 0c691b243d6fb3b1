/* drill/run*.c: the runner's rules of time, flow, merging and calls, against a target that plays a part by heart. */
#include "support/unit.h"

#include <lastack/drill.h>
#include <lastack/info.h>
#include <lastack/segment.h>
#include <stdlib.h>
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
    unsigned ncalls;
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
    la_segment_parse(packet, len, &segment);
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
static struct la_segment *sends_from(unsigned ms, uint16_t port, uint16_t flags, uint32_t seq, uint32_t ack,
                                     size_t len) {
    static struct la_segment segment;
    segment = (struct la_segment){.src = {la_addr4(192, 168, 0, 1), port, 0},
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
    return &segment;
}

static void sends(unsigned ms, uint16_t flags, uint32_t seq, uint32_t ack, size_t len) {
    sends_from(ms, 8080, flags, seq, ack, len);
}

static void answers(la_time takes, int64_t result) {
    static unsigned none;
    unsigned i = none;
    while (i < 8 && (fake.answer[i].takes || fake.answer[i].result)) i++;
    assert_true(i < 8);
    fake.answer[i] = (struct answer){takes, result};
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
    struct la_drill_run run = {
        .script = script, .name = "test", .target = &fake.target, .host = host, .line = hear};
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
         "timing: expected an outbound packet at 1.000000 but it happened at 1.126000, 0.001000 s too late (tolerance "
         "0.125000 s)"
         + 0 * sizeof ""); /* The sentence below says by how much. */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_packet_is_on_time_within_the_tolerance, setup),
        cmocka_unit_test_setup(the_tolerance_grows_with_the_gap_before, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
