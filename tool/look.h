/* How the output may look: a terminal gets colours and line drawing, a pipe plain ASCII. */
#ifndef TOOL_LOOK_H
#define TOOL_LOOK_H

#include <stdbool.h>
#include <stddef.h>

struct look {
    bool terminal, colours, drawn; /* `drawn`: line characters beyond ASCII. */
    int width;                     /* Columns; of a pipe 160. At least 60, as drawings need. */
    int columns;                   /* The same, however narrow the terminal is. */
};

/* Standard output's. NO_COLOR and TERM=dumb switch colours off. */
struct look look_of_output(void);

/* Prints text in a colour (an SGR code such as "1;31"), plainly where there are none. */
void look_paint(const struct look *look, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The colour of a state (enum la_state), for look_paint. */
const char *look_state(int state);
void look_spaces(int n);
/* `text` n times. */
void look_repeat(const char *text, int n);

/* The columns that a text takes: its characters, UTF-8 taken as such. */
int look_width(const char *text);

/* A copy (malloc) that is valid UTF-8 and has no control characters but tab and newline: what does not fit became '?'.
 * NULL: no memory. */
char *look_clean(const char *text);

#endif
