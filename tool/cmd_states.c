/* `lastack states`: the state machine as it is in the code, as text, as Markdown or as a picture.
 *
 * Everything comes from la_move_why and la_state_timers, the tables that the stack itself obeys; only where a state
 * stands in the picture is decided here. A move to CLOSED that every state has (RST, abort, timeout) would cross the
 * picture ten times; it is a line of text in the state's box instead. doc/states.svg and doc/states.md are this
 * command's output, and a test compares them. */
#include "cmd.h"
#include "svg.h"

#include <lastack/info.h>
#include <stdio.h>
#include <string.h>

#define BOX_W 244
#define BOX_H 66
#define WIDTH 1280
#define HEIGHT 1010
#define PX(n) ((n)*SVG_PX)
#define HEAD " marker-end=\"url(#head)\""

/* The middle of each state's box. */
static const struct place {
    int x, y;
} places[LA_NSTATES] = {
    [LA_CLOSED] = {640, 60},       [LA_LISTEN] = {640, 190},      [LA_SYN_RCVD] = {190, 330},
    [LA_SYN_SENT] = {1090, 330},   [LA_ESTABLISHED] = {640, 470}, [LA_FIN_WAIT_1] = {190, 610},
    [LA_CLOSE_WAIT] = {1090, 610}, [LA_CLOSING] = {640, 740},     [LA_FIN_WAIT_2] = {190, 790},
    [LA_LAST_ACK] = {1090, 790},   [LA_TIME_WAIT] = {640, 920},
};

/* CLOSED once more, at the foot, where the normal lives end. */
static const struct place foot = {1090, 940};

static bool ends_there(enum la_state from) { return from == LA_LAST_ACK || from == LA_TIME_WAIT; }

/* Moves drawn as arrows. */
static bool is_drawn(enum la_state from, enum la_state to) {
    return la_move_legal(from, to) && (to != LA_CLOSED || ends_there(from)) &&
           !(from == LA_SYN_RCVD && to == LA_LISTEN);
}

static const char *timers_text(enum la_state state, char *text, size_t size) {
    size_t at = 0;
    text[0] = 0;
    for (unsigned t = 0; t < LA_NTIMERS; t++) {
        if (!(la_state_timers(state) & 1u << t)) continue;
        int n = snprintf(text + at, size - at, "%s%s", at ? ", " : "", la_timer_name((enum la_timer)t));
        at += n > 0 ? (size_t)n : 0;
        if (at >= size) break;
    }
    return text;
}

/* --- Text --- */

static void print_text(void) {
    char timers[128];
    for (unsigned from = 0; from < LA_NSTATES; from++) {
        timers_text((enum la_state)from, timers, sizeof timers);
        printf("%s%s%s\n", la_state_name((enum la_state)from), *timers ? "   timers: " : "", timers);
        for (unsigned to = 0; to < LA_NSTATES; to++) {
            const char *why = la_move_why((enum la_state)from, (enum la_state)to);
            if (why) printf("    -> %-12s %s\n", la_state_name((enum la_state)to), why);
        }
    }
}

static void print_markdown(void) {
    char timers[128];
    puts("| from | to | when |\n| --- | --- | --- |");
    for (unsigned from = 0; from < LA_NSTATES; from++)
        for (unsigned to = 0; to < LA_NSTATES; to++) {
            const char *why = la_move_why((enum la_state)from, (enum la_state)to);
            if (why)
                printf("| %s | %s | %s |\n", la_state_name((enum la_state)from), la_state_name((enum la_state)to), why);
        }
    puts("\n| state | timers that may run |\n| --- | --- |");
    for (unsigned s = 0; s < LA_NSTATES; s++) {
        timers_text((enum la_state)s, timers, sizeof timers);
        printf("| %s | %s |\n", la_state_name((enum la_state)s), *timers ? timers : "none");
    }
}

/* --- Picture --- */

static void print_box(struct say *svg, struct place p, const char *name, const char *line1, const char *line2,
                      const char *kind) {
    svg_rect(svg, kind, PX(p.x - BOX_W / 2), PX(p.y - BOX_H / 2), PX(BOX_W), PX(BOX_H), " rx=\"9\"");
    svg_text(svg, "name", PX(p.x), PX(p.y - 10), name);
    if (*line1) svg_text(svg, "small", PX(p.x), PX(p.y + 8), line1);
    if (*line2) svg_text(svg, "small", PX(p.x), PX(p.y + 23), line2);
}

/* Where the line from the middle of a box towards (x, y) leaves the box. */
static struct place edge(struct place box, struct place to) {
    double dx = to.x - box.x, dy = to.y - box.y;
    double sx = dx != 0 ? (BOX_W / 2.0 + 3) / (dx < 0 ? -dx : dx) : 1e9;
    double sy = dy != 0 ? (BOX_H / 2.0 + 3) / (dy < 0 ? -dy : dy) : 1e9;
    double s = sx < sy ? sx : sy;
    return (struct place){box.x + (int)(dx * s), box.y + (int)(dy * s)};
}

/* The label in lines of a few words, on a ground that keeps it readable over the arrow. */
static void print_label(struct say *svg, struct place at, const char *words) {
    char line[3][40] = {"", "", ""};
    unsigned n = 0;
    for (const char *w = words; *w && n < 3;) {
        size_t len = strcspn(w, " ");
        size_t have = strlen(line[n]);
        if (have && have + 1 + len > 21 && n < 2) have = strlen(line[++n]);
        snprintf(line[n] + have, sizeof line[n] - have, "%s%.*s", have ? " " : "", (int)len, w);
        w += len + (w[len] == ' ');
    }
    for (unsigned i = 0; i <= n && i < 3; i++)
        svg_text(svg, "label", PX(at.x), PX(at.y - (int)n * 7 + (int)i * 14 + 4), line[i]);
}

static void print_arrow(struct say *svg, struct place from, struct place to, const char *why, const char *kind) {
    struct place a = edge(from, to), b = edge(to, from);
    svg_line(svg, kind, PX(a.x), PX(a.y), PX(b.x), PX(b.y), HEAD);
    print_label(svg, (struct place){(a.x + b.x) / 2, (a.y + b.y) / 2}, why);
}

/* Who moves: a call of the user's, or a segment. The picture shows it by the arrow's colour. */
static const char *arrow_kind(const char *why) {
    bool call = !strncmp(why, "close", 5) || !strncmp(why, "active", 6) || !strncmp(why, "passive", 7);
    return call ? "call" : "segment";
}

static void print_states(struct say *svg) {
    char timers[128], line[160];
    for (unsigned s = 0; s < LA_NSTATES; s++) {
        const char *end = la_move_why((enum la_state)s, LA_CLOSED);
        timers_text((enum la_state)s, timers, sizeof timers);
        size_t cut = strlen(timers) > 38 ? 38 : strlen(timers);
        while (cut && timers[cut] && timers[cut] != ',') cut--;
        snprintf(line, sizeof line, "%.*s%s", (int)cut, timers, timers[cut] ? " …" : "");
        char out[96] = "";
        if (end && !ends_there((enum la_state)s)) snprintf(out, sizeof out, "CLOSED: %s", end);
        print_box(svg, places[s], la_state_name((enum la_state)s), out, line, s == LA_ESTABLISHED ? "box main" : "box");
    }
    print_box(svg, foot, la_state_name(LA_CLOSED), "", "", "box");
}

static void print_moves(struct say *svg) {
    for (unsigned from = 0; from < LA_NSTATES; from++)
        for (unsigned to = 0; to < LA_NSTATES; to++) {
            if (!is_drawn((enum la_state)from, (enum la_state)to)) continue;
            const char *why = la_move_why((enum la_state)from, (enum la_state)to);
            print_arrow(svg, places[from], to == LA_CLOSED ? foot : places[to], why, arrow_kind(why));
        }
}

static const char style[] =
    ".ground{fill:#fff}.box{fill:#eef3fa;stroke:#2f5d8c;stroke-width:1.5}.main{fill:#dff2e1;stroke:#2b7a3d}\n"
    ".name{font-size:16px;font-weight:bold;text-anchor:middle;fill:#14243a}\n"
    ".small{font-size:10.5px;text-anchor:middle;fill:#5a6778}\n"
    ".label{font-size:12px;text-anchor:middle;fill:#222;paint-order:stroke;stroke:#fff;stroke-width:6px;stroke-"
    "linejoin:round}\n"
    ".segment{stroke:#2f5d8c;stroke-width:1.6}.call{stroke:#b3541e;stroke-width:1.6}\n";

/* A line of the legend: what an arrow of this kind, or none, stands for. */
static void print_key(struct say *svg, int y, const char *kind, const char *text) {
    if (kind) svg_line(svg, kind, PX(30), PX(y), PX(70), PX(y), HEAD);
    say(svg, "<text class=\"%s\" style=\"text-anchor:start\" x=\"%d\" y=\"%d\">%s</text>\n", kind ? "label" : "small",
        kind ? 78 : 30, kind ? y + 4 : y, text);
}

static int print_svg(void) {
    struct say svg = {0};
    svg_open(&svg, WIDTH, HEIGHT, "The TCP state machine of lastack", style);
    say(&svg, "<defs><marker id=\"head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" "
              "markerHeight=\"8\" orient=\"auto-start-reverse\"><path d=\"M0 0L10 5L0 10z\" fill=\"#444\"/></marker>"
              "</defs>\n");
    svg_rect(&svg, "ground", 0, 0, PX(WIDTH), PX(HEIGHT), "");
    print_moves(&svg);
    print_states(&svg);
    print_key(&svg, 40, "call", "a call by the owner");
    print_key(&svg, 64, "segment", "a segment or a timer");
    print_key(&svg, 90, NULL, "in a box: what leads to CLOSED; the timers that may run");
    svg_close(&svg);
    if (!svg.failed) fputs(svg.text, stdout);
    if (svg.failed) fputs("lastack states: not enough memory\n", stderr);
    say_free(&svg);
    return svg.failed ? EXIT_UNABLE : EXIT_AS_SCRIPTED;
}

int cmd_states(int argc, char **argv) {
    const char *form = argc > 1 ? argv[1] : "--text";
    if (argc <= 2 && !strcmp(form, "--text"))
        print_text();
    else if (argc <= 2 && !strcmp(form, "--markdown"))
        print_markdown();
    else if (argc <= 2 && !strcmp(form, "--svg"))
        return print_svg();
    else {
        bool asked = argc == 2 && (!strcmp(form, "--help") || !strcmp(form, "-h"));
        fputs("usage: lastack states [--text | --markdown | --svg]\n"
              "The states, their legal moves and their timers, from the tables that the stack obeys.\n",
              asked ? stdout : stderr);
        return asked ? EXIT_AS_SCRIPTED : EXIT_UNABLE;
    }
    return EXIT_AS_SCRIPTED;
}
