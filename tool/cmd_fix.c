/* lastack fix: the arguments, the choice of connections, and whether anything is done at all.
 *
 * In come the words of the command line; out go a plan or, with --yes, results (fix_report.c). The connections are
 * named one by one (sockets) or by a filter; which it is, the first word tells. Sockets are matched here and not by the
 * filter, since "pid:P/fd:F" means one descriptor. What is named itself stays in the list even if the cure cannot help
 * there, and is refused with the reason; what a filter matches is left out then, and counted. Listeners are never taken
 * by a filter. Nothing is done without --yes, to an empty filter, or to more than --max connections. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "fix_report.h"
#include "fix_target.h"
#include "inspect/linux_control.h"

#define MAX_DEFAULT 100
#define MAX_MOST 10000000
#define SECONDS_MOST 86400

const struct cure_options fix_usual = {
    .user_timeout = 10 * LA_SECOND, .wait = 2 * LA_SECOND, .keep_idle = 1, .keep_interval = 1, .keep_probes = 3};

static void usage(FILE *to) {
    fputs(
        "usage: lastack fix [OPTIONS] SOCKET…|FILTER…\n"
        "\n"
        "Ends connections that do not end by themselves. Without --yes nothing is done: it is shown what each process\n"
        "and the peer would see. Without a cure named, the mildest one that can help is.\n"
        "\n"
        "  --nudge              wakes the program again for an end of file that it missed; sends nothing\n"
        "  --keepalive          asks the peer's host whether it still has the connection; if not, it ends\n"
        "  --close              sends a FIN, as the program's close() would; recv() gives 0, send() EPIPE\n"
        "  --reset              destroys it in the kernel; the peer gets an RST\n"
        "  --yes                do it, look what came of it, and report that\n"
        "  --user-timeout S     with --close: how long the peer may be silent (10; 0: leave it)\n"
        "  --keepalive-idle S, --keepalive-interval S, --keepalive-probes N\n"
        "                       with --keepalive: when, how often and how many times to ask (1, 1, 3)\n"
        "  --wait S             how long to look for the effect (2; with --keepalive until the last probe)\n"
        "  --max N              refuse more connections than this (100)\n"
        "  --json               one JSON document\n"
        "  -h, --help           this\n",
        to);
    source_help(to, true);
    fputs("\n"
          "SOCKET: sk:COOKIE (as lastack ls prints it), pid:P/fd:F or P/F, or its two ends: LOCAL:PORT PEER:PORT.\n"
          "Its descriptor number stays taken until the program closes it or ends.\n"
          "\n"
          "Exit status: 0 all cured, or shown what would be; 1 something is not cured (yet), or nothing matches; 2 "
          "wrong\n"
          "usage or unable.\n",
          to);
}

static int complain(const char *text) {
    fprintf(stderr, "lastack fix: %s\n", text);
    return EXIT_UNABLE;
}

/* --- Arguments --- */

struct request {
    struct fix fix;
    struct source source;
    bool yes;
    struct target *targets; /* NULL: the words are a filter. */
    size_t ntargets;
};

enum fix_option {
    OPTION_NUDGE = SOURCE_OPTION_END,
    OPTION_KEEPALIVE,
    OPTION_CLOSE,
    OPTION_RESET,
    OPTION_YES,
    OPTION_USER_TIMEOUT,
    OPTION_WAIT,
    OPTION_IDLE,
    OPTION_INTERVAL,
    OPTION_PROBES,
    OPTION_MAX,
    OPTION_JSON,
};

static const struct option_name {
    const char *name;
    enum fix_option option;
} numeric[] = {
    {"--user-timeout", OPTION_USER_TIMEOUT}, {"--wait", OPTION_WAIT},
    {"--keepalive-idle", OPTION_IDLE},       {"--keepalive-interval", OPTION_INTERVAL},
    {"--keepalive-probes", OPTION_PROBES},   {"--max", OPTION_MAX},
};

static bool wrong_number(int option, const char *wants) {
    const char *name = "?";
    for (size_t i = 0; i < sizeof numeric / sizeof numeric[0]; i++)
        if ((int)numeric[i].option == option) name = numeric[i].name;
    fprintf(stderr, "lastack fix: %s wants %s\n", name, wants);
    return false;
}

static bool set_seconds(int option, const char *text, la_time *time) {
    char *end;
    double seconds = *text >= '0' && *text <= '9' ? strtod(text, &end) : -1;
    if (!(seconds >= 0 && seconds <= SECONDS_MOST) || *end) return wrong_number(option, "seconds, from 0 to 86400");
    *time = (la_time)(seconds * (double)LA_SECOND);
    return true;
}

static bool set_number(int option, const char *text, unsigned most, unsigned *number) {
    char wants[64];
    uint64_t value;
    if (fix_number(&text, 10, most, &value) && !*text && value) {
        *number = (unsigned)value;
        return true;
    }
    snprintf(wants, sizeof wants, "a number from 1 to %u", most);
    return wrong_number(option, wants);
}

static bool set_cure(struct fix *fix, enum cure cure) {
    if (fix->cure != NCURES && fix->cure != cure) {
        fprintf(stderr, "lastack fix: --%s or --%s, not both\n", cure_name(fix->cure), cure_name(cure));
        return false;
    }
    fix->cure = cure;
    return true;
}

static bool take_option(struct request *request, int option) {
    struct fix *fix = &request->fix;
    struct cure_options *options = &fix->options;
    if (source_option(&request->source, option, optarg)) return true;
    switch (option) {
    case OPTION_NUDGE: return set_cure(fix, CURE_NUDGE);
    case OPTION_KEEPALIVE: return set_cure(fix, CURE_KEEPALIVE);
    case OPTION_CLOSE: return set_cure(fix, CURE_CLOSE);
    case OPTION_RESET: return set_cure(fix, CURE_RESET);
    case OPTION_YES: request->yes = true; return true;
    case OPTION_JSON: fix->json = true; return true;
    case OPTION_USER_TIMEOUT: return set_seconds(option, optarg, &options->user_timeout);
    case OPTION_WAIT: fix->wait_given = true; return set_seconds(option, optarg, &options->wait);
    /* The kernel's own limits. */
    case OPTION_IDLE: return set_number(option, optarg, 32767, &options->keep_idle);
    case OPTION_INTERVAL: return set_number(option, optarg, 32767, &options->keep_interval);
    case OPTION_PROBES: return set_number(option, optarg, 127, &options->keep_probes);
    case OPTION_MAX: return set_number(option, optarg, MAX_MOST, &fix->max);
    default: return false;
    }
}

static const struct option long_options[] = {
    {"nudge", no_argument, NULL, OPTION_NUDGE},
    {"keepalive", no_argument, NULL, OPTION_KEEPALIVE},
    {"close", no_argument, NULL, OPTION_CLOSE},
    {"reset", no_argument, NULL, OPTION_RESET},
    {"yes", no_argument, NULL, OPTION_YES},
    {"user-timeout", required_argument, NULL, OPTION_USER_TIMEOUT},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"keepalive-idle", required_argument, NULL, OPTION_IDLE},
    {"keepalive-interval", required_argument, NULL, OPTION_INTERVAL},
    {"keepalive-probes", required_argument, NULL, OPTION_PROBES},
    {"max", required_argument, NULL, OPTION_MAX},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    SOURCE_OPTIONS,
    {NULL, 0, NULL, 0},
};

/* The words are sockets if the first one is. False: wrong, and said so. */
static bool read_words(struct request *request, int nwords, char **words) {
    struct target first;
    if (!nwords) {
        complain("which connections? Name sockets (sk:COOKIE, PID/FD, LOCAL PEER) or write a filter");
        return false;
    }
    if (!fix_target_read(nwords, words, &first)) return source_filter(&request->source, nwords, words);
    request->targets = calloc((size_t)nwords, sizeof *request->targets);
    if (!request->targets) {
        complain("there is no memory");
        return false;
    }
    for (int at = 0; at < nwords;) {
        int taken = fix_target_read(nwords - at, words + at, &request->targets[request->ntargets++]);
        if (!taken) {
            fprintf(stderr, "lastack fix: \"%s\" is no socket, and sockets and a filter do not go together\n",
                    words[at]);
            return false;
        }
        at += taken;
    }
    return source_filter(&request->source, 0, NULL);
}

/* Options that do not go together. NULL: all is well. */
static const char *contradiction(const struct request *request) {
    const struct fix *fix = &request->fix;
    if (request->yes && fix->cure == NCURES)
        return "--yes wants a cure: --nudge, --keepalive, --close or --reset (without --yes each is explained)";
    if (request->yes && request->source.from) return "a snapshot from a file can only be looked at: leave out --yes";
    if (request->source.stack && fix->cure != NCURES && fix->cure != CURE_RESET)
        return "with --stack only --reset works: the others go through a descriptor, and a lastack stack has none";
    return NULL;
}

/* -1: go on; otherwise the exit status. */
static int read_arguments(struct request *request, int argc, char **argv) {
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (option == 'h') {
            usage(stdout);
            return EXIT_AS_SCRIPTED;
        }
        if (option == '?' || option == ':') {
            fprintf(stderr, "lastack fix: %s %s; lastack fix --help lists the options\n", argv[optind - 1],
                    option == ':' ? "wants a value" : "is no option");
            return EXIT_UNABLE;
        }
        if (!take_option(request, option)) return EXIT_UNABLE;
    }
    if (!read_words(request, argc - optind, argv + optind)) return EXIT_UNABLE;
    const char *wrong = contradiction(request);
    if (wrong) return complain(wrong);
    struct cure_options *options = &request->fix.options;
    if (request->fix.cure == CURE_KEEPALIVE && !request->fix.wait_given)
        options->wait = (options->keep_idle + (la_time)options->keep_interval * options->keep_probes + 1) * LA_SECOND;
    return -1;
}

/* --- Choosing --- */

static bool choose(struct fix *fix, uint32_t conn, size_t *room) {
    if (fix->n == *room) {
        size_t more = *room ? *room * 2 : 16;
        struct cured *list = realloc(fix->list, more * sizeof *list);
        if (!list) return false;
        fix->list = list;
        *room = more;
    }
    fix->list[fix->n++] = (struct cured){.conn = conn};
    return true;
}

/* Whether a socket that was named is this connection; all that are become found. */
static bool is_named(struct request *request, const struct snap_conn *conn) {
    bool named = false;
    for (size_t i = 0; i < request->ntargets; i++) {
        if (!fix_target_is(request->fix.snap, conn, &request->targets[i])) continue;
        request->targets[i].found++;
        named = true;
    }
    return named;
}

/* Whether the filter takes it; counts those that it matches in vain. */
static bool is_filtered(struct request *request, const struct snap_conn *conn) {
    struct fix *fix = &request->fix;
    if (conn->state == LA_CLOSED || conn->marks & SNAP_SELF) return false;
    if (!filter_matches(request->source.filter, fix->snap, conn)) return false;
    if (conn->state == LA_LISTEN) {
        fix->listeners++;
        return false;
    }
    const char *no = fix->cure == NCURES ? NULL : cure_objection(fix->cure, fix->snap, conn);
    if (!no) return true;
    if (!fix->left_out++) fix->why_not = no;
    return false;
}

/* Whoever has a connection for its standard input would cut itself off. */
static void mark_own(struct snap *snap) {
    for (uint32_t i = 0; i < snap->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[i];
        if (owner->proc < snap->nprocs && owner->conn < snap->nconns && snap->procs[owner->proc].pid == getpid())
            snap->conns[owner->conn].marks |= SNAP_SELF;
    }
}

static bool choose_all(struct request *request) {
    struct fix *fix = &request->fix;
    size_t room = 0;
    for (uint32_t i = 0; i < fix->snap->nconns; i++) {
        const struct snap_conn *conn = &fix->snap->conns[i];
        bool wanted = request->targets ? is_named(request, conn) : is_filtered(request, conn);
        if (wanted && !choose(fix, i, &room)) return false;
    }
    return true;
}

/* What was not found may be among these. */
static void say_blinds(const struct snap *snap) {
    for (uint32_t i = 0; i < snap->nblinds; i++) {
        const struct snap_blind *blind = &snap->blinds[i];
        fprintf(stderr, "lastack fix: not seen: %s%s%s\n", blind->what, blind->need ? ": " : "",
                blind->need ? blind->need : "");
    }
}

/* Says which sockets were not found. How many. */
static size_t say_missing(const struct request *request) {
    size_t missing = 0;
    for (size_t i = 0; i < request->ntargets; i++) {
        const struct target *target = &request->targets[i];
        if (target->found) continue;
        missing++;
        fprintf(stderr, "lastack fix: no connection is %s%s%s; it may have ended%s\n", target->words[0],
                target->words[1] ? " " : "", target->words[1] ? target->words[1] : "",
                request->source.all_netns || request->source.stack
                    ? ""
                    : ", or be in another network namespace (--all-netns)");
    }
    if (missing) say_blinds(request->fix.snap);
    return missing;
}

/* Two ends may be those of several: in other namespaces, on other interfaces. */
static bool say_ambiguous(const struct request *request) {
    bool any = false;
    for (size_t i = 0; i < request->ntargets; i++) {
        const struct target *target = &request->targets[i];
        if (target->found < 2) continue;
        any = true;
        fprintf(stderr,
                "lastack fix: %zu connections are %s%s%s; leave out --yes to see them, and name those that are meant\n",
                target->found, target->words[0], target->words[1] ? " " : "", target->words[1] ? target->words[1] : "");
    }
    return any;
}

static void say_none(const struct fix *fix) {
    if (fix->left_out)
        fprintf(stderr, "lastack fix: %zu match, but --%s cannot help there; of the first: %s\n", fix->left_out,
                cure_name(fix->cure), fix->why_not);
    else if (fix->listeners)
        fprintf(stderr, "lastack fix: only listeners match (%zu): %s\n", fix->listeners, fix_ender(fix));
    else
        fputs("lastack fix: no connection matches\n", stderr);
}

/* What the owners wait for tells whether a nudge can help. */
static void look_closely(const struct fix *fix, struct snap *snap) {
    uint32_t *conns = malloc(fix->n * sizeof *conns);
    if (!conns) return;
    for (size_t i = 0; i < fix->n; i++) conns[i] = fix->list[i].conn;
    linux_look_closely(snap, conns, (uint32_t)fix->n);
    free(conns);
}

/* --- Doing it --- */

static void reset_in_stack(struct fix *fix) {
    for (size_t i = 0; i < fix->n; i++) {
        struct cured *cured = &fix->list[i];
        const struct snap_conn *conn = &fix->snap->conns[cured->conn];
        const char *no = cure_objection(CURE_RESET, fix->snap, conn);
        char why[256] = "";
        if (no) {
            say(&cured->said, "Nothing was done: %s.\n", no);
            cured->result = CURE_REFUSED;
            continue;
        }
        bool done = control_reset(fix->source->stack, conn, why, sizeof why);
        cured->result = done ? CURED : CURE_REFUSED;
        say(&cured->said, done ? "The stack ended it.\n" : "The stack did not end it: %s\n", why);
    }
}

static int act(struct fix *fix) {
    if (fix->source->stack)
        reset_in_stack(fix);
    else
        linux_cure(fix->cure, fix->snap, fix->list, fix->n, &fix->options);
    fix->acted = true;
    if (!fix_report(fix)) return complain("there is no memory for the report; what was asked for was tried");
    return fix_count(fix, CURED) == fix->n ? EXIT_AS_SCRIPTED : EXIT_OTHERWISE;
}

static int fix_snap(struct request *request, struct snap *snap) {
    struct fix *fix = &request->fix;
    fix->snap = snap;
    if (source_is_host(&request->source)) mark_own(snap);
    if (!choose_all(request)) return complain("there is no memory");
    bool missing = say_missing(request) > 0;
    if (!fix->n) {
        if (!request->targets) say_none(fix);
        if (fix->json && !fix_report(fix)) return complain("there is no memory");
        return EXIT_OTHERWISE;
    }
    if (request->yes && say_ambiguous(request)) return EXIT_UNABLE;
    if (fix->n > fix->max) {
        fprintf(stderr, "lastack fix: these are %zu connections, more than %u; if all are meant, say --max %zu\n",
                fix->n, fix->max, fix->n);
        return EXIT_UNABLE;
    }
    if (source_is_host(&request->source) && (fix->cure == NCURES || fix->cure == CURE_NUDGE)) look_closely(fix, snap);
    int status = EXIT_AS_SCRIPTED;
    if (request->yes)
        status = act(fix);
    else if (!fix_report(fix))
        status = complain("there is no memory");
    else if (fix->cure != NCURES && !fix_treatable(fix))
        status = EXIT_OTHERWISE;
    return status == EXIT_AS_SCRIPTED && missing ? EXIT_OTHERWISE : status;
}

int cmd_fix(int argc, char **argv) {
    struct request request = {
        .fix = {.cure = NCURES, .max = MAX_DEFAULT, .options = fix_usual},
        .source = {.verb = "fix"},
    };
    request.fix.source = &request.source;
    int status = read_arguments(&request, argc, argv);
    request.source.whole = !request.yes; /* Whether the other end is here decides which cure is of use. */
    if (status < 0) {
        struct snap *snap = source_snap(&request.source, LINUX_MEASURED | LINUX_OWNERS, &status);
        if (snap) status = fix_snap(&request, snap);
        snap_free(snap);
    }
    for (size_t i = 0; i < request.fix.n; i++) say_free(&request.fix.list[i].said);
    free(request.fix.list);
    free(request.targets);
    source_free(&request.source);
    return status;
}
