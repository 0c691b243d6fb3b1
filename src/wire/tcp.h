/* TCP segments (RFC 9293, 3.1; options of RFC 7323, 2018, 7413, 9768). */
#ifndef WIRE_TCP_H
#define WIRE_TCP_H

#include "base/seq.h"
#include "wire/wire.h"

#define TCP_LEN 20
#define TCP_LEN_MAX 60
#define TCP_OPTIONS_MAX 40

enum tcp_flags {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
    TCP_ECE = 0x40,
    TCP_CWR = 0x80,
    TCP_AE = 0x100, /* RFC 9768 */
};

enum tcp_option_kind {
    TCPOPT_EOL = 0,
    TCPOPT_NOP = 1,
    TCPOPT_MSS = 2,
    TCPOPT_WSCALE = 3,
    TCPOPT_SACK_OK = 4,
    TCPOPT_SACK = 5,
    TCPOPT_TS = 8,
    TCPOPT_FASTOPEN = 34,
    TCPOPT_ACCECN0 = 172,    /* RFC 9768: the counters from E0B on, … */
    TCPOPT_ACCECN1 = 174,    /* … or from E1B on. */
    TCPOPT_EXPERIMENT = 254, /* RFC 6994: an identifier follows. */
};

#define TCP_SACK_MAX 4
#define TCP_COOKIE_MAX 16 /* RFC 7413, 4.1.1. */
#define TCP_ACCECN_MAX 3

struct tcp_sack {
    seq from, to;
};

/* Which options are there, and their values. */
struct tcp_options {
    bool has_mss, has_wscale, has_ts, sack_ok, has_fastopen;
    uint16_t mss;
    uint8_t wscale; /* As on the wire; RFC 7323 bounds its use to 14. */
    uint32_t ts_val, ts_ecr;
    bool has_accecn, accecn1;        /* RFC 9768; TCPOPT_ACCECN1 rather than 0. */
    uint8_t naccecn;                 /* Counters in it. */
    uint32_t accecn[TCP_ACCECN_MAX]; /* As they stand there: 24 bits each. */
    uint8_t nsack;
    struct tcp_sack sack[TCP_SACK_MAX];
    uint8_t fastopen_len; /* 0: a request. */
    bool fastopen_exp;    /* In the form of the experiment (RFC 7413, 4.1.1): TCPOPT_EXPERIMENT, FASTOPEN_EXID. */
    uint8_t fastopen[TCP_COOKIE_MAX];
};

struct tcp_seg {
    uint16_t src_port, dst_port;
    seq seq, ack;
    uint16_t flags; /* enum tcp_flags */
    uint16_t wnd;   /* Unscaled. */
    uint16_t urg;
    struct tcp_options opt;
    struct la_span data; /* Points into the packet. Builders take its length from elsewhere. */
};

/* Sequence space that a segment occupies: data, SYN, FIN. */
static inline uint32_t tcp_seg_len(const struct tcp_seg *s) {
    return (uint32_t)s->data.len + ((s->flags & TCP_SYN) ? 1 : 0) + ((s->flags & TCP_FIN) ? 1 : 0);
}

/* How options are laid out: a matter of habit in which systems differ, so it is data (a profile's). */
struct tcp_option_layout {
    uint8_t order[7]; /* enum tcp_option_kind, 0 ends it. Options not named are not written; ACCECN0 stands for both. */
    /* false: NOPs before an option, so that it (SACK_OK and TS as one where they follow each other) ends on a 4-byte
     * boundary; those of FASTOPEN and ACCECN follow it, and ACCECN stands before a SACK_OK that is alone (Linux). true:
     * NOPs only so that WSCALE begins at 1, TS and SACK at 2 modulo 4; the end is filled with EOL and zeros (FreeBSD).
     */
    bool eol_padding;
};

/* In pieces small enough that a compiler stores them with a few vectors; all at once it may call for a slower loop. */
static inline void tcp_options_clear(struct tcp_options *o) {
    memset(o, 0, offsetof(struct tcp_options, sack));
    memset(o->sack, 0, sizeof o->sack);
    o->fastopen_len = 0;
    o->fastopen_exp = false;
    memset(o->fastopen, 0, sizeof o->fastopen);
}

/* Parses a whole segment (the checksum is not verified here). False when the header or an option is malformed: a length
 * of 0 or 1, or beyond the header. Unknown options are skipped; of repeated ones the last counts. */
bool tcp_parse(const uint8_t *data, size_t len, struct tcp_seg *s);
/* Sum over pseudo-header and segment; true when right. */
bool tcp_csum_ok(const uint8_t *data, size_t len, const struct la_addr *src, const struct la_addr *dst);
/* Bytes that the options will occupy, padding included (a multiple of 4, at most TCP_OPTIONS_MAX). SACK blocks that do
 * not fit are left out, counted from the end. */
size_t tcp_options_len(const struct tcp_options *o, const struct tcp_option_layout *layout);
/* Writes header and options, checksum 0; returns the header's length, 0 where there is no room. s->data is ignored. */
size_t tcp_build(struct writer *w, const struct tcp_seg *s, const struct tcp_option_layout *layout);

#endif
