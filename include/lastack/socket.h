/* The BSD verbs, non-blocking: every function returns at once, errors are negative la_errno values, and what would have
 * blocked returns -LA_EAGAIN or -LA_EINPROGRESS and is announced by an event. Semantics are Linux's unless a line here
 * says otherwise. -LA_EBADF for a stale handle applies to all and is not repeated. */
#ifndef LASTACK_SOCKET_H
#define LASTACK_SOCKET_H

#include <lastack/types.h>

struct la_stack;

enum la_family { LA_AF_INET = 2, LA_AF_INET6 = 10 };
enum la_type { LA_SOCK_STREAM = 1, LA_SOCK_DGRAM = 2 };
enum la_how { LA_SHUT_RD = 0, LA_SHUT_WR = 1, LA_SHUT_RDWR = 2 };
enum la_msg {
    LA_MSG_OOB = 1,
    LA_MSG_PEEK = 2,
    LA_MSG_DONTWAIT = 0x40,
    LA_MSG_EOR = 0x80,
    LA_MSG_WAITALL = 0x100,
    LA_MSG_MORE = 0x8000
};

/* Makes a socket. Returns it, -LA_EAFNOSUPPORT, -LA_EPROTONOSUPPORT or -LA_ENOMEM. */
la_sock la_socket(struct la_stack *stack, int family, int type);

/* A number of the caller's (a process, a request, a pointer) that events and snapshots repeat. Accepted sockets begin
 * with their listener's. */
int la_owner_set(struct la_stack *stack, la_sock sock, uint64_t owner);

/* Port 0 lets the stack choose. -LA_EINVAL (bound already, wrong family), -LA_EADDRNOTAVAIL, -LA_EADDRINUSE. */
int la_bind(struct la_stack *stack, la_sock sock, const struct la_endpoint *local);

/* `backlog` bounds the accept queue as on Linux: backlog + 1 completed connections; further handshakes wait in
 * SYN_RCVD. An unbound socket gets a port. -LA_EINVAL, -LA_EADDRINUSE, -LA_ENOMEM. */
int la_listen(struct la_stack *stack, la_sock sock, int backlog);

/* The next completed connection, or -LA_EAGAIN, -LA_EINVAL (not listening). `peer` may be NULL. */
la_sock la_accept(struct la_stack *stack, la_sock sock, struct la_endpoint *peer);

/* Starts the handshake (with LA_TCP_FASTOPEN_CONNECT the first la_send may do so); a socket does this once, and one
 * whose attempt failed is good for la_close only. -LA_EINPROGRESS, later LA_EV_CONNECTED or LA_EV_ERROR. Again while
 * under way: -LA_EALREADY; after success once 0, then -LA_EISCONN. -LA_ENETUNREACH, -LA_EADDRNOTAVAIL (no free port,
 * tuple in use), -LA_ENOMEM. On a datagram socket it sets the peer and returns 0. */
int la_connect(struct la_stack *stack, la_sock sock, const struct la_endpoint *peer, la_time now);

/* Takes up to `len` bytes. Returns the number taken (possibly less), -LA_EAGAIN, -LA_EPIPE (shut down, or never
 * connected), or the connection's pending error once. LA_MSG_OOB makes the last byte urgent, if all are taken (RFC
 * 6093; for protocols that have always had it). LA_MSG_EOR, if all are taken: what is sent later begins a segment of
 * its own; the peer's program does not see it. */
int64_t la_send(struct la_stack *stack, la_sock sock, const void *data, size_t len, int flags, la_time now);

/* Gives up to `len` bytes; 0 at end of file (peer's FIN, or own SHUT_RD); -LA_EAGAIN; a pending error once
 * (-LA_ECONNRESET, -LA_ETIMEDOUT, …); -LA_ENOTCONN. */
int64_t la_recv(struct la_stack *stack, la_sock sock, void *data, size_t len, int flags, la_time now);

/* Urgent data. Reading, by la_recv and la_peek, stops before the urgent byte (the mark), and the next read passes over
 * it. la_recv with LA_MSG_OOB takes that byte: 1, -LA_EAGAIN (announced but not there yet), -LA_EINVAL (there is none,
 * it was taken, or LA_SO_OOBINLINE). With LA_SO_OOBINLINE it is read as part of the stream, behind the mark.
 * la_sockatmark: 1 when the next byte is the urgent one, else 0; -LA_EOPNOTSUPP for datagrams. */
int la_sockatmark(const struct la_stack *stack, la_sock sock);

/* Datagrams. One call, one datagram; a longer one than `len` is cut. -LA_EMSGSIZE, -LA_ENOBUFS, -LA_EAGAIN. */
int64_t la_sendto(struct la_stack *stack, la_sock sock, const void *data, size_t len, const struct la_endpoint *to,
                  la_time now);
int64_t la_recvfrom(struct la_stack *stack, la_sock sock, void *data, size_t len, int flags, struct la_endpoint *from,
                    la_time now);

/* Receive without a copy: `span` gets up to `max` pieces of what is there, the sum is returned (0 at end of file,
 * errors as la_recv). They stay valid until the next call on this socket or la_input. la_consume takes `len` bytes off.
 */
int64_t la_peek(struct la_stack *stack, la_sock sock, struct la_span *span, unsigned max, unsigned *count);
int la_consume(struct la_stack *stack, la_sock sock, size_t len, la_time now);

/* Send without a copy: `room` gets up to `max` pieces of free send storage, `len` bytes in all at most; the sum is
 * returned, errors as la_send. They stay valid until the next call on this stack. la_commit says how many bytes were
 * filled in: -LA_EINVAL when that is more than was reserved. */
int64_t la_reserve(struct la_stack *stack, la_sock sock, size_t len, struct la_room *room, unsigned max,
                   unsigned *count);
int la_commit(struct la_stack *stack, la_sock sock, size_t len, la_time now);

/* SHUT_WR sends FIN after the data; SHUT_RD acts by the profile (Linux goes on accepting data, BSD discards it); RDWR
 * is both. -LA_ENOTCONN, -LA_EINVAL. */
int la_shutdown(struct la_stack *stack, la_sock sock, int how, la_time now);

/* Gives the socket up. What is unsent is sent, then FIN; with unread data an RST instead (RFC 2525, 2.17). SO_LINGER
 * {1,0}: RST. SO_LINGER {1,n} with something unacknowledged: returns -LA_EINPROGRESS, and the handle lives until the
 * LA_EV_CLOSED event, which comes when all is acknowledged or n seconds have passed. Otherwise returns 0 and the handle
 * is stale. */
int la_close(struct la_stack *stack, la_sock sock, la_time now);

/* RST now, everything unsent and unread is lost, the handle is stale. */
int la_abort(struct la_stack *stack, la_sock sock, la_time now);

/* The level of la_event_bits for this socket, or a negative error. LA_EV_WRITABLE says, as on Linux, that it is worth
 * writing: a third of the send buffer is free, and less than half of LA_TCP_NOTSENT_LOWAT waits unsent (what both
 * windows let go at once does not count). la_send takes what fits also before that. */
int la_ready(const struct la_stack *stack, la_sock sock);

int la_getsockname(const struct la_stack *stack, la_sock sock, struct la_endpoint *local);
int la_getpeername(const struct la_stack *stack, la_sock sock, struct la_endpoint *peer);

/* Options: names, values and units of Linux's on x86. Integers are int; -LA_EINVAL for a bad length or value,
 * -LA_ENOPROTOOPT for an unknown name. */
enum la_level { LA_SOL_SOCKET = 1, LA_IPPROTO_IP = 0, LA_IPPROTO_TCP = 6, LA_IPPROTO_IPV6 = 41 };
enum la_so {
    LA_SO_REUSEADDR = 2,
    LA_SO_TYPE = 3,
    LA_SO_ERROR = 4,
    LA_SO_BROADCAST = 6,
    LA_SO_SNDBUF = 7,
    LA_SO_RCVBUF = 8,
    LA_SO_KEEPALIVE = 9,
    LA_SO_OOBINLINE = 10,
    LA_SO_LINGER = 13,
    LA_SO_RCVLOWAT = 18, /* LA_EV_READABLE from so many unread bytes on, or at the end */
    LA_SO_SNDLOWAT = 19, /* reads as 1 */
    LA_SO_ACCEPTCONN = 30,
    LA_SO_MAX_PACING_RATE = 47, /* bytes per second: uint32_t (all ones: no bound) or uint64_t */
};
enum la_tcp_option {
    LA_TCP_NODELAY = 1,
    LA_TCP_MAXSEG = 2,
    LA_TCP_CORK = 3,      /* what does not fill a segment waits, for 200 ms at most; so with LA_MSG_MORE */
    LA_TCP_KEEPIDLE = 4,  /* seconds */
    LA_TCP_KEEPINTVL = 5, /* seconds */
    LA_TCP_KEEPCNT = 6,
    LA_TCP_SYNCNT = 7,
    LA_TCP_LINGER2 = 8,       /* seconds in FIN_WAIT_2 without owner; -1: none at all */
    LA_TCP_DEFER_ACCEPT = 9,  /* a listener's: seconds for which a connection may wait for its first data */
    LA_TCP_WINDOW_CLAMP = 10, /* bytes, the most that is advertised; 0, before the handshake: no bound */
    LA_TCP_INFO = 11,         /* struct la_tcp_info (tcp_info.h); read only */
    LA_TCP_QUICKACK = 12,     /* 1: ACKs go at once, until an answer makes it a conversation; 0: they wait */
    LA_TCP_CONGESTION = 13,   /* the algorithm's name, up to 16 bytes; -LA_ENOENT for an unknown one */
    /* Milliseconds for which sent or waiting data may remain unacknowledged (RFC 5482), 0: the retransmissions decide.
     * It counts from the peer's last progress and whatever holds the data up: a peer that answers every probe of its
     * zero window is given up, too. An idle connection with SO_KEEPALIVE ends when the peer was silent for as long and
     * a probe is unanswered, whatever LA_TCP_KEEPCNT says. */
    LA_TCP_USER_TIMEOUT = 18,
    LA_TCP_NOTSENT_LOWAT = 25, /* bytes that may wait unsent; 0: as the setting says; see la_ready */
    /* TCP Fast Open (RFC 7413): see above la_connect, and below. */
    LA_TCP_FASTOPEN = 23,
    LA_TCP_FASTOPEN_CONNECT = 30,
    LA_TCP_FASTOPEN_KEY = 33,
    LA_TCP_FASTOPEN_NO_COOKIE = 34,
    /* FreeBSD's, under numbers that no system uses. */
    LA_TCP_KEEPINIT = 0x46410001,       /* seconds that a handshake may take */
    LA_TCP_NOOPT = 0x46410002,          /* no TCP option is offered, and none taken */
    LA_TCP_FASTOPEN_QUEUE = 0x46410003, /* what its TCP_FASTOPEN does to a socket that connects */
};

/* TCP Fast Open. -LA_EOPNOTSUPP where net.ipv4.tcp_fastopen does not have the bit, -LA_EINVAL in any state but those
 * named.
 *
 * A listener (or a socket that will be one): LA_TCP_FASTOPEN n takes data that comes with a SYN and a valid cookie, and
 * gives the connection out by la_accept before the handshake is over: it can be read and written. At most n of them
 * (and no more than net.core.somaxconn) are in that state at any time; beyond, and without a valid cookie, the
 * handshake is an ordinary one. 0 ends it. A program that turns it on must bear to see the same request twice:
 * RFC 7413, 2.1. LA_TCP_FASTOPEN_KEY is 16 or 32 bytes: the key of the listener's cookies, and the one before, which
 * is still accepted; without, the stack's (la_fastopen_key_set).
 *
 * A socket that has not connected:
 * - LA_TCP_FASTOPEN_CONNECT 1: when the stack knows a cookie of the peer's, la_connect returns 0 and waits; la_send
 *   takes as much as the SYN carries and sends it (with 0 bytes, a SYN alone and -LA_EINPROGRESS). When it knows none,
 *   la_connect asks for one: the handshake is an ordinary one, and the next connection has the cookie.
 * - LA_TCP_FASTOPEN_QUEUE 1: la_connect always returns 0 and waits; la_send takes what the send buffer has room for,
 * also during the handshake. What the SYN cannot carry follows.
 * - LA_TCP_FASTOPEN_NO_COOKIE 1: data goes with the SYN without any cookie; for servers that want none.
 * Data that the peer does not take from the SYN is sent again after the handshake: nothing is lost, or told. */
enum la_ip_option { LA_IP_TOS = 1, LA_IP_TTL = 2, LA_IP_MTU_DISCOVER = 10, LA_IP_MTU = 14 };
enum la_ipv6_option {
    LA_IPV6_UNICAST_HOPS = 16,
    LA_IPV6_MTU_DISCOVER = 23,
    LA_IPV6_MTU = 24,
    LA_IPV6_V6ONLY = 26,
    LA_IPV6_TCLASS = 67,
};

/* Values of LA_IP_MTU_DISCOVER and LA_IPV6_MTU_DISCOVER, for streams: whether IPv4 packets have DF, and whether ICMP
 * may make segments smaller. A socket begins with WANT, or with DONT where net.ipv4.ip_no_pmtu_disc is set. LA_IP_MTU
 * and LA_IPV6_MTU can only be read, and only when there is a path: -LA_ENOTCONN. */
enum la_pmtudisc {
    LA_PMTUDISC_DONT = 0,  /* DF is clear; ICMP is not believed. */
    LA_PMTUDISC_WANT = 1,  /* DF, unless the route's MTU is locked; ICMP is believed. */
    LA_PMTUDISC_DO = 2,    /* DF; ICMP is believed. */
    LA_PMTUDISC_PROBE = 3, /* DF; ICMP is not believed. */
};

struct la_linger {
    int onoff;
    int seconds;
};

int la_setsockopt(struct la_stack *stack, la_sock sock, int level, int name, const void *value, size_t len,
                  la_time now);
int la_getsockopt(struct la_stack *stack, la_sock sock, int level, int name, void *value, size_t *len);

#endif
