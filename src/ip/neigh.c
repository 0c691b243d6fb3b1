/* The neighbour cache: which MAC has which address on an Ethernet.
 *
 * In: packets that need a MAC (neigh_mac, neigh_wait), what ARP and ND messages tell (neigh_learn, neigh_answer), time.
 * Out: MACs, questions (solicit_send), waiting packets that may leave, and those that never may (ip->failed).
 *
 * The states are RFC 4861's, 7.3.2, and ARP entries live by them too, as on Linux: INCOMPLETE asks three times, a
 * second apart; REACHABLE lasts 15 to 45 seconds; then the MAC is used on (STALE), five seconds after the next use
 * (DELAY) it is asked for by unicast three times (PROBE), and forgotten when there is no answer, so that the next
 * packet begins anew.
 *
 * Bounds: neigh_max entries, of which strangers' (INCOMPLETE) ones give way first once they are half, the longest
 * unconfirmed before others; NEIGH_WAITING packets per entry, the newest stay (RFC 4861, 7.2.2). */
#include "ip/ip_state.h"

#define NEIGH_TRIES 3                    /* MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT */
#define NEIGH_RETRANS LA_SECOND          /* RETRANS_TIMER */
#define NEIGH_DELAY_TIME (5 * LA_SECOND) /* DELAY_FIRST_PROBE_TIME */
#define NEIGH_REACHABLE_TIME (30 * LA_SECOND)
#define NEIGH_LOCK_TIME LA_SECOND
#define NEIGH_WAITING 3
#define NEIGH_FAILED_MAX 16

/* --- The table --- */

struct neigh_key {
    uint8_t addr[16];
    uint32_t iface;
};

static uint64_t hash_of(const struct ip *ip, unsigned iface, const struct la_addr *addr) {
    struct neigh_key key = {.iface = iface};
    memcpy(key.addr, addr->bytes, sizeof key.addr);
    return siphash(&ip->env->key, &key, sizeof key);
}

static uint64_t table_hash(const void *ctx, const void *object) {
    const struct neigh *n = object;
    return hash_of(ctx, n->iface, &n->addr);
}

void neigh_init(struct ip *ip) {
    pool_init(&ip->neighs, ip->env, sizeof(struct neigh), false);
    table_init(&ip->neigh_table, ip->env, &ip->neighs, offsetof(struct neigh, chain), table_hash, ip);
    list_init(&ip->neigh_known);
    list_init(&ip->neigh_unknown);
    for (unsigned i = 0; i < NEIGH_HINTS; i++) ip->neigh_hint[i] = POOL_NONE;
}

/* Most packets go to few neighbours: this finds them without hashing. */
static uint32_t *hint_of(struct ip *ip, unsigned iface, const struct la_addr *addr) {
    return &ip->neigh_hint[(addr->bytes[15] ^ addr->bytes[14] ^ iface) % NEIGH_HINTS];
}

static bool is_of(const struct neigh *n, unsigned iface, const struct la_addr *addr) {
    return n->iface == iface && addr_equal(&n->addr, addr);
}

struct neigh *neigh_find(struct ip *ip, unsigned iface, const struct la_addr *addr) {
    uint32_t *hint = hint_of(ip, iface, addr);
    if (*hint != POOL_NONE) {
        struct neigh *n = pool_at(&ip->neighs, *hint);
        if (is_of(n, iface, addr)) return n;
    }
    if (!ip->neigh_table.count) return NULL;
    for (uint32_t i = table_chain(&ip->neigh_table, hash_of(ip, iface, addr)); i != POOL_NONE;
         i = table_chain_next(&ip->neigh_table, i)) {
        struct neigh *n = pool_at(&ip->neighs, i);
        if (!is_of(n, iface, addr)) continue;
        *hint = i;
        return n;
    }
    return NULL;
}

static struct ip_queued *waiting_take(struct neigh *n) {
    struct list *first = list_first(&n->waiting);
    if (!first) return NULL;
    list_remove(first);
    n->nwaiting--;
    return CONTAINER(first, struct ip_queued, link);
}

static void neigh_remove(struct ip *ip, struct neigh *n) {
    for (struct ip_queued *packet; (packet = waiting_take(n));) {
        env_drop(ip->env, LA_D_NEIGH_FAILED);
        queue_packet_free(ip, packet);
    }
    uint32_t *hint = hint_of(ip, n->iface, &n->addr);
    if (*hint == n->index) *hint = POOL_NONE;
    if (n->state == NEIGH_INCOMPLETE) ip->neigh_nunknown--;
    ip_deadline_stop(ip, &n->deadline);
    list_remove(&n->link);
    table_remove(&ip->neigh_table, hash_of(ip, n->iface, &n->addr), n->index);
    pool_put(&ip->neighs, n->index);
}

static void failed_free(struct ip *ip) {
    struct list *first = list_first(&ip->failed);
    list_remove(first);
    ip->nfailed--;
    queue_packet_free(ip, CONTAINER(first, struct ip_queued, link));
}

void neigh_free(struct ip *ip) {
    struct list *lists[] = {&ip->neigh_known, &ip->neigh_unknown};
    for (unsigned i = 0; i < COUNT_OF(lists); i++)
        for (struct list *at; (at = list_first(lists[i]));) neigh_remove(ip, CONTAINER(at, struct neigh, link));
    while (!list_empty(&ip->failed)) failed_free(ip);
    if (ip->failed_given) queue_packet_free(ip, ip->failed_given);
    ip->failed_given = NULL;
    table_free(&ip->neigh_table);
    pool_free(&ip->neighs);
}

/* Makes room for one more entry. */
static bool neigh_evict(struct ip *ip) {
    uint32_t max = ip->settings.neigh_max;
    while (ip->neigh_table.count >= max) {
        bool strangers = ip->neigh_nunknown * 2 >= max || list_empty(&ip->neigh_known);
        struct list *first = list_first(strangers ? &ip->neigh_unknown : &ip->neigh_known);
        if (!first) return false;
        neigh_remove(ip, CONTAINER(first, struct neigh, link));
    }
    return true;
}

static struct neigh *neigh_make(struct ip *ip, unsigned iface, const struct la_addr *addr) {
    if (!neigh_evict(ip)) return NULL;
    uint32_t index;
    struct neigh *n = pool_get(&ip->neighs, &index);
    if (!n) return NULL;
    if (!table_insert(&ip->neigh_table, hash_of(ip, iface, addr), index)) {
        pool_put(&ip->neighs, index);
        return NULL;
    }
    list_init(&n->waiting);
    ip_deadline_init(&n->deadline, IP_DEADLINE_NEIGH);
    n->addr = *addr;
    n->index = index;
    n->iface = (uint16_t)iface;
    n->state = NEIGH_INCOMPLETE;
    ip->neigh_nunknown++;
    list_append(&ip->neigh_unknown, &n->link);
    return n;
}

/* --- States --- */

static void solicit_again(struct ip *ip, struct neigh *n) {
    n->tries++;
    ip_deadline_arm(ip, &n->deadline, ip->env->now + NEIGH_RETRANS);
    solicit_send(ip, n->iface, &n->addr, n->state == NEIGH_PROBE ? n->mac : NULL);
}

/* The MAC is known: as confirmed (REACHABLE) or as hearsay (STALE). */
static void set_known(struct ip *ip, struct neigh *n, const uint8_t mac[6], bool confirmed) {
    if (n->state == NEIGH_INCOMPLETE) ip->neigh_nunknown--;
    if (n->state == NEIGH_INCOMPLETE || memcmp(n->mac, mac, 6) != 0) n->changed_at = ip->env->now;
    if (mac != n->mac) memcpy(n->mac, mac, 6);
    n->state = confirmed ? NEIGH_REACHABLE : NEIGH_STALE;
    n->tries = 0;
    if (confirmed) {
        /* Uniform in 0.5 to 1.5 of the base (RFC 4861, 6.3.2), so that probes do not fall into step. */
        n->fresh_until = ip->env->now + NEIGH_REACHABLE_TIME / 2 + env_random(ip->env) % NEIGH_REACHABLE_TIME;
    }
    ip_deadline_stop(ip, &n->deadline);
    list_remove(&n->link);
    list_append(&ip->neigh_known, &n->link);
    for (struct ip_queued *packet; (packet = waiting_take(n));) {
        if (n->state == NEIGH_STALE) {
            n->state = NEIGH_DELAY;
            ip_deadline_arm(ip, &n->deadline, ip->env->now + NEIGH_DELAY_TIME);
        }
        queue_append(ip, packet, n->mac);
    }
}

void neigh_learn(struct ip *ip, unsigned iface, const struct la_addr *addr, const uint8_t mac[6]) {
    struct neigh *n = neigh_find(ip, iface, addr);
    if (!n && !(n = neigh_make(ip, iface, addr))) {
        env_drop(ip->env, LA_D_NO_MEMORY);
        return;
    }
    if (n->state == NEIGH_INCOMPLETE || memcmp(n->mac, mac, 6) != 0) set_known(ip, n, mac, false);
}

void neigh_answer(struct ip *ip, struct neigh *n, const uint8_t *mac, bool solicited, bool override_) {
    if (n->state == NEIGH_INCOMPLETE) {
        if (mac) set_known(ip, n, mac, solicited);
        return;
    }
    bool differs = mac && memcmp(n->mac, mac, 6) != 0;
    /* Of several answers that contradict each other at once, the first counts (Linux: locktime). */
    if (differs && ip->env->now - n->changed_at < NEIGH_LOCK_TIME) override_ = false;
    if (differs && !override_) {
        if (n->state == NEIGH_REACHABLE) n->state = NEIGH_STALE;
        return;
    }
    if (solicited || differs) set_known(ip, n, mac ? mac : n->mac, solicited);
}

/* --- Out --- */

/* The MACs that addresses themselves tell: RFC 1112, 6.4; RFC 2464, 7. */
static bool mapped_mac(const struct la_addr *hop, bool broadcast, uint8_t mac[6]) {
    const uint8_t *at = hop->bytes + 12;
    if (broadcast) {
        memset(mac, 0xff, 6);
    } else if (!ip_is_multicast(hop)) {
        return false;
    } else if (addr_is4(hop)) {
        memcpy(mac, (const uint8_t[6]){0x01, 0x00, 0x5e, at[1] & 0x7f, at[2], at[3]}, 6);
    } else {
        memcpy(mac, (const uint8_t[6]){0x33, 0x33, at[0], at[1], at[2], at[3]}, 6);
    }
    return true;
}

bool neigh_mac(struct ip *ip, const struct ip_path *path, uint8_t mac[6]) {
    struct neigh *n = neigh_find(ip, path->iface, &path->next_hop);
    if (!n) return mapped_mac(&path->next_hop, path->broadcast, mac);
    if (n->state == NEIGH_INCOMPLETE) return false;
    if (n->state == NEIGH_STALE || (n->state == NEIGH_REACHABLE && ip->env->now >= n->fresh_until)) {
        n->state = NEIGH_DELAY;
        ip_deadline_arm(ip, &n->deadline, ip->env->now + NEIGH_DELAY_TIME);
    }
    memcpy(mac, n->mac, 6);
    return true;
}

void neigh_wait(struct ip *ip, const struct ip_path *path, struct ip_queued *packet) {
    struct neigh *n = neigh_find(ip, path->iface, &path->next_hop);
    if (!n && !(n = neigh_make(ip, path->iface, &path->next_hop))) {
        env_drop(ip->env, LA_D_NO_MEMORY);
        queue_packet_free(ip, packet);
        return;
    }
    if (n->nwaiting == NEIGH_WAITING) {
        env_drop(ip->env, LA_D_NEIGH_FULL);
        queue_packet_free(ip, waiting_take(n));
    }
    list_append(&n->waiting, &packet->link);
    n->nwaiting++;
    if (!list_linked(&n->deadline.node.link)) solicit_again(ip, n);
}

/* --- Time --- */

/* Nobody answered: what waited becomes errors for those who sent it. */
static void neigh_give_up(struct ip *ip, struct neigh *n) {
    for (struct ip_queued *packet; (packet = waiting_take(n));) {
        env_drop(ip->env, LA_D_NEIGH_FAILED);
        if (ip->nfailed == NEIGH_FAILED_MAX) failed_free(ip);
        list_append(&ip->failed, &packet->link);
        ip->nfailed++;
    }
    neigh_remove(ip, n);
}

void neigh_expired(struct ip *ip, struct ip_deadline *deadline) {
    struct neigh *n = CONTAINER(deadline, struct neigh, deadline);
    if (n->state == NEIGH_DELAY) {
        n->state = NEIGH_PROBE;
        n->tries = 0;
    }
    if (n->tries < NEIGH_TRIES) {
        solicit_again(ip, n);
    } else {
        neigh_give_up(ip, n);
    }
}

bool ip_failed_next(struct ip *ip, struct ip_error *error) {
    if (ip->failed_given) queue_packet_free(ip, ip->failed_given);
    ip->failed_given = NULL;
    for (struct list *first; (first = list_first(&ip->failed));) {
        struct ip_queued *packet = CONTAINER(first, struct ip_queued, link);
        const uint8_t *at = packet->data + packet->ip_at;
        bool is4 = at[0] >> 4 == 4;
        memset(error, 0, sizeof *error);
        if (!icmp_quote(at, packet->len - packet->ip_at, is4, error)) {
            failed_free(ip);
            continue;
        }
        list_remove(first);
        ip->nfailed--;
        ip->failed_given = packet;
        error->from = error->src;
        error->icmp_type = is4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE;
        error->icmp_code = is4 ? ICMP4_HOST : ICMP6_ADDRESS;
        error->error = LA_EHOSTUNREACH;
        return true;
    }
    return false;
}
