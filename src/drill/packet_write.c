/* Packets in script notation, without the time and the direction in front: for messages and for the view of the wire.
 * A live packet is written in the script's numbers. */
#include <inttypes.h>

#include "icmp_names.h"
#include "packet.h"
#include "packet_option.h"

void packet_write_flags(uint16_t flags, struct drill_text *text) {
    static const struct {
        uint16_t bit;
        char letter;
    } letters[] = {
        {LA_SYN, 'S'}, {LA_FIN, 'F'}, {LA_RST, 'R'}, {LA_PSH, 'P'}, {LA_URG, 'U'},
        {LA_ECE, 'E'}, {LA_CWR, 'W'}, {LA_AE, 'A'},  {LA_ACK, '.'},
    };
    size_t before = text->len;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if (flags & letters[i].bit) drill_text_bytes(text, &letters[i].letter, 1);
    }
    if (text->len == before) drill_text_bytes(text, "-", 1);
}

/* --- IP --- */

static void write_tos(const struct drill_ip_info *ip, struct drill_text *text) {
    static const char *const names[] = {"noecn", "ect1", "ect0", "ce"};
    switch (ip->tos_check) {
    case DRILL_TOS_NONE: break;
    case DRILL_TOS_ECN: drill_text_add(text, "[%s] ", names[ip->tos & 3]); break;
    case DRILL_TOS_ECT01: drill_text_add(text, "[ect01] "); break;
    case DRILL_TOS_ALL: drill_text_add(text, "(tos 0x%02x) ", ip->tos); break;
    }
}

static void write_ip(const struct drill_ip_info *ip, struct drill_text *text) {
    write_tos(ip, text);
    if (ip->ttl >= 0) drill_text_add(text, "(ttl %d) ", ip->ttl);
    if (ip->flowlabel >= 0) drill_text_add(text, "(flowlabel 0x%" PRIx64 ") ", (uint64_t)ip->flowlabel);
}

static void write_ports(const struct drill_packet *packet, struct drill_text *text) {
    if (packet->src_port <= 0 && packet->dst_port <= 0) return;
    drill_text_add(text, "%d > %d ", packet->src_port > 0 ? packet->src_port : 0,
                   packet->dst_port > 0 ? packet->dst_port : 0);
}

/* --- Transport --- */

static void write_tcp(const struct drill_packet *packet, struct drill_text *text) {
    write_ports(packet, text);
    packet_write_flags(packet->flags, text);
    if (packet->seq_any)
        drill_text_add(text, " ...(%" PRIu32 ")", packet->len);
    else
        drill_text_add(text, " %" PRIu32 ":%" PRIu32 "(%" PRIu32 ")%s", packet->seq, packet->seq + packet->len,
                       packet->len, packet->seq_absolute ? "!" : "");
    if (packet->ack_any)
        drill_text_add(text, " ack ...");
    else if (packet->has_ack)
        drill_text_add(text, " ack %" PRIu32 "%s", packet->ack, packet->ack_absolute ? "!" : "");
    if (packet->has_window) drill_text_add(text, " win %u", packet->window);
    if (packet->urgent) drill_text_add(text, " urg %u", packet->urgent);
    if (packet->options_any || packet->noptions) drill_text_add(text, " ");
    options_write(packet, text);
    if (packet->udp_encaps) drill_text_add(text, "/udp(%u > %u)", packet->udp_src_port, packet->udp_dst_port);
}

static void write_echo(const struct drill_icmp *icmp, uint16_t coverage, struct drill_text *text) {
    switch (icmp->echo) {
    case DRILL_ECHO_NONE: break;
    case DRILL_ECHO_TCP:
        drill_text_add(text, " [%" PRIu32 ":%" PRIu32 "(%" PRIu32 ")]", icmp->echo_seq, icmp->echo_seq + icmp->echo_len,
                       icmp->echo_len);
        break;
    case DRILL_ECHO_UDP: drill_text_add(text, " [udp (%" PRIu32 ")]", icmp->echo_len); break;
    case DRILL_ECHO_UDPLITE: drill_text_add(text, " [udplite (%" PRIu32 ", %u)]", icmp->echo_len, coverage); break;
    case DRILL_ECHO_RAW: drill_text_add(text, " [raw (%" PRIu32 ")]", icmp->echo_len); break;
    }
}

static void write_icmp(const struct drill_packet *packet, struct drill_text *text) {
    const struct drill_icmp *icmp = &packet->icmp;
    const char *type = icmp_type_name(icmp->ip6, icmp->type);
    const char *code = icmp_code_name(icmp->ip6, icmp->type, icmp->code);
    if (type)
        drill_text_add(text, "icmp %s", type);
    else
        drill_text_add(text, "icmp type_%u", icmp->type);
    if (code)
        drill_text_add(text, " %s", code);
    else if (icmp->code)
        drill_text_add(text, " code_%u", icmp->code);
    if (icmp->has_mtu) drill_text_add(text, " mtu %" PRIu32, icmp->mtu);
    if (icmp->has_id) drill_text_add(text, " id %u", icmp->id);
    write_echo(icmp, packet->checksum_coverage, text);
}

void packet_write(const struct drill_packet *packet, struct drill_text *text) {
    write_ip(&packet->ip, text);
    if (packet->layer) drill_text_add(text, "%s: ", packet->layer);
    switch (packet->proto) {
    case DRILL_TCP: write_tcp(packet, text); break;
    case DRILL_UDP:
        drill_text_add(text, "udp ");
        write_ports(packet, text);
        drill_text_add(text, "(%" PRIu32 ")", packet->len);
        break;
    case DRILL_UDPLITE:
        drill_text_add(text, "udplite ");
        write_ports(packet, text);
        drill_text_add(text, "(%" PRIu32 ", %u)", packet->len, packet->checksum_coverage);
        break;
    case DRILL_ICMP: write_icmp(packet, text); break;
    }
}

void packet_write_live(const struct drill_flow *flow, const struct drill_live *live, struct drill_text *text) {
    struct drill_packet packet;
    bool parsed = packet_to_script(flow, live, &packet);
    if (live->tos & 3) packet.ip.tos_check = DRILL_TOS_ECN;
    if (live->tos & ~3) packet.ip.tos_check = DRILL_TOS_ALL;
    packet_write(&packet, text);
    if (!parsed) drill_text_add(text, " <options that do not parse>");
    if (live->reserved) drill_text_add(text, " reserved bits 0x%x", live->reserved);
}
