/* The options of ss(8), which ls takes too, and which connections they mean. */
#ifndef TOOL_SS_OPTIONS_H
#define TOOL_SS_OPTIONS_H

#include "source.h"

struct ss_options {
    const char *verb; /* For messages. */
    bool all, listening, owners, timer, extended, info, ipv4, ipv6, no_header, summary;
    bool tcp;   /* Asked for by name: no column tells the kind. */
    bool other; /* Other kinds were asked for. */
    bool named; /* The filter names states itself; ss_filter sets it. */
};

#define SS_SHORT "tanploemi46rHOsKuwxdMS0TbZzEN:A:f:"

/* Values of long options beside the letters. */
enum { SS_OPTION = SOURCE_OPTION_END, SS_OPTION_NOTHING = SS_OPTION, SS_OPTION_OTHER, SS_OPTION_END };
#define SS_OPTIONS                                                                                                     \
    {"tcp", no_argument, NULL, 't'}, {"all", no_argument, NULL, 'a'}, {"numeric", no_argument, NULL, 'n'},             \
        {"processes", no_argument, NULL, 'p'}, {"listening", no_argument, NULL, 'l'},                                  \
        {"options", no_argument, NULL, 'o'}, {"extended", no_argument, NULL, 'e'}, {"memory", no_argument, NULL, 'm'}, \
        {"info", no_argument, NULL, 'i'}, {"ipv4", no_argument, NULL, '4'}, {"ipv6", no_argument, NULL, '6'},          \
        {"resolve", no_argument, NULL, 'r'}, {"no-header", no_argument, NULL, 'H'},                                    \
        {"oneline", no_argument, NULL, 'O'}, {"summary", no_argument, NULL, 's'}, {"kill", no_argument, NULL, 'K'},    \
        {"net", required_argument, NULL, 'N'}, {"query", required_argument, NULL, 'A'},                                \
        {"socket", required_argument, NULL, 'A'}, {"family", required_argument, NULL, 'f'},                            \
        {"threads", no_argument, NULL, 'T'}, {"tos", no_argument, NULL, SS_OPTION_NOTHING},                            \
        {"cgroup", no_argument, NULL, SS_OPTION_NOTHING}, {"inet-sockopt", no_argument, NULL, SS_OPTION_NOTHING},      \
        {"udp", no_argument, NULL, SS_OPTION_OTHER}, {"raw", no_argument, NULL, SS_OPTION_OTHER},                      \
        {"unix", no_argument, NULL, SS_OPTION_OTHER}, {"dccp", no_argument, NULL, SS_OPTION_OTHER},                    \
        {"mptcp", no_argument, NULL, SS_OPTION_OTHER}, {"sctp", no_argument, NULL, SS_OPTION_OTHER},                   \
        {"packet", no_argument, NULL, SS_OPTION_OTHER}, {"vsock", no_argument, NULL, SS_OPTION_OTHER},                 \
        {"tipc", no_argument, NULL, SS_OPTION_OTHER}, {"xdp", no_argument, NULL, SS_OPTION_OTHER}, {                   \
        "events", no_argument, NULL, 'E'                                                                               \
    }

enum ss_taken { SS_TAKEN, SS_UNKNOWN, SS_REFUSED }; /* Refused: it was said why. */

/* Takes one option. */
enum ss_taken ss_option(struct ss_options *options, struct source *source, int option, const char *argument);
/* What is to be said of the options together, on standard error. False: nothing of TCP was asked for. */
bool ss_settle(const struct ss_options *options);

/* Reads the filter: its words, and before them the states that the options mean. `shy`: as ss, neither TIME_WAIT nor
 * SYN_RCVD are shown unless asked for. A filter with states of its own has the last word. False: wrong, and said so. */
bool ss_filter(struct source *source, struct ss_options *options, bool shy, int nwords, char **words);

/* The connections that the filter and -4, -6 leave, as indexes (malloc): those of IPv4 sockets, then those of IPv6
 * ones, as ss and netstat ask for them. NULL: memory was refused. */
uint32_t *ss_select(const struct snap *snap, const struct source *source, const struct ss_options *options,
                    uint32_t *n);

#endif
