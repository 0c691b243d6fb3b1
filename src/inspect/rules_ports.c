/* Ports that run out. A connection needs a port that no other one from the same address to the same address and port
 * has; there are as many as ip_local_port_range says. A port stays taken in TIME_WAIT, unless tcp_tw_reuse lets it be
 * taken again after a second.
 *
 * In: the connections of a namespace. They are counted by (source, destination, destination port); where few ports are
 * left, the rate at which TIME_WAIT begins and ends says whether and when none will be. No counter of the kernel moves
 * when connect() finds no port, so that counting is the only way to know. */
#include "rules_ports.h"

#include "rules_host.h"

#include <inttypes.h>
#include <stdlib.h>

#define RATE_OVER (10 * LA_SECOND) /* What is younger says how fast connections end. */
#define REUSE_AFTER LA_SECOND
#define NEARLY 80 /* Per cent of all ports from which on they run out. */
#define HALF 50   /* The same where the rate says that they will. */
#define SLACK 500 /* One in so many ports may be taken by something else. */

uint32_t rules_ports_size(const struct routes *routes) { return routes->high - routes->low + 1; }

static bool same_route(const struct snap_conn *a, const struct snap_conn *b) {
    return a->peer.port == b->peer.port && la_addr_equal(&a->peer.addr, &b->peer.addr) &&
           la_addr_equal(&a->local.addr, &b->local.addr);
}

static bool takes_port(const struct routes *routes, const struct snap_conn *conn) {
    return conn->state != LA_LISTEN && conn->state != LA_CLOSED && conn->local.port >= routes->low &&
           conn->local.port <= routes->high;
}

static uint64_t route_key(const struct snap_conn *conn) {
    uint64_t to = map_mix(snap_addr_key(&conn->peer.addr), conn->peer.port);
    return map_mix(snap_addr_key(&conn->local.addr), to);
}

/* The route of a connection, made if need be. NULL: no memory. */
static struct route *find_route(const struct ask *ask, struct routes *routes, uint32_t conn) {
    const struct snap_conn *of = &ask->snap->conns[conn];
    uint64_t key = route_key(of);
    uint32_t at = map_get(&routes->map, key);
    if (at != MAP_NONE) return same_route(of, &ask->snap->conns[routes->list[at].first]) ? &routes->list[at] : NULL;
    if (routes->n == routes->room) {
        uint32_t room = routes->room ? routes->room * 2 : 64;
        struct route *larger = realloc(routes->list, room * sizeof *larger);
        if (!larger) goto failed;
        routes->list = larger;
        routes->room = room;
    }
    if (!map_put(&routes->map, key, routes->n)) goto failed;
    routes->list[routes->n] = (struct route){.first = conn, .holder = SNAP_NONE, .finding = SNAP_NONE};
    return &routes->list[routes->n++];
failed:
    routes->failed = true;
    return NULL;
}

/* tcp_tw_reuse: 1 for all, 2 for loopback alone; and it needs timestamps. */
static bool may_reuse(const struct ask *ask, const struct snap_conn *conn) {
    int64_t reuse = ask_setting(ask, conn->netns, SNAP_S_TW_REUSE);
    if (ask_setting(ask, conn->netns, SNAP_S_TIMESTAMPS) == 0) return false;
    return reuse == 1 || (reuse == 2 && (snap_is_loopback(&conn->peer.addr) || snap_is_loopback(&conn->local.addr)));
}

static void vote(struct route *route, uint32_t proc, uint32_t conn) {
    if (proc == SNAP_NONE) return;
    if (!route->votes) {
        route->holder = proc;
        route->holders_conn = conn;
    }
    route->votes += route->holder == proc ? 1 : UINT32_MAX; /* One less. */
}

static void count_waiting(const struct ask *ask, struct route *route, const struct snap_conn *conn) {
    la_time age = conn->age.least;
    route->waiting++;
    route->reusable += age >= REUSE_AFTER && may_reuse(ask, conn);
    route->begun += age <= RATE_OVER;
    route->ending += conn->timer_left <= RATE_OVER;
    if (conn->timer_left != LA_NEVER && age + conn->timer_left > route->lasts) route->lasts = age + conn->timer_left;
}

bool rules_ports_count(const struct ask *ask, struct routes *routes, uint32_t netns) {
    int64_t low = ask_setting(ask, netns, SNAP_S_PORT_LOW), high = ask_setting(ask, netns, SNAP_S_PORT_HIGH);
    *routes = (struct routes){0};
    if (low < 1 || high < low || high > UINT16_MAX) return false;
    routes->low = (uint32_t)low;
    routes->high = (uint32_t)high;
    for (uint32_t i = SNAP_NONE; (i = host_next(ask, netns, i)) != SNAP_NONE;) {
        const struct snap_conn *conn = &ask->snap->conns[i];
        struct route *route = takes_port(routes, conn) ? find_route(ask, routes, i) : NULL;
        if (!route) continue;
        route->selected |= ask_selected(ask, conn);
        if (conn->state == LA_TIME_WAIT) {
            count_waiting(ask, route, conn);
        } else {
            route->live++;
            vote(route, snap_first_proc(ask->snap, conn), i);
        }
    }
    return true;
}

void rules_ports_free(struct routes *routes) {
    map_free(&routes->map);
    free(routes->list);
    *routes = (struct routes){0};
}

/* --- What the counts mean --- */

uint32_t rules_ports_taken(const struct route *route) { return route->live + route->waiting - route->reusable; }

static uint32_t left(const struct routes *routes, const struct route *route) {
    return rules_ports_taken(route) < rules_ports_size(routes) ? rules_ports_size(routes) - rules_ports_taken(route)
                                                               : 0;
}

static bool is_exhausted(const struct routes *routes, const struct route *route) {
    return left(routes, route) <= rules_ports_size(routes) / SLACK;
}

/* Connections that begin TIME_WAIT in RATE_OVER fill as many ports in the long run. */
static bool will_be_exhausted(const struct routes *routes, const struct route *route) {
    double lasting = (double)route->begun * (double)route->lasts / (double)RATE_OVER;
    return !route->reusable && route->live + lasting >= rules_ports_size(routes);
}

static la_time forecast(const struct routes *routes, const struct route *route) {
    if (!will_be_exhausted(routes, route) || route->begun <= route->ending) return LA_NEVER;
    return (la_time)((double)left(routes, route) * (double)RATE_OVER / (route->begun - route->ending));
}

static bool is_running_out(const struct routes *routes, const struct route *route) {
    unsigned percent = host_percent(rules_ports_taken(route), rules_ports_size(routes));
    if (is_exhausted(routes, route)) return false;
    return percent >= NEARLY || (percent >= HALF && will_be_exhausted(routes, route));
}

/* --- Sentences --- */

static void tell_counts(const struct ask *ask, const struct routes *routes, const struct route *route,
                        struct finding *finding) {
    tell_evidence(finding, "net.ipv4.ip_local_port_range is %u to %u: %u ports for each destination.", routes->low,
                  routes->high, rules_ports_size(routes));
    tell_evidence(finding, "%s in use, %s in TIME_WAIT%s.", text_count(ask, route->live, "port"),
                  text_count(ask, route->waiting, "port"),
                  route->reusable
                      ? snap_format(ask->snap, ", of which tcp_tw_reuse lets %u be taken again", route->reusable)
                      : "");
    if (route->begun)
        tell_evidence(finding, "%.1f connections a second entered TIME_WAIT during the last %s.",
                      (double)route->begun * (double)LA_SECOND / (double)RATE_OVER, text_time(ask, RATE_OVER));
    if (route->votes) tell_evidence(finding, "Most of those in use are held by %s.", text_proc(ask, route->holder));
}

static void tell_cures(const struct ask *ask, const struct route *route, struct finding *finding) {
    const struct snap_conn *conn = &ask->snap->conns[route->first];
    if (route->live > route->waiting)
        tell_remedy(
            finding, snap_format(ask->snap, "lastack ls --by program,state 'dst %s'", text_endpoint(ask, &conn->peer)),
            "Close connections that are no longer used, or set a limit to the pool: most ports are held by open "
            "connections.");
    tell_remedy(finding, NULL,
                "Use connections again (HTTP keep-alive, a pool): each one that is closed by this side costs its port "
                "for %s more.",
                route->lasts ? text_time(ask, route->lasts) : "a minute");
    if (route->waiting && ask_setting(ask, conn->netns, SNAP_S_TW_REUSE) != 1)
        tell_remedy(finding, "sysctl -w net.ipv4.tcp_tw_reuse=1",
                    "Let connect() take ports that have been in TIME_WAIT for a second; it needs timestamps on both "
                    "sides.");
    tell_remedy(finding, NULL,
                "Spread over more destination addresses or ports, or over more source addresses (bind with "
                "IP_BIND_ADDRESS_NO_PORT): each pair has all ports to itself.");
    tell_remedy(finding, "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"",
                "Widen the range of ports; reserve those of services by ip_local_reserved_ports.");
}

static void tell_route(const struct ask *ask, const struct routes *routes, const struct route *route,
                       struct finding *finding) {
    const struct snap_conn *conn = &ask->snap->conns[route->first];
    const char *from = host_addr_text(ask, &conn->local.addr), *to = text_endpoint(ask, &conn->peer);
    bool none = is_exhausted(routes, route);
    tell_title(finding, "Ports from %s to %s %s: %u of %u are taken.", from, to,
               none ? "are used up" : "are running out", rules_ports_taken(route), rules_ports_size(routes));
    tell_text(finding,
              none ? "New connections there fail with EADDRNOTAVAIL (\"Cannot assign requested address\"), and "
                     "no counter of the kernel shows it. Other destinations still work."
                   : "When none is left, connect() fails with EADDRNOTAVAIL, and no counter of the kernel shows "
                     "it.");
    if (route->waiting > route->live)
        tell_text(finding,
                  "Most are in TIME_WAIT: this side closes first, and each port comes back by itself %s "
                  "later; it lasts for as long as connections are made at this rate.",
                  route->lasts ? text_time(ask, route->lasts) : "a minute");
    else
        tell_text(finding, "Most belong to open connections: it does not end by itself, only by closing them.");
    finding->forecast = none ? 0 : forecast(routes, route);
    if (!none && finding->forecast != LA_NEVER)
        tell_text(finding, "At this rate none is left in %s.", text_time(ask, finding->forecast));
    tell_counts(ask, routes, route, finding);
    tell_cures(ask, route, finding);
}

/* --- The rules --- */

static void add_conns(struct ask *ask, struct routes *routes, uint32_t netns) {
    for (uint32_t i = SNAP_NONE; (i = host_next(ask, netns, i)) != SNAP_NONE;) {
        const struct snap_conn *conn = &ask->snap->conns[i];
        struct route *route = takes_port(routes, conn) ? find_route(ask, routes, i) : NULL;
        if (!route || route->finding == SNAP_NONE || !ask_selected(ask, conn)) continue;
        finding_add(ask, &ask->findings->list[route->finding], i);
    }
}

static void tell_all(struct ask *ask, struct routes *routes) {
    for (uint32_t i = 0; i < routes->n; i++) {
        struct route *route = &routes->list[i];
        if (route->finding == SNAP_NONE) continue;
        struct finding *finding = &ask->findings->list[route->finding];
        if (route->votes) host_blame(ask, finding, route->holders_conn);
        host_settle(ask, finding);
        tell_route(ask, routes, route, finding);
    }
}

static void ask_ports(struct ask *ask, const struct rule *rule, uint32_t netns,
                      bool (*holds)(const struct routes *routes, const struct route *route)) {
    struct routes routes;
    bool any = false;
    if (!rules_ports_count(ask, &routes, netns)) return;
    for (uint32_t i = 0; i < routes.n; i++) {
        struct route *route = &routes.list[i];
        if (!route->selected || !holds(&routes, route) || !rule_finding(ask, rule, netns)) continue;
        route->finding = ask->findings->n - 1;
        any = true;
    }
    if (any) {
        add_conns(ask, &routes, netns);
        tell_all(ask, &routes);
    }
    ask->findings->failed |= routes.failed;
    rules_ports_free(&routes);
}

void rules_ports_exhausted(struct ask *ask, const struct rule *rule, uint32_t netns) {
    ask_ports(ask, rule, netns, is_exhausted);
}

void rules_ports_running_out(struct ask *ask, const struct rule *rule, uint32_t netns) {
    ask_ports(ask, rule, netns, is_running_out);
}
