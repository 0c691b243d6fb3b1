/* What every segment leaves in the picture.
 *
 * A segment sent is a bar over the sequence numbers it takes; a segment received moves the staircases of ACK and window
 * edge, and its SACK blocks are bars. Each mark has its segment as a title, which browsers show under the pointer.
 * In a large capture many marks fall on the same spot: bars that continue each other in the same column are one, and a
 * dot or a block that hides another is left out. The size of the picture is thus bounded by its pixels. */
#include "plot_canvas.h"

#include <inttypes.h>
#include <stdlib.h>

static void title(struct canvas *canvas, const struct plot_segment *segment, size_t more) {
    struct say text = {0};
    plot_segment_text(&text, segment);
    say(canvas->out, "<title>");
    svg_escaped(canvas->out, text.text ? text.text : "");
    if (segment->fate != PLOT_ARRIVES)
        say(canvas->out, segment->fate == PLOT_LOST ? ", lost on the road" : ", delayed on the road");
    if (more) say(canvas->out, " and %zu more", more);
    say(canvas->out, "</title></path>\n");
    canvas->out->failed |= text.failed;
    say_free(&text);
}

static void open_path(struct canvas *canvas, const char *class, int x, int y) {
    say(canvas->out, "<path class=\"%s\" d=\"", class);
    svg_step(canvas->out, 'M', x, y);
}

/* --- Staircases --- */

static bool has_ack(const struct plot_segment *segment) { return !segment->sent && segment->wire.flags & LA_ACK; }

static bool has_edge(const struct plot_segment *segment) {
    return has_ack(segment) && segment->edge_known && !(segment->wire.flags & LA_RST);
}

/* A line that goes right until the value changes, then to the new value. */
static void staircase(struct canvas *canvas, const char *class, bool (*has)(const struct plot_segment *), bool edge) {
    uint64_t value = 0;
    int x = 0, y = 0;
    bool begun = false;
    for (size_t i = 0; i < canvas->plot->nsegments; i++) {
        const struct plot_segment *segment = &canvas->plot->segment[i];
        if (!has(segment)) continue;
        uint64_t next = edge ? segment->edge : segment->ack;
        if (begun && (next == value || (!edge && next < value))) continue;
        value = next;
        int x2 = canvas_x(canvas, segment->at), y2 = canvas_y(canvas, value);
        if (begun && x2 == x && y2 == y) continue;
        if (!begun) open_path(canvas, class, x2, y2);
        if (begun && x2 != x) svg_step(canvas->out, 'H', x2, 0);
        if (begun) svg_step(canvas->out, 'V', y2, 0);
        if (begun && !edge && canvas->nboxes < CANVAS_BOXES) {
            canvas_keep(canvas, x, y - PX(2), x2 - x, PX(4));
            canvas_keep(canvas, x2 - PX(2), y2, PX(4), y - y2);
        }
        begun = true;
        x = x2;
        y = y2;
    }
    if (!begun) return;
    svg_step(canvas->out, 'H', canvas->area.x + canvas->area.width, 0);
    say(canvas->out, "\"/>\n");
}

/* --- Received --- */

static void sack_blocks(struct canvas *canvas) {
    int last_x = -PX(9);
    uint64_t last_from = 0, last_to = 0;
    for (size_t i = 0; i < canvas->plot->nsegments; i++) {
        const struct plot_segment *segment = &canvas->plot->segment[i];
        for (unsigned b = 0; !segment->sent && b < segment->wire.nsack && b < 4; b++) {
            uint64_t from = plot_near(segment->ack, segment->sack[b].from);
            uint64_t to = plot_near(segment->ack, segment->sack[b].to);
            int x = canvas_x(canvas, segment->at);
            if (to <= from || (abs(x - last_x) < PX(1) && from == last_from && to == last_to)) continue;
            last_x = x;
            last_from = from;
            last_to = to;
            int y = canvas_y(canvas, from), height = y - canvas_y(canvas, to);
            open_path(canvas, segment->dsack && !b ? "k2" : "k", x, y);
            svg_step(canvas->out, 'v', -(height < PX(1) ? PX(1) : height), 0);
            say(canvas->out, "\"/>\n");
            canvas_keep(canvas, x - PX(2), y - height, PX(4), height);
        }
    }
}

/* A dot on the staircase for each ACK, a tick below it for each duplicate. */
static void ack_dots(struct canvas *canvas) {
    int last_x = -PX(9), last_y = -PX(9);
    for (size_t i = 0; i < canvas->plot->nsegments; i++) {
        const struct plot_segment *segment = &canvas->plot->segment[i];
        if (!has_ack(segment)) continue;
        int x = canvas_x(canvas, segment->at), y = canvas_y(canvas, segment->ack);
        if (abs(x - last_x) < PX(1) && abs(y - last_y) < PX(1)) continue;
        last_x = x;
        last_y = y;
        open_path(canvas, segment->duplicate ? "d" : "p", x, y);
        svg_step(canvas->out, 'v', segment->duplicate ? PX(7) : 0, 0);
        if (segment->duplicate) canvas_keep(canvas, x - PX(1), y, PX(2), PX(9));
        say(canvas->out, "\">");
        title(canvas, segment, 0);
    }
}

/* --- Sent --- */

/* Bars that continue each other in one column. */
struct bar {
    const struct plot_segment *segment; /* The first; NULL: none. */
    uint64_t to;
    size_t more;
};

static void bar_draw(struct canvas *canvas, const struct bar *bar) {
    const struct plot_segment *segment = bar->segment;
    if (!segment) return;
    int x = canvas_x(canvas, segment->at), y = canvas_y(canvas, segment->from), top = canvas_y(canvas, bar->to);
    int gap = y - top > PX(4) ? PX(1) / 2 : 0; /* Segments sent at once are to be seen as several. */
    int height = y - top - 2 * gap;
    say(canvas->out, "<path class=\"%s%s\" d=\"", segment->again ? "r" : "n",
        segment->fate == PLOT_ARRIVES ? "" : " l");
    svg_step(canvas->out, 'M', x, y - gap);
    svg_step(canvas->out, 'v', -(height < PX(1) ? PX(1) : height), 0);
    say(canvas->out, "\">");
    title(canvas, segment, bar->more);
    canvas_keep(canvas, x - PX(2), top, PX(4), y - top);
    if (segment->fate != PLOT_LOST) return;
    int middle = (y + top) / 2, arm = PX(4);
    open_path(canvas, "x", x - arm, middle - arm);
    svg_step(canvas->out, 'l', 2 * arm, 2 * arm);
    svg_step(canvas->out, 'm', 0, -2 * arm);
    svg_step(canvas->out, 'l', -2 * arm, 2 * arm);
    say(canvas->out, "\"/>\n");
}

static bool continues(const struct canvas *canvas, const struct bar *bar, const struct plot_segment *segment) {
    const struct plot_segment *first = bar->segment;
    return first && bar->to == segment->from && first->again == segment->again && first->fate == segment->fate &&
           first->fate != PLOT_LOST && canvas_x(canvas, segment->at) - canvas_x(canvas, first->at) < PX(1) &&
           canvas_y(canvas, segment->from) - canvas_y(canvas, segment->to) < PX(3);
}

static void bars(struct canvas *canvas) {
    struct bar bar = {0};
    for (size_t i = 0; i < canvas->plot->nsegments; i++) {
        const struct plot_segment *segment = &canvas->plot->segment[i];
        if (!segment->sent || segment->to == segment->from) continue;
        if (continues(canvas, &bar, segment)) {
            bar.to = segment->to;
            bar.more++;
            continue;
        }
        bar_draw(canvas, &bar);
        bar = (struct bar){segment, segment->to, 0};
    }
    bar_draw(canvas, &bar);
}

/* --- SYN, FIN, RST --- */

static const char *sign(const struct plot_segment *segment) {
    if (segment->wire.flags & LA_RST) return "RST";
    if (segment->wire.flags & LA_SYN) return "SYN";
    return segment->wire.flags & LA_FIN ? "FIN" : NULL;
}

/* The end's own stand left above their place, the other end's right below. */
static void signs(struct canvas *canvas) {
    int last = -PX(99);
    for (size_t i = 0; i < canvas->plot->nsegments; i++) {
        const struct plot_segment *segment = &canvas->plot->segment[i];
        const char *text = sign(segment);
        int x = canvas_x(canvas, segment->at);
        if (!text || x - last < PX(3)) continue;
        last = x;
        int y = canvas_y(canvas, segment->sent ? segment->to : segment->ack);
        int text_y = segment->sent ? y - PX(8) : y + PX(19);
        svg_text(canvas->out, segment->sent ? "s n0" : "s a0", x, text_y, text);
        canvas_keep(canvas, x - PX(12), text_y - PX(9), PX(24), PX(10));
    }
}

void plot_marks(struct canvas *canvas) {
    say(canvas->out, "<g clip-path=\"url(#area)\">\n");
    if (canvas->has_edge) staircase(canvas, "w", has_edge, true);
    sack_blocks(canvas);
    staircase(canvas, "a", has_ack, false);
    bars(canvas);
    ack_dots(canvas);
    say(canvas->out, "</g>\n");
    signs(canvas);
}
