/* The descriptor by which a program holds a connection: a duplicate of it, and whether it still holds it. */
#ifndef INSPECT_LINUX_CURE_FD_H
#define INSPECT_LINUX_CURE_FD_H

#include "say.h"
#include "snap.h"

/* Why no duplicate could be had. */
struct cure_refusal {
    const struct snap_proc *denied; /* A process that may not be entered. */
    int error;                      /* Another reason, errno; 0: its owners no longer have it. */
};

/* A duplicate whose cookie is the connection's, from whichever owner still has it. -1: none. To be closed at once:
 * while it lives, the program's close() does not close the connection. */
int cure_duplicate(const struct snap *snap, const struct snap_conn *conn, struct cure_refusal *refusal);

/* Whether a process is seen to hold its socket under the number that it had. */
bool cure_is_held(const struct snap *snap, const struct snap_conn *conn);

/* The refusal in sentences: what it takes, and what to do. `scope` is Yama's mode. */
void cure_say_refusal(const struct cure_refusal *refusal, int scope, bool is_root, struct say *said);
int cure_ptrace_scope(void); /* 0: there is no Yama, or it allows what others do. */

#endif
