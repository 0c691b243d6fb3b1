/* Findings as text for people and as a JSON document for programs (doc/findings.schema.json). */
#ifndef INSPECT_REPORT_H
#define INSPECT_REPORT_H

#include "finding.h"

struct report {
    int width;           /* Columns. */
    bool colours;        /* SGR sequences. */
    bool brief;          /* Titles only. */
    bool bare;           /* The findings alone, without what could not be seen and the sum. */
    enum severity least; /* Those below it are only counted. */
};

void findings_report(const struct findings *findings, const struct snap *snap, const struct report *how,
                     struct say *out);
/* The same, plain and whole, in 100 columns. */
void findings_say(const struct findings *findings, const struct snap *snap, struct say *out);
/* False: memory was refused. */
bool findings_json(const struct findings *findings, const struct snap *snap, struct say *out);

/* Its colour on a terminal, as an SGR code: "1;31". */
const char *severity_colour(enum severity severity);
/* The highest severity there is; -1: no findings. */
int findings_worst(const struct findings *findings);

#endif
