/* What was measured, as a table or as JSON, and the verdicts. */
#ifndef PATH_REPORT_H
#define PATH_REPORT_H

#include "grid.h"

struct report {
    const struct grid *grid;
    struct run_result fairness, bare; /* `seconds` 0: not played. */
};

/* Prints, and returns whether every target is met. */
bool report_print(const struct report *report, bool is_json);

#endif
