/* TUN and TAP interfaces of Linux, through /dev/net/tun.
 *
 * One packet per system call, non-blocking. The descriptor is the interface: closing it removes the interface unless
 * somebody made it persistent. The kernel's queue towards us is the interface's transmit queue (500 packets), which
 * drops; towards the kernel nothing queues, so a full device is rare.
 *
 * With offload, every packet has a struct virtio_net_hdr before it, both ways: it says into which segments a unit is to
 * be cut, or from which it was not cut in the first place, and where a checksum is missing. */
#define _GNU_SOURCE
#include "dev/dev_base.h"

#include <lastack/dev.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* The largest IP packet and its Ethernet header with a VLAN tag: the host may raise the MTU behind our back. */
#define PACKET_MAX (65535 + 18)

struct tun {
    struct la_device device; /* First: the two are the same address. */
    struct la_allocator alloc;
    int fd;
    bool offload;
    char name[IFNAMSIZ];
    uint8_t packet[PACKET_MAX]; /* The one received last. */
};

static struct tun *tun_of(struct la_device *device) { return (struct tun *)device; }

/* What the kernel must know of a packet that is not complete. */
static struct virtio_net_hdr vnet_of(const struct la_device *device, const struct la_packet *packet) {
    struct virtio_net_hdr h = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
    struct la_frame frame;
    if (!packet->csum_partial || !la_packet_frame(packet, device->link, &frame)) return h;
    h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    h.csum_start = frame.transport;
    h.csum_offset = (uint16_t)(frame.csum - frame.transport);
    if (!packet->segment || packet->len <= (size_t)frame.payload + packet->segment) return h;
    h.gso_type = frame.is4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    h.gso_size = packet->segment;
    h.hdr_len = frame.payload;
    return h;
}

static int tun_send(struct la_device *device, const struct la_packet *packet, la_time now) {
    (void)now;
    struct tun *tun = tun_of(device);
    struct iovec piece[LA_PACKET_SPANS + 1];
    struct virtio_net_hdr vnet;
    unsigned n = 0;
    if (tun->offload) {
        vnet = vnet_of(device, packet);
        piece[n++] = (struct iovec){&vnet, sizeof vnet};
    }
    for (unsigned i = 0; i < packet->nspans; i++)
        piece[n++] = (struct iovec){(void *)(uintptr_t)packet->span[i].data, packet->span[i].len};
    ssize_t sent = writev(tun->fd, piece, (int)n);
    device->full = sent < 0 && (errno == EAGAIN || errno == EINTR);
    if (device->full) return -LA_EAGAIN;
    return sent < 0 ? -errno : 0;
}

/* A checksum that is missing between two programs of one machine is as good as one that was verified. */
static void vnet_read(struct la_device *device, const struct virtio_net_hdr *h) {
    unsigned gso = h->gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
    bool unit = gso == VIRTIO_NET_HDR_GSO_TCPV4 || gso == VIRTIO_NET_HDR_GSO_TCPV6;
    device->segment = unit ? h->gso_size : 0;
    device->csum_done = h->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);
}

static int tun_recv(struct la_device *device, struct la_span *packet, la_time now) {
    (void)now;
    struct tun *tun = tun_of(device);
    struct virtio_net_hdr vnet;
    struct iovec to[2] = {{&vnet, sizeof vnet}, {tun->packet, sizeof tun->packet}};
    ssize_t before = tun->offload ? (ssize_t)sizeof vnet : 0;
    ssize_t got = before ? readv(tun->fd, to, 2) : read(tun->fd, tun->packet, sizeof tun->packet);
    if (got < 0) return errno == EINTR ? -LA_EAGAIN : -errno;
    if (got < before) return -EIO;
    if (before) vnet_read(device, &vnet);
    *packet = (struct la_span){tun->packet, (size_t)(got - before)};
    return 0;
}

static int tun_fd(const struct la_device *device) { return ((const struct tun *)device)->fd; }

static void tun_close(struct la_device *device) {
    struct tun *tun = tun_of(device);
    struct la_allocator alloc = tun->alloc;
    close(tun->fd);
    dev_free(&alloc, tun, sizeof *tun);
}

int la_tun_adopt(const struct la_allocator *given, int fd, enum la_link link, uint32_t mtu, struct la_device **device) {
    struct la_allocator alloc = dev_alloc(given);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    struct tun *tun = dev_new(&alloc, sizeof *tun);
    if (!tun) return -LA_ENOMEM;
    tun->device = (struct la_device){.link = link,
                                     .mtu = mtu ? mtu : 1500,
                                     .send = tun_send,
                                     .recv = tun_recv,
                                     .fd = tun_fd,
                                     .close = tun_close,
                                     .alloc = alloc};
    tun->alloc = alloc;
    tun->fd = fd;
    *device = &tun->device;
    return 0;
}

static void name_set(struct ifreq *request, const char *name) {
    memset(request, 0, sizeof *request);
    for (size_t i = 0; name && name[i] && i < IFNAMSIZ - 1; i++) request->ifr_name[i] = name[i];
}

/* One ioctl on a socket of its own, as interface requests want it. */
static int interface_ioctl(int family, unsigned long number, void *argument) {
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int rc = ioctl(fd, number, argument) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static int mtu_set(const char *name, uint32_t mtu) {
    struct ifreq request;
    name_set(&request, name);
    request.ifr_mtu = (int)mtu;
    return interface_ioctl(AF_INET, SIOCSIFMTU, &request);
}

static int offload_set(int fd) {
    int size = sizeof(struct virtio_net_hdr);
    unsigned long what = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    return ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 || ioctl(fd, TUNSETOFFLOAD, what) < 0 ? -errno : 0;
}

int la_tun_open(const struct la_allocator *given, const struct la_tun_config *config, struct la_device **device) {
    struct ifreq request;
    name_set(&request, config->name);
    int flags = (config->tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (config->offload ? IFF_VNET_HDR : 0);
    request.ifr_flags = (short)flags;

    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -errno;
    int rc = ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : 0;
    if (!rc && config->offload) rc = offload_set(fd);
    if (!rc && config->mtu) rc = mtu_set(request.ifr_name, config->mtu);
    if (!rc) rc = la_tun_adopt(given, fd, config->tap ? LA_LINK_ETHERNET : LA_LINK_IP, config->mtu, device);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    memcpy(tun_of(*device)->name, request.ifr_name, IFNAMSIZ);
    tun_of(*device)->offload = (*device)->tx_csum_by_dev = config->offload;
    (*device)->gso_max = config->offload ? DEV_GSO_MAX : 0;
    return 0;
}

const char *la_tun_name(const struct la_device *device) { return ((const struct tun *)device)->name; }

static int address4_set(const char *name, const struct la_addr *addr, unsigned prefix_len) {
    struct ifreq request;
    struct sockaddr_in in = {.sin_family = AF_INET};
    memcpy(&in.sin_addr, addr->bytes + 12, 4);
    name_set(&request, name);
    memcpy(&request.ifr_addr, &in, sizeof in);
    int rc = interface_ioctl(AF_INET, SIOCSIFADDR, &request);
    if (rc < 0) return rc;

    in.sin_addr.s_addr = htonl(prefix_len ? ~(uint32_t)0 << (32 - prefix_len) : 0);
    name_set(&request, name);
    memcpy(&request.ifr_netmask, &in, sizeof in);
    return interface_ioctl(AF_INET, SIOCSIFNETMASK, &request);
}

static int address6_set(const char *name, const struct la_addr *addr, unsigned prefix_len) {
    struct ifreq request;
    name_set(&request, name);
    int rc = interface_ioctl(AF_INET6, SIOCGIFINDEX, &request);
    if (rc < 0) return rc;
    struct in6_ifreq in6 = {.ifr6_prefixlen = prefix_len, .ifr6_ifindex = request.ifr_ifindex};
    memcpy(&in6.ifr6_addr, addr->bytes, 16);
    return interface_ioctl(AF_INET6, SIOCSIFADDR, &in6);
}

#define USABLE_MS 2000

/* The kernel lets nobody use an IPv6 address before a worker of its own has looked at it, even where no duplicate can
 * be found. No event tells; a socket that can be bound does. */
static int address6_await(const struct la_addr *addr) {
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    memcpy(&in6.sin6_addr, addr->bytes, 16);
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int rc = bind(fd, (struct sockaddr *)&in6, sizeof in6);
    for (int i = 0; rc < 0 && errno == EADDRNOTAVAIL && i < USABLE_MS; i++) {
        poll(NULL, 0, 1);
        rc = bind(fd, (struct sockaddr *)&in6, sizeof in6);
    }
    rc = rc < 0 ? -errno : 0;
    close(fd);
    return rc;
}

int la_tun_up(struct la_device *device, const struct la_addr *host, unsigned prefix_len) {
    const char *name = la_tun_name(device);
    bool is4 = la_addr_is4(host);
    if (prefix_len > (is4 ? 32u : 128u) || !*name) return -LA_EINVAL;
    int rc = is4 ? address4_set(name, host, prefix_len) : address6_set(name, host, prefix_len);
    if (rc < 0 && rc != -LA_EEXIST) return rc;

    struct ifreq request;
    name_set(&request, name);
    rc = interface_ioctl(AF_INET, SIOCGIFFLAGS, &request);
    if (rc < 0) return rc;
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    rc = interface_ioctl(AF_INET, SIOCSIFFLAGS, &request);
    return rc < 0 || is4 ? rc : address6_await(host);
}
