/* TCP Fast Open (RFC 7413): data in a SYN, for peers that have proved their address by a cookie. This file: theory,
 * keys and cookies.
 *
 * Server (fastopen_server.c). A SYN with option at a listener that has a queue for it is judged: a request gets a
 * cookie in the SYN+ACK of an ordinary embryo; a valid cookie makes a connection object at once, in SYN_RCVD, with the
 * data as received, in the accept queue. It may be accepted, read and written before the third segment comes.
 * Everything else is an ordinary SYN: no state beyond an embryo's, the data is ignored and comes again.
 *
 * What bounds it: a listener has at most so many children in SYN_RCVD as its queue is long, whoever sends how many
 * valid cookies. Children that were reset in SYN_RCVD go on counting for one to two minutes, so that nobody gets round
 * the bound by making others reset what he opens in their names (RFC 7413, 5.1). A child ends by the third segment,
 * RST, ICMP, its retransmissions, or its listener.
 *
 * Client (fastopen_client.c). connect() on a socket that wants it looks up the peer: with a cookie, the SYN waits for
 * the first data and carries it; without one, the SYN asks. A SYN sent again is an ordinary one. The SYN+ACK's cookie
 * and MSS are remembered, as are requests and data in vain (fastopen_peers.c: bounded, the least recently used goes,
 * cookies expire). Data that the SYN+ACK does not acknowledge is sent again as if it had never been.
 *
 * Cookies are Linux's: SipHash-2-4 with a 128-bit key over source and destination address as they stand in the IP
 * header, 8 bytes, little endian. Machines behind one address that share a key (la_fastopen_key_set) accept each
 * other's. Two keys are accepted, so that keys can be changed. */
#include "tcp/conn.h"

static uint64_t peer_hash(const struct tcp *tcp, const struct la_addr *local, const struct la_addr *peer) {
    const struct tcp_key k = {.local = *local, .peer = *peer};
    return tcp_tuple_hash(tcp, &k, 5);
}

static uint64_t object_hash(const void *ctx, const void *object) {
    const struct fastopen_peer *p = (const struct fastopen_peer *)object;
    return peer_hash((const struct tcp *)ctx, &p->local, &p->peer);
}

void tcp_fastopen_init(struct tcp *tcp) {
    struct fastopen *f = &tcp->fastopen;
    f->keys.count = 1;
    f->keys.key[0].k0 = env_random(tcp->env);
    f->keys.key[0].k1 = env_random(tcp->env);
    pool_init(&f->peers, tcp->env, sizeof(struct fastopen_peer), false);
    table_init(&f->by_addresses, tcp->env, &f->peers, offsetof(struct fastopen_peer, chain), object_hash, tcp);
    list_init(&f->used);
}

void tcp_fastopen_free(struct tcp *tcp) {
    table_free(&tcp->fastopen.by_addresses);
    pool_free(&tcp->fastopen.peers);
}

void tcp_fastopen_settings(struct tcp *tcp) {
    bool client = tcp->params.fastopen & FASTOPEN_CLIENT;
    tcp_fastopen_peers_trim(tcp, client ? tcp->params.fastopen_cookies : 0);
}

/* --- Keys and cookies --- */

static uint64_t little(const uint8_t *p) {
    uint64_t n = 0;
    for (unsigned i = 8; i-- > 0;) n = n << 8 | p[i];
    return n;
}

int tcp_fastopen_keys_read(struct fastopen_keys *keys, const void *bytes, size_t len) {
    const uint8_t *p = bytes;
    if (len != FASTOPEN_KEY_LEN && len != 2 * FASTOPEN_KEY_LEN) return -LA_EINVAL;
    keys->count = (uint8_t)(len / FASTOPEN_KEY_LEN);
    for (unsigned i = 0; i < keys->count; i++, p += FASTOPEN_KEY_LEN)
        keys->key[i] = (struct siphash_key){little(p), little(p + 8)};
    return 0;
}

static uint64_t cookie_of(const struct siphash_key *key, const struct tcp_key *tuple) {
    uint8_t in[2 * 16];
    bool four = la_addr_is4(&tuple->peer);
    size_t len = four ? 4 : 16, from = four ? 12 : 0;
    memcpy(in, tuple->peer.bytes + from, len);
    memcpy(in + len, tuple->local.bytes + from, len);
    return siphash(key, in, 2 * len);
}

void tcp_fastopen_cookie(const struct siphash_key *key, const struct tcp_key *tuple, uint8_t to[FASTOPEN_COOKIE_LEN]) {
    uint64_t cookie = cookie_of(key, tuple);
    for (unsigned i = 0; i < FASTOPEN_COOKIE_LEN; i++) to[i] = (uint8_t)(cookie >> (8 * i));
}

/* As one number, so that the time it takes does not tell how many bytes are right. */
int tcp_fastopen_cookie_check(const struct fastopen_keys *keys, const struct tcp_key *tuple, const uint8_t *cookie,
                              size_t len) {
    int match = -1;
    if (len != FASTOPEN_COOKIE_LEN) return -1;
    for (unsigned i = keys->count; i-- > 0;)
        if (cookie_of(&keys->key[i], tuple) == little(cookie)) match = (int)i;
    return match;
}
