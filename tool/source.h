/* Where connections come from: the options that ls, why, watch, fix and export share, and the snapshot that they mean.
 *
 *     --all-netns       every network namespace
 *     --netns NAME      this one (ip netns), or pid:N
 *     --stack PATH      a running lastack stack, through its control socket
 *     --from FILE       a snapshot written earlier by ls --json ("-": standard input)
 *     FILTER…           filter.h */
#ifndef TOOL_SOURCE_H
#define TOOL_SOURCE_H

#include <getopt.h>
#include <stdio.h>

#include "inspect/filter.h"
#include "inspect/finding.h"
#include "inspect/linux.h"
#include "inspect/snap.h"

struct source {
    const char *verb; /* For messages. */
    bool all_netns;
    bool whole; /* A snapshot holds connections that the filter leaves out, too. */
    const char *netns, *stack, *from;
    struct filter *filter;
};

/* Values of the shared long options, for a verb's own getopt table. */
enum {
    SOURCE_OPTION = 1024,
    SOURCE_OPTION_ALL_NETNS = SOURCE_OPTION,
    SOURCE_OPTION_NETNS,
    SOURCE_OPTION_STACK,
    SOURCE_OPTION_FROM,
    SOURCE_OPTION_END
};
#define SOURCE_OPTIONS                                                                                                 \
    {"all-netns", no_argument, NULL, SOURCE_OPTION_ALL_NETNS},                                                         \
        {"netns", required_argument, NULL, SOURCE_OPTION_NETNS},                                                       \
        {"stack", required_argument, NULL, SOURCE_OPTION_STACK}, {                                                     \
        "from", required_argument, NULL, SOURCE_OPTION_FROM                                                            \
    }

/* Takes one option of the four. False: it is none of them. */
bool source_option(struct source *source, int option, const char *argument);
/* Their lines for --help; --from is only for those that read `documents`. */
void source_help(FILE *to, bool documents);
/* Reads the filter from the words that remain and checks that the options go together. False: wrong, and said so. */
bool source_filter(struct source *source, int nwords, char **words);

/* Finds a user by name, for filter_parse_users. */
bool source_user(const char *name, uint32_t *uid);

/* Takes a snapshot with these LINUX_* parts, and those that the filter needs. NULL: it was said why not, and *status is
 * the exit status. */
struct snap *source_snap(const struct source *source, unsigned parts, int *status);
/* Whether a snapshot taken from here is of the host itself, so that closer looks and cures are possible. */
bool source_is_host(const struct source *source);

/* The parts that a diagnosis wants of source_snap. */
#define SOURCE_DIAGNOSIS (LINUX_MEASURED | LINUX_OWNERS | LINUX_FACTS)
/* Looks closely at what is suspicious in a snapshot taken from here: who waits for what. */
void source_look_closely(const struct source *source, const struct patience *patience, struct snap *snap);
/* The same, and runs the rules over it. The caller frees the findings. */
void source_diagnose(const struct source *source, const struct patience *patience, struct snap *snap,
                     struct findings *findings);

void source_free(struct source *source);

#endif
