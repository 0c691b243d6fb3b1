/* Limits that a host or a process comes near: descriptors, TIME_WAIT records, orphans, memory; and resets, which only
 * counters tell of. Ports are in rules_ports.c.
 *
 * Orphans and memory are counted for the whole machine, whichever namespace one looks from: they are told once.
 * Counters count since the namespace began; what they tell is past, and no more than a note. */
#include "rules_host.h"

#include <inttypes.h>
#include <stdlib.h>

#define NEARLY 80                         /* Per cent of its descriptors from which on a process runs out of them. */
#define LEAK_FROM 10                      /* Connections in CLOSE_WAIT from which on a rate is worth anything. */
#define LEAK_SOON (24 * 3600 * LA_SECOND) /* A leak that reaches the limit by then is worth a word before NEARLY. */
#define RESETS_PERCENT 1                  /* Of the connections that were closed. */
#define RESETS_BY_PROGRAM 10              /* While a watch looks. */
#define ORPHANS_PERCENT 25 /* The kernel ends orphans from a quarter of the limit on when they retransmit. */
#define BIG_PERCENT 95

/* --- Descriptors --- */

/* What one process holds in a namespace. */
struct held {
    uint32_t conns;         /* That it holds. */
    uint32_t stale;         /* Of those, in CLOSE_WAIT for longer than `settle`. */
    la_time oldest, newest; /* Of the stale ones. */
    uint32_t example;       /* One of them, or one of all. */
    bool selected;
    uint32_t finding; /* SNAP_NONE: it has none. */
};

static bool is_stale(const struct ask *ask, const struct snap_conn *conn) {
    return conn->state == LA_CLOSE_WAIT && ask_settled(ask, conn);
}

static void count_held(const struct ask *ask, struct held *held, uint32_t conn) {
    const struct snap_conn *of = &ask->snap->conns[conn];
    la_time age = of->age.least;
    held->conns++;
    held->selected |= ask_selected(ask, of);
    if (held->conns == 1) held->example = conn;
    if (!is_stale(ask, of)) return;
    if (!held->stale || age > held->oldest) held->oldest = age;
    if (!held->stale || age < held->newest) held->newest = age;
    if (!held->stale++) held->example = conn;
}

/* Calls `each` for every process that holds a connection of a namespace, once for each of them. */
static void each_holder(struct ask *ask, struct held *held, uint32_t netns,
                        void (*each)(struct ask *ask, struct held *held, uint32_t conn)) {
    const struct snap *snap = ask->snap;
    for (uint32_t i = SNAP_NONE; (i = host_next(ask, netns, i)) != SNAP_NONE;) {
        const struct snap_conn *conn = &snap->conns[i];
        uint32_t before = SNAP_NONE; /* Owners of one process stand together. */
        for (uint32_t k = 0; k < conn->nowners; k++) {
            uint32_t proc = snap->owners[conn->first_owner + k].proc;
            if (proc < snap->nprocs && proc != before) each(ask, &held[proc], i);
            before = proc;
        }
    }
}

static void count_each(struct ask *ask, struct held *held, uint32_t conn) { count_held(ask, held, conn); }

static void add_each(struct ask *ask, struct held *held, uint32_t conn) {
    const struct snap_conn *of = &ask->snap->conns[conn];
    if (held->finding == SNAP_NONE || !ask_selected(ask, of) || (held->stale && !is_stale(ask, of))) return;
    finding_add(ask, &ask->findings->list[held->finding], conn);
}

/* From one leaked connection to the next, on average; 0: unknown. */
static la_time leak_step(const struct held *held) {
    return held->stale >= LEAK_FROM ? (held->oldest - held->newest) / (held->stale - 1) : 0;
}

static bool limits_known(const struct snap_proc *proc) {
    return proc->nfds != UINT32_MAX && proc->fd_limit != UINT32_MAX && proc->fd_limit > 0;
}

/* When the limit is reached if it goes on so. A leak that has stopped is none: the newest is then much older than the
 * distance between two. */
static la_time fds_forecast(const struct ask *ask, const struct snap_proc *proc, const struct held *held) {
    la_time step = leak_step(held);
    if (!limits_known(proc) || proc->nfds >= proc->fd_limit) return 0;
    if (!step || held->newest > 8 * step + ask->patience.settle) return LA_NEVER;
    uint32_t left = proc->fd_limit - proc->nfds;
    return step > LA_NEVER / left ? LA_NEVER : step * left;
}

static bool fds_run_out(const struct ask *ask, const struct snap_proc *proc, const struct held *held) {
    if (!held->conns || !held->selected || !limits_known(proc)) return false;
    return host_percent(proc->nfds, proc->fd_limit) >= NEARLY || fds_forecast(ask, proc, held) <= LEAK_SOON;
}

static void tell_leak(const struct ask *ask, const struct held *held, struct finding *finding) {
    la_time step = leak_step(held);
    const char *is = held->stale == 1 ? "is" : "are";
    tell_evidence(finding, "%s of it %s in CLOSE_WAIT: the peers have closed, the program has not.",
                  text_count(ask, held->stale, "connection"), is);
    if (step) tell_evidence(finding, "One more every %s on average, judged by their ages.", text_time(ask, step));
    tell_text(finding,
              "Connections in CLOSE_WAIT use up descriptors: each stays until the program closes it, and no timer "
              "ends it.");
}

static void tell_fds(const struct ask *ask, struct finding *finding, const struct held *held) {
    const struct snap_proc *proc = &ask->snap->procs[finding->proc];
    const char *who = text_proc(ask, finding->proc);
    int pid = (int)proc->pid;
    bool none = proc->nfds >= proc->fd_limit;
    if (none) finding->severity = SEVERITY_HARM;
    finding->forecast = fds_forecast(ask, proc, held);
    bool nearly = host_percent(proc->nfds, proc->fd_limit) >= NEARLY;
    if (!nearly) /* Which is why it would be none. */
        tell_title(finding, "%s will run out of descriptors in %s if it goes on so: %u of %u are open.", who,
                   text_time(ask, finding->forecast), proc->nfds, proc->fd_limit);
    else
        tell_title(finding, "%s %s: %u of %u are open.", who,
                   none ? "has no descriptor left" : "runs out of descriptors", proc->nfds, proc->fd_limit);
    tell_text(finding, "%s accept(), socket() and open() fail with EMFILE, and new clients wait in the accept queue.",
              none ? "At this moment" : "When none is left,");
    if (nearly && !none && finding->forecast != LA_NEVER)
        tell_text(finding, "At the rate of the last connections that is in %s.", text_time(ask, finding->forecast));
    if (held->stale) tell_leak(ask, held, finding);
    tell_evidence(finding, "%s are in this snapshot.",
                  held->conns == 1 ? "1 connection" : snap_format(ask->snap, "%u connections", held->conns));
    if (held->stale)
        tell_remedy(finding, snap_format(ask->snap, "lastack why pid = %d", pid),
                    "Close each connection when recv() returns 0; see which ones are left open, and why.");
    else
        tell_remedy(finding, snap_format(ask->snap, "ls -l /proc/%d/fd", pid), "See what the descriptors are.");
    tell_remedy(finding,
                snap_format(ask->snap, "prlimit --pid %d --nofile=%u:%u", pid, proc->fd_limit * 2, proc->fd_limit * 2),
                "Raise the limit of the running process%s.", held->stale ? "; it gains time, no more" : "");
    tell_remedy(finding, NULL,
                "No cure from outside frees descriptors: only the program's own close(), or its end, does.");
}

static void host_fds(struct ask *ask, const struct rule *rule, uint32_t netns) {
    uint32_t nprocs = ask->snap->nprocs;
    bool any = false;
    struct held *held = nprocs ? calloc(nprocs, sizeof *held) : NULL;
    if (!held) {
        ask->findings->failed |= nprocs > 0;
        return;
    }
    each_holder(ask, held, netns, count_each);
    for (uint32_t i = 0; i < nprocs; i++) {
        held[i].finding = SNAP_NONE;
        if (!fds_run_out(ask, &ask->snap->procs[i], &held[i])) continue;
        struct finding *finding = rule_finding(ask, rule, netns);
        if (!finding) break;
        finding->proc = i;
        held[i].finding = ask->findings->n - 1;
        any = true;
    }
    if (any) each_holder(ask, held, netns, add_each);
    for (uint32_t i = 0; any && i < nprocs; i++) {
        if (!held[i].conns || held[i].finding == SNAP_NONE) continue;
        host_settle(ask, &ask->findings->list[held[i].finding]);
        tell_fds(ask, &ask->findings->list[held[i].finding], &held[i]);
    }
    free(held);
}

/* --- TIME_WAIT --- */

static uint32_t count_opened(const struct ask *ask, const struct finding *finding) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < finding->nconns; i++) count += ask_opened(ask, &ask->snap->conns[finding->conns[i]]);
    return count;
}

static void tell_time_wait(const struct ask *ask, struct finding *finding, uint32_t count) {
    uint32_t netns = finding->netns;
    int64_t most = ask_setting(ask, netns, SNAP_S_MAX_TW_BUCKETS);
    uint64_t overflow = ask_counter(ask, netns, SNAP_C_TW_OVERFLOW);
    bool full = most > 0 && host_percent(count, (uint64_t)most) >= BIG_PERCENT;
    bool stack = ask->snap->netns[netns].stack;
    if (full) finding->severity = SEVERITY_WARNING;
    tell_title(finding, "%s in TIME_WAIT%s.", text_count(ask, count, "connection"),
               full ? ": the limit is reached, and more are thrown away" : ", which does no harm by itself");
    tell_text(
        finding,
        "They are connections that this side closed first. Each is a record of %s in a hash, belongs to no process and "
        "costs no CPU, and ends by itself%s.",
        stack ? "some tens of bytes" : "some 250 bytes", stack ? "" : " after a minute");
    tell_text(finding,
              "It matters only where this side also opened them, always to the same address and port: then the "
              "ports run out.");
    if (full)
        tell_text(finding,
                  "Beyond tcp_max_tw_buckets connections skip TIME_WAIT: late segments of an old connection may "
                  "then reach a new one, and a last ACK that was lost is not repeated.");
    tell_evidence(finding, "Of %u, %u were opened by this side.", finding->nconns, count_opened(ask, finding));
    if (most > 0) tell_evidence(finding, "net.ipv4.tcp_max_tw_buckets is %" PRId64 ".", most);
    if (overflow)
        tell_evidence(finding, "%s skipped TIME_WAIT for lack of room (TcpExtTCPTimeWaitOverflow).",
                      text_count(ask, overflow, "connection"));
    if (full)
        tell_remedy(finding, snap_format(ask->snap, "sysctl -w net.ipv4.tcp_max_tw_buckets=%" PRId64, most * 2),
                    "Raise the limit.");
    tell_remedy(finding, "lastack ls --by peer state time-wait", "See with whom.");
    tell_remedy(finding, NULL,
                "If you want fewer: use connections again (HTTP keep-alive), or let the client close first. "
                "tcp_fin_timeout does not shorten TIME_WAIT; SO_LINGER with 0 avoids it by losing data.");
}

static void host_time_wait(struct ask *ask, const struct rule *rule, uint32_t netns) {
    uint32_t count = host_count(ask, netns, LA_TIME_WAIT), i = SNAP_NONE;
    if (count < ask->patience.many) return;
    struct finding *finding = rule_finding(ask, rule, netns);
    if (!finding) return;
    while ((i = host_next(ask, netns, i)) != SNAP_NONE) {
        const struct snap_conn *conn = &ask->snap->conns[i];
        if (conn->state == LA_TIME_WAIT && ask_selected(ask, conn)) finding_add(ask, finding, i);
    }
    if (!finding->nconns) {
        ask->findings->n--; /* The filter wants none of them. */
        return;
    }
    host_settle(ask, finding);
    tell_time_wait(ask, finding, count);
}

/* --- Resets --- */

/* Connections that have been closed since the namespace began, as far as counters tell. */
static uint64_t closed_so_far(const struct ask *ask, uint32_t netns) {
    uint64_t opened = ask_counter(ask, netns, SNAP_C_ACTIVE_OPENS) + ask_counter(ask, netns, SNAP_C_PASSIVE_OPENS);
    uint64_t gone = ask_counter(ask, netns, SNAP_C_ATTEMPT_FAILS) + host_count(ask, netns, LA_ESTABLISHED) +
                    host_count(ask, netns, LA_CLOSE_WAIT);
    return opened > gone ? opened - gone : 0;
}

/* A finding where so many of the connections that were closed were reset; NULL: they are few. */
static struct finding *resets_finding(struct ask *ask, const struct rule *rule, uint32_t netns, uint64_t resets) {
    if (resets < ask->patience.many / 10 || !resets) return NULL;
    uint64_t closed = closed_so_far(ask, netns);
    if (host_percent(resets, closed) < RESETS_PERCENT || !host_selected(ask, netns)) return NULL;
    struct finding *finding = rule_finding(ask, rule, netns);
    if (!finding) return NULL;
    unsigned percent = host_percent(resets, closed);
    if (percent <= 100)
        tell_evidence(finding, "%s closed since the counters began: %u %% of them.",
                      text_count(ask, closed, "connection"), percent);
    return finding;
}

static void host_resets_unread(struct ask *ask, const struct rule *rule, uint32_t netns) {
    uint64_t resets = ask_counter(ask, netns, SNAP_C_ABORT_ON_CLOSE);
    struct finding *finding = resets_finding(ask, rule, netns, resets);
    if (!finding) return;
    tell_title(finding, "Programs closed %s with data unread, which resets the peer.",
               text_count(ask, resets, "connection"));
    tell_text(finding,
              "close() with received data unread sends RST instead of FIN: the peer may lose the last answer, and "
              "sees ECONNRESET. It happened in the past; which programs did it is not kept.");
    tell_evidence(finding, "TcpExtTCPAbortOnClose is %" PRIu64 ".", resets);
    tell_remedy(finding, NULL,
                "In the program: read until recv() returns 0 before close(), or shutdown(SHUT_WR) first and read "
                "what still comes.");
    tell_remedy(finding, "lastack watch", "See it as it happens.");
}

static void host_resets_linger(struct ask *ask, const struct rule *rule, uint32_t netns) {
    uint64_t data = ask_counter(ask, netns, SNAP_C_ABORT_ON_DATA),
             linger = ask_counter(ask, netns, SNAP_C_ABORT_ON_LINGER);
    struct finding *finding = resets_finding(ask, rule, netns, data + linger);
    if (!finding) return;
    tell_title(finding, "%s reset by this side: SO_LINGER with 0, or data that came after close().",
               data + linger == 1 ? "1 connection was"
                                  : snap_format(ask->snap, "%" PRIu64 " connections were", data + linger));
    tell_text(finding,
              "With SO_LINGER {1,0} close() sends RST: what the peer has not yet received is lost, and it sees "
              "ECONNRESET; TIME_WAIT is avoided at that price. Linux counts the peer's data after close() in the "
              "same counter, so which of the two it was is not certain.");
    tell_evidence(finding, "TcpExtTCPAbortOnData is %" PRIu64 ", TcpExtTCPAbortOnLinger %" PRIu64 ".", data, linger);
    tell_remedy(finding, NULL, "In the program: leave SO_LINGER alone; and read until end of file before close().");
    tell_remedy(finding, "lastack watch", "See it as it happens.");
}

/* Only a watch knows whose calls they were. */
static void host_resets_by_program(struct ask *ask, const struct rule *rule, uint32_t netns) {
    const struct snap *snap = ask->snap;
    for (uint32_t i = 0; i < snap->nresets && !netns; i++) {
        const struct snap_reset *reset = &snap->resets[i];
        if (reset->count < RESETS_BY_PROGRAM || !host_selected(ask, netns)) continue;
        struct finding *finding = rule_finding(ask, rule, netns);
        if (!finding) return;
        finding->proc = reset->proc;
        tell_title(finding, "%s has ended %s with a reset since the watch began.", text_proc(ask, reset->proc),
                   text_count(ask, reset->count, "connection"));
        tell_text(finding,
                  "Its call closed them at once, without a FIN: data were unread, or SO_LINGER was set to 0. The "
                  "peer's recv() fails with ECONNRESET, and what was still under way is lost.");
        tell_evidence(finding, "The last one was with %s, %s ago.", text_endpoint(ask, &reset->peer),
                      text_time(ask, reset->last));
        tell_remedy(finding, NULL,
                    "Read until recv() gives 0 before close(), and do not set SO_LINGER to 0 where the last "
                    "message matters.");
    }
}

/* --- Orphans and memory --- */

static bool is_orphan(const struct snap_conn *conn) {
    bool closing = conn->state == LA_FIN_WAIT_1 || conn->state == LA_FIN_WAIT_2 || conn->state == LA_CLOSING ||
                   conn->state == LA_LAST_ACK;
    return closing && !conn->inode && !(conn->marks & SNAP_RECORD);
}

static void host_orphans(struct ask *ask, const struct rule *rule, uint32_t netns) {
    uint64_t orphans = ask_counter(ask, netns, SNAP_C_SOCKSTAT_ORPHANS);
    int64_t most = ask_setting(ask, netns, SNAP_S_MAX_ORPHANS);
    unsigned percent = most > 0 ? host_percent(orphans, (uint64_t)most) : 0;
    if (orphans < ask->patience.many && percent < ORPHANS_PERCENT) return;
    if (!orphans || !host_speaks(ask, netns) || !host_selected(ask, netns)) return;
    struct finding *finding = rule_finding(ask, rule, netns);
    if (!finding) return;
    if (percent >= BIG_PERCENT) finding->severity = SEVERITY_HARM;
    if (percent < ORPHANS_PERCENT) finding->severity = SEVERITY_NOTE;
    for (uint32_t i = SNAP_NONE; (i = host_next(ask, netns, i)) != SNAP_NONE;)
        if (is_orphan(&ask->snap->conns[i]) && ask_selected(ask, &ask->snap->conns[i])) finding_add(ask, finding, i);
    host_settle(ask, finding);
    tell_title(finding, "%s that no program holds any more %s on this machine.", text_count(ask, orphans, "connection"),
               orphans == 1 ? "is still closing" : "are still closing");
    tell_text(finding,
              "Programs have closed them, and the kernel still sends data or FIN. Each ends by itself when the peer "
              "answers, or after some retransmissions (tcp_orphan_retries).%s",
              percent < ORPHANS_PERCENT
                  ? ""
                  : " Near the limit the kernel resets them instead, and what was not sent is lost.");
    tell_evidence(finding, "%" PRIu64 " orphans; net.ipv4.tcp_max_orphans is %" PRId64 " (%u %%).", orphans, most,
                  percent);
    tell_remedy(finding, "lastack ls --by state,peer state fin-wait-1 state closing state last-ack",
                "See which peers do not answer.");
    if (percent >= ORPHANS_PERCENT)
        tell_remedy(finding, "sysctl -w net.ipv4.tcp_orphan_retries=3", "Let the kernel give them up sooner.");
}

/* The process with the most bytes in its queues. */
static uint32_t hungriest(const struct ask *ask, uint32_t netns, uint64_t *bytes) {
    const struct snap *snap = ask->snap;
    uint32_t most = SNAP_NONE;
    *bytes = 0;
    uint64_t *of = snap->nprocs ? calloc(snap->nprocs, sizeof *of) : NULL;
    for (uint32_t i = SNAP_NONE; of && (i = host_next(ask, netns, i)) != SNAP_NONE;) {
        const struct snap_conn *conn = &snap->conns[i];
        uint32_t proc = snap_first_proc(snap, conn);
        if (proc == SNAP_NONE || conn->state == LA_LISTEN) continue;
        if (conn->recv_queue != UINT32_MAX) of[proc] += conn->recv_queue;
        if (conn->send_queue != UINT32_MAX) of[proc] += conn->send_queue;
        if (of[proc] <= *bytes) continue;
        *bytes = of[proc];
        most = proc;
    }
    free(of);
    return most;
}

static void host_memory(struct ask *ask, const struct rule *rule, uint32_t netns) {
    uint64_t pages = ask_counter(ask, netns, SNAP_C_SOCKSTAT_MEM), bytes;
    int64_t pressure = ask_setting(ask, netns, SNAP_S_MEM_PRESSURE), most = ask_setting(ask, netns, SNAP_S_MEM_MAX);
    uint64_t aborts = ask_counter(ask, netns, SNAP_C_ABORT_ON_MEMORY);
    if (pressure <= 0 || pages < (uint64_t)pressure || !host_speaks(ask, netns) || !host_selected(ask, netns)) return;
    struct finding *finding = rule_finding(ask, rule, netns);
    if (!finding) return;
    bool full = most > 0 && pages >= (uint64_t)most;
    if (full) finding->severity = SEVERITY_HARM;
    tell_title(finding, "TCP's memory is %s: %" PRIu64 " pages of %" PRId64 ".", full ? "used up" : "under pressure",
               pages, most);
    tell_text(finding,
              "The kernel shrinks windows and throws away segments that came out of order, so that connections are "
              "slow%s. It ends when programs read what waits for them and peers acknowledge what was sent.",
              full ? ", and resets connections that need more" : "");
    tell_evidence(finding, "net.ipv4.tcp_mem: pressure from %" PRId64 " pages on, %" PRId64 " at most.", pressure,
                  most);
    if (aborts)
        tell_evidence(finding, "%s reset for lack of memory (TcpExtTCPAbortOnMemory).",
                      text_count(ask, aborts, "connection"));
    uint32_t proc = hungriest(ask, netns, &bytes);
    if (proc != SNAP_NONE)
        tell_evidence(finding, "Most waits in the queues of %s: %s.", text_proc(ask, proc), text_bytes(ask, bytes));
    tell_remedy(finding, "lastack ls 'recv-q > 64KB or send-q > 64KB'",
                "Find programs that do not read, and peers that do not.");
    tell_remedy(finding, "sysctl net.ipv4.tcp_mem", "Raise the limits (in pages) if the machine has the memory.");
}

const struct rule rules_limits[] = {
    {.id = "ports-exhausted", .claims = "C35 C37", .severity = SEVERITY_HARM, .host = rules_ports_exhausted},
    {.id = "ports-running-out", .claims = "C35 C37", .severity = SEVERITY_WARNING, .host = rules_ports_running_out},
    {.id = "fds-running-out",
     .scope = SCOPE_NETNS,
     .claims = "C15 C38",
     .severity = SEVERITY_WARNING,
     .host = host_fds},
    {.id = "time-wait-many",
     .scope = SCOPE_NETNS,
     .claims = "C33 C34 C37",
     .severity = SEVERITY_NOTE,
     .host = host_time_wait},
    {.id = "resets-unread-data", .claims = "C22", .severity = SEVERITY_NOTE, .host = host_resets_unread},
    {.id = "resets-linger", .claims = "C20", .severity = SEVERITY_NOTE, .host = host_resets_linger},
    {.id = "resets-by-program", .claims = "C20 C22", .severity = SEVERITY_NOTE, .host = host_resets_by_program},
    {.id = "orphans-many", .scope = SCOPE_NETNS, .claims = "", .severity = SEVERITY_WARNING, .host = host_orphans},
    {.id = "memory-pressure", .scope = SCOPE_NETNS, .claims = "", .severity = SEVERITY_WARNING, .host = host_memory},
    {0},
};
