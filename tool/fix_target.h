/* A socket as it is named on the command line: "sk:1d7b0", "pid:17/fd:3", "17/3", or its two ends as two words,
 * "10.0.0.1:80 10.0.0.2:4711". */
#ifndef TOOL_FIX_TARGET_H
#define TOOL_FIX_TARGET_H

#include "inspect/snap.h"

enum target_kind { TARGET_COOKIE, TARGET_DESCRIPTOR, TARGET_ENDS };

struct target {
    enum target_kind kind;
    uint64_t cookie;
    unsigned pid, fd;
    struct la_endpoint local, peer;
    const char *words[2]; /* As given; the second one may be NULL. */
    size_t found;         /* How many connections it means; the caller's. */
};

/* How many of the words, of which there is at least one, name one socket: 0, 1 or 2. */
int fix_target_read(int nwords, char **words, struct target *target);
/* Whether it means this connection. */
bool fix_target_is(const struct snap *snap, const struct snap_conn *conn, const struct target *target);

/* A number up to `most` at *text, which moves behind it. */
bool fix_number(const char **text, int base, uint64_t most, uint64_t *number);

#endif
