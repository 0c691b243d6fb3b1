/* Socket addresses: Linux's structures to endpoints and back.
 *
 * An endpoint has one address type for both families, so an IPv4-mapped address needs no conversion. A zone is Linux's
 * sin6_scope_id: the number of the interface, from 1. */
#include "sys/open_file.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int sys_addr_family(const void *from, int len) {
    sa_family_t family;
    if (len < 0 || (size_t)len > sizeof(struct sockaddr_storage)) return -EINVAL;
    if (!from && len) return -EFAULT;
    if ((size_t)len < sizeof family) return -EINVAL;
    memcpy(&family, from, sizeof family);
    return family;
}

static int get4(const void *from, int len, struct la_endpoint *endpoint) {
    struct sockaddr_in in;
    if ((size_t)len < sizeof in) return -EINVAL;
    memcpy(&in, from, sizeof in);
    *endpoint = (struct la_endpoint){.addr = la_addr4(0, 0, 0, 0), .port = ntohs(in.sin_port)};
    memcpy(endpoint->addr.bytes + 12, &in.sin_addr, 4);
    return 0;
}

static int get6(const void *from, int len, struct la_endpoint *endpoint) {
    struct sockaddr_in6 in;
    if (len < SYS_SIN6_LEAST) return -EINVAL;
    memset(&in, 0, sizeof in);
    memcpy(&in, from, (size_t)len < sizeof in ? (size_t)len : sizeof in);
    *endpoint = (struct la_endpoint){.port = ntohs(in.sin6_port)};
    memcpy(endpoint->addr.bytes, &in.sin6_addr, 16);
    /* Linux looks at the scope only where an address has one. */
    bool link_local = in.sin6_addr.s6_addr[0] == 0xfe && (in.sin6_addr.s6_addr[1] & 0xc0) == 0x80;
    if (link_local && in.sin6_scope_id <= UINT16_MAX) endpoint->zone = (uint16_t)in.sin6_scope_id;
    return 0;
}

int sys_addr_get(const struct sys_socket *s, const void *from, int len, struct la_endpoint *endpoint) {
    int family = sys_addr_family(from, len);
    if (family < 0) return family;
    if (s->family == AF_INET) {
        if ((size_t)len < sizeof(struct sockaddr_in)) return -EINVAL;
        return family == AF_INET ? get4(from, len, endpoint) : -EAFNOSUPPORT;
    }
    if (family == AF_INET && s->type == LA_SOCK_DGRAM) return get4(from, len, endpoint);
    if (len < SYS_SIN6_LEAST) return -EINVAL;
    return family == AF_INET6 ? get6(from, len, endpoint) : -EAFNOSUPPORT;
}

/* The structure in `out`; its length. */
static size_t build(const struct sys_socket *s, const struct la_endpoint *endpoint, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (s->family == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
        memcpy(&in.sin_addr, endpoint->addr.bytes + 12, 4);
        memcpy(out, &in, sizeof in);
        return sizeof in;
    }
    struct sockaddr_in6 in = {
        .sin6_family = AF_INET6, .sin6_port = htons(endpoint->port), .sin6_scope_id = endpoint->zone};
    memcpy(&in.sin6_addr, endpoint->addr.bytes, 16);
    memcpy(out, &in, sizeof in);
    return sizeof in;
}

/* `endpoint` NULL: no address (a stream's recvfrom). */
int sys_addr_put(const struct sys_socket *s, const struct la_endpoint *endpoint, void *to, void *len) {
    struct sockaddr_storage whole;
    socklen_t room, size = 0;
    if (!len) return -EFAULT;
    memcpy(&room, len, sizeof room);
    if ((int)room < 0) return -EINVAL;
    if (endpoint) size = (socklen_t)build(s, endpoint, &whole);
    if (room > size) room = size;
    if (room && !to) return -EFAULT;
    if (room) memcpy(to, &whole, room);
    memcpy(len, &size, sizeof size);
    return 0;
}
