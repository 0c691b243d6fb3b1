/* SYN cookies (RFC 4987, 3.6): when the SYN cache is full, the SYN+ACK's sequence number carries what must be known
 * when the third segment comes: 24 bits of a keyed hash of tuple, ISN and time, 5 bits of time in units of 64 s, 3 bits
 * for the MSS. Window scaling, SACK and timestamps are lost; a connection is better than none. */
#include "tcp/conn.h"

#define UNIT (64 * LA_SECOND)
#define UNITS_VALID 2

static const uint16_t mss_table[8] = {88, 536, 768, 1220, 1300, 1440, 1460, 8960};

/* `unit` is the whole count of units, of which the cookie shows 5 bits: an old one does not come to life again. */
static uint32_t hash24(const struct tcp *tcp, const struct tcp_key *key, seq irs, uint64_t unit, uint32_t mss_index) {
    struct {
        uint64_t tuple, unit;
        uint32_t irs, mss_index;
    } in = {tcp_tuple_hash(tcp, key, 4), unit, irs.n, mss_index};
    return (uint32_t)siphash(&tcp->env->key, &in, sizeof in) & 0xffffff;
}

seq tcp_cookie_make(const struct tcp *tcp, const struct tcp_key *key, seq irs, uint16_t peer_mss) {
    uint64_t unit = tcp->env->now / UNIT;
    uint32_t index = 0;
    while (index < 7 && mss_table[index + 1] <= peer_mss) index++;
    return seq_of(hash24(tcp, key, irs, unit, index) << 8 | (uint32_t)(unit & 31) << 3 | index);
}

bool tcp_cookie_check(const struct tcp *tcp, const struct tcp_key *key, seq irs, seq iss, uint16_t *peer_mss) {
    uint64_t now = tcp->env->now / UNIT;
    uint32_t age = (uint32_t)(now - (iss.n >> 3)) & 31, index = iss.n & 7;
    if (age > UNITS_VALID || age > now) return false;
    if (hash24(tcp, key, irs, now - age, index) != iss.n >> 8) return false;
    *peer_mss = mss_table[index];
    return true;
}
