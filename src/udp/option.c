/* Options of UDP sockets: names, values and units of Linux's. All are integers. */
#include "udp/udp_sock.h"

#define RCVBUF_MIN 2304 /* Linux's SOCK_MIN_RCVBUF. */

static int socket_set(struct udp *udp, struct udp_sock *s, int name, int value) {
    switch (name) {
    case LA_SO_RCVBUF: {
        /* As on Linux: bounded, then doubled for the overhead, which is accounted for. */
        uint32_t wanted = value < 0 ? 0 : (uint32_t)value;
        if (wanted > udp->settings.rcvbuf_max) wanted = udp->settings.rcvbuf_max;
        s->rcvbuf = wanted * 2 < RCVBUF_MIN ? RCVBUF_MIN : wanted * 2;
        return 0;
    }
    case LA_SO_REUSEADDR: s->reuse = value != 0; return 0;
    case LA_SO_BROADCAST: s->broadcast = value != 0; return 0;
    default: return -LA_ENOPROTOOPT;
    }
}

/* A byte, or -1 for the default, which is `unset`. */
static int byte_set(uint8_t *field, int value, int least, uint8_t unset) {
    if (value != -1 && (value < least || value > 255)) return -LA_EINVAL;
    *field = value == -1 ? unset : (uint8_t)value;
    return 0;
}

static int ip_set(struct udp_sock *s, int name, int value) {
    switch (name) {
    case LA_IP_TOS: s->tos = (uint8_t)value; return 0;
    case LA_IP_TTL: return byte_set(&s->ttl, value, 1, 0);
    default: return -LA_ENOPROTOOPT;
    }
}

static int ipv6_set(struct udp_sock *s, int name, int value) {
    switch (name) {
    case LA_IPV6_UNICAST_HOPS: return byte_set(&s->hops, value, 1, 0);
    case LA_IPV6_TCLASS: return byte_set(&s->tclass, value, 0, 0);
    case LA_IPV6_V6ONLY:
        if (s->bound) return -LA_EINVAL;
        s->v6only = value != 0;
        return 0;
    default: return -LA_ENOPROTOOPT;
    }
}

int udp_setsockopt(struct udp *udp, la_sock sock, int level, int name, const void *value, size_t len) {
    struct udp_sock *s = udp_sock_of(udp, sock);
    int number;
    if (!s) return -LA_EBADF;
    if (!value) return -LA_EFAULT;
    if (len < sizeof number) return -LA_EINVAL;
    memcpy(&number, value, sizeof number);
    if (level == LA_SOL_SOCKET) return socket_set(udp, s, name, number);
    if (level == LA_IPPROTO_IP) return ip_set(s, name, number);
    if (level == LA_IPPROTO_IPV6 && s->family == LA_AF_INET6) return ipv6_set(s, name, number);
    return -LA_ENOPROTOOPT;
}

static int socket_get(struct udp_sock *s, int name, int *value) {
    switch (name) {
    case LA_SO_RCVBUF: *value = (int)s->rcvbuf; return 0;
    case LA_SO_REUSEADDR: *value = s->reuse; return 0;
    case LA_SO_BROADCAST: *value = s->broadcast; return 0;
    case LA_SO_TYPE: *value = LA_SOCK_DGRAM; return 0;
    case LA_SO_ERROR: *value = udp_error_take(s); return 0;
    default: return -LA_ENOPROTOOPT;
    }
}

static int ip_get(const struct udp *udp, const struct udp_sock *s, int name, int *value) {
    switch (name) {
    case LA_IP_TOS: *value = s->tos; return 0;
    case LA_IP_TTL: *value = s->ttl ? s->ttl : ip_settings(udp->ip)->ttl; return 0;
    default: return -LA_ENOPROTOOPT;
    }
}

static int ipv6_get(const struct udp *udp, const struct udp_sock *s, int name, int *value) {
    switch (name) {
    case LA_IPV6_UNICAST_HOPS: *value = s->hops ? s->hops : ip_settings(udp->ip)->ttl; return 0;
    case LA_IPV6_TCLASS: *value = s->tclass; return 0;
    case LA_IPV6_V6ONLY: *value = s->v6only; return 0;
    default: return -LA_ENOPROTOOPT;
    }
}

int udp_getsockopt(struct udp *udp, la_sock sock, int level, int name, void *value, size_t *len) {
    struct udp_sock *s = udp_sock_of(udp, sock);
    int number = 0, error = -LA_ENOPROTOOPT;
    if (!s) return -LA_EBADF;
    if (!value || !len) return -LA_EFAULT;
    if (*len < sizeof number) return -LA_EINVAL;
    if (level == LA_SOL_SOCKET) {
        error = socket_get(s, name, &number);
    } else if (level == LA_IPPROTO_IP) {
        error = ip_get(udp, s, name, &number);
    } else if (level == LA_IPPROTO_IPV6 && s->family == LA_AF_INET6) {
        error = ipv6_get(udp, s, name, &number);
    }
    if (error) return error;
    memcpy(value, &number, sizeof number);
    *len = sizeof number;
    return 0;
}
