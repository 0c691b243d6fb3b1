/* Settings.
 *
 * What comes in: a name that a person knows, and a value in the unit of that name. What goes out: a field of tcp_params
 * or ip_settings. This file owns no state; it is three tables and the few functions that read them.
 *
 *  - `rows`: one row per field. Own name (Linux's where Linux has one, else FreeBSD's, else lastack.…), unit, bounds,
 *    the value in each profile, a sentence. Bounds and values are in the row's own unit.
 *  - `aliases`: other names for the same fields, each with the unit that people of that name use.
 *  - `refusals`: names that are known and not accepted, each with the reason.
 *
 * A unit is data too. Either it is a factor to what the field holds (times are ns: a Windows TcpTimedWaitDelay of 1 s
 * is half a second of MSL), or a small map: which value the field gets when n is set while it holds c. The second form
 * says everything about booleans, inverted booleans, Windows' bit masks and FreeBSD's two switches for SYN cookies.
 *
 * Invariants, checked by the test: every field has exactly one row; every profile value is within its row's bounds and
 * fits its field; the bounds of ordered fields (`ordered`) nest, so that one may always push the other. */
#include "settings.h"

#include "base/mem.h"

/* --- Where a value lives --- */

enum kind { KIND_BOOL, KIND_U8, KIND_U16, KIND_U32, KIND_TIME, KIND_LAYOUT };

/* clang-format off */
#define KIND_OF(type, field)                                                                                           \
    _Generic(((type *)0)->field,                                                                                       \
        bool: KIND_BOOL, uint8_t: KIND_U8, uint16_t: KIND_U16, uint32_t: KIND_U32, la_time: KIND_TIME,                 \
        struct tcp_option_layout: KIND_LAYOUT)
/* clang-format on */

/* A field's place: its offset, and which of the two structs it is in. */
#define PLACE_IP 0x8000u
#define AT_TCP(field) ((uint16_t)offsetof(struct tcp_params, field))
#define AT_IP(field) ((uint16_t)(PLACE_IP | offsetof(struct ip_settings, field)))

/* --- Units --- */

enum unit {
    UNIT_COUNT,
    UNIT_BYTES,
    UNIT_BYTES_CAPPED,
    UNIT_PERCENT,
    UNIT_S,
    UNIT_MS,
    UNIT_US,
    UNIT_S_OF_2MSL,
    UNIT_MS_OF_2MSL,
    UNIT_BOOL,
    UNIT_NOT,
    UNIT_1323_WSCALE,
    UNIT_1323_TS,
    UNIT_MASK_WSCALE,
    UNIT_MASK_TS,
    UNIT_COOKIES,
    UNIT_COOKIES_ONLY,
    UNIT_ACK_PAIRS,
    UNIT_WSCALE,
    UNIT_BIT_0, /* A switch on one bit of a sum; so are those that follow. */
    UNIT_BIT_1,
};

#define MAP_VALUES 4
#define MAP_HELD 3

struct unit_row {
    const char *text;
    int64_t factor; /* To what the field holds; 0: the map decides. */
    uint8_t values; /* 0 … values - 1 may be set. */
    /* map[n][c]: what the field holds after n was set while it held c (or more than MAP_HELD - 1). */
    uint8_t map[MAP_VALUES][MAP_HELD];
    int64_t also; /* Accepted beyond the row's bounds, where not 0. */
};

static const struct unit_row units[] = {
    [UNIT_COUNT] = {"count", 1, 0, {{0}}, 0},
    [UNIT_BYTES] = {"bytes", 1, 0, {{0}}, 0},
    [UNIT_BYTES_CAPPED] = {"bytes", 1, 0, {{0}}, 0}, /* More than the most is the most. */
    [UNIT_PERCENT] = {"%", 1, 0, {{0}}, 0},
    [UNIT_S] = {"s", 1000000000, 0, {{0}}, 0},
    [UNIT_MS] = {"ms", 1000000, 0, {{0}}, 0},
    [UNIT_US] = {"us", 1000, 0, {{0}}, 0},
    [UNIT_S_OF_2MSL] = {"s", 500000000, 0, {{0}}, 0},
    [UNIT_MS_OF_2MSL] = {"ms", 500000, 0, {{0}}, 0},
    [UNIT_BOOL] = {"bool", 0, 2, {{0, 0, 0}, {1, 1, 1}}, 0},
    [UNIT_NOT] = {"bool", 0, 2, {{1, 1, 1}, {0, 0, 0}}, 0},
    /* 0: neither, 1: both, 2: window scaling, 3: timestamps. */
    [UNIT_1323_WSCALE] = {"count", 0, 4, {{0, 0, 0}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}}, 0},
    [UNIT_1323_TS] = {"count", 0, 4, {{0, 0, 0}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}}, 0},
    /* Bit 0: window scaling, bit 1: timestamps. */
    [UNIT_MASK_WSCALE] = {"mask", 0, 4, {{0, 0, 0}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}}, 0},
    [UNIT_MASK_TS] = {"mask", 0, 4, {{0, 0, 0}, {0, 0, 0}, {1, 1, 1}, {1, 1, 1}}, 0},
    /* Two switches on one field of three values: the second one outweighs the first. */
    [UNIT_COOKIES] = {"bool", 0, 2, {{0, 0, 2}, {1, 1, 2}}, 0},
    [UNIT_COOKIES_ONLY] = {"bool", 0, 2, {{0, 1, 1}, {2, 2, 2}}, 0},
    /* Whether ACKs are delayed at all: one for each segment, or one for two. */
    [UNIT_ACK_PAIRS] = {"bool", 0, 2, {{1, 1, 1}, {2, 2, 2}}, 0},
    [UNIT_WSCALE] = {"count", 1, 0, {{0}}, 255},
    [UNIT_BIT_0] = {"bool", 0, 2, {{0}}, 0},
    [UNIT_BIT_1] = {"bool", 0, 2, {{0}}, 0},
};

/* --- The table --- */

enum profile { PROFILE_LINUX, PROFILE_FREEBSD, PROFILE_RFC, NPROFILES };

static const char *const profile_names[NPROFILES] = {"linux", "freebsd", "rfc"};

/* The option layouts that settings name by number. */
static const struct tcp_option_layout layouts[] = {
    {{TCPOPT_MSS, TCPOPT_SACK_OK, TCPOPT_TS, TCPOPT_ACCECN0, TCPOPT_WSCALE, TCPOPT_SACK, TCPOPT_FASTOPEN}, false},
    {{TCPOPT_MSS, TCPOPT_WSCALE, TCPOPT_SACK_OK, TCPOPT_TS, TCPOPT_ACCECN0, TCPOPT_SACK, TCPOPT_FASTOPEN}, true},
};

struct row {
    uint16_t place;
    uint8_t kind, unit;
    const char *name;
    int64_t min, max, value[NPROFILES];
    const char *help;
};

#define MAX_BUFFER (1 << 30) /* What a window can express (RFC 7323, 2.3). */
#define MAX_HOUR_S 3600
#define MAX_HOUR_MS 3600000
#define MAX_WEEK_S 604800

#define TCP(field, unit, name, min, max, linux_, freebsd_, rfc_, help)                                                 \
    {AT_TCP(field), KIND_OF(struct tcp_params, field), unit, name, min, max, {linux_, freebsd_, rfc_}, help},
#define IP(field, unit, name, min, max, linux_, freebsd_, rfc_, help)                                                  \
    {AT_IP(field), KIND_OF(struct ip_settings, field), unit, name, min, max, {linux_, freebsd_, rfc_}, help},

/* clang-format off */
static const struct row rows[] = {
    /* Closing. */
    TCP(msl, UNIT_MS, "net.inet.tcp.msl", 0, MAX_HOUR_MS, 30000, 30000, 120000,
        "Maximum segment lifetime: TIME_WAIT lasts twice this.")
    TCP(fin_timeout, UNIT_S, "net.ipv4.tcp_fin_timeout", 0, MAX_WEEK_S, 60, 60, 60,
        "How long FIN_WAIT_2 may last once its owner has closed; it has nothing to do with TIME_WAIT.")
    TCP(rfc1337, UNIT_BOOL, "net.ipv4.tcp_rfc1337", 0, 1, 0, 1, 0,
        "An RST does not end TIME_WAIT (RFC 1337).")
    TCP(tw_reuse, UNIT_BOOL, "net.ipv4.tcp_tw_reuse", 0, 1, 0, 0, 0,
        "A connect may take over a tuple that has been in TIME_WAIT for a second, where timestamps are in use.")
    TCP(tw_syn, UNIT_COUNT, "lastack.tcp_tw_syn", 0, 2, TW_SYN_ACK, TW_SYN_SYNCHRONIZED, TW_SYN_ACK,
        "A SYN that meets TIME_WAIT: a higher one begins anew, an old one is answered by an ACK (0) or dropped (1); or "
        "all are treated as in any synchronized state (2).")
    TCP(tw_max, UNIT_COUNT, "net.ipv4.tcp_max_tw_buckets", 0, 1 << 28, 262144, 27767, 262144,
        "TIME_WAIT and FIN_WAIT_2 records at most.")
    TCP(orphans_max, UNIT_COUNT, "net.ipv4.tcp_max_orphans", 0, 1 << 28, 262144, 262144, 262144,
        "Connections at most that still have something to send after their owner has closed.")
    TCP(orphan_retries, UNIT_COUNT, "net.ipv4.tcp_orphan_retries", 0, 255, 0, 12, 15,
        "Retransmissions for a connection without owner before it ends; 0 means 8.")
    TCP(shut_rd, UNIT_COUNT, "lastack.tcp_shut_rd", 0, 1, SHUT_RD_ACCEPT, SHUT_RD_DISCARD, SHUT_RD_ACCEPT,
        "Data that arrives after SHUT_RD can be read (0) or is acknowledged and thrown away (1).")
    TCP(ack_resends_fin, UNIT_BOOL, "lastack.tcp_ack_resends_fin", 0, 1, 0, 1, 0,
        "While the FIN is unacknowledged, ACKs carry it again (but for challenges).")

    /* Opening. */
    TCP(syn_retries, UNIT_COUNT, "net.ipv4.tcp_syn_retries", 0, 127, 6, 6, 7,
        "Retransmissions of a SYN before connect fails.")
    TCP(synack_retries, UNIT_COUNT, "net.ipv4.tcp_synack_retries", 0, 127, 5, 3, 7,
        "Retransmissions of a SYN+ACK before an embryonic connection is given up.")
    TCP(keepinit, UNIT_MS, "net.inet.tcp.keepinit", 0, MAX_HOUR_MS, 0, 75000, 0,
        "How long a handshake may take; 0 leaves it to the retransmissions.")
    TCP(syn_drop_options, UNIT_BOOL, "net.inet.tcp.rexmit_drop_options", 0, 1, 0, 0, 0,
        "From the third retransmission on, a SYN has no option but MSS.")
    TCP(ecn, UNIT_COUNT, "net.ipv4.tcp_ecn", 0, 5, ECN_ACCEPT, ECN_ACCEPT, ECN_ACCEPT,
        "Explicit congestion notification (RFC 3168; Accurate ECN is RFC 9768): off (0), asked for and agreed to (1), "
        "agreed to (2); Accurate ECN agreed to, and Accurate ECN (3), RFC 3168 (4) or nothing (5) asked for.")
    TCP(ecn_syn_retries, UNIT_COUNT, "net.inet.tcp.ecn.maxretries", 0, 127, 0, 1, 0,
        "Retransmissions of a SYN that still ask for ECN; for Accurate ECN one at least.")
    TCP(ecn_fallback, UNIT_BOOL, "net.ipv4.tcp_ecn_fallback", 0, 1, 1, 1, 1,
        "SYNs and SYN+ACKs that were lost too often go again without ECN (RFC 3168, 6.1.1.1).")
    TCP(ecn_option, UNIT_COUNT, "net.ipv4.tcp_ecn_option", 0, 3, ECN_OPTION_WHENEVER, ECN_OPTION_WHENEVER,
        ECN_OPTION_WHENEVER,
        "Accurate ECN's option: never (0), as seldom as RFC 9768 lets it (1), with every ACK that has news (2), even where "
        "it seems to get lost (3).")
    TCP(ecn_option_beacon, UNIT_COUNT, "net.ipv4.tcp_ecn_option_beacon", 0, 255, 3, 3, 3,
        "With tcp_ecn_option 2 and more, ACKs without news have it too, so many times a round trip; 0: they have not.")
    TCP(accecn_full, UNIT_BOOL, "lastack.tcp_accecn_full", 0, 1, 1, 0, 0,
        "Accurate ECN's option has all counters where there is room (Linux) rather than those that ever changed.")
    TCP(syn_cache_max, UNIT_COUNT, "net.ipv4.tcp_max_syn_backlog", 1, 1 << 24, 4096, 15360, 4096,
        "Embryonic connections at most for each listener.")
    TCP(syncookies, UNIT_COUNT, "net.ipv4.tcp_syncookies", 0, 2, 1, 1, 1,
        "SYN cookies: never (0), when there is no room for embryonic connections (1), always (2).")
    TCP(somaxconn, UNIT_COUNT, "net.core.somaxconn", 1, 1 << 24, 4096, 128, 4096,
        "The largest backlog that listen accepts.")
    TCP(abort_on_overflow, UNIT_BOOL, "net.ipv4.tcp_abort_on_overflow", 0, 1, 0, 1, 0,
        "A connection that finds the accept queue full is reset rather than left to try again.")
    TCP(port_first, UNIT_COUNT, "net.ipv4.ip_local_port_range_low", 1, 65535, 32768, 10000, 49152,
        "The first port that the stack chooses itself (RFC 6056).")
    TCP(port_last, UNIT_COUNT, "net.ipv4.ip_local_port_range_high", 1, 65535, 60999, 65535, 65535,
        "The last port that the stack chooses itself.")
    TCP(drop_synfin, UNIT_BOOL, "net.inet.tcp.drop_synfin", 0, 1, 1, 0, 0,
        "A SYN with FIN to a listener is dropped.")
    TCP(listen_synack_rst, UNIT_BOOL, "lastack.tcp_listen_synack_rst", 0, 1, 1, 0, 1,
        "A SYN+ACK to a listener is answered by an RST rather than dropped.")

    TCP(fastopen, UNIT_COUNT, "net.ipv4.tcp_fastopen", 0, INT32_MAX, FASTOPEN_CLIENT, FASTOPEN_CLIENT, FASTOPEN_CLIENT,
        "TCP Fast Open (RFC 7413), a sum: client (1), server (2), client without cookie (4), server without cookie (512), "
        "all listeners (1024).")
    TCP(fastopen_cookies, UNIT_COUNT, "lastack.tcp_fastopen_cookies", 0, 1 << 20, 1024, 1024, 1024,
        "Servers at most whose Fast Open cookies are remembered; 0 forgets all.")
    TCP(fastopen_path_disable, UNIT_S, "net.inet.tcp.fastopen.path_disable_time", 0, MAX_WEEK_S, 0, 900, 900,
        "How long Fast Open is not tried after a server has answered a request, or data, without a cookie.")
    TCP(fastopen_blackhole, UNIT_S, "net.ipv4.tcp_fastopen_blackhole_timeout_sec", 0, MAX_WEEK_S, 3600, 0, 3600,
        "How long Fast Open is not tried after a server's SYNs with data were lost twice in a row; it doubles.")

    /* Options. */
    TCP(window_scaling, UNIT_BOOL, "net.ipv4.tcp_window_scaling", 0, 1, 1, 1, 1,
        "Offer and accept window scaling (RFC 7323).")
    TCP(timestamps, UNIT_BOOL, "net.ipv4.tcp_timestamps", 0, 1, 1, 1, 1,
        "Offer and accept timestamps (RFC 7323).")
    TCP(sack, UNIT_BOOL, "net.ipv4.tcp_sack", 0, 1, 1, 1, 1,
        "Offer and accept selective acknowledgment (RFC 2018).")
    TCP(missing_ts_taken, UNIT_BOOL, "net.inet.tcp.tolerate_missing_ts", 0, 1, 1, 0, 0,
        "Segments without a timestamp are taken although timestamps were agreed on (RFC 7323 would drop them).")
    TCP(dsack, UNIT_BOOL, "net.ipv4.tcp_dsack", 0, 1, 1, 1, 1,
        "Duplicate data is reported in SACK options (RFC 2883).")
    TCP(layout, UNIT_COUNT, "lastack.tcp_option_layout", 0, 1, 0, 1, 0,
        "Order and padding of options: Linux's (0) or FreeBSD's (1).")
    TCP(mss_of_path, UNIT_BOOL, "lastack.tcp_mss_of_path", 0, 1, 1, 0, 0,
        "The MSS that a SYN offers follows what is known of the path's MTU, not the interface's alone.")
    TCP(mss_default_v4, UNIT_BYTES, "net.inet.tcp.mssdflt", 48, 65535, 536, 536, 536,
        "The IPv4 peer's MSS when it names none.")
    TCP(mss_default_v6, UNIT_BYTES, "net.inet.tcp.v6mssdflt", 48, 65535, 1220, 1220, 1220,
        "The IPv6 peer's MSS when it names none.")
    TCP(mss_min, UNIT_BYTES, "net.ipv4.tcp_min_snd_mss", 48, 65535, 48, 216, 48,
        "A peer's smaller MSS is raised to this.")

    /* Buffers. */
    TCP(rcvbuf_min, UNIT_BYTES, "net.ipv4.tcp_rmem_min", 1, MAX_BUFFER, 4096, 4096, 4096,
        "The smallest receive buffer.")
    TCP(rcvbuf, UNIT_BYTES, "net.ipv4.tcp_rmem_default", 1, MAX_BUFFER, 131072, 65536, 131072,
        "The receive buffer that a connection begins with.")
    TCP(rcvbuf_max, UNIT_BYTES, "net.ipv4.tcp_rmem_max", 1, MAX_BUFFER, 6291456, 2097152, 6291456,
        "The largest receive buffer; the window scale follows from it.")
    TCP(sndbuf_min, UNIT_BYTES, "net.ipv4.tcp_wmem_min", 1, MAX_BUFFER, 4096, 4096, 4096,
        "The smallest send buffer.")
    TCP(sndbuf, UNIT_BYTES, "net.ipv4.tcp_wmem_default", 1, MAX_BUFFER, 16384, 32768, 16384,
        "The send buffer that a connection begins with.")
    TCP(sndbuf_max, UNIT_BYTES, "net.ipv4.tcp_wmem_max", 1, MAX_BUFFER, 4194304, 2097152, 4194304,
        "The largest send buffer.")
    TCP(notsent_lowat, UNIT_BYTES, "net.ipv4.tcp_notsent_lowat", 1, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
        "Bytes that may wait unsent before a socket is not writable (TCP_NOTSENT_LOWAT).")
    TCP(rcvbuf_autotune, UNIT_BOOL, "net.ipv4.tcp_moderate_rcvbuf", 0, 1, 1, 1, 1,
        "Receive buffers grow with what the program reads.")
    TCP(mem_low, UNIT_PERCENT, "lastack.tcp_mem_low", 1, 100, 45, 45, 45,
        "Buffers may grow again when all of them hold less than this share of the stack's memory.")
    TCP(mem_pressure, UNIT_PERCENT, "lastack.tcp_mem_pressure", 1, 100, 60, 60, 60,
        "No buffer grows, and windows are small, when all of them hold more than this share of the stack's memory.")
    TCP(mem_max, UNIT_PERCENT, "lastack.tcp_mem_max", 1, 100, 75, 75, 75,
        "Data beyond a gap is not kept when all buffers hold more than this share of the stack's memory.")
    TCP(sockbuf_doubled, UNIT_BOOL, "lastack.tcp_sockbuf_doubled", 0, 1, 1, 0, 0,
        "getsockopt tells twice the SO_SNDBUF and SO_RCVBUF that were set.")
    TCP(window_rule, UNIT_COUNT, "lastack.tcp_window_rule", 0, 2, WINDOW_STEPS, WINDOW_ALL, WINDOW_STEPS,
        "The window opens by worthwhile steps (0), or all room is told and what fits is taken, told or not: rounded up to "
        "what scaling can tell (1), or down (2).")
    TCP(rcvbuf_mss_rounded, UNIT_BOOL, "lastack.tcp_rcvbuf_mss_rounded", 0, 1, 0, 1, 0,
        "Receive buffers are rounded up to a multiple of the MSS.")
    TCP(wscale_fixed, UNIT_WSCALE, "lastack.tcp_wscale", 0, 14, 255, 255, 255,
        "The window scale offered; 255 takes it from tcp_rmem_max.")

    /* Validity (RFC 5961). */
    TCP(rst_strict, UNIT_BOOL, "lastack.tcp_rst_strict", 0, 1, 1, 1, 1,
        "An RST must hit RCV.NXT exactly (RFC 5961) rather than fall into the window (RFC 793).")
    TCP(syn_strict, UNIT_BOOL, "lastack.tcp_syn_strict", 0, 1, 1, 1, 1,
        "A SYN on a synchronized connection is challenged (RFC 5961) rather than ending it (RFC 793).")
    TCP(rst_error_by_state, UNIT_BOOL, "lastack.tcp_rst_error_by_state", 0, 1, 1, 0, 0,
        "After an RST, the owner is told EPIPE in CLOSE_WAIT and nothing in CLOSING and LAST_ACK, rather than ECONNRESET.")
    TCP(challenge_per_second, UNIT_COUNT, "net.ipv4.tcp_challenge_ack_limit", 0, INT32_MAX, 2, 5, 2,
        "Challenge ACKs a second at most for each connection; 0 sets no bound.")

    TCP(challenge_spacing, UNIT_MS, "net.ipv4.tcp_invalid_ratelimit", 0, MAX_HOUR_MS, 500, 0, 0,
        "Time between two challenge ACKs of a connection, at least.")

    /* Timers. */
    TCP(rto_initial, UNIT_MS, "net.inet.tcp.rexmit_initial", 1, MAX_HOUR_MS, 1000, 1000, 1000,
        "The retransmission timeout before the first measurement (RFC 6298).")
    TCP(rto_rule, UNIT_COUNT, "lastack.tcp_rto_rule", 0, 1, RTO_LINUX, RTO_RFC, RTO_RFC,
        "The timeout is no shorter than rto_min (0, RFC 6298), or than a round trip and rto_min (1, Linux).")
    TCP(clock_resolution, UNIT_US, "lastack.clock_resolution_us", 0, 1000000, 1, 1, 1,
        "Resolution of the times that the stack is given; what is closer together is the same time.")
    TCP(rto_min, UNIT_US, "net.ipv4.tcp_rto_min_us", 1, MAX_HOUR_MS * INT64_C(1000), 200000, 30000, 1000000,
        "The shortest retransmission timeout.")
    TCP(rto_max, UNIT_MS, "net.ipv4.tcp_rto_max_ms", 1, MAX_HOUR_MS, 120000, 64000, 60000,
        "The longest retransmission timeout.")
    TCP(rto_slop, UNIT_MS, "net.inet.tcp.rexmit_slop", 0, 10000, 0, 200, 0,
        "Added to every retransmission timeout but a connection's very first.")
    TCP(delack, UNIT_MS, "net.inet.tcp.delacktime", 0, 10000, 40, 40, 200,
        "How long an ACK may be delayed (RFC 9293: less than 500 ms).")
    TCP(delack_max, UNIT_MS, "lastack.tcp_delack_max", 0, 500, 200, 0, 0,
        "How long where the pauses between segments are longer, but not longer than a round trip; 0: never longer.")
    TCP(delack_segments, UNIT_COUNT, "lastack.tcp_delack_segments", 1, 255, 2, 2, 2,
        "An ACK at least for every so many full-sized segments.")
    TCP(quickacks, UNIT_COUNT, "lastack.tcp_quickacks", 0, 255, 16, 0, 0,
        "So many data segments at the beginning are acknowledged at once.")
    TCP(fin_ack_delayed, UNIT_BOOL, "lastack.tcp_fin_ack_delayed", 0, 1, 1, 0, 0,
        "The ACK of a FIN that comes after data may wait as long as any other.")
    TCP(quickacks_end, UNIT_BOOL, "lastack.tcp_quickacks_end", 0, 1, 1, 0, 0,
        "ACKs are no longer sent at once when data goes out soon after data came: a conversation.")
    TCP(retries1, UNIT_COUNT, "net.ipv4.tcp_retries1", 0, 255, 3, 3, 3,
        "Timeouts in a row before the path is doubted (RFC 1122: R1).")
    TCP(retries2, UNIT_COUNT, "net.ipv4.tcp_retries2", 0, 255, 15, 12, 15,
        "Timeouts in a row before the connection ends (RFC 1122: R2).")
    TCP(keepidle, UNIT_S, "net.ipv4.tcp_keepalive_time", 1, MAX_WEEK_S, 7200, 7200, 7200,
        "Idle time before the first keepalive probe.")
    TCP(keepintvl, UNIT_S, "net.ipv4.tcp_keepalive_intvl", 1, MAX_WEEK_S, 75, 75, 75,
        "Time between keepalive probes.")
    TCP(keepcnt, UNIT_COUNT, "net.ipv4.tcp_keepalive_probes", 1, 255, 9, 8, 9,
        "Unanswered keepalive probes before the connection ends.")

    /* Sending. */
    TCP(initial_window, UNIT_COUNT, "net.inet.tcp.initcwnd_segments", 1, 1000, 10, 10, 10,
        "Segments that may be sent before the first ACK (RFC 6928).")
    TCP(psh_bursts, UNIT_BOOL, "lastack.tcp_psh_bursts", 0, 1, 1, 0, 0,
        "PSH also ends what two or more segments carry at once, although more data waits.")
    TCP(burst_least, UNIT_COUNT, "net.ipv4.tcp_min_tso_segs", 1, 65535, 2, 2, 2,
        "A burst that ends with PSH has so many segments, or what a millisecond of the pace carries.")
    TCP(dupthresh, UNIT_COUNT, "net.ipv4.tcp_reordering", 1, 127, 3, 3, 3,
        "Duplicate ACKs that mean a loss (RFC 5681).")
    TCP(icmp_may_rst, UNIT_BOOL, "net.inet.tcp.icmp_may_rst", 0, 1, 1, 1, 1,
        "ICMP errors may end a connection in SYN_SENT: those that lastack.tcp_icmp_opening names.")
    TCP(icmp_opening, UNIT_COUNT, "lastack.tcp_icmp_opening", 0, 2, ICMP_OPENING_ANY, ICMP_OPENING_BSD,
        ICMP_OPENING_HARD,
        "Which ICMP errors end SYN_SENT: all (0), FreeBSD's choice (1), port and protocol unreachable and prohibited (2).")
    TCP(congestion, UNIT_COUNT, "lastack.tcp_congestion_control", 0, 2, 1, 1, 1,
        "The congestion control of new connections: NewReno (0), CUBIC (1), BBR (2).")
    TCP(hystart, UNIT_COUNT, "lastack.tcp_hystart", 0, 2, 0, 0, 0,
        "How CUBIC's slow start ends before a loss: HyStart++ (0, RFC 9406), Linux's HyStart (1), not (2).")
    TCP(tlp, UNIT_BOOL, "lastack.tcp_tlp", 0, 1, 1, 0, 1,
        "A tail loss probe goes before the timeout (RFC 8985, 7).")
    TCP(frto, UNIT_BOOL, "lastack.tcp_frto", 0, 1, 1, 1, 1,
        "After a timeout it is found out whether anything was lost at all (RFC 5682).")
    TCP(idle_restart, UNIT_BOOL, "net.ipv4.tcp_slow_start_after_idle", 0, 1, 1, 1, 1,
        "The congestion window begins small again after a pause (RFC 5681, 4.1).")
    TCP(pacing, UNIT_BOOL, "lastack.tcp_pacing", 0, 1, 0, 0, 0,
        "Data leaves spread over the round trip, whatever the congestion control.")

#include "settings_path.def"
};
/* clang-format on */

#define NROWS ((unsigned)COUNT_OF(rows))

struct alias {
    const char *name;
    uint16_t place;
    uint8_t unit;
};

static const struct alias aliases[] = {
#include "settings_aliases.def"
};

#define NNAMES (NROWS + (unsigned)COUNT_OF(aliases))

static const struct refusal {
    const char *name, *why;
} refusals[] = {
#include "settings_refusals.def"
};

/* In each pair the first may not be greater than the second. Chains are listed from the bottom up. */
static const struct pair {
    uint16_t low, high;
} ordered[] = {
    {AT_TCP(port_first), AT_TCP(port_last)}, {AT_TCP(rto_min), AT_TCP(rto_max)},
    {AT_TCP(rto_initial), AT_TCP(rto_max)},  {AT_TCP(rcvbuf_min), AT_TCP(rcvbuf)},
    {AT_TCP(rcvbuf), AT_TCP(rcvbuf_max)},    {AT_TCP(sndbuf_min), AT_TCP(sndbuf)},
    {AT_TCP(sndbuf), AT_TCP(sndbuf_max)},    {AT_TCP(mem_low), AT_TCP(mem_pressure)},
    {AT_TCP(mem_pressure), AT_TCP(mem_max)},
};

/* --- Fields --- */

static const struct row *row_of(uint16_t place) {
    const struct row *row = rows;
    while (row->place != place) row++;
    return row;
}

static void *field_of(const struct settings *s, uint16_t place) {
    uint8_t *base = place & PLACE_IP ? (uint8_t *)s->ip : (uint8_t *)s->tcp;
    return base + (place & (PLACE_IP - 1));
}

static int64_t layout_index(const struct tcp_option_layout *layout) {
    int64_t i = (int64_t)COUNT_OF(layouts) - 1;
    while (i > 0 && (memcmp(layouts[i].order, layout->order, sizeof(layout->order)) != 0 ||
                     layouts[i].eol_padding != layout->eol_padding))
        i--;
    return i;
}

static int64_t load(const struct settings *s, const struct row *row) {
    const void *field = field_of(s, row->place);
    switch ((enum kind)row->kind) {
    case KIND_BOOL: return *(const bool *)field;
    case KIND_U8: return *(const uint8_t *)field;
    case KIND_U16: return *(const uint16_t *)field;
    case KIND_U32: return *(const uint32_t *)field;
    case KIND_TIME: return (int64_t) * (const la_time *)field;
    case KIND_LAYOUT: return layout_index(field);
    }
    return 0;
}

static void store(const struct settings *s, const struct row *row, int64_t value) {
    void *field = field_of(s, row->place);
    switch ((enum kind)row->kind) {
    case KIND_BOOL: *(bool *)field = value != 0; break;
    case KIND_U8: *(uint8_t *)field = (uint8_t)value; break;
    case KIND_U16: *(uint16_t *)field = (uint16_t)value; break;
    case KIND_U32: *(uint32_t *)field = (uint32_t)value; break;
    case KIND_TIME: *(la_time *)field = (la_time)value; break;
    case KIND_LAYOUT: *(struct tcp_option_layout *)field = layouts[value]; break;
    }
}

/* What one of the row's own unit is in the field. */
static int64_t row_factor(const struct row *row) {
    int64_t factor = units[row->unit].factor;
    return factor ? factor : 1;
}

/* Stores, and where that breaks an order, moves the partner along. */
static void change(const struct settings *s, const struct row *row, int64_t value) {
    bool up = value > load(s, row);
    store(s, row, value);
    for (size_t i = 0; i < COUNT_OF(ordered); i++) {
        const struct pair *pair = &ordered[up ? i : COUNT_OF(ordered) - 1 - i];
        const struct row *low = row_of(pair->low), *high = row_of(pair->high);
        if (load(s, low) <= load(s, high)) continue;
        if (up)
            store(s, high, load(s, low));
        else
            store(s, low, load(s, high));
    }
}

/* --- Names --- */

static char name_char(char c) { return c == '/' ? '.' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool same_name(const char *a, const char *b) {
    while (*a && name_char(*a) == name_char(*b)) a++, b++;
    return name_char(*a) == name_char(*b);
}

/* What is left of `name` after `prefix`, or NULL. */
static const char *after_prefix(const char *name, const char *prefix) {
    while (*prefix && *name == *prefix) name++, prefix++;
    return *prefix ? NULL : name;
}

/* Whether a person who says `said` means `name`. */
static bool means(const char *said, const char *name) {
    static const char *const optional[] = {"net.ipv4.", "net.ipv6.", "net.core."};
    if (!said) return false;
    if (same_name(said, name)) return true;
    for (size_t i = 0; i < COUNT_OF(optional); i++) {
        const char *rest = after_prefix(name, optional[i]);
        if (rest && same_name(said, rest)) return true;
    }
    return false;
}

/* Own names and aliases as one list. */
static struct alias name_at(unsigned i) {
    if (i >= NROWS) return aliases[i - NROWS];
    return (struct alias){rows[i].name, rows[i].place, rows[i].unit};
}

/* --- Conversion --- */

/* The bit that a unit switches, or 0. */
static int64_t bit_of(const struct unit_row *unit) {
    return unit >= &units[UNIT_BIT_0] ? INT64_C(1) << (unit - &units[UNIT_BIT_0]) : 0;
}

static int64_t mapped(const struct unit_row *unit, int64_t value, int64_t held) {
    int64_t bit = bit_of(unit);
    if (bit) return value ? held | bit : held & ~bit;
    return unit->map[value][held < MAP_HELD ? held : MAP_HELD - 1];
}

/* What the field is to hold when `value` is set by that name. */
static int convert(const struct settings *s, const struct alias *name, int64_t value, int64_t *stored) {
    const struct row *row = row_of(name->place);
    const struct unit_row *unit = &units[name->unit];
    if (value < 0) return -LA_EINVAL;
    if (unit->factor) {
        if (value > INT64_MAX / unit->factor) return -LA_EINVAL;
        *stored = value * unit->factor;
    } else {
        if (value >= unit->values) return -LA_EINVAL;
        *stored = mapped(unit, value, load(s, row));
    }
    if (unit->also && value == unit->also) return 0;
    int64_t factor = row_factor(row);
    if (name->unit == UNIT_BYTES_CAPPED && *stored > row->max * factor) *stored = row->max * factor;
    return *stored < row->min * factor || *stored > row->max * factor ? -LA_EINVAL : 0;
}

/* Whether setting `value` by that name would change nothing. */
static bool holds(const struct settings *s, const char *name, int64_t value) {
    for (unsigned i = 0; i < NNAMES; i++) {
        struct alias a = name_at(i);
        if (!means(name, a.name)) continue;
        int64_t held = load(s, row_of(a.place));
        if (held >= MAP_HELD && !bit_of(&units[a.unit])) held = MAP_HELD - 1;
        if (value >= units[a.unit].values || mapped(&units[a.unit], value, held) != held) return false;
    }
    return true;
}

/* --- The interface --- */

const char *settings_profile_name(unsigned i) { return i < NPROFILES ? profile_names[i] : NULL; }

int settings_profile(const struct settings *s, const char *name) {
    unsigned profile = PROFILE_LINUX;
    while (name && profile < NPROFILES && !same_name(name, profile_names[profile])) profile++;
    if (profile == NPROFILES) return -LA_EINVAL;
    for (unsigned i = 0; i < NROWS; i++) store(s, &rows[i], rows[i].value[profile] * row_factor(&rows[i]));
    return 0;
}

int settings_set(const struct settings *s, const char *name, int64_t value) {
    if (settings_refusal(name)) return -LA_EOPNOTSUPP;
    int result = -LA_ENOENT;
    int64_t stored;
    for (unsigned i = 0; i < NNAMES; i++) {
        struct alias a = name_at(i);
        if (!means(name, a.name)) continue;
        result = convert(s, &a, value, &stored);
        if (result < 0) return result; /* Names of two fields accept the same values for both. */
        change(s, row_of(a.place), stored);
    }
    return result;
}

int settings_get(const struct settings *s, const char *name, int64_t *value) {
    if (settings_refusal(name)) return -LA_EOPNOTSUPP;
    unsigned i = 0;
    while (i < NNAMES && !means(name, name_at(i).name)) i++;
    if (i == NNAMES) return -LA_ENOENT;
    struct alias a = name_at(i);
    int64_t factor = units[a.unit].factor;
    if (factor) {
        /* Rounded up: a time that is there never reads as none. */
        *value = (load(s, row_of(a.place)) + factor - 1) / factor;
        return 0;
    }
    *value = MAP_VALUES - 1;
    while (*value > 0 && !holds(s, name, *value)) --*value;
    return 0;
}

bool settings_at(const struct settings *s, unsigned i, struct la_setting *setting, int64_t *value) {
    if (i >= NROWS) return false;
    const struct row *row = &rows[i];
    *setting = (struct la_setting){row->name, units[row->unit].text, row->help, row->min, row->max};
    *value = load(s, row) / row_factor(row);
    return true;
}

const char *settings_refusal(const char *name) {
    for (size_t i = 0; i < COUNT_OF(refusals); i++)
        if (means(name, refusals[i].name)) return refusals[i].why;
    return NULL;
}

bool settings_name_at(unsigned i, struct settings_name *name) {
    if (i >= NNAMES) return false;
    struct alias a = name_at(i);
    *name = (struct settings_name){a.name, row_of(a.place)->name, units[a.unit].text};
    return true;
}

const char *settings_refused_at(unsigned i) { return i < COUNT_OF(refusals) ? refusals[i].name : NULL; }
