/* The report of lastack fix.
 *
 * It reads a struct fix and prints; nothing is kept. Sentences come from inspect/cure.h, one a line, and stand indented
 * below their connection. Text that came from other programs (their names) is made harmless before it is printed: the
 * whole report is put together first and cleaned at once. */
#include "fix_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/control.h"
#include "inspect/say_json.h"

#define COMMAND_SOCKETS 8 /* More are not named one by one in the command that does it. */
#define DETAILED 20       /* More connections get no sentences of their own for every cure. */

size_t fix_count(const struct fix *fix, enum cure_result result) {
    size_t n = 0;
    for (size_t i = 0; i < fix->n; i++) n += fix->list[i].result == result;
    return n;
}

static const struct snap_conn *conn_at(const struct fix *fix, size_t i) { return &fix->snap->conns[fix->list[i].conn]; }

size_t fix_treatable(const struct fix *fix) {
    size_t n = 0;
    for (size_t i = 0; i < fix->n; i++) {
        const struct snap_conn *conn = conn_at(fix, i);
        n += fix->cure == NCURES ? cure_lowest(fix->snap, conn) != NCURES : !cure_objection(fix->cure, fix->snap, conn);
    }
    return n;
}

/* --- Text --- */

/* The lines of a text, each behind an indent; the first one behind `first`. */
static void say_lines(struct say *out, const char *first, const char *indent, const char *text) {
    const char *before = first;
    while (text && *text) {
        size_t len = strcspn(text, "\n");
        say(out, "%s%.*s\n", before, (int)len, text);
        text += len + (text[len] == '\n');
        before = indent;
    }
}

/* What it is named by: records and embryos of a stack have no cookie. */
static void say_name(struct say *out, const struct snap_conn *conn) {
    if (conn->cookie) {
        say(out, "sk:%" PRIx64, conn->cookie);
        return;
    }
    control_say_endpoint(out, &conn->local);
    say(out, " ");
    control_say_endpoint(out, &conn->peer);
}

static void say_conn(struct say *out, const struct fix *fix, const struct snap_conn *conn) {
    const struct snap *snap = fix->snap;
    if (conn->cookie) {
        say_name(out, conn);
        say(out, "  ");
    }
    say(out, "%s  ", la_state_name((enum la_state)conn->state));
    say_endpoint(out, &conn->local);
    if (conn->state != LA_LISTEN) {
        say(out, " - ");
        say_endpoint(out, &conn->peer);
    }
    if (conn->age.least || conn->age.most != LA_NEVER) {
        say(out, ", for ");
        say_age(out, &conn->age);
    }
    if (conn->netns < snap->nnetns && snap->netns[conn->netns].name)
        say(out, ", netns %s", snap->netns[conn->netns].name);
    say(out, "\n");
    if (!conn->nowners) return;
    say(out, "    held by ");
    cure_holders(snap, conn, out);
    say(out, "\n");
}

static void say_cure(struct say *out, const struct fix *fix, const struct snap_conn *conn, enum cure cure,
                     bool is_lowest) {
    char first[40];
    const char *no = cure_objection(cure, fix->snap, conn);
    struct say foretold = {0};
    snprintf(first, sizeof first, "  %s --%-9s  ", is_lowest ? "->" : "  ", cure_name(cure));
    if (no) {
        say(out, "%sno: %s\n", first, no);
        return;
    }
    cure_foretell(cure, fix->snap, conn, &foretold);
    out->failed |= foretold.failed;
    say_lines(out, first, "                  ", foretold.text);
    say_free(&foretold);
}

/* A word as a shell reads it. */
static void say_word(struct say *out, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,";
    if (*word && strspn(word, plain) == strlen(word)) {
        say(out, " %s", word);
        return;
    }
    say(out, " '");
    for (; *word; word++) {
        if (*word == '\'') say(out, "'\\'");
        say(out, "%c", *word);
    }
    say(out, "'");
}

static void say_seconds(struct say *out, const char *option, la_time time) {
    say(out, " --%s %.10g", option, (double)time / (double)LA_SECOND);
}

static void say_number(struct say *out, const char *option, unsigned value, unsigned usual) {
    if (value != usual) say(out, " --%s %u", option, value);
}

static void say_options(struct say *out, const struct fix *fix, enum cure cure) {
    const struct cure_options *options = &fix->options, *usual = &fix_usual;
    if (cure == CURE_CLOSE && options->user_timeout != usual->user_timeout)
        say_seconds(out, "user-timeout", options->user_timeout);
    if (cure == CURE_KEEPALIVE) {
        say_number(out, "keepalive-idle", options->keep_idle, usual->keep_idle);
        say_number(out, "keepalive-interval", options->keep_interval, usual->keep_interval);
        say_number(out, "keepalive-probes", options->keep_probes, usual->keep_probes);
    }
    if (fix->wait_given) say_seconds(out, "wait", options->wait);
}

/* "lastack fix --close --yes", with where to look. */
static void say_command(struct say *out, const struct fix *fix, enum cure cure) {
    say(out, "lastack fix --%s --yes", cure_name(cure));
    say_options(out, fix, cure);
    if (fix->source->all_netns) say(out, " --all-netns");
    if (fix->source->netns) {
        say(out, " --netns");
        say_word(out, fix->source->netns);
    }
    if (fix->source->stack) {
        say(out, " --stack");
        say_word(out, fix->source->stack);
    }
}

static void say_how(struct say *out, const struct fix *fix) {
    if (fix->cure == CURE_CLOSE && fix->options.user_timeout) {
        say(out, " (user timeout ");
        say_time(out, fix->options.user_timeout);
        say(out, ")");
    } else if (fix->cure == CURE_KEEPALIVE) {
        say(out, " (a probe after %u s, then every %u s, %u at most)", fix->options.keep_idle,
            fix->options.keep_interval, fix->options.keep_probes);
    }
}

const char *fix_ender(const struct fix *fix) {
    return fix->source->stack ? "only its program ends one" : "only --reset with the listener's own SOCKET ends one";
}

static void say_left_out(struct say *out, const struct fix *fix) {
    if (fix->left_out) {
        say_count(out, fix->left_out, "other connection");
        say(out, fix->left_out == 1 ? " matches" : " match");
        say(out, ", but --%s cannot help there; of the first: %s.\n", cure_name(fix->cure), fix->why_not);
    }
    if (fix->listeners) {
        say_count(out, fix->listeners, "listener");
        say(out, fix->listeners == 1 ? " matches" : " match");
        say(out, " too: %s.\n", fix_ender(fix));
    }
}

/* The whole plan for one connection where no cure was named. */
static void say_ladder(struct say *out, const struct fix *fix, const struct snap_conn *conn) {
    enum cure lowest = cure_lowest(fix->snap, conn);
    for (unsigned cure = 0; cure < NCURES; cure++)
        if (fix->n <= DETAILED || cure == (unsigned)lowest)
            say_cure(out, fix, conn, (enum cure)cure, cure == (unsigned)lowest);
    if (lowest == NCURES) {
        say(out, "    It ends by itself, or no cure can help.\n");
        return;
    }
    say(out, "    To do it: ");
    say_command(out, fix, lowest);
    say(out, " ");
    say_name(out, conn);
    say(out, "\n");
}

static void say_plan(struct say *out, const struct fix *fix) {
    size_t n = fix_treatable(fix);
    if (fix->cure == NCURES) {
        say_count(out, fix->n, "connection");
        say(out,
            "; for each, what every cure would do, and an arrow at the mildest that can help. Nothing was done.\n");
    } else {
        say_count(out, n, "connection");
        say(out, " would get --%s", cure_name(fix->cure));
        say_how(out, fix);
        say(out, ". Nothing was done: that takes --yes.\n");
    }
    for (size_t i = 0; i < fix->n; i++) {
        const struct snap_conn *conn = conn_at(fix, i);
        say(out, "\n");
        say_conn(out, fix, conn);
        if (fix->cure == NCURES)
            say_ladder(out, fix, conn);
        else
            say_cure(out, fix, conn, fix->cure, false);
    }
    say(out, "\n");
    say_left_out(out, fix);
    if (fix->cure == NCURES || !n) return;
    if (n > COMMAND_SOCKETS) {
        say(out, "To do it: the same command with --yes.\n");
        return;
    }
    say(out, "To do it: ");
    say_command(out, fix, fix->cure);
    for (size_t i = 0; i < fix->n; i++) {
        if (cure_objection(fix->cure, fix->snap, conn_at(fix, i))) continue;
        say(out, " ");
        say_name(out, conn_at(fix, i));
    }
    say(out, "\n");
}

static void say_results(struct say *out, const struct fix *fix) {
    bool comma = false, held = false;
    for (size_t i = 0; i < fix->n; i++) {
        const struct snap_conn *conn = conn_at(fix, i);
        say(out, "%s: ", cure_result_name(fix->list[i].result));
        say_conn(out, fix, conn);
        say_lines(out, "    ", "    ", fix->list[i].said.text);
        held |= conn->nowners && fix->list[i].result <= CURE_STARTED;
    }
    say(out, "\n--%s: ", cure_name(fix->cure));
    for (int result = CURED; result <= CURE_REFUSED; result++) {
        size_t n = fix_count(fix, (enum cure_result)result);
        if (n) say(out, "%s%zu %s", comma ? ", " : "", n, cure_result_name((enum cure_result)result));
        comma |= n > 0;
    }
    say(out, ".\n");
    if (held && fix->cure != CURE_NUDGE && !fix->source->stack)
        say(out, "The descriptor numbers stay taken until the programs close them or end.\n");
    say_left_out(out, fix);
}

static bool print_text(const struct fix *fix) {
    struct say out = {0};
    if (fix->acted)
        say_results(&out, fix);
    else
        say_plan(&out, fix);
    char *text = say_take(&out);
    char *clean = text ? look_clean(text) : NULL;
    if (clean) fputs(clean, stdout);
    bool done = clean != NULL;
    free(clean);
    free(text);
    return done;
}

/* --- JSON --- */

static void json_lines(struct say *out, const char *name, char *text) {
    say_json_open(out, name, '[');
    while (text && *text) {
        size_t len = strcspn(text, "\n");
        bool more = text[len] == '\n';
        text[len] = '\0';
        say_json_text(out, NULL, text);
        text += len + more;
    }
    say_json_close(out, ']');
}

static void json_cures(struct say *out, const struct fix *fix, const struct snap_conn *conn) {
    enum cure lowest = cure_lowest(fix->snap, conn);
    if (fix->cure == NCURES) say_json_text(out, "lowest", lowest == NCURES ? NULL : cure_name(lowest));
    say_json_open(out, "cures", '{');
    for (unsigned i = 0; i < NCURES; i++) {
        enum cure cure = (enum cure)i;
        struct say foretold = {0};
        if (fix->cure != NCURES && fix->cure != cure) continue;
        const char *no = cure_objection(cure, fix->snap, conn);
        say_json_open(out, cure_name(cure), '{');
        say_json_text(out, "objection", no);
        if (!no) cure_foretell(cure, fix->snap, conn, &foretold);
        out->failed |= foretold.failed;
        json_lines(out, "foretold", foretold.text);
        say_json_close(out, '}');
        say_free(&foretold);
    }
    say_json_close(out, '}');
}

static void json_owners(struct say *out, const struct fix *fix, const struct snap_conn *conn) {
    const struct snap *snap = fix->snap;
    say_json_open(out, "owners", '[');
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[conn->first_owner + i];
        if (owner->proc >= snap->nprocs) continue;
        say_json_open(out, NULL, '{');
        say_json_raw(out, "pid", "%d", (int)snap->procs[owner->proc].pid);
        say_json_raw(out, "fd", "%d", (int)owner->fd);
        say_json_text(out, "program", snap->procs[owner->proc].program);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
}

static void json_conn(struct say *out, const struct fix *fix, size_t i) {
    const struct snap_conn *conn = conn_at(fix, i);
    say_json_open_line(out, '{');
    say_json_raw(out, "cookie", "\"%" PRIx64 "\"", conn->cookie);
    say_json_text(out, "state", la_state_name((enum la_state)conn->state));
    say_json_place(out, "local", &conn->local);
    say_json_place(out, "peer", &conn->peer);
    if (conn->netns < fix->snap->nnetns && fix->snap->netns[conn->netns].name)
        say_json_text(out, "netns", fix->snap->netns[conn->netns].name);
    json_owners(out, fix, conn);
    json_cures(out, fix, conn);
    if (fix->acted) {
        say_json_text(out, "result", cure_result_name(fix->list[i].result));
        json_lines(out, "said", fix->list[i].said.text);
    }
    say_json_close(out, '}');
}

static bool print_json(const struct fix *fix) {
    struct say out = {0};
    say_json_open(&out, NULL, '{');
    say_json_text(&out, "format", "lastack fix 1");
    say_json_text(&out, "source", fix->snap->source);
    say_json_text(&out, "cure", fix->cure == NCURES ? NULL : cure_name(fix->cure));
    say_json_bool(&out, "acted", fix->acted);
    say_json_count(&out, "left_out", fix->left_out);
    say_json_count(&out, "listeners", fix->listeners);
    say_json_open(&out, "connections", '[');
    for (size_t i = 0; i < fix->n; i++) json_conn(&out, fix, i);
    say_json_close(&out, ']');
    say_json_close(&out, '}');
    char *text = say_take(&out);
    if (text) puts(text);
    free(text);
    return text != NULL;
}

bool fix_report(const struct fix *fix) { return fix->json ? print_json(fix) : print_text(fix); }
