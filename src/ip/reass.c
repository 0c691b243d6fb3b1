/* Reassembly for both families (RFC 791, 3.2; RFC 8200, 4.5).
 *
 * In: fragments (reass_add). Out: a packet without fragmentation, built from the fragments, valid until the next
 * ip_input. It owns copies of the fragments, each the whole IP packet it came in, ordered by offset.
 *
 * Rules: a fragment that overlaps another ends its datagram, and what else comes of it until its time is over (RFC
 * 5722; for IPv4 too, where nobody overlaps honestly); an exact repetition is ignored (RFC 8200, 4.5). A first fragment
 * that is also the last is never mixed with others (RFC 6946). Congestion marks survive (RFC 3168, 5.3). When the time
 * is over and the first fragment had come, its sender is told.
 *
 * Bounds: reass_max datagrams and reass_max_bytes; the oldest datagram gives way. FRAGMENTS_MAX per datagram. */
#include "ip/ip_state.h"

#define FRAGMENTS_MAX 256 /* 65,535 bytes in pieces as small as IPv4's 256. */
#define TIMEOUT6 (60 * LA_SECOND)
#define UNKNOWN UINT32_MAX

enum ecn { ECN_NOT_ECT = 0, ECN_CE = 3, ECN_MASK = 3 };

struct fragment {
    struct list link;
    uint32_t offset, len; /* Of the payload in the datagram. */
    uint32_t packet_len;
    uint32_t data_at; /* Where the payload begins in packet[]. */
    uint8_t packet[];
};

struct key {
    uint8_t src[16], dst[16];
    uint32_t id;
    uint16_t iface; /* Of link-local senders, plus 1. */
    uint16_t proto; /* IPv4 only. */
};

struct reass {
    struct list link;      /* In reass_list. */
    struct list fragments; /* Ascending by offset, disjoint. */
    struct ip_deadline deadline;
    struct key key;
    uint32_t index, chain;
    uint32_t total; /* Payload bytes in all, or UNKNOWN. */
    uint32_t have;  /* Of those, here. */
    uint16_t count, iface;
    uint8_t proto, ttl, tos; /* The first fragment's. */
    uint8_t ecn_seen;        /* 1 << codepoint. */
    bool multicast;
    bool poisoned; /* An overlap was seen; kept to swallow the rest. */
};

/* --- The table --- */

static uint64_t hash_of(const struct ip *ip, const struct key *key) { return siphash(&ip->env->key, key, sizeof *key); }

static uint64_t table_hash(const void *ctx, const void *object) {
    return hash_of(ctx, &((const struct reass *)object)->key);
}

void reass_init(struct ip *ip) {
    pool_init(&ip->reasses, ip->env, sizeof(struct reass), false);
    table_init(&ip->reass_table, ip->env, &ip->reasses, offsetof(struct reass, chain), table_hash, ip);
    list_init(&ip->reass_list);
}

static struct key key_of(const struct reass_fragment *f) {
    struct key key = {.id = f->id};
    memcpy(key.src, f->src.bytes, sizeof key.src);
    memcpy(key.dst, f->dst.bytes, sizeof key.dst);
    if (ip_is_link_local(&f->src)) key.iface = (uint16_t)(f->iface + 1);
    if (addr_is4(&f->src)) key.proto = f->proto;
    return key;
}

static struct reass *reass_find(const struct ip *ip, const struct key *key) {
    if (!ip->reass_table.count) return NULL;
    for (uint32_t i = table_chain(&ip->reass_table, hash_of(ip, key)); i != POOL_NONE;
         i = table_chain_next(&ip->reass_table, i)) {
        struct reass *r = pool_at(&ip->reasses, i);
        if (memcmp(&r->key, key, sizeof *key) == 0) return r;
    }
    return NULL;
}

static void fragments_free(struct ip *ip, struct reass *r) {
    for (struct list *at; (at = list_first(&r->fragments));) {
        struct fragment *g = CONTAINER(at, struct fragment, link);
        size_t size = sizeof *g + g->packet_len;
        list_remove(at);
        ip->reass_bytes -= size;
        env_release(ip->env, g, size);
    }
    r->count = 0;
}

static void reass_remove(struct ip *ip, struct reass *r) {
    fragments_free(ip, r);
    ip_deadline_stop(ip, &r->deadline);
    list_remove(&r->link);
    table_remove(&ip->reass_table, hash_of(ip, &r->key), r->index);
    pool_put(&ip->reasses, r->index);
}

void reass_free(struct ip *ip) {
    for (struct list *at; (at = list_first(&ip->reass_list));) reass_remove(ip, CONTAINER(at, struct reass, link));
    reass_release(ip);
    table_free(&ip->reass_table);
    pool_free(&ip->reasses);
}

void reass_release(struct ip *ip) {
    env_release(ip->env, ip->whole, ip->whole_size);
    ip->whole = NULL;
    ip->whole_size = 0;
}

/* The oldest datagram that is not `keep` gives way. */
static bool reass_evict(struct ip *ip, const struct reass *keep) {
    /* The analyzer does not see that a list ends in its head. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    for (struct list *at = ip->reass_list.next; at != &ip->reass_list; at = at->next) {
        struct reass *r = CONTAINER(at, struct reass, link);
        /* A poisoned one holds no bytes: it goes only to make room for another datagram. */
        if (r == keep || (keep && r->poisoned)) continue;
        env_drop(ip->env, LA_D_REASS_FULL);
        reass_remove(ip, r);
        return true;
    }
    return false;
}

static struct reass *reass_make(struct ip *ip, const struct reass_fragment *f, const struct key *key) {
    while (ip->reass_table.count >= ip->settings.reass_max)
        if (!reass_evict(ip, NULL)) {
            env_drop(ip->env, LA_D_REASS_FULL);
            return NULL;
        }
    uint32_t index;
    struct reass *r = pool_get(&ip->reasses, &index);
    if (r && !table_insert(&ip->reass_table, hash_of(ip, key), index)) {
        pool_put(&ip->reasses, index);
        r = NULL;
    }
    if (!r) {
        env_drop(ip->env, LA_D_NO_MEMORY);
        return NULL;
    }
    list_init(&r->fragments);
    list_append(&ip->reass_list, &r->link);
    r->key = *key;
    r->index = index;
    r->total = UNKNOWN;
    r->iface = f->iface;
    ip_deadline_init(&r->deadline, IP_DEADLINE_REASS);
    ip_deadline_arm(ip, &r->deadline, ip->env->now + (addr_is4(&f->src) ? ip->settings.reass_timeout : TIMEOUT6));
    return r;
}

/* --- Fragments --- */

/* What is wrong in itself. An IPv6 sender is told, with a pointer to the field (RFC 8200, 4.5). */
static bool fragment_ok(struct ip *ip, const struct reass_fragment *f) {
    bool is4 = addr_is4(&f->src);
    size_t most = is4 ? UINT16_MAX - IP4_LEN : UINT16_MAX;
    uint32_t pointer;
    if (f->more && f->data.len % 8) {
        pointer = 4; /* Payload length. */
    } else if (f->offset + f->data.len > most) {
        pointer = (uint32_t)(f->data.data - f->packet.data) - IP6_FRAG_LEN + 2; /* Fragment offset. */
    } else {
        return f->data.len > 0;
    }
    if (!is4) icmp_error_send(ip, f->iface, f->packet, f->multicast, ICMP6_PARAMETER, 0, pointer);
    return false;
}

enum fit { FIT_GAP, FIT_REPEATED, FIT_OVERLAP };

/* Where `f` belongs: before *place. */
static enum fit fragment_place(struct reass *r, const struct reass_fragment *f, struct list **place) {
    size_t end = f->offset + f->data.len;
    if (r->total != UNKNOWN && (end > r->total || (!f->more && end != r->total))) return FIT_OVERLAP;
    *place = &r->fragments;
    /* From the end, because fragments mostly come in order. */
    for (struct list *at = r->fragments.prev; at != &r->fragments; at = at->prev) {
        const struct fragment *g = CONTAINER(at, struct fragment, link);
        if (!f->more && g->offset + g->len > end) return FIT_OVERLAP;
        if (g->offset + g->len <= f->offset) break;
        if (g->offset < end) {
            bool same = g->offset == f->offset && g->len == f->data.len &&
                        memcmp(g->packet + g->data_at, f->data.data, g->len) == 0;
            return same ? FIT_REPEATED : FIT_OVERLAP;
        }
        *place = at;
    }
    return FIT_GAP;
}

static bool fragment_insert(struct ip *ip, struct reass *r, const struct reass_fragment *f, struct list *place) {
    size_t size = sizeof(struct fragment) + f->packet.len;
    bool fits = r->count < FRAGMENTS_MAX;
    while (fits && ip->reass_bytes + size > ip->settings.reass_max_bytes) fits = reass_evict(ip, r);
    struct fragment *g = fits ? env_alloc(ip->env, size) : NULL;
    if (!g) {
        env_drop(ip->env, fits ? LA_D_NO_MEMORY : LA_D_REASS_FULL);
        return false;
    }
    ip->reass_bytes += size;
    g->offset = f->offset;
    g->len = (uint32_t)f->data.len;
    g->packet_len = (uint32_t)f->packet.len;
    g->data_at = (uint32_t)(f->data.data - f->packet.data);
    memcpy(g->packet, f->packet.data, f->packet.len);
    list_insert_before(place, &g->link);
    r->count++;
    r->have += g->len;
    r->ecn_seen |= (uint8_t)(1u << (f->tos & ECN_MASK));
    if (!f->more) r->total = g->offset + g->len;
    if (f->offset == 0) {
        r->proto = f->proto;
        r->ttl = f->ttl;
        r->tos = f->tos;
        r->multicast = f->multicast;
    }
    return true;
}

/* --- The whole --- */

/* A header for `total` bytes of payload, as if it had never been in pieces. Returns where the payload goes. */
static uint8_t *whole_begin(struct ip *ip, const struct reass_fragment *f, uint8_t tos, uint32_t total) {
    bool is4 = addr_is4(&f->src);
    size_t header = is4 ? IP4_LEN : IP6_LEN;
    reass_release(ip);
    ip->whole = env_alloc(ip->env, header + total);
    if (!ip->whole) {
        env_drop(ip->env, LA_D_NO_MEMORY);
        return NULL;
    }
    ip->whole_size = header + total;
    struct writer w = writer_of(ip->whole, header);
    if (is4) {
        ip4_build(&w, &(struct ip4_hdr){.src = f->src,
                                        .dst = f->dst,
                                        .tos = tos,
                                        .ttl = f->ttl,
                                        .proto = f->proto,
                                        .id = (uint16_t)f->id,
                                        .total_len = (uint16_t)(header + total)});
    } else {
        ip6_build(&w, &(struct ip6_hdr){.src = f->src,
                                        .dst = f->dst,
                                        .tos = tos,
                                        .hop_limit = f->ttl,
                                        .next_header = f->proto,
                                        .payload_len = (uint16_t)total});
    }
    return ip->whole + header;
}

static bool atomic_fragment(struct ip *ip, const struct reass_fragment *f, struct la_span *packet) {
    uint8_t *to = whole_begin(ip, f, f->tos, (uint32_t)f->data.len);
    if (!to) return false;
    memcpy(to, f->data.data, f->data.len);
    *packet = (struct la_span){ip->whole, ip->whole_size};
    return true;
}

/* Marks of the pieces make the mark of the whole; CE on one that the sender says cannot carry it is a forgery. */
static bool whole_tos(const struct reass *r, uint8_t *tos) {
    *tos = r->tos;
    if (!(r->ecn_seen & 1u << ECN_CE)) return true;
    *tos |= ECN_CE;
    return !(r->ecn_seen & 1u << ECN_NOT_ECT);
}

static bool reass_finish(struct ip *ip, struct reass *r, struct reass_fragment f, struct la_span *packet) {
    uint8_t tos;
    bool ok = whole_tos(r, &tos);
    if (!ok) env_drop(ip->env, LA_D_REASS_BAD);
    f.proto = r->proto;
    f.ttl = r->ttl;
    uint8_t *to = ok ? whole_begin(ip, &f, tos, r->total) : NULL;
    if (to) {
        for (struct list *at = r->fragments.next; at != &r->fragments; at = at->next) {
            const struct fragment *g = CONTAINER(at, struct fragment, link);
            memcpy(to + g->offset, g->packet + g->data_at, g->len);
        }
        *packet = (struct la_span){ip->whole, ip->whole_size};
        env_count(ip->env, LA_C_REASSEMBLED);
    }
    reass_remove(ip, r);
    return to != NULL;
}

bool reass_add(struct ip *ip, const struct reass_fragment *f, struct la_span *packet) {
    if (!fragment_ok(ip, f)) {
        env_drop(ip->env, LA_D_REASS_BAD);
        return false;
    }
    if (f->offset == 0 && !f->more) return atomic_fragment(ip, f, packet);
    struct key key = key_of(f);
    struct reass *r = reass_find(ip, &key);
    if (!r && !(r = reass_make(ip, f, &key))) return false;
    struct list *place = NULL;
    enum fit fit = r->poisoned ? FIT_OVERLAP : fragment_place(r, f, &place);
    if (fit != FIT_GAP) {
        env_drop(ip->env, LA_D_REASS_BAD);
        if (fit == FIT_OVERLAP) {
            fragments_free(ip, r);
            r->poisoned = true;
        }
        return false;
    }
    if (!fragment_insert(ip, r, f, place)) return false;
    /* Disjoint pieces within [0, total) that add up to it leave no gap. */
    return r->have == r->total && reass_finish(ip, r, *f, packet);
}

void reass_expired(struct ip *ip, struct ip_deadline *deadline) {
    struct reass *r = CONTAINER(deadline, struct reass, deadline);
    struct list *first = list_first(&r->fragments);
    if (first) {
        const struct fragment *g = CONTAINER(first, struct fragment, link);
        bool is4 = g->packet[0] >> 4 == 4;
        if (g->offset == 0) {
            icmp_error_send(ip, r->iface, (struct la_span){g->packet, g->packet_len}, r->multicast,
                            is4 ? ICMP4_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED, 1, 0);
        }
        env_drop(ip->env, LA_D_REASS_TIMEOUT);
    }
    reass_remove(ip, r);
}
