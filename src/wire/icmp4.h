/* ICMP for IPv4 (RFC 792, 1191). */
#ifndef WIRE_ICMP4_H
#define WIRE_ICMP4_H

#include "wire/wire.h"

#define ICMP4_LEN 8
enum icmp4_type {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACHABLE = 3,
    ICMP4_SOURCE_QUENCH = 4,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO = 8,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAMETER = 12,
};
enum icmp4_unreachable {
    ICMP4_NET = 0,
    ICMP4_HOST = 1,
    ICMP4_PROTOCOL = 2,
    ICMP4_PORT = 3,
    ICMP4_FRAG_NEEDED = 4,
    ICMP4_SRC_ROUTE_FAILED = 5,
    ICMP4_NET_PROHIBITED = 9,
    ICMP4_HOST_PROHIBITED = 10,
    ICMP4_ADMIN_PROHIBITED = 13,
};

struct icmp4_msg {
    uint8_t type, code;
    uint32_t rest;       /* The second word: id << 16 | sequence for echo, MTU in the low half for FRAG_NEEDED. */
    struct la_span body; /* What follows. Points into the packet. */
};

enum icmp_result { ICMP_OK, ICMP_BAD, ICMP_BAD_CSUM };

enum icmp_result icmp4_parse(const uint8_t *data, size_t len, struct icmp4_msg *m);
/* Header and body, checksum filled in. */
void icmp4_build(struct writer *w, const struct icmp4_msg *m);

#endif
