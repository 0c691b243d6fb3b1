/* Theory of operation
 *
 * What was sent is turned into the drill_packet that would describe it (packet_to_script), and the two are compared
 * field by field, in the order of the headers; the first difference is named and ends it. Compared are: the checksums,
 * the IP version and protocol, TOS, TTL and flow label where the script gives them, explicit ports, every flag and
 * reserved bit, seq, payload length, ack (as a number even without ACK), window unless left out, urgent pointer, each
 * option with its value in order, the length of the IP packet, and that the payload is zeros.
 *
 * Left to the script: <...> takes any options, ...(0) any sequence number, N:N(0)! is the number on the wire. A TS val
 * is counted from the first one and compared only with --tcp_ts_tick_usecs, within the tolerance; its ecr always.
 *
 * Merging: a script may expect as one what was sent as several segments (TSO, GSO); packet_may_merge says which do. */
#include <inttypes.h>
#include <string.h>

#include "octets.h"
#include "packet.h"
#include "packet_option.h"

static bool differs(const char *field, uint32_t expected, uint32_t actual, struct drill_text *why) {
    if (expected == actual) return false;
    drill_text_add(why, "%s: expected %" PRIu32 ", sent %" PRIu32, field, expected, actual);
    return true;
}

static bool differs_hex(const char *field, uint32_t expected, uint32_t actual, struct drill_text *why) {
    if (expected == actual) return false;
    drill_text_add(why, "%s: expected 0x%" PRIx32 ", sent 0x%" PRIx32, field, expected, actual);
    return true;
}

/* --- Flags --- */

struct flag {
    uint16_t bit;
    const char *name;
};

static const struct flag flags[] = {
    {LA_FIN, "FIN"}, {LA_SYN, "SYN"}, {LA_RST, "RST"}, {LA_PSH, "PSH"}, {LA_ACK, "ACK"},
    {LA_URG, "URG"}, {LA_ECE, "ECE"}, {LA_CWR, "CWR"}, {LA_AE, "AE"},
};

static bool flags_differ(uint16_t expected, uint16_t actual, uint16_t which, struct drill_text *why) {
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (!((expected ^ actual) & which & flags[i].bit)) continue;
        drill_text_add(why, "%s: expected %s, sent %s (flags ", flags[i].name,
                       expected & flags[i].bit ? "set" : "clear", actual & flags[i].bit ? "set" : "clear");
        packet_write_flags(expected, why);
        drill_text_add(why, " and ");
        packet_write_flags(actual, why);
        drill_text_add(why, ")");
        return true;
    }
    return false;
}

/* --- Merging --- */

static bool same_connection(const struct drill_live *a, const struct drill_live *b) {
    return a->proto == b->proto && a->ip6 == b->ip6 && a->src.port == b->src.port && a->dst.port == b->dst.port &&
           la_addr_equal(&a->src.addr, &b->src.addr) && la_addr_equal(&a->dst.addr, &b->dst.addr);
}

bool packet_may_merge(const struct drill_live *first, const struct drill_live *previous, const struct drill_live *next,
                      uint32_t so_far, uint32_t expected, struct drill_text *why) {
    if (!same_connection(first, next)) {
        drill_text_add(why, "the next segment is of another connection");
        return false;
    }
    size_t before = why->len;
    drill_text_add(why, "the next segment does not continue the one before: ");
    const uint16_t alike = 0xffff & ~(LA_FIN | LA_PSH | LA_CWR);
    if (differs("TTL", previous->ttl, next->ttl, why) ||
        differs("bytes of TCP options", previous->options_len, next->options_len, why) ||
        flags_differ(previous->flags, next->flags, alike, why) ||
        differs("reserved bits", previous->reserved, next->reserved, why) ||
        differs("seq on the wire", previous->seq + previous->len, next->seq, why) ||
        differs("ack on the wire", previous->ack, next->ack, why) ||
        differs("window", previous->window, next->window, why) ||
        differs("urgent pointer", previous->urgent, next->urgent, why))
        return false;
    bool last = so_far >= expected || next->len >= expected - so_far;
    if (!last && differs("payload of a piece", previous->len, next->len, why)) return false;
    why->len = before;
    why->at[before] = '\0';
    return true;
}

void packet_merge(struct drill_live *merged, const struct drill_live *next) {
    struct drill_live first = *merged;
    *merged = *next;
    merged->seq = first.seq;
    merged->flags = (uint16_t)((next->flags & ~LA_CWR) | (first.flags & LA_CWR));
    merged->data = first.data;
    merged->len = first.len + next->len;
    merged->ip_len = first.ip_len + next->len;
    merged->csum_ok = first.csum_ok && next->csum_ok;
    merged->ip_csum_ok = first.ip_csum_ok && next->ip_csum_ok;
}

/* --- IP --- */

static const char *const proto_names[] = {"TCP", "UDP", "UDP-Lite", "ICMP"};

static bool checksums_wrong(const struct drill_live *live, struct drill_text *why) {
    if (!live->ip_csum_ok)
        drill_text_add(why, "the IP header checksum is wrong");
    else if (!live->csum_ok)
        drill_text_add(why, "the %s checksum is wrong", proto_names[live->proto]);
    return !live->ip_csum_ok || !live->csum_ok;
}

static bool tos_differs(const struct drill_ip_info *expected, uint8_t tos, struct drill_text *why) {
    static const char *const names[] = {"noecn", "ect1", "ect0", "ce"};
    uint8_t ecn = tos & 3;
    switch (expected->tos_check) {
    case DRILL_TOS_NONE: return false;
    case DRILL_TOS_ALL: return differs_hex("TOS", expected->tos, tos, why);
    case DRILL_TOS_ECN:
        if ((expected->tos & 3) == ecn) return false;
        drill_text_add(why, "ECN: expected %s, sent %s", names[expected->tos & 3], names[ecn]);
        return true;
    case DRILL_TOS_ECT01: break;
    }
    if (ecn == 1 || ecn == 2) return false;
    drill_text_add(why, "ECN: expected ect0 or ect1, sent %s", names[ecn]);
    return true;
}

/* A script's flow labels are names: equal ones are equal on the wire, a new one is a new one there. */
static bool label_differs(struct drill_flow *flow, int64_t label, uint32_t live, struct drill_text *why) {
    if (label <= 0) return false;
    uint32_t script = (uint32_t)label;
    if (live == 0) {
        drill_text_add(why, "flow label: expected one, sent none");
        return true;
    }
    if (flow->script_label == script) return differs_hex("flow label on the wire", flow->live_label, live, why);
    if (flow->script_label && flow->live_label == live) {
        drill_text_add(why, "flow label: expected a new one, sent 0x%" PRIx32 " again", live);
        return true;
    }
    flow->script_label = script;
    flow->live_label = live;
    return false;
}

static bool ip_differs(struct drill_flow *flow, const struct drill_packet *expected, const struct drill_live *live,
                       struct drill_text *why) {
    if (differs("IP version", flow->ip6 ? 6 : 4, live->ip6 ? 6 : 4, why)) return true;
    if (expected->proto != live->proto) {
        drill_text_add(why, "protocol: expected %s, sent %s", proto_names[expected->proto], proto_names[live->proto]);
        return true;
    }
    if (tos_differs(&expected->ip, live->tos, why)) return true;
    if (expected->ip.ttl > 0 && differs("TTL", (uint32_t)expected->ip.ttl, live->ttl, why)) return true;
    return live->ip6 && label_differs(flow, expected->ip.flowlabel, live->flowlabel, why);
}

/* --- Options --- */

static void learn_ts(struct drill_flow *flow, const struct drill_packet *expected, const struct drill_live *live) {
    struct drill_packet raw;
    const struct drill_tcp_option *script = NULL, *sent = NULL;
    raw.noptions = 0;
    if (expected->proto != DRILL_TCP || live->proto != DRILL_TCP) return;
    options_decode(live->options, live->options_len, &raw);
    for (unsigned i = 0; i < expected->noptions; i++) {
        if (expected->option[i].kind == DRILL_OPT_TS && !expected->option[i].value_any) script = &expected->option[i];
    }
    for (unsigned i = 0; i < raw.noptions; i++) {
        if (raw.option[i].kind == DRILL_OPT_TS) sent = &raw.option[i];
    }
    if (script && sent) flow_learn_ts(flow, script->value, sent->value);
}

static bool ts_alike(const struct la_drill_options *options, const struct drill_tcp_option *expected,
                     const struct drill_tcp_option *sent, int64_t elapsed_us) {
    if (!expected->ecr_any && expected->ecr != sent->ecr) return false;
    if (expected->value_any || !options->tcp_ts_tick_us) return true;
    double off_us = (double)(int32_t)(sent->value - expected->value) * options->tcp_ts_tick_us;
    /* Unlike an event's, this tolerance grows with the time since the script's start. */
    double share = options->tolerance_percent / 100.0 * (double)elapsed_us;
    double tolerance_us = share > options->tolerance_us ? share : options->tolerance_us;
    return off_us <= tolerance_us && off_us >= -tolerance_us;
}

static bool option_alike(const struct la_drill_options *options, const struct drill_tcp_option *expected,
                         const struct drill_tcp_option *sent, int64_t elapsed_us) {
    if (expected->kind == DRILL_OPT_TS && sent->kind == DRILL_OPT_TS)
        return ts_alike(options, expected, sent, elapsed_us);
    /* "md5 valid": the digest is beyond what can be checked here. */
    if (expected->kind == DRILL_OPT_MD5 && !expected->nbytes) return sent->kind == DRILL_OPT_MD5;
    uint8_t a[TCP_OPTION_ROOM], b[TCP_OPTION_ROOM];
    unsigned len = option_encode(expected, a);
    return len == option_encode(sent, b) && memcmp(a, b, len) == 0;
}

static void say_lists(const struct drill_packet *expected, const struct drill_packet *sent, struct drill_text *why) {
    drill_text_add(why, "TCP options: expected ");
    if (expected->noptions)
        options_write(expected, why);
    else
        drill_text_add(why, "none");
    drill_text_add(why, ", sent ");
    if (sent->noptions)
        options_write(sent, why);
    else
        drill_text_add(why, "none");
}

static bool same_kinds(const struct drill_packet *expected, const struct drill_packet *sent) {
    if (expected->noptions != sent->noptions) return false;
    for (unsigned i = 0; i < expected->noptions; i++) {
        uint8_t a[TCP_OPTION_ROOM], b[TCP_OPTION_ROOM];
        option_encode(&expected->option[i], a);
        option_encode(&sent->option[i], b);
        if (a[0] != b[0]) return false;
    }
    return true;
}

static bool options_differ(const struct la_drill_options *options, const struct drill_packet *expected,
                           const struct drill_packet *sent, int64_t elapsed_us, struct drill_text *why) {
    if (expected->options_any) return false;
    if (!same_kinds(expected, sent)) {
        say_lists(expected, sent, why);
        return true;
    }
    for (unsigned i = 0; i < expected->noptions; i++) {
        if (option_alike(options, &expected->option[i], &sent->option[i], elapsed_us)) continue;
        drill_text_add(why, "TCP option %u: expected ", i + 1);
        option_write(&expected->option[i], why);
        drill_text_add(why, ", sent ");
        option_write(&sent->option[i], why);
        return true;
    }
    return false;
}

/* --- Transport --- */

static bool ports_differ(const struct drill_packet *expected, const struct drill_live *live, struct drill_text *why) {
    return (expected->src_port > 0 && differs("source port", (uint32_t)expected->src_port, live->src.port, why)) ||
           (expected->dst_port > 0 && differs("destination port", (uint32_t)expected->dst_port, live->dst.port, why));
}

static bool tcp_differs(const struct drill_packet *expected, const struct drill_packet *sent,
                        const struct drill_live *live, struct drill_text *why) {
    uint32_t seq = expected->seq_absolute ? live->seq : sent->seq;
    uint32_t ack = expected->ack_absolute ? live->ack : sent->ack;
    return flags_differ(expected->flags, sent->flags, 0xffff, why) ||
           differs_hex("reserved bits", 0, live->reserved, why) ||
           (!expected->seq_any && differs("seq", expected->seq, seq, why)) ||
           differs("payload bytes", expected->len, sent->len, why) ||
           (!expected->ack_any && differs("ack", expected->has_ack ? expected->ack : 0, ack, why)) ||
           (expected->has_window && differs("win", expected->window, sent->window, why)) ||
           differs("urg", expected->urgent, sent->urgent, why);
}

static bool icmp_differs(const struct drill_icmp *expected, const struct drill_icmp *sent, struct drill_text *why) {
    return differs("ICMP type", expected->type, sent->type, why) ||
           differs("ICMP code", expected->code, sent->code, why) ||
           (expected->has_mtu && differs("MTU", expected->mtu, sent->mtu, why));
}

static bool transport_differs(const struct la_drill_options *options, const struct drill_packet *expected,
                              const struct drill_packet *sent, const struct drill_live *live, int64_t elapsed_us,
                              struct drill_text *why) {
    if (expected->proto == DRILL_ICMP) return icmp_differs(&expected->icmp, &sent->icmp, why);
    if (ports_differ(expected, live, why)) return true;
    if (expected->proto == DRILL_TCP)
        return tcp_differs(expected, sent, live, why) || options_differ(options, expected, sent, elapsed_us, why);
    return differs("payload bytes", expected->len, live->len, why) ||
           (expected->proto == DRILL_UDPLITE &&
            differs("checksum coverage", expected->checksum_coverage, live->coverage, why));
}

/* Headers, options and payload are all there is: no IP options, nothing behind the payload. */
static bool length_differs(const struct drill_live *live, struct drill_text *why) {
    if (live->proto == DRILL_ICMP) return false;
    uint32_t header = live->proto == DRILL_TCP ? 20 + live->options_len : 8;
    return differs("bytes of the IP packet", (live->ip6 ? 40 : 20) + header + live->len, live->ip_len, why);
}

static bool payload_differs(const struct drill_live *live, struct drill_text *why) {
    if (live->proto == DRILL_ICMP) return false;
    for (uint32_t i = 0; i < live->len; i++) {
        if (live->data[i] == 0) continue;
        drill_text_add(why, "payload: expected zeros, sent 0x%02x as byte %" PRIu32, live->data[i], i);
        return true;
    }
    return false;
}

bool packet_match(struct drill_flow *flow, const struct la_drill_options *options, const struct drill_packet *expected,
                  const struct drill_live *live, int64_t elapsed_us, struct drill_text *why) {
    if (checksums_wrong(live, why)) return false;
    learn_ts(flow, expected, live);
    struct drill_packet sent;
    bool parsed = packet_to_script(flow, live, &sent);
    if (ip_differs(flow, expected, live, why)) return false;
    if (!parsed) {
        drill_text_add(why, "the TCP options do not parse");
        return false;
    }
    return !transport_differs(options, expected, &sent, live, elapsed_us, why) && !length_differs(live, why) &&
           !payload_differs(live, why);
}
