/* ICMPv6 (RFC 4443). */
#ifndef WIRE_ICMP6_H
#define WIRE_ICMP6_H

#include "wire/icmp4.h"
#include "wire/wire.h"

#define ICMP6_LEN 8
enum icmp6_type {
    ICMP6_UNREACHABLE = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_TIME_EXCEEDED = 3,
    ICMP6_PARAMETER = 4,
    ICMP6_ECHO = 128,
    ICMP6_ECHO_REPLY = 129,
    ICMP6_ROUTER_SOLICIT = 133,
    ICMP6_ROUTER_ADVERT = 134,
    ICMP6_NEIGHBOUR_SOLICIT = 135,
    ICMP6_NEIGHBOUR_ADVERT = 136,
};
enum icmp6_unreachable {
    ICMP6_NO_ROUTE = 0,
    ICMP6_PROHIBITED = 1,
    ICMP6_BEYOND_SCOPE = 2,
    ICMP6_ADDRESS = 3,
    ICMP6_PORT = 4,
};

struct icmp6_msg {
    uint8_t type, code;
    uint32_t rest; /* The second word: MTU, pointer, id << 16 | sequence, flags. */
    struct la_span body;
};

enum icmp_result icmp6_parse(const uint8_t *data, size_t len, const struct la_addr *src, const struct la_addr *dst,
                             struct icmp6_msg *m);
void icmp6_build(struct writer *w, const struct la_addr *src, const struct la_addr *dst, const struct icmp6_msg *m);

#endif
