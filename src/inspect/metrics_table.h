/* What metrics are counted under: label values in a bounded number, and rows that are found again by their key. */
#ifndef INSPECT_METRICS_TABLE_H
#define INSPECT_METRICS_TABLE_H

#include "map.h"
#include "snap.h"

/* Up to three label values that belong together: program, unit, container. */
#define NAME_PARTS 3

struct name {
    const char *part[NAME_PARTS]; /* NULL: it has none. */
    uint64_t weight;              /* How much there is of it. */
};

#define NAMES_FIRM UINT64_MAX /* A weight that keeps a name whatever else there is. */

struct names {
    struct name *list; /* In alphabetical order. */
    uint32_t *of;      /* For each name that was given: its index in list. */
    uint32_t other;    /* Index of the name of all that are too many. */
};

/* Puts equal names together, their weights added, and keeps the `most` heaviest; the rest are called "other".
 * False: memory was refused. */
bool names_make(struct names *names, const struct name *given, uint32_t n, uint32_t most);
void names_free(struct names *names);

#define ROW_VALUES 4
#define ROW_NONE UINT64_MAX /* A value that is not known. */

/* The values of one set of labels. */
struct row {
    uint32_t netns, name;          /* Indexes into names. */
    const struct snap_conn *conn;  /* Whose addresses, state or age it has; NULL: "other". */
    const struct snap_proc *proc;  /* For descriptors. */
    const struct finding *finding; /* For findings. */
    uint64_t order;                /* Where it stands: those with less come first. */
    uint32_t came;                 /* Where it stands among its equals; rows_at sets it. */
    uint64_t value[ROW_VALUES];
};

struct rows {
    struct map map;
    struct row *list;
    uint32_t n, room;
    bool failed; /* Memory was refused. */
};

/* The row of a key, made as `fresh` if need be. NULL: memory was refused. */
struct row *rows_at(struct rows *rows, uint64_t key, const struct row *fresh);
/* In order; equal ones as they came. No row can be found by its key afterwards. */
void rows_sort(struct rows *rows);
void rows_free(struct rows *rows);

/* The sum of two values; what is not known adds nothing. */
uint64_t row_sum(uint64_t a, uint64_t b);

#endif
