/* Fault rules against packets: which packets a rule speaks of, which of those it applies to, and which bits it flips.
 *
 * Corruption is made so that a correct receiver always notices: all flipped bits lie in one 16-bit word of what the
 * Internet checksum (RFC 1071) covers, and are 15 at most. Such a change adds a number to the sum that is no multiple
 * of 65535, so the sum cannot stay the same. */
#include "dev/fault.h"

#include <lastack/dev.h>
#include <lastack/segment.h>

bool fault_rule_valid(const struct la_fault_rule *rule) {
    return (unsigned)rule->action <= LA_FAULT_CORRUPT && (unsigned)rule->dir <= LA_DIR_OUT && rule->bits <= 15 &&
           (!rule->last || rule->first <= rule->last) && rule->ppm <= 1000000 && !(rule->flags_all & rule->flags_none);
}

static bool end_matches(const struct la_fault_end *end, const struct la_endpoint *at) {
    return (!end->has_addr || la_addr_equal(&end->addr, &at->addr)) && (!end->port || end->port == at->port);
}

static bool wants_tcp(const struct la_fault_rule *rule) {
    const struct la_fault_end *end[] = {&rule->src, &rule->dst, &rule->either};
    for (int i = 0; i < 3; i++)
        if (end[i]->has_addr || end[i]->port) return true;
    return !rule->any_packet || rule->flags_all || rule->flags_none || rule->data != LA_FAULT_DATA_ANY;
}

bool fault_match(const struct la_fault_rule *rule, enum la_link link, enum la_dir dir, const uint8_t *packet,
                 size_t len) {
    struct la_segment seg;
    if (rule->dir != LA_DIR_ANY && rule->dir != dir) return false;
    if (!wants_tcp(rule)) return true;
    if (!la_segment_parse(link, packet, len, &seg)) return false;
    if ((seg.flags & rule->flags_all) != rule->flags_all || (seg.flags & rule->flags_none)) return false;
    if (rule->data != LA_FAULT_DATA_ANY && (seg.len > 0) != (rule->data == LA_FAULT_DATA_WITH)) return false;
    if (!end_matches(&rule->src, &seg.src) || !end_matches(&rule->dst, &seg.dst)) return false;
    return end_matches(&rule->either, &seg.src) || end_matches(&rule->either, &seg.dst);
}

bool fault_count(struct la_fault_rule *rule, uint64_t *random) {
    uint64_t first = rule->first ? rule->first : 1;
    uint64_t n = ++rule->seen;
    if (n < first || (rule->last && n > rule->last)) return false;
    if (rule->every && (rule->first ? (n - first) % rule->every : n % rule->every)) return false;
    if (rule->ppm && fault_random(random) % 1000000 >= rule->ppm) return false;
    rule->done++;
    return true;
}

/* The bytes of one packet in which corruption may strike. */
struct region {
    size_t from, to;
};

static size_t read16(const uint8_t *at) { return (size_t)at[0] << 8 | at[1]; }

/* Where the IP packet of a segment that parses ends. */
static size_t ip_end(size_t ip, const uint8_t *packet) {
    return packet[ip] >> 4 == 4 ? ip + read16(packet + ip + 2) : ip + 40 + read16(packet + ip + 4);
}

/* Where its TCP header begins; behind extension headers, where the last 20 bytes of it do. */
static size_t tcp_at(size_t ip, const uint8_t *packet, size_t data) {
    if (packet[ip] >> 4 == 4) return ip + 4 * (size_t)(packet[ip] & 15);
    return packet[ip + 6] == 6 ? ip + 40 : data - 20;
}

static struct region region_of(const struct la_fault_rule *rule, enum la_link link, const uint8_t *packet, size_t len) {
    struct la_segment seg;
    size_t ip = la_link_header(link);
    if (!la_segment_parse(link, packet, len, &seg)) return (struct region){ip < len ? ip : 0, len};
    size_t end = ip_end(ip, packet);
    size_t data = end - seg.len;
    size_t header = tcp_at(ip, packet, data);
    if (rule->place == LA_FAULT_PAYLOAD && seg.len) return (struct region){data, end};
    return (struct region){header, rule->place == LA_FAULT_HEADER ? data : end};
}

void fault_corrupt(const struct la_fault_rule *rule, enum la_link link, uint8_t *packet, size_t len, uint64_t *random) {
    if (!len) return;
    struct region region = region_of(rule, link, packet, len);
    size_t at = region.from + (size_t)(fault_random(random) % (region.to - region.from));
    size_t word = region.from + ((at - region.from) & ~(size_t)1); /* Headers are of even length: a word of the sum. */
    bool whole = word + 1 < region.to;
    unsigned bits = rule->bits ? rule->bits : 1;
    if (!whole && bits > 7) bits = 7;

    uint16_t mask = 0;
    while (bits) {
        uint16_t bit = (uint16_t)(1u << fault_random(random) % (whole ? 16 : 8));
        if (mask & bit) continue;
        mask |= bit;
        bits--;
    }
    packet[word] ^= (uint8_t)mask;
    if (whole) packet[word + 1] ^= (uint8_t)(mask >> 8);
}
