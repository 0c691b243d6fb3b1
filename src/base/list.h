/* Doubly linked intrusive lists, first in first out. A node that is in no list has next == NULL. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head) { head->next = head->prev = head; }
static inline bool list_empty(const struct list *head) { return head->next == head; }
static inline bool list_linked(const struct list *node) { return node->next != NULL; }
static inline void list_insert_before(struct list *place, struct list *node) {
    node->next = place;
    node->prev = place->prev;
    place->prev->next = node;
    place->prev = node;
}
static inline void list_append(struct list *head, struct list *node) { list_insert_before(head, node); }
static inline void list_remove(struct list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}
/* The first node, or NULL. */
static inline struct list *list_first(const struct list *head) { return list_empty(head) ? NULL : head->next; }

#endif
