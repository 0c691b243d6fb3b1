/* The IP layer: interfaces, addresses, routes, neighbours, reassembly, ICMP, path MTU, and the queue of packets that
 * belong to no connection.
 *
 * What comes in: packets from la_input. What goes out: datagrams for the transports (ip_input's result: no callback),
 * and finished packets (ip_output, ip_queue_next). It owns all state below the transports.
 *
 * Left out on purpose: forwarding, packets to our own addresses (ip_path_find refuses them), joining multicast groups
 * (MLD, IGMP), router discovery and redirects (routes are the caller's), and duplicate address detection (RFC 4862,
 * 5.4): an address may be used as soon as it is added. */
#ifndef IP_IP_H
#define IP_IP_H

#include <lastack/stack.h>

#include "base/env.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "wire/wire.h"

/* Room in front of the payload for link, IP and transport headers: 14 + 40 + 60, rounded up. */
#define IP_HEAD_ROOM 128

/* A packet on its way out, built from back to front: the transport writes its header and points at its payload, then
 * ip_output puts the IP and link headers before it. */
struct ip_packet {
    uint8_t head[IP_HEAD_ROOM];
    uint16_t head_at;  /* Where the headers begin in head[]; IP_HEAD_ROOM when there are none yet. */
    uint8_t nspans;    /* Payload pieces. */
    uint32_t data_len; /* Their sum. */
    uint16_t segment;  /* Payload of each of the TCP segments that the device cuts it into; 0: it is one. */
    struct la_span span[LA_PACKET_SPANS - 1];
};

/* What a route says beyond the way: the values of la_route_set. 0: nothing. */
struct ip_metrics {
    uint16_t advmss;             /* The MSS to offer. */
    uint16_t initcwnd, initrwnd; /* Segments. */
    bool mtu_locked;             /* The MTU is the route's, whatever ICMP says. */
};

/* Where a packet goes: found once per connection and kept with it (see ip_path_valid). */
struct ip_path {
    struct la_addr src, dst;
    struct la_addr next_hop; /* The gateway or dst. */
    uint16_t iface;
    uint16_t mtu;        /* Of the path as known: interface, route, ICMP (RFC 1191, 8201). */
    uint32_t generation; /* Of the routing state it was made from. */
    bool local_link;     /* dst is on the link itself. */
    struct ip_metrics metrics;
    bool broadcast; /* dst is an IPv4 broadcast address: limited, or of a prefix on the interface. */
};

/* What goes into the IP header. */
struct ip_meta {
    uint8_t proto, ttl, tos;
    bool may_fragment; /* Otherwise DF is set and a packet larger than the MTU is a drop (TOO_BIG). */
};

/* A datagram that arrived whole and is for us. `data` is valid until the next ip_input. */
struct ip_datagram {
    struct la_addr src, dst;
    uint8_t proto, ttl, tos;
    uint16_t iface;
    bool multicast;        /* dst is multicast or broadcast, or the frame's was. */
    bool csum_done;        /* The interface verified the transport checksum. */
    uint16_t segment_size; /* Payload of each of the segments that the device merged into this one; 0: it did not. */
    struct la_span data;
    struct la_span packet; /* The IP packet it came in, from its IP header (for ICMP errors), as far as it is there. */
};

/* An ICMP error about something that we sent. */
struct ip_error {
    struct la_addr src, dst; /* Of the quoted packet: src is ours. */
    struct la_addr from;     /* Who reports. */
    uint8_t proto;
    uint8_t icmp_type, icmp_code; /* In the numbers of src's family. */
    int error;                    /* la_errno that it means (positive), 0 for packet too big. */
    bool hard;                    /* RFC 1122, 4.2.3.9: port, protocol unreachable, administratively prohibited. */
    uint16_t mtu;          /* Packet too big: the new path MTU, else 0. Not noted yet: the transport first proves the
                              quote to be its own (RFC 5927), then calls ip_pmtu_note. */
    struct la_span quoted; /* The quoted transport header, 8 bytes at least. Valid until the next ip_input. */
};

enum ip_result {
    IP_NOTHING,  /* Consumed or dropped. */
    IP_DATAGRAM, /* For a transport (TCP or UDP). */
    IP_ERROR,    /* For the transport that sent what is quoted. */
};

struct ip_arrival {
    struct ip_datagram datagram;
    struct ip_error error;
};

struct ip_settings {
    uint8_t ttl;              /* Default hop limit. */
    la_time reass_timeout;    /* Of IPv4 (Linux: 30 s). IPv6's is 60 s by RFC 8200, 4.5. */
    uint32_t reass_max_bytes; /* Bound on bytes held in reassembly. */
    uint32_t reass_max;       /* Bound on datagrams in reassembly. */
    la_time pmtu_timeout;     /* RFC 1191, 6.3: 10 minutes. */
    uint16_t pmtu_min;        /* Smallest path MTU believed for IPv4 (Linux: 552). */
    uint32_t icmp_per_second; /* Bound on ICMP errors sent. */
    uint32_t neigh_max;       /* Bound on neighbour entries. */
    uint32_t queue_max;       /* Bound on packets in the queue below. */
};

struct ip; /* In ip/ip_state.h; the ip/ files and stack.c know its inside. */

int ip_create(struct env *env, struct wheel *wheel, struct ip **ip);
void ip_destroy(struct ip *ip);
/* The settings in force. They may be changed at any time. */
struct ip_settings *ip_settings(struct ip *ip);

int ip_iface_add(struct ip *ip, const struct la_iface_config *config);
int ip_addr_add(struct ip *ip, int iface, const struct la_addr *addr, unsigned prefix_len);
int ip_route_add(struct ip *ip, const struct la_addr *prefix, unsigned prefix_len, const struct la_addr *gateway,
                 int iface, uint32_t mtu);
/* As la_route_set. */
int ip_route_set(struct ip *ip, const struct la_addr *prefix, unsigned prefix_len, int iface, unsigned metric,
                 uint32_t value);
unsigned ip_iface_count(const struct ip *ip);
const struct la_iface_config *ip_iface(const struct ip *ip, unsigned iface);

/* Whether `addr` is one of this stack's own unicast addresses. */
bool ip_is_local(const struct ip *ip, const struct la_addr *addr);
/* The same for an address with a zone (see la_endpoint): a link-local one belongs to its interface alone. */
bool ip_is_local_in(const struct ip *ip, uint16_t zone, const struct la_addr *addr);
bool ip_is_any(const struct la_addr *addr);
bool ip_is_multicast(const struct la_addr *addr);  /* Or IPv4 limited broadcast. */
bool ip_is_link_local(const struct la_addr *addr); /* fe80::/10 */

/* --- In --- */

/* Takes one packet of an interface. IP_DATAGRAM and IP_ERROR fill *arrival; what it points at is valid until the next
 * ip_input. ARP, ND, echo and reassembly are dealt with here; replies go to the queue. */
enum ip_result ip_input(struct ip *ip, int iface, const uint8_t *packet, size_t len, struct ip_arrival *arrival);

/* Timers of this layer (neighbours, reassembly, path MTU) sit on the wheel as nodes; the root hands each expired one
 * that is not TCP's to this function. Returns false when the node is not of this layer. */
bool ip_timer(struct ip *ip, struct wheel_node *node);

/* Packets whose neighbour never answered come back as errors (EHOSTUNREACH, soft), as on Linux: ask after ip_timer
 * until false. `quoted` is valid until the next call of this function. */
bool ip_failed_next(struct ip *ip, struct ip_error *error);

/* --- Out --- */

/* Finds the way to `dst`. `src` may be NULL or a wildcard: the address is then chosen (RFC 6724 in short: of the
 * leaving interface, scope and longest match). `zone` is as in la_endpoint. Returns 0, -LA_ENETUNREACH or
 * -LA_EADDRNOTAVAIL. */
int ip_path_find(struct ip *ip, const struct la_addr *dst, const struct la_addr *src, uint16_t zone,
                 struct ip_path *path);
/* False when routes, addresses or the path MTU have changed since: find it again. */
bool ip_path_valid(const struct ip *ip, const struct ip_path *path);
/* What a path's generation must be to be valid. */
uint32_t ip_generation(const struct ip *ip);
/* The largest transport header + payload that fits in one packet. */
uint32_t ip_path_room(const struct ip_path *path);

void ip_packet_init(struct ip_packet *p);
/* `n` bytes of room directly before what is there. */
uint8_t *ip_packet_prepend(struct ip_packet *p, size_t n);
/* Adds payload by reference. */
void ip_packet_add(struct ip_packet *p, struct la_span span);

/* Puts the IP and link headers before `p`. True: *out is filled and points into `p`; it may leave. False: it may not
 * leave by itself (dropped and counted, or kept by copy until the neighbour's address is known). */
bool ip_output(struct ip *ip, const struct ip_path *path, const struct ip_meta *meta, struct ip_packet *p,
               struct la_packet *out);

/* Sends now what belongs to no connection: a copy goes to the queue of the path's interface (bounded; a full one is the
 * drop OUT_FULL), fragmented where allowed and needed. Returns 0, or, for those who want to know why it was dropped
 * (and counted), -LA_EMSGSIZE, -LA_ENOBUFS or -LA_ENOMEM. */
int ip_send(struct ip *ip, const struct ip_path *path, const struct ip_meta *meta, struct ip_packet *p);

/* Takes the next queued packet of `iface` (-1: any). Valid until the next call into this layer that may act. */
bool ip_queue_next(struct ip *ip, int iface, struct la_packet *out);
bool ip_queue_pending(const struct ip *ip, int iface);

/* Answers `d` with an ICMP error, rate-limited (RFC 1122, 3.2.2; RFC 4443, 2.4): port unreachable for UDP. */
void ip_port_unreachable(struct ip *ip, const struct ip_datagram *d);

/* Notes a smaller path MTU for dst (from a validated ICMP); never below what RFC 8201 (1280) or pmtu_min allow, never
 * above what is known. Paths made before become invalid. */
void ip_pmtu_note(struct ip *ip, const struct la_addr *dst, uint16_t mtu);

#endif
