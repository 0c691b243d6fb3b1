#include "report.h"

#include "rules.h"

#include <stdlib.h>
#include <string.h>

#define PLAIN_WIDTH 100
#define LEAST_WIDTH 40
#define ALSO_SHOWN 4 /* Processes of one program that have the same trouble. */

const char *severity_colour(enum severity severity) {
    static const char *const codes[] = {"1;36", "1;33", "1;31"};
    return codes[severity];
}

static void paint(struct say *out, const struct report *how, const char *code, const char *text) {
    if (how->colours) {
        say(out, "\033[%sm%s\033[0m", code, text);
    } else {
        say(out, "%s", text);
    }
}

/* Columns of a piece of UTF-8 text. */
static int columns(const char *text, size_t len) {
    int n = 0;
    for (size_t i = 0; i < len; i++) n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* Words in lines of `width`, the first after `at` columns that are taken, the others indented. */
static void wrap(struct say *out, const char *text, int at, int indent, int width) {
    bool first = true;
    while (*text) {
        size_t len = strcspn(text, " ");
        int need = columns(text, len);
        if (!first && at + 1 + need > width) {
            say(out, "\n%*s", indent, "");
            at = indent;
        } else if (!first) {
            say(out, " ");
            at++;
        }
        say(out, "%.*s", (int)len, text);
        at += need;
        text += len;
        text += *text == ' ';
        first = false;
    }
    say(out, "\n");
}

static void say_finding(const struct finding *finding, const struct report *how, struct say *out) {
    int width = how->width < LEAST_WIDTH ? LEAST_WIDTH : how->width;
    char head[16];
    const char *name = severity_name(finding->severity);
    size_t len = strlen(name);
    for (size_t i = 0; i <= len; i++)
        head[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
    paint(out, how, severity_colour(finding->severity), head);
    say(out, "%*s", 9 - (int)len, "");
    wrap(out, finding->title ? finding->title : finding->rule->id, 9, 9, width);
    if (how->brief) return;
    if (finding->text) {
        say(out, "         ");
        wrap(out, finding->text, 9, 9, width);
    }
    for (unsigned i = 0; i < finding->nevidence; i++) {
        say(out, i ? "           - " : "  seen     - ");
        wrap(out, finding->evidence[i], 13, 13, width);
    }
    for (unsigned i = 0; i < finding->nremedies; i++) {
        say(out, i ? "           - " : "  do       - ");
        wrap(out, finding->remedies[i].text, 13, 13, width);
        if (!finding->remedies[i].command) continue;
        say(out, "               ");
        paint(out, how, "1", finding->remedies[i].command);
        say(out, "\n");
    }
}

static void say_rule(const struct finding *finding, struct say *out) {
    say(out, "  rule     %s%s%s\n\n", finding->rule->id, *finding->rule->claims ? ", claims " : "",
        finding->rule->claims);
}

/* The same rule about another process of the same program: a worker beside a worker. */
static bool is_alike(const struct snap *snap, const struct finding *a, const struct finding *b) {
    return a->rule == b->rule && a->severity == b->severity && a->netns == b->netns && a->proc != SNAP_NONE &&
           b->proc != SNAP_NONE && a->proc != b->proc &&
           strcmp(snap->procs[a->proc].program, snap->procs[b->proc].program) == 0;
}

/* The titles of those like the first one, which is said in full. */
static void say_alike(const struct findings *findings, const struct snap *snap, unsigned first,
                      const struct report *how, bool *said, struct say *out) {
    int width = how->width < LEAST_WIDTH ? LEAST_WIDTH : how->width;
    unsigned n = 0;
    uint64_t conns = 0;
    for (unsigned i = first + 1; i < findings->n; i++) {
        const struct finding *finding = &findings->list[i];
        if (said[i] || !is_alike(snap, &findings->list[first], finding)) continue;
        said[i] = true;
        if (n++ >= ALSO_SHOWN) {
            conns += finding->nconns;
            continue;
        }
        say(out, n == 1 ? "  also     - " : "           - ");
        wrap(out, finding->title ? finding->title : finding->rule->id, 13, 13, width);
    }
    if (n <= ALSO_SHOWN) return;
    say(out, "           - %u more of its processes, ", n - ALSO_SHOWN);
    say_count(out, conns, "connection");
    say(out, " (--brief lists them).\n");
}

static void say_blinds(const struct snap *snap, const struct report *how, struct say *out) {
    for (uint32_t i = 0; i < snap->nblinds; i++) {
        const struct snap_blind *blind = &snap->blinds[i];
        struct say line = {0};
        say(&line, blind->need ? "%s; %s." : "%s.", blind->what, blind->need);
        say(out, i ? "         " : "not seen ");
        if (line.text) wrap(out, line.text, 9, 9, how->width);
        say_free(&line);
    }
}

void findings_report(const struct findings *findings, const struct snap *snap, const struct report *how,
                     struct say *out) {
    unsigned count[3] = {0}, hidden = 0;
    bool *said = how->brief || !findings->n ? NULL : calloc(findings->n, sizeof *said);
    for (unsigned i = 0; i < findings->n; i++) {
        const struct finding *finding = &findings->list[i];
        count[finding->severity]++;
        hidden += finding->severity < how->least;
        if (finding->severity < how->least || (said && said[i])) continue;
        say_finding(finding, how, out);
        if (said) say_alike(findings, snap, i, how, said, out);
        if (!how->brief) say_rule(finding, out);
    }
    free(said);
    if (how->bare) return;
    if (how->brief && findings->n) say(out, "\n");
    say_blinds(snap, how, out);
    say_count(out, snap->nconns, "socket");
    say(out, " of %s: ", *snap->source ? snap->source : "an unknown source");
    if (!findings->n) {
        say(out, "nothing is wrong");
    } else {
        say(out, "%u harm, %u ", count[SEVERITY_HARM], count[SEVERITY_WARNING]);
        say(out, count[SEVERITY_WARNING] == 1 ? "warning, " : "warnings, ");
        say_count(out, count[SEVERITY_NOTE], "note");
    }
    if (hidden) say(out, " (%u not shown: --notes)", hidden);
    say(out, ".\n");
    if (findings->failed || snap->failed) say(out, "Memory was refused: this is not complete.\n");
}

void findings_say(const struct findings *findings, const struct snap *snap, struct say *out) {
    struct report how = {.width = PLAIN_WIDTH};
    findings_report(findings, snap, &how, out);
}

int findings_worst(const struct findings *findings) {
    int worst = -1;
    for (unsigned i = 0; i < findings->n; i++)
        if ((int)findings->list[i].severity > worst) worst = (int)findings->list[i].severity;
    return worst;
}
