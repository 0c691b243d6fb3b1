#include "report.h"
#include "rules.h"
#include "say_json.h"

#include <inttypes.h>
#include <string.h>

#define CONNS_SHOWN 20

static void json_conn(const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    say_json_open_line(out, '{');
    say_json_raw(out, "cookie", "\"%" PRIx64 "\"", conn->cookie);
    say_json_text(out, "state", la_state_name((enum la_state)conn->state));
    say_json_place(out, "local", &conn->local);
    say_json_place(out, "peer", &conn->peer);
    say_json_open(out, "owners", '[');
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[conn->first_owner + i];
        say_json_open(out, NULL, '{');
        say_json_raw(out, "pid", "%d", (int)snap->procs[owner->proc].pid);
        say_json_raw(out, "fd", "%d", (int)owner->fd);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
    say_json_close(out, '}');
}

static void json_words(struct say *out, const char *name, const char *words) {
    say_json_open(out, name, '[');
    while (*words) {
        size_t len = strcspn(words, " ");
        say_json_raw(out, NULL, "\"%.*s\"", (int)len, words);
        words += len + (words[len] == ' ');
    }
    say_json_close(out, ']');
}

static void json_sentences(const struct finding *finding, struct say *out) {
    say_json_text(out, "title", finding->title ? finding->title : "");
    say_json_text(out, "text", finding->text ? finding->text : "");
    say_json_open(out, "evidence", '[');
    for (unsigned i = 0; i < finding->nevidence; i++) say_json_text(out, NULL, finding->evidence[i]);
    say_json_close(out, ']');
    say_json_open(out, "remedies", '[');
    for (unsigned i = 0; i < finding->nremedies; i++) {
        const struct remedy *remedy = &finding->remedies[i];
        say_json_open(out, NULL, '{');
        say_json_text(out, "text", remedy->text);
        if (remedy->command) say_json_text(out, "command", remedy->command);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
}

static void json_finding(const struct snap *snap, const struct finding *finding, struct say *out) {
    say_json_open_line(out, '{');
    say_json_text(out, "id", finding->rule->id);
    say_json_text(out, "severity", severity_name(finding->severity));
    json_words(out, "claims", finding->rule->claims);
    json_sentences(finding, out);
    if (finding->proc != SNAP_NONE) {
        say_json_raw(out, "pid", "%d", (int)snap->procs[finding->proc].pid);
        say_json_text(out, "program", snap->procs[finding->proc].program);
    }
    if (finding->fd >= 0) say_json_raw(out, "fd", "%d", (int)finding->fd);
    const char *netns = finding->netns < snap->nnetns ? snap->netns[finding->netns].name : NULL;
    if (netns) say_json_text(out, "netns", netns);
    say_json_count(out, "count", finding->nconns);
    if (finding->nconns) say_json_age(out, "age", &finding->age);
    if (finding->forecast != LA_NEVER) say_json_seconds(out, "forecast", finding->forecast);
    say_json_open(out, "connections", '[');
    for (uint32_t i = 0; i < finding->nconns && i < CONNS_SHOWN; i++)
        json_conn(snap, &snap->conns[finding->conns[i]], out);
    say_json_close(out, ']');
    say_json_close(out, '}');
}

bool findings_json(const struct findings *findings, const struct snap *snap, struct say *out) {
    say_json_open(out, NULL, '{');
    say_json_text(out, "format", "lastack findings 1");
    say_json_seconds(out, "taken", snap->wall);
    say_json_text(out, "source", snap->source);
    say_json_open(out, "findings", '[');
    for (unsigned i = 0; i < findings->n; i++) json_finding(snap, &findings->list[i], out);
    say_json_close(out, ']');
    say_json_open(out, "blinds", '[');
    for (uint32_t i = 0; i < snap->nblinds; i++) {
        say_json_open(out, NULL, '{');
        say_json_text(out, "what", snap->blinds[i].what);
        if (snap->blinds[i].need) say_json_text(out, "need", snap->blinds[i].need);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
    say_json_close(out, '}');
    say(out, "\n");
    return !out->failed && !findings->failed;
}
