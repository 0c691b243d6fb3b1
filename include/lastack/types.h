/* The words that every other header uses: time, addresses, memory, error numbers.
 *
 * All multi-byte values in these structures are in host order unless said otherwise. Addresses are bytes in network
 * order. Sizes are bytes. Times are nanoseconds. */
#ifndef LASTACK_TYPES_H
#define LASTACK_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Nanoseconds on a clock that never goes back. Its origin is the caller's choice. The stack never asks for the time: it
 * is an argument of every call that may act. A time earlier than the latest one seen counts as that latest one. */
typedef uint64_t la_time;

#define LA_NEVER UINT64_MAX
#define LA_US ((la_time)1000)
#define LA_MS ((la_time)1000000)
#define LA_SECOND ((la_time)1000000000)

/* One address type for both families: 16 bytes in network order; IPv4 a.b.c.d is ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
 * The IPv4 wildcard is ::ffff:0.0.0.0, the IPv6 one is ::. */
struct la_addr {
    uint8_t bytes[16];
};

/* An address with a port. `zone` is 0, or an interface number plus 1 where a link-local address needs one. */
struct la_endpoint {
    struct la_addr addr;
    uint16_t port;
    uint16_t zone;
};

/* Bytes that lie in one piece. The owner is named by the function that hands it out. */
struct la_span {
    const uint8_t *data;
    size_t len;
};

/* The same, writable. */
struct la_room {
    uint8_t *data;
    size_t len;
};

/* Where memory comes from. `alloc` returns memory aligned for any type, or NULL; `free` gets the size that was asked
 * for. Neither may call back into the stack. */
struct la_allocator {
    void *(*alloc)(void *ctx, size_t size);
    void (*free)(void *ctx, void *ptr, size_t size);
    void *ctx;
};

/* A socket: a number that names it for its whole life and never again. Negative values are errors (-LA_E…). */
typedef int64_t la_sock;

/* Addresses from and to text, without any system call.
 * la_addr_parse accepts dotted IPv4 and RFC 4291 IPv6 text and returns false for anything else.
 * la_addr_format writes RFC 5952 text (IPv4 dotted) and a NUL; `size` of LA_ADDR_TEXT always suffices. */
#define LA_ADDR_TEXT 48
struct la_addr la_addr4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
bool la_addr_parse(const char *text, struct la_addr *addr);
size_t la_addr_format(const struct la_addr *addr, char *text, size_t size);
bool la_addr_is4(const struct la_addr *addr);
bool la_addr_equal(const struct la_addr *a, const struct la_addr *b);

/* Error numbers. The values are Linux's, on every platform. Functions return them negated. */
enum la_errno {
    LA_ENOENT = 2,           /* No such setting, interface or route. */
    LA_EBADF = 9,            /* The handle is stale or was never given out. */
    LA_EAGAIN = 11,          /* Nothing to read, no room to write, nothing to accept: wait for the event. */
    LA_ENOMEM = 12,          /* The allocator or the stack's budget refused. Nothing changed. */
    LA_EACCES = 13,          /* A broadcast address without permission. */
    LA_EFAULT = 14,          /* A NULL pointer where memory is needed. */
    LA_EEXIST = 17,          /* It is there already. */
    LA_EINVAL = 22,          /* An argument or the socket's state does not allow it. */
    LA_EPIPE = 32,           /* This side has shut down sending, or the connection is gone. */
    LA_EPROTO = 71,          /* ICMP said that a header of ours was wrong. */
    LA_EMSGSIZE = 90,        /* The datagram does not fit. */
    LA_ENOPROTOOPT = 92,     /* No such socket option. */
    LA_EPROTONOSUPPORT = 93, /* No such socket type. */
    LA_EOPNOTSUPP = 95,      /* This kind of socket cannot do that. */
    LA_EAFNOSUPPORT = 97,    /* The address is of the wrong family. */
    LA_EADDRINUSE = 98,      /* Address and port are taken. */
    LA_EADDRNOTAVAIL = 99,   /* Not an address of this stack, or no port is free. */
    LA_ENETUNREACH = 101,    /* No route. */
    LA_ECONNABORTED = 103,   /* The connection was aborted on this side. */
    LA_ECONNRESET = 104,     /* The peer sent RST. */
    LA_ENOBUFS = 105,        /* A queue is full. */
    LA_EISCONN = 106,        /* Connected already. */
    LA_ENOTCONN = 107,       /* Not connected. */
    LA_ETIMEDOUT = 110,      /* The peer did not answer in time. */
    LA_ECONNREFUSED = 111,   /* The peer refused (RST to our SYN, ICMP port unreachable). */
    LA_EHOSTUNREACH = 113,   /* ICMP said so, or no neighbour answered. */
    LA_EALREADY = 114,       /* A connect is under way. */
    LA_EINPROGRESS = 115,    /* Started; an event tells the end. */
};

/* The name ("EAGAIN") and a sentence for a positive error number; "E?" for an unknown one. */
const char *la_errno_name(int error);
const char *la_errno_text(int error);

#endif
