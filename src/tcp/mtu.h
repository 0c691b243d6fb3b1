/* The MTU for which a connection makes its segments, beyond what the routes and ICMP say of the path (ip/pmtu.c): the
 * search for a larger one that works, and for a smaller one where large packets vanish (RFC 4821). See mtu_probe.c.
 *
 * An MTU counts the IP header, an MSS neither that nor TCP's. */
#ifndef TCP_MTU_H
#define TCP_MTU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

struct tcp_conn;
struct ip_error;

enum mtu_probing {
    MTU_PROBING_OFF,
    MTU_PROBING_BLACK_HOLE, /* From when large packets seem to vanish. */
    MTU_PROBING_ALWAYS,
};

/* Embedded in every connection. */
struct tcp_mtu {
    uint16_t held;    /* Segments are made for this, though the path's MTU be larger; 0: nothing is searched for. */
    uint16_t low;     /* Where the search begins: gets through. */
    uint16_t failed;  /* The smallest probe that did not; 0: none. */
    uint16_t probe;   /* How large the probe is that is out; 0: none is. */
    seq probe_end;    /* Behind it. */
    uint32_t at;      /* When the search began, or began anew; tcp_clock_ms. */
    uint8_t discover; /* enum la_pmtudisc */
};

/* What the search says to a sender who has new data. */
enum mtu_verdict {
    MTU_NO_PROBE,
    MTU_WAIT, /* Not now: what is in flight leaves no room for the probe that is due. */
    MTU_PROBE,
};

/* The peer's MSS is known: does the search begin? */
void tcp_mtu_open(struct tcp_conn *c);
/* The MTU for which segments are made. */
uint16_t tcp_mtu(const struct tcp_conn *c);
/* Whether the next new segment is a probe, and of how many bytes. */
enum mtu_verdict tcp_mtu_probe_due(struct tcp_conn *c, uint32_t *len);
void tcp_mtu_probe_sent(struct tcp_conn *c, uint32_t len, seq end);
/* SND.UNA has moved. */
void tcp_mtu_acked(struct tcp_conn *c);
/* Something is lost, and no recovery has begun: is it the probe alone? Then it is not congestion (RFC 4821, 7.6.2), and
 * all is done. */
bool tcp_mtu_probe_lost(struct tcp_conn *c);
/* Something goes again: whether the probe gets through is no longer seen. */
void tcp_mtu_probe_void(struct tcp_conn *c);
/* The timeout, before everything counts as lost: is it a black hole? Then the MSS falls. */
void tcp_mtu_timeout(struct tcp_conn *c);
/* The path's MTU is another. True: the probe that is out does not fit. */
bool tcp_mtu_path_changed(struct tcp_conn *c);
/* Whether a "packet too big" about something in flight can be true and matters (RFC 5927, 7). */
bool tcp_mtu_believes(const struct tcp_conn *c, const struct ip_error *e);
/* Whether routers may cut a segment: DF is clear. */
bool tcp_mtu_may_fragment(const struct tcp_conn *c, bool probe);

#endif
