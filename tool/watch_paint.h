/* The terminal as a grid of cells, and its keys: all that curses is used for. */
#ifndef TOOL_WATCH_PAINT_H
#define TOOL_WATCH_PAINT_H

#include "ls_table.h"

#include <stdbool.h>
#include <stdint.h>

struct paint {
    bool colours, drawn; /* As in struct look. */
    int rows, cols;
    void *screen;
};

enum paint_how {
    PAINT_REVERSE = 1,
    PAINT_RIGHT = 2,     /* At the right end of its room. */
    PAINT_KEEPS_END = 4, /* Shortened at its beginning. */
};

/* Takes the terminal. False: it cannot be drawn on; nothing was changed. */
bool paint_begin(struct paint *paint);
/* Gives it back as it was. */
void paint_end(struct paint *paint);
/* Asks the terminal for its size again. */
void paint_resize(struct paint *paint);
/* Ctrl-L: whatever others wrote on it is painted over by the next paint_show. */
void paint_forget(void);

void paint_clear(void);
/* Shows what was painted; with a cursor at (y, x) unless y is negative. */
void paint_show(int y, int x);

/* Text in a colour (an SGR code as look_state gives) at row y, column x, shortened to `width` columns and to the
 * screen; `how`: enum paint_how bits. Whatever would control the terminal becomes '?'. Returns the columns it took. */
int paint_text(const struct paint *paint, int y, int x, int width, const char *code, unsigned how, const char *text);
/* A whole line in reverse. */
void paint_bar(const struct paint *paint, int y);
/* A table that ls_table_fit has measured: a line of titles at row y, then its rows; row `selected` (-1: none) in
 * reverse. */
void paint_table(const struct paint *paint, const struct ls_table *table, int y, int selected);

/* The next key: a character's code point or enum press. PRESS_NONE: none waits. */
int paint_key(void);

#endif
