/* Settings that do not do what people think, each said only where it matters: somebody has set them, and what they were
 * to cure is there.
 *
 * In: the settings of a namespace, the lines of sysctl.conf and sysctl.d that name something of TCP, the states of its
 * connections. Lines hold for the machine: those that name settings which do not exist are told for one namespace. */
#include "rules_host.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define FIN_TIMEOUT 60 /* Linux's defaults, in seconds. */
#define KEEPALIVE_TIME 7200
#define KEEPALIVE_INTVL 75
#define KEEPALIVE_PROBES 9

/* --- Lines of sysctl files --- */

/* Names are written with dots or slashes, and on other systems with capitals. */
static bool name_has(const char *name, const char *part) {
    size_t len = strlen(part);
    for (; *name; name++) {
        size_t n = 0;
        while (n < len && name[n] && tolower((unsigned char)name[n]) == part[n]) n++;
        if (n == len) return true;
    }
    return false;
}

static bool names_any(const struct snap_line *line, const char *const *parts) {
    for (; *parts; parts++)
        if (name_has(line->name, *parts)) return true;
    return false;
}

static bool is_named(const struct ask *ask, const char *const *parts) {
    for (uint32_t i = 0; i < ask->snap->nlines; i++)
        if (names_any(&ask->snap->lines[i], parts)) return true;
    return false;
}

/* A line that sets what is usual anyway was not written to change anything. */
static bool is_changed(const struct ask *ask, const char *const *parts, const char *usual) {
    for (uint32_t i = 0; i < ask->snap->nlines; i++)
        if (names_any(&ask->snap->lines[i], parts) && strcmp(ask->snap->lines[i].value, usual) != 0) return true;
    return false;
}

static void tell_lines(const struct ask *ask, struct finding *finding, const char *const *parts) {
    for (uint32_t i = 0; i < ask->snap->nlines; i++) {
        const struct snap_line *line = &ask->snap->lines[i];
        if (names_any(line, parts))
            tell_evidence(finding, "%s:%u: %s = %s", line->file, line->line, line->name, line->value);
    }
}

static void tell_value(const struct ask *ask, struct finding *finding, enum snap_setting setting, int64_t usual) {
    int64_t value = ask_setting(ask, finding->netns, setting);
    if (value >= 0)
        tell_evidence(finding, "%s is %" PRId64 " (usually %" PRId64 ").", snap_setting_name(setting), value, usual);
}

/* --- C10: tcp_fin_timeout --- */

static const char *const fin_timeout_names[] = {"tcp_fin_timeout", NULL};

static void host_fin_timeout(struct ask *ask, const struct rule *rule, uint32_t netns) {
    int64_t value = ask_setting(ask, netns, SNAP_S_FIN_TIMEOUT);
    bool lines = host_speaks(ask, netns) && is_changed(ask, fin_timeout_names, "60");
    if (snap_is_stack(ask->snap, netns) || ((value < 0 || value == FIN_TIMEOUT) && !lines)) return;
    uint32_t waiting = host_count(ask, netns, LA_TIME_WAIT);
    if (!waiting || waiting < ask->patience.many / 10 || !host_selected(ask, netns)) return;
    struct finding *finding = rule_finding(ask, rule, netns);
    if (!finding) return;
    tell_title(finding, "tcp_fin_timeout is set%s, but it does not shorten TIME_WAIT: %s there.",
               value >= 0 ? snap_format(ask->snap, " to %" PRId64 " s", value) : "",
               waiting == 1 ? "1 connection is" : snap_format(ask->snap, "%u connections are", waiting));
    tell_text(finding,
              "It bounds FIN_WAIT_2 of connections that no program holds any more, and nothing else. TIME_WAIT lasts "
              "60 s on Linux, and no setting changes it. The setting does no harm, and no good here.");
    tell_value(ask, finding, SNAP_S_FIN_TIMEOUT, FIN_TIMEOUT);
    if (lines) tell_lines(ask, finding, fin_timeout_names);
    tell_remedy(finding, "sysctl -w net.ipv4.tcp_fin_timeout=60", "Take the line out, and go back to the default.");
    tell_remedy(finding, NULL,
                "For fewer TIME_WAIT: use connections again (HTTP keep-alive), or let the client close first.");
}

/* --- C13: keepalive --- */

static const char *const keepalive_names[] = {"tcp_keepalive_", NULL};

static bool is_lower(const struct ask *ask, uint32_t netns, enum snap_setting setting, int64_t usual) {
    int64_t value = ask_setting(ask, netns, setting);
    return value >= 0 && value < usual;
}

static bool keepalive_lowered(const struct ask *ask, uint32_t netns) {
    return is_lower(ask, netns, SNAP_S_KEEPALIVE_TIME, KEEPALIVE_TIME) ||
           is_lower(ask, netns, SNAP_S_KEEPALIVE_INTVL, KEEPALIVE_INTVL) ||
           is_lower(ask, netns, SNAP_S_KEEPALIVE_PROBES, KEEPALIVE_PROBES);
}

static bool is_without_keepalive(const struct ask *ask, const struct snap_conn *conn) {
    return conn->state == LA_CLOSE_WAIT && conn->timer == LA_NTIMERS && ask_settled(ask, conn);
}

static void tell_keepalive(const struct ask *ask, struct finding *finding) {
    tell_title(finding, "The keepalive settings are shortened, but %s in CLOSE_WAIT %s no keepalive.",
               text_count(ask, finding->nconns, "connection"), finding->nconns == 1 ? "uses" : "use");
    tell_text(finding,
              "The settings hold only for sockets for which the program has set SO_KEEPALIVE. And even then they end "
              "CLOSE_WAIT only when the peer's host no longer knows the connection or is gone: a peer that waits in "
              "FIN_WAIT_2 answers the probes, and nothing changes. The program must close.");
    tell_value(ask, finding, SNAP_S_KEEPALIVE_TIME, KEEPALIVE_TIME);
    tell_value(ask, finding, SNAP_S_KEEPALIVE_INTVL, KEEPALIVE_INTVL);
    tell_value(ask, finding, SNAP_S_KEEPALIVE_PROBES, KEEPALIVE_PROBES);
    if (host_speaks(ask, finding->netns)) tell_lines(ask, finding, keepalive_names);
    tell_remedy(finding, "lastack why state close-wait", "Find out why the program does not close, and mend that.");
    tell_remedy(finding, "lastack fix --keepalive state close-wait",
                "Ask the peers' hosts at once, without the program: what they no longer know ends.");
}

static void host_keepalive(struct ask *ask, const struct rule *rule, uint32_t netns) {
    if (snap_is_stack(ask->snap, netns) || !keepalive_lowered(ask, netns)) return;
    struct finding *finding = NULL;
    for (uint32_t i = SNAP_NONE; (i = host_next(ask, netns, i)) != SNAP_NONE;) {
        const struct snap_conn *conn = &ask->snap->conns[i];
        if (!is_without_keepalive(ask, conn) || !ask_selected(ask, conn)) continue;
        if (!finding) finding = rule_finding(ask, rule, netns);
        if (!finding) return;
        finding_add(ask, finding, i);
    }
    if (!finding) return;
    host_settle(ask, finding);
    tell_keepalive(ask, finding);
}

/* --- C32: tcp_tw_recycle --- */

static const char *const recycle_names[] = {"tcp_tw_recycle", NULL};

static void host_recycle(struct ask *ask, const struct rule *rule, uint32_t netns) {
    bool on = ask_setting(ask, netns, SNAP_S_TW_RECYCLE) > 0;
    bool lines = host_speaks(ask, netns) && is_named(ask, recycle_names);
    if ((!on && !lines) || !host_selected(ask, netns)) return;
    struct finding *finding = rule_finding(ask, rule, netns);
    if (!finding) return;
    if (on) {
        finding->severity = SEVERITY_HARM;
        tell_title(finding, "tcp_tw_recycle is on: clients behind one NAT address are dropped at random.");
        tell_text(finding,
                  "It takes timestamps of different hosts behind one address for one clock, and drops SYNs that seem "
                  "to come from the past. Linux removed it in 4.12.");
        tell_remedy(finding, "sysctl -w net.ipv4.tcp_tw_recycle=0", "Turn it off.");
    } else {
        tell_title(finding, "A line sets tcp_tw_recycle, which this kernel does not use.");
        tell_text(finding,
                  "Linux removed it in 4.12, because it dropped clients behind NAT; where it exists it should be 0. "
                  "The line does nothing.");
    }
    if (lines) tell_lines(ask, finding, recycle_names);
    tell_remedy(finding, NULL, "Take the line out. For outgoing connections tcp_tw_reuse is the safe one of the two.");
}

/* --- C09, C42: names of other systems --- */

static const char *const length_names[] = {
    "timedwaitdelay", "time_wait_interval", "tcp_tw_timeout", "timewait", "tcp.msl", NULL};
static const char *const close_wait_names[] = {"close_wait_interval", "close_wait_timeout", "closewait", NULL};

static struct finding *lines_finding(struct ask *ask, const struct rule *rule, uint32_t netns,
                                     const char *const *names) {
    if (!is_named(ask, names) || !host_speaks(ask, netns) || !host_selected(ask, netns)) return NULL;
    struct finding *finding = rule_finding(ask, rule, netns);
    if (finding) tell_lines(ask, finding, names);
    return finding;
}

static void host_length(struct ask *ask, const struct rule *rule, uint32_t netns) {
    struct finding *finding = lines_finding(ask, rule, netns, length_names);
    if (!finding) return;
    tell_title(finding, "A line is to set how long TIME_WAIT lasts, which Linux does not let be set.");
    tell_text(finding,
              "The name comes from another system. On Linux TIME_WAIT lasts 60 s, a constant; BSD, Solaris and Windows "
              "have settings. The line does nothing.");
    tell_remedy(finding, NULL,
                "Take the line out. Where ports run out, tcp_tw_reuse and connections that are used again help.");
}

static void host_close_wait(struct ask *ask, const struct rule *rule, uint32_t netns) {
    struct finding *finding = lines_finding(ask, rule, netns, close_wait_names);
    if (!finding) return;
    tell_title(finding, "A line is to set how long CLOSE_WAIT lasts, which nothing can.");
    tell_text(finding,
              "tcp_close_wait_interval is an old Solaris name, and it meant TIME_WAIT. CLOSE_WAIT lasts until the "
              "program closes the connection; no timer ends it, on any system. The line does nothing.");
    tell_remedy(finding, "lastack why state close-wait", "Take the line out, and see which program does not close.");
}

const struct rule rules_settings[] = {
    {.id = "setting-fin-timeout",
     .scope = SCOPE_NETNS,
     .claims = "C10",
     .severity = SEVERITY_NOTE,
     .host = host_fin_timeout},
    {.id = "setting-keepalive",
     .scope = SCOPE_NETNS,
     .claims = "C13",
     .severity = SEVERITY_NOTE,
     .host = host_keepalive},
    {.id = "setting-tw-recycle",
     .scope = SCOPE_NETNS,
     .claims = "C32",
     .severity = SEVERITY_NOTE,
     .host = host_recycle},
    {.id = "setting-time-wait-length",
     .scope = SCOPE_NETNS,
     .claims = "C09",
     .severity = SEVERITY_NOTE,
     .host = host_length},
    {.id = "setting-close-wait-interval",
     .scope = SCOPE_NETNS,
     .claims = "C42",
     .severity = SEVERITY_NOTE,
     .host = host_close_wait},
    {0},
};
