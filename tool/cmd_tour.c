/* lastack tour: the arguments, and the order of the show. */
#define _GNU_SOURCE
#include "cmd.h"
#include "tour_scene.h"
#include "tour_transfer.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MB UINT64_C(1000000)
#define MB_DEFAULT 200
#define MB_MAX 1000000

struct options {
    bool list, json, only;
    const char *pcap;
    uint64_t bytes;
    char **names; /* After --only, or all that is left. */
    int nnames;
};

static const struct script *const acts[] = {scenes_open, scenes_close, scenes_lost, scenes_reset, scenes_time};

#define NACTS (sizeof acts / sizeof acts[0])

static void usage(FILE *to) {
    fputs("usage: lastack tour [--only] [NAME…] [--json] [--mb N] [--pcap FILE]\n"
          "       lastack tour --list\n"
          "\n"
          "Plays connections between programs on the kernel's TCP and lastack, in a network namespace of its own, and\n"
          "shows both ends' states, segment by segment; then transfers by curl.\n"
          "\n"
          "  --only NAME…   only these scenes and transfers; '*' and '?' as in a shell\n"
          "  --list         say what there is\n"
          "  --json         one JSON document instead of text\n"
          "  --mb N         size of each transfer in MB (200); 0: no transfers\n"
          "  --pcap FILE    record the packets as pcapng, for Wireshark\n"
          "  --help         this\n"
          "\n"
          "Exit status: 0 all went as scripted, 1 a connection did otherwise, 2 it cannot be played here.\n",
          to);
}

static bool is_named(const char *pattern, const char *name) { return fnmatch(pattern, name, 0) == 0; }

static bool wanted(const struct options *options, const char *name) {
    if (!options->nnames) return true;
    for (int i = 0; i < options->nnames; i++)
        if (is_named(options->names[i], name)) return true;
    return false;
}

static bool exists(const char *pattern) {
    for (size_t act = 0; act < NACTS; act++)
        for (const struct script *script = acts[act]; script->text.name; script++)
            if (is_named(pattern, script->text.name)) return true;
    for (const struct transfer *transfer = transfers; transfer->name; transfer++)
        if (is_named(pattern, transfer->name)) return true;
    return false;
}

/* Reads the arguments. False: wrong, and said so. */
static bool read_options(int argc, char **argv, struct options *options) {
    enum { OPT_ONLY = 256, OPT_LIST, OPT_JSON, OPT_MB, OPT_PCAP, OPT_HELP };
    static const struct option known[] = {{"only", no_argument, NULL, OPT_ONLY},
                                          {"list", no_argument, NULL, OPT_LIST},
                                          {"json", no_argument, NULL, OPT_JSON},
                                          {"mb", required_argument, NULL, OPT_MB},
                                          {"pcap", required_argument, NULL, OPT_PCAP},
                                          {"help", no_argument, NULL, OPT_HELP},
                                          {NULL, 0, NULL, 0}};
    *options = (struct options){.bytes = MB_DEFAULT * MB};
    int c;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) >= 0) {
        char *end = NULL;
        unsigned long mb = 0;
        switch (c) {
        case OPT_ONLY: options->only = true; break;
        case OPT_LIST: options->list = true; break;
        case OPT_JSON: options->json = true; break;
        case OPT_PCAP: options->pcap = optarg; break;
        case OPT_MB:
            mb = strtoul(optarg, &end, 10);
            if (*end || end == optarg || *optarg == '-' || mb > MB_MAX) {
                fprintf(stderr, "lastack tour: --mb wants a number from 0 to %d, not \"%s\"\n", MB_MAX, optarg);
                return false;
            }
            options->bytes = mb * MB;
            break;
        case 'h':
        case OPT_HELP: usage(stdout); exit(EXIT_AS_SCRIPTED);
        default: usage(stderr); return false;
        }
    }
    options->names = argv + optind;
    options->nnames = argc - optind;
    if (options->only && !options->nnames) fprintf(stderr, "lastack tour: --only wants names; --list says them\n");
    for (int i = 0; i < options->nnames; i++) {
        if (exists(options->names[i])) continue;
        fprintf(stderr, "lastack tour: no scene or transfer is called \"%s\"; --list says which there are\n",
                options->names[i]);
        return false;
    }
    return !options->only || options->nnames;
}

static void list(const struct options *options) {
    for (size_t act = 0; act < NACTS; act++)
        for (const struct script *script = acts[act]; script->text.name; script++)
            if (wanted(options, script->text.name))
                printf("%-25s %-15s %s\n", script->text.name, script->text.claims, script->text.title);
    for (const struct transfer *transfer = transfers; transfer->name; transfer++) {
        char title[128];
        transfer_title(transfer, options->bytes, title, sizeof title);
        if (wanted(options, transfer->name)) printf("%-25s %-15s %s\n", transfer->name, "", title);
    }
}

static bool any_transfer(const struct options *options) {
    for (const struct transfer *transfer = transfers; transfer->name; transfer++)
        if (options->bytes && wanted(options, transfer->name)) return true;
    return false;
}

static void count(bool passed, unsigned score[2]) { score[passed]++; }

static void play(struct world *world, const struct options *options, unsigned score[2]) {
    unsigned number = 0;
    for (size_t act = 0; act < NACTS; act++)
        for (const struct script *script = acts[act]; script->text.name; script++) {
            number++;
            if (wanted(options, script->text.name)) count(scene_play(world, script, number), score);
        }
    for (const struct transfer *transfer = transfers; options->bytes && transfer->name; transfer++)
        if (wanted(options, transfer->name)) count(transfer_play(world, transfer, options->bytes), score);
}

static bool has_curl(void) {
    static const char *const places[] = {"/usr/local/bin/curl", "/usr/bin/curl", "/bin/curl"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], X_OK) == 0) return true;
    return false;
}

static int unable(const struct trouble *trouble) {
    fprintf(stderr, "lastack tour: %s\n", trouble->text);
    return EXIT_UNABLE;
}

int cmd_tour(int argc, char **argv) {
    static struct world world;
    struct options options;
    struct trouble trouble = {.text = "not enough memory."};
    if (!read_options(argc, argv, &options)) return EXIT_UNABLE;
    if (options.list) {
        list(&options);
        return EXIT_AS_SCRIPTED;
    }
    if (any_transfer(&options) && !has_curl()) {
        snprintf(trouble.text, sizeof trouble.text,
                 "the transfers need curl: apt-get install curl (or --mb 0: no transfers).");
        return unable(&trouble);
    }
    signal(SIGPIPE, SIG_IGN);
    la_time start = la_host_now();
    const struct view *view = options.json ? view_json() : view_text();
    if (!netns_enter(&trouble) || !world_open(&world, view, options.pcap, &trouble)) return unable(&trouble);

    struct utsname host;
    uname(&host);
    struct tour_facts facts = {
        host.release, "linux",
        "So that the scenes are short, tcp_fin_timeout is 1 s on both sides instead of 60 s, and "
        "lastack's\nTIME_WAIT 0.2 s instead of 60 s unless a scene says otherwise."};
    unsigned score[2] = {0, 0};
    view->begin(view->ctx, &facts);
    play(&world, &options, score);
    view->end(view->ctx, score[true], score[false], la_host_now() - start);
    world_close(&world);
    return score[false] ? EXIT_OTHERWISE : EXIT_AS_SCRIPTED;
}
