/* What is known of Fast Open's servers: one object per pair of addresses, found by hash, in the order of use. At most
 * `fastopen_cookies` of them: the one that was not used for longest gives way. */
#include "tcp/conn.h"

static uint64_t hash_of(const struct tcp *tcp, const struct la_addr *local, const struct la_addr *peer) {
    return tcp->fastopen.by_addresses.hash(tcp, &(struct fastopen_peer){.local = *local, .peer = *peer});
}

static struct fastopen_peer *at(const struct tcp *tcp, uint32_t index) {
    return (struct fastopen_peer *)pool_at(&tcp->fastopen.peers, index);
}

static void forget(struct tcp *tcp, struct fastopen_peer *p) {
    list_remove(&p->link);
    table_remove(&tcp->fastopen.by_addresses, hash_of(tcp, &p->local, &p->peer), p->index);
    pool_put(&tcp->fastopen.peers, p->index);
}

void tcp_fastopen_peers_trim(struct tcp *tcp, uint32_t most) {
    struct list *oldest;
    while (tcp->fastopen.peers.live > most && (oldest = list_first(&tcp->fastopen.used)) != NULL)
        forget(tcp, CONTAINER(oldest, struct fastopen_peer, link));
}

struct fastopen_peer *tcp_fastopen_peer_find(const struct tcp *tcp, const struct tcp_key *tuple) {
    const struct table *table = &tcp->fastopen.by_addresses;
    if (tcp->fastopen.peers.live == 0) return NULL;
    uint32_t i = table_chain(table, hash_of(tcp, &tuple->local, &tuple->peer));
    for (; i != POOL_NONE; i = table_chain_next(table, i)) {
        struct fastopen_peer *p = at(tcp, i);
        if (la_addr_equal(&p->peer, &tuple->peer) && la_addr_equal(&p->local, &tuple->local)) return p;
    }
    return NULL;
}

static struct fastopen_peer *make(struct tcp *tcp, const struct tcp_key *tuple) {
    struct fastopen *f = &tcp->fastopen;
    uint32_t most = tcp->params.fastopen_cookies, index;
    if (!most) return NULL;
    tcp_fastopen_peers_trim(tcp, most - 1);
    struct fastopen_peer *p = pool_get(&f->peers, &index);
    if (!p) return NULL;
    p->index = index;
    p->local = tuple->local;
    p->peer = tuple->peer;
    if (!table_insert(&f->by_addresses, hash_of(tcp, &p->local, &p->peer), index)) {
        pool_put(&f->peers, index);
        return NULL;
    }
    list_append(&f->used, &p->link);
    return p;
}

struct fastopen_peer *tcp_fastopen_peer_get(struct tcp *tcp, const struct tcp_key *tuple) {
    struct fastopen_peer *p = tcp_fastopen_peer_find(tcp, tuple);
    if (!p) return make(tcp, tuple);
    list_remove(&p->link);
    list_append(&tcp->fastopen.used, &p->link);
    return p;
}
