/* Path MTUs smaller than the interface's, as told by ICMP (RFC 1191, RFC 8201): by destination, bounded in number, each
 * forgotten after pmtu_timeout, so that a longer MTU is tried again (RFC 1191, 6.3). */
#include "ip/ip_state.h"

#define PMTU_MAX 1024

struct pmtu {
    struct list link; /* In pmtu_list. */
    struct ip_deadline deadline;
    struct la_addr dst;
    uint32_t index, chain;
    uint16_t mtu;
};

static uint64_t hash_of(const struct ip *ip, const struct la_addr *dst) {
    return siphash(&ip->env->key, dst->bytes, sizeof dst->bytes);
}

static uint64_t table_hash(const void *ctx, const void *object) {
    return hash_of(ctx, &((const struct pmtu *)object)->dst);
}

void pmtu_init(struct ip *ip) {
    pool_init(&ip->pmtus, ip->env, sizeof(struct pmtu), false);
    table_init(&ip->pmtu_table, ip->env, &ip->pmtus, offsetof(struct pmtu, chain), table_hash, ip);
    list_init(&ip->pmtu_list);
}

void pmtu_free(struct ip *ip) {
    table_free(&ip->pmtu_table);
    pool_free(&ip->pmtus);
}

static struct pmtu *entry_of(const struct ip *ip, const struct la_addr *dst) {
    if (!ip->pmtu_table.count) return NULL;
    for (uint32_t i = table_chain(&ip->pmtu_table, hash_of(ip, dst)); i != POOL_NONE;
         i = table_chain_next(&ip->pmtu_table, i)) {
        struct pmtu *entry = pool_at(&ip->pmtus, i);
        if (addr_equal(&entry->dst, dst)) return entry;
    }
    return NULL;
}

uint16_t pmtu_find(const struct ip *ip, const struct la_addr *dst) {
    const struct pmtu *entry = entry_of(ip, dst);
    return entry ? entry->mtu : 0;
}

static void entry_remove(struct ip *ip, struct pmtu *entry) {
    ip_deadline_stop(ip, &entry->deadline);
    list_remove(&entry->link);
    table_remove(&ip->pmtu_table, hash_of(ip, &entry->dst), entry->index);
    pool_put(&ip->pmtus, entry->index);
    ip_changed(ip);
}

static struct pmtu *entry_make(struct ip *ip, const struct la_addr *dst) {
    if (ip->pmtu_table.count >= PMTU_MAX) entry_remove(ip, CONTAINER(list_first(&ip->pmtu_list), struct pmtu, link));
    uint32_t index;
    struct pmtu *entry = pool_get(&ip->pmtus, &index);
    if (!entry) return NULL;
    entry->dst = *dst;
    entry->index = index;
    ip_deadline_init(&entry->deadline, IP_DEADLINE_PMTU);
    if (!table_insert(&ip->pmtu_table, hash_of(ip, dst), index)) {
        pool_put(&ip->pmtus, index);
        return NULL;
    }
    list_append(&ip->pmtu_list, &entry->link);
    return entry;
}

void ip_pmtu_note(struct ip *ip, const struct la_addr *dst, uint16_t mtu) {
    uint16_t least = addr_is4(dst) ? ip->settings.pmtu_min : IP6_MTU_MIN;
    if (least < IP4_MTU_MIN) least = IP4_MTU_MIN;
    if (mtu < least) mtu = least;
    struct ip_path path;
    /* A report that promises more than is known is old or a lie (RFC 8201, 4). */
    if (ip_path_find(ip, dst, NULL, 0, &path) == 0 && mtu >= path.mtu) return;
    struct pmtu *entry = entry_of(ip, dst);
    if (entry) {
        if (mtu >= entry->mtu) return;
        list_remove(&entry->link);
        list_append(&ip->pmtu_list, &entry->link);
    } else if (!(entry = entry_make(ip, dst))) {
        env_drop(ip->env, LA_D_NO_MEMORY);
        return;
    }
    entry->mtu = mtu;
    ip_deadline_arm(ip, &entry->deadline, ip->env->now + ip->settings.pmtu_timeout);
    ip_changed(ip);
}

void pmtu_expired(struct ip *ip, struct ip_deadline *deadline) {
    entry_remove(ip, CONTAINER(deadline, struct pmtu, deadline));
}
