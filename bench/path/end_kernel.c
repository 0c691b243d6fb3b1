/* The kernel's end: ordinary sockets in a network namespace behind a TUN interface. It has CUBIC and the buffer limits
 * that Linux documents, whatever this host has set. The interface has no offloads: packets are of MSS size. */
#define _GNU_SOURCE
#include "end.h"

#include "tool/tour_netns.h"
#include "tool/tour_pattern.h"

#include <lastack/dev.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TUN_QUEUE = 20000, CHUNK = 65536 };

static const struct {
    const char *name, *value;
} sysctls[] = {
    {"ipv6/conf/all/disable_ipv6", "1"}, /* Its solicitations would count as packets of the road. */
    {"ipv6/conf/default/disable_ipv6", "1"},
    {"ipv4/tcp_rmem", "4096 131072 6291456"},
    {"ipv4/tcp_wmem", "4096 16384 4194304"},
};

static int refuse(struct end_report *report, const char *what, int error) {
    end_fail(report, what, error);
    return -1;
}

/* The packets' descriptor, in a namespace of its own; -1. */
static int wire_open(const struct end_task *task, struct end_report *report) {
    struct trouble trouble = {""};
    struct la_tun_config config = {.name = "road%d", .mtu = END_MTU};
    struct la_addr addr = end_addr(task->host);
    struct la_device *device;
    if (!netns_enter(&trouble)) return refuse(report, trouble.text, 0);
    for (size_t i = 0; i < sizeof sysctls / sizeof *sysctls; i++) netns_sysctl(sysctls[i].name, sysctls[i].value);
    int error = la_tun_open(NULL, &config, &device);
    if (error) return refuse(report, "cannot open /dev/net/tun", -error);
    if (!netns_up(la_tun_name(device), TUN_QUEUE, &trouble)) return refuse(report, trouble.text, 0);
    error = la_tun_up(device, &addr, 24);
    if (error) return refuse(report, "cannot set the interface up", -error);
    return la_dev_fd(device);
}

static struct sockaddr_in socket_addr(unsigned host) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(END_PORT)};
    struct la_addr addr = end_addr(host);
    memcpy(&in.sin_addr, addr.bytes + 12, 4);
    return in;
}

/* A socket with CUBIC; -1. */
static int tcp_socket(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) == 0) return fd;
    close(fd);
    return -1;
}

/* --- Sending --- */

static void resent_update(int fd, struct end_report *report) {
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) atomic_store(&report->resent, info.tcpi_total_retrans);
}

static bool send_all(int fd, const struct end_task *task, struct end_report *report) {
    uint8_t chunk[CHUNK];
    for (uint64_t at = 0; at < task->bytes;) {
        size_t len = task->bytes - at < CHUNK ? (size_t)(task->bytes - at) : CHUNK;
        pattern_fill(at, chunk, len);
        for (size_t sent = 0; sent < len;) {
            ssize_t n = write(fd, chunk + sent, len - sent);
            if (n < 0) return end_fail(report, "the kernel cannot send", errno);
            sent += (size_t)n;
        }
        at += len;
        resent_update(fd, report);
    }
    return true;
}

static void send_job(const struct end_task *task, struct end_report *report, int control, int packets) {
    struct sockaddr_in to = socket_addr(task->peer);
    if (!end_ready(control, packets) || !end_await(control)) return;
    int fd = tcp_socket();
    if (fd < 0) {
        end_fail(report, "the kernel has no socket with CUBIC", errno);
    } else if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        end_fail(report, "the kernel cannot connect", errno);
    } else if (send_all(fd, task, report)) {
        /* The receiver tells when all has come. */
        for (;; poll(NULL, 0, 50)) resent_update(fd, report);
    }
    end_done(control);
}

/* --- Receiving --- */

/* Reads once. False: there is nothing to wait for on this connection. */
static bool read_once(int fd, unsigned host, struct end_report *report) {
    uint8_t chunk[CHUNK];
    ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n > 0) return end_received(report, host, chunk, (size_t)n);
    if (n == 0) return end_fail(report, "the sender has closed before all had come", 0);
    return errno == EAGAIN || end_fail(report, "the kernel cannot receive", errno);
}

static unsigned accept_one(int listener, struct pollfd *slot) {
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
    if (fd < 0) return 0;
    *slot = (struct pollfd){.fd = fd, .events = POLLIN};
    return ntohl(from.sin_addr.s_addr) & 0xff;
}

static bool receive_all(int listener, const struct end_task *task, struct end_report *report) {
    struct pollfd on[1 + END_HOST_MOST] = {{.fd = listener, .events = POLLIN}};
    unsigned host[1 + END_HOST_MOST], n = 1;
    while (end_received_all(report) < task->bytes) {
        if (poll(on, n, -1) < 0) return end_fail(report, "the kernel cannot wait", errno);
        for (unsigned i = 1; i < n; i++)
            if (on[i].revents && !read_once(on[i].fd, host[i], report)) return false;
        if (on[0].revents && n <= END_HOST_MOST && (host[n] = accept_one(listener, &on[n]))) n++;
    }
    return true;
}

static void receive_job(const struct end_task *task, struct end_report *report, int control, int packets) {
    struct sockaddr_in at = socket_addr(task->host);
    int listener = tcp_socket();
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, END_HOST_MOST) < 0) {
        end_fail(report, "the kernel cannot listen", errno);
        return;
    }
    if (!end_ready(control, packets)) return;
    if (receive_all(listener, task, report)) atomic_store(&report->done_at, la_host_now());
    end_done(control);
    end_await(control);
}

void end_kernel(const struct end_task *task, struct end_report *report, int control) {
    int packets = wire_open(task, report);
    if (packets < 0) return;
    switch (task->job) {
    case END_SEND: send_job(task, report, control, packets); break;
    case END_RECEIVE: receive_job(task, report, control, packets); break;
    case END_COMMAND:
        fcntl(control, F_SETFD, 0); /* It closes when the command ends. */
        if (end_ready(control, packets)) execvp(task->command[0], task->command);
        end_fail(report, "cannot start the command", errno);
        break;
    case END_RELAY: break;
    }
}
