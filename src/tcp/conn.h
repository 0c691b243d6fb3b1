/* What a connection is: its variables under their RFC names, and the functions through which the files of tcp/ work on
 * it.
 *
 * A connection object exists for a socket in any state and for an orphan that still has something to send. An embryonic
 * connection (listen.c), TIME_WAIT and an orphan in FIN_WAIT_2 (timewait.c) are records in tables of their own. */
#ifndef TCP_CONN_H
#define TCP_CONN_H

#include <lastack/tcp_info.h>

#include "base/buffer.h"
#include "base/event.h"
#include "base/pool.h"
#include "base/ranges.h"
#include "base/seq.h"
#include "base/table.h"
#include "base/wheel.h"
#include "tcp/ecn.h"
#include "tcp/engine.h"
#include "tcp/mtu.h"
#include "tcp/tcp.h"
#include "wire/tcp.h"

/* Why output is wanted. Input and timers mark; output.c sends. */
enum tcp_marks {
    MARK_ACK = 1,        /* Send an ACK now, with data if there is any. */
    MARK_SEND = 2,       /* Look whether data, SYN or FIN may go. */
    MARK_TLP = 4,        /* Send a tail loss probe, whatever cwnd says (RFC 8985, 7.3). */
    MARK_PROBE = 8,      /* Send one byte into a zero window. */
    MARK_KEEPALIVE = 16, /* Send a keepalive probe. */
    MARK_CHALLENGE = 32, /* The ACK is a challenge (RFC 5961): nothing goes with it. */
};

/* The kinds of wheel nodes in tcp/. 0 is the IP layer's. */
enum tcp_wheel_kind { WHEEL_CONN = 1, WHEEL_EMBRYO, WHEEL_TIMEWAIT };

/* Facts about a connection that stay once true. */
struct tcp_flags_conn {
    unsigned owned : 1;       /* A handle exists. */
    unsigned orphan : 1;      /* The owner has closed it; it goes on alone. */
    unsigned hashed : 1;      /* In the table of tuples. */
    unsigned v6 : 1;          /* An AF_INET6 socket. */
    unsigned bound : 1;       /* Has a local port. */
    unsigned bind_called : 1; /* In its port's chain: bind(), or listen() without it. */
    unsigned port_strict : 1; /* Counted as a user of its port that does not share. */
    unsigned fin_queued : 1;  /* FIN follows snd_end. */
    unsigned fin_received : 1;
    unsigned fin_seen : 1; /* A FIN beyond a gap is known: at fin_seq. */
    unsigned read_shut : 1;
    unsigned eof_read : 1;
    unsigned connect_done : 1; /* connect() has yet to report success once. */
    unsigned passive : 1;      /* Came from a listener. */
    unsigned queued : 1;       /* In its listener's accept queue. */
    unsigned lingering : 1;    /* la_close waits for the peer's ACK. */
    unsigned released : 1;     /* The handle dies with the LA_EV_CLOSED event. */
    unsigned ts_on : 1, sack_on : 1, wscale_on : 1;
    unsigned noopt : 1;        /* TCP_NOOPT: no option is offered, and none taken. */
    unsigned ecn_asked : 1;    /* Our SYN asked for ECN (RFC 3168, 6.1.1), … */
    unsigned ecn_accurate : 1; /* … for Accurate ECN (RFC 9768, 3.1.1). */
    unsigned ecn_on : 1;       /* Both agree on RFC 3168. */
    unsigned ecn_echo : 1;     /* CE came: ACKs carry ECE until CWR comes. */
    unsigned ecn_reduced : 1;  /* The next new data carries CWR. */
    unsigned dsack : 1;        /* The next ACK reports [dsack_from, dsack_to) (RFC 2883). */
    unsigned more : 1;         /* The last send had MSG_MORE: its end is no end for PSH … */
    unsigned more_waits : 1;   /* … and until the peer acknowledges something, what does not fill a segment waits. */
    /* Options. */
    unsigned nodelay : 1, cork : 1, keepalive : 1, reuseaddr : 1, v6only : 1, linger_on : 1;
    unsigned rcvbuf_set : 1, sndbuf_set : 1;
    unsigned detached : 1;     /* TIME_WAIT is a record's; what is left here is the owner's to read. */
    unsigned full_blocked : 1; /* A send found no room. */
    unsigned room_owed : 1;    /* The socket was not writable: LA_EV_WRITABLE is owed. */
    unsigned pingpong : 1;     /* A conversation: ACKs wait for an answer to go with. */
    unsigned urg_in : 2;       /* enum urgent, of the byte before rcv_up. */
    unsigned urg_out : 1;      /* Segments before snd_up say so. */
    unsigned oobinline : 1;    /* SO_OOBINLINE. */
    /* Fast Open: options, … */
    unsigned fastopen_connect : 1, fastopen_queue : 1, fastopen_no_cookie : 1;
    unsigned fastopen : 1;       /* … connect() wants it, … */
    unsigned deferred : 1;       /* … the SYN waits for data, … */
    unsigned syn_option : 1;     /* … it had the option, … */
    unsigned syn_exp : 1;        /* … in the form of the experiment; */
    unsigned syn_data_taken : 1; /* a SYN's data, by the one that it went to; */
    unsigned fastopen_child : 1; /* made by a SYN, before the handshake was over; */
    unsigned synack_due : 1;     /* its SYN+ACK is to go again; */
    unsigned fastopen_renew : 1; /* its SYN+ACK brings a cookie of the key in use. */
};

struct tcp_listener;

/* Where the peer's urgent byte is (RFC 6093). */
enum urgent {
    URGENT_NONE,
    URGENT_COMING, /* The pointer is known, the byte is not there. */
    URGENT_THERE,
    URGENT_TAKEN, /* Read out of band; the mark stays until the stream has passed it. */
};

/* What the receive buffer grows by (recv_window.c). Times are µs, cut to 32 bits. */
struct tcp_tune {
    uint32_t rtt_us;    /* The round trip as the receiver sees it; 0: no sample yet. */
    uint32_t echoed;    /* The timestamp that gave the latest sample. */
    seq edge;           /* Without timestamps: what was offered … */
    uint32_t edge_at;   /* … then. */
    seq read_from;      /* What the user had read … */
    uint32_t read_at;   /* … when this measurement began. */
    uint32_t read_most; /* Read in one round trip at most. */
    bool edge_set;
};

/* What a connection keeps of its struct ip_path; the addresses are in its key. */
struct tcp_path {
    struct la_addr next_hop;
    uint32_t generation;
    uint16_t iface, mtu;
    struct ip_metrics metrics;
};

/* A la_move in 12 bytes. */
struct tcp_move {
    uint32_t at[2]; /* High and low half of the time. */
    uint8_t from, to, cause, what;
};

/* What a sender's time goes to (chrono.c). */
enum tcp_limit { LIMIT_NONE, LIMIT_BUSY, LIMIT_RWND, LIMIT_SNDBUF, LIMITS };

struct tcp_chrono {
    la_time since;             /* When `limit` began. */
    la_time spent[LIMITS - 1]; /* From LIMIT_BUSY on. */
    uint8_t limit;             /* enum tcp_limit */
};

/* Counts that only TCP_INFO tells. Times are of tcp_clock_ms. */
struct tcp_tally {
    uint64_t bytes_sent, bytes_again; /* Payload; of it, what was sent once more. */
    uint32_t data_segs_in, data_segs_out;
    uint32_t out_of_order; /* Segments. */
    uint32_t timeouts;
    uint32_t opened_at, data_sent_at, ack_at;
};

/* The timers that a connection object can run; the others belong to records. */
#define TCP_CONN_TIMERS LA_TIMER_FIN_WAIT_2

struct tcp_conn {
    /* What every segment touches lies together, in the first lines of the cache: who it is … */
    struct tcp_key key;
    uint32_t chain; /* Of the tuple table. */
    struct tcp *tcp;
    uint8_t state; /* enum la_state; only tcp_set_state writes it. */
    uint8_t marks; /* enum tcp_marks */
    uint8_t snd_wscale, rcv_wscale;
    uint8_t probes;       /* Unanswered keepalive or window probes. */
    uint8_t backoff;      /* Of the retransmission or persist timer. */
    uint8_t dupacks_owed; /* Segments beyond the gap that no ACK has answered yet. */
    struct tcp_flags_conn is;
    /* … the send sequence space (RFC 9293, 3.3.1) … */
    seq snd_una, snd_nxt;
    seq snd_max; /* Highest ever sent + 1: beyond snd_nxt while a window probe is out. */
    seq snd_end; /* Behind the last byte the user gave. */
    seq snd_wl1, snd_wl2;
    uint32_t snd_wnd; /* Bytes. */
    uint32_t max_snd_wnd;
    /* … the receive sequence space … */
    seq rcv_nxt;
    seq rcv_adv;  /* Right edge ever advertised: never moves left. */
    seq rcv_read; /* Next byte for the user. */
    seq last_ack_sent;
    /* … and when (RFC 7323, 4.3). */
    uint32_t ts_recent;
    uint32_t ts_recent_at; /* tcp_clock_ms when it was set. */
    uint32_t heard_at;     /* tcp_clock_ms of the latest segment from the peer. */
    uint32_t segs_in;

    /* Round trip and congestion. */
    struct tcp_engine eng;
    seq ecn_recover;                     /* One reduction for what was sent before it (RFC 3168, 6.1.2). */
    struct tcp_accecn *accecn;           /* NULL: Accurate ECN was not agreed on. */
    uint32_t srtt_us, rttvar_us, rto_us; /* srtt_us 0: no sample yet. */
    uint32_t mdev_us, mdev_max_us;       /* Linux's estimator: rttvar_us is the largest of a round trip. */
    seq rtt_seq;                         /* … which ends when this is acknowledged. */
    uint32_t ts_offset;
    la_time opened_at;        /* When the SYN or SYN+ACK went, for its round trip; LA_NEVER: it is ambiguous. */
    uint64_t max_pacing_rate; /* SO_MAX_PACING_RATE, bytes/s; 0: none. */
    uint32_t unacked_since;   /* When the peer last moved snd_una or all was acknowledged, tcp_clock_ms. */
    uint32_t data_at;         /* When its latest data came, tcp_clock_ms. */

    /* Timers: one wheel node for the earliest of them. */
    struct wheel_node node;
    la_time timer_at[TCP_CONN_TIMERS]; /* LA_NEVER: not armed. */

    /* Segments. */
    uint16_t mss;             /* Largest payload to send without options (RFC 6691). */
    uint16_t peer_mss;        /* As the peer said. */
    uint16_t user_mss;        /* TCP_MAXSEG, 0: none. */
    uint16_t zone;            /* The interface of a link-local peer + 1, or 0. */
    uint8_t unacked_segments; /* Segments with data received since the last ACK sent. */
    uint8_t quickacks;        /* Left. */
    uint8_t urg_byte;         /* URGENT_THERE: the urgent byte. */
    uint16_t ato_ms;          /* How long an ACK may wait, as the pauses between segments are; 0: not known. */
    uint8_t ttl, tos;         /* ttl 0: the default. */
    uint8_t soft_error;       /* What ICMP said last (RFC 5461), for the end by timeout. */
    uint8_t challenge_count;  /* In the second of … */
    uint32_t challenged_at;   /* … the latest challenge ACK, tcp_clock_ms. */
    uint32_t segs_out;

    /* Storage. */
    struct buffer snd;
    uint32_t sndbuf; /* Bound on snd_end - snd_una. */
    uint32_t burst;  /* Bytes of new data that have just gone in full segments without PSH … */
    uint32_t piece;  /* … of at most so many. */
    seq snd_small;   /* Behind the last segment sent that was not full (Nagle as of Minshall). */
    struct buffer rcv;
    struct ranges ooo; /* What is there beyond rcv_nxt. */
    struct ranges eor; /* Of what was given to send: last bytes of messages. */
    seq dsack_from, dsack_to;
    uint32_t rcvbuf;
    struct tcp_tune tune;
    seq iss, irs;
    seq snd_up, rcv_up; /* Behind the last urgent byte, where is.urg_out and is.urg_in say that there is one. */
    seq fin_seq;
    uint16_t syn_data; /* Bytes that our SYN carried. */
    union {
        struct fastopen_own *fastopen_own; /* What its options say, or NULL. */
        la_sock fastopen_listener;         /* Of a child: where it counts in SYN_RCVD. */
    };

    /* The way out, and to the owner. */
    struct list out; /* In the interface's list of connections with marks. */
    struct tcp_path path;
    struct tcp_mtu mtu;
    struct event_node event;
    int error; /* Pending, positive. */

    /* Options asked for. */
    uint32_t user_timeout_ms;
    uint16_t linger_s;
    int16_t linger2_s;                /* 0: the setting; negative: none. */
    uint16_t keepidle_s, keepintvl_s; /* 0: the setting. */
    uint8_t keepcnt;                  /* 0: the setting. */
    uint8_t syn_retries;              /* TCP_SYNCNT, 0: the setting. */
    uint16_t keepinit_s;              /* 0: the setting. */
    uint8_t defer_retries;            /* TCP_DEFER_ACCEPT, as repetitions of the SYN+ACK; 0: off. */
    uint32_t notsent_lowat;           /* 0: the setting. */
    uint32_t window_clamp;            /* Most that is advertised. 0: no bound. */
    uint32_t rcvlowat;                /* Unread bytes that make the socket readable, at least 1. */

    /* Ports and listeners. */
    uint32_t bind_next, bind_prev; /* Chain of the sockets bound to one port, or the listener's accept queue. */
    uint32_t listener;             /* Index of the listener it came from, or POOL_NONE. */
    struct tcp_listener *listen;   /* LISTEN only. */

    /* For people. */
    uint32_t moves, retransmits;
    uint64_t bytes_in, bytes_out;
    struct tcp_chrono chrono;
    struct tcp_tally tally;
    struct tcp_move history[LA_HISTORY]; /* A ring: move i at i % LA_HISTORY. */
};

/* A segment on its way through input. */
struct tcp_in {
    struct tcp_seg seg;
    const struct ip_datagram *datagram;
    struct tcp_key key; /* local: its destination. */
    uint32_t wnd;       /* Scaled, once the connection is known. */
    uint8_t what;       /* The flags as they came, for la_move.what. */
};

/* Where an ISN must lie beyond, because an earlier connection of the same tuple may still have segments in the network
 * (RFC 9293, 3.4.3; RFC 1122, 4.2.2.13). */
struct iss_floor {
    bool set;
    seq at;
};

/* What a step of input says to the next one. */
enum tcp_verdict {
    GO_ON, /* The segment goes to the next step. */
    STOP,  /* It is done with; the connection lives. */
    GONE,  /* The connection is no more: nobody may touch it. */
};

/* Milliseconds for timestamps and ages: the stack's time, cut to 32 bits. */
static inline uint32_t tcp_clock_ms(const struct tcp *tcp) { return (uint32_t)(tcp->env->now / LA_MS); }

/* conn.c */
struct tcp_conn *tcp_conn_new(struct tcp *tcp);
static inline uint32_t tcp_conn_index(const struct tcp_conn *c) { return (uint32_t)c->event.sock; }
static inline struct tcp_conn *tcp_conn_at(const struct tcp *tcp, uint32_t index) {
    return (struct tcp_conn *)pool_at(&tcp->conns, index);
}
void tcp_conn_free(struct tcp_conn *c);
void tcp_mark(struct tcp_conn *c, unsigned marks);
bool tcp_hash(struct tcp_conn *c);
void tcp_unhash(struct tcp_conn *c);
/* Ends the connection: CLOSED, buffers and timers gone. An owned socket stays for its owner with `error`; another is
 * freed. The caller must not touch `c` afterwards unless it knows that it is owned. */
void tcp_end(struct tcp_conn *c, int error, enum la_cause cause, uint8_t what);
/* The owner is gone: frees a CLOSED socket, otherwise lets the connection go on alone. */
void tcp_orphan(struct tcp_conn *c);
/* A lingering close is over: the owner is told, and the handle dies with that event. */
void tcp_linger_over(struct tcp_conn *c);
bool tcp_path_refresh(struct tcp_conn *c);
void tcp_check(const struct tcp_conn *c);
void tcp_drop(struct tcp_conn *c, enum la_drop drop);
/* Bytes in order that the user has not read. */
uint32_t tcp_unread(const struct tcp_conn *c);
bool tcp_fin_acked(const struct tcp_conn *c);
/* Whether the user may still give data. */
bool tcp_may_send(const struct tcp_conn *c);

/* The listener that fits best what has arrived on an interface, or NULL. */
struct tcp_conn *tcp_find_listener(const struct tcp *tcp, const struct tcp_key *key, uint16_t iface);

/* open.c: what an active and a passive open share. */
/* The largest payload, without options, that a packet of the path holds and TCP_MAXSEG (0: none) allows. */
uint16_t tcp_path_mss(const struct la_addr *peer, uint16_t mtu, uint16_t user_mss);
/* What our SYN offers: what the route says; or as the interface is, whatever the path beyond it may be (RFC 6691, 2;
 * RFC 1191, 3.1), or as the path is (mss_of_path). */
uint16_t tcp_own_mss(const struct tcp *tcp, const struct ip_path *path, uint16_t user_mss);
/* A connection's path as ip/ has it. */
struct ip_path tcp_full_path(const struct tcp_conn *c);
/* What the peer's SYN offers, or the default of its family. */
uint16_t tcp_offered_mss(const struct tcp *tcp, const struct la_addr *peer, const struct tcp_options *o);
/* The window field of a SYN, where it is never scaled; at most `limit`, unless that is 0. */
uint16_t tcp_syn_window(uint32_t rcvbuf, uint32_t limit);
/* That limit, in bytes, where the path has one. */
uint32_t tcp_syn_window_limit(const struct tcp *tcp, const struct ip_path *path, uint16_t user_mss);
void tcp_open_send(struct tcp_conn *c, seq iss);
/* The peer's SYN: its options against ours, its ISN, its window. */
void tcp_open_agree(struct tcp_conn *c, const struct tcp_seg *syn);
/* The connection is established: congestion window and keepalive begin. */
void tcp_open_done(struct tcp_conn *c);

/* state.c: the only place that changes a state. */
void tcp_set_state(struct tcp_conn *c, enum la_state state, enum la_cause cause, uint8_t what);
/* A new object takes over the state of a record, and the move that led to it. */
void tcp_state_inherit(struct tcp_conn *c, const struct la_move *move);
void tcp_trace_move(struct tcp *tcp, const struct tcp_key *key, la_sock sock, const struct la_move *move);

/* input.c: a segment arrives for a connection. */
void tcp_segment(struct tcp_conn *c, struct tcp_in *in);

/* demux.c */
struct tcp_conn *tcp_lookup(const struct tcp *tcp, const struct tcp_key *key);
uint64_t tcp_key_hash(const struct tcp *tcp, const struct tcp_key *key);
bool tcp_key_equal(const struct tcp_key *a, const struct tcp_key *b);

/* ports.c: who uses which local port. */
void tcp_ports_init(struct tcp *tcp);
void tcp_ports_free(struct tcp *tcp);
int tcp_port_bind(struct tcp_conn *c, const struct la_endpoint *local);
int tcp_port_listen_check(const struct tcp_conn *c);
int tcp_port_connect(struct tcp_conn *c, struct iss_floor *floor);
void tcp_port_join(struct tcp_conn *c); /* The listener's port, for an accepted connection. */
void tcp_port_leave(struct tcp_conn *c);
void tcp_port_count(struct tcp *tcp, uint16_t port, bool strict, int change);
struct tcp_conn *tcp_port_chain(const struct tcp *tcp, uint16_t port);
struct tcp_conn *tcp_port_chain_next(const struct tcp_conn *c);

/* isn.c */
uint64_t tcp_tuple_hash(const struct tcp *tcp, const struct tcp_key *key, uint8_t purpose);
seq tcp_isn(const struct tcp *tcp, const struct tcp_key *key, const struct iss_floor *floor);
uint32_t tcp_ts_offset(const struct tcp *tcp, const struct tcp_key *key);
uint64_t tcp_port_hash(const struct tcp *tcp, const struct tcp_key *key);

/* validate.c: RFC 9293 3.10.7.4 first to fourth, RFC 5961, RFC 7323 5. */
enum tcp_verdict tcp_validate_sequence(struct tcp_conn *c, struct tcp_in *in);
enum tcp_verdict tcp_validate_rst(struct tcp_conn *c, struct tcp_in *in);
enum tcp_verdict tcp_validate_syn(struct tcp_conn *c, struct tcp_in *in);
enum tcp_verdict tcp_validate_ack(struct tcp_conn *c, struct tcp_in *in);

/* ack.c */
enum tcp_verdict tcp_ack(struct tcp_conn *c, struct tcp_in *in);
void tcp_ack_syn(struct tcp_conn *c, seq ack);

/* recv.c */
enum tcp_verdict tcp_recv_data(struct tcp_conn *c, struct tcp_in *in);
enum tcp_verdict tcp_recv_fin(struct tcp_conn *c, struct tcp_in *in);
/* Data in a SYN that crosses ours is kept, unacknowledged, until the connection is established (RFC 9293, 3.10.7.3). */
void tcp_recv_early(struct tcp_conn *c, const struct tcp_seg *syn);
void tcp_recv_opened(struct tcp_conn *c);
/* Whether enough is there to tell the owner (SO_RCVLOWAT). */
bool tcp_recv_enough(const struct tcp_conn *c);

/* A segment brought [from, to) once more (RFC 2883). */
void tcp_recv_duplicate(struct tcp_conn *c, seq from, seq to);
/* The SACK blocks of the next ACK, at most `max` (TCP_SACK_MAX is the most). Returns how many. */
unsigned tcp_recv_blocks(const struct tcp_conn *c, struct range *out, unsigned max);

/* recv_window.c */
void tcp_recv_init(struct tcp_conn *c, seq irs);
uint8_t tcp_recv_wscale(const struct tcp_conn *c);
uint32_t tcp_recv_window(const struct tcp_conn *c);
/* Behind the last byte that is taken: what was promised or, by WINDOW_ALL, what fits. */
seq tcp_recv_edge(const struct tcp_conn *c);
/* The window field to send, and with it the promise that it is: rcv_adv. */
uint16_t tcp_recv_advertise(struct tcp_conn *c);
/* A segment in order says how long a round trip takes; before rcv_nxt moves. */
void tcp_recv_measure(struct tcp_conn *c, const struct tcp_seg *s);
void tcp_recv_consume(struct tcp_conn *c, uint32_t len);
void tcp_recv_discard(struct tcp_conn *c);

/* mem.c: all buffers of the stack against its marks. */
enum tcp_mem { MEM_PLENTY, MEM_PRESSED, MEM_FULL };
enum tcp_mem tcp_mem(struct tcp *tcp);
/* What is left of a connection's buffer size when memory is short. */
uint32_t tcp_mem_bound(const struct tcp_conn *c, uint32_t size);

/* eor.c: messages that end with LA_MSG_EOR. */
/* One ends at snd_end. */
void tcp_eor_mark(struct tcp_conn *c);
/* Of `len` bytes that wait from `at` on, those up to the first end. */
uint32_t tcp_eor_cut(const struct tcp_conn *c, seq at, uint32_t len);
/* Whether one ends at `end`. */
bool tcp_eor_ends(const struct tcp_conn *c, seq end);
/* SND.UNA has moved. */
void tcp_eor_acked(struct tcp_conn *c);

/* urgent.c */
/* A segment's urgent pointer, before the segment is trimmed; and its data, afterwards. */
void tcp_urgent_pointer(struct tcp_conn *c, const struct tcp_seg *s);
void tcp_urgent_data(struct tcp_conn *c, const struct tcp_seg *s);
/* rcv_read has moved. */
void tcp_urgent_passed(struct tcp_conn *c);
/* What can be read in one go: `len` bytes behind `skip` that are passed over. */
struct tcp_reading {
    uint32_t skip, len;
};
struct tcp_reading tcp_urgent_reading(const struct tcp_conn *c);
/* LA_MSG_OOB: 1, 0 or an error (see la_recv). */
int64_t tcp_urgent_recv(struct tcp_conn *c, void *data, size_t len, int flags);
/* The last byte before snd_end is urgent. */
void tcp_urgent_send(struct tcp_conn *c);
/* Flag and pointer of a segment to send. */
void tcp_urgent_put(struct tcp_conn *c, struct tcp_seg *s);

/* delack.c */
/* A segment with data has come; data_at is still that of the one before. */
void tcp_delack_arrival(struct tcp_conn *c);
/* Data in order, of so many segments, is to be acknowledged. */
void tcp_delack_data(struct tcp_conn *c, uint32_t segments);
void tcp_delack_sent(struct tcp_conn *c);
/* An ACK is due, and may wait. */
void tcp_delack_later(struct tcp_conn *c);
/* The next `n` segments are acknowledged at once, unless they are part of a conversation; n is cut to the setting. */
void tcp_delack_quick(struct tcp_conn *c, uint8_t n);
/* Data is sent. */
void tcp_delack_answer(struct tcp_conn *c, bool opening);
enum tcp_verdict tcp_delack_fire(struct tcp_conn *c);

/* send.c */
struct tcp_plan {
    seq seq;
    uint32_t len;
    uint16_t flags;
    bool silent;        /* A probe: sequence variables stay. */
    bool tlp;           /* A tail loss probe. */
    bool mtu_probe;     /* Larger than the MSS (RFC 4821). */
    struct sent *again; /* What is sent again, or NULL: the first of its records. */
    uint32_t unit;      /* Payload of each segment of a unit that the device cuts; 0: it is one segment. */
};
static inline uint32_t tcp_plan_segments(const struct tcp_plan *plan) {
    return plan->unit ? (plan->len + plan->unit - 1) / plan->unit : 1;
}
bool tcp_send_plan(struct tcp_conn *c, struct tcp_plan *plan);
seq tcp_send_bare_seq(const struct tcp_conn *c);
void tcp_send_sent(struct tcp_conn *c, const struct tcp_plan *plan);
/* Takes the MSS from the peer's offer, the path and TCP_MAXSEG. */
void tcp_send_mss_update(struct tcp_conn *c);
/* Whether there is something to send that never was, and the peer's window lets it go. */
bool tcp_send_has_new(const struct tcp_conn *c);

/* sndbuf.c */
uint32_t tcp_sndbuf(const struct tcp_conn *c);
/* Bytes that a send may give. */
uint32_t tcp_send_room(const struct tcp_conn *c);
/* Whether there is room worth telling of. */
bool tcp_writable(const struct tcp_conn *c);
/* A send has taken room; `enough`: all that it wanted. */
void tcp_room_taken(struct tcp_conn *c, bool enough);
/* Tells an owner who found too little room that there is some again. */
void tcp_room_event(struct tcp_conn *c);

/* chrono.c: data was queued, sent, acknowledged, or a window moved: who holds it up? */
void tcp_chrono(struct tcp_conn *c);
la_time tcp_chrono_spent(const struct tcp_conn *c, enum tcp_limit limit);

/* tcp_info.c */
void tcp_info_fill(const struct tcp_conn *c, struct la_tcp_info *info);
/* Before tcp_send_sent. */
void tcp_tally_sent(struct tcp_conn *c, const struct tcp_plan *plan);
void tcp_tally_received(struct tcp_conn *c, const struct tcp_seg *s);
void tcp_tally_opened(struct tcp_conn *c);

/* output.c: the only sender. */
struct tcp_reply {
    struct tcp_key key;
    seq seq, ack;
    uint16_t flags, wnd;
    uint8_t ttl, tos; /* ttl 0: the default. */
    uint16_t zone;
    struct tcp_options opt;
};
/* A segment that belongs to no connection object, sent now. */
void tcp_reply_send(struct tcp *tcp, const struct tcp_reply *r);
/* The zone (see la_endpoint) of an answer to a segment. */
uint16_t tcp_zone_of(const struct tcp_in *in);
/* RST for an arrived segment (RFC 9293, 3.5.2 and 3.10.7.1). */
void tcp_reply_rst(struct tcp *tcp, const struct tcp_in *in);
/* The same with a TTL (0: the default) and a TOS. */
void tcp_reply_rst_as(struct tcp *tcp, const struct tcp_in *in, uint8_t ttl, uint8_t tos);
/* RST or ACK of a connection, sent now, because the object is about to go. */
void tcp_reply_conn(struct tcp_conn *c, uint16_t flags);

/* rtt.c */
void tcp_rtt_init(struct tcp_conn *c);
void tcp_rtt_sample(struct tcp_conn *c, la_time rtt);
/* A round trip of `us`, for the least one of the last minutes. */
void tcp_rtt_note_min(struct tcp_conn *c, uint32_t us);
void tcp_rtt_keep_backoff(struct tcp_conn *c);
/* RFC 6298, 5.5: a timeout doubled `backoff` times, bounded; `measured`: it comes from a round trip. */
la_time tcp_rto_backed_off(const struct tcp *tcp, la_time rto, unsigned backoff, bool measured);

/* timer.c, persist.c, keepalive.c */
void tcp_timer_set(struct tcp_conn *c, enum la_timer timer, la_time at);
void tcp_timer_stop(struct tcp_conn *c, enum la_timer timer);
void tcp_timer_stop_all(struct tcp_conn *c);
/* The retransmission timer begins anew, or stops: something is acknowledged. */
void tcp_timer_rexmit(struct tcp_conn *c);
/* New data has gone; `first`: nothing was in flight. */
void tcp_timer_sent(struct tcp_conn *c, bool first);
/* The timer for something else than the timeout. */
void tcp_timer_rexmit_as(struct tcp_conn *c, enum rexmit_kind kind, la_time at);
/* The timeout again, counted from when the first segment in flight was sent. */
void tcp_timer_rto(struct tcp_conn *c);
la_time tcp_timer_rto_at(const struct tcp_conn *c);
void tcp_timer_fire(struct tcp_conn *c);
void tcp_timer_user(struct tcp_conn *c);
/* Nobody answers: the end, with the latest ICMP error if there was one. GONE. */
enum tcp_verdict tcp_timed_out(struct tcp_conn *c, enum la_timer timer);
void tcp_persist_start(struct tcp_conn *c);
enum tcp_verdict tcp_persist_fire(struct tcp_conn *c);
void tcp_keepalive_start(struct tcp_conn *c);
enum tcp_verdict tcp_keepalive_fire(struct tcp_conn *c);
void tcp_keepalive_heard(struct tcp_conn *c);
uint8_t tcp_retries_max(const struct tcp_conn *c);
/* Nobody owns it, and the peer has acknowledged nothing for as long as all retransmissions would take. */
bool tcp_orphan_overdue(const struct tcp_conn *c);

/* user.c: the socket behind a handle, or NULL. */
struct tcp_conn *tcp_conn_of(const struct tcp *tcp, la_sock sock);

#include "tcp/asked.h"
#include "tcp/passive.h"

#endif
