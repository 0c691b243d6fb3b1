/* The ladder of cures: what each does, and what everybody will see. Deciding is here; doing is in linux_cure.c. */
#ifndef INSPECT_CURE_H
#define INSPECT_CURE_H

#include "say.h"
#include "snap.h"

enum cure {
    CURE_NUDGE,     /* shutdown(SHUT_RD) on a duplicate: fires the lost event again, sends nothing. */
    CURE_KEEPALIVE, /* SO_KEEPALIVE on a duplicate: asks the peer's host whether it is still there. */
    CURE_CLOSE,     /* TCP_USER_TIMEOUT, then shutdown(SHUT_RDWR) on a duplicate: FIN. */
    CURE_RESET,     /* SOCK_DESTROY with the cookie: RST. */
    NCURES,
};
const char *cure_name(enum cure cure); /* "nudge" … */

/* Why a cure cannot help this connection, as a sentence ("it is in TIME_WAIT: there is nothing to close"); NULL: it
 * can. The text is constant. */
const char *cure_objection(enum cure cure, const struct snap *snap, const struct snap_conn *conn);

/* The mildest cure that can be expected to help; NCURES: none can, or it ends by itself. Knows more when the connection
 * was looked at closely. */
enum cure cure_lowest(const struct snap *snap, const struct snap_conn *conn);

/* What will be seen: one line each, said before anything is done. */
void cure_foretell(enum cure cure, const struct snap *snap, const struct snap_conn *conn, struct say *out);

/* Who holds it: "nginx (pid 17) descriptors 3, 5; nginx (pid 18) descriptor 3". Nothing where nobody is known. */
void cure_holders(const struct snap *snap, const struct snap_conn *conn, struct say *out);

#endif
