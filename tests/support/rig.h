/* A rig for segment tests: one stack, one interface, a clock that the test moves, and the test itself as the peer.
 *
 *     bring(LA_ESTABLISHED, PASSIVE);
 *     rx(SEG(.seq = R(1), .ack = L(1), .flags = FIN | ACK));    a segment arrives
 *     tx(SEG(.seq = L(1), .ack = R(2), .flags = ACK));          exactly this one leaves next
 *     state(LA_CLOSE_WAIT);
 *
 * R(n) is the peer's initial sequence number plus n, L(n) the stack's, learned from its SYN. Everything goes through
 * the public interface alone. A mismatch prints what was expected, what was sent, the connection's history and the last
 * drops, all numbers relative.
 *
 * Data is never spelled out: byte k of a stream has a value made from k. What the stack sends and what its user reads
 * is compared with it, so every test is also a test of the data's integrity.
 *
 * Several conversations can be open at the same time: talk(n) chooses the one that rx, tx, state and the user's verbs
 * speak of. */
#ifndef SUPPORT_RIG_H
#define SUPPORT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lastack/info.h>
#include <lastack/segment.h>
#include <lastack/socket.h>
#include <lastack/stack.h>

enum { FIN = LA_FIN, SYN = LA_SYN, RST = LA_RST, PSH = LA_PSH, ACK = LA_ACK, URG = LA_URG };

/* One segment of a test. What is not given is zero and means: rx - the usual (window 65535, the options agreed on);
 * tx - any (window, options). PSH is compared only when given. */
struct seg {
    uint32_t seq, ack;
    uint16_t flags;
    uint32_t len; /* Payload bytes. */
    int32_t wnd;  /* As on the wire; WND0 is zero. */
    uint16_t mss;
    int8_t wscale; /* WS(n). */
    bool sack_ok;
    bool ts;    /* ts_val and ts_ecr are given. */
    bool no_ts; /* rx: no timestamp though agreed on. tx: none may be there. */
    uint32_t ts_val, ts_ecr;
    bool no_sack; /* tx: no SACK block may be there. */
    unsigned nsack;
    struct la_sack_block sack[4];
};

#define SEG(...) (&(const struct seg){__VA_ARGS__})
#define WND0 (-1)
#define WS(n) ((int8_t)((n) + 1))
#define R(n) rig_r(n)
#define L(n) rig_l(n)

/* One conversation with the peer. */
struct talk {
    bool used, passive, v6;
    uint16_t lport, rport;
    uint32_t irs, iss;
    bool iss_known;
    la_sock sock; /* The user's end; -1 when there is none. */
    /* What the peer offers in its SYN. Set before bring(). */
    uint16_t mss; /* 0: no option. */
    bool sack, ts;
    int wscale;       /* -1: no option. */
    uint32_t ts_val;  /* The peer's timestamp clock: what rx writes. */
    uint32_t ts_seen; /* The stack's latest: what rx echoes. */
    /* Learned from the wire. */
    uint32_t edge;   /* Right edge of the window that the stack has advertised. */
    uint16_t wnd;    /* As in the latest segment. */
    uint8_t scale;   /* The stack's shift, when both offered one. */
    uint64_t sent;   /* Bytes that the user has sent. */
    uint64_t read;   /* Bytes that the user has read. */
    uint32_t events; /* LA_EV_… collected. */
};

#define RIG_TALKS 64
#define RIG_QUEUE 1024

struct rig {
    struct la_stack *stack;
    la_time now;
    la_sock listener; /* -1: none yet. */
    struct talk talks[RIG_TALKS];
    struct talk *t;              /* The current one. */
    uint64_t dropped[LA_NDROPS]; /* As they were before the latest rx. */
    size_t allocated;            /* Bytes that the stack holds, by the allocator's count. */
};

extern struct rig rig;

/* Fixture: a fresh "linux" stack for every test. */
int rig_setup(void **unused);
int rig_teardown(void **unused);
#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

/* Begins again with a stack of this profile. */
void rig_restart(const char *profile);

/* The conversation number n, made when it is new: peer port 4000 + n. */
void talk(unsigned n);
/* The same tuple once more: a new initial sequence number of the peer, the stack's is learned again. */
void talk_again(uint32_t irs);

uint32_t rig_r(uint32_t n);
uint32_t rig_l(uint32_t n);

/* --- The wire --- */

#define rx(s) rig_rx(s)
#define tx(s) rig_tx(s, __FILE__, __LINE__)
#define tx_none() rig_tx_none(__FILE__, __LINE__)
void rig_rx(const struct seg *s);
void rig_tx(const struct seg *s, const char *file, int line);
void rig_tx_none(const char *file, int line);
/* Takes the next packet off, whatever it is; false when there is none. */
bool tx_any(struct la_segment *s);
/* Takes what may leave now into the queue. Everything below does so by itself. */
void rig_pump(void);
/* Throws away what was sent so far; returns how many packets it was. */
unsigned tx_skip(void);
/* Injects bytes as they are. */
void rx_raw(const void *packet, size_t len);
/* An ICMP (or ICMPv6) error from the peer's address that quotes a segment of ours with this sequence number. */
void rx_icmp(uint8_t type, uint8_t code, uint16_t mtu, uint32_t quoted_seq);

/* --- Time --- */

/* Moves the clock by so many milliseconds and ticks at every la_poll_at on the way. */
void advance(uint64_t ms);
/* Moves the clock until a packet leaves, `max` milliseconds at most; the time it took. Fails when none does. */
#define wait_tx(max) rig_wait_tx(max, __FILE__, __LINE__)
uint64_t rig_wait_tx(uint64_t max, const char *file, int line);
#define within(value, low, high) assert_in_range(value, low, high)

/* --- What became of it --- */

/* The connection's state; LA_CLOSED when nothing is known about it. */
enum la_state rig_state(void);
bool rig_info(struct la_conn_info *info);
#define state(s) rig_check_state(s, __FILE__, __LINE__)
void rig_check_state(enum la_state want, const char *file, int line);
/* The latest rx was counted as this drop (LA_D_NONE: as none). */
#define drop(d) rig_check_drop(d, __FILE__, __LINE__)
void rig_check_drop(enum la_drop want, const char *file, int line);
/* The drops since the latest rx, as text. */
const char *rig_drops_text(void);
/* Prints what is known of the current conversation. */
void rig_explain(void);
/* The events that have come for the current socket since the last call. */
uint32_t events(void);

/* --- The user of the current conversation --- */

la_sock u_socket(void);
void u_listen(int backlog);
void u_connect(void); /* Expects -LA_EINPROGRESS. */
void u_accept(void);  /* Expects one. */
int64_t u_send(size_t len);
int64_t u_recv(size_t len); /* Compares what it reads. */
int u_shutdown(int how);
int u_close(void);
int u_abort(void);
void u_set(int level, int name, int value);
void u_linger(int seconds);
int u_error(void); /* SO_ERROR. */
/* A setting of the stack; fails when it is refused. */
void setting(const char *name, int64_t value);

/* Byte k of every stream. */
static inline uint8_t rig_pattern(uint64_t k) { return (uint8_t)(k * 31 + k / 251 + 7); }

struct la_endpoint rig_local(void); /* Address of the stack, port of the conversation. */
struct la_endpoint rig_peer(void);

/* Brings the current conversation into a state by segments alone, ACTIVE (connect) or PASSIVE (listen and accept), with
 * a round trip of 10 ms. ORPHAN closes where the user would otherwise shut down. Nothing is left to send. */
enum { ACTIVE = 0, PASSIVE = 1, ORPHAN = 2 };
void bring(enum la_state to, unsigned how);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
