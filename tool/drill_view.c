/* What happened, as pictures in text.
 *
 * The ladder has the TCP under test at the left and the script's side at the right; arrows point as '>' and '<' do in
 * the script. A state is written where it is entered and goes on as a bar. Where something else happened than the
 * script expects, its line is marked, and the expectation stands above it:
 *
 *     0.100    7  SYN_RCVD     | -- S. 0:0(0) ack 1 <mss 1460> --------> |
 *   ! 0.300    9  ESTABLISHED    expected: . 1:1(0) ack 1001
 *                              | -- . 1:1(0) ack 1 ------------------> | ESTABLISHED
 *
 * Side by side, the rows of two runs belong together when they are of the same line of the script; a line of one run
 * alone (a packet that the script does not know, or what comes after the other's failure) has an empty half beside it.
 */
#include "drill_view.h"

#include <stdio.h>
#include <string.h>

#define STATE_WIDTH 12
#define FRONT_WIDTH (1 + 12 + 7 + STATE_WIDTH + 1) /* Mark, time, line, state. */
#define WIRE_LEAST 44
#define WIRE_MOST 96
#define LINE_MAX_SHOWN 400 /* Characters of one text. */

struct glyphs {
    const char *line, *right, *left, *bar, *wrong, *differ;
};

static const struct glyphs ascii = {"-", ">", "<", "|", "!", "!="};
static const struct glyphs drawn = {"─", "▶", "◀", "│", "✗", "≠ "};

static const struct glyphs *glyphs_of(const struct look *look) { return look->drawn ? &drawn : &ascii; }

static bool is_packet(const struct record_line *line) { return line->kind == RECORD_IN || line->kind == RECORD_OUT; }

static const char *wire_colour(const struct record_line *line) {
    if (!line->ok) return "1;31";
    return is_packet(line) ? "" : line->kind == RECORD_CALL ? "36" : "2";
}

/* The first line of a text, cut where it is very long. */
static int shown(const char *text) {
    size_t len = strcspn(text, "\n");
    return len < LINE_MAX_SHOWN ? (int)len : LINE_MAX_SHOWN;
}

/* Whether put_state will write anything. */
static bool has_state(int state, int before) {
    return state >= 0 && state < LA_NSTATES && (state != before || state != LA_CLOSED);
}

/* Writes a state where it is new, otherwise the bar of one that goes on. Returns the columns it took. */
static int put_state(const struct look *look, int state, int *before) {
    bool is_new = state != *before, is_shown = has_state(state, *before);
    *before = state;
    if (!is_shown) return 0;
    if (!is_new) {
        look_paint(look, "2", "%s", glyphs_of(look)->bar);
        return 1;
    }
    const char *name = la_state_name((enum la_state)state);
    look_paint(look, look_state(state), "%s", name);
    return (int)strlen(name);
}

/* --- The ladder --- */

/* The columns that the longest packet wants, between two bounds. The upper one is what the terminal leaves beside the
 * script's state; only what does not fit goes beyond. */
static int wire_width(const struct look *look, const struct record *record) {
    int width = WIRE_LEAST, most = look->width - FRONT_WIDTH - STATE_WIDTH - 1;
    if (most < WIRE_LEAST) most = WIRE_LEAST;
    if (most > WIRE_MOST) most = WIRE_MOST;
    for (uint32_t i = 0; i < record->head.nlines; i++) {
        const struct record_line *line = &record->line[i];
        int wanted = is_packet(line) ? shown(record_done(record, line)) + 10 : 0;
        if (wanted > width) width = wanted;
    }
    return width < most ? width : most;
}

/* "-- S 0:0(0) --->" in `width` columns, or as many as the text needs. */
static void put_arrow(const struct look *look, const char *text, bool outbound, const char *code, int width) {
    const struct glyphs *glyphs = glyphs_of(look);
    int len = shown(text), rest = width - len - 5;
    if (rest < 1) rest = 1;
    if (outbound) {
        look_repeat(glyphs->line, 2);
        look_paint(look, code, " %.*s ", len, text);
        look_repeat(glyphs->line, rest);
        fputs(glyphs->right, stdout);
    } else {
        fputs(glyphs->left, stdout);
        look_repeat(glyphs->line, 2);
        look_paint(look, code, " %.*s ", len, text);
        look_repeat(glyphs->line, rest);
    }
}

static void put_event(const struct look *look, const struct record_line *line, const char *text, int width) {
    if (is_packet(line)) {
        put_arrow(look, text, line->kind == RECORD_OUT, wire_colour(line), width);
        return;
    }
    const char *quote = line->kind == RECORD_COMMAND ? "`" : "";
    int len = shown(text);
    look_paint(look, wire_colour(line), "%s%.*s%s%s", quote, len, text, text[len] ? " ..." : "", quote);
    look_spaces(width - len - 2 * (int)strlen(quote) - (text[len] ? 4 : 0));
}

/* What stands in front of the arrow: mark, time, line, state. */
static void put_front(const struct look *look, const struct record_line *line, int *local) {
    if (line->ok)
        putchar(' ');
    else
        look_paint(look, "1;31", "%s", glyphs_of(look)->wrong);
    printf(" %10.6f ", line->at);
    if (line->line)
        printf("%5u  ", line->line);
    else
        printf("%5s  ", "-");
    look_spaces(STATE_WIDTH - put_state(look, line->local_state, local));
    putchar(' ');
}

static void put_expectation(const struct look *look, const struct record *record, const struct record_line *line) {
    const char *expected = record_at(record, line->expected);
    look_paint(look, "33", "expected: %.*s", expected ? shown(expected) : 7, expected ? expected : "nothing");
    printf("\n%*s", FRONT_WIDTH, "");
}

void view_ladder(const struct look *look, const struct record *record) {
    int width = wire_width(look, record), local = -1, remote = -1;
    look_paint(look, "2", "  %10s %5s  %-*s %-*s %s", "seconds", "line", STATE_WIDTH, record->head.on, width,
               "what happened", "script");
    putchar('\n');
    for (uint32_t i = 0; i < record->head.nlines; i++) {
        const struct record_line *line = &record->line[i];
        put_front(look, line, &local);
        bool has_right = has_state(line->remote_state, remote);
        if (!line->ok) put_expectation(look, record, line);
        if (line->ok || line->actual)
            put_event(look, line, record_done(record, line), has_right || is_packet(line) ? width : 0);
        else
            look_paint(look, "1;31", "%-*s", has_right ? width : 0, "nothing came");
        if (has_right) putchar(' ');
        put_state(look, line->remote_state, &remote);
        putchar('\n');
    }
}

/* --- Side by side --- */

/* The rows of both runs in step. NULL: nothing in this half. False: both are over. */
struct walk {
    const struct record *run[2];
    uint32_t at[2];
};

static bool next_row(struct walk *walk, const struct record_line *row[2]) {
    for (int i = 0; i < 2; i++)
        row[i] = walk->at[i] < walk->run[i]->head.nlines ? &walk->run[i]->line[walk->at[i]] : NULL;
    if (row[0] && row[1] && row[0]->line != row[1]->line) {
        /* A packet that the script does not know stands alone; otherwise the run that is behind goes on. */
        bool left_first = row[1]->line && (!row[0]->line || row[0]->line < row[1]->line);
        row[left_first ? 1 : 0] = NULL;
    }
    for (int i = 0; i < 2; i++) walk->at[i] += row[i] != NULL;
    return row[0] || row[1];
}

static bool row_alike(const struct record *const run[2], const struct record_line *const row[2]) {
    return row[0] && row[1] && row[0]->kind == row[1]->kind && row[0]->ok == row[1]->ok &&
           row[0]->local_state == row[1]->local_state && row[0]->remote_state == row[1]->remote_state &&
           !strcmp(record_done(run[0], row[0]), record_done(run[1], row[1]));
}

bool view_alike(const struct record *left, const struct record *right) {
    struct walk walk = {.run = {left, right}};
    const struct record_line *row[2];
    while (next_row(&walk, row))
        if (!row_alike(walk.run, row)) return false;
    return left->head.verdict == right->head.verdict;
}

/* How much of the text goes into one row: up to a space where there is one. */
static int piece(const char *text, int len, int width) {
    if (len <= width) return len;
    for (int n = width; n > width / 2; n--)
        if (text[n] == ' ') return n;
    return width;
}

/* One half of a row. A long text goes on in the next rows. */
struct half {
    const struct record_line *line; /* NULL: empty. */
    const char *text;               /* What of it is still to come … */
    int left;                       /* … and how long that is. */
    int *local, *remote;            /* The states before. */
};

/* Without spaces at the end of a row, which the last half is. */
static void put_half(const struct look *look, struct half *half, bool first, bool is_last, int width) {
    const struct record_line *line = half->line;
    if (!line || (!first && !half->left)) {
        if (!is_last) look_spaces(11 + 2 * (STATE_WIDTH + 1) + width);
        return;
    }
    if (first)
        printf("%10.6f ", line->at);
    else
        look_spaces(11);
    look_spaces(STATE_WIDTH + 1 - (first ? put_state(look, line->local_state, half->local) : 0));
    const char *mark = !is_packet(line) ? "" : !first ? "  " : line->kind == RECORD_IN ? "< " : "> ";
    int indent = (int)strlen(mark), n = piece(half->text, half->left, width - indent);
    look_paint(look, wire_colour(line), "%s%.*s", mark, n, half->text);
    half->text += n;
    half->left -= n;
    for (; half->left && *half->text == ' '; half->text++) half->left--;
    bool has_right = first && has_state(line->remote_state, *half->remote);
    if (!is_last || has_right) look_spaces(width - indent - n + 1);
    int taken = first ? put_state(look, line->remote_state, half->remote) : 0;
    if (!is_last) look_spaces(STATE_WIDTH - taken);
}

static void put_row(const struct look *look, const struct walk *walk, const struct record_line *const row[2],
                    int states[2][2], int width) {
    bool alike = row_alike(walk->run, row);
    struct half half[2];
    for (int i = 0; i < 2; i++) {
        const char *text = !row[i]                        ? ""
                           : row[i]->ok || row[i]->actual ? record_done(walk->run[i], row[i])
                                                          : "(nothing)";
        half[i] = (struct half){row[i], text, shown(text), &states[i][0], &states[i][1]};
    }
    const struct record_line *some = row[0] ? row[0] : row[1];
    for (bool first = true; first || half[0].left || half[1].left; first = false) {
        if (first && some->line)
            printf("%5u ", some->line);
        else
            printf("%5s ", first ? "-" : "");
        bool has_right = row[1] && (first || half[1].left), has_mark = first && !alike;
        put_half(look, &half[0], first, !has_right && !has_mark, width);
        if (has_mark)
            look_paint(look, "1;33", " %s", glyphs_of(look)->differ);
        else if (has_right)
            look_spaces(3);
        if (has_right) putchar(' ');
        put_half(look, &half[1], first, true, width);
        putchar('\n');
    }
}

void view_beside(const struct look *look, const struct record *left, const struct record *right) {
    struct walk walk = {.run = {left, right}};
    const struct record_line *row[2];
    int states[2][2] = {{-1, -1}, {-1, -1}};
    int width = (look->width - 6 - 4 - 2 * (11 + 2 * (STATE_WIDTH + 1))) / 2;
    if (width < 24) width = 24;
    look_paint(look, "2", "%5s %10s %-*s %-*s %-*s    %10s %-*s %-*s %s", "line", "seconds", STATE_WIDTH, left->head.on,
               width, "what happened", STATE_WIDTH, "script", "seconds", STATE_WIDTH, right->head.on, width,
               "what happened", "script");
    putchar('\n');
    while (next_row(&walk, row)) put_row(look, &walk, row, states, width);
}
