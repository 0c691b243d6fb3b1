/* Pictures as SVG text. Lengths and places are in tenths of a pixel, so that the same numbers give the same bytes on
 * every machine. No text is written unescaped. */
#ifndef TOOL_SVG_H
#define TOOL_SVG_H

#include "inspect/say.h"

#define SVG_PX 10 /* Tenths in a pixel. */

/* The root element with its size in pixels, a title, and the rules of a style sheet. */
void svg_open(struct say *svg, int width, int height, const char *title, const char *style);
void svg_close(struct say *svg);

/* "12.5", "12" */
void svg_number(struct say *svg, int tenths);
/* Text within an element or an attribute: & < > " are escaped. */
void svg_escaped(struct say *svg, const char *text);

/* <text class="…" x="…" y="…">…</text> */
void svg_text(struct say *svg, const char *class, int x, int y, const char *text);
/* <line class="…" x1="…" …/>; `more` are further attributes, as they are. */
void svg_line(struct say *svg, const char *class, int x1, int y1, int x2, int y2, const char *more);
/* <rect class="…" …/> */
void svg_rect(struct say *svg, const char *class, int x, int y, int width, int height, const char *more);
/* One step of a path: a letter and a place or a length, as in M 1 2. Only the first for h, v, H, V. */
void svg_step(struct say *svg, char letter, int x, int y);

#endif
