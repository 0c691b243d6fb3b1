/* The inside of UDP: its struct, a socket, and what its files offer each other.
 *
 *     udp.c     sockets, send and receive, packets and errors in
 *     demux.c   which socket a datagram is for; bind, connect, ports
 *     option.c  socket options */
#ifndef UDP_UDP_SOCK_H
#define UDP_UDP_SOCK_H

#include "base/event.h"
#include "base/mem.h"
#include "base/table.h"
#include "udp/udp.h"
#include "wire/udp.h"

struct udp {
    struct env *env;
    struct ip *ip;
    struct list *events;
    struct udp_settings settings;
    struct pool socks;
    struct table demux;  /* Bound sockets by addresses and ports: see demux.c. */
    struct table ports;  /* The same by local port alone. */
    uint32_t port_steps; /* RFC 6056, 3.3.3: next_ephemeral. */
};

/* A datagram that waits for its reader. */
struct udp_datagram {
    struct list link;
    struct la_endpoint from;
    uint32_t len;
    uint8_t data[];
};

struct udp_sock {
    struct event_node event;
    struct list queue; /* struct udp_datagram */
    uint32_t queued;   /* Their bytes, overhead included. */
    uint32_t rcvbuf;   /* Bound on queued. */
    struct la_endpoint local, peer;
    struct ip_path path; /* To the peer. */
    uint32_t index, demux_chain, port_chain;
    int error;      /* Pending la_errno, positive; 0: none. */
    uint8_t family; /* enum la_family */
    uint8_t ttl;    /* IPv4; 0: the stack's default. */
    uint8_t hops;   /* IPv6; 0: the stack's default. */
    uint8_t tos, tclass;
    bool bound;      /* In both tables; local.port is set. */
    bool addr_bound; /* local.addr was given to bind(), not chosen by connect(). */
    bool connected, v6only, reuse, broadcast;
};

static inline struct udp_sock *udp_sock_of(const struct udp *udp, la_sock sock) {
    return pool_find(&udp->socks, sock, NULL);
}

/* Gives the pending error up. */
static inline int udp_error_take(struct udp_sock *s) {
    int error = s->error;
    s->error = 0;
    return error;
}

/* --- demux.c --- */
void udp_demux_init(struct udp *udp);
/* The socket for a datagram from peer to local, the best fit first; NULL: none. */
struct udp_sock *udp_lookup(const struct udp *udp, const struct la_endpoint *local, const struct la_endpoint *peer);
/* Walks the sockets that a datagram to a group or broadcast address is for: after `last`, or the first one. */
struct udp_sock *udp_group_next(const struct udp *udp, const struct udp_sock *last, const struct la_endpoint *local,
                                const struct la_endpoint *peer);
/* Binds to s->local.addr and a port of our choice. */
int udp_autobind(struct udp *udp, struct udp_sock *s);
void udp_unbind(struct udp *udp, struct udp_sock *s);
/* Whether the socket's family and options allow talking to `peer`: 0 or a negative error. */
int udp_peer_check(const struct udp_sock *s, const struct la_endpoint *peer);

#endif
