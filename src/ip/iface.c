/* Interfaces and their addresses.
 *
 * In: ip_iface_add and ip_addr_add, whole or not at all. Out: answers to "is this address ours", asked for every packet
 * that arrives (iface_accepts, iface_source_ok), and by the transports (ip_is_local).
 *
 * The addresses are one array sorted by bytes, so that a look-up is a binary search; an address belongs to the stack
 * rather than to an interface (the weak model of RFC 1122, 3.3.4.2), but for link-local ones, which may be there once
 * per interface (RFC 4291, 2.5.6).
 *
 * On Ethernet the link's IPv6 groups are all nodes (ff02::1) and the solicited-node address of each of our addresses
 * (RFC 4291, 2.8); they are accepted as if joined. MLD reports are not sent. For IPv4 it is all systems, 224.0.0.1
 * (RFC 1112, 4). */
#include "ip/ip_state.h"

bool ip_is_any(const struct la_addr *addr) {
    static const struct la_addr any6;
    return get32(addr->bytes + 12) == 0 && (addr_is4(addr) || addr_equal(addr, &any6));
}

static bool is_limited_broadcast(const struct la_addr *addr) {
    return addr_is4(addr) && get32(addr->bytes + 12) == UINT32_MAX;
}

bool ip_is_multicast(const struct la_addr *addr) {
    if (!addr_is4(addr)) return addr->bytes[0] == 0xff;
    return (addr->bytes[12] & 0xf0) == 0xe0 || is_limited_broadcast(addr);
}

bool addr_is_loopback(const struct la_addr *addr) {
    static const struct la_addr loopback6 = {{[15] = 1}};
    if (addr_is4(addr)) return addr->bytes[12] == 127;
    return addr_equal(addr, &loopback6);
}

bool ip_is_link_local(const struct la_addr *addr) { return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80; }

unsigned addr_common(const struct la_addr *a, const struct la_addr *b) {
    for (unsigned i = 0; i < 16; i++) {
        unsigned differ = a->bytes[i] ^ b->bytes[i];
        if (!differ) continue;
        unsigned bits = i * 8;
        for (; !(differ & 0x80); differ <<= 1) bits++;
        return bits;
    }
    return 128;
}

struct la_addr addr_solicited_node(const struct la_addr *addr) {
    struct la_addr group = {{0xff, 0x02, [11] = 0x01, [12] = 0xff}};
    memcpy(group.bytes + 13, addr->bytes + 13, 3);
    return group;
}

/* --- Interfaces --- */

int ip_iface_add(struct ip *ip, const struct la_iface_config *config) {
    if (config->link != LA_LINK_IP && config->link != LA_LINK_ETHERNET) return -LA_EINVAL;
    if (config->mtu < IP4_MTU_MIN || config->mtu > UINT16_MAX) return -LA_EINVAL;
    if (config->link == LA_LINK_ETHERNET && (config->mac[0] & 1)) return -LA_EINVAL;
    if (ip->nifaces == IP_IFACES_MAX) return -LA_ENOMEM;
    struct ip_iface *iface = env_alloc(ip->env, sizeof *iface);
    if (!iface) return -LA_ENOMEM;
    iface->config = *config;
    list_init(&iface->queue);
    ip->ifaces[ip->nifaces] = iface;
    return (int)ip->nifaces++;
}

unsigned ip_iface_count(const struct ip *ip) { return ip->nifaces; }

const struct la_iface_config *ip_iface(const struct ip *ip, unsigned iface) {
    return iface < ip->nifaces ? &ip->ifaces[iface]->config : NULL;
}

/* --- Addresses --- */

/* The place of the first entry that is not below (addr, iface). */
static uint32_t local_place(const struct ip *ip, const struct la_addr *addr, unsigned iface) {
    uint32_t low = 0, high = ip->nlocals;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct ip_local *at = &ip->locals[middle];
        int order = memcmp(at->addr.bytes, addr->bytes, 16);
        if (order < 0 || (order == 0 && at->iface < iface)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint64_t local_bit(const struct la_addr *addr) { return (uint64_t)1 << addr->bytes[15] % 64; }

const struct ip_local *iface_local(const struct ip *ip, unsigned iface, const struct la_addr *addr) {
    if (!(ip->local_bits & local_bit(addr))) return NULL;
    unsigned from = ip_is_link_local(addr) ? iface : 0;
    uint32_t place = local_place(ip, addr, from);
    if (place == ip->nlocals) return NULL;
    const struct ip_local *local = &ip->locals[place];
    if (!addr_equal(&local->addr, addr) || (ip_is_link_local(addr) && local->iface != iface)) return NULL;
    return local;
}

bool ip_is_local(const struct ip *ip, const struct la_addr *addr) {
    if (!(ip->local_bits & local_bit(addr))) return false;
    uint32_t place = local_place(ip, addr, 0);
    return place < ip->nlocals && addr_equal(&ip->locals[place].addr, addr);
}

bool ip_is_local_in(const struct ip *ip, uint16_t zone, const struct la_addr *addr) {
    if (!zone || !ip_is_link_local(addr)) return ip_is_local(ip, addr);
    return zone <= ip->nifaces && iface_local(ip, zone - 1u, addr);
}

struct la_addr addr_mask(const struct la_addr *addr, unsigned prefix_len) {
    struct la_addr prefix = *addr;
    for (unsigned bit = prefix_len; bit < 128; bit++) prefix.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    return prefix;
}

/* A prefix of 31 or 32 bits has no broadcast address (RFC 3021). */
static uint32_t broadcast_of(const struct la_addr *addr, unsigned prefix_len) {
    if (!addr_is4(addr) || prefix_len > 126) return 0;
    ASSERT(prefix_len >= 96);
    return get32(addr->bytes + 12) | UINT32_MAX >> (prefix_len - 96);
}

static void local_insert(struct ip *ip, unsigned iface, const struct la_addr *addr, unsigned prefix_len) {
    uint32_t place = local_place(ip, addr, iface);
    memmove(&ip->locals[place + 1], &ip->locals[place], (ip->nlocals - place) * sizeof *ip->locals);
    ip->locals[place] = (struct ip_local){.addr = *addr,
                                          .prefix_len = (uint8_t)prefix_len,
                                          .iface = (uint16_t)iface,
                                          .serial = ip->locals_serial++,
                                          .broadcast = broadcast_of(addr, prefix_len)};
    ip->nlocals++;
    ip->local_bits |= local_bit(addr);
    struct ip_route route = {
        .prefix = addr_mask(addr, prefix_len), .prefix_len = (uint8_t)prefix_len, .iface = (uint16_t)iface};
    route_insert(ip, &route);
}

/* fe80:: and the MAC as an EUI-64 (RFC 4291, appendix A). */
static struct la_addr link_local_of(const uint8_t mac[6]) {
    return (struct la_addr){{0xfe, 0x80, [8] = mac[0] ^ 2, [9] = mac[1], [10] = mac[2], [11] = 0xff, [12] = 0xfe,
                             [13] = mac[3], [14] = mac[4], [15] = mac[5]}};
}

static bool addr_exists(const struct ip *ip, unsigned iface, const struct la_addr *addr) {
    return ip_is_link_local(addr) ? iface_local(ip, iface, addr) != NULL : ip_is_local(ip, addr);
}

int ip_addr_add(struct ip *ip, int iface, const struct la_addr *addr, unsigned prefix_len) {
    if (iface < 0 || (uint32_t)iface >= ip->nifaces) return -LA_ENOENT;
    bool is4 = addr_is4(addr);
    const struct la_iface_config *config = &ip->ifaces[iface]->config;
    if (prefix_len > (is4 ? 32u : 128u) || ip_is_any(addr) || ip_is_multicast(addr)) return -LA_EINVAL;
    if (!is4 && config->mtu < IP6_MTU_MIN) return -LA_EINVAL;
    if (addr_exists(ip, (unsigned)iface, addr)) return -LA_EEXIST;
    void *locals = ip->locals;
    if (!ip_grow(ip, &locals, ip->nlocals, &ip->locals_cap, 2, sizeof *ip->locals)) return -LA_ENOMEM;
    ip->locals = locals;
    if (!route_room(ip, 2)) return -LA_ENOMEM;
    local_insert(ip, (unsigned)iface, addr, is4 ? prefix_len + 96 : prefix_len);
    if (!is4 && config->link == LA_LINK_ETHERNET) {
        struct la_addr own = link_local_of(config->mac);
        if (!addr_exists(ip, (unsigned)iface, &own)) local_insert(ip, (unsigned)iface, &own, 64);
    }
    ip_changed(ip);
    return 0;
}

/* --- Whose packet is it --- */

bool iface_is_broadcast(const struct ip *ip, unsigned iface, const struct la_addr *addr) {
    if (!addr_is4(addr)) return false;
    uint32_t a = get32(addr->bytes + 12);
    if (a == UINT32_MAX) return true;
    for (uint32_t i = 0; i < ip->nlocals; i++) {
        const struct ip_local *local = &ip->locals[i];
        if (local->broadcast == a && a && local->iface == iface) return true;
    }
    return false;
}

static bool accepts_group(const struct ip *ip, unsigned iface, const struct la_addr *dst) {
    static const struct la_addr all_systems = {{[10] = 0xff, [11] = 0xff, [12] = 224, [15] = 1}};
    static const struct la_addr node_all_nodes = {{0xff, 0x01, [15] = 1}};
    static const struct la_addr link_all_nodes = {{0xff, 0x02, [15] = 1}};
    if (addr_is4(dst)) return addr_equal(dst, &all_systems);
    if (addr_equal(dst, &link_all_nodes) || addr_equal(dst, &node_all_nodes)) return true;
    for (uint32_t i = 0; i < ip->nlocals; i++) {
        const struct ip_local *local = &ip->locals[i];
        if (local->iface != iface || addr_is4(&local->addr)) continue;
        struct la_addr group = addr_solicited_node(&local->addr);
        if (addr_equal(dst, &group)) return true;
    }
    return false;
}

bool iface_accepts(struct ip *ip, unsigned iface, const struct la_addr *dst, bool *multicast) {
    *multicast = false;
    if (ip->local_hint < ip->nlocals) {
        const struct ip_local *hint = &ip->locals[ip->local_hint];
        if (hint->iface == iface && addr_equal(&hint->addr, dst)) return true;
    }
    const struct ip_local *local = iface_local(ip, iface, dst);
    if (local) {
        ip->local_hint = (uint32_t)(local - ip->locals);
        return true;
    }
    *multicast = true;
    if (iface_is_broadcast(ip, iface, dst)) return true;
    return ip_is_multicast(dst) && accepts_group(ip, iface, dst);
}

/* Packets come in rows from one source, so the latest one that was right is remembered. */
bool iface_source_ok(struct ip *ip, unsigned iface, const struct la_addr *src) {
    struct ip_source *hint = &ip->source_hint;
    if (hint->generation == ip->generation && hint->iface == iface && addr_equal(&hint->addr, src)) return true;
    bool ok = !ip_is_any(src) && !ip_is_multicast(src) && !addr_is_loopback(src) && !iface_local(ip, iface, src) &&
              !iface_is_broadcast(ip, iface, src);
    if (ok) *hint = (struct ip_source){*src, iface, ip->generation};
    return ok;
}
