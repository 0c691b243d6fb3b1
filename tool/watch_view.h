/* The views of the watch's screen. Each keeps what it shows and its place in it; `take` gives it what the last poll
 * brought, `draw` paints it into rows y … y + rows - 1, `press` takes a key and says whether it was one of its own. */
#ifndef TOOL_WATCH_VIEW_H
#define TOOL_WATCH_VIEW_H

#include "look.h"
#include "watch_list.h"
#include "watch_page.h"
#include "watch_paint.h"
#include "watch_run.h"

/* --- Counts: watch_view_rows.c --- */

/* A row of the counts as it names connections. */
struct row_name {
    char program[32], peer[LA_ADDR_TEXT]; /* As struct track_row has them. */
    uint8_t state;
};

struct rows_view {
    struct list list;
    const struct track_row *rows; /* Good until the next poll. */
    uint64_t key;                 /* Of the selected row. */
    bool by_peer;
};

void rows_take(struct rows_view *view, const struct watch *watch);
void rows_draw(struct rows_view *view, const struct paint *paint, int y, int rows);
bool rows_press(struct rows_view *view, const struct watch *watch, int press);
/* The selected row; false: there is none. */
bool rows_selected(const struct rows_view *view, struct row_name *name);
bool row_has(const struct row_name *name, const struct snap *snap, const struct snap_conn *conn);

#define SLOPE_TEXT 16
/* Connections per minute: "+12", "-0.5", "0". */
const char *slope_text(char text[SLOPE_TEXT], double per_second);
/* The same as an arrow. */
const char *slope_arrow(double per_second, bool drawn);

/* --- Connections: watch_view_conns.c --- */

enum conns_sort { SORT_AGE, SORT_RECV_Q, SORT_SEND_Q, SORT_STATE, SORT_PROGRAM, SORT_PEER, NSORTS };

#define FILTER_TEXT 256

struct conns_view {
    struct list list;
    const struct snap *snap;
    uint32_t *index; /* Of the connections shown, in their order. */
    uint32_t room;
    uint64_t cookie; /* Of the selected one. */
    enum conns_sort sort;
    bool reversed;
    char filter_text[FILTER_TEXT];
    struct filter *filter; /* NULL: all. */
    struct row_name row;   /* Only these, if … */
    bool of_row;
};

void conns_take(struct conns_view *view, const struct watch *watch);
void conns_draw(struct conns_view *view, const struct paint *paint, int y, int rows);
bool conns_press(struct conns_view *view, const struct watch *watch, int press);
/* False: `why` says what is wrong with the filter, and the one there was stays. */
bool conns_filter(struct conns_view *view, const char *text, char *why, size_t size);
/* What is shown, in words: "12 of 40, by age", "…; filter: dport = :443". */
void conns_words(const struct conns_view *view, struct say *say);
void conns_free(struct conns_view *view);

/* --- Findings: watch_view_findings.c --- */

struct findings_view {
    struct list list;
    const struct watch *watch;
    uint16_t index[WATCH_FINDINGS]; /* Those that are there first, the gravest first; then those that ended. */
    uint64_t key;                   /* Of the selected one. */
    la_time began;                  /* The first look: what it found is not new. */
};

void findings_take(struct findings_view *view, const struct watch *watch);
void findings_draw(struct findings_view *view, const struct paint *paint, int y, int rows);
bool findings_press(struct findings_view *view, int press);
/* NULL: there is none. */
const struct watch_finding *findings_selected(const struct findings_view *view);
/* Below other things, without a selection: how many rows it would like, and the findings that are there or ended only a
 * little while ago. */
int findings_rows(const struct findings_view *view);
void findings_draw_below(const struct findings_view *view, const struct paint *paint, int y, int rows);

/* --- One connection's life: watch_view_life.c --- */

struct life_view {
    uint64_t cookie;
    struct page page;
    char *site;                   /* Where the program opened it; NULL: unknown. */
    la_time seen;                 /* At the last poll that had it. */
    uint64_t bytes_in, bytes_out; /* As of then. */
    double rate_in, rate_out;     /* Bytes per second; negative: unknown. */
};

void life_open(struct life_view *view, struct watch *watch, uint64_t cookie);
void life_take(struct life_view *view, const struct watch *watch);
void life_free(struct life_view *view);
/* Everything about a connection as text. */
void life_say(const struct life_view *view, const struct watch *watch, const struct snap_conn *conn, struct say *say);

#endif
