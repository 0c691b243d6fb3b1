/* lastack plot: the arguments, and where the picture goes.
 *
 * A capture is read twice: first for its connections, then for the segments of the one to be drawn, so that memory is
 * needed for that one only. A scene is played. Both ways end in draw(): the plot becomes text in memory, and only a
 * whole one is written. */
#define _GNU_SOURCE
#include "cmd.h"
#include "plot_find.h"
#include "plot_scene.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *file, *scene, *output, *pcap;
    bool list, json;
    size_t flow; /* From 1; 0: the one with the most data. */
    la_time from, to;
};

static void usage(FILE *to) {
    fputs(
        "usage: lastack plot FILE [--flow N] [--from S] [--to S] [--json] [-o OUT.svg]\n"
        "       lastack plot FILE --list\n"
        "       lastack plot --scene NAME [--pcap FILE] [--json] [-o OUT.svg]\n"
        "       lastack plot --scene list\n"
        "\n"
        "Draws one TCP connection as a time-sequence picture (SVG): what was sent, what was sent again and why, what\n"
        "was acknowledged. FILE is a capture (pcap or pcapng), best taken at the end that sends.\n"
        "\n"
        "  --list           the connections in the capture\n"
        "  --flow N         this one of them, not the one that carried the most data\n"
        "  --from S, --to S only this part of the connection, in seconds since its first segment\n"
        "  --scene NAME     a small simulation instead of a capture; \"list\" says which there are\n"
        "  --pcap FILE      the simulation's packets as pcapng, as its sender sees them\n"
        "  --json           the same as data\n"
        "  -o, --output OUT write to this file, not to standard output\n"
        "  --help           this\n"
        "\n"
        "Exit status: 0 it is drawn, 2 it cannot be.\n",
        to);
}

static int unable(const char *what, const char *why) {
    fprintf(stderr, "lastack plot: %s%s%s\n", what, *why ? ": " : "", why);
    return EXIT_UNABLE;
}

/* --- Arguments --- */

static bool read_seconds(const char *option, const char *text, la_time *time) {
    char *end;
    double seconds = strtod(text, &end);
    if (end != text && !*end && seconds >= 0 && seconds < 1e9) {
        *time = (la_time)(seconds * 1e9 + 0.5);
        return true;
    }
    fprintf(stderr, "lastack plot: %s wants seconds, as in 1.5, not \"%s\"\n", option, text);
    return false;
}

static bool read_flow(const char *text, size_t *flow) {
    char *end;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    *flow = n;
    if (end != text && !*end && !errno && n && *text != '-') return true;
    fprintf(stderr, "lastack plot: --flow wants a number from --list, not \"%s\"\n", text);
    return false;
}

/* What cannot go together. NULL: nothing. */
static const char *contradiction(const struct options *options) {
    if (!options->file && !options->scene) return "a capture is wanted, or --scene NAME; --help says more";
    if (options->file && options->scene) return "either a capture or --scene, not both";
    if (options->scene && (options->list || options->flow)) return "--list and --flow are for captures";
    if (options->file && options->pcap) return "--pcap is for --scene: a capture is one already";
    if (options->from >= options->to) return "--from must be before --to";
    return NULL;
}

/* Reads the arguments. False: wrong, and said so. */
static bool read_options(int argc, char **argv, struct options *options) {
    enum { OPT_FLOW = 256, OPT_LIST, OPT_FROM, OPT_TO, OPT_SCENE, OPT_PCAP, OPT_JSON };
    static const struct option known[] = {{"flow", required_argument, NULL, OPT_FLOW},
                                          {"list", no_argument, NULL, OPT_LIST},
                                          {"from", required_argument, NULL, OPT_FROM},
                                          {"to", required_argument, NULL, OPT_TO},
                                          {"scene", required_argument, NULL, OPT_SCENE},
                                          {"pcap", required_argument, NULL, OPT_PCAP},
                                          {"json", no_argument, NULL, OPT_JSON},
                                          {"output", required_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    *options = (struct options){.to = LA_NEVER};
    bool good = true;
    int c;
    while (good && (c = getopt_long(argc, argv, "ho:", known, NULL)) >= 0) switch (c) {
        case OPT_FLOW: good = read_flow(optarg, &options->flow); break;
        case OPT_LIST: options->list = true; break;
        case OPT_FROM: good = read_seconds("--from", optarg, &options->from); break;
        case OPT_TO: good = read_seconds("--to", optarg, &options->to); break;
        case OPT_SCENE: options->scene = optarg; break;
        case OPT_PCAP: options->pcap = optarg; break;
        case OPT_JSON: options->json = true; break;
        case 'o': options->output = optarg; break;
        case 'h': usage(stdout); exit(EXIT_AS_SCRIPTED);
        default: usage(stderr); return false;
        }
    if (!good) return false;
    if (optind < argc) options->file = argv[optind++];
    const char *wrong = optind < argc ? "one capture at a time" : contradiction(options);
    if (wrong) unable(wrong, "");
    return !wrong;
}

/* --- Out --- */

static int write_out(const struct options *options, const struct say *text) {
    FILE *to = options->output ? fopen(options->output, "we") : stdout;
    if (!to) return unable(options->output, strerror(errno));
    bool written = fwrite(text->text, 1, text->len, to) == text->len;
    if (to == stdout) return EXIT_AS_SCRIPTED; /* main() looks after it. */
    written = !fclose(to) && written;
    return written ? EXIT_AS_SCRIPTED : unable(options->output, strerror(errno));
}

/* "44 segments sent, 1 of them again" */
static void say_counts(struct say *out, const struct plot *plot) {
    struct plot_counts counts = plot_count(plot);
    say_count(out, counts.sent, "segment");
    say(out, " sent");
    if (counts.again) say(out, ", %zu of them again", counts.again);
    if (counts.lost) say(out, ", %zu lost", counts.lost);
}

static int draw(const struct options *options, struct plot *plot, const struct plot_scene *scene) {
    struct say out = {0}, subtitle = {0};
    plot_cut(plot, options->from, options->to);
    if (!plot->nsegments) return unable("no segment lies between --from and --to", "");
    if (scene) say(&subtitle, "%s ", scene->what);
    say_counts(&subtitle, plot);
    say(&subtitle, "%s", scene ? "." : plot->nnotes ? ". The notes are conclusions from what was captured." : ".");
    snprintf(plot->subtitle, sizeof plot->subtitle, "%s", subtitle.text ? subtitle.text : "");
    options->json ? plot_json(&out, plot) : plot_svg(&out, plot);
    int status = out.failed || subtitle.failed ? unable("not enough memory", "") : write_out(options, &out);
    say_free(&out);
    say_free(&subtitle);
    return status;
}

/* --- From a simulation --- */

static int from_scene(const struct options *options) {
    char why[256] = "";
    struct plot plot = {0};
    if (!strcmp(options->scene, "list")) {
        for (const struct plot_scene *scene = plot_scenes; scene->name; scene++)
            printf("%-20s %s\n", scene->name, scene->title);
        return EXIT_AS_SCRIPTED;
    }
    const struct plot_scene *scene = plot_scene_called(options->scene);
    if (!scene) {
        fprintf(stderr, "lastack plot: no scene is called \"%s\"; --scene list says which there are\n", options->scene);
        return EXIT_UNABLE;
    }
    int status = EXIT_UNABLE;
    if (!plot_scene_play(scene, options->pcap, &plot, why, sizeof why))
        unable("the scene cannot be played", why);
    else if (!plot_finish(&plot))
        unable("the scene sent nothing", "");
    else {
        plot_note_repeats(&plot);
        status = draw(options, &plot, scene);
    }
    plot_free(&plot);
    return status;
}

/* --- From a capture --- */

static void print_flows(const struct plot_flows *flows) {
    printf("%5s  %-47s %9s %12s %12s %10s\n", "flow", "between", "segments", "bytes", "bytes back", "seconds");
    for (size_t i = 0; i < flows->n; i++) {
        const struct plot_flow *flow = &flows->flow[i];
        struct say ends = {0};
        say_endpoint(&ends, &flow->end[0]);
        say(&ends, " > ");
        say_endpoint(&ends, &flow->end[1]);
        printf("%5zu  %-47s %9" PRIu64 " %12" PRIu64 " %12" PRIu64 " %6" PRIu64 ".%03u\n", i + 1,
               ends.text ? ends.text : "", flow->segments, flow->bytes[0], flow->bytes[1],
               (flow->last - flow->first) / LA_SECOND, (unsigned)((flow->last - flow->first) % LA_SECOND / LA_MS));
        say_free(&ends);
    }
}

static void title_from(struct plot *plot) {
    struct say title = {0};
    say_endpoint(&title, &plot->sender);
    say(&title, " sends to ");
    say_endpoint(&title, &plot->receiver);
    snprintf(plot->title, sizeof plot->title, "%s", title.text ? title.text : "");
    say_free(&title);
}

/* Draws one connection of the capture; `flows` is what a first reading has found. */
static int from_flow(const struct options *options, const struct plot_flows *flows) {
    char why[256];
    struct plot plot = {0};
    struct plot_flows again = {0};
    size_t wanted = options->flow ? options->flow - 1 : plot_flows_largest(flows);
    int status = EXIT_UNABLE;
    if (wanted >= flows->n)
        unable(options->file, options->flow ? "it has no such connection; --list says which there are"
                                            : "no TCP connection in it carries data");
    else if (!plot_flows_read(options->file, &again, wanted, &plot, why, sizeof why))
        unable(options->file, why);
    else if (plot.failed)
        unable(options->file, "the connection has more segments than a picture can show, or than there is memory for");
    else if (!plot_finish(&plot))
        unable(options->file, "this connection carries no data");
    else {
        plot_guess(&plot);
        title_from(&plot);
        status = draw(options, &plot, NULL);
    }
    plot_flows_free(&again);
    plot_free(&plot);
    return status;
}

static int from_capture(const struct options *options) {
    char why[256];
    struct plot_flows flows = {0};
    int status = EXIT_AS_SCRIPTED;
    if (!plot_flows_read(options->file, &flows, 0, NULL, why, sizeof why)) {
        plot_flows_free(&flows);
        return unable(options->file, why);
    }
    if (*why) fprintf(stderr, "lastack plot: %s: %s; what stands before is used\n", options->file, why);
    if (options->list)
        print_flows(&flows);
    else
        status = from_flow(options, &flows);
    plot_flows_free(&flows);
    return status;
}

int cmd_plot(int argc, char **argv) {
    struct options options;
    if (!read_options(argc, argv, &options)) return EXIT_UNABLE;
    return options.scene ? from_scene(&options) : from_capture(&options);
}
