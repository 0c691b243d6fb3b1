/* The settings of TCP: run-time data, one struct per stack. A profile is a row of first values (src/settings.c, which
 * also knows every name that people use for them). */
#ifndef TCP_PARAMS_H
#define TCP_PARAMS_H

#include <lastack/types.h>

#include "wire/tcp.h"

/* What SHUT_RD does with data that arrives later (C24). */
enum shut_rd_rule {
    SHUT_RD_ACCEPT,  /* Linux: it is queued and can be read. */
    SHUT_RD_DISCARD, /* BSD: it is acknowledged and thrown away. */
};

/* What a SYN does that meets TIME_WAIT with a sequence number that is not higher (C36). */
enum tw_syn_rule {
    TW_SYN_ACK,          /* RFC 9293, 3.10.7.4: an ACK answers it. */
    TW_SYN_DROP,         /* Nothing answers it. */
    TW_SYN_SYNCHRONIZED, /* As in any synchronized state, by syn_strict; a higher one does not take over either. */
};

/* How the window opens. */
enum window_rule {
    WINDOW_STEPS, /* RFC 9293, 3.8.6.2.2: by steps of a segment or half the buffer; what was told is what is taken. */
    WINDOW_ALL,   /* FreeBSD: all room is told, unless it is too small; what fits into the buffer is taken. */
    WINDOW_ALL_DOWN, /* The same in older versions: what scaling cuts off is not told. */
};

/* Which ICMP errors end a connection that is still opening (RFC 5461). */
enum icmp_opening_rule {
    ICMP_OPENING_ANY,  /* Linux: every unreachable, and what else names an error. */
    ICMP_OPENING_BSD,  /* FreeBSD: port and protocol unreachable, prohibited, TTL exceeded. */
    ICMP_OPENING_HARD, /* RFC 1122, 4.2.3.9: hard errors only. */
};

/* How the timeout follows from the round trips. */
enum rto_rule {
    RTO_RFC,   /* RFC 6298: no less than rto_min. */
    RTO_LINUX, /* A round trip and rto_min more at least. */
};

/* Explicit congestion notification, asked for and agreed to: Linux's numbers. */
enum ecn_rule {
    ECN_OFF,
    ECN_REQUEST,          /* RFC 3168 both ways. */
    ECN_ACCEPT,           /* RFC 3168 when the peer asks. */
    ECN_ACCURATE,         /* RFC 9768 both ways; RFC 3168 where the peer knows no better. */
    ECN_ACCURATE_CLASSIC, /* RFC 9768 when the peer asks; we ask for RFC 3168. */
    ECN_ACCURATE_ACCEPT,  /* RFC 9768 when the peer asks. */
};

/* When an ACK has the option of Accurate ECN. */
enum ecn_option_rule {
    ECN_OPTION_NEVER,
    ECN_OPTION_MINIMUM,  /* RFC 9768, 3.2.3.3: changes, their repetition, congestion marks. */
    ECN_OPTION_WHENEVER, /* Its simple scheme: whenever a counter changed. */
    ECN_OPTION_PERSIST,  /* … even where it seems to get lost. */
};

/* How RACK decides (Linux's tcp_recovery). */
enum rack_bits {
    RACK_ON = 1,           /* Always. */
    RACK_STATIC = 2,       /* The reordering window does not grow with D-SACKs. */
    RACK_NO_DUPTHRESH = 4, /* Duplicate ACKs do not close it. */
};

struct tcp_params {
    /* Closing. */
    la_time msl;            /* TIME_WAIT lasts twice this. Linux 30 s, RFC 120 s. */
    la_time fin_timeout;    /* FIN_WAIT_2 without owner. */
    bool rfc1337;           /* RSTs do not end TIME_WAIT. */
    bool tw_reuse;          /* connect() may take over a tuple in TIME_WAIT after 1 s, with timestamps. */
    uint8_t tw_syn;         /* enum tw_syn_rule */
    uint32_t tw_max;        /* TIME_WAIT and FIN_WAIT_2 records at most. */
    uint32_t orphans_max;   /* Connections without owner at most. */
    uint8_t orphan_retries; /* Retransmissions in FIN_WAIT_1, CLOSING, LAST_ACK without owner. 0: 8. */
    uint8_t shut_rd;        /* enum shut_rd_rule */
    bool ack_resends_fin;   /* While our FIN is unacknowledged, every ACK but a challenge carries it again (BSD). */

    /* Opening. */
    uint8_t syn_retries;
    uint8_t synack_retries;
    la_time keepinit;               /* A handshake takes no longer than this; 0: as the retries say. */
    bool syn_drop_options;          /* A SYN sent for the fourth time has no option but MSS. */
    uint8_t ecn;                    /* enum ecn_rule */
    uint8_t ecn_syn_retries;        /* A SYN sent again asks for ECN so many times more (RFC 3168, 6.1.1.1). */
    bool ecn_fallback;              /* Otherwise every time. */
    uint8_t ecn_option;             /* enum ecn_option_rule */
    uint8_t ecn_option_beacon;      /* Without a change, so many times a round trip. */
    bool accecn_full;               /* The option has all its counters (Linux). */
    uint32_t syn_cache_max;         /* Embryonic connections per listener at most. */
    uint8_t syncookies;             /* 0 never, 1 when the cache is full, 2 always. */
    uint32_t somaxconn;             /* Bound on a listener's backlog. */
    bool abort_on_overflow;         /* A full accept queue answers RST. */
    uint16_t port_first, port_last; /* Ephemeral ports. */
    bool drop_synfin;               /* SYN with FIN to a listener is dropped. */
    bool listen_synack_rst;         /* SYN+ACK to a listener is answered by RST (RFC 9293) rather than dropped. */
    uint32_t fastopen;              /* enum fastopen_bits */
    uint32_t fastopen_cookies;      /* Servers at most whose cookies are remembered. */
    la_time fastopen_path_disable;  /* After a request, or data, in vain, no other for so long; 0: that is no reason. */
    la_time fastopen_blackhole;     /* After data in SYNs was lost twice in a row. 0: that is no reason. */

    /* Options. */
    bool window_scaling, timestamps, sack;
    bool missing_ts_taken; /* Segments without the timestamp agreed on are taken (RFC 7323, 3.2, would drop them). */
    bool dsack;            /* Duplicate data is reported in SACK (RFC 2883). */
    struct tcp_option_layout layout;
    bool mss_of_path; /* The MSS offered follows the path's MTU (Linux) rather than the interface's. */
    uint16_t mss_default_v4, mss_default_v6; /* Without an MSS option: 536, 1220. */
    uint16_t mss_min;                        /* Smaller offers are raised to this. */

    /* Buffers, bytes. */
    uint32_t rcvbuf_min, rcvbuf, rcvbuf_max;
    uint32_t sndbuf_min, sndbuf, sndbuf_max;
    uint32_t notsent_lowat; /* Unsent bytes at most, where a socket says nothing else; UINT32_MAX: no bound. */
    bool rcvbuf_autotune;   /* Receive buffers grow to rcvbuf_max with what the program reads. */
    bool sockbuf_doubled;   /* getsockopt tells twice SO_SNDBUF and SO_RCVBUF (Linux, which counts its overhead). */
    uint8_t window_rule;    /* enum window_rule */
    uint8_t mem_low, mem_pressure, mem_max; /* What all buffers hold together, in % of the stack's memory: mem.c. */
    bool rcvbuf_mss_rounded;                /* Round up to a multiple of the MSS (FreeBSD). */
    uint8_t wscale_fixed;                   /* 255: from rcvbuf_max. */

    /* Validity (RFC 5961). */
    bool rst_strict, syn_strict;   /* false: RFC 793's rules. */
    bool rst_error_by_state;       /* After an RST, EPIPE in CLOSE_WAIT and nothing while closing (Linux). */
    uint32_t challenge_per_second; /* Per connection. 0: no bound. */
    la_time challenge_spacing;     /* Between two of them, at least. */

    /* Timers. */
    la_time rto_initial, rto_min, rto_max;
    uint8_t rto_rule;         /* enum rto_rule */
    la_time clock_resolution; /* Of the times that the stack is given: what is closer is the same. */
    la_time rto_slop;         /* Added to every timeout but the very first (FreeBSD). */
    la_time delack;           /* How long an ACK waits … */
    la_time delack_max;       /* … or longer, up to this, where the pauses between segments are longer. */
    uint8_t delack_segments;  /* An ACK at least every so many full segments. */
    uint8_t quickacks;        /* The first so many data segments are acknowledged at once … */
    bool fin_ack_delayed;     /* After data, the ACK of a FIN may wait like any other (Linux). */
    bool quickacks_end;       /* … until an answer goes out soon after data came (Linux's pingpong). */
    uint8_t retries1;         /* Timeouts before the path is doubted. */
    uint8_t retries2;         /* Timeouts before the connection ends. */
    la_time keepidle, keepintvl;
    uint8_t keepcnt;

    /* Sending. */
    uint32_t initial_window; /* Segments. */
    uint32_t burst_least;    /* Segments that a burst has at least, where the window allows (psh_bursts). */
    bool psh_bursts;         /* PSH also where two or more segments go at once and no more may (Linux, for GRO). */
    uint8_t dupthresh;
    uint16_t reordering_max;  /* Segments: what is believed of reordering. */
    uint8_t recovery;         /* enum rack_bits */
    bool icmp_may_rst;        /* ICMP errors may end a connection that is opening … */
    uint8_t icmp_opening;     /* … these: enum icmp_opening_rule. */
    uint8_t congestion;       /* Index into the table of cc.h. */
    uint8_t hystart;          /* enum cc_hystart */
    bool tlp;                 /* Tail loss probes (RFC 8985, 7). */
    bool frto;                /* RFC 5682. */
    bool idle_restart;        /* After a pause the window begins small again (RFC 5681, 4.1). */
    bool no_pmtu_disc;        /* Sockets begin with IP_MTU_DISCOVER off: DF is clear. */
    uint8_t mtu_probing;      /* enum mtu_probing */
    uint16_t base_mss;        /* Where the search for the MTU begins, and what a black hole is tried with first … */
    uint16_t mtu_probe_floor; /* … down to this; bytes of payload. */
    uint16_t mtu_probe_threshold;              /* The search ends when less than this is left. */
    la_time mtu_probe_interval;                /* And begins anew after this. */
    bool pacing;                               /* Data leaves spread over the round trip, whatever the algorithm … */
    uint16_t pacing_ss_ratio, pacing_ca_ratio; /* … that does not pace: % of a window in each round trip. */
};

#endif
