/* Connections that are no connection objects: a listener's queues, embryonic connections (SYN_RCVD), and the records of
 * TIME_WAIT and of orphans in FIN_WAIT_2. Part of conn.h. */
#ifndef TCP_PASSIVE_H
#define TCP_PASSIVE_H

#include "tcp/conn.h"

/* listen.c: listeners and the accept queue. */
struct tcp_listener {
    uint32_t backlog;
    uint32_t first, last, queued; /* The accept queue, through bind_next and bind_prev. */
    struct list embryos;          /* Oldest first. */
    uint32_t nembryos;
    uint32_t refused;            /* Segments dropped because the accept queue was full. */
    la_time cookie_at;           /* When the last SYN cookie was sent. */
    bool cookies;                /* Whether one ever was. */
    uint32_t fastopen_pending;   /* Children in SYN_RCVD. */
    uint32_t fastopen_resets[2]; /* Children that were reset in SYN_RCVD, in this span and in the one before. */
    uint64_t fastopen_span;      /* Number of the latest span. */
};
int tcp_listen_open(struct tcp_conn *c, int backlog);
void tcp_listen_close(struct tcp_conn *c);
void tcp_listen_input(struct tcp_conn *listener, struct tcp_in *in, const struct iss_floor *floor);
bool tcp_accept_full(const struct tcp_conn *listener);
/* A segment is not taken because the accept queue is full. */
void tcp_accept_refuse(struct tcp_conn *listener);
void tcp_accept_put(struct tcp_conn *listener, struct tcp_conn *c);
struct tcp_conn *tcp_accept_take(struct tcp_conn *listener);

/* syncache.c: embryonic connections, from SYN to the third segment. */
struct embryo {
    struct tcp_key key;
    uint32_t chain; /* Of the table. */
    uint32_t index, listener;
    struct list link; /* In the listener's list. */
    struct wheel_node node;
    la_time at; /* When the SYN came. */
    seq iss, irs;
    uint32_t ts_recent;
    uint16_t peer_mss, mss; /* As offered by each side. */
    uint16_t wnd;           /* Advertised in the SYN+ACK. */
    uint16_t peer_wnd;      /* In the peer's SYN. */
    uint16_t zone;
    uint8_t snd_wscale, rcv_wscale;
    uint8_t retries;
    uint8_t tos, ttl;
    bool wscale_on, ts_on, sack_on;
    uint8_t ecn;                   /* enum ecn_mode */
    uint8_t ecn_syn;               /* The codepoint of the latest SYN. */
    bool ecn_plain;                /* Some SYN was without ECN. */
    bool ecn_again;                /* A SYN came again. */
    bool cookie_asked, cookie_exp; /* The SYN+ACK brings a Fast Open cookie, in the form of the experiment. */
    bool acked;                    /* The third segment has come, and TCP_DEFER_ACCEPT waits for data. */
};
void tcp_syncache_init(struct tcp *tcp);
void tcp_syncache_free(struct tcp *tcp);
void tcp_embryo_new(struct tcp_conn *listener, struct tcp_in *in, const struct iss_floor *floor);
bool tcp_embryo_input(struct tcp *tcp, struct tcp_in *in);
void tcp_embryo_fire(struct tcp *tcp, struct wheel_node *node);
/* Ends one embryonic connection with an RST. False: there is none. */
bool tcp_embryo_abort(struct tcp *tcp, const struct tcp_key *key);
void tcp_embryo_drop_all(struct tcp *tcp, struct tcp_listener *l);
bool tcp_embryo_error(struct tcp *tcp, const struct tcp_key *key, const struct ip_error *e);
/* The third segment has come: the connection, in the accept queue. */
void tcp_embryo_complete(struct tcp_conn *listener, const struct embryo *e, struct tcp_in *in);
void tcp_embryo_fill(const struct tcp *tcp, const struct embryo *e, struct la_conn_info *info);

/* cookie.c: the embryonic connection in the ISN (RFC 4987, 3.6). */
seq tcp_cookie_make(const struct tcp *tcp, const struct tcp_key *key, seq irs, uint16_t peer_mss);
/* False: the ACK answers no cookie of ours. */
bool tcp_cookie_check(const struct tcp *tcp, const struct tcp_key *key, seq irs, seq iss, uint16_t *peer_mss);

/* timewait.c: records of TIME_WAIT and of orphans in FIN_WAIT_2. */
enum tw_answer { TW_NOT_FOUND, TW_DONE, TW_NEW_SYN };
void tcp_timewait_init(struct tcp *tcp);
void tcp_timewait_free(struct tcp *tcp);
/* Makes a record of a connection in TIME_WAIT, or of an orphan in FIN_WAIT_2. What the owner has not read stays with
 * the object; without an owner it is freed. */
void tcp_timewait_enter(struct tcp_conn *c);
/* TW_NEW_SYN: the record has given way to a SYN, whose ISN must respect the floor. */
enum tw_answer tcp_timewait_input(struct tcp *tcp, struct tcp_in *in, struct iss_floor *floor);
void tcp_timewait_fire(struct tcp *tcp);
/* Ends the record: in TIME_WAIT without a word, in FIN_WAIT_2 with an RST. False: there is none. */
bool tcp_timewait_abort(struct tcp *tcp, const struct tcp_key *key);
bool tcp_timewait_has(const struct tcp *tcp, const struct tcp_key *key);
/* connect() wants the tuple of a record (C31). True: the record has given way. */
bool tcp_timewait_reuse(struct tcp *tcp, const struct tcp_key *key, struct iss_floor *floor);

#endif
