/* The full screen of watch: its loop, its keys, and how it takes and gives back the terminal.
 *
 * It sleeps in watch_wait, on the terminal and on signals, which are blocked and come through a descriptor: nothing is
 * interrupted, and a signal between two looks is not missed. Each poll is given to the views that are shown; what is
 * not shown costs nothing until it is. Everything is painted anew after each poll and key; curses sends what differs.
 *
 * Invariants: whatever ends the loop, the terminal is given back as it was. What others write to standard error
 * meanwhile would spoil the screen: it is kept, and printed afterwards. */
#define _GNU_SOURCE
#include "cmd.h"

#include "watch_frame.h"
#include <lastack/dev.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define CTRL_L 12

/* --- Views --- */

static void show_finding(struct screen *screen, const struct watch_finding *finding) {
    screen->finding_key = finding->key;
    page_set(&screen->finding, finding->whole ? strdup(finding->whole) : NULL);
}

/* What a poll brought, or what is to be shown after a key: only for what is seen. */
static void take(struct screen *screen) {
    const struct watch *watch = screen->watch;
    if (!watch->snap) return;
    rows_take(&screen->rows, watch);
    findings_take(&screen->findings, watch);
    if (screen->tab == TAB_CONNS) conns_take(&screen->conns, watch);
    if (screen->over == OVER_LIFE) life_take(&screen->life, watch);
    for (unsigned i = 0; screen->over == OVER_FINDING && i < watch->nfindings; i++)
        if (watch->findings[i].key == screen->finding_key) show_finding(screen, &watch->findings[i]);
}

static void go(struct screen *screen, enum tab tab) {
    screen->tab = tab;
    screen->over = OVER_NOTHING;
    take(screen);
}

static void show_rows_conns(struct screen *screen) {
    screen->conns.of_row = rows_selected(&screen->rows, &screen->conns.row);
    if (screen->conns.of_row) go(screen, TAB_CONNS);
}

static void enter(struct screen *screen) {
    const struct watch_finding *finding = findings_selected(&screen->findings);
    if (screen->over) return;
    if (screen->tab == TAB_ROWS)
        show_rows_conns(screen);
    else if (screen->tab == TAB_CONNS && screen->conns.list.n) {
        screen->over = OVER_LIFE;
        life_open(&screen->life, screen->watch, screen->conns.cookie);
    } else if (screen->tab == TAB_FINDINGS && finding) {
        screen->over = OVER_FINDING;
        screen->finding.top = 0;
        show_finding(screen, finding);
    }
}

static void back(struct screen *screen) {
    if (screen->over == OVER_HELP) {
        screen->over = screen->before_help;
        take(screen);
    } else if (screen->over) {
        go(screen, screen->tab);
    } else if (screen->tab == TAB_CONNS && screen->conns.of_row) {
        screen->conns.of_row = false;
        go(screen, TAB_ROWS);
    }
}

static void help(struct screen *screen) {
    if (screen->over == OVER_HELP) return;
    screen->before_help = screen->over;
    screen->over = OVER_HELP;
    screen->help.top = 0;
    page_set(&screen->help, strdup(frame_help));
}

/* --- Keys --- */

static void filter_typed(struct screen *screen) {
    char why[200];
    if (conns_filter(&screen->conns, screen->prompt.text, why, sizeof why))
        conns_take(&screen->conns, screen->watch);
    else
        snprintf(screen->message, sizeof screen->message, "filter: %s", why);
}

/* A filter that was wrong stays in the prompt, to be corrected. */
static void begin_filter(struct screen *screen, bool correct) {
    if (!correct) snprintf(screen->prompt.text, sizeof screen->prompt.text, "%s", screen->conns.filter_text);
    screen->prompt.len = strlen(screen->prompt.text);
    screen->prompt.open = true;
    if (screen->tab != TAB_CONNS || screen->over) go(screen, TAB_CONNS);
}

static bool press_in_view(struct screen *screen, int press) {
    switch (screen->over) {
    case OVER_LIFE: return page_press(&screen->life.page, press);
    case OVER_FINDING: return page_press(&screen->finding, press);
    case OVER_HELP: return page_press(&screen->help, press);
    default: break;
    }
    if (!screen->watch->snap) return false;
    if (screen->tab == TAB_ROWS) return rows_press(&screen->rows, screen->watch, press);
    if (screen->tab == TAB_CONNS) return conns_press(&screen->conns, screen->watch, press);
    return findings_press(&screen->findings, press);
}

static void press_anywhere(struct screen *screen, int press, bool had_message) {
    switch (press) {
    case 'q': screen->quit = true; break;
    case '?': help(screen); break;
    case ' ': screen->paused = !screen->paused; break;
    case '/': begin_filter(screen, had_message); break;
    case CTRL_L: paint_forget(); break;
    case PRESS_TAB: go(screen, (screen->tab + 1) % NTABS); break;
    case PRESS_BACK_TAB: go(screen, (screen->tab + NTABS - 1) % NTABS); break;
    case PRESS_ENTER: enter(screen); break;
    case PRESS_ESCAPE:
    case PRESS_BACKSPACE: back(screen); break;
    default: break;
    }
}

static void press_key(struct screen *screen, int press) {
    bool had_message = *screen->message, done;
    *screen->message = '\0';
    if (!screen->prompt.open) {
        if (!press_in_view(screen, press)) press_anywhere(screen, press, had_message);
        return;
    }
    bool goes_on = prompt_press(&screen->prompt, press, &done);
    if (done) filter_typed(screen);
    screen->prompt.open = goes_on && !done;
}

/* --- The terminal and signals --- */

/* Where keys and signals come from. */
struct input {
    int epoll, signals, errors, own_errors; /* -1: none. `errors` keeps standard error, `own_errors` is the real one. */
    sigset_t before;
};

static bool add(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void keep_errors(struct input *input) {
    fflush(stderr);
    input->errors = memfd_create("errors", MFD_CLOEXEC);
    input->own_errors = dup(STDERR_FILENO);
    if (input->errors >= 0 && input->own_errors >= 0) dup2(input->errors, STDERR_FILENO);
}

static void print_errors(struct input *input) {
    char text[4096];
    ssize_t n;
    off_t at = 0;
    fflush(stderr);
    if (input->errors >= 0 && input->own_errors >= 0) {
        dup2(input->own_errors, STDERR_FILENO);
        while ((n = pread(input->errors, text, sizeof text, at)) > 0 && fwrite(text, 1, (size_t)n, stderr)) at += n;
    }
    if (input->errors >= 0) close(input->errors);
    if (input->own_errors >= 0) close(input->own_errors);
}

static bool input_begin(struct input *input) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, &input->before);
    input->epoll = epoll_create1(EPOLL_CLOEXEC);
    input->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return input->epoll >= 0 && input->signals >= 0 && add(input->epoll, input->signals) &&
           add(input->epoll, STDIN_FILENO);
}

static void input_end(struct input *input) {
    if (input->signals >= 0) close(input->signals);
    if (input->epoll >= 0) close(input->epoll);
    sigprocmask(SIG_SETMASK, &input->before, NULL);
}

static void take_signals(struct screen *screen, const struct input *input) {
    struct signalfd_siginfo info;
    while (read(input->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGWINCH)
            paint_resize(&screen->paint);
        else
            screen->quit = true;
    }
}

/* Takes what is there; true: something was. */
static bool take_input(struct screen *screen, const struct input *input) {
    struct epoll_event events[2];
    int n = epoll_wait(input->epoll, events, 2, 0);
    for (int i = 0; i < n; i++) {
        int press = PRESS_NONE;
        bool terminal = events[i].data.fd == STDIN_FILENO, any = false;
        if (!terminal) take_signals(screen, input);
        while (terminal && !screen->quit && (press = paint_key()) != PRESS_NONE) {
            press_key(screen, press);
            any = true;
        }
        /* Readable, but nothing there: the terminal is gone. */
        if (terminal && !any && events[i].events & (EPOLLHUP | EPOLLERR)) screen->quit = true;
    }
    return n > 0;
}

/* --- The loop --- */

static void run(struct screen *screen, const struct input *input, int *status) {
    struct watch *watch = screen->watch;
    la_time length = watch->options->length, began = la_host_now();
    la_time end = length < LA_NEVER - began ? began + length : LA_NEVER;
    frame_draw(screen);
    while (!screen->quit) {
        if (watch->next > end) watch->next = end;
        bool due = watch_wait(watch, input->epoll), changed = take_input(screen, input);
        la_time now = la_host_now();
        if (now >= end) return;
        if (due && screen->paused) {
            watch->next = now + watch->options->interval;
        } else if (due) {
            if (!watch_poll(watch, status)) return;
            take(screen);
            changed = true;
        }
        if (changed && !screen->quit) frame_draw(screen);
    }
}

static void screen_free(struct screen *screen) {
    conns_free(&screen->conns);
    life_free(&screen->life);
    page_free(&screen->finding);
    page_free(&screen->help);
}

int watch_screen(struct watch *watch) {
    struct screen screen = {.watch = watch, .rows = {.by_peer = watch->options->by_peer}};
    struct input input = {.epoll = -1, .signals = -1, .errors = -1, .own_errors = -1};
    int status = EXIT_AS_SCRIPTED;
    if (!input_begin(&input) || !paint_begin(&screen.paint)) {
        input_end(&input);
        return watch_log(watch);
    }
    keep_errors(&input);
    run(&screen, &input, &status);
    paint_end(&screen.paint);
    print_errors(&input);
    input_end(&input);
    screen_free(&screen);
    return status;
}
