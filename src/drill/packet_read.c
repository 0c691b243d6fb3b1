/* Theory of operation
 *
 * A packet of the TCP under test comes in as bytes and goes out as a drill_live: every field of its headers that a
 * script can name, numbers as on the wire, with the verdict on both checksums. Each layer is read only after its length
 * has been found to lie within the one around it; options and payload stay where they are and are pointed at.
 *
 * packet_to_script turns a drill_live into the drill_packet that a script would have to contain to describe it: what
 * messages show and packet_match compares. */
#include <string.h>

#include "octets.h"
#include "packet.h"
#include "packet_option.h"

/* The transport's bytes. */
struct inner {
    const uint8_t *at;
    uint32_t len;
    uint8_t protocol;
};

/* --- Network layer --- */

static struct la_addr addr4(const uint8_t *at) { return la_addr4(at[0], at[1], at[2], at[3]); }

static bool read_ip4(const uint8_t *bytes, size_t len, struct drill_live *live, struct inner *inner) {
    if (len < 20) return false;
    unsigned header = (bytes[0] & 0xfu) * 4;
    live->ip_len = octets_get16(bytes + 2);
    if (header < 20 || live->ip_len < header || live->ip_len > len) return false;
    bool fragment = octets_get16(bytes + 6) & 0x3fff;
    if (fragment) return false;
    live->tos = bytes[1];
    live->ttl = bytes[8];
    live->src.addr = addr4(bytes + 12);
    live->dst.addr = addr4(bytes + 16);
    live->ip_csum_ok = octets_checksum(octets_sum(bytes, header, 0)) == 0;
    *inner = (struct inner){.at = bytes + header, .len = live->ip_len - header, .protocol = bytes[9]};
    return true;
}

static bool read_ip6(const uint8_t *bytes, size_t len, struct drill_live *live, struct inner *inner) {
    if (len < 40) return false;
    uint32_t first = octets_get32(bytes);
    live->ip6 = true;
    live->ip_len = 40u + octets_get16(bytes + 4);
    if (live->ip_len > len) return false;
    live->tos = (uint8_t)(first >> 20);
    live->flowlabel = first & 0xfffff;
    live->ttl = bytes[7];
    memcpy(live->src.addr.bytes, bytes + 8, 16);
    memcpy(live->dst.addr.bytes, bytes + 24, 16);
    live->ip_csum_ok = true;
    *inner = (struct inner){.at = bytes + 40, .len = live->ip_len - 40, .protocol = bytes[6]};
    return true;
}

/* --- Transport layer --- */

static bool sum_ok(const struct drill_live *live, const struct inner *inner, uint32_t covered) {
    uint32_t sum = octets_sum_pseudo(live->ip6, &live->src.addr, &live->dst.addr, inner->protocol, inner->len);
    return octets_checksum(octets_sum(inner->at, covered, sum)) == 0;
}

static void read_ports(struct drill_live *live, const struct inner *inner) {
    live->src.port = octets_get16(inner->at);
    live->dst.port = octets_get16(inner->at + 2);
}

static bool read_tcp(struct drill_live *live, const struct inner *inner) {
    const uint8_t *at = inner->at;
    if (inner->len < 20) return false;
    unsigned header = (at[12] >> 4) * 4u;
    if (header < 20 || header > inner->len) return false;
    live->proto = DRILL_TCP;
    read_ports(live, inner);
    live->seq = octets_get32(at + 4);
    live->ack = octets_get32(at + 8);
    live->flags = octets_get16(at + 12) & 0x1ff;
    live->reserved = at[12] >> 1 & 7;
    live->window = octets_get16(at + 14);
    live->urgent = octets_get16(at + 18);
    live->options = at + 20;
    live->options_len = header - 20;
    live->data = at + header;
    live->len = inner->len - header;
    live->csum_ok = sum_ok(live, inner, inner->len);
    return true;
}

static bool read_udp(struct drill_live *live, const struct inner *inner) {
    if (inner->len < 8) return false;
    struct inner datagram = *inner;
    datagram.len = octets_get16(inner->at + 4);
    if (datagram.len < 8 || datagram.len > inner->len) return false;
    live->proto = DRILL_UDP;
    read_ports(live, inner);
    live->data = inner->at + 8;
    live->len = datagram.len - 8;
    bool none = octets_get16(inner->at + 6) == 0;
    live->csum_ok = none ? !live->ip6 : sum_ok(live, &datagram, datagram.len);
    return true;
}

/* RFC 3828, 3.1: coverage 0 is the whole; less than the header, or more than there is, is wrong. */
static bool read_udplite(struct drill_live *live, const struct inner *inner) {
    if (inner->len < 8) return false;
    live->proto = DRILL_UDPLITE;
    read_ports(live, inner);
    live->data = inner->at + 8;
    live->len = inner->len - 8;
    live->coverage = octets_get16(inner->at + 4);
    uint32_t covered = live->coverage ? live->coverage : inner->len;
    live->csum_ok =
        covered >= 8 && covered <= inner->len && octets_get16(inner->at + 6) != 0 && sum_ok(live, inner, covered);
    return true;
}

static bool read_icmp(struct drill_live *live, const struct inner *inner) {
    if (inner->len < 8) return false;
    live->proto = DRILL_ICMP;
    live->icmp_type = inner->at[0];
    live->icmp_code = inner->at[1];
    bool too_big6 = live->ip6 && live->icmp_type == 2;
    bool too_big4 = !live->ip6 && live->icmp_type == 3 && live->icmp_code == 4;
    live->icmp_has_mtu = too_big4 || too_big6;
    live->icmp_mtu = too_big6 ? octets_get32(inner->at + 4) : octets_get16(inner->at + 6);
    live->data = inner->at + 8;
    live->len = inner->len - 8;
    live->csum_ok =
        live->ip6 ? sum_ok(live, inner, inner->len) : octets_checksum(octets_sum(inner->at, inner->len, 0)) == 0;
    return true;
}

bool packet_read(const uint8_t *bytes, size_t len, la_time at, struct drill_live *live) {
    memset(live, 0, sizeof *live);
    live->at = at;
    struct inner inner;
    unsigned version = len ? bytes[0] >> 4 : 0;
    if (version == 4 ? !read_ip4(bytes, len, live, &inner) : version != 6 || !read_ip6(bytes, len, live, &inner))
        return false;
    switch (inner.protocol) {
    case PROTO_TCP: return read_tcp(live, &inner);
    case PROTO_UDP: return read_udp(live, &inner);
    case PROTO_UDPLITE: return read_udplite(live, &inner);
    case PROTO_ICMP: return !live->ip6 && read_icmp(live, &inner);
    case PROTO_ICMP6: return live->ip6 && read_icmp(live, &inner);
    default: return false;
    }
}

/* --- In the script's numbers --- */

/* From the script's side: what the runner gave to the TCP under test. */
static bool is_inbound(const struct drill_flow *flow, const struct drill_live *live) {
    return live->src.port == flow->remote.port && la_addr_equal(&live->src.addr, &flow->remote.addr);
}

static void map_tcp(const struct drill_flow *flow, const struct drill_live *live, struct drill_packet *packet) {
    bool syn = live->flags & LA_SYN, ack = live->flags & LA_ACK;
    uint32_t (*own)(const struct drill_flow *, uint32_t, bool) =
        packet->inbound ? flow_remote_to_script : flow_local_to_script;
    uint32_t (*other)(const struct drill_flow *, uint32_t, bool) =
        packet->inbound ? flow_local_to_script : flow_remote_to_script;
    packet->seq = own(flow, live->seq, syn);
    packet->seq_end = packet->seq + live->len;
    packet->has_ack = ack || live->ack;
    packet->ack = ack ? other(flow, live->ack, syn) : live->ack;
    for (unsigned i = 0; i < packet->noptions; i++) {
        struct drill_tcp_option *option = &packet->option[i];
        if (option->kind == DRILL_OPT_TS && !packet->inbound) option->value = flow_ts_to_script(flow, option->value);
        if (option->kind != DRILL_OPT_SACK) continue;
        for (unsigned j = 0; j < option->nblocks; j++) {
            option->block[j].from = other(flow, option->block[j].from, syn);
            option->block[j].to = other(flow, option->block[j].to, syn);
        }
    }
}

bool packet_to_script(const struct drill_flow *flow, const struct drill_live *live, struct drill_packet *packet) {
    memset(packet, 0, sizeof *packet);
    packet->inbound = is_inbound(flow, live);
    packet->proto = live->proto;
    packet->ip = (struct drill_ip_info){.tos_check = DRILL_TOS_NONE, .tos = live->tos, .ttl = -1, .flowlabel = -1};
    packet->src_port = packet->dst_port = -1;
    packet->len = live->len;
    packet->checksum_coverage = live->coverage;
    packet->icmp.ip6 = live->ip6;
    packet->icmp.type = live->icmp_type;
    packet->icmp.code = live->icmp_code;
    packet->icmp.has_mtu = live->icmp_has_mtu;
    packet->icmp.mtu = live->icmp_mtu;
    if (live->proto != DRILL_TCP) return true;
    packet->flags = live->flags;
    packet->has_window = true;
    packet->window = live->window;
    packet->urgent = live->urgent;
    bool parsed = options_decode(live->options, live->options_len, packet);
    map_tcp(flow, live, packet);
    return parsed;
}
