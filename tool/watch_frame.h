/* What the screen has around its views: the header, the line of views, the line at the bottom, and what the user is
 * typing there. */
#ifndef TOOL_WATCH_FRAME_H
#define TOOL_WATCH_FRAME_H

#include "watch_view.h"

enum tab { TAB_ROWS, TAB_CONNS, TAB_FINDINGS, NTABS };
/* Over a tab. */
enum over { OVER_NOTHING, OVER_LIFE, OVER_FINDING, OVER_HELP };

/* A line of text as it is typed. */
struct prompt {
    bool open;
    char text[FILTER_TEXT];
    size_t len;
};

struct screen {
    struct watch *watch;
    struct paint paint;
    enum tab tab;
    enum over over, before_help;
    struct rows_view rows;
    struct conns_view conns;
    struct findings_view findings;
    struct life_view life;
    struct page finding, help;
    uint64_t finding_key; /* Of the finding that is shown in full. */
    struct prompt prompt;
    char message[300]; /* Until the next key. */
    bool paused, quit;
};

/* Paints everything. */
void frame_draw(struct screen *screen);

/* Takes a key; *done: Enter ended it. False: it was given up. */
bool prompt_press(struct prompt *prompt, int press, bool *done);

/* The text of the help. */
extern const char frame_help[];

#endif
