/* Local ports: who uses which, and which one a connection gets.
 *
 * Every socket with a local port, every accepted connection and every TIME_WAIT record counts as a user of its port.
 * Sockets that called bind() or listen() are also in the port's chain, because their addresses matter to others. Pages
 * of 256 ports are allocated when one of them is used and freed with the last user.
 *
 * SO_REUSEADDR as on Linux (C18): two sockets may share a port if both have it set and neither listens. As on BSD, a
 * record does not ask whether its socket had it: who sets it may bind beside TIME_WAIT. */
#include "tcp/conn.h"

struct port {
    uint32_t users;  /* Chained ones included. */
    uint32_t strict; /* Users that are not chained and do not have SO_REUSEADDR. */
    uint32_t first;  /* Of the chain, or POOL_NONE. */
    uint32_t chained;
};

struct port_page {
    uint32_t users;
    struct port port[256];
};

void tcp_ports_init(struct tcp *tcp) { memset(tcp->ports, 0, sizeof tcp->ports); }

void tcp_ports_free(struct tcp *tcp) {
    for (unsigned i = 0; i < COUNT_OF(tcp->ports); i++) env_release(tcp->env, tcp->ports[i], sizeof(struct port_page));
}

static struct port *find(const struct tcp *tcp, uint16_t port) {
    struct port_page *page = tcp->ports[port >> 8];
    return page ? &page->port[port & 255] : NULL;
}

static struct port *make(struct tcp *tcp, uint16_t port) {
    struct port_page **page = &tcp->ports[port >> 8];
    if (!*page) {
        *page = env_zalloc(tcp->env, sizeof **page);
        if (!*page) return NULL;
        for (unsigned i = 0; i < 256; i++) (*page)->port[i].first = POOL_NONE;
    }
    return &(*page)->port[port & 255];
}

static void add_users(struct tcp *tcp, uint16_t port, struct port *p, int change) {
    struct port_page *page = tcp->ports[port >> 8];
    p->users += (uint32_t)change;
    page->users += (uint32_t)change;
    if (page->users) return;
    env_release(tcp->env, page, sizeof *page);
    tcp->ports[port >> 8] = NULL;
}

/* A user that is not chained comes (+1) or goes (-1). Its port's page exists while it is there. */
void tcp_port_count(struct tcp *tcp, uint16_t port, bool strict, int change) {
    struct port *p = find(tcp, port);
    if (strict) p->strict += (uint32_t)change;
    add_users(tcp, port, p, change);
}

struct tcp_conn *tcp_port_chain(const struct tcp *tcp, uint16_t port) {
    const struct port *p = find(tcp, port);
    return p && p->first != POOL_NONE ? tcp_conn_at(tcp, p->first) : NULL;
}

struct tcp_conn *tcp_port_chain_next(const struct tcp_conn *c) {
    return c->bind_next != POOL_NONE ? tcp_conn_at(c->tcp, c->bind_next) : NULL;
}

static void chain(struct tcp_conn *c, struct port *p) {
    c->bind_prev = POOL_NONE;
    c->bind_next = p->first;
    if (p->first != POOL_NONE) tcp_conn_at(c->tcp, p->first)->bind_prev = tcp_conn_index(c);
    p->first = tcp_conn_index(c);
    p->chained++;
    c->is.bind_called = 1;
}

static void unchain(struct tcp_conn *c, struct port *p) {
    if (c->bind_next != POOL_NONE) tcp_conn_at(c->tcp, c->bind_next)->bind_prev = c->bind_prev;
    if (c->bind_prev != POOL_NONE)
        tcp_conn_at(c->tcp, c->bind_prev)->bind_next = c->bind_next;
    else
        p->first = c->bind_next;
    p->chained--;
    c->bind_next = c->bind_prev = POOL_NONE;
    c->is.bind_called = 0;
}

/* Whether two local addresses can both receive one segment. An IPv6 wildcard takes IPv4 too unless v6only. */
static bool overlap(const struct tcp_conn *a, const struct la_addr *addr, bool v6only) {
    bool any_a = ip_is_any(&a->key.local), any_b = ip_is_any(addr);
    bool four_a = la_addr_is4(&a->key.local), four_b = la_addr_is4(addr);
    if (any_a && !four_a) return !four_b || !a->is.v6only;
    if (any_b && !four_b) return !four_a || !v6only;
    if (four_a != four_b) return false;
    return any_a || any_b || la_addr_equal(&a->key.local, addr);
}

static bool conflicts(const struct tcp_conn *c, const struct la_addr *addr, uint16_t port, bool listening) {
    const struct port *p = find(c->tcp, port);
    if (!p || !p->users) return false;
    for (const struct tcp_conn *o = tcp_port_chain(c->tcp, port); o; o = tcp_port_chain_next(o)) {
        if (o == c || !overlap(o, addr, c->is.v6only)) continue;
        bool share = c->is.reuseaddr && o->is.reuseaddr && o->state != LA_LISTEN;
        if (!share) return true;
    }
    if (listening) return false;
    return c->is.reuseaddr ? p->strict > 0 : p->users > p->chained;
}

/* A port for bind(0): one that nobody uses, searched from a random place. */
static uint16_t choose(struct tcp_conn *c, const struct la_addr *addr) {
    const struct tcp_params *params = &c->tcp->params;
    uint32_t span = (uint32_t)params->port_last - params->port_first + 1u;
    uint32_t start = (uint32_t)(env_random(c->tcp->env) % span);
    for (uint32_t i = 0; i < span; i++) {
        uint16_t port = (uint16_t)(params->port_first + (start + i) % span);
        const struct port *p = find(c->tcp, port);
        if (!p || !p->users) return port;
    }
    for (uint32_t i = 0; i < span && c->is.reuseaddr; i++) {
        uint16_t port = (uint16_t)(params->port_first + (start + i) % span);
        if (!conflicts(c, addr, port, false)) return port;
    }
    return 0;
}

int tcp_port_bind(struct tcp_conn *c, const struct la_endpoint *local) {
    uint16_t port = local->port ? local->port : choose(c, &local->addr);
    if (!port) return -LA_EADDRINUSE;
    if (conflicts(c, &local->addr, port, false)) return -LA_EADDRINUSE;
    struct port *p = make(c->tcp, port);
    if (!p) return -LA_ENOMEM;
    c->key.local = local->addr;
    c->key.local_port = port;
    c->is.bound = 1;
    chain(c, p);
    add_users(c->tcp, port, p, 1);
    return 0;
}

/* listen() after bind(): another listener may have come meanwhile through SO_REUSEADDR. */
int tcp_port_listen_check(const struct tcp_conn *c) {
    return conflicts(c, &c->key.local, c->key.local_port, true) ? -LA_EADDRINUSE : 0;
}

/* Whether an active open may have this tuple; a TIME_WAIT record of it may have to give way. */
static bool take_tuple(struct tcp_conn *c, const struct tcp_key *key, bool reuse, struct iss_floor *floor) {
    floor->set = false;
    if (tcp_lookup(c->tcp, key)) return false;
    if (!tcp_timewait_has(c->tcp, key)) return true;
    return reuse && tcp_timewait_reuse(c->tcp, key, floor);
}

/* Chooses the local port of an active open: RFC 6056, 3.3.4, double-hash. A port may serve many destinations; one
 * that an owner bound is left alone. Only when no tuple is free, those in TIME_WAIT are tried. */
static uint16_t choose_for_peer(struct tcp_conn *c, struct iss_floor *floor) {
    const struct tcp_params *params = &c->tcp->params;
    uint32_t span = (uint32_t)params->port_last - params->port_first + 1u;
    uint64_t hash = tcp_port_hash(c->tcp, &c->key);
    uint32_t step = c->tcp->port_step[hash >> 32 & (TCP_PORT_STEPS - 1)]++;
    uint32_t start = (uint32_t)(((hash & UINT32_MAX) + step) % span);
    for (int reuse = 0; reuse <= params->tw_reuse; reuse++) {
        for (uint32_t i = 0; i < span; i++) {
            struct tcp_key key = c->key;
            key.local_port = (uint16_t)(params->port_first + (start + i) % span);
            const struct port *p = find(c->tcp, key.local_port);
            if (p && p->chained) continue;
            if (take_tuple(c, &key, reuse, floor)) return key.local_port;
        }
    }
    return 0;
}

/* Gives an active open its local port; key.local and the peer are set. With a port from bind() only the tuple must be
 * free (C19: a CLOSE_WAIT that lives keeps it). */
int tcp_port_connect(struct tcp_conn *c, struct iss_floor *floor) {
    if (c->is.bound) return take_tuple(c, &c->key, true, floor) ? 0 : -LA_EADDRNOTAVAIL;
    uint16_t port = choose_for_peer(c, floor);
    if (!port) return -LA_EADDRNOTAVAIL;
    if (!make(c->tcp, port)) return -LA_ENOMEM;
    c->key.local_port = port;
    tcp_port_join(c);
    return 0;
}

void tcp_port_join(struct tcp_conn *c) {
    c->is.bound = 1;
    c->is.port_strict = !c->is.reuseaddr;
    tcp_port_count(c->tcp, c->key.local_port, c->is.port_strict, 1);
}

void tcp_port_leave(struct tcp_conn *c) {
    if (!c->is.bound) return;
    c->is.bound = 0;
    struct port *p = find(c->tcp, c->key.local_port);
    if (c->is.bind_called) {
        unchain(c, p);
        add_users(c->tcp, c->key.local_port, p, -1);
    } else {
        tcp_port_count(c->tcp, c->key.local_port, c->is.port_strict, -1);
    }
}
