/* Plays one case: reads and parses the script, opens each target, runs, and says as bytes what it gave. */
#ifndef TOOL_DRILL_PLAY_H
#define TOOL_DRILL_PLAY_H

#include "drill_plan.h"
#include "drill_record.h"

/* A record for each of the plan's targets, the stack's first. The working directory is the script's while it runs. */
void play_case(const struct drill_plan *plan, const struct drill_case *what, struct answer *answer);

#endif
