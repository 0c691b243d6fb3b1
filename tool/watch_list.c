#include "watch_list.h"

void list_fit(struct list *list, int page) {
    list->page = page > 1 ? (uint32_t)page : 1;
    if (list->at >= list->n) list->at = list->n ? list->n - 1 : 0;
    if (list->top > list->at) list->top = list->at;
    if (list->at - list->top >= list->page) list->top = list->at - list->page + 1;
    /* No empty lines below while there is something above. */
    uint32_t last_top = list->n > list->page ? list->n - list->page : 0;
    if (list->top > last_top) list->top = last_top;
}

static void move(struct list *list, int64_t by) {
    int64_t at = (int64_t)list->at + by;
    if (at >= list->n) at = (int64_t)list->n - 1;
    list->at = at > 0 ? (uint32_t)at : 0;
    list_fit(list, (int)list->page);
}

bool list_press(struct list *list, int press) {
    switch (press) {
    case 'k':
    case PRESS_UP: move(list, -1); return true;
    case 'j':
    case PRESS_DOWN: move(list, 1); return true;
    case PRESS_PAGE_UP: move(list, -(int64_t)list->page); return true;
    case PRESS_PAGE_DOWN: move(list, list->page); return true;
    case PRESS_HOME: move(list, -(int64_t)list->n); return true;
    case PRESS_END: move(list, list->n); return true;
    default: return false;
    }
}

void list_keep(struct list *list, uint32_t n, uint64_t key, uint64_t (*key_of)(const void *items, uint32_t at),
               const void *items) {
    uint32_t line = list->at - list->top;
    uint32_t found = 0;
    while (found < n && key_of(items, found) != key) found++;
    list->n = n;
    if (found < n) {
        list->at = found;
        list->top = found > line ? found - line : 0;
    }
    list_fit(list, (int)list->page);
}
