/* A list that is longer than its window: what is selected, what is seen, and how keys move it. Nothing here draws. */
#ifndef TOOL_WATCH_LIST_H
#define TOOL_WATCH_LIST_H

#include <stdbool.h>
#include <stdint.h>

/* Keys that are no characters; those are their code points. */
enum press {
    PRESS_NONE = -1,
    PRESS_ENTER = '\n',
    PRESS_TAB = '\t',
    PRESS_ESCAPE = 27,
    PRESS_UP = 0x200000,
    PRESS_DOWN,
    PRESS_PAGE_UP,
    PRESS_PAGE_DOWN,
    PRESS_HOME,
    PRESS_END,
    PRESS_BACKSPACE,
    PRESS_BACK_TAB,
    PRESS_OTHER,
};

struct list {
    uint32_t n;    /* Items. */
    uint32_t at;   /* The selected one; 0 when there are none. */
    uint32_t top;  /* The first one that is seen. */
    uint32_t page; /* How many are seen at once, at least 1. */
};

/* The window has room for `page` items: moves it as little as needed for the selected one to be seen. */
void list_fit(struct list *list, int page);
/* Moves the selection. False: not a key that does. */
bool list_press(struct list *list, int press);
/* The items have changed: selects the one with `key` again, on the same line of the window; where it is gone, the one
 * in its place. */
void list_keep(struct list *list, uint32_t n, uint64_t key, uint64_t (*key_of)(const void *items, uint32_t at),
               const void *items);

#endif
