/* ICMP of both families: echo, errors in and out. */
#include "ip_rig.h"

#define US6 "fd00000000000000 0000000000000001"
#define PEER6 "fd00000000000000 0000000000000002"
#define ROUTER6 "fd00000000000000 00000000000000fe"
/* What we are said to have sent: a TCP segment from port 0x1234 to 0x50, its first 8 bytes. */
#define QUOTE4 "4500 0028 0000 4000 3f06 0000 0a000001 0a000002 1234 0050 89abcdef"
#define QUOTE6 "60000000 0014 06 3f" US6 PEER6 "1234 0050 89abcdef"
#define ICMP4(type_code, rest, quote) "4500 0038 0001 0000 4001 0000 0a0000fe 0a000001" type_code "0000" rest quote
#define ICMP6(type_code, rest, quote) "60000000 0038 3a 40" ROUTER6 US6 type_code "0000" rest quote

static void begin(struct ip_rig *rig) {
    rig_begin(rig);
    rig_iface(rig, LA_LINK_IP, 1500);
}

static void echo_is_answered(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    rig_in(&rig, 0, "4508 0021 0001 4000 4001 0000 0a000002 0a000001 0800 0000 1234 0001 6162636465");
    rig_out(&rig, 0, "4508 0021 .... 0000 4001 .... 0a000001 0a000002 0000 .... 1234 0001 6162636465");
    rig_in(&rig, 0, "60000000 000d 3a 40" PEER6 US6 "8000 0000 1234 0001 6162636465");
    rig_out(&rig, 0, "60000000 000d 3a 40" US6 PEER6 "8100 .... 1234 0001 6162636465");
    /* To all nodes: from an address of ours. */
    rig_in(&rig, 0, "60000000 0008 3a 40" PEER6 "ff02000000000000 0000000000000001 8000 0000 1234 0001");
    rig_out(&rig, 0, "60000000 0008 3a 40" US6 PEER6 "8100 .... 1234 0001");
    rig_dropped(&rig, LA_D_NONE);
    assert_int_equal(rig.env.counter[LA_C_IN_ECHO], 3);
    /* IPv4 broadcasts are not. */
    rig_in(&rig, 0, "4500 001c 0001 4000 4001 0000 0a000002 0a0000ff 0800 0000 1234 0001");
    rig_dropped(&rig, LA_D_ICMP_TYPE);
    /* To whom no route leads. */
    rig_in(&rig, 0, "4500 001c 0001 4000 4001 0000 08080808 0a000001 0800 0000 1234 0001");
    rig_dropped(&rig, LA_D_NO_ROUTE);
    rig_quiet(&rig);
    rig_end(&rig);
}

static void a_long_echo_comes_back_in_fragments(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    static uint8_t packet[4000];
    uint8_t head[28];
    rig_hex("4500 0fa0 0001 0000 4001 0000 0a000002 0a000001 0800 0000 1234 0001", head, NULL);
    memcpy(packet, head, sizeof head);
    rig_fill(packet, sizeof packet);
    rig_in_bytes(&rig, 0, packet, sizeof packet);
    struct la_packet out;
    size_t total = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(ip_queue_next(rig.ip, 0, &out));
        total += out.len - 20;
    }
    assert_int_equal(total, 3980);
    rig_quiet(&rig);
    rig_end(&rig);
}

static void errors_mean_what_linux_says(void **state) {
    (void)state;
    static const struct {
        const char *packet;
        int error;
        bool hard;
    } cases[] = {
        {ICMP4("0300", "00000000", QUOTE4), LA_ENETUNREACH, false},
        {ICMP4("0301", "00000000", QUOTE4), LA_EHOSTUNREACH, false},
        {ICMP4("0302", "00000000", QUOTE4), LA_ENOPROTOOPT, true},
        {ICMP4("0303", "00000000", QUOTE4), LA_ECONNREFUSED, true},
        {ICMP4("0305", "00000000", QUOTE4), LA_EOPNOTSUPP, false},
        {ICMP4("0309", "00000000", QUOTE4), LA_ENETUNREACH, true},
        {ICMP4("030a", "00000000", QUOTE4), LA_EHOSTUNREACH, true},
        {ICMP4("030d", "00000000", QUOTE4), LA_EHOSTUNREACH, true},
        {ICMP4("03ff", "00000000", QUOTE4), LA_EHOSTUNREACH, false},
        {ICMP4("0b00", "00000000", QUOTE4), LA_EHOSTUNREACH, false},
        {ICMP4("0c00", "00000000", QUOTE4), LA_EPROTO, true},
        {ICMP6("0100", "00000000", QUOTE6), LA_ENETUNREACH, false},
        {ICMP6("0101", "00000000", QUOTE6), LA_EACCES, true},
        {ICMP6("0103", "00000000", QUOTE6), LA_EHOSTUNREACH, false},
        {ICMP6("0104", "00000000", QUOTE6), LA_ECONNREFUSED, true},
        {ICMP6("01ff", "00000000", QUOTE6), LA_EHOSTUNREACH, false},
        {ICMP6("0300", "00000000", QUOTE6), LA_EHOSTUNREACH, false},
        {ICMP6("0401", "00000006", QUOTE6), LA_EPROTO, true},
    };
    struct ip_rig rig;
    begin(&rig);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(rig_in(&rig, 0, cases[i].packet), IP_ERROR);
        const struct ip_error *e = &rig.arrival.error;
        assert_int_equal(e->error, cases[i].error);
        assert_int_equal(e->hard, cases[i].hard);
        assert_int_equal(e->mtu, 0);
        assert_int_equal(e->proto, PROTO_TCP);
        assert_true(ip_is_local(rig.ip, &e->src));
        assert_int_equal(e->dst.bytes[15], 2);
        assert_int_equal(e->from.bytes[15], 0xfe);
        assert_true(e->quoted.len == 8);
        assert_memory_equal(e->quoted.data, "\x12\x34\x00\x50\x89\xab\xcd\xef", 8);
    }
    rig_dropped(&rig, LA_D_NONE);
    rig_quiet(&rig);
    rig_end(&rig);
}

static void a_smaller_mtu_is_told_not_noted(void **state) {
    (void)state;
    static const struct {
        const char *packet;
        uint16_t mtu;
    } cases[] = {
        {ICMP4("0304", "00000578", QUOTE4), 1400},
        /* A router too old to say: by the length of what it quotes (0x0028: below all plateaus; 0x05dc). */
        {ICMP4("0304", "00000000", QUOTE4), 68},
        {ICMP4("0304", "00000000", "4500 05dc 0000 4000 3f06 0000 0a000001 0a000002 1234 0050 89abcdef"), 1492},
        {ICMP6("0200", "00000578", QUOTE6), 1400},
        {ICMP6("0200", "00012345", QUOTE6), 65535},
    };
    struct ip_rig rig;
    begin(&rig);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(rig_in(&rig, 0, cases[i].packet), IP_ERROR);
        assert_int_equal(rig.arrival.error.mtu, cases[i].mtu);
        assert_int_equal(rig.arrival.error.error, 0);
        assert_int_equal(rig_path(&rig, "10.0.0.2").mtu, 1500);
        assert_int_equal(rig_path(&rig, "fd00::2").mtu, 1500);
    }
    rig_end(&rig);
}

static void what_cannot_be_believed_is_dropped(void **state) {
    (void)state;
    static const struct {
        const char *packet;
        enum la_drop drop;
    } cases[] = {
        {ICMP4("0304", "00000043", QUOTE4), LA_D_ICMP_BAD},
        {ICMP6("0200", "000004ff", QUOTE6), LA_D_ICMP_BAD}, /* RFC 8201, 4. */
        /* Not ours; a later fragment; too short; not IPv4; ICMP within ICMP. */
        {ICMP4("0303", "00000000", "4500 0028 0000 4000 3f06 0000 0a000003 0a000002 1234 0050 89abcdef"),
         LA_D_ICMP_STRAY},
        {ICMP4("0303", "00000000", "4500 0028 0000 0001 3f06 0000 0a000001 0a000002 1234 0050 89abcdef"),
         LA_D_ICMP_BAD},
        {ICMP4("0303", "00000000", "4600 0028 0000 4000 3f06 0000 0a000001 0a000002 1234 0050 89abcdef"),
         LA_D_ICMP_BAD},
        {ICMP4("0303", "00000000", "6500 0028 0000 4000 3f06 0000 0a000001 0a000002 1234 0050 89abcdef"),
         LA_D_ICMP_BAD},
        {ICMP4("0303", "00000000", "4500 0028 0000 4000 3f01 0000 0a000001 0a000002 1234 0050 89abcdef"),
         LA_D_ICMP_BAD},
        {ICMP6("0104", "00000000", "60000000 0014 06 3f" PEER6 US6 "1234 0050 89abcdef"), LA_D_ICMP_STRAY},
        {ICMP6("0104", "00000000", "60000000 0014 2c 3f" US6 PEER6 "0600 0009 00000001"), LA_D_ICMP_BAD},
        {"4500 001b 0001 0000 4001 0000 0a000002 0a000001 08000000 123400", LA_D_ICMP_BAD},
        {"4500 001c 0001 0000 4001 0000 0a000002 0a000001 0800 0001 12340001", LA_D_ICMP_CSUM},
        {"60000000 0008 3a 40" PEER6 US6 "8000 0001 1234 0001", LA_D_ICMP_CSUM},
        {"4500 001c 0001 0000 4001 0000 0a000002 0a000001 0000 0000 12340001", LA_D_ICMP_TYPE},
        {"4500 001c 0001 0000 4001 0000 0a000002 0a000001 0500 0000 12340001", LA_D_ICMP_TYPE},
        {"60000000 0008 3a ff" PEER6 US6 "8600 0000 1234 0001", LA_D_ICMP_TYPE},
        {"60000000 0008 3a ff" PEER6 US6 "8700 0000 0000 0000", LA_D_ICMP_TYPE}, /* No neighbours without Ethernet. */
    };
    struct ip_rig rig;
    begin(&rig);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(rig_in(&rig, 0, cases[i].packet), IP_NOTHING);
        rig_dropped(&rig, cases[i].drop);
        rig_quiet(&rig);
    }
    rig_end(&rig);
}

static void a_quote_behind_a_fragment_header_is_understood(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    assert_int_equal(rig_in(&rig, 0,
                            "60000000 0040 3a 40" ROUTER6 US6 "0200 0000 00000500"
                            "60000000 0514 2c 3f" US6 PEER6 "1100 0001 00000007 1234 0035 1000 0000"),
                     IP_ERROR);
    assert_int_equal(rig.arrival.error.proto, PROTO_UDP);
    assert_int_equal(get16(rig.arrival.error.quoted.data), 0x1234);
    rig_end(&rig);
}

static const char *const udp4 = "4500 001e 0001 4000 4011 0000 0a000002 0a000001 1234 0035 000a 0000 6162";

static void port_unreachable_quotes_what_came(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    assert_int_equal(rig_in(&rig, 0, udp4), IP_DATAGRAM);
    ip_port_unreachable(rig.ip, &rig.arrival.datagram);
    rig_out(&rig, 0,
            "45c0 003a .... 0000 4001 .... 0a000001 0a000002 0303 .... 00000000"
            "4500 001e 0001 4000 4011 .... 0a000002 0a000001 1234 0035 000a .... 6162");
    assert_int_equal(rig_in(&rig, 0, "60000000 0008 11 40" PEER6 US6 "1234 0035 0008 0000"), IP_DATAGRAM);
    ip_port_unreachable(rig.ip, &rig.arrival.datagram);
    rig_out(&rig, 0,
            "60000000 0038 3a 40" US6 PEER6 "0104 .... 00000000"
            "60000000 0008 11 40" PEER6 US6 "1234 0035 0008 ....");
    assert_int_equal(rig.env.counter[LA_C_OUT_ICMP_ERRORS], 2);
    /* Never about what came to a group. */
    assert_int_equal(rig_in(&rig, 0, "4500 001c 0001 4000 4011 0000 0a000002 0a0000ff 1234 0035 0008 0000"),
                     IP_DATAGRAM);
    ip_port_unreachable(rig.ip, &rig.arrival.datagram);
    rig_quiet(&rig);
    rig_end(&rig);
}

static void long_quotes_are_cut(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    static uint8_t packet[1400];
    uint8_t head[48];
    size_t len = rig_hex("4500 0578 0001 0000 4011 0000 0a000002 0a000001 1234 0035 0564 0000", head, NULL);
    memcpy(packet, head, len);
    rig_fill(packet, sizeof packet);
    assert_int_equal(rig_in_bytes(&rig, 0, packet, sizeof packet), IP_DATAGRAM);
    ip_port_unreachable(rig.ip, &rig.arrival.datagram);
    struct la_packet out;
    assert_true(ip_queue_next(rig.ip, 0, &out));
    assert_int_equal(out.len, 576);
    len = rig_hex("60000000 0550 11 40" PEER6 US6 "1234 0035 0550 0000", head, NULL);
    memcpy(packet, head, len);
    rig_fill(packet, sizeof packet);
    assert_int_equal(rig_in_bytes(&rig, 0, packet, sizeof packet), IP_DATAGRAM);
    ip_port_unreachable(rig.ip, &rig.arrival.datagram);
    assert_true(ip_queue_next(rig.ip, 0, &out));
    assert_int_equal(out.len, 1280);
    rig_end(&rig);
}

static unsigned flood(struct ip_rig *rig, unsigned n) {
    struct la_packet out;
    unsigned sent = 0;
    for (unsigned i = 0; i < n; i++) {
        rig_in(rig, 0, udp4);
        ip_port_unreachable(rig->ip, &rig->arrival.datagram);
        while (ip_queue_next(rig->ip, 0, &out)) sent++;
    }
    return sent;
}

static void errors_are_limited_in_rate(void **state) {
    (void)state;
    struct ip_rig rig;
    begin(&rig);
    ip_settings(rig.ip)->icmp_per_second = 10;
    unsigned first = flood(&rig, 200);
    assert_in_range(first, ICMP_BURST, ICMP_BURST + 10);
    assert_int_equal(rig.env.dropped[LA_D_ICMP_RATE], 200 - first);
    for (int i = 0; i < 5; i++) {
        rig_pass(&rig, LA_SECOND / 10);
        assert_int_equal(flood(&rig, 10), 1);
    }
    rig_pass(&rig, LA_SECOND);
    assert_int_equal(flood(&rig, 100), 10);
    ip_settings(rig.ip)->icmp_per_second = 0;
    rig_pass(&rig, LA_SECOND);
    assert_int_equal(flood(&rig, 10), 0);
    rig_end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_is_answered),
        cmocka_unit_test(a_long_echo_comes_back_in_fragments),
        cmocka_unit_test(errors_mean_what_linux_says),
        cmocka_unit_test(a_smaller_mtu_is_told_not_noted),
        cmocka_unit_test(what_cannot_be_believed_is_dropped),
        cmocka_unit_test(a_quote_behind_a_fragment_header_is_understood),
        cmocka_unit_test(port_unreachable_quotes_what_came),
        cmocka_unit_test(long_quotes_are_cut),
        cmocka_unit_test(errors_are_limited_in_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
