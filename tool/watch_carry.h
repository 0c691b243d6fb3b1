/* Who holds what is looked for seldom, for it costs much: meanwhile it is carried from one snapshot to the next. */
#ifndef TOOL_WATCH_CARRY_H
#define TOOL_WATCH_CARRY_H

#include "inspect/snap.h"

/* Gives the connections of `to`, in which no owners were looked for, the owners that the same connections have in
 * `from`. What memory is refused for stays without. */
void carry_owners(const struct snap *from, struct snap *to);

#endif
