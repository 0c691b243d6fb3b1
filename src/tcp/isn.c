/* Numbers that nobody off the path can guess: initial sequence numbers, timestamp offsets, port offsets. */
#include "tcp/conn.h"

/* One keyed hash per purpose, so that one leaked value says nothing about another. */
uint64_t tcp_tuple_hash(const struct tcp *tcp, const struct tcp_key *key, uint8_t purpose) {
    uint8_t in[2 * 16 + 2 * 2 + 1];
    memcpy(in, key->local.bytes, 16);
    memcpy(in + 16, key->peer.bytes, 16);
    put16(in + 32, key->local_port);
    put16(in + 34, key->peer_port);
    in[36] = purpose;
    return siphash(&tcp->env->key, in, sizeof in);
}

uint64_t tcp_key_hash(const struct tcp *tcp, const struct tcp_key *key) { return tcp_tuple_hash(tcp, key, 0); }

/* RFC 6528: ISN = M + F(tuple, secret), M a clock that ticks every 4 microseconds. */
seq tcp_isn(const struct tcp *tcp, const struct tcp_key *key, const struct iss_floor *floor) {
    uint32_t m = (uint32_t)(tcp->env->now / (4 * LA_US));
    seq isn = seq_of(m + (uint32_t)tcp_tuple_hash(tcp, key, 1));
    return floor->set ? seq_max(isn, seq_add(floor->at, 1)) : isn;
}

/* RFC 7323, 5.4: a different offset for every tuple, so that the clock does not tell the uptime. */
uint32_t tcp_ts_offset(const struct tcp *tcp, const struct tcp_key *key) {
    return (uint32_t)tcp_tuple_hash(tcp, key, 2);
}

/* RFC 6056, 3.3.4: by destination, the offset where the search for a free port begins (low half) and the counter that
 * says how far it has come (high half). */
uint64_t tcp_port_hash(const struct tcp *tcp, const struct tcp_key *key) {
    struct tcp_key k = *key;
    k.local_port = 0;
    return tcp_tuple_hash(tcp, &k, 3);
}
