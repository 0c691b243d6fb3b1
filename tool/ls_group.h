/* Connections counted by what they have in common: ls --by program,peer,state. */
#ifndef TOOL_LS_GROUP_H
#define TOOL_LS_GROUP_H

#include "look.h"
#include "ls_keys.h"

struct ls_group {
    uint32_t first; /* One of its connections. */
    uint32_t count;
    uint32_t next;          /* Another group with the same hash; SNAP_NONE. */
    struct snap_age oldest; /* How long its oldest connection has been in its state. */
};

struct ls_groups {
    struct ls_group *list;
    uint32_t n, room;
};

/* Groups `n` connections (indexes) by the keys. False: memory was refused. */
bool groups_make(const struct snap *snap, const struct ls_keys *by, const uint32_t *conns, uint32_t n,
                 struct ls_groups *groups);
/* By these keys: the ones grouped by, count, age; what is equal then is in the order of `by`. */
void groups_sort(const struct snap *snap, const struct ls_keys *by, const struct ls_keys *sort,
                 struct ls_groups *groups);
/* False: memory was refused. */
bool groups_print(const struct snap *snap, const struct ls_keys *by, const struct ls_groups *groups,
                  const struct look *look, bool headed, bool whole);
void groups_free(struct ls_groups *groups);

#endif
