#define _GNU_SOURCE
#include "source.h"

#include "cmd.h"
#include "inspect/linux_control.h"
#include "inspect/snap_json.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX (UINT64_C(1) << 30)

bool source_option(struct source *source, int option, const char *argument) {
    switch (option) {
    case SOURCE_OPTION_ALL_NETNS: source->all_netns = true; return true;
    case SOURCE_OPTION_NETNS: source->netns = argument; return true;
    case SOURCE_OPTION_STACK: source->stack = argument; return true;
    case SOURCE_OPTION_FROM: source->from = argument; return true;
    default: return false;
    }
}

void source_help(FILE *to, bool documents) {
    fputs("  FILTER…          which connections, in ss's words: state close-wait dport = :443, program = nginx, age > "
          "60s\n"
          "  --all-netns      of every network namespace\n"
          "  --netns NAME     of this one: a name as in ip netns, or pid:N\n"
          "  --stack PATH     of a lastack stack, through its program's control socket\n",
          to);
    if (documents) fputs("  --from FILE      of a document that ls --json wrote (\"-\": standard input)\n", to);
}

bool source_user(const char *name, uint32_t *uid) {
    const struct passwd *user = getpwnam(name);
    if (user) *uid = user->pw_uid;
    return user != NULL;
}

bool source_filter(struct source *source, int nwords, char **words) {
    char why[256];
    int sources = source->all_netns + (source->netns != NULL) + (source->stack != NULL) + (source->from != NULL);
    if (sources > 1) {
        fprintf(stderr, "lastack %s: --all-netns, --netns, --stack and --from exclude each other\n", source->verb);
        return false;
    }
    source->filter = filter_parse_users(source_user, nwords, words, why, sizeof why);
    if (!source->filter) fprintf(stderr, "lastack %s: %s\n", source->verb, why);
    return source->filter != NULL;
}

bool source_is_host(const struct source *source) { return !source->stack && !source->from; }

static bool snap_host(const struct source *source, unsigned parts, struct snap *snap, char *why, size_t size) {
    struct linux_want want = {.parts = parts | filter_parts(source->filter),
                              .states = filter_states(source->filter),
                              .all_netns = source->all_netns,
                              .netns = source->netns};
    /* What is looked at in full is set beside connections that the filter leaves out: pairs, listeners. */
    if (source->whole || parts & LINUX_FACTS) want.states = 0;
    return linux_snap(&want, snap, why, size) == 0;
}

static bool read_file(FILE *file, struct say *text, char *why, size_t size) {
    char buffer[65536];
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0 && text->len < DOCUMENT_MAX)
        say(text, "%.*s", (int)got, buffer);
    if (ferror(file)) snprintf(why, size, "%s", strerror(errno));
    return !ferror(file) && !text->failed;
}

static bool snap_file(const struct source *source, struct snap *snap, char *why, size_t size) {
    bool standard = !strcmp(source->from, "-");
    FILE *file = standard ? stdin : fopen(source->from, "re");
    struct say text = {0};
    if (!file) {
        snprintf(why, size, "%s: %s", source->from, strerror(errno));
        return false;
    }
    snprintf(why, size, "%s: no memory", source->from);
    bool read =
        read_file(file, &text, why, size) && snap_json_read(text.text ? text.text : "", text.len, snap, why, size);
    if (!standard) fclose(file);
    say_free(&text);
    return read;
}

struct snap *source_snap(const struct source *source, unsigned parts, int *status) {
    char why[512] = "no memory";
    struct snap *snap = snap_new();
    *status = EXIT_UNABLE;
    bool taken = snap && (source->stack  ? control_snapshot(source->stack, snap, why, sizeof why)
                          : source->from ? snap_file(source, snap, why, sizeof why)
                                         : snap_host(source, parts, snap, why, sizeof why));
    if (taken) {
        *status = EXIT_AS_SCRIPTED;
        return snap;
    }
    fprintf(stderr, "lastack %s: %s\n", source->verb, why);
    snap_free(snap);
    return NULL;
}

void source_look_closely(const struct source *source, const struct patience *patience, struct snap *snap) {
    uint32_t *suspects;
    uint32_t n = rules_suspects(snap, patience, source->filter, &suspects);
    if (n && source_is_host(source)) linux_look_closely(snap, suspects, n);
    free(suspects);
}

void source_diagnose(const struct source *source, const struct patience *patience, struct snap *snap,
                     struct findings *findings) {
    source_look_closely(source, patience, snap);
    rules_run(snap, patience, source->filter, findings);
}

void source_free(struct source *source) { filter_free(source->filter); }
