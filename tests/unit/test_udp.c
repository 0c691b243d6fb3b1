/* UDP sockets, with the wire as text. */
#include "ip_rig.h"

#include "udp/udp_sock.h"

#include <stdio.h>

#define US6 "fd00000000000000 0000000000000001"
#define PEER6 "fd00000000000000 0000000000000002"

struct udp_rig {
    struct ip_rig ip;
    struct list events;
    struct udp *udp;
};

static void begin(struct udp_rig *rig) {
    rig_begin(&rig->ip);
    rig_iface(&rig->ip, LA_LINK_IP, 1500);
    list_init(&rig->events);
    assert_int_equal(udp_create(&rig->ip.env, rig->ip.ip, &rig->events, &rig->udp), 0);
}

static void end(struct udp_rig *rig) {
    udp_destroy(rig->udp);
    rig_end(&rig->ip);
}

static struct la_endpoint at(const char *addr, uint16_t port) { return (struct la_endpoint){addr_of(addr), port, 0}; }

static la_sock open_at(struct udp_rig *rig, int family, const char *addr, uint16_t port) {
    struct la_endpoint local = at(addr, port);
    la_sock sock = udp_socket(rig->udp, family);
    assert_true(sock > 0);
    assert_int_equal(udp_bind(rig->udp, sock, &local), 0);
    return sock;
}

static void in(struct udp_rig *rig, const char *text) {
    switch (rig_in(&rig->ip, 0, text)) {
    case IP_DATAGRAM: udp_input(rig->udp, rig->ip.ip, &rig->ip.arrival.datagram); break;
    case IP_ERROR: udp_error(rig->udp, &rig->ip.arrival.error); break;
    default: break;
    }
}

/* A datagram of one byte from 10.0.0.<host> port `from` to 10.0.0.1 port `to`. */
static void in4(struct udp_rig *rig, unsigned host, unsigned from, unsigned to, unsigned byte) {
    char text[160];
    snprintf(text, sizeof text, "4500 001d 0001 0000 4011 0000 0a0000%02x 0a000001 %04x %04x 0009 0000 %02x", host,
             from, to, byte);
    in(rig, text);
}

static void in6(struct udp_rig *rig, unsigned from, unsigned to, unsigned byte) {
    char text[256];
    snprintf(text, sizeof text, "60000000 0009 11 40" PEER6 US6 "%04x %04x 0009 0000 %02x", from, to, byte);
    in(rig, text);
}

/* The socket's next datagram is this one byte; -1: none. */
static void got(struct udp_rig *rig, la_sock sock, int byte) {
    uint8_t data[4];
    int64_t n = udp_recvfrom(rig->udp, sock, data, sizeof data, 0, NULL);
    if (byte < 0) {
        assert_int_equal(n, -LA_EAGAIN);
        return;
    }
    assert_int_equal(n, 1);
    assert_int_equal(data[0], byte);
}

static uint32_t events(struct udp_rig *rig, la_sock sock) {
    struct list *first = list_first(&rig->events);
    if (!first) return 0;
    struct event_node *node = CONTAINER(first, struct event_node, link);
    assert_int_equal(node->sock, sock);
    uint32_t bits = node->bits;
    event_cancel(node);
    return bits;
}

static void a_datagram_goes_both_ways(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    la_sock sock = open_at(&rig, LA_AF_INET, "0.0.0.0", 53);
    struct la_endpoint from, peer = at("10.0.0.2", 0x1234);
    uint8_t data[16];
    assert_int_equal(udp_owner_set(rig.udp, sock, 7), 0);
    assert_int_equal(udp_recvfrom(rig.udp, sock, data, 16, 0, &from), -LA_EAGAIN);
    assert_int_equal(udp_ready(rig.udp, sock), LA_EV_WRITABLE);
    in(&rig, "4500 0021 0001 0000 4011 0000 0a000002 0a000001 1234 0035 000d 0000 6162636465");
    assert_int_equal(udp_ready(rig.udp, sock), LA_EV_WRITABLE | LA_EV_READABLE);
    assert_int_equal(events(&rig, sock), LA_EV_READABLE);
    assert_int_equal(udp_recvfrom(rig.udp, sock, data, 16, LA_MSG_PEEK, &from), 5);
    memset(data, 0, sizeof data);
    assert_int_equal(udp_recvfrom(rig.udp, sock, data, 16, 0, &from), 5);
    assert_memory_equal(data, "abcde", 5);
    assert_true(la_addr_equal(&from.addr, &peer.addr) && from.port == 0x1234 && from.zone == 0);
    got(&rig, sock, -1);
    assert_int_equal(udp_sendto(rig.udp, sock, "xyz", 3, &from), 3);
    rig_out(&rig.ip, 0, "4500 001f .... 0000 4011 .... 0a000001 0a000002 0035 1234 000b .... 78797a");
    assert_int_equal(udp_sendto(rig.udp, sock, NULL, 0, &from), 0);
    rig_out(&rig.ip, 0, "4500 001c .... 0000 4011 .... 0a000001 0a000002 0035 1234 0008 ....");
    assert_int_equal(rig.ip.env.counter[LA_C_UDP_IN], 1);
    assert_int_equal(rig.ip.env.counter[LA_C_UDP_OUT], 2);
    rig_dropped(&rig.ip, LA_D_NONE);
    assert_int_equal(udp_close(rig.udp, sock), 0);
    assert_int_equal(udp_close(rig.udp, sock), -LA_EBADF);
    end(&rig);
}

static void the_same_over_ipv6(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    la_sock sock = open_at(&rig, LA_AF_INET6, "fd00::1", 53);
    in6(&rig, 0x1234, 53, 0xab);
    got(&rig, sock, 0xab);
    struct la_endpoint peer = at("fd00::2", 9);
    assert_int_equal(udp_sendto(rig.udp, sock, "xyz", 3, &peer), 3);
    rig_out(&rig.ip, 0, "60000000 000b 11 40" US6 PEER6 "0035 0009 000b .... 78797a");
    end(&rig);
}

static void a_long_datagram_is_cut_and_a_larger_one_leaves_in_fragments(void **state) {
    (void)state;
    static uint8_t data[65536];
    struct udp_rig rig;
    begin(&rig);
    la_sock sock = open_at(&rig, LA_AF_INET, "10.0.0.1", 53);
    uint8_t two[2];
    in(&rig, "4500 0021 0001 0000 4011 0000 0a000002 0a000001 1234 0035 000d 0000 6162636465");
    assert_int_equal(udp_recvfrom(rig.udp, sock, two, 2, 0, NULL), 2);
    got(&rig, sock, -1);
    struct la_endpoint peer = at("10.0.0.2", 9);
    assert_int_equal(udp_sendto(rig.udp, sock, data, 65508, &peer), -LA_EMSGSIZE);
    assert_int_equal(udp_sendto(rig.udp, sock, data, 65507, &peer), 65507);
    struct la_packet out;
    unsigned n = 0;
    while (ip_queue_next(rig.ip.ip, 0, &out)) n++;
    assert_int_equal(n, (65515 + 1479) / 1480);
    ip_settings(rig.ip.ip)->queue_max = 1;
    assert_int_equal(udp_sendto(rig.udp, sock, data, 2000, &peer), -LA_ENOBUFS);
    end(&rig);
}

static void bad_datagrams_are_dropped_by_name(void **state) {
    (void)state;
    static const struct {
        const char *packet;
        enum la_drop drop;
    } cases[] = {
        {"4500 001b 0001 0000 4011 0000 0a000002 0a000001 1234 0035 000700", LA_D_UDP_BAD},
        {"4500 001c 0001 0000 4011 0000 0a000002 0a000001 1234 0035 0007 0000", LA_D_UDP_BAD},
        {"4500 001c 0001 0000 4011 0000 0a000002 0a000001 1234 0035 0009 0000", LA_D_UDP_BAD},
        {"4500 001c 0001 0000 4011 0000 0a000002 0a000001 1234 0035 0008 0001", LA_D_UDP_CSUM},
        {"60000000 0008 11 40" PEER6 US6 "1234 0035 0008 0001", LA_D_UDP_CSUM},
    };
    struct udp_rig rig;
    begin(&rig);
    la_sock sock = open_at(&rig, LA_AF_INET6, "::", 53);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        in(&rig, cases[i].packet);
        rig_dropped(&rig.ip, cases[i].drop);
        rig_quiet(&rig.ip);
    }
    /* Without a checksum: IPv4 only. */
    uint8_t p4[29], p6[49];
    rig_hex("4500 001d 0001 0000 4011 0000 0a000002 0a000001 1234 0035 0009 0000 77", p4, NULL);
    put16(p4 + 10, (uint16_t)~rig_fold(rig_sum(p4, 20)));
    assert_int_equal(rig_in_bytes(&rig.ip, 0, p4, sizeof p4), IP_DATAGRAM);
    udp_input(rig.udp, rig.ip.ip, &rig.ip.arrival.datagram);
    got(&rig, sock, 0x77);
    rig_hex("60000000 0009 11 40" PEER6 US6 "1234 0035 0009 0000 77", p6, NULL);
    assert_int_equal(rig_in_bytes(&rig.ip, 0, p6, sizeof p6), IP_DATAGRAM);
    udp_input(rig.udp, rig.ip.ip, &rig.ip.arrival.datagram);
    rig_dropped(&rig.ip, LA_D_UDP_CSUM);
    end(&rig);
}

static void nobody_there_is_answered(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    in4(&rig, 2, 0x1234, 53, 1);
    rig_dropped(&rig.ip, LA_D_UDP_NO_PORT);
    rig_out(&rig.ip, 0,
            "45c0 0039 .... 0000 4001 .... 0a000001 0a000002 0303 .... 00000000"
            "4500 001d 0001 0000 4011 .... 0a000002 0a000001 1234 0035 0009 .... 01");
    in(&rig, "4500 001c 0001 0000 4011 0000 0a000002 0a0000ff 1234 0035 0008 0000");
    rig_dropped(&rig.ip, LA_D_UDP_NO_PORT);
    rig_quiet(&rig.ip);
    end(&rig);
}

static void the_best_fit_gets_the_datagram(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    int one = 1;
    la_sock both = udp_socket(rig.udp, LA_AF_INET6), any = udp_socket(rig.udp, LA_AF_INET),
            specific = udp_socket(rig.udp, LA_AF_INET), connected = udp_socket(rig.udp, LA_AF_INET);
    la_sock all[] = {both, any, specific, connected};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        assert_int_equal(udp_setsockopt(rig.udp, all[i], LA_SOL_SOCKET, LA_SO_REUSEADDR, &one, sizeof one), 0);
    struct la_endpoint any6 = at("::", 53), any4 = at("0.0.0.0", 53), own = at("10.0.0.1", 53),
                       peer = at("10.0.0.2", 9);
    assert_int_equal(udp_bind(rig.udp, both, &any6), 0);
    in4(&rig, 2, 9, 53, 1);
    got(&rig, both, 1);
    in6(&rig, 9, 53, 2);
    got(&rig, both, 2);
    assert_int_equal(udp_bind(rig.udp, any, &any4), 0);
    in4(&rig, 2, 9, 53, 3);
    got(&rig, any, 3);
    assert_int_equal(udp_bind(rig.udp, specific, &own), 0);
    in4(&rig, 2, 9, 53, 4);
    got(&rig, specific, 4);
    assert_int_equal(udp_bind(rig.udp, connected, &own), 0);
    assert_int_equal(udp_connect(rig.udp, connected, &peer), 0);
    in4(&rig, 2, 9, 53, 5);
    got(&rig, connected, 5);
    in4(&rig, 3, 9, 53, 6);
    got(&rig, specific, 6);
    /* To everybody: all but the connected one, and the one of a single address. */
    in(&rig, "4500 001d 0001 0000 4011 0000 0a000003 0a0000ff 0009 0035 0009 0000 07");
    got(&rig, both, 7);
    got(&rig, any, 7);
    got(&rig, specific, -1);
    got(&rig, connected, -1);
    for (size_t i = 0; i < COUNT_OF(all); i++) udp_close(rig.udp, all[i]);
    rig_dropped(&rig.ip, LA_D_NONE);
    end(&rig);
}

static void addresses_conflict_or_not(void **state) {
    (void)state;
    static const struct {
        const char *first, *second;
        bool v6only;
        int result;
    } cases[] = {
        {"0.0.0.0", "0.0.0.0", false, -LA_EADDRINUSE},
        {"0.0.0.0", "10.0.0.1", false, -LA_EADDRINUSE},
        {"10.0.0.1", "0.0.0.0", false, -LA_EADDRINUSE},
        {"10.0.0.1", "10.1.0.1", false, 0},
        {"::", "0.0.0.0", false, -LA_EADDRINUSE},
        {"0.0.0.0", "::", false, -LA_EADDRINUSE},
        {"::", "10.0.0.1", false, -LA_EADDRINUSE},
        {"::", "0.0.0.0", true, 0},
        {"::", "10.0.0.1", true, 0},
        {"fd00::1", "0.0.0.0", false, 0},
        {"fd00::1", "::", true, -LA_EADDRINUSE},
    };
    struct udp_rig rig;
    begin(&rig);
    struct la_addr more = addr_of("10.1.0.1");
    assert_int_equal(ip_addr_add(rig.ip.ip, 0, &more, 24), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *text[2] = {cases[i].first, cases[i].second};
        la_sock sock[2];
        int result[2], only = cases[i].v6only;
        for (int k = 0; k < 2; k++) {
            struct la_endpoint local = at(text[k], 53);
            sock[k] = udp_socket(rig.udp, la_addr_is4(&local.addr) ? LA_AF_INET : LA_AF_INET6);
            if (!la_addr_is4(&local.addr))
                assert_int_equal(udp_setsockopt(rig.udp, sock[k], LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, &only, sizeof only),
                                 0);
            result[k] = udp_bind(rig.udp, sock[k], &local);
        }
        assert_int_equal(result[0], 0);
        assert_int_equal(result[1], cases[i].result);
        udp_close(rig.udp, sock[0]);
        udp_close(rig.udp, sock[1]);
    }
    end(&rig);
}

static void bind_is_checked(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    la_sock sock = udp_socket(rig.udp, LA_AF_INET);
    struct la_endpoint other = at("10.0.0.9", 53), six = at("fd00::1", 53), good = at("10.0.0.1", 53);
    assert_int_equal(udp_bind(rig.udp, sock, &other), -LA_EADDRNOTAVAIL);
    assert_int_equal(udp_bind(rig.udp, sock, &six), -LA_EINVAL);
    assert_int_equal(udp_bind(rig.udp, sock, NULL), -LA_EFAULT);
    assert_int_equal(udp_bind(rig.udp, sock, &good), 0);
    assert_int_equal(udp_bind(rig.udp, sock, &good), -LA_EINVAL);
    assert_int_equal(udp_bind(rig.udp, sock + 1, &good), -LA_EBADF);
    assert_int_equal(udp_socket(rig.udp, 1), -LA_EAFNOSUPPORT);
    end(&rig);
}

static void ports_are_chosen_and_run_out(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    udp_settings(rig.udp)->port_first = 50000;
    udp_settings(rig.udp)->port_last = 50009;
    bool seen[10] = {false};
    struct la_endpoint any = at("0.0.0.0", 0), local, peer = at("10.0.0.2", 9);
    for (int i = 0; i < 10; i++) {
        la_sock sock = udp_socket(rig.udp, LA_AF_INET);
        assert_int_equal(udp_bind(rig.udp, sock, &any), 0);
        assert_int_equal(udp_getsockname(rig.udp, sock, &local), 0);
        assert_in_range(local.port, 50000, 50009);
        assert_false(seen[local.port - 50000]);
        seen[local.port - 50000] = true;
    }
    la_sock sock = udp_socket(rig.udp, LA_AF_INET);
    assert_int_equal(udp_bind(rig.udp, sock, &any), -LA_EADDRINUSE);
    assert_int_equal(udp_connect(rig.udp, sock, &peer), -LA_EADDRNOTAVAIL);
    assert_int_equal(udp_sendto(rig.udp, sock, "x", 1, &peer), -LA_EADDRNOTAVAIL);
    assert_int_equal(udp_getpeername(rig.udp, sock, &peer), -LA_ENOTCONN);
    end(&rig);
}

static void a_connected_socket_hears_its_peer_alone(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    la_sock sock = udp_socket(rig.udp, LA_AF_INET);
    struct la_endpoint local, peer = at("10.0.0.2", 9), other = at("10.0.0.3", 9), name;
    assert_int_equal(udp_sendto(rig.udp, sock, "x", 1, NULL), -LA_ENOTCONN);
    assert_int_equal(udp_connect(rig.udp, sock, &peer), 0);
    udp_getsockname(rig.udp, sock, &local);
    struct la_addr own = addr_of("10.0.0.1");
    assert_true(la_addr_equal(&local.addr, &own) && local.port >= 32768);
    assert_int_equal(udp_getpeername(rig.udp, sock, &name), 0);
    assert_true(la_addr_equal(&name.addr, &peer.addr) && name.port == 9);
    in4(&rig, 2, 9, local.port, 1);
    got(&rig, sock, 1);
    in4(&rig, 3, 9, local.port, 2);
    rig_dropped(&rig.ip, LA_D_UDP_NO_PORT);
    got(&rig, sock, -1);
    /* Another peer. */
    assert_int_equal(udp_connect(rig.udp, sock, &other), 0);
    in4(&rig, 3, 9, local.port, 3);
    got(&rig, sock, 3);
    struct la_packet out;
    while (ip_queue_next(rig.ip.ip, 0, &out)) {
    }
    assert_int_equal(udp_sendto(rig.udp, sock, "x", 1, NULL), 1);
    rig_out(&rig.ip, 0, "4500 001d .... 0000 4011 .... 0a000001 0a000003 .... 0009 0009 .... 78");
    /* The way is looked up anew when routing changes. */
    struct la_addr more = addr_of("10.7.0.1");
    assert_int_equal(ip_addr_add(rig.ip.ip, 0, &more, 24), 0);
    assert_int_equal(udp_sendto(rig.udp, sock, "x", 1, NULL), 1);
    end(&rig);
}

static void destinations_are_checked(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    int one = 1;
    la_sock four = udp_socket(rig.udp, LA_AF_INET), six = udp_socket(rig.udp, LA_AF_INET6);
    struct la_endpoint six_peer = at("fd00::2", 9), none = at("8.8.8.8", 9), zero = at("10.0.0.2", 0),
                       all = at("10.0.0.255", 9), self = at("10.0.0.1", 9), four_peer = at("10.0.0.2", 9);
    assert_int_equal(udp_sendto(rig.udp, four, "x", 1, &six_peer), -LA_EAFNOSUPPORT);
    assert_int_equal(udp_sendto(rig.udp, four, "x", 1, &none), -LA_ENETUNREACH);
    assert_int_equal(udp_sendto(rig.udp, four, "x", 1, &zero), -LA_EINVAL);
    assert_int_equal(udp_sendto(rig.udp, four, "x", 1, &self), -LA_EADDRNOTAVAIL);
    assert_int_equal(udp_sendto(rig.udp, four, NULL, 1, &four_peer), -LA_EFAULT);
    assert_int_equal(udp_sendto(rig.udp, four, "x", 1, &all), -LA_EACCES);
    assert_int_equal(udp_connect(rig.udp, four, &all), -LA_EACCES);
    assert_int_equal(udp_setsockopt(rig.udp, four, LA_SOL_SOCKET, LA_SO_BROADCAST, &one, sizeof one), 0);
    assert_int_equal(udp_sendto(rig.udp, four, "x", 1, &all), 1);
    /* IPv4 by an IPv6 socket, unless it is for IPv6 only. */
    assert_int_equal(udp_sendto(rig.udp, six, "x", 1, &four_peer), 1);
    la_sock only = udp_socket(rig.udp, LA_AF_INET6);
    assert_int_equal(udp_setsockopt(rig.udp, only, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, &one, sizeof one), 0);
    assert_int_equal(udp_sendto(rig.udp, only, "x", 1, &four_peer), -LA_ENETUNREACH);
    assert_int_equal(udp_setsockopt(rig.udp, six, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, &one, sizeof one), -LA_EINVAL);
    end(&rig);
}

/* An ICMP error of this type about a datagram of `sock` to 10.0.0.2 port 9. */
static void icmp_about(struct udp_rig *rig, la_sock sock, const char *type) {
    struct la_endpoint local;
    char text[256];
    udp_getsockname(rig->udp, sock, &local);
    snprintf(text, sizeof text,
             "4500 0038 0001 0000 4001 0000 0a000002 0a000001 %s 0000 00000000"
             "4500 001d 0001 0000 4011 0000 0a000001 0a000002 %04x 0009 0009 0000",
             type, local.port);
    in(rig, text);
}

static void hard_errors_reach_connected_sockets_once(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    uint8_t byte;
    int error;
    size_t len = sizeof error;
    la_sock sock = udp_socket(rig.udp, LA_AF_INET), loose = open_at(&rig, LA_AF_INET, "0.0.0.0", 53);
    struct la_endpoint peer = at("10.0.0.2", 9);
    assert_int_equal(udp_connect(rig.udp, sock, &peer), 0);
    icmp_about(&rig, sock, "0303");
    assert_int_equal(events(&rig, sock), LA_EV_ERROR);
    assert_int_equal(udp_ready(rig.udp, sock), LA_EV_WRITABLE | LA_EV_ERROR);
    assert_int_equal(udp_recvfrom(rig.udp, sock, &byte, 1, 0, NULL), -LA_ECONNREFUSED);
    assert_int_equal(udp_recvfrom(rig.udp, sock, &byte, 1, 0, NULL), -LA_EAGAIN);
    icmp_about(&rig, sock, "0303");
    assert_int_equal(udp_sendto(rig.udp, sock, "x", 1, NULL), -LA_ECONNREFUSED);
    assert_int_equal(udp_sendto(rig.udp, sock, "x", 1, NULL), 1);
    icmp_about(&rig, sock, "0303");
    assert_int_equal(udp_getsockopt(rig.udp, sock, LA_SOL_SOCKET, LA_SO_ERROR, &error, &len), 0);
    assert_int_equal(error, LA_ECONNREFUSED);
    assert_int_equal(udp_getsockopt(rig.udp, sock, LA_SOL_SOCKET, LA_SO_ERROR, &error, &len), 0);
    assert_int_equal(error, 0);
    /* Soft ones, and those about sockets that are not connected, are not told. */
    icmp_about(&rig, sock, "0301");
    icmp_about(&rig, loose, "0303");
    assert_int_equal(udp_ready(rig.udp, sock), LA_EV_WRITABLE);
    assert_int_equal(udp_ready(rig.udp, loose), LA_EV_WRITABLE);
    rig_dropped(&rig.ip, LA_D_NONE);
    udp_close(rig.udp, sock);
    in(&rig, "4500 0038 0001 0000 4001 0000 0a000002 0a000001 0303 0000 00000000"
             "4500 001d 0001 0000 4011 0000 0a000001 0a000002 4321 0009 0009 0000");
    rig_dropped(&rig.ip, LA_D_ICMP_STRAY);
    end(&rig);
}

static void a_smaller_path_mtu_is_noted_for_ipv6(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    open_at(&rig, LA_AF_INET6, "::", 53);
    const char *too_big = "60000000 0038 3a 40" PEER6 US6 "0200 0000 00000514"
                          "60000000 05b4 11 3f" US6 PEER6 "0035 0009 05b4 0000";
    in(&rig, too_big);
    assert_int_equal(rig_path(&rig.ip, "fd00::2").mtu, 1300);
    rig_dropped(&rig.ip, LA_D_NONE);
    /* We have no such socket. */
    in(&rig, "60000000 0038 3a 40" PEER6 US6 "0200 0000 00000500 60000000 05b4 11 3f" US6 PEER6 "0036 0009 05b4 0000");
    rig_dropped(&rig.ip, LA_D_ICMP_STRAY);
    assert_int_equal(rig_path(&rig.ip, "fd00::2").mtu, 1300);
    end(&rig);
}

static void the_receive_queue_is_bounded_in_bytes(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    la_sock sock = open_at(&rig, LA_AF_INET, "0.0.0.0", 53);
    int value = 1;
    size_t len = sizeof value;
    assert_int_equal(udp_getsockopt(rig.udp, sock, LA_SOL_SOCKET, LA_SO_RCVBUF, &value, &len), 0);
    assert_int_equal(value, 212992);
    value = 1;
    assert_int_equal(udp_setsockopt(rig.udp, sock, LA_SOL_SOCKET, LA_SO_RCVBUF, &value, sizeof value), 0);
    udp_getsockopt(rig.udp, sock, LA_SOL_SOCKET, LA_SO_RCVBUF, &value, &len);
    assert_int_equal(value, 2304);
    unsigned fit = (unsigned)(2304 / (sizeof(struct udp_datagram) + 1));
    for (unsigned i = 0; i < fit; i++) in4(&rig, 2, 9, 53, i & 0xff);
    rig_dropped(&rig.ip, LA_D_NONE);
    in4(&rig, 2, 9, 53, 0);
    rig_dropped(&rig.ip, LA_D_UDP_FULL);
    got(&rig, sock, 0);
    in4(&rig, 2, 9, 53, 0xee);
    rig_dropped(&rig.ip, LA_D_NONE);
    value = 1 << 30;
    assert_int_equal(udp_setsockopt(rig.udp, sock, LA_SOL_SOCKET, LA_SO_RCVBUF, &value, sizeof value), 0);
    udp_getsockopt(rig.udp, sock, LA_SOL_SOCKET, LA_SO_RCVBUF, &value, &len);
    assert_int_equal(value, 2 * 212992);
    end(&rig);
}

static void options_are_kept_and_used(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    la_sock four = udp_socket(rig.udp, LA_AF_INET), six = udp_socket(rig.udp, LA_AF_INET6);
    static const struct {
        int level, name, first, set, then;
    } cases[] = {
        {LA_SOL_SOCKET, LA_SO_REUSEADDR, 0, 5, 1},  {LA_SOL_SOCKET, LA_SO_BROADCAST, 0, 1, 1},
        {LA_IPPROTO_IP, LA_IP_TOS, 0, 0x10, 0x10},  {LA_IPPROTO_IP, LA_IP_TTL, 64, 9, 9},
        {LA_IPPROTO_IP, LA_IP_TTL, 9, -1, 64},      {LA_IPPROTO_IPV6, LA_IPV6_UNICAST_HOPS, 64, 8, 8},
        {LA_IPPROTO_IPV6, LA_IPV6_TCLASS, 0, 3, 3}, {LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, 0, 1, 1},
        {LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, 1, 0, 0},
    };
    int value;
    size_t len = sizeof value;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(udp_getsockopt(rig.udp, six, cases[i].level, cases[i].name, &value, &len), 0);
        assert_int_equal(value, cases[i].first);
        value = cases[i].set;
        assert_int_equal(udp_setsockopt(rig.udp, six, cases[i].level, cases[i].name, &value, sizeof value), 0);
        assert_int_equal(udp_getsockopt(rig.udp, six, cases[i].level, cases[i].name, &value, &len), 0);
        assert_int_equal(value, cases[i].then);
    }
    struct la_endpoint peer = at("fd00::2", 9);
    assert_int_equal(udp_sendto(rig.udp, six, "x", 1, &peer), 1);
    rig_out(&rig.ip, 0, "60300000 0009 11 08" US6 PEER6 ".... 0009 0009 .... 78");
    assert_int_equal(udp_getsockopt(rig.udp, four, LA_SOL_SOCKET, LA_SO_TYPE, &value, &len), 0);
    assert_int_equal(value, LA_SOCK_DGRAM);
    value = 300;
    assert_int_equal(udp_setsockopt(rig.udp, four, LA_IPPROTO_IP, LA_IP_TTL, &value, sizeof value), -LA_EINVAL);
    assert_int_equal(udp_setsockopt(rig.udp, four, LA_IPPROTO_IP, LA_IP_TTL, &value, 1), -LA_EINVAL);
    assert_int_equal(udp_setsockopt(rig.udp, four, LA_IPPROTO_IPV6, LA_IPV6_TCLASS, &value, sizeof value),
                     -LA_ENOPROTOOPT);
    assert_int_equal(udp_setsockopt(rig.udp, four, LA_SOL_SOCKET, 999, &value, sizeof value), -LA_ENOPROTOOPT);
    len = 1;
    assert_int_equal(udp_getsockopt(rig.udp, four, LA_SOL_SOCKET, LA_SO_TYPE, &value, &len), -LA_EINVAL);
    end(&rig);
}

static void a_device_may_fill_the_checksum(void **state) {
    (void)state;
    struct udp_rig rig;
    begin(&rig);
    rig.ip.ip->ifaces[0]->config.tx_csum_by_dev = true;
    la_sock sock = open_at(&rig, LA_AF_INET, "10.0.0.1", 53);
    struct la_endpoint peer = at("10.0.0.2", 9);
    assert_int_equal(udp_sendto(rig.udp, sock, "xyz", 3, &peer), 3);
    struct la_packet out;
    assert_true(ip_queue_next(rig.ip.ip, 0, &out));
    const uint8_t *p = out.span[0].data;
    assert_int_equal(get16(p + 26), rig_fold(rig_sum(p + 12, 8) + 17 + 11));
    end(&rig);
}

static bool scenario(struct oom *oom) {
    struct env env;
    static const uint8_t seed[32] = {1};
    struct la_allocator alloc = oom_allocator(oom);
    struct la_iface_config config = {.link = LA_LINK_IP, .mtu = 1500};
    struct la_endpoint us = {la_addr4(10, 0, 0, 1), 53, 0}, peer = {la_addr4(10, 0, 0, 2), 9, 0};
    struct wheel wheel;
    struct list posted;
    struct ip *ip = NULL;
    struct udp *udp = NULL;
    if (env_init(&env, &alloc, seed, SIZE_MAX, 0) < 0) return false;
    wheel_init(&wheel, 0);
    list_init(&posted);
    bool ok = ip_create(&env, &wheel, &ip) == 0 && ip_iface_add(ip, &config) == 0 &&
              ip_addr_add(ip, 0, &us.addr, 24) == 0 && udp_create(&env, ip, &posted, &udp) == 0;
    la_sock sock = ok ? udp_socket(udp, LA_AF_INET) : -LA_ENOMEM, other = ok ? udp_socket(udp, LA_AF_INET) : -LA_ENOMEM;
    ok = sock > 0 && other > 0;
    ok = ok && udp_bind(udp, sock, &us) == 0 && udp_connect(udp, other, &peer) == 0;
    ok = ok && udp_sendto(udp, sock, "x", 1, &peer) == 1;
    uint8_t bytes[29];
    struct ip_arrival arrival;
    rig_hex("4500 001d 0001 0000 4011 0000 0a000002 0a000001 0009 0035 0009 0000 77", bytes, NULL);
    rig_fill(bytes, sizeof bytes);
    if (ok && ip_input(ip, 0, bytes, sizeof bytes, &arrival) == IP_DATAGRAM) {
        udp_input(udp, ip, &arrival.datagram);
        ok = udp_ready(udp, sock) & LA_EV_READABLE;
    }
    udp_destroy(udp);
    ip_destroy(ip);
    assert_int_equal(env.used, 0);
    env_free(&env);
    return ok;
}

static void refused_memory_is_said(void **state) {
    (void)state;
    assert_true(oom_run(scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_goes_both_ways),
        cmocka_unit_test(the_same_over_ipv6),
        cmocka_unit_test(a_long_datagram_is_cut_and_a_larger_one_leaves_in_fragments),
        cmocka_unit_test(bad_datagrams_are_dropped_by_name),
        cmocka_unit_test(nobody_there_is_answered),
        cmocka_unit_test(the_best_fit_gets_the_datagram),
        cmocka_unit_test(addresses_conflict_or_not),
        cmocka_unit_test(bind_is_checked),
        cmocka_unit_test(ports_are_chosen_and_run_out),
        cmocka_unit_test(a_connected_socket_hears_its_peer_alone),
        cmocka_unit_test(destinations_are_checked),
        cmocka_unit_test(hard_errors_reach_connected_sockets_once),
        cmocka_unit_test(a_smaller_path_mtu_is_noted_for_ipv6),
        cmocka_unit_test(the_receive_queue_is_bounded_in_bytes),
        cmocka_unit_test(options_are_kept_and_used),
        cmocka_unit_test(a_device_may_fill_the_checksum),
        cmocka_unit_test(refused_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
