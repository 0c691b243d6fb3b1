/* IPv4 (RFC 791). */
#ifndef WIRE_IP4_H
#define WIRE_IP4_H

#include "wire/wire.h"

#define IP4_LEN 20
#define IP4_LEN_MAX 60

struct ip4_hdr {
    struct la_addr src, dst;
    uint8_t tos; /* DSCP << 2 | ECN */
    uint8_t ttl, proto;
    uint16_t id;
    bool dont_fragment, more_fragments;
    uint16_t frag_offset; /* Bytes. */
    uint16_t header_len;  /* Bytes, options included. Parse only; the builder writes IP4_LEN. */
    uint16_t total_len;   /* Header and payload. */
};

enum ip4_result { IP4_OK, IP4_BAD, IP4_BAD_CSUM };

/* `packet` is the whole packet; bytes beyond total_len (link padding) are allowed. Checks version, lengths, checksum.
 */
enum ip4_result ip4_parse(const uint8_t *packet, size_t len, struct ip4_hdr *h);
/* Writes IP4_LEN bytes, checksum filled in. */
void ip4_build(struct writer *w, const struct ip4_hdr *h);

#endif
