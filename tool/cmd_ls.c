/* lastack ls: the arguments, and what is asked of the source for them.
 *
 * Only what the columns, the filter and the keys need is looked at: counting states at 100,000 connections must not
 * wait for every descriptor of the host. What could not be seen is said on standard error, where scripts do not
 * stumble. */
#include "cmd.h"
#include "inspect/snap_json.h"
#include "ls_columns.h"
#include "ls_group.h"
#include "ss_options.h"

#include <stdlib.h>
#include <string.h>

struct options {
    struct source source;
    struct ss_options ss;
    struct ls_keys by, sort;
    bool json, wide, no_owners;
};

static void usage(FILE *to) {
    fputs("usage: lastack ls [-t] [-a | -l] [-4 | -6] [--by KEY,…] [--sort [-]KEY,…] [--wide] [--json] [FILTER]\n"
          "\n"
          "Lists TCP connections: state, time in it, queues, timer, and every process that holds them. Listeners are\n"
          "left out unless asked for (-l, -a, or a filter that says \"state listening\").\n"
          "\n"
          "  -a, --all        listeners, too\n"
          "  -l, --listening  only listeners\n"
          "  -4, -6           only IPv4 or IPv6 sockets\n"
          "  --by KEY,…       counts: program pid user unit container state peer peer-addr peer-port local local-port\n"
          "                   netns\n"
          "  --sort KEY,…     by these, age, recv-q, send-q, timer, rtt, retransmits, bytes, cookie, or count (of "
          "groups);\n"
          "                   -KEY: the greatest first. Without it: by state, the oldest first\n"
          "  --wide           every column, and nothing abbreviated (-e, -i do the same)\n"
          "  --no-owners      do not look for the processes, which takes long on large hosts\n"
          "  --json           the snapshot as a document, for lastack why --from FILE; with listeners\n"
          "  -H, --no-header  no line of titles\n"
          "  -s, --summary    how many in each state: --by state of all\n",
          to);
    source_help(to, true);
    fputs("  --help           this\n"
          "\n"
          "Addresses and ports are numbers. The other letters of ss(8) are taken, too: what they ask for is there "
          "anyway.\n"
          "FILTER is the language of ss with more words, as in: state close-wait dport = :443 age '>' 60s program = "
          "nginx\n"
          "lastack-ls(1) has all of them.\n"
          "\n"
          "Exit status: 0, or 2: wrong usage, or it cannot be seen here.\n",
          to);
}

enum { OPT_BY = SS_OPTION_END, OPT_SORT, OPT_JSON, OPT_WIDE, OPT_NO_OWNERS, OPT_HELP };

static const struct option known[] = {SOURCE_OPTIONS,
                                      SS_OPTIONS,
                                      {"by", required_argument, NULL, OPT_BY},
                                      {"sort", required_argument, NULL, OPT_SORT},
                                      {"json", no_argument, NULL, OPT_JSON},
                                      {"wide", no_argument, NULL, OPT_WIDE},
                                      {"no-owners", no_argument, NULL, OPT_NO_OWNERS},
                                      {"help", no_argument, NULL, OPT_HELP},
                                      {NULL, 0, NULL, 0}};

static bool read_keys(const char *option, const char *list, enum ls_key limit, struct ls_keys *keys) {
    char why[400];
    if (keys_read(list, limit, keys, why, sizeof why)) return true;
    fprintf(stderr, "lastack ls: %s: %s\n", option, why);
    return false;
}

/* One option. False: wrong, and said so. */
static bool take(struct options *options, int c) {
    if (source_option(&options->source, c, optarg)) return true;
    switch (c) {
    case OPT_BY: return read_keys("--by", optarg, NGROUP_KEYS, &options->by);
    case OPT_SORT: return read_keys("--sort", optarg, NKEYS, &options->sort);
    case OPT_JSON: options->json = true; return true;
    case OPT_WIDE: options->wide = true; return true;
    case OPT_NO_OWNERS: options->no_owners = true; return true;
    case 'h':
    case OPT_HELP: usage(stdout); exit(EXIT_AS_SCRIPTED);
    default: break;
    }
    enum ss_taken taken = ss_option(&options->ss, &options->source, c, optarg);
    if (taken == SS_UNKNOWN) fputs("lastack ls --help says what there is\n", stderr);
    return taken == SS_TAKEN;
}

static bool wrong(const char *text) {
    fprintf(stderr, "lastack ls: %s\n", text);
    return false;
}

/* What goes together. */
static bool settle(struct options *options) {
    struct ls_keys *by = &options->by, *sort = &options->sort;
    if (options->ss.summary) {
        options->ss.all = true;
        if (!by->n) *by = (struct ls_keys){.n = 1, .key = {KEY_STATE}};
    }
    if (options->json && (by->n || sort->n))
        return wrong("--json is the snapshot itself: it goes with a filter, not with --by, --sort or -s");
    if (options->json && (options->ss.ipv4 || options->ss.ipv6))
        return wrong("--json is the snapshot itself: instead of -4 or -6, take a filter (src inet: or src inet6:)");
    for (unsigned i = 0; i < sort->n && by->n; i++)
        if (sort->key[i] != KEY_COUNT && sort->key[i] != KEY_AGE && !keys_have(by, sort->key[i]))
            return wrong("groups are sorted by count, age or what they are grouped by");
    if (keys_have(sort, KEY_COUNT) && !by->n) return wrong("--sort count wants groups: --by");
    if (!sort->n && by->n) *sort = (struct ls_keys){.n = 1, .key = {KEY_COUNT}, .down = {true}};
    if (!sort->n) *sort = (struct ls_keys){.n = 2, .key = {KEY_STATE, KEY_AGE}, .down = {false, true}};
    options->wide |= options->ss.extended || options->ss.info;
    return ss_settle(&options->ss);
}

static bool read_options(int argc, char **argv, struct options *options) {
    *options = (struct options){.source = {.verb = "ls"}, .ss = {.verb = "ls"}};
    int c;
    while ((c = getopt_long(argc, argv, SS_SHORT "h", known, NULL)) >= 0)
        if (!take(options, c)) return false;
    if (!settle(options)) return false;
    /* The document keeps listeners: whoever reads it wants to know who came through which. */
    struct ss_options states = options->ss;
    states.all |= options->json && !states.listening;
    return ss_filter(&options->source, &states, false, argc - optind, argv + optind);
}

static unsigned parts_of(const struct options *options) {
    unsigned parts = filter_parts(options->source.filter) | keys_parts(&options->sort) | keys_parts(&options->by);
    if (options->by.n) return parts | LINUX_MEASURED; /* For the oldest. */
    parts |= LINUX_MEASURED | LINUX_OWNERS;
    if (options->json) parts |= LINUX_FACTS;
    unsigned needed = filter_parts(options->source.filter) | keys_parts(&options->sort);
    return options->no_owners && !(needed & LINUX_OWNERS) ? parts & ~(unsigned)LINUX_OWNERS : parts;
}

/* --- Output --- */

/* What standard output did not take is told at the end of the program. */
static bool put(void *arg, const char *text, size_t len) {
    (void)arg;
    fwrite(text, 1, len, stdout);
    return true;
}

static bool list_groups(const struct options *options, const struct snap *snap, const uint32_t *conns, uint32_t n) {
    struct look look = look_of_output();
    struct ls_groups groups;
    bool made = groups_make(snap, &options->by, conns, n, &groups);
    if (made) {
        groups_sort(snap, &options->by, &options->sort, &groups);
        made = groups_print(snap, &options->by, &groups, &look, !options->ss.no_header, options->wide);
    }
    groups_free(&groups);
    return made;
}

static bool list_conns(const struct options *options, const struct snap *snap, uint32_t *conns, uint32_t n) {
    struct look look = look_of_output();
    struct ls_show show = {.headed = !options->ss.no_header,
                           .wide = options->wide,
                           .owners = snap->owners_known,
                           .netns = snap->nnetns > 1};
    keys_sort(snap, &options->sort, conns, n);
    return columns_print(snap, conns, n, &look, &show);
}

static bool list(const struct options *options, const struct snap *snap) {
    if (options->json) return snap_json_put(snap, options->source.filter, put, NULL);
    uint32_t n, *conns = ss_select(snap, &options->source, &options->ss, &n);
    bool listed = conns && (options->by.n ? list_groups(options, snap, conns, n) : list_conns(options, snap, conns, n));
    free(conns);
    return listed;
}

/* Text from elsewhere, on a terminal. */
static void warn(const char *what, const char *need) {
    char *clean_what = look_clean(what), *clean_need = need ? look_clean(need) : NULL;
    if (clean_what)
        fprintf(stderr, "lastack ls: not seen: %s%s%s\n", clean_what, clean_need ? ": " : "",
                clean_need ? clean_need : "");
    free(clean_what);
    free(clean_need);
}

int cmd_ls(int argc, char **argv) {
    struct options options;
    int status = EXIT_UNABLE;
    bool read = read_options(argc, argv, &options);
    struct snap *snap = read ? source_snap(&options.source, parts_of(&options), &status) : NULL;
    if (snap) {
        /* Only here can it be seen, and the document is for a diagnosis elsewhere. */
        if (options.json && snap->owners_known) source_look_closely(&options.source, &(struct patience){0}, snap);
        status = list(&options, snap) && !snap->failed ? EXIT_AS_SCRIPTED : EXIT_UNABLE;
        fflush(stdout);
        if (status) fputs("lastack ls: not enough memory: connections are missing\n", stderr);
        for (uint32_t i = 0; i < snap->nblinds && !options.json; i++) warn(snap->blinds[i].what, snap->blinds[i].need);
    }
    snap_free(snap);
    source_free(&options.source);
    return status;
}
