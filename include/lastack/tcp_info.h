/* What getsockopt(LA_TCP_INFO) gives: Linux's struct tcp_info, all of it. Names, order, sizes and units are
 * Linux's ABI, so the bytes are what a program that knows <linux/tcp.h> expects; a shorter buffer gets the beginning.
 *
 * Where this stack differs: bytes_acked counts data alone, without SYN and FIN; last_ack_sent is always 0, as on Linux;
 * a socket in TIME_WAIT is CLOSE for its owner. Of a listener only three fields are set: tcpi_state, in tcpi_unacked
 * the length of its accept queue, and in tcpi_sacked the bound on it. */
#ifndef LASTACK_TCP_INFO_H
#define LASTACK_TCP_INFO_H

#include <lastack/types.h>

struct la_stack;

/* tcpi_state. */
enum la_tcp_info_state {
    LA_TCPI_ESTABLISHED = 1,
    LA_TCPI_SYN_SENT,
    LA_TCPI_SYN_RECV,
    LA_TCPI_FIN_WAIT1,
    LA_TCPI_FIN_WAIT2,
    LA_TCPI_TIME_WAIT,
    LA_TCPI_CLOSE,
    LA_TCPI_CLOSE_WAIT,
    LA_TCPI_LAST_ACK,
    LA_TCPI_LISTEN,
    LA_TCPI_CLOSING,
};

/* tcpi_ca_state: where recovery stands. */
enum la_tcp_info_ca { LA_TCPI_CA_OPEN, LA_TCPI_CA_DISORDER, LA_TCPI_CA_CWR, LA_TCPI_CA_RECOVERY, LA_TCPI_CA_LOSS };

/* Bits of tcpi_options. */
enum la_tcp_info_option {
    LA_TCPI_OPT_TIMESTAMPS = 1,
    LA_TCPI_OPT_SACK = 2,
    LA_TCPI_OPT_WSCALE = 4,
    LA_TCPI_OPT_ECN = 8,
    LA_TCPI_OPT_ECN_SEEN = 16,
    LA_TCPI_OPT_SYN_DATA = 32,
    LA_TCPI_OPT_USEC_TS = 64,
    LA_TCPI_OPT_TFO_CHILD = 128,
};

#define LA_TCPI_SSTHRESH_NONE 0x7fffffffu /* tcpi_snd_ssthresh: nothing was lost yet. */

struct la_tcp_info {
    uint8_t tcpi_state;       /* enum la_tcp_info_state */
    uint8_t tcpi_ca_state;    /* enum la_tcp_info_ca */
    uint8_t tcpi_retransmits; /* Timeouts in a row without an answer. */
    uint8_t tcpi_probes;      /* Window or keepalive probes in a row without an answer. */
    uint8_t tcpi_backoff;     /* How often the running timeout was doubled. */
    uint8_t tcpi_options;     /* enum la_tcp_info_option */
    uint8_t tcpi_snd_wscale : 4, tcpi_rcv_wscale : 4;
    uint8_t tcpi_delivery_rate_app_limited : 1, tcpi_fastopen_client_fail : 2;

    uint32_t tcpi_rto, tcpi_ato;         /* µs */
    uint32_t tcpi_snd_mss, tcpi_rcv_mss; /* bytes */

    uint32_t tcpi_unacked, tcpi_sacked;               /* segments */
    uint32_t tcpi_lost, tcpi_retrans, tcpi_fackets;   /* segments */
    uint32_t tcpi_last_data_sent;                     /* ms ago; before the first: since the connection opened */
    uint32_t tcpi_last_ack_sent;                      /* Not remembered. */
    uint32_t tcpi_last_data_recv, tcpi_last_ack_recv; /* ms ago, as tcpi_last_data_sent */

    uint32_t tcpi_pmtu, tcpi_rcv_ssthresh;     /* bytes */
    uint32_t tcpi_rtt, tcpi_rttvar;            /* µs, smoothed */
    uint32_t tcpi_snd_ssthresh, tcpi_snd_cwnd; /* segments */
    uint32_t tcpi_advmss;                      /* bytes: the MSS that this side offered */
    uint32_t tcpi_reordering;                  /* segments */
    uint32_t tcpi_rcv_rtt, tcpi_rcv_space;     /* µs, bytes: of the receive buffer's tuning */
    uint32_t tcpi_total_retrans;               /* segments, ever */

    uint64_t tcpi_pacing_rate, tcpi_max_pacing_rate; /* bytes per second; UINT64_MAX: no bound */
    uint64_t tcpi_bytes_acked, tcpi_bytes_received;
    uint32_t tcpi_segs_out, tcpi_segs_in;
    uint32_t tcpi_notsent_bytes;
    uint32_t tcpi_min_rtt; /* µs; UINT32_MAX: no sample yet */
    uint32_t tcpi_data_segs_in, tcpi_data_segs_out;
    uint64_t tcpi_delivery_rate; /* bytes per second */

    uint64_t tcpi_busy_time;      /* µs with data to send or unacknowledged; of it … */
    uint64_t tcpi_rwnd_limited;   /* … held up by the peer's window, */
    uint64_t tcpi_sndbuf_limited; /* … and by a full SO_SNDBUF. */

    uint32_t tcpi_delivered, tcpi_delivered_ce; /* segments */
    uint64_t tcpi_bytes_sent, tcpi_bytes_retrans;
    uint32_t tcpi_dsack_dups, tcpi_reord_seen;
    uint32_t tcpi_rcv_ooopack;           /* segments that came out of order */
    uint32_t tcpi_snd_wnd, tcpi_rcv_wnd; /* bytes */
    uint32_t tcpi_rehash;
    uint16_t tcpi_total_rto, tcpi_total_rto_recoveries;
    uint32_t tcpi_total_rto_time; /* ms */

    /* Accurate ECN (RFC 9768). */
    uint32_t tcpi_received_ce;
    uint32_t tcpi_delivered_e1_bytes, tcpi_delivered_e0_bytes, tcpi_delivered_ce_bytes;
    uint32_t tcpi_received_e1_bytes, tcpi_received_e0_bytes, tcpi_received_ce_bytes;
    uint32_t tcpi_ecn_mode : 2, tcpi_accecn_opt_seen : 2, tcpi_accecn_fail_mode : 4, tcpi_options2 : 24;
};

/* The same as of `now`; getsockopt, which is told no time, counts ages and durations up to the latest time that the
 * stack was told. 0, -LA_EBADF, -LA_EFAULT, -LA_EOPNOTSUPP (a datagram socket). */
int la_tcp_info(struct la_stack *stack, la_sock sock, struct la_tcp_info *info, la_time now);

#endif
