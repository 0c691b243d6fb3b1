/* Packets seen from outside (lastack/segment.h): one IP packet as one flat struct, back, and as a line of text.
 *
 * In: bytes from a device, a capture or a test; out: a struct whose payload points into those bytes. Nothing is owned,
 * nothing is allocated, no stack is needed. It is a thin layer over wire/, so that a tool and the stack never read the
 * same packet in two ways. Wrong checksums are told, not refused: who looks from outside wants to see such packets.
 *
 * Text is written byte by byte through a bounded cursor: what does not fit is cut, the text always ends in NUL (size 0
 * aside), and the length returned is that of what was written. */
#include <lastack/segment.h>

#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"

/* --- From bytes --- */

/* Where TCP is in a packet, and what IP said about it. */
struct carrier {
    struct la_addr src, dst;
    struct la_span tcp;
    uint8_t tos, ttl;
    bool csum_ok; /* Of the IP header. */
};

static bool carrier4_parse(const uint8_t *p, size_t len, struct carrier *c) {
    struct ip4_hdr h;
    enum ip4_result result = ip4_parse(p, len, &h);
    if (result == IP4_BAD || h.proto != PROTO_TCP || h.more_fragments || h.frag_offset) return false;
    *c = (struct carrier){
        .src = h.src,
        .dst = h.dst,
        .tcp = {p + h.header_len, (size_t)(h.total_len - h.header_len)},
        .tos = h.tos,
        .ttl = h.ttl,
        .csum_ok = result == IP4_OK,
    };
    return true;
}

static bool carrier6_parse(const uint8_t *p, size_t len, struct carrier *c) {
    struct ip6_hdr h;
    struct ip6_chain chain;
    if (ip6_parse(p, len, &h) != IP6_OK || ip6_walk(p, len, &h, &chain) != IP6_OK) return false;
    if (chain.proto != PROTO_TCP) return false;
    /* On the wire such an address stands for nothing, here it would pass for IPv4 (RFC 4942, 2.2). */
    if (la_addr_is4(&h.src) || la_addr_is4(&h.dst)) return false;
    *c = (struct carrier){
        .src = h.src,
        .dst = h.dst,
        .tcp = {p + chain.offset, IP6_LEN + (size_t)h.payload_len - chain.offset},
        .tos = h.tos,
        .ttl = h.hop_limit,
        .csum_ok = true,
    };
    return true;
}

static bool carrier_parse(enum la_link link, const uint8_t *p, size_t len, struct carrier *c) {
    struct reader r = reader_of(p, len);
    if (link == LA_LINK_ETHERNET) {
        struct eth_hdr eth;
        if (!eth_parse(&r, &eth)) return false;
        if (eth.type == ETH_IP4) return carrier4_parse(r.at, reader_left(&r), c);
        return eth.type == ETH_IP6 && carrier6_parse(r.at, reader_left(&r), c);
    }
    if (len == 0) return false;
    return p[0] >> 4 == 4 ? carrier4_parse(p, len, c) : carrier6_parse(p, len, c);
}

static void options_from(const struct tcp_options *o, struct la_segment *segment) {
    segment->mss = o->mss;
    /* A shift beyond 14 is nonsense already (RFC 7323, 2.3); one beyond the type must not look absent. */
    segment->wscale = o->has_wscale ? (int8_t)size_min(o->wscale, INT8_MAX) : (int8_t)-1;
    segment->sack_ok = o->sack_ok;
    segment->has_ts = o->has_ts;
    segment->ts_val = o->ts_val;
    segment->ts_ecr = o->ts_ecr;
    segment->nsack = o->nsack;
    for (unsigned i = 0; i < o->nsack; i++) {
        segment->sack[i] = (struct la_sack_block){o->sack[i].from.n, o->sack[i].to.n};
    }
}

bool la_segment_parse(enum la_link link, const void *packet, size_t len, struct la_segment *segment) {
    struct carrier c;
    struct tcp_seg tcp;
    if (!carrier_parse(link, packet, len, &c) || !tcp_parse(c.tcp.data, c.tcp.len, &tcp)) return false;
    *segment = (struct la_segment){
        .src = {.addr = c.src, .port = tcp.src_port},
        .dst = {.addr = c.dst, .port = tcp.dst_port},
        .seq = tcp.seq.n,
        .ack = tcp.ack.n,
        .flags = tcp.flags,
        .wnd = tcp.wnd,
        .urg = tcp.urg,
        .tos = c.tos,
        .ttl = c.ttl,
        .csum_ok = c.csum_ok && tcp_csum_ok(c.tcp.data, c.tcp.len, &c.src, &c.dst),
        .data = tcp.data.data,
        .len = tcp.data.len,
    };
    options_from(&tcp.opt, segment);
    return true;
}

/* --- To bytes --- */

static const struct tcp_option_layout linux_layout = {
    .order = {TCPOPT_MSS, TCPOPT_SACK_OK, TCPOPT_TS, TCPOPT_WSCALE, TCPOPT_SACK},
};

static struct tcp_options options_to(const struct la_segment *segment) {
    struct tcp_options o = {
        .has_mss = segment->mss != 0,
        .mss = segment->mss,
        .has_wscale = segment->wscale >= 0,
        .wscale = (uint8_t)segment->wscale,
        .sack_ok = segment->sack_ok,
        .has_ts = segment->has_ts,
        .ts_val = segment->ts_val,
        .ts_ecr = segment->ts_ecr,
        .nsack = (uint8_t)size_min(segment->nsack, TCP_SACK_MAX),
    };
    for (unsigned i = 0; i < o.nsack; i++) {
        o.sack[i] = (struct tcp_sack){seq_of(segment->sack[i].from), seq_of(segment->sack[i].to)};
    }
    return o;
}

static void ip_put(struct writer *w, const struct la_segment *segment, bool is4, size_t tcp_len) {
    if (is4) {
        ip4_build(w, &(struct ip4_hdr){
                         .src = segment->src.addr,
                         .dst = segment->dst.addr,
                         .tos = segment->tos,
                         .ttl = segment->ttl,
                         .proto = PROTO_TCP,
                         .dont_fragment = true,
                         .total_len = (uint16_t)(IP4_LEN + tcp_len),
                     });
    } else {
        ip6_build(w, &(struct ip6_hdr){
                         .src = segment->src.addr,
                         .dst = segment->dst.addr,
                         .tos = segment->tos,
                         .hop_limit = segment->ttl,
                         .next_header = PROTO_TCP,
                         .payload_len = (uint16_t)tcp_len,
                     });
    }
}

/* Header, options and payload; the checksum right or wrong as asked. */
static void tcp_put(struct writer *w, const struct la_segment *segment, const struct tcp_seg *tcp, size_t tcp_len) {
    uint8_t *p = w->at;
    tcp_build(w, tcp, &linux_layout);
    uint8_t *data = write_room(w, segment->len);
    if (segment->len > 0 && segment->data) memcpy(data, segment->data, segment->len);
    if (segment->len > 0 && !segment->data) memset(data, 0, segment->len);
    struct csum c = {0, 0};
    wire_pseudo(&c, &segment->src.addr, &segment->dst.addr, PROTO_TCP, (uint32_t)tcp_len);
    csum_add(&c, p, tcp_len);
    /* One bit makes it wrong for sure; all 16 might not (0 and 0xffff are equal in ones' complement). */
    put16(p + 16, csum_finish(&c) ^ (segment->csum_ok ? 0 : 1));
}

size_t la_segment_build(const struct la_segment *segment, void *packet, size_t size) {
    bool is4 = la_addr_is4(&segment->src.addr);
    if (is4 != la_addr_is4(&segment->dst.addr)) return 0;
    struct tcp_seg tcp = {
        .src_port = segment->src.port,
        .dst_port = segment->dst.port,
        .seq = seq_of(segment->seq),
        .ack = seq_of(segment->ack),
        .flags = segment->flags,
        .wnd = segment->wnd,
        .urg = segment->urg,
        .opt = options_to(segment),
    };
    size_t ip_len = is4 ? IP4_LEN : IP6_LEN;
    size_t head = TCP_LEN + tcp_options_len(&tcp.opt, &linux_layout);
    size_t max = is4 ? UINT16_MAX - IP4_LEN : UINT16_MAX; /* What the IP header's length field can say. */
    if (segment->len > max - head || size < ip_len + head + segment->len) return 0;
    struct writer w = writer_of(packet, size);
    ip_put(&w, segment, is4, head + segment->len);
    tcp_put(&w, segment, &tcp, head + segment->len);
    return writer_len(&w);
}

/* --- To text --- */

static void put_text(struct writer *w, const char *text) {
    for (; *text; text++) write8(w, (uint8_t)*text);
}

static void put_number(struct writer *w, uint32_t value) {
    char digits[10];
    size_t n = 0;
    do digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (n > 0) write8(w, (uint8_t)digits[--n]);
}

static void put_field(struct writer *w, const char *name, uint32_t value) {
    put_text(w, name);
    put_number(w, value);
}

/* IPv6 addresses stand in brackets, for their colons. */
static void put_endpoint(struct writer *w, const struct la_endpoint *e) {
    char text[LA_ADDR_TEXT];
    bool is4 = la_addr_is4(&e->addr);
    la_addr_format(&e->addr, text, sizeof text);
    put_text(w, is4 ? "" : "[");
    put_text(w, text);
    put_text(w, is4 ? ":" : "]:");
    put_number(w, e->port);
}

/* The letters that tcpdump taught everybody, in its order. */
static void put_flag_letters(struct writer *w, uint16_t flags) {
    static const struct {
        uint16_t flag;
        char letter;
    } letters[] = {
        {LA_FIN, 'F'}, {LA_SYN, 'S'}, {LA_RST, 'R'}, {LA_PSH, 'P'}, {LA_ACK, '.'},
        {LA_URG, 'U'}, {LA_ECE, 'E'}, {LA_CWR, 'W'}, {LA_AE, 'e'},
    };
    if (!(flags & 0x1ff)) put_text(w, "none");
    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        if (flags & letters[i].flag) write8(w, (uint8_t)letters[i].letter);
    }
}

/* Between options stands a comma, before the first of them what opens the list. */
static void put_option(struct writer *w, bool *any, const char *name) {
    put_text(w, *any ? "," : " <");
    put_text(w, name);
    *any = true;
}

static void put_options(struct writer *w, const struct la_segment *segment) {
    bool any = false;
    if (segment->mss) {
        put_option(w, &any, "mss ");
        put_number(w, segment->mss);
    }
    if (segment->sack_ok) put_option(w, &any, "sackOK");
    if (segment->has_ts) {
        put_option(w, &any, "TS val ");
        put_number(w, segment->ts_val);
        put_field(w, " ecr ", segment->ts_ecr);
    }
    if (segment->wscale >= 0) {
        put_option(w, &any, "wscale ");
        put_number(w, (uint32_t)segment->wscale);
    }
    if (segment->nsack) put_option(w, &any, "sack");
    for (size_t i = 0; i < size_min(segment->nsack, COUNT_OF(segment->sack)); i++) {
        put_field(w, " ", segment->sack[i].from);
        put_field(w, ":", segment->sack[i].to);
    }
    if (any) put_text(w, ">");
}

/* Ends the text behind what was written; the last byte was kept for it. */
static size_t text_end(struct writer *w) {
    *w->at = '\0';
    return writer_len(w);
}

size_t la_segment_text(const struct la_segment *segment, char *text, size_t size) {
    if (size == 0) return 0;
    struct writer w = writer_of(text, size - 1);
    put_endpoint(&w, &segment->src);
    put_text(&w, " > ");
    put_endpoint(&w, &segment->dst);
    put_text(&w, " [");
    put_flag_letters(&w, segment->flags);
    put_field(&w, "] seq ", segment->seq);
    if (segment->flags & LA_ACK) put_field(&w, " ack ", segment->ack);
    put_field(&w, " win ", segment->wnd);
    if (segment->flags & LA_URG) put_field(&w, " urg ", segment->urg);
    put_field(&w, " len ", (uint32_t)segment->len);
    put_options(&w, segment);
    return text_end(&w);
}

size_t la_flags_text(uint16_t flags, char *text, size_t size) {
    static const struct {
        uint16_t flag;
        char name[4];
    } names[] = {
        {LA_FIN, "FIN"}, {LA_SYN, "SYN"}, {LA_RST, "RST"}, {LA_PSH, "PSH"}, {LA_ACK, "ACK"},
        {LA_URG, "URG"}, {LA_ECE, "ECE"}, {LA_CWR, "CWR"}, {LA_AE, "AE"},
    };
    if (size == 0) return 0;
    struct writer w = writer_of(text, size - 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!(flags & names[i].flag)) continue;
        if (writer_len(&w) > 0) write8(&w, '+');
        put_text(&w, names[i].name);
    }
    if (!(flags & 0x1ff)) put_text(&w, "-");
    return text_end(&w);
}
