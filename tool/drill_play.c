/* One case, in a worker: comes in a script's place and what the arguments say, goes out a record for each target.
 * Whatever goes wrong becomes a verdict with a reason; nothing here ends the process.
 *
 * Options come from four places, the later winning: defaults, what a suite's own runner would give, the script, the
 * command line. */
#define _GNU_SOURCE
#include "drill_play.h"

#include "drill_host.h"
#include "drill_kernel.h"
#include "drill_pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <lastack/dev.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NVERSIONS 3
#define IP_VERSION_SET (1u << LA_DRILL_OPT_IP_VERSION)

static const char *const versions[NVERSIONS] = {
    [LA_DRILL_IPV4] = "ipv4", [LA_DRILL_IPV6] = "ipv6", [LA_DRILL_IPV4_MAPPED_IPV6] = "ipv4-mapped-ipv6"};

static bool set(const struct la_drill_options *options, enum la_drill_option option) {
    return (options->set & (1u << option)) != 0;
}

static void conclude(struct record *record, int verdict, const char *why) {
    record->head.verdict = verdict;
    record->head.why = record_text(record, why);
}

/* --- Reading --- */

/* Parses under the case's IP version. NULL: the record says why. */
static struct la_drill_script *parse_as(const struct la_drill_options *options, const char *text, size_t len,
                                        struct record *record) {
    struct la_drill_script *script = NULL;
    struct la_drill_error error = {0};
    int status = la_drill_parse(text, len, options, &script, &error);
    if (!status) return script;
    record->head.line = error.line;
    record->head.column = error.column;
    if (status == -LA_ENOMEM)
        conclude(record, LA_DRILL_BROKEN, "not enough memory");
    else
        conclude(record, DRILL_MALFORMED, error.text);
    return NULL;
}

/* Words that the suites' own runners define: FreeBSD's for its branches, Google's by IP version. */
static const struct {
    const char *name;
    const char *value[NVERSIONS]; /* NULL: not under this version. */
} defines[] = {
    {"STANDARD", {"", "", ""}},
    {"TFO_COOKIE", {"3021b9d889017eeb", "c1d1e9742a47a9bc", "3021b9d889017eeb"}},
    {"CODE", {"host_unreachable", NULL, "host_unreachable"}},
    {"CMSG_LEVEL_IP", {"SOL_IP", "SOL_IPV6", "SOL_IPV6"}},
    {"CMSG_TYPE_RECVERR", {"IP_RECVERR", "IPV6_RECVERR", "IPV6_RECVERR"}},
};

/* What Google's runner gives to a script that is written for every version when it runs under IPv6: addresses, and an
 * MTU that makes up for the longer header. */
static const struct {
    enum la_drill_option option;
    const char *text;
} under_ipv6[] = {
    {LA_DRILL_OPT_MTU, "--mtu=1520"},
    {LA_DRILL_OPT_LOCAL, "--local_ip=fd3d:a0b:17d6::1"},
    {LA_DRILL_OPT_REMOTE, "--remote_ip=fd3d:fa7b:d17d::1"},
    {LA_DRILL_OPT_GATEWAY, "--gateway_ip=fd3d:a0b:17d6:8888::1"},
};

static bool is_defined(const struct la_drill_options *options, const char *name) {
    for (unsigned i = 0; i < options->ndefines; i++)
        if (!strcmp(options->define[i].name, name)) return true;
    return false;
}

/* The command line's own come first: -DFreeBSD is the other branch. */
static void add_defines(struct la_drill_options *options, enum la_drill_ip version) {
    bool freebsd = is_defined(options, "FreeBSD");
    for (size_t i = 0; i < sizeof defines / sizeof defines[0]; i++) {
        const char *name = defines[i].name, *value = defines[i].value[version];
        if (!value || is_defined(options, name) || (freebsd && !strcmp(name, "STANDARD"))) continue;
        if (options->ndefines == LA_DRILL_DEFINES) return;
        struct la_drill_define *define = &options->define[options->ndefines++];
        snprintf(define->name, sizeof define->name, "%s", name);
        snprintf(define->value, sizeof define->value, "%s", value);
    }
}

/* The version in a script's name ("basic-v6.pkt"), as Google's runner knows it; -1: none. */
static int named_version(const char *path) {
    size_t len = strlen(path);
    if (len < 6 || strcmp(path + len - 4, ".pkt") || path[len - 6] != 'v') return -1;
    return path[len - 5] == '6' ? LA_DRILL_IPV6 : path[len - 5] == '4' ? LA_DRILL_IPV4 : -1;
}

/* A version that the script does not say. */
static void force_version(struct la_drill_options *options, enum la_drill_ip version) {
    char error[256];
    options->ip_version = version;
    options->set |= IP_VERSION_SET;
    for (size_t i = 0; version == LA_DRILL_IPV6 && i < sizeof under_ipv6 / sizeof under_ipv6[0]; i++)
        if (!set(options, under_ipv6[i].option))
            la_drill_option_parse(options, under_ipv6[i].text, error, sizeof error);
}

/* Which version a case runs under. `own` is the script's: what it says, or its name; -1: it is for all. */
static int choose_version(const struct drill_plan *plan, const struct drill_case *what, int own,
                          struct record *record) {
    if (what->version < 0) return set(&plan->options, LA_DRILL_OPT_IP_VERSION) ? (int)plan->options.ip_version : own;
    if (own < 0) return what->version;
    if (what->version != LA_DRILL_IPV4) conclude(record, DRILL_SKIPPED, "");
    return own;
}

/* Reads the script twice where that is needed: first to see what it says of itself, then under the version that this
 * makes, because that decides what words stand for. */
static struct la_drill_script *parse(const struct drill_plan *plan, const struct drill_case *what, const char *text,
                                     size_t len, struct record *record) {
    struct la_drill_options options = plan->options;
    options.set &= ~IP_VERSION_SET;
    options.ip_version = LA_DRILL_IPV4;
    add_defines(&options, LA_DRILL_IPV4);
    struct la_drill_script *script = parse_as(&options, text, len, record);
    bool says = script && set(la_drill_script_options(script), LA_DRILL_OPT_IP_VERSION);
    int own = says ? (int)la_drill_script_options(script)->ip_version : named_version(what->file->path);
    int version = choose_version(plan, what, own, record);
    bool skipped = record->head.verdict == DRILL_SKIPPED;
    if (!skipped && (version < 0 || (script && version == LA_DRILL_IPV4 && own != LA_DRILL_IPV6))) return script;
    la_drill_free(script);
    if (skipped) return NULL;

    options = plan->options;
    add_defines(&options, (enum la_drill_ip)version);
    if (!says) force_version(&options, (enum la_drill_ip)version);
    record->head.line = record->head.column = 0;
    script = parse_as(&options, text, len, record);
    /* Of --ip_version=all, what does not even parse under a version is not for it. */
    if (!script && what->version > LA_DRILL_IPV4) conclude(record, DRILL_SKIPPED, "");
    return script;
}

/* --- Running --- */

/* DIR/path-with-dashes.pcapng, with what makes it one of several. */
static void pcap_name(const struct drill_plan *plan, const struct drill_case *what, const struct record *record,
                      char *name, size_t size) {
    const char *path = what->file->path;
    int n = snprintf(name, size, "%s/", plan->pcap);
    while (*path == '.' || *path == '/') path++;
    if (!strcmp(what->file->path, "-")) path = "stdin";
    for (; *path && n >= 0 && (size_t)n + 1 < size; path++) name[n++] = *path == '/' ? '-' : *path;
    if (n < 0 || (size_t)n >= size) return;
    char version[32] = "", turn[16] = "";
    if (what->version >= 0) snprintf(version, sizeof version, ".%s", record->head.version);
    if (what->turn) snprintf(turn, sizeof turn, ".%u", what->turn);
    snprintf(name + n, size - (size_t)n, "%s%s%s%s.pcapng", version, turn, plan->on == ON_BOTH ? "." : "",
             plan->on == ON_BOTH ? record->head.on : "");
}

/* NULL: the record says why. */
static const char *profile_of(const struct drill_plan *plan, const struct drill_case *what) {
    return plan->profile ? plan->profile : what->file->profile;
}

static struct la_drill_target *open_target(const struct drill_plan *plan, const struct drill_case *what,
                                           enum drill_on on, const struct la_drill_options *options,
                                           struct record *record) {
    struct la_drill_target *target = NULL;
    char error[PATH_MAX + 128] = "", name[PATH_MAX];
    if (on == ON_KERNEL) {
        if (drill_kernel_open(options, &target, error, sizeof error)) {
            conclude(record, LA_DRILL_BROKEN, error);
            return NULL;
        }
    } else {
        struct la_drill_stack_config config = {
            .profile = profile_of(plan, what), .options = options, .host = drill_host(), .alloc = la_host_allocator()};
        int status = la_drill_stack_open(&config, &target);
        if (status) {
            snprintf(error, sizeof error, "the stack cannot be made: %s", la_errno_text(-status));
            conclude(record, LA_DRILL_BROKEN, error);
            return NULL;
        }
    }
    if (!plan->pcap) return target;
    pcap_name(plan, what, record, name, sizeof name);
    int status = drill_pcap_hook(target, name);
    if (!status) return target;
    snprintf(error, sizeof error, "%s: %s", name, la_errno_text(-status));
    conclude(record, LA_DRILL_BROKEN, error);
    target->close(target);
    return NULL;
}

static void run(const struct drill_plan *plan, const struct drill_case *what, enum drill_on on,
                const struct la_drill_script *script, struct record *record) {
    struct la_drill_target *target = open_target(plan, what, on, la_drill_script_options(script), record);
    if (!target) return;
    bool hears = plan->verbose || plan->on == ON_BOTH;
    struct la_drill_run settings = {.script = script,
                                    .name = what->file->path,
                                    .target = target,
                                    .host = drill_host(),
                                    .line = hears ? record_hear : NULL,
                                    .ctx = record};
    static struct la_drill_result result;
    memset(&result, 0, sizeof result);
    la_drill_run(&settings, &result);
    target->close(target);
    record->head.line = result.line;
    record->head.took = result.took;
    conclude(record, (int)result.verdict, result.text);
}

static void play_on(const struct drill_plan *plan, const struct drill_case *what, enum drill_on on, const char *text,
                    size_t len, struct record *record) {
    snprintf(record->head.on, sizeof record->head.on, "%s", on == ON_KERNEL ? "kernel" : "stack");
    const char *profile = profile_of(plan, what);
    snprintf(record->head.profile, sizeof record->head.profile, "%.*s", (int)strcspn(profile, " "), profile);
    struct la_drill_script *script = parse(plan, what, text, len, record);
    if (!script) return;
    unsigned version = (unsigned)la_drill_script_options(script)->ip_version;
    snprintf(record->head.version, sizeof record->head.version, "%s", version < NVERSIONS ? versions[version] : "");
    run(plan, what, on, script, record);
    la_drill_free(script);
}

/* --- The place --- */

/* Goes to the script's directory. Returns a descriptor of where we were; -1: we stay. */
static int enter(const struct script_file *file) {
    char dir[PATH_MAX];
    if (!file->dir_len || file->dir_len >= sizeof dir) return -1;
    memcpy(dir, file->path, file->dir_len);
    dir[file->dir_len] = 0;
    int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (home < 0 || chdir(dir)) {
        if (home >= 0) close(home);
        return -1;
    }
    return home;
}

static void leave(int home) {
    if (home < 0) return;
    if (fchdir(home)) abort(); /* Every later path would mean something else. */
    close(home);
}

void play_case(const struct drill_plan *plan, const struct drill_case *what, struct answer *answer) {
    const struct script_file *file = what->file;
    size_t len = file->len;
    char *read = file->text ? NULL : files_read(file->path, &len);
    const char *text = file->text ? file->text : read, *error = text ? NULL : strerror(errno);
    int home = enter(file);
    for (enum drill_on on = ON_STACK; on <= ON_KERNEL; on = (enum drill_on)(on << 1)) {
        struct record record = {0};
        if (!(plan->on & on)) continue;
        la_time before = la_host_now();
        if (text)
            play_on(plan, what, on, text, len, &record);
        else
            conclude(&record, LA_DRILL_BROKEN, error);
        record.head.spent = la_host_now() - before;
        record_pack(&record, answer);
        record_free(&record);
    }
    leave(home);
    free(read);
}
