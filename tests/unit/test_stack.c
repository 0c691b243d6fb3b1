/* src/stack.c: the root object: making and ending, refusals of bad arguments, the trace, time that never goes back. */
#include "support/unit.h"

#include <string.h>

#include "root.h"

static struct la_config config_of(struct oom *oom) {
    oom_init(oom);
    return (struct la_config){.alloc = oom_allocator(oom), .seed = {1}, .check = true, .trace_entries = 4};
}

static struct la_stack *make(struct oom *oom) {
    struct la_config config = config_of(oom);
    struct la_stack *stack;
    assert_int_equal(la_stack_create(&config, &stack), 0);
    return stack;
}

static void end(struct la_stack *stack, struct oom *oom) {
    la_stack_destroy(stack);
    assert_int_equal(oom->blocks, 0);
}

static void what_cannot_make_a_stack_is_refused(void **state) {
    (void)state;
    struct oom oom;
    struct la_stack *stack;
    struct la_config config = config_of(&oom);
    assert_int_equal(la_stack_create(NULL, &stack), -LA_EINVAL);
    assert_int_equal(la_stack_create(&config, NULL), -LA_EINVAL);
    config.profile = "solaris";
    assert_int_equal(la_stack_create(&config, &stack), -LA_EINVAL);
    config.profile = "rfc";
    config.memory_max = 100;
    assert_int_equal(la_stack_create(&config, &stack), -LA_ENOMEM);
    config.memory_max = 0;
    config.alloc.free = NULL;
    assert_int_equal(la_stack_create(&config, &stack), -LA_EINVAL);
    assert_int_equal(oom.blocks, 0);
    la_stack_destroy(NULL);
}

static void time_never_goes_back(void **state) {
    (void)state;
    struct oom oom;
    struct la_stack *stack = make(&oom);
    la_tick(stack, 5 * LA_SECOND);
    la_tick(stack, 3 * LA_SECOND);
    assert_true(stack->env.now == 5 * LA_SECOND);
    assert_true(la_poll_at(stack) == LA_NEVER);
    end(stack, &oom);
}

static void bad_arguments_are_errors_and_bad_packets_are_drops(void **state) {
    (void)state;
    struct oom oom;
    struct la_stack *stack = make(&oom);
    struct la_packet packet;
    int64_t value;
    la_input(stack, 0, "", 1, 0); /* There is no interface. */
    la_input(stack, -1, "", 1, 0);
    la_input(stack, 0, NULL, 1, 0);
    assert_int_equal(la_dropped(stack, LA_D_IP_BAD), 3);
    assert_int_equal(la_counter(stack, LA_C_IN_PACKETS), 0);
    assert_false(la_output(stack, 0, &packet, 0));
    assert_false(la_output(stack, -1, NULL, 0));
    assert_false(la_output_pending(stack, 7));
    assert_int_equal(la_iface_add(stack, NULL), -LA_EINVAL);
    assert_int_equal(la_addr_add(stack, 0, NULL, 24), -LA_EINVAL);
    assert_int_equal(la_route_add(stack, NULL, 0, NULL, 0, 0), -LA_EINVAL);
    assert_int_equal(la_set(stack, NULL, 1), -LA_ENOENT);
    assert_int_equal(la_get(stack, NULL, &value), -LA_ENOENT);
    assert_int_equal(la_profile(stack, NULL), -LA_EINVAL);
    assert_false(la_next_event(stack, NULL));
    assert_int_equal(la_counter(stack, LA_NCOUNTERS), 0);
    assert_int_equal(la_dropped(stack, LA_NDROPS), 0);
    end(stack, &oom);
}

static void a_packet_is_copied_as_far_as_there_is_room(void **state) {
    (void)state;
    struct la_packet packet = {.len = 6, .nspans = 2};
    char to[8] = "########";
    packet.span[0] = (struct la_span){(const uint8_t *)"abc", 3};
    packet.span[1] = (struct la_span){(const uint8_t *)"def", 3};
    assert_int_equal(la_packet_copy(&packet, to, 5), 5);
    assert_memory_equal(to, "abcde###", 8);
    assert_int_equal(la_packet_copy(&packet, to, 8), 6);
    assert_memory_equal(to, "abcdef##", 8);
}

static void the_trace_is_a_ring_with_serials(void **state) {
    (void)state;
    struct oom oom;
    struct la_stack *stack = make(&oom);
    struct la_trace t;
    assert_false(la_trace_next(stack, 0, &t));
    for (int i = 0; i < 3; i++) { /* CLOSED, LISTEN, CLOSED: two moves each. */
        la_sock s = la_socket(stack, LA_AF_INET, LA_SOCK_STREAM);
        assert_int_equal(la_listen(stack, s, 1), 0);
        assert_int_equal(la_close(stack, s, 0), 0);
    }
    assert_true(la_trace_next(stack, 0, &t));
    assert_int_equal(t.serial, 3); /* Four of six are kept. */
    assert_true(la_trace_next(stack, 5, &t));
    assert_true(t.serial == 6 && !t.is_drop && t.move.from == LA_LISTEN && t.move.to == LA_CLOSED);
    assert_false(la_trace_next(stack, 6, &t));
    assert_false(la_trace_next(stack, UINT64_MAX - 1, &t));
    end(stack, &oom);
}

static void settings_of_ports_reach_both_transports(void **state) {
    (void)state;
    struct oom oom;
    struct la_stack *stack = make(&oom);
    assert_int_equal(la_set(stack, "net.ipv4.ip_local_port_range_low", 50000), 0);
    assert_int_equal(stack->tcp.params.port_first, 50000);
    assert_int_equal(udp_settings(stack->udp)->port_first, 50000);
    assert_int_equal(la_profile(stack, "freebsd"), 0);
    assert_int_equal(udp_settings(stack->udp)->port_first, 10000);
    end(stack, &oom);
}

static bool scenario(struct oom *oom) {
    static const struct la_iface_config iface = {.link = LA_LINK_ETHERNET, .mtu = 1500, .mac = {2}};
    struct la_config config = {.alloc = oom_allocator(oom), .trace_entries = 8};
    struct la_addr addr = la_addr4(10, 0, 0, 1);
    struct la_stack *stack = NULL;
    int error = la_stack_create(&config, &stack);
    if (!error) error = la_iface_add(stack, &iface);
    if (!error) error = la_addr_add(stack, 0, &addr, 24);
    if (error) assert_int_equal(error, -LA_ENOMEM);
    la_stack_destroy(stack);
    return !error;
}

static void refused_memory_makes_no_stack(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_make_a_stack_is_refused),
        cmocka_unit_test(time_never_goes_back),
        cmocka_unit_test(bad_arguments_are_errors_and_bad_packets_are_drops),
        cmocka_unit_test(a_packet_is_copied_as_far_as_there_is_room),
        cmocka_unit_test(the_trace_is_a_ring_with_serials),
        cmocka_unit_test(settings_of_ports_reach_both_transports),
        cmocka_unit_test(refused_memory_makes_no_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
