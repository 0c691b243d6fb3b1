/* The tour for people: the two-column life of a connection, line by line as it happens, and the transfers.
 *
 * A line is: the time since the scene began in ms | the kernel's state and cause | the segment, an arrow from its
 * sender | lastack's state and cause. A state is written where it is entered and goes on as a bar below. Colours and
 * line drawing are used on a terminal only (colours not with NO_COLOR); a pipe gets plain ASCII. */
#define _GNU_SOURCE
#include "look.h"
#include "tour_view.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END_WIDTH 33   /* A column of one end … */
#define STATE_WIDTH 13 /* … and the state's part of it. */
#define ARROW_WIDTH 45

struct glyphs {
    const char *line, *right, *left, *bar, *stop, *lost;
};

static const struct glyphs ascii = {"-", ">", "<", "|", "|", "X"};
static const struct glyphs drawn = {"─", "▶", "◀", "│", "┤", "✗"};

static const struct glyphs *glyphs = &ascii;
static bool terminal, colours;
static unsigned reported; /* Of the transfer: tens of per cent already printed. */

static const char *const plain = "0";

/* Text in a colour (an SGR code), where colours are wanted. */
static void paint(const char *code, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void paint(const char *code, const char *format, ...) {
    va_list args;
    bool on = colours && code != plain;
    if (on) printf("\033[%sm", code);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    if (on) fputs("\033[0m", stdout);
}

static void spaces(int n) {
    if (n > 0) printf("%*s", n, "");
}

static void lines(int n) {
    for (; n > 0; n--) fputs(glyphs->line, stdout);
}

/* --- A line --- */

/* A state and its cause. The last column is not padded. */
static void print_end(const struct step_end *end, bool is_last) {
    const char *bar = end->state == LA_CLOSED ? "" : glyphs->bar;
    const char *name = end->moved ? la_state_name(end->state) : bar;
    int width = end->moved ? (int)strlen(name) : *bar != 0, cause = (int)strlen(end->cause);
    if (*name) paint(end->moved ? look_state((int)end->state) : "2", "%s", name);
    if (cause) {
        spaces(STATE_WIDTH - width);
        fputs(end->cause, stdout);
        width = STATE_WIDTH + cause;
    }
    if (!is_last) spaces(END_WIDTH - width);
}

/* "FIN+ACK seq 1 ack 1 len 0" */
static int segment_text(const struct la_segment *segment, char *text, size_t size) {
    size_t n = la_flags_text(segment->flags, text, size);
    n += (size_t)snprintf(text + n, size - n, " seq %" PRIu32, segment->seq);
    if (segment->flags & LA_ACK) n += (size_t)snprintf(text + n, size - n, " ack %" PRIu32, segment->ack);
    n += (size_t)snprintf(text + n, size - n, " len %zu", segment->len);
    return (int)n;
}

/* The text between two pieces of line; the far one is `far` long and ends with a point, a stop or a cross. */
static void print_arrow(const char *text, int len, const char *code, bool to_right, bool starts_here, const char *tip,
                        const char *word) {
    int far = *word ? 2 : ARROW_WIDTH - len - 6;
    int rest = ARROW_WIDTH - len - 6 - far - (*word ? (int)strlen(word) + 1 : 0);
    if (to_right) {
        if (!starts_here) fputs(glyphs->bar, stdout);
        lines(starts_here ? 3 : 2);
        putchar(' ');
        paint(code, "%s", text);
        putchar(' ');
        lines(far);
        paint(code, "%s%s%s", tip, *word ? " " : "", word);
        spaces(rest);
        return;
    }
    spaces(rest);
    paint(code, "%s%s%s", word, *word ? " " : "", tip);
    lines(far);
    putchar(' ');
    paint(code, "%s", text);
    putchar(' ');
    lines(starts_here ? 3 : 2);
    if (!starts_here) fputs(glyphs->bar, stdout);
}

static void print_segment(const struct step *step) {
    char text[80];
    int len = segment_text(&step->segment, text, sizeof text);
    bool to_right = step->from == KERNEL;
    const char *tip = to_right ? glyphs->right : glyphs->left, *word = "";
    const char *code = step->segment.flags & LA_RST ? "31" : plain;
    if (step->fate == FATE_HELD) {
        tip = terminal && !to_right && glyphs == &drawn ? "├" : glyphs->stop;
        word = "withheld";
        code = "33";
    } else if (step->fate == FATE_LOST) {
        tip = glyphs->lost;
        word = "lost";
        code = "31";
    }
    print_arrow(text, len, code, to_right, step->fate != FATE_RELEASED, tip, word);
}

/* Whether anything stands to the right of the kernel's column. */
static bool has_right(const struct step *step) {
    const struct step_end *end = &step->end[STACK];
    return end->moved || end->state != LA_CLOSED || *end->cause;
}

static void text_step(void *ctx, const struct step *step) {
    (void)ctx;
    bool is_segment = step->kind == STEP_SEGMENT, right = has_right(step);
    printf("%9.2f  ", (double)step->at / (double)LA_MS);
    print_end(&step->end[KERNEL], !is_segment && !right);
    if (is_segment) print_segment(step);
    if (right) {
        spaces(is_segment ? 1 : ARROW_WIDTH + 1);
        print_end(&step->end[STACK], true);
    }
    putchar('\n');
}

/* --- Beginnings and ends --- */

static void text_begin(void *ctx, const struct tour_facts *facts) {
    (void)ctx;
    printf("The kernel's TCP (Linux %s, 10.77.0.1 and fd77::1) and lastack (profile %s, 10.77.0.2 and fd77::2),\n"
           "in a network namespace of their own, with a TUN device between them.\n%s\n",
           facts->kernel_release, facts->profile, facts->settings);
}

static void text_scene(void *ctx, const struct scene_text *text) {
    (void)ctx;
    putchar('\n');
    paint("1", "%s", text->name);
    printf(" (%s)\n%s.\n", text->claims, text->title);
    if (text->note) printf("%s\n", text->note);
    paint("2", "%9s  %-*s%-*s %s", "ms", END_WIDTH, "kernel", ARROW_WIDTH, "segment", "lastack");
    putchar('\n');
    fflush(stdout);
}

static void print_verdict(const char *name, const struct verdict *verdict) {
    if (verdict->passed) {
        paint("32", "passed");
        printf("  %s\n", name);
    } else {
        paint("1;31", "FAILED");
        printf("  %s: %s\n", name, verdict->why);
    }
    fflush(stdout);
}

static void text_verdict(void *ctx, const struct scene_text *text, const struct life *life,
                         const struct verdict *verdict) {
    (void)ctx, (void)life;
    print_verdict(text->name, verdict);
}

static void text_transfer(void *ctx, const struct transfer_text *text) {
    (void)ctx;
    putchar('\n');
    paint("1", "%s", text->name);
    printf("\n%s.\n", text->title);
    reported = 0;
    fflush(stdout);
}

static void text_progress(void *ctx, const struct transfer_text *text, uint64_t done, la_time elapsed) {
    (void)ctx;
    double seconds = (double)elapsed / (double)LA_SECOND;
    unsigned percent = text->bytes ? (unsigned)(done * 100 / text->bytes) : 100;
    double rate = seconds > 0 ? (double)done / 1e6 / seconds : 0;
    if (terminal) {
        printf("\r%4u %%  %7.1f MB  %7.1f MB/s  ", percent, (double)done / 1e6, rate);
    } else if (percent / 10 > reported) {
        reported = percent / 10;
        printf("%4u %%  %7.1f MB  %7.1f MB/s\n", reported * 10, (double)done / 1e6, rate);
    }
    fflush(stdout);
}

static void text_transferred(void *ctx, const struct transfer_text *text, const struct transfer_result *result,
                             const struct verdict *verdict) {
    (void)ctx;
    if (terminal) printf("\r\033[K");
    printf("%" PRIu64 " bytes in %.2f s, %.1f MB/s\n", text->bytes, result->seconds,
           result->seconds > 0 ? (double)text->bytes / 1e6 / result->seconds : 0);
    if (result->lost)
        printf("%" PRIu64 " packets lost; lastack sent %" PRIu64 " segments again, after %" PRIu64 " timeouts\n",
               result->lost, result->resent, result->timeouts);
    printf("checksum sent %016" PRIx64 ", received %016" PRIx64 "\n", result->sum_sent, result->sum_received);
    print_verdict(text->name, verdict);
}

static void text_end(void *ctx, unsigned passed, unsigned failed, la_time elapsed) {
    (void)ctx;
    printf("\nin %.1f s\n", (double)elapsed / (double)LA_SECOND);
    paint(failed ? "1;31" : "1;32", "%u passed, %u failed", passed, failed);
    putchar('\n');
    fflush(stdout);
}

static const struct view text = {.begin = text_begin,
                                 .scene = text_scene,
                                 .step = text_step,
                                 .verdict = text_verdict,
                                 .transfer = text_transfer,
                                 .progress = text_progress,
                                 .transferred = text_transferred,
                                 .end = text_end};

const struct view *view_text(void) {
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    setlocale(LC_CTYPE, "");
    terminal = isatty(STDOUT_FILENO);
    colours = terminal && !(no_colour && *no_colour) && !(term && !strcmp(term, "dumb"));
    if (terminal && !strcmp(nl_langinfo(CODESET), "UTF-8")) glyphs = &drawn;
    return &text;
}
