/* What the unit tests of rules about hosts begin with: a host that is well, and words to make it unwell. */
#ifndef SUPPORT_INSPECT_HOST_H
#define SUPPORT_INSPECT_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "inspect/filter.h"
#include "inspect/rules.h"

static struct snap *snap;
static struct findings findings;

/* A Linux host as it comes, with one program, nginx (pid 17). */
static inline int setup(void **state) {
    (void)state;
    snap = snap_new();
    struct snap_netns *netns = snap_add_netns(snap);
    netns->facts = true;
    netns->setting[SNAP_S_FIN_TIMEOUT] = 60;
    netns->setting[SNAP_S_KEEPALIVE_TIME] = 7200;
    netns->setting[SNAP_S_KEEPALIVE_INTVL] = 75;
    netns->setting[SNAP_S_KEEPALIVE_PROBES] = 9;
    netns->setting[SNAP_S_TW_REUSE] = 2;
    netns->setting[SNAP_S_TIMESTAMPS] = 1;
    netns->setting[SNAP_S_PORT_LOW] = 40000;
    netns->setting[SNAP_S_PORT_HIGH] = 40099;
    netns->setting[SNAP_S_SYNCOOKIES] = 1;
    netns->setting[SNAP_S_SOMAXCONN] = 4096;
    netns->setting[SNAP_S_MAX_SYN_BACKLOG] = 512;
    netns->setting[SNAP_S_SYNACK_RETRIES] = 5;
    netns->setting[SNAP_S_MAX_TW_BUCKETS] = 65536;
    netns->setting[SNAP_S_MAX_ORPHANS] = 16384;
    netns->setting[SNAP_S_MEM_PRESSURE] = 60000;
    netns->setting[SNAP_S_MEM_MAX] = 90000;
    for (unsigned i = 0; i < SNAP_NCOUNTERS; i++) netns->counter[i] = 0;
    netns->counter[SNAP_C_PASSIVE_OPENS] = 5000;
    struct snap_proc *proc = snap_add_proc(snap);
    proc->pid = 17;
    proc->program = "nginx";
    proc->nfds = 100;
    proc->fd_limit = 1024;
    snap->owners_known = true;
    return 0;
}

static inline int teardown(void **state) {
    (void)state;
    findings_free(&findings);
    snap_free(snap);
    return 0;
}

static inline struct snap_conn *add(enum la_state state, struct la_addr local, unsigned port, struct la_addr peer,
                                    unsigned peer_port) {
    struct snap_conn *conn = snap_add_conn(snap);
    conn->state = (uint8_t)state;
    conn->netns = 0;
    conn->cookie = snap->nconns;
    conn->local = (struct la_endpoint){.addr = local, .port = (uint16_t)port};
    conn->peer = (struct la_endpoint){.addr = peer, .port = (uint16_t)peer_port};
    conn->age = (struct snap_age){30 * LA_SECOND, 30 * LA_SECOND};
    return conn;
}

static inline void own(int fd) {
    *snap_add_owner(snap) = (struct snap_owner){.conn = snap->nconns - 1, .proc = 0, .fd = fd};
    snap->conns[snap->nconns - 1].inode = 1000 + snap->nconns;
}

static inline struct la_addr host(unsigned last) { return la_addr4(10, 0, 0, (uint8_t)last); }

/* nginx listens on port 80. */
static inline struct snap_conn *listen_on_80(unsigned queued, unsigned backlog) {
    struct snap_conn *conn = add(LA_LISTEN, la_addr4(0, 0, 0, 0), 80, la_addr4(0, 0, 0, 0), 0);
    conn->recv_queue = queued;
    conn->send_queue = backlog;
    conn->drops = 0;
    own(6);
    return conn;
}

static inline void add_queued(unsigned n, enum la_state state, la_time age) {
    for (unsigned i = 0; i < n; i++) {
        struct snap_conn *conn = add(state, host(1), 80, host(2), 50000 + i);
        conn->marks = SNAP_QUEUED;
        conn->age = (struct snap_age){age, age};
    }
}

static inline void add_embryos(unsigned n, unsigned tries) {
    for (unsigned i = 0; i < n; i++) {
        struct snap_conn *conn = add(LA_SYN_RCVD, host(1), 80, host(3), 20000 + i);
        conn->marks = SNAP_EMBRYO;
        conn->tries = (uint8_t)tries;
    }
}

/* This side opened these, to 10.0.0.9:443, and has closed them. */
static inline void add_time_wait(unsigned n, la_time age) {
    for (unsigned i = 0; i < n; i++) {
        struct snap_conn *conn = add(LA_TIME_WAIT, host(1), 40000 + i, host(9), 443);
        conn->marks = SNAP_RECORD;
        conn->age = (struct snap_age){age, age};
        conn->timer = LA_TIMER_TIME_WAIT;
        conn->timer_left = 60 * LA_SECOND - age;
    }
}

/* What is found; the finding of a rule, NULL for none (or for no rule). */
static inline const struct finding *find_with(const char *id, const struct filter *filter) {
    findings_free(&findings);
    snap_finish(snap);
    rules_run(snap, NULL, filter, &findings);
    assert_false(findings.failed);
    for (unsigned i = 0; i < findings.n; i++)
        if (id && strcmp(findings.list[i].rule->id, id) == 0) return &findings.list[i];
    return NULL;
}

static inline const struct finding *find(const char *id) { return find_with(id, NULL); }

static inline const struct finding *must(const char *id) {
    const struct finding *finding = find(id);
    if (!finding) fail_msg("%s does not hold", id);
    assert_non_null(finding->title);
    assert_non_null(finding->text);
    assert_true(finding->nevidence > 0 || strcmp(id, "setting-fin-timeout") == 0);
    assert_true(finding->nremedies > 0);
    return finding;
}

static inline void silent(const char *id) {
    const struct finding *finding = find(id);
    if (finding) fail_msg("%s holds: %s", id, finding->title);
}

/* Some sentence of a finding has these words. */
static inline void says(const struct finding *finding, const char *words) {
    bool said = strstr(finding->title, words) || strstr(finding->text, words);
    for (unsigned i = 0; i < finding->nevidence; i++) said = said || strstr(finding->evidence[i], words);
    for (unsigned i = 0; i < finding->nremedies; i++)
        said = said || strstr(finding->remedies[i].text, words) ||
               (finding->remedies[i].command && strstr(finding->remedies[i].command, words));
    if (!said) fail_msg("%s does not say \"%s\": %s %s", finding->rule->id, words, finding->title, finding->text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
