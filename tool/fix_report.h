/* What `lastack fix` shows: what would be done, or what came of it, as text or as one JSON document. */
#ifndef TOOL_FIX_REPORT_H
#define TOOL_FIX_REPORT_H

#include "inspect/linux_cure.h"
#include "look.h"
#include "source.h"

/* What holds where no option says otherwise. */
extern const struct cure_options fix_usual;

struct fix {
    const struct source *source;
    const struct snap *snap;
    struct cure_options options;
    enum cure cure; /* NCURES: none was named. */
    bool acted;     /* list[].result and said are filled in. */
    bool json, wait_given;
    uint32_t max;       /* Connections at most. */
    struct cured *list; /* The connections that were chosen. */
    size_t n;
    size_t left_out;     /* That match the filter, but cannot be cured in this way. */
    const char *why_not; /* Why, for the first of them; NULL: none was left out. */
    size_t listeners;    /* That match the filter; they are never taken by one. */
};

/* False: memory was refused. */
bool fix_report(const struct fix *fix);

/* Who can end a listener: what to do about those that a filter matched. */
const char *fix_ender(const struct fix *fix);

/* How many have this result. */
size_t fix_count(const struct fix *fix, enum cure_result result);
/* How many could be treated: no objection to the cure that was named, or some cure helps where none was. */
size_t fix_treatable(const struct fix *fix);

#endif
