/* UDP (RFC 768, RFC 8085 where a stack has a say): sockets that send and receive datagrams.
 *
 * The verbs are those of socket.h and return the same errors; the root has set env->now before each call. Handles are
 * plain pool handles, and events carry them as such: the root marks both, so give this part an event list of its own.
 *
 * IPv4 datagrams may be fragmented on their way (DF is not set); those larger than the path's MTU leave in fragments.
 */
#ifndef UDP_UDP_H
#define UDP_UDP_H

#include <lastack/socket.h>

#include "base/list.h"
#include "ip/ip.h"

struct udp;

struct udp_settings {
    uint16_t port_first, port_last; /* Ephemeral ports. */
    uint32_t rcvbuf;                /* Bytes that a socket's queue may hold, overhead included. */
    uint32_t rcvbuf_max;            /* What SO_RCVBUF may ask for; as on Linux it is then doubled. */
};

/* `events` takes struct event_node (base/event.h). Returns 0 or -LA_ENOMEM. */
int udp_create(struct env *env, struct ip *ip, struct list *events, struct udp **udp);
void udp_destroy(struct udp *udp);
/* The settings in force. They may be changed at any time; rcvbuf is a socket's at its birth. */
struct udp_settings *udp_settings(struct udp *udp);

/* --- From the root's packet path --- */
void udp_input(struct udp *udp, struct ip *ip, const struct ip_datagram *datagram);
/* Errors become the pending error of the connected socket that sent what is quoted; a smaller path MTU is noted. */
void udp_error(struct udp *udp, const struct ip_error *error);

/* --- Verbs --- */
la_sock udp_socket(struct udp *udp, int family);
int udp_owner_set(struct udp *udp, la_sock sock, uint64_t owner);
int udp_bind(struct udp *udp, la_sock sock, const struct la_endpoint *local);
/* Sets the peer, or another one: only its datagrams are received from now on. What waits in the queue stays. */
int udp_connect(struct udp *udp, la_sock sock, const struct la_endpoint *peer);
/* `to` NULL: to the peer. Returns len. -LA_ENOTCONN (no peer), -LA_EACCES (broadcast without SO_BROADCAST),
 * -LA_EMSGSIZE, -LA_ENOBUFS, -LA_ENOMEM, -LA_ENETUNREACH, -LA_EADDRNOTAVAIL, or the pending error once. */
int64_t udp_sendto(struct udp *udp, la_sock sock, const void *data, size_t len, const struct la_endpoint *to);
/* `from` may be NULL. `flags`: LA_MSG_PEEK. */
int64_t udp_recvfrom(struct udp *udp, la_sock sock, void *data, size_t len, int flags, struct la_endpoint *from);
int udp_close(struct udp *udp, la_sock sock);
int udp_ready(const struct udp *udp, la_sock sock);
int udp_getsockname(const struct udp *udp, la_sock sock, struct la_endpoint *local);
int udp_getpeername(const struct udp *udp, la_sock sock, struct la_endpoint *peer);
int udp_setsockopt(struct udp *udp, la_sock sock, int level, int name, const void *value, size_t len);
int udp_getsockopt(struct udp *udp, la_sock sock, int level, int name, void *value, size_t *len);

#endif
