/* The wire as a script sees it, for people: a ladder of one run, or two runs side by side. */
#ifndef TOOL_DRILL_VIEW_H
#define TOOL_DRILL_VIEW_H

#include "drill_record.h"
#include "look.h"

/* -v: time, script line, the state of the TCP under test, what happened, the state of the script's side. */
void view_ladder(const struct look *look, const struct record *record);

/* --on both: each run's time, states and wire in a half of its own, a mark between them where they differ. */
void view_beside(const struct look *look, const struct record *left, const struct record *right);

/* Whether two runs had the same wire, the same results of calls and the same states. Times do not count: one clock is
 * virtual, the other real. */
bool view_alike(const struct record *left, const struct record *right);

#endif
