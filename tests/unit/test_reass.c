/* Reassembly: fragments in every order, overlaps, bounds, time. */
#include "ip_rig.h"

#include <stdio.h>

#define US6 "fd00000000000000 0000000000000001"
#define PEER6 "fd00000000000000 0000000000000002"

/* A UDP datagram of 8 + 16 bytes, checksum 0, in three fragments of 8 bytes; `id` and `tos` as given. */
#define F4(tos, id, field, data) "45" tos "001c" id field "4011 0000 0a000002 0a000001" data
#define FIRST4 F4("00", "0007", "2000", "12340035 0018 0000")
#define SECOND4 F4("00", "0007", "2001", "1011121314151617")
#define THIRD4 F4("00", "0007", "0002", "2021222324252627")
#define F6(id, field, data) "60000000 0010 2c 40" PEER6 US6 "1100" field id data
#define FIRST6 F6("00000007", "0001", "12340035 0018 1234")
#define SECOND6 F6("00000007", "0009", "1011121314151617")
#define THIRD6 F6("00000007", "0010", "2021222324252627")

static const uint8_t whole[] = {0x12, 0x34, 0x00, 0x35, 0x00, 0x18, 0x00, 0x00, 0x10, 0x11, 0x12, 0x13,
                                0x14, 0x15, 0x16, 0x17, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27};

static void begin(struct ip_rig *rig) {
    rig_begin(rig);
    rig_iface(rig, LA_LINK_IP, 1500);
}

static void expect_whole(struct ip_rig *rig, size_t len) {
    const struct ip_datagram *d = &rig->arrival.datagram;
    assert_int_equal(d->proto, PROTO_UDP);
    assert_int_equal(d->data.len, len);
    assert_memory_equal(d->data.data, whole, 6);
    assert_memory_equal(d->data.data + 8, whole + 8, len - 8);
    assert_false(d->csum_done);
    assert_int_equal(d->packet.len, len + (la_addr_is4(&d->dst) ? 20 : 40));
}

static void fragments_in_every_order_make_the_datagram(void **state) {
    (void)state;
    static const char *const parts[2][3] = {{FIRST4, SECOND4, THIRD4}, {FIRST6, SECOND6, THIRD6}};
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct ip_rig rig;
    begin(&rig);
    for (size_t family = 0; family < 2; family++)
        for (size_t i = 0; i < 6; i++) {
            assert_int_equal(rig_in(&rig, 0, parts[family][orders[i][0]]), IP_NOTHING);
            assert_int_equal(rig_in(&rig, 0, parts[family][orders[i][1]]), IP_NOTHING);
            assert_int_equal(rig_in(&rig, 0, parts[family][orders[i][2]]), IP_DATAGRAM);
            expect_whole(&rig, 24);
            assert_int_equal(rig.ip->reass_bytes, 0);
        }
    assert_int_equal(rig.env.counter[LA_C_REASSEMBLED], 12);
    rig_dropped(&rig, LA_D_NONE);
    rig_end(&rig);
}

static void datagrams_are_told_apart(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    rig_in(&rig, 0, FIRST4);
    rig_in(&rig, 0, SECOND4);
    assert_int_equal(rig_in(&rig, 0, F4("00", "0008", "0002", "2021222324252627")), IP_NOTHING);
    /* Another protocol; another sender. */
    assert_int_equal(rig_in(&rig, 0, "4500 001c 0007 0002 4006 0000 0a000002 0a000001 2021222324252627"), IP_NOTHING);
    assert_int_equal(rig_in(&rig, 0, "4500 001c 0007 0002 4011 0000 0a000003 0a000001 2021222324252627"), IP_NOTHING);
    assert_int_equal(rig_in(&rig, 0, THIRD4), IP_DATAGRAM);
    assert_int_equal(rig.ip->reass_table.count, 3);
    rig_end(&rig);
}

static void repetitions_are_ignored(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    rig_in(&rig, 0, FIRST6);
    rig_in(&rig, 0, THIRD6);
    rig_in(&rig, 0, FIRST6);
    rig_dropped(&rig, LA_D_REASS_BAD);
    rig_in(&rig, 0, THIRD6);
    rig_dropped(&rig, LA_D_REASS_BAD);
    assert_int_equal(rig_in(&rig, 0, SECOND6), IP_DATAGRAM);
    expect_whole(&rig, 24);
    rig_end(&rig);
}

static void an_overlap_ends_the_datagram_and_its_rest(void **state) {
    (void)state;
    static const char *const overlaps[] = {
        F6("00000007", "0001", "12340035 0018 ffff"), /* Same place, other bytes. */
        "60000000 0018 2c 40" PEER6 US6 "1100 0001 00000007 12340035 00181234 1011121314151617", /* Across two. */
        F6("00000007", "0000", "12340035 0018 1234"), /* (An atomic one: not an overlap, see below.) */
        F6("00000007", "0008", "1011121314151617"),   /* An end before the known end. */
        F6("00000007", "0018", "1011121314151617"),   /* Another end. */
        F6("00000007", "0019", "1011121314151617"),   /* Beyond the end. */
    };
    struct ip_rig rig;
    begin(&rig);
    for (size_t i = 0; i < COUNT_OF(overlaps); i++) {
        if (i == 2) continue;
        rig_in(&rig, 0, FIRST6);
        rig_in(&rig, 0, THIRD6);
        assert_int_equal(rig_in(&rig, 0, overlaps[i]), IP_NOTHING);
        rig_dropped(&rig, LA_D_REASS_BAD);
        assert_int_equal(rig.ip->reass_bytes, 0);
        assert_int_equal(rig_in(&rig, 0, FIRST6), IP_NOTHING);
        rig_dropped(&rig, LA_D_REASS_BAD);
        assert_int_equal(rig_in(&rig, 0, SECOND6), IP_NOTHING);
        rig_dropped(&rig, LA_D_REASS_BAD);
        assert_int_equal(rig_in(&rig, 0, THIRD6), IP_NOTHING);
        rig_dropped(&rig, LA_D_REASS_BAD);
        /* When its time is over, all is forgotten, without a word. */
        rig_pass(&rig, 61 * LA_SECOND);
        rig_quiet(&rig);
        rig_dropped(&rig, LA_D_NONE);
    }
    /* IPv4 is no different. */
    rig_in(&rig, 0, FIRST4);
    rig_in(&rig, 0, F4("00", "0007", "2000", "12340035 0018 ffff"));
    rig_dropped(&rig, LA_D_REASS_BAD);
    rig_end(&rig);
}

static void an_atomic_fragment_stands_alone(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    rig_in(&rig, 0, FIRST6);
    assert_int_equal(rig_in(&rig, 0, F6("00000007", "0000", "12340035 0008 1234")), IP_DATAGRAM);
    assert_int_equal(rig.arrival.datagram.data.len, 8);
    rig_in(&rig, 0, SECOND6);
    assert_int_equal(rig_in(&rig, 0, THIRD6), IP_DATAGRAM);
    expect_whole(&rig, 24);
    rig_end(&rig);
}

static void malformed_fragments_are_refused(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    /* More to come, but not a multiple of 8. */
    rig_in(&rig, 0, "4500 001b 0007 2000 4011 0000 0a000002 0a000001 12340035 001800");
    rig_dropped(&rig, LA_D_REASS_BAD);
    rig_quiet(&rig);
    rig_in(&rig, 0, "60000000 000f 2c 40" PEER6 US6 "1100 0001 00000007 12340035 001812");
    rig_dropped(&rig, LA_D_REASS_BAD);
    rig_out(&rig, 0,
            "60000000 003f 3a 40" US6 PEER6 "0400 .... 00000004"
            "60000000 000f 2c 40" PEER6 US6 "1100 0001 00000007 12340035 001812");
    /* Ends beyond 65,535. */
    rig_in(&rig, 0, F4("00", "0007", "1fff", "1011121314151617"));
    rig_dropped(&rig, LA_D_REASS_BAD);
    rig_in(&rig, 0, F6("00000007", "fff8", "1011121314151617"));
    rig_dropped(&rig, LA_D_REASS_BAD);
    rig_out(&rig, 0, "60000000 0040 3a 40" US6 PEER6 "0400 .... 0000002a" F6("00000007", "fff8", "1011121314151617"));
    /* Empty. */
    rig_in(&rig, 0, "4500 0014 0007 0002 4011 0000 0a000002 0a000001");
    rig_dropped(&rig, LA_D_REASS_BAD);
    /* A fragment within a fragment. */
    rig_in(&rig, 0,
           "60000000 0020 2c 40" PEER6 US6 "2c00 0000 00000007 1100 0001 00000008 1011121314151617 0000000000000000");
    rig_dropped(&rig, LA_D_REASS_BAD);
    rig_quiet(&rig);
    assert_int_equal(rig.ip->reass_table.count, 0);
    rig_end(&rig);
}

static void time_ends_what_is_incomplete(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    rig_in(&rig, 0, FIRST4);
    rig_pass(&rig, 29 * LA_SECOND);
    rig_in(&rig, 0, SECOND4);
    rig_quiet(&rig);
    rig_pass(&rig, LA_SECOND);
    rig_dropped(&rig, LA_D_REASS_TIMEOUT);
    rig_out(&rig, 0,
            "45c0 0038 .... 0000 4001 .... 0a000001 0a000002 0b01 .... 00000000"
            "4500 001c 0007 2000 4011 .... 0a000002 0a000001 12340035 0018 0000");
    rig_in(&rig, 0, FIRST6);
    rig_pass(&rig, 60 * LA_SECOND);
    rig_dropped(&rig, LA_D_REASS_TIMEOUT);
    rig_out(&rig, 0, "60000000 0040 3a 40" US6 PEER6 "0301 .... 00000000" FIRST6);
    /* Without the first fragment nobody is told. */
    rig_in(&rig, 0, SECOND6);
    rig_pass(&rig, 60 * LA_SECOND);
    rig_dropped(&rig, LA_D_REASS_TIMEOUT);
    rig_quiet(&rig);
    assert_int_equal(rig.ip->reass_bytes, 0);
    assert_int_equal(wheel_next(&rig.wheel), LA_NEVER);
    rig_end(&rig);
}

static void the_oldest_gives_way(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    ip_settings(rig.ip)->reass_max = 2;
    rig_in(&rig, 0, FIRST4);
    rig_in(&rig, 0, F4("00", "0008", "2000", "12340035 0018 0000"));
    rig_dropped(&rig, LA_D_NONE);
    rig_in(&rig, 0, F4("00", "0009", "2000", "12340035 0018 0000"));
    rig_dropped(&rig, LA_D_REASS_FULL);
    assert_int_equal(rig.ip->reass_table.count, 2);
    /* By bytes: there is room for three fragments. */
    ip_settings(rig.ip)->reass_max = 100;
    ip_settings(rig.ip)->reass_max_bytes = (uint32_t)(rig.ip->reass_bytes / 2 * 3);
    rig_in(&rig, 0, SECOND4);
    rig_dropped(&rig, LA_D_NONE);
    rig_in(&rig, 0, FIRST4);
    rig_dropped(&rig, LA_D_REASS_FULL);
    assert_int_equal(rig_in(&rig, 0, THIRD4), IP_DATAGRAM);
    rig_dropped(&rig, LA_D_REASS_FULL);
    ip_settings(rig.ip)->reass_max = 0;
    rig_in(&rig, 0, FIRST4);
    rig_dropped(&rig, LA_D_REASS_FULL);
    rig_end(&rig);
}

static void congestion_marks_survive(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    rig_in(&rig, 0, F4("02", "0007", "2000", "12340035 0010 0000"));
    assert_int_equal(rig_in(&rig, 0, F4("03", "0007", "0001", "1011121314151617")), IP_DATAGRAM);
    assert_int_equal(rig.arrival.datagram.tos, 3);
    rig_in(&rig, 0, F4("00", "0007", "2000", "12340035 0010 0000"));
    assert_int_equal(rig_in(&rig, 0, F4("03", "0007", "0001", "1011121314151617")), IP_NOTHING);
    rig_dropped(&rig, LA_D_REASS_BAD);
    rig_end(&rig);
}

static void the_largest_datagram_fits(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    static uint8_t packet[1500];
    unsigned sent = 0;
    enum ip_result result = IP_NOTHING;
    for (unsigned at = 0; at < 65515; at += 1480, sent++) {
        unsigned len = at + 1480 < 65515 ? 1480 : 65515 - at;
        struct writer w = writer_of(packet, sizeof packet);
        ip4_build(&w, &(struct ip4_hdr){.src = addr_of("10.0.0.2"),
                                        .dst = addr_of("10.0.0.1"),
                                        .ttl = 64,
                                        .proto = PROTO_UDP,
                                        .id = 1,
                                        .more_fragments = at + len < 65515,
                                        .frag_offset = (uint16_t)at,
                                        .total_len = (uint16_t)(20 + len)});
        memset(packet + 20, (int)sent, len);
        result = rig_in_bytes(&rig, 0, packet, 20 + len);
    }
    assert_int_equal(result, IP_DATAGRAM);
    assert_int_equal(rig.arrival.datagram.data.len, 65515);
    for (unsigned at = 0; at < 65515; at += 999) assert_int_equal(rig.arrival.datagram.data.data[at], at / 1480);
    rig_end(&rig);
}

static void many_tiny_fragments_are_bounded(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    for (unsigned i = 0; i < 300; i++) {
        char text[128];
        snprintf(text, sizeof text, "4500 001c 0007 %04x 4011 0000 0a000002 0a000001 1011121314151617", 0x2000 | i * 2);
        rig_in(&rig, 0, text);
    }
    assert_int_equal(rig.env.dropped[LA_D_REASS_FULL], 300 - 256);
    rig_end(&rig);
}

static bool scenario(struct oom *oom) {
    static const char *const parts[] = {FIRST4, SECOND6, FIRST6, THIRD4, SECOND4, THIRD6};
    struct ip_bare bare;
    struct la_iface_config config = {.link = LA_LINK_IP, .mtu = 1500};
    struct la_addr a4 = la_addr4(10, 0, 0, 1), a6 = {{0xfd, [15] = 1}};
    bool ok = ip_bare_begin(&bare, oom) && ip_iface_add(bare.ip, &config) == 0 &&
              ip_addr_add(bare.ip, 0, &a4, 24) == 0 && ip_addr_add(bare.ip, 0, &a6, 64) == 0;
    unsigned whole_ones = 0;
    for (size_t i = 0; ok && i < COUNT_OF(parts); i++) {
        struct ip_arrival arrival;
        uint8_t bytes[128];
        size_t len = rig_hex(parts[i], bytes, NULL);
        rig_fill(bytes, len);
        whole_ones += ip_input(bare.ip, 0, bytes, len, &arrival) == IP_DATAGRAM;
    }
    ok = ok && whole_ones == 2;
    ip_bare_end(&bare);
    return ok;
}

static void refused_memory_loses_fragments_only(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_in_every_order_make_the_datagram),
        cmocka_unit_test(datagrams_are_told_apart),
        cmocka_unit_test(repetitions_are_ignored),
        cmocka_unit_test(an_overlap_ends_the_datagram_and_its_rest),
        cmocka_unit_test(an_atomic_fragment_stands_alone),
        cmocka_unit_test(malformed_fragments_are_refused),
        cmocka_unit_test(time_ends_what_is_incomplete),
        cmocka_unit_test(the_oldest_gives_way),
        cmocka_unit_test(congestion_marks_survive),
        cmocka_unit_test(the_largest_datagram_fits),
        cmocka_unit_test(many_tiny_fragments_are_bounded),
        cmocka_unit_test(refused_memory_loses_fragments_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
