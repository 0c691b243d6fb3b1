/* The stack as a whole: make it, give it interfaces, feed it packets and time, take packets, events and one deadline.
 *
 * The loop of a program that embeds it:
 *
 *     la_input(stack, iface, packet, len, now);          packets in, as they arrive
 *     la_tick(stack, now);                               whenever la_poll_at() has come
 *     while (la_next_event(stack, &event)) ...           what sockets became
 *     while (la_output(stack, iface, &packet, now)) ...  packets out, as long as the device takes them
 *     sleep until a packet, a command or la_poll_at()
 *
 * One stack belongs to one thread at a time. Stacks share nothing. Nothing here blocks, calls the system or calls back.
 * The same calls with the same arguments produce the same bytes. */
#ifndef LASTACK_STACK_H
#define LASTACK_STACK_H

#include <lastack/types.h>

struct la_stack;

struct la_config {
    struct la_allocator alloc; /* Required. */
    uint8_t seed[32];          /* Secret and different for every stack: ISNs, ports and hashes come from it. */
    const char *profile;       /* "linux" (NULL means it), "freebsd" or "rfc": the first values of all settings. */
    size_t memory_max;         /* Budget in bytes for everything the stack allocates; 0 means 256 MiB. */
    uint32_t trace_entries;    /* Length of the stack-wide record of moves and drops (la_trace_next); 0: none. */
    bool check;                /* Verify every invariant of a connection after each event (slow; for tests). */
};

/* Makes a stack. Returns 0, -LA_EINVAL (allocator missing, unknown profile) or -LA_ENOMEM. */
int la_stack_create(const struct la_config *config, struct la_stack **stack);

/* Ends a stack and everything in it, without a word to any peer. NULL is allowed. */
void la_stack_destroy(struct la_stack *stack);

/* --- Interfaces, addresses, routes --- */

enum la_link {
    LA_LINK_IP,       /* Packets begin with the IP header (TUN). */
    LA_LINK_ETHERNET, /* Packets begin with an Ethernet header; ARP (RFC 826) and ND (RFC 4861) find neighbours. */
};

struct la_iface_config {
    enum la_link link;
    uint32_t mtu;        /* Bytes of IP packet, 1280 to 65535 (68 at least where no IPv6 address is added). */
    uint8_t mac[6];      /* Ethernet only. */
    bool rx_csum_done;   /* The device verified TCP, UDP and ICMP checksums: do not verify again. */
    bool tx_csum_by_dev; /* The device fills TCP and UDP checksums: leave the pseudo-header sum in the field. */
    uint32_t gso_max;    /* The device cuts TCP segments itself (TSO): payload bytes that it takes in one unit (see
                            la_packet.segment). 0: none. Whoever sends can also cut them by la_packet_cut. */
};

/* Adds an interface. Returns its number (0, 1, …), -LA_EINVAL or -LA_ENOMEM. */
int la_iface_add(struct la_stack *stack, const struct la_iface_config *config);

/* Adds an address and the route to its prefix. On Ethernet, the first IPv6 address also brings the link-local one made
 * from the MAC (RFC 4291, appendix A). Returns 0, -LA_EEXIST, -LA_EINVAL, -LA_ENOENT (no such interface), -LA_ENOMEM.
 */
int la_addr_add(struct la_stack *stack, int iface, const struct la_addr *addr, unsigned prefix_len);

/* Adds a route: packets to prefix/prefix_len leave through iface, towards gateway (NULL: the destination is on the
 * link). prefix_len counts in the address's own family. mtu 0 means the interface's. The longest prefix wins; among
 * equals the first added. Returns as la_addr_add. */
int la_route_add(struct la_stack *stack, const struct la_addr *prefix, unsigned prefix_len,
                 const struct la_addr *gateway, int iface, uint32_t mtu);

/* What TCP makes of a route, as the words of Linux's `ip route` mean it. 0: nothing is said. */
enum la_route_metric {
    LA_ROUTE_MTU,      /* mtu N: the path's MTU at most; ICMP may make it smaller (RFC 1191). */
    LA_ROUTE_MTU_LOCK, /* mtu lock N: the path's MTU whatever ICMP says; routers may fragment (DF is clear). */
    LA_ROUTE_ADVMSS,   /* advmss N: the MSS that SYNs offer; so the peer sends no larger segments. */
    LA_ROUTE_INITCWND, /* initcwnd N: the initial congestion window, in segments. */
    LA_ROUTE_INITRWND, /* initrwnd N: the window that SYNs offer at most, in segments of the MSS offered. */
};

/* Sets one of them for the routes to prefix/prefix_len through `iface` (-1: any). An MTU above the interface's counts
 * as the interface's. It holds for connections from then on; an MTU also for those that exist. Returns 0, -LA_ENOENT
 * (no such route) or -LA_EINVAL (an MTU below 68, or below 1280 for IPv6 unless it is locked; a number above 65535; no
 * such metric). */
int la_route_set(struct la_stack *stack, const struct la_addr *prefix, unsigned prefix_len, int iface,
                 enum la_route_metric metric, uint32_t value);

/* --- Packets --- */

/* Hands in one packet as the device gave it. The stack copies what it keeps. A packet it cannot use is a counted,
 * named drop (info.h), never an error. */
void la_input(struct la_stack *stack, int iface, const void *packet, size_t len, la_time now);

/* The same for a TCP segment that the device has merged from several of one connection (LRO, GRO, a virtio or TUN
 * offload), each with `segment_size` bytes of payload, the last with what is left; 0 means one segment. Its IP header
 * tells the whole length, 65535 at most, whatever the MTU. It goes through the stack as one, and counts as what it was
 * made from where ACKs are counted. `csum_done`: the device vouches for this packet's TCP or UDP checksum, as an
 * interface with rx_csum_done does for all; otherwise the field holds the checksum of the whole. */
void la_input_gro(struct la_stack *stack, int iface, const void *packet, size_t len, uint16_t segment_size,
                  bool csum_done, la_time now);

#define LA_PACKET_SPANS 20

/* One packet to send: the pieces in order. They stay valid until the next call on this stack. */
struct la_packet {
    int iface;
    size_t len; /* The sum of the pieces. */
    unsigned nspans;
    struct la_span span[LA_PACKET_SPANS]; /* The first holds all headers. */
    /* Not 0: a unit, only on an interface with gso_max. One TCP segment that stands for several, of so many bytes of
     * payload each, the last with what is left: the device cuts it. Its IP header tells the whole length. */
    uint16_t segment;
    /* The TCP or UDP checksum holds the pseudo-header's sum only, and the device finishes it: every unit, and every
     * such packet of an interface with tx_csum_by_dev. */
    bool csum_partial;
};

/* Takes the next packet to send on `iface` (-1: on any). Returns false when nothing may leave. Not calling is how a
 * full device pushes back: it never counts as loss. */
bool la_output(struct la_stack *stack, int iface, struct la_packet *packet, la_time now);

/* Whether la_output(stack, iface, …) may have something. */
bool la_output_pending(const struct la_stack *stack, int iface);

/* Copies a packet's pieces to `to`, at most `size` bytes. Returns the bytes copied. */
size_t la_packet_copy(const struct la_packet *packet, void *to, size_t size);

/* The longest headers that are cut: of Ethernet, IPv4 and TCP, with all their options. */
#define LA_PACKET_HEAD 136

/* How far la_packet_cut has come with a packet. Zero before the first call. */
struct la_cut {
    size_t taken; /* Bytes, headers included. */
    unsigned given;
    uint8_t head[LA_PACKET_HEAD]; /* The latest piece's headers. */
};

/* The packets that a unit stands for, one with every call, each complete with its checksums and lengths: what a device
 * would send that cuts by itself. Any other packet comes out once, with its checksum finished. Returns false when there
 * is no more. A piece is valid until the next call and as long as the packet; it points into both. */
bool la_packet_cut(const struct la_packet *packet, enum la_link link, struct la_cut *cut, struct la_packet *piece);

/* Where things are in a TCP or UDP packet, from its first byte: what a device must know that finishes checksums. */
struct la_frame {
    uint16_t ip, transport, payload;
    uint16_t csum; /* The checksum field. */
    bool is4;
    uint8_t proto;
};

/* False: neither TCP nor UDP directly behind the IP header, or the headers are not in the first piece. */
bool la_packet_frame(const struct la_packet *packet, enum la_link link, struct la_frame *frame);

/* --- Time --- */

/* When la_tick must be called at the latest; LA_NEVER when nothing waits. */
la_time la_poll_at(const struct la_stack *stack);

/* Does what is due at `now`. Calling early is harmless. */
void la_tick(struct la_stack *stack, la_time now);

/* --- Events --- */

enum la_event_bits {
    LA_EV_READABLE = 1,   /* Data (or a datagram) can be received. */
    LA_EV_WRITABLE = 2,   /* There is room to send again, or the connect is done. */
    LA_EV_EOF = 4,        /* The peer has sent FIN: la_recv gives 0 after the data. */
    LA_EV_ERROR = 8,      /* SO_ERROR holds something. */
    LA_EV_ACCEPTED = 16,  /* A listener has a connection to la_accept. */
    LA_EV_CONNECTED = 32, /* connect() has succeeded. */
    LA_EV_URGENT = 128,   /* The peer has sent urgent data: that it comes, and that LA_MSG_OOB can take it. */
    LA_EV_CLOSED = 64,    /* The state is CLOSED. After a lingering la_close: it is over and the handle is stale. */
};

struct la_event {
    la_sock sock;
    uint64_t owner;  /* The tag given by la_owner_set. */
    uint32_t events; /* LA_EV_READABLE | … : what became true since the socket's last event. */
};

/* Takes the next event. Edges, merged per socket; la_ready() gives the level. Returns false when there is none. */
bool la_next_event(struct la_stack *stack, struct la_event *event);

/* --- Settings: one table knows them under their Linux, BSD, Windows and Solaris names --- */

struct la_setting {
    const char *name; /* The stack's own name, Linux's where Linux has one ("net.ipv4.tcp_fin_timeout"). */
    const char *unit; /* "s", "ms", "bytes", "bool", "count". */
    const char *help; /* What it does, one sentence. */
    int64_t min, max; /* The bounds that la_set accepts. */
};

/* Sets by any known name. The value is in the unit of *that name* (KeepAliveTime is in ms, tcp_keepalive_time in s).
 * Returns 0, -LA_ENOENT (unknown name), -LA_EINVAL (out of bounds), -LA_EOPNOTSUPP (a known name that is refused;
 * la_setting_refusal says why). */
int la_set(struct la_stack *stack, const char *name, int64_t value);
int la_get(const struct la_stack *stack, const char *name, int64_t *value);

/* The same with the value as people write it: a decimal number, or where a setting is one of several, its word
 * (net.ipv4.tcp_congestion_control: "reno", "cubic", "bbr"; net.inet.tcp.cc.algorithm: "newreno", …). Also -LA_ENOENT
 * for an unknown word, -LA_EINVAL for no number, or where `size` bytes do not hold the text and its end. Only
 * la_get_text knows net.ipv4.tcp_available_congestion_control: all words with blanks between. */
int la_set_text(struct la_stack *stack, const char *name, const char *text);
int la_get_text(const struct la_stack *stack, const char *name, char *text, size_t size);

/* The key of Fast Open's cookies (Linux's net.ipv4.tcp_fastopen_key as bytes): 16 bytes, or 32 for a second one whose
 * cookies are still accepted. A stack begins with a random one; machines behind one address need the same. Listeners
 * may have their own (LA_TCP_FASTOPEN_KEY). 0, -LA_EFAULT or -LA_EINVAL. */
int la_fastopen_key_set(struct la_stack *stack, const void *key, size_t len);

/* Why a known name is refused ("tcp_tw_recycle": …), or NULL. */
const char *la_setting_refusal(const char *name);

/* The i-th setting, its value in `value`; false past the end. */
bool la_setting_at(const struct la_stack *stack, unsigned i, struct la_setting *setting, int64_t *value);

/* Sets every setting to a profile's value. Returns 0 or -LA_EINVAL. */
int la_profile(struct la_stack *stack, const char *profile);

#endif
