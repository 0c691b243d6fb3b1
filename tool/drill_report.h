/* What is said about the cases as they end, and all in all: text, JSON lines, TAP, JUnit. */
#ifndef TOOL_DRILL_REPORT_H
#define TOOL_DRILL_REPORT_H

#include "drill_plan.h"
#include "drill_record.h"
#include "look.h"

#include <stdio.h>

/* A directory's score on one target. */
struct tally {
    const char *dir; /* dir_len characters. */
    size_t dir_len;
    bool kernel;
    size_t count[DRILL_NVERDICTS];
};

struct report;

/* A form of output. Any function may be NULL. */
struct report_form {
    void (*begin)(struct report *report);
    /* The case on each target of the plan, the stack first. */
    void (*one)(struct report *report, const struct drill_case *what, const struct record *run, unsigned nruns);
    void (*end)(struct report *report);
};

#define REPORT_NAME 4352

struct report {
    const struct drill_plan *plan;
    struct look look;
    const struct report_form *form[2]; /* Of standard output, and of --junit. */
    size_t ncases;
    struct tally *tally; /* In order of appearance. */
    size_t ntallies, room;
    struct tally total[2]; /* stack, kernel */
    la_time started;
    bool progress; /* A progress line stands on the terminal. */
    bool failed;   /* The output could not be written or kept. */
    size_t number; /* The forms' own: TAP's count. */
    FILE *junit;
    char *junit_body; /* JUnit's cases, kept for the counts in front of them. */
    size_t junit_len;
    FILE *junit_cases;
};

extern const struct report_form report_text, report_json, report_tap, report_junit;

/* False with a sentence in `error`: the --junit file cannot be written. */
bool report_begin(struct report *report, const struct drill_plan *plan, size_t ncases, char *error, size_t size);
/* A case that ended: the records of its runs. */
void report_case(struct report *report, const struct drill_case *what, const struct answer *answer);
/* A case whose process died. */
void report_lost(struct report *report, const struct drill_case *what, const char *why);
void report_progress(struct report *report, size_t over, const char *latest);
/* Ends the output. Returns the exit status that the verdicts make. */
int report_end(struct report *report);

/* For the forms: the case's name ("path [ipv6] #2 on kernel"); the target is named where there are two. */
void report_name(const struct report *report, const struct drill_case *what, const struct record *run, char *name,
                 size_t size);
/* "FILE:LINE:COLUMN: what was expected" */
void report_malformed(const struct drill_case *what, const struct record *run, char *text, size_t size);
size_t tally_cases(const struct tally *tally);
/* Of those that apply; -1: none does. */
double tally_percent(const struct tally *tally);

#endif
