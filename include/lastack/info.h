/* Read-only views: every connection with its state, age, timers, queues and history; counters; named drops; the trace.
 * Reading changes nothing. */
#ifndef LASTACK_INFO_H
#define LASTACK_INFO_H

#include <lastack/types.h>

struct la_stack;

/* RFC 9293, 3.3.2. */
enum la_state {
    LA_CLOSED,
    LA_LISTEN,
    LA_SYN_SENT,
    LA_SYN_RCVD,
    LA_ESTABLISHED,
    LA_FIN_WAIT_1,
    LA_FIN_WAIT_2,
    LA_CLOSE_WAIT,
    LA_CLOSING,
    LA_LAST_ACK,
    LA_TIME_WAIT,
    LA_NSTATES,
};

/* "FIN_WAIT_1", … */
const char *la_state_name(enum la_state state);

/* The timers of a connection. */
enum la_timer {
    LA_TIMER_RETRANSMIT, /* RFC 6298: SYN, data or FIN unacknowledged. */
    LA_TIMER_PERSIST,    /* RFC 9293, 3.8.6.1: the peer's window is zero. */
    LA_TIMER_KEEPALIVE,  /* RFC 9293, 3.8.4. */
    LA_TIMER_DELACK,     /* RFC 9293, 3.8.6.3. */
    LA_TIMER_USER,       /* RFC 5482: nothing acknowledged for too long. */
    LA_TIMER_LINGER,     /* SO_LINGER {1,n}. */
    LA_TIMER_PACE,       /* Pacing lets the next segment go. */
    LA_TIMER_FIN_WAIT_2, /* Owner gone, waiting for the peer's FIN. */
    LA_TIMER_TIME_WAIT,  /* 2 MSL. */
    LA_NTIMERS,
};

const char *la_timer_name(enum la_timer timer);

/* Why a state changed. */
enum la_cause {
    LA_CAUSE_NONE,
    LA_CAUSE_CALL,    /* A user's call: `what` is a la_call. */
    LA_CAUSE_SEGMENT, /* A segment arrived: `what` holds its flags (FIN 1, SYN 2, RST 4, PSH 8, ACK 16). */
    LA_CAUSE_TIMER,   /* A timer fired: `what` is a la_timer. */
    LA_CAUSE_ICMP,    /* An ICMP error: `what` is the error number it means. */
    LA_CAUSE_STACK,   /* The stack's own decision (memory, limits): `what` is a la_drop. */
};

enum la_call {
    LA_CALL_LISTEN = 1,
    LA_CALL_CONNECT,
    LA_CALL_SHUTDOWN,
    LA_CALL_CLOSE,
    LA_CALL_ABORT,
};

/* One move. */
struct la_move {
    la_time at;
    uint8_t from, to; /* enum la_state */
    uint8_t cause;    /* enum la_cause */
    uint8_t what;     /* see la_cause */
};

/* "close()", "FIN+ACK arrived", "retransmit timer", … in `text`; returns its length. */
size_t la_cause_text(const struct la_move *move, char *text, size_t size);

#define LA_HISTORY 6

/* A connection as data. */
struct la_conn_info {
    uint64_t id;    /* Names this connection for its whole life, TIME_WAIT included; 0 where none is kept. */
    la_sock sock;   /* The owner's handle; -1 when nobody owns it. */
    uint64_t owner; /* la_owner_set's tag, the last owner's after close. */
    struct la_endpoint local, peer;
    enum la_state state;
    la_time since;              /* When it entered this state. */
    bool compact;               /* A record (TIME_WAIT, orphaned FIN_WAIT_2, SYN_RCVD), not a connection. */
    bool queued;                /* In its listener's accept queue: la_accept has not given it out yet. */
    bool read_shut, write_shut; /* shutdown() in that direction was called. */
    bool fin_received, fin_sent, fin_acked;
    bool eof_read;                /* The owner has seen end of file. */
    la_time timer_at[LA_NTIMERS]; /* LA_NEVER where not armed. */
    uint32_t recv_queue;          /* Bytes that the owner can read. For a listener: connections to accept. */
    uint32_t rcvbuf;              /* Bytes that the receive buffer may hold, as grown. */
    uint32_t send_queue;          /* Bytes the peer has not acknowledged. For a listener: the backlog. */
    uint32_t unsent;              /* Of those, bytes never sent. */
    uint32_t out_of_order;        /* Bytes received beyond a gap. */
    uint32_t snd_una, snd_nxt, snd_wnd, rcv_nxt, rcv_wnd, iss, irs;
    uint32_t cwnd, ssthresh, mss;       /* bytes */
    bool timestamps, sack, wscale, ecn; /* What both ends agreed on. */
    bool accecn;                        /* … and ecn is Accurate ECN (RFC 9768). */
    uint8_t snd_wscale, rcv_wscale;
    uint32_t delivered_ce; /* Segments that the peer got marked (CE), or that it acknowledged with ECE (RFC 3168). */
    uint32_t received_ce;  /* Marked packets from the peer, with Accurate ECN. */
    bool deferred;         /* In SYN_SENT, and the SYN waits for the first data (LA_TCP_FASTOPEN_CONNECT). */
    bool syn_data;         /* Data went with the SYN, ours or the peer's, and was taken. */
    bool fastopen_child;   /* Made by a SYN with a Fast Open cookie. */
    la_time data_at;       /* When the peer's latest data came; 0: none has. */
    la_time heard_at;      /* When its latest segment came, to the millisecond; 0: none has. */
    uint32_t path_mtu, own_mss;   /* Bytes of IP packet; the MSS that our SYN offered. */
    la_time srtt, rttvar, rto;    /* 0 before the first sample */
    la_time rcv_rtt;              /* The round trip as the receiver of data sees it; 0: no sample yet. */
    uint32_t retransmits;         /* Segments sent again, ever. */
    uint8_t backoff;              /* Consecutive timeouts of the current timer. */
    uint8_t probes;               /* Keepalive or window probes in a row that nobody answered. */
    uint64_t bytes_in, bytes_out; /* Delivered in order; acknowledged. */
    uint32_t segs_in, segs_out;
    uint32_t refused;  /* For a listener: segments dropped because its accept queue was full. */
    uint32_t memory;   /* Bytes of buffers held. */
    unsigned nhistory; /* The latest moves, oldest first. */
    struct la_move history[LA_HISTORY];
    uint32_t moves; /* How many there were in all. */
};

/* Walks all connections, listeners and records. Begin with *cursor = 0; false at the end. One that comes or goes during
 * the walk may or may not be seen; no other is skipped or repeated. */
bool la_conn_next(const struct la_stack *stack, uint64_t *cursor, struct la_conn_info *info);

/* One socket. 0, -LA_EBADF, -LA_EOPNOTSUPP (a datagram socket). */
int la_conn_info(const struct la_stack *stack, la_sock sock, struct la_conn_info *info);

/* The administrator's ABORT (BSD's tcpdrop): ends the connection, embryo or record between these two, whoever owns it.
 * The peer gets an RST unless it is in TIME_WAIT; the owner's calls fail with ECONNABORTED. 0, -LA_EFAULT or
 * -LA_ENOENT. */
int la_conn_abort(struct la_stack *stack, const struct la_endpoint *local, const struct la_endpoint *peer, la_time now);

/* How many are in each state, records included. */
void la_conn_count(const struct la_stack *stack, uint32_t count[LA_NSTATES]);

/* --- Counters and drops --- */

enum la_counter {
#define LA_COUNTER(id, name, help) LA_C_##id,
#include <lastack/counters.def>
#undef LA_COUNTER
    LA_NCOUNTERS,
};

enum la_drop {
#define LA_DROP(id, name, help) LA_D_##id,
#include <lastack/drops.def>
#undef LA_DROP
    LA_NDROPS,
};

uint64_t la_counter(const struct la_stack *stack, enum la_counter counter);
uint64_t la_dropped(const struct la_stack *stack, enum la_drop drop);
const char *la_counter_name(enum la_counter counter);
const char *la_counter_help(enum la_counter counter);
const char *la_drop_name(enum la_drop drop);
const char *la_drop_help(enum la_drop drop);

/* Bytes allocated and the most they may be. */
size_t la_memory_used(const struct la_stack *stack);
size_t la_memory_max(const struct la_stack *stack);

/* --- The trace: moves and drops of the whole stack, in order --- */

struct la_trace {
    uint64_t serial; /* 1, 2, … */
    la_time at;
    bool is_drop; /* Otherwise a move. */
    uint8_t drop; /* enum la_drop */
    struct la_move move;
    struct la_endpoint local, peer;
    la_sock sock;
};

/* The first entry after `serial` (0: from the beginning of what is kept). False when there is none. A gap in the
 * serials means that the ring has overwritten some. */
bool la_trace_next(const struct la_stack *stack, uint64_t serial, struct la_trace *trace);

/* --- The rules as data: the docs' pictures and the tests are made from these --- */

/* Whether RFC 9293 (with RFC 1122 and 6191) knows this move. */
bool la_move_legal(enum la_state from, enum la_state to);

/* A sentence for a legal move ("FIN arrives: ACK it"), NULL for another. */
const char *la_move_why(enum la_state from, enum la_state to);

/* Which timers may run in a state, as a bit mask of 1 << la_timer. */
unsigned la_state_timers(enum la_state state);

#endif
