/* SYN cookies (RFC 4987, 3.6): when the SYN cache is full, the SYN+ACK's sequence number carries what must be known
 * when the third segment comes: 24 bits of a keyed hash of tuple, ISN and time, 5 bits of time in units of 64 s, 3 bits
 * for the MSS. Window scaling, SACK and timestamps are lost; a connection is better than none. */
#include "tcp/conn.h"

#define UNIT (64 * LA_SECOND)
#define UNITS_VALID 2

static const uint16_t mss_table[8] = {216, 536, 768, 1220, 1300, 1440, 1460, 8960};

static uint32_t hash24(const struct tcp *tcp, const struct tcp_key *key, seq irs, uint32_t low) {
    struct {
        uint64_t tuple;
        uint32_t irs, low;
    } in = {tcp_tuple_hash(tcp, key, 4), irs.n, low};
    return (uint32_t)siphash(&tcp->env->key, &in, sizeof in) & 0xffffff;
}

seq tcp_cookie_make(const struct tcp *tcp, const struct tcp_key *key, seq irs, uint16_t peer_mss) {
    uint32_t index = 0, t = (uint32_t)(tcp->env->now / UNIT) & 31;
    while (index < 7 && mss_table[index + 1] <= peer_mss) index++;
    uint32_t low = t << 3 | index;
    return seq_of(hash24(tcp, key, irs, low) << 8 | low);
}

bool tcp_cookie_check(const struct tcp *tcp, const struct tcp_key *key, seq irs, seq iss, uint16_t *peer_mss) {
    uint32_t low = iss.n & 255, now = (uint32_t)(tcp->env->now / UNIT) & 31;
    if (((now - (low >> 3)) & 31) > UNITS_VALID) return false;
    if (hash24(tcp, key, irs, low) != iss.n >> 8) return false;
    *peer_mss = mss_table[low & 7];
    return true;
}
