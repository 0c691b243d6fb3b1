/* The words that rules use: short texts for their sentences, and the places in a finding where they go. */
#define _POSIX_C_SOURCE 200809L
#include "rules.h"

#include "filter.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Into a finding --- */

static char *format_text(const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = len < 0 ? NULL : malloc((size_t)len + 1);
    if (text) vsnprintf(text, (size_t)len + 1, format, args);
    return text;
}

void tell_title(struct finding *finding, const char *format, ...) {
    va_list args;
    free(finding->title);
    va_start(args, format);
    finding->title = format_text(format, args);
    va_end(args);
}

void tell_text(struct finding *finding, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *more = format_text(format, args);
    va_end(args);
    size_t had = finding->text ? strlen(finding->text) : 0;
    char *text = more ? realloc(finding->text, had + strlen(more) + 2) : NULL;
    if (text) {
        snprintf(text + had, strlen(more) + 2, "%s%s", had ? " " : "", more);
        finding->text = text;
    }
    free(more);
}

void tell_evidence(struct finding *finding, const char *format, ...) {
    va_list args;
    if (finding->nevidence == FINDING_EVIDENCE) return;
    va_start(args, format);
    char *text = format_text(format, args);
    va_end(args);
    if (text) finding->evidence[finding->nevidence++] = text;
}

void tell_remedy(struct finding *finding, const char *command, const char *format, ...) {
    va_list args;
    if (finding->nremedies == FINDING_REMEDIES) return;
    va_start(args, format);
    struct remedy remedy = {format_text(format, args), command ? strdup(command) : NULL};
    va_end(args);
    if (remedy.text) {
        finding->remedies[finding->nremedies++] = remedy;
    } else {
        free(remedy.command);
    }
}

/* --- Texts that live as long as the snapshot --- */

static const char *keep(const struct ask *ask, struct say *said) {
    char *text = say_take(said);
    const char *kept = text ? snap_text(ask->snap, text) : "";
    free(text);
    return kept;
}

const char *text_endpoint(const struct ask *ask, const struct la_endpoint *endpoint) {
    struct say said = {0};
    say_endpoint(&said, endpoint);
    return keep(ask, &said);
}

const char *text_proc(const struct ask *ask, uint32_t proc) {
    struct say said = {0};
    if (proc >= ask->snap->nprocs) return "an unknown process";
    say_proc(&said, &ask->snap->procs[proc]);
    return keep(ask, &said);
}

const char *text_time(const struct ask *ask, la_time time) {
    struct say said = {0};
    say_time(&said, time);
    return keep(ask, &said);
}

const char *text_age(const struct ask *ask, const struct snap_age *age) {
    struct say said = {0};
    say_age(&said, age);
    return keep(ask, &said);
}

const char *text_count(const struct ask *ask, uint64_t n, const char *word) {
    struct say said = {0};
    say_count(&said, n, word);
    return keep(ask, &said);
}

const char *text_bytes(const struct ask *ask, uint64_t bytes) {
    struct say said = {0};
    say_bytes(&said, bytes);
    return keep(ask, &said);
}

#define FDS_SHOWN 4

const char *text_fds(const struct ask *ask, const struct snap_conn *conn, uint32_t proc) {
    struct say said = {0};
    unsigned n = 0;
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = &ask->snap->owners[conn->first_owner + i];
        if (owner->proc != proc || n++ >= FDS_SHOWN) continue;
        say(&said, n == 1 ? "fd %d" : " and %d", (int)owner->fd);
    }
    if (n > FDS_SHOWN) say(&said, " and %u more", n - FDS_SHOWN);
    return keep(ask, &said);
}

const char *text_conn(const struct ask *ask, const struct snap_conn *conn) {
    struct say said = {0};
    say_endpoint(&said, &conn->local);
    say(&said, ask_opened(ask, conn) ? " -> " : " <- ");
    say_endpoint(&said, &conn->peer);
    return keep(ask, &said);
}

/* Words of a filter that select the finding's connections on a command line: "sk:1d7b0", or "state close-wait pid = 17
 * sport = :80". */
static void say_filter(const struct ask *ask, const struct finding *finding, struct say *out) {
    const struct snap *snap = ask->snap;
    const struct snap_conn *first = &snap->conns[finding->conns[0]];
    char state[24];
    if (finding->nconns == 1 && first->cookie) {
        say(out, "sk:%" PRIx64, first->cookie);
        return;
    }
    snprintf(state, sizeof state, "%s", la_state_name((enum la_state)first->state));
    for (char *at = state; *at; at++) *at = (char)(*at == '_' ? '-' : tolower((unsigned char)*at));
    say(out, "state %s", state);
    if (finding->proc != SNAP_NONE && snap->procs[finding->proc].pid > 0)
        say(out, " pid = %d", (int)snap->procs[finding->proc].pid);
    if (!ask_opened(ask, first)) say(out, " sport = :%u", first->local.port);
}

void tell_fix(const struct ask *ask, struct finding *finding, const char *rung, const char *words) {
    const struct snap_netns *netns = finding->netns < ask->snap->nnetns ? &ask->snap->netns[finding->netns] : NULL;
    bool stack = netns && netns->stack;
    struct say command = {0};
    if (!finding->nconns || (stack && strcmp(rung, "reset") != 0)) return;
    say(&command, "lastack fix --%s ", rung);
    if (stack && netns->name) say(&command, "--stack %s ", netns->name);
    say_filter(ask, finding, &command);
    tell_remedy(finding, keep(ask, &command), "%s", words);
}
