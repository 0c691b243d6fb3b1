/* lastack export: connections, findings and limits as metrics, to standard output, over HTTP, or into a file that
 * node_exporter's textfile collector reads.
 *
 * A look is: a snapshot, what the snapshots before tell about it (ages become tighter, a TIME_WAIT gets its former
 * owner), the rules, and the text in both formats. Looks are at least a second apart; who asks sooner gets the text of
 * the last one. Sockets of this very process are left out. */
#define _GNU_SOURCE
#include "cmd.h"

#include "export_http.h"
#include "source.h"
#include <lastack/dev.h>

#include "inspect/metrics.h"
#include "inspect/track.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKS_APART LA_SECOND
#define CONNS_MAX 200000 /* Whose ages are remembered between looks. */
#define INTERVAL_MAX 86400

enum format { TEXT, OPENMETRICS, NFORMATS };

struct options {
    struct source source;
    const char *listen;   /* NULL: not over HTTP. */
    const char *textfile; /* NULL: not into a file. */
    unsigned interval;    /* Seconds between files; 0: once. */
    enum format format;   /* Of standard output. */
};

struct exporter {
    const struct options *options;
    struct track *track; /* NULL: there is only one look. */
    struct metrics_past past;
    uint16_t port;  /* Our own; 0: none. */
    la_time looked; /* When; 0: never. */
    struct say text[NFORMATS];
};

static void usage(FILE *to) {
    fputs("usage: lastack export [--format FORMAT] [OPTION…] [FILTER…]\n"
          "       lastack export --listen [[ADDRESS:]PORT] [OPTION…] [FILTER…]\n"
          "       lastack export --textfile PATH [--interval SECONDS] [OPTION…] [FILTER…]\n"
          "\n"
          "Metrics for Prometheus: connections by state, program and age, findings of the rules, ports left, "
          "listeners,\n"
          "descriptors. Prints them once, serves them over HTTP, or writes them into a file.\n"
          "\n"
          "  --listen [[ADDRESS:]PORT]\n"
          "                   answers GET /metrics; without more at 127.0.0.1:9811. *:PORT is every address\n"
          "  --textfile PATH  replaces this file whole, for node_exporter's textfile collector (PATH ends in .prom)\n"
          "  --interval SECONDS\n"
          "                   writes the file again and again; without it once\n"
          "  --format FORMAT  what is printed: openmetrics (the default), or text (promtool, push gateways)\n",
          to);
    source_help(to, true);
    fputs("  --help           this\n"
          "\n"
          "Exit status: 0, also when ended by SIGTERM or SIGINT; 2 wrong usage, or it cannot be seen here.\n",
          to);
}

/* --- Arguments --- */

static bool wrong(const char *text) {
    fprintf(stderr, "lastack export: %s\n", text);
    return false;
}

/* Whether a word can be [ADDRESS:]PORT, and no filter. */
static bool is_place(const char *word) {
    const char *colon = strrchr(word, ':'), *port = colon ? colon + 1 : word;
    return *port && !port[strspn(port, "0123456789")];
}

static bool read_interval(const char *text, unsigned *interval) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *interval = (unsigned)value;
    return (*text >= '0' && *text <= '9' && !*end && value >= 1 && value <= INTERVAL_MAX) ||
           wrong("--interval wants whole seconds, from 1 to 86400");
}

static bool read_format(const char *text, enum format *format) {
    *format = strcmp(text, "text") ? OPENMETRICS : TEXT;
    return !strcmp(text, "text") || !strcmp(text, "openmetrics") || wrong("--format is openmetrics or text");
}

/* What goes together. */
static bool settle(const struct options *options) {
    bool again = options->listen || options->interval;
    if (options->listen && options->textfile) return wrong("--listen and --textfile exclude each other");
    if (options->interval && !options->textfile) return wrong("--interval goes with --textfile");
    if (again && options->source.from) return wrong("--from is one look: it goes with no --listen or --interval");
    if (options->textfile) {
        size_t len = strlen(options->textfile);
        if (len < 5 || strcmp(options->textfile + len - 5, ".prom"))
            fprintf(stderr, "lastack export: %s does not end in .prom: node_exporter will not read it\n",
                    options->textfile);
    }
    return true;
}

static bool read_options(int argc, char **argv, struct options *options) {
    static const struct option known[] = {SOURCE_OPTIONS,
                                          {"listen", optional_argument, NULL, 'l'},
                                          {"textfile", required_argument, NULL, 't'},
                                          {"interval", required_argument, NULL, 'i'},
                                          {"format", required_argument, NULL, 'f'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    static const char standard[] = "127.0.0.1:9811";
    int c;
    while ((c = getopt_long(argc, argv, "+h", known, NULL)) >= 0) {
        if (source_option(&options->source, c, optarg)) continue;
        switch (c) {
        case 'l':
            if (!optarg && optind < argc && is_place(argv[optind])) optarg = argv[optind++];
            options->listen = optarg ? optarg : standard;
            break;
        case 't': options->textfile = optarg; break;
        case 'i':
            if (!read_interval(optarg, &options->interval)) return false;
            break;
        case 'f':
            if (!read_format(optarg, &options->format)) return false;
            break;
        case 'h': usage(stdout); exit(EXIT_AS_SCRIPTED);
        default: usage(stderr); return false;
        }
    }
    return settle(options) && source_filter(&options->source, argc - optind, argv + optind);
}

/* --- Looking --- */

/* Whether only this process holds it, or it is what is left of one that it served. */
static bool is_own(const struct exporter *exporter, const struct snap *snap, const struct snap_conn *conn) {
    bool here = conn->netns < snap->nnetns && !snap->netns[conn->netns].name;
    if (!conn->nowners) return here && exporter->port && !conn->inode && conn->local.port == exporter->port;
    for (uint32_t i = 0; i < conn->nowners; i++) {
        uint32_t proc = snap->owners[conn->first_owner + i].proc;
        if (proc >= snap->nprocs || snap->procs[proc].pid != getpid()) return false;
    }
    return true;
}

static void mark_own(const struct exporter *exporter, struct snap *snap) {
    if (!source_is_host(&exporter->options->source)) return;
    for (uint32_t i = 0; i < snap->nconns; i++)
        if (is_own(exporter, snap, &snap->conns[i])) snap->conns[i].marks |= SNAP_SELF;
}

static bool write_metrics(struct exporter *exporter, struct snap *snap, const struct findings *findings,
                          la_time began) {
    struct metrics how = {
        .filter = exporter->options->source.filter, .version = LASTACK_VERSION, .past = &exporter->past};
    how.took = la_host_now() - began;
    for (unsigned i = 0; i < NFORMATS; i++) {
        say_free(&exporter->text[i]);
        how.openmetrics = i == OPENMETRICS;
        if (!metrics_say(snap, findings, &how, &exporter->text[i])) return wrong("no memory");
    }
    return true;
}

/* False: it was said why. */
static bool look(struct exporter *exporter) {
    const struct source *source = &exporter->options->source;
    la_time began = la_host_now();
    struct findings findings;
    int status;
    struct snap *snap = source_snap(source, SOURCE_DIAGNOSIS, &status);
    if (!snap) return false;
    mark_own(exporter, snap);
    if (exporter->track) track_poll(exporter->track, snap);
    source_diagnose(source, &(struct patience){0}, snap, &findings);
    bool done = write_metrics(exporter, snap, &findings, began);
    findings_free(&findings);
    snap_free(snap);
    return done;
}

/* For export_serve. */
static const char *page(void *arg, bool openmetrics, size_t *len) {
    struct exporter *exporter = arg;
    const struct say *text = &exporter->text[openmetrics ? OPENMETRICS : TEXT];
    bool fresh = exporter->looked && la_host_now() < exporter->looked + LOOKS_APART;
    if (!fresh) {
        bool done = look(exporter);
        exporter->looked = done ? la_host_now() : 0;
        if (!done) return NULL;
    }
    *len = text->len;
    return text->text;
}

/* --- Ways out --- */

static int print(struct exporter *exporter) {
    if (!look(exporter)) return EXIT_UNABLE;
    const struct say *text = &exporter->text[exporter->options->format];
    bool written = fwrite(text->text, 1, text->len, stdout) == text->len && !fflush(stdout);
    if (!written) fprintf(stderr, "lastack export: standard output: %s\n", strerror(errno));
    return written ? EXIT_AS_SCRIPTED : EXIT_UNABLE;
}

static bool write_whole(int fd, const char *text, size_t len) {
    while (len) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* Under another name first, so that nobody reads half of it. */
static bool replace(const char *path, const struct say *text) {
    char *other;
    if (asprintf(&other, "%s.XXXXXX", path) < 0) return wrong("no memory");
    int fd = mkostemp(other, O_CLOEXEC);
    mode_t mask = umask(0);
    umask(mask);
    bool written = fd >= 0 && write_whole(fd, text->text, text->len) && !fchmod(fd, 0666 & ~mask);
    if (fd >= 0 && close(fd) < 0) written = false;
    written = written && !rename(other, path);
    if (!written) {
        fprintf(stderr, "lastack export: %s: %s\n", path, strerror(errno));
        if (fd >= 0) unlink(other);
    }
    free(other);
    return written;
}

/* Whether a signal to end came within so many milliseconds. */
static bool ends(int stop, int ms) {
    struct pollfd on = {.fd = stop, .events = POLLIN};
    return poll(&on, 1, ms) > 0;
}

static int write_files(struct exporter *exporter, int stop) {
    const struct options *options = exporter->options;
    la_time step = options->interval * LA_SECOND, next = la_host_now();
    for (;;) {
        bool done = look(exporter) && replace(options->textfile, &exporter->text[TEXT]);
        if (!options->interval) return done ? EXIT_AS_SCRIPTED : EXIT_UNABLE;
        la_time now = la_host_now();
        next += step;
        if (next < now) next = now + step; /* Late ones are not made up for. */
        if (ends(stop, (int)((next - now) / LA_MS))) return EXIT_AS_SCRIPTED;
    }
}

static int serve(struct exporter *exporter, int stop) {
    struct export_pages pages = {.metrics = page, .arg = exporter};
    char text[256];
    int listener = export_listen(exporter->options->listen, text, sizeof text);
    if (listener < 0) {
        wrong(text);
        return EXIT_UNABLE;
    }
    exporter->port = export_address(listener, text, sizeof text);
    fprintf(stderr, "lastack export: metrics are at http://%s/metrics\n", text);
    bool served = export_serve(listener, stop, &pages);
    if (!served) wrong(strerror(errno));
    close(listener);
    return served ? EXIT_AS_SCRIPTED : EXIT_UNABLE;
}

/* A descriptor that is readable once SIGTERM or SIGINT came; -1. */
static int open_stop(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

static int export(const struct options *options) {
    struct exporter exporter = {.options = options};
    if (!options->listen && !options->textfile) {
        int printed = print(&exporter);
        for (unsigned i = 0; i < NFORMATS; i++) say_free(&exporter.text[i]);
        return printed;
    }
    int stop = open_stop(), status = EXIT_UNABLE;
    exporter.track = track_new(CONNS_MAX);
    if (stop < 0 || !exporter.track) {
        wrong(stop < 0 ? "signals cannot be received" : "no memory");
    } else {
        status = options->listen ? serve(&exporter, stop) : write_files(&exporter, stop);
    }
    for (unsigned i = 0; i < NFORMATS; i++) say_free(&exporter.text[i]);
    track_free(exporter.track);
    if (stop >= 0) close(stop);
    return status;
}

int cmd_export(int argc, char **argv) {
    struct options options = {.source = {.verb = "export"}, .format = OPENMETRICS};
    int status = EXIT_UNABLE;
    if (read_options(argc, argv, &options)) status = export(&options);
    source_free(&options.source);
    return status;
}
