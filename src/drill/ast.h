/* A script as data: what parse.c makes and run.c walks. Everything lies in the script's arena and dies with it. */
#ifndef DRILL_AST_H
#define DRILL_AST_H

#include <lastack/drill.h>

#include "arena.h"

/* --- Expressions: arguments and results of calls --- */

enum drill_expr_kind {
    DRILL_ELLIPSIS,    /* ... */
    DRILL_INTEGER,     /* 12, -1, 0x1f (64 bits; above INT64_MAX it is negative here) */
    DRILL_WORD,        /* SOL_SOCKET: a symbol */
    DRILL_STRING,      /* "…" or 'c'; escapes done. `text`, `len` */
    DRILL_STRING_MORE, /* "…"... : a string that may go on */
    DRILL_OR,          /* item[0] | item[1] */
    DRILL_SHIFT_LEFT,  /* item[0] << item[1] */
    DRILL_ASSIGN,      /* WORD = item[0] (nplab's named fields outside of a struct) */
    DRILL_CALL,   /* htons(8080), htonl(…), inet_addr("1.2.3.4"), inet6_addr("…"), msg_name(...): text(item…) */
    DRILL_LIST,   /* [ item, … ] */
    DRILL_STRUCT, /* { name = item, … }: every item is a DRILL_FIELD, or positional */
    DRILL_FIELD,  /* name(args)=value or name=value: `text`, item[0] the value, item[1…] the arguments */
};

struct drill_expr {
    enum drill_expr_kind kind;
    unsigned line, column;
    int64_t integer;
    bool hex;
    const char *text; /* Word, string, call or field name; NUL-terminated as well. */
    size_t len;
    unsigned nitems;
    struct drill_expr **item;
};

struct drill_call {
    const char *name;
    unsigned nargs;
    struct drill_expr **arg;
    struct drill_expr *result;
    const char *error; /* "EINPROGRESS"; NULL: none was named. */
    const char *note;  /* The words in parentheses behind; for flags of fcntl too. NULL: none. */
    bool blocking;     /* t...T call: it ends at `end_us`. */
    int64_t end_us;    /* In the same sense (absolute, relative) as the event's time. */
};

/* --- Packets --- */

enum drill_proto { DRILL_TCP, DRILL_UDP, DRILL_UDPLITE, DRILL_ICMP };

enum drill_tos_check {
    DRILL_TOS_NONE,  /* Nothing said: an outbound packet's is not compared; an inbound one has 0. */
    DRILL_TOS_ECN,   /* [ect0], [noecn] …: the two low bits. */
    DRILL_TOS_ECT01, /* [ect01]: ect0 or ect1. */
    DRILL_TOS_ALL,   /* (tos 0x10), (class …): all eight. */
};

struct drill_ip_info {
    enum drill_tos_check tos_check;
    uint8_t tos;
    int ttl;           /* -1: not said. */
    int64_t flowlabel; /* -1: not said. */
};

enum drill_option_kind {
    DRILL_OPT_EOL,
    DRILL_OPT_NOP,
    DRILL_OPT_MSS,    /* value */
    DRILL_OPT_WSCALE, /* value */
    DRILL_OPT_SACKOK,
    DRILL_OPT_SACK,    /* nblocks, block */
    DRILL_OPT_TS,      /* value, ecr */
    DRILL_OPT_MD5,     /* bytes (none: 16 zeros) */
    DRILL_OPT_FO,      /* bytes: the cookie, may be empty */
    DRILL_OPT_FOEXP,   /* bytes: the cookie */
    DRILL_OPT_ECN,     /* AccECN: kind 172 or 174, `bytes` is the whole value; `value` the kind */
    DRILL_OPT_GENERIC, /* nplab's: kind in value, bytes */
};

struct drill_sack_block {
    uint32_t from, to;
};

struct drill_tcp_option {
    enum drill_option_kind kind;
    uint32_t value, ecr;
    bool value_any, ecr_any; /* TS val ... ecr ... where a grammar allows it. */
    bool ecr_absolute;       /* TS … ecr 7! : the number itself, not mapped. */
    unsigned nblocks;
    struct drill_sack_block block[4];
    unsigned nbytes;
    uint8_t bytes[40];
};

#define DRILL_OPTIONS 40

struct drill_icmp {
    uint8_t type, code; /* Of the IP version that the script runs under. */
    bool ip6;           /* Which that is; for the names. */
    bool has_mtu, has_id;
    uint32_t mtu;
    uint16_t id;
    enum { DRILL_ECHO_NONE, DRILL_ECHO_TCP, DRILL_ECHO_UDP, DRILL_ECHO_UDPLITE, DRILL_ECHO_RAW } echo;
    uint32_t echo_seq; /* DRILL_ECHO_TCP */
    uint32_t echo_len; /* Bytes of payload it says it had. */
};

struct drill_packet {
    bool inbound;
    enum drill_proto proto;
    struct drill_ip_info ip;
    const char *layer; /* "gre", "mpls", "ipip", "psp": another layer around it, which no target here has; or NULL. */
    int src_port, dst_port; /* -1: not said. */
    bool udp_encaps;        /* …/udp(a > b) */
    uint16_t udp_src_port, udp_dst_port;
    /* TCP. */
    uint16_t flags; /* enum la_seg_flags, AE included. */
    bool ace;       /* The flags word gave the three ACE bits as a number (A0 … A7): they are in flags. */
    uint32_t seq, seq_end;
    uint32_t len;      /* TCP payload, UDP payload. */
    bool seq_any;      /* ...(0): the sequence number is not compared. */
    bool seq_absolute; /* seq! : it is not relative to the ISN. */
    bool has_ack, ack_absolute, ack_any;
    uint32_t ack;
    bool has_window;
    uint16_t window;
    uint16_t urgent;
    bool options_any; /* <...> */
    unsigned noptions;
    struct drill_tcp_option option[DRILL_OPTIONS];
    uint16_t checksum_coverage; /* UDP-Lite; 0 as on the wire. */
    struct drill_icmp icmp;
};

/* --- Events --- */

enum drill_event_kind { DRILL_EVENT_PACKET, DRILL_EVENT_CALL, DRILL_EVENT_COMMAND, DRILL_EVENT_CODE };

enum drill_time_kind {
    DRILL_ABSOLUTE,       /* 0.1 */
    DRILL_RELATIVE,       /* +0.1 */
    DRILL_ANY_TIME,       /* * */
    DRILL_ABSOLUTE_RANGE, /* 0.1~0.2 */
    DRILL_RELATIVE_RANGE, /* +0.1~+0.2 */
};

struct drill_event {
    enum drill_event_kind kind;
    unsigned line, column;
    enum drill_time_kind time_kind;
    int64_t at_us, at_end_us; /* `at_end_us` for ranges. */
    union {
        struct drill_packet *packet;
        struct drill_call *call;
        const char *text; /* The command; the code. */
    };
    struct drill_event *next;
};

struct la_drill_script {
    struct drill_arena arena;
    struct la_drill_options options; /* Merged. */
    const char *init_command;        /* `…` before the first event, or NULL. */
    const char *cleanup_command;     /* `…` without time behind the last one, or NULL. */
    unsigned nevents;
    struct drill_event *events;
    const char *not_applicable; /* The script uses something (SCTP …) that parses but that nothing here runs. */
};

#endif
