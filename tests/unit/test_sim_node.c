/* sim/node.c: what each node of the simulated network does to packets, and that a seed repeats it. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include <lastack/segment.h>

#include "sim/node.h"

/* The end of a chain: writes down what comes and when. */
struct end {
    struct sim_node node; /* First: the two are the same address. */
    unsigned count;
    uint8_t first[64]; /* First byte of each. */
    la_time at[64];
    unsigned bits; /* That differ from what was sent: all bytes of a packet are its first one's number. */
};

static void end_forward(struct sim_node *node, struct sim_packet *packet, la_time now) {
    struct end *end = (struct end *)node;
    assert_true(end->count < 64);
    uint8_t name = packet->data[packet->len - 1];
    end->first[end->count] = name;
    end->at[end->count++] = now;
    for (size_t i = 0; i < packet->len; i++)
        for (unsigned bit = 0; bit < 8; bit++) end->bits += (packet->data[i] ^ name) >> bit & 1;
    sim_packet_free(packet);
}

static void end_init(struct end *end) { *end = (struct end){.node = {.forward = end_forward}}; }

static unsigned heard[128]; /* By the first letter of what was heard. */

static void hear(void *ctx, const struct sim_packet *packet, const char *what, la_time now) {
    (void)ctx;
    (void)packet;
    (void)now;
    heard[(unsigned)what[0] & 127]++;
}

static const struct sim_ear ear = {hear, NULL};

static void send(struct sim_node *chain, uint8_t name, size_t len, la_time now) {
    uint8_t data[2000];
    struct la_packet packet = {.len = len, .nspans = 1, .span = {{data, len}}};
    memset(data, name, sizeof data);
    sim_forward(chain, sim_packet_new(0, &packet), now);
}

static void run_until(struct sim_node *chain, la_time until) {
    for (la_time next; (next = sim_chain_next(chain)) <= until;) sim_chain_run(chain, next);
}

static void a_pipe_takes_its_time_and_keeps_the_order(void **state) {
    (void)state;
    struct end end;
    end_init(&end);
    /* 1000 bytes at 8 Mbit/s are 1 ms. */
    struct sim_pipe_config config = {.rate = 8000000, .queue = 3000, .delay = 10 * LA_MS, .heal_at = LA_NEVER};
    struct sim_node *pipe = sim_pipe_new(&config, &ear);
    pipe->next = &end.node;
    memset(heard, 0, sizeof heard);
    for (uint8_t i = 1; i <= 6; i++) send(pipe, i, 1000, 0);
    run_until(pipe, LA_SECOND);
    assert_in_range(end.count, 3, 4); /* One on the line or in the queue of 3000 bytes; the rest is lost. */
    assert_int_equal(heard['l'], 6 - end.count);
    for (unsigned i = 0; i < end.count; i++) {
        assert_int_equal(end.first[i], i + 1);
        assert_true(end.at[i] == (10 + i + 1) * LA_MS);
    }
    assert_true(sim_chain_next(pipe) == LA_NEVER);
    sim_chain_free(pipe);
}

static void chaos_does_what_it_is_told_and_heals(void **state) {
    (void)state;
    struct sim_chaos_config lose = {.link = LA_LINK_IP, .loss_ppm = 1000000, .heal_at = LA_SECOND};
    struct sim_chaos_config twice = {.link = LA_LINK_IP, .duplicate_ppm = 1000000, .heal_at = LA_NEVER};
    struct sim_chaos_config outage = {
        .link = LA_LINK_IP, .outage_from = LA_SECOND, .outage_to = 2 * LA_SECOND, .heal_at = LA_NEVER};
    static const unsigned counts[] = {1, 2, 2};
    const struct sim_chaos_config *config[] = {&lose, &twice, &outage};
    for (unsigned i = 0; i < 3; i++) {
        struct end end;
        end_init(&end);
        struct sim_node *chaos = sim_chaos_new(config[i], 1, &ear);
        chaos->next = &end.node;
        send(chaos, 1, 100, 0);
        if (i != 1) send(chaos, 2, 100, LA_SECOND);
        if (i == 2) send(chaos, 3, 100, 2 * LA_SECOND);
        run_until(chaos, 3 * LA_SECOND);
        assert_int_equal(end.count, counts[i]);
        sim_chain_free(chaos);
    }
}

static void jitter_lets_others_overtake_and_a_seed_repeats_it(void **state) {
    (void)state;
    struct sim_jitter_config config = {.reorder_ppm = 500000, .most = 10 * LA_MS, .heal_at = LA_NEVER};
    struct end end[2];
    bool overtaken = false;
    for (unsigned run = 0; run < 2; run++) {
        end_init(&end[run]);
        struct sim_node *jitter = sim_jitter_new(&config, 42, &ear);
        jitter->next = &end[run].node;
        for (uint8_t i = 1; i <= 30; i++) {
            run_until(jitter, i * LA_MS);
            send(jitter, i, 100, i * LA_MS);
        }
        run_until(jitter, LA_SECOND);
        assert_int_equal(end[run].count, 30);
        sim_chain_free(jitter);
    }
    for (unsigned i = 1; i < 30; i++) overtaken |= end[0].first[i] < end[0].first[i - 1];
    assert_true(overtaken);
    assert_memory_equal(end[0].first, end[1].first, 30);
    assert_memory_equal(end[0].at, end[1].at, 30 * sizeof(la_time));
}

static void packets_are_gathered_and_copied(void **state) {
    (void)state;
    struct la_packet pieces = {.len = 4, .nspans = 2};
    pieces.span[0] = (struct la_span){(const uint8_t *)"ab", 2};
    pieces.span[1] = (struct la_span){(const uint8_t *)"cd", 2};
    struct sim_packet *a = sim_packet_new(2, &pieces), *b = sim_packet_copy(a);
    assert_true(a->from == 2 && b->from == 2 && b->len == 4);
    assert_memory_equal(b->data, "abcd", 4);
    sim_packet_free(a);
    sim_packet_free(b);
}

/* ECT(0) becomes CE, in both families, and the IPv4 header's sum stays right. */
static struct sim_packet *caught;
static void catch (struct sim_node *node, struct sim_packet *packet, la_time now) {
    (void)node;
    (void)now;
    caught = packet;
}

static void chaos_marks_what_may_be_marked(void **state) {
    (void)state;
    struct sim_chaos_config config = {.link = LA_LINK_IP, .mark_ppm = 1000000, .heal_at = LA_SECOND};
    for (unsigned i = 0; i < 6; i++) {
        bool v6 = i % 2, ect = i < 4, healed = i / 2 == 1;
        uint8_t bytes[64];
        struct la_segment s = {
            .src.addr = la_addr4(10, 0, 0, 1), .dst.addr = la_addr4(10, 0, 0, 2), .wscale = -1, .csum_ok = true};
        if (v6) s.src.addr = s.dst.addr = (struct la_addr){{0xfd, [15] = 1}};
        s.tos = ect ? 2 : 0;
        s.ttl = 64;
        size_t len = la_segment_build(&s, bytes, sizeof bytes);
        struct la_packet packet = {.len = len, .nspans = 1, .span = {{bytes, len}}};
        struct sim_node *chaos = sim_chaos_new(&config, 1, &ear), last = {.forward = catch};
        chaos->next = &last;
        sim_forward(chaos, sim_packet_new(0, &packet), healed ? LA_SECOND : 0);
        assert_true(la_segment_parse(LA_LINK_IP, caught->data, caught->len, &s));
        assert_int_equal(s.tos, !ect ? 0 : healed ? 2 : 3);
        assert_true(s.csum_ok);
        sim_packet_free(caught);
        sim_chain_free(chaos);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_takes_its_time_and_keeps_the_order),
        cmocka_unit_test(chaos_does_what_it_is_told_and_heals),
        cmocka_unit_test(chaos_marks_what_may_be_marked),
        cmocka_unit_test(jitter_lets_others_overtake_and_a_seed_repeats_it),
        cmocka_unit_test(packets_are_gathered_and_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
