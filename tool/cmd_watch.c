/* lastack watch: the arguments. */
#define _GNU_SOURCE
#include "cmd.h"
#include "look.h"
#include "watch_run.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void usage(FILE *to) {
    fputs("usage: lastack watch [OPTION…] [FILTER…]\n"
          "\n"
          "Shows TCP connections live: counts and slopes by state, program and peer, findings as they come and go, and "
          "the\n"
          "life of any connection. A terminal gets a full screen (? lists the keys), anything else a log.\n"
          "\n",
          to);
    source_help(to, false);
    fputs("  --interval SECONDS   between two looks (1)\n"
          "  --for SECONDS        ends after that time\n"
          "  --log                a log also on a terminal\n"
          "  --moves              the log has a line for every change of state\n"
          "  --json               the log as lines of JSON\n"
          "  --by-peer            counts for every peer\n"
          "  --no-events          only poll, without the kernel's tracepoints\n"
          "  --settle SECONDS     how long a connection may be in a state that should pass (2)\n"
          "  --help               this\n"
          "\n"
          "Exit status: 0, or 2: wrong usage, or it cannot be seen here.\n",
          to);
}

static bool read_time(const char *option, const char *text, la_time least, la_time *time) {
    char *end;
    double value = strtod(text, &end);
    if (end != text && !*end && value >= (double)least / (double)LA_SECOND && value <= 1e9) {
        *time = (la_time)(value * (double)LA_SECOND);
        return true;
    }
    fprintf(stderr, "lastack watch: --%s wants seconds, at least %g, not \"%s\"\n", option,
            (double)least / (double)LA_SECOND, text);
    return false;
}

static bool read_options(int argc, char **argv, struct watch_options *options) {
    static const struct option known[] = {SOURCE_OPTIONS,
                                          {"interval", required_argument, NULL, 'i'},
                                          {"for", required_argument, NULL, 'f'},
                                          {"log", no_argument, NULL, 'l'},
                                          {"moves", no_argument, NULL, 'm'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"by-peer", no_argument, NULL, 'p'},
                                          {"no-events", no_argument, NULL, 'n'},
                                          {"settle", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "+h", known, NULL)) >= 0) {
        bool right = true;
        if (source_option(&options->source, c, optarg)) continue;
        switch (c) {
        case 'i': right = read_time("interval", optarg, 100 * LA_MS, &options->interval); break;
        case 'f': right = read_time("for", optarg, 0, &options->length); break;
        case 's': right = read_time("settle", optarg, LA_MS, &options->patience.settle); break;
        case 'l': options->log = true; break;
        case 'm': options->moves = options->log = true; break;
        case 'j': options->json = options->log = true; break;
        case 'p': options->by_peer = true; break;
        case 'n': options->no_events = true; break;
        case 'h': usage(stdout); exit(EXIT_AS_SCRIPTED);
        default: usage(stderr); return false;
        }
        if (!right) return false;
    }
    if (options->source.from) {
        fprintf(stderr, "lastack watch: --from FILE does not change: lastack ls or why reads it\n");
        return false;
    }
    return source_filter(&options->source, argc - optind, argv + optind);
}

static bool has_screen(const struct watch_options *options) {
    const char *term = getenv("TERM");
    bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    return terminal && !options->log && term && *term && strcmp(term, "dumb") != 0;
}

int cmd_watch(int argc, char **argv) {
    struct watch_options options = {.source = {.verb = "watch"}, .interval = LA_SECOND, .length = LA_NEVER};
    struct watch watch;
    int status = EXIT_UNABLE;
    if (read_options(argc, argv, &options) && watch_begin(&watch, &options, &status)) {
        status = has_screen(&options) ? watch_screen(&watch) : watch_log(&watch);
        watch_end(&watch);
    }
    source_free(&options.source);
    return status;
}
