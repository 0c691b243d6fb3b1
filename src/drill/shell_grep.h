/* grep's patterns and options, as far as they are simple. */
#ifndef DRILL_SHELL_GREP_H
#define DRILL_SHELL_GREP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

#define GREP_ITEMS 63 /* One bit each, and one for the end. */

enum grep_times { GREP_ONCE, GREP_MAYBE, GREP_ANY };

struct grep {
    bool count, quiet, invert, fold;
    bool at_begin, at_end; /* ^ and $ */
    unsigned items;
    uint8_t times[GREP_ITEMS];   /* enum grep_times */
    uint8_t set[GREP_ITEMS][32]; /* Which bytes each item matches. */
    int files;                   /* Index of the first file among the arguments. */
};

/* Reads grep's arguments (argv[0] is grep, egrep or fgrep). False: something beyond this. */
bool grep_read(struct grep *grep, int argc, const char *const *argv);

/* Goes through a text. Returns how many lines are selected; they are written to `out` (each behind `name` and a colon,
 * where that is not NULL) unless grep counts or is quiet; a count is written. */
unsigned grep_text(const struct grep *grep, const char *text, const char *name, struct drill_text *out);

#endif
