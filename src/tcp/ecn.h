/* Explicit congestion notification: RFC 3168 (ecn.c) and Accurate ECN, RFC 9768 (accecn.c), and how the other files of
 * tcp/ reach them. */
#ifndef TCP_ECN_H
#define TCP_ECN_H

#include <lastack/types.h>

#include "base/seq.h"
#include "wire/tcp.h"

struct tcp_acked;
struct tcp_conn;
struct tcp_in;
struct tcp_params;
struct tcp_plan;

/* The two low bits of an IP header's TOS (RFC 3168, 5). */
enum ecn_codepoint { ECN_NOT_ECT, ECN_ECT1, ECN_ECT0, ECN_CE };
#define ECN_BITS 3u

/* The three flags of a SYN or SYN+ACK that negotiate; later, with Accurate ECN, the ACE field. */
#define ECN_FLAGS (TCP_AE | TCP_CWR | TCP_ECE)

/* What the two ends agreed on: Linux's numbers in tcpi_ecn_mode. */
enum ecn_mode {
    ECN_MODE_NONE,
    ECN_MODE_CLASSIC,  /* RFC 3168. */
    ECN_MODE_ACCURATE, /* RFC 9768. */
    ECN_MODE_PENDING,  /* Our SYN asked for it. */
};

/* What does not work, whatever was agreed on: tcpi_accecn_fail_mode. */
enum accecn_failed {
    ACCECN_NO_ECT = 1,         /* What we send is not ECN-capable any more. */
    ACCECN_DEAF = 2,           /* What the peer says of marks is not believed. */
    ACCECN_NO_OPTIONS_OUT = 4, /* Our options seem to be in the way. */
    ACCECN_NO_OPTIONS_IN = 8,  /* The peer's do not arrive. */
};

/* tcpi_accecn_opt_seen. */
enum accecn_seen { ACCECN_SEEN_NONE, ACCECN_SEEN_EMPTY, ACCECN_SEEN_COUNTERS };

/* The byte counters, by codepoint - 1. */
enum accecn_counter { ACCECN_E1B, ACCECN_E0B, ACCECN_CEB, ACCECN_COUNTERS };

/* One connection in the mode of Accurate ECN. Counters begin at 0 here; what they begin at on the wire (RFC
 * 9768, 3.2.1) is added there. */
struct tcp_accecn {
    /* As receiver of data: what came … */
    uint32_t received[ACCECN_COUNTERS]; /* bytes */
    uint32_t received_ce;               /* packets */
    uint32_t told_ce;                   /* received_ce, as our latest ACK tells. */
    uint32_t untold;                    /* Bytes counted since our latest option. */
    uint32_t told_at;                   /* … which went then, µs cut to 32 bits. */
    uint8_t changed, ever;              /* Counters that changed since then, and ever: 1 << accecn_counter. */
    uint8_t latest;                     /* The codepoint of the latest data. */
    uint8_t repeat;                     /* With the rules for few options: so many more go. */
    uint8_t reappeared;                 /* Data in a row that came again although an ACK with an option went. */
    uint8_t syn;                        /* The codepoint of the peer's latest SYN or SYN+ACK. */
    bool latest_ce;                     /* The latest packet was marked. */
    bool told_option;                   /* Our latest ACK had an option. */
    bool answer_due;                    /* Our ACK of a SYN+ACK tells its codepoint (3.2.2.1). */
    bool first_ack_due, first_data_due; /* An option goes with it in any case (3.2.3.2.1). */
    bool tested;                        /* First data went with an option … */
    seq tested_at;                      /* … here. */
    /* … and as sender: what the peer says came there. */
    uint32_t delivered[ACCECN_COUNTERS]; /* bytes; packets are in tcp_engine.delivered_ce. */
    uint32_t unexplained;                /* Packets that were marked according to ACE since the peer's latest option. */
    uint32_t stamp;                      /* The timestamp, and … */
    seq at;                              /* … the sequence number, of the latest feedback. */
    uint8_t seen, failed;                /* enum accecn_seen, enum accecn_failed */
    uint8_t marked_rounds;               /* From the beginning, in which everything was marked. */
    bool awaiting;                       /* The ACK of our SYN+ACK, which tells the codepoint. */
    bool heard;                          /* An ACE counter came. */
    bool marking;                        /* The latest feedback told of marks. */
    bool mangled_options;                /* They began with zeros (3.2.3.2.4). */
};

/* --- ecn.c --- */

/* What a listener answers to a SYN. */
enum ecn_mode tcp_ecn_answer(const struct tcp_params *params, uint16_t flags);
/* What the peer's SYN or SYN+ACK, in SYN_SENT, means for ECN. */
void tcp_ecn_agree(struct tcp_conn *c, const struct tcp_in *in);
/* The flags, and the bits of the IP header, that ECN adds to a planned segment. */
uint16_t tcp_ecn_flags(struct tcp_conn *c, const struct tcp_plan *plan);
uint8_t tcp_ecn_codepoint(const struct tcp_conn *c, const struct tcp_plan *plan);
void tcp_ecn_sent(struct tcp_conn *c, const struct tcp_plan *plan);
/* The congestion window was reduced: the peer is told, and the same window of data does not count again. */
void tcp_ecn_reduced(struct tcp_conn *c);
void tcp_ecn_input(struct tcp_conn *c, const struct tcp_in *in);
/* Whether the ACK, whose segments are off the records, tells of congestion that counts: not yet answered by a
 * reduction. */
bool tcp_ecn_echoed(struct tcp_conn *c, const struct tcp_in *in, struct tcp_acked *a);
enum ecn_mode tcp_ecn_mode(const struct tcp_conn *c);

/* --- accecn.c: for connections whose `accecn` is not NULL, but where it says otherwise --- */

/* Enters the mode, with the codepoint of the peer's SYN or SYN+ACK. False: there is no memory; the peer understands
 * (RFC 9768, 3.2.2.1, note 1). */
bool tcp_accecn_begin(struct tcp_conn *c, uint8_t codepoint);
/* `c` may be without. */
void tcp_accecn_free(struct tcp_conn *c);
/* The flags of a SYN+ACK, or of its ACK, that tell the codepoint of what they answer (tables 2 and 3). */
uint16_t tcp_accecn_handshake(uint8_t codepoint);
/* What the client learns from the SYN+ACK, when its connection is established. `c` may be without. */
void tcp_accecn_opened(struct tcp_conn *c, const struct tcp_in *in);
/* A SYN in SYN_RCVD, or a SYN+ACK later, is there once more. `c` may be without. */
void tcp_accecn_again(struct tcp_conn *c, const struct tcp_in *in);
uint16_t tcp_accecn_flags(struct tcp_conn *c, const struct tcp_plan *plan);
/* Whether a bare ACK has to go before anything else. `c` may be without. */
bool tcp_accecn_answers(const struct tcp_conn *c);
/* Adds the option where it is due and fits behind the options that are there, with room for `blocks` of SACK. `c` may
 * be without. */
void tcp_accecn_option(struct tcp_conn *c, const struct tcp_plan *plan, unsigned blocks, struct tcp_options *o);
/* The option of a SYN+ACK, or of what goes first: all counters as they begin. */
void tcp_accecn_first_option(struct tcp_options *o);
void tcp_accecn_sent(struct tcp_conn *c, const struct tcp_plan *plan);
void tcp_accecn_input(struct tcp_conn *c, const struct tcp_in *in);
/* Data that was acknowledged came again. `c` may be without. */
void tcp_accecn_reappeared(struct tcp_conn *c);
/* How many packets the ACK says were marked: those that count. */
uint32_t tcp_accecn_feedback(struct tcp_conn *c, const struct tcp_in *in, const struct tcp_acked *a);

#endif
