/* The engine of watch: polls, events, and findings as they come and go.
 *
 * Between polls it sleeps on the events and on the terminal. A poll asks the kernel for all connections; looking
 * through the descriptors of all processes costs far more, so that is done only as often as it takes a two-hundredth of
 * the time; meanwhile owners are carried from poll to poll. The rules need owners, so they are asked at those polls.
 *
 * Findings have keys, so that the same one is recognised at the next look; ended ones are kept for a while. */
#define _GNU_SOURCE
#include "watch_run.h"

#include <lastack/dev.h>

#include "cmd.h"
#include "watch_carry.h"

#include "inspect/report.h"
#include "inspect/rules.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNS_MAX 1000000
#define OWNERS_SHARE 200              /* Looking for owners takes at most one part in that many, … */
#define OWNERS_PAUSE (60 * LA_SECOND) /* … but is done this often. */
#define WIDTH 100

/* What this process has cost so far: on a busy host that is less than the time that it took. */
static la_time cpu_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (la_time)now.tv_sec * LA_SECOND + (la_time)now.tv_nsec;
}

/* Each poll makes a snapshot and frees the last: the C library keeps that memory, instead of having the kernel clear
 * fresh pages every time. */
static void keep_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* The most that it takes. */
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

bool watch_begin(struct watch *watch, const struct watch_options *options, int *status) {
    bool host = source_is_host(&options->source);
    keep_memory();
    *watch = (struct watch){.options = options, .track = track_new(CONNS_MAX), .next = la_host_now(), .output = -1};
    if (!watch->track) {
        fprintf(stderr, "lastack watch: no memory\n");
        *status = EXIT_UNABLE;
        return false;
    }
    if (host && !options->no_events) watch->events = events_open(true, watch->events_why, sizeof watch->events_why);
    return true;
}

static void finding_free(struct watch_finding *finding) {
    free(finding->title);
    free(finding->whole);
    free(finding->cookies);
}

void watch_end(struct watch *watch) {
    for (unsigned i = 0; i < watch->nfindings; i++) finding_free(&watch->findings[i]);
    if (watch->events) events_close(watch->events);
    track_free(watch->track);
    snap_free(watch->snap);
}

/* --- Events --- */

static void take_events(struct watch *watch) {
    struct event event;
    while (watch->events && events_next(watch->events, &event)) {
        track_event(watch->track, &event);
        if (event.kind == EVENT_LOST) watch->lost += event.count;
        if (event.kind == EVENT_MOVE && watch->on_move) watch->on_move(watch->arg, &event);
    }
}

static void forget_stacks(struct watch *watch) {
    uint32_t stack;
    while ((stack = track_gone(watch->track)) != 0)
        if (watch->events) events_forget(watch->events, stack);
}

bool watch_wait(struct watch *watch, int fd) {
    struct pollfd on[] = {{.fd = watch->events ? events_fd(watch->events) : -1, .events = POLLIN},
                          {.fd = fd, .events = POLLIN},
                          {.fd = watch->output}};
    for (;;) {
        la_time now = la_host_now();
        if (now >= watch->next) return true;
        la_time left = watch->next - now;
        struct timespec timeout = {(time_t)(left / LA_SECOND), (long)(left % LA_SECOND)};
        int ready = ppoll(on, sizeof on / sizeof *on, &timeout, watch->signals);
        if (ready < 0) return false;
        if (on[0].revents) take_events(watch);
        watch->output_gone = on[2].revents != 0;
        if (on[1].revents || on[2].revents) return false;
    }
}

/* --- Findings --- */

/* The place of a finding that is not known yet: a free one, or that of the one that ended first. */
static struct watch_finding *place_for(struct watch *watch) {
    struct watch_finding *oldest = NULL;
    if (watch->nfindings < WATCH_FINDINGS) return &watch->findings[watch->nfindings++];
    for (unsigned i = 0; i < WATCH_FINDINGS; i++) {
        struct watch_finding *one = &watch->findings[i];
        if (!one->is_there && (!oldest || one->last < oldest->last)) oldest = one;
    }
    if (oldest) finding_free(oldest);
    return oldest;
}

static void note_cookies(struct watch_finding *known, const struct finding *finding, const struct snap *snap) {
    free(known->cookies);
    known->ncookies = 0;
    known->cookies = malloc((finding->nconns + 1) * sizeof *known->cookies);
    for (uint32_t i = 0; known->cookies && i < finding->nconns; i++)
        known->cookies[known->ncookies++] = snap->conns[finding->conns[i]].cookie;
}

static void note(struct watch *watch, const struct finding *finding) {
    const struct snap *snap = watch->snap;
    struct findings one = {.list = (struct finding[]){*finding}, .n = 1};
    struct report how = {.width = WIDTH, .least = SEVERITY_NOTE, .bare = true};
    struct watch_finding *known = NULL;
    struct say whole = {0};
    for (unsigned i = 0; i < watch->nfindings && !known; i++)
        if (watch->findings[i].key == finding->key) known = &watch->findings[i];
    bool again = known && !known->is_there;
    if (!known && (known = place_for(watch)) != NULL)
        *known = (struct watch_finding){.key = finding->key, .first = snap->taken};
    if (!known) return;
    free(known->title);
    free(known->whole);
    how.brief = true;
    findings_report(&one, snap, &how, &whole);
    known->body = whole.len;
    say_free(&whole);
    how.brief = false;
    findings_report(&one, snap, &how, &whole);
    known->title = strdup(finding->title ? finding->title : finding->rule->id);
    known->whole = say_take(&whole);
    known->rule = finding->rule->id;
    known->severity = finding->severity;
    known->last = snap->taken;
    known->count = finding->nconns;
    known->is_there = true;
    note_cookies(known, finding, snap);
    if (again) known->told = known->told_gone = false;
}

static void diagnose(struct watch *watch) {
    const struct watch_options *options = watch->options;
    struct findings findings;
    source_diagnose(&options->source, &options->patience, watch->snap, &findings);
    for (unsigned i = 0; i < findings.n; i++) note(watch, &findings.list[i]);
    for (unsigned i = 0; i < watch->nfindings; i++)
        if (watch->findings[i].last != watch->snap->taken) watch->findings[i].is_there = false;
    findings_free(&findings);
}

/* --- Polls --- */

static bool are_owners_due(const struct watch *watch) {
    la_time pause = OWNERS_SHARE * watch->owners_cost;
    if (!watch->owners_at) return true;
    return la_host_now() >= watch->owners_at + (pause < OWNERS_PAUSE ? pause : OWNERS_PAUSE);
}

bool watch_poll(struct watch *watch, int *status) {
    la_time began = cpu_now();
    /* All connections, and whatever owners were found for them: the filter is for what is shown. */
    struct source source = watch->options->source;
    source.filter = NULL;
    bool owners = !source_is_host(&source) || are_owners_due(watch);
    unsigned parts = (owners ? LINUX_OWNERS | LINUX_FACTS : 0) | (owners || !watch->frugal ? LINUX_MEASURED : 0);
    parts |= filter_parts(watch->options->source.filter) & LINUX_MEASURED;
    struct snap *snap = source_snap(&source, parts, status);
    if (!snap) return false;
    take_events(watch);
    bool shown = !watch->frugal || filter_parts(watch->options->source.filter) & LINUX_OWNERS;
    if (watch->snap && !owners && shown) carry_owners(watch->snap, snap);
    snap_free(watch->snap);
    watch->snap = snap;
    track_poll(watch->track, snap);
    forget_stacks(watch);
    if (owners) {
        diagnose(watch);
        watch->owners_at = la_host_now();
        watch->owners_cost = cpu_now() - began;
    }
    watch->polls++;
    /* Late polls are not made up for. */
    la_time now = la_host_now();
    watch->next += watch->options->interval;
    if (watch->next < now) watch->next = now + watch->options->interval;
    return true;
}

const char *watch_source(const struct watch *watch, char *text, size_t size) {
    double seconds = (double)watch->options->interval / (double)LA_SECOND;
    if (watch->options->source.stack) {
        snprintf(text, size, "exact: the stack's own history, read every %g s", seconds);
    } else if (watch->events) {
        snprintf(text, size, "exact: kernel tracepoints (perf), polled every %g s", seconds);
    } else {
        snprintf(text, size, "polled every %g s%s%s", seconds,
                 watch->options->no_events ? "" : "; no events: ", watch->options->no_events ? "" : watch->events_why);
    }
    return text;
}

char *watch_site(struct watch *watch, const struct snap_conn *conn) {
    uint32_t stack = track_stack(watch->track, conn->cookie);
    return stack && watch->events ? events_site(watch->events, stack) : NULL;
}
