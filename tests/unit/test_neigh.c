/* The neighbour cache, ARP and neighbour discovery, as frames. */
#include "ip_rig.h"

#define ALL "ffffffffffff"
#define ASK_10_0_0_2 ALL MAC_US "0806 0001 0800 06 04 0001" MAC_US "0a000001 000000000000 0a000002"
#define PROBE_10_0_0_2 MAC_PEER MAC_US "0806 0001 0800 06 04 0001" MAC_US "0a000001 000000000000 0a000002"
#define REPLY_BY(mac) MAC_US mac "0806 0001 0800 06 04 0002" mac "0a000002" MAC_US "0a000001"
/* IPv4, protocol 253, one byte, DF. */
#define DATA4(mac, byte) mac MAC_US "0800 4500 0015 0000 4000 40fd .... 0a000001 0a000002" byte

static void begin(struct ip_rig *rig) {
    rig_begin(rig);
    rig_iface(rig, LA_LINK_ETHERNET, 1500);
}

static struct neigh *entry(struct ip_rig *rig, const char *text) {
    struct la_addr addr = addr_of(text);
    return neigh_find(rig->ip, 0, &addr);
}

static void send1(struct ip_rig *rig, const char *dst, uint8_t byte) {
    struct ip_path path = rig_path(rig, dst);
    struct ip_packet p;
    ip_packet_init(&p);
    ip_packet_add(&p, (struct la_span){&byte, 1});
    assert_int_equal(ip_send(rig->ip, &path, &(struct ip_meta){.proto = 253, .ttl = 64}, &p), 0);
}

static void a_packet_waits_for_the_answer_and_leaves(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    send1(&rig, "10.0.0.2", 0xab);
    rig_out(&rig, 0, ASK_10_0_0_2);
    rig_quiet(&rig);
    assert_int_equal(rig_in(&rig, 0, REPLY_BY(MAC_PEER)), IP_NOTHING);
    rig_out(&rig, 0, DATA4(MAC_PEER, "ab"));
    assert_int_equal(entry(&rig, "10.0.0.2")->state, NEIGH_REACHABLE);
    send1(&rig, "10.0.0.2", 0xcd);
    rig_out(&rig, 0, DATA4(MAC_PEER, "cd"));
    rig_quiet(&rig);
    rig_dropped(&rig, LA_D_NONE);
    rig_end(&rig);
}

static void three_packets_wait_and_the_oldest_goes(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    for (uint8_t i = 1; i <= 4; i++) send1(&rig, "10.0.0.2", i);
    rig_dropped(&rig, LA_D_NEIGH_FULL);
    rig_out(&rig, 0, ASK_10_0_0_2);
    rig_in(&rig, 0, REPLY_BY(MAC_PEER));
    rig_out(&rig, 0, DATA4(MAC_PEER, "02"));
    rig_out(&rig, 0, DATA4(MAC_PEER, "03"));
    rig_out(&rig, 0, DATA4(MAC_PEER, "04"));
    rig_end(&rig);
}

static void three_questions_a_second_apart_then_an_error(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_error error;
    begin(&rig);
    struct ip_path path = rig_path(&rig, "10.0.0.2");
    struct ip_packet p;
    uint8_t tcp[20] = {0x12, 0x34};
    ip_packet_init(&p);
    ip_packet_add(&p, (struct la_span){tcp, sizeof tcp});
    struct la_packet out;
    assert_false(ip_output(rig.ip, &path, &(struct ip_meta){.proto = PROTO_TCP, .ttl = 64}, &p, &out));
    for (int i = 0; i < 3; i++) {
        rig_out(&rig, 0, ASK_10_0_0_2);
        rig_quiet(&rig);
        rig_pass(&rig, LA_SECOND - 1);
        rig_quiet(&rig);
        assert_false(ip_failed_next(rig.ip, &error));
        rig_pass(&rig, 1);
    }
    rig_quiet(&rig);
    rig_dropped(&rig, LA_D_NEIGH_FAILED);
    assert_null(entry(&rig, "10.0.0.2"));
    assert_true(ip_failed_next(rig.ip, &error));
    assert_int_equal(error.error, LA_EHOSTUNREACH);
    assert_false(error.hard);
    assert_int_equal(error.proto, PROTO_TCP);
    assert_true(la_addr_equal(&error.src, &path.src) && la_addr_equal(&error.dst, &path.dst));
    assert_int_equal(error.quoted.len, 20);
    assert_memory_equal(error.quoted.data, tcp, 20);
    assert_false(ip_failed_next(rig.ip, &error));
    assert_int_equal(wheel_next(&rig.wheel), LA_NEVER);
    rig_end(&rig);
}

static void stale_entries_are_probed_after_use(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    send1(&rig, "10.0.0.2", 1);
    rig_out(&rig, 0, ASK_10_0_0_2);
    rig_in(&rig, 0, REPLY_BY(MAC_PEER));
    rig_out(&rig, 0, DATA4(MAC_PEER, "01"));
    rig_pass(&rig, 14 * LA_SECOND);
    send1(&rig, "10.0.0.2", 2);
    rig_out(&rig, 0, DATA4(MAC_PEER, "02"));
    assert_int_equal(entry(&rig, "10.0.0.2")->state, NEIGH_REACHABLE);
    rig_pass(&rig, 60 * LA_SECOND);
    rig_quiet(&rig);
    send1(&rig, "10.0.0.2", 3);
    rig_out(&rig, 0, DATA4(MAC_PEER, "03"));
    assert_int_equal(entry(&rig, "10.0.0.2")->state, NEIGH_DELAY);
    rig_pass(&rig, 5 * LA_SECOND - 1);
    rig_quiet(&rig);
    rig_pass(&rig, 1);
    rig_out(&rig, 0, PROBE_10_0_0_2);
    rig_in(&rig, 0, REPLY_BY(MAC_PEER));
    assert_int_equal(entry(&rig, "10.0.0.2")->state, NEIGH_REACHABLE);
    /* The next time nobody answers: forgotten after three probes. */
    rig_pass(&rig, 60 * LA_SECOND);
    send1(&rig, "10.0.0.2", 4);
    rig_out(&rig, 0, DATA4(MAC_PEER, "04"));
    rig_pass(&rig, 8 * LA_SECOND);
    for (int i = 0; i < 3; i++) rig_out(&rig, 0, PROBE_10_0_0_2);
    rig_quiet(&rig);
    assert_null(entry(&rig, "10.0.0.2"));
    send1(&rig, "10.0.0.2", 5);
    rig_out(&rig, 0, ASK_10_0_0_2);
    rig_end(&rig);
}

static void a_question_for_us_is_answered_and_teaches(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    rig_in(&rig, 0, ALL MAC_PEER "0806 0001 0800 06 04 0001" MAC_PEER "0a000002 000000000000 0a000001");
    rig_out(&rig, 0, MAC_PEER MAC_US "0806 0001 0800 06 04 0002" MAC_US "0a000001" MAC_PEER "0a000002");
    rig_quiet(&rig);
    assert_int_equal(entry(&rig, "10.0.0.2")->state, NEIGH_STALE);
    /* For others: nothing, and nothing learned. */
    rig_in(&rig, 0, ALL MAC_PEER "0806 0001 0800 06 04 0001" MAC_PEER "0a000003 000000000000 0a000004");
    rig_quiet(&rig);
    assert_null(entry(&rig, "10.0.0.3"));
    /* From off the link: answered, not learned. */
    rig_in(&rig, 0, ALL MAC_PEER "0806 0001 0800 06 04 0001" MAC_PEER "0b000003 000000000000 0a000001");
    rig_out(&rig, 0, MAC_PEER MAC_US "0806 0001 0800 06 04 0002" MAC_US "0a000001" MAC_PEER "0b000003");
    assert_null(entry(&rig, "11.0.0.3"));
    /* A probe (RFC 5227) from nobody. */
    rig_in(&rig, 0, ALL MAC_PEER "0806 0001 0800 06 04 0001" MAC_PEER "00000000 000000000000 0a000001");
    rig_out(&rig, 0, MAC_PEER MAC_US "0806 0001 0800 06 04 0002" MAC_US "0a000001" MAC_PEER "00000000");
    rig_dropped(&rig, LA_D_NONE);
    rig_end(&rig);
}

static void announcements_change_entries_but_make_none(void **state) {
    (void)state;
    static const uint8_t other[6] = {2, 0, 0, 0, 0, 3};
    struct ip_rig rig;
    begin(&rig);
    const char *announce = ALL "020000000003 0806 0001 0800 06 04 0001 020000000003 0a000002 000000000000 0a000002";
    rig_in(&rig, 0, announce);
    assert_null(entry(&rig, "10.0.0.2"));
    send1(&rig, "10.0.0.2", 1);
    rig_out(&rig, 0, ASK_10_0_0_2);
    rig_in(&rig, 0, REPLY_BY(MAC_PEER));
    rig_out(&rig, 0, DATA4(MAC_PEER, "01"));
    /* At once after the answer it contradicts: not believed, but doubt remains. */
    rig_in(&rig, 0, announce);
    assert_memory_not_equal(entry(&rig, "10.0.0.2")->mac, other, 6);
    assert_int_equal(entry(&rig, "10.0.0.2")->state, NEIGH_STALE);
    rig_pass(&rig, LA_SECOND);
    rig_in(&rig, 0, announce);
    assert_memory_equal(entry(&rig, "10.0.0.2")->mac, other, 6);
    assert_int_equal(entry(&rig, "10.0.0.2")->state, NEIGH_STALE);
    rig_end(&rig);
}

static void malformed_and_false_arp_is_dropped(void **state) {
    (void)state;
    static const char *const bad[] = {
        ALL MAC_PEER "0806 0001 0800 06 04 0001" MAC_PEER "0a000002 000000000000 0a0000",
        ALL MAC_PEER "0806 0001 0800 06 04 0003" MAC_PEER "0a000002 000000000000 0a000001",
        ALL MAC_PEER "0806 0001 0800 06 04 0001" ALL "0a000002 000000000000 0a000001",
        ALL MAC_PEER "0806 0001 0800 06 04 0001 000000000000 0a000002 000000000000 0a000001",
        ALL MAC_PEER "0806 0001 0800 06 04 0001" MAC_PEER "0a000001 000000000000 0a000001", /* Claims our own. */
        ALL MAC_PEER "0806 0001 0800 06 04 0001" MAC_PEER "ffffffff 000000000000 0a000001",
    };
    struct ip_rig rig;
    begin(&rig);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        rig_in(&rig, 0, bad[i]);
        rig_dropped(&rig, LA_D_ARP_BAD);
        rig_quiet(&rig);
    }
    rig_end(&rig);
}

/* fd00::1 and fd00::2 in full. */
#define US6 "fd00000000000000 0000000000000001"
#define PEER6 "fd00000000000000 0000000000000002"
#define LL6 "fe80000000000000 000000fffe000001"
#define NODE_US6 "ff02000000000000 00000001ff000001"
#define NODE_PEER6 "ff02000000000000 00000001ff000002"
#define ETH6(dst, src) dst src "86dd"
#define HEAD6(len, next, hops, src, dst) "60000000" len next hops src dst

static void neighbour_discovery_finds_and_probes(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    send1(&rig, "fd00::2", 0xee);
    rig_out(&rig, 0,
            ETH6("3333ff000002", MAC_US) HEAD6("0020", "3a", "ff", US6, NODE_PEER6) "8700 .... 00000000" PEER6
                                                                                    "0101" MAC_US);
    rig_in(&rig, 0,
           ETH6(MAC_US, MAC_PEER) HEAD6("0020", "3a", "ff", PEER6, US6) "8800 0000 60000000" PEER6 "0201" MAC_PEER);
    rig_out(&rig, 0, ETH6(MAC_PEER, MAC_US) HEAD6("0001", "fd", "40", US6, PEER6) "ee");
    assert_int_equal(entry(&rig, "fd00::2")->state, NEIGH_REACHABLE);
    rig_pass(&rig, 60 * LA_SECOND);
    send1(&rig, "fd00::2", 0xef);
    rig_out(&rig, 0, ETH6(MAC_PEER, MAC_US) HEAD6("0001", "fd", "40", US6, PEER6) "ef");
    rig_pass(&rig, 5 * LA_SECOND);
    rig_out(&rig, 0,
            ETH6(MAC_PEER, MAC_US) HEAD6("0020", "3a", "ff", US6, PEER6) "8700 .... 00000000" PEER6 "0101" MAC_US);
    /* Confirmed without naming the MAC again. */
    rig_in(&rig, 0, ETH6(MAC_US, MAC_PEER) HEAD6("0018", "3a", "ff", PEER6, US6) "8800 0000 40000000" PEER6);
    assert_int_equal(entry(&rig, "fd00::2")->state, NEIGH_REACHABLE);
    rig_dropped(&rig, LA_D_NONE);
    rig_end(&rig);
}

static void solicitations_are_answered(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    rig_in(&rig, 0,
           ETH6("3333ff000001", MAC_PEER) HEAD6("0020", "3a", "ff", PEER6, NODE_US6) "8700 0000 00000000" US6
                                                                                     "0101" MAC_PEER);
    rig_out(&rig, 0,
            ETH6(MAC_PEER, MAC_US) HEAD6("0020", "3a", "ff", US6, PEER6) "8800 .... 60000000" US6 "0201" MAC_US);
    /* From the unspecified address: to all nodes, not solicited. */
    rig_in(&rig, 0,
           ETH6("3333ff000001", MAC_PEER)
               HEAD6("0018", "3a", "ff", "0000000000000000 0000000000000000", NODE_US6) "8700 0000 00000000" US6);
    rig_out(&rig, 0,
            ETH6("333300000001", MAC_US)
                HEAD6("0020", "3a", "ff", US6, "ff02000000000000 0000000000000001") "8800 .... 20000000" US6
                                                                                    "0201" MAC_US);
    /* The link-local address answers for itself. */
    rig_in(&rig, 0,
           ETH6(MAC_US, MAC_PEER) HEAD6("0020", "3a", "ff", PEER6, LL6) "8700 0000 00000000" LL6 "0101" MAC_PEER);
    rig_out(&rig, 0,
            ETH6(MAC_PEER, MAC_US) HEAD6("0020", "3a", "ff", LL6, PEER6) "8800 .... 60000000" LL6 "0201" MAC_US);
    rig_quiet(&rig);
    rig_dropped(&rig, LA_D_NONE);
    rig_end(&rig);
}

static void false_neighbour_discovery_is_dropped(void **state) {
    (void)state;
    static const char *const bad[] = {
        /* Hop limit 254: it has come through a router. */
        ETH6("3333ff000001", MAC_PEER) HEAD6("0020", "3a", "fe", PEER6, NODE_US6) "8700 0000 00000000" US6
                                                                                  "0101" MAC_PEER,
        /* Code 1. */
        ETH6("3333ff000001", MAC_PEER) HEAD6("0020", "3a", "ff", PEER6, NODE_US6) "8701 0000 00000000" US6
                                                                                  "0101" MAC_PEER,
        /* An option of length 0. */
        ETH6("3333ff000001", MAC_PEER) HEAD6("0020", "3a", "ff", PEER6, NODE_US6) "8700 0000 00000000" US6
                                                                                  "0100" MAC_PEER,
        /* From :: with a MAC. */
        ETH6("3333ff000001", MAC_PEER) HEAD6("0020", "3a", "ff", "0000000000000000 0000000000000000",
                                             NODE_US6) "8700 0000 00000000" US6 "0101" MAC_PEER,
        /* A solicited advertisement to a group. */
        ETH6("333300000001", MAC_PEER)
            HEAD6("0020", "3a", "ff", PEER6, "ff02000000000000 0000000000000001") "8800 0000 40000000" PEER6
                                                                                  "0201" MAC_PEER,
    };
    struct ip_rig rig;
    begin(&rig);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        rig_in(&rig, 0, bad[i]);
        rig_dropped(&rig, LA_D_ND_BAD);
        rig_quiet(&rig);
    }
    rig_end(&rig);
}

static void advertisements_follow_the_table_of_rfc4861(void **state) {
    (void)state;
    static const uint8_t first[6] = {2, 0, 0, 0, 0, 2}, second[6] = {2, 0, 0, 0, 0, 3};
    struct ip_rig rig;
    begin(&rig);
    struct la_addr addr = addr_of("fd00::2");
    neigh_learn(rig.ip, 0, &addr, first);
    struct neigh *n = entry(&rig, "fd00::2");
    rig_pass(&rig, 2 * LA_SECOND);
    assert_int_equal(n->state, NEIGH_STALE);
    /* Without override another MAC is not believed. */
    neigh_answer(rig.ip, n, second, true, false);
    assert_memory_equal(n->mac, first, 6);
    assert_int_equal(n->state, NEIGH_STALE);
    neigh_answer(rig.ip, n, first, true, false);
    assert_int_equal(n->state, NEIGH_REACHABLE);
    neigh_answer(rig.ip, n, second, false, false);
    assert_int_equal(n->state, NEIGH_STALE);
    assert_memory_equal(n->mac, first, 6);
    neigh_answer(rig.ip, n, second, true, true);
    assert_int_equal(n->state, NEIGH_REACHABLE);
    assert_memory_equal(n->mac, second, 6);
    rig_pass(&rig, 2 * LA_SECOND);
    neigh_answer(rig.ip, n, first, false, true);
    assert_int_equal(n->state, NEIGH_STALE);
    assert_memory_equal(n->mac, first, 6);
    rig_end(&rig);
}

static void the_cache_is_bounded_and_keeps_whom_it_knows(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    ip_settings(rig.ip)->neigh_max = 8;
    send1(&rig, "10.0.0.2", 1);
    rig_in(&rig, 0, REPLY_BY(MAC_PEER));
    for (unsigned i = 3; i < 200; i++) {
        struct la_addr addr = la_addr4(10, 0, 0, (uint8_t)i);
        char text[LA_ADDR_TEXT];
        la_addr_format(&addr, text, sizeof text);
        send1(&rig, text, 1);
        assert_true(rig.ip->neigh_table.count <= 8);
    }
    assert_int_equal(entry(&rig, "10.0.0.2")->state, NEIGH_REACHABLE);
    rig_end(&rig);
}

static void groups_need_no_neighbour(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    send1(&rig, "10.0.0.255", 1);
    rig_out(&rig, 0, ALL MAC_US "0800 4500 0015 0000 4000 40fd .... 0a000001 0a0000ff 01");
    send1(&rig, "239.129.2.3", 1);
    rig_out(&rig, 0, "01005e010203" MAC_US "0800 4500 0015 0000 4000 40fd .... 0a000001 ef810203 01");
    send1(&rig, "ff02::1:2", 1);
    rig_out(&rig, 0,
            ETH6("333300010002", MAC_US) HEAD6("0001", "fd", "40", LL6, "ff02000000000000 0000000000010002") "01");
    rig_end(&rig);
}

static bool scenario(struct oom *oom) {
    struct ip_bare bare;
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
    struct la_iface_config config = {.link = LA_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};
    struct la_addr us = la_addr4(10, 0, 0, 1), peer = la_addr4(10, 0, 0, 2);
    bool ok = ip_bare_begin(&bare, oom) && ip_iface_add(bare.ip, &config) == 0 && ip_addr_add(bare.ip, 0, &us, 24) == 0;
    struct ip_path path;
    ok = ok && ip_path_find(bare.ip, &peer, NULL, 0, &path) == 0;
    for (int i = 0; ok && i < 5; i++) {
        struct ip_packet p;
        struct la_packet out;
        ip_packet_init(&p);
        ip_packet_add(&p, (struct la_span){mac, 6});
        ip_output(bare.ip, &path, &(struct ip_meta){.proto = PROTO_TCP, .ttl = 64}, &p, &out);
        if (i == 2) neigh_learn(bare.ip, 0, &peer, mac);
    }
    ok = ok && bare.env.dropped[LA_D_NO_MEMORY] == 0;
    ip_bare_end(&bare);
    return ok;
}

static void refused_memory_loses_packets_only(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_waits_for_the_answer_and_leaves),
        cmocka_unit_test(three_packets_wait_and_the_oldest_goes),
        cmocka_unit_test(three_questions_a_second_apart_then_an_error),
        cmocka_unit_test(stale_entries_are_probed_after_use),
        cmocka_unit_test(a_question_for_us_is_answered_and_teaches),
        cmocka_unit_test(announcements_change_entries_but_make_none),
        cmocka_unit_test(malformed_and_false_arp_is_dropped),
        cmocka_unit_test(neighbour_discovery_finds_and_probes),
        cmocka_unit_test(solicitations_are_answered),
        cmocka_unit_test(false_neighbour_discovery_is_dropped),
        cmocka_unit_test(advertisements_follow_the_table_of_rfc4861),
        cmocka_unit_test(the_cache_is_bounded_and_keeps_whom_it_knows),
        cmocka_unit_test(groups_need_no_neighbour),
        cmocka_unit_test(refused_memory_loses_packets_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
