/* What is wrong, in sentences: a finding is a rule that holds for a group of connections (or for a host), with what
 * shows it and what can be done. */
#ifndef INSPECT_FINDING_H
#define INSPECT_FINDING_H

#include "say.h"
#include "snap.h"

enum severity {
    SEVERITY_NOTE,    /* Worth knowing; nothing is wrong, or it ends by itself. */
    SEVERITY_WARNING, /* Will do harm if it goes on. */
    SEVERITY_HARM,    /* Does harm at this moment. */
};
const char *severity_name(enum severity severity); /* "note" … */

struct remedy {
    char *text;    /* "Close the socket when recv() returns 0." */
    char *command; /* A command that does or shows it; NULL: none. */
};

#define FINDING_EVIDENCE 16
#define FINDING_REMEDIES 8

struct finding {
    const struct rule *rule;
    uint64_t key; /* The same from one snapshot to the next: of rule, process and port or peer. */
    enum severity severity;
    char *title; /* One sentence: who, what, how many. */
    char *text;  /* Sentences: why, and whether it will end by itself. */
    char *evidence[FINDING_EVIDENCE];
    unsigned nevidence;
    struct remedy remedies[FINDING_REMEDIES];
    unsigned nremedies;
    uint32_t proc; /* The process at fault; SNAP_NONE: none is. */
    int32_t fd;    /* Its descriptor in the first connection; -1: none. */
    uint32_t netns;
    uint32_t *conns; /* The connections that it is about, oldest first. */
    uint32_t nconns;
    struct snap_age age; /* Of the oldest. */
    la_time forecast;    /* When a limit is reached, from the snapshot on; LA_NEVER: never or unknown. */
};

struct findings {
    struct finding *list; /* Ordered by harm, then by how many connections. */
    unsigned n, room;
    bool failed; /* Memory was refused: there may be more. */
};

void findings_free(struct findings *findings);

/* What the rules take as "long" and "many". Zero: the default in parentheses. */
struct patience {
    la_time settle; /* How long a connection may be in a state that should pass (2 s). */
    la_time idle;   /* From when on silence without keepalive is worth a word (2 h). */
    unsigned many;  /* Sockets of one kind from which on they are called many (1000). */
};

/* The steps of a diagnosis, so that only suspicious connections are looked at closely:
 *     uint32_t n = rules_suspects(snap, patience, &conns);   which connections need a closer look (malloc'd)
 *     linux_look_closely(snap, conns, n);                    (or nothing: a stack of ours knows already)
 *     rules_run(snap, patience, selected, &findings);
 * `selected`: only findings about connections for which it holds, and about their hosts; NULL: all. */
struct filter;
uint32_t rules_suspects(const struct snap *snap, const struct patience *patience, const struct filter *filter,
                        uint32_t **conns);
void rules_run(struct snap *snap, const struct patience *patience, const struct filter *filter,
               struct findings *findings);

#endif
