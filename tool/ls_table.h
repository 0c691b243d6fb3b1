/* A table on standard output: cells are gathered, columns measured, and what the terminal has no room for is shortened
 * or left out, the least important columns first. */
#ifndef TOOL_LS_TABLE_H
#define TOOL_LS_TABLE_H

#include "look.h"

struct ls_table_column {
    const char *title;
    unsigned char importance; /* The least important goes first. */
    unsigned char least;      /* How narrow it may become; 0: it is whole or not there. */
    unsigned char gap;        /* Spaces before it. */
    bool right;               /* Aligned to the right. */
    bool keeps_end;           /* Shortened at its beginning: a port is worth more than a prefix. */
};

#define LS_TABLE_COLUMNS 32

struct ls_table_cell {
    size_t at; /* In text. */
    int width;
    const char *code; /* Its colour; "": none. */
};

struct ls_table {
    const struct ls_table_column *columns;
    unsigned ncolumns;
    char *text; /* Of all cells, one behind the other. */
    size_t len, room;
    struct ls_table_cell *cells; /* Row by row. */
    size_t ncells, cells_room;
    int width[LS_TABLE_COLUMNS]; /* As printed; 0: left out. */
    bool failed;                 /* Memory was refused. */
};

struct ls_table_style {
    bool headed; /* Has a line of titles. */
    bool whole;  /* Nothing is shortened or left out. */
    bool padded; /* Columns are as wide as their titles even without them, the last one is filled with spaces, too. */
    bool dashed; /* An empty cell is "-". */
};

/* Begins an empty table of at most LS_TABLE_COLUMNS columns, which outlive it. */
void ls_table_begin(struct ls_table *table, const struct ls_table_column *columns, unsigned ncolumns);
/* The next cell, row by row. What is no character of a terminal becomes '?'. */
void ls_table_cell(struct ls_table *table, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds to the last cell. */
void ls_table_more(struct ls_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Measures the cells and sets the columns' widths so that a row takes at most `width` columns, if it can. For those who
 * print by other means. */
void ls_table_fit(struct ls_table *table, int width, const struct ls_table_style *style);
/* False: memory was refused, and the last rows are missing. */
bool ls_table_print(struct ls_table *table, const struct look *look, const struct ls_table_style *style);
void ls_table_free(struct ls_table *table);

#endif
