/* What the rules about hosts have in common: rules_listen.c, rules_limits.c, rules_ports.c, rules_settings.c. */
#ifndef INSPECT_RULES_HOST_H
#define INSPECT_RULES_HOST_H

#include "rules.h"

/* The connections of a namespace, one after the other: the first one after SNAP_NONE, SNAP_NONE at the end. */
uint32_t host_next(const struct ask *ask, uint32_t netns, uint32_t after);
/* Whether the filter wants any connection of a namespace. */
bool host_selected(const struct ask *ask, uint32_t netns);
/* What holds for the whole machine is told for one namespace only: the first one whose facts are known. */
bool host_speaks(const struct ask *ask, uint32_t netns);
/* How many connections of a namespace are in a state, records included. */
uint32_t host_count(const struct ask *ask, uint32_t netns, enum la_state state);

/* One process at fault: the first owner of this connection. */
void host_blame(const struct ask *ask, struct finding *finding, uint32_t conn);
/* Sets the age by the oldest connection, which comes to the front. */
void host_settle(const struct ask *ask, struct finding *finding);

const char *host_addr_text(const struct ask *ask, const struct la_addr *addr);
/* "7 %", rounded down; of nothing: "0 %". */
unsigned host_percent(uint64_t part, uint64_t whole);

/* rules_ports.c */
void rules_ports_exhausted(struct ask *ask, const struct rule *rule, uint32_t netns);
void rules_ports_running_out(struct ask *ask, const struct rule *rule, uint32_t netns);

#endif
