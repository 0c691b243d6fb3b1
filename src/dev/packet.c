/* An Ethernet interface of the host, through AF_PACKET.
 *
 * PACKET_VNET_HDR tells with each frame whether its checksum is still to be computed, as frames from a sender on the
 * same host (veth, bridges) have it: such a checksum is completed here, so that the stack need not know. Frames that
 * the host itself sends on the interface are not for us. */
#define _GNU_SOURCE
#include "dev/dev_base.h"

#include <lastack/dev.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAME_MAX (65535 + 18)

struct port {
    struct la_device device; /* First: the two are the same address. */
    struct la_allocator alloc;
    int fd;
    uint8_t frame[FRAME_MAX]; /* The one received last. */
};

static struct port *port_of(struct la_device *device) { return (struct port *)device; }

static int port_send(struct la_device *device, const struct la_packet *packet, la_time now) {
    (void)now;
    struct virtio_net_hdr header = {0};
    struct iovec piece[LA_PACKET_SPANS + 1] = {{&header, sizeof header}};
    for (unsigned i = 0; i < packet->nspans; i++)
        piece[i + 1] = (struct iovec){(void *)(uintptr_t)packet->span[i].data, packet->span[i].len};
    ssize_t sent = writev(port_of(device)->fd, piece, (int)packet->nspans + 1);
    device->full = sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS);
    if (device->full) return -LA_EAGAIN;
    return sent < 0 ? -errno : 0;
}

/* RFC 1071 over the part from `start`; the pseudo-header's sum already stands in the field. */
static void checksum_complete(uint8_t *frame, size_t len, size_t start, size_t offset) {
    uint64_t sum = 0;
    if (start + offset + 2 > len) return;
    for (size_t i = start; i + 1 < len; i += 2) sum += (uint64_t)frame[i] << 8 | frame[i + 1];
    if ((len - start) & 1) sum += (uint64_t)frame[len - 1] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    uint16_t checksum = (uint16_t)~sum;
    if (!checksum) checksum = 0xffff; /* For UDP, 0 would mean "none" (RFC 768). */
    frame[start + offset] = (uint8_t)(checksum >> 8);
    frame[start + offset + 1] = (uint8_t)checksum;
}

static int port_recv(struct la_device *device, struct la_span *packet, la_time now) {
    (void)now;
    struct port *port = port_of(device);
    for (;;) {
        struct virtio_net_hdr header;
        struct sockaddr_ll from;
        struct iovec piece[2] = {{&header, sizeof header}, {port->frame, sizeof port->frame}};
        struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = piece, .msg_iovlen = 2};
        ssize_t got = recvmsg(port->fd, &message, 0);
        if (got < 0) return errno == EINTR || errno == ENETDOWN ? -LA_EAGAIN : -errno; /* It may go up again. */
        if ((size_t)got < sizeof header || from.sll_pkttype == PACKET_OUTGOING) continue;
        size_t len = (size_t)got - sizeof header;
        if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
            checksum_complete(port->frame, len, header.csum_start, header.csum_offset);
        *packet = (struct la_span){port->frame, len};
        return 0;
    }
}

static int port_fd(const struct la_device *device) { return ((const struct port *)device)->fd; }

static void port_close(struct la_device *device) {
    struct port *port = port_of(device);
    struct la_allocator alloc = port->alloc;
    close(port->fd);
    dev_free(&alloc, port, sizeof *port);
}

/* Binds the socket to the interface and learns its MTU. */
static int port_bind(int fd, const char *interface, bool promiscuous, uint32_t *mtu) {
    int on = 1;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    if (ioctl(fd, SIOCGIFMTU, &request) < 0) return -errno;
    *mtu = (uint32_t)request.ifr_mtu;
    if (ioctl(fd, SIOCGIFINDEX, &request) < 0) return -errno;

    struct sockaddr_ll at = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = request.ifr_ifindex};
    struct packet_mreq all = {.mr_ifindex = request.ifr_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0) return -errno;
    if (promiscuous && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0) return -errno;
    return bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ? -errno : 0;
}

int la_packet_open(const struct la_allocator *given, const char *interface, bool promiscuous,
                   struct la_device **device) {
    struct la_allocator alloc = dev_alloc(given);
    uint32_t mtu = 0;
    /* Protocol 0: nothing arrives before the socket is bound to its interface. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int rc = port_bind(fd, interface, promiscuous, &mtu);
    struct port *port = rc < 0 ? NULL : dev_new(&alloc, sizeof *port);
    if (!port) {
        close(fd);
        return rc < 0 ? rc : -LA_ENOMEM;
    }
    port->device = (struct la_device){.link = LA_LINK_ETHERNET,
                                      .mtu = mtu < 65535 ? mtu : 65535,
                                      .send = port_send,
                                      .recv = port_recv,
                                      .fd = port_fd,
                                      .close = port_close,
                                      .alloc = alloc};
    port->alloc = alloc;
    port->fd = fd;
    *device = &port->device;
    return 0;
}
