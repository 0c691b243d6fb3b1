/* What stands in the cells of a listing: the texts of connections, their ages, their owners. */
#ifndef TOOL_LS_CELLS_H
#define TOOL_LS_CELLS_H

#include "inspect/say.h"
#include "ls_keys.h"
#include "ls_table.h"

/* What cells are made from. `say` is scratch; say_free it at the end. */
struct cells {
    const struct snap *snap;
    const struct look *look;
    bool wide; /* Nothing is abbreviated. */
    struct say say;
};

#define AGE_TEXT 64

/* One unit is enough in a table: "250 ms", "3.4 s", "75 s", "5 min", "3 h", "4 d". */
void time_text(char text[AGE_TEXT], la_time time);
/* Exact "5 min", a bracket "3 s–12 s", a bound "≥ 3 s" (in ASCII "3 s-12 s", ">= 3 s"); "": unknown. */
void age_text(char text[AGE_TEXT], const struct snap_age *age, bool drawn);

/* "nginx 17/5, nginx 18/5 +2 more"; who holds it otherwise; "kernel" where nobody does. */
void owner_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn);
/* "keepalive 119 min"; "" where none runs. */
void timer_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn);
/* A sorting or grouping key as text; "-" where it is not known. */
void cell_of_key(struct cells *cells, struct ls_table *table, enum ls_key key, const struct snap_conn *conn);
void endpoint_cell(struct cells *cells, struct ls_table *table, const struct la_endpoint *endpoint);

#endif
