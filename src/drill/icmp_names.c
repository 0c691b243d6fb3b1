#include "icmp_names.h"

#include <string.h>

struct name {
    bool ip6;
    uint8_t type, code;
    const char *name;
};

/* RFC 792, 950, 1256 (IPv4); 4443, 4861 (IPv6). */
static const struct name types[] = {
    {false, 0, 0, "echo_reply"},          {false, 3, 0, "unreachable"},
    {false, 4, 0, "source_quench"},       {false, 5, 0, "redirect"},
    {false, 8, 0, "echo_request"},        {false, 11, 0, "time_exceeded"},
    {false, 12, 0, "parameter_problem"},  {false, 13, 0, "timestamp_request"},
    {false, 14, 0, "timestamp_reply"},    {false, 15, 0, "information_request"},
    {false, 16, 0, "information_reply"},  {false, 17, 0, "address_mask_request"},
    {false, 18, 0, "address_mask_reply"}, {true, 1, 0, "unreachable"},
    {true, 2, 0, "packet_too_big"},       {true, 3, 0, "time_exceeded"},
    {true, 4, 0, "parameter_problem"},    {true, 128, 0, "echo_request"},
    {true, 129, 0, "echo_reply"},         {true, 134, 0, "router_advertisement"},
};

/* RFC 792, 1122 and 1812 (IPv4); 4443 (IPv6). Of two names for one code the first is written. */
static const struct name codes[] = {
    {false, 3, 0, "net_unreachable"},
    {false, 3, 1, "host_unreachable"},
    {false, 3, 2, "protocol_unreachable"},
    {false, 3, 3, "port_unreachable"},
    {false, 3, 4, "frag_needed"},
    {false, 3, 5, "source_route_failed"},
    {false, 3, 6, "net_unknown"},
    {false, 3, 7, "host_unknown"},
    {false, 3, 8, "source_host_isolated"},
    {false, 3, 9, "net_prohibited"},
    {false, 3, 10, "host_prohibited"},
    {false, 3, 11, "net_unreachable_for_tos"},
    {false, 3, 12, "host_unreachable_for_tos"},
    {false, 3, 13, "packet_filtered"},
    {false, 3, 14, "precedence_violation"},
    {false, 3, 15, "precedence_cutoff"},
    {false, 11, 0, "ttl_exceeded_in_transit"},
    {false, 11, 1, "frag_reass_exceeded"},
    {true, 1, 0, "no_route"},
    {true, 1, 0, "net_unreachable"},
    {true, 1, 1, "admin_prohibited"},
    {true, 1, 2, "not_neighbour"},
    {true, 1, 3, "address_unreachable"},
    {true, 1, 4, "port_unreachable"},
    {true, 3, 0, "exceeded_hop_limit"},
    {true, 3, 1, "exceeded_frag_time"},
    {true, 4, 0, "header_field"},
    {true, 4, 1, "unknown_next_header"},
    {true, 4, 2, "unknown_option"},
};

static bool is_name(const char *known, const char *name, size_t len) {
    return strlen(known) == len && memcmp(known, name, len) == 0;
}

/* "type_255": the number behind the prefix. */
static bool numbered(const char *prefix, const char *name, size_t len, uint8_t *number) {
    size_t skip = strlen(prefix);
    unsigned n = 0;
    if (len <= skip || len > skip + 3 || memcmp(name, prefix, skip) != 0) return false;
    for (size_t i = skip; i < len; i++) {
        if (name[i] < '0' || name[i] > '9') return false;
        n = n * 10 + (unsigned)(name[i] - '0');
    }
    *number = (uint8_t)n;
    return n <= UINT8_MAX;
}

bool icmp_type_of(bool ip6, const char *name, size_t len, uint8_t *type) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].ip6 != ip6 || !is_name(types[i].name, name, len)) continue;
        *type = types[i].type;
        return true;
    }
    return numbered("type_", name, len, type);
}

bool icmp_code_of(bool ip6, uint8_t type, const char *name, size_t len, uint8_t *code) {
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].ip6 != ip6 || codes[i].type != type || !is_name(codes[i].name, name, len)) continue;
        *code = codes[i].code;
        return true;
    }
    return numbered("code_", name, len, code);
}

const char *icmp_type_name(bool ip6, uint8_t type) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].ip6 == ip6 && types[i].type == type) return types[i].name;
    }
    return NULL;
}

const char *icmp_code_name(bool ip6, uint8_t type, uint8_t code) {
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].ip6 == ip6 && codes[i].type == type && codes[i].code == code) return codes[i].name;
    }
    return NULL;
}
