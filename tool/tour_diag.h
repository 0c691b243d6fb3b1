/* The kernel's view of one TCP connection, by NETLINK_SOCK_DIAG. */
#ifndef TOOL_TOUR_DIAG_H
#define TOOL_TOUR_DIAG_H

#include <lastack/info.h>

#include "tour_netns.h"

struct diag;

/* What the kernel says of one tuple. */
struct diag_row {
    bool found;          /* Otherwise the socket is gone, or was never there. */
    enum la_state state; /* In the words of RFC 9293. */
    bool orphan;         /* No program holds it. */
    uint32_t unread;     /* Bytes to read; an unread FIN counts as one. */
    bool timer_runs;     /* Some timer of its own … */
    uint32_t timer_ms;   /* … goes off after so long; 0: it is about to. */
    uint64_t cookie;     /* Names the socket for its whole life. */
};

/* Opens the netlink socket in the present namespace and checks that the kernel answers truthfully. */
struct diag *diag_open(struct trouble *trouble);
void diag_close(struct diag *diag);

/* Asks for exactly this tuple; `local` is the kernel's end. A listener in its place is reported as LISTEN. False when
 * the kernel does not answer. */
bool diag_query(struct diag *diag, const struct la_endpoint *local, const struct la_endpoint *peer,
                struct diag_row *row);

#endif
