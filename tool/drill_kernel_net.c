/* The network side of the kernel target.
 *
 * In: IP packets, written to the TUN device tun0. Out: a packet socket on tun0 gives each packet that leaves, with the
 * kernel's own time stamp, after the queueing discipline: what `tc` drops is not seen. A TUN device has no stamps, so
 * its own copies are only thrown away.
 *
 * The device says that it segments and sums like an Ethernet card. So the kernel's large packets come out in one piece
 * (scripts write them so), with open checksums, which are completed here; and a large packet with a segment size that
 * is put in is to the kernel what its own receive offload would have made of several.
 *
 * Owns the namespace and both descriptors. The names and addresses are those that scripts expect: tun0, the local
 * address with its prefix, a host route to the remote address through the gateway. */
#define _GNU_SOURCE
#include "drill_kernel_net.h"

#include "tour_netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <lastack/dev.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char device_name[] = "tun0";

enum { SNIFFER_BYTES = 4 << 20, TUN_QUEUE = 500 };

static bool fail(char *error, size_t size, const char *what) {
    snprintf(error, size, "%s: %s", what, strerror(errno));
    return false;
}

/* --- Opening --- */

static bool set_mtu(uint32_t mtu) {
    struct ifreq request = {.ifr_mtu = (int)mtu};
    memcpy(request.ifr_name, device_name, sizeof device_name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    int rc = ioctl(fd, SIOCSIFMTU, &request);
    close(fd);
    return rc == 0;
}

static bool open_tun(struct kernel_net *net, uint32_t mtu, char *error, size_t size) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    memcpy(request.ifr_name, device_name, sizeof device_name);
    net->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (net->tun < 0) return fail(error, size, "cannot open /dev/net/tun");
    if (ioctl(net->tun, TUNSETIFF, &request) < 0) return fail(error, size, "cannot make the interface tun0");
    if (ioctl(net->tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) < 0)
        return fail(error, size, "cannot set tun0's offloads");
    if (mtu && !set_mtu(mtu)) return fail(error, size, "cannot set tun0's MTU");
    return true;
}

/* Only what leaves: what arrives is known. */
static bool filter_outgoing(int fd) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

static bool open_sniffer(struct kernel_net *net, char *error, size_t size) {
    int on = 1, bytes = SNIFFER_BYTES;
    struct sockaddr_ll place = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(device_name)};
    int fd = net->sniffer = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(error, size, "cannot open a packet socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (!filter_outgoing(fd) || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&place, sizeof place) < 0)
        return fail(error, size, "cannot watch tun0");
    return true;
}

static unsigned host_prefix(const struct la_addr *addr) { return la_addr_is4(addr) ? 32 : 128; }

static bool give_addresses(const struct la_drill_options *options, struct trouble *trouble) {
    unsigned prefix_len = options->prefix_len ? options->prefix_len : la_addr_is4(&options->local) ? 16 : 48;
    return netns_up(device_name, TUN_QUEUE, trouble) && netns_addr(device_name, &options->local, prefix_len, trouble) &&
           netns_route(device_name, &options->remote, host_prefix(&options->remote), &options->gateway, trouble);
}

bool kernel_net_open(struct kernel_net *net, const struct la_drill_options *options, char *error, size_t size) {
    struct trouble trouble;
    *net = (struct kernel_net){-1, -1, -1};
    net->outside = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (!netns_enter(&trouble)) {
        snprintf(error, size, "%s", trouble.text);
        return false;
    }
    if (!open_tun(net, options->mtu, error, size)) return false;
    if (!give_addresses(options, &trouble)) {
        snprintf(error, size, "%s", trouble.text);
        return false;
    }
    return open_sniffer(net, error, size);
}

void kernel_net_close(struct kernel_net *net) {
    if (net->sniffer >= 0) close(net->sniffer);
    if (net->tun >= 0) close(net->tun);
    if (net->outside >= 0) {
        /* From a user namespace there is no way back; then the next one begins where this one ends. */
        (void)setns(net->outside, CLONE_NEWNET);
        close(net->outside);
    }
    *net = (struct kernel_net){-1, -1, -1};
}

/* --- Packets --- */

static bool is_tcp(const uint8_t *packet, size_t len, bool *is4) {
    *is4 = len >= 20 && packet[0] >> 4 == 4;
    return *is4 ? packet[9] == IPPROTO_TCP : len >= 40 && packet[0] >> 4 == 6 && packet[6] == IPPROTO_TCP;
}

int kernel_net_input(struct kernel_net *net, const void *packet, size_t len, uint32_t gso) {
    struct virtio_net_hdr header = {0};
    bool is4;
    if (gso > 0 && gso <= UINT16_MAX && is_tcp(packet, len, &is4)) {
        header.gso_type = is4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
        header.gso_size = (uint16_t)gso;
    }
    struct iovec pieces[] = {{&header, sizeof header}, {(void *)(uintptr_t)packet, len}};
    return writev(net->tun, pieces, 2) < 0 ? -errno : 0;
}

void kernel_net_drain(struct kernel_net *net) {
    uint8_t start[sizeof(struct virtio_net_hdr) + 1]; /* The rest is cut off. */
    while (read(net->tun, start, sizeof start) > 0) {
    }
}

/* The sum's own field holds that of the pseudo header. */
static void complete_checksum(const struct virtio_net_hdr *header, uint8_t *packet, size_t len) {
    size_t start = header->csum_start, place = start + header->csum_offset;
    if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || place + 2 > len) return;
    uint64_t sum = 0;
    for (size_t i = start; i < len; i += 2) sum += (uint64_t)packet[i] << 8 | (i + 1 < len ? packet[i + 1] : 0);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    packet[place] = (uint8_t)(~sum >> 8);
    packet[place + 1] = (uint8_t)~sum;
}

static la_time nanoseconds(const struct timespec *time) {
    return (la_time)time->tv_sec * LA_SECOND + (la_time)time->tv_nsec;
}

/* The stamp's clock is the time of day; ours is monotonic. Both are read now, so that a clock that is being set
 * right does not matter. */
static la_time stamp_of(struct msghdr *message) {
    la_time now = la_host_now();
    struct timespec today, stamp;
    clock_gettime(CLOCK_REALTIME, &today);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS) continue;
        memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
        la_time since = nanoseconds(&today) - nanoseconds(&stamp);
        return since < now ? now - since : now;
    }
    return now;
}

static int64_t receive(struct kernel_net *net, void *packet, size_t size, la_time *at) {
    struct virtio_net_hdr header;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec pieces[] = {{&header, sizeof header}, {packet, size}};
    struct msghdr message = {
        .msg_iov = pieces, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(net->sniffer, &message, MSG_DONTWAIT);
    if (n < 0) return -errno;
    *at = stamp_of(&message);
    if (message.msg_flags & MSG_TRUNC) return -EMSGSIZE;
    if ((size_t)n <= sizeof header) return -EAGAIN;
    complete_checksum(&header, packet, (size_t)n - sizeof header);
    return n - (ssize_t)sizeof header;
}

int64_t kernel_net_output(struct kernel_net *net, void *packet, size_t size, la_time *at, la_time until) {
    for (;;) {
        /* The time first: a packet that leaves between the two is not missed. */
        la_time now = la_host_now();
        int64_t n = receive(net, packet, size, at);
        kernel_net_drain(net);
        if (n != -EAGAIN && n != -EINTR) return n;
        if (now >= until) return 0;
        la_time left = until - now;
        struct timespec wait = {(time_t)(left / LA_SECOND), (long)(left % LA_SECOND)};
        struct pollfd fd = {net->sniffer, POLLIN, 0};
        if (left > 3600 * LA_SECOND) wait = (struct timespec){3600, 0};
        if (ppoll(&fd, 1, &wait, NULL) < 0 && errno != EINTR) return -errno;
    }
}
