/* sim/hostile.c, sim/tricks.c: what a liar does to the segments of its host, and what it must leave alone. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "sim/hostile.h"

enum { US = 1000, THEM = 5000, WRITTEN = 16 }; /* Initial sequence numbers; segments kept. */

/* A host, a liar before it, and the end of its way. */
static struct {
    struct sim_config config;
    struct sim_result result;
    struct sim_world world;
    struct sim_host *host;
    struct sim_node out;
    struct la_segment sent[WRITTEN];
    uint8_t data[WRITTEN][100];
    unsigned count;
} rig;

static void written(struct sim_node *node, struct sim_packet *packet, la_time now) {
    (void)node, (void)now;
    struct la_segment *s = &rig.sent[rig.count % WRITTEN];
    uint8_t *data = rig.data[rig.count++ % WRITTEN];
    assert_true(la_segment_parse(LA_LINK_IP, packet->data, packet->len, s));
    assert_true(s->csum_ok && s->len <= sizeof *rig.data);
    if (s->len) memcpy(data, s->data, s->len);
    s->data = data;
    sim_packet_free(packet);
}

static struct sim_packet *packet_of(const struct la_segment *s, bool ours) {
    uint8_t bytes[300];
    struct la_segment whole = *s;
    struct la_endpoint us = {la_addr4(10, 0, 0, 1), 80, 0}, them = {la_addr4(10, 0, 0, 2), 2000, 0};
    whole.src = ours ? us : them;
    whole.dst = ours ? them : us;
    whole.csum_ok = true;
    whole.ttl = 64;
    size_t len = la_segment_build(&whole, bytes, sizeof bytes);
    struct la_packet packet = {.len = len, .nspans = 1, .span = {{bytes, len}}};
    return sim_packet_new(0, &packet);
}

/* Our stack sends. */
static void say(struct la_segment s) {
    rig.count = 0;
    sim_forward(rig.host->up, packet_of(&s, true), rig.world.now);
}

/* They send; whether our stack hears it. */
static bool hear(struct la_segment s) {
    struct sim_packet *packet = packet_of(&s, false), *left = sim_hostile_hear(rig.host->liar, packet);
    sim_packet_free(packet);
    if (left) sim_packet_free(left);
    return left != NULL;
}

/* The one trick of this name, played whenever it can be. */
static void begin(const char *trick) {
    char name[600];
    memset(&rig, 0, sizeof rig);
    rig.world.config = &rig.config;
    rig.world.result = &rig.result;
    rig.world.link = LA_LINK_IP;
    rig.world.heal_at = 100 * LA_SECOND;
    rig.world.nhosts = 2;
    rig.world.nconns = 1;
    rig.host = &rig.world.host[0];
    rig.host->world = &rig.world;
    struct sim_conn *conn = rig.world.conn;
    conn->iss = THEM;
    conn->has_iss = true;
    for (unsigned e = 0; e < 2; e++)
        conn->end[e] = (struct sim_end){.conn = conn, .host = &rig.world.host[1 - e], .peer = &conn->end[1 - e]};
    rig.host->liar = sim_hostile_new(rig.host, 1);
    rig.host->up = sim_hostile_node(rig.host->liar);
    rig.host->up->next = &rig.out;
    rig.out.forward = written;
    rig.host->liar->ppm = 1000000;
    rig.host->liar->tricks = 1;
    for (hostile_describe(1, name, sizeof name); strcmp(name, trick) != 0;) {
        rig.host->liar->tricks <<= 1;
        assert_int_not_equal(rig.host->liar->tricks, 0);
        hostile_describe(rig.host->liar->tricks, name, sizeof name);
    }
    /* They connect. */
    hear((struct la_segment){.seq = THEM, .flags = LA_SYN, .mss = 1460, .wscale = 7, .sack_ok = true});
    say((struct la_segment){
        .seq = US, .ack = THEM + 1, .flags = LA_SYN | LA_ACK, .mss = 1460, .wscale = 2, .sack_ok = true, .wnd = 65535});
    assert_int_equal(rig.count, 1);
    hear((struct la_segment){.seq = THEM + 1, .ack = US + 1, .flags = LA_ACK, .wscale = -1, .wnd = 500});
}

static void end(void) { rig.host->up->free(rig.host->up); }

static struct la_segment ack_of(uint32_t bytes) {
    return (struct la_segment){.seq = US + 1, .ack = THEM + 1 + bytes, .flags = LA_ACK, .wnd = 1000, .wscale = -1};
}

static struct la_segment data_of(uint32_t seq, const char *data, bool ours) {
    return (struct la_segment){.seq = seq,
                               .ack = (ours ? THEM : US) + 1,
                               .flags = LA_ACK,
                               .wnd = 1000,
                               .wscale = -1,
                               .data = (const uint8_t *)data,
                               .len = strlen(data)};
}

static void the_lies_end_when_the_network_heals(void **state) {
    (void)state;
    begin("repeats ACKs");
    say(ack_of(0));
    assert_true(rig.count > 1);
    rig.world.now = rig.world.heal_at;
    say(ack_of(0));
    assert_int_equal(rig.count, 1);
    end();
}

static void nothing_is_done_to_a_connection_of_nobody(void **state) {
    (void)state;
    begin("repeats ACKs");
    struct la_segment s = ack_of(0);
    uint8_t bytes[100];
    s.src = (struct la_endpoint){la_addr4(10, 0, 0, 1), 81, 0};
    s.dst = (struct la_endpoint){la_addr4(10, 0, 0, 2), 2000, 0};
    s.csum_ok = true;
    struct la_packet packet = {.nspans = 1};
    packet.len = la_segment_build(&s, bytes, sizeof bytes);
    packet.span[0] = (struct la_span){bytes, packet.len};
    rig.count = 0;
    sim_forward(rig.host->up, sim_packet_new(0, &packet), 0);
    assert_int_equal(rig.count, 1);
    end();
}

/* What is kept from the host is SACKed, until that is forgotten or the host has it after all. */
static void what_was_swallowed_is_sacked_and_then_forgotten(void **state) {
    (void)state;
    begin("reneges");
    assert_false(hear(data_of(THEM + 11, "swallowed", false)));
    say(ack_of(0));
    assert_int_equal(rig.count, 1);
    assert_int_equal(rig.sent[0].nsack, 1);
    assert_int_equal(rig.sent[0].sack[0].from, THEM + 11);
    assert_int_equal(rig.sent[0].sack[0].to, THEM + 20);
    rig.world.now = 20 * LA_SECOND;
    say(ack_of(0));
    assert_int_equal(rig.sent[0].nsack, 0);
    end();
}

/* A window that is open never looks closed, whatever the scale. */
static void an_odd_scale_rounds_windows_up(void **state) {
    (void)state;
    begin("odd window scale");
    struct hostile_flow *flow = &rig.host->liar->flow[0];
    flow->told_shift = 14;
    say(ack_of(0));
    assert_int_equal(rig.sent[0].wnd, 1); /* 4000 bytes. */
    flow->told_shift = 0;
    say(ack_of(0));
    assert_int_equal(rig.sent[0].wnd, 4000);
    rig.world.now = rig.world.heal_at; /* The scale holds for ever. */
    say(ack_of(0));
    assert_int_equal(rig.sent[0].wnd, 4000);
    end();
}

/* Other bytes come with the consent of the reader's judge, or for what nobody may read any more. */
static void a_contradiction_is_of_a_kind_that_the_judge_knows(void **state) {
    (void)state;
    begin("contradicts itself");
    bool early = false, late = false;
    uint32_t seq = US + 1;
    for (unsigned i = 0; i < 40; i++, seq += 4) {
        hear((struct la_segment){.seq = THEM + 1, .ack = seq, .flags = LA_ACK, .wscale = -1});
        rig.world.conn[0].end[0].tainted = false;
        say(data_of(seq, "data", true));
        if (rig.count == 1) continue; /* The first has nothing before it. */
        const struct la_segment *s = &rig.sent[0];
        uint8_t by = s->data[0] ^ 'd';
        assert_true(s->seq == seq ? by == SIM_FAKE && rig.world.conn[0].end[0].tainted : by == SIM_FAKE_LATE);
        assert_memory_equal(rig.sent[1].data, "data", 4);
        early |= s->seq == seq;
        late |= s->seq != seq;
    }
    assert_true(early && late);
    end();
}

static void an_early_ack_poisons_its_connection(void **state) {
    (void)state;
    begin("ACKs early");
    for (unsigned i = 0; i < 100 && !rig.world.conn[0].poisoned; i++) say(ack_of(0));
    assert_true(rig.world.conn[0].poisoned);
    end();
}

static void a_liar_tires(void **state) {
    (void)state;
    begin("repeats ACKs");
    for (unsigned i = 0; i < 10000; i++) say(ack_of(0));
    assert_int_equal(rig.count, 1);
    assert_int_equal(rig.result.invented, HOSTILE_EXTRA);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lies_end_when_the_network_heals),
        cmocka_unit_test(nothing_is_done_to_a_connection_of_nobody),
        cmocka_unit_test(what_was_swallowed_is_sacked_and_then_forgotten),
        cmocka_unit_test(an_odd_scale_rounds_windows_up),
        cmocka_unit_test(a_contradiction_is_of_a_kind_that_the_judge_knows),
        cmocka_unit_test(an_early_ack_poisons_its_connection),
        cmocka_unit_test(a_liar_tires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
