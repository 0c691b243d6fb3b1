/* What a watch knows: the host (or stack) polled at an interval, made exact by events, with findings as they come and
 * go. The log and the screen only show it. */
#ifndef TOOL_WATCH_RUN_H
#define TOOL_WATCH_RUN_H

#include "source.h"

#include <signal.h>

#include "inspect/finding.h"
#include "inspect/linux_events.h"
#include "inspect/track.h"

struct watch_options {
    struct source source;
    struct patience patience;
    la_time interval; /* Between polls. */
    la_time length;   /* LA_NEVER: until it is ended. */
    bool no_events;   /* Only poll. */
    bool moves;       /* The log shows every move. */
    bool json, log;   /* Lines of JSON; a log although it is a terminal. */
    bool by_peer;
};

/* A finding that is or was there. `text` stays as it was when it was last seen. */
struct watch_finding {
    uint64_t key; /* finding.key */
    char *title;  /* As first of the last look. */
    char *whole;  /* The finding in full, as `lastack why` prints it, in plain text of 100 columns. */
    size_t body;  /* Where in `whole` the title's lines are over. */
    const char *rule;
    enum severity severity;
    la_time first, last; /* When it was seen, on the snapshot's clock. */
    uint32_t count;      /* Connections at the last look. */
    uint64_t *cookies;   /* Of those connections: ncookies, malloc'd. */
    uint32_t ncookies;
    bool is_there;  /* At the last look. */
    bool told;      /* For whoever shows it: its coming was shown … */
    bool told_gone; /* … and its going. */
};

#define WATCH_FINDINGS 256

struct watch {
    const struct watch_options *options;
    struct track *track;
    struct events *events; /* NULL: polling only. */
    char events_why[256];  /* Why there are none; "" if there are. */
    struct snap *snap;     /* The last poll, with what is known over time; NULL before the first. */
    struct watch_finding findings[WATCH_FINDINGS];
    unsigned nfindings; /* Those that ended longest ago make room. */
    uint64_t lost;      /* Events that the kernel could not keep. */
    uint32_t polls;
    bool frugal;       /* Set by who shows only states: tcp_info, half of a poll, is asked for with the owners alone. */
    la_time owners_at; /* When owners were looked for, and what that cost: it is done so rarely that it takes … */
    la_time owners_cost;                                   /* … at most a two-hundredth of the time. */
    la_time next;                                          /* When the next poll is due. */
    void (*on_move)(void *arg, const struct event *event); /* Told of every move as it is read; NULL. */
    void *arg;
    int output;              /* Where what is seen is written, -1: … */
    bool output_gone;        /* … watch_wait ends when nobody reads it any more. */
    const sigset_t *signals; /* The mask while it sleeps; NULL: that of the thread. */
};

/* Begins: opens the events, if they can be had. False: said why not on standard error, *status is the exit status. */
bool watch_begin(struct watch *watch, const struct watch_options *options, int *status);
void watch_end(struct watch *watch);

/* Sleeps until the next poll is due, taking events meanwhile, or until `fd` (-1: none) is readable, nobody reads the
 * output or a signal came: then it returns at once. True: a poll is due (call watch_poll). */
bool watch_wait(struct watch *watch, int fd);
/* Polls. False: it could not be done, and *status is the exit status. */
bool watch_poll(struct watch *watch, int *status);

/* Where it comes from, in words: "exact: kernel tracepoints", "polled every 1 s: …why…". */
const char *watch_source(const struct watch *watch, char *text, size_t size);

/* Where the program opened this connection, as lines (malloc'd); NULL: unknown. May take a moment: the stack is
 * unwound. */
char *watch_site(struct watch *watch, const struct snap_conn *conn);

/* The screen: until the user quits, or the time is over. Returns the exit status. watch_screen.c */
int watch_screen(struct watch *watch);
/* The log, until the time is over or a signal comes. watch_log.c */
int watch_log(struct watch *watch);

#endif
