/* What `lastack drill` was asked to do: the arguments as read. */
#ifndef TOOL_DRILL_PLAN_H
#define TOOL_DRILL_PLAN_H

#include <lastack/drill.h>

#include "drill_files.h"

/* The targets, as bits. */
enum drill_on { ON_STACK = 1, ON_KERNEL = 2, ON_BOTH = ON_STACK | ON_KERNEL };

enum drill_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_TAP };

struct drill_plan {
    struct la_drill_options options; /* The command line's, to which a script's own are merged. */
    bool all_versions;               /* --ip_version=all */
    const char *profile;             /* NULL: by collection. */
    enum drill_on on;
    unsigned repeat;
    unsigned jobs;      /* 0: as many as there are processors. */
    unsigned timeout_s; /* Of the host's time, for one case; 0: no limit. */
    const char *pcap;   /* A directory, or NULL. */
    const char *junit;  /* A file, or NULL. */
    enum drill_format format;
    bool verbose, quiet, summary, only_failed, list;
    char **paths; /* What is left of the arguments. */
    int npaths;
};

/* One run of one script (on each of the plan's targets). */
struct drill_case {
    const struct script_file *file;
    int version;   /* enum la_drill_ip that --ip_version=all asks for; -1: as the script or the command line says. */
    unsigned turn; /* Of --repeat, from 1; 0: there is one only. */
};

#endif
