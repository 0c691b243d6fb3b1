/* The screen's layout, top to bottom: host and source of truth; sockets by state; the views; the view itself; one line
 * for hints, messages and typing. A screen that is too low for all of it keeps the view and the last line.
 *
 * Comes in: the state of the whole screen. Goes out: cells, painted anew each time. It owns nothing, and changes only
 * what depends on the size: where the views have scrolled to. */
#define _GNU_SOURCE
#include "watch_frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEAD 3 /* Lines above the view. */
#define LEAST_VIEW 4

const char frame_help[] =
    "Views\n"
    "  Tab, Shift-Tab   counts, connections, findings\n"
    "  Enter            on a count: its connections; on a connection: its life; on a finding: all of it\n"
    "  Esc, Backspace   back\n"
    "  arrows, PgUp, PgDn, Home, End   move\n"
    "\n"
    "Counts\n"
    "  p                by peer, or not\n"
    "  PER MIN          how the count changes, over the last minute\n"
    "\n"
    "Connections\n"
    "  s                sort by the next of: age, recv-q, send-q, state, program, peer\n"
    "  S                the other way round\n"
    "  /                filter, in ss's words; empty: all. When it was wrong, / again corrects it\n"
    "                   state close-wait dport = :443\n"
    "                   program = nginx and age > 60s\n"
    "                   recv-q > 0 or send-q > 0\n"
    "\n"
    "Always\n"
    "  Space            pause: the screen stays as it is; events are taken on\n"
    "  Ctrl-L           redraw\n"
    "  q                quit\n"
    "\n"
    "Ages\n"
    "  3 s is exact; 3 s-12 s is between; >= 3 s is at least.\n";

/* --- The header --- */

static void draw_host(const struct screen *screen) {
    const struct paint *paint = &screen->paint;
    const struct snap *snap = screen->watch->snap;
    char host[65] = "?", source[400], right[32] = "", left[480];
    time_t seconds = snap ? (time_t)(snap->wall / LA_SECOND) : 0;
    struct tm tm;
    gethostname(host, sizeof host - 1);
    watch_source(screen->watch, source, sizeof source);
    if (seconds && localtime_r(&seconds, &tm)) strftime(right, sizeof right, "%H:%M:%S", &tm);
    const char *place = screen->watch->options->source.stack ? screen->watch->options->source.stack : host;
    snprintf(left, sizeof left, "%.64s  %s", place, source);
    paint_bar(paint, 0);
    int room = paint->cols - (int)strlen(right) - 1;
    if (screen->paused) {
        room -= 8;
        paint_text(paint, 0, room + 1, 7, "1", PAINT_REVERSE, "PAUSED ");
    }
    paint_text(paint, 0, 0, room, "", PAINT_REVERSE, left);
    paint_text(paint, 0, paint->cols - (int)strlen(right), paint->cols, "", PAINT_REVERSE, right);
}

static const char *short_name(unsigned state) {
    static const char *const names[LA_NSTATES] = {
        [LA_CLOSED] = "CLO",      [LA_LISTEN] = "LIS",     [LA_SYN_SENT] = "SS",    [LA_SYN_RCVD] = "SR",
        [LA_ESTABLISHED] = "EST", [LA_FIN_WAIT_1] = "FW1", [LA_FIN_WAIT_2] = "FW2", [LA_CLOSE_WAIT] = "CW",
        [LA_CLOSING] = "CLG",     [LA_LAST_ACK] = "LA",    [LA_TIME_WAIT] = "TW",
    };
    return names[state];
}

static int number_width(uint32_t n) { return snprintf(NULL, 0, "%" PRIu32, n); }

/* The counts with whole names if they fit, otherwise with short ones. */
static int draw_states(const struct paint *paint, int x, const uint32_t *counts) {
    int whole = x;
    for (unsigned state = 0; state < LA_NSTATES; state++)
        if (counts[state]) whole += look_width(la_state_name((enum la_state)state)) + number_width(counts[state]) + 3;
    for (unsigned state = 0; state < LA_NSTATES; state++) {
        char count[16];
        if (!counts[state]) continue;
        snprintf(count, sizeof count, "%" PRIu32, counts[state]);
        const char *name = whole > paint->cols ? short_name(state) : la_state_name((enum la_state)state);
        x += 2 + paint_text(paint, 1, x + 2, paint->cols, look_state((int)state), 0, name);
        x += 1 + paint_text(paint, 1, x + 1, paint->cols, "", 0, count);
    }
    return x;
}

static void draw_counts(const struct screen *screen) {
    const struct paint *paint = &screen->paint;
    const struct snap *snap = screen->watch->snap;
    uint32_t counts[LA_NSTATES] = {0}, n = snap ? snap->nconns : 0;
    char text[64];
    for (uint32_t i = 0; i < n; i++)
        if (snap->conns[i].state < LA_NSTATES) counts[snap->conns[i].state]++;
    snprintf(text, sizeof text, snap ? "%" PRIu32 " socket%s" : "looking", n, n == 1 ? "" : "s");
    int x = draw_states(paint, paint_text(paint, 1, 0, paint->cols, "1", 0, text), counts);
    if (!screen->watch->lost) return;
    snprintf(text, sizeof text, "%" PRIu64 " events lost", screen->watch->lost);
    paint_text(paint, 1, x + 2, paint->cols, "1;31", 0, text);
}

static void draw_tabs(const struct screen *screen) {
    static const char *const names[NTABS] = {" counts ", " connections ", " findings "};
    static const char *const overs[] = {
        [OVER_LIFE] = " one connection ", [OVER_FINDING] = " one finding ", [OVER_HELP] = " help "};
    const struct paint *paint = &screen->paint;
    struct say words = {0};
    int x = 0;
    for (unsigned i = 0; i < NTABS; i++) {
        bool here = i == screen->tab && !screen->over;
        x += paint_text(paint, 2, x, paint->cols, here ? "1" : "", here ? PAINT_REVERSE : 0, names[i]);
    }
    if (screen->over)
        paint_text(paint, 2, x, paint->cols, "1", PAINT_REVERSE, overs[screen->over]);
    else if (screen->tab == TAB_CONNS)
        conns_words(&screen->conns, &words);
    if (words.text) paint_text(paint, 2, x + 1, paint->cols, "", 0, words.text);
    say_free(&words);
}

/* --- The last line --- */

static const char *hint(const struct screen *screen) {
    static const char *const hints[NTABS] = {
        [TAB_ROWS] = "q quit  ? help  Tab views  Enter its connections  p by peer  Space pause",
        [TAB_CONNS] = "q quit  ? help  / filter  s sort  S reverse  Enter its life  Tab views  Space pause",
        [TAB_FINDINGS] = "q quit  ? help  Enter all of it  Tab views  Space pause",
    };
    return screen->over ? "Esc back  arrows scroll  Tab views  q quit" : hints[screen->tab];
}

/* Returns where the cursor belongs; -1: there is none. */
static int draw_last(const struct screen *screen) {
    const struct paint *paint = &screen->paint;
    int y = paint->rows - 1;
    if (!screen->prompt.open) {
        bool message = *screen->message != '\0';
        paint_text(paint, y, 0, paint->cols, message ? "1;31" : "2", 0, message ? screen->message : hint(screen));
        return -1;
    }
    paint_text(paint, y, 0, 1, "1", 0, "/");
    return 1 + paint_text(paint, y, 1, paint->cols - 2, "", PAINT_KEEPS_END, screen->prompt.text);
}

/* --- All of it --- */

/* Counts, and the findings below them, which get a third at most. */
static void draw_rows(struct screen *screen, int y, int rows) {
    int below = findings_rows(&screen->findings);
    if (below > rows / 3) below = rows / 3;
    if (below < 2 && rows >= 2 * LEAST_VIEW) below = 2;
    rows_draw(&screen->rows, &screen->paint, y, rows - below - 1);
    findings_draw_below(&screen->findings, &screen->paint, y + rows - below, below);
}

static void draw_view(struct screen *screen, int y, int rows) {
    struct paint *paint = &screen->paint;
    switch (screen->over) {
    case OVER_LIFE: page_draw(&screen->life.page, paint, y, rows); return;
    case OVER_FINDING: page_draw(&screen->finding, paint, y, rows); return;
    case OVER_HELP: page_draw(&screen->help, paint, y, rows); return;
    default: break;
    }
    if (!screen->watch->snap) return;
    if (screen->tab == TAB_ROWS) draw_rows(screen, y, rows);
    if (screen->tab == TAB_CONNS) conns_draw(&screen->conns, paint, y, rows);
    if (screen->tab == TAB_FINDINGS) findings_draw(&screen->findings, paint, y, rows);
}

void frame_draw(struct screen *screen) {
    int head = screen->paint.rows - HEAD - 1 >= LEAST_VIEW ? HEAD : 0;
    int rows = screen->paint.rows - head - 1;
    paint_clear();
    if (head) {
        draw_host(screen);
        draw_counts(screen);
        draw_tabs(screen);
    }
    if (rows > 0) draw_view(screen, head, rows);
    int cursor = draw_last(screen);
    paint_show(cursor < 0 ? -1 : screen->paint.rows - 1, cursor);
}

/* --- Typing --- */

static void append(struct prompt *prompt, uint32_t c) {
    char bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (prompt->len + n >= sizeof prompt->text) return;
    for (size_t i = n; i-- > 1; c >>= 6) bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(n == 1 ? c : (0xf00u >> n & 0xf0) | c);
    memcpy(prompt->text + prompt->len, bytes, n);
    prompt->len += n;
}

static void erase_last(struct prompt *prompt) {
    while (prompt->len && ((unsigned char)prompt->text[--prompt->len] & 0xc0) == 0x80) continue;
}

static void erase_word(struct prompt *prompt) {
    while (prompt->len && prompt->text[prompt->len - 1] == ' ') prompt->len--;
    while (prompt->len && prompt->text[prompt->len - 1] != ' ') prompt->len--;
}

bool prompt_press(struct prompt *prompt, int press, bool *done) {
    enum { CTRL_U = 21, CTRL_W = 23 };
    *done = press == PRESS_ENTER;
    if (press == PRESS_ESCAPE || (press == PRESS_BACKSPACE && !prompt->len)) return false;
    if (press == PRESS_BACKSPACE) erase_last(prompt);
    if (press == CTRL_U) prompt->len = 0;
    if (press == CTRL_W) erase_word(prompt);
    if (press >= ' ' && press < PRESS_UP) append(prompt, (uint32_t)press);
    prompt->text[prompt->len] = '\0';
    return true;
}
