/* Theory of operation
 *
 * A script's inbound packet becomes bytes in two steps. First its numbers are mapped to live ones in a copy: sequence
 * and acknowledgment number, SACK blocks, TS ecr, the sequence number that an ICMP message quotes. Then the copy is
 * written as it stands, from the outside in: the IP header knows the length, the transport header fills the rest, the
 * checksums come last.
 *
 * Nothing is repaired on the way: options are not padded, lengths and flags are what the script says. What the original
 * tools refuse (options that fill no whole words, no window, a TS ecr that was never sent) is refused here with a
 * sentence. An ICMP message quotes the IP header and 8 bytes behind it, from the TCP under test to the script's side.
 */
#include <inttypes.h>
#include <string.h>

#include "octets.h"
#include "packet.h"
#include "packet_option.h"

enum { TCP_HEADER = 20, UDP_HEADER = 8, ICMP_HEADER = 8, ICMP_QUOTED = 8 };

#define DEFAULT_TTL 255

/* --- From script to live numbers --- */

static bool map_ts(const struct drill_flow *flow, bool scaled, struct drill_tcp_option *option,
                   struct drill_text *error) {
    if (option->ecr_absolute || option->ecr_any) return true;
    uint32_t live;
    if (!flow_ts_to_live(flow, option->ecr, scaled, &live)) {
        drill_text_add(error, "TS ecr %" PRIu32 " stands for nothing: no packet sent before had this TS val",
                       option->ecr);
        return false;
    }
    option->ecr = live;
    return true;
}

static bool map_options(const struct drill_flow *flow, bool scaled, struct drill_packet *packet,
                        struct drill_text *error) {
    bool syn = packet->flags & LA_SYN;
    for (unsigned i = 0; i < packet->noptions; i++) {
        struct drill_tcp_option *option = &packet->option[i];
        if (option->kind == DRILL_OPT_TS && (packet->flags & LA_ACK) && !map_ts(flow, scaled, option, error))
            return false;
        if (option->kind != DRILL_OPT_SACK) continue;
        for (unsigned j = 0; j < option->nblocks && j < 4; j++) {
            option->block[j].from = flow_local_to_live(flow, option->block[j].from, syn);
            option->block[j].to = flow_local_to_live(flow, option->block[j].to, syn);
        }
    }
    return true;
}

static bool map_packet(const struct drill_flow *flow, const struct la_drill_options *options,
                       struct drill_packet *packet, struct drill_text *error) {
    packet->icmp.echo_seq = flow_local_to_live(flow, packet->icmp.echo_seq, false);
    if (packet->proto != DRILL_TCP) return true;
    bool syn = packet->flags & LA_SYN;
    if (!packet->seq_absolute) packet->seq = flow_remote_to_live(flow, packet->seq, syn);
    if ((packet->flags & LA_ACK) && !packet->ack_absolute) packet->ack = flow_local_to_live(flow, packet->ack, syn);
    return map_options(flow, options->tcp_ts_ecr_scaled, packet, error);
}

/* --- What can be written --- */

static bool refuse(struct drill_text *error, const char *why) {
    drill_text_add(error, "%s", why);
    return false;
}

static bool can_write_icmp(const struct drill_icmp *icmp, bool ip6, struct drill_text *error) {
    if (icmp->echo == DRILL_ECHO_RAW && icmp->echo_len < ICMP_HEADER)
        return refuse(error, "an ICMP message has 8 bytes at least");
    if (icmp->has_mtu && !ip6 && icmp->mtu > 0xffff) return refuse(error, "the MTU in an ICMPv4 message has 16 bits");
    return true;
}

static bool can_write(const struct drill_packet *packet, bool ip6, struct drill_text *error) {
    if (packet->layer) {
        drill_text_add(error, "packets in %s cannot be made", packet->layer);
        return false;
    }
    if (packet->udp_encaps) return refuse(error, "TCP in UDP cannot be made");
    if (packet->proto == DRILL_ICMP) return can_write_icmp(&packet->icmp, ip6, error);
    if (packet->proto != DRILL_TCP) return true;
    if (packet->options_any) return refuse(error, "the options of an inbound packet must be written out");
    if (!packet->has_window) return refuse(error, "an inbound TCP packet needs a window: win N");
    uint8_t unused[TCP_OPTIONS_MAX];
    return options_len_ok(options_encode(packet, unused), error);
}

static unsigned ip_header_len(bool ip6) { return ip6 ? 40 : 20; }

static uint64_t transport_len(const struct drill_packet *packet, bool ip6) {
    uint8_t unused[TCP_OPTIONS_MAX];
    switch (packet->proto) {
    case DRILL_TCP: return (uint64_t)TCP_HEADER + options_encode(packet, unused) + packet->len;
    case DRILL_UDP:
    case DRILL_UDPLITE: return (uint64_t)UDP_HEADER + packet->len;
    case DRILL_ICMP: break;
    }
    if (packet->icmp.echo == DRILL_ECHO_NONE) return ICMP_HEADER;
    if (packet->icmp.echo == DRILL_ECHO_RAW) return packet->icmp.echo_len;
    return ICMP_HEADER + ip_header_len(ip6) + ICMP_QUOTED;
}

/* --- Headers --- */

struct ip_head {
    bool ip6;
    const struct la_addr *src, *dst;
    uint8_t tos, ttl, protocol;
    uint32_t flowlabel;
    uint32_t len; /* Behind this header. */
};

static void write_ip4(uint8_t *at, const struct ip_head *head) {
    at[0] = 0x45;
    at[1] = head->tos;
    octets_put16(at + 2, 20 + head->len);
    at[8] = head->ttl;
    at[9] = head->protocol;
    memcpy(at + 12, head->src->bytes + 12, 4);
    memcpy(at + 16, head->dst->bytes + 12, 4);
    octets_put16(at + 10, octets_checksum(octets_sum(at, 20, 0)));
}

static void write_ip6(uint8_t *at, const struct ip_head *head) {
    octets_put32(at, UINT32_C(6) << 28 | (uint32_t)head->tos << 20 | (head->flowlabel & 0xfffff));
    octets_put16(at + 4, head->len);
    at[6] = head->protocol;
    at[7] = head->ttl;
    memcpy(at + 8, head->src->bytes, 16);
    memcpy(at + 24, head->dst->bytes, 16);
}

/* Zeros lie at `at`. Returns where the header ends. */
static uint8_t *write_ip(uint8_t *at, const struct ip_head *head) {
    if (head->ip6)
        write_ip6(at, head);
    else
        write_ip4(at, head);
    return at + ip_header_len(head->ip6);
}

static uint16_t port_or(int port, uint16_t otherwise) { return port > 0 ? (uint16_t)port : otherwise; }

static void write_ports(uint8_t *at, const struct drill_flow *flow, const struct drill_packet *packet) {
    octets_put16(at, port_or(packet->src_port, flow->remote.port));
    octets_put16(at + 2, port_or(packet->dst_port, flow->local.port));
}

static void write_tcp(uint8_t *at, const struct drill_flow *flow, const struct drill_packet *packet) {
    unsigned words = (TCP_HEADER + options_encode(packet, at + TCP_HEADER)) / 4;
    write_ports(at, flow, packet);
    octets_put32(at + 4, packet->seq);
    octets_put32(at + 8, packet->ack);
    octets_put16(at + 12, words << 12 | (packet->flags & 0x1ff));
    octets_put16(at + 14, packet->window);
    octets_put16(at + 18, packet->urgent);
}

/* UDP has its length where UDP-Lite (RFC 3828) has its coverage. */
static void write_udp(uint8_t *at, const struct drill_flow *flow, const struct drill_packet *packet) {
    write_ports(at, flow, packet);
    octets_put16(at + 4, packet->proto == DRILL_UDP ? UDP_HEADER + packet->len : packet->checksum_coverage);
}

/* The packet that the ICMP message is about: it went from the TCP under test to the script's side. */
static void write_quoted(uint8_t *at, const struct drill_flow *flow, const struct drill_packet *packet) {
    const struct drill_icmp *icmp = &packet->icmp;
    bool tcp = icmp->echo == DRILL_ECHO_TCP, udplite = icmp->echo == DRILL_ECHO_UDPLITE;
    struct ip_head head = {
        .ip6 = flow->ip6,
        .src = &flow->local.addr,
        .dst = &flow->remote.addr,
        .ttl = DEFAULT_TTL,
        .protocol = tcp       ? PROTO_TCP
                    : udplite ? PROTO_UDPLITE
                              : PROTO_UDP,
        .len = (tcp ? TCP_HEADER : UDP_HEADER) + icmp->echo_len,
    };
    at = write_ip(at, &head);
    octets_put16(at, flow->local.port);
    octets_put16(at + 2, flow->remote.port);
    if (tcp)
        octets_put32(at + 4, icmp->echo_seq);
    else
        octets_put16(at + 4, udplite ? packet->checksum_coverage : UDP_HEADER + icmp->echo_len);
    if (udplite) octets_put16(at + 6, 0xffff); /* Zero would be wrong; what is right, the quote does not tell. */
}

static void write_icmp(uint8_t *at, const struct drill_flow *flow, const struct drill_packet *packet) {
    const struct drill_icmp *icmp = &packet->icmp;
    at[0] = icmp->type;
    at[1] = icmp->code;
    if (icmp->has_id) octets_put16(at + 4, icmp->id);
    if (icmp->has_mtu && flow->ip6) octets_put32(at + 4, icmp->mtu);
    if (icmp->has_mtu && !flow->ip6) octets_put16(at + 6, icmp->mtu);
    if (icmp->echo != DRILL_ECHO_NONE && icmp->echo != DRILL_ECHO_RAW) write_quoted(at + ICMP_HEADER, flow, packet);
}

static uint8_t protocol_of(enum drill_proto proto, bool ip6) {
    switch (proto) {
    case DRILL_TCP: return PROTO_TCP;
    case DRILL_UDP: return PROTO_UDP;
    case DRILL_UDPLITE: return PROTO_UDPLITE;
    case DRILL_ICMP: break;
    }
    return ip6 ? PROTO_ICMP6 : PROTO_ICMP;
}

static unsigned checksum_offset(enum drill_proto proto) {
    switch (proto) {
    case DRILL_TCP: return 16;
    case DRILL_UDP:
    case DRILL_UDPLITE: return 6;
    case DRILL_ICMP: break;
    }
    return 2;
}

static void write_checksum(uint8_t *at, const struct ip_head *head, const struct drill_packet *packet) {
    bool pseudo = packet->proto != DRILL_ICMP || head->ip6;
    uint32_t covered = head->len;
    uint16_t coverage = packet->checksum_coverage;
    if (packet->proto == DRILL_UDPLITE && coverage && coverage < covered) covered = coverage;
    uint32_t sum = pseudo ? octets_sum_pseudo(head->ip6, head->src, head->dst, head->protocol, head->len) : 0;
    uint16_t checksum = octets_checksum(octets_sum(at, covered, sum));
    /* UDP's zero says that there is no checksum. */
    bool never_zero = packet->proto == DRILL_UDP || packet->proto == DRILL_UDPLITE;
    if (never_zero && checksum == 0) checksum = 0xffff;
    octets_put16(at + checksum_offset(packet->proto), checksum);
}

/* Writes the packet with the numbers that it has. 0: there is no room. */
static size_t write_packet(const struct drill_flow *flow, const struct drill_packet *packet, uint8_t *bytes,
                           size_t size, struct drill_text *error) {
    uint64_t inner = transport_len(packet, flow->ip6), wanted = ip_header_len(flow->ip6) + inner;
    if (wanted > size || wanted > DRILL_PACKET_MAX) {
        drill_text_add(error, "a packet of %" PRIu64 " bytes is too large", wanted);
        return 0;
    }
    size_t total = (size_t)wanted;
    struct ip_head head = {
        .ip6 = flow->ip6,
        .src = &flow->remote.addr,
        .dst = &flow->local.addr,
        .tos = packet->ip.tos,
        .ttl = packet->ip.ttl > 0 ? (uint8_t)packet->ip.ttl : DEFAULT_TTL,
        .protocol = protocol_of(packet->proto, flow->ip6),
        .flowlabel = packet->ip.flowlabel > 0 ? (uint32_t)packet->ip.flowlabel : 0,
        .len = (uint32_t)inner,
    };
    memset(bytes, 0, total);
    uint8_t *transport = write_ip(bytes, &head);
    switch (packet->proto) {
    case DRILL_TCP: write_tcp(transport, flow, packet); break;
    case DRILL_UDP:
    case DRILL_UDPLITE: write_udp(transport, flow, packet); break;
    case DRILL_ICMP: write_icmp(transport, flow, packet); break;
    }
    write_checksum(transport, &head, packet);
    return total;
}

/* --- The whole --- */

/* `live` has the numbers that are on the wire. */
static void remember(struct drill_flow *flow, const struct drill_packet *live) {
    uint32_t end = live->seq + live->len + ((live->flags & LA_SYN) != 0) + ((live->flags & LA_FIN) != 0);
    bool first = !flow->injected, reset = live->flags & LA_RST;
    bool probe = (live->flags & LA_SYN) && live->seq != flow->live_remote_isn;
    bool joins = (int32_t)(live->seq - flow->in_next) <= 0 && (int32_t)(end - flow->in_next) > 0;
    if (first || (joins && !reset && !probe)) flow->in_next = end;
    flow->injected = true;
    flow->last_in_end = end;
}

size_t packet_build(struct drill_flow *flow, const struct la_drill_options *options, const struct drill_packet *packet,
                    uint8_t *bytes, size_t size, struct drill_text *error) {
    if (!can_write(packet, flow->ip6, error)) return 0;
    flow_learn_received(flow, packet);
    struct drill_packet live = *packet;
    if (!map_packet(flow, options, &live, error)) return 0;
    size_t len = write_packet(flow, &live, bytes, size, error);
    if (len && live.proto == DRILL_TCP) remember(flow, &live);
    return len;
}
