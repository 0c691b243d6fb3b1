/* Linux's struct tcp_info as of 6.18, all of it: libc's own is from 2008. Sizes, order and units are Linux's ABI. */
#ifndef SYS_TCP_INFO_H
#define SYS_TCP_INFO_H

#include <stdint.h>

/* tcpi_state. */
enum {
    SYS_TCP_ESTABLISHED = 1,
    SYS_TCP_SYN_SENT,
    SYS_TCP_SYN_RECV,
    SYS_TCP_FIN_WAIT1,
    SYS_TCP_FIN_WAIT2,
    SYS_TCP_TIME_WAIT,
    SYS_TCP_CLOSE,
    SYS_TCP_CLOSE_WAIT,
    SYS_TCP_LAST_ACK,
    SYS_TCP_LISTEN,
    SYS_TCP_CLOSING,
};

/* tcpi_ca_state. */
enum { SYS_TCP_CA_OPEN, SYS_TCP_CA_DISORDER, SYS_TCP_CA_CWR, SYS_TCP_CA_RECOVERY, SYS_TCP_CA_LOSS };

enum sys_tcp_option {
    SYS_TCP_OPT_TIMESTAMPS = 1,
    SYS_TCP_OPT_SACK = 2,
    SYS_TCP_OPT_WSCALE = 4,
    SYS_TCP_OPT_ECN = 8,
    SYS_TCP_OPT_SYN_DATA = 32,
    SYS_TCP_OPT_TFO_CHILD = 128,
};

struct sys_tcp_info {
    uint8_t state, ca_state;
    uint8_t retransmits, probes, backoff; /* Unanswered so far. */
    uint8_t options;
    uint8_t snd_wscale : 4, rcv_wscale : 4;
    uint8_t app_limited : 1, fastopen_client_fail : 2;
    uint32_t rto, ato;               /* µs */
    uint32_t snd_mss, rcv_mss;       /* bytes */
    uint32_t unacked, sacked;        /* segments; of a listener: its queue, and the most of it */
    uint32_t lost, retrans, fackets; /* segments */
    uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv; /* ms ago */
    uint32_t pmtu, rcv_ssthresh;                                           /* bytes */
    uint32_t rtt, rttvar;                                                  /* µs */
    uint32_t snd_ssthresh, snd_cwnd;                                       /* segments */
    uint32_t advmss, reordering;                                           /* bytes; segments */
    uint32_t rcv_rtt, rcv_space;                                           /* µs; bytes */
    uint32_t total_retrans;                                                /* segments */
    uint64_t pacing_rate, max_pacing_rate;                                 /* bytes per second */
    uint64_t bytes_acked, bytes_received;
    uint32_t segs_out, segs_in;
    uint32_t notsent_bytes, min_rtt; /* bytes; µs */
    uint32_t data_segs_in, data_segs_out;
    uint64_t delivery_rate;                           /* bytes per second */
    uint64_t busy_time, rwnd_limited, sndbuf_limited; /* µs */
    uint32_t delivered, delivered_ce;                 /* segments */
    uint64_t bytes_sent, bytes_retrans;
    uint32_t dsack_dups, reord_seen, rcv_ooopack;
    uint32_t snd_wnd, rcv_wnd; /* bytes */
    uint32_t rehash;
    uint16_t total_rto, total_rto_recoveries;
    uint32_t total_rto_time; /* ms */
    uint32_t received_ce;    /* segments */
    uint32_t delivered_e1_bytes, delivered_e0_bytes, delivered_ce_bytes;
    uint32_t received_e1_bytes, received_e0_bytes, received_ce_bytes;
    uint16_t accecn_fail_mode, accecn_opt_seen;
};

#endif
