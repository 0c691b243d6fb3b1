/* The parts of the picture of `lastack plot` share this: where things are. Lengths are tenths of a pixel. */
#ifndef TOOL_PLOT_CANVAS_H
#define TOOL_PLOT_CANVAS_H

#include "plot.h"
#include "svg.h"

#define PX(n) ((n)*SVG_PX)
#define CANVAS_WIDTH 1000 /* Pixels, as the next. */
#define CANVAS_HEIGHT 640

struct canvas_box {
    int x, y, width, height;
};

#define CANVAS_BOXES 3000 /* What labels keep away from; beyond that many, they lie where they lie. */

struct canvas {
    struct say *out;
    const struct plot *plot;
    struct canvas_box area;   /* Of time and sequence numbers. */
    struct canvas_box panel;  /* Of time and the congestion window; height 0: there is none. */
    la_time from, to;         /* From the left edge of both to the right one. */
    uint64_t lowest, highest; /* From the bottom of the area to the top. */
    bool has_edge;            /* The window's edge is near enough to be seen. */
    struct canvas_box box[CANVAS_BOXES];
    unsigned nboxes;
};

int canvas_x(const struct canvas *canvas, la_time at);
int canvas_y(const struct canvas *canvas, uint64_t seq);
/* Labels shall keep away from here. */
void canvas_keep(struct canvas *canvas, int x, int y, int width, int height);
/* A step of 1, 2 or 5 times a power of ten: at most `most` of them in `range`. */
uint64_t canvas_step(uint64_t range, unsigned most);

/* Segments: bars, crosses, staircases (plot_marks.c). */
void plot_marks(struct canvas *canvas);
/* Notes, with lines to what they speak of (plot_labels.c). */
void plot_labels(struct canvas *canvas);

#endif
