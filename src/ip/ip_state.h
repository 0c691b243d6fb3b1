/* The inside of the IP layer: its one struct, and what its files offer each other.
 *
 *     ip.c     create, destroy, deadlines            iface.c   interfaces, addresses, whose address is it
 *     route.c  routes, paths, source addresses       pmtu.c    path MTU cache
 *     neigh.c  the neighbour cache                   solicit.c ARP and ND messages in and out
 *     input.c  packets in                            reass.c   reassembly
 *     icmp.c   ICMP of both families, in and out     output.c  packets out, fragmentation, the queue
 *
 * Only deadlines of this layer lie on a wheel of its own, whose next time is one node on the stack's wheel. */
#ifndef IP_IP_STATE_H
#define IP_IP_STATE_H

#include "base/mem.h"
#include "base/table.h"
#include "ip/ip.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/nd.h"

#define IP_IFACES_MAX 32
#define IP6_MTU_MIN 1280
#define IP4_MTU_MIN 68
#define ICMP_BURST 50 /* ICMP errors that may be sent at once. */

/* A packet kept by copy: in an interface's queue, waiting for a neighbour, or given back as failed. */
struct ip_queued {
    struct list link;
    uint32_t len;   /* Bytes in data[]. */
    uint16_t ip_at; /* Where the IP header begins: ETH_LEN on Ethernet, else 0. */
    uint16_t iface;
    uint16_t segment; /* As in la_packet. */
    bool csum_partial;
    uint8_t data[];
};

struct ip_iface {
    struct la_iface_config config;
    struct list queue; /* struct ip_queued, the next one first. */
};

/* One of our addresses. */
struct ip_local {
    struct la_addr addr;
    uint8_t prefix_len; /* Of 128. */
    uint16_t iface;
    uint32_t serial;    /* Lower: added earlier. */
    uint32_t broadcast; /* Of an IPv4 prefix, 0: it has none. */
};

struct ip_route {
    struct la_addr prefix, gateway;
    uint8_t prefix_len; /* Of 128. */
    bool has_gateway;
    uint16_t iface;
    uint16_t mtu; /* 0: the interface's. */
    struct ip_metrics metrics;
};

/* What lies on ip->deadlines. */
struct ip_deadline {
    struct wheel_node node;
    uint8_t kind; /* enum ip_deadline_kind */
};
enum ip_deadline_kind { IP_DEADLINE_NEIGH, IP_DEADLINE_REASS, IP_DEADLINE_PMTU };

/* RFC 4861, 7.3.2; used for ARP as well. */
enum neigh_state {
    NEIGH_INCOMPLETE, /* Asked by broadcast or multicast, no answer yet. */
    NEIGH_REACHABLE,  /* Confirmed; becomes STALE when fresh_until has passed, without any timer. */
    NEIGH_STALE,      /* Used as it is; the first use starts DELAY. */
    NEIGH_DELAY,      /* In use, to be probed soon. */
    NEIGH_PROBE,      /* Asked by unicast. */
};

struct neigh {
    struct list link;    /* In neigh_known or neigh_unknown, the longest unconfirmed first. */
    struct list waiting; /* struct ip_queued; INCOMPLETE only. */
    struct ip_deadline deadline;
    struct la_addr addr;
    la_time fresh_until; /* REACHABLE until then. */
    la_time changed_at;  /* When the MAC was last learned. */
    uint32_t index, chain;
    uint16_t iface;
    uint8_t mac[6];
    uint8_t state; /* enum neigh_state */
    uint8_t tries;
    uint8_t nwaiting;
};

#define NEIGH_HINTS 64

/* A source address that is right on an interface, as long as the generation holds. */
struct ip_source {
    struct la_addr addr;
    uint32_t iface, generation;
};

struct ip {
    struct env *env;
    struct wheel *wheel;
    struct wheel_node timer; /* On *wheel, not later than the first of deadlines. */
    struct wheel deadlines;
    struct ip_settings settings;
    uint32_t generation; /* Of routes, addresses and path MTUs; never 0. */

    struct ip_iface *ifaces[IP_IFACES_MAX];
    uint32_t nifaces;
    struct ip_local *locals; /* Ascending by address, then interface. */
    uint32_t nlocals, locals_cap, locals_serial;
    uint32_t local_hint; /* The one that a packet came to last. */
    struct ip_source source_hint;
    uint64_t local_bits;     /* A bit for the end of each: most foreign addresses are known as such at once. */
    struct ip_route *routes; /* Longest prefix first, then first added first. */
    uint32_t nroutes, routes_cap;

    struct pool neighs;
    struct table neigh_table;
    struct list neigh_known, neigh_unknown;
    uint32_t neigh_nunknown;
    uint32_t neigh_hint[NEIGH_HINTS]; /* The neighbour last looked up that maps here, or POOL_NONE. */
    struct list failed;               /* struct ip_queued whose neighbour never answered. */
    uint32_t nfailed;
    struct ip_queued *failed_given; /* What ip_failed_next last told of. */

    struct pool reasses;
    struct table reass_table;
    struct list reass_list; /* The oldest first. */
    size_t reass_bytes;
    uint8_t *whole; /* The latest datagram put together, until the next ip_input. */
    size_t whole_size;

    struct pool pmtus;
    struct table pmtu_table;
    struct list pmtu_list; /* The oldest first. */

    uint32_t queued;         /* Packets in all interfaces' queues. */
    uint32_t queue_turn;     /* The interface that ip_queue_next(-1) asks first. */
    struct ip_queued *given; /* The packet handed out last. */

    uint32_t icmp_tokens; /* ICMP errors that may be sent now, as of icmp_filled_at. */
    la_time icmp_filled_at;
};

/* A packet on its way in: what is known about it so far. */
struct ip_rx {
    struct ip_datagram *d;
    bool link_multicast; /* The frame was not for us alone. */
    bool reassembled;
};

/* la_addr_is4 and la_addr_equal for every packet's way. */
static inline bool addr_is4(const struct la_addr *addr) {
    uint64_t first;
    memcpy(&first, addr->bytes, sizeof first);
    return first == 0 && get32(addr->bytes + 8) == 0xffff;
}
static inline bool addr_equal(const struct la_addr *a, const struct la_addr *b) {
    uint64_t x[2], y[2];
    memcpy(x, a->bytes, sizeof x);
    memcpy(y, b->bytes, sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

/* --- ip.c --- */
void ip_deadline_init(struct ip_deadline *deadline, enum ip_deadline_kind kind);
void ip_deadline_arm(struct ip *ip, struct ip_deadline *deadline, la_time at);
void ip_deadline_stop(struct ip *ip, struct ip_deadline *deadline);
/* Routing has changed: all paths are looked up anew. */
void ip_changed(struct ip *ip);
/* Room for `more` further elements of `size` bytes in a growing array. */
bool ip_grow(struct ip *ip, void **array, uint32_t count, uint32_t *cap, uint32_t more, size_t size);

/* --- iface.c --- */
/* Our address: of any interface, or of this one where the address is link-local. NULL: not ours. */
const struct ip_local *iface_local(const struct ip *ip, unsigned iface, const struct la_addr *addr);
bool iface_is_broadcast(const struct ip *ip, unsigned iface, const struct la_addr *addr);
/* Whether a packet to `dst` that arrived on `iface` is for us; *multicast tells how. */
bool iface_accepts(struct ip *ip, unsigned iface, const struct la_addr *dst, bool *multicast);
/* Whether `src` may be the source of a packet that arrives on `iface` (RFC 1122, 3.2.1.3; RFC 4291, 2.5 to 2.7). */
bool iface_source_ok(struct ip *ip, unsigned iface, const struct la_addr *src);
bool addr_is_loopback(const struct la_addr *addr);
/* The number of leading bits that are equal, up to 128. */
unsigned addr_common(const struct la_addr *a, const struct la_addr *b);
/* The first prefix_len bits, then zeros. */
struct la_addr addr_mask(const struct la_addr *addr, unsigned prefix_len);
/* ff02::1:ffXX:XXXX (RFC 4291, 2.7.1). */
struct la_addr addr_solicited_node(const struct la_addr *addr);

/* --- route.c --- */
/* Adds where room has been made with route_room. The prefix length counts of 128. */
void route_insert(struct ip *ip, const struct ip_route *route);
bool route_room(struct ip *ip, uint32_t more);
/* The best route to `dst`, on `iface` if that is not negative; NULL: none. */
const struct ip_route *route_find(const struct ip *ip, const struct la_addr *dst, int iface);
/* Whether `addr` can be asked for directly on `iface`. */
bool route_on_link(const struct ip *ip, unsigned iface, const struct la_addr *addr);
/* A path to a neighbour, without any look-up. */
struct ip_path route_direct(const struct ip *ip, unsigned iface, const struct la_addr *src, const struct la_addr *dst);

/* --- neigh.c --- */
void neigh_init(struct ip *ip);
void neigh_free(struct ip *ip);
struct neigh *neigh_find(struct ip *ip, unsigned iface, const struct la_addr *addr);
/* The MAC to send to `hop` now; false when it has to be found first (neigh_wait). */
bool neigh_mac(struct ip *ip, const struct ip_path *path, uint8_t mac[6]);
/* Takes `packet`: it leaves when hop's MAC is known. */
void neigh_wait(struct ip *ip, const struct ip_path *path, struct ip_queued *packet);
/* A message of `addr` that names its MAC, not asked for: makes a STALE entry or updates one. */
void neigh_learn(struct ip *ip, unsigned iface, const struct la_addr *addr, const uint8_t mac[6]);
/* An answer to our question, or a claim: `solicited` confirms, `override_` may replace the MAC (RFC 4861, 7.2.5). `mac`
 * may be NULL. */
void neigh_answer(struct ip *ip, struct neigh *n, const uint8_t *mac, bool solicited, bool override_);
void neigh_expired(struct ip *ip, struct ip_deadline *deadline);

/* --- solicit.c --- */
/* Asks for `addr`'s MAC: by broadcast or multicast, or by unicast where `mac` is given. */
void solicit_send(struct ip *ip, unsigned iface, const struct la_addr *addr, const uint8_t *mac);
void arp_input(struct ip *ip, unsigned iface, struct reader *r, const uint8_t mac_dst[6]);
void nd_input(struct ip *ip, const struct ip_rx *rx, const struct icmp6_msg *icmp);

/* --- reass.c --- */
void reass_init(struct ip *ip);
void reass_free(struct ip *ip);
/* One fragment; `data` is its payload within `packet`. */
struct reass_fragment {
    struct la_addr src, dst;
    uint32_t id;
    uint32_t offset; /* Bytes. */
    bool more;
    uint8_t proto; /* Of the payload (IPv6: what the fragment header says). */
    uint8_t ttl, tos;
    uint16_t iface;
    bool multicast;
    struct la_span data;
    struct la_span packet;
};
/* Takes a fragment by copy. True: the datagram is whole, *packet is an IP packet without fragmentation that holds it,
 * valid until the next ip_input. */
bool reass_add(struct ip *ip, const struct reass_fragment *f, struct la_span *packet);
void reass_expired(struct ip *ip, struct ip_deadline *deadline);
/* Gives back the memory of the datagram handed out last. */
void reass_release(struct ip *ip);

/* --- icmp.c --- */
enum ip_result icmp4_input(struct ip *ip, const struct ip_rx *rx, struct ip_error *error);
enum ip_result icmp6_input(struct ip *ip, const struct ip_rx *rx, struct ip_error *error);
/* Answers the packet with an error of its own family, within the rate and where RFC 1122, 3.2.2 and RFC 4443, 2.4
 * allow. `rest` is the second word (ICMPv6 pointer). `multicast`: the packet was not for us alone. */
void icmp_error_send(struct ip *ip, unsigned iface, struct la_span packet, bool multicast, uint8_t type, uint8_t code,
                     uint32_t rest);
/* Fills src, dst, proto and quoted from the beginning of a packet that we sent. False when it does not show 8 bytes of
 * transport header. */
bool icmp_quote(const uint8_t *packet, size_t len, bool ip4, struct ip_error *error);

/* --- pmtu.c --- */
void pmtu_init(struct ip *ip);
void pmtu_free(struct ip *ip);
/* The noted path MTU, or 0. */
uint16_t pmtu_find(const struct ip *ip, const struct la_addr *dst);
void pmtu_expired(struct ip *ip, struct ip_deadline *deadline);

/* --- output.c --- */
/* A packet of `len` bytes (IP and up) to leave through `iface`, to be filled in; NULL: refused and counted. */
struct ip_queued *queue_packet(struct ip *ip, unsigned iface, size_t len);
void queue_packet_free(struct ip *ip, struct ip_queued *packet);
/* Puts it at the end of its interface's queue, Ethernet header written when `mac` is given; a full queue drops it. */
void queue_append(struct ip *ip, struct ip_queued *packet, const uint8_t *mac);
/* Writes the Ethernet header in front of a packet. */
void queue_eth(const struct ip *ip, unsigned iface, const uint8_t mac[6], uint16_t type, uint8_t *at);
/* Gives back the packet that ip_queue_next handed out last. */
void queue_release(struct ip *ip);

#endif
