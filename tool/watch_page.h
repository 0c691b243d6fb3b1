/* A text that is scrolled: lines broken to the width, lines that begin at the left margin are headings. */
#ifndef TOOL_WATCH_PAGE_H
#define TOOL_WATCH_PAGE_H

#include "watch_paint.h"

struct page {
    char *text; /* malloc'd. */
    struct page_line *lines;
    uint32_t n, top;
    int rows, width; /* Of the window when it was last drawn; 0: not yet. */
};

/* Takes the text (malloc'd, NULL: none) in place of what was there; the place in it stays. */
void page_set(struct page *page, char *text);
void page_draw(struct page *page, const struct paint *paint, int y, int rows);
/* Scrolls. False: not a key that does. */
bool page_press(struct page *page, int press);
void page_free(struct page *page);

/* The line of a text that a window of this many columns shows from `text` on, cut between words where it can be, of at
 * least one character: its length in bytes. *next: what is skipped to come to the next line. */
size_t page_break(const char *text, int width, size_t *next);

#endif
