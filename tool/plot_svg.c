/* The picture: a time-sequence graph, with the congestion window under it where it is known.
 *
 * In: a finished plot. Out: one SVG document without scripts, in colours for light and dark pages. Time goes right,
 * sequence numbers go up. This file decides the scales and draws what stands around the data: title, axes, panel,
 * legend. plot_marks.c draws the segments, plot_labels.c the notes. All lengths are whole tenths of a pixel, computed
 * with integers: the same plot gives the same bytes everywhere. */
#include "plot_canvas.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LEFT PX(72)
#define RIGHT PX(CANVAS_WIDTH - 22)
#define TOP PX(76)
#define AIR PX(16) /* Between the frame and what is drawn. */
#define PANEL_HEIGHT PX(84)
#define FOOT PX(62) /* Time's numbers and the legend. */

/* The colours of a light page, then of a dark one. */
static const struct paint {
    const char *rule, *light, *dark;
} paints[] = {
    {".g{fill:%s}", "#ffffff", "#12171f"},         {".o{stroke:%s}", "#ffffff", "#12171f"},
    {".c{stroke:%s}", "#e4e8ee", "#28323f"},       {".f{stroke:%s}", "#b6c0cc", "#4a5868"},
    {".h,.o{fill:%s}", "#17222f", "#e6ecf4"},      {".t,.u,.v,.y{fill:%s}", "#566476", "#9aa8ba"},
    {".n{stroke:%s}", "#2869b3", "#69aaf2"},       {".n0{fill:%s}", "#2869b3", "#69aaf2"},
    {".r{stroke:%s}", "#dd6e0f", "#f5a04c"},       {".x{stroke:%s}", "#cc1f2f", "#ff6470"},
    {".a,.d,.p{stroke:%s}", "#23834f", "#55c98b"}, {".a0{fill:%s}", "#23834f", "#55c98b"},
    {".k{stroke:%s}", "#8450b8", "#b995ec"},       {".k2{stroke:%s}", "#c42f86", "#f283c2"},
    {".w{stroke:%s}", "#a08a3c", "#cdbb66"},       {".i{stroke:%s}", "#17222f", "#e6ecf4"},
    {".q{stroke:%s}", "#3d4f63", "#b4c2d3"},       {".q2{stroke:%s}", "#cc1f2f", "#ff6470"},
};

static const char shapes[] =
    "path,line{fill:none}\n"
    "text{font-size:11px}.h{font-size:18px;font-weight:600}.v{font-size:12.5px}\n"
    ".t{text-anchor:middle}.y{text-anchor:end}.s{font-size:9px;font-weight:600;text-anchor:middle}\n"
    ".n,.r{stroke-width:3.4}.l{stroke-dasharray:1.6 1.8}.x{stroke-width:1.8}\n"
    ".thin .n,.thin .r{stroke-width:2}.thin .p{stroke-width:2}\n"
    ".a{stroke-width:1.4}.d{stroke-width:1.6}.p{stroke-width:4;stroke-linecap:round}\n"
    ".k,.k2{stroke-width:2.4}.k{opacity:.5}.w{stroke-width:1.3;stroke-dasharray:5 3}\n"
    ".i{stroke-width:.9}.o{font-size:12px;font-weight:600;paint-order:stroke;stroke-width:4px;stroke-linejoin:round}\n"
    ".q{stroke-width:1.6}.q2{stroke-width:1.2;stroke-dasharray:4 3}\n";

static void style_of(struct say *style) {
    say(style, "%s", shapes);
    for (int dark = 0; dark < 2; dark++) {
        if (dark) say(style, "@media(prefers-color-scheme:dark){\n");
        for (size_t i = 0; i < sizeof paints / sizeof paints[0]; i++) {
            const char *at = strstr(paints[i].rule, "%s");
            say(style, "%.*s%s%s%s", (int)(at - paints[i].rule), paints[i].rule,
                dark ? paints[i].dark : paints[i].light, at + 2, i % 6 == 5 ? "\n" : "");
        }
        if (dark) say(style, "}\n");
    }
}

/* --- Scales --- */

int canvas_x(const struct canvas *canvas, la_time at) {
    la_time span = canvas->to - canvas->from, passed = at - canvas->from;
    while (span > UINT64_MAX >> 14) { /* Weeks: the product below must fit. */
        span >>= 1;
        passed >>= 1;
    }
    uint64_t width = (uint64_t)(canvas->area.width - 2 * AIR);
    return canvas->area.x + AIR + (int)(passed * width / span);
}

/* What lies far outside is brought near: a path may not leave the numbers that a renderer takes. */
int canvas_y(const struct canvas *canvas, uint64_t seq) {
    uint64_t range = canvas->highest - canvas->lowest, height = (uint64_t)(canvas->area.height - 2 * AIR);
    if (seq > canvas->highest + range) seq = canvas->highest + range;
    uint64_t below = seq < canvas->lowest ? canvas->lowest - seq : 0;
    if (below > range) below = range;
    int bottom = canvas->area.y + canvas->area.height - AIR;
    return below ? bottom + (int)(below * height / range) : bottom - (int)((seq - canvas->lowest) * height / range);
}

void canvas_keep(struct canvas *canvas, int x, int y, int width, int height) {
    if (canvas->nboxes < CANVAS_BOXES) canvas->box[canvas->nboxes++] = (struct canvas_box){x, y, width, height};
}

uint64_t canvas_step(uint64_t range, unsigned most) {
    static const unsigned digits[] = {1, 2, 5};
    for (uint64_t power = 1;; power *= 10)
        for (int i = 0; i < 3; i++)
            if (range / (power * digits[i]) <= most || power > UINT64_MAX / 100) return power * digits[i];
}

/* Which times and numbers are shown. */
static void scale(struct canvas *canvas) {
    const struct plot *plot = canvas->plot;
    uint64_t low = UINT64_MAX, high = 0, edge = UINT64_MAX, top_edge = 0;
    for (size_t i = 0; i < plot->nsegments; i++) {
        const struct plot_segment *segment = &plot->segment[i];
        bool empty = segment->sent && segment->to == segment->from;
        uint64_t from = segment->sent ? segment->from : segment->ack, to = segment->sent ? segment->to : segment->ack;
        if (!empty && from < low && (segment->sent || segment->ack)) low = from;
        if (!empty && to > high) high = to;
        if (segment->sent || !segment->edge_known || segment->wire.flags & (LA_SYN | LA_RST)) continue;
        if (segment->edge < edge) edge = segment->edge;
        if (segment->edge > top_edge) top_edge = segment->edge;
    }
    if (low > high) low = 0;
    uint64_t range = high - low ? high - low : 1, most = high + range / 2;
    canvas->has_edge = edge < most;
    if (canvas->has_edge && top_edge > high) high = top_edge < most ? top_edge : most;
    range = high - low ? high - low : 1;
    canvas->lowest = low;
    canvas->highest = low + range;
    la_time first = plot->nsegments ? plot->segment[0].at : 0;
    la_time last = plot->nsegments ? plot->segment[plot->nsegments - 1].at : 0;
    canvas->from = first;
    canvas->to = last > first ? last : first + LA_MS;
}

/* --- Axes --- */

/* A round number with its unit: the greatest of which the step is a multiple. */
static void tick_text(uint64_t value, uint64_t step, const char *const units[4], char *text, size_t size) {
    uint64_t unit = 1;
    int i = 0;
    while (i < 3 && step >= unit * 1000) {
        unit *= 1000;
        i++;
    }
    snprintf(text, size, "%" PRIu64 "%s%s", value / unit, value ? " " : "", value ? units[i] : "");
}

static void time_axis(struct canvas *canvas, const struct canvas_box *lowest) {
    static const char *const units[] = {"ns", "µs", "ms", "s"};
    la_time step = canvas_step(canvas->to - canvas->from, 11);
    char text[32];
    for (la_time at = (canvas->from + step - 1) / step * step; at <= canvas->to; at += step) {
        int x = canvas_x(canvas, at);
        svg_line(canvas->out, "c", x, canvas->area.y, x, canvas->area.y + canvas->area.height, "");
        if (canvas->panel.height)
            svg_line(canvas->out, "c", x, canvas->panel.y, x, canvas->panel.y + canvas->panel.height, "");
        tick_text(at, step, units, text, sizeof text);
        svg_text(canvas->out, "t", x, lowest->y + lowest->height + PX(16), text);
    }
}

static void sequence_axis(struct canvas *canvas) {
    static const char *const units[] = {"B", "kB", "MB", "GB"};
    uint64_t step = canvas_step(canvas->highest - canvas->lowest, 9);
    char text[32];
    for (uint64_t seq = (canvas->lowest + step - 1) / step * step; seq <= canvas->highest; seq += step) {
        int y = canvas_y(canvas, seq);
        svg_line(canvas->out, "c", canvas->area.x, y, canvas->area.x + canvas->area.width, y, "");
        tick_text(seq, step, units, text, sizeof text);
        svg_text(canvas->out, "y", canvas->area.x - PX(7), y + PX(4), text);
    }
    svg_text(canvas->out, "u", canvas->area.x - PX(58), canvas->area.y - PX(8), "sequence number");
}

static void frame(struct canvas *canvas, const struct canvas_box *box) {
    svg_line(canvas->out, "f", box->x, box->y, box->x, box->y + box->height, "");
    svg_line(canvas->out, "f", box->x, box->y + box->height, box->x + box->width, box->y + box->height, "");
}

/* --- The congestion window --- */

/* "As much as may be", with which ssthresh begins and to which an undo leads back, is not drawn. */
static bool shows_ssthresh(const struct plot_window *window, uint32_t most_cwnd) {
    return window->ssthresh <= most_cwnd + most_cwnd / 2;
}

static void panel_line(struct canvas *canvas, uint32_t top, bool ssthresh, uint32_t most_cwnd) {
    const struct canvas_box *panel = &canvas->panel;
    bool begun = false, down = false; /* The path; the pen. */
    for (size_t i = 0; i < canvas->plot->nwindows; i++) {
        const struct plot_window *window = &canvas->plot->window[i];
        bool before = i + 1 < canvas->plot->nwindows && window[1].at <= canvas->from; /* Another is in force there. */
        bool shown = !ssthresh || shows_ssthresh(window, most_cwnd);
        if (before || window->at > canvas->to || (!shown && !down)) continue;
        uint64_t value = ssthresh ? window->ssthresh : window->cwnd;
        int x = canvas_x(canvas, window->at > canvas->from ? window->at : canvas->from);
        int y = panel->y + panel->height - (int)((shown ? value : 0) * (uint64_t)panel->height / top);
        if (!begun) say(canvas->out, "<path class=\"%s\" d=\"", ssthresh ? "q2" : "q");
        svg_step(canvas->out, down ? 'H' : 'M', x, y);
        if (down && shown) svg_step(canvas->out, 'V', y, 0);
        begun = true;
        down = shown;
    }
    if (down) svg_step(canvas->out, 'H', panel->x + panel->width, 0);
    if (begun) say(canvas->out, "\"/>\n");
}

static void draw_panel(struct canvas *canvas) {
    const struct plot *plot = canvas->plot;
    uint32_t most = 1, mss = plot->mss ? plot->mss : 1;
    if (!canvas->panel.height) return;
    for (size_t i = 0; i < plot->nwindows; i++)
        if (plot->window[i].cwnd > most) most = plot->window[i].cwnd;
    uint32_t top = most + most / 5;
    for (size_t i = 0; i < plot->nwindows; i++)
        if (shows_ssthresh(&plot->window[i], most) && plot->window[i].ssthresh > top) top = plot->window[i].ssthresh;
    uint64_t step = canvas_step(top / mss, 4);
    for (uint64_t n = 0; n <= top / mss; n += step) {
        char text[24];
        int y = canvas->panel.y + canvas->panel.height - (int)(n * mss * (uint64_t)canvas->panel.height / top);
        svg_line(canvas->out, "c", canvas->panel.x, y, canvas->panel.x + canvas->panel.width, y, "");
        snprintf(text, sizeof text, "%" PRIu64, n);
        svg_text(canvas->out, "y", canvas->panel.x - PX(7), y + PX(4), text);
    }
    panel_line(canvas, top, true, most);
    panel_line(canvas, top, false, most);
    frame(canvas, &canvas->panel);
    svg_text(canvas->out, "u", canvas->panel.x - PX(58), canvas->panel.y - PX(7), "congestion window, segments");
}

/* --- The legend --- */

/* One entry: a small picture of the mark, and its name. Returns where the next one begins. */
static int entry(struct canvas *canvas, int x, int y, const char *class, const char *path, const char *name) {
    if (x + PX(30) + (int)strlen(name) * 58 > RIGHT) return x;
    say(canvas->out, "<g transform=\"translate(");
    svg_number(canvas->out, x);
    say(canvas->out, " ");
    svg_number(canvas->out, y);
    say(canvas->out, ")\"><path class=\"%s\" d=\"%s\"/></g>", class, path);
    svg_text(canvas->out, "u", x + PX(20), y + PX(4), name);
    return x + PX(36) + (int)strlen(name) * 58;
}

static void legend(struct canvas *canvas) {
    const char *bar = "M8-7v14", *line = "M0 5h8v-9h8";
    struct plot_counts counts = plot_count(canvas->plot);
    bool panel = canvas->panel.height > 0;
    int x = LEFT, y = PX(CANVAS_HEIGHT - 16);
    x = entry(canvas, x, y, "n", bar, "data");
    if (counts.again) x = entry(canvas, x, y, "r", bar, "sent again");
    if (counts.delayed) x = entry(canvas, x, y, "n l", bar, "delayed");
    if (counts.lost) x = entry(canvas, x, y, "x", "M4-4l8 8m0-8l-8 8", "lost");
    x = entry(canvas, x, y, "a", line, "ACK");
    if (counts.duplicates) x = entry(canvas, x, y, "d", "M8-4v8", "duplicate ACK");
    if (counts.sacks > counts.dsacks) x = entry(canvas, x, y, "k", bar, "SACK block");
    if (counts.dsacks) x = entry(canvas, x, y, "k2", bar, "D-SACK");
    if (canvas->has_edge) x = entry(canvas, x, y, "w", line, "receive window");
    if (panel) x = entry(canvas, x, y, "q", line, "congestion window");
    if (panel) entry(canvas, x, y, "q2", "M0 0h16", "ssthresh");
}

/* --- All of it --- */

static void lay_out(struct canvas *canvas) {
    bool panel = canvas->plot->nwindows > 0;
    int bottom = PX(CANVAS_HEIGHT) - FOOT;
    if (panel) canvas->panel = (struct canvas_box){LEFT, bottom - PANEL_HEIGHT, RIGHT - LEFT, PANEL_HEIGHT};
    int low = panel ? canvas->panel.y - PX(30) : bottom;
    canvas->area = (struct canvas_box){LEFT, TOP, RIGHT - LEFT, low - TOP};
    scale(canvas);
}

static void draw(struct canvas *canvas) {
    const struct plot *plot = canvas->plot;
    struct plot_counts counts = plot_count(plot);
    svg_rect(canvas->out, "g", 0, 0, PX(CANVAS_WIDTH), PX(CANVAS_HEIGHT), "");
    say(canvas->out, "<clipPath id=\"area\">");
    svg_rect(canvas->out, "g", canvas->area.x, canvas->area.y - PX(4), canvas->area.width, canvas->area.height + PX(8),
             "");
    say(canvas->out, "</clipPath>\n");
    svg_text(canvas->out, "h", PX(14), PX(27), plot->title);
    svg_text(canvas->out, "v", PX(14), PX(47), plot->subtitle);
    time_axis(canvas, canvas->panel.height ? &canvas->panel : &canvas->area);
    sequence_axis(canvas);
    frame(canvas, &canvas->area);
    say(canvas->out, "<g%s>\n", counts.sent > 300 ? " class=\"thin\"" : "");
    plot_marks(canvas);
    say(canvas->out, "</g>\n");
    draw_panel(canvas);
    plot_labels(canvas);
    legend(canvas);
}

void plot_svg(struct say *out, const struct plot *plot) {
    static struct canvas canvas;
    struct say style = {0};
    style_of(&style);
    canvas = (struct canvas){.out = out, .plot = plot};
    svg_open(out, CANVAS_WIDTH, CANVAS_HEIGHT, plot->title, style.text ? style.text : "");
    out->failed |= style.failed;
    say_free(&style);
    lay_out(&canvas);
    draw(&canvas);
    svg_close(out);
}
