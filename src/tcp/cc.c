/* Congestion control: the table of algorithms, and NewReno's windows (RFC 5681, 3.1; RFC 6928). An algorithm says how
 * the window grows with what is acknowledged and where it continues after a loss; recover.c decides when. */
#include "tcp/conn.h"

struct cc {
    const char *name;
    void (*acked)(struct tcp_conn *c, uint32_t bytes);
    uint32_t (*ssthresh)(const struct tcp_conn *c);
};

/* Slow start, then one segment per window (appropriate byte counting, RFC 3465, L = 2). */
static void reno_acked(struct tcp_conn *c, uint32_t bytes) {
    uint32_t mss = tcp_send_mss(c);
    if (c->cwnd < c->ssthresh) {
        c->cwnd += bytes < 2 * mss ? bytes : 2 * mss;
        return;
    }
    c->cc_acked += bytes;
    if (c->cc_acked < c->cwnd) return;
    c->cc_acked -= c->cwnd;
    c->cwnd += mss;
}

/* RFC 5681, equation 4. */
static uint32_t reno_ssthresh(const struct tcp_conn *c) {
    /* What limited transmit added beyond cwnd does not count (RFC 5681, 3.2). */
    uint32_t flight = seq_len(c->snd_una, c->snd_nxt), half = (flight < c->cwnd ? flight : c->cwnd) / 2;
    uint32_t least = 2 * tcp_send_mss(c);
    return half > least ? half : least;
}

static const struct cc algorithms[] = {
    {"reno", reno_acked, reno_ssthresh},
};

#define CWND_MAX (1u << 30)

static const struct cc *algorithm(const struct tcp_conn *c) {
    unsigned i = c->tcp->params.congestion;
    return &algorithms[i < COUNT_OF(algorithms) ? i : 0];
}

void tcp_cc_init(struct tcp_conn *c) {
    c->cwnd = c->tcp->params.initial_window * tcp_send_mss(c);
    c->ssthresh = UINT32_MAX;
    c->cc_acked = 0;
}

/* A window that was not used proves nothing and does not grow (RFC 7661, 4.3 in short). */
void tcp_cc_acked(struct tcp_conn *c, uint32_t bytes) {
    bool limited = seq_len(c->snd_una, c->snd_max) + tcp_send_mss(c) >= c->cwnd / 2;
    if (limited && c->cwnd < CWND_MAX) algorithm(c)->acked(c, bytes);
}

/* RFC 5681, 4.1: the ACK clock has stopped, so the window of then would leave as one burst. */
void tcp_cc_restart(struct tcp_conn *c) {
    uint32_t window = c->tcp->params.initial_window * tcp_send_mss(c);
    bool idle = (tcp_clock_ms(c->tcp) - c->unacked_since) * LA_MS > tcp_rto(c);
    if (idle && c->cwnd > window) c->cwnd = window;
}

uint32_t tcp_cc_ssthresh(const struct tcp_conn *c) { return algorithm(c)->ssthresh(c); }
