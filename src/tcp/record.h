/* The record of a TIME_WAIT or of an orphan in FIN_WAIT_2: what RFC 9293 and RFC 6191 need to know about it, no more.
 */
#ifndef TCP_RECORD_H
#define TCP_RECORD_H

#include "tcp/conn.h"

struct tw_record {
    struct tcp_key key;
    uint32_t chain;    /* Of the table. */
    uint32_t next;     /* In the slot's list. */
    uint32_t deadline; /* The tick at whose end it ends, 32 bits of it. */
    seq snd_nxt, rcv_nxt;
    uint32_t ts_recent;
    uint16_t wnd; /* As last advertised. */
    union {
        uint8_t linger2_s; /* FIN_WAIT_2: TCP_LINGER2, 0: the setting. */
        uint8_t from;      /* TIME_WAIT: the state before (enum la_state). */
    };
    uint8_t rcv_wscale : 4;
    uint8_t ts_on : 1;
    uint8_t fin_wait_2 : 1; /* Otherwise TIME_WAIT. */
    uint8_t over : 1;       /* Ended before its time: only its slot still knows it. */
};

void tcp_record_fill(const struct tcp *tcp, const struct tw_record *r, struct la_conn_info *info);

#endif
