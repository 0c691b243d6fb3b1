/* TUN, TAP and AF_PACKET devices against the kernel, in a network namespace of the test's own. */
#define _GNU_SOURCE
#include <lastack/dev.h>
#include <lastack/segment.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_MS = 5000 }; /* A bound for what takes microseconds. */

static struct la_device *tun_make(bool tap, const char *name, uint32_t mtu) {
    struct la_tun_config config = {.name = name, .tap = tap, .mtu = mtu};
    struct la_device *device;
    assert_int_equal(la_tun_open(NULL, &config, &device), 0);
    return device;
}

/* Waits for the next packet that `wanted` accepts; others (router solicitations, …) pass by. */
static struct la_span await(struct la_device *device, bool (*wanted)(struct la_span)) {
    struct la_span span;
    for (;;) {
        int rc = la_dev_recv(device, &span, 0);
        if (rc == 0 && wanted(span)) return span;
        if (rc == 0) continue;
        assert_int_equal(rc, -LA_EAGAIN);
        struct pollfd wait = {la_dev_fd(device), POLLIN, 0};
        assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
    }
}

static bool is_syn(struct la_span span) {
    struct la_segment s;
    return la_segment_parse(LA_LINK_IP, span.data, span.len, &s) && s.flags == LA_SYN;
}

static bool is_ether_syn(struct la_span span) {
    struct la_segment s;
    return la_segment_parse(LA_LINK_ETHERNET, span.data, span.len, &s) && (s.flags & LA_SYN);
}

static bool is_arp(struct la_span span) { return span.len >= 42 && span.data[12] == 8 && span.data[13] == 6; }

/* A kernel's socket that has begun to connect. */
static int kernel_connect(const char *text, uint16_t port) {
    struct la_addr addr;
    assert_true(la_addr_parse(text, &addr));
    bool is4 = la_addr_is4(&addr);
    int fd = socket(is4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&in4.sin_addr, addr.bytes + 12, 4);
    memcpy(&in6.sin6_addr, addr.bytes, 16);
    int rc = is4 ? connect(fd, (struct sockaddr *)&in4, sizeof in4) : connect(fd, (struct sockaddr *)&in6, sizeof in6);
    assert_true(rc == 0 || errno == EINPROGRESS || errno == ECONNREFUSED);
    return fd;
}

/* Answers the kernel's SYN by RST, in pieces, and waits for the kernel to say so. */
static void refuse(struct la_device *device, int fd) {
    struct la_span span = await(device, is_syn);
    struct la_segment syn;
    uint8_t bytes[128];
    assert_true(la_segment_parse(LA_LINK_IP, span.data, span.len, &syn));
    struct la_segment rst = {.src = syn.dst, .dst = syn.src, .ack = syn.seq + 1, .flags = LA_RST | LA_ACK};
    rst.ttl = 64;
    rst.csum_ok = true;
    rst.wscale = -1;
    struct la_packet packet = {.len = la_segment_build(&rst, bytes, sizeof bytes), .nspans = 2};
    packet.span[0] = (struct la_span){bytes, 17};
    packet.span[1] = (struct la_span){bytes + 17, packet.len - 17};
    assert_int_equal(la_dev_send(device, &packet, 0), 0);
    assert_false(device->full);

    struct pollfd wait = {fd, POLLOUT, 0};
    int error = 0;
    socklen_t len = sizeof error;
    assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    assert_int_equal(error, ECONNREFUSED);
    close(fd);
}

static void up(struct la_device *device, const char *text, unsigned prefix_len) {
    struct la_addr addr;
    assert_true(la_addr_parse(text, &addr));
    assert_int_equal(la_tun_up(device, &addr, prefix_len), 0);
    assert_int_equal(la_tun_up(device, &addr, prefix_len), 0); /* Again does no harm. */
}

static void a_tun_carries_packets_both_ways(void **state) {
    (void)state;
    struct la_device *device = tun_make(false, "lastack0", 1400);
    struct la_span span;
    assert_string_equal(la_tun_name(device), "lastack0");
    assert_int_equal(device->link, LA_LINK_IP);
    assert_int_equal(device->mtu, 1400);
    assert_int_equal(la_dev_recv(device, &span, 0), -LA_EAGAIN);
    up(device, "10.9.0.1", 24);
    refuse(device, kernel_connect("10.9.0.2", 80));
    up(device, "fd09::1", 64);
    refuse(device, kernel_connect("fd09::2", 80));
    la_dev_close(device);
    assert_int_equal(if_nametoindex("lastack0"), 0);
}

static void the_kernel_chooses_a_name_and_a_wrong_one_is_refused(void **state) {
    (void)state;
    struct la_device *first = tun_make(false, NULL, 0), *second = tun_make(false, "two%d", 0), *again;
    assert_true(if_nametoindex(la_tun_name(first)) > 0);
    assert_string_equal(la_tun_name(second), "two0");
    struct la_tun_config config = {.name = "two0"};
    assert_int_equal(la_tun_open(NULL, &config, &again), -EBUSY);
    struct la_addr addr = la_addr4(10, 9, 1, 1);
    assert_int_equal(la_tun_up(second, &addr, 33), -LA_EINVAL);
    la_dev_close(first);
    la_dev_close(second);
}

static void a_tap_carries_frames(void **state) {
    (void)state;
    struct la_device *device = tun_make(true, "tap%d", 1500);
    assert_int_equal(device->link, LA_LINK_ETHERNET);
    up(device, "10.9.2.1", 24);
    int fd = kernel_connect("10.9.2.2", 80);
    struct la_span span = await(device, is_arp);
    assert_memory_equal(span.data + 38, "\x0a\x09\x02\x02", 4);
    close(fd);
    la_dev_close(device);
}

static void a_descriptor_can_be_adopted(void **state) {
    (void)state;
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    struct la_device *device;
    struct la_span span;
    int fd = open("/dev/net/tun", O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
    assert_int_equal(la_tun_adopt(NULL, fd, LA_LINK_IP, 0, &device), 0);
    assert_int_equal(la_dev_fd(device), fd);
    assert_string_equal(la_tun_name(device), "");
    assert_int_equal(device->mtu, 1500);
    assert_int_equal(la_dev_recv(device, &span, 0), -LA_EAGAIN);
    la_dev_close(device);
    assert_true(la_tun_adopt(NULL, -1, LA_LINK_IP, 0, &device) < 0);
}

static void loopback_up(void) {
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

/* On the loopback interface the kernel leaves all checksums open: the device completes them. */
static void a_packet_device_sees_whole_checksums(void **state) {
    (void)state;
    struct la_device *device;
    struct la_segment s;
    assert_int_equal(la_packet_open(NULL, "nosuch0", false, &device), -ENODEV);
    assert_int_equal(la_packet_open(NULL, "lo", true, &device), 0);
    assert_true(device->mtu > 0);
    loopback_up();
    static const char *const to[] = {"127.0.0.1", "::1"};
    for (int i = 0; i < 2; i++) {
        int fd = kernel_connect(to[i], 9);
        struct la_span span = await(device, is_ether_syn);
        assert_true(la_segment_parse(LA_LINK_ETHERNET, span.data, span.len, &s));
        assert_true(s.csum_ok);
        close(fd);
    }
    la_dev_close(device);
}

/* Two taps would be one bridge too many: what is sent on a TAP's host side arrives at the TAP. */
static void a_packet_device_sends(void **state) {
    (void)state;
    struct la_device *tap = tun_make(true, "tap%d", 1500), *port;
    static uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6};
    up(tap, "10.9.3.1", 24);
    assert_int_equal(la_packet_open(NULL, la_tun_name(tap), false, &port), 0);
    struct la_packet packet = {.len = sizeof frame, .nspans = 2, .span = {{frame, 14}, {frame + 14, 46}}};
    assert_int_equal(la_dev_send(port, &packet, 0), 0);
    struct la_span span = await(tap, is_arp);
    while (memcmp(span.data, frame, 12) != 0) span = await(tap, is_arp);
    assert_int_equal(span.len, sizeof frame);
    assert_memory_equal(span.data, frame, sizeof frame);
    la_dev_close(port);
    la_dev_close(tap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tun_carries_packets_both_ways),
        cmocka_unit_test(the_kernel_chooses_a_name_and_a_wrong_one_is_refused),
        cmocka_unit_test(a_tap_carries_frames),
        cmocka_unit_test(a_descriptor_can_be_adopted),
        cmocka_unit_test(a_packet_device_sees_whole_checksums),
        cmocka_unit_test(a_packet_device_sends),
    };
    /* Without a namespace there is no test: that is a failure, not a skip. */
    if (unshare((geteuid() ? CLONE_NEWUSER : 0) | CLONE_NEWNET) != 0) {
        perror("test_tun: a network namespace is needed");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
