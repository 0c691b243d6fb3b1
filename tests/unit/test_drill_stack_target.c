/* drill/stack_target.c: a stack in virtual time. Its clock moves only where it is told to; what happens, happens at its
 * own time and once. */
#include "support/drill_rig.h"

#include <lastack/segment.h>
#include <lastack/socket.h>

#define PORT 8080
#define PEER_PORT 40000

static const struct la_endpoint local = {.addr = {{[10] = 0xff, 0xff, 192, 168, 0, 1}}, .port = PORT};
static const struct la_endpoint peer = {.addr = {{[10] = 0xff, 0xff, 192, 0, 2, 1}}, .port = PEER_PORT};

static int input(struct la_drill_target *target, uint16_t flags, uint32_t seq, uint32_t ack) {
    struct la_segment segment = {.src = peer,
                                 .dst = local,
                                 .seq = seq,
                                 .ack = ack,
                                 .flags = flags,
                                 .wnd = 65535,
                                 .ttl = 64,
                                 .csum_ok = true,
                                 .wscale = -1};
    uint8_t packet[128];
    return target->input(target, packet, la_segment_build(&segment, packet, sizeof packet), 0);
}

/* The flags of the next packet until then, 0: none comes. */
static uint16_t output(struct la_drill_target *target, la_time until, la_time *at, uint32_t *seq) {
    uint8_t packet[2048];
    struct la_segment segment;
    int64_t len = target->output(target, packet, sizeof packet, at, until);
    if (len <= 0) return 0;
    if (!la_segment_parse(LA_LINK_IP, packet, (size_t)len, &segment)) return 0;
    *seq = segment.seq;
    return segment.flags;
}

static int64_t call(struct la_drill_target *target, struct la_sys_call call) {
    return target->call(target, &call) ? call.result : -LA_EINPROGRESS;
}

#define CALL(target, ...) call(target, (struct la_sys_call){__VA_ARGS__})

/* The port number 8080 and the address 0.0.0.0 as a sockaddr. */
static const struct {
    uint16_t family;
    uint8_t port[2], rest[12];
} any = {2 /* AF_INET */, {0x1f, 0x90}, {0}};

static bool listens(struct la_drill_target *target) {
    return CALL(target, .nr = LA_SYS_SOCKET, .arg = {2, 1, 0}) == 3 &&
           CALL(target, .nr = LA_SYS_BIND, .arg = {3, (uintptr_t)&any, sizeof any}) == 0 &&
           CALL(target, .nr = LA_SYS_LISTEN, .arg = {3, 5}) == 0;
}

/* --- Time --- */

static void timers_fire_behind_the_event_at_their_time(void **state) {
    (void)state;
    struct drill_rig rig;
    la_time at;
    uint32_t seq;
    drill_rig_open(&rig, "linux");
    struct la_drill_target *target = rig.target;
    assert_int_equal(target->now(target), 0);
    assert_true(listens(target));
    target->sleep(target, 5 * LA_MS);
    assert_int_equal(input(target, LA_SYN, 100, 0), 0);
    assert_int_equal(output(target, 5 * LA_MS, &at, &seq), LA_SYN | LA_ACK);
    assert_int_equal(at, 5 * LA_MS);
    la_time due = la_poll_at(drill_rig_stack(&rig)) - drill_stack_of(target)->epoch;
    assert_true(due >= 1005 * LA_MS);
    /* At the very time the timer has not fired, and an instant later it has, at its own time. */
    target->sleep(target, due);
    assert_int_equal(target->now(target), due);
    assert_null(drill_stack_of(target)->first);
    target->sleep(target, due + 300 * LA_MS);
    assert_int_equal(output(target, due + 300 * LA_MS, &at, &seq), LA_SYN | LA_ACK);
    assert_int_equal(at, due);
    assert_int_equal(target->now(target), due + 300 * LA_MS);
    target->sleep(target, 0); /* Time does not go back. */
    assert_int_equal(target->now(target), due + 300 * LA_MS);
    drill_rig_close(&rig);
}

static void waiting_for_a_packet_moves_the_clock_to_it(void **state) {
    (void)state;
    struct drill_rig rig;
    la_time at;
    uint32_t seq;
    drill_rig_open(&rig, "linux");
    struct la_drill_target *target = rig.target;
    assert_true(listens(target));
    input(target, LA_SYN, 100, 0);
    assert_int_equal(output(target, 0, &at, &seq), LA_SYN | LA_ACK);
    assert_int_equal(output(target, 60 * LA_SECOND, &at, &seq), LA_SYN | LA_ACK);
    assert_int_equal(target->now(target), at);
    assert_true(at >= LA_SECOND && at < 2 * LA_SECOND);
    assert_int_equal(output(target, at + LA_MS, &at, &seq), 0);
    assert_int_equal(target->now(target), at + LA_MS);
    uint8_t small[20];
    assert_int_equal(target->output(target, small, sizeof small, &at, 60 * LA_SECOND), -LA_EMSGSIZE);
    drill_rig_close(&rig);
}

static void a_pending_call_ends_at_its_own_time(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    struct la_drill_target *target = rig.target;
    struct la_sys_call poll = {.nr = LA_SYS_POLL, .arg = {0, 0, 250}};
    assert_false(target->call(target, &poll));
    assert_false(target->wait(target, &poll, 100 * LA_MS));
    assert_int_equal(target->now(target), 100 * LA_MS);
    target->sleep(target, 400 * LA_MS);
    assert_true(target->wait(target, &poll, 400 * LA_MS));
    assert_int_equal(poll.over_at, 250 * LA_MS);
    assert_int_equal(poll.result, 0);
    struct la_sys_call given_up = {.nr = LA_SYS_POLL, .arg = {0, 0, 250}};
    assert_false(target->call(target, &given_up));
    target->abandon(target, &given_up);
    given_up.result = 77;
    target->sleep(target, LA_SECOND);
    assert_int_equal(given_up.result, 77);
    drill_rig_close(&rig);
}

static void the_clock_stops_before_the_machine_does(void **state) {
    (void)state;
    struct drill_rig rig;
    la_time at;
    uint32_t seq;
    drill_rig_open(&rig, "linux");
    struct la_drill_target *target = rig.target;
    assert_true(listens(target));
    input(target, LA_SYN, 100, 0);
    drill_stack_of(target)->deadlines = DRILL_DEADLINES - 2;
    target->sleep(target, 60 * LA_SECOND);
    for (unsigned i = 0; i < 3; i++) assert_int_equal(output(target, 60 * LA_SECOND, &at, &seq), LA_SYN | LA_ACK);
    assert_int_equal(output(target, 60 * LA_SECOND, &at, &seq), 0);
    assert_true(at >= 3 * LA_SECOND && at < 4 * LA_SECOND);
    assert_int_equal(target->now(target), at);
    drill_rig_close(&rig);
}

static void packets_that_nobody_asks_for_are_bounded(void **state) {
    (void)state;
    struct drill_rig rig;
    uint8_t packet[2048];
    la_time at;
    drill_rig_open(&rig, "linux");
    struct la_drill_target *target = rig.target;
    drill_stack_of(target)->kept = DRILL_KEPT_MAX - 50;
    assert_int_equal(input(target, LA_SYN, 100, 7), 0); /* A RST of 40 bytes. */
    assert_int_equal(input(target, LA_SYN, 100, 7), -LA_ENOMEM);
    assert_int_equal(target->output(target, packet, sizeof packet, &at, 0), 40);
    assert_int_equal(target->output(target, packet, sizeof packet, &at, 0), -LA_ENOMEM);
    drill_rig_close(&rig);
}

/* --- What else there is --- */

static void a_blocked_device_swallows_everything(void **state) {
    (void)state;
    struct drill_rig rig;
    la_time at;
    uint32_t seq;
    drill_rig_open(&rig, "linux");
    struct la_drill_target *target = rig.target;
    assert_true(listens(target));
    drill_stack_of(target)->output_blocked = true;
    input(target, LA_SYN, 100, 0);
    assert_int_equal(output(target, 500 * LA_MS, &at, &seq), 0);
    drill_stack_of(target)->output_blocked = false;
    assert_int_equal(output(target, 5 * LA_SECOND, &at, &seq), LA_SYN | LA_ACK);
    drill_rig_close(&rig);
}

static int opens(const char *profile) {
    struct la_drill_options options = {.mtu = 1500, .prefix_len = 24, .local = la_addr4(192, 168, 0, 1)};
    struct oom oom;
    oom_init(&oom);
    struct la_drill_stack_config config = {.profile = profile, .options = &options, .alloc = oom_allocator(&oom)};
    struct la_drill_target *target;
    int error = la_drill_stack_open(&config, &target);
    if (!error) target->close(target);
    assert_int_equal(oom.blocks, 0);
    return error;
}

static void settings_stand_behind_the_profiles_name(void **state) {
    (void)state;
    struct drill_rig rig;
    int64_t value;
    drill_rig_open(&rig, "freebsd  net.ipv4.tcp_sack=0 net.ipv4.tcp_retries2=7 ");
    assert_int_equal(la_get(drill_rig_stack(&rig), "net.ipv4.tcp_sack", &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(la_get(drill_rig_stack(&rig), "net.ipv4.tcp_retries2", &value), 0);
    assert_int_equal(value, 7);
    drill_rig_close(&rig);
    assert_int_equal(opens(NULL), 0);
    assert_true(opens("nobody") < 0);
    assert_true(opens("linuxlinuxlinuxlinux") < 0);
    assert_int_equal(opens("linux net.ipv4.tcp_sack"), -LA_EINVAL);
    assert_int_equal(opens("linux net.ipv4.tcp_sack="), -LA_EINVAL);
    assert_int_equal(opens("linux net.ipv4.tcp_sack=1x"), -LA_EINVAL);
    assert_true(opens("linux net.ipv4.tcp_nobody=1") < 0);
    assert_true(opens("linux net.ipv4.tcp_sack=2") < 0);
}

static void state_and_explanation(void **state) {
    (void)state;
    struct drill_rig rig;
    la_time at;
    uint32_t seq;
    char text[1500];
    drill_rig_open(&rig, "linux");
    struct la_drill_target *target = rig.target;
    assert_int_equal(target->state(target, &local, &peer), -LA_ENOENT);
    target->explain(target, &local, &peer, text, sizeof text);
    assert_string_equal(text, "connection: none with this address pair\n");
    assert_true(listens(target));
    target->sleep(target, LA_SECOND);
    input(target, LA_SYN, 100, 0);
    output(target, LA_SECOND, &at, &seq);
    input(target, LA_ACK, 101, seq + 1);
    assert_int_equal(target->state(target, &local, &peer), LA_ESTABLISHED);
    input(target, LA_ACK, 101 + 10000000, seq + 1);
    target->explain(target, &local, &peer, text, sizeof text);
    assert_non_null(strstr(text, "connection: ESTABLISHED since 1.000000, recv-q 0, send-q 0"));
    assert_non_null(strstr(text, "history: 1.000000 SYN_RCVD -> ESTABLISHED: "));
    assert_non_null(strstr(text, "last drop: "));
    target->explain(target, &local, &peer, text, 10);
    assert_int_equal(strlen(text), 9);
    drill_rig_close(&rig);
}

/* --- Memory --- */

static bool a_life(struct oom *oom) {
    struct la_drill_options options = {.mtu = 1500, .prefix_len = 24, .local = la_addr4(192, 168, 0, 1)};
    struct la_drill_stack_config config = {.options = &options, .alloc = oom_allocator(oom)};
    struct la_drill_target *target;
    la_time at;
    uint32_t seq;
    if (la_drill_stack_open(&config, &target)) return false;
    bool done = listens(target) && input(target, LA_SYN, 100, 0) == 0 && output(target, 0, &at, &seq) != 0 &&
                input(target, LA_ACK, 101, seq + 1) == 0 && CALL(target, .nr = LA_SYS_ACCEPT, .arg = {3}) == 4;
    target->close(target);
    return done;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    assert_true(oom_run(a_life));
}

static void a_packet_that_could_not_be_kept_is_an_error(void **state) {
    (void)state;
    struct drill_rig rig;
    uint8_t packet[2048];
    la_time at;
    drill_rig_open(&rig, "linux");
    struct la_drill_target *target = rig.target;
    drill_stack_of(target)->out_of_memory = true;
    assert_int_equal(target->output(target, packet, sizeof packet, &at, LA_SECOND), -LA_ENOMEM);
    assert_int_equal(input(target, LA_ACK, 1, 1), -LA_ENOMEM);
    drill_rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_behind_the_event_at_their_time),
        cmocka_unit_test(waiting_for_a_packet_moves_the_clock_to_it),
        cmocka_unit_test(a_pending_call_ends_at_its_own_time),
        cmocka_unit_test(the_clock_stops_before_the_machine_does),
        cmocka_unit_test(packets_that_nobody_asks_for_are_bounded),
        cmocka_unit_test(a_blocked_device_swallows_everything),
        cmocka_unit_test(settings_stand_behind_the_profiles_name),
        cmocka_unit_test(state_and_explanation),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_packet_that_could_not_be_kept_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
