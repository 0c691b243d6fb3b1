/* Listeners that do not keep up: connections that nobody accepts, and SYNs that find no room.
 *
 * In: a namespace's listeners, the connections in their accept queues (established, and of no descriptor yet), and
 * those in their SYN queues. Sockets that listen on the same address (SO_REUSEPORT) are one here: which of them a
 * queued connection belongs to is not told, and the one with the longest queue is the one to name.
 *
 * Linux: the accept queue is full when it holds more than the backlog, and then what arrives is dropped. The SYN queue
 * is full when it holds as much as the backlog; then cookies take over, or SYNs are dropped where those are off. */
#include "rules_host.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PEERS_SHOWN 3

/* What waits at one address. */
struct queue {
    uint32_t listener;        /* The one with the longest accept queue. */
    uint32_t sockets;         /* That listen there. */
    uint32_t late;            /* Not accepted for longer than `settle`, the peer still there. */
    uint32_t embryos, resent; /* In the SYN queue; of those, with SYN+ACK sent again. */
    uint32_t lasting;         /* Of those, there for longer than `settle`. */
    uint32_t waiting;         /* In the accept queue, seen one by one. */
    uint32_t drops;
    la_time oldest; /* How long the oldest one waits to be accepted. */
    bool selected;
    uint32_t finding; /* SNAP_NONE: it has none. */
};

struct queues {
    struct map map;
    struct queue *list;
    uint32_t n, room;
};

struct queue_rule {
    bool (*holds)(const struct ask *ask, const struct queue *queue);
    bool (*belongs)(const struct ask *ask, const struct snap_conn *conn);
    void (*tell)(const struct ask *ask, const struct queue *queue, struct finding *finding);
};

/* --- Counting --- */

static const struct snap_conn *listener_of(const struct ask *ask, const struct queue *queue) {
    return &ask->snap->conns[queue->listener];
}

static uint64_t queue_key(const struct snap_conn *listener) { return snap_endpoint_key(&listener->local); }

static bool is_late(const struct ask *ask, const struct snap_conn *conn) {
    return conn->marks & SNAP_QUEUED && conn->state != LA_CLOSE_WAIT && conn->age.least >= ask->patience.settle;
}

static bool is_embryo(const struct ask *ask, const struct snap_conn *conn) {
    (void)ask;
    return conn->state == LA_SYN_RCVD;
}

static bool is_resent(const struct ask *ask, const struct snap_conn *conn) {
    return is_embryo(ask, conn) && conn->tries > 0;
}

static bool is_queued(const struct ask *ask, const struct snap_conn *conn) {
    (void)ask;
    return (conn->marks & SNAP_QUEUED) != 0;
}

static bool grow_queues(struct queues *queues) {
    if (queues->n < queues->room) return true;
    uint32_t room = queues->room ? queues->room * 2 : 64;
    struct queue *larger = realloc(queues->list, room * sizeof *larger);
    if (!larger) return false;
    queues->list = larger;
    queues->room = room;
    return true;
}

static bool add_listener(const struct ask *ask, struct queues *queues, uint32_t conn) {
    const struct snap_conn *listener = &ask->snap->conns[conn];
    uint64_t key = queue_key(listener);
    uint32_t at = map_get(&queues->map, key);
    if (at == MAP_NONE) {
        at = queues->n;
        if (!grow_queues(queues) || !map_put(&queues->map, key, at)) return false;
        queues->list[queues->n++] = (struct queue){.listener = conn, .finding = SNAP_NONE};
    }
    struct queue *queue = &queues->list[at];
    if (listener->recv_queue > listener_of(ask, queue)->recv_queue) queue->listener = conn;
    if (listener->drops != UINT32_MAX) queue->drops += listener->drops;
    queue->embryos += listener->embryos;
    queue->sockets++;
    queue->selected |= ask_selected(ask, listener);
    return true;
}

/* The queue that a connection came to; NULL: it came to none of these. */
static struct queue *queue_of(const struct ask *ask, const struct queues *queues, uint32_t conn) {
    uint32_t listener = ask->listener[conn];
    if (listener == SNAP_NONE) return NULL;
    uint32_t at = map_get(&queues->map, queue_key(&ask->snap->conns[listener]));
    return at == MAP_NONE ? NULL : &queues->list[at];
}

static bool count_queues(const struct ask *ask, struct queues *queues, uint32_t netns) {
    uint32_t i = SNAP_NONE;
    while ((i = host_next(ask, netns, i)) != SNAP_NONE)
        if (ask->snap->conns[i].state == LA_LISTEN && !add_listener(ask, queues, i)) return false;
    while (queues->n && (i = host_next(ask, netns, i)) != SNAP_NONE) {
        const struct snap_conn *conn = &ask->snap->conns[i];
        struct queue *queue = is_queued(ask, conn) || is_embryo(ask, conn) ? queue_of(ask, queues, i) : NULL;
        if (!queue) continue;
        queue->selected |= ask_selected(ask, conn);
        queue->resent += is_resent(ask, conn);
        queue->late += is_late(ask, conn);
        queue->lasting += is_embryo(ask, conn) && conn->age.least >= ask->patience.settle;
        queue->waiting += is_queued(ask, conn);
        if (is_queued(ask, conn) && conn->age.least > queue->oldest) queue->oldest = conn->age.least;
    }
    return true;
}

static void add_conns(struct ask *ask, const struct queues *queues, const struct queue_rule *how, uint32_t netns) {
    for (uint32_t i = SNAP_NONE; (i = host_next(ask, netns, i)) != SNAP_NONE;) {
        const struct snap_conn *conn = &ask->snap->conns[i];
        if (!how->belongs(ask, conn) || !ask_selected(ask, conn)) continue;
        struct queue *queue = queue_of(ask, queues, i);
        if (queue && queue->finding != SNAP_NONE) finding_add(ask, &ask->findings->list[queue->finding], i);
    }
}

/* A finding for each queue for which a rule holds. */
static void ask_queues(struct ask *ask, const struct rule *rule, const struct queue_rule *how, uint32_t netns) {
    struct queues queues = {0};
    bool any = false;
    if (!count_queues(ask, &queues, netns)) ask->findings->failed = true;
    for (uint32_t i = 0; i < queues.n; i++) {
        struct queue *queue = &queues.list[i];
        if (!queue->selected || !how->holds(ask, queue) || !rule_finding(ask, rule, netns)) continue;
        queue->finding = ask->findings->n - 1;
        any = true;
    }
    if (any) add_conns(ask, &queues, how, netns);
    for (uint32_t i = 0; any && i < queues.n; i++) {
        struct queue *queue = &queues.list[i];
        if (queue->finding == SNAP_NONE) continue;
        struct finding *finding = &ask->findings->list[queue->finding];
        if (!finding->nconns) finding_add(ask, finding, queue->listener);
        host_blame(ask, finding, queue->listener);
        host_settle(ask, finding);
        how->tell(ask, queue, finding);
    }
    map_free(&queues.map);
    free(queues.list);
}

/* --- Conditions --- */

/* Linux lets one more in than the backlog says. */
static bool accept_full(const struct ask *ask, const struct queue *queue) {
    const struct snap_conn *listener = listener_of(ask, queue);
    if (snap_is_stack(ask->snap, listener->netns))
        return listener->recv_queue > 0 && listener->recv_queue >= listener->send_queue;
    return listener->recv_queue > listener->send_queue;
}

static bool accept_at_limit(const struct ask *ask, const struct queue *queue) {
    const struct snap_conn *listener = listener_of(ask, queue);
    return accept_full(ask, queue) ||
           (queue->drops > 0 && listener->recv_queue > 0 && listener->recv_queue == listener->send_queue);
}

/* A listener's drops are also of its SYN queue; only overflows are of the accept queue. */
static bool accept_has_dropped(const struct ask *ask, const struct queue *queue) {
    const struct snap_conn *listener = listener_of(ask, queue);
    bool counted = !snap_is_stack(ask->snap, listener->netns);
    if (counted && !ask_counter(ask, listener->netns, SNAP_C_LISTEN_OVERFLOWS)) return accept_full(ask, queue);
    return accept_at_limit(ask, queue) || queue->drops > 0;
}

/* More clients come at once than the queue takes, and the program does accept them. */
static bool is_burst(const struct ask *ask, const struct queue *queue) {
    uint32_t proc = snap_first_proc(ask->snap, listener_of(ask, queue));
    bool stopped = proc != SNAP_NONE && strchr("Tt", ask->snap->procs[proc].state);
    return queue->waiting && queue->oldest < ask->patience.settle && !stopped;
}

static bool accept_slow(const struct ask *ask, const struct queue *queue) {
    return queue->late > 0 && !accept_at_limit(ask, queue);
}

/* How many embryos a listener's SYN queue holds before something gives. */
static uint32_t syn_limit(const struct ask *ask, const struct snap_conn *listener) {
    int64_t most = ask_setting(ask, listener->netns, SNAP_S_MAX_SYN_BACKLOG);
    uint32_t limit = listener->send_queue ? listener->send_queue : 1;
    /* Without cookies the last quarter is kept for peers that are known. */
    bool reserved = ask_setting(ask, listener->netns, SNAP_S_SYNCOOKIES) == 0 && most > 0;
    if (reserved && most - most / 4 < limit) limit = (uint32_t)(most - most / 4);
    return limit;
}

static bool syn_full(const struct ask *ask, const struct queue *queue) {
    const struct snap_conn *listener = listener_of(ask, queue);
    return !snap_is_stack(ask->snap, listener->netns) &&
           queue->embryos >= (uint64_t)syn_limit(ask, listener) * queue->sockets;
}

static bool cookies_on(const struct ask *ask, const struct queue *queue) {
    return ask_setting(ask, listener_of(ask, queue)->netns, SNAP_S_SYNCOOKIES) > 0;
}

static bool syn_full_without_cookies(const struct ask *ask, const struct queue *queue) {
    return syn_full(ask, queue) && !cookies_on(ask, queue);
}

static bool syn_full_with_cookies(const struct ask *ask, const struct queue *queue) {
    return syn_full(ask, queue) && cookies_on(ask, queue);
}

static bool syn_unanswered(const struct ask *ask, const struct queue *queue) {
    (void)ask;
    return queue->resent > 0;
}

/* --- Sentences --- */

static const char *address(const struct ask *ask, const struct queue *queue) {
    return text_endpoint(ask, &listener_of(ask, queue)->local);
}

static const char *program(const struct ask *ask, const struct finding *finding) {
    return finding->proc == SNAP_NONE ? "The program that listens" : text_proc(ask, finding->proc);
}

/* What is known about why the program does not accept. */
static void tell_acceptor(const struct ask *ask, const struct queue *queue, struct finding *finding) {
    const struct snap *snap = ask->snap;
    const struct snap_conn *listener = listener_of(ask, queue);
    if (finding->proc == SNAP_NONE) return;
    const struct snap_proc *proc = &snap->procs[finding->proc];
    const char *who = text_proc(ask, finding->proc);
    tell_evidence(finding, "%s should accept them, by %s.", who, text_fds(ask, listener, finding->proc));
    if (snap_is_stopped(proc->state)) {
        tell_text(finding, "The process is stopped (state %c): it accepts nothing until it goes on.", proc->state);
        tell_remedy(finding, snap_format(ask->snap, "kill -CONT %d", (int)proc->pid), "Let the process go on.");
    }
    if (listener->looked_closely && !listener->nwatches)
        tell_text(finding, "No thread of it waits for the listening socket, neither in accept nor in poll or epoll.");
    for (uint32_t i = 0; i < proc->nthreads && i < PEERS_SHOWN; i++) {
        const struct snap_thread *thread = &snap->threads[proc->first_thread + i];
        if (thread->call) tell_evidence(finding, "Its thread %d is in %s.", (int)thread->tid, thread->call);
    }
}

static void tell_accept_cures(const struct ask *ask, const struct queue *queue, struct finding *finding) {
    const struct snap_conn *listener = listener_of(ask, queue);
    int64_t somaxconn = ask_setting(ask, listener->netns, SNAP_S_SOMAXCONN);
    const char *look = finding->proc == SNAP_NONE || ask->snap->procs[finding->proc].pid <= 0
                           ? NULL
                           : snap_format(ask->snap, "lastack ls pid = %d", (int)ask->snap->procs[finding->proc].pid);
    tell_remedy(finding, look,
                "Find out what keeps the program from accept(): a loop that is busy or blocked, workers or descriptors "
                "that are used up.");
    if (somaxconn >= 0 && listener->send_queue >= (uint64_t)somaxconn)
        tell_remedy(finding, "sysctl -w net.core.somaxconn=4096",
                    "For bursts only: let listen() ask for a longer queue than net.core.somaxconn (%" PRId64
                    ") allows, then restart the program.",
                    somaxconn);
    else
        tell_remedy(finding, NULL, "For bursts only: give listen() a greater backlog than %u.", listener->send_queue);
}

static void tell_drops(const struct ask *ask, const struct queue *queue, struct finding *finding) {
    uint32_t netns = listener_of(ask, queue)->netns;
    uint64_t overflows = ask_counter(ask, netns, SNAP_C_LISTEN_OVERFLOWS);
    if (queue->drops)
        tell_evidence(finding, "%s dropped by this listener so far.", text_count(ask, queue->drops, "packet"));
    if (overflows)
        tell_evidence(finding, "%s of an accept queue in the whole namespace (TcpExtListenOverflows).",
                      text_count(ask, overflows, "overflow"));
}

static void tell_accept_full(const struct ask *ask, const struct queue *queue, struct finding *finding) {
    const struct snap_conn *listener = listener_of(ask, queue);
    bool aborts = ask_setting(ask, listener->netns, SNAP_S_ABORT_ON_OVERFLOW) == 1;
    if (!accept_at_limit(ask, queue)) {
        finding->severity = SEVERITY_NOTE;
        tell_title(finding, "%s was too slow to accept on %s at times: %s dropped.", program(ask, finding),
                   address(ask, queue), text_count(ask, queue->drops, "packet"));
        tell_text(finding,
                  "The accept queue has room at this moment; it was full at some time since the program listens.");
    } else if (is_burst(ask, queue)) {
        finding->severity = SEVERITY_NOTE;
        tell_title(finding, "Clients of %s come faster than %s accepts: %s in an accept queue for %u.",
                   address(ask, queue), program(ask, finding), text_count(ask, listener->recv_queue, "connection"),
                   listener->send_queue);
        tell_text(finding,
                  "The program accepts, and the oldest one waits for %s only. What comes while the queue is "
                  "full is %s.",
                  text_time(ask, queue->oldest),
                  aborts ? "reset (tcp_abort_on_overflow)" : "dropped, and connects or is answered a second later");
    } else {
        if (!accept_full(ask, queue)) finding->severity = SEVERITY_WARNING;
        tell_title(finding, "%s does not accept on %s: %s in an accept queue for %u.", program(ask, finding),
                   address(ask, queue), text_count(ask, listener->recv_queue, "connection"), listener->send_queue);
        tell_text(finding,
                  "Clients that are in the queue believe that they are connected, and get no answer. What else arrives "
                  "%s. It "
                  "ends when the program accepts; no timer empties the queue of clients that stay.",
                  aborts ? "is reset (tcp_abort_on_overflow)"
                         : "is dropped, so that clients see their connects time out");
        if (queue->oldest) tell_evidence(finding, "The oldest one waits for %s.", text_time(ask, queue->oldest));
    }
    tell_evidence(finding, "Accept queue: %u; backlog of listen(): %u.", listener->recv_queue, listener->send_queue);
    tell_drops(ask, queue, finding);
    if (!is_burst(ask, queue)) tell_acceptor(ask, queue, finding);
    tell_accept_cures(ask, queue, finding);
}

static void tell_accept_slow(const struct ask *ask, const struct queue *queue, struct finding *finding) {
    tell_title(finding, "%s is slow to accept on %s: %s for longer than %s.", program(ask, finding),
               address(ask, queue),
               queue->late == 1 ? "1 connection waits" : snap_format(ask->snap, "%u connections wait", queue->late),
               text_time(ask, ask->patience.settle));
    tell_text(finding,
              "The connections are established and the clients may have sent their requests, but the program has "
              "not called accept(). It ends when the program does, or when the clients give up.");
    tell_evidence(finding, "The oldest one waits for %s.", text_time(ask, queue->oldest));
    tell_evidence(finding, "Accept queue: %u; backlog of listen(): %u.", listener_of(ask, queue)->recv_queue,
                  listener_of(ask, queue)->send_queue);
    tell_acceptor(ask, queue, finding);
    tell_accept_cures(ask, queue, finding);
}

static void tell_peers(const struct ask *ask, struct finding *finding) {
    for (uint32_t i = 0; i < finding->nconns && i < PEERS_SHOWN; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        if (conn->state != LA_SYN_RCVD) continue;
        tell_evidence(finding, "%s: SYN+ACK sent again %s, for %s.", text_endpoint(ask, &conn->peer),
                      text_count(ask, conn->tries, "time"), text_age(ask, &conn->age));
    }
}

static void tell_embryos(const struct ask *ask, const struct queue *queue, struct finding *finding) {
    const struct snap_conn *listener = listener_of(ask, queue);
    if (!queue->resent && !queue->lasting) finding->severity = SEVERITY_NOTE; /* A burst. */
    tell_evidence(finding, "SYN queue: %u; full from %u on. SYN+ACK was sent again to %u of them.", queue->embryos,
                  syn_limit(ask, listener), queue->resent);
    tell_text(finding, "Many whose SYN+ACK is never answered are a flood with false addresses, or a way back that is "
                       "broken; many that are young are a burst that a longer queue would hold.");
    tell_peers(ask, finding);
    tell_remedy(finding, NULL, "Give listen() a greater backlog than %u, and net.ipv4.tcp_max_syn_backlog as much.",
                listener->send_queue);
}

static void tell_syn_full(const struct ask *ask, const struct queue *queue, struct finding *finding) {
    bool known = ask_setting(ask, listener_of(ask, queue)->netns, SNAP_S_SYNCOOKIES) == 0;
    if (!known) finding->severity = SEVERITY_WARNING;
    tell_title(finding, "The SYN queue of %s is full: %s half open.", address(ask, queue),
               text_count(ask, queue->embryos, "connection"));
    tell_text(finding,
              known ? "SYN cookies are off (net.ipv4.tcp_syncookies is 0), so further SYNs are dropped and clients "
                      "wait. A place is free when a peer answers or its SYN+ACKs have been sent in vain for about "
                      "a minute."
                    : "Whether cookies take over is not known.");
    uint64_t drops = ask_counter(ask, listener_of(ask, queue)->netns, SNAP_C_REQQ_FULL_DROP);
    if (drops)
        tell_evidence(finding, "%s dropped for a full SYN queue (TcpExtTCPReqQFullDrop).",
                      text_count(ask, drops, "SYN"));
    tell_embryos(ask, queue, finding);
    tell_remedy(finding, "sysctl -w net.ipv4.tcp_syncookies=1", "Let cookies take over when the queue is full.");
}

static void tell_cookie_counters(const struct ask *ask, uint32_t netns, struct finding *finding) {
    tell_evidence(
        finding, "Cookies sent: %" PRIu64 ", answered: %" PRIu64 ", answered wrongly: %" PRIu64 " (TcpExtSyncookies*).",
        ask_counter(ask, netns, SNAP_C_SYNCOOKIES_SENT), ask_counter(ask, netns, SNAP_C_SYNCOOKIES_RECV),
        ask_counter(ask, netns, SNAP_C_SYNCOOKIES_FAILED));
}

static void tell_cookies(const struct ask *ask, const struct queue *queue, struct finding *finding) {
    tell_title(finding, "The SYN queue of %s is full (%s half open): cookies are in use.", address(ask, queue),
               text_count(ask, queue->embryos, "connection"));
    tell_text(finding,
              "Clients still connect, but without window scaling and SACK unless both sides use timestamps. It ends "
              "when fewer SYNs arrive than are answered.");
    tell_cookie_counters(ask, listener_of(ask, queue)->netns, finding);
    tell_embryos(ask, queue, finding);
}

static void tell_unanswered(const struct ask *ask, const struct queue *queue, struct finding *finding) {
    int64_t retries = ask_setting(ask, listener_of(ask, queue)->netns, SNAP_S_SYNACK_RETRIES);
    finding->severity = queue->resent >= ask->patience.many ? SEVERITY_WARNING : SEVERITY_NOTE;
    tell_title(finding, "%s to %s never answered our SYN+ACK.", text_count(ask, queue->resent, "client"),
               address(ask, queue));
    tell_text(finding,
              "They sent a SYN and no third segment: their addresses are false, they are gone, or our SYN+ACK does "
              "not reach them. Each ends by itself%s; the program never hears of them.",
              retries >= 0 ? snap_format(ask->snap, " after %s without an answer",
                                         text_count(ask, (uint64_t)retries + 1, "SYN+ACK"))
                           : " after about a minute");
    tell_peers(ask, finding);
    tell_remedy(finding, NULL,
                "If these are clients of yours: look for a filter or a route that loses the way back to them.");
}

/* --- The rules --- */

static void host_accept_full(struct ask *ask, const struct rule *rule, uint32_t netns) {
    static const struct queue_rule how = {accept_has_dropped, is_queued, tell_accept_full};
    ask_queues(ask, rule, &how, netns);
}

static void host_accept_slow(struct ask *ask, const struct rule *rule, uint32_t netns) {
    static const struct queue_rule how = {accept_slow, is_late, tell_accept_slow};
    ask_queues(ask, rule, &how, netns);
}

static void host_syn_full(struct ask *ask, const struct rule *rule, uint32_t netns) {
    static const struct queue_rule how = {syn_full_without_cookies, is_embryo, tell_syn_full};
    ask_queues(ask, rule, &how, netns);
}

/* Cookies that were sent earlier: worth a note where they were many. */
static void note_cookies(struct ask *ask, const struct rule *rule, uint32_t netns) {
    uint64_t sent = ask_counter(ask, netns, SNAP_C_SYNCOOKIES_SENT);
    uint64_t opened = ask_counter(ask, netns, SNAP_C_PASSIVE_OPENS);
    if (sent < ask->patience.many || sent < opened / 100 || !host_selected(ask, netns)) return;
    struct finding *finding = rule_finding(ask, rule, netns);
    if (!finding) return;
    finding->severity = SEVERITY_NOTE;
    tell_title(finding, "SYN cookies have been in use: %s sent so far.", text_count(ask, sent, "cookie"));
    tell_text(finding, "Some listener's SYN queue was full at times; it is not at this moment.");
    tell_cookie_counters(ask, netns, finding);
    tell_remedy(finding, "ss -ltn", "Give listeners that see bursts a greater backlog.");
}

static void host_cookies(struct ask *ask, const struct rule *rule, uint32_t netns) {
    static const struct queue_rule how = {syn_full_with_cookies, is_embryo, tell_cookies};
    unsigned before = ask->findings->n;
    ask_queues(ask, rule, &how, netns);
    if (ask->findings->n == before) note_cookies(ask, rule, netns);
}

static void host_unanswered(struct ask *ask, const struct rule *rule, uint32_t netns) {
    static const struct queue_rule how = {syn_unanswered, is_resent, tell_unanswered};
    ask_queues(ask, rule, &how, netns);
}

const struct rule rules_listen[] = {
    {.id = "accept-queue-full", .claims = "", .severity = SEVERITY_HARM, .host = host_accept_full},
    {.id = "accept-slow", .claims = "", .severity = SEVERITY_WARNING, .host = host_accept_slow},
    {.id = "syn-queue-full", .claims = "C30", .severity = SEVERITY_HARM, .host = host_syn_full},
    {.id = "syn-cookies", .claims = "C30", .severity = SEVERITY_WARNING, .host = host_cookies},
    {.id = "syn-received-unanswered", .claims = "C40", .severity = SEVERITY_NOTE, .host = host_unanswered},
    {0},
};
