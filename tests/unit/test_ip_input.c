/* Packets in: validation of both families, on both links, packet by packet. */
#include "ip_rig.h"

#include <stdio.h>

#define US6 "fd00000000000000 0000000000000001"
#define PEER6 "fd00000000000000 0000000000000002"
#define TCP20 "1234 0050 00000001 00000000 5002 ffff 0000 0000"
#define UDP8 "1234 0035 0008 0000"

static void begin(struct ip_rig *rig, enum la_link link) {
    rig_begin(rig);
    rig_iface(rig, link, 1500);
}

static void a_datagram_over_ipv4_arrives(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP);
    /* Two bytes beyond the packet's length are the link's. */
    assert_int_equal(rig_in(&rig, 0, "4502 0028 0001 4000 3f06 0000 0a000002 0a000001" TCP20 "ffff"), IP_DATAGRAM);
    const struct ip_datagram *d = &rig.arrival.datagram;
    struct la_addr src = addr_of("10.0.0.2"), dst = addr_of("10.0.0.1");
    assert_true(la_addr_equal(&d->src, &src) && la_addr_equal(&d->dst, &dst));
    assert_int_equal(d->proto, PROTO_TCP);
    assert_int_equal(d->ttl, 63);
    assert_int_equal(d->tos, 2);
    assert_int_equal(d->iface, 0);
    assert_false(d->multicast || d->csum_done);
    assert_int_equal(d->data.len, 20);
    assert_ptr_equal(d->data.data, rig.in + 20);
    assert_ptr_equal(d->packet.data, rig.in);
    assert_int_equal(d->packet.len, 40);
    /* Options are skipped. */
    assert_int_equal(rig_in(&rig, 0, "4600 002c 0001 4000 4006 0000 0a000002 0a000001 01010100" TCP20), IP_DATAGRAM);
    assert_ptr_equal(d->data.data, rig.in + 24);
    assert_int_equal(d->data.len, 20);
    rig_dropped(&rig, LA_D_NONE);
    rig_end(&rig);
}

static void a_datagram_over_ipv6_arrives(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP);
    assert_int_equal(rig_in(&rig, 0, "60300000 0014 06 3f" PEER6 US6 TCP20), IP_DATAGRAM);
    const struct ip_datagram *d = &rig.arrival.datagram;
    assert_int_equal(d->proto, PROTO_TCP);
    assert_int_equal(d->ttl, 63);
    assert_int_equal(d->tos, 3);
    assert_int_equal(d->data.len, 20);
    assert_int_equal(d->packet.len, 60);
    /* Behind hop-by-hop and destination options. */
    assert_int_equal(rig_in(&rig, 0, "60000000 0018 00 40" PEER6 US6 "3c00 010400000000 1100 010400000000" UDP8),
                     IP_DATAGRAM);
    assert_int_equal(d->proto, PROTO_UDP);
    assert_int_equal(d->data.len, 8);
    rig_dropped(&rig, LA_D_NONE);
    rig_end(&rig);
}

struct bad {
    const char *packet;
    enum la_drop drop;
};

static void drops(struct ip_rig *rig, const struct bad *bad, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rig_in(rig, 0, bad[i].packet), IP_NOTHING);
        rig_dropped(rig, bad[i].drop);
        rig_quiet(rig);
    }
}

static void every_drop_of_ipv4_has_its_name(void **state) {
    (void)state;
    static const struct bad bad[] = {
        {"", LA_D_IP_BAD},
        {"45", LA_D_IP_BAD},
        {"5500 0028", LA_D_IP_BAD},
        {"4400 0028 0001 4000 4006 0000 0a000002 0a000001" TCP20, LA_D_IP_BAD},
        {"4500 0029 0001 4000 4006 0000 0a000002 0a000001" TCP20, LA_D_IP_BAD},
        {"4500 0013 0001 4000 4006 0000 0a000002 0a000001" TCP20, LA_D_IP_BAD},
        {"4f00 0028 0001 4000 4006 0000 0a000002 0a000001" TCP20, LA_D_IP_BAD},
        {"4500 0028 0001 4000 4006 1234 0a000002 0a000001" TCP20, LA_D_IP_CSUM},
        {"4500 0028 0001 4000 4006 0000 0a000002 0a000003" TCP20, LA_D_IP_NOT_OURS},
        {"4500 0028 0001 4000 4006 0000 0a000002 7f000001" TCP20, LA_D_IP_NOT_OURS},
        {"4500 0028 0001 4000 4006 0000 0a000002 e00000fb" TCP20, LA_D_IP_NOT_OURS},
        {"4500 0028 0001 4000 4006 0000 0a000001 0a000001" TCP20, LA_D_IP_SOURCE},
        {"4500 0028 0001 4000 4006 0000 0a0000ff 0a000001" TCP20, LA_D_IP_SOURCE},
        {"4500 0028 0001 4000 4006 0000 ffffffff 0a000001" TCP20, LA_D_IP_SOURCE},
        {"4500 0028 0001 4000 4006 0000 e0000001 0a000001" TCP20, LA_D_IP_SOURCE},
        {"4500 0028 0001 4000 4006 0000 7f000001 0a000001" TCP20, LA_D_IP_SOURCE},
        {"4500 0028 0001 4000 4006 0000 00000000 0a000001" TCP20, LA_D_IP_SOURCE},
    };
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP);
    drops(&rig, bad, COUNT_OF(bad));
    rig_end(&rig);
}

static void every_drop_of_ipv6_has_its_name(void **state) {
    (void)state;
    static const struct bad bad[] = {
        {"60000000 0014 06 40" PEER6, LA_D_IP_BAD},
        {"60000000 0015 06 40" PEER6 US6 TCP20, LA_D_IP_BAD},
        {"60000000 0014 06 40" PEER6 "fd00000000000000 0000000000000003" TCP20, LA_D_IP_NOT_OURS},
        {"60000000 0014 06 40" PEER6 "0000000000000000 0000000000000001" TCP20, LA_D_IP_NOT_OURS},
        {"60000000 0014 06 40" US6 US6 TCP20, LA_D_IP_SOURCE},
        {"60000000 0014 06 40 0000000000000000 0000000000000000" US6 TCP20, LA_D_IP_SOURCE},
        {"60000000 0014 06 40 0000000000000000 0000000000000001" US6 TCP20, LA_D_IP_SOURCE},
        {"60000000 0014 06 40 ff02000000000000 0000000000000001" US6 TCP20, LA_D_IP_SOURCE},
        /* An IPv4-mapped address is not one on the wire. */
        {"60000000 0014 06 40 0000000000000000 0000ffff0a000002" US6 TCP20, LA_D_IP_SOURCE},
        {"60000000 0014 06 40" PEER6 "0000000000000000 0000ffff0a000001" TCP20, LA_D_IP_NOT_OURS},
        {"60000000 0014 00 40" PEER6 US6 "06ff"
         "010400000000 0000000000000000 00000000",
         LA_D_IP_EXT},
        {"60000000 0010 00 40" PEER6 US6 "06ff 010400000000 0000000000000000", LA_D_IP_EXT},
        {"60000000 0000 3b 40" PEER6 US6, LA_D_IP_PROTO},
        /* An unknown option that wants silence. */
        {"60000000 0010 3c 40" PEER6 US6 "1100 410400000000" UDP8, LA_D_IP_EXT},
    };
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP);
    drops(&rig, bad, COUNT_OF(bad));
    rig_end(&rig);
}

static void what_is_not_known_is_answered(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP);
    assert_int_equal(rig_in(&rig, 0, "4500 0018 0001 4000 4084 0000 0a000002 0a000001 01020304"), IP_NOTHING);
    rig_dropped(&rig, LA_D_IP_PROTO);
    rig_out(&rig, 0,
            "45c0 0034 .... 0000 4001 .... 0a000001 0a000002 0302 .... 00000000"
            "4500 0018 0001 4000 4084 .... 0a000002 0a000001 01020304");
    /* Next header 0x84: the pointer is to the byte that names it. */
    assert_int_equal(rig_in(&rig, 0, "60000000 0004 84 40" PEER6 US6 "01020304"), IP_NOTHING);
    rig_dropped(&rig, LA_D_IP_PROTO);
    rig_out(&rig, 0,
            "60000000 0034 3a 40" US6 PEER6 "0401 .... 00000006"
            "60000000 0004 84 40" PEER6 US6 "01020304");
    assert_int_equal(rig_in(&rig, 0, "60000000 000c 3c 40" PEER6 US6 "8400 010400000000 01020304"), IP_NOTHING);
    rig_dropped(&rig, LA_D_IP_PROTO);
    rig_out(&rig, 0,
            "60000000 003c 3a 40" US6 PEER6 "0401 .... 00000028"
            "60000000 000c 3c 40" PEER6 US6 "8400 010400000000 01020304");
    /* An option that wants to be known, and segments left. */
    assert_int_equal(rig_in(&rig, 0, "60000000 0008 3c 40" PEER6 US6 "1100 810400000000"), IP_NOTHING);
    rig_dropped(&rig, LA_D_IP_EXT);
    rig_out(&rig, 0,
            "60000000 0038 3a 40" US6 PEER6 "0402 .... 0000002a"
            "60000000 0008 3c 40" PEER6 US6 "1100 810400000000");
    assert_int_equal(rig_in(&rig, 0, "60000000 0008 2b 40" PEER6 US6 "1100 0001 00000000"), IP_NOTHING);
    rig_dropped(&rig, LA_D_IP_EXT);
    rig_out(&rig, 0,
            "60000000 0038 3a 40" US6 PEER6 "0400 .... 0000002a"
            "60000000 0008 2b 40" PEER6 US6 "1100 0001 00000000");
    rig_quiet(&rig);
    rig_end(&rig);
}

static void frames_are_sorted(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig, LA_LINK_ETHERNET);
    static const struct bad bad[] = {
        {MAC_US MAC_PEER "08", LA_D_ETH_SHORT},
        {"020000000003" MAC_PEER "0800 4500", LA_D_ETH_NOT_OURS},
        {MAC_US MAC_PEER "88cc 0000", LA_D_ETH_TYPE},
        {MAC_US MAC_PEER "0800", LA_D_IP_BAD},
    };
    drops(&rig, bad, COUNT_OF(bad));
    const struct ip_datagram *d = &rig.arrival.datagram;
    const char *unicast = MAC_US MAC_PEER "0800 4500 0028 0001 4000 4006 0000 0a000002 0a000001" TCP20;
    assert_int_equal(rig_in(&rig, 0, unicast), IP_DATAGRAM);
    assert_false(d->multicast);
    assert_ptr_equal(d->packet.data, rig.in + 14);
    /* A unicast packet in a broadcast frame passes for a broadcast. */
    const char *wrapped = "ffffffffffff" MAC_PEER "0800 4500 0028 0001 4000 4006 0000 0a000002 0a000001" TCP20;
    assert_int_equal(rig_in(&rig, 0, wrapped), IP_DATAGRAM);
    assert_true(d->multicast);
    rig_end(&rig);
}

static void groups_and_broadcasts_are_flagged(void **state) {
    (void)state;
    static const char *const to[] = {"0a0000ff", "ffffffff", "e0000001"};
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP);
    for (size_t i = 0; i < COUNT_OF(to); i++) {
        char text[256];
        snprintf(text, sizeof text, "4500 001c 0001 0000 4011 0000 0a000002 %s " UDP8, to[i]);
        assert_int_equal(rig_in(&rig, 0, text), IP_DATAGRAM);
        assert_true(rig.arrival.datagram.multicast);
    }
    assert_int_equal(rig_in(&rig, 0, "60000000 0008 11 40" PEER6 "ff02000000000000 0000000000000001" UDP8),
                     IP_DATAGRAM);
    assert_true(rig.arrival.datagram.multicast);
    rig_end(&rig);
}

static void a_device_may_have_done_the_checksums(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP);
    rig.ip->ifaces[0]->config.rx_csum_done = true;
    assert_int_equal(rig_in(&rig, 0, "4500 0028 0001 4000 4006 0000 0a000002 0a000001" TCP20), IP_DATAGRAM);
    assert_true(rig.arrival.datagram.csum_done);
    rig_end(&rig);
}

static void an_unknown_interface_is_nothing(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP);
    uint8_t byte = 0x45;
    assert_int_equal(rig_in_bytes(&rig, 1, &byte, 1), IP_NOTHING);
    assert_int_equal(rig_in_bytes(&rig, -1, &byte, 1), IP_NOTHING);
    rig_end(&rig);
}

/* Whatever comes: nothing is read beyond the packet, everything ends somewhere. */
static void garbage_and_every_cut_of_a_packet_are_survived(void **state) {
    (void)state;
    static const char *const good[] = {
        MAC_US MAC_PEER "0800 4600 002c 0001 4000 4006 0000 0a000002 0a000001 01010100" TCP20,
        MAC_US MAC_PEER "0800 4500 0038 0001 0000 4001 0000 0a000002 0a000001 0303 0000 00000000"
                        "4500 001c 0000 0000 4011 0000 0a000001 0a000002" UDP8,
        MAC_US MAC_PEER "86dd 60000000 0018 00 40" PEER6 US6 "3c00 010400000000 2c00 010400000000 1100 0001 00000007",
        MAC_US MAC_PEER "86dd 60000000 0040 3a 40" PEER6 US6 "0200 0000 00000500 60000000 0010 2c 40" US6 PEER6
                        "1100 0001 00000007" UDP8,
        MAC_US MAC_PEER "0806 0001 0800 06 04 0001" MAC_PEER "0a000002 000000000000 0a000001",
    };
    struct ip_rig rig;
    struct random random = {7};
    begin(&rig, LA_LINK_ETHERNET);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        uint8_t bytes[256], mutated[256];
        size_t len = rig_hex(good[i], bytes, NULL);
        rig_fill(bytes + 14, len - 14);
        for (size_t cut = 0; cut <= len; cut++) rig_in_bytes(&rig, 0, bytes, cut);
        for (unsigned n = 0; n < 2000; n++) {
            memcpy(mutated, bytes, len);
            for (unsigned k = 0; k <= n % 3; k++)
                mutated[random_below(&random, (uint32_t)len)] = (uint8_t)random_next(&random);
            if (n % 2) mutated[24] = mutated[25] = 0;
            if (n % 2) rig_fill(mutated + 14, len - 14);
            rig_in_bytes(&rig, 0, mutated, len);
            struct la_packet out;
            while (ip_queue_next(rig.ip, -1, &out)) {
            }
        }
        rig_pass(&rig, LA_SECOND);
    }
    rig_end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_over_ipv4_arrives),
        cmocka_unit_test(a_datagram_over_ipv6_arrives),
        cmocka_unit_test(every_drop_of_ipv4_has_its_name),
        cmocka_unit_test(every_drop_of_ipv6_has_its_name),
        cmocka_unit_test(what_is_not_known_is_answered),
        cmocka_unit_test(frames_are_sorted),
        cmocka_unit_test(groups_and_broadcasts_are_flagged),
        cmocka_unit_test(a_device_may_have_done_the_checksums),
        cmocka_unit_test(an_unknown_interface_is_nothing),
        cmocka_unit_test(garbage_and_every_cut_of_a_packet_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
