/* The words that rules use: short texts for their sentences, and the places in a finding where they go.
 *
 * In: what a rule has found. Out: title, text, evidence and remedies in the finding, which owns them; short texts live
 * as long as the snapshot. A text for which memory is refused is left out.
 *
 * A command in a remedy runs as it is printed: it names few connections one by one and many by a filter, and in the end
 * tell_where puts it into the namespace or the stack that the finding is about. */
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

void tell_more(struct finding *finding) {
    if (finding->nconns > SHOWN) tell_evidence(finding, "%u more.", finding->nconns - SHOWN);
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

const char *text_state(const struct ask *ask, const struct snap_conn *conn) {
    const char *name = la_state_name((enum la_state)conn->state);
    bool unknown = !conn->age.least && conn->age.most == LA_NEVER;
    return unknown ? name : snap_format(ask->snap, "%s for %s", name, text_age(ask, &conn->age));
}

const char *text_conn(const struct ask *ask, const struct snap_conn *conn) {
    struct say said = {0};
    say_endpoint(&said, &conn->local);
    say(&said, ask_opened(ask, conn) ? " -> " : " <- ");
    say_endpoint(&said, &conn->peer);
    return keep(ask, &said);
}

#define NAMED 8 /* Connections that a command names one by one. */

static void say_each(const struct ask *ask, const struct finding *finding, struct say *out) {
    for (uint32_t i = 0; i < finding->nconns && i < NAMED; i++)
        say(out, " sk:%" PRIx64, ask->snap->conns[finding->conns[i]].cookie);
}

bool ask_one_peer(const struct ask *ask, const struct finding *finding) {
    const struct snap_conn *conns = ask->snap->conns, *first = &conns[finding->conns[0]];
    for (uint32_t i = 1; i < finding->nconns; i++) {
        const struct la_endpoint *peer = &conns[finding->conns[i]].peer;
        if (peer->port != first->peer.port || !la_addr_equal(&peer->addr, &first->peer.addr)) return false;
    }
    return true;
}

/* Words of a filter for many: " state close-wait pid = 17 sport = :80". */
static void say_filter(const struct ask *ask, const struct finding *finding, struct say *out) {
    const struct snap *snap = ask->snap;
    const struct snap_conn *first = &snap->conns[finding->conns[0]];
    char state[24];
    snprintf(state, sizeof state, "%s", la_state_name((enum la_state)first->state));
    for (char *at = state; *at; at++) *at = (char)(*at == '_' ? '-' : tolower((unsigned char)*at));
    say(out, " state %s", state);
    if (first->nowners && snap->procs[finding->proc].pid > 0)
        say(out, " pid = %d", (int)snap->procs[finding->proc].pid);
    if (!ask_opened(ask, first)) {
        say(out, " sport = :%u", first->local.port);
    } else if (ask_one_peer(ask, finding)) {
        say(out, " dst %s", text_endpoint(ask, &first->peer));
    }
    if (first->timer == LA_TIMER_RETRANSMIT && first->tries > 1) say(out, " 'backoff > 1'");
}

/* A few are named, so that nothing else is touched, and so are those that no process tells apart. */
void tell_fix(const struct ask *ask, struct finding *finding, const char *rung, const char *words) {
    if (!finding->nconns) return;
    const struct snap_conn *first = &ask->snap->conns[finding->conns[0]];
    bool stack = snap_is_stack(ask->snap, first->netns);
    bool theirs = first->nowners && snap_holds(ask->snap, first, finding->proc);
    bool few = finding->nconns <= NAMED || !(theirs || (!first->inode && first->timer == LA_TIMER_RETRANSMIT));
    struct say command = {0};
    if (stack && strcmp(rung, "reset") != 0) return;
    say(&command, "lastack fix --%s", rung);
    if (few) {
        say_each(ask, finding, &command);
    } else {
        say_filter(ask, finding, &command);
    }
    const char *which = few && finding->nconns > NAMED ? snap_format(ask->snap, " (The %d oldest.)", NAMED) : "";
    tell_remedy(finding, keep(ask, &command), "%s%s", words, which);
}

/* --- Where commands are to be run --- */

static void say_word(struct say *out, const char *word) {
    bool plain = *word != '\0';
    for (const char *at = word; *at; at++) plain = plain && (isalnum((unsigned char)*at) || strchr("./_-:@+,", *at));
    if (!plain) say(out, "'");
    for (const char *at = word; *at; at++) {
        if (*at == '\'') say(out, "'\\'");
        say(out, "%c", *at);
    }
    if (!plain) say(out, "'");
}

/* "lastack fix …" becomes "lastack fix --netns blue …"; "sysctl …" is run there by nsenter. NULL: it holds as it is. */
static char *command_in(struct snap *snap, const struct snap_netns *netns, const char *command) {
    struct say out = {0};
    int pid, end = 0;
    bool stack = netns->stack;
    bool by_pid = !stack && sscanf(netns->name, "pid %d's%n", &pid, &end) == 1 && end && !netns->name[end];
    if (strncmp(command, "lastack ", 8) == 0) {
        size_t verb = 8 + strcspn(command + 8, " ");
        say(&out, "%.*s %s ", (int)verb, command, stack ? "--stack" : "--netns");
        say_word(&out, by_pid ? snap_format(snap, "pid:%d", pid) : netns->name);
        say(&out, "%s", command + verb);
    } else if (!stack && (strncmp(command, "sysctl ", 7) == 0 || strncmp(command, "ss ", 3) == 0)) {
        say(&out, "nsenter --net=");
        say_word(&out,
                 by_pid ? snap_format(snap, "/proc/%d/ns/net", pid) : snap_format(snap, "/run/netns/%s", netns->name));
        say(&out, " %s", command);
    } else {
        return NULL;
    }
    return say_take(&out);
}

/* On a stack of ours only lastack's own commands mean anything, and only where it can be reached. */
static bool is_elsewhere(const struct snap_netns *netns, const char *command) {
    return netns->stack && (!netns->name || strncmp(command, "lastack ", 8) != 0);
}

void tell_where(const struct ask *ask, struct finding *finding) {
    const struct snap_netns *netns = finding->netns < ask->snap->nnetns ? &ask->snap->netns[finding->netns] : NULL;
    if (!netns || (!netns->name && !netns->stack)) return;
    for (unsigned i = 0; i < finding->nremedies; i++) {
        struct remedy *remedy = &finding->remedies[i];
        if (!remedy->command) continue;
        bool keeps = !is_elsewhere(netns, remedy->command);
        char *command = keeps ? command_in(ask->snap, netns, remedy->command) : NULL;
        if (keeps && !command) continue;
        free(remedy->command);
        remedy->command = command;
    }
}
