/* The verbs of socket.h: each finds the transport that a handle belongs to. What only streams can do answers
 * -LA_EOPNOTSUPP on a datagram socket. */
#include <lastack/tcp_info.h>

#include "root.h"

int root_not_a_stream(const struct la_stack *stack, la_sock sock) {
    int ready = udp_ready(stack->udp, sock & ~ROOT_DATAGRAM);
    return ready < 0 ? ready : -LA_EOPNOTSUPP;
}

#define UDP(sock) stack->udp, (sock) & ~ROOT_DATAGRAM
#define TCP(sock) &stack->tcp, (sock)

la_sock la_socket(struct la_stack *stack, int family, int type) {
    if (type == LA_SOCK_STREAM) return tcp_socket(&stack->tcp, family);
    if (type != LA_SOCK_DGRAM) return -LA_EPROTONOSUPPORT;
    la_sock sock = udp_socket(stack->udp, family);
    return sock < 0 ? sock : sock | ROOT_DATAGRAM;
}

int la_owner_set(struct la_stack *stack, la_sock sock, uint64_t owner) {
    return root_is_datagram(sock) ? udp_owner_set(UDP(sock), owner) : tcp_owner_set(TCP(sock), owner);
}

int la_bind(struct la_stack *stack, la_sock sock, const struct la_endpoint *local) {
    return root_is_datagram(sock) ? udp_bind(UDP(sock), local) : tcp_bind(TCP(sock), local);
}

int la_listen(struct la_stack *stack, la_sock sock, int backlog) {
    return root_is_datagram(sock) ? root_not_a_stream(stack, sock) : tcp_listen(TCP(sock), backlog);
}

la_sock la_accept(struct la_stack *stack, la_sock sock, struct la_endpoint *peer) {
    return root_is_datagram(sock) ? root_not_a_stream(stack, sock) : tcp_accept(TCP(sock), peer);
}

int la_connect(struct la_stack *stack, la_sock sock, const struct la_endpoint *peer, la_time now) {
    root_at(stack, now);
    return root_is_datagram(sock) ? udp_connect(UDP(sock), peer) : tcp_connect(TCP(sock), peer);
}

int64_t la_send(struct la_stack *stack, la_sock sock, const void *data, size_t len, int flags, la_time now) {
    root_at(stack, now);
    if (root_is_datagram(sock)) return udp_sendto(UDP(sock), data, len, NULL);
    return tcp_send(TCP(sock), data, len, flags);
}

int64_t la_recv(struct la_stack *stack, la_sock sock, void *data, size_t len, int flags, la_time now) {
    root_at(stack, now);
    if (root_is_datagram(sock)) return udp_recvfrom(UDP(sock), data, len, flags, NULL);
    return tcp_recv(TCP(sock), data, len, flags);
}

int64_t la_sendto(struct la_stack *stack, la_sock sock, const void *data, size_t len, const struct la_endpoint *to,
                  la_time now) {
    root_at(stack, now);
    if (root_is_datagram(sock)) return udp_sendto(UDP(sock), data, len, to);
    return tcp_send(TCP(sock), data, len, 0); /* As on Linux, a stream does not look at `to`. */
}

int64_t la_recvfrom(struct la_stack *stack, la_sock sock, void *data, size_t len, int flags, struct la_endpoint *from,
                    la_time now) {
    root_at(stack, now);
    if (root_is_datagram(sock)) return udp_recvfrom(UDP(sock), data, len, flags, from);
    int64_t n = tcp_recv(TCP(sock), data, len, flags);
    if (n >= 0 && from) tcp_getname(TCP(sock), NULL, from);
    return n;
}

int64_t la_peek(struct la_stack *stack, la_sock sock, struct la_span *span, unsigned max, unsigned *count) {
    return root_is_datagram(sock) ? root_not_a_stream(stack, sock) : tcp_peek(TCP(sock), span, max, count);
}

int la_consume(struct la_stack *stack, la_sock sock, size_t len, la_time now) {
    root_at(stack, now);
    return root_is_datagram(sock) ? root_not_a_stream(stack, sock) : tcp_consume(TCP(sock), len);
}

int64_t la_reserve(struct la_stack *stack, la_sock sock, size_t len, struct la_room *room, unsigned max,
                   unsigned *count) {
    return root_is_datagram(sock) ? root_not_a_stream(stack, sock) : tcp_reserve(TCP(sock), len, room, max, count);
}

int la_commit(struct la_stack *stack, la_sock sock, size_t len, la_time now) {
    root_at(stack, now);
    return root_is_datagram(sock) ? root_not_a_stream(stack, sock) : tcp_commit(TCP(sock), len);
}

int la_sockatmark(const struct la_stack *stack, la_sock sock) {
    return root_is_datagram(sock) ? root_not_a_stream(stack, sock) : tcp_atmark(TCP(sock));
}

int la_shutdown(struct la_stack *stack, la_sock sock, int how, la_time now) {
    root_at(stack, now);
    return root_is_datagram(sock) ? root_not_a_stream(stack, sock) : tcp_shutdown(TCP(sock), how);
}

int la_close(struct la_stack *stack, la_sock sock, la_time now) {
    root_at(stack, now);
    return root_is_datagram(sock) ? udp_close(UDP(sock)) : tcp_close(TCP(sock));
}

int la_abort(struct la_stack *stack, la_sock sock, la_time now) {
    root_at(stack, now);
    return root_is_datagram(sock) ? udp_close(UDP(sock)) : tcp_abort(TCP(sock));
}

int la_ready(const struct la_stack *stack, la_sock sock) {
    return root_is_datagram(sock) ? udp_ready(UDP(sock)) : tcp_ready(TCP(sock));
}

int la_getsockname(const struct la_stack *stack, la_sock sock, struct la_endpoint *local) {
    if (!local) return -LA_EFAULT;
    return root_is_datagram(sock) ? udp_getsockname(UDP(sock), local) : tcp_getname(TCP(sock), local, NULL);
}

int la_getpeername(const struct la_stack *stack, la_sock sock, struct la_endpoint *peer) {
    if (!peer) return -LA_EFAULT;
    return root_is_datagram(sock) ? udp_getpeername(UDP(sock), peer) : tcp_getname(TCP(sock), NULL, peer);
}

int la_setsockopt(struct la_stack *stack, la_sock sock, int level, int name, const void *value, size_t len,
                  la_time now) {
    root_at(stack, now);
    if (root_is_datagram(sock)) return udp_setsockopt(UDP(sock), level, name, value, len);
    return tcp_setsockopt(TCP(sock), level, name, value, len);
}

int la_tcp_info(struct la_stack *stack, la_sock sock, struct la_tcp_info *info, la_time now) {
    size_t len = sizeof *info;
    root_at(stack, now);
    if (root_is_datagram(sock)) return root_not_a_stream(stack, sock);
    return tcp_getsockopt(TCP(sock), LA_IPPROTO_TCP, LA_TCP_INFO, info, &len);
}

int la_getsockopt(struct la_stack *stack, la_sock sock, int level, int name, void *value, size_t *len) {
    if (root_is_datagram(sock)) return udp_getsockopt(UDP(sock), level, name, value, len);
    return tcp_getsockopt(TCP(sock), level, name, value, len);
}
