/* lastack why: what is wrong with the connections of this host, or of a stack, and what to do. */
#define _GNU_SOURCE
#include "cmd.h"
#include "look.h"
#include "source.h"

#include "inspect/finding.h"
#include "inspect/linux.h"
#include "inspect/report.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exit statuses beside EXIT_UNABLE. */
enum { WHY_FINE = 0, WHY_WARNING = 1, WHY_HARM = 3 };

struct options {
    struct source source;
    struct patience patience;
    bool json, brief, notes;
};

static void usage(FILE *to) {
    fputs("usage: lastack [why] [OPTION…] [FILTER…]\n"
          "\n"
          "Says what is wrong with TCP connections, who is at fault, what shows it, whether it ends by itself, and "
          "what to\n"
          "do. Findings are ordered by harm.\n"
          "\n",
          to);
    source_help(to, true);
    fputs("  --notes          also show what is only worth knowing\n"
          "  --brief          one line for each finding\n"
          "  --json           one JSON document (doc/findings.schema.json)\n"
          "  --settle SECONDS how long a connection may be in a state that should pass (2)\n"
          "  --idle SECONDS   from when on silence without keepalive is worth a note (7200)\n"
          "  --many N         how many sockets of a kind are many (1000)\n"
          "  --help           this\n"
          "\n"
          "Exit status: 0 nothing but notes, 1 warnings, 3 harm, 2 wrong usage or it cannot be seen here.\n",
          to);
}

static bool read_number(const char *option, const char *text, double most, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end != text && !*end && *value > 0 && *value <= most) return true;
    fprintf(stderr, "lastack why: --%s wants a number from 0 to %.0f, not \"%s\"\n", option, most, text);
    return false;
}

static bool read_patience(struct patience *patience, char which, const char *text) {
    double value;
    const char *option = which == 's' ? "settle" : which == 'i' ? "idle" : "many";
    if (!read_number(option, text, 1e9, &value)) return false;
    if (which == 's') patience->settle = (la_time)(value * (double)LA_SECOND);
    if (which == 'i') patience->idle = (la_time)(value * (double)LA_SECOND);
    if (which == 'm') patience->many = (unsigned)value;
    return true;
}

static bool read_options(int argc, char **argv, struct options *options) {
    static const struct option known[] = {SOURCE_OPTIONS,
                                          {"json", no_argument, NULL, 'j'},
                                          {"brief", no_argument, NULL, 'b'},
                                          {"notes", no_argument, NULL, 'n'},
                                          {"settle", required_argument, NULL, 's'},
                                          {"idle", required_argument, NULL, 'i'},
                                          {"many", required_argument, NULL, 'm'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "+hjbn", known, NULL)) >= 0) {
        if (source_option(&options->source, c, optarg)) continue;
        switch (c) {
        case 'j': options->json = true; break;
        case 'b': options->brief = true; break;
        case 'n': options->notes = true; break;
        case 's':
        case 'i':
        case 'm':
            if (!read_patience(&options->patience, (char)c, optarg)) return false;
            break;
        case 'h': usage(stdout); exit(EXIT_AS_SCRIPTED);
        default: usage(stderr); return false;
        }
    }
    return source_filter(&options->source, argc - optind, argv + optind);
}

static bool print(const struct options *options, const struct findings *findings, const struct snap *snap) {
    struct look look = look_of_output();
    struct report how = {.width = look.terminal ? look.width : 100,
                         .colours = look.colours,
                         .brief = options->brief,
                         .least = options->notes ? SEVERITY_NOTE : SEVERITY_WARNING};
    struct say out = {0};
    bool done = true;
    if (options->json) {
        done = findings_json(findings, snap, &out);
    } else {
        findings_report(findings, snap, &how, &out);
    }
    if (!done || out.failed) fprintf(stderr, "lastack why: no memory\n");
    if (out.text) fputs(out.text, stdout);
    say_free(&out);
    return done && !out.failed;
}

static int diagnose(const struct options *options) {
    int status;
    struct snap *snap = source_snap(&options->source, SOURCE_DIAGNOSIS, &status);
    struct findings findings;
    if (!snap) return status;
    source_diagnose(&options->source, &options->patience, snap, &findings);
    int worst = findings_worst(&findings);
    status = worst == SEVERITY_HARM ? WHY_HARM : worst == SEVERITY_WARNING ? WHY_WARNING : WHY_FINE;
    if (!print(options, &findings, snap)) status = EXIT_UNABLE;
    findings_free(&findings);
    snap_free(snap);
    return status;
}

int cmd_why(int argc, char **argv) {
    struct options options = {.source = {.verb = "why"}};
    int status = EXIT_UNABLE;
    if (read_options(argc, argv, &options)) status = diagnose(&options);
    source_free(&options.source);
    return status;
}
