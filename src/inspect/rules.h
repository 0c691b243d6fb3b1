/* The rules, as tables: each has a condition over a snapshot, and a function that says what it means.
 *
 * A rule about connections is asked for every connection of its states. Rules with the same `family` exclude each
 * other: the first one that holds, in the table's order, takes the connection. Connections that a rule took are put
 * together into one finding for each process and local port (or, for connections that this side opened, each process;
 * or its peers, too, when the rule is about them).
 *
 * A rule about hosts is asked once for each network namespace, and adds its findings itself. */
#ifndef INSPECT_RULES_H
#define INSPECT_RULES_H

#include "finding.h"
#include "map.h"

enum rule_family {
    FAMILY_CLOSE_WAIT,
    FAMILY_CLOSING, /* FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK */
    FAMILY_OPENING, /* SYN_SENT, SYN_RCVD */
    FAMILY_FLOW,    /* ESTABLISHED and CLOSE_WAIT: data that do not move. */
};

/* Which connections make one finding of a rule. */
enum rule_scope {
    SCOPE_PROC,  /* Of one process: accepted on one port, or opened by it. */
    SCOPE_PEER,  /* Of one process, with one peer. */
    SCOPE_NETNS, /* All of a network namespace. */
};

/* How one rule asks: the snapshot and what was worked out from it beforehand. */
struct ask {
    struct snap *snap;
    struct patience patience; /* No zeroes. */
    const struct filter *filter;
    struct rule_group *group;
    uint32_t ngroups, room_group;
    uint32_t *group_of; /* For each connection; SNAP_NONE: nobody holds it. */
    uint32_t *listener; /* For each connection: the listener it came through, SNAP_NONE: this side opened it. */
    struct map ends;    /* Where connections are translated: their peers as this side's ends see them, and locals. */
    uint32_t *netns_first, *netns_next; /* The connections of each namespace as chains that SNAP_NONE ends. */
    struct findings *findings;
};

/* Connections that one process holds with the same local port (accepted) or the same peer (opened by this side). */
struct rule_group {
    uint32_t proc;
    bool opened; /* This side opened them. */
    uint32_t count[LA_NSTATES];
    la_time oldest, newest; /* Of those in CLOSE_WAIT: how long at least. */
};

struct rule {
    const char *id;     /* "close-wait-unwatched": in JSON, in metrics, in doc/diagnose.md. */
    const char *claims; /* "C16 C39", of doc/claims.md; "" */
    enum severity severity;
    enum rule_family family;
    enum rule_scope scope;
    uint32_t states; /* 1 << la_state of the connections it is asked for; 0: a rule about hosts. */
    /* For connections. */
    bool (*holds)(const struct ask *ask, const struct snap_conn *conn);
    /* For connections: says title, text, evidence and remedies about a finding whose conns, proc, fd, age are set. */
    void (*tell)(const struct ask *ask, struct finding *finding);
    /* For hosts: adds findings of this rule by rule_finding. */
    void (*host)(struct ask *ask, const struct rule *rule, uint32_t netns);
};

/* Tables, each in the order in which its rules are asked; the last one has id NULL. */
extern const struct rule rules_close_wait[]; /* rules_close_wait.c */
extern const struct rule rules_closing[];    /* rules_closing.c: FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK */
extern const struct rule rules_flow[];       /* rules_flow.c: retransmitting, windows, silence, opening */
extern const struct rule rules_listen[];     /* rules_listen.c: accept queue, SYN queue, cookies */
extern const struct rule rules_limits[];     /* rules_limits.c: ports, descriptors, TIME_WAIT, memory, resets */
extern const struct rule rules_settings[];   /* rules_settings.c: what sysctls do not do */

extern const struct rule *const rules_tables[]; /* All of them; the last one is NULL. */

/* --- For the rules --- */

/* A new finding of a rule about hosts, with its severity, no process, and no connections. NULL: no memory. */
struct finding *rule_finding(struct ask *ask, const struct rule *rule, uint32_t netns);
/* Makes a connection part of a finding. */
void finding_add(struct ask *ask, struct finding *finding, uint32_t conn);
/* Sets the title, adds to the text, adds a line of evidence, adds a remedy. printf-like. */
void tell_title(struct finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tell_text(struct finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tell_evidence(struct finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Connections of a finding that are shown one by one, and the line of evidence for those that are not. */
#define SHOWN 3
void tell_more(struct finding *finding);
/* `command` NULL: none. */
void tell_remedy(struct finding *finding, const char *command, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A remedy by `lastack fix --RUNG` for the finding's connections; none on a stack of ours, which knows only the reset.
 */
void tell_fix(const struct ask *ask, struct finding *finding, const char *rung, const char *words);

/* Makes its commands those for its namespace, or stack, where that is not the one of who looks. */
void tell_where(const struct ask *ask, struct finding *finding);

/* The first connection of a finding that has any: the oldest. */
const struct snap_conn *finding_first(const struct ask *ask, const struct finding *finding);
/* The other end, when it is in the snapshot; NULL. */
const struct snap_conn *ask_pair(const struct ask *ask, const struct snap_conn *conn);
/* Whether this side opened it; otherwise it came through a listener. */
bool ask_opened(const struct ask *ask, const struct snap_conn *conn);
/* What one process has with the same port or peer; NULL: nobody holds it. */
const struct rule_group *ask_group(const struct ask *ask, const struct snap_conn *conn);
/* Whether it has been in its state for longer than states that should pass may last. */
bool ask_settled(const struct ask *ask, const struct snap_conn *conn);
/* Whether `time` is longer than a slow program or a burst of connections takes: 15 times `settle`. */
bool ask_is_long(const struct ask *ask, la_time time);
/* For how long at least what was sent goes unanswered, by its timer of retransmission, which doubles each time. */
la_time ask_unanswered(const struct snap_conn *conn);
/* Whether it is the other end of a connection that its listener, on this host, has not taken in: the accept queue is
 * full. */
bool ask_turned_away(const struct ask *ask, const struct snap_conn *conn);
/* Whether a finding's connections all have the same peer. */
bool ask_one_peer(const struct ask *ask, const struct finding *finding);
/* Whether connections of its namespace may be translated: filters keep track of some. */
bool ask_translates(const struct ask *ask, uint32_t netns);
/* Whether its other end may be here under a translated address: some connection has the same client's end. */
bool ask_translated(const struct ask *ask, const struct snap_conn *conn);
/* When the process's descriptors run out if its connections in CLOSE_WAIT go on to grow as they did; LA_NEVER: they do
 * not, or it is unknown. */
la_time ask_forecast(const struct ask *ask, const struct snap_conn *conn);

/* Makes netns_first and netns_next; the caller frees them. False: memory was refused. */
bool ask_chains(struct ask *ask);

/* Whether the filter wants this connection, which is none of our own. */
bool ask_selected(const struct ask *ask, const struct snap_conn *conn);
/* A setting or counter of a namespace; -1 (counter: 0) when unknown. */
int64_t ask_setting(const struct ask *ask, uint32_t netns, enum snap_setting setting);
uint64_t ask_counter(const struct ask *ask, uint32_t netns, enum snap_counter counter);

/* Texts that live as long as the snapshot, for use in formats: "10.0.0.1:443", "nginx (pid 17)", "5 min 10 s",
 * "at least 3 s", "12 connections", "64 KB", "fd 5 and 6". */
const char *text_endpoint(const struct ask *ask, const struct la_endpoint *endpoint);
const char *text_proc(const struct ask *ask, uint32_t proc);
const char *text_time(const struct ask *ask, la_time time);
const char *text_age(const struct ask *ask, const struct snap_age *age);
const char *text_count(const struct ask *ask, uint64_t n, const char *word);
const char *text_bytes(const struct ask *ask, uint64_t bytes);
/* The descriptors of a process in a connection: "fd 5", "fd 5 and 6". */
const char *text_fds(const struct ask *ask, const struct snap_conn *conn, uint32_t proc);
/* "CLOSE_WAIT for 3 s"; "CLOSE_WAIT" when it is not known for how long. */
const char *text_state(const struct ask *ask, const struct snap_conn *conn);
/* A connection as people name it: "10.0.0.1:443 <- 10.0.0.2:51234" (accepted), "… -> …" (opened). */
const char *text_conn(const struct ask *ask, const struct snap_conn *conn);

#endif
