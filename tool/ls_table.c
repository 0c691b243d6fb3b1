/* Gathers, measures, fits, prints.
 *
 * In: cells, row by row, as formatted text. Out: the table on standard output. It owns one growing block of text and
 * one of cells, so that a row costs no allocation. A cell's text begins at `at` and ends with a NUL; only the last cell
 * can grow. Foreign bytes are cleaned when the columns are measured, before anything is printed. */
#include "ls_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ls_table_begin(struct ls_table *table, const struct ls_table_column *columns, unsigned ncolumns) {
    *table =
        (struct ls_table){.columns = columns, .ncolumns = ncolumns < LS_TABLE_COLUMNS ? ncolumns : LS_TABLE_COLUMNS};
}

void ls_table_free(struct ls_table *table) {
    free(table->text);
    free(table->cells);
    *table = (struct ls_table){0};
}

static bool make_room(struct ls_table *table, size_t more) {
    if (table->room - table->len >= more) return true;
    size_t room = table->room ? 2 * table->room : 4096;
    while (room - table->len < more) room *= 2;
    char *text = realloc(table->text, room);
    if (!text) return false;
    table->text = text;
    table->room = room;
    return true;
}

/* Writes at `len`, behind which the NUL of the last cell stays. */
static void append(struct ls_table *table, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    size_t room = table->room - table->len;
    int need = vsnprintf(room ? table->text + table->len : NULL, room, format, args);
    if (need < 0) {
        table->failed = true;
    } else if ((size_t)need >= room) {
        table->failed |= !make_room(table, (size_t)need + 1);
        if (!table->failed) vsnprintf(table->text + table->len, table->room - table->len, format, again);
    }
    va_end(again);
    if (!table->failed) table->len += (size_t)need;
}

static bool make_cell(struct ls_table *table, const char *code) {
    if (table->ncells == table->cells_room) {
        size_t room = table->cells_room ? 2 * table->cells_room : 256;
        struct ls_table_cell *cells = realloc(table->cells, room * sizeof *cells);
        if (!cells) return false;
        table->cells = cells;
        table->cells_room = room;
    }
    if (table->ncells) table->len++; /* The NUL of the cell before. */
    table->cells[table->ncells++] = (struct ls_table_cell){.at = table->len, .code = code};
    return true;
}

void ls_table_cell(struct ls_table *table, const char *code, const char *format, ...) {
    va_list args;
    if (table->failed) return;
    if (!make_cell(table, code)) {
        table->failed = true;
        return;
    }
    va_start(args, format);
    append(table, format, args);
    va_end(args);
    if (table->failed) table->ncells--;
}

void ls_table_more(struct ls_table *table, const char *format, ...) {
    va_list args;
    if (table->failed || !table->ncells) return;
    va_start(args, format);
    append(table, format, args);
    va_end(args);
}

/* --- Measuring --- */

/* A table has neither tabs nor line ends; look_clean knows the rest. Most text is plain ASCII and needs no copy. */
static void clean(char *text) {
    bool foreign = false;
    for (char *at = text; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20 || c == 0x7f) *at = '?';
        foreign |= c >= 0x80;
    }
    char *copy = foreign ? look_clean(text) : NULL;
    if (copy) memcpy(text, copy, strlen(text)); /* As long as the original. */
    for (char *at = text; foreign && !copy && *at; at++)
        if ((unsigned char)*at >= 0x80) *at = '?';
    free(copy);
}

static void measure(struct ls_table *table, const struct ls_table_style *style) {
    for (unsigned c = 0; c < table->ncolumns; c++)
        table->width[c] = style->headed || style->padded ? look_width(table->columns[c].title) : 0;
    bool filled[LS_TABLE_COLUMNS] = {0};
    size_t ncells = table->ncells - table->ncells % table->ncolumns;
    for (size_t i = 0; i < ncells; i++) {
        struct ls_table_cell *cell = &table->cells[i];
        size_t c = i % table->ncolumns;
        clean(table->text + cell->at);
        cell->width = look_width(table->text + cell->at);
        filled[c] |= cell->width > 0;
        if (!cell->width && style->dashed) cell->width = 1;
        if (cell->width > table->width[c]) table->width[c] = cell->width;
    }
    /* A terminal has better use for the room of a column in which nothing stands. */
    for (unsigned c = 0; c < table->ncolumns; c++)
        if (!filled[c] && ncells && !style->dashed && !style->padded) table->width[c] = 0;
}

static int least_width(const struct ls_table *table, unsigned c) {
    int least = table->columns[c].least;
    return least && least < table->width[c] ? least : table->width[c];
}

/* What the columns take, each as narrow as it may be. */
static int least_sum(const struct ls_table *table) {
    int sum = 0;
    for (unsigned c = 0; c < table->ncolumns; c++)
        if (table->width[c]) sum += least_width(table, c) + (sum ? table->columns[c].gap : 0);
    return sum;
}

/* The least important column that is there and, if asked for, can be narrower; ncolumns: none. */
static unsigned least_important(const struct ls_table *table, bool narrower) {
    unsigned found = table->ncolumns;
    for (unsigned c = 0; c < table->ncolumns; c++) {
        if (!table->width[c] || (narrower && least_width(table, c) == table->width[c])) continue;
        if (found == table->ncolumns || table->columns[c].importance < table->columns[found].importance) found = c;
    }
    return found;
}

static int full_sum(const struct ls_table *table) {
    int sum = 0;
    for (unsigned c = 0; c < table->ncolumns; c++)
        if (table->width[c]) sum += table->width[c] + (sum ? table->columns[c].gap : 0);
    return sum;
}

/* Leaves out as few columns as possible, then shortens as few as possible. */
static void fit(struct ls_table *table, int room) {
    unsigned left = 0;
    for (unsigned c = 0; c < table->ncolumns; c++) left += table->width[c] > 0;
    for (; left > 1 && least_sum(table) > room; left--) table->width[least_important(table, false)] = 0;
    int excess = full_sum(table) - room;
    while (excess > 0) {
        unsigned c = least_important(table, true);
        if (c == table->ncolumns) return;
        int cut = table->width[c] - least_width(table, c);
        if (cut > excess) cut = excess;
        table->width[c] -= cut;
        excess -= cut;
        if (table->width[c] == 0) return;
    }
}

void ls_table_fit(struct ls_table *table, int width, const struct ls_table_style *style) {
    measure(table, style);
    if (!style->whole) fit(table, width);
}

/* --- Printing --- */

/* The bytes of the first `n` characters. */
static size_t characters(const char *text, int n) {
    size_t len = 0;
    for (; text[len]; len++)
        if (((unsigned char)text[len] & 0xc0) != 0x80 && n-- == 0) break;
    return len;
}

static void print_text(const struct look *look, const char *code, const char *text, size_t len) {
    if (*code && look->colours)
        look_paint(look, code, "%.*s", (int)len, text);
    else
        fwrite(text, 1, len, stdout);
}

static void print_cell(const struct ls_table *table, const struct look *look, unsigned c, const char *code,
                       const char *text, int width) {
    const char *mark = look->drawn ? "…" : "~";
    if (width <= table->width[c]) {
        print_text(look, code, text, strlen(text));
    } else if (table->columns[c].keeps_end) {
        text += characters(text, width - table->width[c] + 1);
        fputs(mark, stdout);
        print_text(look, code, text, strlen(text));
    } else {
        print_text(look, code, text, characters(text, table->width[c] - 1));
        fputs(mark, stdout);
    }
}

/* One line: the cells, or the titles where `cells` is NULL. */
static void print_row(const struct ls_table *table, const struct look *look, const struct ls_table_cell *cells,
                      const struct ls_table_style *style) {
    int owed = 0; /* Spaces that only matter if something follows. */
    bool first = true;
    for (unsigned c = 0; c < table->ncolumns; c++) {
        if (!table->width[c]) continue;
        const struct ls_table_column *column = &table->columns[c];
        const char *text = cells ? table->text + cells[c].at : column->title;
        const char *code = cells ? cells[c].code : "1";
        int width = cells ? cells[c].width : look_width(text);
        int fill = table->width[c] - width;
        if (fill < 0) fill = 0;
        if (!*text && cells && style->dashed) text = "-";
        owed += (first ? 0 : column->gap) + (column->right ? fill : 0);
        if (*text) {
            look_spaces(owed);
            print_cell(table, look, c, code, text, width);
            owed = 0;
        }
        owed += column->right ? 0 : fill;
        first = false;
    }
    if (style->padded) look_spaces(owed);
    putchar('\n');
}

bool ls_table_print(struct ls_table *table, const struct look *look, const struct ls_table_style *style) {
    if (!table->ncolumns) return !table->failed;
    ls_table_fit(table, look->columns, style);
    if (style->headed) print_row(table, look, NULL, style);
    for (size_t i = 0; i + table->ncolumns <= table->ncells; i += table->ncolumns)
        print_row(table, look, table->cells + i, style);
    return !table->failed;
}
