/* ICMP (RFC 792) and ICMPv6 (RFC 4443).
 *
 * In: messages for us. Echo requests are answered; errors become struct ip_error for the transport that sent what they
 * quote, which alone can tell whether it really did (RFC 5927); neighbour discovery goes to solicit.c. Redirects,
 * router advertisements, timestamps and all else are ignored by name.
 *
 * Out: echo replies, and errors about packets that arrived, limited in rate by a bucket of tokens (RFC 1812, 4.3.2.8;
 * RFC 4443, 2.4 (f)) and never about what came to a group (RFC 1122, 3.2.2).
 *
 * What an error means to a program is Linux's choice of errno, and of which are hard. */
#include "ip/ip_state.h"

#define QUOTE4_MAX (576 - IP4_LEN - ICMP4_LEN)         /* RFC 1812, 4.3.2.3 */
#define QUOTE6_MAX (IP6_MTU_MIN - IP6_LEN - ICMP6_LEN) /* RFC 4443, 2.4 (c) */
#define QUOTED_TRANSPORT 8                             /* RFC 792: what is there at least. */

/* --- Out --- */

static void icmp_send(struct ip *ip, const struct ip_path *path, const struct icmp4_msg *m, uint8_t tos) {
    bool is4 = addr_is4(&path->dst);
    struct ip_packet p;
    ip_packet_init(&p);
    ip_packet_add(&p, m->body);
    uint8_t *header = ip_packet_prepend(&p, ICMP4_LEN);
    header[0] = m->type;
    header[1] = m->code;
    put16(header + 2, 0);
    put32(header + 4, m->rest);
    struct csum c = {0, 0};
    if (!is4) wire_pseudo(&c, &path->src, &path->dst, PROTO_ICMP6, (uint32_t)(ICMP6_LEN + m->body.len));
    csum_add(&c, header, ICMP4_LEN);
    csum_add(&c, m->body.data, m->body.len);
    put16(header + 2, csum_finish(&c));
    struct ip_meta meta = {
        .proto = is4 ? PROTO_ICMP4 : PROTO_ICMP6, .ttl = ip->settings.ttl, .tos = tos, .may_fragment = true};
    ip_send(ip, path, &meta, &p);
}

/* The way back to the sender of a packet that came to `dst`. */
static bool path_back(struct ip *ip, unsigned iface, const struct la_addr *src, const struct la_addr *dst,
                      struct ip_path *path) {
    const struct la_addr *from = ip_is_local(ip, dst) ? dst : NULL;
    uint16_t zone = ip_is_link_local(src) ? (uint16_t)(iface + 1) : 0;
    if (ip_path_find(ip, src, from, zone, path) == 0) return true;
    env_drop(ip->env, LA_D_NO_ROUTE);
    return false;
}

static bool rate_ok(struct ip *ip) {
    la_time passed = ip->env->now - ip->icmp_filled_at;
    if (passed > LA_SECOND) passed = LA_SECOND;
    uint64_t more = passed * ip->settings.icmp_per_second / LA_SECOND;
    if (more) {
        ip->icmp_tokens = (uint32_t)(more + ip->icmp_tokens < ICMP_BURST ? more + ip->icmp_tokens : ICMP_BURST);
        ip->icmp_filled_at = ip->env->now;
    }
    if (ip->icmp_tokens && ip->settings.icmp_per_second) {
        ip->icmp_tokens--;
        return true;
    }
    env_drop(ip->env, LA_D_ICMP_RATE);
    return false;
}

void icmp_error_send(struct ip *ip, unsigned iface, struct la_span packet, bool multicast, uint8_t type, uint8_t code,
                     uint32_t rest) {
    struct ip4_hdr h4;
    struct ip6_hdr h6;
    bool is4 = packet.data[0] >> 4 == 4;
    if (is4) {
        ip4_parse(packet.data, packet.len, &h4);
    } else {
        ip6_parse(packet.data, packet.len, &h6);
    }
    const struct la_addr *src = is4 ? &h4.src : &h6.src, *dst = is4 ? &h4.dst : &h6.dst;
    struct ip_path path;
    if (multicast || ip_is_any(src) || !rate_ok(ip) || !path_back(ip, iface, src, dst, &path)) return;
    struct icmp4_msg m = {.type = type, .code = code, .rest = rest, .body = packet};
    m.body.len = size_min(packet.len, is4 ? QUOTE4_MAX : QUOTE6_MAX);
    /* Errors go with the precedence of network control (RFC 1812, 4.3.2.5). */
    icmp_send(ip, &path, &m, is4 ? 0xc0 : 0);
    env_count(ip->env, LA_C_OUT_ICMP_ERRORS);
}

void ip_port_unreachable(struct ip *ip, const struct ip_datagram *d) {
    bool is4 = addr_is4(&d->dst);
    icmp_error_send(ip, d->iface, d->packet, d->multicast, is4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE,
                    is4 ? ICMP4_PORT : ICMP6_PORT, 0);
}

static void echo_reply(struct ip *ip, const struct ip_rx *rx, const struct icmp4_msg *request, uint8_t type) {
    struct ip_path path;
    if (!path_back(ip, rx->d->iface, &rx->d->src, &rx->d->dst, &path)) return;
    struct icmp4_msg reply = {.type = type, .rest = request->rest, .body = request->body};
    icmp_send(ip, &path, &reply, rx->d->tos);
    env_count(ip->env, LA_C_IN_ECHO);
}

/* --- What is quoted --- */

static bool quote4(struct reader *r, struct ip_error *error) {
    const uint8_t *p = read_bytes(r, IP4_LEN);
    if (!p || p[0] >> 4 != 4 || (p[0] & 15) * 4 < IP4_LEN) return false;
    read_bytes(r, (size_t)(p[0] & 15) * 4 - IP4_LEN);
    error->proto = p[9];
    error->src = la_addr4(p[12], p[13], p[14], p[15]);
    error->dst = la_addr4(p[16], p[17], p[18], p[19]);
    return (get16(p + 6) & 0x1fff) == 0; /* A later fragment shows no transport header. */
}

static bool quote6(struct reader *r, struct ip_error *error) {
    const uint8_t *packet = r->at;
    size_t len = size_min(reader_left(r), IP6_LEN + UINT16_MAX);
    if (len < IP6_LEN || packet[0] >> 4 != 6) return false;
    /* What is quoted is cut off, so the length it tells is not the one to walk by. */
    struct ip6_hdr h = {.next_header = packet[6], .payload_len = (uint16_t)(len - IP6_LEN)};
    struct ip6_chain chain;
    if (ip6_walk(packet, len, &h, &chain) != IP6_OK) return false;
    if (chain.fragment && chain.frag.offset) return false;
    error->proto = chain.fragment ? chain.frag.next_header : chain.proto;
    memcpy(error->src.bytes, packet + 8, 16);
    memcpy(error->dst.bytes, packet + 24, 16);
    return read_bytes(r, chain.offset) && !addr_is4(&error->src) && !addr_is4(&error->dst);
}

bool icmp_quote(const uint8_t *packet, size_t len, bool ip4, struct ip_error *error) {
    struct reader r = reader_of(packet, len);
    if (!(ip4 ? quote4(&r, error) : quote6(&r, error)) || r.bad) return false;
    error->quoted = (struct la_span){r.at, reader_left(&r)};
    return error->quoted.len >= QUOTED_TRANSPORT && (error->proto == PROTO_TCP || error->proto == PROTO_UDP);
}

/* --- What an error means --- */

struct meaning {
    uint8_t error; /* la_errno */
    bool hard;
};

/* Linux's icmp(7) meanings of unreachable codes. Linux's EHOSTDOWN and ENONET are here EHOSTUNREACH. */
static struct meaning unreachable4(uint8_t code) {
    static const struct meaning meanings[] = {
        [ICMP4_NET] = {LA_ENETUNREACH, false},
        [ICMP4_HOST] = {LA_EHOSTUNREACH, false},
        [ICMP4_PROTOCOL] = {LA_ENOPROTOOPT, true},
        [ICMP4_PORT] = {LA_ECONNREFUSED, true},
        [ICMP4_FRAG_NEEDED] = {0, false},
        [ICMP4_SRC_ROUTE_FAILED] = {LA_EOPNOTSUPP, false},
        [6] = {LA_ENETUNREACH, true},
        [7] = {LA_EHOSTUNREACH, true},
        [8] = {LA_EHOSTUNREACH, true},
        [ICMP4_NET_PROHIBITED] = {LA_ENETUNREACH, true},
        [ICMP4_HOST_PROHIBITED] = {LA_EHOSTUNREACH, true},
        [11] = {LA_ENETUNREACH, false},
        [12] = {LA_EHOSTUNREACH, false},
        [ICMP4_ADMIN_PROHIBITED] = {LA_EHOSTUNREACH, true},
        [14] = {LA_EHOSTUNREACH, true},
        [15] = {LA_EHOSTUNREACH, true},
    };
    return code < COUNT_OF(meanings) ? meanings[code] : (struct meaning){LA_EHOSTUNREACH, false};
}

static struct meaning unreachable6(uint8_t code) {
    static const struct meaning meanings[] = {
        [ICMP6_NO_ROUTE] = {LA_ENETUNREACH, false},
        [ICMP6_PROHIBITED] = {LA_EACCES, true},
        [ICMP6_BEYOND_SCOPE] = {LA_EHOSTUNREACH, false},
        [ICMP6_ADDRESS] = {LA_EHOSTUNREACH, false},
        [ICMP6_PORT] = {LA_ECONNREFUSED, true},
        [5] = {LA_EACCES, true},
        [6] = {LA_EACCES, true},
    };
    return code < COUNT_OF(meanings) ? meanings[code] : (struct meaning){LA_EHOSTUNREACH, false};
}

/* The next lower of the MTUs that links have had, for routers too old to tell theirs (RFC 1191, 7.1). */
static uint16_t plateau_below(uint16_t len) {
    static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
    for (unsigned i = 0; i < COUNT_OF(plateaus); i++)
        if (plateaus[i] < len) return plateaus[i];
    return IP4_MTU_MIN;
}

/* The errors that carry a quote; false: of a type that is ignored. */
static bool meaning4(const struct icmp4_msg *m, struct meaning *meaning) {
    switch (m->type) {
    case ICMP4_UNREACHABLE: *meaning = unreachable4(m->code); return true;
    case ICMP4_TIME_EXCEEDED: *meaning = (struct meaning){LA_EHOSTUNREACH, false}; return true;
    case ICMP4_PARAMETER: *meaning = (struct meaning){LA_EPROTO, true}; return true;
    default: return false;
    }
}

static bool meaning6(const struct icmp6_msg *m, struct meaning *meaning) {
    switch (m->type) {
    case ICMP6_UNREACHABLE: *meaning = unreachable6(m->code); return true;
    case ICMP6_TOO_BIG: *meaning = (struct meaning){0, false}; return true;
    case ICMP6_TIME_EXCEEDED: *meaning = (struct meaning){LA_EHOSTUNREACH, false}; return true;
    case ICMP6_PARAMETER: *meaning = (struct meaning){LA_EPROTO, true}; return true;
    default: return false;
    }
}

/* --- In --- */

static enum ip_result drop(struct ip *ip, enum la_drop why) {
    env_drop(ip->env, why);
    return IP_NOTHING;
}

/* A new path MTU, or 0 when it cannot be one. IPv6 links carry 1280 bytes at least: a smaller report is to be ignored
 * (RFC 8201, 4). */
static uint16_t reported_mtu(bool is4, uint32_t rest, const struct la_span *quote) {
    if (!is4) return rest < IP6_MTU_MIN ? 0 : (uint16_t)size_min(rest, UINT16_MAX);
    uint16_t mtu = (uint16_t)rest;
    if (mtu == 0) mtu = plateau_below(get16(quote->data + 2));
    return mtu < IP4_MTU_MIN ? 0 : mtu;
}

static enum ip_result error_input(struct ip *ip, const struct ip_rx *rx, uint8_t type, uint8_t code, uint32_t rest,
                                  struct la_span body, struct meaning meaning, struct ip_error *error) {
    bool is4 = addr_is4(&rx->d->dst);
    memset(error, 0, sizeof *error);
    if (rx->d->multicast) return drop(ip, LA_D_ICMP_BAD);
    if (!icmp_quote(body.data, body.len, is4, error)) return drop(ip, LA_D_ICMP_BAD);
    if (!ip_is_local(ip, &error->src)) return drop(ip, LA_D_ICMP_STRAY);
    error->from = rx->d->src;
    error->icmp_type = type;
    error->icmp_code = code;
    error->error = meaning.error;
    error->hard = meaning.hard;
    if (meaning.error) return IP_ERROR;
    error->mtu = reported_mtu(is4, rest, &body);
    return error->mtu ? IP_ERROR : drop(ip, LA_D_ICMP_BAD);
}

/* Whether a message may be used. A device that has verified checksums may leave them unfilled. */
static bool parsed_ok(struct ip *ip, const struct ip_rx *rx, enum icmp_result parsed) {
    if (parsed == ICMP_OK) return true;
    bool done = ip->ifaces[rx->d->iface]->config.rx_csum_done && !rx->reassembled;
    if (parsed == ICMP_BAD_CSUM && done) return true;
    env_drop(ip->env, parsed == ICMP_BAD_CSUM ? LA_D_ICMP_CSUM : LA_D_ICMP_BAD);
    return false;
}

enum ip_result icmp4_input(struct ip *ip, const struct ip_rx *rx, struct ip_error *error) {
    struct icmp4_msg m;
    struct meaning meaning;
    if (!parsed_ok(ip, rx, icmp4_parse(rx->d->data.data, rx->d->data.len, &m))) return IP_NOTHING;
    if (meaning4(&m, &meaning)) return error_input(ip, rx, m.type, m.code, m.rest, m.body, meaning, error);
    /* Echoes of a broadcast would multiply (RFC 1122, 3.2.2.6 leaves the choice). */
    if (m.type != ICMP4_ECHO || rx->d->multicast) return drop(ip, LA_D_ICMP_TYPE);
    echo_reply(ip, rx, &m, ICMP4_ECHO_REPLY);
    return IP_NOTHING;
}

enum ip_result icmp6_input(struct ip *ip, const struct ip_rx *rx, struct ip_error *error) {
    struct icmp6_msg m;
    struct meaning meaning;
    const struct ip_datagram *d = rx->d;
    if (!parsed_ok(ip, rx, icmp6_parse(d->data.data, d->data.len, &d->src, &d->dst, &m))) return IP_NOTHING;
    if (meaning6(&m, &meaning)) return error_input(ip, rx, m.type, m.code, m.rest, m.body, meaning, error);
    switch (m.type) {
    case ICMP6_ECHO: {
        struct icmp4_msg request = {.rest = m.rest, .body = m.body};
        echo_reply(ip, rx, &request, ICMP6_ECHO_REPLY);
        return IP_NOTHING;
    }
    case ICMP6_NEIGHBOUR_SOLICIT:
    case ICMP6_NEIGHBOUR_ADVERT: nd_input(ip, rx, &m); return IP_NOTHING;
    default: return drop(ip, LA_D_ICMP_TYPE);
    }
}
