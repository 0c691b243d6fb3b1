#include "watch_page.h"

#include "watch_list.h"

#include <stdlib.h>
#include <string.h>

struct page_line {
    size_t at, len;
    int indent;   /* Of lines that continue one. */
    bool heading; /* Begins at the margin, or continues such a line. */
};

#define LONGEST 2000      /* Bytes of a line; the rest is a line by itself. */
#define INDENT_MAX 20     /* How far in the text of a line may begin behind a word. */
#define LEAST_FOR_TEXT 16 /* Columns that an indent leaves. */

size_t page_break(const char *text, int width, size_t *next) {
    size_t len = 0, space = 0;
    int columns = 0;
    *next = 0;
    for (; text[len] && text[len] != '\n' && len < LONGEST; len++) {
        bool begins = ((unsigned char)text[len] & 0xc0) != 0x80;
        if (begins && columns == width) break;
        if (text[len] == ' ' && columns) space = len;
        columns += begins;
    }
    bool whole = !text[len] || text[len] == '\n' || text[len] == ' ';
    /* An indent is no place to break at. */
    if (!whole && space > strspn(text, " ")) len = space;
    if (text[len] == '\n' || (text[len] == ' ' && len)) *next = 1;
    return len;
}

/* Where the lines that continue this one begin: after its dash, if it is an item of a list, or else where its text
 * begins behind a word and a gap. */
static int indent_of(const char *text, size_t len, int width) {
    size_t at = strspn(text, " ");
    for (size_t i = at + 2; i < len && i <= INDENT_MAX; i++)
        if (text[i - 2] == ' ' && text[i - 1] == ' ' && text[i] != ' ') at = i;
    if (at + 2 < len && text[at] == '-' && text[at + 1] == ' ') at += 2;
    return at >= len || width - (int)at < LEAST_FOR_TEXT ? 0 : (int)at;
}

static bool add_line(struct page *page, uint32_t *room, struct page_line line) {
    if (page->n == *room) {
        uint32_t more = *room ? *room * 2 : 64;
        struct page_line *larger = realloc(page->lines, more * sizeof *larger);
        if (!larger) return false;
        page->lines = larger;
        *room = more;
    }
    page->lines[page->n++] = line;
    return true;
}

static void break_lines(struct page *page) {
    uint32_t room = 0;
    size_t at = 0;
    struct page_line line = {0};
    bool begins = true;
    free(page->lines);
    page->lines = NULL;
    page->n = 0;
    while (page->text && page->text[at]) {
        const char *text = page->text + at;
        size_t next;
        if (begins)
            line = (struct page_line){.heading = *text != ' ',
                                      .indent = indent_of(text, strcspn(text, "\n"), page->width)};
        size_t len = page_break(text, page->width - (begins ? 0 : line.indent), &next);
        struct page_line added = {.at = at, .len = len, .indent = begins ? 0 : line.indent, .heading = line.heading};
        if (!add_line(page, &room, added)) return;
        begins = text[len] == '\n';
        at += len + next;
        if (!len && !next) return;
    }
}

void page_set(struct page *page, char *text) {
    free(page->text);
    page->text = text;
    page->width = 0;
}

static void clamp(struct page *page, int64_t top) {
    int64_t last = (int64_t)page->n - page->rows;
    if (top > last) top = last;
    page->top = top > 0 ? (uint32_t)top : 0;
}

void page_draw(struct page *page, const struct paint *paint, int y, int rows) {
    if (page->width != paint->cols) {
        page->width = paint->cols > 1 ? paint->cols : 1;
        break_lines(page);
    }
    page->rows = rows;
    clamp(page, page->top);
    for (int row = 0; row < rows && page->top + (uint32_t)row < page->n; row++) {
        const struct page_line *line = &page->lines[page->top + (uint32_t)row];
        char text[LONGEST + 1];
        memcpy(text, page->text + line->at, line->len);
        text[line->len] = '\0';
        paint_text(paint, y + row, line->indent, paint->cols - line->indent, line->heading ? "1" : "", 0, text);
    }
}

bool page_press(struct page *page, int press) {
    int64_t top = page->top;
    switch (press) {
    case 'k':
    case PRESS_UP: clamp(page, top - 1); return true;
    case 'j':
    case PRESS_DOWN: clamp(page, top + 1); return true;
    case PRESS_PAGE_UP: clamp(page, top - page->rows); return true;
    case PRESS_PAGE_DOWN: clamp(page, top + page->rows); return true;
    case PRESS_HOME: clamp(page, 0); return true;
    case PRESS_END: clamp(page, page->n); return true;
    default: return false;
    }
}

void page_free(struct page *page) {
    free(page->text);
    free(page->lines);
    *page = (struct page){0};
}
