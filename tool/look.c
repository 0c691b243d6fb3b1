#define _GNU_SOURCE
#include "look.h"

#include "inspect/say.h"

#include <lastack/info.h>

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PIPE_WIDTH 160
#define LEAST_WIDTH 60

struct look look_of_output(void) {
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    struct look look = {.terminal = isatty(STDOUT_FILENO), .width = PIPE_WIDTH};
    struct winsize size;
    setlocale(LC_CTYPE, "");
    look.colours = look.terminal && !(no_colour && *no_colour) && !(term && !strcmp(term, "dumb"));
    look.drawn = look.terminal && !strcmp(nl_langinfo(CODESET), "UTF-8");
    if (look.terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col) look.width = size.ws_col;
    look.columns = look.width;
    if (look.width < LEAST_WIDTH) look.width = LEAST_WIDTH;
    return look;
}

void look_paint(const struct look *look, const char *code, const char *format, ...) {
    va_list args;
    bool on = look->colours && *code;
    if (on) printf("\033[%sm", code);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    if (on) fputs("\033[0m", stdout);
}

void look_spaces(int n) {
    if (n > 0) printf("%*s", n, "");
}

void look_repeat(const char *text, int n) {
    for (; n > 0; n--) fputs(text, stdout);
}

int look_width(const char *text) {
    int width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

char *look_clean(const char *text) {
    char *copy = strdup(text);
    if (copy) say_clean(copy);
    return copy;
}

const char *look_state(int state) {
    switch (state) {
    case LA_ESTABLISHED: return "1;32";
    case LA_CLOSED:
    case LA_LISTEN: return "1";
    case LA_SYN_SENT:
    case LA_SYN_RCVD: return "1;36";
    case LA_CLOSE_WAIT: return "1;35";
    default: return "1;33";
    }
}
