/* TCP Fast Open (RFC 7413): what a stack keeps for it, and how the other files of tcp/ reach it. Theory: fastopen.c. */
#ifndef TCP_FASTOPEN_H
#define TCP_FASTOPEN_H

#include <lastack/types.h>

#include "base/list.h"
#include "base/pool.h"
#include "base/seq.h"
#include "base/siphash.h"
#include "base/table.h"
#include "wire/tcp.h"

struct tcp;
struct tcp_conn;
struct tcp_in;
struct tcp_key;

/* The bits of net.ipv4.tcp_fastopen, Linux's. */
enum fastopen_bits {
    FASTOPEN_CLIENT = 0x1,
    FASTOPEN_SERVER = 0x2,
    FASTOPEN_CLIENT_NO_COOKIE = 0x4,   /* Data goes with a SYN although no cookie is known. */
    FASTOPEN_SERVER_NO_COOKIE = 0x200, /* Data is taken from a SYN without cookie. */
    FASTOPEN_ALL_LISTENERS = 0x400,    /* Listeners need no LA_TCP_FASTOPEN. */
};

#define FASTOPEN_KEY_LEN 16
#define FASTOPEN_COOKIE_LEN 8 /* Of the cookies that we give. */

/* The first makes cookies, and all are accepted. */
struct fastopen_keys {
    struct siphash_key key[2];
    uint8_t count;
};

/* What a listener's options say. */
struct fastopen_own {
    uint32_t max;              /* LA_TCP_FASTOPEN: children in SYN_RCVD. */
    struct fastopen_keys keys; /* LA_TCP_FASTOPEN_KEY; count 0: the stack's. */
};

/* What is known of a peer, from its SYN+ACKs. A cookie is for both addresses. */
struct fastopen_peer {
    struct la_addr local, peer;
    uint32_t chain, index; /* Of the table; in the pool. */
    struct list link;      /* Least recently used first. */
    la_time learnt;        /* When the cookie came. */
    la_time closed_until;  /* No attempt before then. */
    uint16_t mss;          /* In its latest SYN+ACK. */
    uint8_t cookie_len;    /* 0: none is known. */
    bool cookie_exp;       /* It came, and goes, in the form of the experiment. */
    uint8_t asked;         /* Requests in vain: 0 none, 1 in the RFC's form, 2 in the experiment's too. */
    uint8_t losses;        /* In a row, of SYNs with data. */
    uint8_t cookie[TCP_COOKIE_MAX];
};

struct fastopen {
    struct fastopen_keys keys;
    struct pool peers;
    struct table by_addresses;
    struct list used; /* fastopen_peer.link */
};

/* fastopen.c: keys and cookies. */
void tcp_fastopen_init(struct tcp *tcp);
void tcp_fastopen_free(struct tcp *tcp);
/* 0, or -LA_EINVAL: neither 16 nor 32 bytes. */
int tcp_fastopen_keys_read(struct fastopen_keys *keys, const void *bytes, size_t len);
void tcp_fastopen_cookie(const struct siphash_key *key, const struct tcp_key *tuple, uint8_t to[FASTOPEN_COOKIE_LEN]);
/* Which of the keys a cookie was made with; -1: with none. */
int tcp_fastopen_cookie_check(const struct fastopen_keys *keys, const struct tcp_key *tuple, const uint8_t *cookie,
                              size_t len);
/* The settings have changed: what is remembered of peers follows. */
void tcp_fastopen_settings(struct tcp *tcp);

/* fastopen_peers.c: what is known of peers. */
struct fastopen_peer *tcp_fastopen_peer_find(const struct tcp *tcp, const struct tcp_key *tuple);
/* The same, made where there is none. NULL: none may be kept. */
struct fastopen_peer *tcp_fastopen_peer_get(struct tcp *tcp, const struct tcp_key *tuple);
/* The least recently used ones go until `most` are left. */
void tcp_fastopen_peers_trim(struct tcp *tcp, uint32_t most);

/* fastopen_client.c. */
/* connect() on a socket that wants Fast Open: whether the SYN waits for data. */
bool tcp_fastopen_defers(struct tcp_conn *c);
/* Whether tcp_fastopen_send takes data now, in SYN_SENT. */
bool tcp_fastopen_takes(const struct tcp_conn *c);
int64_t tcp_fastopen_send(struct tcp_conn *c, const void *data, size_t len);
/* A held back SYN goes, with the data there is. */
void tcp_fastopen_go(struct tcp_conn *c);
/* How many bytes the SYN that is about to go carries. */
uint32_t tcp_fastopen_syn_len(struct tcp_conn *c);
/* The option of our SYN, or of a child's SYN+ACK. */
void tcp_fastopen_option(const struct tcp_conn *c, struct tcp_options *o);
/* The SYN+ACK is here and its SYN is done with. What it says is remembered, and data that it acknowledges goes … */
void tcp_fastopen_answered(struct tcp_conn *c, const struct tcp_seg *synack);
/* … and the rest of the SYN's data is to be sent again. */
void tcp_fastopen_resend(struct tcp_conn *c);
/* Whether the data of our SYN ends here: a unit of its own, also when it is sent again. */
bool tcp_fastopen_ends(const struct tcp_conn *c, seq at);

/* fastopen_server.c. */
enum fastopen_answer {
    FASTOPEN_IGNORED, /* An ordinary SYN, or to be treated as one. */
    FASTOPEN_COOKIE,  /* The SYN+ACK brings a cookie. */
    FASTOPEN_CHILD,   /* The data is taken: a connection begins. */
};
enum fastopen_answer tcp_fastopen_judge(struct tcp_conn *listener, const struct tcp_in *in);
/* The cookie of a listener for a tuple, as an option. */
void tcp_fastopen_give(const struct tcp_conn *listener, const struct tcp_key *tuple, bool exp, struct tcp_options *o);
/* A connection has been made in SYN_RCVD for a SYN that was judged FASTOPEN_CHILD. */
void tcp_fastopen_born(struct tcp_conn *listener, struct tcp_conn *c, const struct tcp_in *in);
/* It leaves SYN_RCVD. */
void tcp_fastopen_left(struct tcp_conn *c, bool reset);
/* The peer's SYN once more: the SYN+ACK is due again. False: it is not that. */
bool tcp_fastopen_syn_again(struct tcp_conn *c, const struct tcp_seg *s);

/* fastopen_option.c: the socket options. */
bool tcp_fastopen_is_option(int name);
void tcp_fastopen_options_free(struct tcp_conn *c);
int tcp_fastopen_setsockopt(struct tcp_conn *c, int name, const void *value, size_t len);
int tcp_fastopen_getsockopt(const struct tcp_conn *c, int name, void *value, size_t *len);

#endif
