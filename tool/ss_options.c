#include "ss_options.h"

#include "habit.h"

#include <stdlib.h>
#include <string.h>

static enum ss_taken refuse_kill(const struct ss_options *options) {
    fprintf(stderr,
            "lastack %s: -K resets connections without a word; lastack fix --reset FILTER shows which ones and what "
            "will happen, and does it with --yes\n",
            options->verb);
    return SS_REFUSED;
}

/* -A tcp,udp and -f inet6: which kinds of sockets. */
static enum ss_taken kinds(struct ss_options *options, const char *list) {
    for (const char *at = list; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        bool tcp = len == 3 && !memcmp(at, "tcp", 3), inet = len == 4 && !memcmp(at, "inet", 4);
        if (tcp)
            options->tcp = true;
        else if (!inet && !(len == 3 && !memcmp(at, "all", 3)))
            options->other = true;
        at += len;
    }
    return SS_TAKEN;
}

static enum ss_taken family(struct ss_options *options, const char *name) {
    if (!strcmp(name, "inet"))
        options->ipv4 = true;
    else if (!strcmp(name, "inet6"))
        options->ipv6 = true;
    else
        options->other = true;
    return SS_TAKEN;
}

enum ss_taken ss_option(struct ss_options *options, struct source *source, int option, const char *argument) {
    switch (option) {
    case 't': options->tcp = true; return SS_TAKEN;
    case 'a': options->all = true; return SS_TAKEN;
    case 'l': options->listening = true; return SS_TAKEN;
    case 'p': options->owners = true; return SS_TAKEN;
    case 'o': options->timer = true; return SS_TAKEN;
    case 'e': options->extended = true; return SS_TAKEN;
    case 'i': options->info = true; return SS_TAKEN;
    case '4': options->ipv4 = true; return SS_TAKEN;
    case '6': options->ipv6 = true; return SS_TAKEN;
    case 'H': options->no_header = true; return SS_TAKEN;
    case 's': options->summary = true; return SS_TAKEN;
    case 'N': source->netns = argument; return SS_TAKEN;
    case 'A': return kinds(options, argument);
    case 'f': return family(options, argument);
    case 'K': return refuse_kill(options);
    case 'E':
        fprintf(stderr, "lastack %s: -E follows connections as they end: lastack watch does\n", options->verb);
        return SS_REFUSED;
    case 'u':
    case 'w':
    case 'x':
    case 'd':
    case 'M':
    case 'S':
    case '0':
    case SS_OPTION_OTHER: options->other = true; return SS_TAKEN;
    case 'n':
    case 'r':
    case 'm':
    case 'O':
    case 'T':
    case 'b':
    case 'Z':
    case 'z':
    case SS_OPTION_NOTHING: return SS_TAKEN; /* Nothing here depends on them. */
    default: return SS_UNKNOWN;
    }
}

bool ss_settle(const struct ss_options *options) {
    if (!options->other) return true;
    fprintf(stderr, "lastack %s: lastack shows TCP; other sockets (UDP, unix, ...) are not listed\n", options->verb);
    return options->tcp;
}

/* Whether a filter names states itself. Its words may stand in one argument. */
static bool has_states(int nwords, char **words) {
    static const char parting[] = " \t(!&|";
    for (int i = 0; i < nwords; i++)
        for (const char *at = words[i]; *(at += strspn(at, parting)); at += strcspn(at, parting)) {
            size_t len = strcspn(at, " \t(!&|=");
            if ((len == 5 && !memcmp(at, "state", 5)) || (len == 7 && !memcmp(at, "exclude", 7))) return true;
        }
    return false;
}

#define STATE_WORDS 8

bool ss_filter(struct source *source, struct ss_options *options, bool shy, int nwords, char **words) {
    static char *const listening[] = {"state", "listening"};
    static char *const usual[] = {"exclude", "listening"};
    static char *const shyly[] = {"exclude", "listening", "exclude", "closed",
                                  "exclude", "time-wait", "exclude", "syn-recv"};
    char *const *states = options->listening ? listening : shy ? shyly : usual;
    int nstates = shy && !options->listening ? 8 : 2;
    options->named = has_states(nwords, words);
    if (options->all || options->named) nstates = 0;
    char **joined = calloc((size_t)nwords + STATE_WORDS, sizeof *joined);
    if (!joined) {
        fprintf(stderr, "lastack %s: not enough memory\n", source->verb);
        return false;
    }
    memcpy(joined, states, (size_t)nstates * sizeof *joined);
    if (nwords) memcpy(joined + nstates, words, (size_t)nwords * sizeof *joined);
    bool read = source_filter(source, nstates + nwords, joined);
    free(joined);
    return read;
}

static bool of_family(bool six, const struct ss_options *options) {
    return options->ipv4 == options->ipv6 || six == options->ipv6;
}

uint32_t *ss_select(const struct snap *snap, const struct source *source, const struct ss_options *options,
                    uint32_t *n) {
    uint32_t *conns = malloc((snap->nconns ? snap->nconns : 1) * sizeof *conns);
    *n = 0;
    for (int six = 0; conns && six < 2; six++)
        for (uint32_t i = 0; i < snap->nconns; i++)
            if (habit_is6(&snap->conns[i]) == six && of_family(six, options) &&
                filter_matches(source->filter, snap, &snap->conns[i]))
                conns[(*n)++] = i;
    return conns;
}
