/* IPv6 (RFC 8200). */
#ifndef WIRE_IP6_H
#define WIRE_IP6_H

#include "wire/wire.h"

#define IP6_LEN 40
#define IP6_FRAG_LEN 8

struct ip6_hdr {
    struct la_addr src, dst;
    uint8_t tos; /* Traffic class. */
    uint32_t flow_label;
    uint8_t hop_limit, next_header;
    uint16_t payload_len; /* Everything after the fixed header. */
};

struct ip6_frag {
    uint8_t next_header;
    uint16_t offset; /* Bytes. */
    bool more;
    uint32_t id;
};

/* What the chain of extension headers ends in. */
struct ip6_chain {
    uint8_t proto;   /* Of the payload, or PROTO_FRAGMENT where a fragment header ends the walk. */
    uint16_t offset; /* Of the payload (or of what follows the fragment header) from the packet's beginning. */
    bool fragment;   /* A fragment header was met; the walk stops behind it. */
    struct ip6_frag frag;
    uint16_t bad_offset; /* Of the byte that stopped the walk: the pointer of an ICMPv6 parameter problem. */
};

/* The last three set bad_offset and ask for an ICMPv6 parameter problem (RFC 4443, 3.4) of code 0, 1, 2. One about an
 * option is for packets to multicast addresses only where the option's two highest bits are 10 (RFC 8200, 4.2). */
enum ip6_result { IP6_OK, IP6_BAD, IP6_BAD_FIELD, IP6_UNKNOWN_HEADER, IP6_UNKNOWN_OPTION };

/* Fixed header; bytes beyond payload_len are allowed. */
enum ip6_result ip6_parse(const uint8_t *packet, size_t len, struct ip6_hdr *h);
/* Walks hop-by-hop, routing (segments left 0 only) and destination options, at most 8 headers, to the payload: TCP,
 * UDP, ICMPv6 or PROTO_NONE. Begins at h->next_header and IP6_LEN; reads no more of the fixed header. */
enum ip6_result ip6_walk(const uint8_t *packet, size_t len, const struct ip6_hdr *h, struct ip6_chain *chain);
void ip6_build(struct writer *w, const struct ip6_hdr *h);

#endif
