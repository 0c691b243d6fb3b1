/* Calls of a script between notation and memory: a drill_call's arguments become a la_sys_call's, and what the call
 * returned is compared with what the script expects.
 *
 * The memory of one call (buffers, sockaddrs, msghdrs, pollfds …) lies in one arena until value_free. Symbols have
 * Linux's values; a call with a name that only FreeBSD has is not applicable. */
#ifndef DRILL_VALUE_H
#define DRILL_VALUE_H

#include <lastack/drill.h>

#include "arena.h"
#include "ast.h"
#include "packet.h"
#include "text.h"

/* Descriptors between script and target: a script's socket(…) = 3 may be 7 there. */
#define DRILL_FDS 64

struct drill_fds {
    unsigned count;
    struct {
        int script, live;
    } fd[DRILL_FDS];
    /* What the clock of the target's time stamps (SCM_TIMESTAMPING) shows at the script's zero: the first one tells. */
    bool wall_known;
    int64_t wall_us;
};

/* An unknown one is itself, but -1 when that number stands for another one there. */
int fds_live(const struct drill_fds *fds, int script);
int fds_script(const struct drill_fds *fds, int live); /* Unknown ones are themselves. */
bool fds_known(const struct drill_fds *fds, int script);
/* False: there are too many. An older entry of that number goes. */
bool fds_enter(struct drill_fds *fds, int script, int live);
void fds_leave(struct drill_fds *fds, int script);

enum value_status {
    VALUE_OK,
    VALUE_WRONG,          /* The script is wrong, or what came back differs: see `why`. */
    VALUE_NOT_APPLICABLE, /* A mechanism of one kernel: `why` names it. */
};

struct value_call {
    struct la_sys_call call;
    struct drill_arena arena;
    const struct drill_call *spec;
};

/* The addresses that "..." stands for: bind's, and connect's and sendto's. */
struct value_peers {
    struct la_endpoint bind, connect;
};

/* Makes a call of the notation. `peers` gives addresses for "...". Their family and that of "..." in socket() follow
 * options->ip_version. */
enum value_status value_begin(struct value_call *value, const struct drill_call *spec,
                              const struct la_drill_options *options, const struct value_peers *peers,
                              const struct drill_fds *fds, struct drill_text *why);

/* The mechanism that a call needs and that only one kernel has ("a socket's error queue (MSG_ERRQUEUE)"), or NULL.
 * value_begin makes such a call all the same where it can: whether it is made is up to who knows the target. */
const char *value_needs(const struct drill_call *spec);

/* Compares result, errno and everything the call wrote with the script's; enters new descriptors into `fds`. */
enum value_status value_check(struct value_call *value, const struct la_drill_options *options, struct drill_fds *fds,
                              struct drill_text *why);

void value_free(struct value_call *value);

/* "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3": the call in script notation; with `actual` the live result instead of
 * the expected one. */
void value_write(const struct drill_call *spec, struct drill_text *text);
void value_write_actual(const struct value_call *value, const struct drill_fds *fds, struct drill_text *text);

/* A symbol's value ("SOL_SOCKET", "EAGAIN", "O_RDWR" …). False: there is no such symbol. */
bool symbol_value(const char *name, int64_t *value);
/* "EAGAIN" for 11; NULL for an unknown one. */
const char *symbol_errno(int error);

#endif
