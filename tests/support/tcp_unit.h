/* TCP on a bench, for tests of one source of tcp/ at a time: a connection in any state with known sequence numbers,
 * made without a packet; time by hand; what it would send, one segment at a time.
 *
 * A connection of tu_conn has ISS 1000 and IRS 5000, so its first byte is TU_SND(1) and its peer's TU_RCV(1). No option
 * was agreed on, the MSS is 1460, the peer's window 65535. */
#ifndef SUPPORT_TCP_UNIT_H
#define SUPPORT_TCP_UNIT_H

#include "unit.h"

#include "tcp/conn.h"

struct tcp_unit {
    struct oom *own; /* Memory, where no scenario brings its own. */
    struct env env;
    struct wheel wheel;
    struct ip *ip;
    struct list events;
    struct tcp tcp;
    uint8_t bytes[4096]; /* The latest segment out; tu_out's data points into it. */
};

#define TU_SND(n) seq_of(1000u + (n))
#define TU_RCV(n) seq_of(5000u + (n))
#define TU_PORT 80
#define TU_PEER_PORT 4000

/* A stack's TCP with 10.0.0.1/24 and fd00::1/64 on one interface without Ethernet, the profile "linux", 1000 s after
 * time began. tu_end proves that all memory came back. */
void tu_begin(struct tcp_unit *u);
void tu_end(struct tcp_unit *u);
/* The same for a scenario: false when memory was refused; tu_close all the same. */
bool tu_open(struct tcp_unit *u, struct oom *oom);
void tu_close(struct tcp_unit *u);

/* From 10.0.0.1 to 10.0.0.2. */
struct tcp_key tu_key(uint16_t local_port, uint16_t peer_port);
/* A connection with a handle, between TU_PORT and TU_PEER_PORT + n; NULL when memory was refused. In CLOSED and LISTEN
 * there is a socket only. */
struct tcp_conn *tu_try(struct tcp_unit *u, enum la_state state, uint16_t n);
struct tcp_conn *tu_conn(struct tcp_unit *u, enum la_state state);
/* Its sequence numbers moved to begin elsewhere: of CLOSED to ESTABLISHED, before any data. */
void tu_move(struct tcp_conn *c, seq iss, seq irs);
/* A listener on 10.0.0.1 and this port. */
struct tcp_conn *tu_listener(struct tcp_unit *u, uint16_t port, int backlog);
/* The user gives bytes (byte k is k modulo 251, from 0 for each call). */
void tu_give(struct tcp_conn *c, uint32_t len);
/* So many bytes count as sent and unacknowledged, without any storage: for arithmetic only. */
void tu_flight(struct tcp_conn *c, uint32_t len);

/* A segment as the steps of input get it, for this connection, with an ACK of snd_una and the window it has. */
struct tcp_in tu_in(const struct tcp_conn *c, seq at, uint16_t flags, uint32_t len);
/* The same from the wire: for a listener's or nobody's tuple. */
struct tcp_in tu_in_key(const struct tcp_key *key, seq at, seq ack, uint16_t flags);

/* Moves time, stopping at every deadline on the way. */
void tu_pass(struct tcp_unit *u, la_time ns);
/* The next segment out, of a connection or of the IP layer's queue. False: nothing wants to leave. */
bool tu_out(struct tcp_unit *u, struct tcp_seg *s);
/* Everything that wants to leave leaves; how many segments it was. */
unsigned tu_skip(struct tcp_unit *u);
/* Takes the event of a socket: its bits, 0 when there is none. */
uint32_t tu_event(struct tcp_unit *u, const struct tcp_conn *c);
/* This drop was counted once since the last time, and no other (LA_D_NONE: none at all). */
void tu_dropped(struct tcp_unit *u, enum la_drop drop);

/* For tests that begin and end with a fresh bench: *state is the struct tcp_unit. */
int tu_setup(void **state);
int tu_teardown(void **state);
#define TU_TEST(f) cmocka_unit_test_setup_teardown(f, tu_setup, tu_teardown)

#endif
