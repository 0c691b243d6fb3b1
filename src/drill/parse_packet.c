/* Packets, from the '<' or '>' on:
 *
 *     packet:  ('<' | '>') layer* [ip] [encap psp spi n] [port > port] (tcp | udp | udplite | icmp | sctp)
 *     ip:      '(' what ',' … ')' or in brackets: tos, class, dscp, ECN, ttl, hlim, flowlabel
 *     tcp:     flags seq [ack n] [win n] [urg n] ['<' options '>'] [/udp(a > b)]
 *     seq:     a:b(len)[!] | ...(len)
 *     icmp:    [echoed] icmp type [code] [mtu n] [id n] [echoed],  echoed: '[' seq | udp(len) | udplite(len, n) |
 * raw(len) ']'
 *
 * What neither a target nor the runner can do (tunnels, SCTP, diagnostic payload) is read far enough to go on behind it
 * and noted in the packet's layer or in the script's not_applicable. */
#include <string.h>

#include <lastack/segment.h>

#include "icmp_names.h"
#include "packet_option.h"
#include "parse.h"

#define PACKET_MAX 65536 /* Bytes; more is a mistake of the script. */

static bool ip6_script(const struct parser *p) { return p->script->options.ip_version == LA_DRILL_IPV6; }

/* --- IP --- */

/* What was said about the eight bits that are TOS or traffic class. */
struct tos {
    bool all, dscp, ecn, ect01;
    unsigned value;
};

static const struct {
    const char *name;
    uint8_t value;
} dscps[] = {
    {"cs0", 0},   {"cs1", 8},   {"cs2", 16},  {"cs3", 24},  {"cs4", 32},         {"cs5", 40},
    {"cs6", 48},  {"cs7", 56},  {"af11", 10}, {"af12", 12}, {"af13", 14},        {"af21", 18},
    {"af22", 20}, {"af23", 22}, {"af31", 26}, {"af32", 28}, {"af33", 30},        {"af41", 34},
    {"af42", 36}, {"af43", 38}, {"ef", 46},   {"le", 1},    {"voice-admit", 44},
};

static bool dscp(struct parser *p, struct tos *tos) {
    uint64_t value = 0;
    lex_run(&p->lex, &p->token, "-");
    for (size_t i = 0; i < sizeof dscps / sizeof dscps[0]; i++) {
        if (!lex_is_word(&p->token, dscps[i].name)) continue;
        tos->value |= (unsigned)dscps[i].value << 2;
        parse_next(p);
        return true;
    }
    if (p->token.kind == LEX_WORD) {
        /* The run made a word of a number. */
        p->lex.at = p->token.begin;
        parse_next(p);
    }
    bool ok = parse_number(p, 63, "a DSCP", &value);
    tos->value |= (unsigned)value << 2;
    return ok;
}

/* The name of an ECN codepoint, if one stands here. */
static bool accept_ecn(struct parser *p, struct tos *tos) {
    static const char *const names[] = {"noecn", "ect1", "ect0", "ce"};
    for (unsigned i = 0; i < 4; i++) {
        if (!parse_accept_word(p, names[i])) continue;
        tos->ecn = true;
        tos->value |= i;
        return true;
    }
    if (!parse_accept_word(p, "ect01")) return false;
    tos->ect01 = true;
    return true;
}

static bool tos_part(struct parser *p, struct tos *tos) {
    struct lex_token begin = p->token;
    struct tos part = {0};
    uint8_t all = 0;
    bool ok = true;
    if (parse_accept_word(p, "tos") || parse_accept_word(p, "class")) {
        part.all = true;
        ok = parse_u8(p, "a TOS or traffic class", &all);
        part.value = all;
    } else if (parse_accept_word(p, "dscp")) {
        part.dscp = true;
        ok = dscp(p, &part);
    } else if (parse_accept_word(p, "ecn")) {
        ok = accept_ecn(p, &part) || parse_expected(p, "noecn, ect0, ect1, ect01 or ce behind ecn");
    } else if (!accept_ecn(p, &part)) {
        return parse_expected(p, "tos, class, dscp, noecn, ect0, ect1, ect01, ce, ttl, hlim or flowlabel");
    }
    if (!ok) return false;
    bool part_ecn = part.ecn || part.ect01, had_ecn = tos->ecn || tos->ect01;
    bool nothing_yet = !tos->all && !tos->dscp && !had_ecn;
    if (!nothing_yet && (tos->all || part.all || (part.dscp && tos->dscp) || (part_ecn && had_ecn))) {
        return parse_fail(p, &begin, "the TOS or traffic class was said already");
    }
    *tos = (struct tos){part.all, tos->dscp || part.dscp, tos->ecn || part.ecn, tos->ect01 || part.ect01,
                        tos->value | part.value};
    return true;
}

static bool ip_part(struct parser *p, struct drill_ip_info *ip, struct tos *tos) {
    uint64_t number = 0;
    if (parse_accept_word(p, "ttl") || parse_accept_word(p, "hlim")) {
        bool ok = parse_number(p, UINT8_MAX, "a TTL or hop limit", &number);
        ip->ttl = (int)number;
        return ok;
    }
    if (parse_accept_word(p, "flowlabel")) {
        bool ok = parse_number(p, 0xfffff, "a flow label", &number);
        ip->flowlabel = (int64_t)number;
        return ok;
    }
    return tos_part(p, tos);
}

/* (…) or […] if one stands here. */
static bool ip_info(struct parser *p, bool inbound, struct drill_ip_info *ip) {
    struct lex_token begin = p->token;
    struct tos tos = {0};
    *ip = (struct drill_ip_info){.ttl = -1, .flowlabel = -1};
    char close = parse_accept(p, '(') ? ')' : parse_accept(p, '[') ? ']' : '\0';
    if (close == '\0') return true;
    do {
        if (!ip_part(p, ip, &tos)) return false;
    } while (parse_accept(p, ','));
    if (!parse_char(p, close, "or ',' behind what is said of IP")) return false;
    if (tos.ect01 && inbound) return parse_fail(p, &begin, "ect01 is for outbound packets only");
    ip->tos = (uint8_t)tos.value;
    if (tos.all || (tos.dscp && (tos.ecn || inbound)))
        ip->tos_check = DRILL_TOS_ALL;
    else if (tos.dscp)
        p->script->not_applicable = "the check of a DSCP without the ECN bits";
    else if (tos.ecn)
        ip->tos_check = DRILL_TOS_ECN;
    else if (tos.ect01)
        ip->tos_check = DRILL_TOS_ECT01;
    return true;
}

/* --- Layers around the packet --- */

/* An address; the ':' that ends a header may touch it. */
static bool tunnel_address(struct parser *p, bool last) {
    struct lex_token begin = p->token;
    struct la_addr addr;
    char text[LA_ADDR_TEXT];
    lex_run(&p->lex, &p->token, ".:");
    size_t len = p->token.len;
    if (last && len > 0 && p->token.text[len - 1] == ':') len--;
    if (len >= sizeof text) return parse_fail(p, &begin, "an IP address that is too long");
    memcpy(text, p->token.text, len);
    text[len] = '\0';
    if (!la_addr_parse(text, &addr)) return parse_expected(p, "an IP address");
    p->lex.at = p->token.begin + len;
    parse_next(p);
    return true;
}

static bool ip_layer(struct parser *p, bool inbound) {
    struct drill_ip_info ignored;
    parse_next(p);
    return ip_info(p, inbound, &ignored) && tunnel_address(p, false) &&
           parse_char(p, '>', "behind the first address") && tunnel_address(p, true) &&
           parse_char(p, ':', "behind a header around the packet");
}

/* gre or mpls with what it says, up to its ':'. */
static bool tunnel_layer(struct parser *p) {
    while (!lex_is_char(&p->token, ':')) {
        if (p->token.kind == LEX_END || p->token.kind == LEX_BAD || lex_is_char(&p->token, '<') ||
            lex_is_char(&p->token, '>')) {
            return parse_char(p, ':', "behind a header around the packet");
        }
        parse_next(p);
    }
    parse_next(p);
    return true;
}

static bool layers(struct parser *p, struct drill_packet *packet) {
    for (;;) {
        if (lex_is_word(&p->token, "ipv4") || lex_is_word(&p->token, "ipv6")) {
            packet->layer = "ipip";
            if (!ip_layer(p, packet->inbound)) return false;
        } else if (lex_is_word(&p->token, "gre") || lex_is_word(&p->token, "GREv0")) {
            packet->layer = "gre";
            if (!tunnel_layer(p)) return false;
        } else if (lex_is_word(&p->token, "mpls")) {
            packet->layer = "mpls";
            if (!tunnel_layer(p)) return false;
        } else {
            return true;
        }
    }
}

static bool psp_layer(struct parser *p, struct drill_packet *packet) {
    uint64_t spi;
    if (!parse_accept_word(p, "encap")) return true;
    packet->layer = "psp";
    return (parse_accept_word(p, "psp") || parse_expected(p, "psp behind encap")) &&
           (parse_accept_word(p, "spi") || parse_expected(p, "spi behind psp")) &&
           parse_number(p, UINT32_MAX, "an SPI", &spi);
}

/* --- Ports and sequence numbers --- */

static bool port_pair(struct parser *p, uint16_t *src, uint16_t *dst) {
    return parse_u16(p, "a source port", src) && parse_char(p, '>', "behind a source port") &&
           parse_u16(p, "a destination port", dst);
}

/* a > b, if it stands here. */
static bool ports(struct parser *p, struct drill_packet *packet) {
    uint16_t src, dst;
    struct lex_token behind = parse_peek(p);
    if (p->token.kind != LEX_INTEGER || !lex_is_char(&behind, '>')) return true;
    if (!port_pair(p, &src, &dst)) return false;
    packet->src_port = src;
    packet->dst_port = dst;
    return true;
}

/* /udp(a > b), if it stands here. */
static bool udp_suffix(struct parser *p, struct drill_packet *packet) {
    if (!parse_accept(p, '/')) return true;
    packet->udp_encaps = true;
    return (parse_accept_word(p, "udp") || parse_expected(p, "udp behind '/'")) &&
           parse_char(p, '(', "and ports behind /udp") && port_pair(p, &packet->udp_src_port, &packet->udp_dst_port) &&
           parse_char(p, ')', "behind the ports of /udp");
}

static bool payload(struct parser *p, uint32_t *len) {
    uint16_t bytes = 0;
    bool ok = parse_char(p, '(', "and the length of the payload") && parse_u16(p, "the length of a payload", &bytes) &&
              parse_char(p, ')', "behind the length of a payload");
    *len = bytes;
    return ok;
}

struct sequence {
    uint32_t begin, end, len;
    bool any, absolute;
};

static bool sequence(struct parser *p, struct sequence *seq) {
    struct lex_token begin = p->token;
    if (p->token.kind == LEX_ELLIPSIS) {
        seq->any = true;
        parse_next(p);
        return payload(p, &seq->len);
    }
    if (!parse_u32(p, "a sequence number", &seq->begin) || !parse_char(p, ':', "after a sequence number") ||
        !parse_u32(p, "the sequence number of the end", &seq->end) || !payload(p, &seq->len)) {
        return false;
    }
    seq->absolute = parse_accept(p, '!');
    return seq->begin + seq->len == seq->end ||
           parse_fail(p, &begin, "sequence numbers %u and %u do not lie %u bytes apart", seq->begin, seq->end,
                      seq->len);
}

/* --- TCP --- */

/* One character of the flags. False: there is no such flag. */
static bool add_flag(struct drill_packet *packet, char c) {
    static const char letters[] = ".FSRPEWAU";
    static const uint16_t bits[] = {LA_ACK, LA_FIN, LA_SYN, LA_RST, LA_PSH, LA_ECE, LA_CWR, LA_AE, LA_URG};
    const uint16_t ecn = LA_ECE | LA_CWR | LA_AE;
    const char *found = c != '\0' ? strchr(letters, c) : NULL;
    if (found) {
        uint16_t bit = bits[found - letters];
        packet->flags |= bit;
        return !(packet->ace && (bit & ecn));
    }
    if (c < '0' || c > '7' || packet->ace || (packet->flags & ecn)) return false;
    unsigned ace = (unsigned)(c - '0');
    packet->ace = true;
    packet->flags |= (uint16_t)((ace & 1 ? LA_ECE : 0) | (ace & 2 ? LA_CWR : 0) | (ace & 4 ? LA_AE : 0));
    return true;
}

static bool flags(struct parser *p, struct drill_packet *packet) {
    lex_run(&p->lex, &p->token, ".-");
    bool none = p->token.len == 1 && p->token.text[0] == '-', ok = p->token.kind == LEX_WORD;
    for (size_t i = 0; i < p->token.len && ok && !none; i++) ok = add_flag(packet, p->token.text[i]);
    if (!ok) return parse_expected(p, "TCP flags (of .FSRPEWAU, an ACE number, or -), udp, udplite, icmp or sctp");
    parse_next(p);
    return true;
}

static bool acknowledgment(struct parser *p, struct drill_packet *packet) {
    if (!parse_accept_word(p, "ack")) return true;
    packet->has_ack = true;
    packet->ack_any = p->token.kind == LEX_ELLIPSIS;
    if (packet->ack_any) {
        parse_next(p);
        return true;
    }
    if (!parse_u32(p, "an acknowledgment number", &packet->ack)) return false;
    packet->ack_absolute = parse_accept(p, '!');
    return true;
}

static bool window_and_urgent(struct parser *p, struct drill_packet *packet) {
    if (parse_accept_word(p, "win")) {
        packet->has_window = true;
        if (!parse_u16(p, "a window", &packet->window)) return false;
    } else if (packet->inbound) {
        return parse_expected(p, "win: an inbound packet needs a window");
    }
    return !parse_accept_word(p, "urg") || parse_u16(p, "an urgent pointer", &packet->urgent);
}

/* [code n, pen n]: what FreeBSD puts in the payload of an RST. */
static bool diagnostic(struct parser *p) {
    if (!lex_is_char(&p->token, '[')) return true;
    p->script->not_applicable = "the diagnostic payload of an RST";
    return parse_skip_group(p, '[', ']');
}

static bool tcp(struct parser *p, struct drill_packet *packet) {
    struct lex_token begin = p->token;
    struct sequence seq = {0};
    uint8_t bytes[TCP_OPTIONS_MAX];
    packet->proto = DRILL_TCP;
    if (!flags(p, packet) || !sequence(p, &seq) || !acknowledgment(p, packet) || !window_and_urgent(p, packet)) {
        return false;
    }
    if (parse_accept(p, '<') && !parse_tcp_options(p, packet)) return false;
    if (!diagnostic(p) || !udp_suffix(p, packet)) return false;
    packet->seq = seq.begin;
    packet->seq_end = seq.end;
    packet->len = seq.len;
    packet->seq_any = seq.any;
    packet->seq_absolute = seq.absolute;
    uint32_t headers = (ip6_script(p) ? 60u : 40u) + options_encode(packet, bytes);
    return seq.len + headers <= PACKET_MAX || parse_fail(p, &begin, "a packet of more than %d bytes", PACKET_MAX);
}

/* --- UDP, UDP-Lite --- */

static bool udp(struct parser *p, struct drill_packet *packet) {
    packet->proto = DRILL_UDP;
    return ports(p, packet) && payload(p, &packet->len);
}

/* (length, coverage) */
static bool covered_payload(struct parser *p, struct drill_packet *packet, uint32_t *len) {
    uint16_t bytes = 0;
    bool ok = parse_char(p, '(', "and the length of the payload") && parse_u16(p, "the length of a payload", &bytes) &&
              parse_char(p, ',', "behind the length of a payload") &&
              parse_u16(p, "a checksum coverage", &packet->checksum_coverage) &&
              parse_char(p, ')', "behind a checksum coverage");
    *len = bytes;
    return ok;
}

static bool udplite(struct parser *p, struct drill_packet *packet) {
    packet->proto = DRILL_UDPLITE;
    return ports(p, packet) && covered_payload(p, packet, &packet->len);
}

/* --- ICMP --- */

static bool begins_echoed(const struct parser *p) {
    struct lex_token first = parse_peek(p);
    return lex_is_char(&p->token, '[') &&
           (first.kind == LEX_INTEGER || first.kind == LEX_ELLIPSIS || lex_is_word(&first, "udp") ||
            lex_is_word(&first, "udplite") || lex_is_word(&first, "raw") || lex_is_word(&first, "sctp"));
}

/* The packet that the error is about, if it stands here. */
static bool echoed(struct parser *p, struct drill_packet *packet) {
    struct drill_icmp *icmp = &packet->icmp;
    struct sequence seq = {0};
    bool ok;
    if (!begins_echoed(p)) return true;
    parse_next(p);
    if (parse_accept_word(p, "udp")) {
        icmp->echo = DRILL_ECHO_UDP;
        ok = payload(p, &icmp->echo_len);
    } else if (parse_accept_word(p, "udplite")) {
        icmp->echo = DRILL_ECHO_UDPLITE;
        ok = covered_payload(p, packet, &icmp->echo_len);
    } else if (parse_accept_word(p, "raw")) {
        icmp->echo = DRILL_ECHO_RAW;
        ok = payload(p, &icmp->echo_len);
    } else if (parse_accept_word(p, "sctp")) {
        p->script->not_applicable = "SCTP";
        ok = lex_is_char(&p->token, '(') ? parse_skip_group(p, '(', ')') : parse_char(p, '(', "behind sctp");
        ok = ok && udp_suffix(p, packet);
    } else {
        icmp->echo = DRILL_ECHO_TCP;
        ok = sequence(p, &seq) && udp_suffix(p, packet);
        icmp->echo_seq = seq.begin;
        icmp->echo_len = seq.len;
    }
    return ok && parse_char(p, ']', "behind the echoed packet");
}

static bool icmp_kind(struct parser *p, struct drill_icmp *icmp) {
    icmp->ip6 = ip6_script(p);
    if (p->token.kind != LEX_WORD || !icmp_type_of(ip6_script(p), p->token.text, p->token.len, &icmp->type)) {
        return parse_expected(p, ip6_script(p) ? "an ICMPv6 type" : "an ICMPv4 type");
    }
    parse_next(p);
    if (p->token.kind != LEX_WORD || lex_is_word(&p->token, "mtu") || lex_is_word(&p->token, "id")) return true;
    if (!icmp_code_of(ip6_script(p), icmp->type, p->token.text, p->token.len, &icmp->code)) {
        return parse_expected(p, "a code of this ICMP type");
    }
    parse_next(p);
    return true;
}

/* mtu n: where the message has a field for it. */
static bool icmp_mtu(struct parser *p, struct drill_icmp *icmp) {
    struct lex_token begin = p->token;
    bool ip6 = ip6_script(p);
    if (!parse_accept_word(p, "mtu")) return true;
    bool fits = ip6 ? (icmp->type == 2 || icmp->type == 134) && icmp->code == 0 : icmp->type == 3 && icmp->code == 4;
    if (!fits) return parse_fail(p, &begin, "only %s has an MTU", ip6 ? "packet_too_big" : "frag_needed");
    uint64_t mtu = 0;
    icmp->has_mtu = true;
    bool ok = parse_number(p, ip6 ? UINT32_MAX : UINT16_MAX, "an MTU", &mtu);
    icmp->mtu = (uint32_t)mtu;
    return ok;
}

static bool icmp(struct parser *p, struct drill_packet *packet) {
    packet->proto = DRILL_ICMP;
    if (!icmp_kind(p, &packet->icmp) || !icmp_mtu(p, &packet->icmp)) return false;
    if (parse_accept_word(p, "id")) {
        packet->icmp.has_id = true;
        if (!parse_u16(p, "an ICMP id", &packet->icmp.id)) return false;
    }
    /* A message that quotes nothing by its notation quotes the connection's first segment, but for an echo. */
    if (packet->icmp.echo == DRILL_ECHO_NONE && !packet->icmp.has_id) packet->icmp.echo = DRILL_ECHO_TCP;
    return echoed(p, packet);
}

/* --- SCTP: read over --- */

/* sctp[(tag)][/udp(a > b)]: CHUNK[…]; … */
static bool sctp(struct parser *p, struct drill_packet *packet) {
    p->script->not_applicable = "SCTP";
    if (lex_is_char(&p->token, '(') && !parse_skip_group(p, '(', ')')) return false;
    if (!udp_suffix(p, packet) || !parse_char(p, ':', "behind an SCTP header")) return false;
    do {
        if (p->token.kind == LEX_WORD) parse_next(p);
        if (!lex_is_char(&p->token, '[')) return parse_char(p, '[', "behind an SCTP chunk");
        if (!parse_skip_group(p, '[', ']')) return false;
    } while (parse_accept(p, ';'));
    return true;
}

/* --- All of them --- */

static bool transport(struct parser *p, struct drill_packet *packet) {
    bool has_echo = begins_echoed(p);
    if (has_echo && !echoed(p, packet)) return false;
    if (parse_accept_word(p, "icmp")) return icmp(p, packet);
    if (has_echo) return parse_expected(p, "icmp behind an echoed packet");
    if (parse_accept_word(p, "udp")) return udp(p, packet);
    if (parse_accept_word(p, "udplite")) return udplite(p, packet);
    if (parse_accept_word(p, "sctp")) return sctp(p, packet);
    return tcp(p, packet);
}

struct drill_packet *parse_packet(struct parser *p) {
    struct drill_packet *packet = parse_new(p, sizeof *packet);
    if (!packet) return NULL;
    packet->inbound = lex_is_char(&p->token, '<');
    packet->src_port = packet->dst_port = -1;
    packet->ip = (struct drill_ip_info){.ttl = -1, .flowlabel = -1};
    parse_next(p);
    bool ok = layers(p, packet) && (begins_echoed(p) || ip_info(p, packet->inbound, &packet->ip)) &&
              psp_layer(p, packet) && ports(p, packet) && transport(p, packet);
    return ok ? packet : NULL;
}
