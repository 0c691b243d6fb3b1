/* lastack drill: the arguments, the list of cases, and the way between the workers and the report.
 *
 * The options that are ours stand in one table. Every other argument that begins with "--" or "-D" is packetdrill's and
 * goes to la_drill_option_parse, so that the command line of the original tool works here. */
#define _GNU_SOURCE
#include "cmd.h"
#include "drill_host.h"
#include "drill_jobs.h"
#include "drill_play.h"
#include "drill_report.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOBS_MAX 256
#define REPEAT_MAX 1000000
#define TIMEOUT_DEFAULT 120
#define NVERSIONS 3

static void usage(FILE *to) {
    fputs("usage: lastack drill [OPTIONS] FILE|DIR|-…\n"
          "\n"
          "Runs packetdrill scripts (every *.pkt of a directory) against the stack in virtual time, or against the\n"
          "kernel.\n"
          "\n"
          "  --on stack|kernel|both   against which TCP (stack); both: side by side\n"
          "  --profile NAME           linux, freebsd or rfc (by collection: drill.profile, then the path)\n"
          "  --ip_version=all         each script that does not say its own under ipv4, ipv6 and ipv4-mapped-ipv6\n"
          "  -j, --jobs N             so many at a time (as many as there are processors; on the kernel half of it)\n"
          "  --repeat N               each so many times\n"
          "  --timeout S              a script that takes longer is broken (120 s; 0: no limit)\n"
          "  -v, --verbose            the wire as the script sees it, with both ends' states\n"
          "  --only-failed            of the scripts, only those that did not pass\n"
          "  --summary                only the tables\n"
          "  -q, --quiet              only the exit status\n"
          "  --json, --tap            JSON lines, or TAP, instead of text\n"
          "  --junit FILE             JUnit's XML as well\n"
          "  --pcap DIR               each script's packets as pcapng\n"
          "  --list                   only say which scripts there are, with their profiles\n"
          "  -h, --help               this\n"
          "  --mtu=N, --tolerance_usecs=N, -Dname=value …   as packetdrill's; they win over a script's own\n"
          "\n"
          "Exit status: 0 all passed, 1 one failed, 2 one is malformed or wrong usage, 77 none is applicable.\n",
          to);
}

/* --- Options --- */

static bool wrong(const char *option, const char *wants, const char *value) {
    fprintf(stderr, "lastack drill: %s wants %s, not \"%s\"\n", option, wants, value);
    return false;
}

static bool read_number(const char *option, const char *value, unsigned least, unsigned most, unsigned *number) {
    char *end, wants[64];
    errno = 0;
    unsigned long n = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || n < least || n > most) {
        snprintf(wants, sizeof wants, "a number from %u to %u", least, most);
        return wrong(option, wants, value);
    }
    *number = (unsigned)n;
    return true;
}

static bool set_on(struct drill_plan *plan, const char *option, const char *value) {
    if (!strcmp(value, "stack"))
        plan->on = ON_STACK;
    else if (!strcmp(value, "kernel"))
        plan->on = ON_KERNEL;
    else if (!strcmp(value, "both"))
        plan->on = ON_BOTH;
    else
        return wrong(option, "stack, kernel or both", value);
    return true;
}

static bool set_profile(struct drill_plan *plan, const char *option, const char *value) {
    plan->profile = value;
    return files_is_profile(value) || wrong(option, "linux, freebsd or rfc", value);
}

static bool set_jobs(struct drill_plan *plan, const char *option, const char *value) {
    return read_number(option, value, 1, JOBS_MAX, &plan->jobs);
}

static bool set_repeat(struct drill_plan *plan, const char *option, const char *value) {
    return read_number(option, value, 1, REPEAT_MAX, &plan->repeat);
}

static bool set_timeout(struct drill_plan *plan, const char *option, const char *value) {
    return read_number(option, value, 0, 1000000, &plan->timeout_s);
}

static bool set_pcap(struct drill_plan *plan, const char *option, const char *value) {
    (void)option;
    plan->pcap = value;
    if (!mkdir(value, 0777) || errno == EEXIST) return true;
    fprintf(stderr, "lastack drill: %s: %s\n", value, strerror(errno));
    return false;
}

static bool set_junit(struct drill_plan *plan, const char *option, const char *value) {
    (void)option;
    plan->junit = value;
    return true;
}

static bool set_format(struct drill_plan *plan, const char *option, const char *value) {
    (void)value;
    plan->format = !strcmp(option, "--tap") ? FORMAT_TAP : FORMAT_JSON;
    return true;
}

static bool show_help(struct drill_plan *plan, const char *option, const char *value) {
    (void)plan, (void)option, (void)value;
    usage(stdout);
    exit(EXIT_AS_SCRIPTED);
}

static const struct own {
    const char *name;
    char letter; /* 0: none. */
    bool has_value;
    bool (*set)(struct drill_plan *plan, const char *option, const char *value);
    size_t flag; /* Where `set` is NULL: the bool of the plan that becomes true. */
} owns[] = {
    {"--on", 0, true, set_on, 0},
    {"--profile", 0, true, set_profile, 0},
    {"--jobs", 'j', true, set_jobs, 0},
    {"--repeat", 0, true, set_repeat, 0},
    {"--timeout", 0, true, set_timeout, 0},
    {"--pcap", 0, true, set_pcap, 0},
    {"--junit", 0, true, set_junit, 0},
    {"--json", 0, false, set_format, 0},
    {"--tap", 0, false, set_format, 0},
    {"--help", 'h', false, show_help, 0},
    {"--verbose", 'v', false, NULL, offsetof(struct drill_plan, verbose)},
    {"--quiet", 'q', false, NULL, offsetof(struct drill_plan, quiet)},
    {"--summary", 0, false, NULL, offsetof(struct drill_plan, summary)},
    {"--only-failed", 0, false, NULL, offsetof(struct drill_plan, only_failed)},
    {"--list", 0, false, NULL, offsetof(struct drill_plan, list)},
};

/* Finds the option and its value within the argument ("--on=both", "-j8"); NULL where the value is the next one. Behind
 * the letter of an option without a value come further letters ("-qv"). */
static const struct own *own_of(const char *arg, const char **value) {
    for (size_t i = 0; i < sizeof owns / sizeof owns[0]; i++) {
        const struct own *own = &owns[i];
        size_t len = strlen(own->name);
        *value = NULL;
        if (!strcmp(arg, own->name)) return own;
        if (!strncmp(arg, own->name, len) && arg[len] == '=') {
            *value = arg + len + 1;
            return own;
        }
        if (!own->letter || arg[0] != '-' || arg[1] != own->letter) continue;
        if (arg[2]) *value = arg + 2;
        return own;
    }
    return NULL;
}

/* packetdrill's own, as "--name=value", "--name value", "-Dname=value" or "-D name=value". Returns how many arguments
 * it was; 0: wrong, and said so. */
static int read_packetdrill(struct drill_plan *plan, char **arg, int left) {
    static const char *const with_value[] = {"--ip_version",      "--bind_port",    "--connect_port",
                                             "--remote_ip",       "--local_ip",     "--gateway_ip",
                                             "--netmask_ip",      "--mss",          "--mtu",
                                             "--tolerance_usecs", "--define",       "--tolerance_percent",
                                             "--speed",           "--non_fatal",    "--tcp_ts_tick_usecs",
                                             "--tcp_md5_secret",  "--init_scripts", "--udp_encapsulation"};
    char joined[4096], error[256];
    const char *text = arg[0];
    bool wants = !strcmp(text, "-D");
    for (size_t i = 0; i < sizeof with_value / sizeof with_value[0]; i++) wants |= !strcmp(text, with_value[i]);
    if (wants && left > 1) {
        snprintf(joined, sizeof joined, "%s%s%s", text, text[1] == 'D' ? "" : "=", arg[1]);
        text = joined;
    }
    if (!strcmp(text, "--ip_version=all")) {
        plan->all_versions = true;
    } else if (!la_drill_option_parse(&plan->options, text, error, sizeof error)) {
        fprintf(stderr, "lastack drill: %s; lastack drill --help lists the options\n", error);
        return 0;
    }
    return wants && left > 1 ? 2 : 1;
}

static int read_own(struct drill_plan *plan, const struct own *own, const char *value, char **arg, int left);

/* The rest of "-qv". */
static int read_letters(struct drill_plan *plan, const char *letters, char **arg, int left) {
    char rest[512];
    const char *value;
    snprintf(rest, sizeof rest, "-%s", letters);
    const struct own *own = own_of(rest, &value);
    if (!own || rest[1] == '-') {
        fprintf(stderr, "lastack drill: no option is called -%.1s; lastack drill --help lists the options\n", letters);
        return 0;
    }
    char *as_if[2] = {rest, left > 1 ? arg[1] : NULL};
    return read_own(plan, own, value, as_if, left);
}

/* One of ours; the same. */
static int read_own(struct drill_plan *plan, const struct own *own, const char *value, char **arg, int left) {
    int used = 1;
    if (own->has_value && !value) {
        if (left < 2) {
            fprintf(stderr, "lastack drill: %s wants a value; lastack drill --help says which\n", own->name);
            return 0;
        }
        value = arg[1];
        used = 2;
    }
    bool letters = !own->has_value && value && arg[0][1] == own->letter;
    if (value && !own->has_value && !letters) {
        fprintf(stderr, "lastack drill: %s takes no value\n", own->name);
        return 0;
    }
    if (own->set && !own->set(plan, own->name, value)) return 0;
    if (!own->set) *(bool *)((char *)plan + own->flag) = true;
    return letters ? read_letters(plan, value, arg, left) : used;
}

/* Reads the arguments. Paths are moved to the front of argv. False: wrong, and said so. */
static bool read_options(int argc, char **argv, struct drill_plan *plan) {
    bool options_over = false;
    *plan = (struct drill_plan){.on = ON_STACK, .repeat = 1, .timeout_s = TIMEOUT_DEFAULT, .paths = argv + 1};
    for (int i = 1; i < argc;) {
        const char *arg = argv[i], *value;
        int used = 1;
        if (options_over || arg[0] != '-' || !arg[1]) {
            plan->paths[plan->npaths++] = argv[i];
        } else if (!strcmp(arg, "--")) {
            options_over = true;
        } else {
            const struct own *own = own_of(arg, &value);
            used = own ? read_own(plan, own, value, argv + i, argc - i) : read_packetdrill(plan, argv + i, argc - i);
            if (!used) return false;
        }
        i += used;
    }
    if (!plan->npaths) usage(stderr);
    return plan->npaths > 0;
}

/* --- Cases --- */

struct session {
    const struct drill_plan *plan;
    struct drill_case *cases;
    size_t ncases;
    struct report report;
};

static bool find_files(const struct drill_plan *plan, struct script_files *files) {
    char error[4352];
    for (int i = 0; i < plan->npaths; i++)
        if (!files_add(files, plan->paths[i], error, sizeof error)) {
            fprintf(stderr, "lastack drill: %s\n", error);
            return false;
        }
    return true;
}

static bool make_cases(struct session *session, const struct script_files *files) {
    const struct drill_plan *plan = session->plan;
    size_t versions = plan->all_versions ? NVERSIONS : 1, n = 0;
    session->ncases = files->count * versions * plan->repeat;
    session->cases = calloc(session->ncases, sizeof *session->cases);
    if (!session->cases) {
        fprintf(stderr, "lastack drill: not enough memory\n");
        return false;
    }
    for (size_t i = 0; i < files->count; i++)
        for (size_t version = 0; version < versions; version++)
            for (unsigned turn = 1; turn <= plan->repeat; turn++)
                session->cases[n++] = (struct drill_case){.file = &files->file[i],
                                                          .version = plan->all_versions ? (int)version : -1,
                                                          .turn = plan->repeat > 1 ? turn : 0};
    return true;
}

static void play(void *ctx, size_t task, struct answer *answer) {
    struct session *session = ctx;
    play_case(session->plan, &session->cases[task], answer);
}

static void done(void *ctx, size_t task, const struct answer *answer) {
    struct session *session = ctx;
    report_case(&session->report, &session->cases[task], answer);
}

static void lost(void *ctx, size_t task, const char *why) {
    struct session *session = ctx;
    report_lost(&session->report, &session->cases[task], why);
}

static void progress(void *ctx, size_t over, size_t latest) {
    struct session *session = ctx;
    report_progress(&session->report, over, session->cases[latest].file->path);
}

/* Real time wants room: scripts that run on the kernel get half of the processors. */
static unsigned workers_for(const struct session *session) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned workers = session->plan->jobs;
    if (!workers) workers = processors < 1 ? 1 : processors > JOBS_MAX ? JOBS_MAX : (unsigned)processors;
    if (!session->plan->jobs && session->plan->on & ON_KERNEL) workers = (workers + 1) / 2;
    return workers < session->ncases ? workers : (unsigned)session->ncases;
}

static int run_cases(struct session *session) {
    char error[256];
    if (!report_begin(&session->report, session->plan, session->ncases, error, sizeof error)) {
        fprintf(stderr, "lastack drill: %s\n", error);
        return EXIT_UNABLE;
    }
    struct jobs jobs = {.ntasks = session->ncases,
                        .workers = workers_for(session),
                        /* What the kernel keeps of a script (namespaces, threads) goes with its process. */
                        .fresh = (session->plan->on & ON_KERNEL) != 0,
                        .timeout_s = session->plan->timeout_s,
                        .ctx = session,
                        .play = play,
                        .leave = drill_host_leave,
                        .done = done,
                        .lost = lost,
                        .progress = progress};
    bool ok = jobs_run(&jobs, error, sizeof error);
    drill_host_remove_abandoned();
    int status = report_end(&session->report);
    if (!ok) fprintf(stderr, "lastack drill: %s\n", error);
    return ok || status == EXIT_UNABLE ? status : EXIT_OTHERWISE;
}

static int list(const struct drill_plan *plan, const struct script_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        const char *profile = plan->profile ? plan->profile : files->file[i].profile;
        printf("%-8.*s %s\n", (int)strcspn(profile, " "), profile, files->file[i].path);
    }
    return EXIT_AS_SCRIPTED;
}

int cmd_drill(int argc, char **argv) {
    static struct drill_plan plan;
    static struct session session = {.plan = &plan};
    struct script_files files = {0};
    int status = EXIT_UNABLE;
    if (!read_options(argc, argv, &plan)) return status;
    if (find_files(&plan, &files)) {
        if (plan.list)
            status = list(&plan, &files);
        else if (make_cases(&session, &files))
            status = run_cases(&session);
    }
    free(session.cases);
    files_free(&files);
    if (jobs_stopped()) { /* So that a shell sees what happened. */
        signal(jobs_stopped(), SIG_DFL);
        raise(jobs_stopped());
    }
    return status;
}
