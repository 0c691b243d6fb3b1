/* Packets out: headers, fragments, the queue. */
#include "ip_rig.h"

#define US6 "fd00000000000000 0000000000000001"
#define PEER6 "fd00000000000000 0000000000000002"

static void begin(struct ip_rig *rig, enum la_link link, uint32_t mtu) {
    rig_begin(rig);
    rig_iface(rig, link, mtu);
}

/* A header of 4 bytes, payload in two pieces. */
static void packet_fill(struct ip_packet *p) {
    static const uint8_t one[] = {1, 2, 3}, two[] = {4, 5};
    ip_packet_init(p);
    memcpy(ip_packet_prepend(p, 4), "\xaa\xbb\xcc\xdd", 4);
    ip_packet_add(p, (struct la_span){one, 3});
    ip_packet_add(p, (struct la_span){NULL, 0});
    ip_packet_add(p, (struct la_span){two, 2});
}

static void a_packet_leaves_without_a_copy(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_packet p;
    struct la_packet out;
    struct ip_meta meta = {.proto = 253, .ttl = 7, .tos = 2};
    begin(&rig, LA_LINK_IP, 1500);
    struct ip_path path = rig_path(&rig, "10.0.0.2");
    packet_fill(&p);
    size_t used = rig.env.used;
    assert_true(ip_output(rig.ip, &path, &meta, &p, &out));
    rig_compare(&rig, &out, "4502 001d 0000 4000 07fd .... 0a000001 0a000002 aabbccdd 010203 0405");
    assert_int_equal(out.nspans, 3);
    assert_ptr_equal(out.span[1].data, p.span[0].data);
    path = rig_path(&rig, "fd00::2");
    packet_fill(&p);
    assert_true(ip_output(rig.ip, &path, &meta, &p, &out));
    rig_compare(&rig, &out, "60200000 0009 fd 07" US6 PEER6 "aabbccdd 010203 0405");
    assert_int_equal(rig.env.used, used);
    rig_quiet(&rig);
    rig_end(&rig);
}

static void a_ttl_of_zero_is_the_setting(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_packet p;
    struct la_packet out;
    begin(&rig, LA_LINK_IP, 1500);
    struct ip_path path = rig_path(&rig, "10.0.0.2");
    packet_fill(&p);
    assert_true(ip_output(rig.ip, &path, &(struct ip_meta){.proto = 253}, &p, &out));
    rig_compare(&rig, &out, "4500 001d 0000 4000 40fd .... 0a000001 0a000002 aabbccdd 010203 0405");
    path = rig_path(&rig, "fd00::2");
    packet_fill(&p);
    assert_true(ip_output(rig.ip, &path, &(struct ip_meta){.proto = 253}, &p, &out));
    rig_compare(&rig, &out, "60000000 0009 fd 40" US6 PEER6 "aabbccdd 010203 0405");
    rig_end(&rig);
}

static void on_ethernet_a_known_neighbour_is_addressed(void **state) {
    (void)state;
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
    struct ip_rig rig;
    struct ip_packet p;
    struct la_packet out;
    begin(&rig, LA_LINK_ETHERNET, 1500);
    struct ip_path path = rig_path(&rig, "fd00::2");
    neigh_learn(rig.ip, 0, &path.dst, mac);
    packet_fill(&p);
    assert_true(ip_output(rig.ip, &path, &(struct ip_meta){.proto = 253, .ttl = 7}, &p, &out));
    rig_compare(&rig, &out, MAC_PEER MAC_US "86dd 60000000 0009 fd 07" US6 PEER6 "aabbccdd 010203 0405");
    rig_end(&rig);
}

static void what_may_be_fragmented_has_no_df_and_an_identification(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP, 1500);
    struct la_packet out;
    uint16_t ids[8], same = 0;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        assert_int_equal(rig_send(&rig, "10.0.0.2", 1, true), 0);
        assert_true(ip_queue_next(rig.ip, 0, &out));
        assert_int_equal(get16(out.span[0].data + 6), 0);
        ids[i] = get16(out.span[0].data + 4);
        if (i && ids[i] == ids[0]) same++;
    }
    assert_true(same < 7);
    rig_end(&rig);
}

static void a_packet_larger_than_its_path_is_refused(void **state) {
    (void)state;
    struct ip_rig rig;
    struct ip_packet p;
    struct la_packet out;
    static uint8_t data[1481];
    begin(&rig, LA_LINK_IP, 1500);
    struct ip_path path = rig_path(&rig, "10.0.0.2");
    ip_packet_init(&p);
    ip_packet_add(&p, (struct la_span){data, 1480});
    assert_true(ip_output(rig.ip, &path, &(struct ip_meta){.proto = 253, .ttl = 7}, &p, &out));
    ip_packet_init(&p);
    ip_packet_add(&p, (struct la_span){data, 1481});
    assert_false(ip_output(rig.ip, &path, &(struct ip_meta){.proto = 253, .ttl = 7}, &p, &out));
    rig_dropped(&rig, LA_D_TOO_BIG);
    assert_int_equal(rig_send(&rig, "10.0.0.2", 1481, false), -LA_EMSGSIZE);
    rig_dropped(&rig, LA_D_TOO_BIG);
    assert_int_equal(rig_send(&rig, "10.0.0.2", 65516, true), -LA_EMSGSIZE);
    rig_dropped(&rig, LA_D_TOO_BIG);
    rig_quiet(&rig);
    rig_end(&rig);
}

static void fragments_of_both_families_read_like_the_wire(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP, 1280);
    struct la_packet out;
    assert_int_equal(rig_send(&rig, "10.0.0.2", 3000, true), 0);
    static const struct {
        uint16_t len, field;
    } wanted4[] = {{1276, 0x2000}, {1276, 0x2000 | 157}, {20 + 3000 - 2 * 1256, 314}};
    uint16_t id = 0;
    for (size_t i = 0; i < COUNT_OF(wanted4); i++) {
        assert_true(ip_queue_next(rig.ip, 0, &out));
        const uint8_t *p = out.span[0].data;
        rig_verify(p, out.len);
        assert_int_equal(out.len, wanted4[i].len);
        assert_int_equal(get16(p + 6), wanted4[i].field);
        if (i) assert_int_equal(get16(p + 4), id);
        id = get16(p + 4);
        assert_int_equal(p[20], (uint8_t)((wanted4[i].field & 0x1fff) * 8));
    }
    assert_int_equal(rig_send(&rig, "fd00::2", 3000, true), 0);
    static const struct {
        uint16_t len, field;
    } wanted6[] = {{1280, 1}, {1280, 1232 | 1}, {48 + 3000 - 2 * 1232, 2464}};
    uint32_t id6 = 0;
    for (size_t i = 0; i < COUNT_OF(wanted6); i++) {
        assert_true(ip_queue_next(rig.ip, 0, &out));
        const uint8_t *p = out.span[0].data;
        assert_int_equal(out.len, wanted6[i].len);
        assert_int_equal(get16(p + 4), out.len - 40);
        assert_int_equal(p[6], 44);
        assert_int_equal(p[40], 253);
        assert_int_equal(get16(p + 42), wanted6[i].field);
        if (i) assert_int_equal(get32(p + 44), id6);
        id6 = get32(p + 44);
        assert_int_equal(p[48], (uint8_t)(wanted6[i].field & 0xfff8));
    }
    rig_quiet(&rig);
    rig_end(&rig);
}

static void the_queue_is_bounded_and_fragments_go_together(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP, 1280);
    ip_settings(rig.ip)->queue_max = 4;
    assert_int_equal(rig_send(&rig, "10.0.0.2", 1, true), 0);
    assert_int_equal(rig_send(&rig, "10.0.0.2", 1, true), 0);
    assert_int_equal(rig_send(&rig, "10.0.0.2", 3000, true), -LA_ENOBUFS);
    rig_dropped(&rig, LA_D_OUT_FULL);
    assert_int_equal(rig_send(&rig, "10.0.0.2", 2000, true), 0);
    assert_int_equal(rig_send(&rig, "10.0.0.2", 1, true), -LA_ENOBUFS);
    rig_dropped(&rig, LA_D_OUT_FULL);
    struct la_packet out;
    for (int i = 0; i < 4; i++) assert_true(ip_queue_next(rig.ip, -1, &out));
    assert_false(ip_queue_next(rig.ip, -1, &out));
    assert_int_equal(rig.ip->queued, 0);
    rig_end(&rig);
}

static void interfaces_are_served_in_turn(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig, LA_LINK_IP, 1500);
    struct la_iface_config config = {.link = LA_LINK_IP, .mtu = 1500};
    struct la_addr addr = addr_of("10.1.0.1");
    assert_int_equal(ip_iface_add(rig.ip, &config), 1);
    assert_int_equal(ip_addr_add(rig.ip, 1, &addr, 24), 0);
    for (int i = 0; i < 2; i++) {
        rig_send(&rig, "10.0.0.2", 1, false);
        rig_send(&rig, "10.1.0.2", 1, false);
    }
    assert_true(ip_queue_pending(rig.ip, 0) && ip_queue_pending(rig.ip, 1) && !ip_queue_pending(rig.ip, 2));
    struct la_packet out;
    int last = -1;
    for (int i = 0; i < 4; i++) {
        assert_true(ip_queue_next(rig.ip, -1, &out));
        assert_int_not_equal(out.iface, last);
        last = out.iface;
    }
    rig_send(&rig, "10.0.0.2", 1, false);
    assert_false(ip_queue_next(rig.ip, 1, &out));
    assert_true(ip_queue_next(rig.ip, 0, &out));
    rig_end(&rig);
}

static bool scenario(struct oom *oom) {
    struct ip_bare bare;
    static const uint8_t data[3000];
    struct la_iface_config config = {.link = LA_LINK_IP, .mtu = 1280};
    struct la_addr us = la_addr4(10, 0, 0, 1), peer = la_addr4(10, 0, 0, 2);
    struct ip_path path;
    struct la_packet out;
    bool ok = ip_bare_begin(&bare, oom) && ip_iface_add(bare.ip, &config) == 0 &&
              ip_addr_add(bare.ip, 0, &us, 24) == 0 && ip_path_find(bare.ip, &peer, NULL, 0, &path) == 0;
    for (size_t len = 1; ok && len < 3000; len += 1000) {
        struct ip_packet p;
        ip_packet_init(&p);
        ip_packet_add(&p, (struct la_span){data, len});
        int error = ip_send(bare.ip, &path, &(struct ip_meta){.proto = 253, .ttl = 64, .may_fragment = true}, &p);
        if (error) assert_int_equal(error, -LA_ENOMEM);
        ok = ok && !error;
        if (len == 1001) ip_queue_next(bare.ip, -1, &out);
    }
    ip_bare_end(&bare);
    return ok;
}

static void refused_memory_is_said(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_leaves_without_a_copy),
        cmocka_unit_test(a_ttl_of_zero_is_the_setting),
        cmocka_unit_test(on_ethernet_a_known_neighbour_is_addressed),
        cmocka_unit_test(what_may_be_fragmented_has_no_df_and_an_identification),
        cmocka_unit_test(a_packet_larger_than_its_path_is_refused),
        cmocka_unit_test(fragments_of_both_families_read_like_the_wire),
        cmocka_unit_test(the_queue_is_bounded_and_fragments_go_together),
        cmocka_unit_test(interfaces_are_served_in_turn),
        cmocka_unit_test(refused_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
