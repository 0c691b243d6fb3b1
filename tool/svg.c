#include "svg.h"

#include <stdlib.h>

void svg_open(struct say *svg, int width, int height, const char *title, const char *style) {
    say(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\">\n<title>",
        width, height);
    svg_escaped(svg, title);
    say(svg, "</title>\n<style>\n%s</style>\n", style);
}

void svg_close(struct say *svg) { say(svg, "</svg>\n"); }

void svg_number(struct say *svg, int tenths) {
    say(svg, "%s%d", tenths < 0 ? "-" : "", abs(tenths) / SVG_PX);
    if (tenths % SVG_PX) say(svg, ".%d", abs(tenths) % SVG_PX);
}

void svg_escaped(struct say *svg, const char *text) {
    for (; *text; text++) switch (*text) {
        case '&': say(svg, "&amp;"); break;
        case '<': say(svg, "&lt;"); break;
        case '>': say(svg, "&gt;"); break;
        case '"': say(svg, "&quot;"); break;
        default: say(svg, "%c", *text);
        }
}

static void attribute(struct say *svg, const char *name, int tenths) {
    say(svg, " %s=\"", name);
    svg_number(svg, tenths);
    say(svg, "\"");
}

void svg_text(struct say *svg, const char *class, int x, int y, const char *text) {
    say(svg, "<text class=\"%s\"", class);
    attribute(svg, "x", x);
    attribute(svg, "y", y);
    say(svg, ">");
    svg_escaped(svg, text);
    say(svg, "</text>\n");
}

void svg_line(struct say *svg, const char *class, int x1, int y1, int x2, int y2, const char *more) {
    say(svg, "<line class=\"%s\"", class);
    attribute(svg, "x1", x1);
    attribute(svg, "y1", y1);
    attribute(svg, "x2", x2);
    attribute(svg, "y2", y2);
    say(svg, "%s/>\n", more);
}

void svg_rect(struct say *svg, const char *class, int x, int y, int width, int height, const char *more) {
    say(svg, "<rect class=\"%s\"", class);
    attribute(svg, "x", x);
    attribute(svg, "y", y);
    attribute(svg, "width", width);
    attribute(svg, "height", height);
    say(svg, "%s/>\n", more);
}

void svg_step(struct say *svg, char letter, int x, int y) {
    say(svg, "%c", letter);
    svg_number(svg, x);
    if (letter == 'h' || letter == 'v' || letter == 'H' || letter == 'V') return;
    say(svg, " ");
    svg_number(svg, y);
}
