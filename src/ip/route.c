/* Routes, and paths made from them.
 *
 * In: routes from ip_route_add and, for every address, the route to its own prefix. Out: struct ip_path, which a
 * connection keeps; it holds all that ip_output needs, and the generation of the routing state it was made from, so
 * that asking whether it still holds is one comparison (ip_path_valid). Routes, addresses and path MTUs change the
 * generation.
 *
 * The routes are one array, longest prefix first, equal ones in the order they were added: the first that matches is
 * the best. A host has few routes, and a look-up happens once per connection and change, so nothing faster is needed.
 *
 * The source address follows RFC 6724, section 5, as far as it can matter here: an address of the leaving interface
 * (rule 5), of appropriate scope (rule 2), with the longest matching prefix (rule 8), first added first. */
#include "ip/ip_state.h"

/* --- Routes --- */

bool route_room(struct ip *ip, uint32_t more) {
    void *routes = ip->routes;
    if (!ip_grow(ip, &routes, ip->nroutes, &ip->routes_cap, more, sizeof *ip->routes)) return false;
    ip->routes = routes;
    return true;
}

void route_insert(struct ip *ip, const struct ip_route *route) {
    uint32_t place = ip->nroutes;
    while (place && ip->routes[place - 1].prefix_len < route->prefix_len) place--;
    memmove(&ip->routes[place + 1], &ip->routes[place], (ip->nroutes - place) * sizeof *ip->routes);
    ip->routes[place] = *route;
    ip->nroutes++;
}

const struct ip_route *route_find(const struct ip *ip, const struct la_addr *dst, int iface) {
    for (uint32_t i = 0; i < ip->nroutes; i++) {
        const struct ip_route *route = &ip->routes[i];
        if (iface >= 0 && route->iface != iface) continue;
        /* The IPv6 default route must not take IPv4, whose addresses lie within ::/0. */
        if (addr_is4(&route->prefix) != addr_is4(dst)) continue;
        if (addr_common(&route->prefix, dst) >= route->prefix_len) return route;
    }
    return NULL;
}

static bool same_route(const struct ip_route *a, const struct ip_route *b) {
    return a->prefix_len == b->prefix_len && a->iface == b->iface && a->has_gateway == b->has_gateway &&
           addr_equal(&a->prefix, &b->prefix) && addr_equal(&a->gateway, &b->gateway) &&
           addr_is4(&a->prefix) == addr_is4(&b->prefix);
}

static bool gateway_ok(const struct ip *ip, const struct la_addr *gateway, bool is4) {
    return addr_is4(gateway) == is4 && !ip_is_any(gateway) && !ip_is_multicast(gateway) && !ip_is_local(ip, gateway);
}

static bool mtu_ok(uint32_t mtu, bool is4) {
    return !mtu || (mtu >= (is4 ? IP4_MTU_MIN : IP6_MTU_MIN) && mtu <= UINT16_MAX);
}

int ip_route_add(struct ip *ip, const struct la_addr *prefix, unsigned prefix_len, const struct la_addr *gateway,
                 int iface, uint32_t mtu) {
    if (iface < 0 || (uint32_t)iface >= ip->nifaces) return -LA_ENOENT;
    bool is4 = addr_is4(prefix);
    if (prefix_len > (is4 ? 32u : 128u)) return -LA_EINVAL;
    if (!mtu_ok(mtu, is4)) return -LA_EINVAL;
    if (gateway && !gateway_ok(ip, gateway, is4)) return -LA_EINVAL;
    struct ip_route route = {.prefix_len = (uint8_t)(is4 ? prefix_len + 96 : prefix_len),
                             .has_gateway = gateway != NULL,
                             .iface = (uint16_t)iface,
                             .mtu = (uint16_t)mtu};
    route.prefix = addr_mask(prefix, route.prefix_len);
    if (gateway) route.gateway = *gateway;
    for (uint32_t i = 0; i < ip->nroutes; i++)
        if (same_route(&ip->routes[i], &route)) return -LA_EEXIST;
    if (!route_room(ip, 1)) return -LA_ENOMEM;
    route_insert(ip, &route);
    ip_changed(ip);
    return 0;
}

static int set_metric(struct ip_route *route, unsigned metric, uint32_t value) {
    bool is4 = addr_is4(&route->prefix), mtu = metric == LA_ROUTE_MTU || metric == LA_ROUTE_MTU_LOCK;
    is4 |= metric == LA_ROUTE_MTU_LOCK; /* Whoever says so knows: nothing has to be cut for it. */
    if (mtu ? !mtu_ok(value, is4) : value > UINT16_MAX) return -LA_EINVAL;
    switch (metric) {
    case LA_ROUTE_MTU:
    case LA_ROUTE_MTU_LOCK:
        route->mtu = (uint16_t)value;
        route->metrics.mtu_locked = value && metric == LA_ROUTE_MTU_LOCK;
        return 0;
    case LA_ROUTE_ADVMSS: route->metrics.advmss = (uint16_t)value; return 0;
    case LA_ROUTE_INITCWND: route->metrics.initcwnd = (uint16_t)value; return 0;
    case LA_ROUTE_INITRWND: route->metrics.initrwnd = (uint16_t)value; return 0;
    default: return -LA_EINVAL;
    }
}

int ip_route_set(struct ip *ip, const struct la_addr *prefix, unsigned prefix_len, int iface, unsigned metric,
                 uint32_t value) {
    bool is4 = addr_is4(prefix);
    if (prefix_len > (is4 ? 32u : 128u)) return -LA_EINVAL;
    unsigned len = is4 ? prefix_len + 96 : prefix_len;
    struct la_addr masked = addr_mask(prefix, len);
    int result = -LA_ENOENT;
    for (uint32_t i = 0; i < ip->nroutes; i++) {
        struct ip_route *route = &ip->routes[i];
        bool same = route->prefix_len == len && addr_is4(&route->prefix) == is4 && addr_equal(&route->prefix, &masked);
        if (!same || (iface >= 0 && route->iface != iface)) continue;
        result = set_metric(route, metric, value);
        if (result) return result;
    }
    if (!result) ip_changed(ip);
    return result;
}

bool route_on_link(const struct ip *ip, unsigned iface, const struct la_addr *addr) {
    const struct ip_route *route = route_find(ip, addr, (int)iface);
    return route && !route->has_gateway && !iface_is_broadcast(ip, iface, addr);
}

/* --- Source addresses --- */

/* How good `local` is as a source towards `dst`; larger is better. */
static unsigned source_rank(const struct ip_local *local, const struct la_addr *dst, unsigned iface) {
    bool near = ip_is_link_local(dst) || (dst->bytes[0] == 0xff && (dst->bytes[1] & 0x0f) <= 2);
    unsigned rank = addr_common(&local->addr, dst);
    if (ip_is_link_local(&local->addr) == near) rank += 256;
    if (local->iface == iface) rank += 512;
    return rank;
}

static const struct ip_local *source_choose(const struct ip *ip, const struct la_addr *dst, unsigned iface) {
    const struct ip_local *best = NULL;
    unsigned best_rank = 0;
    for (uint32_t i = 0; i < ip->nlocals; i++) {
        const struct ip_local *local = &ip->locals[i];
        if (addr_is4(&local->addr) != addr_is4(dst)) continue;
        if (ip_is_link_local(&local->addr) && local->iface != iface) continue;
        unsigned rank = source_rank(local, dst, iface);
        if (best && (rank < best_rank || (rank == best_rank && local->serial > best->serial))) continue;
        best = local;
        best_rank = rank;
    }
    return best;
}

/* The interface that the caller asks for, by zone or by a link-local source; -1: any. */
static int wanted_iface(const struct ip *ip, const struct la_addr *src, uint16_t zone) {
    if (zone) return zone - 1;
    if (!src || !ip_is_link_local(src)) return -1;
    for (uint32_t i = 0; i < ip->nlocals; i++)
        if (addr_equal(&ip->locals[i].addr, src)) return ip->locals[i].iface;
    return -1;
}

/* The first interface with an address of dst's family: where groups and broadcasts go without a route. */
static int first_iface(const struct ip *ip, const struct la_addr *dst) {
    const struct ip_local *first = NULL;
    for (uint32_t i = 0; i < ip->nlocals; i++) {
        const struct ip_local *local = &ip->locals[i];
        if (addr_is4(&local->addr) != addr_is4(dst)) continue;
        if (!first || local->serial < first->serial) first = local;
    }
    return first ? first->iface : -1;
}

/* --- Paths --- */

static uint16_t path_mtu(const struct ip *ip, const struct ip_path *path, uint16_t route_mtu) {
    uint32_t mtu = ip->ifaces[path->iface]->config.mtu;
    if (route_mtu && route_mtu < mtu) mtu = route_mtu;
    if (path->metrics.mtu_locked) return (uint16_t)mtu;
    uint16_t noted = pmtu_find(ip, &path->dst);
    return noted && noted < mtu ? noted : (uint16_t)mtu;
}

struct ip_path route_direct(const struct ip *ip, unsigned iface, const struct la_addr *src, const struct la_addr *dst) {
    struct ip_path path = {.src = *src,
                           .dst = *dst,
                           .next_hop = *dst,
                           .iface = (uint16_t)iface,
                           .mtu = (uint16_t)ip->ifaces[iface]->config.mtu,
                           .generation = ip->generation,
                           .local_link = true};
    return path;
}

/* Interface, next hop and MTU. */
static bool path_leave(const struct ip *ip, int iface, struct ip_path *path) {
    const struct ip_route *route = route_find(ip, &path->dst, iface);
    if (!route) {
        if (!ip_is_multicast(&path->dst)) return false;
        if (iface < 0) iface = first_iface(ip, &path->dst);
        if (iface < 0 || (uint32_t)iface >= ip->nifaces) return false;
    }
    path->iface = route ? route->iface : (uint16_t)iface;
    path->broadcast = iface_is_broadcast(ip, path->iface, &path->dst);
    path->local_link = !route || !route->has_gateway || path->broadcast || ip_is_multicast(&path->dst);
    path->next_hop = path->local_link ? path->dst : route->gateway;
    if (route) path->metrics = route->metrics;
    path->mtu = path_mtu(ip, path, route ? route->mtu : 0);
    return true;
}

int ip_path_find(struct ip *ip, const struct la_addr *dst, const struct la_addr *src, uint16_t zone,
                 struct ip_path *path) {
    if (src && ip_is_any(src)) src = NULL;
    if (src && (addr_is4(src) != addr_is4(dst) || !ip_is_local(ip, src))) return -LA_EADDRNOTAVAIL;
    /* Nothing leads back to ourselves: such a packet would have to arrive through an interface. */
    if (ip_is_any(dst) || ip_is_local(ip, dst)) return -LA_EADDRNOTAVAIL;
    if (addr_is_loopback(dst))
        return -LA_ENETUNREACH; /* RFC 1122, 3.2.1.3 (g); RFC 4291, 2.5.3: never outside a host. */
    memset(path, 0, sizeof *path);
    path->dst = *dst;
    path->generation = ip->generation;
    if (!path_leave(ip, wanted_iface(ip, src, zone), path)) return -LA_ENETUNREACH;
    if (!src) {
        const struct ip_local *local = source_choose(ip, dst, path->iface);
        if (!local) return -LA_EADDRNOTAVAIL;
        src = &local->addr;
    }
    path->src = *src;
    return 0;
}

uint32_t ip_generation(const struct ip *ip) { return ip->generation; }

bool ip_path_valid(const struct ip *ip, const struct ip_path *path) { return path->generation == ip->generation; }

uint32_t ip_path_room(const struct ip_path *path) {
    return (uint32_t)path->mtu - (addr_is4(&path->dst) ? IP4_LEN : IP6_LEN);
}
