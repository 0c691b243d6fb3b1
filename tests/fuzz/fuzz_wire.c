/* Every parser of bytes from outside. The first byte of the input selects one, the rest is its packet. What parsed is
 * built again and parsed again, and both structs must agree; where they do not, the target stops.
 *
 * Wrong IP and ICMP checksums count as parsed here: a fuzzer does not guess them, and the fields behind them are what
 * is to be tried. Builders write no IPv4 options, no unknown TCP options and no padding, so it is structs that are
 * compared, not bytes. */
#include <lastack/segment.h>

#include <stdlib.h>
#include <string.h>

#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/nd.h"
#include "wire/tcp.h"
#include "wire/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define BUILT_MAX (1 << 17)

/* Where packets are built, and the addresses that ICMPv6 needs. */
static uint8_t built[BUILT_MAX];
static const struct la_addr src = {{0xfe, 0x80, [15] = 1}}, dst = {{0xfe, 0x80, [15] = 2}};

static bool same_addr(const struct la_addr *a, const struct la_addr *b) { return la_addr_equal(a, b); }

static bool same_span(struct la_span a, struct la_span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void try_eth(const uint8_t *data, size_t len) {
    struct eth_hdr a, b;
    struct reader r = reader_of(data, len);
    if (!eth_parse(&r, &a)) return;
    struct writer w = writer_of(built, sizeof built);
    eth_build(&w, &a);
    MUST(memcmp(built, data, ETH_LEN) == 0);
    r = reader_of(built, writer_len(&w));
    MUST(eth_parse(&r, &b) && reader_left(&r) == 0);
    MUST(memcmp(a.dst, b.dst, 6) == 0 && memcmp(a.src, b.src, 6) == 0 && a.type == b.type);
}

static void try_arp(const uint8_t *data, size_t len) {
    struct arp_msg a;
    struct reader r = reader_of(data, len);
    if (!arp_parse(&r, &a)) return;
    struct writer w = writer_of(built, sizeof built);
    arp_build(&w, &a);
    MUST(writer_len(&w) == ARP_LEN && memcmp(built, data, ARP_LEN) == 0);
}

static void try_ip4(const uint8_t *data, size_t len) {
    struct ip4_hdr a, b;
    if (ip4_parse(data, len, &a) == IP4_BAD) return;
    MUST(a.header_len >= IP4_LEN && a.header_len <= a.total_len && a.total_len <= len);
    struct writer w = writer_of(built, sizeof built);
    ip4_build(&w, &a);
    MUST(writer_len(&w) == IP4_LEN);
    MUST(ip4_parse(built, a.total_len, &b) == IP4_OK);
    MUST(same_addr(&a.src, &b.src) && same_addr(&a.dst, &b.dst) && a.tos == b.tos && a.ttl == b.ttl);
    MUST(a.proto == b.proto && a.id == b.id && a.total_len == b.total_len && a.frag_offset == b.frag_offset);
    MUST(a.dont_fragment == b.dont_fragment && a.more_fragments == b.more_fragments && b.header_len == IP4_LEN);
}

static void try_ip6(const uint8_t *data, size_t len) {
    struct ip6_hdr a, b;
    struct ip6_chain chain;
    if (ip6_parse(data, len, &a) != IP6_OK) return;
    struct writer w = writer_of(built, sizeof built);
    ip6_build(&w, &a);
    MUST(writer_len(&w) == IP6_LEN && memcmp(built, data, IP6_LEN) == 0);
    MUST(ip6_parse(built, IP6_LEN + (size_t)a.payload_len, &b) == IP6_OK && same_addr(&a.dst, &b.dst));
    enum ip6_result result = ip6_walk(data, len, &a, &chain);
    if (result == IP6_OK) {
        MUST(chain.offset >= IP6_LEN && chain.offset <= IP6_LEN + (size_t)a.payload_len);
        MUST(chain.fragment == (chain.proto == PROTO_FRAGMENT));
    } else {
        MUST(chain.bad_offset < IP6_LEN + (size_t)a.payload_len);
    }
}

static void try_icmp4(const uint8_t *data, size_t len) {
    struct icmp4_msg a, b;
    if (icmp4_parse(data, len, &a) == ICMP_BAD) return;
    struct writer w = writer_of(built, sizeof built);
    icmp4_build(&w, &a);
    MUST(writer_len(&w) == len && icmp4_parse(built, len, &b) == ICMP_OK);
    MUST(a.type == b.type && a.code == b.code && a.rest == b.rest && same_span(a.body, b.body));
}

static bool icmp6_again(const uint8_t *data, size_t len, struct icmp6_msg *a) {
    struct icmp6_msg b;
    if (icmp6_parse(data, len, &src, &dst, a) == ICMP_BAD) return false;
    struct writer w = writer_of(built, sizeof built);
    icmp6_build(&w, &src, &dst, a);
    MUST(writer_len(&w) == len && icmp6_parse(built, len, &src, &dst, &b) == ICMP_OK);
    MUST(a->type == b.type && a->code == b.code && a->rest == b.rest && same_span(a->body, b.body));
    return true;
}

static void try_icmp6(const uint8_t *data, size_t len) {
    struct icmp6_msg m;
    icmp6_again(data, len, &m);
}

static void try_nd(const uint8_t *data, size_t len) {
    struct icmp6_msg icmp;
    struct nd_msg a, b;
    if (!icmp6_again(data, len, &icmp) || !nd_parse(&icmp, &a)) return;
    struct writer w = writer_of(built, sizeof built);
    nd_build(&w, &src, &dst, &a);
    MUST(icmp6_parse(built, writer_len(&w), &src, &dst, &icmp) == ICMP_OK && nd_parse(&icmp, &b));
    MUST(a.advert == b.advert && a.router == b.router && a.solicited == b.solicited && a.override_ == b.override_);
    MUST(same_addr(&a.target, &b.target) && a.has_mac == b.has_mac && memcmp(a.mac, b.mac, 6) == 0);
}

static void try_udp(const uint8_t *data, size_t len) {
    struct udp_hdr a;
    if (!udp_parse(data, len, &a)) return;
    MUST(a.len >= UDP_LEN && a.len <= len);
    struct writer w = writer_of(built, sizeof built);
    udp_build(&w, &a);
    MUST(writer_len(&w) == UDP_LEN && memcmp(built, data, UDP_LEN) == 0);
}

/* What a builder leaves out for lack of room is the end of the SACK blocks, and the cookie. */
static void same_options(const struct tcp_options *a, const struct tcp_options *b) {
    MUST(a->has_mss == b->has_mss && a->mss == b->mss);
    MUST(a->has_wscale == b->has_wscale && a->wscale == b->wscale);
    MUST(a->has_ts == b->has_ts && a->ts_val == b->ts_val && a->ts_ecr == b->ts_ecr);
    MUST(a->sack_ok == b->sack_ok && a->nsack >= b->nsack);
    for (unsigned i = 0; i < b->nsack; i++) {
        MUST(seq_eq(a->sack[i].from, b->sack[i].from) && seq_eq(a->sack[i].to, b->sack[i].to));
    }
    if (!b->has_fastopen) return;
    MUST(a->has_fastopen && a->fastopen_len == b->fastopen_len);
    MUST(memcmp(a->fastopen, b->fastopen, sizeof a->fastopen) == 0);
}

static void try_tcp(const uint8_t *data, size_t len) {
    static const struct tcp_option_layout layouts[] = {
        {{TCPOPT_MSS, TCPOPT_SACK_OK, TCPOPT_TS, TCPOPT_WSCALE, TCPOPT_SACK, TCPOPT_FASTOPEN}, false},
        {{TCPOPT_MSS, TCPOPT_WSCALE, TCPOPT_SACK_OK, TCPOPT_TS, TCPOPT_SACK, TCPOPT_FASTOPEN}, true},
    };
    struct la_addr a4 = la_addr4(10, 0, 0, 1);
    struct tcp_seg a, b;
    tcp_csum_ok(data, len, &a4, &a4);
    if (!tcp_parse(data, len, &a)) return;
    MUST(a.data.data + a.data.len == data + len && a.opt.nsack <= TCP_SACK_MAX);
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        struct writer w = writer_of(built, sizeof built);
        size_t header = tcp_build(&w, &a, &layouts[i]);
        MUST(header == TCP_LEN + tcp_options_len(&a.opt, &layouts[i]) && header <= TCP_LEN_MAX && header % 4 == 0);
        write_bytes(&w, a.data.data, a.data.len);
        MUST(tcp_parse(built, writer_len(&w), &b));
        MUST(a.src_port == b.src_port && a.dst_port == b.dst_port && seq_eq(a.seq, b.seq) && seq_eq(a.ack, b.ack));
        MUST(a.flags == b.flags && a.wnd == b.wnd && a.urg == b.urg && same_span(a.data, b.data));
        same_options(&a.opt, &b.opt);
    }
}

static void segment_again(enum la_link link, const uint8_t *data, size_t len) {
    struct la_segment a, b;
    char text[400];
    if (!la_segment_parse(link, data, len, &a)) return;
    MUST(la_segment_text(&a, text, sizeof text) < sizeof text);
    size_t n = la_segment_build(&a, built, sizeof built);
    if (n == 0) return; /* With our padding of the options it may be longer than an IP packet can be. */
    MUST(la_segment_parse(LA_LINK_IP, built, n, &b));
    MUST(same_addr(&a.src.addr, &b.src.addr) && same_addr(&a.dst.addr, &b.dst.addr));
    MUST(a.src.port == b.src.port && a.dst.port == b.dst.port && a.seq == b.seq && a.ack == b.ack);
    MUST(a.flags == b.flags && a.wnd == b.wnd && a.urg == b.urg && a.tos == b.tos && a.ttl == b.ttl);
    MUST(a.csum_ok == b.csum_ok && a.mss == b.mss && a.wscale == b.wscale && a.sack_ok == b.sack_ok);
    MUST(a.has_ts == b.has_ts && a.ts_val == b.ts_val && a.ts_ecr == b.ts_ecr && a.nsack >= b.nsack);
    MUST(a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0));
}

static void try_segment(const uint8_t *data, size_t len) { segment_again(LA_LINK_IP, data, len); }

static void try_frame(const uint8_t *data, size_t len) { segment_again(LA_LINK_ETHERNET, data, len); }

static void try_addr(const uint8_t *data, size_t len) {
    struct la_addr a, b;
    char text[LA_ADDR_TEXT];
    if (len >= sizeof built) return;
    memcpy(built, data, len);
    built[len] = '\0';
    if (!la_addr_parse((const char *)built, &a)) return;
    MUST(la_addr_format(&a, text, sizeof text) > 0 && la_addr_parse(text, &b) && same_addr(&a, &b));
}

/* A sum does not depend on how its bytes are cut. */
static void try_csum(const uint8_t *data, size_t len) {
    struct csum c = {0, 0};
    for (size_t at = 0; at < len;) {
        size_t n = size_min(len - at, 1 + (size_t)data[at]);
        csum_add(&c, data + at, n);
        at += n;
    }
    MUST(csum_finish(&c) == csum_of(data, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const parsers[])(const uint8_t *data, size_t len) = {
        try_eth, try_arp, try_ip4,     try_ip6,   try_icmp4, try_icmp6, try_nd,
        try_udp, try_tcp, try_segment, try_frame, try_addr,  try_csum,
    };
    if (size == 0 || size > BUILT_MAX / 2) return 0; /* No packet is that long. */
    parsers[data[0] % COUNT_OF(parsers)](data + 1, size - 1);
    return 0;
}
