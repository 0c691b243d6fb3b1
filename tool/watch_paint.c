/* Painting with curses.
 *
 * Comes in: text in UTF-8, from whomever. Goes out: cells of standard output's terminal. Each character is decoded here
 * and goes to curses as a wide one, so that nothing but visible characters reaches the terminal, whatever the text and
 * the locale; where the locale is not UTF-8, what is not ASCII gets a plain stand-in.
 *
 * Curses sees no signals: who calls it blocks them and tells of a new size by paint_resize. Colours are SGR codes, as
 * everywhere in the tool, translated to pairs of which number n is colour n on the terminal's own background. */
#define _GNU_SOURCE
#include "watch_paint.h"

#include "watch_list.h"

#include <limits.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define ESCAPE_MS 25 /* How long the rest of a key's sequence may take. */
#define TEXT_MAX 512 /* Columns of a piece of text. */
#define COLOURS 8

/* --- The terminal --- */

static void begin_colours(struct paint *paint) {
    struct look look = look_of_output();
    paint->drawn = look.drawn;
    paint->colours = look.colours && has_colors() && start_color() == OK;
    short background = paint->colours && use_default_colors() == OK ? -1 : COLOR_BLACK;
    for (short colour = 1; paint->colours && colour < COLOURS; colour++) init_pair(colour, colour, background);
}

bool paint_begin(struct paint *paint) {
    look_of_output(); /* Sets the locale, which curses asks for. */
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (!screen) return false;
    *paint = (struct paint){.screen = screen};
    const char *moves = tigetstr("cup");
    if (!moves || moves == (const char *)(intptr_t)-1) {
        paint_end(paint);
        return false;
    }
    begin_colours(paint);
    cbreak();
    noecho();
    keypad(stdscr, true);
    nodelay(stdscr, true);
    set_escdelay(ESCAPE_MS);
    leaveok(stdscr, false);
    getmaxyx(stdscr, paint->rows, paint->cols);
    return true;
}

void paint_end(struct paint *paint) {
    curs_set(1);
    endwin();
    delscreen(paint->screen);
    paint->screen = NULL;
}

void paint_resize(struct paint *paint) {
    struct winsize size;
    if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) resizeterm(size.ws_row, size.ws_col);
    getmaxyx(stdscr, paint->rows, paint->cols);
    paint_forget();
}

void paint_forget(void) { clearok(curscr, true); }

void paint_clear(void) { erase(); }

void paint_show(int y, int x) {
    curs_set(y >= 0);
    if (y >= 0) move(y, x);
    refresh();
}

/* --- Text --- */

/* What stands in for a character where only ASCII can be shown. */
static wchar_t plain(wchar_t c) {
    switch (c) {
    case L'–':
    case L'—': return '-';
    case L'≥': return '>';
    case L'…': return '~';
    case L'→': return '>';
    case L'·': return '.';
    default: return '?';
    }
}

/* The next character; what is none becomes '?'. */
static wchar_t decode(const char **text) {
    const unsigned char *at = (const unsigned char *)*text;
    unsigned more = at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 1 : at[0] < 0xf0 ? 2 : at[0] < 0xf5 ? 3 : 0;
    wchar_t c = more ? at[0] & (0x3f >> more) : at[0];
    *text += 1;
    if (!more && c >= 0x80) return '?';
    for (unsigned i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80) return '?';
        c = (wchar_t)(c << 6 | (at[i] & 0x3f));
    }
    *text += more;
    return c;
}

/* Wide characters of a text, each of one or two columns; returns how many. */
static int widen(const struct paint *paint, const char *text, wchar_t *wide) {
    int n = 0;
    while (*text && n < TEXT_MAX) {
        wchar_t c = decode(&text);
        if (c >= 0x80 && !paint->drawn) c = plain(c);
        int columns = c < 0x20 || c == 0x7f ? -1 : c < 0x80 ? 1 : wcwidth(c);
        if (columns < 0) c = '?';
        if (columns) wide[n++] = c;
    }
    return n;
}

static int columns_of(wchar_t c) { return c < 0x80 ? 1 : wcwidth(c) == 2 ? 2 : 1; }

static int columns(const wchar_t *wide, int n) {
    int sum = 0;
    for (int i = 0; i < n; i++) sum += columns_of(wide[i]);
    return sum;
}

/* Cuts a text to `width` columns, with a mark where something is missing. Returns the new length. */
static int shorten(const struct paint *paint, wchar_t *wide, int n, int width, bool keeps_end) {
    int first = 0, last = n, sum = columns(wide, n);
    if (sum <= width) return n;
    while (last > first && sum > width - 1) sum -= columns_of(wide[keeps_end ? first++ : --last]);
    wchar_t mark = paint->drawn ? L'…' : '~';
    if (keeps_end) {
        wmemmove(wide + 1, wide + first, (size_t)(last - first));
        wide[0] = mark;
    } else {
        wide[last] = mark;
    }
    return last - first + 1;
}

/* An SGR code ("1;35") as curses has it. */
static attr_t attribute(const struct paint *paint, const char *code) {
    attr_t attr = A_NORMAL;
    while (*code) {
        char *end;
        long n = strtol(code, &end, 10);
        if (end == code) break;
        if (n == 1) attr |= A_BOLD;
        if (n == 2) attr |= A_DIM;
        if (n > 30 && n < 30 + COLOURS && paint->colours) attr |= (attr_t)COLOR_PAIR(n - 30);
        code = *end == ';' ? end + 1 : end;
    }
    return attr;
}

int paint_text(const struct paint *paint, int y, int x, int width, const char *code, unsigned how, const char *text) {
    wchar_t wide[TEXT_MAX + 1];
    if (width > paint->cols - x) width = paint->cols - x;
    if (y < 0 || y >= paint->rows || x < 0 || width <= 0) return 0;
    int n = shorten(paint, wide, widen(paint, text, wide), width, (how & PAINT_KEEPS_END) != 0);
    int taken = columns(wide, n);
    attrset((int)((how & PAINT_REVERSE ? A_REVERSE : A_NORMAL) | attribute(paint, code)));
    mvaddnwstr(y, how & PAINT_RIGHT ? x + width - taken : x, wide, n);
    attrset(A_NORMAL);
    return how & PAINT_RIGHT ? width : taken;
}

void paint_bar(const struct paint *paint, int y) {
    if (y < paint->rows) mvhline(y, 0, ' ' | A_REVERSE, paint->cols);
}

/* --- Tables --- */

static void paint_row(const struct paint *paint, const struct ls_table *table, int y, size_t row, bool selected) {
    int x = 0;
    if (selected) paint_bar(paint, y);
    for (unsigned c = 0; c < table->ncolumns; c++) {
        const struct ls_table_column *column = &table->columns[c];
        if (!table->width[c]) continue;
        if (x) x += column->gap;
        unsigned how = (column->right ? PAINT_RIGHT : 0u) | (column->keeps_end ? PAINT_KEEPS_END : 0u);
        bool titles = row == SIZE_MAX;
        const struct ls_table_cell *cell = titles ? NULL : &table->cells[row * table->ncolumns + c];
        /* A selected row is all of one colour: readable on every terminal. */
        if (selected) how |= PAINT_REVERSE;
        paint_text(paint, y, x, table->width[c],
                   titles     ? "1"
                   : selected ? ""
                              : cell->code,
                   how, titles ? column->title : table->text + cell->at);
        x += table->width[c];
    }
}

void paint_table(const struct paint *paint, const struct ls_table *table, int y, int selected) {
    paint_row(paint, table, y, SIZE_MAX, false);
    for (size_t row = 0; (row + 1) * table->ncolumns <= table->ncells; row++)
        paint_row(paint, table, y + 1 + (int)row, row, (int)row == selected);
}

/* --- Keys --- */

static int special(wint_t key) {
    switch (key) {
    case KEY_UP: return PRESS_UP;
    case KEY_DOWN: return PRESS_DOWN;
    case KEY_PPAGE: return PRESS_PAGE_UP;
    case KEY_NPAGE: return PRESS_PAGE_DOWN;
    case KEY_HOME: return PRESS_HOME;
    case KEY_END: return PRESS_END;
    case KEY_ENTER: return PRESS_ENTER;
    case KEY_BTAB: return PRESS_BACK_TAB;
    case KEY_BACKSPACE: return PRESS_BACKSPACE;
    default: return PRESS_OTHER;
    }
}

int paint_key(void) {
    wint_t key;
    int kind = get_wch(&key);
    if (kind == ERR) return PRESS_NONE;
    if (kind == KEY_CODE_YES) return special(key);
    if (key == '\r') return PRESS_ENTER;
    if (key == '\b' || key == 0x7f) return PRESS_BACKSPACE;
    return key < PRESS_UP ? (int)key : PRESS_OTHER;
}
