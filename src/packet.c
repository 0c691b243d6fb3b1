/* What a struct la_packet stands for: its bytes in one piece, and the packets on the wire where it is a unit of
 * several.
 *
 * In: a packet as la_output gave it, or the same bytes gathered. Its link, IP and transport headers stand in the first
 * piece. Out: packets with headers of their own and the payload by reference, each complete: lengths, identification,
 * sequence number, flags, checksums. Nothing is kept, nothing is allocated.
 *
 * Of the flags, FIN and PSH belong to the last byte and CWR to the first (RFC 3168, 6.1.2). Identification: a packet
 * with DF is atomic and all of a unit's carry the same value (RFC 6864, 4.1); others count. */
#include <lastack/stack.h>

#include "base/mem.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

size_t la_packet_copy(const struct la_packet *packet, void *to, size_t size) {
    size_t at_byte = 0;
    for (unsigned i = 0; i < packet->nspans && at_byte < size; i++) {
        size_t n = size_min(packet->span[i].len, size - at_byte);
        memcpy((uint8_t *)to + at_byte, packet->span[i].data, n);
        at_byte += n;
    }
    return at_byte;
}

/* --- Where the headers are --- */

bool la_packet_frame(const struct la_packet *packet, enum la_link link, struct la_frame *frame) {
    const struct la_span *first = &packet->span[0];
    size_t ip = link == LA_LINK_ETHERNET ? ETH_LEN : 0, at;
    if (!packet->nspans || first->len < ip + IP4_LEN) return false;
    const uint8_t *p = first->data + ip;
    bool is4 = p[0] >> 4 == 4;
    if (!is4 && p[0] >> 4 != 6) return false;
    if (ip && get16(first->data + 12) != (is4 ? ETH_IP4 : ETH_IP6)) return false; /* A VLAN tag, or something else. */
    at = ip + (is4 ? (size_t)(p[0] & 15) * 4 : IP6_LEN);
    if (first->len < at + UDP_LEN) return false;
    uint8_t proto = is4 ? p[9] : p[6];
    *frame = (struct la_frame){.ip = (uint16_t)ip, .transport = (uint16_t)at, .is4 = is4, .proto = proto};
    if (proto == PROTO_UDP) {
        frame->payload = (uint16_t)(at + UDP_LEN);
        frame->csum = (uint16_t)(at + 6);
        return true;
    }
    if (proto != PROTO_TCP || first->len < at + TCP_LEN) return false;
    frame->payload = (uint16_t)(at + (size_t)(first->data[at + 12] >> 4) * 4);
    frame->csum = (uint16_t)(at + 16);
    return frame->payload >= at + TCP_LEN && first->len >= frame->payload && frame->payload <= LA_PACKET_HEAD;
}

/* --- Cutting --- */

/* The bytes [from, from + len) of a packet, behind what `to` has. */
static void add_range(const struct la_packet *packet, size_t from, size_t len, struct la_packet *to) {
    for (unsigned i = 0; i < packet->nspans && len; i++) {
        const struct la_span *span = &packet->span[i];
        size_t skip = size_min(from, span->len), n = size_min(span->len - skip, len);
        from -= skip;
        if (!n) continue;
        to->span[to->nspans++] = (struct la_span){span->data + skip, n};
        to->len += n;
        len -= n;
    }
}

static void put_ip(const struct la_frame *f, uint8_t *head, size_t payload, unsigned number) {
    uint8_t *ip = head + f->ip;
    size_t behind = (size_t)(f->payload - f->transport) + payload;
    if (!f->is4) {
        put16(ip + 4, (uint16_t)behind);
        return;
    }
    size_t header = (size_t)(f->transport - f->ip);
    put16(ip + 2, (uint16_t)(header + behind));
    if (!(ip[6] & 0x40)) put16(ip + 4, (uint16_t)(get16(ip + 4) + number));
    put16(ip + 10, 0);
    put16(ip + 10, csum_of(ip, header));
}

static void put_tcp(uint8_t *tcp, size_t before, bool last) {
    put32(tcp + 4, get32(tcp + 4) + (uint32_t)before);
    if (!last) tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (before) tcp[13] &= (uint8_t)~TCP_CWR;
}

static struct la_addr addr_at(const struct la_frame *f, const uint8_t *ip, bool dst) {
    const uint8_t *at = f->is4 ? ip + (dst ? 16 : 12) : ip + (dst ? 24 : 8);
    struct la_addr addr;
    if (f->is4) return la_addr4(at[0], at[1], at[2], at[3]);
    memcpy(addr.bytes, at, sizeof addr.bytes);
    return addr;
}

static void put_csum(const struct la_frame *f, uint8_t *head, const struct la_packet *piece) {
    struct csum sum = {0, 0};
    struct la_addr src = addr_at(f, head + f->ip, false), dst = addr_at(f, head + f->ip, true);
    wire_pseudo(&sum, &src, &dst, f->proto, (uint32_t)(piece->len - f->transport));
    put16(head + f->csum, 0);
    csum_add(&sum, head + f->transport, (size_t)(f->payload - f->transport));
    for (unsigned i = 1; i < piece->nspans; i++) csum_add(&sum, piece->span[i].data, piece->span[i].len);
    uint16_t value = csum_finish(&sum);
    put16(head + f->csum, value == 0 && f->proto == PROTO_UDP ? UINT16_MAX : value);
}

bool la_packet_cut(const struct la_packet *packet, enum la_link link, struct la_cut *cut, struct la_packet *piece) {
    struct la_frame f;
    if (cut->given && cut->taken >= packet->len) return false;
    bool whole = (!packet->segment && !packet->csum_partial) || !la_packet_frame(packet, link, &f);
    if (whole) {
        *piece = *packet;
        cut->taken = packet->len;
        return cut->given++ == 0;
    }
    size_t from = cut->given ? cut->taken : f.payload, left = packet->len - from;
    size_t n = packet->segment ? size_min(left, packet->segment) : left;
    memcpy(cut->head, packet->span[0].data, f.payload);
    *piece = (struct la_packet){.iface = packet->iface, .len = f.payload, .nspans = 1};
    piece->span[0] = (struct la_span){cut->head, f.payload};
    add_range(packet, from, n, piece);
    put_ip(&f, cut->head, n, cut->given);
    if (f.proto == PROTO_TCP) put_tcp(cut->head + f.transport, from - f.payload, n == left);
    put_csum(&f, cut->head, piece);
    cut->taken = from + n;
    cut->given++;
    return true;
}
